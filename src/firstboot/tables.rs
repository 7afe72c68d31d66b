//! `rpi-preseed.toml` and `custom.toml`.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::Settings;
use super::hash::Secrets;
use crate::format::hex;

/// rpi-preseed's format 1.1.
pub(super) fn preseed(settings: &Settings, secrets: &Secrets) -> String {
    let mut file = Table::new();
    file.insert("config_version".to_owned(), "1.1".into());
    let mut user = user(settings, secrets);
    if settings.sudo && !user.is_empty() {
        user.insert("passwordless_sudo".to_owned(), true.into());
    }
    let mut wlan = Table::new();
    if let Some(ssid) = &settings.wifi_ssid {
        match settings.plain_ssid() {
            Some(ssid) => wlan.insert("ssid".to_owned(), ssid.into()),
            None => wlan.insert("ssid_hex".to_owned(), hex(ssid).into()),
        };
        match &secrets.wifi {
            Some(key) => {
                wlan.insert("password".to_owned(), key.as_str().into());
                wlan.insert("password_encrypted".to_owned(), true.into());
            }
            None => {
                wlan.insert("key_mgmt".to_owned(), "none".into());
            }
        }
    }
    finish(file, settings, user, wlan)
}

/// The format 1 of raspberrypi-sys-mods.
pub(super) fn custom(settings: &Settings, secrets: &Secrets) -> String {
    let mut file = Table::new();
    file.insert("config_version".to_owned(), 1.into());
    let mut wlan = Table::new();
    if let Some(ssid) = settings.plain_ssid() {
        wlan.insert("ssid".to_owned(), ssid.into());
        if let Some(key) = &secrets.wifi {
            wlan.insert("password".to_owned(), key.as_str().into());
            wlan.insert("password_encrypted".to_owned(), true.into());
        }
    }
    finish(file, settings, user(settings, secrets), wlan)
}

fn user(settings: &Settings, secrets: &Secrets) -> Table {
    let mut user = Table::new();
    if let Some(name) = &settings.user {
        user.insert("name".to_owned(), name.as_str().into());
        user.insert("password".to_owned(), secrets.user.as_str().into());
        user.insert("password_encrypted".to_owned(), true.into());
    }
    user
}

fn finish(mut file: Table, settings: &Settings, user: Table, mut wlan: Table) -> String {
    if settings.wifi_hidden {
        wlan.insert("hidden".to_owned(), true.into());
    }
    if let Some(country) = &settings.wifi_country {
        wlan.insert("country".to_owned(), country.as_str().into());
    }
    let mut system = Table::new();
    if let Some(name) = &settings.hostname {
        system.insert("hostname".to_owned(), name.as_str().into());
    }
    let mut ssh = Table::new();
    if settings.wants_ssh() || settings.ssh == Some(false) {
        ssh.insert("enabled".to_owned(), settings.wants_ssh().into());
    }
    if settings.wants_ssh() {
        ssh.insert("password_authentication".to_owned(), settings.ssh_by_password().into());
    }
    if !settings.ssh_keys.is_empty() {
        let keys = settings.ssh_keys.iter().map(|key| Value::from(key.as_str())).collect();
        ssh.insert("authorized_keys".to_owned(), Value::Array(keys));
    }
    let mut locale = Table::new();
    if let Some(layout) = &settings.keyboard {
        locale.insert("keymap".to_owned(), layout.as_str().into());
    }
    if let Some(zone) = &settings.timezone {
        locale.insert("timezone".to_owned(), zone.as_str().into());
    }
    let parts = [("system", system), ("user", user), ("ssh", ssh), ("wlan", wlan), ("locale", locale)];
    for (name, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
        file.insert(name.to_owned(), Value::Table(part));
    }
    written(&file)
}

/// The file as its readers take it. rpi-preseed's has a reader of its own, in which each value stands on a line, a text in
/// quotation marks, and a backslash is before nothing but these two; a text of several lines makes it refuse the file.
fn written(file: &Table) -> String {
    let (tables, values): (Vec<_>, Vec<_>) = file.iter().partition(|(_, value)| value.is_table());
    let mut text = String::new();
    for (name, value) in values {
        let _ = writeln!(text, "{name} = {}", word(value));
    }
    for (name, table) in tables {
        let _ = writeln!(text, "\n[{name}]");
        for (name, value) in table.as_table().into_iter().flatten() {
            let _ = writeln!(text, "{name} = {}", word(value));
        }
    }
    text
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let mut quoted = String::from("\"");
            for char in text.chars() {
                match char {
                    '"' | '\\' => quoted.extend(['\\', char]),
                    // No setting has any; a file with one as it is would be no TOML.
                    _ if char.is_control() => drop(write!(quoted, "\\u{:04x}", u32::from(char))),
                    _ => quoted.push(char),
                }
            }
            quoted + "\""
        }
        Value::Array(all) => format!("[{}]", all.iter().map(word).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
