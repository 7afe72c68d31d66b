//! Boards in a browser without a script: found, let in, changed, listed, forgotten.

use crate::browser::{Browser, between, text};
use crate::station::{Board, Station};

#[test]
fn what_can_t_be_the_name_of_anything_is_a_page_that_there_isn_t() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let viewer = Browser::user(&station, "vic", "viewer");
    let long = "a".repeat(300);
    for id in ["%00", "a%00b", "%ff%fe", "%0a", "..%2f", "%e2%80%ae", "'", &long] {
        for path in ["/boards/", "/runs/", "/images/", "/project/"] {
            let answer = viewer.get(&format!("{path}{id}"));
            assert_eq!(answer.status, 404, "{path}{id}: {}", text(&answer));
            assert!(text(&answer).contains("<nav"), "{path}{id}: {}", text(&answer));
        }
    }
    // Who isn't signed in learns nothing.
    assert_eq!(Browser::new(&station).get("/boards/%00").status, 303);
}

#[test]
fn a_board_is_found_let_in_changed_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let (anna, viewer) = (Browser::user(&station, "anna", "admin"), Browser::user(&station, "vic", "viewer"));
    let mut board = Board::new("10000000af04b2da");
    board.register(&station).ok();
    let page = format!("/boards/{}", board.id);

    // It stands on top until somebody answers; who may not answer sees no buttons.
    let answer = "Let in 10000000af04b2da";
    assert!(anna.page("/boards").contains(answer) && !viewer.page("/boards").contains(answer));
    assert!(
        viewer.page("/boards").contains("waits</h2>") || viewer.page("/boards").contains("A board waits")
    );
    assert!(!viewer.page(&page).contains("<form method=\"post\" action=\"/boards"));
    for label in ["af04b2da", "SN%3A10000000AF04B2DA", &board.id] {
        assert_eq!(
            viewer.get(&format!("/find?q={label}")).header("location"),
            Some(page.as_str()),
            "{label}"
        );
    }
    assert_eq!(viewer.post(&format!("{page}/let-in"), &[]).status, 403);
    assert_eq!(anna.post(&format!("{page}/let-in"), &[]).status, 303);
    assert!(!anna.page("/boards").contains(answer));

    // What is changed is what the form names; a slot is made, and nothing is forgotten by one click.
    assert_eq!(anna.post("/slots", &[("name", "A2"), ("kind", "usb"), ("place", "1-1.2")]).status, 303);
    assert_eq!(
        anna.post(&format!("{page}/change"), &[("name", "gateway"), ("note", "<script>")]).status,
        303
    );
    assert_eq!(anna.post(&format!("{page}/change"), &[("slot", "A2")]).status, 303);
    assert_eq!(anna.post(&format!("{page}/change"), &[("held", "once")]).status, 303);
    let html = anna.page(&page);
    assert!(
        html.contains("answered once more") && html.contains("slot A2") && !html.contains("<script>"),
        "{html}"
    );
    assert!(html.contains("&#60;script&#62;") || html.contains("&lt;script&gt;"));
    assert!(anna.page(&format!("{page}/forget")).contains("Its runs stay"));
    assert_eq!(viewer.get(&format!("{page}/forget")).status, 403);
    assert!(anna.page("/boards?q=gate&slot=A2&there=yes&sort=name").contains("gateway"));
    assert!(anna.page("/boards?q=other").contains("No board is like that"));
    assert_eq!(anna.get("/boards?sort=size").status, 422);

    assert_eq!(anna.post(&format!("{page}/forget"), &[]).status, 303);
    assert_eq!(anna.get(&page).status, 404);
}

#[test]
fn a_list_of_boards_is_read_page_by_page_and_a_cursor_that_was_made_up_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let viewer = Browser::user(&station, "vic", "viewer");
    for n in 0..120 {
        Board::new(&format!("100000000000{n:04x}")).register(&station).ok();
    }
    for sort in ["name", "seen", "first", "newest"] {
        let mut path = format!("/boards?sort={sort}");
        let mut seen = Vec::new();
        loop {
            let page = viewer.page(&path);
            let ids =
                page.split("<td><a href=\"/boards/").skip(1).map(|rest| rest.split('"').next().unwrap());
            seen.extend(ids.map(str::to_owned));
            let Some(next) = between(&page, "To the beginning</a>", "rel=\"next\"")
                .or_else(|| between(&page, "<p class=\"buttons\"><a class=\"button\"", "rel=\"next\""))
            else {
                break;
            };
            path = between(next, "href=\"", "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
            assert!(path.contains(&format!("sort={sort}")), "{path}");
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((all, seen.len()), (120, 120), "{sort}");
    }
    for forged in ["%00", "1", "..%2f..", "%27%20or%201=1--", "ffffffffffffffff", &"a".repeat(5000)] {
        let status = viewer.get(&format!("/boards?after={forged}")).status;
        assert!(status == 200 || (400..500).contains(&status), "{forged}: {status}");
    }
}
