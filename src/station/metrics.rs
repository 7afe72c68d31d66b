//! Figures for Prometheus.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::station_api::{Trouble, TroubleIs, TroubleOf};

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answer {
    /// `2xx`, `4xx`, …
    code: &'static str,
}

/// What of the station is or will be a problem.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct About {
    /// `disk`, `clock`, `database`, `certificate`.
    about: &'static str,
    /// `here` or `coming`.
    is: &'static str,
}

/// The figures. What is looked up when somebody asks is set then.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    answers: Family<Answer, Counter>,
    troubles: Family<About, Gauge>,
    /// Bytes of chunks and images that were sent.
    pub(super) sent: Counter,
    /// Bytes of images and backups that came.
    pub(super) taken: Counter,
    /// Jobs that ended as done, and as anything else.
    pub(super) done: Counter,
    pub(super) not_done: Counter,
    /// Labels that printers have taken.
    pub(super) printed: Counter,
    pub(super) prints_waiting: Gauge,
    pub(super) prints_unsure: Gauge,
    pub(super) boards: Gauge,
    pub(super) waiting: Gauge,
    pub(super) present: Gauge,
    pub(super) jobs: Gauge,
    pub(super) connections: Gauge,
    pub(super) armed: Gauge<i64>,
    pub(super) bootd: Gauge<i64>,
    pub(super) since: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("piprov");
        macro_rules! figure {
            ($name:literal, $help:literal) => {{
                let figure = Default::default();
                registry.register($name, $help, Clone::clone(&figure));
                figure
            }};
        }
        let answers: Family<Answer, Counter> = figure!("http_answers", "Answers, by their status");
        let sent: Counter = figure!("sent_bytes", "Bytes of images that were sent");
        let taken: Counter = figure!("taken_bytes", "Bytes of images and backups that came");
        let done: Counter = figure!("jobs_done", "Jobs that ended as done and proved");
        let not_done: Counter = figure!("jobs_not_done", "Jobs that ended in any other way");
        let printed: Counter = figure!("labels_printed", "Labels that printers have taken");
        let prints_waiting: Gauge = figure!("labels_waiting", "Labels that wait for their printer");
        let prints_unsure: Gauge = figure!("labels_unsure", "Labels that were perhaps printed");
        let boards: Gauge = figure!("boards", "Boards that are known");
        let waiting: Gauge = figure!("boards_waiting", "Boards that wait for a person");
        let present: Gauge = figure!("boards_present", "Boards that ask for work");
        let jobs: Gauge = figure!("jobs_open", "Jobs that go on or wait for their board");
        let connections: Gauge = figure!("connections", "Connections");
        let armed: Gauge<i64> = figure!("armed", "Whether rules start something by themselves");
        let bootd: Gauge<i64> = figure!("bootd", "Whether what boots boards is there");
        let since: Gauge<f64, AtomicU64> = figure!("start_time_seconds", "When the station began, unix time");
        let troubles: Family<About, Gauge> = figure!("trouble", "Whether something is or will be a problem");
        Self {
            registry,
            answers,
            troubles,
            sent,
            taken,
            done,
            not_done,
            printed,
            prints_waiting,
            prints_unsure,
            boards,
            waiting,
            present,
            jobs,
            connections,
            armed,
            bootd,
            since,
        }
    }
}

impl Metrics {
    /// An answer went out.
    pub(super) fn answered(&self, status: u16) {
        let code = match status {
            ..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.answers.get_or_create(&Answer { code }).inc();
    }

    /// What is or will be a problem now. What isn't any more stays as 0: so an alert on it ends.
    pub(super) fn troubled(&self, troubles: &[Trouble]) {
        for about in TroubleOf::ALL {
            for (is, word) in [(TroubleIs::Here, "here"), (TroubleIs::Coming, "coming")] {
                let count = troubles.iter().filter(|one| (one.about, one.is) == (about, is)).count();
                let figure = self.troubles.get_or_create(&About { about: about.word(), is: word });
                figure.set((count > 0).into());
            }
        }
    }

    /// As Prometheus reads them.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.answered(204);
        metrics.answered(503);
        metrics.sent.inc_by(7);
        metrics.boards.set(3);
        metrics.troubled(&[Trouble {
            about: TroubleOf::Disk,
            is: TroubleIs::Here,
            text: String::new(),
            hint: "x".into(),
            help: String::new(),
        }]);
        let text = metrics.text();
        for line in [
            "piprov_http_answers_total{code=\"2xx\"} 1",
            "piprov_http_answers_total{code=\"5xx\"} 1",
            "piprov_sent_bytes_total 7",
            "piprov_boards 3",
            "piprov_trouble{about=\"disk\",is=\"here\"} 1",
            "piprov_trouble{about=\"clock\",is=\"coming\"} 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
    }
}
