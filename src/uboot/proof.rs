//! How a board proves that it is the board: tags over what it tells, made with its card's secret.
//!
//! Stock U-Boot has no hash command on a Pi, but its `setexpr` computes with 64 bits, and that is enough for
//! SipHash-2-4 (Aumasson and Bernstein, 2012), a keyed function made for short messages. The script on the card and
//! this room compute the same: a tag of 64 bits over four words of 64 bits.
//!
//! | word | holds |
//! |---|---|
//! | 1 | the number that the host has drawn for this start of the board |
//! | 2 | what is told (1 job, 2 fetch, 3 read, 4 fail, 5 OK) in bits 48 to 63, the board's MAC address below |
//! | 3 | the number of the order that is answered in bits 32 to 63, the step below |
//! | 4 | what is told about it: place of U-Boot's partition, checksum, stage, or 0 |
//!
//! A tag is good for one thing told once: the host's number is new for every start, the order's for every order. So a
//! listener can't use it again, neither in this flash nor in a later one. It says nothing about the bytes that the host
//! sends: those are covered by the checksum only, which is a CRC32 and no keyed one.

use super::job::BoardStage;
use super::secret::Secret;
use crate::board::Mac;

/// Something that a board tells or asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Is there a job? U-Boot's partition lies at this block, and has so many.
    Job(u32, u32),
    /// The bytes of a step.
    Fetch,
    /// The step was read back with this checksum, as the board spells it.
    Read(u32),
    /// The step failed.
    Fail(BoardStage),
    /// All is done.
    Ok,
}

impl Said {
    const fn kind(self) -> u64 {
        match self {
            Self::Job(..) => 1,
            Self::Fetch => 2,
            Self::Read(_) => 3,
            Self::Fail(_) => 4,
            Self::Ok => 5,
        }
    }

    fn value(self) -> u64 {
        match self {
            Self::Job(start, size) => u64::from(start) << 32 | u64::from(size),
            Self::Read(sum) => u64::from(sum),
            Self::Fail(stage) => stage.number(),
            Self::Fetch | Self::Ok => 0,
        }
    }
}

/// The tag that belongs to what is said of `step` in answer to order `order`, after the host drew `nonce`.
pub(super) fn tag(secret: &Secret, nonce: u64, mac: Mac, order: u32, step: u32, said: Said) -> u64 {
    let mac = mac.bytes().iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let words = [nonce, said.kind() << 48 | mac, u64::from(order) << 32 | u64::from(step), said.value()];
    siphash(secret.key(), &words)
}

/// Numbers that nobody can foretell, one after the other, out of one random key.
#[derive(Clone)]
pub(super) struct Numbers {
    key: [u64; 2],
    next: u64,
}

impl Numbers {
    /// The numbers that belong to this key. A program that knows the key knows them all.
    pub(super) fn new(key: [u64; 2]) -> Self {
        Self { key, next: 0 }
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.next += 1;
        // 0 would be no number to the script, which asks whether there is one.
        siphash(self.key, &[self.next]).max(1)
    }
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Numbers")
    }
}

/// SipHash-2-4 of words, each of which stands for eight bytes, least significant first.
fn siphash(key: [u64; 2], words: &[u64]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    // The length in bytes, modulo 256, stands in the uppermost byte of the last word.
    let last = (words.len() as u64 * 8) << 56;
    for word in words.iter().copied().chain([last]) {
        v[3] ^= word;
        round(&mut v);
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siphash_is_the_reference() {
        // Key 00 01 .. 0f; messages 00 01 .. of 0, 8 and 32 bytes. The first two stand in the reference's vectors.h.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let words = [key[0], key[1], 0x1716_1514_1312_1110, 0x1f1e_1d1c_1b1a_1918];
        assert_eq!(siphash(key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(siphash(key, &words[..1]), 0x93f5_f579_9a93_2462);
        assert_eq!(siphash(key, &words), 0x7127_512f_72f2_7cce);
    }

    #[test]
    fn whatever_is_told_otherwise_has_another_tag() {
        let secret = Secret::from_key([1, 2]);
        let (mac, other) = (Mac::new([2, 0, 0, 0, 0, 1]), Mac::new([2, 0, 0, 0, 0, 2]));
        let good = tag(&secret, 7, mac, 3, 2, Said::Read(9));
        for (what, bad) in [
            ("secret", tag(&Secret::from_key([1, 3]), 7, mac, 3, 2, Said::Read(9))),
            ("number", tag(&secret, 8, mac, 3, 2, Said::Read(9))),
            ("board", tag(&secret, 7, other, 3, 2, Said::Read(9))),
            ("order", tag(&secret, 7, mac, 4, 2, Said::Read(9))),
            ("step", tag(&secret, 7, mac, 3, 1, Said::Read(9))),
            ("sum", tag(&secret, 7, mac, 3, 2, Said::Read(8))),
            ("kind", tag(&secret, 7, mac, 3, 2, Said::Fail(BoardStage::Sum))),
        ] {
            assert_ne!(good, bad, "{what}");
        }
    }

    #[test]
    fn numbers_do_not_come_again() {
        let mut numbers = Numbers::new([1, 2]);
        let drawn: std::collections::BTreeSet<u64> = (0..1000).map(|_| numbers.draw()).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(!drawn.contains(&Numbers::new([1, 3]).draw()));
    }
}
