//! Looks into an initramfs: archives of the kernel's format (newc), one behind the other, the last of them mostly
//! compressed (Linux' Documentation/driver-api/early-userspace/buffer-format.rst).

use std::io::{self, BufReader, Read};

/// No initramfs has more bytes unpacked; damage or malice may.
const LONGEST: u64 = 2 << 30;
const HEADER: usize = 110;

/// What was looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inside {
    /// klibc's program that mounts the root.
    pub(super) nfsmount: bool,
    /// The kernel's NFS client, as a module.
    pub(super) nfs_module: bool,
    /// The kernels whose modules are in it.
    pub(super) versions: Vec<String>,
}

impl Inside {
    fn add(&mut self, name: &str) {
        let name = name.trim_start_matches("./").trim_start_matches('/');
        if name.ends_with("bin/nfsmount") || name.ends_with("sbin/mount.nfs") {
            self.nfsmount = true;
        }
        let modules = name.strip_prefix("usr/").unwrap_or(name).strip_prefix("lib/modules/");
        let Some((version, rest)) = modules.and_then(|modules| modules.split_once('/')) else { return };
        if !self.versions.iter().any(|known| known == version) {
            self.versions.push(version.to_owned());
        }
        // .ko, .ko.xz, .ko.zst, .ko.gz
        if rest.rsplit('/').next().is_some_and(|file| file.starts_with("nfs.ko")) {
            self.nfs_module = true;
        }
    }
}

/// Lists what is in it.
///
/// # Errors
/// A phrase, for what is no initramfs or is packed in a way that isn't known here.
pub(super) fn inspect(bytes: &[u8]) -> Result<Inside, String> {
    let mut inside = Inside::default();
    let mut rest = bytes;
    loop {
        // Zeros may fill the room between two archives.
        let zeros = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
        rest = &rest[zeros..];
        if rest.is_empty() {
            return Ok(inside);
        }
        if rest.starts_with(b"07070") {
            let mut counted = rest;
            archive(&mut counted, &mut inside)?;
            rest = counted;
            continue;
        }
        // What is compressed goes to the end; inside there may be several archives again.
        let mut unpacked = BufReader::new(unpacker(rest)?.take(LONGEST));
        while skip_zeros(&mut unpacked).map_err(|error| error.to_string())? {
            archive(&mut unpacked, &mut inside)?;
        }
        return Ok(inside);
    }
}

fn unpacker(bytes: &[u8]) -> Result<Box<dyn Read + '_>, String> {
    Ok(match bytes {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::GzDecoder::new(bytes)),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Box::new(liblzma::read::XzDecoder::new(bytes)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::stream::read::Decoder::new(bytes).map_err(|error| error.to_string())?)
        }
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::BzDecoder::new(bytes)),
        [0x02, 0x21, 0x4c, 0x18, ..] => return Err("it is packed with lz4".to_owned()),
        [0x5d, 0, ..] => return Err("it is packed with lzma".to_owned()),
        _ => return Err("it is no archive that is known here".to_owned()),
    })
}

/// Skips to the next byte that isn't zero; `None` at the end.
fn skip_zeros(from: &mut impl io::BufRead) -> io::Result<bool> {
    loop {
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let zeros = buffer.iter().position(|byte| *byte != 0);
        let count = zeros.unwrap_or(buffer.len());
        from.consume(count);
        if zeros.is_some() {
            return Ok(true);
        }
    }
}

/// Reads one archive up to its trailer.
fn archive(from: &mut impl Read, inside: &mut Inside) -> Result<(), String> {
    let mut header = [0; HEADER];
    loop {
        read(from, &mut header)?;
        if !matches!(&header[..6], b"070701" | b"070702") {
            return Err("its archive has a damaged header".to_owned());
        }
        let field = |n: usize| {
            let digits = std::str::from_utf8(&header[6 + n * 8..14 + n * 8]).ok();
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok())
        };
        let (Some(len), Some(name_len)) = (field(6), field(11)) else {
            return Err("its archive has a damaged header".to_owned());
        };
        if name_len > 4096 {
            return Err("its archive has a damaged header".to_owned());
        }
        // Header and name together, and contents, fill up to whole words.
        let padded = (HEADER + name_len as usize).next_multiple_of(4) - HEADER;
        let mut name = vec![0; padded];
        read(from, &mut name)?;
        let name = String::from_utf8_lossy(&name[..(name_len as usize).saturating_sub(1)]).into_owned();
        let skip = u64::from(len).next_multiple_of(4);
        let skipped =
            io::copy(&mut from.by_ref().take(skip), &mut io::sink()).map_err(|error| error.to_string())?;
        if skipped < u64::from(len) {
            return Err("it ends too early".to_owned());
        }
        if name == "TRAILER!!!" {
            return Ok(());
        }
        inside.add(&name);
    }
}

fn read(from: &mut impl Read, buf: &mut [u8]) -> Result<(), String> {
    from.read_exact(buf).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => error.to_string(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    /// An archive with empty files of these names.
    pub(in super::super) fn archive(names: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in names {
            let builder = ::cpio::newc::Builder::new(name).mode(0o100_644);
            let mut writer = builder.write(&mut bytes, 5);
            writer.write_all(b"12345").unwrap();
            writer.finish().unwrap();
        }
        ::cpio::newc::trailer(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn archives_one_behind_the_other_in_every_packing() {
        let early = archive(&["kernel/x86/microcode/x.bin"]);
        let main = archive(&["bin/nfsmount", "usr/lib/modules/6.1/kernel/fs/nfs/nfs.ko.zst"]);
        let more = archive(&["lib/modules/6.2/modules.dep"]);
        let wanted = Inside { nfsmount: true, nfs_module: true, versions: vec!["6.1".into(), "6.2".into()] };
        let both = [main.clone(), vec![0; 512], more].concat();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&both).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(&both).unwrap();
        let packed = [
            both.clone(),
            gz.finish().unwrap(),
            xz.finish().unwrap(),
            zstd::encode_all(&both[..], 1).unwrap(),
        ];
        for packed in packed {
            assert_eq!(inspect(&packed).as_ref(), Ok(&wanted));
            assert_eq!(inspect(&[early.clone(), vec![0; 100], packed].concat()).as_ref(), Ok(&wanted));
        }
    }

    #[test]
    fn damage_is_told() {
        let whole = archive(&["bin/nfsmount"]);
        for len in [1, 50, 111, 124, 150] {
            assert!(inspect(&whole[..len]).is_err(), "{len}");
        }
        assert_eq!(inspect(&[]), Ok(Inside::default()));
        assert!(inspect(b"\x02\x21\x4c\x18xxxx").unwrap_err().contains("lz4"));
        assert!(inspect(b"hello").is_err());
        let mut bad = whole;
        bad[60] = b'z';
        assert!(inspect(&bad).is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, place in 0usize..400, byte: u8) {
            let _ = inspect(&bytes);
            let mut bytes = archive(&["bin/nfsmount", "lib/modules/6/x"]);
            let len = bytes.len();
            bytes[place % len] = byte;
            let _ = inspect(&bytes);
        }
    }
}
