//! Reading files of the FAT and ext4 file systems in an image.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::LONGEST;
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// How much may be read from one file system before it is given up: a damaged directory can lead round
/// in a circle. Journals, which are read first, are smaller.
const BUDGET: u64 = 512 << 20;

/// A partition of an image.
#[derive(Clone, Copy)]
pub(super) struct Volume<'a> {
    pub(super) image: &'a Arc<dyn ReadAt>,
    pub(super) partition: &'a Partition,
}

/// Which file system to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fat,
    Ext4,
}

/// What a look at a file brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Text(Vec<u8>),
    Nothing,
    /// The file system is damaged, or of a kind that can't be read; why.
    Unreadable(String),
}

impl Volume<'_> {
    /// Whether the first block looks like that of a FAT file system (FAT specification 1.03, section 3.1).
    pub(super) fn is_fat(&self) -> io::Result<bool> {
        let mut block = [0; 512];
        if self.image.read_at(&mut block, self.partition.start)? < block.len() {
            return Ok(false);
        }
        let bytes_per_sector = u16::from_le_bytes([block[11], block[12]]);
        Ok(block[510..] == [0x55, 0xaa]
            && (block[0] == 0xeb || block[0] == 0xe9)
            && [512, 1024, 2048, 4096].contains(&bytes_per_sector)
            && block[13].is_power_of_two()
            && (1..=2).contains(&block[16]))
    }

    /// Whether there is the magic number of ext2, 3 and 4 at byte 56 of the superblock, which starts at 1024.
    pub(super) fn is_ext4(&self) -> io::Result<bool> {
        let mut magic = [0; 2];
        Ok(self.image.read_at(&mut magic, self.partition.start + 1024 + 56)? == 2 && magic == [0x53, 0xef])
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// Only when the image can't be read; damage inside the file system is an answer.
    pub(super) fn read(&self, kind: Kind, path: &str) -> io::Result<Found> {
        let window = Window::new(self);
        let failure = Arc::clone(&window.failure);
        let found = match kind {
            Kind::Fat => read_fat(window, path),
            Kind::Ext4 if self.needs_recovery()? => Err("it was not unmounted cleanly".to_owned()),
            Kind::Ext4 => read_ext4(window, path),
        };
        match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(found.unwrap_or_else(Found::Unreadable)),
        }
    }

    /// Whether an ext4 journal waits to be replayed: what is read may then be replaced at the next mount.
    /// (Bit 2 of the incompatible features, at byte 0x60 of the superblock.)
    fn needs_recovery(&self) -> io::Result<bool> {
        let mut features = [0; 4];
        self.image.read_at(&mut features, self.partition.start + 1024 + 0x60)?;
        Ok(u32::from_le_bytes(features) & 4 != 0)
    }
}

fn read_fat(window: Window, path: &str) -> Result<Found, String> {
    let text = |error: io::Error| error.to_string();
    let volume = fatfs::FileSystem::new(window, fatfs::FsOptions::new()).map_err(text)?;
    let root = volume.root_dir();
    let file = match root.open_file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(text(error)),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(text)?;
    if bytes.len() > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    Ok(Found::Text(bytes))
}

fn read_ext4(window: Window, path: &str) -> Result<Found, String> {
    let volume = ext4_view::Ext4::load(Box::new(window)).map_err(|error| error.to_string())?;
    let mut file = match volume.open(path) {
        Ok(file) => file,
        Err(ext4_view::Ext4Error::NotFound) => return Ok(Found::Nothing),
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = vec![0; LONGEST + 1];
    let mut done = 0;
    while done < bytes.len() {
        match file.read_bytes(&mut bytes[done..]).map_err(|error| error.to_string())? {
            0 => break,
            count => done += count,
        }
    }
    if done > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    bytes.truncate(done);
    Ok(Found::Text(bytes))
}

/// A file copied out of a FAT partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatFile {
    /// Its path in the file system, with `/` between directories and its name's own case.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Reads one file of the first FAT partition; none where there is no such partition or no such file.
///
/// # Errors
/// When the image can't be read or the file system is damaged.
pub fn fat_file(
    image: &Arc<dyn ReadAt>,
    partitions: &[Partition],
    path: &str,
) -> io::Result<Option<Vec<u8>>> {
    with_first_fat(image, partitions, |root| match root.open_file(path) {
        Ok(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    })
    .map(Option::flatten)
}

/// Copies the files of one directory (`""` for the root) of the first FAT partition whose names `wanted` likes,
/// sorted by name. Sub-directories are not entered.
///
/// # Errors
/// When the image can't be read or the file system is damaged.
pub fn fat_files_under(
    image: &Arc<dyn ReadAt>,
    partitions: &[Partition],
    directory: &str,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<Vec<FatFile>> {
    let found = with_first_fat(image, partitions, |root| {
        let inner = if directory.is_empty() { Ok(root.clone()) } else { root.open_dir(directory) };
        let inner = match inner {
            Ok(inner) => inner,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in inner.iter() {
            let entry = entry?;
            let name = entry.file_name();
            if entry.is_file() && wanted(&name) {
                let mut bytes = Vec::new();
                entry.to_file().read_to_end(&mut bytes)?;
                let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                files.push(FatFile { path, bytes });
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    })?;
    Ok(found.unwrap_or_default())
}

fn with_first_fat<T>(
    image: &Arc<dyn ReadAt>,
    partitions: &[Partition],
    work: impl FnOnce(&fatfs::Dir<'_, Window>) -> io::Result<T>,
) -> io::Result<Option<T>> {
    for partition in partitions.iter().filter(|partition| !partition.is_extended()) {
        let volume = Volume { image, partition };
        if volume.is_fat()? {
            let window = Window::new(&volume);
            let failure = Arc::clone(&window.failure);
            let result = fatfs::FileSystem::new(window, fatfs::FsOptions::new())
                .and_then(|volume| work(&volume.root_dir()));
            // The image's own error says more than what the file system's reader made of it.
            return match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(error) => Err(error),
                None => result.map(Some),
            };
        }
    }
    Ok(None)
}

/// One partition's bytes as the file system libraries want them; read only.
struct Window {
    image: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
    at: u64,
    left: AtomicU64,
    /// Why the image could not be read, if so; the libraries would make it a mere text.
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Window {
    fn new(volume: &Volume<'_>) -> Self {
        Self {
            image: Arc::clone(volume.image),
            start: volume.partition.start,
            len: volume.partition.len,
            at: 0,
            left: AtomicU64::new(BUDGET),
            failure: Arc::new(Mutex::new(None)),
        }
    }

    fn read_from(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let count = (buf.len() as u64).min(self.len.saturating_sub(at));
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(
            left.checked_sub(count)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it leads round in a circle"))?,
            Ordering::Relaxed,
        );
        // `count` is at most buf.len(), so it is a usize.
        self.image.read_at(&mut buf[..count as usize], self.start + at).map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            told
        })
    }
}

impl Read for Window {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.read_from(buf, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Write for Window {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ext4_view::Ext4Read for Window {
    fn read(
        &mut self,
        at: u64,
        mut buf: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        let mut at = at;
        while !buf.is_empty() {
            match self.read_from(buf, at)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => {
                    buf = &mut buf[count..];
                    at += count as u64;
                }
            }
        }
        Ok(())
    }
}
