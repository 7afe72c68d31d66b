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
    let clients = &settings.usb.clients.value;
    let allow: Vec<PathBuf> = clients.is_dir().then(|| clients.clone()).into_iter().collect();
    if live.is_dir() {
        look(live, &PayloadOptions { overlays: true, allow: allow.clone() });
    }
    for rule in &settings.usb.boards.value {
        let allow = allow.iter().chain(&rule.allow).cloned().collect();
        if let Some(dir) = &rule.payload {
            look(dir, &PayloadOptions { overlays: rule.overlay, allow });
        }
    }
    if findings.is_empty() {
        let text = "there is no payload in the usual places, so USB boot has to be given one";
        findings.push(Finding::warning(TOPIC, text, where_from()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::usb::BoardRule;

    #[test]
    fn the_payloads_of_rules_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bootcode4.bin"), [7; 3000]).unwrap();
        let mut settings = Settings::without_files();
        let rule = |dir: &Path| BoardRule { payload: Some(dir.to_owned()), ..BoardRule::default() };
        let leave = BoardRule { leave: true, ..BoardRule::default() };
        settings.usb.boards.value = vec![rule(dir.path()), leave, rule(Path::new("/nope"))];
        let told = |findings: &[Finding], severity, path: &Path| {
            let path = path.display().to_string();
            findings.iter().filter(|found| found.severity == severity && found.what.contains(&path)).count()
        };
        let findings = payloads(&settings);
        assert_eq!(told(&findings, Severity::Good, dir.path()), 1, "{findings:?}");
        assert_eq!(told(&findings, Severity::Problem, Path::new("/nope")), 1, "{findings:?}");
    }
}
