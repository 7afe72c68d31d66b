//! Jumpers of the carrier, which say at which place of a bench the board is.
//!
//! They are read only where the board is told to (`piprov.jumper=on`): a line that is pulled up may switch on what
//! hangs on it. A board without such lines, or of which something else uses them, says nothing.

use std::path::Path;

use gpio_cdev::{Chip, LineRequestFlags};

use super::cmdline::Told;
use crate::board::Jumper;

/// The drivers of the GPIO lines at the board's own header and connector, where a line's offset is its number: of BCM2835
/// to BCM2837, of BCM2711, and of RP1.
const DRIVERS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];
/// Chips that are looked at, at most.
const MOST: usize = 32;
/// `GPIOHANDLE_REQUEST_BIAS_PULL_UP` of the kernel's `linux/gpio.h`, which the crate has no name for.
const PULL_UP: u32 = 1 << 5;
/// The name under which `gpioinfo` shows who reads them.
const CONSUMER: &str = "piprov-agent";

/// What the jumpers say; `root` is `/`. `None` where nobody wants to know, or nothing can be read.
pub(super) fn told(root: &Path) -> Option<Jumper> {
    if !Told::by(root).reads_jumper() {
        return None;
    }
    let (devices, dev) = (root.join("sys/bus/gpio/devices"), root.join("dev"));
    let entries = std::fs::read_dir(devices).ok()?.flatten().take(MOST);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    names.into_iter().find_map(|name| read(&dev.join(name)))
}

fn read(path: &Path) -> Option<Jumper> {
    let mut chip = Chip::new(path).ok()?;
    if !DRIVERS.contains(&chip.label()) {
        return None;
    }
    let lines = chip.get_lines(&Jumper::LINES).ok()?;
    let flags = LineRequestFlags::INPUT | LineRequestFlags::from_bits_retain(PULL_UP);
    let values = lines.request(flags, &[0; 3], CONSUMER).ok()?.get_values().ok()?;
    let levels: [u8; 3] = values.try_into().ok()?;
    Some(Jumper::of_levels(levels.map(|level| level != 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_where_nobody_asks_and_where_no_such_lines_are() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("sys/bus/gpio/devices/gpiochip0/dev", "254:0\n");
        put("dev/gpiochip0", "no chip at all");
        assert_eq!(told(root.path()), None);
        put("proc/cmdline", "quiet piprov.jumper=on");
        assert_eq!(told(root.path()), None, "a file is no chip");
        std::fs::remove_file(root.path().join("dev/gpiochip0")).unwrap();
        assert_eq!(told(root.path()), None);
    }
}
