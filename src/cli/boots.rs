//! How an image boots, as lines: the same in `card check`, `card build` and `flash -n`.

use crate::contents::forecast::{Answers, By};

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
        let models: Vec<_> = firmware.models().map(|model| model.name()).collect();
        let models = if models.is_empty() { "no board".to_owned() } else { models.join(", ") };
        lines.push(format!("alone   the Pi's own firmware starts it on {models}"));
    }
    lines.extend(card.notes.iter().map(|note| format!("note    {note}")));
    lines
}
