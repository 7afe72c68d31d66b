//! Programs and servers of this host, as somebody meets them from outside.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod boots;
#[path = "../support/browser.rs"]
mod browser;
#[path = "../common/mod.rs"]
mod common;
#[path = "../support/cutting.rs"]
mod cutting;
#[path = "../support/deb.rs"]
mod deb;
mod deploy_first_boot;
mod deploy_ground;
#[path = "../disks/mod.rs"]
mod disks;
#[path = "../support/documented.rs"]
mod documented;
#[path = "../support/eeprom.rs"]
mod eeprom;
#[path = "../support/faulty.rs"]
mod faulty;
#[path = "../flash_model/mod.rs"]
mod flash_model;
#[path = "../support/http_server.rs"]
mod http_server;
#[path = "../support/old_os.rs"]
mod old_os;
#[path = "../support/os_image.rs"]
mod os_image;
#[path = "../support/packages.rs"]
mod packages;
#[path = "../support/passkey.rs"]
mod passkey;
#[path = "../support/postgres.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests of the store use the rest")]
mod postgres;
#[path = "../sample/mod.rs"]
mod sample;
#[path = "../support/seaweed.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests of the object store use the rest")]
mod seaweed;
#[path = "../support/small_image.rs"]
mod small_image;
#[path = "../support/station.rs"]
mod station;
#[path = "../support/system.rs"]
mod system;
#[path = "../tftp_support/mod.rs"]
mod tftp_support;
#[path = "../usb_model/mod.rs"]
mod usb_model;

mod card;
mod cli;
mod config;
mod control;
mod defects;
mod docs;
mod dry_runs;
mod eeprom_command;
mod eeprom_real;
mod enable;
mod faulty_disks;
mod first_boot_real;
mod floors;
mod follow;
mod hints;
mod http_client;
mod import;
mod initramfs;
mod json;
mod labels;
mod live;
mod lost_output;
mod objects;
mod pages_boards;
mod pages_firmware;
mod pages_images;
mod pages_passkeys;
mod pages_people;
mod pages_rules;
mod pages_runs;
mod pages_values;
mod remedies;
mod reset;
mod run;
mod scriptexecute;
mod serve_handed;
mod shell_clients;
mod split_image;
mod stage1;
mod station_calls;
mod station_care;
mod station_cli;
mod station_cuts;
mod station_damage;
mod station_deploy;
mod station_eeprom;
mod station_eeprom_network;
mod station_fences;
mod station_fetch;
mod station_firmware;
mod station_first_boot;
mod station_forty;
mod station_hooks;
mod station_host_hooks;
mod station_https;
mod station_killed;
mod station_once;
mod station_programs;
mod station_projects;
mod station_proxy;
mod station_records;
mod station_schema;
mod station_scripts;
mod station_slots;
mod station_switches;
mod station_two;
mod station_values;
mod station_words;
mod targets;
mod tasks;
mod tftp_cli;
mod tftp_clients;
mod tftp_lossy;
mod tftp_server;
mod tftp_shared;
mod udev;
mod units;
mod usb_choose;
mod usb_cli;
mod usb_record;
mod usb_service;
mod verify;
