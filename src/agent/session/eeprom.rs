//! The EEPROM of a job: fetched, proved, written into the flash chip and read back.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::progress::Told;
use super::source::patience;
use super::{Session, patient};
use crate::agent::eeprom::Flash;
use crate::agent::error::{Failure, Left};
use crate::agent::watch::Watch as _;
use crate::agent::{Error, FetchError};
use crate::device_api::{EepromTold, Manifest};
use crate::eeprom::Image;
use crate::error::Kind;
use crate::format::{hex, message};
use crate::run::Stage;
use crate::stop::Stop;

impl Session<'_> {
    /// Writes the EEPROM that a manifest has, if it has one; `done` is what was done, also where that failed. The disk is
    /// written and proved before.
    pub(super) fn write_eeprom(
        &self,
        (token, path): (&str, &str),
        manifest: &Manifest,
        stop: &Stop,
        told: &Told<'_>,
        done: &mut Option<EepromTold>,
    ) -> Result<(), Failure> {
        let Some(wanted) = &manifest.eeprom else { return Ok(()) };
        let at = |error: Error| Failure {
            stage: Stage::Report,
            error,
            left: Left::Written,
            amounts: Box::default(),
        };
        let odd = |what: &str| {
            at(FetchError { what: format!("EEPROM: {what}"), kind: Kind::BadData, hint: None }.into())
        };
        let http = |error: crate::http::Error| at(FetchError::of(&error).into());
        let flash = match &self.options.eeprom {
            Some(flash) => Some(flash.clone()),
            None => Flash::find(Path::new("/")),
        };
        let flash = flash.ok_or_else(|| odd("this board has no flash chip that can be written"))?;
        if flash.len() != wanted.len {
            return Err(odd("the image isn't as long as the flash chip"));
        }
        let client = self.client_with(stop).map_err(http)?.with_token(token).map_err(http)?;
        let call = || client.get(&format!("{path}/eeprom")).send()?.bytes(Image::SIZES[1]);
        let bytes = patient(&mut patience(), stop, call).map_err(http)?;
        // The manifest is signed; the image is what it says, or nothing of it is written.
        if hex(&Sha256::digest(&bytes)) != wanted.sha256 {
            return Err(odd("the image isn't the one that the manifest says"));
        }
        told.note(format!("EEPROM: {} is written; the board must not lose its power", message(&wanted.name)));
        let os = |source| {
            at(Error::Os { disk: "EEPROM".to_owned(), doing: "writing and reading back", at: None, source })
        };
        let written = done.insert(flash.write(&bytes).map_err(os)?);
        if written.read_back.as_ref() != Some(&wanted.sha256) {
            return Err(odd(
                "other bytes came back than were written; write it over USB boot before the board loses its power",
            ));
        }
        told.note("EEPROM: read back and equal".to_owned());
        Ok(())
    }
}
