//! What a board, a name or the system says can't write the terminal through the events of a flash.

use std::time::Duration;

use proptest::prelude::*;

use super::show::Show;
use super::summary::finish;
use crate::board::Mac;
use crate::cli::ui::Ui;
use crate::cli::ui::memory::{every, texts};
use crate::error::Kind;
use crate::uboot::event::{Ending, Event, Stage, What};
use crate::uboot::peer::Bound;
use crate::uboot::record::{ImageRecord, Run};

const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);

fn endings(text: &str) -> Vec<Ending> {
    let (text, some) = (text.to_owned(), Some(text.to_owned()));
    every![Ending;
        Ending::Done { .. } => [
            Ending::Done { authenticated: true, bound: Bound::Database },
            Ending::Done { authenticated: false, bound: Bound::Database },
        ],
        Ending::NotVerified { .. } => [Ending::NotVerified { why: text.clone(), hint: some.clone().map(Into::into) }],
        Ending::Failed { .. } => [Ending::Failed {
            why: text.clone(), last_seen: some.clone(), hint: some.clone().map(Into::into), kind: Kind::Failed,
        }],
    ]
}

fn events(text: &str) -> Vec<What> {
    let text = text.to_owned();
    let time = Duration::from_secs(1);
    let mut all = every![What;
        What::Staged { .. } => [What::Staged { path: text.clone(), bytes: 1, time }],
        What::Resetting { .. } => [What::Resetting { how: text.clone() }],
        What::Reset => [What::Reset],
        What::Booted { .. } => [What::Booted { peer: None, uboot_start: 1, uboot_len: 1, before: 1 }],
        What::Fetching { .. } => [What::Fetching { step: 1, label: text.clone(), bytes: 1 }],
        What::Progress { .. } => [What::Progress { sent: 1, bytes: 2 }],
        What::Fetched { .. } => [What::Fetched { label: text.clone(), bytes: 1, time }],
        What::Equal { .. } => [What::Equal { step: 1, label: text.clone(), bytes: 1, crc32: text.clone(), time }],
        What::Again { .. } => [What::Again { label: text.clone(), why: text.clone() }],
        What::Refused { .. } => [What::Refused { peer: std::net::Ipv4Addr::LOCALHOST.into(), why: text.clone() }],
        What::Note { .. } => [What::Note { text: text.clone() }],
        What::Ended(_) => [],
    ];
    all.extend(endings(&text).into_iter().map(What::Ended));
    all
}

fn run(target: &str, ending: Ending) -> Run {
    Run {
        schema: 1,
        job: target.to_owned(),
        target: target.to_owned(),
        mac: MAC,
        ip: None,
        started: jiff::Timestamp::UNIX_EPOCH,
        seconds: 1.0,
        stage: Stage::Boot,
        ending,
        image: ImageRecord {
            name: target.to_owned(),
            format: String::new(),
            raw_len: None,
            file_sha256: None,
            raw_sha256: None,
        },
        card: None,
        bytes: 1,
        steps: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_writes_the_terminal(name in texts(), text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let show = Show::new(&Ui { json, ..ui }, &[(name.clone(), MAC)], 4);
        for what in events(&text) {
            let event =
                Event { target: name.clone(), mac: MAC, stage: Stage::Fetch, done_bytes: 1, total_bytes: 2, what };
            show.event(&event);
            let lines = memory.take_clean();
            prop_assert!(lines.len() <= 1, "{:?}", lines);
            prop_assert!(!json || lines.len() == 1, "{:?}", lines);
        }
    }

    #[test]
    fn no_ending_writes_the_terminal(name in texts(), text in texts(), json: bool, width in 0usize..200) {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json, width_out: (width > 40).then_some(width), ..ui };
        for ending in endings(&text) {
            let more = if let Ending::Failed { .. } = ending { 2 } else { 1 };
            let _ = finish(&ui, &[run(&name, ending)]);
            let lines = memory.take_clean();
            prop_assert!(width > 40 || lines.len() <= 1 + more, "{:?}", lines);
            // What was wrapped is indented.
            prop_assert!(json || lines.iter().skip(1).all(|line| line.starts_with(' ')), "{:?}", lines);
        }
    }
}
