use super::*;
use crate::device_api::{Action, End, Progress, StageEntered};
use crate::error::Kind;
use crate::run::{Ending, Proof, Stage};
use crate::station::jobs::{LEASE, Refused, SILENCE, Step};
use crate::station::store::{Asked, Error, Finished};
use crate::station_api::{Held, JobState, JobsAsked, ListAsked, RunsAsked};

pub(super) async fn board(store: &Store, key: u8) -> String {
    let serial = format!("1000000000000{key:03}");
    store.register(&register(key, Some(&serial), &[]), true, NOW).await.unwrap().board().id.clone()
}

pub(super) fn deploy(board: &str, image: &Image) -> Asked {
    Asked {
        board: board.into(),
        project: None,
        action: Action::Deploy,
        image: Some(image.id.clone()),
        target: Vec::new(),
        end: End::Reboot,
        by: "ada".into(),
        plan: None,
    }
}

pub(super) fn progress(fence: u64) -> Progress {
    let log = vec!["writing".to_owned()];
    Progress { fence, stage: Stage::Write, done: 5, total: Some(9), fetched: 3, log, entered: Vec::new() }
}

pub(super) fn finished(fence: u64) -> Finished {
    let ending = Ending::Done { proof: Proof::ReadBack };
    Finished {
        fence,
        stage: Stage::ReadBack,
        ending,
        kind: None,
        detail: serde_json::json!({ "written": 9 }),
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refused {
    match result {
        Err(Error::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn a_job_from_its_making_to_the_end(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        assert_eq!(store.draw(&board, NOW).await.unwrap(), None);
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        assert_eq!(store.job(&job.id).await.unwrap(), job);
        assert_eq!(store.board(&board).await.unwrap().job, Some(job.id.clone()));
        assert_eq!(refused(store.make_job(&deploy(&board, &image), NOW).await), Refused::Occupied);
        assert_eq!(refused(store.finish(&job.id, &finished(0), NOW).await), Refused::Never { held: 0, shown: 0 });

        let drawn = store.draw(&board, NOW + 10).await.unwrap().unwrap();
        assert_eq!((drawn.job.fence, drawn.job.state, drawn.job.lease_until), (1, JobState::Running, NOW + 10 + LEASE));
        let record = store.run(&drawn.run).await.unwrap();
        assert_eq!((record.ending.word(), record.way.word()), ("unfinished", "deploy"));
        assert!(!store.renew(&job.id, &progress(1), NOW + 20).await.unwrap().cancel);
        let lines = store.runs(&RunsAsked { job: Some(job.id.clone()), ..RunsAsked::default() }).await.unwrap().items;
        assert_eq!((lines[0].done, lines[0].total, lines[0].stage.as_str()), (5, 9, "write"));

        // Its power went away. It comes back, and the attempt before counts for nothing any more.
        let again = store.draw(&board, NOW + 30).await.unwrap().unwrap();
        assert_eq!(again.job.fence, 2);
        let late = Refused::Late { held: 2, shown: 1 };
        assert_eq!(refused(store.renew(&job.id, &progress(1), NOW).await), late);
        assert_eq!(refused(store.finish(&job.id, &finished(1), NOW).await), late);
        let never = Refused::Never { held: 2, shown: 3 };
        assert_eq!(refused(store.finish(&job.id, &finished(3), NOW).await), never);
        let lost = store.run(&drawn.run).await.unwrap();
        assert_eq!((lost.ending.word(), lost.stage), ("lost", Stage::Write));

        let done = store.finish(&job.id, &finished(2), NOW + 1530).await.unwrap();
        assert_eq!(done.state, JobState::Finishing);
        let record = store.run(&again.run).await.unwrap();
        assert_eq!(record.ending, Ending::Done { proof: Proof::ReadBack });
        assert_eq!((record.seconds, record.detail["written"].as_u64()), (Some(1.5), Some(9)));
        assert_eq!(store.board(&board).await.unwrap().held, Held::Done);
        // The answer was lost, and it tells it again: nothing changes.
        assert_eq!(store.finish(&job.id, &finished(2), NOW + 9999).await.unwrap(), done);
        assert_eq!(store.run(&again.run).await.unwrap(), record);

        assert!(store.seen_after(&board, NOW + 2000).await.unwrap());
        assert!(!store.seen_after(&board, NOW + 2000).await.unwrap());
        assert_eq!(store.job(&job.id).await.unwrap().state, JobState::Done);
        assert_eq!(store.board(&board).await.unwrap().job, None);
        let log = store.run_log(&drawn.run, &ListAsked::default()).await.unwrap().items;
        assert_eq!((log.len(), log[0].text.as_str(), log[0].n), (1, "writing", 0));

        let more = store.again(&job.id, "ada", NOW + 3000).await.unwrap();
        assert_eq!((more.state, more.image, more.fence), (JobState::Queued, Some(image.id.clone()), 0));
        assert_eq!(store.cancel_job(&more.id, NOW).await.unwrap().state, JobState::Cancelled);
        let ended = refused(store.cancel_job(&more.id, NOW).await);
        assert!(matches!(ended, Refused::Ended { .. }), "{ended:?}");
        let asked = JobsAsked { board: Some(board), state: Some(JobState::Done), ..JobsAsked::default() };
        assert_eq!(store.jobs(&asked).await.unwrap().items.len(), 1);
    }

    async fn short_steps_are_kept_as_they_were_entered(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
        let entered = |steps: &[(Stage, u64)]| -> Vec<_> {
            steps.iter().map(|(stage, ago)| StageEntered { stage: *stage, ago: *ago }).collect()
        };
        let steps = entered(&[(Stage::Prepare, 900), (Stage::Write, 90), (Stage::ReadBack, 50), (Stage::Report, 10)]);
        let told = Progress { stage: Stage::Report, entered: steps, ..progress(1) };
        store.renew(&job.id, &told, NOW + 1000).await.unwrap();
        // Its answer was lost: it is told again. What can't be is bounded.
        let told = Progress { entered: entered(&[(Stage::Write, 190), (Stage::Fetch, u64::MAX)]), ..told };
        store.renew(&job.id, &told, NOW + 1100).await.unwrap();
        store.finish(&job.id, &Finished { stage: Stage::Done, ..finished(1) }, NOW + 1200).await.unwrap();
        let spent = store.run(&drawn.run).await.unwrap().spent();
        let of = |wanted: Stage| spent.iter().find(|(stage, _)| *stage == wanted).map(|(_, spent)| *spent);
        assert_eq!((of(Stage::Prepare), of(Stage::Write), of(Stage::ReadBack)), (Some(810), Some(40), Some(40)), "{spent:?}");
        assert_eq!(spent.iter().map(|(_, spent)| spent).sum::<i64>(), 1200, "{spent:?}");
    }

    async fn a_board_that_is_silent_is_lost_only_after_long(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
        let late = NOW + LEASE + SILENCE;
        assert_eq!(store.expire(Step::Steady, late).await.unwrap(), []);
        // It is late, and it still goes on.
        store.renew(&job.id, &progress(1), late).await.unwrap();
        assert_eq!(store.expire(Step::Steady, late + 1).await.unwrap(), []);
        let gone = late + LEASE + SILENCE + 1;
        let ended = store.expire(Step::Steady, gone).await.unwrap();
        assert_eq!((ended.len(), ended[0].state), (1, JobState::Lost));
        let lost = store.run(&drawn.run).await.unwrap();
        assert_eq!(lost.ending.word(), "lost");
        // It took until it was heard last.
        assert_eq!(lost.seconds, Some(660.0));
        // Whoever comes back after that can't harm.
        assert_eq!(refused(store.renew(&job.id, &progress(1), gone).await), Refused::Over);
        assert_eq!(store.finish(&job.id, &finished(1), gone).await.unwrap().state, JobState::Lost);
        assert_eq!(store.run(&drawn.run).await.unwrap().ending.word(), "lost");
        assert_eq!(store.board(&board).await.unwrap().held, Held::Armed);
    }

    async fn a_board_without_a_key_that_starts_again_and_again_is_one_run_until_it_tells_something(place: &Place) {
        let store = place.open().await;
        let image = image("a");
        store.add_image(&image).await.unwrap();
        let who = crate::board::Who { serial: Some("10000000af04b2da".parse().unwrap()), ..Default::default() };
        let board = store.see(&who, "scriptexecute", "10.0.0.7", "asks", NOW).await.unwrap().unwrap();
        let change = crate::station_api::BoardChange { enrolment: Some(crate::station_api::Enrolment::Enrolled), ..Default::default() };
        store.change_board(&board, &change).await.unwrap();
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        let first = store.draw(&board, NOW).await.unwrap().unwrap();
        for n in 1..100 {
            let again = store.draw(&board, NOW + n * 1000).await.unwrap().unwrap();
            assert_eq!((&again.run, again.job.fence), (&first.run, u64::try_from(n).unwrap() + 1));
        }
        let record = store.run(&first.run).await.unwrap();
        assert_eq!((record.started.as_millisecond(), record.ending.word()), (NOW + 99_000, "unfinished"));
        assert_eq!(record.stages.len(), 1);
        // The number of before is an old one all the same.
        assert_eq!(refused(store.renew(&job.id, &progress(99), NOW).await), Refused::Late { held: 100, shown: 99 });
        store.renew(&job.id, &progress(100), NOW + 100_000).await.unwrap();
        let next = store.draw(&board, NOW + 101_000).await.unwrap().unwrap();
        assert_ne!(next.run, first.run);
        assert_eq!(store.run(&first.run).await.unwrap().ending.word(), "lost");
        let lines = store.runs(&RunsAsked::default()).await.unwrap().items;
        assert_eq!((lines.len(), lines[1].started), (2, NOW + 99_000));
    }

    async fn a_clock_that_jumps_takes_no_job_away(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        store.draw(&board, NOW).await.unwrap().unwrap();
        let year = 365 * 86_400_000;
        let lease = async || store.job(&job.id).await.unwrap().lease_until;
        // Forward: leases move along.
        assert_eq!(store.expire(Step::Jumped(year), NOW + year + 1000).await.unwrap(), []);
        assert_eq!(lease().await, NOW + year + LEASE);
        // Back: the lease doesn't last for a year.
        assert_eq!(store.expire(Step::Jumped(-year), NOW + 2000).await.unwrap(), []);
        assert_eq!(lease().await, NOW + LEASE);
        // A station that was away for a year, or that was in another one.
        for now in [NOW + year, NOW - year] {
            assert_eq!(store.expire(Step::Began, now).await.unwrap(), []);
            assert_eq!(lease().await, now + LEASE);
        }
        // The run began after it ended, by that clock: it took no time.
        let done = store.finish(&job.id, &finished(1), NOW - year).await.unwrap();
        assert_eq!(store.run(&done.run.unwrap()).await.unwrap().seconds, Some(0.0));
    }

    async fn what_is_cancelled_is_told_to_its_board(place: &Place) {
        let store = place.open().await;
        let (image, board) = (image("a"), board(&store, 1).await);
        store.add_image(&image).await.unwrap();
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        store.draw(&board, NOW).await.unwrap().unwrap();
        assert_eq!(store.cancel_job(&job.id, NOW).await.unwrap().state, JobState::Running);
        assert!(store.renew(&job.id, &progress(1), NOW).await.unwrap().cancel);
        let why = "cancelled".to_owned();
        let ending = Ending::Failed { why, last_seen: None, hint: None, kind: crate::error::Kind::Interrupted };
        let told = Finished { ending, ..finished(1) };
        assert_eq!(store.finish(&job.id, &told, NOW).await.unwrap().state, JobState::Cancelled);
        assert_eq!(store.board(&board).await.unwrap().held, Held::Armed);
        // Another one starts again before it has heard: it gets nothing to do.
        let job = store.make_job(&deploy(&board, &image), NOW).await.unwrap();
        let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
        store.cancel_job(&job.id, NOW).await.unwrap();
        assert_eq!(store.draw(&board, NOW).await.unwrap(), None);
        assert_eq!(store.job(&job.id).await.unwrap().state, JobState::Cancelled);
        assert_eq!(store.run(&drawn.run).await.unwrap().ending.word(), "lost");
    }
}

/// A job that is done in its second attempt.
pub(super) async fn through(store: &Store, board: &str, image: &Image) {
    let job = store.make_job(&deploy(board, image), NOW).await.unwrap();
    store.draw(board, NOW).await.unwrap().unwrap();
    store.renew(&job.id, &progress(1), NOW + 1).await.unwrap();
    store.draw(board, NOW + 2).await.unwrap().unwrap();
    store.finish(&job.id, &finished(2), NOW + 3).await.unwrap();
}

/// A project whose jobs are tried again, and a board with one of them.
async fn with_retries(store: &Store, retries: u32) -> (String, Asked) {
    let (image, board) = (image("lite"), board(store, 1).await);
    store.add_image(&image).await.unwrap();
    let project = crate::station_api::Project {
        name: "gateway".into(),
        image: Some("lite".into()),
        target: Vec::new(),
        end: End::Reboot,
        again: crate::station_api::Again::Skip,
        retries,
        made: NOW,
        ..crate::station_api::Project::default()
    };
    store.put_project(&project).await.unwrap();
    let asked = Asked { project: Some("gateway".into()), ..deploy(&board, &image) };
    (board, asked)
}

on_both! {
    async fn what_may_pass_is_tried_again_so_often_and_what_may_not_is_not(place: &Place) {
        let store = place.open().await;
        let (board, asked) = with_retries(&store, 2).await;
        let job = store.make_job(&asked, NOW).await.unwrap();
        // The project changes, and the job doesn't.
        let changed = crate::station_api::Project { retries: 0, ..store.project("gateway").await.unwrap() };
        store.put_project(&changed).await.unwrap();
        let failed = |kind| Finished {
            ending: Ending::Failed { why: "away".into(), last_seen: None, hint: None, kind: Kind::Failed },
            kind: Some(kind),
            ..finished(1)
        };
        let mut last = job;
        for tries in 1..=2 {
            let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
            assert_eq!(drawn.job.id, last.id);
            let ended = store.finish(&last.id, &failed(Kind::Unavailable), NOW).await.unwrap();
            assert_eq!(ended.state, JobState::Failed);
            let next = store.board(&board).await.unwrap().job.expect("it is tried again");
            assert_ne!(next, last.id);
            last = store.job(&next).await.unwrap();
            assert_eq!((last.by.clone(), last.fence), (format!("try {} of 3 for ada", tries + 1), 0));
            let plan = store.plan(&next).await.unwrap();
            assert_eq!((plan.tries, plan.project.map(|project| project.retries)), (tries, Some(2)));
        }
        store.draw(&board, NOW).await.unwrap().unwrap();
        store.finish(&last.id, &failed(Kind::Unavailable), NOW).await.unwrap();
        assert_eq!(store.board(&board).await.unwrap().job, None, "it was tried often enough");

        // A person's word begins anew, with the plan as it was.
        let again = store.again(&last.id, "eva", NOW).await.unwrap();
        assert_eq!(store.plan(&again.id).await.unwrap().tries, 0);
        let drawn = store.draw(&board, NOW).await.unwrap().unwrap();
        let record = store.run(&drawn.run).await.unwrap();
        assert_eq!(record.detail["project"]["retries"], 2, "the record keeps the project as it was");
        store.finish(&again.id, &failed(Kind::BadData), NOW).await.unwrap();
        assert_eq!(store.board(&board).await.unwrap().job, None, "a damaged image stays so");

        // A board that went away is waited for once more.
        let lost = store.again(&again.id, "eva", NOW).await.unwrap();
        store.draw(&board, NOW).await.unwrap().unwrap();
        let gone = NOW + LEASE + SILENCE + 1;
        let ended = store.expire(Step::Steady, gone).await.unwrap();
        assert_eq!((ended.len(), ended[0].state), (1, JobState::Lost));
        let next = store.board(&board).await.unwrap().job.expect("it is tried again");
        assert_ne!(next, lost.id);
        // Somebody has cancelled it: that is no failure that passes.
        store.draw(&board, gone).await.unwrap().unwrap();
        store.cancel_job(&next, gone).await.unwrap();
        store.finish(&next, &failed(Kind::Unavailable), gone).await.unwrap();
        assert_eq!(store.board(&board).await.unwrap().job, None);
        let many = crate::station_api::Project { retries: 11, ..changed };
        assert!(matches!(store.put_project(&many).await, Err(Error::BadValue { what: "retries", .. })));
    }
}
