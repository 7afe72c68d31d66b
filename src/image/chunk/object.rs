//! A chunk as it is stored and sent.
