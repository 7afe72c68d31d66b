//! `piprov netboot nfs`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Failure;
use crate::cli::remedy;
use crate::cli::ui::{Style, Ui};
use crate::error::Kind;
use crate::format::json::json;
use crate::netboot::client::nfs::{findings, look};

#[derive(Debug, Args)]
pub(super) struct Nfs {
    /// File with piprov's exports for nfs-ganesha
    #[arg(long, value_name = "FILE", default_value = "/etc/ganesha/piprov.conf")]
    ganesha: PathBuf,
}

impl Nfs {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        let state = look(&self.ganesha);
        let found = findings(&state);
        if ui.json {
            ui.object(&json!({ "event": "nfs", "state": state, "findings": found }));
        } else {
            let server = match (state.kernel_server && state.exportfs, state.ganesha) {
                (true, _) => "the kernel's",
                (false, true) => "nfs-ganesha",
                (false, false) => "none",
            };
            let port = |port: Option<u16>| {
                port.map_or_else(|| "not served".to_owned(), |port| format!("port {port}"))
            };
            ui.result(format_args!("server       {server}"));
            ui.result(format_args!(
                "port mapper  {}",
                if state.portmapper { "answers" } else { "doesn't answer" }
            ));
            ui.result(format_args!("NFS v3       {}", port(state.nfs_port)));
            ui.result(format_args!("mount v3     {}", port(state.mount_port)));
            for found in &found {
                ui.result(format_args!("{}  {}", ui.paint(Style::Bad, "missing"), found.what));
                ui.result(format_args!("         {}", remedy::hint(&found.remedy)));
            }
            if found.is_empty() {
                ui.result(ui.paint(Style::Good, "This host can serve roots over NFS."));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(Failure::already_told(Kind::Unavailable)) }
    }
}
