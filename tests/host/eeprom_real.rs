//! EEPROM images as Raspberry Pi publishes them, against what its own tool makes of them. Their licence keeps the images
//! out of this repository: `PIPROV_EEPROM_DIR` says where they are.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::Write;
use std::path::{Path, PathBuf};

use piprov::eeprom::Image;
use piprov::eeprom::image::{BOOTCONF, BOOTCONF_SIG, Other, PUBKEY};
use piprov::format::hex;
use sha2::{Digest, Sha256};

/// An image, and the sums of what rpi-eeprom-config (2026-08-19) makes of it when its BOOT_ORDER becomes 0xf12 and
/// 0xf2461.
const EDITS: [(&str, &str, &str); 8] = [
    (
        "2711-pieeprom-2021-04-29",
        "0233ad14d56d9b4dea866053dfc1d5fdd044882a8f2540c38fb1e571fb6130d3",
        "16872f78cdcc62586d14407f8dc18fe95b2a12164faafe41f0d31486f109fbb5",
    ),
    (
        "2711-pieeprom-2024-04-15",
        "de25a623013565311a6bc3b95278f151de42dae1e891cae540e847d8f742858a",
        "9755c8d04ca3b95a0d454e71dd7568beee1afdf0c51507292db248c803d78b9e",
    ),
    (
        "2711-pieeprom-2026-04-14",
        "451a6c42877b0a3b6a9d752f8ee793e7b61af4b605adf1c2c81abab0bfeb1477",
        "089fc5eec00961eccdda80622152e9c2d48d2dec5cdd7827b6eb7a2453fbeb13",
    ),
    (
        "2711-pieeprom-2026-05-17",
        "deae4310045694288429026cef22164bdcd78401d72b903dbd9a289d63d9c339",
        "f0028053295be5ec8547ae1066d3f98eb531a25819cec2724de889bc07606008",
    ),
    (
        "2711-pieeprom-2026-08-04",
        "d88496fd16ee41b2e66b0dad665333a3527e35fbad019753eb975eb20ec68843",
        "21cb959e686bbff9556ba98510e12ffbef7044be9bd861b4065ce734d84b0362",
    ),
    (
        "2712-pieeprom-2024-02-16",
        "41a21427fd2f314c6574aa9c3798477e0245c11be70d4df0b5e50bf7c889faea",
        "0661f7758bc8472901a23f542aad8d4d0a8c540648da7bbaab61857d0fdaccef",
    ),
    (
        "2712-pieeprom-2026-05-11",
        "a489b4c6551fba20338eb1d4abce7f1785a24f2f0757145efab4751f687ee9f8",
        "f5c5ac45e478bee0c2ad93ba524aca268cded1c659d37e21bd962381159cd3b7",
    ),
    (
        "2712-pieeprom-2026-05-26",
        "9d878b119a30a6001ceaab6f3c2807276818d540740972c524e3d16fb3da0740",
        "eb1af0bc9b03ade1354e3b03fdc3f98b0b8b68801ff00ea7a9222e0111ae0693",
    ),
];

/// A configuration, its signature by a key of ours that is for tests only, and that key as an image has it.
const SIGNED: &str = "[all]\nBOOT_UART=1\nBOOT_ORDER=0xf2461\nSIGNED_BOOT=1\n";
const SIGNATURE: &str = "\
3b3535af391465577b24622cdf63a7a79d1601d567586eab0db94cf1964290ce
ts: 1700000000
rsa2048: \
44de4610ba3d00298f2b069fe55434294b2c3a5a24cd59f55bf42d9db9b4932f14fabddf635550fef89f6e930041bcea948373915f3e867b6b4f94120ba113bf\
4676cbabdcc77f672b2e1a85f32dd38879e2e46c23287e0937aba7c3c4feaf81424726444f3495e36d5c87396587c5b7fe2c696ff2258d867d3d4d553536d1bc\
47becf953f2e4086299cad8ba0ce282f908c107b03ca1aa75c83a7126813541451e7e2f3b3409e134abdd46a308abfb71b8324d908430b170e8b38ba89337f6f\
553cabe32235886434f7ad8cd072e26a494919d081e39286dceed6477392539aa600bb1b63404cb4792d7ddbc0fd538b068ecf0cb59e63ecd3394405b6ea7aa1
";
const KEY: &str = "\
6fbb611d01cb664ac6feba45b750cfb1349de6812d0bcd1addded697dbdf20f94526c5aecb9d324524adfd680db5e6ab2ca42075647fd2c004a86c365d7f330a\
792fb50c5977599468e737ba2b80702c2c191a70d3cf3370b6c427856eeff982418b531a42322d125936943aa4638b1f4b1adf14c093bb04b22ab8eca40177c5\
9c3010223a216ff0d07f08aab860fe6a51507835fd248b97630fdb5d179e75a805501d9d251f85ae8a9ba5b65159c6ec47407fb1df3d693f0d17c485a7ee31e8\
34b66df1c16ecea4b3f82b831d9f927995af09352ce7612a127dbaca17c494325e23d02f33ef0aaa698faa4e11e167a2420378e330f0959ceed9780eb6d8b4ae\
0100010000000000";

fn key() -> Vec<u8> {
    (0..KEY.len()).step_by(2).map(|at| u8::from_str_radix(&KEY[at..at + 2], 16).unwrap()).collect()
}

/// Where the images are. Without them a test says so past the test harness, which shows nothing of tests that pass.
fn images(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("PIPROV_EEPROM_DIR").map(PathBuf::from);
    if dir.is_none() {
        let text = format!(
            "\n*** {test} DID NOT RUN: PIPROV_EEPROM_DIR doesn't say where Raspberry Pi's EEPROM images are ***\n"
        );
        #[expect(clippy::disallowed_methods, reason = "past the harness, which would swallow it")]
        std::io::stderr().lock().write_all(text.as_bytes()).unwrap();
    }
    dir
}

fn read(dir: &Path, name: &str) -> Image {
    let path = dir.join(format!("{name}.bin"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Image::parse(bytes).unwrap()
}

fn sum(image: &Image) -> String {
    hex(&Sha256::digest(image.bytes()))
}

/// The configuration with another boot order, which goes to the end where there was no boot order.
fn with_order(conf: &str, order: &str) -> String {
    let new = format!("BOOT_ORDER={order}\n");
    let there = conf.split_inclusive('\n').find(|line| line.starts_with("BOOT_ORDER="));
    there.map_or_else(|| format!("{conf}{new}"), |old| conf.replace(old, &new))
}

#[test]
fn an_edited_image_is_the_vendors_byte_by_byte() {
    let Some(dir) = images("an_edited_image_is_the_vendors_byte_by_byte") else { return };
    for (name, first, second) in EDITS {
        let image = read(&dir, name);
        for (order, want) in [("0xf12", first), ("0xf2461", second)] {
            let changed = image.with_bootconf(&with_order(image.bootconf().unwrap(), order)).unwrap();
            assert_eq!(sum(&changed), want, "{name} {order}");
            assert_eq!(changed.with_bootconf(image.bootconf().unwrap()).unwrap(), image, "{name}: back");
        }
    }
}

#[test]
fn a_signed_configuration_is_embedded_as_the_vendor_does() {
    let Some(dir) = images("a_signed_configuration_is_embedded_as_the_vendor_does") else { return };
    let key = key();
    for (name, want) in [
        ("2711-pieeprom-2026-05-17", "9ade1831457590329ac9446c8571b79b2dc433fcf3081ba5950da9e82d2a8373"),
        ("2712-pieeprom-2026-05-26", "bf4fff666d2a36c0a2bad8c3a6f90ae3f46bc9f1ed72719417af3e039d058278"),
    ] {
        let mut image = read(&dir, name);
        for (file, content) in
            [(BOOTCONF, SIGNED.as_bytes()), (BOOTCONF_SIG, SIGNATURE.as_bytes()), (PUBKEY, &key)]
        {
            image = image.with_file(file, content).unwrap();
        }
        assert_eq!(sum(&image), want, "{name}");
        assert!(image.is_signed() && image.has_key());
    }
}

#[test]
fn what_published_images_say_is_read() {
    let Some(dir) = images("what_published_images_say_is_read") else { return };
    for (name, built, version, other) in [
        ("2711-pieeprom-2021-04-29", "2021-04-29", None, None),
        ("2711-pieeprom-2026-08-04", "2026-08-04", Some(1), None),
        ("2712-pieeprom-2026-05-11", "2026-05-11", Some(1), None),
        ("2712-pieeprom-2026-08-12", "2026-08-12", Some(1), Some(Other::Empty)),
    ] {
        let image = read(&dir, name);
        let day = jiff::Timestamp::from_second(image.built().unwrap().try_into().unwrap()).unwrap();
        assert_eq!(day.strftime("%Y-%m-%d").to_string(), built);
        assert_eq!((image.mfg_ver(), image.other(), image.updated()), (version, other, None), "{name}");
        assert!(!image.is_signed() && !image.has_key(), "{name}");
    }
    assert!(read(&dir, "2711-signed-by-example-key").is_signed());
}

/// An image, a bootconf.txt for all of it, and the sum of what rpi-eeprom-config (2026-08-19) makes with `--config`.
#[test]
fn the_command_writes_what_the_vendors_tool_writes() {
    let Some(dir) = images("the_command_writes_what_the_vendors_tool_writes") else { return };
    let room = tempfile::tempdir().unwrap();
    for (n, (name, first, second)) in EDITS.into_iter().enumerate() {
        let path = dir.join(format!("{name}.bin"));
        for (order, want) in [("0xf12", first), ("0xf2461", second)] {
            let conf = with_order(read(&dir, name).bootconf().unwrap(), order);
            std::fs::write(room.path().join("conf"), conf).unwrap();
            let set = format!("BOOT_ORDER={order}");
            let mut ways = vec![("bootconf", ["--bootconf", "conf"])];
            // Where there is no such line a new one goes where it counts for all boards, which needs a filter more.
            if read(&dir, name).bootconf().unwrap().contains("BOOT_ORDER=") {
                ways.push(("set", ["--set", &set]));
            }
            for (way, arguments) in ways {
                let out = format!("{n}-{order}-{way}.bin");
                let mut command = crate::common::piprov();
                command.current_dir(room.path()).args(["eeprom", "edit"]).arg(&path);
                let output = command.args(arguments).args(["-o", &out]).output().unwrap();
                assert!(output.status.success(), "{name} {order}: {output:?}");
                let image = Image::parse(std::fs::read(room.path().join(out)).unwrap()).unwrap();
                assert_eq!(sum(&image), want, "{name} {order} by {way}");
            }
        }
    }
}

#[test]
fn what_a_signature_was_put_into_becomes_what_was_published() {
    let Some(dir) = images("what_a_signature_was_put_into_becomes_what_was_published") else { return };
    for (name, ..) in EDITS {
        let image = read(&dir, name);
        assert_eq!(image.without_signature().unwrap(), image, "{name}");
        if image.file(PUBKEY).is_err() {
            continue;
        }
        let signed = image.with_file(BOOTCONF_SIG, SIGNATURE.as_bytes()).unwrap();
        let signed = signed.with_file(PUBKEY, &key()).unwrap();
        assert!(signed.is_signed() && signed.has_key() && signed != image);
        assert_eq!(sum(&signed.without_signature().unwrap()), sum(&image), "{name}");
    }
}

#[test]
fn published_images_are_in_order_and_signatures_are_checked() {
    let Some(dir) = images("published_images_are_in_order_and_signatures_are_checked") else { return };
    let verify = |path: &Path, code: i32| {
        let mut command = crate::common::piprov();
        let output = command.args(["eeprom", "verify"]).arg(path).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{}: {text}", path.display());
        text
    };
    for (name, ..) in EDITS {
        let text = verify(&dir.join(format!("{name}.bin")), 0);
        assert!(text.contains("bootcode ends with Raspberry Pi's signature"), "{name}: {text}");
        assert!(text.contains("bootconf.txt has nothing odd in it"), "{name}: {text}");
    }
    // With the public key of Raspberry Pi's repository, whose hash stands in its documentation.
    let path = dir.join("2711-signed-by-example-key.bin");
    let text = verify(&path, 0);
    let hash = "8251a63a2edee9d8f710d63e9da5d639064929ce15a2238986a189ac6fcd3cee";
    assert!(
        text.contains(&format!("signed with the key in the image, whose hash in the OTP is {hash}")),
        "{text}"
    );
    // One bit of the configuration, with a digest that fits again.
    let image = read(&dir, "2711-pieeprom-2026-05-17").with_file(BOOTCONF, SIGNED.as_bytes()).unwrap();
    let with = |sig: &str| {
        let image = image.with_file(BOOTCONF_SIG, sig.as_bytes()).unwrap().with_file(PUBKEY, &key()).unwrap();
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), image.bytes()).unwrap();
        path
    };
    let text = verify(with(SIGNATURE).path(), 0);
    let hash = "b869e009044933f00e25f866e8e579a41e4bb49fa8d0070f7896c076c6cac7c8";
    assert!(text.contains(hash), "{text}");
    let text = verify(with(&SIGNATURE.replace("44de4610", "44de4611")).path(), 1);
    assert!(text.contains("isn't signed with the key in the image"), "{text}");
}

#[test]
fn an_image_whose_partitions_differ_is_read_and_changed() {
    let Some(dir) = images("an_image_whose_partitions_differ_is_read_and_changed") else { return };
    let (old, new) = (read(&dir, "2712-pieeprom-2026-05-26"), read(&dir, "2712-pieeprom-2026-08-12"));
    // As a board that was updated once.
    let mut bytes = old.bytes().to_vec();
    bytes[0x10_7000..0x1f_e000].copy_from_slice(&new.bytes()[0x1_0000..0x10_7000]);
    let image = Image::parse(bytes).unwrap();
    match image.other() {
        Some(Other::Different { files, firmware: true }) => assert_eq!(files, ["bootsys"]),
        other => panic!("{other:?}"),
    }
    let changed = image.with_bootconf("[all]\nBOOT_ORDER=0xf2\n").unwrap();
    assert_eq!(changed.bytes()[0x10_7000..], image.bytes()[0x10_7000..]);
    assert_eq!(changed.built(), old.built());
}

#[test]
fn a_recovery_as_it_is_published_is_for_the_images_of_its_chip() {
    let Some(dir) = images("a_recovery_as_it_is_published_is_for_the_images_of_its_chip") else { return };
    let (four, five) = (read(&dir, "2711-pieeprom-2026-05-17"), read(&dir, "2712-pieeprom-2026-05-26"));
    let program = |chip: &str| std::fs::read(dir.join(format!("{chip}-recovery.bin"))).unwrap();
    for (image, chip, other, name) in
        [(&four, "2711", "2712", "bootcode4.bin"), (&five, "2712", "2711", "bootcode5.bin")]
    {
        let files = piprov::eeprom::recovery::files(image, &program(chip), 1).unwrap();
        assert!(files[0] == (name, program(chip)));
        let wrong = piprov::eeprom::recovery::files(image, &program(other), 1).unwrap_err();
        assert!(wrong.to_string().starts_with("it is a program for the BCM"), "{wrong}");
        // As `piprov usbboot` serves them.
        let out = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(out.path().join(name), bytes).unwrap();
        }
        let payload =
            piprov::usb::lookup::Payload::open(out.path(), &piprov::usb::lookup::PayloadOptions::default())
                .unwrap();
        piprov::usb::payload::check(&payload, None, &piprov::usb::payload::Wanted::default()).unwrap();
    }
}

#[test]
fn one_bit_in_a_packed_module_of_a_published_image_is_found() {
    let Some(dir) = images("one_bit_in_a_packed_module_of_a_published_image_is_found") else { return };
    let mut packed = 0;
    for (name, ..) in EDITS {
        let image = read(&dir, name);
        let found = image.modules();
        assert_eq!(found.damaged, Vec::<String>::new(), "{name}");
        packed += found.whole;
        let modules: Vec<_> = image
            .sections()
            .filter(|section| section.content.get(16..20) == Some(&[0x04, 0x22, 0x4d, 0x18]))
            .map(|section| {
                let name = section.content[..12].split(|byte| *byte == 0).next().unwrap();
                (section.offset + 8 + section.content.len() / 2, String::from_utf8(name.to_vec()).unwrap())
            })
            .collect();
        assert_eq!(modules.len(), found.whole, "{name}");
        for (at, module) in modules {
            let mut bytes = image.bytes().to_vec();
            bytes[at] ^= 1;
            let damaged = Image::parse(bytes).unwrap();
            assert_eq!(damaged.modules().damaged, [module], "{name}");
        }
    }
    assert!(packed > 50, "{packed}");
}
