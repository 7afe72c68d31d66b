//! What the kernel's command line tells the agent: `piprov.station=`, `piprov.key=`, `piprov.pin=`.

/// What was told. A word that comes twice counts as it comes last, as for the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// `piprov.station=`: the station's URL.
    pub station: Option<String>,
    /// `piprov.key=`: the station's public key, 64 hexadecimal digits.
    pub key: Option<String>,
    /// `piprov.pin=`: sha256 of its certificate.
    pub pin: Option<String>,
}

impl Told {
    /// Reads a command line. Quotes around a value are left out.
    #[must_use]
    pub fn of(cmdline: &str) -> Self {
        let mut told = Self::default();
        for word in cmdline.split_whitespace() {
            let Some((name, value)) = word.split_once('=') else { continue };
            let place = match name {
                "piprov.station" => &mut told.station,
                "piprov.key" => &mut told.key,
                "piprov.pin" => &mut told.pin,
                _ => continue,
            };
            *place = Some(value.trim_matches('"').to_owned()).filter(|value| !value.is_empty());
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_name_counts() {
        let told = Told::of(
            "quiet piprov.station=http://a root=x piprov.station=\"http://[fe80::1%25eth0]:80\" piprov.key= piprov.pin=00\n",
        );
        assert_eq!(told.station.as_deref(), Some("http://[fe80::1%25eth0]:80"));
        assert_eq!((told.key, told.pin.as_deref()), (None, Some("00")));
        assert_eq!(Told::of(""), Told::default());
    }
}
