//! What the kernel tells about USB devices without opening them: `/sys/bus/usb/devices` (Linux'
//! Documentation/ABI/testing/sysfs-bus-usb).

use std::path::{Path, PathBuf};

use super::transport::Device;
use crate::board::PortPath;

/// Whether this user may open a device.
#[must_use]
pub fn may_open(node: &Path) -> bool {
    rustix::fs::access(node, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK).is_ok()
}

/// The kernel's view of devices.
#[derive(Debug, Clone)]
pub struct Sysfs {
    root: PathBuf,
}

impl Default for Sysfs {
    fn default() -> Self {
        Self::new("/sys")
    }
}

impl Sysfs {
    /// A view whose root is at `root`, which is `/sys` but for tests.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// All devices but hubs' roots, in the order of their ports. `None` where this kernel has no USB.
    #[must_use]
    pub fn devices(&self) -> Option<Vec<Device>> {
        let entries = std::fs::read_dir(self.root.join("bus/usb/devices")).ok()?;
        // Interfaces (`1-1:1.0`) and root hubs (`usb1`) are no port paths.
        let ports = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut devices: Vec<Device> = ports.filter_map(|port| self.describe(port)).collect();
        devices.sort_by_key(|device| device.port);
        Some(devices)
    }

    /// The device at a port. `None` where it has just left.
    #[must_use]
    pub fn describe(&self, port: PortPath) -> Option<Device> {
        // The descriptors as the device sent them; the first is its own, of 18 bytes (USB 2.0, section 9.6.1).
        let descriptor = std::fs::read(self.device(port).join("descriptors")).ok()?;
        let descriptor: &[u8; 18] = descriptor.first_chunk()?;
        let [_, 1, .., _, _, _, _, _, serial_index, _] = descriptor else { return None };
        let id = |at: usize| u16::from_le_bytes([descriptor[at], descriptor[at + 1]]);
        Some(Device {
            port,
            address: self.attribute(port, "devnum")?.parse().ok()?,
            vendor: id(8),
            product: id(10),
            serial_index: *serial_index,
            serial: self.attribute(port, "serial").filter(|serial| !serial.is_empty()),
        })
    }

    /// The drivers that have the interfaces of the device at a port; `usbfs` is a program.
    #[must_use]
    pub fn drivers(&self, port: PortPath) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.device(port)) else { return Vec::new() };
        let interface = format!("{port}:");
        let mut drivers: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&interface)))
            .filter_map(|entry| {
                let driver = std::fs::read_link(entry.path().join("driver")).ok()?;
                Some(driver.file_name()?.to_str()?.to_owned())
            })
            .collect();
        drivers.sort();
        drivers.dedup();
        drivers
    }

    /// The directory of the device at a port.
    pub(super) fn device(&self, port: PortPath) -> PathBuf {
        self.root.join("bus/usb/devices").join(port.to_string())
    }

    /// The text of an attribute of the device at a port, without the line's end.
    #[must_use]
    pub fn attribute(&self, port: PortPath, name: &str) -> Option<String> {
        read(&self.device(port).join(name))
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// The text of a file of one line.
pub(super) fn read(path: &Path) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim_end_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::identity::{Chip, Identity};
    use std::fs;

    #[test]
    fn devices_are_read_from_their_descriptors() {
        let root = tempfile::tempdir().unwrap();
        let add = |port: &str, vendor: u16, product: u16, index: u8| {
            let dir = root.path().join("bus/usb/devices").join(port);
            fs::create_dir_all(&dir).unwrap();
            let mut bytes = vec![18, 1, 0, 2, 0, 0, 0, 64];
            bytes.extend(vendor.to_le_bytes());
            bytes.extend(product.to_le_bytes());
            bytes.extend([0, 0, 1, 2, index, 1]);
            // The configuration follows.
            bytes.extend([9, 2, 32, 0]);
            fs::write(dir.join("descriptors"), bytes).unwrap();
            fs::write(dir.join("devnum"), "7\n").unwrap();
            fs::write(dir.join("serial"), "af04b2da\n").unwrap();
            dir
        };
        let dir = add("1-1.2", 0x0a5c, 0x2711, 3);
        add("1-1.10", 0x0a5c, 0x2764, 1);
        add("usb1", 0x1d6b, 2, 1);
        add("1-1.2:1.0", 0x0a5c, 0x2711, 3);
        fs::create_dir_all(root.path().join("bus/usb/devices/2-1")).unwrap();
        fs::write(root.path().join("bus/usb/devices/2-1/descriptors"), [18, 1]).unwrap();
        let sysfs = Sysfs::new(root.path());
        let devices = sysfs.devices().unwrap();
        let seen: Vec<_> =
            devices.iter().map(|one| (one.port.to_string(), one.identity().unwrap())).collect();
        assert_eq!(
            seen,
            [
                ("1-1.2".to_owned(), Identity::Rom(Chip::Bcm2711)),
                ("1-1.10".to_owned(), Identity::FileServer(Chip::Bcm2837)),
            ]
        );
        assert_eq!(devices[0].address, 7);
        assert_eq!(devices[0].board_serial().unwrap().as_str(), "af04b2da");
        fs::create_dir(dir.join("1-1.2:1.0")).unwrap();
        std::os::unix::fs::symlink("../../../drivers/usbfs", dir.join("1-1.2:1.0/driver")).unwrap();
        assert_eq!(sysfs.drivers(devices[0].port), ["usbfs"]);
        assert_eq!(Sysfs::new(root.path().join("none")).devices(), None);
    }
}
