//! Where boards are: cells of the map of a bench, switches that are asked, and places that nobody has named.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{SlotKind, Time};
use crate::board::Mac;

/// A cell of the map of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// From 1 at the top to 24.
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 24))]
    pub row: u8,
    /// From 1 at the left to 24.
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 24))]
    pub column: u8,
}

impl Cell {
    /// Rows and columns of the map, at most.
    pub const MOST: u8 = 24;

    /// Whether it lies on the map.
    #[must_use]
    pub fn is_on_map(self) -> bool {
        [self.row, self.column].iter().all(|number| (1..=Self::MOST).contains(number))
    }
}

/// An Ethernet switch that is asked where boards are. Its community is told to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Switch {
    /// What people call it: what stands before the `/` in the place of a slot.
    pub name: String,
    /// Its IP address, with a port where that isn't 161.
    pub address: String,
    /// Its ports behind which other switches are: no board counts as plugged in there.
    #[serde(default)]
    pub uplinks: Vec<String>,
    /// When it was made or changed last.
    pub made: Time,
    /// By whom.
    pub by: String,
    /// How it was when it was asked last. `None` where it wasn't asked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<SwitchAsked>,
}

/// How a switch was when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SwitchAsked {
    /// When it was asked last.
    pub at: Time,
    /// When it has told its table last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Time>,
    /// How many ports of it have seen something.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub ports: u32,
    /// How many addresses it has seen.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub addresses: u32,
    /// Why it told nothing that can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

/// A switch as it is made or changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSwitch {
    /// Its IP address, with a port where that isn't 161: `10.0.0.2`, `10.0.0.2:1161`, `[fd00::2]:161`.
    pub address: String,
    /// The community of SNMP version 2c that may read, 1 to 64 printable ASCII characters. Without it the one that was told
    /// before stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community: Option<String>,
    /// Its ports behind which other switches are. At most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uplinks: Vec<String>,
}

impl fmt::Debug for NewSwitch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NewSwitch").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A port of a switch that has seen something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct SwitchPort {
    /// What the switch calls it; `#3` where it calls it nothing, or two ports the same.
    pub port: String,
    /// The slot that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Other switches are behind it: somebody has said so, or it has seen more addresses than a board has.
    pub uplink: bool,
    /// How many addresses it has seen.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub addresses: u32,
    /// The first of them.
    pub first: Vec<Mac>,
    /// Boards that have one of these, by what people call them.
    pub boards: Vec<String>,
}

/// A place at which a board was seen, and which is no slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct FreePlace {
    /// What it is.
    pub kind: SlotKind,
    /// Which one, as the place of a slot.
    pub place: String,
    /// The board, by id.
    pub board: String,
    /// What people call the board.
    pub called: String,
    /// Since when, as far as that is known.
    pub since: Time,
}
