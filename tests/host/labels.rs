//! Labels: printed for forty boards over a printer that is off and a station that is killed; read back by somebody else's decoder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{Browser, text};
use crate::station::Board;
use crate::station_cli::Station;
use crate::station_deploy::{Agent, bytes, until};

const BOARDS: usize = 40;
/// A label with both codes.
const TEMPLATE: &str = "size 50 25\ntext 2 1 4 {called}\nqr 30 4 19 {serial}\ndatamatrix 2 8 15 {mac}\n";

/// The programs that tests get from PyPI.
fn python() -> &'static str {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/python/bin/python");
    assert!(Path::new(program).exists(), "{program} is missing: tools/install-packages test");
    program
}

/// What zxing-cpp reads in a picture: each code's kind and text.
fn codes(picture: &Path) -> BTreeMap<String, String> {
    const READ: &str = "import sys, json, zxingcpp\nfrom PIL import Image\n\
        picture = Image.open(sys.argv[1]).convert('L')\n\
        print(json.dumps({str(one.format).split('.')[-1]: one.text for one in zxingcpp.read_barcodes(picture)}))";
    let out = Command::new(python()).args(["-c", READ]).arg(picture).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let found: BTreeMap<String, String> = serde_json::from_slice(&out.stdout).unwrap();
    found.into_iter().map(|(kind, text)| (kind.replace(['_', ' ', '-'], "").to_lowercase(), text)).collect()
}

/// A printer at a port, which can be switched off: then it closes its port.
struct Printer {
    port: u16,
    got: Arc<Mutex<Vec<Vec<u8>>>>,
    off: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Printer {
    /// One that is off.
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, got: Arc::default(), off: Arc::default(), thread: None }
    }

    fn on(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.off = Arc::default();
        let (got, off) = (Arc::clone(&self.got), Arc::clone(&self.off));
        self.thread = Some(std::thread::spawn(move || {
            while !off.load(Ordering::Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    std::thread::park_timeout(Duration::from_millis(5));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut bytes = Vec::new();
                let _ = stream.read_to_end(&mut bytes);
                got.lock().unwrap().push(bytes);
            }
        }));
    }

    fn off(&mut self) {
        self.off.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn labels(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect()
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.off.store(true, Ordering::Relaxed);
    }
}

fn local() -> Station {
    Station::with(&[("PIPROV_STATION_PRINTERS_LOCAL", OsStr::new("true"))])
}

fn add_label(station: &Station, name: &str, language: &str, text: &str) {
    fs::write(station.path(name), text).unwrap();
    station.json(&["label", "add", name, "--name", name, "--language", language]);
}

fn queue(station: &Station, state: &str) -> Vec<Value> {
    let lines = station.json(&["label", "queue", "--state", state]);
    lines.into_iter().map(|line| line["value"].clone()).collect()
}

#[test]
fn forty_boards_get_their_labels_in_order_though_the_printer_was_off_and_the_station_was_killed() {
    let mut station = local();
    let mut printer = Printer::new();
    fs::write(station.path("os.img"), bytes(1 << 20)).unwrap();
    station.json(&["image", "add", "os.img", "--name", "os"]);
    add_label(&station, "box", "zpl", "^XA^FO9,9^FD{serial} {project} {run}^FS^XZ");
    let address = format!("127.0.0.1:{}", printer.port);
    station.json(&["printer", "add", "zebra", "--tcp", &address]);
    let label = ["--label", "box", "--label-printer", "zebra", "--label-when", "done"];
    station.json(&[&["project", "add", "lab", "--image", "os", "--end", "wait"], &label[..]].concat());
    station.json(&["rule", "add", "all", "--project", "lab", "--any"]);
    let serials: Vec<_> = (0..BOARDS).map(|n| format!("1000000000cc{n:04}")).collect();
    let agents: Vec<_> = serials
        .iter()
        .map(|serial| {
            let disk = station.path(&format!("{serial}.disk"));
            fs::File::create(&disk).unwrap().set_len(4 << 20).unwrap();
            Agent::start(&station, serial, serial)
        })
        .collect();
    // All are done, and the printer is off the whole time.
    until("all labels that wait", || {
        let waiting = queue(&station, "waiting").len() + queue(&station, "printing").len();
        (waiting == BOARDS).then_some(())
    });
    assert!(printer.labels().is_empty());
    let told = station.json(&["printer", "show", "zebra"]).remove(0)["value"].clone();
    until("why it takes nothing", || {
        let told = station.json(&["printer", "show", "zebra"]).remove(0)["value"].clone();
        told["why"].as_str().is_some_and(|why| why.contains("can't be reached")).then_some(())
    });
    assert_eq!(told["waiting"], BOARDS);
    drop(agents);
    // Killed with all of them waiting: they are there still, in their order.
    let all = station.json(&["label", "queue"]);
    let before: Vec<_> = all.iter().map(|line| line["value"]["print"].clone()).collect();
    station.kill();
    station.begin();
    printer.on();
    until("some labels", || (printer.labels().len() >= 5).then_some(()));
    // Off in the middle, and the station killed beside that.
    printer.off();
    station.kill();
    station.begin();
    printer.on();
    until("the end", || {
        let left = queue(&station, "waiting").len() + queue(&station, "printing").len();
        (left == 0).then_some(())
    });
    printer.off();
    let (sent, unsure) = (queue(&station, "sent"), queue(&station, "unsure"));
    assert_eq!(sent.len() + unsure.len(), BOARDS, "{unsure:#?}");
    // One at most was on its way each of the three times that something was cut off.
    assert!(unsure.len() <= 3, "{unsure:#?}");
    let labels = printer.labels();
    let whole: Vec<_> = labels.iter().filter(|label| label.ends_with("^XZ")).collect();
    let of = |label: &str| label.split("^FD").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let mut printed: Vec<_> = whole.iter().map(|label| of(label)).collect();
    // What is said to be sent is there, and nothing is there twice.
    for print in &sent {
        let serial = print["called"].as_str().unwrap();
        assert_eq!(printed.iter().filter(|one| *one == serial).count(), 1, "{serial}");
    }
    // In the order in which they were wanted.
    let place = |serial: &str| {
        let id = sent.iter().chain(&unsure).find(|print| print["called"] == serial).unwrap()["print"].clone();
        before.len() - before.iter().position(|one| *one == id).unwrap()
    };
    let places: Vec<_> = printed.iter().map(|serial| place(serial)).collect();
    assert!(places.is_sorted(), "{places:?}");
    printed.sort();
    printed.dedup();
    assert_eq!(printed.len(), whole.len(), "a label came twice");
    assert!(whole.iter().all(|label| label.contains(" lab ")), "{:?}", whole[0]);
    // A person says of those that were cut off what became of them.
    for print in &unsure {
        let id = print["print"].as_str().unwrap();
        station.json(&["label", "cancel", id]);
    }
    assert!(queue(&station, "unsure").is_empty());
}

#[test]
fn what_is_drawn_is_read_by_another_decoder_in_each_form() {
    let station = local();
    add_label(&station, "board", "drawn", TEMPLATE);
    let picture = station.path("board.png");
    station.json(&["label", "fill", "board", "-o", "board.png"]);
    let wanted = BTreeMap::from([
        ("qrcode".to_owned(), "10000000af04b2da".to_owned()),
        ("datamatrix".to_owned(), "dc:a6:32:01:02:03".to_owned()),
    ]);
    assert_eq!(codes(&picture), wanted);
    // The same dots go out as ZPL and as EPL: put together again by somebody else, they are the same picture.
    for form in ["zpl", "epl"] {
        let file = format!("board.{form}");
        station.json(&["label", "fill", "board", "--as", form, "-o", &file]);
        const DOTS: &str = "import sys, re\nfrom PIL import Image\n\
            data = open(sys.argv[1], 'rb').read()\n\
            if data.startswith(b'^XA'):\n\
            \x20   n, m, row, digits = re.search(rb'\\^GFA,(\\d+),(\\d+),(\\d+),([0-9A-F]+)\\^FS', data).groups()\n\
            \x20   bits = bytes.fromhex(digits.decode()); row = int(row)\n\
            \x20   bits = bytes(255 - byte for byte in bits)\n\
            else:\n\
            \x20   head = re.search(rb'GW0,0,(\\d+),(\\d+),', data)\n\
            \x20   row = int(head[1]); bits = data[head.end():head.end() + row * int(head[2])]\n\
            Image.frombytes('1', (row * 8, len(bits) // row), bits).save(sys.argv[2])\n";
        let out = station.path(&format!("{form}.png"));
        let made =
            Command::new(python()).args(["-c", DOTS]).arg(station.path(&file)).arg(&out).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        assert_eq!(codes(&out), wanted, "{form}");
    }
    // A label that can't be printed isn't kept, and what is wrong is said with its line.
    fs::write(station.path("bad"), "size 50 25\nqr 1 1 5 {serial}\n").unwrap();
    let said = station.stderr(&["label", "add", "bad", "--name", "bad"], 65);
    assert!(said.contains("line 2") && said.contains("needs"), "{said}");
}

/// pyftpdlib: somebody else's FTP server.
struct Ftp(Child);

impl Drop for Ftp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn labels_go_by_ftp_by_a_program_and_as_files_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for name in ["ftp", "files"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let config = format!(
        "[station]\nprinters-local = true\nprint-dir = \"{}\"\n[[station.print-command]]\nname = \"sink\"\n\
         run = [\"/bin/sh\", \"-c\", \"cat > {}\"]\n",
        at("files"),
        at("sunk")
    );
    fs::write(dir.path().join("piprov.toml"), config).unwrap();
    let station = Station::with(&[("PIPROV_CONFIG", dir.path().join("piprov.toml").as_os_str())]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new(python());
    server.args([
        "-m",
        "pyftpdlib",
        "-i",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-w",
        "-u",
        "lab",
        "-P",
        "pw",
        "-d",
    ]);
    let server =
        server.arg(dir.path().join("ftp")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _server = Ftp(server);
    until("the server", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let secret = station.path("pw");
    fs::write(&secret, "pw\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&secret, mode).unwrap();
    let address = format!("127.0.0.1:{port}");
    let ftp = ["printer", "add", "ftp", "--ftp", &address, "--user", "lab", "--ending", "zpl", "--rename"];
    let told = station.json(&[&ftp[..], &["--password-file", "pw"]].concat());
    assert!(told[0]["value"]["password"] == true && !told[0].to_string().contains("pw\""), "{told:?}");
    station.json(&["printer", "add", "sink", "--program", "sink"]);
    station.json(&["printer", "add", "files", "--files", "--ending", "txt"]);
    // Ends of lines of both sorts stay what they are.
    let text = "^XA\r\n^FD{serial}^FS\n^XZ\r\n";
    add_label(&station, "box", "zpl", text);
    for printer in ["ftp", "sink", "files"] {
        station.json(&["label", "print", "box", "--printer", printer]);
    }
    until("all three", || (queue(&station, "sent").len() == 3).then_some(()));
    let wanted = text.replace("{serial}", "10000000af04b2da");
    let only = |dir: &Path| {
        let mut all = fs::read_dir(dir).unwrap();
        let one = all.next().unwrap().unwrap().path();
        assert!(all.next().is_none());
        one
    };
    let file = only(&dir.path().join("ftp"));
    assert!(file.extension() == Some(OsStr::new("zpl")), "{}", file.display());
    assert_eq!(fs::read_to_string(file).unwrap(), wanted);
    assert_eq!(fs::read_to_string(at("sunk")).unwrap(), wanted);
    let file = only(&dir.path().join("files/files"));
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("label-10000000af04b2da-"));
    assert_eq!(fs::read_to_string(file).unwrap(), wanted);
    // A wrong password is said, and the label waits.
    fs::write(&secret, "wrong\n").unwrap();
    station.json(&[&ftp[..], &["--password-file", "pw"]].concat());
    station.json(&["label", "print", "box", "--printer", "ftp"]);
    until("the refusal", || {
        let waiting = queue(&station, "waiting");
        waiting.first()?["why"].as_str()?.contains("signing in: the server says: 530").then_some(())
    });
    // Nobody names a program that the settings don't.
    let said = station.stderr(&["printer", "add", "evil", "--program", "sh"], 77);
    assert!(said.contains("name no program") && said.contains("station.print-command"), "{said}");
}

#[test]
fn a_code_that_is_scanned_leads_to_its_board() {
    let dir = tempfile::tempdir().unwrap();
    let station = crate::station::Station::start(dir.path(), &["--enrol", "open"]);
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    // Its maker's number, as its agent tells it.
    let other = Board::new("10000000af04b2db");
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = other.told(hello["nonce"].as_str().unwrap());
    told["duid"] = "00001234567890ABCDEFGHIJ".into();
    let told = told.to_string();
    let other = other.register_with(&station, told.as_bytes(), &other.sign(told.as_bytes())).ok();
    let other = other["board"].as_str().unwrap().to_owned();
    let label = |text: &str| {
        let label = json!({ "name": "l", "text": format!("size 60 30\ndatamatrix 5 5 20 {text}\n") });
        station.admin("PUT", "/api/v1/labels/l", Some(&label)).ok();
        let picture = station.admin("GET", "/api/v1/labels/l/filled?takes=zpl", None);
        assert_eq!(picture.status, 200);
        let zpl = String::from_utf8(picture.body).unwrap();
        let parts: Vec<&str> =
            zpl.split("^GFA,").nth(1).unwrap().split("^FS").next().unwrap().split(',').collect();
        let row: usize = parts[2].parse().unwrap();
        let nibbles = parts[3].chars().map(|digit| digit.to_digit(16).unwrap());
        let dots: Vec<u8> = nibbles
            .flat_map(|four| (0..4).rev().map(move |bit| if four >> bit & 1 == 1 { 20 } else { 230 }))
            .collect();
        let width = row * 8;
        let height = dots.len() / width;
        (dots, width, height)
    };
    let browser = Browser::first(&station);
    let proof = browser.proof();
    let seen = |code: &str| {
        let (dots, width, height) = label(code);
        let place = format!("?width={width}&height={height}");
        let answer = browser.send(
            "POST",
            &format!("/scan/frame{place}"),
            Some(&dots),
            &[("x-piprov-proof", &proof), ("content-type", "application/octet-stream")],
        );
        assert_eq!(answer.status, 200, "{}", text(&answer));
        answer.json()
    };
    for (code, id) in [
        ("10000000af04b2da", &board.id),
        ("https://station.example/find?q=10000000af04b2da", &board.id),
        ("1234567890ABCDEFGHIJ", &other),
        ("00001234567890abcdefghij", &other),
    ] {
        let scanned = seen(code);
        assert_eq!((&scanned["text"], &scanned["board"]), (&json!(code), &json!(id)), "{code}");
    }
    assert_eq!(seen("nobody"), json!({ "text": "nobody" }));
    // A hand scanner types the same.
    let found = browser.get("/find?q=1234567890ABCDEFGHIJ");
    assert_eq!(found.header("location"), Some(format!("/boards/{other}").as_str()), "{}", text(&found));
    // Without the proof nothing is looked at.
    let (dots, width, height) = label("10000000af04b2da");
    let place = format!("/scan/frame?width={width}&height={height}");
    assert_eq!(browser.send("POST", &place, Some(&dots), &[]).status, 403);
}

#[test]
fn labels_and_printers_are_made_shown_printed_and_removed_on_their_pages() {
    let dir = tempfile::tempdir().unwrap();
    let station = crate::station::Station::start(dir.path(), &["--enrol", "open"]);
    let admin = Browser::first(&station);
    assert!(admin.page("/labels").contains("There is no label yet."));
    let bad = admin
        .post("/labels/new", &[("name", "box"), ("language", "drawn"), ("text", "size 50 25\ntxt 1 1 1 a")]);
    assert_eq!(bad.status, 422);
    assert!(text(&bad).contains("Label: line 2: there is no `txt`"), "{}", text(&bad));
    let made = admin.post("/labels/new", &[("name", "box"), ("language", "drawn"), ("text", TEMPLATE)]);
    assert_eq!(made.header("location"), Some("/label/box"), "{}", text(&made));
    let picture = admin.get("/label/box/picture");
    assert_eq!(picture.header("content-type"), Some("image/png"));
    assert!(picture.body.starts_with(b"\x89PNG"));
    // One in the printer's language shows its text, and what is in it is no markup.
    let raw = [("name", "raw"), ("language", "text"), ("text", "<b>{serial}</b> {nothing}")];
    admin.post("/labels/new", &raw);
    let page = admin.page("/label/raw");
    assert!(page.contains("&#60;b&#62;10000000af04b2da&#60;/b&#62; nothing"), "{page}");
    let mut board = Board::new("10000000000000b1");
    board.register(&station).ok();
    let page = admin.page("/label/raw?board=10000000000000b1");
    assert!(
        page.contains("the board has no value `nothing`") || page.contains("The board has no value"),
        "{page}"
    );
    let printer = [("name", "zebra"), ("by", "tcp"), ("host", "localhost"), ("takes", "zpl")];
    let made = admin.post("/printers/add", &printer);
    assert_eq!(made.status, 303, "{}", text(&made));
    let again = admin.post("/printers/add", &printer);
    assert_eq!(again.status, 409, "{}", text(&again));
    let here = admin.post("/printers/add", &[("name", "here"), ("by", "tcp"), ("host", "127.0.0.1")]);
    assert_eq!(here.status, 403);
    assert!(text(&here).contains("station.printers-local"), "{}", text(&here));
    assert!(admin.page("/printers?change=zebra").contains("value=\"localhost\""));
    let test = admin.post("/label/box/print", &[("printer", "zebra"), ("copies", "2")]);
    assert_eq!(test.header("location"), Some("/printers"), "{}", text(&test));
    let page = admin.until("/printers", "a test");
    assert!(page.contains("2 labels for zebra"), "{page}");
    let prints = station.admin("GET", "/api/v1/prints", None).ok();
    let id = prints["items"][0]["print"].as_str().unwrap().to_owned();
    let mut cancelled = admin.post(&format!("/prints/{id}/cancel"), &[]);
    // The one that is being tried is first let go.
    for _ in 0..200 {
        if cancelled.status == 303 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(100));
        cancelled = admin.post(&format!("/prints/{id}/cancel"), &[]);
    }
    assert_eq!(cancelled.status, 303, "{}", text(&cancelled));
    admin.until("/printers?state=cancelled", "not wanted any more");
    // From the page of a board.
    let page = admin.page(&format!("/boards/{}", board.id));
    assert!(page.contains("Print its label"), "{page}");
    let printed =
        admin.post(&format!("/boards/{}/label", board.id), &[("label", "box"), ("printer", "zebra")]);
    assert_eq!(printed.status, 422, "it has no address for this label: {}", text(&printed));
    assert!(text(&printed).contains("no value `mac`"), "{}", text(&printed));
    let plain = [("name", "plain"), ("language", "text"), ("text", "{serial}")];
    admin.post("/labels/new", &plain);
    let printed =
        admin.post(&format!("/boards/{}/label", board.id), &[("label", "plain"), ("printer", "zebra")]);
    assert_eq!(printed.status, 303, "{}", text(&printed));
    let prints = station.admin("GET", &format!("/api/v1/prints?board={}", board.id), None).ok();
    assert_eq!(prints["items"][0]["called"], "10000000000000b1", "{prints}");
    // A project prints it: neither is removed.
    let fields = [("name", "lab"), ("label", "box"), ("label-printer", "zebra"), ("label-when", "start")];
    let made = admin.post("/projects/new", &fields);
    assert_eq!(made.status, 303, "{}", text(&made));
    assert!(admin.page("/project/lab").contains("box on zebra, when the job begins"));
    assert_eq!(admin.post("/label/box/remove", &[("sure", "1")]).status, 409);
    assert_eq!(admin.post("/printers/zebra/remove", &[]).status, 409);
    assert_eq!(admin.post("/label/raw/remove", &[("sure", "1")]).status, 303);
    // An operator prints, and changes nothing; a viewer looks.
    let operator = Browser::user(&station, "bo", "operator");
    assert_eq!(operator.post("/label/box/print", &[("printer", "zebra")]).status, 303);
    assert_eq!(operator.post("/label/box", &[("text", "x")]).status, 403);
    assert!(!operator.page("/label/box").contains("Remove the label"));
    let viewer = Browser::user(&station, "vi", "viewer");
    assert!(!viewer.page("/label/box").contains("<button>Print</button>"));
    assert_eq!(viewer.post("/label/box/print", &[("printer", "zebra")]).status, 403);
    let figures = station.admin("GET", "/metrics", None);
    assert!(text(&figures).contains("piprov_labels_waiting "), "{}", text(&figures));
}

#[test]
fn a_name_that_no_board_has_is_warned_of_where_a_test_shows_it_as_if_one_had_it() {
    let station = local();
    station.json(&["printer", "add", "off", "--tcp", "127.0.0.1:1"]);
    let warned = |args: &[&str]| {
        let said = station.stderr(args, 0).split_whitespace().collect::<Vec<_>>().join(" ");
        said.contains("no board has the value `slto`")
    };
    let print = ["label", "print", "l", "--printer", "off"];
    for (text, is_known) in [("{slto}", false), ("{slto|-}", false), ("{|{}slto} {slot|-} {called}", true)] {
        fs::write(station.path("l"), text).unwrap();
        let add = ["label", "add", "l", "--language", "text"];
        for args in [&add[..], &["label", "show", "l"], &print] {
            assert_eq!(warned(args), !is_known, "{text}: {args:?}");
        }
    }
    let text = station.run(&["label", "fill", "l"]).stdout;
    assert_eq!(String::from_utf8_lossy(&text), "{slto} slot-1 called");
    // A source that gives it is enough.
    add_label(&station, "l", "text", "{slto}");
    station.json(&["values", "add", "slto", "--from", "1", "--to", "9"]);
    assert!(!warned(&print));
}
