//! What a board, a name or the system says can't write the terminal through the events of a run.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::board::Who;
use crate::cli::ui::memory::{every, texts};
use crate::error::{Kind, Remedy};
use crate::run::{Detail, Proof, Record, Stage, Way};

/// A detail of a way that says what a board told.
#[derive(Debug, serde::Serialize)]
struct Said(String);

impl Detail for Said {
    fn word(&self) -> &'static str {
        "said"
    }

    fn line(&self) -> Option<String> {
        Some(self.0.clone())
    }

    fn weight(&self) -> Weight {
        Weight::Unusual
    }

    fn at(&self) -> Option<String> {
        Some(self.0.clone())
    }

    fn facts(&self) -> Map<String, Value> {
        [("said".to_owned(), self.0.clone().into())].into_iter().collect()
    }
}

pub(in crate::cli) fn endings(text: &str) -> Vec<Ending> {
    let (why, last_seen) = (text.to_owned(), Some(text.to_owned()));
    let hint = Some(Remedy::from(text));
    every![Ending;
        Ending::Unfinished => [Ending::Unfinished],
        Ending::Done { .. } => [
            Ending::Done { proof: Proof::ReadBack },
            Ending::Done { proof: Proof::Board },
            Ending::Done { proof: Proof::Host },
        ],
        Ending::NotVerified { .. } => [Ending::NotVerified { why: why.clone(), hint: hint.clone() }],
        Ending::Failed { .. } => [
            Ending::Failed { why: why.clone(), last_seen, hint: hint.clone(), kind: Kind::Failed },
        ],
        Ending::Lost { .. } => [Ending::Lost { why, hint }],
    ]
}

fn whats(text: &str) -> Vec<What> {
    let mut all = every![What;
        What::Began => [What::Began],
        What::Entered => [What::Entered],
        What::Progress => [What::Progress],
        What::Note(_) => [What::Note(text.to_owned())],
        What::Warning(_) => [What::Warning(text.into())],
        What::Detail(_) => [What::detail(Said(text.to_owned()))],
        What::Ended(_) => [],
    ];
    all.extend(endings(text).into_iter().map(What::Ended));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_writes_the_terminal(name in texts(), text in texts(), json: bool, service: bool, bars: bool) {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json, bars, ..ui };
        let screen = if service { Screen::of_service(&ui) } else { Screen::new(&ui, [name.as_str()]) };
        let board = Arc::new(Who::named(name));
        for (n, what) in whats(&text).into_iter().enumerate() {
            let event = Event {
                time: jiff::Timestamp::UNIX_EPOCH,
                run: RunId::new(n as u64 % 3),
                way: Way::Flash,
                board: Arc::clone(&board),
                stage: Stage::Fetch,
                done: 5,
                total: Some(10),
                what,
            };
            screen.event(&event);
            if let Some(bar) = screen.state.lock().unwrap().rows.get(&event.run).and_then(|row| row.bar.as_ref()) {
                bar.shown().iter().for_each(|line| drop(crate::cli::ui::memory::clean(line)));
            }
        }
        screen.finish();
        for line in memory.take_clean() {
            prop_assert!(!json || serde_json::from_str::<Value>(&line).is_ok(), "{line}");
        }
    }

    #[test]
    fn no_summary_writes_the_terminal(name in texts(), text in texts(), json: bool, result: bool, narrow: bool) {
        let (ui, memory) = Ui::remembering();
        let width = narrow.then_some(40);
        let ui = Ui { json, width_out: width, width_err: width, ..ui };
        let started = jiff::Timestamp::UNIX_EPOCH;
        let records: Vec<_> = endings(&text)
            .into_iter()
            .map(|ending| {
                let mut record = Record::begin(RunId::new(1), Way::Flash, Who::named(name.clone()), started);
                (record.ending, record.seconds) = (ending, Some(f64::MAX));
                record
            })
            .collect();
        let summary = if result { Summary::as_result(&ui) } else { Summary::as_message(&ui) };
        let ended = summary.finish(&records, |_| Facts {
            bytes: Some(u64::MAX),
            rated: true,
            text: vec![text.clone()],
            more: vec![("peer", text.clone())],
        });
        prop_assert!(ended.is_err());
        memory.take_clean();
    }
}

#[test]
fn a_log_tells_what_happened_and_a_service_the_hint_too() {
    let (ui, memory) = Ui::remembering();
    let ui = Ui { colour_err: false, verbose: 0, ..ui };
    let board = Arc::new(Who::named("lab-01"));
    let tell = |screen: &Screen, what| {
        screen.event(&Event {
            time: jiff::Timestamp::UNIX_EPOCH,
            run: RunId::new(1),
            way: Way::UsbBoot,
            board: Arc::clone(&board),
            stage: Stage::FileServer,
            done: 0,
            total: None,
            what,
        });
    };
    let failed =
        || Ending::Failed { why: "x".into(), last_seen: None, hint: Some("y".into()), kind: Kind::Failed };
    for service in [false, true] {
        let screen = if service { Screen::of_service(&ui) } else { Screen::new(&ui, []) };
        tell(&screen, What::Began);
        tell(&screen, What::Entered);
        tell(&screen, What::detail(Said("has all".into())));
        tell(&screen, What::Ended(failed()));
        let lines: Vec<_> = memory
            .take_clean()
            .iter()
            .map(|line| line.split_once("Z ").map_or(line.clone(), |(_, rest)| rest.into()))
            .collect();
        let mut want = vec!["lab-01 has all", "lab-01 failed in file-server: x"];
        if service {
            want.push("  hint: Y.");
        }
        assert_eq!(lines, want);
    }
}
