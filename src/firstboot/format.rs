//! The formats in which systems read their first settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Error, Settings};

/// How a system reads its first settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `firstrun.sh`, which systemd runs because the kernel's command line says so: Raspberry Pi OS up to its first Trixie.
    FirstRun,
    /// cloud-init with a seed on the boot partition: Ubuntu.
    CloudInit,
    /// The same with Raspberry Pi's additions: Raspberry Pi OS since late 2025.
    CloudInitRpi,
    /// `rpi-preseed.toml`: systems with the package rpi-preseed.
    Preseed,
    /// `custom.toml`: Raspberry Pi OS Bookworm since October 2023, at the very first start.
    CustomToml,
}

impl Format {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 5] =
        [Self::Preseed, Self::CloudInitRpi, Self::CloudInit, Self::FirstRun, Self::CustomToml];

    /// Its name in settings and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstRun => "first-run",
            Self::CloudInit => "cloud-init",
            Self::CloudInitRpi => "cloud-init-rpi",
            Self::Preseed => "preseed",
            Self::CustomToml => "custom-toml",
        }
    }

    /// Whether everything that is set can be said in this format.
    pub(super) fn can_say(self, settings: &Settings) -> Result<(), Error> {
        let text = settings.wifi_ssid.as_deref().is_none_or(|ssid| std::str::from_utf8(ssid).is_ok());
        // An SSID is octets; these have text only.
        if !text && matches!(self, Self::CloudInit | Self::CloudInitRpi | Self::CustomToml) {
            return Err(Error::CannotSay { format: self, key: "a wifi-ssid that is no text" });
        }
        if self == Self::CustomToml && settings.wifi_ssid.is_some() && settings.plain_ssid().is_none() {
            return Err(Error::CannotSay {
                format: self,
                key: "a wifi-ssid with `;`, `\\`, a control character, or a space or - where it begins or ends",
            });
        }
        Ok(())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            format!("`{}` is none of {}", text.escape_debug(), names.join(", "))
        })
    }
}
