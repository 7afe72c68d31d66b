//! What statistics count of runs: written with each run, and made by the form of the store for runs of before.

use super::*;
use crate::run::{Ending, Stage};
use crate::station::store::{Asked, Finished};

on_both! {
    async fn a_run_has_a_tally_from_its_beginning_to_its_end(place: &Place) {
        let store = place.open().await;
        let board = store.register(&register(1, Some("10000000af04b2da"), &[]), true, NOW).await.unwrap();
        let board = board.board().id.clone();
        let asked = Asked {
            board: board.clone(),
            project: None,
            action: crate::device_api::Action::Reboot,
            image: None,
            target: Vec::new(),
            end: crate::device_api::End::Wait,
            by: "anna".into(),
            plan: None,
        };
        let job = store.make_job(&asked, NOW).await.unwrap();
        let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
        let end = board.get(board.len() - 12..).unwrap();
        let begun = store.tallies(NOW, NOW + 1).await.unwrap();
        assert_eq!(begun, format!("{NOW}\t\tu\treset\t0\tresolve\t{end}\t\t\t\t\t\t\t\t\t"));
        let record = store.run(&drawn.run).await.unwrap();
        assert_eq!(record.detail["told"]["disks"][0]["name"], "mmcblk0", "what it told is kept from the beginning");
        let ending = Ending::Failed {
            why: "a\ttab and\na line".into(),
            last_seen: None,
            hint: None,
            kind: crate::error::Kind::Io,
        };
        let finished =
            Finished { fence: drawn.job.fence, stage: Stage::Report, ending, kind: None, detail: serde_json::json!({}) };
        store.finish(&job.id, &finished, NOW + 5000).await.unwrap();
        let told = store.tallies(NOW, NOW + 1).await.unwrap();
        assert_eq!(told, format!("{NOW}\t5000\tf\treset\t0\treport\t{end}\t\t\t\t5000\t\t\t\t0\ta tab and a line"));
        assert_eq!(store.tallies(NOW + 1, NOW + 9).await.unwrap(), "");
        // The form of the store makes the same of runs of before, but for the time of their steps.
        store.execute("UPDATE run SET tally = ''").await;
        let form = include_str!("../../../../migrations/0020_tally.sql");
        let update = form.split(';').find(|sql| sql.contains("UPDATE run")).unwrap();
        store.execute(update).await;
        let told = store.tallies(NOW, NOW + 1).await.unwrap();
        assert_eq!(told, format!("{NOW}\t5000\tf\treset\t0\treport\t{end}\t\t\t\t\t\t\t\t\ta tab and a line"));
    }
}
