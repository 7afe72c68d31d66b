//! `piprov firmware`: the EEPROM images that a station has for its projects.

mod choose;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::board::Model;
use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, path, tell, tell_one};
use crate::cli::eeprom::{model, one_image};
use crate::cli::output::{Output, Readers};
use crate::cli::ui::Ui;
use crate::eeprom::files::Bootloader;
use crate::eeprom::{Needs, day};
use crate::error::{Explain, Kind};
use crate::format::{hex, size, size_exact};
use crate::station_api::Firmware as Known;
use crate::stop::Stop;

/// An image has so many bytes at most.
const LONGEST: u64 = 2 << 20;

/// Show the station's EEPROM images, and add, get and take out some
///
/// A project names one: its boards get it with the project's settings, each board an image of its own. `piprov project set
/// --eeprom NAME` says so.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Firmware {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take an EEPROM image into the station
    Add(Add),
    /// List EEPROM images
    List,
    /// Show what is in an image, each setting with what it does
    Show(Show),
    /// Get an image back, byte for byte
    ///
    /// What arrives is compared with the image's sha256 before the file is there under its name.
    Get(Get),
    /// Take an image out that no project has
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "FIRMWARE")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What to call it
    #[arg(value_name = "FIRMWARE", value_parser = new_name)]
    name: String,
    /// An image, - for standard input; or a directory or a .deb with images
    ///
    /// Of several images the newest one of the channel is taken. `piprov eeprom show` lists what a directory or a package has.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    file: PathBuf,
    /// Its maker's channel [default: what the image's directory is called]
    ///
    /// Of several images only those of this channel are looked at; without it those of the channel default, where there are some.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Which board it is for, where there are several images: 4, 400, cm4, 5, 500, cm5
    #[arg(long, value_name = "MODEL", value_parser = model)]
    board: Option<Model>,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    one: One,
    /// Say what the boot order means for this board: 4, 400, cm4, cm4s, 5, 500, cm5
    #[arg(long, value_name = "MODEL", value_parser = model)]
    board: Option<Model>,
}

#[derive(Debug, clap::Args)]
struct Get {
    #[command(flatten)]
    one: One,
    /// The file, which is not there yet; - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "FIRMWARE")]
    confirm: Option<String>,
}

/// What arrived isn't the image.
#[derive(Debug, thiserror::Error)]
#[error("what came of {name} is not the image: its sha256 is {got}, and {want} is expected")]
struct NotEqual {
    name: String,
    got: String,
    want: String,
}

impl Explain for NotEqual {
    fn kind(&self) -> Kind {
        Kind::BadData
    }
}

impl Firmware {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::Add(args) => args.run(&station, ui),
            Command::List => list(&station, ui),
            Command::Show(args) => args.run(&station, ui),
            Command::Get(args) => args.run(&station, ui),
            Command::Remove(args) => {
                let what = ("firmware", "EEPROM image");
                client::remove(&station, what, &args.one.name, args.confirm.as_deref(), ui, stop)
            }
        }
    }
}

/// Gives an image to the station.
pub(super) fn put(
    station: &Station,
    name: &str,
    channel: Option<&str>,
    bytes: &[u8],
) -> Result<Known, crate::http::Error> {
    let mut call = station.client.put(&path(["firmware", name]));
    if let Some(channel) = channel {
        call = call.query("channel", channel);
    }
    call.send_bytes(bytes, "application/octet-stream")?.json()
}

impl Add {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let chosen = choose::choose(&self.file, self.channel.as_deref(), self.board)?;
        if chosen.path != self.file {
            ui.say(format_args!("taken: {}", chosen.path.display()));
        }
        show(&put(station, &self.name, chosen.channel.as_deref(), &chosen.bytes)?, ui);
        Ok(())
    }
}

impl Show {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let known: Known = station.get(&path(["firmware", &self.one.name]))?;
        let bytes = bytes(&known, station)?;
        let one = Bootloader::new(Path::new(&known.name), bytes, Needs::default())?;
        if ui.json {
            show(&known, ui);
        }
        one_image(&one, known.channel, self.board, ui);
        Ok(())
    }
}

impl Get {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let known: Known = station.get(&path(["firmware", &self.one.name]))?;
        let output = Output::at(&self.output, true, ui)?;
        let bytes = bytes(&known, station)?;
        let new = output.begin(Readers::Usual)?;
        new.write(&bytes)?;
        new.end()?;
        if !output.is_standard() {
            client::done(ui, "written", "file", &output.label());
        }
        Ok(())
    }
}

/// The bytes of an image, which are those that the station tells of.
fn bytes(known: &Known, station: &Station) -> crate::cli::Result<Vec<u8>> {
    let bytes = station.client.get(&path(["firmware", &known.name, "image"])).send()?.bytes(LONGEST)?;
    let got = hex(&Sha256::digest(&bytes));
    if got != known.sha256 {
        Err(NotEqual { name: known.name.clone(), got, want: known.sha256.clone() })?;
    }
    Ok(bytes)
}

fn number(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn signed(one: &Known) -> String {
    let word = if one.signed { "yes: for boards with that key burned in" } else { "no" };
    word.to_owned()
}

fn show(one: &Known, ui: &Ui) {
    tell_one(
        ui,
        "firmware",
        one,
        &[
            ("name", one.name.clone()),
            ("chip", one.chip.clone()),
            ("channel", one.channel.clone().unwrap_or_default()),
            ("built", one.built.and_then(day).unwrap_or_default()),
            ("version", one.version.clone().unwrap_or_default()),
            ("MFG_VER", number(one.mfg_ver)),
            ("signed", signed(one)),
            ("size", size_exact(one.size)),
            ("sha256", one.sha256.clone()),
            ("from", one.from.clone().unwrap_or_default()),
            ("added", moment(one.made)),
        ],
    );
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/firmware", &[])?;
    let row = |one: &Known| {
        [
            one.name.clone(),
            one.chip.clone(),
            one.channel.clone().unwrap_or_default(),
            one.built.and_then(day).unwrap_or_default(),
            number(one.mfg_ver),
            if one.signed { "yes" } else { "no" }.to_owned(),
            size(one.size),
        ]
    };
    let heading = ["FIRMWARE", "CHIP", "CHANNEL", "BUILT", "MFG_VER", "SIGNED", "SIZE"];
    tell(ui, "firmware", heading, &all, row, "the station has no EEPROM images");
    Ok(())
}
