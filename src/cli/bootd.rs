//! `piprov bootd`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::netboot::serve::{Serve, end, show};
use super::screen::Screen;
use super::{Global, common, ui::Ui};
use crate::arming::Arms;
use crate::bootd::{self, Both, Desk, DeskOptions, Does};
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
    /// Boot boards over USB too, with these files
    #[cfg(feature = "usb")]
    #[arg(long, value_name = "DIR")]
    usb: Option<PathBuf>,
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
        let mut options = self.serve.options(&settings, ui)?;
        let (arms, damage) = open_arms(&options.dhcp.state)?;
        if let Some(damage) = damage {
            ui.warn(damage);
        }
        if self.withhold {
            let change = crate::arming::Change { others: Some(false), rules: Vec::new() };
            arms.change(&change).map_err(bootd::Error::System)?;
        }
        let arms = Arc::new(arms);
        options.dhcp.arms = Arc::clone(&arms);
        let ledger = Ledger::open(&settings.state_dir.value)?;
        ui.detail(format_args!("records: {}", ledger.path().display()));
        let screen = Arc::new(Screen::of_service(ui));
        let (stations, news) = bootd::stations();
        let both = Both { screen: Arc::clone(&screen) as _, news: Arc::clone(&news) };
        let runs = Runs::new(Arc::new(both), ledger);
        let does = Arc::new(Does::default());
        let desk = DeskOptions {
            network: Some((options.dhcp.interface.clone(), options.dhcp.mode)),
            arms,
            targets: settings.targets.clone().or_flag("--targets", self.targets.clone()).value,
            reset: ResetOptions {
                hold: settings.reset.hold.value,
                command_timeout: settings.reset.command_timeout.value,
            },
            does: Arc::clone(&does),
            offers: Arc::clone(&options.offers),
        };
        let ending = stop.child().map_err(bootd::Error::System)?;
        let (desk, clerks) = Desk::open(desk, &runs, &ending).map_err(bootd::Error::System)?;
        options.stations = Some((stations, desk));
        #[cfg(feature = "usb")]
        let beside = match &self.usb {
            Some(dir) => Some(super::usbboot::beside(dir, &runs, ui)?),
            None => None,
        };
        #[cfg(not(feature = "usb"))]
        let beside = None;
        does.usb.store(beside.is_some(), Ordering::Relaxed);
        let result = Server::open(options, stop).map_err(bootd::Error::from).and_then(|server| {
            bootd::run(server, beside, (&|event| show(ui, &screen, event), &news), &runs, stop)
        });
        ending.set();
        clerks.join();
        screen.finish();
        end(ui, &result?);
        Ok(())
    }
}

fn open_arms(state: &std::path::Path) -> Result<(Arms, Option<crate::arming::Damage>), bootd::Error> {
    let path = state.join("arming");
    Arms::open(&path).map_err(|source| bootd::Error::Arms { path, source })
}
