//! Records that other commands have written come into the store: their directory is a spool. A station that wasn't
//! running misses nothing, and what is completed later is taken in again.
//!
//! The directory stays what it is: nothing there is changed or removed. A file is looked at again only when its time or
//! size has changed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::beneath::Dir;
use crate::run::{Record, ledger};
use crate::station::store::{Error, Store};
use crate::station_api::Time;

/// Files that are read at once, and kept in one transaction.
const PART: usize = 64;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Records that came in, or came in again.
    pub records: u64,
    /// Files that are no records, with why; each is told once.
    pub damaged: Vec<(String, String)>,
}

/// A file of the spool, as it was read.
#[derive(Debug)]
pub struct Read {
    /// Its name.
    pub file: String,
    /// Its time and size.
    pub stamp: String,
    /// The record, or why it is no record.
    pub record: Result<Box<Record>, String>,
}

/// Takes in what is new in the records' directory below the state directory. There may be no such directory.
///
/// # Errors
/// Where the directory can't be read, or what the database says. What was taken in until then is.
pub async fn take(store: &Store, state_dir: &Path, now: Time) -> Result<Taken, Error> {
    let path = state_dir.join(ledger::DIR);
    let failed = |doing: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source: std::io::Error| Error::Os { doing, path, source }
    };
    let dir = match Dir::open(&path) {
        Ok(dir) => Arc::new(dir),
        Err(rustix::io::Errno::NOENT) => return Ok(Taken::default()),
        Err(error) => return Err(failed("opening", &path)(error.into())),
    };
    let known = store.spooled().await?;
    let found = {
        let dir = Arc::clone(&dir);
        tokio::task::spawn_blocking(move || stamps(&dir)).await
    };
    let found = found.map_err(|error| failed("reading", &path)(std::io::Error::other(error)))?;
    let found: Vec<(String, String)> = found.map_err(failed("reading", &path))?;
    let here: std::collections::HashSet<_> = found.iter().map(|(file, _)| file.clone()).collect();
    let gone: Vec<_> = known.keys().filter(|file| !here.contains(*file)).cloned().collect();
    store.spool_forget(&gone).await?;
    let new = found.into_iter().filter(|(file, stamp)| known.get(file) != Some(stamp));
    let new: Vec<_> = new.collect();
    let mut taken = Taken::default();
    for part in new.chunks(PART) {
        let (dir, part) = (Arc::clone(&dir), part.to_vec());
        let read =
            tokio::task::spawn_blocking(move || part.into_iter().map(|one| read(&dir, one)).collect()).await;
        let read: Vec<Read> = read.map_err(|error| failed("reading", &path)(std::io::Error::other(error)))?;
        store.spool_keep(&read, now).await?;
        for one in read {
            match one.record {
                Ok(_) => taken.records += 1,
                Err(why) => taken.damaged.push((one.file, why)),
            }
        }
    }
    Ok(taken)
}

/// The records' files with their times and sizes, in the order of their names: the oldest run first.
fn stamps(dir: &Dir) -> std::io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for name in dir.names()? {
        // Other names are no records, and what is being written has another end.
        let Some(name) = name.to_str().filter(|name| name.ends_with(".json") && !name.starts_with('.'))
        else {
            continue;
        };
        if let Some(stat) = dir.stat(name)? {
            // The number of the file too: a record is replaced, never changed.
            let stamp = format!("{}.{}.{}.{}", stat.st_mtime, stat.st_mtime_nsec, stat.st_size, stat.st_ino);
            found.push((name.to_owned(), stamp));
        }
    }
    found.sort();
    Ok(found)
}

fn read(dir: &Dir, (file, stamp): (String, String)) -> Read {
    let record = match dir.read(&file, ledger::LONGEST) {
        Err(error) => Err(error.to_string()),
        Ok(bytes) => Record::read(&bytes).map(Box::new).ok_or_else(|| "it is no record".to_owned()),
    };
    Read { file, stamp, record }
}

/// The stamp of each file that was looked at.
pub type Stamps = HashMap<String, String>;
