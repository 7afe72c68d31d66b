//! NetworkManager: a connection of its own (nm-settings-keyfile(5)).

use sha2::{Digest, Sha256};

use super::{Around, Change, MARK, Part, Step, Wanted};

/// The connection. Only root may read such files, or NetworkManager leaves them alone.
pub(super) const PROFILE: &str = "etc/NetworkManager/system-connections/piprov.nmconnection";
/// What lets it keep the address while no board is switched on (NetworkManager.conf(5), `ignore-carrier`).
pub(super) const CONF: &str = "etc/NetworkManager/conf.d/90-piprov.conf";

/// The connection's number: the same one each time for an interface, and nobody else's.
pub(super) fn uuid(wanted: &Wanted) -> String {
    let digest = Sha256::digest(format!("piprov network of boards {}", wanted.interface));
    let mut bytes: [u8; 16] = std::array::from_fn(|at| digest[at]);
    // RFC 9562, version 8: made by a way of its own.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex =
        |from: usize, to: usize| bytes[from..to].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{}-{}-{}-{}-{}", hex(0, 4), hex(4, 6), hex(6, 8), hex(8, 10), hex(10, 16))
}

pub(super) fn part(wanted: &Wanted) -> Part {
    let (interface, address, uuid) = (&wanted.interface, wanted.cidr(), uuid(wanted));
    // It comes before the connections that were made by themselves, whose priority is -999, and those of people, 0.
    let profile = format!(
        "{MARK}\n[connection]\nid=piprov\nuuid={uuid}\ntype=ethernet\ninterface-name={interface}\n\
         autoconnect=true\nautoconnect-priority=900\n\n[ipv4]\nmethod=manual\naddress1={address}\n\
         never-default=true\n\n[ipv6]\nmethod=link-local\n"
    );
    let conf =
        format!("{MARK}\n[device-piprov]\nmatch-device=interface-name:={interface}\nignore-carrier=true\n");
    let load = format!("/{PROFILE}");
    Part {
        changes: vec![Change::new(PROFILE, profile).with_mode(0o600), Change::new(CONF, conf)],
        apply: Around {
            before: Vec::new(),
            after: vec![
                Step::attempt(["nmcli", "general", "reload", "conf"]),
                Step::run(["nmcli", "connection", "load", &load]),
                Step::run([
                    "nmcli",
                    "--wait",
                    "30",
                    "connection",
                    "up",
                    "uuid",
                    &uuid,
                    "ifname",
                    interface.as_str(),
                ]),
            ],
        },
        undo: Around {
            before: Vec::new(),
            after: vec![
                Step::attempt(["nmcli", "general", "reload", "conf"]),
                Step::attempt(["nmcli", "connection", "reload"]),
            ],
        },
    }
}
