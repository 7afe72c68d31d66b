//! Who is refused hears why. A server that answers before all of a body has come, and closes the connection, has the system
//! reset it where more arrives; the client then reports a broken pipe, and never the answer. So what still comes of a body
//! that nobody wants is taken for a moment, and thrown away.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use futures::StreamExt;
use http_body::{Frame, SizeHint};
use tokio::runtime::Handle;

/// So much of a body that nobody wants is taken.
const MOST: u64 = 8 << 20;
/// For so long.
const TIME: Duration = Duration::from_secs(3);

/// A body that is taken to its end, within bounds, also where nobody reads it.
struct Lingers {
    /// `None`: it has come to its end, or is being thrown away.
    inner: Option<Body>,
}

/// A request with such a body.
pub(in crate::station) fn lingering(request: Request) -> Request {
    request.map(|body| if body.is_end_stream() { body } else { Body::new(Lingers { inner: Some(body) }) })
}

impl HttpBody for Lingers {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let polled = Pin::new(inner).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.inner = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingers {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take().filter(|inner| !inner.is_end_stream()) else { return };
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(tokio::time::timeout(TIME, throw_away(inner))));
        }
    }
}

async fn throw_away(body: Body) {
    let (mut stream, mut taken) = (body.into_data_stream(), 0);
    while let Some(Ok(bytes)) = stream.next().await {
        taken += bytes.len() as u64;
        if taken > MOST {
            return;
        }
    }
}
