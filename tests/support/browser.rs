//! A browser without a screen: cookies, forms and their proofs, byte by byte.

#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::station::{Answer, Station, request};

/// Somebody at a station, signed in or not.
pub(crate) struct Browser<'a> {
    station: &'a Station,
    /// As it is sent; empty without a session.
    cookie: RefCell<String>,
}

/// Of the users that are made here.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// What was answered, as text.
pub(crate) fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// A text as it stands in a form.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// `a=b&c=d`, as browsers write it.
pub(crate) fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    fields.join("&").into_bytes()
}

/// Between two texts.
pub(crate) fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    Some(&text[start..start + text[start..].find(behind)?])
}

impl<'a> Browser<'a> {
    /// Nobody yet.
    pub(crate) const fn new(station: &'a Station) -> Self {
        Self::with(station, String::new())
    }

    /// The first user, by the link that the station tells.
    pub(crate) fn first(station: &'a Station) -> Self {
        let welcome = station.welcome.as_deref().unwrap();
        let path = &welcome[welcome.find("/welcome").unwrap()..];
        let browser = Self::new(station);
        let answer = browser.post(path, &[("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)]);
        assert_eq!(answer.status, 303, "{}", text(&answer));
        browser
    }

    /// A user with a role, made by an administrator.
    pub(crate) fn user(station: &'a Station, name: &str, role: &str) -> Self {
        let new = serde_json::json!({"name": name, "role": role, "password": PASSWORD});
        station.admin("POST", "/api/v1/users", Some(&new)).ok();
        let (browser, answer) = Self::sign_in(station, name, PASSWORD);
        assert_eq!(answer.status, 303, "{}", text(&answer));
        browser
    }

    /// Somebody tells name and password; what the station says to that.
    pub(crate) fn sign_in(station: &'a Station, name: &str, password: &str) -> (Self, Answer) {
        let browser = Self::new(station);
        let answer = browser.post("/login", &[("name", name), ("password", password)]);
        (browser, answer)
    }

    /// A session that was begun before.
    pub(crate) const fn with(station: &'a Station, cookie: String) -> Self {
        Self { station, cookie: RefCell::new(cookie) }
    }

    /// The session's cookie; empty without a session.
    pub(crate) fn cookie(&self) -> String {
        self.cookie.borrow().clone()
    }

    /// A request with this session.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let cookie = self.cookie();
        let mut all = vec![("user-agent", "Firefox/1 Linux")];
        if !cookie.is_empty() {
            all.push(("cookie", &cookie));
        }
        all.extend(headers);
        let answer = self.station.raw(&request(method, path, None, body, &all));
        if let Some(set) = answer.header("set-cookie") {
            let set = set.split(';').next().unwrap();
            *self.cookie.borrow_mut() = if set.ends_with('=') { String::new() } else { set.to_owned() };
        }
        answer
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[])
    }

    /// A page as text.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200, "{path}: {text}");
        text
    }

    /// A proof for this session's forms.
    pub(crate) fn proof(&self) -> String {
        let page = self.page("/");
        between(&page, "name=\"proof\" value=\"", "\"").unwrap().to_owned()
    }

    /// A form; with its proof where there is a session.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let proof = if self.cookie().is_empty() { String::new() } else { self.proof() };
        let all = [&[("proof", proof.as_str())], fields].concat();
        self.send("POST", path, Some(&form(&all)), &[("content-type", "application/x-www-form-urlencoded")])
    }

    /// A form with a file in it, as browsers send one.
    pub(crate) fn post_file(&self, path: &str, proof: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        let mut body = Vec::new();
        for (name, value) in [&[("proof", proof)], fields].concat() {
            let part = format!("--X\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend(part.into_bytes());
        }
        body.extend(b"--X\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n");
        body.extend(file);
        body.extend(b"\r\n--X--\r\n");
        self.send("POST", path, Some(&body), &[("content-type", "multipart/form-data; boundary=X")])
    }

    /// Begins to send a file in pieces; the upload's name.
    #[track_caller]
    pub(crate) fn upload(&self, name: &str, file: &str, size: usize, sha256: &str) -> String {
        let size = size.to_string();
        let fields = [("name", name), ("file", file), ("size", size.as_str()), ("sha256", sha256)];
        let told = self.post("/uploads", &fields).ok();
        told["id"].as_str().unwrap().to_owned()
    }

    /// A piece of it.
    pub(crate) fn piece(&self, upload: &str, at: usize, bytes: &[u8]) -> Answer {
        let proof = self.proof();
        let path = format!("/uploads/{upload}/piece?at={at}");
        self.send("POST", &path, Some(bytes), &[("x-piprov-proof", &proof)])
    }

    /// A page once it has this in it.
    #[track_caller]
    pub(crate) fn until(&self, path: &str, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let page = self.page(path);
            if page.contains(text) {
                return page;
            }
            assert!(Instant::now() < end, "{text} never came: {page}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}
