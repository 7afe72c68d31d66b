//! What is measured on: images of this system's files, a loop device, a server of files, a station.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::ext4::{image, zeros};
use crate::common::shell;
use crate::common::station::{Process, Station};

/// Room on a disk behind the image.
const MORE: u64 = 8 << 20;
/// What is on a disk before.
const OTHER: u8 = 0xa5;

pub(crate) struct Ground {
    pub(crate) dir: PathBuf,
    pub(crate) disks: PathBuf,
    /// Length of the raw image in bytes.
    pub(crate) len: u64,
    /// How much of it is zero.
    pub(crate) zeros: f64,
    pub(crate) level: String,
    pub(crate) looped: String,
    pub(crate) nginx: Process,
    /// Where nginx serves `dir`.
    pub(crate) web: String,
    pub(crate) station: Station,
}

impl Ground {
    pub(crate) fn make(dir: PathBuf, disks: PathBuf, mib: u64) -> Self {
        let _ = (fs::remove_dir_all(&dir), fs::remove_dir_all(&disks));
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all(&disks).unwrap();
        let level = std::env::var("PIPROV_BENCH_XZ").unwrap_or_else(|_| "-3".to_owned());
        eprintln!("making an image of {mib} MiB");
        let xz = format!("xz {level} -T0 -c image");
        image(&dir, mib, &[&xz, "zstd -q -3 -T0 -c image", "bmaptool -q create image"]);
        let len = mib << 20;
        let looped = disks.join("looped");
        File::create(&looped).unwrap().set_len(len + MORE).unwrap();
        let out = Command::new("losetup").args(["-f", "--show"]).arg(&looped).output().unwrap();
        assert!(out.status.success(), "a loop device: {out:?}; this needs root");
        let looped = String::from_utf8(out.stdout).unwrap().trim().to_owned();
        let (nginx, web) = nginx(&dir);
        let station = Station::start(&dir.join("state"), "");
        let zeros = zeros(&dir.join("image"));
        let ground = Self { dir, disks, len, zeros, level, looped, nginx, web, station };
        ground.station.run(&["image", "add", &ground.path("image.zst"), "--name", "os"]);
        ground
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    pub(crate) fn packed(&self, name: &str) -> f64 {
        fs::metadata(self.dir.join(name)).unwrap().len() as f64 / f64::from(1 << 20)
    }

    /// A disk for a board, in a file.
    pub(crate) fn disk(&self, name: &str) -> PathBuf {
        let path = self.disks.join(name);
        File::create(&path).unwrap().set_len(self.len + MORE).unwrap();
        path
    }

    /// Something else comes onto the loop device.
    pub(crate) fn dirty(&self) {
        let mut file = File::options().write(true).open(self.disks.join("looped")).unwrap();
        let block = vec![OTHER; 1 << 20];
        for _ in 0..(self.len + MORE) >> 20 {
            file.write_all(&block).unwrap();
        }
        self.forget();
    }

    /// The loop device has nothing in its cache.
    pub(crate) fn forget(&self) {
        shell(&self.dir, &format!("sync; blockdev --flushbufs {}", self.looped));
    }

    /// A disk holds an image.
    pub(crate) fn same(&self, image: &str, disk: &str) {
        shell(&self.dir, &format!("cmp -n {} {image} {disk}", self.len));
    }

    /// Bytes that the station has sent to boards.
    pub(crate) fn sent(&self) -> f64 {
        let out =
            Command::new("curl").args(["-sS", &format!("{}/metrics", self.station.url)]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("piprov_sent_bytes_total "));
        line.unwrap_or_else(|| panic!("{text}")).rsplit(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.looped]).status();
        let _ = (fs::remove_dir_all(&self.disks), fs::remove_dir_all(&self.dir));
    }
}

/// nginx with one process, as Debian configures it otherwise: `sendfile`, no log.
fn nginx(dir: &Path) -> (Process, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;
         events {{ worker_connections 768; }}
         http {{ client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
             access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
             server {{ listen 127.0.0.1:{port}; root {}; }} }}",
        dir.display()
    );
    fs::write(dir.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("bash");
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/nginx/usr/sbin");
    let line = format!("PATH=$PATH:/usr/sbin:{tools} exec nginx -e stderr -p . -c nginx.conf");
    command.args(["-c", &line]).current_dir(dir).stdout(Stdio::null());
    command.stderr(File::create(dir.join("nginx.log")).unwrap());
    let process = Process::start(&mut command);
    let web = format!("http://127.0.0.1:{port}");
    shell(
        dir,
        &format!(
            "curl -sS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null {web}/image.bmap 2>/dev/null"
        ),
    );
    (process, web)
}
