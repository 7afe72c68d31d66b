//! Everything that can be proved of an image, and what can't be.

use super::compare::{Differs, How, compare};
use super::image::{BOOTCONF, BOOTCONF_SIG, Image, PUBKEY, Part, signed};
use super::remarks::remarks;
use super::update::usual;
use super::{BootConf, Error, Needs, Sig, day, rsa, too_old_for};
use crate::error::{Explain, Finding, Remedy};
use crate::format::hex;

/// What else is there to look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The content of the `.sig` file that lies beside the image.
    pub sig: Option<&'a [u8]>,
    /// An image to compare with.
    pub against: Option<&'a Image>,
}

/// Looks at an image whose structure is in order: is it whole, for this board, new enough, signed as it says?
#[must_use]
pub fn check(image: &Image, needs: &Needs, beside: &Beside<'_>) -> Vec<Finding> {
    let count = image.sections().count();
    let kind = if image.is_ab() { ", two partitions (A/B)" } else { "" };
    let mut all = vec![Finding::good("structure", format!("{count} sections, each within its place{kind}"))];
    chip(image, needs, &mut all);
    programs(image, &mut all);
    modules(image, &mut all);
    minimum(image, needs, &mut all);
    configuration(image, needs, &mut all);
    signature(image, &mut all);
    if let Some(bytes) = beside.sig {
        all.push(sig_file(image, bytes));
    }
    if let Some(other) = beside.against {
        against(image, other, &mut all);
    }
    all
}

fn chip(image: &Image, needs: &Needs, all: &mut Vec<Finding>) {
    let family = image.family();
    all.push(match needs.chip(image) {
        Ok(()) => Finding::good("chip", format!("{}, for {}", family.chip(), family.boards())),
        Err(error) => Finding::error("chip", &error),
    });
}

/// The signatures of the programs, as far as their form and a customer's key tell.
fn programs(image: &Image, all: &mut Vec<Finding>) {
    let mut seen = 0;
    for code in image.programs() {
        seen += 1;
        let name = code.name.unwrap_or("bootcode");
        let Some(by) = signed(code.content) else {
            let what = format!("{name} ends with no signature of Raspberry Pi's: no board starts it");
            all.push(Finding::problem(
                "bootcode",
                what,
                "The image is damaged or cut; take it as Raspberry Pi publishes it.",
            ));
            continue;
        };
        if by.chip != image.family() {
            let what = format!(
                "{name} is for {}, in an image of the size for {}",
                by.chip.chip(),
                image.family().chip()
            );
            all.push(Finding::problem("bootcode", what, "Take the image as Raspberry Pi publishes it."));
            continue;
        }
        let what = format!("{name} ends with Raspberry Pi's signature, key {}", by.key);
        all.push(Finding::good("bootcode", format!("{what}; only the chip can check it")));
        if let Some(customer) = by.customer {
            let by = hex(&{
                use sha2::{Digest, Sha256};
                Sha256::digest(customer.key)
            });
            all.push(if rsa::is_by(customer.key, customer.message, customer.signature) {
                Finding::good("bootcode", format!("{name} is signed with the customer's key {by} too: only boards with that key burned in start it"))
            } else {
                Finding::problem("bootcode", format!("the customer's signature of {name} is wrong"), "Sign the image again.")
            });
        }
    }
    if seen == 0 {
        all.push(Finding::problem(
            "bootcode",
            "there is no bootcode in it",
            "Take the image as Raspberry Pi publishes it.",
        ));
    }
}

/// Modules that have a digest of what they unpack to.
fn modules(image: &Image, all: &mut Vec<Finding>) {
    let found = image.modules();
    all.extend(found.damaged.iter().map(|name| {
        let what = format!("the module {name} is damaged: it doesn't unpack to what its digest says");
        Finding::problem("modules", what, "Take the image as Raspberry Pi publishes it.")
    }));
    let beside = match found.without {
        0 => String::new(),
        count => format!("; {count} without a digest, which nobody can check"),
    };
    if found.whole > 0 {
        let what = format!("{} unpack to what their digests say{beside}", found.whole);
        all.push(Finding::good("modules", what));
    }
}

fn minimum(image: &Image, needs: &Needs, all: &mut Vec<Finding>) {
    let built = image.built().and_then(day);
    match (needs.date(image), needs.model, built) {
        (Err(error), ..) => all.push(Finding::error("minimum", &error)),
        (Ok(()), Some(board), Some(built)) => {
            all.push(Finding::good("minimum", format!("built {built}, not too old for a {board}")));
        }
        (Ok(()), _, Some(built)) => {
            let old = too_old_for(image);
            if old.is_empty() {
                all.push(Finding::good("minimum", format!("built {built}")));
            }
            all.extend(old.into_iter().map(|text| {
                Finding::warning("minimum", format!("built {built}: {text}"), Remedy::default())
            }));
        }
        (Ok(()), _, None) => {
            let what = "it doesn't say when its bootloader was built";
            all.push(Finding::warning("minimum", what, "Published images say it."));
        }
    }
    all.push(match (needs.number(image), needs.mfg_ver, image.mfg_ver()) {
        (Err(error), ..) => Finding::error("minimum", &error),
        (Ok(()), Some(needs), _) => {
            Finding::good("minimum", format!("a board that needs MFG_VER {needs} may have it"))
        }
        (Ok(()), None, Some(has)) => {
            Finding::good("minimum", format!("MFG_VER {has}: enough for a board that needs no more"))
        }
        (Ok(()), None, None) => Finding::warning(
            "minimum",
            "it has no MFG_VER, which counts as 0: a newer board may not start with it",
            "Compare with the board's /proc/device-tree/chosen/rpi-min-boot-ver.",
        ),
    });
}

fn configuration(image: &Image, needs: &Needs, all: &mut Vec<Finding>) {
    let conf = match image.bootconf() {
        Ok(text) => BootConf::parse(text),
        Err(error) => {
            all.push(Finding::error("settings", &error));
            return;
        }
    };
    let before = all.len();
    for remark in remarks(&conf) {
        all.push(Finding::warning("settings", remark.to_string(), Remedy::default()));
    }
    if let Some(order) = conf.order() {
        let board = needs.model.or_else(|| usual(image.family()));
        all.extend(order.doubts(board).into_iter().map(|doubt| {
            Finding::warning("settings", format!("BOOT_ORDER={order}: {doubt}"), Remedy::default())
        }));
    }
    if conf.may_be("SIGNED_BOOT", "1") && !(image.is_signed() && image.has_key()) {
        all.push(Finding::error("settings", &Error::SignedBoot));
    }
    if all.len() == before {
        all.push(Finding::good("settings", format!("{BOOTCONF} has nothing odd in it")));
    }
}

/// The signature of the configuration, checked with the key in the image.
fn signature(image: &Image, all: &mut Vec<Finding>) {
    let wrong = |what: &str, remedy: &'static str| Finding::problem("signature", what, remedy);
    if !image.is_signed() {
        all.push(if image.has_key() {
            Finding::warning(
                "signature",
                "it has a public key, but no signature",
                "Sign bootconf.txt with that key.",
            )
        } else {
            Finding::good("signature", "not signed: for boards without a key burned in")
        });
        return;
    }
    let again = "Sign bootconf.txt again, with the key that is in the image.";
    let parsed =
        image.file(BOOTCONF_SIG).ok().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(Sig::parse);
    let (sig, conf) = match (parsed, image.file(BOOTCONF)) {
        (Some(Ok(sig)), Ok(conf)) => (sig, conf),
        (Some(Err(error)), _) => {
            let what = format!("{BOOTCONF_SIG}: {error}");
            all.push(Finding::problem("signature", what, error.hint().unwrap_or_default()));
            return;
        }
        _ => {
            all.push(wrong("bootconf.sig is no text", again));
            return;
        }
    };
    if !sig.fits(conf) {
        all.push(wrong("bootconf.sig is of another bootconf.txt", again));
        return;
    }
    let Some(signature) = &sig.rsa2048 else {
        all.push(Finding::warning(
            "signature",
            "bootconf.sig has a digest, but no signature by a key",
            again,
        ));
        return;
    };
    let key = image.file(PUBKEY).unwrap_or_default();
    all.push(match image.key_hash() {
        None => wrong("bootconf.txt is signed, but there is no public key in the image", again),
        Some(hash) if rsa::is_by(key, conf, signature) => Finding::good(
            "signature",
            format!(
                "bootconf.txt is signed with the key in the image, whose hash in the OTP is {}",
                hex(&hash)
            ),
        ),
        Some(_) => wrong("bootconf.txt isn't signed with the key in the image", again),
    });
}

/// The `.sig` file beside it, without which no bootloader takes the image as an update.
fn sig_file(image: &Image, bytes: &[u8]) -> Finding {
    let parsed = std::str::from_utf8(bytes).map_err(|error| Error::NoText {
        name: "it".into(),
        at: error.valid_up_to(),
        byte: bytes.get(error.valid_up_to()).copied().unwrap_or(0),
    });
    let sig = match parsed.and_then(Sig::parse) {
        Ok(sig) => sig,
        Err(error) => return Finding::error("sig-file", &error),
    };
    let again = "Make the .sig file of this image.";
    let soc = &image.family().chip()["BCM".len()..];
    if !sig.fits(image.bytes()) {
        return Finding::problem("sig-file", "the .sig file is of another image", again);
    }
    match (&sig.target_soc, &sig.rsa2048) {
        (Some(target), _) if target != soc => Finding::problem(
            "sig-file",
            format!("the .sig file is for a {target}, the image for a {soc}"),
            again,
        ),
        (_, Some(signature)) if image.has_key() => {
            if rsa::is_by(image.file(PUBKEY).unwrap_or_default(), image.bytes(), signature) {
                Finding::good("sig-file", "the .sig file is of this image, signed with the key in it")
            } else {
                Finding::problem("sig-file", "the .sig file isn't signed with the key in the image", again)
            }
        }
        (_, Some(_)) => {
            let what =
                "the .sig file is of this image; it is signed, and the image has no key to check that with";
            Finding::warning("sig-file", what, Remedy::default())
        }
        _ => Finding::good("sig-file", "the .sig file is of this image"),
    }
}

fn against(image: &Image, other: &Image, all: &mut Vec<Finding>) {
    const TOPIC: &str = "compare";
    if image.family() != other.family() {
        let what = format!("the other image is for {}", other.family().chip());
        all.push(Finding::problem(TOPIC, what, "Compare with an image for the same chip."));
        return;
    }
    let differences = compare(image, other);
    if differences.is_empty() {
        all.push(Finding::good(TOPIC, "equal byte for byte"));
        return;
    }
    all.extend(differences.into_iter().map(|Differs { what, part, how, own }| {
        let part = match part {
            Part::Whole => "",
            Part::A => " of A",
            Part::B => " of B",
        };
        let what = match how {
            How::Other => format!("{what}{part} differs"),
            How::First => format!("{what}{part} isn't in the other image"),
            How::Second => format!("{what}{part} is only in the other image"),
        };
        if own {
            Finding::warning(
                TOPIC,
                format!("{what}: a board's bootloader writes that by itself"),
                Remedy::default(),
            )
        } else {
            Finding::problem(TOPIC, what, Remedy::default())
        }
    }));
}

#[cfg(test)]
mod tests;
