use std::time::Duration;

use object_store::memory::InMemory;

use super::*;
use crate::image::chunk::Chunk;
use crate::image::chunk::object::{LEVEL, Packer, digest};
use crate::samples::seaweed::{Seaweed, within};
use crate::station::store::{ObjectCopied, PlaceRefused, StationRefused, StoreUrl};
use crate::stop::Stop;

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(240);
const NOW: i64 = 1_764_324_000_000;

fn block_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    within(LIMIT, || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(work)
    })
}

/// A chunk as an object, of so many bytes of its own.
fn chunk(seed: u8, len: usize) -> (Digest, Bytes) {
    let raw: Vec<u8> = (0..len).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed).collect();
    let mut chunk: Chunk = digest(&raw);
    let object = Packer::new(LEVEL).unwrap().pack(&raw, &mut chunk).unwrap();
    (chunk.id.unwrap(), object.into())
}

fn opener(dir: &Path) -> Opener {
    Opener {
        directory: dir.join("objects"),
        credentials: Some(Seaweed::get().keys(dir)),
        patience: Duration::from_secs(30),
        stop: Stop::new().unwrap(),
    }
}

fn bucket(prefix: &str) -> ObjectPlace {
    format!("s3://{}{prefix}", Seaweed::get().bucket()).parse().unwrap()
}

/// Each kind of place, empty.
fn everywhere(dir: &Path) -> Vec<(&'static str, One)> {
    let opener = opener(dir);
    vec![
        ("directory", opener.open(&ObjectPlace::Directory).unwrap()),
        ("memory", One::on(Arc::new(InMemory::new()))),
        ("memory of somebody else", One::on(Arc::new(InMemory::new())).far()),
        ("bucket", opener.open(&bucket("")).unwrap()),
        ("part of a bucket", opener.open(&bucket("/lab/images")).unwrap()),
    ]
}

#[test]
fn objects_are_there_once_and_go_once_in_each_kind_of_place() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        for (kind, one) in everywhere(dir.path()) {
            let objects = Objects::always(one.clone());
            one.try_out().await.unwrap_or_else(|error| panic!("{kind}: {}", crate::error::chain(&error)));
            one.look().await.unwrap();
            assert!(one.is_empty().await.unwrap(), "{kind}");
            let ((id, bytes), (other, other_bytes)) = (chunk(1, 100_000), chunk(2, 4 << 20));
            assert!(!objects.has(Sort::Chunk, id).await.unwrap(), "{kind}");
            assert!(matches!(objects.chunk(id).await, Err(Error::Missing { .. })), "{kind}");
            assert!(objects.put(Sort::Chunk, id, bytes.clone()).await.unwrap(), "{kind}");
            assert!(!objects.put(Sort::Chunk, id, other_bytes.clone()).await.unwrap(), "{kind}");
            assert_eq!(objects.chunk(id).await.unwrap().1, bytes, "{kind}: what is there stays");
            assert!(
                objects.has(Sort::Chunk, id).await.unwrap() && !objects.has(Sort::Index, id).await.unwrap()
            );
            assert!(objects.put(Sort::Chunk, other, other_bytes.clone()).await.unwrap(), "{kind}");
            assert_eq!(one.proved(Sort::Chunk, other).await.unwrap(), other_bytes, "{kind}");
            let mut all: Vec<_> = objects.all(Sort::Chunk).map(Result::unwrap).collect().await;
            let mut expected = vec![(id, bytes.len() as u64), (other, other_bytes.len() as u64)];
            all.sort_unstable();
            expected.sort_unstable();
            assert_eq!(all, expected, "{kind}");
            assert!(objects.all(Sort::Index).collect::<Vec<_>>().await.is_empty());
            // Another chunk under its name, and what is no chunk at all.
            objects.replace(Sort::Chunk, id, other_bytes).await.unwrap();
            assert!(matches!(one.proved(Sort::Chunk, id).await, Err(Error::Damaged { .. })), "{kind}");
            objects.replace(Sort::Chunk, id, Bytes::from_static(b"no chunk")).await.unwrap();
            assert!(matches!(objects.chunk(id).await, Err(Error::Damaged { .. })), "{kind}");
            objects.replace(Sort::Chunk, id, bytes.clone()).await.unwrap();
            assert_eq!(objects.chunk(id).await.unwrap().1, bytes, "{kind}");
            for _ in 0..2 {
                objects.remove(Sort::Chunk, id).await.unwrap();
                assert!(!objects.has(Sort::Chunk, id).await.unwrap(), "{kind}");
            }
            // It may come again.
            assert!(objects.put(Sort::Chunk, id, bytes).await.unwrap(), "{kind}");
        }
    });
}

#[test]
fn more_than_a_page_of_names_is_listed() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let one = opener(dir.path()).open(&bucket("/many")).unwrap();
        let names: Vec<_> = (0..1100u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
        let put = |id| {
            let one = one.clone();
            async move { one.put(Sort::Chunk, id, &Bytes::from_static(b"x")).await.unwrap() }
        };
        futures::stream::iter(names.clone()).map(put).buffer_unordered(16).collect::<Vec<_>>().await;
        let all: HashSet<_> = one.all(Sort::Chunk).map(|object| object.unwrap().0).collect().await;
        assert_eq!(all, names.into_iter().collect());
    });
}

#[test]
fn what_is_longer_than_any_chunk_is_damage_and_is_not_read_to_its_end() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        for (kind, one) in everywhere(dir.path()) {
            let id = Digest::of(b"long");
            let long = Bytes::from(vec![7; crate::image::chunk::object::LONGEST + 1]);
            // A place that reads back what was put finds it too.
            let put = one.put(Sort::Chunk, id, &long).await;
            assert!(matches!(put, Ok(true) | Err(Error::Lies { .. })), "{kind}: {put:?}");
            let found = one.checked(Sort::Chunk, id).await;
            assert!(matches!(found, Err(Error::Damaged { .. })), "{kind}: {:?}", found.err());
        }
    });
}

/// A station's store with its objects.
struct Fixture {
    store: Store,
    objects: Objects,
    dir: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreUrl::read("", dir.path()).unwrap()).await.unwrap().of("one".to_owned());
    let objects = Objects::follow(store.clone(), opener(dir.path()), None, NOW).await.unwrap();
    Fixture { store, objects, dir }
}

impl Fixture {
    fn place(&self) -> ObjectPlace {
        self.objects.now().main.place.clone()
    }

    /// What another station on the same database has.
    async fn other(&self) -> Objects {
        Objects::follow(self.store.clone().of("two".to_owned()), opener(self.dir.path()), None, NOW)
            .await
            .unwrap()
    }

    /// Passes until one finds nothing; how many objects were copied.
    async fn copy_all(&self) -> u64 {
        let (proved, mut copied) = (Proved::default(), 0);
        loop {
            let pass = Pass::default();
            assert!(self.objects.copy(&pass, &proved).await.unwrap().is_some());
            copied += pass.copied();
            if pass.copied() == 0 {
                return copied;
            }
        }
    }
}

#[test]
fn a_directory_moves_to_a_bucket_and_back_while_objects_come_and_go() {
    block_on(async {
        let fixture = fixture().await;
        let (objects, store) = (&fixture.objects, &fixture.store);
        let chunks: Vec<_> = (0..20).map(|n| chunk(n, 50_000 + usize::from(n))).collect();
        for (id, bytes) in &chunks[..10] {
            objects.put(Sort::Chunk, *id, bytes.clone()).await.unwrap();
        }
        // Damage stays where it is, and is counted.
        let damaged = chunks[9].0;
        objects.replace(Sort::Chunk, damaged, Bytes::from_static(b"damaged")).await.unwrap();
        let far = bucket("/lab");
        objects.try_out(&far).await.unwrap();
        store.move_objects(&far, NOW).await.unwrap().unwrap();
        assert_eq!(store.move_objects(&far, NOW).await.unwrap(), Err(PlaceRefused::Already));
        assert_eq!(store.move_objects(&bucket(""), NOW).await.unwrap(), Err(PlaceRefused::Moving));
        assert_eq!(store.remove_objects(&ObjectPlace::Directory).await.unwrap(), Err(PlaceRefused::Moving));
        // This station hasn't heard of it: what it puts is in the new place all the same.
        assert_eq!(fixture.place(), ObjectPlace::Directory);
        for (id, bytes) in &chunks[10..] {
            objects.put(Sort::Chunk, *id, bytes.clone()).await.unwrap();
        }
        assert_eq!(fixture.place(), far);
        let new = objects.now().main.clone();
        for (id, _) in &chunks[10..] {
            assert!(new.has(Sort::Chunk, *id).await.unwrap());
        }
        // What isn't copied yet is found, and listed once; what goes goes from both.
        for (id, bytes) in &chunks[..9] {
            assert_eq!(objects.chunk(*id).await.unwrap().1, *bytes);
        }
        assert_eq!(objects.all(Sort::Chunk).count().await, 20);
        objects.remove(Sort::Chunk, chunks[0].0).await.unwrap();
        assert_eq!(fixture.copy_all().await, 8);
        let pass = Pass::default();
        objects.copy(&pass, &Proved::default()).await.unwrap();
        assert_eq!((pass.copied(), pass.damaged()), (0, 1));
        let done = ObjectCopied { copied: 8, done: true, ..ObjectCopied::default() };
        assert!(store.objects_copied(2, &done, NOW).await.unwrap(), "it is the only station");
        assert!(objects.asked().await.unwrap().leaving.is_none());
        for (id, bytes) in chunks[1..].iter().filter(|(id, _)| *id != damaged) {
            assert_eq!(objects.chunk(*id).await.unwrap().1, *bytes);
        }
        assert!(matches!(objects.chunk(damaged).await, Err(Error::Missing { .. })));
        // Back, with the old bytes still there: they are proved, and what is damaged there is mended.
        assert_eq!(store.objects_status().await.unwrap().old.len(), 1);
        let spoilt = chunks[1].0;
        One::in_directory(&fixture.dir.path().join("objects")).unwrap();
        let old = One::in_directory(&fixture.dir.path().join("objects")).unwrap();
        old.replace(Sort::Chunk, spoilt, &Bytes::from_static(b"spoilt")).await.unwrap();
        store.move_objects(&ObjectPlace::Directory, NOW).await.unwrap().unwrap();
        assert_eq!(store.objects_status().await.unwrap().old, []);
        // One is mended. What was put before this station heard of the move stands there already; it may have heard of it by
        // itself before that.
        let twice = u64::from(old.has(Sort::Chunk, chunks[10].0).await.unwrap());
        assert_eq!(fixture.copy_all().await, 11 - twice);
        let done = ObjectCopied { done: true, ..ObjectCopied::default() };
        assert!(store.objects_copied(4, &done, NOW).await.unwrap());
        objects.asked().await.unwrap();
        assert_eq!(objects.chunk(spoilt).await.unwrap().1, chunks[1].1);
        // What is used isn't removed, and what was left is.
        assert!(matches!(objects.empty_out(&ObjectPlace::Directory).await, Err(Error::Place { .. })));
        assert_eq!(store.remove_objects(&ObjectPlace::Directory).await.unwrap(), Err(PlaceRefused::Already));
        assert_eq!(store.remove_objects(&bucket("")).await.unwrap(), Err(PlaceRefused::Unknown));
        store.remove_objects(&far).await.unwrap().unwrap();
        assert_eq!(store.move_objects(&far, NOW).await.unwrap(), Err(PlaceRefused::Removing));
        assert_eq!(store.objects_to_remove().await.unwrap(), std::slice::from_ref(&far));
        objects.try_out(&far).await.unwrap();
        assert_eq!(objects.empty_out(&far).await.unwrap(), 18);
        store.objects_removed(&far, None).await.unwrap();
        assert!(objects.open(&far).unwrap().is_empty().await.unwrap());
        assert_eq!(store.objects_status().await.unwrap().old, []);
    });
}

#[test]
fn all_stations_have_to_be_done_before_a_place_is_left() {
    block_on(async {
        let fixture = fixture().await;
        let other = fixture.other().await;
        let (one, two) = (fixture.store.clone(), fixture.store.clone().of("two".to_owned()));
        let there = ObjectCopied { done: true, ..ObjectCopied::default() };
        assert!(!two.objects_copied(1, &there, NOW).await.unwrap());
        let far = bucket("");
        one.move_objects(&far, NOW).await.unwrap().unwrap();
        assert!(!one.objects_copied(2, &there, NOW).await.unwrap(), "the other one hasn't begun");
        assert!(
            !two.objects_copied(2, &ObjectCopied { copied: 1, ..ObjectCopied::default() }, NOW)
                .await
                .unwrap()
        );
        // What one puts into the new place the other one finds, before it was told.
        let (id, bytes) = chunk(1, 5000);
        fixture.objects.asked().await.unwrap();
        fixture.objects.put(Sort::Chunk, id, bytes.clone()).await.unwrap();
        assert_eq!(other.now().main.place, ObjectPlace::Directory);
        assert_eq!(other.chunk(id).await.unwrap().1, bytes);
        let status = one.objects_status().await.unwrap();
        let stations = status.moving.unwrap().stations;
        assert_eq!(
            stations.iter().map(|one| (one.station.as_str(), one.done)).collect::<Vec<_>>(),
            [("one", true), ("two", false)]
        );
        assert!(two.objects_copied(2, &there, NOW).await.unwrap());
        // Each has its own directory, which it may be told to empty.
        let old = one.objects_status().await.unwrap().old;
        assert_eq!(
            old.iter().map(|old| old.station.as_deref()).collect::<Vec<_>>(),
            [Some("one"), Some("two")]
        );
        one.remove_objects(&ObjectPlace::Directory).await.unwrap().unwrap();
        assert_eq!(two.objects_to_remove().await.unwrap(), [ObjectPlace::Directory]);
        one.objects_removed(&ObjectPlace::Directory, None).await.unwrap();
        two.objects_removed(&ObjectPlace::Directory, Some("no")).await.unwrap();
        let old = one.objects_status().await.unwrap().old;
        assert_eq!((old.len(), old[0].why.as_deref(), old[0].removing), (1, Some("no"), true));
        // A station that is gone for good isn't waited for where a person says so.
        let later = NOW + 11 * 60_000;
        one.move_objects(&bucket(""), NOW).await.unwrap().unwrap();
        let number = one.object_place().await.unwrap().unwrap().number;
        assert!(!one.objects_copied(number, &there, later).await.unwrap(), "the other one isn't done");
        for (station, now, why) in [
            ("one", later, StationRefused::Own),
            ("two", NOW + 9 * 60_000, StationRefused::There),
            ("tw", later, StationRefused::Unknown),
            ("", later, StationRefused::Unknown),
        ] {
            assert_eq!(one.forget_objects_of(station, now).await.unwrap(), Err(why), "{station}");
        }
        assert_eq!(one.forget_objects_of("two", later).await.unwrap().unwrap(), "two");
        assert!(one.objects_copied(number, &there, later).await.unwrap());
        assert!(!two.objects_copied(number + 1, &there, NOW).await.unwrap(), "it may come back");
        // One that was gone for a month isn't waited for.
        one.move_objects(&bucket(""), NOW).await.unwrap().unwrap();
        let later = NOW + 31 * 24 * 3_600_000;
        assert!(one.objects_copied(number + 2, &there, later).await.unwrap());
    });
}

#[test]
fn a_new_station_takes_the_place_that_its_settings_name_and_an_old_one_moves_there() {
    block_on(async {
        let far = bucket("");
        let new = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::read("", new.path()).unwrap()).await.unwrap();
        let objects = Objects::follow(store, opener(new.path()), Some(&far), NOW).await.unwrap();
        assert!(objects.now().main.place == far && objects.now().leaving.is_none());
        // One that has images in its directory already, of an earlier version. Its bucket is its own.
        let far = bucket("");
        let old = tempfile::tempdir().unwrap();
        let (id, bytes) = chunk(1, 5000);
        let before = Objects::in_directory(&old.path().join("objects")).unwrap();
        before.put(Sort::Chunk, id, bytes.clone()).await.unwrap();
        let store = Store::open(&StoreUrl::read("", old.path()).unwrap()).await.unwrap();
        let objects = Objects::follow(store.clone(), opener(old.path()), Some(&far), NOW).await.unwrap();
        assert!(objects.now().main.place == far && objects.now().leaving.is_some());
        assert_eq!(objects.chunk(id).await.unwrap().1, bytes);
        // What the settings say later is no move.
        let objects = Objects::follow(store, opener(old.path()), Some(&bucket("")), NOW).await.unwrap();
        assert_eq!(objects.now().main.place, far);
        // A bucket that isn't there is found before anything is kept there.
        let none = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::read("", none.path()).unwrap()).await.unwrap();
        let nowhere = "s3://not-there".parse().unwrap();
        let error =
            Objects::follow(store.clone(), opener(none.path()), Some(&nowhere), NOW).await.unwrap_err();
        assert!(
            crate::error::chain(&error).contains("there is no such bucket (404 NoSuchBucket"),
            "{error:?}"
        );
        assert_eq!(store.object_place().await.unwrap(), None);
    });
}

#[test]
fn objects_of_another_database_are_neither_joined_nor_removed() {
    use crate::error::Explain as _;
    block_on(async {
        let far = bucket("/shared");
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = async |dir: &Path, wanted: Option<&ObjectPlace>| {
            let store = Store::open(&StoreUrl::read("", dir).unwrap()).await.unwrap();
            Objects::follow(store.clone(), opener(dir), wanted, NOW).await.map(|objects| (store, objects))
        };
        let (_, first) = open(one.path(), Some(&far)).await.unwrap();
        let (id, bytes) = chunk(1, 5000);
        first.put(Sort::Chunk, id, bytes.clone()).await.unwrap();
        first.look().await.unwrap();
        // A new station doesn't begin there, and one that has a place of its own doesn't move there.
        let error = open(two.path(), Some(&far)).await.err().unwrap();
        assert!(matches!(error, Error::Owned { .. }) && error.hint().unwrap().says("`owner`"), "{error:?}");
        let (store, second) = open(two.path(), None).await.unwrap();
        assert!(matches!(second.try_out(&far).await, Err(Error::Owned { .. })));
        // Though its database says that it has left something there, nothing is removed.
        store.move_objects(&far, NOW).await.unwrap().unwrap();
        second.asked().await.unwrap();
        assert!(matches!(second.look().await, Err(Error::Owned { .. })), "it says what is wrong");
        store.move_objects(&ObjectPlace::Directory, NOW).await.unwrap().unwrap();
        let done = ObjectCopied { done: true, ..ObjectCopied::default() };
        let number = second.asked().await.unwrap().number;
        assert!(store.objects_copied(number, &done, NOW).await.unwrap());
        second.asked().await.unwrap();
        assert!(matches!(second.empty_out(&far).await, Err(Error::Owned { .. })));
        assert_eq!(first.chunk(id).await.unwrap().1, bytes);
        // The one that it belongs to may, and then it is anybody's.
        let store = &first.inner.follows.as_ref().unwrap().store;
        store.move_objects(&ObjectPlace::Directory, NOW).await.unwrap().unwrap();
        first.copy(&Pass::default(), &Proved::default()).await.unwrap();
        let done = ObjectCopied { done: true, ..ObjectCopied::default() };
        let number = first.asked().await.unwrap().number;
        assert!(store.objects_copied(number, &done, NOW).await.unwrap());
        assert_eq!(first.empty_out(&far).await.unwrap(), 1);
        second.try_out(&far).await.unwrap();
        assert!(matches!(first.try_out(&far).await, Err(Error::Owned { .. })));
    });
}

#[test]
fn a_key_that_is_wrong_and_a_server_that_is_away_are_told_as_such() {
    use crate::error::{Explain as _, Kind};
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let at = |key: (&str, &str), endpoint: &str| {
            let keys = crate::samples::seaweed::keys(dir.path(), key, endpoint);
            let opener =
                Opener { credentials: Some(keys), patience: Duration::from_secs(2), ..opener(dir.path()) };
            // The file is read when the place is opened.
            crate::samples::seaweed::keys(dir.path(), key, endpoint);
            opener.open(&bucket("")).unwrap()
        };
        let (server, key) = (Seaweed::get().endpoint(), crate::samples::seaweed::KEY);
        let told = |error: Error| (error.kind(), crate::error::chain(&error), error.hint());
        for wrong in [(key.0, "other"), ("AKIAOTHER", key.1)] {
            let one = at(wrong, &server);
            for error in [one.look().await.unwrap_err(), one.try_out().await.unwrap_err()] {
                let (kind, text, hint) = told(error);
                assert!(kind == Kind::Config && text.contains("doesn't take the key (403 "), "{text}");
                assert!(hint.unwrap().says("AWS_SECRET_ACCESS_KEY") && !text.contains(wrong.1), "{text}");
            }
        }
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let one = at(key, &format!("http://{nobody}"));
        let begun = Instant::now();
        assert_eq!(told(one.look().await.unwrap_err()).0, Kind::Unavailable);
        assert!(begun.elapsed() < Duration::from_secs(2), "a look has no patience");
        let (kind, text, _) =
            told(one.put(Sort::Chunk, Digest::of(b"x"), &Bytes::from_static(b"x")).await.unwrap_err());
        assert!(
            kind == Kind::Unavailable && text.starts_with("writing to the object store: PUT http://127"),
            "{text}"
        );
        assert!(begun.elapsed() >= Duration::from_secs(2), "it was asked again");
    });
}

#[test]
fn a_server_that_is_away_for_a_while_costs_nothing_but_time() {
    block_on(async {
        let server = tokio::task::spawn_blocking(Seaweed::own).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let place: ObjectPlace = format!("s3://{}", server.bucket()).parse().unwrap();
        let opener = Opener {
            credentials: Some(server.keys(dir.path())),
            patience: Duration::from_secs(90),
            ..opener(dir.path())
        };
        server.keys(dir.path());
        let one = opener.open(&place).unwrap();
        let (id, bytes) = chunk(1, 3 << 20);
        one.put(Sort::Chunk, id, &bytes).await.unwrap();
        server.stop();
        let again = tokio::task::spawn_blocking(move || {
            std::thread::park_timeout(Duration::from_secs(5));
            server.go_on();
            server
        });
        let (other, more) = chunk(2, 100_000);
        let (read, put) = tokio::join!(one.checked(Sort::Chunk, id), one.put(Sort::Chunk, other, &more));
        assert_eq!(read.unwrap().1, bytes);
        assert!(put.unwrap());
        assert_eq!(one.checked(Sort::Chunk, other).await.unwrap().1, more);
        again.await.unwrap();
        // What waits for nothing any more ends at once.
        opener.stop.set();
        let begun = Instant::now();
        assert!(one.checked(Sort::Chunk, id).await.is_err() && begun.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn a_server_with_tls_is_spoken_to_where_its_certificate_is_trusted() {
    use crate::error::{Explain as _, Kind};
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let made = crate::station::cert::make(dir.path(), &["127.0.0.1".to_owned()], false).unwrap();
        let (cert, key) = (made.cert.clone(), made.key.clone());
        let server = tokio::task::spawn_blocking(move || Seaweed::with_tls(&cert, &key)).await.unwrap();
        let place: ObjectPlace = format!("s3://{}", server.bucket()).parse().unwrap();
        let opener = opener(dir.path());
        let keys = server.keys(dir.path());
        assert!(server.endpoint().starts_with("https://"));
        let error = opener.open(&place).unwrap().look().await.unwrap_err();
        let text = crate::error::chain(&error);
        assert!(error.kind() == Kind::Config && error.hint().unwrap().says("AWS_CA_BUNDLE"), "{text}");
        let text = std::fs::read_to_string(&keys).unwrap();
        std::fs::write(&keys, format!("{text}ca_bundle = {}\n", made.cert.display())).unwrap();
        let one = opener.open(&place).unwrap();
        one.try_out().await.unwrap();
        let (id, bytes) = chunk(1, 2 << 20);
        assert!(one.put(Sort::Chunk, id, &bytes).await.unwrap());
        assert_eq!(one.checked(Sort::Chunk, id).await.unwrap().1, bytes);
    });
}
