//! What goes into the file for support.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::station::store::There;
use crate::station::web::{Refusal, Who};
use crate::station::{Station, now};
use crate::station_api::{ListAsked, RunsAsked, Support, SupportFigures, SupportRun};
use crate::stop::Stop;
use crate::support::{self, Bundle};

/// Runs that are told.
const RUNS: u32 = 20;
/// Lines of each run's log.
const LINES: u64 = 200;
/// Figures of a large database take their time; those that aren't there after that are left out.
const FIGURES: Duration = Duration::from_secs(10);
/// What is looked at on this host may wait for a device.
const HOST: Duration = Duration::from_secs(30);

impl Station {
    /// What it tells those that help.
    pub(in crate::station) async fn support(&self, who: &Who) -> Result<Support, Refusal> {
        let figures = tokio::time::timeout(FIGURES, self.store().figures()).await;
        let mut database = match figures {
            Ok(figures) => figures?,
            Err(_) => SupportFigures::default(),
        };
        (database.disk_bytes, database.disk_free) = self.disk().unwrap_or_default();
        database.agents = self.agents().await?;
        let mut settings = self.settings.lines();
        for line in &mut settings {
            for value in [&mut line.value, &mut line.built_in, &mut line.otherwise] {
                *value = support::setting(&line.key, value).as_str().unwrap_or_default().to_owned();
            }
        }
        let told = Support {
            time: now(),
            status: self.status().await?,
            database,
            settings,
            network: self.network(),
            runs: self.last_runs().await?,
            log: support::recent().lines().iter().map(|line| support::clean(line)).collect(),
        };
        self.did(who, "station.support", "").await;
        Ok(told)
    }

    /// Agents' versions, with how many boards have each: of the boards that came last.
    async fn agents(&self) -> Result<BTreeMap<String, u64>, Refusal> {
        let mut agents = BTreeMap::new();
        let asked = crate::station_api::BoardsAsked { limit: Some(500), ..Default::default() };
        for board in self.store().boards(&asked, There::default()).await?.items {
            if let Some(facts) = board.facts.filter(|facts| !facts.agent.is_empty()) {
                *agents.entry(facts.agent).or_default() += 1;
            }
        }
        Ok(agents)
    }

    async fn last_runs(&self) -> Result<Vec<SupportRun>, Refusal> {
        let asked = RunsAsked { limit: Some(RUNS), ..RunsAsked::default() };
        let mut runs = Vec::new();
        for line in self.store().runs(&asked).await?.items {
            // One may go in between.
            let Ok(record) = self.store().run(&line.run).await else { continue };
            let lines = self.store().count_lines(&line.run).await?;
            let after = lines.checked_sub(LINES + 1).map(|n| n.to_string());
            let asked = ListAsked { after, limit: Some(500), ..ListAsked::default() };
            let mut log = self.store().run_log(&line.run, &asked).await?.items;
            for line in &mut log {
                line.text = support::clean(&line.text);
            }
            runs.push(SupportRun { record: serde_json::to_value(record).unwrap_or_default(), log });
        }
        Ok(runs)
    }

    /// The whole file: of this host, and of the station.
    pub(in crate::station) async fn bundle(&self, who: &Who) -> Result<Vec<u8>, Refusal> {
        let told = self.support(who).await?;
        let settings = self.settings.now();
        let stop = Stop::new().map_err(|error| Refusal::meaningless(error.to_string()))?;
        let end = stop.clone();
        let work = tokio::task::spawn_blocking(move || {
            let mut bundle = Bundle::default();
            support::collect(&mut bundle, &settings, &stop);
            bundle.station(&told);
            let mut file = Vec::new();
            bundle.write(SystemTime::now(), &mut file).map(|_| file)
        });
        let slow = || {
            Refusal::new(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                crate::error::Kind::Unavailable,
                "looking at this host takes too long",
            )
        };
        let made = tokio::time::timeout(HOST, work).await;
        if made.is_err() {
            end.set();
        }
        let made = made.map_err(|_| slow())?.map_err(|error| Refusal::meaningless(error.to_string()))?;
        made.map_err(|error| Refusal::meaningless(error.to_string()))
    }
}
