//! `piprov netboot client set`.

use std::net::Ipv4Addr;

use clap::{ArgGroup, Args};

use super::{Where, name};
use crate::cli::Global;
use crate::cli::remedy;
use crate::cli::table;
use crate::cli::ui::Ui;
use crate::config::netboot::Mode as Serving;
use crate::error::{Finding, remedy as words};
use crate::format::count;
use crate::format::json::json;
use crate::netboot::client::{self, Mode, Network, Wanted, unsure_address};
use crate::stop::Stop;

#[derive(Debug, Args)]
#[command(group(
    ArgGroup::new("what").required(true).multiple(true)
        .args(["board", "mode", "server", "address", "network", "interface"])
))]
#[command(override_usage = "piprov netboot client set [OPTIONS] <NAME>")]
pub(super) struct Set {
    /// The client
    name: String,
    /// The serial number (8 or 16 hex digits) or MAC address of its new board
    #[arg(long, value_name = "ID")]
    board: Option<String>,
    /// How the client has its root: rw or ro
    ///
    /// An overlay has a root that others share, so a client can't become one, or cease to be one.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// This host's address, as the client sees it
    #[arg(long, value_name = "IP")]
    server: Option<Ipv4Addr>,
    /// The client's address; only it may mount. Not with --network
    #[arg(long, value_name = "IP", conflicts_with = "network")]
    address: Option<Ipv4Addr>,
    /// The clients' network
    ///
    /// Without it the network stays, unless the server leaves it: then it is the server's.
    #[arg(long, value_name = "NETWORK/PREFIX")]
    network: Option<String>,
    /// The interface that server and network are taken from
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// Print every change, and make none
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    place: Where,
}

impl Set {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let name = name(&self.name)?;
        let network = match (self.address, self.network) {
            (Some(address), _) => Some(Network::one(address)),
            (None, network) => network.map(|network| network.parse()).transpose()?,
        };
        let wanted = Wanted {
            board: self.board.map(|board| board.parse()).transpose()?,
            mode: self.mode,
            server: self.server,
            network,
            interface: self.interface,
        };
        let (clients, settings) = self.place.clients(global, ui, stop)?;
        let mut set =
            if self.dry_run { clients.would_set(&name, &wanted)? } else { clients.set(&name, &wanted)? };
        // In mode proxy somebody else gives the addresses, and nothing is known of them here.
        if settings.netboot.mode.value == Serving::Dhcp {
            set.findings.extend(unsure_address(&set.after, &settings.netboot.hosts.value));
        }
        show(ui, &set, self.dry_run);
        Ok(())
    }
}

fn show(ui: &Ui, set: &client::Set, dry: bool) {
    let client::Set { after, settings, lines, findings, .. } = set;
    if ui.json {
        let event = if dry { "would-set" } else { "set" };
        ui.object(&json!({
            "event": event, "board": after.who(), "client": after, "settings": settings, "changes": lines,
            "findings": findings,
        }));
        return;
    }
    for setting in settings {
        ui.result(format_args!("{}  {}: {}, was {}", after.name, setting.name, setting.to, setting.from));
    }
    if settings.is_empty() && lines.is_empty() {
        ui.result(format_args!("{} is so already", after.name));
    } else if dry {
        let rows: Vec<[String; 3]> = lines
            .iter()
            .map(|line| [format!("would {}", line.action), line.item.to_owned(), line.place()])
            .collect();
        for line in table::Columns::default().within(&rows, ui.width_out).into_iter().flatten() {
            ui.result(line);
        }
    } else {
        let changed = count(lines.len() as u64, "change");
        ui.result(format_args!("{} set: {changed}, from its next start on", after.name));
    }
    for Finding { what, remedy, .. } in findings {
        ui.warn(remedy::word(&words![format!("{what}: "), remedy.clone()]));
    }
}
