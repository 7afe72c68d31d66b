//! Recovery cards, and what must be on them after a flash: worked out here by other means than the program's own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::rig::example;
use super::{program, shell};

const MIB: usize = 1 << 20;
/// U-Boot's partition on these cards: from 4 MiB to 44 MiB.
const UBOOT: std::ops::Range<usize> = 4 * MIB..44 * MIB;
/// Where an image's first partition comes to lie behind it.
pub(crate) const BEHIND_UBOOT: usize = UBOOT.end;
/// What a card is full of before: whatever is left of it was not written.
const OLD: u8 = 0xe5;

/// An image of 18 MiB that is on every card from the start; made once, and left in cargo's own directory.
fn earlier_system() -> &'static Path {
    static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| {
        let image = Path::new(env!("CARGO_TARGET_TMPDIR")).join("earlier.img");
        let script = example("make-sample-image.sh");
        let arguments = "--p1-offset 4 --boot-size 8 --root-size 6 --files 1";
        shell(&format!("{} {} {arguments}", script.display(), image.display()));
        image
    });
    &IMAGE
}

/// How a virtual board on the user-mode network gets its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// From env.txt.
    Static,
    /// By DHCP, which also names a server that isn't ours.
    Dhcp,
}

/// A recovery card, and a copy of it as it was.
pub(crate) struct Card {
    /// The card.
    pub(crate) path: PathBuf,
    before: Vec<u8>,
}

impl Card {
    /// Builds a card of `mib` for a board on the network.
    pub(crate) fn new(path: PathBuf, mib: usize, server: Ipv4Addr, network: Network) -> Self {
        let mut arguments = vec!["--server".to_owned(), server.to_string()];
        if network == Network::Static {
            arguments.extend(["--board-ip", "10.0.2.15/24", "--gateway", "10.0.2.2"].map(str::to_owned));
        }
        // A virtual board's U-Boot isn't on its card.
        let nothing = path.with_extension("files");
        std::fs::create_dir_all(&nothing).unwrap();
        Self::build(path, mib, &nothing, &arguments)
    }

    /// Builds a card of `mib` with a secret, which `file` gets.
    pub(crate) fn with_secret(path: PathBuf, mib: usize, server: Ipv4Addr, file: &Path) -> Self {
        let mut arguments = vec!["--server".to_owned(), server.to_string()];
        arguments
            .extend(["--board-ip", "10.0.2.15/24", "--gateway", "10.0.2.2", "--secret"].map(str::to_owned));
        arguments.push(file.display().to_string());
        let nothing = path.with_extension("files");
        std::fs::create_dir_all(&nothing).unwrap();
        Self::build(path, mib, &nothing, &arguments)
    }

    /// Builds a card of `mib` for a board that takes its image from a stick, with U-Boot's own files.
    pub(crate) fn for_stick(path: PathBuf, mib: usize, uboot: &Path) -> Self {
        Self::build(path, mib, uboot, &["--stick".to_owned()])
    }

    /// Builds a card with `piprov card build`. An earlier system is on it, and old bytes up to its end.
    fn build(path: PathBuf, mib: usize, uboot: &Path, arguments: &[String]) -> Self {
        let mut build = program::piprov(path.parent().unwrap());
        build.args(["card", "build", "--quiet", "--size", &format!("{mib}MiB")]).args(arguments);
        build.arg("--image").arg(earlier_system()).arg("--uboot").arg(uboot).arg("-o").arg(&path);
        let output = build.output().unwrap();
        assert!(output.status.success(), "{build:?}: {output:?}");
        let mut before = std::fs::read(&path).unwrap();
        let (start, len) = *partitions(&path).last().unwrap();
        before[(start + len) as usize * 512..].fill(OLD);
        std::fs::write(&path, &before).unwrap();
        Self { path, before }
    }

    /// What is on it now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// From now on it counts as it is.
    pub(crate) fn remember(&mut self) {
        self.before = self.bytes();
    }

    /// Nothing was written to it.
    pub(crate) fn assert_untouched(&self) {
        assert_same(&self.bytes(), &self.before, 0..self.before.len(), "an untouched card");
    }

    /// U-Boot's partition is as it was.
    pub(crate) fn assert_uboot_partition(&self) {
        assert_same(&self.bytes(), &self.before, UBOOT, "U-Boot's partition");
    }

    /// U-Boot's partition is as it was, and no partition but it is in the table.
    pub(crate) fn assert_uboot_only(&self) {
        self.assert_uboot_partition();
        assert_eq!(partitions(&self.path), [(8192, 81920)]);
    }

    /// The image is there whole: its bytes from `first` (bytes) on stand behind U-Boot's partition, with
    /// `follow` (old text, new text) replaced in them, the rest of the card is as it was, and the table has these
    /// partitions (first block, blocks) behind U-Boot's.
    pub(crate) fn assert_holds(
        &self,
        image: &Path,
        first: usize,
        follow: &[(&str, &str)],
        behind: &[(u64, u64)],
    ) {
        let now = self.bytes();
        let mut content = std::fs::read(image).unwrap()[first..].to_vec();
        content.resize(content.len().next_multiple_of(512), 0);
        for (old, new) in follow {
            replace(&mut content, old, new);
        }
        let mut expected = self.before.clone();
        expected[BEHIND_UBOOT..BEHIND_UBOOT + content.len()].copy_from_slice(&content);
        assert_same(&now, &expected, UBOOT, "U-Boot's partition");
        assert_same(&now, &expected, BEHIND_UBOOT..BEHIND_UBOOT + content.len(), "the image");
        assert_same(&now, &expected, BEHIND_UBOOT + content.len()..now.len(), "what lies behind the image");
        let mut wanted = vec![(8192, 81920)];
        wanted.extend(behind);
        assert_eq!(partitions(&self.path), wanted);
    }
}

/// The lines of cmdline.txt and /etc/fstab of a sample image with an MBR, before and after their partitions have
/// moved behind U-Boot's.
pub(crate) const FOLLOWED: &[(&str, &str)] = &[
    ("root=PARTUUID=35c84628-02 rootfstype=ext4", "root=PARTUUID=35c84628-03 rootfstype=ext4"),
    ("PARTUUID=35c84628-01  /boot/firmware", "PARTUUID=35c84628-02  /boot/firmware"),
    ("PARTUUID=35c84628-02  /  ", "PARTUUID=35c84628-03  /  "),
];

/// The partitions that sfdisk sees: first block, blocks.
pub(crate) fn partitions(disk: &Path) -> Vec<(u64, u64)> {
    let table = shell(&format!("sfdisk --json {}", disk.display()));
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let partitions = table["partitiontable"]["partitions"].as_array().unwrap();
    partitions.iter().map(|p| (p["start"].as_u64().unwrap(), p["size"].as_u64().unwrap())).collect()
}

/// Replaces a text that occurs once.
fn replace(bytes: &mut [u8], old: &str, new: &str) {
    assert_eq!(old.len(), new.len());
    let mut found = Vec::new();
    let first = old.as_bytes()[0];
    for at in 0..=bytes.len() - old.len() {
        if bytes[at] == first && &bytes[at..at + old.len()] == old.as_bytes() {
            found.push(at);
        }
    }
    let [at] = found[..] else { panic!("`{old}` occurs {} times", found.len()) };
    bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
}

/// Compares a range of two disks and says where they part.
pub(crate) fn assert_same(now: &[u8], expected: &[u8], range: std::ops::Range<usize>, what: &str) {
    let (now, expected) = (&now[range.clone()], &expected[range.clone()]);
    if now != expected {
        let at = now.iter().zip(expected).position(|(one, other)| one != other).unwrap();
        panic!(
            "{what}: at byte {:#x} stands {:02x?} instead of {:02x?}",
            range.start + at,
            &now[at..now.len().min(at + 16)],
            &expected[at..expected.len().min(at + 16)]
        );
    }
}
