use super::*;
use crate::device_api::{Action, End};
use crate::run::{Ending, Proof, Stage};
use crate::station::store::There;
use crate::station::store::{Arrival, Error, Finished};
use crate::station_api::{Again, BoardsAsked, JobState, Matching, NewRule, Project, What};

fn project(name: &str, image: &str, again: Again) -> Project {
    Project {
        name: name.into(),
        image: Some(image.into()),
        target: vec![],
        end: End::Wait,
        again,
        made: NOW,
        ..Project::default()
    }
}

fn rule(name: &str, model: &str, what: What, position: Option<u32>) -> NewRule {
    let matching = Matching { model: Some(model.into()), ..Matching::default() };
    NewRule { name: name.into(), position, any: false, matching, what }
}

on_both! {
    async fn a_name_of_an_earlier_version_stays_and_no_new_one_is_like_it(place: &Place) {
        let store = place.open().await;
        let mut tx = store.db.begin().await.unwrap();
        let sql = "INSERT INTO project (name, image, target, ending, again, made)
             VALUES ('Größe', NULL, '[]', 'wait', 'skip', 0)";
        tx.run(sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let old = store.project("Größe").await.unwrap();
        let changed = Project { again: Again::Ask, ..old };
        assert_eq!(store.put_project(&changed).await.unwrap().again, Again::Ask);
        let new = Project { name: "Weiße".into(), ..changed };
        assert!(matches!(store.put_project(&new).await, Err(Error::BadValue { what: "name", .. })));
        let never = Matching { storage_min: Some(2), storage_max: Some(1), ..Matching::default() };
        let never = NewRule { matching: never, ..rule("never", "x", What::Wait, None) };
        assert!(matches!(store.add_rule(&never).await, Err(Error::BadValue { what: "matching", .. })));
        store.remove_project("Größe").await.unwrap();
    }

    async fn a_rule_gives_a_board_its_project_once(place: &Place) {
        let store = place.open().await;
        store.add_image(&image("a")).await.unwrap();
        store.put_project(&project("p", "a", Again::Skip)).await.unwrap();
        let board = store.register(&register(1, None, &[]), true, NOW).await.unwrap().board().id.clone();
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::NoRule);
        let unruled = BoardsAsked { unruled: true, ..BoardsAsked::default() };
        assert_eq!(store.boards(&unruled, There::default()).await.unwrap().items[0].id, board);
        assert_eq!(store.count_unruled().await.unwrap(), 1);

        let what = What::Project { project: "p".into() };
        assert!(matches!(
            store.add_rule(&rule("r", "Pi 4", What::Project { project: "no".into() }, None)).await,
            Err(Error::NoSuch { what: "project", .. })
        ));
        store.add_rule(&rule("fives", "Pi 5", What::Wait, None)).await.unwrap();
        store.add_rule(&rule("fours", "Pi 4", what.clone(), None)).await.unwrap();
        assert!(matches!(store.add_rule(&rule("fours", "x", What::Wait, None)).await, Err(Error::Taken { .. })));
        assert!(matches!(store.remove_project("p").await, Err(Error::InUse { .. })));
        let test = store.test_rules(&board, None).await.unwrap();
        assert_eq!((test.what, test.rules[0].why_not.len()), (Some(what), 1));

        assert_eq!(test.but, [""; 0]);
        let but = async || store.test_rules(&board, None).await.unwrap().but.join("|");
        store.arm(false).await.unwrap();
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::Disarmed);
        assert_eq!(but().await, "the station is disarmed, and rules start nothing");
        store.arm(true).await.unwrap();
        let Arrival::Starts(job) = store.arrive(&board, NOW + 5).await.unwrap() else { panic!() };
        assert_eq!((job.by.as_str(), job.action, job.state), ("rule fours", Action::Deploy, JobState::Queued));
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::HasJob(job.id.clone()));
        assert!(but().await.starts_with("it has something to do already"));
        store.draw(&board, NOW).await.unwrap().unwrap();
        let ending = Ending::Done { proof: Proof::ReadBack };
        let finished = Finished { fence: 1, stage: Stage::Done, ending, kind: None, detail: serde_json::Value::Null };
        assert_eq!(store.finish(&job.id, &finished, NOW).await.unwrap().state, JobState::Done);
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::DoneBefore { rule: "fours".into() });
        assert_eq!(but().await, "the same was done with it before, and it is left as it is");
        let rules = store.rules().await.unwrap();
        let counts: Vec<_> = rules.iter().map(|rule| (rule.name.as_str(), rule.matched, rule.last)).collect();
        assert_eq!(counts, [("fives", 0, None), ("fours", 1, Some(NOW))]);
        assert!(store.boards(&unruled, There::default()).await.unwrap().items.is_empty());

        store.put_project(&project("p", "a", Again::Ask)).await.unwrap();
        let asks = Arrival::Asks { rule: "fours".into(), before: JobState::Done };
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), asks);
        store.put_project(&project("p", "a", Again::Again)).await.unwrap();
        let Arrival::Starts(job) = store.arrive(&board, NOW).await.unwrap() else { panic!() };
        // What failed isn't begun again by itself.
        store.cancel_job(&job.id, NOW).await.unwrap();
        let asks = Arrival::Asks { rule: "fours".into(), before: JobState::Cancelled };
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), asks);
    }

    async fn rules_have_an_order_and_the_first_counts(place: &Place) {
        let store = place.open().await;
        let board = store.register(&register(1, None, &[]), false, NOW).await.unwrap().board().id.clone();
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::NotEnrolled);
        store.register(&register(1, None, &[]), true, NOW).await.unwrap();
        for (name, position) in [("a", None), ("b", None), ("c", Some(0)), ("d", Some(1)), ("e", Some(99))] {
            store.add_rule(&rule(name, "Pi", What::Wait, position)).await.unwrap();
        }
        let names = async || {
            let rules = store.rules().await.unwrap();
            assert!(rules.iter().enumerate().all(|(at, rule)| rule.position as usize == at));
            rules.iter().map(|rule| rule.name.clone()).collect::<String>()
        };
        assert_eq!(names().await, "cdabe");
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::Waits { rule: "c".into() });
        store.remove_rule("c").await.unwrap();
        assert_eq!(names().await, "dabe");
        assert_eq!(store.arrive(&board, NOW).await.unwrap(), Arrival::Waits { rule: "d".into() });
        store.add_rule(&rule("first", "Pi 4", What::Backup, Some(0))).await.unwrap();
        let Arrival::Starts(job) = store.arrive(&board, NOW).await.unwrap() else { panic!() };
        assert_eq!((job.action, job.end), (Action::Backup, End::Wait));
    }

    async fn a_rule_that_can_not_do_what_it_says_is_seen(place: &Place) {
        let store = place.open().await;
        let board = store.register(&register(1, None, &[]), true, NOW).await.unwrap().board().id.clone();
        let mut coming = image("a");
        coming.state = ImageState::Coming;
        store.add_image(&coming).await.unwrap();
        store.put_project(&project("p", "a", Again::Skip)).await.unwrap();
        store.add_rule(&rule("r", "Pi", What::Project { project: "p".into() }, None)).await.unwrap();
        let Arrival::Broken { why, .. } = store.arrive(&board, NOW).await.unwrap() else { panic!() };
        assert_eq!(why, "image: it is coming, not ready");
        assert_eq!(store.board(&board).await.unwrap().stuck.as_deref(), Some(why.as_str()));
        let place = store.floor(0).await.unwrap().remove(0);
        assert_eq!(place.waits, Some(crate::station::store::Waits::Stuck { rule: "r".into(), why }));
        // It is over when it can, also before the board comes again. Looking changes nothing.
        assert_eq!(store.test_rules(&board, None).await.unwrap().but, ["it can't start: image: it is coming, not ready"]);
        assert_eq!(store.stuck_boards().await.unwrap(), std::slice::from_ref(&board));
        coming.state = ImageState::Ready;
        store.put_image(&coming, None).await.unwrap();
        assert!(matches!(store.would_arrive(&board, None).await.unwrap(), Arrival::Starts(_)));
        assert_eq!(store.board(&board).await.unwrap().job, None);
        assert!(store.put_stuck(&board, None).await.unwrap());
        assert_eq!(store.board(&board).await.unwrap().stuck, None);
        assert!(!store.put_stuck(&board, None).await.unwrap());
        let Arrival::Starts(_) = store.arrive(&board, NOW).await.unwrap() else { panic!() };
        assert_eq!(store.board(&board).await.unwrap().stuck, None);
    }
}

/// A project and a rule.
pub(super) async fn set_up(store: &Store, image: &str) {
    store.put_project(&project("p", image, Again::Skip)).await.unwrap();
    store.add_rule(&rule("r", "Pi 4", What::Project { project: "p".into() }, None)).await.unwrap();
}

on_both! {
    async fn a_rule_is_changed_and_moved_and_counts_anew_when_it_wants_something_else(place: &Place) {
        let store = place.open().await;
        let board = store.register(&register(1, None, &[]), true, NOW).await.unwrap().board().id.clone();
        for name in ["a", "b", "c"] {
            store.add_rule(&rule(name, "Pi 4", What::Wait, None)).await.unwrap();
        }
        store.arrive(&board, NOW).await.unwrap();
        let order = async || -> Vec<_> {
            store.rules().await.unwrap().into_iter().map(|rule| (rule.name, rule.matched)).collect()
        };
        assert_eq!(order().await, [("a".to_owned(), 1), ("b".to_owned(), 0), ("c".to_owned(), 0)]);
        // Moved and renamed it is the same rule.
        let moved = store.change_rule("a", &rule("first", "Pi 4", What::Wait, Some(9))).await.unwrap();
        assert_eq!((moved.position, moved.matched), (2, 1));
        assert_eq!(order().await[0].0, "b");
        store.change_rule("first", &rule("first", "Pi 4", What::Backup, Some(0))).await.unwrap();
        assert_eq!(order().await[0], ("first".to_owned(), 1));
        let all = crate::station_api::ListAsked::default();
        let of = async |name: &str| store.boards_of_rule(name, &all).await.unwrap().items.len();
        assert_eq!((of("first").await, of("b").await), (1, 0));
        // One that wants something else is another one.
        store.change_rule("first", &rule("first", "Pi 5", What::Wait, None)).await.unwrap();
        assert_eq!(order().await[0], ("first".to_owned(), 0));
        assert_eq!((of("first").await, of("b").await), (0, 1));
        store.change_rule("first", &rule("first", "Pi 4", What::Wait, None)).await.unwrap();
        store.arrive(&board, NOW + 1).await.unwrap();
        assert_eq!(order().await[0], ("first".to_owned(), 1), "a board counts for the rule as it is now");
        assert!(matches!(store.change_rule("b", &rule("c", "x", What::Wait, None)).await, Err(Error::Taken { .. })));
        assert!(matches!(store.change_rule("no", &rule("no", "x", What::Wait, None)).await, Err(Error::NoSuch { .. })));
        let gone = rule("b", "x", What::Project { project: "no".into() }, None);
        assert!(matches!(store.change_rule("b", &gone).await, Err(Error::NoSuch { .. })));
    }
}
