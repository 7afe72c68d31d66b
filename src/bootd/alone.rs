//! The control socket where no network boot is served: boards come over USB, and a station comes here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Error;
use crate::control::{self, Desk, Stations};
use crate::netboot::serve::service::Notify;
use crate::stop::Stop;
use crate::tftp::switch::Switch;

/// The control socket, open.
#[derive(Debug)]
pub struct Alone(control::Server);

impl Alone {
    /// Opens it, for root and the users of `group`; without one for this user alone.
    ///
    /// # Errors
    /// Where another server listens there, or the place isn't to be trusted.
    pub fn open(
        path: &Path,
        group: Option<u32>,
        (stations, desk): (Stations, Arc<dyn Desk>),
    ) -> Result<Self, control::Error> {
        Ok(Self(control::Server::open(path, "usb", group)?.for_stations_alone(stations, desk)))
    }

    /// Serves stations until `stop` is set.
    ///
    /// # Errors
    /// Where the system has no thread left, or the socket is broken.
    pub(super) fn run(self, stop: &Stop) -> Result<(), Error> {
        let switch = Switch::new(&[]).map_err(Error::System)?;
        let notify = Notify::from_env();
        std::thread::scope(|scope| {
            let work = || {
                let mut tell = |told: control::Told| tracing::debug!(?told, "at the control socket");
                let done = self.0.run(&switch, &mut tell, stop);
                stop.set();
                done
            };
            let thread = std::thread::Builder::new().name("control".to_owned()).spawn_scoped(scope, work);
            let thread = thread.map_err(Error::System)?;
            notify.ready("boards are served over USB alone");
            while !stop.wait(notify.interval().unwrap_or(Duration::from_secs(3600))) {
                notify.alive();
            }
            notify.stopping();
            let done = thread.join().map_err(|_| Error::Fault { what: "what speaks with stations" })?;
            done.map_err(Error::System)
        })
    }
}
