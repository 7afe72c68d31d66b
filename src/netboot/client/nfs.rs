//! Whether this host can serve roots over NFS, and what it lacks: stock clients need version 3, the mount protocol and
//! a port mapper, all over TCP (klibc, usr/kinit/nfsmount).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::host;
use crate::error::{Action, Finding, Remedy, remedy};

/// Numbers of RPC programs (RFC 1813, appendix I and section 4).
const NFS: u32 = 100_003;
const MOUNT: u32 = 100_005;
/// TCP, as the port mapper names it (RFC 1833, section 3).
const TCP: u32 = 6;
/// A port mapper on this host answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct State {
    /// Whether the kernel has its NFS server loaded, or can load it.
    pub kernel_server: bool,
    /// Whether exportfs is there.
    pub exportfs: bool,
    /// Whether nfs-ganesha is there.
    pub ganesha: bool,
    /// piprov's file for it.
    #[serde(serialize_with = "crate::format::json::path")]
    pub ganesha_file: PathBuf,
    /// Whether its configuration includes piprov's file.
    pub ganesha_includes: bool,
    /// Whether a port mapper is installed.
    pub rpcbind: bool,
    /// Whether a port mapper answers on port 111.
    pub portmapper: bool,
    /// The port of NFS version 3 over TCP, as the port mapper has it.
    pub nfs_port: Option<u16>,
    /// The port of the mount protocol, version 3.
    pub mount_port: Option<u16>,
}

/// Looks at this host.
#[must_use]
pub fn look(ganesha_file: &Path) -> State {
    let mapper = SocketAddr::from((Ipv4Addr::LOCALHOST, 111));
    let ask = |program| portmap(mapper, program);
    let nfs = ask(NFS);
    let config = std::fs::read_to_string("/etc/ganesha/ganesha.conf").unwrap_or_default();
    State {
        kernel_server: kernel_server(),
        exportfs: host::program("exportfs").is_some(),
        ganesha: host::program("ganesha.nfsd").is_some(),
        ganesha_includes: config.lines().any(|line| {
            let line = line.trim();
            line.starts_with("%include") && line.contains(&*ganesha_file.to_string_lossy())
        }),
        ganesha_file: ganesha_file.to_owned(),
        rpcbind: host::program("rpcbind").is_some(),
        portmapper: nfs.is_ok(),
        nfs_port: nfs.ok().flatten(),
        mount_port: ask(MOUNT).ok().flatten(),
    }
}

/// What is wrong, in the order in which it has to be put right.
#[must_use]
pub fn findings(state: &State) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |what: &str, remedy: Remedy| found.push(Finding::problem("nfs", what, remedy));
    let kernel = state.kernel_server && state.exportfs;
    if !kernel && !state.ganesha {
        if state.kernel_server {
            add(
                "the kernel has an NFS server, and its programs are not installed",
                Action::install(["nfs-kernel-server"]).into(),
            );
        } else {
            add(
                "this kernel has no NFS server (nfsd)",
                remedy![
                    Action::install(["nfs-ganesha", "nfs-ganesha-vfs"]),
                    ", a server that needs none; or start a kernel with nfsd",
                ],
            );
        }
        return found;
    }
    if !kernel && !state.ganesha_includes {
        add(
            "nfs-ganesha's configuration doesn't include piprov's exports",
            remedy![
                format!(
                    "add `%include \"{}\"` to /etc/ganesha/ganesha.conf, then ",
                    super::add::absolute(&state.ganesha_file).display()
                ),
                Action::host_as_root("systemctl reload nfs-ganesha"),
            ],
        );
    }
    if !state.portmapper {
        add(
            "no port mapper answers on TCP port 111, which clients ask before they mount their root",
            // It is there, and was stopped or never started.
            match state.rpcbind {
                true => Action::host_as_root("systemctl enable --now rpcbind").into(),
                false => {
                    remedy![
                        Action::install(["rpcbind"]),
                        "; ",
                        Action::host_as_root("systemctl start rpcbind")
                    ]
                }
            },
        );
        return found;
    }
    let service = if kernel { "nfs-server" } else { "nfs-ganesha" };
    let start = remedy![
        Action::host_as_root("systemctl enable --now").arg(service),
        "; ",
        Action::host("rpcinfo -p"),
        " shows what is served",
    ];
    match (state.nfs_port, state.mount_port) {
        (None, _) => add(
            "NFS version 3 is not served over TCP",
            start.and("; in /etc/nfs.conf, [nfsd] must not have vers3=n or tcp=n"),
        ),
        (_, None) => add("the mount protocol, version 3, is not served (rpc.mountd)", start),
        _ => {}
    }
    found
}

/// Whether the kernel serves NFS, or has a module that would.
pub(super) fn kernel_server() -> bool {
    let has = |path: &str, word: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(|line| line.contains(word)))
    };
    if has("/proc/filesystems", "nfsd") {
        return true;
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    ["modules.dep", "modules.builtin"]
        .iter()
        .any(|list| has(&format!("/lib/modules/{release}/{list}"), "/fs/nfsd/nfsd.ko"))
}

/// Asks a port mapper for the port of version 3 of a program over TCP; `None` where it isn't served.
fn portmap(mapper: SocketAddr, program: u32) -> std::io::Result<Option<u16>> {
    let mut stream = TcpStream::connect_timeout(&mapper, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&question(program))?;
    let mut answer = [0; 32];
    stream.read_exact(&mut answer)?;
    Ok(port(&answer))
}

/// A call of the port mapper's version 2, procedure 3: GETPORT (RFC 5531 sections 9 and 11, RFC 1833 section 3).
fn question(program: u32) -> Vec<u8> {
    // Identity, call, RPC version 2, port mapper, version 2, GETPORT, no credentials, no verifier; then what is asked.
    let words = [0x7069_7072, 0, 2, 100_000, 2, 3, 0, 0, 0, 0, program, 3, TCP, 0];
    // Over TCP a record begins with its length; the highest bit says that it is the last fragment.
    let length = 0x8000_0000 | (words.len() as u32 * 4);
    std::iter::once(length).chain(words).flat_map(u32::to_be_bytes).collect()
}

/// The port in an answer; `None` for 0 and for a refusal.
fn port(answer: &[u8; 32]) -> Option<u16> {
    let word = |n: usize| {
        u32::from_be_bytes([answer[n * 4], answer[n * 4 + 1], answer[n * 4 + 2], answer[n * 4 + 3]])
    };
    // Length, identity, reply, accepted, verifier (two words), success, port.
    let accepted = word(1) == 0x7069_7072 && word(2) == 1 && word(3) == 0 && word(5) == 0 && word(6) == 0;
    u16::try_from(word(7)).ok().filter(|port| accepted && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_in_order() {
        let mut state = State::default();
        let told = |state: &State| {
            findings(state).into_iter().map(|found| found.what).collect::<Vec<_>>().join("; ")
        };
        assert!(told(&state).contains("no NFS server"));
        state.kernel_server = true;
        assert!(told(&state).contains("programs are not installed"));
        state.exportfs = true;
        assert!(told(&state).contains("port mapper"));
        state.portmapper = true;
        assert!(told(&state).contains("version 3 is not served"));
        state.nfs_port = Some(2049);
        assert!(told(&state).contains("mount protocol"));
        state.mount_port = Some(20048);
        assert_eq!(findings(&state), []);
        state.kernel_server = false;
        state.ganesha = true;
        assert!(told(&state).contains("include"));
        state.ganesha_includes = true;
        assert_eq!(findings(&state), []);
    }

    #[test]
    fn what_helps_is_of_this_host() {
        let hint = |state: &State| findings(state).remove(0).remedy;
        let ganesha = State { ganesha: true, ..State::default() };
        let own = State { ganesha_file: "/srv/own/exports.conf".into(), ..ganesha.clone() };
        assert!(hint(&own).says("`%include \"/srv/own/exports.conf\"`"), "{:?}", hint(&own));
        // What is installed isn't to be installed.
        let kernel = State { kernel_server: true, exportfs: true, ..State::default() };
        assert!(hint(&kernel).names(Action::install(["rpcbind"])));
        let stopped = hint(&State { rpcbind: true, ..kernel });
        assert!(!stopped.names(Action::install(["rpcbind"])), "{stopped:?}");
        assert!(stopped.names(Action::host_as_root("systemctl enable --now rpcbind")), "{stopped:?}");
    }

    #[test]
    fn the_port_mapper_is_asked_in_its_language() {
        let bytes = question(NFS);
        assert_eq!(bytes.len(), 60);
        assert_eq!(bytes[..4], [0x80, 0, 0, 56]);
        assert_eq!(bytes[44..48], 100_003u32.to_be_bytes());
        let answer = |port: u32, state: u32| -> [u8; 32] {
            let words = [0x8000_001c, 0x7069_7072, 1, 0, 0, 0, state, port];
            let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
            bytes.try_into().unwrap()
        };
        assert_eq!(port(&answer(2049, 0)), Some(2049));
        assert_eq!(port(&answer(0, 0)), None);
        assert_eq!(port(&answer(2049, 1)), None);
        assert_eq!(port(&answer(0x1_0801, 0)), None);
    }

    #[test]
    fn a_port_mapper_is_heard() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 60];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked[44..48], 100_005u32.to_be_bytes());
            let words = [0x8000_001cu32, 0x7069_7072, 1, 0, 0, 0, 0, 20048];
            stream.write_all(&words.map(u32::to_be_bytes).concat()).unwrap();
        });
        assert_eq!(portmap(address, MOUNT).unwrap(), Some(20048));
        server.join().unwrap();
    }
}
