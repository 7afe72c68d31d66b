use std::collections::BTreeMap;

use super::*;
use crate::device_api::{Action, End};
use crate::error::Kind;
use crate::station::store::{Arrival, Asked, Error, TakeTable, There};
use crate::station::values::table::{OneRow, Rows, read};
use crate::station_api::{
    Again, AskedServer, BoardsAsked, GivenAsked, JobState, Matching, NewRule, NewValueSource, Project, Sheet,
    ValueSourceChange, Values, ValuesOf, What, range_of_values,
};

/// A source of these numbers.
pub(super) async fn sequence(store: &Store, name: &str, from: &str, to: &str) {
    let of = range_of_values(from, to, 1).unwrap();
    store
        .add_value_source(&NewValueSource { name: name.into(), of, warn: None }, None, "ada", NOW)
        .await
        .unwrap();
}

pub(super) async fn table(store: &Store, name: &str, unique: Option<&str>, text: &str) {
    let of = ValuesOf::Table(Sheet { unique: unique.map(str::to_owned), columns: Vec::new() });
    store
        .add_value_source(&NewValueSource { name: name.into(), of, warn: None }, None, "ada", NOW)
        .await
        .unwrap();
    upload(store, name, unique, text).await;
}

async fn upload(store: &Store, name: &str, unique: Option<&str>, text: &str) -> [u64; 7] {
    let rows = read(text.as_bytes(), unique).unwrap();
    let dry = store.put_table(name, &rows, TakeTable::Dry).await.unwrap();
    let told = store.put_table(name, &rows, TakeTable::ANY).await.unwrap();
    assert_eq!(dry, crate::station_api::ValueUpload { dry: true, ..told.clone() });
    [told.rows, told.added, told.changed, told.same, told.gone, told.given, told.kept]
}

/// A source at a server.
async fn server(store: &Store, name: &str, unique: Option<&str>) {
    let server = AskedServer { url: "https://values.example/x".into(), unique: unique.map(str::to_owned) };
    let new = NewValueSource { name: name.into(), of: ValuesOf::Http(server), warn: None };
    store.add_value_source(&new, Some("secret"), "ada", NOW).await.unwrap();
}

pub(super) async fn project(store: &Store, draws: &[&str]) {
    if store.image("a").await.is_err() {
        store.add_image(&image("a")).await.unwrap();
    }
    let project = Project {
        name: "p".into(),
        image: Some("a".into()),
        end: End::Wait,
        again: Again::Again,
        values: draws.iter().map(|draw| (*draw).to_owned()).collect(),
        ..Project::default()
    };
    store.put_project(&project).await.unwrap();
}

pub(super) async fn board(store: &Store, n: u16) -> String {
    let mut told = register(1, Some(&format!("10000000{n:08x}")), &[]);
    told.key = format!("{n:064x}");
    store.register(&told, true, NOW).await.unwrap().board().id.clone()
}

async fn asked(store: &Store, board: &str) -> Asked {
    Asked {
        board: board.into(),
        project: Some("p".into()),
        action: Action::Deploy,
        image: Some(store.image("a").await.unwrap().id),
        target: Vec::new(),
        end: End::Wait,
        by: "ada".into(),
        plan: None,
    }
}

/// Something of each table.
pub(super) async fn some(store: &Store) {
    table(store, "keys", None, "pin\n1\n2\n").await;
    let told = register(7, Some("1000000000000077"), &[]);
    let board = store.register(&told, true, NOW).await.unwrap().board().id.clone();
    let mut tx = store.db.begin().await.unwrap();
    let project = Project { values: vec!["keys".into()], ..Project::default() };
    let plan = crate::station_api::Plan { project: Some(project), ..Default::default() };
    crate::station::store::draws::reserve(&mut tx, plan, &board, NOW).await.unwrap();
    tx.commit().await.unwrap();
    // The board is known by its serial number alone.
    store.forget_board(&board).await.unwrap();
}

/// The values of a new job of the board; the job is over then.
pub(super) async fn values(store: &Store, board: &str) -> Result<String, Error> {
    let job = store.make_job(&asked(store, board).await, NOW).await?;
    let plan = store.plan(&job.id).await?;
    store.cancel_job(&job.id, NOW).await?;
    Ok(said(&plan.values))
}

fn said(values: &Values) -> String {
    values.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ")
}

/// All that was given of a source, and to which boards: no value and no board is there twice.
pub(super) async fn once(store: &Store, source: &str) -> BTreeMap<String, String> {
    let (mut all, mut boards, mut after) = (BTreeMap::new(), std::collections::BTreeSet::new(), None);
    loop {
        let asked = GivenAsked { after, limit: Some(500), ..GivenAsked::default() };
        let page = store.given_values(source, &asked).await.unwrap();
        for one in page.items {
            assert!(boards.insert(one.board.clone()), "{} has two", one.board);
            let twice = all.insert(said(&one.values), one.board.clone());
            assert_eq!(twice, None, "{:?} of {} was given twice", one.values, one.board);
        }
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

on_both! {
    async fn each_board_gets_its_own_and_the_same_again(place: &Place) {
        let store = place.open().await;
        sequence(&store, "sn", "SN0001", "SN0003").await;
        table(&store, "keys", None, "serial,pin\n10000000000000ff,special\n,0001\n,0002\n").await;
        project(&store, &["sn", "keys"]).await;
        let boards = [board(&store, 1).await, board(&store, 0xff).await, board(&store, 2).await];
        assert_eq!(values(&store, &boards[0]).await.unwrap(), "pin=0001 sn=SN0001");
        assert_eq!(values(&store, &boards[1]).await.unwrap(), "pin=special sn=SN0002");
        assert_eq!(values(&store, &boards[0]).await.unwrap(), "pin=0001 sn=SN0001");
        // A board that was forgotten and comes again is the same one.
        store.forget_board(&boards[0]).await.unwrap();
        let again = board(&store, 1).await;
        assert_ne!(again, boards[0]);
        assert_eq!(values(&store, &again).await.unwrap(), "pin=0001 sn=SN0001");
        assert_eq!(values(&store, &boards[2]).await.unwrap(), "pin=0002 sn=SN0003");
        let sources = store.value_sources().await.unwrap();
        let left: Vec<_> = sources.iter().map(|one| (one.name.as_str(), one.given, one.left)).collect();
        assert_eq!(left, [("keys", 3, Some(0)), ("sn", 3, Some(0))]);
        // Nothing is left: nothing of that job is kept, and nothing is lost.
        let late = board(&store, 3).await;
        let error = values(&store, &late).await.unwrap_err();
        assert!(matches!(&error, Error::UsedUp { source, .. } if source == "sn"), "{error}");
        assert_eq!(crate::error::Explain::kind(&error), Kind::Busy);
        store.change_value_source("sn", &ValueSourceChange { warn: Some(1), end: Some("SN0009".into()) }).await.unwrap();
        let error = values(&store, &late).await.unwrap_err();
        assert!(error.to_string().contains("`keys` are used up: all rows"), "{error}");
        assert_eq!(store.value_source("sn").await.unwrap().left, Some(6));
        let lower = ValueSourceChange { warn: None, end: Some("SN0002".into()) };
        assert!(matches!(store.change_value_source("sn", &lower).await, Err(Error::BadValue { .. })));
        // A person gives back what a board had.
        assert!(store.release_values("keys", "100000000000000001").await.unwrap_err().to_string().contains("no board"));
        store.release_values("keys", "1000000000000001").await.unwrap();
        assert_eq!(values(&store, &late).await.unwrap(), "pin=0001 sn=SN0004");
        let error = values(&store, &again).await.unwrap_err();
        assert!(matches!(&error, Error::UsedUp { source, .. } if source == "keys"), "{error}");
        store.release_values("sn", &boards[1]).await.unwrap();
        assert_eq!(once(&store, "sn").await.len(), 3);
        let five = board(&store, 5).await;
        project(&store, &["sn"]).await;
        assert_eq!(values(&store, &five).await.unwrap(), "sn=SN0002");
        let text = GivenAsked { text: Some("n0004".into()), ..GivenAsked::default() };
        assert_eq!(store.given_values("sn", &text).await.unwrap().items[0].board, late);
        assert_eq!(store.given_values("sn", &GivenAsked { text: Some("%".into()), ..text }).await.unwrap().items, []);
        assert_eq!(store.values_of(&late).await.unwrap().len(), 2);
    }

    async fn a_row_for_another_board_is_never_given(place: &Place) {
        let store = place.open().await;
        table(&store, "keys", None, "serial,pin\n000000ff,a\n10000000000000fe,b\n").await;
        project(&store, &["keys"]).await;
        let one = board(&store, 1).await;
        let error = values(&store, &one).await.unwrap_err();
        assert!(error.to_string().contains("for other boards"), "{error}");
        // It is the same serial number in its short form.
        let long = board(&store, 0xff).await;
        assert_eq!(values(&store, &long).await.unwrap(), "pin=a");
        let mut short = register(9, Some("000000fe"), &[]);
        short.key = "9".repeat(64);
        let short = store.register(&short, true, NOW).await.unwrap().board().id.clone();
        assert_eq!(values(&store, &short).await.unwrap(), "pin=b");
    }

    async fn a_newer_table_leaves_what_was_given(place: &Place) {
        let store = place.open().await;
        table(&store, "keys", Some("pin"), "pin,word\n1,a\n2,b\n3,c\n4,d\n").await;
        project(&store, &["keys"]).await;
        let (one, two) = (board(&store, 1).await, board(&store, 2).await);
        assert_eq!(values(&store, &one).await.unwrap(), "pin=1 word=a");
        assert_eq!(values(&store, &two).await.unwrap(), "pin=2 word=b");
        // 1 is changed and was given; 2 was given and is gone; 3 is changed; 4 is gone; 5 is new.
        let told = upload(&store, "keys", Some("pin"), "pin,word\n5,e\n3,C\n1,A\n").await;
        assert_eq!(told, [3, 1, 1, 0, 1, 1, 1]);
        assert_eq!(values(&store, &one).await.unwrap(), "pin=1 word=a");
        assert_eq!(values(&store, &two).await.unwrap(), "pin=2 word=b");
        let three = board(&store, 3).await;
        assert_eq!(values(&store, &three).await.unwrap(), "pin=5 word=e");
        // What is given back is as the newest file has it, or gone.
        store.release_values("keys", &one).await.unwrap();
        store.release_values("keys", &two).await.unwrap();
        let four = board(&store, 4).await;
        assert_eq!(values(&store, &four).await.unwrap(), "pin=3 word=C");
        assert_eq!(values(&store, &two).await.unwrap(), "pin=1 word=A");
        assert!(matches!(values(&store, &one).await, Err(Error::UsedUp { .. })));
        // Without a column that tells rows apart, other columns would make others of them.
        table(&store, "plain", None, "pin\n1\n2\n").await;
        project(&store, &["plain"]).await;
        assert_eq!(values(&store, &one).await.unwrap(), "pin=1");
        let wider = read(b"pin,word\n1,a\n2,b\n", None).unwrap();
        assert!(matches!(store.put_table("plain", &wider, TakeTable::ANY).await, Err(Error::BadValue { .. })));
        sequence(&store, "sn", "1", "2").await;
        let rows = Rows { columns: vec!["a".into()], rows: vec![OneRow { unit: "x".into(), serial: None, content: Values::new() }] };
        assert!(matches!(store.put_table("sn", &rows, TakeTable::ANY).await, Err(Error::BadValue { .. })));
    }

    async fn a_newer_table_that_contradicts_what_was_given_says_so_and_gives_nothing_twice(place: &Place) {
        let store = place.open().await;
        table(&store, "ids", Some("sn"), "sn,word,serial\nD1,a,\nD2,b,\n").await;
        project(&store, &["ids"]).await;
        let (one, two) = (board(&store, 1).await, board(&store, 2).await);
        assert_eq!(values(&store, &one).await.unwrap(), "sn=D1 word=a");
        let put = async |text: &str| {
            let rows = read(text.as_bytes(), Some("sn")).unwrap();
            store.put_table("ids", &rows, TakeTable::ANY).await.unwrap()
        };
        assert_eq!(put("sn,word,serial\nD1,a,\nD2,b,\n").await.contradict, 0);
        assert_eq!(put("sn,word,serial\nD1,a,00000001\nD2,b,\n").await.contradict, 0, "it is for the board that has it");
        assert_eq!(put("sn,word,serial\nD1,A,\nD2,b,\n").await.contradict, 1);
        assert_eq!(put("sn,word,serial\nD1,a,\nD2,b,1000000000000001\n").await.contradict, 1, "it has another row");
        // The row of another board was given: that one waits, and no free row is its own instead.
        for serial in ["1000000000000002", "00000002"] {
            let text = format!("sn,word,serial\nD1,a,{serial}\nD2,b,\n");
            assert_eq!(put(text.as_str()).await.contradict, 1);
            let error = values(&store, &two).await.unwrap_err().to_string();
            assert!(error.contains("was given to the board 1000000000000001"), "{error}");
        }
        assert_eq!(put("sn,word,serial\nD1,a,1000000000000002\n").await.gone, 1);
        assert!(values(&store, &two).await.unwrap_err().to_string().contains("was given to the board"));
        store.release_values("ids", &one).await.unwrap();
        assert_eq!(values(&store, &two).await.unwrap(), "sn=D1 word=a");
    }

    async fn a_row_that_comes_for_another_board_contradicts_though_no_column_tells_rows_apart(place: &Place) {
        let store = place.open().await;
        table(&store, "pins", None, "pin,serial\n7,1000000000000001\n8,1000000000000002\n").await;
        project(&store, &["pins"]).await;
        let one = board(&store, 1).await;
        assert_eq!(values(&store, &one).await.unwrap(), "pin=7");
        let put = async |text: &str| {
            store.put_table("pins", &read(text.as_bytes(), None).unwrap(), TakeTable::Dry).await.unwrap().contradict
        };
        assert_eq!(put("pin,serial\n7,1000000000000001\n8,1000000000000002\n").await, 0);
        assert_eq!(put("pin,serial\n7,1000000000000001\n7,1000000000000003\n").await, 0, "two boards may have the same");
        assert_eq!(put("pin,serial\n7,1000000000000003\n8,1000000000000002\n").await, 1);
    }

    async fn columns_that_go_are_told_with_the_projects_that_use_them(place: &Place) {
        let store = place.open().await;
        table(&store, "ids", Some("sn"), "sn,word,pin\nD1,a,1\n").await;
        project(&store, &["ids"]).await;
        let first_boot = [("hostname".to_owned(), "gw-{word}".to_owned())].into();
        store.put_project(&Project { first_boot, ..store.project("p").await.unwrap() }).await.unwrap();
        let put = async |text: &str, taking| {
            store.put_table("ids", &read(text.as_bytes(), Some("sn")).unwrap(), taking).await.unwrap()
        };
        let told = put("sn\nD1\nD2\n", TakeTable::SAFE).await;
        assert!(told.dry);
        assert_eq!(told.going(), ["the columns word, pin, which the project p uses"]);
        assert_eq!(put("sn,word\nD1,a\n", TakeTable::SAFE).await.going(), ["the column pin"]);
        assert!(!put("sn,word\nD1,a\n", TakeTable::Losing { rows: 0, columns: 1 }).await.dry);
        let told = put("sn\nD1\n", TakeTable::ANY).await;
        assert_eq!((told.dry, told.columns_gone.len(), told.columns_used_by.len()), (false, 1, 1));
    }

    async fn what_is_needed_is_not_removed_or_given_back(place: &Place) {
        let store = place.open().await;
        sequence(&store, "sn", "1", "9").await;
        project(&store, &["sn"]).await;
        let one = board(&store, 1).await;
        let in_use = |result: Result<(), Error>| matches!(result, Err(Error::InUse { .. }));
        assert!(in_use(store.remove_value_source("sn").await));
        let job = store.make_job(&asked(&store, &one).await, NOW).await.unwrap();
        project(&store, &[]).await;
        assert!(in_use(store.remove_value_source("sn").await));
        assert!(in_use(store.release_values("sn", &one).await.map(drop)));
        store.draw(&one, NOW).await.unwrap().unwrap();
        assert!(in_use(store.release_values("sn", &one).await.map(drop)));
        store.cancel_job(&job.id, NOW).await.unwrap();
        store.draw(&one, NOW).await.unwrap();
        store.release_values("sn", &one).await.unwrap();
        store.remove_value_source("sn").await.unwrap();
        // The same once more: its source is gone.
        assert!(matches!(store.again(&job.id, "ada", NOW).await, Err(Error::NoSuch { .. })));
    }

    async fn first_boot_settings_have_the_values(place: &Place) {
        let store = place.open().await;
        sequence(&store, "sn", "07", "09").await;
        server(&store, "erp", None).await;
        project(&store, &["sn"]).await;
        let with = async |values: &[&str], hostname: &str| {
            let values = values.iter().map(|&value| value.into()).collect();
            let first_boot = [("hostname".to_owned(), hostname.to_owned())].into();
            let project = Project { values, first_boot, ..store.project("p").await.unwrap() };
            store.put_project(&project).await.unwrap();
        };
        let hostname = async |job: &str| store.plan(job).await.unwrap().first_boot["hostname"].clone();
        with(&["sn"], "gate-{sn}-{serial8}").await;
        let (one, two) = (board(&store, 1).await, board(&store, 2).await);
        let asked_one = asked(&store, &one).await;
        // Looking at what would be done draws nothing.
        assert_eq!(store.would(&asked_one).await.unwrap().first_boot["hostname"], "gate-07-00000001");
        assert_eq!(store.value_source("sn").await.unwrap().given, 0);
        let job = store.make_job(&asked_one, NOW).await.unwrap();
        assert_eq!(hostname(&job.id).await, "gate-07-00000001");
        // Given back, it isn't done again with what another board may have now.
        store.cancel_job(&job.id, NOW).await.unwrap();
        assert_eq!(hostname(&store.again(&job.id, "ada", NOW).await.unwrap().id).await, "gate-07-00000001");
        let open = store.board(&one).await.unwrap().job.unwrap();
        store.cancel_job(&open, NOW).await.unwrap();
        store.release_values("sn", &one).await.unwrap();
        assert_eq!(values(&store, &two).await.unwrap(), "sn=07");
        assert!(matches!(store.again(&job.id, "ada", NOW).await, Err(Error::BadValue { what: "values", .. })));
        assert_eq!(store.value_source("sn").await.unwrap().given, 1);
        // Of a server they come later.
        with(&["sn", "erp"], "{place}-{sn}").await;
        let job = store.make_job(&asked(&store, &two).await, NOW).await.unwrap();
        let asks = store.claim_asks(&job.id, NOW).await.unwrap().unwrap();
        let answer = |name: &str| Values::from([(name.into(), "berlin".into())]);
        store.put_answer(&asks, &answer("town"), NOW).await.unwrap_err();
        assert_eq!(store.draw(&two, NOW).await.unwrap(), None);
        store.put_answer(&asks, &answer("place"), NOW).await.unwrap();
        assert_eq!(hostname(&job.id).await, "berlin-07");
    }

    async fn two_sources_of_one_name_are_refused(place: &Place) {
        let store = place.open().await;
        sequence(&store, "pin", "1", "9").await;
        table(&store, "keys", None, "pin\nx\n").await;
        project(&store, &[]).await;
        for draws in [&["pin", "keys"][..], &["pin", "pin"], &["nothing"]] {
            let project = Project { values: draws.iter().map(|&draw| draw.into()).collect(), ..store.project("p").await.unwrap() };
            store.put_project(&project).await.unwrap_err();
        }
        // A newer file may bring it; then nothing is given.
        table(&store, "more", None, "word\nx\n").await;
        project(&store, &["pin", "more"]).await;
        upload(&store, "more", None, "pin\nx\ny\n").await;
        let one = board(&store, 1).await;
        assert!(matches!(values(&store, &one).await, Err(Error::BadValue { .. })));
        let left = store.value_sources().await.unwrap().iter().map(|source| source.given).sum::<u64>();
        assert_eq!(left, 0);
        for name in ["Pin", "a b", "", "serial", "x".repeat(33).as_str()] {
            let of = range_of_values("1", "2", 1).unwrap();
            let new = NewValueSource { name: name.into(), of, warn: None };
            assert!(matches!(store.add_value_source(&new, None, "ada", NOW).await, Err(Error::BadValue { .. })));
        }
    }

    async fn a_rule_whose_values_are_used_up_says_so(place: &Place) {
        let store = place.open().await;
        sequence(&store, "sn", "1", "1").await;
        project(&store, &["sn"]).await;
        store.arm(true).await.unwrap();
        let new = NewRule { name: "all".into(), position: None, any: true, matching: Matching::default(), what: What::Project { project: "p".into() } };
        store.add_rule(&new).await.unwrap();
        let (one, two) = (board(&store, 1).await, board(&store, 2).await);
        let Arrival::Starts(job) = store.arrive(&one, NOW).await.unwrap() else { panic!() };
        assert_eq!(said(&store.plan(&job.id).await.unwrap().values), "sn=1");
        let Arrival::Broken { rule, why } = store.arrive(&two, NOW).await.unwrap() else { panic!() };
        assert_eq!((rule.as_str(), why.as_str()), ("all", "the values of `sn` are used up: all its values were given"));
        let floor = store.places(std::slice::from_ref(&two)).await.unwrap();
        let waits = crate::station::store::Waits::NoValues { rule: "all".into(), source: "sn".into() };
        assert_eq!(floor[0].waits, Some(waits));
        // What the attempt has keeps its values.
        let drawn = store.draw(&one, NOW).await.unwrap().unwrap();
        assert_eq!(store.run(&drawn.run).await.unwrap().detail["values"]["sn"], "1");
    }

    async fn a_rule_that_cannot_start_uses_up_no_values(place: &Place) {
        let store = place.open().await;
        sequence(&store, "sn", "1", "9").await;
        project(&store, &["sn"]).await;
        let first_boot = [("hostname".to_owned(), "{sn}-{slot}".to_owned())].into();
        store.put_project(&Project { first_boot, ..store.project("p").await.unwrap() }).await.unwrap();
        store.arm(true).await.unwrap();
        let new = NewRule { name: "all".into(), position: None, any: true, matching: Matching::default(), what: What::Project { project: "p".into() } };
        store.add_rule(&new).await.unwrap();
        let one = board(&store, 1).await;
        // The board is in no slot: it has no such value.
        let Arrival::Broken { why, .. } = store.arrive(&one, NOW).await.unwrap() else { panic!() };
        assert!(why.contains("the board has no value `slot`"), "{why}");
        assert_eq!(store.board(&one).await.unwrap().stuck, Some(why));
        let source = store.value_source("sn").await.unwrap();
        assert_eq!((source.left, source.given), (Some(9), 0));
        // Nor does one whose image can't have what it is to get; another thing that is asked for is another thing.
        let first_boot = [("hostname".to_owned(), "gw-{sn}".to_owned())].into();
        store.put_project(&Project { first_boot, ..store.project("p").await.unwrap() }).await.unwrap();
        let asked = store.would_start(&one, false).await.unwrap().unwrap();
        let unfit = crate::station::store::Unfit { asked, why: "no".into() };
        let Arrival::Broken { why, .. } = store.arrive_unless(&one, Some(&unfit), NOW).await.unwrap() else { panic!() };
        assert_eq!((why.as_str(), store.value_source("sn").await.unwrap().given), ("no", 0));
        let mut other = unfit;
        other.asked.end = crate::device_api::End::Reboot;
        let Arrival::Starts(job) = store.arrive_unless(&one, Some(&other), NOW).await.unwrap() else { panic!() };
        assert_eq!(said(&store.plan(&job.id).await.unwrap().values), "sn=1");
        assert_eq!(store.would_start(&one, false).await.unwrap(), None, "it has something to do");
    }

    async fn a_value_that_cannot_be_is_told_with_its_source(place: &Place) {
        let store = place.open().await;
        table(&store, "hv", None, "hn\ngood\nbad host!\n").await;
        project(&store, &["hv"]).await;
        let first_boot = [("hostname".to_owned(), "{hn}".to_owned())].into();
        store.put_project(&Project { first_boot, ..store.project("p").await.unwrap() }).await.unwrap();
        let (one, two) = (board(&store, 1).await, board(&store, 2).await);
        values(&store, &one).await.unwrap();
        let error = values(&store, &two).await.unwrap_err().to_string();
        assert!(error.contains("hostname: ") && error.ends_with(": `hn` is `bad host!`, of `hv`, row 2"), "{error}");
    }

    async fn a_server_is_asked_before_the_board_has_its_job(place: &Place) {
        let store = place.open().await;
        server(&store, "erp", Some("pin")).await;
        sequence(&store, "sn", "1", "9").await;
        project(&store, &["erp", "sn"]).await;
        let (one, two) = (board(&store, 1).await, board(&store, 2).await);
        let job = store.make_job(&asked(&store, &one).await, NOW).await.unwrap();
        assert!(job.waits.unwrap().contains("`erp` is to be asked"));
        assert_eq!(store.draw(&one, NOW).await.unwrap(), None);
        assert_eq!(store.due_asks(std::slice::from_ref(&two), NOW).await.unwrap(), Vec::<String>::new());
        assert_eq!(store.due_asks(std::slice::from_ref(&one), NOW).await.unwrap(), std::slice::from_ref(&job.id));
        let asks = store.claim_asks(&job.id, NOW).await.unwrap().unwrap();
        assert_eq!((asks.source.as_str(), asks.secret.as_str(), asks.tries), ("erp", "secret", 0));
        // Another station doesn't ask meanwhile.
        assert_eq!(store.claim_asks(&job.id, NOW).await.unwrap(), None);
        let waits = store.put_no_answer(&asks, ("it is slow", Kind::Unavailable), Some(NOW + 10), NOW).await.unwrap();
        assert_eq!(waits.waits.unwrap(), "the server of `erp` gives no values: it is slow");
        assert_eq!(store.draw(&one, NOW).await.unwrap(), None);
        assert_eq!(store.claim_asks(&job.id, NOW + 9).await.unwrap(), None);
        let asks = store.claim_asks(&job.id, NOW + 10).await.unwrap().unwrap();
        assert_eq!(asks.tries, 1);
        let no_pin = Values::from([("word".into(), "x".into())]);
        assert!(matches!(store.put_answer(&asks, &no_pin, NOW).await, Err(Error::BadValue { .. })));
        let pin = Values::from([("pin".into(), "0042".into())]);
        let ready = store.put_answer(&asks, &pin, NOW).await.unwrap();
        assert_eq!(ready.waits, None);
        assert_eq!(said(&store.plan(&job.id).await.unwrap().values), "pin=0042 sn=1");
        assert!(store.draw(&one, NOW).await.unwrap().is_some());

        // The server gives another board the same: that job doesn't get it, and fails after enough tries.
        let job = store.make_job(&asked(&store, &two).await, NOW).await.unwrap();
        let asks = store.claim_asks(&job.id, NOW).await.unwrap().unwrap();
        let error = store.put_answer(&asks, &pin, NOW).await.unwrap_err();
        assert!(error.to_string().contains("has the same value `pin` already"), "{error}");
        let failed = store.put_no_answer(&asks, ("\u{1b}twice", Kind::Unavailable), None, NOW).await.unwrap();
        assert_eq!((failed.state, failed.fence), (JobState::Failed, 1));
        let record = store.run(&failed.run.unwrap()).await.unwrap();
        assert_eq!(record.ending.word(), "failed");
        assert_eq!(store.draw(&two, NOW).await.unwrap(), None);
        // Again: it is asked again. The board that has them isn't asked for any more.
        let again = store.again(&job.id, "ada", NOW).await.unwrap();
        assert_eq!(store.due_asks(std::slice::from_ref(&two), NOW).await.unwrap(), [again.id]);
    }

    /// 100 at once, from two stations on one store.
    async fn many_at_once_get_each_their_own(place: &Place) {
        let store = place.open().await;
        sequence(&store, "sn", "0001", "0090").await;
        let rows: String = (0..90).map(|n| format!("{n}\n")).collect();
        table(&store, "keys", None, &format!("pin\n{rows}")).await;
        project(&store, &["sn", "keys"]).await;
        let other = place.open().await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..100 {
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            tasks.spawn(async move {
                let board = board(&store, n).await;
                values(&store, &board).await
            });
        }
        let (mut got, mut used_up) = (0, 0);
        while let Some(done) = tasks.join_next().await {
            match done.unwrap() {
                Ok(_) => got += 1,
                Err(Error::UsedUp { .. }) => used_up += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((got, used_up), (90, 10));
        assert_eq!((once(&store, "sn").await.len(), once(&store, "keys").await.len()), (90, 90));
        assert_eq!(store.boards(&BoardsAsked::default(), There::default()).await.unwrap().items.len(), 50);
    }
}
