//! Watches the TFTP tree and the clients' records, by inotify: files that a bootloader can't take are told when they
//! are put there, and a new client counts at once.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::dhcp::lasting::Lasting;
use crate::netboot::content::clients::NetbootClients;
use crate::netboot::content::limits::{self, TooLarge};

/// Directories of boards that are watched; the kernel's usual limit for a user is far above.
const MOST: usize = 4096;

/// What happened in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A file is there that is too large for its boards.
    TooLarge(TooLarge),
    /// The clients' records have changed.
    Clients,
    /// Something is not as it should be.
    Note(String),
}

/// The watched directories.
#[derive(Debug)]
pub(super) struct Tree {
    fd: OwnedFd,
    root: PathBuf,
    state: PathBuf,
    clients: Arc<RwLock<NetbootClients>>,
    /// The clients' boards, for the DHCP server.
    lasting: Arc<Lasting>,
    /// By the kernel's number.
    dirs: BTreeMap<i32, Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A directory of files: its name below the root, empty for the root itself.
    Files(String),
    Records,
}

impl Tree {
    /// Watches a tree and the records below a state directory. What is there already is told by [`Tree::scan`].
    ///
    /// # Errors
    /// Where the kernel can't watch it: the limits of inotify are reached.
    pub(super) fn new(root: &Path, state: &Path, clients: Arc<RwLock<NetbootClients>>) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let (root, state) = (root.to_owned(), state.to_owned());
        let mut tree = Self { fd, root, state, clients, lasting: Arc::default(), dirs: BTreeMap::new() };
        tree.watch(&tree.root.clone(), Place::Files(String::new()))?;
        tree.watch(&tree.state.join("clients"), Place::Records)?;
        for name in tree.directories() {
            // One that vanished meanwhile doesn't count.
            let _ = tree.watch(&tree.root.join(&name), Place::Files(name));
        }
        Ok(tree)
    }

    /// With boards that keep their address: those of the clients, as their records come and go.
    pub(super) fn keeping(self, lasting: Arc<Lasting>) -> Self {
        Self { lasting, ..self }
    }

    fn watch(&mut self, path: &Path, place: Place) -> io::Result<()> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        if self.dirs.len() < MOST {
            let number = inotify::add_watch(&self.fd, path, flags)?;
            self.dirs.insert(number, place);
        }
        Ok(())
    }

    /// The directories in the root, links to directories too.
    fn directories(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.path().is_dir());
        let mut names: Vec<_> = dirs.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Everything that is too large now.
    #[must_use]
    pub(super) fn scan(&self) -> Vec<TooLarge> {
        let mut found = limits::scan(&self.root, "", None);
        for name in self.directories() {
            found.extend(self.scan_one(&name));
        }
        found
    }

    fn scan_one(&self, name: &str) -> Vec<TooLarge> {
        let client = self.client_of(name);
        limits::scan(&self.root.join(name), name, client.as_deref())
    }

    fn client_of(&self, directory: &str) -> Option<String> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let owner =
            clients.all().iter().find(|client| client.directories().iter().any(|name| name == directory));
        owner.map(|client| client.name.clone())
    }

    /// Reads the records again.
    #[must_use]
    pub(super) fn reload(&self) -> Vec<Change> {
        let (clients, wrong) = NetbootClients::read(&self.state);
        let all = clients.all();
        self.lasting
            .set(all.iter().filter_map(|client| client.mac), all.iter().filter_map(|client| client.serial));
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
        wrong.into_iter().map(Change::Note).collect()
    }

    /// What happened since the last call. Doesn't wait.
    ///
    /// # Errors
    /// When the kernel doesn't tell any more.
    pub(super) fn look(&mut self) -> io::Result<Vec<Change>> {
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut changes = Vec::new();
        let mut made = Vec::new();
        let mut again = false;
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                again = true;
            }
            if what.contains(ReadFlags::IGNORED) {
                self.dirs.remove(&event.wd());
                continue;
            }
            let name = event.file_name().and_then(|name| name.to_str().ok());
            let (Some(name), Some(place)) = (name, self.dirs.get(&event.wd())) else { continue };
            let is_there = what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO);
            match place {
                Place::Records => {
                    let counts = is_there || what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM);
                    if counts && name.ends_with(".toml") && !changes.contains(&Change::Clients) {
                        changes.push(Change::Clients);
                    }
                }
                // A link is no directory to inotify, and may be one to a board.
                Place::Files(dir)
                    if dir.is_empty()
                        && what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO)
                        && !made.contains(&name.to_owned()) =>
                {
                    made.push(name.to_owned());
                    if is_there {
                        changes.extend(self.judge(dir, name));
                    }
                }
                Place::Files(dir) if is_there => changes.extend(self.judge(dir, name)),
                Place::Files(_) => {}
            }
        }
        if changes.contains(&Change::Clients) {
            changes.extend(self.reload());
        }
        for name in made {
            let path = self.root.join(&name);
            if path.is_dir() {
                let _ = self.watch(&path, Place::Files(name.clone()));
                // What was put there before it was watched.
                changes.extend(self.scan_one(&name).into_iter().map(Change::TooLarge));
            }
        }
        if again {
            changes.extend(self.reload());
            changes.extend(self.scan().into_iter().map(Change::TooLarge));
        }
        Ok(changes)
    }

    /// Whether this file is too large.
    fn judge(&self, dir: &str, name: &str) -> Option<Change> {
        let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
        let found = if dir.is_empty() { limits::scan(&self.root, "", None) } else { self.scan_one(dir) };
        found.into_iter().find(|file| file.path == path).map(Change::TooLarge)
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(path: &Path) {
        std::fs::File::create(path).unwrap().set_len(200_000_000).unwrap();
    }

    fn paths(changes: &[Change]) -> Vec<&str> {
        let mut paths = Vec::new();
        for change in changes {
            if let Change::TooLarge(file) = change {
                paths.push(file.path.as_str());
            }
        }
        paths
    }

    #[test]
    fn what_is_put_there_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let (root, state) = (dir.path().join("tftp"), dir.path().join("state"));
        std::fs::create_dir_all(root.join("9c1d03f2")).unwrap();
        std::fs::create_dir_all(state.join("clients")).unwrap();
        large(&root.join("9c1d03f2/boot.img"));
        let clients = Arc::default();
        let lasting = Arc::<Lasting>::default();
        let tree = Tree::new(&root, &state, Arc::clone(&clients)).unwrap();
        let mut tree = tree.keeping(Arc::clone(&lasting));
        assert_eq!(tree.scan().len(), 1);
        assert_eq!(tree.look().unwrap(), []);
        // A file in the root, one in a known directory, and one in a new directory.
        large(&root.join("initramfs8"));
        std::fs::write(root.join("9c1d03f2/config.txt"), "x").unwrap();
        large(&dir.path().join("new"));
        std::fs::rename(dir.path().join("new"), root.join("9c1d03f2/initramfs8")).unwrap();
        std::fs::create_dir(root.join("00000007")).unwrap();
        large(&root.join("00000007/kernel8.img"));
        let changes = tree.look().unwrap();
        assert_eq!(paths(&changes), ["initramfs8", "9c1d03f2/initramfs8", "00000007/kernel8.img"]);
        large(&root.join("00000007/kernel7.img"));
        assert_eq!(paths(&tree.look().unwrap()), ["00000007/kernel7.img"]);
        // A record: from then on the directory has an owner.
        std::fs::write(state.join("clients/porch.toml"), "serial = '9c1d03f2'").unwrap();
        std::fs::write(state.join("clients/wrong.toml"), "x").unwrap();
        let changes = tree.look().unwrap();
        assert!(matches!(&changes[..], [Change::Clients, Change::Note(_)]), "{changes:?}");
        assert!(clients.read().unwrap().by_serial(&crate::board::Serial::of_low(0x9c1d_03f2)).is_some());
        assert!(tree.scan().iter().any(|file| file.client.as_deref() == Some("porch")));
        let mac = crate::board::Mac::new([0xdc, 0xa6, 0x32, 0, 0, 1]);
        lasting.heard(mac, Some(crate::board::Serial::of_low(0x9c1d_03f2)));
        assert!(lasting.has(mac));
        std::fs::remove_file(state.join("clients/porch.toml")).unwrap();
        tree.look().unwrap();
        assert!(!lasting.has(mac));
        assert!(clients.read().unwrap().all().is_empty());
    }
}
