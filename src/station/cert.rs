//! A certificate of the station's own. Boards are told its digest, and trust nothing else.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::beneath::{Access, Dir};
use crate::error::{Explain, Kind};
use crate::format::hex;
use crate::station_api::Time;

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
    Names,
    /// One is neither a host name nor an IP address.
    #[error("`{}` is no host name and no IP address", .0.escape_debug())]
    Name(String),
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
            Self::Names | Self::Name(_) => Kind::Usage,
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
        return Err(Error::Names);
    }
    if let Some(name) =
        names.iter().find(|name| rustls::pki_types::ServerName::try_from(name.as_str()).is_err())
    {
        return Err(Error::Name(name.clone()));
    }
    let opened = Dir::open(dir).map_err(|errno| file(dir)(errno.into()))?;
    for (name, path) in [(CERT, &cert), (KEY, &key)] {
        if !again && opened.stat(name).map_err(|errno| file(path)(errno.into()))?.is_some() {
            return Err(Error::There { path: path.clone() });
        }
    }
    let pair = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(names.to_vec())?;
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, "piprov station");
    params.distinguished_name = name;
    let made = params.self_signed(&pair)?;
    // The key first: a certificate without its key serves nobody.
    for (name, path, text, mode) in
        [(KEY, &key, pair.serialize_pem(), 0o600), (CERT, &cert, made.pem(), 0o644)]
    {
        opened.replace_file(name, text.as_bytes(), Access::OfDirectory(mode)).map_err(file(path))?;
    }
    opened.sync().map_err(file(dir))?;
    Ok(Made { cert, key, sha256: hex(&Sha256::digest(made.der())) })
}

/// The names and addresses of the first certificate in a PEM file: its subjectAltName (RFC 5280, 4.2.1.6). None where it
/// can't be read: whether a certificate is good is for others to say.
#[must_use]
pub fn names(pem: &[u8]) -> Vec<String> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let Some(Ok(der)) = CertificateDer::pem_slice_iter(pem).next() else { return Vec::new() };
    names_of(&der).unwrap_or_default()
}

fn names_of(der: &[u8]) -> Option<Vec<String>> {
    // Certificate, in it tbsCertificate, in it extensions, under [3].
    let (_, certificate, _) = element(der)?;
    let (_, mut body, _) = element(certificate)?;
    let mut names = Vec::new();
    while let Some((tag, value, rest)) = element(body) {
        body = rest;
        if tag != 0xa3 {
            continue;
        }
        let (_, mut extensions, _) = element(value)?;
        while let Some((_, extension, rest)) = element(extensions) {
            extensions = rest;
            let (_, id, mut value) = element(extension)?;
            // id-ce-subjectAltName, 2.5.29.17.
            if id != [0x55, 0x1d, 0x11] {
                continue;
            }
            while let Some((tag, bytes, rest)) = element(value) {
                value = rest;
                // Behind `critical`, where that stands.
                if tag == 0x04 {
                    let (_, mut all, _) = element(bytes)?;
                    while let Some((tag, name, rest)) = element(all) {
                        all = rest;
                        names.extend(general_name(tag, name));
                    }
                }
            }
        }
    }
    names.truncate(MOST);
    Some(names)
}

/// From when on the first certificate in a PEM file isn't good any more: its notAfter (RFC 5280, 4.1.2.5). `None` where it
/// can't be read.
#[must_use]
pub fn ends(pem: &[u8]) -> Option<Time> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    let (_, certificate, _) = element(&der)?;
    let (_, mut body, _) = element(certificate)?;
    // The third sequence of tbsCertificate, behind the signature's algorithm and the issuer.
    let mut sequences = 0;
    loop {
        let (tag, value, rest) = element(body)?;
        body = rest;
        sequences += i32::from(tag == 0x30);
        if sequences == 3 {
            let (_, _, after) = element(value)?;
            let (tag, text, _) = element(after)?;
            return time(tag, std::str::from_utf8(text).ok()?);
        }
    }
}

/// UTCTime has two digits of the year, of 1950 to 2049; GeneralizedTime has four. Both end with seconds and `Z`.
fn time(tag: u8, text: &str) -> Option<Time> {
    let text = match tag {
        0x17 => format!("{}{text}", if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// A dNSName or an iPAddress.
fn general_name(tag: u8, bytes: &[u8]) -> Option<String> {
    use std::net::IpAddr;
    match tag {
        0x82 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        0x87 => match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|ip| IpAddr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(bytes).ok().map(|ip| IpAddr::from(ip).to_string()),
        },
        _ => None,
    }
}

/// The first DER element: its tag, what is in it, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (len.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((tag, value, rest))
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
        // The service, which runs as another user, has to read what root has made.
        std::os::unix::fs::chown(dir.path(), Some(4711), Some(4712)).unwrap();
        let again = make(dir.path(), &names, true).unwrap();
        for path in [&again.cert, &again.key] {
            assert_eq!(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).unwrap()), 4711);
        }
        let made = again;
        assert_eq!(digest(&std::fs::read(&made.cert).unwrap()), Some(made.sha256.clone()));
        assert_eq!(digest(b"no certificate"), None);
        let pem = std::fs::read(&made.cert).unwrap();
        assert_eq!(super::names(&pem), names);
        assert!(super::names(b"no certificate").is_empty());
        for end in 0..pem.len() {
            let _ = names_of(&pem[..end]);
            let _ = ends(&pem[..end]);
        }
        // What rcgen makes doesn't end before the year 4096.
        assert_eq!(ends(&pem), time(0x18, "40960101000000Z"));
        assert_eq!(time(0x17, "700101000001Z"), Some(1000));
        assert_eq!(time(0x17, "491231235959Z"), time(0x18, "20491231235959Z"));
        assert_eq!([time(0x17, "7"), time(0x18, "20490230000000Z"), time(0x30, "")], [None; 3]);
        assert!(matches!(make(dir.path(), &names, false), Err(Error::There { .. })));
        assert_ne!(make(dir.path(), &names, true).unwrap().sha256, made.sha256);
        assert!(matches!(make(dir.path(), &[], true), Err(Error::Names)));
        let long = format!("{}.local", "a".repeat(64));
        for bad in [
            "",
            "a b",
            "a\nb",
            "http://x",
            "x:80",
            "[::1]",
            "fe80::1%eth0",
            "x..y",
            "-x.y",
            "ä.de",
            long.as_str(),
        ] {
            assert!(matches!(make(dir.path(), &[bad.to_owned()], true), Err(Error::Name(_))), "{bad:?}");
        }
    }
}
