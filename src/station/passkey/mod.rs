//! Passkeys (Web Authentication Level 3): what a page asks of a browser, and whether the answer is right. Pure: time and
//! random bytes come in.
//!
//! | part | what it is |
//! |---|---|
//! | `place` | where they can work |
//! | `challenge` | questions that are good once |
//! | `check` | whether an answer is right |
//! | `cbor` | how authenticators write |

mod cbor;
mod challenge;
mod check;
mod place;

pub(super) use challenge::Challenges;
pub(super) use check::{Asked, LONGEST, made, shown};
pub(super) use place::{Nowhere, Place, place};
