//! Puts the system together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::boards::{Served, served};
use super::kernel::{self, Given};
use super::usb_boot::UsbBoot;
use super::{Arch, pi, program, select};
use crate::debian::deb::Deb;
use crate::debian::files::{Error, Files};
use crate::debian::initramfs::Initramfs;
use crate::debian::modules::{self, Module, Modules};

/// What runs on the board.
const INIT: &[u8] = include_bytes!("../../firmware/agent/init");
const UDHCPC: &[u8] = include_bytes!("../../firmware/agent/udhcpc");
/// A driver for whatever is plugged in later.
const MDEV: &[u8] = b"$MODALIAS=.* 0:0 660 @modprobe -q -b \"$MODALIAS\"\n";

/// For boards without an agent: what finds the station and the disk, and what does the work there.
const SHELL_AGENT: &[u8] = include_bytes!("../../firmware/agent/shell-agent");
/// What makes a board a USB Ethernet gadget.
const CABLE: &[u8] = include_bytes!("../../firmware/agent/cable");
const SHELL_CLIENT: &[u8] = include_bytes!("../../firmware/agent/shell-client");

/// What is put together.
#[derive(Debug)]
pub struct Options {
    /// The processor.
    pub arch: Arch,
    /// The packages: a kernel, busybox-static, raspi-firmware for a Pi, and tools.
    pub packages: Vec<PathBuf>,
    /// A kernel instead of a package's.
    pub kernel: Option<Given>,
    /// The agent, a static program for the processor. Without one a client of busybox does its work.
    pub agent: Option<Vec<u8>>,
    /// What boot ROMs of a Pi 4 and 5 load over USB.
    pub usb_boot: UsbBoot,
    /// The station is reached over the USB cable by which a board was booted: with `http` or `https`, and at which port.
    pub over_usb: Option<(&'static str, u16)>,
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

/// Looks whether a file is an agent that the processor can run.
///
/// # Errors
/// [`Error::Given`].
pub fn check_agent(path: &Path, bytes: &[u8], arch: Arch) -> Result<(), Error> {
    let given =
        |why| Error::Given { path: path.to_owned(), what: format!("no agent for {}: {why}", arch.name()) };
    program::check(bytes, arch).map_err(given)
}

/// Puts it together.
///
/// # Errors
/// When a package can't be read, is missing, or lacks something, and when the agent is no static program for the
/// processor.
pub fn assemble(options: &Options) -> Result<Built, Error> {
    let arch = options.arch;
    if let Some(agent) = &options.agent {
        check_agent(Path::new("piprov-agent"), agent, arch)?;
    }
    let mut debs = options.packages.iter().map(|path| read(path)).collect::<Result<Vec<Deb>, Error>>()?;
    let missing = |package| move || Error::NoPackage { package };
    let of_package = match &options.kernel {
        Some(given) => Some(given.read(arch)?),
        None => kernel::take(&mut debs, arch)?,
    };
    let kernel = of_package.ok_or_else(missing(arch.kernel()))?;
    let busybox = debs.iter().find(|deb| deb.package == "busybox-static" && arch.takes(&deb.architecture));
    let busybox = busybox.ok_or_else(missing("busybox-static"))?;
    let shell = shell_of(busybox)?;
    program::check(shell, arch).map_err(|why| Error::NoFile {
        package: "busybox-static".to_owned(),
        version: arch.name().to_owned(),
        file: "bin/busybox".to_owned(),
        why,
    })?;
    let mut files = Files {
        packages: debs
            .iter()
            .chain([&kernel.deb])
            .map(|deb| (deb.package.clone(), deb.version.clone()))
            .collect(),
        ..Files::default()
    };
    files.packages.sort();
    files.packages.dedup();

    let all = Modules::of(&kernel.deb);
    let version = kernel.version.clone();
    let (wanted, mut lacks) = select::wanted(&all, arch);
    if options.over_usb.is_some() && !(all.has("usb_f_ncm") && all.has("dwc2")) {
        lacks.push("a USB Ethernet gadget");
    }
    let taken = all.closure(&wanted)?;
    let tools: Vec<&Deb> = debs.iter().filter(|deb| is_tool(deb)).collect();
    let archive = pack(options, shell, (&version, &taken), &tools)?;
    let mut aliases = all.built_in_aliases();
    aliases.extend(taken.iter().flat_map(|module| modules::aliases(&module.bytes)));

    let name = format!("piprov-{}", arch.name());
    files.take(&kernel.deb, &kernel.image, &format!("{name}.img"), &[])?;
    files.add(&format!("{name}.gz"), archive);
    if arch.is_pi() {
        pi::add(&mut files, &debs, &kernel.deb, options)?;
    } else {
        files.add("piprov.ipxe", ipxe(options).into_bytes());
    }
    let boards = served(arch, &kernel.deb, &aliases);
    for deb in debs.iter().chain([&kernel.deb]) {
        // The licences want to stay with the files.
        let from = format!("usr/share/doc/{}/copyright", deb.package);
        if deb.files.contains_key(&from) {
            files.take(deb, &from, &format!("licence/{}.txt", deb.package), &[])?;
        }
    }
    Ok(Built { files, version, boards, lacks, modules: taken.len() })
}

/// The shell that is all of a package.
fn shell_of(busybox: &Deb) -> Result<&[u8], Error> {
    let program = ["bin/busybox", "usr/bin/busybox"].into_iter().find_map(|path| busybox.files.get(path));
    program.map(Vec::as_slice).ok_or_else(|| Error::NoFile {
        package: busybox.package.clone(),
        version: busybox.version.clone(),
        file: "bin/busybox".to_owned(),
        why: "it is not there",
    })
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

fn is_tool(deb: &Deb) -> bool {
    !kernel::has_kernel(deb) && deb.package != "busybox-static" && !pi::is_firmware(deb)
}

/// Something in the system.
enum Entry<'a> {
    Directory,
    /// A file, and whether it is a program.
    File(bool, &'a [u8]),
    Link(&'a str),
}

/// Memory is all that can fail there.
pub(super) fn packing(source: std::io::Error) -> Error {
    Error::Os { path: PathBuf::from("initramfs"), doing: "packing", source }
}

fn pack(
    options: &Options,
    shell: &[u8],
    (version, taken): (&str, &[Module]),
    tools: &[&Deb],
) -> Result<Vec<u8>, Error> {
    let (dep, alias) = modules::tables(taken);
    let base = format!("lib/modules/{version}");
    // By path, so that the order is always the same, and each directory stands before what is in it. Of two with one path
    // the first one counts.
    let mut all: BTreeMap<String, Entry<'_>> = BTreeMap::new();
    let ours: [(String, bool, &[u8]); 9] = [
        ("bin/busybox".to_owned(), true, shell),
        ("bin/cable".to_owned(), true, CABLE),
        ("bin/piprov-agent".to_owned(), true, options.agent.as_deref().unwrap_or(SHELL_AGENT)),
        ("etc/mdev.conf".to_owned(), false, MDEV),
        ("etc/udhcpc".to_owned(), true, UDHCPC),
        ("init".to_owned(), true, INIT),
        (format!("{base}/modules.dep"), false, dep.as_bytes()),
        (format!("{base}/modules.alias"), false, alias.as_bytes()),
        (format!("{base}/modules.symbols"), false, b""),
    ];
    all.extend(ours.map(|(path, is_program, bytes)| (path, Entry::File(is_program, bytes))));
    if options.agent.is_none() {
        all.insert("bin/shell-client".to_owned(), Entry::File(true, SHELL_CLIENT));
    }
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

/// The kernel's command line.
pub(super) fn cmdline(options: &Options, consoles: &[&str]) -> String {
    let station = options.station.as_ref().map(|url| format!("piprov.station={url}"));
    let usb = options.over_usb.map(|(scheme, port)| format!("piprov.usb={scheme}:{port}"));
    let words = consoles.iter().map(|word| (*word).to_owned());
    let more = options.cmdline.split_whitespace().map(str::to_owned);
    words.chain(["panic=10".to_owned()]).chain(station).chain(usb).chain(more).collect::<Vec<_>>().join(" ")
}

/// What the agent is told in its own file: where something else starts the kernel than these boot files, the command line
/// is another one.
fn words(options: &Options) -> String {
    let line = cmdline(options, &[]);
    let ours = line.split_whitespace().filter(|word| {
        ["piprov.station=", "piprov.key=", "piprov.pin=", "piprov.disk=", "piprov.jumper="]
            .iter()
            .any(|name| word.starts_with(name))
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
