//! Who uses a disk.

use std::path::Path;

use super::facts::text;

/// What has the block device, as far as the kernel tells: what is mounted from it or from one of its partitions, swap,
/// another device that lies on it. `number` is its own, as `8:16`.
pub(super) fn user(number: &str) -> Option<String> {
    let sys = Path::new("/sys/dev/block").join(number);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    let mut parts = vec![(sys.clone(), number.to_owned())];
    for entry in std::fs::read_dir(&sys).into_iter().flatten().flatten() {
        if entry.path().join("partition").exists() {
            parts.push((entry.path(), text(&entry.path().join("dev")).unwrap_or_default()));
        }
    }
    parts.iter().find_map(|(dir, number)| {
        let name = std::fs::canonicalize(dir).ok()?.file_name()?.to_string_lossy().into_owned();
        if let Some(place) = mounted(&mounts, number) {
            return Some(format!("{name} is mounted on {place}"));
        }
        if swaps.lines().any(|line| line.split_whitespace().next() == Some(&format!("/dev/{name}"))) {
            return Some(format!("{name} is swap"));
        }
        let holder = std::fs::read_dir(dir.join("holders")).ok()?.flatten().next()?;
        Some(format!("{} lies on {name}", holder.file_name().to_string_lossy()))
    })
}

/// Where a device is mounted, by its number.
fn mounted(mountinfo: &str, number: &str) -> Option<String> {
    mountinfo.lines().find_map(|line| {
        let mut words = line.split(' ').skip(2);
        (words.next()? == number).then(|| words.nth(1).unwrap_or_default().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_device_is_found_by_its_number() {
        let text = "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n36 22 179:1 / /boot rw - vfat x rw\nshort\n";
        assert_eq!(mounted(text, "179:1").as_deref(), Some("/boot"));
        assert_eq!(mounted(text, "8:2").as_deref(), Some("/"));
        assert_eq!(mounted(text, "8:20"), None);
    }
}
