//! `piprov doctor`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::client::At;
use super::failure::Context;
use super::findings;
use super::host_network;
use super::output::{Output, Readers};
use crate::cli::ui::Ui;
use crate::cli::{Global, common};
use crate::config::Settings;
use crate::doctor::{self, Host, Scope};
use crate::format::json::json;
use crate::station_api::Support;
use crate::stop::Stop;
use crate::support::{self, CONTENTS, LEFT_OUT};

/// Check what this host needs to boot and to flash boards, and say what to do
///
/// Looks at USB, permissions, udev rules, payloads, the ports of TFTP and DHCP, the targets database, and the interface
/// that the boards are behind. Changes nothing without --fix or --undo. Ends with 1 if something is missing that work
/// depends on.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Check what USB boot needs
    #[arg(long)]
    usb: bool,
    /// Check what flashing over the network needs
    #[arg(long)]
    tftp: bool,
    /// Check the interface that the boards are behind
    #[arg(long)]
    network: bool,
    /// Write one file for support instead, a .tar.gz; - is standard output
    ///
    /// Versions, settings without secrets and where each comes from, what doctor finds, the last runs; of the station its
    /// state, its last runs with their logs, and the end of its own log. A host without a station, or with one that doesn't
    /// answer, gets the file too. No password, token, key or image is in it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["usb", "tftp", "network"])]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    host: host_network::Args,
}

/// A station that hasn't told what it has after so long is left out.
const PATIENCE: Duration = Duration::from_secs(30);

/// What of this host isn't there after so long is left out.
const HOST: Duration = Duration::from_secs(60);

impl Doctor {
    /// Whether nothing is changed, so that it may end when nobody reads any more.
    pub(super) fn only_reports(&self) -> bool {
        !self.host.fix && !self.host.undo
    }

    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        if let Some(path) = &self.bundle {
            return bundle(path, &self.at, global, ui, stop);
        }
        if self.host.undo {
            return self.host.undo(ui, stop);
        }
        let mut settings = common::settings(global, ui)?;
        if self.host.fix {
            return self.host.fix(&settings, ui, stop);
        }
        if let Some(interface) = self.host.interface() {
            settings.netboot.interface.value = Some(interface.to_string());
        }
        let all = !self.usb && !self.tftp && !self.network;
        let scope = Scope { usb: self.usb || all, flash: self.tftp || all, network: self.network || all };
        let findings = doctor::look(&Host::this(), &settings, scope, stop);
        findings::tell(ui, &findings)
    }
}

/// Makes the file for support.
fn bundle(path: &Path, at: &At, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    let output = Output::at(path, true, ui)?;
    ui.say(format_args!("{} gets:", output.label()));
    for (name, what) in CONTENTS {
        ui.say(format_args!("  {name}: {what}"));
    }
    ui.say(format_args!("Never in it: {LEFT_OUT}."));
    let mut wrong = None;
    // Why the settings can't be read may be what help is wanted for.
    let settings = common::settings(global, ui).unwrap_or_else(|failure| {
        wrong = Some(format!("settings.json: {}", failure.message().unwrap_or_default()));
        Settings::without_files()
    });
    let mut bundle = support::collect_within(HOST, &settings, stop);
    if let Some(wrong) = wrong {
        bundle.missing(wrong);
    }
    let station = at.open(global, ui, stop).and_then(|station| {
        let call = station.client.get("/api/v1/station/support").within(PATIENCE);
        Ok(call.send()?.json::<Support>()?)
    });
    match station {
        Ok(told) => bundle.station(&told),
        Err(failure) => {
            bundle.missing(format!("what the station tells: {}", failure.message().unwrap_or_default()));
        }
    }
    for missing in bundle.left() {
        ui.warn(format_args!("missing: {missing}"));
    }
    let missing = bundle.left().to_vec();
    let new = output.begin(Readers::Owner)?;
    let written = bundle.write(SystemTime::now(), std::io::BufWriter::new(new.file()));
    let bytes = written.context(format_args!("writing {}", output.label()))?;
    new.end()?;
    if ui.json {
        ui.object(&json!({ "event": "bundle", "path": path, "bytes": bytes, "missing": missing }));
    } else if output.is_standard() {
        ui.say("written");
    } else {
        ui.result(format_args!(
            "wrote {}: for its owner alone; look into it before you give it away",
            path.display()
        ));
    }
    Ok(())
}
