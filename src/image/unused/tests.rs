use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;

fn shell(line: &str, directory: &Path) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", line])
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "apt-get install e2fsprogs dosfstools mtools? {line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn of(bytes: &[u8]) -> Unused {
    let image: Arc<dyn ReadAt> = Arc::new(bytes.to_vec());
    of_file_systems(&image, 1).unwrap()
}

/// The free blocks of an ext4 file system as dumpe2fs lists them, in bytes.
fn dumped(directory: &Path, file: &str) -> Vec<Range<u64>> {
    let text = shell(&format!("dumpe2fs {file} 2>/dev/null"), directory);
    let block: u64 =
        text.lines().find_map(|line| line.strip_prefix("Block size:")).unwrap().trim().parse().unwrap();
    let mut runs: Vec<Range<u64>> = Vec::new();
    for list in text.lines().filter_map(|line| line.strip_prefix("  Free blocks:")) {
        for run in list.split(',').map(str::trim).filter(|run| !run.is_empty()) {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            let run = first.parse::<u64>().unwrap() * block..(last.parse::<u64>().unwrap() + 1) * block;
            match runs.last_mut() {
                Some(before) if before.end == run.start => before.end = run.end,
                _ => runs.push(run),
            }
        }
    }
    runs
}

#[test]
fn what_is_free_on_ext4_is_what_dumpe2fs_says() {
    let dir = tempfile::tempdir().unwrap();
    shell(
        "mkdir tree; for n in $(seq 40); do head -c $((n * 7000)) /dev/urandom > tree/$n; done",
        dir.path(),
    );
    for (options, size) in [
        ("", "40M"),
        ("-b 1024", "300M"),
        ("-b 4096 -O ^flex_bg", "700M"),
        ("-b 1024 -O ^uninit_bg,^metadata_csum,^has_journal", "60M"),
        ("-t ext2", "20M"),
        ("-b 4096 -O 64bit,sparse_super2", "600M"),
    ] {
        let line = format!("rm -f v; mkfs.ext4 -q {options} -d tree v {size}");
        shell(&if options.contains("ext2") { line.replace("mkfs.ext4", "mke2fs") } else { line }, dir.path());
        let unused = of(&std::fs::read(dir.path().join("v")).unwrap());
        assert_eq!(unused.notes, <[String; 0]>::default(), "{options}");
        assert_eq!(unused.ranges, dumped(dir.path(), "v"), "{options}");
        assert!(!unused.ranges.is_empty());
    }
}

#[test]
fn an_ext4_that_contradicts_itself_or_was_not_unmounted_gives_no_map() {
    let dir = tempfile::tempdir().unwrap();
    shell("mkfs.ext4 -q -b 1024 -O ^metadata_csum v 20M", dir.path());
    let sound = std::fs::read(dir.path().join("v")).unwrap();
    assert!(!of(&sound).ranges.is_empty());
    // The state, the superblock's number of free blocks, the first group's, and a bit of its bitmap.
    let bitmap = 1024 * usize::from(u16::from_le_bytes([sound[2048], sound[2049]]));
    for at in [1024 + 0x3a, 1024 + 0xc, 2048 + 0xc, bitmap + 1000] {
        let mut bytes = sound.clone();
        bytes[at] ^= if at == 1024 + 0x3a { 1 } else { 0x10 };
        let unused = of(&bytes);
        assert!(unused.ranges.is_empty() && unused.notes.len() == 1, "{at}: {:?}", unused.notes);
    }
}

#[test]
fn what_is_free_on_fat_has_no_byte_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    for (width, size) in [(12, "2M"), (16, "40M"), (32, "80M")] {
        shell(
            &format!(
                "rm -f v; truncate -s {size} v; mkfs.fat -F {width} v >/dev/null; \
                 for n in 1 2 3; do head -c 200000 /dev/urandom > f$n; mcopy -i v f$n ::; done; mdel -i v ::f2"
            ),
            dir.path(),
        );
        let mut bytes = std::fs::read(dir.path().join("v")).unwrap();
        let unused = of(&bytes);
        assert_eq!(unused.notes, <[String; 0]>::default(), "{width}");
        let free: u64 = unused.ranges.iter().map(|run| run.end - run.start).sum();
        let told = shell("fsck.fat -nv v | tail -1", dir.path());
        // "v: 2 files, 196/39082 clusters"
        let (used, all) = told.rsplit(", ").next().unwrap().split_once('/').unwrap();
        let all: u64 = all.split(' ').next().unwrap().parse().unwrap();
        let per: u64 = u64::from(bytes[13]) * 512;
        assert_eq!(free, (all - used.parse::<u64>().unwrap()) * per, "{width}: {told}");
        // All of it may be anything.
        for run in &unused.ranges {
            bytes[run.start as usize..run.end as usize].fill(0xa5);
        }
        std::fs::write(dir.path().join("w"), &bytes).unwrap();
        shell("fsck.fat -n w; for n in 1 3; do mtype -i w ::f$n | cmp - f$n; done", dir.path());
    }
}

#[test]
fn a_fat_whose_tables_differ_or_that_is_dirty_gives_no_map() {
    let dir = tempfile::tempdir().unwrap();
    shell("truncate -s 80M v; mkfs.fat -F 32 v >/dev/null", dir.path());
    let sound = std::fs::read(dir.path().join("v")).unwrap();
    let table = 512 * usize::from(u16::from_le_bytes([sound[14], sound[15]]));
    for at in [table + 7, table + 9000] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x08;
        let unused = of(&bytes);
        assert!(unused.ranges.is_empty() && unused.notes.len() == 1, "{at}: {:?}", unused.notes);
    }
}

#[test]
fn partitions_are_asked_each_and_what_lies_between_them_is_used() {
    let dir = tempfile::tempdir().unwrap();
    shell(
        "truncate -s 60M disk; printf 'start=4096,size=20480,type=c\\nstart=40960,size=40960,type=83\\n' | sfdisk -q disk; \
         mkfs.ext4 -q v 20M; dd if=v of=disk bs=512 seek=40960 conv=notrunc status=none",
        dir.path(),
    );
    let unused = of(&std::fs::read(dir.path().join("disk")).unwrap());
    let moved: Vec<_> = dumped(dir.path(), "v")
        .iter()
        .map(|run| run.start + (40960 * 512)..run.end + (40960 * 512))
        .collect();
    assert_eq!(unused.ranges, moved);
}

/// A bmap file as bmaptool writes it, with its checksum in place.
fn bmap(body: &str) -> String {
    use sha2::Digest as _;
    let zeros = "0".repeat(64);
    let text = format!(
        "<?xml version=\"1.0\" ?>\n<!-- a comment with <Range> in it -->\n<bmap version=\"2.0\">\n<ImageSize> 10000 </ImageSize>\n\
         <BlockSize> 4096 </BlockSize>\n<BlocksCount> 3 </BlocksCount>\n<ChecksumType> sha256 </ChecksumType>\n\
         <BmapFileChecksum> {zeros} </BmapFileChecksum>\n<BlockMap>\n{body}\n</BlockMap>\n</bmap>\n"
    );
    let sum: String = sha2::Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    text.replacen(&zeros, &sum, 1)
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_bmap_tells_what_was_not_written_and_its_digests_are_checked() {
    let mut image = vec![7; 10000];
    let text = bmap(&format!(
        "<Range chksum=\"{}\"> 0 </Range>\n<Range chksum=\"{}\"> 2-2 </Range>",
        sha256(&image[..4096]),
        sha256(&image[8192..])
    ));
    let read = Bmap::read(text.as_bytes()).unwrap();
    assert_eq!(read.unused(1), vec![Range { start: 4096, end: 8192 }]);
    assert_eq!(read.unused(5000), []);
    assert_eq!(read.check(&image).unwrap(), Ok(()));
    image[5000] = 8;
    assert_eq!(read.check(&image).unwrap(), Ok(()), "nothing uses that byte");
    image[9999] = 8;
    assert_eq!(read.check(&image).unwrap(), Err(Error::Differs { range: 8192..10000 }));
    image.pop();
    assert_eq!(read.check(&image).unwrap(), Err(Error::OtherImage { told: 10000, len: 9999 }));
    assert_eq!(Bmap::read(text.replace("> 2-2 <", "> 1-2 <").as_bytes()), Err(Error::Damaged));
}

#[test]
fn a_bmap_that_means_nothing_is_an_error() {
    for body in [
        "<Range> 0-5 </Range>",
        "<Range> 2 </Range><Range> 1 </Range>",
        "<Range> 1-0 </Range>",
        "<Range> 0-18446744073709551615 </Range>",
        "<Range> +1 </Range>",
        "<Range chksum=\"12\"> 1 </Range>",
        "<Range> 1 </Ranges>",
        "<Range> 1",
        "<MappedBlocksCount> 2 </MappedBlocksCount><Range> 1 </Range>",
    ] {
        assert!(matches!(Bmap::read(bmap(body).as_bytes()), Err(Error::Form { .. })), "{body}");
    }
    for text in ["", "<bmap>", "<!DOCTYPE bmap><bmap></bmap>", "\u{feff}"] {
        assert!(matches!(Bmap::read(text.as_bytes()), Err(Error::Form { .. })), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_end_the_reader_of_bmaps(text in "(<|>|/|bmap|Range| |=|\"|[0-9]|-|<!--|-->|<\\?|ImageSize|BlockSize)*") {
        let _ = Bmap::read(text.as_bytes());
    }

    #[test]
    fn damaged_file_systems_end_in_an_answer(hits in prop::collection::vec((0usize..0x3000, any::<u8>()), 1..6)) {
        static SOUND: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
        let sound = SOUND.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            shell("mkfs.ext4 -q -b 1024 e 4M; truncate -s 2M f; mkfs.fat -F 12 f >/dev/null", dir.path());
            ["e", "f"].map(|name| std::fs::read(dir.path().join(name)).unwrap())
        });
        for bytes in sound {
            let mut bytes = bytes.clone();
            for (at, value) in &hits {
                bytes[*at] = *value;
            }
            let unused = of(&bytes);
            prop_assert!(unused.ranges.iter().all(|run| run.start < run.end && run.end <= bytes.len() as u64));
        }
    }
}
