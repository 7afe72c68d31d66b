//! piprov puts an image onto a Raspberry Pi, proves that it is there, and keeps the record.
//!
//! The rooms, from the ground up. Which of them may know which stands in ARCHITECTURE.md:
//!
//! | room | what it is |
//! |---|---|
//! | [`error`] | kinds of failure, their exit codes, and hints |
//! | [`beneath`] | directories held open, and what is done below them without leaving them |
//! | [`board`] | what a board is called: MAC address, USB port path |
//! | [`config`] | flags, environment and `piprov.toml` files become settings |
//! | [`near`] | the known names closest to a wrong one |
//! | [`per_second`] | how often something is done for those who can ask without end |
//! | [`mod@format`] | how sizes, times and rates are written |
//! | [`progress`] | how long work tells how far it is |
//! | [`stop`] | one flag that every waiting place listens to, so that Ctrl-C is heard |
//! | [`process`] | a program that runs beside this one, read and ended as a whole |
//! | [`run`] | one attempt to do something to one board: its stages, events, ending and record |
//! | [`image`] | disk images: open, digest, tables, split, files inside, write, verify |
//! | [`eeprom`] | a Pi 4's or 5's EEPROM image and boot order, a Pi 2's or 3's burned-in bits |
//! | [`contents`] | what an image contains, looked at |
//! | [`firstboot`] | a system's first settings, put into its image |
//! | [`device_api`] | the words between the station and a board |
//! | [`station_api`] | the words between the station and people's programs |
//! | [`label`] | a label's template and a board's values become what a printer gets; what a code in a picture says |
//! | [`arming`] | which boards the network answers when they want to boot from it |
//! | [`targets`] | the CSV database of boards |
//! | [`tftp::packet`], [`tftp::session`] | TFTP without sockets |
//! | [`usb::message`], [`usb::bootfiles`] | the boot ROM's protocol without devices |
//! | [`usb`] | boards in USB boot: what to serve, to whom, over which transport |
//! | [`http`] | the HTTP client, over TCP, TLS and Unix sockets |
//! | [`bridge`], [`bridge::walk`], [`bridge::table`] | switches that are asked which address is at which port |
//! | [`wire`] | frames on the network, neighbours, interfaces that come and go |
//! | [`tftp`] | the TFTP server and where its content comes from |
//! | [`dhcp::packet`], [`dhcp::policy`] | DHCP without sockets |
//! | [`dhcp`] | the DHCP server for boards that boot over the network |
//! | [`control`], [`control::message`] | one port 69 for several programs: boards are handed over to who has it |
//! | [`power`] | reset back-ends |
//! | [`mod@print`] | labels on their way to printers |
//! | [`debian`] | kernels and firmware out of Debian's packages |
//! | [`live`] | the live tree of USB boot, and what the udev helper does with it |
//! | [`netboot`] | boards that boot from this host: their roots and boot files, their boots as steps, what is on the wire |
//! | [`uboot`] | recovery card, boot script, manifest, the flash flow |
//! | [`initramfs`] | the system that a board runs while it is deployed, built out of packages |
//! | [`host_network`] | a fixed address for this host on its boards' side, and their way out |
//! | [`doctor`] | what this host needs for all of that, looked at |
//! | [`support`] | one file for those that help, without secrets |
//! | [`bootd`] | the privileged half of a station: network boot, USB boot, reset lines |
//! | [`agent`] | the program on a board: disks are written, read back and told about |
//! | [`stage1`] | the first stage of USB boot, built out of packages |
//! | [`station`] | the server: its store, jobs and interfaces |
//! | [`cli`] | one file a subcommand |

#[cfg(feature = "agent")]
pub mod agent;
pub mod arming;
pub mod beneath;
pub mod board;
#[cfg(feature = "net")]
pub mod bootd;
#[cfg(feature = "station")]
pub mod bridge;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod contents;
#[cfg(feature = "net")]
pub mod control;
#[cfg(feature = "net")]
pub mod debian;
pub mod device_api;
#[cfg(feature = "net")]
pub mod dhcp;
#[cfg(feature = "net")]
pub mod doctor;
pub mod eeprom;
pub mod error;
#[cfg(feature = "firstboot")]
pub mod firstboot;
pub mod format;
#[cfg(feature = "net")]
pub mod host_network;
#[cfg(feature = "http")]
pub mod http;
pub mod image;
#[cfg(feature = "net")]
pub mod initramfs;
#[cfg(feature = "station")]
pub mod label;
pub mod live;
pub mod near;
#[cfg(feature = "net")]
pub mod netboot;
#[cfg(feature = "net")]
pub mod per_second;
#[cfg(feature = "net")]
pub mod power;
#[cfg(feature = "station")]
pub mod print;
pub mod process;
pub mod progress;
pub mod run;
#[cfg(feature = "net")]
pub mod stage1;
#[cfg(feature = "station")]
pub mod station;
pub mod station_api;
pub mod stop;
#[cfg(feature = "cli")]
pub mod support;
pub mod targets;
#[cfg(feature = "net")]
pub mod tftp;
#[cfg(feature = "net")]
pub mod uboot;
pub mod usb;
#[cfg(feature = "net")]
pub mod wire;

/// Inputs for tests, which the tests outside take too.
#[cfg(test)]
#[path = "../tests/support"]
mod samples {
    pub(crate) mod eeprom;
    pub(crate) mod fat;
    #[cfg(feature = "station")]
    #[allow(dead_code, unreachable_pub, reason = "tests outside need more of it")]
    pub(crate) mod postgres;
    #[cfg(feature = "station")]
    #[allow(dead_code, unreachable_pub, reason = "tests outside need more of it")]
    pub(crate) mod seaweed;
}
