//! The HTTP client against servers that cut, lie, stall and send elsewhere.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use piprov::http::{Client, Error, Limits, Origin, Pauses, Resuming, Step, Tell, Trust, Url};
use piprov::stop::Stop;

use crate::http_server::{content, head, header, part, server};

fn quick() -> Limits {
    let second = Duration::from_secs(1);
    Limits { connect: 5 * second, stall: 5 * second, answer: 5 * second, whole: None }
}

fn client(address: &str, limits: Limits, stop: &Stop) -> Client {
    Client::new(address.parse().unwrap(), Trust::System, limits, stop).unwrap()
}

fn pauses(tries: u32) -> Pauses {
    Pauses::new(Duration::from_millis(1), Duration::from_millis(2), tries)
}

/// Nobody is told.
fn quiet() -> Tell {
    Box::new(|_, _| {})
}

#[test]
fn a_file_comes_whole_wherever_the_connection_is_cut() {
    let all = content(300_000);
    let served = all.clone();
    // Cuts at the first byte, inside, at what may be a boundary, and before anything.
    let cuts = [1, 0, 65_536, 4095, 0, 70_000, 1, usize::MAX];
    let (address, asked) = server(move |number, asked, stream| {
        part(stream, asked, &served, "\"v1\"", cuts[number.min(cuts.len() - 1)]);
    });
    let stop = Stop::new().unwrap();
    let url: Url = format!("{address}/a.img").parse().unwrap();
    let mut file = Resuming::open(&url, Trust::System, quick(), pauses(10), &stop, quiet()).unwrap();
    assert_eq!(file.len(), Some(300_000));
    let mut got = Vec::new();
    file.read_to_end(&mut got).unwrap();
    assert!(got == all, "{} bytes came", got.len());
    assert_eq!(file.broken(), 7);
    drop(file);
    let ranges: Vec<_> = asked
        .try_iter()
        .map(|asked| {
            let range = header(&asked, "range").map(str::to_owned);
            assert_eq!(header(&asked, "if-range").is_some(), range.is_some());
            range.unwrap_or_default()
        })
        .collect();
    assert_eq!(ranges[..4], ["", "bytes=1-", "bytes=1-", "bytes=65537-"]);
}

#[test]
fn another_version_behind_a_cut_is_an_error_and_no_byte_of_it_is_given_out() {
    let (one, other) = (content(100_000), vec![0xff; 100_000]);
    let before = one.clone();
    let (address, _asked) = server(move |number, asked, stream| match number {
        0 => part(stream, asked, &one, "\"v1\"", 50_000),
        // As RFC 9110 wants it where If-Range doesn't hold: the whole of the new one.
        _ => part(stream, &Vec::new(), &other, "\"v2\"", usize::MAX),
    });
    let stop = Stop::new().unwrap();
    let mut file = Resuming::of(&client(&address, quick(), &stop), "/a", pauses(10), quiet()).unwrap();
    let mut got = Vec::new();
    let error = file.read_to_end(&mut got).unwrap_err();
    assert!(matches!(Error::of_io(&error), Some(Error::Changed { .. })), "{error}");
    assert!(got == before[..50_000]);
}

#[test]
fn without_ranges_it_starts_anew_only_where_nothing_was_given_out() {
    for (cut, whole) in [(0, true), (10, false)] {
        let all = content(1000);
        let served = all.clone();
        let (address, _asked) = server(move |number, _, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
            let _ = stream.write_all(&served[..if number == 0 { cut } else { 1000 }]);
        });
        let stop = Stop::new().unwrap();
        let mut file = Resuming::of(&client(&address, quick(), &stop), "/a", pauses(10), quiet()).unwrap();
        let mut got = Vec::new();
        let read = file.read_to_end(&mut got);
        assert_eq!(read.is_ok(), whole, "{read:?}");
        assert!(got == all[..if whole { 1000 } else { 10 }]);
    }
}

#[test]
fn a_server_that_gives_a_byte_at_a_time_is_not_asked_for_ever() {
    let all = content(100_000);
    let (address, asked) = server(move |_, asked, stream| part(stream, asked, &all, "\"v1\"", 1));
    let stop = Stop::new().unwrap();
    let mut file = Resuming::of(&client(&address, quick(), &stop), "/a", pauses(10), quiet()).unwrap();
    assert!(file.read_to_end(&mut Vec::new()).is_err());
    drop(file);
    assert_eq!(asked.try_iter().count(), 11);
}

#[test]
fn what_is_refused_is_asked_once_and_what_may_pass_again() {
    for (status, times) in
        [("404 Not Found", 1), ("401 No", 1), ("400 No", 1), ("503 Later", 4), ("429 Slower", 4)]
    {
        let (address, asked) = server(move |_, _, stream| {
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        let stop = Stop::new().unwrap();
        let error = Resuming::of(&client(&address, quick(), &stop), "/a", pauses(3), quiet()).unwrap_err();
        assert_eq!(error.status(), status[..3].parse().ok());
        assert_eq!(asked.try_iter().count(), times, "{status}");
    }
}

#[test]
fn what_never_came_is_given_up_sooner_than_what_has_begun_and_each_try_is_told() {
    let told = || {
        let (sender, told) = channel();
        let tell: Tell = Box::new(move |error, _| sender.send(error.to_string()).unwrap());
        (tell, told)
    };
    let stop = Stop::new().unwrap();
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let (tell, lines) = told();
    let error =
        Resuming::of(&client(&nobody, quick(), &stop), "/a", pauses(9).at_first(2), tell).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let lines: Vec<_> = lines.iter().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("refused")), "{lines:?}");
    // One that gives nothing, after it has begun, is asked as often as was said.
    let all = content(100);
    let (address, asked) = server(move |_, asked, stream| part(stream, asked, &all, "\"v1\"", 0));
    let (tell, lines) = told();
    let pauses = pauses(9).at_first(2);
    let mut file = Resuming::of(&client(&address, quick(), &stop), "/a", pauses, tell).unwrap();
    assert!(file.read_to_end(&mut Vec::new()).is_err());
    drop(file);
    assert_eq!((asked.try_iter().count(), lines.iter().count()), (10, 9));
}

#[test]
fn a_token_does_not_go_along_to_another_server_and_nothing_leads_to_a_file() {
    let (other, asked_other) = server(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let (address, asked) = server(move |_, asked, stream| {
        let to = match asked[0].split(' ').nth(1).unwrap() {
            "/there" => "/here".to_owned(),
            "/here" => format!("{other}/x"),
            "/file" => "file:///etc/passwd".to_owned(),
            "/socket" => "unix:/run/piprov/station.sock".to_owned(),
            _ => "/loop".to_owned(),
        };
        let _ = write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    });
    let stop = Stop::new().unwrap();
    let client = client(&address, quick(), &stop).with_token("s3cret").unwrap();
    let mut got = String::new();
    Resuming::of(&client, "/there", pauses(0), quiet()).unwrap().read_to_string(&mut got).unwrap();
    assert_eq!(got, "ok");
    let told: Vec<_> = asked.try_iter().collect();
    assert!(
        told.len() == 2 && told.iter().all(|asked| header(asked, "authorization") == Some("Bearer s3cret"))
    );
    assert_eq!(header(&asked_other.recv().unwrap(), "authorization"), None);
    for path in ["/file", "/socket", "/loop"] {
        let error = Resuming::of(&client, path, pauses(3), quiet()).unwrap_err();
        assert!(matches!(error, Error::Elsewhere { .. }), "{path}: {error}");
        assert!(!error.to_string().contains("s3cret") && !format!("{client:?}").contains("s3cret"));
    }
    // A call of the interface goes nowhere else.
    assert!(matches!(client.get("/there").send(), Err(Error::Elsewhere { .. })));
}

#[test]
fn a_redirection_leads_to_no_address_that_the_client_may_not_go_to() {
    let secret = TcpListener::bind("127.0.0.2:0").unwrap();
    secret.set_nonblocking(true).unwrap();
    let to = format!("http://{}/secret", secret.local_addr().unwrap());
    let sends_to = |to: String| {
        server(move |_, _, stream| {
            let _ = write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        })
    };
    // By way of another server that is allowed: the rule stays with each next client.
    let (between, asked_between) = sends_to(to);
    let (first, _asked) = sends_to(format!("{between}/x"));
    let stop = Stop::new().unwrap();
    let may = |ip: std::net::IpAddr| ip != std::net::Ipv4Addr::new(127, 0, 0, 2);
    let client = Client::new_within(first.parse().unwrap(), Trust::System, quick(), &stop, may).unwrap();
    let error = Resuming::of(&client, "/a", pauses(0), quiet()).unwrap_err();
    assert_eq!(asked_between.try_iter().count(), 1, "{error}");
    let came = secret.accept().map_err(|error| error.kind());
    assert!(matches!(came, Err(std::io::ErrorKind::WouldBlock)), "it was connected to: {came:?}, {error}");
}

#[test]
fn lies_about_the_length_are_seen() {
    let (address, _asked) = server(|number, _, stream| {
        let (len, close) = [(10, true), (1, false)][number.min(1)];
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n[1,2]");
        if !close {
            std::thread::park_timeout(Duration::from_millis(200));
        }
    });
    let stop = Stop::new().unwrap();
    let client = client(&address, quick(), &stop);
    assert!(matches!(
        client.get("/").send().unwrap().bytes(100),
        Err(Error::Broken { step: Step::Body, .. })
    ));
    assert_eq!(client.get("/").send().unwrap().bytes(100).unwrap(), b"[", "no more than was said");
}

#[test]
fn endless_headers_bodies_and_waits_end() {
    let (address, _asked) = server(|_, asked, stream| match asked[0].split(' ').nth(1).unwrap() {
        "/headers" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"X-More: yes, and more of it\r\n").is_ok() {}
        }
        "/body" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'['; 4096]).is_ok() {}
        }
        "/drip" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
            // Slow, but never silent.
            while stream.write_all(b"x").is_ok() {
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
        _ => std::thread::park_timeout(Duration::from_secs(2)),
    });
    let stop = Stop::new().unwrap();
    let limits = Limits { stall: Duration::from_millis(300), answer: Duration::from_millis(600), ..quick() };
    let client = client(&address, limits, &stop);
    assert!(matches!(client.get("/headers").send(), Err(Error::Odd { .. })));
    assert!(matches!(client.get("/body").send().unwrap().bytes(1 << 20), Err(Error::TooLong { .. })));
    let error = client.get("/drip").send().unwrap_err();
    assert!(matches!(error, Error::Slow { step: Step::Answer, .. }), "{error}");
    let error = client.post("/silent").send().unwrap_err();
    assert!(matches!(error, Error::Slow { .. }), "{error}");
}

#[test]
fn a_stop_ends_a_call_that_hangs() {
    let (address, asked) = server(|_, _, _| std::thread::park_timeout(Duration::from_secs(60)));
    let stop = Stop::new().unwrap();
    let client = client(&address, Limits::default(), &stop);
    let waiter = std::thread::spawn(move || client.get("/").send());
    asked.recv().unwrap();
    let began = Instant::now();
    stop.set();
    assert!(matches!(waiter.join().unwrap(), Err(Error::Stopped)));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_a_server_says_before_it_hangs_up_on_an_upload_is_heard() {
    let (address, _asked) = server(|_, asked, stream| {
        assert_eq!(header(asked, "expect"), Some("100-continue"));
        // It says yes, and then that the disk is full, long before the end.
        let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        let mut some = [0; 100_000];
        let _ = stream.read_exact(&mut some);
        let body = r#"{"title":"Full","status":507,"detail":"the disk is full","kind":"cant-create"}"#;
        // In one go, as servers do: what is held back for more is lost when it hangs up.
        let head = "HTTP/1.1 507 Full\r\nContent-Type: application/problem+json\r\n";
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(answer.as_bytes());
    });
    let stop = Stop::new().unwrap();
    let client = client(&address, quick(), &stop);
    let error =
        client.put("/a").send_stream(&mut std::io::repeat(7).take(1 << 30), Some(1 << 30)).unwrap_err();
    assert_eq!((error.status(), error.to_string().as_str()), (Some(507), "the disk is full"));
}

#[test]
fn an_upload_that_is_not_wanted_is_not_sent_and_one_that_is_too_short_is_an_error() {
    let (address, _asked) = server(|number, _, stream| match number {
        0 => {
            let _ = stream.write_all(b"HTTP/1.1 409 Taken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        _ => {
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            let _ = std::io::copy(stream, &mut std::io::sink());
        }
    });
    struct Never;
    impl Read for Never {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("it was read")
        }
    }
    let stop = Stop::new().unwrap();
    let client = client(&address, quick(), &stop);
    assert_eq!(client.put("/a").send_stream(&mut Never, Some(10)).unwrap_err().status(), Some(409));
    let error = client.put("/a").send_stream(&mut &b"four"[..], Some(10)).unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
}

#[test]
fn a_unix_socket_is_spoken_to_and_its_connection_is_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        (0..3)
            .map(|_| {
                let head = head(&stream);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue").unwrap();
                head
            })
            .collect::<Vec<_>>()
    });
    let stop = Stop::new().unwrap();
    let client = Client::new(Origin::Unix(path), Trust::System, quick(), &stop).unwrap();
    for _ in 0..3 {
        assert!(client.get("/a b").query("x", "ä&y").send().unwrap().json::<bool>().unwrap());
    }
    let asked = serving.join().unwrap();
    assert_eq!(asked[2][0], "GET /a%20b?x=%C3%A4%26y HTTP/1.1");
    assert_eq!(header(&asked[0], "host"), Some("localhost"));
}

#[test]
fn a_connection_that_the_server_closed_meanwhile_is_made_anew() {
    let (address, asked) = server(|_, _, stream| {
        // It says nothing of closing, and closes.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    });
    let stop = Stop::new().unwrap();
    let client = client(&address, quick(), &stop);
    for _ in 0..3 {
        assert_eq!(client.get("/").send().unwrap().json::<u8>().unwrap(), 1);
    }
    assert_eq!(asked.try_iter().count(), 3);
}

#[test]
fn what_speaks_no_http_and_what_is_not_there_is_told_with_its_name() {
    let (address, _asked) = server(|_, _, stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n");
    });
    let stop = Stop::new().unwrap();
    let error = client(&address, quick(), &stop).get("/x?key=hunter2").send().unwrap_err();
    assert!(matches!(error, Error::Odd { .. }) && !error.to_string().contains("hunter2"), "{error}");
    let error = client("http://127.0.0.1:1", quick(), &stop).get("/").send().unwrap_err();
    assert!(matches!(error, Error::Connect { .. }) && error.to_string().contains("127.0.0.1:1"), "{error}");
    let tls = address.replace("http:", "https:");
    let error = client(&tls, quick(), &stop).get("/").send().unwrap_err();
    assert!(matches!(error, Error::NotTls { .. }), "{error}");
}

#[test]
fn a_request_of_somebody_else_goes_out_as_it_was_signed_and_any_status_is_an_answer() {
    use ureq::http::Request;
    let (address, asked) = server(|number, asked, stream| {
        let body = vec![b'x'; if number == 3 { 100_000 } else { 10 }];
        let _ = write!(stream, "HTTP/1.1 {} x\r\n", if number == 1 { 403 } else { 200 });
        let _ = write!(stream, "ETag: \"a\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        if !asked[0].starts_with("HEAD") {
            let _ = stream.write_all(&body);
        }
    });
    let stop = Stop::new().unwrap();
    let client = client(&address, quick(), &stop).with_token("not-for-them").unwrap();
    // It goes to the client's own server, whatever stands there.
    let uri = "http://elsewhere.example/b/a%2Bb//c?list-type=2&prefix=%2F";
    let request = |method: &str| Request::builder().method(method).uri(uri).header("x-amz-date", "d");
    let put =
        request("PUT").header("authorization", "AWS4 x").header("content-length", 3).body(b"abc".to_vec());
    let answer = client.exchange(&put.unwrap(), 1000).unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 10));
    assert_eq!(answer.headers()["etag"], "\"a\"");
    let answer = client.exchange(&request("GET").body(Vec::new()).unwrap(), 1000).unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (403, 10));
    let answer = client.exchange(&request("HEAD").body(Vec::new()).unwrap(), 1000).unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
    let error = client.exchange(&request("GET").body(Vec::new()).unwrap(), 1000).unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 1000, .. }), "{error}");
    assert!(!error.to_string().contains("prefix"), "what stands behind the path isn't told: {error}");
    let asked: Vec<_> = asked.try_iter().collect();
    assert_eq!(asked[0][0], "PUT /b/a%2Bb//c?list-type=2&prefix=%2F HTTP/1.1");
    assert_eq!(header(&asked[0], "authorization"), Some("AWS4 x"));
    assert_eq!(header(&asked[0], "host"), address.strip_prefix("http://"));
    for asked in &asked[1..] {
        assert_eq!((header(asked, "authorization"), header(asked, "x-amz-date")), (None, Some("d")));
    }
    stop.set();
    assert!(matches!(client.exchange(&request("GET").body(Vec::new()).unwrap(), 10), Err(Error::Stopped)));
}
