//! dhcpcd: a part of its settings (dhcpcd.conf(5)).

use super::seen::Seen;
use super::{Around, Change, MARK, Part, Step, Wanted};

/// Its settings. What comes after `interface` is for that interface, to the next `interface` or the end.
pub(super) const FILE: &str = "etc/dhcpcd.conf";

/// Whether a word begins what is for another interface, network or choice.
pub(super) fn begins(word: &str) -> bool {
    matches!(word, "interface" | "ssid" | "profile")
}

pub(super) fn part(wanted: &Wanted, seen: &Seen) -> Part {
    let (interface, address) = (&wanted.interface, wanted.cidr());
    let own = format!("{MARK}\ninterface {interface}\nstatic ip_address={address}\nnogateway\nnolink\n");
    let change = match seen.text(FILE) {
        Some(text) => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            Change::edited(FILE, text, format!("{text}{end}\n{own}"))
        }
        None => Change::new(FILE, own),
    };
    let again = ["dhcpcd", "-n", interface.as_str()];
    let around = |step| Around { before: Vec::new(), after: vec![step] };
    // It may not run any more when it is taken back.
    Part { changes: vec![change], apply: around(Step::run(again)), undo: around(Step::attempt(again)) }
}
