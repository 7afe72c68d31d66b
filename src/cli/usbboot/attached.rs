//! What is attached while a board is waited for.

use crate::board::identity::Identity;
use crate::usb::service::Filter;
use crate::usb::transport::Device;

/// What is attached that could be meant, and why it isn't.
pub(super) fn attached(devices: &[Device], filter: &Filter) -> Vec<String> {
    let known = devices.iter().filter_map(|device| Some((device, device.identity()?)));
    known
        .map(|(device, identity)| {
            let port = device.port;
            match identity {
                Identity::Rom(chip) | Identity::FileServer(chip) => {
                    let serial = device.board_serial();
                    let serial = serial.map(|serial| format!(", serial {serial}")).unwrap_or_default();
                    let why = left_out(device, filter).map(|why| format!(": {why}")).unwrap_or_default();
                    format!("at {port} is a {chip} in {identity}{serial}, which is left alone{why}")
                }
                booted => format!("at {port} is a {booted}: it has booted already"),
            }
        })
        .collect()
}

/// Why a board isn't meant; `None` for one that is.
pub(super) fn left_out(device: &Device, filter: &Filter) -> Option<String> {
    if filter.matches(device) {
        return None;
    }
    Some(match (filter.port, filter.last_port, &filter.serial, device.board_serial()) {
        (Some(port), ..) if port != device.port => format!("`-p` means the board at {port}"),
        (_, Some(number), ..) if number != device.port.last() => format!("`-{number}` means another port"),
        (_, _, Some(wanted), Some(serial)) if wanted.is_close(serial.as_str()) => {
            format!("`-i` means serial {wanted}; is it the one that is meant?")
        }
        (_, _, Some(wanted), Some(_)) => format!("`-i` means serial {wanted}"),
        (_, _, Some(_), None) => "`-i` means a serial number, and this board tells none here".to_owned(),
        _ => "it isn't the one that is meant".to_owned(),
    })
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
            attached(&[device(0x0104, None), device(0x2711, None), stranger], &Filter::default()),
            [
                "at 1-1 is a mass storage gadget: it has booted already",
                "at 1-1 is a BCM2711 in boot ROM, which is left alone",
            ]
        );
        let other = device(0x2711, Some("af04b2da".into()));
        let filter = Filter { serial: Some("10000000af04b2d0".parse().unwrap()), ..Filter::default() };
        assert_eq!(
            attached(std::slice::from_ref(&other), &filter),
            ["at 1-1 is a BCM2711 in boot ROM, serial af04b2da, which is left alone: `-i` means serial \
                 10000000af04b2d0; is it the one that is meant?"]
        );
        let old = device(0x2764, None);
        assert!(left_out(&old, &filter).unwrap().ends_with("this board tells none here"));
    }

    #[test]
    fn a_board_at_another_port_is_told_with_the_flag_that_leaves_it_out() {
        let other = device(0x2711, None);
        let port = |port: &str| Filter { port: Some(port.parse().unwrap()), ..Filter::default() };
        let number = |number| Filter { last_port: Some(number), ..Filter::default() };
        assert_eq!(left_out(&other, &port("1-2.1")).unwrap(), "`-p` means the board at 1-2.1");
        assert_eq!(left_out(&other, &number(4)).unwrap(), "`-4` means another port");
        for filter in [port("1-1"), number(1), Filter::default()] {
            assert_eq!(left_out(&other, &filter), None);
        }
    }
}
