use super::*;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A directory with a tree in it, and a secret beside the tree.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(lab.at("tree/sub")).unwrap();
        std::fs::write(lab.at("secret"), "secret").unwrap();
        std::fs::write(lab.at("tree/a"), "inside").unwrap();
        std::fs::write(lab.at("tree/sub/b"), "deeper").unwrap();
        for (target, link) in [
            ("../a", "tree/sub/in"),
            ("../../secret", "tree/sub/out"),
            ("/a", "tree/abs"),
            ("..", "tree/up"),
            ("/proc/self/root", "tree/magic"),
            ("loop", "tree/loop"),
        ] {
            symlink(target, lab.at(link)).unwrap();
        }
        rustix::fs::mknodat(rustix::fs::CWD, lab.at("tree/pipe"), FileType::Fifo, Mode::from(0o600), 0)
            .unwrap();
        lab
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn dir(&self) -> Dir {
        Dir::open(&self.at("tree")).unwrap()
    }
}

fn read(dir: &Dir, path: &str, links: Links) -> Result<String, io::ErrorKind> {
    let file = dir.file_by(path, links).map_err(|error| error.kind())?;
    Ok(String::from_utf8(read_bounded(&file, 100).unwrap()).unwrap())
}

#[test]
fn names() {
    for good in [&b"a"[..], b"...", b"..a", b" ", b"\xff", &[b'x'; 255]] {
        assert!(is_name(good), "{good:?}");
    }
    for bad in [&b""[..], b".", b"..", b"/", b"a/b", b"a\0", &[b'x'; 256]] {
        assert!(!is_name(bad), "{bad:?}");
    }
}

#[test]
fn links_are_taken_as_was_said() {
    let lab = Lab::new();
    let dir = lab.dir();
    for path in ["a", "/a", "//a", "./a", "sub/b", "sub//b"] {
        for links in [Links::Refuse, Links::Inside, Links::AsRoot] {
            assert!(read(&dir, path, links).is_ok(), "{path} {links:?}");
        }
    }
    for path in
        ["sub/in", "sub/out", "abs", "up/secret", "up/tree/a", "magic/etc/passwd", "loop", "../secret"]
    {
        assert!(read(&dir, path, Links::Refuse).is_err(), "{path}");
        assert_eq!(read(&dir, path, Links::Inside).is_ok(), path == "sub/in", "{path}");
    }
    assert_eq!(read(&dir, "sub/in", Links::Inside).unwrap(), "inside");
    for (path, wanted) in
        [("sub/in", true), ("abs", true), ("up/a", true), ("sub/out", false), ("up/secret", false)]
    {
        assert_eq!(read(&dir, path, Links::AsRoot).is_ok(), wanted, "{path}");
    }
    assert_eq!(read(&dir, "pipe", Links::AsRoot), Err(io::ErrorKind::InvalidInput));
    assert_eq!(read(&dir, "sub", Links::AsRoot), Err(io::ErrorKind::IsADirectory));
}

#[test]
fn without_openat2_no_link_is_followed() {
    let lab = Lab::new();
    let dir = lab.dir();
    let walk = |path: &str| walk(&dir, path.as_bytes(), READ, Mode::empty()).map(drop);
    assert_eq!(walk("a"), Ok(()));
    assert_eq!(walk("sub//./b"), Ok(()));
    assert_eq!(walk("."), Ok(()));
    for path in ["sub/in", "sub/out", "abs", "up/secret", "magic/etc/passwd", "loop"] {
        assert_eq!(walk(path), Err(Errno::LOOP), "{path}");
    }
    assert_eq!(walk("../secret"), Err(Errno::XDEV));
    assert_eq!(walk("nope"), Err(Errno::NOENT));
    assert_eq!(walk("a/b"), Err(Errno::NOTDIR));
}

#[test]
fn a_link_is_looked_at_and_not_followed() {
    let lab = Lab::new();
    let dir = lab.dir();
    let kind = |path: &str| dir.stat(path).unwrap().map(|stat| FileType::from_raw_mode(stat.st_mode));
    assert_eq!(kind("sub/out"), Some(FileType::Symlink));
    assert_eq!(kind("loop"), Some(FileType::Symlink));
    assert_eq!(kind("pipe"), Some(FileType::Fifo));
    assert_eq!(kind("nope"), None);
    assert_eq!(dir.stat("up/secret").unwrap_err(), Errno::LOOP);
    assert_eq!(dir.target("up").unwrap(), "..");
    assert_eq!(dir.at("/etc/passwd"), lab.at("tree/etc/passwd"));
}

#[test]
fn a_directory_is_looked_through_up_to_a_bound() {
    let lab = Lab::new();
    let is_a = |name: &OsStr| name == "a";
    assert_eq!(lab.dir().any_name(100, is_a), Ok(true));
    assert_eq!(lab.dir().any_name(0, is_a), Ok(false));
    assert_eq!(lab.dir().any_name(100, |name| name == "nope"), Ok(false));
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let lab = Lab::new();
    let dir = lab.dir();
    assert_eq!(dir.read("a", 6).unwrap(), b"inside");
    assert_eq!(dir.read("a", 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert!(open_regular(Path::new("/dev/zero")).is_err());
    assert!(open_regular(&lab.at("tree/pipe")).is_err());
}

#[test]
fn a_path_may_be_longer_than_the_kernel_takes() {
    let lab = Lab::new();
    let mut at = lab.dir();
    let name = "n".repeat(200);
    let mut path = PathBuf::new();
    for _ in 0..60 {
        at = at.make(&name, 0o700).unwrap().0;
        path.push(&name);
    }
    at.create("file", 0o600).unwrap();
    at.symlink("link", "file").unwrap();
    let dir = lab.dir();
    assert!(path.as_os_str().len() > 3 * LONGEST / 2);
    assert!(dir.dir(&path).is_ok() && dir.file(path.join("file")).is_ok());
    assert!(dir.file(path.join("link")).is_err() && dir.file(path.join("none")).is_err());
    assert!(dir.file(path.join("../".repeat(70)).join("secret")).is_err());
    drop(at);
    dir.remove_tree(&name).unwrap();
}

#[test]
fn what_belongs_to_a_thing_is_changed_without_following_links() {
    use std::os::unix::fs::MetadataExt;
    let lab = Lab::new();
    let dir = lab.dir();
    std::fs::set_permissions(lab.at("secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    symlink("../secret", lab.at("tree/out")).unwrap();
    let before = std::fs::metadata(lab.at("secret")).unwrap();
    let item = Item::Named(&dir, OsStr::new("out"));
    assert_eq!(item.set_mode(0o777), Err(Errno::LOOP));
    let now = rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 };
    item.set_times(&rustix::fs::Timestamps { last_access: now, last_modification: now }).unwrap();
    if rustix::process::geteuid().is_root() {
        item.set_owner(4711, 4711).unwrap();
        item.set_attribute(b"trusted.x", b"1").unwrap();
        assert_eq!(item.attributes().unwrap().len(), 1);
        item.remove_attribute(b"trusted.x").unwrap();
    }
    let after = std::fs::metadata(lab.at("secret")).unwrap();
    assert_eq!((before.mode(), before.uid(), before.mtime()), (after.mode(), after.uid(), after.mtime()));
    assert_eq!(std::fs::symlink_metadata(lab.at("tree/out")).unwrap().mtime(), 1);
    let pipe = Item::Named(&dir, OsStr::new("pipe"));
    pipe.set_mode(0o640).unwrap();
    assert_eq!(std::fs::symlink_metadata(lab.at("tree/pipe")).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(Item::Named(&dir, OsStr::new("../secret")).set_owner(1, 1), Err(Errno::INVAL));
    assert!(Item::Named(&dir, OsStr::new("..")).attributes().is_err());
}

#[test]
fn what_is_done_in_a_directory_needs_a_name() {
    let lab = Lab::new();
    let dir = lab.dir();
    for bad in ["..", ".", "", "sub/b", "../secret", "/etc"] {
        assert_eq!(dir.unlink(bad).unwrap_err(), Errno::INVAL, "{bad}");
        assert_eq!(dir.create(bad, 0o600).unwrap_err(), Errno::INVAL);
        assert_eq!(dir.symlink(bad, "x").unwrap_err(), Errno::INVAL);
        assert_eq!(dir.make(bad, 0o700).unwrap_err(), Errno::INVAL);
        assert_eq!(dir.rename("a", &dir, bad).unwrap_err(), Errno::INVAL);
        assert!(dir.remove_tree(bad).is_err());
    }
    assert!(dir.make("up", 0o700).is_err(), "a link is no directory");
    assert_eq!(dir.create("sub/out", 0o600).unwrap_err(), Errno::INVAL);
    assert_eq!(dir.create("loop", 0o600).unwrap_err(), Errno::EXIST);
    assert!(lab.at("secret").exists());
}

#[test]
fn a_directory_that_is_changed_is_no_link() {
    let lab = Lab::new();
    symlink("tree", lab.at("link")).unwrap();
    symlink(".", lab.at("here")).unwrap();
    for good in ["tree", "tree/", "tree/.", "here/tree", "here/tree/sub"] {
        assert!(Dir::open_itself(&lab.at(good)).is_ok(), "{good}");
    }
    for link in ["link", "link/", "link/.", "link//./", "tree/up", "tree/magic"] {
        assert_eq!(Dir::open_itself(&lab.at(link)).unwrap_err(), Errno::LOOP, "{link}");
    }
    assert_eq!(Dir::open_itself(&lab.at("secret")).unwrap_err(), Errno::NOTDIR);
    assert_eq!(Dir::open_itself(&lab.at("nope")).unwrap_err(), Errno::NOENT);
}

#[test]
fn a_link_is_replaced_in_one_step_however_many_do_it() {
    let lab = Lab::new();
    let dir = lab.dir();
    dir.symlink("1-1", "/a").unwrap();
    std::thread::scope(|scope| {
        let replace = || (0..200).for_each(|_| dir.replace_link("1-1", "/b", ".new-").unwrap());
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(replace)).collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            // Never missing.
            dir.target("1-1").unwrap();
        }
    });
    assert_eq!(dir.target("1-1").unwrap(), "/b");
    assert!(dir.replace_link("sub", "/b", ".new-").is_err(), "a directory stays");
    assert!(!dir.names().unwrap().iter().any(|name| name.to_string_lossy().starts_with(".new-")));
}

#[test]
fn a_tree_is_removed_and_nothing_else() {
    let lab = Lab::new();
    symlink(lab.at("secret"), lab.at("tree/sub/secret")).unwrap();
    let parent = Dir::open(lab.0.path()).unwrap();
    parent.remove_tree("tree").unwrap();
    parent.remove_tree("tree").unwrap();
    assert_eq!(parent.names().unwrap(), ["secret"]);
    parent.remove_tree("secret").unwrap();
    assert!(parent.names().unwrap().is_empty());
}

#[test]
fn a_tree_may_be_deeper_than_files_may_be_open() {
    let lab = Lab::new();
    let parent = Dir::open(lab.0.path()).unwrap();
    let mut at = lab.dir();
    for level in 0..3000 {
        if level % 500 == 0 {
            at.create("file", 0o600).unwrap();
            at.symlink("link", "/etc").unwrap();
        }
        at = at.make("d", 0o700).unwrap().0;
    }
    drop(at);
    parent.remove_tree("tree").unwrap();
    assert_eq!(parent.names().unwrap(), ["secret"]);
}

#[test]
fn removing_while_somebody_swaps_directories_stays_inside() {
    let lab = Lab::new();
    let parent = Dir::open(lab.0.path()).unwrap();
    std::fs::create_dir_all(lab.at("precious/sub")).unwrap();
    for name in ["precious/b", "precious/sub/b"] {
        std::fs::write(lab.at(name), "precious").unwrap();
    }
    for _ in 0..50 {
        std::fs::create_dir_all(lab.at("tree/sub/sub")).unwrap();
        for index in 0..20 {
            std::fs::write(lab.at(&format!("tree/sub/sub/{index}")), "").unwrap();
        }
        symlink(lab.at("precious"), lab.at("swap")).unwrap();
        std::thread::scope(|scope| {
            let attack = scope.spawn(|| {
                for _ in 0..200 {
                    // The directory becomes the link, and again the directory.
                    let flags = rustix::fs::RenameFlags::EXCHANGE;
                    let _ = rustix::fs::renameat_with(&parent, "swap", &parent, "tree/sub", flags);
                }
            });
            while !attack.is_finished() {
                let _ = parent.remove_tree("tree");
            }
        });
        for name in ["swap", "tree"] {
            parent.remove_tree(name).unwrap();
        }
        assert!(lab.at("precious/b").exists() && lab.at("precious/sub/b").exists());
    }
}

proptest::proptest! {
    #[test]
    fn no_path_leaves_the_directory(path in "[a-z./]{0,40}") {
        let lab = Lab::new();
        std::fs::remove_dir_all(lab.at("tree")).unwrap();
        std::fs::create_dir(lab.at("tree")).unwrap();
        let dir = lab.dir();
        // The directory is empty: whatever is found is outside, or the directory itself.
        for links in [Links::Refuse, Links::Inside, Links::AsRoot] {
            proptest::prop_assert!(dir.file_by(&path, links).is_err());
        }
    }
}
