//! What a form tells, and what stands behind `?`. Pure.

use std::str::FromStr;

use jiff::civil::Date;

use crate::station::web::Refusal;

/// Fields that one form may have.
const MOST: usize = 3000;

/// The fields of a form, in their order; one name may stand there more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::station) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `a=1&b=2`.
    pub(in crate::station) fn read(text: &[u8]) -> Result<Self, Refusal> {
        let fields: Vec<_> = form_urlencoded::parse(text).into_owned().take(MOST + 1).collect();
        Self::of(fields)
    }

    /// These fields.
    pub(in crate::station) fn of(fields: Vec<(String, String)>) -> Result<Self, Refusal> {
        if fields.len() > MOST {
            return Err(Refusal::meaningless(format!("a form has {MOST} fields at most")));
        }
        if fields.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(Refusal::meaningless("a field has a NUL in it"));
        }
        Ok(Self(fields))
    }

    /// The first field of this name, without space around it; empty where there is none.
    pub(in crate::station) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The same as it came: a password may begin with a space.
    pub(in crate::station) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All fields of this name.
    pub(in crate::station) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// Whether there is a field of this name, though it may be empty.
    pub(in crate::station) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Whether a box is ticked.
    pub(in crate::station) fn is_on(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The field as something else; `None` where it is empty.
    pub(in crate::station) fn maybe<T: Field>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|_| Refusal::meaningless(format!("`{name}` is to be {}, and is `{text}`", T::wanted())))
    }

    /// The field as a word of an enum, as JSON has it; `None` where it is empty.
    pub(in crate::station) fn word<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Refusal> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let word = serde_json::from_value(serde_json::Value::String(text.to_owned()));
        word.map(Some).map_err(|_| Refusal::meaningless(format!("`{name}`: there is no `{text}`")))
    }
}

/// What a field may hold beside text, with words of our own for it: a library's name its types.
pub(in crate::station) trait Field: FromStr {
    /// As it stands behind "is to be".
    fn wanted() -> String;
}

impl Field for u32 {
    fn wanted() -> String {
        format!("a whole number from 0 to {}", Self::MAX)
    }
}

impl Field for u64 {
    fn wanted() -> String {
        "a whole number".to_owned()
    }
}

impl Field for Date {
    fn wanted() -> String {
        "a day such as 2026-11-28".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let form = Form::read(b"board=a&board=b&name=+x%20%C3%A9+&on=1&empty=&pass=+a").unwrap();
        assert_eq!(form.all("board").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(form.text("name"), "x é");
        assert_eq!(form.raw("pass"), " a");
        assert!(form.is_on("on") && !form.is_on("empty") && !form.is_on("other"));
        assert_eq!(form.maybe::<u32>("on").unwrap(), Some(1));
        assert_eq!(form.maybe::<u32>("empty").unwrap(), None);
        let said = |refusal: Refusal| refusal.detail();
        let number = said(form.maybe::<u32>("name").unwrap_err());
        assert_eq!(number, "`name` is to be a whole number from 0 to 4294967295, and is `x é`");
        let day = said(form.maybe::<Date>("board").unwrap_err());
        assert_eq!(day, "`board` is to be a day such as 2026-11-28, and is `a`");
    }

    #[test]
    fn a_form_is_bounded_and_has_no_nul() {
        assert!(Form::read(b"a=%00").is_err());
        assert!(Form::read("a=1&".repeat(3001).as_bytes()).is_err());
        assert!(Form::read("a=1&".repeat(3000).as_bytes()).is_ok());
    }
}
