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

    /// Padding up to an address.
    pub fn pad_to(self, address: usize) -> Self {
        let gap = address - self.at - 8;
        self.section(0x55aa_feef, &vec![0xff; gap])
    }

    pub fn at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    pub fn done(self) -> Vec<u8> {
        self.bytes
    }
}

/// A program with what Raspberry Pi appends for a BCM2711: length, key 1, RSA-2048 and HMAC, of which only the form is real.
pub fn signed_2711(mut code: Vec<u8>) -> Vec<u8> {
    let words = [code.len() as u32, 1].map(u32::to_le_bytes).concat();
    code.extend(words);
    code.extend([0x11; 256 + 20]);
    code
}

/// The same for a BCM2712: length, key (16 is a customer's), version, RSA-2048 and public key.
pub fn signed_2712(mut code: Vec<u8>, key: u32) -> Vec<u8> {
    let words = [code.len() as u32, key, u32::from(key < 16)].map(u32::to_le_bytes).concat();
    code.extend(words);
    code.extend([0x22; 256 + 264]);
    code
}

/// As a Pi 4's: bootcode, the three files each in its sector, the configuration last and just before the last sector.
pub fn pi4(conf: &[u8]) -> Vec<u8> {
    pi4_of("1725539543", conf)
}

/// The same with another time of its making, in seconds since 1970; empty for none.
pub fn pi4_of(built: &str, conf: &[u8]) -> Vec<u8> {
    let says = format!("\0VERSION:0a7ef05f\0BUILD_TIMESTAMP={built}\0");
    let code = [&[0x5a; 60_000][..], says.as_bytes(), &[0xa5; 999]].concat();
    let first = Writer::new(KIB_512).section(0x55aa_f00f, &signed_2711(code)).pad();
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

/// What is in a partition of an A/B image, or nothing.
pub struct Half<'a> {
    pub firmware: u8,
    pub conf: &'a [u8],
}

/// As an A/B image of a Pi 5: what stays, partition A and partition B at their fixed addresses, the journal behind them.
pub fn ab(a: &Half<'_>, b: Option<&Half<'_>>) -> Vec<u8> {
    let half = |writer: Writer, half: &Half<'_>, end| {
        let text = format!("\0BUILD_TIMESTAMP=1779807{:03}\0MFG_VER: {}\0", half.firmware, half.firmware);
        let bootsys = [&[half.firmware; 5000][..], text.as_bytes()].concat();
        let writer = writer.file("bootsys", &signed_2712(bootsys, 1));
        let writer = writer.section(0x55aa_feef, &[0xff; 524]).section(0x55aa_f44f, &[half.firmware; 9000]);
        let writer = writer.file("updatetime", &[0xff; 8]).pad().file("pubkey.bin", &[0xff; 512]).pad();
        writer.file("bootconf.sig", &[0xff; 1024]).pad().file("bootconf.txt", half.conf).pad_to(end)
    };
    let code = signed_2712(vec![1; 25_452], 1);
    let start = Writer::new(2 << 20).section(0x55aa_f00f, &code).section(0x55aa_feef, &[0xff; 524]);
    let start = start.file("updatetime", &[0xff; 8]).pad_to(0x1_0000);
    let writer = half(start, a, 0x10_7000);
    match b {
        Some(b) => half(writer, b, 0x1f_e000),
        None => writer.pad_to(0x1f_e000),
    }
    .done()
}
