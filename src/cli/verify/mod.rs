//! `piprov verify`.

mod card;
mod digest;
mod report;

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::bar::Bar;
use super::report::Usage;
use crate::cli::ui::{Style, Text};
use crate::cli::{Failure, Global, format, remedy, ui::Ui};
use crate::error::{Kind, Remedy};
use crate::format::json::json;
use crate::image::compare::{Difference, Found, Other, compare};
use crate::image::compare_parts::{PartWrong, PartsFound, compare_parts};
use crate::image::device::Device;
use crate::image::report::Report;
use crate::image::{Image, ImageOptions};
use crate::stop::Stop;

/// A card that was used is not the image any more; people compare such cards.
const BOOTED: &str = "a card that has booted since differs: the system changes its own files and resizes its \
                      root partition. Compare before the first boot, or flash it again";

#[derive(Debug, clap::Args)]
#[command(override_usage = "piprov verify <IMAGE> --device <PATH> [--offset <BYTES>]\n       \
                            piprov verify <IMAGE> --card <PATH>\n       \
                            piprov verify <IMAGE> --report <FILE> [--accept-count]\n       \
                            piprov verify <IMAGE> --parts <DIR>\n       \
                            piprov verify <IMAGE> --sha256 <HEX|FILE>")]
#[command(group = clap::ArgGroup::new("with").required(true).args(["device", "card", "report", "parts", "sha256"]))]
pub struct Verify {
    /// Image: raw, gz, xz, zst, bz2 or zip; `-` for standard input
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// Compare with this block device or file, byte for byte
    ///
    /// It is read past the kernel's cache, so that what counts is what the storage gives back. The first
    /// byte that differs is named. A device that is longer than the image is fine.
    #[arg(long, value_name = "PATH")]
    device: Option<PathBuf>,
    /// The image begins so many bytes into the device: 4194304, 4M
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = format::parse_size, conflicts_with_all = ["card", "report", "parts", "sha256"])]
    offset: u64,
    /// Compare with this recovery card, block device or file, after a flash
    ///
    /// The image lies behind U-Boot's partition there, under a table of its own and with some lines
    /// changed; all that is taken into account. U-Boot's partition isn't looked at. The first byte that
    /// differs is named with its partition and its file; where it lies in no file, the first one in a
    /// file is named too.
    #[arg(long, value_name = "PATH")]
    card: Option<PathBuf>,
    /// Compare with what a board reported
    ///
    /// FILE is the record of a run that `piprov flash` keeps, or the 4 bytes (a number of bytes,
    /// little-endian) that a card of the original kind uploads. Such a number proves nothing about the
    /// content: it never counts as verified, unless --accept-count says that it is enough.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Be content with a number of bytes that matches
    #[arg(long, conflicts_with_all = ["device", "card", "parts", "sha256"])]
    accept_count: bool,
    /// Compare with the parts that split-image wrote into this directory
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// Compare digests: 64 digits, or a file as sha256sum writes it
    ///
    /// Publishers give the sha256 of the file or of the raw image; either may match, and it is said which.
    #[arg(long, value_name = "HEX|FILE")]
    sha256: Option<String>,
    /// Where to unpack a compressed image for the time [default: $TMPDIR or /var/tmp]
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

/// Whether two paths lead to one file or device.
fn is_same(one: &Path, other: &Path) -> bool {
    let of = |path: &Path| {
        let stat = std::fs::metadata(path).ok()?;
        // A device may have several names.
        Some(if stat.file_type().is_block_device() { (0, stat.rdev()) } else { (stat.dev(), stat.ino()) })
    };
    of(one).is_some_and(|one| of(other) == Some(one))
}

/// By what a change of a file is seen: its length, and when it was last written to. `None` for a device, whose time says nothing.
fn written(path: &Path) -> Option<(u64, i64, i64)> {
    let now = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((now.len(), now.mtime(), now.mtime_nsec()))
}

/// What the ways of comparing share.
struct Job<'a> {
    image: Image,
    /// The file with which it is compared, as it was at first.
    other: Option<(PathBuf, (u64, i64, i64))>,
    ui: &'a Ui,
    stop: &'a Stop,
    started: Instant,
}

impl Verify {
    pub(super) fn run(self, _global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        // What is compared with is looked at first: a wrong path should not cost a decompression.
        let device = self.device.as_deref().map(Device::open).transpose()?;
        let named = self.device.as_deref().or(self.card.as_deref());
        if let Some(other) = named.filter(|other| is_same(&self.image, other)) {
            let message = format!("{} is the image itself: of course they are equal", other.display());
            return Err(Usage { message, hint: None }.into());
        }
        let other = named.and_then(|path| Some((path.to_owned(), written(path)?)));
        let report = self.report.as_deref().map(Report::read).transpose()?;
        let options = ImageOptions { spool_dir: self.spool_dir.clone(), stop: Some(stop.clone()) };
        let image = Image::open(&self.image, &options)?;
        let job = Job { image, other, ui, stop, started: Instant::now() };
        if let Some(device) = device {
            return job.device(device, self.offset);
        }
        if let Some(card) = self.card {
            return job.card(&card);
        }
        match (report, self.report) {
            (Some(Report::Count(count)), Some(path)) => return job.count(count, &path, self.accept_count),
            (Some(Report::Record(text)), Some(path)) => return job.record(&text, &path),
            _ => {}
        }
        if let Some(dir) = self.parts {
            return job.parts(&dir);
        }
        match self.sha256 {
            Some(sha256) => job.sha256(&sha256),
            None => Err(Usage { message: "there is nothing to compare with".into(), hint: None }.into()),
        }
    }
}

impl Job<'_> {
    /// Nothing counts of what was read while somebody wrote.
    fn unchanged(&self) -> Result<(), crate::image::Error> {
        if self.image.has_changed() {
            return Err(crate::image::Error::Changed { path: self.image.path().to_owned() });
        }
        match &self.other {
            Some((path, before)) if written(path).as_ref() != Some(before) => {
                Err(crate::image::Error::OtherChanged { path: path.clone() })
            }
            _ => Ok(()),
        }
    }

    fn device(&self, device: Device, offset: u64) -> crate::cli::Result<()> {
        let (path, room) = (device.path().to_owned(), device.len.saturating_sub(offset));
        // Said at once where it is known at once, and not after an hour of reading.
        let found = match self.image.raw_len() {
            Some(len) if len > room => Found::Ends { at: room },
            _ => {
                let mut reader = device.read_from(offset)?;
                let mut other = Other { path: &path, bytes: &mut reader };
                let bar = Bar::new(self.ui, "comparing");
                let found = compare(&self.image, 0..u64::MAX, &mut other, self.stop, &bar);
                self.unchanged()?;
                found?
            }
        };
        let name = path.display();
        match found {
            Found::Equal { bytes } => {
                let object = json!({ "event": "verify", "equal": true, "device": path, "bytes": bytes });
                self.good(object, format_args!("{name}"), bytes);
                Ok(())
            }
            Found::Ends { at } => {
                let len = self.image.raw_len();
                let object = json!({
                    "event": "verify", "equal": false, "device": path, "device_bytes": at, "image_bytes": len,
                });
                let what = match len {
                    Some(len) => format!(
                        "{name} is too short: {} of the image's {}",
                        format::size_exact(at),
                        format::size_exact(len)
                    ),
                    None => format!("{name} ends after {}, before the image does", format::size_exact(at)),
                };
                self.bad(
                    object,
                    what,
                    Some("is it the right device, and was the whole image written?".into()),
                )
            }
            Found::Differs(difference) => {
                self.differs(&path, &difference, offset, json!({ "device": path }), Some(BOOTED.into()))
            }
        }
    }

    fn parts(&self, dir: &Path) -> crate::cli::Result<()> {
        let found = {
            let bar = Bar::new(self.ui, "comparing");
            let found = compare_parts(&self.image, dir, self.stop, &bar);
            self.unchanged()?;
            found?
        };
        match found {
            PartsFound::Equal { parts, bytes } => {
                let count = format::count(parts as u64, "part");
                let object = json!({
                    "event": "verify", "equal": true, "dir": dir, "parts": parts, "bytes": bytes,
                });
                self.good(object, format_args!("{count} in {}", dir.display()), bytes);
                Ok(())
            }
            PartsFound::Wrong { path, what } => {
                let hint = Some(Remedy::from("write the parts again: `piprov split-image --force`"));
                let object = json!({ "event": "verify", "equal": false, "part": path });
                match what {
                    PartWrong::Differs(difference) => {
                        self.differs(&path, &difference, 0, json!({ "part": path }), hint)
                    }
                    PartWrong::Ends { at } => {
                        self.bad(object, format!("{} ends at byte {at} of the image", path.display()), hint)
                    }
                    PartWrong::Padding => self.bad(
                        object,
                        format!("{} goes on behind the bytes of the image", path.display()),
                        hint,
                    ),
                }
            }
        }
    }

    /// The first difference, with the partition that it is in.
    fn differs(
        &self,
        path: &Path,
        difference: &Difference,
        base: u64,
        mut object: serde_json::Value,
        hint: Option<Remedy>,
    ) -> crate::cli::Result<()> {
        let offset = difference.offset;
        // A table that can't be read is no reason to keep the difference back.
        let table = self.image.table().ok().flatten();
        let partition = table.as_ref().and_then(|table| table.partition_at(offset));
        let (expected, got) = (format::hex(&difference.expected), format::hex(&difference.got));
        if let Some(object) = object.as_object_mut() {
            let facts = json!({
                "event": "verify", "equal": false, "offset": offset, "block": offset / 512,
                "partition": partition.map(|partition| partition.number), "expected": expected, "got": got,
            });
            object.extend(facts.as_object().cloned().unwrap_or_default());
        }
        let place = match partition {
            Some(p) => {
                format!("{} into partition {}", format::size_exact(offset - p.start), p.number)
            }
            None if table.is_some() => "outside every partition".to_owned(),
            None => "no partition table".to_owned(),
        };
        let of_device =
            if base > 0 { format!(", byte {} of the device", offset + base) } else { String::new() };
        let text = format!(
            "{} differs from {} at byte {offset} (block {}){of_device}, {place}",
            path.display(),
            self.image.name(),
            offset / 512,
        );
        let bytes = [format!("  expected  {}", pairs(&expected)), format!("  read      {}", pairs(&got))];
        self.bad_lines(object, &[&[text], &bytes[..]].concat(), hint)
    }

    fn good(&self, object: serde_json::Value, what: std::fmt::Arguments<'_>, bytes: u64) {
        let time = self.started.elapsed();
        self.tell(
            object,
            format_args!(
                "{what}: {} to {}, {}, {}, {}",
                self.ui.paint(Style::Good, "equal"),
                self.image.name(),
                format::size(bytes),
                format::minutes(time),
                format::rate(bytes, time),
            ),
        );
    }

    fn tell(&self, object: serde_json::Value, text: impl std::fmt::Display) {
        if self.ui.json { self.ui.object(&object) } else { self.ui.result(text) }
    }

    /// It was looked at, and it is not as it should be: the result, and exit code 1.
    fn bad(&self, object: serde_json::Value, text: String, hint: Option<Remedy>) -> crate::cli::Result<()> {
        self.bad_lines(object, &[text], hint)
    }

    fn bad_lines(
        &self,
        object: serde_json::Value,
        lines: &[String],
        hint: Option<Remedy>,
    ) -> crate::cli::Result<()> {
        self.tell(object, Text::lines(lines.iter().map(|line| self.ui.paint(Style::Bad, line))));
        self.hint(hint);
        Err(Failure::already_told(Kind::Failed))
    }

    fn hint(&self, hint: Option<Remedy>) {
        if let Some(hint) = hint.filter(|_| !self.ui.json) {
            let hint = remedy::hint(&hint);
            self.ui.say(format_args!("  {} {hint}", self.ui.paint_err(Style::Strong, "hint:")));
        }
    }
}

/// Hexadecimal digits in pairs.
fn pairs(hex: &str) -> String {
    hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}
