//! Which server the boards of a flash get: one of its own, or that of a program that has the port already.

use std::net::SocketAddr;

use crate::beneath::SocketError;
use crate::cli::remedy::word;
use crate::cli::{common, ui::Ui};
use crate::config::Settings;
use crate::control::{self, Client};
use crate::error::Explain;
use crate::stop::Stop;
use crate::targets::Target;
use crate::tftp;
use crate::uboot::material::ImageMaterial;
use crate::uboot::port::{Port, beyond};
use crate::wire::interfaces;

/// Who would serve the boards.
enum Serves {
    /// This process.
    Own(tftp::Server),
    /// A program that has the port.
    Other(Client),
}

/// Looks whether the boards can be served, and gives where: for a dry run. The port is free again afterwards, nobody is
/// answered there, and nothing is handed over.
///
/// # Errors
/// As for [`open`].
pub(super) fn look(
    listen: SocketAddr,
    settings: &Settings,
    targets: &[Target],
    (ui, stop): (&Ui, &Stop),
) -> crate::cli::Result<SocketAddr> {
    let Serves::Other(server) = serves(listen, settings, (ui, stop))? else { return Ok(listen) };
    let (who, at) = other(&server, listen, targets, ui);
    ui.say(format_args!("{who}; it would serve these boards too"));
    Ok(at)
}

/// Which program has the port, and where it serves. Warns of boards that may ask elsewhere.
fn other(server: &Client, listen: SocketAddr, targets: &[Target], ui: &Ui) -> (String, SocketAddr) {
    let at = server.addrs().iter().copied().find(|at| at.port() == listen.port()).unwrap_or(listen);
    let interfaces = interfaces::list().unwrap_or_default();
    for target in targets {
        if let Some(own) = target.ip.and_then(|ip| beyond(ip, server.addrs(), &interfaces)) {
            ui.warn(format_args!(
                "{} is in another network than {}, where it is served: if its card asks at {own}, use `--listen {own}`",
                target.name,
                at.ip()
            ));
        }
    }
    let program = if server.serves() == "netboot" { "`netboot serve`" } else { "another program" };
    (format!("{program} (pid {}) serves {at}", server.pid()), at)
}

/// Takes the port, or finds who has it and takes boards.
fn serves(listen: SocketAddr, settings: &Settings, (ui, stop): (&Ui, &Stop)) -> crate::cli::Result<Serves> {
    let busy = match tftp::Server::bind(listen, common::tftp_limits(settings)) {
        Ok(server) => return Ok(Serves::Own(server)),
        Err(error @ (tftp::Error::InUse { .. } | tftp::Error::Privileged { .. })) => error,
        Err(error) => return Err(error.into()),
    };
    let Some(path) = &settings.control_socket.value else { return Err(busy.into()) };
    match Client::connect(path, stop).and_then(|server| server.serves_at(listen).map(|()| server)) {
        Ok(server) => Ok(Serves::Other(server)),
        Err(error) => {
            // That nobody listens there is as good as told by what the port's error says.
            if !matches!(error, control::Error::Socket(SocketError::NotThere { .. })) {
                let hint = error.hint().map_or_else(String::new, |hint| format!(". {}", word(&hint)));
                ui.warn(format_args!(
                    "the boards can't be handed over: {}{hint}",
                    crate::error::chain(&error)
                ));
            }
            Err(busy.into())
        }
    }
}

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
    let server = match serves(listen, settings, (ui, stop))? {
        Serves::Own(server) => {
            let at = server.local_addr();
            return Ok((Port::Own(server), at));
        }
        Serves::Other(server) => server,
    };
    let (who, at) = other(&server, listen, targets, ui);
    let port = Port::hand_over(server, targets.iter().map(|target| target.mac).collect(), material, stop)?;
    ui.say(format_args!("{who}; it serves these boards too"));
    Ok((port, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_dry_run_refuses_a_port_that_the_run_could_not_have() {
        let mut settings = Settings::load(Some(std::path::Path::new("/dev/null"))).unwrap();
        let (ui, memory) = Ui::remembering();
        let stop = Stop::new().unwrap();
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let dir = tempfile::tempdir().unwrap();
        for control in [None, Some(dir.path().join("nobody.sock"))] {
            settings.control_socket.value = control;
            let failure = look(at, &settings, &[], (&ui, &stop)).unwrap_err();
            assert_eq!(failure.kind(), Kind::Busy);
            assert!(failure.message().unwrap().contains("is in use"), "{failure:?}");
        }
        drop(taken);
        assert_eq!(look(at, &settings, &[], (&ui, &stop)).unwrap(), at);
        // It is free again.
        look(at, &settings, &[], (&ui, &stop)).unwrap();
        let strange = look("198.51.100.7:0".parse().unwrap(), &settings, &[], (&ui, &stop)).unwrap_err();
        assert_eq!(strange.kind(), Kind::Unavailable);
        assert_eq!(memory.take_clean(), [""; 0]);
    }
}
