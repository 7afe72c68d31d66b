//! Calls to one server.

use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, LOCATION};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use ureq::{BodyReader, SendBody};

use super::answer;
use super::error::{Error, Step};
use super::link::{NoNames, Opens};
use super::sockets::{Fault, Limit};
use super::trust::{self, Trust};
use super::url::{BadUrl, Origin, Url, segment};
use crate::stop::Stop;

/// How long is waited for what. A limit that is passed ends the call with [`Error::Slow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands, with name and TLS.
    pub connect: Duration,
    /// Without a byte going out or coming in.
    pub stall: Duration,
    /// From the end of what is asked to the beginning of the answer's body.
    pub answer: Duration,
    /// For all of it, with the answer's body; `None`: as long as it goes on.
    pub whole: Option<Duration>,
}

impl Default for Limits {
    /// Ten seconds to connect, half a minute without a byte, a minute for the answer; no limit for the whole.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            whole: None,
        }
    }
}

/// Most bytes of an answer that is read as JSON.
const JSON: u64 = 16 << 20;
/// Most bytes of an answer's headers. ureq takes 128 KiB into its buffer at a time.
const HEADERS: usize = 64 << 10;
/// So much is taken from a connection at once: chunks of images are longer, and each call costs.
const INPUT: usize = 512 << 10;
/// So long is waited for the word that a body is wanted. Servers that don't know the question never say it.
const CONTINUE: Duration = Duration::from_secs(2);

/// Speaks to one server. Clones share their connections. Calls from several threads go over several connections.
///
/// Redirections aren't followed: [`Resuming`](super::Resuming) does that.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    token: Option<HeaderValue>,
}

#[derive(Debug)]
struct Shared {
    origin: Origin,
    trust: Trust,
    limits: Limits,
    stop: Stop,
    may: fn(IpAddr) -> bool,
    agent: ureq::Agent,
}

impl Client {
    /// One for this server. Nothing is connected yet.
    ///
    /// # Errors
    /// When the certificates that servers are checked by can't be read; [`Error::NoTls`] where one is pinned and the
    /// server speaks none.
    pub fn new(origin: Origin, trust: Trust, limits: Limits, stop: &Stop) -> Result<Self, Error> {
        Self::new_within(origin, trust, limits, stop, |_| true)
    }

    /// One that goes to addresses only of which `may` says so, whatever a name server tells. It is asked for each
    /// connection, with the very address that is connected to.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn new_within(
        origin: Origin,
        trust: Trust,
        limits: Limits,
        stop: &Stop,
        may: fn(IpAddr) -> bool,
    ) -> Result<Self, Error> {
        let tls = match &origin {
            Origin::Tcp { tls: true, .. } => Some(trust::config(&trust)?),
            // Whoever pins a certificate says that nobody else is believed.
            Origin::Tcp { tls: false, .. } if matches!(trust, Trust::Pinned(_)) => {
                return Err(Error::NoTls { to: origin.to_string() });
            }
            _ => None,
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEADERS)
            .timeout_await_100(Some(CONTINUE))
            .timeout_connect(Some(limits.connect))
            .input_buffer_size(INPUT)
            .accept_encoding("identity")
            .proxy(None)
            .user_agent(concat!("piprov/", env!("CARGO_PKG_VERSION")))
            .build();
        let opens = Opens { origin: origin.clone(), tls, stop: stop.clone(), may };
        let agent = ureq::Agent::with_parts(config, opens, NoNames);
        Ok(Self {
            shared: Arc::new(Shared { origin, trust, limits, stop: stop.clone(), may, agent }),
            token: None,
        })
    }

    /// One for another server, with the same limits and the same addresses that it may go to, and without the token.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn elsewhere(&self, origin: Origin) -> Result<Self, Error> {
        let Shared { trust, limits, stop, may, .. } = &*self.shared;
        Self::new_within(origin, trust.clone(), *limits, stop, *may)
    }

    /// With a token that goes along with each call.
    ///
    /// # Errors
    /// When it has characters that no token has.
    pub fn with_token(self, token: &str) -> Result<Self, Error> {
        let token = bearer(token)?;
        Ok(Self { token: Some(token), ..self })
    }

    /// The server.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// The flag that ends its calls.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.shared.stop
    }

    /// Sends a request as somebody else has put it together, and perhaps signed it: method, path with query and headers go
    /// out as they are, and any status is an answer. It goes to this client's server, whatever its URI says. With `most`
    /// bytes the answer's body is bounded.
    ///
    /// # Errors
    /// When no whole answer comes, or a longer one.
    pub fn exchange(
        &self,
        request: &Request<impl AsRef<[u8]>>,
        most: u64,
    ) -> Result<Response<Vec<u8>>, Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let mut call = self.call(request.method().clone(), path);
        // What was signed is the path as it was; escaping it once more would make another one of it.
        path.clone_into(&mut call.url.path);
        let (to, body) = (call.to(), request.body().as_ref());
        if self.shared.stop.is_set() {
            return Err(Error::Stopped);
        }
        let mut sent = Request::builder().method(request.method()).uri(request.uri());
        if !request.headers().contains_key(HOST) {
            sent = sent.header(HOST, self.shared.origin.host_header());
        }
        for (name, value) in request.headers() {
            sent = sent.header(name, value);
        }
        let odd = |error: &dyn std::fmt::Display| Error::Odd { to: to.clone(), why: error.to_string() };
        let response = match body {
            [] if [Method::GET, Method::HEAD, Method::DELETE].contains(request.method()) => {
                call.go(sent.body(SendBody::none()).map_err(|error| odd(&error))?)
            }
            body => call.go(sent.body(body).map_err(|error| odd(&error))?),
        };
        let (parts, body) = response.map_err(|error| call.told(error, Step::Answer))?.into_parts();
        let reader = Incoming { inner: body.into_reader(), to: to.clone(), limits: call.limits };
        let reply = Reply { status: parts.status.as_u16(), headers: parts.headers.clone(), to, reader };
        Ok(Response::from_parts(parts, reply.bytes(most)?))
    }

    /// Asks for something. `path` may have a query; what can't stand in a request is escaped.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// Asks for something to be done.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// Puts something there.
    pub fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// Changes something.
    pub fn patch(&self, path: &str) -> Call<'_> {
        self.call(Method::PATCH, path)
    }

    /// Removes something.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &str) -> Call<'_> {
        let (url, headers) = (self.shared.origin.at(path), Vec::new());
        Call { client: self, method, url, headers, token: None, limits: self.shared.limits, bad: None }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let why = "a token has only letters, digits and signs that can be seen";
    let fit = !token.is_empty() && token.len() <= 4096 && token.bytes().all(|byte| byte.is_ascii_graphic());
    let value = fit.then(|| HeaderValue::from_str(&format!("Bearer {token}")).ok()).flatten();
    let mut value = value.ok_or_else(|| BadUrl { text: "…".to_owned(), why })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A call that is being put together.
#[derive(Debug)]
#[must_use]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    token: Option<HeaderValue>,
    limits: Limits,
    bad: Option<Error>,
}

/// What goes along.
enum Body<'b> {
    Nothing,
    Bytes(&'b [u8], &'b str),
    Stream(&'b mut dyn Read, Option<u64>),
}

impl Call<'_> {
    /// With something more in its query, escaped.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.url.path.push(if self.url.path.contains('?') { '&' } else { '?' });
        self.url.path.push_str(&segment(name));
        self.url.path.push('=');
        self.url.path.push_str(&segment(&value.to_string()));
        self
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.headers.push((HeaderName::from_static(name), value)),
            Err(_) => {
                self.bad = Some(Error::Odd {
                    to: self.to(),
                    why: format!("{name} has characters that no header has"),
                })
            }
        }
        self
    }

    /// With another token than the client's.
    pub fn token(mut self, token: &str) -> Self {
        match bearer(token) {
            Ok(token) => self.token = Some(token),
            Err(error) => self.bad = Some(error),
        }
        self
    }

    /// With another limit for the beginning of the answer, and for silence until then: for calls that wait for something.
    pub const fn answer_within(mut self, limit: Duration) -> Self {
        self.limits.answer = limit;
        if self.limits.stall.as_millis() < limit.as_millis() {
            self.limits.stall = limit;
        }
        self
    }

    /// With another limit for silence.
    pub const fn stall(mut self, limit: Duration) -> Self {
        self.limits.stall = limit;
        self
    }

    /// With a limit for all of it.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limits.whole = Some(limit);
        self
    }

    /// Calls, with nothing along.
    ///
    /// # Errors
    /// When the server can't be reached or says no: an answer of 2xx or 304 is one.
    pub fn send(self) -> Result<Reply, Error> {
        self.send_any()?.or_refused()
    }

    /// Calls, with nothing along, and takes any status for an answer.
    pub(super) fn send_any(self) -> Result<Reply, Error> {
        // A connection that was kept may have been closed by the server in this moment. Asking again changes nothing.
        let again = self.method == Method::GET;
        match self.run(&mut Body::Nothing) {
            Err(Error::Broken { step: Step::Send | Step::Answer, .. }) if again => {
                self.run(&mut Body::Nothing)
            }
            other => other,
        }
    }

    /// Calls, with JSON along.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_json(self, value: &impl Serialize) -> Result<Reply, Error> {
        let bytes = crate::format::json::line(value).map(String::into_bytes).map_err(|error| Error::Odd {
            to: self.to(),
            why: format!("it can't be written as JSON: {error}"),
        })?;
        self.run(&mut Body::Bytes(&bytes, "application/json"))?.or_refused()
    }

    /// Calls, with these bytes along.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_bytes(self, bytes: &[u8], kind: &str) -> Result<Reply, Error> {
        self.run(&mut Body::Bytes(bytes, kind))?.or_refused()
    }

    /// Calls, with what a reader gives along; `len` is its length in bytes where that is known. The server is asked first
    /// whether it wants it.
    ///
    /// # Errors
    /// As [`Self::send`], and [`Error::Input`] when the reader fails or gives another length.
    pub fn send_stream(self, body: &mut dyn Read, len: Option<u64>) -> Result<Reply, Error> {
        self.run(&mut Body::Stream(body, len))?.or_refused()
    }

    fn to(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    fn run(&self, body: &mut Body<'_>) -> Result<Reply, Error> {
        if let Some(Error::Odd { to, why }) = &self.bad {
            return Err(Error::Odd { to: to.clone(), why: why.clone() });
        }
        if let Some(Error::Url(error)) = &self.bad {
            return Err(error.clone().into());
        }
        if self.client.shared.stop.is_set() {
            return Err(Error::Stopped);
        }
        let mut failed = None;
        let response = self.ask(body, &mut failed);
        let response = match (response, failed) {
            (_, Some(error)) => return Err(Error::Input(error)),
            (Ok(response), None) => response,
            (Err(error), None) => return Err(self.told(error, Step::Answer)),
        };
        let (parts, body) = response.into_parts();
        let inner = body.into_reader();
        let reader = Incoming { inner, to: self.to(), limits: self.limits };
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, to: self.to(), reader })
    }

    fn ask(
        &self,
        body: &mut Body<'_>,
        failed: &mut Option<io::Error>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let origin = &self.client.shared.origin;
        let scheme = if matches!(origin, Origin::Tcp { tls: true, .. }) { "https" } else { "http" };
        let host = origin.host_header();
        let mut request =
            Request::builder().method(&self.method).uri(format!("{scheme}://{host}{}", self.url.path));
        request = request.header(HOST, &host);
        if let Some(token) = self.token.as_ref().or(self.client.token.as_ref()) {
            request = request.header(AUTHORIZATION, token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut limited = match body {
            Body::Nothing if self.method == Method::GET || self.method == Method::DELETE => {
                return self.go(request.body(SendBody::none())?);
            }
            // A length of 0 is told: some servers ask for one.
            Body::Nothing => return self.go(request.body(&[][..])?),
            Body::Bytes(bytes, kind) => {
                request = request.header(CONTENT_TYPE, *kind);
                return self.go(request.body(*bytes)?);
            }
            Body::Stream(inner, len) => {
                request =
                    request.header(CONTENT_TYPE, "application/octet-stream").header(EXPECT, "100-continue");
                if let Some(len) = len {
                    request = request.header(CONTENT_LENGTH, *len);
                }
                Outgoing { inner: &mut **inner, left: *len, failed }
            }
        };
        self.go(request.body(SendBody::from_reader(&mut limited))?)
    }

    fn go(&self, request: Request<impl ureq::AsSendBody>) -> Result<Response<ureq::Body>, ureq::Error> {
        let agent = &self.client.shared.agent;
        let configured = agent
            .configure_request(request)
            .timeout_per_read(Some(self.limits.stall))
            .timeout_per_write(Some(self.limits.stall))
            .timeout_recv_response(Some(self.limits.answer))
            .timeout_global(self.limits.whole)
            .build();
        agent.run(configured)
    }

    fn told(&self, error: ureq::Error, step: Step) -> Error {
        told(error, self.to(), step, self.limits)
    }
}

/// What an error of ureq is, in our words.
fn told(error: ureq::Error, to: String, step: Step, limits: Limits) -> Error {
    let odd = |to, why: &str| Error::Odd { to, why: why.to_owned() };
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Fault>() {
            Ok(fault) => told_fault(*fault, to, step, limits),
            Err(other) => odd(to, &other.to_string()),
        },
        ureq::Error::Io(source) => match source.downcast::<Fault>() {
            Ok(fault) => told_fault(fault, to, step, limits),
            Err(source) => Error::Broken { to, step, source },
        },
        ureq::Error::Timeout(ureq::Timeout::Global) => {
            told_fault(Fault::Slow(Limit::Whole), to, step, limits)
        }
        ureq::Error::Timeout(ureq::Timeout::Connect) => {
            told_fault(Fault::Slow(Limit::Connect), to, step, limits)
        }
        ureq::Error::Timeout(_) => told_fault(Fault::Slow(Limit::Answer), to, step, limits),
        ureq::Error::LargeResponseHeader(..) => odd(to, "its headers are endless"),
        ureq::Error::Protocol(error) if to.contains("http://") => {
            odd(to, &format!("{error}; perhaps the server speaks HTTPS there"))
        }
        ureq::Error::Protocol(error) => odd(to, &error.to_string()),
        ureq::Error::Http(error) => odd(to, &error.to_string()),
        error => odd(to, &error.to_string()),
    }
}

fn told_fault(fault: Fault, to: String, step: Step, limits: Limits) -> Error {
    match fault {
        Fault::Stopped => Error::Stopped,
        Fault::Slow(limit) => {
            let (step, limit) = match limit {
                Limit::Connect => (Step::Connect, limits.connect),
                Limit::Write => (Step::Send, limits.stall),
                Limit::Read => (step, limits.stall),
                Limit::Answer => (Step::Answer, limits.answer),
                Limit::Whole => (Step::Whole, limits.whole.unwrap_or_default()),
            };
            Error::Slow { to, step, limit }
        }
        Fault::Name(why) => Error::Name { to, why },
        Fault::Connect(source) => Error::Connect { to, source },
        Fault::Tls(why) => Error::Tls { to, why },
        Fault::NotTls => Error::NotTls { to },
        Fault::Pin { wanted, got } => Error::Pin { to, wanted: wanted.to_string(), got: got.to_string() },
        Fault::Send { source, answer } => match answer::last_words(&answer) {
            Some((status, problem)) => Error::Refused { to, status, problem, again: None },
            None => Error::Broken { to, step: Step::Send, source },
        },
        Fault::Receive(source) => Error::Broken { to, step, source },
    }
}

/// What goes along: exactly as long as was said, and with its own error kept.
struct Outgoing<'b> {
    inner: &'b mut dyn Read,
    left: Option<u64>,
    failed: &'b mut Option<io::Error>,
}

impl Read for Outgoing<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most =
            self.left.map_or(buf.len(), |left| buf.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        if most == 0 {
            return Ok(0);
        }
        let len = loop {
            match self.inner.read(&mut buf[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) if self.left.is_some() => break Err(io::ErrorKind::UnexpectedEof.into()),
                other => break other,
            }
        };
        match len {
            Ok(len) => {
                self.left = self.left.map(|left| left - len as u64);
                Ok(len)
            }
            Err(error) => {
                let again = io::Error::from(error.kind());
                *self.failed = Some(error);
                Err(again)
            }
        }
    }
}

/// An answer: 2xx, or 304.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: HeaderMap,
    to: String,
    reader: Incoming,
}

impl Reply {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// A header's value where it is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        answer::header(&self.headers, name)
    }

    /// The body's length in bytes, where the server tells it.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.header("content-length").and_then(answer::number)
    }

    /// Whether there is no body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status == 204 || self.len() == Some(0)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none, or too long, or the connection breaks.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let to = self.to.clone();
        let bytes = self.bytes(JSON)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Odd { to, why: error.to_string() })
    }

    /// The body, at most so many bytes.
    ///
    /// # Errors
    /// When it is longer, or the connection breaks.
    pub fn bytes(self, limit: u64) -> Result<Vec<u8>, Error> {
        let Self { to, reader, headers, .. } = self;
        // What a server says may be a lie, and then costs no more than it may cost.
        let told = answer::header(&headers, "content-length").and_then(answer::number);
        let mut bytes = Vec::with_capacity(told.unwrap_or(0).min(limit).min(8 << 20) as usize);
        reader
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| from_reader(error, &to))?;
        if bytes.len() as u64 > limit {
            return Err(Error::TooLong { to, limit });
        }
        Ok(bytes)
    }

    /// The body as it comes. Its errors are those of this room: see [`Error::of_io`].
    #[must_use]
    pub fn into_reader(self) -> impl Read + Send + 'static {
        self.reader
    }

    pub(super) fn parts(self) -> (u16, HeaderMap, Incoming) {
        (self.status, self.headers, self.reader)
    }

    pub(super) fn or_refused(self) -> Result<Self, Error> {
        let Self { status, to, .. } = &self;
        match status {
            200..300 | 304 => Ok(self),
            300..400 => {
                let why = answer::header(&self.headers, LOCATION.as_str())
                    .unwrap_or("it doesn't say where")
                    .to_owned();
                Err(Error::Elsewhere { to: to.clone(), why })
            }
            _ => {
                let (status, to, again) = (*status, to.clone(), answer::retry_after(&self.headers));
                let json = answer::is_json(&self.headers);
                let problem = json.then(|| self.bytes(answer::PROBLEM).ok()).flatten();
                let problem = problem.and_then(|bytes| answer::problem(&bytes));
                Err(Error::Refused { to, status, problem, again })
            }
        }
    }
}

/// The error that a reader of this room gave.
fn from_reader(error: io::Error, to: &str) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(source) => Error::Broken { to: to.to_owned(), step: Step::Body, source },
    }
}

/// The body of an answer.
pub(super) struct Incoming {
    inner: BodyReader<'static>,
    to: String,
    limits: Limits,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Incoming").field("to", &self.to).finish_non_exhaustive()
    }
}

impl Read for Incoming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).map_err(|error| {
            let error = match error.downcast::<ureq::Error>() {
                Ok(error) => error,
                Err(error) => ureq::Error::Io(error),
            };
            told(error, self.to.clone(), Step::Body, self.limits).into_io()
        })
    }
}
