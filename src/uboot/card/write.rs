//! Writing a card's file, and reading it back.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::content::Content;
use super::{Card, Error};
use crate::beneath::{Access, place_of};
use crate::error::{Action, Remedy, remedy};
use crate::image::files::fat_file;
use crate::image::read_at::ReadAt;
use crate::image::table::Table;
use crate::progress::Progress;
use crate::stop::Stop;
use crate::uboot::layout;

/// How much is read and written at once.
const CHUNK: usize = 1 << 20;
/// Zeros are left out in units of this: the block size of every common file system.
const HOLE: usize = 4096;
static ZEROS: [u8; HOLE] = [0; HOLE];

/// A card that was written and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Length of the file.
    pub len: u64,
    /// Digest of the file, computed while it was read back.
    pub sha256: [u8; 32],
}

impl Card {
    /// Looks whether the card could be written there, and writes nothing.
    ///
    /// # Errors
    /// As [`check_name`], and when there is no room.
    pub fn check_output(&self, path: &Path, force: bool) -> Result<(), Error> {
        check_name(path, &self.image_path, force)?;
        let directory = directory_of(path);
        let room = rustix::fs::statvfs(&directory).map_err(|error| Error::Os {
            path: directory.clone(),
            doing: "creating a file in it",
            source: error.into(),
        })?;
        let layout = &self.fit.layout;
        let need = self.volume.len + (layout.source.end - layout.source.start);
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        if free < need {
            return Err(Error::NoSpace { path: path.to_owned(), need, free });
        }
        Ok(())
    }

    /// Writes the card into a new file, reads it back, and only then gives it its name. `reading_back` is
    /// called between the two.
    ///
    /// # Errors
    /// As [`Card::check_output`]; when the image can't be read or the file not be written, when it reads
    /// back differently, and [`Error::Stopped`]. The file does not come into being then.
    pub fn write(
        &self,
        path: &Path,
        force: bool,
        stop: &Stop,
        progress: &dyn Progress,
        reading_back: impl FnOnce(),
    ) -> Result<Built, Error> {
        self.check_output(path, force)?;
        let os = |doing: &'static str| {
            let path = path.to_owned();
            move |source: io::Error| Error::Os { path, doing, source }
        };
        let (directory, name) = place_of(path).map_err(os("creating"))?;
        // With a secret in it, it is its owner's.
        let access = if self.private { Access::Mode(0o600) } else { Access::Usual(0o666) };
        let new = directory.new_file(name, access).map_err(os("creating"))?;
        let file = new.file();
        file.set_len(self.len).map_err(os("creating"))?;
        let content = Content::new(self).map_err(Error::Volume)?;
        let expected = self.copy(&content, file, path, stop, progress)?;
        file.sync_all().map_err(os("writing"))?;
        // What comes back shall come from the disk, as far as the kernel can be asked for that.
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
        reading_back();
        let again = new.reopen().map_err(os("reading back"))?;
        let got = self.compare(&content, &again, path, stop, progress)?;
        if got != expected {
            let what = "the image gave other bytes than the first time".to_owned();
            return Err(Error::Differs { path: path.to_owned(), what });
        }
        self.look(Arc::new(again), path)?;
        match if force { new.replace() } else { new.put() } {
            Ok(_) => Ok(Built { len: self.len, sha256: got }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::Exists { path: path.to_owned() })
            }
            Err(source) => Err(Error::Os { path: path.to_owned(), doing: "creating", source }),
        }
    }

    /// Writes everything but zeros; gives the digest of all.
    fn copy(
        &self,
        content: &Content,
        file: &File,
        path: &Path,
        stop: &Stop,
        progress: &dyn Progress,
    ) -> Result<[u8; 32], Error> {
        self.chunks((path, &self.image_path), stop, progress, content, |at, bytes| {
            for (index, block) in bytes.chunks(HOLE).enumerate() {
                if block != &ZEROS[..block.len()] {
                    file.write_all_at(block, at + (index * HOLE) as u64).map_err(|source| Error::Os {
                        path: path.to_owned(),
                        doing: "writing",
                        source,
                    })?;
                }
            }
            Ok(())
        })
    }

    /// Compares the file with what it should be; gives the digest of what was read.
    fn compare(
        &self,
        content: &Content,
        file: &File,
        path: &Path,
        stop: &Stop,
        progress: &dyn Progress,
    ) -> Result<[u8; 32], Error> {
        let mut want = vec![0; CHUNK];
        self.chunks((path, path), stop, progress, file, |at, got| {
            let want = &mut want[..got.len()];
            self.read(&self.image_path, content.read_exact_at(want, at))?;
            if want == got {
                return Ok(());
            }
            let index = want.iter().zip(got).position(|(want, got)| want != got).unwrap_or(0);
            let what = format!("byte {} is {:02x}, not {:02x}", at + index as u64, got[index], want[index]);
            Err(Error::Differs { path: path.to_owned(), what })
        })
    }

    /// Goes through `from`, piece by piece, and computes the digest. `path` is the card's file, `source` the
    /// one that is read.
    fn chunks(
        &self,
        (path, source): (&Path, &Path),
        stop: &Stop,
        progress: &dyn Progress,
        from: &dyn ReadAt,
        mut with: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    ) -> Result<[u8; 32], Error> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        let mut at = 0;
        while at < self.len {
            if stop.is_set() {
                return Err(Error::Stopped { path: path.to_owned() });
            }
            let count = (CHUNK as u64).min(self.len - at) as usize;
            self.read(source, from.read_exact_at(&mut buffer[..count], at))?;
            hasher.update(&buffer[..count]);
            with(at, &buffer[..count])?;
            at += count as u64;
            progress.at(at, Some(self.len));
        }
        Ok(hasher.finalize().into())
    }

    fn read(&self, path: &Path, result: io::Result<()>) -> Result<(), Error> {
        let error = match result {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // An image whose length was not known before can turn out to end too early.
        let last = self.fit.table.partitions.iter().max_by_key(|partition| partition.end());
        if error.kind() == io::ErrorKind::UnexpectedEof
            && let (Some(last), Ok(image_len)) = (last, self.image.size())
            && image_len < last.end()
        {
            let error = layout::Error::Truncated { number: last.number, end: last.end(), image_len };
            return Err(Error::Layout { path: path.to_owned(), error });
        }
        Err(crate::image::Error::os(path, "reading", error).into())
    }

    /// Looks at the file as a board does: through its partition table, and into U-Boot's file system with a
    /// reader that shares nothing with the writer.
    fn look(&self, file: Arc<File>, path: &Path) -> Result<(), Error> {
        let differs = |what: String| Error::Differs { path: path.to_owned(), what };
        let table = Table::read(&*file).map_err(|error| error.of(path))?;
        let table = table.ok_or_else(|| differs("it has no partition table".to_owned()))?;
        let mut want: Vec<(u32, u64, u64)> = vec![(1, self.volume.start, self.volume.len)];
        want.extend(
            self.fit.layout.partitions.iter().map(|moved| (moved.number, moved.start, moved.old.len)),
        );
        want.extend(self.fit.layout.container);
        want.sort_unstable();
        let mut got: Vec<_> =
            table.partitions.iter().map(|found| (found.number, found.start, found.len)).collect();
        got.sort_unstable();
        if got != want {
            return Err(differs(format!("its partitions (number, start, length) are {got:?}, not {want:?}")));
        }
        let file: Arc<dyn ReadAt> = file;
        let volume: Vec<_> = table.partitions.into_iter().filter(|found| found.number == 1).collect();
        for (name, contents) in self.files.files() {
            let read = fat_file(&file, &volume, &name).map_err(|source| Error::Os {
                path: path.to_owned(),
                doing: "reading back",
                source,
            })?;
            if read.as_deref() != Some(contents) {
                return Err(differs(format!("{name} in U-Boot's partition is not what it should be")));
            }
        }
        Ok(())
    }
}

/// Looks whether a card made from `image` could get this name.
///
/// # Errors
/// When there is such a file already and not `force`, when it can't be a file, and when it is the image
/// itself.
pub fn check_name(path: &Path, image: &Path, force: bool) -> Result<(), Error> {
    let output = |what, hint: Remedy| Err(Error::Output { path: path.to_owned(), what, hint });
    let there = match std::fs::metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Os { path: path.to_owned(), doing: "creating", source }),
    };
    if there.is_dir() {
        return output("this is a directory", "give the name of a file in it".into());
    }
    if there.file_type().is_block_device() {
        let copy = Action::host("dd if=FILE of=DEVICE bs=4M conv=fsync");
        let hint = remedy!["write a file, and then copy it there: ", copy];
        return output("this is a device", hint);
    }
    if !there.is_file() {
        return output("this is no file", "give the name of a file".into());
    }
    if std::fs::metadata(image).is_ok_and(|image| (image.dev(), image.ino()) == (there.dev(), there.ino())) {
        return output("this is the image itself", "give the card another name".into());
    }
    if !force {
        return Err(Error::Exists { path: path.to_owned() });
    }
    Ok(())
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fat::Tree;
    use crate::image::{self, Image};
    use crate::progress::Silent;
    use crate::uboot::card::CardOptions;

    /// An image with one partition of noise at 8 MiB, and its card.
    fn card(dir: &Path) -> Card {
        let path = dir.join("image");
        let mut bytes = vec![0u8; (9 << 20) + 700];
        bytes[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 0, 64, 0, 0, 0, 8, 0, 0]);
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        for (index, byte) in bytes[8 << 20..].iter_mut().enumerate() {
            *byte = (index / 3) as u8;
        }
        std::fs::write(&path, bytes).unwrap();
        let image = Image::open(&path, &image::ImageOptions::default()).unwrap();
        let mut files = Tree::default();
        files.put("config.txt", b"kernel=u-boot.bin".to_vec());
        Card::new(&image, files, &CardOptions::default()).unwrap()
    }

    #[test]
    fn what_is_not_what_was_meant_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let card = card(dir.path());
        let stop = Stop::new().unwrap();
        let path = dir.path().join("card");
        let built = card.write(&path, false, &stop, &Silent, || {}).unwrap();
        assert_eq!(built.len, (45 << 20) + 1024, "the last block is filled");
        let content = Content::new(&card).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let compare = |file: &File| card.compare(&content, file, &path, &stop, &Silent);
        assert_eq!(compare(&File::open(&path).unwrap()).unwrap(), built.sha256);
        // One byte of the table, of the file system, of the image, and of what has to be zero.
        for at in [446, (4 << 20) + 3, (44 << 20) + 1_000_000, 1 << 20, (45 << 20) + 1000] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let error = compare(&File::open(&path).unwrap()).unwrap_err().to_string();
            assert!(error.contains(&format!("byte {at} is")), "{error}");
        }
        // A file system that was written wrong from the start: the second look goes another way.
        let root = whole.windows(11).position(|window| window == b"CONFIG  TXT").unwrap();
        for at in [root, root + 28, 446 + 8] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let error = card.look(Arc::new(File::open(&path).unwrap()), &path).unwrap_err();
            assert!(matches!(error, Error::Differs { .. }), "{error}");
        }
    }

    #[test]
    fn ctrl_c_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let card = card(dir.path());
        let stop = Stop::new().unwrap();
        // In the middle of the reading back.
        let path = dir.path().join("card");
        let error = card.write(&path, false, &stop, &Silent, || stop.set()).unwrap_err();
        assert!(matches!(error, Error::Stopped { .. }));
        let left: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["image"]);
    }
}
