//! The options of a transfer: what a client asks for, and what the server agrees to
//! (RFC 2348 blksize, RFC 2349 timeout and tsize, RFC 7440 windowsize).

use std::time::Duration;

use super::packet::{DEFAULT_BLKSIZE, MAX_BLKSIZE, MIN_BLKSIZE, Options, option_ack};

/// The options that a client asked for and that are known. What is out of range or no number is as if it
/// had not been asked for (RFC 2347: the server leaves it out of its answer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Wanted {
    /// Bytes in a block, 8 and up.
    pub blksize: Option<u32>,
    /// The size of the file: 0 in a read request, the upload's size in a write request.
    pub tsize: Option<u64>,
    /// Seconds until a packet is sent again, 1..=255.
    pub timeout: Option<u8>,
    /// Blocks in a window, 1..=65535.
    pub windowsize: Option<u16>,
}

impl Wanted {
    /// Reads the known ones. Where an option is there twice the first counts.
    #[must_use]
    pub fn read(options: &Options<'_>) -> Self {
        let number = |name| decimal(options.get(name)?);
        Self {
            blksize: number("blksize")
                .filter(|n| *n >= u64::from(MIN_BLKSIZE))
                .map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            tsize: number("tsize"),
            timeout: number("timeout").and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0),
            windowsize: number("windowsize").and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0),
        }
    }
}

/// Digits only: no sign, no blanks.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The longest timeout that is agreed to, in seconds; a longer one is left out of the answer, as RFC 2349 lets the server
/// do, and the client's own patience is its own. U-Boot asks for 5. As long as this a packet that was lost is waited for,
/// and a transfer holds its place.
const LONGEST_TIMEOUT: u8 = 10;

/// What the server agrees to at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Largest block in bytes, 8..=65464. 1468 fills an Ethernet frame; boot ROMs don't put fragments together.
    pub max_blksize: u16,
    /// Largest window in blocks, at least 1. U-Boot loses packets above 16 and then stalls for ever.
    pub max_window: u16,
    /// Largest block size times window in bytes: what one transfer may put on the wire, and has to keep, at once.
    pub max_in_flight: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_blksize: 1468, max_window: 16, max_in_flight: 1 << 20 }
    }
}

/// What holds for a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Agreed {
    /// Bytes in a block.
    pub blksize: u16,
    /// Blocks in a window; 1 is the lock step of RFC 1350.
    pub windowsize: u16,
    /// The timeout that the client asked for, in seconds; `None` where it asked for more than is agreed to.
    pub timeout: Option<u8>,
    /// The size as it is told in the OACK.
    pub tsize: Option<u64>,
    /// Whether blksize and windowsize stand in the OACK: they do where the client asked for them.
    #[serde(skip)]
    told: (bool, bool),
}

impl Agreed {
    /// Answers what a client wants. `size` is the size of the file to be read, if that is known; for an
    /// upload the client's own word is given back.
    #[must_use]
    pub fn new(wanted: &Wanted, size: Option<u64>, policy: &Policy) -> Self {
        let most = u32::from(policy.max_blksize.clamp(MIN_BLKSIZE, MAX_BLKSIZE));
        // What is clamped to `most` fits 16 bits.
        let blksize = wanted.blksize.map_or(DEFAULT_BLKSIZE, |n| n.min(most) as u16);
        let fits = (policy.max_in_flight / u32::from(blksize)).clamp(1, u32::from(u16::MAX)) as u16;
        let windowsize = wanted.windowsize.map_or(1, |n| n.min(policy.max_window.max(1)).min(fits));
        Self {
            blksize,
            windowsize,
            timeout: wanted.timeout.filter(|seconds| *seconds <= LONGEST_TIMEOUT),
            tsize: wanted.tsize.map(|told| size.unwrap_or(told)),
            told: (wanted.blksize.is_some(), wanted.windowsize.is_some()),
        }
    }

    /// The OACK that tells it; `None` where the client asked for nothing that is known.
    #[must_use]
    pub fn packet(&self) -> Option<Vec<u8>> {
        let pairs = [
            self.told.0.then_some(("blksize", u64::from(self.blksize))),
            self.tsize.map(|n| ("tsize", n)),
            self.timeout.map(|n| ("timeout", u64::from(n))),
            self.told.1.then_some(("windowsize", u64::from(self.windowsize))),
        ];
        let pairs: Vec<_> = pairs.into_iter().flatten().collect();
        (!pairs.is_empty()).then(|| option_ack(&pairs))
    }

    /// How long to wait before sending again: what the client asked for, else `default`.
    #[must_use]
    pub fn patience(&self, default: Duration) -> Duration {
        self.timeout.map_or(default, |seconds| Duration::from_secs(seconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tftp::packet::{Direction, Mode, Packet, request};

    fn wanted(options: &[(&str, u64)]) -> Wanted {
        let bytes = request(Direction::Read, b"f", Mode::Octet, options);
        let Ok(Packet::Read(request)) = Packet::parse(&bytes) else { panic!() };
        Wanted::read(&request.options)
    }

    #[test]
    fn u_boot_gets_what_it_asks_for() {
        let wanted = wanted(&[("timeout", 5), ("tsize", 0), ("blksize", 1468), ("windowsize", 8)]);
        let agreed = Agreed::new(&wanted, Some(1234), &Policy::default());
        assert_eq!((agreed.blksize, agreed.windowsize, agreed.timeout), (1468, 8, Some(5)));
        let oack = agreed.packet().unwrap();
        assert_eq!(oack, b"\0\x06blksize\x001468\0tsize\x001234\0timeout\x005\0windowsize\x008\0");
        assert_eq!(agreed.patience(Duration::from_secs(1)), Duration::from_secs(5));
    }

    #[test]
    fn nothing_asked_nothing_told() {
        let agreed = Agreed::new(&wanted(&[]), Some(9), &Policy::default());
        assert_eq!((agreed.blksize, agreed.windowsize, agreed.packet()), (512, 1, None));
        let unknown = Agreed::new(&wanted(&[("multicast", 1)]), Some(9), &Policy::default());
        assert_eq!(unknown.packet(), None);
    }

    #[test]
    fn too_much_is_cut_and_nonsense_left_out() {
        let policy = Policy::default();
        let much = Agreed::new(&wanted(&[("blksize", 1 << 40), ("windowsize", 64)]), None, &policy);
        assert_eq!((much.blksize, much.windowsize), (1468, 16));
        assert_eq!(much.packet().unwrap(), b"\0\x06blksize\x001468\0windowsize\x0016\0");
        let nonsense = wanted(&[("blksize", 7), ("windowsize", 0), ("timeout", 0)]);
        assert_eq!(nonsense, Wanted::default());
        assert_eq!(wanted(&[("windowsize", 65536), ("timeout", 256)]), Wanted::default());
        assert_eq!(wanted(&[("blksize", 8)]).blksize, Some(8));
    }

    #[test]
    fn a_long_timeout_is_left_out_of_the_answer() {
        let policy = Policy::default();
        let agreed = Agreed::new(&wanted(&[("timeout", 255), ("tsize", 0)]), Some(7), &policy);
        assert_eq!((agreed.timeout, agreed.packet().unwrap()), (None, b"\0\x06tsize\x007\0".to_vec()));
        assert_eq!(agreed.patience(Duration::from_secs(1)), Duration::from_secs(1));
        assert_eq!(Agreed::new(&wanted(&[("timeout", 11)]), Some(7), &policy).packet(), None);
        assert_eq!(Agreed::new(&wanted(&[("timeout", 10)]), Some(7), &policy).timeout, Some(10));
    }

    #[test]
    fn big_blocks_make_small_windows() {
        let policy = Policy { max_blksize: 65464, max_window: 64, max_in_flight: 1 << 20 };
        let agreed = Agreed::new(&wanted(&[("blksize", 65464), ("windowsize", 64)]), None, &policy);
        assert_eq!((agreed.blksize, agreed.windowsize), (65464, 16));
        let tiny = Policy { max_in_flight: 10, ..policy };
        assert_eq!(Agreed::new(&wanted(&[("windowsize", 9)]), None, &tiny).windowsize, 1);
    }

    #[test]
    fn only_digits_are_numbers() {
        for (text, want) in [
            (&b"12"[..], Some(12)),
            (b"", None),
            (b"+1", None),
            (b"-1", None),
            (b" 1", None),
            (b"1k", None),
            (b"99999999999999999999", None),
        ] {
            assert_eq!(decimal(text), want);
        }
    }

    #[test]
    fn an_upload_hears_its_own_size() {
        let agreed = Agreed::new(&wanted(&[("tsize", 4)]), None, &Policy::default());
        assert_eq!(agreed.packet().unwrap(), b"\0\x06tsize\x004\0");
    }
}
