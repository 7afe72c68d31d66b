//! systemd-networkd: a file of its own (systemd.network(5)).

use super::{Around, Change, MARK, Part, Step, Wanted};

/// The first file that means an interface counts, by names; netplan's begin with `10`, and people's with `00` at the lowest.
pub(super) const FILE: &str = "etc/systemd/network/00-00-piprov.network";

pub(super) fn part(wanted: &Wanted) -> Part {
    let (interface, address) = (&wanted.interface, wanted.cidr());
    // The address is there while no board is switched on, and the host's start doesn't wait for one.
    let text = format!(
        "{MARK}\n[Match]\nName={interface}\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nAddress={address}\nDHCP=no\n\
         LinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n"
    );
    let (reload, again) = (["networkctl", "reload"], ["networkctl", "reconfigure", interface.as_str()]);
    let after = vec![Step::run(reload), Step::attempt(again)];
    // It may not run any more.
    let back = vec![Step::attempt(reload), Step::attempt(again)];
    Part {
        changes: vec![Change::new(FILE, text)],
        apply: Around { before: Vec::new(), after },
        undo: Around { before: Vec::new(), after: back },
    }
}
