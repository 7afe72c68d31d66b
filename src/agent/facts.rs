//! What the board is, from what the kernel tells in /proc and /sys.

use std::path::Path;

use super::disk::{find, text};
use crate::board::{Mac, Serial};
use crate::device_api::{Firmware, MOST_ZONES, Register, Zone};

/// Most interfaces that are told of.
const INTERFACES: usize = 16;
/// Most entries of a directory that are looked at.
const LOOKED_AT: usize = 256;
/// A text that is told has at most so many characters.
const LONGEST: usize = 200;

/// What a board tells of itself, without key and number of this call: `root` is `/`.
#[must_use]
pub fn facts(root: &Path) -> Register {
    let (proc, sys) = (root.join("proc"), root.join("sys"));
    let tree = |file: &str| {
        text(&proc.join("device-tree").join(file))
            .filter(|text| !text.is_empty())
            .map(|text| text.chars().take(LONGEST).collect::<String>())
    };
    let (macs, link_mbps) = network(&sys);
    Register {
        api: crate::device_api::VERSION,
        nonce: String::new(),
        key: String::new(),
        kept: false,
        lasting: false,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        // A PC's stands elsewhere, and often is a word of its maker instead of a number.
        serial: tree("serial-number")
            .or_else(|| text(&sys.join("class/dmi/id/product_serial")))
            .and_then(|text| Serial::of_digits(&text).or_else(|| text.parse().ok())),
        macs,
        model: tree("model").or_else(|| {
            text(&sys.join("class/dmi/id/product_name")).map(|text| text.chars().take(LONGEST).collect())
        }),
        revision: bytes(&proc.join("device-tree/system/linux,revision")).map(u32::from_be_bytes),
        memory: text(&proc.join("meminfo")).and_then(|text| memory(&text)),
        disks: find(&sys),
        temperature: temperature(&sys.join("class/thermal/thermal_zone0")),
        throttled: throttled(&sys),
        zones: zones(&sys),
        duid: tree("chosen/rpi-duid"),
        boot_id: text(&proc.join("sys/kernel/random/boot_id")).map(|text| text.chars().take(64).collect()),
        firmware: Some(Firmware {
            version: tree("chosen/bootloader/version"),
            built: bytes(&proc.join("device-tree/chosen/bootloader/build-timestamp"))
                .map(u32::from_be_bytes)
                .filter(|built| *built > 0),
        })
        .filter(|firmware| *firmware != Firmware::default()),
        link_mbps,
        boot: bytes(&proc.join("device-tree/chosen/bootloader/boot-mode"))
            .map(u32::from_be_bytes)
            .map(|mode| boot_word(mode).to_owned()),
        eeprom: super::eeprom::told(root),
        jumper: super::jumper::told(root),
        simulated: false,
    }
}

/// In degrees Celsius.
fn temperature(zone: &Path) -> Option<f64> {
    let milli: f64 = text(&zone.join("temp"))?.parse().ok()?;
    Some(milli / 1000.0).filter(|degrees| (-100.0..300.0).contains(degrees))
}

/// The thermometers, by name; there may be thousands where something pretends.
fn zones(sys: &Path) -> Vec<Zone> {
    let entries = std::fs::read_dir(sys.join("class/thermal")).into_iter().flatten().flatten();
    let zones = entries.take(LOOKED_AT).map(|entry| entry.path());
    let zone = |dir: std::path::PathBuf| {
        let name = text(&dir.join("type")).filter(|name| !name.is_empty())?;
        Some(Zone { name: name.chars().take(64).collect(), temperature: temperature(&dir)? })
    };
    let mut zones: Vec<Zone> = zones.filter_map(zone).collect();
    zones.sort_by(|one, other| one.name.cmp(&other.name));
    zones.truncate(MOST_ZONES);
    zones
}

/// The firmware's bits. Where its file isn't there, the driver `rpi_volt` tells one of them: 16, the voltage was too low.
fn throttled(sys: &Path) -> Option<u32> {
    let bits = text(&sys.join("devices/platform/soc/soc:firmware/get_throttled"))
        .and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    bits.or_else(|| {
        let entries = std::fs::read_dir(sys.join("class/hwmon")).ok()?.flatten().take(LOOKED_AT);
        let mut dirs = entries.map(|entry| entry.path());
        let volt = dirs.find(|dir| text(&dir.join("name")).as_deref() == Some("rpi_volt"))?;
        let alarm: u32 = text(&volt.join("in0_lcrit_alarm"))?.parse().ok()?;
        Some(u32::from(alarm != 0) << 16)
    })
}

/// Addresses of the interfaces of hardware, those with a cable first, and the speed of the first.
fn network(sys: &Path) -> (Vec<Mac>, Option<u32>) {
    let entries = std::fs::read_dir(sys.join("class/net")).into_iter().flatten().flatten();
    let mut found: Vec<(bool, String, Mac, Option<u32>)> = entries
        .filter(|entry| entry.path().join("device").exists())
        .filter_map(|entry| {
            let dir = entry.path();
            let mac = text(&dir.join("address"))?.parse().ok()?;
            let down = text(&dir.join("carrier")).as_deref() != Some("1");
            let speed = text(&dir.join("speed")).and_then(|text| text.parse().ok());
            Some((down, entry.file_name().to_string_lossy().into_owned(), mac, speed))
        })
        .take(INTERFACES)
        .collect();
    found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let speed = found.first().filter(|first| !first.0).and_then(|first| first.3);
    (found.into_iter().map(|(_, _, mac, _)| mac).collect(), speed)
}

fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn bytes(path: &Path) -> Option<[u8; 4]> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(5).read_to_end(&mut bytes).ok()?;
    bytes.try_into().ok()
}

/// The bootloader's numbers of BOOT_ORDER, as the device tree tells them.
const fn boot_word(mode: u32) -> &'static str {
    match mode {
        1 => "sd",
        2 => "network",
        3 => "usb",
        4 | 5 => "usb-storage",
        6 => "nvme",
        7 => "http",
        _ => "other",
    }
}

/// The secret that only this board has, where its owner has burnt one in (the customer's private key of the OTP).
#[must_use]
pub fn secret(sys: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let devices = std::fs::read_dir(sys.join("bus/nvmem/devices")).ok()?.flatten();
    let private =
        devices.take(64).find(|entry| entry.file_name().to_string_lossy().starts_with("rpi_otp_priv"))?;
    let mut bytes = Vec::new();
    std::fs::File::open(private.path().join("nvmem")).ok()?.take(64).read_to_end(&mut bytes).ok()?;
    // Nothing burnt in is zeros.
    (bytes.len() >= 32 && bytes.iter().any(|byte| *byte != 0)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boards_facts_are_read_and_what_is_missing_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        assert_eq!(facts(root.path()).macs, []);
        put("proc/device-tree/serial-number", b"10000000af04b2da\0");
        put("proc/device-tree/model", b"Raspberry Pi 4 Model B Rev 1.4\0");
        put("proc/device-tree/system/linux,revision", &[0, 0xc0, 0x31, 0x14]);
        put("proc/device-tree/chosen/bootloader/boot-mode", &[0, 0, 0, 2]);
        put("proc/meminfo", b"MemTotal:        3884276 kB\nMemFree: 1 kB\n");
        put("sys/class/thermal/thermal_zone0/temp", b"48312\n");
        put("sys/devices/platform/soc/soc:firmware/get_throttled", b"50000\n");
        put("proc/device-tree/chosen/rpi-duid", b"001000911006186073\0");
        put("proc/sys/kernel/random/boot_id", b"0f0f6a3c-7a5b-4c1d-9e8f-112233445566\n");
        put("proc/device-tree/chosen/bootloader/version", b"4a6d1c1e9ee3\0");
        put("proc/device-tree/chosen/bootloader/build-timestamp", &0x6603_2a80_u32.to_be_bytes());
        for n in 0..40 {
            put(&format!("sys/class/thermal/thermal_zone{n}/type"), format!("zone-{n:02}\n").as_bytes());
            put(&format!("sys/class/thermal/thermal_zone{n}/temp"), b"48312\n");
        }
        put("sys/class/thermal/thermal_zone40/type", b"a-broken-one\n");
        put("sys/class/thermal/thermal_zone40/temp", b"999999999\n");
        for (name, mac, carrier) in [("eth0", "dc:a6:32:01:02:03", "1"), ("wlan0", "dc:a6:32:01:02:04", "0")]
        {
            put(&format!("sys/class/net/{name}/address"), mac.as_bytes());
            put(&format!("sys/class/net/{name}/carrier"), carrier.as_bytes());
            put(&format!("sys/class/net/{name}/speed"), b"1000");
            put(&format!("sys/class/net/{name}/device/x"), b"");
        }
        put("sys/class/net/lo/address", b"00:00:00:00:00:00");
        let facts = facts(root.path());
        assert_eq!(facts.serial.unwrap().as_str(), "10000000af04b2da");
        assert_eq!(facts.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
        assert_eq!((facts.revision, facts.boot.as_deref()), (Some(0x00c0_3114), Some("network")));
        assert_eq!((facts.memory, facts.temperature), (Some(3_884_276 * 1024), Some(48.312)));
        assert_eq!((facts.throttled, facts.link_mbps), (Some(0x50000), Some(1000)));
        assert_eq!(facts.duid.as_deref(), Some("001000911006186073"));
        assert_eq!(facts.boot_id.as_deref(), Some("0f0f6a3c-7a5b-4c1d-9e8f-112233445566"));
        let firmware = facts.firmware.unwrap();
        assert_eq!((firmware.version.as_deref(), firmware.built), (Some("4a6d1c1e9ee3"), Some(0x6603_2a80)));
        assert_eq!((facts.zones.len(), facts.zones[0].name.as_str()), (MOST_ZONES, "zone-00"));
        let macs: Vec<_> = facts.macs.iter().map(ToString::to_string).collect();
        assert_eq!(macs, ["dc:a6:32:01:02:03", "dc:a6:32:01:02:04"]);
    }

    #[test]
    fn without_the_firmwares_file_the_drivers_alarm_tells_of_too_low_a_voltage() {
        let sys = tempfile::tempdir().unwrap();
        let dir = sys.path().join("class/hwmon/hwmon3");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("name"), "rpi_volt\n").unwrap();
        assert_eq!(throttled(sys.path()), None);
        for (alarm, bits) in [("0\n", 0), ("1\n", 1 << 16)] {
            std::fs::write(dir.join("in0_lcrit_alarm"), alarm).unwrap();
            assert_eq!(throttled(sys.path()), Some(bits));
        }
    }

    #[test]
    fn only_a_burnt_in_secret_counts() {
        let sys = tempfile::tempdir().unwrap();
        let dir = sys.path().join("bus/nvmem/devices/rpi_otp_priv1");
        assert_eq!(secret(sys.path()), None);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("nvmem"), [0; 32]).unwrap();
        assert_eq!(secret(sys.path()), None);
        std::fs::write(dir.join("nvmem"), [7; 32]).unwrap();
        assert_eq!(secret(sys.path()).unwrap().len(), 32);
    }
}
