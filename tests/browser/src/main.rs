//! The station's pages, as an operator meets them: in Chromium, against real agents.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../support/station.rs"]
mod station;

mod agents;
mod browser;

mod floor;
mod keyboard;
mod keys;
mod look;
mod moves;
mod people;
mod sign;
