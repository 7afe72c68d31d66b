//! What a board tells about itself in the file server: names of the form `*KEY*VALUE`. Recovery and provisioning
//! payloads of 2711 and 2712 do. Source: usbboot's main.c and decode_duid.c.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// More than any board tells; what comes after is dropped.
const MAX_ENTRIES: usize = 256;

/// What recovery.bin does and tells the success of. Other keys say what the board is.
const DEEDS: [&str; 3] = ["EEPROM_UPDATE", "EEPROM_ERASE", "SECURE_BOOT_PROVISION"];

/// What one board has told, in the order in which it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: Vec<(String, String)>,
}

impl Metadata {
    /// Takes one message, and gives the key and the value that it holds. A key told again replaces the value.
    ///
    /// Gives `None` where the message holds no key. Parts are separated by any number of stars; all behind the key is
    /// the value, empty where there is nothing. `FACTORY_UUID` is decoded where it can be.
    pub fn take(&mut self, message: &str) -> Option<(&str, &str)> {
        let (key, value) = parse(message)?;
        let value = match key {
            "FACTORY_UUID" => factory_uuid(value).unwrap_or_else(|| value.to_owned()),
            _ => value.to_owned(),
        };
        let at = match self.entries.iter().position(|(known, _)| known == key) {
            Some(at) => {
                self.entries[at].1 = value;
                at
            }
            // What decides is kept whatever came before.
            None if self.entries.len() < MAX_ENTRIES || DEEDS.contains(&key) => {
                self.entries.push((key.to_owned(), value));
                self.entries.len() - 1
            }
            None => return None,
        };
        self.entries.get(at).map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// All that was told.
    #[must_use]
    pub fn entries(&self) -> &[(String, String)] {
        &self.entries
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The first thing that the board says it did and that did not succeed: key and value.
    ///
    /// What recovery.bin does it tells with `success` or `fail` (texts in the programs of both chips); whatever isn't
    /// `success` is a failure.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, &str)> {
        let deed = |key: &str| DEEDS.contains(&key);
        let failed = |(key, value): &&(String, String)| deed(key) && !value.eq_ignore_ascii_case("success");
        self.entries.iter().find(failed).map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether it says that it did something, and of all that it did that it succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.failure().is_none() && DEEDS.iter().any(|deed| self.get(deed).is_some())
    }

    /// Whether nothing was told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (key, value) in &self.entries {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// The key and the value of a message.
#[must_use]
pub fn parse(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix('*')?.trim_start_matches('*');
    let (key, value) = rest.split_once('*').unwrap_or((rest, ""));
    (!key.is_empty()).then(|| (key, value.trim_matches('*')))
}

/// The text of a factory UUID: words of hexadecimal digits, each of two half-words with three characters, in the
/// C40 encoding of Data Matrix (ISO/IEC 16022). `None` where the words hold something else.
#[must_use]
pub fn factory_uuid(words: &str) -> Option<String> {
    let mut text = String::new();
    for word in words.split('_') {
        // `from_str_radix` would take a sign.
        if !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let word = u32::from_str_radix(word, 16).ok()?;
        if word == 0 {
            break;
        }
        let [a, b, c, d] = word.to_le_bytes();
        text.extend(three(u16::from_le_bytes([a, b]))?);
        match u16::from_le_bytes([c, d]) {
            0 => {}
            high => text.extend(three(high)?),
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The three characters of a half-word.
fn three(half: u16) -> Option<[char; 3]> {
    let rest = half.checked_sub(1)?;
    let (first, rest) = (rest / 1600, rest % 1600);
    let character = |value: u16| {
        let value = u8::try_from(value).ok()?;
        match value {
            4..=13 => Some(char::from(b'0' + value - 4)),
            14..=39 => Some(char::from(b'A' + value - 14)),
            _ => None,
        }
    };
    Some([character(first)?, character(rest / 40)?, character(rest % 40)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_key_and_a_value() {
        assert_eq!(parse("*MAC_ADDR*dc:a6:32:01:02:03"), Some(("MAC_ADDR", "dc:a6:32:01:02:03")));
        assert_eq!(parse("**A**B"), Some(("A", "B")));
        assert_eq!(parse("*A"), Some(("A", "")));
        assert_eq!(parse("*A*"), Some(("A", "")));
        assert_eq!(parse("*A*B*C"), Some(("A", "B*C")));
        for nothing in ["*", "**", "***", "A*B", ""] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn it_is_an_object_whatever_the_board_says() {
        let mut metadata = Metadata::default();
        metadata.take("*EEPROM_UPDATE*success");
        metadata.take("*A*say \"x\" \\ {},");
        metadata.take("*EEPROM_UPDATE*failed");
        let long = format!("*LONG*{}", "x".repeat(249));
        assert_eq!(metadata.take(&long), Some(("LONG", &*"x".repeat(249))));
        let text = serde_json::to_string(&metadata).unwrap();
        let start = r#"{"EEPROM_UPDATE":"failed","A":"say \"x\" \\ {},","LONG":"xxx"#;
        assert!(text.starts_with(start), "{text}");
        assert_eq!(metadata.get("LONG").map(str::len), Some(249));
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back.as_object().unwrap().len(), 3);
    }

    #[test]
    fn what_a_board_did_and_did_not_is_told_apart() {
        let failure = |messages: &[&str]| {
            let mut metadata = Metadata::default();
            for message in messages {
                metadata.take(message);
            }
            metadata.failure().map(|(key, value)| format!("{key}={value}"))
        };
        assert_eq!(
            failure(&["*JTAG_LOCKED*0", "*EEPROM_UPDATE*success", "*SECURE_BOOT_PROVISION*success"]),
            None
        );
        assert_eq!(failure(&["*EEPROM_UPDATE*fail"]).as_deref(), Some("EEPROM_UPDATE=fail"));
        assert_eq!(failure(&["*EEPROM_ERASE*"]).as_deref(), Some("EEPROM_ERASE="));
        let late = ["*EEPROM_UPDATE*success", "*SECURE_BOOT_PROVISION*fail", "*MAC_ADDR*fail"];
        assert_eq!(failure(&late).as_deref(), Some("SECURE_BOOT_PROVISION=fail"));
        // Update failed, retried: the last word counts.
        assert_eq!(failure(&["*EEPROM_UPDATE*fail", "*EEPROM_UPDATE*success"]), None);
    }

    #[test]
    fn a_board_that_tells_for_ever_fills_no_memory() {
        let mut metadata = Metadata::default();
        for at in 0..10_000 {
            metadata.take(&format!("*K{at}*v"));
        }
        assert_eq!(metadata.entries().len(), MAX_ENTRIES);
        assert_eq!(metadata.take("*K0*w"), Some(("K0", "w")));
        metadata.take("*EEPROM_UPDATE*fail");
        assert_eq!(metadata.failure(), Some(("EEPROM_UPDATE", "fail")));
    }

    /// The inverse of the decoding, as the encoding's definition has it.
    fn encode(text: &str) -> String {
        let value = |char: char| match char {
            '0'..='9' => char as u32 - '0' as u32 + 4,
            _ => char as u32 - 'A' as u32 + 14,
        };
        let values: Vec<u32> = text.chars().map(value).collect();
        let halves: Vec<u32> = values.chunks(3).map(|v| 1600 * v[0] + 40 * v[1] + v[2] + 1).collect();
        let words: Vec<String> =
            halves.chunks(2).map(|h| format!("{:08x}", h[0] | h.get(1).unwrap_or(&0) << 16)).collect();
        words.join("_")
    }

    #[test]
    fn a_factory_uuid_is_decoded() {
        // 0 is 4: 1600 * 4 + 40 * 4 + 4 + 1 = 6565 = 0x19a5.
        assert_eq!(factory_uuid("19a5"), Some("000".into()));
        assert_eq!(factory_uuid("19a519a5_000019a5_0_ffffffff"), Some("000000000".into()));
        // Z is 39: 1600 * 39 + 40 * 39 + 39 + 1 = 64000 = 0xfa00, the largest that there is.
        assert_eq!(factory_uuid("fa00"), Some("ZZZ".into()));
        for bad in ["", "0", "fa01", "1", "xyz", "+19a5", "19a5_", "123456789", "19a5_zz"] {
            assert_eq!(factory_uuid(bad), None, "{bad}");
        }
        let mut metadata = Metadata::default();
        assert_eq!(metadata.take("*FACTORY_UUID*19a5"), Some(("FACTORY_UUID", "000")));
        assert_eq!(metadata.take("*FACTORY_UUID*broken"), Some(("FACTORY_UUID", "broken")));
    }

    proptest::proptest! {
        #[test]
        fn no_message_panics(text in ".*") {
            let _ = Metadata::default().take(&text);
            let _ = factory_uuid(&text);
        }

        #[test]
        fn every_uuid_comes_back(text in "([0-9A-Z]{3}){1,12}") {
            proptest::prop_assert_eq!(factory_uuid(&encode(&text)), Some(text));
        }
    }
}
