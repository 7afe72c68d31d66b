//! The line of `config.txt` that lets a Pi 2 or 3 boot from network and USB: its firmware burns a bit in at the next
//! start, which stays for ever.
//!
//! Source: Raspberry Pi's documentation, "USB mass storage boot" and "Conditional filters".

use super::lines::{Change, Found, Lines, Scope};

/// The setting.
pub const SETTING: &str = "program_usb_boot_mode";

/// What stands above our line, so that we and others know whose it is.
const COMMENT: &str = "# piprov netboot enable: at the next start this is burned into the board, for ever";

/// A `config.txt`.
#[derive(Debug, Clone)]
pub struct ConfigTxt {
    lines: Lines,
}

/// What it says about the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing, or 0.
    Off,
    /// It is set for every board.
    On,
    /// It is set for boards that pass one of these filters.
    For(Vec<String>),
}

impl ConfigTxt {
    /// Reads one; every text is one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self { lines: Lines::parse(bytes, None) }
    }

    /// Whether it is the file that Raspberry Pi OS leaves where `config.txt` was before it moved to /boot/firmware.
    #[must_use]
    pub fn is_moved(bytes: &[u8]) -> bool {
        String::from_utf8_lossy(bytes).contains("has moved to /boot/firmware/")
    }

    /// What it says about the setting.
    #[must_use]
    pub fn state(&self) -> State {
        if self.lines.value(SETTING).as_deref() == Some("1") {
            return State::On;
        }
        let filters: Vec<String> = self
            .lines
            .find(SETTING)
            .filter_map(|found| match found.scope {
                Scope::When(filter) if found.value == "1" => Some(filter),
                _ => None,
            })
            .collect();
        if filters.is_empty() { State::Off } else { State::For(filters) }
    }

    /// Adds the line, for every board, or changes the one that is there.
    pub fn enable(&mut self) -> Vec<Change> {
        self.lines.set(SETTING, "1", Some(COMMENT))
    }

    /// Takes the line out again, also one that piprov didn't write, also below filters, and what
    /// [`enable`](Self::enable) wrote around it.
    pub fn disable(&mut self) -> Vec<Change> {
        let ours = |at: usize, text: &str| self.lines.text(at).as_deref() == Some(text);
        let mut places = Vec::new();
        for Found { at, .. } in self.lines.find(SETTING) {
            if at >= 1 && ours(at - 1, COMMENT) {
                places.push(at - 1);
            } else if at >= 2 && ours(at - 1, "[all]") && ours(at - 2, COMMENT) {
                places.extend([at - 2, at - 1]);
            }
            places.push(at);
        }
        // What was written below our [all] since then has to stay below one.
        let next = places.last().map(|at| at + 1).and_then(|at| self.lines.text(at));
        if next.is_some_and(|text| !text.is_empty() && !text.starts_with('[')) {
            places.retain(|at| self.lines.text(*at).as_deref() != Some("[all]"));
        }
        self.lines.remove(&places)
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.lines.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled(text: &str) -> String {
        let mut config = ConfigTxt::parse(text.as_bytes());
        config.enable();
        assert_eq!(ConfigTxt::parse(&config.bytes()).state(), State::On, "{text}");
        String::from_utf8(config.bytes()).unwrap()
    }

    fn disabled(text: &str) -> String {
        let mut config = ConfigTxt::parse(text.as_bytes());
        config.disable();
        String::from_utf8(config.bytes()).unwrap()
    }

    #[test]
    fn the_line_counts_for_every_board() {
        assert_eq!(enabled("a=1\n[all]\n"), format!("a=1\n[all]\n{COMMENT}\nprogram_usb_boot_mode=1\n"));
        assert_eq!(
            enabled("a=1\n[pi4]\nb=1"),
            format!("a=1\n[pi4]\nb=1\n{COMMENT}\n[all]\nprogram_usb_boot_mode=1\n")
        );
        assert_eq!(
            enabled("[pi4]\nprogram_usb_boot_mode=0\n[all]\nprogram_usb_boot_mode=0\n"),
            "[pi4]\nprogram_usb_boot_mode=0\n[all]\nprogram_usb_boot_mode=1\n"
        );
        // The documentation warns of a blank line at the end.
        assert!(!enabled("a=1\n").ends_with("\n\n"));
        assert_eq!(enabled("program_usb_boot_mode=1\n"), "program_usb_boot_mode=1\n");
    }

    #[test]
    fn below_a_filter_it_counts_for_some() {
        let state = |text: &str| ConfigTxt::parse(text.as_bytes()).state();
        assert_eq!(state("[pi3]\nprogram_usb_boot_mode=1\n"), State::For(vec!["pi3".into()]));
        assert_eq!(state("[none]\nprogram_usb_boot_mode=1\n"), State::Off);
        assert_eq!(state("#program_usb_boot_mode=1\n"), State::Off);
        assert_eq!(state("program_usb_boot_mode=1 \r\n"), State::On);
        assert_eq!(state("program_usb_boot_mode = 1\n"), State::Off, "boards don't pass over the blanks");
        assert_eq!(state("program_usb_boot_mode=1\nprogram_usb_boot_mode=0\n"), State::Off);
    }

    #[test]
    fn undone_it_is_as_before() {
        for text in ["", "a=1\n", "a=1\r\n[pi4]\r\nb=1\r\n", "[pi4]\n", "\u{e4}=1\n\n\n", "[all]\n"] {
            assert_eq!(disabled(&enabled(text)), text);
            assert_eq!(disabled(text), text);
        }
        assert_eq!(disabled(&format!("{}c=3\n", enabled("[pi4]\nb=1\n"))), "[pi4]\nb=1\n[all]\nc=3\n");
        assert_eq!(
            disabled("a=1\nprogram_usb_boot_mode=1\nb=2\n[pi3]\nprogram_usb_boot_mode=1\n"),
            "a=1\nb=2\n[pi3]\n"
        );
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        let mut config = ConfigTxt::parse(b"a=\xff\xfe\n");
        config.enable();
        assert!(config.bytes().starts_with(b"a=\xff\xfe\n#"));
        config.disable();
        assert_eq!(config.bytes(), b"a=\xff\xfe\n");
    }

    #[test]
    fn the_stub_of_bookworm_is_known() {
        assert!(ConfigTxt::is_moved(
            b"DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/config.txt\n"
        ));
        assert!(!ConfigTxt::is_moved(b"# see /boot/firmware/overlays/README\n"));
    }

    proptest::proptest! {
        #[test]
        fn twice_is_once_and_undo_undoes(text in "(a=1|\\[all\\]|\\[pi3\\]|\\[none\\]|#b|| |\r\n|\n|\n){0,12}") {
            let once = enabled(&text);
            proptest::prop_assert_eq!(&enabled(&once), &once);
            let back = disabled(&once);
            // A last line without an end gets one.
            proptest::prop_assert!(back == text || back.trim_end_matches(['\r', '\n']) == text, "{:?}", back);
        }
    }
}
