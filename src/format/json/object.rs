//! Objects whose paths need not be UTF-8, for what the command line tells.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

/// An object, as serde_json's macro of that name makes it, which panics where a path isn't UTF-8. This one writes such
/// a path as [`super::path`] does.
macro_rules! json {
    ({ $($key:literal: $value:expr),* $(,)? }) => {{
        #[allow(unused_imports, reason = "which one is needed depends on the values")]
        use $crate::format::json::{Lossy as _, Plain as _};
        let mut object = ::serde_json::Map::new();
        $(object.insert($key.to_owned(), (&$crate::format::json::Field(&$value)).value());)*
        ::serde_json::Value::Object(object)
    }};
    ($value:expr) => {{
        #[allow(unused_imports, reason = "as above")]
        use $crate::format::json::{Lossy as _, Plain as _};
        (&$crate::format::json::Field(&$value)).value()
    }};
}
pub(crate) use json;

/// A value in [`json!`]. Which of the two traits is taken is decided by the compiler: what can be seen as a path is
/// one (a text as a path is the same text), everything else is left to serde.
pub(crate) struct Field<'a, T: ?Sized>(pub(crate) &'a T);

/// What can be seen as a path.
pub(crate) trait Lossy {
    /// It as a string.
    fn value(&self) -> Value;
}

impl<T: AsRef<Path> + ?Sized> Lossy for Field<'_, T> {
    fn value(&self) -> Value {
        Value::String(self.0.as_ref().to_string_lossy().into_owned())
    }
}

/// Everything else.
pub(crate) trait Plain {
    /// It as serde sees it; why it can't, where it can't.
    fn value(&self) -> Value;
}

impl<T: Serialize + ?Sized> Plain for &Field<'_, T> {
    fn value(&self) -> Value {
        serde_json::to_value(self.0).unwrap_or_else(|error| Value::String(format!("not told: {error}")))
    }
}
