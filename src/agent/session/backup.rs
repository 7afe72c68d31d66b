//! A backup to the station.

use std::ops::Range;
use std::sync::Arc;

use super::job::{Ended, ended, failed, nothing};
use super::progress::Told;
use super::source::patience;
use super::{Session, patient};
use crate::agent::backup::{BackedUp, Sink, backup, unused};
use crate::agent::error::Failure;
use crate::agent::{self, FetchError, Storage, Watch};
use crate::device_api::{Manifest, Outcome};
use crate::format::{hex, size};
use crate::http::Client;
use crate::image::chunk::{Chunk, Index};
use crate::run::Stage;
use crate::stop::Stop;

/// The kind of body that chunks and indexes are.
const BYTES: &str = "application/octet-stream";

struct Remote {
    client: Client,
    job: String,
}

impl Sink for Remote {
    fn known(&self, _: &mut Chunk) -> Result<bool, FetchError> {
        // Packed here in any case: only so the index knows its stored lengths. Whether it has to be sent is asked then.
        Ok(false)
    }

    fn take(&self, chunk: &mut Chunk, object: Vec<u8>) -> Result<(), FetchError> {
        let Some(id) = chunk.id.map(|id| id.to_string()) else { return Ok(()) };
        let stop = self.client.stop();
        let put = patient(&mut patience(), stop, || {
            let missing = self.client.post(&format!("{}/missing", self.job)).send_json(&[&id])?;
            if missing.json::<Vec<String>>()?.is_empty() {
                return Ok(());
            }
            self.client.put(&format!("{}/chunks/{id}", self.job)).send_bytes(&object, BYTES).map(drop)
        });
        put.map_err(|error| FetchError::of(&error))
    }

    fn finish(&self, index: &Index) -> Result<(), FetchError> {
        let bytes = index.encode().map_err(|error| FetchError::of(&error))?;
        let path = format!("{}/index", self.job);
        let put = patient(&mut patience(), self.client.stop(), || {
            self.client.put(&path).send_bytes(&bytes, BYTES).map(drop)
        });
        put.map_err(|error| FetchError::of(&error))
    }
}

impl Session<'_> {
    pub(super) fn backup(
        &self,
        token: &str,
        path: &str,
        manifest: &Manifest,
        stop: &Stop,
        told: &Told<'_>,
    ) -> Ended {
        let mut device = None;
        let result = self.backup_to(token, path, manifest, stop, told, &mut device);
        let outcome = match result {
            Ok(done) => {
                told.note(format!("{} of the disk are used by nothing", size(done.unused)));
                Outcome {
                    stage: Stage::Done,
                    read_back_sha256: Some(hex(&done.index.raw_sha256)),
                    fetched: done.sent,
                    device,
                    ..nothing()
                }
            }
            // Nothing is written to the disk of a backup.
            Err(error) => failed(&Failure::untouched(Stage::Copy)(error), device),
        };
        ended(outcome, manifest.end)
    }

    fn backup_to(
        &self,
        token: &str,
        path: &str,
        manifest: &Manifest,
        stop: &Stop,
        told: &Told<'_>,
        device: &mut Option<String>,
    ) -> Result<BackedUp, agent::Error> {
        let http = |error: crate::http::Error| agent::Error::from(FetchError::of(&error));
        let disk: Arc<dyn Storage + Send> = Arc::new(self.disk(&manifest.target, device)?);
        let client = self.client_with(stop).map_err(http)?.with_token(token).map_err(http)?;
        let (ranges, notes): (Vec<Range<u64>>, _) = unused(&disk)?;
        notes.into_iter().for_each(|note| told.note(note));
        backup(&*disk, &ranges, &Remote { client, job: path.to_owned() }, stop, told)
    }
}
