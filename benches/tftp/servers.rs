//! The servers that are compared, and how each is started.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::ground::Net;

/// One server.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    program: PathBuf,
    args: fn(&str) -> Vec<String>,
}

fn words(text: &str, root: &str) -> Vec<String> {
    text.split(' ').map(|word| word.replace("ROOT", root)).collect()
}

/// All of them, or the command that installs what is missing.
pub(crate) fn all() -> Vec<Server> {
    let piprov = Server {
        name: "piprov",
        program: env!("CARGO_BIN_EXE_piprov").into(),
        args: |root| words("tftp --root ROOT --listen 0.0.0.0:69 --quiet", root),
    };
    let mut missing = Vec::new();
    let mut other = |name, package, program, args| match find(program) {
        Some(program) => Some(Server { name, program, args }),
        None => {
            missing.push(package);
            None
        }
    };
    let others = [
        other("tftpd-hpa", "tftpd-hpa", "in.tftpd", |root| {
            words("-L --address 0.0.0.0:69 -s ROOT -u nobody", root)
        }),
        other("atftpd", "atftpd", "atftpd", |root| {
            words(
                "--daemon --no-fork --port 69 --bind-address 0.0.0.0 --user nobody --verbose=0 --maxthread 400 ROOT",
                root,
            )
        }),
        other("dnsmasq", "dnsmasq-base", "dnsmasq", |root| {
            words(
                "-k -C /dev/null --port=0 --enable-tftp --tftp-root=ROOT --tftp-max=400 --user=root --pid-file=",
                root,
            )
        }),
    ];
    assert!(
        missing.is_empty(),
        "missing: sudo apt-get install --yes --no-install-recommends {}",
        missing.join(" ")
    );
    let only = std::env::var("PIPROV_BENCH_ONLY").unwrap_or_default();
    let wanted = |server: &Server| only.is_empty() || only.split(',').any(|name| name == server.name);
    std::iter::once(piprov).chain(others.into_iter().flatten()).filter(wanted).collect()
}

/// Looks in PATH, and where daemons are installed.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|path| path.exists())
}

impl Server {
    pub(crate) fn start(&self, net: &Net, root: &Path) -> Child {
        let root = root.to_str().expect("the temporary folder has a plain name");
        let mut command: Command = Net::command(&net.server, &self.program);
        command.args((self.args)(root)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the server starts")
    }
}
