//! Images whose file systems lie.
