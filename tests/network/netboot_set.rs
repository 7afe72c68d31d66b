//! `piprov netboot client set`: what a client has changes, and its root stays.

#![allow(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use crate::netboot::{Room, fails, image, ok, ran, shell};

/// A program `exportfs` that does nothing but end with this.
fn exportfs(room: &Room, code: i32) -> String {
    let dir = room.at("bin");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("exportfs"), format!("#!/bin/sh\necho no such thing >&2\nexit {code}\n"))
        .unwrap();
    shell(room.path(), "chmod 755 bin/exportfs");
    format!("{}:{}", dir.display(), std::env::var("PATH").unwrap())
}

fn with(mut command: Command, path: &str) -> Command {
    command.env("PATH", path);
    command
}

/// A room with a client and exports.
fn client() -> (Room, String) {
    let room = Room::new();
    image(room.path(), 12, 80);
    let path = exportfs(&room, 0);
    ok(with(room.add("lab-01", "a2ef5644", "disk.img", &[]), &path));
    (room, path)
}

/// All that the client consists of: names, contents and modes of its files, its record, the exports.
fn whole(room: &Room) -> String {
    let script = "files() { find srv state/clients etc -type f ! -name 'not utf-8*' \"$@\"; }; \
                  files -printf '%p %m %U %G\\n' | sort; files -exec sha256sum {} + | sort -k2";
    shell(room.path(), script)
}

#[test]
fn another_board_server_and_mode_and_the_root_stays() {
    let (room, path) = client();
    let srv = room.at("srv").canonicalize().unwrap();
    let srv = srv.display();
    std::fs::write(room.at("srv/clients/lab-01/home/pi/kept"), "the client's own").unwrap();
    let inode = std::fs::metadata(room.at("srv/clients/lab-01")).unwrap().ino();
    let before = whole(&room);
    let line = ["set", "lab-01", "--board=DC:A6:32:01:36:C2", "--server=10.9.0.1", "--network=10.9.0.0/24"];
    let dry = ok(with(room.client(&[&line[..], &["--mode=ro", "-n"]].concat()), &path));
    assert_eq!(whole(&room), before, "a dry run changes nothing");
    for said in [
        "lab-01  board: dc:a6:32:01:36:c2, was a2ef5644\n",
        "lab-01  mode: ro, was rw\n",
        "lab-01  server: 10.9.0.1, was 10.0.0.1\n",
        "lab-01  network: 10.9.0.0/24, was 10.0.0.0/24\n",
        "would move",
        "root: etc/fstab",
        "boot: cmdline.txt",
    ] {
        assert!(dry.contains(said), "{said}: {dry}");
    }
    let out = ok(with(room.client(&[&line[..], &["--mode=ro"]].concat()), &path));
    assert!(out.contains("lab-01 set: ") && out.contains("from its next start on"), "{out}");
    assert!(!room.at("srv/tftp/a2ef5644").exists());
    let boot = "srv/tftp/dc-a6-32-01-36-c2";
    let line = room.read(&format!("{boot}/cmdline.txt"));
    assert!(line.contains(&format!("nfsroot=10.9.0.1:{srv}/clients/lab-01,vers=3,tcp ro ip=dhcp")), "{line}");
    assert!(room.at(&format!("{boot}/overlays/disable-bt.dtbo")).exists());
    let fstab = room.read("srv/clients/lab-01/etc/fstab");
    assert!(fstab.contains(&format!("10.9.0.1:{srv}/tftp/dc-a6-32-01-36-c2 /boot/firmware nfs")), "{fstab}");
    assert!(fstab.contains("tmpfs /var/log"), "{fstab}");
    let exports = room.read("etc/exports.d/piprov.exports");
    let ro = "10.9.0.0/24(ro,sync,no_subtree_check,no_root_squash";
    for place in ["clients/lab-01", "tftp/dc-a6-32-01-36-c2"] {
        assert!(exports.contains(&format!("\n{srv}/{place} {ro}")), "{exports}");
    }
    assert!(!exports.contains("10.0.0.0") && !exports.contains("a2ef5644"), "{exports}");
    assert_eq!(std::fs::metadata(room.at("srv/clients/lab-01")).unwrap().ino(), inode);
    assert_eq!(room.read("srv/clients/lab-01/home/pi/kept"), "the client's own");
    // What is so already is no change, and a board of many digits is the same one.
    let again = ok(with(room.client(&["set", "lab-01", "--mode=ro", "--server=10.9.0.1"]), &path));
    assert_eq!(again, "lab-01 is so already\n");
    let dry = ok(with(room.client(&["set", "lab-01", "--mode=ro", "--server=10.9.0.1", "-n"]), &path));
    assert_eq!(dry, "lab-01 is so already\n", "a dry run says so too");
    // Back again, all is as it was; but for the machine id, which a root that forgets had none of.
    ok(with(
        room.client(&[
            "set",
            "lab-01",
            "--board=a2ef5644",
            "--server=10.0.0.1",
            "--network=10.0.0.0/24",
            "--mode=rw",
        ]),
        &path,
    ));
    assert_eq!(whole(&room), before);
    ok(with(room.client(&["remove", "lab-01", "--confirm=lab-01"]), &path));
    assert_eq!(
        shell(room.path(), "find srv state -type f -o -type d -name 'dc-*'| grep -v lock || true"),
        ""
    );
}

#[test]
fn what_cannot_be_is_refused_before_anything_changes() {
    let (room, path) = client();
    ok(with(room.add("lab-02", "a2ef5645", "disk.img", &["--mode=overlay"]), &path));
    std::fs::create_dir(room.at("srv/tftp/a2ef5646")).unwrap();
    let before = whole(&room);
    for (line, code, said) in [
        (vec!["set", "lab-03", "--mode=ro"], 66, "Did you mean"),
        (vec!["set", "lab-01", "--board=xyz"], 2, "/proc/cpuinfo"),
        (vec!["set", "lab-01", "--board=10000000A2EF5645"], 73, "client `lab-02`"),
        (vec!["set", "lab-01", "--board=a2ef5646"], 73, "is there already"),
        (vec!["set", "lab-01", "--mode=overlay"], 2, "another root"),
        (vec!["set", "lab-02", "--mode=rw"], 2, "another root"),
        (vec!["set", "lab-01", "--network=*"], 2, "never for everybody"),
        (vec!["set", "lab-01", "--server=172.16.9.9"], 2, "no address of this host"),
    ] {
        let told = fails(with(room.client(&line), &path), code);
        assert!(told.contains(said), "{line:?}: {told}");
        assert_eq!(whole(&room), before, "{line:?}");
    }
    let (code, _, said) = ran(with(room.client(&["set", "lab-01"]), &path));
    assert!(code == 2 && said.contains("--board"), "{said}");
    // Where another program exports it, that is known before too.
    std::fs::write(
        room.at("etc/exports"),
        format!("{}/tftp/a2ef5647 *(rw)\n", room.at("srv").canonicalize().unwrap().display()),
    )
    .unwrap();
    let told = fails(with(room.client(&["set", "lab-01", "--board=a2ef5647"]), &path), 73);
    assert!(told.contains("etc/exports:1"), "{told}");
}

#[test]
fn a_change_that_fails_is_put_back() {
    let (room, path) = client();
    let before = whole(&room);
    let change =
        ["set", "lab-01", "--board=a2ef5649", "--server=10.9.0.1", "--network=10.9.0.0/24", "--mode=ro"];
    // The exports fail: putting them back fails too, and the record says so.
    exportfs(&room, 1);
    let (code, _, said) = ran(with(room.client(&change), &path));
    assert!(code == 1 && said.contains("could not be put back") && said.contains("--repair"), "{said}");
    let (code, out, _) = ran(with(room.client(&["check", "lab-01"]), &path));
    assert!(code == 1 && out.contains("half changed"), "{out}");
    assert!(ok(room.client(&["list"])).contains("half changed"));
    let said = fails(with(room.client(&["rename", "lab-01", "lab-09"]), &path), 2);
    assert!(said.contains("half changed"), "{said}");
    exportfs(&room, 0);
    ran(with(room.client(&["check", "lab-01", "--repair"]), &path));
    assert_eq!(whole(&room), before);
    // A file that the checklist can't write: a directory is in its place.
    shell(room.path(), "mv srv/tftp/a2ef5644/cmdline.txt kept; mkdir -p srv/tftp/a2ef5644/cmdline.txt/x");
    let said = ran(with(room.client(&change), &path)).2;
    assert!(said.contains("cmdline.txt"), "{said}");
    assert!(room.at("srv/tftp/a2ef5644").exists() && !room.at("srv/tftp/a2ef5649").exists());
    shell(room.path(), "rm -r srv/tftp/a2ef5644/cmdline.txt; mv kept srv/tftp/a2ef5644/cmdline.txt");
    ran(with(room.client(&["check", "lab-01", "--repair"]), &path));
    assert_eq!(whole(&room), before);
}

/// As a run leaves it that was killed between its steps: the record says what it becomes, and the boot files are moved or
/// not.
#[test]
fn a_killed_change_is_put_back_by_what_comes_next() {
    for (moved, next) in [
        (false, ["check", "lab-01", "--repair"]),
        (true, ["check", "lab-01", "--repair"]),
        (true, ["set", "lab-01", "--board=a2ef5644"]),
        (true, ["remove", "lab-01", "--confirm=lab-01"]),
    ] {
        let (room, path) = client();
        let before = whole(&room);
        let boot = room.at("srv/tftp").canonicalize().unwrap().join("a2ef5649");
        let record = room.read("state/clients/lab-01.toml");
        let becoming = format!(
            "[becoming]\nboard = \"a2ef5649\"\nmode = \"ro\"\nboot = {:?}\nserver = \"10.9.0.1\"\nnetwork = \"10.9.0.0/24\"\n\n",
            boot.display().to_string()
        );
        let record = record.replacen("[[keys]]", &format!("{becoming}[[keys]]"), 1);
        assert!(record.contains("[becoming]"));
        std::fs::write(room.at("state/clients/lab-01.toml"), record).unwrap();
        if moved {
            std::fs::rename(room.at("srv/tftp/a2ef5644"), &boot).unwrap();
            shell(room.path(), "sed -i s/10.0.0.1/10.9.0.1/ srv/tftp/a2ef5649/cmdline.txt");
        }
        // Nobody else gets that board meanwhile.
        let said = fails(with(room.add("lab-02", "a2ef5649", "disk.img", &[]), &path), 73);
        assert!(said.contains("lab-01") || said.contains("is there already"), "{said}");
        let said = ran(with(room.client(&next), &path)).2;
        assert!(!moved || !said.contains(" 0 files changed"), "{said}");
        if next[0] == "remove" {
            assert_eq!(shell(room.path(), "ls srv/tftp srv/clients 2>/dev/null || true"), "");
        } else {
            assert_eq!(whole(&room), before, "{moved} {next:?}");
        }
    }
}

#[test]
fn links_of_a_client_lead_a_change_nowhere_else() {
    let (room, path) = client();
    shell(
        room.path(),
        "mkdir outside; for f in fstab hosts hostname machine-id cmdline.txt; do echo secret > outside/$f; done; chmod 600 outside/*; \
         cd srv/clients/lab-01; rm etc/fstab; ln -s ../../../../outside/fstab etc/fstab; rm -r etc/systemd; ln -s ../../../../outside etc/systemd",
    );
    let outside = room.at("outside");
    // A client may write its boot files too.
    std::fs::remove_file(room.at("srv/tftp/a2ef5644/cmdline.txt")).unwrap();
    symlink(outside.join("cmdline.txt"), room.at("srv/tftp/a2ef5644/cmdline.txt")).unwrap();
    let script = "find outside -printf '%p %m %U %s %T@ %y\\n' | sort; cat outside/*";
    let before = shell(room.path(), script);
    let change = ["set", "lab-01", "--board=a2ef5649", "--server=10.9.0.1", "--network=10.9.0.0/24"];
    ran(with(room.client(&change), &path));
    assert_eq!(shell(room.path(), script), before);
    shell(room.path(), "! grep -rq secret srv");
}

#[test]
fn a_client_that_is_exported_from_an_address_that_is_gone_is_told() {
    let (room, path) = client();
    let (code, out, _) = ran(with(room.client(&["check", "lab-01"]), &path));
    assert!(
        code == 1 && out.contains("looks for its root at 10.0.0.1, which is no address of this host"),
        "{out}"
    );
    assert!(out.contains("netboot client set lab-01") && out.contains("--server"), "{out}");
}

#[test]
fn a_damaged_record_stops_no_look_at_the_others_and_no_name_counts_twice() {
    let (room, path) = client();
    let before = whole(&room);
    for (line, said) in [
        (&["check", "lab-01", "lab-01"][..], "named twice"),
        (&["rename", "lab-01", "lab-01"], "has that name already"),
        (&["set", "lab-01", "--server=224.0.0.1", "--network=10.0.0.0/24"], "can't be a server's address"),
        (&["set", "lab-01", "--address=10.0.0.1"], "of its server"),
        (&["set", "lab-01", "--interface="], "no interface has an empty name"),
    ] {
        let told = fails(with(room.client(line), &path), 2);
        assert!(told.contains(said) && !told.contains("client remove"), "{line:?}: {told}");
    }
    let record = room.at("state/clients/lab-07.toml");
    std::fs::write(&record, "garbage").unwrap();
    for line in [&["list"][..], &["check"], &["check", "lab-01"]] {
        let (code, out, said) = ran(with(room.client(line), &path));
        assert!(
            code == 65 && out.contains("lab-01") && said.contains("lab-07.toml"),
            "{line:?}: {out}{said}"
        );
    }
    std::fs::remove_file(&record).unwrap();
    assert_eq!(whole(&room), before);
}

#[test]
fn what_does_not_need_a_damaged_record_goes_on() {
    let (room, path) = client();
    ok(with(room.add("lab-02", "a2ef5645", "disk.img", &[]), &path));
    let before = whole(&room);
    let record = room.at("state/clients/lab-02.toml");
    let good = room.read("state/clients/lab-02.toml");
    let exports = room.read("etc/exports.d/piprov.exports");
    let of_lab_02: Vec<&str> =
        exports.lines().filter(|line| line.contains("lab-02") || line.contains("a2ef5645")).collect();
    assert_eq!(of_lab_02.len(), 4, "{exports}");
    for damage in ["file", "directory", "pipe", "link"] {
        std::fs::remove_file(&record).unwrap();
        match damage {
            "file" => std::fs::write(&record, "garbage").unwrap(),
            "directory" => std::fs::create_dir(&record).unwrap(),
            "pipe" => drop(shell(room.path(), "mkfifo state/clients/lab-02.toml")),
            _ => symlink("lab-01.toml", &record).unwrap(),
        }
        ok(with(room.client(&["set", "lab-01", "--mode=ro", "-n"]), &path));
        ok(with(room.client(&["set", "lab-01", "--mode=ro"]), &path));
        ok(with(room.client(&["set", "lab-01", "--mode=rw"]), &path));
        ok(with(room.client(&["rename", "lab-01", "lab-05"]), &path));
        ok(with(room.client(&["rename", "lab-05", "lab-01"]), &path));
        ok(with(room.add("lab-03", "a2ef5646", "disk.img", &[]), &path));
        ok(with(room.client(&["remove", "lab-03", "--confirm=lab-03"]), &path));
        // What is told is the damaged one alone.
        let (code, out, said) = ran(with(room.client(&["check", "lab-01", "--repair"]), &path));
        assert!(
            code == 65 && out.contains("lab-01") && said.contains("lab-02.toml"),
            "{damage}: {out}{said}"
        );
        // What its client has is nobody else's.
        for (line, code) in [
            (&["remove", "lab-02", "--confirm=lab-02"][..], 65),
            (&["rename", "lab-01", "lab-02"], 65),
            (&["set", "lab-01", "--board=a2ef5645"], 73),
        ] {
            let said = fails(with(room.client(line), &path), code);
            assert!(code == 73 || said.contains("its exports go"), "{damage} {line:?}: {said}");
        }
        for (board, mode, code) in [("a2ef5645", "--mode=rw", 73), ("a2ef5646", "--mode=overlay", 65)] {
            fails(with(room.add("lab-03", board, "disk.img", &[mode]), &path), code);
        }
        let exports = room.read("etc/exports.d/piprov.exports");
        for line in &of_lab_02 {
            assert!(exports.contains(line), "{damage}: {line}: {exports}");
        }
        if record.is_dir() {
            std::fs::remove_dir(&record).unwrap();
        } else {
            std::fs::remove_file(&record).unwrap();
        }
        std::fs::write(&record, &good).unwrap();
        std::fs::set_permissions(&record, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        ran(with(room.client(&["check", "--repair"]), &path));
        assert_eq!(whole(&room), before, "{damage}");
    }
}

#[test]
fn a_directory_where_a_file_is_written_is_told_before_anything_changes() {
    let (room, path) = client();
    for file in [
        "etc/hostname",
        "etc/machine-id",
        "etc/systemd/system/piprov-resolve.service",
        "etc/systemd/system/multi-user.target.wants/piprov-resolve.service",
    ] {
        let place = room.at("srv/clients/lab-01").join(file);
        std::fs::rename(&place, room.at("kept")).unwrap();
        std::fs::create_dir(&place).unwrap();
        let before = whole(&room);
        let said = fails(with(room.client(&["set", "lab-01", "--mode=ro"]), &path), 65);
        assert!(said.contains(&format!("{file} is a directory")) && said.contains("Move it away"), "{said}");
        assert_eq!(whole(&room), before, "{file}");
        // The others are looked at all the same, and this one is named.
        let (code, out, _) = ran(with(room.client(&["check"]), &path));
        assert!(code == 1 && out.contains("lab-01  source: ") && out.contains("is a directory"), "{out}");
        std::fs::remove_dir(&place).unwrap();
        std::fs::rename(room.at("kept"), &place).unwrap();
    }
}

#[test]
fn addresses_that_are_no_hosts_are_refused_and_those_of_another_network_told() {
    let room = Room::new();
    image(room.path(), 12, 80);
    let server = ["--server=198.51.100.1", "--no-exports"];
    let mut line = vec!["add", "lab-01", "--board=a2ef5644", "--from=disk.img", "--network=198.51.100.0/24"];
    line.extend(server);
    ok(room.client(&line));
    let before = whole(&room);
    for bad in [
        "--server=198.51.100.255",
        "--server=198.51.100.0",
        "--address=198.51.100.255",
        "--address=198.51.100.0",
    ] {
        let said = fails(room.client(&["set", "lab-01", bad]), 2);
        assert!(said.contains("it is no host's"), "{bad}: {said}");
    }
    assert_eq!(whole(&room), before);
    let (code, _, said) = ran(room.client(&["set", "lab-01", "--address=203.0.113.5", "-n"]));
    assert!(code == 0 && said.contains("203.0.113.5 is not in 198.51.100.0/24"), "{said}");
}

#[test]
fn a_table_that_cannot_be_kept_is_refused_before_anything_changes() {
    let (room, path) = client();
    // A link that leads nowhere at the client stands where a directory is needed.
    shell(room.path(), "cd srv/clients/lab-01/etc && mv systemd ../kept && ln -s /nowhere systemd");
    let before = whole(&room);
    let said = fails(with(room.client(&["set", "lab-01", "--board=a2ef5649"]), &path), 65);
    assert!(said.contains("etc/systemd is a link that leads nowhere"), "{said}");
    let said = fails(with(room.client(&["check", "--repair"]), &path), 65);
    assert!(said.contains("Put a plain directory there"), "{said}");
    assert_eq!(whole(&room), before);
}
