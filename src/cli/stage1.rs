//! `piprov stage1`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::assembled;
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::debian::apt::{self, Source, Wanted};
use crate::debian::files::check_directory;
use crate::format::json::json;
use crate::stage1::{Arch, build};
use crate::stop::Stop;

#[derive(Debug, clap::Args)]
pub struct Stage1 {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Build the first stage out of Debian's packages
    ///
    /// Boards with a BCM2835, 2836 or 2837 need it, because their boot ROM does not tell a serial number: 1, 2, 3,
    /// Zero, Zero 2 W, Compute Module 1 and 3. Those with a BCM2711 or BCM2712 do not: 4, 400, 5, Compute Module 4
    /// and 5.
    Build(Build),
}

#[derive(Debug, clap::Args)]
struct Build {
    /// The boards' processor; give it again for another kind in the same directory
    #[arg(long, value_enum, required = true)]
    arch: Vec<ArchName>,
    /// The directory to write, such as /srv/usbboot/clients/1ststage
    #[arg(short, long, value_name = "DIR", value_parser = crate::cli::output::place)]
    output: PathBuf,
    /// A package that is there already; give it for each one
    ///
    /// raspi-firmware, and for each processor busybox-static and the kernel (linux-image-…-rpi, …-armmp or …-arm64)
    /// are needed. No other programs are needed then.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mirror", "release"])]
    deb: Vec<PathBuf>,
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
    /// Zero, Zero W, A, A+, Compute Module 1
    Armv6,
    /// 3A+, Zero 2 W, Compute Module 3, with 32 bits
    Armv7,
    /// 3A+, Zero 2 W, Compute Module 3, with 64 bits
    Arm64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Release {
    /// Debian 12, Linux 6.1; the last with a kernel for armv6
    Bookworm,
    /// Debian 13, Linux 6.12
    Trixie,
}

impl Release {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }
}

impl Stage1 {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        match self.command {
            What::Build(build) => build.run(ui, stop),
        }
    }
}

impl Build {
    fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let mut archs: Vec<Arch> = self
            .arch
            .iter()
            .map(|name| match name {
                ArchName::Armv6 => Arch::Armv6,
                ArchName::Armv7 => Arch::Armv7,
                ArchName::Arm64 => Arch::Arm64,
            })
            .collect();
        archs.sort_unstable();
        archs.dedup();
        let time = time()?;
        check_directory(&self.output, self.force)?;
        let mut fetched = Vec::new();
        let packages = if self.deb.is_empty() {
            let release = self.release.name();
            for (at, arch) in archs.iter().enumerate() {
                let mut wanted = vec![Wanted::Behind(arch.kernel()), Wanted::Package("busybox-static")];
                if at == 0 {
                    wanted.push(Wanted::Package("raspi-firmware"));
                }
                let what = if at == 0 { ", busybox and the firmware" } else { " and busybox" };
                ui.say(format_args!(
                    "fetching {}'s kernel{what} from Debian {release} {}",
                    arch.name(),
                    arch.debian()
                ));
                let source = Source { architecture: arch.debian(), release, mirror: self.mirror.as_deref() };
                fetched.push(apt::fetch(&wanted, source, stop)?);
            }
            fetched.iter().flat_map(|fetched| fetched.packages.clone()).collect()
        } else {
            self.deb
        };
        let files = build::assemble(&archs, &packages, time)?;
        files.write(&self.output, self.force)?;
        if ui.json {
            assembled::object(ui, "stage1", &self.output, &files, &[("archs", json!(archs))]);
        } else {
            assembled::lines(ui, &self.output, &files, "");
        }
        ui.say("note: raspi-firmware may only be used with a Raspberry Pi; see licence/raspi-firmware.txt");
        ui.say("note: `piprov mklive` links it into the live tree");
        Ok(())
    }
}

/// The time that goes into the initramfs: that of SOURCE_DATE_EPOCH (reproducible-builds.org), or the first second.
/// The clock would make every build another one.
pub(super) fn time() -> Result<u32, Usage> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(1);
    };
    let text = text.to_string_lossy().into_owned();
    text.parse().map_err(|_| Usage {
        message: format!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds since 1970"),
        hint: None,
    })
}
