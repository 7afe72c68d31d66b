//! EEPROM images, and the texts around them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::eeprom::image::BOOTCONF;
use piprov::eeprom::check::{Beside, check};
use piprov::eeprom::edit::{Wanted, edit};
use piprov::eeprom::otp::Dump;
use piprov::eeprom::remarks::remarks;
use piprov::eeprom::usb_boot::{ConfigTxt, State};
use piprov::eeprom::{BootConf, BootOrder, Image, Needs, Sig};

#[path = "../../tests/support/eeprom.rs"]
mod writer;

use writer::{Half, ab};

/// Where partition A of an image with two begins, and where it ends.
const A: std::ops::Range<usize> = 0x1_0000..0x10_7000;

/// What is there before, with pieces of the input in it, so that the fuzzer need not find half a MiB by itself: two
/// bytes of place, one of length, the piece.
fn patched(mut bytes: Vec<u8>, mut input: &[u8]) -> Vec<u8> {
    // Headers begin at multiples of 8.
    let step = (bytes.len() >> 16).max(8);
    while let [a, b, len, rest @ ..] = input {
        let at = usize::from(u16::from_le_bytes([*a, *b])) * step % bytes.len();
        let piece = &rest[..rest.len().min(usize::from(*len)).min(bytes.len() - at)];
        bytes[at..at + piece.len()].copy_from_slice(piece);
        input = &rest[piece.len()..];
    }
    bytes
}

fn look_at(bytes: Vec<u8>, content: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    let _ = (image.is_signed(), image.has_key(), image.bootconf().is_ok());
    let _ = (image.updated(), image.other(), image.bootconf_of_b());
    let turn = content.len();
    if turn.is_multiple_of(16) {
        // A search through all bytes takes longest.
        let _ = (image.built(), image.mfg_ver(), image.version().is_some());
        let _ = check(&image, &Needs::default(), &Beside { sig: Some(content), against: Some(&image) });
    }
    if let Ok(text) = image.bootconf() {
        let wanted = Wanted { config: Some(content.to_vec()), unsign: true, ..Wanted::default() };
        if let Ok(edited) = edit(&image, &BootConf::parse(text), &wanted) {
            assert!(!edited.image.is_signed() && !edited.image.has_key());
            assert!(!edited.conf.may_be("SIGNED_BOOT", "1"));
        }
    }
    let name = [BOOTCONF, BOOTCONF, "bootsys", "updatetime"][turn % 4];
    if let Ok(changed) = image.with_file(name, content) {
        assert_eq!(changed.file(name).unwrap(), content);
        assert_eq!(changed.files().count(), image.files().count());
        // In all images what is changed lies there; neither partition B nor the journal does.
        let end = A.end.min(image.bytes().len());
        assert_eq!(changed.bytes()[..A.start], image.bytes()[..A.start]);
        assert_eq!(changed.bytes()[end..], image.bytes()[end..]);
    }
}

fuzz_target!(|input: &[u8]| {
    let content = &input[..input.len().min(4096)];
    // The larger ones take their time; a few inputs are enough for what is only there.
    match input.last().map_or(0, |byte| byte % 16) {
        0 => look_at(patched(vec![0xff; Image::SIZES[1] as usize], input), content),
        1 => {
            let conf = &content[..content.len() / 2];
            let (a, b) = (Half { firmware: 1, conf }, Half { firmware: input[0], conf: content });
            look_at(patched(ab(&a, input[0].is_multiple_of(2).then_some(&b)), input), content);
        }
        _ => look_at(patched(vec![0xff; Image::SIZES[0] as usize], input), content),
    }
    let mut config = ConfigTxt::parse(input);
    config.enable();
    let mut config = ConfigTxt::parse(&config.bytes());
    assert_eq!(config.state(), State::On);
    config.disable();
    assert_eq!(ConfigTxt::parse(&config.bytes()).state(), State::Off);
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(sig) = Sig::parse(text) {
        assert_eq!(Sig::parse(&sig.to_string()), Ok(sig));
    }
    if let Ok(dump) = Dump::parse(text) {
        let _ = (dump.meaning(), dump.mac());
    }
    if let Ok(order) = BootOrder::parse_words(text) {
        let _ = order.notes(None);
    }
    let mut conf = BootConf::parse(text);
    conf.set("BOOT_ORDER", "0xf12").unwrap();
    assert_eq!(BootConf::parse(&conf.text()).get("BOOT_ORDER").as_deref(), Some("0xf12"));
    let _ = (conf.notes(), conf.warnings(), remarks(&conf));
    conf.unset("BOOT_ORDER").unwrap();
    assert_eq!(conf.get("BOOT_ORDER"), None);
});
