//! What single boards are offered beside their files: an image of their EEPROM with its signature, which a bootloader that
//! boots from the network looks for first. In memory, and only while a station says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::board::{Mac, Who};
use crate::eeprom::update::{SIGNATURE, UPDATE};
use crate::eeprom::{Image, Sig};

/// Boards that are offered something at once, at most.
pub const MOST: usize = 64;

/// Why something isn't offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// It is no image.
    #[error("what is to be offered is no image of an EEPROM: {0}")]
    Image(#[from] crate::eeprom::Error),
    /// The signature isn't that of the image.
    #[error("the signature isn't that of the image")]
    Signature,
    /// Another station has the board.
    #[error("another station offers something to {0}")]
    Taken(Mac),
    /// There are as many as there may be.
    #[error("{MOST} boards are offered something already, and that is the most")]
    Full,
}

/// An image that is offered, with its signature.
#[derive(Debug, Clone)]
struct Offer {
    /// The station that says so.
    by: u64,
    image: Arc<[u8]>,
    signature: Arc<[u8]>,
}

/// What is offered now, by boards' Ethernet addresses.
#[derive(Debug, Default)]
pub struct Offers(Mutex<HashMap<Mac, Offer>>);

impl Offers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Mac, Offer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this board is offered an image, by the station `by`. What it was offered before is over.
    ///
    /// # Errors
    /// [`NotOffered`].
    pub fn put(&self, by: u64, boards: &[Mac], image: Vec<u8>, signature: &str) -> Result<(), NotOffered> {
        let image = Image::parse(image)?;
        // One without sections reads as one too.
        image.bootconf()?;
        // A bootloader takes no other one; what nobody could take isn't sent.
        if !Sig::parse(signature).is_ok_and(|sig| sig.fits(image.bytes())) {
            return Err(NotOffered::Signature);
        }
        let (image, signature) = (Arc::from(image.bytes()), Arc::from(signature.as_bytes()));
        let mut all = self.lock();
        if let Some(mac) = boards.iter().find(|mac| all.get(mac).is_some_and(|offer| offer.by != by)) {
            return Err(NotOffered::Taken(*mac));
        }
        let new = boards.iter().filter(|mac| !all.contains_key(mac)).count();
        if all.len() + new > MOST {
            return Err(NotOffered::Full);
        }
        let offer = Offer { by, image, signature };
        all.extend(boards.iter().map(|mac| (*mac, offer.clone())));
        Ok(())
    }

    /// These boards are offered nothing any more, as far as that station says so.
    pub fn withdraw(&self, by: u64, boards: &[Mac]) {
        self.lock().retain(|mac, offer| offer.by != by || !boards.contains(mac));
    }

    /// A station has gone, and what it offered with it.
    pub fn left(&self, by: u64) {
        self.lock().retain(|_, offer| offer.by != by);
    }

    /// What a board gets that asks for this file.
    #[must_use]
    pub fn find(&self, asker: &Who, file: &str) -> Option<Arc<[u8]>> {
        if file != UPDATE && file != SIGNATURE {
            return None;
        }
        let all = self.lock();
        let offer = all.get(&asker.mac?)?;
        Some(Arc::clone(if file == UPDATE { &offer.image } else { &offer.signature }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::pi4;

    const PI: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 3]);
    const OTHER: Mac = Mac::new([0xdc, 0xa6, 0x32, 1, 2, 4]);

    fn signed(image: &[u8]) -> String {
        Image::parse(image.to_vec()).unwrap().sig(1_790_000_000).to_string()
    }

    #[test]
    fn a_board_gets_its_own_image_and_its_signature_while_its_station_says_so() {
        let (offers, image) = (Offers::default(), pi4(b"A=1\n"));
        let (pi, other) = (Who::with_mac(PI), Who::with_mac(OTHER));
        offers.put(1, &[PI], image.clone(), &signed(&image)).unwrap();
        assert_eq!(offers.find(&pi, "pieeprom.upd").as_deref(), Some(&image[..]));
        assert_eq!(offers.find(&pi, "pieeprom.sig").as_deref(), Some(signed(&image).as_bytes()));
        for file in ["config.txt", "pieeprom.bin", "x/pieeprom.upd", "PIEEPROM.UPD", ""] {
            assert_eq!(offers.find(&pi, file), None, "{file}");
        }
        assert_eq!(offers.find(&other, "pieeprom.upd"), None);
        assert_eq!(offers.find(&Who::default(), "pieeprom.upd"), None);
        // Another image stands for the first one; another station's board stays that one's.
        let newer = pi4(b"A=2\n");
        offers.put(1, &[PI], newer.clone(), &signed(&newer)).unwrap();
        assert_eq!(offers.find(&pi, "pieeprom.upd").as_deref(), Some(&newer[..]));
        assert_eq!(offers.put(2, &[OTHER, PI], image.clone(), &signed(&image)), Err(NotOffered::Taken(PI)));
        assert_eq!(offers.find(&other, "pieeprom.upd"), None);
        offers.withdraw(2, &[PI]);
        assert!(offers.find(&pi, "pieeprom.upd").is_some());
        offers.withdraw(1, &[PI]);
        assert_eq!(offers.find(&pi, "pieeprom.upd"), None);
        offers.put(2, &[OTHER, PI], image.clone(), &signed(&image)).unwrap();
        offers.left(2);
        assert_eq!((offers.find(&pi, "pieeprom.upd"), offers.find(&other, "pieeprom.sig")), (None, None));
    }

    #[test]
    fn what_no_bootloader_takes_is_not_offered_and_there_is_a_bound() {
        let (offers, image) = (Offers::default(), pi4(b""));
        assert!(matches!(offers.put(1, &[PI], vec![0; 512 << 10], "x"), Err(NotOffered::Image(_))));
        for wrong in ["", "x", &signed(&pi4(b"A=1\n"))] {
            assert_eq!(offers.put(1, &[PI], image.clone(), wrong), Err(NotOffered::Signature), "{wrong}");
        }
        let many: Vec<Mac> = (0..=MOST as u8).map(|n| Mac::new([2, 0, 0, 0, 0, n])).collect();
        assert_eq!(offers.put(1, &many, image.clone(), &signed(&image)), Err(NotOffered::Full));
        offers.put(1, &many[1..], image.clone(), &signed(&image)).unwrap();
        // What is there already takes no more room.
        offers.put(1, &many[1..2], image.clone(), &signed(&image)).unwrap();
        assert_eq!(offers.put(1, &[PI], image.clone(), &signed(&image)), Err(NotOffered::Full));
    }
}
