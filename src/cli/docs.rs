//! Man pages and shell completions, made from the command line itself. The output is committed; a test
//! fails when it is stale. Nothing in it depends on the day or the machine.

mod security;
mod settings;

use std::io::Write;
use std::path::PathBuf;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use super::ui::Ui;
use crate::config::{KEYS, variable};
use crate::error::{Explain, Kind};

/// Arguments of the hidden `piprov generate`.
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// What to write
    what: What,
    /// The directory to write to; it must exist
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The man pages
    Man,
    /// Completions for bash, zsh and fish
    Completions,
}

/// Why the documents can't be written.
#[derive(Debug, thiserror::Error)]
#[error("writing {}", path.display())]
pub struct Error {
    /// The file, or what stands for it while it is made.
    path: PathBuf,
    /// What the system said.
    source: std::io::Error,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::CantCreate
    }
}

/// A document: its file name and what is in it.
pub type Document = (String, Vec<u8>);

impl Generate {
    pub(super) fn run(self, ui: &Ui) -> crate::cli::Result<()> {
        let documents = match self.what {
            What::Man => man_pages()?,
            What::Completions => completions(),
        };
        for (name, bytes) in documents {
            let path = self.dir.join(name);
            std::fs::write(&path, bytes).map_err(|source| Error { path: path.clone(), source })?;
            ui.detail(path.display());
        }
        Ok(())
    }
}

/// The command as the documents show it: as wide as a page, and without what is hidden.
fn command() -> clap::Command {
    let full = Cli::command().disable_help_subcommand(true).term_width(80);
    let hidden: Vec<String> = full
        .get_subcommands()
        .filter(|inner| inner.is_hide_set())
        .map(|inner| inner.get_name().to_owned())
        .collect();
    // clap can't take a subcommand away, so the others are put into a command without any.
    let visible: Vec<clap::Command> = full
        .get_subcommands()
        .filter(|inner| !hidden.contains(&inner.get_name().to_owned()))
        .cloned()
        .collect();
    let mut shown = clap::Command::new("piprov").subcommands(visible).args(full.get_arguments().cloned());
    if let Some(about) = full.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(version) = full.get_version() {
        shown = shown.version(version.to_owned());
    }
    shown
        .propagate_version(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .term_width(80)
}

/// The man pages of `piprov` and of every subcommand at any depth, in the order of the help; then that of the
/// configuration files.
///
/// # Errors
/// When a page can't be rendered, which no input of ours causes.
pub fn man_pages() -> Result<Vec<Document>, Error> {
    fn walk(command: &clap::Command, pages: &mut Vec<Document>) -> Result<(), Error> {
        let man = Man::new(command.clone())
            .source(concat!("piprov ", env!("CARGO_PKG_VERSION")))
            .manual("piprov manual");
        let name = man.get_filename();
        let mut bytes = Vec::new();
        let mut page = man.render(&mut bytes);
        if page.is_ok() && pages.is_empty() {
            page = more_sections(&mut bytes);
        }
        let page = page.and_then(|()| security::add(&name, &mut bytes));
        page.map_err(|source| Error { path: PathBuf::from(&name), source })?;
        pages.push((name, bytes));
        command.get_subcommands().try_for_each(|inner| walk(inner, pages))
    }
    let mut command = command();
    command.build();
    let mut pages = Vec::new();
    walk(&command, &mut pages)?;
    pages.push(("piprov.toml.5".to_owned(), settings::page().into_bytes()));
    Ok(pages)
}

/// The man pages as texts, for the manual that a station shows.
#[cfg(feature = "station")]
pub(super) fn for_manual() -> Vec<(String, String)> {
    let mut pages = man_pages().unwrap_or_default();
    pages.sort();
    pages.into_iter().filter_map(|(name, bytes)| Some((name, String::from_utf8(bytes).ok()?))).collect()
}

/// What `piprov.1` has beside what clap knows.
fn more_sections(out: &mut dyn Write) -> std::io::Result<()> {
    let mut page = Roff::new();
    let mut section = |title: &str, rows: &[(String, &str)]| {
        page.control("SH", [title]);
        for (term, text) in rows {
            page.control("TP", []);
            page.text([bold(term.as_str())]);
            page.text([roman(*text)]);
        }
    };
    let named = |rows: &[(&str, &'static str)]| -> Vec<(String, &'static str)> {
        rows.iter().map(|(term, text)| ((*term).to_owned(), *text)).collect()
    };
    let output = named(&[
        ("Streams", "Results go to stdout; messages, progress and errors to stderr."),
        (
            "Texts from outside",
            "Names of files, packets, cells of a table and what boards tell are shown, never obeyed: control characters, \
             line breaks, characters without a width and those that turn the direction of writing are written as \\x1b \
             or \\u{202e}, in a pipe as on a terminal. Bytes that are no UTF-8 become U+FFFD. A line of the output is \
             one result or one message, a message not longer than 2000 characters. So a name in a line for people need \
             not be the name of a file, letter by letter; scripts read --json.",
        ),
        (
            "--json",
            "One object a line. The same characters are escaped as \\u001b in its strings, which readers of JSON undo; \
             bytes of a path that are no UTF-8 become U+FFFD.",
        ),
    ]);
    section("OUTPUT", &output);
    let codes: Vec<(String, &str)> = std::iter::once(("0".to_owned(), "Done and verified."))
        .chain(EXIT_CODES.iter().map(|(kind, text)| (kind.exit_code().to_string(), *text)))
        .collect();
    section("EXIT STATUS", &codes);
    let mut variables = named(&[
        ("PIPROV_CONFIG", "A configuration file that stands in for all others."),
        (
            "PIPROV_LOG",
            "What to log on stderr: a level (error, warn, info, debug, trace), or rooms with levels as warn,piprov::dhcp=debug.",
        ),
    ]);
    variables
        .extend(KEYS.iter().map(|key| (variable(key), "See the setting of that name in piprov.toml(5).")));
    variables.extend(named(&[
        ("NO_COLOR", "Output has no colours if this is set to anything."),
        ("FORCE_COLOR", "Output has colours if this is set to anything, even in a pipe."),
        ("XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the user's configuration file and state are."),
    ]));
    section("ENVIRONMENT", &variables);
    let files = named(&[
        ("/etc/piprov/targets.csv", "The targets database."),
        ("/etc/piprov/piprov.toml, /etc/piprov/piprov.d/*.toml", "The machine's settings."),
        ("$XDG_CONFIG_HOME/piprov/config.toml", "The user's settings."),
        ("./piprov.toml", "The project's settings."),
        ("/var/lib/piprov, $XDG_STATE_HOME/piprov", "State that outlives the process: root's, a user's."),
    ]);
    section("FILES", &files);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("piprov.toml"), roman("(5)")]);
    page.to_writer(out)
}

/// The exit codes beside 0, as the man page explains them.
pub const EXIT_CODES: [(Kind, &str); 11] = [
    (Kind::Failed, "It was tried and did not work, or several boards failed for different reasons."),
    (Kind::Usage, "The command line makes no sense."),
    (Kind::BadData, "The image or another input is damaged, of the wrong kind, or does not fit."),
    (Kind::NoInput, "There is no such file, or no such target in the database."),
    (Kind::Unavailable, "No such device or service, or a board that does not answer."),
    (Kind::CantCreate, "An output can not be created."),
    (Kind::Io, "Reading or writing failed."),
    (Kind::Busy, "Somebody else has it; trying again later may work."),
    (Kind::Permission, "The user may not do this."),
    (Kind::Config, "The configuration or the targets database is wrong."),
    (Kind::Interrupted, "Ended by Ctrl-C or SIGTERM."),
];

/// The shell completions, under the names that the shells look for.
#[must_use]
pub fn completions() -> Vec<Document> {
    let shells = [(Shell::Bash, "piprov.bash"), (Shell::Zsh, "_piprov"), (Shell::Fish, "piprov.fish")];
    let document = |(shell, name): (Shell, &str)| {
        let mut bytes = Vec::new();
        clap_complete::generate(shell, &mut command(), "piprov", &mut bytes);
        (name.to_owned(), bytes)
    };
    shells.into_iter().map(document).collect()
}
