//! Looks at a payload before a board does, so that what must fail fails at once and with its reason.

use std::path::Path;

use super::error::Error;
use super::identity::Chip;
use super::lookup::{Asker, Found, Payload};
use super::message::SIGNATURE;
use crate::board::PortPath;

/// Longer than the target of any link in a payload, shorter than any firmware.
const LONGEST_STUB: u32 = 200;
/// What a config.txt may be long.
const LONGEST_CONFIG: u32 = 1 << 20;
/// A boot ROM loads the bootcode into memory inside the chip: the largest bootcode known has 105984 bytes. This is far
/// above that, and below what would be another file by mistake.
const LARGEST_BOOTCODE: u32 = 16 << 20;

/// Settings in a config.txt that write to a chip's one-time-programmable memory (usbboot's secure-boot-recovery).
const FUSES: [&str; 3] = ["program_pubkey", "program_jtag_lock", "program_rpiboot_gpio"];

/// Files that are looked at for being what they are called.
const FIRMWARE: [&str; 15] = [
    "bootcode.bin",
    "bootcode4.bin",
    "bootcode5.bin",
    "start.elf",
    "start_cd.elf",
    "start4.elf",
    "start4cd.elf",
    "fixup.dat",
    "fixup4.dat",
    "boot.img",
    "pieeprom.bin",
    "pieeprom.original.bin",
    "kernel.img",
    "recovery.bin",
    "bootsys",
];

/// What is to be checked.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The families that are to boot; none checks for all whose bootcode is there.
    pub chips: Vec<Chip>,
    /// Whether `bootcode.sig` is to be sent, as with `rpiboot -s`.
    pub signed: bool,
    /// Whether `boot.img` must have its `boot.sig`.
    pub boot_sig: bool,
    /// Settings that burn fuses and that the user has confirmed by name.
    pub confirmed: Vec<String>,
}

/// Checks a payload for a board at a port, or for any board.
///
/// # Errors
/// The first thing in it that can't work, or that must not happen unasked.
pub fn check(payload: &Payload, port: Option<PortPath>, wanted: &Wanted) -> Result<(), Error> {
    let dir = || payload.dir().to_owned();
    let there: Vec<Chip> =
        Chip::ALL.into_iter().filter(|chip| has(payload, *chip, port, chip.bootcode())).collect();
    if there.is_empty() {
        return Err(links(payload, port, &Chip::ALL.map(Chip::bootcode))
            .unwrap_or(Error::NoBootcode { dir: dir(), chip: None }));
    }
    let chips = if wanted.chips.is_empty() { &there } else { &wanted.chips };
    let mut fuses: Vec<&str> = Vec::new();
    for chip in chips {
        let asker = Asker { chip: *chip, port };
        bootcode(payload, asker)?;
        for name in FIRMWARE {
            if let Ok(Some(found)) = payload.find(asker, name) {
                not_a_stub(payload, name, &found)?;
            }
        }
        if let Some(error) = links(payload, port, &FIRMWARE) {
            return Err(error);
        }
        let config = text(payload, asker, "config.txt")?.unwrap_or_default();
        if setting(&config, "boot_ramdisk").is_some_and(|value| value != "0")
            && !has(payload, *chip, port, "boot.img")
        {
            return Err(Error::Missing {
                dir: dir(),
                name: "boot.img",
                why: "config.txt asks for (boot_ramdisk=1)",
            });
        }
        if wanted.boot_sig && !has(payload, *chip, port, "boot.sig") {
            return Err(Error::Missing {
                dir: dir(),
                name: "boot.sig",
                why: "a board with secure boot needs",
            });
        }
        if wanted.signed && chip.takes_signature() {
            signature(payload, asker)?;
        }
        fuses.extend(FUSES.into_iter().filter(|key| setting(&config, key).is_some_and(|value| value != "0")));
    }
    fuses.retain(|key| !wanted.confirmed.iter().any(|confirmed| confirmed == key));
    fuses.sort_unstable();
    fuses.dedup();
    if fuses.is_empty() {
        return Ok(());
    }
    Err(Error::Fuses { dir: dir(), keys: fuses.into_iter().map(ToString::to_string).collect() })
}

/// The bootcode of a board, checked.
///
/// # Errors
/// Where there is none, or it is none.
pub fn bootcode(payload: &Payload, asker: Asker) -> Result<Found, Error> {
    let name = asker.chip.bootcode();
    let path = payload.dir().join(name);
    let found = match payload.find(asker, name) {
        Ok(Some(found)) => found,
        Ok(None) => return Err(Error::NoBootcode { dir: payload.dir().to_owned(), chip: Some(asker.chip) }),
        Err(_) => {
            let none = Error::NoBootcode { dir: payload.dir().to_owned(), chip: Some(asker.chip) };
            return Err(links(payload, asker.port, &[name]).unwrap_or(none));
        }
    };
    not_a_stub(payload, name, &found)?;
    if found.len == 0 || found.len > LARGEST_BOOTCODE {
        return Err(Error::BootcodeSize { path, len: found.len.into() });
    }
    Ok(found)
}

/// The signature that goes with an older board's bootcode.
///
/// # Errors
/// Where there is none, or it is none.
pub fn signature(payload: &Payload, asker: Asker) -> Result<[u8; SIGNATURE], Error> {
    let path = payload.dir().join("bootcode.sig");
    let Ok(Some(found)) = payload.find(asker, "bootcode.sig") else {
        let dir = payload.dir().to_owned();
        return Err(Error::Missing { dir, name: "bootcode.sig", why: "a signed boot (-s) sends" });
    };
    let bytes = found.read_all().map_err(|source| Error::Read { path: path.clone(), source })?;
    <[u8; SIGNATURE]>::try_from(bytes.as_slice())
        .map_err(|_| Error::Signature { path, len: found.len.into() })
}

fn has(payload: &Payload, chip: Chip, port: Option<PortPath>, name: &str) -> bool {
    matches!(payload.find(Asker { chip, port }, name), Ok(Some(_)))
}

/// The first of some files that is a link out of the payload.
fn links(payload: &Payload, port: Option<PortPath>, names: &[&str]) -> Option<Error> {
    let overlay = port.map(|port| port.to_string()).unwrap_or_default();
    let folders = ["", "2710", "2711", "2712", &overlay];
    for path in folders.iter().flat_map(|folder| names.iter().map(move |name| Path::new(folder).join(name))) {
        let link = payload.dir().join(path);
        if let Err(super::border::Closed::LeadsOut(target)) = payload.open_file(&link) {
            return Some(Error::LeadsOut { link, target });
        }
    }
    None
}

/// A repository that is downloaded without its links has text files with the links' targets instead.
fn not_a_stub(payload: &Payload, name: &str, found: &Found) -> Result<(), Error> {
    if found.len == 0 || found.len > LONGEST_STUB {
        return Ok(());
    }
    let path = payload.dir().join(name);
    let bytes = found.read_all().map_err(|source| Error::Read { path: path.clone(), source })?;
    match stub(&bytes) {
        Some(target) => Err(Error::Stub { path, target }),
        None => Ok(()),
    }
}

/// The target of a link, where a file holds nothing but one.
pub(super) fn stub(bytes: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(bytes).ok()?.trim_end_matches('\n');
    let plain = !target.is_empty()
        && target.len() <= LONGEST_STUB as usize
        && target.bytes().all(|byte| byte.is_ascii_graphic());
    let leads = target.contains('/') || [".bin", ".img", ".elf"].iter().any(|end| target.ends_with(end));
    (plain && leads).then(|| target.to_owned())
}

fn text(payload: &Payload, asker: Asker, name: &str) -> Result<Option<String>, Error> {
    match payload.find(asker, name) {
        Ok(Some(found)) if found.len <= LONGEST_CONFIG => {
            let bytes = found.read_all();
            let bytes = bytes.map_err(|source| Error::Read { path: payload.dir().join(name), source })?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => Ok(None),
    }
}

/// The last value of a setting in a config.txt, in whatever section it stands.
fn setting<'a>(config: &'a str, key: &str) -> Option<&'a str> {
    let pairs = config.lines().filter_map(|line| line.split('#').next()?.split_once('='));
    pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain;
    use crate::usb::lookup::Options;
    use std::fs;

    fn with(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Payload) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for (name, bytes) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let payload = Payload::open(&root, &Options::default()).unwrap();
        (dir, payload)
    }

    fn verdict(files: &[(&str, &[u8])], wanted: &Wanted) -> Result<(), String> {
        let (dir, payload) = with(files);
        let text = check(&payload, None, wanted);
        text.map_err(|error| error.to_string().replace(&format!("{}/root", dir.path().display()), "P"))
    }

    const CODE: &[u8] = &[0x7f; 1000];

    #[test]
    fn a_good_payload_passes() {
        let wanted = Wanted::default();
        assert_eq!(verdict(&[("bootcode.bin", CODE)], &wanted), Ok(()));
        assert_eq!(
            verdict(&[("2712/bootcode5.bin", CODE), ("config.txt", b"uart_2ndstage=1")], &wanted),
            Ok(())
        );
        let files: [(&str, &[u8]); 3] =
            [("bootcode4.bin", CODE), ("config.txt", b"boot_ramdisk=1\n"), ("boot.img", CODE)];
        assert_eq!(verdict(&files, &wanted), Ok(()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let wanted = Wanted::default();
        let no = verdict(&[("start.elf", CODE)], &wanted).unwrap_err();
        assert_eq!(no, "P has no bootcode.bin, bootcode4.bin, bootcode5.bin or bootfiles.bin");
        let four = Wanted { chips: vec![Chip::Bcm2711], ..Wanted::default() };
        let no = verdict(&[("bootcode.bin", CODE)], &four).unwrap_err();
        assert_eq!(no, "P has no bootcode4.bin for BCM2711 (CM4, Pi 4, 400)");
        let ram: [(&str, &[u8]); 2] =
            [("bootcode4.bin", CODE), ("config.txt", b"#x\n boot_ramdisk = 1 # y\n")];
        assert_eq!(
            verdict(&ram, &wanted).unwrap_err(),
            "P has no boot.img, which config.txt asks for (boot_ramdisk=1)"
        );
        let signed = Wanted { boot_sig: true, ..Wanted::default() };
        let files: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("boot.img", CODE)];
        assert_eq!(
            verdict(&files, &signed).unwrap_err(),
            "P has no boot.sig, which a board with secure boot needs"
        );
    }

    #[test]
    fn what_is_no_firmware_is_told() {
        let wanted = Wanted::default();
        let stub: [(&str, &[u8]); 1] = [("bootcode4.bin", b"../firmware/2711/bootcode4.bin")];
        let no = verdict(&stub, &wanted).unwrap_err();
        assert_eq!(
            no,
            "P/bootcode4.bin is no firmware but the text of a link, `../firmware/2711/bootcode4.bin`"
        );
        let stub: [(&str, &[u8]); 2] =
            [("bootcode4.bin", CODE), ("pieeprom.original.bin", b"../rpi-eeprom/x/pieeprom-2024.bin")];
        assert!(verdict(&stub, &wanted).unwrap_err().contains("P/pieeprom.original.bin is no firmware"));
        assert_eq!(
            verdict(&[("bootcode.bin", b"")], &wanted).unwrap_err(),
            "P/bootcode.bin: 0 bytes are no bootcode"
        );
    }

    #[test]
    fn an_archive_that_is_a_stub_is_told_as_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("bootfiles.bin"), "../firmware/bootfiles.bin").unwrap();
        let error = Payload::open(dir.path(), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Stub { .. }), "{error}");
    }

    #[test]
    fn a_signature_has_20_bytes() {
        let wanted = Wanted { signed: true, ..Wanted::default() };
        let no = verdict(&[("bootcode.bin", CODE)], &wanted).unwrap_err();
        assert_eq!(no, "P has no bootcode.sig, which a signed boot (-s) sends");
        let no = verdict(&[("bootcode.bin", CODE), ("bootcode.sig", &[0; 21])], &wanted).unwrap_err();
        assert_eq!(no, "P/bootcode.sig: a signature has 20 bytes, this file 21");
        assert_eq!(verdict(&[("bootcode.bin", CODE), ("bootcode.sig", &[0; 20])], &wanted), Ok(()));
        assert_eq!(verdict(&[("bootcode4.bin", CODE)], &wanted), Ok(()), "only the older ones have one");
    }

    #[test]
    fn fuses_are_burnt_only_when_asked_for_by_name() {
        let files: [(&str, &[u8]); 2] = [
            ("bootcode4.bin", CODE),
            ("config.txt", b"program_pubkey=1\nprogram_jtag_lock=0\nprogram_rpiboot_gpio=8\n"),
        ];
        let no = verdict(&files, &Wanted::default()).unwrap_err();
        assert!(no.contains("program_pubkey, program_rpiboot_gpio in config.txt"), "{no}");
        let half = Wanted { confirmed: vec!["program_pubkey".into()], ..Wanted::default() };
        assert!(!verdict(&files, &half).unwrap_err().contains("program_pubkey,"));
        let both = Wanted {
            confirmed: vec!["program_pubkey".into(), "program_rpiboot_gpio".into()],
            ..Wanted::default()
        };
        assert_eq!(verdict(&files, &both), Ok(()));
        let off: [(&str, &[u8]); 2] = [("bootcode4.bin", CODE), ("config.txt", b"#program_pubkey=1\n")];
        assert_eq!(verdict(&off, &Wanted::default()), Ok(()));
    }

    #[test]
    fn a_bootcode_outside_the_payload_is_told_with_what_allows_it() {
        let (dir, payload) = with(&[("x", b"")]);
        fs::write(dir.path().join("code"), CODE).unwrap();
        std::os::unix::fs::symlink("../code", payload.dir().join("bootcode.bin")).unwrap();
        let error = check(&payload, None, &Wanted::default()).unwrap_err();
        assert!(matches!(error, Error::LeadsOut { .. }), "{error}");
        assert!(error.hint().unwrap().contains("--allow "));
    }
}
