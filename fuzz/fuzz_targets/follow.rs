//! File systems of any bytes: finding the files that name partitions never panics, hangs or makes a wrong patch.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use piprov::image::files::{PatchedReadAt, follow, sector_patches};
use piprov::image::read_at::ReadAt;
use piprov::image::table::{Entry, Partition, Scheme, Table};

fuzz_target!(|bytes: &[u8]| {
    let disk: Arc<dyn ReadAt> = Arc::new(bytes.to_vec());
    let entry = Entry::Mbr { kind: 0x0c, bootable: false };
    let half = (bytes.len() as u64 / 2).next_multiple_of(512);
    let partitions = vec![
        Partition { number: 1, start: 0, len: half, entry: entry.clone() },
        Partition { number: 2, start: half, len: half, entry },
    ];
    let table = Table { scheme: Scheme::Mbr { disk_id: 0x35c8_4628 }, partitions, hybrid: false };
    let numbers = [(1, 2), (2, 3)].into();
    let Ok(found) = follow(&disk, &table, &numbers) else { return };
    let patched = PatchedReadAt::new(Arc::clone(&disk), &found.patches);
    for patch in &found.patches {
        assert_eq!(patch.old.len(), patch.new.len());
        let mut old = vec![0; patch.old.len()];
        disk.read_exact_at(&mut old, patch.image_offset).expect("a patch lies inside the image");
        assert_eq!(old, patch.old);
        let mut new = vec![0; patch.new.len()];
        patched.read_exact_at(&mut new, patch.image_offset).expect("the same");
        assert_eq!(new, patch.new);
    }
    let _ = sector_patches(&disk, &found.patches);
});
