//! Puts the system together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::boards::{Served, served};
use super::{Arch, select};
use crate::debian::deb::Deb;
use crate::debian::files::{Error, Files};
use crate::debian::initramfs::{Initramfs, gzip};
use crate::debian::modules::{self, Module, Modules};

/// What runs on the board.
const INIT: &[u8] = include_bytes!("../../firmware/agent/init");
const UDHCPC: &[u8] = include_bytes!("../../firmware/agent/udhcpc");
/// A driver for whatever is plugged in later.
const MDEV: &[u8] = b"$MODALIAS=.* 0:0 660 @modprobe -q -b \"$MODALIAS\"\n";

const FIRMWARE: &str = "usr/lib/raspi-firmware/";
/// What boot ROMs and EEPROM bootloaders load, up to BCM2711; later ones have it in themselves.
const FIRMWARE_FILES: [&str; 5] = ["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"];

/// What is put together.
#[derive(Debug)]
pub struct Options {
    /// The processor.
    pub arch: Arch,
    /// The packages: a kernel, busybox-static, raspi-firmware for arm64, and tools.
    pub packages: Vec<PathBuf>,
    /// The agent, a static program for the processor.
    pub agent: Vec<u8>,
    /// Where the station is, for the kernel's command line.
    pub station: Option<String>,
    /// More words for the kernel's command line.
    pub cmdline: String,
    /// The time of all files, in seconds since 1970.
    pub time: u32,
}

/// What was put together.
#[derive(Debug)]
pub struct Built {
    /// The files of the directory.
    pub files: Files,
    /// The kernel's version.
    pub version: String,
    /// The boards, with how far each gets; empty for a PC.
    pub boards: Vec<Served>,
    /// What the kernel has no driver for at all.
    pub lacks: Vec<&'static str>,
    /// Modules that were taken.
    pub modules: usize,
}

/// Puts it together.
///
/// # Errors
/// When a package can't be read, is missing, or lacks something, and when the agent is no static program for the
/// processor.
pub fn assemble(options: &Options) -> Result<Built, Error> {
    let arch = options.arch;
    check_agent(&options.agent, arch)?;
    let debs = options.packages.iter().map(|path| read(path)).collect::<Result<Vec<Deb>, Error>>()?;
    let ours = |deb: &&Deb| deb.architecture == arch.name();
    let missing = |package| move || Error::NoPackage { package };
    let has_kernel = |deb: &&Deb| image_of(deb).is_some();
    let kernel = debs.iter().filter(ours).find(has_kernel).ok_or_else(missing(arch.kernel()))?;
    let busybox = debs.iter().filter(ours).find(|deb| deb.package == "busybox-static");
    let busybox = busybox.ok_or_else(missing("busybox-static"))?;
    let mut files = Files {
        packages: debs.iter().map(|deb| (deb.package.clone(), deb.version.clone())).collect(),
        ..Files::default()
    };
    files.packages.sort();
    files.packages.dedup();

    let all = Modules::of(kernel);
    let version = all.version().ok_or_else(|| lacking(kernel, "lib/modules"))?;
    let (wanted, lacks) = select::wanted(&all);
    let taken = all.closure(&wanted)?;
    let tools: Vec<&Deb> = debs.iter().filter(|deb| is_tool(deb, kernel)).collect();
    let archive = pack(options, busybox, (&version, &taken), &tools)?;
    let mut aliases = all.built_in_aliases();
    aliases.extend(taken.iter().flat_map(|module| modules::aliases(&module.bytes)));

    let image = image_of(kernel).unwrap_or_default();
    let name = format!("piprov-{}", arch.name());
    files.take(kernel, image, &format!("{name}.img"), &[])?;
    files.add(&format!("{name}.gz"), archive);
    let boards = match arch {
        Arch::Arm64 => {
            pi_files(&mut files, &debs, kernel, options)?;
            served(kernel, &aliases)
        }
        Arch::Amd64 => {
            files.add("piprov.ipxe", ipxe(options).into_bytes());
            Vec::new()
        }
    };
    for deb in &debs {
        // The licences want to stay with the files.
        let from = format!("usr/share/doc/{}/copyright", deb.package);
        if deb.files.contains_key(&from) {
            files.take(deb, &from, &format!("licence/{}.txt", deb.package), &[])?;
        }
    }
    Ok(Built { files, version, boards, lacks, modules: taken.len() })
}

fn image_of(deb: &Deb) -> Option<&str> {
    let mut paths = deb.files.keys();
    // Raspberry Pi's packages for a Pi 5 have the same layout.
    paths.find(|path| path.starts_with("boot/vmlinuz-")).map(String::as_str)
}

fn lacking(deb: &Deb, file: &str) -> Error {
    Error::NoFile {
        package: deb.package.clone(),
        version: deb.version.clone(),
        file: file.to_owned(),
        why: "it is not there",
    }
}

/// What of a package can be needed. Of a tool that is all but its documentation.
fn read(path: &Path) -> Result<Deb, Error> {
    let wanted = |path: &str| {
        let is_module = path.strip_prefix("usr/").unwrap_or(path).starts_with("lib/modules/");
        let is_doc = path.starts_with("usr/share/") && !path.ends_with("/copyright");
        if is_module { select::concerns(path) } else { !is_doc }
    };
    Ok(Deb::read(path, wanted)?)
}

fn is_tool(deb: &Deb, kernel: &Deb) -> bool {
    deb.package != kernel.package
        && image_of(deb).is_none()
        && !matches!(deb.package.as_str(), "busybox-static" | "raspi-firmware")
}

/// A program that needs nothing beside the kernel: an ELF file for the machine, without an interpreter (elf(5)).
fn check_agent(bytes: &[u8], arch: Arch) -> Result<(), Error> {
    let fail = |why| Error::NoFile {
        package: "the agent".to_owned(),
        version: arch.name().to_owned(),
        file: "piprov-agent".to_owned(),
        why,
    };
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err(fail("it is no program"));
    }
    if half(18) != Some(arch.machine()) {
        return Err(fail("it is for another processor"));
    }
    let headers = bytes.get(32..40).and_then(|field| field.try_into().ok()).map_or(0, u64::from_le_bytes);
    let (size, count) = (half(54).unwrap_or(0), half(56).unwrap_or(0));
    let interpreter = (0..usize::from(count)).any(|number| {
        let at = usize::try_from(headers).ok().and_then(|at| at.checked_add(number * usize::from(size)));
        // PT_INTERP
        at.and_then(|at| bytes.get(at..at.checked_add(4)?)) == Some(&[3, 0, 0, 0])
    });
    if interpreter { Err(fail("it isn't linked statically: there is no libc on the board")) } else { Ok(()) }
}

/// Something in the system.
enum Entry<'a> {
    Directory,
    /// A file, and whether it is a program.
    File(bool, &'a [u8]),
    Link(&'a str),
}

/// Memory is all that can fail there.
fn packing(source: std::io::Error) -> Error {
    Error::Os { path: PathBuf::from("initramfs"), doing: "packing", source }
}

fn pack(
    options: &Options,
    busybox: &Deb,
    (version, taken): (&str, &[Module]),
    tools: &[&Deb],
) -> Result<Vec<u8>, Error> {
    let program = ["bin/busybox", "usr/bin/busybox"].into_iter().find_map(|path| busybox.files.get(path));
    let program = program.ok_or_else(|| lacking(busybox, "bin/busybox"))?;
    let (dep, alias) = modules::tables(taken);
    let base = format!("lib/modules/{version}");
    // By path, so that the order is always the same, and each directory stands before what is in it. Of two with one path
    // the first one counts.
    let mut all: BTreeMap<String, Entry<'_>> = BTreeMap::new();
    let ours: [(String, bool, &[u8]); 8] = [
        ("bin/busybox".to_owned(), true, program),
        ("bin/piprov-agent".to_owned(), true, &options.agent),
        ("etc/mdev.conf".to_owned(), false, MDEV),
        ("etc/udhcpc".to_owned(), true, UDHCPC),
        ("init".to_owned(), true, INIT),
        (format!("{base}/modules.dep"), false, dep.as_bytes()),
        (format!("{base}/modules.alias"), false, alias.as_bytes()),
        (format!("{base}/modules.symbols"), false, b""),
    ];
    all.extend(ours.map(|(path, is_program, bytes)| (path, Entry::File(is_program, bytes))));
    // The kernel starts the shell before busybox has put its names there.
    all.insert("bin/sh".to_owned(), Entry::Link("busybox"));
    let words = words(options);
    if !words.is_empty() {
        all.insert("etc/piprov/agent".to_owned(), Entry::File(false, words.as_bytes()));
    }
    for module in taken {
        all.insert(format!("{base}/{}", module.path), Entry::File(false, &module.bytes));
    }
    for tool in tools {
        let is_own = |path: &str| !path.starts_with("usr/share/doc/");
        let is_program = |bytes: &[u8]| bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"#!");
        let files = tool.files.iter().map(|(path, bytes)| (path, Entry::File(is_program(bytes), bytes)));
        let links = tool.links.iter().map(|(path, target)| (path, Entry::Link(target)));
        let directories = tool.directories.iter().map(|path| (path, Entry::Directory));
        for (path, entry) in files.chain(links).chain(directories).filter(|(path, _)| is_own(path)) {
            all.entry(path.clone()).or_insert(entry);
        }
    }
    for name in ["bin", "dev", "etc", "proc", "run", "sys", "tmp"] {
        all.insert(name.to_owned(), Entry::Directory);
    }
    let above = |path: &str| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>();
    for directory in all.keys().flat_map(|path| above(path)).collect::<BTreeSet<_>>() {
        // Also where another package has a link.
        all.insert(directory, Entry::Directory);
    }
    let mut archive = Initramfs::new(options.time);
    for (path, entry) in all {
        match entry {
            Entry::Directory => archive.directory(&path),
            Entry::File(is_program, bytes) => archive.file(&path, is_program, bytes),
            Entry::Link(target) => archive.link(&path, target),
        }
        .map_err(packing)?;
    }
    archive.finish().map_err(packing)
}

/// What a Pi's firmware reads.
fn pi_files(files: &mut Files, debs: &[Deb], kernel: &Deb, options: &Options) -> Result<(), Error> {
    let firmware = debs.iter().find(|deb| deb.package == "raspi-firmware");
    let firmware = firmware.ok_or(Error::NoPackage { package: "raspi-firmware" })?;
    for name in FIRMWARE_FILES {
        let magic: &[u8] = if name.ends_with(".elf") { b"\x7fELF" } else { &[] };
        files.take(firmware, &format!("{FIRMWARE}{name}"), name, magic)?;
    }
    let name = format!("piprov-{}.img", options.arch.name());
    if let Some(file) = files.files.get_mut(&name)
        && !file.bytes.starts_with(&[0x1f, 0x8b])
    {
        // 64-bit kernels come unpacked, and the firmware takes them packed too: a third to be sent.
        file.bytes = gzip(&file.bytes).map_err(packing)?;
    }
    let mut upstream = true;
    let trees: Vec<String> = kernel.files.keys().filter(|path| path.ends_with(".dtb")).cloned().collect();
    for path in &trees {
        let tree = path.rsplit('/').next().unwrap_or(path);
        if ["bcm2710-", "bcm2711-", "bcm2712", "bcm2837-"].iter().any(|prefix| tree.starts_with(prefix)) {
            files.take(kernel, path, tree, &[0xd0, 0x0d, 0xfe, 0xed])?;
            upstream &= !tree.starts_with("bcm2710-");
        }
    }
    files.add("config.txt", config(upstream).into_bytes());
    files.add(
        "cmdline.txt",
        (cmdline(options, &["console=ttyS1,115200", "console=ttyAMA0,115200", "console=tty0"]) + "\n")
            .into_bytes(),
    );
    Ok(())
}

/// config.txt. `upstream`: the device trees have kernel.org's names.
fn config(upstream: bool) -> String {
    let names = if upstream {
        "# Debian's kernels know the boards by the device trees of kernel.org, which have other names.\nupstream_kernel=1\n"
    } else {
        ""
    };
    format!(
        "# piprov's system for deploying and backing up. Made by piprov.\n{names}\
         arm_64bit=1\nkernel=piprov-arm64.img\ninitramfs piprov-arm64.gz followkernel\nenable_uart=1\n\
         disable_splash=1\nboot_delay=0\n\n[pi02]\ndevice_tree=bcm2837-rpi-zero-2-w.dtb\n"
    )
}

fn cmdline(options: &Options, consoles: &[&str]) -> String {
    let station = options.station.as_ref().map(|url| format!("piprov.station={url}"));
    let words = consoles.iter().map(|word| (*word).to_owned());
    let more = options.cmdline.split_whitespace().map(str::to_owned);
    words.chain(["panic=10".to_owned()]).chain(station).chain(more).collect::<Vec<_>>().join(" ")
}

/// What the agent is told in its own file: where something else starts the kernel than these boot files, the command line
/// is another one.
fn words(options: &Options) -> String {
    let line = cmdline(options, &[]);
    let ours = line.split_whitespace().filter(|word| {
        ["piprov.station=", "piprov.key=", "piprov.pin="].iter().any(|name| word.starts_with(name))
    });
    ours.map(|word| format!("{word}\n")).collect()
}

/// What a PC's network boot program runs; the settings name it: `boot-files = ["0=piprov.ipxe"]`.
fn ipxe(options: &Options) -> String {
    format!(
        "#!ipxe\n# piprov's system for deploying and backing up. Made by piprov.\n\
         kernel piprov-amd64.img initrd=piprov-amd64.gz {}\ninitrd piprov-amd64.gz\nboot\n",
        cmdline(options, &["console=tty0", "console=ttyS0,115200"])
    )
}
