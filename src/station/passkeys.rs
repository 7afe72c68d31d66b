//! What people do with their passkeys: they make them, sign in by them, and take them away.
//!
//! A passkey stands for a code of the second factor. It stands for the password too, where it has asked its owner for a
//! PIN, a finger or a face: then it is two things by itself.

use super::accounts::no_random;
use super::api::digest;
use super::key::random;
use super::passkey::{Asked, LONGEST, Nowhere, Place, made, shown};
use super::store::Passkey;
use super::web::{Origin, Refusal, Who};
use super::{Station, now, second};
use crate::format::{hex, unhex_bytes};
use crate::station::numbered;
use crate::station_api::{Thing, User};

/// The longest name that a user gives one.
const LONGEST_NAME: usize = 63;
/// What a question of the page for signing in is for.
const SIGN_IN: &str = "sign-in";

/// What a browser brings of a passkey, as the script has put it into a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Brought {
    /// The question that it says to answer.
    pub(super) challenge: Vec<u8>,
    /// What the browser says.
    pub(super) client: Vec<u8>,
    /// What the passkey says: an attestation where it is new, else its data.
    pub(super) data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// What the passkey calls itself, in hexadecimal digits.
    pub(super) id: String,
    /// What it calls its user, in hexadecimal digits; empty where it doesn't.
    pub(super) user: String,
}

impl Brought {
    /// Reads it from a form's fields, each in hexadecimal digits.
    pub(super) fn read<'a>(field: impl Fn(&'static str) -> &'a str) -> Result<Self, Refusal> {
        let bytes = |name| {
            let text = Some(field(name)).filter(|text| text.len() <= 2 * LONGEST);
            text.and_then(unhex_bytes).ok_or_else(|| {
                let refusal = Refusal::meaningless("the browser has brought nothing of a passkey");
                refusal.with_hint("load the page anew; its script has to run")
            })
        };
        Ok(Self {
            challenge: bytes("challenge")?,
            client: bytes("client")?,
            data: bytes("data")?,
            signature: bytes("signature")?,
            id: hex(&bytes("id")?),
            user: hex(&bytes("user")?),
        })
    }
}

/// Whom a passkey is to be shown by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shows<'a> {
    /// Anybody, who has shown nothing else.
    Anybody,
    /// Somebody who has shown the password. `half`: what the browser shows for that.
    Second { user: &'a str, half: &'a str },
}

impl Shows<'_> {
    fn purpose(self) -> String {
        match self {
            Self::Anybody => SIGN_IN.to_owned(),
            Self::Second { user, half } => format!("second {half} {user}"),
        }
    }
}

/// What passkeys call a user: nothing that tells who it is.
pub(super) fn handle(user: &User) -> String {
    let text = format!("{} {}", user.made, user.name);
    hex(blake3::Hasher::new_derive_key("piprov 2026-11-29 users of passkeys")
        .update(text.as_bytes())
        .finalize()
        .as_bytes())
}

fn over() -> Refusal {
    let refusal = Refusal::unknown("the question to the passkey is over, or was answered already");
    refusal.with_hint("load the page anew, and do it again")
}

impl From<Nowhere> for Refusal {
    fn from(why: Nowhere) -> Self {
        let hint = "ask for this page by its name, with HTTPS: `station.names` gives it one, and it takes a certificate";
        Self::meaningless(why.to_string()).with_hint(hint)
    }
}

impl Station {
    /// A question to whoever signs in, in hexadecimal digits.
    pub(super) fn ask_passkey(&self, of: Shows<'_>) -> Result<String, Refusal> {
        self.question(&of.purpose())
    }

    /// A question to the one who makes a passkey in a session.
    pub(super) fn ask_new_passkey(&self, who: &Who, session: &str) -> Result<String, Refusal> {
        self.question(&format!("make {session} {}", who.user))
    }

    fn question(&self, purpose: &str) -> Result<String, Refusal> {
        let random = random::<16>().ok_or_else(no_random)?;
        Ok(hex(&self.challenges.make(purpose, random, now())))
    }

    /// Somebody makes a passkey, and shows the password. The codes for its loss are told once, where there are none yet.
    pub(super) async fn add_passkey(
        &self,
        who: &Who,
        session: &str,
        place: &Place,
        (name, password): (&str, &str),
        brought: &Brought,
    ) -> Result<Option<Vec<String>>, Refusal> {
        let len = name.chars().count();
        if !(1..=LONGEST_NAME).contains(&len) || name.chars().any(char::is_control) {
            let text = format!("the name of a passkey has 1 to {LONGEST_NAME} characters that are seen");
            return Err(Refusal::meaningless(text));
        }
        self.check_own_password(who, password).await?;
        let purpose = format!("make {session} {}", who.user);
        if !self.challenges.is_good(&purpose, &brought.challenge, now()) {
            return Err(over());
        }
        let asked = Asked { challenge: &brought.challenge, place, verified: false };
        let new = made(&brought.client, &brought.data, asked)
            .map_err(|wrong| Refusal::meaningless(wrong.to_string()))?;
        if !self.challenges.use_up(&purpose, &brought.challenge, now()) {
            return Err(over());
        }
        let random = random::<{ second::RECOVERY * 16 }>().ok_or_else(no_random)?;
        let codes = second::recovery(&random);
        let digests: Vec<_> = codes.iter().filter_map(|code| second::plain(code)).collect();
        let digests: Vec<_> = digests.iter().map(|plain| digest(plain)).collect();
        let passkey = Passkey {
            id: hex(&new.id),
            user: who.user.clone(),
            name: name.to_owned(),
            host: place.name.clone(),
            key: hex(&new.key),
            counter: new.counter.into(),
            can_back_up: new.can_back_up,
            backed_up: new.backed_up,
            made: now(),
            used: None,
        };
        let first = self.store().add_passkey(&passkey, &digests).await?;
        self.did(who, "account.passkey", &who.user).await;
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(first.then_some(codes))
    }

    /// Somebody takes an own passkey away, and shows the password.
    pub(super) async fn remove_passkey(
        &self,
        who: &Who,
        password: &str,
        id: &str,
    ) -> Result<String, Refusal> {
        self.check_own_password(who, password).await?;
        let removed = self.store().remove_passkey(&who.user, id).await?;
        let name = removed.ok_or_else(|| Refusal::missing("there is no such passkey any more"))?;
        self.did(who, "account.passkey-removed", &who.user).await;
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(name)
    }

    /// Whose passkey it is. Tries are counted by address and by account.
    pub(super) async fn check_passkey(
        &self,
        from: Origin,
        place: &Place,
        of: Shows<'_>,
        brought: &Brought,
    ) -> Result<User, Refusal> {
        self.may_try(from)?;
        let wrong = |user: Option<&str>, text: String| {
            let _ = self.wrong_password(from);
            self.refused(from, user);
            Refusal::unknown(text)
        };
        let unknown = || wrong(None, "the passkey isn't known here, or not any more".to_owned());
        let kept = self.store().passkey(&brought.id).await?.filter(|kept| kept.host == place.name);
        let kept = kept.ok_or_else(unknown)?;
        let user = self.store().account(&kept.user).await?.user;
        let is_other = matches!(of, Shows::Second { user, .. } if user != kept.user);
        if user.disabled || is_other || !(brought.user.is_empty() || brought.user == handle(&user)) {
            return Err(unknown());
        }
        self.may_try_account(&user.name)?;
        let purpose = of.purpose();
        if !self.challenges.is_good(&purpose, &brought.challenge, now()) {
            return Err(over());
        }
        let verified = matches!(of, Shows::Anybody);
        let asked = Asked { challenge: &brought.challenge, place, verified };
        let key = unhex_bytes(&kept.key).unwrap_or_default();
        let shown = shown(&brought.client, &brought.data, &brought.signature, &key, asked);
        let shown = shown.map_err(|error| {
            self.wrong_account(&user.name);
            wrong(Some(&user.name), error.to_string())
        })?;
        // Whether it can be copied is fixed when it is made.
        if shown.can_back_up != kept.can_back_up {
            return Err(wrong(Some(&user.name), "the passkey isn't the one that was made".to_owned()));
        }
        if !self.challenges.use_up(&purpose, &brought.challenge, now()) {
            return Err(over());
        }
        if !self.store().use_passkey(&kept.id, shown.counter, shown.backed_up, now()).await? {
            self.did(&Who::user(&user, from), "account.passkey-copied", &user.name).await;
            let text = "the passkey counts backwards: somebody may have a copy";
            let refusal = wrong(Some(&user.name), text.to_owned());
            return Err(refusal.with_hint("sign in another way, and take this passkey away"));
        }
        Ok(user)
    }
}
