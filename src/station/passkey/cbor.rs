//! As much of CBOR (RFC 8949) as authenticators write: lengths stand before what they are of (CTAP 2.1, section 8). Pure.

/// Items within items.
const DEEPEST: u32 = 5;
/// Items of one list or map.
const MOST: u64 = 64;

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Item<'a>>),
    Map(Vec<(Item<'a>, Item<'a>)>),
    /// `false`, `true`, `null` and others of one byte.
    Simple(u8),
}

impl<'a> Item<'a> {
    /// What stands in a map under a number.
    pub(super) fn at(&self, number: i64) -> Option<&Self> {
        self.under(&Item::Number(number))
    }

    /// What stands in a map under a text.
    pub(super) fn named(&self, name: &str) -> Option<&Self> {
        self.under(&Item::Text(name))
    }

    fn under(&self, wanted: &Item<'_>) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| value)
    }

    /// The bytes of a byte string.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// A number.
    pub(super) fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

/// The first item of some bytes, and what stands behind it.
pub(super) fn first(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let mut rest = bytes;
    let item = read(&mut rest, DEEPEST)?;
    Some((item, rest))
}

/// The one item that some bytes are.
pub(super) fn whole(bytes: &[u8]) -> Option<Item<'_>> {
    first(bytes).filter(|(_, rest)| rest.is_empty()).map(|(item, _)| item)
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = behind;
    Some(taken)
}

fn read<'a>(rest: &mut &'a [u8], deep: u32) -> Option<Item<'a>> {
    let deep = deep.checked_sub(1)?;
    let first = *take(rest, 1)?.first()?;
    let number = match first & 31 {
        small @ 0..=23 => u64::from(small),
        // No more bytes than the number needs; 28 to 31 are lengths that aren't known before.
        size @ 24..=27 => {
            let size = 1u32 << (size - 24);
            let number = take(rest, size.into())?.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
            let least = if size == 1 { 24 } else { 1u64 << (size * 4) };
            (number >= least).then_some(number)?
        }
        _ => return None,
    };
    Some(match first >> 5 {
        0 => Item::Number(i64::try_from(number).ok()?),
        1 => Item::Number(-1 - i64::try_from(number).ok()?),
        2 => Item::Bytes(take(rest, number)?),
        3 => Item::Text(str::from_utf8(take(rest, number)?).ok()?),
        4 if number <= MOST => Item::List((0..number).map(|_| read(rest, deep)).collect::<Option<_>>()?),
        5 if number <= MOST => {
            let mut pairs: Vec<(Item<'a>, Item<'a>)> = Vec::new();
            for _ in 0..number {
                let key = read(rest, deep)?;
                if pairs.iter().any(|(known, _)| *known == key) {
                    return None;
                }
                pairs.push((key, read(rest, deep)?));
            }
            Item::Map(pairs)
        }
        7 if first & 31 < 24 => Item::Simple(first & 31),
        // Tags, numbers with a point: authenticators write none.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn items_of_rfc_8949_are_read() {
        for (bytes, item) in [
            (&[0x17][..], Item::Number(23)),
            (&[0x18, 0x64], Item::Number(100)),
            (&[0x1a, 0, 0x0f, 0x42, 0x40], Item::Number(1_000_000)),
            (&[0x39, 0x03, 0xe7], Item::Number(-1000)),
            (&[0x44, 1, 2, 3, 4], Item::Bytes(&[1, 2, 3, 4])),
            (&[0x64, 0x49, 0x45, 0x54, 0x46], Item::Text("IETF")),
            (&[0x82, 1, 0xf5], Item::List(vec![Item::Number(1), Item::Simple(21)])),
            (&[0xa1, 1, 0x20], Item::Map(vec![(Item::Number(1), Item::Number(-1))])),
        ] {
            assert_eq!(whole(bytes), Some(item), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_no_authenticator_writes_is_refused() {
        for bytes in [
            &[][..],
            // Behind its end.
            &[0x42, 1],
            &[1, 1],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            // Longer than it needs to be.
            &[0x18, 0x17],
            &[0x19, 0, 0xff],
            // Of unknown length, a tag, a number with a point.
            &[0x9f, 1, 0xff],
            &[0xc1, 1],
            &[0xfa, 0, 0, 0, 0],
            // One key twice.
            &[0xa2, 1, 1, 1, 2],
            // No UTF-8.
            &[0x61, 0xff],
            // Deeper than five.
            &[0x81, 0x81, 0x81, 0x81, 0x81, 1],
        ] {
            assert_eq!(whole(bytes), None, "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = first(&bytes);
        }
    }
}
