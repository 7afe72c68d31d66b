//! What a board tells over USB, and what lies in a payload, can't write the terminal.

use std::time::Duration;

use proptest::prelude::*;

use super::show::{Show, attached, summary};
use crate::board::identity::{Chip, Identity};
use crate::cli::ui::Ui;
use crate::cli::ui::memory::{every, texts};
use crate::error::Kind;
use crate::usb::event::{Ending, Event, Stage, What};
use crate::usb::lookup::Origin;
use crate::usb::message::BadName;
use crate::usb::metadata::Metadata;
use crate::usb::station::{Audience, Outcome};
use crate::usb::transport::Device;
use crate::usb::wait_for::Appeared;

const SECOND: Duration = Duration::from_secs(1);

fn endings(text: &str) -> Vec<Ending> {
    let (text, some) = (text.to_owned(), Some(text.to_owned()));
    let appeared = vec![Appeared { device: text.clone(), size_bytes: Some(1) }];
    every![Ending;
        Ending::Done { .. } => [Ending::Done { files: 1, bytes: 1, seconds: SECOND, appeared }],
        Ending::Failed { .. } => [Ending::Failed {
            stage: Stage::Open, why: text, hint: some.clone().map(Into::into), kind: Kind::Failed, last_file: some, files: 1,
        }],
    ]
}

fn events(text: &str) -> Vec<What> {
    let text = text.to_owned();
    let mut all = every![What;
        What::Seen { .. } => [What::Seen { state: Identity::Rom(Chip::Bcm2711) }],
        What::Serving { .. } => [What::Serving { dir: text.clone().into(), of_board: true }],
        What::Uploading { .. } => [What::Uploading { bytes: 1 }],
        What::Uploaded { .. } => [What::Uploaded { code: Some(1), seconds: SECOND }],
        What::Left => [What::Left],
        What::FilesBegin => [What::FilesBegin],
        What::Found { .. } => [What::Found { name: text.clone(), bytes: 1, origin: Origin::Base }],
        What::Missing { .. } => [What::Missing { name: text.clone() }],
        What::Refused { .. } => [What::Refused { name: text.clone(), why: BadName::Parent }],
        What::Progress { .. } => [What::Progress { name: text.clone(), sent: 1, bytes: 2 }],
        What::Sent { .. } => [What::Sent { name: text.clone(), bytes: 1, seconds: SECOND }],
        What::Told { .. } => [What::Told { key: text.clone(), value: text.clone() }],
        What::FilesEnd { .. } => [What::FilesEnd { files: 1 }],
        What::Note { .. } => [What::Note { text: text.clone() }],
        What::Appeared(_) => [What::Appeared(Appeared { device: text.clone(), size_bytes: None })],
        What::Ended(_) => [],
    ];
    all.extend(endings(&text).into_iter().map(What::Ended));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_writes_the_terminal(text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let mut show = Show::new(&Ui { json, ..ui }, None);
        for what in events(&text) {
            let event = Event { port: "1-1.2".parse().unwrap(), chip: Some(Chip::Bcm2711), serial: None, what };
            show.event(&event);
            let lines = memory.take_clean();
            prop_assert!(lines.len() <= 1, "{:?}", lines);
        }
        let device = Device {
            port: "1-1".parse().unwrap(), address: 1, vendor: 0x0a5c, product: 0x2711, serial_index: 3,
            serial: Some(text.clone()),
        };
        let known = attached(std::slice::from_ref(&device), None).len();
        show.waiting(Duration::from_secs(60), &[device]);
        prop_assert_eq!(memory.take_clean().len(), if json { 0 } else { 2 + known });
    }

    #[test]
    fn no_ending_writes_the_terminal(text in texts()) {
        let (ui, memory) = Ui::remembering();
        for ending in endings(&text) {
            let mut metadata = Metadata::default();
            metadata.take(&format!("KEY*{text}"));
            let more = if ending.is_done() { 0 } else { 2 };
            let outcome = Outcome { port: "1-1".parse().unwrap(), chip: None, serial: None, metadata, ending };
            summary(&ui, std::slice::from_ref(&outcome));
            prop_assert!(memory.take_clean().len() <= 1 + more);
            ui.object(&outcome);
            prop_assert_eq!(memory.take_clean().len(), 1);
        }
    }
}
