//! Writes the parts while the image goes by, and reads each back as soon as it is whole.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::gzip::GzPart;
use super::{PartFormat, SplitOptions};
use crate::beneath::Dir;
use crate::image::error::Error;
use crate::image::parts::padding;
use crate::image::pass::Sink;
use crate::image::read_at::ReadAt;
use crate::image::spool::runs_with_data;
use crate::stop::Stop;

/// How much is read back at once.
const BUFFER: usize = 512 << 10;

/// What stands in a file, by reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Of the bytes, after decompression.
    pub(super) crc32: u32,
    /// How many they are.
    pub(super) padded_length: u64,
    /// The length of the file.
    pub(super) file_length: u64,
}

/// The results of reading back, part by part.
pub(super) struct ReadBack {
    results: Receiver<Result<Written, Error>>,
}

impl ReadBack {
    /// Waits until everything that was written is read back.
    pub(super) fn wait(self, stop: &Stop) -> Result<Vec<Written>, Error> {
        self.results.iter().map(|result| if stop.is_set() { Err(Error::Stopped) } else { result }).collect()
    }
}

/// Takes the image's bytes and makes files of them.
pub(super) struct Writer {
    dir: Arc<Dir>,
    skip: u64,
    part_size: u64,
    format: PartFormat,
    current: Option<Current>,
    next: usize,
    to_read_back: Sender<String>,
}

struct Current {
    name: String,
    /// For messages.
    path: PathBuf,
    /// Bytes of the image in it so far.
    length: u64,
    out: Out,
}

enum Out {
    Raw(File),
    Gz(Box<GzPart>),
}

impl Writer {
    /// The parts are made in `dir`.
    pub(super) fn start(
        dir: Arc<Dir>,
        options: &SplitOptions,
        stop: &Stop,
    ) -> Result<(Self, ReadBack), Error> {
        let (to_read_back, names) = channel::<String>();
        let (to, results) = channel();
        let (format, stop, place) = (options.format, stop.clone(), Arc::clone(&dir));
        std::thread::Builder::new()
            .name("image-read-back".into())
            .spawn(move || {
                for name in names {
                    if to.send(read_back(&place, &name, format, &stop)).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| Error::os(dir.path(), "starting a thread", error))?;
        let writer = Self {
            dir,
            skip: options.skip,
            part_size: options.part_size,
            format,
            current: None,
            next: 0,
            to_read_back,
        };
        Ok((writer, ReadBack { results }))
    }

    fn open(&mut self) -> Result<Current, Error> {
        let name = self.format.part_name(self.next);
        let path = self.dir.at(&name);
        self.next += 1;
        let file =
            self.dir.create(&name, 0o666).map_err(|error| Error::os(&path, "creating", error.into()))?;
        let out = match self.format {
            PartFormat::Raw => Out::Raw(file),
            PartFormat::Gz => Out::Gz(Box::new(GzPart::start(&path, file)?)),
        };
        Ok(Current { name, path, length: 0, out })
    }
}

impl Sink for Writer {
    fn take(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let skipped = self.skip.saturating_sub(offset).min(bytes.len() as u64) as usize;
        let mut bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            let mut current = match self.current.take() {
                Some(current) => current,
                None => self.open()?,
            };
            let room = self.part_size - current.length;
            let (now, later) = bytes.split_at(room.min(bytes.len() as u64) as usize);
            current.write(now)?;
            bytes = later;
            if current.length == self.part_size {
                self.close(current)?;
            } else {
                self.current = Some(current);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        match self.current.take() {
            Some(current) => self.close(current),
            None => Ok(()),
        }
    }
}

impl Writer {
    fn close(&self, current: Current) -> Result<(), Error> {
        let name = current.finish()?;
        // The thread ends early only after a failure, which the caller sees when it waits for the thread.
        let _ = self.to_read_back.send(name);
        Ok(())
    }
}

impl Current {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match &mut self.out {
            Out::Raw(file) => {
                // Zeros are left out: the image's holes stay holes.
                for (start, run) in runs_with_data(bytes) {
                    let at = self.length + start as u64;
                    file.write_all_at(run, at)
                        .map_err(|error| Error::os(&self.path, format!("writing at byte {at}"), error))?;
                }
            }
            Out::Gz(part) => part.write(bytes)?,
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<String, Error> {
        let padding = padding(self.length);
        match self.out {
            Out::Raw(file) => file
                .set_len(self.length + padding)
                .map_err(|error| Error::os(&self.path, "setting its length", error))?,
            Out::Gz(mut part) => {
                part.write(&[0; 512][..padding as usize])?;
                part.finish()?;
            }
        }
        Ok(self.name)
    }
}

/// Reads a part from its file, by its name, with nothing that the writer still had in hand. It is brought to the disk
/// before: a part that has its name is whole, also after the power went.
fn read_back(dir: &Dir, name: &str, format: PartFormat, stop: &Stop) -> Result<Written, Error> {
    let path = dir.at(name);
    let failed = |error| Error::os(&path, "reading back", error);
    let file = dir.file(name).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let file_length = file.metadata().map_err(failed)?.len();
    let mut crc = crc32fast::Hasher::new();
    let mut padded_length = 0;
    let mut buffer = vec![0u8; BUFFER];
    let mut unpack = match format {
        PartFormat::Raw => None,
        PartFormat::Gz => {
            Some(flate2::bufread::GzDecoder::new(std::io::BufReader::with_capacity(BUFFER, &file)))
        }
    };
    loop {
        if stop.is_set() {
            return Err(Error::Stopped);
        }
        let result = match &mut unpack {
            None => ReadAt::read_at(&file, &mut buffer, padded_length),
            Some(reader) => reader.read(&mut buffer),
        };
        match result {
            Ok(0) => break,
            Ok(count) => {
                crc.update(&buffer[..count]);
                padded_length += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Written { crc32: crc.finalize(), padded_length, file_length })
}
