//! `piprov netboot enable --otp-dump FILE`: what a board's one-time programmable memory says.

use std::path::Path;

use super::input;
use crate::board::Who;
use crate::cli::remedy;
use crate::cli::ui::{Style, Text, Ui, wrap};
use crate::eeprom::files::Error;
use crate::eeprom::otp::{Dump, NetBoot};
use crate::format::json::json;

pub(super) fn run(path: &Path, ui: &Ui) -> crate::cli::Result<()> {
    let bytes = input(path)?;
    let name = if path == Path::new("-") { Path::new("stdin") } else { path };
    let dump = Dump::parse(&String::from_utf8_lossy(&bytes)).map_err(Error::content(name))?;
    let meaning = dump.meaning();
    if ui.json {
        let serial = dump.serial().and_then(|serial| serial.parse().ok());
        let who = Who { serial, mac: dump.mac(), model: dump.model(), ..Who::default() };
        ui.object(&json!({
            "event": "otp", "network_boot": dump.net_boot(), "usb_host_boot": dump.usb_host_boot(),
            "board": who, "revision": dump.revision().map(|code| format!("{code:x}")),
            "tftp_prefix": dump.tftp_prefix(), "meaning": meaning,
        }));
        return Ok(());
    }
    let row = |name: &str, text: Text| {
        ui.result(format_args!("{} {text}", ui.paint(Style::Strong, format_args!("{name:<8}"))))
    };
    match (dump.model(), dump.revision()) {
        (Some(model), Some(code)) => row("board", Text::line(format_args!("{model}, revision {code:x}"))),
        (None, Some(code)) => row("board", Text::line(format_args!("not known, revision {code:x}"))),
        _ => {}
    }
    if let Some(serial) = dump.serial() {
        let asks = match dump.net_boot() {
            NetBoot::NoEthernet => String::new(),
            _ => format!(", asks for {}/ by TFTP", dump.tftp_prefix().unwrap_or_default()),
        };
        row("serial", Text::line(format_args!("{serial}{asks}")));
    }
    if let Some(mac) = dump.mac() {
        row("mac", Text::line(mac));
    }
    if let Some(value) = dump.row(17).filter(|_| dump.net_boot() != NetBoot::Eeprom) {
        row("row 17", Text::line(format_args!("{value:08x}")));
    }
    let mut lines = meaning.iter();
    if let Some(answer) = lines.next() {
        row("answer", wrap(&remedy::word(answer), 9, 9, ui.width_out));
    }
    for line in lines {
        row("note", wrap(&remedy::word(line), 9, 9, ui.width_out));
    }
    Ok(())
}
