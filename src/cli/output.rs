//! A file that a command writes and that is named on the command line: there anew, or standard output for `-`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::report::Usage;
use super::ui::Ui;
use super::{Failure, Result};
use crate::beneath::{Access, Dir, NewFile, place_of};
use crate::error::{Explain, Kind, Remedy};

/// A file can't be made.
#[derive(Debug, thiserror::Error)]
#[error("writing {}", path.display())]
pub(super) struct NotMade {
    path: PathBuf,
    source: io::Error,
}

impl Explain for NotMade {
    fn kind(&self) -> Kind {
        Kind::of_output(&self.source)
    }

    fn hint(&self) -> Option<Remedy> {
        match self.source.kind() {
            io::ErrorKind::AlreadyExists => Some("Name another file, or remove that one first.".into()),
            io::ErrorKind::NotFound => {
                Some("Its directory isn't there: make it first, or name another one.".into())
            }
            _ => None,
        }
    }
}

/// Where it is written. Nothing is made yet.
pub(super) enum Output {
    /// Standard output.
    Standard(File),
    /// A name in a directory, which was free.
    File { dir: Dir, name: OsString, path: PathBuf },
}

/// Who may read a new file. Nobody has to say a mode here: what an exact one takes from the umask is a person's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Whoever may by the umask, as with each ordinary file.
    Usual,
    /// Its owner alone: it is a secret.
    Owner,
}

impl Readers {
    const fn access(self) -> Access {
        match self {
            Self::Usual => Access::Usual(0o666),
            Self::Owner => Access::Mode(0o600),
        }
    }
}

/// What is written to.
pub(super) enum Writing<'a> {
    Standard(&'a File),
    File { new: NewFile<'a>, path: &'a Path },
}

impl Output {
    /// Looks at the place. `bytes` are no text: a terminal doesn't get them.
    ///
    /// # Errors
    /// Where the file is there already, or its directory isn't; where standard output is a terminal, or wanted for JSON.
    pub(super) fn at(path: &Path, bytes: bool, ui: &Ui) -> Result<Self> {
        if path == Path::new("-") {
            let usage =
                |message: &str, hint: &str| Usage { message: message.to_owned(), hint: Some(hint.into()) };
            if ui.json {
                Err(usage(
                    "standard output can't have both the file and `--json`",
                    "`-o FILE` names a file.",
                ))?;
            }
            if bytes && ui.width_out.is_some() {
                let hint = "Give it a pipe or a file: `-o - | COMMAND`, or `-o FILE`.";
                Err(usage("standard output is a terminal, which these bytes would confuse", hint))?;
            }
            return Ok(Self::Standard(ui.standard_output()?));
        }
        let not_made = |source| NotMade { path: path.to_owned(), source };
        let (dir, name) = place_of(path).map_err(not_made)?;
        if dir.stat(&name).map_err(|error| not_made(error.into()))?.is_some() {
            Err(not_made(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already")))?;
        }
        Ok(Self::File { dir, name, path: path.to_owned() })
    }

    /// What it is called in messages.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Standard(_) => "standard output".to_owned(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// Whether results can't go to standard output, because it has the file.
    pub(super) const fn is_standard(&self) -> bool {
        matches!(self, Self::Standard(_))
    }

    /// Begins to write.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begin(&self, readers: Readers) -> Result<Writing<'_>> {
        Ok(match self {
            Self::Standard(file) => Writing::Standard(file),
            Self::File { dir, name, path } => {
                let new = dir.new_file(name, readers.access());
                let new = new.map_err(|source| NotMade { path: path.clone(), source })?;
                Writing::File { new, path }
            }
        })
    }
}

impl Writing<'_> {
    /// Where the bytes go.
    pub(super) fn file(&self) -> &File {
        match self {
            Self::Standard(file) => file,
            Self::File { new, .. } => new.file(),
        }
    }

    /// Writes some more.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.file().write_all(bytes).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> Failure {
        let path = match self {
            Self::Standard(_) => "standard output".into(),
            Self::File { path, .. } => (*path).to_owned(),
        };
        NotMade { path, source }.into()
    }

    /// All is written: the file gets its name.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn end(self) -> Result<()> {
        match self {
            Self::Standard(_) => Ok(()),
            Self::File { new, path } => {
                let put = new.put().map(drop);
                put.map_err(|source| NotMade { path: path.to_owned(), source }.into())
            }
        }
    }
}

/// The name of a file or a directory that can't be standard output.
///
/// # Errors
/// A sentence for clap, for `-`.
pub(super) fn place(text: &str) -> std::result::Result<PathBuf, String> {
    match text {
        "" => Err("a name is needed".to_owned()),
        "-" => Err("this can't be written to standard output; `./-` is a file of that name".to_owned()),
        name => Ok(name.into()),
    }
}
