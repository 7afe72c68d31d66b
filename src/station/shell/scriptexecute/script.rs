//! The script that the old utility OS runs for a job, and the one that makes it wait. Pure.
//!
//! It does what the script of the system before did, in that order: scripts before, the image, reading it back, scripts after,
//! the EEPROM. What differs is written into its head and its end; between them it is `script.sh`. Nothing of what a board or a
//! person has said stands in it but as a word in quotation marks, or as a here-document that ends at a line of its own.

use std::fmt::Write as _;

use crate::device_api::{Action, End, Script, Surroundings, When};
use crate::station_api::Image;

/// What is the same for each job.
const BODY: &str = include_str!("script.sh");
/// How often a board asks that waits, in seconds.
const EVERY: u32 = 10;
/// How flashrom reaches the chip of a CM4, as the system before did.
const SPI: &str = "linux_spi:dev=/dev/spidev0.0,spispeed=16000";
/// Where the image goes to: the only disk that such a board tells of.
pub(super) const STORAGE: &str = "/dev/mmcblk0";
/// What is read at once, and what the rest of an image is counted in.
const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;

/// What a board is to do.
pub(super) struct Work<'a> {
    /// The station's address, as the board has reached it.
    pub(super) station: &'a str,
    /// What the board told, as a query.
    pub(super) query: &'a str,
    /// What shows that a call is of this run.
    pub(super) token: &'a str,
    /// How the board was started.
    pub(super) bootmode: Option<u8>,
    pub(super) action: Action,
    /// What comes after it.
    pub(super) end: End,
    pub(super) image: Option<&'a Image>,
    /// What is still to be run, each with its place among all of the job.
    pub(super) scripts: &'a [(usize, Script)],
    pub(super) facts: &'a Surroundings,
    /// sha256 of what goes into the flash chip.
    pub(super) eeprom: Option<&'a str>,
    /// Chance, for a system that has just started and has none.
    pub(super) seed: &'a str,
}

/// A word of the shell, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A line by which a text in a here-document ends: one that isn't in it.
fn end_of(text: &str) -> String {
    let mut end = "PIPROV_END".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    end
}

fn put(out: &mut String, file: &str, text: &str) {
    let end = end_of(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    let _ = writeln!(out, "cat >{file} <<'{end}'\n{text}\n{end}");
}

fn head(first: &str, station: &str, query: &str) -> String {
    let station = format!("{station}/scriptexecute");
    let again = quoted(&format!("{station}?{query}"));
    format!("{first}\nevery={EVERY}\nstation={}\nagain={again}\n", quoted(&station))
}

/// The script for a board that has nothing to do now: it asks again and again.
pub(super) fn waiting(station: &str, query: &str, why: &str) -> String {
    let why = crate::format::message(why);
    let mut out = head("# piprov: wait", station, query);
    let _ = writeln!(out, "# why: {why}\nserial='' token='' storage='' bootmode=''");
    out.push_str(BODY);
    let _ = writeln!(out, "say {}\nwait_for_work", quoted(&why));
    out
}

/// The script for a board's job.
pub(super) fn work(work: &Work<'_>) -> String {
    let mut out = head("# piprov: work", work.station, work.query);
    let serial = work.facts.serial.map(|serial| serial.to_string()).unwrap_or_default();
    let (station, token) = (work.station, work.token);
    let image = match work.action {
        Action::Backup => format!("{station}/api/shell/{token}"),
        _ => format!("{station}/api/shell/{token}.gz"),
    };
    let len = work.image.map_or(0, |image| image.raw_len);
    for (name, value) in [
        ("serial", serial),
        ("token", token.to_owned()),
        ("storage", work.facts.storage.clone()),
        ("bootmode", work.bootmode.map(|mode| mode.to_string()).unwrap_or_default()),
        ("spi", SPI.to_owned()),
        ("image", image),
        ("eeprom", format!("{station}/scriptexecute/{token}/eeprom")),
        // Computed here: that shell may count to two milliards only.
        ("mebibytes", (len / MIB).to_string()),
        ("skip", (len / MIB * (MIB / SECTOR)).to_string()),
        ("sectors", (len % MIB / SECTOR).to_string()),
    ] {
        let _ = writeln!(out, "{name}={}", quoted(&value));
    }
    out.push_str(BODY);
    let _ = writeln!(out, "{{ echo {} >/dev/urandom; }} 2>/dev/null || :", quoted(work.seed));
    for (place, script) in work.scripts {
        put(&mut out, &format!("script-{place}.sh"), &script.text);
        let facts = work.facts.facts(script);
        let lines = facts.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value)));
        put(&mut out, &format!("facts-{place}.sh"), &lines.collect::<String>());
    }
    match work.action {
        Action::Deploy => deploy(&mut out, work),
        Action::Backup => {
            let _ = writeln!(out, "back_up\ndone_with {}", word(work.end));
        }
        Action::Reboot | Action::PowerOff => out.push_str("finish\n"),
    }
    out
}

/// The word for what comes after a job.
pub(in crate::station::shell) const fn word(end: End) -> &'static str {
    match end {
        End::Reboot => "reboot",
        End::PowerOff => "power-off",
        End::Wait => "wait",
    }
}

fn deploy(out: &mut String, work: &Work<'_>) {
    let run = |out: &mut String, when: When| {
        for (place, script) in work.scripts.iter().filter(|(_, script)| script.when == when) {
            let beside = if script.background { "yes" } else { "no" };
            let _ = writeln!(out, "run {place} {} {} {beside}", when.word(), script.limit);
        }
    };
    out.push_str("version\n");
    run(out, When::Pre);
    out.push_str("write\nread_back\nproof=\"&sha256=$sum&fresh=$fresh\"\n");
    run(out, When::Post);
    out.push_str("join\n");
    if let Some(sha256) = work.eeprom {
        let _ = writeln!(out, "flash {sha256}");
    }
    out.push_str("finish\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device_api::Names;

    fn facts() -> Surroundings {
        Surroundings {
            station: "http://10.0.0.1".into(),
            server: "10.0.0.1".into(),
            storage: STORAGE.into(),
            serial: "10000000af04b2da".parse().ok(),
            mac: None,
            model: Some("it's a 'Pi'; $(reboot)".into()),
            memory: None,
            names: Names::default(),
            job: "j".into(),
            image: "os".into(),
            values: std::iter::once(("sn".to_owned(), "`id`'\\".to_owned())).collect(),
        }
    }

    fn rendered(scripts: &[(usize, Script)], eeprom: Option<&str>) -> String {
        let facts = facts();
        work(&Work {
            station: "http://10.0.0.1",
            query: "serial=10000000af04b2da",
            token: "j.1.1.1.c0de",
            bootmode: Some(3),
            action: Action::Deploy,
            end: End::Wait,
            image: None,
            scripts,
            facts: &facts,
            eeprom,
            seed: "00",
        })
    }

    /// Whether busybox's shell reads it to its end, without running any of it.
    #[track_caller]
    fn is_read(script: &str) {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut child = Command::new("busybox")
            .args(["sh", "-n"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn busyboxs_shell_reads_each_script_and_the_steps_come_in_their_order() {
        let one = |name: &str, when, background| Script {
            name: name.into(),
            text: "cat <<'PIPROV_END'\nPIPROV_END\nexit 0".into(),
            when,
            background,
            limit: 60,
            ..Script::default()
        };
        let scripts = [(0, one("a", When::Pre, true)), (3, one("b", When::Post, false))];
        let text = rendered(&scripts, Some("ab"));
        is_read(&text);
        let end = text.rsplit_once("alive=$!\n").unwrap().1;
        let steps: Vec<_> = end.lines().skip_while(|line| *line != "version").collect();
        let want = [
            "version",
            "run 0 pre 60 yes",
            "write",
            "read_back",
            "proof=\"&sha256=$sum&fresh=$fresh\"",
            "run 3 post 60 no",
            "join",
            "flash ab",
            "finish",
        ];
        assert_eq!(steps, want);
        is_read(&waiting("http://10.0.0.1", "serial=1", "it's $(reboot)\n# piprov: work"));
    }

    #[test]
    fn a_board_that_waits_is_told_why_on_one_line() {
        let text = waiting("http://a", "serial=1", "one\ntwo\u{1b}[2J");
        assert!(text.starts_with("# piprov: wait\n"), "{text:.80}");
        assert_eq!(text.lines().filter(|line| line.starts_with("# why: ")).count(), 1);
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_a_shell_would_run_stands_in_quotation_marks() {
        let script = Script { text: "exit 0".into(), ..Script::default() };
        let text = rendered(&[(0, script)], None);
        assert!(text.contains(r"export PIPROV_MODEL='it'\''s a '\''Pi'\''; $(reboot)'"), "{text}");
        assert!(text.contains(r"export PIPROV_VALUE_SN='`id`'\''\'"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_word_stays_a_word_and_a_text_stays_a_text(text in "[ -~\\n]{0,60}(\\nPIPROV_END)?[ -~\\n]{0,10}") {
            let mut script = String::new();
            put(&mut script, "/dev/fd/1", &text);
            script.push_str(&format!("printf %s {}", quoted(&text)));
            let output = std::process::Command::new("busybox").args(["sh", "-c", &script]).output().unwrap();
            let once = if text.ends_with('\n') { text.clone() } else { text.clone() + "\n" };
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), once + &text);
        }
    }
}
