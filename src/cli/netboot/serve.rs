//! `piprov netboot serve`.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::board::Mac;
use crate::cli::screen::{Remark, Screen};
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common, remedy};
use crate::config::Settings;
use crate::config::netboot::{Mode, parse_range};
use crate::config::subnet::Subnet;
use crate::dhcp;
use crate::dhcp::config::{Network, RelayedNet};
use crate::format::{count, json};
use crate::netboot::reason::Grade;
use crate::netboot::serve::service;
use crate::netboot::serve::{Event, InterfaceChange, ServeOptions, Server, Totals, What};
use crate::run::ledger::Ledger;
use crate::run::{Runs, Tell};
use crate::stop::Stop;

/// What is said below the options.
const MORE: &str = "\
In mode proxy another DHCP server gives the addresses, and this one only tells \
Raspberry Pis where to boot from; nothing on that server has to be changed. In \
mode dhcp this one gives addresses out of --range too, to Raspberry Pis only; \
it refuses to start where another server answers. PCs are left alone.

A board's files are in DIR/SERIAL (the last 8 digits of its serial number) or \
DIR/MAC (with dashes); what isn't there comes from DIR itself, but files of \
different versions are never mixed. `piprov netboot client add` makes such a \
directory.

Ctrl-C ends it; boards that are fetching are told so.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(in crate::cli) struct Serve {
    /// Serve on this network interface; it is never guessed
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// Serve from this address of the interface, where it has several
    #[arg(long, value_name = "IP")]
    server: Option<Ipv4Addr>,
    /// Beside the network's DHCP server, or instead of one: proxy or dhcp
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// Give out these addresses, in mode dhcp: 10.0.0.100-10.0.0.199
    #[arg(long, value_name = "A-B", value_parser = parse_range)]
    range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Serve the boot files below this directory [default: /srv/netboot/tftp]
    #[arg(long, value_name = "DIR")]
    tftp_root: Option<PathBuf>,
    /// Keep leases and records here [default: /var/lib/piprov/netboot]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Start in mode dhcp although another DHCP server answers
    #[arg(long)]
    force: bool,
}

impl Serve {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let options = self.options(&settings, "netboot serve", ui)?;
        let server = Server::open(options, stop)?;
        // Nobody was answered yet, and nobody is where it can't be recorded.
        let ledger = Ledger::open(&settings.state_dir.value)?;
        ui.detail(format_args!("records: {}", ledger.path().display()));
        let screen = Arc::new(Screen::of_service(ui));
        let runs = Runs::new(Arc::clone(&screen) as Arc<dyn Tell>, ledger);
        let result = server.run(&|event| show(ui, &screen, event), &runs, stop);
        screen.finish();
        end(ui, &result?);
        Ok(())
    }

    /// Where leases are kept, and which boards are answered.
    pub(in crate::cli) fn state(&self, settings: &Settings) -> PathBuf {
        self.state.clone().unwrap_or_else(|| settings.netboot.state.value.clone())
    }

    /// What is to be served, by flags and settings.
    pub(in crate::cli) fn options(
        self,
        settings: &Settings,
        command: &str,
        ui: &Ui,
    ) -> crate::cli::Result<ServeOptions> {
        let netboot = &settings.netboot;
        netboot.makes_sense()?;
        let state = self.state(settings);
        let interface = super::interface(self.interface.or(netboot.interface.value.clone()), command)?;
        let mut config = dhcp::Config::new(&interface, state);
        config.mode = self.mode.unwrap_or(netboot.mode.value);
        config.server = self.server.or(netboot.server.value);
        config.range = self.range.or(netboot.range.value);
        config.lease_time = netboot.lease_time.value;
        config.router = netboot.router.value;
        config.dns.clone_from(&netboot.dns.value);
        config.hosts = netboot.hosts.value.iter().copied().collect();
        config.ouis.extend(&netboot.oui.value);
        config.rom_delay = netboot.rom_delay.value;
        config.delays = netboot.delays.value.iter().copied().collect();
        config.everyone = netboot.everyone.value;
        config.boot_files = netboot.boot_files.value.iter().cloned().collect();
        config.relayed = netboot.subnets.value.iter().filter_map(relayed).collect();
        config.admission.allow.clone_from(&netboot.allow.value);
        config.admission.deny.clone_from(&netboot.deny.value);
        config.tftp_server = netboot.tftp_server.value;
        config.menu.clone_from(&netboot.option_43.value);
        config.station.clone_from(&netboot.station.value);
        config.force = self.force;
        if self.range.is_some() && config.mode == Mode::Proxy {
            ui.warn("--range is of no use in mode proxy: addresses come from the other server");
        }
        if config.mode == Mode::Dhcp && !config.force {
            ui.detail(format_args!("looking for other DHCP servers on {interface}"));
        }
        config.has_further = netboot.subnets.value.iter().any(|subnet| subnet.interface.is_some());
        let further: Vec<_> =
            netboot.subnets.value.iter().filter_map(|subnet| further(&config, subnet)).collect();
        if config.mode == Mode::Proxy && !netboot.subnets.value.is_empty() {
            ui.warn(
                "the setting netboot.subnet is of no use in mode proxy: addresses come from other servers",
            );
        }
        Ok(ServeOptions {
            further: further.into_iter().filter(|config| config.mode == Mode::Dhcp).collect(),
            dhcp: config,
            tftp_root: self.tftp_root.unwrap_or_else(|| netboot.tftp_root.value.clone()),
            limits: common::tftp_limits(settings),
            control: settings.control_socket.value.clone().map(|path| (path, common::control_group())),
            sockets: service::sockets()?,
            stations: None,
            offers: Arc::default(),
        })
    }
}

/// A network behind a relay, as the settings have it.
fn relayed(subnet: &Subnet) -> Option<RelayedNet> {
    let network = subnet.network?;
    let network = Network::new(network.address, network.prefix);
    Some(RelayedNet { network, range: subnet.range, router: subnet.router })
}

/// A further interface, as the settings have it: all else is as on the first, also what is behind relays, which may
/// reach this host over any of them.
fn further(config: &dhcp::Config, subnet: &Subnet) -> Option<dhcp::Config> {
    let interface = subnet.interface.clone()?;
    Some(dhcp::Config {
        interface,
        server: None,
        range: subnet.range,
        router: subnet.router,
        ..config.clone()
    })
}

/// Shows what belongs to no board. The boards' boots are runs, which the screen shows.
pub(in crate::cli) fn show(ui: &Ui, screen: &Screen, event: &Event) {
    if ui.json {
        // DHCP's own words are for users that want details.
        if ui.verbose > 0 || !matches!(event.what, What::Dhcp { .. }) {
            ui.object(event);
        }
        return;
    }
    let warn = |text: &str| screen.above(format_args!("{} {text}", ui.paint_err(Style::Warn, "warning:")));
    match &event.what {
        What::Serving {
            interface,
            address,
            mode,
            range,
            fixed,
            tftp_root,
            clients,
            tftp_server,
            further,
            relayed,
            ..
        } => {
            let more: String = further.iter().map(|further| format!(" and on {further}")).collect();
            let far = behind(relayed, interface, further);
            let what = tftp_server
                .map_or_else(|| tftp_root.display().to_string(), |server| format!("the files of {server}"));
            let how = match (mode, range) {
                (Mode::Dhcp, Some((first, last))) => format!("giving out {first} to {last}"),
                (Mode::Dhcp, None) if *fixed == 0 && !relayed.is_empty() => {
                    format!("giving no addresses on {interface} itself")
                }
                (Mode::Dhcp, None) => "giving fixed addresses".to_owned(),
                (Mode::Proxy, _) => "beside the network's own DHCP server".to_owned(),
            };
            screen.above(format_args!(
                "serving {what} on {interface} as {address}, {how}{more}{far}; {}. Ctrl-C ends it.",
                count(*clients as u64, "client")
            ));
        }
        What::TooLarge(file) => warn(&file.to_string()),
        What::Admitted { pid, boards, .. } => {
            screen.above(format_args!(
                "serving {} for process {pid}: {}",
                count(boards.len() as u64, "board"),
                named(boards)
            ));
        }
        What::Withdrawn { pid, boards, why, .. } if boards.is_empty() => {
            warn(&format!("process {pid} wanted boards to be served, and was refused: {why}"));
        }
        What::Withdrawn { pid, boards, why, .. } => {
            screen.above(format_args!("no longer serving {} for process {pid}: {why}", named(boards)));
        }
        What::Warning { text } => warn(&remedy::word(text)),
        What::Reason { board, told } => screen.remark(&Remark {
            time: event.time,
            label: Some(board.label()),
            is_warning: told.grade == Grade::Warning,
            why: &told.why,
            hint: &told.hint,
        }),
        What::Server(sighting) => screen.remark(&Remark {
            time: event.time,
            label: None,
            is_warning: sighting.grade == Grade::Warning,
            why: &sighting.sentence(),
            hint: &sighting.hint,
        }),
        What::Clients { count: all } => {
            if ui.verbose > 0 {
                screen.above(format_args!("records read again: {}", count(*all as u64, "client")));
            }
        }
        What::Interface { interface, change, address } => {
            let what = match change {
                InterfaceChange::Back => "is back",
                InterfaceChange::Moved => "is served anew",
                InterfaceChange::Carrier => "has carrier",
                // A warning says these.
                _ => return,
            };
            screen.above(format_args!("{interface} {what}, as {address}"));
        }
        What::Dhcp { dhcp } => {
            if ui.verbose > 1
                && let Ok(text) = json::line(dhcp)
            {
                let time = event.time.strftime("%Y-%m-%dT%H:%M:%SZ");
                screen.above(format_args!("{time} dhcp {text}"));
            }
        }
    }
}

/// The networks behind relays, and where the relays are heard: one that reaches this host over another interface gets no
/// answer, and nothing is heard of it.
fn behind(relayed: &[String], interface: &str, further: &[String]) -> String {
    const MOST: usize = 4;
    if relayed.is_empty() {
        return String::new();
    }
    let mut nets: Vec<String> = relayed.iter().take(MOST).cloned().collect();
    if relayed.len() > nets.len() {
        nets.push(format!("{} more", relayed.len() - nets.len()));
    }
    let heard: Vec<&str> = std::iter::once(interface).chain(further.iter().map(String::as_str)).collect();
    format!(", and for {} behind relays that reach it over {}", nets.join(", "), heard.join(" or "))
}

/// Boards' addresses, not all of a long list.
fn named(boards: &[Mac]) -> String {
    let mut names: Vec<_> = boards.iter().take(4).map(ToString::to_string).collect();
    if boards.len() > names.len() {
        names.push(format!("and {} more", boards.len() - names.len()));
    }
    names.join(", ")
}

/// What it came to.
pub(in crate::cli) fn end(ui: &Ui, totals: &Totals) {
    if ui.json {
        ui.named("summary", None, totals);
        return;
    }
    let heard = count(totals.boards, "board");
    let stuck = if totals.stuck > 0 { format!(", {} stuck on the way", totals.stuck) } else { String::new() };
    ui.result(format_args!("ended: {heard} heard, {} came up{stuck}", totals.up));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_where_relays_are_heard() {
        let nets: Vec<String> = (2..8).map(|net| format!("10.9.{net}.0/24")).collect();
        assert_eq!(behind(&[], "e0", &[]), "");
        assert_eq!(
            behind(&nets[..1], "e0", &["e3".to_owned()]),
            ", and for 10.9.2.0/24 behind relays that reach it over e0 or e3"
        );
        assert!(behind(&nets, "e0", &[]).contains("10.9.5.0/24, 2 more behind relays"));
    }

    #[test]
    fn what_is_behind_relays_is_served_over_every_interface_out_of_one_pool() {
        let behind = Subnet { network: "10.79.0.0/24".parse().ok(), ..Subnet::default() };
        let mut first = dhcp::Config::new("eth0", "/state".into());
        first.router = Some(Ipv4Addr::new(10, 77, 0, 1));
        first.relayed = relayed(&behind).into_iter().collect();
        assert!(further(&first, &behind).is_none(), "it is on no interface");
        let subnet = Subnet { interface: Some("eth1".to_owned()), ..Subnet::default() };
        let second = further(&first, &subnet).unwrap();
        assert_eq!((second.interface.as_str(), second.range, second.router), ("eth1", None, None));
        assert_eq!(second.relayed, first.relayed);
        assert!(Arc::ptr_eq(&second.relays, &first.relays) && Arc::ptr_eq(&second.lasting, &first.lasting));
    }
}
