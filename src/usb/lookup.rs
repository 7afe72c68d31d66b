//! Which file a name means. The order is rpiboot's (`check_file` in its main.c); what it leaves open, the payload's
//! border, is closed: whatever is asked for, only regular files below the payload or the folders that the user allows
//! are opened.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::bootfiles::Bootfiles;
use super::border::{BadFolder, Border, Closed};
use super::error::Error;
use super::message::{BadName, check_name};
use crate::board::PortPath;
use crate::board::identity::Chip;
use crate::image::read_at::ReadAt;

/// The archive that takes the place of single files in a payload.
pub const BOOTFILES: &str = "bootfiles.bin";

/// A directory of boot files.
#[derive(Debug)]
pub struct Payload {
    dir: PathBuf,
    border: Border,
    overlays: bool,
    bootfiles: Option<(Arc<File>, Bootfiles)>,
}

/// What decides about a payload beside its directory.
#[derive(Debug, Clone, Default)]
pub struct PayloadOptions {
    /// Whether a folder with the name of the board's port path comes first, as with `rpiboot -o`.
    pub overlays: bool,
    /// Folders outside the payload to which its links may lead.
    pub allow: Vec<PathBuf>,
}

/// The board that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The family of its boot ROM.
    pub chip: Chip,
    /// Where it is plugged in; `None` for what is the same everywhere.
    pub port: Option<PortPath>,
}

/// A file that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The file, or the archive that it is a part of.
    pub file: Arc<File>,
    /// Where in it the bytes begin.
    pub offset: u64,
    /// How many there are: at most what 32 bits hold.
    pub len: u32,
    /// Where it was found.
    pub origin: Origin,
}

/// Where a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In the folder of the board's port.
    Overlay,
    /// In the folder of its family, `2710`, `2711` or `2712`.
    Family,
    /// In `bootfiles.bin`.
    Bootfiles,
    /// In the payload itself.
    Base,
}

impl Origin {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Family => "family",
            Self::Bootfiles => "bootfiles",
            Self::Base => "base",
        }
    }
}

impl Payload {
    /// Opens a directory. Nothing in it is looked at but `bootfiles.bin`; see [`super::payload::check`].
    ///
    /// Links may also lead into `firmware` and `rpi-eeprom` beside the directory, as in Raspberry Pi's repository of
    /// payloads, and into `clients`, as in the live tree.
    ///
    /// # Errors
    /// Where it can't be used, or `bootfiles.bin` is damaged.
    pub fn open(dir: &Path, options: &PayloadOptions) -> Result<Self, Error> {
        let border = Border::of(dir, &options.allow)
            .map_err(|BadFolder { path, source }| Error::Dir { dir: path, source })?;
        let mut payload = Self { dir: dir.to_owned(), border, overlays: options.overlays, bootfiles: None };
        let path = dir.join(BOOTFILES);
        match payload.open_file(&path) {
            Ok(Some((file, _))) => {
                let members = Bootfiles::read(file.as_ref()).map_err(|damage| {
                    let mut start = [0; 512];
                    let len = file.as_ref().read_at(&mut start, 0).unwrap_or(0);
                    match super::payload::stub(&start[..len]).filter(|_| len < start.len()) {
                        Some(target) => Error::Stub { path, target },
                        None => Error::Bootfiles { path, damage },
                    }
                })?;
                payload.bootfiles = Some((file, members));
            }
            Ok(None) => {}
            Err(Closed::LeadsOut(target)) => return Err(Error::LeadsOut { link: path, target }),
            Err(Closed::Io(source)) => return Err(Error::Read { path, source }),
        }
        Ok(payload)
    }

    /// The directory, as it was named.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The archive, where there is one.
    #[must_use]
    pub fn bootfiles(&self) -> Option<&Bootfiles> {
        self.bootfiles.as_ref().map(|(_, members)| members)
    }

    /// The ports that have a folder of their own, where folders of ports count.
    pub(super) fn overlays(&self) -> Result<Vec<PortPath>, Error> {
        if !self.overlays {
            return Ok(Vec::new());
        }
        let error = |source| Error::Dir { dir: self.dir.clone(), source };
        let mut ports = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            if let Some(port) = name.to_str().and_then(|name| name.parse::<PortPath>().ok()) {
                ports.push(port);
            }
        }
        Ok(ports)
    }

    /// The file that a name means to a board. `None` where there is no such file.
    ///
    /// # Errors
    /// Where the name, or the file, must not be served.
    pub fn find(&self, asker: Asker, name: &str) -> Result<Option<Found>, BadName> {
        check_name(name)?;
        let prefix = asker.chip.prefix();
        let family = self.dir.join(prefix).join(name);
        if let Some((archive, members)) = &self.bootfiles {
            if let Some(found) = self.on_disk(&family, Origin::Family)? {
                return Ok(Some(found));
            }
            if let Some(member) = members.find(&format!("{prefix}/{name}")) {
                let len = u32::try_from(member.len).map_err(|_| BadName::TooLarge)?;
                let file = archive.clone();
                return Ok(Some(Found { file, offset: member.offset, len, origin: Origin::Bootfiles }));
            }
        }
        // Always of the payload itself: what a board gets before it can be told from others is the same for all.
        let is_bootcode = Chip::ALL.iter().any(|chip| chip.bootcode() == name);
        if let Some(port) = asker.port.filter(|_| self.overlays && !is_bootcode) {
            let own = self.dir.join(port.to_string()).join(name);
            if let Some(found) = self.on_disk(&own, Origin::Overlay)? {
                return Ok(Some(found));
            }
        }
        match self.on_disk(&family, Origin::Family)? {
            Some(found) => Ok(Some(found)),
            None => self.on_disk(&self.dir.join(name), Origin::Base),
        }
    }

    fn on_disk(&self, path: &Path, origin: Origin) -> Result<Option<Found>, BadName> {
        match self.open_file(path) {
            Ok(Some((file, len))) => {
                let len = u32::try_from(len).map_err(|_| BadName::TooLarge)?;
                Ok(Some(Found { file, offset: 0, len, origin }))
            }
            Ok(None) => Ok(None),
            Err(Closed::LeadsOut(_)) => Err(BadName::LeadsOut),
            // The board gets nothing, as from rpiboot; but it isn't told as if there were no such file.
            Err(Closed::Io(error)) => Err(BadName::of_io(&error)),
        }
    }

    /// Opens a regular file below one of the allowed folders, with its length.
    pub(super) fn open_file(&self, path: &Path) -> Result<Option<(Arc<File>, u64)>, Closed> {
        let Some(file) = self.border.open(path)? else { return Ok(None) };
        let len = file.size().map_err(Closed::Io)?;
        Ok(Some((Arc::new(file), len)))
    }
}

impl ReadAt for Found {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Self::read_at(self, buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len.into())
    }

    fn available(&self) -> u64 {
        self.len.into()
    }
}

impl Found {
    /// Reads from the file, from `at` on. Fewer bytes than asked only where it ends.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let left = usize::try_from(u64::from(self.len).saturating_sub(at)).unwrap_or(usize::MAX);
        let buf_len = buf.len().min(left);
        self.file.as_ref().read_at(&mut buf[..buf_len], self.offset + at)
    }

    /// All its bytes.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] where the file got shorter.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len as usize];
        self.file.as_ref().read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[&str]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for name in files {
                tree.put(name, format!("disk {name}").as_bytes());
            }
            tree
        }

        fn put(&self, name: &str, bytes: &[u8]) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("root").join(name)
        }

        fn archive(&self, names: &[&str]) {
            let mut builder = tar::Builder::new(Vec::new());
            for name in names {
                let bytes = format!("tar {name}");
                let mut header = tar::Header::new_ustar();
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, name, bytes.as_bytes()).unwrap();
            }
            self.put(BOOTFILES, &builder.into_inner().unwrap());
        }

        fn open(&self, overlays: bool) -> Payload {
            Payload::open(&self.path(""), &PayloadOptions { overlays, allow: Vec::new() }).unwrap()
        }
    }

    fn asker(chip: Chip) -> Asker {
        Asker { chip, port: Some("1-1.2".parse().unwrap()) }
    }

    fn get(payload: &Payload, chip: Chip, name: &str) -> Option<String> {
        let found = payload.find(asker(chip), name).unwrap()?;
        Some(String::from_utf8(found.read_all().unwrap()).unwrap())
    }

    #[test]
    fn a_directory_is_overlay_then_family_then_base() {
        let tree =
            Tree::new(&["1-1.2/a", "2711/a", "a", "2711/b", "b", "c", "1-1.2/overlays/x.dtbo", "2710/d"]);
        let payload = tree.open(true);
        let got = |chip, name| get(&payload, chip, name);
        assert_eq!(got(Chip::Bcm2711, "a").as_deref(), Some("disk 1-1.2/a"));
        assert_eq!(got(Chip::Bcm2711, "b").as_deref(), Some("disk 2711/b"));
        assert_eq!(got(Chip::Bcm2712, "b").as_deref(), Some("disk b"));
        assert_eq!(got(Chip::Bcm2711, "c").as_deref(), Some("disk c"));
        assert_eq!(got(Chip::Bcm2711, "overlays/x.dtbo").as_deref(), Some("disk 1-1.2/overlays/x.dtbo"));
        assert_eq!(got(Chip::Bcm2835, "d").as_deref(), Some("disk 2710/d"));
        assert_eq!(got(Chip::Bcm2837, "d").as_deref(), Some("disk 2710/d"));
        assert_eq!(got(Chip::Bcm2711, "d"), None);
        assert_eq!(got(Chip::Bcm2711, "A"), None, "case counts on disk");
        assert_eq!(got(Chip::Bcm2711, "overlays"), None, "a folder is no file");
        let payload = tree.open(false);
        assert_eq!(get(&payload, Chip::Bcm2711, "a").as_deref(), Some("disk 2711/a"));
    }

    #[test]
    fn the_bootcode_never_comes_from_the_overlay() {
        let tree =
            Tree::new(&["1-1.2/bootcode.bin", "bootcode.bin", "1-1.2/bootcode4.bin", "2711/bootcode4.bin"]);
        let payload = tree.open(true);
        assert_eq!(get(&payload, Chip::Bcm2835, "bootcode.bin").as_deref(), Some("disk bootcode.bin"));
        assert_eq!(get(&payload, Chip::Bcm2711, "bootcode4.bin").as_deref(), Some("disk 2711/bootcode4.bin"));
        assert_eq!(get(&payload, Chip::Bcm2712, "bootcode5.bin"), None);
    }

    #[test]
    fn the_archive_comes_before_the_overlay_and_the_family_folder_before_it() {
        let tree =
            Tree::new(&["1-1.2/mcb.bin", "mcb.bin", "2711/bootmain", "1-1.2/config.txt", "config.txt"]);
        tree.archive(&["2711/mcb.bin", "2711/BOOTMAIN", "2711/logo.bin", "config.txt"]);
        let payload = tree.open(true);
        let got = |name| get(&payload, Chip::Bcm2711, name);
        assert_eq!(got("mcb.bin").as_deref(), Some("tar 2711/mcb.bin"));
        assert_eq!(got("bootmain").as_deref(), Some("disk 2711/bootmain"));
        assert_eq!(
            got("LOGO.bin").as_deref(),
            Some("tar 2711/logo.bin"),
            "case doesn't count in the archive"
        );
        assert_eq!(got("config.txt").as_deref(), Some("disk 1-1.2/config.txt"));
        assert_eq!(get(&payload, Chip::Bcm2712, "mcb.bin").as_deref(), Some("disk 1-1.2/mcb.bin"));
    }

    #[test]
    fn nothing_outside_is_served() {
        let tree = Tree::new(&["a", "2711/a"]);
        let outside = tree.0.path().join("secret");
        fs::write(&outside, "secret").unwrap();
        symlink(&outside, tree.path("link")).unwrap();
        symlink("/etc", tree.path("etc")).unwrap();
        symlink("a", tree.path("inside")).unwrap();
        symlink("../../secret", tree.path("2711/up")).unwrap();
        symlink("nowhere", tree.path("dangling")).unwrap();
        symlink("loop", tree.path("loop")).unwrap();
        let payload = tree.open(false);
        let find = |name| payload.find(asker(Chip::Bcm2711), name).map(|found| found.is_some());
        assert_eq!(find("inside"), Ok(true));
        assert_eq!(find("link"), Err(BadName::LeadsOut));
        assert_eq!(find("etc/passwd"), Err(BadName::LeadsOut));
        assert_eq!(find("up"), Err(BadName::LeadsOut));
        assert_eq!(find("dangling"), Ok(false));
        assert_eq!(find("loop"), Ok(false));
        assert_eq!(find("../secret"), Err(BadName::Parent));
        assert_eq!(find("/etc/passwd"), Err(BadName::Absolute));
        assert_eq!(find("a\0b"), Err(BadName::Bytes));
        assert_eq!(find("a/"), Ok(false));
        assert_eq!(find(&"x/".repeat(3000)), Ok(false));
        let allow = vec![tree.0.path().to_owned()];
        let payload = Payload::open(&tree.path(""), &PayloadOptions { overlays: false, allow }).unwrap();
        assert!(payload.find(asker(Chip::Bcm2711), "link").unwrap().is_some());
    }

    #[test]
    fn links_of_the_live_tree_and_of_the_repository_are_followed() {
        let tree = Tree::new(&["x"]);
        for (folder, name) in [("clients/by-serial/1", "kernel.img"), ("firmware/2711", "start4.elf")] {
            let folder = tree.0.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), name).unwrap();
        }
        symlink("../clients/by-serial/1", tree.path("1-1.2")).unwrap();
        symlink("../firmware/2711/start4.elf", tree.path("start4.elf")).unwrap();
        let payload = tree.open(true);
        assert_eq!(get(&payload, Chip::Bcm2835, "kernel.img").as_deref(), Some("kernel.img"));
        assert_eq!(get(&payload, Chip::Bcm2711, "start4.elf").as_deref(), Some("start4.elf"));
    }

    #[test]
    fn pipes_and_devices_are_not_opened() {
        let tree = Tree::new(&["a"]);
        let path = tree.path("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        // Would wait for a writer.
        assert!(tree.open(false).find(asker(Chip::Bcm2711), "pipe").unwrap().is_none());
    }

    #[test]
    fn a_host_that_can_open_no_more_files_says_so() {
        crate::beneath::testing::alone(
            "usb::lookup::tests::a_host_that_can_open_no_more_files_says_so",
            || {
                let tree = Tree::new(&["a", "config.txt"]);
                let payload = tree.open(false);
                crate::beneath::testing::no_more_files(true);
                let found = payload.find(asker(Chip::Bcm2711), "a").map(|found| found.is_some());
                let checked = super::super::payload::bootcode(&payload, asker(Chip::Bcm2711)).map(|_| ());
                crate::beneath::testing::no_more_files(false);
                assert_eq!(found, Err(BadName::TooManyOpen));
                assert!(matches!(checked, Err(Error::Read { .. })), "{checked:?}");
            },
        );
        let says = |errno: i32| BadName::of_io(&io::Error::from_raw_os_error(errno));
        assert_eq!(says(libc::EACCES), BadName::Forbidden);
        assert_eq!(says(libc::ENFILE), BadName::TooManyOpen);
        assert_eq!(says(libc::EIO), BadName::Unreadable);
    }

    #[test]
    fn a_file_of_4_gib_is_refused() {
        let tree = Tree::new(&["a"]);
        File::options().write(true).open(tree.path("a")).unwrap().set_len(1 << 32).unwrap();
        let payload = tree.open(false);
        assert_eq!(payload.find(asker(Chip::Bcm2711), "a").map(|_| ()), Err(BadName::TooLarge));
    }

    #[test]
    fn no_payload_no_service() {
        let tree = Tree::new(&["file"]);
        for name in ["nowhere", "file"] {
            assert!(matches!(
                Payload::open(&tree.path(name), &PayloadOptions::default()),
                Err(Error::Dir { .. })
            ));
        }
        tree.put(BOOTFILES, &[b'x'; 1024]);
        assert!(matches!(
            Payload::open(&tree.path(""), &PayloadOptions::default()),
            Err(Error::Bootfiles { .. })
        ));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn no_name_leaves_the_payload(name in "[a-z./\\\\ ~*:-]{0,40}") {
            let tree = Tree::new(&["a", "b/c"]);
            let secret = tree.0.path().join("secret");
            fs::write(secret, "secret").unwrap();
            let payload = tree.open(true);
            if let Ok(Some(found)) = payload.find(asker(Chip::Bcm2711), &name) {
                proptest::prop_assert!(found.read_all().unwrap().starts_with(b"disk "));
            }
        }
    }
}
