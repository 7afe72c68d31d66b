//! What a board has become: the block device, serial port or network interface that hangs below its port.
//! Everything is read from sysfs, where each device's path goes through the port path.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sysfs::{Sysfs, read};
use crate::board::PortPath;
use crate::board::identity::Identity;

/// What the user waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// A disk.
    Block,
    /// A serial port.
    Serial,
    /// A fastboot gadget.
    Fastboot,
    /// A network interface.
    Net,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(match self {
            Self::Block => "block device",
            Self::Serial => "serial port",
            Self::Fastboot => "fastboot device",
            Self::Net => "network interface",
        })
    }
}

/// Something that appeared at a board's port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Appeared {
    /// How it is called: `/dev/sda`, `/dev/ttyACM0`, `usb0`, or the serial number for `fastboot -s`.
    pub device: String,
    /// Bytes that fit on it, for a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

impl std::fmt::Display for Appeared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.device)?;
        self.size_bytes.map_or(Ok(()), |bytes| write!(out, " {}", crate::format::size(bytes)))
    }
}

impl Sysfs {
    /// What of a kind is there below a port, by name. Disks without a medium are not ready and don't count.
    #[must_use]
    pub fn appeared(&self, port: PortPath, wanted: Wanted) -> Vec<Appeared> {
        let mut all = match wanted {
            Wanted::Block => self.below(port, "class/block", |name, path| {
                // A partition isn't a disk.
                if path.join("partition").exists() {
                    return None;
                }
                let blocks: u64 = read(&path.join("size"))?.parse().ok()?;
                let size = blocks.checked_mul(512).filter(|size| *size > 0)?;
                Some(Appeared { device: format!("/dev/{name}"), size_bytes: Some(size) })
            }),
            Wanted::Serial => self.below(port, "class/tty", |name, _| {
                Some(Appeared { device: format!("/dev/{name}"), size_bytes: None })
            }),
            Wanted::Net => self.below(port, "class/net", |name, _| {
                Some(Appeared { device: name.to_owned(), size_bytes: None })
            }),
            Wanted::Fastboot => self.fastboot(port).into_iter().collect(),
        };
        all.sort();
        all
    }

    fn below(
        &self,
        port: PortPath,
        class: &str,
        of: impl Fn(&str, &Path) -> Option<Appeared>,
    ) -> Vec<Appeared> {
        let port = port.to_string();
        let Ok(entries) = std::fs::read_dir(self.root().join(class)) else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| {
                let path = entry.path().canonicalize().ok()?;
                // `1-1.2` itself and not a hub at `1-1` before it: interfaces follow as `1-1.2:1.0`.
                let mut parts = path.components().map(|part| part.as_os_str());
                parts.find(|part| *part == port.as_str())?;
                let interface = parts.next()?.to_str()?;
                interface.strip_prefix(&port)?.starts_with(':').then_some(())?;
                of(entry.file_name().to_str()?, &path)
            })
            .collect()
    }

    /// A device whose ids are known, or one with an interface of the protocol (class 255, subclass 66, protocol 3).
    fn fastboot(&self, port: PortPath) -> Option<Appeared> {
        let path = self.device(port);
        let id = |name: &str| u16::from_str_radix(&read(&path.join(name))?, 16).ok();
        let known = Identity::of(id("idVendor")?, id("idProduct")?, 1) == Some(Identity::Fastboot);
        let interface = || {
            std::fs::read_dir(&path).ok()?.flatten().find(|entry| {
                let is =
                    |name: &str, want: &str| read(&entry.path().join(name)).is_some_and(|got| got == want);
                is("bInterfaceClass", "ff")
                    && is("bInterfaceSubClass", "42")
                    && is("bInterfaceProtocol", "03")
            })
        };
        if !known && interface().is_none() {
            return None;
        }
        let serial = read(&path.join("serial")).filter(|serial| !serial.is_empty());
        // What `fastboot -s` takes where there is no serial number.
        let device = serial.unwrap_or_else(|| format!("usb:{port}"));
        Some(Appeared { device: crate::format::printable(device.as_bytes()), size_bytes: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A tree as the kernel makes it: devices below `devices`, classes as links.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for class in ["block", "tty", "net"] {
                fs::create_dir_all(tree.0.path().join("class").join(class)).unwrap();
            }
            tree
        }

        fn add(&self, class: &str, path: &str, attributes: &[(&str, &str)]) {
            let path = self.0.path().join("devices").join(path);
            fs::create_dir_all(&path).unwrap();
            for (name, text) in attributes {
                fs::write(path.join(name), format!("{text}\n")).unwrap();
            }
            let link = self.0.path().join(class).join(path.file_name().unwrap());
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(path, link).unwrap();
        }

        fn look(&self, port: &str, wanted: Wanted) -> Vec<(String, Option<u64>)> {
            let all = Sysfs::new(self.0.path()).appeared(port.parse().unwrap(), wanted);
            all.into_iter().map(|one| (one.device, one.size_bytes)).collect()
        }
    }

    const HUB: &str = "pci0000:00/0000:00:14.0/usb1/1-1";

    #[test]
    fn disks_of_the_port_and_only_of_it() {
        let tree = Tree::new();
        let disk =
            |port: &str, host: u8, name: &str| format!("{HUB}/{port}/{port}:1.0/host{host}/block/{name}");
        tree.add("class/block", &disk("1-1.2", 0, "sda"), &[("size", "62333952")]);
        tree.add(
            "class/block",
            &format!("{}/sda1", disk("1-1.2", 0, "sda")),
            &[("partition", "1"), ("size", "8")],
        );
        tree.add("class/block", &disk("1-1.2", 1, "sdb"), &[("size", "0")]);
        tree.add("class/block", &disk("1-1.20", 2, "sdc"), &[("size", "8")]);
        tree.add("class/block", "virtual/block/loop0", &[("size", "8")]);
        assert_eq!(tree.look("1-1.2", Wanted::Block), [("/dev/sda".to_owned(), Some(31_914_983_424))]);
        assert_eq!(tree.look("1-1.20", Wanted::Block), [("/dev/sdc".to_owned(), Some(4096))]);
        assert_eq!(tree.look("1-1", Wanted::Block), [], "a hub isn't what hangs on it");
    }

    #[test]
    fn serial_ports_and_interfaces() {
        let tree = Tree::new();
        tree.add("class/tty", &format!("{HUB}/1-1.2/1-1.2:1.0/tty/ttyACM0"), &[]);
        tree.add("class/net", &format!("{HUB}/1-1.2/1-1.2:1.2/net/usb0"), &[]);
        assert_eq!(tree.look("1-1.2", Wanted::Serial), [("/dev/ttyACM0".to_owned(), None)]);
        assert_eq!(tree.look("1-1.2", Wanted::Net), [("usb0".to_owned(), None)]);
        assert_eq!(tree.look("1-1.3", Wanted::Net), []);
    }

    #[test]
    fn fastboot_by_ids_or_by_its_interface() {
        let tree = Tree::new();
        let ids = |vendor, product| [("idVendor", vendor), ("idProduct", product)];
        tree.add("bus/usb/devices", &format!("{HUB}/1-1.2"), &ids("18d1", "4e40"));
        tree.add("bus/usb/devices", &format!("{HUB}/1-1.3"), &ids("1234", "5678"));
        let interface =
            [("bInterfaceClass", "ff"), ("bInterfaceSubClass", "42"), ("bInterfaceProtocol", "03")];
        assert_eq!(tree.look("1-1.2", Wanted::Fastboot), [("usb:1-1.2".to_owned(), None)]);
        assert_eq!(tree.look("1-1.3", Wanted::Fastboot), []);
        tree.add("x", &format!("{HUB}/1-1.3/1-1.3:1.0"), &interface);
        fs::write(tree.0.path().join("devices").join(HUB).join("1-1.3/serial"), "abc\x1b\n").unwrap();
        assert_eq!(tree.look("1-1.3", Wanted::Fastboot), [("abc\\x1b".to_owned(), None)]);
        assert_eq!(tree.look("1-1.4", Wanted::Fastboot), []);
    }
}
