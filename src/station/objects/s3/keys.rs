//! By what a bucket is spoken to: key, region and server, from the environment or from a file. Nothing is asked of the host
//! or of its network: who means to give a key gives one.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::beneath;
use crate::error::{Action, Explain, Kind, Remedy, remedy};
use crate::http::Origin;

/// What is longer is another file.
const LONGEST: u64 = 64 << 10;
/// Most characters of a key, of its secret, and of a session's token, which may be long.
const LONGEST_KEY: usize = 128;
const LONGEST_TOKEN: usize = 8 << 10;
/// Where no region is said.
const REGION: &str = "us-east-1";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither the environment nor a file has any.
    #[error("there are none")]
    None,
    /// One of the two is missing.
    #[error("{there} is there, and {missing} is not")]
    Half {
        /// What is there.
        there: &'static str,
        /// What isn't.
        missing: &'static str,
    },
    /// Others can read the file.
    #[error("{}: others may read it (mode {mode:04o}), so it is no secret", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file can't be read.
    #[error("reading {}", path.display())]
    Os {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file isn't as it is written.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong. The line itself may have a secret.
        why: &'static str,
    },
    /// A value makes no sense. It isn't told: it may be a secret.
    #[error("{name}: {why}")]
    Value {
        /// Which one.
        name: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

impl Explain for KeyError {
    fn kind(&self) -> Kind {
        Kind::Config
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::Open { path, .. } => remedy![
                "If nobody has read it, ",
                Action::host("chmod o=,g-w").arg(path.display()),
                "; otherwise make a new key."
            ],
            Self::None | Self::Half { .. } => remedy![
                "Give the station both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file that has them in the \
                 setting `station.objects-credentials`."
            ],
            Self::Line { .. } => {
                "It is to have a line `[default]`, and below that `aws_access_key_id = …` and `aws_secret_access_key = …`."
                    .into()
            }
            Self::Os { .. } | Self::Value { .. } => return None,
        })
    }
}

/// By what a bucket is spoken to.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
    /// Of a session that ends.
    pub(super) token: Option<String>,
    pub(super) region: String,
    /// The server; `None`: Amazon's in that region.
    pub(super) endpoint: Option<Origin>,
    /// A file with the certificates that the server's is checked by; `None`: those that this system trusts.
    pub(super) bundle: Option<PathBuf>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Keys")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What each is called in a file, and in the environment: the first one that is there counts.
const ID: (&str, &[&str]) = ("aws_access_key_id", &["AWS_ACCESS_KEY_ID"]);
const SECRET: (&str, &[&str]) = ("aws_secret_access_key", &["AWS_SECRET_ACCESS_KEY"]);
const TOKEN: (&str, &[&str]) = ("aws_session_token", &["AWS_SESSION_TOKEN"]);
const AT: (&str, &[&str]) = ("region", &["AWS_REGION", "AWS_DEFAULT_REGION"]);
const ENDPOINT: (&str, &[&str]) = ("endpoint_url", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
const BUNDLE: (&str, &[&str]) = ("ca_bundle", &["AWS_CA_BUNDLE"]);
/// What is no secret may stand in the environment beside a file.
const BESIDE: [&str; 3] = [AT.0, ENDPOINT.0, BUNDLE.0];

impl Keys {
    /// Those of a file where one is named, else those of the environment. Region and server may stand in the environment
    /// beside a file that doesn't say them.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub(super) fn get(file: Option<&Path>) -> Result<Self, KeyError> {
        let environment = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok());
        match file {
            None => Self::of(|(_, names)| environment(names).filter(|value| !value.is_empty())),
            Some(path) => {
                let told = read(path)?;
                Self::of(|(key, names)| {
                    let beside =
                        || environment(names).filter(|value| BESIDE.contains(&key) && !value.is_empty());
                    told.get(key).cloned().or_else(beside)
                })
            }
        }
    }

    fn of(get: impl Fn((&'static str, &'static [&'static str])) -> Option<String>) -> Result<Self, KeyError> {
        let (id, secret) = match (get(ID), get(SECRET)) {
            (Some(id), Some(secret)) => (id, secret),
            (None, None) => return Err(KeyError::None),
            (Some(_), None) => return Err(KeyError::Half { there: ID.0, missing: SECRET.0 }),
            (None, Some(_)) => return Err(KeyError::Half { there: SECRET.0, missing: ID.0 }),
        };
        let seen =
            |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
        let wrong =
            |name| KeyError::Value { name, why: "it has only letters, digits and signs that can be seen" };
        if !seen(&id, LONGEST_KEY) || id.contains(['/', ',', '=']) {
            return Err(wrong(ID.0));
        }
        if !seen(&secret, LONGEST_KEY) {
            return Err(wrong(SECRET.0));
        }
        let token = get(TOKEN);
        if token.as_ref().is_some_and(|token| !seen(token, LONGEST_TOKEN)) {
            return Err(wrong(TOKEN.0));
        }
        let region = get(AT).unwrap_or_else(|| REGION.to_owned());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&region.len()) || !region.bytes().all(plain) {
            return Err(KeyError::Value { name: AT.0, why: "it has only a-z, 0-9 and hyphens" });
        }
        let server = |text: String| match text.parse() {
            Ok(origin @ Origin::Tcp { .. }) => Ok(origin),
            _ => Err(KeyError::Value {
                name: ENDPOINT.0,
                why: "it is https://HOST[:PORT] or http://HOST[:PORT]",
            }),
        };
        let endpoint = get(ENDPOINT).map(server).transpose()?;
        let bundle = get(BUNDLE).map(PathBuf::from);
        if bundle.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(KeyError::Value { name: BUNDLE.0, why: "it is a whole path, from / on" });
        }
        Ok(Self { id, secret, token, region, endpoint, bundle })
    }
}

/// What a file of keys says below `[default]`.
fn read(path: &Path) -> Result<BTreeMap<String, String>, KeyError> {
    let os = |source| KeyError::Os { path: path.to_owned(), source };
    let file = beneath::open_regular(path).map_err(os)?;
    // The file that was opened is asked, not its name.
    let mode = file.metadata().map_err(os)?.permissions().mode() & 0o7777;
    if mode & 0o027 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    let bytes = beneath::read_bounded(&file, LONGEST).map_err(os)?;
    let line = |line, why| KeyError::Line { path: path.to_owned(), line, why };
    let text = String::from_utf8(bytes).map_err(|_| line(1, "it is no text"))?;
    parse(&text).map_err(|(at, why)| line(at, why))
}

/// Reads a file of keys. What is wrong is told by its line, from 1, without what stands there.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    let (mut told, mut part) = (BTreeMap::new(), None);
    for (at, line) in text.lines().enumerate() {
        let (at, line) = (at + 1, line.trim());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            part = Some(name.strip_suffix(']').ok_or((at, "a `]` is missing"))?.trim());
            continue;
        }
        let (key, value) = line.split_once('=').ok_or((at, "it is to be `key = value`"))?;
        match part {
            None => return Err((at, "it stands before `[default]`")),
            Some("default") => {
                if told.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned()).is_some() {
                    return Err((at, "it stands there twice"));
                }
            }
            Some(_) => {}
        }
    }
    told.retain(|_, value| !value.is_empty());
    Ok(told)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Keys, KeyError> {
        Keys::of(|(key, _)| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()))
    }

    const BOTH: [(&str, &str); 2] = [("aws_access_key_id", "AKIA1"), ("aws_secret_access_key", "geheim/+=")];

    #[test]
    fn keys_come_in_pairs_and_with_a_region() {
        let keys = of(&BOTH).unwrap();
        assert_eq!(
            (keys.id.as_str(), keys.secret.as_str(), keys.region.as_str()),
            ("AKIA1", "geheim/+=", REGION)
        );
        assert!(keys.token.is_none() && keys.endpoint.is_none());
        assert!(!format!("{keys:?}").contains("geheim"), "{keys:?}");
        assert!(matches!(of(&[]), Err(KeyError::None)));
        assert!(matches!(of(&BOTH[..1]), Err(KeyError::Half { missing: "aws_secret_access_key", .. })));
        assert!(matches!(of(&BOTH[1..]), Err(KeyError::Half { missing: "aws_access_key_id", .. })));
        let with = |name, value| of(&[BOTH[0], BOTH[1], (name, value)]);
        assert_eq!(with("region", "eu-west-3").unwrap().region, "eu-west-3");
        let at = with("endpoint_url", "http://10.0.0.5:8333").unwrap().endpoint.unwrap();
        assert_eq!(at.to_string(), "http://10.0.0.5:8333");
        for (name, value) in [
            ("region", ""),
            ("region", "eu west"),
            ("region", "evil.example/"),
            ("endpoint_url", "http://id:geheim@s3"),
            ("endpoint_url", "http://s3/path"),
            ("endpoint_url", "ftp://s3"),
            ("endpoint_url", "unix:/run/s3"),
            ("aws_session_token", "a\nb"),
            ("ca_bundle", "bundle.pem"),
        ] {
            let error = with(name, value).unwrap_err();
            assert!(matches!(error, KeyError::Value { .. }), "{name} {value}: {error}");
            assert!(!error.to_string().contains("geheim") && error.kind() == Kind::Config);
        }
        assert!(of(&[("aws_access_key_id", "a,b"), BOTH[1]]).is_err());
        assert!(of(&[BOTH[0], ("aws_secret_access_key", "a b")]).is_err());
    }

    #[test]
    fn the_part_default_of_a_file_counts() {
        let told = parse(
            "# keys\n[other]\naws_access_key_id = no\n\n[default]\naws_access_key_id=AKIA1\n AWS_SECRET_ACCESS_KEY = a=b \n\
             ; more\nregion =\n",
        );
        let told = told.unwrap();
        assert_eq!(told.get("aws_access_key_id").map(String::as_str), Some("AKIA1"));
        assert_eq!(told.get("aws_secret_access_key").map(String::as_str), Some("a=b"));
        assert_eq!(told.get("region"), None);
        for (text, line) in [
            ("aws_access_key_id = x", 1),
            ("[default\n", 1),
            ("[default]\n\ngeheim\n", 3),
            ("[default]\na = 1\nA = 2\n", 3),
        ] {
            let (at, why) = parse(text).unwrap_err();
            assert!(at == line && !why.contains("geheim"), "{text}: {at} {why}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        std::fs::write(&path, "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = geheim\n")
            .unwrap();
        for (mode, good) in
            [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o660, false), (0o601, false)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match Keys::get(Some(&path)) {
                Ok(keys) => assert!(good && keys.secret == "geheim", "{mode:o}"),
                Err(error) => assert!(!good && matches!(error, KeyError::Open { .. }), "{mode:o} {error}"),
            }
        }
        assert!(matches!(Keys::get(Some(&dir.path().join("none"))), Err(KeyError::Os { .. })));
        assert!(matches!(Keys::get(Some(dir.path())), Err(KeyError::Os { .. })), "a directory is none");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text: String) {
            let _ = parse(&text);
            let _ = parse(&format!("[default]\n{text}"));
        }
    }
}
