//! Which clusters everything on a volume gets.

use super::geometry::Geometry;
use super::names::Names;
use super::tree::{Directory, Node};
use super::{Error, MEDIA, SECTOR, Tree, Volume};

const ENTRY: usize = 32;
const END_OF_CHAIN: u32 = 0x0fff_ffff;
/// A directory has at most this many entries (FAT specification 1.03, section 7).
const MOST_ENTRIES: usize = 65536;

const ATTRIBUTE_LABEL: u8 = 0x08;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const ATTRIBUTE_ARCHIVE: u8 = 0x20;

/// Directories first, then files, each in one piece.
pub(super) struct Clusters<'a> {
    /// First cluster and contents, ascending.
    pub(super) pieces: Vec<(u32, std::borrow::Cow<'a, [u8]>)>,
    /// How many clusters are taken, from 2 on.
    pub(super) used: u64,
}

impl<'a> Clusters<'a> {
    pub(super) fn new(geometry: &Geometry, tree: &'a Tree, volume: &Volume) -> Result<Self, Error> {
        let room = geometry.clusters * geometry.cluster_len();
        let mut directories = Vec::new();
        collect(tree.root(), "", &mut directories)?;
        // First cluster of each directory: they follow each other in this order.
        let mut used = 0;
        let mut firsts = Vec::new();
        for (index, directory) in directories.iter().enumerate() {
            firsts.push(used as u32 + 2);
            let len = directory.names.len() + if index == 0 { 1 } else { 2 };
            if len > MOST_ENTRIES {
                return Err(Error::DirectoryTooLong { path: directory.path.clone() });
            }
            used += geometry.clusters_of((len * ENTRY) as u64).max(1);
        }
        let mut pieces = Vec::new();
        let mut files = Vec::new();
        let stamp = Stamp::new(volume.time);
        for (index, directory) in directories.iter().enumerate() {
            let mut bytes = Vec::new();
            if index == 0 {
                bytes.extend(entry(&label(volume.label), ATTRIBUTE_LABEL, stamp, 0, 0));
            } else {
                // The root counts as cluster 0 here.
                let above = directories.iter().position(|other| other.path == above(&directory.path));
                let above = above.filter(|above| *above > 0).map_or(0, |above| firsts[above]);
                bytes.extend(entry(b".          ", ATTRIBUTE_DIRECTORY, stamp, firsts[index], 0));
                bytes.extend(entry(b"..         ", ATTRIBUTE_DIRECTORY, stamp, above, 0));
            }
            for (name, node) in directory.node.entries() {
                let path = joined(&directory.path, name);
                let (attribute, first, len) = match node {
                    Node::Directory(_) => {
                        let at = directories.iter().position(|other| other.path == path).unwrap_or(0);
                        (ATTRIBUTE_DIRECTORY, firsts[at], 0)
                    }
                    Node::File([]) => (ATTRIBUTE_ARCHIVE, 0, 0),
                    Node::File(contents) => {
                        let len = contents.len() as u64;
                        let short =
                            u32::try_from(len).map_err(|_| Error::FileTooLong { path: path.clone(), len })?;
                        let first = used;
                        used += geometry.clusters_of(len);
                        if used > geometry.clusters {
                            let need = total(geometry, &directories);
                            return Err(Error::Full { need, room });
                        }
                        files.push((first as u32 + 2, contents.into()));
                        (ATTRIBUTE_ARCHIVE, first as u32 + 2, short)
                    }
                };
                let (long, short) = directory.names.of(name);
                bytes.extend(long);
                bytes.extend(entry(short, attribute, stamp, first, len));
            }
            pieces.push((firsts[index], bytes.into()));
        }
        if used > geometry.clusters {
            return Err(Error::Full { need: total(geometry, &directories), room });
        }
        pieces.extend(files);
        Ok(Self { pieces, used })
    }

    /// The file allocation table: runs of clusters that point to the next.
    pub(super) fn fat(&self, geometry: &Geometry) -> Vec<u8> {
        let mut fat = vec![0; (geometry.fat_sectors * SECTOR) as usize];
        let mut set = |at: u32, value: u32| {
            fat[at as usize * 4..at as usize * 4 + 4].copy_from_slice(&value.to_le_bytes());
        };
        set(0, 0x0fff_ff00 | u32::from(MEDIA));
        set(1, END_OF_CHAIN);
        for (first, bytes) in &self.pieces {
            let count = geometry.clusters_of(bytes.len() as u64).max(1) as u32;
            for cluster in *first..first + count - 1 {
                set(cluster, cluster + 1);
            }
            set(first + count - 1, END_OF_CHAIN);
        }
        fat
    }
}

/// A directory that gets its clusters.
struct Listed<'a> {
    path: String,
    node: &'a Directory,
    names: Names,
}

/// All directories, each after the one it is in.
fn collect<'a>(node: &'a Directory, path: &str, into: &mut Vec<Listed<'a>>) -> Result<(), Error> {
    let names = Names::new(path, node.entries().map(|(name, _)| name))?;
    into.push(Listed { path: path.to_owned(), node, names });
    for (name, inner) in node.entries() {
        if let Node::Directory(inner) = inner {
            collect(inner, &joined(path, name), into)?;
        }
    }
    Ok(())
}

pub(super) fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// What everything takes, in whole clusters.
fn total(geometry: &Geometry, directories: &[Listed<'_>]) -> u64 {
    let clusters: u64 = directories
        .iter()
        .map(|directory| {
            let entries = (directory.names.len() + 2) * ENTRY;
            let files = directory.node.entries().map(|(_, node)| match node {
                Node::File(contents) => geometry.clusters_of(contents.len() as u64),
                Node::Directory(_) => 0,
            });
            geometry.clusters_of(entries as u64) + files.sum::<u64>()
        })
        .sum();
    clusters * geometry.cluster_len()
}

pub(super) fn label(text: &str) -> [u8; 11] {
    let mut label = [b' '; 11];
    for (place, byte) in label.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    label
}

/// Date and time as FAT writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) struct Stamp {
    date: u16,
    time: u16,
}

impl Stamp {
    /// Of seconds since 1970; before 1980 it is the first day of 1980.
    pub(in crate::image) fn new(unix: u64) -> Self {
        let first = Self { date: 1 << 5 | 1, time: 0 };
        let Ok(stamp) = jiff::Timestamp::from_second(i64::try_from(unix).unwrap_or(i64::MAX)) else {
            return first;
        };
        let utc = stamp.to_zoned(jiff::tz::TimeZone::UTC);
        match u16::try_from(i32::from(utc.year()) - 1980) {
            Ok(year) if year < 128 => Self {
                date: year << 9 | (utc.month() as u16) << 5 | utc.day() as u16,
                time: (utc.hour() as u16) << 11 | (utc.minute() as u16) << 5 | (utc.second() as u16 >> 1),
            },
            _ => first,
        }
    }
}

/// A directory entry with a short name.
fn entry(name: &[u8; 11], attribute: u8, stamp: Stamp, first: u32, len: u32) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[0..11].copy_from_slice(name);
    bytes[11] = attribute;
    file_entry(&mut bytes, stamp, first, len);
    bytes
}

/// Times, first cluster and length of an entry; its name and attributes stay. Other bytes are left alone.
pub(in crate::image) fn file_entry(bytes: &mut [u8; ENTRY], stamp: Stamp, first: u32, len: u32) {
    for at in [16, 18, 24] {
        bytes[at..at + 2].copy_from_slice(&stamp.date.to_le_bytes());
    }
    for at in [14, 22] {
        bytes[at..at + 2].copy_from_slice(&stamp.time.to_le_bytes());
    }
    bytes[20..22].copy_from_slice(&((first >> 16) as u16).to_le_bytes());
    bytes[26..28].copy_from_slice(&(first as u16).to_le_bytes());
    bytes[28..32].copy_from_slice(&len.to_le_bytes());
}
