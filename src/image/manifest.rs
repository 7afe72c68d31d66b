//! `manifest.json`, which `split-image` writes beside the parts and `verify --parts` reads.
//!
//! One JSON object. All numbers are bytes or blocks of 512 bytes; digests and checksums are lower-case
//! hexadecimal text; nothing in it depends on the time or the machine, so the same image and options give
//! the same file. Fields may be added; `schema` changes when a field changes its meaning.
//!
//! | field | meaning |
//! |---|---|
//! | `schema` | 1 |
//! | `image.name`, `image.format` | the image file's name, and how it is stored: `raw`, `gz`, `xz`, `zst`, `bz2`, `zip` |
//! | `image.file_sha256`, `image.raw_sha256` | of the file, and of the disk's bytes |
//! | `image.raw_len` | length of the disk |
//! | `image.table` | the partition table, or null: `scheme` (`mbr`, `gpt`), `id`, and `partitions` with `number`, `start`, `len`, `kind`, and `name` for GPT |
//! | `skip` | bytes at the beginning that are in no part |
//! | `part_size` | bytes of the image in each part but the last |
//! | `parts_format` | `raw` or `gz` |
//! | `parts[].name` | file name |
//! | `parts[].offset`, `parts[].length` | the bytes of the image that are in it |
//! | `parts[].block`, `parts[].count` | the same in blocks; the last block may be partly padding |
//! | `parts[].padded_length` | `count` * 512: with zeros behind the last byte, if it is more than `length` |
//! | `parts[].crc32` | of the padded bytes (not compressed) |
//! | `parts[].file_length` | length of the file: `padded_length`, or that of gzip's output |

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::format::Format;
use super::split::PartFormat;
use super::table::{Entry, Scheme, Table, guid_text};

/// The file's name.
pub const FILE_NAME: &str = "manifest.json";
/// The version that this program writes and reads.
const SCHEMA: u32 = 1;
/// A manifest for the most parts there can be is smaller than this.
const MOST_BYTES: u64 = 64 << 20;

/// The whole manifest; see the module for the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module's table says it for file and type at once")]
pub struct Manifest {
    pub schema: u32,
    pub image: ImageRecord,
    pub skip: u64,
    pub part_size: u64,
    pub parts_format: PartFormat,
    pub parts: Vec<PartRecord>,
}

/// What the manifest says of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module's table says it for file and type at once")]
pub struct ImageRecord {
    pub name: String,
    pub format: Format,
    pub file_sha256: String,
    pub raw_sha256: String,
    pub raw_len: u64,
    pub table: Option<TableRecord>,
}

/// The partition table, for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module's table says it for file and type at once")]
pub struct TableRecord {
    pub scheme: String,
    pub id: String,
    pub partitions: Vec<PartitionRecord>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module's table says it for file and type at once")]
pub struct PartitionRecord {
    pub number: u32,
    pub start: u64,
    pub len: u64,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the module's table says it for file and type at once")]
pub struct PartRecord {
    pub name: String,
    pub offset: u64,
    pub block: u64,
    pub count: u64,
    pub length: u64,
    pub padded_length: u64,
    pub crc32: String,
    pub file_length: u64,
}

impl From<&Table> for TableRecord {
    fn from(table: &Table) -> Self {
        let (scheme, id) = match &table.scheme {
            Scheme::Mbr { disk_id } => ("mbr", format!("{disk_id:08x}")),
            Scheme::Gpt { disk_guid } => ("gpt", guid_text(disk_guid)),
        };
        let partitions = table
            .partitions
            .iter()
            .map(|partition| {
                let (kind, name) = match &partition.entry {
                    Entry::Mbr { kind, .. } => (format!("{kind:02x}"), None),
                    Entry::Gpt { kind, name, .. } => (guid_text(kind), Some(name.clone())),
                };
                PartitionRecord {
                    number: partition.number,
                    start: partition.start,
                    len: partition.len,
                    kind,
                    name,
                }
            })
            .collect();
        Self { scheme: scheme.to_owned(), id, partitions }
    }
}

impl Manifest {
    /// A manifest of this program's version.
    #[must_use]
    pub(super) fn new(
        image: ImageRecord,
        skip: u64,
        part_size: u64,
        parts_format: PartFormat,
        parts: Vec<PartRecord>,
    ) -> Self {
        Self { schema: SCHEMA, image, skip, part_size, parts_format, parts }
    }

    /// As it stands in the file.
    ///
    /// # Errors
    /// A manifest causes no error; the writer of JSON could.
    pub fn to_json(&self) -> std::io::Result<String> {
        let mut text = crate::format::json::pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads `manifest.json` in a directory.
    ///
    /// # Errors
    /// [`Error::Os`], [`Error::BadRecord`] where it isn't one, or contradicts itself.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE_NAME);
        let bad = |what: String| Error::BadRecord { path: path.clone(), what };
        let file = std::fs::File::open(&path).map_err(|error| Error::os(&path, "opening", error))?;
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST_BYTES), &mut text)
            .map_err(|error| Error::os(&path, "reading", error))?;
        let schema: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| bad(format!("not JSON: {error}")))?;
        match schema.get("schema").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA) => {}
            Some(other) => {
                return Err(bad(format!(
                    "a manifest of version {other}; this program knows version {SCHEMA}"
                )));
            }
            None => return Err(bad("not a manifest of split parts: `schema` is missing".into())),
        }
        let manifest: Self = serde_json::from_value(schema).map_err(|error| bad(error.to_string()))?;
        manifest.check().map_err(bad)?;
        Ok(manifest)
    }

    /// Whether the parts follow each other as they should and their names stay in their directory.
    fn check(&self) -> Result<(), String> {
        let mut offset = self.skip;
        for (n, part) in self.parts.iter().enumerate() {
            if part.name != self.parts_format.part_name(n) {
                return Err(format!("part {n} is called `{}`", part.name));
            }
            if part.offset != offset {
                return Err(format!(
                    "part {n} starts at byte {}, the one before ends at {offset}",
                    part.offset
                ));
            }
            offset = match offset.checked_add(part.length) {
                Some(end) if end <= self.image.raw_len => end,
                _ => return Err(format!("part {n} ends behind the end of the image")),
            };
            if part.padded_length.checked_sub(part.length).is_none_or(|padding| padding >= 512)
                || !part.padded_length.is_multiple_of(512)
                || u32::from_str_radix(&part.crc32, 16).is_err()
            {
                return Err(format!("lengths or checksum of part {n} can't be"));
            }
        }
        if offset != self.image.raw_len {
            return Err(format!("the parts end at byte {offset}, the image at {}", self.image.raw_len));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::table::Partition;

    fn manifest() -> Manifest {
        let part = |n: usize, offset, length: u64| PartRecord {
            name: PartFormat::Raw.part_name(n),
            offset,
            block: offset / 512,
            count: length.div_ceil(512),
            length,
            padded_length: length.next_multiple_of(512),
            crc32: "00c0ffee".into(),
            file_length: length.next_multiple_of(512),
        };
        let table = Table {
            scheme: Scheme::Mbr { disk_id: 0xabc },
            partitions: vec![Partition {
                number: 1,
                start: 512,
                len: 1024,
                entry: Entry::Mbr { kind: 0x0c, bootable: false },
            }],
            hybrid: false,
        };
        let image = ImageRecord {
            name: "a.img.xz".into(),
            format: Format::Xz,
            file_sha256: "1".into(),
            raw_sha256: "2".into(),
            raw_len: 1700,
            table: Some((&table).into()),
        };
        Manifest::new(image, 512, 1024, PartFormat::Raw, vec![part(0, 512, 1024), part(1, 1536, 164)])
    }

    fn read(text: &str) -> Result<Manifest, Error> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
        Manifest::read(dir.path())
    }

    #[test]
    fn what_is_written_is_read() {
        let manifest = manifest();
        let text = manifest.to_json().unwrap();
        assert_eq!(read(&text).unwrap(), manifest);
        assert!(
            text.starts_with("{\n  \"schema\": 1,\n  \"image\": {\n    \"name\": \"a.img.xz\""),
            "{text}"
        );
        assert!(text.contains("\"scheme\": \"mbr\",\n      \"id\": \"00000abc\""));
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let text = manifest().to_json().unwrap();
        for (from, to, reason) in [
            ("\"schema\": 1", "\"schema\": 2", "a manifest of version 2"),
            ("\"schema\": 1,", "", "`schema` is missing"),
            ("rpi_image_part_1", "../../etc/passwd", "part 1 is called `../../etc/passwd`"),
            ("\"length\": 164", "\"length\": 165", "part 1 ends behind the end"),
            ("\"length\": 164", "\"length\": 163", "the parts end at byte 1699"),
            ("\"offset\": 1536", "\"offset\": 1537", "the one before ends at 1536"),
            ("00c0ffee", "c0ffee!", "lengths or checksum of part 0"),
            ("\"raw_len\": 1700", "\"raw_len\": \"x\"", "invalid type"),
            ("{", "[", "not JSON"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let error = read(&changed).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
