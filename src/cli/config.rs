//! `piprov config`.

use crate::cli::common::settings;
use crate::cli::table;
use crate::cli::{Global, ui::Style, ui::Ui};
use crate::stop::Stop;

#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show every setting, its value and where it comes from
    ///
    /// Flags win over environment variables, these over ./piprov.toml, over
    /// $XDG_CONFIG_HOME/piprov/config.toml, over /etc/piprov/piprov.d/*.toml, over
    /// /etc/piprov/piprov.toml, over what is built in. The variable of `flash.part-size` is
    /// PIPROV_FLASH_PART_SIZE, and so on. With -v it also says which files were looked for.
    ///
    /// station.enrol, station.keep-* and station.shell-clients may also be changed on the page Settings
    /// of a station, while it serves. What is saved there holds for that station; it comes before the
    /// files and behind flags and environment variables. It isn't shown here.
    Show,
}

impl Config {
    pub(super) fn run(self, global: &Global, ui: &Ui, _stop: &Stop) -> crate::cli::Result<()> {
        let Command::Show = self.command;
        let settings = settings(global, ui)?;
        for (path, read) in &settings.files {
            ui.detail(format_args!("{}  {}", if *read { "read    " } else { "not read" }, path.display()));
        }
        if ui.json {
            #[derive(serde::Serialize)]
            struct Object<'a> {
                key: &'a str,
                value: crate::config::Written,
                #[serde(flatten)]
                origin: &'a crate::config::Origin,
            }
            for crate::config::Row { key, value, origin, .. } in settings.rows() {
                ui.named("setting", None, &Object { key, value, origin });
            }
            return Ok(());
        }
        let mut rows = vec![["SETTING", "VALUE", "COMES FROM"].map(str::to_owned)];
        rows.extend(
            settings
                .rows()
                .into_iter()
                .map(|row| [row.key.to_owned(), row.value.to_string(), row.origin.to_string()]),
        );
        table::tell(ui, Style::Strong, &rows);
        Ok(())
    }
}
