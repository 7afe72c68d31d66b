//! Images in a browser against those that send them, and against what is in them.

use std::process::Command;

use crate::browser::Browser;
use crate::station::Station;

#[test]
fn pieces_that_lie_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    let upload = ada.upload("x", "../../../etc/passwd", 20 << 20, "");
    // Too large, at a place that isn't next, that overflows, that is no number.
    assert_eq!(ada.piece(&upload, 0, &vec![0; (8 << 20) + 1]).status, 413);
    assert_eq!(ada.piece(&upload, 0, b"").status, 400);
    let proof = ada.proof();
    for (at, status) in [("1", 409), ("18446744073709551615", 409), ("-1", 422), ("", 400), ("0x0", 422)] {
        let path = format!("/uploads/{upload}/piece?at={at}");
        let answer = ada.send("POST", &path, Some(b"x"), &[("x-piprov-proof", &proof)]);
        assert_eq!(answer.status, status, "{at}");
    }
    // Without a proof, or with another session's.
    let other = Browser::user(&station, "eve", "admin").proof();
    for proof in ["", "00", &other] {
        let answer = ada.send(
            "POST",
            &format!("/uploads/{upload}/piece?at=0"),
            Some(b"x"),
            &[("x-piprov-proof", proof)],
        );
        assert_eq!(answer.status, 403, "{proof}");
    }
    // A name that leads elsewhere is none, wherever it stands.
    for wrong in ["..%2f..%2fserving.lock", "%2e%2e", "nothing", "%00"] {
        let answer = ada.send(
            "POST",
            &format!("/uploads/{wrong}/piece?at=0"),
            Some(b"x"),
            &[("x-piprov-proof", &proof)],
        );
        assert!((400..500).contains(&answer.status), "{wrong}: {}", answer.status);
    }
    for wrong in ["../x", "a/b", "a\nb", "<b>", &"x".repeat(64)] {
        let fields = [("name", wrong), ("file", "x"), ("size", "1")];
        assert_eq!(ada.post("/uploads", &fields).status, 422, "{wrong}");
    }
    let told = ada.post(&format!("/uploads/{upload}/state"), &[]).ok();
    assert_eq!(told["came"], 0);
    let page = ada.page("/images");
    assert!(page.contains(">passwd<") && !page.contains("etc/passwd"), "{page}");
}

#[test]
fn uploads_are_bounded_in_number() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    let mut taken = 0;
    for n in 0..25 {
        let name = format!("x{n}");
        let fields = [("name", name.as_str()), ("file", "x"), ("size", "1000")];
        match ada.post("/uploads", &fields).status {
            201 => taken += 1,
            status => assert_eq!(status, 422),
        }
    }
    assert_eq!(taken, 20);
}

#[test]
fn file_systems_that_lie_are_told_and_end() {
    let dir = tempfile::tempdir().unwrap();
    // A file that says that it has a tebibyte; a directory that does; a device; a name with markup.
    let script = r#"set -e; export PATH=$PATH:/usr/sbin:/sbin
        mkdir -p root/large; echo x > root/hole; echo x > root/file
        mkfs.ext4 -q -L '<script>' -d root part 16M
        printf 'set_inode_field hole size 1099511627776\nset_inode_field large size 1073741824\nmknod node b 8 0\n' > commands
        debugfs -w -f commands part >/dev/null 2>&1"#;
    let done = Command::new("bash").arg("-c").arg(script).current_dir(dir.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bytes = std::fs::read(dir.path().join("part")).unwrap();
    let state = tempfile::tempdir().unwrap();
    let station = Station::start(state.path(), &[]);
    let ada = Browser::first(&station);
    let id = station.put("/api/v1/images/odd", &bytes).ok()["id"].as_str().unwrap().to_owned();
    let page = ada.until(&format!("/images/{id}"), "Browse");
    assert!(!page.contains("<script>") && page.contains("&#60;script&#62;"), "{page}");
    let root = ada.page(&format!("/images/{id}/files?part=1"));
    assert!(root.contains("device, pipe or socket"), "{root}");
    let get = |path: &str| ada.get(&format!("/images/{id}/{path}"));
    let hole = get("file?part=1&at=hole");
    assert_eq!(hole.status, 422, "{}", String::from_utf8_lossy(&hole.body));
    assert!(String::from_utf8_lossy(&hole.body).contains("more than the whole image"));
    assert_eq!(get("files?part=1&at=large").status, 422);
    assert_eq!(get("file?part=1&at=node").status, 404);
    assert_eq!(get("file?part=1&at=file").body, b"x\n");
    let deep = "a/".repeat(200);
    assert_eq!(get(&format!("files?part=1&at={deep}")).status, 400);
}
