//! Three jumpers on a carrier, which say at which place of a bench it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a place, 0 to 7, as three jumpers of a carrier say it.
///
/// The lines are pulled up and a jumper connects one to ground: an open line reads 1 and counts as 0. The first line is the
/// highest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Jumper(u8);

/// Why a number or a text is no place that jumpers can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no number that three jumpers can say: 0 to 7")]
pub struct BadJumper {
    /// What was given.
    pub text: String,
}

impl Jumper {
    /// The GPIO lines that the jumpers are at, the highest bit first.
    pub const LINES: [u32; 3] = [5, 13, 21];

    /// The number that levels of the lines say, in their order: `true` is high.
    #[must_use]
    pub fn of_levels(levels: [bool; 3]) -> Self {
        Self(levels.into_iter().fold(0, |number, high| number << 1 | u8::from(!high)))
    }

    /// The number that levels say which are written as three digits: `100` is 3.
    #[must_use]
    pub fn of_digits(digits: &str) -> Option<Self> {
        let level = |byte: &u8| match byte {
            b'0' => Some(false),
            b'1' => Some(true),
            _ => None,
        };
        let levels: Option<Vec<bool>> = digits.as_bytes().iter().map(level).collect();
        Some(Self::of_levels(levels?.try_into().ok()?))
    }

    /// The levels as three digits, as [`Self::of_digits`] reads them.
    #[must_use]
    pub fn digits(self) -> String {
        format!("{:03b}", self.0 ^ 7)
    }

    /// The number, 0 to 7.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Jumper {
    type Error = BadJumper;

    fn try_from(number: u8) -> Result<Self, BadJumper> {
        if number < 8 { Ok(Self(number)) } else { Err(BadJumper { text: number.to_string() }) }
    }
}

impl From<Jumper> for u8 {
    fn from(jumper: Jumper) -> Self {
        jumper.0
    }
}

impl fmt::Display for Jumper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for Jumper {
    type Err = BadJumper;

    /// Reads one digit.
    fn from_str(text: &str) -> Result<Self, BadJumper> {
        match text.as_bytes() {
            [digit @ b'0'..=b'7'] => Ok(Self(digit - b'0')),
            _ => Err(BadJumper { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_line_reads_one_and_counts_as_zero_and_the_first_line_is_the_highest_bit() {
        for (levels, digits, number) in [
            ([true, true, true], "111", 0),
            ([true, false, false], "100", 3),
            ([false, true, true], "011", 4),
            ([false, false, false], "000", 7),
        ] {
            let jumper = Jumper::of_levels(levels);
            assert_eq!((jumper.number(), Jumper::of_digits(digits)), (number, Some(jumper)));
            assert_eq!((jumper.digits().as_str(), jumper.to_string()), (digits, number.to_string()));
            assert_eq!(jumper.to_string().parse(), Ok(jumper));
        }
        for digits in ["", "1", "11", "1111", "012", "1 1", "+11", "１１１"] {
            assert_eq!(Jumper::of_digits(digits), None, "{digits}");
        }
    }

    #[test]
    fn what_three_jumpers_cannot_say_is_refused() {
        for text in ["", "8", "07", "-1", "a", "3 "] {
            assert!(text.parse::<Jumper>().is_err(), "{text}");
        }
        assert_eq!(
            Jumper::try_from(8).unwrap_err().to_string(),
            "`8` is no number that three jumpers can say: 0 to 7"
        );
        assert_eq!(serde_json::from_str::<Jumper>("5").unwrap().number(), 5);
        assert!(
            serde_json::from_str::<Jumper>("9").is_err() && serde_json::from_str::<Jumper>("-1").is_err()
        );
    }
}
