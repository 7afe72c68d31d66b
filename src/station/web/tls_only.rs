//! Who speaks HTTP where HTTPS is spoken is told so: a browser says nothing but that the connection was reset.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::guard::{Guard, Watched};

/// How a TLS client begins (RFC 8446, 5.1: `handshake`).
const HANDSHAKE: u8 = 22;
/// How long a client may take to begin, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of a request is read as a browser sends with it: a connection that is closed over unread bytes is reset, and
/// takes the answer with it.
const REQUEST: usize = 16 << 10;
/// Nothing of the request is in it.
const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
    Cache-Control: no-store\r\nContent-Length: 73\r\n\r\n\
    This station speaks HTTPS here. Write https:// in front of its address.\r\n";

/// Lets in connections that begin as TLS does.
#[derive(Debug, Clone)]
pub(in crate::station) struct TlsOnly(pub(in crate::station) Guard);

impl<S: Send + 'static> Accept<TcpStream, S> for TlsOnly {
    type Stream = Watched<TcpStream>;
    type Service = <Guard as Accept<TcpStream, S>>::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // It has its seat before anything is waited for.
        let seated = self.0.accept(stream, service);
        Box::pin(async move {
            let (mut stream, service) = seated.await?;
            let begins =
                timeout(PATIENCE, stream.first_byte()).await.map_err(|_| io::ErrorKind::TimedOut)??;
            if begins == HANDSHAKE {
                return Ok((stream, service));
            }
            let _ = timeout(PATIENCE, tell(&mut stream)).await;
            Err(io::ErrorKind::InvalidData.into())
        })
    }
}

async fn tell(stream: &mut Watched<TcpStream>) -> io::Result<()> {
    let mut request = [0; REQUEST];
    let _ = stream.read(&mut request).await?;
    stream.write_all(ANSWER.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), body.len());
    }
}
