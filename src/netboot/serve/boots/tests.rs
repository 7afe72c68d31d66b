use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use super::*;
use crate::board::Mac;
use crate::dhcp::pi::{self, DhcpClient};
use crate::netboot::steps::{Book, Offer, Sign, Signal, Trouble};
use crate::run::ledger::Ledger;
use crate::run::{self, Record};

/// Boards that boot, as far as the servers hear them; the time is the test's.
struct Lab {
    dir: tempfile::TempDir,
    runs: Runs,
    told: Receiver<run::Event>,
    warnings: Arc<Mutex<Vec<String>>>,
    book: Book,
    now: Moment,
}

fn id(n: u8) -> Id {
    Id::Mac(Mac::new([0xdc, 0xa6, 0x32, 0, 0, n]))
}

fn client(stage: pi::Stage) -> DhcpClient {
    DhcpClient {
        stage,
        serial: Some(crate::board::Serial::of_low(0x9c1d_03f2)),
        revision: Some(0x00c0_3114),
        arch: Some(0),
    }
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (tell, told) = channel();
        let runs = Runs::new(Arc::new(tell), Ledger::open(dir.path()).unwrap());
        Self { dir, runs, told, warnings: Arc::default(), book: Book::default(), now: Moment::now() }
    }

    /// What the boards send comes to this.
    fn with<T>(&mut self, act: impl FnOnce(&mut Self, &mut Boots<'_>) -> T) -> (T, Totals) {
        let (runs, warnings) = (self.runs.clone(), Arc::clone(&self.warnings));
        let tell = move |event: &Event| {
            if let What::Warning { text } = &event.what {
                warnings.lock().unwrap().push(format!("{text:?}"));
            }
        };
        let mut boots = Boots::new(&runs, &tell);
        let result = act(self, &mut boots);
        (result, boots.end(true))
    }

    fn pass(&mut self, seconds: f64) {
        let time = Duration::from_secs_f64(seconds);
        self.now = Moment { time: self.now.time + time, at: self.now.at + time };
    }

    fn hear(&mut self, boots: &mut Boots<'_>, n: u8, signal: &Signal) {
        self.pass(0.5);
        for told in self.book.hear(id(n), signal, self.now.at) {
            self.news(boots, told.id, told.step);
        }
    }

    fn news(&self, boots: &mut Boots<'_>, id: Id, step: Step) {
        let steps = self.book.get(id);
        boots.take(News::Step(Stepped {
            id,
            step,
            board: id.who(steps, &crate::board::Known::default()),
            stage: steps.unwrap().run_stage(),
            trail: steps.unwrap().trail(),
            moment: self.now,
        }));
    }

    fn silence(&mut self, boots: &mut Boots<'_>, seconds: f64) {
        self.pass(seconds);
        for told in self.book.tick(self.now.at) {
            self.news(boots, told.id, told.step);
        }
    }

    fn begin(&mut self, boots: &mut Boots<'_>, n: u8) {
        self.hear(boots, n, &Signal::Discover(client(pi::Stage::Eeprom4)));
        let from = Ipv4Addr::new(10, 0, 0, 1);
        self.hear(boots, n, &Signal::Offer(Offer { from, ours: true, boots: true, address: None }));
    }

    fn fetch(&mut self, boots: &mut Boots<'_>, n: u8, files: &[&str]) {
        for file in files {
            self.hear(boots, n, &Signal::Asked((*file).to_owned()));
            self.hear(boots, n, &Signal::Sent((*file).to_owned(), 1000));
        }
    }

    fn all(&self) -> Vec<Record> {
        let ledger = Ledger::open(self.dir.path()).unwrap();
        ledger.records().unwrap().filter_map(|found| found.record).collect()
    }
}

const WHOLE: [&str; 5] = ["start4.elf", "config.txt", "kernel8.img", "bcm2711-rpi-4-b.dtb", "cmdline.txt"];

#[test]
fn a_boot_is_on_record_from_its_first_discover_to_its_system() {
    let mut lab = Lab::new();
    let (_, totals) = lab.with(|lab, boots| {
        lab.hear(boots, 1, &Signal::Discover(client(pi::Stage::Eeprom4)));
        let first = lab.all().pop().unwrap();
        assert_eq!((first.ending.word(), first.stage), ("unfinished", Stage::Address));
        lab.begin(boots, 1);
        lab.fetch(boots, 1, &WHOLE);
        lab.hear(boots, 1, &Signal::Nfs);
    });
    assert_eq!(totals, Totals { boards: 1, up: 1, stuck: 0 });
    let record = lab.all().pop().unwrap();
    assert_eq!(record.ending, Ending::Done { proof: Proof::Board });
    assert_eq!((record.stage, record.way), (Stage::Root, Way::NetBoot));
    assert_eq!(
        serde_json::to_value(&record.board).unwrap(),
        serde_json::json!({
            "mac": "dc:a6:32:00:00:01", "serial": "9c1d03f2", "chip": "bcm2711", "model": "Pi 4B",
        })
    );
    let boot = Boot::of(&record).unwrap();
    assert_eq!(
        boot.trail,
        "DISCOVER → OFFER → start4.elf → config.txt → kernel8.img → device tree → loaded → system"
    );
    assert_eq!((boot.files, boot.bytes, boot.up_by), (5, 5000, Some(Sign::Nfs)));
    assert_eq!((boot.loaded_after, boot.up_after, record.seconds), (Some(6.0), Some(6.5), Some(6.5)));
    let events: Vec<_> = lab.told.try_iter().collect();
    assert_eq!(events.first().map(|event| event.what.word()), Some("began"));
    assert_eq!(events.last().map(|event| event.what.word()), Some("ended"));
    // Told late, it has the time at which it was heard.
    assert_eq!(events.last().unwrap().time, lab.now.time);
    let stages: Vec<_> = events.iter().map(|event| event.stage).collect();
    assert!(stages.is_sorted() && stages.contains(&Stage::Firmware) && stages.contains(&Stage::Kernel));
}

#[test]
fn every_way_to_stop_has_its_ending() {
    let mut lab = Lab::new();
    let (_, totals) = lab.with(|lab, boots| {
        lab.hear(boots, 1, &Signal::Discover(client(pi::Stage::Rom)));
        lab.begin(boots, 2);
        lab.begin(boots, 3);
        lab.hear(boots, 3, &Signal::Asked("start.elf".to_owned()));
        lab.hear(boots, 3, &Signal::Missing("start.elf".to_owned()));
        lab.begin(boots, 4);
        lab.fetch(boots, 4, &WHOLE[..2]);
        lab.begin(boots, 5);
        lab.fetch(boots, 5, &WHOLE);
        lab.silence(boots, 41.0);
        lab.silence(boots, 80.0);
        lab.silence(boots, 80.0);
    });
    assert_eq!(totals, Totals { boards: 5, up: 0, stuck: 5 });
    let ended: Vec<_> = lab
        .all()
        .iter()
        .map(|record| (record.ending.word(), record.stage, Boot::of(record).unwrap().trouble.unwrap()))
        .collect();
    assert_eq!(
        ended,
        [
            ("failed", Stage::Address, Trouble::Unanswered),
            ("failed", Stage::Address, Trouble::NoRequest),
            ("failed", Stage::Firmware, Trouble::MissingFile),
            ("lost", Stage::Firmware, Trouble::Silent),
            ("not verified", Stage::Root, Trouble::NoSystem),
        ]
    );
    assert!(lab.all().iter().all(|record| record.ending.why().is_some() && record.ending.hint().is_some()));
    let missing = &lab.all()[2];
    assert_eq!(missing.ending.kind(), Some(Kind::NoInput));
    let boot = Boot::of(missing).unwrap();
    assert_eq!((boot.missing[0].path.as_str(), boot.missing[0].fatal), ("start.elf", true));
}

#[test]
fn a_board_that_starts_again_is_another_run() {
    let mut lab = Lab::new();
    let (_, totals) = lab.with(|lab, boots| {
        // Reset while it fetches; after it lacks its firmware; after its kernel started; after it came up.
        lab.begin(boots, 1);
        lab.fetch(boots, 1, &WHOLE[..2]);
        lab.begin(boots, 1);
        lab.hear(boots, 1, &Signal::Asked("start.elf".to_owned()));
        lab.hear(boots, 1, &Signal::Missing("start.elf".to_owned()));
        lab.begin(boots, 1);
        lab.fetch(boots, 1, &WHOLE);
        lab.begin(boots, 1);
        lab.fetch(boots, 1, &WHOLE);
        lab.hear(boots, 1, &Signal::Request(client(pi::Stage::PiHost)));
        // Without DHCP: it has an address of its own.
        lab.fetch(boots, 1, &WHOLE[..1]);
    });
    assert_eq!(totals, Totals { boards: 1, up: 1, stuck: 1 });
    let ended: Vec<_> = lab
        .all()
        .iter()
        .map(|record| (record.ending.word(), record.ending.why().map(str::to_owned)))
        .collect();
    let why = |text: &str| Some(text.to_owned());
    assert_eq!(
        ended,
        [
            ("lost", why("it started from the beginning")),
            ("failed", why("start.elf is missing, and the board has stopped asking")),
            (
                "not verified",
                why(
                    "it has fetched all that it needs, and it started from the beginning before its system was seen"
                )
            ),
            ("done", None),
            ("failed", why("serving ended before the board had all that it needs")),
        ]
    );
    assert_eq!(lab.all()[4].ending.kind(), Some(Kind::Interrupted));
}

#[test]
fn a_board_that_was_given_up_and_goes_on_has_a_second_record_of_the_same_boot() {
    let mut lab = Lab::new();
    lab.with(|lab, boots| {
        lab.begin(boots, 1);
        lab.fetch(boots, 1, &WHOLE);
        lab.silence(boots, 130.0);
        lab.pass(60.0);
        lab.hear(boots, 1, &Signal::Nfs);
    });
    let [first, second] = &lab.all()[..] else { panic!("{:#?}", lab.all()) };
    let (first, second) = if first.ending.is_done() { (second, first) } else { (first, second) };
    assert_eq!((first.ending.word(), second.ending.word()), ("not verified", "done"));
    assert_eq!(
        (first.started, Boot::of(second).unwrap().goes_on.as_ref()),
        (second.started, Some(&first.run))
    );
    assert!(second.seconds > first.seconds);
}

#[test]
fn a_board_that_asks_for_ever_makes_one_record() {
    let mut lab = Lab::new();
    let (_, totals) = lab.with(|lab, boots| {
        for _ in 0..100 {
            lab.hear(boots, 1, &Signal::Discover(client(pi::Stage::Eeprom4)));
            lab.silence(boots, 40.0);
        }
    });
    assert_eq!((totals, lab.all().len()), (Totals { boards: 1, up: 0, stuck: 1 }, 1));
}

#[test]
fn a_board_that_starts_again_and_again_fills_no_disk() {
    let mut lab = Lab::new();
    lab.with(|lab, boots| {
        for _ in 0..200 {
            lab.begin(boots, 1);
            lab.fetch(boots, 1, &WHOLE[..1]);
        }
        lab.begin(boots, 2);
    });
    // 64 and one for each ten minutes, and no ten minutes have passed; and the other board's.
    assert_eq!(lab.all().len(), 65);
    let warnings = lab.warnings.lock().unwrap();
    assert!(warnings.len() < 9 && warnings[0].contains("start again too often"), "{warnings:?}");
    let began = lab.told.try_iter().filter(|event| matches!(event.what, run::What::Began)).count();
    assert_eq!(began, 201, "each is told all the same");
}

#[test]
fn invented_boards_use_up_what_all_have_together() {
    let mut lab = Lab::new();
    let (_, totals) = lab.with(|lab, boots| {
        boots.allowance.left = 10;
        for n in 0..45 {
            lab.hear(boots, n, &Signal::Discover(client(pi::Stage::Rom)));
        }
    });
    // Ten, and two more in the twenty seconds that it took.
    assert_eq!((lab.all().len(), totals.boards), (12, 45));
}

#[test]
fn where_nothing_can_be_recorded_boards_boot_all_the_same() {
    let mut lab = Lab::new();
    std::fs::remove_dir(lab.dir.path().join("runs")).unwrap();
    let (_, totals) = lab.with(|lab, boots| {
        for n in 1..=20 {
            lab.begin(boots, n);
            lab.fetch(boots, n, &WHOLE);
            lab.hear(boots, n, &Signal::Nfs);
        }
    });
    assert_eq!(totals.up, 20);
    let warnings = lab.warnings.lock().unwrap();
    assert!((1..9).contains(&warnings.len()) && warnings[0].contains("not recorded"), "{warnings:?}");
    let done = lab
        .told
        .try_iter()
        .filter(|event| matches!(&event.what, run::What::Ended(ending) if ending.is_done()));
    assert_eq!(done.count(), 20);
}

#[test]
fn boards_that_nobody_follows_any_more_take_no_memory() {
    let mut lab = Lab::new();
    let (kept, totals) = lab.with(|lab, boots| {
        for n in 0..1100u32 {
            let [_, _, a, b] = n.to_be_bytes();
            let mac = Id::Mac(Mac::new([0xdc, 0xa6, 0x32, 9, a, b]));
            lab.pass(0.01);
            for told in lab.book.hear(mac, &Signal::Asked("start4.elf".to_owned()), lab.now.at) {
                let gone = told.step == Step::Forgotten;
                let steps = lab.book.get(told.id);
                assert_eq!(gone, steps.is_none());
                boots.take(News::Step(Stepped {
                    id: told.id,
                    step: told.step,
                    board: told.id.who(steps, &crate::board::Known::default()),
                    stage: Stage::Firmware,
                    trail: String::new(),
                    moment: lab.now,
                }));
            }
        }
        boots.boards.len()
    });
    assert_eq!((kept, totals.boards), (1024, 1100));
    let lost = lab.told.try_iter().filter(
        |event| matches!(&event.what, run::What::Ended(Ending::Lost { why, .. }) if why.contains("than are followed")),
    );
    assert_eq!(lost.count(), 1100 - 1024);
}

fn told(grade: Grade) -> Told {
    let reason =
        crate::netboot::reason::Reason::Refused { why: crate::dhcp::event::Refusal::Taken, address: None };
    Told { reason, grade, why: "it is so".to_owned(), hint: "this helps".into() }
}

#[test]
fn why_a_board_gets_nothing_is_in_its_record() {
    let mut lab = Lab::new();
    lab.with(|lab, boots| {
        for (n, grade) in [(1, Grade::Warning), (2, Grade::Note)] {
            lab.hear(boots, n, &Signal::Discover(client(pi::Stage::Eeprom4)));
            lab.hear(boots, n, &Signal::Reason(told(grade)));
            lab.hear(boots, n, &Signal::Reason(told(grade)));
        }
        lab.silence(boots, 30.0);
    });
    let warnings: Vec<_> = lab.all().into_iter().map(|record| record.warnings).collect();
    assert_eq!(warnings, [vec!["it is so. this helps".into()], vec![]]);
    for record in lab.all() {
        assert_eq!(Boot::of(&record).unwrap().reasons, [told(Grade::Note).reason]);
        assert_eq!(
            (record.ending.why(), record.ending.hint()),
            (Some("it is so"), Some(&"this helps".into()))
        );
    }
    let words: Vec<_> =
        lab.told.try_iter().map(|event| event.what.word()).filter(|word| *word == "reason").collect();
    assert_eq!(words.len(), 2, "each is told once");
}

#[test]
fn what_comes_after_the_end_of_a_boot_is_told_and_kept_all_the_same() {
    let mut lab = Lab::new();
    let told_of = Arc::new(Mutex::new(0));
    let runs = lab.runs.clone();
    let count = Arc::clone(&told_of);
    let tell = move |event: &Event| {
        if let What::Reason { board, told } = &event.what {
            assert_eq!((board.mac.is_some(), told.why.as_str()), (true, "it is so"));
            *count.lock().unwrap() += 1;
        }
    };
    let mut boots = Boots::new(&runs, &tell);
    lab.begin(&mut boots, 1);
    lab.fetch(&mut boots, 1, &WHOLE);
    lab.hear(&mut boots, 1, &Signal::Nfs);
    lab.hear(&mut boots, 1, &Signal::Reason(told(Grade::Warning)));
    let record = lab.all().pop().unwrap();
    assert!(record.ending.is_done());
    assert_eq!((record.warnings.len(), Boot::of(&record).unwrap().reasons.len()), (1, 1));
    assert_eq!(*told_of.lock().unwrap(), 1);
}
