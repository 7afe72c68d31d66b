//! Somebody between a station and its bucket, who lets requests and answers through as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// A request or an answer: the lines of its head, and its body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Said {
    /// An answer of its own.
    pub(crate) fn answer(status: &str, body: &[u8]) -> Self {
        Self {
            head: vec![format!("HTTP/1.1 {status}"), format!("Content-Length: {}", body.len())],
            body: body.to_vec(),
        }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .iter()
            .skip(1)
            .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// The method and the path with its query.
    pub(crate) fn asks(&self) -> (&str, &str) {
        let mut words = self.head[0].split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    fn read(stream: &TcpStream, is_answer_to_head: bool) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut said = Self::default();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            said.head.push(line);
        }
        let len = said.header("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
        if !is_answer_to_head {
            let mut body = vec![0; len];
            reader.read_exact(&mut body).ok()?;
            said.body = body;
        }
        Some(said)
    }

    /// Sends it, with one connection for one request.
    fn send(&self, stream: &mut TcpStream) {
        let mut text = String::new();
        for line in self.head.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")) {
            text += &format!("{line}\r\n");
        }
        text += "Connection: close\r\n\r\n";
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.write_all(&self.body);
    }
}

/// What is done with a request. With `ask` it goes on to the server, and comes back with its answer; `None` hangs up.
pub(crate) type Way = dyn Fn(Said, &dyn Fn(&Said) -> Option<Said>) -> Option<Said> + Send + Sync;

/// Starts one in front of a server; gives its address.
pub(crate) fn between(server: &str, way: Arc<Way>) -> String {
    let server = server.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, server, way) = (stream.unwrap(), server.clone(), Arc::clone(&way));
            std::thread::spawn(move || {
                let request = Said::read(&stream, false)?;
                let ask = |request: &Said| {
                    let mut to = TcpStream::connect(&server).ok()?;
                    request.send(&mut to);
                    Said::read(&to, request.asks().0 == "HEAD")
                };
                way(request, &ask)?.send(&mut stream);
                Some(())
            });
        }
    });
    address
}
