//! Carries the steps of a session over a transport: the two primitives of [`super::message`], transfer sizes,
//! time limits and second tries.

use std::time::{Duration, Instant};

use super::event::What;
use super::message::setup;
use super::session::{Content, Failure, READ_TIMEOUT, Reply, Session, Step};
use super::transport::{Fault, Transport};
use crate::stop::Stop;

/// The size of a bulk transfer that every host and every device takes; it is what rpiboot uses.
pub const SMALL_TRANSFER: usize = 16 << 10;
/// The size that is tried first. Larger ones gain little. The kernel lends all of USB together 16 MiB
/// (`usbfs_memory_mb`): many boards at once find that there is none left, and go on with half the size.
pub const TRANSFER: usize = 512 << 10;

/// So much of a file is read at once, and sent in transfers one behind the other. Looking whether it is to stop, at the time,
/// and at the file takes as long as a small transfer itself.
const PIECE: usize = TRANSFER;

/// How long the control transfer out may take. rpiboot gives it 1 s; a board that writes to its flash needs more.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a bulk transfer may take, whatever its size: at full speed 256 KiB need a quarter of a second.
const BULK_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of a transfer that failed on the wire, and the time between them.
const TRIES: u32 = 3;
/// Tries of a transfer for which the system has no memory: other boards' transfers give it back when they end.
const TRIES_FOR_MEMORY: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// A transport with what its transfers have taught.
pub struct Wire {
    transport: Box<dyn Transport>,
    transfer: usize,
    buffer: Vec<u8>,
    stop: Stop,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Wire").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

impl Wire {
    /// `transfer` is the size of bulk transfers to begin with, in bytes.
    #[must_use]
    pub fn new(transport: Box<dyn Transport>, transfer: usize, stop: &Stop) -> Self {
        Self { transport, transfer: transfer.max(1), buffer: Vec::new(), stop: stop.clone() }
    }

    /// The size of bulk transfers now: smaller than the first where that failed.
    #[must_use]
    pub const fn transfer(&self) -> usize {
        self.transfer
    }

    /// Carries a session to its end.
    pub fn run<S: Session>(&mut self, session: &mut S, tell: &mut dyn FnMut(What)) -> S::End {
        let mut read = [0; super::message::FILE_MESSAGE];
        let mut step = session.next(Reply::Start, tell);
        loop {
            let reply = if self.stop.is_set() {
                Err(Failure::Stopped)
            } else {
                match &step {
                    Step::End(_) => Ok(Reply::Done),
                    Step::Announce(len) => self.announce(*len).map(|()| Reply::Done),
                    Step::Write(content) => self.write(content, tell).map(|()| Reply::Done),
                    Step::Read(len) => {
                        let len = (*len).min(read.len());
                        self.read(&mut read[..len]).map(|got| Reply::Bytes(&read[..got]))
                    }
                }
            };
            if let Step::End(end) = step {
                return end;
            }
            step = session.next(reply.unwrap_or_else(Reply::Failed), tell);
        }
    }

    fn announce(&mut self, len: u32) -> Result<(), Failure> {
        let (value, index) = setup(len);
        for tried in 1.. {
            match self.transport.control_out(value, index, ANNOUNCE_TIMEOUT) {
                Ok(()) => return Ok(()),
                Err(fault) => self.again(fault, tried, 0)?,
            }
        }
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Failure> {
        // Messages have less than 64 KiB.
        let (value, index) = setup(u32::try_from(buf.len()).unwrap_or(0));
        let got = self.transport.control_in(value, index, buf, READ_TIMEOUT);
        match got {
            Ok(got) => Ok(got.min(buf.len())),
            Err(fault) => {
                // A caller that asks again does so after this.
                if !matches!(fault, Fault::Gone | Fault::Timeout) && self.stop.wait(BETWEEN_TRIES) {
                    return Err(Failure::Stopped);
                }
                Err(Failure::Fault { fault, sent: 0 })
            }
        }
    }

    /// Waits before the next try, where there is to be one.
    fn again(&mut self, fault: Fault, tried: u32, sent: u64) -> Result<(), Failure> {
        let tries = match fault {
            Fault::Stall | Fault::Wire | Fault::Other(_) => TRIES,
            Fault::TooLarge => TRIES_FOR_MEMORY,
            _ => 0,
        };
        if tried >= tries {
            return Err(Failure::Fault { fault, sent });
        }
        if self.stop.wait(BETWEEN_TRIES) { Err(Failure::Stopped) } else { Ok(()) }
    }

    fn write(&mut self, content: &Content, tell: &mut dyn FnMut(What)) -> Result<(), Failure> {
        let began = Instant::now();
        self.announce(content.len())?;
        let (name, found) = match content {
            Content::Bytes(bytes) => return self.bulk(bytes, 0).map(|_| ()),
            Content::File { name, found } => (name, found),
        };
        let bytes = u64::from(found.len);
        let (mut sent, mut told) = (0, began);
        // Taken out so that it can be lent to `bulk`.
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = loop {
            if sent == bytes {
                break Ok(());
            }
            if self.stop.is_set() {
                break Err(Failure::Stopped);
            }
            let want = usize::try_from(bytes - sent).unwrap_or(usize::MAX).min(self.transfer.max(PIECE));
            buffer.resize(want.max(buffer.len()), 0);
            let got = match found.read_at(&mut buffer[..want], sent) {
                Ok(0) => break Err(Failure::Shrunk { at: sent }),
                Ok(got) => got,
                Err(error) => break Err(Failure::Unreadable { at: sent, why: error.to_string() }),
            };
            match self.bulk(&buffer[..got], sent) {
                Ok(gone) => sent += gone as u64,
                Err(failure) => break Err(failure),
            }
            if sent < bytes && told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(What::Progress { sent, bytes });
            }
        };
        self.buffer = buffer;
        result?;
        tell(What::Sent { name: name.clone(), bytes, time: began.elapsed() });
        Ok(())
    }

    /// Sends bytes, in transfers that become smaller where they have to. `before` were sent earlier.
    fn bulk(&mut self, bytes: &[u8], before: u64) -> Result<usize, Failure> {
        let mut sent = 0;
        let mut tried = 0;
        while sent < bytes.len() {
            let chunk = &bytes[sent..bytes.len().min(sent + self.transfer)];
            match self.transport.bulk_out(chunk, BULK_TIMEOUT) {
                Ok(0) => {
                    return Err(Failure::Fault { fault: Fault::Timeout, sent: before + sent as u64 });
                }
                Ok(got) => {
                    sent += got.min(chunk.len());
                    tried = 0;
                }
                // No byte went out, so it can be cut smaller.
                Err(Fault::TooLarge) if chunk.len() > SMALL_TRANSFER => {
                    self.transfer = (chunk.len() / 2).next_power_of_two().max(SMALL_TRANSFER);
                }
                Err(Fault::Wire | Fault::Other(_)) if chunk.len() > SMALL_TRANSFER => {
                    self.transfer = SMALL_TRANSFER;
                }
                Err(fault) => {
                    tried += 1;
                    let stalled = fault == Fault::Stall;
                    self.again(fault, tried, before + sent as u64)?;
                    if stalled {
                        // If that fails too, so will the next try.
                        let _ = self.transport.clear_halt();
                    }
                }
            }
        }
        Ok(sent)
    }
}
