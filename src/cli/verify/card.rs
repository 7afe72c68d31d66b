//! `piprov verify --card`: a card that was flashed through U-Boot.

use std::path::Path;

use super::{BOOTED, Job, pairs};
use crate::cli::bar::Bar;
use crate::cli::format;
use crate::format::json::json;
use crate::image::device::Device;
use crate::uboot::card::{Fit, OnCard, card_info, on_card};

impl Job<'_> {
    /// Compares the image, as it lies on a recovery card, with what is on this one.
    pub(super) fn card(&self, path: &Path) -> crate::cli::Result<()> {
        let fit = Fit::new(&self.image, &card_info(&Device::open(path)?)?)?;
        let found = {
            let bar = Bar::new(self.ui, "comparing");
            on_card(&self.image, &fit, path, self.stop, &bar)?
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
            OnCard::Differs(found) => {
                let (expected, got) = (format::hex(&found.expected), format::hex(&found.got));
                let object = json!({
                    "event": "verify", "equal": false, "card": path, "offset": found.card_offset,
                    "block": found.card_offset / 512, "image_offset": found.image_offset,
                    "partition": found.partition.map(|(_, old)| old),
                    "card_partition": found.partition.map(|(number, _)| number),
                    "file": found.file, "expected": expected, "got": got,
                });
                let place = match (found.partition, &found.file) {
                    (Some((number, old)), Some(file)) => {
                        format!("in {file} on partition {number} ({old} in the image)")
                    }
                    (Some((number, old)), None) => {
                        format!("in partition {number} ({old} in the image), in no file that is known")
                    }
                    (None, _) if found.image_offset.is_none() => "in the partition table".to_owned(),
                    (None, _) => "outside every partition".to_owned(),
                };
                let text = format!(
                    "{name} differs from {} at byte {} of the card (block {}), {place}",
                    self.image.name(),
                    found.card_offset,
                    found.card_offset / 512
                );
                let bytes =
                    [format!("  expected  {}", pairs(&expected)), format!("  read      {}", pairs(&got))];
                self.bad_lines(object, &[&[text], &bytes[..]].concat(), Some(BOOTED.into()))
            }
        }
    }
}
