//! `piprov netboot client`.

mod add;
mod check;
mod list;
mod manage;
mod set;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::{Failure, Global, common, report, ui::Ui};
use crate::config::Settings;
use crate::error::Explain;
use crate::netboot::client::{Clients, Error, Name, Places};
use crate::stop::Stop;

/// What is said where there is nothing to list or look at.
const NONE: &str = "There are no clients. `piprov netboot client add` makes one.";

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Client {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a client from an image, a directory, or the running system
    ///
    /// Copies the root with hard links, attributes, access control lists, device nodes and holes, and
    /// the boot files to where the board looks for them; compares both with their source as they are
    /// read back; then makes the copy this client's own: new SSH host keys, machine id, name, fstab,
    /// cmdline.txt; no first boot, no swap; and exports it to the client's network alone. If it fails
    /// or is stopped, what was made is removed. After kill -9 the same command goes on.
    Add(add::Add),
    /// List the clients
    List(list::List),
    /// Show everything that is known of a client
    Show(list::Show),
    /// Remove a client: its exports, its root, its boot files
    Remove(manage::Remove),
    /// Give a client another name; it takes effect at its next start
    Rename(manage::Rename),
    /// Give a client another board, address, server, network or mode
    ///
    /// The root stays. The boot files move to where the new board looks for them; cmdline.txt, fstab and the
    /// exports follow, and the files are read back. If it fails, all is as it was. It takes effect at the
    /// client's next start.
    Set(set::Set),
    /// Compare clients with the checklist, and with what is exported and served
    ///
    /// The exit code is 1 if something was found.
    Check(check::Check),
}

impl Client {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        match self.command {
            Command::Add(args) => args.run(global, ui, stop),
            Command::List(args) => args.run(global, ui, stop),
            Command::Show(args) => args.run(global, ui, stop),
            Command::Remove(args) => args.run(global, ui, stop),
            Command::Rename(args) => args.run(global, ui, stop),
            Command::Set(args) => args.run(global, ui, stop),
            Command::Check(args) => args.run(global, ui, stop),
        }
    }
}

/// Where clients are kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where")]
struct Where {
    /// Directory that is served over TFTP; default: `netboot.tftp-root`
    #[arg(long, value_name = "DIR")]
    tftp_root: Option<PathBuf>,
    /// Directory with the clients' roots; default: `netboot.clients`
    #[arg(long, value_name = "DIR")]
    clients: Option<PathBuf>,
    /// Directory with the roots that clients share; default: `netboot.shared`
    #[arg(long, value_name = "DIR")]
    shared_roots: Option<PathBuf>,
    /// Directory with what is known of the clients; default: `netboot.state`
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// File with what the kernel's NFS server exports for piprov
    #[arg(long, value_name = "FILE", default_value = "/etc/exports.d/piprov.exports")]
    exports: PathBuf,
    /// The same for nfs-ganesha, used where there is no exportfs
    #[arg(long, value_name = "FILE", default_value = "/etc/ganesha/piprov.conf")]
    ganesha: PathBuf,
}

impl Where {
    fn clients(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<(Clients, Settings)> {
        let settings = common::settings(global, ui)?;
        let places = Places {
            tftp: self.tftp_root.unwrap_or_else(|| settings.netboot.tftp_root.value.clone()),
            clients: self.clients.unwrap_or_else(|| settings.netboot.clients.value.clone()),
            shared: self.shared_roots.unwrap_or_else(|| settings.netboot.shared.value.clone()),
            state: self.state.unwrap_or_else(|| settings.netboot.state.value.clone()),
            exports: self.exports,
            ganesha: self.ganesha,
        };
        Ok((Clients::new(places, stop.clone()), settings))
    }
}

/// Tells what is wrong with clients, after all that could be done with the others; the first is what the command ends
/// with.
fn tell_all(ui: &Ui, errors: Vec<Error>) -> crate::cli::Result<()> {
    let mut kind = None;
    for error in errors {
        kind = kind.or(Some(error.kind()));
        report::tell(ui, &Failure::from(error));
    }
    kind.map_or(Ok(()), |kind| Err(Failure::already_told(kind)))
}

/// A client's name; what is wrong with it is told by the error, not by clap.
fn name(text: &str) -> crate::cli::Result<Name> {
    Ok(text.parse()?)
}
