//! The servers' threads: started, stopped and started anew while all else goes on.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::error::Error;
use super::event::What;
use super::follower::Follower;
use crate::dhcp;
use crate::error::{Explain, Remedy, remedy};
use crate::netboot::reason::Site;
use crate::stop::{Pulse, Stop};
use crate::tftp;
use crate::tftp::switch::{Switch, Switched};

/// The threads of a server that serves.
pub(super) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    follower: &'env Follower<'env>,
    source: &'env Switched<'env>,
    switch: &'env Switch,
    /// Ends all of them, and whoever waits for them.
    stop: &'env Stop,
    dhcp: Dhcp<'scope>,
    /// On further interfaces.
    further: Vec<Dhcp<'scope>>,
    files: Vec<Thread<'scope, Result<(), tftp::Error>>>,
}

enum Dhcp<'scope> {
    /// It is open and answers nobody; what is asked waits in the kernel.
    Parked(Box<dhcp::Server>),
    Running(Thread<'scope, (Box<dhcp::Server>, Result<(), dhcp::Error>)>),
    /// It has ended.
    Over,
}

struct Thread<'scope, T> {
    handle: ScopedJoinHandle<'scope, T>,
    stop: Stop,
    pulses: Vec<Pulse>,
}

impl<T> Thread<'_, T> {
    fn end(self, what: &'static str) -> Result<T, Error> {
        self.stop.set();
        self.handle.join().map_err(|_| Error::Ended { what })
    }
}

const DHCP: &str = "the DHCP server";
const TFTP: &str = "the TFTP server";

impl<'scope, 'env> Crew<'scope, 'env> {
    /// The DHCP server waits for [`Crew::start_dhcp`], and there are no files yet.
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        follower: &'env Follower<'env>,
        (source, switch): (&'env Switched<'env>, &'env Switch),
        stop: &'env Stop,
        dhcp: dhcp::Server,
    ) -> Self {
        let (dhcp, further, files) = (Dhcp::Parked(Box::new(dhcp)), Vec::new(), Vec::new());
        Self { scope, follower, source, switch, stop, dhcp, further, files }
    }

    /// Starts the DHCP server, unless it runs.
    pub(super) fn start_dhcp(&mut self) -> Result<(), Error> {
        let mut server = match std::mem::replace(&mut self.dhcp, Dhcp::Over) {
            Dhcp::Parked(server) => server,
            other => {
                self.dhcp = other;
                return Ok(());
            }
        };
        let (all, own, pulses) = (self.stop, self.stop.child().map_err(Error::Loop)?, vec![server.pulse()]);
        let (follower, stop) = (self.follower, own.clone());
        let work = move || {
            let done = server.run(&mut |event| follower.dhcp(event), &own);
            // A server that ends by itself takes the others along.
            if !own.is_set() {
                all.set();
            }
            (server, done)
        };
        let handle = Builder::new().name("dhcp".to_owned()).spawn_scoped(self.scope, work);
        self.dhcp = Dhcp::Running(Thread { handle: handle.map_err(Error::Loop)?, stop, pulses });
        Ok(())
    }

    /// Has the DHCP server answer nobody, and gives it. Its leases are on disk then.
    ///
    /// # Errors
    /// What it could not go on for.
    pub(super) fn park_dhcp(&mut self) -> Result<&mut dhcp::Server, Error> {
        self.dhcp = match std::mem::replace(&mut self.dhcp, Dhcp::Over) {
            Dhcp::Running(thread) => {
                let (server, done) = thread.end(DHCP)?;
                done?;
                Dhcp::Parked(server)
            }
            other => other,
        };
        match &mut self.dhcp {
            Dhcp::Parked(server) => Ok(server),
            _ => Err(Error::Ended { what: DHCP }),
        }
    }

    /// Opens a DHCP server for a further interface.
    pub(super) fn open_further(&self, config: &dhcp::Config) -> Result<dhcp::Server, dhcp::Error> {
        dhcp::Server::open(config, dhcp::Handed::default(), self.stop)
    }

    /// Takes a DHCP server of a further interface, and starts it.
    pub(super) fn add_further(&mut self, server: dhcp::Server) -> Result<(), Error> {
        self.further.push(Dhcp::Parked(Box::new(server)));
        self.start_further(self.further.len() - 1)
    }

    /// Starts the DHCP server of a further interface, unless it runs. Where it ends by itself, that is told, and the others
    /// go on.
    pub(super) fn start_further(&mut self, at: usize) -> Result<(), Error> {
        let Some(place) = self.further.get_mut(at) else { return Ok(()) };
        let mut server = match std::mem::replace(place, Dhcp::Over) {
            Dhcp::Parked(server) => server,
            other => {
                *place = other;
                return Ok(());
            }
        };
        let (own, pulses) = (self.stop.child().map_err(Error::Loop)?, vec![server.pulse()]);
        let (follower, stop) = (self.follower, own.clone());
        let site = Site::further(&server.interface().name, server.plan());
        let work = move || {
            let done = server.run(&mut |event| follower.dhcp_on(&site, event), &own);
            if let Err(error) = &done {
                follower.tell(What::Warning { text: not_served(&server.interface().name, error) });
                // It owes no sign of life any more. One that panics still does.
                own.set();
            }
            (server, done)
        };
        let handle = Builder::new().name("dhcp-more".to_owned()).spawn_scoped(self.scope, work);
        *place = Dhcp::Running(Thread { handle: handle.map_err(Error::Loop)?, stop, pulses });
        Ok(())
    }

    /// Has the DHCP server of a further interface answer nobody, and gives it.
    pub(super) fn park_further(&mut self, at: usize) -> Result<&mut dhcp::Server, Error> {
        let place = self.further.get_mut(at).ok_or(Error::Ended { what: DHCP })?;
        *place = match std::mem::replace(place, Dhcp::Over) {
            // What it could not go on for was told.
            Dhcp::Running(thread) => Dhcp::Parked(thread.end(DHCP)?.0),
            other => other,
        };
        match place {
            Dhcp::Parked(server) => Ok(server),
            _ => Err(Error::Ended { what: DHCP }),
        }
    }

    /// Starts the TFTP servers, which take the place of those before.
    pub(super) fn start_files(&mut self, servers: Vec<tftp::Server>) -> Result<(), Error> {
        self.switch.served_by(&servers);
        servers.into_iter().try_for_each(|server| self.start_file_server(server))
    }

    /// Starts one more TFTP server beside those that run.
    pub(super) fn add_file_server(&mut self, server: tftp::Server) -> Result<(), Error> {
        self.switch.served_too(&server);
        self.start_file_server(server)
    }

    fn start_file_server(&mut self, server: tftp::Server) -> Result<(), Error> {
        let (all, own, pulses) =
            (self.stop, self.stop.child().map_err(Error::Loop)?, server.pulses().to_vec());
        let (follower, source, switch, stop) = (self.follower, self.source, self.switch, own.clone());
        let work = move || {
            let tell = |event| switch.sort(event).map_or((), |event| follower.tftp(event));
            let done = server.run(source, &tell, &own);
            if !own.is_set() {
                all.set();
            }
            done
        };
        let handle = Builder::new().name("tftp".to_owned()).spawn_scoped(self.scope, work);
        self.files.push(Thread { handle: handle.map_err(Error::Loop)?, stop, pulses });
        Ok(())
    }

    /// Ends the TFTP servers; boards that are fetching are told so.
    ///
    /// # Errors
    /// What one of them could not go on for. All have ended then.
    pub(super) fn end_files(&mut self) -> Result<(), Error> {
        let mut ended = Ok(());
        for files in self.files.drain(..) {
            let done = files.end(TFTP).and_then(|done| Ok(done?));
            ended = ended.and(done);
        }
        ended
    }

    /// The pulses of all that run.
    pub(super) fn pulses(&self) -> Vec<Pulse> {
        let dhcp = match &self.dhcp {
            Dhcp::Running(thread) => &thread.pulses[..],
            _ => &[],
        };
        let further = self.further.iter().filter_map(|place| match place {
            Dhcp::Running(thread) if !thread.stop.is_set() => Some(&thread.pulses),
            _ => None,
        });
        let files = self.files.iter().flat_map(|thread| &thread.pulses);
        dhcp.iter().chain(further.flatten()).chain(files).cloned().collect()
    }

    /// Ends all of them. All have ended before the first failure is told.
    ///
    /// # Errors
    /// What one of them could not go on for; the DHCP server's first.
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.stop.set();
        let dhcp = match self.dhcp {
            Dhcp::Running(thread) => thread.end(DHCP).map(|(_, done)| done),
            Dhcp::Parked(_) | Dhcp::Over => Ok(Ok(())),
        };
        self.dhcp = Dhcp::Over;
        let mut further = Ok(());
        for place in self.further.drain(..) {
            if let Dhcp::Running(thread) = place {
                // What it could not go on for was told, and the others went on.
                further = further.and(thread.end(DHCP).map(drop));
            }
        }
        let files = self.end_files();
        dhcp??;
        further.and(files)
    }
}

/// That nobody gets addresses on a further interface, and why.
pub(super) fn not_served(interface: &str, error: &dhcp::Error) -> Remedy {
    let text = format!(
        "no addresses are given on the further interface {interface}: {}. All else is served as before",
        crate::error::chain(error)
    );
    match error.hint() {
        Some(hint) => remedy![text, ". ", hint],
        None => text.into(),
    }
}

/// Whether all threads go round: each is asked, and has answered when it is looked at the next time.
#[derive(Debug, Default)]
pub(super) struct Health {
    asked: Vec<(Pulse, u64)>,
}

impl Health {
    /// Whether all that were asked have answered. Asks all that run now.
    pub(super) fn is_well(&mut self, running: Vec<Pulse>) -> bool {
        let is_well = self.asked.iter().all(|(pulse, before)| pulse.beats() != *before);
        self.asked = running.into_iter().map(|pulse| (pulse.clone(), pulse.beats())).collect();
        self.asked.iter().for_each(|(pulse, _)| pulse.prod());
        is_well
    }

    /// Threads were started or stopped: those that are gone owe no answer.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_hangs_makes_all_unwell() {
        let (one, other) = (Pulse::new().unwrap(), Pulse::new().unwrap());
        let mut health = Health::default();
        let both = || vec![one.clone(), other.clone()];
        assert!(health.is_well(both()), "nobody was asked yet");
        one.beat();
        other.beat();
        assert!(health.is_well(both()));
        one.beat();
        assert!(!health.is_well(both()), "the other one hangs");
        one.beat();
        assert!(!health.is_well(both()), "and goes on to");
        one.beat();
        other.beat();
        assert!(health.is_well(both()));
        health.forget();
        assert!(health.is_well(vec![other.clone()]));
    }
}
