//! The virtual machine from within: its log, its files, its udev, and piprov installed in it.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};

/// The log's lines since the last look that took them.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Listens where the system's log would.
fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let socket = UnixDatagram::bind("/dev/log").unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                LINES.lock().unwrap().push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        });
    });
}

/// What is in the log.
pub fn log() -> Vec<String> {
    LINES.lock().unwrap().clone()
}

/// Runs a command that must succeed, and gives what it printed.
pub fn run(line: &str) -> String {
    let output = Command::new("bash").args(["-c", line]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{line}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// `piprov` with arguments.
pub fn piprov(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_piprov")).args(arguments).output().unwrap()
}

/// The program as a unit can run it: units don't see what lies below /tmp and in homes, where this project may be.
fn program() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_piprov"));
    if !["/tmp", "/root", "/home"].iter().any(|hidden| built.starts_with(hidden)) {
        return built;
    }
    for file in [env!("CARGO_BIN_EXE_piprov"), env!("CARGO_BIN_EXE_piprov-udev")] {
        run(&format!("cp -n {file} /usr/local/bin/"));
    }
    PathBuf::from("/usr/local/bin/piprov")
}

/// Puts units, the program and the user where the package has them.
pub fn install_units(names: &[&str]) {
    let top = env!("CARGO_MANIFEST_DIR");
    run(&format!(
        "ln -sf {} /usr/bin/piprov; systemd-sysusers {top}/packaging/piprov.sysusers",
        program().display()
    ));
    run("install -d -m 755 /var/lib/piprov");
    for name in names {
        run(&format!("cp {top}/systemd/{name} /etc/systemd/system/"));
    }
    run("systemctl daemon-reload");
}

/// Waits until udev has nothing more to do.
pub fn settle() {
    run("udevadm settle");
}

/// A place to boot boards from, in the machine's own /srv, with udev rules and helper installed as a person does it.
pub struct LiveTree;

impl LiveTree {
    /// Fresh, with these clients' directories, each with a config.txt that names it.
    pub fn new(clients: &[&str]) -> Self {
        listen();
        run(
            "modprobe vhci-hcd && rm -rf /srv/usbboot /run/piprov && mkdir -p /srv/usbboot/{live,clients/1ststage}",
        );
        LINES.lock().unwrap().clear();
        let tree = Self;
        for client in clients {
            std::fs::create_dir_all(tree.client(client)).unwrap();
            std::fs::write(tree.client(client).join("config.txt"), client).unwrap();
            std::fs::write(tree.client(client).join("cmdline.txt"), client).unwrap();
        }
        // Once is enough, unless a scenario has taken the rules away.
        if !Path::new("/etc/udev/rules.d/60-piprov.rules").exists() {
            let output = Command::new(program()).args(["udev", "install"]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        settle();
        tree
    }

    pub fn client(&self, name: &str) -> PathBuf {
        Path::new("/srv/usbboot/clients").join(name)
    }

    /// The client that a port is linked to.
    pub fn overlay(&self, port: &str) -> Option<String> {
        let target = std::fs::read_link(Path::new("/srv/usbboot/live").join(port)).ok()?;
        Some(target.strip_prefix("/srv/usbboot/clients").unwrap().to_str().unwrap().to_owned())
    }

    /// Whether the log has a line with all these words.
    pub fn logged(&self, words: &[&str]) -> bool {
        log().iter().any(|line| words.iter().all(|word| line.contains(word)))
    }
}
