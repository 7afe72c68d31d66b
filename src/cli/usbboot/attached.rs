//! What is attached while a board is waited for.

use crate::board::Serial;
use crate::board::identity::Identity;
use crate::usb::transport::Device;

/// What is attached that could be meant, and why it isn't. `wanted` is the board that is.
pub(super) fn attached(devices: &[Device], wanted: Option<&Serial>) -> Vec<String> {
    let known = devices.iter().filter_map(|device| Some((device, device.identity()?)));
    known
        .map(|(device, identity)| {
            let port = device.port;
            match (identity, device.board_serial()) {
                (Identity::Rom(chip) | Identity::FileServer(chip), Some(serial)) => {
                    let near = wanted.is_some_and(|wanted| wanted.is_close(serial.as_str()));
                    let meant = if near { "; is it the one that is meant?" } else { "" };
                    format!("at {port} is a {chip} in {identity}, serial {serial}, which is left out{meant}")
                }
                (Identity::Rom(chip) | Identity::FileServer(chip), None) => {
                    format!("at {port} is a {chip} in {identity}, which is left out")
                }
                (booted, _) => format!("at {port} is a {booted}: it has booted already"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(product: u16, serial: Option<String>) -> Device {
        let port = "1-1".parse().unwrap();
        Device { port, address: 1, vendor: 0x0a5c, product, serial_index: 3, serial }
    }

    #[test]
    fn what_is_attached_is_named_with_the_reason() {
        let stranger = Device { product: 0x1234, serial_index: 0, ..device(0, None) };
        assert_eq!(
            attached(&[device(0x0104, None), device(0x2711, None), stranger], None),
            [
                "at 1-1 is a mass storage gadget: it has booted already",
                "at 1-1 is a BCM2711 in boot ROM, which is left out",
            ]
        );
        let other = device(0x2711, Some("af04b2da".into()));
        let wanted = "10000000af04b2d0".parse().unwrap();
        assert_eq!(
            attached(&[other], Some(&wanted)),
            [
                "at 1-1 is a BCM2711 in boot ROM, serial af04b2da, which is left out; is it the one that is meant?"
            ]
        );
    }
}
