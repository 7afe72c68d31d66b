//! What a board's light tells a person beside it: works, done, failed.

use std::path::{Path, PathBuf};

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// It waits for work: a short flash now and then.
    Waits,
    /// It works: even blinking.
    Works,
    /// It is done: steady light.
    Done,
    /// It has failed: quick blinking.
    Failed,
}

/// The light of a board, where it has one that can be set.
#[derive(Debug, Clone, Default)]
pub struct Leds {
    dir: Option<PathBuf>,
}

impl Leds {
    /// That below `sys` (which is `/sys`): the one for activity, as each Pi has it.
    #[must_use]
    pub fn find(sys: &Path) -> Self {
        let leds = sys.join("class/leds");
        let dir = ["ACT", "led0", "default-on"].iter().map(|name| leds.join(name)).find(|dir| dir.exists());
        Self { dir }
    }

    /// Shows it. A board whose light can't be set goes on without.
    pub fn show(&self, light: Light) {
        let Some(dir) = &self.dir else { return };
        let put = |file: &str, text: &str| {
            // A file of /sys isn't replaced, it is written to.
            let opened = std::fs::OpenOptions::new().write(true).open(dir.join(file));
            opened.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes())).is_ok()
        };
        let (on, off) = match light {
            Light::Waits => ("100", "2900"),
            Light::Works => ("500", "500"),
            Light::Failed => ("100", "100"),
            Light::Done => {
                let _ = put("trigger", "none") && put("brightness", "1");
                return;
            }
        };
        let _ = put("trigger", "timer") && put("delay_on", on) && put("delay_off", off);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_light_is_set_where_there_is_one() {
        let sys = tempfile::tempdir().unwrap();
        Leds::find(sys.path()).show(Light::Done);
        let dir = sys.path().join("class/leds/ACT");
        std::fs::create_dir_all(&dir).unwrap();
        for file in ["trigger", "brightness", "delay_on", "delay_off"] {
            std::fs::write(dir.join(file), "").unwrap();
        }
        let leds = Leds::find(sys.path());
        let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
        leds.show(Light::Failed);
        assert_eq!((read("trigger").as_str(), read("delay_on").as_str()), ("timer", "100"));
        leds.show(Light::Done);
        assert_eq!(read("brightness"), "1");
    }
}
