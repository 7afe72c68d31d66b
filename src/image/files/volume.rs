//! Reading files of the FAT and ext4 file systems in an image.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::LONGEST;
use super::fat::Fat;
use crate::image::ext4::{self, Ext4, FileKind};
use crate::image::read_at::ReadAt;
use crate::image::table::Partition;

/// How much may be read from one file system before it is given up: damage can lead round in a circle.
const BUDGET: u64 = 1 << 30;

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

    /// Whether it looks like ext2, 3 or 4.
    pub(super) fn is_ext4(&self) -> io::Result<bool> {
        Ext4::is_there(&**self.image, self.partition.start)
    }

    /// What file system it is that can't be read here, by its name; `None` where it is nothing that is known.
    ///
    /// Sources: Linux, fs/btrfs/fs.h, fs/squashfs/squashfs_fs.h, fs/f2fs (f2fs_fs.h), fs/xfs/libxfs/xfs_format.h,
    /// fs/erofs/erofs_fs.h, and the LUKS on-disk format.
    pub(super) fn unread(&self) -> io::Result<Option<&'static str>> {
        const SIGNS: [(u64, &[u8], &str); 6] = [
            (0, b"hsqs", "squashfs"),
            (0, b"XFSB", "XFS"),
            (0, b"LUKS\xba\xbe", "encrypted (LUKS)"),
            (1024, &[0x10, 0x20, 0xf5, 0xf2], "f2fs"),
            (1024, &[0xe2, 0xe1, 0xf5, 0xe0], "erofs"),
            (0x1_0040, b"_BHRfS_M", "btrfs"),
        ];
        for (at, sign, name) in SIGNS {
            let mut found = [0; 8];
            let found = &mut found[..sign.len()];
            if at + 8 <= self.partition.len
                && self.image.read_at(found, self.partition.start.saturating_add(at))? == sign.len()
                && *found == *sign
            {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The names in a directory of ext4; none where there is no such directory, or it can't be read.
    ///
    /// # Errors
    /// Only when the image can't be read.
    pub(super) fn ext4_names(&self, path: &str) -> io::Result<Vec<String>> {
        /// A directory of more bytes has more names than are of use.
        const LARGEST: u64 = 1 << 20;
        let window = Window::new(self);
        let failure = Arc::clone(&window.failure);
        let names = || -> Result<Vec<String>, ext4::Error> {
            let len = window.len;
            let volume = Ext4::open(Arc::new(window), 0, len)?;
            let directory = volume.find(path)?;
            let directory =
                directory.filter(|found| found.kind == FileKind::Directory && found.size <= LARGEST);
            let entries =
                directory.map(|directory| volume.names(&directory)).transpose()?.unwrap_or_default();
            let names = entries.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok());
            Ok(names.filter(|name| !name.contains(char::is_control)).collect())
        };
        let names = names();
        match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(names.unwrap_or_default()),
        }
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
            Kind::Ext4 => read_ext4(window, path),
        };
        match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(found.unwrap_or_else(Found::Unreadable)),
        }
    }
}

fn read_fat(window: Window, path: &str) -> Result<Found, String> {
    let volume = Fat::open(window)?;
    match volume.find(path)? {
        Some(file) if !file.is_directory => Ok(Found::Text(volume.read(&file, LONGEST as u64)?)),
        _ => Ok(Found::Nothing),
    }
}

fn read_ext4(window: Window, path: &str) -> Result<Found, String> {
    let len = window.len;
    let read = || {
        let volume = Ext4::open(Arc::new(window), 0, len)?;
        match volume.find(path)? {
            Some(file) if file.kind == FileKind::File => {
                Ok(Found::Text(volume.read_file(&file, LONGEST as u64)?))
            }
            _ => Ok(Found::Nothing),
        }
    };
    read().map_err(|error: ext4::Error| match error {
        ext4::Error::NeedsRecovery => "it was not unmounted cleanly".to_owned(),
        ext4::Error::Io { at, source } => format!("{source} at byte {at} of the partition"),
        error => error.to_string(),
    })
}

/// A file copied out of a FAT partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatFile {
    /// Its path in the file system, with `/` between directories and its name's own case.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Whether a partition looks like FAT.
///
/// # Errors
/// When the image can't be read.
pub fn is_fat(image: &Arc<dyn ReadAt>, partition: &Partition) -> io::Result<bool> {
    Volume { image, partition }.is_fat()
}

/// Reads one file of the first FAT partition; `None` where there is no such partition or no such file.
///
/// # Errors
/// When the image can't be read or the file system is damaged.
pub fn fat_file(
    image: &Arc<dyn ReadAt>,
    partitions: &[Partition],
    path: &str,
) -> io::Result<Option<Vec<u8>>> {
    fat_file_within(image, partitions, path, u64::MAX)
}

/// As [`fat_file`], but a file of more than `most` bytes is an error.
///
/// # Errors
/// As [`fat_file`].
pub fn fat_file_within(
    image: &Arc<dyn ReadAt>,
    partitions: &[Partition],
    path: &str,
    most: u64,
) -> io::Result<Option<Vec<u8>>> {
    with_first_fat(image, partitions, |volume| match volume.find(path)? {
        Some(file) if !file.is_directory => volume.read(&file, most).map(Some),
        _ => Ok(None),
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
    let found = with_first_fat(image, partitions, |volume| {
        let inner = match volume.find(directory)? {
            Some(inner) if inner.is_directory => volume.list(&inner, &format!("/{directory}"))?,
            _ => Vec::new(),
        };
        let mut files = Vec::new();
        for item in inner.into_iter().filter(|item| !item.is_directory && wanted(&item.name)) {
            let bytes = volume.read(&item, u64::MAX)?;
            let path = if directory.is_empty() { item.name } else { format!("{directory}/{}", item.name) };
            files.push(FatFile { path, bytes });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    })?;
    Ok(found.unwrap_or_default())
}

pub(super) fn with_first_fat<T>(
    image: &Arc<dyn ReadAt>,
    partitions: &[Partition],
    work: impl FnOnce(&Fat) -> Result<T, String>,
) -> io::Result<Option<T>> {
    for partition in partitions.iter().filter(|partition| !partition.is_extended()) {
        if is_fat(image, partition)? {
            return in_fat(image, partition, work).map(Some);
        }
    }
    Ok(None)
}

pub(super) fn in_fat<T>(
    image: &Arc<dyn ReadAt>,
    partition: &Partition,
    work: impl FnOnce(&Fat) -> Result<T, String>,
) -> io::Result<T> {
    let window = Window::new(&Volume { image, partition });
    let failure = Arc::clone(&window.failure);
    let result = Fat::open(window).and_then(|volume| work(&volume));
    // The image's own error says more than what the file system's reader made from it.
    match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(error),
        None => result.map_err(|what| {
            let what = format!("the FAT file system on partition {} is damaged: {what}", partition.number);
            io::Error::new(io::ErrorKind::InvalidData, what)
        }),
    }
}

/// One partition's bytes for the readers of file systems, which make a mere text of every error.
pub(super) struct Window {
    image: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
    left: AtomicU64,
    /// Why the image could not be read, if so.
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Window {
    fn new(volume: &Volume<'_>) -> Self {
        Self {
            image: Arc::clone(volume.image),
            start: volume.partition.start,
            len: volume.partition.len,
            left: AtomicU64::new(BUDGET),
            failure: Arc::new(Mutex::new(None)),
        }
    }

    /// Whether so much can be read there.
    pub(super) fn check(&self, at: u64, len: u64) -> Result<(), String> {
        match at.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(format!("it points to byte {at}, behind the partition's end")),
        }
    }

    /// Reads all of `buf` from `at`, counted from the partition's start.
    pub(super) fn read_exact(&self, buf: &mut [u8], at: u64) -> Result<(), String> {
        let len = buf.len() as u64;
        self.check(at, len)?;
        let left = self.left.load(Ordering::Relaxed);
        let left = left.checked_sub(len).ok_or_else(|| "it leads round in a circle".to_owned())?;
        self.left.store(left, Ordering::Relaxed);
        self.image.read_exact_at(buf, self.start + at).map_err(|error| {
            let what = error.to_string();
            // The image may be shorter than its table says; that is no failure of reading.
            if error.kind() != io::ErrorKind::UnexpectedEof {
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            what
        })
    }
}

impl ReadAt for Window {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        self.read_exact(buf, at).map(|()| buf.len()).map_err(damaged)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn available(&self) -> u64 {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::table::Entry;
    use std::path::Path;
    use std::process::Command;

    fn volume_at(path: &Path) -> (Arc<dyn ReadAt>, Vec<Partition>) {
        let bytes = std::fs::read(path).unwrap();
        let len = bytes.len() as u64;
        let entry = Entry::Mbr { kind: 0x0c, bootable: false };
        (Arc::new(bytes), vec![Partition { number: 1, start: 0, len, entry }])
    }

    fn run(line: &str, directory: &Path) {
        let output = Command::new("sh").args(["-c", line]).current_dir(directory).output().unwrap();
        assert!(output.status.success(), "apt-get install dosfstools mtools? {output:?}");
    }

    #[test]
    fn every_width_of_fat_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let long = (0..100_000u32).map(|n| (n / 7) as u8).collect::<Vec<_>>();
        std::fs::write(dir.path().join("long file.bin"), &long).unwrap();
        std::fs::write(dir.path().join("cmdline.txt"), "root").unwrap();
        std::fs::write(dir.path().join("EMPTY"), "").unwrap();
        for (options, len) in
            [("-F 12", "2M"), ("-F 16", "20M"), ("-F 32 -s 1", "40M"), ("-F 16 -S 2048", "64M")]
        {
            let make = format!(
                "rm -f v; truncate -s {len} v; /usr/sbin/mkfs.vfat {options} v >/dev/null; \
                 for n in 1 2 3 4; do mcopy -i v EMPTY ::deleted-with-a-long-name-$n; done; mdel -i v ::deleted*; \
                 mmd -i v ::dir; for n in $(seq 60); do mcopy -i v cmdline.txt \"::dir/a file with a long name $n\"; done; \
                 mcopy -i v 'long file.bin' cmdline.txt EMPTY ::; mcopy -i v 'long file.bin' ::dir"
            );
            run(&make, dir.path());
            let (image, partitions) = volume_at(&dir.path().join("v"));
            let read = |path: &str| fat_file(&image, &partitions, path).unwrap();
            assert_eq!(read("CMDLINE.TXT").as_deref(), Some(&b"root"[..]), "{options}");
            assert!(read("Long File.BIN").as_ref() == Some(&long), "{options}");
            assert!(read("dir/LONGFI~1.BIN").as_ref() == Some(&long), "{options}");
            assert_eq!(read("empty"), Some(Vec::new()));
            for nothing in ["", "dir", "none", "empty/x", "dir/none", "dir/.", "."] {
                assert_eq!(read(nothing), None, "{nothing}");
            }
            let names: Vec<_> = fat_files_under(&image, &partitions, "", |_| true)
                .unwrap()
                .into_iter()
                .map(|file| file.path)
                .collect();
            assert_eq!(names, ["EMPTY", "cmdline.txt", "long file.bin"], "{options}");
            let inner = fat_files_under(&image, &partitions, "dir", |name| name.starts_with('a')).unwrap();
            assert_eq!(inner.len(), 60);
            assert_eq!(inner[0].path, "dir/a file with a long name 1");
            assert_eq!(fat_files_under(&image, &partitions, "none", |_| true).unwrap(), []);
        }
    }

    #[test]
    fn damage_is_an_error_that_names_the_partition() {
        let dir = tempfile::tempdir().unwrap();
        run(
            "truncate -s 20M v; /usr/sbin/mkfs.vfat -F 16 v >/dev/null; head -c 9000 /dev/zero > f; mcopy -i v f ::",
            dir.path(),
        );
        let (_, partitions) = volume_at(&dir.path().join("v"));
        let mut bytes = std::fs::read(dir.path().join("v")).unwrap();
        // The first table's entries from 3 on: the chain ends after one cluster.
        let table = usize::from(u16::from_le_bytes([bytes[14], bytes[15]])) * 512;
        bytes[table + 4..table + 6].copy_from_slice(&[0xff, 0xff]);
        let image: Arc<dyn ReadAt> = Arc::new(bytes.clone());
        let error = fat_file(&image, &partitions, "f").unwrap_err().to_string();
        assert!(error.contains("partition 1") && error.contains("ends too early"), "{error}");
        bytes[table + 4..table + 6].copy_from_slice(&[2, 0]);
        let image: Arc<dyn ReadAt> = Arc::new(bytes);
        let error = fat_file(&image, &partitions, "f").unwrap_err().to_string();
        assert!(error.contains("in a circle"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_boot_sector_panics(mut boot in proptest::collection::vec(proptest::num::u8::ANY, 512), len in 0usize..5000) {
            boot[510] = 0x55;
            boot[511] = 0xaa;
            boot[11] = 0;
            boot[12] = 2 << (boot[12] & 3);
            boot[13] = 1 << (boot[13] & 7);
            boot[16] = 1 + (boot[16] & 1);
            boot.resize(512 + len, 0x41);
            let entry = Entry::Mbr { kind: 0x0c, bootable: false };
            let partitions = [Partition { number: 1, start: 0, len: 512 + len as u64, entry }];
            let image: Arc<dyn ReadAt> = Arc::new(boot);
            let _ = fat_file(&image, &partitions, "cmdline.txt");
        }
    }
}
