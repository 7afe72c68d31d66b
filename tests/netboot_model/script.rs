//! The order in which each kind of board asks for files.

use std::collections::VecDeque;

use super::Kind;

/// What a board does next.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Fetches a file.
    Get(String),
    /// Asks for it from three ports at once, and goes on with one.
    GetThrice(String),
    /// Takes one block and gives up.
    Probe(String),
    /// bootcode.bin takes over.
    Bootcode,
    /// The kernel takes over.
    Kernel,
    /// It can't go on.
    Fail(String),
}

/// A line of the script.
#[derive(Debug, Clone)]
enum Line {
    /// Doesn't matter if it isn't there.
    Try(&'static str),
    /// Likewise.
    More(String),
    /// One block of it.
    Probe(&'static str),
    /// It can't go on without.
    Must(&'static str),
    /// The first of these that is there counts, and one has to be.
    OneOf(&'static [&'static str]),
    /// With the prefix, any of these keeps the prefix; otherwise it is left out. Then one of them has to be there.
    Prefix(&'static [&'static str]),
    Bootcode,
}

#[derive(Debug)]
pub(crate) struct Script {
    lines: VecDeque<Line>,
    prefix: String,
    /// Which of several names is being asked for.
    choice: Option<(&'static [&'static str], usize, bool)>,
    must: Option<&'static str>,
    thrice: bool,
}

/// The script of a board; `rom`: of its ROM, which ends with bootcode.bin.
pub(crate) fn of(kind: Kind, rom: bool, serial: u32) -> Script {
    use Line::{Bootcode, Must, OneOf, Prefix, Probe, Try};
    let lines = match kind {
        Kind::Pi3 | Kind::Pi3Plus if rom => vec![Must("bootcode.bin"), Try("bootsig.bin"), Bootcode],
        Kind::Pi3 | Kind::Pi3Plus | Kind::Pi3Card => vec![
            Prefix(&["start.elf"]),
            Try("autoboot.txt"),
            Try("config.txt"),
            Try("recovery.elf"),
            Must("start.elf"),
            Try("fixup.dat"),
            Try("recovery.elf"),
            Try("config.txt"),
            Try("dt-blob.bin"),
            Try("bootcfg.txt"),
            Try("initramfs8"),
            Must("cmdline.txt"),
            Probe("kernel8.img"),
            Probe("kernel8-32.img"),
            Probe("armstub8-32.bin"),
            Probe("kernel8.img"),
            Probe("kernel7.img"),
            Must("kernel8.img"),
            Must(if kind == Kind::Pi3Plus { "bcm2710-rpi-3-b-plus.dtb" } else { "bcm2710-rpi-3-b.dtb" }),
            Try("config.txt"),
            Try("overlays/overlay_map.dtb"),
            Try("overlays/vc4-kms-v3d.dtbo"),
        ],
        Kind::Pi4 | Kind::Cm4 => vec![
            Try("pieeprom.sig"),
            Prefix(&["start4.elf", "start.elf"]),
            Try("config.txt"),
            Try("recover4.elf"),
            Try("recovery.elf"),
            OneOf(&["start4.elf", "start.elf"]),
            Try("fixup4.dat"),
            Try("config.txt"),
            Try("config.txt"),
            Try("vl805.sig"),
            Try("initramfs8"),
            Must(if kind == Kind::Cm4 { "bcm2711-rpi-cm4.dtb" } else { "bcm2711-rpi-4-b.dtb" }),
            Try("config.txt"),
            Try("overlays/overlay_map.dtb"),
            Try("overlays/vc4-kms-v3d.dtbo"),
            Must("cmdline.txt"),
            Probe("kernel8.img"),
            Must("kernel8.img"),
        ],
        Kind::Pi5 => vec![
            Probe("pieeprom.sig"),
            Prefix(&["config.txt"]),
            Must("config.txt"),
            Must("cmdline.txt"),
            Must("bcm2712-rpi-5-b.dtb"),
            Try("overlays/overlay_map.dtb"),
            Try("overlays/bcm2712d0.dtbo"),
            OneOf(&["kernel_2712.img", "kernel8.img"]),
            Try("initramfs_2712"),
            Try("armstub8-2712.bin"),
            Try("overlays/vc4-kms-v3d.dtbo"),
        ],
    };
    let prefix = if rom { String::new() } else { format!("{serial:08x}/") };
    let thrice = matches!(kind, Kind::Pi3 | Kind::Pi3Card) && !rom;
    Script { lines: lines.into(), prefix, choice: None, must: None, thrice }
}

impl Script {
    /// Asks for these too.
    pub(crate) fn add(&mut self, files: &[String]) {
        self.lines.extend(files.iter().cloned().map(Line::More));
    }

    /// What comes next, given whether the last file was there.
    pub(crate) fn next(&mut self, found: Option<bool>) -> Op {
        if let Some(name) = self.must.take()
            && found == Some(false)
        {
            return Op::Fail(format!("{}{name} is missing", self.prefix));
        }
        if let Some((names, at, prefixing)) = self.choice.take()
            && found == Some(false)
        {
            if let Some(name) = names.get(at + 1) {
                self.choice = Some((names, at + 1, prefixing));
                return Op::Get(format!("{}{name}", self.prefix));
            }
            if !prefixing {
                return Op::Fail(format!("{}{} is missing", self.prefix, names.join(", ")));
            }
            self.prefix.clear();
        }
        let Some(line) = self.lines.pop_front() else { return Op::Kernel };
        let path = |name: &str| format!("{}{name}", self.prefix);
        match line {
            Line::Try(name) => Op::Get(path(name)),
            Line::More(name) => Op::Get(path(&name)),
            Line::Probe(name) => Op::Probe(path(name)),
            Line::Must(name) => {
                self.must = Some(name);
                let path = path(name);
                if std::mem::take(&mut self.thrice) { Op::GetThrice(path) } else { Op::Get(path) }
            }
            Line::OneOf(names) => {
                self.choice = Some((names, 0, false));
                Op::Get(path(names[0]))
            }
            Line::Prefix(names) => {
                self.choice = Some((names, 0, true));
                Op::Get(path(names[0]))
            }
            Line::Bootcode => Op::Bootcode,
        }
    }
}
