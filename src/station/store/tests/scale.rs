//! Lists stay fast when there is much in the store.

use std::time::{Duration, Instant};

use super::*;
use crate::station::store::runs::runs_question;
use crate::station_api::{BoardsAsked, Enrolment, JobsAsked, RunsAsked};

/// What a list may take.
const MOST: Duration = Duration::from_millis(50);

/// 10,000 boards and 100,000 runs. The bench of the station fills its own with the same.
async fn fill(store: &Store) {
    for sql in include_str!("scale.sql").split(';').filter(|sql| !sql.trim().is_empty()) {
        let mut tx = store.db.begin().await.unwrap();
        tx.run(sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn every_list_of_runs() -> Vec<(&'static str, RunsAsked)> {
    let some = |text: &str| Some(text.to_owned());
    let asked = RunsAsked::default;
    vec![
        ("all", asked()),
        ("from the middle", RunsAsked { after: some("50000000.100000050000"), ..asked() }),
        ("of a board", RunsAsked { board: some("100042"), ..asked() }),
        ("of a serial", RunsAsked { serial: Some("10000042".parse().unwrap()), ..asked() }),
        ("of a job", RunsAsked { job: some("none"), ..asked() }),
        ("failed", RunsAsked { outcome: some("failed"), ..asked() }),
        ("no such outcome", RunsAsked { outcome: some("lost"), ..asked() }),
        ("by way", RunsAsked { way: some("flash"), ..asked() }),
        ("failed flashes", RunsAsked { way: some("flash"), outcome: some("failed"), ..asked() }),
        ("the longest page", RunsAsked { limit: Some(500), ..asked() }),
    ]
}

/// The least of several times: what else the machine does isn't ours.
async fn least<T>(call: impl AsyncFn() -> T) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..8 {
        let began = Instant::now();
        call().await;
        least = least.min(began.elapsed());
    }
    least
}

on_both! {
    async fn lists_of_ten_thousand_boards_and_a_hundred_thousand_runs_are_fast(place: &Place) {
        let store = place.open().await;
        fill(&store).await;
        let mut times = Vec::new();
        for (what, asked) in every_list_of_runs() {
            times.push((format!("runs, {what}"), least(async || store.runs(&asked).await.unwrap()).await));
        }
        let boards = |asked: BoardsAsked| asked;
        for (what, asked) in [
            ("all", boards(BoardsAsked::default())),
            ("from the middle", BoardsAsked { after: Some("105000".into()), ..BoardsAsked::default() }),
            ("begins", BoardsAsked { begins: Some("b99".into()), ..BoardsAsked::default() }),
            ("begins nowhere", BoardsAsked { begins: Some("zz".into()), ..BoardsAsked::default() }),
            ("serial", BoardsAsked { serial: Some("10000042".parse().unwrap()), ..BoardsAsked::default() }),
            ("waiting", BoardsAsked { enrolment: Some(Enrolment::Waiting), ..BoardsAsked::default() }),
            ("refused", BoardsAsked { enrolment: Some(Enrolment::Refused), ..BoardsAsked::default() }),
            ("in a slot", BoardsAsked { slot: Some("A-01".into()), ..BoardsAsked::default() }),
        ] {
            times.push((format!("boards, {what}"), least(async || store.boards(&asked).await.unwrap()).await));
        }
        times.push(("jobs".into(), least(async || store.jobs(&JobsAsked::default()).await.unwrap()).await));
        times.push(("counts".into(), least(async || store.count_boards().await.unwrap()).await));
        times.push(("a board".into(), least(async || store.find_board("b4711").await.unwrap()).await));
        for (what, took) in &times {
            println!("{} {what}: {:.1} ms", store.sort(), took.as_secs_f64() * 1000.0);
        }
        let slow: Vec<_> = times.iter().filter(|(_, took)| *took > MOST).collect();
        assert!(slow.is_empty(), "{slow:?}");
    }
}

#[test]
fn each_list_of_runs_walks_an_index() {
    runtime().block_on(async {
        let place = Place::sqlite();
        let store = place.open().await;
        for (what, asked) in every_list_of_runs() {
            let (question, _) = runs_question(&asked).unwrap();
            let rows = store
                .db
                .rows(&format!("EXPLAIN QUERY PLAN {}", question.sql), &question.values)
                .await
                .unwrap();
            let plan: Vec<_> = rows
                .into_iter()
                .map(|row| {
                    row.values.last().and_then(|value| format!("{value:?}").into()).unwrap_or_default()
                })
                .collect();
            let plan = plan.join("; ");
            assert!(plan.contains("USING INDEX run_") && !plan.contains("TEMP B-TREE"), "{what}: {plan}");
        }
    });
}
