//! `piprov serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::ui::Ui;
use crate::cli::{Global, common};
use crate::config::Settings;
use crate::config::station::Enrol;
use crate::error::{Action, Explain, Kind, Remedy, remedy};
use crate::netboot::serve::service;
use crate::station::serve::{Event, Sockets, is_unix, serve};
use crate::station::{Options, bootd};
use crate::stop::Stop;

/// What is said below the options.
const MORE: &str = "\
It listens at a Unix socket for root and the group piprov, and at \
127.0.0.1:8080 until --listen or the settings say otherwise. Boards that \
nobody knows wait until a person says that they may take work: `piprov board \
list` shows them.

It needs no root. What boots boards from the network is another process.

Ctrl-C ends it; what is in flight is finished.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Serve {
    /// Listen here for boards and programs; again for more addresses
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    listen: Vec<SocketAddr>,
    /// Listen at this Unix socket [default: /run/piprov/station.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Keep database, images and keys here
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What becomes of boards that nobody knows: ask or open
    #[arg(long, value_name = "HOW")]
    enrol: Option<Enrol>,
    /// Start `piprov bootd` too, on this network interface; takes root
    #[arg(long, value_name = "IF")]
    with_bootd: Option<String>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an IP address with a port is needed, as 10.0.0.1:8080 or [::]:8080".to_owned())
}

/// Starts the privileged half, with the same configuration.
fn start_bootd(global: &Global, ui: &Ui, interface: &str) -> crate::cli::Result<bootd::Spawned> {
    let config = global.config().map(|path| path.display().to_string());
    let mut arguments = vec!["--quiet".to_owned(), "--interface".to_owned(), interface.to_owned()];
    // It ends with this process, also where that is killed.
    arguments.extend(["--with-parent".to_owned(), std::process::id().to_string()]);
    arguments.extend(config.into_iter().flat_map(|path| ["--config".to_owned(), path]));
    let ui = ui.clone();
    let told = move |bootd::Ended { status, again }| {
        ui.warn(format_args!(
            "`piprov bootd` has ended ({status}); it is started again in {} s",
            again.as_secs()
        ));
    };
    bootd::Spawned::start(arguments, told).map_err(|source| crate::bootd::Error::System(source).into())
}

impl Serve {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let mut settings = common::settings(global, ui)?;
        settings.station.enrol = settings.station.enrol.or_flag("--enrol", self.enrol);
        let station = &settings.station;
        let state = self.state.or(station.state.value.clone());
        let options = Options {
            records: settings.state_dir.value.clone(),
            state: state.unwrap_or_else(|| settings.state_dir.value.join("station")),
            store: station.store.value.clone(),
            settings: Arc::new(settings.clone()),
            bootd: settings.control_socket.value.clone(),
            commands: super::docs::for_manual,
        };
        // It ends with this command.
        let _bootd = match &self.with_bootd {
            Some(interface) => {
                // It is started again and again; what can't mend itself is said before.
                crate::wire::interfaces::find(interface)?;
                Some(start_bootd(global, ui, interface)?)
            }
            None => None,
        };
        let tls = match (&station.tls_cert.value, &station.tls_key.value) {
            (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(crate::station::serve::Error::HalfTls.into()),
        };
        let listen = if self.listen.is_empty() { station.listen.value.clone() } else { self.listen };
        let socket = self.socket.or(station.socket.value.clone());
        let handed: Vec<_> = service::sockets()?.into_iter().map(|(_, fd)| fd).collect();
        // One that the service manager has handed over stands in for it.
        if let Some(socket) = socket.as_ref().filter(|_| !handed.iter().any(is_unix)) {
            check_socket(&settings, socket)?;
        }
        let sockets = Sockets { listen, socket, group: common::control_group(), tls };
        serve(options, &sockets, handed, &|event| show(ui, &event), stop)?;
        if !ui.json {
            ui.result("ended");
        }
        Ok(())
    }
}

fn show(ui: &Ui, event: &Event) {
    if ui.json {
        ui.object(event);
        return;
    }
    let Event::Serving { urls, socket, key, cert, welcome } = event;
    if urls.iter().any(|url| url.starts_with("http://") && !is_loopback(url)) {
        ui.warn(
            "without TLS, tokens and images can be read on the way: `piprov station cert NAME` makes a certificate",
        );
    }
    let places = urls.iter().cloned().chain(socket.iter().map(|path| path.display().to_string()));
    ui.say(format_args!("serving at {}. Ctrl-C ends it.", places.collect::<Vec<_>>().join(", ")));
    ui.detail(format_args!("key: {key}"));
    if let Some(cert) = cert {
        ui.detail(format_args!("certificate: {cert}"));
    }
    if let Some(welcome) = welcome {
        ui.say(format_args!(
            "Nobody may sign in yet. This page makes the first user, once, within a day: {welcome}"
        ));
    }
}

/// A socket is to lie in a directory that isn't there.
#[derive(Debug, thiserror::Error)]
#[error("the directory of the socket {} isn't there", .0.display())]
struct NoDirectory(PathBuf);

impl Explain for NoDirectory {
    fn kind(&self) -> Kind {
        Kind::CantCreate
    }

    fn hint(&self) -> Option<Remedy> {
        let dir = self.0.parent().unwrap_or(Path::new("/"));
        Some(remedy![
            "Make it first: ",
            Action::host_as_root("mkdir -p").arg(dir.display()),
            ", or name another place."
        ])
    }
}

/// A socket's directory is made only where it is one of ours: for runs of this host, or below the state directory. One
/// that is named elsewhere has to be there.
fn check_socket(settings: &Settings, socket: &Path) -> Result<(), NoDirectory> {
    let dir = socket.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ours = [settings.runtime_dir.value.as_path(), &settings.state_dir.value, Path::new("/run/piprov")];
    if ours.iter().any(|own| dir.starts_with(own)) || dir.exists() {
        return Ok(());
    }
    Err(NoDirectory(socket.to_owned()))
}

/// Whether only this host can speak to it there.
fn is_loopback(url: &str) -> bool {
    let address = url.strip_prefix("http://").and_then(|at| at.parse::<std::net::SocketAddr>().ok());
    address.is_some_and(|address| address.ip().is_loopback())
}
