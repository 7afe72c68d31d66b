//! How far the unpacking of an image is, while a command waits for what stands at its end.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::bar::Bar;
use super::ui::Ui;
use crate::image::Image;
use crate::progress::Progress;

/// Images that are unpacked sooner show nothing.
const SHORT: Duration = Duration::from_millis(400);
/// How often the bar moves.
const EVERY: Duration = Duration::from_millis(100);

/// Does something that waits for an image, and shows meanwhile how far it is unpacked.
pub(super) fn shown<T>(ui: &Ui, image: &Image, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        // Dropped with the end of the work, however that ends.
        let (working, ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            let goes_on = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if !goes_on(SHORT) || image.unpacked().is_none() {
                return;
            }
            let bar = Bar::new(ui, "unpacking");
            while goes_on(EVERY) {
                if let Some((done, total)) = image.unpacked() {
                    bar.at(done, total);
                }
            }
        });
        let _working = working;
        work()
    })
}
