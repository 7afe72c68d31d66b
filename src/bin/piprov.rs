//! The `piprov` command: parse, listen for Ctrl-C, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use piprov::cli::{Cli, report, ui::Ui};
use piprov::stop::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(&cli.global);
    let result = listen(&ui).and_then(|stop| cli.run(&ui, &stop));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(report::exit_code(&ui, &error)),
    }
}

/// Makes Ctrl-C set the stop flag, and a second one end the program at once.
fn listen(ui: &Ui) -> anyhow::Result<Stop> {
    let stop = Stop::new()?;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let (ui, flag) = (ui.clone(), stop.clone());
    std::thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count == 0 {
                ui.say(
                    "stopping: finishing what is on the wire and releasing reset lines; again ends at once",
                );
                flag.set();
            } else {
                // The default action: the user has asked twice.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(stop)
}
