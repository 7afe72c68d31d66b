//! What a script finds in its environment, whichever client runs it. Pure.

use std::collections::BTreeMap;

use super::{Names, Script};
use crate::board::{Mac, Serial};
use crate::process::{PATH, plain, value_variable};

/// What scripts are told of their board and its job.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The station's address.
    pub(crate) station: String,
    /// Its host with its port; empty where it is reached by a socket.
    pub(crate) server: String,
    /// The path of the disk that the image goes to.
    pub(crate) storage: String,
    /// The board's serial number.
    pub(crate) serial: Option<Serial>,
    /// Its first Ethernet address.
    pub(crate) mac: Option<Mac>,
    /// Its model.
    pub(crate) model: Option<String>,
    /// Its memory in bytes.
    pub(crate) memory: Option<u64>,
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
    pub(crate) fn of(&self, script: &Script, home: &str) -> Vec<(String, String)> {
        let system =
            [("PATH", PATH), ("HOME", home), ("TMPDIR", home), ("LANG", "C.UTF-8"), ("TERM", "dumb")];
        let system = system.map(|(name, value)| (name.to_owned(), plain(value)));
        system.into_iter().chain(self.facts(script)).collect()
    }

    /// Those of them that tell of the board and its job.
    pub(crate) fn facts(&self, script: &Script) -> Vec<(String, String)> {
        let serial = self.serial.as_ref().map(ToString::to_string).unwrap_or_default();
        let ours = [
            ("SERVER", self.server.clone()),
            ("STORAGE", self.storage.clone()),
            ("PART1", partition(&self.storage, 1)),
            ("PART2", partition(&self.storage, 2)),
            ("SERIAL", serial.clone()),
            ("PIPROV_SCRIPT", script.name.clone()),
            ("PIPROV_WHEN", script.when.word().to_owned()),
            ("PIPROV_STATION", self.station.clone()),
            ("PIPROV_BOARD", self.names.board.clone()),
            ("PIPROV_SERIAL", serial),
            ("PIPROV_MAC", self.mac.map(|mac| mac.to_string()).unwrap_or_default()),
            ("PIPROV_MODEL", self.model.clone().unwrap_or_default()),
            ("PIPROV_MEMORY", self.memory.map(|bytes| bytes.to_string()).unwrap_or_default()),
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
pub(crate) fn sample() -> Surroundings {
    Surroundings {
        station: "http://10.0.0.1:8080".to_owned(),
        server: "10.0.0.1:8080".to_owned(),
        storage: "/dev/mmcblk0".to_owned(),
        serial: "10000000af04b2da".parse().ok(),
        mac: "dc:a6:32:01:02:03".parse().ok(),
        model: Some("Compute\u{0}Module 4\n".to_owned()),
        memory: None,
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
