//! Reset back-ends.
