//! The `piprov` command: parse, listen for signals, dispatch, exit code.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use piprov::cli::{Cli, log, name, parse, report, ui::Ui};
use piprov::stop::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};

fn main() -> ExitCode {
    let cli = match parse::parse(name::expand(std::env::args_os())) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let ui = Ui::new(&cli.global);
    log::start(&ui, cli.command.serves());
    let result = listen(&ui, &cli).and_then(|stop| cli.run(&ui, &stop));
    ExitCode::from(report::end(&ui, &result))
}

/// Makes Ctrl-C set the stop flag, and a second one end the program at once.
fn listen(ui: &Ui, cli: &Cli) -> piprov::cli::Result<Stop> {
    if cli.command.only_reports() {
        // Rust starts with SIGPIPE ignored; `piprov targets list | head -1` is to end quietly. Commands
        // that do something must not end so: a reset line would stay low.
        signal_hook::flag::register_conditional_default(SIGPIPE, Arc::new(AtomicBool::new(true)))?;
    }
    let stop = Stop::new()?;
    let mut wanted = vec![SIGINT, SIGTERM];
    // A terminal that closes must not leave a line low either; but nohup has asked to go on.
    if !ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let (ui, flag, first) = (ui.clone(), stop.clone(), cli.command.stopping());
    std::thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count == 0 {
                ui.say(format_args!("stopping{first}; again ends at once"));
                flag.set();
            } else {
                // The default action: the user has asked twice.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    Ok(stop)
}

/// Whether the process that started this one made it ignore a signal.
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
