//! The filters of a config.txt, as far as they can be decided without the board: it says its serial number, and that it
//! is one that needs an overlay.

use crate::board::{HostBoot, Model, Serial};
use crate::eeprom::Scope;
use crate::eeprom::config_txt::Setting;
use crate::eeprom::filters::models;

/// How many different filters a config.txt may have.
const MOST: usize = 64;

/// Whether a filter is for boards only that tell their serial number in their boot ROM: BCM2711 and BCM2712.
fn is_for_others(filter: &str) -> bool {
    let late = |model: &Model| matches!(model.host_boot(), HostBoot::Eeprom(_));
    models(filter).is_some_and(|models| models.iter().all(late))
}

/// Whether what stands below a filter counts.
#[derive(Debug, PartialEq, Eq)]
enum Counts {
    Always,
    Never,
    /// On a board to which this filter applies.
    There(String),
}

fn counts(scope: &Scope, serial: Option<&Serial>) -> Counts {
    let filter = match scope {
        Scope::Always => return Counts::Always,
        Scope::Never | Scope::Elsewhere => return Counts::Never,
        Scope::When(filter) => filter.trim().to_ascii_lowercase(),
    };
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    match (filter.strip_prefix("0x").and_then(number), serial.and_then(|serial| number(serial.as_str()))) {
        _ if filter == "all" => Counts::Always,
        _ if is_for_others(&filter) => Counts::Never,
        // Either may be told in 8 or 16 digits; it is the last 8 in which boards differ.
        (Some(wanted), Some(is)) if wanted as u32 == is as u32 => Counts::Always,
        (Some(_), Some(_)) => Counts::Never,
        _ => Counts::There(filter),
    }
}

/// The settings as they count on each kind of board: one to which no filter applies, and, for each filter, one to which
/// that applies.
pub(super) struct Worlds<'a> {
    settings: Vec<(&'a Setting, Counts)>,
    /// `None` stands for a board to which no filter applies.
    left: Vec<Option<String>>,
}

impl<'a> Worlds<'a> {
    /// # Errors
    /// With more filters than any config.txt has.
    pub(super) fn of(settings: &[&'a Setting], serial: Option<&Serial>) -> Result<Self, String> {
        let settings: Vec<_> =
            settings.iter().map(|setting| (*setting, counts(&setting.scope, serial))).collect();
        let mut left = vec![None];
        for (_, counts) in &settings {
            let Counts::There(filter) = counts else { continue };
            if left.iter().any(|known| known.as_ref() == Some(filter)) {
                continue;
            }
            if left.len() > MOST {
                return Err(format!("its config.txt has more than {MOST} different filters"));
            }
            left.push(Some(filter.clone()));
        }
        Ok(Self { settings, left })
    }
}

impl<'a> Iterator for Worlds<'a> {
    type Item = Vec<&'a Setting>;

    fn next(&mut self) -> Option<Self::Item> {
        let world = self.left.pop()?;
        let counts = |counts: &Counts| match counts {
            Counts::Always => true,
            Counts::Never => false,
            Counts::There(filter) => world.as_ref() == Some(filter),
        };
        let settings = self.settings.iter().filter(|(_, scope)| counts(scope));
        Some(settings.map(|(setting, _)| *setting).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_decided_as_far_as_they_can_be() {
        let board: Serial = "00000000d8e4a1f7".parse().unwrap();
        let of = |filter: &str| counts(&Scope::When(filter.into()), Some(&board));
        for filter in ["ALL", "0xd8e4a1f7", "0x00000000D8E4A1F7"] {
            assert_eq!(of(filter), Counts::Always, "{filter}");
        }
        for filter in ["none", "pi4", "Pi400", "cm4s", "pi500", "cm5", "0xd8e4a1f8"] {
            assert_eq!(of(filter), Counts::Never, "{filter}");
        }
        for filter in ["pi0", "pi02", "pi3+", "cm1", "gpio4=1", "EDID=x", "0xzz"] {
            assert_eq!(of(filter), Counts::There(filter.to_ascii_lowercase()));
        }
        let unknown = counts(&Scope::When("0xd8e4a1f7".into()), None);
        assert_eq!(unknown, Counts::There("0xd8e4a1f7".into()));
        assert_eq!(counts(&Scope::Never, None), Counts::Never);
    }
}
