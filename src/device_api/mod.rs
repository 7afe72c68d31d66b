//! The words between the station and a board: version 1 of the device protocol, as JSON over HTTP below
//! `/api/v1/device`. docs/device-api.md tells it for those who write a client of their own.
//!
//! | call | what it is for |
//! |---|---|
//! | `GET hello` | [`Hello`]: which station this is, and a number to sign |
//! | `POST register` | [`Register`], signed by the board's key → [`Registered`] |
//! | `GET work?wait=30` | the board's token → [`Work`], or 204 where there is nothing to do |
//! | `GET jobs/{job}/manifest` | the job's token, with [`CAN`] → [`Manifest`], signed by the station's key |
//! | `GET jobs/{job}/index` | the image's [index](crate::image::chunk::Index), whose digest stands in the manifest |
//! | `GET jobs/{job}/chunks/{digest}` | a chunk as it is stored; ranges, ETag, immutable |
//! | `GET jobs/{job}/eeprom` | the image of the board's own EEPROM, where the manifest has one |
//! | `POST jobs/{job}/progress` | [`Progress`] → [`Orders`] |
//! | `POST jobs/{job}/script` | [`ScriptTold`]: a script begins or has ended → 200 as soon as it is on disk |
//! | `POST jobs/{job}/result` | [`Outcome`] → 200 as soon as it is on disk |
//! | `POST jobs/{job}/missing` | of a backup: a list of at most [`MOST_DIGESTS`] digests → those of them that the station has not |
//! | `PUT jobs/{job}/chunks/{digest}` | of a backup: a chunk as it is stored |
//! | `PUT jobs/{job}/index` | of a backup: its index, after all its chunks |
//!
//! No I/O, no clock.

mod aim;
mod eeprom;
mod facts;
mod job;
mod script;
#[cfg(feature = "http")]
mod signature;
#[cfg(any(feature = "agent", feature = "station"))]
mod surroundings;

pub use aim::{Aim, aim};
pub use eeprom::{BoardEeprom, EepromRef, EepromTold};
pub use facts::{Disk, Firmware, Health, Hello, MOST_ZONES, Register, Registered, Role, Standing, Zone};
pub use job::{
    Action, End, ImageRef, MOST_DIGESTS, MOST_ENTERED, Manifest, Orders, Outcome, Progress, StageEntered,
    Work,
};
pub use script::{BadScript, Names, Script, ScriptEnd, ScriptTold, When};
#[cfg(feature = "http")]
pub use signature::is_signed;
#[cfg(any(feature = "agent", feature = "station"))]
pub(crate) use surroundings::Surroundings;
#[cfg(all(test, feature = "agent"))]
pub(crate) use surroundings::sample;

/// The version of the protocol. A member that a side doesn't know is left out; a version that the station doesn't know
/// is refused with the versions that it does.
pub const VERSION: u32 = 1;
/// The HTTP header with an Ed25519 signature over the body, as 128 hexadecimal digits.
pub const SIGNATURE: &str = "piprov-signature";
/// The HTTP header by which a client says what it can do, as words with spaces between them, where it asks for a manifest:
/// [`SCRIPTS`], [`EEPROM`]. A job that needs what its client can't do fails before anything is written.
pub const CAN: &str = "piprov-can";
/// The client runs scripts of manifests, and tells of each.
pub const SCRIPTS: &str = "scripts";
/// The client writes the EEPROM of manifests into the flash chip that it has told of, and reads it back.
pub const EEPROM: &str = "eeprom";
