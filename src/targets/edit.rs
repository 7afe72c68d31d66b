//! Rows added to and taken out of a database. Everything else in the file stays as it is, byte for byte;
//! the file is replaced at once or not at all, and two programs that change it wait for each other.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::columns::Columns;
use super::parse::lines;
use super::{Error, Form, HEADER, HEADER_SECRET, ResetSpec, Target, Targets};
use crate::beneath::{Access, Dir, place_of};
use crate::board::Mac;
use crate::stop::Stop;

/// A row that is to be added. Its name has passed [`super::check_name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTarget {
    /// What people call it.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its IP address, where it is known beforehand.
    pub ip: Option<IpAddr>,
    /// How to reset it.
    pub reset: Option<ResetSpec>,
    /// The file with its card's secret, seen from the database's directory.
    pub secret: Option<PathBuf>,
}

/// A row that was (or, on a dry run, would be) added or removed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The line, from 1: of a removed row, before the removal.
    pub line: usize,
    /// The row as it stands in the file, without its line end.
    pub row: String,
}

/// Adds a row at the end. A file that doesn't exist is made, with its header (and its directory).
///
/// # Errors
/// When the name or an address is taken, when the file has problems, when it can't be replaced.
pub fn add(path: &Path, new: &NewTarget, dry_run: bool, stop: &Stop) -> Result<Change, Error> {
    replace(path, true, dry_run, stop, |bytes, file| with_row(bytes, new, file))
}

/// Takes rows out, found by name, IP or MAC address.
///
/// # Errors
/// When one of them is unknown (then nothing is removed), when the file has problems, when it can't be
/// replaced.
pub fn remove(path: &Path, wanted: &[String], dry_run: bool, stop: &Stop) -> Result<Vec<Change>, Error> {
    replace(path, false, dry_run, stop, |bytes, file| without_rows(bytes, wanted, file))
}

impl Target {
    /// The row as a database in the form `name,mac,ip,reset` has it, or in the one with `secret` where it has one.
    #[must_use]
    pub fn to_row(&self) -> String {
        let mut columns = Columns::default();
        for column in columns.lacking(self) {
            columns.add(column);
        }
        columns.row(self)
    }
}

fn with_row(bytes: &[u8], new: &NewTarget, path: &Path) -> Result<(Vec<u8>, Change), Error> {
    let old = Targets::parse(bytes, path)?;
    if old.form() == Form::Original {
        return Err(Error::OriginalForm { path: path.to_owned() });
    }
    for other in old.rows() {
        let what = if other.name == new.name {
            format!("name `{}`", new.name)
        } else if other.mac == new.mac {
            format!("MAC address {}", new.mac)
        } else if let (Some(ip), true) = (new.ip, other.ip == new.ip) {
            format!("IP address {ip}")
        } else {
            continue;
        };
        return Err(Error::Taken { path: path.to_owned(), line: other.line, what });
    }
    let end = if bytes.windows(2).any(|two| two == b"\r\n") { "\r\n" } else { "\n" };
    let NewTarget { name, mac, ip, reset, secret } = new.clone();
    let new = Target { name, mac, ip, reset, secret, line: 0 };
    let mut columns = old.columns.clone();
    let mut out = bytes.to_vec();
    for column in columns.lacking(&new) {
        columns.add(column);
        if !bytes.is_empty() {
            let word = format!("{}{}", columns.separator, column.word());
            let header = columns.header.ok_or_else(|| Error::NoHeader { path: path.to_owned() })?;
            out = with_word(&out, header, &word);
        }
    }
    if out.is_empty() {
        let header = if new.secret.is_some() { HEADER_SECRET } else { HEADER };
        out.extend_from_slice(header.as_bytes());
    }
    if !out.ends_with(b"\n") {
        out.extend_from_slice(end.as_bytes());
    }
    let line = lines(&out).count() + 1;
    let row = columns.row(&new);
    out.extend_from_slice(row.as_bytes());
    out.extend_from_slice(end.as_bytes());
    Ok((out, Change { line, row }))
}

/// The file with a word at the end of its header, which is this line.
fn with_word(bytes: &[u8], header: usize, word: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + word.len());
    for (number, line) in lines(bytes) {
        let end = if number == header { line.trim_ascii_end().len() } else { line.len() };
        out.extend_from_slice(&line[..end]);
        if number == header {
            out.extend_from_slice(word.as_bytes());
            out.extend_from_slice(&line[end..]);
        }
    }
    out
}

fn without_rows(bytes: &[u8], wanted: &[String], path: &Path) -> Result<(Vec<u8>, Vec<Change>), Error> {
    let old = Targets::parse(bytes, path)?;
    let mut gone = Vec::new();
    for wanted in wanted {
        let target = old.find(wanted)?;
        // By whatever of its names: who says one board twice may have meant another.
        if gone.contains(&target.line) {
            return Err(Error::Twice { name: target.name.clone() });
        }
        gone.push(target.line);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut changes = Vec::new();
    for (number, line) in lines(bytes) {
        if gone.contains(&number) {
            // A byte order mark belongs to the file, not to the row that stands first in it.
            let (mark, text) = match line.strip_prefix(b"\xef\xbb\xbf") {
                Some(rest) => (&line[..3], rest),
                None => (&line[..0], line),
            };
            out.extend_from_slice(mark);
            let text = String::from_utf8_lossy(text).trim_end_matches(['\r', '\n']).to_owned();
            changes.push(Change { line: number, row: text });
        } else {
            out.extend_from_slice(line);
        }
    }
    Ok((out, changes))
}

/// Replaces a file by what `change` makes of its bytes, under a lock.
fn replace<T>(
    path: &Path,
    create: bool,
    dry_run: bool,
    stop: &Stop,
    change: impl FnOnce(&[u8], &Path) -> Result<(Vec<u8>, T), Error>,
) -> Result<T, Error> {
    let io = |doing: &'static str| {
        move |source: std::io::Error| Error::Io { doing, path: path.to_owned(), source }
    };
    // A symbolic link stays one: the file behind it is replaced.
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let read = || match super::read(&real, stop) {
        Err(Error::Missing { .. }) if create => Ok(None),
        Err(Error::Missing { .. }) => Err(Error::Missing { path: path.to_owned() }),
        other => other.map(Some),
    };
    if dry_run {
        return change(&read()?.unwrap_or_default(), path).map(|(_, done)| done);
    }
    if create {
        std::fs::create_dir_all(real.parent().unwrap_or(Path::new(".")))
            .map_err(io("making the directory of"))?;
    }
    let (folder, name) = place_of(&real).map_err(io("opening the directory of"))?;
    wait_for(&folder, path, stop)?;
    let bytes = read()?;
    let (new, done) = change(bytes.as_deref().unwrap_or_default(), path)?;

    let copy = folder.new_file(name, Access::AsBefore(0o644)).map_err(io("writing a new copy beside"))?;
    copy.file().write_all(&new).map_err(io("writing a new copy of"))?;
    copy.replace().map_err(io("replacing"))?;
    Ok(done)
}

/// Waits for the directory's lock. A lock on the file itself would not do: the file is replaced.
fn wait_for(folder: &Dir, path: &Path, stop: &Stop) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match flock(folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Locked { path: path.to_owned() }),
            Err(error) => {
                return Err(Error::Io {
                    doing: "locking the directory of",
                    path: path.to_owned(),
                    source: error.into(),
                });
            }
        }
        if stop.wait(Duration::from_millis(20)) {
            return Err(Error::Interrupted { path: path.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Explain, Kind, Task};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn new(name: &str, last: u8) -> NewTarget {
        let mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, last]);
        NewTarget { name: name.to_owned(), mac, ip: None, reset: None, secret: None }
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("targets.csv");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_missing_file_is_made_with_header_and_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etc/targets.csv");
        let stop = Stop::new().unwrap();
        let planned = add(&path, &new("lab-01", 1), true, &stop).unwrap();
        assert!(!path.exists() && !path.parent().unwrap().exists());
        assert_eq!(add(&path, &new("lab-01", 1), false, &stop).unwrap(), planned);
        assert_eq!(read(&path), "name,mac,ip,reset\nlab-01,dc:a6:32:01:02:01,,\n");
        assert_eq!(planned.line, 2);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn all_else_stays_byte_for_byte() {
        let before =
            "\u{feff}# lab\r\n a , dc:a6:32:01:02:0a ,,\r\n\r\n#b,dc:a6:32:01:02:0b\r\nc,dca63201020c";
        let (_dir, path) = file(before);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let stop = Stop::new().unwrap();
        let added = add(&path, &new("d", 0xd), false, &stop).unwrap();
        assert_eq!(added.line, 6);
        assert_eq!(read(&path), format!("{before}\r\nd,dc:a6:32:01:02:0d,,\r\n"));
        let gone = remove(&path, &["d".to_owned(), "dc:a6:32:01:02:0a".to_owned()], false, &stop).unwrap();
        assert_eq!(gone.iter().map(|gone| gone.line).collect::<Vec<_>>(), [2, 6]);
        assert_eq!(gone[0].row, " a , dc:a6:32:01:02:0a ,,");
        assert_eq!(read(&path), "\u{feff}# lab\r\n\r\n#b,dc:a6:32:01:02:0b\r\nc,dca63201020c\r\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_secret_brings_its_column_into_the_header() {
        let secret = |name: &str, last| NewTarget { secret: Some("keys/a b".into()), ..new(name, last) };
        let stop = Stop::new().unwrap();
        for (before, after) in [
            ("", "name,mac,ip,reset,secret\nx,dc:a6:32:01:02:09,,,keys/a b\n"),
            (
                "# lab\r\nName, MAC,ip,reset \r\na,dca632010201\r\n",
                "# lab\r\nName, MAC,ip,reset,secret \r\na,dca632010201\r\nx,dc:a6:32:01:02:09,,,keys/a b\r\n",
            ),
            (
                "name,mac,ip,reset,secret\na,dca632010201\n",
                "name,mac,ip,reset,secret\na,dca632010201\nx,dc:a6:32:01:02:09,,,keys/a b\n",
            ),
        ] {
            let (_dir, path) = file(before);
            add(&path, &secret("x", 9), false, &stop).unwrap();
            assert_eq!(read(&path), after);
            let read = Targets::load(&path, &Stop::new().unwrap()).unwrap();
            let target = read.find("x").unwrap();
            assert_eq!(target.to_row(), "x,dc:a6:32:01:02:09,,,keys/a b");
            assert_eq!(read.secret_path(target).unwrap(), path.parent().unwrap().join("keys/a b"));
        }
        let (_dir, path) = file("a,dca632010201\n");
        let error = add(&path, &secret("x", 9), false, &stop).unwrap_err();
        assert!(matches!(error, Error::NoHeader { .. }), "{error}");
        assert_eq!(read(&path), "a,dca632010201\n");
    }

    #[test]
    fn a_row_goes_into_the_columns_that_there_are() {
        let before = "sep=;\r\nNotes;IP;Host name;MAC\r\n;;a;dca6.3201.0201\r\n";
        let (_dir, path) = file(before);
        let stop = Stop::new().unwrap();
        let reset = Some("command:a; b".parse().unwrap());
        add(&path, &NewTarget { ip: Some([10, 0, 0, 2].into()), reset, ..new("b", 2) }, false, &stop)
            .unwrap();
        let after = "sep=;\r\nNotes;IP;Host name;MAC;reset\r\n;;a;dca6.3201.0201\r\n\
                     ;10.0.0.2;b;dc:a6:32:01:02:02;\"command:a; b\"\r\n";
        assert_eq!(read(&path), after);
        assert_eq!(Targets::load(&path, &stop).unwrap().rows().len(), 2);
        remove(&path, &["b".to_owned()], false, &stop).unwrap();
        assert_eq!(read(&path), before.replace("MAC\r", "MAC;reset\r"));
    }

    #[test]
    fn the_mark_of_the_file_outlives_its_first_row() {
        let (_dir, path) = file("\u{feff}a,dc:a6:32:01:02:0a\nb,dc:a6:32:01:02:0b\n");
        remove(&path, &["a".to_owned()], false, &Stop::new().unwrap()).unwrap();
        assert_eq!(read(&path), "\u{feff}b,dc:a6:32:01:02:0b\n");
    }

    #[test]
    fn a_link_stays_a_link() {
        let (dir, path) = file("");
        let link = dir.path().join("link.csv");
        std::os::unix::fs::symlink("targets.csv", &link).unwrap();
        add(&link, &new("a", 1), false, &Stop::new().unwrap()).unwrap();
        assert!(link.is_symlink());
        assert!(read(&path).contains("a,dc:a6:32:01:02:01"));
    }

    #[test]
    fn what_is_taken_or_wrong_changes_nothing() {
        let before = "lab-01,dc:a6:32:01:02:01,10.0.0.1,\n";
        let (_dir, path) = file(before);
        let stop = Stop::new().unwrap();
        let by_ip = NewTarget { ip: Some([10, 0, 0, 1].into()), ..new("b", 2) };
        for (new, what) in [(new("lab-01", 9), "name"), (new("b", 1), "MAC"), (by_ip, "IP")] {
            let error = add(&path, &new, false, &stop).unwrap_err();
            assert!(error.to_string().contains(":1: the ") && error.to_string().contains(what), "{error}");
        }
        let error = remove(&path, &["lab-01".to_owned(), "lab-02".to_owned()], false, &stop).unwrap_err();
        assert_eq!(error.kind(), Kind::NoInput);
        assert_eq!(read(&path), before);
        for twice in ["lab-01", "dc:a6:32:01:02:01", "10.0.0.1"] {
            let twice = ["lab-01".to_owned(), twice.to_owned()];
            for dry_run in [true, false] {
                let error = remove(&path, &twice, dry_run, &stop).unwrap_err();
                assert_eq!(
                    (error.kind(), error.to_string().as_str()),
                    (Kind::Usage, "lab-01 is named twice")
                );
            }
            assert_eq!(read(&path), before, "{twice:?}");
        }

        std::fs::write(&path, "x y,1\n").unwrap();
        assert_eq!(add(&path, &new("a", 1), false, &stop).unwrap_err().kind(), Kind::Config);
        assert_eq!(read(&path), "x y,1\n");

        std::fs::write(&path, "dc:a6:32:01:02:01,10.0.0.1,3\n").unwrap();
        let error = add(&path, &new("a", 2), false, &stop).unwrap_err();
        assert!(error.hint().unwrap().names(Task::TargetsRewrite.of(path.display())), "{error}");
        remove(&path, &["10.0.0.1".to_owned()], false, &stop).unwrap();
        assert_eq!(read(&path), "");
    }

    #[test]
    fn two_who_add_at_once_lose_nothing() {
        let (_dir, path) = file("");
        std::thread::scope(|scope| {
            for last in 1..=8 {
                let path = &path;
                scope.spawn(move || {
                    add(path, &new(&format!("lab-{last}"), last), false, &Stop::new().unwrap()).unwrap();
                });
            }
        });
        assert_eq!(Targets::load(&path, &Stop::new().unwrap()).unwrap().rows().len(), 8);
    }

    #[test]
    fn a_stop_ends_the_wait_for_the_lock() {
        let (dir, path) = file("");
        let holder = std::fs::File::open(dir.path()).unwrap();
        flock(&holder, FlockOperation::LockExclusive).unwrap();
        let stop = Stop::new().unwrap();
        stop.set();
        let error = add(&path, &new("a", 1), false, &stop).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
    }

    proptest::proptest! {
        #[test]
        fn what_is_added_is_read_back(
            name in "[\\p{L}0-9._+@-]{1,20}", bytes: [u8; 6], ip: Option<[u8; 4]>, command in "([ -~é]|[ ,\"#:]){1,40}", line: Option<u32>,
        ) {
            proptest::prop_assume!(super::super::check_name(&name).is_ok());
            let mut bytes = bytes;
            bytes[0] = bytes[0] & 0xfe | 2;
            let reset = match line {
                Some(line) => format!("gpiochip0:{line}").parse().ok(),
                None => format!("command:{command}").parse().ok(),
            };
            let ip = ip.map(IpAddr::from).filter(|ip| !ip.is_unspecified() && !ip.is_multicast() && *ip != IpAddr::from([255; 4]));
            let new = NewTarget { name, mac: Mac::new(bytes), ip, reset, secret: None };
            let path = Path::new("x.csv");
            for before in ["", "name,mac,ip,reset", "# x\r\n"] {
                let (after, change) = with_row(before.as_bytes(), &new, path).unwrap();
                let read = Targets::parse(&after, path).unwrap();
                let row = &read.rows()[0];
                proptest::prop_assert_eq!(
                    (&row.name, row.mac, row.ip, &row.reset, row.line),
                    (&new.name, new.mac, new.ip, &new.reset, change.line)
                );
                let (rest, _) = without_rows(&after, std::slice::from_ref(&new.name), path).unwrap();
                proptest::prop_assert!(after.starts_with(&rest));
            }
        }
    }
}
