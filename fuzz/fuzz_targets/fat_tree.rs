//! FAT trees of any bytes: a small sound file system, and the input's changes to it, are walked completely. What comes
//! out has an end, has names that files can have, and each byte of the partition belongs to one file.
#![no_main]

#[path = "../../tests/support/fat.rs"]
mod fat;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use fat::{DIRECTORY, FILE, Fat12, long, short};
use libfuzzer_sys::fuzz_target;
use piprov::beneath::is_name;
use piprov::image::files::{fat_file, fat_files_under, fat_runs, fat_tree};
use piprov::image::read_at::ReadAt;
use piprov::image::table::{Entry, Partition};

/// A file system with some of everything.
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut disk = Fat12::new(64);
    let file = disk.put(&[7; 1500]);
    let inner = disk.put(b"inner");
    let deep = disk.directory(2, &[short(b"INNER   TXT", FILE, inner, 5)]);
    let dir = disk.directory(0, &[long("deeper and deeper", 1, DIRECTORY, deep, 0)]);
    disk.root(&[
        short(b"BOOTFS     ", 8, 0, 0),
        long(".fseventsd", 1, DIRECTORY, dir, 0),
        long("kernel8.img", 2, FILE, file, 1500),
        long("cmdline.txt", 3, FILE, 0, 0),
    ]);
    disk.bytes
});

fuzz_target!(|bytes: &[u8]| {
    let disk = match bytes.split_first() {
        // The bytes alone.
        Some((0, rest)) => rest.to_vec(),
        // Changes: a place of 16 bits, and what comes there instead.
        Some((_, rest)) => {
            let mut disk = SOUND.clone();
            for change in rest.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % disk.len();
                disk[at] = change[2];
            }
            disk
        }
        None => return,
    };
    let len = disk.len() as u64;
    let partition = Partition { number: 1, start: 0, len, entry: Entry::Mbr { kind: 0x0c, bootable: false } };
    let image: Arc<dyn ReadAt> = Arc::new(disk);
    let one = std::slice::from_ref(&partition);
    let _ = fat_file(&image, one, "cmdline.txt");
    let _ = fat_files_under(&image, one, "", |_| true);
    let Ok(items) = fat_tree(&image, &partition) else { return };
    // Each takes at least 32 bytes of a directory.
    assert!(items.len() as u64 <= len / 32);
    let mut paths = BTreeSet::new();
    let mut taken = vec![false; len as usize];
    for item in items {
        for part in item.path.split('/') {
            assert!(is_name(part.as_bytes()) && !part.contains(char::is_control), "{part:?}");
        }
        if let Some((above, _)) = item.path.rsplit_once('/') {
            assert!(paths.contains(&above.to_lowercase()), "{above:?} comes before what is in it");
        }
        assert!(paths.insert(item.path.to_lowercase()), "{:?} is there twice", item.path);
        let runs = fat_runs(&image, &partition, &item).expect("a chain that was followed before");
        let mut to = 0;
        for run in runs {
            assert_eq!(run.to, to);
            to += run.len;
            for byte in &mut taken[run.from as usize..(run.from + run.len) as usize] {
                assert!(!std::mem::replace(byte, true), "a byte of two files, {:?} one of them", item.path);
            }
        }
        assert_eq!(to, item.len);
    }
});
