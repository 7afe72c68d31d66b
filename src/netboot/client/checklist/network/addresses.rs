//! What a network has of this host alone, in the settings of a client's managers: its addresses, and that it gives out
//! others. A client that has its server's address looks for its root in itself.

use std::net::Ipv4Addr;

use super::Item;
use super::interface::BootInterface;
use super::others::MOST_FILES;
use crate::host_network::plan::owner::{is_yes, setting, settings};
use crate::netboot::client::Error;

const NETWORKD: [&str; 2] = ["etc/systemd/network", "usr/local/lib/systemd/network"];
const CONNECTIONS: &str = "etc/NetworkManager/system-connections";
const NETPLAN: [&str; 2] = ["etc/netplan", "usr/lib/netplan"];
const CONNMAN: &str = "var/lib/connman";
const RC_LOCAL: &str = "etc/rc.local";

/// Begins lines that don't count any more.
const MARK: &str = "# piprov: ";

/// What a file says of the boot interface alone isn't told: its manager is kept off that.
pub(super) fn addresses(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    networkd(item, boot)?;
    network_manager(item, boot)?;
    netplan(item, boot)?;
    connman(item)?;
    let commands = item.root.text(RC_LOCAL)?.unwrap_or_default();
    let given = commands.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some((commanded(item, &words)?, line))
    });
    if let Some((address, line)) = given {
        note(item, RC_LOCAL, address, line);
    }
    Ok(())
}

/// The address, where a text has one that the client must not have: alone, or with what settings put behind it.
pub(super) fn foreign(item: &Item<'_>, text: &str) -> Option<Ipv4Addr> {
    let text = text.trim_start_matches(['"', '\'', ' ']);
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let address = text[..end].parse().ok()?;
    item.facts.addresses.contains(&address).then_some(address)
}

/// The same of a command that gives an interface an address (ip-address(8), ifconfig(8)).
pub(super) fn commanded(item: &Item<'_>, words: &[&str]) -> Option<Ipv4Addr> {
    if words.first()?.starts_with('#') {
        return None;
    }
    let is =
        |names: &[&str]| words.iter().any(|word| names.contains(&word.rsplit('/').next().unwrap_or(word)));
    let gives =
        is(&["ifconfig"]) || (is(&["ip"]) && is(&["add", "replace", "change"]) && !is(&["route", "r", "ro"]));
    gives.then(|| words.iter().find_map(|word| foreign(item, word))).flatten()
}

/// Says that a file gives the client such an address.
pub(super) fn note(item: &mut Item<'_>, path: &str, address: Ipv4Addr, line: &str) {
    let line = quoted(line);
    item.note(if address == item.facts.server {
        format!(
            "{path} gives an interface {address}, the address of the client's server (`{line}`), and the root is gone once it \
             has that: take it out, or give it another one."
        )
    } else {
        format!(
            "{path} gives an interface {address}, which this host has (`{line}`), and two hosts can't have one address: take it \
             out, or give it another one."
        )
    });
}

/// As much of a line as is told.
pub(super) fn quoted(line: &str) -> String {
    // A colon with a space divides what is so from what helps.
    line.trim().replace(": ", ":").chars().take(120).collect()
}

/// The same of several.
pub(super) fn all_quoted(lines: &[String]) -> String {
    let first: Vec<String> = lines.iter().take(5).map(|line| format!("`{}`", quoted(line))).collect();
    let more = if lines.len() > 5 { ", and more" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// A text in which the lines that are meant are comments, and those lines.
pub(super) fn commented<'a>(text: &'a str, mut meant: impl FnMut(&'a str) -> bool) -> (String, Vec<String>) {
    let (mut out, mut lines) = (String::with_capacity(text.len()), Vec::new());
    for line in text.split_inclusive('\n') {
        if meant(line) {
            // A comment that ends so would go on.
            let line = line.trim_end().trim_end_matches('\\');
            out.push_str(&format!("{MARK}{line}\n"));
            lines.push(line.trim().to_owned());
        } else {
            out.push_str(line);
        }
    }
    (out, lines)
}

/// The files of a directory whose names end so, and that stay.
fn files(item: &Item<'_>, directory: &str, end: &str) -> Result<Vec<String>, Error> {
    let mut names = item.root.names(directory)?;
    names.sort_unstable();
    let paths = names.iter().filter(|name| name.ends_with(end)).map(|name| format!("{directory}/{name}"));
    Ok(paths.filter(|path| !item.is_gone(path)).take(MOST_FILES).collect())
}

/// Whether a setting of systemd-networkd gives an address.
fn is_address(section: &str, key: &str) -> bool {
    matches!(section, "Network" | "Address") && key == "Address"
}

/// Whether a setting of systemd-networkd has the client do what a server of a network does.
fn serves(section: &str, key: &str, value: &str) -> bool {
    match (section, key) {
        ("Network", "DHCPServer") => is_yes(value),
        ("Network", "IPMasquerade") => {
            !["", "no", "n", "false", "f", "off", "0"].iter().any(|no| value.eq_ignore_ascii_case(no))
        }
        _ => false,
    }
}

fn networkd(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    let mut paths = Vec::new();
    for place in NETWORKD {
        paths.extend(files(item, place, ".network")?);
        for directory in files(item, place, ".network.d")? {
            paths.extend(files(item, &directory, ".conf")?);
        }
    }
    for path in paths.into_iter().take(MOST_FILES) {
        item.go_on()?;
        let Some(text) = item.root.text(&path)? else { continue };
        let given = settings(&text).find_map(|(section, key, value)| {
            Some((foreign(item, value).filter(|_| is_address(section, key))?, format!("{key}={value}")))
        });
        let does = settings(&text).find(|(section, key, value)| serves(section, key, value));
        let does = does.map(|(_, key, value)| format!("{key}={value}"));
        if given.is_none() && does.is_none() {
            continue;
        }
        if item.facts.is_this_host {
            let Some(old) = item.root.kept(&path)? else { continue };
            let mut section = "";
            let (new, lines) = commented(&old, |line| {
                setting(line, &mut section).is_some_and(|(section, key, value)| {
                    serves(section, key, value) || is_address(section, key) && foreign(item, value).is_some()
                })
            });
            item.tell(format!(
                "What this host alone is on its networks its copy isn't: comments now in {path} are {}.",
                all_quoted(&lines)
            ));
            item.write(super::Where::Root, &path, &new, "it is this host's alone")?;
            continue;
        }
        if boot.is_all_of(&text) {
            continue;
        }
        if let Some((address, line)) = given {
            note(item, &path, address, &line);
        }
        if let Some(line) = does {
            tell_server(item, &path, &line);
        }
    }
    Ok(())
}

/// Says that a client gives out addresses, or that others stand behind its own.
fn tell_server(item: &mut Item<'_>, path: &str, line: &str) {
    item.tell(format!(
        "{path} has the client give out addresses or stand for others on a network (`{}`): take that out where it isn't meant.",
        quoted(line)
    ));
}

/// What NetworkManager shares begins with this one (nm-settings(5), `shared`).
const SHARED: &str = "10.42.0.1";

fn network_manager(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    for path in files(item, CONNECTIONS, "")? {
        item.go_on()?;
        let Some(text) = item.root.text(&path)? else { continue };
        let is_boot = settings(&text)
            .any(|(section, key, name)| (section, key) == ("connection", "interface-name") && boot.is(name));
        if is_boot && !item.facts.is_this_host {
            continue;
        }
        let of_ipv4 = || settings(&text).filter(|(section, ..)| *section == "ipv4");
        let shares = of_ipv4().any(|(_, key, value)| key == "method" && value == "shared");
        let mut has =
            of_ipv4().filter(|(_, key, _)| key.starts_with("address") && *key != "address-data").peekable();
        let usual = foreign(item, SHARED).filter(|_| shares && has.peek().is_none());
        let given = has
            .find_map(|(_, key, value)| Some((foreign(item, value)?, format!("{key}={value}"))))
            .or_else(|| Some((usual?, "method=shared".to_owned())));
        connection(item, &path, given, shares.then_some("method=shared"), true)?;
    }
    Ok(())
}

/// What becomes of a file that has such an address, or serves others. One that is a connection's alone goes with this host.
fn connection(
    item: &mut Item<'_>,
    path: &str,
    given: Option<(Ipv4Addr, String)>,
    serves: Option<&str>,
    alone: bool,
) -> Result<(), Error> {
    match given {
        Some((address, line)) if item.facts.is_this_host && alone => {
            item.tell(format!(
                "What this host alone is on its networks its copy isn't: {path} is taken away, which gives {address} (`{}`).",
                quoted(&line)
            ));
            return item.remove(path, "it is this host's alone");
        }
        Some((address, line)) => note(item, path, address, &line),
        None => {}
    }
    if let Some(line) = serves {
        tell_server(item, path, line);
    }
    Ok(())
}

/// Its lines depend on each other, so none is taken out of a file; but NetworkManager has one for each connection.
fn netplan(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    for place in NETPLAN {
        for path in files(item, place, ".yaml")? {
            item.go_on()?;
            let Some(text) = item.root.text(&path)? else { continue };
            let lines = || {
                text.lines()
                    .map(|line| line.split(" #").next().unwrap_or(line))
                    .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            };
            // The keys that a line is below, by their depth.
            let mut above: Vec<(usize, bool)> = Vec::new();
            let given = lines().find_map(|line| {
                let key = line.trim();
                let depth = line.len() - line.trim_start().len();
                above.truncate(above.iter().position(|(known, _)| *known >= depth).unwrap_or(above.len()));
                if let Some(key) = key.strip_suffix(':') {
                    above.push((depth, boot.is(key.trim_matches(['"', '\'']))));
                }
                if line.contains("to:") || above.iter().any(|(_, is_boot)| *is_boot) {
                    return None;
                }
                // An interface's address has the length of its network behind it; a router's and a name server's has none.
                let mut words = line.split(|char: char| !char.is_ascii_digit() && !matches!(char, '.' | '/'));
                let word = words.find(|word| word.contains('/') && foreign(item, word).is_some())?;
                Some((foreign(item, word)?, word.to_owned()))
            });
            let shares = lines().find(|line| line.contains("ipv4.method") && line.contains("shared"));
            let alone = path.starts_with("etc/netplan/90-NM-");
            connection(item, &path, given, shares, alone)?;
        }
    }
    Ok(())
}

/// Its files for people (connman-service.config(5)); what it writes itself it knows by a MAC address that a client hasn't.
fn connman(item: &mut Item<'_>) -> Result<(), Error> {
    for path in files(item, CONNMAN, ".config")? {
        item.go_on()?;
        let Some(text) = item.root.text(&path)? else { continue };
        let given = settings(&text).filter(|(_, key, _)| *key == "IPv4");
        let given = given
            .filter_map(|(_, key, value)| Some((foreign(item, value)?, format!("{key}={value}"))))
            .next();
        connection(item, &path, given, None, false)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
