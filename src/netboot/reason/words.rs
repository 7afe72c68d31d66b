//! The table: each reason in words.

use std::net::Ipv4Addr;

use super::{Grade, Reason, Site, give_addresses, two_servers};
use crate::dhcp::Mode;
use crate::dhcp::event::{Refusal, Silence};
use crate::dhcp::pi::{DhcpClient, Stage};
use crate::error::{Action, Knob, Remedy, remedy};

/// The grade, the sentence, and what helps.
pub(super) fn of(reason: &Reason, client: DhcpClient, site: &Site) -> (Grade, String, Remedy) {
    match reason {
        Reason::Silent { why, arch, relay, address } => {
            let about = About { arch: *arch, relay: *relay, address: *address };
            silent(*why, &about, client, site)
        }
        Reason::Refused { why, address } => refused(*why, *address, site),
        Reason::Unsent { message, unsaved: true, error } => (
            Grade::Warning,
            format!("its {} was not sent, since its lease can't be written: {error}", message.name()),
            remedy![
                "the disk is full or broken, or may not be written to: ",
                Action::host("df -h"),
                " shows the first. The board asks again by itself.",
            ],
        ),
        Reason::Unsent { message, unsaved: false, error } => (
            Grade::Warning,
            format!("its {} could not be sent: {error}", message.name()),
            remedy![
                "the board asks again by itself. ",
                Action::host("ip addr show dev").arg(&site.interface),
                " shows whether the interface is up and has its address.",
            ],
        ),
        Reason::HeldBack { seconds } => (
            Grade::Note,
            match client.stage {
                Stage::Rom => format!(
                    "its answer is held back for {seconds} s: the ROM of a Pi 2 or 3 hangs when all comes at \
                     once (netboot.rom-delay)"
                ),
                _ => format!("its answer is held back for {seconds} s, as the settings say (netboot.delays)"),
            },
            Remedy::default(),
        ),
        Reason::InUse { address, holder } => (
            Grade::Warning,
            format!("{address} was about to be given to it, but {holder} has it; it gets another one"),
            remedy![
                "leave that address out: ",
                site.range(),
                " names the addresses that are given out. Or let that device ask for its address.",
            ],
        ),
        Reason::NoAddress { servers } => no_address(servers, site),
    }
}

/// Facts of a message that got no answer.
struct About {
    arch: Option<u16>,
    relay: Option<Ipv4Addr>,
    address: Option<Ipv4Addr>,
}

fn silent(why: Silence, about: &About, client: DhcpClient, site: &Site) -> (Grade, String, Remedy) {
    let everyday = |why: &str| (Grade::Everyday, why.to_owned(), Remedy::default());
    // What is no board of ours is no matter of ours.
    let of_board = |grade| if client.stage.is_pi() { grade } else { Grade::Everyday };
    match why {
        Silence::Exhausted => match (about.relay.filter(|relay| site.is_relayed(*relay)), site.range) {
            (Some(relay), _) => (
                Grade::Warning,
                format!("there is no address for it in the network of the relay {relay}: all are given out"),
                "the range of that [[netboot.subnet]] names more of them.".into(),
            ),
            (None, Some((first, last))) => (
                Grade::Warning,
                format!("there is no address for it: all of {first}-{last} are given out"),
                remedy![
                    site.range(),
                    " names more of them; with a shorter lease time (netboot.lease-time) those of boards that are \
                     gone are free sooner.",
                ],
            ),
            (None, None) if !site.has_hosts && !site.relayed.is_empty() => (
                Grade::Warning,
                format!("there is no address for it: none are given out on {} itself, only behind relays", site.interface),
                remedy!["netboot.hosts gives it one, and ", site.range(), " names some for all boards there."],
            ),
            (None, None) => (
                Grade::Warning,
                "there is no address for it: only those of single boards are given out".to_owned(),
                remedy!["netboot.hosts gives it one, and ", site.range(), " names some for all boards."],
            ),
        },
        Silence::OtherServer { server } if site.mode == Mode::Dhcp => (
            Grade::Warning,
            format!("it took the address of another DHCP server, {server}, and not that of this host"),
            two_servers(),
        ),
        Silence::OtherServer { .. } => everyday("its address comes from the network's DHCP server"),
        Silence::OtherNetwork => (
            of_board(Grade::Warning),
            format!(
                "it asks from another network than {}{}, for which there are no addresses here",
                site.network,
                about.relay.map_or_else(String::new, |relay| format!(", through the relay {relay}"))
            ),
            remedy![
                "a [[netboot.subnet]] in the settings names addresses for that network; or, where a DHCP server gives \
                 them there, ",
                Knob::Mode.to("proxy"),
                " answers through relays too.",
            ],
        ),
        Silence::NoBootFile => {
            let arch = about.arch.unwrap_or(0);
            let (what, grade) = match client.stage {
                Stage::PiFirmware => ("a network boot program on a Pi, such as UEFI", Grade::Warning),
                // Where no PC is to be booted, each of them asks every morning.
                _ if !site.boots_pcs => ("a PC that looks for a boot server", Grade::Everyday),
                _ => ("a PC that looks for a boot server", Grade::Warning),
            };
            (
                grade,
                format!("it is {what}, and there is no boot file for its architecture, {arch}"),
                format!("netboot.boot-files names one, as {arch}=FILE; it is left alone otherwise.").into(),
            )
        }
        Silence::Unknown => (
            of_board(Grade::Note),
            match about.address {
                Some(address) => format!(
                    "it asks to keep {address}, which it doesn't have from here; another server may know it, so it \
                     gets no answer"
                ),
                None => "it asks to keep an address and doesn't say which, so it gets no answer".to_owned(),
            },
            "it looks for a server anew by itself; where it doesn't, switch it off and on.".into(),
        ),
        Silence::NoPi => everyday("it is no Raspberry Pi"),
        Silence::Denied => (
            of_board(Grade::Note),
            "it gets no answer, as the settings say (netboot.deny)".to_owned(),
            "if it is to have one, take it out of netboot.deny.".into(),
        ),
        Silence::NotAllowed => (
            of_board(Grade::Note),
            "it gets no answer, since it is none of the boards that do (netboot.allow)".to_owned(),
            "if it is one of yours, netboot.allow takes its MAC address. Its serial number does where it tells one: a system \
             and the ROM of a Pi 2 or 3 tell none."
                .into(),
        ),
        Silence::NothingForIt => (
            Grade::Note,
            "netboot.allow names it, but it is not taken for a Raspberry Pi, so it gets no answer".to_owned(),
            match (about.arch, site.mode) {
                (Some(arch), _) => format!(
                    "if it is one, netboot.oui takes the first half of its MAC address. If it is a PC, netboot.boot-files names \
                     what it boots, as {arch}=FILE."
                ),
                (None, Mode::Dhcp) => "if it is one, netboot.oui takes the first half of its MAC address. If it is something else \
                     that is to have an address, netboot.hosts gives it one, and netboot.everyone one to all."
                    .to_owned(),
                (None, Mode::Proxy) => {
                    "if it is one, netboot.oui takes the first half of its MAC address.".to_owned()
                }
            }
            .into(),
        ),
        Silence::Withheld => everyday("it is done, and is to start from its disk"),
        Silence::NoNetboot => everyday("its system asks for an address, which another server gives"),
        Silence::NotGivenHere => everyday("its address isn't from here"),
        Silence::NotIts => everyday("it gives back an address that it doesn't have"),
        Silence::NoQuestion => everyday("it sends what only servers send"),
        Silence::WrongPort => everyday("what it asks makes no sense on that port"),
    }
}

fn refused(why: Refusal, address: Option<Ipv4Addr>, site: &Site) -> (Grade, String, Remedy) {
    let address = address.map_or_else(|| "an address".to_owned(), |address| address.to_string());
    let itself =
        || Remedy::from("it asks for another one by itself; where it doesn't, switch it off and on.");
    match why {
        Refusal::WrongNetwork => {
            (Grade::Note, format!("{address} was refused to it: it isn't in {}", site.network), itself())
        }
        Refusal::NotOurs => (
            Grade::Note,
            format!("{address} was refused to it: it is neither among those that are given out, nor its own"),
            remedy![
                "it asks for another one by itself. netboot.hosts names the addresses of single boards, and ",
                site.range(),
                " those for all.",
            ],
        ),
        Refusal::Taken => (
            Grade::Warning,
            format!("{address} was refused to it: another board has it"),
            "it asks for another one by itself. Where both are to have theirs for ever, netboot.hosts says which."
                .into(),
        ),
        Refusal::HasAnother => {
            (Grade::Note, format!("{address} was refused to it: it has another address here"), itself())
        }
    }
}

fn no_address(servers: &[Ipv4Addr], site: &Site) -> (Grade, String, Remedy) {
    let interface = &site.interface;
    if servers.is_empty() {
        let why = format!(
            "it is told where to boot from, but gets no address: proxy mode gives none, and no DHCP server answers \
             on {interface}"
        );
        return (Grade::Warning, why, give_addresses());
    }
    let servers: Vec<String> = servers.iter().map(Ipv4Addr::to_string).collect();
    let why = format!(
        "it is told where to boot from, but gets no address, which {} should give it on {interface}",
        servers.join(" or ")
    );
    let hint = remedy![
        "does that server leave it out, or has it no address left? Its log tells. Or ",
        Knob::Mode.to("dhcp"),
        " gives addresses from here, once that server is off.",
    ];
    (Grade::Warning, why, hint)
}
