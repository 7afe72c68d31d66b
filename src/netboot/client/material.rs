//! What a client is made from: an image, a directory, or the running system.

mod apart;
mod identity;

use std::path::{Component, Path, PathBuf};

use super::Error;
use super::checklist::LEFT_OUT;
use super::copy::Take;
use super::layout::{BOOT_PLACES, Layout};
use super::record::Origin;
use super::source::{BootSource, Ext4Source, FatSource, HostSource, Node, Source};
use super::view::View;
use crate::beneath::Links;
use crate::image::ext4::{Ext4, FileKind};
use crate::image::files::is_fat;
use crate::image::{Image, ImageOptions};
pub(super) use apart::Apart;
use identity::{Identity, modules};

/// Directories of a system whose contents are not the system's: the kernel's, and what a restart empties.
const EMPTY: [&str; 5] = ["proc", "sys", "dev", "run", "tmp"];

/// What no system starts without, or what the checklist makes a client of.
const NEEDED: [&str; 34] = [
    "etc/fstab",
    "etc/group",
    "etc/os-release",
    "etc/passwd",
    "etc/shadow",
    "etc/systemd/system",
    "bin/mount",
    "bin/sh",
    "lib/modules",
    "lib/systemd/system",
    "lib/systemd/systemd",
    "sbin/init",
    "usr/bin/bash",
    "usr/bin/dash",
    "usr/bin/login",
    "usr/bin/mount",
    "usr/bin/sh",
    "usr/bin/systemctl",
    "usr/lib/modules",
    "usr/lib/os-release",
    "usr/lib/systemd/system",
    "usr/lib/systemd/systemd",
    "usr/lib/systemd/systemd-executor",
    "usr/lib/udev",
    "usr/sbin/init",
    "usr/sbin/mount.nfs",
    "var/lib",
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "bin/bash",
    "bin/dash",
];

/// Whether no client starts without a path, or without something below it.
fn is_needed(path: &Path) -> bool {
    // The C library and what loads it: `usr/lib/aarch64-linux-gnu`, `lib/ld-linux-armhf.so.3`.
    let libraries = || {
        let path = path.strip_prefix("usr").unwrap_or(path);
        let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy());
        parts.next().is_some_and(|top| top == "lib")
            && parts.next().is_some_and(|name| name.starts_with("ld-linux") || name.contains("-linux-gnu"))
            && parts.next().is_none_or(|name| {
                ["libc.so", "libc-2", "ld-", "systemd"].iter().any(|start| name.starts_with(start))
            })
    };
    NEEDED.iter().any(|needed| Path::new(needed).starts_with(path)) || libraries()
}

/// A root and its boot files, open for reading.
pub(super) struct Material {
    pub(super) from: PathBuf,
    pub(super) root: Box<dyn Source>,
    pub(super) boot: BootSource,
    pub(super) layout: Layout,
    /// What tells it from another of the same path.
    pub(super) identity: Identity,
    /// Where it is an image.
    pub(super) image: Option<Image>,
    /// Bytes of the root, roughly.
    pub(super) expected: Option<u64>,
    /// Whether it may change while it is copied.
    pub(super) running: bool,
    /// Where it is a directory.
    directory: Option<HostSource>,
    /// The device of a directory: other file systems are not entered.
    device: Option<u64>,
    /// What of the host is left out.
    apart: Apart,
    /// Paths below the root that are left out, without a slash in front.
    excluded: Vec<PathBuf>,
}

impl Material {
    /// Opens an image or a directory; looks at what it is.
    pub(super) fn open(
        from: &Path,
        force: bool,
        options: &ImageOptions,
        apart: Apart,
        exclude: &[PathBuf],
    ) -> Result<Self, Error> {
        let mut material = if from.is_dir() {
            Self::directory(from, force, apart)
        } else {
            Self::image(from, force, options)
        }?;
        material.exclude(exclude)?;
        Ok(material)
    }

    /// Leaves out these paths of the root. They make another source of it.
    fn exclude(&mut self, paths: &[PathBuf]) -> Result<(), Error> {
        for path in paths {
            let plain = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
            let below: PathBuf =
                path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
            let cannot = |why: &str| Error::Cannot {
                what: format!("{} can't be left out: {why}", path.display()),
                hint: "give a path as it is in the source, such as /home/pi/video".into(),
            };
            if !path.components().all(|part| plain(&part)) || below.as_os_str().is_empty() {
                return Err(cannot("it is no path below the root"));
            }
            let text = below.to_str().ok_or_else(|| cannot("it is not UTF-8"))?;
            let view = View(&*self.root);
            if view.find_link(text)?.is_none() {
                return Err(cannot("it is not in the source"));
            }
            // What is copied is looked up by its own path, and that has no link in it.
            if let Some(link) = view.link_above(text)? {
                return Err(cannot(&format!("/{link} is a link, and what it leads to has another path")));
            }
            let boot = Path::new(self.layout.boot.trim_start_matches('/'));
            if below.starts_with(boot) || boot.starts_with(&below) {
                return Err(cannot("the boot files are always copied"));
            }
            if is_needed(&below) {
                return Err(Error::Cannot {
                    what: format!("{} can't be left out: no client starts without it", path.display()),
                    hint: "leave out what lies below it and isn't needed, if that is meant".into(),
                });
            }
            self.excluded.push(below);
        }
        self.excluded.sort();
        self.excluded.dedup();
        if self.excluded.is_empty() {
            return Ok(());
        }
        let has_modules =
            |excluded: &[PathBuf]| modules(&View(&*self.root), excluded).map(|kernels| !kernels.is_empty());
        if has_modules(&[])? && !has_modules(&self.excluded)? {
            return Err(Error::Cannot {
                what:
                    "the modules of all kernels can't be left out: no client starts without those of its own"
                        .into(),
                hint: "leave out those of the kernels that no client starts".into(),
            });
        }
        self.identity = match &self.directory {
            Some(root) => {
                let (boot, prefix) = (&self.boot, self.layout.prefix());
                Identity::directory(&self.from, root, boot, prefix, &self.excluded)?
            }
            None => self.identity.clone(),
        }
        .without(&self.excluded);
        Ok(())
    }

    /// What is missed on a client by what is left out; sentences.
    pub(super) fn missed(&self) -> Vec<String> {
        const MISSED: [(&str, &str); 3] = [
            ("etc/ssh", "sshd has no settings on the client, and may not start"),
            ("etc/ssl", "no certificate of others is believed on the client"),
            ("etc/pam.d", "nobody can log in on the client"),
        ];
        let missed = MISSED
            .iter()
            .filter(|(path, _)| self.excluded.iter().any(|excluded| Path::new(path).starts_with(excluded)));
        missed.map(|(path, what)| format!("/{path} is left out: {what}.")).collect()
    }

    /// Files of this host that are not copied though they lie in it; a sentence.
    pub(super) fn told_apart(&self) -> Option<String> {
        self.apart.told(&self.from, self.device?)
    }

    /// The same files, as the system in the source names them.
    pub(super) fn apart(&self) -> Vec<PathBuf> {
        self.device.map(|device| self.apart.files(&self.from, device)).unwrap_or_default()
    }

    /// Looks again at what is not copied, shortly before something is.
    pub(super) fn look_apart(&mut self) {
        self.apart.look();
    }

    /// Whether this is what something was made from.
    pub(super) fn is_of(&self, origin: &Origin) -> bool {
        self.identity.is(&origin.identity, self.from == origin.from)
    }

    /// What was left out of something that was made from this, where that is all that is otherwise now; and what is left
    /// out now. Paths from the root on.
    pub(super) fn left_out_otherwise(&self, origin: &Origin) -> Option<[Vec<String>; 2]> {
        let then = self.identity.leaves_out(&origin.identity, self.from == origin.from)?;
        Some([then, self.excluded.iter().map(|path| format!("/{}", path.display())).collect()])
    }

    /// Whether a root that was made from this goes with the kernels that this has now.
    pub(super) fn is_in(&self, root: &Path, origin: &Origin) -> Result<bool, Error> {
        self.identity.is_in(root, self.directory.as_ref(), &origin.identity, &self.excluded)
    }

    fn image(from: &Path, force: bool, options: &ImageOptions) -> Result<Self, Error> {
        let not =
            |why: &str| Error::NotRaspberryPiOs { path: from.to_owned(), why: why.to_owned(), force: false };
        let image = Image::open(from, options)?;
        let table = image.table()?.ok_or_else(|| not("it has no partition table"))?;
        let content = image.content();
        let (mut boot, mut root) = (None, None);
        for partition in table.partitions.iter().filter(|partition| !partition.is_extended()) {
            let reading = Error::os("reading", from);
            if boot.is_none() && is_fat(&content, partition).map_err(reading)? {
                boot = Some(partition);
                continue;
            }
            let reading = Error::os("reading", from);
            if root.is_none() && Ext4::is_there(&*content, partition.start).map_err(reading)? {
                root = Some(partition);
            }
        }
        let boot = boot.ok_or_else(|| not("it has no FAT partition to boot from"))?;
        let partition = root.ok_or_else(|| not("it has no ext4 partition with a root"))?;
        let fs = Ext4::open(content.clone(), partition.start, partition.len)
            .map_err(|source| Error::Ext4 { path: from.to_owned(), partition: partition.number, source })?;
        let meta = std::fs::metadata(from).map_err(Error::os("looking at", from))?;
        let identity =
            format!("{} bytes, {}, ext4 {}", meta.len(), modified(&meta), crate::format::hex(&fs.uuid()));
        let raw = image.raw_file().cloned();
        let boot = BootSource(Box::new(FatSource::open(content, raw.clone(), boot, from)?));
        let expected = Some(fs.used());
        let root = Ext4Source { fs, path: from.to_owned(), partition: partition.number, raw };
        let layout = Layout::detect(from, &View(&root), &View(&boot), force)?;
        Ok(Self {
            from: from.canonicalize().map_err(Error::os("looking at", from))?,
            root: Box::new(root),
            boot,
            layout,
            identity: Identity::image(identity),
            directory: None,
            image: Some(image),
            expected,
            running: false,
            device: None,
            apart: Apart::default(),
            excluded: Vec::new(),
        })
    }

    fn directory(from: &Path, force: bool, apart: Apart) -> Result<Self, Error> {
        let from = from.canonicalize().map_err(Error::os("looking at", from))?;
        let root = HostSource::open(&from)?;
        let top = root.root()?;
        // A link in a foreign tree leads nowhere out of that tree.
        let boot = BOOT_PLACES.into_iter().find_map(|place| {
            let dir = root.dir().dir_by(place, Links::AsRoot).ok()?;
            // Where two sets of boot files take turns, the command line is deeper.
            ["cmdline.txt", "config.txt"].iter().find(|name| dir.file_by(name, Links::Inside).is_ok())?;
            Some((place, BootSource(Box::new(HostSource::of(dir)))))
        });
        let (place, boot) = boot.ok_or_else(|| Error::NotRaspberryPiOs {
            path: from.clone(),
            why: "there is no cmdline.txt in its boot/firmware or boot (is the boot partition mounted?)"
                .to_owned(),
            force: false,
        })?;
        // What is no file there would be left out, and the board then boots by other settings.
        View(&*boot.0).kept("config.txt")?;
        let mut layout = Layout::detect(&from, &View(&root), &View(&boot), force)?;
        // Where the files are says more than where fstab would mount them.
        layout.boot = place.to_owned();
        Ok(Self {
            identity: Identity::directory(&from, &root, &boot, layout.prefix(), &[])?,
            directory: Some(HostSource::of(root.dir().again().map_err(Error::os("opening", &from))?)),
            boot,
            device: Some(top.id.0),
            running: from == Path::new("/"),
            root: Box::new(root),
            layout,
            image: None,
            expected: None,
            apart,
            excluded: Vec::new(),
            from,
        })
    }

    /// What of the root is copied.
    pub(super) fn take(&self, path: &Path, node: &Node) -> Take {
        let directory = node.kind == FileKind::Directory;
        if path == Path::new("lost+found") || path == Path::new("var/swap") {
            return Take::Nothing;
        }
        if self.excluded.iter().any(|excluded| excluded == path) {
            return Take::Nothing;
        }
        // With keys and tokens in it.
        if self.running && LEFT_OUT.iter().any(|left_out| path == Path::new(left_out)) {
            return Take::Nothing;
        }
        // An image has nodes of its own, with other numbers.
        if self.device.is_some() && self.apart.has(&self.from, path, node) {
            return Take::Nothing;
        }
        if directory && path == Path::new(self.layout.boot.trim_start_matches('/')) {
            return Take::Empty;
        }
        let Some(device) = self.device else { return Take::All };
        if directory && (node.id.0 != device || EMPTY.iter().any(|empty| path == Path::new(empty))) {
            return Take::Empty;
        }
        Take::All
    }
}

fn modified(meta: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{}.{:09}", meta.mtime(), meta.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Tree;
    use super::*;

    fn tree() -> Tree {
        let tree = Tree::new();
        tree.file("root/etc/os-release", "ID=debian\n");
        tree.file("root/etc/rpi-issue", "");
        tree.file("root/etc/fstab", "");
        for path in [
            "etc/piprov/piprov.toml",
            "etc/exports.d/other.exports",
            "var/lib/piprov/station.key",
            "home/pi/video/x",
            "boot/cmdline.txt",
        ] {
            tree.file(&format!("root/{path}"), "");
        }
        tree
    }

    fn open(tree: &Tree, exclude: &[&str]) -> Result<Material, Error> {
        let exclude: Vec<PathBuf> = exclude.iter().map(PathBuf::from).collect();
        Material::open(
            &tree.path("root"),
            false,
            &ImageOptions::default(),
            Apart::new(Vec::new(), &tree.path("host")),
            &exclude,
        )
    }

    fn takes(material: &Material, path: &str) -> Take {
        let node = View(&*material.root).find(path).unwrap().unwrap();
        material.take(Path::new(path), &node)
    }

    #[test]
    fn a_disk_in_a_file_is_not_copied_and_that_is_told() {
        let tree = tree();
        tree.file("root/var/lib/netboot.img", "a private key of another client");
        let file = tree.path("root/var/lib/netboot.img");
        tree.file("host/sys/block/loop0/loop/backing_file", &format!("{}\n", file.display()));
        let material = open(&tree, &[]).unwrap();
        assert_eq!(takes(&material, "var/lib/netboot.img"), Take::Nothing);
        assert!(material.told_apart().unwrap().ends_with(": /var/lib/netboot.img."));
        assert_eq!(material.apart(), [PathBuf::from("/var/lib/netboot.img")]);
    }

    #[test]
    fn what_this_host_is_as_a_server_is_not_copied() {
        let tree = tree();
        let mut material = open(&tree, &[]).unwrap();
        for path in ["etc/piprov", "etc/exports.d", "var/lib/piprov"] {
            assert_eq!(takes(&material, path), Take::All, "of an image or another directory");
        }
        material.running = true;
        for path in ["etc/piprov", "etc/exports.d", "var/lib/piprov"] {
            assert_eq!(takes(&material, path), Take::Nothing, "{path}");
        }
        assert_eq!(takes(&material, "etc"), Take::All);
    }

    #[test]
    fn a_path_that_is_left_out_makes_another_source() {
        let tree = tree();
        let whole = open(&tree, &[]).unwrap().identity.text();
        let without = open(&tree, &["/home/pi/video", "home/pi/video/"]).unwrap();
        assert_eq!(takes(&without, "home/pi/video"), Take::Nothing);
        assert_eq!(takes(&without, "home/pi"), Take::All);
        assert_eq!(without.identity.text(), format!("{whole}, without home/pi/video"));
        for bad in ["/", "", ".", "../etc", "/home/../etc", "/none"] {
            assert!(matches!(open(&tree, &[bad]), Err(Error::Cannot { .. })), "{bad}");
        }
    }

    #[test]
    fn what_would_be_copied_all_the_same_is_not_left_out() {
        let tree = tree();
        std::os::unix::fs::symlink("pi/video", tree.path("root/home/lnk")).unwrap();
        for (bad, why) in [
            ("/home/lnk/x", "/home/lnk is a link"),
            ("/boot", "boot files"),
            ("/boot/cmdline.txt", "boot files"),
            ("/etc", "no client starts"),
            ("/etc/fstab", "no client starts"),
            ("/var", "no client starts"),
        ] {
            tree.directory("root/var/lib");
            let error = open(&tree, &[bad]).err().unwrap().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
        assert_eq!(
            takes(&open(&tree, &["/home/lnk"]).unwrap(), "home/pi/video"),
            Take::All,
            "the link alone"
        );
        assert!(open(&tree, &["/var/lib/piprov", "/etc/piprov"]).is_ok());
        for bad in [
            "/usr/lib/systemd",
            "/usr/lib/systemd/systemd",
            "/etc/systemd",
            "/usr/lib/modules",
            "/usr/bin/sh",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu/libc.so.6",
        ] {
            tree.file(&format!("root{bad}/x"), "");
            let error = open(&tree, &[bad]).err().unwrap().to_string();
            assert!(error.contains("no client starts"), "{bad}: {error}");
        }
        tree.file("root/etc/ssh/sshd_config", "");
        tree.file("root/usr/lib/aarch64-linux-gnu/dri/x", "");
        assert_eq!(open(&tree, &["/usr/lib/aarch64-linux-gnu/dri"]).unwrap().missed(), [""; 0]);
        assert!(
            open(&tree, &["/etc/ssh"]).unwrap().missed()[0].starts_with("/etc/ssh is left out: sshd has")
        );
    }

    #[test]
    fn a_config_txt_that_is_no_file_is_refused() {
        let tree = tree();
        let kind = rustix::fs::FileType::Fifo;
        let path = tree.path("root/boot/config.txt");
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(matches!(open(&tree, &[]), Err(Error::Unfit { .. })));
    }

    #[test]
    fn two_directories_of_one_disk_are_two_sources() {
        let (one, other) = (tree(), tree());
        let (first, second) = (open(&one, &["/home"]).unwrap(), open(&other, &["/home"]).unwrap());
        let of = |material: &Material, identity: &str| Origin {
            from: material.from.clone(),
            identity: identity.to_owned(),
            ..Origin::default()
        };
        assert!(first.is_of(&of(&first, &first.identity.text())));
        assert!(!first.is_of(&of(&second, &second.identity.text())));
        assert!(first.identity.text().ends_with(", without home"));
    }
}
