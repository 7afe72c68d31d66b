//! Labels of cmprovision, and the printers that they name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use super::cmprovision::text;
use super::database::Row;
use super::words::{is_binary, name, quoted};
use crate::label::literal;
use crate::station_api::{
    FtpPrinter, Label, LabelLanguage, LabelWhen, NewPrinter, PrinterAt, PrinterTakes, ProjectLabel,
};

const OF_PROJECT: &str = "label of a project";

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
        let (given, body) = (text(row, "name"), text(row, "template"));
        let label = name(given, &mut taken);
        if is_binary(body) {
            found.left("label", given, "it has bytes that are no text");
            continue;
        }
        if label != given {
            found.changed("name of a label", given, format!("it is called `{label}` here"));
        }
        let ending = text(row, "file_extension");
        let language = in_template(body).unwrap_or_else(|| of_ending(ending));
        found.import.labels.push(Label {
            name: label.clone(),
            language,
            text: template(body),
            ..Label::default()
        });
        let printer = printer(found, row, &label, ending);
        all.insert(text(row, "id").to_owned(), Taken { label, printer });
    }
    all
}

/// The language that a template shows itself.
fn in_template(text: &str) -> Option<LabelLanguage> {
    let lines = || text.lines().map(str::trim);
    // ZPL II, "Start Format".
    if text.contains("^XA") || text.contains("^xa") {
        return Some(LabelLanguage::Zpl);
    }
    let start: String = text.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Some(LabelLanguage::Html);
    }
    // cab's JScript: lengths in millimetres or inches, and a job that begins.
    let begins = |line: &str| line == "J" || line.starts_with("J ");
    if lines().any(|line| matches!(line, "m m" | "m i")) && lines().any(begins) {
        return Some(LabelLanguage::Jscript);
    }
    // EPL 2: `N` empties the picture, then texts and bar codes are placed: `A50,0,0,1,1,1,N,"text"`.
    let places = |line: &str| {
        let rest = line.strip_prefix(['A', 'B', 'b']).unwrap_or_default();
        rest.starts_with(|char: char| char.is_ascii_digit()) && rest.contains(',')
    };
    if lines().any(|line| line == "N") && lines().any(places) {
        return Some(LabelLanguage::Epl);
    }
    None
}

/// In which language the files of an ending are written.
fn of_ending(ending: &str) -> LabelLanguage {
    match ending.trim_start_matches('.').to_ascii_lowercase().as_str() {
        "zpl" => LabelLanguage::Zpl,
        "epl" => LabelLanguage::Epl,
        "jscript" | "jsc" | "lbl" => LabelLanguage::Jscript,
        "html" | "htm" => LabelLanguage::Html,
        _ => LabelLanguage::Text,
    }
}

/// The variables of a template there, and what they are here. Where a bench told no place, it printed nothing; here that is
/// a hyphen, since a code of nothing is an error to printers.
const VARIABLES: [(&str, &str); 3] =
    [("$provisionboard", "{slot|-}"), ("$serial", "{serial}"), ("$mac", "{mac}")];

/// A template with the names that its variables have here. All else is printed as it was, braces too.
fn template(text: &str) -> String {
    let (mut written, mut plain, mut rest) = (String::new(), String::new(), text);
    while let Some(char) = rest.chars().next() {
        match VARIABLES.iter().find_map(|(there, here)| Some((here, rest.strip_prefix(there)?))) {
            Some((here, behind)) => {
                written.push_str(&literal(&plain));
                plain.clear();
                written.push_str(here);
                rest = behind;
            }
            None => {
                plain.push(char);
                rest = rest.get(char.len_utf8()..).unwrap_or_default();
            }
        }
    }
    written.push_str(&literal(&plain));
    written
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
    let kept = Some(fits(ending)).filter(|ending| !ending.is_empty()).unwrap_or_else(|| "prn".to_owned());
    if kept != ending.trim_start_matches('.') {
        let why = format!("the ending {} becomes `{kept}`", quoted(ending));
        found.changed("files of a printer", label, why);
    }
    let at = PrinterAt::Ftp(FtpPrinter {
        host: text(row, "ftp_hostname").trim().to_owned(),
        port: 21,
        user: text(row, "ftp_username").to_owned(),
        directory: String::new(),
        ending: kept,
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
        "" | "never" => return None,
        other => {
            let why = format!("it prints none: when it did, {}, is nothing here", quoted(other));
            found.changed(OF_PROJECT, project, why);
            return None;
        }
    };
    let id = text(row, "label_id");
    if id.is_empty() {
        return None;
    }
    let Some(taken) = labels.get(id) else {
        found.changed(OF_PROJECT, project, "it is taken without its label, which isn't taken");
        return None;
    };
    let Some(printer) = taken.printer.clone() else {
        let why = "it is taken without its label: that is taken, and its printer isn't";
        found.changed(OF_PROJECT, project, why);
        return None;
    };
    Some(ProjectLabel { label: taken.label.clone(), printer, when, copies: 1 })
}
