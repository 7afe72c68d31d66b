//! What boards are served is chosen board by board, and so is how.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use piprov::board::{Chip, Who};
use piprov::config::usb::BoardRule;
use piprov::run::Runs;
use piprov::stop::Stop;
use piprov::usb::boot::BootOptions;
use piprov::usb::choose::{Choose, Decision, Seen, Serving};
use piprov::usb::lookup::{Payload, PayloadOptions};
use piprov::usb::plan::OnePayload;
use piprov::usb::record::UsbBoot;
use piprov::usb::rules::Rules;
use piprov::usb::service::{self, Audience, Outcome, Service};

use crate::usb_model::Ask::{Done, File};
use crate::usb_model::{Files, ModelBus, Rom, rom, server, with_serial};

/// What was told, by port.
#[derive(Default)]
struct Told {
    ended: BTreeMap<String, Outcome>,
    left: Vec<(String, String)>,
}

fn port(board: &Who) -> String {
    board.port.unwrap().to_string()
}

impl Audience for Told {
    fn ended(&mut self, outcome: Outcome) {
        self.ended.insert(port(&outcome.record.board), outcome);
    }

    fn left_alone(&mut self, board: &Who, why: &str) {
        self.left.push((port(board), why.to_owned()));
    }
}

/// Boots what is on the bus until all that are served have ended.
fn boot(bus: &ModelBus, choose: &dyn Choose) -> Told {
    boot_some(bus, choose, None)
}

fn boot_some(bus: &ModelBus, choose: &dyn Choose, boards: Option<usize>) -> Told {
    let mut told = Told::default();
    let runs = Runs::unkept(Arc::new(channel().0));
    let service = Service { boards, ..Service::default() };
    service::run(Arc::new(bus.clone()), choose, &service, &Stop::new().unwrap(), &runs, &mut told).unwrap();
    bus.check();
    told
}

fn newer() -> Files {
    Files::new(&[("bootcode4.bin", 1000), ("config.txt", 11)])
}

fn older() -> Files {
    let files = Files::new(&[("bootcode.bin", 2000), ("config.txt", 12)]);
    files.put("bootcode.sig", &[0xab; 20]);
    files
}

fn serving(files: &Files, signed: bool) -> Decision {
    let payload = Payload::open(&files.path(), &PayloadOptions::default()).unwrap();
    let options = BootOptions { signed, ..BootOptions::default() };
    let plan = Arc::new(OnePayload(Arc::new(payload)));
    Decision::Serve(Serving { plan, options: Arc::new(options) })
}

const ASKS: [crate::usb_model::Ask; 2] = [File("config.txt"), Done];

fn plug(bus: &ModelBus, port: &str, product: u16) {
    bus.plug(port, [rom(product, Rom::Answers(0)), server(product, &ASKS)]);
}

#[test]
fn boards_of_two_chips_at_once_get_each_its_own_payload_in_its_own_way() {
    let (newer, older) = (newer(), older());
    let bus = ModelBus::new();
    plug(&bus, "1-1", 0x2711);
    plug(&bus, "1-2", 0x2764);
    let asked = Mutex::new(Vec::new());
    let choose = |seen: &Seen| {
        asked.lock().unwrap().push((port(&seen.board), seen.board.chip, seen.ids));
        match seen.board.chip {
            Some(Chip::Bcm2711) => serving(&newer, false),
            _ => serving(&older, true),
        }
    };
    let told = boot(&bus, &choose);
    assert!(told.ended.values().all(|outcome| outcome.record.ending.is_done()));
    let lens = |port| bus.got(port).iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>();
    assert_eq!((lens("1-1"), lens("1-2")), (vec![20, 1000, 11], vec![20, 2000, 12]));
    let signature = |port| bus.got(port)[0].1.clone();
    assert_eq!((signature("1-1"), signature("1-2")), (vec![0; 20], vec![0xab; 20]));
    // Once for a boot, in the boot ROM: what was said then holds to its end.
    let mut asked = asked.into_inner().unwrap();
    asked.sort();
    assert_eq!(
        asked,
        [
            ("1-1".to_owned(), Some(Chip::Bcm2711), (0x0a5c, 0x2711)),
            ("1-2".to_owned(), Some(Chip::Bcm2837), (0x0a5c, 0x2764)),
        ]
    );
}

#[test]
fn a_board_is_left_alone_and_that_is_told_once_for_each_reason() {
    let files = newer();
    let bus = ModelBus::new();
    plug(&bus, "1-1", 0x2764);
    // Boots of others change the bus, and each change asks again.
    for port in ["1-2", "1-3", "1-4"] {
        plug(&bus, port, 0x2711);
    }
    let asked = AtomicUsize::new(0);
    let choose = |seen: &Seen| match port(&seen.board).as_str() {
        "1-1" => {
            asked.fetch_add(1, Ordering::Relaxed);
            Decision::Leave("no slot is at this port".to_owned())
        }
        _ => serving(&files, false),
    };
    let told = boot(&bus, &choose);
    assert_eq!(told.ended.keys().collect::<Vec<_>>(), ["1-2", "1-3", "1-4"]);
    assert_eq!(told.left, [("1-1".to_owned(), "no slot is at this port".to_owned())]);
    assert!(asked.load(Ordering::Relaxed) > 1, "the answer may change while it waits");
    assert_eq!(bus.opened("1-1"), 0, "nothing is done to it");
}

#[test]
fn a_board_that_was_left_alone_is_served_once_the_answer_is_another() {
    let files = newer();
    let bus = ModelBus::new();
    plug(&bus, "1-1", 0x2711);
    plug(&bus, "1-2", 0x2711);
    let other_is_done = AtomicUsize::new(0);
    let choose = |seen: &Seen| match port(&seen.board).as_str() {
        "1-1" if other_is_done.fetch_add(1, Ordering::Relaxed) == 0 => Decision::Leave("not yet".to_owned()),
        _ => serving(&files, false),
    };
    let told = boot(&bus, &choose);
    assert_eq!(told.left.len(), 1);
    assert!(told.ended.len() == 2 && told.ended.values().all(|outcome| outcome.record.ending.is_done()));
}

#[test]
fn rules_of_the_settings_choose_and_the_record_says_which() {
    let (newer, older) = (newer(), older());
    let rule = |serial: Option<&str>, chip, files: &Files| BoardRule {
        serial: serial.map(|serial| serial.parse().unwrap()),
        chip,
        payload: Some(files.path()),
        ..BoardRule::default()
    };
    let own = Files::new(&[("bootcode4.bin", 3000), ("config.txt", 13)]);
    let rules = vec![
        rule(Some("10000000af04b2da"), None, &own),
        BoardRule { signed: true, ..rule(None, Some(Chip::Bcm2837), &older) },
        BoardRule { chip: Some(Chip::Bcm2712), leave: true, ..BoardRule::default() },
    ];
    let rules = Rules::new(rules, Vec::new(), BootOptions::default(), serving(&newer, false));
    let bus = ModelBus::new();
    let server = || server(0x2711, &ASKS);
    bus.plug("1-1", [with_serial(rom(0x2711, Rom::Answers(0)), "af04b2da"), server()]);
    bus.plug("1-2", [with_serial(rom(0x2711, Rom::Answers(0)), "af04b2d0"), server()]);
    plug(&bus, "1-3", 0x2764);
    bus.plug("1-4", [with_serial(rom(0x2712, Rom::Answers(0)), "4d01ab99")]);
    // It is told of the board that is left alone also when no more boards are wanted.
    let told = boot_some(&bus, &rules, Some(3));
    let lens = |port| bus.got(port).iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>();
    assert_eq!((lens("1-1"), lens("1-2")), (vec![20, 3000, 13], vec![20, 1000, 11]));
    assert_eq!((lens("1-3"), bus.got("1-3")[0].1.clone()), (vec![20, 2000, 12], vec![0xab; 20]));
    assert_eq!(told.left, [("1-4".to_owned(), "rule 3 is for chip BCM2712".to_owned())]);
    let why = |port: &str| UsbBoot::of(&told.ended[port].record).unwrap().why;
    assert_eq!(why("1-1").as_deref(), Some("rule 1 is for serial 10000000af04b2da"));
    assert_eq!(why("1-2"), None);
    assert_eq!(why("1-3").as_deref(), Some("rule 2 is for chip BCM2837"));
}
