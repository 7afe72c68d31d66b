//! Where the bytes of the image file come from, on their way to the decompressor: a thread of its own
//! reads the file and computes its sha256, while another decompresses.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::error::Error;
use super::read_at::ReadAt;
use crate::stop::{Stop, read_or_stop};

/// How much is read at once.
pub(super) const CHUNK: usize = 256 << 10;

/// A sha256 digest that another thread computes.
#[derive(Debug, Default)]
pub(super) struct DigestSlot {
    value: Mutex<Option<Result<[u8; 32], Error>>>,
    set: Condvar,
}

impl DigestSlot {
    pub(super) fn put(&self, value: Result<[u8; 32], Error>) {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(value);
        self.set.notify_all();
    }

    /// Waits for it. The thread that fills the slot ends early when the program is to stop.
    pub(super) fn wait(&self) -> Result<[u8; 32], Error> {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*value {
                Some(value) => return value.clone(),
                None => value = self.set.wait(value).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The image file as bytes in order.
pub(super) enum Source {
    /// A file or block device.
    File(Arc<File>),
    /// A pipe, with what was read already.
    Stream { head: Vec<u8>, rest: File },
}

/// Reads the source to its end: everything into the digest, the bytes in `range` to the decompressor.
pub(super) struct Pump {
    pub(super) path: PathBuf,
    pub(super) source: Source,
    pub(super) range: Range<u64>,
    pub(super) digest: Arc<DigestSlot>,
    pub(super) stops: Stops,
}

/// Two reasons to stop: the program ends, or the image isn't wanted any more.
#[derive(Debug, Clone)]
pub(super) struct Stops {
    pub(super) program: Option<Stop>,
    pub(super) abandoned: Stop,
}

impl Stops {
    pub(super) fn is_set(&self) -> bool {
        self.abandoned.is_set() || self.program.as_ref().is_some_and(Stop::is_set)
    }
}

impl Pump {
    /// Ends when the source ends, when it fails, or when it is to stop.
    pub(super) fn run(mut self, to: SyncSender<Result<Vec<u8>, Error>>) {
        let mut sha = Sha256::new();
        let mut at = 0u64;
        let mut to = Some(to);
        let end = loop {
            if self.stops.is_set() {
                break Err(Error::Stopped);
            }
            let mut chunk = vec![0u8; CHUNK];
            match self.read(&mut chunk, at) {
                Ok(0) => break Ok(()),
                Ok(count) => chunk.truncate(count),
                Err(error) => break Err(error),
            }
            // Sent first, so that the decompressor works while this thread computes the digest.
            let start = self.range.start.clamp(at, at + chunk.len() as u64) - at;
            let end = self.range.end.clamp(at, at + chunk.len() as u64) - at;
            at += chunk.len() as u64;
            let piece = chunk[start as usize..end as usize].to_vec();
            if !piece.is_empty() && to.as_ref().is_some_and(|to| to.send(Ok(piece)).is_err()) {
                // The decompressor gave up; the digest of the file may still be wanted.
                to = None;
            }
            sha.update(&chunk);
        };
        if let (Err(error), Some(to)) = (&end, &to) {
            // If nobody listens any more, the digest's slot still tells.
            let _ = to.send(Err(error.clone()));
        }
        self.digest.put(end.map(|()| sha.finalize().into()));
    }

    fn read(&mut self, buf: &mut [u8], at: u64) -> Result<usize, Error> {
        match &mut self.source {
            Source::File(file) => ReadAt::read_at(&**file, buf, at),
            Source::Stream { head, .. } if !head.is_empty() => {
                let count = head.len().min(buf.len());
                buf[..count].copy_from_slice(&head[..count]);
                head.drain(..count);
                Ok(count)
            }
            Source::Stream { rest, .. } => read_stream(rest, buf, &self.stops),
        }
        .map_err(|error| Error::os(&self.path, format!("reading at byte {at}"), error))
    }
}

/// Reads what a pipe has, waiting for at least one byte or a reason to stop.
pub(super) fn read_stream(pipe: &mut File, buf: &mut [u8], stops: &Stops) -> io::Result<usize> {
    let all: Vec<&Stop> = stops.program.iter().chain([&stops.abandoned]).collect();
    read_or_stop(pipe, buf, &all)?.ok_or_else(|| Error::Stopped.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn stops() -> Stops {
        Stops { program: Some(Stop::new().unwrap()), abandoned: Stop::new().unwrap() }
    }

    #[test]
    fn the_digest_covers_everything_and_the_range_is_passed_on() {
        let bytes: Vec<u8> = (0..CHUNK * 2 + 77).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let digest = Arc::new(DigestSlot::default());
        let (to, from) = sync_channel(64);
        let range = 10..(CHUNK as u64 + 20);
        let pump = Pump {
            path: "x".into(),
            source: Source::File(Arc::new(file)),
            range: range.clone(),
            digest: Arc::clone(&digest),
            stops: stops(),
        };
        pump.run(to);
        let passed: Vec<u8> = from.iter().flat_map(Result::unwrap).collect();
        assert_eq!(passed, bytes[range.start as usize..range.end as usize]);
        assert_eq!(digest.wait().unwrap(), <[u8; 32]>::from(Sha256::digest(&bytes)));
    }

    #[test]
    fn a_pipe_on_which_nothing_comes_can_be_stopped() {
        let (read, _write) = rustix::pipe::pipe().unwrap();
        let stops = stops();
        let digest = Arc::new(DigestSlot::default());
        let pump = Pump {
            path: "-".into(),
            source: Source::Stream { head: b"head".to_vec(), rest: File::from(read) },
            range: 0..u64::MAX,
            digest: Arc::clone(&digest),
            stops: stops.clone(),
        };
        let (to, from) = sync_channel(4);
        let thread = std::thread::spawn(move || pump.run(to));
        assert_eq!(from.recv().unwrap().unwrap(), b"head");
        stops.program.unwrap().set();
        assert!(matches!(from.recv().unwrap(), Err(Error::Stopped)));
        thread.join().unwrap();
        assert!(matches!(digest.wait(), Err(Error::Stopped)));
    }
}
