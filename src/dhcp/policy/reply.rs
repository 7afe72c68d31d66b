//! Answers, and where they go.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::Arrival;
use crate::board::Mac;
use crate::dhcp::build::Builder;
use crate::dhcp::config::AddressPlan;
use crate::dhcp::event::Sent;
use crate::dhcp::packet::{BROADCAST, CLIENT_PORT, Kind, PXE_PORT, Packet, SERVER_PORT, code};
use crate::dhcp::pi::DhcpClient;

/// Option 43 for a Raspberry Pi, as PXE 2.1 table 2-1 lays it out: no discovery by broadcast or multicast (6); a
/// prompt that doesn't wait (10); a menu (9) with one entry of type 0. The ROM of the 3B takes the text with three
/// spaces at its end only, all others take it with and without; with two entries everybody would wait for a key.
pub const PI_MENU: [u8; 35] = *b"\x06\x01\x03\x0a\x04\x00PXE\x09\x17\x00\x00\x14Raspberry Pi Boot   \xff";

/// The same with another text, which has 64 bytes at most.
fn menu(text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(64)];
    let mut menu = PI_MENU[..9].to_vec();
    // The lengths are those of the entry and of its text.
    menu.extend([9, text.len() as u8 + 3, 0, 0, text.len() as u8]);
    menu.extend(text);
    menu.push(code::END);
    menu
}

/// Option 43 for a PC: boot the file that is named here, without a menu (discovery control, bit 3).
const PC_DIRECT: [u8; 4] = [6, 1, 8, code::END];

/// What boot servers call themselves (PXE 2.1 section 2.2.3).
const PXE_CLIENT: &[u8] = b"PXEClient";

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// To all hosts on the network, port 68.
    Broadcast,
    /// To a client that has no address yet, port 68: a frame to its MAC address with the IP address that it will get.
    Frame {
        /// The address that it will get.
        address: Ipv4Addr,
    },
    /// To a host that has its address.
    Host(SocketAddrV4),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Whose it is.
    pub mac: Mac,
    /// What it is.
    pub kind: Kind,
    /// Where it goes.
    pub to: To,
    /// The port that it comes from.
    pub port: u16,
    /// How long it is held back.
    pub delay: Duration,
    /// The client is a ROM that will not say its Ethernet address once it fetches files (raspberrypi/documentation,
    /// network booting: the 3B's short of ARP), so this host should keep it in mind; see [`crate::wire::neighbours`].
    pub pin: bool,
    /// The address that it gives.
    pub gives: Option<Ipv4Addr>,
    /// It tells a Raspberry Pi where to boot from.
    pub boots: bool,
    /// The message.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// What is told of it once it has left.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        Sent { mac: self.mac, message: self.kind, address: self.gives, boots: self.boots }
    }
}

/// A message on its way to being a [`Reply`].
pub(super) struct Draft {
    kind: Kind,
    address: Ipv4Addr,
    boots: bool,
    builder: Builder,
}

impl Draft {
    fn reply(self, packet: &Packet<'_>, to: To, port: u16) -> Reply {
        Reply {
            mac: packet.mac,
            kind: self.kind,
            to,
            port,
            delay: Duration::ZERO,
            pin: false,
            gives: Some(self.address).filter(|address| !address.is_unspecified()),
            boots: self.boots,
            bytes: self.builder.finish(),
        }
    }

    /// The way of RFC 2131 section 4.1: by the relay, to the address that the client has, to all, or to the address
    /// that it gets. Without any address it has to be to all.
    pub(super) fn back_to_client(self, packet: &Packet<'_>) -> Reply {
        let to = if !packet.giaddr.is_unspecified() {
            To::Host(SocketAddrV4::new(packet.giaddr, SERVER_PORT))
        } else if self.kind == Kind::Nak {
            To::Broadcast
        } else if !packet.ciaddr.is_unspecified() {
            To::Host(SocketAddrV4::new(packet.ciaddr, CLIENT_PORT))
        } else if packet.flags & BROADCAST != 0 || self.address.is_unspecified() {
            To::Broadcast
        } else {
            To::Frame { address: self.address }
        };
        self.reply(packet, to, SERVER_PORT)
    }

    /// Back to where it came from, on the PXE port.
    pub(super) fn back_to_sender(self, packet: &Packet<'_>, arrival: Arrival) -> Reply {
        let to = if arrival.from.ip().is_unspecified() { To::Broadcast } else { To::Host(arrival.from) };
        self.reply(packet, to, PXE_PORT)
    }
}

/// Tells where to boot from, and gives no address. `file` is for PCs.
pub(super) fn boot(plan: &AddressPlan, packet: &Packet<'_>, kind: Kind, file: Option<&str>) -> Draft {
    let builder = Builder::reply(packet, kind).address(code::SERVER_ID, plan.server);
    Draft {
        kind,
        address: Ipv4Addr::UNSPECIFIED,
        boots: file.is_none(),
        builder: with_boot(builder, plan, packet, file),
    }
}

/// What tells a network boot ROM where to boot from. A Pi takes the server's address from `siaddr`, option 66 or
/// option 54, whichever its bootloader knows; so they all say the same.
fn with_boot(builder: Builder, plan: &AddressPlan, packet: &Packet<'_>, file: Option<&str>) -> Builder {
    let mut builder = builder.siaddr(plan.files).option(code::VENDOR_CLASS, PXE_CLIENT);
    // Echoed (PXE 2.1 table 2-3). Everybody's has 17 bytes; longer ones have no use.
    if let Some(id) = packet.option(code::MACHINE_ID).filter(|id| (1..=64).contains(&id.len())) {
        builder = builder.option(code::MACHINE_ID, &id);
    }
    let Some(file) = file else {
        let menu = plan.menu.as_deref().map_or_else(|| PI_MENU.to_vec(), menu);
        return builder
            .option(code::TFTP_SERVER, plan.files.to_string().as_bytes())
            .option(code::VENDOR, &menu);
    };
    // The entry of a boot menu that a client has chosen (71) is repeated to it.
    let vendor = packet.option(code::VENDOR).and_then(|vendor| chosen(&vendor));
    let vendor = match vendor {
        Some([a, b, c, d]) => vec![71, 4, a, b, c, d, code::END],
        None => PC_DIRECT.to_vec(),
    };
    builder.file(file.as_bytes()).option(code::VENDOR, &vendor)
}

/// PXE_BOOT_ITEM among the options in option 43: the type and the layer of a boot server.
fn chosen(vendor: &[u8]) -> Option<[u8; 4]> {
    match vendor {
        [71, 4, a, b, c, d, ..] => Some([*a, *b, *c, *d]),
        [0, rest @ ..] => chosen(rest),
        [code::END, ..] | [] | [_] => None,
        [_, len, rest @ ..] => chosen(rest.get(usize::from(*len)..)?),
    }
}

/// Gives an address, or confirms it. `pxe` is what the client boots, if it does: a Pi, or a PC with its file.
pub(super) fn lease(
    plan: &AddressPlan,
    packet: &Packet<'_>,
    kind: Kind,
    address: Ipv4Addr,
    client: DhcpClient,
    pxe: Option<Option<&str>>,
) -> Draft {
    // RFC 2131 section 4.4.5 has these for clients that aren't told; clients of BOOTP's age want to be told.
    let time = plan.lease_time_of(packet.mac);
    let builder = Builder::reply(packet, kind)
        .yiaddr(address)
        .address(code::SERVER_ID, plan.server)
        .seconds(code::LEASE_TIME, time)
        .seconds(code::RENEWAL, time / 2)
        .seconds(code::REBINDING, time - time / 8);
    let builder = with_station(with_network(builder, plan), plan, packet);
    let builder = match pxe {
        Some(file) => with_boot(builder, plan, packet, file),
        // U-Boot on a Pi looks for its server there too.
        None if client.stage.is_pi() => {
            let builder = builder.siaddr(plan.files);
            if packet.asks_for(code::TFTP_SERVER) {
                builder.option(code::TFTP_SERVER, plan.files.to_string().as_bytes())
            } else {
                builder
            }
        }
        None => builder,
    };
    Draft { kind, address, boots: pxe == Some(None), builder }
}

/// Tells the settings of the network to a client that has an address (RFC 2131 section 4.3.5).
pub(super) fn info(plan: &AddressPlan, packet: &Packet<'_>, pxe: Option<Option<&str>>) -> Draft {
    let builder = Builder::reply(packet, Kind::Ack).address(code::SERVER_ID, plan.server);
    let builder = with_station(with_network(builder, plan), plan, packet);
    let builder = match pxe {
        Some(file) => with_boot(builder, plan, packet, file),
        None => builder,
    };
    Draft { kind: Kind::Ack, address: Ipv4Addr::UNSPECIFIED, boots: pxe == Some(None), builder }
}

fn with_network(builder: Builder, plan: &AddressPlan) -> Builder {
    let mut builder = builder
        .address(code::SUBNET_MASK, plan.mask)
        .address(code::BROADCAST_ADDRESS, plan.network().broadcast());
    if let Some(router) = plan.router {
        builder = builder.address(code::ROUTER, router);
    }
    if !plan.dns.is_empty() {
        let all: Vec<u8> = plan.dns.iter().flat_map(|server| server.octets()).collect();
        builder = builder.option(code::DNS, &all);
    }
    builder
}

/// Tells where the station is, to those that ask.
fn with_station(builder: Builder, plan: &AddressPlan, packet: &Packet<'_>) -> Builder {
    match &plan.station {
        Some(url) if packet.asks_for(code::STATION) => builder.option(code::STATION, url.as_bytes()),
        _ => builder,
    }
}

/// Refuses an address (RFC 2131 section 4.3.2): by broadcast, also behind a relay.
pub(super) fn refuse(plan: &AddressPlan, packet: &Packet<'_>) -> Draft {
    let builder = Builder::reply(packet, Kind::Nak).broadcast().address(code::SERVER_ID, plan.server);
    Draft { kind: Kind::Nak, address: Ipv4Addr::UNSPECIFIED, boots: false, builder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_menu_entry_is_found() {
        assert_eq!(chosen(&[0, 9, 2, 1, 1, 71, 4, 0, 1, 0, 2, 255]), Some([0, 1, 0, 2]));
        for none in [&[][..], &[71], &[71, 4, 0], &[255, 71, 4, 0, 1, 0, 2], &[9, 200, 71, 4, 0, 1, 0, 2]] {
            assert_eq!(chosen(none), None, "{none:?}");
        }
    }

    #[test]
    fn the_menu_is_laid_out_as_pxe_says() {
        let mut rest = &PI_MENU[..];
        let mut codes = Vec::new();
        while let [code, len, tail @ ..] = rest {
            codes.push(*code);
            rest = &tail[usize::from(*len)..];
        }
        assert_eq!((codes, rest), (vec![6, 10, 9], &[255][..]));
        assert_eq!(menu("Raspberry Pi Boot   "), PI_MENU);
        assert_eq!(menu("Ours"), b"\x06\x01\x03\x0a\x04\x00PXE\x09\x07\x00\x00\x04Ours\xff");
        assert_eq!(menu(&"x".repeat(200)).len(), 9 + 5 + 64 + 1);
        // The text's own length.
        assert_eq!(usize::from(PI_MENU[13]), b"Raspberry Pi Boot   ".len());
    }
}
