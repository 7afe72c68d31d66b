use super::*;
use proptest::prelude::*;

use crate::samples::eeprom::{Half, KIB_512, Writer, ab, pi4};

const MIB_2: usize = 2 << 20;

#[test]
fn the_format_byte_by_byte() {
    let mut bytes = vec![0xff; KIB_512];
    let head = [
        // A section of three bytes, then filling up to a multiple of 8, then the file.
        b"\x55\xaa\xf0\x0f\0\0\0\x03abc\xff\xff\xff\xff\xff".as_slice(),
        b"\x55\xaa\xf1\x1f\0\0\0\x16bootconf.txt\0\0\0\0[all]\n\xff\xff",
    ]
    .concat();
    // A section of nothing up to where files may be changed.
    bytes[..8].copy_from_slice(b"\x55\xaa\xf0\x0f\0\0\xff\xf8");
    bytes[A..A + head.len()].copy_from_slice(&head);
    let image = Image::parse(bytes).unwrap();
    assert_eq!(image.bootconf(), Ok("[all]\n"));
    let longer = image.with_bootconf("[all]\nBOOT_UART=1\n").unwrap();
    let want = b"\x55\xaa\xf1\x1f\0\0\0\x22bootconf.txt\0\0\0\0[all]\nBOOT_UART=1\n\xff\xff\xff\xff\xff\xff";
    assert_eq!(&longer.bytes()[A + 16..A + 16 + want.len()], want);
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

/// A's and B's, told apart by their firmware.
fn half(firmware: u8, conf: &[u8]) -> Half<'_> {
    Half { firmware, conf }
}

#[test]
fn partition_a_of_an_ab_image_changes_and_nothing_else() {
    for b in [None, Some(half(7, b"A=1\n")), Some(half(8, b"other\n"))] {
        let image = Image::parse(ab(&half(7, b"A=1\n"), b.as_ref())).unwrap();
        assert!(image.is_ab());
        assert_eq!((image.family(), image.bootconf()), (Family::Pi5, Ok("A=1\n")));
        assert_eq!((image.built(), image.mfg_ver()), (Some(1_779_807_007), Some(7)));
        let changed = image.with_bootconf("A=2\nB=3\n").unwrap();
        assert_eq!(changed.bootconf(), Ok("A=2\nB=3\n"));
        assert_eq!(changed.bytes()[..A], image.bytes()[..A]);
        assert_eq!(changed.bytes()[B..], image.bytes()[B..], "neither B nor the journal");
        let conf = *changed.section(BOOTCONF).unwrap();
        assert_eq!(changed.bytes()[A..conf.offset], image.bytes()[A..conf.offset]);
        // The padding behind it ends where B begins, whatever is there.
        let padding = changed.sections.iter().find(|section| section.offset > conf.offset).unwrap();
        assert_eq!((padding.magic, padding.offset + HEADER + padding.length), (PADDING, B));
        assert_eq!(changed.with_bootconf("A=1\n").unwrap(), image, "there and back");
    }
}

#[test]
fn an_ab_image_says_what_b_is_beside_a() {
    let other = |b: Option<Half<'_>>| Image::parse(ab(&half(7, b"A=1\n"), b.as_ref())).unwrap();
    assert_eq!(other(None).other(), Some(Other::Empty));
    assert_eq!(other(Some(half(7, b"A=1\n"))).other(), Some(Other::Same));
    let files = vec![BOOTCONF];
    let conf = other(Some(half(7, b"A=2\n")));
    assert_eq!(conf.other(), Some(Other::Different { files, firmware: false }));
    assert_eq!(conf.bootconf_of_b().as_deref(), Some("A=2\n"));
    let files = vec!["bootsys"];
    assert_eq!(other(Some(half(8, b"A=1\n"))).other(), Some(Other::Different { files, firmware: true }));
    assert_eq!(Image::parse(pi4(b"")).unwrap().other(), None);
    let parts: Vec<_> = conf.files().filter(|file| file.name == UPDATETIME).map(|file| file.part).collect();
    assert_eq!(parts, [Part::Whole, Part::A, Part::B]);
}

#[test]
fn no_section_crosses_a_border_of_an_ab_image() {
    let bytes = ab(&half(7, b"A=1\n"), Some(&half(8, b"A=2\n")));
    let image = Image::parse(bytes.clone()).unwrap();
    for border in [A, B, JOURNAL] {
        let last = image.sections.iter().rfind(|section| section.offset < border).unwrap();
        let mut longer = bytes.clone();
        let length = u32::try_from(last.length + 1).unwrap();
        longer[last.offset + 4..last.offset + 8].copy_from_slice(&length.to_be_bytes());
        let error = Image::parse(longer).unwrap_err().to_string();
        assert!(error.ends_with("goes past its partition's end"), "{error}");
    }
    // A whose padding was left out, and B from which only its name is known.
    let mut erased = bytes;
    let padding = image.sections.iter().rfind(|section| section.offset < B).unwrap().offset;
    erased[padding..B].fill(0xff);
    let erased = Image::parse(erased).unwrap();
    assert_eq!(erased.bootconf_of_b().as_deref(), Some("A=2\n"));
    assert_eq!(erased.with_bootconf("longer than before\n").unwrap().bytes()[B..], erased.bytes()[B..]);
}

#[test]
fn files_are_changed_only_where_the_vendors_tool_looks_for_them() {
    let early = Writer::new(KIB_512).file("bootconf.txt", b"A=1\n").done();
    let early = Image::parse(early).unwrap();
    assert_eq!(early.with_bootconf("A=2\n"), Err(Error::NoFile { name: BOOTCONF.into() }));
    let start = Writer::new(KIB_512).pad_to(A).file("bootconf.txt", b"A=1\n").file("bootconf.txt", b"A=2\n");
    let twice = Image::parse(start.done()).unwrap();
    assert_eq!(twice.bootconf(), Err(Error::Twice { name: BOOTCONF.into() }));
    // 4076 bytes, and no more, also where there is room.
    let image = Image::parse(ab(&half(7, b"A=1\n"), None)).unwrap();
    assert!(image.with_file(BOOTCONF, &[b'#'; 4076]).is_ok());
    let error = image.with_file(BOOTCONF, &[b'#'; 4077]).unwrap_err();
    assert_eq!(error, Error::NoRoom { name: BOOTCONF.into(), length: 4077, room: 4076 });
    // `bootsys` may take its padding up, and leave a header of it alone.
    let room = image.files().find(|file| file.name == BOOTSYS).unwrap().room;
    let longer = image.with_file(BOOTSYS, &vec![9; room - 8]).unwrap();
    let padding = longer.sections.iter().find(|section| section.offset > A).unwrap();
    assert_eq!((padding.magic, padding.length), (PADDING, 0));
    assert!(matches!(image.with_file(BOOTSYS, &vec![9; room + 1]), Err(Error::NoRoom { .. })));
}

#[test]
fn the_last_update_is_read_where_the_image_keeps_it() {
    let pair = [&(!1_700_000_000_u32).to_le_bytes()[..], &1_700_000_000_u32.to_le_bytes()].concat();
    let image = Image::parse(ab(&half(7, b""), None)).unwrap();
    assert_eq!(image.updated(), None);
    assert_eq!(image.with_file(UPDATETIME, &pair).unwrap().updated(), Some(1_700_000_000));
    let mut old = pi4(b"");
    old[KIB_512 - 8..].copy_from_slice(&pair);
    assert_eq!(Image::parse(old.clone()).unwrap().updated(), Some(1_700_000_000));
    old[KIB_512 - 1] ^= 1;
    assert_eq!(Image::parse(old).unwrap().updated(), None);
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
            let mut writer = Writer::new(KIB_512).pad_to(A);
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
                let slot = section.offset..section.until;
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
