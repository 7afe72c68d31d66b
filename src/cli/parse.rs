//! Reads the command line, and tells what is wrong with it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::ui::Ui;
use super::{Cli, Failure, Global, report};
use crate::error::Kind;
use crate::format::json::json;
use crate::format::message;

/// The command line as what it asks for.
///
/// # Errors
/// The exit code, where there is nothing to do: help or version was asked for and shown, or a mistake was told.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, ExitCode> {
    let error = match Cli::try_parse_from(&arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => without_idle_tips(tellable(&arguments, error.kind()), &arguments),
    };
    // What is wrong is not known by its place, so a flag counts wherever it stands before `--`.
    let given = |flag: &str| {
        let mut words = arguments.iter().skip(1).take_while(|argument| *argument != "--");
        words.any(|argument| argument == flag)
    };
    let (json, no_color) = (given("--json"), given("--no-color"));
    let ui = Ui::new(&Global { json, no_color, ..Global::default() });
    ui.clap(&error);
    if ui.json && error.use_stderr() {
        // The first paragraph is what is wrong; what follows is about how it is used.
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or_default().trim();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let kind = Kind::Usage;
        ui.object(&json!({
            "event": "error", "kind": kind, "code": kind.exit_code(), "message": message, "hint": None::<String>,
        }));
    }
    // Help that was asked for is no failure; everything else is a mistake of use, and told by now.
    let result = if error.use_stderr() { Err(Failure::already_told(Kind::Usage)) } else { Ok(()) };
    Err(ExitCode::from(report::end(&ui, &result)))
}

/// The same mistake again, now of arguments that can be shown: clap writes them, and the name of the program, as they
/// are.
fn tellable(arguments: &[OsString], kind: ErrorKind) -> clap::Error {
    let shown = arguments.iter().map(|argument| message(&argument.to_string_lossy()).into_owned());
    match Cli::try_parse_from(shown) {
        Err(error) if error.kind() == kind => error,
        // Then the characters that can't be shown are what is wrong.
        _ => Cli::command().error(
            ErrorKind::InvalidValue,
            "an argument holds control characters, and makes no sense with them",
        ),
    }
}

/// Without the tip how a mistyped option is given as a value, which is never meant. It stays where a word begins with one hyphen
/// and is longer than a letter, as a name may: of that clap names the first letter only.
fn without_idle_tips(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let ContextValue::String(option) = error.get(ContextKind::InvalidArg).unwrap_or(&ContextValue::None)
    else {
        return error;
    };
    let is_name = |word: &str| word.starts_with(option.as_str()) && word.len() > 2 && !word.starts_with("--");
    let names = arguments.iter().any(|argument| is_name(&argument.to_string_lossy()));
    if error.kind() == ErrorKind::UnknownArgument
        && !names
        && let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested)
    {
        tips.retain(|tip| !tip.to_string().starts_with("to pass '"));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::is_hidden;

    #[test]
    fn a_mistyped_option_is_not_told_how_to_be_a_value() {
        let told = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let error = Cli::try_parse_from(&arguments).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnknownArgument);
            without_idle_tips(tellable(&arguments, error.kind()), &arguments).render().to_string()
        };
        let tip = |text: &str| text.contains("as a value, use");
        for mistyped in ["--nosuch", "-Z", "-vZ"] {
            let arguments = ["piprov", "verify", mistyped];
            assert!(tip(&Cli::try_parse_from(arguments).unwrap_err().to_string()), "clap has it");
            assert!(!tip(&told(&arguments)), "{mistyped}");
        }
        assert!(tip(&told(&["piprov", "verify", "-rf"])), "a board may be called so");
        let alike = told(&["piprov", "verify", "os.img", "--devise", "x"]);
        assert!(alike.contains("'--device'") && !tip(&alike), "{alike}");
    }

    proptest::proptest! {
        #[test]
        fn no_mistake_writes_the_terminal(name: String, wrong: String, value: String) {
            for arguments in [
                vec![name.clone(), wrong.clone()],
                vec![name.clone(), format!("--{wrong}"), value.clone()],
                vec![name.clone(), "tftp".into(), format!("--listen={value}")],
                vec![name.clone(), "flash".into(), value.clone(), "--help".into()],
                vec![name, "netboot".into(), "serve".into(), "--mode".into(), value],
            ] {
                let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
                let Err(error) = Cli::try_parse_from(&arguments) else { continue };
                let text = tellable(&arguments, error.kind()).render().to_string();
                proptest::prop_assert!(!text.contains(|char| char != '\n' && is_hidden(char)), "{:?}", text);
            }
        }
    }
}
