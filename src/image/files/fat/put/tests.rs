use std::path::Path;
use std::process::Command;

use super::*;
use crate::image::files::fat_file;
use crate::image::table::Entry;

const LEN_OF: [(&str, &str); 5] = [
    ("-F 12", "2M"),
    ("-F 16", "20M"),
    ("-F 32 -s 1", "40M"),
    ("-F 16 -S 2048", "64M"),
    ("-F 32 -s 8", "300M"),
];

fn run(line: &str, directory: &Path) -> String {
    let output = Command::new("sh").args(["-c", line]).current_dir(directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "apt-get install dosfstools mtools? {line}: {text} {output:?}");
    text
}

/// Without the length, which is a hole at the end.
fn image(path: &Path) -> (Arc<dyn ReadAt>, Partition) {
    let file = std::fs::File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    let entry = Entry::Mbr { kind: 0x0c, bootable: false };
    (Arc::new(file), Partition { number: 1, start: 0, len, entry })
}

fn file(path: &str, bytes: impl Into<Vec<u8>>) -> FatFile {
    FatFile { path: path.to_owned(), bytes: bytes.into() }
}

/// Applies patches to the file, each where it says what it replaces.
fn apply(path: &Path, patches: &[Patch]) {
    use std::os::unix::fs::FileExt;
    let disk = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut last = 0;
    for patch in patches {
        assert!(patch.image_offset >= last, "in order, without overlaps");
        last = patch.image_offset + patch.new.len() as u64;
        let mut old = vec![0; patch.old.len()];
        FileExt::read_exact_at(&disk, &mut old, patch.image_offset).unwrap();
        assert!(old == patch.old && patch.old.len() == patch.new.len());
        disk.write_all_at(&patch.new, patch.image_offset).unwrap();
    }
}

#[test]
fn files_are_added_and_replaced_on_every_width_and_fsck_is_content() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("v");
    for (options, len) in LEN_OF {
        run(
            &format!(
                "rm -f v; truncate -s {len} v; /usr/sbin/mkfs.vfat {options} v >/dev/null; \
                 head -c 70000 /dev/urandom >big; echo root=1 >cmdline.txt; \
                 for n in 1 2 3; do mcopy -i v big ::old-$n-with-a-long-name; done; mcopy -i v cmdline.txt big ::; \
                 mmd -i v ::overlays; mcopy -i v big ::overlays; mdel -i v ::old-2-with-a-long-name"
            ),
            dir.path(),
        );
        let (content, partition) = image(&disk);
        // Longer than the room that was deleted: it isn't in one piece there.
        let long: Vec<u8> = (0..90_001u32).map(|n| (n / 3) as u8).collect();
        let files = [
            file("Cmdline.TXT", "root=2 quiet\n"),
            file("user-data", long.clone()),
            file("firstrun.sh", "#!/bin/sh\n"),
            file("EMPTY", ""),
            file("old-3-with-a-long-name", "short"),
        ];
        let patches = fat_put(&content, &partition, &files, 1_700_000_001).unwrap();
        assert_eq!(patches, fat_put(&content, &partition, &files, 1_700_000_001).unwrap());
        apply(&disk, &patches);
        run("/usr/sbin/fsck.vfat -n v", dir.path());
        assert_eq!(run("mtype -i v ::cmdline.txt", dir.path()), "root=2 quiet\n");
        assert_eq!(run("mtype -i v ::old-3-with-a-long-name", dir.path()), "short");
        run("mcopy -n -i v ::user-data got; mcopy -n -i v ::big ::old-1-with-a-long-name .", dir.path());
        run(
            "cmp big old-1-with-a-long-name; rm -f old-1-with-a-long-name; mtype -i v ::overlays/big | cmp - big",
            dir.path(),
        );
        assert!(std::fs::read(dir.path().join("got")).unwrap() == long);
        std::fs::remove_file(dir.path().join("got")).unwrap();
        let list =
            Command::new("mdir").args(["-i", "v", "::"]).env("TZ", "UTC").current_dir(dir.path()).output();
        let list = String::from_utf8_lossy(&list.unwrap().stdout).into_owned();
        assert!(list.contains("2023-11-14  22:13  user-data") && list.contains("cmdline  txt"), "{list}");
        // Once more upon what is there: nothing changes.
        let (content, partition) = image(&disk);
        let again = fat_put(&content, &partition, &files, 1_700_000_001).unwrap();
        let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(content, &again));
        for file in &files {
            let read = fat_file(&patched, std::slice::from_ref(&partition), &file.path).unwrap();
            assert!(read.as_ref() == Some(&file.bytes), "{}", file.path);
        }
    }
}

#[test]
fn a_root_directory_grows_where_it_may_and_is_full_where_it_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("v");
    run("truncate -s 40M v; /usr/sbin/mkfs.vfat -F 32 -s 1 v >/dev/null", dir.path());
    let files: Vec<_> = (0..400).map(|n| file(&format!("a name that is long {n}"), [n as u8])).collect();
    let (content, partition) = image(&disk);
    apply(&disk, &fat_put(&content, &partition, &files, 0).unwrap());
    run("/usr/sbin/fsck.vfat -n v", dir.path());
    assert_eq!(run("mdir -b -i v :: | wc -l", dir.path()).trim(), "400");
    // 512 entries, and three for each of these names.
    run("truncate -s 20M w; /usr/sbin/mkfs.vfat -F 16 w >/dev/null", dir.path());
    let (content, partition) = image(&dir.path().join("w"));
    assert!(matches!(
        fat_put(&content, &partition, &files, 0),
        Err(PutError::DirectoryFull { partition: 1 })
    ));
    apply(&dir.path().join("w"), &fat_put(&content, &partition, &files[..170], 0).unwrap());
    run("/usr/sbin/fsck.vfat -n w", dir.path());
}

#[test]
fn what_does_not_fit_is_said_with_its_size() {
    let dir = tempfile::tempdir().unwrap();
    run(
        "truncate -s 2M v; /usr/sbin/mkfs.vfat -F 12 v >/dev/null; head -c 1500000 /dev/zero >big; mcopy -i v big ::",
        dir.path(),
    );
    let (content, partition) = image(&dir.path().join("v"));
    let error = fat_put(&content, &partition, &[file("new", vec![1; 900_000])], 0).unwrap_err();
    assert!(
        matches!(error, PutError::Full { partition: 1, need, room } if need >= 900_000 && room < 700_000),
        "{error}"
    );
    // Replacing the large one makes room.
    fat_put(&content, &partition, &[file("BIG", vec![1; 900_000])], 0).unwrap();
    let error = fat_put(&content, &partition, &[file("new", vec![1; 5 << 20])], 0).unwrap_err();
    assert!(matches!(error, PutError::TooLong { .. }), "{error}");
    for name in ["a/b", "..", "a:b", "", "x\n"] {
        let error = fat_put(&content, &partition, &[file(name, "")], 0).unwrap_err();
        assert!(matches!(error, PutError::Name { .. }), "{error}");
    }
    run("mmd -i v ::user-data", dir.path());
    let error = fat_put(&content, &partition, &[file("User-Data", "x")], 0).unwrap_err();
    assert!(matches!(&error, PutError::IsDirectory { name, .. } if name == "user-data"), "{error}");
}

#[test]
fn clusters_of_two_files_are_damage_and_nothing_is_freed() {
    let dir = tempfile::tempdir().unwrap();
    run(
        "truncate -s 20M v; /usr/sbin/mkfs.vfat -F 16 v >/dev/null; head -c 9000 /dev/urandom >f; mcopy -i v f ::a; mcopy -i v f ::b",
        dir.path(),
    );
    let mut bytes = std::fs::read(dir.path().join("v")).unwrap();
    let at = bytes.windows(11).position(|window| window == b"B          ").unwrap();
    let first = bytes.windows(11).position(|window| window == b"A          ").unwrap();
    let cluster = [bytes[first + 26], bytes[first + 27]];
    bytes[at + 26..at + 28].copy_from_slice(&cluster);
    let (_, partition) = image(&dir.path().join("v"));
    let content: Arc<dyn ReadAt> = Arc::new(bytes.clone());
    let error = fat_put(&content, &partition, &[file("a", "x")], 0).unwrap_err();
    assert!(crate::error::chain(&error).contains("belongs to something else too"), "{error:?}");
    // Tables that differ.
    let table = usize::from(u16::from_le_bytes([bytes[14], bytes[15]])) * 512;
    bytes[at + 26..at + 28].copy_from_slice(&[0, 0]);
    bytes[at + 28..at + 32].fill(0);
    bytes[table + 2000] ^= 1;
    let content: Arc<dyn ReadAt> = Arc::new(bytes);
    let error = fat_put(&content, &partition, &[file("a", "x")], 0).unwrap_err();
    assert!(crate::error::chain(&error).contains("copies of its table differ"), "{error:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]

    #[test]
    fn no_damage_panics_or_gives_patches_that_do_not_prove_themselves(
        damage in proptest::collection::vec((0usize..0x3000, proptest::num::u8::ANY), 1..40),
        name in "[a-zA-Z0-9. -]{1,20}",
        len in 0usize..5000,
    ) {
        static SMALL: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = SMALL.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            run(
                "truncate -s 256K v; /usr/sbin/mkfs.vfat -F 12 v >/dev/null; head -c 9000 /dev/zero >f; mcopy -i v f ::f; mmd -i v ::d",
                dir.path(),
            );
            std::fs::read(dir.path().join("v")).unwrap()
        }).clone();
        for (at, value) in damage {
            bytes[at] = value;
        }
        let entry = Entry::Mbr { kind: 0x0c, bootable: false };
        let partition = Partition { number: 1, start: 0, len: bytes.len() as u64, entry };
        let content: Arc<dyn ReadAt> = Arc::new(bytes);
        let file = file(&name, vec![7; len]);
        if let Ok(patches) = fat_put(&content, &partition, std::slice::from_ref(&file), 0) {
            let patched: Arc<dyn ReadAt> = Arc::new(PatchedReadAt::new(content, &patches));
            let read = fat_file(&patched, &[partition], &name).unwrap();
            proptest::prop_assert_eq!(read, Some(file.bytes));
        }
    }
}
