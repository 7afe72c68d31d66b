//! What is made of the table of settings: structures, what is built in, reading by key, and one row a key for
//! code that shows them.

use std::path::Path;

use super::form::{Form, Written, Wrong};
use super::tables::Member;
use super::value::Raw;
use super::{Origin, Setting};

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// Its name with its table, as `flash.part-size`.
    pub key: &'static str,
    /// What it is, in sentences.
    pub help: &'static str,
    /// What may stand there, as the object of a sentence.
    pub wanted: String,
    /// The keys of the tables that it is a list of.
    pub members: Vec<Member>,
    /// The value as a file would write it.
    pub value: Written,
    /// Where it comes from.
    pub origin: &'a Origin,
}

pub(super) fn row<'a, F: Form>(
    key: &'static str,
    help: &'static str,
    form: &F,
    setting: &'a Setting<F::Value>,
) -> Row<'a> {
    Row {
        key,
        help,
        wanted: form.wanted(),
        members: form.members(),
        value: form.write(&setting.value),
        origin: &setting.origin,
    }
}

/// Takes a value over where it has its form.
pub(super) fn put<F: Form>(
    slot: &mut Setting<F::Value>,
    form: &F,
    raw: &Raw,
    origin: &Origin,
    base: &Path,
) -> Result<(), Wrong> {
    *slot = Setting { value: form.read_at(raw, base)?, origin: origin.clone() };
    Ok(())
}

/// Makes [`Settings`](super::Settings) and everything that goes over all keys.
///
/// A row is `field: Type = what is built in, "key" as form;` below its help, which is the field's documentation too.
/// What is built in may depend on the machine, which the table gives a name.
macro_rules! settings {
    (
        of $machine:ident;
        above all tables {
            $( $(#[doc = $top_help:literal])+ $top:ident: $Top:ty = $top_built_in:expr, $top_key:literal as $top_form:expr; )*
        }
        $(
            $(#[doc = $about:literal])+
            $table:ident: $Table:ident {
                $( $(#[doc = $help:literal])+ $field:ident: $Type:ty = $built_in:expr, $key:literal as $form:expr; )*
            }
        )*
    ) => {
        /// All settings.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $( $(#[doc = $top_help])+ pub $top: Setting<$Top>, )*
            $( $(#[doc = $about])+ pub $table: $Table, )*
            /// Things that are not as they should be but keep nothing from working.
            pub warnings: Vec<$crate::error::Remedy>,
            /// The files that were looked for, and whether each was read.
            pub files: Vec<(PathBuf, bool)>,
        }

        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone)]
            pub struct $Table {
                $( $(#[doc = $help])+ pub $field: Setting<$Type>, )*
            }
        )*

        /// The names of all settings, as files write them.
        pub const KEYS: &[&str] = &[$($top_key,)* $($($key,)*)*];

        impl Settings {
            pub(super) fn built_in($machine: &Machine<'_>) -> Self {
                Self {
                    $( $top: Setting { value: $top_built_in, origin: Origin::Default }, )*
                    $( $table: $Table {
                        $( $field: Setting { value: $built_in, origin: Origin::Default }, )*
                    }, )*
                    warnings: Vec::new(),
                    files: Vec::new(),
                }
            }

            /// Sets one key. Paths are relative to `base`. Nothing where there is no such key.
            pub(super) fn set(
                &mut self,
                key: &str,
                raw: &Raw,
                origin: &Origin,
                base: &Path,
            ) -> Option<Result<(), Wrong>> {
                Some(match key {
                    $( $top_key => put(&mut self.$top, &$top_form, raw, origin, base), )*
                    $( $( $key => put(&mut self.$table.$field, &$form, raw, origin, base), )* )*
                    _ => return None,
                })
            }

            /// Every setting, in the order of [`KEYS`].
            #[must_use]
            pub fn rows(&self) -> Vec<Row<'_>> {
                vec![
                    $( row($top_key, concat!($($top_help, "\n"),+), &$top_form, &self.$top), )*
                    $( $( row($key, concat!($($help, "\n"),+), &$form, &self.$table.$field), )* )*
                ]
            }
        }
    };
}

pub(super) use settings;
