//! The station as its unit runs it, below a real systemd: what hooks on its host can do there, and what a drop-in gives them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

use crate::rig;

rig::scenarios! {
    station_unit:
    a_hook_can_do_what_the_manual_says_and_no_more,
    an_nvme_disk_tells_its_wear,
}

mod scenario {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use serde_json::Value;

    use crate::rig::guest::{install_units, piprov, run};
    use crate::rig::{PATIENCE, pause, until};

    /// A line for each thing that was tried: `curl yes`, `mount no`.
    const HOOK: &str = r#"#!/bin/sh
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name yes"; else echo "$name no"; fi; }
try home sh -c 'echo x >"$HOME/x"'
try state sh -c 'echo x >/var/lib/piprov/station/own.txt'
try tmp sh -c 'echo x >/tmp/x'
try lock flock /var/lib/piprov/station/own.txt true
try children sh -c 'sleep 0 & wait'
try limit timeout 5 true
try settings cat /etc/piprov/list.txt
try curl curl -sf --max-time 20 http://127.0.0.1:8080/healthz
try name curl -sf --max-time 20 http://localhost:8080/healthz
try python python3 -c 'import json, socket, subprocess; subprocess.run(["true"], check=True)'
try records sh -c 'echo x >/var/lib/piprov/x'
try elsewhere sh -c 'echo x >/srv/batch/x'
try hooks sh -c 'echo x >"$PIPROV_HOOKS_DIR/x"'
try homes ls /root
try memory head -c 1 /dev/mem
try serial sh -c ': </dev/ttyS0'
try mount unshare -rm true
try owner chown 0 /tmp/x
try priority renice -n 5 $$
try interfaces ip link
try processes ls /proc/1
try memory-facts cat /proc/meminfo
try raw python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'
try machine-code python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)'
"#;

    /// What a hook can do by itself.
    const CAN: [&str; 10] = [
        "home yes",
        "state yes",
        "tmp yes",
        "lock yes",
        "children yes",
        "limit yes",
        "settings yes",
        "curl yes",
        "name yes",
        "python yes",
    ];
    /// What it can't.
    const CANNOT: [&str; 14] = [
        "records no",
        "elsewhere no",
        "hooks no",
        "homes no",
        "memory no",
        "serial no",
        "mount no",
        "owner no",
        "priority no",
        "interfaces no",
        "processes no",
        "memory-facts no",
        "raw no",
        "machine-code no",
    ];

    /// A simulated board. Its coming is what the hook runs for.
    struct Board(Child);

    impl Board {
        fn comes(serial: &str) -> Self {
            run(&format!("truncate -s 1M /run/{serial}.disk"));
            let mut command = Command::new(env!("CARGO_BIN_EXE_piprov-agent"));
            command.args(["--station", "http://127.0.0.1:8080", "--serial", serial]);
            command.args(["--disk", &format!("/run/{serial}.disk"), "--key", &format!("/run/{serial}.key")]);
            Self(command.stdout(Stdio::null()).spawn().unwrap())
        }
    }

    impl Drop for Board {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// What a command of the station prints, asked for again and again. Each costs the machine seconds, so with pauses.
    fn told<T>(what: &str, arguments: &[&str], mut look: impl FnMut(&Value) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let out = piprov(arguments);
            let text = String::from_utf8(out.stdout).unwrap();
            let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(found) = lines.find_map(|line| look(&line)) {
                return found;
            }
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(begun.elapsed() < 5 * PATIENCE, "{what} doesn't come: {text}{said}");
            pause(Duration::from_secs(3));
        }
    }

    /// What the hook printed for a board that comes now.
    fn tried(serial: &str) -> Vec<String> {
        let _board = Board::comes(serial);
        told("the hook's end", &["hook", "host", "--json"], |line| {
            let said =
                (line["event"] == "host-hook-run").then(|| line["value"]["ended"]["output"].as_str())??;
            Some(said.lines().map(str::to_owned).collect())
        })
    }

    pub(super) fn a_hook_can_do_what_the_manual_says_and_no_more() {
        install_units(&["piprov-station.service", "piprov-station.socket"]);
        run("mkdir -p /etc/piprov/hooks/bootstrap.d /srv/batch; chmod 777 /srv/batch; echo x >/etc/piprov/list.txt
            printf '[station]\nenrol = \"open\"\nhooks-dir = \"/etc/piprov/hooks\"\n' >/etc/piprov/piprov.toml");
        std::fs::write("/etc/piprov/hooks/bootstrap.d/10-try", HOOK).unwrap();
        run(
            "chmod 755 /etc/piprov/hooks/bootstrap.d/10-try; chgrp dialout /dev/ttyS0; chmod 660 /dev/ttyS0; systemctl start piprov-station.service",
        );
        let told = tried("10000000aa00bb01");
        assert_eq!(told, [&CAN[..], &CANNOT[..]].concat());
        // As the manual says it.
        run("mkdir -p /etc/systemd/system/piprov-station.service.d
            printf '[Service]\nReadWritePaths=/srv/batch\nPrivateDevices=no\nDeviceAllow=/dev/ttyS0 rw\nSupplementaryGroups=dialout\n' \
                >/etc/systemd/system/piprov-station.service.d/hooks.conf
            systemctl daemon-reload; systemctl restart piprov-station.service");
        let told = tried("10000000aa00bb02");
        for (before, after) in [("elsewhere no", "elsewhere yes"), ("serial no", "serial yes")] {
            assert!(
                told.iter().any(|line| line == after) && told.iter().all(|line| line != before),
                "{told:?}"
            );
        }
        assert!(
            told.iter().any(|line| line == "records no") && told.iter().any(|line| line == "memory no"),
            "{told:?}"
        );
        run("systemctl stop piprov-station.service piprov-station.socket; rm -r /etc/piprov");
    }

    /// QEMU's disk, by the kernel's own driver.
    pub(super) fn an_nvme_disk_tells_its_wear() {
        install_units(&["piprov-station.service", "piprov-station.socket"]);
        run(
            "modprobe nvme; mkdir -p /etc/piprov; printf '[station]\nenrol = \"open\"\n' >/etc/piprov/piprov.toml",
        );
        until("the disk", || std::path::Path::new("/dev/nvme0n1").exists().then_some(()));
        // It counts what is written to it.
        run(
            "dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=2 oflag=direct status=none; systemctl start piprov-station.service",
        );
        let mut agent = Command::new(env!("CARGO_BIN_EXE_piprov-agent"));
        agent.args(["--this-host", "--station", "http://127.0.0.1:8080", "--key", "/run/this-host.key"]);
        let mut agent = agent.spawn().unwrap();
        let disk = told("the board's disk", &["board", "list", "--json"], |line| {
            let disks = line["value"]["disks"].as_array()?;
            disks.iter().find(|disk| disk["name"] == "nvme0n1").cloned()
        });
        let _ = agent.kill();
        let _ = agent.wait();
        assert_eq!((&disk["serial"], &disk["role"]), (&"RIG-0001".into(), &"nvme".into()), "{disk}");
        assert_eq!((&disk["used"], &disk["media_errors"]), (&0.into(), &0.into()), "{disk}");
        assert!(
            disk["bytes_written"].as_u64().is_some_and(|bytes| (2 << 20..64 << 20).contains(&bytes)),
            "{disk}"
        );
        assert_eq!(disk.get("warning"), None, "{disk}");
        run("systemctl stop piprov-station.service piprov-station.socket; rm -r /etc/piprov");
    }
}
