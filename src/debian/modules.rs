//! A kernel's modules, out of its package: what they need, and what the kernel asks for them by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read;

use crate::debian::deb::Deb;
use crate::debian::files::Error;

/// The modules of a kernel's package.
#[derive(Debug)]
pub struct Modules<'a> {
    kernel: &'a Deb,
    there: BTreeMap<String, (&'a String, &'a Vec<u8>)>,
    built_in: BTreeSet<String>,
}

/// A module that is taken, as it is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name, with `_` for `-`.
    pub name: String,
    /// Its file below `lib/modules/VERSION/`, as `kernel/drivers/….ko`.
    pub path: String,
    /// The modules that it needs.
    pub needs: Vec<String>,
    /// The file, unpacked.
    pub bytes: Vec<u8>,
}

/// Whether a file of a kernel's package is a module below one of these places, or needed to find modules.
#[must_use]
pub fn concerns(path: &str, places: &[&str]) -> bool {
    let modules = path.strip_prefix("usr/").unwrap_or(path).starts_with("lib/modules/");
    let place = places.iter().any(|place| path.contains(place)) && path.contains(".ko");
    modules && (place || path.ends_with("/modules.builtin") || path.ends_with("/modules.builtin.modinfo"))
}

impl<'a> Modules<'a> {
    /// Those that were read out of a package.
    #[must_use]
    pub fn of(kernel: &'a Deb) -> Self {
        let mut found = Self { kernel, there: BTreeMap::new(), built_in: BTreeSet::new() };
        for (path, bytes) in &kernel.files {
            let name = path.rsplit('/').next().unwrap_or(path);
            if name == "modules.builtin" {
                found.built_in = String::from_utf8_lossy(bytes).lines().filter_map(module_name).collect();
            } else if let Some(name) = module_name(path) {
                found.there.insert(name, (path, bytes));
            }
        }
        found
    }

    /// The version that the kernel calls itself: the name of the directory.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let mut paths = self.kernel.files.keys();
        paths.find_map(|path| {
            let rest = path.strip_prefix("usr/").unwrap_or(path).strip_prefix("lib/modules/")?;
            Some(rest.split_once('/')?.0.to_owned())
        })
    }

    /// Whether there is a module of this name, or the kernel has it built in.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.there.contains_key(name) || self.built_in.contains(name)
    }

    /// The aliases of what is built into the kernel (`modules.builtin.modinfo`: texts of the form `name.alias=…`, each
    /// with a NUL behind it).
    #[must_use]
    pub fn built_in_aliases(&self) -> Vec<String> {
        let files = self.kernel.files.iter().filter(|(path, _)| path.ends_with("/modules.builtin.modinfo"));
        let texts = files.flat_map(|(_, bytes)| bytes.split(|byte| *byte == 0));
        let alias = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            Some(text.split_once(".alias=")?.1.to_owned())
        };
        texts.filter_map(alias).collect()
    }

    /// These modules, each behind those that it needs. What is built into the kernel is not among them.
    ///
    /// # Errors
    /// When one is missing or damaged.
    pub fn closure(&self, wanted: &[&str]) -> Result<Vec<Module>, Error> {
        let fail = |file: &str, why| Error::NoFile {
            package: self.kernel.package.clone(),
            version: self.kernel.version.clone(),
            file: file.to_owned(),
            why,
        };
        let mut found: Vec<Module> = Vec::new();
        // A module is put behind those that it needs by visiting it twice: before them, and after.
        let mut open: Vec<(String, bool)> =
            wanted.iter().rev().map(|name| ((*name).to_owned(), false)).collect();
        let mut visiting = BTreeMap::new();
        while let Some((name, visited)) = open.pop() {
            if found.iter().any(|known| known.name == name) {
                continue;
            }
            if visited {
                found.extend(visiting.remove(&name));
                continue;
            }
            // Modules that need each other in a circle don't exist; should they, each is taken once.
            if visiting.contains_key(&name) {
                continue;
            }
            let Some((path, packed)) = self.there.get(&name) else {
                if self.built_in.contains(&name) {
                    continue;
                }
                return Err(fail(&format!("{name}.ko"), "it is not there"));
            };
            let bytes = unpacked(path, packed).ok_or_else(|| fail(path, "it is damaged"))?;
            if !bytes.starts_with(b"\x7fELF") {
                return Err(fail(path, "it is not what its name says"));
            }
            let needs = depends(&bytes);
            let below = path.find("/kernel/").map_or(path.as_str(), |at| &path[at + 1..]);
            let below = below.rsplit_once(".ko").map_or(below, |(name, _)| name);
            let module =
                Module { name: name.clone(), path: format!("{below}.ko"), needs: needs.clone(), bytes };
            visiting.insert(name.clone(), module);
            open.push((name, true));
            open.extend(needs.into_iter().rev().map(|name| (name, false)));
        }
        Ok(found)
    }
}

/// What `depmod` writes for these modules, as modprobe reads it: `modules.dep` (all that each needs, directly or not, the
/// last one first to be loaded) and `modules.alias`.
#[must_use]
pub fn tables(modules: &[Module]) -> (String, String) {
    let by_name: BTreeMap<&str, &Module> =
        modules.iter().map(|module| (module.name.as_str(), module)).collect();
    let (mut dep, mut alias) = (String::new(), String::new());
    for module in modules {
        let mut all: Vec<&str> = Vec::new();
        let mut open: Vec<&str> = module.needs.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if name != module.name && !all.contains(&name) {
                all.push(name);
                open.extend(
                    by_name.get(name).into_iter().flat_map(|needed| &needed.needs).map(String::as_str),
                );
            }
        }
        // In the modules' order each stands behind those that it needs.
        let place = |name: &&str| modules.iter().position(|module| module.name == **name);
        all.sort_by_key(|name| std::cmp::Reverse(place(name)));
        let needs: String = all
            .iter()
            .filter_map(|name| by_name.get(name))
            .fold(String::new(), |text, needed| text + " " + &needed.path);
        // Writing to a String can't fail.
        let _ = writeln!(dep, "{}:{needs}", module.path);
        for name in aliases(&module.bytes) {
            let _ = writeln!(alias, "alias {name} {}", module.name);
        }
    }
    (dep, alias)
}

/// The names that the kernel asks for a module by, from its `.modinfo` section.
#[must_use]
pub fn aliases(module: &[u8]) -> Vec<String> {
    info(module, b"alias=").map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// What a module says of the kernel and the processor that it was built for, such as
/// `6.1.0-50-rpi mod_unload modversions ARMv6 p2v8` (include/linux/vermagic.h). `None` where it is no module.
#[must_use]
pub fn vermagic(path: &str, packed: &[u8]) -> Option<String> {
    let _ = module_name(path)?;
    let bytes = unpacked(path, packed)?;
    let magic = info(&bytes, b"vermagic=").next()?;
    Some(String::from_utf8_lossy(magic).into_owned())
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

/// The modules that one needs, from its `.modinfo` section.
fn depends(module: &[u8]) -> Vec<String> {
    let value = info(module, b"depends=").next().unwrap_or_default();
    let text = String::from_utf8_lossy(value);
    text.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// The values of a key in a module's `.modinfo` section: texts of the form `key=value`, each between two NULs
/// (modinfo(8); the kernel's scripts/mod/modpost.c writes it).
fn info<'a>(module: &'a [u8], key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    module.split(|byte| *byte == 0).filter_map(move |text| text.strip_prefix(key))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const WANTED: [&str; 6] = ["configfs", "phy_generic", "dwc2", "libcomposite", "usb_f_acm", "bcm2835_wdt"];

    /// A module that needs others.
    pub(crate) fn module(depends: &str) -> Vec<u8> {
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
            links: std::collections::BTreeMap::new(),
            directories: std::collections::BTreeSet::new(),
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
        let found = Modules::of(&kernel).closure(&WANTED).unwrap();
        let names: Vec<_> = found.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["configfs", "libcomposite", "u_serial", "usb_f_acm"]);
    }

    #[test]
    fn what_is_missing_or_damaged_is_named() {
        let kernel_with = |extra: (&str, Vec<u8>)| {
            let built_in =
                b"a/configfs.ko\na/phy-generic.ko\na/libcomposite.ko\na/usb_f_acm.ko\na/bcm2835_wdt.ko\n";
            kernel(&[("modules.builtin", built_in.to_vec()), extra])
        };
        assert!(Modules::of(&kernel_with(("dwc2.ko", module("")))).closure(&WANTED).is_ok());
        for (name, bytes, want) in [
            ("other.ko", module(""), "dwc2.ko: it is not there"),
            ("dwc2.ko", module("roles"), "roles.ko: it is not there"),
            ("dwc2.ko", b"<html>".to_vec(), "it is not what its name says"),
            ("dwc2.ko.xz", b"nothing".to_vec(), "it is damaged"),
        ] {
            let kernel = kernel_with((name, bytes));
            let error = Modules::of(&kernel).closure(&WANTED).unwrap_err().to_string();
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
        let found = Modules::of(&kernel).closure(&WANTED).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|module| module.bytes.starts_with(b"\x7fELF")));
    }

    #[test]
    fn other_files_are_not_loaded() {
        for path in
            ["lib/modules/6.1/kernel/drivers/usb/dwc2/dwc2.ko", "usr/lib/modules/6.12/modules.builtin"]
        {
            assert!(concerns(path, &["/kernel/drivers/usb/"]), "{path}");
        }
        for path in ["lib/modules/6.1/kernel/drivers/gpu/x.ko", "boot/vmlinuz-6.1", "usr/share/doc/x"] {
            assert!(!concerns(path, &["/kernel/drivers/usb/"]), "{path}");
        }
    }
}
