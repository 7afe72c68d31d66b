//! `piprov netboot`.

mod client;
mod nfs;

use clap::{Args, Subcommand};

use crate::cli::{Global, ui::Ui};
use crate::stop::Stop;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Netboot {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, show, check and remove clients: boards with a root on this host
    Client(client::Client),
    /// Say whether this host can serve roots over NFS, and what it lacks
    ///
    /// The kernel's server is used where its exportfs is installed; nfs-ganesha, which needs no
    /// kernel module, where it is not. Boards need NFS version 3 over TCP and a port mapper. The
    /// exit code is 69 if something is missing.
    Nfs(nfs::Nfs),
}

impl Netboot {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> anyhow::Result<()> {
        match self.command {
            Command::Client(args) => args.run(global, ui, stop),
            Command::Nfs(args) => args.run(ui),
        }
    }
}
