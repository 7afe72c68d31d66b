//! udev's environment, as a board's descriptors and anything else may have filled it: nothing panics, nothing is made
//! but links named like ports, and nothing that a terminal or a log would obey is logged.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use piprov::board::PortPath;
use piprov::live::Tree;
use piprov::live::event::{Event, Source};
use piprov::live::handle::Helper;
use piprov::live::journal::send;
use piprov::live::record::Records;
use piprov::live::tell::Told;

struct Host {
    dir: PathBuf,
    log: UnixDatagram,
}

/// A host of this process's own, with a first stage and a few clients.
fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let dir = base.join(format!("piprov-fuzz-udev-{}", std::process::id()));
        for name in ["live", "clients/1ststage", "clients/by-serial/a", "clients/secret", "run", "sys"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        for name in ["1ststage/config.txt", "by-serial/a/kernel.img", "secret/kernel.img"] {
            std::fs::write(dir.join("clients").join(name), "").unwrap();
        }
        let log = UnixDatagram::bind(dir.join("log")).unwrap();
        Host { dir, log }
    })
}

const NAMES: [&str; 8] =
    ["ACTION", "SUBSYSTEM", "DEVPATH", "DEVNAME", "DEVTYPE", "PRODUCT", "ID_SERIAL_SHORT", "config.txt"];

fuzz_target!(|bytes: &[u8]| {
    let Host { dir, log } = host();
    // Lines as udev would set them; what isn't given is what makes an event of it.
    let mut env: HashMap<&str, String> = HashMap::from([
        ("ACTION", "add".to_owned()),
        ("SUBSYSTEM", "tty".to_owned()),
        ("DEVPATH", "/devices/usb1/1-1/1-1:1.0/tty/ttyACM0".to_owned()),
        ("DEVNAME", "/dev/ttyACM0".to_owned()),
        ("DEVTYPE", "usb_device".to_owned()),
        ("PRODUCT", "a5c/2763/0".to_owned()),
        ("ID_SERIAL_SHORT", "a".to_owned()),
    ]);
    for part in bytes.split(|byte| *byte == 0) {
        let Some((which, value)) = part.split_first() else { continue };
        let name = NAMES[usize::from(*which) % NAMES.len()];
        env.insert(name, String::from_utf8_lossy(value).into_owned());
    }
    std::fs::write(dir.join("clients/by-serial/a/config.txt"), env.get("config.txt").map_or("", String::as_str))
        .unwrap();
    let variable = |name: &str| env.get(name).cloned();
    let source = Source { env: &variable, sys: &dir.join("sys"), gadget: (0xf055, 0xb007) };
    let said = RefCell::new(Vec::new());
    let tree = Tree::new(&dir.join("live"), &dir.join("clients")).unwrap();
    let records = Records::new(&dir.join("run"));
    match source.event() {
        Ok(event) => {
            let port = match &event {
                Event::SerialPort { port, .. } | Event::Device { port, .. } => Some(*port),
                Event::Nothing => None,
            };
            let helper = Helper {
                tree: &tree,
                records: &records,
                window: Duration::from_secs(15),
                log: &|level, text| said.borrow_mut().push((level, text.to_owned())),
                tell: &|tty, _| {
                    assert!(tty.is_absolute());
                    Ok(if bytes.len() % 2 == 0 { Told::Taken } else { Told::NotYet })
                },
            };
            helper.handle(event).unwrap();
            for entry in std::fs::read_dir(dir.join("live")).unwrap().flatten() {
                let name: PortPath = entry.file_name().to_str().unwrap().parse().unwrap();
                assert_eq!(Some(name), port);
                let target = std::fs::read_link(entry.path()).unwrap();
                assert_eq!(target, dir.join("clients/by-serial/a"));
                std::fs::remove_file(entry.path()).unwrap();
            }
            if let Some(port) = port
                && let Some(locked) = records.lock_known(port, Duration::from_secs(5)).unwrap()
            {
                assert!(locked.read().is_some(), "what was noted can be read");
                locked.forget().unwrap();
                records.clear_due(port);
            }
        }
        Err(error) => said.borrow_mut().push((piprov::live::journal::Level::Error, error.to_string())),
    }
    for (level, text) in said.into_inner() {
        let text: String = text.chars().take(8000).collect();
        send(&dir.join("log"), "piprov-udev", level, &text).unwrap();
        let mut line = vec![0; 1 << 17];
        let count = log.recv(&mut line).unwrap();
        let line = std::str::from_utf8(&line[..count]).unwrap();
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
});
