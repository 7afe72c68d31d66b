//! A store with data, as each form of it was: the next form has to open it. What a form has made is never made anew.

use std::path::{Path, PathBuf};

use super::*;
use crate::station::store::There;
use crate::station_api::{AuditAsked, BoardsAsked, ImageState, JobState, JobsAsked, ListAsked, RunsAsked};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store").join(name)
}

/// What the first form's data is, told by the calls of today.
async fn holds(store: &Store) {
    let boards = store.boards(&BoardsAsked::default(), There::default()).await.unwrap().items;
    assert_eq!(boards.len(), 1);
    let board = &boards[0];
    assert_eq!(board.serial.unwrap().as_str(), "10000000af04b2da");
    assert_eq!((board.macs.len(), board.disks.len(), board.memory), (1, 1, Some(4 << 30)));
    let jobs = store.jobs(&JobsAsked::default()).await.unwrap().items;
    assert_eq!((jobs.len(), jobs[0].state, jobs[0].fence), (1, JobState::Finishing, 2));
    let runs = store.runs(&RunsAsked::default()).await.unwrap().items;
    let outcomes: Vec<_> = runs.iter().map(|line| (line.way.as_str(), line.outcome.as_str())).collect();
    assert_eq!(outcomes, [("flash", "unfinished"), ("deploy", "done"), ("deploy", "lost")]);
    for line in &runs {
        assert_eq!(store.run(&line.run).await.unwrap().run.as_str(), line.run);
    }
    assert_eq!(store.run_log(&runs[2].run, &ListAsked::default()).await.unwrap().items[0].text, "writing");
    let image = store.image("raspios").await.unwrap();
    assert_eq!((image.state, store.chunks("", 500).await.unwrap().len()), (ImageState::Ready, 450));
    assert_eq!(store.backups(&ListAsked::default()).await.unwrap().items[0].board, board.id);
    assert_eq!((store.rules().await.unwrap().len(), store.projects().await.unwrap().len()), (1, 1));
    assert_eq!((store.users().await.unwrap().len(), store.tokens().await.unwrap().len()), (1, 1));
    assert_eq!(store.sightings(&ListAsked::default()).await.unwrap().items.len(), 1);
    assert_eq!(store.audit(&AuditAsked::default()).await.unwrap().items.len(), 1);
    // What was noted before there was a chain is in it.
    assert_eq!(store.check_audit().await.unwrap().broken, None);
    assert_eq!(store.audit_ends().await.unwrap().1.n, 1);
    assert_eq!((store.slots().await.unwrap().len(), store.spooled().await.unwrap().len()), (1, 2));
    // It goes on from there.
    assert!(store.seen_after(&board.id, NOW).await.unwrap());
    store.draw(&board.id, NOW).await.unwrap();
    store.arm(false).await.unwrap();
}

#[test]
fn the_first_form_is_opened_on_sqlite() {
    runtime().block_on(async {
        let place = Place::sqlite();
        let StoreUrl::Sqlite(file) = &place.url else { unreachable!() };
        std::fs::copy(fixture("v1.db"), file).unwrap();
        holds(&place.open().await).await;
    });
}

#[test]
fn the_first_form_is_opened_on_postgres() {
    runtime().block_on(async {
        let mut place = Place::sqlite();
        let url = Postgres::get().database_of(&fixture("v1.sql"));
        place.url = StoreUrl::read(&url, place.dir.path()).unwrap();
        holds(&place.open().await).await;
    });
}

#[test]
fn a_copy_of_an_older_form_grows_on_its_way_into_either_database() {
    runtime().block_on(async {
        let copy = std::fs::read(fixture("v2.copy")).unwrap();
        for place in [Place::sqlite(), Place::postgres()] {
            let store = place.open().await;
            let cut = store.copy_from(&copy[..copy.len() - 40]).await.unwrap_err();
            assert!(matches!(cut, crate::station::store::Error::BadCopy { .. }), "{cut}");
            assert!(store.boards(&BoardsAsked::default(), There::default()).await.unwrap().items.is_empty());
            store.copy_from(&copy[..]).await.unwrap();
            holds(&store).await;
            let again = store.copy_from(&copy[..]).await.unwrap_err();
            assert!(matches!(again, crate::station::store::Error::NotEmpty { .. }), "{again}");
        }
    });
}

/// Makes the files of the newest form, where there are none yet: once, when a form is new.
#[test]
#[ignore = "it writes into the tree, once for each form"]
fn a_new_form_gets_its_files() {
    runtime().block_on(async {
        let newest = crate::station::store::open::newest();
        for place in [Place::sqlite(), Place::postgres()] {
            let store = place.open().await;
            super::copy::fill(&store).await;
            store.close().await;
            let (name, bytes) = match &place.url {
                StoreUrl::Sqlite(file) => ("db", std::fs::read(file).unwrap()),
                StoreUrl::Postgres(url) => ("sql", Postgres::get().dump(url).into_bytes()),
            };
            let path = fixture(&format!("v{newest}.{name}"));
            assert!(!path.exists(), "{} is there", path.display());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    });
}
