//! The server against clients that other people wrote.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use crate::tftp_support;

use std::process::Command;

use piprov::tftp::Limits;
use piprov::tftp::dir::DirSource;
use tftp_support::{Running, folder, pattern, run};

/// Sizes around the edges of blocks of 512 and 1468 bytes, and one over many blocks.
const SIZES: [usize; 9] = [0, 1, 511, 512, 513, 1467, 1468, 1469, 1_000_003];

fn names() -> Vec<(String, usize)> {
    SIZES.iter().map(|size| (format!("dir/f{size}"), *size)).collect()
}

fn serve() -> (tempfile::TempDir, Running) {
    let names = names();
    let root = folder(&names.iter().map(|(name, size)| (name.as_str(), *size)).collect::<Vec<_>>());
    let server = Running::new(DirSource::new(root.path()).unwrap(), Limits::default());
    (root, server)
}

#[test]
fn curl() {
    let (_root, server) = serve();
    // curl 7.88 fails on an empty file from any server: "getpeername() failed".
    for (name, size) in names().iter().filter(|(_, size)| *size > 0) {
        for block in ["512", "1468"] {
            let url = format!("tftp://{}/{name}", server.addr);
            let output = run("curl", Command::new("curl").args(["-sS", "--tftp-blksize", block, &url]));
            assert!(output.status.success(), "{output:?}");
            assert!(output.stdout == pattern(*size), "{name} at {block}");
        }
    }
    let url = format!("tftp://{}/nope", server.addr);
    let output = run("curl", Command::new("curl").args(["-sS", &url]));
    // 68: file not found on a TFTP server.
    assert_eq!(output.status.code(), Some(68), "{output:?}");
    server.wait_finished(2 * (SIZES.len() - 1));
}

#[test]
fn tftp_hpa() {
    let (_root, server) = serve();
    let target = tempfile::tempdir().unwrap();
    let (ip, port) = (server.addr.ip().to_string(), server.addr.port().to_string());
    for (name, size) in names() {
        let local = target.path().join("file");
        let args = ["-m", "binary", &ip, &port, "-c", "get", &name, local.to_str().unwrap()];
        let output = run("tftp-hpa", Command::new("tftp").args(args));
        assert!(output.status.success(), "{output:?}");
        assert!(std::fs::read(&local).unwrap() == pattern(size), "{name}");
    }
    // Its usual mode is netascii; the refusal has to say what to do.
    let args = ["-m", "ascii", &ip, &port, "-c", "get", "dir/f1", "/dev/null"];
    let output = run("tftp-hpa", Command::new("tftp").args(args));
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("mode netascii isn't served: ask for octet (binary)"), "{said}");
}

#[test]
fn atftp() {
    let (_root, server) = serve();
    let target = tempfile::tempdir().unwrap();
    let (ip, port) = (server.addr.ip().to_string(), server.addr.port().to_string());
    for (name, size) in names() {
        for options in [&[][..], &["--option", "blksize 1468"], &["--option", "windowsize 8"]] {
            let local = target.path().join("file");
            let mut command = Command::new("atftp");
            command.args(options).args(["--get", "--remote-file", &name, "--local-file"]).arg(&local);
            let output = run("atftp", command.args([&ip, &port]));
            assert!(output.status.success(), "{output:?}");
            assert!(std::fs::read(&local).unwrap() == pattern(size), "{name} with {options:?}");
        }
    }
}
