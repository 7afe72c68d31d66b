use std::collections::BTreeSet;

use super::*;
use crate::station::store::There;
use crate::station::store::copy::{LEFT_OUT, TABLES};
use crate::station::store::{Did, Error, Keep};
use crate::station_api::Room;
use crate::station_api::{Backup, BoardsAsked, ListAsked, RunsAsked, Slot, SlotKind, Token};

/// Something in each table that is copied.
pub(crate) async fn fill(store: &Store) {
    let slot = Slot {
        name: "A-01".into(),
        kind: SlotKind::Usb,
        place: "1-1.2".into(),
        position: 0,
        cell: None,
        suspected: None,
        mended: None,
    };
    store.put_slot(&slot).await.unwrap();
    let (name, address, by) = ("sw1".into(), "10.0.0.2".into(), "ada".into());
    let switch =
        crate::station_api::Switch { name, address, uplinks: vec!["24".into()], made: NOW, by, asked: None };
    store.put_switch(&switch, Some("reader")).await.unwrap();
    let image = image("raspios");
    store.add_image(&image).await.unwrap();
    let chunks: Vec<_> = (0..450u64).map(|n| (format!("{n:064x}"), n)).collect();
    store.put_image(&image, Some(&chunks)).await.unwrap();
    super::values::some(store).await;
    super::rules::set_up(store, "raspios").await;
    let told = register(1, Some("10000000af04b2da"), &["dc:a6:32:01:02:03"]);
    let board = store.register(&told, true, NOW).await.unwrap().board().id.clone();
    let who = serde_json::from_str(r#"{"mac":"dc:a6:32:01:02:03"}"#).unwrap();
    store.see(&who, "dhcp", "10.0.0.9", "asked \u{1b}[2J for an address", NOW).await.unwrap();
    super::jobs::through(store, &board, &image).await;
    super::scripts::kept(store, &board).await;
    super::firmware::kept(store).await;
    let run = store.runs(&RunsAsked::default()).await.unwrap().items[0].run.clone();
    let mut backup_image = super::image("lab-01 backup");
    backup_image.backup_of = Some(board.clone());
    store.add_image(&backup_image).await.unwrap();
    let proof = "read twice".to_owned();
    store
        .put_backup(&Backup { image: backup_image, board, run, device: "mmcblk0".into(), proof })
        .await
        .unwrap();
    store.add_user("ada", crate::station_api::Role::Admin, "$argon2id$x", NOW).await.unwrap();
    let token = Token {
        name: "ci".into(),
        role: crate::station_api::Role::Operator,
        scopes: vec![crate::station_api::Scope::BoardsRead],
        user: "ada".into(),
        made: NOW,
        expires: None,
        used: None,
    };
    store.add_token(&token, &"ab".repeat(32)).await.unwrap();
    store.arm(true).await.unwrap();
    store.put_factor("ada", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 5, &["aa".repeat(32)]).await.unwrap();
    let passkey = crate::station::store::Passkey {
        id: "0a".repeat(32),
        user: "ada".into(),
        name: "blue key".into(),
        host: "station.example".into(),
        key: "a5".into(),
        counter: u32::MAX.into(),
        can_back_up: true,
        backed_up: false,
        made: NOW,
        used: None,
    };
    store.add_passkey(&passkey, &[]).await.unwrap();
    let hook = crate::station_api::Hook {
        name: "bench".into(),
        url: "https://hooks.example/a".into(),
        events: vec![crate::station_api::Happening::RunDone],
        plain: false,
        made: NOW,
        by: "ada".into(),
    };
    store.add_hook(&hook, "secret").await.unwrap();
    let text = "^XA^FD{serial}^FS^XZ".into();
    let label = crate::station_api::Label {
        name: "box".into(),
        language: crate::station_api::LabelLanguage::Zpl,
        text,
        ..crate::station_api::Label::default()
    };
    store.put_label(&label).await.unwrap();
    let at = crate::station_api::TcpPrinter { host: "10.0.0.9".into(), port: 9100 };
    let printer = crate::station_api::NewPrinter {
        name: "one".into(),
        at: crate::station_api::PrinterAt::Tcp(at),
        takes: crate::station_api::PrinterTakes::Zpl,
        password: None,
    };
    store.put_printer(&printer, "ada", NOW).await.unwrap();
    let values = crate::station_api::Values::from([("serial".to_owned(), "1".to_owned())]);
    let wanted = crate::station::store::Wanted {
        label: &label,
        printer: "one",
        board: None,
        values: &values,
        run: None,
        copies: 1,
        by: "ada",
    };
    store.want_print(wanted, NOW).await.unwrap();
    let did = Did { time: NOW, by: "ada", from: "socket", what: "board.deploy", on: "lab-01", name: None };
    store.note(&did).await.unwrap();
    let record = crate::run::Record::begin(
        crate::run::RunId::new(5),
        crate::run::Way::Flash,
        crate::board::Who::named("lab-02"),
        "2026-11-20T14:02:11Z".parse().unwrap(),
    );
    let read =
        |file: &str, record| crate::station::spool::Read { file: file.into(), stamp: "1".into(), record };
    let files = [read("a.json", Ok(Box::new(record))), read("b.json", Err("it is no record".into()))];
    store.spool_keep(&files, NOW).await.unwrap();
    let bucket = "s3://piprov/lab".parse().unwrap();
    store.first_object_place(&crate::config::objects::ObjectPlace::Directory, None, NOW).await.unwrap();
    store.move_objects(&bucket, NOW).await.unwrap().unwrap();
    let done = crate::station::store::ObjectCopied { done: true, ..Default::default() };
    assert!(store.objects_copied(2, &done, NOW).await.unwrap());
}

async fn tables(store: &Store) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for (table, _) in TABLES {
        let row = store.db.row(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap();
        all.push(((*table).to_owned(), row.unwrap().count().unwrap()));
    }
    all
}

on_both! {
    async fn each_table_is_copied_or_left_out_by_name(place: &Place) {
        let store = place.open().await;
        let sql = match store.sort() {
            "sqlite" => "SELECT name FROM sqlite_master WHERE type = 'table'",
            _ => "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'",
        };
        let rows = store.db.rows(sql, &[]).await.unwrap();
        let there: BTreeSet<_> = rows.into_iter().map(|mut row| row.text().unwrap()).collect();
        let named = TABLES.iter().map(|(table, _)| *table).chain(LEFT_OUT.iter().copied());
        let named: BTreeSet<_> = named.chain(["_sqlx_migrations"]).map(str::to_owned).collect();
        assert_eq!(there, named);
    }

    async fn a_copy_goes_into_either_database_and_is_equal(place: &Place) {
        let store = place.open().await;
        fill(&store).await;
        let before = tables(&store).await;
        assert!(before.iter().all(|(_, rows)| *rows > 0), "{before:?}");
        let mut copy = Vec::new();
        let rows = store.copy_to(&mut copy).await.unwrap();
        assert_eq!(rows, before.iter().map(|(_, rows)| rows).sum::<u64>());
        assert!(matches!(store.copy_from(&copy[..]).await, Err(Error::NotEmpty { .. })));
        for other in [Place::sqlite(), Place::postgres()] {
            let other = other.open().await;
            assert_eq!(other.copy_from(&copy[..]).await.unwrap(), rows);
            assert_eq!(tables(&other).await, before);
            let mut again = Vec::new();
            other.copy_to(&mut again).await.unwrap();
            let plain = |copy: &[u8]| zstd::decode_all(copy).unwrap();
            assert!(plain(&again) == plain(&copy), "{} differs", other.sort());
            let asked = BoardsAsked::default();
            assert_eq!(other.boards(&asked, There::default()).await.unwrap(), store.boards(&asked, There::default()).await.unwrap());
            // It goes on from there.
            other.set("x", Some("y")).await.unwrap();
        }
    }

    async fn a_copy_that_is_not_whole_leaves_the_store_empty(place: &Place) {
        let elsewhere = Place::sqlite();
        let full = elsewhere.open().await;
        fill(&full).await;
        let mut copy = Vec::new();
        full.copy_to(&mut copy).await.unwrap();
        let text = String::from_utf8(zstd::decode_all(&copy[..]).unwrap()).unwrap();
        let pack = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
        let store = place.open().await;
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let without_end: String = lines[..lines.len() - 1].concat();
        let injected = r#"["setting",{"name, value) VALUES ('a', 'b'); --":"x"}]"#;
        for (what, bad) in [
            ("nothing", Vec::new()),
            ("cut off", copy[..copy.len() / 2].to_vec()),
            ("no end", pack(&without_end)),
            ("changed", pack(&text.replace("lab-01", "lab-09"))),
            ("a row less", pack(&text.replacen(lines[1], "", 1))),
            ("something behind its end", [&copy[..], b"x\n"].concat()),
            ("a line behind its end", pack(&format!("{text}\n"))),
            ("twice", [&copy[..], &copy[..]].concat()),
            ("no head", pack(&lines[1..].concat())),
            ("newer", pack(&text.replacen("[\"piprov-store\",1,", "[\"piprov-store\",2,", 1))),
            ("of a newer store", pack(&text.replacen("\"piprov-store\",1,", "\"piprov-store\",1,9", 1))),
            ("of no store's form", pack(&text.replacen("\"piprov-store\",1,", "\"piprov-store\",1,-", 1))),
            ("other table", pack(&text.replacen("[\"slot\"", "[\"sqlite_master\"", 1))),
            ("SQL in a name", pack(&format!("{}{injected}\n", lines[0]))),
            ("no zstd", b"hello".to_vec()),
            ("not its types", pack(&format!("{}[\"setting\",{{\"name\":[1]}}]\n", lines[0]))),
        ] {
            let error = store.copy_from(&bad[..]).await.unwrap_err();
            assert!(matches!(error, Error::BadCopy { .. }), "{what}: {error:?}");
            assert!(tables(&store).await.iter().all(|(_, rows)| *rows == 0), "{what}");
        }
        store.copy_from(&copy[..]).await.unwrap();
    }

    async fn what_is_old_goes_and_what_is_needed_stays(place: &Place) {
        let store = place.open().await;
        fill(&store).await;
        let runs = async || store.runs(&RunsAsked::default()).await.unwrap().items;
        let year = NOW + 365 * 86_400_000;
        assert_eq!(store.retain(&Keep::default(), year).await.unwrap(), crate::station::store::Removed::default());
        let before = runs().await;
        // Three runs: one that has made a backup, one that isn't over, one of a job.
        assert_eq!(before.len(), 3);
        let keep = Keep {
            runs_days: Some(30),
            runs_most: None,
            logs_days: Some(30),
            sightings_days: Some(30),
            audit_days: Some(30),
        };
        let removed = store.retain(&keep, year).await.unwrap();
        assert_eq!((removed.runs, removed.sightings, removed.audit), (1, 1, 1));
        assert!(runs().await.iter().any(|line| line.outcome == "unfinished"));
        let kept = runs().await;
        assert_eq!(kept.len(), 2);
        assert!(store.run_log(&kept[0].run, &ListAsked::default()).await.unwrap().items.is_empty());
        // What was done with a board stays: rules look at it.
        assert_eq!(store.jobs(&crate::station_api::JobsAsked::default()).await.unwrap().items.len(), 1);
    }

    async fn so_many_runs_are_kept(place: &Place) {
        let store = place.open().await;
        let mut tx = store.db.begin().await.unwrap();
        for n in 0..20u64 {
            let started = jiff::Timestamp::from_millisecond(NOW + i64::try_from(n).unwrap()).unwrap();
            let id = crate::run::RunId::new(n);
            let mut record =
                crate::run::Record::begin(id, crate::run::Way::Reset, crate::board::Who::named("x"), started);
            record.ending = crate::run::Ending::Done { proof: crate::run::Proof::Host };
            crate::station::store::runs::keep(&mut tx, &record, crate::station::store::runs::Beside::default()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let keep = Keep { runs_most: Some(5), ..Keep::default() };
        assert_eq!(store.retain(&keep, NOW).await.unwrap().runs, 15);
        let left = store.runs(&RunsAsked::default()).await.unwrap().items;
        assert_eq!((left.len(), left[0].run.as_str(), left[4].run.as_str()), (5, "000000000013", "00000000000f"));
        assert_eq!(store.retain(&keep, NOW).await.unwrap().runs, 0);
    }
}

#[test]
fn a_full_disk_keeps_less_and_begins_nothing() {
    let gib = 1 << 30;
    for (free, total, expected) in [
        (100 * gib, 1000 * gib, Room::Enough),
        (40 * gib, 1000 * gib, Room::Short),
        (gib, 4 * gib, Room::Short),
        (255 << 20, gib, Room::Last),
        (0, 0, Room::Last),
    ] {
        assert_eq!(crate::station::store::room(free, total), expected, "{free} of {total}");
    }
    assert!(
        Room::Short.begins_jobs()
            && Room::Short.takes_images()
            && !Room::Last.takes_images()
            && !Room::Last.begins_jobs()
    );
    let keep = Keep { logs_days: Some(3), ..Keep::default() };
    assert_eq!(keep.with(Room::Short).logs_days, Some(3));
    assert_eq!(Keep::default().with(Room::Short).logs_days, Some(7));
    assert_eq!(keep.with(Room::Last).logs_days, Some(0));
    // Runs never go because of that.
    assert_eq!(keep.with(Room::Last).runs_days, None);
}
