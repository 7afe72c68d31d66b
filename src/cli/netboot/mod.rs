//! `piprov netboot`: boards that boot over the network.

mod client;
mod enable;
#[cfg(test)]
mod hostile;
mod nfs;
pub(super) mod serve;
mod watch;

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
    /// Answer boards that boot over the network: DHCP and TFTP in one
    Serve(serve::Serve),
    /// Listen on a network: which boards ask, who answers, what holds them back
    Watch(watch::Watch),
    /// Say whether this host can serve roots over NFS, and what it lacks
    ///
    /// The kernel's server is used where its exportfs is installed; nfs-ganesha, which needs no
    /// kernel module, where it is not, or where the kernel has no server. Clients of nfs-ganesha
    /// are told not to ask for access control lists (noacl), which it leaves unanswered. Boards
    /// need NFS version 3 over TCP and a port mapper. The exit code is 69 if something is missing.
    Nfs(nfs::Nfs),
    /// Make boards boot from the network, or say why they don't
    ///
    /// Pi 2B v1.2 and 3B have a bit that is burned in once, by a line in config.txt. Pi 3B+ are made with it. Pi 4, 5
    /// and Compute Modules with such a chip have an EEPROM, whose BOOT_ORDER says where they look for a system.
    Enable(enable::Enable),
}

impl Netboot {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        match self.command {
            Command::Client(args) => args.run(global, ui, stop),
            Command::Serve(args) => args.run(global, ui, stop),
            Command::Watch(args) => args.run(global, ui, stop),
            Command::Nfs(args) => args.run(ui),
            Command::Enable(args) => args.run(ui, stop),
        }
    }
}

/// The interface that was named. Without a name it is never guessed: on the wrong network a DHCP server disturbs
/// people that know nothing about it.
///
/// # Errors
/// A mistake in usage that lists the interfaces.
fn interface(given: Option<String>, command: &str) -> Result<String, crate::cli::report::Usage> {
    given.filter(|name| !name.is_empty()).ok_or_else(|| {
        let all = crate::wire::interfaces::list().unwrap_or_default();
        let usable = all.iter().filter(|interface| interface.mac.is_some());
        let have: Vec<String> = usable.map(|it| format!("{} ({})", it.name, it.show_addresses())).collect();
        let have = match have[..] {
            [] => "this host has no Ethernet interface".to_owned(),
            _ => format!("there are: {}", have.join(", ")),
        };
        let more = match command {
            "bootd" => ". With --no-network boards come over USB alone",
            _ => "",
        };
        crate::cli::report::Usage {
            message: format!("`piprov {command}` has to be told on which network interface"),
            hint: Some(
                format!("--interface NAME, or netboot.interface in the configuration; {have}{more}").into(),
            ),
        }
    })
}
