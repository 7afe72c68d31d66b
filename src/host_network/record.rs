//! What was changed of a host, kept so that exactly that can be taken back.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::plan::{self, Contents, Plan, Step};
use super::{Error, Site};
use crate::beneath::{Access, read_bounded};
use crate::format::json;

/// Where it is kept: beside the settings, where only root writes. The state directory may be another user's.
pub const RECORD: &str = "etc/piprov/host-network.json";
/// What is longer wasn't written by piprov.
const LONGEST: u64 = 2 << 20;

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The form of this record: 1.
    pub schema: u32,
    /// When, as RFC 3339 has it.
    pub time: String,
    /// The plan, with what was there before.
    pub plan: Plan,
    /// Directories that were made, in their order.
    pub dirs: Vec<String>,
}

impl Record {
    /// One of now.
    pub(super) fn of(plan: &Plan) -> Self {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { schema: 1, time, plan: plan.clone(), dirs: Vec::new() }
    }

    /// Why it can't be believed: it names something that no plan changes.
    fn doubt(&self) -> Option<String> {
        if self.schema != 1 {
            return Some(format!("its form is {}, and 1 is known", self.schema));
        }
        for change in &self.plan.changes {
            let good = match &change.after {
                Contents::File { mode, .. } => {
                    plan::may_change(&change.path) && matches!(mode, 0o600 | 0o644)
                }
                Contents::Link { target } => {
                    change.path == plan::LINK
                        && *target == format!("/{}", plan::UNIT)
                        && change.before.is_none()
                }
            };
            if !good {
                return Some(format!("it names {}, which piprov doesn't change", change.path));
            }
        }
        let made = |dir: &&String| {
            !self.plan.changes.iter().any(|change| change.path.starts_with(&format!("{dir}/")))
                && **dir != "etc/piprov"
                && **dir != "etc"
        };
        if let Some(dir) = self.dirs.iter().find(made) {
            return Some(format!("it names {dir}, which piprov doesn't make"));
        }
        let plan = &self.plan;
        let steps = [&plan.apply.before, &plan.apply.after, &plan.undo.before, &plan.undo.after];
        steps.into_iter().flatten().find_map(|step| match step {
            Step::Run(words) | Step::Try(words) if !plan::may_run(words) => Some(format!(
                "it names {}, which piprov doesn't run",
                words.first().map_or("nothing", String::as_str)
            )),
            _ => None,
        })
    }
}

impl Site {
    /// The record of what was changed; `None` where nothing was.
    ///
    /// # Errors
    /// Where it can't be read, or others than root may have written it.
    pub fn record(&self) -> Result<Option<Record>, Error> {
        let path = self.root().at(RECORD);
        let bad = |why: String| Error::BadRecord { path: path.clone(), why };
        let file = match self.root().file(RECORD) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::os("reading", &path)(error)),
        };
        // As root, everything is done that stands in it.
        let owner = self.owner();
        let dir = self.root().dir("etc/piprov").map_err(|error| Error::os("reading", &path)(error.into()))?;
        for at in [file.as_fd(), dir.as_fd()] {
            let stat = rustix::fs::fstat(at).map_err(|error| Error::os("reading", &path)(error.into()))?;
            if stat.st_uid != owner || stat.st_mode & 0o022 != 0 {
                return Err(bad("others may have written it".to_owned()));
            }
        }
        let bytes = read_bounded(&file, LONGEST).map_err(Error::os("reading", &path))?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        match record.doubt() {
            Some(why) => Err(bad(why)),
            None => Ok(Some(record)),
        }
    }

    /// Writes it, and reads it again.
    pub(super) fn write_record(&self, record: &Record) -> Result<(), Error> {
        let path = self.root().at(RECORD);
        let failed = || Error::os("writing", path.clone());
        let text = json::pretty(record).map_err(|error| failed()(error.into()))? + "\n";
        let dir = self.root().dir("etc/piprov").map_err(|error| failed()(error.into()))?;
        dir.replace_file("host-network.json", text.as_bytes(), Access::Mode(0o600)).map_err(failed())?;
        match self.record()? {
            Some(again) if again == *record => Ok(()),
            _ => Err(Error::BadRecord {
                path,
                why: "it was read again, and is not what was written".to_owned(),
            }),
        }
    }

    /// Removes it.
    pub(super) fn remove_record(&self) -> Result<(), Error> {
        let path = self.root().at(RECORD);
        match self.root().dir("etc/piprov") {
            Ok(dir) => dir.remove_file("host-network.json").map_err(Error::os("removing", path)),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::os("removing", path)(error.into())),
        }
    }
}
