//! A browser without a screen: cookies, forms and their proofs, byte by byte.

#![allow(dead_code, reason = "each test file uses its part")]

use std::time::{Duration, Instant};

use crate::station::{Answer, Station, request};

/// Somebody who is signed in.
pub(crate) struct Browser<'a> {
    station: &'a Station,
    cookie: String,
}

/// A text as it stands in a form.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
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
    /// The first user, by the link that the station tells.
    pub(crate) fn first(station: &'a Station) -> Self {
        let welcome = station.welcome.as_deref().unwrap();
        let path = &welcome[welcome.find("/welcome").unwrap()..];
        let fields = [("name", "ada"), ("password", "correct horse"), ("again", "correct horse")];
        Self::of(station, station.raw(&request("POST", path, None, Some(&form(&fields)), &[])))
    }

    /// A user with a role, made by an administrator.
    pub(crate) fn user(station: &'a Station, name: &str, role: &str) -> Self {
        let new = serde_json::json!({"name": name, "role": role, "password": "correct horse"});
        station.admin("POST", "/api/v1/users", Some(&new)).ok();
        let fields = [("name", name), ("password", "correct horse")];
        Self::of(station, station.raw(&request("POST", "/login", None, Some(&form(&fields)), &[])))
    }

    fn of(station: &'a Station, answer: Answer) -> Self {
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { station, cookie }
    }

    /// A session that was begun before.
    pub(crate) const fn with(station: &'a Station, cookie: String) -> Self {
        Self { station, cookie }
    }

    /// The session's cookie.
    pub(crate) fn cookie(&self) -> String {
        self.cookie.clone()
    }

    /// A request with this session.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let all = [&[("cookie", self.cookie.as_str())], headers].concat();
        self.station.raw(&request(method, path, None, body, &all))
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

    /// A form, with its proof.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let proof = self.proof();
        let all = [&[("proof", proof.as_str())], fields].concat();
        self.send("POST", path, Some(&form(&all)), &[("content-type", "application/x-www-form-urlencoded")])
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
