//! An HTTP server as a test wants it: each connection gets what the test does with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// What a server was asked: the lines of the request's head.
pub(crate) type Asked = Vec<String>;

/// A server that does `answer` with each connection's request, one after the other. Gives its address and what it was
/// asked.
pub(crate) fn server(
    mut answer: impl FnMut(usize, &Asked, &mut TcpStream) + Send + 'static,
) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let head = head(&stream);
            if sender.send(head.clone()).is_err() {
                return;
            }
            answer(number, &head, &mut stream);
        }
    });
    (address, asked)
}

pub(crate) fn head(stream: impl Read) -> Asked {
    // A byte at a time: what follows belongs to the body.
    let lines = BufReader::with_capacity(1, stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect()
}

pub(crate) fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let found = asked.iter().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    found.map(|line| line.split_once(':').unwrap().1.trim())
}

/// Bytes of which no two parts are equal.
pub(crate) fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Sends a part of a file as a server with ranges does, and hangs up after `most` bytes of it.
pub(crate) fn part(stream: &mut TcpStream, asked: &Asked, all: &[u8], tag: &str, most: usize) {
    let from = header(asked, "range")
        .map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let rest = &all[from.unwrap_or(0)..];
    let first = match from {
        Some(from) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n",
            all.len() - 1,
            all.len()
        ),
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    let _ = write!(stream, "{first}ETag: {tag}\r\nContent-Length: {}\r\n\r\n", rest.len());
    let _ = stream.write_all(&rest[..rest.len().min(most)]);
}
