use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::*;
use crate::image::chunk::CHUNK;
use crate::image::chunk::cut::{Keep, cut};
use crate::station::objects::Sort;
use crate::station::store::StoreUrl;
use crate::stop::Stop;

struct Fixture {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    images: Images,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let url = StoreUrl::read("", dir.path()).unwrap();
    let store = runtime.block_on(Store::open(&url)).unwrap();
    let objects = Objects::in_directory(&dir.path().join("objects")).unwrap();
    let images = Images::new(store, objects, dir.path().to_owned(), runtime.handle().clone());
    Fixture { dir, runtime, images }
}

/// Bytes that don't repeat and don't compress, the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// 10 MiB and a bit: noise, 4 MiB of zeros that are a chunk, noise.
fn sample() -> Vec<u8> {
    [noise(1, CHUNK as usize), vec![0; CHUNK as usize], noise(2, 2_500_003)].concat()
}

impl Fixture {
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn add(&self, name: &str, file: &Path, wanted: &Wanted) -> Result<Image, Error> {
        let row = self.runtime.block_on(self.images.begin(name, None))?;
        self.images.ingest(row, file, wanted, &Stop::new().unwrap(), &|_| ())
    }

    fn row(&self, name: &str) -> Image {
        self.runtime.block_on(self.images.inner.store.image(name)).unwrap()
    }

    fn exported(&self, image: &Image, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let mut raw = self.runtime.block_on(self.images.raw(image, range))?;
        let mut out = Vec::new();
        while let Some(bytes) = raw.next_bytes()? {
            out.extend_from_slice(&bytes);
        }
        Ok(out)
    }

    fn collect(&self) -> Collected {
        self.images.collect(&Stop::new().unwrap()).unwrap()
    }

    /// The files of all chunks.
    fn chunks(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for directory in std::fs::read_dir(self.dir.path().join("objects/chunks")).unwrap() {
            found.extend(
                std::fs::read_dir(directory.unwrap().path()).unwrap().map(|file| file.unwrap().path()),
            );
        }
        found
    }
}

use std::ops::Range;

#[test]
fn an_image_comes_out_as_it_went_in_whatever_its_form() {
    let fixture = fixture();
    let raw = sample();
    let plain = fixture.file("a.img", &raw);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&raw).unwrap();
    let packed = fixture.file("b.img.gz", &packed.finish().unwrap());
    let one = fixture.add("plain", &plain, &Wanted::default()).unwrap();
    assert_eq!((one.state, one.raw_len, one.zero), (ImageState::Ready, raw.len() as u64, CHUNK));
    assert_eq!(one.file_sha256, one.raw_sha256);
    let chunks = fixture.chunks().len();
    assert_eq!(chunks, 2, "zeros are stored nowhere");
    let other = fixture.add("packed", &packed, &Wanted::default()).unwrap();
    assert_ne!(other.file_sha256, other.raw_sha256);
    assert_eq!((other.index, other.raw_sha256), (one.index.clone(), one.raw_sha256.clone()));
    assert_eq!(fixture.chunks().len(), chunks, "what is there already is not stored again");
    assert_eq!(fixture.row("plain"), one);
    assert!(fixture.exported(&one, 0..u64::MAX).unwrap() == raw);
    for range in [0..1, 5..CHUNK + 5, CHUNK - 1..2 * CHUNK + 1, raw.len() as u64 - 1..raw.len() as u64, 7..7]
    {
        let place = range.start as usize..range.end as usize;
        assert!(fixture.exported(&one, range).unwrap() == raw[place]);
    }
    let mut reader = fixture.runtime.block_on(fixture.images.raw(&one, 0..u64::MAX)).unwrap();
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == raw);
    let verdict = fixture.images.verify(&one, &Stop::new().unwrap(), &|_, _| {}).unwrap();
    assert_eq!((verdict.chunks, verdict.damaged), (2, vec![]));
}

#[test]
fn what_does_not_come_whole_fails_with_its_reason_and_leaves_nothing() {
    let fixture = fixture();
    let raw = sample();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&raw).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() - 3000);
    let cut_off = fixture.file("cut.gz", &packed);
    let error = fixture.add("cut", &cut_off, &Wanted::default()).unwrap_err();
    assert!(matches!(error, Error::Image(_)), "{error:?}");
    let row = fixture.row("cut");
    assert_eq!((row.state, row.index.as_str()), (ImageState::Failed, ""));
    assert_eq!(row.why.unwrap(), crate::error::chain(&error));

    let plain = fixture.file("a.img", &raw);
    let wanted = Wanted { sha256: Some([7; 32]), bmap: None };
    let error = fixture.add("other", &plain, &wanted).unwrap_err();
    assert!(matches!(error, Error::Other { .. }), "{error:?}");
    let wanted = Wanted { sha256: None, bmap: Some(b"<bmap>".to_vec()) };
    assert!(matches!(fixture.add("bmap", &plain, &wanted), Err(Error::Bmap(_))));
    let stop = Stop::new().unwrap();
    stop.set();
    let row = fixture.runtime.block_on(fixture.images.begin("stopped", None)).unwrap();
    let stopped = fixture.images.ingest(row, &plain, &Wanted::default(), &stop, &|_| ());
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");

    let collected = fixture.collect();
    assert_eq!(collected.left, 0, "{collected:?}");
    assert!(fixture.chunks().is_empty());
    // A name whose image never came is free.
    fixture.add("other", &plain, &Wanted::default()).unwrap();
    assert!(matches!(fixture.add("other", &plain, &Wanted::default()), Err(Error::Store(_))));
}

#[test]
fn damage_is_named_reaches_nobody_and_is_mended_by_adding_the_image_again() {
    let fixture = fixture();
    let raw = sample();
    let plain = fixture.file("a.img", &raw);
    let image = fixture.add("a", &plain, &Wanted::default()).unwrap();
    let index = fixture.runtime.block_on(fixture.images.index(&image)).unwrap();
    let id = index.chunks[2].id.unwrap();
    let file = fixture.chunks().into_iter().find(|path| path.ends_with(id.to_string())).unwrap();
    let sound = std::fs::read(&file).unwrap();
    for at in [0, 9, 300, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&file, &bytes).unwrap();
        let error = fixture.runtime.block_on(fixture.images.chunk(id)).unwrap_err();
        let Error::Damaged { what } = &error else { panic!("{error:?}") };
        assert!(what.contains(&id.to_string()), "{what}");
        assert!(what.contains(&format!("bytes {} to {} of the image `a`", 2 * CHUNK, raw.len())), "{what}");
    }
    assert_eq!(fixture.row("a").state, ImageState::Damaged);
    assert!(matches!(fixture.exported(&fixture.row("a"), 0..1), Err(Error::NotReady { .. })));
    let verdict = fixture.images.verify(&fixture.row("a"), &Stop::new().unwrap(), &|_, _| {}).unwrap();
    assert_eq!((verdict.image.state, verdict.damaged.len()), (ImageState::Damaged, 1));
    let other = fixture.file("other", &noise(9, 1000));
    let other = fixture.add("other", &other, &Wanted::default()).unwrap();
    let mended = |by: &Image| fixture.images.mended_by(by, &Stop::new().unwrap()).unwrap();
    assert!(mended(&other).is_empty(), "what shares nothing mends nothing");
    assert_eq!(fixture.row("a").state, ImageState::Damaged);
    let again = fixture.add("again", &plain, &Wanted::default()).unwrap();
    assert_eq!(mended(&again), ["a"]);
    assert_eq!((fixture.row("a").state, fixture.row("a").why), (ImageState::Ready, None));
    assert!(mended(&again).is_empty(), "it is told once");
    let verdict = fixture.images.verify(&fixture.row("a"), &Stop::new().unwrap(), &|_, _| {}).unwrap();
    assert_eq!((verdict.image.state, verdict.damaged.len()), (ImageState::Ready, 0));
    assert!(fixture.exported(&fixture.row("a"), 0..u64::MAX).unwrap() == raw);
}

#[test]
fn only_what_no_image_needs_is_collected() {
    let fixture = fixture();
    let one = fixture.file("one", &sample());
    let other = fixture.file("other", &[noise(1, CHUNK as usize), noise(3, 100_000)].concat());
    let first = fixture.add("one", &one, &Wanted::default()).unwrap();
    let second = fixture.add("other", &other, &Wanted::default()).unwrap();
    assert_eq!(fixture.collect().removed, 0);
    fixture.runtime.block_on(fixture.images.inner.store.remove_image(&first.id)).unwrap();
    let collected = fixture.collect();
    assert_eq!((collected.removed, collected.left), (2, 3), "a chunk and an index go");
    let verdict = fixture.images.verify(&second, &Stop::new().unwrap(), &|_, _| {}).unwrap();
    assert_eq!(verdict.damaged, Vec::<String>::new());
    // What somebody is about to need stays.
    fixture.runtime.block_on(fixture.images.inner.store.remove_image(&second.id)).unwrap();
    let index = Digest::parse(&second.index).unwrap();
    let hold = fixture.images.inner.holds.hold();
    fixture.runtime.block_on(hold.take(index));
    assert_eq!(fixture.collect().left, 1);
    drop(hold);
    assert_eq!(fixture.collect().left, 0);
}

#[test]
fn what_came_while_the_station_was_killed_has_failed() {
    let fixture = fixture();
    let row = fixture.runtime.block_on(fixture.images.begin("a", None)).unwrap();
    assert_eq!(fixture.row("a"), row);
    fixture.runtime.block_on(fixture.images.tidy_up()).unwrap();
    assert_eq!(fixture.row("a").state, ImageState::Failed);
}

#[test]
fn another_station_on_the_same_database_and_objects_ends_and_collects_nothing_of_what_comes() {
    let fixture = fixture();
    let other = Fixture {
        dir: tempfile::tempdir().unwrap(),
        images: Images::new(
            fixture.images.inner.store.clone().of("other".to_owned()),
            Objects::in_directory(&fixture.dir.path().join("objects")).unwrap(),
            fixture.dir.path().to_owned(),
            fixture.runtime.handle().clone(),
        ),
        runtime: tokio::runtime::Runtime::new().unwrap(),
    };
    let file = fixture.file("one", &sample());
    let first = fixture.add("one", &file, &Wanted::default()).unwrap();
    let index = fixture.runtime.block_on(fixture.images.index(&first)).unwrap();
    let coming = fixture.runtime.block_on(fixture.images.begin("two", None)).unwrap();
    // As what has come of an image before its row says what it needs.
    fixture.runtime.block_on(fixture.images.inner.store.remove_image(&first.id)).unwrap();
    other.runtime.block_on(other.images.tidy_up()).unwrap();
    assert_eq!(fixture.row("two"), coming);
    let collected = other.collect();
    assert!(collected.removed == 0 && collected.left > 0, "{collected:?}");
    // Its own station knows what it still needs of that; and the other one too, when nothing comes any more.
    fixture.runtime.block_on(fixture.images.tidy_up()).unwrap();
    assert_eq!(fixture.row("two").state, ImageState::Failed);
    assert_eq!(other.collect().left, 0);
    // What vanished all the same is found before the image counts.
    let row = fixture.runtime.block_on(fixture.images.begin("three", None)).unwrap();
    let stored = [(Digest::of(b"gone"), 4)].into();
    let hold = fixture.images.inner.holds.hold();
    let mut made = row.clone();
    let error =
        fixture.runtime.block_on(fixture.images.finish(&mut made, &index, &stored, &hold)).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert_ne!(fixture.row("three").state, ImageState::Ready);
}

/// What a board cuts, in memory.
#[derive(Default)]
struct Cut(std::sync::Mutex<Vec<(Digest, Vec<u8>)>>);

impl Keep for Cut {
    type Error = crate::image::chunk::Error;

    fn known(&self, _: &mut crate::image::chunk::Chunk) -> Result<bool, Self::Error> {
        Ok(false)
    }

    fn keep(&self, chunk: &mut crate::image::chunk::Chunk, object: Vec<u8>) -> Result<(), Self::Error> {
        self.0.lock().unwrap().push((chunk.id.unwrap(), object));
        Ok(())
    }
}

#[test]
fn a_backup_is_ready_when_all_its_chunks_have_come_and_are_what_they_say() {
    let fixture = fixture();
    let raw = sample();
    let made = Cut::default();
    let mut rest = &raw[..];
    let index = cut(&mut |buf| Ok(rest.read(buf).unwrap()), &made, 1).unwrap();
    let chunks = made.0.into_inner().unwrap();
    let ids: Vec<_> = chunks.iter().map(|(id, _)| *id).collect();
    let images = &fixture.images;
    fixture.runtime.block_on(async {
        let arriving = images.arriving();
        assert_eq!(arriving.missing(&ids).await.unwrap(), ids);
        let swapped = arriving.take(ids[0], chunks[1].1.clone().into()).await;
        assert!(matches!(swapped, Err(Error::Chunk(_))), "{swapped:?}");
        arriving.take(ids[0], chunks[0].1.clone().into()).await.unwrap();
        let row = images.begin("backup", Some("board".to_owned())).await.unwrap();
        let early = arriving.finish(row.clone(), index.clone()).await;
        assert!(matches!(early, Err(Error::NotWhole { count: 1, .. })), "{early:?}");
        // After a break, only the rest comes.
        let again = images.arriving();
        drop(arriving);
        assert_eq!(again.missing(&ids).await.unwrap(), ids[1..]);
        again.take(ids[1], chunks[1].1.clone().into()).await.unwrap();
        let image = again.finish(row, index.clone()).await.unwrap();
        assert_eq!((image.state, image.raw_len), (ImageState::Ready, raw.len() as u64));
    });
    assert!(fixture.exported(&fixture.row("backup"), 0..u64::MAX).unwrap() == raw);
    assert_eq!(fixture.collect().removed, 0);
    assert!(fixture.runtime.block_on(images.inner.objects.has(Sort::Chunk, ids[0])).unwrap());
}
