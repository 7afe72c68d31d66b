use super::*;
use proptest::prelude::*;

#[path = "../../../tests/support/eeprom.rs"]
mod writer;

use writer::{KIB_512, Writer, pi4};

const MIB_2: usize = 2 << 20;

/// As an A/B image of a Pi 5: two halves that begin with `bootsys`.
fn ab(conf: &[u8], other: &[u8]) -> Vec<u8> {
    let half = |writer: Writer, conf: &[u8]| {
        writer.file("bootsys", &[7; 5000]).pad().file("bootconf.sig", &[]).pad().file("bootconf.txt", conf)
    };
    let start = Writer::new(MIB_2).section(0x55aa_f00f, &[1; 100]);
    half(half(start.at(0x10000), conf).at(0x10_8000), other).done()
}

#[test]
fn the_format_byte_by_byte() {
    let mut bytes = vec![0xff; KIB_512];
    let head = [
        // A section of three bytes, then filling up to a multiple of 8, then the file.
        b"\x55\xaa\xf0\x0f\0\0\0\x03abc\xff\xff\xff\xff\xff".as_slice(),
        b"\x55\xaa\xf1\x1f\0\0\0\x16bootconf.txt\0\0\0\0[all]\n\xff\xff",
    ]
    .concat();
    bytes[..head.len()].copy_from_slice(&head);
    let image = Image::parse(bytes).unwrap();
    assert_eq!(image.bootconf(), Ok("[all]\n"));
    let longer = image.with_bootconf("[all]\nBOOT_UART=1\n").unwrap();
    let want = b"\x55\xaa\xf1\x1f\0\0\0\x22bootconf.txt\0\0\0\0[all]\nBOOT_UART=1\n\xff\xff\xff\xff\xff\xff";
    assert_eq!(&longer.bytes()[16..16 + want.len()], want);
    assert_eq!(longer.with_bootconf("[all]\n").unwrap(), image, "there and back");
}

#[test]
fn what_is_in_a_pi_4s() {
    let image = Image::parse(pi4(b"[all]\nBOOT_ORDER=0xf41\n")).unwrap();
    assert_eq!(image.family(), Family::Pi4);
    assert_eq!(image.built(), Some(1_725_539_543));
    assert!(!image.is_ab() && !image.is_signed() && !image.has_key());
    let files: Vec<_> = image.files().map(|file| (file.name, file.content.len(), file.room)).collect();
    assert_eq!(files, [("pubkey.bin", 0, 4072), ("bootconf.sig", 0, 4072), ("bootconf.txt", 23, 4072)]);
    assert_eq!(image.bootconf(), Ok("[all]\nBOOT_ORDER=0xf41\n"));
}

#[test]
fn a_file_in_the_middle_is_padded_to_the_next() {
    let image = Image::parse(pi4(b"[all]\n")).unwrap();
    let start = KIB_512 - 4 * 4096;
    for len in [0, 1, 264, 4055, 4056, 4063, 4064, 4065, 4071, 4072] {
        let changed = image.with_file("pubkey.bin", &vec![0x5e; len]).unwrap();
        assert_eq!(changed.file("pubkey.bin").unwrap(), vec![0x5e; len], "{len}");
        assert_eq!(changed.bootconf(), Ok("[all]\n"), "{len}: what follows is still found");
        assert_eq!(&changed.bytes()[..start], &image.bytes()[..start]);
        assert_eq!(&changed.bytes()[start + 4096..], &image.bytes()[start + 4096..]);
        assert_eq!(changed.has_key(), len > 0);
        assert_eq!(changed.with_file("pubkey.bin", &[]).unwrap(), image, "{len}: there and back");
    }
}

#[test]
fn the_bootloaders_own_sector_stays() {
    let image = Image::parse(pi4(b"[all]\n")).unwrap();
    let full = "#".repeat(4072);
    let changed = image.with_bootconf(&full).unwrap();
    assert_eq!(changed.bootconf(), Ok(full.as_str()));
    assert_eq!(&changed.bytes()[KIB_512 - 4096..], [0xff; 4096]);
    for len in [4073, 4076, 10_000] {
        let error = image.with_bootconf(&"#".repeat(len)).unwrap_err();
        assert_eq!(error, Error::NoRoom { name: BOOTCONF.into(), length: len, room: 4072 });
    }
}

#[test]
fn what_nobody_knows_behind_the_last_file_is_not_overwritten() {
    let mut bytes = pi4(b"[all]\n");
    let conf = KIB_512 - 2 * 4096;
    bytes[conf + 100] = 0x42;
    let image = Image::parse(bytes).unwrap();
    let error = image.with_bootconf(&"#".repeat(80)).unwrap_err();
    assert_eq!(error, Error::NoRoom { name: BOOTCONF.into(), length: 80, room: 76 });
    let changed = image.with_bootconf(&"#".repeat(72)).unwrap();
    assert_eq!(changed.bytes()[conf + 100], 0x42);
}

#[test]
fn a_signed_configuration_is_left_alone() {
    let image = Image::parse(pi4(b"[all]\n")).unwrap();
    let sig = Sig::of(b"[all]\n", 1).to_string();
    let signed = image.with_file(BOOTCONF_SIG, sig.as_bytes()).unwrap();
    assert!(signed.is_signed());
    assert_eq!(signed.with_bootconf("[all]\nBOOT_UART=1\n"), Err(Error::Signed));
    // What an image has that nobody signed: nothing, or erased flash.
    assert!(!image.with_file(BOOTCONF_SIG, &[0xff; 64]).unwrap().is_signed());
}

#[test]
fn both_halves_of_an_ab_image_change() {
    let image = Image::parse(ab(b"A=1\n", b"A=1\n")).unwrap();
    assert!(image.is_ab());
    assert_eq!(image.family(), Family::Pi5);
    assert_eq!(image.files().filter(|file| file.name == BOOTCONF).count(), 2);
    let changed = image.with_bootconf("A=2\nB=3\n").unwrap();
    assert!(changed.files().filter(|file| file.name == BOOTCONF).all(|file| file.content == b"A=2\nB=3\n"));
    let differing = Image::parse(ab(b"A=1\n", b"A=2\n")).unwrap();
    assert_eq!(differing.with_bootconf("A=3\n"), Err(Error::Different { name: BOOTCONF.into() }));
}

#[test]
fn what_is_no_image_is_refused() {
    for size in [0, 1, 511, KIB_512 - 1, KIB_512 + 1, MIB_2 / 2, MIB_2 * 2] {
        assert_eq!(Image::parse(vec![0xff; size]), Err(Error::Size { got: size as u64 }));
    }
    let with = |head: &[u8]| {
        let mut bytes = vec![0xff; KIB_512];
        bytes[..head.len()].copy_from_slice(head);
        Image::parse(bytes)
    };
    assert_eq!(with(b"\x7fELF\0\0\0\0"), Err(Error::Header { offset: 0, got: 0x7f45_4c46 }));
    assert_eq!(
        with(b"\x55\xaa\xf0\x0f\0\0\0\0\x12\x34\x56\x78"),
        Err(Error::Header { offset: 8, got: 0x1234_5678 })
    );
    let past = with(b"\x55\xaa\xf0\x0f\0\x07\xff\xf9").unwrap_err();
    assert_eq!(past.to_string(), "offset 0x0: a section of 524281 bytes goes past the image's end");
    assert!(with(b"\x55\xaa\xf0\x0f\0\x07\xff\xf8").is_ok(), "it may fill the image");
    let short = with(b"\x55\xaa\xf1\x1f\0\0\0\x0f").unwrap_err();
    assert_eq!(short.to_string(), "offset 0x0: a section of 15 bytes is too short for a file's header");
    // Erased flash, and zeros: in order, but nothing in it.
    let empty = Image::parse(vec![0; MIB_2]).unwrap();
    assert_eq!(empty.bootconf(), Err(Error::NoFile { name: BOOTCONF.into() }));
    assert_eq!(empty.built(), None);
    let binary = Image::parse(pi4(b"[all]\n\xfe")).unwrap();
    assert_eq!(binary.bootconf(), Err(Error::NoText { name: BOOTCONF.into(), at: 6, byte: 0xfe }));
}

/// Sections with any magic and content, and files among them.
fn any_image() -> impl Strategy<Value = Vec<u8>> {
    let section = (any::<bool>(), 0u32..256, prop::collection::vec(any::<u8>(), 0..300));
    (prop::collection::vec(section, 0..6), prop::collection::vec(any::<u8>(), 0..400), any::<bool>())
        .prop_map(|(sections, conf, more)| {
            let mut writer = Writer::new(KIB_512);
            for (pad, kind, content) in sections {
                // Not a file's and not padding.
                let magic = 0x55aa_f00f | kind << 4;
                let magic = if matches!(magic, 0x55aa_f11f | 0x55aa_feef) { 0x55aa_f00f } else { magic };
                writer = writer.section(magic, &content);
                if pad {
                    writer = writer.pad();
                }
            }
            writer = writer.pad().file("bootconf.txt", &conf);
            if more {
                writer = writer.pad().file("other", b"stays");
            }
            writer.done()
        })
}

proptest! {
    #[test]
    fn what_is_put_in_is_read_and_nothing_else_changes(
        bytes in any_image(), content in prop::collection::vec(any::<u8>(), 0..5000)
    ) {
        let image = Image::parse(bytes).unwrap();
        let room = image.files().find(|file| file.name == BOOTCONF).unwrap().room;
        match image.with_file(BOOTCONF, &content) {
            Ok(changed) => {
                prop_assert!(content.len() <= room);
                prop_assert_eq!(changed.file(BOOTCONF).unwrap(), &content[..]);
                let others = |image: &Image| -> Vec<(String, Vec<u8>)> {
                    let files = image.files().filter(|file| file.name != BOOTCONF);
                    files.map(|file| (file.name.to_owned(), file.content.to_vec())).collect()
                };
                prop_assert_eq!(others(&changed), others(&image));
                let section = *image.sections.iter().find(|s| s.magic == FILE).unwrap();
                let slot = section.offset..section.offset + SECTOR;
                prop_assert_eq!(&changed.bytes[..slot.start], &image.bytes[..slot.start]);
                prop_assert_eq!(&changed.bytes[slot.end..], &image.bytes[slot.end..]);
                let back = changed.with_file(BOOTCONF, image.file(BOOTCONF).unwrap()).unwrap();
                prop_assert_eq!(back, image);
            }
            Err(error) => {
                prop_assert!(content.len() > room, "{}", error);
            }
        }
    }

    #[test]
    fn no_bytes_panic(patches in prop::collection::vec((0usize..KIB_512, any::<u8>()), 0..40), content: Vec<u8>) {
        let mut bytes = pi4(b"[all]\n");
        for (at, byte) in patches {
            // Most of them in headers.
            let at = if at.is_multiple_of(3) { at } else { (at & !0xfff) + at % 24 };
            bytes[at % KIB_512] = byte;
        }
        if let Ok(image) = Image::parse(bytes) {
            let _ = (image.files().count(), image.built(), image.is_signed());
            if let Ok(changed) = image.with_file(BOOTCONF, &content) {
                prop_assert_eq!(changed.file(BOOTCONF).unwrap(), &content[..]);
            }
        }
    }
}
