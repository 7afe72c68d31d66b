//! Writes EEPROM images as their format says, for the room's own tests and for those of the command.
#![allow(dead_code, unreachable_pub, reason = "each user takes a part of it")]

pub const KIB_512: usize = 512 << 10;

/// An image that is put together section by section, without the constants of the code that reads it.
pub struct Writer {
    bytes: Vec<u8>,
    at: usize,
}

impl Writer {
    pub fn new(size: usize) -> Self {
        Self { bytes: vec![0xff; size], at: 0 }
    }

    fn put(mut self, bytes: &[u8]) -> Self {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at = (self.at + bytes.len() + 7) & !7;
        self
    }

    /// A section that is no file: bootcode, say.
    pub fn section(self, magic: u32, content: &[u8]) -> Self {
        let mut bytes = magic.to_be_bytes().to_vec();
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(content);
        self.put(&bytes)
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        let mut body = name.as_bytes().to_vec();
        body.resize(12, 0);
        body.extend([1, 2, 3, 4]);
        body.extend(content);
        self.section(0x55aa_f11f, &body)
    }

    /// Padding up to the next sector, with a header if there is room for one.
    pub fn pad(self) -> Self {
        let gap = self.at.next_multiple_of(4096) - self.at;
        if gap == 0 { self } else { self.section(0x55aa_feef, &vec![0xff; gap - 8]) }
    }

    pub fn at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.bytes
    }
}

/// As a Pi 4's: bootcode, the three files each in its sector, the configuration last and just before the last sector.
pub fn pi4(conf: &[u8]) -> Vec<u8> {
    let code = [&[0x5a; 60_000][..], b"\0BUILD_TIMESTAMP=1725539543\0", &[0xa5; 999]].concat();
    let first = Writer::new(KIB_512).section(0x55aa_f00f, &code).pad();
    let start = KIB_512 - 4 * 4096;
    let gap = start - first.at - 8;
    first
        .section(0x55aa_feef, &vec![0xff; gap])
        .file("pubkey.bin", &[])
        .pad()
        .file("bootconf.sig", &[])
        .pad()
        .file("bootconf.txt", conf)
        .done()
}
