//! The control socket of `netboot serve`: places that somebody else made, programs without a right to it, and programs
//! that have one and say what they like. Network boot and the flash that was there go on.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use piprov::beneath::SocketError;
use piprov::board::Mac;
use piprov::control::message::{LARGEST, ToServer, encode};
use piprov::control::{self, Client, Image};
use piprov::stop::Stop;
use piprov::tftp::content::RangeContent;
use piprov::tftp::event::Event;
use piprov::tftp::source::{Answer, Request, Source};
use piprov::tftp::switch::Branch;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType,
};

use crate::dhcp_support::OURS;
use crate::flash_model::{Board, Host, MAC, image};
use crate::netboot_model::{self, Board as NetBoard, Kind};
use crate::netboot_rig::{Net, Program, boots, tree};

const DHCP: &[&str] = &["--mode", "dhcp", "--range", "10.99.0.100-10.99.0.120"];
const SERVER: SocketAddrV4 = SocketAddrV4::new(OURS, 69);
const BOARD: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 7);
/// A user who is nobody here.
const SOMEBODY: u32 = 1234;

fn net() -> Net {
    let mut net = Net::new();
    tree(&net.root, "");
    net.lan.host("board", Some(BOARD));
    let link = ["-n", &net.lan.space("board"), "link", "set", "eth0", "address", MAC];
    assert!(Command::new("ip").args(link).status().unwrap().success());
    let dir = net.lan.dir.path();
    // Others may come as far as the socket's directory.
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
    image(&dir.join("os.img"));
    std::fs::write(dir.join("targets.csv"), format!("name,mac,ip,reset\nlab-01,{MAC},,\n")).unwrap();
    net.control = Some(dir.join("run/control.sock"));
    net
}

fn socket(net: &Net) -> PathBuf {
    net.control.clone().unwrap()
}

fn flash(net: &Net) -> Program {
    let path = |name: &str| net.lan.dir.path().join(name).to_str().unwrap().to_owned();
    let (image, targets) = (path("os.img"), path("targets.csv"));
    net.start(
        "ours",
        &["flash", "lab-01", &image, "--no-reset", "--force", "--timeout", "60", "--targets", &targets],
    )
}

fn host() -> Host {
    Host { address: BOARD, server: SERVER, mac: MAC }
}

/// A Pi boots over the network.
pub(crate) fn boot(net: &Net, number: u16) {
    let mut boards = vec![NetBoard::new(Kind::Pi4, number)];
    net.lan.inside("client", || netboot_model::run(&mut boards, "eth0", Duration::from_secs(60)));
    boots(&boards[0]);
}

/// A connection of somebody who says what he likes; none where he isn't let in.
pub(crate) fn connect(path: &Path) -> Option<OwnedFd> {
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .unwrap();
    rustix::net::connect(&fd, &SocketAddrUnix::new(path).unwrap()).ok()?;
    Some(fd)
}

pub(crate) fn say(fd: &OwnedFd, bytes: &[u8]) -> bool {
    rustix::net::send(fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT).is_ok()
}

/// Hands boards over with this descriptor, and says what the server answers.
fn admit(path: &Path, image: BorrowedFd<'_>) -> String {
    let fd = connect(path).unwrap();
    let message = ToServer::Admit { schema: 1, boards: vec![Mac::new([2, 0, 0, 0, 0, 9])], available: None };
    let fds = [image];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let packet = encode(&message, b"").unwrap();
    rustix::net::sendmsg(&fd, &[std::io::IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL).unwrap();
    let mut buf = vec![0; LARGEST];
    let mut next = || {
        let (_, len) = rustix::net::recv(&fd, &mut buf[..], rustix::net::RecvFlags::empty()).unwrap();
        String::from_utf8_lossy(&buf[..len]).into_owned()
    };
    assert!(next().contains("hello"));
    next()
}

#[test]
fn a_place_that_somebody_else_made_is_used_by_neither_side() {
    let net = net();
    let (path, dir) = (socket(&net), socket(&net).parent().unwrap().to_owned());
    std::fs::create_dir(&dir).unwrap();
    let of_somebody = || {
        chown(&dir, Some(SOMEBODY), None).unwrap();
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o755)).unwrap();
    };
    let of_everybody = || {
        chown(&dir, Some(0), None).unwrap();
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o1777)).unwrap();
    };
    // Root's directory, but somebody's socket in it, from when it was everybody's.
    let with_a_socket = || {
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o755)).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        chown(&path, Some(SOMEBODY), None).unwrap();
        listener.set_nonblocking(true).unwrap();
        Some(listener)
    };
    type Make<'a> = &'a dyn Fn() -> Option<UnixListener>;
    let makes: [(Make<'_>, &str); 3] = [
        (
            &|| {
                of_somebody();
                None
            },
            "it belongs to user 1234",
        ),
        (
            &|| {
                of_everybody();
                None
            },
            "others can write to it (mode 1777)",
        ),
        (&with_a_socket, "it belongs to user 1234"),
    ];
    for (make, why) in makes {
        let listener = make();
        let serve = net.serve(DHCP);
        let warning = serve.until("a warning", |event| event["event"] == "warning");
        let text = warning["text"].as_str().unwrap();
        assert!(text.contains("boards of others aren't taken") && text.contains(why), "{text}");
        let (code, _, said) = flash(&net).wait();
        assert_eq!(code, Some(75), "{said}");
        assert!(
            said.contains("is in use")
                && said.contains("the boards can't be handed over")
                && said.contains(why),
            "{said}"
        );
        // What is there was left alone, and nobody spoke to it.
        if let Some(listener) = listener {
            assert!(listener.accept().is_err(), "somebody was spoken to");
            assert!(path.exists());
        }
        boot(&net, 1);
        serve.end();
    }
}

#[test]
fn who_has_no_right_to_the_socket_can_not_connect() {
    let net = net();
    let serve = net.serve(DHCP);
    let path = socket(&net);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o007, 0);
    let error = std::thread::spawn(move || {
        // SAFETY: a system call with numbers. Made past the C library it is of this thread only, which ends.
        let done = unsafe { libc::syscall(libc::SYS_setresuid, SOMEBODY, SOMEBODY, SOMEBODY) };
        assert_eq!(done, 0);
        Client::connect(&path, &Stop::new().unwrap()).unwrap_err()
    })
    .join()
    .unwrap();
    let control::Error::Socket(SocketError::System { source, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
    serve.end();
}

/// Open descriptors of a process.
pub(crate) fn open(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn whoever_says_what_he_likes_hurts_neither_a_flash_nor_network_boot() {
    let net = net();
    let serve = net.serve(DHCP);
    let path = socket(&net);
    let flashing = flash(&net);
    serve.until("the boards are taken", |event| event["event"] == "admitted");
    let before = open(serve.pid());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (path, over) = (&path, &over);
        for kind in 0..3 {
            scope.spawn(move || {
                let mut kept = Vec::new();
                for round in 0..1000_usize {
                    let Some(fd) = connect(path) else { continue };
                    match (kind, round % 5) {
                        // Connections, and nothing said.
                        (0, _) => {}
                        (_, 0) => drop(say(&fd, b"\xff\0\xff")),
                        (_, 1) => drop(say(&fd, br#"{"type":"admit","schema":1,"boar"#)),
                        (_, 2) => drop(say(&fd, &vec![b'['; LARGEST])),
                        (_, 3) => drop(say(&fd, &vec![b' '; LARGEST + 10_000])),
                        (_, _) => while say(&fd, br#"{"type":"answer","id":1,"give":"later"}"#) {},
                    }
                    kept.push(fd);
                    if kept.len() > 200 {
                        kept.clear();
                    }
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let flashed = scope.spawn(|| {
            net.lan.inside("board", || Board { host: host(), secret: None, before: &mut |_| {} }.run())
        });
        boot(&net, 2);
        assert!(flashed.join().unwrap());
        over.store(true, Ordering::Relaxed);
    });
    let (code, _, said) = flashing.wait();
    assert_eq!(code, Some(0), "{said}");
    // All of them have gone again; the server is the one that it was.
    let patience = Stop::new().unwrap();
    for _ in 0..1000 {
        if open(serve.pid()) <= before {
            break;
        }
        let _ = patience.wait(Duration::from_millis(20));
    }
    assert!(open(serve.pid()) <= before, "{} descriptors, before {before}", open(serve.pid()));
    let again = flash(&net);
    again.until("it begins", |event| event["event"] == "began");
    assert!(net.lan.inside("board", || Board { host: host(), secret: None, before: &mut |_| {} }.run()));
    assert_eq!(again.wait().0, Some(0));
    let told = serve.end();
    let visits = told.iter().filter(|event| event["event"] == "withdrawn").count();
    assert!(visits < 200, "{visits} of thousands are told");
}

#[test]
fn a_descriptor_that_could_make_the_server_wait_is_refused() {
    let net = net();
    let serve = net.serve(DHCP);
    let path = socket(&net);
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let dir = std::fs::File::open(net.lan.dir.path()).unwrap();
    let terminal = std::fs::File::open("/dev/zero").unwrap();
    let write = std::fs::OpenOptions::new().write(true).open(net.lan.dir.path().join("os.img")).unwrap();
    for (what, fd) in [
        ("pipe", reader.as_fd()),
        ("pipe", writer.as_fd()),
        ("directory", dir.as_fd()),
        ("device", terminal.as_fd()),
        ("file for writing", write.as_fd()),
    ] {
        let said = admit(&path, fd);
        assert!(said.contains(r#""type":"refused""#) && said.contains(r#""why":"image""#), "{what}: {said}");
    }
    let good = std::fs::File::open(net.lan.dir.path().join("os.img")).unwrap();
    assert!(admit(&path, good.as_fd()).contains("admitted"));
    boot(&net, 3);
    serve.end();
}

/// Serves one large range of an image for every file.
struct Large(Arc<std::fs::File>);

impl Source for Large {
    fn open(&self, _: &Request<'_>) -> Answer {
        let len = self.0.metadata().unwrap().len();
        Answer::Send(Box::new(RangeContent::new(Arc::clone(&self.0) as _, 0, len, len)))
    }
}

impl Branch for Large {
    fn boards(&self) -> Vec<Mac> {
        vec![MAC.parse().unwrap()]
    }
    fn claims(&self, _: &Request<'_>) -> bool {
        true
    }
    fn event(&self, _: &Event) {}
}

#[test]
fn an_image_that_shrinks_ends_its_transfer_and_nothing_else() {
    let net = net();
    let serve = net.serve(DHCP);
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all_at(&[7], 8 << 20).unwrap();
    let read = || std::fs::File::open(file.path()).unwrap();
    let stop = Stop::new().unwrap();
    let mut client = Client::connect(&socket(&net), &stop).unwrap();
    client.admit(vec![MAC.parse().unwrap()], Image::new(read().into(), None), &stop).unwrap();
    let brain = Large(Arc::new(read()));
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| client.serve(&brain, &stop));
        net.lan.inside("board", || {
            let host = host();
            let request = Host::request(1, format!("{MAC}/x").as_bytes(), b"blksize\x001400\0");
            let (socket, from, _) = host.ask(&request).unwrap();
            file.as_file().set_len(1000).unwrap();
            let (mut buffer, mut acked) = ([0; 2000], 0u16);
            let text = loop {
                let [high, low] = acked.to_be_bytes();
                socket.send_to(&[0, 4, high, low], from).unwrap();
                let (len, _) = socket.recv_from(&mut buffer).unwrap();
                match buffer[..len] {
                    [0, 3, high, low, ..] => acked = u16::from_be_bytes([high, low]),
                    [0, 5, _, _, ref text @ ..] => break String::from_utf8_lossy(text).into_owned(),
                    ref other => panic!("{other:?}"),
                }
            };
            assert!(text.contains("shrunk"), "{text}");
        });
        boot(&net, 4);
        stop.set();
        serving.join().unwrap().unwrap();
    });
    serve.end();
}
