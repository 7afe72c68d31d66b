//! An initramfs: files in the kernel's "newc" archive (Linux' Documentation/driver-api/early-userspace).

use std::io::Write;

/// Packs files, all of them executable, with the directories given, into a compressed archive.
pub(crate) fn initramfs(directories: &[&str], files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for name in directories {
        put(&mut archive, name, 0o040_755, &[]);
    }
    for (name, content) in files {
        put(&mut archive, name, 0o100_755, content);
    }
    put(&mut archive, "TRAILER!!!", 0, &[]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&archive).unwrap();
    packed.finish().unwrap()
}

fn put(archive: &mut Vec<u8>, name: &str, mode: usize, content: &[u8]) {
    archive.extend(b"070701");
    let inode = archive.len();
    // Inode, mode, user, group, links, time, length, four device numbers, length of the name, no checksum.
    let fields = [inode, mode, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
    for field in fields {
        archive.extend(format!("{field:08x}").bytes());
    }
    archive.extend(name.bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}
