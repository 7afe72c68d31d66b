//! What a board is, one after the other, while it boots over USB: boot ROM, second stage, first-stage gadget, and
//! something else in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::usbip::{Function, Reply, Setup, device_descriptor};

const BROADCOM: u16 = 0x0a5c;

/// A configuration with one interface of no class, bulk OUT 1 and bulk IN 2, as the boot ROM has it.
fn bulk_configuration() -> Vec<u8> {
    vec![
        9, 2, 32, 0, 1, 1, 0, 0xc0, 50, // configuration
        9, 4, 0, 0, 2, 0xff, 0, 0, 0, // interface
        7, 5, 0x01, 2, 0, 2, 0, // bulk OUT, 512 bytes
        7, 5, 0x82, 2, 0, 2, 0, // bulk IN
    ]
}

/// What some boot ROMs have: a disk without a medium first, then the interface for boot files.
fn two_interfaces() -> Vec<u8> {
    vec![
        9, 2, 55, 0, 2, 1, 0, 0xc0, 50, // configuration
        9, 4, 0, 0, 2, 8, 6, 0x50, 0, // mass storage, SCSI, bulk only
        7, 5, 0x01, 2, 0, 2, 0, // bulk OUT, 512 bytes
        7, 5, 0x82, 2, 0, 2, 0, // bulk IN
        9, 4, 1, 0, 2, 0xff, 0, 0, 0, // boot files
        7, 5, 0x03, 2, 0, 2, 0, // bulk OUT
        7, 5, 0x84, 2, 0, 2, 0, // bulk IN
    ]
}

/// The vendor request with which the host announces data, and how many bytes.
fn announced(setup: Setup) -> Option<usize> {
    (setup.kind == 0x40 && setup.request == 0)
        .then(|| usize::from(setup.value) | usize::from(setup.index) << 16)
}

/// A boot ROM that takes a bootcode and leaves.
pub struct Rom {
    pub product: u16,
    /// None for the chips that don't tell one.
    pub serial: Option<String>,
    /// The boot message, then the bootcode.
    pub got: Vec<Vec<u8>>,
    due: usize,
    /// Whether it shows a disk too.
    disk: bool,
}

impl Rom {
    pub fn new(product: u16, serial: Option<&str>) -> Self {
        Self { product, serial: serial.map(str::to_owned), got: Vec::new(), due: 0, disk: false }
    }

    /// One that shows a disk beside the interface for boot files.
    pub fn with_disk(product: u16) -> Self {
        Self { disk: true, ..Self::new(product, None) }
    }
}

impl Function for Rom {
    fn device(&self) -> [u8; 18] {
        device_descriptor(BROADCOM, self.product, [1, 2, if self.serial.is_some() { 3 } else { 0 }])
    }

    fn configuration(&self) -> Vec<u8> {
        if self.disk { two_interfaces() } else { bulk_configuration() }
    }

    fn strings(&self) -> Vec<String> {
        let mut strings = vec!["Broadcom".to_owned(), format!("BCM{:04x} Boot", self.product)];
        strings.extend(self.serial.clone());
        strings
    }

    fn control(&mut self, setup: Setup, _data: &[u8]) -> Reply {
        if let Some(length) = announced(setup) {
            self.due = length;
            self.got.push(Vec::new());
            return Reply::Data(Vec::new());
        }
        match (setup.kind, setup.request) {
            // The return code; then it starts what it got.
            (0xc0, 0) => Reply::DataThenLeave(vec![0; 4]),
            _ => Reply::Stall,
        }
    }

    fn out(&mut self, endpoint: u8, data: &[u8]) -> Reply {
        let wanted = if self.disk { 3 } else { 1 };
        let Some(got) = self.got.last_mut().filter(|_| endpoint == wanted && data.len() <= self.due) else {
            return Reply::Stall;
        };
        self.due -= data.len();
        got.extend_from_slice(data);
        Reply::Data(Vec::new())
    }
}

/// A second stage that asks for files, and leaves when it has asked for all.
pub struct Server {
    pub product: u16,
    /// The files to ask for, the next one last.
    asks: Vec<String>,
    /// Whether it asks for what config.txt names, and for which device tree beside that.
    tree: Option<String>,
    /// Whether it keeps what comes.
    keeps: bool,
    /// What came; `None` where there was no such file.
    pub got: BTreeMap<String, Option<Vec<u8>>>,
    /// The file whose length or contents are expected.
    current: Option<(String, bool)>,
    due: usize,
}

impl Server {
    pub fn new(product: u16, asks: &[&str]) -> Self {
        let asks = asks.iter().rev().map(|name| (*name).to_owned()).collect();
        Self { product, asks, tree: None, keeps: true, got: BTreeMap::new(), current: None, due: 0 }
    }

    /// One that throws away what comes: keeping it takes longer than sending it.
    pub fn forgetful(self) -> Self {
        Self { keeps: false, ..self }
    }

    /// One that reads config.txt, as the firmware does, and then asks for the command line, this device tree, and all that
    /// is named there for its board.
    pub fn of_board(self, tree: &str) -> Self {
        Self { tree: Some(tree.to_owned()), ..self }
    }

    /// A file has come to its end.
    fn has(&mut self, name: &str) {
        self.current = None;
        if let Some(tree) = self.tree.take_if(|_| name == "config.txt") {
            let config = self.got[name].clone().unwrap_or_default();
            let family = if self.product == 0x2711 { "[pi4]" } else { "[pi3]" };
            let named = named_by(&String::from_utf8(config).unwrap(), family);
            self.asks.splice(0..0, ["cmdline.txt".to_owned(), tree].into_iter().chain(named).rev());
        }
    }

    /// A message as the second stage sends it: a command and a name of up to 256 bytes.
    fn message(command: u32, name: &str) -> Vec<u8> {
        let mut message = vec![0; 260];
        message[..4].copy_from_slice(&command.to_le_bytes());
        message[4..4 + name.len()].copy_from_slice(name.as_bytes());
        message
    }
}

/// The files that a config.txt names for a board of this family (Raspberry Pi's documentation of config.txt).
fn named_by(config: &str, family: &str) -> Vec<String> {
    let mut is_meant = true;
    let mut named = Vec::new();
    for line in config.lines() {
        if line.starts_with('[') {
            is_meant = line == "[all]" || line == family;
        } else if !is_meant {
        } else if let Some(name) = line.strip_prefix("kernel=") {
            named.push(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("initramfs ") {
            named.extend(rest.split(' ').next().map(str::to_owned));
        } else if let Some(name) = line.strip_prefix("dtoverlay=") {
            named.push(format!("overlays/{name}.dtbo"));
        }
    }
    named
}

impl Function for Server {
    fn device(&self) -> [u8; 18] {
        device_descriptor(BROADCOM, self.product, [0, 2, 1])
    }

    fn configuration(&self) -> Vec<u8> {
        bulk_configuration()
    }

    fn strings(&self) -> Vec<String> {
        vec!["Broadcom".to_owned(), format!("BCM{:04x} Boot", self.product)]
    }

    fn control(&mut self, setup: Setup, _data: &[u8]) -> Reply {
        if let Some(length) = announced(setup) {
            let Some((name, contents)) = self.current.take() else { return Reply::Stall };
            self.due = 0;
            match (contents, length) {
                (false, 0) => {
                    self.got.insert(name, None);
                }
                (false, _) => self.current = Some((name, true)),
                (true, _) => {
                    self.due = length;
                    self.got.insert(name.clone(), Some(Vec::new()));
                    self.current = (length > 0).then_some((name, true));
                }
            }
            return Reply::Data(Vec::new());
        }
        if (setup.kind, setup.request) != (0xc0, 0) {
            return Reply::Stall;
        }
        if let Some((name, true)) = &self.current {
            return Reply::Data(Self::message(1, name));
        }
        match self.asks.pop() {
            Some(name) => {
                let message = Self::message(0, &name);
                self.current = Some((name, false));
                Reply::Data(message)
            }
            None => Reply::DataThenLeave(Self::message(2, "done")),
        }
    }

    fn out(&mut self, endpoint: u8, data: &[u8]) -> Reply {
        let Some((name, true)) = self.current.clone() else { return Reply::Stall };
        if endpoint != 1 || data.len() > self.due {
            return Reply::Stall;
        }
        self.due -= data.len();
        if let Some(Some(got)) = self.got.get_mut(&name).filter(|_| self.keeps) {
            got.extend_from_slice(data);
        }
        if self.due == 0 {
            self.has(&name);
        }
        Reply::Data(Vec::new())
    }
}

/// The first stage's gadget: a serial port (CDC ACM) that tells the serial number and takes commands.
pub struct FirstStage {
    pub serial: String,
    /// Whether it answers requests of the class. One that doesn't hangs a program that opens its serial port.
    pub deaf: bool,
    /// Set when one that is deaf is to begin to hear.
    pub awake: Arc<AtomicBool>,
    /// What was written to it.
    pub heard: Arc<Mutex<Vec<u8>>>,
    /// Whether it restarts when it is told to, and after which time; `None` where it leaves without an answer.
    pub obeys: Option<Option<Duration>>,
}

impl FirstStage {
    pub fn new(serial: &str) -> Self {
        Self {
            serial: serial.to_owned(),
            deaf: false,
            awake: Arc::default(),
            heard: Arc::default(),
            obeys: Some(Some(Duration::from_millis(400))),
        }
    }
}

impl Function for FirstStage {
    fn device(&self) -> [u8; 18] {
        let mut descriptor = device_descriptor(0xf055, 0xb007, [1, 2, 3]);
        // Communications.
        descriptor[4] = 2;
        descriptor
    }

    fn configuration(&self) -> Vec<u8> {
        vec![
            9, 2, 67, 0, 2, 1, 0, 0xc0, 50, // configuration
            9, 4, 0, 0, 1, 2, 2, 1, 0, // communications interface, abstract control model
            5, 0x24, 0, 0x10, 1, // header
            5, 0x24, 1, 0, 1, // call management
            4, 0x24, 2, 2, // abstract control: line coding and state
            5, 0x24, 6, 0, 1, // union
            7, 5, 0x81, 3, 16, 0, 9, // interrupt IN
            9, 4, 1, 0, 2, 10, 0, 0, 0, // data interface
            7, 5, 0x02, 2, 0, 2, 0, // bulk OUT
            7, 5, 0x83, 2, 0, 2, 0, // bulk IN
        ]
    }

    fn strings(&self) -> Vec<String> {
        vec!["piprov".to_owned(), "first stage".to_owned(), self.serial.clone()]
    }

    fn control(&mut self, setup: Setup, _data: &[u8]) -> Reply {
        if self.deaf && !self.awake.load(Ordering::Relaxed) {
            return Reply::Never;
        }
        match (setup.kind, setup.request) {
            // SET_LINE_CODING, SET_CONTROL_LINE_STATE (USB PSTN devices, table 13)
            (0x21, 0x20 | 0x22 | 0x23) => Reply::Data(Vec::new()),
            (0xa1, 0x21) => Reply::Data(vec![0x80, 0x25, 0, 0, 0, 0, 8]),
            _ => Reply::Stall,
        }
    }

    fn out(&mut self, _endpoint: u8, data: &[u8]) -> Reply {
        let mut heard = self.heard.lock().unwrap();
        heard.extend_from_slice(data);
        match self.obeys.filter(|_| heard.ends_with(b"\n")) {
            Some(None) => Reply::Leave,
            Some(Some(Duration::ZERO)) => Reply::DataThenLeave(Vec::new()),
            Some(Some(time)) => Reply::DataThenLeaveAfter(Vec::new(), time),
            None => Reply::Data(Vec::new()),
        }
    }
}

/// Any other device, such as what a board is when it has booted.
pub struct Other(pub u16, pub u16);

impl Function for Other {
    fn device(&self) -> [u8; 18] {
        device_descriptor(self.0, self.1, [1, 2, 0])
    }

    fn configuration(&self) -> Vec<u8> {
        bulk_configuration()
    }

    fn strings(&self) -> Vec<String> {
        vec!["some".to_owned(), "other".to_owned()]
    }

    fn control(&mut self, _setup: Setup, _data: &[u8]) -> Reply {
        Reply::Stall
    }

    fn out(&mut self, _endpoint: u8, _data: &[u8]) -> Reply {
        Reply::Stall
    }
}
