//! Whole machines: real U-Boot, and a real kernel with USB, udev and NFS, in QEMU.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that can't go on fails"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../support/documented.rs"]
mod documented;
#[path = "../netboot/mod.rs"]
mod netboot;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;

mod flash;
mod netboot_nfsd;
mod pi_uboot;
mod staged;
mod usb_boot;
mod usb_rig;
