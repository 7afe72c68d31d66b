//! Which boards start from a boot partition, and by which files that is known.
//!
//! The rules are those of Raspberry Pi's documentation: "Boot folder contents", "config.txt" (`kernel`, `arm_64bit`,
//! `os_prefix`, `device_tree`, `upstream_kernel`) and "Conditional filters". A board starts from a partition that has its
//! firmware (boards with a BCM2712 bring their own), a kernel for its processor, and its device tree. Whether that
//! kernel then finds its root isn't known here.

use serde::{Deserialize, Serialize};

use crate::board::Model;
use crate::eeprom::Scope;
use crate::eeprom::config_txt::ConfigFiles;
use crate::eeprom::filters::passes;

/// Which boards start from an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImageBoots))]
pub struct Boots {
    /// The partition that was looked at.
    pub part: u32,
    /// What was found for each model, in their order.
    pub boards: Vec<Verdict>,
    /// What else decides, each a sentence.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Whether a model starts from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = BootVerdict))]
pub struct Verdict {
    /// The model.
    #[cfg_attr(feature = "station", schema(value_type = String))]
    pub model: Model,
    /// Whether it does; `None` where that can't be said.
    pub starts: Option<bool>,
    /// The files by which that is known; where it doesn't, what is missing.
    pub evidence: Vec<String>,
}

impl Boots {
    /// What was found for a model.
    #[must_use]
    pub fn of(&self, model: Model) -> Option<&Verdict> {
        self.boards.iter().find(|verdict| verdict.model == model)
    }

    /// The models that start from it.
    pub fn models(&self) -> impl Iterator<Item = Model> {
        self.boards.iter().filter(|verdict| verdict.starts == Some(true)).map(|verdict| verdict.model)
    }
}

/// The chips, as far as they differ in what they start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chip {
    Bcm2835,
    Bcm2836,
    Bcm2837,
    Bcm2711,
    Bcm2712,
}

/// A model's chip; its device trees, those of Raspberry Pi first, then those of kernel.org.
pub(super) const fn needs(model: Model) -> (Chip, &'static [&'static str], &'static [&'static str]) {
    use Chip::{Bcm2711, Bcm2712, Bcm2835, Bcm2836, Bcm2837};
    match model {
        Model::A | Model::B => (
            Bcm2835,
            &["bcm2708-rpi-b.dtb", "bcm2708-rpi-b-rev1.dtb"],
            &["bcm2835-rpi-b.dtb", "bcm2835-rpi-a.dtb"],
        ),
        Model::APlus | Model::BPlus => {
            (Bcm2835, &["bcm2708-rpi-b-plus.dtb"], &["bcm2835-rpi-b-plus.dtb", "bcm2835-rpi-a-plus.dtb"])
        }
        Model::Cm1 => (Bcm2835, &["bcm2708-rpi-cm.dtb"], &["bcm2835-rpi-cm1-io1.dtb"]),
        Model::Zero => (Bcm2835, &["bcm2708-rpi-zero.dtb"], &["bcm2835-rpi-zero.dtb"]),
        Model::ZeroW => (Bcm2835, &["bcm2708-rpi-zero-w.dtb"], &["bcm2835-rpi-zero-w.dtb"]),
        Model::Pi2 => (Bcm2836, &["bcm2709-rpi-2-b.dtb"], &["bcm2836-rpi-2-b.dtb"]),
        Model::Pi2V12 => (Bcm2837, &["bcm2710-rpi-2-b.dtb", "bcm2709-rpi-2-b.dtb"], &["bcm2837-rpi-2-b.dtb"]),
        Model::Pi3B => (Bcm2837, &["bcm2710-rpi-3-b.dtb"], &["bcm2837-rpi-3-b.dtb"]),
        Model::Pi3BPlus => (Bcm2837, &["bcm2710-rpi-3-b-plus.dtb"], &["bcm2837-rpi-3-b-plus.dtb"]),
        Model::Pi3APlus => (
            Bcm2837,
            &["bcm2710-rpi-3-b-plus.dtb"],
            &["bcm2837-rpi-3-a-plus.dtb", "bcm2837-rpi-3-b-plus.dtb"],
        ),
        Model::Cm3 | Model::Cm3Plus => (Bcm2837, &["bcm2710-rpi-cm3.dtb"], &["bcm2837-rpi-cm3-io3.dtb"]),
        Model::Zero2W => {
            (Bcm2837, &["bcm2710-rpi-zero-2-w.dtb", "bcm2710-rpi-zero-2.dtb"], &["bcm2837-rpi-zero-2-w.dtb"])
        }
        Model::Cm0 => (Bcm2837, &["bcm2710-rpi-cm0.dtb"], &[]),
        Model::Pi4B => (Bcm2711, &["bcm2711-rpi-4-b.dtb"], &["bcm2711-rpi-4-b.dtb"]),
        Model::Pi400 => (Bcm2711, &["bcm2711-rpi-400.dtb"], &["bcm2711-rpi-400.dtb"]),
        Model::Cm4 => (Bcm2711, &["bcm2711-rpi-cm4.dtb"], &["bcm2711-rpi-cm4-io.dtb"]),
        Model::Cm4s => (Bcm2711, &["bcm2711-rpi-cm4s.dtb"], &[]),
        Model::Pi5 => (
            Bcm2712,
            &["bcm2712-rpi-5-b.dtb", "bcm2712d0-rpi-5-b.dtb"],
            &["bcm2712-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb"],
        ),
        Model::Pi500 => (Bcm2712, &["bcm2712-rpi-500.dtb"], &[]),
        Model::Cm5 => (Bcm2712, &["bcm2712-rpi-cm5-cm5io.dtb", "bcm2712-rpi-cm5-cm4io.dtb"], &[]),
        Model::Cm5Lite => (Bcm2712, &["bcm2712-rpi-cm5l-cm5io.dtb", "bcm2712-rpi-cm5l-cm4io.dtb"], &[]),
    }
}

/// What config.txt says on one model. What stands below a filter that only the board itself can answer doesn't count.
pub(super) struct Says<'a> {
    pub(super) config: Option<&'a ConfigFiles>,
    pub(super) model: Model,
}

impl Says<'_> {
    /// Whether a setting counts that stands below these filters.
    pub(super) fn counts(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Always => true,
            Scope::Never | Scope::Elsewhere => false,
            Scope::When(filter) => passes(filter, self.model).unwrap_or(false),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let settings = self.config?.settings().iter().rev();
        let mut named = settings.filter(|setting| setting.name.eq_ignore_ascii_case(name));
        named.find(|setting| self.counts(&setting.scope)).map(|setting| setting.value.as_str())
    }

    pub(super) fn is(&self, name: &str) -> Option<bool> {
        self.value(name).map(|value| !matches!(value, "" | "0"))
    }
}

/// Which boards start from a partition with these files in its root directory. `there` says of a path whether there is
/// such a file; `config` is its config.txt, or why that can't be read. `None`: there is nothing that firmware looks for.
pub fn judge(
    part: u32,
    names: &[String],
    there: &dyn Fn(&str) -> bool,
    config: Result<&ConfigFiles, String>,
) -> Option<Boots> {
    let has = |name: &str| names.iter().any(|there| there.eq_ignore_ascii_case(name));
    let like = |begin: &str, end: &str| {
        names.iter().any(|name| {
            let name = name.to_ascii_lowercase();
            name.starts_with(begin) && name.ends_with(end)
        })
    };
    let any = has("recovery.elf")
        || has("config.txt")
        || has("bootcode.bin")
        || like("start", ".elf")
        || like("bcm27", ".dtb");
    if !any && !has("boot.img") && !has("autoboot.txt") {
        return None;
    }
    let mut notes = Vec::new();
    if has("autoboot.txt") {
        notes.push("autoboot.txt is there: the firmware may start from another partition.".to_owned());
    }
    let config = match config {
        Ok(config) => Some(config),
        Err(why) => {
            notes.push(format!("config.txt can't be read, and counts as empty: {why}."));
            None
        }
    };
    let unknown = config.map(ConfigFiles::settings).unwrap_or_default().iter().find_map(|setting| {
        let Scope::When(filter) = &setting.scope else { return None };
        let decides = ["kernel", "arm_64bit", "os_prefix", "device_tree", "upstream_kernel", "boot_ramdisk"]
            .iter()
            .any(|name| setting.name.eq_ignore_ascii_case(name));
        (decides && passes(filter, Model::Pi4B).is_none()).then(|| (filter.clone(), setting.name.clone()))
    });
    if let Some((filter, name)) = unknown {
        let filter: String = filter.chars().take(60).collect();
        notes
            .push(format!("What stands below [{filter}] in config.txt ({name}) is known on the board only."));
    }
    let boards = Model::ALL.iter().map(|model| one(*model, names, there, &Says { config, model: *model }));
    Some(Boots { part, boards: boards.collect(), notes })
}

fn one(model: Model, names: &[String], there: &dyn Fn(&str) -> bool, says: &Says<'_>) -> Verdict {
    let (chip, ours, upstream) = needs(model);
    let find = |wanted: &[&str]| {
        let mut found = wanted.iter();
        found.find_map(|wanted| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)).cloned())
    };
    if says.is("boot_ramdisk") == Some(true) && find(&["boot.img"]).is_some() {
        let evidence = vec!["boot.img has the boot files in it (boot_ramdisk=1)".to_owned()];
        return Verdict { model, starts: None, evidence };
    }
    let (mut evidence, mut missing) = (Vec::new(), Vec::new());
    let mut want = |wanted: &[&str], what: String| match find(wanted) {
        Some(name) => evidence.push(name),
        None => missing.push(what),
    };
    // The firmware.
    match chip {
        Chip::Bcm2835 | Chip::Bcm2836 | Chip::Bcm2837 => {
            want(&["bootcode.bin"], "no bootcode.bin".to_owned());
            want(&["start.elf", "start_x.elf", "start_cd.elf", "start_db.elf"], "no start.elf".to_owned());
        }
        Chip::Bcm2711 => {
            want(&["start4.elf", "start4x.elf", "start4cd.elf", "start4db.elf"], "no start4.elf".to_owned());
        }
        Chip::Bcm2712 => want(&["config.txt"], "no config.txt".to_owned()),
    }
    let prefix = says.value("os_prefix").unwrap_or_default().trim_start_matches('/').to_owned();
    let at = |name: &str| format!("{prefix}{}", name.trim_start_matches('/'));
    // The kernel.
    let kernels: &[&str] = match (chip, says.is("arm_64bit")) {
        (Chip::Bcm2835, _) => &["kernel.img"],
        (Chip::Bcm2836, _) => &["kernel7.img"],
        (Chip::Bcm2837, Some(true)) => &["kernel8.img"],
        (Chip::Bcm2837, _) => &["kernel7.img"],
        (Chip::Bcm2711, Some(false)) => &["kernel7l.img"],
        (Chip::Bcm2711, Some(true)) => &["kernel8.img"],
        (Chip::Bcm2711, None) => &["kernel8.img", "kernel7l.img"],
        (Chip::Bcm2712, _) => &["kernel_2712.img", "kernel8.img"],
    };
    // Whether a Pi 3 takes a kernel of 64 bits by itself: the documentation says no, and many have seen that it does.
    let mut unsure = None;
    match says.value("kernel").filter(|kernel| !kernel.is_empty()) {
        Some(kernel) if there(&at(kernel)) => evidence.push(at(kernel)),
        Some(kernel) => missing.push(format!("no {}, which config.txt names as kernel", at(kernel))),
        None => match kernels.iter().find(|kernel| there(&at(kernel))) {
            Some(kernel) => evidence.push(at(kernel)),
            None if chip == Chip::Bcm2837 && says.is("arm_64bit").is_none() && there(&at("kernel8.img")) => {
                unsure = Some(format!("{} alone, and no arm_64bit=1 in config.txt", at("kernel8.img")));
            }
            None => missing
                .push(format!("no {}", kernels.iter().map(|k| at(k)).collect::<Vec<_>>().join(", no "))),
        },
    }
    // The device tree.
    let trees = if says.is("upstream_kernel") == Some(true) { upstream } else { ours };
    let (tree, named) = match says.value("device_tree").filter(|tree| !tree.is_empty()) {
        Some(tree) => (there(&at(tree)).then(|| at(tree)), vec![at(tree)]),
        None => {
            let all: Vec<_> = trees.iter().chain(upstream).map(|tree| at(tree)).collect();
            (all.iter().find(|tree| there(tree)).cloned(), all)
        }
    };
    match (tree, named.first()) {
        (Some(tree), _) => evidence.push(tree),
        (None, Some(first)) => missing.push(format!("no {first}")),
        (None, None) => missing.push("no device tree".to_owned()),
    }
    let recovery = find(&["recovery.elf"]).filter(|_| chip != Chip::Bcm2712 && !missing.is_empty());
    let (starts, told) = match (recovery, unsure, missing.is_empty()) {
        // NOOBS, and PINN.
        (Some(name), ..) => (
            None,
            vec![format!("{name} is a recovery program, which the firmware starts instead of a system")],
        ),
        (None, Some(why), true) => (None, vec![why]),
        (None, _, true) => (Some(true), evidence),
        (None, _, false) => (Some(false), missing),
    };
    Verdict { model, starts, evidence: told.iter().map(|text| text.chars().take(120).collect()).collect() }
}

#[cfg(test)]
mod tests;
