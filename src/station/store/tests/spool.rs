use super::*;
use crate::board::Who;
use crate::run::ledger::{self, Ledger};
use crate::run::{Ending, Proof, Record, RunId, Stage, Way};
use crate::station::spool::{Taken, take};
use crate::station_api::{BoardChange, RunsAsked, Slot, SlotKind};

fn record(number: u64, mac: &str) -> Record {
    let started = format!("2026-11-28T10:00:{number:02}Z").parse().unwrap();
    Record::begin(RunId::new(number), Way::Flash, Who::with_mac(mac.parse().unwrap()), started)
}

on_both! {
    async fn records_of_other_commands_come_in_once_and_again_when_they_change(place: &Place) {
        let store = place.open().await;
        let state = place.dir.path().join("state");
        let taken = async || take(&store, &state, NOW).await.unwrap();
        assert_eq!(taken().await, Taken::default());
        let ledger = Ledger::open(&state).unwrap();
        let mut one = ledger.begin(record(1, "dc:a6:32:01:02:03")).unwrap();
        ledger.begin(record(2, "dc:a6:32:01:02:03")).unwrap();
        std::fs::write(state.join("runs/x.json"), "{").unwrap();
        std::fs::write(state.join("runs/notes.txt"), "mine").unwrap();
        let damaged = vec![("x.json".to_owned(), "it is no record".to_owned())];
        assert_eq!(taken().await, Taken { records: 2, damaged: damaged.clone() });
        assert_eq!(taken().await, Taken::default());
        let told = store.spool_damaged().await.unwrap();
        assert_eq!(told.into_iter().map(|one| (one.file, one.why)).collect::<Vec<_>>(), damaged);
        assert_eq!(store.count_damaged().await.unwrap(), 1);
        let lines = store.runs(&RunsAsked::default()).await.unwrap().items;
        assert_eq!(lines.iter().map(|line| line.outcome.as_str()).collect::<Vec<_>>(), ["unfinished"; 2]);
        assert_eq!(lines[0].board, lines[1].board);
        assert_eq!(store.count_boards().await.unwrap(), (1, 1));

        one.record.ending = Ending::Done { proof: Proof::ReadBack };
        (one.record.stage, one.record.seconds) = (Stage::Done, Some(2.5));
        ledger.write(&one).unwrap();
        std::fs::remove_file(state.join("runs/x.json")).unwrap();
        assert_eq!(taken().await.records, 1);
        assert_eq!(store.run("000000000001").await.unwrap(), one.record);
        let done = RunsAsked { outcome: Some("done".into()), ..RunsAsked::default() };
        assert_eq!(store.runs(&done).await.unwrap().items[0].took, Some(2500));
        assert!(store.spool_damaged().await.unwrap().is_empty());
        // What was pruned there stays here.
        std::fs::remove_dir_all(state.join("runs")).unwrap();
        Ledger::open(&state).unwrap();
        assert_eq!(taken().await, Taken::default());
        assert_eq!(store.runs(&RunsAsked::default()).await.unwrap().items.len(), 2);
        assert!(store.spooled().await.unwrap().is_empty());
    }

    async fn a_record_belongs_to_the_slot_at_its_port_or_line_else_to_that_of_its_board(place: &Place) {
        let store = place.open().await;
        for (name, kind, at) in [
            ("A1", SlotKind::Usb, "1-1.2"),
            ("A2", SlotKind::Switch, "sw1/1-1.3"),
            ("A3", SlotKind::Reset, "lab-03"),
            ("A4", SlotKind::Reset, "dc:a6:32:01:02:04"),
        ] {
            let (name, place) = (name.to_owned(), at.to_owned());
            store.put_slot(&Slot { name, kind, place, position: 0, cell: None, suspected: None, mended: None }).await.unwrap();
        }
        let state = place.dir.path().join("state");
        let ledger = Ledger::open(&state).unwrap();
        let port = |port: &str| Who::at(port.parse().unwrap());
        let mac = |mac: &str| Who::with_mac(mac.parse().unwrap());
        let mut named = mac("dc:a6:32:01:02:05");
        named.name = Some("lab-03".to_owned());
        let boards = [
            (port("1-1.2"), Some("A1")),
            // A port of a switch is no port of USB; where no slot is, the port is kept.
            (port("1-1.3"), Some("1-1.3")),
            (named, Some("A3")),
            (mac("dc:a6:32:01:02:04"), Some("A4")),
            (mac("dc:a6:32:01:02:06"), None),
        ];
        let keep = async |number: u64, who: &Who| {
            let mut record = record(number, "dc:a6:32:01:02:03");
            record.board = who.clone();
            ledger.begin(record).unwrap();
            take(&store, &state, NOW).await.unwrap();
            let line = store.run_line(&format!("{number:012x}")).await.unwrap().0;
            (line.slot, line.board)
        };
        for (number, (who, slot)) in (1..).zip(&boards) {
            assert_eq!(keep(number, who).await.0.as_deref(), *slot, "{who:?}");
        }
        // The board is put into a slot: what it does then is of that slot, what it did before stays.
        let board = keep(6, &boards[4].0).await.1.unwrap();
        let change = BoardChange { slot: Some("A2".into()), ..BoardChange::default() };
        store.change_board(&board, &change).await.unwrap();
        assert_eq!(keep(7, &boards[4].0).await.0.as_deref(), Some("A2"));
        assert_eq!(store.run_line("000000000006").await.unwrap().0.slot, None);
        let asked = RunsAsked { slot: Some("A2".into()), ..RunsAsked::default() };
        assert_eq!(store.runs(&asked).await.unwrap().items.len(), 1);
    }

    async fn a_record_with_a_name_of_the_stations_own_changes_nothing(place: &Place) {
        let store = place.open().await;
        let state = place.dir.path().join("state");
        let ledger = Ledger::open(&state).unwrap();
        let _ = ledger::new_id().unwrap();
        let mut own = record(7, "dc:a6:32:01:02:03");
        own.way = Way::Deploy;
        let mut tx = store.db.begin().await.unwrap();
        let beside = crate::station::store::runs::Beside { job: Some("j"), fence: 1, ..Default::default() };
        crate::station::store::runs::keep(&mut tx, &own, beside).await.unwrap();
        tx.commit().await.unwrap();
        ledger.begin(record(7, "dc:a6:32:01:02:03")).unwrap();
        take(&store, &state, NOW).await.unwrap();
        assert_eq!(store.run("000000000007").await.unwrap().way, Way::Deploy);
        assert_eq!(store.spool_damaged().await.unwrap().len(), 1);
    }
}
