//! One request for a page, with its session.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::form::Form;
use super::frame::Frame;
use super::secret;
use crate::station::Station;
use crate::station::key::random;
use crate::station::web::{Origin, Who};
use crate::station_api::Role;

/// A request for a page.
pub(in crate::station) struct Visit {
    pub(in crate::station) station: Arc<Station>,
    pub(in crate::station) from: Origin,
    pub(in crate::station) headers: HeaderMap,
    /// What stands behind `?`.
    pub(in crate::station) query: Form,
    /// What the station was called, `HOST[:PORT]`: one of its names.
    pub(super) host: String,
    /// The path with what stands behind it.
    pub(in crate::station) place: String,
    pub(super) path: Vec<(String, String)>,
    /// A part of the path can't be the name of anything.
    pub(super) odd: bool,
    pub(super) session: Option<Known>,
    /// The number of the newest change when this began: what a page says is no older than that, so that its stream misses
    /// nothing that happens while the page is made.
    pub(super) number: u64,
}

/// The session of a visit.
#[derive(Debug, Clone)]
pub(in crate::station) struct Known {
    pub(in crate::station) who: Who,
    /// The secret in its cookie.
    pub(super) secret: String,
    /// A reverse proxy has signed its user in, and there is no session in the store.
    pub(super) proxied: bool,
    /// The session's name in the store.
    pub(in crate::station) digest: String,
}

impl Visit {
    /// A part of the path, by its name there.
    pub(in crate::station) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Who asks. On a page that is open to all it may be nobody.
    pub(in crate::station) fn who(&self) -> Who {
        self.session.as_ref().map_or(Who::nobody(self.from), |known| known.who.clone())
    }

    /// Whether whoever asks may do this much.
    pub(in crate::station) fn can(&self, role: Role) -> bool {
        self.session.as_ref().is_some_and(|known| known.who.role >= role)
    }

    /// Whether the browser speaks HTTPS with this station.
    pub(in crate::station) fn secure(&self) -> bool {
        self.station.is_secure(self.from)
    }

    /// The name of the session in the store.
    pub(in crate::station) fn session_digest(&self) -> Option<String> {
        self.session.as_ref().map(|known| known.digest.clone())
    }

    /// What stands around a page. `section`: which entry of the menu it belongs to.
    pub(in crate::station) async fn frame(&self, title: &str, section: &'static str) -> Frame {
        let proof = match (&self.session, random::<16>()) {
            (Some(known), Some(random)) => secret::proof(&known.secret, random),
            _ => String::new(),
        };
        Frame::new(self, title, section, proof).await
    }

    /// Tells something on the next page that this session sees.
    pub(in crate::station) fn say(&self, bad: bool, text: impl Into<String>) {
        if let Some(known) = &self.session {
            self.station.notices.put(&known.digest, bad, text.into());
        }
    }
}
