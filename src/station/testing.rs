//! A station within this process, for tests of its parts.

use std::sync::Arc;

use super::jobs;
use super::store::Asked;
use super::{Options, Station};
use crate::config::Settings;
use crate::device_api::{Action, End, Register};
use crate::station_api::{Job, Plan, Time};

/// One with SQLite, which speaks to nobody.
pub(super) async fn station() -> (tempfile::TempDir, Arc<Station>) {
    station_with(|_| {}).await
}

/// The same with other settings.
pub(super) async fn station_with(change: impl FnOnce(&mut Settings)) -> (tempfile::TempDir, Arc<Station>) {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = Settings::without_files();
    settings.take_saved("station.enrol", "open").unwrap();
    change(&mut settings);
    let options = Options {
        state: dir.path().join("station"),
        records: dir.path().to_owned(),
        store: None,
        settings: Arc::new(settings),
        bootd: Some(dir.path().join("nobody.sock")),
        commands: Vec::new,
    };
    let station = Station::open(options, Vec::new()).await.unwrap();
    (dir, station)
}

/// A job that a board of its own has drawn at a time.
pub(super) async fn drawn(station: &Station, serial: &str, action: Action, at: Time) -> Job {
    drawn_with(station, serial, action, None, at).await
}

/// The same of a job that does something beside its image.
pub(super) async fn drawn_with(
    station: &Station,
    serial: &str,
    action: Action,
    plan: Option<Plan>,
    at: Time,
) -> Job {
    let mac = format!("dc:a6:32:01:02:{}", &serial[serial.len() - 2..]);
    let told = crate::format::json::json!({
        "api": 1, "nonce": "", "agent": "0", "serial": serial, "macs": [mac],
        "key": format!("{serial:0>64}"),
    });
    let told: Register = serde_json::from_value(told).unwrap();
    let board = station.store().register(&told, true, at).await.unwrap().board().id.clone();
    let (target, end, by) = (Vec::new(), End::Wait, "ada".to_owned());
    let asked = Asked { board, project: None, action, image: None, target, end, by, plan };
    let job = station.store().make_job(&asked, at).await.unwrap();
    let drawn = station.store().draw(&job.board, at).await.unwrap().unwrap().job;
    assert_eq!(drawn.lease_until, at + jobs::LEASE);
    drawn
}
