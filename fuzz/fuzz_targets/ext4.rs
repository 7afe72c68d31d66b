//! File systems of any bytes: every name, attribute, link and piece of contents of theirs, as far as a person waits.
#![no_main]

use std::collections::BTreeSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use piprov::beneath::is_name;
use piprov::image::ext4::{Contents, Ext4, FileKind, Inode, ROOT};

/// A directory may lead round in a circle; a copy finds out by the numbers that it has seen.
const MOST: usize = 2000;

fuzz_target!(|bytes: &[u8]| {
    let len = bytes.len() as u64;
    let Ok(fs) = Ext4::open(Arc::new(bytes.to_vec()), 0, len) else { return };
    let _ = (fs.uuid(), fs.label().len(), fs.used());
    let mut left = vec![ROOT];
    let mut seen = BTreeSet::new();
    while let Some(number) = left.pop() {
        if seen.len() >= MOST || !seen.insert(number) {
            continue;
        }
        let Ok(inode) = fs.inode(number) else { continue };
        assert!(inode.number == number && inode.mode <= 0o7777 && inode.modified.nanos < 1_000_000_000);
        let _ = fs.attributes(&inode);
        match inode.kind {
            FileKind::Directory => {
                let Ok(entries) = fs.list(&inode) else { continue };
                for pair in entries.windows(2) {
                    assert!(pair[0].name < pair[1].name, "each name once, in order");
                }
                for entry in entries {
                    assert!(is_name(&entry.name) && !entry.name.iter().any(u8::is_ascii_control));
                    left.push(entry.inode);
                }
            }
            FileKind::Symlink => {
                let target = fs.target(&inode);
                assert!(target.is_err() || target.is_ok_and(|target| !target.is_empty()));
            }
            FileKind::File => contents(&fs, &inode),
            _ => {}
        }
    }
});

/// What a copy relies on: pieces in order, apart from each other, within the file.
fn contents(fs: &Ext4, inode: &Inode) {
    match fs.contents(inode) {
        Ok(Contents::Inline(bytes)) => assert_eq!(bytes.len() as u64, inode.size),
        Ok(Contents::Runs(runs)) => {
            let mut end = 0;
            for run in runs {
                assert!(run.len > 0 && run.to >= end, "inode {}: {run:?} behind {end}", inode.number);
                end = run.to.checked_add(run.len).expect("an end");
                assert!(end <= inode.size, "inode {}: {run:?} of {}", inode.number, inode.size);
            }
        }
        Err(_) => {}
    }
}
