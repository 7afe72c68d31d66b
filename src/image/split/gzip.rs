//! One gzip member (RFC 1952), compressed on all cores.
//!
//! The bytes are cut into blocks of a fixed size, each compressed by itself with the last 32 KiB before it
//! as dictionary and ended at a byte boundary (a sync flush), so the pieces one after the other are one
//! deflate stream. Neither the number of threads nor the way the bytes arrive changes the result, and there
//! is no time and no name in the header: the same bytes give the same file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flate2::{Compress, Compression, FlushCompress};

use crate::image::error::Error;
use crate::image::spool::is_zero;

/// Bytes in a block. Larger ones compress hardly better and need more memory.
const BLOCK: usize = 512 << 10;
/// How far back deflate can point.
const WINDOW: usize = 32 << 10;
/// No flags, no time, no name, no extra level, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A last, empty block with fixed codes.
const LAST: [u8; 2] = [0x03, 0x00];

struct Job {
    number: u64,
    bytes: Vec<u8>,
    dictionary: Arc<Vec<u8>>,
}

type Piece = (u64, io::Result<Vec<u8>>);

/// A gzip file that is being written.
pub(super) struct GzPart {
    path: PathBuf,
    file: File,
    block: Vec<u8>,
    dictionary: Arc<Vec<u8>>,
    jobs: Option<SyncSender<Job>>,
    pieces: Receiver<Piece>,
    /// Pieces that are there before their turn.
    early: BTreeMap<u64, Vec<u8>>,
    sent: u64,
    written: u64,
    threads: u64,
    crc: crc32fast::Hasher,
    length: u64,
}

impl GzPart {
    pub(super) fn start(path: &Path, mut file: File) -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
        let (jobs, from) = sync_channel::<Job>(threads);
        let from = Arc::new(Mutex::new(from));
        let (to, pieces) = channel::<Piece>();
        for _ in 0..threads {
            let (from, to) = (Arc::clone(&from), to.clone());
            std::thread::Builder::new()
                .name("image-gzip".into())
                .spawn(move || compress_jobs(&from, &to))
                .map_err(|error| Error::os(path, "starting a thread", error))?;
        }
        file.write_all(&HEADER).map_err(|error| Error::os(path, "writing", error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            block: Vec::with_capacity(BLOCK),
            dictionary: Arc::default(),
            jobs: Some(jobs),
            pieces,
            early: BTreeMap::new(),
            sent: 0,
            written: 0,
            threads: threads as u64,
            crc: crc32fast::Hasher::new(),
            length: 0,
        })
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Hands the block to the threads, and writes what they have done meanwhile.
    fn send(&mut self) -> Result<(), Error> {
        let bytes = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let window = Arc::new(bytes[bytes.len().saturating_sub(WINDOW)..].to_vec());
        let dictionary = std::mem::replace(&mut self.dictionary, window);
        let job = Job { number: self.sent, bytes, dictionary };
        self.sent += 1;
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
            return Err(self.failed(io::Error::other("a thread has ended")));
        }
        // So many may be under way or waiting for their turn; this bounds the memory.
        while self.sent - self.written > 3 * self.threads {
            self.receive()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Error> {
        let (number, piece) =
            self.pieces.recv().map_err(|_| self.failed(io::Error::other("a thread has ended")))?;
        self.early.insert(number, piece.map_err(|error| self.failed(error))?);
        while let Some(piece) = self.early.remove(&self.written) {
            self.file.write_all(&piece).map_err(|error| self.failed(error))?;
            self.written += 1;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        if !self.block.is_empty() {
            self.send()?;
        }
        self.jobs = None;
        while self.written < self.sent {
            self.receive()?;
        }
        let mut end = LAST.to_vec();
        end.extend(self.crc.clone().finalize().to_le_bytes());
        // The length modulo 2^32, as the format has it.
        end.extend((self.length as u32).to_le_bytes());
        self.file.write_all(&end).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::os(&self.path, "writing", error)
    }
}

fn compress_jobs(from: &Mutex<Receiver<Job>>, to: &std::sync::mpsc::Sender<Piece>) {
    loop {
        let job = from.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if to.send((job.number, compress(&job))).is_err() {
            return;
        }
    }
}

fn compress(job: &Job) -> io::Result<Vec<u8>> {
    // Images are full of zeros; a whole block of them behind zeros is always the same.
    static ZEROS: OnceLock<Vec<u8>> = OnceLock::new();
    let zeros = job.bytes.len() == BLOCK
        && job.dictionary.len() == WINDOW
        && is_zero(&job.bytes)
        && is_zero(&job.dictionary);
    if zeros && let Some(piece) = ZEROS.get() {
        return Ok(piece.clone());
    }
    let piece = deflate(&job.bytes, &job.dictionary)?;
    if zeros {
        // Another thread may have been first, with the same bytes.
        let _ = ZEROS.set(piece.clone());
    }
    Ok(piece)
}

fn deflate(bytes: &[u8], dictionary: &[u8]) -> io::Result<Vec<u8>> {
    let mut zlib = Compress::new(Compression::default(), false);
    if !dictionary.is_empty() {
        zlib.set_dictionary(dictionary)?;
    }
    let mut out = Vec::with_capacity(bytes.len() / 2 + 1024);
    loop {
        let used = zlib.total_in() as usize;
        zlib.compress_vec(&bytes[used..], &mut out, FlushCompress::Sync)?;
        // A flush is complete when room is left behind it.
        if zlib.total_in() as usize == bytes.len() && out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(64 << 10);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn gz(bytes: &[u8], piece: usize) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("part.gz");
        let mut part = GzPart::start(&path, File::create(&path).unwrap()).unwrap();
        for piece in bytes.chunks(piece) {
            part.write(piece).unwrap();
        }
        part.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn one_member_that_does_not_depend_on_how_the_bytes_came() {
        let mut bytes: Vec<u8> =
            (0..BLOCK as u32 * 3 + 77).map(|n| (n.wrapping_mul(2_654_435_761) >> 28) as u8).collect();
        bytes.extend(vec![0; BLOCK * 4]);
        let packed = gz(&bytes, 100_000);
        assert!(packed == gz(&bytes, BLOCK * 2));
        assert!(packed.len() < bytes.len() / 3, "{}", packed.len());
        assert_eq!(packed[..10], HEADER);
        let mut back = Vec::new();
        // Not the decoder for several members: it has to be one.
        let mut decoder = flate2::bufread::GzDecoder::new(&packed[..]);
        decoder.read_to_end(&mut back).unwrap();
        assert!(back == bytes);
        assert!(decoder.into_inner().is_empty());
    }

    #[test]
    fn noise_and_nothing() {
        let mut noise = vec![0u8; 3 * BLOCK / 2];
        let mut state = 1u64;
        for byte in &mut noise {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        for bytes in [&noise[..], &[]] {
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&gz(bytes, 4096)[..]).read_to_end(&mut back).unwrap();
            assert!(back == bytes);
        }
    }
}
