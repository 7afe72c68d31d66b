//! One shape for all decompressors: bytes in, bytes out, and whether this was the end of a member.

use liblzma::stream::{Action, MtStreamBuilder, Status as XzStatus, Stream as XzStream};
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

use super::format::Format;

/// Begins what is said where nothing is damaged.
pub(super) const NEEDS_MEMORY: &str = "unpacking it needs more memory";

/// xz: how much memory the threads may take together before liblzma works with fewer of them. Two threads
/// on blocks of `xz -6` (24 MiB, the default of `xz -T0`) need about 110 MiB.
const XZ_THREADING_MEMORY: u64 = 192 << 20;
/// xz: no more than this, whatever the file asks for. `xz -9` needs 65 MiB.
const XZ_MOST_MEMORY: u64 = 640 << 20;

/// What one step did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// A member (stream, frame) ended here; its checksum was right.
    pub(super) end: bool,
}

/// A decompressor for one member after the other.
pub(super) trait Codec: Send {
    /// Takes some of `input`, fills some of `output`. `eof`: nothing comes after `input`.
    fn step(&mut self, input: &[u8], output: &mut [u8], eof: bool) -> Result<Step, String>;

    /// Makes it ready for the next member.
    fn again(&mut self) -> Result<(), String>;

    /// How many of the bytes behind a member are padding that the format allows, and whether the rest
    /// begins another member. `rest` has at least 8 bytes, or all there are.
    fn between(&self, rest: &[u8]) -> Between;
}

/// What follows a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// So many bytes of padding.
    Padding(usize),
    /// Another member.
    Member,
    /// Something that doesn't belong there.
    Garbage,
}

/// The decompressor for a format that has members.
pub(super) fn for_format(format: Format) -> Result<Box<dyn Codec>, String> {
    match format {
        Format::Raw => Ok(Box::new(Copy)),
        Format::Gz => Ok(Box::new(Gz(flate2::Decompress::new_gzip(15)))),
        Format::Xz => Ok(Box::new(Xz(xz_stream()?))),
        Format::Zst => {
            Ok(Box::new(Zst(zstd::stream::raw::Decoder::new().map_err(|error| error.to_string())?)))
        }
        Format::Bz2 => Ok(Box::new(Bz2(bzip2::Decompress::new(false)))),
        Format::Zip => Err("an entry of a zip archive has to be chosen first".into()),
    }
}

/// No compression: standard input that is a raw image, or a stored zip entry.
struct Copy;

impl Codec for Copy {
    fn step(&mut self, input: &[u8], output: &mut [u8], eof: bool) -> Result<Step, String> {
        let count = input.len().min(output.len());
        output[..count].copy_from_slice(&input[..count]);
        Ok(Step { consumed: count, produced: count, end: eof && count == input.len() })
    }

    fn again(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn between(&self, _rest: &[u8]) -> Between {
        Between::Member
    }
}

/// gzip; zlib checks the checksum and the length of each member.
struct Gz(flate2::Decompress);

impl Codec for Gz {
    fn step(&mut self, input: &[u8], output: &mut [u8], _eof: bool) -> Result<Step, String> {
        inflate(&mut self.0, input, output)
    }

    fn again(&mut self) -> Result<(), String> {
        self.0 = flate2::Decompress::new_gzip(15);
        Ok(())
    }

    fn between(&self, rest: &[u8]) -> Between {
        // gzip itself ignores zeros behind the last member: tapes and block devices make them.
        match rest.iter().take_while(|byte| **byte == 0).count() {
            0 if rest.starts_with(&[0x1f, 0x8b]) => Between::Member,
            0 => Between::Garbage,
            n => Between::Padding(n),
        }
    }
}

/// What is said of data that can't be unpacked, whatever the format.
const WRONG: &str = "the checksum or the structure is wrong";

fn inflate(zlib: &mut flate2::Decompress, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
    let (before_in, before_out) = (zlib.total_in(), zlib.total_out());
    let status = zlib
        .decompress(input, output, flate2::FlushDecompress::None)
        // What the library says names parts of its format.
        .map_err(|_| WRONG.to_owned())?;
    Ok(Step {
        consumed: (zlib.total_in() - before_in) as usize,
        produced: (zlib.total_out() - before_out) as usize,
        end: status == flate2::Status::StreamEnd,
    })
}

/// xz; liblzma checks each block, on several threads where the file has several blocks.
struct Xz(XzStream);

fn xz_stream() -> Result<XzStream, String> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(16) as u32);
    MtStreamBuilder::new()
        .threads(threads)
        .memlimit_threading(XZ_THREADING_MEMORY)
        .memlimit_stop(XZ_MOST_MEMORY)
        .decoder()
        .map_err(|error| error.to_string())
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8], eof: bool) -> Result<Step, String> {
        use liblzma::stream::Error as E;
        let (before_in, before_out) = (self.0.total_in(), self.0.total_out());
        let action = if eof { Action::Finish } else { Action::Run };
        let status = self.0.process(input, output, action).map_err(|error| match error {
            E::Data => WRONG.to_owned(),
            E::Format => "this is no xz data".to_owned(),
            E::MemLimit => {
                format!("{NEEDS_MEMORY} than the {} MiB allowed", XZ_MOST_MEMORY >> 20)
            }
            E::Options => "it uses an option of xz that is not known here".to_owned(),
            other => other.to_string(),
        })?;
        Ok(Step {
            consumed: (self.0.total_in() - before_in) as usize,
            produced: (self.0.total_out() - before_out) as usize,
            end: status == XzStatus::StreamEnd,
        })
    }

    fn again(&mut self) -> Result<(), String> {
        self.0 = xz_stream()?;
        Ok(())
    }

    fn between(&self, rest: &[u8]) -> Between {
        // Stream padding: zeros in units of four.
        if rest.starts_with(&[0; 4]) {
            Between::Padding(4)
        } else if rest.starts_with(b"\xfd7zXZ\0") {
            Between::Member
        } else {
            Between::Garbage
        }
    }
}

/// Zstandard; the library goes on with the next frame by itself, and skips skippable ones.
struct Zst(zstd::stream::raw::Decoder<'static>);

impl Codec for Zst {
    fn step(&mut self, input: &[u8], output: &mut [u8], _eof: bool) -> Result<Step, String> {
        let mut input = InBuffer::around(input);
        let mut output = OutBuffer::around(output);
        let left = self.0.run(&mut input, &mut output).map_err(|error| match error.to_string() {
            // "Frame requires too much memory for decoding" is the one failure that isn't damage.
            text if text.contains("memory") => format!("{NEEDS_MEMORY} than is allowed"),
            _ => WRONG.to_owned(),
        })?;
        Ok(Step { consumed: input.pos(), produced: output.pos(), end: left == 0 })
    }

    fn again(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn between(&self, rest: &[u8]) -> Between {
        match rest.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)) {
            Some(magic) if magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50 => Between::Member,
            _ => Between::Garbage,
        }
    }
}

/// bzip2; the library checks each block and each stream.
struct Bz2(bzip2::Decompress);

impl Codec for Bz2 {
    fn step(&mut self, input: &[u8], output: &mut [u8], _eof: bool) -> Result<Step, String> {
        let (before_in, before_out) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, output).map_err(|error| match error {
            bzip2::Error::Data | bzip2::Error::DataMagic => {
                "the checksum or the structure is wrong".to_owned()
            }
            other => other.to_string(),
        })?;
        Ok(Step {
            consumed: (self.0.total_in() - before_in) as usize,
            produced: (self.0.total_out() - before_out) as usize,
            end: status == bzip2::Status::StreamEnd,
        })
    }

    fn again(&mut self) -> Result<(), String> {
        self.0 = bzip2::Decompress::new(false);
        Ok(())
    }

    fn between(&self, rest: &[u8]) -> Between {
        if rest.starts_with(b"BZh") { Between::Member } else { Between::Garbage }
    }
}

/// The one entry of a zip archive. Length and checksum stand in the archive's directory.
pub(super) struct Zip {
    inflate: Option<flate2::Decompress>,
    crc: crc32fast::Hasher,
    expected_crc: u32,
}

impl Zip {
    pub(super) fn new(deflated: bool, expected_crc: u32) -> Self {
        let inflate = deflated.then(|| flate2::Decompress::new(false));
        Self { inflate, crc: crc32fast::Hasher::new(), expected_crc }
    }
}

impl Codec for Zip {
    fn step(&mut self, input: &[u8], output: &mut [u8], eof: bool) -> Result<Step, String> {
        let step = match &mut self.inflate {
            Some(zlib) => inflate(zlib, input, output)?,
            None => Copy.step(input, output, eof)?,
        };
        self.crc.update(&output[..step.produced]);
        if step.end {
            let crc = self.crc.clone().finalize();
            if crc != self.expected_crc {
                return Err(format!("crc32 {:08x} stored, {crc:08x} computed", self.expected_crc));
            }
        }
        Ok(step)
    }

    fn again(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn between(&self, _rest: &[u8]) -> Between {
        Between::Garbage
    }
}
