//! Deadlines, stages and what is told, with a clock that is turned by hand.

use super::*;
use crate::uboot::job::tests::Sample;
use crate::uboot::step::Content;

const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 21));

struct Clock(Instant);

impl Clock {
    fn after(&self, seconds: u64) -> Instant {
        self.0 + Duration::from_secs(seconds)
    }
}

fn watch() -> (BoardWatch, Clock, Vec<Event>) {
    let clock = Clock(Instant::now());
    let patience = Patience { boot: Some(Duration::from_secs(60)), silence: Duration::from_secs(30) };
    let mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
    (BoardWatch::new("lab-01".to_owned(), mac, 0x77, patience, clock.0), clock, Vec::new())
}

fn text(answer: Answer) -> String {
    match answer {
        Answer::Send(Content::Bytes(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn why(watch: &BoardWatch) -> (&str, Option<&str>, Option<&Remedy>, Kind) {
    match watch.ending() {
        Some(Ending::Failed { why, last_seen, hint, kind }) => {
            (why, last_seen.as_deref(), hint.as_ref(), *kind)
        }
        other => panic!("{other:?}"),
    }
}

/// Does what a step's order says, and gives the next order.
fn do_step(
    order: &str,
    watch: &mut BoardWatch,
    sample: &Sample,
    clock: &Clock,
    events: &mut Vec<Event>,
) -> String {
    let value = |name: &str| order.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let (n, file) = (value("pp_n="), value("pp_file="));
    let bytes = match watch.ask(&format!("00000077/{file}"), sample, clock.0, events) {
        Answer::Send(Content::Bytes(bytes)) => bytes.to_vec(),
        Answer::Send(Content::Range { start, len }) => sample.range(start, len),
        other => panic!("{other:?}"),
    };
    let path = format!("00000077/read/{n}/{:x}", crc32fast::hash(&bytes));
    loop {
        match watch.ask(&path, sample, clock.0, events) {
            Answer::Later => {}
            other => break text(other),
        }
    }
}

#[test]
fn a_board_that_never_comes_fails_when_its_time_is_up() {
    let (mut watch, clock, mut events) = watch();
    watch.resetting("gpiochip0:17".to_owned(), &mut events);
    watch.tick(clock.after(500), &[], &mut events);
    assert!(watch.ending().is_none(), "the clock starts at the reset's end");
    watch.reset_done(true, clock.after(1), &mut events);
    watch.tick(clock.after(60), &[], &mut events);
    assert!(watch.ending().is_none());
    watch.tick(clock.after(61), &[], &mut events);
    let (why, last_seen, hint, kind) = why(&watch);
    assert_eq!(why, "nothing was heard of dc:a6:32:01:02:03 in 60 s after the reset");
    assert_eq!((last_seen, kind), (None, Kind::Unavailable));
    assert!(hint.unwrap().says("recovery card"));
    assert_eq!(watch.stage(), Stage::Boot);
    let told = events.len();
    watch.tick(clock.after(99), &[], &mut events);
    assert_eq!(events.len(), told, "it ends once");
}

#[test]
fn what_was_seen_on_the_wire_changes_the_advice() {
    let (mut watch, clock, mut events) = watch();
    watch.reset_done(true, clock.0, &mut events);
    watch.frame_seen(BoardFrame::DhcpRequest, clock.after(22));
    watch.tick(clock.after(60), &["aa:bb:cc:dd:ee:f0 (10.0.0.9)".to_owned()], &mut events);
    let (_, last_seen, hint, _) = why(&watch);
    assert_eq!(last_seen, Some("a DHCP request of that board 22 s after the reset, no TFTP request"));
    assert!(hint.unwrap().says("firewall"));

    let (mut watch, clock, mut events) = self::watch();
    watch.reset_done(true, clock.0, &mut events);
    watch.tick(clock.after(60), &["aa:bb:cc:dd:ee:f0 (10.0.0.9)".to_owned()], &mut events);
    assert!(self::why(&watch).2.unwrap().says("aa:bb:cc:dd:ee:f0"));
}

#[test]
fn a_board_that_stops_in_the_middle_is_told_with_what_it_did_last() {
    let sample = Sample::new(0);
    let (mut watch, clock, mut events) = watch();
    watch.reset_done(true, clock.0, &mut events);
    text(watch.ask("job/2000-14000", &sample, clock.after(5), &mut events));
    assert_eq!(watch.stage(), Stage::Fetch);
    watch.ask("00000077/table_boot", &sample, clock.after(6), &mut events);
    watch.fetched("00000077/table_boot", clock.after(7), &mut events);
    assert_eq!(watch.stage(), Stage::Write);
    // 17 KiB at 1 MiB/s are nothing: 30 s of silence are the limit.
    watch.tick(clock.after(36), &[], &mut events);
    assert!(watch.ending().is_none());
    watch.tick(clock.after(37), &[], &mut events);
    let (why, last_seen, _, kind) = why(&watch);
    assert_eq!(why, "table without the system: nothing was heard of the board for 0:30");
    assert_eq!((last_seen, kind), (Some("all of table without the system, at 0:07"), Kind::Unavailable));
    assert!(matches!(
        watch.ask("00000077/table_boot", &sample, clock.after(38), &mut events),
        Answer::NotFound(_)
    ));
}

#[test]
fn time_for_writing_is_given_only_where_a_board_may_be_writing() {
    let sample = Sample::new(0);
    // A part has 512 KiB, which takes a second; 30 s of silence are allowed.
    const PART: u64 = 512 << 10;
    for (sent, limit) in [(PART / 2, 30), (PART - 5000, 31), (PART, 31)] {
        let (mut watch, clock, mut events) = watch();
        let table = text(watch.ask("job/2000-14000", &sample, clock.0, &mut events));
        do_step(&table, &mut watch, &sample, &clock, &mut events);
        let path = "00000077/rpi_image_part_0";
        watch.ask(path, &sample, clock.0, &mut events);
        watch.progress(path, sent, clock.0, &mut events);
        if sent == PART {
            watch.fetched(path, clock.0, &mut events);
        }
        watch.tick(clock.after(limit - 1), &[], &mut events);
        assert!(watch.ending().is_none(), "{sent}");
        watch.tick(clock.after(limit), &[], &mut events);
        assert!(watch.ending().is_some(), "{sent}");
    }
}

#[test]
fn who_asks_before_the_answer_is_known_is_told_to_wait_in_time() {
    let sample = Sample::new(0);
    let (mut watch, clock, mut events) = watch();
    let table = text(watch.ask("job/2000-14000", &sample, clock.0, &mut events));
    do_step(&table, &mut watch, &sample, &clock, &mut events);
    // The sample knows no checksum at the first two questions.
    let sum = crc32fast::hash(&sample.range(8 << 20, 512 << 10));
    let path = format!("00000077/read/1/{sum:x}");
    let later = |watch: &mut BoardWatch, millis: u64, events: &mut Vec<Event>| {
        watch.ask(&path, &sample, clock.0 + Duration::from_millis(millis), events)
    };
    assert_eq!(later(&mut watch, 0, &mut events), Answer::Later);
    assert_eq!(text(later(&mut watch, 500, &mut events)), "pp_do=wait\npp_job=00000077\n");
    assert!(text(later(&mut watch, 1600, &mut events)).starts_with("pp_do=write\npp_job=00000077\npp_n=2\n"));
    // A file can't be a word.
    assert_eq!(watch.job().wait("00000077/rpi_image_part_1"), None);
    assert_eq!(watch.job().wait("00000078/read/1/0"), None);
}

#[test]
fn progress_counts_only_what_belongs_to_the_step_in_hand() {
    let sample = Sample::new(0);
    let (mut watch, clock, mut events) = watch();
    watch.ask("job/2000-14000", &sample, clock.after(1), &mut events);
    watch.ask("00000077/table_boot", &sample, clock.after(1), &mut events);
    events.clear();
    watch.progress("00000077/rpi_image_part_0", 5, clock.after(2), &mut events);
    watch.fetched("00000077/rpi_image_part_0", clock.after(2), &mut events);
    assert!(events.is_empty());
    watch.progress("00000077/table_boot", 5000, clock.after(2), &mut events);
    watch.progress("00000077/table_boot", 4000, clock.after(2), &mut events);
    assert_eq!(events.len(), 1, "progress never goes back");
    assert_eq!(events[0].what, What::Progress { sent: 5000, bytes: 17_408 });
    assert_eq!(events[0].total_bytes, 2 << 20);
}

#[test]
fn silence_after_everything_is_proved_is_done_with_a_note() {
    let sample = Sample::new(0);
    let (mut watch, clock, mut events) = watch();
    let mut answer = text(watch.ask("job/2000-14000", &sample, clock.0, &mut events));
    while answer.starts_with("pp_do=write") {
        answer = do_step(&answer, &mut watch, &sample, &clock, &mut events);
    }
    assert!(answer.starts_with("pp_do=done"));
    assert_eq!(watch.stage(), Stage::Report);
    assert!(watch.ending().is_none());
    watch.tick(clock.after(19), &[], &mut events);
    assert!(watch.ending().is_none());
    watch.tick(clock.after(20), &[], &mut events);
    assert_eq!(watch.ending(), Some(&Ending::Done { proof: crate::run::Proof::ReadBack }));
    assert!(
        events.iter().any(|event| matches!(&event.what, What::Note { text } if text.contains("last word")))
    );
    assert_eq!(watch.steps().len(), 1 + 4 + 1 + 1);
    assert!(matches!(watch.ask("00000077/OK", &sample, clock.after(21), &mut events), Answer::Send(_)));
}

#[test]
fn only_what_the_board_asks_counts_as_heard() {
    let sample = Sample::new(0);
    let (mut watch, clock, mut events) = watch();
    let other = IpAddr::from([10, 0, 0, 66]);
    let mac = watch.mac();
    let table = move |ip| if ip == IP { Some(mac) } else { Some(Mac::new([2, 0, 0, 0, 0, 1])) };
    watch.reset_done(true, clock.0, &mut events);
    for second in 0..60 {
        for (ip, path) in [
            (other, "job/2000-14000"),
            (IP, "config.txt"),
            (IP, "\u{1b}[2Jdone"),
            (IP, "deadbeef/OK"),
            (IP, "rpi_image_part_0"),
            (IP, "job/"),
        ] {
            let answer = watch.ask_from((ip, &table), path, &sample, clock.after(second), &mut events);
            assert!(matches!(answer, Answer::NotFound(_)), "{path}");
        }
        assert!(watch.upload_from((IP, &table), "FAILED", &mut events).is_err());
    }
    assert!(!watch.was_heard() && watch.ending().is_none());
    // Each reason is told once, and nothing that came with a request.
    let told: Vec<_> = events.iter().filter(|event| matches!(event.what, What::Refused { .. })).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(!format!("{events:?}").contains("\\u{1b}"));
    watch.tick(clock.after(60), &[], &mut events);
    let (why, _, hint, _) = why(&watch);
    assert!(why.contains("nothing was heard") && hint.unwrap().says("was refused"), "{hint:?}");
    let notes = events.iter().filter(|event| matches!(&event.what, What::Note { text } if text.starts_with("60 ") || text.starts_with("120 ")));
    assert_eq!(notes.count(), 3, "{events:?}");
}

#[test]
fn an_original_card_is_never_verified() {
    let mut sample = Sample::new(0);
    sample.make_original();
    let len = sample.len();
    let right = u32::try_from(len - (4 << 20)).unwrap();
    for (bytes, done) in
        [(right.to_le_bytes().to_vec(), true), ((right + 512).to_le_bytes().to_vec(), false), (vec![], true)]
    {
        let (watch, clock, mut events) = watch();
        let mut watch = watch.with_original_card();
        assert!(matches!(watch.ask("rpi_image_part_0", &sample, clock.0, &mut events), Answer::Send(_)));
        assert!(watch.original_report("OK", &bytes, &Known::Is(len)));
        watch.tick(clock.0, &[], &mut events);
        match watch.ending() {
            Some(Ending::NotVerified { .. }) => assert!(done),
            Some(Ending::Failed { why, .. }) => assert!(!done && why.contains("instead of"), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(events.last().map(|event| &event.what), Some(What::Ended(_))));
        assert!(!watch.original_report("OK", &bytes, &Known::Is(len)), "the second is a stale one");
    }
}

#[test]
fn an_end_from_outside_ends_the_job_too() {
    let sample = Sample::new(0);
    let (mut watch, clock, mut events) = watch();
    watch.ask("job/2000-14000", &sample, clock.0, &mut events);
    watch.end(Stage::Prepare, Kind::BadData, "damaged".to_owned(), None, &mut events);
    watch.end(Stage::Reset, Kind::Io, "later".to_owned(), None, &mut events);
    assert_eq!(why(&watch).0, "damaged");
    assert!(matches!(watch.ask("job/2000-14000", &sample, clock.0, &mut events), Answer::NotFound(_)));
}

#[test]
fn what_was_read_back_was_fetched_before_whenever_the_server_says_so() {
    let sample = Sample::new(0);
    for late in [true, false] {
        let (mut watch, clock, mut events) = watch();
        watch.reset_done(true, clock.0, &mut events);
        text(watch.ask("job/2000-14000", &sample, clock.0, &mut events));
        let Answer::Send(Content::Bytes(bytes)) =
            watch.ask("00000077/table_boot", &sample, clock.0, &mut events)
        else {
            panic!()
        };
        let fetched = |watch: &mut BoardWatch, events: &mut Vec<Event>| {
            watch.fetched("00000077/table_boot", clock.0, events);
        };
        if !late {
            fetched(&mut watch, &mut events);
        }
        let read = format!("00000077/read/0/{:x}", crc32fast::hash(&bytes));
        watch.ask(&read, &sample, clock.0, &mut events);
        fetched(&mut watch, &mut events);
        let told = |event: &Event| match &event.what {
            What::Fetched { .. } => Some("fetched"),
            What::Equal { .. } => Some("equal"),
            _ => None,
        };
        assert_eq!(events.iter().filter_map(told).collect::<Vec<_>>(), ["fetched", "equal"], "{late}");
    }
}
