//! `piprov station`: the station as a whole.

#[cfg(feature = "station")]
mod own;

use crate::cli::Global;
use crate::cli::client::{At, Station as Spoken, moment, tell, tell_one};
use crate::cli::ui::Ui;
use crate::station_api::{Bootd, BootdState, DamagedRecord, Page, Room, Status, Trouble};
use crate::stop::Stop;

/// Show the station, and say whether its rules start something
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Station {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what the station is and does
    Status,
    /// Let its rules start something by themselves
    Arm,
    /// Don't let its rules start anything; what goes on goes on
    Disarm,
    /// List records of other commands that the station can't take in, with why
    Records,
    #[cfg(feature = "station")]
    /// Make a certificate for the station on this host, and tell its sha256
    ///
    /// Agents and commands that are told the sha256 trust it and nothing else. The station takes it with its next start.
    Cert(own::Cert),
    #[cfg(feature = "station")]
    /// Prove that what people did stands in the station on this host unchanged
    ///
    /// Each line of the audit has a digest over itself and the digest of the line before, so a line that was changed,
    /// removed or put in is found. With --check FILE an export is proved, its signature too; with --since FILE it has
    /// to be the beginning of what the station has now, which finds a chain that was made anew as a whole.
    Audit(own::Audit),
    #[cfg(feature = "station")]
    /// Write a copy of the database of the station on this host into a file
    ///
    /// Boards, jobs, runs, images' names, projects, rules, users and tokens are in it; the bytes of images and the station's
    /// key (station.key beside them) are not. The station may go on serving. A password of PostgreSQL isn't in it.
    Backup(own::Backup),
    #[cfg(feature = "station")]
    /// Take such a copy into an empty database, whichever of the two it is
    Restore(own::Restore),
}

impl Station {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let open = || self.at.open(global, ui, stop);
        #[cfg(feature = "station")]
        if self.at.is_typed()
            && matches!(
                self.command,
                Command::Audit(_) | Command::Cert(_) | Command::Backup(_) | Command::Restore(_)
            )
        {
            return Err(crate::cli::report::Usage {
                message:
                    "this is done with the files of a station on this host, not with one that is spoken to"
                        .to_owned(),
                hint: Some("`--state DIR` says where they are.".into()),
            })?;
        }
        match self.command {
            #[cfg(feature = "station")]
            Command::Cert(args) => args.run(global, ui),
            #[cfg(feature = "station")]
            Command::Audit(args) => args.run(global, ui),
            #[cfg(feature = "station")]
            Command::Backup(args) => args.run(global, ui),
            #[cfg(feature = "station")]
            Command::Restore(args) => args.run(global, ui),
            Command::Status => show(&open()?, ui, Spoken::get),
            Command::Arm => show(&open()?, ui, |station, path| station.act(&format!("{path}/arm"))),
            Command::Records => records(&open()?, ui),
            Command::Disarm => show(&open()?, ui, |station, path| station.act(&format!("{path}/disarm"))),
        }
    }
}

fn show(
    station: &Spoken,
    ui: &Ui,
    ask: impl FnOnce(&Spoken, &str) -> Result<Status, crate::http::Error>,
) -> crate::cli::Result<()> {
    let status = ask(station, "/api/v1/station")?;
    let rules =
        if status.armed { "armed: they start by themselves" } else { "disarmed: a person starts each job" };
    let mut facts = vec![
        ("station", station.client.origin().to_string()),
        ("version", status.version.clone()),
        ("since", moment(status.since)),
        ("store", status.store.clone()),
        ("rules", rules.to_owned()),
        ("new boards", status.enrol.clone()),
        ("boards", status.boards.to_string()),
        ("waiting", status.waiting.to_string()),
        ("present", status.present.to_string()),
        ("jobs", status.jobs.to_string()),
        ("without a rule", unless_zero(status.unruled, "`piprov board list --unruled`")),
        ("damaged records", unless_zero(status.damaged_records, "`piprov station records`")),
        ("disk", room(status.room).to_owned()),
        ("boot server", bootd(&status.bootd)),
        ("key", status.key.clone()),
    ];
    facts.extend(status.troubles.iter().map(|one| ("trouble", trouble(one))));
    tell_one(ui, "station", &status, &facts);
    Ok(())
}

fn records(station: &Spoken, ui: &Ui) -> crate::cli::Result<()> {
    let page: Page<DamagedRecord> = station.get("/api/v1/station/records")?;
    let row = |one: &DamagedRecord| [one.file.clone(), one.why.clone()];
    tell(ui, "damaged-record", ["RECORD", "WHY"], &page.items, row, "all records were taken in");
    Ok(())
}

/// A number, and what shows more; nothing where it is 0.
fn unless_zero(count: u64, more: &str) -> String {
    if count == 0 { String::new() } else { format!("{count}: {more}") }
}

/// What is or will be a problem, in a line.
fn trouble(trouble: &Trouble) -> String {
    let hint = crate::cli::remedy::word(&trouble.hint);
    format!("{} {hint}", trouble.text)
}

const fn room(room: Room) -> &'static str {
    match room {
        Room::Enough => "",
        Room::Short => "gets full: logs are kept for a week",
        Room::Last => "is full: nothing new begins",
    }
}

/// What boots boards, in a line.
fn bootd(bootd: &Bootd) -> String {
    let text = match bootd.state {
        BootdState::NotUsed => return "not used: `control-socket` is off".to_owned(),
        BootdState::Away if !bootd.served => {
            return "not needed so far: it was never started".to_owned();
        }
        BootdState::Away => {
            let why = bootd.why.as_deref().unwrap_or("it was not heard yet");
            return format!("away since {}: {why}; what it was told last holds", moment(bootd.since));
        }
        BootdState::Serving => match (&bootd.interface, &bootd.mode) {
            (Some(interface), Some(mode)) => format!("serving: {mode} on {interface}"),
            _ => "serving".to_owned(),
        },
    };
    let usb = if bootd.usb { ", and USB" } else { "" };
    let beside = if bootd.withholds {
        ""
    } else {
        "; beside another DHCP server: what that one tells boards can't be withheld"
    };
    let trouble = bootd.trouble.as_deref().map(|why| format!("; it can't do what it is told: {why}"));
    text + usb + beside + &trouble.unwrap_or_default()
}
