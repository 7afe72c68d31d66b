//! What a hook is told: a few variables, and all of it as JSON. No secret is in either: keys of first-boot settings, tokens
//! and passwords stand elsewhere. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use crate::format::json::{self, json};
use crate::process::{PATH, plain, value_variable};
use crate::station_api::{Board, HostEvent, Job};

/// What is known when hooks are run.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) event: HostEvent,
    /// The station's first address.
    pub(super) station: String,
    pub(super) board: Board,
    pub(super) job: Option<Job>,
    /// The image's name and its sha256 as it is raw.
    pub(super) image: Option<(String, String)>,
    /// The board's values, by their names.
    pub(super) values: BTreeMap<String, String>,
    /// How the run ended, and why.
    pub(super) ended: Option<(String, String)>,
    /// Where files of the image are.
    pub(super) files: Option<Files>,
}

/// Files of the image, below a directory that goes when the hooks have ended.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) place: String,
    /// Names that aren't there.
    pub(super) left_out: u64,
}

impl Facts {
    /// All variables of one hook. Nothing else is in its environment.
    pub(super) fn variables(&self, hook: &str, directory: &Path, home: &Path) -> Vec<(String, String)> {
        let board = &self.board;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let job = self.job.as_ref();
        let of_job = |member: fn(&Job) -> Option<String>| job.and_then(member).unwrap_or_default();
        let (image, sha256) = self.image.clone().unwrap_or_default();
        let (outcome, why) = self.ended.clone().unwrap_or_default();
        let ours = [
            ("PATH", PATH.to_owned()),
            ("HOME", home.display().to_string()),
            ("TMPDIR", home.display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("PIPROV_EVENT", self.event.word().to_owned()),
            ("PIPROV_HOOK", hook.to_owned()),
            ("PIPROV_HOOKS_DIR", directory.display().to_string()),
            ("PIPROV_STATION", self.station.clone()),
            ("PIPROV_BOARD", board.called().unwrap_or_default()),
            ("PIPROV_BOARD_ID", board.id.clone()),
            ("PIPROV_SERIAL", board.serial.map(|serial| serial.to_string()).unwrap_or_default()),
            ("PIPROV_MAC", board.macs.first().map(ToString::to_string).unwrap_or_default()),
            ("PIPROV_MODEL", text(&board.model)),
            ("PIPROV_MEMORY", board.memory.map(|bytes| bytes.to_string()).unwrap_or_default()),
            ("PIPROV_SLOT", text(&board.slot)),
            ("PIPROV_SIMULATED", if board.simulated { "yes" } else { "no" }.to_owned()),
            ("PIPROV_PROJECT", of_job(|job| job.project.clone())),
            ("PIPROV_JOB", of_job(|job| Some(job.id.clone()))),
            ("PIPROV_ACTION", of_job(|job| Some(job.action.word().to_owned()))),
            ("PIPROV_RUN", of_job(|job| job.run.clone())),
            ("PIPROV_IMAGE", image),
            ("PIPROV_IMAGE_SHA256", sha256),
            ("PIPROV_OUTCOME", outcome),
            ("PIPROV_WHY", why),
        ];
        let files = self.files.iter().flat_map(|files| {
            let left_out = files.left_out.to_string();
            [("PIPROV_FILES", files.place.clone()), ("PIPROV_FILES_LEFT_OUT", left_out)]
        });
        let ours = ours.into_iter().chain(files).map(|(name, value)| (name.to_owned(), plain(&value)));
        let values = self.values.iter();
        ours.chain(values.filter_map(|(name, value)| Some((value_variable(name)?, plain(value))))).collect()
    }

    /// The same, and what doesn't fit into variables, as one line of JSON.
    pub(super) fn json(&self) -> Vec<u8> {
        let image = self.image.as_ref().map(|(name, sha256)| json!({ "name": name, "raw_sha256": sha256 }));
        let ended = self.ended.as_ref().map(|(outcome, why)| json!({ "outcome": outcome, "why": why }));
        let files = self.files.as_ref();
        let facts = json!({
            "event": self.event,
            "station": self.station,
            "board": self.board,
            "job": self.job,
            "image": image,
            "values": self.values,
            "ended": ended,
            "files": files.map(|files| json!({ "place": files.place, "left_out": files.left_out })),
        });
        let mut line = json::line(&facts).unwrap_or_default();
        line.push('\n');
        line.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_bounded_and_hide_nothing_and_the_line_has_all() {
        let board: Board = serde_json::from_value(serde_json::json!({
            "id": "b", "serial": "10000000af04b2da", "macs": ["dc:a6:32:01:02:03"], "model": "x\u{1b}[2J\u{0}y",
            "enrolment": "enrolled", "held": "armed", "first_seen": 0, "last_seen": 0,
        }))
        .unwrap();
        let values = [("host_name", "gw-1"), ("LD_PRELOAD=x", "y"), ("long", &*"v".repeat(5000))];
        let facts = Facts {
            event: HostEvent::Done,
            station: "http://s".to_owned(),
            board,
            job: None,
            image: Some(("raspios".to_owned(), "ab".to_owned())),
            values: values.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ended: Some(("done".to_owned(), String::new())),
            files: None,
        };
        let all: BTreeMap<_, _> =
            facts.variables("done.d/x", Path::new("/h"), Path::new("/t")).into_iter().collect();
        for (name, value) in [
            ("PIPROV_EVENT", "done"),
            ("PIPROV_SERIAL", "10000000af04b2da"),
            ("PIPROV_MODEL", "x[2Jy"),
            ("PIPROV_VALUE_HOST_NAME", "gw-1"),
            ("PIPROV_OUTCOME", "done"),
            ("PIPROV_JOB", ""),
        ] {
            assert_eq!(all.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(all["PIPROV_VALUE_LONG"].len(), 1024);
        assert!(all.keys().all(|name| !name.contains('=')), "{all:?}");
        let line = facts.json();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read["values"]["long"].as_str().unwrap().len(), 5000);
    }
}
