//! Real agents with files as disks, and the network through which they get their chunks.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::cutting::{Cutting, Fate};
use crate::faulty::Faulty;
use crate::station::Station;

/// A network that lets chunks through as a test wants it, so that a board stands in the middle of its work while
/// somebody looks.
pub(crate) struct Line {
    network: Cutting,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// How many chunks were asked for, and how many may pass.
    chunks: Mutex<(u64, u64)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until one more may pass. Nobody waits for ever, also where a test has failed.
    fn pass(&self) {
        let mut chunks = self.chunks.lock().unwrap();
        chunks.0 += 1;
        let mine = chunks.0;
        drop(
            self.changed
                .wait_timeout_while(chunks, Duration::from_secs(100), |(_, may)| mine > *may)
                .unwrap(),
        );
    }
}

impl Line {
    /// One through which this many chunks pass.
    pub(crate) fn of(station: &Station, chunks: u64) -> Self {
        let gate = Arc::<Gate>::default();
        gate.chunks.lock().unwrap().1 = chunks;
        let own = Arc::clone(&gate);
        let network = Cutting::to(station.address, move |_, head| {
            if head.starts_with("GET ") && head.lines().next().unwrap().contains("/chunks/") {
                own.pass();
            }
            Fate::Whole
        });
        Self { network, gate }
    }

    /// So many more may pass.
    pub(crate) fn more(&self, chunks: u64) {
        self.gate.chunks.lock().unwrap().1 += chunks;
        self.gate.changed.notify_all();
    }

    /// All may pass.
    pub(crate) fn open(&self) {
        self.more(1 << 40);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.open();
    }
}

/// An agent.
pub(crate) struct Agent {
    child: Child,
    args: Vec<String>,
}

impl Agent {
    /// Starts one with a disk of this size.
    pub(crate) fn start(station: &Station, dir: &Path, n: u32, size: u64) -> Self {
        Self::with(&format!("http://{}", station.address), dir, n, size)
    }

    /// The same, and it runs the scripts of its jobs, on this host.
    pub(crate) fn with_scripts(station: &Station, dir: &Path, n: u32, size: u64) -> Self {
        let disk = empty(dir, n, size);
        Self::begun(&format!("http://{}", station.address), dir, n, &disk, &["--run-scripts"])
    }

    /// The same, behind such a network.
    pub(crate) fn behind(line: &Line, dir: &Path, n: u32, size: u64) -> Self {
        Self::with(&line.network.url(), dir, n, size)
    }

    fn with(url: &str, dir: &Path, n: u32, size: u64) -> Self {
        Self::on(url, dir, n, &empty(dir, n, size))
    }

    /// Starts one whose disk misbehaves.
    pub(crate) fn worn(station: &Station, dir: &Path, n: u32, disk: &Faulty) -> Self {
        Self::on(&format!("http://{}", station.address), dir, n, &disk.path)
    }

    fn on(url: &str, dir: &Path, n: u32, disk: &Path) -> Self {
        Self::begun(url, dir, n, disk, &[])
    }

    fn begun(url: &str, dir: &Path, n: u32, disk: &Path, more: &[&str]) -> Self {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut args = vec![
            "--station".to_owned(),
            url.to_owned(),
            "--disk".to_owned(),
            text(disk),
            "--serial".to_owned(),
            format!("10000000000000a{n}"),
            "--key".to_owned(),
            text(&dir.join(format!("key{n}"))),
        ];
        args.extend(more.iter().map(|more| (*more).to_owned()));
        Self { child: spawn(&args), args }
    }

    /// The same board starts again.
    pub(crate) fn again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.args);
    }

    /// What is on its disk.
    pub(crate) fn disk(&self) -> Vec<u8> {
        std::fs::read(&self.args[3]).unwrap()
    }

    /// Writes something else over its beginning.
    pub(crate) fn spoil(&self) {
        let disk = std::fs::OpenOptions::new().write(true).open(&self.args[3]).unwrap();
        disk.write_all_at(&vec![0xa5; 1 << 20], 0).unwrap();
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that stands for an empty disk.
fn empty(dir: &Path, n: u32, size: u64) -> PathBuf {
    let disk = dir.join(format!("disk{n}"));
    std::fs::File::create(&disk).unwrap().set_len(size).unwrap();
    disk
}

fn spawn(args: &[String]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov-agent"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}
