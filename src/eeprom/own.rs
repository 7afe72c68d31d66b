//! The image of one board's EEPROM: what its project says, put into the project's image, where the board may have that.
//!
//! Nothing is refused after a board was touched. Sources of what can update an EEPROM: Raspberry Pi's documentation, "EEPROM
//! bootloader configuration" (`ENABLE_SELF_UPDATE`) and "Bootloader update"; the first bootloader that updates itself from a
//! disk: `update-pieeprom.sh` of the repository usbboot.

use sha2::{Digest as _, Sha256};

use super::boot_order::Mode;
use super::edit::{Wanted, edit};
use super::image::Image;
use super::update::{Edited, SELF_UPDATE};
use super::{BootConf, Error, Needs, day};
use crate::board::Model;
use crate::device_api::{BoardEeprom, Role};
use crate::error::{Explain, Kind, Remedy};
use crate::format::hex;
use crate::station_api::{EepromOtherwise, EepromWhen, ProjectEeprom};

/// The first bootloaders that take an update from the disk that they boot, in seconds since 1970: 2022-04-26.
const FROM_DISK: u64 = 1_650_968_668;

/// A board, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub struct Board<'a> {
    /// Its model, where that is known.
    pub model: Option<Model>,
    /// What it tells of its EEPROM.
    pub told: Option<&'a BoardEeprom>,
    /// The disk that the job writes, where it is known.
    pub target: Option<Role>,
    /// sha256 of an image that an earlier attempt was to write into its flash chip, and of which nobody told how that ended:
    /// what the board tells of its bootloader doesn't say whether all of the chip is that image, so it is read.
    pub begun: Option<&'a str>,
    /// It was started over the network by what this station speaks to, which can offer it an image the next time.
    pub network: bool,
}

/// How an image gets into an EEPROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The agent writes the flash chip, and reads it back.
    Flash,
    /// It lies on the boot partition; the bootloader takes it from there at the next start.
    BootPartition,
    /// The board starts again before anything is written, and is offered it over the network.
    Network,
}

/// What is to be done with a board's EEPROM.
#[derive(Debug, Clone)]
pub enum Decided {
    /// Nothing, and why.
    Nothing(String),
    /// This image is written.
    Write(Box<Own>),
}

/// A board's own image.
#[derive(Debug, Clone)]
pub struct Own {
    /// The image.
    pub image: Image,
    /// Its configuration.
    pub conf: BootConf,
    /// How it gets there.
    pub by: By,
    /// What is worth a word.
    pub notes: Vec<String>,
}

/// Why a board can't have an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The board tells nothing.
    #[error("its client tells nothing of its EEPROM, so nobody knows whether it may have the image")]
    Untold,
    /// The image isn't for it, or a setting can't be.
    #[error(transparent)]
    Image(#[from] Error),
    /// A board that starts only what is signed.
    #[error(
        "it starts only what its owner's key has signed, and the image isn't signed: it would never start again"
    )]
    Unsigned,
    /// A board that nothing is signed for.
    #[error("the image is signed with an owner's key, and {}", if *told { "no key is burned into the board" } else { "the board doesn't tell whether a key is burned into it" })]
    Signed {
        /// Whether the board tells that.
        told: bool,
    },
    /// Another chip than the image is for.
    #[error("its flash chip has {has} bytes, and the image {needs}")]
    Flash {
        /// Length of the chip.
        has: u64,
        /// Length of the image.
        needs: u64,
    },
    /// The disk that the job writes is none that a bootloader boots from.
    #[error("its boot order can't begin with the disk that is written: {0}")]
    Order(&'static str),
    /// It was offered an image over the network, and came back without it.
    #[error("its bootloader hasn't taken the image that it was offered over the network")]
    NotTaken,
    /// There is no way into its EEPROM.
    #[error("there is no way into its EEPROM: {0}")]
    NoWay(String),
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::Image(error) => error.kind(),
            _ => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Untold => Some("put the station's own version of the agent onto the board".into()),
            Self::Image(error) => error.hint(),
            Self::Unsigned => Some("take an image that is signed with the board's key".into()),
            Self::Signed { .. } => Some("take the image as Raspberry Pi publishes it".into()),
            Self::NoWay(_) => Some(
                "write it over USB boot; or let the project go on where a board can't have it, and the record says so".into(),
            ),
            Self::NotTaken => Some(
                "look whether its boot order has the network before its disks; or write it over USB boot".into(),
            ),
            Self::Flash { .. } | Self::Order(_) => None,
        }
    }
}

/// Where a bootloader looks for a system on such a disk.
fn mode(role: Role) -> Option<Mode> {
    match role {
        Role::Emmc | Role::Sd => Some(Mode::Sd),
        Role::Nvme => Some(Mode::Nvme),
        Role::Usb => Some(Mode::UsbMsd),
        Role::File | Role::Other => None,
    }
}

/// Decides what is to be done with a board's EEPROM.
///
/// # Errors
/// [`Refused`]: the board is not to be touched.
pub fn decide(asked: &ProjectEeprom, image: &Image, board: Board<'_>) -> Result<Decided, Refused> {
    let nothing = |why: String| Ok(Decided::Nothing(why));
    match board.model {
        None if board.told.is_none() => {
            return nothing("the board is none that is known to have an EEPROM".to_owned());
        }
        Some(model) if model.family().is_none() => return nothing(format!("a {model} has no EEPROM")),
        _ => {}
    }
    let told = board.told.ok_or(Refused::Untold)?;
    let needs = Needs { model: board.model, mfg_ver: told.needs };
    needs.check(image)?;
    let is_signed = image.is_signed() || image.is_counter_signed();
    match told.is_signed() {
        Some(true) if !is_signed => return Err(Refused::Unsigned),
        Some(false) if is_signed => return Err(Refused::Signed { told: true }),
        None if is_signed => return Err(Refused::Signed { told: false }),
        _ => {}
    }
    let first = match board.target.filter(|_| asked.boot_from_target) {
        _ if !asked.boot_from_target => Vec::new(),
        None => return Err(Refused::Order("it isn't known which disk that is")),
        Some(role) => vec![mode(role).ok_or(Refused::Order("no bootloader boots from such a disk"))?],
    };
    let set = asked.set.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let wanted = Wanted { unset: asked.unset.clone(), set, first, needs, ..Wanted::default() };
    let edited = edit(image, &BootConf::parse(image.bootconf()?), &wanted)?;
    let (new, conf) = (edited.image, edited.conf);
    let is_begun = told.flash == Some(new.bytes().len() as u64)
        && board.begun.is_some_and(|sum| sum.eq_ignore_ascii_case(&hex(&Sha256::digest(new.bytes()))));
    if let (EepromWhen::IfOlder, Some(has), Some(brings)) = (asked.when, told.built, new.built())
        && has >= brings
        && !is_begun
    {
        let has = day(has).unwrap_or_default();
        return nothing(format!("the board's bootloader, of {has}, is not older than the image's"));
    }
    let is_same = told.built.is_some() && told.built == new.built();
    if is_same && told.config.as_deref() == Some(conf.text().as_str()) && !is_begun {
        return nothing("the board has this bootloader with this configuration".to_owned());
    }
    let by = match way(told, &new, board) {
        Ok(by) => by,
        Err(Refused::NoWay(why)) if asked.otherwise == EepromOtherwise::GoOn => {
            return nothing(format!("there is no way into its EEPROM: {why}"));
        }
        Err(refused) => return Err(refused),
    };
    let mut notes = edited.warnings;
    notes.extend(edited.notes);
    Ok(Decided::Write(Box::new(Own { image: new, conf, by, notes })))
}

/// How an image gets into the EEPROM of a board.
fn way(told: &BoardEeprom, image: &Image, board: Board<'_>) -> Result<By, Refused> {
    let needs = image.bytes().len() as u64;
    match told.flash {
        Some(has) if has == needs => return Ok(By::Flash),
        Some(has) => return Err(Refused::Flash { has, needs }),
        None => {}
    }
    let why = match by_partition(told, board) {
        Ok(()) => return Ok(By::BootPartition),
        Err(why) => why,
    };
    match by_network(told, image, board) {
        Ok(()) => Ok(By::Network),
        Err(network) => Err(Refused::NoWay(format!(
            "the board's client can't write the flash chip, {why}, and over the network there is none: {network}"
        ))),
    }
}

/// Whether its bootloader takes an update at all: `since` is when bootloaders learned that, in words too.
fn updates_itself(
    told: &BoardEeprom,
    board: Board<'_>,
    since: (u64, &'static str),
) -> Result<(), &'static str> {
    // The length of a flash chip tells which board it is; nothing else does.
    if board.model.is_none() {
        return Err("it isn't known which model the board is");
    }
    match told.built {
        None => return Err("the board doesn't tell which bootloader it has"),
        Some(built) if built < since.0 => return Err(since.1),
        Some(_) => {}
    }
    let conf = told.config.as_deref().map(BootConf::parse);
    let says = |key: &str, value: &str| conf.as_ref().is_some_and(|conf| conf.may_be(key, value));
    if says("ENABLE_SELF_UPDATE", "0") {
        return Err("its configuration has ENABLE_SELF_UPDATE=0");
    }
    if says("FREEZE_VERSION", "1") {
        return Err("its configuration has FREEZE_VERSION=1");
    }
    Ok(())
}

/// Whether it takes one from the disk that the job writes.
fn by_partition(told: &BoardEeprom, board: Board<'_>) -> Result<(), &'static str> {
    if board.model.is_some() && !matches!(board.target, Some(Role::Nvme | Role::Usb)) {
        return Err("bootloaders take an update only from NVMe and USB disks");
    }
    updates_itself(told, board, (FROM_DISK, "its bootloader is of before 2022-04-26"))
}

/// Whether it takes one over the network, and whether anybody could see that.
fn by_network(told: &BoardEeprom, image: &Image, board: Board<'_>) -> Result<(), &'static str> {
    if !board.network {
        return Err("nothing that this station speaks to has started the board over the network");
    }
    updates_itself(told, board, (SELF_UPDATE, "its bootloader is of before 2021"))?;
    // Such a board wants the update signed by its owner, and that key isn't here.
    if told.is_signed() != Some(false) {
        return Err("the board starts signed systems only, or doesn't tell whether it does");
    }
    if told.config.is_none() && told.built == image.built() {
        return Err(
            "the board doesn't tell its settings, and has this bootloader: nobody could see whether it took others",
        );
    }
    Ok(())
}

/// Whether settings of a project can be those of any image: names and values, each by itself.
///
/// # Errors
/// [`Error`]; the first of them.
pub fn check(asked: &ProjectEeprom) -> Result<Vec<String>, Error> {
    let mut conf = BootConf::parse("");
    asked.set.iter().try_for_each(|(key, value)| conf.set(key, value))?;
    let notes = conf.warnings();
    asked.unset.iter().try_for_each(|key| conf.unset(key))?;
    Ok(notes)
}

/// The same, and whether this image can have it: what no board could start from is told at once. Of a signed image that is
/// told with the board, which may be signed too.
///
/// # Errors
/// Those of [`check`], and [`Error::SignedBoot`] and others of the image.
pub fn check_on(asked: &ProjectEeprom, image: &Image) -> Result<Vec<String>, Error> {
    let notes = check(asked)?;
    if !image.is_signed() {
        let mut conf = BootConf::parse(image.bootconf()?);
        asked.unset.iter().try_for_each(|key| conf.unset(key))?;
        asked.set.iter().try_for_each(|(key, value)| conf.set(key, value))?;
        Edited::new(image, conf)?;
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eeprom::Sig;
    use crate::eeprom::image::{BOOTCONF_SIG, PUBKEY};
    use crate::samples::eeprom::{Half, ab, pi4_of};

    const CONF: &str = "[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\n[cm4]\nNEW_THING=1\n";
    const BUILT: u64 = 1_754_265_600;

    fn four() -> Image {
        Image::parse(pi4_of(&BUILT.to_string(), CONF.as_bytes())).unwrap()
    }

    fn signed() -> Image {
        let sig = Sig::of(CONF.as_bytes(), 1).to_string();
        four().with_file(BOOTCONF_SIG, sig.as_bytes()).unwrap().with_file(PUBKEY, &[7; 264]).unwrap()
    }

    fn told() -> BoardEeprom {
        BoardEeprom {
            built: Some(FROM_DISK),
            signed: Some(0),
            flash: Some(512 << 10),
            ..BoardEeprom::default()
        }
    }

    fn of(
        asked: &ProjectEeprom,
        image: &Image,
        model: Model,
        told: &BoardEeprom,
        target: Role,
    ) -> Result<Decided, Refused> {
        decide(
            asked,
            image,
            Board { model: Some(model), told: Some(told), target: Some(target), begun: None, network: false },
        )
    }

    fn written(decided: Result<Decided, Refused>) -> Box<Own> {
        match decided {
            Ok(Decided::Write(own)) => own,
            other => panic!("{other:?}"),
        }
    }

    fn why(decided: Result<Decided, Refused>) -> String {
        match decided {
            Ok(Decided::Nothing(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_board_gets_the_image_with_its_projects_settings_and_what_nobody_knows_stays() {
        let asked = ProjectEeprom {
            boot_from_target: true,
            set: [("BOOT_UART".to_owned(), "1".to_owned())].into(),
            ..ProjectEeprom::default()
        };
        let own = written(of(&asked, &four(), Model::Cm4, &told(), Role::Nvme));
        assert_eq!(own.by, By::Flash);
        let want = CONF.replace("UART=0", "UART=1").replace("0xf41", "0xf416");
        assert_eq!(own.image.bootconf(), Ok(want.as_str()));
        let usb = written(of(&asked, &four(), Model::Pi4B, &told(), Role::Usb));
        assert!(usb.image.bootconf().unwrap().contains("BOOT_ORDER=0xf14"));
        assert_ne!(own.image, usb.image);
        let error = of(&asked, &four(), Model::Pi4B, &told(), Role::Nvme).unwrap_err();
        assert!(matches!(error, Refused::Image(Error::NoMode { .. })), "{error}");
        let error = of(&asked, &four(), Model::Pi4B, &told(), Role::File).unwrap_err();
        assert!(matches!(error, Refused::Order(_)), "{error}");
    }

    #[test]
    fn what_would_kill_a_board_is_refused() {
        let plain = ProjectEeprom::default();
        let five = Image::parse(ab(&Half { firmware: 7, conf: b"" }, None)).unwrap();
        let old = Image::parse(pi4_of("1673395200", b"")).unwrap();
        let fused = BoardEeprom { signed: Some(9), ..told() };
        let quiet = BoardEeprom { signed: None, ..told() };
        let newer = BoardEeprom { needs: Some(1), ..told() };
        let large = BoardEeprom { flash: Some(2 << 20), ..told() };
        for (image, model, told, want) in [
            (&five, Model::Cm4, &told(), "not for a CM4"),
            (&old, Model::Cm4, &told(), "needs one of 2023-01-12 or later"),
            (&four(), Model::Cm4, &newer, "the board needs 1 or more"),
            (&four(), Model::Cm4, &fused, "would never start again"),
            (&signed(), Model::Cm4, &told(), "no key is burned into the board"),
            (&signed(), Model::Cm4, &quiet, "doesn't tell whether a key is burned"),
            (&four(), Model::Cm4, &large, "its flash chip has 2097152 bytes"),
        ] {
            let error = of(&plain, image, model, told, Role::Emmc).unwrap_err();
            assert!(error.to_string().contains(want), "{want}: {error}");
        }
        assert!(of(&plain, &signed(), Model::Cm4, &fused, Role::Emmc).is_ok());
        // A signed configuration can't change.
        let asked = ProjectEeprom { set: [("BOOT_UART".to_owned(), "1".to_owned())].into(), ..plain.clone() };
        let error = of(&asked, &signed(), Model::Cm4, &fused, Role::Emmc).unwrap_err();
        assert_eq!(error, Refused::Image(Error::Signed));
        let silent = decide(
            &plain,
            &four(),
            Board { model: Some(Model::Cm4), told: None, target: None, begun: None, network: false },
        );
        assert_eq!(silent.unwrap_err(), Refused::Untold);
    }

    #[test]
    fn a_board_that_has_it_or_has_no_eeprom_is_left_alone() {
        let plain = ProjectEeprom::default();
        let three = decide(
            &plain,
            &four(),
            Board { model: Some(Model::Pi3B), told: None, target: None, begun: None, network: false },
        );
        assert_eq!(why(three), "a Pi 3B has no EEPROM");
        let nobody = decide(
            &plain,
            &four(),
            Board { model: None, told: None, target: None, begun: None, network: false },
        );
        assert!(why(nobody).contains("none that is known"));
        let older = ProjectEeprom { when: EepromWhen::IfOlder, ..plain.clone() };
        let same = BoardEeprom { built: Some(BUILT), ..told() };
        assert!(why(of(&older, &four(), Model::Cm4, &same, Role::Emmc)).contains("2025-08-04"));
        written(of(&older, &four(), Model::Cm4, &told(), Role::Emmc));
        // Of a configuration that isn't told nobody knows whether it is the same.
        written(of(&plain, &four(), Model::Cm4, &same, Role::Emmc));
        let equal = BoardEeprom { config: Some(CONF.into()), ..same };
        assert!(why(of(&plain, &four(), Model::Cm4, &equal, Role::Emmc)).contains("has this bootloader"));
        // Where an attempt that nobody told the end of was to write just that, the chip is read, whatever is told.
        let sum = hex(&Sha256::digest(four().bytes()));
        let begun = |asked: &ProjectEeprom, told: &BoardEeprom, sum: &str| {
            let (model, target) = (Some(Model::Cm4), Some(Role::Emmc));
            decide(
                asked,
                &four(),
                Board { model, told: Some(told), target, begun: Some(sum), network: false },
            )
        };
        assert_eq!(written(begun(&plain, &equal, &sum)).by, By::Flash);
        assert_eq!(written(begun(&older, &equal, &sum)).by, By::Flash);
        assert!(why(begun(&plain, &equal, &"0".repeat(64))).contains("has this bootloader"));
        // Who can't read the chip can't find out.
        let blind = BoardEeprom { flash: None, ..equal };
        assert!(why(begun(&plain, &blind, &sum)).contains("has this bootloader"));
    }

    #[test]
    fn without_a_flash_chip_the_bootloader_takes_it_from_the_disk_where_it_does() {
        let plain = ProjectEeprom::default();
        let none = BoardEeprom { flash: None, ..told() };
        for role in [Role::Nvme, Role::Usb] {
            assert_eq!(written(of(&plain, &four(), Model::Cm4, &none, role)).by, By::BootPartition);
        }
        let go_on = ProjectEeprom { otherwise: EepromOtherwise::GoOn, ..plain.clone() };
        let of_conf = |conf: &str| BoardEeprom { config: Some(conf.into()), ..none.clone() };
        for (told, role) in [
            (none.clone(), Role::Sd),
            (BoardEeprom { built: None, ..none.clone() }, Role::Usb),
            (BoardEeprom { built: Some(FROM_DISK - 1), ..none.clone() }, Role::Usb),
            (of_conf("ENABLE_SELF_UPDATE=0\n"), Role::Usb),
            (of_conf("[all]\nFREEZE_VERSION=1\n"), Role::Usb),
        ] {
            let error = of(&plain, &four(), Model::Cm4, &told, role).unwrap_err();
            assert!(matches!(error, Refused::NoWay(_)), "{error}");
            assert!(why(of(&go_on, &four(), Model::Cm4, &told, role)).starts_with("there is no way"));
        }
        written(of(&plain, &four(), Model::Cm4, &of_conf("[none]\nFREEZE_VERSION=1\n"), Role::Usb));
        // A board of no known model may be of the other chip.
        let unknown =
            Board { model: None, told: Some(&none), target: Some(Role::Usb), begun: None, network: false };
        assert!(matches!(decide(&plain, &four(), unknown), Err(Refused::NoWay(_))));
        let told = told();
        written(decide(&plain, &four(), Board { told: Some(&told), ..unknown }));
    }

    #[test]
    fn a_board_that_was_started_over_the_network_is_offered_it_there_where_it_takes_it_and_that_can_be_seen()
    {
        let plain = ProjectEeprom::default();
        let none = BoardEeprom { flash: None, config: Some("BOOT_ORDER=0xf2\n".into()), ..told() };
        let of = |told: &BoardEeprom, target, network| {
            let model = Some(Model::Cm4);
            decide(
                &plain,
                &four(),
                Board { model, told: Some(told), target: Some(target), begun: None, network },
            )
        };
        assert_eq!(written(of(&none, Role::Emmc, true)).by, By::Network);
        // From a disk that it boots it comes without another start.
        assert_eq!(written(of(&none, Role::Nvme, true)).by, By::BootPartition);
        // One of before it could do that from a disk may do it over the network.
        let early = BoardEeprom { built: Some(SELF_UPDATE), ..none.clone() };
        assert_eq!(written(of(&early, Role::Nvme, true)).by, By::Network);
        for (told, network, want) in [
            (none.clone(), false, "nothing that this station speaks to has started the board"),
            (BoardEeprom { built: Some(SELF_UPDATE - 1), ..none.clone() }, true, "of before 2021"),
            (BoardEeprom { built: None, ..none.clone() }, true, "doesn't tell which bootloader"),
            (BoardEeprom { signed: None, ..none.clone() }, true, "doesn't tell whether it does"),
            (
                BoardEeprom { config: Some("FREEZE_VERSION=1".into()), ..none.clone() },
                true,
                "FREEZE_VERSION=1",
            ),
            (
                BoardEeprom { config: Some("ENABLE_SELF_UPDATE=0".into()), ..none.clone() },
                true,
                "ENABLE_SELF_UPDATE=0",
            ),
            (BoardEeprom { built: Some(BUILT), config: None, ..none.clone() }, true, "nobody could see"),
        ] {
            let error = of(&told, Role::Emmc, network).unwrap_err();
            assert!(
                matches!(error, Refused::NoWay(_)) && error.to_string().contains(want),
                "{want}: {error}"
            );
        }
        // Other settings of the same bootloader are seen where the board tells them.
        let same = BoardEeprom { built: Some(BUILT), ..none.clone() };
        assert_eq!(written(of(&same, Role::Emmc, true)).by, By::Network);
    }

    #[test]
    fn settings_of_a_project_are_looked_at_alone() {
        let of = |key: &str, value: &str| {
            check(&ProjectEeprom {
                set: [(key.to_owned(), value.to_owned())].into(),
                ..ProjectEeprom::default()
            })
        };
        assert_eq!(of("BOOT_UART", "1"), Ok(Vec::new()));
        assert_eq!(of("NEW_ONE", "x").unwrap().len(), 1);
        assert!(matches!(of("BOOT_UART", "yes"), Err(Error::Value { .. })));
        assert!(matches!(of("A B", "1"), Err(Error::Key { .. })));
        assert!(matches!(of("NEW_ONE", "1\nSIGNED_BOOT=1"), Err(Error::Value { .. })));
    }
}
