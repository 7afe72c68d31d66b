//! Boards that boot over the network without an SD card: what they are served, and the roots that they mount.

pub mod client;
