//! Images and backups in a browser: what is in them, how they come, what people do to them.

use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::browser::{Browser, between, escaped};
use crate::small_image::IMAGE;
use crate::station::{Board, Station};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds the image by the API; its name in the station.
fn add(station: &Station, name: &str, bytes: &[u8]) -> String {
    let added = station.put(&format!("/api/v1/images/{name}"), bytes).ok();
    added["id"].as_str().unwrap().to_owned()
}

fn start(dir: &Path) -> Station {
    Station::start(dir, &[])
}

#[test]
fn an_image_tells_what_it_holds_and_who_starts_from_it_and_its_files_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    assert!(ada.page("/images").contains("The station has no image yet"));
    let id = add(&station, "gateway-2.4", &IMAGE);
    let page = ada.until("/images", "MBR: FAT 8 MiB, ext4 16 MiB");
    assert!(page.contains("&#60;b&#62;Debian&#60;/b&#62; 13"), "{page}");
    assert!(
        page.contains("<span>CM4</span>") && page.contains("<s><span class=\"unseen\">not </span>CM5</s>")
    );
    let page = ada.page(&format!("/images/{id}"));
    for text in
        ["bcm2711-rpi-cm4.dtb", "id 8a3b01c7", "whole when it came", &sha256(&IMAGE), "Rename", "Check now"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    // What a recovery card makes of it is what a flash says: one that was cut off fits none.
    assert!(page.contains("kernel8.img is no kernel of 64 bits"), "{page}");
    let cut = add(&station, "gateway-cut", &IMAGE[..20 << 20]);
    let told = ada.until(&format!("/images/{cut}"), "won&#39;t boot it");
    assert!(told.contains("but its partition 2 reaches to 25 MiB"), "{told}");
    // Files: names are shown, never run.
    let root = ada.page(&format!("/images/{id}/files?part=2"));
    assert!(!root.contains("<img src=x") && root.contains("&#60;img src=x onerror=alert(1)&#62;"), "{root}");
    assert!(!root.contains('\u{1b}') && root.contains("etc") && root.contains("noise"));
    let os = ada.get(&format!("/images/{id}/file?part=2&at=etc/os-release"));
    assert_eq!(os.body, b"PRETTY_NAME=\"<b>Debian</b> 13\"\n");
    assert_eq!(os.header("content-type"), Some("application/octet-stream"));
    assert_eq!(os.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(os.header("content-disposition"), Some("attachment; filename=\"os-release\""));
    let odd = between(&root, "at=%25ff%25fe", "\"").map(|_| "/file?part=2&at=%25ff%25fe").unwrap();
    assert_eq!(ada.get(&format!("/images/{id}{odd}")).body, b"x");
    assert_eq!(ada.get(&format!("/images/{id}/file?part=1&at=CONFIG.TXT")).body, b"arm_64bit=1\n");
    let noise = ada.get(&format!("/images/{id}/file?part=2&at=noise"));
    assert!(noise.whole && noise.body.len() == 3_000_000);
    assert!(IMAGE.windows(4096).any(|part| part == &noise.body[..4096]));
    // A directory comes in parts.
    let many = ada.page(&format!("/images/{id}/files?part=2&at=many"));
    assert_eq!(many.matches(">file <").count(), 200);
    let next = between(&many, "<a class=\"button\" href=\"/images/", "\">More").unwrap();
    let next = next.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    assert!(
        ada.page(&format!("/images/{}", next.trim_start_matches("/images/"))).matches(">file <").count()
            == 200
    );
    // A link isn't followed; nothing lies above the root; the raw image is what it was.
    for (path, status) in [
        ("file?part=2&at=etc/link", 404),
        ("file?part=2&at=etc", 404),
        ("files?part=2&at=../etc", 400),
        ("file?part=2&at=%252e%252e/x", 400),
        ("files?part=9", 404),
        ("files?part=x", 422),
    ] {
        assert_eq!(ada.get(&format!("/images/{id}/{path}")).status, status, "{path}");
    }
    let raw = ada.send("GET", &format!("/images/{id}/raw"), None, &[("accept-encoding", "gzip")]);
    assert_eq!(
        raw.header("content-length"),
        Some(IMAGE.len().to_string().as_str()),
        "its end can be foreseen"
    );
    assert!(raw.body == *IMAGE);
    assert_eq!(raw.header("content-disposition"), Some("attachment; filename=\"gateway-2.4.img\""));
    // What was read of it stands in the audit.
    let audit = station.admin("GET", "/api/v1/audit", None).ok().to_string();
    assert!(audit.contains("image.file") && audit.contains("image.download"), "{audit}");
}

#[test]
fn a_file_in_pieces_goes_on_after_a_restart_and_becomes_an_image() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = start(dir.path());
    let half = IMAGE.len() / 2;
    let (cookie, upload) = {
        let ada = Browser::first(&station);
        let upload = ada.upload("", "gateway 2.5.img", IMAGE.len(), &sha256(&IMAGE).to_uppercase());
        for (at, part) in [(0, 5 << 20), (5 << 20, half)] {
            let told = ada.piece(&upload, at, &IMAGE[at..part]).ok();
            assert_eq!(told["came"], part);
        }
        // A piece that comes twice, or too late, changes nothing.
        assert_eq!(ada.piece(&upload, 0, b"x").status, 409);
        assert_eq!(ada.piece(&upload, half + 1, b"x").status, 409);
        (ada.cookie(), upload)
    };
    station.kill();
    let station = start(dir.path());
    let ada = Browser::with(&station, cookie);
    let page = ada.page("/images/add");
    let size = format!("data-size=\"{}\"", IMAGE.len());
    assert!(
        page.contains(&format!("data-waits=\"{upload}\"")) || page.contains("When it breaks off"),
        "{page}"
    );
    let told = ada.post(&format!("/uploads/{upload}/state"), &[]).ok();
    assert_eq!(told["came"], half, "{size}");
    ada.piece(&upload, half, &IMAGE[half..half + (8 << 20)]).ok();
    ada.piece(&upload, half + (8 << 20), &IMAGE[half + (8 << 20)..]).ok();
    ada.until("/images", "MBR: FAT 8 MiB, ext4 16 MiB");
    let image = station.admin("GET", "/api/v1/images/gateway-2.5", None).ok();
    assert_eq!(image["raw_sha256"], sha256(&IMAGE));
    assert!(
        std::fs::read_dir(dir.path().join("station/uploads")).unwrap().next().is_none(),
        "nothing is left"
    );
}

#[test]
fn each_way_in_which_a_file_is_no_image_has_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let refused = station.put(&format!("/api/v1/images/half?sha256={}", "0".repeat(64)), &IMAGE[..1 << 20]);
    assert_eq!(refused.status, 422);
    let page = ada.page("/images");
    assert!(
        page.contains(
            "<small>Images</small><strong>0</strong><em> <span class=\"bad\">✕ 1 not whole</span></em>"
        ),
        "{page}"
    );
    // Another sha256.
    let upload = ada.upload("other", "a.img", 1 << 20, &"0".repeat(64));
    ada.piece(&upload, 0, &vec![7; 1 << 20]).ok();
    let page = ada.until(
        "/images",
        "<small>Coming in</small><strong>0</strong><em class=\"bad\">✕ 1 not taken in</em>",
    );
    // What isn't taken in doesn't come in any more.
    assert!(page.contains("was expected") && page.contains("<h2>Not taken in</h2>"), "{page}");
    // Cut off within what is packed.
    let mut packed = vec![0xfd, b'7', b'z', b'X', b'Z', 0];
    packed.extend([1; 500]);
    let upload = ada.upload("packed", "b.img.xz", packed.len(), "");
    ada.piece(&upload, 0, &packed).ok();
    let page =
        ada.until("/images", "Not taken in</span><span>100 %</span><span>506 bytes of 506 bytes</span>");
    assert!(!page.contains("/station/uploads"), "{page}");
    // Longer than it was said to be.
    let upload = ada.upload("long", "c.img", 10, "");
    let answer = ada.piece(&upload, 0, &[0; 11]);
    assert_eq!(answer.status, 422);
    ada.until("/images", "more came than the 10 bytes");
    // Twice the same name.
    add(&station, "there", &IMAGE[..1 << 20]);
    let fields = [("name", "there"), ("file", "d.img"), ("size", "10")];
    assert_eq!(ada.post("/uploads", &fields).status, 409);
    // Larger than the disk, than any image, and nothing.
    for (size, status) in [(1u64 << 41, 507), (1 << 43, 413), (0, 422)] {
        let size = size.to_string();
        assert_eq!(
            ada.post("/uploads", &[("name", "x"), ("file", "x"), ("size", size.as_str())]).status,
            status
        );
    }
    // One that nobody needs any more goes, and its name is free.
    let upload = ada.upload("gone", "e.img", 10, "");
    ada.piece(&upload, 0, b"12345").ok();
    assert_eq!(ada.post(&format!("/uploads/{upload}/cancel"), &[]).status, 303);
    assert_eq!(ada.piece(&upload, 5, b"12345").status, 404);
    ada.upload("gone", "e.img", 10, "");
}

#[test]
fn a_plain_form_sends_a_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let send = |proof: &str, bytes: &[u8], behind: &str| {
        let mut body = Vec::new();
        for (name, value) in [("proof", proof), ("name", "plain"), ("sha256", "")] {
            body.extend(
                format!("--X\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        body.extend(
            b"--X\r\ncontent-disposition: form-data; name=\"file\"; filename=\"../../x.img\"\r\n\r\n",
        );
        body.extend(bytes);
        body.extend(behind.bytes());
        ada.send("POST", "/uploads/file", Some(&body), &[("content-type", "multipart/form-data; boundary=X")])
    };
    assert_eq!(send("forged", &IMAGE, "\r\n--X--\r\n").status, 403);
    assert!(!ada.page("/images").contains("<b>plain</b>"), "nothing of it was taken");
    // Its end is missing.
    let cut = send(&ada.proof(), &IMAGE[..1 << 20], "");
    assert_eq!(cut.status, 422, "{}", String::from_utf8_lossy(&cut.body));
    ada.until("/images", "it broke off");
    let whole = send(&ada.proof(), &IMAGE, "\r\n--X--\r\n");
    assert_eq!((whole.status, whole.header("location")), (303, Some("/images")));
    ada.until("/images", "MBR: FAT 8 MiB, ext4 16 MiB");
}

#[test]
fn only_what_nobody_needs_is_removed_and_a_new_name_goes_along() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let id = add(&station, "old", &IMAGE[..5 << 20]);
    station.admin("PUT", "/api/v1/projects/p", Some(&json!({"name": "p", "image": "old"}))).ok();
    assert_eq!(ada.post(&format!("/images/{id}/rename"), &[("name", "new name")]).status, 303);
    assert_eq!(station.admin("GET", "/api/v1/projects/p", None).ok()["image"], "new name");
    assert_eq!(ada.post(&format!("/images/{id}/rename"), &[("name", "a/b")]).status, 422);
    assert!(ada.page(&format!("/images/{id}/remove")).contains("project p has it"));
    assert_eq!(ada.post(&format!("/images/{id}/remove"), &[]).status, 409);
    station.admin("DELETE", "/api/v1/projects/p", None).ok();
    assert!(ada.page(&format!("/images/{id}/remove")).contains("goes for good"));
    assert_eq!(ada.post(&format!("/images/{id}/verify"), &[("to", "/images")]).status, 303);
    ada.until(&format!("/images/{id}"), "whole, checked");
    assert_eq!(ada.post(&format!("/images/{id}/remove"), &[]).status, 303);
    assert_eq!(ada.get(&format!("/images/{id}")).status, 404);
}

#[test]
fn a_viewer_looks_and_has_no_buttons() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let id = add(&station, "one", &IMAGE);
    let vic = Browser::user(&station, "vic", "viewer");
    vic.until("/images", "MBR: FAT");
    let page = vic.page(&format!("/images/{id}"));
    for button in ["Check now", "Remove", "Rename", "Download", "Browse"] {
        assert!(!page.contains(button), "{button}");
    }
    for path in ["files?part=1", "file?part=1&at=config.txt", "raw", "remove"] {
        assert_eq!(vic.get(&format!("/images/{id}/{path}")).status, 403, "{path}");
    }
    assert_eq!(vic.get("/images/add").status, 403);
    assert_eq!(vic.get("/backups").status, 200);
    let oli = Browser::user(&station, "oli", "operator");
    assert!(oli.page(&format!("/images/{id}")).contains("Check now"));
    assert_eq!(oli.get(&format!("/images/{id}/remove")).status, 403);
    assert_eq!(oli.post("/uploads", &[("name", "x"), ("file", "x"), ("size", "1")]).status, 403);
    assert_eq!(escaped("a b"), "a%20b");
}

#[test]
fn deploys_question_says_where_an_image_does_not_fit_or_start() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let mut board = Board::new("10000000d8e4a1f7");
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = board.told(hello["nonce"].as_str().unwrap());
    told["model"] = "Raspberry Pi Compute Module 5 Rev 1.0".into();
    told["disks"][0]["size"] = (16 << 20).into();
    told["disks"][0]["name"] = "disk\u{1b}[31m\u{202e}x".into();
    let body = told.to_string();
    let registered = board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes())).ok();
    board.id = registered["board"].as_str().unwrap().to_owned();
    ada.post(&format!("/boards/{}/let-in", board.id), &[("to", "/")]);
    let image = add(&station, "gateway", &IMAGE);
    ada.until("/images", "MBR: FAT");
    let page = ada.page(&format!("/deploy?board={}&image=gateway", board.id));
    for text in [
        "its eMMC has 16 MiB, and gateway has 26 MiB",
        "a CM5 doesn&#39;t start from gateway",
        "Deploy all the same",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // A board's word for its disk turns nothing round in the question that is asked before it is erased.
    for page in [&page, &ada.page(&format!("/boards/{}", board.id))] {
        assert!(!page.contains(['\u{1b}', '\u{202e}']) && page.contains("\\u{202e}x"), "{page}");
    }
    // Without that word nothing begins.
    let fields = [("board", board.id.as_str()), ("what", "image:gateway")];
    let answer = ada.post("/deploy", &fields);
    assert!(answer.header("location").unwrap().starts_with("/deploy?"), "{answer:?}");
    assert!(ada.page("/").contains("Nothing was begun."));
    let jobs = |station: &Station| {
        station.admin("GET", "/api/v1/jobs", None).ok()["items"].as_array().unwrap().len()
    };
    assert_eq!(jobs(&station), 0);
    let answer = ada.post("/deploy", &[&fields[..], &[("anyway", "1")]].concat());
    assert_eq!(answer.header("location"), Some("/"));
    assert_eq!(jobs(&station), 1);
    // An image that a job wants stays.
    assert_eq!(ada.post(&format!("/images/{image}/remove"), &[]).status, 409);
}

/// Changes the store of a station that doesn't run.
fn sql(dir: &Path, statements: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite:{}", dir.join("station/station.db").display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement.as_str())).execute(&pool).await.unwrap();
        }
        pool.close().await;
    });
}

#[test]
fn a_backup_tells_where_it_came_from_and_leads_to_its_board() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = start(dir.path());
    let cookie = Browser::first(&station).cookie();
    let mut board = Board::new("10000000d8e4a1f7");
    board.register(&station);
    let id = add(&station, "backup-one", &IMAGE);
    station.end();
    let board = &board.id;
    sql(
        dir.path(),
        &[
            format!("UPDATE image SET backup_of = '{board}' WHERE id = '{id}'"),
            format!("INSERT INTO backup VALUES ('{id}', '{board}', 'r1', 'mmcblk0', 'read back and equal')"),
        ],
    );
    let station = start(dir.path());
    let ada = Browser::with(&station, cookie);
    ada.post(&format!("/boards/{board}/let-in"), &[("to", "/")]);
    let page = ada.until("/backups", "MBR: FAT");
    for text in ["mmcblk0", "✓ verified: read back and equal", &format!("/boards/{board}")] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!ada.page("/images").contains("backup-one"));
    let page = ada.page(&format!("/images/{id}"));
    let restore = format!("/deploy?board={board}&image=backup-one");
    assert!(page.contains(&restore) && page.contains("Browse"), "{page}");
    let page = ada.page(&restore);
    assert!(page.contains("<option value=\"image:backup-one\" selected>backup-one"), "{page}");
    assert!(ada.page(&format!("/images/{id}/files?part=2&at=etc")).contains("os-release"));
    let answer = ada.post(&format!("/images/{id}/remove"), &[]);
    assert_eq!(answer.header("location"), Some("/backups"));
}

#[test]
fn damage_is_told_in_the_row_and_goes_when_the_same_file_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let station = start(dir.path());
    let ada = Browser::first(&station);
    let id = add(&station, "meter-1.9", &IMAGE);
    station.admin("PUT", "/api/v1/projects/p", Some(&json!({"name": "p", "image": "meter-1.9"}))).ok();
    let chunks = dir.path().join("station/objects/chunks");
    let each =
        std::fs::read_dir(chunks).unwrap().flat_map(|two| std::fs::read_dir(two.unwrap().path()).unwrap());
    let largest =
        each.map(|entry| entry.unwrap().path()).max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&largest, bytes).unwrap();
    ada.post(&format!("/images/{id}/verify"), &[("to", "/images")]);
    let page = ada.until("/images", "damaged, found");
    for text in ["1 damaged", "of the image `meter-1.9`", "Held up: project p.", "/images/add?name=meter-1.9"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Another file under its name makes nothing whole, and takes nothing away.
    let upload = ada.upload("meter-1.9", "other.img", 1 << 20, "");
    ada.piece(&upload, 0, &vec![3; 1 << 20]).ok();
    ada.until("/images", "it is another image");
    let upload = ada.upload("meter-1.9", "meter.img", IMAGE.len(), "");
    for (n, piece) in IMAGE.chunks(8 << 20).enumerate() {
        ada.piece(&upload, n << 23, piece).ok();
    }
    ada.until("/images", "whole, checked");
    let image = station.admin("GET", "/api/v1/images/meter-1.9", None).ok();
    assert_eq!((&image["id"], &image["state"]), (&id.clone().into(), &"ready".into()));
    // What came to mend it goes once it has.
    crate::station_deploy::until("one image to be left", || {
        let all = station.admin("GET", "/api/v1/images", None).ok();
        (all["items"].as_array().unwrap().len() == 1).then_some(())
    });
}
