//! A network between a client and a server that cuts connections: a proxy that knows where an HTTP answer begins.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// What becomes of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All of it arrives.
    Whole,
    /// The request doesn't reach the server.
    Unasked,
    /// So many bytes of the answer's body arrive, then the connection is cut.
    Cut(usize),
    /// All of it arrives, then the connection is cut.
    Last,
    /// The server has it and answers; the client doesn't hear that.
    Lost,
    /// Nothing comes, and nothing says that nothing will: the connection stays until the client ends it.
    Silent,
    /// All of it arrives, and is kept.
    Keep,
    /// The client gets what was kept, and the server isn't asked.
    Replay,
}

/// Says what becomes of an exchange: by the connection's number from 1, and the request's head.
type Judge = dyn Fn(u64, &str) -> Fate + Send + Sync;

/// Changes a message's body: its own head, that of the request, and the body; what is given back stands for it.
type Edit = dyn Fn(&mut String, &str, &[u8]) -> Option<Vec<u8>> + Send + Sync;

/// The proxy. It takes no more connections when this value goes.
pub(crate) struct Cutting {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: SocketAddr,
    judge: Box<Judge>,
    edit: Box<Edit>,
    connections: AtomicU64,
    /// Bytes of answers' bodies that went through.
    through: AtomicU64,
    cuts: AtomicU64,
    kept: Mutex<Vec<u8>>,
    over: AtomicBool,
}

impl Cutting {
    pub(crate) fn to(to: SocketAddr, judge: impl Fn(u64, &str) -> Fate + Send + Sync + 'static) -> Self {
        Self::with(to, judge, |_, _, _| None)
    }

    /// One that cuts nothing, and changes what goes through.
    pub(crate) fn editing(
        to: SocketAddr,
        edit: impl Fn(&mut String, &str, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(to, |_, _| Fate::Whole, edit)
    }

    fn with(
        to: SocketAddr,
        judge: impl Fn(u64, &str) -> Fate + Send + Sync + 'static,
        edit: impl Fn(&mut String, &str, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            to,
            judge: Box::new(judge),
            edit: Box::new(edit),
            connections: 0.into(),
            through: 0.into(),
            cuts: 0.into(),
            kept: Mutex::default(),
            over: false.into(),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.over.load(SeqCst) {
                    return;
                }
                let own = Arc::clone(&own);
                std::thread::spawn(move || stream.map(|stream| own.carry(stream)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn through(&self) -> u64 {
        self.shared.through.load(SeqCst)
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.shared.cuts.load(SeqCst)
    }
}

impl Drop for Cutting {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A message's head with its empty line, and the length of its body.
fn head(from: &mut TcpStream) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "not known here: {line}");
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    Some((text, length.unwrap_or(0)))
}

impl Shared {
    /// One connection, an exchange after the other.
    fn carry(&self, mut client: TcpStream) {
        let number = self.connections.fetch_add(1, SeqCst) + 1;
        let Ok(mut server) = TcpStream::connect(self.to) else { return };
        while self.exchange(number, &mut client, &mut server).is_some() {}
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    fn exchange(&self, number: u64, client: &mut TcpStream, server: &mut TcpStream) -> Option<()> {
        let (request, length) = head(client)?;
        let mut body = vec![0; length];
        client.read_exact(&mut body).ok()?;
        let fate = (self.judge)(number, &request);
        self.cuts.fetch_add((!matches!(fate, Fate::Whole | Fate::Keep)).into(), SeqCst);
        match fate {
            Fate::Unasked => return None,
            Fate::Silent => {
                let _ = client.read(&mut [0]);
                return None;
            }
            Fate::Replay => return client.write_all(&self.kept.lock().unwrap()).ok(),
            _ => {}
        }
        let mut edited = request.clone();
        self.edited(&mut edited, &request, &mut body);
        server.write_all(edited.as_bytes()).ok()?;
        server.write_all(&body).ok()?;
        let (mut answer, length) = head(server)?;
        let mut body = vec![0; length];
        server.read_exact(&mut body).ok()?;
        self.edited(&mut answer, &request, &mut body);
        let length = body.len();
        let most = match fate {
            Fate::Cut(most) => most.min(length),
            Fate::Lost => return None,
            Fate::Keep => {
                *self.kept.lock().unwrap() = [answer.as_bytes(), &body].concat();
                length
            }
            _ => length,
        };
        client.write_all(answer.as_bytes()).ok()?;
        client.write_all(&body[..most]).ok()?;
        self.through.fetch_add(most as u64, SeqCst);
        matches!(fate, Fate::Whole | Fate::Keep).then_some(())
    }

    fn edited(&self, head: &mut String, request: &str, body: &mut Vec<u8>) {
        let Some(other) = (self.edit)(head, request, body) else { return };
        let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length:");
        let line = head.lines().find(is_length).unwrap().to_owned();
        *head = head.replace(&line, &format!("content-length: {}", other.len()));
        *body = other;
    }
}
