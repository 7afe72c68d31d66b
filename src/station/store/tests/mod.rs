//! Each test runs on both databases.

mod boards;
mod copy;
mod firmware;
mod fixture;
mod import;
mod jobs;
mod killed_tests;
mod open;
mod people;
mod prints;
mod rules;
mod scale;
mod scripts;
mod spool;
mod tally;
mod values;
mod values_killed_tests;
mod work;

use super::{Store, StoreUrl};
use crate::device_api::{Disk, Register, Role};
use crate::samples::eeprom::pi4_of;
use crate::samples::postgres::Postgres;
use crate::station_api::{Image, ImageState, Time};

pub(crate) const NOW: Time = 1_764_324_000_000;

/// A database of a test, and what keeps it.
pub(crate) struct Place {
    pub(crate) url: StoreUrl,
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { url: StoreUrl::read("", dir.path()).unwrap(), dir }
    }

    pub(crate) fn postgres() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { url: StoreUrl::read(&Postgres::get().database(), dir.path()).unwrap(), dir }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Makes each test twice.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($place:ident: &Place) $body:block)+) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "not each test needs all")]
                use super::*;

                async fn test($place: &Place) $body

                $(#[$doc])*
                #[test]
                fn on_sqlite() {
                    $crate::station::store::tests::runtime().block_on(test(&Place::sqlite()));
                }

                $(#[$doc])*
                #[test]
                fn on_postgres() {
                    $crate::station::store::tests::runtime().block_on(test(&Place::postgres()));
                }
            }
        )+
    };
}
pub(crate) use on_both;

pub(crate) fn register(key: u8, serial: Option<&str>, macs: &[&str]) -> Register {
    Register {
        kept: false,
        lasting: false,
        api: 1,
        nonce: String::new(),
        key: format!("{key:02x}").repeat(32),
        agent: "0.1.0".into(),
        serial: serial.map(|serial| serial.parse().unwrap()),
        macs: macs.iter().map(|mac| mac.parse().unwrap()).collect(),
        model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
        revision: None,
        memory: Some(4 << 30),
        disks: vec![Disk::new("mmcblk0".into(), Role::Sd, 32 << 30)],
        temperature: None,
        throttled: None,
        zones: Vec::new(),
        duid: None,
        boot_id: None,
        firmware: None,
        link_mbps: None,
        boot: None,
        eeprom: None,
        jumper: None,
        simulated: false,
    }
}

pub(crate) fn image(name: &str) -> Image {
    Image {
        id: super::new_name(),
        name: name.into(),
        state: ImageState::Ready,
        why: None,
        index: "11".repeat(32),
        raw_len: 1 << 30,
        raw_sha256: "ab".repeat(32),
        file_sha256: "cd".repeat(32),
        stored: 1 << 20,
        zero: 0,
        unused: 0,
        added: NOW,
        backup_of: None,
    }
}
