//! A station as a process, and calls to it, byte by byte: what a library would put right is sent as it is.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(100);

/// `piprov serve`.
pub(crate) struct Station {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) key: String,
    /// The page that makes the first user.
    pub(crate) welcome: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body, of an answer that is as it should be.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
}

impl Station {
    /// Starts one whose state lies in `dir`.
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        Self::start_at(dir, "127.0.0.1:0", args)
    }

    /// The same, at an address.
    pub(crate) fn start_at(dir: &Path, listen: &str, args: &[&str]) -> Self {
        let socket = dir.join("run/station.sock");
        let mut command = Command::new(env!("CARGO_BIN_EXE_piprov"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PIPROV") {
                command.env_remove(name);
            }
        }
        command.env("PIPROV_STATE_DIR", dir).env("HOME", dir).env_remove("XDG_CONFIG_HOME").current_dir(dir);
        // What tests call it that write their requests by hand.
        command.env("PIPROV_STATION_NAMES", "station, x");
        command.args(["serve", "--json", "--listen", listen, "--socket"]).arg(&socket).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let serving: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let url = serving["urls"][0].as_str().unwrap();
        let address = url.rsplit('/').next().unwrap().parse().unwrap();
        let key = serving["key"].as_str().unwrap().to_owned();
        let welcome = serving["welcome"].as_str().map(str::to_owned);
        Self { child, address, socket, dir: dir.to_owned(), key, welcome }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how it ended.
    pub(crate) fn end(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection over the network.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// These bytes over the network, and what comes back.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has said no needn't take the rest.
        let _ = stream.write_all(bytes);
        answer(&mut stream)
    }

    /// A call over the network, with a token where there is one.
    pub(crate) fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        self.raw(&request(method, path, token, bytes.as_deref(), &[("content-type", "application/json")]))
    }

    /// A call over the Unix socket: as an administrator.
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bytes = body.map(|body| body.to_string().into_bytes());
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let kind = [("content-type", "application/json")];
        stream.write_all(&request(method, path, None, bytes.as_deref(), &kind)).unwrap();
        answer(&mut stream)
    }

    /// A file over the Unix socket.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> Answer {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&request("PUT", path, None, Some(bytes), &[]));
        answer(&mut stream)
    }

    /// A token with a role.
    pub(crate) fn token(&self, name: &str, role: &str) -> String {
        let made = self.admin("POST", "/api/v1/tokens", Some(&json!({"name": name, "role": role}))).ok();
        made["secret"].as_str().unwrap().to_owned()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request as bytes.
pub(crate) fn request(
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&[u8]>,
    headers: &[(&str, &str)],
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text += "host: station\r\n";
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if let Some(token) = token {
        text += &format!("authorization: Bearer {token}\r\n");
    }
    if let Some(body) = body {
        text += &format!("content-length: {}\r\n", body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend(body.unwrap_or_default());
    bytes
}

/// Reads an answer to its end.
pub(crate) fn answer(stream: &mut impl Read) -> Answer {
    let mut bytes = Vec::new();
    // A connection that is cut gives what came before.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &bytes[end + 4..];
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let (body, whole) = match (header("transfer-encoding"), header("content-length")) {
        (Some(_), _) => chunked(rest),
        (None, Some(length)) => (rest.to_vec(), rest.len() == length.parse::<usize>().unwrap()),
        (None, None) => (rest.to_vec(), true),
    };
    Answer { status, headers, body, whole }
}

fn chunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&rest[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        let data = &rest[line + 2..];
        body.extend(&data[..length.min(data.len())]);
        if data.len() < length + 2 {
            break;
        }
        rest = &data[length + 2..];
    }
    (body, false)
}

/// A board with a key of its own.
pub(crate) struct Board {
    pair: Ed25519KeyPair,
    pub(crate) serial: String,
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) standing: String,
    /// The disks that it tells of.
    pub(crate) disks: Value,
}

impl Board {
    pub(crate) fn new(serial: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let empty = String::new;
        let disks = json!([{"name": "mmcblk0", "role": "emmc", "size": 8u64 << 30}]);
        Self { pair, serial: serial.to_owned(), token: empty(), id: empty(), standing: empty(), disks }
    }

    pub(crate) fn key(&self) -> String {
        hex(self.pair.public_key().as_ref())
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        hex(self.pair.sign(bytes).as_ref())
    }

    /// What it tells of itself.
    pub(crate) fn told(&self, nonce: &str) -> Value {
        json!({
            "api": 1, "nonce": nonce, "key": self.key(), "agent": env!("CARGO_PKG_VERSION"), "serial": self.serial,
            "macs": [], "memory": 1 << 30, "simulated": true,
            "disks": self.disks,
        })
    }

    /// Registers; what the station says.
    pub(crate) fn register(&mut self, station: &Station) -> Answer {
        let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
        let body = self.told(hello["nonce"].as_str().unwrap()).to_string();
        let answer = self.register_with(station, body.as_bytes(), &self.sign(body.as_bytes()));
        if answer.status == 200 {
            let registered = answer.json();
            self.token = registered["token"].as_str().unwrap().to_owned();
            self.id = registered["board"].as_str().unwrap().to_owned();
            self.standing = registered["standing"].as_str().unwrap().to_owned();
        }
        answer
    }

    pub(crate) fn register_with(&self, station: &Station, body: &[u8], signature: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("piprov-signature", signature)];
        station.raw(&request("POST", "/api/v1/device/register", None, Some(body), &headers))
    }

    /// Asks for work.
    pub(crate) fn work(&self, station: &Station, wait: u32) -> Answer {
        station.call("GET", &format!("/api/v1/device/work?wait={wait}"), Some(&self.token), None)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
