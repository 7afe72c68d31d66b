//! The directory of hooks: what is in it, and whether it may be trusted. It is opened once and read by descriptors; what
//! is run is what was looked at. No link is followed below it.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::beneath::Dir;
use crate::error::{Action, Explain, Kind, Remedy, remedy};
use crate::station_api::{HostEvent, HostHook};

/// Hooks of one event.
const MOST: usize = 32;
/// Names that are looked at in the directory of an event, at most.
const NAMES: usize = 1000;

/// Why hooks can't be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Error {
    /// The system says so.
    #[error("{} can't be read: {}", path.display(), std::io::Error::from(*source))]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// Somebody else could put something there.
    #[error("{} can't be trusted: {why}", path.display())]
    Untrusted {
        /// What.
        path: PathBuf,
        /// Who could.
        why: &'static str,
    },
    /// It looks like a hook, and its name is none that is run.
    #[error("{} isn't run: the name of a hook has letters, digits, - and _ only, 100 at most", path.display())]
    Named {
        /// What.
        path: PathBuf,
    },
    /// There are too many.
    #[error("{} has more than {MOST} hooks", path.display())]
    TooMany {
        /// The directory of the event.
        path: PathBuf,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Read { source, .. } => Kind::of_io(&std::io::Error::from(*source)),
            Self::Untrusted { .. } => Kind::Permission,
            Self::TooMany { .. } | Self::Named { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Untrusted { path, .. } => Some(remedy![Action::host("chmod go-w").arg(path.display())]),
            Self::Named { path } => Some(remedy![
                "give it such a name, or where it isn't to run, ",
                Action::host("chmod a-x").arg(path.display())
            ]),
            Self::Read { .. } | Self::TooMany { .. } => None,
        }
    }
}

/// A program that is run.
#[derive(Debug)]
pub(super) struct Hook {
    /// Its place below the directory: `started.d/10-power`.
    pub(super) name: String,
    /// The file that was looked at.
    pub(super) place: OwnedFd,
}

/// Why somebody else could change it; `None`: nobody but root and this user can.
fn distrust(stat: &Stat, sticky_is_fine: bool) -> Option<&'static str> {
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != own {
        return Some("neither root nor the station's user owns it");
    }
    let is_shared = sticky_is_fine && stat.st_mode & 0o1000 != 0;
    (stat.st_mode & 0o022 != 0 && !is_shared).then_some("others than its owner can write to it")
}

fn check(stat: &Stat, path: &Path) -> Result<(), Error> {
    distrust(stat, false).map_or(Ok(()), |why| Err(Error::Untrusted { path: path.to_owned(), why }))
}

/// A name that is run, as run-parts has them: letters, digits, `_` and `-`. Copies of editors and packages have others.
fn is_run(name: &OsStr) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let bytes = name.as_encoded_bytes();
    (1..=100).contains(&bytes.len()) && bytes.iter().all(plain)
}

/// A name that editors and packages give to copies, and people to what is off for now.
fn is_copy(name: &OsStr) -> bool {
    const ENDS: [&str; 12] = [
        "~",
        ".bak",
        ".disabled",
        ".dpkg-dist",
        ".dpkg-new",
        ".dpkg-old",
        ".dpkg-tmp",
        ".example",
        ".orig",
        ".rej",
        ".sample",
        ".swp",
    ];
    let name = name.to_string_lossy();
    name.starts_with('.') || ENDS.iter().any(|end| name.ends_with(end))
}

/// Opens the directory. Whoever can rename what lies on the way to it could put another one there.
pub(super) fn open(path: &Path) -> Result<Dir, Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let dir = Dir::open(path).map_err(read)?;
    check(&rustix::fs::fstat(&dir).map_err(read)?, path)?;
    let real = std::fs::canonicalize(path)
        .map_err(|error| read(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    for above in real.ancestors().skip(1) {
        let stat = rustix::fs::stat(above).map_err(read)?;
        if let Some(why) = distrust(&stat, true) {
            return Err(Error::Untrusted { path: above.to_owned(), why });
        }
    }
    Ok(dir)
}

/// What one name below a directory is: a hook, nothing that is run, or why it isn't.
fn look(dir: &Dir, below: &Path) -> Result<Option<OwnedFd>, Error> {
    let path = dir.at(below);
    let place = match dir.place(below) {
        Ok(place) => place,
        Err(Errno::NOENT) => return Ok(None),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let stat = rustix::fs::fstat(&place).map_err(|source| Error::Read { path: path.clone(), source })?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_mode & 0o111 == 0 => Ok(None),
        FileType::RegularFile => check(&stat, &path).map(|()| Some(place)),
        // Where it leads nobody has looked.
        FileType::Symlink => Err(Error::Untrusted { path, why: "it is a link" }),
        _ => Ok(None),
    }
}

/// The names in the directory of an event that are run, in their order.
fn names(dir: &Dir, event: HostEvent) -> Result<Vec<PathBuf>, Error> {
    let below = PathBuf::from(format!("{event}.d"));
    let path = dir.at(&below);
    let read = |source| Error::Read { path: path.clone(), source };
    let inside = match dir.dir(&below) {
        Ok(inside) => inside,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(Errno::LOOP | Errno::NOTDIR) => {
            return Err(Error::Untrusted { path, why: "it is a link, or no directory" });
        }
        Err(source) => return Err(read(source)),
    };
    check(&rustix::fs::fstat(&inside).map_err(read)?, &path)?;
    let mut names = inside.names().map_err(read)?;
    names.retain(|name| is_run(name) || !is_copy(name));
    // None is left out in silence.
    if names.len() > NAMES {
        return Err(Error::TooMany { path });
    }
    for name in names.iter().filter(|name| !is_run(name)) {
        let below = below.join(name);
        if look(dir, &below)?.is_some() {
            return Err(Error::Named { path: dir.at(&below) });
        }
    }
    names.retain(|name| is_run(name));
    Ok(names.into_iter().map(|name| below.join(name)).collect())
}

/// The hooks of an event, in the order in which they run: the file of its name, then those of its directory.
///
/// # Errors
/// Where one of them can't be trusted, so that none is run.
pub(super) fn hooks(path: &Path, event: HostEvent) -> Result<Vec<Hook>, Error> {
    let dir = open(path)?;
    let mut all = vec![PathBuf::from(event.word())];
    all.extend(names(&dir, event)?);
    let mut hooks = Vec::new();
    for below in all {
        if let Some(place) = look(&dir, &below)? {
            if hooks.len() >= MOST {
                return Err(Error::TooMany { path: dir.at(format!("{event}.d")) });
            }
            hooks.push(Hook { name: below.display().to_string(), place });
        }
    }
    Ok(hooks)
}

/// All that is in the directory, with the reason of what isn't run.
pub(super) fn list(path: &Path) -> Result<Vec<HostHook>, Error> {
    let dir = open(path)?;
    let mut all = Vec::new();
    for event in HostEvent::ALL {
        let line = |hook: String, why: Option<String>| HostHook { event, hook, why };
        match look(&dir, Path::new(event.word())) {
            Ok(None) => {}
            Ok(Some(_)) => all.push(line(event.word().to_owned(), None)),
            Err(error) => all.push(line(event.word().to_owned(), Some(error.to_string()))),
        }
        match names(&dir, event) {
            Err(error) => all.push(line(format!("{event}.d"), Some(error.to_string()))),
            Ok(names) => all.extend(names.into_iter().map(|below| {
                let why = match look(&dir, &below) {
                    Ok(Some(_)) => None,
                    Ok(None) => Some("it is no file that may be executed".to_owned()),
                    Err(error) => Some(error.to_string()),
                };
                line(below.display().to_string(), why)
            })),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn put(dir: &Path, name: &str, mode: u32) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn names_of(dir: &Path) -> Result<Vec<String>, String> {
        let found = hooks(dir, HostEvent::Started).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|hook| hook.name).collect())
    }

    #[test]
    fn hooks_run_in_the_order_of_their_names_and_only_what_may_be_executed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        mode(dir, 0o755);
        assert_eq!(names_of(dir), Ok(vec![]));
        for name in
            ["started.d/20-b", "started.d/10-a", "started", "done.d/x", "started.d/c.bak", "started.d/.d"]
        {
            put(dir, name, 0o755);
        }
        put(dir, "started.d/30-off", 0o644);
        std::fs::create_dir(dir.join("started.d/40-dir")).unwrap();
        mode(&dir.join("started.d"), 0o755);
        assert_eq!(names_of(dir).unwrap(), ["started", "started.d/10-a", "started.d/20-b"]);
        // What looks like a hook and isn't run by its name is told: a check that is left out is none.
        put(dir, "started.d/15-check.sh", 0o755);
        assert!(names_of(dir).unwrap_err().contains("started.d/15-check.sh isn't run: the name of a hook"));
        mode(&dir.join("started.d/15-check.sh"), 0o644);
        assert_eq!(names_of(dir).unwrap().len(), 3);
        mode(&dir.join("done.d"), 0o755);
        let all = list(dir).unwrap();
        assert_eq!(all.len(), 6, "{all:?}");
        assert_eq!(all.iter().filter(|hook| hook.why.is_none()).count(), 4, "{all:?}");
        for n in 0..MOST {
            put(dir, &format!("started.d/50-{n}"), 0o755);
        }
        assert!(names_of(dir).unwrap_err().contains("more than 32 hooks"));
    }

    #[test]
    fn what_others_could_write_is_not_run_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        put(dir, "started.d/a", 0o755);
        let inside = dir.join("started.d");
        for (path, bad, good) in
            [(dir.to_owned(), 0o777, 0o755), (inside.clone(), 0o775, 0o755), (inside.join("a"), 0o757, 0o755)]
        {
            for (path, right) in [(dir, 0o755), (&*inside, 0o755)] {
                mode(path, right);
            }
            mode(&path, bad);
            let why = names_of(dir).unwrap_err();
            assert!(why.contains("others than its owner can write"), "{why}");
            mode(&path, good);
            assert_eq!(names_of(dir).unwrap(), ["started.d/a"]);
        }
        symlink("/bin/true", inside.join("b")).unwrap();
        assert!(names_of(dir).unwrap_err().contains("it is a link"));
        std::fs::remove_file(inside.join("b")).unwrap();
        // The directory of an event is a link to somewhere else.
        std::fs::rename(&inside, dir.join("elsewhere")).unwrap();
        symlink("elsewhere", &inside).unwrap();
        assert!(names_of(dir).unwrap_err().contains("it is a link"));
        // Whoever may write above it could put another one in its place.
        let above = dir.join("above");
        std::fs::create_dir_all(above.join("hooks/started.d")).unwrap();
        put(&above, "hooks/started.d/a", 0o755);
        for path in [above.join("hooks"), above.join("hooks/started.d")] {
            mode(&path, 0o755);
        }
        mode(&above, 0o777);
        assert!(names_of(&above.join("hooks")).unwrap_err().contains("above can't be trusted"));
        mode(&above, 0o755);
        assert_eq!(names_of(&above.join("hooks")).unwrap(), ["started.d/a"]);
        assert!(names_of(&dir.join("nowhere")).unwrap_err().contains("can't be read"));
    }
}
