//! Switches that lie: nonsense, tables without end and in circles, silence, answers from elsewhere and to other questions.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use piprov::bridge::{Error, Snmp, read};
use piprov::stop::Stop;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::station::Station;

const ADDRESS_PORT: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2];
const PORT_INTERFACE: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2];
const INTERFACE_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];

/// A member of a message: its kind, its length, what is in it.
fn member(kind: u8, inside: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
    [&[kind, 0x82], &length[..], inside].concat()
}

fn integer(number: i32) -> Vec<u8> {
    member(2, &number.to_be_bytes())
}

fn name(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(numbers[0] * 40 + numbers[1]).unwrap()];
    for number in &numbers[2..] {
        let septets =
            (0..5).rev().map(|at| (number >> (7 * at) & 0x7f) as u8).skip_while(|septet| *septet == 0);
        let mut septets: Vec<_> = septets.collect();
        if septets.is_empty() {
            septets.push(0);
        }
        let last = septets.len() - 1;
        bytes.extend(
            septets.iter().enumerate().map(|(at, septet)| if at == last { *septet } else { septet | 0x80 }),
        );
    }
    member(6, &bytes)
}

/// A response to a question, with these rows: names, each with its value as a member.
fn response(request: i32, rows: &[(Vec<u32>, Vec<u8>)]) -> Vec<u8> {
    let rows: Vec<u8> =
        rows.iter().flat_map(|(of, value)| member(0x30, &[name(of), value.clone()].concat())).collect();
    let told = [integer(request), integer(0), integer(0), member(0x30, &rows)].concat();
    member(0x30, &[integer(1), member(4, b"reader"), member(0xa2, &told)].concat())
}

/// A question as it comes: its number, and behind which name.
struct Question {
    request: i32,
    behind: Vec<u32>,
}

/// The next member: its kind, what is in it, and the rest.
fn take(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, from) = match bytes[1] {
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        length => (usize::from(length), 2),
    };
    (bytes[0], &bytes[from..from + length], &bytes[from + length..])
}

fn question(bytes: &[u8]) -> Question {
    let (_, whole, _) = take(bytes);
    let (_, version, rest) = take(whole);
    let (_, community, rest) = take(rest);
    let (kind, asked, _) = take(rest);
    // Version 2c, and a question alone: nobody is told to change anything.
    assert_eq!((version, community, kind), (&[1][..], &b"reader"[..], 0xa5));
    let (_, request, rest) = take(asked);
    let request = request.iter().fold(0_i32, |number, byte| number << 8 | i32::from(*byte));
    let (_, rows, _) = {
        let (_, _, rest) = take(rest);
        let (_, _, rest) = take(rest);
        take(rest)
    };
    let (_, row, _) = take(rows);
    let (_, of, _) = take(row);
    let mut behind = vec![u32::from(of[0]) / 40, u32::from(of[0]) % 40];
    let mut number = 0_u32;
    for byte in &of[1..] {
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            behind.push(number);
            number = 0;
        }
    }
    Question { request, behind }
}

/// A switch that does this with each question.
fn switch(mut answer: impl FnMut(&UdpSocket, SocketAddr, &Question) + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 2048];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            answer(&socket, from, &question(&bytes[..length]));
        }
    });
    at
}

/// What becomes of asking it, and how long that takes.
fn asked(at: SocketAddr) -> (Result<usize, Error>, Duration) {
    let (began, stop) = (Instant::now(), Stop::new().unwrap());
    let told = read(&mut Snmp::open(at, "reader", &stop).unwrap());
    (told.map(|table| table.addresses()), began.elapsed())
}

fn send(socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
    socket.send_to(bytes, to).unwrap();
}

/// A row at which nothing else of a column stands.
fn end(column: &[u32]) -> (Vec<u32>, Vec<u8>) {
    ([column, &[1]].concat(), vec![0x82, 0])
}

#[test]
fn nonsense_silence_and_answers_that_belong_elsewhere_are_told_and_end() {
    let nonsense = switch(|socket, to, _| send(socket, to, b"\x30\x84\xff\xff\xff\xff\x02"));
    let (told, took) = asked(nonsense);
    assert!(matches!(told, Err(Error::NoAnswer { why: "it is no message of SNMP", .. })), "{told:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");

    let silent = switch(|_, _, _| {});
    let (told, took) = asked(silent);
    assert!(
        matches!(told, Err(Error::Silent { tries: 3, .. })) && took < Duration::from_secs(15),
        "{told:?} {took:?}"
    );

    // Right in each word, but from another port: who only hears the questions can't answer them.
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (told, _) = asked(switch(move |_, to, question| {
        let row = ([ADDRESS_PORT, &[2, 0, 0, 0, 0, 1]].concat(), integer(1));
        send(&elsewhere, to, &response(question.request, &[row]));
    }));
    assert!(matches!(told, Err(Error::Silent { .. })), "{told:?}");

    let (told, _) = asked(switch(|socket, to, question| {
        send(socket, to, &response(question.request ^ 1, &[end(&question.behind)]));
    }));
    assert!(matches!(told, Err(Error::NoAnswer { why: "it answers another question", .. })), "{told:?}");

    // A flood of them, each time: it is left after some.
    let (told, took) = asked(switch(|socket, to, question| {
        for n in 0..500 {
            send(socket, to, &response(question.request.wrapping_add(n + 1), &[]));
        }
    }));
    assert!(
        matches!(told, Err(Error::NoAnswer { .. })) && took < Duration::from_secs(15),
        "{told:?} {took:?}"
    );

    // Nothing in it.
    let (told, _) = asked(switch(|socket, to, question| send(socket, to, &response(question.request, &[]))));
    assert!(told.unwrap_err().to_string().contains("has nothing in it"));
}

#[test]
fn a_right_answer_among_wrong_ones_counts() {
    let at = switch(|socket, to, question| {
        send(socket, to, b"x");
        send(socket, to, &response(question.request.wrapping_sub(1), &[end(&question.behind)]));
        send(socket, to, &response(question.request, &[end(&question.behind)]));
    });
    assert_eq!(asked(at).0.unwrap(), 0);
}

#[test]
fn tables_in_circles_without_end_and_of_other_kinds_are_left() {
    let (told, _) = asked(switch(|socket, to, question| {
        let rows = [3, 2].map(|last| ([ADDRESS_PORT, &[2, 0, 0, 0, 0, last]].concat(), integer(1)));
        send(socket, to, &response(question.request, &rows));
    }));
    assert!(told.unwrap_err().to_string().contains("goes in circles"));

    // Each answer grows, and there is always another one.
    let began = Instant::now();
    let (told, took) = asked(switch(|socket, to, question| {
        let mut next = question.behind.clone();
        if next == ADDRESS_PORT {
            next.extend([2, 0, 0, 0, 0, 0]);
        }
        let rows: Vec<_> = (0..40)
            .map(|_| {
                let last = next.len() - 1;
                next[last] += 1;
                (next.clone(), integer(1))
            })
            .collect();
        send(socket, to, &response(question.request, &rows));
    }));
    let why = told.unwrap_err().to_string();
    assert!(why.contains("more than 16384 rows") || why.contains("within 20 s"), "{why}");
    assert!(took < Duration::from_secs(60) && began.elapsed() < Duration::from_secs(60), "{took:?}");

    for (row, said) in [
        (([ADDRESS_PORT, &[2, 0, 0, 0, 0, 1]].concat(), member(4, b"1")), "is to be a number"),
        (([ADDRESS_PORT, &[2, 0, 0, 0, 1]].concat(), integer(1)), "six numbers of an address"),
        (([ADDRESS_PORT, &[300, 0, 0, 0, 0, 1]].concat(), integer(1)), "six numbers of an address"),
        ((vec![1; 200], integer(1)), "more than 128 numbers"),
    ] {
        let row = row.clone();
        let (told, _) = asked(switch(move |socket, to, question| {
            let next = if question.behind == ADDRESS_PORT { row.clone() } else { end(&[1, 3, 7]) };
            send(socket, to, &response(question.request, &[next]));
        }));
        let why = told.unwrap_err().to_string();
        assert!(why.contains(said), "{why}");
    }
}

#[test]
fn one_that_tells_a_row_a_second_is_left_after_a_while() {
    let (told, took) = asked(switch(|socket, to, question| {
        std::thread::park_timeout(Duration::from_millis(900));
        let mut next = question.behind.clone();
        if next == ADDRESS_PORT {
            next.extend([2, 0, 0, 0, 0, 0]);
        }
        *next.last_mut().unwrap() += 1;
        send(socket, to, &response(question.request, &[(next, integer(1))]));
    }));
    let is_late = matches!(told, Err(Error::Slow { .. } | Error::Silent { .. } | Error::NoAnswer { .. }));
    assert!(is_late && took < Duration::from_secs(60), "{told:?} {took:?}");
}

#[test]
fn who_asks_is_let_go_at_once() {
    let at = switch(|_, _, _| {});
    let stop = Stop::new().unwrap();
    let end = stop.clone();
    let thread = std::thread::spawn(move || read(&mut Snmp::open(at, "reader", &stop).unwrap()));
    std::thread::park_timeout(Duration::from_millis(200));
    let began = Instant::now();
    end.set();
    assert!(matches!(thread.join().unwrap(), Err(Error::Interrupted)));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_a_switch_calls_its_ports_is_a_text_wherever_it_stands_and_moves_no_board_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("piprov.toml");
    std::fs::write(&file, "[station]\nhooks-local = true\n").unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open", "--config", file.to_str().unwrap()]);
    let ada = Browser::first(&station);
    let at = switch(|socket, to, question| {
        let rows = [
            ([PORT_INTERFACE, &[1]].concat(), integer(7)),
            ([ADDRESS_PORT, &[2, 0, 0, 0, 0, 1]].concat(), integer(1)),
            ([INTERFACE_NAME, &[7]].concat(), member(4, b"\x1b[2J<script>alert(1)</script>\n/../..\xff")),
            (vec![1, 3, 6, 1, 9, 9], vec![0x82, 0]),
        ];
        let next = rows.iter().find(|(name, _)| *name > question.behind).cloned();
        let next = next.unwrap_or_else(|| end(&question.behind));
        send(socket, to, &response(question.request, &[next]));
    });
    let new = json!({"address": at.to_string(), "community": "reader"});
    station.admin("PUT", "/api/v1/switches/odd", Some(&new)).ok();
    let until = Instant::now() + Duration::from_secs(60);
    let ports = loop {
        let answer = station.admin("GET", "/api/v1/switches/odd/ports", None);
        assert!(!answer.body.contains(&0x1b));
        let ports: Value = answer.ok();
        if ports["items"][0].is_object() {
            break ports;
        }
        assert!(Instant::now() < until, "{}", station.admin("GET", "/api/v1/switches", None).ok());
        std::thread::park_timeout(Duration::from_millis(50));
    };
    let port = ports["items"][0]["port"].as_str().unwrap();
    assert!(port.starts_with("[2J<script>") && !port.chars().any(char::is_control), "{port:?}");
    for page in ["/switches/odd", "/slots", "/"] {
        let page = ada.page(page);
        assert!(!page.contains("<script>alert") && !page.contains('\u{1b}'), "{page}");
    }
    // An address of nobody makes no board.
    assert_eq!(station.admin("GET", "/api/v1/boards", None).ok()["items"], json!([]));
    // Whoever reads boards and switches reads no community.
    let all = station.admin("GET", "/api/v1/switches", None).body;
    assert!(!String::from_utf8_lossy(&all).contains("reader"));
    let token = station.token("op", "operator");
    assert_eq!(station.call("PUT", "/api/v1/switches/odd", Some(&token), Some(&new)).status, 403);
    assert_eq!(station.call("DELETE", "/api/v1/switches/odd", Some(&token), None).status, 403);
}
