//! A network with `piprov netboot serve` on the host `ours`, and a TFTP tree.
#![allow(dead_code, reason = "every test program uses another part of it")]

pub(crate) mod station;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use piprov::run::Record;
use piprov::run::ledger::Ledger;
use piprov::stop::Stop;
use serde_json::Value;

use super::dhcp_support::Lan;
use super::netboot_model::{Board, File};

/// The network and the directories.
pub(crate) struct Net {
    pub(crate) lan: Lan,
    pub(crate) root: PathBuf,
    pub(crate) state: PathBuf,
    /// Where the runs' records are, in `runs` below it.
    pub(crate) records: PathBuf,
    /// Where boards are handed over, where that is what it is about.
    pub(crate) control: Option<PathBuf>,
}

impl Net {
    pub(crate) fn new() -> Self {
        let lan = Lan::new();
        let (root, state) = (lan.dir.path().join("tftp"), lan.dir.path().join("netboot"));
        let records = lan.dir.path().join("piprov");
        std::fs::create_dir_all(&root).unwrap();
        Self { lan, root, state, records, control: None }
    }

    /// The records of all boots, the oldest first.
    pub(crate) fn boots(&self) -> Vec<Record> {
        let (records, left_out) = Ledger::open(&self.records).unwrap().records().unwrap().read();
        assert_eq!(left_out, 0);
        records
    }

    /// The records of a board's boots.
    pub(crate) fn boots_of(&self, board: &Board) -> Vec<Record> {
        let mac = piprov::board::Mac::new(board.mac);
        self.boots().into_iter().filter(|record| record.board.mac == Some(mac)).collect()
    }

    /// Starts `piprov netboot serve`, and waits until it serves.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Program {
        self.serve_on("eth0", arguments)
    }

    /// The same on an interface with another name.
    pub(crate) fn serve_on(&self, interface: &str, arguments: &[&str]) -> Program {
        let (root, state) = (self.root.to_str().unwrap(), self.state.to_str().unwrap());
        let mut all =
            vec!["netboot", "serve", "--interface", interface, "--tftp-root", root, "--state", state];
        all.extend(arguments);
        let program = self.start("ours", &all);
        program.until("it serves", |event| event["event"] == "serving");
        program
    }

    /// Starts `piprov` on a host, with `--json`.
    pub(crate) fn start(&self, host: &str, arguments: &[&str]) -> Program {
        let mut command = self.lan.command(host, env!("CARGO_BIN_EXE_piprov"));
        super::common::clean(&mut command);
        command.env("PIPROV_STATE_DIR", &self.records);
        command.envs(self.control.iter().map(|path| ("PIPROV_CONTROL_SOCKET", path)));
        command
            .args(arguments)
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Program::new(command.spawn().unwrap())
    }
}

/// A run of `piprov … --json`.
pub(crate) struct Program {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
    readers: Vec<JoinHandle<()>>,
    errors: Arc<Mutex<String>>,
}

impl Program {
    /// Starts a command that prints such lines.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Its exit code and what it said, if it has ended.
    pub(crate) fn ended(mut self) -> Option<(i32, String)> {
        let status = self.child.try_wait().unwrap()?;
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let said = self.errors.lock().unwrap().clone();
        Some((status.code().unwrap_or(-1), said))
    }

    fn new(mut child: Child) -> Self {
        let (out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let errors: Arc<Mutex<String>> = Arc::default();
        let (list, text) = (Arc::clone(&events), Arc::clone(&errors));
        let out = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let event: Value =
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                crate::documented::check(&event);
                list.lock().unwrap().push(event);
            }
        });
        let err = std::thread::spawn(move || {
            let mut buffer = String::new();
            let _ = err.read_to_string(&mut buffer);
            *text.lock().unwrap() = buffer;
        });
        Self { child, events, readers: vec![out, err], errors }
    }

    pub(crate) fn told(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has told something.
    pub(crate) fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(40);
        let never = Stop::new().unwrap();
        loop {
            let events = self.told();
            if let Some(found) = events.iter().find(|event| is(event)) {
                return found.clone();
            }
            let over = Instant::now() > deadline || self.readers.iter().all(JoinHandle::is_finished);
            assert!(!over, "{what}: not told, but {events:#?}\n{}", self.errors.lock().unwrap());
            let _ = never.wait(Duration::from_millis(10));
        }
    }

    /// Ctrl-C, and all that it has told.
    pub(crate) fn end(mut self) -> Vec<Value> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        assert!(status.success(), "{status}: {}", self.errors.lock().unwrap());
        self.told()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.told()
    }

    /// Waits for its own end, two minutes at most: the exit code, what it told, and what it said.
    pub(crate) fn wait(mut self) -> (Option<i32>, Vec<Value>, String) {
        let end = Instant::now() + Duration::from_secs(120);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let said = || self.errors.lock().unwrap().clone();
            assert!(Instant::now() < end, "it doesn't end: {:#?}\n{}", self.told(), said());
            std::thread::park_timeout(Duration::from_millis(20));
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status.code(), self.told(), self.errors.lock().unwrap().clone())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Boot files for every board, each with its name as content, a kernel of some size.
pub(crate) fn tree(dir: &Path, mark: &str) {
    let large = ["start.elf", "start4.elf", "kernel8.img", "kernel_2712.img", "initramfs8"];
    let files = [
        "bootcode.bin",
        "start.elf",
        "fixup.dat",
        "start4.elf",
        "fixup4.dat",
        "config.txt",
        "cmdline.txt",
        "kernel8.img",
        "kernel_2712.img",
        "initramfs8",
        "bcm2710-rpi-3-b.dtb",
        "bcm2710-rpi-3-b-plus.dtb",
        "bcm2711-rpi-4-b.dtb",
        "bcm2711-rpi-cm4.dtb",
        "bcm2712-rpi-5-b.dtb",
        "overlays/overlay_map.dtb",
        "overlays/vc4-kms-v3d.dtbo",
    ];
    for file in files {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = format!("{mark}/{file}\n").into_bytes();
        if large.contains(&file) {
            // Not a multiple of any block size, and one that is.
            text.resize(if file == "start4.elf" { 1468 * 100 } else { 300_001 }, b'x');
        }
        std::fs::write(path, text).unwrap();
    }
}

/// A board's MAC address as it is written.
pub(crate) fn mac(board: &Board) -> String {
    piprov::board::Mac::new(board.mac).to_string()
}

/// It got to its kernel.
pub(crate) fn boots(board: &Board) {
    assert_eq!(board.end, Some(Ok(())), "{:?} {}:\n{}", board.kind, mac(board), board.log.join("\n"));
}

/// Its files, with their first lines.
pub(crate) fn files_of(board: &Board) -> Vec<(String, String)> {
    let first = |file: &File| match file {
        File::Bytes(bytes) => {
            String::from_utf8_lossy(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default())
                .into_owned()
        }
        File::Length(len) => len.to_string(),
    };
    board.files.iter().map(|(path, file)| (path.clone(), first(file))).collect()
}
