//! ifupdown: the stanzas of interfaces(5) that are about the boot interface become comments.

use super::{INTERFACES, Item, Where};
use crate::netboot::client::Error;

const MAIN: &str = "etc/network/interfaces";
const MORE: &str = "etc/network/interfaces.d";
/// Real ones have a handful.
const MOST_FILES: usize = 200;
const MARK: &str = "# piprov: ";

pub(super) fn ifupdown(item: &mut Item<'_>) -> Result<(), Error> {
    let mut files = vec![MAIN.to_owned()];
    files.extend(item.root.names(MORE)?.into_iter().take(MOST_FILES).map(|name| format!("{MORE}/{name}")));
    for path in files {
        let Some(old) = item.root.text(&path)? else { continue };
        let (text, was_static) = without(&old);
        if text == old {
            continue;
        }
        let address = if was_static { ", and its static address" } else { "" };
        item.tell(format!("ifupdown: {} in {path} are comments now{address}.", INTERFACES.join(" and ")));
        item.write(Where::Root, &path, &text, "ifupdown leaves the boot interface alone")?;
    }
    Ok(())
}

/// Whether a name of interfaces(5) stands for the boot interface: itself, an alias of it, or a pattern that fits it.
fn is_ours(name: &str) -> bool {
    let plain = name.split([':', '/']).next().unwrap_or(name);
    let pattern = name.strip_prefix('/').map(|pattern| pattern.split(['/', '=']).next().unwrap_or(pattern));
    INTERFACES.iter().any(|ours| plain == *ours || pattern.is_some_and(|pattern| fits(pattern, ours)))
}

/// fnmatch(3) with `*` and `?`; what has sets of characters in it is taken to fit.
fn fits(pattern: &str, name: &str) -> bool {
    let (Some(first), rest) = (pattern.chars().next(), pattern.get(1..).unwrap_or_default()) else {
        return name.is_empty();
    };
    match first {
        '[' => true,
        // Patterns are as long as a line of the file; a name is short, and only its ends are tried.
        '*' => {
            let rest = rest.trim_start_matches('*');
            (0..=name.len()).any(|from| fits(rest, &name[from..]))
        }
        '?' => !name.is_empty() && fits(rest, &name[1..]),
        _ if first.is_ascii() => name.starts_with(first) && fits(rest, &name[1..]),
        _ => false,
    }
}

/// The text without what configures the boot interface, and whether that gave it a static address.
fn without(text: &str) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let (mut ours, mut was_static) = (false, false);
    let mut lines = text.split_inclusive('\n');
    while let Some(first) = lines.next() {
        let mut whole = vec![first];
        let goes_on = |line: &str| line.trim_end_matches(['\n', '\r']).ends_with('\\');
        let comment = first.trim_start().starts_with('#');
        while !comment && whole.last().is_some_and(|line| goes_on(line)) {
            let Some(more) = lines.next() else { break };
            whole.push(more);
        }
        let joined = whole.concat().replace("\\\n", " ");
        let words: Vec<&str> = joined.split_whitespace().collect();
        match words[..] {
            // Nothing is lost of lines that go on, though they say nothing when they are joined.
            [] => out.push_str(&whole.concat()),
            [word, ..] if word.starts_with('#') => out.push_str(&whole.concat()),
            [word, ref names @ ..] if is_list(word) => {
                ours = false;
                let kept: Vec<&str> = names.iter().copied().filter(|name| !is_ours(name)).collect();
                if kept.len() == names.len() {
                    out.push_str(&whole.concat());
                } else if kept.is_empty() {
                    commented(&mut out, &whole);
                } else {
                    out.push_str(&format!("{word} {}\n", kept.join(" ")));
                }
            }
            ["iface", name, ref more @ ..] => {
                ours = is_ours(name);
                was_static |= ours && more.contains(&"static");
                if ours { commented(&mut out, &whole) } else { out.push_str(&whole.concat()) }
            }
            ["mapping" | "source" | "source-directory" | "template" | "rename", ..] => {
                ours = false;
                out.push_str(&whole.concat());
            }
            // What belongs to the stanza above.
            _ if ours => commented(&mut out, &whole),
            _ => out.push_str(&whole.concat()),
        }
    }
    (out, was_static)
}

/// Whether a line names interfaces that are brought up.
fn is_list(word: &str) -> bool {
    word == "auto" || word.starts_with("allow-") || word == "no-auto-down"
}

fn commented(out: &mut String, lines: &[&str]) {
    for line in lines {
        // A comment that ends so would go on.
        let line = line.trim_end().trim_end_matches('\\');
        out.push_str(&format!("{MARK}{line}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::tests::{Tree, changed, facts, told};
    use super::*;

    #[test]
    fn stanzas_of_the_boot_interface_become_comments() {
        let old = "source /etc/network/interfaces.d/*\n\nauto lo eth0\niface lo inet loopback\n\n# The lab\n\
            allow-hotplug eth0\niface eth0 inet static\n\taddress 10.0.0.1/24 \\\n\n\tgateway 10.0.0.254\n\n\
            iface eth0:1 inet dhcp\nauto wlan0\niface wlan0 inet dhcp\n    wpa-ssid eth0\n";
        let new = "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# The lab\n\
            # piprov: allow-hotplug eth0\n# piprov: iface eth0 inet static\n# piprov: \taddress 10.0.0.1/24 \n\
            # piprov: \n# piprov: \tgateway 10.0.0.254\n\n\
            # piprov: iface eth0:1 inet dhcp\nauto wlan0\niface wlan0 inet dhcp\n    wpa-ssid eth0\n";
        assert_eq!(without(old), (new.to_owned(), true));
        assert_eq!(without(new), (new.to_owned(), false), "once is enough");
    }

    #[test]
    fn names_and_patterns() {
        for ours in ["eth0", "end0", "eth0:1", "/eth*", "/e?h0", "/*", "/[ew]*", "eth0/x", "/eth*=phys"] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["lo", "eth1", "eth0.7", "wlan0", "/wlan*", "/eth", "/", "", "/ü*", "/*9"] {
            assert!(!is_ours(other), "{other}");
        }
        assert!(fits(&"*".repeat(10_000), "x") && !fits(&"*?".repeat(10_000), "x"));
    }

    #[test]
    fn every_file_that_is_read_is_changed() {
        let tree = Tree::new();
        tree.file("root/etc/network/interfaces", "auto lo\niface lo inet loopback\n");
        tree.file(
            "root/etc/network/interfaces.d/lan",
            "auto end0\niface end0 inet static\n address 10.0.0.1\n",
        );
        let facts = facts();
        let changes = changed(&tree, &facts, "network");
        assert!(changes[0].starts_with("etc/network/interfaces.d/lan # piprov: auto end0\n"), "{changes:?}");
        assert!(
            told(&tree, &facts)
                .join(" ")
                .contains("interfaces.d/lan are comments now, and its static address")
        );
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "network"), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_lost_and_once_is_enough(lines in proptest::collection::vec(
            "(auto|iface|allow-hotplug|source|address|#|) ?(eth0|lo|/eth\\*|x)? ?(inet static)?\\\\?", 0..20,
        )) {
            let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let (once, _) = without(&text);
            let (twice, was_static) = without(&once);
            assert_eq!((&twice, was_static), (&once, false));
            let brings_up = |line: &str| {
                let words: Vec<_> = line.split_whitespace().collect();
                matches!(words[..], ["iface" | "auto", "eth0", ..])
            };
            // What goes on from another line is no stanza.
            assert!(text.contains('\\') || !once.lines().any(brings_up), "{once}");
        }
    }
}
