//! Images: taken in, given out, proved, collected. Their bytes are chunks in the [object store](super::objects), what is
//! known of them is in the [store](super::store).
//!
//! | part | what it does |
//! |---|---|
//! | `holds` | objects that somebody is about to need aren't collected |
//! | `ingest` | a file becomes chunks and an index |
//! | `give` | chunks for boards, raw bytes for people |
//! | `backup` | chunks that a board brings |
//! | `own` | an image with what belongs to one board |
//! | `recent` | chunks that boards asked for a moment ago |
//! | `keep` | whole images are proved, what nobody needs is collected |
//! | `stored` | an image as bytes that can be read anywhere |
//!
//! An image is a row first (`coming`), then objects, then the row again (`ready`, with the names of its objects, in one
//! transaction). So whatever is killed leaves at most objects that nobody needs, which are collected.

mod backup;
mod error;
mod give;
mod holds;
mod ingest;
mod keep;
mod own;
mod recent;
mod stored;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

pub use backup::Arriving;
pub use error::Error;
pub use give::Raw;
pub use ingest::Wanted;
pub use keep::Collected;
pub use own::{Own, Owns};
pub use stored::Stored;

use super::now;
use super::objects::Objects;
use super::store::{Store, new_name};
use crate::image::chunk::{Digest, Index};
use crate::station_api::{Image, ImageState};
use holds::Holds;
use recent::Recent;

/// So many names of contents are remembered.
const CONTENTS: usize = 1000;

/// The images of a station. Clones are the same.
#[derive(Debug, Clone)]
pub struct Images {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    objects: Objects,
    /// What is unpacked lies there for as long as it is taken in.
    spool: PathBuf,
    holds: Holds,
    recent: Recent,
    /// Names of contents, by the index. They never change.
    contents: Mutex<HashMap<Digest, Digest>>,
    looked: stored::Looked,
    /// For threads that wait for the database and the objects.
    runtime: Handle,
}

impl Images {
    /// Over a store and its objects. `spool` is a directory on a disk with room for an unpacked image.
    #[must_use]
    pub fn new(store: Store, objects: Objects, spool: PathBuf, runtime: Handle) -> Self {
        let (holds, recent, looked) = (Holds::default(), Recent::default(), stored::Looked::default());
        let contents = Mutex::default();
        Self { inner: Arc::new(Inner { store, objects, spool, holds, recent, contents, looked, runtime }) }
    }

    /// Where their bytes are.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.inner.objects
    }

    /// Ends what this station had begun when it was killed: images that were coming to it have failed. Those that come to
    /// another one on the same database go on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tidy_up(&self) -> Result<(), Error> {
        for mut image in self.inner.store.images_coming_here().await? {
            image.state = ImageState::Failed;
            image.why = Some("the station ended while it came".to_owned());
            self.inner.store.put_image(&image, Some(&[])).await?;
        }
        Ok(())
    }

    /// Makes the row of an image that comes. Its name is taken from now on.
    ///
    /// # Errors
    /// Where the name is taken, or is none.
    pub async fn begin(&self, name: &str, backup_of: Option<String>) -> Result<Image, Error> {
        let image = Image {
            id: new_name(),
            name: name.to_owned(),
            state: ImageState::Coming,
            why: None,
            index: String::new(),
            raw_len: 0,
            raw_sha256: String::new(),
            file_sha256: String::new(),
            stored: 0,
            zero: 0,
            unused: 0,
            added: now(),
            backup_of,
        };
        self.inner.store.add_image(&image).await?;
        Ok(image)
    }

    /// The index of an image that is ready.
    ///
    /// # Errors
    /// [`Error::NotReady`]; where it is missing or damaged, which is noted.
    pub async fn index(&self, image: &Image) -> Result<Index, Error> {
        if image.state != ImageState::Ready {
            return Err(Error::NotReady { name: image.name.clone(), state: image.state });
        }
        let id = Digest::parse(&image.index).ok_or_else(|| Error::NoIndex { name: image.name.clone() })?;
        match self.inner.objects.index(id).await {
            Ok((index, _)) => Ok(index),
            Err(error) => Err(self.noted(id, error).await),
        }
    }

    /// The name by its chunks of what an index describes: [`Index::content`].
    ///
    /// # Errors
    /// Where the index is missing or damaged, which is noted.
    pub async fn content(&self, index: Digest) -> Result<Digest, Error> {
        let lock = || self.inner.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = lock().get(&index) {
            return Ok(*content);
        }
        let content = match self.inner.objects.index(index).await {
            Ok((read, _)) => read.content(),
            Err(error) => return Err(self.noted(index, error).await),
        };
        let mut contents = lock();
        if contents.len() >= CONTENTS {
            contents.clear();
        }
        contents.insert(index, content);
        Ok(content)
    }
}

#[cfg(test)]
mod tests;
