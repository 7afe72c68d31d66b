//! An image of this host, for several disks at once. It is unpacked and hashed once, while the disks are written.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::source::{FetchError, Got, Plan, Source};
use crate::error::Kind;
use crate::image::Image;
use crate::image::chunk::{CHUNK, object};
use crate::image::files::{Patch, PatchedReadAt};
use crate::image::read_at::ReadAt;
use crate::stop::Stop;

/// An image whose chunks become known one after the other.
pub struct Local {
    image: Image,
    /// Its bytes, with what is other for these disks.
    content: Arc<dyn ReadAt>,
    known: Mutex<Known>,
    more: Condvar,
    stop: Stop,
}

#[derive(Default)]
struct Known {
    plans: Vec<Plan>,
    /// How it ended: with the sha256 of all raw bytes, or not at all.
    end: Option<Result<[u8; 32], FetchError>>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Local").field("image", &self.image).finish_non_exhaustive()
    }
}

impl Local {
    /// Begins to hash an image, with patches that don't overlap, on a thread of its own. Disks may ask at once.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(image: Image, patches: &[Patch], stop: &Stop) -> std::io::Result<Arc<Self>> {
        let mut content = image.content();
        if !patches.is_empty() {
            content = Arc::new(PatchedReadAt::new(content, patches));
        }
        let (known, more, stop) = (Mutex::default(), Condvar::new(), stop.clone());
        let local = Arc::new(Self { image, content, known, more, stop });
        let this = Arc::clone(&local);
        std::thread::Builder::new().name("deploy-hash".into()).spawn(move || {
            let end = this.hash();
            super::lock(&this.known).end = Some(end);
            this.more.notify_all();
        })?;
        Ok(local)
    }

    /// The sha256 of the raw image with its patches, where its end was reached.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        match super::lock(&self.known).end {
            Some(Ok(digest)) => Some(digest),
            _ => None,
        }
    }

    fn hash(&self) -> Result<[u8; 32], FetchError> {
        let (mut raw, mut sha256, mut at) = (vec![0; CHUNK as usize], Sha256::new(), 0);
        loop {
            if self.stop.is_set() {
                return Err(stopped());
            }
            let count = self.content.read_at(&mut raw, at).map_err(|error| self.unreadable(&error))?;
            if count == 0 {
                break;
            }
            let raw = &raw[..count];
            sha256.update(raw);
            let plan = Plan { len: count, pieces: object::digest(raw).pieces };
            super::lock(&self.known).plans.push(plan);
            self.more.notify_all();
            at += count as u64;
            // Only the last chunk is shorter.
            if (count as u64) < CHUNK {
                break;
            }
        }
        // A damaged file says so at its end.
        if let Some(Err(error)) = self.image.file_sha256() {
            return Err(FetchError::of(&error));
        }
        Ok(sha256.finalize().into())
    }

    fn unreadable(&self, error: &std::io::Error) -> FetchError {
        if self.stop.is_set() {
            return stopped();
        }
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<crate::image::Error>());
        match inner {
            Some(error) => FetchError::of(error),
            None => FetchError {
                what: format!("{}: {error}", self.image.path().display()),
                kind: Kind::of_io(error),
                hint: None,
            },
        }
    }
}

fn stopped() -> FetchError {
    FetchError { what: "interrupted".into(), kind: Kind::Interrupted, hint: None }
}

impl Source for Arc<Local> {
    fn raw_len(&self) -> Option<u64> {
        self.image.raw_len()
    }

    fn plan(&self, number: u64) -> Result<Option<Plan>, FetchError> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let mut known = super::lock(&self.known);
        loop {
            match (known.plans.get(number), &known.end) {
                // A failure counts for what came before it too: the file is damaged.
                (_, Some(Err(error))) => return Err(error.clone()),
                (Some(plan), _) => return Ok(Some(plan.clone())),
                (None, Some(Ok(_))) => return Ok(None),
                (None, None) if self.stop.is_set() => return Err(stopped()),
                (None, None) => {
                    let waited = self.more.wait_timeout(known, Duration::from_millis(200));
                    known = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn fetch(&self, number: u64, plan: &Plan, pieces: Range<usize>) -> Result<Got, FetchError> {
        let place = plan.place(pieces.start).start..plan.place(pieces.end.saturating_sub(1)).end;
        let mut raw = vec![0; place.len()];
        self.content
            .read_exact_at(&mut raw, number * CHUNK + place.start as u64)
            .map_err(|error| self.unreadable(&error))?;
        Ok(Got::Raw(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::model::Model;
    use crate::agent::{Error, Left, deploy};
    use crate::image::ImageOptions;

    #[test]
    fn one_pass_of_a_compressed_image_feeds_good_and_bad_disks() {
        let raw: Vec<u8> =
            (0..9 << 20).map(|n: u32| if (n / 70_000).is_multiple_of(2) { 0 } else { n as u8 }).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        let packed = zstd::bulk::compress(&raw, 1).unwrap();
        std::fs::write(file.path(), &packed).unwrap();
        let stop = Stop::new().unwrap();
        let open = || Image::open(file.path(), &ImageOptions::default()).unwrap();
        let local = Local::start(open(), &[], &stop).unwrap();
        let disks: Vec<_> = [10 << 20, 9 << 20, 8 << 20].map(|len| Model::new(vec![0xee; len], &[])).into();
        let ended: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                disks.iter().map(|disk| scope.spawn(|| deploy(disk, &local, &stop, &()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for n in [0, 1] {
            let done = ended[n].as_ref().unwrap();
            assert_eq!(done.read_back.sha256(), local.sha256());
            assert!(disks[n].bytes()[..9 << 20] == raw);
        }
        assert!(matches!(ended[2].as_ref().unwrap_err().error, Error::TooSmall { .. }));
        // A file that is damaged near its end leaves nothing bootable.
        std::fs::write(file.path(), &packed[..packed.len() - 5]).unwrap();
        let local = Local::start(open(), &[], &stop).unwrap();
        let disk = Model::new(vec![0xee; 10 << 20], &[]);
        let failure = deploy(&disk, &local, &stop, &()).unwrap_err();
        assert!(failure.left == Left::Untouched || disk.is_unbootable(), "{failure}");
    }
}
