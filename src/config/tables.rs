//! Lists of tables, as `[[usb.board]]`: each table has the same keys, and what is made of them stands once, as for
//! settings themselves.

use std::marker::PhantomData;
use std::path::Path;

use super::form::{Form, Written, Wrong};
use super::value::Raw;

/// A list has at most so many tables.
const MOST: usize = 1000;

/// A key of the tables of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it is, in sentences.
    pub help: &'static str,
    /// What may stand there, as the object of a sentence.
    pub wanted: String,
}

/// A table of a list.
pub(super) trait Entry: Default {
    /// Its keys.
    fn members() -> Vec<Member>;

    /// Sets one key. Nothing where there is no such key.
    fn set(&mut self, name: &str, raw: &Raw, base: &Path) -> Option<Result<(), String>>;

    /// What was set, key by key.
    fn written(&self) -> Vec<(&'static str, Written)>;

    /// Whether its keys make sense together.
    ///
    /// # Errors
    /// With a sentence about what doesn't.
    fn check(&self) -> Result<(), String>;
}

/// A list of tables.
pub(super) struct Tables<T>(PhantomData<T>);

impl<T> Tables<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Entry> Form for Tables<T> {
    type Value = Vec<T>;

    fn wanted(&self) -> String {
        "a list of tables in a file".to_owned()
    }

    fn read(&self, raw: &Raw, base: &Path) -> Result<Vec<T>, String> {
        self.read_at(raw, base).map_err(|wrong| wrong.why)
    }

    fn read_at(&self, raw: &Raw, base: &Path) -> Result<Vec<T>, Wrong> {
        let not = || Wrong::from(raw.not(&self.wanted()));
        let Raw::List(all) = raw else { return Err(not()) };
        if all.len() > MOST {
            return Err(format!("{} tables are more than {MOST}", all.len()).into());
        }
        all.iter()
            .map(|one| {
                let Raw::Table { offset, members } = one else { return Err(not()) };
                let mut entry = T::default();
                for (name, offset, raw) in members {
                    let key = Some(name.clone());
                    let wrong =
                        |unknown, why| Wrong { key: key.clone(), offset: Some(*offset), unknown, why };
                    match entry.set(name, raw, base) {
                        Some(set) => set.map_err(|why| wrong(false, why))?,
                        None => return Err(wrong(true, String::new())),
                    }
                }
                let whole = |why| Wrong { key: None, offset: Some(*offset), unknown: false, why };
                entry.check().map_err(whole)?;
                Ok(entry)
            })
            .collect()
    }

    fn write(&self, all: &Vec<T>) -> Written {
        Written::Tables(all.iter().map(|one| one.written().into_iter().collect()).collect())
    }

    fn members(&self) -> Vec<Member> {
        T::members()
    }
}

/// Makes the structure of a table and everything that goes over its keys. A row is as in the table of settings.
macro_rules! entry {
    (
        $(#[doc = $about:literal])+
        $Entry:ident of $keys:ident {
            $( $(#[doc = $help:literal])+ $field:ident: $Type:ty = $built_in:expr, $key:literal as $form:expr; )*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Entry {
            $( $(#[doc = $help])+ pub $field: $Type, )*
        }

        /// The names of its keys.
        pub(super) const $keys: &[&str] = &[$($key,)*];

        impl Default for $Entry {
            fn default() -> Self {
                Self { $( $field: $built_in, )* }
            }
        }

        impl $crate::config::tables::Entry for $Entry {
            fn members() -> Vec<$crate::config::tables::Member> {
                vec![$( $crate::config::tables::Member {
                    name: $key,
                    help: concat!($($help, "\n"),+),
                    wanted: $form.wanted(),
                }, )*]
            }

            fn set(&mut self, name: &str, raw: &Raw, base: &Path) -> Option<Result<(), String>> {
                Some(match name {
                    $( $key => $form.read(raw, base).map(|value| self.$field = value), )*
                    _ => return None,
                })
            }

            fn written(&self) -> Vec<(&'static str, Written)> {
                let built_in = Self::default();
                let mut all = Vec::new();
                $( if self.$field != built_in.$field {
                    all.push(($key, $form.write(&self.$field)));
                } )*
                all
            }

            fn check(&self) -> Result<(), String> {
                self.makes_sense()
            }
        }
    };
}

pub(super) use entry;
