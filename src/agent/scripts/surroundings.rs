//! What a script finds in its environment. Pure.

use std::collections::BTreeMap;

use crate::device_api::{Names, Register, Script};
use crate::http::Origin;
use crate::process::{PATH, plain, value_variable};

/// What scripts are told of their board and its job.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The station.
    pub(crate) station: Origin,
    /// The path of the disk that the image goes to.
    pub(crate) storage: String,
    /// What the board is.
    pub(crate) board: Register,
    /// What the station calls all of that.
    pub(crate) names: Names,
    /// The job.
    pub(crate) job: String,
    /// The image's name.
    pub(crate) image: String,
    /// What is the board's own, by the names that people have given: letters, digits and `_`.
    pub(crate) values: BTreeMap<String, String>,
}

/// The path of a partition, as the kernel makes it.
fn partition(storage: &str, number: u32) -> String {
    let between = if storage.ends_with(|char: char| char.is_ascii_digit()) { "p" } else { "" };
    format!("{storage}{between}{number}")
}

impl Surroundings {
    /// All variables of a script that is run in this directory. Nothing else is in its environment.
    pub(super) fn of(&self, script: &Script, home: &str) -> Vec<(String, String)> {
        let board = &self.board;
        let server = match &self.station {
            Origin::Tcp { .. } => self.station.host_header(),
            Origin::Unix(_) => String::new(),
        };
        let serial = board.serial.as_ref().map(ToString::to_string).unwrap_or_default();
        let mac = board.macs.first().map(ToString::to_string).unwrap_or_default();
        let ours = [
            ("PATH", PATH.to_owned()),
            ("HOME", home.to_owned()),
            ("TMPDIR", home.to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "dumb".to_owned()),
            ("SERVER", server),
            ("STORAGE", self.storage.clone()),
            ("PART1", partition(&self.storage, 1)),
            ("PART2", partition(&self.storage, 2)),
            ("SERIAL", serial.clone()),
            ("PIPROV_SCRIPT", script.name.clone()),
            ("PIPROV_WHEN", script.when.word().to_owned()),
            ("PIPROV_STATION", self.station.to_string()),
            ("PIPROV_BOARD", self.names.board.clone()),
            ("PIPROV_SERIAL", serial),
            ("PIPROV_MAC", mac),
            ("PIPROV_MODEL", board.model.clone().unwrap_or_default()),
            ("PIPROV_MEMORY", board.memory.map(|bytes| bytes.to_string()).unwrap_or_default()),
            ("PIPROV_SLOT", self.names.slot.clone()),
            ("PIPROV_PROJECT", self.names.project.clone()),
            ("PIPROV_JOB", self.job.clone()),
            ("PIPROV_RUN", self.names.run.clone()),
            ("PIPROV_IMAGE", self.image.clone()),
        ];
        let ours = ours.map(|(name, value)| (name.to_owned(), plain(&value)));
        let values = self.values.iter();
        let values = values.filter_map(|(name, value)| Some((value_variable(name)?, plain(value))));
        ours.into_iter().chain(values).collect()
    }
}

#[cfg(test)]
pub(super) fn sample() -> Surroundings {
    Surroundings {
        station: "http://10.0.0.1:8080".parse().unwrap(),
        storage: "/dev/mmcblk0".to_owned(),
        board: serde_json::from_value(serde_json::json!({
            "api": 1, "nonce": "", "key": "", "agent": "0.1.0", "serial": "10000000af04b2da",
            "macs": ["dc:a6:32:01:02:03"], "model": "Compute\u{0}Module 4\n"
        }))
        .unwrap(),
        names: Names {
            board: "lab-01".into(),
            run: "r".into(),
            project: "gateway".into(),
            slot: "A-01".into(),
        },
        job: "j".to_owned(),
        image: "raspios".to_owned(),
        values: [("host_name", "gw-1"), ("a=b", "x"), ("", "y")].map(|(a, b)| (a.into(), b.into())).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_find_the_words_that_they_know_and_ours() {
        let all: BTreeMap<_, _> = sample().of(&Script::default(), "/run/x").into_iter().collect();
        for (name, value) in [
            ("SERVER", "10.0.0.1:8080"),
            ("STORAGE", "/dev/mmcblk0"),
            ("PART1", "/dev/mmcblk0p1"),
            ("PART2", "/dev/mmcblk0p2"),
            ("SERIAL", "10000000af04b2da"),
            ("HOME", "/run/x"),
            ("PIPROV_MAC", "dc:a6:32:01:02:03"),
            ("PIPROV_MODEL", "ComputeModule 4"),
            ("PIPROV_BOARD", "lab-01"),
            ("PIPROV_SLOT", "A-01"),
            ("PIPROV_PROJECT", "gateway"),
            ("PIPROV_VALUE_HOST_NAME", "gw-1"),
        ] {
            assert_eq!(all.get(name).map(String::as_str), Some(value), "{name}");
        }
        // Names that are none are left out.
        assert!(
            all.keys()
                .all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'))
        );
        assert_eq!(partition("/dev/sda", 2), "/dev/sda2");
        assert_eq!(partition("/dev/nvme0n1", 1), "/dev/nvme0n1p1");
    }
}
