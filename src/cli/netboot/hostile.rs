//! What boards, servers and switches say on a network can't write the terminal.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::serve::Screen;
use super::watch::tell;
use crate::board::Mac;
use crate::cli::ui::Ui;
use crate::cli::ui::memory::{every, texts};
use crate::config::netboot::Mode;
use crate::dhcp;
use crate::dhcp::pi::Stage;
use crate::netboot::content::limits::{Limit, TooLarge};
use crate::netboot::serve::{Board, Event};
use crate::netboot::steps::{Id, Offer, Part, Step};
use crate::netboot::watch::answer::{Answer, Verdict};
use crate::netboot::watch::bpdu::{Bpdu, State, Version};
use crate::netboot::watch::picture::Seen;

const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

fn steps(text: &str) -> Vec<Step> {
    let text = || text.to_owned();
    every![Step;
        Step::Discover { .. } => [Step::Discover { count: 1, stage: Stage::Rom }],
        Step::Again => [Step::Again],
        Step::Offer(_) => [Step::Offer(Offer { from: IP, ours: false, boots: true, address: None })],
        Step::Address { .. } => [Step::Address { address: IP }],
        Step::Part { .. } => [Step::Part { part: Part::Firmware, path: text() }],
        Step::Got { .. } => [Step::Got { path: text(), bytes: 1 }],
        Step::Probe { .. } => [Step::Probe { path: text() }],
        Step::Absent { .. } => [Step::Absent { path: text() }],
        Step::Missing { .. } => [Step::Missing { path: text(), then: text(), fatal: true }],
        Step::Broken { .. } => [Step::Broken { path: text(), why: text() }],
        Step::Stuck { .. } => [Step::Stuck { why: text(), hint: text().into() }],
        Step::Loaded { .. } => [Step::Loaded { files: 1, bytes: 1, seconds: 1.0 }],
        Step::Up { .. } => [Step::Up { by: "x", seconds: 1.0 }],
    ]
}

fn events(text: &str) -> Vec<Event> {
    let some = || Some(text.to_owned());
    let limits = vec![Limit::Blocks { blksize: 1, most: 1 }];
    let unsaved = dhcp::event::Event::Unsaved { path: text.into(), why: text.to_owned() };
    let mut all = every![Event;
        Event::Serving { .. } => [Event::Serving {
            interface: text.to_owned(), address: IP, mode: Mode::Proxy, range: None, tftp_root: text.into(),
            tftp: "10.0.0.1:69".parse().unwrap(), clients: 1,
        }],
        Event::Board(_) => [],
        Event::Progress { .. } => [Event::Progress {
            board: Id::Mac(MAC), path: text.to_owned(), bytes: 1, total: None,
        }],
        Event::Dhcp { .. } => [Event::Dhcp { dhcp: unsaved }],
        Event::TooLarge(_) => [Event::TooLarge(TooLarge {
            path: text.to_owned(), bytes: 1, client: some(), limits,
        })],
        Event::Clients { .. } => [Event::Clients { count: 1 }],
        Event::Warning { .. } => [Event::Warning { text: text.into() }],
    ];
    all.extend(steps(text).into_iter().map(|step| {
        Event::Board(Board {
            board: Id::Mac(MAC),
            client: some(),
            model: None,
            serial: some(),
            address: None,
            trail: text.to_owned(),
            fetched: 1,
            step,
        })
    }));
    all
}

fn seen(text: &str) -> Vec<Seen> {
    let some = || Some(text.to_owned());
    let answer =
        Answer { server: None, address: None, siaddr: None, option66: some(), verdict: Verdict::Boots };
    let tree = Bpdu {
        version: Version::Stp,
        state: State::Forwarding,
        root: text.to_owned(),
        bridge: text.to_owned(),
        port: 1,
        forward_delay: Duration::from_secs(1),
        hello: Duration::from_secs(1),
    };
    let mut all = every![Seen;
        Seen::Board { .. } => [],
        Seen::Pc { .. } => [Seen::Pc { mac: MAC, arch: 1 }],
        Seen::Server { .. } => [Seen::Server { ip: IP, mac: MAC, answer, tftp: IP }],
        Seen::Tree(_) => [Seen::Tree(tree)],
        Seen::Arp { .. } => [Seen::Arp { mac: MAC, target: IP }],
    ];
    let board = |step| Seen::Board { board: Id::Ip(IP), model: None, serial: some(), step };
    all.extend(steps(text).into_iter().map(board));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_of_serve_writes_the_terminal(text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let screen = Screen::new(&Ui { json, ..ui });
        for event in events(&text) {
            let hint = matches!(&event, Event::Board(Board { step: Step::Stuck { .. }, .. }));
            let silent = matches!(&event, Event::Progress { .. });
            screen.event(&event);
            let lines = if json { 1 } else { 1 + usize::from(hint) };
            prop_assert_eq!(memory.take_clean().len(), if silent { 0 } else { lines });
        }
        screen.end();
        prop_assert_eq!(memory.take_clean().len(), usize::from(!json));
    }

    #[test]
    fn nothing_that_watch_sees_writes_the_terminal(text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json, ..ui };
        for seen in seen(&text) {
            let hint = matches!(&seen, Seen::Board { step: Step::Stuck { .. }, .. });
            tell(&ui, &seen);
            prop_assert_eq!(memory.take_clean().len(), if json { 1 } else { 1 + usize::from(hint) });
        }
    }
}
