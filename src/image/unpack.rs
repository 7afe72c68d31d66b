//! The thread that decompresses an image into its spool.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::codec::{self, Between, Codec};
use super::error::Error;
use super::format::{self, Format};
use super::source::Stops;
use super::spool::Spool;
use super::trailer;

/// How much is decompressed before readers are told.
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
                    Between::Garbage if self.format == Format::Gz && self.is_trailer(&mut input)? => break,
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

    /// Whether all that follows is what OpenWrt puts behind an image; it is passed over then.
    fn is_trailer(&self, input: &mut Input) -> Result<bool, Error> {
        input.fill(&self.from, trailer::MOST + 1)?;
        let rest = input.rest();
        if rest.len() > trailer::MOST || !trailer::is_whole(rest) {
            return Ok(false);
        }
        self.spool.remark(format!(
            "Behind the compressed data stand {} bytes of OpenWrt's metadata, which aren't part of the image.",
            rest.len()
        ));
        Ok(true)
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
        let path = self.path.clone();
        if what.starts_with(codec::NEEDS_MEMORY) {
            return Error::NeedsMemory { path, format: self.format, what };
        }
        Error::Damaged { path, format: self.format, at: input.consumed, raw, what }
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc::sync_channel;

    use proptest::prelude::*;

    use super::*;
    use crate::image::codec;
    use crate::image::read_at::ReadAt;
    use crate::image::spool::SpoolReader;
    use crate::stop::Stop;

    const RAW: usize = 3000;

    fn raw() -> Vec<u8> {
        (0..RAW as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect()
    }

    /// The bytes as two members, with what the format allows in between and behind.
    fn packed(format: Format) -> Vec<u8> {
        let bytes = raw();
        let (first, second) = bytes.split_at(1111);
        let member = |bytes: &[u8]| -> Vec<u8> {
            match format {
                Format::Gz => {
                    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    gz.write_all(bytes).unwrap();
                    gz.finish().unwrap()
                }
                Format::Xz => {
                    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
                    xz.write_all(bytes).unwrap();
                    xz.finish().unwrap()
                }
                Format::Bz2 => {
                    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                    bz2.write_all(bytes).unwrap();
                    bz2.finish().unwrap()
                }
                Format::Zst => zstd::bulk::compress(bytes, 1).unwrap(),
                Format::Raw | Format::Zip => bytes.to_vec(),
            }
        };
        let (between, behind): (&[u8], &[u8]) = match format {
            Format::Xz => (&[0; 4], &[0; 8]),
            Format::Gz => (&[], &[0; 9]),
            Format::Zst => (&[0x5f, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7], &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]),
            _ => (&[], &[]),
        };
        [&member(first)[..], between, &member(second), behind].concat()
    }

    /// Unpacks chunks of these lengths, with an error instead of the chunk at `fails`.
    fn unpack(
        format: Format,
        bytes: &[u8],
        lengths: &[usize],
        fails: Option<usize>,
    ) -> std::io::Result<Vec<u8>> {
        let spool = Arc::new(Spool::new(None).unwrap());
        let stops = Stops { program: None, abandoned: Stop::new().unwrap() };
        let (to, from) = sync_channel(bytes.len() + 1);
        let mut rest = bytes;
        for (n, length) in lengths.iter().cycle().enumerate() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*length).min(rest.len()));
            rest = later;
            to.send(if fails == Some(n) { Err(Error::Stopped) } else { Ok(now.to_vec()) }).unwrap();
        }
        drop(to);
        let codec = codec::for_format(format).unwrap();
        let reader = SpoolReader { spool: Arc::clone(&spool), abandoned: stops.abandoned.clone() };
        Unpack { path: "x".into(), format, codec, from, start: 0, spool, stops }.run();
        let mut out = vec![0; reader.size()? as usize];
        reader.read_exact_at(&mut out, 0)?;
        Ok(out)
    }

    fn any_format() -> impl Strategy<Value = Format> {
        proptest::sample::select(vec![Format::Raw, Format::Gz, Format::Xz, Format::Zst, Format::Bz2])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn how_the_bytes_arrive_makes_no_difference(
            format in any_format(),
            lengths in proptest::collection::vec(1usize..400, 1..10),
        ) {
            prop_assert!(unpack(format, &packed(format), &lengths, None).unwrap() == raw());
        }

        #[test]
        fn a_source_that_fails_in_the_middle_is_told_and_never_taken_for_the_end(
            format in any_format(),
            length in 1usize..200,
            fails in any::<proptest::sample::Index>(),
        ) {
            let bytes = packed(format);
            let fails = fails.index(bytes.len().div_ceil(length));
            let error = unpack(format, &bytes, &[length], Some(fails)).unwrap_err();
            prop_assert_eq!(error.to_string(), "stopped before the end");
        }

        #[test]
        fn what_openwrt_puts_behind_an_image_is_passed_over(length in 1usize..5000, data in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let size = (data.len() + 17) as u32;
            let trailer = [&data[..], b"FWx0\x01\x02\x03\x04\x01\0\0\0", &size.to_be_bytes()].concat();
            // Metadata begin with `{`; zeros would be padding.
            let whole = [&packed(Format::Gz)[..], b"{", &trailer].concat();
            prop_assert!(unpack(Format::Gz, &whole, &[length], None).unwrap() == raw());
            prop_assert!(unpack(Format::Gz, &whole[..whole.len() - 1], &[length], None).is_err());
        }

        #[test]
        fn whatever_is_cut_off_is_missed(format in any_format(), cut in 1usize..60) {
            let bytes = packed(format);
            // Behind the data comes what may be missing: padding, a skippable frame; raw data have no end.
            let may_miss = match format {
                Format::Raw => return Ok(()),
                Format::Xz | Format::Zst => 8,
                Format::Gz => 9,
                _ => 0,
            };
            let result = unpack(format, &bytes[..bytes.len() - cut], &[100], None);
            prop_assert!(cut <= may_miss || result.is_err());
        }

        #[test]
        fn damaged_bytes_make_no_decompressor_panic_or_hang(
            format in any_format(),
            place in any::<proptest::sample::Index>(),
            value in any::<u8>(),
            tail in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = packed(format);
            let place = place.index(bytes.len());
            bytes[place] = value;
            bytes.extend(tail);
            // Right or wrong, it comes to an end.
            let _ = unpack(format, &bytes, &[77], None);
        }
    }
}
