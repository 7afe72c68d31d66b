//! JSON that is safe to look at. JSON itself escapes only what is below 0x20; a terminal obeys more than that, so the
//! other [hidden](super::is_hidden) characters are written as `\u....` too. Readers of JSON see no difference.

#[cfg(feature = "cli")]
mod object;

use std::io::{self, Write};
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

#[cfg(feature = "cli")]
pub(crate) use object::{Field, Lossy, Plain, json};

/// A value on one line.
///
/// # Errors
/// Where the value has no form in JSON.
pub fn line(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    write(value, CompactFormatter)
}

/// A value on indented lines, without a newline at the end.
///
/// # Errors
/// Where the value has no form in JSON.
pub fn pretty(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    write(value, PrettyFormatter::new())
}

fn write(value: &(impl Serialize + ?Sized), layout: impl Formatter) -> serde_json::Result<String> {
    let mut out = Vec::with_capacity(128);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Careful(layout)))?;
    // serde_json writes UTF-8, and the escapes are ASCII.
    String::from_utf8(out).map_err(serde::ser::Error::custom)
}

/// A path in JSON. Its name need not be UTF-8, and a string of JSON has to be: other bytes become U+FFFD. For serde's
/// `serialize_with`.
///
/// # Errors
/// Those of the serializer.
pub fn path<S: Serializer>(path: impl AsRef<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.as_ref().display())
}

/// Several [paths](path).
///
/// # Errors
/// Those of the serializer.
pub fn paths<'a, S, P>(paths: impl IntoIterator<Item = &'a P>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    P: AsRef<Path> + 'a,
{
    serializer.collect_seq(paths.into_iter().map(|path| path.as_ref().to_string_lossy()))
}

/// A layout whose strings hold no hidden character.
struct Careful<F>(F);

/// Methods that are those of the layout inside.
macro_rules! as_inside {
    ($($name:ident($($argument:ident: $kind:ty),*);)+) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        })+
    };
}

impl<F: Formatter> Formatter for Careful<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(super::is_hidden) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            if let Some(char) = chars.next() {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    as_inside! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_reads_back() {
        let text = "a\u{1b}\n\u{7f}\u{9b}\u{202e}\u{e0041}ü";
        assert_eq!(line(text).unwrap(), "\"a\\u001b\\n\\u007f\\u009b\\u202e\\udb40\\udc41ü\"");
        assert_eq!(pretty(&[(1, "\u{9b}")]).unwrap(), "[\n  [\n    1,\n    \"\\u009b\"\n  ]\n]");
        let key = serde_json::json!({ "\u{9b}": null });
        assert_eq!(line(&key).unwrap(), "{\"\\u009b\":null}");
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_path_need_not_be_utf8() {
        let odd: &Path = std::ffi::OsStr::from_bytes(b"a\xff").as_ref();
        let object =
            json!({ "path": odd, "owned": odd.to_owned(), "text": "b", "number": 1, "none": None::<u8> });
        let want = serde_json::json!({
            "path": "a\u{fffd}", "owned": "a\u{fffd}", "text": "b", "number": 1, "none": null,
        });
        assert_eq!(object, want);
        assert!(json!(vec![odd]).as_str().unwrap().starts_with("not told: "));
        assert_eq!(json!([1]), serde_json::json!([1]));
        #[derive(Serialize)]
        struct Both<'a> {
            #[serde(serialize_with = "path")]
            one: &'a Path,
            #[serde(serialize_with = "paths")]
            all: Vec<&'a Path>,
        }
        let both = line(&Both { one: odd, all: vec![odd] }).unwrap();
        assert_eq!(both, "{\"one\":\"a\u{fffd}\",\"all\":[\"a\u{fffd}\"]}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_hidden_is_left(text: String, key: String) {
            let value = serde_json::json!({ key: [text] });
            let line = line(&value).unwrap();
            proptest::prop_assert!(!line.contains(super::super::is_hidden));
            proptest::prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&line).unwrap(), &value);
            let pretty = pretty(&value).unwrap();
            proptest::prop_assert!(!pretty.contains(|char| char != '\n' && super::super::is_hidden(char)));
            proptest::prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&pretty).unwrap(), &value);
        }
    }
}
