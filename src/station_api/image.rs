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
