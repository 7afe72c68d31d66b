//! Which bootloader a board needs at least, so that an old one doesn't kill a new board.
//!
//! Sources: a board tells the number that it needs in its device tree as `/chosen/rpi-min-boot-ver`, and images say
//! theirs as `MFG_VER` (README of Raspberry Pi's repository rpi-eeprom, "Minimum bootloader version"). Images of before
//! May 2026 say none, which counts as 0. The dates by model: usbboot's pull request 252 for CM5 and Pi 500; issue 838 of
//! rpi-eeprom for the CM4; release notes of the BCM2711's bootloader, 2022-01-25, for the CM4S.

use super::{Error, Image};
use crate::board::Model;

/// What a board needs of a bootloader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Which model it is, where that is known.
    pub model: Option<Model>,
    /// The number that it tells in its device tree as `rpi-min-boot-ver`, where that is known.
    pub mfg_ver: Option<u64>,
}

/// The day of the first bootloader for a model, and what is known of older ones.
const LEAST: [(Model, &str, &str); 5] = [
    (
        Model::Cm4,
        "2023-01-12",
        "CM4s that were made in 2025 or later don't start with a bootloader up to 2023-01-11",
    ),
    (Model::Cm4s, "2022-01-25", "it is the first release for all Compute Modules of its chip"),
    (Model::Cm5, "2024-09-23", "older ones don't know this board"),
    (Model::Cm5Lite, "2024-09-23", "older ones don't know this board"),
    (Model::Pi500, "2024-09-23", "older ones don't know this board"),
];

impl Needs {
    /// Whether a board starts from this image, as far as is known.
    ///
    /// # Errors
    /// [`Error::OtherBoard`], [`Error::TooOld`], [`Error::MfgVer`].
    pub fn check(&self, image: &Image) -> Result<(), Error> {
        self.chip(image)?;
        self.date(image)?;
        self.number(image)
    }

    /// Whether the image is for the board's chip.
    ///
    /// # Errors
    /// [`Error::OtherBoard`].
    pub fn chip(&self, image: &Image) -> Result<(), Error> {
        match self.model {
            Some(board) if board.family() != Some(image.family()) => {
                Err(Error::OtherBoard { family: image.family(), board })
            }
            _ => Ok(()),
        }
    }

    /// Whether the image is as new as the model needs.
    ///
    /// # Errors
    /// [`Error::TooOld`].
    pub fn date(&self, image: &Image) -> Result<(), Error> {
        let Some((board, least, why)) = LEAST.into_iter().find(|row| Some(row.0) == self.model) else {
            return Ok(());
        };
        let built = image.built().and_then(day);
        // Days that are written so have the order of their texts.
        match &built {
            Some(day) if day.as_str() >= least => Ok(()),
            _ => Err(Error::TooOld { built, board, least, why }),
        }
    }

    /// Whether the image has the number that the board needs.
    ///
    /// # Errors
    /// [`Error::MfgVer`].
    pub fn number(&self, image: &Image) -> Result<(), Error> {
        let (has, needs) = (image.mfg_ver(), self.mfg_ver.unwrap_or(0));
        if has.unwrap_or(0) >= needs { Ok(()) } else { Err(Error::MfgVer { has, needs }) }
    }
}

/// What is to be said of an image for a board that isn't known: the models of its chip that it is too old for.
#[must_use]
pub fn too_old_for(image: &Image) -> Vec<String> {
    let too_old = |model| Needs { model: Some(model), mfg_ver: None }.date(image).is_err();
    let rows = LEAST.into_iter().filter(|row| row.0.family() == Some(image.family()) && too_old(row.0));
    rows.map(|(board, least, why)| format!("too old for a {board}, which needs {least} or later: {why}"))
        .collect()
}

/// The day of a time in seconds since 1970, as 2026-05-17.
#[must_use]
pub fn day(seconds: u64) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Family;
    use crate::samples::eeprom::{Half, ab, pi4, pi4_of};

    fn check(image: Vec<u8>, model: Option<Model>, mfg_ver: Option<u64>) -> Result<(), Error> {
        Needs { model, mfg_ver }.check(&Image::parse(image).unwrap())
    }

    #[test]
    fn an_image_for_another_chip_is_refused() {
        let five = || ab(&Half { firmware: 7, conf: b"" }, None);
        assert_eq!(
            check(five(), Some(Model::Cm4), None),
            Err(Error::OtherBoard { family: Family::Pi5, board: Model::Cm4 })
        );
        assert_eq!(check(five(), Some(Model::Cm5), None), Ok(()));
        assert!(check(pi4(b""), Some(Model::Pi3B), None).is_err(), "a board without an EEPROM");
    }

    #[test]
    fn an_image_of_before_its_board_is_refused() {
        for (text, model, fine) in [
            ("1673395200", Model::Cm4, false), // 2023-01-11, the one that killed boards
            ("1673481600", Model::Cm4, true),
            ("1643068800", Model::Cm4s, true),
            ("1643068799", Model::Cm4s, false),
            ("1", Model::Pi4B, true),
            ("", Model::Cm4, false),
        ] {
            let got = check(pi4_of(text, b""), Some(model), None);
            assert_eq!(got.is_ok(), fine, "{text} {model}: {got:?}");
        }
        let error = check(pi4_of("1673395200", b""), Some(Model::Cm4), None).unwrap_err();
        assert!(matches!(&error, Error::TooOld { built: Some(day), .. } if day == "2023-01-11"), "{error}");
    }

    #[test]
    fn without_a_board_each_is_named_that_it_kills() {
        let of = |built| too_old_for(&Image::parse(pi4_of(built, b"")).unwrap());
        let said = of("1609459200");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with(
                "too old for a CM4, which needs 2023-01-12 or later: CM4s that were made in 2025"
            )
        );
        assert!(of("1725539543").is_empty());
    }

    #[test]
    fn the_number_that_a_board_needs_decides() {
        let five = || ab(&Half { firmware: 7, conf: b"" }, None);
        assert_eq!(check(five(), None, Some(7)), Ok(()));
        assert_eq!(check(five(), None, Some(8)), Err(Error::MfgVer { has: Some(7), needs: 8 }));
        assert_eq!(check(pi4(b""), None, Some(0)), Ok(()));
        assert_eq!(check(pi4(b""), None, Some(1)), Err(Error::MfgVer { has: None, needs: 1 }));
    }

    #[test]
    fn no_time_panics() {
        assert_eq!(day(1_778_976_000).as_deref(), Some("2026-05-17"));
        assert_eq!(day(u64::MAX), None);
        assert_eq!(day(i64::MAX as u64), None);
    }
}
