//! Files of a job's image, as its board has them, below a directory of the station: what can be shown of a file system that
//! nobody mounts. They are copies, so what a hook changes there reaches no board.

use std::io;
use std::sync::Arc;

use crate::beneath::Dir;
use crate::contents::{Contents, Copied, Error, Most, Sort, copy_out};
use crate::image::read_at::ReadAt;

/// Of a boot partition all is copied that has room in this.
const BOOT: Most = Most { names: 5000, bytes: 256 << 20, file: 48 << 20 };
/// Of a root file system what says how it is set up.
const ROOT: Most = Most { names: 20_000, bytes: 64 << 20, file: 8 << 20 };
/// What of it is copied.
const OF_ROOT: [&[&str]; 4] =
    [&["etc"], &["boot", "firmware"], &["usr", "lib", "os-release"], &["var", "lib", "dpkg", "status"]];

/// Copies files of the boot partition, the first FAT.
///
/// # Errors
/// What can't be read, or written. That there is no such partition is an error too.
pub(super) fn boot(image: &Arc<dyn ReadAt>, to: &Dir) -> Result<Copied, Error> {
    let contents = Contents::of(image)?;
    let part = contents.parts.iter().find(|part| part.sort == Sort::Fat);
    let partition = part.and_then(|part| contents.partition(part.number));
    let missing = || io::Error::new(io::ErrorKind::NotFound, "the image has no FAT partition");
    copy_out(image, &partition.ok_or_else(missing)?, &[], to, BOOT)
}

/// Copies files of the root file system, the first ext4 that has an `etc`.
///
/// # Errors
/// As [`boot`].
pub(super) fn root(image: &Arc<dyn ReadAt>, to: &Dir) -> Result<Copied, Error> {
    let contents = Contents::of(image)?;
    let mut all = Copied::default();
    for part in contents.parts.iter().filter(|part| part.sort == Sort::Ext4) {
        let Some(partition) = contents.partition(part.number) else { continue };
        for path in OF_ROOT {
            let rest = Most {
                names: ROOT.names - all.names.min(ROOT.names),
                bytes: ROOT.bytes - all.bytes.min(ROOT.bytes),
                ..ROOT
            };
            let copied = copy_out(image, &partition, path, to, rest)?;
            all.names += copied.names;
            all.bytes += copied.bytes;
            all.left_out += copied.left_out;
        }
        if to.kind("etc").is_some() {
            return Ok(all);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the image has no ext4 partition with an /etc").into())
}
