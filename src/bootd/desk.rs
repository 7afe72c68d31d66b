//! Does what stations want: brings their word on boards to the disk, and resets boards. Each of the two has a thread, on
//! which one comes after the other: no board and no other program waits for a disk or a reset line, and no word for a line
//! that is held for half a minute.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::Does;
use crate::arming::Arms;
use crate::board::Mac;
use crate::config::netboot::Mode;
use crate::control::message::{MOST_BOARDS, ToClient};
use crate::control::{self, Handed, Reply, TooMuch, Want};
use crate::eeprom::Image;
use crate::error::chain;
use crate::netboot::content::offers::Offers;
use crate::power::{self, ResetOptions};
use crate::run::Runs;
use crate::stop::Stop;
use crate::targets::Targets;

/// What waits to be done, at most. A station waits for its answers, and there are few of them.
const MOST: usize = 64;
/// How often a thread that has nothing to do looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// What it works with.
#[derive(Debug)]
pub struct DeskOptions {
    /// The interface and the mode of network boot.
    pub network: Option<(String, Mode)>,
    /// Which boards are answered.
    pub arms: Arc<Arms>,
    /// The targets database, read anew for each reset.
    pub targets: PathBuf,
    /// How lines are held.
    pub reset: ResetOptions,
    /// What else is served.
    pub does: Arc<Does>,
    /// What single boards are offered.
    pub offers: Arc<Offers>,
}

/// The desk.
pub struct Desk {
    options: Arc<DeskOptions>,
    words: SyncSender<(Want, Reply)>,
    resets: SyncSender<(Want, Reply)>,
    stop: Stop,
}

/// Its threads.
#[derive(Debug)]
pub struct Clerks([JoinHandle<()>; 2]);

impl Clerks {
    /// Waits until they have ended.
    pub fn join(self) {
        for clerk in self.0 {
            // One that died has nothing left to say.
            let _ = clerk.join();
        }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Desk").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Desk {
    /// Opens it. Its threads end with `stop`.
    ///
    /// # Errors
    /// Where there is no thread.
    pub fn open(options: DeskOptions, runs: &Runs, stop: &Stop) -> std::io::Result<(Arc<Self>, Clerks)> {
        let options = Arc::new(options);
        let begin = |name: &str| {
            let (queue, work) = sync_channel(MOST);
            let clerk = Clerk { options: Arc::clone(&options), runs: runs.clone(), stop: stop.clone() };
            let thread = Builder::new().name(name.to_owned()).spawn(move || clerk.work(&work))?;
            Ok::<_, std::io::Error>((queue, thread))
        };
        let ((words, one), (resets, other)) = (begin("desk")?, begin("resets")?);
        let desk = Self { options: Arc::clone(&options), words, resets, stop: stop.clone() };
        Ok((Arc::new(desk), Clerks([one, other])))
    }
}

impl control::Desk for Desk {
    fn serving(&self) -> ToClient {
        let (rules, others) = self.options.arms.summary();
        let network = self.options.network.clone();
        // A database that can't be read has no targets for a station; a reset tells why.
        let targets = Targets::load(&self.options.targets, &self.stop);
        let targets = targets.map(|targets| {
            let lines = targets.rows().iter().filter(|target| target.reset.is_some());
            lines.map(|target| target.name.clone()).collect::<Vec<_>>()
        });
        ToClient::Serving {
            interface: network.as_ref().map(|(interface, _)| interface.clone()),
            mode: network.map(|(_, mode)| mode),
            usb: self.options.does.usb(),
            others,
            rules,
            // They go into a packet, with room for all else.
            targets: bounded(targets.unwrap_or_default(), 48 << 10),
        }
    }

    fn want(&self, want: Want, reply: Reply) -> Result<(), TooMuch> {
        let queue = match want {
            Want::Arm(_) | Want::Rules { .. } | Want::Offer { .. } => &self.words,
            Want::Reset { .. } => &self.resets,
        };
        match queue.try_send((want, reply)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(TooMuch),
            Err(TrySendError::Disconnected((_, reply))) => {
                reply.failed("the server ends", false);
                Ok(())
            }
        }
    }

    fn left(&self, station: u64) {
        self.options.offers.left(station);
    }
}

/// As many names as go into so many bytes.
fn bounded(names: Vec<String>, most: usize) -> Vec<String> {
    let mut left = most;
    names
        .into_iter()
        .take_while(|name| {
            let room = left.checked_sub(name.len() + 8);
            left = room.unwrap_or(0);
            room.is_some()
        })
        .collect()
}

struct Clerk {
    options: Arc<DeskOptions>,
    runs: Runs,
    stop: Stop,
}

impl Clerk {
    fn work(&self, queue: &Receiver<(Want, Reply)>) {
        loop {
            match queue.recv_timeout(LOOK) {
                Ok((want, reply)) => self.act(want, reply),
                Err(RecvTimeoutError::Timeout) if !self.stop.is_set() => {}
                Err(_) => return,
            }
        }
    }

    fn act(&self, want: Want, reply: Reply) {
        let done = match want {
            Want::Arm(change) => {
                self.options.arms.change(&change).map_err(|error| Failed::of(error.to_string()))
            }
            Want::Rules { after } => {
                let (boards, more) = self.options.arms.rules(after, MOST_BOARDS);
                return reply.rules(boards, more);
            }
            Want::Reset { target } => self.reset(&target),
            Want::Offer { by, boards, image } => self.offer(by, &boards, image),
        };
        match done {
            Ok(()) => reply.done(),
            Err(Failed { why, missing }) => reply.failed(&why, missing),
        }
    }

    fn offer(&self, by: u64, boards: &[Mac], image: Option<(Handed, String)>) -> Result<(), Failed> {
        let Some((image, signature)) = image else {
            self.options.offers.withdraw(by, boards);
            return Ok(());
        };
        let bytes = image.whole(Image::SIZES[1]).map_err(|error| Failed::of(error.to_string()))?;
        self.options.offers.put(by, boards, bytes, &signature).map_err(|error| Failed::of(error.to_string()))
    }

    fn reset(&self, target: &str) -> Result<(), Failed> {
        let targets =
            Targets::load(&self.options.targets, &self.stop).map_err(|error| Failed::of(chain(&error)))?;
        let target = targets.find(target).map_err(|error| Failed::missing(chain(&error)))?;
        let mut power =
            power::of_target(target, &self.options.reset).map_err(|error| Failed::missing(chain(&error)))?;
        let record = power::run::reset(target.board(), &mut *power, Duration::ZERO, &self.runs, &self.stop)
            .map_err(|error| Failed::of(chain(&error)))?;
        record.ending.why().map_or(Ok(()), |why| Err(Failed::of(why.to_owned())))
    }
}

/// Why something wasn't done.
struct Failed {
    why: String,
    /// There is no such target, or no line.
    missing: bool,
}

impl Failed {
    const fn of(why: String) -> Self {
        Self { why, missing: false }
    }

    const fn missing(why: String) -> Self {
        Self { why, missing: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_into_a_packet() {
        let names: Vec<String> = (0..10_000).map(|n| format!("board-{n:05}")).collect();
        let some = bounded(names.clone(), 48 << 10);
        assert!(some.len() > 2000 && some.len() < names.len());
        assert_eq!(bounded(names[..3].to_vec(), 48 << 10), names[..3]);
    }
}
