//! `piprov user`: who may log in at a station.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::client::{At, Station, moment, new_name, parse, password, path, tell, tell_one, word};
use crate::cli::ui::Ui;
use crate::station_api::{Invited, NewInvitation, NewUser, Role, User as Known, UserChange};
use crate::stop::Stop;

/// Show and change the accounts of people
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct User {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List accounts
    List,
    /// Make an account; its password is asked for
    Add(Add),
    /// Make a link with which somebody makes an account, once
    Invite(Invite),
    /// Give an account another password or role, or take its second factor away
    ///
    /// Another password, asked for here or chosen by --link, leaves the second factor as it is: the codes of a telephone
    /// and all passkeys. Only --second-factor takes those away.
    Reset(Reset),
    /// Don't let an account log in any more
    Disable(One),
    /// Let an account log in again
    Enable(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name
    #[arg(value_name = "USER")]
    name: String,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The name that they log in with
    #[arg(value_name = "USER", value_parser = new_name)]
    name: String,
    /// What they may do: viewer, operator or admin
    #[arg(long, value_parser = parse::<Role>)]
    role: Role,
    /// A file with the password, which only its owner may read
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Invite {
    /// What they may do: viewer, operator or admin
    #[arg(long, value_parser = parse::<Role>)]
    role: Role,
}

#[derive(Debug, clap::Args)]
struct Reset {
    #[command(flatten)]
    one: One,
    /// Change what they may do, and leave the password: viewer, operator or admin
    #[arg(long, value_parser = parse::<Role>, conflicts_with = "password_file")]
    role: Option<Role>,
    /// Tell a link with which they choose another password, once, within three days
    #[arg(long, conflicts_with_all = ["role", "password_file"])]
    link: bool,
    /// Take their second factor away, and leave the password
    #[arg(long, conflicts_with_all = ["role", "password_file", "link"])]
    second_factor: bool,
    /// A file with the new password, which only its owner may read
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl User {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::List => {
                let all: Vec<Known> = station.all("/api/v1/users", &[])?;
                let row = |one: &Known| {
                    let state = if one.disabled { "disabled" } else { "" }.to_owned();
                    let factor = if one.second_factor { "on" } else { "" }.to_owned();
                    let last = one.last.map(moment).unwrap_or_else(|| "never".to_owned());
                    [one.name.clone(), word(one.role), state, factor, moment(one.made), last]
                };
                tell(
                    ui,
                    "user",
                    ["USER", "ROLE", "STATE", "SECOND FACTOR", "MADE", "LAST LOGIN"],
                    &all,
                    row,
                    "there are no accounts",
                );
                Ok(())
            }
            Command::Add(args) => {
                let password = password(args.password_file.as_deref(), ui, stop)?;
                let new = NewUser { name: args.name, role: args.role, password };
                show(&station.post("/api/v1/users", &new)?, ui);
                Ok(())
            }
            Command::Invite(args) => {
                invite(&NewInvitation { user: None, role: Some(args.role) }, &station, ui)
            }
            Command::Reset(args) if args.link => {
                invite(&NewInvitation { user: Some(args.one.name.clone()), role: None }, &station, ui)?;
                let all: Vec<Known> = station.all("/api/v1/users", &[])?;
                if let Some(user) = all.iter().find(|user| user.name == args.one.name) {
                    stays(user, ui);
                }
                Ok(())
            }
            Command::Reset(args) if args.second_factor => {
                let without = UserChange { second_factor: Some(false), ..UserChange::default() };
                change(&args.one, &without, &station, ui).map(drop)
            }
            Command::Reset(args) => {
                let password = match args.role {
                    Some(_) => None,
                    None => Some(password(args.password_file.as_deref(), ui, stop)?),
                };
                let has_new_password = password.is_some();
                let changed = UserChange { role: args.role, password, ..UserChange::default() };
                let user = change(&args.one, &changed, &station, ui)?;
                if has_new_password {
                    stays(&user, ui);
                }
                Ok(())
            }
            Command::Disable(args) => change(&args, &disabled(true), &station, ui).map(drop),
            Command::Enable(args) => change(&args, &disabled(false), &station, ui).map(drop),
        }
    }
}

fn disabled(disabled: bool) -> UserChange {
    UserChange { disabled: Some(disabled), ..UserChange::default() }
}

/// Makes a link that is good once, and tells it.
fn invite(new: &NewInvitation, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let made: Invited = station.post("/api/v1/invitations", new)?;
    tell_one(
        ui,
        "invitation",
        &made,
        &[
            ("user", made.user.clone().unwrap_or_default()),
            ("role", word(made.role)),
            ("link", made.url.clone()),
            ("ends", moment(made.expires)),
        ],
    );
    Ok(())
}

fn change(one: &One, change: &UserChange, station: &Station, ui: &Ui) -> crate::cli::Result<Known> {
    let user = station.patch(&path(["users", &one.name]), change)?;
    show(&user, ui);
    Ok(user)
}

/// Another password alone lets nobody in who has lost the second factor.
fn stays(user: &Known, ui: &Ui) {
    if user.second_factor {
        ui.say(format_args!(
            "the second factor of {} stays; `piprov user reset {} --second-factor` takes it away",
            user.name, user.name
        ));
    }
}

fn show(user: &Known, ui: &Ui) {
    let state = if user.disabled { "disabled" } else { "" }.to_owned();
    tell_one(ui, "user", user, &[("user", user.name.clone()), ("role", word(user.role)), ("state", state)]);
}
