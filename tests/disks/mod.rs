//! Disk images in every packing, made by the tools that people make them with.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::piprov;

/// First byte of the first partition in [`Disk`]'s image.
pub(crate) const P1: usize = 2048 * 512;
/// First byte of the second.
pub(crate) const P2: usize = 4096 * 512;
/// The image's length: not a multiple of 512.
pub(crate) const LEN: usize = (6 << 20) + 100;

/// A directory of the test's own with an image `disk.img` in it: an MBR with two partitions, noise, a hole.
pub(crate) struct Disk {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) raw: Vec<u8>,
    before: Vec<(PathBuf, u64, i64, i64, Vec<u8>)>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("disk.img");
        let mut raw = noise(LEN);
        raw[..512].fill(0);
        // A stretch of zeros, like every image has.
        raw[3 << 20..4 << 20].fill(0);
        fs::write(&image, &raw).unwrap();
        let table =
            "label: dos\nlabel-id: 0x35c84628\nstart=2048,size=2048,type=c,bootable\nstart=4096,size=8000\n";
        pipe("sfdisk", "fdisk", &["-q", &image.display().to_string()], table.as_bytes());
        let raw = fs::read(image).unwrap();
        Self { dir, raw, before: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs piprov in the directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::new(piprov().current_dir(self.dir.path()).args(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs piprov in the directory, with a file as standard input through a pipe.
    pub(crate) fn run_with_stdin(&self, arguments: &[&str], file: &str) -> Ran {
        let bytes = fs::read(self.path(file)).unwrap();
        let mut child = piprov()
            .current_dir(self.dir.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feeder = std::thread::spawn(move || {
            // A program that refuses early closes the pipe.
            let _ = stdin.write_all(&bytes);
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Ran::new(output)
    }

    /// Runs a shell line in the directory; the tools in it belong to `package`.
    pub(crate) fn shell(&self, package: &str, line: &str) {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}\nis a tool missing? apt-get install {package}");
    }

    /// Packs `disk.img` in every way; gives the names of the files.
    pub(crate) fn pack_all(&self) -> Vec<&'static str> {
        for (package, line) in [
            ("gzip", "gzip -c disk.img > one.gz"),
            (
                "gzip",
                "(head -c 3000000 disk.img | gzip -c; tail -c +3000001 disk.img | gzip -1c) > two-members.gz",
            ),
            ("xz-utils", "xz -1 -c disk.img > one.xz"),
            ("xz-utils", "xz -0 -T2 --block-size=1MiB -c disk.img > blocks.xz"),
            (
                "xz-utils",
                "(head -c 3000000 disk.img | xz -0c; head -c 8 /dev/zero; tail -c +3000001 disk.img | xz -0c) > two-streams.xz",
            ),
            ("zstd", "zstd -q -c disk.img > one.zst"),
            (
                "zstd",
                "(head -c 3000000 disk.img | zstd -q; tail -c +3000001 disk.img | zstd -q) > two-frames.zst",
            ),
            ("bzip2", "bzip2 -1 -c disk.img > one.bz2"),
            (
                "bzip2",
                "(head -c 3000000 disk.img | bzip2 -1; tail -c +3000001 disk.img | bzip2 -1) > two-streams.bz2",
            ),
            ("zip", "zip -q one.zip disk.img"),
            ("zip", "echo note > note.txt; zip -q -0 stored.zip note.txt disk.img"),
        ] {
            self.shell(package, line);
        }
        vec![
            "one.gz",
            "two-members.gz",
            "one.xz",
            "blocks.xz",
            "two-streams.xz",
            "one.zst",
            "two-frames.zst",
            "one.bz2",
            "two-streams.bz2",
            "one.zip",
            "stored.zip",
        ]
    }

    /// Remembers what a file is like now.
    pub(crate) fn remember(&mut self, name: &str) {
        let path = self.path(name);
        let (inode, seconds, nanos) = identity(&path);
        self.before.push((path.clone(), inode, seconds, nanos, fs::read(path).unwrap()));
    }

    /// Asserts that the remembered files are untouched: same inode, same time of change, same bytes.
    pub(crate) fn assert_untouched(&self) {
        for (path, inode, seconds, nanos, bytes) in &self.before {
            assert_eq!(identity(path), (*inode, *seconds, *nanos), "{}", path.display());
            assert!(fs::read(path).unwrap() == *bytes, "{}", path.display());
        }
    }

    /// The names in a directory, sorted, hidden ones too.
    pub(crate) fn list(&self, dir: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(dir))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn identity(path: &Path) -> (u64, i64, i64) {
    let meta = fs::metadata(path).unwrap();
    (meta.ino(), meta.mtime(), meta.mtime_nsec())
}

/// Bytes that don't compress.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Runs a tool with something on its standard input.
pub(crate) fn pipe(tool: &str, package: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut child = Command::new(tool)
        .args(arguments)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{tool}: {error}; apt-get install {package}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{tool} {arguments:?}: {}", output.status);
    output.stdout
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts success.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Asserts the exit code and that something is on stderr.
    pub(crate) fn fails(self, code: i32, text: &str) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(text), "`{text}` is not in {self:?}");
        self
    }

    /// Asserts the exit code and that something is on stdout.
    pub(crate) fn finds(self, code: i32, text: &str) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.out.contains(text), "`{text}` is not in {self:?}");
        self
    }
}
