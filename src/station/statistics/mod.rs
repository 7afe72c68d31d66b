//! Figures over many runs: tallies go in, figures come out.

mod count;
mod figures;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tokio::sync::Semaphore;

use super::Station;
use super::store::MOST_TALLIES;
use super::web::Refusal;
use crate::station_api::{Statistics, StatisticsAsked, Time};

/// Days without a word of how many.
const DAYS: i64 = 14;
/// Days at most.
const MOST_DAYS: i64 = 400;
/// Statistics that are computed at once: each takes some ten MiB.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A day: what it is called, and when it begins.
type Day = (String, Time);

fn begin_of(date: Date) -> Option<Time> {
    Some(date.to_zoned(TimeZone::system()).ok()?.timestamp().as_millisecond())
}

/// The days of a time in the station's time zone.
fn days(since: Time, until: Time) -> Vec<Day> {
    let zone = TimeZone::system();
    let mut date = Timestamp::from_millisecond(since).unwrap_or_default().to_zoned(zone).date();
    let mut days = Vec::new();
    while days.len() <= usize::try_from(MOST_DAYS).unwrap_or_default() {
        let Some(begins) = begin_of(date).filter(|begins| *begins < until) else { break };
        days.push((date.to_string(), begins));
        let Ok(next) = date.checked_add(Span::new().days(1)) else { break };
        date = next;
    }
    days
}

impl Station {
    /// What became of the runs of a time.
    pub(super) async fn statistics(&self, asked: &StatisticsAsked, now: Time) -> Result<Statistics, Refusal> {
        let until = asked.until.unwrap_or(now.saturating_add(1));
        let since = match asked.since {
            Some(since) => since,
            None => {
                let last = Timestamp::from_millisecond(until.saturating_sub(1)).unwrap_or_default();
                let first = last.to_zoned(TimeZone::system()).date().checked_sub(Span::new().days(DAYS - 1));
                first.ok().and_then(begin_of).unwrap_or_default()
            }
        };
        if until <= since {
            return Err(Refusal::meaningless("`until` is to be behind `since`"));
        }
        if until.saturating_sub(since) > MOST_DAYS * 86_400_000 {
            let days = until.saturating_sub(since) / 86_400_000;
            let text =
                format!("from `since` to `until` are {days} days, and {MOST_DAYS} are counted at most");
            return Err(Refusal::meaningless(text).with_hint("ask for one part of that time after the other"));
        }
        let _turn = AT_ONCE.acquire().await.ok();
        let bench: Vec<String> = self.store().slots().await?.into_iter().map(|slot| slot.name).collect();
        let tallies = self.store().tallies(since, until).await?;
        let (asked, days) = (asked.clone(), days(since, until));
        let counted =
            tokio::task::spawn_blocking(move || count::count(&tallies, &asked, &days, &bench)).await;
        let (mut counted, lines) =
            counted.map_err(|error| Refusal::meaningless(format!("counting has failed: {error}")))?;
        (counted.since, counted.until, counted.more) = (since, until, lines >= MOST_TALLIES);
        Ok(counted)
    }
}
