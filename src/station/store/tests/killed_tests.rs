//! A station that is killed at any moment: what it acknowledged is there, and nothing is half done.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use super::*;
use crate::device_api::{Action, End, Progress};
use crate::run::{Ending, Proof, Stage};
use crate::station::jobs::is_open;
use crate::station::store::{Asked, Finished};
use crate::station_api::{JobState, JobsAsked};

/// So often.
const KILLS: usize = 50;
const BOARDS: u8 = 4;
/// The store, for the process that is killed.
const STORE: &str = "PIPROV_TEST_KILLED_STORE";

/// Numbers that look like chance, and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Makes, draws, renews and finishes jobs for ever, and says what was acknowledged. It is killed.
#[test]
#[ignore = "the other test starts it, and kills it"]
fn the_one_that_is_killed() {
    let url = std::env::var(STORE).unwrap();
    let mut out = std::fs::OpenOptions::new().write(true).open("/dev/stdout").unwrap();
    // A line is one write, so that it is said whole or not at all.
    let mut say = |line: String| out.write_all(line.as_bytes()).unwrap();
    runtime().block_on(async {
        let store = Store::open(&StoreUrl::read(&url, std::path::Path::new("/")).unwrap()).await.unwrap();
        let image = store.image("a").await.unwrap();
        let mut boards = Vec::new();
        for key in 0..BOARDS {
            boards
                .push(store.register(&register(key, None, &[]), true, NOW).await.unwrap().board().id.clone());
        }
        let mut chance = Chance(std::process::id().into());
        let mut now = NOW;
        loop {
            now += 1;
            let board = &boards[chance.below(BOARDS.into()) as usize];
            let asked = Asked {
                board: board.clone(),
                project: None,
                action: Action::Deploy,
                image: Some(image.id.clone()),
                target: Vec::new(),
                end: if chance.below(2) == 0 { End::Reboot } else { End::Wait },
                by: "test".into(),
                plan: None,
            };
            // Another one at the same store may be faster: what is refused isn't acknowledged.
            if let Ok(job) = store.make_job(&asked, now).await {
                say(format!("made {}\n", job.id));
            }
            let Some(drawn) = store.draw(board, now).await.unwrap() else { continue };
            let (job, fence) = (drawn.job.id, drawn.job.fence);
            say(format!("drawn {job} {fence} {}\n", drawn.run));
            let log = vec!["x".to_owned()];
            let progress = Progress {
                fence,
                stage: Stage::Write,
                done: 1,
                total: None,
                fetched: 0,
                log,
                entered: Vec::new(),
            };
            if chance.below(4) == 0 || store.renew(&job, &progress, now).await.is_err() {
                continue;
            }
            let ending = Ending::Done { proof: Proof::ReadBack };
            let finished =
                Finished { fence, stage: Stage::Done, ending, kind: None, detail: serde_json::Value::Null };
            if store.finish(&job, &finished, now).await.is_ok() {
                say(format!("finished {job} {fence} {}\n", drawn.run));
                if chance.below(2) == 0 && store.seen_after(board, now).await.unwrap() {
                    say(format!("seen {board}\n"));
                }
            }
        }
    });
}

/// What has to be true at any moment.
async fn consistent(store: &Store) {
    let number = async |sql: &str| {
        let row = store.db.row(sql, &[]).await.unwrap();
        row.unwrap().number().unwrap()
    };
    for (what, sql) in [
        (
            "a board has two open jobs",
            "SELECT count(*) FROM (SELECT board FROM job WHERE state IN ('queued', 'running', 'finishing')
             GROUP BY board HAVING count(*) > 1) AS x",
        ),
        (
            "a job's number isn't that of its attempts",
            "SELECT count(*) FROM job j WHERE j.fence <> (SELECT count(*) FROM run r WHERE r.job = j.id)",
        ),
        (
            "a running job has no attempt that goes on",
            "SELECT count(*) FROM job j WHERE j.state = 'running' AND NOT EXISTS
             (SELECT 1 FROM run r WHERE r.id = j.run AND r.job = j.id AND r.outcome = 'unfinished' AND r.fence = j.fence)",
        ),
        (
            "an attempt goes on that nobody has",
            "SELECT count(*) FROM run r WHERE r.outcome = 'unfinished' AND NOT EXISTS
             (SELECT 1 FROM job j WHERE j.run = r.id AND j.state = 'running')",
        ),
        (
            "a job is done, and its attempt isn't",
            "SELECT count(*) FROM job j WHERE j.state IN ('done', 'finishing') AND NOT EXISTS
             (SELECT 1 FROM run r WHERE r.id = j.run AND r.outcome = 'done')",
        ),
        (
            "a job has two attempts that are done",
            "SELECT count(*) FROM (SELECT job FROM run WHERE outcome = 'done' GROUP BY job HAVING count(*) > 1) AS x",
        ),
        ("a log has a gap", "SELECT count(*) FROM run r WHERE r.lines <> (SELECT count(*) FROM run_line l WHERE l.run = r.id)"),
    ] {
        assert_eq!(number(sql).await, 0, "{what}");
    }
}

on_both! {
    async fn what_was_acknowledged_is_there_after_kill_9(place: &Place) {
        place.open().await.add_image(&image("a")).await.unwrap();
        let url = match &place.url {
            StoreUrl::Sqlite(file) => format!("sqlite:{}", file.display()),
            StoreUrl::Postgres(url) => url.clone(),
        };
        let mut chance = Chance(7);
        let mut acknowledged = 0;
        for round in 0..KILLS {
            // Two at once, as a station and the one that is started after it.
            let mut children: Vec<_> = (0..2)
                .map(|_| {
                    let name = "station::store::tests::killed_tests::the_one_that_is_killed";
                    Command::new(std::env::current_exe().unwrap())
                        .args(["--exact", name, "--ignored", "--nocapture"])
                        .env(STORE, &url)
                        .stdout(Stdio::piped())
                        .stderr(Stdio::null())
                        .spawn()
                        .unwrap()
                })
                .collect();
            let mut said = String::new();
            for child in &mut children {
                let mut out = BufReader::new(child.stdout.take().unwrap());
                // At whatever comes after so many lines.
                for _ in 0..3 + chance.below(12) {
                    assert_ne!(out.read_line(&mut said).unwrap(), 0, "round {round}: it ended by itself: {said}");
                }
                child.kill().unwrap();
                child.wait().unwrap();
                out.read_to_string(&mut said).unwrap();
            }
            let store = place.open().await;
            consistent(&store).await;
            let mut finished = HashMap::new();
            for line in said.lines() {
                let words: Vec<_> = line.split(' ').collect();
                match words[..] {
                    ["made", job] | ["drawn", job, ..] => drop(store.job(job).await.unwrap()),
                    ["finished", job, fence, run] => drop(finished.insert(job, (fence.parse::<u64>().unwrap(), run))),
                    _ => {}
                }
            }
            for (job, (fence, run)) in &finished {
                let job = store.job(job).await.unwrap();
                assert!(matches!(job.state, JobState::Done | JobState::Finishing), "round {round}: {job:?}");
                assert_eq!((job.fence, job.run.as_deref()), (*fence, Some(*run)));
                assert!(store.run(run).await.unwrap().ending.is_done());
            }
            acknowledged += finished.len();
            store.close().await;
        }
        assert!(acknowledged > KILLS, "{acknowledged} jobs were finished");
        // At the end each board goes on.
        let store = place.open().await;
        for job in store.jobs(&JobsAsked { limit: Some(500), ..JobsAsked::default() }).await.unwrap().items {
            if job.state == JobState::Running && is_open(job.state) {
                let drawn = store.draw(&job.board, NOW).await.unwrap().unwrap();
                assert_eq!(drawn.job.fence, job.fence + 1);
            }
        }
        consistent(&store).await;
    }
}
