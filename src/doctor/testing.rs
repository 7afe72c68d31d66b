//! Hosts for tests.

use super::Host;
use crate::config::Settings;
use std::fs;
use std::path::Path;

/// A host that has what was put there, and nothing else.
pub(super) struct Machine(tempfile::TempDir);

impl Machine {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn host(&self, uid: u32) -> Host {
        Host { root: self.0.path().to_owned(), uid }
    }
}

pub(super) fn settings() -> Settings {
    Settings::load(Some(Path::new("/dev/null"))).unwrap()
}
