use std::path::Path;
use std::process::Command;

use super::blocks::{Contents, Run};
use super::*;

fn shell(line: &str, directory: &Path) {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", line])
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "apt-get install e2fsprogs? {line}: {output:?}");
}

/// Makes a file system by debugfs, which needs no root.
fn made(options: &str, commands: &str) -> Result<Ext4, Error> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("commands"), commands).unwrap();
    shell(
        &format!(
            "for n in $(seq 20000); do echo \"line $n of a file\"; done > big; head -c 150 big > small; \
             printf x > x; truncate -s 3M sparse; printf middle | dd of=sparse bs=1 seek=1500000 conv=notrunc 2>&1; \
             mkfs.ext4 -q {options} v 24M; debugfs -w -f commands v > log 2>&1; \
             ! grep -i -E 'not found|invalid|usage|error' log"
        ),
        dir.path(),
    );
    let bytes = std::fs::read(dir.path().join("v")).unwrap();
    let len = bytes.len() as u64;
    Ext4::open(Arc::new(bytes), 0, len)
}

fn find(fs: &Ext4, path: &str) -> Inode {
    fs.find(path).unwrap().unwrap_or_else(|| panic!("{path}"))
}

/// As [`find`], but a link itself.
fn link(fs: &Ext4, folder: &str, name: &str) -> Inode {
    let entries = fs.list(&find(fs, folder)).unwrap();
    let entry = entries.iter().find(|entry| entry.name == name.as_bytes());
    fs.inode(entry.unwrap_or_else(|| panic!("{name}: {entries:?}")).inode).unwrap()
}

fn bytes(fs: &Ext4, inode: &Inode) -> Vec<u8> {
    match fs.contents(inode).unwrap() {
        Contents::Inline(bytes) => bytes,
        Contents::Runs(runs) => {
            let mut bytes = vec![0; inode.size as usize];
            for Run { to, from, len } in runs {
                fs.read(&mut bytes[to as usize..(to + len) as usize], from).unwrap();
            }
            bytes
        }
    }
}

const COMMANDS: &str = "write big big\nwrite small small\nwrite sparse sparse\nwrite x x\nmkdir d\ncd d\n\
    symlink short target\nsymlink long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b\n\
    mknod null c 1 3\nmknod nvme b 259 300\nmknod pipe p\ncd /\nln x d/hard\nsif x links_count 2\n\
    sif x mode 0104755\nsif x uid 100000\nsif x gid 7\nsif x mtime 20010203040506\n\
    ea_set x user.note hello\nea_set x security.capability abcdefghijklmnopqrst\n";

fn check(options: &str) {
    let fs = made(options, COMMANDS).unwrap();
    let big: String = (1..=20000).map(|n| format!("line {n} of a file\n")).collect();
    assert!(bytes(&fs, &find(&fs, "big")) == big.as_bytes(), "{options}");
    assert!(bytes(&fs, &find(&fs, "small")) == big.as_bytes()[..150], "{options}");
    let sparse = find(&fs, "sparse");
    let read = bytes(&fs, &sparse);
    assert!(read[1_500_000..1_500_006] == *b"middle" && read.iter().filter(|byte| **byte != 0).count() == 6);
    let Contents::Runs(runs) = fs.contents(&sparse).unwrap() else { panic!() };
    assert!(runs.iter().map(|run| run.len).sum::<u64>() <= 16 << 10, "holes stay holes: {runs:?}");
    let x = find(&fs, "x");
    assert_eq!((x.mode, x.uid, x.gid, x.links), (0o4755, 100_000, 7, 2));
    assert_eq!(find(&fs, "d/hard").number, x.number);
    assert_eq!(x.modified.seconds, 981_173_106);
    let attributes = fs.attributes(&x).unwrap();
    assert_eq!(attributes[&b"user.note"[..]], b"hello");
    assert_eq!(attributes[&b"security.capability"[..]], b"abcdefghijklmnopqrst");
    assert_eq!(attributes.len(), 2);
    assert_eq!(fs.target(&link(&fs, "d", "short")).unwrap(), b"target");
    assert_eq!(fs.target(&link(&fs, "d", "long")).unwrap().len(), 75);
    let kind = |path| find(&fs, path).kind;
    assert_eq!(kind("d/null"), FileKind::Character(Device { major: 1, minor: 3 }));
    assert_eq!(kind("d/nvme"), FileKind::Block(Device { major: 259, minor: 300 }));
    assert_eq!(kind("d/pipe"), FileKind::Fifo);
    assert!(fs.list(&find(&fs, "x")).is_err());
}

#[test]
fn every_kind_of_file_in_every_layout() {
    for options in [
        "",
        "-b 1024",
        "-O inline_data -I 256",
        "-O ^extents,^64bit",
        "-b 1024 -O ^extents,^64bit,^has_journal -I 128",
        "-t ext2 -I 128 -b 1024 -r 1",
        "-O metadata_csum_seed,ea_inode,large_dir -I 512",
    ] {
        check(options);
    }
}

#[test]
fn paths_are_looked_up_as_the_system_would() {
    let commands = "mkdir etc\nmkdir usr\ncd usr\nmkdir etc\ncd etc\nwrite x fstab\ncd /etc\n\
        symlink fstab /usr/etc/fstab\nsymlink up ../../../usr/./etc//fstab\nsymlink round round\n\
        symlink nowhere /none\nsymlink usr /usr\nsymlink chain fstab\nsymlink deep usr/../etc/chain\n";
    for options in ["", "-O inline_data -I 512", "-b 1024 -O ^extents,^64bit"] {
        let fs = made(options, commands).unwrap();
        let fstab = find(&fs, "usr/etc/fstab");
        for path in [
            "/usr/etc/fstab",
            "/etc/fstab",
            "etc/up",
            "../../etc/chain",
            "etc/deep",
            "/etc/usr/etc/fstab",
            "//etc/./../etc/fstab",
        ] {
            assert_eq!(find(&fs, path).number, fstab.number, "{options} {path}");
        }
        assert_eq!(fs.read_file(&fstab, 1).unwrap(), b"x");
        assert!(fs.read_file(&fstab, 0).unwrap_err().to_string().contains("more than 0"));
        for path in ["", "/", "..", "usr/.."] {
            assert_eq!(find(&fs, path).number, ROOT, "{path}");
        }
        for path in ["none", "etc/nowhere", "etc/fstab/x", "etc/fstab/..", "usr/none/../etc"] {
            let found = fs.find(path).unwrap().map(|inode| inode.number);
            assert_eq!(found, None, "{path}");
        }
        assert!(fs.find("etc/round").unwrap_err().to_string().contains("in a circle"));
    }
}

#[test]
fn a_name_that_is_not_asked_for_may_have_control_characters() {
    let fs = made("", "write x good\nwrite x ba!d\n").unwrap();
    let (disk, _) = fs.disk();
    let mut bytes = vec![0; fs.size() as usize];
    disk.read_exact_at(&mut bytes, 0).unwrap();
    // Not where the kernel would mind: directories have no checksum here that is looked at.
    let place = bytes.windows(4).position(|name| name == b"ba!d").unwrap();
    bytes[place + 2] = 0x1b;
    let len = bytes.len() as u64;
    let fs = Ext4::open(Arc::new(bytes), 0, len).unwrap();
    assert_eq!(bytes_of(&fs, "good"), b"x");
    assert!(matches!(fs.list(&find(&fs, "")).unwrap_err(), Error::Name { .. }));
}

fn bytes_of(fs: &Ext4, path: &str) -> Vec<u8> {
    fs.read_file(&find(fs, path), 100).unwrap()
}

#[test]
fn large_directories_are_read_whole() {
    let names: String = (0..3000).map(|n| format!("write x file-with-a-name-{n}\n")).collect();
    for options in ["-b 1024", "-b 1024 -O inline_data"] {
        let fs = made(options, &format!("mkdir d\ncd d\n{names}")).unwrap();
        assert_eq!(fs.list(&find(&fs, "d")).unwrap().len(), 3000);
    }
    let fs = made(
        "-O inline_data -I 512",
        "mkdir d\ncd d\nwrite x one\nwrite x two\nwrite x three-with-a-long-name\n",
    )
    .unwrap();
    let names: Vec<_> = fs.list(&find(&fs, "d")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [&b"one"[..], b"three-with-a-long-name", b"two"]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let recovery = made("", "feature needs_recovery\n").unwrap_err();
    assert!(matches!(recovery, Error::NeedsRecovery), "{recovery}");
    let unknown = made("", "feature meta_bg\n").unwrap_err();
    assert!(matches!(unknown, Error::Unsupported { .. }), "{unknown}");
    for len in [0usize, 1024, 1100, 2048, 4096] {
        assert!(Ext4::open(Arc::new(vec![0; len]), 0, len as u64).is_err());
    }
    let fs = made("", COMMANDS).unwrap();
    assert!(fs.inode(0).is_err() && fs.inode(u32::MAX).is_err());
    assert!(fs.inode(50).is_err(), "an inode that is not in use");
}

/// Reads everything there is; what comes back is the first error.
fn walk(fs: &Ext4, number: u32, left: &mut u32) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or_else(|| Error::damaged("too much"))?;
    let inode = fs.inode(number)?;
    fs.attributes(&inode)?;
    match inode.kind {
        FileKind::Directory => {
            for entry in fs.list(&inode)? {
                walk(fs, entry.inode, left)?;
            }
        }
        FileKind::Symlink => drop(fs.target(&inode)?),
        _ => drop(fs.contents(&inode)?),
    }
    Ok(())
}

#[test]
fn no_damage_panics() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("commands"), COMMANDS).unwrap();
    shell(
        "head -c 30000 /dev/zero > big; printf x > x; cp big small; cp big sparse; \
         mkfs.ext4 -q -O inline_data -b 1024 v 1M; debugfs -w -f commands v > log 2>&1",
        dir.path(),
    );
    let whole = std::fs::read(dir.path().join("v")).unwrap();
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..20 {
            let place = random() % bytes.len().min(200 << 10);
            bytes[place] = random() as u8;
        }
        let len = bytes.len() as u64;
        if let Ok(fs) = Ext4::open(Arc::new(bytes), 0, len) {
            let _ = walk(&fs, ROOT, &mut 1000);
        }
    }
}
