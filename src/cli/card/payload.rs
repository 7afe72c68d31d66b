//! `piprov card payload`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::ui::Ui;
use crate::cli::{assembled, remedy};
use crate::debian::apt::{self, Source, Wanted};
use crate::debian::files::check_directory;
use crate::format::json::json;
use crate::stop::Stop;
use crate::uboot::payload::{self, Board};

#[derive(Debug, Args)]
pub(super) struct Payload {
    /// The board, by the name of its U-Boot build
    #[arg(long, value_enum)]
    board: BoardName,
    /// The directory to write
    #[arg(short, long, value_name = "DIR", value_parser = crate::cli::output::place)]
    output: PathBuf,
    /// A package that is there already; give it for each one
    ///
    /// u-boot-rpi (arm64) and raspi-firmware are needed; device trees are taken from a linux-image package if
    /// there is one. No other programs are needed then.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mirror", "release"])]
    deb: Vec<PathBuf>,
    /// Debian archive to fetch from; default: the one in apt's own sources
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Debian release to fetch from; default: this system's, or bookworm
    #[arg(long, value_enum)]
    release: Option<Release>,
    /// Write into a directory that has something in it
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BoardName {
    /// Pi 3, 3+, Compute Module 3, Zero 2 W
    #[value(name = "rpi_3")]
    Rpi3,
    /// Pi 4, 400, Compute Module 4
    #[value(name = "rpi_4")]
    Rpi4,
    /// One card for both
    #[value(name = "rpi_arm64")]
    RpiArm64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Release {
    /// Debian 12, U-Boot 2023.01
    Bookworm,
    /// Debian 13, U-Boot 2025.01
    Trixie,
}

impl Payload {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let board = match self.board {
            BoardName::Rpi3 => Board::Rpi3,
            BoardName::Rpi4 => Board::Rpi4,
            BoardName::RpiArm64 => Board::RpiArm64,
        };
        check_directory(&self.output, self.force)?;
        let fetched;
        let packages = if self.deb.is_empty() {
            let release = match self.release {
                Some(Release::Bookworm) => "bookworm",
                Some(Release::Trixie) => "trixie",
                None => match apt::host_release() {
                    Some(name) if name == "trixie" => "trixie",
                    _ => "bookworm",
                },
            };
            ui.say(format_args!("fetching {} from Debian {release}", payload::PACKAGES.join(" and ")));
            fetched = apt::fetch(
                &payload::PACKAGES.map(Wanted::Package),
                Source { architecture: "arm64", release, mirror: self.mirror.as_deref() },
                stop,
            )?;
            &fetched.packages
        } else {
            &self.deb
        };
        let payload = payload::assemble(board, packages)?;
        payload.content.write(&self.output, self.force)?;
        if ui.json {
            let more = [("board", json!(board)), ("notes", json!(payload.notes))];
            assembled::object(ui, "payload", &self.output, &payload.content, &more);
        } else {
            assembled::lines(ui, &self.output, &payload.content, &format!(" for {}", board.name()));
        }
        for note in &payload.notes {
            ui.say(format_args!("note: {}", remedy::word(note)));
        }
        ui.say("note: raspi-firmware may only be used with a Raspberry Pi; see licence/raspi-firmware.txt.");
        Ok(())
    }
}
