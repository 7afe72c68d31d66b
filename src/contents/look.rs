//! All that is told of an image, once: it is kept with it.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::boot::{self, Boots};
use super::budget::Budget;
use super::forecast::Forecast;
use crate::eeprom::config_txt::{ConfigFiles, LONGEST};
use crate::error::sentence;
use crate::format::brief;
use crate::image::error::is_damage;
use crate::image::ext4::{self, Contents as Bytes, Ext4, FileKind};
use crate::image::files::{fat_file_within, fat_list, is_fat, is_swap};
use crate::image::read_at::ReadAt;
use crate::image::table::{Entry, Partition, Scheme, Table, guid_text};

/// So much is read of one file system.
const LOOK: u64 = 64 << 20;
/// Partitions that are looked at; more are told in number.
const MOST: usize = 32;
/// Names of files that are kept of a boot partition.
const NAMES: usize = 4000;
/// Characters of a text out of the image.
const TEXT: usize = 200;
/// Characters of a sentence with words out of the image.
const WHY: usize = 400;
/// Kernels that are named.
const KERNELS: usize = 12;

/// What an image contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImageContents))]
pub struct Contents {
    /// The form of this: what is kept in an older one is made anew.
    pub form: u32,
    /// `MBR` or `GPT`; empty where there is no table.
    #[serde(default)]
    pub table: String,
    /// What identifies the disk in its table.
    #[serde(default)]
    pub disk_id: String,
    /// Its partitions, in the order of their numbers.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// The systems on them.
    #[serde(default)]
    pub systems: Vec<System>,
    /// Which boards start from it. `None`: it has no partition that a board's firmware reads.
    #[serde(default)]
    pub boots: Option<Boots>,
    /// What the U-Boot of a recovery card does with it. `None`: it has no partition table, and can't be flashed. Who knows how it
    /// lies on such a card fills it in.
    #[serde(default)]
    pub card: Option<Forecast>,
    /// What is wrong or isn't known, each a sentence.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What lies on a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = FileSystem))]
pub enum Sort {
    /// FAT, which boards' firmware reads.
    Fat,
    /// ext2, ext3 or ext4.
    Ext4,
    /// Swap space.
    Swap,
    /// A container for other partitions.
    Extended,
    /// Something that isn't known here.
    #[default]
    Other,
}

impl Sort {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fat => "FAT",
            Self::Ext4 => "ext4",
            Self::Swap => "swap",
            Self::Extended => "extended",
            Self::Other => "unknown",
        }
    }
}

/// A partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImagePart))]
pub struct Part {
    /// The number that Linux gives it.
    pub number: u32,
    /// Its first byte.
    pub start: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What lies on it.
    pub sort: Sort,
    /// The file system's label, else the partition's name.
    #[serde(default)]
    pub label: String,
    /// Bytes of it that are in use, where its file system tells.
    #[serde(default)]
    pub used: Option<u64>,
    /// Why its files can't be read, where it has such.
    #[serde(default)]
    pub why: Option<String>,
}

/// An operating system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "station", schema(as = ImageSystem))]
pub struct System {
    /// The partition that it lies on.
    pub part: u32,
    /// What it calls itself: `Debian GNU/Linux 13 (trixie)`.
    pub name: String,
    /// 32 or 64 bits, with the processor's name, where its shell says.
    #[serde(default)]
    pub machine: String,
    /// The kernels that it has modules for.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// The name of the host, as it will be at first.
    #[serde(default)]
    pub host: String,
}

impl Contents {
    /// The form that is made here.
    pub const FORM: u32 = 4;

    /// Looks at an image: its table, then the file systems of each partition.
    ///
    /// # Errors
    /// Only when the image itself can't be read. What is damaged within it is told in `notes` and at its partition.
    pub fn of(image: &Arc<dyn ReadAt>) -> io::Result<Self> {
        let mut found = Self { form: Self::FORM, ..Self::default() };
        let whole_disk = |partitions| Table { scheme: Scheme::Mbr { disk_id: 0 }, partitions, hybrid: false };
        let mut table = match Table::read(&**image) {
            Ok(Some(table)) => {
                match table.scheme {
                    Scheme::Mbr { disk_id } => {
                        found.table = "MBR".to_owned();
                        found.disk_id = format!("{disk_id:08x}");
                    }
                    Scheme::Gpt { disk_guid } => {
                        found.table = "GPT".to_owned();
                        found.disk_id = guid_text(&disk_guid);
                    }
                }
                let problems = table.check(Some(image.size()?));
                found.notes.extend(problems.iter().take(8).map(|problem| sentence(&problem.to_string())));
                table
            }
            Ok(None) => whole_disk(vec![whole(image.size()?)]),
            // A file system without a table in front has none that could be wrong.
            Err(error) => {
                found.notes.push(sentence(&error.to_string()));
                whole_disk(Vec::new())
            }
        };
        if table.partitions.len() > MOST {
            let all = table.partitions.len();
            found.notes.push(format!("It has {all} partitions; the first {MOST} are shown."));
            table.partitions.truncate(MOST);
        }
        for partition in &table.partitions {
            let budget: Arc<dyn ReadAt> = Arc::new(Budget::new(Arc::clone(image), LOOK));
            let part = found.part(&budget, partition)?;
            found.parts.push(part);
        }
        // No table and no file system is a disk without anything.
        if found.table.is_empty() && found.parts.iter().all(|part| part.sort == Sort::Other) {
            found.parts.clear();
            if found.notes.is_empty() {
                found.notes.push("It has no partition table and no file system that is known.".to_owned());
            }
        }
        Ok(found)
    }

    fn part(&mut self, image: &Arc<dyn ReadAt>, partition: &Partition) -> io::Result<Part> {
        let mut part =
            Part { number: partition.number, start: partition.start, len: partition.len, ..Part::default() };
        if let Entry::Gpt { name, .. } = &partition.entry {
            part.label = text(name);
        }
        if partition.is_extended() {
            part.sort = Sort::Extended;
            return Ok(part);
        }
        if Ext4::is_there(&**image, partition.start)? {
            part.sort = Sort::Ext4;
            let looked = Ext4::open(Arc::clone(image), partition.start, partition.len).and_then(|fs| {
                if !fs.label().is_empty() {
                    part.label = text(fs.label());
                }
                part.used = Some(fs.used());
                system(&fs, partition.number)
            });
            match looked {
                Ok(system) => self.systems.extend(system),
                Err(error) => part.why = Some(of_image(error)?),
            }
        } else if is_fat(image, partition)? {
            part.sort = Sort::Fat;
            match boots(image, partition) {
                // The firmware takes the first one that it finds something on.
                Ok(found) if self.boots.is_none() => self.boots = found,
                Ok(_) => {}
                Err(error) => part.why = Some(damage(error)?),
            }
        } else if is_swap(image, partition)? {
            part.sort = Sort::Swap;
        }
        Ok(part)
    }

    /// Whether nothing in it is known: no partition table, and nothing that is like a partition.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.table.is_empty() && self.parts.iter().all(|part| part.sort == Sort::Extended)
    }

    /// What it is in a few words: `MBR: FAT 512 MiB, ext4 4.9 GiB`.
    #[must_use]
    pub fn inside(&self) -> String {
        let parts = self.parts.iter().filter(|part| part.sort != Sort::Extended).take(6);
        let parts: Vec<_> =
            parts.map(|part| format!("{} {}", part.sort.word(), crate::format::size(part.len))).collect();
        match (self.table.is_empty(), parts.is_empty()) {
            (true, true) => "nothing that is known".to_owned(),
            (true, false) => format!("no table, {}", parts.join(", ")),
            (false, true) => format!("{}, no partitions", self.table),
            (false, false) => format!("{}: {}", self.table, parts.join(", ")),
        }
    }

    /// The partition of this number, as the readers of files want it.
    #[must_use]
    pub fn partition(&self, number: u32) -> Option<Partition> {
        let part = self.parts.iter().find(|part| part.number == number)?;
        let entry = Entry::Mbr { kind: 0, bootable: false };
        Some(Partition { number, start: part.start, len: part.len, entry })
    }
}

fn whole(len: u64) -> Partition {
    Partition { number: 1, start: 0, len, entry: Entry::Mbr { kind: 0, bootable: false } }
}

/// A text out of an image, short enough to be kept. It is still as hostile as it was.
fn text(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// Damage is told; an image that can't be read is an error.
fn damage(error: io::Error) -> io::Result<String> {
    if is_damage(&error) { Ok(brief(&error.to_string(), WHY)) } else { Err(error) }
}

/// Which boards start from the first FAT partition on which their firmware finds something.
pub(super) fn firmware(image: &Arc<dyn ReadAt>, partitions: &[Partition]) -> io::Result<Option<Boots>> {
    for partition in partitions.iter().filter(|partition| !partition.is_extended()).take(MOST) {
        let budget: Arc<dyn ReadAt> = Arc::new(Budget::new(Arc::clone(image), LOOK));
        if is_fat(&budget, partition)?
            && let Some(found) = boots(&budget, partition)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn of_image(error: ext4::Error) -> io::Result<String> {
    match error {
        ext4::Error::Io { source, .. } => damage(source),
        error => Ok(brief(&error.to_string(), WHY)),
    }
}

/// The system on a file system, by what it says of itself (os-release(5)).
fn system(fs: &Ext4, part: u32) -> Result<Option<System>, ext4::Error> {
    let read = |path: &str| -> Result<Option<String>, ext4::Error> {
        match fs.find(path)? {
            Some(file) if file.kind == FileKind::File && file.size <= 64 << 10 => {
                let bytes = fs.read_file(&file, 64 << 10)?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            _ => Ok(None),
        }
    };
    let told = match read("/etc/os-release")? {
        Some(told) => told,
        None => match read("/usr/lib/os-release")? {
            Some(told) => told,
            None => return Ok(None),
        },
    };
    let name = os_name(&told);
    let machine = machine(fs)?.unwrap_or_default();
    let mut kernels = Vec::new();
    for place in ["/lib/modules", "/usr/lib/modules"] {
        if let Some(directory) = fs.find(place)?
            && directory.kind == FileKind::Directory
            && directory.size <= 1 << 20
            && kernels.is_empty()
        {
            let names = fs.names(&directory)?.into_iter();
            kernels = names.map(|entry| text(&String::from_utf8_lossy(&entry.name))).collect();
            kernels.sort();
            kernels.truncate(KERNELS);
        }
    }
    let host = read("/etc/hostname")?.map(|host| text(host.trim())).unwrap_or_default();
    Ok(Some(System { part, name, machine, kernels, host }))
}

/// `PRETTY_NAME`, else `NAME` with `VERSION`.
fn os_name(told: &str) -> String {
    let value = |key: &str| {
        told.lines().rev().find_map(|line| {
            let value = line.trim().strip_prefix(key)?.strip_prefix('=')?.trim();
            let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let inner = inner.or_else(|| value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')));
            Some(inner.unwrap_or(value).replace("\\\"", "\"")).filter(|value| !value.is_empty())
        })
    };
    let name = value("PRETTY_NAME").or_else(|| {
        let name = value("NAME")?;
        Some(value("VERSION").map(|version| format!("{name} {version}")).unwrap_or(name))
    });
    text(&name.unwrap_or_else(|| "a system that doesn't say its name".to_owned()))
}

/// For which processor its shell is (ELF header: e_ident[EI_CLASS], e_machine).
fn machine(fs: &Ext4) -> Result<Option<String>, ext4::Error> {
    let Some(shell) = fs.find("/bin/sh")? else { return Ok(None) };
    if shell.kind != FileKind::File || shell.size < 20 {
        return Ok(None);
    }
    let head = match fs.contents(&shell)? {
        Bytes::Inline(bytes) => bytes,
        Bytes::Runs(runs) => match runs.first() {
            Some(run) if run.to == 0 && run.len >= 20 => {
                let mut head = vec![0; 20];
                fs.read(&mut head, run.from)?;
                head
            }
            _ => return Ok(None),
        },
    };
    let Some(head) = head.get(..20).filter(|head| head.starts_with(b"\x7fELF")) else { return Ok(None) };
    let bits = match head[4] {
        1 => "32 bit",
        2 => "64 bit",
        _ => return Ok(None),
    };
    let name = match u16::from_le_bytes([head[18], head[19]]) {
        3 => "x86",
        40 => "ARM",
        62 => "x86",
        183 => "ARM",
        243 => "RISC-V",
        _ => "another processor",
    };
    Ok(Some(format!("{bits}, {name}")))
}

/// Which boards start from a FAT partition; `None` where it has nothing that firmware looks for.
fn boots(image: &Arc<dyn ReadAt>, partition: &Partition) -> io::Result<Option<Boots>> {
    let all = fat_list(image, partition, "")?.unwrap_or_default();
    let mut names: Vec<String> = all.iter().map(|item| item.path.clone()).collect();
    names.truncate(NAMES);
    let open = |file: &str| fat_file_within(image, std::slice::from_ref(partition), file, LONGEST);
    let config = ConfigFiles::read("config.txt", open);
    // Files in directories count where config.txt leads there.
    let there = |path: &str| {
        fat_list_has(&names, path).unwrap_or_else(|| {
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            let list = fat_list(image, partition, directory).ok().flatten().unwrap_or_default();
            list.iter().any(|item| !item.is_directory && item.path.eq_ignore_ascii_case(name))
        })
    };
    Ok(boot::judge(partition.number, &names, &there, config.as_ref().map_err(ToString::to_string)))
}

/// Whether a file is in the root directory; `None` for one that lies elsewhere.
fn fat_list_has(names: &[String], path: &str) -> Option<bool> {
    (!path.contains('/')).then(|| names.iter().any(|name| name.eq_ignore_ascii_case(path)))
}

#[cfg(test)]
mod tests;
