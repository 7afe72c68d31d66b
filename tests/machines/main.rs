//! Whole machines: real U-Boot, and a real kernel with USB, udev and NFS, in QEMU.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that can't go on fails"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../dhcp_support/mod.rs"]
mod dhcp_support;
#[path = "../support/documented.rs"]
mod documented;
#[path = "../netboot/mod.rs"]
mod netboot;
#[path = "../netboot_model/mod.rs"]
mod netboot_model;
#[path = "../netboot_rig/mod.rs"]
mod netboot_rig;
#[path = "../support/packages.rs"]
mod packages;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

mod disk_faults;
mod first_boot;
mod flash;
mod handed;
mod netboot_nfsd;
mod package;
mod pi_uboot;
mod small_board;
mod staged;
mod station;
mod station_unit;
mod usb_boot;
mod usb_cable;
mod usb_rig;
