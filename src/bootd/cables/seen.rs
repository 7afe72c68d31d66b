//! Which of this host's interfaces are ends of boards' cables: what sysfs says of their USB devices
//! (Linux' Documentation/ABI/testing/sysfs-class-net and sysfs-bus-usb).

use std::path::Path;

use super::book::End;
use crate::board::{Cable, PortPath, cable};
use crate::usb::sysfs::Sysfs;
use crate::wire::Interface;

/// The end that an interface is; `None` for every other interface. `sys` is `/sys`.
pub(super) fn end(sys: &Path, interface: &Interface) -> Option<End> {
    let cable = Cable::of_host(interface.mac?)?;
    // The interface of the USB device, such as /sys/devices/…/1-1.2/1-1.2:2.0.
    let usb = std::fs::canonicalize(sys.join("class/net").join(&interface.name).join("device")).ok()?;
    let port: PortPath = usb.parent()?.file_name()?.to_str()?.parse().ok()?;
    let sysfs = Sysfs::new(sys);
    let serial = sysfs.attribute(port, "serial").and_then(|text| text.parse().ok());
    let is_board = sysfs.attribute(port, "product").as_deref() == Some(cable::PRODUCT);
    is_board.then(|| End { index: interface.index, name: interface.name.clone(), cable, port, serial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_interface_is_an_end_by_its_address_and_by_what_its_device_calls_itself() {
        let sys = tempfile::tempdir().unwrap();
        let put = |port: &str, name: &str, product: &str| {
            let device = sys.path().join("devices/usb1").join(port);
            let usb = device.join(format!("{port}:2.0"));
            fs::create_dir_all(&usb).unwrap();
            fs::write(device.join("product"), format!("{product}\n")).unwrap();
            fs::write(device.join("serial"), "10000000af04b2da\n").unwrap();
            for (dir, to) in [("bus/usb/devices", device.clone()), ("class/net", usb.clone())] {
                fs::create_dir_all(sys.path().join(dir)).unwrap();
                if dir == "class/net" {
                    fs::create_dir_all(sys.path().join(dir).join(name)).unwrap();
                    std::os::unix::fs::symlink(to, sys.path().join(dir).join(name).join("device")).unwrap();
                } else {
                    std::os::unix::fs::symlink(to, sys.path().join(dir).join(port)).unwrap();
                }
            }
        };
        put("1-1.2", "usb0", "piprov gadget");
        put("1-1.3", "usb1", "some phone");
        let interface = |name: &str, mac: &str| Interface {
            name: name.to_owned(),
            index: 7,
            mac: Some(mac.parse().unwrap()),
            is_up: false,
            has_carrier: false,
            carrier_changes: 0,
            addresses: Vec::new(),
        };
        let found = end(sys.path(), &interface("usb0", "d6:00:af:04:b2:da")).unwrap();
        assert_eq!((found.index, found.port.to_string().as_str()), (7, "1-1.2"));
        assert_eq!(Cable::of(&found.serial.unwrap()), Some(found.cable));
        for (name, mac) in
            [("usb0", "dc:a6:32:01:02:03"), ("usb1", "d6:00:af:04:b2:da"), ("usb9", "d6:00:af:04:b2:da")]
        {
            assert_eq!(end(sys.path(), &interface(name, mac)), None, "{name} {mac}");
        }
    }
}
