//! What is collected of this host.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Bundle;
use crate::config::Settings;
use crate::doctor::{self, Scope};
use crate::format::json::json;
use crate::run::ledger::Ledger;
use crate::stop::Stop;

/// Runs that are told.
const RUNS: usize = 20;
/// A small file of the system has so many bytes at most.
const SMALL: u64 = 64 << 10;
/// How often it is looked whether nobody wants it any more.
const LOOK: Duration = Duration::from_millis(100);

/// A step: the member that it makes, and how.
type Step = (&'static str, Box<dyn FnOnce(&mut Bundle) + Send>);

/// What this host is, what it lacks, how it is set up, and what its commands have done last. Nothing is changed.
pub fn collect(bundle: &mut Bundle, settings: &Settings, stop: &Stop) {
    for (_, step) in steps(settings, stop) {
        step(bundle);
    }
}

/// The same within so long: what isn't there then is named as missing. A disk of another host that hangs, for one, keeps
/// only what lies on it out of the file.
#[must_use]
pub fn collect_within(limit: Duration, settings: &Settings, stop: &Stop) -> Bundle {
    within(limit, steps(settings, stop), stop)
}

fn within(limit: Duration, steps: Vec<Step>, stop: &Stop) -> Bundle {
    let until = Instant::now() + limit;
    let mut bundle = Bundle::default();
    // Each on a thread of its own: one that hangs holds up no other, and ends with the process.
    let steps: Vec<_> = steps
        .into_iter()
        .map(|(name, step)| {
            let (put, got) = mpsc::channel();
            std::thread::spawn(move || {
                let mut part = Bundle::default();
                step(&mut part);
                // Nobody waits for it any more where it took too long.
                let _ = put.send(part);
            });
            (name, got)
        })
        .collect();
    for (name, got) in steps {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match got.recv_timeout(left.min(LOOK)) {
                Ok(part) => bundle.join(part),
                Err(RecvTimeoutError::Timeout) if !left.is_zero() && !stop.is_set() => continue,
                Err(RecvTimeoutError::Timeout) => {
                    bundle.missing(format!("{name}: nothing came within {} s", limit.as_secs_f64()));
                }
                Err(RecvTimeoutError::Disconnected) => bundle.missing(format!("{name}: it can't be made")),
            }
            break;
        }
    }
    bundle
}

fn steps(settings: &Settings, stop: &Stop) -> Vec<Step> {
    let (for_doctor, for_settings, stop) = (settings.clone(), settings.clone(), stop.clone());
    let state = settings.state_dir.value.clone();
    vec![
        ("host.json", Box::new(host)),
        (
            "doctor.json",
            Box::new(move |bundle| {
                let all = Scope { usb: true, flash: true, network: true };
                let found = doctor::look(&doctor::Host::this(), &for_doctor, all, &stop);
                bundle.json("doctor.json", &found);
            }),
        ),
        ("settings.json", Box::new(move |bundle| set_up(bundle, &for_settings))),
        ("runs.json", Box::new(move |bundle| runs(bundle, &state))),
    ]
}

fn host(bundle: &mut Bundle) {
    let text = |path: &str| read(Path::new(path));
    let line = |path: &str| text(path).map(|text| text.trim().to_owned());
    let memory =
        text("/proc/meminfo").map(|text| text.lines().take(3).map(str::to_owned).collect::<Vec<_>>());
    let system = text("/etc/os-release").and_then(|text| {
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(name.trim_matches('"').to_owned())
    });
    bundle.json(
        "host.json",
        &json!({
            "piprov": env!("CARGO_PKG_VERSION"),
            "architecture": std::env::consts::ARCH,
            "kernel": line("/proc/sys/kernel/osrelease"),
            "libc": libc(),
            "system": system,
            "up_seconds": line("/proc/uptime").and_then(|text| text.split(' ').next()?.parse::<f64>().ok()),
            "load": line("/proc/loadavg"),
            "processors": std::thread::available_parallelism().ok(),
            "memory": memory,
        }),
    );
}

fn set_up(bundle: &mut Bundle, settings: &Settings) {
    let rows: Vec<_> = settings
        .rows()
        .into_iter()
        .map(|row| {
            let value = super::setting(row.key, &row.value.to_string());
            json!({ "key": row.key, "value": value, "comes_from": row.origin.to_string() })
        })
        .collect();
    let files: Vec<_> = settings
        .files
        .iter()
        .map(|(path, read)| json!({ "path": path.display().to_string(), "read": read }))
        .collect();
    bundle.json("settings.json", &json!({ "files": files, "settings": rows }));
}

fn runs(bundle: &mut Bundle, state: &Path) {
    let ledger = match Ledger::existing(state) {
        Ok(Some(ledger)) => ledger,
        Ok(None) => return bundle.missing("runs.json: commands of this host have done nothing yet"),
        Err(error) => return bundle.missing(format!("runs.json: {}", crate::error::chain(&error))),
    };
    match ledger.records() {
        Ok(records) => {
            let records = records.latest_first().filter_map(|found| found.record).take(RUNS);
            bundle.json("runs.json", &records.collect::<Vec<_>>());
        }
        Err(error) => bundle.missing(format!("runs.json: {}", crate::error::chain(&error))),
    }
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(SMALL).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The C library and its version.
#[cfg(target_env = "gnu")]
fn libc() -> String {
    // SAFETY: it gives a text that stays as long as the process, and ends with a zero.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}

/// The C library; its version isn't told.
#[cfg(not(target_env = "gnu"))]
fn libc() -> String {
    "musl".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_hangs_is_left_out_by_name_and_the_others_are_there() {
        let (end, hangs) = mpsc::channel::<()>();
        let steps: Vec<Step> = vec![
            ("runs.json", Box::new(move |_| while hangs.recv().is_ok() {})),
            ("doctor.json", Box::new(|_| panic!("on purpose"))),
            ("host.json", Box::new(|bundle| bundle.json("host.json", &1))),
        ];
        let began = Instant::now();
        let bundle = within(Duration::from_millis(300), steps, &Stop::new().unwrap());
        assert!((300..20_000).contains(&began.elapsed().as_millis()));
        drop(end);
        let mut out = Vec::new();
        assert_eq!(bundle.left(), ["runs.json: nothing came within 0.3 s", "doctor.json: it can't be made"]);
        bundle.write(std::time::SystemTime::now(), &mut out).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&out[..]));
        let names: Vec<_> =
            tar.entries().unwrap().map(|one| one.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["piprov-support/README.txt", "piprov-support/host.json"]);
    }

    #[test]
    fn who_interrupts_waits_for_nothing() {
        let (end, hangs) = mpsc::channel::<()>();
        let stop = Stop::new().unwrap();
        stop.set();
        let began = Instant::now();
        let steps: Vec<Step> = vec![("runs.json", Box::new(move |_| while hangs.recv().is_ok() {}))];
        let bundle = within(Duration::from_secs(3600), steps, &stop);
        assert!(began.elapsed() < Duration::from_secs(60) && bundle.left().len() == 1);
        drop(end);
    }
}
