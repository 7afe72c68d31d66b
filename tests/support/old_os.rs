//! A board that runs the old utility OS, as far as the station sees it: busybox's shell runs what one address gives, and finds
//! `/dev/mmcblk0`, curl and the few programs that this OS has. Nothing else of the host is in its path.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What busybox runs on the host, in namespaces of its own: a /dev with this disk, and a script that is fetched.
const START: &str = r#"
set -e
unset START BUSYBOX
for file in null zero urandom; do touch "$ROOM/dev/$file"; mount --bind "/dev/$file" "$ROOM/dev/$file"; done
mount --rbind "$ROOM/dev" /dev
cd "$ROOM"
PATH=$ROOM/bin
export PATH TMPDIR="$ROOM/tmp"
script=$(mktemp)
curl -g --retry 10 --retry-connrefused -s -o "$script" "$URL" 2>/dev/null
cp "$script" "$ROOM/started"
exec "$ROOM/bin/sh" "$script"
"#;

/// The first of its processes: with it all the others go, as with the power, whatever sessions they have made.
const FIRST: &str = r#""$BUSYBOX" sh -c "$START" & wait"#;

/// A board.
pub(crate) struct OldOs {
    room: PathBuf,
    child: Option<Child>,
}

fn bin_of(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: apt-get install {name}"))
}

impl OldOs {
    /// One whose things lie in `room`, with a disk of this length that has something on it.
    pub(crate) fn new(room: &Path, disk: usize) -> Self {
        for dir in ["bin", "dev", "tmp"] {
            fs::create_dir_all(room.join(dir)).unwrap();
        }
        let board = Self { room: room.to_owned(), child: None };
        let bin = room.join("bin");
        assert!(Command::new("busybox").args(["--install", "-s"]).arg(&bin).status().unwrap().success());
        // What would reach the host itself.
        for name in ["reboot", "poweroff", "halt", "init", "mount", "umount", "wget", "nc"] {
            let _ = fs::remove_file(bin.join(name));
        }
        symlink(bin_of("curl"), bin.join("curl")).unwrap();
        board.program("reboot", "echo reboot >>\"$ROOM/ends\"; kill -KILL $PPID");
        board.program("poweroff", "echo poweroff >>\"$ROOM/ends\"; kill -KILL $PPID");
        board.program(
            "vcgencmd",
            "case $1 in measure_temp) echo \"temp=51.5'C\" ;; bootloader_version) printf 'version 0a7ef05f (release)\\ntimestamp 1673458852\\n' ;; esac",
        );
        // The chip of a CM4, as a file.
        board.program(
            "flashrom",
            "case $3 in -r) cp \"$ROOM/chip\" \"$4\" ;; -w) cp \"$4\" \"$ROOM/chip\" ;; *) exit 1 ;; esac",
        );
        fs::write(room.join("chip"), vec![0xff; 512 << 10]).unwrap();
        fs::write(board.disk(), vec![0xaa; disk]).unwrap();
        symlink(board.disk(), room.join("dev/mmcblk0")).unwrap();
        board
    }

    pub(crate) fn disk(&self) -> PathBuf {
        self.room.join("disk")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.room.join(name)
    }

    /// Puts a program of its own onto the board.
    pub(crate) fn program(&self, name: &str, text: &str) {
        let path = self.room.join("bin").join(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!{}/bin/sh\n{text}\n", self.room.display())).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// It gets power, and asks this address.
    pub(crate) fn start(&mut self, url: &str) {
        self.power_off();
        let log = fs::File::options().create(true).append(true).open(self.room.join("console")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["-m", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
        command.arg(bin_of("busybox")).args(["sh", "-c", FIRST]);
        command.env("BUSYBOX", bin_of("busybox")).env("START", START);
        command.env("ROOM", &self.room).env("URL", url).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        self.child = Some(command.spawn().unwrap());
    }

    /// It loses its power, in the middle of whatever it does.
    pub(crate) fn power_off(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            child.wait().unwrap();
        }
    }

    /// What its screen shows.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.room.join("console")).unwrap_or_default()).into_owned()
    }
}

impl Drop for OldOs {
    fn drop(&mut self) {
        self.power_off();
    }
}

/// What a CM4 with 8 GB of eMMC asks for, as the OS puts it together.
pub(crate) fn question(serial: &str, sectors: usize) -> String {
    format!(
        "/scriptexecute?serial={serial}&model=Raspberry+Pi+Compute+Module+4+Rev+1.0&storagesize={sectors}\
         &mac=dc:a6:32:01:02:03&inversejumper=100&memorysize=1892576&temp=48.3'C\
         &cid=150100424a54443452079a3ef0d2b1a7&csd=d02701320f5903fff6dbffef8e40400d&bootmode=2"
    )
}
