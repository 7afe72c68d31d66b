//! Attacks, written as an attacker would: hostile images, trees, packets, names. Each of them worked once, or would
//! work against a program that is a little less careful. What SECURITY.md claims is shown here.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../support/between.rs"]
mod between;
#[path = "../support/browser.rs"]
mod browser;
#[path = "../common/mod.rs"]
mod common;
#[path = "../support/deb.rs"]
mod deb;
#[path = "../dhcp_support/mod.rs"]
mod dhcp_support;
#[path = "../support/documented.rs"]
mod documented;
#[path = "../flash_model/mod.rs"]
mod flash_model;
#[path = "../netboot_model/mod.rs"]
mod netboot_model;
#[path = "../netboot_rig/mod.rs"]
mod netboot_rig;

#[path = "../support/eeprom.rs"]
mod eeprom;

#[path = "../netboot/mod.rs"]
mod netboot;

#[path = "../usb_model/mod.rs"]
mod usb_model;

#[path = "../support/old_os.rs"]
mod old_os;
#[path = "../support/passkey.rs"]
mod passkey;
#[path = "../support/seaweed.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests of the object store use the rest")]
mod seaweed;
#[path = "../support/small_image.rs"]
mod small_image;
#[path = "../support/station.rs"]
mod station;

mod bootd;
mod client_tree;
mod control;
mod firmware;
mod flash;
mod hints;
mod host_hooks;
mod image_readers;
mod labels;
mod live_tree;
mod netboot_reasons;
mod netboot_runs;
mod objects;
mod pages_images;
mod pages_runs;
mod passkeys;
mod scriptexecute;
mod station_api;
mod station_bounds;
mod station_names;
mod station_people;
mod switches;
mod terminal;
mod tftp;
mod tftp_ports;
mod usb_boot;
mod values;
