//! The board's key on the disk that is being written.
//!
//! A board that boots from the network has no place of its own for a key, so each start makes one, and a person has to
//! say that it is the same board. In the middle of a deploy that would end the deploy. So the key waits where the image
//! isn't yet: at the end of the first MiB, which is written last. After a power cut the board finds it there, and goes
//! on. When the deploy is through, the image is in its place.
//!
//! What is found on a disk proves nothing by itself: images are made by others. The key counts only on a board with the
//! serial number or address that it was kept for, and the board tells the station that it was [kept](Register::kept):
//! the station takes it only if it knows the key, and only while that board has a job.

use std::fs::File;
use std::path::Path;

use super::deploy::HEAD;
use super::identity::Identity;
use crate::device_api::Register;
use crate::image::read_at::ReadAt;

/// Its place on the disk.
pub(super) const PLACE: u64 = HEAD - LEN as u64;
/// Its length: a sector of any disk.
pub(super) const LEN: usize = 4096;
const MAGIC: &[u8; 16] = b"piprov board key";
/// Lengths of the two parts, 16 bits each, little-endian, after the magic.
const PARTS: usize = MAGIC.len() + 4;

/// A key with whose it is, as it is put on a disk.
#[must_use]
pub fn encode(identity: &Identity, owner: &str) -> Option<Vec<u8>> {
    let key = identity.secret();
    let mut bytes = MAGIC.to_vec();
    for part in [key.len(), owner.len()] {
        bytes.extend(u16::try_from(part).ok()?.to_le_bytes());
    }
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(owner.as_bytes());
    bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
    if bytes.len() > LEN || key.is_empty() {
        return None;
    }
    bytes.resize(LEN, 0);
    Some(bytes)
}

/// The key, if it is one and was kept for this board.
#[must_use]
pub fn decode(bytes: &[u8], is_owner: impl Fn(&str) -> bool) -> Option<Identity> {
    let head = bytes.strip_prefix(MAGIC)?;
    let part = |at: usize| Some(usize::from(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?)));
    let (key, owner) = (part(0)?, part(2)?);
    let end = PARTS + key + owner;
    if bytes.get(end..end + blake3::OUT_LEN)? != blake3::hash(bytes.get(..end)?).as_bytes() {
        return None;
    }
    let text = std::str::from_utf8(bytes.get(PARTS + key..end)?).ok()?;
    is_owner(text).then(|| Identity::of_pkcs8(bytes.get(PARTS..PARTS + key)?).ok()).flatten()
}

/// What a board is known by on its own disks: its serial number, else its first address.
#[must_use]
pub fn owner(told: &Register) -> Option<String> {
    told.serial
        .map(|serial| serial.as_str().to_owned())
        .or_else(|| told.macs.first().map(ToString::to_string))
}

/// The first key that was kept on one of these disks for this board. `path` says where a disk is.
pub fn find<'a>(told: &Register, disks: impl Iterator<Item = &'a Path>) -> Option<Identity> {
    let is_owner = |text: &str| match told.serial {
        Some(serial) => serial.as_str() == text,
        // Which of the addresses is the first depends on the cables.
        None => told.macs.iter().any(|mac| mac.to_string() == text),
    };
    disks.filter_map(read).find_map(|bytes| decode(&bytes, is_owner))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = vec![0; LEN];
    ReadAt::read_exact_at(&File::open(path).ok()?, &mut bytes, PLACE).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_kept_key_is_found_by_its_board_alone_and_damage_is_no_key() {
        let (dir, identity) = (tempfile::tempdir().unwrap(), Identity::new().unwrap());
        let path = dir.path().join("disk");
        let disk = File::create(&path).unwrap();
        disk.set_len(2 * HEAD).unwrap();
        let mut told = crate::agent::facts::facts(Path::new("/nonexistent"));
        told.serial = Some("10000000aaaa0001".parse().unwrap());
        told.macs = vec!["02:00:00:00:00:01".parse().unwrap(), "02:00:00:00:00:02".parse().unwrap()];
        let find = |told: &Register| find(told, [path.as_path()].into_iter()).map(|found| found.public());
        assert_eq!(find(&told), None);
        let bytes = encode(&identity, &owner(&told).unwrap()).unwrap();
        disk.write_all_at(&bytes, PLACE).unwrap();
        assert_eq!(find(&told), Some(identity.public()));
        let other = Register { serial: Some("10000000aaaa0002".parse().unwrap()), ..told.clone() };
        assert_eq!(find(&other), None);
        // One without a serial number is known by any of its addresses.
        let plain = Register { serial: None, ..told.clone() };
        assert_eq!(find(&plain), None);
        disk.write_all_at(&encode(&identity, "02:00:00:00:00:02").unwrap(), PLACE).unwrap();
        assert_eq!((find(&plain), find(&told)), (Some(identity.public()), None));
        for at in 0..LEN {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let end = PARTS + identity.secret().len() + 16 + blake3::OUT_LEN;
            assert_eq!(decode(&damaged, |_| true).is_some(), at >= end, "{at}");
            assert!(decode(&bytes[..at], |_| true).is_none() || at >= end, "{at}");
        }
    }
}
