//! docs/control.md says of each message of the control socket what it holds, and nothing else is said there.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use piprov::board::Who;
use piprov::config::netboot::Mode;
use piprov::control::message::{
    About, Give, LARGEST, LARGEST_UPLOAD, MOST_BOARDS, MOST_REQUESTS, Notice, SCHEMA, Seen, ToClient,
    ToServer, Why,
};
use piprov::run::Way;
use piprov::tftp::event::What;
use piprov::tftp::options::{Agreed, Policy, Wanted};
use piprov::tftp::packet::{Code, Direction};
use serde_json::Value;

/// The rows of the page: who says a message, and the words in backticks.
fn page() -> (String, BTreeMap<String, (String, BTreeSet<String>)>) {
    let text = std::fs::read_to_string("docs/control.md").unwrap();
    let mut page = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, message, from, members, _] = cells[..] else { continue };
        let Some(message) = message.strip_prefix('`').and_then(|message| message.strip_suffix('`')) else {
            continue;
        };
        let members = members.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(
            page.insert(message.to_owned(), (from.to_owned(), members)).is_none(),
            "{message} stands twice"
        );
    }
    (text, page)
}

/// All words of an object that a reader has to know: names of members, and texts that say which of several things it is.
fn words(value: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(all) = value else { return };
    for (name, value) in all {
        found.insert(name.clone());
        if matches!(&**name, "type" | "give" | "why" | "event" | "direction" | "serves" | "seen" | "about")
            && let Some(text) = value.as_str().filter(|text| !text.is_empty())
        {
            found.insert(text.to_owned());
        }
        words(value, found);
    }
}

/// One of each; what isn't here doesn't compile.
fn clients() -> Vec<ToServer> {
    let give = vec![
        Give::Range { start: 0, len: 1, padded: 1 },
        Give::Bytes,
        Give::Receive { limit: 1 },
        Give::Refuse { code: Code::ACCESS, text: String::new() },
        Give::Later,
    ];
    let known = |give: &Give| match give {
        Give::Range { .. } | Give::Bytes | Give::Receive { .. } | Give::Refuse { .. } | Give::Later => (),
    };
    give.iter().for_each(known);
    let name = piprov::arming::Name::Mac(piprov::board::Mac::new([2, 0, 0, 0, 0, 1]));
    let serial = piprov::arming::Name::Serial("10000000deadbeef".parse().unwrap());
    let mut all = vec![
        ToServer::Admit { schema: SCHEMA, boards: vec![], available: Some(1) },
        ToServer::Available { bytes: 1 },
        ToServer::Station { schema: SCHEMA },
        ToServer::Arm { id: 1, others: Some(true), boards: vec![] },
        ToServer::Rules { id: 1, after: Some(name) },
        ToServer::Rules { id: 1, after: Some(serial) },
        ToServer::Reset { id: 1, target: "x".to_owned() },
        ToServer::Offer { id: 1, boards: vec![], signature: "x".to_owned() },
    ];
    all.extend(give.into_iter().map(|give| ToServer::Answer { id: 1, give }));
    let known = |message: &ToServer| match message {
        ToServer::Admit { .. }
        | ToServer::Available { .. }
        | ToServer::Answer { .. }
        | ToServer::Station { .. }
        | ToServer::Arm { .. }
        | ToServer::Rules { .. }
        | ToServer::Reset { .. }
        | ToServer::Offer { .. } => (),
    };
    all.iter().for_each(known);
    all
}

fn servers() -> Vec<ToClient> {
    let options = Agreed::new(&Wanted::default(), None, &Policy::default());
    let direction = Direction::Read;
    let events = [
        What::Requested { direction },
        What::Started { direction, bytes: None, options },
        What::Progress { bytes: 1, total: None },
        What::Finished { direction, bytes: 1, elapsed: Duration::ZERO, retransmits: 0 },
        What::Probed,
        What::Refused { code: Code::ACCESS, message: String::new() },
        What::Failed { why: String::new(), bytes: 1 },
    ];
    let whys = [Why::Taken, Why::Full, Why::Image, Why::Schema, Why::Rules, Why::Ended];
    let known = |why: &Why| match why {
        Why::Taken | Why::Full | Why::Image | Why::Schema | Why::Rules | Why::Ended | Why::Other => (),
    };
    whys.iter().for_each(known);
    let open = |direction| ToClient::Open {
        id: 1,
        peer: "10.0.0.1:1".parse().unwrap(),
        local: "10.0.0.1".parse().unwrap(),
        path: "x".to_owned(),
        direction,
        options: Wanted::default(),
    };
    let mut all = vec![
        ToClient::Hello {
            schema: SCHEMA,
            version: "1".to_owned(),
            serves: "netboot".to_owned(),
            tftp: vec![],
        },
        ToClient::Admitted { boards: 1 },
        open(Direction::Read),
        open(Direction::Write),
        ToClient::Upload { id: 1 },
        ToClient::Over { id: 1 },
        ToClient::Serving {
            interface: Some("eth0".to_owned()),
            mode: Some(Mode::Dhcp),
            usb: true,
            others: true,
            rules: 1,
            targets: vec![],
        },
        ToClient::Done { id: 1, failed: Some("x".to_owned()), missing: true },
        ToClient::Words { id: 1, boards: vec![], more: true },
        ToClient::Run { event: Value::Null },
    ];
    let abouts = [About::Server, About::Board, About::Address, About::Interface, About::Host];
    let known = |about: &About| match about {
        About::Server | About::Board | About::Address | About::Interface | About::Host | About::Other => (),
    };
    abouts.iter().for_each(known);
    let time = "2026-01-02T03:04:05Z".parse().unwrap();
    let notice = |about| Notice::new(time, about, "x", "y", Some("z".into()), true);
    all.extend(abouts.into_iter().map(notice).map(ToClient::Notice));
    let seen =
        [Seen::Asks { answered: true }, Seen::Withheld, Seen::System, Seen::Cable, Seen::Began, Seen::Ended];
    let known = |seen: &Seen| match seen {
        Seen::Asks { .. }
        | Seen::Withheld
        | Seen::System
        | Seen::Cable
        | Seen::Began
        | Seen::Ended
        | Seen::Other => (),
    };
    seen.iter().for_each(known);
    all.extend(seen.into_iter().map(|seen| ToClient::Sighting {
        time: "2026-01-02T03:04:05Z".parse().unwrap(),
        board: Who::default(),
        way: Way::NetBoot,
        seen,
    }));
    all.extend(events.into_iter().map(|what| ToClient::Event { id: 1, what }));
    all.extend(whys.into_iter().map(|why| ToClient::Refused { why, text: String::new() }));
    let known = |message: &ToClient| match message {
        ToClient::Hello { .. }
        | ToClient::Admitted { .. }
        | ToClient::Refused { .. }
        | ToClient::Open { .. }
        | ToClient::Event { .. }
        | ToClient::Upload { .. }
        | ToClient::Over { .. }
        | ToClient::Serving { .. }
        | ToClient::Done { .. }
        | ToClient::Words { .. }
        | ToClient::Sighting { .. }
        | ToClient::Notice { .. }
        | ToClient::Run { .. } => (),
    };
    all.iter().for_each(known);
    all
}

#[test]
fn the_page_has_each_message_with_its_members() {
    let (text, page) = page();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let of = |from: &'static str, value: Value| (from, value);
    let clients = clients().into_iter().map(|message| {
        let from = match message {
            ToServer::Station { .. }
            | ToServer::Arm { .. }
            | ToServer::Rules { .. }
            | ToServer::Offer { .. }
            | ToServer::Reset { .. } => "station",
            _ => "client",
        };
        of(from, serde_json::to_value(message).unwrap())
    });
    let servers = servers().into_iter().map(|message| of("server", serde_json::to_value(message).unwrap()));
    for (from, value) in clients.chain(servers) {
        let message = value["type"].as_str().unwrap().to_owned();
        let (who, members) = page.get(&message).unwrap_or_else(|| panic!("docs/control.md has no {message}"));
        assert_eq!(who, from, "{message}");
        let mut found = BTreeSet::new();
        words(&value, &mut found);
        found.remove("type");
        found.remove(&message);
        // Options and directions stand at `open`.
        let options: BTreeSet<_> =
            ["blksize", "windowsize", "timeout", "tsize", "read", "write"].map(str::to_owned).into();
        let unknown: Vec<_> =
            found.difference(members).filter(|word| message == "open" || !options.contains(*word)).collect();
        assert!(unknown.is_empty(), "docs/control.md doesn't say that {message} has {unknown:?}: {value}");
        seen.entry(message).or_default().extend(found);
    }
    for (message, (_, members)) in &page {
        let known = seen.get(message).unwrap_or_else(|| panic!("nobody says {message}"));
        let others: BTreeSet<_> = seen
            .keys()
            .chain(["null", "peer", "path", "piprov tftp --json"].map(String::from).iter())
            .cloned()
            .collect();
        let unknown: Vec<_> = members.difference(known).filter(|word| !others.contains(*word)).collect();
        assert!(unknown.is_empty(), "{message} has no {unknown:?}");
    }
    // The numbers of the page are those of the code.
    for number in [
        format!("`schema` is {SCHEMA};"),
        format!("at most {} KiB", LARGEST >> 10),
        format!("up to {LARGEST_UPLOAD})"),
        format!("at most {MOST_BOARDS})"),
        format!("{MOST_REQUESTS} requests of a client at once"),
    ] {
        assert!(text.contains(&number), "docs/control.md doesn't say {number:?}");
    }
}
