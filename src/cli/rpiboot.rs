//! rpiboot's command line, as its main.c reads it: one argument after the other, no flags in one, no `=`.

use std::ffi::OsString;

/// The flags that take a value, and ours of the same meaning.
const WITH_VALUE: [(&str, &str); 4] =
    [("-d", "--dir"), ("-m", "--poll"), ("-p", "--port"), ("-i", "--serial")];
/// The flags that don't.
const ALONE: [(&str, &str); 7] = [
    ("-o", "--overlay"),
    ("-l", "--loop"),
    ("-s", "--signed"),
    ("-v", "--verbose"),
    ("-vv", "-vv"),
    ("-h", "--help"),
    ("--help", "--help"),
];

/// rpiboot's arguments as ours. What isn't rpiboot's is passed on for the message about it.
pub(super) fn translate(arguments: &[OsString]) -> Vec<OsString> {
    let mut ours: Vec<OsString> = vec!["piprov".into(), "usbboot".into()];
    let mut forever = false;
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        // Also where it stands among others, which rpiboot itself doesn't know.
        forever |=
            text == "--loop" || (text.starts_with('-') && !text.starts_with("--") && text.contains('l'));
        if let Some((_, flag)) = WITH_VALUE.iter().find(|(known, _)| *known == text) {
            ours.push(flag.into());
            // A value may begin with a dash there; without one, ours says that it is missing.
            match rest.next() {
                Some(value) => {
                    ours.pop();
                    let mut joined = OsString::from(*flag);
                    joined.push("=");
                    joined.push(value);
                    ours.push(joined);
                }
                None => break,
            }
        } else if let Some((_, flag)) = ALONE.iter().find(|(known, _)| *known == text) {
            ours.push(flag.into());
        } else if matches!(text, "-V" | "--version") {
            ours.push("--version".into());
        } else if text == "-j" {
            // It takes a value only where the next argument is no flag.
            let dir = rest.next_if(|next| !next.to_str().is_some_and(|next| next.starts_with('-')));
            match dir {
                Some(dir) => {
                    let mut joined = OsString::from("--metadata=");
                    joined.push(dir);
                    ours.push(joined);
                }
                None => ours.push("--metadata".into()),
            }
        } else if let Some(port) = hub_port(text) {
            ours.push(format!("--hub-port={port}").into());
        } else {
            ours.push(argument.clone());
        }
    }
    // Without -l it boots one board and ends, however many there are.
    if !forever {
        ours.push("--boards=1".into());
    }
    ours
}

/// The flags -0 to -98 in the arguments of `piprov usbboot`, in a form that the parser can take.
pub(super) fn numbers(arguments: &mut [OsString]) {
    // The subcommand is the first that is no flag; `--config FILE` may stand before it, as two arguments.
    let Some(at) = arguments.iter().position(|argument| argument == "usbboot") else { return };
    let mut after_value = false;
    for argument in &mut arguments[at + 1..] {
        let Some(text) = argument.to_str() else {
            after_value = false;
            continue;
        };
        if text == "--" {
            return;
        }
        let port = hub_port(text).filter(|_| !after_value);
        after_value =
            matches!(text, "-d" | "--dir" | "-i" | "--serial" | "--config" | "--timeout" | "--wait-limit");
        if let Some(port) = port {
            let port = format!("--hub-port={port}");
            *argument = port.into();
        }
    }
}

/// The number of `-0` to `-98`, and any other that somebody may try: the parser then says which there are.
fn hub_port(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-')?;
    let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(arguments: Vec<OsString>) -> Vec<String> {
        arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    fn ours(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let all = texts(translate(&arguments));
        all[2..].join(" ")
    }

    #[test]
    fn every_flag_of_rpiboot_is_one_of_ours() {
        for (theirs, want) in [
            (&["-d", "msd"][..], "--dir=msd --boards=1"),
            (&["-d", "live", "-o", "-l"], "--dir=live --overlay --loop"),
            (&["-m", "1000"], "--poll=1000 --boards=1"),
            (&["-p", "1-1.2"], "--port=1-1.2 --boards=1"),
            (&["-i", "af04b2da"], "--serial=af04b2da --boards=1"),
            (&["-0"], "--hub-port=0 --boards=1"),
            (&["-9"], "--hub-port=9 --boards=1"),
            (&["-98"], "--hub-port=98 --boards=1"),
            (&["-99"], "--hub-port=99 --boards=1"),
            (&["-s", "-v"], "--signed --verbose --boards=1"),
            (&["-vv"], "-vv --boards=1"),
            (&["-j", "out", "-l"], "--metadata=out --loop"),
            (&["-j", "-l"], "--metadata --loop"),
            (&["-j"], "--metadata --boards=1"),
            (&["-V"], "--version --boards=1"),
            (&["--version"], "--version --boards=1"),
            (&["-h"], "--help --boards=1"),
            (&["-d", "-l"], "--dir=-l --boards=1"),
            (&["-d"], "--dir --boards=1"),
            (&["-lo"], "-lo"),
            (&["--json", "-d", "x"], "--json --dir=x --boards=1"),
            (&["x"], "x --boards=1"),
        ] {
            assert_eq!(ours(theirs), want, "{theirs:?}");
        }
    }

    #[test]
    fn numbers_are_ports_but_not_in_values() {
        let numbered = |arguments: &[&str]| {
            let mut arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            numbers(&mut arguments);
            texts(arguments).join(" ")
        };
        assert_eq!(numbered(&["piprov", "usbboot", "-1", "-l"]), "piprov usbboot --hub-port=1 -l");
        assert_eq!(numbered(&["piprov", "usbboot", "-99"]), "piprov usbboot --hub-port=99");
        assert_eq!(numbered(&["piprov", "usbboot", "-d", "-1"]), "piprov usbboot -d -1");
        assert_eq!(numbered(&["piprov", "usbboot", "--", "-1"]), "piprov usbboot -- -1");
        assert_eq!(numbered(&["piprov", "reset", "-1"]), "piprov reset -1");
    }
}
