//! ifupdown: the stanzas of interfaces(5) that are about the boot interface become comments.

use super::{INTERFACES, Item, Where};
use crate::image::ext4::FileKind;
use crate::netboot::client::Error;

const MAIN: &str = "etc/network/interfaces";
const MORE: &str = "etc/network/interfaces.d";
/// Real ones have a handful.
const MOST_FILES: usize = 200;
const MARK: &str = "# piprov: ";

pub(super) fn ifupdown(item: &mut Item<'_>) -> Result<(), Error> {
    let mut files = vec![MAIN.to_owned()];
    files.extend(item.root.names(MORE)?.into_iter().take(MOST_FILES).map(|name| format!("{MORE}/{name}")));
    // ifup reads it all the same.
    if item.root.all_names(MORE)?.iter().any(|name| name.to_str().is_none()) {
        item.note(format!(
            "{MORE} has a file whose name is not UTF-8, and ifupdown may take the boot interface by it: rename that file."
        ));
    }
    let mut next = 0;
    while let Some(path) = files.get(next).cloned() {
        next += 1;
        if item.root.find(&path)?.is_some_and(|node| node.kind == FileKind::Directory) {
            continue;
        }
        let Some(old) = item.root.kept(&path)? else { continue };
        for pattern in sources(&old) {
            match sourced(item, &pattern)? {
                Some(more) => {
                    for file in more {
                        if files.len() < MOST_FILES && !files.contains(&file) {
                            files.push(file);
                        }
                    }
                }
                None => item.note(format!(
                    "{path} takes `{}` in, which can't be followed here, and ifupdown may take the boot interface by it: look \
                     whether anything there is about {}.",
                    pattern.chars().take(120).collect::<String>(),
                    INTERFACES.join(" or "),
                )),
            }
        }
        if let Some(taker) = taker(&old) {
            item.note(format!(
                "{path} makes the boot interface a part of another one (`{}`), which takes the root away: take it out of that \
                 line.",
                taker.chars().take(120).collect::<String>()
            ));
        }
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

/// What a file takes in besides itself: paths from the top, or patterns of them; of a directory, all that is in it.
fn sources(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        let mut words = line.split_whitespace();
        let whole = match words.next() {
            Some("source") => "",
            Some("source-directory") => "/*",
            _ => continue,
        };
        for path in words.take(MOST_FILES) {
            // What is relative is so to the directory of the main file.
            let base = if path.starts_with('/') { "" } else { "etc/network/" };
            found.push(format!("{base}{}{whole}", path.trim_matches('/')));
        }
    }
    found.truncate(MOST_FILES);
    found
}

/// The files that a pattern means; `None` where that can't be told.
fn sourced(item: &Item<'_>, pattern: &str) -> Result<Option<Vec<String>>, Error> {
    let wild = |text: &str| text.contains(['*', '?', '[']);
    // As a shell has it (wordexp(3)).
    if pattern.contains(['$', '`', '~', '{', '"', '\'', '\\']) || pattern.split('/').any(|part| part == "..")
    {
        return Ok(None);
    }
    let (dir, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    if wild(dir) {
        return Ok(None);
    }
    if !wild(name) {
        return Ok(Some(vec![pattern.to_owned()]));
    }
    let names = item.root.names(dir)?.into_iter().filter(|there| matches(name, there)).take(MOST_FILES);
    Ok(Some(names.map(|name| format!("{dir}/{name}")).collect()))
}

/// Whether a file's name may be meant by a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    // What isn't ASCII is taken to fit: looking at one file more does no harm.
    !name.starts_with('.') && (!name.is_ascii() || !pattern.is_ascii() || fits(pattern, name))
}

/// The line by which a bridge or a bond takes the boot interface.
fn taker(text: &str) -> Option<&str> {
    const KEYS: [&str; 6] =
        ["bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves", "slaves", "bond-primary"];
    let takes = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|key| KEYS.contains(&key))
            && words.any(|name| matches!(name, "all" | "regex") || is_ours(name))
    };
    text.lines().map(str::trim).find(takes)
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
    use super::super::super::super::tests::{Tree, changed, facts, notes, told};
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

    #[test]
    fn what_is_taken_in_is_read_too() {
        let tree = Tree::new();
        let facts = facts();
        tree.file(
            "root/etc/network/interfaces",
            "source /etc/network/more\nsource-directory other\nsource /etc/network/x-*\nsource interfaces.d/*\nsource $HOME/x\n",
        );
        for name in ["more", "other/lan", "x-1", "y-1"] {
            tree.file(&format!("root/etc/network/{name}"), "auto eth0\niface eth0 inet dhcp\n");
        }
        let changes = changed(&tree, &facts, "network");
        for name in ["more", "other/lan", "x-1"] {
            let start = format!("etc/network/{name} # piprov: auto eth0\n");
            assert!(changes.iter().any(|change| change.starts_with(&start)), "{name}: {changes:?}");
        }
        assert!(!changes.iter().any(|change| change.contains("y-1")), "{changes:?}");
        let said = notes(&tree, &facts).join(" ");
        assert!(said.contains("takes `etc/network/$HOME/x` in"), "{said}");
        tree.apply(&facts);
        assert_eq!(changed(&tree, &facts, "network"), [""; 0]);
    }

    #[test]
    fn bridges_and_odd_names_are_told() {
        use std::os::unix::ffi::OsStrExt;
        let tree = Tree::new();
        let facts = facts();
        let said = || notes(&tree, &facts).join(" ");
        tree.file(
            "root/etc/network/interfaces",
            "iface br0 inet dhcp\n bridge_ports eth1 eth2\n# bridge_ports eth0\n",
        );
        tree.directory("root/etc/network/interfaces.d");
        assert!(!said().contains("ifupdown") && !said().contains("part of another"), "{}", said());
        for port in ["eth0", "all", "eth1 end0"] {
            tree.file(
                "root/etc/network/interfaces",
                &format!("auto br0\niface br0 inet dhcp\n  bridge_ports {port}\n"),
            );
            assert!(said().contains(&format!("(`bridge_ports {port}`)")), "{}", said());
        }
        let name = std::ffi::OsStr::from_bytes(b"lan\xff");
        std::fs::write(tree.path("root/etc/network/interfaces.d").join(name), "auto eth0\n").unwrap();
        assert!(said().contains("not UTF-8"), "{}", said());
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
