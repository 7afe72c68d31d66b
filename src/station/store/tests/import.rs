//! What comes over from another provisioner: all of it, or nothing, and once.

use super::*;
use crate::device_api::Script;
use crate::station::store::Error;
use crate::station_api::{
    Enrolment, Import, Imported, ListAsked, OldLine, OldOutcome, OldRecord, Project, RunsAsked,
};

fn record(serial: &str, started: Time, outcome: OldOutcome) -> OldRecord {
    OldRecord {
        serial: serial.parse().unwrap(),
        mac: None,
        model: Some("Raspberry Pi Compute Module 4 Rev 1.0".into()),
        memory: None,
        disk: None,
        started,
        ended: Some(started + 60_000),
        outcome,
        why: None,
        image: Some("os.img".into()),
        project: Some("p".into()),
        facts: std::iter::once(("temp1".to_owned(), "48".to_owned())).collect(),
        log: vec![OldLine { time: started, text: "info: began".into() }],
    }
}

fn import() -> Import {
    let script = |name: &str| Script {
        name: name.into(),
        text: "exit 0\n".into(),
        priority: 50,
        limit: 600,
        ..Script::default()
    };
    let project = |name: &str, scripts: &[&str]| Project {
        name: name.into(),
        image: Some("os".into()),
        scripts: scripts.iter().map(ToString::to_string).collect(),
        ..Project::default()
    };
    Import {
        from: "cmprovision".into(),
        scripts: vec![script("a"), Script { text: "\u{1b}".into(), ..script("bad") }],
        projects: vec![project("p", &["a"]), project("q", &["bad"])],
        users: vec!["ada".into(), "not/a name".into()],
        records: vec![
            record("10000000af04b2da", NOW, OldOutcome::Complete),
            record("10000000af04b2da", NOW + 1000, OldOutcome::Failed),
            record("af04b2db", NOW, OldOutcome::Unknown),
        ],
        images: vec!["os".into()],
        firmware: Vec::new(),
        labels: Vec::new(),
        printers: Vec::new(),
    }
}

fn counts(imported: &Imported) -> Vec<(&str, u64, u64)> {
    imported.taken.iter().map(|taken| (taken.what.as_str(), taken.new, taken.already)).collect()
}

on_both! {
    async fn it_is_taken_once_and_what_is_wrong_in_one_thing_keeps_no_other_from_coming(place: &Place) {
        let store = place.open().await;
        let all = import();
        let dry = store.import(&all, true, NOW).await.unwrap();
        assert_eq!(counts(&dry), [("script", 1, 0), ("project", 1, 0), ("user", 1, 0), ("record", 3, 0)]);
        assert!(store.scripts().await.unwrap().is_empty() && store.users().await.unwrap().is_empty());
        assert!(store.runs(&RunsAsked::default()).await.unwrap().items.is_empty());

        let taken = store.import(&all, false, NOW).await.unwrap();
        assert_eq!(counts(&taken), counts(&dry));
        let left: Vec<_> = taken.left.iter().map(|left| (left.what.as_str(), left.name.as_str())).collect();
        let want = [("script", "bad"), ("image of a project", "p"), ("project", "q"), ("user", "not/a name")];
        assert_eq!(left, want, "{taken:?}");
        let runs = store.runs(&RunsAsked::default()).await.unwrap().items;
        let outcomes: Vec<_> = runs.iter().map(|run| run.outcome.as_str()).collect();
        assert_eq!(runs.len(), 3, "{runs:?}");
        for outcome in ["not-verified", "failed", "lost"] {
            assert!(outcomes.contains(&outcome), "{outcome}: {outcomes:?}");
        }
        let log = store.run_log(&runs[0].run, &ListAsked::default()).await.unwrap().items;
        assert_eq!(log[0].text, "info: began");
        // Two boards, which nobody has let in by that; and somebody whom no password lets in.
        assert_eq!(store.count_boards().await.unwrap(), (2, 2));
        let board = store.find_board("10000000af04b2da").await.unwrap();
        assert_eq!(store.board(&board).await.unwrap().enrolment, Enrolment::Waiting);
        let ada = store.account("ada").await.unwrap();
        assert!(ada.user.disabled && !crate::station::password::Passwords::default().is("none".into(), Some(ada.password)).await);

        let again = store.import(&all, false, NOW).await.unwrap();
        assert_eq!(counts(&again), [("script", 0, 1), ("project", 0, 1), ("user", 0, 1), ("record", 0, 3)]);
        // The image has come since: the project has it from now on.
        store.add_image(&image("os")).await.unwrap();
        store.import(&all, false, NOW).await.unwrap();
        assert_eq!(store.project("p").await.unwrap().image.as_deref(), Some("os"));
    }

    async fn a_record_that_cannot_be_keeps_no_other_from_coming(place: &Place) {
        type Odd = (fn(&mut OldRecord), u64, &'static str);
        let odd: [Odd; 9] = [
            (|record| record.started = -1, 0, "its clock was wrong"),
            (|record| record.started = 86_400_000, 0, "it began 1970-01-02T00:00:00Z"),
            (|record| record.started = NOW + 367 * 86_400_000, 0, "its clock was wrong"),
            (|record| record.ended = Some(i64::MAX), 1, "without the times in it that can't be"),
            (|record| record.log[0].time = i64::MIN, 1, "without the times in it that can't be"),
            (|record| record.model = Some("x".repeat(201)), 0, "a text that is too long"),
            (|record| record.log = vec![OldLine { time: NOW, text: String::new() }; 201], 0, "more or longer"),
            (|record| record.serial = "00000000".parse().unwrap(), 0, "a number that can't be"),
            (|record| record.memory = Some(u64::MAX), 0, "a number that can't be"),
        ];
        let store = place.open().await;
        for (n, (change, taken, why)) in odd.into_iter().enumerate() {
            let mut all = import();
            all.from = format!("one{n}");
            change(&mut all.records[2]);
            let told = store.import(&all, false, NOW).await.unwrap();
            let records = counts(&told).into_iter().find(|count| count.0 == "record").unwrap();
            assert_eq!(records.1, 2 + taken, "{why}: {told:?}");
            let left: Vec<_> = told.left.iter().filter(|left| left.what == "record").collect();
            assert!(matches!(&left[..], [one] if one.why.contains(why)), "{why}: {left:?}");
        }
        // However many there are, so many lines are told.
        let mut all = import();
        all.records = (0..3000).map(|n| record("af04b2db", n, OldOutcome::Unknown)).collect();
        let told = store.import(&all, true, NOW).await.unwrap();
        let left = told.left.iter().filter(|left| left.what == "record").count();
        assert!(left < 1010 && told.left.last().unwrap().why.contains("aren't told one by one"), "{left}");
    }

    async fn an_image_that_did_not_come_whole_is_none_and_makes_room_for_the_next(place: &Place) {
        let store = place.open().await;
        let torn = crate::station_api::Image { state: crate::station_api::ImageState::Failed, ..image("os") };
        store.add_image(&torn).await.unwrap();
        let told = store.import(&import(), false, NOW).await.unwrap();
        let left = told.left.iter().find(|left| left.what == "image of a project").unwrap();
        assert!(left.why.contains("no image `os` that is whole"), "{left:?}");
        assert_eq!(store.project("p").await.unwrap().image, None);
        // Also where a project names it already.
        let project = store.project("p").await.unwrap();
        store.put_project(&Project { image: Some("os".into()), ..project }).await.unwrap();
        let whole = image("os");
        store.add_image(&whole).await.unwrap();
        assert_eq!(store.image("os").await.unwrap().id, whole.id);
        assert!(store.image(&torn.id).await.is_err());
        assert!(matches!(store.add_image(&image("os")).await, Err(Error::Taken { .. })), "what is whole stays");
    }

    async fn what_a_record_knows_stands_where_it_stands_in_others(place: &Place) {
        let store = place.open().await;
        let mut all = import();
        for (name, fact) in [("temp1", "48"), ("temp2", "1e99"), ("firmware", "2023-01-11 8ba17717")] {
            all.records[0].facts.insert(name.into(), fact.into());
        }
        all.records[1].facts.insert("temp2".into(), "55.5".into());
        store.import(&all, false, NOW).await.unwrap();
        let runs = store.runs(&RunsAsked::default()).await.unwrap().items;
        let of = async |outcome: &str| {
            let run = runs.iter().find(|run| run.outcome == outcome).unwrap();
            store.run(&run.run).await.unwrap().detail
        };
        let (done, failed) = (of("not-verified").await, of("failed").await);
        assert_eq!(done["before"]["temperature"], 48.0, "{done:#}");
        assert_eq!(done["told"]["facts"]["firmware"]["version"], "2023-01-11 8ba17717", "{done:#}");
        assert!(done.get("after").is_none(), "no such temperature can be: {done:#}");
        assert_eq!(failed["after"]["temperature"], 55.5, "{failed:#}");
    }

    async fn nothing_of_it_comes_where_a_part_is_beyond_its_bounds_and_what_is_there_stays(place: &Place) {
        let store = place.open().await;
        let long = |len: usize| "x".repeat(len);
        for from in ["", "a/b", &long(64)] {
            store.import(&Import { from: from.into(), ..import() }, false, NOW).await.unwrap_err();
        }
        assert!(store.scripts().await.unwrap().is_empty() && store.users().await.unwrap().is_empty());
        // Another script of that name isn't changed, and no project gets it in the place of its own.
        let other = Script { name: "a".into(), text: "exit 1\n".into(), limit: 60, ..Script::default() };
        store.put_script(&other).await.unwrap();
        let taken = store.import(&import(), false, NOW).await.unwrap();
        assert_eq!(store.script("a").await.unwrap(), other);
        assert!(store.projects().await.unwrap().is_empty(), "{taken:?}");
    }
}
