//! `piprov split-image`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::bar::Bar;
use super::report::Usage;
use crate::cli::ui::Style;
use crate::cli::{Global, format, ui::Ui};
use crate::format::json::json;
use crate::image::manifest::Manifest;
use crate::image::split::{self, PartFormat, PartPlan, SplitOptions};
use crate::image::table::Table;
use crate::image::{Error, Image, ImageOptions};
use crate::stop::Stop;

/// Cards of the original kind ask for the parts 0 to 9 and no more.
const PARTS_OF_THE_ORIGINAL: usize = 10;

#[derive(Debug, clap::Args)]
pub struct SplitImage {
    /// Image: raw, gz, xz, zst, bz2 or zip; `-` for standard input
    ///
    /// What it is, is seen by its content. The image is only read: never moved, changed or deleted.
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// Directory for the parts [default: the image's name with .parts, here]
    ///
    /// It is made if it isn't there; the directory that it is in has to exist.
    #[arg(short, long, value_name = "DIR", value_parser = crate::cli::output::place)]
    output: Option<PathBuf>,
    /// Bytes in each part but the last: 786432000, 750M, 750MiB
    #[arg(long, value_name = "SIZE", default_value = "750MiB", value_parser = part_size)]
    part_size: u64,
    /// How the parts are stored
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Leave out so many bytes at the beginning; `auto`: up to the first partition
    #[arg(long, value_name = "auto|BYTES", default_value = "0", value_parser = skip)]
    skip: Skip,
    /// Replace the parts of an earlier split
    #[arg(short, long)]
    force: bool,
    /// Only tell what would be written
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Where to unpack a compressed image for the time [default: $TMPDIR or /var/tmp]
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// The bytes themselves
    #[default]
    Raw,
    /// One gzip member a part, for U-Boot's gzwrite
    Gz,
}

#[derive(Debug, Clone, Copy)]
enum Skip {
    Auto,
    Bytes(u64),
}

fn whole_blocks(text: &str) -> Result<u64, String> {
    let bytes = format::parse_size(text)?;
    if bytes.is_multiple_of(512) {
        Ok(bytes)
    } else {
        Err(format!("{bytes} bytes are not a multiple of 512, the size of a block"))
    }
}

fn part_size(text: &str) -> Result<u64, String> {
    match whole_blocks(text)? {
        0 => Err("a part has at least 512 bytes".into()),
        bytes => Ok(bytes),
    }
}

fn skip(text: &str) -> Result<Skip, String> {
    if text == "auto" { Ok(Skip::Auto) } else { whole_blocks(text).map(Skip::Bytes) }
}

impl SplitImage {
    pub(super) fn run(self, _global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let started = Instant::now();
        let dir = match (&self.output, default_dir(&self.image)) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => dir,
            (None, None) => return Err(no_name().into()),
        };
        let options = ImageOptions { spool_dir: self.spool_dir.clone(), stop: Some(stop.clone()) };
        let image = Image::open(&self.image, &options)?;
        let (table, skip) = self.table(ui, &image)?;
        let format = match self.format {
            Format::Raw => PartFormat::Raw,
            Format::Gz => PartFormat::Gz,
        };
        let parts = SplitOptions { dir, part_size: self.part_size, skip, format, force: self.force, table };
        if self.dry_run {
            return dry_run(ui, &image, &parts);
        }
        let manifest = {
            let bar = Bar::new(ui, "splitting");
            split::split(&image, &parts, stop, &bar)
        }?;
        tell(ui, &parts, &manifest, started);
        Ok(())
    }

    /// The image's table, if it can be read, and how much is skipped.
    fn table(&self, ui: &Ui, image: &Image) -> crate::cli::Result<(Option<Table>, u64)> {
        let table = match (image.table(), self.skip) {
            (Ok(table), _) => table,
            // Splitting by numbers needs no table; one that is damaged is worth a word.
            (Err(error @ Error::Table { .. }), Skip::Bytes(_)) => {
                ui.warn(error);
                None
            }
            (Err(error), _) => return Err(error.into()),
        };
        for problem in table.iter().flat_map(|table| table.check(image.raw_len())) {
            ui.warn(format_args!("{}: {problem}", image.path().display()));
        }
        let first = table.as_ref().and_then(Table::first_partition_start);
        match (self.skip, first) {
            (Skip::Bytes(bytes), _) => Ok((table, bytes)),
            (Skip::Auto, Some(start)) => Ok((table, start)),
            (Skip::Auto, None) => Err(Error::NoTable { path: image.path().to_owned() }.into()),
        }
    }
}

/// `raspios.img.xz` is split into `raspios.parts`; standard input has no name.
fn default_dir(image: &Path) -> Option<PathBuf> {
    // A path without a last name is a directory, and opening it says so.
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let mut name = &*name;
    if image == Path::new("-") {
        return None;
    }
    for ending in [".gz", ".xz", ".zst", ".bz2", ".zip", ".img", ".wic", ".raw"] {
        name = name.strip_suffix(ending).filter(|rest| !rest.is_empty()).unwrap_or(name);
    }
    Some(PathBuf::from(format!("{name}.parts")))
}

fn no_name() -> Usage {
    Usage {
        message: "standard input has no name to make a directory of".into(),
        hint: Some("give a directory for the parts with -o".into()),
    }
}

fn dry_run(ui: &Ui, image: &Image, options: &SplitOptions) -> crate::cli::Result<()> {
    split::check(image, options)?;
    // Where a compressed file doesn't tell, it has to be unpacked to know.
    let len =
        image.content().size().map_err(|error| Error::os(image.path(), "asking for its size", error))?;
    let plans = split::plan(image.path(), len, options.skip, options.part_size)?;
    for (n, plan) in plans.iter().enumerate() {
        let name = options.format.part_name(n);
        if ui.json {
            ui.object(&json!({
                "event": "would-write", "name": name, "offset": plan.offset, "block": plan.block(),
                "count": plan.count(), "length": plan.length, "padded_length": plan.padded_length(),
            }));
        } else {
            ui.result(format_args!("would write {}", line(&name, plan)));
        }
    }
    if !ui.json {
        ui.result(format_args!(
            "would write {} to {}",
            format::count(plans.len() as u64, "part"),
            options.dir.display()
        ));
    }
    Ok(())
}

/// One part in columns: name, size, where it belongs.
fn line(name: &str, plan: &PartPlan) -> String {
    format!("{name:<20}  {:>8}  block {:<9}", format::size(plan.length), plan.block())
}

fn tell(ui: &Ui, options: &SplitOptions, manifest: &Manifest, started: Instant) {
    let padding: u64 = manifest.parts.iter().map(|part| part.padded_length - part.length).sum();
    if ui.json {
        for part in &manifest.parts {
            ui.object(&json!({ "event": "part", "part": part }));
        }
        ui.object(&json!({
            "event": "split", "dir": options.dir, "parts": manifest.parts.len(), "padding": padding,
            "image": manifest.image, "skip": manifest.skip, "seconds": started.elapsed().as_secs_f64(),
        }));
        return;
    }
    for part in &manifest.parts {
        let plan = PartPlan { offset: part.offset, length: part.length };
        ui.result(format_args!("{}  crc32 {}", line(&part.name, &plan), part.crc32));
    }
    if padding > 0 {
        let noun = format::count(padding, "zero byte");
        ui.say(format_args!("the last part is padded with {noun} to a whole block of 512"));
    }
    if manifest.skip > 0 {
        let skip = format::size(manifest.skip);
        ui.say(format_args!("the first {skip} of the image are in no part (--skip)"));
    }
    if manifest.parts.len() > PARTS_OF_THE_ORIGINAL {
        ui.say(format_args!(
            "more than {PARTS_OF_THE_ORIGINAL} parts: a recovery card of the original kind fetches only 0 to 9"
        ));
    }
    ui.result(format_args!(
        "{} in {}, {} of {}, {}, {}",
        format::count(manifest.parts.len() as u64, "part"),
        options.dir.display(),
        format::size(manifest.image.raw_len - manifest.skip),
        manifest.image.name,
        ui.paint(Style::Good, "read back and equal"),
        format::minutes(started.elapsed()),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_named_after_the_image() {
        for (image, dir) in [
            ("raspios.img.xz", "raspios.parts"),
            ("/a/b/raspios.img", "raspios.parts"),
            ("x.wic.bz2", "x.parts"),
            (".img", ".img.parts"),
            ("plain", "plain.parts"),
        ] {
            assert_eq!(default_dir(Path::new(image)).unwrap(), Path::new(dir), "{image}");
        }
        assert_eq!(default_dir(Path::new("-")), None);
    }

    #[test]
    fn sizes_have_to_be_whole_blocks() {
        assert_eq!(part_size("750M"), Ok(split::DEFAULT_PART_SIZE));
        assert!(part_size("0").is_err() && part_size("513").is_err() && part_size("x").is_err());
        assert!(matches!(skip("auto"), Ok(Skip::Auto)));
        assert!(matches!(skip("4M"), Ok(Skip::Bytes(4_194_304))));
        assert!(skip("1").is_err());
    }
}
