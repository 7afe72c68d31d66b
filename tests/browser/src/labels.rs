//! Labels in the browser: made, printed as a test, and scanned by a camera.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::json;

use crate::browser::{Browser, run};
use crate::station::{Board, Station};

/// What a camera sees that looks at a label: the dots that a printer got, on a desk. `YUV4MPEG2` is what Chromium takes for one.
fn film(zpl: &str, file: &Path) {
    const WIDTH: usize = 640;
    const HEIGHT: usize = 480;
    let field = zpl.split("^GFA,").nth(1).unwrap().split("^FS").next().unwrap();
    let parts: Vec<&str> = field.split(',').collect();
    let row: usize = parts[2].parse().unwrap();
    let bits: Vec<bool> = parts[3]
        .chars()
        .flat_map(|digit| {
            let four = digit.to_digit(16).unwrap();
            (0..4).rev().map(move |bit| four >> bit & 1 == 1)
        })
        .collect();
    let (wide, high) = (row * 8, bits.len() / (row * 8));
    assert!(wide < WIDTH && high < HEIGHT, "{wide} x {high}");
    let (left, above) = ((WIDTH - wide) / 2, (HEIGHT - high) / 2);
    let mut grey = vec![120_u8; WIDTH * HEIGHT];
    for y in 0..high {
        for x in 0..wide {
            grey[(y + above) * WIDTH + x + left] = if bits[y * wide + x] { 40 } else { 220 };
        }
    }
    let mut bytes = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n").into_bytes();
    for _ in 0..10 {
        bytes.extend(b"FRAME\n");
        bytes.extend(&grey);
        bytes.extend(vec![128; WIDTH * HEIGHT / 2]);
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_label_is_printed_as_a_test_and_its_code_is_read_by_the_camera() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("piprov.toml");
    std::fs::write(&config, "[station]\nprinters-local = true\n").unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open", "--config", config.to_str().unwrap()]);
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (got, labels) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut text = String::new();
            let _ = stream.unwrap().read_to_string(&mut text);
            let _ = got.send(text);
        }
    });
    let printer = json!({"name": "zebra", "at": {"by": "tcp", "host": "127.0.0.1", "port": port}});
    station.admin("PUT", "/api/v1/printers/zebra", Some(&printer)).ok();
    let video = dir.path().join("camera.y4m");
    run(async {
        let browser = Browser::begin(&station).await;
        browser.go("/labels/new").await;
        browser.fill("input[name=name]", "box").await;
        browser.fill("textarea[name=text]", "size 50 30\ntext 2 1 4 {serial}\nqr 14 6 23 {serial}\n").await;
        browser.click("form.panel button.main").await;
        browser.until_says("Label “box” is made").await;
        // Its picture is there, and isn't broken.
        browser.until("a picture", "document.querySelector('img.label').naturalWidth === 400").await;
        browser.click("form[action$='/print'] button").await;
        browser.until_says("1 label for zebra").await;
        browser.until_says("✓ sent").await;
        let test = labels.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(test.starts_with("^XA^PW400^LL240^"), "{test:.40}");
        // For a board.
        browser.go(&format!("/label/box?board={}", board.id)).await;
        browser.until("a picture", "document.querySelector('img.label').naturalWidth === 400").await;
        browser.click("form[action$='/print'] button").await;
        browser.until_says("1 label for zebra").await;
        let printed = labels.recv_timeout(Duration::from_secs(20)).unwrap();
        browser.shot("printers-sent").await;
        browser.close().await;
        film(&printed, &video);

        let flags = [
            "--use-fake-ui-for-media-stream".to_owned(),
            "--use-fake-device-for-media-stream".to_owned(),
            format!("--use-file-for-fake-video-capture={}", video.display()),
        ];
        let browser = Browser::again_with(&station, &flags).await;
        browser.go("/scan").await;
        browser.until("a camera", "!document.querySelector('[data-scan]').hidden").await;
        browser.click("[data-scan] button").await;
        browser.until("its board", &format!("location.pathname === '/boards/{}'", board.id)).await;
        // A hand scanner types, and ends with Enter.
        browser.go("/scan").await;
        browser.fill("input[name=q]", "10000000af04b2da\n").await;
        browser.until("its board", &format!("location.pathname === '/boards/{}'", board.id)).await;
        browser.close().await;
    });
}
