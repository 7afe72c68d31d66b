//! Images that the station has, and backups.

use serde::{Deserialize, Serialize};

use super::Time;

/// An image in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Image {
    /// The station's name of it.
    pub id: String,
    /// What people call it. One image a name.
    pub name: String,
    /// Whether it can be used.
    pub state: ImageState,
    /// Why it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// BLAKE3 of its index, 64 hexadecimal digits; empty until it is ready.
    #[serde(default)]
    pub index: String,
    /// Length of the raw image in bytes.
    #[serde(default)]
    pub raw_len: u64,
    /// sha256 of the raw image, 64 hexadecimal digits.
    #[serde(default)]
    pub raw_sha256: String,
    /// sha256 of the file that it came as.
    #[serde(default)]
    pub file_sha256: String,
    /// Bytes of it that are stored, compressed. Other images may have the same ones.
    #[serde(default)]
    pub stored: u64,
    /// Bytes of it that are zero.
    #[serde(default)]
    pub zero: u64,
    /// Bytes of it that nothing uses, as its file systems or a bmap tell.
    #[serde(default)]
    pub unused: u64,
    /// When it came.
    pub added: Time,
    /// The board that it is a backup of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_of: Option<String>,
}

/// An image that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct AddedImage {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// Names of images that were damaged and are whole again: what they lacked has come with this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<String>,
}

/// Whether an image can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// It is being taken in.
    Coming,
    /// It can.
    Ready,
    /// It didn't come whole, or isn't what was expected.
    Failed,
    /// Something of it was found damaged in the store.
    Damaged,
}

/// A backup: an image with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Backup {
    /// The image that it is.
    pub image: Image,
    /// The board, by the station's name.
    pub board: String,
    /// The run that made it.
    pub run: String,
    /// The disk, by the kernel's name.
    pub device: String,
    /// Whether the board read it twice and found the same, or how it was proved; empty where it wasn't.
    pub proof: String,
}

/// What is changed in an image. What isn't said stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageChange {
    /// Its new name. Projects that name it go along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What needs an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ImageUses {
    /// Projects that name it.
    pub projects: Vec<String>,
    /// Rules that lead to one of these projects.
    pub rules: Vec<String>,
    /// How many jobs had it.
    pub jobs: u64,
    /// Jobs with it that aren't over.
    pub open: u64,
    /// When the newest of its jobs was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Bytes of the store that go when it is removed: what no other image has.
    pub own: u64,
}

/// A place in an image: a part of a list of files, or a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FilesAsked {
    /// The number of the partition; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub part: Option<u32>,
    /// The directory: names as [`FileLine::name`] has them, with `/` between; without it the uppermost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// [`super::Page::next`] of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many; 1 to 500, 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
}

/// A file in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileAsked {
    /// The number of the partition; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub part: Option<u32>,
    /// The file: names as [`FileLine::name`] has them, with `/` between.
    pub at: String,
}

/// Something in a directory of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct FileLine {
    /// Its name, as text that means it again: bytes that aren't plain stand as `%` and two hexadecimal digits.
    pub name: String,
    /// What it is; `None` where that can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FileIs>,
    /// Bytes of a file, as it says.
    pub size: u64,
    /// When it changed last, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Time>,
    /// The number of its owner, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub uid: Option<u32>,
    /// The number of its group, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub gid: Option<u32>,
    /// Its permissions, as a number, where it has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub mode: Option<u32>,
    /// Where a link leads, as it is shown: links are never followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What something in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FileIs {
    /// A directory.
    Directory,
    /// A file with contents.
    File,
    /// A symbolic link.
    Link,
    /// A device, a pipe or a socket.
    Other,
}
