//! How findings are told, of a host, a file or an image; and what they mean for the exit code.

use super::Failure;
use super::common::{severity_style, severity_word};
use super::remedy;
use crate::cli::table::Columns;
use crate::cli::ui::{Style, Ui, wrap};
use crate::error::{Finding, Kind, Severity};
use crate::format::count;

/// How many problems and warnings there are.
pub(super) fn numbers(findings: &[Finding]) -> (usize, usize) {
    let number = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    (number(Severity::Problem), number(Severity::Warning))
}

/// Tells all of them, and how many are bad.
///
/// # Errors
/// One that is told already, where there is a problem.
pub(super) fn tell(ui: &Ui, findings: &[Finding]) -> crate::cli::Result<()> {
    let (problems, warnings) = numbers(findings);
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
                let remedy = wrap(&remedy::hint(&finding.remedy), 15, 15, ui.width_out);
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
        assert!(tell(&ui, &[good.clone(), warning.clone()]).is_ok());
        let problem = Finding::problem("usb", "bad", "do");
        assert!(tell(&ui, &[good, warning, problem]).is_err());
    }
}
