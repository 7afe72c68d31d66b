//! Which overlays of the device tree U-Boot applies, and which settings only the Pi's firmware can follow.
//!
//! The firmware makes the device tree, and reads the config.txt of the card for it, not that of the image. U-Boot applies
//! overlays to what it gets; it knows no parameters of overlays, nor those of the tree itself.
//!
//! Source: Raspberry Pi's documentation, "Device trees, overlays, and parameters" (`dtoverlay`, `dtparam`, the map of names
//! with its platforms) and "config.txt" (`os_prefix`, `overlay_prefix`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::{BootFiles, OverlayFile, Overlays, at, can_be_written, names, short};
use crate::board::Model;
use crate::contents::boot::{Says, needs};
use crate::contents::device_tree::{NoTree, Node, nodes};
use crate::eeprom::config_txt::ConfigFiles;

/// So long an overlay may be, and the map of names; real ones have some KiB, and 20 KiB.
const LONGEST: usize = 256 << 10;
/// So long a board's device tree may be; real ones have some 60 KiB.
const LONGEST_TREE: usize = 1 << 20;
/// Overlays that are applied on one board.
const MOST: usize = 24;
/// Names that lead to other names.
const RENAMED: usize = 8;
/// Settings that are told.
const TOLD: usize = 6;
/// Settings of the device tree that are looked at on one board; real files have some ten. Each costs a look at names.
const MOST_SETTINGS: usize = 200;
/// Parameters of one setting.
const MOST_PARAMETERS: usize = 64;
/// What the map of names says of a name.
const RULES: [&str; 4] = ["bcm2835", "bcm2711", "renamed", "deprecated"];

/// What becomes of a config.txt's overlays.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What U-Boot applies.
    pub(super) applied: Vec<Overlays>,
    /// What it doesn't, each a sentence.
    pub(super) notes: Vec<String>,
}

/// A board that starts the image.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) model: Model,
    /// What config.txt has as `os_prefix`.
    pub(super) prefix: String,
    /// The device tree that config.txt names; empty where it names none.
    pub(super) tree: String,
}

/// Looks at all settings that count on these boards.
pub(super) fn plan(files: &dyn BootFiles, config: &ConfigFiles, boards: &[Board]) -> io::Result<Plan> {
    let mut looked = Looked {
        files,
        seen: BTreeMap::new(),
        trees: BTreeMap::new(),
        notes: Vec::new(),
        firmware: Vec::new(),
    };
    let mut applied: Vec<Overlays> = Vec::new();
    for board in boards {
        let found = looked.board(config, board)?;
        match applied.iter_mut().find(|known| known.files == found) {
            Some(known) => known.boards.push(board.model),
            None => applied.push(Overlays { boards: vec![board.model], files: found }),
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
#[must_use]
pub fn told(overlays: &[Overlays]) -> String {
    let one = |overlays: &Overlays| {
        let files: Vec<_> = overlays.files.iter().map(|file| short(stem(&file.path))).collect();
        let boards = if overlays.boards.is_empty() {
            String::new()
        } else {
            format!(" ({})", names(&overlays.boards))
        };
        format!("{}{boards}", files.join(", "))
    };
    overlays.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// `overlays/one.dtbo`: `one`; what lies elsewhere keeps its directory.
fn stem(path: &str) -> &str {
    let name = path.strip_prefix("overlays/").unwrap_or(path);
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

/// What the map of names has for each name: platforms or directives, with what they lead to.
type Map = BTreeMap<String, Vec<(&'static str, String)>>;

/// What is known of an overlay's file.
#[derive(Debug, Default)]
struct Known {
    /// The names of its parameters.
    parameters: Vec<String>,
    /// Its fragments that have a label on what they add.
    labelled: Vec<String>,
    /// The labels that it needs in the board's tree.
    needs: Vec<String>,
    /// One fragment adds to another, or all wait for a parameter: that is Raspberry Pi's way alone.
    for_firmware: bool,
}

struct Looked<'a> {
    files: &'a dyn BootFiles,
    /// Files that were looked at, by their paths; `None` for those that can't be applied.
    seen: BTreeMap<String, Option<Known>>,
    /// The labels of device trees, by their paths; `None` for those that aren't there.
    trees: BTreeMap<String, Option<BTreeSet<String>>>,
    notes: Vec<String>,
    /// Settings that only the firmware can follow.
    firmware: Vec<String>,
}

impl Looked<'_> {
    /// The files of one board's overlays, in their order.
    fn board(&mut self, config: &ConfigFiles, board: &Board) -> io::Result<Vec<OverlayFile>> {
        let Board { model, prefix, .. } = board;
        let (model, prefix) = (*model, prefix.as_str());
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
        let known =
            ["dtoverlay", "dtparam", "device_tree_overlay", "camera_auto_detect", "display_auto_detect"];
        let of_tree = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        let settings =
            config.settings().iter().filter(|setting| of_tree(&setting.name) && says.counts(&setting.scope));
        for (n, setting) in settings.enumerate() {
            if n == MOST_SETTINGS {
                self.note(format!(
                    "config.txt has more than {MOST_SETTINGS} settings of the device tree; the others aren't looked at."
                ));
                break;
            }
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
                        known.is_some_and(|known| {
                            known.parameters.iter().any(|there| there.eq_ignore_ascii_case(name))
                        })
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
        let mut files: Vec<OverlayFile> = Vec::new();
        for one in wanted {
            if one.parameters {
                self.for_firmware(&one.told);
            } else if files.len() == MOST {
                self.note(format!("config.txt names more than {MOST} overlays; U-Boot applies the first."));
            } else if files.iter().all(|file| file.path != one.path) {
                let known = self.seen.get(&one.path).and_then(Option::as_ref);
                let (labelled, needs) =
                    known.map(|known| (known.labelled.clone(), known.needs.clone())).unwrap_or_default();
                self.fits(board, &one.path, &needs)?;
                files.push(OverlayFile { path: one.path, labelled });
            }
        }
        Ok(files)
    }

    /// Notes an overlay whose labels the board's tree in this image hasn't.
    fn fits(&mut self, board: &Board, path: &str, labels: &[String]) -> io::Result<()> {
        if labels.is_empty() {
            return Ok(());
        }
        let named = [board.tree.as_str()];
        let (_, ours, upstream) = needs(board.model);
        let usual: Vec<_> = ours.iter().chain(upstream).map(|name| at(&board.prefix, name)).collect();
        let paths: Vec<&str> = match board.tree.as_str() {
            "" => usual.iter().map(String::as_str).collect(),
            _ => named.to_vec(),
        };
        for tree in paths {
            if !self.trees.contains_key(tree) {
                let bytes = self.files.head(tree, LONGEST_TREE)?;
                let there =
                    bytes.and_then(|bytes| nodes(&bytes).ok().map(|nodes| names_in(&nodes, "__symbols__")));
                self.trees.insert(tree.to_owned(), there.map(|labels| labels.into_iter().collect()));
            }
            let Some(Some(there)) = self.trees.get(tree) else { continue };
            if let Some(lacks) = labels.iter().find(|label| !there.contains(*label)) {
                self.note(format!(
                    "The overlay {} needs the label {}, which {} doesn't have: U-Boot leaves it out where the card's device \
                     tree hasn't it either.",
                    short(stem(path)),
                    short(lacks),
                    short(tree)
                ));
            }
            return Ok(());
        }
        Ok(())
    }

    /// The overlay that a setting asks for; `None` where it asks for none that can be applied on this board.
    fn overlay(
        &mut self,
        directory: &str,
        map: &Map,
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
        let known = self.seen.get(&path).and_then(Option::as_ref);
        let firmware = !parameters.trim().is_empty() || known.is_some_and(|known| known.for_firmware);
        Ok(known.is_some().then(|| Wanted { path, told: short(value), parameters: firmware }))
    }

    /// What a file is; `None` where it is no overlay.
    fn look(&mut self, path: &str) -> io::Result<Option<Known>> {
        let Some(bytes) = self.files.head(path, LONGEST + 1)? else {
            self.note(format!("config.txt asks for the overlay {}, which isn't there.", short(path)));
            return Ok(None);
        };
        if bytes.len() > LONGEST {
            self.note(format!("{} is too long for an overlay, and isn't applied.", short(path)));
            return Ok(None);
        }
        match known(&bytes) {
            Ok(Some(known)) if !known.labelled.iter().all(|fragment| can_be_written(fragment)) => {
                self.note(format!(
                    "{} has a fragment that U-Boot's shell can't name, and isn't applied.",
                    short(path)
                ));
                Ok(None)
            }
            Ok(Some(known)) => Ok(Some(known)),
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
    fn map(&mut self, directory: &str) -> io::Result<Map> {
        let path = at(directory, "overlay_map.dtb");
        let Some(bytes) = self.files.head(&path, LONGEST + 1)? else { return Ok(Map::new()) };
        let nodes = match nodes(&bytes) {
            Ok(nodes) => nodes,
            Err(why) => {
                self.note(format!("{} can't be read, and counts as empty: {why}.", short(&path)));
                return Ok(Map::new());
            }
        };
        let rules = |node: &Node<'_>| {
            let rule = |name: &&'static str| Some((*name, node.text(name)?.to_owned()));
            (node.name.to_owned(), RULES.iter().filter_map(rule).collect())
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

/// What an overlay needs; `None` for a tree that is no overlay.
fn known(bytes: &[u8]) -> Result<Option<Known>, NoTree> {
    let nodes = nodes(bytes)?;
    let mut known = Known {
        parameters: names_in(&nodes, "__overrides__"),
        needs: names_in(&nodes, "__fixups__"),
        ..Known::default()
    };
    let (mut active, mut dormant, mut above) = (false, false, "");
    // In which node of the root the walk is, and whether that is the list of places within the overlay.
    let mut local = false;
    for node in &nodes {
        match (node.depth, node.name) {
            (1, name) => {
                above = name;
                local = name == "__local_fixups__";
            }
            (2, _) if local => known.for_firmware |= node.property("target").is_some(),
            (2, "__overlay__") => {
                active = true;
                if node.property("phandle").is_some() {
                    known.labelled.push(above.to_owned());
                }
            }
            (2, "__dormant__") => dormant = true,
            _ => {}
        }
    }
    known.for_firmware |= !active;
    Ok((active || dormant).then_some(known))
}

/// The names of the properties of one of the root's nodes.
fn names_in(nodes: &[Node<'_>], node: &str) -> Vec<String> {
    let found = nodes.iter().find(|there| there.depth == 1 && there.name == node);
    found.map(|node| node.properties.iter().map(|(name, _)| (*name).to_owned()).collect()).unwrap_or_default()
}

/// `audio=on,spi`: `audio`, `spi`.
fn parameter_names(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').take(MOST_PARAMETERS).map(|one| one.split('=').next().unwrap_or_default().trim())
}

/// Which overlay a name stands for on a model; `None` where the map has none for it.
fn mapped(map: &Map, name: &str, model: Model) -> Option<String> {
    let platform = match model {
        Model::Pi4B | Model::Pi400 | Model::Cm4 | Model::Cm4s => "bcm2711",
        _ => "bcm2835",
    };
    let mut name = name.to_owned();
    for _ in 0..RENAMED {
        let Some(rules) = map.get(&name) else { return Some(name) };
        let rule = |wanted: &str| rules.iter().find(|(there, _)| *there == wanted).map(|(_, to)| to.clone());
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
