use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::board::Model;
use crate::contents::{Copied, Files, ItemKind, Most, Place, copy_out};

fn shell(script: &str, dir: &Path) {
    let script = format!("set -e; export MTOOLS_SKIP_CHECK=1 PATH=$PATH:/usr/sbin:/sbin; {script}");
    let done = std::process::Command::new("sh").arg("-c").arg(&script).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A small image as Raspberry Pi OS has it: MBR, FAT with boot files, ext4 with a system.
fn image(dir: &Path) -> Arc<dyn ReadAt> {
    image_with(dir, "")
}

/// The same, with words for `mkfs.ext4`.
fn image_with(dir: &Path, words: &str) -> Arc<dyn ReadAt> {
    let script = r#"truncate -s 40M disk; printf 'label: dos\nlabel-id: 0x8a3b01c7\nstart=2048,size=16384,type=c\nstart=18432,size=40960,type=83\n' | sfdisk -q disk
           mkfs.vfat -C -n BOOTFS boot 8192 >/dev/null
           for name in start4.elf kernel8.img bcm2711-rpi-cm4.dtb; do echo x > $name; mcopy -i boot $name ::; done
           echo arm_64bit=1 > config.txt; mcopy -i boot config.txt ::
           mkdir -p root/etc root/bin root/lib/modules/6.12.47+rpt-rpi-v8 root/var
           printf 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n' > root/etc/os-release
           echo gateway > root/etc/hostname; ln -s os-release root/etc/link
           printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\267\000more' > root/bin/sh
           truncate -s 3M root/var/holes; printf end >> root/var/holes
           mkfs.ext4 -q WORDS -L rootfs -d root part 20M
           dd if=boot of=disk bs=1M seek=1 conv=notrunc status=none; dd if=part of=disk bs=1M seek=9 conv=notrunc status=none"#;
    shell(&script.replace("WORDS", words), dir);
    Arc::new(std::fs::read(dir.join("disk")).unwrap())
}

#[test]
fn an_image_tells_its_table_its_system_and_who_starts_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(dir.path());
    let found = Contents::of(&image).unwrap();
    assert_eq!((found.table.as_str(), found.disk_id.as_str()), ("MBR", "8a3b01c7"));
    assert_eq!(found.inside(), "MBR: FAT 8 MiB, ext4 20 MiB");
    assert_eq!(found.parts[1].label, "rootfs");
    let [system] = &found.systems[..] else { panic!("{found:?}") };
    assert_eq!(system.name, "Debian GNU/Linux 13 (trixie)");
    assert_eq!(system.machine, "64 bit, ARM");
    assert_eq!(system.kernels, ["6.12.47+rpt-rpi-v8"]);
    assert_eq!(system.host, "gateway");
    let boots = found.boots.as_ref().unwrap();
    assert_eq!(boots.models().collect::<Vec<_>>(), [Model::Cm4]);
    assert_eq!(found.notes, Vec::<String>::new());
    // What is kept is read again as it was.
    let kept = crate::format::json::line(&found).unwrap();
    assert_eq!(serde_json::from_str::<Contents>(&kept).unwrap(), found);
}

#[test]
fn files_are_listed_in_parts_and_found_where_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(dir.path());
    let found = Contents::of(&image).unwrap();
    let open = |number| Files::open(&image, &found.partition(number).unwrap()).unwrap();
    let path = |text: &str| crate::contents::name_of(text).unwrap();
    let (fat, ext4) = (open(1), open(2));
    assert_eq!((fat.sort(), ext4.sort()), ("FAT", "ext4"));
    let listed = fat.list(&[], None, 2).unwrap();
    assert_eq!((listed.total, listed.more, listed.items.len()), (4, true, 2));
    let rest = fat.list(&[], Some(&listed.items[1].name), 2).unwrap();
    assert!(!rest.more && rest.items.len() == 2);
    let etc = ext4.list(&path("etc"), None, 100).unwrap();
    let names: Vec<_> = etc.items.iter().map(|item| String::from_utf8_lossy(&item.name)).collect();
    assert_eq!(names, ["hostname", "link", "os-release"]);
    assert_eq!(
        (etc.items[1].kind, etc.items[1].target.as_deref()),
        (Some(ItemKind::Link), Some(&b"os-release"[..]))
    );
    let read = |files: &Files, text: &str| match files.find(&path(text)).unwrap() {
        Place::Bytes(bytes) => bytes,
        Place::Runs(runs, len) => {
            let mut bytes = vec![0; len as usize];
            for run in runs {
                image
                    .read_exact_at(&mut bytes[run.to as usize..(run.to + run.len) as usize], run.from)
                    .unwrap();
            }
            bytes
        }
    };
    assert_eq!(read(&fat, "CONFIG.TXT"), b"arm_64bit=1\n");
    assert_eq!(read(&ext4, "etc/hostname"), b"gateway\n");
    let holes = read(&ext4, "var/holes");
    assert!(holes.len() == (3 << 20) + 3 && holes.ends_with(b"\0end"));
    // A link isn't followed, a directory is no file, and nothing lies above the root.
    for wrong in ["etc/link", "etc", "etc/nothing", "etc/hostname/x", ""] {
        assert!(ext4.find(&path(wrong)).is_err(), "{wrong}");
    }
    assert!(ext4.list(&path("etc/link"), None, 10).is_err());
}

#[test]
fn a_disk_without_anything_says_so() {
    let found = Contents::of(&(Arc::new(vec![0u8; 4096]) as Arc<dyn ReadAt>)).unwrap();
    assert_eq!(found.inside(), "nothing that is known");
    assert_eq!(found.notes.len(), 1);
}

#[test]
fn a_system_says_its_name_in_one_of_these_ways() {
    assert_eq!(os_name("PRETTY_NAME='A \"B\"'\n"), "A \"B\"");
    assert_eq!(os_name("NAME=Fedora\nVERSION=\"44\"\n"), "Fedora 44");
    assert!(os_name("X=1").starts_with("a system"));
    assert_eq!(os_name(&format!("PRETTY_NAME={}", "x".repeat(10_000))).len(), TEXT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Bytes that are changed anywhere in the tables of a real image.
    #[test]
    fn damage_is_told_and_ends(places in proptest::collection::vec((0usize..(2 << 20), any::<u8>()), 1..60), at in 0usize..3) {
        static IMAGE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let dir = tempfile::tempdir().unwrap();
            image(dir.path());
            std::fs::read(dir.path().join("disk")).unwrap()
        });
        let mut bytes = IMAGE.clone();
        let start = [0, 1 << 20, 9 << 20][at];
        for (place, byte) in places {
            bytes[start + place] = byte;
        }
        let image: Arc<dyn ReadAt> = Arc::new(bytes);
        let found = Contents::of(&image).unwrap();
        for part in &found.parts {
            if let Ok(files) = Files::open(&image, &found.partition(part.number).unwrap()) {
                let _ = files.list(&[], None, 100);
                let _ = files.find(&[b"etc".to_vec(), b"hostname".to_vec()]);
            }
        }
    }
}

/// What is copied of a path of the second partition, and the names that came, with their sizes.
fn copied(image: &Arc<dyn ReadAt>, path: &[&str], most: Most) -> (Copied, Vec<(String, u64)>) {
    let partition = Contents::of(image).unwrap().partition(2).unwrap();
    let to = tempfile::tempdir().unwrap();
    let here = crate::beneath::Dir::open(to.path()).unwrap();
    let copied = copy_out(image, &partition, path, &here, most).unwrap();
    let mut names = Vec::new();
    let mut left = vec![to.path().to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            assert_eq!(about.permissions().mode() & 0o7077, 0, "{}", path.display());
            match about.is_dir() {
                true => left.push(path),
                false => {
                    names.push((path.strip_prefix(to.path()).unwrap().display().to_string(), about.len()));
                }
            }
        }
    }
    names.sort();
    (copied, names)
}

#[test]
fn what_is_copied_out_is_bounded_and_has_neither_links_nor_names_that_lead_away() {
    let dir = tempfile::tempdir().unwrap();
    let good = image_with(dir.path(), "-O ^metadata_csum");
    let most = Most { names: 100, bytes: 4 << 20, file: 4 << 20 };
    let named = |names: &[(&str, u64)]| -> Vec<(String, u64)> {
        names.iter().map(|(name, len)| ((*name).to_owned(), *len)).collect()
    };
    let (count, names) = copied(&good, &["etc"], most);
    assert_eq!(names, named(&[("etc/hostname", 8), ("etc/os-release", 67)]));
    assert_eq!(count, Copied { names: 2, bytes: 75, left_out: 1 });
    // No path is all of it; files within bounds only.
    let small = Most { file: 64, ..most };
    assert_eq!(copied(&good, &["etc"], small).1, named(&[("etc/hostname", 8)]));
    let little = Most { bytes: 1 << 20, ..most };
    let (count, names) = copied(&good, &[], little);
    assert!(count.bytes < 1000 && names.iter().all(|(name, _)| name != "var/holes"), "{names:?}");
    assert_eq!(copied(&good, &["var"], most).1, named(&[("var/holes", (3 << 20) + 3)]));
    assert_eq!(copied(&good, &["etc"], Most { names: 1, ..most }).0.names, 1);
    assert_eq!(copied(&good, &["no", "such"], most), (Copied::default(), Vec::new()));
    // A name that leads out of the directory.
    let mut bytes = std::fs::read(dir.path().join("disk")).unwrap();
    let at: Vec<_> = (0..bytes.len() - 8).filter(|at| bytes[*at..].starts_with(b"hostname")).collect();
    assert!(!at.is_empty());
    at.iter().for_each(|at| bytes[*at..*at + 8].copy_from_slice(b"../../xy"));
    let evil: Arc<dyn ReadAt> = Arc::new(bytes);
    let partition = Contents::of(&evil).unwrap().partition(2).unwrap();
    let to = tempfile::tempdir().unwrap();
    let here = crate::beneath::Dir::open(to.path()).unwrap();
    let refused = copy_out(&evil, &partition, &["etc"], &here, most).unwrap_err();
    assert!(refused.to_string().contains("no file can have"), "{refused}");
}
