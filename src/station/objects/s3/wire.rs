//! What carries requests to a bucket: the crate puts them together and signs them, our own client sends them. What comes
//! back is bounded in size and in time, and a server's no becomes one of ours.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use tokio::sync::Semaphore;
use ureq::http::header::{CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use ureq::http::{HeaderValue, Method, Request, Response, Uri};

use super::said::{Refused, Said, is_page};
use crate::http::{Client, Error, Limits};
use crate::image::chunk::index::LONGEST_INDEX;
use crate::image::chunk::object;

/// Longest list of objects: a page has a thousand of them.
const LONGEST_LIST: u64 = 8 << 20;
/// Longest answer that is neither an object nor a list.
const LONGEST_WORDS: u64 = 1 << 20;
/// So many requests are on their way at once: each has a thread that waits, and perhaps a chunk in memory.
const AT_ONCE: usize = 32;

/// How long is waited for what: where less patience was asked for, a server that says nothing has no more of it.
pub(super) fn limits(patience: Duration) -> Limits {
    let most = |seconds| Duration::from_secs(seconds).min(patience.max(Duration::from_secs(1)));
    Limits { connect: most(10), stall: most(30), answer: most(60), whole: Some(Duration::from_secs(300)) }
}

/// Sends requests to one server, whatever their URLs say.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    client: Client,
    turns: Arc<Semaphore>,
}

impl Wire {
    pub(super) fn new(client: Client) -> Self {
        Self { client, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await;
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let request = Request::from_parts(parts, body);
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let client = self.client.clone();
        let work = move || {
            let answer = exchange(&client, &request);
            drop(turn);
            answer
        };
        let answer = tokio::task::spawn_blocking(work).await;
        match answer.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))? {
            Ok(answer) => Ok(answer),
            // Names come from the content, so what is asked once more does no harm, whether it was done before or not.
            Err(said) if said.may_pass() => Err(HttpError::new(HttpErrorKind::Request, said)),
            Err(said) => Err(HttpError::new(HttpErrorKind::Unknown, said)),
        }
    }
}

/// How long an answer may be.
fn most(method: &Method, uri: &Uri) -> u64 {
    let is_object = *method == Method::GET && uri.query().is_none();
    match uri.query() {
        Some(query) if query.split('&').any(|one| one == "list-type=2") => LONGEST_LIST,
        _ if is_object && uri.path().contains("/indexes/") => LONGEST_INDEX,
        _ if is_object => object::LONGEST as u64,
        _ => LONGEST_WORDS,
    }
}

/// A request, and its answer in memory. Waits.
fn exchange(client: &Client, request: &Request<Bytes>) -> Result<HttpResponse, Said> {
    let longest = most(request.method(), request.uri());
    // What is no object may be longer than a small one: it is cut to what is read of it.
    let response = client.exchange(request, longest.max(LONGEST_WORDS))?;
    let to = format!("{} {}{}", request.method(), client.origin(), request.uri().path());
    let (status, len) = (response.status(), response.body().len() as u64);
    let is_answer = status.is_success() || matches!(status.as_u16(), 304 | 409 | 412);
    if is_answer && len > longest {
        return Err(Error::TooLong { to, limit: longest }.into());
    }
    // A network's login page says 200 of everything.
    if !is_answer || is_page(response.body()) {
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let refused = Refused::read(to, status.as_u16(), date, response.body(), now());
        if !refused.is_missing() {
            return Err(refused.into());
        }
    }
    Ok(told(request.method(), response))
}

/// An answer as the crate takes it: it wants the length of what is got, which a server needn't say.
fn told(method: &Method, response: Response<Vec<u8>>) -> HttpResponse {
    let (mut parts, body) = response.into_parts();
    if *method == Method::GET && parts.status.is_success() {
        parts.headers.remove(TRANSFER_ENCODING);
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    HttpResponse::from_parts(parts, Bytes::from(body).into())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_hangs_has_no_more_than_the_patience() {
        let of = |seconds| limits(Duration::from_secs(seconds));
        assert_eq!((of(5).connect, of(5).stall, of(5).answer), ([5; 3].map(Duration::from_secs)).into());
        assert_eq!((of(600).stall, of(0).stall), (Duration::from_secs(30), Duration::from_secs(1)));
    }

    #[test]
    fn each_answer_has_its_bound() {
        let of = |method: Method, uri: &str| most(&method, &uri.parse().unwrap());
        assert_eq!(of(Method::GET, "http://s3/b/chunks/ab/abcd"), object::LONGEST as u64);
        assert_eq!(of(Method::GET, "http://s3/b/x/indexes/ab/abcd"), LONGEST_INDEX);
        assert_eq!(of(Method::GET, "http://s3/b?list-type=2&prefix=indexes/"), LONGEST_LIST);
        assert_eq!(of(Method::GET, "http://s3/b/indexes/ab?other"), LONGEST_WORDS);
        assert_eq!(of(Method::PUT, "http://s3/b/indexes/ab/abcd"), LONGEST_WORDS);
        assert_eq!(of(Method::HEAD, "http://s3/b/chunks/ab/abcd"), LONGEST_WORDS);
    }
}
