//! The station: the server that a bench or a floor runs. The only room that knows tokio.
//!
//! | part | what it is |
//! |---|---|
//! | [`jobs`] | what boards are to do: a state machine, without clock and store |
//! | [`rules`] | which project a board gets that comes by itself |
//! | [`spool`] | records of other commands come into the store |
//! | [`store`] | what the station knows, in a database |
//! | [`objects`] | chunks and indexes, by names that come from their content |
//! | [`images`] | images: taken in, given out, proved, collected |
//! | [`bootd`] | its side of the privileged half, which boots boards |
//! | [`cert`] | a certificate of its own |
//! | [`takeover`] | databases of other provisioners, read for what comes over |
//! | [`copies`] | a copy of the store in a file, and back |
//! | [`key`] | its key, tokens of boards, signatures |
//! | `care` | it looks after itself, and tells those that help |
//! | [`numbered`], [`waiting`] | those that watch, and boards that wait for work |
//! | [`rates`] | how fast runs go |
//! | [`serve`] | its sockets, its begin and its end |
//! | `web` | what each call goes through: bounds, proof, refusals, the table of calls |
//! | [`audit`] | what people did, as a file that can be proved |
//! | `acts` | what people do to boards, by the API or on a page |
//! | `accounts`, `second`, `passkeys`, `passkey` | what people do to accounts and tokens; codes of a second factor; passkeys |
//! | `api` | calls of people's programs |
//! | `device` | calls of boards |
//! | `shell` | calls of boards whose client is a shell script |
//! | `hooks` | who is told by HTTP what happens |
//! | `host_hooks` | programs on its host that are run when something happens |
//! | `labels` | templates of labels, printers, and what waits for them |
//! | `named` | what may name a board in a text; pure |
//! | `password`, `password_rules` | passwords: how they are kept, and which are refused |
//! | `refused` | sign-ins that were refused, for the audit |
//! | `policy` | what people change of rules, projects and settings, by the API or on a page |
//! | `settings` | settings that change while it serves |
//! | `slots` | where boards are plugged in; slots at which boards fail again and again |
//! | `switches` | switches that are asked where boards are |
//! | `pages` | what people see in a browser |
//! | `outside` | where it may go when somebody names an address |
//! | `stream` | raw bytes of images, as answers |
//! | `moves` | where the bytes of images are kept, and how they come elsewhere |
//! | `uploads`, `fetch` | files that come in pieces, or that the station fetches, and become images |
//! | `schema` | what OpenAPI says of words of lower rooms |

pub mod bootd;
pub mod cert;
pub mod copies;
mod hooks;
mod host_hooks;
pub mod images;
pub mod jobs;
pub mod key;
pub mod numbered;
pub mod objects;
pub mod rates;
pub mod rules;
pub mod serve;
pub mod spool;
pub mod store;
pub mod takeover;
pub mod values;
pub mod waiting;

mod accounts;
mod acts;
mod api;
pub mod audit;
mod background;
mod bytes;
mod care;
mod device;
mod export;
mod fetch;
mod firmware;
mod first_boot;
mod labels;
mod metrics;
mod moves;
mod named;
mod outside;
mod own;
mod packed;
mod pages;
mod passkey;
mod passkeys;
mod password;
mod password_rules;
mod policy;
mod refused;
mod schema;
mod second;
mod settings;
mod shell;
mod slots;
mod statistics;
mod stream;
mod switches;
#[cfg(test)]
mod testing;
mod uploads;
mod web;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::HeaderMap;
use tokio_util::sync::CancellationToken;

use crate::error::{Explain, Kind, Remedy, remedy};
use crate::station_api::{Role, Room, Time, Token};
use crate::stop::Stop;
pub(crate) use pages::CommandPages;
use web::{Guard, Origin, Refill, Refusal, Table, Who};

/// What a station is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory.
    pub state: PathBuf,
    /// The state directory of the other commands: what they have done to boards is taken in from there.
    pub records: PathBuf,
    /// A PostgreSQL database; `None`: SQLite in the directory.
    pub store: Option<String>,
    /// The settings of this process. Some of them may be changed while it serves.
    pub settings: Arc<crate::config::Settings>,
    /// The control socket of the privileged half; `None`: there is none to speak to.
    pub bootd: Option<PathBuf>,
    /// The pages of commands, for the manual.
    pub commands: CommandPages,
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
    /// Others can write to its directory.
    #[error("{} can't be trusted: others than its owner can write to it", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
    },
    /// Another station serves from it.
    #[error("another station serves from {}", path.display())]
    Served {
        /// The directory.
        path: PathBuf,
    },
    /// Its key can't.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// Its objects can't.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// Its images can't.
    #[error(transparent)]
    Images(#[from] images::Error),
    /// Its database can't.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Makes the state directory, and takes it for this station alone: what one is about to need, another one would collect.
fn own(path: &Path) -> Result<std::fs::File, OpenError> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    let state = |source| OpenError::State { path: path.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(state)?;
    if std::fs::metadata(path).map_err(state)?.mode() & 0o022 != 0 {
        return Err(OpenError::Open { path: path.to_owned() });
    }
    let mut open = std::fs::OpenOptions::new();
    let lock = open.write(true).create(true).truncate(false).mode(0o600).open(path.join("serving.lock"));
    let lock = lock.map_err(state)?;
    match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Served { path: path.to_owned() }),
        Err(error) => Err(state(error.into())),
    }
}

impl Explain for OpenError {
    fn kind(&self) -> Kind {
        match self {
            Self::State { source, .. } => Kind::of_io(source),
            Self::Open { .. } => Kind::Permission,
            Self::Served { .. } => Kind::Busy,
            Self::Key(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Images(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::State { .. } => None,
            Self::Open { path } => {
                Some(remedy![crate::error::Action::host("chmod go-w").arg(path.display())])
            }
            Self::Served { .. } => Some("end that one, or give this one a state directory of its own".into()),
            Self::Key(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Objects(error) => error.hint(),
            Self::Images(error) => error.hint(),
        }
    }
}

/// A station that serves.
pub(crate) struct Station {
    options: Options,
    settings: settings::Live,
    store: store::Store,
    key: key::StationKey,
    images: images::Images,
    /// Backups whose chunks come, by their jobs.
    arrivals: Mutex<std::collections::HashMap<String, Arc<images::Arriving>>>,
    /// Told when objects may have become such that nobody needs.
    unneeded: tokio::sync::Notify,
    /// Rung when objects are to be moved or removed.
    move_bell: tokio::sync::Notify,
    nonces: device::Nonces,
    serving: device::Serving,
    owns: images::Owns,
    streams: shell::Streams,
    begun: shell::Begun,
    packed: packed::Known,
    /// Holds the lock on its state directory.
    _mine: std::fs::File,
    /// Its first address as a URL, for links.
    home: std::sync::OnceLock<String>,
    /// What it is called over the network.
    names: web::Names,
    /// Whether it speaks HTTPS over the network.
    tls: std::sync::atomic::AtomicBool,
    passwords: password::Passwords,
    metrics: metrics::Metrics,
    care: care::Care,
    suspects: slots::Suspects,
    switches: switches::Switches,
    guard: Guard,
    waiting: waiting::Waiting,
    changes: numbered::Changes,
    privileged: bootd::Privileged,
    wrong_tokens: Mutex<Refill<std::net::IpAddr>>,
    /// Accounts, by digests of what was given as their names.
    wrong_accounts: Mutex<Refill<String>>,
    /// Sign-ins that were refused lately.
    refused: refused::Refused,
    rates: rates::Rates,
    floor: pages::Floor,
    /// When it was tried whether the database takes something, and whether it did.
    tried: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// The pages of commands, once they were asked for.
    commands: std::sync::OnceLock<Vec<(String, String)>>,
    /// Rung when hooks are to be told something.
    bell: tokio::sync::Notify,
    /// Rung when something is to be printed.
    print_bell: tokio::sync::Notify,
    /// Pictures that are looked at, or drawn, at once.
    scans: tokio::sync::Semaphore,
    host_hooks: host_hooks::Turns,
    /// What sessions of a proxy's users are made of; another one each time that the station starts.
    proxied: [u8; 32],
    notices: pages::Notices,
    halves: pages::Halves,
    challenges: passkey::Challenges,
    desk: acts::Desk,
    uploads: uploads::Uploads,
    fetches: fetch::Fetches,
    began: Instant,
    since: Time,
    /// Set when it ends.
    ending: CancellationToken,
}

impl Station {
    /// `names`: those that this host has by itself.
    async fn open(options: Options, names: Vec<String>) -> Result<Arc<Self>, OpenError> {
        let mine = own(&options.state)?;
        let key = key::StationKey::open(&options.state)?;
        let url = store::StoreUrl::read(options.store.as_deref().unwrap_or_default(), &options.state)?;
        let store = store::Store::open(&url).await?.of(key.public());
        let opener = objects::Opener {
            directory: options.state.join("objects"),
            credentials: options.settings.station.objects_credentials.value.clone(),
            patience: options.settings.station.objects_patience.value,
            stop: Stop::new().map_err(|source| OpenError::State { path: options.state.clone(), source })?,
        };
        let wanted = options.settings.station.objects.value.as_ref();
        let objects = objects::Objects::follow(store.clone(), opener, wanted, now()).await?;
        let runtime = tokio::runtime::Handle::current();
        let images = images::Images::new(store.clone(), objects, options.state.clone(), runtime);
        images.tidy_up().await?;
        let served = store.setting(bootd::Privileged::SERVED).await?.is_some();
        let privileged = bootd::Privileged::new(options.bootd.is_some(), served);
        let settings = settings::Live::open(Arc::clone(&options.settings), &store).await?;
        let names = web::Names::new(names.into_iter().chain(options.settings.station.names.value.clone()));
        let guard = Guard::behind(&options.settings.station.proxy_from.value);
        Ok(Arc::new(Self {
            _mine: mine,
            names,
            options,
            privileged,
            settings,
            store,
            key,
            images,
            arrivals: Mutex::default(),
            unneeded: tokio::sync::Notify::new(),
            move_bell: tokio::sync::Notify::new(),
            nonces: device::Nonces::default(),
            serving: device::Serving::default(),
            owns: images::Owns::default(),
            streams: shell::Streams::default(),
            begun: shell::Begun::default(),
            home: std::sync::OnceLock::new(),
            packed: packed::Known::default(),
            tls: false.into(),
            passwords: password::Passwords::default(),
            metrics: metrics::Metrics::default(),
            care: care::Care::default(),
            suspects: slots::Suspects::default(),
            switches: switches::Switches::default(),
            guard,
            waiting: waiting::Waiting::default(),
            changes: numbered::Changes::since_now(),
            // Ten at once, then one each six seconds.
            wrong_tokens: Mutex::new(Refill::new(10, Duration::from_secs(6), 4096)),
            // Twenty at once, then one each fifteen seconds: somebody else who tries doesn't lock anybody out for long.
            wrong_accounts: Mutex::new(Refill::new(20, Duration::from_secs(15), 4096)),
            refused: refused::Refused::default(),
            rates: rates::Rates::default(),
            floor: pages::Floor::default(),
            tried: tokio::sync::Mutex::default(),
            commands: std::sync::OnceLock::new(),
            bell: tokio::sync::Notify::new(),
            print_bell: tokio::sync::Notify::new(),
            scans: tokio::sync::Semaphore::new(2),
            host_hooks: host_hooks::Turns::default(),
            proxied: key::random::<32>().ok_or(key::Error::Random)?,
            notices: pages::Notices::default(),
            halves: pages::Halves::default(),
            challenges: passkey::Challenges::new(key::random::<32>().ok_or(key::Error::Random)?),
            desk: acts::Desk::default(),
            uploads: uploads::Uploads::default(),
            fetches: fetch::Fetches::default(),
            began: Instant::now(),
            since: now(),
            ending: CancellationToken::new(),
        }))
    }

    fn commands(&self) -> &[(String, String)] {
        self.commands.get_or_init(self.options.commands)
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

    fn store(&self) -> &store::Store {
        &self.store
    }

    fn metrics(&self) -> &metrics::Metrics {
        &self.metrics
    }

    /// How much room its disk has.
    fn room(&self) -> Room {
        let disk = rustix::fs::statvfs(self.state());
        disk.map_or(Room::Enough, |disk| {
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            store::room(bytes(disk.f_bavail), bytes(disk.f_blocks))
        })
    }

    /// Whether its database does.
    async fn answers(&self) -> bool {
        let answers = tokio::time::timeout(Duration::from_secs(10), self.store.answers()).await;
        matches!(answers, Ok(Ok(())))
    }

    /// Whether its database would take something, as it was within the last second: everybody may ask, and writers wait
    /// for each other.
    async fn takes(&self) -> bool {
        let mut tried = self.tried.lock().await;
        if let Some((when, takes)) = *tried
            && when.elapsed() < Duration::from_secs(1)
        {
            return takes;
        }
        let takes = tokio::time::timeout(Duration::from_secs(10), self.store.takes()).await;
        let takes = matches!(takes, Ok(Ok(())));
        *tried = Some((Instant::now(), takes));
        takes
    }

    /// Streams and those that wait are let go.
    fn end(&self) {
        self.ending.cancel();
    }

    async fn close(&self) {
        self.write_refused(true).await;
        self.images.objects().end();
        self.store.close().await;
    }

    /// Notes what somebody did. That it was done isn't undone where this can't be noted.
    async fn did(&self, who: &Who, what: &str, on: &str) {
        self.did_named(who, what, on, None).await;
    }

    /// What people call a board now, for the audit; `None` where they call it nothing, or there is none.
    async fn called(&self, board: &str) -> Option<String> {
        self.store.board(board).await.ok().and_then(|board| board.called())
    }

    /// The same with what people call it.
    async fn did_named(&self, who: &Who, what: &str, on: &str, name: Option<&str>) {
        let done = store::Did { time: now(), by: &who.by, from: &who.from.to_string(), what, on, name };
        if let Err(error) = self.store.note(&done).await {
            tracing::warn!(%error, what, "the audit has a gap");
        }
    }

    /// Who makes a call that wants a role.
    async fn who(&self, from: Origin, headers: &HeaderMap, role: Role) -> Result<Who, Refusal> {
        let found = self.known(from, headers).await?;
        if found.role < role {
            return Err(Refusal::forbidden(format!(
                "`{}` may not do this: it takes the role {role}",
                found.by
            )));
        }
        Ok(found)
    }

    async fn known(&self, from: Origin, headers: &HeaderMap) -> Result<Who, Refusal> {
        let Some(token) = web::bearer(headers) else {
            return match from {
                Origin::Socket { uid } => {
                    Ok(Who { by: format!("uid {uid}"), role: Role::Admin, ..Who::nobody(from) })
                }
                Origin::Address { .. } => Err(Refusal::unknown("a token is needed")),
            };
        };
        let digest = api::digest(token);
        if let Some(token) = self.store.token(&digest, now()).await? {
            self.store.token_used(&token, now()).await?;
            let Token { name, user, role, scopes, .. } = token;
            return Ok(Who::token(&name, user, from, role, scopes));
        }
        if let Some(user) = self.store.session(&digest, false, now()).await? {
            return Ok(Who::user(&user, from));
        }
        Err(self.wrong_token(from))
    }

    /// What the token of a board's call stands for.
    fn pass(&self, from: Origin, headers: &HeaderMap) -> Result<key::Pass, Refusal> {
        let token = web::bearer(headers).ok_or_else(|| Refusal::unknown("a token is needed"))?;
        self.key.pass(token).ok_or_else(|| self.wrong_token(from))
    }

    /// Whether this address may try a secret now.
    fn may_try(&self, from: Origin) -> Result<(), Refusal> {
        let Some(place) = from.place() else { return Ok(()) };
        let wrong = self.wrong_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match wrong.wait(&place, self.began.elapsed()) {
            Some(wait) => Err(Refusal::too_often(wait.as_secs() + 1)),
            None => Ok(()),
        }
    }

    /// Whether the password of this account may be tried now, wherever from.
    fn may_try_account(&self, name: &str) -> Result<(), Refusal> {
        let wrong = self.wrong_accounts.lock().unwrap_or_else(PoisonError::into_inner);
        match wrong.wait(&api::digest(name), self.began.elapsed()) {
            Some(wait) => Err(Refusal::too_often(wait.as_secs() + 1)),
            None => Ok(()),
        }
    }

    /// Notes that a wrong password was tried for an account.
    fn wrong_account(&self, name: &str) {
        let mut wrong = self.wrong_accounts.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.note(api::digest(name), self.began.elapsed());
    }

    /// Notes that somebody showed a wrong password.
    fn wrong_password(&self, from: Origin) -> Refusal {
        let _ = self.wrong_token(from);
        Refusal::unknown("name or password are wrong")
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
    shell::add_to(&mut table);
    table
}

fn routes(station: Arc<Station>) -> Router {
    let (router, openapi) = table().finish();
    let named = axum::middleware::from_fn_with_state(Arc::clone(&station), web::known_host);
    let router = pages::beside(api::with_openapi(router, &openapi)).layer(named);
    router.layer(tower::util::MapRequestLayer::new(web::lingering)).with_state(station)
}
