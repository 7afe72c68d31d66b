//! A reverse proxy in front of the station: for whom it asks is what counts, and only of a proxy of ours.

use std::fs;

use serde_json::json;

use crate::browser::{Browser, PASSWORD};
use crate::station::{Station, request};

fn sign_in(station: &Station, password: &str, forwarded: &str) -> u16 {
    let body = json!({ "name": "bob", "password": password }).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", forwarded)];
    station.raw(&request("POST", "/api/v1/login", None, Some(body.as_bytes()), &headers)).status
}

#[test]
fn behind_a_proxy_each_browser_is_an_address_of_its_own_and_elsewhere_the_header_means_nothing() {
    for (proxies, others_are_free) in [("[\"127.0.0.0/8\"]", true), ("[\"10.9.9.9\"]", false)] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("piprov.toml"), format!("[station]\nproxy-from = {proxies}\n")).unwrap();
        let station = Station::start(dir.path(), &["--config", "piprov.toml"]);
        drop(Browser::user(&station, "bob", "operator"));
        // Somebody guesses, and makes up who has asked the proxy.
        let tries: Vec<_> =
            (0..12).map(|n| sign_in(&station, "wrong", &format!("198.51.100.{n}, 192.0.2.66"))).collect();
        assert!(tries.contains(&429), "{proxies}: {tries:?}");
        let other = sign_in(&station, PASSWORD, "192.0.2.7");
        assert_eq!(other != 429, others_are_free, "{proxies}: {other}");
        let audit = station.admin("GET", "/api/v1/audit?limit=50", None).ok().to_string();
        assert_eq!(audit.contains("192.0.2.66"), others_are_free, "{audit}");
        assert!(!audit.contains("198.51.100."), "{audit}");
    }
}
