//! The clients' records, as far as serving needs them. Written by `piprov netboot client`.

use std::path::{Path, PathBuf};

use super::place::Prefix;
use crate::beneath::{open_regular, read_bounded};
use crate::board::{Mac, Serial};

/// A record is a few lines; a larger file is no record.
const MAX_BYTES: u64 = 1 << 16;

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetbootClient {
    /// What it is called.
    pub name: String,
    /// Its board's serial number.
    pub serial: Option<Serial>,
    /// Its board's MAC address.
    pub mac: Option<Mac>,
    /// Its root file system on this host.
    pub root: Option<PathBuf>,
    /// The name of its directory in the TFTP tree, where the record names one.
    pub tftp: Option<String>,
}

impl NetbootClient {
    /// The names that its directory may have, the most certain first.
    #[must_use]
    pub fn directories(&self) -> Vec<String> {
        let serial = self.serial.map(|serial| Prefix::Serial(serial).to_string());
        let mac = self.mac.map(|mac| Prefix::Mac(mac).to_string());
        self.tftp.iter().cloned().chain(serial).chain(mac).collect()
    }
}

/// All clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetbootClients(Vec<NetbootClient>);

impl NetbootClients {
    /// Reads all records below a state directory, and says what is wrong with those that can't be used. No such
    /// directory: no clients.
    #[must_use]
    pub fn read(state: &Path) -> (Self, Vec<String>) {
        let mut clients = Vec::new();
        let mut wrong = Vec::new();
        let folder = state.join("clients");
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                wrong.push(format!("reading {}: {error}", folder.display()));
                Vec::new()
            }
        };
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        for path in paths {
            match read_one(&path) {
                Ok(client) => clients.push(client),
                Err(why) => wrong.push(format!("{} is left out: {why}", path.display())),
            }
        }
        (Self(clients), wrong)
    }

    /// These clients.
    #[must_use]
    pub fn new(clients: Vec<NetbootClient>) -> Self {
        Self(clients)
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> &[NetbootClient] {
        &self.0
    }

    /// The client of a board.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Option<&NetbootClient> {
        self.0.iter().find(|client| client.mac == Some(mac))
    }

    /// The client of a board.
    #[must_use]
    pub fn by_serial(&self, serial: &Serial) -> Option<&NetbootClient> {
        self.0.iter().find(|client| client.serial.is_some_and(|own| own.is_of_same_board(serial)))
    }
}

fn read_one(path: &Path) -> Result<NetbootClient, String> {
    let bytes = open_regular(path).and_then(|file| read_bounded(&file, MAX_BYTES));
    let bytes = bytes.map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => "it has more than 64 KiB: this is no record".to_owned(),
        _ => error.to_string(),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| "it isn't UTF-8".to_owned())?;
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    parse(name, &text)
}

/// Reads a record; keys that serving has no use for don't matter.
fn parse(name: &str, text: &str) -> Result<NetbootClient, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let word = |key: &str| table.get(key).and_then(toml::Value::as_str).filter(|text| !text.is_empty());
    let serial = match word("serial") {
        Some(text) => Some(Serial::of_digits(text).ok_or_else(|| format!("`{text}` is no serial number"))?),
        None => None,
    };
    let mac = match word("mac") {
        Some(text) => Some(text.parse().map_err(|error: crate::board::BadMac| error.to_string())?),
        None => None,
    };
    // One word for both: a serial number has no separators.
    let (serial, mac) = match word("board") {
        Some(text) if text.contains([':', '-']) => {
            (serial, Some(text.parse().map_err(|error: crate::board::BadMac| error.to_string())?))
        }
        Some(text) => (Some(Serial::of_digits(text).ok_or_else(|| format!("`{text}` names no board"))?), mac),
        None => (serial, mac),
    };
    if serial.is_none() && mac.is_none() {
        return Err("it names no board".to_owned());
    }
    // The last component of the directory's path counts.
    let tftp = word("boot").and_then(|path| Path::new(path).file_name()?.to_str());
    Ok(NetbootClient {
        name: word("name").unwrap_or(name).to_owned(),
        serial,
        mac,
        root: word("root").map(PathBuf::from).filter(|root| root.is_absolute() && root.parent().is_some()),
        tftp: tftp.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(NetbootClients::read(dir.path()), (NetbootClients::default(), Vec::new()));
        let folder = dir.path().join("clients");
        std::fs::create_dir(&folder).unwrap();
        let good = "name = 'porch'\nboard = '9c1d03f2'\nmac = 'dc:a6:32:01:36:c2'\nroot = '/srv/porch'\nmode = 'rw'\n";
        std::fs::write(folder.join("porch.toml"), good).unwrap();
        std::fs::write(folder.join("a.toml"), "serial = 'xyz'").unwrap();
        std::fs::write(folder.join("b.toml"), "root = '/srv/b'").unwrap();
        std::fs::write(folder.join("c.toml"), "serial = '9c1d03f2").unwrap();
        std::fs::write(folder.join("porch.toml.new"), "nonsense").unwrap();
        let pipe = folder.join("e.toml");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        std::fs::File::create(folder.join("f.toml")).unwrap().set_len(1 << 40).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("g.toml")).unwrap();
        std::fs::write(
            folder.join("d.toml"),
            "board = 'dc:a6:32:00:00:01'\nroot = '/'\nboot = '/srv/tftp/lab'",
        )
        .unwrap();
        let (clients, wrong) = NetbootClients::read(dir.path());
        assert_eq!(wrong.len(), 6, "{wrong:?}");
        let porch = clients.by_serial(&Serial::of_low(0x9c1d_03f2)).unwrap();
        assert_eq!((porch.name.as_str(), porch.root.as_deref()), ("porch", Some(Path::new("/srv/porch"))));
        assert_eq!(clients.by_mac("dc:a6:32:01:36:c2".parse().unwrap()), Some(porch));
        assert_eq!(porch.directories(), ["9c1d03f2", "dc-a6-32-01-36-c2"]);
        let d = clients.by_mac("dc:a6:32:00:00:01".parse().unwrap()).unwrap();
        // The whole host is no client's root.
        assert_eq!(
            (d.name.as_str(), &d.root, d.directories()),
            ("d", &None, vec!["lab".to_owned(), "dc-a6-32-00-00-01".to_owned()])
        );
    }
}
