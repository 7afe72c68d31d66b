//! Settings that a station changes while it serves. They are saved in its store, and stand between what is said for one
//! start (flags and the environment) and what the files say.

use std::path::Path;

use super::value::Raw;
use super::{Error, Origin, Settings};

/// The settings that may be changed while a station serves, by their names.
pub const CHANGE_WHILE_SERVING: &[&str] = &[
    "station.enrol",
    "station.keep-runs",
    "station.keep-logs",
    "station.keep-sightings",
    "station.keep-audit",
    "station.shell-clients",
];

impl Origin {
    /// Whether it was said for this start alone: what is saved in a station doesn't change that.
    #[must_use]
    pub const fn is_of_this_start(&self) -> bool {
        matches!(self, Self::Environment { .. } | Self::Flag { .. })
    }
}

impl Settings {
    /// Takes over what is saved in a station; it is checked as in a file. A flag or an environment variable comes before
    /// it: then nothing changes.
    ///
    /// # Errors
    /// [`Error::Bad`] where it is no such value, or the setting can't be changed while a station serves.
    pub fn take_saved(&mut self, key: &str, text: &str) -> Result<(), Error> {
        let bad = |why: String| Error::Bad { origin: Origin::Saved, key: key.to_owned(), why };
        if !CHANGE_WHILE_SERVING.contains(&key) {
            return Err(bad("it can't be changed while the station serves".to_owned()));
        }
        let mut checked = self.clone();
        let raw = Raw::Text(text.to_owned());
        match checked.set(key, &raw, &Origin::Saved, Path::new("")) {
            Some(Ok(())) => {}
            Some(Err(wrong)) => return Err(bad(wrong.why)),
            None => return Err(bad("there is no such setting".to_owned())),
        }
        let fixed = self.rows().iter().any(|row| row.key == key && row.origin.is_of_this_start());
        if !fixed {
            *self = checked;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KEYS, station::Enrol};

    #[test]
    fn what_is_saved_comes_behind_flags_and_environment_and_before_files() {
        let mut settings = Settings::without_files();
        settings.take_saved("station.enrol", "open").unwrap();
        assert_eq!(
            (settings.station.enrol.value, &settings.station.enrol.origin),
            (Enrol::Open, &Origin::Saved)
        );
        settings.take_saved("station.keep-runs", "30").unwrap();
        assert_eq!(settings.station.keep_runs.value, Some(30));
        settings.take_saved("station.keep-runs", "off").unwrap();
        assert_eq!(settings.station.keep_runs.value, None);

        settings.station.enrol = settings.station.enrol.or_flag("--enrol", Some(Enrol::Ask));
        settings.take_saved("station.enrol", "open").unwrap();
        assert_eq!(settings.station.enrol.value, Enrol::Ask, "a flag of this start comes first");
    }

    #[test]
    fn what_makes_no_sense_changes_nothing() {
        let mut settings = Settings::without_files();
        for (key, text) in [
            ("station.enrol", "perhaps"),
            ("station.keep-runs", "0"),
            ("station.keep-runs", "many"),
            ("station.shell-clients", "2"),
            ("station.listen", "0.0.0.0:80"),
            ("nothing", "1"),
        ] {
            assert!(matches!(settings.take_saved(key, text), Err(Error::Bad { .. })), "{key}={text}");
        }
        assert!(settings.rows().iter().all(|row| *row.origin == Origin::Default));
    }

    #[test]
    fn each_of_them_is_a_setting() {
        assert!(CHANGE_WHILE_SERVING.iter().all(|key| KEYS.contains(key)));
    }
}
