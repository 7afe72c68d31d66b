use super::*;
use crate::board::Who;
use crate::device_api::{Action, End, Register};
use crate::station::store::There;
use crate::station::store::{Asked, Error, Met};
use crate::station_api::{BoardChange, BoardsAsked, Enrolment, Held, ListAsked, Slot, SlotKind};

fn who(text: &str) -> Who {
    serde_json::from_str(text).unwrap()
}

on_both! {
    async fn a_board_is_seen_registers_and_is_one_board(place: &Place) {
        let store = place.open().await;
        let seen = who(r#"{"mac":"dc:a6:32:01:02:03"}"#);
        let id = store.see(&seen, "dhcp", "10.0.0.9", "asked for an address", NOW).await.unwrap().unwrap();
        let over_usb = who(r#"{"serial":"af04b2da"}"#);
        let usb = store.see(&over_usb, "usb", "1-1.2", "boot ROM", NOW + 1).await.unwrap().unwrap();
        assert_ne!(id, usb);
        assert_eq!(store.see(&Who::default(), "usb", "1-1.3", "?", NOW).await.unwrap(), None);

        // It tells both, so both were one board: that of the serial number.
        let told = register(1, Some("10000000af04b2da"), &["dc:a6:32:01:02:03"]);
        let Met::Known(board) = store.register(&told, false, NOW + 2).await.unwrap() else { panic!() };
        assert_eq!((board.id.as_str(), board.enrolment), (usb.as_str(), Enrolment::Waiting));
        assert_eq!((board.first_seen, board.last_seen), (NOW, NOW + 2));
        assert_eq!(board.serial.unwrap().as_str(), "10000000af04b2da");
        assert_eq!((board.disks.len(), board.macs.len(), board.memory), (1, 1, Some(4 << 30)));
        assert!(matches!(store.board(&id).await, Err(Error::NoSuch { .. })));
        let asked = ListAsked { board: Some(usb.clone()), ..ListAsked::default() };
        assert_eq!(store.sightings(&asked).await.unwrap().items.len(), 2);
        for text in [&usb, "af04b2da", "10000000AF04B2DA", "DC:A6:32:01:02:03"] {
            assert_eq!(store.find_board(text).await.unwrap(), usb, "{text}");
        }

        // The same key again, then another key with the same number: that one gets nothing.
        assert!(matches!(store.register(&told, false, NOW + 3).await.unwrap(), Met::Known(_)));
        let other = register(2, Some("10000000af04b2da"), &[]);
        let met = store.register(&other, true, NOW + 4).await.unwrap();
        assert!(matches!(&met, Met::Double(board) if board.id == usb && board.key != Some(other.key.clone())));

        // A person has changed its board: its key is forgotten, once.
        let forget = BoardChange { forget_key: true, ..BoardChange::default() };
        store.change_board(&usb, &forget).await.unwrap();
        assert!(matches!(store.register(&other, false, NOW + 5).await.unwrap(), Met::Known(_)));
        assert!(matches!(store.register(&told, false, NOW + 6).await.unwrap(), Met::Double(_)));
    }

    async fn a_name_is_no_other_boards_number_and_comes_before_what_boards_tell(place: &Place) {
        let store = place.open().await;
        let told = register(1, Some("10000000af04b2da"), &["dc:a6:32:01:02:03"]);
        let other = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        let told = register(2, Some("10000000af04b2db"), &["dc:a6:32:01:02:04"]);
        let own = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        let named = |name: &str| BoardChange { name: Some(name.to_owned()), ..BoardChange::default() };
        for (name, what) in [
            ("10000000af04b2da", "serial number"),
            ("AF04B2DA", "serial number"),
            ("dc-a6-32-01-02-03", "Ethernet address"),
            (other.as_str(), "id"),
        ] {
            let error = store.change_board(&own, &named(name)).await.unwrap_err();
            assert!(matches!(&error, Error::OfOther { what: found, board, .. }
                if *found == what && *board == other), "{name}: {error}");
            assert_eq!(crate::error::Explain::kind(&error), crate::error::Kind::Busy);
        }
        // Its own, and one of which nobody is known yet.
        store.change_board(&own, &named("af04b2db")).await.unwrap();
        store.change_board(&own, &named("10000000af04b2dc")).await.unwrap();
        // A board that comes later under that number, or under a number that two tell, takes nothing.
        let told = register(3, Some("10000000af04b2dc"), &["dc:a6:32:01:02:04"]);
        let late = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        assert_ne!(late, own);
        assert_eq!(store.find_board("10000000af04b2dc").await.unwrap(), own, "a name first");
        assert_eq!(store.find_board("af04b2dc").await.unwrap(), late);
        let error = store.find_board("dc:a6:32:01:02:04").await.unwrap_err();
        assert!(matches!(error, Error::Several { .. }), "{error}");
        let out = BoardChange { enrolment: Some(Enrolment::Waiting), ..BoardChange::default() };
        store.change_board(&late, &out).await.unwrap();
        assert_eq!(store.find_board("dc:a6:32:01:02:04").await.unwrap(), own, "who was let in");
    }

    async fn boards_at_one_place_are_all_seen_and_what_is_kept_is_bounded(place: &Place) {
        let store = place.open().await;
        let board = |n: u32| who(&format!(r#"{{"mac":"dc:a6:32:01:02:{n:02x}"}}"#));
        // Behind a router, and something that tells nothing of itself.
        for n in 0..5 {
            store.see(&board(n), "shell", "10.0.0.254", "asked", NOW + i64::from(n)).await.unwrap();
        }
        store.see(&Who::default(), "shell", "10.0.0.254", "?", NOW + 9).await.unwrap();
        let all = async |limit| {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let asked = ListAsked { limit: Some(limit), after, ..ListAsked::default() };
                let page = store.sightings(&asked).await.unwrap();
                seen.extend(page.items);
                after = page.next;
                if after.is_none() {
                    return seen;
                }
            }
        };
        let seen = all(2).await;
        assert_eq!(seen, all(100).await, "no page leaves one out");
        let of: std::collections::BTreeSet<_> = seen.iter().map(|seen| seen.board.clone()).collect();
        assert_eq!((seen.len(), of.len()), (6, 6), "{seen:?}");
        // Seen again it is one, and at many places the latest stay; those of another way all do.
        for n in 0..100 {
            store.see(&board(0), "dhcp", &format!("10.0.1.{n}"), "asked", NOW + 100 + n).await.unwrap();
        }
        let id = store.find_board("dc:a6:32:01:02:00").await.unwrap();
        let asked = ListAsked { board: Some(id), limit: Some(500), ..ListAsked::default() };
        let seen = store.sightings(&asked).await.unwrap().items;
        assert_eq!((seen.len(), seen[0].at.as_str(), seen[16].way.as_str()), (17, "10.0.1.99", "shell"));
        // Two that turn out to be one leave one sighting of a place: the later.
        let known = who(r#"{"serial":"10000000af04b2da"}"#);
        let id = store.see(&known, "shell", "10.0.0.254", "later", NOW + 300).await.unwrap().unwrap();
        let both = who(r#"{"serial":"10000000af04b2da","mac":"dc:a6:32:01:02:04"}"#);
        store.see(&both, "usb", "1-1", "boot ROM", NOW + 301).await.unwrap();
        let asked = ListAsked { board: Some(id), ..ListAsked::default() };
        let seen = store.sightings(&asked).await.unwrap().items;
        let what: Vec<_> = seen.iter().map(|seen| seen.what.as_str()).collect();
        assert_eq!(what, ["boot ROM", "later"]);
    }

    async fn an_address_alone_lets_nobody_in(place: &Place) {
        let store = place.open().await;
        let seen = who(r#"{"mac":"dc:a6:32:01:02:03"}"#);
        let id = store.see(&seen, "dhcp", "10.0.0.9", "asked", NOW).await.unwrap().unwrap();
        let enrol = BoardChange { enrolment: Some(Enrolment::Enrolled), ..BoardChange::default() };
        store.change_board(&id, &enrol).await.unwrap();
        let told = register(1, Some("10000000af04b2da"), &["dc:a6:32:01:02:03"]);
        let Met::Known(board) = store.register(&told, false, NOW).await.unwrap() else { panic!() };
        assert_eq!((board.id, board.enrolment), (id, Enrolment::Waiting));
        // A station that is open lets it in.
        let Met::Known(board) = store.register(&told, true, NOW).await.unwrap() else { panic!() };
        assert_eq!(board.enrolment, Enrolment::Enrolled);
        // What a person has refused stays so.
        let refuse = BoardChange { enrolment: Some(Enrolment::Refused), ..BoardChange::default() };
        store.change_board(&board.id, &refuse).await.unwrap();
        let met = store.register(&told, true, NOW).await.unwrap();
        assert_eq!(met.board().enrolment, Enrolment::Refused);
    }

    async fn a_kept_key_is_good_for_its_board_in_the_middle_of_a_job_and_a_person_may_expect_another(place: &Place) {
        let store = place.open().await;
        let told = Register { kept: true, ..register(1, Some("10000000af04b2da"), &["dc:a6:32:01:02:03"]) };
        assert!(store.check_kept(&told).await.is_err(), "nobody knows it");
        let id = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        assert!(store.check_kept(&told).await.is_err(), "it has no job");
        let reboot = Asked {
            board: id.clone(),
            project: None,
            action: Action::Reboot,
            image: None,
            target: Vec::new(),
            end: End::Reboot,
            by: "ada".into(),
            plan: None,
        };
        let job = store.make_job(&reboot, NOW).await.unwrap();
        store.check_kept(&told).await.unwrap();
        let moved = Register { serial: Some("10000000af04b2db".parse().unwrap()), ..told.clone() };
        assert!(store.check_kept(&moved).await.is_err(), "the disk is in another board");
        let nameless = Register { serial: None, ..told.clone() };
        assert!(store.check_kept(&nameless).await.is_err());

        // Before it has begun the next key may be another; in the middle it may not.
        store.draw(&id, NOW).await.unwrap().unwrap();
        store.expect_anew(&id).await.unwrap();
        assert_eq!(store.board(&id).await.unwrap().key, Some(told.key.clone()));
        store.cancel_job(&job.id, NOW).await.unwrap();
        let other = register(2, Some("10000000af04b2da"), &[]);
        assert!(matches!(store.register(&other, false, NOW).await.unwrap(), Met::Double(_)));
    }

    async fn a_board_that_has_only_an_address_is_known_by_it_and_another_key_gets_nothing(place: &Place) {
        let store = place.open().await;
        let mac = ["52:54:00:aa:00:07"];
        let id = store.register(&register(1, None, &mac), true, NOW).await.unwrap().board().id.clone();
        let again = store.register(&register(2, None, &mac), true, NOW).await.unwrap();
        assert!(matches!(&again, Met::Double(board) if board.id == id), "{again:?}");
        assert_eq!(store.count_boards().await.unwrap().0, 1);
        store.expect_anew(&id).await.unwrap();
        let Met::Known(board) = store.register(&register(2, None, &mac), false, NOW).await.unwrap() else { panic!() };
        // An address is seen by everybody: a person says yes again.
        assert_eq!((board.id, board.enrolment), (id, Enrolment::Waiting));
    }

    async fn a_key_stays_with_its_serial_number(place: &Place) {
        let store = place.open().await;
        let (own, foreign) = ("10000000af04b2da", "10000000af04b2db");
        let told = register(1, Some(own), &[]);
        let id = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        // A number that nobody has shown yet, and one that another board has.
        let moved = register(1, Some(foreign), &[]);
        let met = store.register(&moved, true, NOW).await.unwrap();
        assert!(matches!(&met, Met::Double(board) if board.id == id), "{met:?}");
        let other = store.register(&register(2, Some(foreign), &[]), true, NOW).await.unwrap();
        assert!(matches!(other, Met::New(_)), "{other:?}");
        assert!(matches!(store.register(&moved, true, NOW).await.unwrap(), Met::Double(_)));
        // One that came without a number may tell its own later, and nobody else's.
        let nameless = store.register(&register(3, None, &["52:54:00:aa:00:07"]), true, NOW).await.unwrap();
        let met = store.register(&register(3, Some(foreign), &[]), true, NOW).await.unwrap();
        assert!(matches!(&met, Met::Double(board) if board.id != nameless.board().id), "{met:?}");
        let met = store.register(&register(3, Some("10000000af04b2dc"), &[]), true, NOW).await.unwrap();
        assert!(matches!(&met, Met::Known(board) if board.id == nameless.board().id), "{met:?}");
        assert_eq!(store.find_board(own).await.unwrap(), id);
    }

    async fn a_stranger_with_a_boards_address_gets_nothing_of_it(place: &Place) {
        let store = place.open().await;
        let mac = ["52:54:00:aa:00:07"];
        // A shell client's board: it has no key, and a person has let it in.
        let shell = store.see(&who(r#"{"mac":"52:54:00:aa:00:07"}"#), "shell", "10.0.0.7", "?", NOW).await.unwrap().unwrap();
        let enrolled = BoardChange { enrolment: Some(Enrolment::Enrolled), ..BoardChange::default() };
        store.change_board(&shell, &enrolled).await.unwrap();
        let stranger = store.register(&register(1, Some("10000000af04b2da"), &mac), false, NOW).await.unwrap();
        assert!(matches!(&stranger, Met::New(board) if board.id != shell), "{stranger:?}");
        let board = store.board(&shell).await.unwrap();
        assert_eq!((board.key, board.enrolment), (None, Enrolment::Enrolled));
        // By its address the board that was let in is meant.
        assert_eq!(store.find_board(mac[0]).await.unwrap(), shell);
    }

    async fn a_board_whose_key_lasts_keeps_it_whatever_a_person_wants(place: &Place) {
        let store = place.open().await;
        let told = Register { lasting: true, ..register(1, Some("10000000af04b2da"), &[]) };
        let id = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        store.expect_anew(&id).await.unwrap();
        let other = register(2, Some("10000000af04b2da"), &[]);
        assert!(matches!(store.register(&other, true, NOW).await.unwrap(), Met::Double(_)));
        // With one that passes it is as it was.
        store.register(&Register { lasting: false, ..told }, true, NOW).await.unwrap();
        store.expect_anew(&id).await.unwrap();
        assert!(matches!(store.register(&other, true, NOW).await.unwrap(), Met::Known(_)));
    }

    async fn a_flood_of_new_boards_pushes_out_only_what_nobody_knows(place: &Place) {
        let store = place.open().await;
        let named = store.see(&who(r#"{"serial":"00000001"}"#), "usb", "1-1", "?", 0).await.unwrap().unwrap();
        let name = BoardChange { name: Some("lab-01".into()), ..BoardChange::default() };
        store.change_board(&named, &name).await.unwrap();
        let mut tx = store.db.begin().await.unwrap();
        let flood = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
                     INSERT INTO board (id, disks, simulated, enrolment, held, note, first_seen, last_seen)
                     SELECT CAST(i AS TEXT), '[]', 0, 'waiting', 'armed', '', i, i FROM n";
        tx.run(flood, &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.count_boards().await.unwrap(), (20_000, 20_000));
        let new = store.see(&who(r#"{"serial":"00000002"}"#), "usb", "1-2", "?", NOW).await.unwrap().unwrap();
        assert_eq!(store.count_boards().await.unwrap(), (20_000, 20_000));
        store.board(&new).await.unwrap();
        store.board(&named).await.unwrap();
        assert!(matches!(store.board("1").await, Err(Error::NoSuch { .. })));
        store.board("2").await.unwrap();
        // Boards of a history are no strangers: they find room, and take nobody's.
        let text = format!(
            r#"{{"from": "old", "records": [{{"serial": "10000000af04b2da", "started": {NOW}, "outcome": "complete"}}]}}"#
        );
        let import: crate::station_api::Import = serde_json::from_str(&text).unwrap();
        for dry in [true, false] {
            let told = store.import(&import, dry, NOW).await.unwrap();
            assert_eq!((told.taken[0].new, told.left.len()), (1, 0), "{told:?}");
        }
        assert_eq!((store.count_boards().await.unwrap().0, store.strangers().await.unwrap()), (20_001, 20_000));
        // Where nobody may make room, a new one is told that it isn't its fault.
        let mut tx = store.db.begin().await.unwrap();
        tx.run("UPDATE board SET note = 'kept'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        let refused = store.see(&who(r#"{"serial":"00000003"}"#), "usb", "1-3", "?", NOW).await.unwrap_err();
        assert!(matches!(refused, Error::Strangers { most: 20_000 }), "{refused}");
        let refused = crate::station::web::Refusal::from(refused);
        assert_eq!(refused.status(), axum::http::StatusCode::SERVICE_UNAVAILABLE);
        let change = BoardChange { enrolment: Some(crate::station_api::Enrolment::Enrolled), ..BoardChange::default() };
        store.change_board(&new, &change).await.unwrap();
        store.see(&who(r#"{"serial":"00000003"}"#), "usb", "1-3", "?", NOW).await.unwrap();
    }

    async fn boards_are_changed_listed_and_forgotten(place: &Place) {
        let store = place.open().await;
        let mut ids = Vec::new();
        for n in 0..5u8 {
            let told = register(n, Some(&format!("0000000{n}")), &[&format!("dc:a6:32:00:00:0{n}")]);
            ids.push(store.register(&told, n > 2, NOW).await.unwrap().board().id.clone());
        }
        let slot = Slot { name: "A-01".into(), kind: SlotKind::Usb, place: "1-1.2".into(), position: 0, cell: None, suspected: None, mended: None };
        store.put_slot(&slot).await.unwrap();
        let change = BoardChange {
            name: Some("lab-01".into()),
            note: Some("Größe".into()),
            slot: Some("A-01".into()),
            held: Some(Held::Once),
            ..BoardChange::default()
        };
        let board = store.change_board(&ids[0], &change).await.unwrap();
        assert_eq!((board.name.as_deref(), board.note.as_str(), board.held), (Some("lab-01"), "Größe", Held::Once));
        assert!(matches!(store.change_board(&ids[1], &change).await, Err(Error::Taken { .. })));
        for name in ["a\u{1b}[2J", " a", "", "x/y"] {
            let change = BoardChange { name: Some(name.into()), slot: Some("no".into()), ..BoardChange::default() };
            let error = store.change_board(&ids[1], &change).await.unwrap_err();
            assert!(matches!(error, Error::BadValue { .. } | Error::NoSuch { .. }), "{name:?}: {error}");
        }
        assert_eq!(store.find_board("lab-01").await.unwrap(), ids[0]);
        assert!(store.answered(&ids[0]).await.unwrap() && !store.answered(&ids[0]).await.unwrap());
        assert_eq!(store.boards_held().await.unwrap()[0].held, Held::Done);

        let list = async |asked: BoardsAsked| {
            let page = store.boards(&asked, There::default()).await.unwrap();
            let places: Vec<_> =
                page.items.iter().map(|board| ids.iter().position(|id| *id == board.id).unwrap()).collect();
            (places, page.next)
        };
        let (first, next) = list(BoardsAsked { limit: Some(2), ..BoardsAsked::default() }).await;
        assert_eq!(first, [0, 1]);
        let (second, next) = list(BoardsAsked { limit: Some(2), after: next, ..BoardsAsked::default() }).await;
        assert_eq!(second, [2, 3]);
        assert_eq!(list(BoardsAsked { after: next, ..BoardsAsked::default() }).await, (vec![4], None));
        let only = |asked: BoardsAsked| async { list(asked).await.0 };
        let begins = |text: &str| BoardsAsked { begins: Some(text.into()), ..BoardsAsked::default() };
        assert_eq!(only(begins("LAB")).await, [0]);
        assert_eq!(only(begins("dc:a6:32:00:00:03")).await, [3]);
        assert_eq!(only(begins("0000")).await, [0, 1, 2, 3, 4]);
        assert_eq!(only(begins("%")).await, [0; 0]);
        let serial = Some("1000000000000002".parse().unwrap());
        assert_eq!(only(BoardsAsked { serial, ..BoardsAsked::default() }).await, [2]);
        let enrolment = Some(Enrolment::Enrolled);
        assert_eq!(only(BoardsAsked { enrolment, ..BoardsAsked::default() }).await, [3, 4]);
        assert_eq!(only(BoardsAsked { slot: Some("A-01".into()), ..BoardsAsked::default() }).await, [0]);
        let mac = Some("dc:a6:32:00:00:04".parse().unwrap());
        assert_eq!(only(BoardsAsked { mac, ..BoardsAsked::default() }).await, [4]);
        assert_eq!(store.count_boards().await.unwrap(), (5, 3));

        store.remove_slot("A-01").await.unwrap();
        assert_eq!(store.board(&ids[0]).await.unwrap().slot, None);
        store.forget_board(&ids[0]).await.unwrap();
        assert!(matches!(store.find_board("lab-01").await, Err(Error::NoSuch { .. })));
    }
}
