//! An image with another configuration, and the signature that makes a bootloader take it.

use super::image::Image;
use super::{BootConf, BootOrder, Error, Sig};
use crate::board::{Family, Model};

/// The image, as a bootloader looks for it beside its boot files.
pub const UPDATE: &str = "pieeprom.upd";
/// The file beside it: without it no bootloader takes the update.
pub const SIGNATURE: &str = "pieeprom.sig";

/// The first bootloaders that update themselves over the network, in seconds since 1970: 2021-01-01.
pub(super) const SELF_UPDATE: u64 = 1_609_459_200;

/// An image whose configuration was changed, and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The image; as it was, where no line changes.
    pub image: Image,
    /// Its configuration, with the lines that changed.
    pub conf: BootConf,
    /// What is to be said before anything is written.
    pub warnings: Vec<String>,
    /// What a user may not expect of this image.
    pub notes: Vec<String>,
    /// What the image had and this one hasn't: of a signature that was taken out, what it protected.
    pub lost: Vec<String>,
}

impl Edited {
    /// Puts a configuration into the image that it was read from.
    ///
    /// # Errors
    /// [`Error::NoRoom`], [`Error::Signed`], [`Error::SignedBoot`] and others of the image.
    pub fn new(image: &Image, conf: BootConf) -> Result<Self, Error> {
        let image = match conf.changes() {
            [] => image.clone(),
            _ => image.with_bootconf(&conf.text())?,
        };
        // A board without a key would start nothing any more.
        let signed = image.is_signed() && image.has_key();
        if !conf.changes().is_empty() && !signed && conf.may_be("SIGNED_BOOT", "1") {
            return Err(Error::SignedBoot);
        }
        let (warnings, notes) = (conf.warnings(), conf.notes());
        Ok(Self { image, conf, warnings, notes, lost: Vec::new() })
    }
}

/// The board that an image is for, where it isn't given: the one that isn't a Compute Module.
#[must_use]
pub fn usual(family: Family) -> Option<Model> {
    (family == Family::Pi5).then_some(Model::Pi5)
}

/// Sets `order` and all `settings` in a configuration.
///
/// # Errors
/// [`Error::Key`] and [`Error::Value`].
pub fn configure(
    conf: &mut BootConf,
    order: Option<BootOrder>,
    settings: &[(String, String)],
) -> Result<(), Error> {
    if let Some(order) = order {
        conf.set("BOOT_ORDER", &order.to_string())?;
    }
    settings.iter().try_for_each(|(key, value)| conf.set(key, value))
}

/// What is to be done so that boards take an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signing {
    /// Nothing: image and signature are there.
    There(Sig),
    /// Image and signature are to be written.
    New(Sig),
}

impl Signing {
    /// Decides it, where this `update` and this `signature` (text) are there; `now` is in seconds since 1970.
    #[must_use]
    pub fn plan(image: &Image, update: Option<&[u8]>, signature: Option<&[u8]>, now: u64) -> Self {
        let there = signature.and_then(|bytes| Sig::parse(std::str::from_utf8(bytes).ok()?).ok());
        // A bootloader takes only an update that is newer than its last one.
        let after = there.as_ref().and_then(|sig| sig.ts).map_or(0, |before| before.saturating_add(1));
        match there {
            Some(sig) if update == Some(image.bytes()) && sig.fits(image.bytes()) => Self::There(sig),
            _ => Self::New(image.sig(now.max(after))),
        }
    }

    /// The signature that is there then.
    #[must_use]
    pub const fn sig(&self) -> &Sig {
        match self {
            Self::There(sig) | Self::New(sig) => sig,
        }
    }
}

/// What a user that boots boards over the network may not expect of an image. `board` is the one that this is for; the
/// family's usual one without it.
pub(super) fn about(edited: &Edited, board: Option<Model>) -> Vec<String> {
    let image = &edited.image;
    let mut notes = Vec::new();
    if let Some(order) = edited.conf.order() {
        notes.extend(order.notes(board.or_else(|| usual(image.family()))));
    }
    if image.built().is_some_and(|built| built < SELF_UPDATE) {
        notes.push("this bootloader is of before 2021: once it is in the EEPROM, the board takes no update over the network".to_owned());
    }
    notes.push(
        "every board that asks that directory takes it when it boots over the network next, if its bootloader is of \
         2021 or later, without ENABLE_SELF_UPDATE=0 or FREEZE_VERSION=1, and its last update is older than this one"
            .to_owned(),
    );
    notes
}
