//! What serves the boards of a flash: a server of its own, a place on a server of this process, or a server of another
//! process. Boards ask port 69 and no other, so a flash takes it where it is.

use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};

use super::boards::Boards;
use super::flash::Error;
use super::material::ImageMaterial;
use crate::board::Mac;
use crate::control;
use crate::stop::{Stop, Waker, until};
use crate::tftp::event::Event;
use crate::tftp::switch::{Branch, Joined, Switch};
use crate::tftp::{self, Server};

/// What serves the boards.
#[derive(Debug)]
pub enum Port {
    /// A server that has nothing else to do.
    Own(Server),
    /// A server of this process, beside others.
    Shared(Arc<Switch>),
    /// A server of another process, which has taken the boards already.
    Handed(control::Client),
}

/// The boards' place there.
pub(super) enum Place<'a> {
    Own(&'a Server),
    Shared { switch: &'a Switch, _joined: Joined },
    Handed(&'a control::Client),
}

impl Port {
    /// Hands boards over to a server of another process.
    ///
    /// # Errors
    /// Where it doesn't take them, or the image can't be handed over.
    pub fn hand_over(
        mut server: control::Client,
        boards: Vec<Mac>,
        material: &ImageMaterial,
        stop: &Stop,
    ) -> Result<Self, control::Error> {
        let (fd, is_spool) = material
            .image()
            .stored()
            .map_err(|source| control::Error::Image { name: material.image().name(), source })?;
        let image = control::Image::new(fd, is_spool.then(|| material.content()));
        server.admit(boards, image, stop)?;
        Ok(Self::Handed(server))
    }

    /// Whether only this machine is served.
    pub(super) fn is_local(&self) -> bool {
        let addrs = match self {
            Self::Own(server) => vec![server.local_addr()],
            Self::Shared(switch) => switch.addrs(),
            Self::Handed(server) => server.addrs().to_vec(),
        };
        addrs.iter().all(|addr| addr.ip().to_canonical().is_loopback())
    }

    /// What to wake when an answer has become known.
    pub(super) fn wakers(&self) -> Vec<Waker> {
        match self {
            Self::Own(server) => vec![server.waker()],
            Self::Shared(switch) => switch.wakers(),
            Self::Handed(server) => vec![server.waker()],
        }
    }

    /// Gives the boards their place.
    ///
    /// # Errors
    /// Where there is none for them.
    pub(super) fn place(&self, boards: &Arc<Boards>) -> Result<Place<'_>, Error> {
        Ok(match self {
            Self::Own(server) => Place::Own(server),
            Self::Shared(switch) => {
                Place::Shared { switch, _joined: switch.join(Arc::clone(boards) as Arc<dyn Branch>)? }
            }
            Self::Handed(server) => Place::Handed(server),
        })
    }
}

impl Place<'_> {
    /// Serves the boards until `stop` is set.
    ///
    /// # Errors
    /// Why they aren't served any more.
    pub(super) fn serve(self, boards: &Boards, stop: &Stop) -> Result<(), Error> {
        match self {
            Self::Own(server) => Ok(server.run(boards, &|event: Event| boards.transfer(&event), stop)?),
            Self::Handed(server) => Ok(server.serve(boards, stop)?),
            Self::Shared { switch, _joined } => {
                let mut fds = [PollFd::new(stop, PollFlags::IN), PollFd::new(switch.ended(), PollFlags::IN)];
                until(&mut fds, None).map_err(tftp::Error::Loop)?;
                if stop.is_set() { Ok(()) } else { Err(Error::Ended) }
            }
        }
    }
}
