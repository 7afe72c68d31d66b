//! cloud-init's NoCloud seed: `user-data` and `network-config`.

use std::fmt::Write as _;

use super::Settings;
use super::hash::Secrets;

pub(super) struct Made {
    pub(super) user: String,
    pub(super) network: String,
}

pub(super) fn files(settings: &Settings, secrets: &Secrets) -> Made {
    Made { user: user(settings, secrets), network: network(settings, secrets) }
}

fn user(settings: &Settings, secrets: &Secrets) -> String {
    let mut lines = vec!["#cloud-config".to_owned()];
    if let Some(name) = &settings.hostname {
        lines.push(format!("hostname: {}", text(name)));
        lines.push("manage_etc_hosts: true".to_owned());
    }
    if let Some(zone) = &settings.timezone {
        lines.push(format!("timezone: {}", text(zone)));
    }
    if let Some(layout) = &settings.keyboard {
        lines.push("keyboard:".to_owned());
        lines.push("  model: pc105".to_owned());
        lines.push(format!("  layout: {}", text(layout)));
    }
    if let Some(name) = &settings.user {
        // In place of the system's own first user.
        lines.push("user:".to_owned());
        lines.push(format!("  name: {}", text(name)));
        lines.push("  shell: /bin/bash".to_owned());
        let locked = secrets.user == "*";
        lines.push(format!("  lock_passwd: {locked}"));
        if !locked {
            lines.push(format!("  passwd: {}", text(&secrets.user)));
        }
        if settings.sudo {
            lines.push("  sudo: \"ALL=(ALL) NOPASSWD:ALL\"".to_owned());
        }
        if !settings.ssh_keys.is_empty() {
            lines.push("  ssh_authorized_keys:".to_owned());
            lines.extend(settings.ssh_keys.iter().map(|key| format!("    - {}", text(key))));
        }
    }
    if settings.wants_ssh() {
        lines.push(format!("ssh_pwauth: {}", settings.ssh_by_password()));
    }
    let mut commands = Vec::new();
    if settings.ssh == Some(false) {
        commands.push("[systemctl, disable, --now, ssh]");
    } else if settings.wants_ssh() {
        commands.push("[systemctl, enable, --now, ssh]");
    }
    if settings.wifi_ssid.is_some() {
        // Not each system has it, and what fails here fails all of cloud-init.
        commands.push("[sh, -c, \"! command -v rfkill >/dev/null || rfkill unblock wifi\"]");
    }
    if !commands.is_empty() {
        lines.push("runcmd:".to_owned());
        lines.extend(commands.iter().map(|command| format!("  - {command}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn network(settings: &Settings, secrets: &Secrets) -> String {
    let mut lines: Vec<String> =
        ["network:", "  version: 2", "  ethernets:", "    eth0:", "      dhcp4: true"]
            .into_iter()
            .chain(["      dhcp6: true", "      optional: true"])
            .map(str::to_owned)
            .collect();
    let ssid = settings.wifi_ssid.as_deref().and_then(|ssid| std::str::from_utf8(ssid).ok());
    if let Some(ssid) = ssid {
        lines.push("  wifis:".to_owned());
        lines.push("    wlan0:".to_owned());
        lines.push("      dhcp4: true".to_owned());
        if let Some(country) = &settings.wifi_country {
            lines.push(format!("      regulatory-domain: {}", text(country)));
        }
        lines.push("      access-points:".to_owned());
        lines.push(format!("        {}:", text(ssid)));
        match &secrets.wifi {
            Some(key) => lines.push(format!("          password: {}", text(key))),
            None => {
                lines.push("          auth:".to_owned());
                lines.push("            key-management: none".to_owned());
            }
        }
        if settings.wifi_hidden {
            lines.push("          hidden: true".to_owned());
        }
        lines.push("      optional: true".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A text in quotation marks, all of it ASCII. What YAML takes for a line's end (U+0085, U+2028) or refuses to read
/// (U+0080 and others) is escaped as YAML does it (YAML 1.2, section 5.7), which has no pairs of surrogates as JSON has.
fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            ' '..='~' => quoted.push(char),
            _ => drop(write!(quoted, "\\U{:08x}", u32::from(char))),
        }
    }
    quoted.push('"');
    quoted
}
