//! What udev tells a helper, in environment variables (udev(7), `RUN`).

use std::io::Read;
use std::path::{Path, PathBuf};

use super::port::Seen;
use crate::beneath::Dir;
use crate::board::identity::BROADCOM;
use crate::board::{BadSerial, Chip, Identity, PortPath, Serial};
use crate::format::message;

/// The kernel gives a page at most.
const LONGEST_ATTRIBUTE: u64 = 4096;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first stage's serial port is there.
    SerialPort {
        /// Where the board is plugged in.
        port: PortPath,
        /// The serial port's device file.
        tty: PathBuf,
        /// Which board it says that it is, if it says anything.
        serial: Result<Option<Serial>, BadSerial>,
    },
    /// A USB device came or left.
    Device {
        /// Where.
        port: PortPath,
        /// What it was.
        seen: Seen,
    },
    /// Nothing that is of interest.
    Nothing,
}

/// Why an event can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadEvent {
    /// udev sets it, so it wasn't udev that started this.
    #[error("there is no {0} in the environment; this is a helper for udev's RUN")]
    Missing(&'static str),
    /// A device file whose name no device file has.
    #[error("{} is no name of a device file", message(path))]
    BadName {
        /// DEVNAME.
        path: String,
    },
    /// A device path without a USB device in it.
    #[error("{} is not below a USB device", message(path))]
    NoPort {
        /// DEVPATH.
        path: String,
    },
}

/// Where an event is read from.
pub struct Source<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// `/sys`.
    pub sys: &'a Path,
    /// Vendor and product id of the first stage's gadget.
    pub gadget: (u16, u16),
}

impl Source<'_> {
    /// Reads the event.
    ///
    /// # Errors
    /// When a variable is missing or no USB device is named.
    pub fn event(&self) -> Result<Event, BadEvent> {
        let variable = |name| (self.env)(name).filter(|value| !value.is_empty());
        let need = |name| variable(name).ok_or(BadEvent::Missing(name));
        let (action, path) = (need("ACTION")?, need("DEVPATH")?);
        match (need("SUBSYSTEM")?.as_str(), action.as_str()) {
            ("tty", "add") => {
                let (port, device) = usb_device(&path).ok_or(BadEvent::NoPort { path: path.clone() })?;
                // The attribute is what the device said; the variable had some characters replaced.
                let serial = self.attribute(device, "serial").or_else(|| variable("ID_SERIAL_SHORT"));
                let tty = device_file(need("DEVNAME")?)?;
                Ok(Event::SerialPort { port, tty, serial: serial.map(|text| text.parse()).transpose() })
            }
            ("usb", "add" | "remove") if variable("DEVTYPE").as_deref() == Some("usb_device") => {
                let name = path.rsplit('/').next().unwrap_or_default();
                let Ok(port) = name.parse() else {
                    // A root hub.
                    return Ok(Event::Nothing);
                };
                let seen =
                    if action == "remove" { Some(Seen::Gone) } else { self.what(&path, &need("PRODUCT")?) };
                Ok(seen.map_or(Event::Nothing, |seen| Event::Device { port, seen }))
            }
            _ => Ok(Event::Nothing),
        }
    }

    /// What a device is, by its ids in the form of the variable PRODUCT (`a5c/2711/0`). `None` if it left already.
    fn what(&self, path: &str, product: &str) -> Option<Seen> {
        let mut ids = product.split('/').map(|id| u16::from_str_radix(id, 16).ok());
        let (vendor, product) = (ids.next()??, ids.next()??);
        if (vendor, product) == self.gadget {
            return Some(Seen::Gadget);
        }
        if vendor != BROADCOM || Chip::of_product(product).is_none() {
            return Some(Seen::Other(vendor, product));
        }
        // iSerialNumber is byte 16 of the device descriptor (USB 2.0, table 9-8).
        let mut descriptor = [0; 18];
        let file = Dir::open(self.sys).ok()?.file(Path::new(path).join("descriptors"));
        file.and_then(|mut file| file.read_exact(&mut descriptor)).ok()?;
        Some(match Identity::of(vendor, product, descriptor[16]) {
            Some(Identity::Rom(_)) => Seen::Rom,
            _ => Seen::SecondStage,
        })
    }

    /// An attribute of a device, without the line end that the kernel adds.
    fn attribute(&self, path: &str, name: &str) -> Option<String> {
        let bytes = Dir::open(self.sys).ok()?.read(Path::new(path).join(name), LONGEST_ATTRIBUTE).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let text = text.strip_suffix('\n').unwrap_or(&text);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// A device file's path; it is kept in a record of lines.
fn device_file(path: String) -> Result<PathBuf, BadEvent> {
    if !path.starts_with('/') || path.chars().any(char::is_control) {
        return Err(BadEvent::BadName { path });
    }
    Ok(path.into())
}

/// The USB device that a device path leads through, and the path up to it. The kernel calls the device after its
/// port (`1-1.2`) and its interfaces after the device (`1-1.2:1.0`), whatever the controller above is called.
fn usb_device(path: &str) -> Option<(PortPath, &str)> {
    let mut end = path.len();
    while let Some(start) = path[..end].rfind('/') {
        let name = &path[start + 1..end];
        if let Some((device, _)) = name.split_once(':')
            && let Ok(port) = device.parse()
            && path[..start].rsplit('/').next() == Some(device)
        {
            return Some((port, &path[..start]));
        }
        end = start;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    struct Machine {
        sys: tempfile::TempDir,
        env: HashMap<String, String>,
    }

    impl Machine {
        fn new(env: &[(&str, &str)]) -> Self {
            let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Self { sys: tempfile::tempdir().unwrap(), env }
        }

        fn file(&self, path: &str, contents: &[u8]) -> &Self {
            let path = self.sys.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
            self
        }

        fn event(&self) -> Result<Event, BadEvent> {
            let env = |name: &str| self.env.get(name).cloned();
            Source { env: &env, sys: self.sys.path(), gadget: (0xf055, 0xb007) }.event()
        }
    }

    const BUSES: [(&str, &str); 4] = [
        ("/devices/platform/soc/3f980000.usb/usb1/1-1/1-1.2", "1-1.2"),
        ("/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb1/1-1/1-1.3", "1-1.3"),
        ("/devices/pci0000:00/0000:00:14.0/usb2/2-10", "2-10"),
        ("/devices/platform/vhci_hcd.0/usb17/17-3", "17-3"),
    ];

    fn tty(device: &str) -> Machine {
        let name = device.rsplit('/').next().unwrap();
        Machine::new(&[
            ("ACTION", "add"),
            ("SUBSYSTEM", "tty"),
            ("DEVPATH", &format!("{device}/{name}:1.0/tty/ttyACM0")),
            ("DEVNAME", "/dev/ttyACM0"),
        ])
    }

    #[test]
    fn the_port_is_found_below_every_controller() {
        for (device, want) in BUSES {
            let machine = tty(device);
            machine.file(&format!("{device}/serial"), b"00000000d8e4a1f7\n");
            let Ok(Event::SerialPort { port, serial, tty }) = machine.event() else { panic!("{device}") };
            assert_eq!((port.to_string().as_str(), tty.to_str()), (want, Some("/dev/ttyACM0")));
            assert_eq!(serial.unwrap().unwrap().as_str(), "00000000d8e4a1f7");
        }
        let other = tty("/devices/platform/serial8250");
        assert!(matches!(other.event(), Err(BadEvent::NoPort { .. })), "{:?}", other.event());
        // An environment can be of any length.
        let long = tty(&"/x".repeat(50_000)).event().unwrap_err();
        assert!(long.to_string().chars().count() < 3000, "{long}");
    }

    #[test]
    fn a_serial_number_may_be_missing_or_bad() {
        let device = BUSES[2].0;
        let serial = |machine: &Machine| match machine.event() {
            Ok(Event::SerialPort { serial, .. }) => serial,
            other => panic!("{other:?}"),
        };
        let mut machine = tty(device);
        assert_eq!(serial(&machine), Ok(None));
        machine.env.insert("ID_SERIAL_SHORT".to_owned(), "af04b2da".to_owned());
        assert_eq!(serial(&machine).unwrap().unwrap().as_str(), "af04b2da");
        machine.file(&format!("{device}/serial"), b"../../etc\n");
        assert!(serial(&machine).is_err());
        machine.file(&format!("{device}/serial"), b"\xff\n");
        assert!(serial(&machine).is_err());
    }

    #[test]
    fn nothing_is_read_beside_sys_and_no_pipe_is_waited_for() {
        let device = BUSES[2].0;
        let serial = |machine: &Machine| match machine.event() {
            Ok(Event::SerialPort { serial, .. }) => serial.unwrap().map(|serial| serial.to_string()),
            other => panic!("{other:?}"),
        };
        let machine = tty(&format!("/../..{device}"));
        machine.file(&format!("{device}/serial"), b"a\n");
        assert_eq!(serial(&machine), None);
        let machine = tty(device);
        machine.file(&format!("{device}/other"), b"");
        let attribute = machine.sys.path().join(format!("{}/serial", &device[1..]));
        rustix::fs::mknodat(rustix::fs::CWD, &attribute, rustix::fs::FileType::Fifo, 0o644.into(), 0)
            .unwrap();
        assert_eq!(serial(&machine), None);
        std::fs::remove_file(&attribute).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &attribute).unwrap();
        assert_eq!(serial(&machine), None);
        let mut machine = tty(device);
        for bad in ["ttyACM0", "/dev/tty\nowed=reboot /dev/x"] {
            machine.env.insert("DEVNAME".to_owned(), bad.to_owned());
            assert!(matches!(machine.event(), Err(BadEvent::BadName { .. })), "{bad}");
        }
    }

    fn device(action: &str, product: &str, path: &str) -> Machine {
        Machine::new(&[
            ("ACTION", action),
            ("SUBSYSTEM", "usb"),
            ("DEVTYPE", "usb_device"),
            ("PRODUCT", product),
            ("DEVPATH", path),
        ])
    }

    #[test]
    fn devices_are_told_apart() {
        let path = BUSES[0].0;
        let seen = |product: &str, index: u8| {
            let machine = device("add", product, path);
            let mut descriptor = [0; 50];
            descriptor[16] = index;
            machine.file(&format!("{path}/descriptors"), &descriptor);
            match machine.event().unwrap() {
                Event::Device { port, seen } => {
                    assert_eq!(port.to_string(), "1-1.2");
                    seen
                }
                other => panic!("{other:?}"),
            }
        };
        for (product, index, want) in [
            ("a5c/2763/0", 0, Seen::Rom),
            ("a5c/2764/0", 0, Seen::Rom),
            ("a5c/2711/0", 3, Seen::Rom),
            ("a5c/2712/0", 3, Seen::Rom),
            ("a5c/2764/0", 1, Seen::SecondStage),
            ("a5c/2711/0", 4, Seen::SecondStage),
            ("a5c/1/0", 0, Seen::Other(0x0a5c, 1)),
            ("18d1/4e40/100", 3, Seen::Other(0x18d1, 0x4e40)),
            ("f055/b007/100", 3, Seen::Gadget),
        ] {
            assert_eq!(seen(product, index), want, "{product}");
        }
        assert_eq!(device("add", "a5c/2763/0", path).event(), Ok(Event::Nothing), "it left already");
        let Ok(Event::Device { seen, .. }) = device("remove", "a5c/2763/0", path).event() else { panic!() };
        assert_eq!(seen, Seen::Gone);
    }

    #[test]
    fn what_is_of_no_interest_is_nothing() {
        let root = device("add", "1d6b/2/601", "/devices/platform/vhci_hcd.0/usb17");
        assert_eq!(root.event(), Ok(Event::Nothing));
        let mut other = device("change", "a5c/2711/0", BUSES[0].0);
        assert_eq!(other.event(), Ok(Event::Nothing));
        other.env.insert("DEVTYPE".to_owned(), "usb_interface".to_owned());
        other.env.insert("ACTION".to_owned(), "add".to_owned());
        assert_eq!(other.event(), Ok(Event::Nothing));
        assert_eq!(device("add", "x", BUSES[0].0).event(), Ok(Event::Nothing));
    }

    #[test]
    fn what_udev_always_sets_must_be_there() {
        for name in ["ACTION", "DEVPATH", "SUBSYSTEM", "DEVNAME"] {
            let mut machine = tty(BUSES[1].0);
            machine.env.remove(name);
            assert_eq!(machine.event(), Err(BadEvent::Missing(name)));
            machine.env.insert(name.to_owned(), String::new());
            assert_eq!(machine.event(), Err(BadEvent::Missing(name)));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in "[/0-9a-f:.-]*", text in ".*") {
            let _ = usb_device(&path);
            let _ = usb_device(&text);
        }
    }
}
