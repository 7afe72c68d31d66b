//! A boot script as U-Boot takes it: the text in a legacy image of type "script"
//! (U-Boot's include/image.h and doc/usage/cmd/source.rst).

/// Length of the header in front.
const HEADER: usize = 64;
const MAGIC: u32 = 0x2705_1956;
const OS_LINUX: u8 = 5;
const ARCH_ARM64: u8 = 22;
const TYPE_SCRIPT: u8 = 6;
const COMPRESSION_NONE: u8 = 0;

/// Wraps a script. `name` is shown when it runs (at most 32 bytes are kept); `time` is the creation
/// time in seconds since 1970, 0 for a file that is the same whenever it is made.
#[must_use]
pub fn wrap(script: &str, name: &str, time: u32) -> Vec<u8> {
    // The contents begin with the lengths of the texts, ended by 0; a script is one text.
    let mut data = Vec::with_capacity(8 + script.len());
    data.extend((script.len() as u32).to_be_bytes());
    data.extend(0u32.to_be_bytes());
    data.extend(script.as_bytes());

    let mut image = vec![0; HEADER];
    image[0..4].copy_from_slice(&MAGIC.to_be_bytes());
    // 4..8 is the header's own checksum, computed with zeros in its place.
    image[8..12].copy_from_slice(&time.to_be_bytes());
    image[12..16].copy_from_slice(&(data.len() as u32).to_be_bytes());
    // 16..24, load address and entry point, mean nothing for a script.
    image[24..28].copy_from_slice(&crc32fast::hash(&data).to_be_bytes());
    image[28..32].copy_from_slice(&[OS_LINUX, ARCH_ARM64, TYPE_SCRIPT, COMPRESSION_NONE]);
    for (place, byte) in image[32..64].iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    let checksum = crc32fast::hash(&image);
    image[4..8].copy_from_slice(&checksum.to_be_bytes());
    image.extend(data);
    image
}

#[cfg(test)]
mod tests {
    use super::wrap;
    use std::process::Command;

    #[test]
    fn the_bytes_are_mkimages_own() {
        let dir = tempfile::tempdir().unwrap();
        let (text, image) = (dir.path().join("text"), dir.path().join("image"));
        for script in ["echo hello\nboot\n", "", "x"] {
            std::fs::write(&text, script).unwrap();
            let output = Command::new("mkimage")
                .args(["-A", "arm64", "-O", "linux", "-T", "script", "-C", "none", "-n", "a name", "-d"])
                .args([&text, &image])
                .env("SOURCE_DATE_EPOCH", "1700000000")
                .output()
                .expect("mkimage is missing: apt-get install u-boot-tools");
            assert!(output.status.success() || script.is_empty(), "{output:?}");
            if output.status.success() {
                assert_eq!(wrap(script, "a name", 1_700_000_000), std::fs::read(&image).unwrap());
            }
        }
        let long = wrap("echo", "a name that is longer than the 32 bytes that there are", 0);
        assert_eq!(&long[56..64], b"an the 3");
        assert_eq!(long.len(), 64 + 8 + 4);
    }
}
