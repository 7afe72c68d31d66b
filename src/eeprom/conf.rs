//! `bootconf.txt`, the configuration in a Pi 4's or Pi 5's EEPROM.

use super::keys::{self, Key};
use super::lines::{Change, Lines, Scope};
use super::{BootOrder, Error};

/// The configuration, with changes to it.
#[derive(Debug, Clone)]
pub struct BootConf {
    lines: Lines,
    changes: Vec<Change>,
}

impl BootConf {
    /// Reads the text. Any text is one; the bootloader passes over what it doesn't understand.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self { lines: Lines::parse(text.as_bytes(), Some("config.txt")), changes: Vec::new() }
    }

    /// A setting's value for all boards, where it stands there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        self.lines.value(key)
    }

    /// The boot order for all boards, where it is one. Without one the bootloader takes [`BootOrder::DEFAULT`].
    #[must_use]
    pub fn order(&self) -> Option<BootOrder> {
        self.get("BOOT_ORDER").and_then(|value| BootOrder::parse(&value).ok())
    }

    /// Sets a setting for all boards, after a look at name and value.
    ///
    /// # Errors
    /// When the bootloader knows no such setting, or not with this value.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        Key::find(key)?.check(value)?;
        self.changes.append(&mut self.lines.set(key, value, None));
        Ok(())
    }

    /// The lines that changed.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What of it is not as somebody may think who boots boards over the network with it.
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
        assert!(
            matches!(conf.set("boot_order", "1"), Err(Error::Key { near, .. }) if near[0] == "BOOT_ORDER")
        );
        assert!(matches!(conf.set("TFTP_IP", "10.0.0"), Err(Error::Value { .. })));
        assert_eq!(conf.text(), want);
    }

    #[test]
    fn what_counts_instead_is_told() {
        let mut conf = BootConf::parse("BOOT_ORDER=0xf41\n[gpio8=0]\nBOOT_ORDER=0xf7\n");
        conf.set("BOOT_ORDER", "0xf12").unwrap();
        assert!(conf.notes().contains(&"where [gpio8=0] holds, BOOT_ORDER=0xf7 counts instead".to_owned()));
    }
}
