//! The label of a project, as flags.

use crate::cli::client::{parse, word};
use crate::cli::report::Usage;
use crate::format::count;
use crate::station_api::{LabelWhen, MOST_COPIES, ProjectLabel};

/// What is printed for its boards.
#[derive(Debug, clap::Args)]
pub(super) struct Label {
    /// The label that is printed for each of its boards
    #[arg(long, value_name = "LABEL", conflicts_with = "no_label", help_heading = "Label")]
    label: Option<String>,
    /// The printer that it is printed by
    #[arg(long, value_name = "PRINTER", conflicts_with = "no_label", help_heading = "Label")]
    label_printer: Option<String>,
    /// start: when the job begins; done: when it was read back [default: done]
    #[arg(long, value_name = "WHEN", value_parser = parse::<LabelWhen>, conflicts_with = "no_label", help_heading = "Label")]
    label_when: Option<LabelWhen>,
    /// How often it is printed [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "no_label", help_heading = "Label",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_COPIES)))]
    label_copies: Option<u32>,
    /// Nothing is printed
    #[arg(long, help_heading = "Label")]
    no_label: bool,
}

impl Label {
    /// What was, with what was said.
    pub(super) fn put(self, before: Option<ProjectLabel>) -> Result<Option<ProjectLabel>, Usage> {
        if self.no_label {
            return Ok(None);
        }
        let said = self.label.is_some()
            || self.label_printer.is_some()
            || self.label_when.is_some()
            || self.label_copies.is_some();
        if !said {
            return Ok(before);
        }
        let missing = |what: &str, flag: &str| Usage {
            message: format!("the project prints nothing yet, and no {what} is named"),
            hint: Some(format!("Give `{flag}`.").into()),
        };
        let had = before.as_ref();
        let label = self.label.or_else(|| had.map(|had| had.label.clone()));
        let printer = self.label_printer.or_else(|| had.map(|had| had.printer.clone()));
        Ok(Some(ProjectLabel {
            label: label.ok_or_else(|| missing("label", "--label"))?,
            printer: printer.ok_or_else(|| missing("printer", "--label-printer"))?,
            when: self.label_when.or(had.map(|had| had.when)).unwrap_or_default(),
            copies: self.label_copies.or(had.map(|had| had.copies)).unwrap_or(1),
        }))
    }
}

/// It in a line.
pub(super) fn told(label: Option<&ProjectLabel>) -> String {
    let Some(ProjectLabel { label, printer, when, copies }) = label else { return String::new() };
    format!("{label} on {printer}, {}, {}", word(when), count(u64::from(*copies), "time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_isn_t_said_stays() {
        let nothing = || Label {
            label: None,
            label_printer: None,
            label_when: None,
            label_copies: None,
            no_label: false,
        };
        let before =
            ProjectLabel { label: "box".into(), printer: "zebra".into(), when: LabelWhen::Start, copies: 2 };
        assert_eq!(nothing().put(Some(before.clone())).unwrap(), Some(before.clone()));
        let other = Label { label: Some("board".into()), ..nothing() };
        let wanted = ProjectLabel { label: "board".into(), ..before.clone() };
        assert_eq!(other.put(Some(before.clone())).unwrap(), Some(wanted));
        let half = Label { label: Some("board".into()), ..nothing() };
        assert!(half.put(None).unwrap_err().message.contains("no printer"));
        assert_eq!(Label { no_label: true, ..nothing() }.put(Some(before)).unwrap(), None);
        assert_eq!(nothing().put(None).unwrap(), None);
    }
}
