//! Which server the boards of a flash get: one of its own, or that of a program that has the port already.

use std::net::SocketAddr;

use crate::cli::{common, ui::Ui};
use crate::config::Settings;
use crate::control::{self, Client};
use crate::stop::Stop;
use crate::targets::Target;
use crate::tftp;
use crate::uboot::material::ImageMaterial;
use crate::uboot::port::Port;

/// Takes the port, or hands the boards over to who has it. Gives where boards are served, too.
///
/// # Errors
/// Where neither is possible.
pub(super) fn open(
    listen: SocketAddr,
    settings: &Settings,
    targets: &[Target],
    material: &ImageMaterial,
    (ui, stop): (&Ui, &Stop),
) -> crate::cli::Result<(Port, SocketAddr)> {
    let busy = match tftp::Server::bind(listen, common::tftp_limits(settings)) {
        Ok(server) => {
            let at = server.local_addr();
            return Ok((Port::Own(server), at));
        }
        Err(error @ (tftp::Error::InUse { .. } | tftp::Error::Privileged { .. })) => error,
        Err(error) => return Err(error.into()),
    };
    let Some(path) = &settings.control_socket.value else { return Err(busy.into()) };
    let server =
        match Client::connect(path, stop).and_then(|server| server.serves_at(listen).map(|()| server)) {
            Ok(server) => server,
            Err(error) => {
                // That nobody listens there is as good as told by what the port's error says.
                if !matches!(error, control::Error::NotThere { .. }) {
                    ui.warn(format_args!("the boards can't be handed over: {}", crate::error::chain(&error)));
                }
                return Err(busy.into());
            }
        };
    let at = server.addrs().iter().copied().find(|at| at.port() == listen.port()).unwrap_or(listen);
    let (pid, serves) = (server.pid(), server.serves().to_owned());
    let port = Port::hand_over(server, targets.iter().map(|target| target.mac).collect(), material, stop)?;
    let program = if serves == "netboot" { "`netboot serve`" } else { "another program" };
    ui.say(format_args!("{program} (pid {pid}) serves port {}; it serves these boards too", at.port()));
    Ok((port, at))
}
