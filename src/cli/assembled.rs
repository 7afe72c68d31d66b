//! What was put together out of packages and written, as commands tell it.

use std::path::Path;

use serde_json::Value;

use super::ui::{Style, Ui};
use crate::debian::files::Files;
use crate::format::json::json;
use crate::format::size;

/// The files and the packages for `--json`, beside what the command itself has to tell.
pub(super) fn object(ui: &Ui, event: &str, directory: &Path, content: &Files, more: &[(&str, Value)]) {
    let files: Vec<_> = content
        .files
        .iter()
        .map(|(path, file)| json!({"path": path, "size": file.bytes.len(), "package": file.package}))
        .collect();
    let packages: Vec<_> = content
        .packages
        .iter()
        .map(|(package, version)| json!({"package": package, "version": version}))
        .collect();
    let mut object = json!({
        "event": event, "directory": directory, "packages": packages, "files": files,
    });
    for (key, value) in more {
        object[key] = value.clone();
    }
    ui.object(&object);
}

/// The same for people. `what` says what it is for, where that isn't clear.
pub(super) fn lines(ui: &Ui, directory: &Path, content: &Files, what: &str) {
    let package = content.packages.iter().map(|(package, _)| package.len()).max().unwrap_or(0);
    for (name, version) in &content.packages {
        ui.result(format_args!("{name:package$}  {version}"));
    }
    let path = content.files.keys().map(String::len).max().unwrap_or(0);
    for (name, file) in &content.files {
        let from = file.package.as_deref().unwrap_or("piprov");
        ui.result(format_args!("  {name:path$}  {:>10}  {from}", size(file.bytes.len() as u64)));
    }
    ui.result(format_args!(
        "{} {}, {} files{what}",
        directory.display(),
        ui.paint(Style::Good, "written, read back and equal"),
        content.files.len(),
    ));
}
