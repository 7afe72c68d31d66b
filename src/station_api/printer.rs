//! Printers of labels: where they are, and what they get.

use serde::{Deserialize, Serialize};

use super::Time;
use crate::format::host_port;

/// Where a printer is, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum PrinterAt {
    /// It takes bytes over TCP.
    Tcp(TcpPrinter),
    /// It, or a print server, takes files by FTP.
    Ftp(FtpPrinter),
    /// A program of the station's host prints.
    Command(CommandPrinter),
    /// Labels become files, in the station's directory for these.
    File(FilePrinter),
}

/// A printer that takes bytes over TCP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct TcpPrinter {
    /// Its name or address.
    pub host: String,
    /// Its port; 9100 without it.
    #[serde(default = "raw")]
    #[cfg_attr(feature = "station", schema(format = "uint16"))]
    pub port: u16,
}

const fn raw() -> u16 {
    9100
}

/// A printer that takes files by FTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct FtpPrinter {
    /// Its name or address.
    pub host: String,
    /// Its port; 21 without it.
    #[serde(default = "ftp")]
    #[cfg_attr(feature = "station", schema(format = "uint16"))]
    pub port: u16,
    /// Who signs in; without it `anonymous`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The directory that files go to; without it the one that its user begins in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub directory: String,
    /// The ending of files' names: letters and digits, at most 8.
    #[serde(default = "prn")]
    pub ending: String,
    /// A file comes under another name, and gets its own when it is whole: for servers that watch a directory. Printers
    /// themselves often can't.
    #[serde(default)]
    pub rename: bool,
}

const fn ftp() -> u16 {
    21
}

fn prn() -> String {
    "prn".to_owned()
}

/// A printer behind a program of the station's host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct CommandPrinter {
    /// One of the programs that the station's settings name (`station.print-command`), by its name there. Nobody names
    /// another one over the network.
    pub command: String,
}

/// Labels as files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct FilePrinter {
    /// As in [`FtpPrinter::ending`].
    #[serde(default = "prn")]
    pub ending: String,
}

impl PrinterAt {
    /// The word of its kind.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Ftp(_) => "ftp",
            Self::Command(_) => "command",
            Self::File(_) => "file",
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Tcp(tcp) => format!("tcp {}", host_port(&tcp.host, tcp.port)),
            Self::Ftp(ftp) if ftp.directory.is_empty() => format!("ftp {}", host_port(&ftp.host, ftp.port)),
            Self::Ftp(ftp) => format!("ftp {} in {}", host_port(&ftp.host, ftp.port), ftp.directory),
            Self::Command(command) => format!("command {}", command.command),
            Self::File(file) => format!("files *.{}", file.ending),
        }
    }

    /// Whether it can be. What names a host, a directory or a file stays one word of its protocol.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        let host = |host: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
            if host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
                return Err("a host is a name or an address, without a port");
            }
            Ok(())
        };
        let ending = |ending: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric();
            if ending.is_empty() || ending.len() > 8 || !ending.bytes().all(fits) {
                return Err("an ending has 1 to 8 letters and digits");
            }
            Ok(())
        };
        match self {
            Self::Tcp(tcp) if tcp.port == 0 => Err("a port is 1 to 65535"),
            Self::Tcp(tcp) => host(&tcp.host),
            Self::Ftp(ftp) => {
                host(&ftp.host)?;
                ending(&ftp.ending)?;
                let is_word = |text: &str| text.len() <= 200 && !text.chars().any(char::is_control);
                if ftp.port == 0 {
                    return Err("a port is 1 to 65535");
                }
                if !is_word(&ftp.user) || !is_word(&ftp.directory) {
                    return Err("a user and a directory have 200 bytes at most, and no control characters");
                }
                Ok(())
            }
            Self::Command(command) => super::check_name(&command.command),
            Self::File(file) => ending(&file.ending),
        }
    }
}

/// What a printer gets of a label that is drawn here. Other labels go as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PrinterTakes {
    /// ZPL II with the picture in it.
    #[default]
    Zpl,
    /// EPL 2 with the picture in it.
    Epl,
    /// The picture as PNG, which has its size in it.
    Png,
}

impl PrinterTakes {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zpl, Self::Epl, Self::Png];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Zpl => "zpl",
            Self::Epl => "epl",
            Self::Png => "png",
        }
    }
}

/// A printer, with how it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Printer {
    /// What people call it. One printer a name.
    pub name: String,
    /// Where it is.
    pub at: PrinterAt,
    /// What it gets of a label that is drawn.
    pub takes: PrinterTakes,
    /// Whether there is a password for it. Nobody is told it.
    #[serde(default)]
    pub password: bool,
    /// So many labels wait for it.
    pub waiting: u64,
    /// Of so many nobody knows whether they were printed.
    pub unsure: u64,
    /// Since when it takes nothing, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Until when it gets nothing, because a label was perhaps printed; a person who sees to that one ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Time>,
    /// When it was made.
    pub made: Time,
    /// By whom.
    pub by: String,
}

/// A printer as it is made or changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPrinter {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub at: PrinterAt,
    /// What it gets of a label that is drawn.
    #[serde(default)]
    pub takes: PrinterTakes,
    /// The password for FTP, at most 200 bytes; without it what there is stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl std::fmt::Debug for NewPrinter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("NewPrinter").field("name", &self.name).field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_interface() {
        for one in PrinterTakes::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.word());
        }
    }

    #[test]
    fn what_names_a_place_is_one_word_of_its_protocol() {
        let at = |text: &str| serde_json::from_str::<PrinterAt>(text);
        let tcp = at(r#"{"by":"tcp","host":"10.0.0.9"}"#).unwrap();
        assert_eq!((tcp.check(), tcp.words().as_str()), (Ok(()), "tcp 10.0.0.9:9100"));
        let ftp = at(r#"{"by":"ftp","host":"printer.lab","directory":"execute"}"#).unwrap();
        assert_eq!((ftp.check(), ftp.words().as_str()), (Ok(()), "ftp printer.lab:21 in execute"));
        let six = at(r#"{"by":"tcp","host":"fd00::9"}"#).unwrap();
        assert_eq!((six.check(), six.words().as_str()), (Ok(()), "tcp [fd00::9]:9100"));
        assert_eq!(at(r#"{"by":"command","command":"zebra"}"#).unwrap().check(), Ok(()));
        assert_eq!(at(r#"{"by":"file"}"#).unwrap().check(), Ok(()));
        for bad in [
            r#"{"by":"tcp","host":""}"#,
            r#"{"by":"tcp","host":"a/b"}"#,
            r#"{"by":"tcp","host":"a\r\nQUIT"}"#,
            r#"{"by":"tcp","host":"a","port":0}"#,
            r#"{"by":"ftp","host":"a","user":"a\r\nDELE x"}"#,
            r#"{"by":"ftp","host":"a","directory":"a\nb"}"#,
            r#"{"by":"ftp","host":"a","ending":"../x"}"#,
            r#"{"by":"file","ending":""}"#,
            r#"{"by":"file","ending":"a/b"}"#,
            r#"{"by":"command","command":"-rf"}"#,
            r#"{"by":"command","command":"/bin/sh"}"#,
        ] {
            assert!(at(bad).unwrap().check().is_err(), "{bad}");
        }
        // A command line is nothing that anybody says here.
        let evil = at(r#"{"by":"command","command":"x","run":["/bin/sh"]}"#).unwrap();
        assert_eq!(evil, PrinterAt::Command(CommandPrinter { command: "x".into() }));
    }
}
