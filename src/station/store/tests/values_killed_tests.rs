//! Two stations on one store let boards draw values, and are killed: what was given stays given, and nothing twice.

use std::collections::BTreeMap;

use super::values::{board, once, project, sequence, table, values};
use super::*;

/// The store, for the process that is killed.
const STORE: &str = "PIPROV_TEST_VALUES_STORE";
const FIRST: &str = "PIPROV_TEST_VALUES_FIRST";

/// Lets boards draw, one after the other, and says what was acknowledged. It is killed.
#[test]
#[ignore = "the other test starts it, and kills it"]
fn the_one_that_is_killed() {
    use std::io::Write as _;
    let url = std::env::var(STORE).unwrap();
    let first: u16 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut out = std::fs::OpenOptions::new().write(true).open("/dev/stdout").unwrap();
    runtime().block_on(async {
        let store = Store::open(&StoreUrl::read(&url, std::path::Path::new("/")).unwrap()).await.unwrap();
        for n in first.. {
            let board = board(&store, n).await;
            let got = values(&store, &board).await.unwrap();
            // A line is one write, so that it is said whole or not at all.
            out.write_all(format!("got {board} {got}\n").as_bytes()).unwrap();
        }
    });
}

on_both! {
    /// Two stations on one store draw at once, and both are killed in the middle, again and again.
    async fn what_was_given_stays_given_after_kill_9(place: &Place) {
        use std::io::{BufRead as _, BufReader, Read as _};
        use std::process::{Command, Stdio};
        let store = place.open().await;
        sequence(&store, "sn", "00001", "90000").await;
        let rows: String = (0..3000).map(|n| format!("{n}\n")).collect();
        table(&store, "keys", None, &format!("pin\n{rows}")).await;
        project(&store, &["sn", "keys"]).await;
        let url = match &place.url {
            StoreUrl::Sqlite(file) => format!("sqlite:{}", file.display()),
            StoreUrl::Postgres(url) => url.clone(),
        };
        let mut told = BTreeMap::new();
        for round in 0..8_u16 {
            let mut children: Vec<_> = [1, 2].map(|child: u16| {
                let name = "station::store::tests::values_killed_tests::the_one_that_is_killed";
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", name, "--ignored", "--nocapture"])
                    .env(STORE, &url)
                    .env(FIRST, (child * 10_000 + round * 1000).to_string())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            }).into();
            let mut said = String::new();
            for child in &mut children {
                let mut out = BufReader::new(child.stdout.take().unwrap());
                for _ in 0..4 + usize::from(round) {
                    assert_ne!(out.read_line(&mut said).unwrap(), 0, "round {round}: {said}");
                }
                child.kill().unwrap();
                child.wait().unwrap();
                out.read_to_string(&mut said).unwrap();
            }
            for line in said.lines().filter_map(|line| line.strip_prefix("got ")) {
                if let Some((board, got)) = line.split_once(' ').filter(|(_, got)| got.contains("sn=")) {
                    told.insert(board.to_owned(), got.to_owned());
                }
            }
        }
        assert!(told.len() > 16, "{told:?}");
        let (sn, keys) = (once(&store, "sn").await, once(&store, "keys").await);
        // Both or none, and what was said is there.
        assert_eq!(sn.values().collect::<std::collections::BTreeSet<_>>(), keys.values().collect());
        for (board, got) in &told {
            assert_eq!(values(&store, board).await.unwrap(), *got, "{board}");
        }
    }
}
