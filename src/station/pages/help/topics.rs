//! Where in the manual something is explained: one table for refusals, one for what failed on boards. Pure.

use axum::http::StatusCode;

use crate::device_api::Action;
use crate::error::Kind;
use crate::run::Segment;
use crate::station_api::JobState;

/// The paragraph for a refusal.
pub(in crate::station::pages) fn of_kind(status: StatusCode, kind: Kind) -> &'static str {
    match (status, kind) {
        (StatusCode::TOO_MANY_REQUESTS, _) => "/help/pages#too-many-tries",
        (StatusCode::UNAUTHORIZED, _) => "/help/pages#signing-in",
        (StatusCode::INSUFFICIENT_STORAGE, _) => "/help/pages#the-disk-is-full",
        (_, Kind::Usage | Kind::BadData) => "/help/pages#it-means-nothing",
        (_, Kind::NoInput) => "/help/pages#it-isnt-there",
        (_, Kind::Busy) => "/help/pages#something-is-in-the-way",
        (_, Kind::Permission) => "/help/pages#you-may-not",
        (_, Kind::Unavailable | Kind::Interrupted) => "/help/pages#it-doesnt-answer",
        (_, Kind::Config) => "/help/pages#settings",
        (_, Kind::CantCreate | Kind::Io) => "/help/pages#the-disk-is-full",
        _ => "/help/pages#the-station-failed",
    }
}

/// The paragraph for what failed on a board: where in its way it was.
pub(in crate::station::pages) const fn of_failure(
    action: Action,
    state: JobState,
    segment: Option<Segment>,
) -> &'static str {
    match (action, state, segment) {
        (_, JobState::Lost, _) => "/help/pages#lost",
        (Action::Deploy, _, Some(Segment::Write)) => "/help/pages#failed-while-writing",
        (Action::Deploy, _, Some(Segment::ReadBack)) => "/help/pages#failed-while-reading-back",
        (Action::Deploy, _, Some(Segment::Finish)) => "/help/pages#failed-at-the-end",
        (Action::Deploy, ..) => "/help/pages#failed-before-writing",
        (Action::Backup, ..) => "/help/pages#a-backup-failed",
        (Action::Reboot | Action::PowerOff, ..) => "/help/pages#it-didnt-start-again",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{manual::PAGES, markdown};
    use super::*;

    #[track_caller]
    fn is_there(place: &str) {
        let (page, part) = place.strip_prefix("/help/").unwrap().split_once('#').unwrap();
        let (_, text) = PAGES.iter().find(|(name, _)| *name == page).unwrap();
        assert!(markdown::html(text).contains(&format!(" id=\"{part}\"")), "{place}");
    }

    #[test]
    fn each_refusal_leads_to_a_paragraph_that_is_there() {
        for status in [200, 400, 401, 403, 404, 409, 422, 429, 500, 503, 507] {
            for kind in [
                Kind::Failed,
                Kind::Usage,
                Kind::BadData,
                Kind::NoInput,
                Kind::Unavailable,
                Kind::CantCreate,
                Kind::Io,
                Kind::Busy,
                Kind::Permission,
                Kind::Config,
                Kind::Interrupted,
            ] {
                is_there(of_kind(StatusCode::from_u16(status).unwrap(), kind));
            }
        }
    }

    #[test]
    fn each_failure_leads_to_a_paragraph_that_is_there() {
        let segments = [Segment::Seen, Segment::Boot, Segment::Write, Segment::ReadBack, Segment::Finish];
        for action in [Action::Deploy, Action::Backup, Action::Reboot, Action::PowerOff] {
            for state in [JobState::Failed, JobState::Lost] {
                for segment in segments.map(Some).into_iter().chain([None]) {
                    is_there(of_failure(action, state, segment));
                }
            }
        }
    }

    #[test]
    fn each_trouble_leads_to_a_paragraph_that_is_there() {
        use crate::station_api::TroubleOf;
        for about in TroubleOf::ALL {
            is_there(crate::station::care::help(about));
        }
    }

    #[test]
    fn links_of_templates_into_the_manual_lead_somewhere() {
        let mut links = 0;
        for file in std::fs::read_dir("web/pages").unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for link in text.split("\"/help/").skip(1) {
                let link = link.split('"').next().unwrap();
                if link.contains('#') && !link.contains('{') {
                    is_there(&format!("/help/{link}"));
                    links += 1;
                }
            }
        }
        assert!(links > 0);
    }
}
