//! All boards at once: a thread for each port, so that one slow or dead board costs the others nothing. Each boot is a
//! run, begun before the board's device is opened.

mod options;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use options::{Filter, Service};

use super::boot::{Boot, Rom, Track, who};
use super::choose::{Choose, Decision, Seen, Serving};
use super::error::Error;
use super::metadata::Metadata;
use super::presence::Presence;
use super::transport::{Bus, Device, Fault};
use super::trouble::Trouble;
use crate::board::identity::Identity;
use crate::board::{PortPath, Who};
use crate::run::{Proof, Record, Runs, Stage, Way, ledger};
use crate::stop::Stop;

/// How often the stop flag is looked at.
const LOOK_FOR_STOP: Duration = Duration::from_millis(100);
/// After the end: how long boards may take to notice it. A transfer that waits for a board can't be taken back.
const GRACE: Duration = Duration::from_millis(500);
/// The stack of a board's thread: buffers are on the heap.
const STACK: usize = 256 << 10;

/// Is told of boards that have ended, and when no board comes. What happens to a board on the way its run tells.
pub trait Audience {
    /// A board's boot is over, and on record.
    fn ended(&mut self, outcome: Outcome);

    /// Called several times a second, to show what the runs have told. Boards don't wait for it, new ones do.
    fn look(&mut self) {}

    /// A board waits and is left alone, for this reason.
    fn left_alone(&mut self, _board: &Who, _why: &str) {}

    /// No board has come yet, for so long; these devices are there. Called several times a second.
    fn waiting(&mut self, _time: Duration, _devices: &[Device]) {}
}

impl<F: FnMut(Outcome)> Audience for F {
    fn ended(&mut self, outcome: Outcome) {
        self(outcome);
    }
}

/// How one board's boot ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its record.
    pub record: Record,
    /// What the board told about itself, in its own order.
    pub metadata: Metadata,
}

/// Boots boards until all have ended, as [`Service`] says. `choose` says for each what it is served, and how, or that it
/// is left alone. `audience` gets their outcomes when they end; nothing is kept
/// of a board that has ended but what it was, so this may go on for months.
///
/// # Errors
/// Where the host has no USB, or can't make a thread, or a run can't be recorded. In the last case nothing is done to
/// that board, and those whose boot goes on come to their end first.
pub fn run(
    bus: Arc<dyn Bus>,
    choose: &dyn Choose,
    service: &Service,
    stop: &Stop,
    runs: &Runs,
    audience: &mut dyn Audience,
) -> Result<(), Error> {
    let halt =
        Stop::new().map_err(|error| Error::Host { what: "making an event", why: error.to_string() })?;
    let (sender, mail) = channel();
    let presence = Arc::new(Presence::default());
    presence.set(bus.devices()?);
    let watching = watch(bus.clone(), presence.clone(), service.poll, halt.clone(), sender.clone())?;
    let boards = Boards {
        bus,
        choose,
        left: BTreeMap::new(),
        service,
        halt: halt.clone(),
        presence,
        sender,
        active: BTreeMap::new(),
        ended: BTreeMap::new(),
        count: 0,
        unrecorded: None,
        runs,
        audience,
    };
    let result = boards.serve(&mail, stop);
    halt.set();
    // Ends within its polling interval; a thread that panicked has nothing to say any more.
    let _ = watching.join();
    result
}

enum Mail {
    /// The bus has changed.
    Changed,
    /// The bus can't be looked at any more.
    Blind(Error),
    /// A board's boot is over.
    Ended(PortPath, Result<Proof, Trouble>),
}

/// Looks at the bus whenever something may have changed.
fn watch(
    bus: Arc<dyn Bus>,
    presence: Arc<Presence>,
    poll: Duration,
    halt: Stop,
    sender: Sender<Mail>,
) -> Result<std::thread::JoinHandle<()>, Error> {
    let look = move || {
        while !halt.is_set() {
            bus.wait(poll);
            let mail = match bus.devices() {
                Ok(devices) => {
                    if !presence.set(devices) {
                        continue;
                    }
                    Mail::Changed
                }
                Err(error) => Mail::Blind(error),
            };
            let over = matches!(mail, Mail::Blind(_));
            if sender.send(mail).is_err() || over {
                return;
            }
        }
    };
    thread("usb-watch", look)
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, Error> {
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK);
    builder.spawn(work).map_err(|error| Error::Host { what: "starting a thread", why: error.to_string() })
}

/// What a board was when its boot ended. It isn't booted again for that.
struct Ended {
    device: Device,
    rom: Option<Rom>,
    /// Whether another program has it: what that began it goes on with, in all stages.
    others: bool,
}

impl Ended {
    /// Whether a device in its boot ROM is another board than this was.
    fn is_other(&self, device: &Device) -> bool {
        self.rom.as_ref().zip(Rom::of(device)).is_some_and(|(rom, other)| rom.is_other(&other))
    }
}

struct Boards<'a> {
    bus: Arc<dyn Bus>,
    choose: &'a dyn Choose,
    /// What was left alone at each port, and why.
    left: BTreeMap<PortPath, (Device, String)>,
    service: &'a Service,
    halt: Stop,
    presence: Arc<Presence>,
    sender: Sender<Mail>,
    active: BTreeMap<PortPath, Arc<Mutex<Track>>>,
    /// What was at each port when a boot ended there.
    ended: BTreeMap<PortPath, Ended>,
    /// How many have ended.
    count: usize,
    /// Why no more runs can be begun.
    unrecorded: Option<ledger::Error>,
    runs: &'a Runs,
    audience: &'a mut dyn Audience,
}

impl Boards<'_> {
    fn serve(mut self, mail: &Receiver<Mail>, stop: &Stop) -> Result<(), Error> {
        let result = self.until_over(mail, stop);
        if let Err(error) = &result {
            self.give_up(mail, &error.into());
        }
        self.unrecorded.map_or(result, |error| Err(error.into()))
    }

    fn until_over(&mut self, mail: &Receiver<Mail>, stop: &Stop) -> Result<(), Error> {
        let began = Instant::now();
        let deadline = self.service.timeout.map(|limit| began + limit);
        self.admit()?;
        loop {
            self.audience.look();
            if self.is_over() {
                return Ok(());
            }
            let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if late || stop.is_set() {
                let trouble = match (late, self.service.timeout) {
                    (true, Some(limit)) => Trouble::TimeOver(limit),
                    _ => Trouble::Stopped,
                };
                self.give_up(mail, &trouble);
                return Ok(());
            }
            match mail.recv_timeout(LOOK_FOR_STOP) {
                Ok(Mail::Changed) => self.admit()?,
                Ok(Mail::Blind(error)) => return Err(error),
                Ok(Mail::Ended(port, ended)) => {
                    self.end(port, ended.as_ref().map(|proof| *proof));
                    // What has come to the port since then has waited for this.
                    self.admit()?;
                }
                // This holds a sender itself, so it isn't disconnected.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if self.active.is_empty() && self.count == 0 {
                        self.audience.waiting(began.elapsed(), &self.presence.all());
                    }
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        let enough = match self.service.boards {
            Some(boards) => self.count >= boards,
            None => !self.service.forever && self.count > 0,
        };
        self.active.is_empty() && (enough || self.unrecorded.is_some())
    }

    /// Begins a run, with a thread of its own, for each board that waits and has none.
    fn admit(&mut self) -> Result<(), Error> {
        let devices = self.presence.all();
        let is_there = |left: &Device| devices.iter().any(|device| device.is_same(left));
        self.left.retain(|_, (left, _)| is_there(left));
        for device in devices {
            let port = device.port;
            if self.active.contains_key(&port)
                || !self.service.filter.matches(&device)
                || self.unrecorded.is_some()
            {
                continue;
            }
            let waits = match device.identity() {
                // Without `forever`, a board that has ended and is in its boot ROM again has been booted.
                Some(Identity::Rom(_)) => {
                    self.service.forever || self.ended.get(&port).is_none_or(|ended| ended.is_other(&device))
                }
                Some(Identity::FileServer(_)) => self.ended.get(&port).is_none_or(|ended| !ended.others),
                _ => false,
            };
            let known = self.ended.get(&port).is_some_and(|ended| ended.device.is_same(&device));
            let room = self.service.boards.is_none_or(|n| self.active.len() + self.count < n);
            if !waits || known {
                continue;
            }
            let Some(seen) = Seen::of(&device) else { continue };
            match self.choose.choose(&seen) {
                Decision::Serve(_) if !room => {}
                Decision::Serve(serving) => {
                    self.left.remove(&port);
                    self.start(device, serving)?;
                }
                Decision::Leave(why) => {
                    if self.left.get(&port).is_none_or(|(_, before)| *before != why) {
                        self.audience.left_alone(&seen.board, &why);
                        self.left.insert(port, (device, why));
                    }
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, device: Device, serving: Serving) -> Result<(), Error> {
        let port = device.port;
        let mut running = match self.runs.begin(Way::UsbBoot, who(&device), Stage::Open) {
            Ok(running) => running,
            Err(error) => {
                // Nothing is done to this board, nor to any other that comes; those under way come to their end.
                self.unrecorded = Some(error);
                return Ok(());
            }
        };
        if let Some(serial) = running.board().serial {
            let same = |other: &Mutex<Track>| lock(other).running.board().serial.as_ref() == Some(&serial);
            if let Some((twin, _)) = self.active.iter().find(|(_, other)| same(other)) {
                running.warn(format!("the board at {twin} has the same serial number, {serial}"));
            }
        }
        let track = Arc::new(Mutex::new(Track::new(&device, running)));
        self.active.insert(port, track.clone());
        let boot = Boot {
            port,
            bus: self.bus.clone(),
            presence: self.presence.clone(),
            plan: serving.plan,
            options: serving.options,
            stop: self.halt.clone(),
            track,
        };
        let sender = self.sender.clone();
        // Not joined: it may hang in a transfer that a dead board holds, which must cost nobody anything.
        let _detached = thread(&format!("usb {port}"), move || {
            let _span = tracing::debug_span!("usb", %port).entered();
            tracing::debug!("begins");
            let boots = std::panic::AssertUnwindSafe(|| boot.run(device));
            // A mistake of ours in one board's thread must not keep the others waiting for it.
            let ended = std::panic::catch_unwind(boots).unwrap_or(Err(Trouble::Bug));
            // All may be over already; then nobody wants to know.
            drop(sender.send(Mail::Ended(port, ended)));
        })?;
        Ok(())
    }

    fn end(&mut self, port: PortPath, ended: Result<Proof, &Trouble>) {
        let Some(track) = self.active.remove(&port) else { return };
        let outcome = {
            let mut track = lock(&track);
            let others = matches!(ended, Err(Trouble::Fault(Fault::Busy)));
            self.ended.insert(port, Ended { device: track.device.clone(), rom: track.rom.clone(), others });
            track.end(ended)
        };
        self.count += 1;
        self.audience.ended(outcome);
    }

    /// Ends all boots that are under way.
    fn give_up(&mut self, mail: &Receiver<Mail>, trouble: &Trouble) {
        self.halt.set();
        let deadline = Instant::now() + GRACE;
        while !self.active.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match mail.recv_timeout(left) {
                Ok(Mail::Ended(port, ended)) => {
                    // Of what failed its own reason is that it was halted; the user wants to know why. But what could not
                    // be opened in all that time is told as that.
                    let is_own = |own: &Trouble| {
                        matches!(trouble, Trouble::TimeOver(_))
                            && matches!(own, Trouble::Permission { .. } | Trouble::Fault(Fault::Busy))
                    };
                    let ended = ended.as_ref().map(|proof| *proof);
                    self.end(port, ended.map_err(|own| if is_own(own) { own } else { trouble }));
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let late: Vec<_> = self.active.keys().copied().collect();
        late.into_iter().for_each(|port| self.end(port, Err(trouble)));
    }
}

fn lock(track: &Mutex<Track>) -> std::sync::MutexGuard<'_, Track> {
    track.lock().unwrap_or_else(PoisonError::into_inner)
}
