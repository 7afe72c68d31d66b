use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Instant;

use super::*;
use crate::stop::Stop;

fn stop() -> Stop {
    Stop::new().unwrap()
}

/// Somebody who takes one connection.
fn taking<T: Send + 'static>(take: impl FnOnce(TcpStream) -> T + Send + 'static) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, std::thread::spawn(move || take(listener.accept().unwrap().0)))
}

/// It may begin.
fn go() -> impl FnMut() -> Result<(), String> {
    || Ok(())
}

fn server(port: u16) -> Server<'static> {
    Server { host: "127.0.0.1", port, may: |_| true }
}

#[test]
fn a_printer_gets_all_bytes_as_they_are() {
    let (port, printer) = taking(|mut stream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let bytes: Vec<u8> = (0..200_000u32).map(|n| n.to_le_bytes()[0]).collect();
    tcp(server(port), &bytes, &mut go(), &stop()).unwrap();
    assert!(printer.join().unwrap() == bytes);
}

#[test]
fn a_printer_that_is_off_has_printed_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = tcp(server(port), b"x", &mut go(), &stop()).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }) && !error.perhaps_printed(), "{error}");
    let not = Server { may: |_| false, ..server(port) };
    let error = tcp(not, b"x", &mut go(), &stop()).unwrap_err();
    assert!(error.to_string().contains("isn't to be asked from here") && !error.perhaps_printed(), "{error}");
    let flag = stop();
    flag.set();
    let error = tcp(server(port), b"x", &mut go(), &flag).unwrap_err();
    assert!(!error.perhaps_printed(), "{error}");
}

#[test]
fn a_printer_that_hangs_up_in_the_middle_has_perhaps_printed() {
    let (port, printer) = taking(|mut stream| {
        let mut some = [0; 1000];
        stream.read_exact(&mut some).unwrap();
        // What came and wasn't read makes the system say that it was thrown away.
        drop(stream);
    });
    let error = tcp(server(port), &vec![7; 8 << 20], &mut go(), &stop()).unwrap_err();
    printer.join().unwrap();
    let Error::Broke { sent, of, .. } = &error else { panic!("{error}") };
    assert!(*sent > 0 && *of == 8 << 20 && error.perhaps_printed(), "{error}");
}

#[test]
fn one_that_holds_less_than_the_label_and_is_stuck_has_not_taken_it() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 2048).unwrap();
    let port = listener.local_addr().unwrap().port();
    let printer = std::thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let _ = wait.recv();
        drop(stream);
    });
    let flag = stop();
    let setting = flag.clone();
    let other = std::thread::spawn(move || {
        let _ = Stop::new().unwrap().wait(std::time::Duration::from_millis(500));
        setting.set();
    });
    // So few bytes the system takes at once.
    let error = tcp(server(port), &vec![7; 18 << 10], &mut go(), &flag).unwrap_err();
    let Error::Broke { sent, of, .. } = &error else { panic!("{error}") };
    assert!(*sent < *of && error.perhaps_printed(), "{error}");
    drop(done);
    printer.join().unwrap();
    other.join().unwrap();
}

#[test]
fn one_that_takes_nothing_more_is_let_go_when_the_flag_is_set() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (port, printer) = taking(move |stream| {
        let _ = wait.recv();
        drop(stream);
    });
    let flag = stop();
    let setting = flag.clone();
    let other = std::thread::spawn(move || {
        let _ = Stop::new().unwrap().wait(std::time::Duration::from_millis(500));
        setting.set();
    });
    let begun = Instant::now();
    let error = tcp(server(port), &vec![7; 64 << 20], &mut go(), &flag).unwrap_err();
    assert!(begun.elapsed() < STALL && error.perhaps_printed(), "{error}");
    drop(done);
    printer.join().unwrap();
    other.join().unwrap();
}

/// A port, and what a server there was told and got.
type Serving = (u16, JoinHandle<(Vec<String>, Vec<u8>)>);

/// An FTP server of a few lines: answers by the words of commands. What it was told, and the file.
fn ftp_server(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Serving {
    taking(move |mut stream| {
        let data = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = data.local_addr().unwrap().port();
        let (mut told, mut file) = (Vec::new(), Vec::new());
        write!(stream, "220-Hello\r\n it has lines\r\n220 ready\r\n").unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        for line in reader.lines() {
            let Ok(line) = line else { break };
            told.push(line.clone());
            let word = line.split(' ').next().unwrap();
            let said = answer(word).unwrap_or_else(|| {
                match word {
                    "USER" => "331 password?",
                    "PASS" | "TYPE" => "230 well",
                    "CWD" => "250 there",
                    "EPSV" => return format!("229 here (|||{port}|)"),
                    "STOR" => "150 go on",
                    "SIZE" => "500 what?",
                    "RNFR" => "350 to what?",
                    "RNTO" => "250 named",
                    "QUIT" => "221 bye",
                    _ => "502 no",
                }
                .to_owned()
            });
            if said == "hang up" {
                break;
            }
            let stores = word == "STOR" && said.starts_with('1');
            if stream.write_all(said.replace("PORT", &port.to_string()).as_bytes()).is_err()
                || stream.write_all(b"\r\n").is_err()
            {
                break;
            }
            if stores {
                data.accept().unwrap().0.read_to_end(&mut file).unwrap();
                let end = answer("stored").unwrap_or_else(|| "226 stored".to_owned());
                if end == "hang up" {
                    break;
                }
                let _ = write!(stream, "{end}\r\n");
            }
        }
        (told, file)
    })
}

fn place(port: u16, rename: bool) -> FtpPlace<'static> {
    FtpPlace {
        server: server(port),
        user: "lab",
        password: "pw",
        directory: "in",
        name: "label-1.prn",
        rename,
    }
}

#[test]
fn a_file_goes_by_ftp_and_gets_its_name_when_it_is_whole() {
    let (port, one) = ftp_server(|_| None);
    ftp(place(port, true), b"a\r\nb\n\0", &mut go(), &stop()).unwrap();
    let (told, file) = one.join().unwrap();
    assert_eq!(file, b"a\r\nb\n\0");
    let part = "label-1.prn.part";
    let wanted = [
        "USER lab".to_owned(),
        "PASS pw".into(),
        "TYPE I".into(),
        "CWD in".into(),
        "EPSV".into(),
        format!("STOR {part}"),
        format!("SIZE {part}"),
        format!("RNFR {part}"),
        "RNTO label-1.prn".into(),
    ];
    assert_eq!(told[..wanted.len()], wanted);
}

#[test]
fn what_an_ftp_server_may_do_has_an_end_and_a_reason() {
    let says =
        |of: &'static str, said: &'static str| ftp_server(move |word| (word == of).then(|| said.to_owned()));
    for (of, said, why, perhaps) in [
        ("PASS", "530 no", "signing in: the server says: 530 no", false),
        ("CWD", "550 no such", "going into its directory: the server says: 550 no such", false),
        ("STOR", "452 disk full", "storing the label: the server says: 452 disk full", false),
        ("stored", "552 disk full", "storing the label: the server says: 552 disk full", false),
        ("stored", "452 no room", "storing the label: the server says: 452 no room", false),
        ("stored", "350 what else?", "storing the label: the file is on the server, but it says: 350", true),
        ("stored", "hang up", "storing the label: the file is on the server, but it says: nothing", true),
        ("SIZE", "213 5", "the file has 5 bytes, not 3", true),
        ("TYPE", "hang up", "asking for plain bytes: the server says: nothing", false),
        ("USER", "HTTP/1.1 400", "signing in: this is no FTP server", false),
    ] {
        let (port, one) = says(of, said);
        let error = ftp(place(port, false), b"abc", &mut go(), &stop()).unwrap_err();
        assert!(error.to_string().contains(why), "{of} {said}: {error}");
        assert_eq!(error.perhaps_printed(), perhaps, "{error}");
        drop(one.join());
    }
    // Under another name nothing is printed until it has its own.
    for (of, perhaps) in [("stored", false), ("RNFR", false), ("RNTO", true)] {
        let (port, one) = says(of, "hang up");
        let error = ftp(place(port, true), b"abc", &mut go(), &stop()).unwrap_err();
        assert_eq!(error.perhaps_printed(), perhaps, "{of}: {error}");
        drop(one.join());
    }
}

#[test]
fn a_server_that_names_another_host_gets_the_file_itself() {
    // 192.0.2.1 is nobody's; the port is right.
    let (port, one) = ftp_server(|word| match word {
        "EPSV" => Some("500 what?".to_owned()),
        _ => None,
    });
    // PASV is answered with 502 there: it has no other way.
    let error = ftp(place(port, false), b"abc", &mut go(), &stop()).unwrap_err();
    assert!(error.to_string().contains("asking where the file goes"), "{error}");
    drop(one.join());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
    let (port, one) = ftp_server(move |word| match word {
        "EPSV" => Some("500 what?".to_owned()),
        "PASV" => Some(format!("227 here (192,0,2,1,{high},{low})")),
        "STOR" => Some("550 seen".to_owned()),
        _ => None,
    });
    let error = ftp(place(port, false), b"abc", &mut go(), &stop()).unwrap_err();
    assert!(error.to_string().contains("550 seen"), "the connection was made here: {error}");
    listener.accept().unwrap();
    drop(one.join());
}

#[test]
fn a_name_with_a_line_s_end_is_no_command() {
    let (port, one) = ftp_server(|_| None);
    let evil = FtpPlace { user: "lab\r\nDELE x", ..place(port, false) };
    assert!(!ftp(evil, b"abc", &mut go(), &stop()).unwrap_err().perhaps_printed());
    let (told, _) = one.join().unwrap();
    assert!(told.is_empty(), "{told:?}");
}

fn program<'a>(arguments: &'a [String]) -> Program<'a> {
    Program { file: Path::new("/bin/sh"), arguments }
}

fn script(text: &str) -> Vec<String> {
    vec!["-c".to_owned(), text.to_owned()]
}

#[test]
fn a_program_reads_the_label_and_its_status_counts() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let arguments = script(&format!("cat > {}", out.display()));
    command(program(&arguments), b"a\0b", &mut go(), &stop()).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), b"a\0b");
    let arguments = script("echo no such queue >&2; exit 3");
    let error = command(program(&arguments), b"x", &mut go(), &stop()).unwrap_err();
    assert_eq!(error.to_string(), "/bin/sh ended with status 3: no such queue");
    assert!(!error.perhaps_printed());
    let arguments = script("kill -9 $$");
    assert!(command(program(&arguments), b"x", &mut go(), &stop()).unwrap_err().perhaps_printed());
    let nothing = Program { file: Path::new("/nosuch"), arguments: &[] };
    assert!(!command(nothing, b"x", &mut go(), &stop()).unwrap_err().perhaps_printed());
}

#[test]
fn a_file_is_there_whole_and_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "zebra", "label-1.prn", b"abc", &mut go()).unwrap();
    assert_eq!(std::fs::read(dir.path().join("zebra/label-1.prn")).unwrap(), b"abc");
    // The same once more changes nothing; another one is told.
    file(dir.path(), "zebra", "label-1.prn", b"abc", &mut go()).unwrap();
    assert!(file(dir.path(), "zebra", "label-1.prn", b"xyz", &mut go()).is_err());
    assert_eq!(std::fs::read(dir.path().join("zebra/label-1.prn")).unwrap(), b"abc");
    for (directory, name) in [("..", "x"), ("zebra", "../x"), ("zebra", ""), ("a/b", "x")] {
        assert!(file(dir.path(), directory, name, b"abc", &mut go()).is_err(), "{directory} {name}");
    }
    std::os::unix::fs::symlink("/tmp", dir.path().join("link")).unwrap();
    assert!(file(dir.path(), "link", "x", b"abc", &mut go()).is_err());
    assert!(file(Path::new("/nosuch"), "zebra", "x", b"abc", &mut go()).is_err());
}

#[test]
fn nothing_that_may_be_printed_goes_out_before_it_may_begin() {
    let no = || -> Result<(), String> { Err("nobody wants it".into()) };
    let is_withdrawn = |error: Error| {
        assert_eq!(error.to_string(), "nothing was sent: nobody wants it");
        assert!(!error.perhaps_printed());
    };
    let (port, printer) = taking(|mut stream| {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    });
    is_withdrawn(tcp(server(port), b"abc", &mut { no }, &stop()).unwrap_err());
    assert_eq!(printer.join().unwrap(), b"");
    // By FTP no file is made; with a name of its own for the time being, that one isn't given away.
    for (rename, last) in [(false, "EPSV"), (true, "SIZE label-1.prn.part")] {
        let (port, one) = ftp_server(|_| None);
        is_withdrawn(ftp(place(port, rename), b"abc", &mut { no }, &stop()).unwrap_err());
        assert_eq!(one.join().unwrap().0.last().unwrap(), last);
    }
    let dir = tempfile::tempdir().unwrap();
    let arguments = script(&format!("cat > {}", dir.path().join("out").display()));
    is_withdrawn(command(program(&arguments), b"abc", &mut { no }, &stop()).unwrap_err());
    is_withdrawn(file(dir.path(), "zebra", "label-1.prn", b"abc", &mut { no }).unwrap_err());
    assert!(!dir.path().join("out").exists() && !dir.path().join("zebra/label-1.prn").exists());
}

#[test]
fn a_server_that_takes_no_more_and_says_why_has_stored_nothing() {
    // It closes the file's connection at once, and tells the reason beside it.
    let (port, one) = taking(move |mut stream| {
        let data = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = data.local_addr().unwrap().port();
        write!(stream, "220 ready\r\n").unwrap();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let Ok(line) = line else { break };
            let said = match line.split(' ').next().unwrap() {
                "USER" => "230 well".to_owned(),
                "EPSV" => format!("229 here (|||{port}|)"),
                "STOR" => "150 go on".to_owned(),
                _ => "250 well".to_owned(),
            };
            write!(stream, "{said}\r\n").unwrap();
            if said.starts_with("150") {
                drop(data.accept().unwrap());
                write!(stream, "552 no room\r\n").unwrap();
            }
        }
    });
    let error = ftp(place(port, false), &vec![7; 32 << 20], &mut go(), &stop()).unwrap_err();
    assert_eq!(error.to_string(), "storing the label: the server says: 552 no room");
    assert!(!error.perhaps_printed());
    one.join().unwrap();
}

#[test]
fn a_printer_with_an_ipv6_address_is_told_with_brackets() {
    let server = Server { host: "::1", port: 1, may: |_| true };
    let error = tcp(server, b"x", &mut go(), &stop()).unwrap_err();
    assert!(error.to_string().starts_with("[::1]:1 can't be reached"), "{error}");
}
