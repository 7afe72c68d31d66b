//! `piprov card`: recovery cards.

mod bar;
mod build;
mod check;
mod payload;
mod show;
mod stick;

use clap::{Args, Subcommand};

use crate::cli::{Global, format, ui::Ui};
use crate::stop::Stop;
use crate::uboot::layout::CardInfo;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Card {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a card as a file: U-Boot in front, an image behind it
    ///
    /// The file has U-Boot's FAT partition with the boot script and all files of a directory, and
    /// behind it the partitions of an image, one number higher. Where cmdline.txt and /etc/fstab
    /// name partitions by number, they follow. The file is read back and compared before it gets
    /// its name. Copy it to an SD card of at least its size; later images need no new card.
    Build(build::Build),
    /// Say whether and how an image fits a recovery card
    ///
    /// Prints where each partition goes, what is rewritten in the image's files, and how large the
    /// card has to be; then what U-Boot will load with which arguments, or why it can't boot the
    /// image. A compressed image is unpacked to its end, to see whether it is whole. The exit code is 65
    /// if the image doesn't fit, and if this card won't boot it.
    Check(check::Check),
    /// Put together U-Boot's directory for a board from Debian's packages
    ///
    /// Takes U-Boot from u-boot-rpi and the Pi's firmware from raspi-firmware, adds a config.txt, and
    /// reads all of it back. The packages are fetched by apt-get in a directory of its own, so the
    /// system's package lists and architectures stay as they are; or they are given as files.
    Payload(payload::Payload),
    /// Put an image onto a USB stick, for boards without a network
    ///
    /// Writes the directory `piprov` into DIR, where the stick's first partition (FAT) is mounted: the
    /// image in parts, and what a board is told at each step. All of it is read back. A board whose card
    /// was built with --stick flashes itself from it when it starts. It reads back what it wrote, and
    /// gets on only with the right checksum. When everything is done it leaves a file DONE-SERIAL on the
    /// stick, and this job doesn't flash it again.
    Stick(stick::Stick),
}

impl Card {
    pub(super) fn run(self, _global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        match self.command {
            Command::Build(args) => args.run(ui, stop),
            Command::Check(args) => args.run(ui, stop),
            Command::Payload(args) => args.run(ui, stop),
            Command::Stick(args) => args.run(ui, stop),
        }
    }
}

/// Where U-Boot's partition is on the card.
#[derive(Debug, Args)]
struct Place {
    /// Where U-Boot's partition starts
    #[arg(long, value_name = "BYTES", default_value = "4MiB", value_parser = format::parse_size)]
    uboot_start: u64,
    /// How long U-Boot's partition is
    #[arg(long, value_name = "BYTES", default_value = "40MiB", value_parser = format::parse_size)]
    uboot_size: u64,
}

impl Place {
    fn card(&self, size: Option<u64>) -> CardInfo {
        CardInfo { uboot_start: self.uboot_start, uboot_len: self.uboot_size, size }
    }
}

/// Where a compressed image is unpacked.
#[derive(Debug, Args)]
struct Spool {
    /// Directory for the unpacked bytes of a compressed image
    ///
    /// Default: $TMPDIR, or /var/tmp.
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<std::path::PathBuf>,
}

impl Spool {
    fn options(self, stop: &Stop) -> crate::image::ImageOptions {
        crate::image::ImageOptions { spool_dir: self.spool_dir, stop: Some(stop.clone()) }
    }
}
