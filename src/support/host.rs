//! What is collected of this host.

use std::path::Path;

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

/// What this host is, what it lacks, how it is set up, and what its commands have done last. Nothing is changed.
pub fn collect(bundle: &mut Bundle, settings: &Settings, stop: &Stop) {
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
    let all = Scope { usb: true, flash: true };
    bundle.json("doctor.json", &doctor::look(&doctor::Host::this(), settings, all, stop));
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
    runs(bundle, &settings.state_dir.value);
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
