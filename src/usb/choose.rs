//! What is done with a board that comes: what it is served, and how. One host serves boards of many kinds.

use std::sync::Arc;

use super::boot::{BootOptions, who};
use super::plan::PayloadPlan;
use super::transport::Device;
use crate::board::identity::Identity;
use crate::board::{Ports, Who, allows};

/// A board that waits: in its boot ROM, or for files.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What is known about it: its port, its chip, and its serial number where it tells one.
    pub board: Who,
    /// What it shows itself as.
    pub state: Identity,
    /// Its vendor and its product id.
    pub ids: (u16, u16),
}

impl Seen {
    /// What a device shows; `None` for one that is no board.
    #[must_use]
    pub fn of(device: &Device) -> Option<Self> {
        let state = device.identity()?;
        Some(Self { board: who(device), state, ids: (device.vendor, device.product) })
    }
}

/// What a board is served, and how.
#[derive(Clone)]
pub struct Serving {
    /// Which payload it gets. It is asked again in each stage of a boot.
    pub plan: Arc<dyn PayloadPlan>,
    /// How it is booted.
    pub options: Arc<BootOptions>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Serving").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What is done with a board.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It is booted. This is asked for once a boot: what it says holds to the boot's end.
    Serve(Serving),
    /// Nothing is done to it, for this reason, a clause such as "no slot is at this port". The reason is told once for as
    /// long as the board shows itself unchanged.
    Leave(String),
}

/// Decides for each board what is done with it.
pub trait Choose: Send + Sync {
    /// The decision. It is asked for when a board comes, and again whenever something on the bus changes while the board
    /// waits. All boards wait meanwhile, so it must not wait for anything.
    fn choose(&self, board: &Seen) -> Decision;
}

impl<F: Fn(&Seen) -> Decision + Send + Sync> Choose for F {
    fn choose(&self, board: &Seen) -> Decision {
        self(board)
    }
}

/// The same for all boards.
#[derive(Debug, Clone)]
pub struct AllAlike(Serving);

impl AllAlike {
    /// All are served by this plan, in this way.
    #[must_use]
    pub fn new(plan: Arc<dyn PayloadPlan>, options: BootOptions) -> Self {
        Self(Serving { plan, options: Arc::new(options) })
    }
}

impl Choose for AllAlike {
    fn choose(&self, _: &Seen) -> Decision {
        Decision::Serve(self.0.clone())
    }
}

/// Boards at some USB ports only; the others are left alone.
pub struct Allowed {
    ports: Vec<Ports>,
    choose: Arc<dyn Choose>,
}

impl std::fmt::Debug for Allowed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Allowed").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Allowed {
    /// Boards at `ports`, with none named at all, as `choose` says.
    #[must_use]
    pub fn new(ports: Vec<Ports>, choose: Arc<dyn Choose>) -> Self {
        Self { ports, choose }
    }
}

impl Choose for Allowed {
    fn choose(&self, board: &Seen) -> Decision {
        if board.board.port.is_some_and(|port| !allows(&self.ports, port)) {
            return Decision::Leave("its USB port isn't named in the setting usb.ports".to_owned());
        }
        self.choose.choose(board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_at_ports_that_are_not_named_are_left_alone_whatever_else_is_said() {
        let seen = |port: &str| {
            let (port, serial) = (port.parse().unwrap(), None);
            let device =
                Device { port, address: 1, vendor: 0x0a5c, product: 0x2711, serial_index: 3, serial };
            Seen::of(&device).unwrap()
        };
        let others = |_: &Seen| Decision::Leave("it is asked".to_owned());
        let why = |ports: &[&str], port: &str| {
            let ports = ports.iter().map(|ports| ports.parse().unwrap()).collect();
            match Allowed::new(ports, Arc::new(others)).choose(&seen(port)) {
                Decision::Leave(why) => why,
                Decision::Serve(_) => panic!("nothing is served here"),
            }
        };
        assert_eq!(why(&[], "1-1.2"), "it is asked");
        assert_eq!(why(&["1-1.*"], "1-1.2"), "it is asked");
        assert_eq!(why(&["1-1.*", "2-*"], "1-2"), "its USB port isn't named in the setting usb.ports");
    }
}
