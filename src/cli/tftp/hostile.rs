//! What comes in TFTP's packets can't write the terminal.

use std::time::Duration;

use proptest::prelude::*;

use super::Log;
use crate::cli::ui::Ui;
use crate::cli::ui::memory::{every, texts};
use crate::tftp::event::{Event, Reason, What};
use crate::tftp::options::{Agreed, Policy, Wanted};
use crate::tftp::packet::{Code, Direction};

fn events(text: &str) -> Vec<What> {
    let (text, direction) = (text.to_owned(), Direction::Read);
    let agreed = Agreed::new(&Wanted::default(), None, &Policy::default());
    every![What;
        What::Requested { .. } => [What::Requested { direction }],
        What::Started { .. } => [What::Started { direction, bytes: Some(5 << 20), options: agreed }],
        What::Progress { .. } => [What::Progress { bytes: 1, total: Some(2) }],
        What::Finished { .. } => [What::Finished {
            direction, bytes: 1, elapsed: Duration::from_secs(1), retransmits: 1,
        }],
        What::Probed => [What::Probed],
        What::Refused { .. } => [What::Refused { code: Code::NOT_FOUND, message: text.clone() }],
        What::Failed { .. } => [What::Failed { why: text.clone(), bytes: 1 }],
        What::Malformed { .. } => [What::Malformed { why: text.clone() }],
        What::Crowded => [What::Crowded],
        What::More { .. } => [What::More { reason: Reason::Malformed, count: 2 }],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_writes_the_terminal(path in texts(), text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json, ..ui };
        let log = Log::new(&ui);
        for what in events(&text) {
            let started = matches!(what, What::Started { .. });
            let path = path.as_str().into();
            log.event(&Event { id: 1, peer: "10.0.0.3:1024".parse().unwrap(), path, what });
            prop_assert_eq!(memory.take_clean().len(), usize::from(json || !started));
        }
        log.summary();
        prop_assert_eq!(memory.take_clean().len(), 1);
    }
}
