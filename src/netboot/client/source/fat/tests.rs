use super::*;
use crate::image::table::Entry;
use crate::samples::fat as fat12;
use std::collections::HashSet;

/// A FAT partition with what a script puts into it.
fn made(script: &str) -> FatSource {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("truncate -s 64M v; mformat -i v -T 131072 -h 64 -s 32 ::; {script}");
    let output = std::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "apt-get install mtools? {output:?}");
    open(std::fs::read(dir.path().join("v")).unwrap())
}

fn open(bytes: Vec<u8>) -> FatSource {
    let entry = Entry::Mbr { kind: 0x0c, bootable: false };
    let partition = Partition { number: 1, start: 0, len: bytes.len() as u64, entry };
    FatSource::open(Arc::new(bytes), None, &partition, Path::new("x.img")).unwrap()
}

fn walk(source: &FatSource) -> Vec<(String, Node)> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), source.root().unwrap())];
    while let Some((path, node)) = left.pop() {
        if node.kind == FileKind::Directory {
            let inner = source.list(&node).unwrap();
            left.extend(
                inner.into_iter().map(|(name, node)| (format!("{path}/{}", name.to_string_lossy()), node)),
            );
        }
        found.push((path, node));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn every_item_of_a_card_that_was_in_a_mac_has_its_own_number() {
    let source = made(
        "echo x > f; mmd -i v ::.fseventsd ::.Spotlight-V100 ::.Spotlight-V100/Store-V2 ::overlays; \
         mcopy -i v f ::.fseventsd/fseventsd-uuid; mcopy -i v f ::._.Trashes; mcopy -i v f ::cmdline.txt; \
         mcopy -i v f ::overlays/a.dtbo; : > e; mcopy -i v e ::.fseventsd/no_log; mcopy -i v e ::.metadata_never_index",
    );
    let all = walk(&source);
    assert_eq!(all.len(), 11);
    let numbers: HashSet<_> = all.iter().map(|(_, node)| node.id).collect();
    assert_eq!(numbers.len(), all.len(), "{all:?}");
    let find = |name: &str| source.child(&source.root().unwrap(), OsStr::new(name)).unwrap();
    assert_eq!(find("CMDLINE.TXT").map(|node| node.size), Some(2));
    assert!(find("none").is_none());
    let contents = source.contents(&find("cmdline.txt").unwrap()).unwrap();
    let mut bytes = [0; 2];
    contents.from.read(&mut bytes, contents.runs[0].from).unwrap();
    assert_eq!(bytes, *b"x\n");
}

#[test]
fn a_directory_of_30000_names_takes_no_longer_for_each_than_a_small_one() {
    let mut disk = fat12::Fat12::new(1990);
    let name = |n: u32| <[u8; 11]>::try_from(format!("N{n:07}TXT").as_bytes()).unwrap();
    let entries: Vec<_> = (0..30_000).map(|n| fat12::short(&name(n), fat12::FILE, 0, 0)).collect();
    let dir = disk.directory(0, &entries);
    disk.root(&[fat12::long("many", 1, fat12::DIRECTORY, dir, 0)]);
    let begun = std::time::Instant::now();
    let source = open(disk.bytes);
    let all = walk(&source);
    for (_, node) in &all {
        if node.kind == FileKind::File {
            assert!(source.contents(node).unwrap().runs.is_empty());
        }
    }
    assert_eq!(all.len(), 30_002);
    // Each name once through all others took minutes in such a build; it is a fraction of a second now.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}
