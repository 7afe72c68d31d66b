//! Hooks with real processes.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;
use crate::station::testing::station;

fn hook(dir: &Path, text: &str) -> dir::Hook {
    let path = dir.join("started");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir::hooks(dir, HostEvent::Started).unwrap().remove(0)
}

fn run(text: &str, limit: Duration) -> (ScriptEnd, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let hook = hook(dir.path(), text);
    let variables = vec![("PATH".to_owned(), crate::process::PATH.to_owned())];
    one::run(&hook, variables, b"{\"event\":1}\n", dir.path(), limit, &Stop::new().unwrap())
}

#[test]
fn a_hook_reads_its_facts_and_what_was_looked_at_is_what_runs() {
    let minute = Duration::from_secs(60);
    let (ended, lines) = run("#!/bin/sh\ncat; pwd >&2; exit 0\n", minute);
    assert!(ended.is_well(), "{ended:?}");
    assert!(lines[0] == "{\"event\":1}" && lines.len() == 2, "{lines:?}");
    let (ended, _) = run("#!/bin/sh\necho no >&2; exit 9\n", minute);
    assert_eq!((ended.exit, ended.output.as_str()), (Some(9), "no"));
    let (ended, _) = run("no program\n", minute);
    assert!(ended.why.unwrap().contains("can't be run"));
    // Somebody puts another file into its place meanwhile.
    let dir = tempfile::tempdir().unwrap();
    let looked_at = hook(dir.path(), "#!/bin/sh\necho first\n");
    std::fs::rename(dir.path().join("started"), dir.path().join("old")).unwrap();
    hook(dir.path(), "#!/bin/sh\necho second\n");
    let (ended, _) = one::run(&looked_at, Vec::new(), b"", dir.path(), minute, &Stop::new().unwrap());
    assert_eq!(ended.output, "first");
}

#[test]
fn a_hook_that_floods_or_never_ends_is_cut_and_ended_with_what_it_has_begun() {
    let begun = Instant::now();
    let (ended, lines) = run("#!/bin/sh\nsleep 300 & yes x\n", Duration::from_millis(800));
    assert!(ended.why.as_ref().is_some_and(|why| why.contains("was ended")), "{ended:?}");
    assert!(ended.left_out > 0 && lines.len() <= 1001, "{} lines", lines.len());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn what_a_hook_leaves_in_a_group_of_its_own_is_not_waited_for() {
    let begun = Instant::now();
    // It keeps the pipe open, and isn't in the hook's group.
    let (ended, lines) = run("#!/bin/sh\nsetsid sleep 60 &\necho left\n", Duration::from_secs(40));
    assert!(ended.is_well() && lines == ["left"], "{ended:?} {lines:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_board_has_one_turn_at_a_time_and_what_has_failed_is_done_again() {
    let turns = Turns::default();
    let asked = || Asked::of_board("b");
    assert!(matches!(turns.turn(asked, "b"), Turn::Runs));
    // It comes again while they run.
    turns.begin_anew(asked());
    assert!(turns.next().is_some() && turns.next().is_none());
    turns.over("b", Outcome { failed: Some("no".to_owned()), ..Outcome::default() });
    assert!(matches!(turns.turn(asked, "b"), Turn::Over(_)));
    assert_eq!(turns.take("b", "j").0.unwrap().failed.as_deref(), Some("no"));
    assert!(matches!(turns.turn(asked, "b"), Turn::Runs), "once more");
    turns.over("b", Outcome::default());
    assert!(turns.take("b", "j").0.is_some());
    assert!(matches!(turns.turn(asked, "b"), Turn::Over(_)), "it has come once");
    let (_dir, station) = station().await;
    let job = crate::station::testing::drawn(&station, "00000000000000e1", Action::Reboot, now()).await;
    assert!(turns.is_new_end(&job) && !turns.is_new_end(&job));
}
