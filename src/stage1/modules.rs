//! The kernel's modules: which ones it takes, and in which order.

use std::collections::BTreeMap;
use std::io::Read;

use crate::debian::deb::Deb;
use crate::debian::files::Error;

/// What it takes to be a USB serial port and to restart: the controller and its (absent) transceiver, the gadget, and
/// the watchdog, through which a Pi restarts and switches off.
const WANTED: [&str; 6] = ["configfs", "phy_generic", "dwc2", "libcomposite", "usb_f_acm", "bcm2835_wdt"];

/// Where modules are that these can depend on.
const PLACES: [&str; 4] =
    ["/kernel/fs/configfs/", "/kernel/drivers/usb/", "/kernel/drivers/watchdog/", "/kernel/lib/"];

/// Whether a file of a kernel's package is needed to find the modules.
pub(super) fn concerns(path: &str) -> bool {
    let modules = path.strip_prefix("usr/").unwrap_or(path).starts_with("lib/modules/");
    let place = PLACES.iter().any(|place| path.contains(place)) && path.contains(".ko");
    modules && (place || path.ends_with("/modules.builtin"))
}

/// The modules with their names, each behind those that it needs. What is built into the kernel is not among them.
pub(super) fn closure(kernel: &Deb) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let fail = |file: &str, why| Error::NoFile {
        package: kernel.package.clone(),
        version: kernel.version.clone(),
        file: file.to_owned(),
        why,
    };
    let mut there = BTreeMap::new();
    let mut built_in = Vec::new();
    for (path, bytes) in &kernel.files {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == "modules.builtin" {
            built_in = String::from_utf8_lossy(bytes).lines().filter_map(module_name).collect();
        } else if let Some(name) = module_name(path) {
            there.insert(name, (path, bytes));
        }
    }
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    // A module is put behind those that it needs by visiting it twice: before them, and after.
    let mut open: Vec<(String, bool)> = WANTED.iter().rev().map(|name| ((*name).to_owned(), false)).collect();
    let mut bytes_of = BTreeMap::new();
    while let Some((name, visited)) = open.pop() {
        if found.iter().any(|(known, _)| *known == name) {
            continue;
        }
        if visited {
            if let Some(bytes) = bytes_of.remove(&name) {
                found.push((name, bytes));
            }
            continue;
        }
        // Modules that need each other in a circle don't exist; should they, each is taken once.
        if bytes_of.contains_key(&name) {
            continue;
        }
        let Some((path, packed)) = there.get(&name) else {
            if built_in.contains(&name) {
                continue;
            }
            return Err(fail(&format!("{name}.ko"), "it is not there"));
        };
        let bytes = unpacked(path, packed).ok_or_else(|| fail(path, "it is damaged"))?;
        if !bytes.starts_with(b"\x7fELF") {
            return Err(fail(path, "it is not what its name says"));
        }
        let needs = depends(&bytes);
        bytes_of.insert(name.clone(), bytes);
        open.push((name, true));
        open.extend(needs.into_iter().rev().map(|name| (name, false)));
    }
    Ok(found)
}

/// `usb_f_acm` of `…/usb_f_acm.ko.xz`. The kernel takes `-` and `_` for the same.
fn module_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let (name, ending) = name.split_once(".ko")?;
    matches!(ending, "" | ".xz" | ".zst" | ".gz").then(|| name.replace('-', "_"))
}

/// A module as it is linked. `None` if it can't be unpacked.
fn unpacked(path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let done = match path.rsplit_once(".ko")?.1 {
        "" => return Some(bytes.to_vec()),
        ".xz" => liblzma::read::XzDecoder::new_multi_decoder(bytes).read_to_end(&mut plain),
        ".gz" => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain),
        ".zst" => zstd::Decoder::new(bytes).and_then(|mut plain_text| plain_text.read_to_end(&mut plain)),
        _ => return None,
    };
    done.is_ok().then_some(plain)
}

/// The modules that one needs, from its `.modinfo` section: texts of the form `depends=a,b`, each between two NULs
/// (modinfo(8); the kernel's scripts/mod/modpost.c writes it).
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = &module[at + KEY.len()..];
    let value = &value[..value.iter().position(|byte| *byte == 0).unwrap_or(value.len())];
    let text = String::from_utf8_lossy(value);
    text.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A module that needs others.
    pub(in crate::stage1) fn module(depends: &str) -> Vec<u8> {
        format!("\x7fELF...\0license=GPL\0depends={depends}\0name=x\0").into_bytes()
    }

    fn kernel(files: &[(&str, Vec<u8>)]) -> Deb {
        let place = |(name, bytes): &(&str, Vec<u8>)| {
            let folder = if name.ends_with("builtin") { "" } else { "kernel/drivers/usb/" };
            (format!("lib/modules/6.1/{folder}{name}"), bytes.clone())
        };
        Deb {
            package: "linux-image-6.1-rpi".into(),
            version: "1".into(),
            architecture: "armel".into(),
            files: files.iter().map(place).collect(),
        }
    }

    #[test]
    fn each_comes_behind_those_that_it_needs() {
        let built_in = b"kernel/drivers/usb/dwc2/dwc2.ko\nkernel/drivers/usb/phy/phy-generic.ko\nkernel/x/bcm2835_wdt.ko\n";
        let kernel = kernel(&[
            ("modules.builtin", built_in.to_vec()),
            ("configfs.ko", module("")),
            ("usb_f_acm.ko", module("libcomposite,u-serial")),
            ("u_serial.ko", module("")),
            ("libcomposite.ko", module("configfs")),
            ("not-wanted.ko", module("")),
        ]);
        let found = closure(&kernel).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["configfs", "libcomposite", "u_serial", "usb_f_acm"]);
    }

    #[test]
    fn what_is_missing_or_damaged_is_named() {
        let kernel_with = |extra: (&str, Vec<u8>)| {
            let built_in =
                b"a/configfs.ko\na/phy-generic.ko\na/libcomposite.ko\na/usb_f_acm.ko\na/bcm2835_wdt.ko\n";
            kernel(&[("modules.builtin", built_in.to_vec()), extra])
        };
        assert!(closure(&kernel_with(("dwc2.ko", module("")))).is_ok());
        for (name, bytes, want) in [
            ("other.ko", module(""), "dwc2.ko: it is not there"),
            ("dwc2.ko", module("roles"), "roles.ko: it is not there"),
            ("dwc2.ko", b"<html>".to_vec(), "it is not what its name says"),
            ("dwc2.ko.xz", b"nothing".to_vec(), "it is damaged"),
        ] {
            let error = closure(&kernel_with((name, bytes))).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn packed_modules_are_unpacked_and_circles_end() {
        let mut xz = Vec::new();
        let mut encoder = liblzma::write::XzEncoder::new(&mut xz, 1);
        std::io::Write::write_all(&mut encoder, &module("usb_f_acm")).unwrap();
        encoder.finish().unwrap();
        let built_in = b"a/configfs.ko\na/phy-generic.ko\na/libcomposite.ko\na/bcm2835_wdt.ko\n";
        let kernel = kernel(&[
            ("modules.builtin", built_in.to_vec()),
            ("dwc2.ko.xz", xz),
            ("usb_f_acm.ko", module("dwc2")),
        ]);
        let found = closure(&kernel).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|(_, bytes)| bytes.starts_with(b"\x7fELF")));
    }

    #[test]
    fn other_files_are_not_loaded() {
        for path in
            ["lib/modules/6.1/kernel/drivers/usb/dwc2/dwc2.ko", "usr/lib/modules/6.12/modules.builtin"]
        {
            assert!(concerns(path), "{path}");
        }
        for path in ["lib/modules/6.1/kernel/drivers/gpu/x.ko", "boot/vmlinuz-6.1", "usr/share/doc/x"] {
            assert!(!concerns(path), "{path}");
        }
    }
}
