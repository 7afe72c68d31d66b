//! The initramfs: an archive in the kernel's format (newc, Documentation/driver-api/early-userspace/
//! buffer-format.rst), compressed with gzip. The same contents give the same bytes.

use std::io::{self, Write};

use cpio::newc::{Builder, trailer};

/// An archive that is being written.
pub struct Initramfs {
    bytes: Vec<u8>,
    time: u32,
    count: u32,
}

impl Initramfs {
    /// An archive whose entries are of this time, in seconds since 1970.
    pub fn new(time: u32) -> Self {
        Self { bytes: Vec::new(), time, count: 0 }
    }

    /// Adds a directory. Those above it must be there already.
    pub fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, 0o040_755, 2, &[])
    }

    /// Adds a file.
    pub fn file(&mut self, name: &str, program: bool, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, if program { 0o100_755 } else { 0o100_644 }, 1, bytes)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.entry(name, 0o120_777, 1, target.as_bytes())
    }

    fn entry(&mut self, name: &str, mode: u32, links: u32, bytes: &[u8]) -> io::Result<()> {
        self.count += 1;
        let size = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let entry = Builder::new(name).ino(self.count).mode(mode).uid(0).gid(0).nlink(links).mtime(self.time);
        let mut writer = entry.write(&mut self.bytes, size);
        writer.write_all(bytes)?;
        writer.finish()?;
        Ok(())
    }

    /// The archive, compressed.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        trailer(&mut self.bytes)?;
        gzip(&self.bytes)
    }
}

/// Compresses without a name or a time.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn sample(time: u32) -> Vec<u8> {
        let mut archive = Initramfs::new(time);
        archive.directory("bin").unwrap();
        archive.file("bin/busybox", true, b"program").unwrap();
        archive.link("bin/sh", "busybox").unwrap();
        archive.file("init", true, b"#!/bin/sh\n").unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn the_same_gives_the_same_and_another_time_another() {
        assert_eq!(sample(7), sample(7));
        assert_ne!(sample(7), sample(8));
    }

    #[test]
    fn what_is_written_is_read_by_the_crate_and_by_the_kernels_rules() {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&sample(7)[..]).read_to_end(&mut plain).unwrap();
        assert!(plain.starts_with(b"070701"));
        let mut rest = &plain[..];
        let mut seen = Vec::new();
        loop {
            let mut reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            assert_eq!(reader.entry().mtime(), 7);
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            seen.push((name, mode, bytes.len()));
            rest = reader.finish().unwrap();
        }
        let want = [
            ("bin", 0o040_755, 0),
            ("bin/busybox", 0o100_755, 7),
            ("bin/sh", 0o120_777, 7),
            ("init", 0o100_755, 10),
        ];
        assert_eq!(seen, want.map(|(name, mode, size)| (name.to_owned(), mode, size)));
    }
}
