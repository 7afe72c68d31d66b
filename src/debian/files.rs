//! Files out of packages, put together to a directory that a board boots from.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::deb::Deb;
use crate::beneath::{Access, place_of};
use crate::error::{Explain, Kind, Knob, Remedy, remedy};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The package that it comes from; `None` for piprov's own.
    pub package: Option<String>,
}

/// The files of a directory, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Files by path.
    pub files: BTreeMap<String, File>,
    /// Packages that they come from, and their versions.
    pub packages: Vec<(String, String)>,
}

/// Why packages can't be fetched, read, or put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A package can't be read.
    #[error(transparent)]
    Deb(#[from] super::deb::Error),
    /// A package can't be fetched.
    #[error(transparent)]
    Apt(#[from] super::apt::Error),
    /// A package is missing.
    #[error("the package {package} is missing")]
    NoPackage {
        /// Its name.
        package: &'static str,
    },
    /// A package has not what it should.
    #[error("{package} {version} has no usable {file}: {why}")]
    NoFile {
        /// Name of the package.
        package: String,
        /// Its version.
        version: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something is for another processor.
    #[error("{what} is not for {arch}")]
    OtherProcessor {
        /// What.
        what: String,
        /// The processor that is wanted.
        arch: &'static str,
    },
    /// A file or directory that was given has not what it should.
    #[error("{}: {what}", path.display())]
    Given {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The output directory has something in it.
    #[error("{}: the directory is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("{}: {doing}: {source}", path.display())]
    Os {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// What was written reads differently.
    #[error("{}: read back and different", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Deb(error) => error.kind(),
            Self::Apt(error) => error.kind(),
            Self::NoPackage { .. } => Kind::NoInput,
            Self::NoFile { .. } | Self::OtherProcessor { .. } | Self::Given { .. } => Kind::BadData,
            Self::NotEmpty { .. } => Kind::CantCreate,
            Self::Os { source, .. } => match Kind::of_io(source) {
                Kind::NoInput | Kind::BadData | Kind::Io => Kind::CantCreate,
                kind => kind,
            },
            Self::Differs { .. } => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Deb(error) => error.hint(),
            Self::Apt(error) => error.hint(),
            Self::NoPackage { package } => Some(remedy![
                "give its file as well: ",
                Knob::Deb.to(format_args!("{package}_….deb")),
                "; or give none, and apt-get fetches it",
            ]),
            Self::NoFile { .. } => Some(remedy!["another release may have it: ", Knob::Release.to("trixie")]),
            Self::NotEmpty { .. } => {
                Some(remedy!["give another one, or ", Knob::Force, " to write into it all the same"])
            }
            Self::OtherProcessor { .. } | Self::Given { .. } | Self::Os { .. } | Self::Differs { .. } => None,
        }
    }
}

impl Files {
    /// Takes one file over out of a package. It must begin with `magic`.
    ///
    /// # Errors
    /// When the package has no such file, or it isn't what it should be.
    pub fn take(&mut self, deb: &Deb, from: &str, to: &str, magic: &[u8]) -> Result<(), Error> {
        let fail = |why| Error::NoFile {
            package: deb.package.clone(),
            version: deb.version.clone(),
            file: from.to_owned(),
            why,
        };
        let bytes = deb.files.get(from).ok_or_else(|| fail("it is not there"))?;
        if bytes.is_empty() {
            return Err(fail("it is empty"));
        }
        if !bytes.starts_with(magic) {
            return Err(fail("it is not what its name says"));
        }
        let file = File { bytes: bytes.clone(), package: Some(deb.package.clone()) };
        self.files.insert(to.to_owned(), file);
        Ok(())
    }

    /// Adds a file that comes from somewhere else than a package; `from` says whence.
    pub fn add_from(&mut self, name: &str, bytes: Vec<u8>, from: &str) {
        self.files.insert(name.to_owned(), File { bytes, package: Some(from.to_owned()) });
    }

    /// Adds a file that comes from no package.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), File { bytes, package: None });
    }

    /// Writes the files into a directory, which is made if it isn't there, and reads them back.
    ///
    /// # Errors
    /// When the directory has something in it and not `force`, when it can't be written, and when something
    /// reads back differently.
    pub fn write(&self, directory: &Path, force: bool) -> Result<(), Error> {
        check_directory(directory, force)?;
        let os = |path: &Path, doing| {
            let path = path.to_owned();
            move |source| Error::Os { path, doing, source }
        };
        for (name, file) in &self.files {
            let path = directory.join(name);
            let above = path.parent().unwrap_or(directory);
            std::fs::create_dir_all(above).map_err(os(above, "creating the directory"))?;
            // Under another name first: a file with the right name is a whole one.
            let (dir, name) = place_of(&path).map_err(os(above, "opening the directory"))?;
            let new =
                dir.new_file(&name, Access::Usual(0o666)).map_err(os(above, "creating a file in it"))?;
            io::Write::write_all(&mut new.file(), &file.bytes).map_err(os(&path, "writing"))?;
            new.replace().map_err(os(&path, "creating"))?;
            if dir.read(&name, file.bytes.len() as u64).map_err(os(&path, "reading back"))? != file.bytes {
                return Err(Error::Differs { path });
            }
        }
        Ok(())
    }
}

/// Looks whether files could go there.
///
/// # Errors
/// When it is no directory, or has something in it and not `force`.
pub fn check_directory(directory: &Path, force: bool) -> Result<(), Error> {
    let mut entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(Error::Os { path: directory.to_owned(), doing: "looking into it", source });
        }
    };
    match entries.next() {
        Some(_) if !force => Err(Error::NotEmpty { path: directory.to_owned() }),
        _ => Ok(()),
    }
}
