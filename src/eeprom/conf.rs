//! `bootconf.txt`, the configuration in a Pi 4's or Pi 5's EEPROM.

use super::keys::{self, Key};
use super::lines::{Change, Lines, Scope, Seen};
use super::{BootOrder, Error};

/// The configuration, with changes to it.
#[derive(Debug, Clone)]
pub struct BootConf {
    lines: Lines,
    changes: Vec<Change>,
    /// What is to be said before the change is made.
    told: Vec<String>,
}

impl BootConf {
    /// Reads the text. Any text is one; the bootloader passes over what it doesn't understand.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = Lines::parse(text.as_bytes(), Some("config.txt"));
        Self { lines, changes: Vec::new(), told: Vec::new() }
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
                self.told.push(Key::unknown(key));
            }
        }
        self.changes.append(&mut self.lines.set(key, value, None));
        Ok(())
    }

    /// Takes a setting out, for all boards. Where it stands below a filter it stays; that is told by [`Self::warnings`],
    /// as is a setting that isn't there.
    ///
    /// # Errors
    /// When the name can be that of no setting.
    pub fn unset(&mut self, key: &str) -> Result<(), Error> {
        Key::find(key)?;
        let found: Vec<_> = self.lines.find(key).map(|found| (found.at, found.scope)).collect();
        let places: Vec<usize> =
            found.iter().filter(|(_, scope)| *scope == Scope::Always).map(|(at, _)| *at).collect();
        let filters = found.iter().filter_map(|(_, scope)| match scope {
            Scope::When(filter) => Some(format!("{key} stays below [{filter}]")),
            _ => None,
        });
        self.told.extend(filters);
        if places.is_empty() {
            self.told.push(format!("{key} isn't set for all boards, so nothing is taken out"));
        }
        self.changes.append(&mut self.lines.remove(&places));
        Ok(())
    }

    /// Takes a setting out wherever it may count.
    pub(super) fn unset_everywhere(&mut self, key: &str) {
        let counts = |scope: &Scope| matches!(scope, Scope::Always | Scope::When(_));
        let places: Vec<usize> =
            self.lines.find(key).filter(|found| counts(&found.scope)).map(|found| found.at).collect();
        self.changes.append(&mut self.lines.remove(&places));
    }

    /// Puts another text in place of all of it.
    pub fn replace(&mut self, text: &str) {
        self.changes.append(&mut self.lines.replace(&Self::parse(text).lines));
    }

    /// Whether a setting may have this value on some board.
    #[must_use]
    pub fn may_be(&self, key: &str, value: &str) -> bool {
        let counts = |scope: &Scope| matches!(scope, Scope::Always | Scope::When(_));
        self.lines.find(key).any(|found| found.value == value && counts(&found.scope))
    }

    /// All lines, as they are now.
    pub fn lines(&self) -> impl Iterator<Item = Seen> + '_ {
        self.lines.look()
    }

    /// The lines that changed.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What is to be said before the change is made: settings that were set and aren't known, and such as couldn't be
    /// taken out.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.told.clone()
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
    fn a_setting_is_taken_out_where_it_counts_for_all() {
        let mut conf = BootConf::parse("A=1\n# A=0\n[cm4]\nA=2\n[all]\nA=3\n A = 4\n[none]\nA=5\n");
        conf.unset("A").unwrap();
        assert_eq!(conf.text(), "# A=0\n[cm4]\nA=2\n[all]\n[none]\nA=5\n");
        assert_eq!(conf.warnings(), ["A stays below [cm4]"]);
        let lines: Vec<_> = conf.changes().iter().map(|change| change.line).collect();
        assert_eq!(lines, [1, 6, 7]);
        conf.unset("B").unwrap();
        assert_eq!(conf.warnings()[1], "B isn't set for all boards, so nothing is taken out");
        assert!(matches!(conf.unset("A B"), Err(Error::Key { .. })));
        // The numbers of what comes later are those of the text before, too.
        conf.set("C", "1").unwrap();
        assert_eq!(conf.changes().last().unwrap().line, 10);
        assert!(conf.may_be("A", "2") && !conf.may_be("A", "5") && !conf.may_be("A", "1"));
        conf.unset_everywhere("A");
        assert_eq!(conf.text(), "# A=0\n[cm4]\n[all]\n[none]\nA=5\n[all]\nC=1\n");
    }

    #[test]
    fn another_text_is_told_as_what_differs() {
        let mut conf = BootConf::parse("A=1\nB=2\nC=3\nD=4\n");
        conf.replace("A=1\nX=2\nY=3\nZ=3\nD=4\n");
        assert_eq!(conf.text(), "A=1\nX=2\nY=3\nZ=3\nD=4\n");
        let told: Vec<_> = conf
            .changes()
            .iter()
            .map(|change| (change.line, change.before.as_deref(), change.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (2, Some("B=2"), None),
                (3, Some("C=3"), None),
                (2, None, Some("X=2")),
                (2, None, Some("Y=3")),
                (2, None, Some("Z=3"))
            ]
        );
        for text in ["", "A=1\n", "A=1\nA=1\n"] {
            let mut conf = BootConf::parse("A=1\n");
            conf.replace(text);
            assert_eq!(conf.text(), text);
            assert_eq!(conf.changes().is_empty(), text == "A=1\n");
        }
    }

    #[test]
    fn what_counts_instead_is_told() {
        let mut conf = BootConf::parse("BOOT_ORDER=0xf41\n[gpio8=0]\nBOOT_ORDER=0xf7\n");
        conf.set("BOOT_ORDER", "0xf12").unwrap();
        assert!(conf.notes().contains(&"where [gpio8=0] holds, BOOT_ORDER=0xf7 counts instead".to_owned()));
    }
}
