//! What asks: which stage of which Raspberry Pi, the PXE ROM of a PC, or an operating system.
//!
//! A Pi calls itself a PXE client of architecture 0, as a PC's BIOS does. What tells it apart is the machine id
//! (option 97), and the first half of its MAC address. Forms of the 16 bytes behind the id's type, 0:
//!
//! | bytes | sender |
//! |---|---|
//! | `44` sixteen times | the ROM of Pi 2B v1.2, 3A+, 3B, 3B+ |
//! | the serial number four times, little-endian | `bootcode.bin`; a newer ROM; a bootloader before 2020-03, or with `DHCP_OPTION97=0` |
//! | `RPi4` or `RPi5`, board revision, last four bytes of the MAC, serial number | the bootloader of Pi 4 and 5 |
//! | the same with another prefix | the bootloader with a `DHCP_OPTION97` of its user's |
//!
//! The first two forms are one word four times, and a PC's UUID may be that too. So they count only with a Pi's MAC
//! address, or where the message asks for exactly what a Pi's boot programs ask for (option 55): class and architecture
//! are the same in both.
//!
//! Sources: raspberrypi/documentation (network booting, `DHCP_OPTION97`); dnsmasq logs in raspberrypi/firmware#1362
//! (one board as ROM and as bootcode.bin), raspberrypi/cmprovision#5 and #16 (byte order; one of two modules has its
//! prefix reversed), raspberrypi/rpi-eeprom#103 (a release with zeros for the MAC).

use serde::{Serialize, Serializer};

use super::packet::{Packet, code};
use crate::board::{Chip, Mac, Model, Serial, Who};

/// The first halves of MAC addresses that Raspberry Pi has had (as LTSP's and netboot servers' lists have them).
pub const OUIS: [[u8; 3]; 7] = [
    [0xb8, 0x27, 0xeb],
    [0xdc, 0xa6, 0x32],
    [0xe4, 0x5f, 0x01],
    [0xd8, 0x3a, 0xdd],
    [0x28, 0xcd, 0xc1],
    [0x2c, 0xcf, 0x67],
    [0x88, 0xa2, 0x9e],
];

/// What every network boot ROM calls itself, as the beginning of option 60.
const PXE: &[u8] = b"PXEClient";

/// What a Pi's boot programs ask for (option 55), in whatever order: the ROM these 12, the others [`ADDRESS`] too
/// (raspberrypi/documentation, network booting: captures of both).
const ASKED: [u8; 12] = [43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135];
/// A mask and a router.
const ADDRESS: [u8; 2] = [1, 3];

/// Which program of a board, or of what else, asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The mask ROM of a Pi 2 or 3. It never sends a REQUEST, gives up for good after 25 s, and hangs when it is
    /// answered too fast.
    Rom,
    /// A program that has its serial number as machine id: `bootcode.bin` of a Pi 3, the ROM of a 3B+, or a Pi 4
    /// that was told to.
    Serial,
    /// The bootloader of a Pi 4, 400 or CM4.
    Eeprom4,
    /// The bootloader of a Pi 5, 500 or CM5.
    Eeprom5,
    /// The bootloader of a Pi 4 or 5 with a prefix of its user's in the machine id.
    Eeprom,
    /// A PXE client with a Pi's MAC address that can't be told more about.
    Pi,
    /// UEFI or another network boot program on a board with a Pi's MAC address; it boots like a PC.
    PiFirmware,
    /// An operating system on a Pi.
    PiHost,
    /// The network boot ROM of a PC.
    Pc,
    /// An operating system on something else.
    Host,
}

impl Stage {
    /// It boots the way a Raspberry Pi does.
    #[must_use]
    pub const fn boots_as_pi(self) -> bool {
        matches!(self, Self::Rom | Self::Serial | Self::Eeprom4 | Self::Eeprom5 | Self::Eeprom | Self::Pi)
    }

    /// It may use an address from its offer on, without a REQUEST. The ROM does; of `bootcode.bin` no log shows one.
    #[must_use]
    pub const fn takes_offers(self) -> bool {
        matches!(self, Self::Rom | Self::Serial)
    }

    /// It runs on a Raspberry Pi.
    #[must_use]
    pub const fn is_pi(self) -> bool {
        self.boots_as_pi() || matches!(self, Self::PiFirmware | Self::PiHost)
    }

    /// The chip that it runs on, where it runs on one only.
    #[must_use]
    pub const fn chip(self) -> Option<Chip> {
        match self {
            Self::Rom => Some(Chip::Bcm2837),
            Self::Eeprom4 => Some(Chip::Bcm2711),
            Self::Eeprom5 => Some(Chip::Bcm2712),
            _ => None,
        }
    }

    /// As it stands in a sentence.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Rom => "boot ROM of a Pi 2 or 3",
            Self::Serial => "bootcode.bin or the ROM of a 3B+",
            Self::Eeprom4 => "bootloader of a Pi 4",
            Self::Eeprom5 => "bootloader of a Pi 5",
            Self::Eeprom => "bootloader of a Pi 4 or 5",
            Self::Pi => "bootloader of a Pi",
            Self::PiFirmware => "network boot program on a Pi",
            Self::PiHost => "system on a Pi",
            Self::Pc => "network boot ROM of a PC",
            Self::Host => "system",
        }
    }
}

/// What a message tells about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DhcpClient {
    /// Which program it is.
    pub stage: Stage,
    /// The serial number, of which boot programs tell the low 32 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// The revision code of the board.
    #[serde(serialize_with = "hex", skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The architecture that a network boot ROM says it has (option 93, RFC 4578 section 2.1); 0 also for every Pi.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<u16>,
}

fn hex<S: Serializer>(number: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:08x}", number.unwrap_or_default()))
}

impl DhcpClient {
    /// It is no board but a look for servers, by piprov on another host: no board has revision 0 and no number.
    #[must_use]
    pub fn is_look(&self) -> bool {
        self.stage == Stage::Eeprom4 && self.revision == Some(0) && self.serial.is_none()
    }

    /// It is an operating system, so its boot programs have done their part.
    #[must_use]
    pub const fn is_system(&self) -> bool {
        matches!(self.stage, Stage::PiHost | Stage::Host)
    }

    /// An operating system of which nothing is known.
    pub const UNKNOWN: Self = Self { stage: Stage::Host, serial: None, revision: None, arch: None };

    /// What it tells of the board that has this MAC address.
    #[must_use]
    pub fn who(&self, mac: Mac) -> Who {
        Who {
            serial: self.serial,
            model: self.revision.and_then(Model::of_revision),
            chip: self.stage.chip(),
            ..Who::with_mac(mac)
        }
    }

    /// Looks at a message. `ouis` are the first halves of MAC addresses that Pis have.
    #[must_use]
    pub fn of(packet: &Packet<'_>, ouis: &[[u8; 3]]) -> Self {
        let [a, b, c, ..] = packet.mac.bytes();
        let pi_mac = ouis.contains(&[a, b, c]);
        let is_pxe = packet.option(code::VENDOR_CLASS).is_some_and(|class| class.starts_with(PXE));
        let id = packet.option(code::MACHINE_ID);
        let id = match id.as_deref() {
            Some([0, id @ ..]) => id.first_chunk::<16>().filter(|_| id.len() == 16),
            _ => None,
        };
        if !is_pxe {
            // The REQUEST of a Pi 4's bootloader has no option 60 (raspberrypi/rpi-eeprom#82).
            return match id.and_then(|id| bootloader(id, packet.mac)) {
                Some(client) => client,
                None => Self { stage: if pi_mac { Stage::PiHost } else { Stage::Host }, ..Self::UNKNOWN },
            };
        }
        let arch = packet.option(code::ARCHITECTURE);
        let arch = match arch.as_deref() {
            Some([high, low, ..]) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        let known = id.filter(|_| arch == 0).and_then(|id| {
            bootloader(id, packet.mac).or_else(|| {
                let one_word = id.chunks_exact(4).all(|word| word == &id[..4]);
                if !one_word || !(pi_mac || asks_as_pi(packet)) {
                    return None;
                }
                if *id == [0x44; 16] {
                    Some(Self { stage: Stage::Rom, ..Self::UNKNOWN })
                } else {
                    four_serials(id)
                }
            })
        });
        let stage = match (pi_mac, arch) {
            (true, 0) => Stage::Pi,
            (true, _) => Stage::PiFirmware,
            (false, _) => Stage::Pc,
        };
        Self { arch: Some(arch), ..known.unwrap_or(Self { stage, ..Self::UNKNOWN }) }
    }
}

/// The form of the Pi 4 and 5.
fn bootloader(id: &[u8; 16], mac: Mac) -> Option<DhcpClient> {
    let word = |at: usize| u32::from_le_bytes([id[at], id[at + 1], id[at + 2], id[at + 3]]);
    let stage = match &id[..4] {
        // Some releases write the number's bytes the other way round.
        b"RPi4" | b"4iPR" => Stage::Eeprom4,
        b"RPi5" | b"5iPR" => Stage::Eeprom5,
        // Nobody but a Pi has its MAC address there.
        _ if id[8..12] == mac.bytes()[2..] => Stage::Eeprom,
        _ => return None,
    };
    // Zeros are no number: who has none yet sends them.
    let serial = Some(word(12)).filter(|serial| *serial != 0).map(Serial::of_low);
    Some(DhcpClient { stage, revision: Some(word(4)), serial, arch: None })
}

/// Whether a message asks for what a Pi's boot programs ask for, and for nothing else.
fn asks_as_pi(packet: &Packet<'_>) -> bool {
    packet.option(code::PARAMETERS).is_some_and(|asked| {
        ASKED.iter().all(|code| asked.contains(code))
            && asked.iter().all(|code| ASKED.contains(code) || ADDRESS.contains(code))
    })
}

/// The older form. Zeros and ones are what a PC's firmware sends that has no id.
fn four_serials(id: &[u8; 16]) -> Option<DhcpClient> {
    let serial = u32::from_le_bytes(*id.first_chunk()?);
    (serial != 0 && serial != u32::MAX).then_some(DhcpClient {
        stage: Stage::Serial,
        serial: Some(Serial::of_low(serial)),
        revision: None,
        arch: None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dhcp::build::Builder;
    use crate::dhcp::packet::Kind;

    pub(crate) const PI5: Mac = Mac::new([0xdc, 0xa6, 0x32, 0xaa, 0xbb, 0xcc]);
    pub(crate) const PI3: Mac = Mac::new([0xb8, 0x27, 0xeb, 0xef, 0x56, 0x44]);
    pub(crate) const PC: Mac = Mac::new([0x52, 0x54, 0x00, 1, 2, 3]);
    pub(crate) const ARCH: &[u8] = b"PXEClient:Arch:00000:UNDI:002001";

    pub(crate) fn pi5_id() -> [u8; 17] {
        *b"\0RPi5\x70\x41\xd0\x00\x32\xaa\xbb\xcc\x4d\x01\xab\x99"
    }

    /// A DISCOVER as the boards send it.
    pub(crate) fn discover(mac: Mac, id: &[u8]) -> Builder {
        Builder::question(mac, 0x26f3_0339, Kind::Discover, false)
            .option(55, &[43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66])
            .option(93, &[0, 0])
            .option(94, &[1, 2, 1])
            .option(97, id)
            .option(60, ARCH)
    }

    fn client(message: Builder) -> DhcpClient {
        DhcpClient::of(&Packet::parse(&message.finish()).unwrap(), &OUIS)
    }

    #[test]
    fn every_form_of_a_pi_is_known() {
        let pi5 = client(discover(PI5, &pi5_id()));
        assert_eq!(pi5.stage, Stage::Eeprom5);
        assert_eq!((pi5.serial, pi5.revision), (Some(Serial::of_low(0x99ab_014d)), Some(0x00d0_4170)));
        let rom = client(discover(PI3, &[&[0][..], &[0x44; 16]].concat()));
        assert_eq!((rom.stage, rom.serial), (Stage::Rom, None));
        let bootcode = client(discover(PI3, &[&[0][..], &[0x44, 0x56, 0xef, 0xa2].repeat(4)].concat()));
        assert_eq!((bootcode.stage, bootcode.serial), (Stage::Serial, Some(Serial::of_low(0xa2ef_5644))));
        let pi4 = |prefix: &[u8], mac: &[u8]| {
            [b"\0", prefix, &[0x41, 0x31, 0xa0, 0], mac, &[0x10, 0x45, 0x15, 0x5b]].concat()
        };
        // Also with the address of somebody else: MAC_ADDRESS in the bootloader's configuration.
        for mac in [PI5, PC] {
            for prefix in [b"RPi4", b"4iPR"] {
                let got = client(discover(mac, &pi4(prefix, &[0; 4])));
                assert_eq!((got.stage, got.serial), (Stage::Eeprom4, Some(Serial::of_low(0x5b15_4510))));
            }
            let own = client(discover(mac, &pi4(b"Lab7", &mac.bytes()[2..])));
            assert_eq!((own.stage, own.revision), (Stage::Eeprom, Some(0x00a0_3141)));
        }
        let odd = client(discover(PI5, &pi4(b"Lab7", &[1, 2, 3, 4])));
        assert_eq!((odd.stage, odd.serial), (Stage::Pi, None));
    }

    #[test]
    fn the_request_of_a_bootloader_has_no_class() {
        let request = Builder::question(PC, 1, Kind::Request, false).option(97, &pi5_id());
        assert_eq!(client(request).stage, Stage::Eeprom5);
        let request = Builder::question(PI5, 1, Kind::Request, false);
        assert_eq!(client(request).stage, Stage::PiHost);
    }

    #[test]
    fn others_are_no_pis() {
        let uuid: Vec<u8> = (0..17).map(|n| if n == 0 { 0 } else { 0x90 + n }).collect();
        let zeros = [0; 17];
        let ones = [&[0][..], &[0xff; 16]].concat();
        for id in [&uuid[..], &zeros, &ones, &uuid[..9], &[]] {
            let pc = client(discover(PC, id));
            assert_eq!((pc.stage, pc.arch), (Stage::Pc, Some(0)), "{id:?}");
        }
        // A PC with UEFI whose firmware repeats itself is no Pi either.
        let uefi = |mac| {
            let id = [&[0][..], &[1, 2, 3, 4].repeat(4)].concat();
            let message = Builder::question(mac, 1, Kind::Discover, true).option(97, &id);
            client(message.option(93, &[0, 7]).option(60, b"PXEClient:Arch:00007:UNDI:003016"))
        };
        assert_eq!((uefi(PC).stage, uefi(PC).arch), (Stage::Pc, Some(7)));
        assert_eq!(uefi(PI5).stage, Stage::PiFirmware);
        let host = |mac| client(Builder::question(mac, 1, Kind::Discover, true).option(60, b"dhcpcd-9.4.1"));
        assert_eq!((host(PC).stage, host(PI5).stage), (Stage::Host, Stage::PiHost));
    }

    #[test]
    fn a_pc_whose_uuid_is_one_word_four_times_is_no_pi() {
        // What a PC's BIOS asks for (option 55): a PXE ROM's list, which has most of a Pi's and more.
        let pxe = [1, 2, 3, 4, 5, 6, 11, 12, 43, 54, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135];
        let of = |mac, id: [u8; 4], asked: &[u8]| {
            let id = [&[0][..], &id.repeat(4)].concat();
            let message = Builder::question(mac, 1, Kind::Discover, true).option(55, asked);
            client(message.option(93, &[0, 0]).option(94, &[1, 2, 1]).option(97, &id).option(60, ARCH)).stage
        };
        let (rom, other): (&[u8], &[u8]) = (
            &[43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66],
            &[1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135],
        );
        for id in [[0x44; 4], [1, 2, 3, 4], [0x20, 0x20, 0x20, 0x20]] {
            assert_eq!(of(PC, id, &pxe), Stage::Pc, "{id:?}");
            assert_eq!(of(PC, id, &[]), Stage::Pc, "{id:?}");
            assert_eq!(of(PC, id, &rom[1..]), Stage::Pc, "{id:?}");
            let pi = if id == [0x44; 4] { Stage::Rom } else { Stage::Serial };
            // A Pi with its own address, and one with its user's.
            for (mac, asked) in [(PI3, &pxe[..]), (PC, rom), (PC, other)] {
                assert_eq!(of(mac, id, asked), pi, "{mac} {id:?}");
            }
        }
    }

    #[test]
    fn numbers_are_written_as_directories_are_named() {
        let text = serde_json::to_string(&client(discover(PI5, &pi5_id()))).unwrap();
        assert_eq!(text, r#"{"stage":"eeprom5","serial":"99ab014d","revision":"00d04170","arch":0}"#);
    }
}
