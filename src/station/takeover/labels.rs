//! Labels of cmprovision, and the printers that they name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use super::cmprovision::text;
use super::database::Row;
use super::words::name;
use crate::station_api::{
    FtpPrinter, Label, LabelLanguage, LabelWhen, NewPrinter, PrinterAt, PrinterTakes, ProjectLabel,
};

/// Labels by the numbers of their rows.
pub(super) type Labels = BTreeMap<String, Taken>;

/// A label of theirs, once it is one of ours.
pub(super) struct Taken {
    /// What it is called.
    label: String,
    /// Its printer; `None` where that isn't taken.
    printer: Option<String>,
}

/// Labels with their printers, by their numbers there.
pub(super) fn taken(found: &mut Found, rows: &[Row]) -> Labels {
    let (mut taken, mut all) = (BTreeSet::new(), BTreeMap::new());
    for row in rows {
        let label = name(text(row, "name"), &mut taken);
        let ending = text(row, "file_extension");
        found.import.labels.push(Label {
            name: label.clone(),
            language: language(ending),
            text: template(text(row, "template")),
        });
        let printer = printer(found, row, &label, ending);
        all.insert(text(row, "id").to_owned(), Taken { label, printer });
    }
    all
}

/// In which language the files of an ending are written.
fn language(ending: &str) -> LabelLanguage {
    match ending.trim_start_matches('.').to_ascii_lowercase().as_str() {
        "zpl" => LabelLanguage::Zpl,
        "epl" => LabelLanguage::Epl,
        "jscript" | "jsc" | "lbl" => LabelLanguage::Jscript,
        "html" | "htm" => LabelLanguage::Html,
        _ => LabelLanguage::Text,
    }
}

/// A template with the names that its variables have here.
fn template(text: &str) -> String {
    text.replace("$provisionboard", "{slot}").replace("$serial", "{serial}").replace("$mac", "{mac}")
}

/// The printer of a label. A command isn't taken: what a station runs is said in its settings alone.
fn printer(found: &mut Found, row: &Row, label: &str, ending: &str) -> Option<String> {
    if text(row, "printer_type") != "ftp" {
        found.left(
            "printer of a label",
            label,
            "a command is named in the station's settings, then a printer made of it",
        );
        return None;
    }
    let fits = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
    let ending = Some(fits(ending)).filter(|ending| !ending.is_empty()).unwrap_or_else(|| "prn".to_owned());
    let at = PrinterAt::Ftp(FtpPrinter {
        host: text(row, "ftp_hostname").trim().to_owned(),
        port: 21,
        user: text(row, "ftp_username").to_owned(),
        directory: String::new(),
        ending,
        rename: false,
    });
    if let Err(why) = at.check() {
        found.left("printer of a label", label, why);
        return None;
    }
    if !text(row, "ftp_password").is_empty() {
        found.left("password of a printer", label, "it stands there for everybody to read; give it anew");
    }
    let takes = PrinterTakes::default();
    found.import.printers.push(NewPrinter { name: label.to_owned(), at, takes, password: None });
    Some(label.to_owned())
}

/// The label that a project prints.
pub(super) fn label_of(found: &mut Found, labels: &Labels, row: &Row, project: &str) -> Option<ProjectLabel> {
    let when = match text(row, "label_moment") {
        "preinstall" => LabelWhen::Start,
        "postinstall" => LabelWhen::Done,
        _ => return None,
    };
    let taken = labels.get(text(row, "label_id"))?;
    let Some(printer) = taken.printer.clone() else {
        found.left("label of a project", project, "its label is taken, and its printer isn't");
        return None;
    };
    Some(ProjectLabel { label: taken.label.clone(), printer, when, copies: 1 })
}
