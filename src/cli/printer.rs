//! `piprov printer`: where labels are printed.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{self, At, Station, moment, new_name, parse, password, path, tell, tell_one, word};
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::station_api::{
    CommandPrinter, FilePrinter, FtpPrinter, NewPrinter, Printer as Known, PrinterAt, PrinterTakes,
    TcpPrinter,
};
use crate::stop::Stop;

/// Show and change printers of labels
///
/// A printer that is off keeps its labels waiting, in their order. What was cut off while it was printed isn't printed once more
/// by itself: `piprov label queue --state unsure` lists it.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Printer {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List printers, with what waits for them
    List,
    /// Show one printer
    Show(One),
    /// Add a printer, or change where it is
    Add(Add),
    /// Remove a printer that no project has; what waits for it isn't printed
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "PRINTER")]
    name: String,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "piprov printer add [OPTIONS] --tcp <HOST[:PORT]> <PRINTER>\n       \
    piprov printer add [OPTIONS] --ftp <HOST[:PORT]> <PRINTER>\n       \
    piprov printer add [OPTIONS] --program <NAME> <PRINTER>\n       \
    piprov printer add [OPTIONS] --files <PRINTER>")]
struct Add {
    /// What to call it
    #[arg(value_name = "PRINTER", value_parser = new_name)]
    name: String,
    #[command(flatten)]
    way: Way,
    /// What is drawn goes as zpl, epl or png [default: as it is, else zpl]
    #[arg(long, value_name = "FORM", value_parser = parse::<PrinterTakes>)]
    takes: Option<PrinterTakes>,
    /// The ending of files' names, by FTP or with --files [default: prn]
    #[arg(long, value_name = "ENDING")]
    ending: Option<String>,
    /// Who signs in by FTP [default: anonymous]
    #[arg(long, requires = "ftp")]
    user: Option<String>,
    /// A file with the password for FTP, its owner's alone [default: it stays]
    #[arg(long, value_name = "FILE", requires = "ftp", value_hint = clap::ValueHint::FilePath)]
    password_file: Option<PathBuf>,
    /// The directory on the FTP server
    #[arg(long, value_name = "DIR", requires = "ftp")]
    directory: Option<String>,
    /// By FTP a file gets its name when it is whole
    #[arg(long, requires = "ftp")]
    rename: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "way", required = true, multiple = false)]
struct Way {
    /// It takes labels over TCP [default port: 9100]
    ///
    /// Addresses of the station's own host and of its link are refused, unless the setting `station.printers-local` allows
    /// them.
    #[arg(long, value_name = "HOST[:PORT]")]
    tcp: Option<String>,
    /// It takes files by FTP [default port: 21]
    ///
    /// For its address holds what `--tcp` says.
    #[arg(long, value_name = "HOST[:PORT]")]
    ftp: Option<String>,
    /// A program of the station's host prints
    ///
    /// Its name in the setting `station.print-command`, which is in a file on the station's host.
    #[arg(long = "program", value_name = "NAME")]
    command: Option<String>,
    /// Labels become files below the directory of the setting `station.print-dir`
    #[arg(long)]
    files: bool,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "PRINTER")]
    confirm: Option<String>,
}

/// A host and its port.
fn host(text: &str, usual: u16) -> Result<(String, u16), Usage> {
    // An IPv6 address has brackets where a port stands behind it.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = match port {
        None => usual,
        Some(port) => port
            .parse()
            .map_err(|_| Usage { message: format!("{text}: a port is 1 to 65535"), hint: None })?,
    };
    Ok((host.to_owned(), port))
}

impl Printer {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => list(&station, ui),
            Command::Show(args) => {
                show(&station.get(&path(["printers", &args.name]))?, ui);
                Ok(())
            }
            Command::Add(args) => args.run(&station, ui, stop),
            Command::Remove(args) => {
                let what = ("printers", "printer");
                client::remove(&station, what, &args.one.name, args.confirm.as_deref(), ui, stop)
            }
        }
    }
}

impl Add {
    fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let place = path(["printers", &self.name]);
        let before = match station.get::<Known>(&place) {
            Ok(before) => Some(before),
            Err(error) if error.status() == Some(404) => None,
            Err(error) => return Err(error)?,
        };
        let ending = self.ending.unwrap_or_else(|| "prn".to_owned());
        let at = match (self.way.tcp, self.way.ftp, self.way.command) {
            (Some(tcp), ..) => {
                let (host, port) = host(&tcp, 9100)?;
                PrinterAt::Tcp(TcpPrinter { host, port })
            }
            (None, Some(ftp), _) => {
                let (host, port) = host(&ftp, 21)?;
                PrinterAt::Ftp(FtpPrinter {
                    host,
                    port,
                    user: self.user.unwrap_or_default(),
                    directory: self.directory.unwrap_or_default(),
                    ending,
                    rename: self.rename,
                })
            }
            (None, None, Some(command)) => PrinterAt::Command(CommandPrinter { command }),
            (None, None, None) => PrinterAt::File(FilePrinter { ending }),
        };
        let secret = match &self.password_file {
            Some(file) => Some(password(Some(file), ui, stop)?),
            None => None,
        };
        let takes = self.takes.or(before.map(|before| before.takes)).unwrap_or_default();
        let new = NewPrinter { name: self.name, at, takes, password: secret };
        show(&station.put(&place, &new)?, ui);
        Ok(())
    }
}

fn show(printer: &Known, ui: &Ui) {
    tell_one(
        ui,
        "printer",
        printer,
        &[
            ("name", printer.name.clone()),
            ("where", printer.at.words()),
            ("takes", word(printer.takes)),
            ("password", if printer.password { "there is one".to_owned() } else { String::new() }),
            ("waiting", printer.waiting.to_string()),
            ("perhaps printed", if printer.unsure > 0 { printer.unsure.to_string() } else { String::new() }),
            ("takes nothing", printer.why.clone()),
            ("gets nothing until", printer.paused.map(moment).unwrap_or_default()),
        ],
    );
}

fn list(station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let all: Vec<Known> = station.all("/api/v1/printers", &[])?;
    let row = |one: &Known| {
        [
            one.name.clone(),
            one.at.words(),
            word(one.takes),
            one.waiting.to_string(),
            one.unsure.to_string(),
            one.why.clone(),
        ]
    };
    let heads = ["PRINTER", "WHERE", "TAKES", "WAITING", "UNSURE", "TAKES NOTHING"];
    tell(ui, "printer", heads, &all, row, "the station has no printers");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        for (text, name, port) in [
            ("10.0.0.9", "10.0.0.9", 9100),
            ("zebra.lab:6101", "zebra.lab", 6101),
            ("fd00::9", "fd00::9", 9100),
            ("[fd00::9]:515", "fd00::9", 515),
            ("[fd00::9]", "fd00::9", 9100),
        ] {
            assert_eq!(host(text, 9100).ok(), Some((name.to_owned(), port)), "{text}");
        }
        assert!(host("a:b", 9100).is_err() && host("a:70000", 9100).is_err());
    }
}
