//! `piprov initramfs`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::stage1::{Release, time};
use crate::beneath::{open_regular, read_bounded};
use crate::board::identity::Chip;
use crate::cli::assembled;
use crate::cli::failure::Context;
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::debian::apt::{self, Source, Wanted};
use crate::debian::files::check_directory;
use crate::format::json::json;
use crate::http::{Origin, Pin};
use crate::initramfs::Arch;
use crate::initramfs::boards::{Served, Serves};
use crate::initramfs::build::{self, Built, Options};
use crate::initramfs::kernel::Given;
use crate::initramfs::usb_boot::UsbBoot;
use crate::stop::Stop;

/// A static agent is a few megabytes.
const LARGEST_AGENT: u64 = 64 << 20;
/// What scripts of projects use.
const SCRIPT_TOOLS: [&str; 5] = ["parted", "fdisk", "e2fsprogs", "mmc-utils", "curl"];

#[derive(Debug, clap::Args)]
pub struct Initramfs {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Build it out of Debian's packages and the agent
    ///
    /// The directory has all that a board fetches: firmware, kernel, device trees, the initramfs with drivers, busybox
    /// and the agent, config.txt and cmdline.txt. It is served over the network (--tftp-root of `piprov bootd`) and over
    /// USB (`piprov usbboot -d`). Which boards the kernel serves is said.
    ///
    /// For armv6 there is no agent: a client of busybox does its work, and proves it by reading back too. The station has
    /// to serve such clients (`station.shell-clients`), over HTTP.
    Build(Build),
}

#[derive(Debug, clap::Args)]
struct Build {
    /// The boards' processor
    #[arg(long, value_enum)]
    arch: ArchName,
    /// The directory to write, such as /srv/netboot/tftp
    #[arg(short, long, value_name = "DIR", value_parser = crate::cli::output::place)]
    output: PathBuf,
    /// The agent [default: beside this program, or in lib/piprov; for armv6 none]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// Where the boards find the station, such as http://10.0.0.1:8080
    #[arg(long, value_name = "URL", value_parser = station)]
    station: Option<Origin>,
    /// Boards find the station at this port of the host that boots them over USB
    ///
    /// They show themselves as USB Ethernet gadgets, and `piprov bootd --usb` takes them at the other end of the cable:
    /// no address has to be known. With --station too, images come over Ethernet where the station answers there.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8080",
          value_parser = clap::value_parser!(u16).range(1..))]
    over_usb: Option<u16>,
    /// sha256 of the station's certificate: boards believe no other one
    ///
    /// `piprov station cert` tells it. An https address needs it, since the system has no authorities.
    #[arg(long, value_name = "HEX")]
    pin: Option<Pin>,
    /// The station's public key: boards follow no other station
    ///
    /// `piprov station status` tells it. 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = key)]
    station_key: Option<String>,
    /// More words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "", value_parser = words)]
    cmdline: String,
    /// A package that is there already; give it for each one
    ///
    /// A kernel (Debian's linux-image-…-arm64, …-amd64 or …-rpi, or Raspberry Pi's linux-image-…-rpi-v8, …-rpi-v6 or
    /// raspberrypi-kernel), busybox-static, and for a Pi raspi-firmware are needed. No other programs are needed then.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mirror", "release", "package"])]
    deb: Vec<PathBuf>,
    /// A kernel's package that is there already, such as Raspberry Pi's
    ///
    /// The other packages are fetched all the same, where they aren't given too.
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    kernel_package: Option<PathBuf>,
    /// A kernel that is there as a file, instead of a package's
    #[arg(long, value_name = "FILE", requires = "modules")]
    kernel: Option<PathBuf>,
    /// Its modules: lib/modules/VERSION, or a directory or tar archive that has it
    #[arg(long, value_name = "DIR|TAR", requires = "kernel")]
    modules: Option<PathBuf>,
    /// Its device trees, where they don't lie with the modules
    #[arg(long, value_name = "DIR|TAR", requires = "kernel")]
    device_trees: Option<PathBuf>,
    /// Raspberry Pi's bootcode for USB boot of a Pi 4 or 5
    ///
    /// bootcode4.bin, bootcode5.bin, the archive bootfiles.bin, or a directory of rpiboot's that has them, such as its
    /// mass-storage-gadget64. Give it again for the other one.
    #[arg(long, value_name = "PATH")]
    usb_boot: Vec<PathBuf>,
    /// Put in what scripts use: parted, sfdisk, resize2fs, mke2fs, mmc and curl
    ///
    /// They come from Debian's packages parted, fdisk, e2fsprogs, mmc-utils and curl, with their libraries. A board needs
    /// about 60 MB of memory for them.
    #[arg(long, conflicts_with = "deb")]
    script_tools: bool,
    /// Put this package's files into the system too; give it for each one
    ///
    /// What it depends on is not looked for: name that too.
    #[arg(long, value_name = "NAME")]
    package: Vec<String>,
    /// Debian archive to fetch from; default: the one in apt's own sources
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Debian release to fetch from
    #[arg(long, value_enum, default_value = "bookworm")]
    release: Release,
    /// Write into a directory that has something in it
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArchName {
    /// Pi 1, Zero, Zero W, Compute Module 1
    Armv6,
    /// Pi 3, 4, 5, Zero 2 W, Compute Module 3, 4, 5
    Arm64,
    /// PCs
    Amd64,
}

fn station(text: &str) -> Result<Origin, String> {
    match text.parse().map_err(|error: crate::http::BadUrl| error.to_string())? {
        Origin::Unix(_) => {
            Err("boards reach no socket of this host: an http or https address is needed".into())
        }
        origin @ Origin::Tcp { .. } => Ok(origin),
    }
}

fn key(text: &str) -> Result<String, String> {
    let key = crate::format::unhex::<32>(text).ok_or("64 hexadecimal digits are needed")?;
    Ok(crate::format::hex(&key))
}

/// Words that have options of their own: twice they could say two things.
const OWN: [(&str, &str); 4] = [
    ("piprov.station=", "--station"),
    ("piprov.usb=", "--over-usb"),
    ("piprov.pin=", "--pin"),
    ("piprov.key=", "--station-key"),
];

fn words(text: &str) -> Result<String, String> {
    if text.contains(char::is_control) {
        return Err("a command line is one line, without control characters".into());
    }
    let own = |word: &str| OWN.into_iter().find(|(name, _)| word.starts_with(name));
    match text.split_whitespace().find_map(own) {
        Some((name, option)) => Err(format!("{option} says what stands behind `{name}`")),
        None => Ok(text.to_owned()),
    }
}

impl Initramfs {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        match self.command {
            What::Build(build) => build.run(ui, stop),
        }
    }
}

impl Build {
    fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let arch = match self.arch {
            ArchName::Armv6 => Arch::Armv6,
            ArchName::Arm64 => Arch::Arm64,
            ArchName::Amd64 => Arch::Amd64,
        };
        let time = time()?;
        check_directory(&self.output, self.force)?;
        let agent = if arch.has_agent() || self.agent.is_some() { Some(self.agent(arch)?) } else { None };
        let is_tls = self.check_ways(agent.is_some())?;
        let usb_boot = UsbBoot::from(&self.usb_boot)?;
        let fetched = self.packages(arch, ui, stop)?;
        let mut packages =
            fetched.as_ref().map_or_else(|| self.deb.clone(), |fetched| fetched.packages.clone());
        packages.extend(self.kernel_package.clone());
        let given = self.kernel.clone().zip(self.modules.clone());
        let kernel = given.map(|(image, modules)| Given { image, modules, trees: self.device_trees.clone() });
        let options = Options {
            arch,
            packages,
            kernel,
            agent,
            usb_boot,
            over_usb: self.over_usb.map(|port| (if is_tls { "https" } else { "http" }, port)),
            station: self.station.as_ref().map(ToString::to_string),
            cmdline: self.cmdline(),
            time,
        };
        let built = build::assemble(&options)?;
        built.files.write(&self.output, self.force)?;
        self.tell(ui, &options, &built);
        Ok(())
    }

    /// Looks whether what is said of the station makes sense together. Says whether it speaks TLS.
    fn check_ways(&self, has_agent: bool) -> Result<bool, Usage> {
        let usage = |message: &str, hint: &str| Usage { message: message.into(), hint: Some(hint.into()) };
        let is_named = self.station.is_some() || self.over_usb.is_some();
        if !is_named && (self.pin.is_some() || self.station_key.is_some()) {
            let message = "--pin and --station-key are of no use where nothing says where the station is";
            return Err(usage(message, "give --station or --over-usb"));
        }
        let is_tls = match &self.station {
            Some(origin) => matches!(origin, Origin::Tcp { tls: true, .. }),
            None => self.pin.is_some(),
        };
        if is_tls && !has_agent {
            let message = "the client of boards without an agent speaks HTTP only";
            return Err(usage(
                message,
                "give --station an address such as http://10.0.0.1:8080, and no --pin",
            ));
        }
        match (is_tls, self.pin) {
            (true, None) => Err(usage(
                "the boards know no authority that could stand behind the station's certificate",
                "--pin takes the sha256 that `piprov station cert` tells",
            )),
            (false, Some(_)) => {
                Err(usage("--pin is for an https address", "give --station the station's https address"))
            }
            _ => Ok(is_tls),
        }
    }

    /// More words for the kernel.
    fn cmdline(&self) -> String {
        let pin = self.pin.map(|pin| format!("piprov.pin={pin}"));
        let key = self.station_key.as_ref().map(|key| format!("piprov.key={key}"));
        pin.into_iter().chain(key).chain([self.cmdline.clone()]).collect::<Vec<_>>().join(" ")
    }

    /// What is fetched; nothing where the packages are there.
    fn packages(&self, arch: Arch, ui: &Ui, stop: &Stop) -> crate::cli::Result<Option<apt::Fetched>> {
        if !self.deb.is_empty() {
            return Ok(None);
        }
        let release = self.release.name();
        let mut wanted = vec![Wanted::Package("busybox-static")];
        let has_kernel = self.kernel.is_some() || self.kernel_package.is_some();
        if !has_kernel {
            wanted.push(Wanted::Behind(arch.kernel()));
        }
        if arch.is_pi() {
            wanted.push(Wanted::Package("raspi-firmware"));
        }
        if self.script_tools {
            wanted.extend(SCRIPT_TOOLS.iter().map(|name| Wanted::WithLibraries(name)));
        }
        wanted.extend(self.package.iter().map(|name| Wanted::Package(name)));
        let what = if has_kernel { "tools" } else { "kernel and tools" };
        ui.say(format_args!("fetching {what} from Debian {release} {}", arch.debian()));
        let source = Source { architecture: arch.debian(), release, mirror: self.mirror.as_deref() };
        Ok(Some(apt::fetch(&wanted, source, stop)?))
    }

    /// The agent's program.
    fn agent(&self, arch: Arch) -> crate::cli::Result<Vec<u8>> {
        let name = format!("piprov-agent-{}", arch.name());
        let dir = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.to_owned()));
        // Where it is built, and where `make install` puts it.
        let beside = dir.into_iter().flat_map(|dir| [dir.join(&name), dir.join("../lib/piprov").join(&name)]);
        let usual = Path::new("/usr/lib/piprov").join(&name);
        let places: Vec<PathBuf> = match &self.agent {
            Some(path) => vec![path.clone()],
            None => beside.chain([usual]).collect(),
        };
        for path in &places {
            match open_regular(path).and_then(|file| read_bounded(&file, LARGEST_AGENT)) {
                Ok(bytes) => {
                    // Before anything is fetched.
                    build::check_agent(path, &bytes, arch)?;
                    return Ok(bytes);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.agent.is_none() => {}
                Err(error) => Err(error).context(format_args!("opening {}", path.display()))?,
            }
        }
        let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
        Err(Usage {
            message: format!("there is no agent for {}; looked for {}", arch.name(), places.join(", ")),
            hint: Some("`make agent` builds it; --agent says where it is".into()),
        }
        .into())
    }

    fn tell(&self, ui: &Ui, options: &Options, built: &Built) {
        let arch = options.arch;
        for lack in &built.lacks {
            ui.warn(format_args!("Linux {} has no driver for {lack}", built.version));
        }
        let lacking: Vec<&str> = options.usb_boot.missing().into_iter().map(Chip::bootcode).collect();
        if ui.json {
            let more = [
                ("arch", json!(arch)),
                ("kernel", json!(built.version)),
                ("modules", json!(built.modules)),
                ("boards", json!(built.boards)),
                ("usb_boot_lacks", json!(if arch == Arch::Arm64 { lacking } else { Vec::new() })),
            ];
            assembled::object(ui, "initramfs", &self.output, &built.files, &more);
            return;
        }
        assembled::lines(ui, &self.output, &built.files, "");
        for Served { board, serves } in &built.boards {
            match serves {
                Serves::Driven { by } => ui.result(format_args!("{board}: starts, with Ethernet ({by})")),
                Serves::Absent => ui.result(format_args!(
                    "{board}: starts, without Ethernet of its own; it needs a USB Ethernet adapter"
                )),
                Serves::Undriven { by } => ui.result(format_args!(
                    "{board}: starts, but Linux {} has no driver for its Ethernet ({by})",
                    built.version
                )),
                Serves::NoTree => ui.result(format_args!(
                    "{board}: isn't served; Linux {} has no device tree for it",
                    built.version
                )),
            }
        }
        if arch == Arch::Armv6 {
            ui.say("note: there is no agent for armv6; a client of busybox does its work, for one disk and over HTTP");
        }
        if arch == Arch::Arm64 {
            for chip in options.usb_boot.missing() {
                let what = chip.bootcode();
                ui.say(format_args!(
                    "note: over USB {} can't boot from this directory without {what}, which no package of Debian has: \
                     --usb-boot takes it from a copy of Raspberry Pi's usbboot",
                    boards_of(chip)
                ));
            }
        }
        if arch.is_pi() {
            ui.say(
                "note: raspi-firmware may only be used with a Raspberry Pi; see licence/raspi-firmware.txt",
            );
        }
    }
}

/// Who boots with a bootcode of its own.
const fn boards_of(chip: Chip) -> &'static str {
    match chip {
        Chip::Bcm2711 => "a Pi 4, 400 or Compute Module 4",
        Chip::Bcm2712 => "a Pi 5, 500 or Compute Module 5",
        Chip::Bcm2835 | Chip::Bcm2837 => "an older board",
    }
}
