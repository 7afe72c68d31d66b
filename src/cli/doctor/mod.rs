//! `piprov doctor`.

mod checks;

use super::Failure;
use crate::cli::table::columns;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::error::Kind;
use crate::format::count;

/// Check what this host needs to boot and to flash boards, and say what to do
///
/// Looks at USB, permissions, udev rules, payloads, the ports of TFTP and DHCP, and the targets database. Changes
/// nothing. Ends with 1 if something is missing that work depends on.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Check what USB boot needs
    #[arg(long)]
    usb: bool,
    /// Check what flashing over the network needs
    #[arg(long)]
    tftp: bool,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, or isn't needed by everybody.
    Warning,
    /// Work depends on it.
    Problem,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct Finding {
    verdict: Verdict,
    topic: &'static str,
    text: String,
    remedy: Option<String>,
}

impl Finding {
    fn good(topic: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, topic, text: text.into(), remedy: None }
    }

    fn warning(topic: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, topic, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn problem(topic: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, topic, text: text.into(), remedy: Some(remedy.into()) }
    }
}

impl Doctor {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let all = !self.usb && !self.tftp;
        let host = checks::Host::this();
        let mut findings = vec![checks::host(&host)];
        if self.usb || all {
            findings.extend(checks::usb(&host, &settings));
            findings.extend(checks::payloads(&settings));
        }
        if self.tftp || all {
            findings.extend(checks::tftp(&host, &settings));
        }
        show(ui, &findings)
    }
}

fn show(ui: &Ui, findings: &[Finding]) -> crate::cli::Result<()> {
    let number = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (problems, warnings) = (number(Verdict::Problem), number(Verdict::Warning));
    if ui.json {
        findings.iter().for_each(|finding| ui.named("finding", None, finding));
    } else {
        let rows: Vec<[String; 3]> = findings
            .iter()
            .map(|finding| {
                let word = match finding.verdict {
                    Verdict::Good => "ok",
                    Verdict::Warning => "warning",
                    Verdict::Problem => "problem",
                };
                [word.to_owned(), finding.topic.to_owned(), finding.text.clone()]
            })
            .collect();
        for (line, finding) in columns(&rows).into_iter().zip(findings) {
            let style = match finding.verdict {
                Verdict::Good => Style::Good,
                Verdict::Warning => Style::Warn,
                Verdict::Problem => Style::Bad,
            };
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            ui.result(format_args!("{} {rest}", ui.paint(style, word)));
            if let Some(remedy) = &finding.remedy {
                ui.result(format_args!("         {} {remedy}", ui.paint(Style::Strong, "hint:")));
            }
        }
    }
    let text = format!("{}, {}", count(problems as u64, "problem"), count(warnings as u64, "warning"));
    ui.say(text);
    if problems > 0 { Err(Failure::already_told(Kind::Failed)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_decide_the_exit_code_and_warnings_do_not() {
        let (ui, _) = Ui::remembering();
        let good = Finding::good("usb", "fine");
        let warning = Finding::warning("usb", "odd", "look");
        assert!(show(&ui, &[good.clone(), warning.clone()]).is_ok());
        let problem = Finding::problem("usb", "bad", "do");
        assert!(show(&ui, &[good, warning, problem]).is_err());
    }
}
