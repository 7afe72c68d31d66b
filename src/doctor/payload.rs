//! Payloads for USB boot.

use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::error::{Finding, Severity};
use crate::usb::lookup::{Payload, PayloadOptions};
use crate::usb::payload::{self, Wanted};
use crate::usb::plan::Installed;
use crate::usb::{Error, where_from};

/// What boards in USB boot can be given.
pub(super) fn payloads(settings: &Settings) -> Vec<Finding> {
    const TOPIC: &str = "payload";
    let mut findings = Vec::new();
    let mut look = |dir: &Path, options: &PayloadOptions| {
        let checked =
            Payload::open(dir, options).and_then(|found| payload::check(&found, None, &Wanted::default()));
        findings.push(match checked {
            Ok(notes) if notes.is_empty() => Finding::good(TOPIC, format!("{} can be served", dir.display())),
            Ok(notes) => {
                let text = format!("{} can be served; {}", dir.display(), notes.join("; "));
                Finding::good(TOPIC, text)
            }
            Err(error @ Error::Fuses { .. }) => {
                Finding { severity: Severity::Warning, ..Finding::error(TOPIC, &error) }
            }
            Err(error) => Finding::error(TOPIC, &error),
        });
    };
    let installed = Installed::default();
    let there: Vec<PathBuf> = installed.folders(None).into_iter().filter(|dir| dir.is_dir()).collect();
    there.iter().for_each(|dir| look(dir, &PayloadOptions::default()));
    let live = &settings.usb.live.value;
    if live.is_dir() {
        let allow = if settings.usb.clients.value.is_dir() {
            vec![settings.usb.clients.value.clone()]
        } else {
            Vec::new()
        };
        look(live, &PayloadOptions { overlays: true, allow });
    }
    if findings.is_empty() {
        let text = "there is no payload in the usual places, so USB boot has to be given one";
        findings.push(Finding::warning(TOPIC, text, where_from()));
    }
    findings
}
