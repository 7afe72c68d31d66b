//! Why a board gets nothing, or not what it wants: each reason with its weight, a sentence, and what helps.
//!
//! One table for all: what the DHCP server decided, what was lost on the way, and what is seen of a boot. Pure; who is
//! told, and how, is the servers' matter.

mod words;

use std::mem::{Discriminant, discriminant};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::board::Mac;
use crate::dhcp::config::Network;
use crate::dhcp::event::{Answer, Heard, Refusal, Silence};
use crate::dhcp::packet::Kind;
use crate::dhcp::pi::DhcpClient;
use crate::dhcp::policy::LOOK;
use crate::dhcp::{AddressPlan, Mode};
use crate::error::{Knob, Remedy, Task, remedy};

/// Reasons that one board is told to have in one boot. One that has more changes between the same few.
const MOST: usize = 8;

/// What is the matter, as a word for programs with its facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The DHCP server gives no answer.
    Silent {
        /// Why.
        #[serde(flatten)]
        why: Silence,
        /// The architecture that a PC's network boot ROM says it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arch: Option<u16>,
        /// The relay between the client and this host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relay: Option<Ipv4Addr>,
        /// The address that it has or asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Ipv4Addr>,
    },
    /// It was told that it may not have an address (a NAK).
    Refused {
        /// Why.
        why: Refusal,
        /// The address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Ipv4Addr>,
    },
    /// An answer to it was not sent.
    Unsent {
        /// What it was.
        message: Kind,
        /// Its lease can't be written; otherwise the system refused the answer.
        unsaved: bool,
        /// What the system said.
        error: String,
    },
    /// Its answer waits.
    HeldBack {
        /// For so long.
        seconds: f64,
    },
    /// The address that it was about to get is another device's. It gets another one.
    InUse {
        /// The address.
        address: Ipv4Addr,
        /// The device.
        holder: Mac,
    },
    /// It is told where to boot from, and nobody gives it an address.
    NoAddress {
        /// DHCP servers that give addresses to others.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        servers: Vec<Ipv4Addr>,
    },
}

/// How much a reason matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// It is so every day, and no fault: only a search for one wants to know.
    Everyday,
    /// Worth knowing; the board goes on by itself.
    Note,
    /// A board doesn't boot for it, or may not.
    Warning,
}

/// A reason as it is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// What is the matter.
    pub reason: Reason,
    /// How much it matters.
    pub grade: Grade,
    /// A sentence about the board, without its name.
    pub why: String,
    /// What helps.
    #[serde(skip_serializing_if = "Remedy::is_empty")]
    pub hint: Remedy,
}

/// What the sentences need to know of the server.
#[derive(Debug, Clone)]
pub struct Site {
    /// The interface that it serves on.
    pub interface: String,
    /// Whether it gives addresses.
    pub mode: Mode,
    /// The addresses that it gives out.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The network, as `10.0.0.0/24`.
    pub network: String,
    /// The networks behind relays that it gives addresses in.
    pub relayed: Vec<Network>,
    /// It has addresses for single boards on the interface itself.
    pub has_hosts: bool,
    /// It has boot files for PCs of some architecture.
    pub boots_pcs: bool,
    /// It is a further interface: its addresses are those of a [[netboot.subnet]].
    pub is_further: bool,
}

impl Site {
    /// That of a server with this plan.
    #[must_use]
    pub fn new(interface: &str, plan: &AddressPlan) -> Self {
        Self {
            interface: interface.to_owned(),
            mode: plan.mode,
            range: plan.range,
            network: plan.network().to_string(),
            relayed: plan.relayed.iter().map(AddressPlan::network).collect(),
            has_hosts: !plan.hosts.is_empty(),
            boots_pcs: !plan.boot_files.is_empty(),
            is_further: false,
        }
    }

    /// That of a server with this plan, on a further interface.
    #[must_use]
    pub fn further(interface: &str, plan: &AddressPlan) -> Self {
        Self { is_further: true, ..Self::new(interface, plan) }
    }

    /// What names the addresses that are given out.
    pub(super) fn range(&self) -> Remedy {
        if self.is_further {
            format!("the range of the [[netboot.subnet]] of {}", self.interface).into()
        } else {
            Knob::Range.into()
        }
    }
}

impl Site {
    /// Whether a relay speaks for one of the networks behind relays.
    pub(super) fn is_relayed(&self, relay: Ipv4Addr) -> bool {
        self.relayed.iter().any(|network| network.has(relay))
    }
}

impl Reason {
    /// The reasons in what was decided about a message: its silence or refusal, and the time that its answer waits.
    #[must_use]
    pub fn of(heard: &Heard) -> Option<Self> {
        Some(match heard.answer {
            // Whatever it asks for: it is told once.
            Answer::None { why: why @ (Silence::Denied | Silence::NotAllowed) } => {
                Self::Silent { why, arch: None, relay: None, address: None }
            }
            Answer::None { why } => {
                Self::Silent { why, arch: heard.client.arch, relay: heard.relay, address: heard.wanted }
            }
            Answer::Nak { why } => Self::Refused { why, address: heard.wanted },
            // What is held back to look whether the address is free is no matter to anybody.
            Answer::Offer { delay, .. } | Answer::BootOffer { delay } if delay > LOOK => {
                Self::HeldBack { seconds: delay.as_secs_f64() }
            }
            _ => return None,
        })
    }

    /// Whether it keeps the board from booting, as far as that is known.
    #[must_use]
    pub const fn keeps_from_booting(&self) -> bool {
        !matches!(self, Self::HeldBack { .. } | Self::InUse { .. })
    }

    /// The reason in words, for a client of this kind.
    #[must_use]
    pub fn told(self, client: DhcpClient, site: &Site) -> Told {
        let (grade, why, hint) = words::of(&self, client, site);
        Told { reason: self, grade, why, hint }
    }
}

/// What helps where nobody gives addresses.
#[must_use]
pub fn give_addresses() -> Remedy {
    remedy![
        "switch on the DHCP server of the network, mostly the router's; or give addresses from here: ",
        Knob::Mode.to("dhcp"),
        ".",
    ]
}

/// What helps where two servers give addresses.
#[must_use]
pub fn two_servers() -> Remedy {
    remedy![
        "boards boot with whichever answers first. Switch that server off, or let it give the addresses: ",
        Knob::Mode.to("proxy"),
        ".",
    ]
}

impl Told {
    /// That nobody gives a board an address, as far as its boot shows it. Who is asked may know more.
    #[must_use]
    pub fn no_address() -> Self {
        Self {
            reason: Reason::NoAddress { servers: Vec::new() },
            grade: Grade::Warning,
            why: "it is told where to boot from, but nobody offers it an address".to_owned(),
            hint: remedy![
                "switch on the DHCP server of the network, mostly the router's; or ",
                Task::Serve,
                " gives addresses, in mode dhcp.",
            ],
        }
    }

    /// As one text, for a record.
    #[must_use]
    pub fn text(&self) -> Remedy {
        if self.hint.is_empty() {
            return self.why.clone().into();
        }
        remedy![format!("{}. ", self.why), self.hint.clone()]
    }
}

/// Tells a reason from one that was told before: it is new where it is another one than the last of its sort.
#[derive(Debug, Clone, Default)]
pub struct Once {
    last: Vec<(Discriminant<Reason>, Reason)>,
    told: usize,
}

impl Once {
    /// Whether it is to be told, which it then is.
    pub fn is_new(&mut self, reason: &Reason) -> bool {
        let sort = discriminant(reason);
        let last = self.last.iter_mut().find(|(known, _)| *known == sort);
        if self.told >= MOST || last.as_ref().is_some_and(|(_, last)| last == reason) {
            return false;
        }
        self.told += 1;
        match last {
            Some((_, last)) => last.clone_from(reason),
            None => self.last.push((sort, reason.clone())),
        }
        true
    }
}

/// How long a board that was told where to boot from may go without an address: dnsmasq looks for three seconds whether
/// an address is free before it offers it, and boards ask every four or five.
pub const ADDRESS_COMES: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests;
