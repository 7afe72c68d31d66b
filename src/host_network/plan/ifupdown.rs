//! ifupdown: a stanza of its own in `interfaces(5)`; stanzas of others for the same interface are put behind `#` signs.

use super::owner::is_stanza;
use super::seen::{Seen, Systemd};
use super::{Around, Change, MARK, Name, Part, Step, Wanted, nat};

/// Its settings.
pub(super) const FILE: &str = "etc/network/interfaces";
/// More of them, where the first file takes them in.
pub(super) const DIR: &str = "etc/network/interfaces.d";
/// The one that is made there: its name has letters only, or `source-directory` passes over it.
pub(super) const OWN: &str = "etc/network/interfaces.d/piprov";

/// Begins lines that don't count any more.
const OFF: &str = "#piprov# ";

/// Words that begin something new at the beginning of a line.
const BEGIN: [&str; 8] =
    ["iface", "auto", "mapping", "source", "source-directory", "rename", "template", "no-auto-down"];

/// Whether a word begins something new at the beginning of a line.
pub(super) fn begins(word: &str) -> bool {
    BEGIN.contains(&word) || word.starts_with("allow-")
}

pub(super) fn part(wanted: &Wanted, seen: &Seen) -> Part {
    let interface = wanted.interface.as_str();
    let mut own =
        format!("{MARK}\nauto {interface}\niface {interface} inet static\n    address {}\n", wanted.cidr());
    if let (Some(nft), true) = (&seen.nft, wanted.uplink.is_some() && seen.systemd == Systemd::Absent) {
        own += &format!(
            "    up {nft} -f /{}\n    down {nft} delete table inet {} || true\n",
            nat::RULES,
            nat::TABLE
        );
    }
    let mut changes = Vec::new();
    let main = seen.text(FILE);
    let takes_in = main.is_some_and(takes_in);
    let had = seen
        .below(DIR, "")
        .chain(main.map(|text| (FILE, text)))
        .filter_map(|(path, text)| without(text, &wanted.interface).map(|without| (path, text, without)));
    let mut was_there = false;
    let mut first = None;
    for (path, text, without) in had {
        was_there = true;
        if path == FILE {
            first = Some(without);
        } else {
            changes.push(Change::edited(path, text, without));
        }
    }
    if takes_in {
        changes.extend(first.map(|without| Change::edited(FILE, main.unwrap_or_default(), without)));
        changes.push(Change::new(OWN, own));
    } else {
        let begin = first.as_deref().or(main).unwrap_or_default();
        let end = if begin.is_empty() || begin.ends_with('\n') { "" } else { "\n" };
        let text = format!("{begin}{end}\n{own}");
        changes.push(main.map_or_else(
            || Change::new(FILE, text.clone()),
            |main| Change::edited(FILE, main, text.clone()),
        ));
    }
    let down = || Step::attempt(["ifdown", "--force", interface]);
    let mut undo = Around { before: vec![down()], after: Vec::new() };
    if was_there {
        undo.after.push(Step::attempt(["ifup", interface]));
    }
    let before = if was_there { vec![down()] } else { Vec::new() };
    Part { changes, apply: Around { before, after: vec![Step::run(["ifup", interface])] }, undo }
}

/// Whether the directory's files are read.
fn takes_in(text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let how = words.next();
        let what = words.next().unwrap_or_default().trim_start_matches("/etc/network/").trim_end_matches('/');
        match how {
            Some("source") => what == "interfaces.d/*",
            Some("source-directory") => what == "interfaces.d",
            _ => false,
        }
    })
}

/// The text without what it says of an interface; `None` where it says nothing of it. Lines that go on after a `\` belong
/// together.
fn without(text: &str, name: &Name) -> Option<String> {
    let mut out = String::new();
    let (mut off, mut found, mut goes_on) = (false, false, false);
    for line in text.split_inclusive('\n') {
        let mut words = line.split_whitespace();
        let word = words.next().unwrap_or_default();
        if begins(word) && !goes_on {
            off = is_stanza(line, name);
        }
        // `auto` and `allow-hotplug` name several: only the one is taken out of them.
        if !goes_on
            && (word == "auto" || word.starts_with("allow-"))
            && words.any(|word| word == name.as_str())
        {
            found = true;
            out += &format!("{OFF}{line}");
            if !line.ends_with('\n') {
                out.push('\n');
            }
            let left: Vec<_> =
                line.split_whitespace().skip(1).filter(|word| *word != name.as_str()).collect();
            if !left.is_empty() {
                out += &format!("{word} {}\n", left.join(" "));
            }
        } else if off && !word.is_empty() && !word.starts_with('#') {
            found = true;
            out += &format!("{OFF}{line}");
        } else {
            out += line;
        }
        // What begins with a # is passed over, and doesn't go on.
        goes_on = line.trim_end().ends_with('\\') && (goes_on || !word.starts_with('#'));
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_of_others_doesnt_count_any_more_and_all_else_does() {
        let name: Name = "eth1".parse().unwrap();
        let text = "auto lo eth1 eth2\nallow-hotplug eth1\niface eth1 inet dhcp\n\tmetric 5\n    # why\n\n    hostname a\n\
                    iface eth1.5 inet static\n  address 10.0.0.1/24\niface eth1 inet6 auto\n  up a \\\n   auto b\n\
                    iface eth2 inet dhcp";
        assert_eq!(
            without(text, &name).unwrap(),
            "#piprov# auto lo eth1 eth2\nauto lo eth2\n#piprov# allow-hotplug eth1\n#piprov# iface eth1 inet dhcp\n\
             #piprov# \tmetric 5\n    # why\n\n#piprov#     hostname a\n\
             iface eth1.5 inet static\n  address 10.0.0.1/24\n#piprov# iface eth1 inet6 auto\n#piprov#   up a \\\n\
             #piprov#    auto b\niface eth2 inet dhcp"
        );
        assert_eq!(without("auto lo\niface lo inet loopback\n", &name), None);
    }

    #[test]
    fn the_directory_counts_where_it_is_taken_in() {
        for text in [
            "source /etc/network/interfaces.d/*\n",
            "auto lo\nsource interfaces.d/*",
            "source-directory /etc/network/interfaces.d\n",
        ] {
            assert!(takes_in(text), "{text}");
        }
        for text in
            ["", "#source interfaces.d/*", "source /etc/network/interfaces.d/*.cfg", "source-directory x"]
        {
            assert!(!takes_in(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_out_is_only_put_behind_signs(text in "(iface|auto|allow-x|eth1|eth2|inet|\\\\| |\n|#|x){0,60}") {
            let name: Name = "eth1".parse().unwrap();
            if let Some(out) = without(&text, &name) {
                let lines: Vec<_> = out.lines().collect();
                for line in text.lines() {
                    let off = format!("{OFF}{line}");
                    proptest::prop_assert!(lines.contains(&line) || lines.contains(&off.as_str()), "{line:?}: {out}");
                }
                proptest::prop_assert_eq!(without(&out, &name), None);
            }
        }
    }
}
