//! What is said of an image's sections.

use super::{B, FILE, HEADER, Image, MAGIC, PADDING, PUBKEY, Part, is_blank};
use crate::board::Family;

/// What a section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The first program of the bootloader.
    Bootcode,
    /// A file that may be changed.
    File,
    /// Nothing but filling.
    Padding,
    /// A program or data of the bootloader, which only it understands.
    Module,
}

/// A section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    /// What it is.
    pub what: What,
    /// The name of a file.
    pub name: Option<&'a str>,
    /// Where it lies.
    pub part: Part,
    /// Where its header begins.
    pub offset: usize,
    /// What is in it; of a file without its name.
    pub content: &'a [u8],
}

impl Told<'_> {
    /// Whether nobody has written anything into it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        is_blank(self.content)
    }
}

/// Who has signed a bootcode. That is seen from its form; whether the signatures are right only the chip knows, of the
/// BCM2711's also only with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Signed<'a> {
    /// The chip that takes such a form.
    pub chip: Family,
    /// Which of the keys in the chip's ROM.
    pub key: u32,
    /// The second signature, where a customer has put it around the first.
    #[serde(skip)]
    pub customer: Option<Customer<'a>>,
}

/// A customer's signature of a BCM2712's bootcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customer<'a> {
    /// What is signed.
    pub message: &'a [u8],
    /// RSA-2048 with SHA-256.
    pub signature: &'a [u8],
    /// The public key, as `pubkey.bin` has it.
    pub key: &'a [u8],
}

/// How long what is appended to a BCM2711's bootcode is: length, key, RSA-2048 with SHA-1, HMAC-SHA1.
const SIGNED_2711: usize = 4 + 4 + 256 + 20;
/// The same of a BCM2712's: length, key, version, RSA-2048 with SHA-256, public key.
const SIGNED_2712: usize = 12 + 256 + 264;
/// The number of the customer's key.
const CUSTOMER: u32 = 16;
/// The highest number of a key in the chip's ROM.
const ROM_KEYS: u32 = 4;

/// Who has signed these bytes; `None` where they have the form of neither chip.
#[must_use]
pub fn signed(code: &[u8]) -> Option<Signed<'_>> {
    // The length of what is in front stands first, and so nothing else is taken for a signature.
    let block = |code: &[u8], len: usize| {
        let at = code.len().checked_sub(len).filter(|at| *at > 0)?;
        let word = |at: usize| Some(u32::from_le_bytes(code.get(at..at + 4)?.try_into().ok()?));
        (usize::try_from(word(at)?) == Ok(at)).then_some((at, word(at + 4)?))
    };
    if let Some((_, key)) = block(code, SIGNED_2711).filter(|(_, key)| *key <= ROM_KEYS) {
        return Some(Signed { chip: Family::Pi4, key, customer: None });
    }
    let (at, key) = block(code, SIGNED_2712)?;
    if key != CUSTOMER {
        return (key <= ROM_KEYS).then_some(Signed { chip: Family::Pi5, key, customer: None });
    }
    let (_, key) = block(&code[..at], SIGNED_2712).filter(|(_, key)| *key <= ROM_KEYS)?;
    let customer =
        Customer { message: &code[..at + 12], signature: &code[at + 12..at + 268], key: &code[at + 268..] };
    Some(Signed { chip: Family::Pi5, key, customer: Some(customer) })
}

impl Image {
    /// All sections, in their order.
    pub fn sections(&self) -> impl Iterator<Item = Told<'_>> {
        self.sections.iter().enumerate().map(|(at, section)| {
            let name = super::flash::name(&self.bytes, section);
            let what = match section.magic {
                FILE => What::File,
                PADDING => What::Padding,
                MAGIC if at == 0 => What::Bootcode,
                _ => What::Module,
            };
            let content = match section.magic {
                FILE => &self.bytes[section.content()],
                _ => &self.bytes[section.offset + HEADER..][..section.length],
            };
            Told { what, name, part: section.part, offset: section.offset, content }
        })
    }

    /// The programs that a board's ROM starts or that are checked as it does: the bootcode, and of an A/B image partition
    /// A's `bootsys`.
    pub fn programs(&self) -> impl Iterator<Item = Told<'_>> {
        self.sections().filter(|section| {
            section.what == What::Bootcode
                || section.name == Some(super::BOOTSYS) && section.offset < B && self.is_ab()
        })
    }

    /// Whether a customer has signed one of its programs, so that only boards with that key burned in start it.
    #[must_use]
    pub fn is_counter_signed(&self) -> bool {
        self.programs().any(|code| signed(code.content).is_some_and(|signed| signed.customer.is_some()))
    }

    /// The sha256 of the public key in it: what a board has in its OTP that has the key burned in.
    #[must_use]
    pub fn key_hash(&self) -> Option<[u8; 32]> {
        use sha2::{Digest, Sha256};
        let key = self.file(PUBKEY).ok().filter(|key| key.len() == 264 && !is_blank(key))?;
        Some(Sha256::digest(key).into())
    }

    /// The version that its bootloader says of itself: the beginning of a commit's name, hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        const MARK: &[u8] = b"VERSION:";
        let bytes = self.changeable();
        let behind = bytes.windows(MARK.len() + 8).filter(|window| window.starts_with(MARK));
        behind.map(|window| &window[MARK.len()..]).find_map(|digits| {
            let fine = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
            std::str::from_utf8(digits).ok().filter(|_| fine)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::{Half, ab, pi4, signed_2711, signed_2712};

    #[test]
    fn who_has_signed_is_seen_from_the_form() {
        let code = vec![0x5a; 1000];
        let four = signed_2711(code.clone());
        assert_eq!(signed(&four), Some(Signed { chip: Family::Pi4, key: 1, customer: None }));
        let five = signed_2712(code.clone(), 1);
        assert_eq!(signed(&five), Some(Signed { chip: Family::Pi5, key: 1, customer: None }));
        let both = signed_2712(five.clone(), 16);
        let customer = signed(&both).unwrap().customer.unwrap();
        assert_eq!(customer.message, &both[..five.len() + 12]);
        assert_eq!((customer.signature.len(), customer.key.len()), (256, 264));
        for no in [
            code.clone(),
            Vec::new(),
            vec![0; 532],
            five[..five.len() - 1].to_vec(),
            five[1..].to_vec(),
            // A customer's around nothing, and two of them.
            signed_2712(code.clone(), 16),
            signed_2712(signed_2712(five, 16), 16),
            signed_2712(code, 5),
        ] {
            assert_eq!(signed(&no), None, "{} bytes", no.len());
        }
    }

    #[test]
    fn each_section_is_told() {
        let image = Image::parse(ab(&Half { firmware: 7, conf: b"A=1\n" }, None)).unwrap();
        let of = |what| image.sections().filter(move |section| section.what == what).count();
        assert_eq!((of(What::Bootcode), of(What::File), of(What::Module)), (1, 6, 1));
        assert_eq!(image.programs().map(|code| code.name).collect::<Vec<_>>(), [None, Some("bootsys")]);
        assert!(!image.is_counter_signed());
        let bytes: usize = image.sections().map(|section| section.content.len()).sum();
        assert!(bytes < image.bytes().len());
        let conf = image.sections().find(|section| section.name == Some("bootconf.txt")).unwrap();
        assert_eq!((conf.content, conf.part), (&b"A=1\n"[..], Part::A));
        assert_eq!(Image::parse(pi4(b"")).unwrap().version(), Some("0a7ef05f"));
        assert_eq!(image.key_hash(), None);
        let signed = image.with_file(PUBKEY, &[1; 264]).unwrap();
        assert!(signed.key_hash().is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_code_panics(code: Vec<u8>) { let _ = signed(&code); }
    }
}
