//! What a subcommand ends with that fails. Only what [explains](Explain) itself becomes a [`Failure`], so an error of
//! which nobody has said what sort it is, and what helps, doesn't compile into one.

use std::fmt::Display;

use crate::error::{Explain, Kind, Remedy, chain};

/// What every subcommand gives.
pub type Result<T> = std::result::Result<T, Failure>;

/// A failure: what it is, of what sort, and what helps.
///
/// It is no [`std::error::Error`] itself. `?` makes one of every error that explains itself, and of no other.
///
/// ```
/// fn explained() -> piprov::cli::Result<()> {
///     Err(std::io::Error::other("the system says no"))?
/// }
/// # assert!(explained().is_err());
/// ```
///
/// ```compile_fail,E0277
/// fn not_explained() -> piprov::cli::Result<()> {
///     Err(std::fmt::Error)?
/// }
/// ```
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    remedy: Option<Remedy>,
    more: Vec<String>,
    /// The error with its causes; `None` where the subcommand has told it.
    error: Option<anyhow::Error>,
}

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { kind: error.kind(), remedy: error.hint(), more: error.more(), error: Some(error.into()) }
    }
}

impl Failure {
    /// A failure that the subcommand has told about already.
    #[must_use]
    pub const fn already_told(kind: Kind) -> Self {
        Self { kind, remedy: None, more: Vec::new(), error: None }
    }

    /// With what was being done in front.
    #[must_use]
    pub fn context(self, doing: impl Display) -> Self {
        Self { error: self.error.map(|error| error.context(doing.to_string())), ..self }
    }

    /// The sort of failure, which decides the exit code.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What helps.
    #[must_use]
    pub const fn remedy(&self) -> Option<&Remedy> {
        self.remedy.as_ref()
    }

    /// What stands on lines of its own, below the message.
    #[must_use]
    pub fn more(&self) -> &[String] {
        &self.more
    }

    /// The message, with all causes; `None` where it was told already.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        self.error.as_ref().map(|error| chain(error.as_ref()))
    }
}

/// What was being done, in front of an error's message.
pub(super) trait Context<T> {
    /// With this in front.
    ///
    /// # Errors
    /// As before.
    fn context(self, doing: impl Display) -> Result<T>;
}

impl<T, E: Into<Failure>> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl Display) -> Result<T> {
        self.map_err(|error| error.into().context(doing))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::usb;

    fn fails() -> Result<()> {
        Err(usb::Error::Host { what: "x", why: "y".to_owned() })?
    }

    #[test]
    fn an_error_keeps_its_kind_and_its_remedy_behind_what_was_being_done() {
        let failure = fails().context("serving").unwrap_err();
        assert_eq!(failure.message().as_deref(), Some("serving: USB on this host: x: y"));
        assert!(failure.remedy().is_some());
        let failure = Failure::from(io::Error::from(io::ErrorKind::PermissionDenied)).context("opening");
        assert_eq!((failure.kind(), failure.remedy()), (Kind::Permission, None));
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let failure = Err::<(), _>(Failure::already_told(Kind::Busy)).context("serving").unwrap_err();
        assert_eq!((failure.kind(), failure.message()), (Kind::Busy, None));
        let (ui, memory) = crate::cli::ui::Ui::remembering();
        assert_eq!(crate::cli::report::end(&ui, &Err(failure)), Kind::Busy.exit_code());
        assert!(memory.take_clean().is_empty());
    }
}
