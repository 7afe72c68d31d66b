//! What is known of a port while a board boots there: a small file a port, which is also the port's lock.
//!
//! The files are in the runtime directory, so they are gone when the machine starts anew. Their times are those of
//! the clock that counts from the machine's start, which nobody sets.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Seek, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::Error;
use crate::beneath::{open_regular, read_bounded};
use crate::board::{PortPath, Serial};
use crate::stop::until;

/// Longer than any record.
const LONGEST: u64 = 8192;

/// How far the board at a port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The first stage told which board it is, and has been told to restart.
    Restarting,
    /// It is back in the boot ROM.
    Rom,
    /// It asks for its files.
    Served,
    /// There are no files for it; it has been told to power off.
    Refused,
}

/// What the first stage obeys, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Restart, into the boot ROM.
    Reboot,
    /// Switch off.
    Poweroff,
}

impl Command {
    /// The line as it goes over the serial port.
    #[must_use]
    pub const fn line(self) -> &'static str {
        match self {
            Self::Reboot => "reboot\n",
            Self::Poweroff => "poweroff\n",
        }
    }
}

/// A port's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How far the board is.
    pub phase: Phase,
    /// The board, if it told.
    pub serial: Option<Serial>,
    /// Since when the port has been empty, in milliseconds since the start of the machine.
    pub empty_since: Option<u64>,
    /// A command that the board isn't known to have taken.
    pub owed: Option<Owed>,
}

/// A command that a board isn't known to have taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The command.
    pub command: Command,
    /// The serial port that it is for.
    pub tty: PathBuf,
    /// Whether it is on its way, so that a board that leaves may have obeyed. Noted before it is sent: a board may be
    /// gone before anybody can note it afterwards.
    pub sent: bool,
}

impl Record {
    /// The record as it is kept: a line each.
    fn text(&self) -> String {
        let phase = match self.phase {
            Phase::Restarting => "restarting",
            Phase::Rom => "rom",
            Phase::Served => "served",
            Phase::Refused => "refused",
        };
        let mut text = format!("phase={phase}\n");
        // Writing to a String can't fail.
        if let Some(serial) = &self.serial {
            let _ = writeln!(text, "serial={serial}");
        }
        if let Some(since) = self.empty_since {
            let _ = writeln!(text, "empty-since={since}");
        }
        if let Some(Owed { command, tty, sent }) = &self.owed {
            let key = if *sent { "sent" } else { "owed" };
            let _ = writeln!(text, "{key}={} {}", command.line().trim_end(), tty.display());
        }
        text.push_str("end\n");
        text
    }

    /// Reads a record; `None` for one that was cut off while it was written, or that makes no sense.
    fn parse(text: &str) -> Option<Self> {
        let (mut phase, mut serial, mut empty_since, mut owed) = (None, None, None, None);
        for line in text.strip_suffix("end\n")?.lines() {
            let (key, value) = line.split_once('=')?;
            match key {
                "phase" => {
                    phase = Some(match value {
                        "restarting" => Phase::Restarting,
                        "rom" => Phase::Rom,
                        "served" => Phase::Served,
                        "refused" => Phase::Refused,
                        _ => return None,
                    });
                }
                "serial" => serial = Some(value.parse().ok()?),
                "empty-since" => empty_since = Some(value.parse().ok()?),
                "owed" | "sent" => {
                    let (command, tty) = value.split_once(' ')?;
                    let known = [Command::Reboot, Command::Poweroff];
                    let command = known.into_iter().find(|known| known.line().trim_end() == command)?;
                    owed = Some(Owed { command, tty: PathBuf::from(tty), sent: key == "sent" });
                }
                _ => return None,
            }
        }
        Some(Self { phase: phase?, serial, empty_since, owed })
    }
}

/// The clock of the records: milliseconds since the machine's start.
#[must_use]
pub fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// The records of all ports, in a directory.
#[derive(Debug, Clone)]
pub struct Records {
    ports: PathBuf,
    due: PathBuf,
}

/// A port that is locked until this is dropped.
#[derive(Debug)]
pub struct Locked {
    port: PortPath,
    path: PathBuf,
    file: File,
}

impl Records {
    /// The records below the runtime directory.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { ports: runtime.join("ports"), due: runtime.join("due") }
    }

    /// The directory with a file for each port that has a record.
    #[must_use]
    pub fn ports_dir(&self) -> &Path {
        &self.ports
    }

    /// The directory with a file for each port at which something remains to be done.
    #[must_use]
    pub fn due_dir(&self) -> &Path {
        &self.due
    }

    /// Locks a port, and makes its file if that isn't there.
    ///
    /// # Errors
    /// When it stays locked for longer than `limit`, and when the file can't be made.
    pub fn lock(&self, port: PortPath, limit: Duration) -> Result<Locked, Error> {
        loop {
            let path = self.ports.join(port.to_string());
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = match rustix::fs::open(&path, flags, Mode::from_raw_mode(0o644)) {
                Ok(file) => File::from(file),
                Err(rustix::io::Errno::NOENT) => {
                    std::fs::create_dir_all(&self.ports).map_err(Error::os("making", &self.ports))?;
                    continue;
                }
                Err(source) => return Err(Error::os("opening", &path)(source.into())),
            };
            if let Some(locked) = wait_for(port, path, file, limit)? {
                return Ok(locked);
            }
        }
    }

    /// Locks a port if there is a record of it.
    ///
    /// # Errors
    /// As for [`Records::lock`].
    pub fn lock_known(&self, port: PortPath, limit: Duration) -> Result<Option<Locked>, Error> {
        loop {
            let path = self.ports.join(port.to_string());
            let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(file) => File::from(file),
                Err(rustix::io::Errno::NOENT) => return Ok(None),
                Err(source) => return Err(Error::os("opening", &path)(source.into())),
            };
            if let Some(locked) = wait_for(port, path, file, limit)? {
                return Ok(Some(locked));
            }
        }
    }

    /// All records, by port, as they are at this moment. For showing: nothing is locked.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn all(&self) -> Result<Vec<(PortPath, Record)>, Error> {
        let mut records: Vec<(PortPath, Record)> = ports_in(&self.ports)?
            .into_iter()
            .filter_map(|port| {
                let file = open_regular(&self.ports.join(port.to_string())).ok()?;
                let bytes = read_bounded(&file, LONGEST).ok()?;
                Some((port, Record::parse(std::str::from_utf8(&bytes).ok()?)?))
            })
            .collect();
        records.sort_by_key(|(port, _)| *port);
        Ok(records)
    }

    /// Notes that something remains to be done at a port; [`super::finish`] does it.
    ///
    /// # Errors
    /// When the note can't be made.
    pub fn note_due(&self, port: PortPath) -> Result<(), Error> {
        std::fs::create_dir_all(&self.due).map_err(Error::os("making", &self.due))?;
        let path = self.due.join(port.to_string());
        File::create(&path).map(drop).map_err(Error::os("writing", &path))
    }

    /// The ports at which something remains to be done.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn due(&self) -> Result<Vec<PortPath>, Error> {
        ports_in(&self.due)
    }

    /// Takes the note back.
    pub fn clear_due(&self, port: PortPath) {
        // Gone already is as good.
        let _ = std::fs::remove_file(self.due.join(port.to_string()));
    }
}

/// The names in a directory that are ports. No directory, no ports.
fn ports_in(folder: &Path) -> Result<Vec<PortPath>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::os("reading", folder)(source)),
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Waits for the lock of an open file. `None` if the file was forgotten meanwhile: then there may be a new one.
fn wait_for(port: PortPath, path: PathBuf, file: File, limit: Duration) -> Result<Option<Locked>, Error> {
    const STEP: Duration = Duration::from_millis(2);
    let deadline = std::time::Instant::now() + limit;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(source) => return Err(Error::os("locking", &path)(source.into())),
        }
        if std::time::Instant::now() >= deadline {
            return Err(Error::Locked { port });
        }
        // Another process has it for the time of a few system calls only; there is no way to wait for a lock with a
        // limit.
        let _ = until(&mut [], Some(std::time::Instant::now() + STEP));
    }
    let ours = file.metadata().map_err(Error::os("reading", &path))?;
    let there = std::fs::symlink_metadata(&path).ok();
    let same = there.is_some_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev());
    Ok(same.then_some(Locked { port, path, file }))
}

impl Locked {
    /// The port.
    #[must_use]
    pub fn port(&self) -> PortPath {
        self.port
    }

    /// The record, if there is one that makes sense.
    #[must_use]
    pub fn read(&self) -> Option<Record> {
        (&self.file).rewind().ok()?;
        let bytes = read_bounded(&self.file, LONGEST).ok()?;
        Record::parse(std::str::from_utf8(&bytes).ok()?)
    }

    /// Writes the record anew.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, record: &Record) -> Result<(), Error> {
        let error = || Error::os("writing", &self.path);
        // Readers ignore a file without its last line.
        self.file.set_len(0).map_err(error())?;
        (&self.file).rewind().map_err(error())?;
        (&self.file).write_all(record.text().as_bytes()).map_err(error())
    }

    /// Forgets the port.
    ///
    /// # Errors
    /// When the file can't be removed.
    pub fn forget(self) -> Result<(), Error> {
        // Removed while it is locked: a process that waits for the lock sees that the file is another one.
        std::fs::remove_file(&self.path).map_err(Error::os("removing", &self.path))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that was started meanwhile, and may hang, has a copy of it.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::port;
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn full() -> Record {
        Record {
            phase: Phase::Restarting,
            serial: Some("00000000d8e4a1f7".parse().unwrap()),
            empty_since: Some(12_345),
            owed: Some(Owed { command: Command::Reboot, tty: "/dev/ttyACM 0".into(), sent: false }),
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_half_of_it_is_nothing() {
        let bare = Record { phase: Phase::Refused, serial: None, empty_since: None, owed: None };
        let sent = Record { owed: full().owed.map(|owed| Owed { sent: true, ..owed }), ..full() };
        for record in [full(), bare, sent] {
            let text = record.text();
            assert_eq!(Record::parse(&text), Some(record));
            for cut in 0..text.len() {
                assert_eq!(Record::parse(&text[..cut]), None, "{cut}");
            }
        }
        for text in ["", "end\n", "phase=x\nend\n", "serial=a\nend\n", "phase=rom\nserial=../x\nend\n"] {
            assert_eq!(Record::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_is_kept_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        assert!(records.lock_known(port("1-1"), SOON).unwrap().is_none());
        let locked = records.lock(port("1-1"), SOON).unwrap();
        assert_eq!(locked.read(), None);
        locked.write(&full()).unwrap();
        let shorter = Record { serial: None, ..full() };
        locked.write(&shorter).unwrap();
        drop(locked);
        let locked = records.lock_known(port("1-1"), SOON).unwrap().unwrap();
        assert_eq!(locked.read(), Some(shorter.clone()));
        assert_eq!(records.all().unwrap(), [(port("1-1"), shorter)]);
        locked.forget().unwrap();
        assert!(records.lock_known(port("1-1"), SOON).unwrap().is_none());
        assert_eq!(records.all().unwrap(), []);
    }

    #[test]
    fn a_lock_that_is_not_given_back_is_an_error_and_not_a_hang() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        let _held = records.lock(port("1-1"), SOON).unwrap();
        let error = records.lock(port("1-1"), Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error}");
        records.lock(port("1-2"), SOON).unwrap();
    }

    #[test]
    fn a_lock_ends_although_a_child_that_hangs_has_a_copy_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        let locked = records.lock(port("1-1"), SOON).unwrap();
        // What a process has that was forked while the port was locked.
        let _copy = locked.file.try_clone().unwrap();
        drop(locked);
        records.lock(port("1-1"), Duration::ZERO).unwrap();
    }

    #[test]
    fn one_at_a_time_also_when_the_file_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..100 {
                        let locked = records.lock(port("1-1"), SOON).unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        locked.write(&full()).unwrap();
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        if round % 3 == 0 {
                            locked.forget().unwrap();
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn what_is_due_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        assert_eq!(records.due().unwrap(), []);
        records.note_due(port("1-1")).unwrap();
        records.note_due(port("1-1")).unwrap();
        assert_eq!(records.due().unwrap(), [port("1-1")]);
        records.clear_due(port("1-1"));
        records.clear_due(port("1-1"));
        assert_eq!(records.due().unwrap(), []);
    }
}
