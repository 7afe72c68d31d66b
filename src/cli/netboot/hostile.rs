//! What boards, servers and switches say on a network can't write the terminal.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::serve::{end, show};
use super::watch::tell;
use crate::board::{Mac, Who};
use crate::cli::screen::Screen;
use crate::cli::ui::Ui;
use crate::cli::ui::memory::{every, texts};
use crate::config::netboot::Mode;
use crate::dhcp;
use crate::dhcp::packet::Kind;
use crate::dhcp::pi;
use crate::netboot::content::limits::{Limit, TooLarge};
use crate::netboot::reason::{Grade, Reason, Told};
use crate::netboot::serve::{Event, InterfaceChange, Totals, What};
use crate::netboot::servers::{Role, Sighting};
use crate::netboot::steps::{Happened, Offer, Part, Sign, Step, Trouble};
use crate::netboot::watch::answer::{Answer, Doubt, Verdict};
use crate::netboot::watch::picture::{Other, Seen};
use crate::run::{self, RunId, Stage, Way};
use crate::wire::bpdu::{Bpdu, State, Version};

const MAC: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

fn told(text: &str) -> Told {
    let reason = Reason::Unsent { message: Kind::Offer, unsaved: false, error: text.to_owned() };
    Told { reason, grade: Grade::Warning, why: text.to_owned(), hint: text.into() }
}

fn steps(text: &str) -> Vec<Step> {
    let text = || text.to_owned();
    every![Step;
        Step::Discover { .. } => [Step::Discover { count: 1, program: pi::Stage::Rom }],
        Step::Again => [Step::Again],
        Step::Offer(_) => [Step::Offer(Offer { from: IP, ours: false, boots: true, address: None })],
        Step::Address { .. } => [Step::Address { address: IP }],
        Step::Reason(_) => [Step::Reason(told(&text()))],
        Step::Part { .. } => [Step::Part { part: Part::Firmware, path: text() }],
        Step::Got { .. } => [Step::Got { path: text(), bytes: 1 }],
        Step::Probe { .. } => [Step::Probe { path: text() }],
        Step::Absent { .. } => [Step::Absent { path: text() }],
        Step::Missing { .. } => [Step::Missing { path: text(), then: text(), fatal: true }],
        Step::Broken { .. } => [Step::Broken { path: text(), why: text() }],
        Step::Stuck { .. } => [Step::Stuck {
            trouble: Trouble::Silent, why: text(), hint: text().into(),
        }],
        Step::Forgotten => [Step::Forgotten],
        Step::Loaded { .. } => [Step::Loaded { files: 1, bytes: 1, seconds: 1.0 }],
        Step::Up { .. } => [Step::Up { by: Sign::Dhcp, seconds: 1.0 }],
    ]
}

fn events(text: &str) -> Vec<What> {
    let some = || Some(text.to_owned());
    let limits = vec![Limit::Blocks { blksize: 1, most: 1 }];
    let unsaved = dhcp::event::Event::Unsaved { path: text.into(), why: text.to_owned() };
    every![What;
        What::Serving { .. } => [What::Serving {
            interface: text.to_owned(), address: IP, mode: Mode::Proxy, range: None, tftp_root: text.into(),
            tftp: "10.0.0.1:69".parse().ok(), tftp_server: None, clients: 1, further: vec![text.to_owned()],
            fixed: 0, relayed: vec![text.to_owned()],
        }],
        What::Dhcp { .. } => [What::Dhcp { dhcp: unsaved }],
        What::TooLarge(_) => [What::TooLarge(TooLarge {
            path: text.to_owned(), bytes: 1, client: some(), limits,
        })],
        What::Clients { .. } => [What::Clients { count: 1 }],
        What::Reason { .. } => [What::Reason { board: Who::named(text), told: told(text) }],
        What::Server(_) => [What::Server(Sighting {
            ip: IP, mac: None, role: Role::Rival, grade: Grade::Warning, why: text.to_owned(), hint: text.into(),
        })],
        What::Interface { .. } => [What::Interface {
            interface: text.to_owned(), change: InterfaceChange::Moved, address: IP,
        }],
        What::Admitted { .. } => [What::Admitted { pid: 1, uid: 0, boards: vec![MAC] }],
        What::Withdrawn { .. } => [
            What::Withdrawn { pid: 1, uid: 0, boards: vec![MAC], why: text.to_owned() },
            What::Withdrawn { pid: 1, uid: 0, boards: vec![], why: text.to_owned() },
        ],
        What::Warning { .. } => [What::Warning { text: text.into() }],
    ]
}

fn seen(text: &str) -> Vec<Seen> {
    let option66 = Some(text.to_owned());
    let doubts = vec![Doubt::Name { option66: text.to_owned() }];
    let answer =
        Answer { server: None, address: None, siaddr: None, option66, verdict: Verdict::Boots, doubts };
    let tree = Bpdu {
        version: Version::Stp,
        state: State::Forwarding,
        root: text.to_owned(),
        bridge: text.to_owned(),
        port: 1,
        forward_delay: Duration::from_secs(1),
        hello: Duration::from_secs(1),
    };
    let others = every![Other;
        Other::Pc { .. } => [Other::Pc { mac: MAC, arch: 1 }],
        Other::Dhcpv6 { .. } => [Other::Dhcpv6 { mac: MAC, arch: Some(41), boots: true, hint: text.into() }],
        Other::Server { .. } => [Other::Server { ip: IP, mac: MAC, answer, tftp: IP }],
        Other::Tree(_) => [Other::Tree(tree)],
        Other::Arp { .. } => [Other::Arp { mac: MAC, target: IP }],
    ];
    let board = |step| Seen::Board { board: Who::named(text), model: None, step };
    others.into_iter().map(Seen::Other).chain(steps(text).into_iter().map(board)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_of_serve_writes_the_terminal(text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json, ..ui };
        let screen = Screen::of_service(&ui);
        for what in events(&text) {
            let hint = matches!(what, What::Reason { .. } | What::Server(_)) && !text.is_empty();
            show(&ui, &screen, &Event { time: Timestamp::UNIX_EPOCH, what });
            prop_assert_eq!(memory.take_clean().len(), if json { 1 } else { 1 + usize::from(hint) });
        }
        for step in steps(&text) {
            let hint = matches!(step, Step::Reason(_)) && !text.is_empty();
            let happened = run::What::detail(Happened { step, trail: text.clone() });
            screen.event(&run::Event {
                time: Timestamp::UNIX_EPOCH,
                run: RunId::new(1),
                way: Way::NetBoot,
                board: Arc::new(Who::named(text.clone())),
                stage: Stage::Firmware,
                done: 1,
                total: None,
                what: happened,
            });
            prop_assert_eq!(memory.take_clean().len(), if json { 1 } else { 1 + usize::from(hint) });
        }
        end(&ui, &Totals::default());
        prop_assert_eq!(memory.take_clean().len(), 1);
    }

    #[test]
    fn nothing_that_watch_sees_writes_the_terminal(text in texts(), json: bool) {
        let (ui, memory) = Ui::remembering();
        let ui = Ui { json, ..ui };
        for seen in seen(&text) {
            let hint = match &seen {
                Seen::Board { step: Step::Stuck { .. }, .. } => true,
                Seen::Board { step: Step::Reason(_), .. } => !text.is_empty(),
                Seen::Other(Other::Server { .. } | Other::Dhcpv6 { .. }) => true,
                _ => false,
            };
            tell(&ui, &seen);
            prop_assert_eq!(memory.take_clean().len(), if json { 1 } else { 1 + usize::from(hint) });
        }
    }
}
