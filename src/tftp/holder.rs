//! Which process holds a UDP port: `/proc/thread-self/net/udp` names the socket's inode, `/proc/*/fd` the process.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A process that has a port open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number, where it can be seen: only root sees the sockets of other users' processes.
    pub pid: Option<u32>,
    /// Its name, where it can be seen.
    pub command: Option<String>,
    /// The user that the socket belongs to.
    pub uid: u32,
}

impl Holder {
    /// The name to call it by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.command.as_deref().unwrap_or("that process")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.command, self.pid) {
            (Some(command), Some(pid)) => write!(out, "{command} (process {pid})"),
            (None, Some(pid)) => write!(out, "process {pid}"),
            _ => write!(out, "a process of user {} that only root can name", self.uid),
        }
    }
}

/// Finds the process that holds the UDP port of an address; any address of the host where `addr` says so.
#[must_use]
pub fn of_udp(addr: SocketAddr) -> Option<Holder> {
    // Of this thread: it may be in another network namespace than the one that the process began in.
    let socket = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .find_map(|table| find(&table, addr))?;
    let pid = process_with(socket.inode);
    let command = pid
        .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok())
        .map(|name| name.trim_end().to_owned());
    Some(Holder { pid, command, uid: socket.uid })
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    inode: u64,
    uid: u32,
}

/// Reads a table of sockets (Linux' Documentation/networking/proc_net_tcp has its columns): the second is the
/// local address, the eighth the user, the tenth the inode.
fn find(table: &str, wanted: SocketAddr) -> Option<Socket> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let local = address(columns.get(1)?)?;
        let any = wanted.ip().is_unspecified() || local.ip().is_unspecified();
        if local.port() != wanted.port() || (!any && local.ip().to_canonical() != wanted.ip().to_canonical())
        {
            return None;
        }
        Some(Socket { uid: columns.get(7)?.parse().ok()?, inode: columns.get(9)?.parse().ok()? })
    })
}

/// `0100007F:0045`: the address in groups of four bytes, each in the host's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let group = |at: usize| Some(u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(group(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&group(at)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn process_with(inode: u64) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_open(&Path::new("/proc").join(pid.to_string()).join("fd"), &wanted))
}

fn has_open(fds: &Path, wanted: &str) -> bool {
    let Ok(fds) = std::fs::read_dir(fds) else { return false };
    fds.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn finds_this_process() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let holder = of_udp(socket.local_addr().unwrap()).unwrap();
        assert_eq!(holder.pid, Some(std::process::id()));
        assert!(holder.to_string().ends_with(&format!("(process {})", std::process::id())), "{holder}");
        // A socket bound to all addresses is in the way of that one too.
        let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), socket.local_addr().unwrap().port());
        assert_eq!(of_udp(any).unwrap().pid, holder.pid);
    }

    #[test]
    fn finds_a_socket_of_ipv6() {
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        assert_eq!(of_udp(socket.local_addr().unwrap()).unwrap().pid, Some(std::process::id()));
    }

    #[test]
    fn reads_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
            51: 0100007F:0045 00000000:0000 07 00000000:00000000 00:00000000 00000000   104        0 15093 2 0000000000000000 0\n garbage\n";
        if cfg!(target_endian = "little") {
            let found = find(table, "127.0.0.1:69".parse().unwrap());
            assert_eq!(found, Some(Socket { inode: 15093, uid: 104 }));
        }
        assert_eq!(find(table, "127.0.0.2:69".parse().unwrap()), None);
        assert_eq!(find(table, "0.0.0.0:70".parse().unwrap()), None);
        assert_eq!(find("", "0.0.0.0:70".parse().unwrap()), None);
    }

    #[test]
    fn a_holder_that_cannot_be_seen() {
        let holder = Holder { pid: None, command: None, uid: 104 };
        assert_eq!(holder.to_string(), "a process of user 104 that only root can name");
    }
}
