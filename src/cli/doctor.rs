//! `piprov doctor`.

use super::Failure;
use super::common::{severity_style, severity_word};
use super::remedy;
use crate::cli::table::Columns;
use crate::cli::ui::{Style, Ui, wrap};
use crate::cli::{Global, common};
use crate::doctor::{self, Host, Scope};
use crate::error::{Finding, Kind, Severity};
use crate::format::count;
use crate::stop::Stop;

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

impl Doctor {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let all = !self.usb && !self.tftp;
        let scope = Scope { usb: self.usb || all, flash: self.tftp || all };
        let findings = doctor::look(&Host::this(), &settings, scope, stop);
        show(ui, &findings)
    }
}

fn show(ui: &Ui, findings: &[Finding]) -> crate::cli::Result<()> {
    let number = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (problems, warnings) = (number(Severity::Problem), number(Severity::Warning));
    if ui.json {
        findings.iter().for_each(|finding| ui.named("finding", None, finding));
    } else {
        let rows: Vec<[String; 3]> = findings
            .iter()
            .map(|finding| {
                let word = severity_word(finding.severity);
                [word.to_owned(), finding.topic.to_owned(), finding.what.clone()]
            })
            .collect();
        for (lines, finding) in Columns::default().within(&rows, ui.width_out).into_iter().zip(findings) {
            let style = severity_style(finding.severity);
            for (at, line) in lines.iter().enumerate() {
                match line.split_once(' ').filter(|_| at == 0) {
                    Some((word, rest)) => ui.result(format_args!("{} {rest}", ui.paint(style, word))),
                    None => ui.result(line),
                }
            }
            if !finding.remedy.is_empty() {
                let remedy = wrap(&remedy::word(&finding.remedy), 15, 15, ui.width_out);
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
