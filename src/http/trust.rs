//! Which servers are believed.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::error::Error;

/// Which servers are believed, where TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those with a certificate of an authority that this system trusts.
    System,
    /// Those with a certificate that one of the certificates in this file (PEM) stands behind.
    File(PathBuf),
    /// The one with this certificate, whatever name it bears, however old it is, and whoever signed it.
    Pinned(Pin),
}

/// sha256 of a server's certificate in DER: 64 hexadecimal digits, perhaps with colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin(pub [u8; 32]);

impl Pin {
    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Pin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "64 hexadecimal digits are needed";
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(WHY);
        }
        let mut out = [0; 32];
        for (out, pair) in out.iter_mut().zip(pairs) {
            let digit = |digit: u8| {
                char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(WHY)
            };
            *out = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(out))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Where distributions keep the certificates of the authorities that they trust: Debian, Fedora, Alpine.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// A file of certificates is no larger.
const LARGEST: u64 = 8 << 20;

/// How TLS is spoken.
pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Trust { what: "TLS".to_owned(), why: error.to_string() })?;
    let config = match trust {
        Trust::Pinned(pin) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { pin: *pin, provider }))
            .with_no_client_auth(),
        Trust::File(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
        Trust::System => {
            let path =
                SYSTEM.iter().map(Path::new).find(|path| path.exists()).unwrap_or(Path::new(SYSTEM[0]));
            builder.with_root_certificates(roots(path)?).with_no_client_auth()
        }
    };
    Ok(Arc::new(config))
}

fn roots(path: &Path) -> Result<RootCertStore, Error> {
    let bad = |why: String| Error::Trust { what: path.display().to_string(), why };
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut text))
        .map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    // One that isn't understood does no harm: it stands behind nothing.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok));
    if roots.is_empty() {
        return Err(bad("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

/// Believes one certificate. That the server has its key is proved by the handshake, as ever.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

/// The certificate was another one.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is {got}, and {wanted} is expected")]
pub(super) struct OtherCertificate {
    pub(super) wanted: Pin,
    pub(super) got: Pin,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let got = Pin::of(end_entity);
        if got == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let error = OtherCertificate { wanted: self.pin, got };
        Err(rustls::Error::Other(rustls::OtherError(Arc::new(error))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_written_and_as_openssl_writes_it() {
        let pin = Pin::of(b"");
        assert_eq!(pin.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(pin.to_string().parse(), Ok(pin));
        let colons = pin.0.map(|byte| format!("{byte:02X}")).join(":");
        assert_eq!(colons.parse(), Ok(pin));
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_none_to_believe_by() {
        assert!(matches!(config(&Trust::File("/dev/null".into())), Err(Error::Trust { .. })));
        assert!(matches!(config(&Trust::File("/no/such".into())), Err(Error::Trust { .. })));
    }
}
