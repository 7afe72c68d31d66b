//! Labels: their templates, the printers that they go to, and what is to be printed.

use serde::{Deserialize, Serialize};

use super::Time;

/// A template of a label. A name in braces stands for that value of the board, as `{serial}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// What people call it. One label a name.
    pub name: String,
    /// How its text is written.
    #[serde(default)]
    pub language: LabelLanguage,
    /// The template; at most [`LONGEST_LABEL`] bytes.
    pub text: String,
}

/// See [`Label::text`].
pub const LONGEST_LABEL: usize = 32 << 10;
/// Copies of a label that are printed at once at most.
pub const MOST_COPIES: u32 = 20;

/// How the text of a label is written. What isn't `drawn` goes to the printer as it is, once values are filled in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LabelLanguage {
    /// Lines of our own, of which the station makes a picture, for any printer.
    #[default]
    Drawn,
    /// Zebra's ZPL II.
    Zpl,
    /// Eltron's EPL 2.
    Epl,
    /// JScript of cab and Brady printers.
    Jscript,
    /// HTML, for a program that makes a page of it.
    Html,
    /// Any other text.
    Text,
}

impl LabelLanguage {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Drawn, Self::Zpl, Self::Epl, Self::Jscript, Self::Html, Self::Text];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Zpl => "zpl",
            Self::Epl => "epl",
            Self::Jscript => "jscript",
            Self::Html => "html",
            Self::Text => "text",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Drawn => "drawn here",
            Self::Zpl => "ZPL",
            Self::Epl => "EPL",
            Self::Jscript => "JScript",
            Self::Html => "HTML",
            Self::Text => "text",
        }
    }
}

/// The label of a project's boards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectLabel {
    /// The label, by its name.
    pub label: String,
    /// The printer, by its name.
    pub printer: String,
    /// When it is printed.
    #[serde(default)]
    pub when: LabelWhen,
    /// How often, 1 to [`MOST_COPIES`].
    #[serde(default = "one")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub copies: u32,
}

/// One copy.
const fn one() -> u32 {
    1
}

/// When a project's label is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LabelWhen {
    /// When the board's job begins: once a job, however often the board starts again.
    Start,
    /// When the board is done and was read back.
    #[default]
    Done,
}

impl LabelWhen {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Start => "when the job begins",
            Self::Done => "when the board is done and was read back",
        }
    }
}

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
            Self::Tcp(tcp) => format!("tcp {}:{}", tcp.host, tcp.port),
            Self::Ftp(ftp) if ftp.directory.is_empty() => format!("ftp {}:{}", ftp.host, ftp.port),
            Self::Ftp(ftp) => format!("ftp {}:{} in {}", ftp.host, ftp.port, ftp.directory),
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

/// How far it is with a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PrintState {
    /// It waits for its printer.
    Waiting,
    /// It goes to the printer now.
    Printing,
    /// The printer has taken all of it.
    Sent,
    /// Perhaps it was printed: what would have said so didn't come. Nothing is printed once more by itself.
    Unsure,
    /// It can't be printed as it is.
    Failed,
    /// Nobody wants it any more.
    Cancelled,
}

impl PrintState {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Printing => "printing",
            Self::Sent => "sent",
            Self::Unsure => "unsure",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A label that was or is to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Print {
    /// Its name.
    pub print: String,
    /// The printer.
    pub printer: String,
    /// The label.
    pub label: String,
    /// The board, by id; without it the label has sample values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// What people called the board.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub called: String,
    /// The run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How far it is.
    pub state: PrintState,
    /// How often it was tried.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub tries: u32,
    /// Since when it is to be printed.
    pub made: Time,
    /// When it is tried next, or was tried last.
    pub due: Time,
    /// Who wants it.
    pub by: String,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A label that is to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPrint {
    /// The label, by its name.
    pub label: String,
    /// The printer, by its name.
    pub printer: String,
    /// The board, by id, name, serial number or address; without it sample values are printed, as a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// How often, 1 to [`MOST_COPIES`].
    #[serde(default = "one")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub copies: u32,
}

/// Which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PrintsAsked {
    /// For this printer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PrintState>,
    /// Of this board, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// [`Page::next`](super::Page::next) of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1 to 500 lines; 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A label with a board's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FilledAsked {
    /// The board, by id, name, serial number or address; without it sample values stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// A label that is drawn as this; without it as PNG. Others are told as their printer gets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<PrinterTakes>,
}

/// What a code says, and which board that is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Scanned {
    /// What stands in the code; empty where none was seen.
    pub text: String,
    /// The board, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_interface() {
        let word = |value: serde_json::Result<serde_json::Value>| value.unwrap().as_str().unwrap().to_owned();
        for one in LabelLanguage::ALL {
            assert_eq!(word(serde_json::to_value(one)), one.word());
        }
        for one in PrinterTakes::ALL {
            assert_eq!(word(serde_json::to_value(one)), one.word());
        }
    }

    #[test]
    fn what_names_a_place_is_one_word_of_its_protocol() {
        let at = |text: &str| serde_json::from_str::<PrinterAt>(text);
        let tcp = at(r#"{"by":"tcp","host":"10.0.0.9"}"#).unwrap();
        assert_eq!((tcp.check(), tcp.words().as_str()), (Ok(()), "tcp 10.0.0.9:9100"));
        let ftp = at(r#"{"by":"ftp","host":"printer.lab","directory":"execute"}"#).unwrap();
        assert_eq!((ftp.check(), ftp.words().as_str()), (Ok(()), "ftp printer.lab:21 in execute"));
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
