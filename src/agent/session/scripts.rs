//! Scripts of a job: what they are told, and what the station is told of them.

use std::path::{Path, PathBuf};

use super::progress::Told;
use super::source::patience;
use super::{Disks, Session, patient};
use crate::agent::error::Failure;
use crate::agent::scripts::{Scripts, Tell};
use crate::agent::{Deployed, Error, FetchError};
use crate::device_api::{Manifest, Script, ScriptEnd, ScriptTold, Surroundings, Work};
use crate::http::{self, Client, Origin};
use crate::run::Stage;
use crate::stop::Stop;

/// Where scripts have their directories on a board.
const PLACE: &str = "/run/piprov/scripts";

/// Tells the station of each script.
struct Teller<'a> {
    /// Hears the job's end: nothing begins any more then.
    begins: Client,
    /// Hears only this program's end: how a script ended is told also of a job that is cancelled.
    ends: Client,
    job: &'a str,
    fence: u64,
}

impl Teller<'_> {
    fn tell(&self, client: &Client, script: &Script, ended: Option<&ScriptEnd>) -> Result<(), FetchError> {
        let told = ScriptTold { fence: self.fence, name: script.name.clone(), ended: ended.cloned() };
        let path = format!("{}/script", self.job);
        let call = || client.post(&path).send_json(&told).map(drop);
        patient(&mut patience(), client.stop(), call).map_err(|error: http::Error| FetchError::of(&error))
    }
}

impl Tell for Teller<'_> {
    fn begins(&self, script: &Script) -> Result<(), FetchError> {
        self.tell(&self.begins, script, None)
    }

    fn ended(&self, script: &Script, end: &ScriptEnd) -> Result<(), FetchError> {
        self.tell(&self.ends, script, Some(end))
    }
}

impl Session<'_> {
    /// Deploys with what runs before and after it. What was written and proved is there also where a script failed then.
    pub(super) fn deploy_with_scripts(
        &self,
        work: &Work,
        path: &str,
        manifest: &Manifest,
        stop: &Stop,
        told: &Told<'_>,
        device: &mut Option<String>,
    ) -> (Option<Deployed>, Result<(), Failure>) {
        let before = |error: Error| (None, Err(Failure::untouched(Stage::Prepare)(error)));
        let http = |error: http::Error| Error::Fetch(FetchError::of(&error));
        let place = match &self.options.disks {
            Disks::Real => PathBuf::from(PLACE),
            Disks::Files(_) if self.options.run_scripts => std::env::temp_dir(),
            Disks::Files(_) => return before(Error::NoScripts),
        };
        let disk = match self.path_of_disk(&manifest.target, device) {
            Ok(path) => std::path::absolute(&path).unwrap_or(path),
            Err(error) => return before(error),
        };
        let client = |stop| self.client_with(stop).and_then(|client| client.with_token(&work.token));
        let (begins, ends) = match (client(stop), client(self.stop)) {
            (Ok(begins), Ok(ends)) => (begins, ends),
            (Err(error), _) | (_, Err(error)) => return before(http(error)),
        };
        let surroundings = self.surroundings(manifest, &disk);
        let scripts = Scripts {
            all: &manifest.scripts,
            surroundings: &surroundings,
            place: &place,
            stop,
            watch: told,
            tell: &Teller { begins, ends, job: path, fence: work.fence },
        };
        // The disk is opened after what runs before: that may make another one of it.
        scripts.around(|| self.deploy_to(&work.token, path, manifest, stop, told, device))
    }

    fn surroundings(&self, manifest: &Manifest, disk: &Path) -> Surroundings {
        let (board, origin) = ((self.facts)(), &self.options.origin);
        Surroundings {
            station: origin.to_string(),
            server: match origin {
                Origin::Tcp { .. } => origin.host_header(),
                Origin::Unix(_) => String::new(),
            },
            storage: disk.to_string_lossy().into_owned(),
            serial: board.serial,
            mac: board.macs.first().copied(),
            model: board.model,
            memory: board.memory,
            names: manifest.names.clone(),
            job: manifest.job.clone(),
            image: manifest.image.as_ref().map(|image| image.name.clone()).unwrap_or_default(),
            values: manifest.values.clone(),
        }
    }
}
