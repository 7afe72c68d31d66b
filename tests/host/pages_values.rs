//! Values of boards, as a browser without a script uses them.

use serde_json::json;

use crate::browser::Browser;
use crate::station::Station;

#[test]
fn a_newer_file_that_lacks_rows_changes_nothing_before_somebody_says_that_they_are_to_go() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let ada = Browser::first(&station);
    let source = json!({"name": "keys", "of": {"kind": "table", "unique": "pin", "columns": []}});
    station.admin("POST", "/api/v1/values", Some(&source)).ok();
    let send = |taking: &str, file: &str| {
        let answer =
            ada.post_file("/value/keys/upload", &ada.proof(), &[("taking", taking)], file.as_bytes());
        assert_eq!(answer.status, 303, "{}", crate::browser::text(&answer));
        ada.page("/value/keys")
    };
    let left = || station.admin("GET", "/api/v1/values/keys", None).ok()["left"].clone();
    assert!(send("safe", "pin\n1\n2\n3\n").contains("of 3 rows 3 are new"));
    assert_eq!(left(), 3);
    // It was cut off.
    assert!(send("safe", "pin\n1\n").contains("Nothing is changed: this file hasn’t 2 rows"));
    assert_eq!(left(), 3);
    assert!(send("", "pin\n1\n").contains("2 rows would go"));
    assert_eq!(left(), 3);
    // What no form of ours sends changes nothing.
    assert!(send("yes", "pin\n1\n").contains("2 rows would go"));
    assert!(send("all", "pin\n1\n").contains("2 rows are gone"));
    assert_eq!(left(), 1);
    // A program may say how many it knows of.
    let put = |query: &str| station.put(&format!("/api/v1/values/keys/table{query}"), b"pin\n4\n");
    assert_eq!(put("?gone=0").status, 409);
    assert_eq!(put("?columns_gone=0").status, 200, "no column goes");
    assert_eq!(left(), 1);
    let wide = |taking: &str| send(taking, "pin,word\n4,a\n");
    assert!(wide("safe").contains("The table is here"));
    assert!(send("safe", "pin\n4\n").contains("this file hasn’t the column word"));
    assert!(send("all", "pin\n4\n").contains("With it are gone: the column word."));
    assert_eq!(left(), 1);
    assert_eq!(put("?gone=1").status, 200);
    assert_eq!(left(), 1);
}
