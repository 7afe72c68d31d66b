//! What a project does with the EEPROMs of its boards, on the command line.

use crate::cli::client::{parse, word, yes};
use crate::cli::eeprom::setting;
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::eeprom::keys::Key;
use crate::station_api::{EepromOtherwise, EepromWhen, ProjectEeprom};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "EEPROM of a Pi 4 or 5")]
pub(super) struct Eeprom {
    /// The EEPROM image that boards get, by name; "" is none
    ///
    /// Each board gets an image of its own: this one, with the settings below. `piprov firmware` adds images. One for another
    /// chip, one that is too old for the board, and one that is signed where the board isn't, or the other way round, is
    /// refused before the board is touched. Without it the options below change what the project says already.
    #[arg(long, value_name = "FIRMWARE")]
    eeprom: Option<String>,
    /// A bootloader's setting for its boards: BOOT_UART=1
    #[arg(long = "eeprom-set", value_name = "KEY=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// A setting that is taken out of the image's configuration
    #[arg(long = "eeprom-unset", value_name = "KEY")]
    unset: Vec<String>,
    /// A setting that stays again as the image has it
    #[arg(long = "eeprom-leave", value_name = "KEY")]
    leave: Vec<String>,
    /// Boards look for a system first on the disk that is written: yes or no
    #[arg(long = "eeprom-boot-from-target", value_name = "YES", value_parser = yes, num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    boot_from_target: Option<bool>,
    /// When it is written: if-different, or if-older than the image's bootloader
    #[arg(long = "eeprom-when", value_name = "WHEN", value_parser = parse::<EepromWhen>)]
    when: Option<EepromWhen>,
    /// What becomes of a job whose board can't have it in any way: fail or go-on
    #[arg(long = "eeprom-otherwise", value_name = "WHAT", value_parser = parse::<EepromOtherwise>)]
    otherwise: Option<EepromOtherwise>,
}

fn usage(message: String, hint: &str) -> Usage {
    Usage { message, hint: Some(hint.into()) }
}

impl Eeprom {
    /// Whether something is said but for the image.
    fn says_more(&self) -> bool {
        !self.set.is_empty()
            || !self.unset.is_empty()
            || !self.leave.is_empty()
            || self.boot_from_target.is_some()
            || self.when.is_some()
            || self.otherwise.is_some()
    }

    /// What the project says, with what was said.
    pub(super) fn put(&self, before: Option<ProjectEeprom>, ui: &Ui) -> Result<Option<ProjectEeprom>, Usage> {
        let mut eeprom = match (self.eeprom.as_deref(), before) {
            (Some(""), _) if self.says_more() => {
                let message = "--eeprom \"\" takes all of it out, and more is said of it".to_owned();
                return Err(usage(message, "Say one of them."));
            }
            (Some(""), _) => return Ok(None),
            (Some(firmware), before) => {
                ProjectEeprom { firmware: firmware.to_owned(), ..before.unwrap_or_default() }
            }
            (None, Some(before)) => before,
            (None, None) if self.says_more() => {
                let message = "the project has no EEPROM image".to_owned();
                return Err(usage(
                    message,
                    "`--eeprom FIRMWARE` names one; `piprov firmware list` shows them.",
                ));
            }
            (None, None) => return Ok(None),
        };
        let mut said: Vec<&String> = self.set.iter().map(|(key, _)| key).collect();
        said.extend(self.unset.iter().chain(&self.leave));
        said.sort();
        if let Some(twice) = said.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(usage(
                format!("{} is said twice", twice[0]),
                "Say one of --eeprom-set, --eeprom-unset, --eeprom-leave.",
            ));
        }
        for key in said {
            eeprom.set.remove(key);
            eeprom.unset.retain(|unset| unset != key);
        }
        eeprom.set.extend(self.set.iter().cloned());
        eeprom.unset.extend(self.unset.iter().cloned());
        eeprom.boot_from_target = self.boot_from_target.unwrap_or(eeprom.boot_from_target);
        eeprom.when = self.when.unwrap_or(eeprom.when);
        eeprom.otherwise = self.otherwise.unwrap_or(eeprom.otherwise);
        let names = self.set.iter().map(|(key, _)| key).chain(&self.unset);
        Key::unknown_of(names).iter().for_each(|told| ui.warn(told));
        Ok(Some(eeprom))
    }
}

/// In a line.
pub(super) fn told(eeprom: Option<&ProjectEeprom>) -> String {
    let Some(eeprom) = eeprom else { return String::new() };
    let mut parts = vec![eeprom.firmware.clone()];
    parts.extend(eeprom.set.iter().map(|(key, value)| format!("{key}={value}")));
    parts.extend(eeprom.unset.iter().map(|key| format!("without {key}")));
    parts.extend(eeprom.boot_from_target.then(|| "boots from the disk".to_owned()));
    parts.push(word(eeprom.when));
    parts.push(format!("otherwise {}", word(eeprom.otherwise)));
    parts.join(", ")
}
