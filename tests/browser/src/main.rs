//! The station's pages, as an operator meets them: in Chromium, against real agents.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../support/cutting.rs"]
mod cutting;
#[path = "../../support/eeprom.rs"]
mod eeprom;
#[path = "../../support/faulty.rs"]
mod faulty;
#[path = "../../support/os_image.rs"]
mod os_image;
#[path = "../../support/postgres.rs"]
#[allow(dead_code, reason = "used by other tests as well")]
mod postgres;
#[path = "../../support/small_image.rs"]
mod small_image;
#[path = "../../support/station.rs"]
mod station;

mod again;
mod agents;
mod browser;
mod cards;
mod images;
mod past;

mod beginner;
mod floor;
mod keyboard;
mod keys;
mod labels;
mod look;
mod moves;
mod people;
mod phone;
mod sign;
mod told;
mod walk;
