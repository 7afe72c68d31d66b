//! One Chromium without a screen, at a page of a station, through its WebDriver: a few calls of JSON over HTTP (W3C
//! WebDriver, sections 8.1, 10.1, 13.2, 14.3). The tests of pages drive theirs with a crate that a bench needs not.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{answer, request};

/// It ends with this.
pub(crate) struct Chromium {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Opens a page of a station, with the cookie (`name=value`) of a session.
    pub(crate) fn at(address: &str, cookie: &str, path: &str) -> Self {
        let child = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
        let mut driver = child.expect("chromedriver is missing: tools/install-packages bench");
        let out = BufReader::new(driver.stdout.take().unwrap());
        let port = out.lines().map_while(Result::ok).find_map(|line| {
            let rest = line.split("on port ").nth(1)?;
            rest.trim_end_matches('.').parse().ok().filter(|port| *port != 0)
        });
        let profile = tempfile::tempdir().unwrap();
        let args = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--window-size=1360,900".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let port = port.expect("chromedriver tells its port");
        let mut new = Self { driver, port, session: String::new(), _profile: profile };
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": {"args": args}});
        let begun = new.call("/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        new.session = begun["sessionId"].as_str().unwrap().to_owned();
        // A cookie is put in at a page of its host.
        let go = |path: &str| json!({"url": format!("http://{address}{path}")});
        new.of_session("url", &go("/login"));
        let (name, value) = cookie.split_once('=').unwrap();
        let cookie = json!({"cookie": {"name": name, "value": value, "path": "/", "httpOnly": true}});
        new.of_session("cookie", &cookie);
        new.of_session("url", &go(path));
        new
    }

    /// What a script gives.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.of_session("execute/sync", &json!({"script": script, "args": []}))
    }

    fn of_session(&self, what: &str, body: &Value) -> Value {
        self.call(&format!("/session/{}/{what}", self.session), body)
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let host = format!("127.0.0.1:{}", self.port);
        let headers = [("host", host.as_str()), ("content-type", "application/json")];
        let bytes = request("POST", path, None, Some(body.to_string().as_bytes()), &headers);
        stream.write_all(&bytes).unwrap();
        let answer = answer(&mut &whole(&mut stream)[..]);
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        assert_eq!(answer.status, 200, "{path}: {told}");
        told["value"].clone()
    }
}

/// An answer's bytes. The driver keeps the connection, whatever is asked of it: its length says where the answer ends.
fn whole(stream: &mut TcpStream) -> Vec<u8> {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return bytes,
            Ok(len) => bytes.extend(&part[..len]),
        }
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if length.is_some_and(|length| bytes.len() >= head + 4 + length) {
            return bytes;
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends with its session; a driver that is killed leaves it behind.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let host = [("host", "127.0.0.1")];
            let path = format!("/session/{}", self.session);
            if stream.write_all(&request("DELETE", &path, None, None, &host)).is_ok() {
                let _ = whole(&mut stream);
            }
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
