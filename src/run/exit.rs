//! The exit code of several boards.

use crate::error::Kind;

/// The kind of failure that a command ends with, from what became of each of its boards (`None` for one that is done).
/// `None` where all are done. One reason that all of them share is the command's reason; a mixture, of reasons or of
/// failures and successes, is just a failure.
#[must_use]
pub fn exit_kind(boards: impl IntoIterator<Item = Option<Kind>>) -> Option<Kind> {
    let boards: Vec<_> = boards.into_iter().collect();
    let first = boards.iter().copied().flatten().next()?;
    // Ctrl-C was meant for all of them, also where some were done by then.
    let interrupted = boards.iter().flatten().all(|kind| *kind == Kind::Interrupted);
    let same = boards.iter().all(|kind| *kind == Some(first));
    Some(if same || interrupted { first } else { Kind::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule() {
        use Kind::{Busy, Failed, Interrupted, Unavailable};
        for (boards, want) in [
            (&[][..], None),
            (&[None, None], None),
            (&[Some(Unavailable)], Some(Unavailable)),
            (&[Some(Unavailable), Some(Unavailable)], Some(Unavailable)),
            (&[Some(Unavailable), None], Some(Failed)),
            (&[Some(Unavailable), Some(Busy)], Some(Failed)),
            (&[None, Some(Interrupted), Some(Interrupted)], Some(Interrupted)),
            (&[Some(Interrupted), Some(Busy)], Some(Failed)),
        ] {
            assert_eq!(exit_kind(boards.iter().copied()), want, "{boards:?}");
        }
    }
}
