//! The station: the server that a bench or a floor runs. The only room that knows tokio.
//!
//! | part | what it is |
//! |---|---|
//! | [`cert`] | a certificate of its own |
//! | [`key`] | its key, tokens of boards, signatures |
//! | [`changes`], [`waiting`] | those that watch, and boards that wait for work |
//! | [`serve`] | its sockets, its begin and its end |
//! | `web` | what each call goes through: bounds, proof, refusals, the table of calls |
//! | `api` | calls of people's programs |
//! | `device` | calls of boards |
//! | `schema` | what OpenAPI says of words of lower rooms |

pub mod cert;
pub mod changes;
pub mod key;
pub mod serve;
pub mod waiting;

mod api;
mod device;
mod schema;
mod web;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::HeaderMap;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::station::Enrol;
use crate::error::{Explain, Kind, Remedy};
use crate::station_api::{Role, Time};
use web::{Guard, Origin, Refill, Refusal, Table, Who};

/// What a station is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory.
    pub state: PathBuf,
    /// A PostgreSQL database; `None`: SQLite in the directory.
    pub store: Option<String>,
    /// What becomes of boards that nobody knows.
    pub enrol: Enrol,
}

/// Why a station can't begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its directory can't be used.
    #[error("{} can't be used", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its key can't.
    #[error(transparent)]
    Key(#[from] key::Error),
}

impl Explain for OpenError {
    fn kind(&self) -> Kind {
        match self {
            Self::State { source, .. } => Kind::of_io(source),
            Self::Key(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::State { .. } => None,
            Self::Key(error) => error.hint(),
        }
    }
}

/// A station that serves.
pub(crate) struct Station {
    options: Options,
    key: key::StationKey,
    guard: Guard,
    waiting: waiting::Waiting,
    changes: changes::Changes,
    wrong_tokens: Mutex<Refill<std::net::IpAddr>>,
    began: Instant,
    since: Time,
    /// Set when it ends.
    ending: CancellationToken,
}

impl Station {
    async fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let state = |source| OpenError::State { path: options.state.clone(), source };
        tokio::fs::create_dir_all(&options.state).await.map_err(state)?;
        let key = key::StationKey::open(&options.state)?;
        Ok(Arc::new(Self {
            options,
            key,
            guard: Guard::default(),
            waiting: waiting::Waiting::default(),
            changes: changes::Changes::default(),
            // Ten at once, then one each six seconds.
            wrong_tokens: Mutex::new(Refill::new(10, Duration::from_secs(6), 4096)),
            began: Instant::now(),
            since: now(),
            ending: CancellationToken::new(),
        }))
    }

    fn state(&self) -> &Path {
        &self.options.state
    }

    fn key(&self) -> &key::StationKey {
        &self.key
    }

    fn guard(&self) -> &Guard {
        &self.guard
    }

    /// What goes on without being asked for.
    fn background(self: &Arc<Self>) -> JoinSet<()> {
        JoinSet::new()
    }

    async fn answers(&self) -> bool {
        true
    }

    /// Streams and those that wait are let go.
    fn end(&self) {
        self.ending.cancel();
    }

    async fn close(&self) {}

    /// Who makes a call that wants a role.
    async fn who(&self, from: Origin, headers: &HeaderMap, role: Role) -> Result<Who, Refusal> {
        let found = self.known(from, headers).await?;
        if found.role < role {
            return Err(Refusal::forbidden(format!(
                "`{}` may not do this: it takes the role {role:?}",
                found.by
            )));
        }
        Ok(found)
    }

    async fn known(&self, from: Origin, headers: &HeaderMap) -> Result<Who, Refusal> {
        let Some(token) = web::bearer(headers) else {
            return match from {
                Origin::Socket { uid } => {
                    Ok(Who { by: format!("uid {uid}"), user: String::new(), from, role: Role::Admin })
                }
                Origin::Address(_) => Err(Refusal::unknown("a token is needed")),
            };
        };
        let _ = token;
        Err(self.wrong_token(from))
    }

    /// Notes that somebody showed a wrong token.
    fn wrong_token(&self, from: Origin) -> Refusal {
        if let Some(place) = from.place() {
            let mut wrong = self.wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(wait) = wrong.wait(&place, self.began.elapsed()) {
                return Refusal::too_often(wait.as_secs() + 1);
            }
            wrong.note(place, self.began.elapsed());
        }
        Refusal::unknown("the token is wrong, or has ended")
    }
}

/// The time.
fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// All that a station answers.
fn table() -> Table {
    let mut table = Table::new();
    api::add_to(&mut table);
    device::add_to(&mut table);
    table
}

fn routes(station: Arc<Station>) -> Router {
    let (router, openapi) = table().finish();
    api::with_openapi(router, &openapi).with_state(station)
}
