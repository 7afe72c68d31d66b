//! What people do to accounts and tokens, their own and others', by the API or on a page: the same checks, the same audit.

use super::api::{digest, secret};
use super::key::random;
use super::store::{Account, Invitation, Started};
use super::web::{Origin, Refusal, Who};
use super::{Station, now, second};
use crate::station::numbered;
use crate::station_api::{
    Invited, MadeToken, NewToken, NewUser, Role, Scope, Thing, Time, Token, User, UserChange,
};

/// How long a link that is good once is good, in milliseconds.
const LINK: Time = 72 * 3600 * 1000;

/// How far somebody is who signs in.
#[derive(Debug)]
pub(super) enum SignedIn {
    /// All was right.
    Whole(User),
    /// The password was; a code or a passkey is needed too.
    Half(User),
}

impl Station {
    /// Makes an account.
    pub(super) async fn add_user(&self, who: &Who, new: NewUser) -> Result<User, Refusal> {
        let password = self.hash_password(&new.name, new.password).await?;
        let user = self.store().add_user(&new.name, new.role, &password, now()).await?;
        self.did(who, "user.add", &user.name).await;
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(user)
    }

    /// Changes an account.
    pub(super) async fn change_user(
        &self,
        who: &Who,
        name: &str,
        change: UserChange,
    ) -> Result<User, Refusal> {
        if change.second_factor == Some(true) {
            let text = "a second factor is set up by its user, on the page of the account";
            return Err(Refusal::meaningless(text));
        }
        not_by_own_token(who, name)?;
        if who.user == name && (change.password.is_some() || change.second_factor.is_some()) {
            let text =
                "who changes the own password shows the one that it was, and the own second factor likewise";
            return Err(Refusal::forbidden(text).with_hint("the page of the account does both"));
        }
        let password = match change.password {
            Some(password) => Some(self.hash_password(name, password).await?),
            None => None,
        };
        let store = self.store();
        let mut user = store.change_user(name, change.role, change.disabled, password.as_deref()).await?;
        if change.second_factor == Some(false) && store.remove_factors(name).await? {
            (user.second_factor, user.codes, user.passkeys) = (false, false, 0);
            self.did(who, "user.second-factor-removed", name).await;
        }
        let what = match (change.role, change.disabled, &password) {
            (Some(_), ..) => Some("user.role"),
            (None, Some(true), _) => Some("user.disable"),
            (None, Some(false), _) => Some("user.enable"),
            (None, None, Some(_)) => Some("user.password"),
            (None, None, None) => None,
        };
        if let Some(what) = what {
            self.did(who, what, &user.name).await;
        }
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(user)
    }

    /// Makes a link that is good once: for a new user of this role, who chooses the name, or for a user that gets another
    /// password.
    pub(super) async fn invite(
        &self,
        who: &Who,
        user: Option<&str>,
        role: Option<Role>,
    ) -> Result<Invited, Refusal> {
        if user.is_some_and(|name| who.user == name) {
            let text = "a link for another password is for others: it would do without the one that is known";
            return Err(
                Refusal::forbidden(text).with_hint("the page of the account changes the own password")
            );
        }
        let at = now();
        let role = match (user, role) {
            (Some(name), None) => self.store().account(name).await?.user.role,
            (None, Some(role)) => role,
            _ => return Err(Refusal::meaningless("a link is for a `user`, or for a new one with a `role`")),
        };
        let secret = secret()?;
        let expires = at.saturating_add(LINK);
        let invited = Invitation { name: user.map(str::to_owned), role, expires };
        self.store().invite(&digest(&secret), &invited, at).await?;
        match user {
            Some(name) => self.did(who, "user.reset-link", name).await,
            None => self.did(who, "user.invite", &role.to_string()).await,
        }
        let path = format!("/welcome/{secret}");
        let home = self.home.get().cloned().unwrap_or_default();
        Ok(Invited { url: format!("{home}{path}"), path, role, user: user.map(str::to_owned), expires })
    }

    /// Makes a token.
    pub(super) async fn add_token(&self, who: &Who, new: NewToken) -> Result<MadeToken, Refusal> {
        if new.role > who.role {
            return Err(Refusal::forbidden("a token can't do more than its maker"));
        }
        let within = |scope: &Scope| who.scopes.iter().any(|own| own.covers(*scope));
        if !who.scopes.is_empty() && (new.scopes.is_empty() || !new.scopes.iter().all(within)) {
            return Err(Refusal::forbidden("a token can't have more scopes than its maker"));
        }
        if new.scopes.len() > Scope::ALL.len() {
            return Err(Refusal::meaningless("a scope stands there twice"));
        }
        if new.expires.is_some_and(|expires| expires <= now()) {
            return Err(Refusal::meaningless("`expires` is in the past"));
        }
        let secret = secret()?;
        let token = Token {
            name: new.name,
            role: new.role,
            scopes: new.scopes,
            user: who.user.clone(),
            made: now(),
            expires: new.expires,
            used: None,
        };
        self.store().add_token(&token, &digest(&secret)).await?;
        self.did(who, "token.add", &token.name).await;
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(MadeToken { token, secret })
    }

    /// Takes a token back.
    pub(super) async fn remove_token(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_token(name).await?;
        self.did(who, "token.remove", name).await;
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(())
    }

    /// Whose password it is, and whether a code belongs to it. Tries are counted by address and by account.
    pub(super) async fn sign_in(
        &self,
        from: Origin,
        name: &str,
        password: &str,
        code: Option<&str>,
    ) -> Result<SignedIn, Refusal> {
        let account = self.check_password(from, name, password).await?;
        match (account.user.second_factor, code) {
            (false, _) => Ok(SignedIn::Whole(account.user)),
            (true, None) => Ok(SignedIn::Half(account.user)),
            (true, Some(code)) => {
                self.check_code(from, &account, code).await?;
                Ok(SignedIn::Whole(account.user))
            }
        }
    }

    /// Whether a code of the second factor is right, or one for those that have lost it. Each is good once.
    pub(super) async fn check_code(
        &self,
        from: Origin,
        account: &Account,
        code: &str,
    ) -> Result<(), Refusal> {
        self.may_try(from)?;
        self.may_try_account(&account.user.name)?;
        let name = &account.user.name;
        let seconds = u64::try_from(now()).unwrap_or_default() / 1000;
        let step = account.factor.as_deref().and_then(|factor| second::step(factor, code, seconds));
        let right = match (step, second::plain(code)) {
            (Some(step), _) => self.store().use_step(name, step).await?,
            (None, Some(plain)) => self.store().use_recovery(name, &digest(&plain)).await?,
            (None, None) => false,
        };
        if right {
            return Ok(());
        }
        self.wrong_account(name);
        self.refused(from, Some(name));
        let _ = self.wrong_password(from);
        Err(Refusal::unknown("the code is wrong, or was used already"))
    }

    /// Begins a session: the secret that its user keeps.
    pub(super) async fn begin_session(
        &self,
        from: Origin,
        user: &User,
        browser: Option<&str>,
        lasts: std::time::Duration,
    ) -> Result<(String, Time), Refusal> {
        let (new, at) = (secret()?, now());
        let expires = at.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or_default());
        let begun = Started {
            digest: &digest(&new),
            name: &user.name,
            page: browser.is_some(),
            origin: &from.to_string(),
            browser: browser.unwrap_or_default(),
            expires,
        };
        self.store().begin_session(&begun, at).await?;
        let who =
            Who { by: user.name.clone(), user: user.name.clone(), from, role: user.role, scopes: Vec::new() };
        self.did(&who, "session.begin", &user.name).await;
        Ok((new, expires))
    }

    /// Somebody changes the own password, who shows the one that it was. Other sessions end.
    pub(super) async fn change_own_password(
        &self,
        who: &Who,
        session: &str,
        before: &str,
        password: &str,
    ) -> Result<(), Refusal> {
        self.check_own_password(who, before).await?;
        let hash = self.hash_password(&who.user, password.to_owned()).await?;
        self.store().put_password(&who.user, &hash, session).await?;
        self.did(who, "account.password", &who.user).await;
        Ok(())
    }

    /// Somebody sets up a second factor, and shows that it works. The codes for those that lose it are told once.
    pub(super) async fn set_up_factor(
        &self,
        who: &Who,
        password: &str,
        factor: &str,
        code: &str,
    ) -> Result<Vec<String>, Refusal> {
        self.check_own_password(who, password).await?;
        if !second::is_secret(factor) {
            return Err(Refusal::meaningless("this is no secret of a second factor"));
        }
        let seconds = u64::try_from(now()).unwrap_or_default() / 1000;
        let step = second::step(factor, code, seconds).ok_or_else(|| {
            let refusal = Refusal::meaningless("the code doesn't fit");
            refusal.with_hint("look whether the clocks of the telephone and of the station are right")
        })?;
        let random = random::<{ second::RECOVERY * 16 }>().ok_or_else(no_random)?;
        let codes = second::recovery(&random);
        let digests: Vec<_> = codes.iter().filter_map(|code| second::plain(code)).collect();
        let digests: Vec<_> = digests.iter().map(|plain| digest(plain)).collect();
        self.store().put_factor(&who.user, factor, step, &digests).await?;
        self.did(who, "account.second-factor", &who.user).await;
        self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        Ok(codes)
    }

    /// Somebody gives up the own second factor.
    pub(super) async fn give_up_factor(&self, who: &Who, password: &str) -> Result<(), Refusal> {
        self.check_own_password(who, password).await?;
        if self.store().remove_factor(&who.user).await? {
            self.did(who, "account.second-factor-removed", &who.user).await;
            self.changes.tell(Thing::Settings, numbered::PEOPLE, None);
        }
        Ok(())
    }

    /// Ends a session: an own one, or, as an administrator, anybody's.
    pub(super) async fn end_session(&self, who: &Who, session: &str) -> Result<(), Refusal> {
        if let Some(own) = self.store().session_user(session).await? {
            not_by_own_token(who, &own)?;
        }
        let of = (who.role < Role::Admin).then_some(who.user.as_str());
        if !self.store().end_session(session, of).await? {
            return Err(Refusal::missing("there is no such session any more"));
        }
        self.did(who, "session.end", session.get(..12).unwrap_or_default()).await;
        Ok(())
    }

    /// Ends all sessions of a user but one.
    pub(super) async fn end_other_sessions(&self, who: &Who, name: &str, but: &str) -> Result<u64, Refusal> {
        not_by_own_token(who, name)?;
        let ended = self.store().end_other_sessions(name, but).await?;
        self.did(who, "session.end-all", name).await;
        Ok(ended)
    }
}

/// A token never changes its own user: password, role and sessions are for who has logged in, and for other people.
fn not_by_own_token(who: &Who, user: &str) -> Result<(), Refusal> {
    if who.is_token_of(user) {
        return Err(Refusal::forbidden("a token doesn't change the user that it belongs to"));
    }
    Ok(())
}

pub(super) fn no_random() -> Refusal {
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    Refusal::new(status, crate::error::Kind::Failed, "the system gives no random numbers")
}
