//! Which file systems are mounted below a directory. Pure.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The mount points below a directory, the deepest first, by the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)):
/// the fifth field of each line, with spaces, tabs, ends of lines and backslashes as three octal digits.
pub(super) fn below(mountinfo: &[u8], place: &Path) -> Vec<PathBuf> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    let points = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(plain);
    let mut below: Vec<PathBuf> = points.filter(|point| point != place && point.starts_with(place)).collect();
    // What was mounted last lies on top: it goes first.
    below.reverse();
    below.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    below
}

fn plain(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, behind @ ..] = rest {
        let octal = (*first == b'\\').then(|| behind.get(..3)).flatten();
        let octal = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_deepest_comes_first_and_what_lies_beside_not_at_all() {
        let text = b"36 35 98:0 / /tmp/s-1 rw - ext4 /dev/a rw\n\
            37 35 98:0 / /tmp/s-1/boot rw,noatime - vfat /dev/mmcblk0p1 rw\n\
            38 35 98:0 / /tmp/s-1/root\\040fs rw - ext4 /dev/mmcblk0p2 rw\n\
            39 38 98:0 / /tmp/s-1/root\\040fs/boot rw - vfat /dev/mmcblk0p1 rw\n\
            40 35 98:0 / /tmp/s-10/boot rw - vfat /dev/b rw\n\nodd\n";
        let below: Vec<_> =
            below(text, Path::new("/tmp/s-1")).iter().map(|point| point.display().to_string()).collect();
        assert_eq!(below, ["/tmp/s-1/root fs/boot", "/tmp/s-1/root fs", "/tmp/s-1/boot"]);
        assert_eq!(plain(b"a\\134b\\9\\04"), Path::new("a\\b\\9\\04"));
    }
}
