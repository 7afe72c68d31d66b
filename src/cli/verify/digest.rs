//! `piprov verify --sha256`: digests as publishers give them.

use std::path::Path;
use std::time::Duration;

use super::Job;
use crate::cli::Failure;
use crate::cli::bar::Bar;
use crate::cli::format;
use crate::cli::report::Usage;
use crate::cli::ui::Style;
use crate::error::Kind;
use crate::format::brief;
use crate::format::json::json;
use crate::image::checksum_file;
use crate::image::parts::Parts;
use crate::image::pass::Pass;
use crate::progress::Progress;

impl Job<'_> {
    pub(super) fn sha256(&self, wanted: &str) -> crate::cli::Result<()> {
        let mut of = None;
        let digest = match checksum_file::parse_line(wanted) {
            Some(digest) => digest,
            // A variable of a script that has no value.
            None if wanted.trim().is_empty() => {
                let hint = Some("give 64 hexadecimal digits, or the file that they stand in".into());
                return Err(Usage { message: "the sha256 is empty".into(), hint }.into());
            }
            None if looks_like_digits(wanted) => {
                return Err(Usage {
                    message: format!(
                        "`{wanted}` is no file, and no sha256: it has {} hexadecimal digits of 64",
                        wanted.trim_start_matches("sha256:").len()
                    ),
                    hint: Some("copy all of it, or give the file that it stands in".into()),
                }
                .into());
            }
            None => {
                let found = checksum_file::find_sha256(Path::new(wanted), &self.image.name())?;
                of = found.of;
                found.digest
            }
        };
        let pass = Pass::start(&self.image, Parts::None, self.stop, Box::new(|| {}))?;
        let digests = {
            let bar = Bar::new(self.ui, "reading");
            while !pass.wait_for(Duration::from_millis(100)) {
                bar.at(pass.position(), self.image.raw_len());
            }
            let digests = pass.wait();
            self.unchanged()?;
            digests?
        };
        let (file, raw) = (format::hex(&digests.file_sha256), format::hex(&digests.raw_sha256));
        let compressed = self.image.format().is_compressed();
        let which = match (digest == digests.file_sha256, digest == digests.raw_sha256) {
            (true, _) if compressed => Some("file"),
            (_, true) if compressed => Some("raw"),
            (true, _) => Some("both"),
            _ => None,
        };
        let name = self.image.name();
        let object = json!({
            "event": "verify", "equal": which.is_some(), "matches": which, "image": name,
            "file_sha256": file, "raw_sha256": raw, "expected": format::hex(&digest),
        });
        let Some(which) = which else {
            if self.ui.json {
                self.ui.object(&object);
            } else {
                let bad = self.ui.paint(Style::Bad, "a different sha256");
                self.ui.result(format_args!("{name}: {bad}"));
                self.ui.result(format_args!("  expected  {}", format::hex(&digest)));
                self.ui.result(format_args!("  the file  {file}"));
                if compressed {
                    self.ui.result(format_args!("  raw       {raw}"));
                }
                self.hint(Some(match of {
                    Some(of) => format!(
                        "the only line of {wanted} is for {}: give the sha256 of this image",
                        brief(&of, 200)
                    )
                    .into(),
                    None => {
                        "download it again, or look whether the sha256 is that of another version or file"
                            .into()
                    }
                }));
            }
            return Err(Failure::already_told(Kind::BadData));
        };
        if self.ui.json {
            self.ui.object(&object);
        } else {
            let of = match which {
                "file" => "the sha256 of the file (not of the raw image)",
                "raw" => "the sha256 of the raw image (not of the file)",
                _ => "the sha256",
            };
            let good = self.ui.paint(Style::Good, "matches");
            self.ui.result(format_args!("{name}: {of} {good}, {}", format::minutes(self.started.elapsed())));
        }
        Ok(())
    }
}

fn looks_like_digits(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && !Path::new(text).exists()
}
