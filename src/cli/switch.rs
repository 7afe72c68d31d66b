//! `piprov switch`: Ethernet switches that a station asks where boards are.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, path, read_secret, tell, tell_one};
use crate::cli::ui::Ui;
use crate::station_api::{NewSwitch, Switch as Known, SwitchPort};
use crate::stop::Stop;

/// Show and change the switches that are asked where boards are
///
/// The station reads which Ethernet address each port has seen, by SNMP version 2c, and never changes anything. A board
/// comes by itself into the slot at its port, which is called SWITCH/PORT.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Switch {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List switches, with how they were when they were asked last
    List,
    /// Show what a switch has seen, port by port
    Show(One),
    /// Add a switch, or change one
    Add(Add),
    /// Remove a switch; slots at its ports stay
    Remove(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "SWITCH")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    one: One,
    /// Its IP address, with a port where that isn't 161
    ///
    /// Addresses of the station's own host and of its link are refused, unless the setting `station.hooks-local` allows them.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// A file with the community, its owner's alone [default: the known one]
    #[arg(long, value_name = "FILE")]
    community_file: Option<PathBuf>,
    /// A port behind which another switch is; again for more
    ///
    /// No board counts as plugged in there, and neither at a port that has seen more than eight addresses.
    #[arg(long, value_name = "PORT")]
    uplink: Vec<String>,
}

impl Switch {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Show(args) => show(&station, ui, &args.name),
            Command::Add(args) => {
                let community = match &args.community_file {
                    Some(file) => Some(read_secret(file, "community")?),
                    None => None,
                };
                let new = NewSwitch { address: args.address, community, uplinks: args.uplink };
                let made: Known = station.put(&path(["switches", &args.one.name]), &new)?;
                let facts = [
                    ("switch", made.name.clone()),
                    ("address", made.address.clone()),
                    ("uplinks", made.uplinks.join(", ")),
                ];
                tell_one(ui, "switch", &made, &facts);
                Ok(())
            }
            Command::Remove(args) => {
                station.delete(&path(["switches", &args.name]))?;
                client::done(ui, "removed", "switch", &args.name);
                Ok(())
            }
        }
    }
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/switches", &[])?;
    let row = |one: &Known| {
        let tells = match &one.asked {
            None => "not asked yet".to_owned(),
            Some(asked) => match &asked.wrong {
                Some(wrong) => format!("nothing: {wrong}"),
                None => format!("{} addresses at {} ports", asked.addresses, asked.ports),
            },
        };
        let asked = one.asked.as_ref().map(|asked| moment(asked.at)).unwrap_or_default();
        [one.name.clone(), one.address.clone(), one.uplinks.join(","), asked, tells]
    };
    let heads = ["SWITCH", "ADDRESS", "UPLINKS", "ASKED", "TELLS"];
    tell(ui, "switch", heads, &all, row, "no switch is asked where boards are");
    Ok(())
}

fn show(station: &Station, ui: &Ui, name: &str) -> crate::cli::Result<()> {
    let all: Vec<SwitchPort> = station.all(&format!("{}/ports", path(["switches", name])), &[])?;
    let row = |one: &SwitchPort| {
        let macs: Vec<_> = one.first.iter().map(ToString::to_string).collect();
        let seen = match one.uplink {
            true => format!("{}: another switch is behind it", one.addresses),
            false => macs.join(" "),
        };
        [one.port.clone(), one.slot.clone().unwrap_or_default(), one.boards.join(", "), seen]
    };
    let heads = ["PORT", "SLOT", "BOARDS", "ADDRESSES"];
    tell(ui, "switch-port", heads, &all, row, "nothing was seen at its ports");
    Ok(())
}
