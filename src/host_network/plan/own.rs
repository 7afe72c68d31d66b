//! What plans make on a host: the one list of it, for who changes the host and for who copies it.

use super::{MARK, dhcpcd, ifupdown, nat, network_manager, networkd};

/// Files that are a plan's as a whole.
pub const OWN: [&str; 7] = [
    network_manager::PROFILE,
    network_manager::CONF,
    networkd::FILE,
    ifupdown::OWN,
    nat::RULES,
    nat::UNIT,
    nat::FORWARD,
];

/// The one link.
pub const LINK: &str = nat::LINK;

/// Files of others that a plan adds a part to.
pub const SHARED: [&str; 2] = [dhcpcd::FILE, ifupdown::FILE];

/// All files that a plan makes or adds to. Nothing else is written or removed, whatever a record says; lines of others in
/// ifupdown's directory are put behind signs besides.
pub fn paths() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(SHARED)
}

/// Whether a plan may change this file.
#[must_use]
pub fn may_change(path: &str) -> bool {
    let of_directory = |name: &str| crate::beneath::is_name(name.as_bytes());
    paths().any(|known| known == path)
        || path.strip_prefix(ifupdown::DIR).and_then(|rest| rest.strip_prefix('/')).is_some_and(of_directory)
}

/// A file of [`SHARED`] without the parts that plans have added; `None` where there are none. What stands behind such a
/// part, and would be read as more of it, goes with it: else it would be read as more of what is before.
#[must_use]
pub fn without_own(path: &str, text: &str) -> Option<String> {
    match path {
        ifupdown::FILE => without(text, &["auto", "iface"], ifupdown::begins),
        dhcpcd::FILE => without(text, &["interface"], dhcpcd::begins),
        _ => None,
    }
}

/// `heads` are the words that begin something new and are a part's own, in their order and once each.
fn without(text: &str, heads: &[&str], begins: fn(&str) -> bool) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut found, mut goes_on) = (false, false);
    // What is still to come of a part's own heads, inside of one.
    let mut part: Option<&[&str]> = None;
    for line in text.split_inclusive('\n') {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !goes_on && line.trim_end() == MARK {
            (found, part) = (true, Some(heads));
            // The empty line that was put before it.
            if out.ends_with("\n\n") {
                out.pop();
            }
            continue;
        }
        if let Some(left) = part
            && !goes_on
            && begins(word)
        {
            part = left.iter().position(|head| *head == word).map(|at| &left[at + 1..]);
        }
        let comment = !goes_on && word.starts_with('#');
        goes_on = !comment && line.trim_end().ends_with('\\');
        if part.is_none() || word.is_empty() || comment {
            out += line;
        }
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_goes_with_what_is_read_as_more_of_it() {
        for (path, with, plain) in [
            (
                ifupdown::FILE,
                format!(
                    "auto lo\niface lo inet loopback\n\n{MARK}\nauto eth1\niface eth1 inet static\n    address 10.0.0.1/24\n\
                     \x20   up nft \\\n auto b\n# why\n\n    dns 1.2.3.4\nauto wlan0\niface wlan0 inet dhcp\n    metric 5\n"
                ),
                "auto lo\niface lo inet loopback\n# why\n\nauto wlan0\niface wlan0 inet dhcp\n    metric 5\n",
            ),
            (
                ifupdown::FILE,
                format!(
                    "\n{MARK}\nauto eth1\niface eth1 inet static\n    address 10.0.0.1/24\niface eth1 inet6 auto\n"
                ),
                "\niface eth1 inet6 auto\n",
            ),
            (
                dhcpcd::FILE,
                format!(
                    "hostname\n\n{MARK}\ninterface eth1\nstatic ip_address=10.0.0.1/24\nnogateway\nnolink\ninterface wlan0\nmetric 5\n"
                ),
                "hostname\ninterface wlan0\nmetric 5\n",
            ),
            (dhcpcd::FILE, format!("{MARK}\ninterface eth1\nstatic ip_address=10.0.0.1/24\n"), ""),
        ] {
            assert_eq!(without_own(path, &with).as_deref(), Some(plain), "{with}");
            assert_eq!(without_own(path, plain), None, "{plain}");
        }
        assert_eq!(without_own("etc/hosts", MARK), None);
    }
}
