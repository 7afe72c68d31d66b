//! How a FAT32 volume of a given length is divided.

use super::{Error, FATS, SECTOR};

/// With fewer clusters the same structures would be read as FAT16.
const LEAST_CLUSTERS: u64 = 65525;
/// Longest volume: Windows formats no longer ones as FAT32 either, and U-Boot needs a thousandth.
const LONGEST: u64 = 32 << 30;
/// Boot sector, FSInfo, their copies at 6 and 7, and room; as many as other tools take.
const RESERVED: u64 = 32;

/// The sizes that follow from the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) sectors: u64,
    pub(super) sectors_per_cluster: u64,
    pub(super) reserved: u64,
    pub(super) fat_sectors: u64,
    pub(super) clusters: u64,
}

impl Geometry {
    /// The largest clusters up to 4 KiB with which there are enough of them to be FAT32.
    pub(super) fn new(len: u64) -> Result<Self, Error> {
        if len > LONGEST {
            return Err(Error::TooLarge { len, most: LONGEST });
        }
        [8, 4, 2, 1]
            .into_iter()
            .map(|sectors_per_cluster| Self::with_clusters_of(len / SECTOR, sectors_per_cluster))
            .find(|geometry| geometry.clusters >= LEAST_CLUSTERS)
            .ok_or_else(|| Error::TooSmall { len, least: least_len() })
    }

    fn with_clusters_of(sectors: u64, sectors_per_cluster: u64) -> Self {
        let mut geometry =
            Self { sectors, sectors_per_cluster, reserved: RESERVED, fat_sectors: 0, clusters: 0 };
        // One entry of four bytes a cluster, and two that stand for no cluster: the smallest table that covers
        // what is left beside it.
        let per_sector = SECTOR / 4;
        let left = sectors.saturating_sub(RESERVED);
        geometry.fat_sectors =
            (left + 2 * sectors_per_cluster).div_ceil(per_sector * sectors_per_cluster + FATS);
        // Clusters start on multiples of 4 KiB of the partition: SD cards like that.
        let before = RESERVED + FATS * geometry.fat_sectors;
        geometry.reserved += before.next_multiple_of(8) - before;
        geometry.clusters = sectors.saturating_sub(geometry.data()) / sectors_per_cluster;
        geometry
    }

    /// First sector of cluster 2.
    pub(super) fn data(&self) -> u64 {
        self.reserved + FATS * self.fat_sectors
    }

    pub(super) fn cluster_len(&self) -> u64 {
        self.sectors_per_cluster * SECTOR
    }

    pub(super) fn clusters_of(&self, len: u64) -> u64 {
        len.div_ceil(self.cluster_len())
    }
}

/// The shortest partition that can be FAT32, in whole MiB.
fn least_len() -> u64 {
    let enough = |mib: &u64| Geometry::with_clusters_of(mib * 2048, 1).clusters >= LEAST_CLUSTERS;
    (32..).find(enough).unwrap_or(40) << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_40_mib_have_clusters_of_one_sector() {
        let geometry = Geometry::new(40 << 20).unwrap();
        assert_eq!(geometry.sectors_per_cluster, 1);
        assert!(geometry.clusters >= LEAST_CLUSTERS);
        assert_eq!(Geometry::new(1 << 30).unwrap().sectors_per_cluster, 8);
    }

    #[test]
    fn every_cluster_has_its_entry_and_lies_inside() {
        for len in (33 << 20..300 << 20).step_by(1_234_432).chain([1 << 30, 32 << 30]) {
            let geometry = Geometry::new(len).unwrap();
            assert!(geometry.fat_sectors * 128 >= geometry.clusters + 2, "{geometry:?}");
            assert!(geometry.data() + geometry.clusters * geometry.sectors_per_cluster <= geometry.sectors);
            assert!(geometry.data().is_multiple_of(8));
        }
    }

    #[test]
    fn too_small_and_too_large_are_told_with_the_limit() {
        let Err(Error::TooSmall { least, .. }) = Geometry::new(16 << 20) else {
            panic!("16 MiB are too small")
        };
        assert!(Geometry::new(least).is_ok());
        assert!(Geometry::new(least - (1 << 20)).is_err());
        assert!(Geometry::new(0).is_err());
        assert!(matches!(Geometry::new((32 << 30) + 512), Err(Error::TooLarge { .. })));
    }
}
