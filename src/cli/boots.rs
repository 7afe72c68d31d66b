//! How an image boots, as lines: the same in `card check`, `card build` and `flash -n`.

use super::ui::Ui;
use crate::contents::boot::Boots;
use crate::contents::forecast::{Answers, By};

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
        Some(true) => {
            for load in &card.loads {
                lines.push(format!("boots   {}", load.told()));
                if !load.arguments.is_empty() {
                    lines.push(format!("        {}", load.arguments));
                }
            }
            if card.by == By::Added {
                lines.push("        boot.scr is added to the boot partition and tells U-Boot so".to_owned());
            }
        }
    }
    if let Some(firmware) = &answers.firmware {
        lines.push(format!("alone   the Pi's own firmware {}", starts(firmware)));
    }
    lines.extend(card.notes.iter().map(|note| format!("note    {note}")));
    lines
}

/// On which boards the firmware starts it; where on none, why.
fn starts(firmware: &Boots) -> String {
    let models: Vec<_> = firmware.models().map(|model| model.name()).collect();
    if !models.is_empty() {
        return format!("starts it on {}", models.join(", "));
    }
    let mut reasons: Vec<&str> = Vec::new();
    let unknown = firmware.boards.iter().any(|verdict| verdict.starts.is_none());
    for verdict in firmware.boards.iter().filter(|verdict| unknown == verdict.starts.is_none()) {
        for reason in &verdict.evidence {
            if !reasons.contains(&reason.as_str()) {
                reasons.push(reason);
            }
        }
    }
    let more = reasons.len().saturating_sub(REASONS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    reasons.truncate(REASONS);
    let start = if unknown { "may start it or not" } else { "starts it on no board" };
    format!("{start}: {}{more}", reasons.join(", "))
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
    }
}
