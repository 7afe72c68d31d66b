//! ifupdown: the stanzas of interfaces(5) that are about the boot interface become comments.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::interface::{BootInterface, listed};
use super::{Item, Where, addresses};
use crate::host_network::plan::without_own;
use crate::image::ext4::FileKind;
use crate::netboot::client::Error;
use crate::netboot::client::pattern::{fits, is_one};

const MAIN: &str = "etc/network/interfaces";
const MORE: &str = "etc/network/interfaces.d";
/// Real ones have a handful.
const MOST_FILES: usize = 200;
/// So many times a name is held against a pattern, over all files: a client that fills both wins no more time by it.
const MOST_TRIED: usize = 20_000;
/// So many lines that can't be followed are told one by one.
const MOST_TOLD: usize = 20;
/// No name of a file is longer (NAME_MAX).
const LONGEST: usize = 255;
const MARK: &str = "# piprov: ";

/// The name of an interface has 15 characters at most (linux/if.h, IFNAMSIZ).
const LONGEST_NAME: usize = 15;

/// What begins a command of a stanza.
const COMMANDS: [&str; 6] = ["pre-up", "up", "post-up", "pre-down", "down", "post-down"];

pub(super) fn ifupdown(item: &mut Item<'_>, boot: &BootInterface) -> Result<(), Error> {
    let mut reading = Reading { boot: boot.any(), ..Reading::default() };
    reading.add(MAIN.to_owned());
    for name in reading.names(item, MORE)? {
        reading.add(format!("{MORE}/{name}"));
    }
    let files = reading.texts(item)?;
    let mut meant = Meant { boot, taken: BTreeSet::new(), known: BTreeSet::new() };
    for file in &files {
        item.go_on()?;
        let (names, given) = stanzas(item, &file.text);
        let room = MOST_FILES.saturating_sub(meant.known.len());
        let others: Vec<String> = names.into_iter().filter(|name| !meant.is_boot(name)).take(room).collect();
        meant.known.extend(others);
        if item.facts.is_this_host {
            meant.taken.extend(given.into_iter().map(|given| given.name));
        } else if let Some(given) = given.into_iter().find(|given| !meant.is_boot(&given.name)) {
            addresses::note(item, &file.path, given.address, &given.line);
        }
    }
    for file in files {
        item.go_on()?;
        file.change(item, &meant)?;
    }
    // ifup reads them all the same.
    for directory in &reading.odd {
        item.note(format!(
            "{directory} has a file whose name is not UTF-8, and ifupdown may take the boot interface by it: rename that file."
        ));
    }
    if reading.left_out {
        item.note(format!(
            "ifupdown reads more here than can be looked through, and may take the boot interface by the rest: look whether \
             any of it is about {}.",
            boot.any()
        ));
    }
    Ok(())
}

/// A file that ifup reads.
struct File {
    path: String,
    /// As it is.
    old: String,
    /// Without what piprov has added to it on this host.
    text: String,
}

impl File {
    fn change(self, item: &mut Item<'_>, meant: &Meant<'_>) -> Result<(), Error> {
        let Self { path, old, text } = self;
        let new = without(&text, meant);
        for line in remarkable(&new.text, meant) {
            item.note(format!("{path} {}", line.note()));
        }
        if new.text == old {
            return Ok(());
        }
        if text != old {
            item.tell(format!(
                "What this host alone is on its networks its copy isn't: taken out of {path} is what piprov added for this \
                 host's boards."
            ));
        }
        if !new.boot.is_empty() {
            let address = if new.was_static { ", and its static address" } else { "" };
            item.tell(format!(
                "ifupdown: the lines for {} in {path} are comments now{address}.",
                listed(&new.boot, "and")
            ));
        }
        if !new.taken.is_empty() {
            item.tell(format!(
                "What this host alone is on its networks its copy isn't: the lines for {} in {path} are comments now, which \
                 have an address of this host.",
                listed(&new.taken, "and")
            ));
        }
        for pattern in &new.patterns {
            item.tell(pattern.told(&path));
        }
        if let Some(master) = new.master {
            item.tell(format!(
                "ifupdown: the boot interface was a part of {}, and is none any more.",
                short(&master)
            ));
        }
        let why = match new.boot[..] {
            [] => "it is this host's alone",
            _ => "ifupdown leaves the boot interface alone",
        };
        item.write(Where::Root, &path, &new.text, why)
    }
}

/// An address that a stanza gives, and that the client must not have.
struct Given {
    name: String,
    address: Ipv4Addr,
    line: String,
}

/// The interfaces that a file has stanzas for, and those of them that get such an address.
fn stanzas(item: &Item<'_>, text: &str) -> (BTreeSet<String>, Vec<Given>) {
    let (mut names, mut found) = (BTreeSet::new(), Vec::new());
    let mut at: Option<String> = None;
    for whole in logical(text) {
        let joined = joined(&whole);
        let words: Vec<&str> = joined.split_whitespace().collect();
        match words[..] {
            ["iface", name, ..] => {
                at = Some(name.to_owned());
                names.extend(at.clone().filter(|name| name.len() <= LONGEST_NAME));
            }
            [word, ..] if is_other(word) => at = None,
            [word, ref rest @ ..] => {
                let address = match word {
                    "address" => rest.first().and_then(|value| addresses::foreign(item, value)),
                    word if COMMANDS.contains(&word) => addresses::commanded(item, rest),
                    _ => None,
                };
                if let (Some(address), Some(name)) = (address, &at) {
                    found.push(Given { name: name.clone(), address, line: joined.trim().to_owned() });
                }
            }
            [] => {}
        }
    }
    (names, found)
}

/// Whether a word begins what is no stanza of an interface's.
fn is_other(word: &str) -> bool {
    is_list(word) || matches!(word, "mapping" | "source" | "source-directory" | "template" | "rename")
}

/// The files that ifup reads, as far as they are known.
#[derive(Default)]
struct Reading {
    files: Vec<String>,
    /// The names in directories that were looked into.
    directories: BTreeMap<String, Vec<String>>,
    /// Directories with names that are no UTF-8.
    odd: Vec<String>,
    tried: usize,
    /// How many patterns couldn't be followed.
    blind: usize,
    /// Whether there is more than was looked at.
    left_out: bool,
    /// What the boot interface may be called.
    boot: String,
}

impl Reading {
    /// The files with their texts, and those that they take in.
    fn texts(&mut self, item: &mut Item<'_>) -> Result<Vec<File>, Error> {
        let (mut texts, mut next) = (Vec::new(), 0);
        while let Some(path) = self.files.get(next).cloned() {
            next += 1;
            item.go_on()?;
            if item.is_gone(&path)
                || item.root.find(&path)?.is_some_and(|node| node.kind == FileKind::Directory)
            {
                continue;
            }
            let Some(old) = item.root.kept(&path)? else { continue };
            let own = without_own(&path, &old).filter(|_| item.facts.is_this_host);
            let text = own.unwrap_or_else(|| old.clone());
            self.follow(item, &path, &text)?;
            texts.push(File { path, old, text });
        }
        Ok(texts)
    }

    fn add(&mut self, file: String) {
        if self.files.contains(&file) {
            return;
        }
        if self.files.len() < MOST_FILES {
            self.files.push(file);
        } else {
            self.left_out = true;
        }
    }

    /// The names in a directory.
    fn names(&mut self, item: &Item<'_>, directory: &str) -> Result<Vec<String>, Error> {
        if let Some(names) = self.directories.get(directory) {
            return Ok(names.clone());
        }
        let all = item.root.all_names(directory)?;
        if all.iter().any(|name| name.to_str().is_none()) {
            self.odd.push(directory.to_owned());
        }
        let mut names: Vec<String> = all.into_iter().filter_map(|name| name.into_string().ok()).collect();
        self.left_out |= names.len() > MOST_TRIED;
        names.truncate(MOST_TRIED);
        self.directories.insert(directory.to_owned(), names.clone());
        Ok(names)
    }

    /// Adds what a file takes in.
    fn follow(&mut self, item: &mut Item<'_>, path: &str, text: &str) -> Result<(), Error> {
        for pattern in sources(text) {
            item.go_on()?;
            if self.files.len() >= MOST_FILES || self.tried >= MOST_TRIED {
                self.left_out = true;
                return Ok(());
            }
            self.tried += 1;
            match self.sourced(item, &pattern)? {
                Some(more) => more.into_iter().for_each(|file| self.add(file)),
                None if self.blind >= MOST_TOLD => self.left_out = true,
                None => {
                    self.blind += 1;
                    item.note(format!(
                    "{path} takes `{}` in, which can't be followed here, and ifupdown may take the boot interface by it: look \
                     whether anything there is about {}.",
                    short(&pattern),
                    self.boot,
                    ));
                }
            }
        }
        Ok(())
    }

    /// The files that a pattern means; `None` where that can't be told.
    fn sourced(&mut self, item: &Item<'_>, pattern: &str) -> Result<Option<Vec<String>>, Error> {
        // As a shell has it (wordexp(3)).
        if pattern.contains(['$', '`', '~', '{', '"', '\'', '\\'])
            || pattern.split('/').any(|part| part == "..")
        {
            return Ok(None);
        }
        let (dir, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        if is_one(dir) || name.len() > LONGEST {
            return Ok(None);
        }
        if !is_one(name) {
            return Ok(Some(vec![pattern.to_owned()]));
        }
        let mut found = Vec::new();
        for there in self.names(item, dir)? {
            item.go_on()?;
            self.tried += 1;
            if self.tried > MOST_TRIED || found.len() > MOST_FILES {
                self.left_out = true;
                break;
            }
            if matches(name, &there) {
                found.push(format!("{dir}/{there}"));
            }
        }
        Ok(Some(found))
    }
}

/// As much of a line as is told.
fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Lines with those that go on from them: a comment doesn't.
fn logical(text: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(first) = lines.next() {
        let mut whole = vec![first];
        let goes_on = |line: &str| line.trim_end_matches(['\n', '\r']).ends_with('\\');
        let comment = first.trim_start().starts_with('#');
        while !comment && whole.last().is_some_and(|line| goes_on(line)) {
            let Some(more) = lines.next() else { break };
            whole.push(more);
        }
        found.push(whole);
    }
    found
}

fn joined(lines: &[&str]) -> String {
    lines.concat().replace("\\\n", " ")
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
        for path in words {
            // What is relative is so to the directory of the main file.
            let base = if path.starts_with('/') { "" } else { "etc/network/" };
            found.push(format!("{base}{}{whole}", path.trim_matches('/')));
        }
    }
    found
}

/// Whether a file's name may be meant by a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    // What isn't ASCII is taken to fit: looking at one file more does no harm.
    !name.starts_with('.') && (!name.is_ascii() || !pattern.is_ascii() || fits(pattern, name))
}

/// A line by which the boot interface is lost, or something that was built upon it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remark {
    /// A bridge or a bond takes it, or a command does.
    Taken(String),
    /// It gets another name.
    Renamed(String),
    /// Another stanza has what its own had.
    Inherits(String),
}

impl Remark {
    fn note(&self) -> String {
        match self {
            Self::Taken(line) => format!(
                "makes the boot interface a part of another one, or takes it down (`{}`), which takes the root away: take it \
                 out of that line.",
                short(line)
            ),
            Self::Renamed(line) => format!(
                "gives the boot interface another name (`{}`), and what is said of that name would be done with it: take \
                 that line out.",
                short(line)
            ),
            Self::Inherits(line) => format!(
                "has a stanza that builds upon the boot interface's, which is a comment now (`{}`): say there what it needs.",
                short(line)
            ),
        }
    }
}

/// The first such line of each kind.
fn remarkable(text: &str, meant: &Meant<'_>) -> Vec<Remark> {
    let mut found: Vec<Remark> = Vec::new();
    for lines in logical(text) {
        let joined = joined(&lines);
        let words: Vec<&str> = joined.split_whitespace().collect();
        let Some(remark) = remark(&words, meant) else { continue };
        let kind = std::mem::discriminant(&remark);
        if found.iter().all(|known| std::mem::discriminant(known) != kind) {
            found.push(remark);
        }
    }
    found
}

fn remark(words: &[&str], meant: &Meant<'_>) -> Option<Remark> {
    const PORTS: [&str; 6] =
        ["bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves", "slaves", "bond-primary"];
    // Of brctl, ip, ifenslave, ovs-vsctl, ifconfig, ifdown.
    const TAKES: [&str; 8] =
        ["addif", "master", "ifenslave", "add-slave", "add-port", "flush", "down", "ifdown"];
    let (key, rest) = words.split_first()?;
    let line = || words.join(" ");
    match *key {
        key if PORTS.contains(&key) => {
            let ours = rest.iter().any(|name| matches!(*name, "all" | "regex") || meant.is_boot(name));
            ours.then(|| Remark::Taken(line()))
        }
        key if COMMANDS.contains(&key) => {
            let plain = |word: &str| word.trim_matches([';', '"', '\'', '(', ')']).to_owned();
            let takes = |word: &str| TAKES.contains(&word.rsplit('/').next().unwrap_or(word));
            let rest: Vec<String> = rest.iter().map(|word| plain(word)).collect();
            let ours = rest.iter().any(|word| meant.boot.is(word));
            (ours && rest.iter().any(|word| takes(word))).then(|| Remark::Taken(line()))
        }
        "rename" => {
            let ours = |pair: &&&str| pair.rsplit_once('=').is_some_and(|(old, _)| meant.is_boot(old));
            rest.iter().find(ours).map(|_| Remark::Renamed(line()))
        }
        "iface" => {
            let (name, more) = rest.split_first()?;
            let parent = more.iter().skip_while(|word| **word != "inherits").nth(1)?;
            (meant.is_boot(parent) && !meant.is_boot(name)).then(|| Remark::Inherits(line()))
        }
        _ => None,
    }
}

/// What becomes a comment.
struct Meant<'a> {
    boot: &'a BootInterface,
    /// Interfaces that have an address of the host that this is a copy of.
    taken: BTreeSet<String>,
    /// All others that have stanzas.
    known: BTreeSet<String>,
}

impl Meant<'_> {
    /// Whether a name of interfaces(5) stands for the boot interface: itself, an alias of it, or a pattern that fits it.
    fn is_boot(&self, name: &str) -> bool {
        let plain = name.split([':', '/', '=']).next().unwrap_or(name);
        self.boot.is(plain) || glob(name).is_some_and(|pattern| self.boot.fits(pattern))
    }

    /// Whether it stands for one that is the copied host's alone.
    fn is_taken(&self, name: &str) -> bool {
        !self.taken.is_empty() && self.taken.contains(name.split(['/', '=']).next().unwrap_or(name))
    }

    /// The others that a pattern stands for, as far as it can be followed.
    fn others(&self, name: &str) -> Vec<String> {
        // What stands behind it says which stanza they have.
        let plain = |pattern: &&str| {
            name.len() == pattern.len() + 1 && pattern.len() <= LONGEST && !pattern.contains('[')
        };
        let Some(pattern) = glob(name).filter(plain) else { return Vec::new() };
        let is_meant = |name: &&String| {
            !name.contains([':', '/', '=']) && !self.taken.contains(*name) && fits(pattern, name)
        };
        self.known.iter().filter(is_meant).cloned().collect()
    }
}

/// The pattern that a name is, if it is one.
fn glob(name: &str) -> Option<&str> {
    name.strip_prefix('/').map(|pattern| pattern.split(['/', '=']).next().unwrap_or(pattern))
}

/// A pattern that stood for the boot interface and for others.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// The others that are named instead.
    named: Vec<String>,
}

impl Pattern {
    fn told(&self, path: &str) -> String {
        let text = short(&self.text);
        match &self.named[..] {
            [] => format!(
                "ifupdown: `{text}` in {path} stood for others than the boot interface too, which aren't brought up by it any \
                 more: name them there."
            ),
            named => format!(
                "ifupdown: `{text}` in {path} stood for others than the boot interface too: {} {} brought up by name now, and \
                 what has no stanza isn't any more.",
                listed(named, "and"),
                if named.len() == 1 { "is" } else { "are" }
            ),
        }
    }
}

/// A file without what configures the boot interface.
#[derive(Debug, Default, PartialEq, Eq)]
struct Without {
    text: String,
    /// The names for the boot interface that have become comments.
    boot: Vec<String>,
    /// The same of those that are the copied host's alone.
    taken: Vec<String>,
    /// What else was brought up by such a name.
    patterns: Vec<Pattern>,
    /// Whether that gave it a static address.
    was_static: bool,
    /// The bond that it said it was a part of.
    master: Option<String>,
}

impl Without {
    /// Notes a name whose line has become a comment; whether it has.
    fn drops(&mut self, name: &str, meant: &Meant<'_>) -> bool {
        let is_boot = meant.is_boot(name);
        if !is_boot && !meant.is_taken(name) {
            return false;
        }
        let names = if is_boot { &mut self.boot } else { &mut self.taken };
        let name = short(name);
        if names.len() < MOST_TOLD && !names.contains(&name) {
            names.push(name);
        }
        true
    }

    /// The names that are brought up instead of those that are dropped.
    fn instead(&mut self, dropped: &str, meant: &Meant<'_>) -> Vec<String> {
        if self.patterns.len() >= MOST_TOLD || !glob(dropped).is_some_and(is_one) || !meant.is_boot(dropped) {
            return Vec::new();
        }
        let named = meant.others(dropped);
        self.patterns.push(Pattern { text: dropped.to_owned(), named: named.clone() });
        named
    }
}

fn without(text: &str, meant: &Meant<'_>) -> Without {
    let mut new = Without { text: String::with_capacity(text.len()), ..Without::default() };
    // Whether what comes belongs to a stanza that goes, and whether that is the boot interface's.
    let (mut drops, mut of_boot) = (false, false);
    for whole in logical(text) {
        let joined = joined(&whole);
        let words: Vec<&str> = joined.split_whitespace().collect();
        match words[..] {
            // Nothing is lost of lines that go on, though they say nothing when they are joined.
            [] => new.text.push_str(&whole.concat()),
            [word, ..] if word.starts_with('#') => new.text.push_str(&whole.concat()),
            [word, ref names @ ..] if is_list(word) => {
                drops = false;
                let (dropped, kept): (Vec<&str>, Vec<&str>) =
                    names.iter().copied().partition(|name| new.drops(name, meant));
                if dropped.is_empty() {
                    new.text.push_str(&whole.concat());
                    continue;
                }
                if kept.is_empty() {
                    commented(&mut new.text, &whole);
                }
                let mut known: BTreeSet<&str> = kept.iter().copied().collect();
                let instead: Vec<String> =
                    dropped.into_iter().flat_map(|name| new.instead(name, meant)).collect();
                let more = instead.iter().map(String::as_str).filter(|name| known.insert(name));
                let left: Vec<&str> = kept.into_iter().chain(more).collect();
                if !left.is_empty() {
                    new.text.push_str(&format!("{word} {}\n", left.join(" ")));
                }
            }
            ["iface", name, ref more @ ..] => {
                drops = new.drops(name, meant);
                of_boot = meant.is_boot(name);
                new.was_static |= of_boot && more.contains(&"static");
                if drops { commented(&mut new.text, &whole) } else { new.text.push_str(&whole.concat()) }
            }
            [word, ..] if is_other(word) => {
                drops = false;
                new.text.push_str(&whole.concat());
            }
            // What belongs to the stanza above.
            [word, ref more @ ..] if drops => {
                if of_boot && matches!(word, "bond-master" | "bond_master") {
                    new.master = more.first().map(|master| (*master).to_owned());
                }
                commented(&mut new.text, &whole);
            }
            _ => new.text.push_str(&whole.concat()),
        }
    }
    new
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
mod tests;
