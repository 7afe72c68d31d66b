//! The udev rules, and the units that belong to them.

use std::path::{Path, PathBuf};

/// The name of the file with the rules. Behind 50-udev-default, which names devices, and before 73-seat-late, which
/// acts on the tag that it gives.
pub const FILE: &str = "60-piprov.rules";

/// The systemd units, by name, with the paths that a package has.
pub const UNITS: [(&str, &str); 3] = [
    ("piprov-usb.path", include_str!("../../systemd/piprov-usb.path")),
    ("piprov-usb.service", include_str!("../../systemd/piprov-usb.service")),
    ("piprov-clnlive.service", include_str!("../../systemd/piprov-clnlive.service")),
];

/// What the rules depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The helper: an absolute path, or a name that udev looks for in its own directory.
    pub helper: PathBuf,
    /// Vendor and product id of the first stage's gadget.
    pub gadget: (u16, u16),
    /// The group whose members may use boot ROMs; `None` where only the user at the machine's console may.
    pub group: Option<String>,
    /// The runtime directory.
    pub runtime: PathBuf,
    /// The configuration file that stands in for the usual ones, for the helper and the units too; an absolute path of
    /// [`plain`] characters.
    pub config: Option<PathBuf>,
}

impl Default for Rules {
    /// What a package has.
    fn default() -> Self {
        Self {
            helper: PathBuf::from("piprov-udev"),
            gadget: (0xf055, 0xb007),
            group: Some("plugdev".to_owned()),
            runtime: PathBuf::from("/run/piprov"),
            config: None,
        }
    }
}

/// Whether a path can stand in rules and units as it is: neither has a quotation that serves for every character.
#[must_use]
pub fn plain(path: &Path) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@:,=".contains(byte);
    path.is_absolute() && path.as_os_str().as_encoded_bytes().iter().all(plain)
}

impl Rules {
    /// The rules, as udev(7) wants them.
    #[must_use]
    pub fn text(&self) -> String {
        let group = self
            .group
            .as_ref()
            .map(|group| format!(", MODE=\"0660\", GROUP=\"{group}\""))
            .unwrap_or_default();
        let helper = self.helper.display();
        let ports = self.runtime.join("ports");
        let ports = ports.display();
        let config = self
            .config
            .as_ref()
            .map(|config| format!(", ENV{{PIPROV_CONFIG}}=\"{}\"", config.display()))
            .unwrap_or_default();
        let (vendor, product) = self.gadget;
        format!(
            r#"# Raspberry Pis that boot over USB. Made by `piprov udev print`.

# Boot ROMs and second stages, and what boards may show after that: mass storage, fastboot.
ACTION!="remove", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="0a5c", ATTR{{idProduct}}=="2763|2764|2711|2712|0001|0104", TAG+="uaccess"{group}
ACTION!="remove", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="18d1", ATTR{{idProduct}}=="4e40", TAG+="uaccess"{group}

# What some boot ROMs show beside the interface for boot files: a disk without a medium. A driver that asks it for one can
# keep the ROM from taking its bootcode.
ACTION=="add", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_interface", ATTR{{bInterfaceClass}}=="08", ATTRS{{idVendor}}=="0a5c", ATTRS{{idProduct}}=="2763|2764|2711|2712", ATTR{{authorized}}="0"

# The first stage's serial port: the board is there and tells its serial number. It is no modem.
ACTION=="add", SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vendor:04x}", ATTRS{{idProduct}}=="{product:04x}", ENV{{ID_MM_DEVICE_IGNORE}}="1"{config}, RUN+="{helper}"
ACTION!="remove", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor:04x}", ATTR{{idProduct}}=="{product:04x}", TAG+="uaccess", ENV{{ID_MM_DEVICE_IGNORE}}="1"{group}

# This host's end of the USB cable of a board that is deployed over it. piprov bootd gives it its address, and nobody else.
ACTION!="remove", SUBSYSTEM=="net", ATTR{{address}}=="d6:*", ATTRS{{product}}=="piprov gadget", ENV{{NM_UNMANAGED}}="1", ENV{{ID_NET_MANAGED_BY}}="piprov"

# A boot begins, and whatever comes and leaves at a port while its board boots: the port's overlay ends with it.
ACTION=="add", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="0a5c", ATTR{{idProduct}}=="2763|2764|2711|2712"{config}, RUN+="{helper}"
ACTION=="add|remove", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", TEST=="{ports}/%k"{config}, RUN+="{helper}"
"#
        )
    }
}

/// A unit with the paths of this installation.
#[must_use]
pub fn unit(text: &str, program: &Path, runtime: &Path, config: Option<&Path>) -> String {
    let text = text
        .replace("/usr/bin/piprov", &program.display().to_string())
        .replace("/run/piprov", &runtime.display().to_string());
    match config {
        Some(config) => text
            .replace("[Service]\n", &format!("[Service]\nEnvironment=PIPROV_CONFIG={}\n", config.display())),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_rules_are_those_of_print() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/udev/60-piprov.rules");
        let text = Rules::default().text();
        if std::env::var_os("PIPROV_WRITE").is_some() {
            std::fs::write(file, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(file).is_ok_and(|committed| committed == text),
            "udev/60-piprov.rules is stale: PIPROV_WRITE=1 cargo test --lib live::rules"
        );
    }

    #[test]
    fn what_is_configured_is_in_the_rules() {
        let rules = Rules {
            helper: "/opt/piprov-udev".into(),
            gadget: (0x1d6b, 0x104),
            group: None,
            runtime: "/run/x".into(),
            config: Some("/srv/piprov.toml".into()),
        };
        let text = rules.text();
        assert_eq!(text.matches("ENV{PIPROV_CONFIG}=\"/srv/piprov.toml\", RUN+=").count(), 3, "{text}");
        assert!(text.contains("RUN+=\"/opt/piprov-udev\"") && !text.contains("GROUP"), "{text}");
        assert!(text.contains("ATTRS{idVendor}==\"1d6b\", ATTRS{idProduct}==\"0104\""), "{text}");
        assert!(text.contains("TEST==\"/run/x/ports/%k\"") && !text.contains("f055"), "{text}");
    }

    #[test]
    fn units_are_moved_to_where_the_program_is() {
        let [path, service, clean] =
            UNITS.map(|(_, text)| unit(text, Path::new("/usr/local/bin/piprov"), Path::new("/run/x"), None));
        assert!(path.contains("DirectoryNotEmpty=/run/x/due"));
        assert!(service.contains("ExecStart=/usr/local/bin/piprov --quiet udev finish"));
        assert!(clean.contains("ExecStart=/usr/local/bin/piprov --quiet clnlive"));
        for (name, text) in UNITS {
            let text =
                unit(text, Path::new("/usr/bin/piprov"), Path::new("/run/x"), Some(Path::new("/a.toml")));
            let has = text.contains("[Service]\nEnvironment=PIPROV_CONFIG=/a.toml\n");
            assert_eq!(has, name.ends_with(".service"), "{text}");
        }
    }

    #[test]
    fn a_path_that_means_more_than_itself_stands_in_no_rule() {
        for (path, good) in
            [("/srv/a.toml", true), ("a.toml", false), ("/a b", false), ("/a%b", false), ("/a\"", false)]
        {
            assert_eq!(plain(Path::new(path)), good, "{path}");
        }
    }
}
