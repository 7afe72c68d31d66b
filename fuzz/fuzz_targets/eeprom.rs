//! EEPROM images, and the texts around them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::eeprom::image::BOOTCONF;
use piprov::eeprom::otp::Dump;
use piprov::eeprom::usb_boot::{ConfigTxt, State};
use piprov::eeprom::{BootConf, BootOrder, Image, Sig};

/// Erased flash of a board's size with pieces of the input in it, so that the fuzzer need not find half a MiB by
/// itself: two bytes of place, one of length, the piece.
fn image(mut input: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; size];
    while let [a, b, len, rest @ ..] = input {
        let at = usize::from(u16::from_le_bytes([*a, *b])) * 8 % size;
        let piece = &rest[..rest.len().min(usize::from(*len)).min(size - at)];
        bytes[at..at + piece.len()].copy_from_slice(piece);
        input = &rest[piece.len()..];
    }
    bytes
}

fuzz_target!(|input: &[u8]| {
    // The larger one takes its time; a few inputs are enough for what is only there.
    let size = Image::SIZES[usize::from(input.last().is_some_and(|byte| byte % 16 == 0))];
    if let Ok(image) = Image::parse(image(input, size as usize)) {
        let _ = (image.is_signed(), image.has_key(), image.bootconf().is_ok());
        let content = &input[..input.len().min(4096)];
        if let Ok(changed) = image.with_file(BOOTCONF, content) {
            assert_eq!(changed.file(BOOTCONF).unwrap(), content);
            assert_eq!(changed.files().count(), image.files().count());
        }
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
    let _ = conf.notes();
});
