//! The texts that a board is answered with, made in one place: the embedded server sends them, and a staged tree
//! holds them as files. `firmware/uboot/boot.cmd` imports them as `name=value` lines.

use super::job::BoardStage;
use super::layout::Layout;
use super::step::{Content, Material, Step};
use crate::image::table::BLOCK;

/// What the board is told beside a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Everything is read back and equal.
    Done,
    /// The job is over.
    Stop,
    /// What comes next isn't known yet; it is to ask the same again in a second.
    Wait,
}

/// A job's name in paths: eight hexadecimal digits.
pub(super) fn job_name(id: u32) -> String {
    format!("{id:08x}")
}

/// The order to write step `n`: where its bytes are, where they go, and the last block of the card that the
/// whole job needs. All numbers are hexadecimal without 0x.
pub(super) fn write(job: &str, n: usize, step: &Step, layout: &Layout) -> Vec<u8> {
    let len = step.len();
    text(
        "write",
        &[
            ("job", job.to_owned()),
            ("n", format!("{n:x}")),
            ("file", step.file.clone()),
            ("blk", format!("{:x}", step.target / BLOCK)),
            ("cnt", format!("{:x}", len / BLOCK)),
            ("len", format!("{len:x}")),
            ("words", format!("{:x}", len / 4)),
            ("last", format!("{:x}", layout.card_len.div_ceil(BLOCK) - 1)),
        ],
    )
}

/// An order without a step. It carries the job's name, because the script forgets what an answer lacks.
pub(super) fn word(job: &str, word: Word) -> Vec<u8> {
    let order = match word {
        Word::Done => "done",
        Word::Stop => "stop",
        Word::Wait => "wait",
    };
    text(order, &[("job", job.to_owned())])
}

/// The question for a proof, with the number that has to be in it.
pub(super) fn challenge(job: &str, nonce: u64) -> Vec<u8> {
    text("prove", &[("job", job.to_owned()), ("nonce", format!("{nonce:016x}"))])
}

/// The line that gives an order its number.
pub(super) fn number(order: u32) -> Vec<u8> {
    format!("pp_seq={order:x}\n").into_bytes()
}

/// The checksum that a board must read back of this step; `None` while it isn't known.
pub(super) fn expected(step: &Step, material: &dyn Material) -> Option<u32> {
    match (&step.content, step.part) {
        (Content::Bytes(bytes), _) => Some(crc32fast::hash(bytes)),
        (Content::Range { .. }, Some(part)) => material.part_crc(part),
        (Content::Range { .. }, None) => None,
    }
}

/// Whether a sum that the board told is this one, in either byte order.
pub(super) fn sum_is(told: u32, expected: u32) -> bool {
    told == expected || told.swap_bytes() == expected
}

/// How boards spell this sum in a path, in either byte order: `setexpr` leaves out leading zeros. One spelling
/// where both orders are the same.
pub(super) fn spellings(sum: u32) -> Vec<String> {
    let mut sums = vec![sum, sum.swap_bytes()];
    sums.dedup();
    sums.into_iter().map(|sum| format!("{sum:x}")).collect()
}

/// A number as U-Boot writes it: hexadecimal, at most 8 digits here.
pub(super) fn hex(text: &str) -> Option<u32> {
    let ok = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    ok.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

impl BoardStage {
    /// All of them, for a caller that must have an answer to each.
    pub const ALL: [Self; 5] = [Self::Size, Self::Fetch, Self::Write, Self::ReadBack, Self::Sum];

    /// The word in the board's path.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Fetch => "fetch",
            Self::Write => "write",
            Self::ReadBack => "read-back",
            Self::Sum => "sum",
        }
    }

    /// Its number in a proof.
    #[must_use]
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Size => 0,
            Self::Fetch => 1,
            Self::Write => 2,
            Self::ReadBack => 3,
            Self::Sum => 4,
        }
    }

    /// The stage with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }
}

fn text(order: &str, values: &[(&str, String)]) -> Vec<u8> {
    let mut text = format!("pp_do={order}\n");
    for (name, value) in values {
        text.push_str(&format!("pp_{name}={value}\n"));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_spelled_as_setexpr_prints_them() {
        assert_eq!(spellings(0x1234_5678), ["12345678", "78563412"]);
        assert_eq!(spellings(0x0000_00ab), ["ab", "ab000000"]);
        assert_eq!(spellings(0x1221_2112_u32.swap_bytes()), ["12212112", "12212112"][..1]);
        assert_eq!(spellings(0), ["0"]);
        for sum in [0, 1, 0xab, 0x1234_5678, 0xff00_0000, 0x0012_3400] {
            for text in spellings(sum) {
                assert!(sum_is(hex(&text).unwrap(), sum), "{text}");
            }
        }
    }

    #[test]
    fn stages_are_known_by_their_words() {
        for stage in BoardStage::ALL {
            assert_eq!(BoardStage::from_word(stage.word()), Some(stage));
        }
        assert_eq!(BoardStage::from_word("Size"), None);
    }
}
