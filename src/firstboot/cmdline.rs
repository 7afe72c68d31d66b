//! What the kernel's command line has to say so that a system reads the files.

use super::{Format, Settings};

/// What is wanted of it.
pub(super) struct Wants<'a> {
    pub(super) format: Format,
    /// Where the system mounts its boot partition.
    pub(super) mounted: &'a str,
    /// The name that cloud-init knows its settings by.
    pub(super) instance: &'a str,
    pub(super) settings: &'a Settings,
}

/// Words of `firstrun.sh`; the script takes them out again.
pub(super) const FIRST_RUN: [&str; 3] =
    ["systemd.run=", "systemd.run_success_action=", "systemd.unit=kernel-command-line.target"];

/// What makes Raspberry Pi OS read custom.toml.
const FIRST_BOOT: &str = "init=/usr/lib/raspberrypi-sys-mods/firstboot";

/// The new contents of cmdline.txt; `None` where it stays.
///
/// # Errors
/// Where the old ones aren't what this format needs.
pub(super) fn changed(old: Option<&[u8]>, wants: &Wants<'_>) -> Result<Option<Vec<u8>>, String> {
    let line = match old {
        Some(old) => Some(first_line(old)?),
        None => None,
    };
    let mut words: Vec<String> =
        line.iter().flat_map(|line| line.split_ascii_whitespace()).map(str::to_owned).collect();
    let before = words.clone();
    match wants.format {
        Format::FirstRun => {
            needed(line.is_some())?;
            words.retain(|word| !FIRST_RUN.iter().any(|first| word.starts_with(first)));
            words.push(format!("systemd.run={}/firstrun.sh", wants.mounted));
            words.push("systemd.run_success_action=reboot".to_owned());
            words.push("systemd.unit=kernel-command-line.target".to_owned());
        }
        // Ubuntu's image looks for the seed by itself; a name on the command line has to be the one of the files.
        Format::CloudInit | Format::CloudInitRpi => {
            words.retain(|word| !word.starts_with("ds=nocloud"));
            if line.is_some() {
                words.push(format!("ds=nocloud;i={}", wants.instance));
            }
        }
        Format::Preseed => {}
        Format::CustomToml => {
            needed(line.is_some())?;
            if !words.iter().any(|word| word == FIRST_BOOT) {
                return Err(format!(
                    "has no {FIRST_BOOT}: the system has started before, and reads no custom.toml"
                ));
            }
        }
    }
    let country = wants.settings.wifi_country.as_deref();
    // rpi-preseed sets the country itself, but only together with a Wi-Fi.
    let by_itself = wants.format == Format::Preseed && wants.settings.wifi_ssid.is_some();
    if let Some(country) = country.filter(|_| line.is_some() && !by_itself) {
        words.retain(|word| !word.starts_with("cfg80211.ieee80211_regdom="));
        words.push(format!("cfg80211.ieee80211_regdom={country}"));
    }
    Ok((words != before).then(|| format!("{}\n", words.join(" ")).into_bytes()))
}

fn needed(is_there: bool) -> Result<(), String> {
    if is_there { Ok(()) } else { Err("isn't there".to_owned()) }
}

/// The line that the firmware takes: the first one.
fn first_line(old: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(old).map_err(|_| "is no text".to_owned())?;
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if line.contains('"') {
        // A quoted word may hold spaces; taking the line apart would break it.
        return Err("has quotation marks, which aren't taken apart here".to_owned());
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(format: Format, old: Option<&str>, settings: &Settings) -> Result<Option<String>, String> {
        let wants = Wants { format, mounted: "/boot/firmware", instance: "piprov-1", settings };
        let made = changed(old.map(str::as_bytes), &wants)?;
        Ok(made.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn each_form_has_its_words_once() {
        let none = Settings::default();
        let mut german = Settings::default();
        german.set("wifi-country", "de").unwrap();
        let run = "root=PARTUUID=1-02 rootwait systemd.run=/boot/firmware/firstrun.sh \
                   systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n";
        assert_eq!(
            new(Format::FirstRun, Some("root=PARTUUID=1-02 rootwait\n"), &none).unwrap().unwrap(),
            run
        );
        let old = "root=PARTUUID=1-02 rootwait systemd.run=/boot/old.sh systemd.run_success_action=none";
        assert_eq!(new(Format::FirstRun, Some(old), &none).unwrap().unwrap(), run);
        let seed = new(Format::CloudInitRpi, Some("quiet ds=nocloud;i=rpi-imager-1\n"), &german).unwrap();
        assert_eq!(seed.unwrap(), "quiet ds=nocloud;i=piprov-1 cfg80211.ieee80211_regdom=DE\n");
        assert_eq!(new(Format::CloudInit, None, &german), Ok(None));
        let alone = new(Format::Preseed, Some("quiet"), &german).unwrap().unwrap();
        assert_eq!(alone, "quiet cfg80211.ieee80211_regdom=DE\n");
        german.set("wifi-ssid", "floor").unwrap();
        assert_eq!(new(Format::Preseed, Some("quiet"), &german), Ok(None));
        let fresh = format!("quiet {FIRST_BOOT}\n");
        assert_eq!(new(Format::CustomToml, Some(&fresh), &none), Ok(None));
        assert!(new(Format::CustomToml, Some("quiet"), &none).unwrap_err().contains("has started before"));
        assert!(new(Format::FirstRun, None, &none).unwrap_err().contains("isn't there"));
        assert!(new(Format::FirstRun, Some("a=\"b c\""), &none).unwrap_err().contains("quotation"));
    }
}
