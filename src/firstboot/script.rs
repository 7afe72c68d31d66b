//! `firstrun.sh`, which systemd runs once in place of the system.
//!
//! Raspberry Pi OS brings programs for each setting (raspberrypi-sys-mods' `imager_custom`, userconf-pi); where they are
//! missing the script does the same by hand. It takes itself and its words on the kernel's command line away first, so
//! that whatever goes wrong the next start is an ordinary one.

use std::fmt::Write as _;

use super::Settings;
use super::cmdline::FIRST_RUN;
use super::hash::Secrets;

const HELPER: &str = "/usr/lib/raspberrypi-sys-mods/imager_custom";

/// The script.
pub(super) fn firstrun(settings: &Settings, secrets: &Secrets, mounted: &str) -> String {
    let mut script = String::new();
    let mut line = |text: &str| {
        script.push_str(text);
        script.push('\n');
    };
    line("#!/bin/bash");
    line("# First-boot settings. This file takes itself away when it runs.");
    // What goes wrong is told there. It names no secret, and is root's alone all the same.
    line("umask 077 && : >>/var/log/firstrun.log && chmod 600 /var/log/firstrun.log && umask 022");
    line("exec >>/var/log/firstrun.log 2>&1");
    line("echo \"first boot: settings are made\"");
    line(&format!("boot={}", quoted(mounted.as_bytes())));
    line("mount -o remount,rw \"$boot\" 2>/dev/null");
    for word in FIRST_RUN {
        let pattern = word.replace('.', "\\.");
        line(&format!("sed -i 's| {pattern}[^ ]*||g' \"$boot/cmdline.txt\""));
    }
    line("rm -f \"$boot/firstrun.sh\"");
    line(&format!("helper={HELPER}"));
    line("first=$(getent passwd 1000 | cut -d: -f1)");
    line("home=$(getent passwd 1000 | cut -d: -f6)");
    if let Some(name) = &settings.hostname {
        line(&format!("name={}", quoted(name.as_bytes())));
        line("if [ -x \"$helper\" ]; then");
        line("    \"$helper\" set_hostname \"$name\"");
        line("else");
        line("    old=$(tr -d ' \\t\\n\\r' </etc/hostname)");
        line("    echo \"$name\" >/etc/hostname");
        line("    sed -i \"s/127\\.0\\.1\\.1.*$old/127.0.1.1\\t$name/g\" /etc/hosts");
        line(
            "    grep -q '^127\\.0\\.1\\.1' /etc/hosts || printf '127.0.1.1\\t%s\\n' \"$name\" >>/etc/hosts",
        );
        line("fi");
    }
    if let Some(user) = &settings.user {
        line(&format!("user={}", quoted(user.as_bytes())));
        line(&format!("hash={}", quoted(secrets.user.as_bytes())));
        line("if [ -x /usr/lib/userconf-pi/userconf ]; then");
        line("    /usr/lib/userconf-pi/userconf \"$user\" \"$hash\"");
        line("elif [ -z \"$first\" ]; then");
        line("    useradd -m -s /bin/bash -u 1000 \"$user\"");
        line("    echo \"$user:$hash\" | chpasswd -e");
        line("else");
        line("    echo \"$first:$hash\" | chpasswd -e");
        line("    if [ \"$first\" != \"$user\" ]; then");
        line("        usermod -l \"$user\" \"$first\"");
        line("        usermod -m -d \"/home/$user\" \"$user\"");
        line("        groupmod -n \"$user\" \"$first\"");
        line("        sed -i \"s/^$first /$user /\" /etc/sudoers.d/010_* 2>/dev/null");
        line(
            "        sed -i \"s/autologin-user=$first/autologin-user=$user/\" /etc/lightdm/lightdm.conf 2>/dev/null",
        );
        line("    fi");
        line("fi");
        line("first=$user");
        line("home=$(getent passwd \"$user\" | cut -d: -f6)");
        if settings.sudo {
            line("echo \"$user ALL=(ALL) NOPASSWD: ALL\" >/etc/sudoers.d/010_firstrun");
            line("chmod 440 /etc/sudoers.d/010_firstrun");
        }
    }
    for text in ssh(settings).into_iter().chain(wifi(settings, secrets)).chain(locale(settings)) {
        line(&text);
    }
    line("echo \"first boot: done\"");
    line("sync");
    line("exit 0");
    script
}

fn ssh(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    if settings.ssh == Some(false) {
        lines.push("systemctl disable ssh sshd 2>/dev/null".to_owned());
    }
    if !settings.ssh_keys.is_empty() {
        lines.push("install -o \"$first\" -g \"$first\" -m 700 -d \"$home/.ssh\"".to_owned());
        for key in &settings.ssh_keys {
            lines.push(format!("echo {} >>\"$home/.ssh/authorized_keys\"", quoted(key.as_bytes())));
        }
        lines.push("chown \"$first:$first\" \"$home/.ssh/authorized_keys\"".to_owned());
        lines.push("chmod 600 \"$home/.ssh/authorized_keys\"".to_owned());
    }
    if settings.wants_ssh() {
        if !settings.ssh_by_password() {
            lines.push("mkdir -p /etc/ssh/sshd_config.d".to_owned());
            lines
                .push("echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/10-firstrun.conf".to_owned());
        }
        lines.push("systemctl enable ssh 2>/dev/null || systemctl enable sshd".to_owned());
    }
    lines
}

fn wifi(settings: &Settings, secrets: &Secrets) -> Vec<String> {
    let mut lines = Vec::new();
    let country = settings.wifi_country.as_deref().unwrap_or_default();
    let Some(ssid) = &settings.wifi_ssid else {
        if !country.is_empty() {
            lines.push(format!("[ ! -x \"$helper\" ] || \"$helper\" set_wlan_country {country}"));
        }
        return lines;
    };
    lines.push(format!("ssid={}", quoted(ssid)));
    lines.push(format!("key={}", quoted(secrets.wifi.as_deref().unwrap_or_default().as_bytes())));
    let hidden = if settings.wifi_hidden { " -h" } else { "" };
    let octets: String = ssid.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte};");
        text
    });
    if settings.plain_ssid().is_some() {
        lines.push("if [ -x \"$helper\" ]; then".to_owned());
        lines.push(format!("    \"$helper\" set_wlan{hidden} \"$ssid\" \"$key\" {country}"));
        lines.push("elif [ -d /etc/NetworkManager/system-connections ]; then".to_owned());
    } else {
        // Its file says the name in octets.
        lines.push(format!("[ ! -x \"$helper\" ] || \"$helper\" set_wlan_country {country}"));
        lines.push("if [ -d /etc/NetworkManager/system-connections ]; then".to_owned());
    }
    lines.push("    file=/etc/NetworkManager/system-connections/firstrun.nmconnection".to_owned());
    lines.push(
        "    { printf '[connection]\\nid=firstrun\\ntype=wifi\\n[wifi]\\nmode=infrastructure\\n'".to_owned(),
    );
    lines.push(format!("      printf 'ssid={octets}\\nhidden={}\\n'", settings.wifi_hidden));
    lines.push(
        "      [ -z \"$key\" ] || printf '[wifi-security]\\nkey-mgmt=wpa-psk\\npsk=%s\\n' \"$key\""
            .to_owned(),
    );
    lines.push("      printf '[ipv4]\\nmethod=auto\\n[ipv6]\\nmethod=auto\\n'; } >\"$file\"".to_owned());
    lines.push("    chmod 600 \"$file\"".to_owned());
    lines.push("    rfkill unblock wifi 2>/dev/null".to_owned());
    lines.push("fi".to_owned());
    lines
}

fn locale(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(zone) = &settings.timezone {
        let zone = quoted(zone.as_bytes());
        lines.push("rm -f /etc/localtime".to_owned());
        lines.push(format!("echo {zone} >/etc/timezone"));
        lines.push(format!("ln -s /usr/share/zoneinfo/{zone} /etc/localtime"));
    }
    if let Some(layout) = &settings.keyboard {
        lines.push("if [ -x \"$helper\" ]; then".to_owned());
        lines.push(format!("    \"$helper\" set_keymap {layout}"));
        lines.push("else".to_owned());
        lines.push(format!("    printf 'XKBMODEL=\"pc105\"\\nXKBLAYOUT=\"{layout}\"\\nXKBVARIANT=\"\"\\nXKBOPTIONS=\"\"\\nBACKSPACE=\"guess\"\\n' >/etc/default/keyboard"));
        lines.push("fi".to_owned());
    }
    lines
}

/// A word of a shell that means these bytes, whatever they are.
fn quoted(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        let text = String::from_utf8_lossy(bytes);
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    bytes.iter().fold("$'".to_owned(), |mut text, byte| {
        let _ = write!(text, "\\x{byte:02x}");
        text
    }) + "'"
}
