//! Real agents with files as disks.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::station::Station;

/// An agent.
pub(crate) struct Agent {
    child: Child,
    args: Vec<String>,
}

impl Agent {
    /// Starts one with a disk of this size.
    pub(crate) fn start(station: &Station, dir: &Path, n: u32, size: u64) -> Self {
        Self::with(station, dir, n, size, None)
    }

    /// Starts one whose disk says no to what is written behind so many bytes.
    pub(crate) fn worn(station: &Station, dir: &Path, n: u32, size: u64, good: u64) -> Self {
        Self::with(station, dir, n, size, Some(good))
    }

    fn with(station: &Station, dir: &Path, n: u32, size: u64, good: Option<u64>) -> Self {
        let disk = dir.join(format!("disk{n}"));
        std::fs::File::create(&disk).unwrap().set_len(size).unwrap();
        let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
        let args = vec![
            "--station".to_owned(),
            format!("http://{}", station.address),
            "--disk".to_owned(),
            text(disk),
            "--serial".to_owned(),
            format!("10000000000000a{n}"),
            "--key".to_owned(),
            text(dir.join(format!("key{n}"))),
        ];
        let child = spawn(&args, good);
        Self { child, args }
    }

    /// The same board starts again, with a disk that is whole.
    pub(crate) fn again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.args, None);
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

fn spawn(args: &[String], good: Option<u64>) -> Child {
    let program = env!("CARGO_BIN_EXE_piprov-agent");
    let mut command = Command::new("sh");
    match good {
        // A write behind the limit fails as one of a medium that is worn out.
        Some(good) => {
            let limit = format!("trap '' XFSZ; exec prlimit --fsize={good} \"$0\" \"$@\"");
            command.args(["-c", &limit, program])
        }
        None => command.args(["-c", "exec \"$0\" \"$@\"", program]),
    };
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}
