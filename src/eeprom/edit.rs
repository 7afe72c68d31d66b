//! An image with another configuration: what was asked for, in the order in which it is done.

use super::boot_order::Mode;
use super::image::{BOOTCONF, Image};
use super::remarks::remarks;
use super::update::{Edited, usual};
use super::{BootConf, BootOrder, Error, Needs, too_old_for};
use crate::format::hex;

/// What is to be changed. First the whole text, then what is taken out, then what is set, then the boot order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Another text for all of the configuration.
    pub config: Option<Vec<u8>>,
    /// Settings to take out.
    pub unset: Vec<String>,
    /// Settings with their values.
    pub set: Vec<(String, String)>,
    /// Where to look for a system first; what the configuration says already comes behind it.
    pub first: Vec<Mode>,
    /// Take signature and key out.
    pub unsign: bool,
    /// The board that gets it.
    pub needs: Needs,
}

/// Changes an image, and its configuration `conf`. What isn't asked for stays: filters, comments, settings that nobody
/// knows.
///
/// # Errors
/// [`Error::Signed`], [`Error::SignedBoot`], [`Error::NoRoom`], [`Error::NoText`], [`Error::NoMode`]; and those of single
/// settings.
pub fn edit(image: &Image, conf: &BootConf, wanted: &Wanted) -> Result<Edited, Error> {
    // What comes of it would be called read back and equal.
    image.check_modules()?;
    let mut conf = conf.clone();
    let mut warnings = Vec::new();
    if let Some(config) = &wanted.config {
        conf.replace(text(config)?);
        warnings = remarks(&conf).into_iter().map(|remark| remark.to_string()).collect();
    }
    wanted.unset.iter().try_for_each(|key| conf.unset(key))?;
    wanted.set.iter().try_for_each(|(key, value)| conf.set(key, value))?;
    if !wanted.first.is_empty() {
        if let (Some(board), Some(mode)) = (
            wanted.needs.model,
            wanted.first.iter().find(|mode| wanted.needs.model.is_some_and(|board| !mode.is_on(board))),
        ) {
            return Err(Error::NoMode { board, mode: mode.name() });
        }
        let order = conf.order().unwrap_or(BootOrder::DEFAULT).with_first(&wanted.first);
        conf.set("BOOT_ORDER", &order.to_string())?;
    }
    let mut lost = Vec::new();
    let mut from = image.clone();
    if wanted.unsign {
        lost = told_lost(image, &conf);
        from = image.without_signature()?;
        conf.unset_everywhere("SIGNED_BOOT");
    }
    let mut edited = Edited::new(&from, conf)?;
    edited.warnings.splice(0..0, warnings);
    edited.lost = lost;
    if wanted.needs.model.is_none() {
        edited.notes.extend(too_old_for(image));
    }
    if let Some(order) = edited.conf.order() {
        let board = wanted.needs.model.or_else(|| usual(image.family()));
        edited.notes.extend(order.doubts(board));
        // Without it a Pi 5 doesn't find the disk behind an adapter of the usual kind.
        let nvme = order.reached().contains(&Mode::Nvme);
        let probes = edited.conf.get("PCIE_PROBE").as_deref() == Some("1");
        if nvme && !probes && board.is_some_and(|board| board.family() == Some(crate::board::Family::Pi5)) {
            let note = "an NVMe disk at an adapter that is no HAT+ is found only with PCIE_PROBE=1";
            edited.notes.push(note.to_owned());
        }
    }
    Ok(edited)
}

/// A configuration's text. Boards read it as it is, so a byte that ends a text for them must not be in it.
///
/// # Errors
/// [`Error::NoText`].
pub fn text(bytes: &[u8]) -> Result<&str, Error> {
    let bad =
        |at: usize| Error::NoText { name: BOOTCONF.into(), at, byte: bytes.get(at).copied().unwrap_or(0) };
    let text = std::str::from_utf8(bytes).map_err(|error| bad(error.valid_up_to()))?;
    let control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t');
    match bytes.iter().position(control) {
        Some(at) => Err(bad(at)),
        None => Ok(text),
    }
}

/// What an image protects that is signed.
fn told_lost(image: &Image, conf: &BootConf) -> Vec<String> {
    let mut lost = Vec::new();
    if image.is_signed() {
        lost.push(
            "the signature of bootconf.txt: a board with a key burned in doesn't start with the new image"
                .to_owned(),
        );
    }
    if image.has_key() {
        let hash = image
            .key_hash()
            .map_or_else(String::new, |hash| format!(" (its hash in the OTP is {})", hex(&hash)));
        lost.push(format!("the public key that signatures are checked with{hash}"));
    }
    if conf.may_be("SIGNED_BOOT", "1") {
        lost.push("SIGNED_BOOT=1: a board starts any system then, not only a signed boot.img".to_owned());
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Model;
    use crate::eeprom::Sig;
    use crate::eeprom::image::{BOOTCONF_SIG, PUBKEY};
    use crate::samples::eeprom::{Half, ab, pi4};

    const CONF: &str =
        "[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\n# ours\n[cm4]\nNEW_THING=1\n[none]\nFREEZE_VERSION=0\n";

    fn of(image: Vec<u8>, wanted: &Wanted) -> Result<Edited, Error> {
        let image = Image::parse(image).unwrap();
        let conf = BootConf::parse(image.bootconf().unwrap());
        edit(&image, &conf, wanted)
    }

    fn order(first: &str, model: Option<Model>) -> Result<Edited, Error> {
        let needs = Needs { model, mfg_ver: None };
        of(
            pi4(CONF.as_bytes()),
            &Wanted { first: BootOrder::places(first).unwrap(), needs, ..Wanted::default() },
        )
    }

    fn signed(conf: &str) -> Image {
        let image = Image::parse(pi4(conf.as_bytes())).unwrap();
        let sig = Sig::of(conf.as_bytes(), 1).to_string();
        image.with_file(BOOTCONF_SIG, sig.as_bytes()).unwrap().with_file(PUBKEY, &[7; 264]).unwrap()
    }

    #[test]
    fn what_is_not_asked_for_stays() {
        let set = vec![("BOOT_UART".to_owned(), "1".to_owned())];
        let edited = of(pi4(CONF.as_bytes()), &Wanted { set, ..Wanted::default() }).unwrap();
        let want = CONF.replace("BOOT_UART=0", "BOOT_UART=1");
        assert_eq!(edited.image.bootconf(), Ok(want.as_str()));
        assert!(edited.warnings.is_empty() && edited.lost.is_empty(), "{edited:?}");
        let nothing = of(pi4(CONF.as_bytes()), &Wanted::default()).unwrap();
        assert_eq!(nothing.image.bytes(), pi4(CONF.as_bytes()));
    }

    #[test]
    fn the_storage_comes_first_where_the_board_has_it() {
        let edited = order("nvme", None).unwrap();
        assert_eq!(edited.conf.order().unwrap().to_string(), "0xf416");
        assert_eq!(edited.notes, ["NVME is not on Pi 4, 400, CM4S"]);
        assert_eq!(order("usb", None).unwrap().conf.order().unwrap().to_string(), "0xf14");
        assert!(order("nvme", Some(Model::Cm4)).unwrap().notes.is_empty());
        let error = order("nvme", Some(Model::Pi4B)).unwrap_err();
        assert_eq!(error, Error::NoMode { board: Model::Pi4B, mode: "NVME" });
        let five = ab(&Half { firmware: 7, conf: b"[all]\n" }, None);
        let first = vec![Mode::Nvme];
        let edited = of(five.clone(), &Wanted { first: first.clone(), ..Wanted::default() }).unwrap();
        assert_eq!(edited.image.bootconf(), Ok("[all]\nBOOT_ORDER=0xf416\n"));
        assert!(edited.notes[0].contains("PCIE_PROBE=1"), "{:?}", edited.notes);
        let set = vec![("PCIE_PROBE".to_owned(), "1".to_owned())];
        assert!(of(five, &Wanted { first, set, ..Wanted::default() }).unwrap().notes.is_empty());
    }

    #[test]
    fn another_text_is_taken_as_it_is_and_looked_at() {
        let config = Some(b"[all]\nBOOT_UART=yes\nNEW = 1\n".to_vec());
        let edited = of(pi4(CONF.as_bytes()), &Wanted { config, ..Wanted::default() }).unwrap();
        assert_eq!(edited.image.bootconf(), Ok("[all]\nBOOT_UART=yes\nNEW = 1\n"));
        assert_eq!(edited.warnings.len(), 3, "{:?}", edited.warnings);
        for (bytes, at) in [(&b"A=\xff"[..], 2), (b"A=1\0", 3), (b"\x1b[2J", 0)] {
            let wanted = Wanted { config: Some(bytes.to_vec()), ..Wanted::default() };
            let error = of(pi4(CONF.as_bytes()), &wanted).unwrap_err();
            assert!(matches!(error, Error::NoText { at: got, .. } if got == at), "{error}");
        }
        let config = Some(vec![b'#'; 5000]);
        let error = of(pi4(b""), &Wanted { config, ..Wanted::default() }).unwrap_err();
        assert!(matches!(error, Error::NoRoom { .. }));
    }

    #[test]
    fn no_configuration_asks_for_signatures_that_nothing_can_check() {
        for text in ["[all]\nSIGNED_BOOT=1\n", "[cm4]\nSIGNED_BOOT=1\n"] {
            let wanted = Wanted { config: Some(text.into()), ..Wanted::default() };
            assert_eq!(of(pi4(b""), &wanted).unwrap_err(), Error::SignedBoot, "{text}");
        }
        let set = vec![("SIGNED_BOOT".to_owned(), "1".to_owned())];
        assert_eq!(of(pi4(b""), &Wanted { set, ..Wanted::default() }).unwrap_err(), Error::SignedBoot);
        for text in ["[none]\nSIGNED_BOOT=1\n", "SIGNED_BOOT=0\n", "#SIGNED_BOOT=1\n"] {
            assert!(
                of(pi4(b""), &Wanted { config: Some(text.into()), ..Wanted::default() }).is_ok(),
                "{text}"
            );
        }
        // Taking it out is always possible.
        let unset = vec!["SIGNED_BOOT".to_owned()];
        assert!(of(pi4(b"SIGNED_BOOT=1\n"), &Wanted { unset, ..Wanted::default() }).is_ok());
    }

    #[test]
    fn a_signed_image_stays_or_is_told_what_it_loses() {
        let image = signed("[all]\nSIGNED_BOOT=1\nBOOT_ORDER=0xf1\n");
        let set = vec![("BOOT_UART".to_owned(), "1".to_owned())];
        let wanted = Wanted { set, ..Wanted::default() };
        let bytes = || image.bytes().to_vec();
        assert_eq!(of(bytes(), &wanted).unwrap_err(), Error::Signed);
        let edited = of(bytes(), &Wanted { unsign: true, ..wanted }).unwrap();
        assert!(!edited.image.is_signed() && !edited.image.has_key());
        assert_eq!(edited.image.bootconf(), Ok("[all]\nBOOT_ORDER=0xf1\nBOOT_UART=1\n"));
        assert_eq!(edited.lost.len(), 3, "{:?}", edited.lost);
        assert!(edited.lost[1].contains("hash in the OTP is "));
        let plain = of(pi4(CONF.as_bytes()), &Wanted { unsign: true, ..Wanted::default() }).unwrap();
        assert!(plain.lost.is_empty());
    }
}
