//! How far it is, told while it goes on.

use crate::run::Stage;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The step.
    pub stage: Stage,
    /// Bytes of the image that this step is done with.
    pub done: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
    /// Bytes that came from elsewhere so far, as they came.
    pub fetched: u64,
}

/// Is told. It is called by several threads and must not wait.
pub trait Watch: Sync {
    /// It has come so far.
    fn at(&self, at: At);
    /// Something that people should know; all goes on.
    fn note(&self, text: String);
}

/// Nobody looks.
impl Watch for () {
    fn at(&self, _: At) {}
    fn note(&self, _: String) {}
}
