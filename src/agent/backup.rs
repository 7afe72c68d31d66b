//! A disk is read, cut into chunks and sent; then it is read again, and compared with what was sent.
//!
//! What file systems say is unused counts as zeros, so it is neither read twice nor sent. A chunk that the other side has
//! isn't sent, so a backup that was cut off goes on where it was, and a second backup costs what has changed.
//! What comes back from a restore is the disk with zeros where nothing was. A restore onto a larger disk leaves a
//! GPT's second header where it was on the smaller one: the first header names that place, and the system's tools move it
//! when they grow a partition.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::Error;
use super::source::{FetchError, Plan};
use super::storage::{Disk, Storage};
use super::watch::{At, Watch};
use crate::image::aligned::Aligned;
use crate::image::chunk::cut::{self, cut};
use crate::image::chunk::{self, CHUNK, Chunk, Index, PIECE};
use crate::image::read_at::ReadAt;
use crate::run::Stage;
use crate::stop::Stop;

/// Where a backup goes. Called by several threads.
pub trait Sink: Sync {
    /// Whether the chunk is there; if so, the stored lengths of its pieces are put into it.
    ///
    /// # Errors
    /// Where that can't be found out.
    fn known(&self, chunk: &mut Chunk) -> Result<bool, FetchError>;

    /// Takes a chunk's object: it is durable when this comes back.
    ///
    /// # Errors
    /// Where it can't.
    fn take(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), FetchError>;

    /// Takes the index, after all chunks.
    ///
    /// # Errors
    /// Where it can't.
    fn finish(&self, index: &Index) -> Result<(), FetchError>;
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Of what is in the backup.
    pub index: Index,
    /// Bytes that nothing uses.
    pub unused: u64,
    /// Bytes that were sent.
    pub sent: u64,
}

struct Keep<'a> {
    sink: &'a dyn Sink,
    sent: AtomicU64,
}

impl From<chunk::Error> for Error {
    fn from(error: chunk::Error) -> Self {
        FetchError::of(&error).into()
    }
}

impl cut::Keep for Keep<'_> {
    type Error = Error;

    fn known(&self, chunk: &mut Chunk) -> Result<bool, Error> {
        Ok(self.sink.known(chunk)?)
    }

    fn keep(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), Error> {
        self.sent.fetch_add(object.len() as u64, Ordering::Relaxed);
        Ok(self.sink.take(chunk, object)?)
    }
}

/// The disk for the readers of file systems.
struct Content<'a>(Disk<'a>);

impl ReadAt for Content<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let len = (buf.len() as u64).min(self.0.size().saturating_sub(offset)) as usize;
        self.0.read(&mut buf[..len], offset).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(len)
    }

    fn size(&self) -> std::io::Result<u64> {
        Ok(self.0.size())
    }

    fn available(&self) -> u64 {
        self.0.size()
    }
}

/// Reads a disk, sends it, and reads it again. The disk isn't written.
///
/// # Errors
/// What went wrong; [`Error::Unsteady`] where the second reading differs.
pub fn backup(
    storage: &dyn Storage,
    unused: &[Range<u64>],
    sink: &dyn Sink,
    stop: &Stop,
    watch: &dyn Watch,
) -> Result<BackedUp, Error> {
    let disk = Disk(storage);
    let total = disk.size();
    let keep = Keep { sink, sent: AtomicU64::new(0) };
    let tell = |stage, done| {
        let fetched = keep.sent.load(Ordering::Relaxed);
        watch.at(At { stage, done, total: Some(total), fetched });
    };
    let mut reader = Reader { disk, unused, at: 0, space: Aligned::new(CHUNK as usize) };
    let mut read = |buf: &mut [u8]| {
        if stop.is_set() {
            return Err(Error::Stopped);
        }
        let count = reader.next(buf)?;
        tell(Stage::Copy, reader.at);
        Ok(count)
    };
    let mut index = cut(&mut read, &keep, cut::usual_threads())?;
    index.mark_unused(unused);
    // Proven before it is said to be whole.
    let mut reader = Reader { disk, unused, at: 0, space: Aligned::new(CHUNK as usize) };
    let mut raw = vec![0; CHUNK as usize];
    let mut number = 0;
    while let Some(plan) = Plan::of(&index, number) {
        if stop.is_set() {
            return Err(Error::Stopped);
        }
        reader.at = number * CHUNK;
        let raw = &mut raw[..plan.len];
        reader.next(raw)?;
        for piece in 0..plan.count() {
            let within = plan.place(piece);
            if !plan.is(piece, &raw[within.clone()]) {
                return Err(Error::Unsteady { disk: disk.name(), at: number * CHUNK + within.start as u64 });
            }
        }
        tell(Stage::ReadBack, number * CHUNK + plan.len as u64);
        number += 1;
    }
    sink.finish(&index)?;
    let unused = index.unused();
    Ok(BackedUp { index, unused, sent: keep.sent.into_inner() })
}

/// What file systems on a disk say that nothing uses, with notes for people about those that say nothing.
///
/// # Errors
/// Where the disk can't be read.
pub fn unused(storage: &Arc<dyn Storage + Send>) -> Result<(Vec<Range<u64>>, Vec<String>), Error> {
    struct Owned(Arc<dyn Storage + Send>);
    impl ReadAt for Owned {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
            Content(Disk(&*self.0)).read_at(buf, offset)
        }
        fn size(&self) -> std::io::Result<u64> {
            Ok(self.0.size())
        }
        fn available(&self) -> u64 {
            self.0.size()
        }
    }
    let content: Arc<dyn ReadAt> = Arc::new(Owned(Arc::clone(storage)));
    let found = crate::image::unused::of_file_systems(&content, PIECE)
        .map_err(|error| Disk(&**storage).error("reading its file systems", None, error))?;
    Ok((found.ranges, found.notes))
}

/// Reads in order, with zeros for what nothing uses.
struct Reader<'a> {
    disk: Disk<'a>,
    unused: &'a [Range<u64>],
    at: u64,
    space: Aligned,
}

impl Reader<'_> {
    /// Fills `buf`, but for the disk's end.
    fn next(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let len = (buf.len() as u64).min(self.disk.size() - self.at).min(CHUNK - self.at % CHUNK) as usize;
        let place = self.at..self.at + len as u64;
        let within: Vec<_> = pieces_within(&place, self.unused);
        let mut at = place.start;
        for gap in within.iter().chain([&(place.end..place.end)]) {
            if at < gap.start {
                let space = &mut self.space[..(gap.start - at) as usize];
                self.disk.read(space, at)?;
                buf[(at - place.start) as usize..(gap.start - place.start) as usize].copy_from_slice(space);
            }
            buf[(gap.start - place.start) as usize..(gap.end - place.start) as usize].fill(0);
            at = gap.end;
        }
        self.at = place.end;
        Ok(len)
    }
}

/// The whole pieces of a place that nothing uses, in order.
fn pieces_within(place: &Range<u64>, unused: &[Range<u64>]) -> Vec<Range<u64>> {
    let first = unused.partition_point(|range| range.end <= place.start);
    unused[first..]
        .iter()
        .take_while(|range| range.start < place.end)
        .filter_map(|range| {
            let start = range.start.max(place.start).next_multiple_of(PIECE);
            let end = range.end.min(place.end) / PIECE * PIECE;
            (start < end).then_some(start..end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::agent::deploy::deploy;
    use crate::agent::model::{Fault, Model};
    use crate::agent::source::Got;
    use crate::agent::{Source, lock};
    use crate::image::chunk::Digest;
    use crate::image::chunk::object::Head;

    /// A store in memory that takes so many chunks before it is cut off.
    #[derive(Default)]
    struct Store {
        objects: Mutex<BTreeMap<Digest, Vec<u8>>>,
        index: Mutex<Option<Index>>,
        room: Option<usize>,
    }

    impl Sink for Store {
        fn known(&self, _: &mut Chunk) -> Result<bool, FetchError> {
            Ok(false)
        }

        fn take(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), FetchError> {
            let mut objects = lock(&self.objects);
            if self.room.is_some_and(|room| objects.len() >= room) {
                let kind = crate::error::Kind::Unavailable;
                return Err(FetchError { what: "the cable is cut".into(), kind, hint: None });
            }
            objects.insert(chunk.id.unwrap(), object);
            Ok(())
        }

        fn finish(&self, index: &Index) -> Result<(), FetchError> {
            *lock(&self.index) = Some(index.clone());
            Ok(())
        }
    }

    impl Source for Store {
        fn raw_len(&self) -> Option<u64> {
            lock(&self.index).as_ref().map(|index| index.raw_len)
        }

        fn plan(&self, number: u64) -> Result<Option<Plan>, FetchError> {
            Ok(lock(&self.index).as_ref().and_then(|index| Plan::of(index, number)))
        }

        fn fetch(&self, number: u64, plan: &Plan, pieces: Range<usize>) -> Result<Got, FetchError> {
            let chunk = lock(&self.index).as_ref().unwrap().chunks[number as usize].clone();
            let head = Head::of(&chunk, plan.len as u64);
            let range = head.piece(pieces.start).start..head.piece(pieces.end).start;
            Ok(Got::Stored(lock(&self.objects)[&chunk.id.unwrap()][range].to_vec()))
        }
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len as u64)
            .map(|n| if n / 200_000 % 3 == 0 { 0 } else { n.wrapping_mul(0x9e37_79b9) as u8 })
            .collect()
    }

    #[test]
    fn a_backup_is_restored_onto_a_larger_disk_byte_for_byte_but_for_what_nothing_uses() {
        let raw = bytes((9 << 20) + 512);
        let disk = Model::new(raw.clone(), &[]);
        let unused = [(3 << 20)..(5 << 20) + 100, (6 << 20) + 1..(6 << 20) + 5];
        let (store, stop) = (Store::default(), Stop::new().unwrap());
        let done = backup(&disk, &unused, &store, &stop, &()).unwrap();
        assert!(disk.bytes() == raw, "the disk isn't written");
        let mut wanted = raw;
        wanted[3 << 20..5 << 20].fill(0);
        let larger = Model::new(vec![0xee; 12 << 20], &[]);
        let back = deploy(&larger, &store, &stop, &()).unwrap();
        assert!(larger.bytes()[..wanted.len()] == wanted);
        assert_eq!(back.read_back.sha256(), Some(done.index.raw_sha256));
    }

    #[test]
    fn a_disk_that_gives_two_answers_and_a_store_that_is_cut_off_make_no_backup() {
        let stop = Stop::new().unwrap();
        let store = Store { room: Some(1), ..Store::default() };
        let error = backup(&Model::new(bytes(9 << 20), &[]), &[], &store, &stop, &()).unwrap_err();
        assert!(matches!(error, Error::Fetch(_)) && lock(&store.index).is_none());
        let disk = Model::new(bytes(9 << 20), &[Fault::Unsteady(5 << 20)]);
        let store = Store::default();
        let error = backup(&disk, &[], &store, &stop, &()).unwrap_err();
        assert!(matches!(error, Error::Unsteady { at, .. } if at == 5 << 20), "{error}");
        assert!(lock(&store.index).is_none());
        let disk = Model::new(bytes(9 << 20), &[Fault::Read(5 << 20..(5 << 20) + 1, libc::EIO)]);
        assert_eq!(backup(&disk, &[], &store, &stop, &()).unwrap_err().errno(), Some(libc::EIO));
    }

    #[test]
    fn only_whole_pieces_are_left_out() {
        let p = PIECE;
        let unused = [p / 2..3 * p + 1, 5 * p..20 * p];
        assert_eq!(pieces_within(&(0..6 * p), &unused), [p..3 * p, 5 * p..6 * p]);
        assert_eq!(pieces_within(&(3 * p..4 * p), &unused), []);
        assert_eq!(pieces_within(&(19 * p..30 * p), &unused), vec![Range { start: 19 * p, end: 20 * p }]);
    }
}
