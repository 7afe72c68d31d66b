//! What becomes of an image at its first start: which files are loaded, with which arguments, or why nothing is. Two
//! answers: that of the U-Boot of a recovery card, [`Forecast`], and that of the Pi's own firmware,
//! [`Boots`].
//!
//! U-Boot on a recovery card runs on boards with a BCM2837 or BCM2711 and starts kernels of 64 bits. Alone it looks for
//! `kernel8.img`, `initramfs8` and `cmdline.txt` on the card's partition 2. Where config.txt says otherwise, a `boot.scr`
//! beside it tells U-Boot what this forecast has found. The rules of config.txt are those of Raspberry Pi's documentation:
//! `kernel`, `initramfs`, `ramfsfile`, `cmdline`, `os_prefix`, `upstream_kernel`, `device_tree`, `boot_ramdisk`,
//! `dtoverlay`, filters, and autoboot.txt's `boot_partition`.

mod kernel;
mod load;
mod overlays;
mod own;
mod root;
mod volume;

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::boot::{Boots, Says};
use super::budget::Budget;
use super::look::firmware;
use crate::board::Model;
use crate::eeprom::Scope;
use crate::eeprom::config_txt::{ConfigFiles, LONGEST};
use crate::eeprom::filters::passes;
use crate::format::brief;
use crate::image::error::is_damage;
use crate::image::files::{Disk, Meant, has_other_root, root_of};
use crate::image::read_at::ReadAt;
use crate::image::table::{Partition, Table};
use load::{Kernels, load, prefix};
pub use overlays::told as overlays_told;
pub use own::MARK;

/// So much of an image is read for one forecast: a boot partition's table and directories, many times over.
const LOOK: u64 = 256 << 20;
/// A kernel's command line is never longer (linux/arch/arm64: COMMAND_LINE_SIZE).
const ARGUMENTS: usize = 2048;
/// Characters of a reason.
const WHY: usize = 400;
/// The kernel that U-Boot looks for by itself.
const KERNEL: &str = "kernel8.img";
/// The initramfs that it looks for by itself.
const INITRAMFS: &str = "initramfs8";
/// The file with the kernel's arguments.
const CMDLINE: &str = "cmdline.txt";

/// Where the arguments of a load stand: the script of a card reads those that the firmware has put into the device tree.
pub const BEHIND: &str = "behind the arguments that the firmware adds";

/// Boards on which the U-Boot of a recovery card runs.
pub const BOARDS: &[Model] = &[
    Model::Pi2V12,
    Model::Pi3B,
    Model::Pi3BPlus,
    Model::Pi3APlus,
    Model::Cm3,
    Model::Cm3Plus,
    Model::Zero2W,
    Model::Pi4B,
    Model::Pi400,
    Model::Cm4,
];

/// What the U-Boot of a recovery card does with an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = BootForecast))]
pub struct Forecast {
    /// Whether it starts it. `None`: the image has a `boot.scr` of its own, which decides, or its kernel is told no root that
    /// is known here.
    pub starts: Option<bool>,
    /// Who tells U-Boot what to load.
    pub by: By,
    /// Why it doesn't start it, or why that isn't known; the end of a sentence that begins with "because". Empty where
    /// it starts.
    #[serde(default)]
    pub why: String,
    /// What is loaded; more than one where config.txt says different things for different boards.
    #[serde(default)]
    pub loads: Vec<Load>,
    /// The overlays of config.txt that U-Boot applies to the device tree, each on a partition of the loads.
    #[serde(default)]
    pub overlays: Vec<Overlays>,
    /// What else matters, each a sentence.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Who tells U-Boot what to load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = BootBy))]
pub enum By {
    /// The card's own script: the usual names.
    #[default]
    Card,
    /// A `boot.scr` that the flash adds to the boot partition.
    Added,
    /// A `boot.scr` that the image has.
    Image,
}

/// What is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = BootLoad))]
pub struct Load {
    /// The boards for which this counts; empty for all.
    #[serde(default)]
    #[cfg_attr(feature = "station", schema(value_type = Vec<String>))]
    pub boards: Vec<Model>,
    /// The partition with the files, by the image's numbering.
    pub partition: u32,
    /// The kernel's path.
    pub kernel: String,
    /// The paths of its initramfs, one behind the other in memory.
    #[serde(default)]
    pub initramfs: Vec<String>,
    /// The file with its arguments; empty where there is none.
    #[serde(default)]
    pub cmdline: String,
    /// The arguments in it.
    #[serde(default)]
    pub arguments: String,
    /// A device tree that takes the place of the firmware's; empty where there is none.
    #[serde(default)]
    pub device_tree: String,
}

impl Load {
    /// Its files, and where they lie, in a few words: `vmlinuz, initrd.img, cmdline.txt of partition 1`.
    #[must_use]
    pub fn told(&self) -> String {
        let more = [&self.device_tree, &self.cmdline].into_iter().filter(|name| !name.is_empty());
        let files: Vec<&str> =
            [&self.kernel].into_iter().chain(&self.initramfs).chain(more).map(|name| &**name).collect();
        let boards =
            if self.boards.is_empty() { String::new() } else { format!("; {}", names(&self.boards)) };
        format!("{} of partition {}{boards}", files.join(", "), self.partition)
    }
}

/// Overlays of the device tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = BootOverlays))]
pub struct Overlays {
    /// The boards for which they are; empty for all.
    #[serde(default)]
    #[cfg_attr(feature = "station", schema(value_type = Vec<String>))]
    pub boards: Vec<Model>,
    /// Their files, in the order in which they are applied.
    pub files: Vec<OverlayFile>,
}

/// One overlay of the device tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = BootOverlayFile))]
pub struct OverlayFile {
    /// Its path.
    pub path: String,
    /// Its fragments that have a label on what they add, which U-Boot has to take away.
    #[serde(default)]
    pub labelled: Vec<String>,
}

/// The files of a boot partition.
trait BootFiles {
    /// The partition's number.
    fn number(&self) -> u32;
    /// What is in its root directory.
    fn names(&self) -> &[String];
    /// The first bytes of a file, at most so many; `None` where there is no such file.
    fn head(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>>;
    /// A file's length and its bytes; `None` where there is no such file.
    fn open(&self, path: &str) -> io::Result<Option<(u64, Box<dyn io::Read + '_>)>>;
    /// The files of another partition, if it is FAT.
    fn other(&self, number: u32) -> io::Result<Option<Box<dyn BootFiles + '_>>>;

    /// Whether the root directory has this, whatever its case.
    fn has(&self, name: &str) -> bool {
        self.names().iter().any(|there| there.eq_ignore_ascii_case(name))
    }

    /// Whether there is such a file.
    fn there(&self, path: &str) -> io::Result<bool> {
        Ok(self.head(path, 1)?.is_some())
    }
}

impl Forecast {
    /// What U-Boot does with an image that has this table, once it is on a recovery card. Waits for the parts of the
    /// image that hold its boot partition.
    ///
    /// # Errors
    /// Only when the image can't be read. Damage within it is a reason not to start.
    pub fn of(image: &Arc<dyn ReadAt>, table: &Table) -> io::Result<Self> {
        let partitions = &table.partitions;
        let budget: Arc<dyn ReadAt> = Arc::new(Budget::new(Arc::clone(image), LOOK));
        let Some(number) = boot_partition(partitions) else {
            return Ok(Self::no("it has no partition that becomes number 2 on the card"));
        };
        let look = || match volume::Volume::new(&budget, partitions, number)? {
            Some(volume) => judge(&volume, &Disk::new(table)),
            None => Ok(Self::no(format!(
                "its first partition (number {number}) isn't FAT, as a boot partition is"
            ))),
        };
        match look() {
            Err(error) if is_damage(&error) => {
                Ok(Self::no(format!("its boot partition can't be read: {}", told(&error))))
            }
            done => done,
        }
    }

    fn no(why: impl Into<String>) -> Self {
        Self { starts: Some(false), why: why.into(), ..Self::default() }
    }

    /// Whether it is known that nothing starts.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.starts == Some(false)
    }
}

/// The partition that becomes number 2 on a recovery card, on which U-Boot looks: number 1, since U-Boot's own takes that
/// number, and else number 2, which stays where number 1 is free (`uboot::layout`).
fn boot_partition(partitions: &[Partition]) -> Option<u32> {
    partitions.iter().map(|partition| partition.number).min().filter(|number| *number <= 2)
}

fn judge(first: &dyn BootFiles, disk: &Disk) -> io::Result<Forecast> {
    let mut notes = Vec::new();
    let mut kernels = Kernels::default();
    if first.has("boot.scr") {
        let script = first.head("boot.scr", own::LONGEST)?.unwrap_or_default();
        if !own::is_ours(&script) {
            // Where partition 1 is free, all keep their numbers.
            let numbered = (first.number() == 1).then(|| own::numbered(&script, disk.id())).flatten();
            return Ok(match numbered {
                Some(words) => Forecast::no(format!(
                    "its own boot.scr names partitions by number (`{words}`), and they have other numbers on the card"
                )),
                None => Forecast {
                    by: By::Image,
                    why: "the image has a boot.scr of its own, and what that does is not known here"
                        .to_owned(),
                    ..Forecast::default()
                },
            });
        }
    }
    let autoboot = config(first, "autoboot.txt");
    let number =
        autoboot.as_ref().ok().and_then(|config| config.value("boot_partition")?.parse::<u32>().ok());
    let number = number.filter(|number| *number != first.number());
    if first.has("autoboot.txt") {
        notes.push(
            "autoboot.txt is followed as it is now: the other partition of an update (tryboot) is never tried with this \
             card."
                .to_owned(),
        );
    }
    let other = number.map(|number| first.other(number)).transpose()?;
    let files = match (&other, number) {
        (Some(Some(other)), _) => &**other,
        (_, Some(number)) => {
            return Ok(Forecast::no(format!(
                "autoboot.txt names partition {number}, and there is no such FAT partition"
            )));
        }
        (_, None) => first,
    };
    let config = match config(files, "config.txt") {
        Ok(config) => Some(config),
        Err(why) => {
            notes.push(format!("config.txt can't be read, and counts as empty: {}.", brief(&why, WHY)));
            None
        }
    };
    let mut loads: Vec<Load> = Vec::new();
    let mut boards: Vec<overlays::Board> = Vec::new();
    let mut refused: Vec<(String, Vec<Model>)> = Vec::new();
    for model in BOARDS {
        let says = Says { config: config.as_ref(), model: *model };
        match load((files, disk), &says, &mut kernels, &mut notes)? {
            Ok(load) => {
                let prefix = prefix(files, &says)?;
                boards.push(overlays::Board { model: *model, prefix, tree: load.device_tree.clone() });
                match loads.iter_mut().find(|known| Load { boards: Vec::new(), ..(*known).clone() } == load) {
                    Some(known) => known.boards.push(*model),
                    None => loads.push(Load { boards: vec![*model], ..load }),
                }
            }
            Err(why) => match refused.iter_mut().find(|(known, _)| *known == why) {
                Some((_, boards)) => boards.push(*model),
                None => refused.push((why, vec![*model])),
            },
        }
    }
    if let Some(config) = &config {
        notes.extend(unknown_filter(config));
    }
    if loads.is_empty() {
        let whys: Vec<_> = refused.into_iter().map(|(why, _)| why).collect();
        return Ok(Forecast { notes, ..Forecast::no(whys.join("; ")) });
    }
    for (why, boards) in &refused {
        notes.push(format!("It doesn't start on {}: {why}.", names(boards)));
    }
    if let ([only], true) = (&mut loads[..], refused.is_empty()) {
        only.boards.clear();
    }
    let usual = |load: &Load| {
        load.partition == first.number()
            && load.kernel == KERNEL
            && load.initramfs.iter().all(|name| name == INITRAMFS)
            && matches!(&*load.cmdline, "" | CMDLINE)
            && load.device_tree.is_empty()
    };
    // A script of an earlier flash is in the way of the card's own; it is made anew.
    let old = first.has("boot.scr");
    let by = match &loads[..] {
        [load] if load.boards.is_empty() && usual(load) && !kernels.need_script && !old => By::Card,
        _ => By::Added,
    };
    let plan = match &config {
        Some(config) => overlays::plan(files, config, &boards)?,
        None => overlays::Plan::default(),
    };
    notes.extend(plan.notes);
    // What some boards load may be sure.
    let doubts: Vec<_> = loads.iter().filter_map(|load| doubt(load, disk)).collect();
    let unsure = doubts.len() == loads.len();
    let why = doubts.into_iter().next().filter(|_| unsure).unwrap_or_default();
    Ok(Forecast { starts: (!unsure).then_some(true), by, why, loads, overlays: plan.applied, notes })
}

/// Why it isn't known whether a kernel finds its root: it is told none, or one that only another disk may have, and gets no
/// initramfs that may know better.
fn doubt(load: &Load, disk: &Disk) -> Option<String> {
    if load.initramfs.is_empty()
        && let Some(root) = root_of(&load.arguments).filter(|root| root.starts_with(root::PARTLABEL))
        && let Meant::Nothing(why) = disk.meant(root)
    {
        return Some(format!(
            "root={} in {} {why}: it starts only if another disk has a partition of that name",
            short(root),
            short(&load.cmdline)
        ));
    }
    if !load.initramfs.is_empty() || root_of(&load.arguments).is_some() || has_other_root(&load.arguments) {
        return None;
    }
    let what = match load.cmdline.as_str() {
        "" => "there is no file with arguments".to_owned(),
        file => format!("{} has no root= in its first line", short(file)),
    };
    Some(format!(
        "{what}, and no initramfs is loaded: it starts only if {} has one inside",
        short(&load.kernel)
    ))
}

/// A file of settings and what it includes; empty where there is no such file.
fn config(files: &dyn BootFiles, name: &str) -> Result<ConfigFiles, String> {
    ConfigFiles::read(name, |name| files.head(name, LONGEST as usize + 1)).map_err(|error| match error {
        crate::eeprom::config_txt::BadConfig::Read { source, .. } => source.to_string(),
        error => error.to_string(),
    })
}

/// A path that config.txt names. A `/` in front doesn't matter: all paths begin at the partition's root.
fn at(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.trim_start_matches('/')).trim_start_matches('/').to_owned()
}

/// Whether a path may stand in a script: U-Boot's shell would obey other characters.
fn can_be_written(path: &str) -> bool {
    path.chars().all(|c| c.is_ascii_alphanumeric() || "._-+/@~".contains(c))
}

/// A setting that decides and stands below a filter that only the board can answer.
fn unknown_filter(config: &ConfigFiles) -> Option<String> {
    const DECIDE: [&str; 9] = [
        "kernel",
        "initramfs",
        "ramfsfile",
        "cmdline",
        "os_prefix",
        "device_tree",
        "dtoverlay",
        "dtparam",
        "overlay_prefix",
    ];
    let found = config.settings().iter().find_map(|setting| {
        let Scope::When(filter) = &setting.scope else { return None };
        let decides = DECIDE.iter().any(|name| setting.name.eq_ignore_ascii_case(name));
        (decides && passes(filter, Model::Pi4B).is_none()).then_some((filter, &setting.name))
    });
    let (filter, name) = found?;
    Some(format!(
        "What stands below [{}] in config.txt ({}) is known on the board only, and doesn't count with this card.",
        short(filter),
        short(name)
    ))
}

/// Names of boards, one behind the other.
fn names(boards: &[Model]) -> String {
    boards.iter().map(|board| board.name()).collect::<Vec<_>>().join(", ")
}

/// A word out of an image, as long as it is worth telling. It is still as hostile as it was.
fn short(text: &str) -> String {
    brief(text, 80)
}

/// Why something can't be read, in words that may hold some of the image's.
fn told(error: &io::Error) -> String {
    brief(&error.to_string(), WHY)
}

/// Both answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// What the U-Boot of a recovery card does.
    pub card: Forecast,
    /// Which boards start from it by their own firmware; `None` where there is nothing that firmware looks for.
    pub firmware: Option<Boots>,
}

impl Answers {
    /// Asks both.
    ///
    /// # Errors
    /// As [`Forecast::of`].
    pub fn of(image: &Arc<dyn ReadAt>, table: &Table) -> io::Result<Self> {
        let card = Forecast::of(image, table)?;
        let firmware = match firmware(image, &table.partitions) {
            Err(error) if is_damage(&error) => None,
            done => done?,
        };
        Ok(Self { card, firmware })
    }
}

#[cfg(test)]
mod tests;
