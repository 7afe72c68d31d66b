//! What this host exports over NFS. One file is ours alone and is written anew from all clients; other files are only
//! read, to see whether somebody else exports the same.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Error;
use super::checklist::Mode;
use super::names::Network;
use super::record::{Phase, Record};

/// One directory that one network may mount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Export {
    pub(super) path: PathBuf,
    pub(super) network: String,
    pub(super) writable: bool,
}

/// What a client needs to mount: its root, an overlay's layer, its boot files.
pub(super) fn of(record: &Record) -> Vec<Export> {
    let writable = record.mode == Mode::Rw;
    let export = |path: &PathBuf| Export { path: path.clone(), network: record.network.clone(), writable };
    [Some(&record.root), record.layer.as_ref(), Some(&record.boot)]
        .into_iter()
        .flatten()
        .map(export)
        .collect()
}

/// An export of clients whose records can't be read, as it stands in our file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// The clients.
    names: Vec<String>,
    path: PathBuf,
    network: String,
    /// All of it but the comment that names the clients.
    text: String,
}

/// The exports of these clients in our file of either server; none where it isn't there.
pub(super) fn kept(file: &Path, names: &[String]) -> Result<Vec<Kept>, Error> {
    let reading = Error::os("reading", file);
    let bytes =
        crate::beneath::open_regular(file).and_then(|open| crate::beneath::read_bounded(&open, LONGEST));
    match bytes {
        Ok(bytes) => Ok(kept_in(&String::from_utf8_lossy(&bytes), names)),
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(reading(error)),
    }
}

const CLIENT: &str = "# client ";

fn kept_in(text: &str, names: &[String]) -> Vec<Kept> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if let Some(clients) = line.strip_prefix(CLIENT) {
            blocks.push((clients, String::new()));
        } else if let Some((_, text)) = blocks.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    let kept = blocks.into_iter().filter_map(|(clients, text)| {
        let known = |name: &&str| names.iter().any(|known| known == name);
        let names: Vec<String> = clients.split(' ').filter(known).map(str::to_owned).collect();
        // Paths with blanks are no client's.
        let (path, network) = match text.strip_prefix("EXPORT ") {
            Some(block) => (between(block, "  Path = ")?, between(block, "Clients = ")?),
            None => text.split_once('(')?.0.split_once(' ')?,
        };
        let (path, network) = (PathBuf::from(path), network.to_owned());
        Some(Kept { names, path, network, text }).filter(|kept| !kept.names.is_empty())
    });
    kept.collect()
}

/// What stands behind a word, up to a semicolon.
fn between<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    Some(text.split_once(word)?.1.split_once(';')?.0)
}

/// All exports with the clients that they are for, and those of `kept` that no other has.
fn all<'a>(records: &'a [Record], kept: &'a [Kept]) -> (BTreeMap<Export, Vec<&'a str>>, Vec<&'a Kept>) {
    let mut exports = exports(records);
    let mut own = Vec::new();
    for one in kept {
        let same =
            exports.iter_mut().find(|(export, _)| export.path == one.path && export.network == one.network);
        match same {
            Some((_, names)) => names.extend(one.names.iter().map(String::as_str)),
            None => own.push(one),
        }
    }
    (exports, own)
}

fn exports(records: &[Record]) -> BTreeMap<Export, Vec<&str>> {
    let mut exports: BTreeMap<Export, Vec<&str>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.exported && record.phase == Phase::Ready) {
        for export in of(record) {
            exports.entry(export).or_default().push(&record.name);
        }
    }
    exports
}

/// The file for the kernel's server (exports(5)).
pub(super) fn kernel_file(records: &[Record], kept: &[Kept], needs_fsid: &dyn Fn(&Path) -> bool) -> String {
    let (exports, kept) = all(records, kept);
    let mut text =
        "# Written by piprov (`piprov netboot client`): what is changed here is lost.\n".to_owned();
    for (export, clients) in exports {
        let access = if export.writable { "rw" } else { "ro" };
        // Where the file system has no number of its own, the handles of two exports would be mixed up.
        let fsid =
            if needs_fsid(&export.path) { format!(",fsid={}", fsid(&export.path)) } else { String::new() };
        // Root's own files have to be read and written: it is the client's root.
        text.push_str(&format!(
            "{CLIENT}{}\n{} {}({access},sync,no_subtree_check,no_root_squash{fsid})\n",
            clients.join(" "),
            export.path.display(),
            export.network,
        ));
    }
    as_they_are(text, &kept)
}

fn as_they_are(mut text: String, kept: &[&Kept]) -> String {
    for kept in kept {
        text.push_str(&format!("{CLIENT}{}\n{}", kept.names.join(" "), kept.text));
    }
    text
}

/// The file for nfs-ganesha, to be included in its ganesha.conf.
pub(super) fn ganesha_file(records: &[Record], kept: &[Kept]) -> String {
    let (exports, kept) = all(records, kept);
    let mut text =
        "# Written by piprov (`piprov netboot client`): what is changed here is lost.\n".to_owned();
    let number = |kept: &&Kept| between(&kept.text, "Export_Id = ")?.parse::<u16>().ok();
    let mut taken: std::collections::BTreeSet<u16> = kept.iter().filter_map(number).collect();
    for (export, clients) in exports {
        let digest = Sha256::digest(format!("{} {}", export.path.display(), export.network));
        let mut id = u16::from_be_bytes([digest[0], digest[1]]) | 1;
        while !taken.insert(id) {
            id = id.wrapping_add(2);
        }
        let access = if export.writable { "RW" } else { "RO" };
        text.push_str(&format!(
            "{CLIENT}{clients}\nEXPORT {{\n  Export_Id = {id};\n  Path = {path};\n  Pseudo = {path};\n  \
             Protocols = 3;\n  Transports = TCP;\n  Squash = No_Root_Squash;\n  SecType = sys;\n  \
             Access_Type = None;\n  FSAL {{ Name = VFS; }}\n  \
             CLIENT {{ Clients = {network}; Access_Type = {access}; Squash = No_Root_Squash; }}\n}}\n",
            clients = clients.join(" "),
            path = export.path.display(),
            network = export.network,
        ));
    }
    as_they_are(text, &kept)
}

/// A number for an export that stays the same: a UUID of the path (exports(5), fsid).
fn fsid(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    crate::format::hex(&digest[..16])
}

/// Whether an export of a file system needs an `fsid=`: those that have no UUID and no device.
pub(super) fn needs_fsid(path: &Path) -> bool {
    // linux/magic.h: tmpfs, ramfs, overlayfs, FUSE, 9p, NFS, aufs.
    const WITHOUT: [u32; 7] =
        [0x0102_1994, 0x8584_58f6, 0x794c_7630, 0x6573_5546, 0x0102_1997, 0x6969, 0x6175_6673];
    rustix::fs::statfs(path).is_ok_and(|fs| WITHOUT.contains(&(fs.f_type as u32)))
}

/// Which hosts may mount something, by another line or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    /// An address, a network, a name, a netgroup; `None` for everybody.
    pub(super) network: Option<String>,
    pub(super) options: String,
}

/// A line of another file that exports something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) path: PathBuf,
    pub(super) file: PathBuf,
    /// From 1.
    pub(super) line: usize,
    pub(super) who: Vec<Who>,
}

/// What other files than ours export: `/etc/exports`, and those beside ours.
pub(super) fn foreign(ours: &Path) -> Vec<Foreign> {
    let dir = ours.parent().unwrap_or(Path::new("/etc/exports.d"));
    let mut files = vec![dir.parent().unwrap_or(Path::new("/etc")).join("exports")];
    let beside = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .extend(beside.filter(|path| path.extension().is_some_and(|name| name == "exports") && path != ours));
    files.iter().flat_map(|file| lines(file)).collect()
}

/// No such file is longer.
const LONGEST: u64 = 16 << 20;

/// What one file exports; the kernel's table (etab) is written alike.
pub(super) fn lines(file: &Path) -> Vec<Foreign> {
    let read =
        crate::beneath::open_regular(file).and_then(|open| crate::beneath::read_bounded(&open, LONGEST));
    let text = read.unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = text.split(|byte| *byte == b'\n').enumerate();
    while let Some((n, line)) = rest.next() {
        let mut line = line.to_vec();
        // A line that ends so goes on in the next one.
        while line.ends_with(b"\\") {
            line.pop();
            let Some((_, more)) = rest.next() else { break };
            line.extend_from_slice(more);
        }
        if let Some((path, who)) = exported(&line) {
            found.push(Foreign { path, file: file.to_owned(), line: n + 1, who });
        }
    }
    found
}

/// The path at the start of a line: bare, in quotes, with blanks as octal numbers. The hosts that may mount it follow.
fn exported(line: &[u8]) -> Option<(PathBuf, Vec<Who>)> {
    let line = line.trim_ascii_start();
    if !line.starts_with(b"/") && !line.starts_with(b"\"/") {
        return None;
    }
    let quoted = line.first() == Some(&b'"');
    let line = if quoted { &line[1..] } else { line };
    let ends = |byte: &u8| if quoted { *byte == b'"' } else { byte.is_ascii_whitespace() };
    let end = line.iter().position(ends).unwrap_or(line.len());
    let path = crate::beneath::unescape(&line[..end]);
    let path = Path::new(OsStr::from_bytes(&path)).components().collect();
    let rest = String::from_utf8_lossy(line.get(end + 1..).unwrap_or_default()).into_owned();
    let mut who = Vec::new();
    for word in rest.split_whitespace().take_while(|word| !word.starts_with('#')) {
        // Options for all that follow.
        if word.starts_with('-') {
            continue;
        }
        let (network, options) = word.split_once('(').unwrap_or((word, ""));
        who.push(Who {
            network: Some(network).filter(|network| !matches!(*network, "" | "*")).map(str::to_owned),
            options: options.trim_end_matches(')').to_owned(),
        });
    }
    if who.is_empty() {
        who.push(Who { network: None, options: String::new() });
    }
    Some((path, who))
}

/// A range of addresses as exports(5) has it: an address, a prefix, or a mask. `None` for what is said otherwise.
pub(super) fn range(text: &str) -> Option<Network> {
    let (address, len) = text.split_once('/').unwrap_or((text, "32"));
    let prefix = match len.parse::<std::net::Ipv4Addr>() {
        Ok(mask) => {
            let mask = u32::from(mask);
            (mask.leading_ones() + mask.trailing_zeros() == 32 || mask == u32::MAX)
                .then(|| mask.leading_ones())?
        }
        Err(_) => len.parse().ok().filter(|len| *len <= 32)?,
    };
    Some(Network::of(address.parse().ok()?, u8::try_from(prefix).ok()?))
}

/// Fails if another exports file has one of these.
pub(super) fn refuse_foreign(ours: &Path, exports: &[Export]) -> Result<(), Error> {
    let taken =
        foreign(ours).into_iter().find(|foreign| exports.iter().any(|export| export.path == foreign.path));
    match taken {
        Some(Foreign { path, file, line, .. }) => Err(Error::Exported { path, file, line }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn a_client_is_exported_to_its_network_alone() {
        let mut shared = [record("a"), record("b"), record("c")];
        for (n, record) in shared.iter_mut().enumerate() {
            record.mode = Mode::Overlay;
            record.root = "/srv/netboot/shared/base".into();
            record.layer = Some(format!("/srv/netboot/clients/{}", record.name).into());
            record.boot = format!("/srv/netboot/tftp/0000000{n}").into();
        }
        shared[1].network = "10.0.0.7".into();
        shared[2].phase = Phase::Making;
        let text = kernel_file(&shared, &[], &|path| path.ends_with("base"));
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let ro = "ro,sync,no_subtree_check,no_root_squash";
        assert_eq!(lines.len(), 6, "{text}");
        assert_eq!(lines[0], format!("/srv/netboot/clients/a 10.0.0.0/24({ro})"));
        assert!(lines[2].starts_with(&format!("/srv/netboot/shared/base 10.0.0.0/24({ro},fsid=")), "{text}");
        assert!(lines[3].starts_with("/srv/netboot/shared/base 10.0.0.7("));
        assert!(!text.contains('*') && !text.contains("clients/c"));
        let own = record("lab-01");
        let text = kernel_file(std::slice::from_ref(&own), &[], &|_| false);
        assert!(text.contains("# client lab-01\n/srv/netboot/clients/lab-01 10.0.0.0/24(rw,sync,"), "{text}");
        let ganesha = ganesha_file(&[own], &[]);
        assert_eq!(ganesha.matches("EXPORT {").count(), 2);
        assert!(ganesha.contains("Clients = 10.0.0.0/24; Access_Type = RW;"), "{ganesha}");
        assert!(ganesha.contains("Access_Type = None;"));
    }

    #[test]
    fn exports_of_a_client_whose_record_cannot_be_read_stay() {
        let mut all = [record("a"), record("b"), record("c")];
        for record in &mut all[..2] {
            record.mode = Mode::Overlay;
            record.root = "/srv/netboot/shared/base".into();
            record.layer = Some(format!("/srv/netboot/clients/{}", record.name).into());
            record.boot = format!("/srv/netboot/tftp/{}", record.name).into();
        }
        type Writes<'a> = &'a dyn Fn(&[Record], &[Kept]) -> String;
        let files: [Writes<'_>; 2] =
            [&|records, kept| kernel_file(records, kept, &|_| false), &|records, kept| {
                ganesha_file(records, kept)
            }];
        for file in files {
            let before = file(&all, &[]);
            // Nobody can read what b is.
            let sound = [all[0].clone(), all[2].clone()];
            let kept = kept_in(&before, &["b".to_owned()]);
            assert_eq!(kept.len(), 3, "{before}");
            let after = file(&sound, &kept);
            for line in before.lines() {
                assert!(after.contains(line), "{line}: {after}");
            }
            assert_eq!(after, file(&sound, &kept_in(&after, &["b".to_owned()])), "once is enough");
            // The one with the shared root goes, and b keeps it.
            let alone = file(&all[2..], &kept_in(&after, &["b".to_owned()]));
            assert!(alone.contains("# client b\n") && alone.contains("shared/base"), "{alone}");
            assert!(!alone.contains("clients/a"), "{alone}");
        }
        assert_eq!(kept_in("# client b\nEXPORT {\n", &["b".to_owned()]), []);
    }

    #[test]
    fn others_exports_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("exports.d")).unwrap();
        std::fs::write(at("exports"), "# /srv/no *(rw)\n  /srv/a\\040b *(rw)\n\"/srv/c d\" *\n").unwrap();
        std::fs::write(at("exports.d/x.exports"), "/srv/netboot/clients/lab-01/ *(rw)\n").unwrap();
        std::fs::write(at("exports.d/x.bak"), "/srv/bak *(rw)\n").unwrap();
        std::fs::write(at("exports.d/piprov.exports"), "/srv/ours 10.0.0.1(rw)\n").unwrap();
        let ours = at("exports.d/piprov.exports");
        let paths: Vec<_> = foreign(&ours).into_iter().map(|foreign| (foreign.path, foreign.line)).collect();
        let path = |path: &str, line| (PathBuf::from(path), line);
        assert_eq!(paths, [path("/srv/a b", 2), path("/srv/c d", 3), path("/srv/netboot/clients/lab-01", 1)]);
        let error = refuse_foreign(&ours, &of(&record("lab-01"))).unwrap_err();
        assert!(error.to_string().contains("x.exports:1"), "{error}");
        assert!(refuse_foreign(&ours, &of(&record("lab-02"))).is_ok());
    }

    #[test]
    fn a_file_system_without_a_number_gets_one() {
        assert!(!needs_fsid(Path::new("/nonexistent")));
        assert_eq!(fsid(Path::new("/a")).len(), 32);
        assert_ne!(fsid(Path::new("/a")), fsid(Path::new("/b")));
    }
}
