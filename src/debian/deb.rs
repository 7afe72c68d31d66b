//! Files out of a Debian package: an ar archive with two compressed tar archives in it (deb(5)).
//! Read here, so that packages can be taken apart where there is no dpkg.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind, Remedy};

/// Longest file that is taken out of a package; firmware is smaller.
const LONGEST: u64 = 64 << 20;
/// What is kept of one archive, in bytes: much more than a kernel's package has.
const MOST: u64 = 1 << 30;

/// A decompressor of xz has so much memory at most. What is packed at the highest level takes 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// Bounds of what a package may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The longest file that is kept, in bytes.
    pub file: u64,
    /// Bytes of all files that are kept.
    pub kept: u64,
    /// Bytes of an archive when it is unpacked, those of files that nobody wants among them.
    pub unpacked: u64,
}

impl Default for Bounds {
    /// For packages that the host's own user names.
    fn default() -> Self {
        Self { file: LONGEST, kept: MOST, unpacked: u64::MAX }
    }
}

/// A package with the files that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deb {
    /// Name of the package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture, `all` for those without.
    pub architecture: String,
    /// Files by path, without `./` or `/` in front. A hard link is a file of its own.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Where symbolic links point to, by path.
    pub links: BTreeMap<String, String>,
    /// Directories.
    pub directories: BTreeSet<String>,
}

/// What a tar archive has.
#[derive(Default)]
struct Contents {
    files: BTreeMap<String, Vec<u8>>,
    links: BTreeMap<String, String>,
    directories: BTreeSet<String>,
}

/// Why a package can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct Error {
    /// The package's file.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// What the operating system said, where it did.
    #[source]
    pub source: Option<io::Error>,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        self.source.as_ref().map_or(Kind::BadData, Kind::of_io)
    }

    fn hint(&self) -> Option<Remedy> {
        let text = match &self.source {
            None => "a Debian package of format 2 is needed, named *.deb; fetch it again",
            Some(error) if error.kind() == io::ErrorKind::NotFound => "is the path right?",
            Some(_) => return None,
        };
        Some(text.into())
    }
}

impl Deb {
    /// Reads a package; of its files, links and directories those whose path `wanted` likes. Links are not followed.
    ///
    /// # Errors
    /// When the file can't be read, or is no package of format 2.
    pub fn read(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let fail = |error| Error { path: path.to_owned(), what: "opening".to_owned(), source: Some(error) };
        let file = File::open(path).map_err(fail)?;
        Self::read_from(io::BufReader::new(file), path, Bounds::default(), |path, _| wanted(path))
    }

    /// The same of what comes, within bounds. `path` is what messages call it; `wanted` is asked with a path and a length in
    /// bytes.
    ///
    /// # Errors
    /// As [`Deb::read`]; and where it has more than the bounds allow.
    pub fn read_from(
        mut file: impl Read,
        path: &Path,
        bounds: Bounds,
        wanted: impl Fn(&str, u64) -> bool,
    ) -> Result<Self, Error> {
        let fail = |what: String, source| Error { path: path.to_owned(), what, source };
        let damaged = |error: io::Error| fail(format!("the package is damaged: {error}"), None);
        let mut magic = [0; MAGIC.len()];
        if file.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return Err(fail("this is no Debian package".to_owned(), None));
        }
        let mut format = String::new();
        let mut control = None;
        let mut files = None;
        while let Some((name, len)) = next_member(&mut file).map_err(damaged)? {
            let mut rest = (&mut file).take(len);
            let mut member = &mut rest;
            match name.as_str() {
                "debian-binary" => {
                    (&mut member).take(16).read_to_string(&mut format).map_err(damaged)?;
                    if !format.starts_with("2.") {
                        let what = format!("it has package format {}, not 2", format.trim_end());
                        return Err(fail(what, None));
                    }
                }
                // What comes twice is taken once: a package with thousands of archives isn't unpacked without end.
                _ if name.starts_with("control.tar") && !format.is_empty() && control.is_none() => {
                    let found =
                        unpack(member, &name, bounds, |path, _| path == "control").map_err(damaged)?;
                    control =
                        found.files.get("control").map(|text| String::from_utf8_lossy(text).into_owned());
                }
                _ if name.starts_with("data.tar") && !format.is_empty() && files.is_none() => {
                    files = Some(unpack(member, &name, bounds, &wanted).map_err(damaged)?);
                }
                _ => {}
            }
            // Members begin at even places.
            io::copy(&mut rest, &mut io::sink()).map_err(damaged)?;
            io::copy(&mut (&mut file).take(len % 2), &mut io::sink()).map_err(damaged)?;
        }
        let (Some(control), Some(contents)) = (control, files) else {
            return Err(fail(
                "this is no Debian package: control.tar or data.tar is missing".to_owned(),
                None,
            ));
        };
        let field = |name: &str| {
            let value = control.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            });
            value.ok_or_else(|| fail(format!("its control file has no {name}"), None))
        };
        Ok(Self {
            package: field("Package")?,
            version: field("Version")?,
            architecture: field("Architecture")?,
            files: contents.files,
            links: contents.links,
            directories: contents.directories,
        })
    }
}

/// The files of a tar archive, packed by gzip, xz or zstd or not at all, whose path `wanted` likes.
///
/// # Errors
/// When it can't be read, or is no such archive.
pub fn archive(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let fail = |what: String, source| Error { path: path.to_owned(), what, source };
    let file = crate::beneath::open_regular(path).map_err(|error| fail("opening".to_owned(), Some(error)))?;
    let mut file = io::BufReader::new(file);
    let damaged =
        |error: io::Error| fail(format!("the archive is damaged, or no tar archive: {error}"), None);
    // Its name may be anything: what it is packed by stands in its first bytes.
    let start = io::BufRead::fill_buf(&mut file).map_err(damaged)?;
    let name = match start {
        [0x1f, 0x8b, ..] => "x.tar.gz",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "x.tar.xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "x.tar.zst",
        _ => "x.tar",
    };
    Ok(unpack(file, name, Bounds::default(), |path, _| wanted(path)).map_err(damaged)?.files)
}

/// What an ar archive begins with (deb(5)).
pub(super) const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Name and length of the next member of an ar archive: 60 bytes, the name in the first 16, the length in
/// decimal digits at 48, and at the end a mark. Long names, which other archives have, stand in no package.
fn next_member(file: &mut impl Read) -> io::Result<Option<(String, u64)>> {
    let mut header = [0; 60];
    // A package may end with a byte of padding.
    if file.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    file.read_exact(&mut header[1..])?;
    let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&header[range]).trim_end().to_owned();
    let len = text(48..58).parse().ok().filter(|_| header[58..] == *b"`\n");
    let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a member has no length"))?;
    Ok(Some((text(0..16).trim_end_matches('/').to_owned(), len)))
}

/// Reads so many bytes, and fails where there are more.
struct Within<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Within<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        // One more than there may be, so that it is seen.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX).min(to.len());
        let got = self.inner.read(&mut to[..most])?;
        self.left = self.left.checked_sub(got as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it becomes longer than may be when it is unpacked")
        })?;
        Ok(got)
    }
}

/// What is wanted of a compressed tar archive.
fn unpack(
    member: impl Read,
    name: &str,
    bounds: Bounds,
    wanted: impl Fn(&str, u64) -> bool,
) -> io::Result<Contents> {
    let mut kept = 0;
    let mut keep = |bytes: u64| {
        kept += bytes;
        let most = bounds.kept;
        let error =
            || io::Error::new(io::ErrorKind::InvalidData, format!("more than {most} bytes are wanted of it"));
        if kept > most { Err(error()) } else { Ok(()) }
    };
    let plain: Box<dyn Read + '_> = match name.rsplit_once(".tar").map_or("", |(_, ending)| ending) {
        "" => Box::new(member),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(member)),
        ".xz" => {
            let several = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, several);
            Box::new(liblzma::read::XzDecoder::new_stream(member, stream.map_err(io::Error::other)?))
        }
        ".zst" => Box::new(zstd::Decoder::new(member)?),
        other => {
            let what = format!("{name} is compressed in a way that is not known here ({other})");
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
    };
    let mut plain = Within { inner: plain, left: bounds.unpacked };
    let mut found = Contents::default();
    let plain_path = |bytes: &[u8]| {
        let path = String::from_utf8_lossy(bytes).into_owned();
        path.trim_start_matches("./").trim_matches('/').to_owned()
    };
    for entry in tar::Archive::new(&mut plain).entries()? {
        let entry = entry?;
        let path = plain_path(&entry.path_bytes());
        // Nothing of a package stands above its root.
        if path.is_empty() || path.split('/').any(|part| part == "..") || !wanted(&path, entry.size()) {
            continue;
        }
        let kind = entry.header().entry_type();
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        if kind.is_file() {
            if entry.size() > bounds.file {
                let what = format!("{path} has {} bytes", entry.size());
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            keep(entry.size())?;
            let mut bytes = Vec::new();
            entry.take(bounds.file).read_to_end(&mut bytes)?;
            found.files.insert(path, bytes);
        } else if kind.is_symlink() {
            found.links.insert(path, String::from_utf8_lossy(&target).into_owned());
        } else if kind.is_hard_link() {
            // It comes after what it is another name of.
            if let Some(bytes) = found.files.get(&plain_path(&target)) {
                keep(bytes.len() as u64)?;
                let bytes = bytes.clone();
                found.files.insert(path, bytes);
            }
        } else if kind.is_dir() {
            found.directories.insert(path);
        }
    }
    // The decompressor's checksums come last.
    io::copy(&mut plain, &mut io::sink())?;
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::process::Command;

    /// Builds a package with Debian's own tool.
    pub(crate) fn package(dir: &Path, compression: &str, control: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let tree = dir.join("tree");
        let _ = std::fs::remove_dir_all(&tree);
        std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
        for (path, contents) in files {
            let path = tree.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        let name = control.lines().next().unwrap().replace("Package: ", "");
        let deb = dir.join(format!("{name}-{compression}.deb"));
        let output = Command::new("dpkg-deb")
            .args(["--root-owner-group", &format!("-Z{compression}"), "-b"])
            .args([&tree, &deb])
            .output()
            .expect("dpkg-deb is missing: apt-get install dpkg");
        assert!(output.status.success(), "{output:?}");
        deb
    }

    const CONTROL: &str = "Package: some\nVersion: 1:2.3-4\nArchitecture: arm64\nMaintainer: x <x@example.org>\n\
                           Description: d\n";

    #[test]
    fn packages_of_every_compression_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let big: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        for compression in ["gzip", "xz", "zstd", "none"] {
            let files = [("usr/lib/a", &big[..]), ("usr/lib/b", b"no"), ("etc/c", b"")];
            let deb = package(dir.path(), compression, CONTROL, &files);
            let read = Deb::read(&deb, |path| path != "usr/lib/b").unwrap();
            assert_eq!((read.package.as_str(), read.version.as_str()), ("some", "1:2.3-4"));
            assert_eq!(read.architecture, "arm64");
            assert_eq!(read.files.keys().collect::<Vec<_>>(), ["etc/c", "usr/lib/a"]);
            assert!(read.files["usr/lib/a"] == big, "{compression}");
        }
    }

    #[test]
    fn an_archive_that_would_fill_the_memory_is_refused() {
        let mut tar = tar::Builder::new(Vec::new());
        for name in ["a", "b"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(1000);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &[7; 1000][..]).unwrap();
        }
        let bytes = tar.into_inner().unwrap();
        let within = |bounds| unpack(&bytes[..], "data.tar", bounds, |_, _| true);
        let of = |kept| Bounds { kept, ..Bounds::default() };
        assert_eq!(within(of(2000)).unwrap().files.len(), 2);
        let Err(error) = within(of(1999)) else { panic!("it was unpacked") };
        assert_eq!(error.to_string(), "more than 1999 bytes are wanted of it");
        let Err(error) = within(Bounds { file: 999, ..Bounds::default() }) else { panic!("it was unpacked") };
        assert!(error.to_string().contains("has 1000 bytes"), "{error}");
        // What nobody wants counts too when it is unpacked.
        let none =
            |unpacked| unpack(&bytes[..], "data.tar", Bounds { unpacked, ..Bounds::default() }, |_, _| false);
        assert!(none(bytes.len() as u64).is_ok());
        let Err(error) = none(bytes.len() as u64 - 1) else { panic!("it was unpacked") };
        assert!(error.to_string().contains("longer than may be"), "{error}");
        assert_eq!(
            unpack(&bytes[..], "data.tar", Bounds::default(), |_, len| len > 1000).unwrap().files.len(),
            0
        );
    }

    #[test]
    fn links_and_directories_come_along_and_nothing_stands_above_the_root() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind, target: Option<&str>, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            // As it is: the crate's own calls refuse such names.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_size(bytes.len() as u64);
            if let Some(target) = target {
                header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
            }
            header.set_cksum();
            tar.append(&header, bytes).unwrap();
        };
        add("./usr/", tar::EntryType::Directory, None, b"");
        add("./usr/lib/empty/", tar::EntryType::Directory, None, b"");
        add("./usr/a", tar::EntryType::Regular, None, b"bytes");
        add("./usr/b", tar::EntryType::Link, Some("./usr/a"), b"");
        add("./lib64/ld.so", tar::EntryType::Symlink, Some("/usr/a"), b"");
        add("./../up", tar::EntryType::Regular, None, b"no");
        let bytes = tar.into_inner().unwrap();
        let found = unpack(&bytes[..], "data.tar", Bounds::default(), |path, _| path != "usr").unwrap();
        assert_eq!(found.files.keys().collect::<Vec<_>>(), ["usr/a", "usr/b"]);
        assert_eq!(found.files["usr/b"], b"bytes");
        assert_eq!(found.links["lib64/ld.so"], "/usr/a");
        assert_eq!(found.directories.iter().collect::<Vec<_>>(), ["usr/lib/empty"]);
    }

    #[test]
    fn what_is_no_package_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.deb");
        let good = std::fs::read(package(dir.path(), "xz", CONTROL, &[("a", b"b")])).unwrap();
        let mut format_three = good.clone();
        let at = format_three.windows(4).position(|w| w == b"2.0\n").unwrap();
        format_three[at] = b'3';
        let cases: [(&[u8], &str); 5] = [
            (b"", "no Debian package"),
            (b"hello", "no Debian package"),
            (b"!<arch>\n", "no Debian package"),
            (&good[..good.len() - 40], "damaged"),
            (&format_three, "format 3.0"),
        ];
        for (bytes, want) in cases {
            std::fs::write(&path, bytes).unwrap();
            let error = Deb::read(&path, |_| true).unwrap_err();
            assert!(error.to_string().contains(want), "{want}: {error}");
            assert_eq!(error.kind(), Kind::BadData);
        }
        assert_eq!(Deb::read(&dir.path().join("none"), |_| true).unwrap_err().kind(), Kind::NoInput);
    }
}
