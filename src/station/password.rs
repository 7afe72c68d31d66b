//! Passwords. argon2id takes time and memory on purpose, so a few at once, and never where others wait.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;

/// So many at once: each takes 19 MiB.
const AT_ONCE: usize = 2;
/// What is checked where there is no such user, so that it takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$0000000000000000000000000000000000000000000";

/// Computes with passwords.
#[derive(Debug)]
pub(super) struct Passwords {
    seats: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// What is kept of a password.
    pub(super) async fn hash(&self, password: String) -> Option<String> {
        self.with(move || {
            let hash: PasswordHash = argon2().hash_password(password.as_bytes()).ok()?;
            Some(hash.to_string())
        })
        .await?
    }

    /// Whether it is the password of which that is kept; `None`: of nobody.
    pub(super) async fn is(&self, password: String, kept: Option<String>) -> bool {
        self.with(move || {
            let hash = PasswordHash::new(kept.as_deref().unwrap_or(NOBODY));
            let right = hash.is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
            right && kept.is_some()
        })
        .await
        .unwrap_or(false)
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let seat = Arc::clone(&self.seats).acquire_owned().await.ok()?;
        let work = move || {
            let _seat = seat;
            work()
        };
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// argon2id, with what its authors propose.
fn argon2() -> Argon2<'static> {
    Argon2::from(Params::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_and_no_other_fits() {
        let passwords = Passwords::default();
        let kept = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(passwords.hash("correct horse".to_owned()).await.unwrap(), kept);
        assert!(passwords.is("correct horse".to_owned(), Some(kept.clone())).await);
        assert!(!passwords.is("correct horsf".to_owned(), Some(kept)).await);
        assert!(!passwords.is("correct horse".to_owned(), None).await);
        assert!(!passwords.is("correct horse".to_owned(), Some("no hash".to_owned())).await);
        // What nobody has is computed like any other.
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
