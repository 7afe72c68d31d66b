//! The bytes of images in a bucket of a real server: shared by stations, moved while a station serves, away for a while; and
//! a cache between boards and their station. Each test has a time limit.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common;
use crate::postgres::Postgres;
use crate::seaweed::{Seaweed, within};
use crate::station::Station;
use crate::station_deploy::{Agent, bytes, until};
use crate::station_two::piprov;

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(400);
const MIB: usize = 1 << 20;

/// A station's settings, with a bucket's keys.
fn config(dir: &Path, server: &Seaweed, more: &str) -> String {
    let keys = server.keys(dir);
    let path = dir.join("piprov.toml");
    std::fs::write(&path, format!("[station]\nobjects-credentials = '{}'\n{more}\n", keys.display()))
        .unwrap();
    path.display().to_string()
}

/// An image that no other one has a chunk of.
fn image(seed: u8, len: usize) -> Vec<u8> {
    let mut image = bytes(len);
    image.iter_mut().step_by(4096).for_each(|byte| *byte = byte.wrapping_add(seed).max(1));
    image
}

fn objects(station: &Station, arguments: &[&str]) -> Value {
    piprov(station, &[&["objects"], arguments].concat()).remove(0)["value"].clone()
}

/// What a command says that fails.
fn fails(station: &Station, arguments: &[&str]) -> String {
    let url = format!("unix:{}", station.socket.display());
    let out = common::piprov().args(arguments).args(["--station", &url]).output().unwrap();
    assert!(!out.status.success(), "{arguments:?}");
    String::from_utf8(out.stderr).unwrap()
}

fn raw(station: &Station, name: &str) -> Vec<u8> {
    let answer = station.admin("GET", &format!("/api/v1/images/{name}/raw"), None);
    assert!(
        answer.status == 200 && answer.whole,
        "{} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    answer.body
}

fn files(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return usize::from(dir.is_file()) };
    entries.map(|entry| files(&entry.unwrap().path())).sum()
}

#[test]
fn two_stations_share_a_bucket() {
    within(LIMIT, || {
        let (server, database) = (Seaweed::get(), Postgres::get().database());
        let bucket = server.bucket();
        let start = || {
            let dir = tempfile::tempdir().unwrap();
            let more = format!("store = '{database}'\nobjects = 's3://{bucket}/lab'");
            let station = Station::start(dir.path(), &["--config", &config(dir.path(), server, &more)]);
            (station, dir)
        };
        let ((one, one_dir), (other, _dir)) = (start(), start());
        let (first, second) = (image(1, 9 * MIB + 512), image(2, 5 * MIB));
        one.put("/api/v1/images/first", &first).ok();
        other.put("/api/v1/images/second", &second).ok();
        // Each gives out what the other one has taken in, and proves it.
        assert!(raw(&other, "first") == first && raw(&one, "second") == second);
        let proved = piprov(&other, &["image", "verify", "first"]);
        assert!(proved.iter().all(|line| line["value"]["damaged"] != true), "{proved:?}");
        assert!(
            server.names(&bucket).iter().all(|name| name.starts_with("lab/")),
            "{:?}",
            server.names(&bucket)
        );
        assert_eq!(files(&one_dir.path().join("station/objects")), 0, "nothing lies on the station's disk");
        assert_eq!(objects(&one, &["show"])["place"], format!("s3://{bucket}/lab"));
        // What nobody needs goes, whichever station it came to.
        assert_eq!(other.admin("DELETE", "/api/v1/images/first", None).status, 204);
        assert_eq!(one.admin("DELETE", "/api/v1/images/second", None).status, 204);
        // What says whose the bucket is stays.
        until("an empty bucket", || (server.names(&bucket) == ["lab/owner"]).then_some(()));
        // No page, setting, log of calls or file for support has the key.
        let secret = crate::seaweed::KEY.1;
        for path in
            ["/api/v1/settings", "/api/v1/station", "/api/v1/station/support", "/api/v1/objects", "/metrics"]
        {
            let answer = one.admin("GET", path, None);
            assert!(
                answer.status == 200 && !String::from_utf8_lossy(&answer.body).contains(secret),
                "{path}"
            );
        }
    });
}

#[test]
fn a_directory_moves_to_a_bucket_and_back_while_the_station_serves() {
    within(LIMIT, || {
        let (server, dir) = (Seaweed::get(), tempfile::tempdir().unwrap());
        let bucket = server.bucket();
        let place = format!("s3://{bucket}");
        let config = config(dir.path(), server, "");
        let args = ["--config", config.as_str()];
        let mut station = Station::start(dir.path(), &args);
        let kept = image(1, 40 * MIB);
        station.put("/api/v1/images/kept", &kept).ok();
        assert_eq!(objects(&station, &["show"])["place"], "directory");
        // Killed in the middle, it goes on by itself.
        let begun = objects(&station, &["move", &place]);
        assert_eq!(
            (&begun["place"], &begun["moving"]["from"]),
            (&place.as_str().into(), &"directory".into())
        );
        station.kill();
        let station = Station::start(dir.path(), &args);
        assert!(raw(&station, "kept") == kept);
        // Under load: images come and are read, all the while.
        let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let n = count.fetch_add(1, Ordering::Relaxed);
                    let (name, image) = (format!("more{n}"), image(n as u8 + 10, 5 * MIB));
                    station.put(&format!("/api/v1/images/{name}"), &image).ok();
                    assert!(raw(&station, &name) == image && raw(&station, "kept") == kept);
                }
            });
            for to in [place.as_str(), "directory", place.as_str()] {
                let status = match objects(&station, &["show"]) {
                    status if status["place"] == to => status,
                    _ => objects(&station, &["move", to]),
                };
                assert_eq!(status["place"], to);
                until("the end of the move", || {
                    objects(&station, &["show"])["moving"].is_null().then_some(())
                });
                let so_far = count.load(Ordering::Relaxed);
                until("an image more", || {
                    (count.load(Ordering::Relaxed) > so_far || load.is_finished()).then_some(())
                });
            }
            over.store(true, Ordering::Relaxed);
            load.join().unwrap();
        });
        // What is in use isn't removed, and what isn't goes; all is in the bucket.
        let refused = fails(&station, &["objects", "remove", &place]);
        assert!(refused.contains("is in use: nothing is removed there"), "{refused}");
        let again = fails(&station, &["objects", "move", &place]);
        assert!(again.contains(&format!("the objects are in {place}")), "{again}");
        let status = objects(&station, &["show"]);
        assert_eq!(status["old"][0]["place"], "directory", "{status}");
        let state = dir.path().join("station/objects");
        assert!(files(&state) > 10);
        objects(&station, &["remove", "directory"]);
        until("an empty directory", || (files(&state) == 0).then_some(()));
        until("the end of it", || {
            objects(&station, &["show"])["old"].as_array().unwrap().is_empty().then_some(())
        });
        assert!(raw(&station, "kept") == kept);
        for n in 0..count.load(Ordering::Relaxed) {
            assert!(raw(&station, &format!("more{n}")) == image(n as u8 + 10, 5 * MIB), "more{n}");
        }
        let proved = piprov(&station, &["image", "verify", "kept"]);
        assert_eq!(
            proved.last().unwrap()["value"]["damaged"].as_array().map(Vec::len),
            Some(0),
            "{proved:?}"
        );
        // People see in the audit who did it.
        let audit = station.admin("GET", "/api/v1/audit?limit=100", None).ok().to_string();
        assert!(audit.contains("objects.move") && audit.contains("objects.remove"), "{audit}");
    });
}

#[test]
fn two_stations_with_a_directory_each_move_into_one_bucket() {
    within(LIMIT, || {
        let (server, database) = (Seaweed::get(), Postgres::get().database());
        let place = format!("s3://{}/both", server.bucket());
        let start = || {
            let dir = tempfile::tempdir().unwrap();
            let config = config(dir.path(), server, &format!("store = '{database}'"));
            (Station::start(dir.path(), &["--config", &config]), dir)
        };
        let ((one, one_dir), (other, other_dir)) = (start(), start());
        let (first, second) = (image(1, 13 * MIB), image(2, 9 * MIB));
        one.put("/api/v1/images/first", &first).ok();
        other.put("/api/v1/images/second", &second).ok();
        // One is told, and both do it: the other one's directory is nobody else's.
        objects(&one, &["move", &place, "--wait"]);
        assert_eq!(objects(&other, &["show"])["place"], place);
        assert!(fails(&one, &["objects", "forget", "0000000000"]).contains("there is no such station"));
        assert!(raw(&other, "first") == first && raw(&one, "second") == second);
        let old = objects(&one, &["show"])["old"].as_array().unwrap().clone();
        let stations: Vec<_> = old.iter().map(|old| old["station"].as_str().unwrap()).collect();
        let (mut keys, mut found) = (vec![one.key.as_str(), other.key.as_str()], stations);
        keys.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, keys, "{old:?}");
        // Each empties its own.
        let directories = [&one_dir, &other_dir].map(|dir| dir.path().join("station/objects"));
        assert!(directories.iter().all(|dir| files(dir) > 0));
        objects(&other, &["remove", "directory"]);
        until("two empty directories", || directories.iter().all(|dir| files(dir) == 0).then_some(()));
        assert!(raw(&other, "first") == first && raw(&one, "second") == second);
    });
}

#[test]
fn a_bucket_that_is_away_is_waited_for_and_then_told() {
    within(LIMIT, || {
        let (server, dir) = (Seaweed::own(), tempfile::tempdir().unwrap());
        let bucket = server.bucket();
        let more = format!("objects = 's3://{bucket}'\nobjects-patience = 60");
        let args = ["--config", &config(dir.path(), &server, &more)];
        let mut station = Station::start(dir.path(), &args);
        let (first, second) = (image(1, 5 * MIB), image(2, 9 * MIB));
        station.put("/api/v1/images/first", &first).ok();
        std::thread::scope(|scope| {
            server.stop();
            let put = scope.spawn(|| station.put("/api/v1/images/second", &second));
            std::thread::park_timeout(Duration::from_secs(4));
            server.go_on();
            put.join().unwrap().ok();
        });
        assert!(raw(&station, "second") == second);
        // For longer than it is waited for: it is told why, and nothing counts that isn't there.
        station.end();
        let more = format!("objects = 's3://{bucket}'\nobjects-patience = 2");
        let args = ["--config", &config(dir.path(), &server, &more)];
        server.stop();
        let begun = Instant::now();
        let station = Station::start(dir.path(), &args);
        let refused = station.put("/api/v1/images/third", &first[..4096]);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        let text = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(
            refused.status >= 500 && text.contains("the object store") && text.contains(&server.endpoint()),
            "{text}"
        );
        let trouble = until("the trouble", || {
            let status = station.admin("GET", "/api/v1/station", None).ok();
            status["troubles"].as_array().unwrap().iter().find(|one| one["about"] == "objects").cloned()
        });
        assert_eq!(trouble["is"], "here", "{trouble}");
        server.go_on();
        // It has much to do before it answers as it should, where the host has, too.
        until("the bucket answers", || {
            (station.put("/api/v1/images/third", &first[..4096]).status < 300).then_some(())
        });
        assert!(raw(&station, "first") == first && raw(&station, "third") == first[..4096]);
    });
}

#[test]
fn settings_that_do_not_do_are_told_before_anything_is_kept_there() {
    within(LIMIT, || {
        let server = Seaweed::get();
        let bucket = server.bucket();
        let dir = tempfile::tempdir().unwrap();
        let station = Station::start(dir.path(), &["--config", &config(dir.path(), server, "")]);
        for (place, wanted) in
            [("s3://not-there", "there is no such bucket"), ("directory", "the objects are in directory")]
        {
            let told = fails(&station, &["objects", "move", place]);
            assert!(told.contains(wanted), "{told}");
        }
        let told = fails(&station, &["objects", "move", "s3://NO"]);
        assert!(told.contains("a bucket's name has 3 to 63"), "{told}");
        let told = fails(&station, &["objects", "remove", &format!("s3://{bucket}")]);
        assert!(told.contains("no objects were left in"), "{told}");
        // Others may read the keys.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(dir.path().join("keys"), std::fs::Permissions::from_mode(0o644)).unwrap();
        let told = fails(&station, &["objects", "move", &format!("s3://{bucket}")]);
        assert!(told.contains("others may read it (mode 0644)") && told.contains("chmod o=,g-w"), "{told}");
        crate::seaweed::keys(dir.path(), (crate::seaweed::KEY.0, "another"), &server.endpoint());
        let told = fails(&station, &["objects", "move", &format!("s3://{bucket}")]);
        assert!(told.contains("doesn't take the key") && told.contains("AWS_SECRET_ACCESS_KEY"), "{told}");
        assert!(!told.contains("another"), "{told}");
        assert_eq!(objects(&station, &["show"])["place"], "directory");
        assert!(server.names(&bucket).is_empty());
    });
}

/// nginx, as docs/device-api.md sets it up.
struct Cache {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Cache {
    fn start(dir: &Path, station: &Station) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/nginx/usr/sbin/nginx");
        assert!(program.exists(), "{} is missing: tools/install-packages test", program.display());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/device-api.md")).unwrap();
        let block = page.split("\n## A cache in front").nth(1).unwrap().split("```").nth(1).unwrap();
        let block = block.replace("/var/cache/piprov", &dir.join("cache").display().to_string());
        let block = block.replace("http://10.0.0.1:8080", &format!("http://{}", station.address));
        let block = block.replace("listen 8081;", &format!("listen 127.0.0.1:{port};"));
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {}/{what};\n", dir.display()))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error;\nevents {{ }}\nhttp {{\n{temporary}\
             log_format how '$request_method $uri $upstream_cache_status';\naccess_log {0}/log how;\n{block}\n}}\n",
            dir.display()
        );
        std::fs::write(dir.join("nginx.conf"), text).unwrap();
        let mut command = Command::new(&program);
        command
            .arg("-t")
            .arg("-p")
            .arg(dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .arg("-e")
            .arg(dir.join("error"));
        let tried = command.output().unwrap();
        assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
        let mut command = Command::new(program);
        command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let cache = Self { child, port, log: dir.join("log") };
        until("the cache", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        cache
    }

    /// How chunks were answered.
    fn chunks(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let chunks = log.lines().filter(|line| line.starts_with("GET ") && line.contains("/chunks/"));
        chunks.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn of_a_second_board_the_station_sends_no_chunk_where_a_cache_stands_between() {
    within(LIMIT, || {
        let (dir, at) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let station = Station::start(dir.path(), &["--enrol", "open"]);
        let cache = Cache::start(at.path(), &station);
        let image = image(1, 20 * MIB);
        station.put("/api/v1/images/os", &image).ok();
        piprov(&station, &["project", "add", "p", "--image", "os", "--end", "wait"]);
        piprov(&station, &["rule", "add", "all", "--project", "p", "--any"]);
        let sent = || {
            let text = String::from_utf8(station.admin("GET", "/metrics", None).body).unwrap();
            let line = text.lines().find(|line| line.starts_with("piprov_sent_bytes_total ")).unwrap();
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        };
        let done = |count: usize| {
            until("the end of a run", || {
                let runs = station.admin("GET", "/api/v1/runs?limit=10", None).ok();
                let runs = runs["items"].as_array().unwrap().clone();
                (runs.iter().filter(|run| run["outcome"] == "done").count() == count).then_some(())
            });
        };
        let mut agents = Vec::new();
        for (n, serial) in ["10000000bbbb0001", "10000000bbbb0002"].into_iter().enumerate() {
            let (before, known) = (sent(), cache.chunks().len());
            let disk = dir.path().join(format!("{serial}.disk"));
            std::fs::write(&disk, vec![0xee; 24 * MIB]).unwrap();
            let key = dir.path().join(format!("{serial}.key"));
            agents.push(Agent::at(&format!("http://127.0.0.1:{}", cache.port), &key, serial, &disk));
            done(n + 1);
            assert!(std::fs::read(&disk).unwrap()[..image.len()] == image, "{serial}");
            let chunks = cache.chunks().split_off(known);
            let (all, sent) = (chunks.len(), sent() - before);
            let hits = chunks.iter().filter(|how| *how == "HIT").count();
            assert!(all >= 4, "{chunks:?}");
            // Its index comes from the station.
            match n {
                0 => assert!(hits == 0 && sent > (15 * MIB) as f64, "{sent} {chunks:?}"),
                _ => assert!(hits == all && sent < MIB as f64, "{sent} {chunks:?}"),
            }
        }
        // Who shows no token gets nothing that the cache hasn't got.
        let mut foreign = station.call("GET", "/api/v1/device/jobs/x/index", None, None);
        assert_eq!(foreign.status, 401);
        foreign =
            station.call("GET", &format!("/api/v1/device/jobs/x/chunks/{}", "0".repeat(64)), None, None);
        assert_eq!(foreign.status, 401);
    });
}
