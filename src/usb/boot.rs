//! One board's way from the boot ROM to its end, over all devices that it is on the way. It is followed by its port:
//! product id, address and speed change.
//!
//! Nothing is slept through. What the board has become is seen when it leaves the bus and comes back.

mod loader;
mod options;
mod track;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use loader::Firmware;
pub use options::{BootOptions, Limits};
pub(super) use track::{Rom, Track, who};

use super::event::What;
use super::lookup::{Asker, Payload};
use super::message::SIGNATURE;
use super::payload;
use super::plan::PayloadPlan;
use super::presence::Presence;
use super::session::{FileServer, FirstStage, Served, Uploaded};
use super::transport::{Bus, Device, Fault, Transport};
use super::trouble::Trouble;
use super::wire::Wire;
use crate::board::PortPath;
use crate::board::identity::{Chip, Identity};
use crate::run::{Proof, Stage};
use crate::stop::Stop;

/// A boot that goes on.
pub(super) struct Boot {
    pub(super) port: PortPath,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) presence: Arc<Presence>,
    pub(super) plan: Arc<dyn PayloadPlan>,
    pub(super) options: Arc<BootOptions>,
    pub(super) stop: Stop,
    pub(super) track: Arc<Mutex<Track>>,
}

/// What to do after a session.
enum Next {
    /// This is there now.
    Device(Device),
    /// It has what it needs, and this says so.
    End(Proof),
}

impl Boot {
    /// Follows the board from what it is now to its end. Its run is ended by the caller.
    ///
    /// # Errors
    /// Why it can't go on.
    pub(super) fn run(&self, device: Device) -> Result<Proof, Trouble> {
        self.follow(device).map_err(|trouble| {
            let ours = matches!(
                trouble,
                Trouble::Stopped | Trouble::TimeOver(_) | Trouble::Bug | Trouble::AnotherBoard { .. }
            );
            // What the board says of itself is nearer to the cause than what was seen of it afterwards.
            self.said().err().filter(|_| !ours).unwrap_or(trouble)
        })
    }

    fn track(&self) -> std::sync::MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, what: What) {
        self.track().tell(what);
    }

    fn stage(&self, stage: Stage) {
        self.track().enter(stage);
    }

    /// Something is not as it should be, and the boot goes on.
    fn warn(&self, text: String) {
        self.track().running.warn(text);
    }

    fn follow(&self, mut device: Device) -> Result<Proof, Trouble> {
        let mut uploads = 0;
        let mut payload = None;
        let proof = loop {
            let Some(identity) = device.identity() else {
                let ids = format!("{:04x}:{:04x}", device.vendor, device.product);
                let text = format!("{ids} is at its port now, which may be what it has become");
                self.tell(What::Note { text });
                break Proof::Host;
            };
            self.track().seen(&device, identity)?;
            let next = match identity {
                Identity::Rom(chip) => {
                    if uploads == self.options.limits.uploads {
                        self.stage(Stage::Restart);
                        return Err(Trouble::RomAgain(uploads));
                    }
                    uploads += 1;
                    let chosen = self.choose(&device, chip)?;
                    payload = Some(chosen.clone());
                    self.first_stage(device, chip, &chosen)?
                }
                Identity::FileServer(chip) => {
                    let chosen = match &payload {
                        Some(chosen) => Arc::clone(chosen),
                        None => self.choose(&device, chip)?,
                    };
                    payload = Some(chosen.clone());
                    self.file_server(device, chip, chosen)?
                }
                _ => Next::End(Proof::Board),
            };
            match next {
                Next::Device(next) => device = next,
                Next::End(proof) => break proof,
            }
        };
        self.said()?;
        // What the user waits for is at the port of this board.
        Ok(if self.wait_for()? { Proof::Board } else { proof })
    }

    /// What the board says of itself decides, whatever else went well.
    fn said(&self) -> Result<(), Trouble> {
        let told = self.track().metadata.failure().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let Some((key, value)) = told else { return Ok(()) };
        self.stage(Stage::FileServer);
        Err(Trouble::Reported { key, value })
    }

    fn choose(&self, device: &Device, chip: Chip) -> Result<Arc<Payload>, Trouble> {
        self.stage(Stage::Payload);
        let choice = self.plan.choose(device, chip).map_err(|error| Trouble::from(&error))?;
        let mut notes = self.check(&choice.payload, chip)?;
        let dir = choice.payload.dir().to_owned();
        self.tell(What::Serving { dir, of_board: choice.of_board, why: choice.why });
        notes.extend(choice.note);
        notes.into_iter().for_each(|text| self.warn(text));
        Ok(choice.payload)
    }

    /// Whether this board may have that payload; and what is to be said about it.
    fn check(&self, payload: &Payload, chip: Chip) -> Result<Vec<String>, Trouble> {
        payload::check(payload, Some(self.port), &self.options.wanted(chip))
            .map_err(|error| Trouble::from(&error))
    }

    /// Opens a device. `None` where it has left meanwhile.
    fn open(&self, device: &Device) -> Result<Option<Box<dyn Transport>>, Trouble> {
        self.stage(Stage::Open);
        let deadline = Instant::now() + self.options.limits.permission;
        let mut others = false;
        loop {
            let fault = match self.bus.open(device) {
                Ok(transport) => return Ok(Some(transport)),
                Err(fault) => fault,
            };
            // A device is there before udev has dealt with it, and before libusb knows it.
            others |= fault == Fault::Busy;
            let passing = matches!(fault, Fault::Permission | Fault::Busy | Fault::Gone | Fault::Wire);
            if !passing || Instant::now() >= deadline {
                return Err(match fault {
                    Fault::Permission => Trouble::denied(device),
                    fault => Trouble::Fault(fault),
                });
            }
            if !self.presence.at(self.port).is_some_and(|at| at.is_same(device)) {
                // What another program began it goes on with; in between the board would be anybody's.
                return if others { Err(Trouble::Fault(Fault::Busy)) } else { Ok(None) };
            }
            if self.stop.wait(Duration::from_millis(50)) {
                // It was on its way to this; more time would have told it.
                return Err(match fault {
                    Fault::Permission => Trouble::denied(device),
                    Fault::Busy => Trouble::Fault(fault),
                    _ => Trouble::Stopped,
                });
            }
        }
    }

    fn first_stage(&self, device: Device, chip: Chip, payload: &Payload) -> Result<Next, Trouble> {
        let limits = &self.options.limits;
        let Some(transport) = self.open(&device)? else { return self.back(limits.back) };
        self.stage(Stage::FirstStage);
        let asker = Asker { chip, port: Some(self.port) };
        let bootcode = payload::bootcode(payload, asker).map_err(|error| Trouble::from(&error))?;
        let signature = match self.options.signed && chip.takes_signature() {
            true => payload::signature(payload, asker).map_err(|error| Trouble::from(&error))?,
            false => [0; SIGNATURE],
        };
        let began = Instant::now();
        let mut session = FirstStage::new(chip.bootcode(), bootcode, &signature);
        let mut wire = Wire::new(transport, self.options.transfer, &self.stop);
        let code = match wire.run(&mut session, &mut |what| self.tell(what)) {
            Uploaded::Sent(code) => code,
            Uploaded::Failed(trouble) => {
                drop(wire);
                return self.once_more(&device, trouble);
            }
        };
        // Closed, so that the device can go.
        drop(wire);
        self.tell(What::Uploaded { code, time: began.elapsed() });
        self.stage(Stage::Restart);
        if !self.has_left(&device) {
            self.or_stopped()?;
            return Err(match code {
                Some(code) if code != 0 => Trouble::Refused(code),
                _ => Trouble::Stays(limits.leave),
            });
        }
        self.back(limits.back)
    }

    fn file_server(&self, device: Device, chip: Chip, payload: Arc<Payload>) -> Result<Next, Trouble> {
        let limits = &self.options.limits;
        let Some(transport) = self.open(&device)? else { return self.back(limits.back) };
        // Once more: since then a port's folder may have come, or a file may be another one.
        self.check(&payload, chip)?;
        self.stage(Stage::FileServer);
        let asker = Asker { chip, port: Some(self.port) };
        let mut session = FileServer::new(|name: &str| payload.find(asker, name));
        let mut wire = Wire::new(transport, self.options.transfer, &self.stop);
        let mut firmware = Firmware::default();
        let served = wire.run(&mut session, &mut |what| {
            if let What::Sent { name, .. } = &what {
                firmware.sent(name);
            }
            self.tell(what);
        });
        drop(wire);
        match served {
            Served::Failed(trouble) => self.once_more(&device, trouble),
            Served::Done if firmware.goes_on() => {
                self.stage(Stage::HandOver);
                // What it was sent is a loader that will ask for more, or a gadget. If it shows nothing, it has
                // nevertheless said that it has all; what the loader came to, it hasn't.
                if !self.has_left(&device) {
                    self.or_stopped()?;
                    return Ok(Next::End(Proof::Host));
                }
                match self.back(limits.back) {
                    Err(Trouble::NoReturn(_)) => Ok(Next::End(Proof::Host)),
                    next => next,
                }
            }
            Served::Done => Ok(Next::End(Proof::Board)),
            Served::Left => {
                self.stage(Stage::HandOver);
                if !self.has_left(&device) {
                    self.or_stopped()?;
                    self.stage(Stage::FileServer);
                    return Err(Trouble::Fault(Fault::Wire));
                }
                let files = session.sent().0;
                // A board that took nothing has booted nothing.
                let limit = if files == 0 { limits.back } else { limits.next };
                match self.back(limit) {
                    // It has done what it was to do and restarted, into something that USB shows nothing of.
                    Err(Trouble::NoReturn(_)) if self.track().metadata.succeeded() => {
                        Ok(Next::End(Proof::Board))
                    }
                    Err(Trouble::NoReturn(limit)) => Err(Trouble::LeftEarly { files, limit }),
                    next => next,
                }
            }
        }
    }

    /// After a transfer has failed: a board that has left and comes back gets a second chance.
    fn once_more(&self, device: &Device, trouble: Trouble) -> Result<Next, Trouble> {
        let of_the_wire =
            matches!(trouble, Trouble::Fault(_) | Trouble::CutOff { .. } | Trouble::Stuck { .. });
        if !of_the_wire || !self.has_left(device) {
            return Err(trouble);
        }
        match self.back(self.options.limits.back) {
            Ok(next) => {
                self.warn(format!("once more, because {trouble}"));
                Ok(next)
            }
            Err(_) => Err(trouble),
        }
    }

    /// Waits until something else than `device` is at the port, or nothing.
    fn has_left(&self, device: &Device) -> bool {
        let limit = self.options.limits.leave;
        let gone = |at: Option<&Device>| (!at.is_some_and(|at| at.is_same(device))).then_some(());
        let left = self.presence.wait(self.port, limit, &self.stop, gone).is_some();
        if left {
            self.tell(What::Left);
        }
        left
    }

    /// Waits until something is at the port.
    fn back(&self, limit: Duration) -> Result<Next, Trouble> {
        let there = |at: Option<&Device>| at.cloned();
        match self.presence.wait(self.port, limit, &self.stop, there) {
            Some(device) => Ok(Next::Device(device)),
            None => {
                self.or_stopped()?;
                Err(Trouble::NoReturn(limit))
            }
        }
    }

    fn or_stopped(&self) -> Result<(), Trouble> {
        if self.stop.is_set() { Err(Trouble::Stopped) } else { Ok(()) }
    }

    /// Waits for what the user wants to see. Says whether there was anything to wait for.
    fn wait_for(&self) -> Result<bool, Trouble> {
        let Some(what) = self.options.wait_for else { return Ok(false) };
        self.stage(Stage::WaitFor);
        let limit = self.options.wait_limit;
        let deadline = Instant::now() + limit;
        let look = || self.options.sysfs.appeared(self.port, what);
        let mut appeared = look();
        while appeared.is_empty() {
            if self.stop.wait(Duration::from_millis(50)) {
                return Err(Trouble::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(Trouble::NotAppeared { what, limit });
            }
            appeared = look();
        }
        // A gadget's disks come one after the other; the last one is there when no more come.
        loop {
            if self.stop.wait(Duration::from_millis(500)) {
                return Err(Trouble::Stopped);
            }
            let again = look();
            if again == appeared {
                break;
            }
            appeared = again;
        }
        appeared.into_iter().for_each(|one| self.tell(What::Appeared(one)));
        Ok(true)
    }
}

impl std::fmt::Debug for Boot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Boot").field("port", &self.port).finish_non_exhaustive()
    }
}
