//! A station over HTTPS: its own certificate and given files, to those who pin it, trust it, or do neither.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::station::Station;
use crate::station_deploy::{bytes, until};
use crate::{common, documented};

const MIB: usize = 1 << 20;

fn piprov(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = common::piprov();
    command.args(arguments).env("PIPROV_STATE_DIR", dir).current_dir(dir);
    command
}

fn text(out: &Output) -> String {
    String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned()
}

/// Its exit code, and what it said.
fn curl(arguments: &[&str]) -> (i32, String) {
    let out = Command::new("curl").args(["-q", "-sS", "-m", "20"]).args(arguments).output().unwrap();
    (out.status.code().unwrap(), text(&out))
}

/// A token of the station in a file that its owner alone reads.
fn token(station: &Station, dir: &Path) -> PathBuf {
    let file = dir.join("token");
    fs::write(&file, station.token("t", "admin")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn agent(dir: &Path, url: &str, pin: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_piprov-agent"));
    common::clean(&mut command);
    command.args(["--station", url, "--serial", "a1"]).arg("--key").arg(dir.join("board.key"));
    command.arg("--disk").arg(dir.join("disk"));
    if let Some(pin) = pin {
        command.args(["--pin", pin]);
    }
    command
}

#[test]
fn a_station_with_its_own_certificate_is_believed_by_its_pin_or_its_name_and_by_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let make = |more: &[&str]| {
        piprov(dir, &["station", "cert", "localhost", "127.0.0.1", "--json"]).args(more).output().unwrap()
    };
    assert!(make(&[]).status.success());
    let again = make(&[]);
    assert_eq!(again.status.code(), Some(73), "{}", text(&again));
    let old = fs::read(dir.join("station/tls-cert.pem")).unwrap();
    let made: Value = serde_json::from_slice(&make(&["--force"]).stdout).unwrap();
    documented::check(&made);
    let (pin, cert) = (made["sha256"].as_str().unwrap(), made["cert"].as_str().unwrap());
    assert_ne!(old, fs::read(cert).unwrap());

    let station = Station::start(dir, &["--enrol", "open"]);
    let port = station.address.port();
    let url = format!("https://127.0.0.1:{port}");
    // Clients that begin and say nothing; what becomes of them is looked at in the end.
    let began = Instant::now();
    let mut silent: Vec<_> = (0..100).map(|_| station.connect()).collect();

    // By its name, to those who were given the certificate.
    let [named, other] = ["localhost", "other.test"].map(|name| format!("{name}:{port}:127.0.0.1"));
    let health = format!("https://localhost:{port}/healthz");
    let (code, told) = curl(&["--cacert", cert, "--resolve", &named, &health]);
    assert!(code == 0 && told.starts_with("ok\n"), "{code} {told}");
    assert_eq!(curl(&["--cacert", cert, &format!("{url}/healthz")]).0, 0);
    let version = ["-o", "/dev/null", "-w", "%{http_version}", "--cacert", cert, "--resolve", &named];
    assert_eq!(curl(&[&version[..], &[&health]].concat()), (0, "2".to_owned()));
    // 60: the certificate isn't believed; 35: no common version of TLS.
    assert_eq!(curl(&["--resolve", &named, &health]).0, 60);
    let elsewhere = format!("https://other.test:{port}/healthz");
    assert_eq!(curl(&["--cacert", cert, "--resolve", &other, &elsewhere]).0, 60);
    assert_eq!(curl(&["--tls-max", "1.1", "--cacert", cert, "--resolve", &named, &health]).0, 35);
    let plain = curl(&[&format!("http://127.0.0.1:{port}/healthz")]);
    let told = "This station speaks HTTPS here. Write https:// in front of its address.\r\n";
    assert_eq!(plain, (0, told.to_owned()));

    // The command line, by its pin.
    let token = token(&station, dir);
    let list = |pin: &str| {
        let mut command = piprov(dir, &["station", "status", "--json", "--station", &url, "--token-file"]);
        command.arg(&token);
        if !pin.is_empty() {
            command.env("PIPROV_STATION_PIN", pin);
        }
        command.output().unwrap()
    };
    let status = list(pin);
    assert!(status.status.success() && text(&status).contains(&station.key), "{}", text(&status));
    let wrong = "0".repeat(64);
    let refused = list(&wrong);
    assert_eq!(refused.status.code(), Some(77), "{}", text(&refused));
    assert!(text(&refused).contains(&wrong) && text(&refused).contains(pin), "{}", text(&refused));
    assert_eq!(list("").status.code(), Some(77));
    assert!(text(&list("")).contains("station.pin"), "{}", text(&list("")));
    // An agent, by its pin: with another one, or without, it says why, and tells the station nothing.
    fs::write(dir.join("disk"), vec![0xee; 6 * MIB]).unwrap();
    a_pin_holds_where_no_certificate_is(dir, &token, pin);
    for (pin, why) in [(Some(wrong.as_str()), format!("{wrong} is expected")), (None, "UnknownIssuer".into())]
    {
        let mut child = agent(dir, &url, pin).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&why), "{line}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(station.admin("GET", "/api/v1/boards", None).ok()["items"], json!([]));
    let image = bytes(5 * MIB + 512);
    assert_eq!(station.put("/api/v1/images/os", &image).status, 201);
    let mut board = agent(dir, &url, Some(pin)).spawn().unwrap();
    until("the board", || {
        let boards = station.admin("GET", "/api/v1/boards", None).ok();
        (boards["items"].as_array().unwrap().len() == 1).then_some(())
    });
    let new = json!({"action": "deploy", "image": "os"});
    station.admin("POST", "/api/v1/boards/a1/jobs", Some(&new)).ok();
    assert!(board.wait().unwrap().success());
    let job = until("the job's end", || {
        let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
        let job = jobs["items"][0].clone();
        matches!(job["state"].as_str(), Some("done" | "finishing" | "failed")).then_some(job)
    });
    assert!(job["state"] != "failed", "{job}");
    assert!(fs::read(dir.join("disk")).unwrap()[..image.len()] == image[..]);

    // Those that have said nothing are put out.
    for stream in &mut silent {
        let left = Duration::from_secs(40).saturating_sub(began.elapsed()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).unwrap();
        let end = stream.read(&mut [0; 64]);
        let timed_out = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
        assert!(!end.as_ref().is_err_and(timed_out), "a silent client is there after {:?}", began.elapsed());
    }
}

/// A certificate of 127.0.0.1 that ended long ago, and its key.
fn expired(dir: &Path) -> (PathBuf, PathBuf, String) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let made = params.self_signed(&pair).unwrap();
    let (cert, key) = (dir.join("old.pem"), dir.join("old.key"));
    fs::write(&cert, made.pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let pin = piprov::http::Pin::of(made.der()).to_string();
    (cert, key, pin)
}

#[test]
fn given_files_are_served_and_files_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (cert, key, pin) = expired(dir);
    let other = piprov::station::cert::make(dir, &["127.0.0.1".to_owned()], false).unwrap();
    let broken = dir.join("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let serve = |cert: Option<&Path>, key: Option<&Path>| {
        let mut command = piprov(dir, &["serve", "--listen", "127.0.0.1:0", "--socket"]);
        command.arg(dir.join("refused.sock"));
        cert.map(|path| command.env("PIPROV_STATION_TLS_CERT", path));
        key.map(|path| command.env("PIPROV_STATION_TLS_KEY", path));
        let out = command.output().unwrap();
        (out.status.code(), text(&out))
    };
    for (cert, key) in [(&cert, &other.key), (&broken, &key), (&dir.join("gone.pem"), &key), (&key, &key)] {
        let (code, said) = serve(Some(cert), Some(key));
        assert_eq!(code, Some(78), "{said}");
        let names = [cert, key].map(|path| path.file_name().unwrap().to_str().unwrap());
        assert!(names.iter().all(|name| said.contains(name)), "{said}");
    }
    let (code, said) = serve(Some(&cert), None);
    assert!(code == Some(78) && said.contains("needs its key"), "{said}");

    let open = dir.join("open.pem");
    fs::copy(&key, &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = serve(Some(&cert), Some(&open));
    assert!(code == Some(77) && said.contains("chmod o-r"), "{said}");

    // One that has ended is served: a pin says which one it is, and whoever goes by names refuses it.
    let settings = format!("[station]\ntls-cert = \"{}\"\ntls-key = \"{}\"\n", cert.display(), key.display());
    fs::write(dir.join("piprov.toml"), settings).unwrap();
    let station = Station::start(dir, &[]);
    let url = format!("https://127.0.0.1:{}", station.address.port());
    let (code, said) = curl(&["--cacert", cert.to_str().unwrap(), &format!("{url}/healthz")]);
    assert!(code == 60 && said.contains("expired"), "{code} {said}");
    let token = token(&station, dir);
    let mut status = piprov(dir, &["station", "status", "--station", &url, "--token-file"]);
    let out = status.arg(&token).env("PIPROV_STATION_PIN", &pin).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
}

/// Somebody who answers without TLS in the place of a station that is pinned: the token and the board are told nothing.
fn a_pin_holds_where_no_certificate_is(dir: &Path, token: &Path, pin: &str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut command = piprov(dir, &["station", "status", "--station", &url, "--token-file"]);
    let out = command.arg(token).env("PIPROV_STATION_PIN", pin).output().unwrap();
    assert_eq!(out.status.code(), Some(78), "{}", text(&out));
    assert!(text(&out).contains("is not HTTPS"), "{}", text(&out));
    let mut child = agent(dir, &url, Some(pin)).stderr(Stdio::piped()).spawn().unwrap();
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(line.contains("is not HTTPS"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    let heard = listener.accept().map_err(|error| error.kind());
    assert!(matches!(heard, Err(std::io::ErrorKind::WouldBlock)), "nobody was connected to: {heard:?}");
}
