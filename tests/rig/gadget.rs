//! A board that has become a disk of its host: the mass storage gadget of this very kernel, with a file for a disk, at the
//! end of a cable.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::guest::run;
use super::usbip::{Cord, plug_gadget};

/// A gadget at one of the controllers `usbip-vudc`. It is taken apart when this is dropped.
pub struct MassStorage {
    controller: u8,
    cord: Option<Cord>,
}

impl MassStorage {
    /// So many controllers for such gadgets.
    pub fn controllers(count: u8) {
        run(&format!(
            "modprobe -a vhci-hcd libcomposite usb_f_mass_storage usb-storage sd_mod
            modprobe -r usbip-vudc; modprobe usbip-vudc num={count}"
        ));
    }

    /// One with these ids and a disk of `mib`, full of the byte 0xee.
    pub fn new(controller: u8, [vendor, product]: [u16; 2], mib: usize) -> Self {
        std::fs::write(disk(controller), vec![0xee; mib << 20]).unwrap();
        run(&format!(
            "set -e; cd /sys/kernel/config/usb_gadget; mkdir disk{controller}; cd disk{controller}
            mkdir -p strings/0x409 configs/c.1/strings/0x409 functions/mass_storage.0
            echo {vendor:#06x} >idVendor; echo {product:#06x} >idProduct; echo 0x0200 >bcdUSB
            echo 'a disk' >strings/0x409/product; echo 0{controller} >strings/0x409/serialnumber
            echo {file} >functions/mass_storage.0/lun.0/file
            ln -s functions/mass_storage.0 configs/c.1/; echo usbip-vudc.{controller} >UDC",
            file = disk(controller).display(),
        ));
        Self { controller, cord: None }
    }

    /// Plugs it into a slot, from 0.
    pub fn plug(&mut self, slot: u8) {
        self.cord = Some(plug_gadget(self.controller, slot));
    }

    /// Pulls it out.
    pub fn pull(&mut self) {
        self.cord = None;
    }

    /// What is on a part of its disk.
    pub fn bytes(&self, part: Range<usize>) -> Vec<u8> {
        let mut bytes = vec![0; part.len()];
        File::open(disk(self.controller)).unwrap().read_exact_at(&mut bytes, part.start as u64).unwrap();
        bytes
    }
}

impl Drop for MassStorage {
    fn drop(&mut self) {
        self.pull();
        run(&format!(
            "cd /sys/kernel/config/usb_gadget/disk{}; echo '' >UDC; rm configs/c.1/mass_storage.0
            rmdir configs/c.1/strings/0x409 configs/c.1 functions/mass_storage.0 strings/0x409; cd ..; rmdir disk{0}; true",
            self.controller
        ));
        let _ = std::fs::remove_file(disk(self.controller));
    }
}

/// The file that is its disk.
fn disk(controller: u8) -> PathBuf {
    Path::new("/run").join(format!("disk{controller}.img"))
}
