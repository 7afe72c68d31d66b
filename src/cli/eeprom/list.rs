//! `piprov eeprom show DIR`: the images of a directory or of a package, by chip and channel, the newest first.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::told::object;
use crate::board::Family;
use crate::cli::table;
use crate::cli::ui::{Style, Ui};
use crate::debian::deb::Deb;
use crate::eeprom::files::{Channel, Error, each, may_be_image, place};
use crate::eeprom::{BootConf, Image, day};
use crate::format::json::json;

/// What is told of an image.
struct Row {
    chip: Family,
    channel: Option<Channel>,
    built: Option<u64>,
    path: PathBuf,
    cells: [String; 6],
    /// Only with `--json`.
    object: Option<Value>,
}

#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    /// What isn't an image, though it has the size of one.
    odd: Vec<String>,
}

pub(super) fn directory(path: &Path, ui: &Ui) -> crate::cli::Result<()> {
    let mut rows = Rows::default();
    each(path, &mut |path, bytes| rows.take(path, bytes, None, ui))?;
    rows.tell(path, ui)
}

/// The images of a Debian package, as `rpi-eeprom` is one.
pub(super) fn package(path: &Path, ui: &Ui) -> crate::cli::Result<()> {
    let deb = Deb::read(path, |name| Path::new(name).file_name().is_some_and(may_be_image))?;
    let label = format!("{} {}", deb.package, deb.version);
    let mut rows = Rows::default();
    for (name, bytes) in deb.files {
        if Image::SIZES.contains(&(bytes.len() as u64)) {
            rows.take(PathBuf::from(name), bytes, Some(&label), ui);
        }
    }
    if !ui.json {
        ui.result(format_args!("{}  {label}", ui.paint(Style::Strong, "package")));
    }
    rows.tell(path, ui)
}

impl Rows {
    fn take(&mut self, path: PathBuf, bytes: Vec<u8>, package: Option<&str>, ui: &Ui) {
        let image = match Image::parse(bytes) {
            Ok(image) => image,
            Err(error) => return self.odd.push(format!("{}: {error}", path.display())),
        };
        let conf = match image.bootconf() {
            Ok(text) => BootConf::parse(text),
            Err(error) => return self.odd.push(format!("{}: {error}", path.display())),
        };
        let (chip, place) = (image.family(), place(&path));
        if let Some(other) = place.chip.filter(|other| *other != chip) {
            let text = format!(
                "{}: it lies in a directory for {}, and is for {}",
                path.display(),
                other.chip(),
                chip.chip()
            );
            self.odd.push(text);
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let signed =
            if image.is_signed() || image.has_key() || image.is_counter_signed() { "yes" } else { "no" };
        let cells = [
            chip.chip().to_owned(),
            or_dash(place.channel.map(|channel| channel.to_string())),
            or_dash(image.built().and_then(day)),
            or_dash(image.mfg_ver().map(|number| number.to_string())),
            signed.to_owned(),
            path.display().to_string(),
        ];
        let object = ui.json.then(|| {
            let mut object = object(&path, &image, &conf);
            if let Some(package) = package {
                object["package"] = json!(package);
            }
            object
        });
        self.rows.push(Row { chip, channel: place.channel, built: image.built(), path, cells, object });
    }

    fn tell(mut self, path: &Path, ui: &Ui) -> crate::cli::Result<()> {
        self.odd.iter().for_each(|odd| ui.warn(odd));
        if self.rows.is_empty() {
            return Err(Error::NoImage { path: path.to_owned() }.into());
        }
        // What is in no channel comes last.
        self.rows.sort_by(|one, other| {
            let key =
                |row: &Row| (row.chip == Family::Pi5, row.channel.is_none(), row.channel, Reverse(row.built));
            key(one).cmp(&key(other)).then_with(|| one.path.cmp(&other.path))
        });
        if ui.json {
            self.rows.iter().filter_map(|row| row.object.as_ref()).for_each(|object| ui.object(object));
            return Ok(());
        }
        let heading = ["CHIP", "CHANNEL", "BUILT", "MFG_VER", "SIGNED", "FILE"].map(str::to_owned);
        let rows: Vec<_> =
            std::iter::once(heading).chain(self.rows.into_iter().map(|row| row.cells)).collect();
        table::tell(ui, Style::Faint, &rows);
        Ok(())
    }
}
