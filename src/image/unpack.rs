//! The thread that decompresses an image into its spool.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::codec::{Between, Codec};
use super::error::Error;
use super::format::{self, Format};
use super::source::Stops;
use super::spool::Spool;

/// How much is decompressed before readers hear of it.
const OUTPUT: usize = 1 << 20;

/// So many steps may do nothing (liblzma announces it by one) before it means that there is nothing to do.
const MOST_STUCK: u32 = 3;

/// One decompression, from the chunks of the file to the spool.
pub(super) struct Unpack {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) codec: Box<dyn Codec>,
    pub(super) from: Receiver<Result<Vec<u8>, Error>>,
    /// Where in the file the first chunk starts.
    pub(super) start: u64,
    pub(super) spool: Arc<Spool>,
    pub(super) stops: Stops,
}

impl Unpack {
    /// Runs to the end and tells the spool how it ended.
    pub(super) fn run(mut self) {
        let end = self.unpack();
        self.spool.finish(end);
    }

    fn unpack(&mut self) -> Result<(), Error> {
        let mut input = Input { chunk: Vec::new(), used: 0, consumed: self.start, eof: false };
        let mut output = vec![0u8; OUTPUT];
        let mut filled = 0;
        let mut raw = 0u64;
        let mut in_member = true;
        let mut stuck = 0;
        loop {
            if !in_member {
                // Enough to see what follows: the longest magic has 6 bytes.
                input.fill(&self.from, 8)?;
                if input.rest().is_empty() {
                    break;
                }
                match self.codec.between(input.rest()) {
                    Between::Padding(count) => {
                        input.consume(count);
                        continue;
                    }
                    Between::Member => {
                        self.codec.again().map_err(|what| self.damaged(&input, raw + filled as u64, what))?;
                    }
                    Between::Garbage => {
                        let what = "there is something else behind the end of the compressed data".to_owned();
                        return Err(self.damaged(&input, raw + filled as u64, what));
                    }
                }
            }
            input.fill(&self.from, 1)?;
            let step = self
                .codec
                .step(input.rest(), &mut output[filled..], input.eof)
                .map_err(|what| self.damaged(&input, raw + filled as u64, what))?;
            input.consume(step.consumed);
            filled += step.produced;
            in_member = !step.end;
            if filled == output.len() {
                self.publish(&output, raw)?;
                raw += filled as u64;
                filled = 0;
            }
            let moved = step.consumed > 0 || step.produced > 0 || step.end;
            stuck = if moved { 0 } else { stuck + 1 };
            if stuck > MOST_STUCK {
                let what =
                    if input.eof { "the file ends too early" } else { "the decompressor doesn't go on" };
                return Err(self.damaged(&input, raw + filled as u64, what.into()));
            }
        }
        self.publish(&output[..filled], raw)?;
        raw += filled as u64;
        match self.spool.declared() {
            Some(declared) if declared != raw => Err(self.wrong_length(declared, raw)),
            _ if raw == 0 => Err(Error::Empty { path: self.path.clone() }),
            _ => Ok(()),
        }
    }

    fn publish(&self, bytes: &[u8], raw: u64) -> Result<(), Error> {
        if self.stops.is_set() {
            return Err(Error::Stopped);
        }
        let end = raw + bytes.len() as u64;
        if let Some(declared) = self.spool.declared()
            && end > declared
        {
            return Err(self.wrong_length(declared, end));
        }
        if raw == 0
            && self.format.is_compressed()
            && let Some((what, hint)) = format::stranger(&bytes[..bytes.len().min(format::HEAD)])
        {
            let what = format!("inside the {} data: {what}", self.format);
            return Err(Error::NotAnImage { path: self.path.clone(), what, hint });
        }
        self.spool.append(bytes, raw)
    }

    fn wrong_length(&self, declared: u64, actual: u64) -> Error {
        Error::WrongLength { path: self.path.clone(), format: self.format, declared, actual }
    }

    fn damaged(&self, input: &Input, raw: u64, what: String) -> Error {
        Error::Damaged { path: self.path.clone(), format: self.format, at: input.consumed, raw, what }
    }
}

/// The chunk in hand, and how much of it was used.
struct Input {
    chunk: Vec<u8>,
    used: usize,
    /// Offset in the file of the next byte.
    consumed: u64,
    eof: bool,
}

impl Input {
    fn rest(&self) -> &[u8] {
        &self.chunk[self.used..]
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
        self.consumed += count as u64;
    }

    /// Makes sure that at least `least` bytes are in hand, if there are so many.
    fn fill(&mut self, from: &Receiver<Result<Vec<u8>, Error>>, least: usize) -> Result<(), Error> {
        while self.rest().len() < least && !self.eof {
            match from.recv() {
                Ok(Ok(chunk)) if self.used == self.chunk.len() => {
                    self.chunk = chunk;
                    self.used = 0;
                }
                Ok(Ok(chunk)) => {
                    self.chunk.drain(..self.used);
                    self.used = 0;
                    self.chunk.extend(chunk);
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => self.eof = true,
            }
        }
        Ok(())
    }
}
