//! What the old utility OS tells: texts of a query, each of which anybody may have written. Pure.
//!
//! Which names they have, and what each is: `raspberrypi/scriptexecutor` (its `S99scriptexec`) and `raspberrypi/cmprovision`
//! (`ScriptExecuteController.php`), read for their protocol.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::board::{Jumper, Mac, Serial, Who};
use crate::device_api::{Disk, Role};
use crate::format::is_hidden;

/// No disk that such a board has is larger: 2 PiB in sectors of 512 bytes.
const MOST_SECTORS: u64 = 1 << 42;
/// No such board has more memory: 1 TiB in kB.
const MOST_MEMORY: u64 = 1 << 30;

/// What a question of the old utility OS, or of a script that the station gave it, has in its query.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = ScriptexecuteAsked)]
pub(in crate::station) struct Asked {
    /// The board's serial number.
    #[serde(default)]
    pub(super) serial: Option<String>,
    /// Its model, as the device tree has it.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// Length of its eMMC or SD card in sectors of 512 bytes.
    #[serde(default)]
    pub(super) storagesize: Option<String>,
    /// Its Ethernet address.
    #[serde(default)]
    pub(super) mac: Option<String>,
    /// Three bits of the jumpers on its carrier: a jumper that is set is 0.
    #[serde(default)]
    pub(super) inversejumper: Option<String>,
    /// Its memory in kB.
    #[serde(default)]
    pub(super) memorysize: Option<String>,
    /// Its temperature in degrees Celsius.
    #[serde(default)]
    pub(super) temp: Option<String>,
    /// The CID register of its eMMC or SD card.
    #[serde(default)]
    pub(super) cid: Option<String>,
    /// The CSD register.
    #[serde(default)]
    pub(super) csd: Option<String>,
    /// How it was started: 3 is over USB.
    #[serde(default)]
    pub(super) bootmode: Option<String>,
    /// The board has done all.
    #[serde(default)]
    pub(super) alldone: Option<String>,
    /// Which step a log is of: `preinstall`, `dd`, `postinstall`, `eeprom`.
    #[serde(default)]
    pub(super) phase: Option<String>,
    /// With which status that ended.
    #[serde(default)]
    pub(super) retcode: Option<String>,
    /// What shows that it is the board of a run. Only the script that the station gave has it.
    #[serde(default)]
    pub(super) token: Option<String>,
    /// The board waits, and asks once more.
    #[serde(default)]
    pub(super) again: Option<String>,
    /// The place of a script among those of the run, from 0.
    #[serde(default)]
    pub(super) script: Option<String>,
    /// What goes on: `begin`, `alive`, `readback`.
    #[serde(default)]
    pub(super) step: Option<String>,
    /// sha256 of what was read back from the disk.
    #[serde(default)]
    pub(super) sha256: Option<String>,
    /// 1 where that came from the disk and not from memory.
    #[serde(default)]
    pub(super) fresh: Option<String>,
    /// sha256 of the EEPROM before.
    #[serde(default)]
    pub(super) eeprombefore: Option<String>,
    /// sha256 of what was read back from the EEPROM.
    #[serde(default)]
    pub(super) eeprom: Option<String>,
    /// Bytes that were written there.
    #[serde(default)]
    pub(super) eepromwritten: Option<String>,
}

/// What a board tells of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) serial: Serial,
    pub(super) mac: Option<Mac>,
    pub(super) model: Option<String>,
    /// In bytes.
    pub(super) memory: Option<u64>,
    /// What is called mmcblk0 there.
    pub(super) disk: Option<Disk>,
    /// In degrees Celsius.
    pub(super) temperature: Option<f64>,
    /// How it was started, by the firmware's number.
    pub(super) bootmode: Option<u8>,
    /// What its jumpers say.
    pub(super) jumper: Option<Jumper>,
}

impl Asked {
    /// What the board tells of itself. What can't be is as if it weren't told, but for the serial number.
    ///
    /// # Errors
    /// What is wrong with the serial number.
    pub(super) fn told(&self) -> Result<Told, &'static str> {
        let serial = plain(self.serial.as_ref()).ok_or("`serial` is missing")?;
        let serial = Serial::of_digits(&serial).ok_or("`serial` is no serial number of a board")?;
        if serial.is_blank() {
            return Err("`serial` has zeros only: it names no board");
        }
        Ok(Told {
            serial,
            mac: plain(self.mac.as_ref()).and_then(|mac| mac.parse().ok()),
            model: plain(self.model.as_ref()).filter(|model| model.chars().count() <= 200),
            memory: number(self.memorysize.as_ref()).filter(|memory| *memory <= MOST_MEMORY).and_then(memory),
            disk: self.disk(),
            temperature: self.temperature(),
            bootmode: number(self.bootmode.as_ref()).and_then(|mode| u8::try_from(mode).ok()),
            jumper: plain(self.inversejumper.as_ref()).and_then(|digits| Jumper::of_digits(&digits)),
        })
    }

    /// The first number in `temp=48.3'C`, which is as `vcgencmd measure_temp` says it.
    pub(super) fn temperature(&self) -> Option<f64> {
        let text = plain(self.temp.as_ref())?;
        let is_of_number = |char: char| char.is_ascii_digit() || matches!(char, '.' | '-');
        let number = text.trim_start_matches(|char| !is_of_number(char));
        let number = number.split(|char| !is_of_number(char)).next()?;
        number.parse().ok().filter(|degrees| (-273.15..=1000.0).contains(degrees))
    }

    fn disk(&self) -> Option<Disk> {
        let sectors =
            number(self.storagesize.as_ref()).filter(|sectors| (1..=MOST_SECTORS).contains(sectors));
        let (cid, csd) = (register(self.cid.as_ref()), register(self.csd.as_ref()));
        // CSD_STRUCTURE, its highest two bits: 0 and 1 are SD cards' (SD physical layer, 5.3), 2 and 3 eMMCs' (JESD84, 7.3).
        let is_card = csd.as_deref().is_some_and(|csd| matches!(csd.as_bytes().first(), Some(b'0'..=b'7')));
        let role = if is_card { Role::Sd } else { Role::Emmc };
        Some(Disk { cid, csd, ..Disk::new("mmcblk0".to_owned(), role, sectors? * 512) })
    }
}

impl Told {
    /// Who it is.
    pub(super) fn who(&self) -> Who {
        Who { mac: self.mac, serial: Some(self.serial), ..Who::default() }
    }

    /// How it was started, in the word of other clients.
    pub(super) fn boot(&self) -> Option<String> {
        // Raspberry Pi's documentation, "Device tree parameters": `boot-mode`.
        let word = match self.bootmode? {
            1 => "sd",
            2 => "network",
            3 => "usb",
            _ => return None,
        };
        Some(word.to_owned())
    }

    /// The same as a query. Each word in it was read, so nothing of it means anything to a shell or in an address.
    pub(super) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("serial", self.serial.as_str());
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        };
        put("model", self.model.clone());
        put("mac", self.mac.map(|mac| mac.to_string()));
        put("memorysize", self.memory.map(|memory| (memory / 1024).to_string()));
        put("bootmode", self.bootmode.map(|mode| mode.to_string()));
        put("inversejumper", self.jumper.map(Jumper::digits));
        if let Some(disk) = &self.disk {
            put("storagesize", Some((disk.size / 512).to_string()));
            put("cid", disk.cid.clone());
            put("csd", disk.csd.clone());
        }
        query.finish()
    }
}

/// A text of a query without what hides; `None` where nothing is left.
pub(super) fn plain(text: Option<&String>) -> Option<String> {
    let text: String = text?.chars().filter(|char| !is_hidden(*char)).take(300).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A whole number.
pub(super) fn number(text: Option<&String>) -> Option<u64> {
    let text = plain(text)?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// 64 hexadecimal digits.
pub(super) fn digest(text: Option<&String>) -> Option<String> {
    plain(text).filter(|text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A register of 16 bytes.
fn register(text: Option<&String>) -> Option<String> {
    let text = plain(text)?.to_ascii_lowercase();
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// What is soldered on, of what the kernel has left of it, which is 200 MB less at most.
fn memory(kb: u64) -> Option<u64> {
    let whole = (kb + 200_000 + (1 << 19)) >> 20;
    match kb {
        0 => None,
        1..700_000 => Some(kb * 1024),
        _ => Some(whole << 30),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(query: &str) -> Asked {
        let uri = format!("/?{query}").parse().unwrap();
        axum::extract::Query::<Asked>::try_from_uri(&uri).unwrap().0
    }

    /// As a CM4 with 8 GB of eMMC and 2 GB of memory asks.
    const CM4: &str = "serial=10000000af04b2da&model=Raspberry+Pi+Compute+Module+4+Rev+1.0&storagesize=15269888\
        &mac=dc:a6:32:01:02:03&inversejumper=100&memorysize=1892576&temp=48.3'C\
        &cid=150100424a54443452079a3ef0d2b1a7&csd=d02701320f5903fff6dbffef8e40400d&bootmode=2";

    #[test]
    fn what_a_cm4_tells_is_read() {
        let told = asked(CM4).told().unwrap();
        assert_eq!(told.serial.as_str(), "10000000af04b2da");
        assert_eq!(told.mac, "dc:a6:32:01:02:03".parse().ok());
        assert_eq!(told.model.as_deref(), Some("Raspberry Pi Compute Module 4 Rev 1.0"));
        assert_eq!((told.memory, told.temperature), (Some(2 << 30), Some(48.3)));
        assert_eq!((told.boot().as_deref(), told.jumper.map(Jumper::number)), (Some("network"), Some(3)));
        let disk = told.disk.clone().unwrap();
        assert_eq!((disk.size, disk.role, disk.name.as_str()), (15_269_888 * 512, Role::Emmc, "mmcblk0"));
        assert_eq!(disk.cid.as_deref(), Some("150100424a54443452079a3ef0d2b1a7"));
        // What is told again while it waits is the same.
        let again = asked(&told.query()).told().unwrap();
        assert_eq!(again, Told { temperature: None, ..told });
    }

    #[test]
    fn a_card_is_told_from_an_emmc_by_its_csd() {
        let card = CM4.replace("csd=d0", "csd=40");
        assert_eq!(asked(&card).told().unwrap().disk.unwrap().role, Role::Sd);
    }

    #[test]
    fn without_a_serial_number_it_is_nobody_and_what_else_cannot_be_is_left_out() {
        for query in ["", "serial=", "serial=zzz", "serial=0000000000000000", "serial=../x", "serial=%00"] {
            assert!(asked(query).told().is_err(), "{query}");
        }
        let odd = "serial=af04b2da&model=%1b[2J%0a&storagesize=-1&mac=x&inversejumper=777&memorysize=9e9\
            &temp=hot&cid=';rm&csd=%00&bootmode=999";
        let told = asked(odd).told().unwrap();
        assert_eq!(told.model.as_deref(), Some("[2J"));
        assert!(told.disk.is_none() && told.mac.is_none() && told.jumper.is_none() && told.memory.is_none());
        assert!(told.temperature.is_none() && told.bootmode.is_none());
        for far in ["temp=99999", "temp=-400", "temp=1.2.3", "temp=--"] {
            assert_eq!(asked(&format!("serial=1&{far}")).told().unwrap().temperature, None, "{far}");
        }
        let large = asked("serial=1&storagesize=99999999999999&memorysize=99999999999999").told().unwrap();
        assert!(large.disk.is_none() && large.memory.is_none());
    }

    proptest! {
        #[test]
        fn nothing_that_is_told_again_means_anything_to_a_shell(model in "\\PC{0,40}", rest in "[ -~]{0,30}") {
            let asked = Asked { serial: Some("af04b2da".into()), model: Some(model), mac: Some(rest.clone()),
                cid: Some(rest.clone()), inversejumper: Some(rest), ..Asked::default() };
            let query = asked.told().unwrap().query();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=&+%.-_*".contains(&byte);
            prop_assert!(query.bytes().all(plain), "{}", query);
        }
    }
}
