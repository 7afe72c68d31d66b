//! Real devices, through libusb.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusb::{Context, DeviceHandle, Direction, Hotplug, HotplugBuilder, TransferType, UsbContext};

use super::error::Error;
use super::message::{REQUEST_IN, REQUEST_OUT};
use super::sysfs::Sysfs;
use super::transport::{Bus, Device, Fault, Transport};
use crate::board::PortPath;

/// Where udev listens for orders while it runs (systemd's src/libsystemd/sd-device and libudev's own look there).
const UDEV: &str = "/run/udev/control";

/// Contexts beside the bus's own. Each costs a look at all devices when it is made, and at each that comes later; boards beyond
/// their number share them.
const CONTEXTS: usize = 4;
/// How long a device may take to reach another context after the bus's own has told of it.
const REACHES: Duration = Duration::from_millis(100);

/// The host's USB.
pub struct LibusbBus {
    /// With hotplug one for good. Without, a new one for each look: libusb's lists are made by events, and where
    /// no program sends any they stay what they were when it was started.
    context: Mutex<Context>,
    sysfs: Sysfs,
    changes: Arc<Changes>,
    /// Kept for as long as changes are told. `None` where libusb has no hotplug here; then the bus is polled.
    hotplug: Option<Mutex<rusb::Registration<Context>>>,
    /// For boards' transfers, each with what its users hold.
    lent: Mutex<Vec<(Context, Arc<()>)>>,
}

/// Whether devices may have come or gone.
#[derive(Debug, Default)]
struct Changes {
    some: Mutex<bool>,
    told: Condvar,
}

impl Changes {
    fn tell(&self) {
        *self.some.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    fn wait(&self, limit: Duration) {
        let some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(some, limit, |some| !*some);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

struct Listener(Arc<Changes>);

impl Hotplug<Context> for Listener {
    fn device_arrived(&mut self, _device: rusb::Device<Context>) {
        self.0.tell();
    }

    fn device_left(&mut self, _device: rusb::Device<Context>) {
        self.0.tell();
    }
}

impl LibusbBus {
    /// Starts libusb.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn new() -> Result<Self, Error> {
        let host = |error: rusb::Error| Error::Host { what: "starting libusb", why: error.to_string() };
        let context = Context::new().map_err(host)?;
        let changes = Arc::new(Changes::default());
        // libusb hears of devices through udev, and only when udev's rules and what they run are done: the overlay of a
        // port is what it should be before its board is served. In a container there may be devices and no udev.
        let hotplug = if rusb::has_hotplug() && Path::new(UDEV).exists() {
            let listener = Box::new(Listener(changes.clone()));
            HotplugBuilder::new().register(&context, listener).ok().map(Mutex::new)
        } else {
            None
        };
        let (context, lent) = (Mutex::new(context), Mutex::default());
        let bus = Self { context, sysfs: Sysfs::default(), changes, hotplug, lent };
        if bus.hotplug.is_some() {
            bus.listen()?;
        }
        Ok(bus)
    }

    /// Whether devices that come and go are told, and not only looked for.
    #[must_use]
    pub const fn has_hotplug(&self) -> bool {
        self.hotplug.is_some()
    }

    /// Starts the thread that takes hotplug events out of libusb. It ends when the last other user of the changes is
    /// gone, at the next event or second.
    fn listen(&self) -> Result<(), Error> {
        let (context, changes) = (self.context().clone(), Arc::downgrade(&self.changes));
        let take = move || {
            while changes.strong_count() > 1 {
                // An error here would be one of the system's; what it keeps from being told is polled for.
                if context.handle_events(Some(Duration::from_secs(1))).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("usb-hotplug".to_owned()).spawn(take);
        let host = |error: std::io::Error| Error::Host { what: "starting a thread", why: error.to_string() };
        thread.map(drop).map_err(host)
    }

    fn describe(&self, device: &rusb::Device<Context>) -> Option<Device> {
        let descriptor = device.device_descriptor().ok()?;
        let port = PortPath::new(device.bus_number().into(), &device.port_numbers().ok()?)?;
        let address = device.address();
        // Of the device that libusb means, and not of one that came after it.
        let same = self.sysfs.attribute(port, "devnum").is_some_and(|number| number == address.to_string());
        let serial = if same { self.sysfs.attribute(port, "serial") } else { None };
        Some(Device {
            port,
            address,
            vendor: descriptor.vendor_id(),
            product: descriptor.product_id(),
            serial_index: descriptor.serial_number_string_index().unwrap_or(0),
            serial: serial.filter(|serial| !serial.is_empty()),
        })
    }

    /// A context for one board's transfers, and what its user holds. A board's thread takes the events of its transfers
    /// itself where nobody else uses its context. In a shared one whichever thread waits for events takes them, and
    /// wakes the one whose they are: one change of threads more for each transfer, which small ones feel. `None` where
    /// libusb doesn't hear of devices: then only a new context knows them.
    fn lend(&self) -> Option<(Context, Arc<()>)> {
        self.hotplug.as_ref()?;
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let users = |(_, user): &(Context, Arc<()>)| Arc::strong_count(user) - 1;
        if lent.iter().all(|one| users(one) > 0)
            && lent.len() < CONTEXTS
            && let Ok(context) = Context::new()
        {
            lent.push((context, Arc::default()));
        }
        let chosen = lent.iter().min_by_key(|one| users(one))?;
        if users(chosen) == 0 {
            // What it has heard of since it was used last is kept until somebody takes it.
            let _ = chosen.0.handle_events(Some(Duration::ZERO));
        }
        Some(chosen.clone())
    }

    fn context(&self) -> MutexGuard<'_, Context> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Result<rusb::DeviceList<Context>, Error> {
        let host = |error: rusb::Error| Error::Host { what: "listing devices", why: error.to_string() };
        let mut context = self.context();
        if self.hotplug.is_none() {
            *context = Context::new().map_err(host)?;
        }
        context.devices().map_err(host)
    }
}

impl std::fmt::Debug for LibusbBus {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("LibusbBus").field("hotplug", &self.has_hotplug()).finish_non_exhaustive()
    }
}

impl Bus for LibusbBus {
    fn devices(&self) -> Result<Vec<Device>, Error> {
        Ok(self.list()?.iter().filter_map(|device| self.describe(&device)).collect())
    }

    fn open(&self, device: &Device) -> Result<Box<dyn Transport>, Fault> {
        if let Some((context, user)) = self.lend() {
            // It hears of devices behind the bus's own, in the same moment.
            let until = Instant::now() + REACHES;
            loop {
                match find(&context, device) {
                    Err(Fault::Gone) if Instant::now() < until => std::thread::park_timeout(REACHES / 20),
                    Err(Fault::Gone) => break,
                    found => return Ok(Box::new(Open::new(found?, Some(user))?)),
                }
            }
        }
        // A new one has seen all that is there now.
        let context = Context::new().map_err(fault)?;
        Ok(Box::new(Open::new(find(&context, device)?, None)?))
    }

    fn wait(&self, limit: Duration) {
        self.changes.wait(limit);
    }
}

/// Opens a device in a context.
fn find(context: &Context, device: &Device) -> Result<DeviceHandle<Context>, Fault> {
    let list = context.devices().map_err(fault)?;
    let found = list.iter().find(|found| {
        u16::from(found.bus_number()) == device.port.bus() && found.address() == device.address
    });
    found.ok_or(Fault::Gone)?.open().map_err(fault)
}

/// An open device with its interface claimed. Dropping it releases and closes.
struct Open {
    handle: DeviceHandle<Context>,
    out: u8,
    /// Held while a lent context is used.
    _user: Option<Arc<()>>,
}

impl Open {
    fn new(handle: DeviceHandle<Context>, user: Option<Arc<()>>) -> Result<Self, Fault> {
        // The active one, read now: a 2711 shows two interfaces first and one later.
        let configuration = handle.device().active_config_descriptor().map_err(fault)?;
        // 2837 may start with two interfaces, of which the first is mass storage (usbboot's main.c).
        let (number, out) = if configuration.num_interfaces() == 1 { (0, 0x01) } else { (1, 0x03) };
        let interface = configuration.interfaces().find(|interface| interface.number() == number);
        let interface = interface.and_then(|interface| interface.descriptors().next());
        let interface = interface.ok_or_else(|| Fault::NoEndpoint(format!("no interface {number}")))?;
        let takes = |endpoint: &rusb::EndpointDescriptor<'_>| {
            endpoint.direction() == Direction::Out && endpoint.transfer_type() == TransferType::Bulk
        };
        let outs: Vec<u8> =
            interface.endpoint_descriptors().filter(takes).map(|endpoint| endpoint.address()).collect();
        let out = match outs.as_slice() {
            [] => return Err(Fault::NoEndpoint(format!("interface {number} takes no bulk transfers"))),
            all if all.contains(&out) => out,
            [first, ..] => *first,
        };
        // The disk that some ROMs show has no medium, and a driver that asks it for one takes time from the ROM. With
        // udev's rules no driver has it.
        for other in
            configuration.interfaces().map(|interface| interface.number()).filter(|other| *other != number)
        {
            if handle.kernel_driver_active(other).unwrap_or(false) {
                let _ = handle.detach_kernel_driver(other);
            }
        }
        // Where the system can't give a driver's interface back, nothing has to be given back.
        let _ = handle.set_auto_detach_kernel_driver(true);
        // No configuration is set: on Linux that resets the device.
        handle.claim_interface(number).map_err(fault)?;
        Ok(Self { handle, out, _user: user })
    }
}

impl Transport for Open {
    fn control_out(&mut self, value: u16, index: u16, timeout: Duration) -> Result<(), Fault> {
        self.handle.write_control(REQUEST_OUT, 0, value, index, &[], timeout).map_err(fault).map(drop)
    }

    fn control_in(
        &mut self,
        value: u16,
        index: u16,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, Fault> {
        self.handle.read_control(REQUEST_IN, 0, value, index, buf, timeout).map_err(fault)
    }

    fn bulk_out(&mut self, bytes: &[u8], timeout: Duration) -> Result<usize, Fault> {
        self.handle.write_bulk(self.out, bytes, timeout).map_err(fault)
    }

    fn clear_halt(&mut self) -> Result<(), Fault> {
        self.handle.clear_halt(self.out).map_err(fault)
    }
}

fn fault(error: rusb::Error) -> Fault {
    match error {
        // What libusb says for an address that was given away again is "not found".
        rusb::Error::NoDevice | rusb::Error::NotFound => Fault::Gone,
        rusb::Error::Pipe => Fault::Stall,
        rusb::Error::Timeout => Fault::Timeout,
        rusb::Error::Io | rusb::Error::Interrupted => Fault::Wire,
        rusb::Error::NoMem => Fault::TooLarge,
        rusb::Error::Access => Fault::Permission,
        rusb::Error::Busy => Fault::Busy,
        other => Fault::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let changes = Changes::default();
        changes.tell();
        changes.tell();
        let began = Instant::now();
        changes.wait(Duration::from_secs(20));
        assert!(began.elapsed() < Duration::from_secs(10));
        changes.wait(Duration::from_millis(1));
    }

    #[test]
    fn contexts_are_lent_alone_as_long_as_there_are_some_and_used_again() {
        let bus = LibusbBus::new().unwrap();
        if !bus.has_hotplug() {
            assert!(bus.lend().is_none());
            return;
        }
        let first = bus.lend().unwrap();
        drop(first);
        let users: Vec<_> = (0..2 * CONTEXTS).map(|_| bus.lend().unwrap().1).collect();
        let lent = bus.lent.lock().unwrap();
        assert_eq!(lent.len(), CONTEXTS);
        assert!(lent.iter().all(|(_, user)| Arc::strong_count(user) == 3), "{}", users.len());
    }

    /// Its build script takes libudev where it finds it, says nothing where it doesn't, and isn't run again when libudev
    /// comes later. Such a libusb hears of a board before udev's rules are done: the board may get another one's files.
    #[test]
    fn libusb_hears_of_devices_through_udev() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        // Backwards: otherwise the names that are looked for would be found here.
        let has = |backwards: &str| {
            let name: Vec<u8> = backwards.bytes().rev().collect();
            program.windows(name.len()).any(|window| window == name)
        };
        assert!(has("txetnoc_tini_bsubil"), "the symbols of this program were taken away");
        assert!(
            has("rotinom_tneve_trats_vedu_xunil"),
            "apt-get install libudev-dev, then cargo clean -p libusb1-sys"
        );
    }

    #[test]
    fn a_host_without_usb_has_no_devices() {
        // Whatever is attached here, listing it needs no permission and describes it by its port.
        let bus = LibusbBus::new().unwrap();
        for device in bus.devices().unwrap() {
            assert!(device.port.to_string().contains('-'));
        }
    }
}
