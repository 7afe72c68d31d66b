//! A certificate of the station's own. Boards are told its digest, and trust nothing else.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::beneath::Dir;
use crate::error::{Explain, Kind};
use crate::format::hex;

/// The certificate's file in the station's state directory.
pub const CERT: &str = "tls-cert.pem";
/// The file of its key.
pub const KEY: &str = "tls-key.pem";
/// Names that a certificate may have.
const MOST: usize = 64;

/// A certificate that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its file.
    pub cert: PathBuf,
    /// The file of its key, which only the owner reads.
    pub key: PathBuf,
    /// sha256 of the certificate, 64 hexadecimal digits: what agents pin.
    pub sha256: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is one already.
    #[error("{} is there already", path.display())]
    There {
        /// The file.
        path: PathBuf,
    },
    /// There are no names, too many, or one that is none.
    #[error("a certificate needs 1 to {MOST} host names or IP addresses")]
    Names(#[source] Option<rcgen::Error>),
    /// It can't be made.
    #[error("the certificate can't be made")]
    Make(#[from] rcgen::Error),
    /// A file can't be written.
    #[error("{} can't be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::There { .. } => Kind::CantCreate,
            Self::Names(_) => Kind::Usage,
            Self::Make(_) => Kind::Failed,
            Self::File { source, .. } => Kind::of_io(source),
        }
    }
}

/// Makes a certificate for names and addresses, signed by itself, and puts it into a directory. One that is there
/// already is replaced where `again` says so: agents that pin it then no longer trust the station.
///
/// # Errors
/// See [`Error`].
pub fn make(dir: &Path, names: &[String], again: bool) -> Result<Made, Error> {
    let (cert, key) = (dir.join(CERT), dir.join(KEY));
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source: std::io::Error| Error::File { path, source }
    };
    if names.is_empty() || names.len() > MOST {
        return Err(Error::Names(None));
    }
    let opened = Dir::open(dir).map_err(|errno| file(dir)(errno.into()))?;
    for (name, path) in [(CERT, &cert), (KEY, &key)] {
        if !again && opened.stat(name).map_err(|errno| file(path)(errno.into()))?.is_some() {
            return Err(Error::There { path: path.clone() });
        }
    }
    let pair = rcgen::KeyPair::generate()?;
    let mut params =
        rcgen::CertificateParams::new(names.to_vec()).map_err(|error| Error::Names(Some(error)))?;
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, "piprov station");
    params.distinguished_name = name;
    let made = params.self_signed(&pair)?;
    // The key first: a certificate without its key serves nobody.
    for (name, path, text, mode) in
        [(KEY, &key, pair.serialize_pem(), 0o600), (CERT, &cert, made.pem(), 0o644)]
    {
        opened.replace_file(name, text.as_bytes(), mode).map_err(file(path))?;
    }
    opened.sync().map_err(file(dir))?;
    Ok(Made { cert, key, sha256: hex(&Sha256::digest(made.der())) })
}

/// sha256 of the first certificate in a PEM file, 64 hexadecimal digits.
#[must_use]
pub fn digest(pem: &[u8]) -> Option<String> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    Some(hex(&Sha256::digest(&der)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_for_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["station.local".to_owned(), "10.0.0.1".to_owned(), "fe80::1".to_owned()];
        let made = make(dir.path(), &names, false).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&made.cert), mode(&made.key)), (0o644, 0o600));
        assert_eq!(digest(&std::fs::read(&made.cert).unwrap()), Some(made.sha256.clone()));
        assert_eq!(digest(b"no certificate"), None);
        assert!(matches!(make(dir.path(), &names, false), Err(Error::There { .. })));
        assert_ne!(make(dir.path(), &names, true).unwrap().sha256, made.sha256);
        assert!(matches!(make(dir.path(), &[], true), Err(Error::Names(None))));
        assert!(matches!(make(dir.path(), &["a b\n".to_owned()], true), Ok(_) | Err(Error::Names(_))));
    }
}
