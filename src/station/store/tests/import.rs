//! What comes over from another provisioner: all of it, or nothing, and once.

use super::*;
use crate::board::Who;
use crate::device_api::Script;
use crate::station::store::Error;
use crate::station_api::{
    BoardChange, Enrolment, Fate, FtpPrinter, Import, Imported, Label, LabelLanguage, LabelWhen, ListAsked,
    NewPrinter, OldLine, OldOutcome, OldRecord, PrinterAt, PrinterTakes, Project, ProjectLabel, RunsAsked,
};

fn record(serial: &str, started: Time, outcome: OldOutcome) -> OldRecord {
    OldRecord {
        serial: serial.parse().unwrap(),
        mac: None,
        model: Some("Raspberry Pi Compute Module 4 Rev 1.0".into()),
        memory: None,
        disk: None,
        duid: None,
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

    async fn boards_that_end_in_the_same_digits_have_a_record_each(place: &Place) {
        let store = place.open().await;
        let all = |serials: &[&str]| Import {
            records: serials.iter().map(|serial| record(serial, NOW, OldOutcome::Unknown)).collect(),
            ..Import { from: "one".into(), ..Import::default() }
        };
        let taken = |told: Imported| counts(&told).into_iter().find(|count| count.0 == "record").map(|count| (count.1, count.2));
        let two = all(&["2000000000000001", "6000000000000001"]);
        assert_eq!(taken(store.import(&two, false, NOW).await.unwrap()), Some((2, 0)));
        assert_eq!(taken(store.import(&two, false, NOW).await.unwrap()), Some((0, 2)));
        // Whichever comes first, and a board of which only the end of its number is known.
        let more = all(&["6000000000000001", "A000000000000001", "00000001", "a000000000000001"]);
        assert_eq!(taken(store.import(&more, false, NOW).await.unwrap()), Some((1, 3)));
        let mut serials: Vec<_> = store.runs(&RunsAsked::default()).await.unwrap().items.into_iter()
            .map(|run| run.serial.to_lowercase()).collect();
        serials.sort();
        assert_eq!(serials, ["2000000000000001", "6000000000000001", "a000000000000001"]);
    }

    async fn a_record_that_cannot_be_keeps_no_other_from_coming(place: &Place) {
        type Odd = (fn(&mut OldRecord), u64, &'static str);
        let odd: [Odd; 10] = [
            (|record| record.started = -1, 0, "its clock was wrong"),
            (|record| record.started = 86_400_000, 0, "it began 1970-01-02T00:00:00Z"),
            (|record| record.started = NOW + 367 * 86_400_000, 0, "its clock was wrong"),
            (|record| record.ended = Some(i64::MAX), 1, "without the times in it that can't be"),
            (|record| record.log[0].time = i64::MIN, 1, "without the times in it that can't be"),
            (|record| record.model = Some("x".repeat(201)), 0, "a text that is too long"),
            (|record| record.log = vec![OldLine { time: NOW, text: String::new() }; 201], 0, "more or longer"),
            (|record| record.serial = "00000000".parse().unwrap(), 0, "a number that can't be"),
            (|record| record.memory = Some(u64::MAX), 0, "a number that can't be"),
            (|record| record.duid = Some("\"%".into()), 0, "letters and digits"),
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

    async fn a_history_says_nothing_of_the_names_of_a_board_that_the_station_has_met(place: &Place) {
        let store = place.open().await;
        let told = register(1, Some("af04b2da"), &["dc:a6:32:00:00:01"]);
        let known = store.register(&told, true, NOW).await.unwrap().board().id.clone();
        let who = Who::with_mac("dc:a6:32:00:00:02".parse().unwrap());
        let shell = store.see(&who, "shell", "192.0.2.9", "it asks", NOW).await.unwrap().unwrap();
        let change = BoardChange { enrolment: Some(Enrolment::Enrolled), ..BoardChange::default() };
        store.change_board(&shell, &change).await.unwrap();
        let with = |serial: &str, mac: &str, started| OldRecord {
            mac: mac.parse().ok(),
            ..record(serial, started, OldOutcome::Unknown)
        };
        let mut all = import();
        all.records = vec![
            with("10000000af04b2da", "dc:a6:32:00:00:99", NOW),
            with("10000000af04b2da", "dc:a6:32:00:00:01", NOW + 1000),
            with("10000000af04b2db", "dc:a6:32:00:00:02", NOW),
            with("10000000af04b2dc", "dc:a6:32:00:00:03", NOW),
            with("10000000af04b2dc", "dc:a6:32:00:00:04", NOW + 1000),
        ];
        let told = store.import(&all, false, NOW).await.unwrap();
        assert_eq!(counts(&told).last(), Some(&("record", 5, 0)));
        let left: Vec<_> = told.left.iter().filter(|left| left.what == "record").collect();
        let [one, other] = &left[..] else { panic!("{left:?}") };
        assert_eq!((one.kind, one.name.as_str()), (Fate::Changed, "10000000af04b2da"));
        assert!(one.why.contains("dc:a6:32:00:00:99"), "{one:?}");
        assert_eq!((other.kind, other.name.as_str()), (Fate::Changed, "10000000af04b2db"));

        let board = store.board(&known).await.unwrap();
        let macs: Vec<_> = board.macs.iter().map(ToString::to_string).collect();
        assert_eq!((macs, board.serial.unwrap().as_str()), (vec!["dc:a6:32:00:00:01".to_owned()], "af04b2da"));
        let shell = store.board(&shell).await.unwrap();
        assert_eq!((shell.serial, shell.macs.len(), shell.enrolment), (None, 1, Enrolment::Enrolled));
        assert_eq!(store.find_board("dc:a6:32:00:00:02").await.unwrap(), shell.id);
        // Boards that only the history knows have what it says.
        let old = store.find_board("10000000af04b2dc").await.unwrap();
        assert_eq!(store.board(&old).await.unwrap().macs.len(), 2);
        let asked = RunsAsked { board: Some(known), ..RunsAsked::default() };
        assert_eq!(store.runs(&asked).await.unwrap().items.len(), 2, "its history is its own all the same");
    }

    async fn the_number_of_its_maker_leads_to_a_board_of_which_only_a_history_knows(place: &Place) {
        let store = place.open().await;
        let mut all = import();
        let disk = Disk::new("mmcblk0".into(), Role::Emmc, 7_818_182_656);
        all.records = vec![OldRecord {
            duid: Some("0123456789ABCDEF".into()),
            memory: Some(2 << 30),
            disk: Some(disk.clone()),
            ..record("10000000af04b2da", NOW, OldOutcome::Complete)
        }];
        store.import(&all, false, NOW).await.unwrap();
        let id = store.find_board("0123456789ABCDEF").await.unwrap();
        assert_eq!(store.find_board("0123456789abcdef").await.unwrap(), id);
        let board = store.board(&id).await.unwrap();
        assert_eq!((board.memory, &board.disks[..]), (Some(2 << 30), &[disk][..]));
        assert_eq!(board.facts.unwrap().duid.as_deref(), Some("0123456789ABCDEF"));
        let run = store.runs(&RunsAsked::default()).await.unwrap().items.remove(0).run;
        assert_eq!(store.run(&run).await.unwrap().detail["told"]["facts"]["duid"], "0123456789ABCDEF");
        // An agent that doesn't tell it takes it away from nobody; what one tells is right.
        let told = register(1, Some("10000000af04b2da"), &[]);
        store.register(&told, true, NOW + 1).await.unwrap();
        assert_eq!(store.find_board("0123456789ABCDEF").await.unwrap(), id);
        let told = crate::device_api::Register { duid: Some("001000911006186073".into()), ..told };
        store.register(&told, true, NOW + 2).await.unwrap();
        assert_eq!(store.find_board("1000911006186073").await.unwrap(), id);
        assert!(store.find_board("0123456789ABCDEF").await.is_err());
        store.import(&all, false, NOW + 3).await.unwrap();
        assert_eq!(store.find_board("001000911006186073").await.unwrap(), id);
    }

    async fn a_project_gets_no_label_and_no_printer_that_merely_has_the_name_of_its_own(place: &Place) {
        let store = place.open().await;
        let label = |name: &str, text: &str| Label {
            name: name.into(),
            language: LabelLanguage::Zpl,
            text: format!("^XA^FO10,10^FD{text}^FS^XZ"),
            ..Label::default()
        };
        let printer = |name: &str, host: &str| NewPrinter {
            name: name.into(),
            at: PrinterAt::Ftp(FtpPrinter {
                host: host.into(),
                port: 21,
                user: "lab".into(),
                directory: String::new(),
                ending: "zpl".into(),
                rename: false,
            }),
            takes: PrinterTakes::default(),
            password: None,
        };
        store.put_label(&label("a", "mine")).await.unwrap();
        store.put_printer(&printer("b", "192.0.2.7"), "me", NOW).await.unwrap();
        store.put_printer(&printer("c", "192.0.2.8"), "me", NOW).await.unwrap();
        let project = |name: &str| Project {
            name: name.into(),
            label: Some(ProjectLabel { label: name.into(), printer: name.into(), when: LabelWhen::Done, copies: 1 }),
            ..Project::default()
        };
        let all = Import {
            from: "cmprovision".into(),
            labels: ["a", "b", "c"].map(|name| label(name, "theirs")).into(),
            printers: ["a", "b", "c"].map(|name| printer(name, "192.0.2.8")).into(),
            projects: ["a", "b", "c"].map(project).into(),
            ..Import::default()
        };
        for _ in 0..2 {
            let told = store.import(&all, false, NOW).await.unwrap();
            let of = |name: &str| {
                let is_its = |left: &&crate::station_api::LeftOut| left.name == name && left.what == "label of a project";
                let lines: Vec<_> = told.left.iter().filter(is_its).collect();
                assert!(lines.iter().all(|line| line.kind == Fate::Changed), "{lines:?}");
                lines.first().map(|line| line.why.clone()).unwrap_or_default()
            };
            assert!(of("a").contains("that label isn't taken"), "{told:?}");
            assert!(of("b").contains("its printer isn't taken"), "{told:?}");
            assert_eq!(of("c"), "", "a printer at the same place is the same");
            for (name, has) in [("a", false), ("b", false), ("c", true)] {
                assert_eq!(store.project(name).await.unwrap().label.is_some(), has, "{name}");
            }
        }
        // What a person has given it since isn't missing.
        let own = ProjectLabel { label: "a".into(), printer: "c".into(), when: LabelWhen::Done, copies: 1 };
        store.put_project(&Project { label: Some(own.clone()), ..store.project("a").await.unwrap() }).await.unwrap();
        let told = store.import(&all, false, NOW).await.unwrap();
        assert!(!told.left.iter().any(|left| left.name == "a" && left.what == "label of a project"), "{told:?}");
        assert_eq!(store.project("a").await.unwrap().label, Some(own));
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
