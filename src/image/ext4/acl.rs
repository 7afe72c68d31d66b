//! Access control lists: on the disk they are shorter than what system calls take.

use super::{Error, u16_at, u32_at};

/// An entry that names a user or a group: USER (2) and GROUP (8).
const NAMED: [u16; 2] = [2, 8];

/// Turns a list from the disk (fs/ext4/acl.h: version 1, entries of 4 or 8 bytes) into the value of the extended
/// attribute (include/uapi/linux/posix_acl_xattr.h: version 2, entries of 8 bytes).
pub(super) fn to_attribute(inode: u32, stored: &[u8]) -> Result<Vec<u8>, Error> {
    let bad = || Error::damaged(format!("the access control list of inode {inode} can't be read"));
    if stored.len() < 4 || u32_at(stored, 0) != 1 {
        return Err(bad());
    }
    let mut value = 2u32.to_le_bytes().to_vec();
    let mut rest = &stored[4..];
    while rest.len() >= 4 {
        let tag = u16_at(rest, 0);
        let len = if NAMED.contains(&tag) { 8 } else { 4 };
        if rest.len() < len {
            return Err(bad());
        }
        let id = if len == 8 { u32_at(rest, 4) } else { u32::MAX };
        value.extend(&rest[..4]);
        value.extend(id.to_le_bytes());
        rest = &rest[len..];
    }
    if rest.is_empty() { Ok(value) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_entries() {
        // user::rwx, user:1000:r-x, group::r-x, mask::r-x, other::r-x
        let stored =
            [1, 0, 0, 0, 1, 0, 7, 0, 2, 0, 5, 0, 0xe8, 3, 0, 0, 4, 0, 5, 0, 0x10, 0, 5, 0, 0x20, 0, 5, 0];
        let value = to_attribute(1, &stored).unwrap();
        assert_eq!(value.len(), 4 + 5 * 8);
        assert_eq!(value[..20], [2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 5, 0, 0xe8, 3, 0, 0]);
        for bad in [&stored[..3], &stored[1..], &stored[..10], &stored[..14], &stored[..6]] {
            assert!(to_attribute(1, bad).is_err(), "{bad:?}");
        }
        assert_eq!(to_attribute(1, &[1, 0, 0, 0]).unwrap(), [2, 0, 0, 0]);
    }
}
