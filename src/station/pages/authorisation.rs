//! Who may do what: each row of both tables, tried by each role, by nobody, and by those that show something else's
//! secret. `authorisation.txt` says what each row takes; a row that doesn't stand there fails here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use tower::ServiceExt;

use super::secret;
use crate::config::Settings;
use crate::station::store::Started;
use crate::station::web::{Access, Origin, Row};
use crate::station::{Options, Station, api, now, routes, table};
use crate::station_api::{Role, Token};

/// What each row takes: method, path, role.
const EXPECTED: &str = include_str!("authorisation.txt");

/// What takes no form, but a file, and has its proof elsewhere: its own tests show that it looks at that.
const ELSEWHERE: [&str; 4] =
    ["/firmware", "/uploads/file", "/uploads/{upload}/piece", "/value/{source}/upload"];

const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

struct Tried {
    app: Router,
    station: Arc<Station>,
    count: AtomicU32,
    _dir: tempfile::TempDir,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    to: String,
    body: String,
}

impl Answer {
    /// Refused because of the role, and of nothing else.
    fn is_of_role(&self) -> bool {
        self.status == StatusCode::FORBIDDEN && self.body.contains("takes the role")
    }

    /// Sent to sign in, or told that nobody is signed in.
    fn is_of_nobody(&self) -> bool {
        (self.status == StatusCode::UNAUTHORIZED && self.body.contains("nobody is signed in"))
            || (self.status == StatusCode::SEE_OTHER && self.to.starts_with("/login"))
    }
}

impl Tried {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            state: dir.path().join("state"),
            records: dir.path().to_owned(),
            store: None,
            settings: Arc::new(Settings::without_files()),
            bootd: None,
            commands: Vec::new,
        };
        let station = Station::open(options, Vec::new()).await.unwrap();
        for role in ROLES {
            station.store().add_user(&role.to_string(), role, "no hash", now()).await.unwrap();
        }
        // Somebody else who may do all, whatever the rows do to the others.
        station.store().add_user("root", Role::Admin, "no hash", now()).await.unwrap();
        let app = routes(Arc::clone(&station));
        Self { app, station, count: AtomicU32::new(0), _dir: dir }
    }

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// A session of its own: what is tried may end it.
    async fn session(&self, role: Role, page: bool) -> String {
        let secret = api::secret().unwrap();
        let (digest, name) = (api::digest(&secret), role.to_string());
        // What was tried before may have changed it.
        let store = self.station.store();
        store.change_user(&name, Some(role), Some(false), None).await.unwrap();
        let expires = now() + 60_000;
        let begun = Started { digest: &digest, name: &name, page, origin: "", browser: "", expires };
        store.begin_session(&begun, now()).await.unwrap();
        secret
    }

    async fn token(&self, role: Role) -> String {
        let secret = api::secret().unwrap();
        let token = Token {
            name: format!("t{}", self.next()),
            role,
            scopes: Vec::new(),
            user: String::new(),
            made: now(),
            expires: None,
            used: None,
        };
        self.station.store().add_token(&token, &api::digest(&secret)).await.unwrap();
        secret
    }

    /// Asks for a row, each time from another address: wrong secrets are slowed down.
    async fn ask(&self, row: &Row, headers: &[(header::HeaderName, String)], body: String) -> Answer {
        let path: Vec<_> =
            row.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let mut request = Request::builder().method(Method::from(row.method)).uri(path.join("/"));
        request = request.header(header::HOST, "localhost");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let [_, a, b, c] = self.next().to_be_bytes();
        let from = SocketAddr::from((Ipv4Addr::new(10, a, b, c), 999));
        let request = request
            .extension(Origin::Address { from, at: from.ip(), via: None })
            .body(Body::from(body))
            .unwrap();
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let text = |name: header::HeaderName| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (to, kind) = (text(header::LOCATION), text(header::CONTENT_TYPE));
        // Streams have no end.
        let body = match kind.as_str() {
            "text/event-stream" => String::new(),
            _ => {
                let bytes = axum::body::to_bytes(answer.into_body(), 8 << 20).await.unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        Answer { status, to, body }
    }

    /// A page: with a session, and a proof.
    async fn page(&self, row: &Row, session: Option<&str>, proof: &str) -> Answer {
        let mut headers = vec![(header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned())];
        headers.extend(session.map(|secret| (header::COOKIE, format!("piprov={secret}"))));
        let body = if row.method.is_get() { String::new() } else { format!("proof={proof}&to=%2F") };
        self.ask(row, &headers, body).await
    }

    /// A call: with a token.
    async fn call(&self, row: &Row, token: Option<&str>) -> Answer {
        let mut headers = vec![(header::CONTENT_TYPE, "application/json".to_owned())];
        headers.extend(token.map(|token| (header::AUTHORIZATION, format!("Bearer {token}"))));
        self.ask(row, &headers, "{}".to_owned()).await
    }
}

fn line(row: &Row) -> String {
    let access = match row.access {
        Access::Open => "open".to_owned(),
        Access::Board => "board".to_owned(),
        Access::Role(role) => role.to_string(),
    };
    format!("{} {} {access}", row.method.word().to_uppercase(), row.path)
}

#[test]
fn each_row_takes_what_the_list_says_and_each_stands_there() {
    let (pages, calls) = (super::all(), table());
    let mut found: Vec<_> = pages.rows().iter().chain(calls.rows()).map(line).collect();
    let mut expected: Vec<_> = EXPECTED.lines().map(str::to_owned).collect();
    found.sort();
    expected.sort();
    let missing: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
    let gone: Vec<_> = expected.iter().filter(|line| !found.contains(line)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the list: {missing:#?}; no such row: {gone:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_for_its_role_and_its_forms_come_from_the_session_that_they_act_for() {
    let tried = Tried::new().await;
    let other = tried.session(Role::Admin, true).await;
    let program = tried.session(Role::Admin, false).await;
    let token = tried.token(Role::Admin).await;
    for row in super::all().rows() {
        let name = line(row);
        let own = |secret: &str| secret::proof(secret, [7; 16]);
        let Access::Role(least) = row.access else {
            let answer = tried.page(row, None, "").await;
            assert!(!answer.is_of_role(), "{name}: {answer:?}");
            continue;
        };
        // Nobody, somebody who guesses, and secrets that are for something else.
        for wrong in [None, Some("piprov_00"), Some(&*token), Some(&*program)] {
            let answer = tried.page(row, wrong, &own(wrong.unwrap_or_default())).await;
            assert!(answer.is_of_nobody(), "{name} with {wrong:?}: {answer:?}");
        }
        let answer = tried.call(row, Some(&token)).await;
        assert!(answer.is_of_nobody(), "{name} with a token: {answer:?}");
        for role in ROLES {
            let session = tried.session(role, true).await;
            if !row.method.is_get() && role >= least {
                for wrong in ["", "00", &*own(&other)] {
                    let answer = tried.page(row, Some(&session), wrong).await;
                    if ELSEWHERE.contains(&row.path) {
                        assert!(answer.status.is_client_error(), "{name} with proof {wrong:?}: {answer:?}");
                        continue;
                    }
                    assert_eq!(
                        answer.status,
                        StatusCode::FORBIDDEN,
                        "{name} with proof {wrong:?}: {answer:?}"
                    );
                    assert!(answer.body.contains("othing was done"), "{name}: {answer:?}");
                }
            }
            let answer = tried.page(row, Some(&session), &own(&session)).await;
            assert_eq!(answer.is_of_role(), role < least, "{name} as {role}: {answer:?}");
            assert!(
                role < least || row.path == "/logout" || !answer.is_of_nobody(),
                "{name} as {role}: {answer:?}"
            );
            assert!(!answer.status.is_server_error(), "{name} as {role}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_for_its_role_and_for_tokens_that_are_meant_for_it() {
    let tried = Tried::new().await;
    let page = tried.session(Role::Admin, true).await;
    for row in table().rows() {
        let name = line(row);
        // A page of somebody else's that a browser shows gets nothing, whatever it has.
        let token = tried.token(Role::Admin).await;
        let foreign = [
            (header::AUTHORIZATION, format!("Bearer {token}")),
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::ORIGIN, "http://evil.example".to_owned()),
        ];
        let answer = tried.ask(row, &foreign, "{}".to_owned()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {answer:?}");
        let wrong = |answer: &Answer| answer.status == StatusCode::UNAUTHORIZED;
        match row.access {
            Access::Open => {
                let answer = tried.call(row, None).await;
                assert!(!answer.is_of_role(), "{name}: {answer:?}");
            }
            Access::Board => {
                for shown in [None, Some("piprov_00"), Some(&*token), Some(&*page)] {
                    let answer = tried.call(row, shown).await;
                    assert!(wrong(&answer), "{name} with {shown:?}: {answer:?}");
                }
            }
            Access::Role(least) => {
                for shown in [None, Some("piprov_00"), Some(&*page)] {
                    let answer = tried.call(row, shown).await;
                    assert!(wrong(&answer), "{name} with {shown:?}: {answer:?}");
                }
                for role in ROLES {
                    for shown in [tried.token(role).await, tried.session(role, false).await] {
                        let answer = tried.call(row, Some(&shown)).await;
                        assert_eq!(answer.is_of_role(), role < least, "{name} as {role}: {answer:?}");
                        assert!(!wrong(&answer), "{name} as {role}: {answer:?}");
                        assert!(!answer.status.is_server_error(), "{name} as {role}: {answer:?}");
                    }
                }
            }
        }
    }
}
