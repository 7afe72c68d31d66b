//! Which overlays of the device tree U-Boot applies, and which settings only the Pi's firmware can follow.
//!
//! The firmware makes the device tree, and reads the config.txt of the card for it, not that of the image. U-Boot applies
//! overlays to what it gets; it knows no parameters of overlays, nor those of the tree itself.
//!
//! Source: Raspberry Pi's documentation, "Device trees, overlays, and parameters" (`dtoverlay`, `dtparam`, the map of names
//! with its platforms) and "config.txt" (`os_prefix`, `overlay_prefix`).

use std::collections::BTreeMap;
use std::io;

use super::{BootFiles, Overlays, at, can_be_written, names, short};
use crate::board::Model;
use crate::contents::boot::Says;
use crate::contents::device_tree::{NoTree, Node, nodes};
use crate::eeprom::config_txt::ConfigFiles;

/// So long an overlay may be, and the map of names; real ones have some KiB, and 20 KiB.
const LONGEST: usize = 256 << 10;
/// Overlays that are applied on one board.
const MOST: usize = 24;
/// Names that lead to other names.
const RENAMED: usize = 8;
/// Settings that are told.
const TOLD: usize = 6;

/// What becomes of a config.txt's overlays.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What U-Boot applies.
    pub(super) applied: Vec<Overlays>,
    /// What it doesn't, each a sentence.
    pub(super) notes: Vec<String>,
}

/// Looks at all settings that count on these boards. `prefix` says a board's `os_prefix`.
pub(super) fn plan(
    files: &dyn BootFiles,
    config: &ConfigFiles,
    boards: &[(Model, String)],
) -> io::Result<Plan> {
    let mut looked = Looked { files, seen: BTreeMap::new(), notes: Vec::new(), firmware: Vec::new() };
    let mut applied: Vec<Overlays> = Vec::new();
    for (model, prefix) in boards {
        let found = looked.board(config, *model, prefix)?;
        match applied.iter_mut().find(|known| known.files == found) {
            Some(known) => known.boards.push(*model),
            None => applied.push(Overlays { boards: vec![*model], files: found }),
        }
    }
    if let [only] = &mut applied[..] {
        only.boards.clear();
    }
    applied.retain(|overlays| !overlays.files.is_empty());
    let mut notes = looked.notes;
    notes.extend(by_firmware(&looked.firmware));
    Ok(Plan { applied, notes })
}

/// Overlays as a text: `vc4-kms-v3d, disable-bt; vc4-kms-v3d-pi4 (Pi 4B, Pi 400, CM4)`.
pub(crate) fn told(overlays: &[Overlays]) -> String {
    let one = |overlays: &Overlays| {
        let files: Vec<_> = overlays.files.iter().map(|path| short(stem(path))).collect();
        let boards = if overlays.boards.is_empty() {
            String::new()
        } else {
            format!(" ({})", names(&overlays.boards))
        };
        format!("{}{boards}", files.join(", "))
    };
    overlays.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// `overlays/one.dtbo`: `one`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".dtbo").unwrap_or(name)
}

fn by_firmware(settings: &[String]) -> Option<String> {
    let more = settings.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first = &settings[..settings.len().min(TOLD)];
    (!first.is_empty()).then(|| {
        format!(
            "U-Boot can't follow all of config.txt's device tree settings: {}{more}. They count only if the card's own \
             config.txt has them.",
            first.join(", ")
        )
    })
}

/// An overlay that config.txt asks for.
struct Wanted {
    path: String,
    /// As config.txt has it.
    told: String,
    parameters: bool,
}

/// What the map of names has for one name: platforms or directives, with what they lead to.
type Rules = (String, Vec<(String, String)>);

/// What is known of an overlay's file: the names of its parameters.
type Parameters = Vec<String>;

struct Looked<'a> {
    files: &'a dyn BootFiles,
    /// Files that were looked at, by their paths; `None` for those that can't be applied.
    seen: BTreeMap<String, Option<Parameters>>,
    notes: Vec<String>,
    /// Settings that only the firmware can follow.
    firmware: Vec<String>,
}

impl Looked<'_> {
    /// The files of one board's overlays, in their order.
    fn board(&mut self, config: &ConfigFiles, model: Model, prefix: &str) -> io::Result<Vec<String>> {
        let says = Says { config: Some(config), model };
        let set = says.value("overlay_prefix").filter(|prefix| !prefix.is_empty()).unwrap_or("overlays/");
        let directory = match prefix {
            "" => set.to_owned(),
            // Without a README below it, the prefix doesn't count for overlays.
            prefix if self.files.there(&at(prefix, &format!("{set}README")))? => format!("{prefix}{set}"),
            _ => set.to_owned(),
        };
        let map = self.map(&directory)?;
        let mut wanted: Vec<Wanted> = Vec::new();
        // Whether the overlay that was named last takes parameters.
        let mut open = false;
        for setting in config.settings().iter().filter(|setting| says.counts(&setting.scope)) {
            let (name, value) = (setting.name.to_ascii_lowercase(), setting.value.trim());
            match name.as_str() {
                "dtoverlay" => {
                    let found = self.overlay(&directory, &map, (value, model))?;
                    open = found.is_some();
                    wanted.extend(found);
                }
                "dtparam" => {
                    let last = wanted.last_mut().filter(|_| open);
                    let known = last.as_ref().and_then(|last| self.seen.get(&last.path)?.as_ref());
                    let takes = |name: &str| {
                        known.is_some_and(|known| known.iter().any(|there| there.eq_ignore_ascii_case(name)))
                    };
                    match last {
                        Some(last) if parameter_names(value).any(takes) => last.parameters = true,
                        _ => self.for_firmware(value),
                    }
                }
                // An older name, and what the firmware finds by itself.
                "device_tree_overlay" => self.for_firmware(value),
                "camera_auto_detect" | "display_auto_detect" if value == "1" => self.for_firmware(&name),
                _ => {}
            }
        }
        let mut paths: Vec<String> = Vec::new();
        for one in wanted {
            if one.parameters {
                self.for_firmware(&one.told);
            } else if paths.len() == MOST {
                self.note(format!("config.txt names more than {MOST} overlays; U-Boot applies the first."));
            } else if !paths.contains(&one.path) {
                paths.push(one.path);
            }
        }
        Ok(paths)
    }

    /// The overlay that a setting asks for; `None` where it asks for none that can be applied on this board.
    fn overlay(
        &mut self,
        directory: &str,
        map: &[Rules],
        (value, model): (&str, Model),
    ) -> io::Result<Option<Wanted>> {
        let (name, parameters) = value.split_once([',', ':']).unwrap_or((value, ""));
        let name = name.trim();
        let Some(name) = (if name.is_empty() { None } else { mapped(map, name, model) }) else {
            return Ok(None);
        };
        let path = at(directory, &format!("{name}.dtbo"));
        if !can_be_written(&path) {
            self.note(format!("config.txt names an overlay that U-Boot's shell can't: {}.", short(&name)));
            return Ok(None);
        }
        if !self.seen.contains_key(&path) {
            let looked = self.look(&path)?;
            self.seen.insert(path.clone(), looked);
        }
        let usable = self.seen.get(&path).is_some_and(Option::is_some);
        Ok(usable.then(|| Wanted { path, told: short(value), parameters: !parameters.trim().is_empty() }))
    }

    /// The names of a file's parameters; `None` where it is no overlay.
    fn look(&mut self, path: &str) -> io::Result<Option<Parameters>> {
        let Some(bytes) = self.files.head(path, LONGEST + 1)? else {
            self.note(format!("config.txt asks for the overlay {}, which isn't there.", short(path)));
            return Ok(None);
        };
        if bytes.len() > LONGEST {
            self.note(format!("{} is too long for an overlay, and isn't applied.", short(path)));
            return Ok(None);
        }
        match parameters(&bytes) {
            Ok(Some(parameters)) => Ok(Some(parameters)),
            Ok(None) => {
                self.note(format!("{} is no overlay, and isn't applied.", short(path)));
                Ok(None)
            }
            Err(why) => {
                self.note(format!("{} is no overlay, and isn't applied: {why}.", short(path)));
                Ok(None)
            }
        }
    }

    /// The map of names: for each, platforms or directives with what they lead to.
    fn map(&mut self, directory: &str) -> io::Result<Vec<Rules>> {
        let path = at(directory, "overlay_map.dtb");
        let Some(bytes) = self.files.head(&path, LONGEST + 1)? else { return Ok(Vec::new()) };
        let nodes = match nodes(&bytes) {
            Ok(nodes) => nodes,
            Err(why) => {
                self.note(format!("{} can't be read, and counts as empty: {why}.", short(&path)));
                return Ok(Vec::new());
            }
        };
        let rules = |node: &Node<'_>| {
            let rule = |(name, _): &(&str, &[u8])| {
                ((*name).to_owned(), node.text(name).unwrap_or_default().to_owned())
            };
            (node.name.to_owned(), node.properties.iter().map(rule).collect())
        };
        Ok(nodes.iter().filter(|node| node.depth == 1).map(rules).collect())
    }

    fn for_firmware(&mut self, setting: &str) {
        let setting = short(setting);
        if !setting.is_empty() && !self.firmware.contains(&setting) {
            self.firmware.push(setting);
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The names of an overlay's parameters; `None` for a tree that is no overlay.
fn parameters(bytes: &[u8]) -> Result<Option<Parameters>, NoTree> {
    let nodes = nodes(bytes)?;
    if !nodes.iter().any(|node| node.depth == 2 && node.name == "__overlay__") {
        return Ok(None);
    }
    let overrides = nodes.iter().find(|node| node.depth == 1 && node.name == "__overrides__");
    let names = overrides.map(|node| node.properties.iter().map(|(name, _)| (*name).to_owned()).collect());
    Ok(Some(names.unwrap_or_default()))
}

/// `audio=on,spi`: `audio`, `spi`.
fn parameter_names(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(|one| one.split('=').next().unwrap_or_default().trim())
}

/// Which overlay a name stands for on a model; `None` where the map has none for it.
fn mapped(map: &[Rules], name: &str, model: Model) -> Option<String> {
    let platform = match model {
        Model::Pi4B | Model::Pi400 | Model::Cm4 | Model::Cm4s => "bcm2711",
        _ => "bcm2835",
    };
    let mut name = name.to_owned();
    for _ in 0..RENAMED {
        let Some((_, rules)) = map.iter().find(|(there, _)| *there == name) else { return Some(name) };
        let rule = |wanted: &str| rules.iter().find(|(there, _)| there == wanted).map(|(_, to)| to.clone());
        if rule("deprecated").is_some() {
            return None;
        }
        name = match (rule(platform), rule("renamed")) {
            (Some(other), _) if !other.is_empty() => return Some(other),
            (Some(_), _) => return Some(name),
            (None, Some(new)) if !new.is_empty() => new,
            // It is for other boards.
            (None, _) => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests;
