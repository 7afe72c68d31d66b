//! `bootconf.txt`, the configuration in a Pi 4's or Pi 5's EEPROM.

use super::keys::{self, Key};
use super::lines::{Change, Lines, Scope};
use super::{BootOrder, Error};

/// The configuration, with changes to it.
#[derive(Debug, Clone)]
pub struct BootConf {
    lines: Lines,
    changes: Vec<Change>,
    /// Settings that were set and aren't known.
    unknown: Vec<String>,
}

impl BootConf {
    /// Reads the text. Any text is one; the bootloader passes over what it doesn't understand.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = Lines::parse(text.as_bytes(), Some("config.txt"));
        Self { lines, changes: Vec::new(), unknown: Vec::new() }
    }

    /// A setting's value for all boards, where it stands there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        self.lines.value(key)
    }

    /// The boot order for all boards; `None` where it isn't set, or its value is no boot order. Where it isn't set, the
    /// bootloader takes [`BootOrder::DEFAULT`].
    #[must_use]
    pub fn order(&self) -> Option<BootOrder> {
        self.get("BOOT_ORDER").and_then(|value| BootOrder::parse(&value).ok())
    }

    /// Sets a setting for all boards, after a look at name and value. A name that isn't known is set too, and told by
    /// [`Self::warnings`].
    ///
    /// # Errors
    /// When the name can be that of no setting, or the bootloader doesn't know it with this value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match Key::find(key)? {
            Some(known) => known.check(value)?,
            None => {
                keys::check_text(key, value)?;
                self.unknown.push(key.to_owned());
            }
        }
        self.changes.append(&mut self.lines.set(key, value, None));
        Ok(())
    }

    /// The lines that changed.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What is to be said before the change is made: settings that were set and that aren't known.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.unknown.iter().map(|name| Key::unknown(name)).collect()
    }

    /// What a user that boots boards over the network may not expect of this configuration.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = keys::notes(&|key| self.get(key));
        for change in &self.changes {
            let Some((key, _)) = change.after.as_deref().and_then(|line| line.split_once('=')) else {
                continue;
            };
            for found in self.lines.find(key) {
                if let Scope::When(filter) = found.scope {
                    notes.push(format!("where [{filter}] holds, {key}={} counts instead", found.value));
                }
            }
        }
        notes
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "[all]\nBOOT_UART=0\nWAKE_ON_GPIO=1\nBOOT_ORDER=0xf41\n[none]\nFREEZE_VERSION=0\n";

    #[test]
    fn settings_are_checked_and_set() {
        let mut conf = BootConf::parse(DEFAULT);
        assert_eq!(conf.order(), BootOrder::parse("0xf41").ok());
        conf.set("BOOT_ORDER", "0xf12").unwrap();
        conf.set("TFTP_IP", "10.0.0.2").unwrap();
        conf.set("BOOT_UART", "0").unwrap();
        let want = "[all]\nBOOT_UART=0\nWAKE_ON_GPIO=1\nBOOT_ORDER=0xf12\n[none]\nFREEZE_VERSION=0\n[all]\nTFTP_IP=10.0.0.2\n";
        assert_eq!(conf.text(), want);
        let lines: Vec<_> =
            conf.changes().iter().map(|change| (change.line, change.after.as_deref())).collect();
        assert_eq!(lines, [(4, Some("BOOT_ORDER=0xf12")), (7, Some("[all]")), (7, Some("TFTP_IP=10.0.0.2"))]);
        assert!(matches!(conf.set("TFTP_IP", "10.0.0"), Err(Error::Value { .. })));
        assert_eq!(conf.text(), want);
    }

    #[test]
    fn a_setting_that_is_not_known_is_set_and_told() {
        let mut conf = BootConf::parse(DEFAULT);
        conf.set("boot_order", "1").unwrap();
        conf.set("WHAT_COMES_NEXT", "a b").unwrap();
        assert!(conf.text().ends_with("boot_order=1\nWHAT_COMES_NEXT=a b\n"));
        let notes = conf.warnings();
        assert_eq!(
            notes[0],
            "boot_order is no setting that is known of a bootloader, and its value wasn't checked; is BOOT_ORDER meant?"
        );
        assert!(notes[1].starts_with("WHAT_COMES_NEXT is no setting that is known"), "{notes:?}");
        for name in ["", "A B", "[all]", "A\nB", "#A"] {
            assert!(matches!(conf.set(name, "1"), Err(Error::Key { .. })), "{name:?}");
        }
        assert!(matches!(conf.set("NEXT", "1\nA=1"), Err(Error::Value { .. })));
        let known =
            ["BOOT_MENU_ENABLED", "BOOT_MENU_OPTIONS", "USE_IPV6", "DNS_IP", "USB_DEV_BOOT_MAX_RETRIES"];
        let mut conf = BootConf::parse(DEFAULT);
        for name in known.into_iter().chain(["USB_DEV_FILE_TIMEOUT", "NVME_CONTROLLER"]) {
            conf.set(name, "1").unwrap();
        }
        assert_eq!(conf.warnings(), [""; 0], "seven that no documentation has");
    }

    #[test]
    fn what_counts_instead_is_told() {
        let mut conf = BootConf::parse("BOOT_ORDER=0xf41\n[gpio8=0]\nBOOT_ORDER=0xf7\n");
        conf.set("BOOT_ORDER", "0xf12").unwrap();
        assert!(conf.notes().contains(&"where [gpio8=0] holds, BOOT_ORDER=0xf7 counts instead".to_owned()));
    }
}
