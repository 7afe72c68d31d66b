//! USB devices that aren't there, plugged into the real USB stack of the virtual machine: the kernel's vhci_hcd
//! speaks USB/IP over a socket with a program that plugs something in (Documentation/usb/usbip_protocol.rst). No network
//! and no usbip tool are needed for that.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;

use super::until;

/// The first controller; it takes orders for all of them.
const VHCI: &str = "/sys/devices/platform/vhci_hcd.0";
/// Slots of a controller in the kernel's numbering, of which the first half is for high speed (`VHCI_PORTS` with
/// Debian's `CONFIG_USBIP_VHCI_HC_PORTS=15`). Slot 30 is the first of the second controller.
pub const SLOTS: u8 = 30;
const HEADER: usize = 48;
/// `speed` of a high-speed device (`enum usb_device_speed`).
const HIGH_SPEED: u32 = 3;

/// A control transfer's first eight bytes (USB 2.0, table 9-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    pub kind: u8,
    pub request: u8,
    pub value: u16,
    pub index: u16,
    pub length: u16,
}

/// What a device does with a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Takes what was sent, or sends this.
    Data(Vec<u8>),
    /// Refuses it.
    Stall,
    /// Doesn't answer until the host gives up.
    Never,
    /// Leaves the bus without an answer.
    Leave,
    /// Answers, and leaves the bus.
    DataThenLeave(Vec<u8>),
    /// Answers, and leaves the bus after some time. The kernel's drivers wait five seconds for answers from a device
    /// of this bus that has left in the midst of what they do; on a real bus they hear of it at once.
    DataThenLeaveAfter(Vec<u8>, std::time::Duration),
}

/// What a device is and does.
pub trait Function: Send + 'static {
    /// The device descriptor.
    fn device(&self) -> [u8; 18];
    /// The configuration descriptor with all that follows it.
    fn configuration(&self) -> Vec<u8>;
    /// The string descriptors from index 1 on.
    fn strings(&self) -> Vec<String>;
    /// A control transfer that isn't one of the standard ones.
    fn control(&mut self, setup: Setup, data: &[u8]) -> Reply;
    /// Data for an endpoint.
    fn out(&mut self, endpoint: u8, data: &[u8]) -> Reply;
}

/// A device descriptor of a high-speed device with classless interfaces.
pub fn device_descriptor(vendor: u16, product: u16, strings: [u8; 3]) -> [u8; 18] {
    let [v, p] = [vendor.to_le_bytes(), product.to_le_bytes()];
    let [manufacturer, name, serial] = strings;
    [18, 1, 0, 2, 0, 0, 0, 64, v[0], v[1], p[0], p[1], 0, 0, manufacturer, name, serial, 1]
}

/// A device that is plugged in.
pub struct Plugged<F> {
    wire: UnixStream,
    slot: u8,
    thread: Option<JoinHandle<F>>,
}

/// Plugs a device into a slot, from 0, and waits until the system has seen it.
pub fn plug<F: Function>(slot: u8, function: F) -> Plugged<F> {
    until(&format!("slot {slot} to be free"), || is_free(slot).then_some(()));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let line = format!("{slot} {} {} {HIGH_SPEED}", theirs.as_raw_fd(), u32::from(slot) + 1);
    std::fs::write(Path::new(VHCI).join("attach"), line).unwrap();
    let wire = ours.try_clone().unwrap();
    let thread = std::thread::spawn(move || serve(ours, function));
    let seen = Path::new("/sys/bus/usb/devices").join(port(slot)).join("bConfigurationValue");
    // Or it has done already what it was there for.
    until("the device to be seen", || (thread.is_finished() || seen.exists()).then_some(()));
    Plugged { wire, slot, thread: Some(thread) }
}

impl<F> Plugged<F> {
    /// Pulls it out, and gives back what it was.
    pub fn unplug(mut self) -> F {
        let _ = self.wire.shutdown(Shutdown::Both);
        let function = self.thread.take().unwrap().join().unwrap();
        self.wait_until_gone();
        function
    }

    /// Waits until it has left by itself, and gives back what it was.
    pub fn left(mut self) -> F {
        let thread = self.thread.take().unwrap();
        until("the device to leave", || thread.is_finished().then_some(()));
        let function = thread.join().unwrap();
        self.wait_until_gone();
        function
    }

    fn wait_until_gone(&self) {
        until("the system to notice that it left", || is_free(self.slot).then_some(()));
    }
}

impl<F> Drop for Plugged<F> {
    fn drop(&mut self) {
        let _ = self.wire.shutdown(Shutdown::Both);
    }
}

/// A gadget of this very kernel, bound to a controller `usbip-vudc`, at the end of a cable. It is pulled when this is dropped.
pub struct Cord([UnixStream; 2]);

/// Plugs the gadget at a controller, by its number, into a slot, from 0.
pub fn plug_gadget(controller: u8, slot: u8) -> Cord {
    until(&format!("slot {slot} to be free"), || is_free(slot).then_some(()));
    let (device, host) = UnixStream::pair().unwrap();
    let end = format!("/sys/devices/platform/usbip-vudc.{controller}/usbip_sockfd");
    // The last cable may hang there for a moment.
    until("the gadget's controller", || std::fs::write(&end, device.as_raw_fd().to_string()).ok());
    let line = format!("{slot} {} {} {HIGH_SPEED}", host.as_raw_fd(), u32::from(slot) + 1);
    std::fs::write(Path::new(VHCI).join("attach"), line).unwrap();
    Cord([device, host])
}

impl Drop for Cord {
    fn drop(&mut self) {
        for end in &self.0 {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// The kernel's name of the device in a slot: `1-1` for slot 0.
pub fn port(slot: u8) -> String {
    let controller = format!("/sys/devices/platform/vhci_hcd.{}", slot / SLOTS);
    let buses = std::fs::read_dir(controller).unwrap().flatten();
    // The controller has a bus for high speed and one for SuperSpeed; the first is the one.
    let bus =
        buses.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("usb")?.parse::<u16>().ok()).min();
    format!("{}-{}", bus.expect("modprobe vhci-hcd"), slot % SLOTS + 1)
}

/// Whether nothing is plugged into a slot, and the last thing that was is gone.
fn is_free(slot: u8) -> bool {
    const FREE: &str = "004";
    let status = match slot / SLOTS {
        0 => "status".to_owned(),
        controller => format!("status.{controller}"),
    };
    let status = std::fs::read_to_string(Path::new(VHCI).join(status)).unwrap();
    let mut lines = status.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|words| words.len() > 2 && words[1].parse() == Ok(u32::from(slot)));
    let gone = !Path::new("/sys/bus/usb/devices").join(port(slot)).exists();
    gone && line.is_some_and(|words| words[2] == FREE)
}

fn word(header: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(header[at..at + 4].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Answers until the device leaves or is unplugged.
fn serve<F: Function>(mut wire: UnixStream, mut function: F) -> F {
    let mut held = BTreeSet::new();
    let mut header = [0; HEADER];
    let mut buffer = Vec::new();
    while wire.read_exact(&mut header).is_ok() {
        let (command, number) = (word(&header, 0), word(&header, 4));
        if command == 2 {
            // CMD_UNLINK; -ECONNRESET for a transfer that was given up, 0 for one that was answered already.
            let status: i32 = if held.remove(&word(&header, 20)) { -104 } else { 0 };
            if answer(&mut wire, 4, number, status, 0, &[]).is_err() {
                break;
            }
            continue;
        }
        let (into_host, endpoint, length) =
            (word(&header, 12) == 1, word(&header, 16) as u8, word(&header, 24));
        let expected = if into_host { 0 } else { length as usize };
        buffer.resize(expected.max(buffer.len()), 0);
        let data = &mut buffer[..expected];
        if wire.read_exact(data).is_err() {
            break;
        }
        let setup = Setup {
            kind: header[40],
            request: header[41],
            value: half(&header, 42),
            index: half(&header, 44),
            length: half(&header, 46),
        };
        let reply = match endpoint {
            0 => standard(&function, setup).unwrap_or_else(|| function.control(setup, data)),
            _ if into_host => Reply::Never,
            _ => function.out(endpoint, data),
        };
        let leaves = matches!(reply, Reply::Leave | Reply::DataThenLeave(_));
        if let Reply::DataThenLeaveAfter(_, time) = reply
            && let Ok(wire) = wire.try_clone()
        {
            std::thread::spawn(move || {
                super::pause(time);
                let _ = wire.shutdown(Shutdown::Both);
            });
        }
        let result = match reply {
            Reply::Data(mut bytes)
            | Reply::DataThenLeave(mut bytes)
            | Reply::DataThenLeaveAfter(mut bytes, _) => {
                bytes.truncate(length as usize);
                let count = if into_host { bytes.len() } else { expected };
                answer(&mut wire, 3, number, 0, count, if into_host { &bytes } else { &[] })
            }
            // -EPIPE
            Reply::Stall => answer(&mut wire, 3, number, -32, 0, &[]),
            Reply::Never => {
                held.insert(number);
                Ok(())
            }
            Reply::Leave => Ok(()),
        };
        if leaves || result.is_err() {
            break;
        }
    }
    // The kernel notices the closed socket and takes the device off its bus.
    let _ = wire.shutdown(Shutdown::Both);
    function
}

fn answer(
    wire: &mut UnixStream,
    command: u32,
    number: u32,
    status: i32,
    count: usize,
    data: &[u8],
) -> std::io::Result<()> {
    let mut bytes = vec![0; HEADER];
    bytes[0..4].copy_from_slice(&command.to_be_bytes());
    bytes[4..8].copy_from_slice(&number.to_be_bytes());
    bytes[20..24].copy_from_slice(&status.to_be_bytes());
    bytes[24..28].copy_from_slice(&(count as u32).to_be_bytes());
    bytes.extend_from_slice(data);
    wire.write_all(&bytes)
}

/// The standard requests that every device answers alike (USB 2.0, table 9-3).
fn standard(function: &impl Function, setup: Setup) -> Option<Reply> {
    let data = match (setup.kind, setup.request) {
        // GET_DESCRIPTOR
        (0x80, 6) => match (setup.value >> 8, setup.value & 0xff) {
            (1, _) => function.device().to_vec(),
            (2, _) => function.configuration(),
            (3, 0) => vec![4, 3, 9, 4],
            (3, index) => {
                let Some(text) = function.strings().get(usize::from(index) - 1).cloned() else {
                    return Some(Reply::Stall);
                };
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                [&[units.len() as u8 + 2, 3], &units[..]].concat()
            }
            _ => return Some(Reply::Stall),
        },
        // GET_STATUS
        (0x80..=0x82, 0) => vec![0, 0],
        // SET_ADDRESS, SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE
        (0x00, 5 | 9) | (0x01, 11) | (0x00..=0x02, 1) if setup.length == 0 && setup.kind != 0x40 => {
            Vec::new()
        }
        _ => return None,
    };
    Some(Reply::Data(data))
}
