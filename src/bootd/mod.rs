//! The small privileged half of a station: network boot, USB boot and reset lines in one process. It speaks over the
//! control socket and knows no HTTP, no database and no job; which boards are answered a station tells it, and the last
//! word holds when the station is away.
//!
//! - [`cables`]: boards that come by a USB cable alone.
//! - [`Alone`]: what stands at the control socket where no network boot is served.
//! - [`News`]: what is seen, for the stations that listen.
//! - [`Desk`]: does what a station wants, one after the other, on a thread of its own.

mod alone;
pub mod cables;
mod desk;
mod news;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

use crate::control::{self, Stations};
use crate::error::{Explain, Kind, Remedy};
use crate::netboot::serve::{self, Event, Totals};
use crate::run::Runs;
use crate::stop::Stop;

pub use alone::Alone;
use cables::Cables;
pub use desk::{Clerks, Desk, DeskOptions};
pub use news::{Both, News};

/// Something else that runs beside network boot until its stop is set: boards in USB boot.
pub type Beside<'a> = Box<dyn FnOnce(&Stop) -> Result<(), Box<dyn Explain + Send + Sync>> + Send + 'a>;

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Network boot could not.
    #[error(transparent)]
    Serve(#[from] serve::Error),
    /// What runs beside it could not.
    #[error("{0}")]
    Beside(Box<dyn Explain + Send + Sync>),
    /// The control socket can't be had.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// Boards can't be served at their cables.
    #[error("looking after boards' USB cables: {0}")]
    Cables(std::io::Error),
    /// What is kept of which boards are answered can't be opened.
    #[error("{}: {source}", path.display())]
    Arms {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread has died.
    #[error("{what} has ended by a fault of this program")]
    Fault {
        /// Which.
        what: &'static str,
    },
    /// The system has no thread or descriptor left.
    #[error("starting its threads: {0}")]
    System(std::io::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Serve(error) => error.kind(),
            Self::Beside(error) => error.kind(),
            Self::Control(error) => error.kind(),
            Self::Fault { .. } => Kind::Failed,
            Self::Arms { source: error, .. } | Self::Cables(error) | Self::System(error) => {
                Kind::of_io(error)
            }
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Serve(error) => error.hint(),
            Self::Beside(error) => error.hint(),
            Self::Control(error) => error.hint(),
            Self::Arms { .. } | Self::Fault { .. } | Self::Cables(_) | Self::System(_) => None,
        }
    }
}

/// Is told of boards at their cables.
pub type TellCable<'a> = &'a (dyn Fn(&cables::Event) + Sync);

/// What a process serves.
pub struct Serves<'a> {
    /// Network boot, or nothing but the control socket.
    pub front: Front,
    /// Boards in USB boot.
    pub usb: Option<Beside<'a>>,
    /// Boards at their cables, and who is told of them.
    pub cables: Option<(Cables, TellCable<'a>)>,
}

impl std::fmt::Debug for Serves<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Serves").field("front", &self.front).finish_non_exhaustive()
    }
}

/// What has the control socket.
#[derive(Debug)]
pub enum Front {
    /// Network boot.
    Network(Box<serve::Server>),
    /// Nothing else: boards come over USB.
    Alone(Alone),
}

/// Serves until `stop` is set, or until one of these can't go on; then the others end too. Gives what network boot came to,
/// where it was served.
///
/// # Errors
/// What one of them could not go on for.
pub fn run(
    serves: Serves<'_>,
    (tell, news): (&(dyn Fn(&Event) + Send + Sync), &News),
    runs: &Runs,
    stop: &Stop,
) -> Result<Option<Totals>, Error> {
    let stop = &stop.child().map_err(Error::System)?;
    let Serves { front, usb, cables } = serves;
    std::thread::scope(|scope| {
        let usb = usb.map(|work| move || work(stop).map_err(Error::Beside));
        let at_cables = cables.map(|(cables, told)| {
            let tell = move |event: &cables::Event| {
                news.cable(event);
                told(event);
            };
            move || cables.run(&tell, stop).map_err(Error::Cables)
        });
        let usb = usb.map(|work| spawn(scope, "usb", work, stop)).transpose();
        let at_cables = at_cables.map(|work| spawn(scope, "cables", work, stop)).transpose();
        let both = |event: &Event| {
            news.netboot(event);
            tell(event);
        };
        let served = match front {
            _ if usb.is_err() || at_cables.is_err() => Ok(None),
            Front::Network(server) => server.run(&both, runs, stop).map(Some).map_err(Error::from),
            Front::Alone(alone) => alone.run(stop).map(|()| None),
        };
        stop.set();
        let ended = [(usb?, "what boots boards over USB"), (at_cables?, "what looks after USB cables")];
        let ended = ended.map(|(thread, what)| {
            let ended = thread.map_or(Ok(Ok(())), std::thread::ScopedJoinHandle::join);
            ended.unwrap_or(Err(Error::Fault { what }))
        });
        let totals = served?;
        ended.into_iter().collect::<Result<(), Error>>()?;
        Ok(totals)
    })
}

/// A thread whose end ends all.
fn spawn<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> Result<(), Error> + Send + 'scope,
    stop: &'scope Stop,
) -> Result<std::thread::ScopedJoinHandle<'scope, Result<(), Error>>, Error> {
    let work = move || {
        let done = work();
        stop.set();
        done
    };
    Builder::new().name(name.to_owned()).spawn_scoped(scope, work).map_err(Error::System)
}

/// What a station is told first.
#[derive(Debug, Default)]
pub struct Does {
    /// It serves boards in USB boot.
    pub usb: AtomicBool,
}

impl Does {
    fn usb(&self) -> bool {
        self.usb.load(Ordering::Relaxed)
    }
}

/// Makes this process end as by SIGTERM when its parent does, also where that is killed: the next one finds the ports
/// free. `parent` is the one that has started it.
///
/// # Errors
/// Where it has ended already, or the system says no.
pub fn end_with(parent: i32) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    // From here on nothing is missed; it may have been before.
    let now = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if now == parent {
        return Ok(());
    }
    Err(std::io::Error::other("the process that has started this one has ended"))
}

/// The stations of a process, and what they are told by.
#[must_use]
pub fn stations() -> (Stations, Arc<News>) {
    let stations = Stations::default();
    (stations.clone(), Arc::new(News::new(stations)))
}
