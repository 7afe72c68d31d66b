//! What a session of the file server has loaded.

/// Whether the files of a session are a loader only, which is going to come back and ask for the rest. The bootcode
/// of 283x and the older one of 2711 load `start.elf` in a session of its own.
#[derive(Debug, Default)]
pub(super) struct Firmware {
    loader: bool,
    more: bool,
}

impl Firmware {
    pub(super) fn sent(&mut self, name: &str) {
        let start = (name.starts_with("start") && name.ends_with(".elf")) || name == "recovery.elf";
        let beside = ["config.txt", "autoboot.txt"].contains(&name)
            || (name.starts_with("fixup") && name.ends_with(".dat"))
            || name.ends_with(".sig");
        self.loader |= start;
        self.more |= !start && !beside;
    }

    pub(super) fn goes_on(&self) -> bool {
        self.loader && !self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_comes_back_and_a_whole_system_does_not() {
        let goes_on = |names: &[&str]| {
            let mut firmware = Firmware::default();
            names.iter().for_each(|name| firmware.sent(name));
            firmware.goes_on()
        };
        assert!(goes_on(&["config.txt", "start.elf", "fixup.dat"]));
        assert!(goes_on(&["start4.elf"]));
        assert!(!goes_on(&["config.txt", "start.elf", "fixup.dat", "cmdline.txt", "kernel.img"]));
        assert!(!goes_on(&["mcb.bin", "bootmain", "config.txt", "boot.img"]));
        assert!(!goes_on(&["config.txt"]));
    }
}
