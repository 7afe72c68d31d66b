//! Which kernel is taken out of which package, or a kernel that is given as files.
//!
//! Debian's packages, and Raspberry Pi's `linux-image-…`, have one: `boot/vmlinuz-VERSION`. Raspberry Pi's older
//! `raspberrypi-kernel` has one for each kind of processor: `boot/kernel.img` for ARMv6, `boot/kernel8.img` for 64 bits,
//! each with its directory below `lib/modules`. Which directory is for which processor, its modules tell (`vermagic`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Arch;
use crate::beneath::{Dir, open_regular, read_bounded};
use crate::debian::deb::{self, Deb};
use crate::debian::files::Error;
use crate::debian::modules;

/// No kernel is larger.
const LARGEST: u64 = 128 << 20;
/// No module and no device tree is larger.
const LARGEST_FILE: u64 = 64 << 20;
/// What a directory of modules may have in it.
const MOST_FILES: usize = 50_000;
const DEEPEST: usize = 32;
/// Where a kernel's package has its device trees.
const TREES: &str = "usr/lib/linux-image";

/// A kernel with its modules and device trees, and none of another one.
#[derive(Debug)]
pub(super) struct Kernel {
    /// The package that it is from, or what stands for one.
    pub(super) deb: Deb,
    /// The path of its image there.
    pub(super) image: String,
    /// What it calls itself: the name of its directory of modules.
    pub(super) version: String,
}

/// A kernel that is there as files.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its image.
    pub image: PathBuf,
    /// Its modules: a directory as `lib/modules/VERSION`, one with such a directory somewhere in it, or a tar archive of
    /// that, packed or not.
    pub modules: PathBuf,
    /// The device trees, `*.dtb`, where they don't lie among the modules.
    pub trees: Option<PathBuf>,
}

/// Takes the kernel for a processor out of the packages. `None` where none of them has a kernel.
pub(super) fn take(debs: &mut Vec<Deb>, arch: Arch) -> Result<Option<Kernel>, Error> {
    let fitting = debs.iter().enumerate().find_map(|(at, deb)| Some((at, choose(deb, arch)?)));
    if let Some((at, (image, version))) = fitting {
        let mut deb = debs.remove(at);
        if version.is_empty() {
            return Err(missing(&deb, "lib/modules"));
        }
        deb.files.retain(|path, _| version_of(path).is_none_or(|other| other == version));
        check(&deb, &image, arch)?;
        return Ok(Some(Kernel { deb, image, version }));
    }
    // One for another processor is no tool to be packed, and a better reason than that there is none.
    match debs.iter().find(|deb| has_kernel(deb)) {
        Some(deb) => Err(Error::OtherProcessor {
            what: format!("the kernel of {} {}", deb.package, deb.version),
            arch: arch.name(),
        }),
        None => Ok(None),
    }
}

/// Whether a package has a kernel in it.
pub(super) fn has_kernel(deb: &Deb) -> bool {
    images(deb).next().is_some()
}

fn missing(deb: &Deb, file: &str) -> Error {
    Error::NoFile {
        package: deb.package.clone(),
        version: deb.version.clone(),
        file: file.to_owned(),
        why: "it is not there",
    }
}

/// Paths and names of what can be a kernel.
fn images(deb: &Deb) -> impl Iterator<Item = (&String, &str)> {
    let all = deb.files.keys().filter_map(|path| Some((path, path.strip_prefix("boot/")?)));
    all.filter(|(_, name)| {
        let is_pi = name.strip_prefix("kernel").is_some_and(|rest| rest.ends_with(".img"));
        !name.contains('/') && (name.starts_with("vmlinuz-") || is_pi)
    })
}

/// The version whose modules a path is among.
fn version_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("usr/").unwrap_or(path).strip_prefix("lib/modules/")?;
    Some(rest.split_once('/')?.0)
}

/// The image and the version for a processor; no version where there are no modules at all.
fn choose(deb: &Deb, arch: Arch) -> Option<(String, String)> {
    let versions: BTreeSet<&str> = deb.files.keys().filter_map(|path| version_of(path)).collect();
    for (path, name) in images(deb) {
        let of_image = |version: &&&str| match name.strip_prefix("vmlinuz-") {
            Some(own) => **version == own || versions.len() == 1,
            None => is_flavour(name, version, arch),
        };
        if versions.is_empty() && arch.takes(&deb.architecture) {
            return Some((path.clone(), String::new()));
        }
        let fits = |version: &&&str| is_for(deb, version, arch);
        if let Some(version) = versions.iter().filter(of_image).find(fits) {
            return Some((path.clone(), (*version).to_owned()));
        }
    }
    None
}

/// Which versions belong to Raspberry Pi's images, by the ends that its builds give them: none, `-v7+`, `-v7l+`, `-v8+`,
/// and `-v8-16k+` for a Pi 5 alone.
fn is_flavour(image: &str, version: &str, arch: Arch) -> bool {
    match (arch, image) {
        (Arch::Armv6, "kernel.img") => !version.contains("v7") && !version.contains("v8"),
        (Arch::Arm64, "kernel8.img") => {
            version.contains("v8") && !version.contains("16k") && !version.contains("2712")
        }
        _ => false,
    }
}

/// Whether the modules of a version are for a processor. Where they don't tell, the package does.
fn is_for(deb: &Deb, version: &str, arch: Arch) -> bool {
    let modules = deb.files.iter().filter(|(path, _)| version_of(path) == Some(version));
    let Some(magic) = modules.into_iter().find_map(|(path, bytes)| modules::vermagic(path, bytes)) else {
        return arch.takes(&deb.architecture);
    };
    let has = |word: &str| magic.split_whitespace().any(|part| part == word);
    match arch {
        Arch::Armv6 => has("ARMv6"),
        Arch::Arm64 => has("aarch64"),
        Arch::Amd64 => !has("aarch64") && !magic.contains("ARMv"),
    }
}

/// Whether an image is a kernel for a processor (Documentation/arch/arm/booting.rst, arm64/booting.rst, x86/boot.rst). One
/// for 64 bits may be packed.
fn check(deb: &Deb, image: &str, arch: Arch) -> Result<(), Error> {
    let bytes = deb.files.get(image).map(Vec::as_slice).unwrap_or_default();
    let at = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let is_kernel = match arch {
        Arch::Armv6 => at(0x24, &0x016f_2818_u32.to_le_bytes()),
        Arch::Arm64 => at(56, b"ARM\x64") || at(0, &[0x1f, 0x8b]),
        Arch::Amd64 => at(0x202, b"HdrS"),
    };
    if is_kernel {
        return Ok(());
    }
    let what = format!("{image} of {} {}", deb.package, deb.version);
    Err(Error::OtherProcessor { what, arch: arch.name() })
}

impl Given {
    /// Reads it.
    pub(super) fn read(&self, arch: Arch) -> Result<Kernel, Error> {
        let os = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Os { path, doing: "reading", source }
        };
        let image = open_regular(&self.image).and_then(|file| read_bounded(&file, LARGEST));
        let image = image.map_err(os(&self.image))?;
        let mut files = BTreeMap::new();
        for (path, bytes) in found(&self.modules)? {
            // Debian's initramfs and others keep them elsewhere; where they lie in a kernel's package is known here.
            if let Some(path) = place(&path) {
                files.insert(path, bytes);
            }
        }
        let versions: BTreeSet<&str> = files.keys().filter_map(|path| version_of(path)).collect();
        let version = match versions.into_iter().collect::<Vec<_>>()[..] {
            [one] => one.to_owned(),
            [] => {
                return Err(Error::Given { path: self.modules.clone(), what: "no modules are there".into() });
            }
            ref many => {
                let what = format!("modules of several kernels are there: {}", many.join(", "));
                return Err(Error::Given { path: self.modules.clone(), what });
            }
        };
        if let Some(trees) = &self.trees {
            for (path, bytes) in found(trees)? {
                if let Some(path) = place(&path).filter(|path| path.starts_with(TREES)) {
                    files.insert(path, bytes);
                }
            }
        }
        let path = format!("boot/vmlinuz-{version}");
        files.insert(path.clone(), image);
        let deb = Deb {
            package: "given".to_owned(),
            version: version.clone(),
            architecture: arch.debian().to_owned(),
            files,
            links: BTreeMap::new(),
            directories: BTreeSet::new(),
        };
        if !is_for(&deb, &version, arch) {
            let what = format!("{} ({version})", self.modules.display());
            return Err(Error::OtherProcessor { what, arch: arch.name() });
        }
        check(&deb, &path, arch)?;
        Ok(Kernel { deb, image: path, version })
    }
}

/// Where a file would lie in a kernel's package: a module, a list of modules, or a device tree.
fn place(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    if path.ends_with(".dtb") {
        return Some(format!("{TREES}/{name}"));
    }
    let below = match path.find("lib/modules/") {
        Some(at) => &path[at + "lib/modules/".len()..],
        None => {
            let end = path.find("/kernel/").or_else(|| path.find("/modules.builtin"))?;
            &path[path[..end].rfind('/').map_or(0, |at| at + 1)..]
        }
    };
    let path = format!("lib/modules/{below}");
    super::select::concerns(&path).then_some(path)
}

/// What of a directory or an archive can be needed, by its path. A directory's own name stands in front.
fn found(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let os = |source: io::Error| Error::Os { path: path.to_owned(), doing: "reading", source };
    if !path.is_dir() {
        return Ok(deb::archive(path, |path| place(path).is_some())?);
    }
    let whole = std::fs::canonicalize(path).map_err(os)?;
    let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut open = vec![(Dir::open(&whole).map_err(|error| os(error.into()))?, name, 0)];
    let mut files = BTreeMap::new();
    while let Some((dir, place_of_dir, depth)) = open.pop() {
        let mut names = dir.names().map_err(|error| os(error.into()))?;
        names.sort();
        for name in names {
            let path = format!("{place_of_dir}/{}", name.to_string_lossy());
            match dir.kind(&name) {
                // Links lead to where the kernel was built.
                Some(rustix::fs::FileType::Directory) if depth < DEEPEST => {
                    open.push((dir.dir(&name).map_err(|error| os(error.into()))?, path, depth + 1));
                }
                Some(rustix::fs::FileType::RegularFile) if place(&path).is_some() => {
                    files.insert(path, dir.read(&name, LARGEST_FILE).map_err(os)?);
                }
                _ => {}
            }
            if files.len() > MOST_FILES || open.len() > MOST_FILES {
                let what = format!("it has more than {MOST_FILES} files");
                return Err(Error::Given { path: whole, what });
            }
        }
    }
    Ok(files)
}
