//! What can be set, with its bounds.

use std::fmt;

/// Most SSH keys.
const MOST_KEYS: usize = 20;
/// Longest SSH key; one of RSA with 16384 bits has less than 3000 characters.
const LONGEST_KEY: usize = 8192;
/// Longest password that is hashed.
const LONGEST_PASSWORD: usize = 256;

/// A key, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it sets, in a line.
    pub help: &'static str,
    /// Whether its value is a secret.
    pub is_secret: bool,
}

impl Key {
    /// A value that it may have: for what isn't known yet, where it is only asked whether settings fit together.
    #[must_use]
    pub fn sample(&self) -> &'static str {
        match self.name {
            "password" | "wifi-password" => "a sample",
            "password-hash" => "$y$j9T$aaaaaaaaaaaaaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sudo" | "ssh" | "ssh-password" | "wifi-hidden" => "yes",
            "ssh-key" => "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "wifi-country" => "GB",
            "timezone" => "Etc/UTC",
            "keyboard" => "gb",
            _ => "sample",
        }
    }
}

const fn key(name: &'static str, help: &'static str) -> Key {
    Key { name, help, is_secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Key {
    Key { name, help, is_secret: true }
}

/// All keys, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key("hostname", "host name: letters, digits and -, 63 at most"),
    key("user", "name of the first user"),
    secret("password", "the user's password; only its hash is written"),
    secret("password-hash", "the same as a hash of crypt(5): $y$…, $6$… or $5$…"),
    key("sudo", "yes: the user may do everything without a password"),
    key("ssh", "yes or no: whether SSH is on"),
    key("ssh-password", "yes or no: whether a password is enough over SSH"),
    key("ssh-key", "a line of authorized_keys; may be given several times"),
    key("wifi-ssid", "name of the Wi-Fi, 32 bytes at most"),
    secret("wifi-password", "its password, 8 to 63 characters; only the key made of it is written"),
    key("wifi-country", "two letters, as DE or GB"),
    key("wifi-hidden", "yes: the Wi-Fi doesn't tell its name"),
    key("timezone", "as Europe/Berlin"),
    key("keyboard", "as de or gb"),
];

/// The settings of one board's first start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub(super) hostname: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) password_hash: Option<String>,
    pub(super) sudo: bool,
    pub(super) ssh: Option<bool>,
    pub(super) ssh_password: Option<bool>,
    pub(super) ssh_keys: Vec<String>,
    pub(super) wifi_ssid: Option<Vec<u8>>,
    pub(super) wifi_password: Option<String>,
    pub(super) wifi_country: Option<String>,
    pub(super) wifi_hidden: bool,
    pub(super) timezone: Option<String>,
    pub(super) keyboard: Option<String>,
}

/// What is wrong with a setting. Its value isn't in the text where it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No such key.
    #[error("there is no first-boot setting `{}`{}", .name.escape_debug(), is_it(.near.as_deref()))]
    Unknown {
        /// As it was given.
        name: String,
        /// The one that it looks like.
        near: Option<String>,
    },
    /// A value that it can't have.
    #[error("{key}: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Two that belong together, or exclude each other.
    #[error("{0}")]
    Together(&'static str),
}

fn is_it(name: Option<&str>) -> String {
    name.map(|name| format!(" (is it `{name}`?)")).unwrap_or_default()
}

impl Settings {
    /// Sets a key. A later value replaces an earlier one, except for `ssh-key`, which is added.
    ///
    /// # Errors
    /// An unknown key, or a value that it can't have.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let names = KEYS.iter().map(|key| key.name);
            let near = crate::near::near(name, names).into_iter().next();
            return Err(Problem::Unknown { name: name.to_owned(), near });
        };
        self.take(key.name, value).map_err(|why| Problem::Value { key: key.name, why })
    }

    fn take(&mut self, key: &'static str, value: &str) -> Result<(), String> {
        if value.contains(['\0', '\n', '\r']) {
            return Err("a value is one line".to_owned());
        }
        let text = || Some(value.to_owned());
        match key {
            "hostname" => self.hostname = hostname(value)?,
            "user" => self.user = user(value)?,
            "password" if value.is_empty() || value.len() > LONGEST_PASSWORD => {
                return Err(format!("a password has 1 to {LONGEST_PASSWORD} bytes"));
            }
            "password" => self.password = text(),
            "password-hash" => self.password_hash = crypt(value)?,
            "sudo" => self.sudo = yes(value)?,
            "ssh" => self.ssh = Some(yes(value)?),
            "ssh-password" => self.ssh_password = Some(yes(value)?),
            "ssh-key" => {
                let key = ssh_key(value)?;
                if self.ssh_keys.len() == MOST_KEYS {
                    return Err(format!("there are more than {MOST_KEYS} keys"));
                }
                if !self.ssh_keys.contains(&key) {
                    self.ssh_keys.push(key);
                }
            }
            "wifi-ssid" if value.is_empty() || value.len() > 32 => {
                return Err("a Wi-Fi's name has 1 to 32 bytes".to_owned());
            }
            "wifi-ssid" => self.wifi_ssid = Some(value.as_bytes().to_vec()),
            "wifi-password" => self.wifi_password = wifi_password(value)?,
            "wifi-country" if is_no_country(value) => {
                return Err("this is no country's code".to_owned());
            }
            "wifi-country" if value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                self.wifi_country = Some(value.to_ascii_uppercase());
            }
            "wifi-country" => return Err("a country is two letters".to_owned()),
            "wifi-hidden" => self.wifi_hidden = yes(value)?,
            "timezone" => self.timezone = timezone(value)?,
            _ => self.keyboard = keyboard(value)?,
        }
        Ok(())
    }

    /// Whether what is set fits together.
    ///
    /// # Errors
    /// [`Problem::Together`].
    pub fn check(&self) -> Result<(), Problem> {
        let problem = |what| Err(Problem::Together(what));
        let has_password = self.password.is_some() || self.password_hash.is_some();
        if self.password.is_some() && self.password_hash.is_some() {
            return problem("password and password-hash say the same thing twice");
        }
        if has_password && self.user.is_none() {
            return problem("a password needs a user");
        }
        if self.user.is_some() && !has_password && self.ssh_keys.is_empty() {
            return problem("a user needs a password or an SSH key, or nobody can sign in");
        }
        if self.sudo && self.user.is_none() {
            return problem("the setting sudo needs a user");
        }
        if !self.ssh_keys.is_empty() && self.user.is_none() {
            return problem("an SSH key needs a user");
        }
        if self.ssh == Some(false) && (!self.ssh_keys.is_empty() || self.ssh_password == Some(true)) {
            return problem("ssh is off, and something is set for it");
        }
        if self.wifi_ssid.is_none() && (self.wifi_password.is_some() || self.wifi_hidden) {
            return problem("a Wi-Fi needs its name (wifi-ssid)");
        }
        if self.wifi_ssid.is_some() && self.wifi_country.is_none() {
            return problem("a Wi-Fi needs its country (wifi-country): without it the radio stays off");
        }
        Ok(())
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The keys that are set, in their order.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        let is_set = |key: &&Key| match key.name {
            "hostname" => self.hostname.is_some(),
            "user" => self.user.is_some(),
            "password" => self.password.is_some(),
            "password-hash" => self.password_hash.is_some(),
            "sudo" => self.sudo,
            "ssh" => self.ssh.is_some(),
            "ssh-password" => self.ssh_password.is_some(),
            "ssh-key" => !self.ssh_keys.is_empty(),
            "wifi-ssid" => self.wifi_ssid.is_some(),
            "wifi-password" => self.wifi_password.is_some(),
            "wifi-country" => self.wifi_country.is_some(),
            "wifi-hidden" => self.wifi_hidden,
            "timezone" => self.timezone.is_some(),
            _ => self.keyboard.is_some(),
        };
        KEYS.iter().filter(is_set).map(|key| key.name).collect()
    }

    /// The Wi-Fi's name, where programs hand it on as it is. raspberrypi-sys-mods' takes what begins with - for an option,
    /// and in NetworkManager's files `;`, `\\` and a space at an end mean something else.
    pub(super) fn plain_ssid(&self) -> Option<&str> {
        let ssid = std::str::from_utf8(self.wifi_ssid.as_deref()?).ok()?;
        let odd = ssid.starts_with('-')
            || ssid.trim() != ssid
            || ssid.contains(|char: char| char == ';' || char == '\\' || char.is_control());
        (!odd).then_some(ssid)
    }

    /// Whether SSH is to be on: said, or because something is set for it.
    pub(super) fn wants_ssh(&self) -> bool {
        self.ssh.unwrap_or(!self.ssh_keys.is_empty() || self.ssh_password == Some(true))
    }

    /// Whether a password is enough over SSH: said, or because there is no key.
    pub(super) fn ssh_by_password(&self) -> bool {
        self.ssh_password.unwrap_or(self.ssh_keys.is_empty())
    }
}

/// Secrets don't belong into logs.
impl fmt::Display for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.keys().join(", "))
    }
}

fn yes(value: &str) -> Result<bool, String> {
    match value {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err("it is yes or no".to_owned()),
    }
}

/// A label of RFC 1123, section 2.1.
fn hostname(value: &str) -> Result<Option<String>, String> {
    let good = (1..=63).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !value.starts_with('-')
        && !value.ends_with('-');
    if good {
        Ok(Some(value.to_owned()))
    } else {
        Err("it has letters, digits and - inside, 63 at most".to_owned())
    }
}

/// As Debian's adduser takes it (NAME_REGEX), at most 32 (utmp).
fn user(value: &str) -> Result<Option<String>, String> {
    let good = (1..=32).contains(&value.len())
        && value.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    match value {
        "root" => Err("root is there already; name a user of your own".to_owned()),
        _ if good => Ok(Some(value.to_owned())),
        _ => {
            Err("it begins with a small letter and has small letters, digits, _ and -, 32 at most".to_owned())
        }
    }
}

/// A hash of crypt(5).
fn crypt(value: &str) -> Result<Option<String>, String> {
    let good = ["$y$", "$6$", "$5$"].iter().any(|prefix| value.starts_with(prefix))
        && value.len() <= 384
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./$=,".contains(&byte))
        && value.split('$').filter(|part| !part.is_empty()).count() >= 3;
    if good {
        Ok(Some(value.to_owned()))
    } else {
        Err("it is no hash of the forms $y$, $6$ and $5$".to_owned())
    }
}

/// A line of authorized_keys without options: its sort, its bytes, and who it is.
fn ssh_key(value: &str) -> Result<String, String> {
    let value = value.trim();
    let mut words = value.split_ascii_whitespace();
    let sort = words.next().unwrap_or_default();
    let body = words.next().unwrap_or_default();
    let good = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| sort.starts_with(prefix))
        && sort.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-@.".contains(&byte))
        && body.len() >= 40
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        && value.len() <= LONGEST_KEY
        && !value.chars().any(char::is_control);
    if value.starts_with("-----BEGIN") {
        return Err("this is a private key; give the line of the file .pub".to_owned());
    }
    if good {
        Ok(value.to_owned())
    } else {
        Err("it is no line of a file .pub: `ssh-ed25519 AAAA… name`".to_owned())
    }
}

/// WPA takes 8 to 63 characters of ASCII, or the key itself in 64 digits (IEEE 802.11, annex J.4).
fn wifi_password(value: &str) -> Result<Option<String>, String> {
    let is_key = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_text = (8..=63).contains(&value.len()) && value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_key || is_text {
        Ok(Some(value.to_owned()))
    } else {
        Err("it has 8 to 63 characters of ASCII".to_owned())
    }
}

/// Two letters that ISO 3166-1 leaves to whoever uses them, but XK: no country has them.
fn is_no_country(value: &str) -> bool {
    let value = value.to_ascii_uppercase();
    matches!(value.as_bytes(), b"AA" | b"ZZ" | [b'X', b'A'..=b'J' | b'L'..=b'Z'] | [b'Q', b'M'..=b'Z'])
}

fn timezone(value: &str) -> Result<Option<String>, String> {
    let good = |part: &str| {
        !part.is_empty()
            && part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    if value.len() > 64 || !value.split('/').all(good) {
        return Err("it is a name like Europe/Berlin".to_owned());
    }
    // This host may know newer ones than we do, and fewer of the old ones.
    let known = [jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::db().clone()];
    if !known.iter().any(|zones| zones.available().any(|zone| zone.as_str() == value)) {
        return Err("there is no time zone of this name; it is one like Europe/Berlin".to_owned());
    }
    Ok(Some(value.to_owned()))
}

fn keyboard(value: &str) -> Result<Option<String>, String> {
    let good = (2..=16).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if good {
        Ok(Some(value.to_owned()))
    } else {
        Err("it is a layout's short name like de or gb".to_owned())
    }
}
