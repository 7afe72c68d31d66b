//! How a remedy is worded on the command line: settings as flags, jobs as commands. This is the only place that knows
//! them by these names; what stands here is held against what clap takes. All that is to be typed stands in backticks.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::{Action, Knob, Piece, Remedy, Task, sentence};

/// A remedy as a sentence for a user at a shell.
#[must_use]
pub fn word(remedy: &Remedy) -> String {
    let words = remedy.pieces().iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Do(action) => word_action(action),
    });
    words.collect()
}

/// A remedy as what stands behind `hint:`: whole sentences, whoever wrote the words.
#[must_use]
pub fn hint(remedy: &Remedy) -> String {
    sentence(&word(remedy))
}

/// A value of `--json` in which remedies are sentences too.
pub(super) fn word_value(value: &mut Value) {
    let of_remedy = |part: &Value| part.is_string() || part.get("do").is_some();
    match value {
        Value::Array(parts) if parts.iter().all(of_remedy) && !parts.iter().all(Value::is_string) => {
            if let Ok(remedy) = serde_json::from_value(Value::Array(std::mem::take(parts))) {
                *value = word(&remedy).into();
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(word_value),
        Value::Object(parts) => parts.values_mut().for_each(word_value),
        _ => {}
    }
}

fn word_action(action: &Action) -> String {
    match action {
        Action::Set { knob, value } => {
            let Flag { flag, value: own, .. } = flag(*knob);
            let value = value.as_deref().map(quoted).or(own.map(Cow::Borrowed));
            value.map_or_else(|| format!("`{flag}`"), |value| format!("`{flag} {value}`"))
        }
        Action::LeaveOut { knob } => format!("`{}`", flag(*knob).flag),
        Action::Task { task, with } => {
            let mut with = with.iter();
            let words = command(*task).split(' ').map(|word| {
                let given = is_placeholder(word).then(|| with.next()).flatten();
                given.map_or(Cow::Borrowed(word), |given| quoted(given))
            });
            format!("`{}`", words.collect::<Vec<_>>().join(" "))
        }
        Action::Host { command, root } => {
            let words: Vec<_> = command.iter().map(|word| quoted(word)).collect();
            format!("`{}{}`", if *root { "sudo " } else { "" }, words.join(" "))
        }
        Action::Install { packages } => format!("`apt-get install {}`", packages.join(" ")),
        Action::AsRoot => "run it with sudo".to_owned(),
        Action::Stream => "pipe the image in, as in `curl -L URL | piprov ... -`".to_owned(),
    }
}

/// Whether a word stands for what only the user knows.
fn is_placeholder(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|char| char.is_ascii_uppercase())
}

/// A word as a POSIX shell takes it.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    // What a shell takes as it is, and `…`, which stands for what isn't known.
    let plain = |char: char| char.is_ascii_alphanumeric() || "_@%+=:,./-…".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// A setting as a flag.
struct Flag {
    flag: &'static str,
    /// What stands for a value that only the user knows, as in the help; `None` where it takes no value.
    value: Option<&'static str>,
    /// The subcommands that take it.
    #[cfg_attr(not(test), expect(dead_code, reason = "what clap takes is held against it"))]
    of: &'static [&'static str],
}

const fn flag(knob: Knob) -> Flag {
    const PACKAGES: &[&str] = &["card payload", "stage1 build"];
    let (flag, value, of): (_, _, &[&str]) = match knob {
        Knob::Address => ("--address", Some("IP"), &["netboot client add"]),
        Knob::Allow => ("--allow", Some("DIR"), &["usbboot"]),
        Knob::Card => ("--card", Some("KIND"), &["flash"]),
        Knob::Chip => ("--chip", Some("CHIP"), &["reset"]),
        Knob::Clients => ("--clients", Some("DIR"), &["mklive", "netboot client add"]),
        Knob::Config => ("--config", Some("FILE"), &["flash", "list", "tftp"]),
        Knob::Confirm => ("--confirm", Some("SETTING"), &["usbboot"]),
        Knob::Deb => ("--deb", Some("FILE"), PACKAGES),
        Knob::DryRun => ("--dry-run", None, &["netboot client add"]),
        Knob::Exclude => ("--exclude", Some("PATH"), &["netboot client add"]),
        Knob::Force => {
            const OF: &[&str] = &[
                "card build",
                "card check",
                "card stick",
                "doctor",
                "eeprom edit",
                "flash",
                "split-image",
                "mklive",
                "netboot serve",
            ];
            ("--force", None, OF)
        }
        Knob::HostAddress => ("--address", Some("CIDR"), &["doctor"]),
        Knob::Interface => ("--interface", Some("IF"), &["doctor", "netboot client add", "netboot serve"]),
        Knob::Line => ("--line", Some("LINE"), &["reset"]),
        Knob::Listen => ("--listen", Some("ADDR[:PORT]"), &["flash"]),
        Knob::Live => ("--live", Some("DIR"), &["mklive"]),
        Knob::Mirror => ("--mirror", Some("URL"), PACKAGES),
        Knob::Mode => ("--mode", Some("MODE"), &["netboot serve"]),
        Knob::Network => ("--network", Some("NETWORK/PREFIX"), &["netboot client add"]),
        Knob::NoReset => ("--no-reset", None, &["flash"]),
        Knob::NoExports => ("--no-exports", None, &["netboot client add"]),
        Knob::OutputDir => ("-o", Some("DIR"), &["split-image"]),
        Knob::PartSize => ("--part-size", Some("SIZE"), &["flash"]),
        Knob::Payload => ("-d", Some("DIR"), &["usbboot"]),
        Knob::Range => ("--range", Some("A-B"), &["netboot serve"]),
        Knob::Release => ("--release", Some("RELEASE"), PACKAGES),
        Knob::Server => ("--server", Some("IP"), &["netboot client add", "netboot client set"]),
        Knob::Shared => ("--shared", Some("NAME"), &["netboot client add"]),
        Knob::Skip => ("--skip", Some("auto|BYTES"), &["split-image"]),
        Knob::SpoolDir => ("--spool-dir", Some("DIR"), &["flash", "verify", "split-image", "card build"]),
        Knob::State => ("--state", Some("DIR"), &["netboot serve"]),
        Knob::Targets => ("--targets", Some("FILE"), &["targets list", "flash", "reset"]),
        Knob::TftpRoot => ("--tftp-root", Some("DIR"), &["flash", "netboot serve", "netboot client add"]),
        Knob::Timeout => ("--timeout", Some("TIME"), &["flash", "usbboot"]),
        Knob::UbootSize => ("--uboot-size", Some("BYTES"), &["card build"]),
        Knob::Verbose => ("-v", None, &["usbboot"]),
        Knob::WaitFor => ("--wait-for", Some("WHAT"), &["usbboot"]),
    };
    Flag { flag, value, of }
}

/// A job as a command. A word in capitals stands for what it is done with, in the order of [`Task`].
const fn command(task: Task) -> &'static str {
    match task {
        Task::CardBuild => "piprov card build",
        Task::CardBuildSecret => "piprov card build --secret FILE",
        Task::CardCheck => "piprov card check IMAGE",
        Task::ClientAdd => "piprov netboot client add",
        Task::ClientCheck => "piprov netboot client check",
        Task::ClientList => "piprov netboot client list",
        Task::ClientRemove => "piprov netboot client remove NAME",
        Task::ClientRename => "piprov netboot client rename NAME NEW",
        Task::ClientRepair => "piprov netboot client check NAME --repair",
        Task::ClientSet => "piprov netboot client set NAME",
        Task::ClientShow => "piprov netboot client show NAME",
        Task::ConfigShow => "piprov config show",
        Task::Doctor => "piprov doctor",
        Task::EnableCard => "piprov netboot enable --boot-partition DIR",
        Task::EnableEeprom => "piprov netboot enable --eeprom IMAGE",
        Task::EepromUnsign => "piprov eeprom edit IMAGE --unsign",
        Task::Flash => "piprov flash",
        Task::HostNetwork => "sudo piprov doctor --fix --interface IF --address CIDR",
        Task::HostNetworkUndo => "sudo piprov doctor --undo",
        Task::HostNetworkUndoBelow => "sudo piprov doctor --undo --root DIR",
        Task::List => "piprov list",
        Task::Nfs => "piprov netboot nfs",
        Task::RunList => "piprov run list",
        Task::Serve => "piprov netboot serve",
        Task::Stage1 => "piprov stage1 build --arch ARCH -o DIR",
        Task::TargetsAdd => "piprov targets add --targets FILE NAME --mac MAC",
        Task::TargetsCheck => "piprov targets check --targets FILE",
        Task::TargetsList => "piprov targets list --targets FILE",
        Task::TargetsRemove => "piprov targets remove --targets FILE NAME",
        Task::TargetsRewrite => "piprov targets list --csv --targets FILE > new.csv",
        Task::UdevInstall => "sudo piprov udev install",
        Task::UdevInstallGroup => "sudo piprov udev install --group NAME",
        Task::Verify => "piprov verify IMAGE --sha256 HEX",
        Task::Watch => "piprov netboot watch",
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use clap::{ArgAction, CommandFactory};
    use proptest::prelude::*;

    use super::*;
    use crate::cli::Cli;
    use crate::error::remedy;

    /// The subcommand of that name, with what all of them take.
    fn subcommand(path: &str) -> clap::Command {
        let mut cli = Cli::command();
        cli.build();
        path.split(' ').fold(cli, |above, name| {
            above.find_subcommand(name).unwrap_or_else(|| panic!("there is no `{path}`")).clone()
        })
    }

    #[test]
    fn every_setting_is_a_flag_of_the_subcommands_that_meet_it() {
        for &knob in Knob::ALL {
            let Flag { flag, value, of } = flag(knob);
            assert!(!of.is_empty(), "{flag}");
            for path in of {
                let command = subcommand(path);
                let is_it = |arg: &&clap::Arg| match flag.strip_prefix("--") {
                    Some(long) => arg.get_long() == Some(long),
                    None => arg.get_short() == flag.chars().nth(1),
                };
                let arg = command.get_arguments().find(is_it);
                let arg = arg.unwrap_or_else(|| panic!("`{path}` takes no {flag}"));
                assert_eq!(matches!(arg.get_action(), ArgAction::Set | ArgAction::Append), value.is_some());
                let names = arg.get_value_names().unwrap_or_default();
                assert!(value.is_none_or(|value| names.len() == 1 && names[0] == value), "{path} {flag}");
            }
        }
    }

    #[test]
    fn every_job_is_a_command_that_is_taken() {
        for &task in Task::ALL {
            let with = command(task).split(' ').filter(|word| is_placeholder(word)).map(|word| match word {
                "NAME" => "lab-01",
                "NEW" => "lab-02",
                "MAC" => "dc:a6:32:01:36:c2",
                "IMAGE" => "x.img",
                "FILE" | "DIR" => "/x",
                "ARCH" => "armv6",
                "IF" => "eth1",
                "CIDR" => "10.20.50.1/24",
                "HEX" => "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
                other => panic!("{other} in {task:?}"),
            });
            let line = word(&with.fold(Action::from(task), Action::arg).into());
            let line = line.trim_matches('`').trim_start_matches("sudo ").trim_end_matches(" > new.csv");
            // A job that is only named takes more, which the user knows.
            match Cli::command().try_get_matches_from(line.split(' ')) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {}
                Err(error) => panic!("{line}: {error}"),
            }
        }
    }

    #[test]
    fn what_is_to_be_typed_is_as_a_shell_takes_it() {
        let remedy = remedy![
            "first ",
            Action::host_as_root("mkdir -p").arg("/srv/a b"),
            ", then ",
            Task::ClientRename.of("lab-01").arg("it's"),
            ", with ",
            Knob::TftpRoot,
            " or ",
            Knob::Skip.to("auto"),
            ", without ",
            Knob::PartSize.left_out(),
            "; ",
            Task::TargetsAdd,
            "; ",
            Action::install(["rpcbind", "nfs-common"]),
            " or ",
            Action::AsRoot,
            ".",
        ];
        assert_eq!(
            word(&remedy),
            "first `sudo mkdir -p '/srv/a b'`, then `piprov netboot client rename lab-01 'it'\\''s'`, with \
             `--tftp-root DIR` or `--skip auto`, without `--part-size`; `piprov targets add --targets FILE NAME --mac MAC`; \
             `apt-get install rpcbind nfs-common` or run it with sudo."
        );
    }

    #[test]
    fn in_json_a_remedy_is_a_sentence_wherever_it_stands() {
        let hint = serde_json::to_value(remedy!["see ", Action::host("ls -l"), " \" ]"]).unwrap();
        let of = |hint: &Value| {
            serde_json::json!({
                "hint": hint, "all": [{ "x": [hint, [{}]], "n": 1.5 }], "no": [{ "x": 1 }, "a"], "names": ["a"], "a": [],
            })
        };
        let mut value = of(&hint);
        word_value(&mut value);
        assert_eq!(value, of(&"see `ls -l` \" ]".into()));
    }

    proptest! {
        #[test]
        fn a_shell_gets_back_the_word(word in "[^\0]*") {
            let line = format!("printf %s {}x", quoted(&word));
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            prop_assert_eq!(output.stdout, format!("{word}x").into_bytes());
        }
    }
}
