//! Flashing through U-Boot.
