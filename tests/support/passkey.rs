//! A passkey without a browser: it makes a key, and signs what it is told to, right or wrong.

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

use crate::station::{Answer, Station, hex, request};

/// Bits of what it says.
pub(crate) const PRESENT: u8 = 1;
pub(crate) const VERIFIED: u8 = 4;

/// A passkey.
pub(crate) struct Passkey {
    pair: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    /// The name that it signs for.
    pub(crate) host: String,
    /// What its browser calls the page.
    pub(crate) origin: String,
    pub(crate) counter: u32,
    pub(crate) flags: u8,
    /// What it calls its user.
    pub(crate) user: String,
}

/// Fields of a form.
pub(crate) type Fields = Vec<(&'static str, String)>;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |six: &[u8]| {
        let number = (0..6).fold(0, |all, bit| all << 1 | usize::from(six.get(bit).copied().unwrap_or(0)));
        char::from(DIGITS[number])
    };
    bits.chunks(6).map(digit).collect()
}

impl Passkey {
    /// One that belongs to this host at this port, and has asked for a PIN.
    pub(crate) fn new(station: &Station, id: u8) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let origin = format!("http://localhost:{}", station.address.port());
        let (host, flags) = ("localhost".to_owned(), PRESENT | VERIFIED);
        Self { pair, id: vec![id; 32], host, origin, counter: 0, flags, user: String::new() }
    }

    fn client(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let challenge = base64url(&unhex(challenge));
        let said = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        said.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.host.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn fields(&self, challenge: &str, client: &[u8], data: &[u8], signature: &[u8]) -> Fields {
        vec![
            ("challenge", challenge.to_owned()),
            ("client", hex(client)),
            ("data", hex(data)),
            ("signature", hex(signature)),
            ("id", hex(&self.id)),
            ("user", self.user.clone()),
        ]
    }

    /// What the form gets when it is made.
    pub(crate) fn make(&self, challenge: &str) -> Fields {
        let mut data = self.data(self.flags | 0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        let point = self.pair.public_key().as_ref();
        data.extend(unhex("a5010203262001215820"));
        data.extend(&point[1..33]);
        data.extend(unhex("225820"));
        data.extend(&point[33..]);
        let mut attestation = unhex("a363666d74646e6f6e656761747453746d74a0686175746844617461");
        attestation.extend([0x58, u8::try_from(data.len()).unwrap()]);
        attestation.extend(data);
        self.fields(challenge, &self.client("webauthn.create", challenge), &attestation, &[])
    }

    /// What the form gets when it is shown. It counts each time, where it counts.
    pub(crate) fn show(&mut self, challenge: &str) -> Fields {
        if self.counter > 0 {
            self.counter += 1;
        }
        let (client, data) = (self.client("webauthn.get", challenge), self.data(self.flags));
        let signed = [&data[..], digest(&SHA256, &client).as_ref()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        self.fields(challenge, &client, &data, signature.as_ref())
    }
}

/// A browser that calls the station `localhost`.
pub(crate) struct Window<'a> {
    pub(crate) station: &'a Station,
    pub(crate) cookie: String,
    /// The last page that it got.
    pub(crate) page: String,
    pub(crate) host: String,
}

impl<'a> Window<'a> {
    pub(crate) fn new(station: &'a Station) -> Self {
        let host = format!("localhost:{}", station.address.port());
        Self { station, cookie: String::new(), page: String::new(), host }
    }

    /// The first user, `ada`, signed in.
    pub(crate) fn first(station: &'a Station, password: &str) -> Self {
        let mut window = Self::new(station);
        let welcome = station.welcome.clone().unwrap();
        let path = &welcome[welcome.find("/welcome").unwrap()..];
        let fields = vec![("name", "ada".into()), ("password", password.into()), ("again", password.into())];
        assert_eq!(window.post(path, fields).status, 303, "{}", window.page);
        window
    }

    /// Signs in as far as the password goes.
    pub(crate) fn with_password(station: &'a Station, name: &str, password: &str) -> (Self, u16) {
        let mut window = Self::new(station);
        let fields = vec![("name", name.into()), ("password", password.into())];
        let status = window.post("/login", fields).status;
        (window, status)
    }

    fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mut headers =
            vec![("host", self.host.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let cookie = format!("piprov={}", self.cookie);
        if !self.cookie.is_empty() {
            headers.push(("cookie", &cookie));
        }
        let answer = self.station.raw(&request(method, path, None, body.map(str::as_bytes), &headers));
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(['=', ';']).nth(1).unwrap().to_owned();
        }
        self.page = String::from_utf8_lossy(&answer.body).into_owned();
        answer
    }

    pub(crate) fn get(&mut self, path: &str) -> &str {
        let answer = self.send("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {}", self.page);
        &self.page
    }

    /// What stands behind a text, up to the next quote.
    pub(crate) fn after(&self, before: &str) -> String {
        let rest = self.page.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.page)).1;
        rest.split('"').next().unwrap().to_owned()
    }

    /// The question to a passkey on the page.
    pub(crate) fn challenge(&self) -> String {
        self.after("data-challenge=\"")
    }

    /// A form, with the proof of the page before.
    pub(crate) fn post(&mut self, path: &str, mut fields: Fields) -> Answer {
        if self.page.contains("name=\"proof\"") {
            fields.push(("proof", self.after("name=\"proof\" value=\"")));
        }
        let escape = |text: &str| -> String {
            let plain = |byte: u8| byte.is_ascii_alphanumeric();
            text.bytes()
                .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
                .collect()
        };
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        self.send("POST", path, Some(&pairs.join("&")))
    }

    /// Adds a passkey to the account of who is signed in.
    pub(crate) fn add(&mut self, passkey: &mut Passkey, name: &str, password: &str) -> Answer {
        self.get("/account/passkeys/add");
        passkey.user = self.after("data-user=\"");
        let mut fields = passkey.make(&self.challenge());
        fields.extend([("name", name.to_owned()), ("password", password.to_owned())]);
        self.post("/account/passkeys/add", fields)
    }

    /// Signs in by a passkey alone.
    pub(crate) fn sign_in(&mut self, passkey: &mut Passkey) -> u16 {
        self.get("/login");
        let fields = passkey.show(&self.challenge());
        self.post("/login/passkey", fields).status
    }
}
