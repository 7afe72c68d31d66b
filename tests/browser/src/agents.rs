//! Real agents with files as disks.

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
        let child = spawn(&args);
        Self { child, args }
    }

    /// The same board starts again, once it has ended.
    #[allow(dead_code, reason = "a board that starts again")]
    pub(crate) fn again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.args);
    }

    /// What is on its disk.
    pub(crate) fn disk(&self) -> Vec<u8> {
        std::fs::read(&self.args[3]).unwrap()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
