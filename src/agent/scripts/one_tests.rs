use super::*;
use crate::device_api::sample;

fn script(text: &str, limit: u32) -> Script {
    Script { name: "try".into(), text: text.into(), limit, ..Script::default() }
}

/// Runs it, and gives its end, its lines, and whether its directory is gone.
fn run_it(script: &Script, stop: &Stop) -> (ScriptEnd, Vec<String>) {
    let place = tempfile::tempdir().unwrap();
    let mut lines = Vec::new();
    let end = run(script, &sample(), place.path(), stop, &mut |line| lines.push(line.to_owned()));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "its directory is left");
    (end, lines)
}

fn run_for(text: &str, limit: u32) -> (ScriptEnd, Vec<String>) {
    run_it(&script(text, limit), &Stop::new().unwrap())
}

/// Waits until a process is over, for at most some seconds.
fn gone(pid: &str) -> bool {
    let stop = Stop::new().unwrap();
    let over = |stat: String| stat.contains(") Z ");
    (0..500).any(|_| {
        let there = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        there.map_or(true, over) || stop.wait(Duration::from_millis(10))
    })
}

#[test]
fn a_script_has_its_words_a_place_of_its_own_and_nothing_to_read() {
    let text = "echo \"$SERVER $STORAGE $PART1 $PART2 $SERIAL $PIPROV_VALUE_HOST_NAME\"\n\
                pwd; ls; cat; echo oops >&2; echo \"[$CARGO_MANIFEST_DIR$USER]\"";
    let (end, lines) = run_for(text, 60);
    assert!(end.is_well(), "{end:?}");
    assert_eq!(lines[0], "10.0.0.1:8080 /dev/mmcblk0 /dev/mmcblk0p1 /dev/mmcblk0p2 10000000af04b2da gw-1");
    assert!(lines[1].contains("piprov-script-"), "{lines:?}");
    assert_eq!(lines[2..], ["script", "oops", "[]"]);
    assert!(end.output.ends_with("oops\n[]") && end.left_out == 0);
}

#[test]
fn its_exit_status_is_told_and_a_signal_is_no_success() {
    assert_eq!(run_for("exit 3", 60).0.how(), "ended with status 3");
    assert_eq!(run_for("kill -9 $$", 60).0.how(), "was killed by signal 9");
    let (end, lines) = run_for("no-such-tool-anywhere", 60);
    assert_eq!(end.exit, Some(127));
    assert!(lines[0].contains("not found"), "{lines:?}");
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_has_begun() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let text = format!("trap '' TERM; sleep 300 & echo $! $$ > {}; wait; sleep 300", pids.display());
    let begun = Instant::now();
    let (end, _) = run_for(&text, 1);
    assert_eq!(end.how(), "took more than 1 s and was ended");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    for pid in std::fs::read_to_string(pids).unwrap().split_whitespace() {
        assert!(gone(pid), "{pid}");
    }
}

#[test]
fn a_daemon_in_a_session_of_its_own_is_ended_too_also_behind_one_that_went_well() {
    let dir = tempfile::tempdir().unwrap();
    for (limit, rest) in [(60, "exit 0"), (1, "sleep 300")] {
        let pid = dir.path().join("pid");
        let _ = std::fs::remove_file(&pid);
        let inner = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 300", pid.display());
        let text =
            format!("setsid sh -c '{inner}' & while [ ! -e {} ]; do sleep 0.05; done; {rest}", pid.display());
        let (end, _) = run_for(&text, limit);
        assert_eq!(end.is_well(), limit == 60, "{end:?}");
        assert!(gone(std::fs::read_to_string(&pid).unwrap().trim()), "{rest}");
    }
}

#[test]
fn one_that_floods_is_read_to_its_end_and_cut() {
    let (end, lines) = run_for("yes $(printf '\\033[31mx') | head -n 300000; echo last; exit 4", 120);
    assert_eq!(end.how(), "ended with status 4");
    assert_eq!(end.left_out, 300_001 - 1000);
    assert_eq!(lines.len(), 1001);
    assert!(lines[0] == "\\x1b[31mx" && lines[1000].contains("299001 more"), "{}", lines[1000]);
    assert!(end.output.ends_with("\nlast") && !end.output.contains('\u{1b}'), "{}", end.output);
}

#[test]
fn one_that_forks_without_end_is_ended() {
    // Each of them begins the next one and goes, in a session of its own: nobody's child for long.
    let text = "cat > again <<'END'\nsleep 0.02\nsetsid sh ./again &\nEND\nsetsid sh ./again &\nsleep 300";
    let begun = Instant::now();
    let (end, _) = run_for(text, 1);
    assert_eq!(end.how(), "took more than 1 s and was ended");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_cancelled_job_ends_it() {
    let stop = Stop::new().unwrap();
    let setter = stop.clone();
    let begun = Instant::now();
    let waker = std::thread::spawn(move || {
        let _ = Stop::new().unwrap().wait(Duration::from_millis(200));
        setter.set();
    });
    let (end, _) = run_it(&script("sleep 300", 600), &stop);
    waker.join().unwrap();
    assert_eq!(end.how(), "was ended, as its job was");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    // Nothing is begun any more.
    assert_eq!(run_it(&script("exit 0", 600), &stop).0.how(), "was not begun: the job ends");
}
