//! The configuration files: which there are, which can be trusted, and what they say.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::value::Raw;
use super::{Error, KEYS, Machine, Origin, Settings};
use crate::error::{Knob, remedy};

/// No configuration file is larger; what is larger is something else.
const MAX_BYTES: u64 = 1 << 20;

/// A file at a default place, and the conditions under which it counts.
#[derive(Clone, Copy)]
struct Found {
    /// The users that may own it; `None` where it doesn't matter.
    owners: Option<[Option<u32>; 2]>,
    /// Whether it lies where the user is at home, who may be a service without a home, or one whose home is on a
    /// server that root can't read from: then it stops nobody, whatever is wrong with the place.
    at_home: bool,
}

/// Applies all files, the weakest first.
pub(super) fn read_all(machine: &Machine<'_>, settings: &mut Settings) -> Result<(), Error> {
    if let Some(path) = machine.explicit {
        let bytes = open(path).and_then(|mut file| bytes(&mut file));
        let bytes = bytes.map_err(|source| Error::Read { path: path.to_owned(), source })?;
        settings.files.push((path.to_owned(), true));
        return apply(path, &bytes, settings);
    }
    let system = Found { owners: None, at_home: false };
    read_one(&machine.system.join("piprov.toml"), system, settings)?;
    let folder = machine.system.join("piprov.d");
    match drop_ins(&folder) {
        Ok(paths) => paths.iter().try_for_each(|path| read_one(path, system, settings))?,
        Err(source) => unreadable(&folder, source, system, settings)?,
    }
    // The two below lie where people other than root may write; as root, what they say is as good as a
    // command line, since the targets database that they name holds commands.
    let sudo = machine.env("SUDO_UID").and_then(|uid| uid.to_str()?.parse().ok());
    let owners = (machine.uid == 0).then_some([Some(0), sudo]);
    if let Some(home) = machine.home("XDG_CONFIG_HOME", ".config") {
        read_one(&home.join("piprov/config.toml"), Found { owners, at_home: true }, settings)?;
    }
    read_one(&machine.project.join("piprov.toml"), Found { owners, at_home: false }, settings)
}

/// The `*.toml` files of a directory in the order of their names. No directory, no files.
fn drop_ins(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(gone) if missing(&gone) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    Ok(paths)
}

/// Applies one file, if it is there and one of the trusted users owns it.
fn read_one(path: &Path, found: Found, settings: &mut Settings) -> Result<(), Error> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(gone) if missing(&gone) => {
            settings.files.push((path.to_owned(), false));
            return Ok(());
        }
        Err(source) => return unreadable(path, source, found, settings),
    };
    // What comes through a pipe may come later, or never; half of the settings would be taken for all.
    if file.metadata().is_ok_and(|meta| meta.file_type().is_fifo()) {
        let why = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is a pipe, and a file is needed");
        return unreadable(path, why, found, settings);
    }
    if let Some(users) = found.owners {
        // Of the open file, not of the path, which may mean another file by now.
        let meta = match file.metadata() {
            Ok(meta) => meta,
            Err(source) => return unreadable(path, source, found, settings),
        };
        let why = if !users.contains(&Some(meta.uid())) {
            format!("it belongs to user {}", meta.uid())
        } else if meta.mode() & 0o002 != 0 {
            "everybody may write to it".to_owned()
        } else {
            String::new()
        };
        if !why.is_empty() {
            settings.files.push((path.to_owned(), false));
            settings.warnings.push(remedy![
                format!("{} is left out, because this runs as root and {why}; ", path.display()),
                Knob::Config.to(path.display()),
                " takes it all the same",
            ]);
            return Ok(());
        }
    }
    match bytes(&mut file) {
        Ok(bytes) => {
            settings.files.push((path.to_owned(), true));
            apply(path, &bytes, settings)
        }
        Err(source) => unreadable(path, source, found, settings),
    }
}

/// A file at a default place can't be read. Where this user just may not, it is left out; so is any below the
/// user's home.
fn unreadable(
    path: &Path,
    source: std::io::Error,
    found: Found,
    settings: &mut Settings,
) -> Result<(), Error> {
    if !found.at_home && source.kind() != std::io::ErrorKind::PermissionDenied {
        return Err(Error::Read { path: path.to_owned(), source });
    }
    settings.files.push((path.to_owned(), false));
    settings.warnings.push(format!("{} is left out: {source}", path.display()).into());
    Ok(())
}

fn missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Opens without waiting for a writer, should it be a named pipe.
fn open(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn bytes(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "more than 1 MiB: this is no configuration file",
        ));
    }
    Ok(bytes)
}

/// Applies what a file says.
fn apply(path: &Path, bytes: &[u8], settings: &mut Settings) -> Result<(), Error> {
    let line_at = |offset: usize| 1 + bytes.iter().take(offset).filter(|byte| **byte == b'\n').count();
    let syntax = |offset: usize, message: &str| Error::Syntax {
        path: path.to_owned(),
        line: line_at(offset),
        message: message.trim().to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|error| syntax(error.valid_up_to(), "not UTF-8 text"))?;
    let table = DeTable::parse(text)
        .map_err(|error| syntax(error.span().map_or(0, |span| span.start), error.message()))?;
    let mut found = Vec::new();
    flatten("", table.get_ref(), &mut found);
    // The parser sorts by name; of two mistakes the upper one is told.
    found.sort_by_key(|(_, offset, _)| *offset);
    let base = path.parent().unwrap_or(Path::new(""));
    for (key, offset, raw) in found {
        let origin = Origin::File { path: path.to_owned(), line: line_at(offset) };
        match settings.set(&key, &raw, &origin, base) {
            Some(Ok(())) => {}
            Some(Err(wrong)) => {
                let line = line_at(wrong.offset.unwrap_or(offset));
                let key = wrong.key.map_or(key.clone(), |inner| format!("{key}.{inner}"));
                let path = path.to_owned();
                return Err(match wrong.unknown {
                    true => Error::Unknown { path, line, key },
                    false => Error::Bad { origin: Origin::File { path, line }, key, why: wrong.why },
                });
            }
            None => return Err(Error::Unknown { path: path.to_owned(), line: line_at(offset), key }),
        }
    }
    Ok(())
}

/// The keys of a table and of the tables below it, each with its place in the file.
fn flatten(above: &str, table: &DeTable<'_>, found: &mut Vec<(String, usize, Raw)>) {
    for (key, value) in table {
        let name = format!("{above}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) if KEYS.iter().any(|known| known.starts_with(&format!("{name}."))) => {
                flatten(&format!("{name}."), inner, found);
            }
            value => found.push((name, key.span().start, Raw::from_toml(value))),
        }
    }
}
