//! What `vcgencmd otp_dump` prints: the one-time programmable memory of a board, row by row, and what it says about
//! booting from the network.
//!
//! Source: Raspberry Pi's documentation, "OTP register and bit definitions", and the pages on its boot modes.

use std::collections::BTreeMap;

use super::Error;
use crate::board::Mac;
use crate::board::{HostBoot, Model};
use crate::error::{Remedy, Task, remedy};

/// The rows, of the boards before BCM2712 and of that chip.
const BOOT_MODE: u32 = 17;
const BOOT_MODE_COPY: u32 = 18;
const SERIAL: u32 = 28;
const SERIAL_INVERTED: u32 = 29;
const REVISION: u32 = 30;
const SERIAL_HIGH: u32 = 35;
const MAC: [u32; 2] = [64, 65];
const SERIAL_2712: u32 = 31;
const REVISION_2712: u32 = 32;
const MAC_2712: [u32; 2] = [50, 51];
/// Rows that a BCM2712 has, at most.
const ROWS: u32 = 192;
/// The last row of the other chips.
const LAST_OLD: u32 = 66;

/// The bit that lets a board boot as a USB host: from its Ethernet chip, and from USB disks.
const USB_HOST_BOOT: u32 = 1 << 29;
/// The bit that lets a board be booted by a USB host.
const USB_DEVICE_BOOT: u32 = 1 << 28;
/// The bit that makes pins choose among the modes.
const GPIO_BOOT: u32 = 1 << 19;
/// The beginnings of Raspberry Pi's Ethernet addresses.
const OUIS: [u32; 7] = [0xb8_27eb, 0xdc_a632, 0xe4_5f01, 0xd8_3add, 0x28_cdc1, 0x2c_cf67, 0x88_a29e];

/// The rows of a dump, or those of them that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    rows: BTreeMap<u32, u32>,
}

/// Whether a board boots from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetBoot {
    /// Its boot ROM does.
    On,
    /// Its boot ROM would, if the bit were set.
    Off,
    /// What its EEPROM's `BOOT_ORDER` says.
    Eeprom,
    /// Not from its ROM; with a bootcode.bin on an SD card.
    Card,
    /// It has no Ethernet.
    NoEthernet,
    /// The rows that would tell are missing.
    Unknown,
}

impl Dump {
    /// Reads what the command prints, or some lines of it.
    ///
    /// # Errors
    /// When a line is no row, when a row comes twice with different values, when there is no row.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rows = BTreeMap::new();
        for (line, text) in text.lines().enumerate().map(|(at, text)| (at + 1, text.trim())) {
            if text.is_empty() {
                continue;
            }
            let row =
                text.split_once(':').and_then(|(row, value)| Some((decimal(row)?, hex8(value.trim())?)));
            let Some((row, value)) = row else {
                let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
                return Err(Error::Otp {
                    line,
                    why: format!("expected a row such as 17:1020000a, got `{shown}`"),
                });
            };
            if row >= ROWS {
                return Err(Error::Otp {
                    line,
                    why: format!("row {row}: the last one that a board has is {}", ROWS - 1),
                });
            }
            if let Some(before) = rows.insert(row, value).filter(|before| *before != value) {
                let why = format!(
                    "row {row} is {value:08x} here and was {before:08x} before; is it of two boards?"
                );
                return Err(Error::Otp { line, why });
            }
        }
        if rows.is_empty() {
            return Err(Error::OtpEmpty);
        }
        Ok(Self { rows })
    }

    /// A row's value, where it was given.
    #[must_use]
    pub fn row(&self, row: u32) -> Option<u32> {
        self.rows.get(&row).copied()
    }

    /// How many rows were given.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a dump has a row at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it is of a BCM2712 (Pi 5, 500, CM5), which has other rows.
    #[must_use]
    pub fn is_2712(&self) -> bool {
        let of_2712 = |row| self.row(row).is_some_and(|code| code & 1 << 23 != 0 && code >> 12 & 0xf == 4);
        self.rows.keys().any(|row| *row > LAST_OLD) || (of_2712(REVISION_2712) && !self.is_serial_checked())
    }

    /// The revision code, where its row was given.
    #[must_use]
    pub fn revision(&self) -> Option<u32> {
        let code = self.row(if self.is_2712() { REVISION_2712 } else { REVISION })?;
        (code != 0).then_some(code)
    }

    /// The model of board.
    #[must_use]
    pub fn model(&self) -> Option<Model> {
        Model::of_revision(self.revision()?)
    }

    /// The serial number: 16 hexadecimal digits, as `/proc/cpuinfo` has it.
    #[must_use]
    pub fn serial(&self) -> Option<String> {
        let low = self.row(if self.is_2712() { SERIAL_2712 } else { SERIAL })?;
        (low != 0).then(|| format!("{:08x}{low:08x}", self.row(SERIAL_HIGH).unwrap_or(0)))
    }

    /// The directory that the board asks for by TFTP: the last eight digits of its serial number.
    #[must_use]
    pub fn tftp_prefix(&self) -> Option<String> {
        self.serial().map(|serial| serial[8..].to_owned())
    }

    /// Its Ethernet address, where it can be told. On boards up to the 3B+ it comes from the serial number, unless one is
    /// burned in.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        let [a, b] = if self.is_2712() { MAC_2712 } else { MAC };
        let burned = [self.row(a).unwrap_or(0), self.row(b).unwrap_or(0)];
        // Which of the two rows comes first isn't the same everywhere; the vendor's part tells.
        for (first, second) in [(burned[0], burned[1]), (burned[1], burned[0])] {
            if OUIS.contains(&(first >> 8)) {
                let [a, b, c, d] = first.to_be_bytes();
                let [e, f, ..] = second.to_be_bytes();
                return Some(Mac::new([a, b, c, d, e, f]));
            }
        }
        let model = self.model()?;
        if burned != [0, 0] || !model.has_ethernet() || matches!(model.host_boot(), HostBoot::Eeprom(_)) {
            return None;
        }
        let [_, d, e, f] = self.row(SERIAL)?.to_be_bytes();
        Some(Mac::new([0xb8, 0x27, 0xeb, d, e, f]))
    }

    /// Whether the bit for booting as a USB host is set. `None` where the row wasn't given, or means something else.
    #[must_use]
    pub fn usb_host_boot(&self) -> Option<bool> {
        if self.is_2712() {
            return None;
        }
        self.row(BOOT_MODE).map(|row| row & USB_HOST_BOOT != 0)
    }

    /// Whether the board boots from the network.
    #[must_use]
    pub fn net_boot(&self) -> NetBoot {
        if self.is_2712() {
            return NetBoot::Eeprom;
        }
        let Some(model) = self.model() else {
            return match self.usb_host_boot() {
                Some(true) => NetBoot::On,
                Some(false) => NetBoot::Off,
                None => NetBoot::Unknown,
            };
        };
        match model.host_boot() {
            _ if !model.has_ethernet() => NetBoot::NoEthernet,
            HostBoot::Eeprom(_) => NetBoot::Eeprom,
            HostBoot::Card => NetBoot::Card,
            HostBoot::Bit | HostBoot::Factory => match self.usb_host_boot() {
                Some(true) => NetBoot::On,
                Some(false) => NetBoot::Off,
                None => NetBoot::Unknown,
            },
        }
    }

    /// What it means, in sentences; the first one is the answer.
    #[must_use]
    pub fn meaning(&self) -> Vec<Remedy> {
        let mut lines = vec![self.answer()];
        let model = self.model();
        let bit = self.usb_host_boot();
        match model {
            None if !self.is_2712() && bit.is_some() => lines.push(
                "which board it is can't be told without row 30; a Pi 4 boots as its EEPROM says, whatever row 17 is"
                    .into(),
            ),
            Some(Model::Pi3APlus) if bit == Some(false) => lines.push(
                "with the bit set, a 3A+ can never again be booted by a host over USB".into(),
            ),
            Some(Model::Cm3 | Model::Cm3Plus) => lines.push(
                "a carrier board with a LAN9514, as on a Pi 3B, adds Ethernet; with the bit set the ROM boots from it".into(),
            ),
            Some(Model::Pi3BPlus) if bit == Some(false) => {
                lines.push("3B+ are made with the bit set; so is row 17 read rightly?".into());
            }
            _ => {}
        }
        if let Some(row) = self.row(BOOT_MODE).filter(|_| !self.is_2712()) {
            if row & GPIO_BOOT != 0 {
                lines.push(
                    "GPIO boot mode is set (bit 19): pins choose among the modes that are enabled".into(),
                );
            }
            if row & USB_DEVICE_BOOT == 0 && matches!(model.map(Model::host_boot), Some(HostBoot::Bit)) {
                lines.push("bit 28 is not set: this board can't be booted by a host".into());
            }
            if self.row(BOOT_MODE_COPY).is_some_and(|copy| copy != row) {
                lines.push("rows 17 and 18 differ, though 18 is a copy of 17: was the power cut while it was written?".into());
            }
        }
        if !self.is_2712()
            && let (Some(serial), Some(inverted)) = (self.row(SERIAL), self.row(SERIAL_INVERTED))
            && serial != !inverted
        {
            lines.push("row 29 is not row 28 inverted: one of them was not read rightly".into());
        }
        lines
    }

    fn answer(&self) -> Remedy {
        let it = self.model().map_or_else(|| "this board".to_owned(), |model| format!("this {model}"));
        match (self.net_boot(), self.model().map(Model::host_boot)) {
            (NetBoot::On, _) => {
                format!("{it} boots from the network (and USB disks): bit 29 of row 17 is set").into()
            }
            (NetBoot::Off, _) => remedy![
                format!("{it} doesn't boot from the network yet: bit 29 of row 17 is not set; "),
                Task::EnableCard,
                " makes it so",
            ],
            (NetBoot::Eeprom, _) => remedy![
                format!("{it} boots as BOOT_ORDER in its EEPROM says; "),
                Task::EnableEeprom,
                " changes it",
            ],
            (NetBoot::Card, _) => {
                format!(
                    "the boot ROM of {it} can't boot from the network; an SD card with only bootcode.bin on it can"
                )
                .into()
            }
            (NetBoot::NoEthernet, Some(HostBoot::Bit | HostBoot::Factory)) => {
                let usb = match self.usb_host_boot() {
                    Some(true) => "; it boots from USB disks",
                    Some(false) => "; with bit 29 of row 17 set it would boot from USB disks",
                    None => "",
                };
                format!("{it} has no Ethernet of its own to boot from{usb}").into()
            }
            (NetBoot::NoEthernet, _) => format!("{it} has no Ethernet of its own to boot from").into(),
            (NetBoot::Unknown, _) => "row 17 is missing, which would tell".into(),
        }
    }
}

impl Dump {
    /// Whether the rows of a serial number and its inverse fit, as on chips before BCM2712.
    fn is_serial_checked(&self) -> bool {
        matches!((self.row(SERIAL), self.row(SERIAL_INVERTED)), (Some(a), Some(b)) if a == !b && a != 0)
    }
}

fn decimal(text: &str) -> Option<u32> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Eight hexadecimal digits; some write 0x before them.
fn hex8(text: &str) -> Option<u32> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(rows: &str) -> Dump {
        Dump::parse(&rows.replace(' ', "\n")).unwrap()
    }

    #[test]
    fn a_3b_before_and_after() {
        let before = dump(
            "16:00280000 17:1020000a 18:1020000a 28:8015f91e 29:7fea06e1 30:00a02082 64:00000000 65:00000000",
        );
        assert_eq!(before.model(), Some(Model::Pi3B));
        assert_eq!(before.serial().as_deref(), Some("000000008015f91e"));
        assert_eq!(before.tftp_prefix().as_deref(), Some("8015f91e"));
        assert_eq!(before.mac().unwrap().to_string(), "b8:27:eb:15:f9:1e");
        assert_eq!((before.usb_host_boot(), before.net_boot()), (Some(false), NetBoot::Off));
        assert_eq!(before.meaning().len(), 1, "{:?}", before.meaning());
        let after = dump("17:3020000a 18:3020000a 30:00a02082");
        assert_eq!((after.usb_host_boot(), after.net_boot()), (Some(true), NetBoot::On));
    }

    #[test]
    fn one_line_is_enough_for_an_answer() {
        // What `vcgencmd otp_dump | grep 17:` gives.
        assert_eq!(dump("17:3020000a").net_boot(), NetBoot::On);
        let off = dump("17:1020000a");
        assert_eq!(off.net_boot(), NetBoot::Off);
        assert!(off.meaning()[1].says("row 30"));
        assert_eq!(dump("30:00a02082").net_boot(), NetBoot::Unknown);
    }

    #[test]
    fn each_board_has_its_own_answer() {
        for (revision, row, want, text) in [
            ("00a22042", "1020000a", NetBoot::Off, "Pi 2B v1.2 doesn't boot"),
            ("00a01041", "1020000a", NetBoot::Card, "only bootcode.bin"),
            ("0000000e", "1020000a", NetBoot::Card, "Pi B can't boot"),
            ("00a020d3", "3020000a", NetBoot::On, "Pi 3B+ boots from the network"),
            ("009020e0", "1020000a", NetBoot::NoEthernet, "would boot from USB disks"),
            ("00a020a0", "1020000a", NetBoot::NoEthernet, "CM3 has no Ethernet"),
            ("00902120", "3020000a", NetBoot::NoEthernet, "Zero 2 W has no Ethernet"),
            ("00c03111", "000008b0", NetBoot::Eeprom, "BOOT_ORDER"),
            ("00a03150", "000008b0", NetBoot::NoEthernet, "CM4S has no Ethernet"),
        ] {
            let dump = dump(&format!("17:{row} 18:{row} 30:{revision}"));
            assert_eq!(dump.net_boot(), want, "{revision}");
            assert!(dump.meaning()[0].says(text), "{revision}: {:?}", dump.meaning());
        }
    }

    #[test]
    fn a_pi_5_has_other_rows() {
        let pi5 = dump("17:00000000 31:9f8e7d6c 32:00c04170 35:a1b2c3d4 50:2ccf6701 51:02030000 77:00000000");
        assert!(pi5.is_2712());
        assert_eq!(pi5.model(), Some(Model::Pi5));
        assert_eq!(pi5.serial().as_deref(), Some("a1b2c3d49f8e7d6c"));
        assert_eq!(pi5.mac().unwrap().to_string(), "2c:cf:67:01:02:03");
        assert_eq!((pi5.net_boot(), pi5.usb_host_boot()), (NetBoot::Eeprom, None));
        // The example of the documentation, its rows the other way round.
        let pi4 = dump("30:00c03111 64:247e0000 65:e45f0120");
        assert_eq!(pi4.mac().unwrap().to_string(), "e4:5f:01:20:24:7e");
    }

    #[test]
    fn what_is_odd_is_told() {
        let odd = dump("17:3028000a 18:1028000a 28:00000001 29:00000001 30:00a02082");
        let lines = odd.meaning();
        for want in ["GPIO boot mode", "rows 17 and 18 differ", "row 29 is not row 28"] {
            assert!(lines.iter().any(|line| line.says(want)), "{want}: {lines:?}");
        }
    }

    #[test]
    fn what_is_no_dump_is_refused() {
        for (text, why) in [
            ("", "no row"),
            ("\n \n", "no row"),
            ("error=1 error_msg=\"Command not registered\"", "line 1: expected a row"),
            ("17:1020000a\nroot@pi:~#", "line 2: expected"),
            ("17:1020000", "line 1: expected"),
            ("17:+1020000", "line 1: expected"),
            ("17:1020000g", "line 1: expected"),
            ("+7:1020000a", "line 1: expected"),
            (":1020000a", "line 1: expected"),
            ("192:00000000", "row 192: the last one"),
            ("99999999999:00000000", "line 1: expected"),
            ("17:1020000a\n17:3020000a", "line 2: row 17 is 3020000a here and was 1020000a"),
        ] {
            let error = Dump::parse(text).unwrap_err();
            assert!(error.to_string().contains(why), "{text:?}: {error}");
        }
        assert!(Dump::parse("17:1020000a\r\n17:1020000a\r\n").is_ok(), "the same twice is no contradiction");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) { let _ = Dump::parse(&text).map(|dump| dump.meaning()); }

        #[test]
        fn no_rows_panic(rows in proptest::collection::btree_map(0u32..192, proptest::prelude::any::<u32>(), 1..40)) {
            let text: String = rows.iter().map(|(row, value)| format!("{row:02}:{value:08x}\n")).collect();
            let dump = Dump::parse(&text).unwrap();
            proptest::prop_assert_eq!(dump.len(), rows.len());
            let _ = (dump.meaning(), dump.mac(), dump.tftp_prefix(), dump.net_boot());
        }
    }
}
