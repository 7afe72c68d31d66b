//! Network boot: DHCP, TFTP and NFS in network namespaces, with models of boards and real clients.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that can't go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../dhcp_support/mod.rs"]
mod dhcp_support;
#[path = "../support/documented.rs"]
mod documented;
#[path = "../support/eeprom.rs"]
mod eeprom;
#[path = "../flash_model/mod.rs"]
mod flash_model;
#[path = "../netboot/mod.rs"]
mod netboot;
#[path = "../netboot_model/mod.rs"]
mod netboot_model;
#[path = "../netboot_rig/mod.rs"]
mod netboot_rig;
#[path = "../support/slots.rs"]
mod slots;
#[path = "../support/station.rs"]
mod station;
#[path = "../usb_model/mod.rs"]
mod usb_model;

mod bootd;
mod handed;
mod host_network;
mod joined;
mod joined_eeprom;
mod killed;
mod netboot_boot;
mod netboot_client;
mod netboot_dhcp;
mod netboot_moves;
mod netboot_nets;
mod netboot_pc;
mod netboot_reasons;
mod netboot_runs;
mod netboot_serve;
mod netboot_set;
mod netboot_watch;
mod one_process;
