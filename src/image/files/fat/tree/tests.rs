use std::io;
use std::sync::Arc;

use super::{FatItem, fat_runs, fat_tree};
use crate::image::read_at::ReadAt;
use crate::image::table::{Entry, Partition};
use crate::samples::fat::{DIRECTORY, FILE, Fat12, long, short};

fn tree(disk: &Fat12) -> io::Result<Vec<FatItem>> {
    let (image, partition) = open(disk);
    fat_tree(&image, &partition)
}

/// The file system behind a block of something else.
fn open(disk: &Fat12) -> (Arc<dyn ReadAt>, Partition) {
    let entry = Entry::Mbr { kind: 0x0c, bootable: false };
    let partition = Partition { number: 1, start: 512, len: disk.bytes.len() as u64, entry };
    (Arc::new([&[9; 512][..], &disk.bytes].concat()), partition)
}

#[track_caller]
fn told(disk: &Fat12, parts: &[&str]) {
    let error = tree(disk).unwrap_err().to_string();
    for part in ["the FAT file system on partition 1 is damaged"].iter().chain(parts) {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn all_is_listed_and_read_where_it_lies() {
    let mut disk = Fat12::new(100);
    let contents: Vec<u8> = (0..1300u32).map(|n| (n / 3) as u8).collect();
    let file = disk.put(&contents);
    let inner = disk.put(b"inner");
    let dir = disk.directory(0, &[long("inner", 1, FILE, inner, 5)]);
    disk.root(&[
        long(".fseventsd", 1, DIRECTORY, dir, 0),
        long("kernel.img", 2, FILE, file, 1300),
        short(b"EMPTY      ", FILE, 0, 0),
    ]);
    let (image, partition) = open(&disk);
    let items = fat_tree(&image, &partition).unwrap();
    let paths: Vec<_> = items.iter().map(|item| (&item.path[..], item.is_directory, item.len)).collect();
    let wanted = [
        (".fseventsd", true, 0),
        ("kernel.img", false, 1300),
        ("EMPTY", false, 0),
        (".fseventsd/inner", false, 5),
    ];
    assert_eq!(paths, wanted);
    let read = |item: &FatItem| {
        let mut bytes = Vec::new();
        for run in fat_runs(&image, &partition, item).unwrap() {
            assert_eq!(run.to, bytes.len() as u64);
            bytes.resize(bytes.len() + run.len as usize, 0);
            image.read_exact_at(&mut bytes[run.to as usize..], run.from).unwrap();
        }
        bytes
    };
    assert_eq!([&items[1], &items[2], &items[3]].map(read), [contents, Vec::new(), b"inner".to_vec()]);
    assert!(fat_runs(&image, &partition, &items[0]).unwrap().is_empty());
}

#[test]
fn a_name_that_leads_out_is_told_with_its_directory() {
    let mut disk = Fat12::new(100);
    let file = disk.put(b"* * * * * root sh");
    let dir = disk.directory(0, &[long("..", 1, DIRECTORY, file, 0)]);
    disk.root(&[long("over\u{202e}lays", 1, DIRECTORY, dir, 0)]);
    told(&disk, &["the directory `/over\\u{202e}lays` has a name that no file can have: `..`"]);
}

#[test]
fn clusters_belong_to_one_only() {
    // A file in another one.
    let mut disk = Fat12::new(100);
    let file = disk.put(&[1; 2000]);
    disk.root(&[long("a", 1, FILE, file, 2000), long("b", 2, FILE, file + 1, 1)]);
    told(&disk, &["of `/b`, cluster 3 belongs to something else too"]);
    // A chain that joins another one.
    let mut disk = Fat12::new(100);
    let (one, other) = (disk.put(&[1; 1024]), disk.put(&[1; 1024]));
    disk.link(other, one + 1);
    disk.root(&[long("a", 1, FILE, one, 1024), long("b", 2, FILE, other, 1024)]);
    told(&disk, &["of `/b`, cluster 3"]);
    // A directory that is a file, too.
    let mut disk = Fat12::new(100);
    let dir = disk.directory(0, &[]);
    disk.root(&[long("d", 1, DIRECTORY, dir, 0), long("f", 2, FILE, dir, 32)]);
    told(&disk, &["of `/f`, cluster 2"]);
}

#[test]
fn a_directory_in_itself_is_found_at_once() {
    for deep in [false, true] {
        let mut disk = Fat12::new(100);
        // The first cluster is its own: what is put next has that number.
        let own = if deep { 3 } else { 2 };
        let dir = disk.directory(0, &[long("again", 1, DIRECTORY, own, 0)]);
        let outer = if deep { disk.directory(0, &[long("in", 1, DIRECTORY, dir, 0)]) } else { dir };
        disk.root(&[long("d", 1, DIRECTORY, outer, 0)]);
        told(&disk, &["again`, cluster", "belongs to something else too"]);
    }
}

#[test]
fn a_chain_in_a_circle_is_found_however_long_it_is() {
    for (len, back) in [(1, 0), (2, 0), (2, 1), (7, 3), (1900, 0), (1900, 1899), (1900, 1000)] {
        let mut disk = Fat12::new(1990);
        let file = disk.put(&vec![1; len * 512]);
        disk.link(file + len as u16 - 1, file + back);
        disk.root(&[long("f", 1, FILE, file, u32::MAX)]);
        told(&disk, &["of `/f`, its chain of clusters leads round in a circle"]);
        disk.root(&[long("d", 1, DIRECTORY, file, 0)]);
        told(&disk, &["of `/d`, its chain of clusters leads round in a circle"]);
    }
}

#[test]
fn depth_and_length_have_bounds() {
    let mut disk = Fat12::new(200);
    let mut dir = 0;
    for n in 0..40 {
        dir = disk.directory(0, &if n == 0 { vec![] } else { vec![long("d", 1, DIRECTORY, dir, 0)] });
    }
    disk.root(&[long("d", 1, DIRECTORY, dir, 0)]);
    told(&disk, &["is more than 32 directories deep"]);
    let mut disk = Fat12::new(200);
    disk.root(&[long("d", 1, DIRECTORY, 0, 0)]);
    told(&disk, &["of `/d`, its chain of clusters leads to 0, which doesn't exist"]);
    let file = disk.put(b"x");
    disk.root(&[long("f", 1, FILE, file, 513)]);
    told(&disk, &["of `/f`, its chain of clusters ends too early"]);
}
