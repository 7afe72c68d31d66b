//! The device tree overlay that makes a board's USB controller a device, whatever its port is meant for, in the
//! format of a flattened device tree (Devicetree Specification 0.4, chapter 5).

/// A USB controller that can be a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Controller {
    /// The chips, as device trees call them.
    chips: &'static str,
    /// Where it is in their device trees.
    path: &'static str,
    /// What the driver that makes it a device knows it by, where a tree has another driver there.
    driver: Option<&'static str>,
}

/// That of BCM2835 to BCM2837, in device trees of kernel.org.
pub(crate) const OLD: Controller =
    Controller { chips: "brcm,bcm2835", path: "/soc/usb@7e980000", driver: None };
/// The same and that of BCM2711, also in Raspberry Pi's own device trees, in which a driver has it that can only be a host.
pub(crate) const ANY_OLD: Controller = Controller { driver: Some("brcm,bcm2835-usb"), ..OLD };
/// That of BCM2712, at its socket for power.
pub(crate) const BCM2712: Controller =
    Controller { chips: "brcm,bcm2712", path: "/axi/usb@480000", driver: Some("brcm,bcm2835-usb") };

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;

/// The overlay. Sizes of the FIFOs are those of the kernel's own bcm283x-rpi-usb-peripheral.dtsi.
pub(crate) fn peripheral(controller: Controller) -> Vec<u8> {
    let mut tree = Tree::default();
    tree.begin("");
    tree.text("compatible", controller.chips);
    tree.begin("fragment@0");
    tree.text("target-path", controller.path);
    tree.begin("__overlay__");
    if let Some(driver) = controller.driver {
        tree.text("compatible", driver);
    }
    tree.text("dr_mode", "peripheral");
    tree.cells("g-rx-fifo-size", &[256]);
    tree.cells("g-np-tx-fifo-size", &[32]);
    tree.cells("g-tx-fifo-size", &[256, 256, 512, 512, 512, 768, 768]);
    tree.text("status", "okay");
    (0..3).for_each(|_| tree.end());
    tree.finish()
}

/// A flattened device tree that is being written.
#[derive(Default)]
struct Tree {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Tree {
    fn word(&mut self, word: u32) {
        self.structure.extend_from_slice(&word.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.structure.extend_from_slice(bytes);
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
    }

    fn begin(&mut self, name: &str) {
        self.word(BEGIN_NODE);
        self.bytes(&[name.as_bytes(), b"\0"].concat());
    }

    fn end(&mut self) {
        self.word(END_NODE);
    }

    fn property(&mut self, name: &str, value: &[u8]) {
        // Lengths of a few bytes and names of a few letters: nothing is cut off.
        let name_at = self.strings.len() as u32;
        self.strings.extend_from_slice(name.as_bytes());
        self.strings.push(0);
        self.word(PROPERTY);
        self.word(value.len() as u32);
        self.word(name_at);
        self.bytes(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.property(name, &[value.as_bytes(), b"\0"].concat());
    }

    fn cells(&mut self, name: &str, values: &[u32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        self.property(name, &bytes);
    }

    /// The header, an empty list of reserved memory, the structure, the names.
    fn finish(mut self) -> Vec<u8> {
        const HEADER: u32 = 40;
        const RESERVED: u32 = 16;
        self.word(END);
        let (structure, strings) = (self.structure.len() as u32, self.strings.len() as u32);
        let at = HEADER + RESERVED;
        let header = [
            0xd00d_feed,
            at + structure + strings,
            at,
            at + structure,
            HEADER,
            17, // version
            16, // the oldest version that it is compatible with
            0,  // the processor that boots
            strings,
            structure,
        ];
        let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_be_bytes).collect();
        bytes.resize(at as usize, 0);
        bytes.extend(self.structure);
        bytes.extend(self.strings);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_tree_has_these_bytes() {
        let mut tree = Tree::default();
        tree.begin("");
        tree.text("a", "xyz");
        tree.end();
        let want = [
            &[0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 90][..], // magic, total size
            &[0, 0, 0, 56, 0, 0, 0, 88, 0, 0, 0, 40],   // structure, strings, reserved memory
            &[0, 0, 0, 17, 0, 0, 0, 16, 0, 0, 0, 0],    // version, compatible, processor
            &[0, 0, 0, 2, 0, 0, 0, 32],                 // sizes of strings and structure
            &[0; 16],                                   // no reserved memory
            &[0, 0, 0, 1, 0, 0, 0, 0],                  // the root
            &[0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0],      // a property of 4 bytes, its name at 0
            b"xyz\0",
            &[0, 0, 0, 2, 0, 0, 0, 9],
            b"a\0",
        ]
        .concat();
        assert_eq!(tree.finish(), want);
    }

    #[test]
    fn the_overlay_names_the_controller_and_its_role() {
        let bytes = peripheral(OLD);
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(has(b"/soc/usb@7e980000\0") && has(b"peripheral\0") && has(b"dr_mode\0"));
        assert_eq!(u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len());
        let bytes = peripheral(BCM2712);
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(has(b"/axi/usb@480000\0") && has(b"brcm,bcm2712\0") && has(b"brcm,bcm2835-usb\0"));
    }
}
