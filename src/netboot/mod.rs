//! Network boot: a board without an SD card starts from this host.
//!
//! - [`content`]: what a board gets over TFTP: its own directory, and what all share.
//! - [`steps`]: one board's boot, told by what it asks for: DISCOVER → OFFER → firmware → kernel → system.
//! - [`reason`]: why a board gets nothing, in words and with what helps.
//! - [`servers`]: the DHCP servers beside this one.
//! - [`watch`]: what is on the wire, listening only: boards, DHCP servers, spanning tree.
//! - [`serve`]: DHCP and TFTP together, with the three above.
//! - [`enable`]: files that make a board look for a system on the network: a card's `config.txt`, an EEPROM's update.
//! - [`client`]: roots on this host: made from an image or a directory, exported over NFS, checked, removed.
//!
//! The layout that all of it shares: boot files of one board are in `TFTP-ROOT/<dir>/`, where `<dir>` is the low
//! 32 bits of its serial number as 8 lower-case hexadecimal digits, or its MAC address with dashes; what is common
//! to all boards is in `TFTP-ROOT/` itself. Records of clients are in `STATE/clients/NAME.toml`.

pub mod client;
pub mod content;
pub mod enable;
pub mod reason;
pub mod serve;
pub mod servers;
pub mod steps;
pub mod watch;
