//! The command line: one file a subcommand, each with its arguments, its `run`, and what it prints.
//! This is the only room that prints.

pub use crate::format;
pub mod docs;
mod failure;
mod first_boot;
pub mod report;
pub mod ui;

mod assembled;
mod backup;
mod bar;
mod board;
mod bootd;
mod boots;
mod card;
mod client;
mod clnlive;
mod common;
mod config;
mod confirm;
mod deploy;
mod doctor;
mod eeprom;
mod findings;
mod firmware;
mod flash;
mod hook;
mod host_network;
mod image;
#[cfg(feature = "station")]
mod import;
mod initramfs;
mod input;
mod label;
mod list;
mod live;
pub mod log;
mod mklive;
pub mod name;
mod netboot;
mod nukelive;
mod objects;
mod output;
pub mod parse;
mod printer;
mod project;
pub mod remedy;
mod reset;
mod rpiboot;
mod rule;
mod run;
mod screen;
mod script;
#[cfg(feature = "station")]
mod serve;
mod slot;
mod split_image;
mod stage1;
mod station;
mod switch;
mod table;
mod targets;
mod tftp;
mod token;
#[cfg(feature = "udev")]
mod udev;
mod unpacking;
#[cfg(feature = "usb")]
mod usbboot;
mod user;
mod values;
mod verify;
mod waiting;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

pub use failure::{Failure, Result};

use crate::stop::Stop;
use ui::Ui;

/// Puts an image onto a Raspberry Pi and proves that it is there
// Arguments appear in the help in the order of their declaration; help lines stay within 80 columns.
#[derive(Debug, Parser)]
#[command(name = "piprov", version, propagate_version = true, max_term_width = 80)]
#[command(arg_required_else_help = true, subcommand_required = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What is the same for every subcommand.
    #[command(flatten)]
    pub global: Global,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every subcommand takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print results as JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about the same events
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print without colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Read this configuration file, not the usual ones [env: PIPROV_CONFIG]
    // Not by clap: each message of use would then ask for the option too, wherever the variable is set.
    #[arg(long, global = true, value_name = "FILE", value_parser = any_path())]
    pub config: Option<PathBuf>,
}

/// A path that may be empty: what an empty one means is said where it is used.
fn any_path() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    use clap::builder::TypedValueParser as _;
    clap::builder::OsStringValueParser::new().map(PathBuf::from)
}

impl Global {
    /// The configuration file that was named, by the option or else by the environment. A variable that is empty names none,
    /// as with all others.
    #[must_use]
    pub fn config(&self) -> Option<PathBuf> {
        let named = || std::env::var_os("PIPROV_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
        self.config.clone().or_else(named)
    }
}

/// All subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an image onto disks of this host, and read it back
    Deploy(deploy::Deploy),
    /// Flash boards over the network, through their U-Boot
    Flash(flash::Flash),
    /// Compare an image with a device, a file or a board's report
    Verify(verify::Verify),
    /// Split an image into the parts that U-Boot fetches
    SplitImage(split_image::SplitImage),
    /// Reset boards
    Reset(reset::Reset),
    /// Show what was done to boards, and how it ended
    Run(run::Run),
    /// Show the station's boards, and tell them what to do
    Board(board::Board),
    /// Show the station's images, and add, check and take out some
    Image(image::Image),
    /// Show the backups of boards, check them, and put them back
    Backup(backup::Backup),
    /// Show the station's EEPROM images, and add, get and take out some
    Firmware(firmware::Firmware),
    /// Show and change projects: image, disk and end that boards get together
    Project(project::Project),
    /// Show and change what boards run before and after their image is written
    Script(script::Script),
    /// Show and change which project an arriving board gets
    Rule(rule::Rule),
    /// Show and change the sources of values of which each board has its own
    Values(values::Values),
    /// Show, change and print labels
    Label(label::Label),
    /// Show and change printers of labels
    Printer(printer::Printer),
    /// Show and change the accounts of people
    User(user::User),
    /// Show, make and take back the tokens of programs
    Token(token::Token),
    /// Show and name slots, and say that one is mended
    Slot(slot::Slot),
    /// Show and change the switches that are asked where boards are
    Switch(switch::Switch),
    #[cfg(feature = "station")]
    #[expect(missing_docs, reason = "as above")]
    Import(import::Import),
    /// Show and change who is told by HTTP what happens
    Hook(hook::Hook),
    /// Show where the bytes of images are kept, and move them
    Objects(objects::Objects),
    /// Show the station, and say whether its rules start something
    Station(station::Station),
    /// Show, check and change the targets database
    Targets(targets::Targets),
    /// Make and check recovery cards
    Card(card::Card),
    /// Show, change and check the EEPROM images of a Pi 4 or 5
    Eeprom(eeprom::Eeprom),
    /// Serve a folder over TFTP, with a live log
    Tftp(tftp::Tftp),
    #[cfg(feature = "usb")]
    #[expect(missing_docs, reason = "the help stands with the arguments: it is longer than a line")]
    Usbboot(usbboot::Usbboot),
    #[expect(missing_docs, reason = "as above")]
    List(list::List),
    #[expect(missing_docs, reason = "as above")]
    Doctor(doctor::Doctor),
    /// Boot boards over the network, from this host
    Netboot(netboot::Netboot),
    #[cfg(feature = "station")]
    /// Run the station: images, boards that boot from the network, jobs
    Serve(serve::Serve),
    #[expect(missing_docs, reason = "as above")]
    Bootd(bootd::Bootd),
    /// Link the first stage's boot files into the live tree of USB boot
    Mklive(mklive::Mklive),
    /// Remove the ports' links from the live tree
    Clnlive(clnlive::Clnlive),
    /// Remove all of piprov's links from the live tree
    Nukelive(nukelive::Nukelive),
    /// Show which USB port is linked to which client's files
    Live(live::Live),
    /// Build the first stage, which tells boards apart
    Stage1(stage1::Stage1),
    /// Build the system that boards run while they are deployed
    Initramfs(initramfs::Initramfs),
    #[cfg(feature = "udev")]
    /// Install the udev rules that give each board its own files
    Udev(udev::Udev),
    /// Show the settings and where each comes from
    Config(config::Config),
    /// Write the man pages or the shell completions
    #[command(hide = true)]
    Generate(docs::Generate),
}

impl Command {
    /// Whether it does nothing but print, so that it may end when nobody reads any more.
    #[must_use]
    pub fn only_reports(&self) -> bool {
        if let Self::Eeprom(args) = self {
            return args.only_reports();
        }
        if let Self::Doctor(args) = self {
            return args.only_reports();
        }
        matches!(
            self,
            Self::Targets(_)
                | Self::Run(_)
                | Self::Live(_)
                | Self::List(_)
                | Self::Config(_)
                | Self::Generate(_)
        )
    }
}

impl Command {
    /// Whether it goes on until somebody ends it, so that what it logged last may be asked for.
    #[must_use]
    pub fn serves(&self) -> bool {
        #[cfg(feature = "station")]
        return matches!(self, Self::Serve(_));
        #[cfg(not(feature = "station"))]
        false
    }

    /// What is still done after the first Ctrl-C, behind the word `stopping`.
    #[must_use]
    pub fn stopping(&self) -> &'static str {
        match self {
            Self::Flash(_) | Self::Reset(_) | Self::Bootd(_) => {
                ": what is on the wire is finished, a reset line that is low is released"
            }
            #[cfg(feature = "usb")]
            Self::Usbboot(_) => ": what is on the wire is finished",
            Self::Tftp(_) | Self::Netboot(_) => ": what is on the wire is finished",
            #[cfg(feature = "station")]
            Self::Serve(_) => ": what is in flight is finished",
            _ => "",
        }
    }
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever the subcommand ends with; [`report::end`] turns it into the exit code.
    pub fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let global = &self.global;
        match self.command {
            Command::Deploy(args) => args.run(global, ui, stop),
            Command::Flash(args) => args.run(global, ui, stop),
            Command::Verify(args) => args.run(global, ui, stop),
            Command::SplitImage(args) => args.run(global, ui, stop),
            Command::Reset(args) => args.run(global, ui, stop),
            Command::Run(args) => args.run(global, ui, stop),
            Command::Board(args) => args.run(global, ui, stop),
            Command::Image(args) => args.run(global, ui, stop),
            Command::Backup(args) => args.run(global, ui, stop),
            Command::Project(args) => args.run(global, ui, stop),
            Command::Script(args) => args.run(global, ui, stop),
            Command::Firmware(args) => args.run(global, ui, stop),
            Command::Rule(args) => args.run(global, ui, stop),
            Command::Values(args) => args.run(global, ui, stop),
            Command::Label(args) => args.run(global, ui, stop),
            Command::Printer(args) => args.run(global, ui, stop),
            Command::User(args) => args.run(global, ui, stop),
            Command::Slot(args) => args.run(global, ui, stop),
            Command::Switch(args) => args.run(global, ui, stop),
            Command::Token(args) => args.run(global, ui, stop),
            #[cfg(feature = "station")]
            Command::Import(args) => args.run(global, ui, stop),
            Command::Hook(args) => args.run(global, ui, stop),
            Command::Objects(args) => args.run(global, ui, stop),
            Command::Station(args) => args.run(global, ui, stop),
            Command::Targets(args) => args.run(global, ui, stop),
            Command::Card(args) => args.run(global, ui, stop),
            Command::Eeprom(args) => args.run(ui),
            Command::Tftp(args) => args.run(global, ui, stop),
            #[cfg(feature = "usb")]
            Command::Usbboot(args) => args.run(global, ui, stop),
            Command::List(args) => args.run(global, ui),
            Command::Doctor(args) => args.run(global, ui, stop),
            Command::Netboot(args) => args.run(global, ui, stop),
            #[cfg(feature = "station")]
            Command::Serve(args) => args.run(global, ui, stop),
            Command::Bootd(args) => args.run(global, ui, stop),
            Command::Mklive(args) => args.run(global, ui),
            Command::Clnlive(args) => args.run(global, ui),
            Command::Nukelive(args) => args.run(global, ui),
            Command::Live(args) => args.run(global, ui),
            Command::Stage1(args) => args.run(ui, stop),
            Command::Initramfs(args) => args.run(ui, stop),
            #[cfg(feature = "udev")]
            Command::Udev(args) => args.run(global, ui, stop),
            Command::Config(args) => args.run(global, ui, stop),
            Command::Generate(args) => args.run(ui),
        }
    }
}
