//! The library names no flag and no command of this program: what helps is a `Remedy`, which the edge words.

use std::path::Path;

/// Texts that may have such words in them: the file, how the text begins, and why.
const MAY: [(&str, &str, &str); 21] = [
    ("src/agent/kept.rs", "piprov board key", "how a key on a disk begins"),
    ("src/station/cert.rs", "piprov station", "whose a certificate is"),
    ("src/host_network/steps.rs", "--check", "an argument of nft"),
    ("src/host_network/plan/network_manager.rs", "--wait", "an argument of nmcli"),
    ("src/host_network/plan/ifupdown.rs", "--force", "an argument of ifdown"),
    ("src/station/pages/network.rs", "sudo piprov doctor", "a command that the page shows"),
    ("src/station/pages/network.rs", "“sudo piprov doctor", "a command that the page shows"),
    ("src/debian/apt.rs", "--format", "an argument of apt-get"),
    ("src/debian/apt.rs", "--no-{what}", "an argument of apt-cache"),
    ("src/debian/apt.rs", "--recurse", "an argument of apt-cache"),
    ("src/firstboot/cloud.rs", "  sudo:", "a file that the board reads"),
    ("src/firstboot/cloud.rs", "[systemctl", "a file that the board reads"),
    ("src/firstboot/settings.rs", "the setting sudo", "the name of a setting"),
    ("src/eeprom/usb_boot.rs", "# piprov netboot enable", "a line in config.txt, with what wrote it"),
    ("src/live/rules.rs", "# Raspberry Pis that boot over USB", "udev rules, with what wrote them"),
    ("src/netboot/client/exports.rs", "# Written by piprov", "a file of exports, with what wrote it"),
    ("src/netboot/client/overlay.rs", "#!/bin/sh", "a script of the client's initramfs"),
    (
        "src/station/pages/frame.rs",
        "This page came over",
        "pages are an edge: what is said there is read by people",
    ),
    ("src/station/pages/words.rs", "sudo ", "where pages word a remedy"),
    ("src/station/pages/words.rs", "“apt-get install", "where pages word a remedy"),
    ("src/stage1/build.rs", "\\\n# piprov's first stage", "a config.txt, with what wrote it"),
];

/// A text in the code: its line, the code in front of it, and what it says.
fn texts(code: &str) -> Vec<(usize, &str, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = code[at..].find(['/', '"', '\'']) {
        let start = at + next;
        let rest = &code[start..];
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(inner) = rest.strip_prefix('"') {
            let raw = code[..start].ends_with("r#");
            let mut escaped = false;
            let end = inner.char_indices().find(|(at, char)| {
                let end = *char == '"' && !escaped && (!raw || inner[*at..].starts_with("\"#"));
                escaped = *char == '\\' && !escaped && !raw;
                end
            });
            let end = end.map_or(inner.len(), |(at, _)| at);
            found.push((code[..start].lines().count(), &code[..start], &inner[..end]));
            end + 2
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\") {
            4
        } else {
            1
        };
        at = (start + len).min(code.len());
    }
    found
}

/// What a text names that only a shell has.
fn named(text: &str) -> Option<&'static str> {
    let mut flags = text.match_indices("--").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + 2..].chars().next();
        before.is_none_or(|char| " `(\n".contains(char))
            && after.is_some_and(|char| char.is_ascii_lowercase())
    });
    if flags.next().is_some() {
        return Some("a flag");
    }
    let jobs = [
        "flash",
        "verify",
        "split-image",
        "reset",
        "targets",
        "card",
        "eeprom",
        "tftp",
        "usbboot",
        "list",
        "doctor",
        "netboot",
        "mklive",
        "clnlive",
        "nukelive",
        "live",
        "stage1",
        "udev",
        "config",
        "run",
        "deploy",
        "serve",
        "bootd",
        "initramfs",
        "board",
        "image",
        "backup",
        "project",
        "rule",
        "user",
        "token",
        "station",
    ];
    let of_ours = |(at, _): (usize, &str)| {
        let word =
            text[at + "piprov ".len()..].split(|char: char| !char.is_alphanumeric() && char != '-').next();
        text[..at].ends_with('`')
            || jobs.contains(&word.unwrap_or_default()) && !text[..at].ends_with(char::is_alphanumeric)
    };
    if text.match_indices("piprov ").any(of_ours) {
        return Some("a command of this program");
    }
    let words = ["sudo ", " sudo", "`-", "apt-get install"];
    words.iter().any(|word| text.contains(word)).then_some("a command")
}

#[test]
fn the_library_words_no_flag_and_no_command() {
    let mut found = Vec::new();
    look(Path::new("src"), &mut found);
    assert!(found.is_empty(), "a Remedy, please:\n{}", found.join("\n"));
}

fn look(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if path.is_dir() {
            // The edge, and the programs.
            if !["src/cli", "src/bin"].contains(&name) {
                look(&path, found);
            }
        } else if name.ends_with(".rs")
            && !["tests.rs", "testing.rs", "samples.rs"].iter().any(|end| name.ends_with(end))
        {
            let text = std::fs::read_to_string(&path).unwrap();
            // A module of tests is the last thing in its file.
            let tests = text.match_indices("#[cfg(test)]\n").map(|(at, mark)| at + mark.len());
            let tests = tests.into_iter().find(|at| text[*at..].lines().next().unwrap().ends_with('{'));
            for (line, before, text) in texts(&text[..tests.unwrap_or(text.len())]) {
                let of_host =
                    ["host(", "host_as_root(", "Help::Unpack("].iter().any(|call| before.ends_with(call));
                let may =
                    of_host || MAY.iter().any(|(may, start, _)| name == *may && text.starts_with(start));
                if let Some(what) = named(text).filter(|_| !may) {
                    found.push(format!("{name}:{line}: {what} in {text:?}"));
                }
            }
        }
    }
}

#[test]
fn what_only_a_shell_has_is_seen() {
    for text in
        ["use --force", "`--force` replaces", "`piprov list`", "(piprov usbboot)", "sudo x", "with `-o`"]
    {
        assert!(named(text).is_some(), "{text}");
    }
    for text in
        ["a -- b", "rpi--x", "piprov needs no copy", "a piprov listens", "# piprov recovery card", "x--y"]
    {
        assert!(named(text).is_none(), "{text}");
    }
    let code = "// \"--no\"\nf('\"', '\\'', \"one \\\" --x\"); g(r#\"two \"x\" y\"#);";
    let texts: Vec<_> = texts(code).into_iter().map(|(line, _, text)| (line, text)).collect();
    assert_eq!(texts, [(2, "one \\\" --x"), (2, "two \"x\" y")]);
}
