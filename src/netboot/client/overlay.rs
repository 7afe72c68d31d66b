//! A root that many clients share. It is exported read only and stays what was verified, but for one script. Above it
//! each client has a layer of its own files (host keys, name, fstab, ...), which nobody else may mount, and above that
//! its memory.
//!
//! The kernel starts the script instead of the system's own first program, whether an initramfs or the kernel has
//! mounted the root. So nothing has to be built into an initramfs, and Buster and Bullseye, which have no initramfs,
//! work too. What was turned down: `overlayroot=` of Debian's package is in no image, needs an initramfs with
//! overlay.ko in it, and knows no layer of a client's own; NFS as the upper layer is refused by overlayfs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Error;
use super::checklist::{Act, Change, Where};
use super::source::{Attributes, Contents, HostSource, Node, Place, Source};
use crate::image::ext4::{Device, FileKind};

/// What the script is in the shared root.
pub(super) fn init() -> Change {
    Change {
        item: "overlay",
        tree: Where::Root,
        path: super::checklist::OVERLAY_INIT.trim_start_matches('/').to_owned(),
        act: Act::Write { bytes: INIT.into(), mode: 0o755 },
        why: "the first program of a client whose root is shared".to_owned(),
    }
}

/// `-i` keeps mount(8) from asking for mount.nfs, which the image may not have; the kernel then wants `addr=`.
const INIT: &str = r#"#!/bin/sh
# piprov: puts a layer of this client's own files and one in memory above the shared root, and starts the system.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() {
    echo "piprov overlay-init: $*" >/dev/console
    sleep 10
    reboot -f
    exit 1
}
[ -r /proc/cmdline ] || mount -t proc proc /proc
[ -c /dev/console ] || mount -t devtmpfs dev /dev
server= layer= acl=
for word in $(cat /proc/cmdline); do
    case $word in
        nfsroot=*)
            server=${word#nfsroot=}; server=${server%%:*}
            # What the server doesn't answer for the root, it doesn't answer here.
            case $word, in *,noacl,*) acl=,noacl ;; esac ;;
        piprov.layer=*) layer=${word#piprov.layer=} ;;
    esac
done
[ -n "$server" ] && [ -n "$layer" ] || fail "no nfsroot= or piprov.layer= on the command line"
modprobe overlay 2>/dev/null
modprobe nfsv3 2>/dev/null
mount -t tmpfs -o mode=755 piprov /mnt || fail "no memory for the overlay"
mkdir /mnt/upper /mnt/work /mnt/layer /mnt/root
tries=0
until mount -i -t nfs -o "ro,vers=3,tcp,nolock$acl,addr=$server" "$server:$layer" /mnt/layer; do
    tries=$((tries + 1))
    [ $tries -lt 5 ] || fail "$server:$layer can't be mounted"
    sleep 2
done
mount -t overlay -o lowerdir=/mnt/layer:/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root \
    || fail "the overlay can't be mounted: has the kernel overlayfs?"
# proc last: it has the list of what is mounted.
for folder in dev sys run proc; do
    if grep -q "^[^ ]* /$folder " /proc/mounts; then
        mount -n --move /$folder /mnt/root/$folder
    fi
done
cd /mnt/root || fail "no /mnt/root"
pivot_root . mnt || fail "no pivot_root"
exec chroot . /bin/sh -c 'umount -l /mnt; exec /sbin/init "$@"' init "$@" <dev/console >dev/console 2>&1
"#;

/// A layer above a root, seen as the client sees it.
pub(super) struct Layered {
    pub(super) layer: HostSource,
    pub(super) lower: HostSource,
}

/// Overlayfs' sign for what is gone.
const GONE: FileKind = FileKind::Character(Device { major: 0, minor: 0 });

impl Layered {
    /// The same directory in the layer and below it; `None` where it isn't.
    fn both(&self, directory: &Node) -> Result<(Option<Node>, Option<Node>), Error> {
        let Place::Below(below) = &directory.place else { return Ok((None, None)) };
        let find = |source: &HostSource| -> Result<Option<Node>, Error> {
            let mut node = Some(source.root()?);
            for part in below.components() {
                node = match node {
                    Some(node) => source.child(&node, part.as_os_str())?,
                    None => None,
                };
            }
            Ok(node.filter(|node| node.kind == FileKind::Directory))
        };
        Ok((find(&self.layer)?, find(&self.lower)?))
    }
}

impl Source for Layered {
    fn path(&self) -> &Path {
        self.layer.path()
    }

    fn root(&self) -> Result<Node, Error> {
        self.lower.root()
    }

    fn list(&self, directory: &Node) -> Result<Vec<(OsString, Node)>, Error> {
        let (layer, lower) = self.both(directory)?;
        let mut names = BTreeMap::new();
        if let Some(lower) = lower {
            names.extend(self.lower.list(&lower)?);
        }
        if let Some(layer) = layer {
            names.extend(self.layer.list(&layer)?);
        }
        Ok(names.into_iter().filter(|(_, node)| node.kind != GONE).collect())
    }

    fn child(&self, directory: &Node, name: &OsStr) -> Result<Option<Node>, Error> {
        let (layer, lower) = self.both(directory)?;
        if let Some(layer) = layer
            && let Some(node) = self.layer.child(&layer, name)?
        {
            return Ok(Some(node).filter(|node| node.kind != GONE));
        }
        lower.map_or(Ok(None), |lower| self.lower.child(&lower, name))
    }

    fn target(&self, link: &Node) -> Result<OsString, Error> {
        self.lower.target(link)
    }

    fn attributes(&self, node: &Node) -> Result<Attributes, Error> {
        self.lower.attributes(node)
    }

    fn contents(&self, file: &Node) -> Result<Contents, Error> {
        self.lower.contents(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Tree;
    use super::super::view::View;
    use super::*;

    #[test]
    fn the_layer_comes_first_and_hides() {
        let tree = Tree::new();
        tree.file("shared/etc/hostname", "raspberrypi");
        tree.file("shared/etc/fstab", "lower");
        tree.file("shared/etc/gone", "lower");
        tree.file("layer/etc/hostname", "lab-01");
        tree.file("layer/new/file", "layer");
        let gone = tree.path("layer/etc/gone");
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, &gone, kind, rustix::fs::Mode::empty(), 0).unwrap();
        let source = Layered { layer: tree.source("layer"), lower: tree.source("shared") };
        let view = View(&source);
        assert_eq!(view.text("etc/hostname").unwrap().as_deref(), Some("lab-01"));
        assert_eq!(view.text("etc/fstab").unwrap().as_deref(), Some("lower"));
        assert_eq!(view.text("new/file").unwrap().as_deref(), Some("layer"));
        assert!(!view.has("etc/gone").unwrap());
        assert_eq!(view.names("etc").unwrap(), ["fstab", "hostname"]);
        assert_eq!(view.names("").unwrap(), ["etc", "new"]);
    }

    #[test]
    fn the_script_is_one() {
        let output = std::process::Command::new("sh").args(["-n", "-c", INIT]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
