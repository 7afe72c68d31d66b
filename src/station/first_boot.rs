//! First-boot settings of projects: what is kept of them, what is told of them, and what they are for one board. Pure.

use std::collections::BTreeMap;

use crate::firstboot::{self, Format, KEYS, Settings, hashed_password, wifi_key};
use crate::format::braces::{Part, has_names, parts};
use crate::station_api::{FIRST_BOOT_FORMAT, FirstBootSettings};

/// The key that may have several lines.
const SEVERAL: &str = "ssh-key";
/// Texts have so many bytes at most, all together.
const LONGEST: usize = 128 << 10;
/// A value that a text is filled with has so many bytes at most.
const LONGEST_FILLED: usize = 16 << 10;

/// Why settings can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// An unknown key, or a value that it can't have.
    #[error("{0}")]
    Setting(String),
    /// A secret is to stay as it is, and there is none.
    #[error("{key}: it is empty, and there is none that could stay")]
    NoSecret {
        /// The key.
        key: String,
    },
    /// The name of a Wi-Fi has changed, and its password hasn't come again.
    #[error(
        "wifi-ssid: what is kept of the password belongs to the Wi-Fi of before, so wifi-password is needed again"
    )]
    NewName,
    /// A text names a value that the board hasn't.
    #[error("{key}: the board has no value `{name}`")]
    NoValue {
        /// The key.
        key: String,
        /// The value's name.
        name: String,
    },
    /// A setting can't be so with a board's values.
    #[error("{why}: {}", .used.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Filled {
        /// What is wrong with it.
        why: String,
        /// The values that stand in it.
        used: Vec<Used>,
    },
    /// They are too long.
    #[error("first-boot settings have {} KiB at most", LONGEST >> 10)]
    Long,
}

/// A board's value in a setting that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used {
    /// Its name.
    pub(super) name: String,
    /// Its text; `None` in a secret.
    pub(super) text: Option<String>,
    /// The source that it is of, where that is known.
    pub(super) source: Option<String>,
    /// The row of a table that it is of, behind the header, from 1.
    pub(super) row: Option<u64>,
}

impl std::fmt::Display for Used {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}`", self.name)?;
        if let Some(text) = &self.text {
            let short: String = text.chars().take(SHOWN).collect();
            let more = if short.len() < text.len() { "…" } else { "" };
            write!(out, " is `{}{more}`", crate::format::message(&short))?;
        }
        if let Some(source) = &self.source {
            write!(out, ", of `{source}`")?;
        }
        if let Some(row) = self.row {
            write!(out, ", row {row}")?;
        }
        Ok(())
    }
}

/// Of a value that can't be, so many characters are told.
const SHOWN: usize = 100;

fn is_secret(key: &str) -> bool {
    KEYS.iter().any(|known| known.name == key && known.is_secret)
}

/// A text with a board's values.
fn fill(key: &str, text: &str, values: &BTreeMap<String, String>) -> Result<String, Wrong> {
    let mut filled = String::new();
    for part in parts(text) {
        filled.push_str(match part {
            Part::Text(text) => text,
            Part::Name(name) => values
                .get(name)
                .ok_or_else(|| Wrong::NoValue { key: key.to_owned(), name: name.to_owned() })?,
        });
        if filled.len() > LONGEST_FILLED {
            return Err(Wrong::Long);
        }
    }
    Ok(filled)
}

/// What a project keeps of settings that come in. `before`: what it has, of which a secret stays where an empty one comes.
/// Passwords are kept as hashes, unless they have a board's values in them.
///
/// # Errors
/// [`Wrong`].
pub(super) fn kept(
    before: &FirstBootSettings,
    new: &FirstBootSettings,
    salt: &[u8; 16],
) -> Result<FirstBootSettings, Wrong> {
    if new.iter().map(|(key, text)| key.len() + text.len()).sum::<usize>() > LONGEST {
        return Err(Wrong::Long);
    }
    let mut kept = FirstBootSettings::new();
    for (key, text) in new {
        let text = match text.is_empty() && is_secret(key) {
            true => before.get(key).ok_or_else(|| Wrong::NoSecret { key: key.clone() })?,
            false => text,
        };
        if key == "password" && !has_names(text) {
            // What it may be is looked at before it is hashed.
            Settings::default().set(key, text).map_err(|problem| Wrong::Setting(problem.to_string()))?;
            let hash = hashed_password(text, salt).map_err(|error| Wrong::Setting(error.to_string()))?;
            if kept.insert("password-hash".to_owned(), hash).is_some() {
                return Err(Wrong::Setting("password and password-hash say the same thing twice".to_owned()));
            }
        } else if kept.contains_key(key) {
            return Err(Wrong::Setting("password and password-hash say the same thing twice".to_owned()));
        } else {
            kept.insert(key.clone(), text.clone());
        }
    }
    let ssid = kept.get("wifi-ssid").filter(|ssid| !has_names(ssid)).cloned();
    let (given, had) = (new.get("wifi-password"), before.get("wifi-password"));
    match (&ssid, given) {
        // The key is made of the Wi-Fi's name too.
        (_, Some(given))
            if given.is_empty() && before.get("wifi-ssid") != kept.get("wifi-ssid") && had.is_some() =>
        {
            return Err(Wrong::NewName);
        }
        (Some(ssid), Some(given)) if !given.is_empty() && !has_names(given) => {
            Settings::default()
                .set("wifi-password", given)
                .map_err(|problem| Wrong::Setting(problem.to_string()))?;
            kept.insert("wifi-password".to_owned(), wifi_key(ssid, given));
        }
        _ => {}
    }
    // Of a key that has values in it the name has to be one, and all have to fit together whatever the values are.
    settings_of(&sample(&kept), true)?;
    Ok(kept)
}

/// Settings as some board may have them: where a board's values stand, there is something that can be.
#[must_use]
pub(super) fn sample(settings: &FirstBootSettings) -> FirstBootSettings {
    let mut whole = FirstBootSettings::new();
    for (key, text) in settings {
        if !has_names(text) {
            whole.insert(key.clone(), text.clone());
        } else if key != FIRST_BOOT_FORMAT {
            let sample = KEYS.iter().find(|known| known.name == key).map_or("", firstboot::Key::sample);
            whole.insert(key.clone(), sample.to_owned());
        }
    }
    whole
}

/// The values of a board that settings need, each with the key of one that needs it.
#[must_use]
pub(super) fn needed(settings: &FirstBootSettings) -> BTreeMap<String, String> {
    let mut needed = BTreeMap::new();
    for (key, text) in settings {
        for part in parts(text) {
            if let Part::Name(name) = part {
                needed.entry(name.to_owned()).or_insert_with(|| key.clone());
            }
        }
    }
    needed
}

/// What is told of settings: not the secrets, which are empty.
#[must_use]
pub(super) fn told(settings: &FirstBootSettings) -> FirstBootSettings {
    let text = |key: &String, text: &String| if is_secret(key) { String::new() } else { text.clone() };
    settings.iter().map(|(key, value)| (key.clone(), text(key, value))).collect()
}

/// The settings of one board.
///
/// # Errors
/// [`Wrong`].
pub(super) fn filled(
    settings: &FirstBootSettings,
    values: &BTreeMap<String, String>,
) -> Result<FirstBootSettings, Wrong> {
    let mut filled = FirstBootSettings::new();
    for (key, text) in settings {
        let whole = fill(key, text, values)?;
        if has_names(text)
            && let Err(wrong) = settings_of(&FirstBootSettings::from([(key.clone(), whole.clone())]), false)
        {
            let used = |part| match part {
                Part::Text(_) => None,
                Part::Name(name) => Some(Used {
                    name: name.to_owned(),
                    text: values.get(name).filter(|_| !is_secret(key)).cloned(),
                    source: None,
                    row: None,
                }),
            };
            return Err(Wrong::Filled {
                why: wrong.to_string(),
                used: parts(text).filter_map(used).collect(),
            });
        }
        filled.insert(key.clone(), whole);
    }
    settings_of(&filled, true)?;
    Ok(filled)
}

/// As the library takes them, with the format where one is said. `whole`: they have to fit together.
///
/// # Errors
/// [`Wrong`].
pub(super) fn settings_of(
    texts: &FirstBootSettings,
    whole: bool,
) -> Result<(Settings, Option<Format>), Wrong> {
    let mut settings = Settings::default();
    let mut format = None;
    for (key, text) in texts {
        if key == FIRST_BOOT_FORMAT {
            format = Some(text.parse().map_err(|why| Wrong::Setting(format!("format: {why}")))?);
            continue;
        }
        let mut set =
            |text: &str| settings.set(key, text).map_err(|problem| Wrong::Setting(problem.to_string()));
        if key == SEVERAL {
            text.lines().filter(|line| !line.trim().is_empty()).try_for_each(&mut set)?;
        } else {
            set(text)?;
        }
    }
    if whole {
        settings.check().map_err(|problem| Wrong::Setting(problem.to_string()))?;
    }
    Ok((settings, format))
}

/// What is to be put into the image of a job. The same job gives the same files each time that it is asked.
///
/// # Errors
/// [`Wrong`].
pub(super) fn wanted(job: &str, made: i64, texts: &FirstBootSettings) -> Result<firstboot::Wanted, Wrong> {
    let (settings, format) = settings_of(texts, true)?;
    let mut salt = [0; 16];
    let derived = blake3::derive_key("piprov 2026 salt of a job's first-boot settings", job.as_bytes());
    salt.copy_from_slice(&derived[..16]);
    Ok(firstboot::Wanted { settings, format, salt, time: u64::try_from(made / 1000).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_value_that_cannot_be_is_told_and_of_a_secret_only_its_name() {
        let values = map(&[("hn", "bad host!"), ("pin", "x\u{0}")]);
        let why = |key, text| filled(&map(&[(key, text)]), &values).unwrap_err().to_string();
        let told = why("hostname", "{hn}");
        assert!(told.starts_with("hostname: ") && told.ends_with(": `hn` is `bad host!`"), "{told}");
        let told = why("wifi-password", "{pin}");
        assert!(told.ends_with(": `pin`"), "{told}");
    }

    #[test]
    fn settings_have_to_fit_together_whatever_a_boards_values_are() {
        let kept = |pairs: &[(&str, &str)]| kept(&map(&[]), &map(pairs), &[0; 16]);
        assert!(kept(&[("hostname", "gate-{sn}"), ("wifi-ssid", "lab")]).is_err(), "no country");
        assert!(kept(&[("user", "{who}")]).is_err(), "nobody can sign in");
        assert!(kept(&[("hostname", "gate-{sn}"), ("nosuch", "{sn}")]).is_err());
        let all =
            [("user", "{who}"), ("password", "{pin}"), ("wifi-ssid", "{lab}"), ("wifi-country", "{land}")];
        assert_eq!(kept(&all).unwrap(), map(&all));
    }

    #[test]
    fn the_values_that_settings_need_are_known_by_name() {
        let settings = map(&[("hostname", "gate-{sn}-{serial8}"), ("user", "{sn}"), ("timezone", "{B}")]);
        assert_eq!(needed(&settings), map(&[("serial8", "hostname"), ("sn", "hostname")]));
        let some =
            sample(&map(&[("hostname", "{sn}"), ("timezone", "Europe/Berlin"), ("format", "first-run")]));
        assert!(settings_of(&some, true).is_ok() && some["timezone"] == "Europe/Berlin", "{some:?}");
        assert_ne!(some["hostname"], "{sn}");
    }

    #[test]
    fn texts_are_filled_with_a_boards_values() {
        let values = map(&[("serial8", "af04b2da"), ("n", "7")]);
        let settings = map(&[("hostname", "gate-{serial8}-{n}"), ("timezone", "Europe/Berlin")]);
        let filled = filled(&settings, &values).unwrap();
        assert_eq!(filled, map(&[("hostname", "gate-af04b2da-7"), ("timezone", "Europe/Berlin")]));
        let missing = super::filled(&map(&[("hostname", "a{rack}")]), &values).unwrap_err();
        assert_eq!(missing.to_string(), "hostname: the board has no value `rack`");
        // A value that the setting can't have is told by the setting's name.
        let odd = super::filled(&map(&[("hostname", "{n}")]), &map(&[("n", "a b")])).unwrap_err();
        assert!(odd.to_string().starts_with("hostname: "), "{odd}");
    }

    #[test]
    fn secrets_are_kept_as_hashes_told_to_nobody_and_stay_where_nothing_comes() {
        let settings = map(&[("user", "pi"), ("password", "raspberry 5"), ("hostname", "a{n}")]);
        let first = kept(&FirstBootSettings::new(), &settings, &[1; 16]).unwrap();
        assert!(first["password-hash"].starts_with("$6$") && !first.contains_key("password"), "{first:?}");
        let shown = told(&first);
        assert_eq!(shown, map(&[("user", "pi"), ("password-hash", ""), ("hostname", "a{n}")]));
        assert_eq!(kept(&first, &shown, &[2; 16]).unwrap(), first);
        let none = kept(&FirstBootSettings::new(), &shown, &[2; 16]).unwrap_err();
        assert_eq!(none, Wrong::NoSecret { key: "password-hash".into() });
        let twice = map(&[("user", "pi"), ("password", "raspberry"), ("password-hash", "")]);
        assert!(kept(&first, &twice, &[2; 16]).unwrap_err().to_string().contains("twice"));
        // Of a Wi-Fi's password its key is kept, which belongs to the Wi-Fi's name (IEEE 802.11, annex J.4.3).
        let wifi = map(&[("wifi-ssid", "IEEE"), ("wifi-password", "password"), ("wifi-country", "DE")]);
        let wifi = kept(&FirstBootSettings::new(), &wifi, &[1; 16]).unwrap();
        assert_eq!(wifi["wifi-password"], "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e");
        assert_eq!(kept(&wifi, &told(&wifi), &[2; 16]).unwrap(), wifi);
        let other = FirstBootSettings::from([("wifi-ssid".to_owned(), "other".to_owned())]);
        let renamed = told(&wifi).into_iter().chain(other).collect();
        assert_eq!(kept(&wifi, &renamed, &[2; 16]), Err(Wrong::NewName));
        // One that has a value in it is hashed when the board is known.
        let each = map(&[("user", "pi"), ("password", "{secret}")]);
        assert_eq!(kept(&FirstBootSettings::new(), &each, &[1; 16]).unwrap(), each);
    }

    #[test]
    fn what_no_board_could_have_is_refused_at_once() {
        let none = FirstBootSettings::new();
        for (settings, why) in [
            (&[("hostname", "a b")][..], "hostname: "),
            (&[("hostnme", "a")], "no first-boot setting `hostnme`"),
            (&[("hostnme", "{a}")], "no first-boot setting `hostnme`"),
            (&[("wifi-ssid", "lab")], "wifi-country"),
            (&[("format", "floppy")], "format: "),
            (&[("ssh-key", "ssh-ed25519 x")], "ssh-key: "),
            (&[("user", "pi"), ("password", "")], "password: it is empty"),
        ] {
            let error = kept(&none, &map(settings), &[1; 16]).unwrap_err().to_string();
            assert!(error.contains(why), "{settings:?}: {error}");
        }
        let long = "a".repeat(LONGEST);
        assert_eq!(kept(&none, &map(&[("hostname", &long)]), &[1; 16]), Err(Wrong::Long));
        let keys = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUxaW0xZ2V0MTIzNDU2Nzg5MDEyMzQ1Njc4 a\n\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUxaW0xZ2V0MTIzNDU2Nzg5MDEyMzQ1Njc5 b\n";
        kept(&none, &map(&[("user", "pi"), ("ssh-key", keys), ("format", "first-run")]), &[1; 16]).unwrap();
    }

    proptest! {
        #[test]
        fn a_value_is_never_read_as_a_text_with_values(value in "[a{}]{0,10}") {
            let values = map(&[("a", &value)]);
            prop_assert_eq!(fill("hostname", "{a}", &values), Ok(value));
        }
    }
}
