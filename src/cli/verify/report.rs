//! `piprov verify --report`: what a board told about a flash.

use std::path::Path;

use super::Job;
use crate::cli::format;
use crate::format::json::json;
use crate::image::Error;
use crate::image::report::{CountSays, judge_count};
use crate::run::Record;
use crate::uboot::material::{self, ImageMaterial};
use crate::uboot::recheck::{Recheck, part_size, recheck};
use crate::uboot::record::Flash;

impl Job<'_> {
    /// A card of the original kind has told how many bytes it wrote.
    pub(super) fn count(&self, count: u32, path: &Path, accept: bool) -> crate::cli::Result<()> {
        let len = self
            .image
            .content()
            .size()
            .map_err(|error| Error::os(self.image.path(), "asking for its size", error))?;
        let says = judge_count(count, len);
        let matches = says == CountSays::Matches;
        let object = json!({
            "event": "verify", "equal": None::<bool>, "report": path, "count": count, "count_matches": matches,
            "image_bytes": len, "accepted": matches && accept,
        });
        let (name, image) = (path.display(), self.image.name());
        match says {
            CountSays::Matches if accept => {
                self.tell(object, format_args!("{name}: the number of bytes matches {image}, accepted"));
                Ok(())
            }
            CountSays::Matches => self.bad(
                object,
                format!("{name}: not verified: only a number of bytes was reported, which matches {image}"),
                Some(
                    "the board did not read back what it wrote; compare the card itself with --device, or take \
                     the number for enough with --accept-count"
                        .into(),
                ),
            ),
            CountSays::TailDropped { bytes } => self.bad(
                object,
                format!(
                    "{name}: the last {} of {image} fill no whole block, and the board left them out",
                    format::count(bytes, "byte")
                ),
                Some("pad the image to a multiple of 512 bytes, or flash with `piprov flash`".into()),
            ),
            CountSays::Differs { expected } => self.bad(
                object,
                format!(
                    "{name}: the board wrote {count} bytes, {image} without its first 4 MiB has {expected} \
                     (both modulo 2^32)"
                ),
                Some("another image was flashed, or a part is missing; flash again".into()),
            ),
        }
    }

    /// The record of a run: every checksum in it is computed again from the image.
    pub(super) fn record(&self, text: &[u8], path: &Path) -> crate::cli::Result<()> {
        let bad = |what: &str| Error::BadRecord { path: path.to_owned(), what: what.to_owned() };
        let run = Record::read(text).ok_or_else(|| bad("no record of a run"))?;
        let flash = Flash::of(&run).ok_or_else(|| bad("a record, but not of a flash"))?;
        let (name, board) = (path.display(), run.board.label());
        let result = match part_size(&flash) {
            Some(size) => {
                let material = ImageMaterial::prepare(self.image.clone(), size, self.stop)?;
                let result = recheck((&run, &flash), &material, self.stop);
                if self.stop.is_set() {
                    return Err(Error::Stopped.into());
                }
                // Damage of the image has its own message, hint and exit code.
                if let Some(error) = material.failure()
                    && let material::Error::Image(error) = &*error
                {
                    return Err(error.clone().into());
                }
                result
            }
            None => Recheck::NotProved { why: "the board got no part of an image".into() },
        };
        let object = json!({
            "event": "verify", "equal": matches!(result, Recheck::Equal { .. }), "report": path,
            "board": run.board, "run": run.run, "finding": result,
        });
        match result {
            Recheck::Equal { bytes, .. } => {
                self.good(object, format_args!("{name}: what {board} read back"), bytes);
                Ok(())
            }
            Recheck::Differs { what, card_offset } => {
                let at = card_offset.map(|at| format!(", byte {at} of the card")).unwrap_or_default();
                let hint = (flash.image.name != self.image.name())
                    .then(|| format!("the report is of a flash of {}", flash.image.name).into());
                self.bad(object, format!("{name}: {what}{at}"), hint)
            }
            Recheck::NotProved { why } => {
                self.bad(object, format!("{name}: not proved: {why}"), Some("flash the board again".into()))
            }
            Recheck::Impossible { why } => self.bad(object, format!("{name}: {why}"), None),
        }
    }
}
