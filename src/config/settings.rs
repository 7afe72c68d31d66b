//! The table of all settings. `piprov config show`, the manual's page of the files, and the check for unknown keys
//! come from it too, so its sentences are written for users.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::form::{
    DaysOrOff, HostPath, HostPathOrOff, Interface, Ip, List, Listen, Optional, PartSize, Seconds, Truth,
    UsbIds, Whole, Wrong,
};
use super::netboot::{BoardName, BoardNameForm, BootFile, MenuText, Mode, ModeForm, OfBoard, Oui, Range};
use super::objects::{ObjectPlace, ObjectPlaceForm};
use super::print::PrintCommand;
use super::station::{
    Database, Enrol, EnrolForm, HeaderName, Network, NetworkForm, ServerName, Sha256, StationUrl,
};
use super::subnet::Subnet;
use super::table::{Row, put, row, settings};
use super::tables::Tables;
use super::usb::{BoardRule, SomePorts};
use super::value::Raw;
use super::{Machine, Origin, Setting};
use crate::board::{Mac, Ports};

settings! {
    of machine;

    above all tables {
        /// The targets database.
        targets: PathBuf = "/etc/piprov/targets.csv".into(), "targets" as HostPath;
        /// Where state that outlives the process is kept. For users other than root it is
        /// $XDG_STATE_HOME/piprov, or ~/.local/state/piprov without that variable.
        state_dir: PathBuf = machine.state_dir(), "state-dir" as HostPath;
        // Of every user: what root's udev helper keeps there is read by others.
        /// Where state is kept that the next start of the machine has no use for, such as what the udev
        /// helper knows of each USB port.
        runtime_dir: PathBuf = "/run/piprov".into(), "runtime-dir" as HostPath;
        /// The socket at which `piprov netboot serve` takes boards of `piprov flash`, which finds TFTP's
        /// port busy. Its directory belongs to root or to this user, and nobody else can write there. With
        /// "off" there is none.
        control_socket: Option<PathBuf> = Some("/run/piprov/control.sock".into()),
            "control-socket" as HostPathOrOff;
    }

    /// Everything below `[flash]`.
    flash: Flash {
        /// Where `piprov flash` serves TFTP. U-Boot knows no other port.
        listen: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 69)), "flash.listen" as Listen { port: 69 };
        // Boards with 512 MiB take it with room to spare.
        /// How much of an image a board fetches at a time. It must fit into the board's memory beside
        /// U-Boot: 256MiB fits boards with 512 MiB, 750MiB those with 1 GiB.
        part_size: u64 = 256 << 20, "flash.part-size" as PartSize { least: 1 << 20, block: 512 };
        /// How long a board may take from the reset to its first request.
        boot_timeout: Duration = Duration::from_secs(60), "flash.boot-timeout" as Seconds(1.0..=86400.0);
        /// How long to wait between the resets of two boards.
        stagger: Duration = Duration::ZERO, "flash.stagger" as Seconds(0.0..=3600.0);
    }

    /// Everything below `[reset]`.
    reset: Reset {
        /// How long a reset line is held low.
        hold: Duration = Duration::from_millis(500), "reset.hold" as Seconds(0.05..=60.0);
        /// How long a reset command may take.
        command_timeout: Duration = Duration::from_secs(30), "reset.command-timeout" as Seconds(1.0..=3600.0);
    }

    /// Everything below `[tftp]`.
    tftp: Tftp {
        // With larger windows U-Boot's receive ring overruns and the transfer stalls for ever.
        /// The largest window (RFC 7440) that a TFTP client gets, in blocks. U-Boot's receive ring
        /// overruns with much larger ones.
        max_window: u16 = 16, "tftp.max-window" as Whole(1..=65535);
        // U-Boot takes no more.
        /// The largest block (RFC 2348) that a TFTP client gets, in bytes. 1468 fits an Ethernet frame.
        max_blksize: u16 = 1468, "tftp.max-blksize" as Whole(8..=65464);
    }

    /// Everything below `[usb]`.
    usb: Usb {
        /// The live tree: the directory that the USB file server serves.
        live: PathBuf = "/srv/usbboot/live".into(), "usb.live" as HostPath;
        /// The directory with the boards' own files in 1ststage, by-serial/SERIAL and default.
        clients: PathBuf = "/srv/usbboot/clients".into(), "usb.clients" as HostPath;
        // What the first stage that piprov's users have today calls itself. The vendor id is nobody's.
        /// What single boards are served in USB boot where the command line names no directory: a table each, of
        /// which the first counts that is for the board. Boards without a table get what the package rpiboot
        /// installs.
        boards: Vec<BoardRule> = Vec::new(), "usb.board" as Tables::<BoardRule>::new();
        /// The only USB ports at which boards are booted and reached over their cable, such as
        /// `["1-1.2", "1-1.3.*", "2-*"]`: a port, all behind a hub, all of a bus. Without it all are.
        ports: Vec<Ports> = Vec::new(), "usb.ports" as List(SomePorts);
        /// Vendor and product id of the first stage's serial port. `piprov udev install` writes it into
        /// the udev rules.
        gadget: (u16, u16) = (0xf055, 0xb007), "usb.gadget" as UsbIds;
        // A board that restarts looks for an SD card before it tries USB.
        /// How long a port may be empty while the board on it starts again. After that its files are no
        /// longer served there, because another board may have been plugged in.
        restart_window: Duration = Duration::from_secs(15), "usb.restart-window" as Seconds(1.0..=600.0);
    }

    /// Everything below `[netboot]`.
    netboot: Netboot {
        /// The network interface on which boards boot. It is never guessed: the wrong one is somebody's
        /// network.
        interface: Option<String> = None, "netboot.interface" as Optional(Interface);
        /// The address to serve from, where the interface has several. Without it, in mode dhcp, the one whose network
        /// has the range, else the first.
        server: Option<Ipv4Addr> = None, "netboot.server" as Optional(Ip);
        /// Where boards get their addresses from. With `proxy` another server gives them, and this one
        /// only tells boards where to boot from. With `dhcp` this one gives addresses too.
        mode: Mode = Mode::Proxy, "netboot.mode" as ModeForm;
        /// The addresses that mode dhcp gives out, both ends included.
        range: Option<(Ipv4Addr, Ipv4Addr)> = None, "netboot.range" as Optional(Range);
        /// How long an address is given for.
        lease_time: Duration = Duration::from_secs(12 * 3600),
            "netboot.lease-time" as Seconds(60.0..=31_536_000.0);
        /// The router that boards are told.
        router: Option<Ipv4Addr> = None, "netboot.router" as Optional(Ip);
        /// The name servers that boards are told.
        dns: Vec<Ipv4Addr> = Vec::new(), "netboot.dns" as List(Ip);
        /// Boards that always get the same address, such as `["dc:a6:32:01:02:03=10.0.0.21"]`.
        hosts: Vec<(Mac, Ipv4Addr)> = Vec::new(), "netboot.hosts" as List(OfBoard(Ip));
        /// First halves of MAC addresses that count as a Raspberry Pi's, besides those that are known.
        oui: Vec<[u8; 3]> = Vec::new(), "netboot.oui" as List(Oui);
        // The ROM hangs when its first file comes within two seconds of its question.
        /// How long the answer to the boot ROM of a Pi 2 or 3 is held back. It hangs when its first file
        /// comes sooner.
        rom_delay: Duration = Duration::from_secs(2), "netboot.rom-delay" as Seconds(0.0..=4.0);
        /// The same for single boards of any kind, such as `["b8:27:eb:01:02:03=1.5"]`.
        delays: Vec<(Mac, Duration)> = Vec::new(), "netboot.delays" as List(OfBoard(Seconds(0.0..=10.0)));
        /// Whether mode dhcp gives addresses to everybody, not to Raspberry Pis only.
        everyone: bool = false, "netboot.everyone" as Truth;
        /// Further networks in which mode dhcp gives addresses, behind relays or on other interfaces: a table each.
        subnets: Vec<Subnet> = Vec::new(), "netboot.subnet" as Tables::<Subnet>::new();
        /// The only boards that DHCP answers, in both modes, such as `["dc:a6:32:01:02:03", "af04b2da", "2c:cf:67"]`:
        /// MAC addresses, serial numbers, or first halves of MAC addresses. Without it all are answered. The bootloader
        /// of a 3B+ or later tells its serial number. A system tells none, and neither does the ROM of a Pi 2 or 3, whose
        /// MAC address has the number in it. It keeps strangers out of the way, and no attackers: a MAC
        /// address can be made up.
        allow: Vec<BoardName> = Vec::new(), "netboot.allow" as List(BoardNameForm);
        /// Boards that DHCP never answers, in both modes, named as those of `netboot.allow`.
        deny: Vec<BoardName> = Vec::new(), "netboot.deny" as List(BoardNameForm);
        /// What serves the boot files instead of this program: the address of another TFTP server, such as that of a
        /// NAS, or of this host where another program serves TFTP. With it this program serves DHCP only, and boards
        /// are flashed from here no more.
        tftp_server: Option<Ipv4Addr> = None, "netboot.tftp-server" as Optional(Ip);
        /// The text in option 43 for boards whose bootloader was told to look for another one (PXE_OPTION43). Without it,
        /// what all others look for, "Raspberry Pi Boot".
        option_43: Option<String> = None, "netboot.option-43" as Optional(MenuText);
        /// What PCs are to boot, by architecture: 0 is BIOS, 7 is UEFI, such as
        /// `["0=undionly.kpxe", "7=ipxe.efi"]`. Without it they are left alone.
        boot_files: Vec<(u16, String)> = Vec::new(), "netboot.boot-files" as List(BootFile);
        /// Where boards find their station, such as `http://10.0.0.1:8080`: what DHCP tells those that ask for it
        /// (option 224). Their boot files may say so too.
        station: Option<String> = None, "netboot.station" as Optional(StationUrl);
        /// The directory that boards fetch their boot files from: DIR/SERIAL or DIR/MAC for one board,
        /// DIR itself for all.
        tftp_root: PathBuf = "/srv/netboot/tftp".into(), "netboot.tftp-root" as HostPath;
        /// Where the roots of clients are: boards without an SD card.
        clients: PathBuf = "/srv/netboot/clients".into(), "netboot.clients" as HostPath;
        /// Where the roots are that several clients share.
        shared: PathBuf = "/srv/netboot/shared".into(), "netboot.shared" as HostPath;
        /// Where the records of clients and the leases are kept.
        state: PathBuf = "/var/lib/piprov/netboot".into(), "netboot.state" as HostPath;
    }
    /// Everything below `[station]`.
    station: Station {
        /// Where the station listens for boards and for programs on other hosts, such as
        /// `["10.0.0.1:8080", "[::1]:8080"]`. Without TLS, tokens and images can be read on the way.
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            "station.listen" as List(Listen { port: 8080 });
        /// The Unix socket of the station, for root and the group piprov. With "off" there is none.
        socket: Option<PathBuf> = Some("/run/piprov/station.sock".into()), "station.socket" as HostPathOrOff;
        /// Where the station keeps its database, its images and its keys. Without it, `station` below state-dir.
        state: Option<PathBuf> = None, "station.state" as Optional(HostPath);
        /// A PostgreSQL database instead of SQLite in the station's state, such as
        /// `postgres:///piprov?host=/run/postgresql`. Its password comes from ~/.pgpass or PGPASSWORD.
        store: Option<String> = None, "station.store" as Optional(Database);
        /// Where a new station keeps the bytes of its images: `directory`, in its state, or in a bucket, such as
        /// `s3://piprov` or `s3://piprov/lab`. Where they are kept already they stay until `piprov objects move`. The
        /// server, the region and the keys come from AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and
        /// AWS_SECRET_ACCESS_KEY, or from `station.objects-credentials`. Without an endpoint it is Amazon's.
        objects: Option<ObjectPlace> = None, "station.objects" as Optional(ObjectPlaceForm);
        /// A file with the keys for that bucket, as ~/.aws/credentials is written: its part `[default]` counts, and may
        /// have `region` and `endpoint_url` too. Others than its owner and group may not read it. It counts instead of
        /// the environment.
        objects_credentials: Option<PathBuf> = None, "station.objects-credentials" as Optional(HostPath);
        /// So long the station asks a bucket again that doesn't answer, before it says so.
        objects_patience: Duration = Duration::from_secs(90), "station.objects-patience" as Seconds(0.0..=600.0);
        /// What becomes of a board that nobody knows. With `ask` a person has to say that it may take work; with
        /// `open` it may.
        enrol: Enrol = Enrol::Ask, "station.enrol" as EnrolForm;
        /// So many days runs stay in the station, with their logs: what was done to boards. With "off" for ever. One
        /// that goes on, and one that has made a backup, stays.
        keep_runs: Option<u16> = None, "station.keep-runs" as DaysOrOff;
        /// So many days the lines of runs' logs stay; with "off" as long as their runs.
        keep_logs: Option<u16> = Some(90), "station.keep-logs" as DaysOrOff;
        /// So many days it stays where boards were seen, and boards stay of which nothing else is known.
        keep_sightings: Option<u16> = Some(30), "station.keep-sightings" as DaysOrOff;
        /// So many days it stays what people did.
        keep_audit: Option<u16> = Some(730), "station.keep-audit" as DaysOrOff;
        /// Whether boards are served whose client is a shell script, also that of the old utility OS of cmprovision. It has no
        /// key: its board is known by its Ethernet address or serial number alone, which others on the network can tell too.
        shell_clients: bool = true, "station.shell-clients" as Truth;
        /// Whether hooks may be at addresses of the station's own host. Without it what has a hook to make can't reach
        /// what serves this host alone.
        hooks_local: bool = false, "station.hooks-local" as Truth;
        /// A directory with hooks that the station runs on its host: `EVENT` and what is in `EVENT.d`, for bootstrap,
        /// started, boot-mounted, root-mounted, done and failed. Root or the station's user owns it and all in it, and
        /// nobody else may write there.
        hooks_dir: Option<PathBuf> = None, "station.hooks-dir" as Optional(HostPath);
        /// A directory of the station's host with EEPROM images, which the page Firmware offers: as Raspberry Pi's package
        /// rpi-eeprom has them.
        firmware_dir: Option<PathBuf> = Some("/usr/lib/firmware/raspberrypi".into()),
            "station.firmware-dir" as HostPathOrOff;
        /// Programs of the station's host that print labels, such as those of CUPS. Nobody can name another one to the station.
        print_command: Vec<PrintCommand> = Vec::new(),
            "station.print-command" as Tables::<PrintCommand>::new();
        /// The directory for printers that make files of labels, each in a directory of its own there.
        print_dir: Option<PathBuf> = None, "station.print-dir" as Optional(HostPath);
        /// Whether printers may be at addresses of the station's own host. Without it who has a printer to make can't
        /// reach what serves this host alone.
        printers_local: bool = false, "station.printers-local" as Truth;
        /// Whether images may be fetched from addresses of the station's own host. Without it who adds one by its URL can't
        /// reach what serves this host alone.
        images_local: bool = false, "station.images-local" as Truth;
        /// The header in which a reverse proxy names the user that it has signed in, such as `X-Remote-User`. It counts
        /// from the addresses of `station.proxy-from` only; the user has to be one of the station.
        proxy_header: Option<String> = None, "station.proxy-header" as Optional(HeaderName);
        /// The addresses or networks of reverse proxies, such as `["10.0.0.5", "fd00::/64"]`. A proxy has to take the
        /// header away from what browsers send. For whom it asks is what it has added last to `X-Forwarded-For`:
        /// that address counts in the audit and for limits.
        proxy_from: Vec<Network> = Vec::new(), "station.proxy-from" as List(NetworkForm);
        /// Names and addresses by which people and boards reach the station beside those that this host and its
        /// certificate have, such as `["station.example"]`: what a reverse proxy or a router in front of it is called.
        /// A call under another name is refused, since a page of another site may hide behind it.
        names: Vec<String> = Vec::new(), "station.names" as List(ServerName);
        /// The certificate of the station, PEM. With it the station speaks HTTPS only. Without it, what
        /// `piprov station cert` made is taken.
        tls_cert: Option<PathBuf> = None, "station.tls-cert" as Optional(HostPath);
        /// The key of that certificate, PEM, which only the station's user can read.
        tls_key: Option<PathBuf> = None, "station.tls-key" as Optional(HostPath);
        /// The station that `piprov board`, `piprov image` and the others speak to, such as
        /// `https://station.example:8080`. Without it, the one on this host, through its socket.
        url: Option<String> = None, "station.url" as Optional(StationUrl);
        /// The file with the token for that station, which only its owner can read.
        token_file: Option<PathBuf> = None, "station.token-file" as Optional(HostPath);
        /// sha256 of that station's certificate, as `piprov station cert` tells it. Without it the certificate has to
        /// be of an authority that this system trusts.
        pin: Option<String> = None, "station.pin" as Optional(Sha256);
    }
}
