//! Commands of other programs that piprov takes the place of: a link of such a name to piprov is that command.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::CommandFactory as _;

/// The names, and the subcommand that each stands for.
const NAMES: [(&str, &str); 3] = [("mklive", "mklive"), ("clnlive", "clnlive"), ("nukelive", "nukelive")];

/// The arguments with the subcommand in them, if the program was called by a name that stands for one. The scripts'
/// names may end in `.sh`.
pub fn expand(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let name = arguments.first().and_then(|path| Path::new(path).file_name()?.to_str());
    let name = name.map(|name| name.strip_suffix(".sh").unwrap_or(name));
    if name == Some("rpiboot") {
        return super::rpiboot::translate(&arguments[1..]);
    }
    if let Some((_, command)) = NAMES.into_iter().find(|(known, _)| Some(*known) == name) {
        arguments.splice(..1, ["piprov".into(), command.into()]);
    }
    help(&mut arguments);
    super::rpiboot::numbers(&mut arguments);
    arguments
}

/// `piprov help COMMAND`, or `piprov COMMAND help`, is what others call `piprov COMMAND --help`; both words may stand
/// there, and options in front of it. The word is no `help` where a command has arguments of its own: a board may have
/// that name.
fn help(arguments: &mut Vec<OsString>) {
    let all = super::Cli::command();
    let (mut command, mut at, mut asked) = (&all, 1, false);
    while let Some(word) = arguments.get(at).filter(|_| command.has_subcommands()) {
        if word == "help" {
            arguments.remove(at);
            asked = true;
        } else if let Some(next) = command.find_subcommand(word) {
            (command, at) = (next, at + 1);
        } else if let Some(words) = option(word, &[&all, command]) {
            at += words;
        } else {
            break;
        }
    }
    if asked {
        arguments.push("--help".into());
    }
}

/// How many words an option has that one of these commands takes: one more where its value is the next word. `None`: it is
/// no such option.
fn option(word: &OsStr, of: &[&clap::Command]) -> Option<usize> {
    let word = word.to_str()?;
    let of = || of.iter().flat_map(|command| command.get_arguments());
    let values = |arg: &clap::Arg| arg.get_action().takes_values();
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        let arg = of().find(|arg| arg.get_long() == Some(name))?;
        return Some(if values(arg) && !long.contains('=') { 2 } else { 1 });
    }
    // Several may stand together: the first that takes a value takes what is left, or the next word.
    let mut short = word.strip_prefix('-')?.chars().peekable();
    short.peek()?;
    while let Some(name) = short.next() {
        let arg = of().find(|arg| arg.get_short() == Some(name))?;
        if values(arg) {
            return Some(if short.peek().is_none() { 2 } else { 1 });
        }
    }
    Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_is_a_subcommand() {
        let expanded = |arguments: &[&str]| -> Vec<String> {
            let arguments = arguments.iter().map(OsString::from);
            expand(arguments).into_iter().map(|argument| argument.into_string().unwrap()).collect()
        };
        assert_eq!(expanded(&["/srv/usbboot/utils/mklive.sh", "-n"]), ["piprov", "mklive", "-n"]);
        assert_eq!(
            expanded(&["/usr/bin/rpiboot", "-1", "-l"]),
            ["piprov", "usbboot", "--hub-port=1", "--loop"]
        );
        assert_eq!(expanded(&["piprov", "usbboot", "-1"]), ["piprov", "usbboot", "--hub-port=1"]);
        assert_eq!(expanded(&["piprov", "help"]), ["piprov", "--help"]);
        assert_eq!(expanded(&["piprov", "help", "run", "list"]), ["piprov", "run", "list", "--help"]);
        assert_eq!(expanded(&["piprov", "run", "help", "list"]), ["piprov", "run", "list", "--help"]);
        assert_eq!(expanded(&["piprov", "help", "help"]), ["piprov", "--help"]);
        assert_eq!(expanded(&["piprov", "help", "nothing"]), ["piprov", "nothing", "--help"]);
        assert_eq!(expanded(&["piprov", "flash", "help"]), ["piprov", "flash", "help"]);
        for (given, expect) in [
            (&["piprov", "--no-color", "help"][..], &["piprov", "--no-color", "--help"][..]),
            (&["piprov", "-qv", "help", "flash"], &["piprov", "-qv", "flash", "--help"]),
            (&["piprov", "--config", "help", "help"], &["piprov", "--config", "help", "--help"]),
            (
                &["piprov", "--config=x", "run", "-v", "help", "list"],
                &["piprov", "--config=x", "run", "-v", "list", "--help"],
            ),
            (
                &["piprov", "board", "--station", "help", "help"],
                &["piprov", "board", "--station", "help", "--help"],
            ),
            (&["piprov", "--nothing", "help"], &["piprov", "--nothing", "help"]),
            (&["piprov", "--", "help"], &["piprov", "--", "help"]),
            (&["piprov", "-", "help"], &["piprov", "-", "help"]),
        ] {
            assert_eq!(expanded(given), expect);
        }
        assert_eq!(expanded(&["nukelive"]), ["piprov", "nukelive"]);
        assert_eq!(expanded(&["./piprov", "mklive"]), ["./piprov", "mklive"]);
        assert_eq!(expanded(&["piprov-mklive"]), ["piprov-mklive"]);
        assert!(expanded(&[]).is_empty());
    }
}
