//! TFTP servers that aren't ours, serving a directory on an address of the test's own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{need, path, room, shell, until};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes uploads, too.
    TftpdHpa,
    /// Serves only.
    Dnsmasq,
}

/// A running server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    address: Ipv4Addr,
    /// What it serves.
    pub(crate) root: PathBuf,
}

impl Server {
    /// Starts one that serves `dir`, as a user that owns nothing in it where that is possible.
    pub(crate) fn start(kind: Kind, dir: &Path, address: Ipv4Addr) -> Self {
        need("curl", "curl");
        // tempfile's directories are for their owner only.
        shell(&format!("mkdir -p {0}/tftp; chmod 755 {0} {0}/tftp", dir.display()));
        let root = dir.join("tftp");
        // In a user namespace of its own there is only root, who is nobody outside.
        let user = if rustix::process::geteuid().is_root() { "nobody" } else { "root" };
        let mut command = match kind {
            Kind::TftpdHpa => {
                need("in.tftpd", "tftpd-hpa");
                let mut command = room::command("in.tftpd");
                command.args(["--foreground", "--create", "--address", &format!("{address}:69")]);
                command.args(["--user", user, "--secure"]).arg(&root);
                command
            }
            Kind::Dnsmasq => {
                need("dnsmasq", "dnsmasq-base");
                let mut command = room::command("dnsmasq");
                command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--port=0"]);
                command.args(["--enable-tftp", "--bind-interfaces", &format!("--listen-address={address}")]);
                command.arg(format!("--tftp-root={}", root.display())).arg(format!("--user={user}"));
                // To standard error, which goes nowhere. Never a device: dnsmasq changes the owner and mode of a log file.
                command.arg("--log-facility=-");
                command
            }
        };
        let child = command.env("PATH", path()).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child, address, root };
        std::fs::write(server.root.join("ready"), "yes").unwrap();
        until("the TFTP server's first answer", || server.get("ready"));
        std::fs::remove_file(server.root.join("ready")).unwrap();
        // dnsmasq gives the file that it logs to to its user; were that a device, nobody else could write to it.
        let null = rustix::fs::stat("/dev/null").unwrap();
        assert_eq!(null.st_mode & 0o666, 0o666, "something closed /dev/null: chmod 666 /dev/null");
        server
    }

    /// Fetches a file; `None` where the server hasn't got it.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        let output = self.curl(path).output().unwrap();
        output.status.success().then_some(output.stdout)
    }

    /// Uploads a file; says whether the server took it.
    pub(crate) fn put(&self, path: &str, file: &Path) -> bool {
        self.curl(path).arg("--upload-file").arg(file).status().unwrap().success()
    }

    fn curl(&self, path: &str) -> Command {
        let mut command = room::command("curl");
        command.args(["--silent", "--max-time", "60", "--tftp-blksize", "1468"]);
        command.arg(format!("tftp://{}/{path}", self.address));
        command
    }

    /// What lies in the served directory, by its paths.
    pub(crate) fn files(&self) -> Vec<String> {
        let found = shell(&format!("cd {} && find . -mindepth 1 | sort", self.root.display()));
        found.lines().map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
