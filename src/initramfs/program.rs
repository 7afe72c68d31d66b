//! Whether a program runs on a board: an ELF file for its processor, without an interpreter (elf(5); ELF for the Arm
//! Architecture, "Addenda to, and Errata in, the ABI for the Arm Architecture", build attributes).

use super::Arch;

/// Of a section header: `SHT_ARM_ATTRIBUTES`.
const ATTRIBUTES: u32 = 0x7000_0003;
/// `Tag_CPU_arch`.
const CPU_ARCH: u64 = 6;
/// v6KZ, which the ARM1176JZF-S of a BCM2835 is, and what is below; and v6K.
const ARMV6: [u64; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 9];

/// What is wrong with a program for a processor.
pub(super) fn check(bytes: &[u8], arch: Arch) -> Result<(), &'static str> {
    let elf = Elf { bytes, wide: arch != Arch::Armv6 };
    // 32 or 64 bits, and the low byte first.
    let class = if elf.wide { 2 } else { 1 };
    if !bytes.starts_with(b"\x7fELF") {
        return Err("it is no program");
    }
    let machine = match arch {
        Arch::Armv6 => 40,
        Arch::Arm64 => 183,
        Arch::Amd64 => 62,
    };
    if bytes.get(4..6) != Some(&[class, 1]) || elf.half(18) != Some(machine) {
        return Err("it is for another processor");
    }
    if elf.has_interpreter() {
        return Err("it isn't linked statically: there is no libc on the board");
    }
    if arch == Arch::Armv6 && elf.cpu().is_some_and(|cpu| !ARMV6.contains(&cpu)) {
        return Err("it is for ARMv7 or later");
    }
    Ok(())
}

struct Elf<'a> {
    bytes: &'a [u8],
    /// Of 64 bits.
    wide: bool,
}

impl<'a> Elf<'a> {
    fn half(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
    }

    /// A field as wide as an address.
    fn long(&self, at: usize) -> Option<usize> {
        if !self.wide {
            return usize::try_from(self.word(at)?).ok();
        }
        let bytes = self.bytes.get(at..at.checked_add(8)?)?;
        usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
    }

    /// Where each header of a table is.
    fn table(&self, start: usize, size_and_count: usize) -> impl Iterator<Item = usize> + use<> {
        let start = self.long(start).unwrap_or(usize::MAX);
        let size = usize::from(self.half(size_and_count).unwrap_or(0));
        let count = usize::from(self.half(size_and_count + 2).unwrap_or(0));
        (0..count).map_while(move |number| start.checked_add(number * size))
    }

    fn has_interpreter(&self) -> bool {
        let (start, sizes) = if self.wide { (32, 54) } else { (28, 42) };
        // PT_INTERP
        self.table(start, sizes).any(|at| self.word(at) == Some(3))
    }

    /// The architecture that it was compiled for, where it says so; of a program of 32 bits.
    fn cpu(&self) -> Option<u64> {
        let mut sections = self.table(32, 46);
        let at = sections.find(|at| at.checked_add(4).and_then(|at| self.word(at)) == Some(ATTRIBUTES))?;
        let (from, len) = (self.long(at + 16)?, self.long(at + 20)?);
        let section = self.bytes.get(from..from.checked_add(len)?)?;
        // The version `A`; the length of what one vendor has to say, and its name; then the whole file's attributes.
        let rest = section.strip_prefix(b"A")?.get(4..)?.strip_prefix(b"aeabi\0")?.strip_prefix(&[1])?;
        let mut rest = rest.get(4..)?;
        while !rest.is_empty() {
            let tag = number(&mut rest)?;
            // Texts: CPU_raw_name, CPU_name, compatibility's second half, and odd ones above.
            let is_text = matches!(tag, 4 | 5) || (tag > 32 && tag % 2 == 1);
            let value = if is_text { None } else { Some(number(&mut rest)?) };
            if tag == CPU_ARCH {
                return value;
            }
            if is_text || tag == 32 {
                rest = &rest[rest.iter().position(|byte| *byte == 0)? + 1..];
            }
        }
        None
    }
}

/// A number in the form ULEB128.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of 32 bits for ARM with one program header and one section of attributes.
    fn arm(kind: u32, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x01\x01\x01".to_vec();
        bytes.resize(18, 0);
        bytes.push(40);
        bytes.resize(52, 0);
        bytes[28..32].copy_from_slice(&52_u32.to_le_bytes());
        bytes[32..36].copy_from_slice(&84_u32.to_le_bytes());
        for (at, value) in [(42, 32), (44, 1), (46, 40), (48, 1)] {
            bytes[at] = value;
        }
        bytes.extend(kind.to_le_bytes());
        bytes.resize(84 + 4, 0);
        bytes.extend(ATTRIBUTES.to_le_bytes());
        bytes.resize(84 + 16, 0);
        bytes.extend(124_u32.to_le_bytes());
        bytes.extend(u32::try_from(attributes.len()).unwrap().to_le_bytes());
        bytes.resize(124, 0);
        bytes.extend(attributes);
        bytes
    }

    /// As Debian's armel busybox has them, but for the architecture: a name, then the tag 6.
    fn attributes(cpu: u8) -> Vec<u8> {
        let mut text = b"A\x1f\0\0\0aeabi\0\x01\x15\0\0\0\x05ARM1176\0".to_vec();
        text.extend([6, cpu, 8, 1, 9, 1]);
        text
    }

    #[test]
    fn a_program_is_told_from_one_for_a_later_processor() {
        assert_eq!(check(&arm(1, &attributes(7)), Arch::Armv6), Ok(()));
        assert_eq!(check(&arm(1, b""), Arch::Armv6), Ok(()));
        assert_eq!(check(&arm(1, &attributes(10)), Arch::Armv6), Err("it is for ARMv7 or later"));
        assert!(check(&arm(3, b""), Arch::Armv6).unwrap_err().contains("statically"));
        assert_eq!(check(&arm(1, b""), Arch::Arm64), Err("it is for another processor"));
        assert_eq!(check(b"#!/bin/sh", Arch::Armv6), Err("it is no program"));
    }

    #[test]
    fn whatever_is_read_as_a_program_ends() {
        use proptest::prelude::*;
        proptest!(|(mut bytes in prop::collection::vec(any::<u8>(), 0..300), arm_head in any::<bool>())| {
            if arm_head && bytes.len() > 130 {
                let head = arm(1, b"");
                bytes[..124].copy_from_slice(&head[..124]);
            }
            let _ = check(&bytes, Arch::Armv6);
            let _ = check(&bytes, Arch::Arm64);
        });
    }
}
