//! How a target is reset, as the `reset` column of the database says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// One way to reset a board. Which line or command it is; how it is done is [`crate::power`]'s business.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ResetSpec {
    /// A GPIO line that goes to the board's RUN pad: low resets, released runs.
    Gpio {
        /// The chip: `gpiochip0`, or an absolute path such as `/dev/relay-board`.
        chip: String,
        /// The line on that chip.
        line: Line,
    },
    /// A shell command that resets the board: a PoE switch, a relay, a hub.
    Command(String),
}

/// A line of a GPIO chip.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Line {
    /// By its number on the chip. On a Pi's own `gpiochip0` these are the BCM numbers.
    Offset(u32),
    /// By the name that the device tree gives it, for example `GPIO17`.
    Name(String),
}

/// Why a text doesn't say how to reset a board.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reset: {why}")]
pub struct BadReset {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

const FORMS: &str = "write gpiochip0:17, gpiochip0:GPIO17 or command:…";

impl ResetSpec {
    /// The BCM line that a WiringPi pin number means, on `gpiochip0`. These are the numbers of a 40-pin
    /// header (and of the P5 header of the first boards, 17 to 20); `None` for any other number.
    #[must_use]
    pub fn wiring_pi(pin: u32) -> Option<Self> {
        // Index: WiringPi's number. Value: the SoC's.
        const BCM: [u8; 32] = [
            17, 18, 27, 22, 23, 24, 25, 4, 2, 3, 8, 7, 10, 9, 11, 14, 15, 28, 29, 30, 31, 5, 6, 13, 19, 26,
            12, 16, 20, 21, 0, 1,
        ];
        let line = BCM.get(usize::try_from(pin).ok()?)?;
        Some(Self::Gpio { chip: "gpiochip0".to_owned(), line: Line::Offset(u32::from(*line)) })
    }

    /// The device file of a GPIO chip as the column or `--chip` writes it.
    #[must_use]
    pub fn chip_path(chip: &str) -> PathBuf {
        // An absolute path replaces what it is joined to.
        PathBuf::from("/dev").join(chip)
    }

    /// A chip as the column writes it: `/dev/gpiochip0` and `gpiochip0` are the same.
    ///
    /// # Errors
    /// When it is neither `gpiochip` and a number nor an absolute path.
    pub fn chip_name(text: &str) -> Result<String, BadReset> {
        let short = text.strip_prefix("/dev/").unwrap_or(text);
        if let Some(number) = short.strip_prefix("gpiochip")
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Ok(short.to_owned());
        }
        let bad = |why| Err(BadReset { text: text.to_owned(), why });
        if text.chars().any(char::is_control) {
            return bad("it has control characters");
        }
        if !text.starts_with('/') || text.contains("/../") || text.ends_with('/') {
            return bad("a chip is gpiochip0 or an absolute path such as /dev/gpiochip0");
        }
        Ok(text.to_owned())
    }
}

impl FromStr for Line {
    type Err = BadReset;

    fn from_str(text: &str) -> Result<Self, BadReset> {
        let bad = |why| Err(BadReset { text: text.to_owned(), why });
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return match text.parse() {
                Ok(offset) => Ok(Self::Offset(offset)),
                Err(_) => bad("no chip has that many lines"),
            };
        }
        if text.is_empty() || text.starts_with('-') {
            return bad("a line is a number from 0 or a name such as GPIO17");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ':' || c == ',') {
            return bad("a line's name has no spaces, colons or commas");
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl FromStr for ResetSpec {
    type Err = BadReset;

    /// Reads `gpiochip0:17`, `/dev/gpiochip0:17`, `gpiochip0:GPIO17` and `command:…`.
    fn from_str(text: &str) -> Result<Self, BadReset> {
        let text = text.trim();
        let bad = |why| BadReset { text: text.to_owned(), why };
        if let Some(command) = text.strip_prefix("command:") {
            let command = command.trim();
            if command.is_empty() {
                return Err(bad("the command is missing"));
            }
            if command.chars().any(char::is_control) {
                return Err(bad("the command has control characters"));
            }
            return Ok(Self::Command(command.to_owned()));
        }
        let (chip, line) = text.rsplit_once(':').ok_or_else(|| bad(FORMS))?;
        let chip = Self::chip_name(chip)
            .map_err(|error| bad(if chip.starts_with('/') { error.why } else { FORMS }))?;
        let line = line.parse().map_err(|error: BadReset| bad(error.why))?;
        Ok(Self::Gpio { chip, line })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(offset) => write!(out, "{offset}"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

impl fmt::Display for ResetSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpio { chip, line } => write!(out, "{chip}:{line}"),
            Self::Command(command) => write!(out, "command:{command}"),
        }
    }
}

impl serde::Serialize for ResetSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpio(chip: &str, line: Line) -> ResetSpec {
        ResetSpec::Gpio { chip: chip.to_owned(), line }
    }

    #[test]
    fn reads_lines_and_commands() {
        for (text, want) in [
            ("gpiochip0:17", gpio("gpiochip0", Line::Offset(17))),
            ("/dev/gpiochip4:17", gpio("gpiochip4", Line::Offset(17))),
            ("gpiochip0:GPIO17", gpio("gpiochip0", Line::Name("GPIO17".to_owned()))),
            ("/dev/gpio/by-id/a:b:2", gpio("/dev/gpio/by-id/a:b", Line::Offset(2))),
            (
                "command: uhubctl -l 1-1 -p 2 -a cycle",
                ResetSpec::Command("uhubctl -l 1-1 -p 2 -a cycle".into()),
            ),
        ] {
            let read: ResetSpec = text.parse().unwrap();
            assert_eq!(read, want, "{text}");
            assert_eq!(read.to_string().parse(), Ok(want), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in [
            "",
            "17",
            "gpiochip0",
            "gpiochip0:",
            "gpiochip0:-1",
            "gpiochip0:99999999999",
            "gpiochip:3",
            "comand:reboot",
            "command:",
            "command:  ",
            "gpiochip0:1 7",
            "../dev/gpiochip0:1",
            "command:a\nb",
            "/dev/../etc/passwd:1",
        ] {
            assert!(text.parse::<ResetSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn wiring_pi_pins_are_the_bcm_lines() {
        let mut seen = std::collections::HashSet::new();
        for pin in 0..32 {
            assert!(seen.insert(ResetSpec::wiring_pi(pin).unwrap().to_string()), "{pin}");
        }
        for (pin, line) in [(0, 17), (7, 4), (8, 2), (16, 15), (17, 28), (21, 5), (29, 21), (30, 0), (31, 1)]
        {
            assert_eq!(ResetSpec::wiring_pi(pin), Some(gpio("gpiochip0", Line::Offset(line))), "{pin}");
        }
        assert_eq!(ResetSpec::wiring_pi(32), None);
    }

    #[test]
    fn a_chip_is_a_device_file() {
        assert_eq!(ResetSpec::chip_path("gpiochip0"), PathBuf::from("/dev/gpiochip0"));
        assert_eq!(ResetSpec::chip_path("/dev/relay"), PathBuf::from("/dev/relay"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_is_printed_is_read_again(text in ".*") {
            if let Ok(reset) = text.parse::<ResetSpec>() {
                proptest::prop_assert_eq!(reset.to_string().parse(), Ok(reset));
            }
        }
    }
}
