use super::*;
use crate::board::Who;
use crate::run::ledger::{self, Ledger};
use crate::run::{Ending, Proof, Record, RunId, Stage, Way};
use crate::station::spool::{Taken, take};
use crate::station_api::RunsAsked;

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
