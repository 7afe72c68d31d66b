//! `piprov bootd`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::netboot::serve::{Serve, end, show};
use super::report::Usage;
use super::screen::{Remark, Screen};
use super::{Global, common, ui::Ui};
use crate::arming::Arms;
use crate::bootd::cables;
use crate::bootd::{self, Alone, Both, Desk, DeskOptions, Does, Front, Serves};
use crate::netboot::serve::Server;
use crate::power::ResetOptions;
use crate::run::Runs;
use crate::run::ledger::Ledger;
use crate::stop::Stop;

/// What is said below the options.
const MORE: &str = "\
It serves network boots as `piprov netboot serve` does, and beside that tells a \
station what boards do, over the control socket. The station says which boards \
are answered: one that is done gets no answer when it asks the network again, so \
that it starts from its disk. Its last word holds when the station is away.

Boards that come by a USB cable alone boot with --usb, and their agent is then \
reached over that cable as a USB Ethernet gadget; both ends know their addresses \
by the board's serial number, so nothing is configured. `piprov initramfs build \
--over-usb` makes what such boards boot. The setting usb.ports names the only \
ports at which boards are served.

Beside another DHCP server (--mode proxy) only what this program tells can be \
withheld: a board that the other server tells where to boot from goes there.";

/// Serve boards for a station: network boot, USB boot and reset lines
///
/// The part of a station that needs privileges. It knows no HTTP and no jobs; the station is another process, which
/// speaks with it over the control socket.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Bootd {
    #[command(flatten)]
    serve: Serve,
    /// Boot boards over USB too, with these files, and reach them over their cable
    ///
    /// Without DIR the rules of the setting usb.board say which files each board gets.
    #[cfg(feature = "usb")]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    usb: Option<Option<PathBuf>>,
    /// Serve no network boot: boards come over USB alone
    #[cfg(feature = "usb")]
    #[arg(long, requires = "usb", conflicts_with_all = ["interface", "mode", "range", "tftp_root", "force"])]
    no_network: bool,
    /// Leave boards alone that no station has spoken of
    ///
    /// Otherwise every board that asks is told where to boot from. A station changes it.
    #[arg(long)]
    withhold: bool,
    /// End when this process does, which has started this one
    #[arg(long, value_name = "PID", hide = true)]
    with_parent: Option<i32>,
    /// Targets database, whose reset lines a station may pull [env: PIPROV_TARGETS]
    #[arg(long = "targets", value_name = "FILE")]
    targets: Option<PathBuf>,
}

impl Bootd {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        if let Some(parent) = self.with_parent {
            bootd::end_with(parent).map_err(bootd::Error::System)?;
        }
        let settings = common::settings(global, ui)?;
        let state = self.serve.state(&settings);
        #[cfg(feature = "usb")]
        let network = !self.no_network;
        #[cfg(not(feature = "usb"))]
        let network = true;
        let mut options = if network { Some(self.serve.options(&settings, "bootd", ui)?) } else { None };
        let (arms, damage) = open_arms(&state)?;
        if let Some(damage) = damage {
            ui.warn(damage);
        }
        if self.withhold {
            let change = crate::arming::Change { others: Some(false), rules: Vec::new() };
            arms.change(&change).map_err(bootd::Error::System)?;
        }
        let arms = Arc::new(arms);
        if let Some(options) = &mut options {
            options.dhcp.arms = Arc::clone(&arms);
        }
        let ledger = Ledger::open(&settings.state_dir.value)?;
        ui.detail(format_args!("records: {}", ledger.path().display()));
        let screen = Arc::new(Screen::of_service(ui));
        let (stations, news) = bootd::stations();
        let both = Both { screen: Arc::clone(&screen) as _, news: Arc::clone(&news) };
        let runs = Runs::new(Arc::new(both), ledger);
        let does = Arc::new(Does::default());
        let desk = DeskOptions {
            network: options.as_ref().map(|options| (options.dhcp.interface.clone(), options.dhcp.mode)),
            arms,
            targets: settings.targets.clone().or_flag("--targets", self.targets.clone()).value,
            reset: ResetOptions {
                hold: settings.reset.hold.value,
                command_timeout: settings.reset.command_timeout.value,
            },
            does: Arc::clone(&does),
            offers: options.as_ref().map(|options| Arc::clone(&options.offers)).unwrap_or_default(),
        };
        let ending = stop.child().map_err(bootd::Error::System)?;
        let (desk, clerks) = Desk::open(desk, &runs, &ending).map_err(bootd::Error::System)?;
        let told = |event: &cables::Event| show_cable(ui, &screen, event);
        #[cfg(feature = "usb")]
        let (usb, at_cables) = match &self.usb {
            Some(dir) => {
                let usb = super::usbboot::beside(dir.as_deref(), &settings, &runs, ui)?;
                let ports = settings.usb.ports.value.clone();
                (Some(usb), Some((cables::Cables::open(ports).map_err(bootd::Error::Cables)?, &told as _)))
            }
            None => (None, None),
        };
        #[cfg(not(feature = "usb"))]
        let (usb, at_cables) = {
            let _ = &told;
            (None, None)
        };
        does.usb.store(usb.is_some(), Ordering::Relaxed);
        let serves = |front| Serves { front, usb, cables: at_cables };
        let front = match options {
            Some(mut options) => {
                options.stations = Some((stations, desk));
                Server::open(options, stop).map(|server| Front::Network(Box::new(server)))?
            }
            None => {
                let path = settings.control_socket.value.clone().ok_or_else(no_socket)?;
                Front::Alone(
                    Alone::open(&path, common::control_group(), (stations, desk))
                        .map_err(bootd::Error::from)?,
                )
            }
        };
        let result = bootd::run(serves(front), (&|event| show(ui, &screen, event), &news), &runs, stop);
        ending.set();
        clerks.join();
        screen.finish();
        match result? {
            Some(totals) => end(ui, &totals),
            None => ui.detail("ended"),
        }
        Ok(())
    }
}

/// Shows what happened to a board's cable.
fn show_cable(ui: &Ui, screen: &Screen, event: &cables::Event) {
    if ui.json {
        return ui.named("cable", None, event);
    }
    screen.remark(&Remark {
        time: event.time,
        label: Some(event.board.label()),
        is_warning: event.is_bad(),
        why: &event.text(),
        hint: &event.hint().unwrap_or_default(),
    });
}

/// Without network boot and without a socket there is nobody to serve for.
fn no_socket() -> Usage {
    Usage {
        message: "a station has no way to come here: the setting control-socket is off".into(),
        hint: Some("give control-socket a path, such as /run/piprov/control.sock".into()),
    }
}

fn open_arms(state: &std::path::Path) -> Result<(Arms, Option<crate::arming::Damage>), bootd::Error> {
    let path = state.join("arming");
    Arms::open(&path).map_err(|source| bootd::Error::Arms { path, source })
}
