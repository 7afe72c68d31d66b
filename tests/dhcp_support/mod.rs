//! What the DHCP tests share: a network of namespaces, a server in one of them, clients in others.
#![allow(dead_code, reason = "every test program uses another part of it")]

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use piprov::board::Mac;
use piprov::dhcp::build::Builder;
use piprov::dhcp::event::{Event, Heard};
use piprov::dhcp::lease::{Record, Store};
use piprov::dhcp::packet::{Kind, Packet};
use piprov::dhcp::{Config, Error, Handed, Mode, Server, probe};
use piprov::stop::Stop;
use piprov::wire::interfaces;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, Socket, Type};

/// Of the house's own server, of ours, of a third host.
pub(crate) const HOUSE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

pub(crate) const PI5: Mac = Mac::new([0xdc, 0xa6, 0x32, 0xaa, 0xbb, 0xcc]);
pub(crate) const PI3: Mac = Mac::new([0xb8, 0x27, 0xeb, 0xef, 0x56, 0x44]);
pub(crate) const PC: Mac = Mac::new([0x52, 0x54, 0x00, 0xaa, 0x00, 0x02]);

/// A network: a bridge in a namespace of its own, and hosts in others. All of it goes away with this.
pub(crate) struct Lan {
    name: String,
    spaces: Vec<String>,
    pub(crate) dir: tempfile::TempDir,
    children: Mutex<Vec<Child>>,
}

impl Lan {
    /// Hosts `house`, `ours` and `client`; the first two have addresses.
    pub(crate) fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "network namespaces need root: sudo -E cargo test");
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pd{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::tempdir().unwrap();
        let mut lan = Self { name, spaces: Vec::new(), dir, children: Mutex::default() };
        let hub = lan.space("hub");
        lan.add(&hub);
        ip(&["-n", &hub, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", &hub, "link", "set", "br0", "up"]);
        for (host, address) in [("house", Some(HOUSE)), ("ours", Some(OURS)), ("client", None)] {
            lan.plug(host, address);
        }
        for host in ["house", "ours", "client"] {
            lan.wait_for_link(host);
        }
        lan
    }

    pub(crate) fn space(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }

    fn add(&mut self, space: &str) {
        ip(&["netns", "add", space]);
        self.spaces.push(space.to_owned());
        ip(&["-n", space, "link", "set", "lo", "up"]);
    }

    /// One more host, with an `eth0` on the bridge.
    pub(crate) fn host(&mut self, host: &str, address: Option<Ipv4Addr>) {
        self.plug(host, address);
        self.wait_for_link(host);
    }

    /// The kernel takes note of new cables once a second at most, whatever namespace they are in; until then what is
    /// sent is lost.
    fn wait_for_link(&self, host: &str) {
        let says = |space: &str, device: &str, what: &str| {
            let shown =
                Command::new("ip").args(["-n", space, "-d", "link", "show", "dev", device]).output().unwrap();
            String::from_utf8_lossy(&shown.stdout).contains(what)
        };
        let (deadline, never) = (Instant::now() + Duration::from_secs(20), Stop::new().unwrap());
        while !says(&self.space(host), "eth0", "state UP")
            || !says(&self.space("hub"), &format!("v-{host}"), "state forwarding")
        {
            assert!(Instant::now() < deadline, "the cable of {host} carries nothing");
            let _ = never.wait(Duration::from_millis(20));
        }
    }

    fn plug(&mut self, host: &str, address: Option<Ipv4Addr>) {
        let (space, hub) = (self.space(host), self.space("hub"));
        self.add(&space);
        let port = format!("v-{host}");
        ip(&["-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &space]);
        ip(&["-n", &hub, "link", "set", &port, "master", "br0", "up"]);
        ip(&["-n", &space, "link", "set", "eth0", "up"]);
        if let Some(address) = address {
            ip(&["-n", &space, "addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        }
    }

    /// Gives the client the Ethernet address of a board.
    pub(crate) fn client_is(&self, mac: Mac) {
        ip(&["-n", &self.space("client"), "link", "set", "eth0", "address", &mac.to_string()]);
    }

    /// Runs something in a host's namespace, on a thread of its own.
    pub(crate) fn inside<T: Send>(&self, host: &str, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter(&self.space(host));
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A command in a host's namespace.
    pub(crate) fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(host), program]);
        command
    }

    /// Starts a program that is ended with this at the latest.
    pub(crate) fn start(&self, command: &mut Command) {
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        self.children.lock().unwrap().push(child);
    }

    /// Starts dnsmasq as the house's server, and waits until it answers.
    pub(crate) fn house_dnsmasq(&self, more: &[&str]) -> PathBuf {
        let leases = self.dir.path().join("house.leases");
        self.dnsmasq(
            "house",
            &leases,
            &[&["--dhcp-range=10.99.0.150,10.99.0.199,1h", "--no-ping"], more].concat(),
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.probe("client", Duration::from_secs(1)).is_empty() {
            assert!(Instant::now() < deadline, "dnsmasq doesn't answer");
        }
        leases
    }

    pub(crate) fn dnsmasq(&self, host: &str, leases: &Path, args: &[&str]) {
        tool("dnsmasq-base", Command::new("dnsmasq").arg("--version"));
        let mut command = self.command(host, "dnsmasq");
        command.args([
            "-k",
            "-C",
            "/dev/null",
            "--port=0",
            "--interface=eth0",
            "--bind-interfaces",
            "--user=root",
        ]);
        command.args(["--pid-file=", "--dhcp-authoritative", "--log-facility=-"]);
        command.stderr(std::process::Stdio::null());
        self.start(command.arg(format!("--dhcp-leasefile={}", leases.display())).args(args));
    }

    /// Which servers answer a host.
    pub(crate) fn probe(&self, host: &str, patience: Duration) -> Vec<probe::Found> {
        self.inside(host, || {
            let stop = Stop::new().unwrap();
            probe::servers(&interfaces::find("eth0").unwrap(), patience, &stop, &|_| true).unwrap()
        })
    }

    pub(crate) fn config(&self, mode: Mode) -> Config {
        let mut config = Config::new("eth0", self.dir.path().join("state"));
        config.mode = mode;
        config.range = Some((Ipv4Addr::new(10, 99, 0, 100), Ipv4Addr::new(10, 99, 0, 120)));
        // Looking for other servers takes four seconds; the tests of that say otherwise.
        config.force = true;
        config
    }

    /// The leases on disk, once the server that wrote them has ended.
    pub(crate) fn leases(&self, config: &Config) -> Vec<Record> {
        let path = config.state.join("dhcp/eth0.leases");
        patiently(|| Store::open(&path), |error| matches!(error, Error::LeasesInUse { .. })).0.records()
    }

    /// Opens a server on the host `ours`. What another server had may be open a moment longer in a process that
    /// another test is just starting; nobody can be named for it then.
    pub(crate) fn open(&self, config: &Config) -> Result<Server, Error> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let never = Stop::new().unwrap();
        loop {
            let opened = self.inside("ours", || Server::open(config, Handed::default(), &never));
            let passing = match &opened {
                Err(Error::InUse { holder, .. }) => {
                    holder.as_ref().is_none_or(|holder| holder.pid.is_none_or(is_starting))
                }
                Err(Error::LeasesInUse { .. }) => true,
                _ => false,
            };
            if !passing || Instant::now() > deadline {
                return opened;
            }
            let _ = never.wait(Duration::from_millis(20));
        }
    }

    /// Serves on the host `ours` until the result is dropped.
    pub(crate) fn serve(&self, config: &Config) -> Running {
        Running::new(self.open(config).unwrap_or_else(|error| panic!("{error}")))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for mut child in self.children.lock().unwrap().drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
        for space in &self.spaces {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

/// A process that another test is just starting: it is this program still, and has open what this one has.
fn is_starting(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| Some(exe) == std::env::current_exe().ok())
}

/// Tries again what a process has open for a moment that another test is just starting.
fn patiently<T, E: std::fmt::Debug>(try_it: impl Fn() -> Result<T, E>, passing: impl Fn(&E) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(5);
    let never = Stop::new().unwrap();
    loop {
        match try_it() {
            Err(error) if passing(&error) && Instant::now() < deadline => {
                let _ = never.wait(Duration::from_millis(20));
            }
            result => return result.unwrap(),
        }
    }
}

/// Puts this thread into a namespace.
pub(crate) fn enter(space: &str) {
    let file = File::open(Path::new("/run/netns").join(space)).unwrap();
    move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(LinkNameSpaceType::Network)).unwrap();
}

pub(crate) fn ip(args: &[&str]) {
    let output = tool("iproute2", Command::new("ip").args(args));
    assert!(output.status.success(), "ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
}

/// Runs a tool; where it is missing, fails with the command that installs it.
pub(crate) fn tool(package: &str, command: &mut Command) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let program = command.get_program().to_string_lossy().into_owned();
            panic!("{program} is missing: sudo apt-get install --yes {package}")
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// A server on a thread of its own.
pub(crate) struct Running {
    events: Arc<Mutex<Vec<Event>>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new(mut server: Server) -> Self {
        let stop = Stop::new().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (flag, list) = (stop.clone(), events.clone());
        let thread = std::thread::spawn(move || {
            server.run(&mut |event| list.lock().unwrap().push(event), &flag).unwrap();
        });
        Self { events, stop, thread: Some(thread) }
    }

    pub(crate) fn told(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        let heard = |event| if let Event::Heard(heard) = event { Some(heard) } else { None };
        self.told().into_iter().filter_map(heard).collect()
    }

    /// Waits until something was told, and fails with what was told where it wasn't.
    pub(crate) fn wait_for(&self, what: &str, found: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + Duration::from_secs(20);
        let never = Stop::new().unwrap();
        loop {
            if let Some(event) = self.told().into_iter().find(|event| found(event)) {
                return event;
            }
            assert!(Instant::now() < deadline, "{what} wasn't told, but: {:#?}", self.told());
            let _ = never.wait(Duration::from_millis(5));
        }
    }

    pub(crate) fn end(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.expect("the server's thread ends in order");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// An answer, with the Ethernet and the IP address that it was sent to.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) to: Ipv4Addr,
    pub(crate) broadcast: bool,
    bytes: Vec<u8>,
}

impl Got {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).unwrap()
    }
}

/// A client without an address: sends by broadcast, and sees every frame that comes, for any host.
pub(crate) struct DhcpClient {
    send: UdpSocket,
    see: Socket,
}

impl DhcpClient {
    /// To be called inside a host's namespace.
    pub(crate) fn new() -> Self {
        let send = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        send.bind_device(Some(b"eth0")).unwrap();
        send.set_broadcast(true).unwrap();
        let port = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68).into();
        patiently(|| send.bind(&port), |error| error.kind() == std::io::ErrorKind::AddrInUse);
        // ETH_P_IP; there is one interface that something comes over.
        let see =
            Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(0x0800u16.to_be()))))
                .unwrap();
        see.set_recv_buffer_size(8 << 20).unwrap();
        Self { send: send.into(), see }
    }

    pub(crate) fn say(&self, bytes: &[u8]) {
        self.send.send_to(bytes, (Ipv4Addr::BROADCAST, 67)).unwrap();
    }

    /// The next answer that comes in time.
    pub(crate) fn hear(&self, until: Instant) -> Option<Got> {
        loop {
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.see.set_read_timeout(Some(left)).unwrap();
            let mut buf = [std::mem::MaybeUninit::<u8>::uninit(); 2048];
            let Ok((len, from)) = self.see.recv_from(&mut buf) else { continue };
            // SAFETY: the kernel has written that many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(buf.as_ptr().cast::<u8>(), len) };
            // SAFETY: a packet socket's addresses are of this type.
            let link = unsafe { &*from.as_ptr().cast::<libc::sockaddr_ll>() };
            let header = usize::from(bytes[0] & 15) * 4;
            let is_answer = bytes[9] == 17 && bytes[header + 2..header + 4] == [0, 68];
            // 4 is what this host sends itself.
            if is_answer && link.sll_pkttype != 4 && bytes[header + 8] == 2 {
                let to = Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19]);
                let broadcast = link.sll_pkttype == 1;
                return Some(Got { at: Instant::now(), to, broadcast, bytes: bytes[header + 8..].to_vec() });
            }
        }
    }

    /// Everything that comes within a time.
    pub(crate) fn hear_all(&self, time: Duration) -> Vec<Got> {
        let until = Instant::now() + time;
        std::iter::from_fn(|| self.hear(until)).collect()
    }

    /// Asks, and waits for the first answer to that client.
    pub(crate) fn ask(&self, message: Builder) -> Got {
        let bytes = message.finish();
        let mac = Packet::parse(&bytes).unwrap().mac;
        self.say(&bytes);
        let until = Instant::now() + Duration::from_secs(10);
        std::iter::from_fn(|| self.hear(until))
            .find(|got| got.packet().mac == mac)
            .expect("an answer within 10 s")
    }
}

pub(crate) fn pi5_id() -> Vec<u8> {
    b"\0RPi5\x70\x41\xd0\x00\x32\xaa\xbb\xcc\x4d\x01\xab\x99".to_vec()
}

/// A DISCOVER as a board's boot program sends it.
pub(crate) fn discover(mac: Mac, id: &[u8], broadcast: bool) -> Builder {
    Builder::question(mac, 0x26f3_0339, Kind::Discover, broadcast)
        .option(55, &[43, 60, 66, 128, 129, 130, 131, 132, 133, 134, 135, 67, 1, 3])
        .option(93, &[0, 0])
        .option(94, &[1, 2, 1])
        .option(97, id)
        .option(60, b"PXEClient:Arch:00000:UNDI:002001")
}

pub(crate) fn request(mac: Mac, address: Ipv4Addr, broadcast: bool) -> Builder {
    Builder::question(mac, 9, Kind::Request, broadcast).address(54, OURS).address(50, address)
}
