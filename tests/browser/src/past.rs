//! What was done before a test began.

use std::path::Path;
use std::process::Command;

use serde_json::json;

/// A record that another command has left below a station's state directory, so many days ago; its day.
pub(crate) fn record(dir: &Path, days: u32, target: &str, image: &str) -> String {
    let ago = format!("{days} days ago");
    let done = Command::new("date").args(["-u", "-d", &ago, "+%Y-%m-%d"]).output().unwrap();
    let day = String::from_utf8(done.stdout).unwrap().trim().to_owned();
    let job = format!("{days:012x}");
    let record = json!({
        "schema": 1, "job": job, "target": target, "mac": "dc:a6:32:01:02:09", "ip": "10.0.0.9",
        "started": format!("{day}T12:02:11Z"), "seconds": 271.5, "stage": "done", "outcome": "done",
        "authenticated": true, "bound": "secret", "bytes": 2_856_321_024_u64, "steps": [], "card": null,
        "image": {"name": image, "format": "xz", "raw_len": 5, "file_sha256": null, "raw_sha256": null},
    });
    let runs = dir.join("runs");
    std::fs::create_dir_all(&runs).unwrap();
    let name = format!("{}T120211Z-{target}-{job}.json", day.replace('-', ""));
    std::fs::write(runs.join(name), record.to_string()).unwrap();
    day
}
