//! The exit code of several boards.

use crate::error::Kind;

/// The kind of failure that a command ends with, from what became of each of its boards (`None` for one that is done).
/// `None` where all are done. Where Ctrl-C ended one of them, it ended the command, whatever had become of the others by
/// then. Else one reason that all of them share is the command's reason; a mixture, of reasons or of failures and
/// successes, is just a failure.
#[must_use]
pub fn exit_kind(boards: impl IntoIterator<Item = Option<Kind>>) -> Option<Kind> {
    let boards: Vec<_> = boards.into_iter().collect();
    let first = boards.iter().copied().flatten().next()?;
    if boards.contains(&Some(Kind::Interrupted)) {
        return Some(Kind::Interrupted);
    }
    let same = boards.iter().all(|kind| *kind == Some(first));
    Some(if same { first } else { Kind::Failed })
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
            (&[Some(Busy), Some(Interrupted)], Some(Interrupted)),
            (&[None, Some(Failed), Some(Interrupted)], Some(Interrupted)),
        ] {
            assert_eq!(exit_kind(boards.iter().copied()), want, "{boards:?}");
        }
    }
}
