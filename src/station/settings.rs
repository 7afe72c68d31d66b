//! Settings that change while the station serves. What is saved stands in the store, a row a setting; it comes before the
//! files of settings, and behind flags and environment variables of this start.

use std::sync::{Arc, PoisonError, RwLock};

use super::store::{self, Keep, Store};
use crate::config::station::Enrol;
use crate::config::{CHANGE_WHILE_SERVING, Error, Settings};
use crate::station_api::SettingLine;

/// What stands in front of their names in the store.
const SAVED: &str = "saved:";

/// The settings as they hold now.
#[derive(Debug)]
pub(super) struct Live {
    /// As the process has read them.
    read: Arc<Settings>,
    now: RwLock<Now>,
}

#[derive(Debug, Clone)]
struct Now {
    settings: Arc<Settings>,
    /// What is saved, by name.
    saved: Vec<(&'static str, String)>,
}

impl Live {
    /// With what is saved in the store. What makes no sense to this version is left where it is, and doesn't count.
    pub(super) async fn open(read: Arc<Settings>, store: &Store) -> Result<Self, store::Error> {
        let mut saved = Vec::new();
        for key in CHANGE_WHILE_SERVING {
            if let Some(text) = store.setting(&name(key)).await? {
                saved.push((*key, text));
            }
        }
        let now = RwLock::new(Now::of(&read, saved));
        Ok(Self { read, now })
    }

    /// All of them.
    pub(super) fn now(&self) -> Arc<Settings> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner).settings)
    }

    /// What becomes of boards that nobody knows.
    pub(super) fn enrol(&self) -> Enrol {
        self.now().station.enrol.value
    }

    /// How long things are kept.
    pub(super) fn keep(&self) -> Keep {
        let station = &self.now().station;
        Keep {
            runs_days: station.keep_runs.value.map(Into::into),
            runs_most: None,
            logs_days: station.keep_logs.value.map(Into::into),
            sightings_days: station.keep_sightings.value.map(Into::into),
            audit_days: station.keep_audit.value.map(Into::into),
        }
    }

    /// What a value would be, as it is written; nothing is changed.
    ///
    /// # Errors
    /// Where it is no such value, or the setting can't be changed while the station serves.
    pub(super) fn check(&self, key: &str, text: &str) -> Result<String, Error> {
        let mut settings = Settings::without_files();
        settings.take_saved(key, text)?;
        let row = settings.rows().into_iter().find(|row| row.key == key);
        Ok(row.map(|row| row.value.to_string()).unwrap_or_default())
    }

    /// Takes over what is saved from now on; `None`: the files count again.
    pub(super) async fn save(
        &self,
        store: &Store,
        key: &str,
        text: Option<&str>,
    ) -> Result<(), store::Error> {
        let Some(key) = CHANGE_WHILE_SERVING.iter().find(|known| **known == key) else { return Ok(()) };
        // On disk first: what is said to be saved is so after the next start too.
        store.set(&name(key), text).await?;
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let mut saved = now.saved.clone();
        saved.retain(|(known, _)| known != key);
        saved.extend(text.map(|text| (*key, text.to_owned())));
        *now = Now::of(&self.read, saved);
        Ok(())
    }

    /// Each of them, with where its value comes from.
    pub(super) fn lines(&self) -> Vec<SettingLine> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (built_in, of_files) = (Settings::without_files(), &self.read);
        let rows = now.settings.rows().into_iter().zip(built_in.rows()).zip(of_files.rows());
        let line = |((row, built_in), read): (
            (crate::config::Row<'_>, crate::config::Row<'_>),
            crate::config::Row<'_>,
        )| {
            let changes = CHANGE_WHILE_SERVING.contains(&row.key);
            SettingLine {
                key: row.key.to_owned(),
                value: row.value.to_string(),
                comes_from: row.origin.to_string(),
                help: row.help.split_whitespace().collect::<Vec<_>>().join(" "),
                wanted: row.wanted,
                built_in: built_in.value.to_string(),
                changes,
                fixed: changes && row.origin.is_of_this_start(),
                saved: now.saved.iter().any(|(key, _)| *key == row.key),
                otherwise: read.value.to_string(),
            }
        };
        rows.map(line).collect()
    }
}

impl Now {
    fn of(read: &Settings, saved: Vec<(&'static str, String)>) -> Self {
        let mut settings = read.clone();
        for (key, text) in &saved {
            if let Err(error) = settings.take_saved(key, text) {
                tracing::warn!(%error, "a saved setting doesn't count");
            }
        }
        Self { settings: Arc::new(settings), saved }
    }
}

fn name(key: &str) -> String {
    format!("{SAVED}{key}")
}
