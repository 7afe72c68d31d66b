//! The GPIO back-end: the kernel's character devices, through the gpio-cdev crate.
//!
//! What a line does after it was given back depends on the chip's driver: the Pi's own keeps an output
//! as it is where `persist_gpio_outputs` is set. So the line is made an input before it is given back.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gpio_cdev::{Chip, LineHandle, LineRequestFlags};

use super::pulse::{Pin, pulse};
use super::{Error, Power};
use crate::stop::Stop;
use crate::targets::{Line, ResetSpec};

/// The name under which `gpioinfo` shows the holder of the line.
const CONSUMER: &str = "piprov";

/// Resets by pulling a line.
#[derive(Debug)]
pub(super) struct Gpio {
    pub(super) chip: String,
    pub(super) line: Line,
    pub(super) hold: Duration,
}

impl Power for Gpio {
    fn reset(&mut self, stop: &Stop) -> Result<(), Error> {
        let mut pin = CdevPin::open(&self.chip, &self.line)?;
        pulse(&mut pin, self.hold, stop)
    }

    fn probe(&self) -> Result<(), Error> {
        probe(&self.chip, &self.line)
    }

    fn describe(&self) -> String {
        format!("{}:{} low for {} s, then released", self.chip, self.line, self.hold.as_secs_f64())
    }
}

/// Looks whether the line exists and is free.
pub(super) fn probe(chip: &str, line: &Line) -> Result<(), Error> {
    CdevPin::open(chip, line)?.check_free()
}

/// The GPIO chips of this machine, by their device files.
fn present(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| ResetSpec::chip_name(name).is_ok())
        .collect();
    names.sort();
    names
}

/// A line of a real chip.
struct CdevPin {
    chip: String,
    line: Line,
    cdev: gpio_cdev::Line,
    handle: Option<LineHandle>,
}

impl CdevPin {
    fn open(chip: &str, line: &Line) -> Result<Self, Error> {
        let path = ResetSpec::chip_path(chip);
        let mut cdev = open_chip(&path)?;
        let count = cdev.num_lines();
        let no_line = || Error::NoLine { chip: chip.to_owned(), line: line.clone(), count };
        let offset = match line {
            Line::Offset(offset) => *offset,
            Line::Name(name) => {
                let mut found = Vec::new();
                for candidate in cdev.lines() {
                    let info = candidate.info().map_err(|error| Error::Gpio {
                        chip: chip.to_owned(),
                        line: Line::Offset(candidate.offset()),
                        doing: "reading its name",
                        message: error.to_string(),
                    })?;
                    if info.name() == Some(name) {
                        found.push(candidate.offset());
                    }
                }
                match found.as_slice() {
                    [] => return Err(no_line()),
                    [offset] => *offset,
                    many => {
                        let (chip, name) = (chip.to_owned(), name.clone());
                        return Err(Error::ManyLines { chip, name, count: many.len() });
                    }
                }
            }
        };
        let cdev = cdev.get_line(offset).map_err(|_| no_line())?;
        Ok(Self { chip: chip.to_owned(), line: line.clone(), cdev, handle: None })
    }

    fn fault(&self, doing: &'static str, error: &gpio_cdev::Error) -> Error {
        let (chip, line) = (self.chip.clone(), self.line.clone());
        Error::Gpio { chip, line, doing, message: error.to_string() }
    }

    /// Fails if another program has the line.
    fn check_free(&self) -> Result<(), Error> {
        let info = self.cdev.info().map_err(|error| self.fault("looking who uses it", &error))?;
        // Version 1 of the interface sets this flag for users of any kind, not only for the kernel's.
        if !info.is_kernel() {
            return Ok(());
        }
        let consumer = info.consumer().filter(|name| !name.is_empty()).unwrap_or("the kernel").to_owned();
        Err(Error::Busy { chip: self.chip.clone(), line: self.line.clone(), consumer })
    }

    fn request(&mut self, flags: LineRequestFlags, doing: &'static str) -> Result<(), Error> {
        match self.cdev.request(flags, 0, CONSUMER) {
            Ok(handle) => {
                self.handle = Some(handle);
                Ok(())
            }
            // A refusal doesn't say which program has the line; asking does.
            Err(error) => Err(self.check_free().err().unwrap_or_else(|| self.fault(doing, &error))),
        }
    }
}

impl Pin for CdevPin {
    fn low(&mut self) -> Result<(), Error> {
        self.request(LineRequestFlags::OUTPUT, "pulling it low")
    }

    fn input(&mut self) -> Result<(), Error> {
        // Version 1 of the interface can't turn a line round while it is held.
        self.handle = None;
        self.request(LineRequestFlags::INPUT, "making it an input")
    }

    fn free(&mut self) {
        self.handle = None;
    }
}

fn open_chip(path: &Path) -> Result<Chip, Error> {
    let not_a_chip = |message: String| Error::NotAChip { path: path.to_owned(), message };
    // Looked at before it is opened: opening starts a watchdog, and waits for ever on a named pipe.
    let meta = std::fs::metadata(path).map_err(|source| open_error(path.to_owned(), source))?;
    if !meta.file_type().is_char_device() {
        return Err(not_a_chip("not a character device".to_owned()));
    }
    let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    let subsystem = std::fs::read_link(format!("/sys/dev/char/{major}:{minor}/subsystem"));
    // Without /sys, in some containers, the kernel's answer to the first request decides.
    if let Some(name) = subsystem.as_ref().ok().and_then(|link| link.file_name())
        && name != "gpio"
    {
        return Err(not_a_chip(format!("a device of the kind `{}`", name.to_string_lossy())));
    }
    // Opened once by ourselves: the crate's error doesn't tell a missing file from a forbidden one.
    std::fs::File::open(path).map_err(|source| open_error(path.to_owned(), source))?;
    Chip::new(path).map_err(|error| not_a_chip(error.to_string()))
}

fn open_error(path: PathBuf, source: std::io::Error) -> Error {
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::NoChip { path, present: present(Path::new("/dev")) },
        std::io::ErrorKind::PermissionDenied => Error::Permission { path, source },
        _ => Error::Open { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Explain, Kind};

    #[test]
    fn what_is_no_chip_is_told_apart() {
        let kind = |chip: &str| probe(chip, &Line::Offset(0)).unwrap_err();
        assert!(matches!(kind("/nonexistent/gpiochip0"), Error::NoChip { .. }));
        assert!(matches!(kind("/dev/null"), Error::NotAChip { .. }));
        assert!(matches!(kind("/etc/passwd"), Error::NotAChip { .. }));
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(kind(pipe.to_str().unwrap()), Error::NotAChip { .. }));
        assert_eq!(kind("/dev/null").kind(), Kind::Unavailable);
        let denied = open_error("/dev/gpiochip0".into(), std::io::ErrorKind::PermissionDenied.into());
        assert_eq!(denied.kind(), Kind::Permission);
        assert!(denied.hint().unwrap().says("usermod -aG gpio"));
    }

    #[test]
    fn chips_are_listed_by_their_device_files() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["gpiochip1", "gpiochip0", "null", "gpiochipX"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(present(dir.path()), ["gpiochip0", "gpiochip1"]);
        assert!(present(Path::new("/nonexistent")).is_empty());
    }
}
