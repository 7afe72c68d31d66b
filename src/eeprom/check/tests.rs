use super::*;
use crate::board::Model;
use crate::error::Severity;
use crate::samples::eeprom::{Half, Writer, ab, pi4, signed_2711, signed_2712};

fn image(bytes: Vec<u8>) -> Image {
    Image::parse(bytes).unwrap()
}

/// What is said that isn't good, with its topic.
fn bad(image: &Image, needs: &Needs, beside: &Beside<'_>) -> Vec<String> {
    let all = check(image, needs, beside);
    let bad = all.iter().filter(|finding| finding.severity != Severity::Good);
    bad.map(|finding| format!("{:?} {}: {}", finding.severity, finding.topic, finding.what)).collect()
}

fn five() -> Image {
    image(ab(&Half { firmware: 7, conf: b"[all]\nBOOT_ORDER=0xf416\n" }, None))
}

fn plain(image: &Image) -> Vec<String> {
    bad(image, &Needs::default(), &Beside::default())
}

#[test]
fn an_image_in_order_has_no_problem() {
    assert_eq!(plain(&five()), [""; 0]);
    let needs = Needs { model: Some(Model::Cm5), mfg_ver: Some(7) };
    assert_eq!(bad(&five(), &needs, &Beside::default()), [""; 0]);
    let four = plain(&image(pi4(b"[all]\n")));
    assert!(
        matches!(&four[..], [only] if only.starts_with("Warning minimum: it has no MFG_VER")),
        "{four:?}"
    );
}

#[test]
fn a_board_that_does_not_start_with_it_is_a_problem() {
    let four = image(pi4(b"[all]\n"));
    let needs = Needs { model: Some(Model::Pi5), mfg_ver: Some(1) };
    let said = bad(&four, &needs, &Beside::default());
    assert!(said[0].starts_with("Problem chip: it is an image for Pi 4"), "{said:?}");
    assert!(said[1].starts_with("Problem minimum: it has no MFG_VER, which counts as 0, and"), "{said:?}");
}

#[test]
fn programs_of_another_chip_or_cut_ones_are_problems() {
    let four = |code: Vec<u8>| {
        let writer = Writer::new(512 << 10).section(0x55aa_f00f, &code).pad_to(0x1_0000);
        image(writer.file("bootconf.txt", b"[all]\n").done())
    };
    let problem = |image: &Image| {
        plain(image).into_iter().find(|line| line.starts_with("Problem bootcode")).unwrap_or_default()
    };
    assert_eq!(problem(&four(signed_2711(vec![1; 1000]))), "");
    assert!(
        problem(&four(signed_2712(vec![1; 1000], 1)))
            .contains("is for BCM2712, in an image of the size for BCM2711")
    );
    assert!(problem(&four(vec![1; 1000])).contains("ends with no signature"));
    assert!(problem(&image(vec![0; 512 << 10])).contains("there is no bootcode"));
    let bootsys = five().file("bootsys").unwrap().to_vec();
    let cut = five().with_file("bootsys", &bootsys[..bootsys.len() - 4]).unwrap();
    assert!(problem(&cut).contains("bootsys ends with no signature"));
    // A customer's signature that nobody made.
    let counter = five().with_file("bootsys", &signed_2712(bootsys, 16)).unwrap();
    assert!(problem(&counter).contains("the customer's signature of bootsys is wrong"));
}

#[test]
fn a_signature_that_proves_nothing_is_told() {
    let conf = "[all]\nBOOT_ORDER=0xf416\n";
    let with = |name, content: &[u8]| five().with_file(name, content).unwrap();
    let sig = Sig::of(conf.as_bytes(), 7);
    let mut by_nobody = sig.clone();
    by_nobody.rsa2048 = Some(vec![9; 256]);
    let other = Sig::of(b"other", 7);
    let keyed = |sig: &Sig| {
        let image = five().with_file(BOOTCONF_SIG, sig.to_string().as_bytes()).unwrap();
        plain(&image.with_file(PUBKEY, &[7; 264]).unwrap())
    };
    for (said, want) in [
        (plain(&with(PUBKEY, &[7; 264])), "Warning signature: it has a public key, but no signature"),
        (
            plain(&with(BOOTCONF_SIG, by_nobody.to_string().as_bytes())),
            "Problem signature: bootconf.txt is signed, but there is no public key",
        ),
        (plain(&with(BOOTCONF_SIG, b"hello")), "Problem signature: bootconf.sig: line 1"),
        (plain(&with(BOOTCONF_SIG, b"\xc3\x28")), "Problem signature: bootconf.sig is no text"),
        (keyed(&other), "Problem signature: bootconf.sig is of another bootconf.txt"),
        (keyed(&sig), "Warning signature: bootconf.sig has a digest, but no signature"),
        (keyed(&by_nobody), "Problem signature: bootconf.txt isn't signed with the key in the image"),
    ] {
        assert!(matches!(&said[..], [only] if only.starts_with(want)), "{want}: {said:?}");
    }
    let asks = image(ab(&Half { firmware: 7, conf: b"[all]\nSIGNED_BOOT=1\n" }, None));
    assert!(plain(&asks)[0].starts_with("Problem settings: SIGNED_BOOT=1 asks"));
}

#[test]
fn a_sig_file_is_of_one_image() {
    let image = five();
    let said = |text: &[u8]| bad(&image, &Needs::default(), &Beside { sig: Some(text), against: None });
    let sig = image.sig(1);
    assert_eq!(said(sig.to_string().as_bytes()), [""; 0]);
    let of = |change: &dyn Fn(&mut Sig)| {
        let mut sig = sig.clone();
        change(&mut sig);
        said(sig.to_string().as_bytes())
    };
    assert!(of(&|sig| sig.sha256[0] ^= 1)[0].contains("of another image"));
    assert!(of(&|sig| sig.target_soc = Some("2711".into()))[0].contains("for a 2711, the image for a 2712"));
    assert_eq!(of(&|sig| sig.target_soc = Some("2712".into())), [""; 0]);
    assert!(of(&|sig| sig.rsa2048 = Some(vec![1; 256]))[0].starts_with("Warning sig-file"));
    assert!(said(b"no")[0].starts_with("Problem sig-file: line 1"));
    assert!(said(b"\xff")[0].starts_with("Problem sig-file: it is no text"));
}

#[test]
fn another_image_is_compared() {
    let image = five();
    let said = |other: &Image| bad(&image, &Needs::default(), &Beside { sig: None, against: Some(other) });
    assert_eq!(said(&image), [""; 0]);
    assert_eq!(said(&image.with_bootconf("A=1\n").unwrap()), ["Problem compare: bootconf.txt of A differs"]);
    assert!(
        said(&image.with_file("updatetime", &[1; 8]).unwrap())[0]
            .starts_with("Warning compare: updatetime of A")
    );
    assert!(said(&super::Image::parse(pi4(b"")).unwrap())[0].contains("the other image is for BCM2711"));
}

proptest::proptest! {
    #[test]
    fn no_sections_panic(patches in proptest::collection::vec((0usize..512 << 10, proptest::prelude::any::<u8>()), 0..40)) {
        let mut bytes = pi4(b"[all]\n");
        for (at, byte) in patches {
            bytes[(at & !0xfff) + at % 24] = byte;
        }
        if let Ok(image) = Image::parse(bytes) {
            let _ = check(&image, &Needs { model: Some(Model::Cm4), mfg_ver: Some(1) }, &Beside::default());
            let _ = (image.version().is_some(), image.key_hash(), image.without_signature().is_ok());
        }
    }
}
