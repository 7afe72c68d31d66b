//! The files that make a board look for a system on the network: the line in a card's `config.txt` that burns a bit into
//! a Pi 2 or 3, and the update of a Pi 4's or 5's EEPROM that a board takes over TFTP.
//!
//! What is to be done is planned first and told by the plan; it holds open the directory that it looked at, and it is
//! there that it is done. What the bytes mean is [`crate::eeprom`]'s.

mod card;
mod error;
mod update;

pub use card::{Card, CardPlan, Warning};
pub use error::Error;
pub use update::Update;
