//! How an image boots, as lines: the same in `card check`, `card build` and `flash -n`.

use super::ui::Ui;
use crate::contents::boot::Boots;
use crate::contents::forecast::{Answers, BEHIND, By};

/// Where the words of each line begin.
const INDENT: usize = 8;
/// Reasons that are told; boards lack the same things.
const REASONS: usize = 4;

/// Tells lines of this form.
pub(super) fn tell(ui: &Ui, lines: impl IntoIterator<Item = String>) {
    for line in lines {
        // A table, and lines of files, keep their form.
        let in_form = line.starts_with(' ') && !line.starts_with("        ");
        if in_form { ui.result(line) } else { ui.folded(INDENT, line) }
    }
}

/// The two answers: that of the card's U-Boot, and that of the Pi's own firmware.
pub(super) fn lines(answers: &Answers) -> Vec<String> {
    let card = &answers.card;
    let mut lines = Vec::new();
    match card.starts {
        Some(false) => lines.push(format!("boots   no, because {}", card.why)),
        None => lines.push(format!("boots   not known: {}", card.why)),
        Some(true) => {}
    }
    for load in &card.loads {
        let word = if card.starts.is_some() { "boots" } else { "loads" };
        lines.push(format!("{word}   {}", load.told()));
        if !load.arguments.is_empty() {
            lines.push(format!("        {}", load.arguments));
            lines.push(format!("        ({BEHIND})"));
        }
    }
    if !card.loads.is_empty() && card.by == By::Added {
        lines.push("        boot.scr is added to the boot partition and tells U-Boot so".to_owned());
    }
    if let Some(firmware) = &answers.firmware {
        lines.push(format!("alone   the Pi's own firmware {}", starts(firmware)));
    }
    lines.extend(card.notes.iter().map(|note| format!("note    {note}")));
    lines
}

/// On which boards the firmware starts it; where on none, why.
fn starts(firmware: &Boots) -> String {
    let names = |starts: Option<bool>| -> Vec<&str> {
        let those = firmware.boards.iter().filter(|verdict| verdict.starts == starts);
        those.map(|verdict| verdict.model.name()).collect()
    };
    let (sure, unsure) = (names(Some(true)), names(None));
    if !sure.is_empty() {
        let sure = sure.join(", ");
        return match unsure.is_empty() {
            true => format!("starts it on {sure}"),
            false => format!(
                "starts it on {sure}; whether on {} isn't known: {}",
                unsure.join(", "),
                reasons(firmware, None)
            ),
        };
    }
    let (starts, start) = match unsure.is_empty() {
        true => (Some(false), "starts it on no board"),
        false => (None, "may start it or not"),
    };
    format!("{start}: {}", reasons(firmware, starts))
}

/// By what that is known of the boards that start it, don't, or may.
fn reasons(firmware: &Boots, starts: Option<bool>) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for verdict in firmware.boards.iter().filter(|verdict| verdict.starts == starts) {
        for reason in &verdict.evidence {
            if !reasons.contains(&reason.as_str()) {
                reasons.push(reason);
            }
        }
    }
    let more = reasons.len().saturating_sub(REASONS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    reasons.truncate(REASONS);
    format!("{}{more}", reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::boot;

    #[test]
    fn a_firmware_that_starts_nothing_says_why() {
        let judged = |names: &[&str], config: &[u8]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let there = |path: &str| names.iter().any(|name| name == path);
            let open = |_: &str| Ok(Some(config.to_vec()));
            let config = crate::eeprom::config_txt::ConfigFiles::read("config.txt", open).unwrap();
            starts(&boot::judge(1, &names, &there, Ok(&config)).unwrap())
        };
        let none = judged(&["config.txt"], b"");
        assert!(
            none.starts_with("starts it on no board: no bootcode.bin, no start.elf, no kernel.img, "),
            "{none}"
        );
        assert!(none.ends_with(" more"), "{none}");
        let image = judged(&["config.txt", "boot.img"], b"boot_ramdisk=1\n");
        assert_eq!(image, "may start it or not: boot.img has the boot files in it (boot_ramdisk=1)");
        let some = judged(&["config.txt", "start4.elf", "kernel8.img", "bcm2711-rpi-cm4.dtb"], b"");
        assert_eq!(some, "starts it on CM4");
        let three = ["config.txt", "bootcode.bin", "start.elf", "kernel8.img", "bcm2710-rpi-3-b.dtb"];
        let alone = judged(&three, b"");
        assert_eq!(alone, "may start it or not: kernel8.img alone, and no arm_64bit=1 in config.txt");
        let both = judged(&[&three[..], &["start4.elf", "bcm2711-rpi-cm4.dtb"]].concat(), b"");
        assert!(
            both.starts_with("starts it on CM4; whether on Pi 3B isn't known: kernel8.img alone"),
            "{both}"
        );
        let noobs = judged(&["recovery.elf"], b"");
        assert!(noobs.starts_with("may start it or not: recovery.elf is a recovery program"), "{noobs}");
    }
}
