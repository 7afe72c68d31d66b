//! `piprov verify --card`: a card that was flashed through U-Boot.

use std::path::Path;

use super::{BOOTED, Job, pairs};
use crate::cli::bar::Bar;
use crate::cli::format;
use crate::format::json::json;
use crate::image::device::Device;
use crate::uboot::card::{CardDifference, Fit, OnCard, card_info, on_card};

impl Job<'_> {
    /// Compares the image, as it lies on a recovery card, with what is on this one.
    pub(super) fn card(&self, path: &Path) -> crate::cli::Result<()> {
        let fit = Fit::new(&self.image, &card_info(&Device::open(path)?)?)?;
        let found = {
            let bar = Bar::new(self.ui, "comparing");
            let found = on_card(&self.image, &fit, path, self.stop, &bar);
            self.unchanged()?;
            found?
        };
        let name = path.display();
        match found {
            OnCard::Equal { bytes } => {
                let object = json!({ "event": "verify", "equal": true, "card": path, "bytes": bytes });
                self.good(object, format_args!("{name}"), bytes);
                Ok(())
            }
            OnCard::Ends { at, need } => {
                let object = json!({
                    "event": "verify", "equal": false, "card": path, "device_bytes": at, "card_bytes": need,
                });
                let text = format!(
                    "{name} is too short: it has {}, and this image's card {}",
                    format::size_exact(at),
                    format::size_exact(need)
                );
                self.bad(object, text, Some("is it the right device?".into()))
            }
            OnCard::Differs { first, in_file, names } => {
                let (expected, got) = (format::hex(&first.expected), format::hex(&first.got));
                let mut object = facts(&first);
                let told = json!({
                    "event": "verify", "equal": false, "card": path, "expected": expected, "got": got,
                    "in_file": in_file.as_deref().map(facts),
                    "missing": names.missing, "added": names.added,
                });
                if let (Some(object), Some(told)) = (object.as_object_mut(), told.as_object()) {
                    object.extend(told.clone());
                }
                let text = format!(
                    "{name} differs from {} at byte {} of the card (block {}), {}",
                    self.image.name(),
                    first.card_offset,
                    first.card_offset / 512,
                    place(&first)
                );
                let mut lines = vec![text];
                lines.push(format!("  expected  {}", pairs(&expected)));
                lines.push(format!("  read      {}", pairs(&got)));
                lines.extend(in_file.map(|found| {
                    let at = found.card_offset;
                    format!("  the first difference in a file is at byte {at} of the card, {}", place(&found))
                }));
                for (what, files) in [("not on the card", &names.missing), ("only on the card", &names.added)]
                {
                    if !files.is_empty() {
                        lines.push(format!("  {what}: {}", files.join(", ")));
                    }
                }
                self.bad_lines(object, &lines, Some(BOOTED.into()))
            }
        }
    }
}

/// Where a difference lies.
fn facts(found: &CardDifference) -> serde_json::Value {
    json!({
        "offset": found.card_offset, "block": found.card_offset / 512, "image_offset": found.image_offset,
        "partition": found.partition.map(|(_, old)| old),
        "card_partition": found.partition.map(|(number, _)| number), "file": found.file,
    })
}

/// The same in words.
fn place(found: &CardDifference) -> String {
    match (found.partition, &found.file) {
        (Some((number, old)), Some(file)) => format!("in {file} on partition {number} ({old} in the image)"),
        (Some((number, old)), None) => format!(
            "in partition {number} ({old} in the image), in no file: in the file system's own tables, or in free space"
        ),
        (None, _) if found.image_offset.is_none() => "in the partition table".to_owned(),
        (None, _) => "outside every partition".to_owned(),
    }
}
