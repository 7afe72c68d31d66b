//! The small privileged half of a station: network boot, USB boot and reset lines in one process. It speaks over the
//! control socket and knows no HTTP, no database and no job; which boards are answered a station tells it, and the last
//! word holds when the station is away.
//!
//! - [`News`]: what is seen, for the stations that listen.
//! - [`Desk`]: does what a station wants, one after the other, on a thread of its own.

mod desk;
mod news;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

use crate::control::Stations;
use crate::error::{Explain, Kind, Remedy};
use crate::netboot::serve::{self, Event, Totals};
use crate::run::Runs;
use crate::stop::Stop;

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
            Self::Fault { .. } => Kind::Failed,
            Self::Arms { source: error, .. } | Self::System(error) => Kind::of_io(error),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Serve(error) => error.hint(),
            Self::Beside(error) => error.hint(),
            Self::Arms { .. } | Self::Fault { .. } | Self::System(_) => None,
        }
    }
}

/// Serves until `stop` is set, or until one of the two can't go on; then the other ends too.
///
/// # Errors
/// What one of them could not go on for.
pub fn run(
    server: serve::Server,
    beside: Option<Beside<'_>>,
    (tell, news): (&(dyn Fn(&Event) + Send + Sync), &News),
    runs: &Runs,
    stop: &Stop,
) -> Result<Totals, Error> {
    let stop = &stop.child().map_err(Error::System)?;
    std::thread::scope(|scope| {
        let beside = match beside {
            None => None,
            Some(work) => {
                let work = move || {
                    let done = work(stop);
                    stop.set();
                    done
                };
                let thread = Builder::new().name("usb".to_owned()).spawn_scoped(scope, work);
                Some(thread.map_err(Error::System)?)
            }
        };
        let both = |event: &Event| {
            news.netboot(event);
            tell(event);
        };
        let served = server.run(&both, runs, stop);
        stop.set();
        let beside = beside.map_or(Ok(Ok(())), std::thread::ScopedJoinHandle::join);
        let beside = beside.map_err(|_| Error::Fault { what: "what boots boards over USB" })?;
        let totals = served?;
        beside.map_err(Error::Beside)?;
        Ok(totals)
    })
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
