//! When a board should have been heard by now, and what may keep it.

use std::time::Duration;

use super::{Phase, Steps, Trouble};
use crate::dhcp::pi::Stage;
use crate::error::{Remedy, Task, remedy};

/// The ROM asks five times, every 5 s; others every 4 s (`DHCP_REQ_TIMEOUT`), for 45 s.
const OFFER_TAKEN: Duration = Duration::from_secs(12);
/// Without an offer: so long after the last DISCOVER it has given up.
const GAVE_UP: Duration = Duration::from_secs(15);
/// Between two files. A file takes at most 30 s (`TFTP_FILE_TIMEOUT`), during which nothing else is heard.
const NEXT_FILE: Duration = Duration::from_secs(40);
/// From the kernel to the first that is heard of the system.
const SYSTEM: Duration = Duration::from_secs(120);

/// How long nothing may be heard now.
pub(super) fn patience(steps: &Steps) -> Option<Duration> {
    Some(match steps.phase {
        Phase::Discovering => GAVE_UP,
        Phase::Offered => OFFER_TAKEN,
        Phase::Fetching => NEXT_FILE,
        Phase::Loaded => SYSTEM,
        Phase::Up => return None,
    })
}

/// Where a board seems stuck after so long a silence, why, and a hint.
pub(super) fn look(steps: &Steps, silent: Duration) -> Option<(Trouble, String, Remedy)> {
    if silent < patience(steps)? {
        return None;
    }
    let rom = matches!(steps.stage, Some(Stage::Rom));
    if let Some((why, hint)) = steps.kept.clone().filter(|_| steps.phase <= Phase::Offered) {
        let trouble =
            if steps.phase == Phase::Discovering { Trouble::Unanswered } else { Trouble::NoRequest };
        return Some((trouble, why, hint));
    }
    Some(match steps.phase {
        Phase::Discovering => {
            let why = format!("nobody answered its {}", times(steps.discovers));
            let hint = remedy![
                "is a board of its kind to be answered here? A port that a switch holds back (spanning tree) loses \
                 the answers too: ",
                Task::Watch,
                " shows that.",
            ];
            (Trouble::Unanswered, why, hint)
        }
        Phase::Offered => {
            let (why, hint) = offered(steps, rom);
            (Trouble::NoRequest, why, hint)
        }
        Phase::Fetching => lacks(steps).unwrap_or_else(|| {
            let (why, hint) = fetching(steps, rom);
            (Trouble::Silent, why, hint)
        }),
        Phase::Loaded => (
            Trouble::NoSystem,
            format!("its kernel was started, but nothing is heard of its system for {} s", silent.as_secs()),
            remedy![
                "a monitor or the serial console shows why. Is the root in its cmdline.txt right, and exported to \
                 it? ",
                Task::ClientCheck,
                " compares.",
            ],
        ),
        Phase::Up => return None,
    })
}

fn offered(steps: &Steps, rom: bool) -> (String, Remedy) {
    let boots: Vec<_> = steps.offers.iter().filter(|offer| offer.boots).collect();
    if boots.is_empty() {
        let others: Vec<String> = steps.offers.iter().map(|offer| offer.from.to_string()).collect();
        let why =
            format!("it was answered by {} only, which says nothing of network boot", others.join(" and "));
        return (why, remedy![Task::Serve, " answers beside that server."]);
    }
    let why = format!("it was answered after its {}, but asks for no file", times(steps.discovers));
    let hint = if rom && steps.discovers > 2 {
        "the ROM of a Pi 3 gives up after 25 s: switch it off and on. If it happens each time, a card with nothing \
         but bootcode.bin helps, as does a reply delay of 2 s."
    } else if rom {
        "the ROM of a Pi 3 hangs when it is answered within a second or two: a reply delay helps. Switch it off and \
         on, it doesn't start again by itself."
    } else if steps.offers.iter().any(|offer| offer.boots && !offer.ours) {
        "another server than this one tells boards where to boot from: two that do so get in each other's way."
    } else {
        "does a firewall on this host let UDP port 69 through? A bootloader with TFTP_IP in its configuration asks \
         there, whatever DHCP says."
    };
    (why, hint.into())
}

/// What is known to keep a board that fetches from its kernel.
pub(super) fn lacks(steps: &Steps) -> Option<(Trouble, String, Remedy)> {
    if steps.phase != Phase::Fetching {
        return None;
    }
    if let Some(path) = &steps.fatal {
        let why = format!("{path} is missing, and the board has stopped asking");
        let hint = format!("put {path} there, and switch the board off and on.");
        return Some((Trouble::MissingFile, why, hint.into()));
    }
    if !steps.kernels_missing.is_empty() && !steps.got.contains(&super::Part::Kernel) {
        let why = format!(
            "it found no kernel: {} {} missing",
            steps.kernels_missing.join(", "),
            if steps.kernels_missing.len() == 1 { "is" } else { "are" }
        );
        let hint = "put a kernel there that fits the board, or name yours in config.txt (kernel=).";
        return Some((Trouble::NoKernel, why, hint.into()));
    }
    None
}

fn fetching(steps: &Steps, rom: bool) -> (String, Remedy) {
    let last = steps.last_file.as_deref().unwrap_or("its first request");
    let hint = if rom {
        "the ROM of a Pi 3 stops answering ARP while it fetches; an entry for it in the neighbour table helps \
         (a server of this program makes one). Switch it off and on."
    } else {
        "a damaged file may have stopped it: compare it with its source. The screen or the serial console of the \
         board tells more."
    };
    (format!("nothing more is heard after {last}"), hint.into())
}

fn times(count: u32) -> String {
    match count {
        0 | 1 => "DISCOVER".to_owned(),
        n => format!("{n} DISCOVERs"),
    }
}
