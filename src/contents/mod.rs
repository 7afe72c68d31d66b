//! What an image contains: its table, its file systems and what lies in them, the system, and which boards start from it.
//!
//! | part | what it is |
//! |---|---|
//! | [`device_tree`] | overlays of the device tree, and the map of their names |
//! | [`Budget`] | how much may be read for one look: damage, and malice, can lead anywhere |
//! | [`Files`] | the files of one partition, FAT or ext2, 3, 4, for reading |
//! | [`Contents`] | all that is told of an image, once |
//! | [`Owners`] | which file a byte belongs to |
//! | [`copy_out`] | files of a partition below a directory of this host |
//! | [`forecast`] | what the U-Boot of a recovery card loads of it, with which arguments, or why nothing |
//! | [`boot`] | which boards start from a boot partition, and by which files that is known |
//!
//! Nothing here is believed: sizes, names and texts are whatever the image says.

pub mod boot;
mod budget;
mod copied;
pub mod device_tree;
mod files;
pub mod forecast;
mod look;
mod whose;

pub use budget::Budget;
pub use copied::{Copied, Most, copy_out};
pub use files::{Error, Files, Item, ItemKind, Listed, Place, name_of, text_of};
pub use look::{Contents, Part, Sort, System};
pub use whose::Owners;
