//! ifupdown: the stanzas of interfaces(5) that are about the boot interface become comments.

use std::collections::BTreeMap;

use super::{INTERFACES, Item, Where};
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

pub(super) fn ifupdown(item: &mut Item<'_>) -> Result<(), Error> {
    let mut reading = Reading::default();
    reading.add(MAIN.to_owned());
    for name in reading.names(item, MORE)? {
        reading.add(format!("{MORE}/{name}"));
    }
    let mut next = 0;
    while let Some(path) = reading.files.get(next).cloned() {
        next += 1;
        item.go_on()?;
        if item.root.find(&path)?.is_some_and(|node| node.kind == FileKind::Directory) {
            continue;
        }
        let Some(old) = item.root.kept(&path)? else { continue };
        reading.follow(item, &path, &old)?;
        let new = without(&old);
        for line in remarkable(&new.text) {
            item.note(format!("{path} {}", line.note()));
        }
        if new.text == old {
            continue;
        }
        let address = if new.was_static { ", and its static address" } else { "" };
        item.tell(format!("ifupdown: {} in {path} are comments now{address}.", INTERFACES.join(" and ")));
        if let Some(master) = new.master {
            item.tell(format!(
                "ifupdown: the boot interface was a part of {}, and is none any more.",
                short(&master)
            ));
        }
        item.write(Where::Root, &path, &new.text, "ifupdown leaves the boot interface alone")?;
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
            INTERFACES.join(" or ")
        ));
    }
    Ok(())
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
}

impl Reading {
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
                    INTERFACES.join(" or "),
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
fn remarkable(text: &str) -> Vec<Remark> {
    let mut found: Vec<Remark> = Vec::new();
    for lines in logical(text) {
        let joined = joined(&lines);
        let words: Vec<&str> = joined.split_whitespace().collect();
        let Some(remark) = remark(&words) else { continue };
        let kind = std::mem::discriminant(&remark);
        if found.iter().all(|known| std::mem::discriminant(known) != kind) {
            found.push(remark);
        }
    }
    found
}

fn remark(words: &[&str]) -> Option<Remark> {
    const PORTS: [&str; 6] =
        ["bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves", "slaves", "bond-primary"];
    const COMMANDS: [&str; 6] = ["pre-up", "up", "post-up", "pre-down", "down", "post-down"];
    // Of brctl, ip, ifenslave, ovs-vsctl, ifconfig, ifdown.
    const TAKES: [&str; 8] =
        ["addif", "master", "ifenslave", "add-slave", "add-port", "flush", "down", "ifdown"];
    let (key, rest) = words.split_first()?;
    let line = || words.join(" ");
    match *key {
        key if PORTS.contains(&key) => {
            let ours = rest.iter().any(|name| matches!(*name, "all" | "regex") || is_ours(name));
            ours.then(|| Remark::Taken(line()))
        }
        key if COMMANDS.contains(&key) => {
            let plain = |word: &str| word.trim_matches([';', '"', '\'', '(', ')']).to_owned();
            let takes = |word: &str| TAKES.contains(&word.rsplit('/').next().unwrap_or(word));
            let rest: Vec<String> = rest.iter().map(|word| plain(word)).collect();
            let ours = rest.iter().any(|word| INTERFACES.contains(&word.as_str()));
            (ours && rest.iter().any(|word| takes(word))).then(|| Remark::Taken(line()))
        }
        "rename" => {
            let ours = |pair: &&&str| pair.rsplit_once('=').is_some_and(|(old, _)| is_ours(old));
            rest.iter().find(ours).map(|_| Remark::Renamed(line()))
        }
        "iface" => {
            let (name, more) = rest.split_first()?;
            let parent = more.iter().skip_while(|word| **word != "inherits").nth(1)?;
            (is_ours(parent) && !is_ours(name)).then(|| Remark::Inherits(line()))
        }
        _ => None,
    }
}

/// Whether a name of interfaces(5) stands for the boot interface: itself, an alias of it, or a pattern that fits it.
fn is_ours(name: &str) -> bool {
    let plain = name.split([':', '/', '=']).next().unwrap_or(name);
    let pattern = name.strip_prefix('/').map(|pattern| pattern.split(['/', '=']).next().unwrap_or(pattern));
    INTERFACES.iter().any(|ours| plain == *ours || pattern.is_some_and(|pattern| fits(pattern, ours)))
}

/// A file without what configures the boot interface.
#[derive(Debug, Default, PartialEq, Eq)]
struct Without {
    text: String,
    /// Whether that gave it a static address.
    was_static: bool,
    /// The bond that it said it was a part of.
    master: Option<String>,
}

fn without(text: &str) -> Without {
    let mut new = Without { text: String::with_capacity(text.len()), ..Without::default() };
    let mut ours = false;
    for whole in logical(text) {
        let out = &mut new.text;
        let joined = joined(&whole);
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
                    commented(out, &whole);
                } else {
                    out.push_str(&format!("{word} {}\n", kept.join(" ")));
                }
            }
            ["iface", name, ref more @ ..] => {
                ours = is_ours(name);
                new.was_static |= ours && more.contains(&"static");
                if ours { commented(out, &whole) } else { out.push_str(&whole.concat()) }
            }
            ["mapping" | "source" | "source-directory" | "template" | "rename", ..] => {
                ours = false;
                out.push_str(&whole.concat());
            }
            // What belongs to the stanza above.
            [word, ref more @ ..] if ours => {
                if matches!(word, "bond-master" | "bond_master") {
                    new.master = more.first().map(|master| (*master).to_owned());
                }
                commented(out, &whole);
            }
            _ => out.push_str(&whole.concat()),
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
