//! piprov puts an image onto a Raspberry Pi, proves that it is there, and keeps the record.
//!
//! The rooms, from the ground floor up; a room knows only rooms below it:
//!
//! | floor | room | what it is |
//! |---|---|---|
//! | 1 | [`error`] | kinds of failure, their exit codes, and hints |
//! | 1 | [`beneath`] | directories held open, and what is done below them without leaving them |
//! | 1 | [`board`] | what a board is called: MAC address, USB port path |
//! | 1 | [`config`] | flags, environment and `piprov.toml` files become settings |
//! | 1 | [`near`] | the known names closest to a wrong one |
//! | 1 | [`mod@format`] | how sizes, times and rates are written |
//! | 1 | [`progress`] | how long work tells how far it is |
//! | 1 | [`stop`] | one flag that every waiting place listens to, so that Ctrl-C is heard |
//! | 2 | [`image`] | disk images: open, digest, tables, split, files inside, write, verify |
//! | 2 | [`eeprom`] | a Pi 4's or 5's EEPROM image and boot order, a Pi 2's or 3's burned-in bits |
//! | 2 | [`targets`] | the CSV database of boards |
//! | 2 | [`tftp::packet`], [`tftp::session`] | TFTP without sockets |
//! | 2 | [`usb::message`], [`usb::bootfiles`] | the boot ROM's protocol without devices |
//! | 3 | [`usb`] | boards in USB boot: what to serve, to whom, over which transport |
//! | 3 | [`tftp`] | the TFTP server and where its content comes from |
//! | 2 | [`dhcp::packet`], [`dhcp::policy`] | DHCP without sockets |
//! | 3 | [`dhcp`] | the DHCP server for boards that boot over the network |
//! | 3 | [`power`] | reset back-ends |
//! | 3 | [`debian`] | kernels and firmware out of Debian's packages |
//! | 3 | [`live`] | the live tree of USB boot, and what the udev helper does with it |
//! | 3 | [`sight`] | boards seen on the wire before they ask for anything |
//! | 3 | [`netboot`] | boards that boot from this host: their roots and boot files, their boots as steps, what is on the wire |
//! | 4 | [`uboot`] | recovery card, boot script, manifest, the flash flow |
//! | 4 | [`stage1`] | the first stage of USB boot, built out of packages |
//! | 5 | [`cli`] | one file a subcommand |

pub mod beneath;
pub mod board;
pub mod cli;
pub mod config;
pub mod debian;
pub mod dhcp;
pub mod eeprom;
pub mod error;
pub mod format;
pub mod image;
pub mod live;
pub mod near;
pub mod netboot;
pub mod power;
pub mod progress;
pub mod sight;
pub mod stage1;
pub mod stop;
pub mod targets;
pub mod tftp;
pub mod uboot;
pub mod usb;
