//! Lists stay fast when there is much in the store: what the database reads for one is bounded. Times stand in the
//! benches.

use super::work::Counted;
use super::*;
use crate::station::store::There;
use crate::station::store::run_list::runs_question;
use crate::station_api::{
    BoardSort, BoardsAsked, Enrolment, JobState, JobsAsked, ListAsked, RunsAsked, Slot, SlotKind,
};

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
        ("in a stage", RunsAsked { stage: some("write"), ..asked() }),
        ("of an image", RunsAsked { image: some("meter"), ..asked() }),
        ("of a project", RunsAsked { project: some("none"), ..asked() }),
        ("by whom", RunsAsked { by: some("anna"), way: some("deploy"), ..asked() }),
        ("of a slot", RunsAsked { slot: some("S7"), ..asked() }),
        ("of a slot, failed", RunsAsked { slot: some("S7"), outcome: some("failed"), ..asked() }),
        ("of a slot that there isn't", RunsAsked { slot: some("none"), ..asked() }),
        ("of boards that begin so", RunsAsked { begins: some("1000999"), ..asked() }),
        ("of boards that begin so and there are none", RunsAsked { begins: some("%"), ..asked() }),
        ("for a reason", RunsAsked { why: some("differs"), ..asked() }),
        ("for a reason that there isn't", RunsAsked { why: some("no_such"), ..asked() }),
        ("of some days", RunsAsked { since: Some(10_000_000), until: Some(20_000_000), ..asked() }),
        (
            "of some days, of an image, failed",
            RunsAsked {
                since: Some(10_000_000),
                until: Some(90_000_000),
                image: some("meter"),
                outcome: some("failed"),
                ..asked()
            },
        ),
        ("the longest page", RunsAsked { limit: Some(500), ..asked() }),
    ]
}

/// What may be read for a list of 100,000 runs or 10,000 boards: all of them once, for what no index knows.
const MOST_ROWS: u64 = 120_000;

fn bounded(store: &Store, counted: &Counted, work: &[(impl std::fmt::Display, u64)], rows: u64) {
    for (what, done) in work {
        println!("{} {what}: {done}", store.sort());
    }
    let most = counted.most(rows);
    for (what, done) in work {
        assert!(*done <= most, "{what}: {done}, {most} at most");
    }
    assert!(work.iter().any(|(_, done)| *done > 0), "nothing is counted");
}

on_both! {
    async fn lists_of_ten_thousand_boards_and_a_hundred_thousand_runs_are_fast(place: &Place) {
        let store = place.open().await;
        fill(&store).await;
        let counted = Counted::new(&store).await;
        let mut times = Vec::new();
        for (what, asked) in every_list_of_runs() {
            times.push((format!("runs, {what}"), counted.work(async || store.runs(&asked).await.unwrap()).await));
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
            ("of a model", BoardsAsked { begins: Some("4".into()), ..BoardsAsked::default() }),
            ("by name", BoardsAsked { sort: BoardSort::Name, ..BoardsAsked::default() }),
            (
                "by name from the middle",
                BoardsAsked { sort: BoardSort::Name, after: Some("105000.b5000".into()), ..BoardsAsked::default() },
            ),
            ("by time", BoardsAsked { sort: BoardSort::Seen, ..BoardsAsked::default() }),
            (
                "by time from the middle",
                BoardsAsked { sort: BoardSort::Seen, after: Some("105000.5000".into()), ..BoardsAsked::default() },
            ),
            ("that failed", BoardsAsked { state: Some(JobState::Failed), ..BoardsAsked::default() }),
            ("that are there", BoardsAsked { present: Some(true), ..BoardsAsked::default() }),
            ("that aren't", BoardsAsked { present: Some(false), ..BoardsAsked::default() }),
            ("in a slot", BoardsAsked { slot: Some("A-01".into()), ..BoardsAsked::default() }),
        ] {
            let asking: Vec<String> = (0..2000).map(|n| (100_000 + n * 5).to_string()).collect();
            let there = There { asking: &asking, now: 1_000_000 };
            times.push((format!("boards, {what}"), counted.work(async || store.boards(&asked, there).await.unwrap()).await));
        }
        times.push(("jobs".into(), counted.work(async || store.jobs(&JobsAsked::default()).await.unwrap()).await));
        times.push(("counts".into(), counted.work(async || store.count_boards().await.unwrap()).await));
        let ids: Vec<String> = (0..50).map(|n| (100_000 + n * 7).to_string()).collect();
        times.push(("fifty with their jobs".into(), counted.work(async || store.places(&ids).await.unwrap()).await));
        for position in 0..200 {
            let (name, place) = (format!("S{position}"), format!("1-{}", position + 1));
            let (kind, suspected, mended) = (SlotKind::Usb, None, None);
            store.put_slot(&Slot { name, kind, place, position, cell: None, suspected, mended }).await.unwrap();
        }
        let histories = store.histories().await.unwrap();
        assert!(histories.len() == 200 && histories.iter().all(|one| one.runs.len() == 5));
        let newest: Vec<_> = histories[7].runs.iter().map(|run| run.started).collect();
        assert_eq!(newest, [99_807_000, 99_607_000, 99_407_000, 99_207_000, 99_007_000]);
        times.push(("the last runs of 200 slots".into(), counted.work(async || store.histories().await.unwrap()).await));
        times.push(("a board".into(), counted.work(async || store.find_board("b4711").await.unwrap()).await));
        bounded(&store, &counted, &times, MOST_ROWS);
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
            // What is sorted at the end are the lines that are shown; where boards are looked up first, their runs too.
            let walks = plan.contains(" INDEX run_") && plan.matches("TEMP B-TREE").count() <= 2;
            assert!(walks, "{what}: {plan}");
        }
    });
}

/// What may be read for statistics of 100,000 runs: each tally once, joined to one answer.
const MOST_TALLIED: u64 = 400_000;

on_both! {
    async fn statistics_of_a_hundred_thousand_runs_read_each_tally_once(place: &Place) {
        let store = place.open().await;
        fill(&store).await;
        let counted = Counted::new(&store).await;
        let all = counted.work(async || {
            assert_eq!(store.tallies(0, i64::MAX).await.unwrap().lines().count(), 100_000);
        });
        let all = all.await;
        let day = counted.work(async || store.tallies(50_000_000, 50_060_000).await.unwrap()).await;
        bounded(&store, &counted, &[("all", all), ("a minute of them", day)], MOST_TALLIED);
        // Of a minute not all of them are read.
        assert!(day <= counted.most(10_000), "{day}");
    }
}

#[test]
fn statistics_touch_no_record() {
    runtime().block_on(async {
        let place = Place::sqlite();
        let store = place.open().await;
        fill(&store).await;
        let sql = "EXPLAIN QUERY PLAN SELECT group_concat(tally, ',') FROM (SELECT tally FROM run WHERE started >= 0 AND \
                   started < 100000000 ORDER BY started DESC LIMIT 200000) t";
        let plan = format!("{:?}", store.db.rows(sql, &[]).await.unwrap().iter().map(|row| &row.values).collect::<Vec<_>>());
        assert!(plan.contains("COVERING INDEX run_tally"), "{plan}");
    });
}

on_both! {
    async fn what_a_page_of_images_asks_is_fast(place: &Place) {
        let store = place.open().await;
        let numbers = |last: u32| format!("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n) AS n");
        let all = [
            // A thousand images, a thousand chunks for each of a hundred of them, and one that was written often.
            format!(
                "INSERT INTO image (id, name, state, why, index_id, raw_len, raw_sha256, file_sha256, stored, zero, unused, added, \
                 backup_of) SELECT CAST(100000 + i AS TEXT), 'image' || i, 'ready', NULL, 'x' || i, 4000000000, '', '', \
                 1000, 0, 0, i, NULL FROM {}", numbers(1000)
            ),
            format!(
                "INSERT INTO image_chunk (image, chunk, stored) SELECT CAST(100001 + i / 1000 AS TEXT), 'c' || (i % 1000) || '-' || (i / 2000), 1000 \
                 FROM {}", numbers(99_999)
            ),
            format!(
                "INSERT INTO job (id, board, project, action, image, target, ending, state, fence, lease_until, cancel, run, \
                 made_by, made, changed, noticed) SELECT 'j' || i, 'b' || i, NULL, 'deploy', CAST(100000 + CASE WHEN i % 3 = 0 THEN 1000 ELSE \
                 i % 1000 + 1 END AS TEXT), '[]', 'reboot', 'done', 0, 0, 0, NULL, 'ada', i, i, 1 FROM {}", numbers(100_000)
            ),
        ];
        for sql in all {
            let mut tx = store.db.begin().await.unwrap();
            tx.run(&sql, &[]).await.unwrap();
            tx.commit().await.unwrap();
        }
        let page = store.images(&ListAsked::default()).await.unwrap().items;
        let ids: Vec<_> = page.iter().map(|image| image.id.clone()).collect();
        let names: Vec<_> = page.iter().map(|image| image.name.clone()).collect();
        let uses = store.uses(&ids, &names).await.unwrap();
        assert!(uses[&ids[0]].jobs > 33_000, "{:?}", uses[&ids[0]]);
        let shared = store.shared("100004").await.unwrap();
        assert_eq!((shared.chunks, shared.shared, shared.own), (1000, 1000, 0));
        let counted = Counted::new(&store).await;
        let times = [
            ("uses", counted.work(async || store.uses(&ids, &names).await.unwrap()).await),
            ("all together", counted.work(async || store.shelf(false).await.unwrap()).await),
            ("shared", counted.work(async || store.shared("100004").await.unwrap()).await),
            ("contents", counted.work(async || store.contents(&ids).await.unwrap()).await),
            ("checks", counted.work(async || store.checks(&ids).await.unwrap()).await),
        ];
        bounded(&store, &counted, &times, MOST_ROWS);
    }
}
