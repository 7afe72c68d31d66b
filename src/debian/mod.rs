//! Debian's packages as a source of kernels and firmware: fetched without touching the host's own apt, taken apart
//! without dpkg, and put together to directories that boards boot from.

pub mod apt;
pub mod bootloaders;
pub mod deb;
pub mod files;
pub mod initramfs;
pub mod modules;
