//! The label of a project, in its form.

use crate::format::count;
use crate::station::pages::form::Form;
use crate::station::web::Refusal;
use crate::station_api::ProjectLabel;

/// The fields, as they stand on the page.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) label: String,
    pub(super) printer: String,
    pub(super) when: String,
    pub(super) copies: String,
}

impl Fields {
    pub(super) fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            label: text("label"),
            printer: text("label-printer"),
            when: text("label-when"),
            copies: text("label-copies"),
        }
    }

    pub(super) fn of_project(label: Option<&ProjectLabel>) -> Self {
        let Some(label) = label else { return Self::default() };
        let when = match label.when {
            crate::station_api::LabelWhen::Start => "start",
            crate::station_api::LabelWhen::Done => "done",
        };
        Self {
            label: label.label.clone(),
            printer: label.printer.clone(),
            when: when.to_owned(),
            copies: label.copies.to_string(),
        }
    }

    /// The label that they say; `None` where none is printed.
    pub(super) fn label(&self, form: &Form) -> Result<Option<ProjectLabel>, Refusal> {
        if self.label.is_empty() {
            return Ok(None);
        }
        if self.printer.is_empty() {
            return Err(Refusal::meaningless("a label needs a printer"));
        }
        Ok(Some(ProjectLabel {
            label: self.label.clone(),
            printer: self.printer.clone(),
            when: form.word("label-when")?.unwrap_or_default(),
            copies: form.maybe("label-copies")?.unwrap_or(1),
        }))
    }
}

/// It in words.
pub(super) fn words(label: &ProjectLabel) -> String {
    let ProjectLabel { label, printer, when, copies } = label;
    let copies =
        if *copies == 1 { String::new() } else { format!(", {}", count(u64::from(*copies), "time")) };
    format!("{label} on {printer}, {}{copies}", when.words())
}
