use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::error::{Explain, Kind};
use crate::station::store::Error;

fn block<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

on_both! {
    async fn what_is_kept_is_there_after_opening_again(place: &Place) {
        let store = place.open().await;
        assert_eq!(store.place(), place.url.to_string());
        assert!(store.is_armed().await.unwrap());
        store.arm(false).await.unwrap();
        store.set("enrol", Some("open")).await.unwrap();
        store.answers().await.unwrap();
        store.close().await;
        assert!(store.answers().await.is_err());
        let store = place.open().await;
        assert!(!store.is_armed().await.unwrap());
        assert_eq!(store.setting("enrol").await.unwrap().as_deref(), Some("open"));
        store.set("enrol", None).await.unwrap();
        assert_eq!(store.setting("enrol").await.unwrap(), None);
    }

    async fn a_newer_store_is_refused_and_stays_as_it_is(place: &Place) {
        let store = place.open().await;
        store.set("x", Some("y")).await.unwrap();
        let mut tx = store.db.begin().await.unwrap();
        let row = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
                   SELECT 9000, 'future', installed_on, success, checksum, 0 FROM _sqlx_migrations
                   WHERE version = 1";
        tx.run(row, &[]).await.unwrap();
        tx.run("ALTER TABLE setting RENAME TO future", &[]).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let before = store_bytes(place);
        let error = Store::open(&place.url).await.unwrap_err();
        assert!(matches!(error, Error::Newer { found: 9000, .. }), "{error}");
        assert_eq!(error.kind(), Kind::Config);
        assert_eq!(store_bytes(place), before);
    }

    async fn a_database_of_another_program_is_refused(place: &Place) {
        let store = place.open().await;
        let mut tx = store.db.begin().await.unwrap();
        tx.run("DROP TABLE _sqlx_migrations", &[]).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        assert!(matches!(Store::open(&place.url).await, Err(Error::Foreign { .. })));
    }

    async fn a_store_that_another_program_changed_is_refused(place: &Place) {
        let store = place.open().await;
        let mut tx = store.db.begin().await.unwrap();
        tx.run("DELETE FROM _sqlx_migrations WHERE version > 0", &[]).await.unwrap();
        let row = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
                   VALUES (0, 'other', CURRENT_TIMESTAMP, TRUE, 'x', 0)";
        tx.run(row, &[]).await.map(drop).or_else(|error| if store.sort() == "sqlite" { Err(error) } else { Ok(()) }).unwrap();
        if store.sort() == "postgres" {
            return;
        }
        tx.commit().await.unwrap();
        store.close().await;
        let error = Store::open(&place.url).await.unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");
    }

    async fn several_open_a_new_store_at_once(place: &Place) {
        let opened = futures::future::join_all((0..4).map(|_| Store::open(&place.url))).await;
        for store in opened {
            store.unwrap().answers().await.unwrap();
        }
    }

    async fn who_holds_the_store_for_too_long_is_named(place: &Place) {
        let (store, other) = (place.open().await, place.open().await);
        let held = store.db.begin().await.unwrap();
        let error = other.set("x", Some("y")).await.unwrap_err();
        assert!(matches!(error, Error::Locked), "{error}");
        assert_eq!(error.kind(), Kind::Busy);
        drop(held);
        other.set("x", Some("y")).await.unwrap();
    }
}

/// The database's file; of PostgreSQL a dump of its form.
fn store_bytes(place: &Place) -> Vec<u8> {
    match &place.url {
        StoreUrl::Sqlite(file) => std::fs::read(file).unwrap(),
        StoreUrl::Postgres(url) => {
            let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
            let sql =
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
                       ORDER BY 1, 2";
            Postgres::get().sql(name, sql).into_bytes()
        }
    }
}

#[test]
fn a_damaged_database_is_named_and_stays_as_it_is() {
    let place = Place::sqlite();
    let StoreUrl::Sqlite(file) = &place.url else { unreachable!() };
    block(async {
        let store = place.open().await;
        for n in 0..200 {
            store.set(&format!("s{n}"), Some(&"x".repeat(500))).await.unwrap();
        }
        store.close().await;
    });
    let whole = std::fs::read(file).unwrap();
    let zeroed = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0x5a);
        bytes
    };
    let pages = whole.len() / 4096;
    let damages = [
        ("no database", b"GIF89a, and so on, and on, and on, and on: long enough for a header".to_vec()),
        ("its first page", zeroed(0, 4096)),
        ("a page within", zeroed((pages - 3) * 4096, (pages - 2) * 4096)),
        ("its end", whole[..whole.len() / 2].to_vec()),
    ];
    for (what, bytes) in damages {
        std::fs::write(file, &bytes).unwrap();
        let error = block(Store::open(&place.url)).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{what}: {error:?}");
        assert_eq!(error.kind(), Kind::BadData);
        assert_eq!(std::fs::read(file).unwrap(), bytes, "{what}");
    }
}

#[test]
fn nobody_else_may_read_the_file() {
    let place = Place::sqlite();
    block(async {
        let store = place.open().await;
        store.set("x", Some("y")).await.unwrap();
        for entry in std::fs::read_dir(place.dir.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        }
    });
}

#[test]
fn a_full_disk_is_named() {
    let place = Place::sqlite();
    block(async {
        let store = place.open().await;
        let mut tx = store.db.begin().await.unwrap();
        // As many pages as there are already: the same error as of a disk without room.
        let pages = tx.row("PRAGMA page_count", &[]).await.unwrap().unwrap().number().unwrap();
        tx.rows(&format!("PRAGMA max_page_count = {pages}"), &[]).await.unwrap();
        tx.commit().await.unwrap();
        let mut last = Ok(());
        for n in 0..100 {
            last = store.set(&format!("s{n}"), Some(&"x".repeat(500))).await;
            if last.is_err() {
                break;
            }
        }
        assert!(matches!(last, Err(Error::DiskFull)), "{last:?}");
        store.answers().await.unwrap();
    });
}

#[test]
fn a_database_server_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("postgres:///x?host={}&user=piprov", dir.path().display());
    let url = StoreUrl::read(&text, dir.path()).unwrap();
    let error = block(Store::open(&url)).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let missing = StoreUrl::read(&Postgres::get().url("nobody_made_it"), dir.path()).unwrap();
    let error = block(Store::open(&missing)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
}

#[test]
fn a_url_is_shown_without_its_password() {
    let dir = std::path::Path::new("/var/lib/piprov");
    let url = StoreUrl::read("postgres://ada:se@cret@db.example/piprov?password=x", dir).unwrap();
    assert_eq!(url.to_string(), "postgres://…@db.example/piprov");
    assert!(!format!("{url:?}").contains("cret"));
    assert_eq!(StoreUrl::read("", dir).unwrap().to_string(), "/var/lib/piprov/station.db");
    assert_eq!(StoreUrl::read("sqlite:/srv/x.db", dir).unwrap().to_string(), "/srv/x.db");
    for bad in ["mysql://a:secret@b/c", "nonsense", "sqlite:", "postgres://[::1/x"] {
        let error = StoreUrl::read(bad, dir).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
