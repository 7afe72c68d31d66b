//! What a watch comes to.

use super::{Picture, Server};
use crate::error::{Remedy, Task, remedy};
use crate::netboot::reason::give_addresses;
use crate::netboot::steps::Id;
use crate::netboot::watch::answer::Verdict;
use crate::wire::bpdu::Version;

/// Boards that are named in one sentence.
const MOST_NAMED: usize = 8;

/// What helps a board that asks by DHCPv6 only.
pub(super) fn by_ipv4() -> Remedy {
    "network boot is served over IPv4 here: take USE_IPV6 out of the configuration in the board's EEPROM."
        .into()
}

impl Picture {
    /// The conclusions, in sentences: why boards don't come, as far as it isn't said of a single one.
    #[must_use]
    pub fn conclusions(&self) -> Vec<Remedy> {
        let mut all = Vec::new();
        let boots: Vec<_> = self.servers.iter().filter(|(_, server)| server.answer.verdict.boots()).collect();
        if let [_, _, ..] = boots[..] {
            let who: Vec<String> = boots.iter().map(|(ip, _)| ip.to_string()).collect();
            let who = who.join(" and ");
            all.push(format!("{who} tell boards where to boot from: boards take whichever is first").into());
        }
        let asked = !self.book.all().is_empty();
        if asked && boots.is_empty() && !self.servers.is_empty() {
            all.push(remedy!["no server tells boards where to boot from; ", Task::Serve, " does"]);
        }
        if asked && self.servers.is_empty() {
            all.push(
                "no DHCP server's answer was seen; answers to single hosts don't pass a switch's other ports"
                    .into(),
            );
        }
        if asked && !self.servers.is_empty() && !self.addressed {
            let lack = "no address was offered to any board, and without one it fetches nothing: ";
            all.push(remedy![lack, give_addresses()]);
        }
        for (ip, Server { answer, .. }) in &self.servers {
            if answer.verdict == Verdict::NotForRoms {
                all.push(format!("{ip} {}", answer.verdict.phrase()).into());
            }
            for doubt in &answer.doubts {
                all.push(format!("{ip} {}: {}", doubt.phrase(), doubt.hint()).into());
            }
        }
        let only =
            self.by_ipv6.iter().filter(|(mac, boots)| **boots && self.book.get(Id::Mac(**mac)).is_none());
        let only: Vec<String> = only.take(MOST_NAMED).map(|(mac, _)| mac.to_string()).collect();
        if !only.is_empty() {
            let verb = if only.len() == 1 { "asks" } else { "ask" };
            all.push(remedy![format!("{} {verb} by DHCPv6 only: ", only.join(", ")), by_ipv4()]);
        }
        if let Some(tree) =
            self.trees.values().find(|tree| tree.version == Version::Stp).or(self.trees.values().next())
        {
            all.push(tree.hint().into());
        }
        all
    }
}
