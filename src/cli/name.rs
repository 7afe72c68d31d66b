//! Commands of other programs that piprov takes the place of: a link of such a name to piprov is that command.

use std::ffi::OsString;
use std::path::Path;

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

/// `piprov help COMMAND` is what others call `piprov COMMAND --help`; both words may stand there.
fn help(arguments: &mut Vec<OsString>) {
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
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
        assert_eq!(expanded(&["piprov", "flash", "help"]), ["piprov", "flash", "help"]);
        assert_eq!(expanded(&["nukelive"]), ["piprov", "nukelive"]);
        assert_eq!(expanded(&["./piprov", "mklive"]), ["./piprov", "mklive"]);
        assert_eq!(expanded(&["piprov-mklive"]), ["piprov-mklive"]);
        assert!(expanded(&[]).is_empty());
    }
}
