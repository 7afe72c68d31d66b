//! The states of a job, and which event is allowed in which.

use crate::error::{Explain, Kind};
use crate::station_api::JobState;

/// Something that happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its board asks for work, and gets it. A board that has started again asks again.
    Draw,
    /// Its board tells that it goes on.
    Renew,
    /// Its board tells how it ended.
    Finish(Verdict),
    /// Its board was seen doing what comes after.
    Seen,
    /// Somebody wants it to end.
    Cancel,
    /// Nothing was heard for too long.
    Expire,
}

/// What a job's result is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is proved, and something comes after that can be seen.
    Proved,
    /// It is proved, and that is all.
    ProvedAndOver,
    /// It is done, and nothing proves it.
    NotVerified,
    /// It failed.
    Failed,
}

/// Why a board or a person may not do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The job was given out again since.
    #[error("the job was given out again since: it has number {held}, this is number {shown}")]
    Late {
        /// The number that counts.
        held: u64,
        /// The number that was shown.
        shown: u64,
    },
    /// A number that was never given out.
    #[error("the job has number {held}, and number {shown} was never given out")]
    Never {
        /// The number that counts.
        held: u64,
        /// The number that was shown.
        shown: u64,
    },
    /// It isn't at work.
    #[error("nobody has drawn the job")]
    NotDrawn,
    /// It has ended.
    #[error("the job has ended")]
    Over,
    /// It has ended, so nothing is left to cancel.
    #[error("the job has ended already: {}", ending(*.how))]
    Ended {
        /// How.
        how: JobState,
    },
    /// The board has something else to do.
    #[error("the board has another job, which goes on")]
    Occupied,
    /// Nobody has let the board in.
    #[error("the board isn't enrolled")]
    NotEnrolled,
}

impl Explain for Refused {
    fn kind(&self) -> Kind {
        match self {
            Self::NotEnrolled => Kind::Permission,
            // Trying again changes nothing.
            Self::Ended { .. } => Kind::Failed,
            // Somebody else, or something before, is in the way.
            Self::Late { .. } | Self::Never { .. } | Self::NotDrawn | Self::Over | Self::Occupied => {
                Kind::Busy
            }
        }
    }
}

/// How a job has ended, in words.
const fn ending(state: JobState) -> &'static str {
    match state {
        JobState::Queued | JobState::Running => "it hasn't",
        // It is written and proved; only the board's own system wasn't seen.
        JobState::Finishing | JobState::Done => "done",
        JobState::NotVerified => "done, and not verified",
        JobState::Failed => "failed",
        JobState::Lost => "the board went away",
        JobState::Cancelled => "cancelled",
    }
}

/// Whether something is still to come.
#[must_use]
pub const fn is_open(state: JobState) -> bool {
    matches!(state, JobState::Queued | JobState::Running | JobState::Finishing)
}

/// Whether the one that shows this number has the job.
///
/// # Errors
/// [`Refused::Late`] for a lower number, [`Refused::Never`] for a higher one.
pub const fn claim(held: u64, shown: u64) -> Result<(), Refused> {
    if shown < held {
        Err(Refused::Late { held, shown })
    } else if shown > held || shown == 0 {
        Err(Refused::Never { held, shown })
    } else {
        Ok(())
    }
}

/// The state after an event. `cancelled`: somebody wants the job to end.
///
/// A result that is told again, because its answer was lost, changes nothing and is no error.
///
/// # Errors
/// Where the event isn't allowed in this state.
pub const fn next(state: JobState, event: Event, cancelled: bool) -> Result<JobState, Refused> {
    use JobState as S;
    Ok(match (state, event) {
        (S::Queued | S::Running, Event::Draw) if cancelled => S::Cancelled,
        (S::Queued | S::Running, Event::Draw) => S::Running,
        (S::Queued, Event::Cancel) => S::Cancelled,
        (S::Queued, _) => return Err(Refused::NotDrawn),

        (S::Running, Event::Renew | Event::Cancel) => S::Running,
        (S::Running, Event::Finish(Verdict::Proved)) => S::Finishing,
        (S::Running, Event::Finish(Verdict::ProvedAndOver)) => S::Done,
        (S::Running, Event::Finish(Verdict::NotVerified)) => S::NotVerified,
        (S::Running, Event::Finish(Verdict::Failed)) if cancelled => S::Cancelled,
        (S::Running, Event::Finish(Verdict::Failed)) => S::Failed,
        (S::Running, Event::Expire) if cancelled => S::Cancelled,
        (S::Running, Event::Expire) => S::Lost,
        (S::Running, Event::Seen) => return Err(Refused::NotDrawn),

        // Its proof is there. That its system wasn't seen makes it no less written.
        (S::Finishing, Event::Seen | Event::Expire) => S::Done,

        (state, Event::Finish(_)) => state,
        (how, Event::Cancel) => return Err(Refused::Ended { how }),
        (_, _) => return Err(Refused::Over),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use JobState as S;
    use Verdict as V;

    const STATES: [S; 8] =
        [S::Queued, S::Running, S::Finishing, S::Done, S::NotVerified, S::Failed, S::Lost, S::Cancelled];
    const EVENTS: [Event; 9] = [
        Event::Draw,
        Event::Renew,
        Event::Finish(V::Proved),
        Event::Finish(V::ProvedAndOver),
        Event::Finish(V::NotVerified),
        Event::Finish(V::Failed),
        Event::Seen,
        Event::Cancel,
        Event::Expire,
    ];

    #[test]
    fn each_event_in_each_state() {
        let not_drawn = Err(Refused::NotDrawn);
        let over = Err(Refused::Over);
        // In the order of EVENTS.
        let table = [
            (
                S::Queued,
                [
                    Ok(S::Running),
                    not_drawn,
                    not_drawn,
                    not_drawn,
                    not_drawn,
                    not_drawn,
                    not_drawn,
                    Ok(S::Cancelled),
                    not_drawn,
                ],
            ),
            (
                S::Running,
                [
                    Ok(S::Running),
                    Ok(S::Running),
                    Ok(S::Finishing),
                    Ok(S::Done),
                    Ok(S::NotVerified),
                    Ok(S::Failed),
                    not_drawn,
                    Ok(S::Running),
                    Ok(S::Lost),
                ],
            ),
            (
                S::Finishing,
                [
                    over,
                    over,
                    Ok(S::Finishing),
                    Ok(S::Finishing),
                    Ok(S::Finishing),
                    Ok(S::Finishing),
                    Ok(S::Done),
                    Err(Refused::Ended { how: S::Finishing }),
                    Ok(S::Done),
                ],
            ),
        ];
        for (state, row) in table {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                assert_eq!(next(state, event, false), expected, "{state:?} {event:?}");
            }
        }
        for state in STATES.into_iter().filter(|state| !is_open(*state)) {
            for event in EVENTS {
                let expected = match event {
                    Event::Finish(_) => Ok(state),
                    Event::Cancel => Err(Refused::Ended { how: state }),
                    _ => over,
                };
                assert_eq!(next(state, event, false), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn what_is_cancelled_isnt_given_out_again_and_ends_as_cancelled() {
        assert_eq!(next(S::Running, Event::Draw, true), Ok(S::Cancelled));
        assert_eq!(next(S::Running, Event::Finish(V::Failed), true), Ok(S::Cancelled));
        assert_eq!(next(S::Running, Event::Expire, true), Ok(S::Cancelled));
        // It was done before the order came.
        assert_eq!(next(S::Running, Event::Finish(V::Proved), true), Ok(S::Finishing));
    }

    proptest! {
        #[test]
        fn what_has_ended_stays_as_it_ended(
            events in prop::collection::vec((prop::sample::select(&EVENTS[..]), any::<bool>()), 0..40),
        ) {
            let mut state = S::Queued;
            let mut drawn = false;
            for (event, cancelled) in events {
                let before = state;
                if let Ok(after) = next(state, event, cancelled) {
                    state = after;
                }
                prop_assert!(is_open(before) || state == before);
                drawn |= state == S::Running;
                // Nothing is done that nobody has drawn, and done only by way of a result.
                prop_assert!(drawn || matches!(state, S::Queued | S::Cancelled));
                if state == S::Done && before != S::Done {
                    prop_assert!(matches!(
                        (before, event),
                        (S::Finishing, Event::Seen | Event::Expire) | (S::Running, Event::Finish(V::ProvedAndOver))
                    ));
                }
            }
        }

        #[test]
        fn only_the_newest_number_counts(held in 0u64..9, shown in 0u64..9) {
            let ok = claim(held, shown).is_ok();
            prop_assert_eq!(ok, held == shown && held > 0);
        }
    }
}
