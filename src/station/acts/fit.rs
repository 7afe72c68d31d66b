//! Whether boards can do anything with an image: it fits on their disks, and they start from it.

use crate::board::Model;
use crate::contents::Contents;
use crate::device_api::{Disk, Role as DiskRole};
use crate::format::size;
use crate::station::Station;
use crate::station::web::Refusal;
use crate::station_api::{Board, Image};

/// The disk that is written where nobody says which.
pub(in crate::station) fn disk(board: &Board) -> Option<&Disk> {
    let order = [DiskRole::Emmc, DiskRole::Nvme, DiskRole::Sd, DiskRole::Usb];
    let of = |role| {
        let mut disks = board.disks.iter().filter(move |disk| disk.role == role);
        disks.next().filter(|_| disks.next().is_none())
    };
    match &board.disks[..] {
        [only] => Some(only),
        _ => order.into_iter().find_map(of),
    }
}

/// What is known of an image that boards are to get.
pub(in crate::station) struct Fit {
    pub(in crate::station) image: Image,
    contents: Option<Contents>,
}

impl Fit {
    /// That of a project, or that of a name. `None` where there is no such image: that is told when it is asked for.
    pub(in crate::station) async fn of(
        station: &Station,
        project: &str,
        image: &str,
    ) -> Result<Option<Self>, Refusal> {
        let store = station.store();
        let named = match project {
            "" => Some(image.to_owned()),
            project => {
                store.projects().await?.into_iter().find(|one| one.name == project).and_then(|one| one.image)
            }
        };
        let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(None) };
        let Ok(image) = store.image(&named).await else { return Ok(None) };
        let contents = store.contents(std::slice::from_ref(&image.id)).await?.remove(&image.id);
        Ok(Some(Self { image, contents }))
    }

    /// Why a board shouldn't get it: it doesn't fit on its disk, or the board doesn't start from it.
    pub(in crate::station) fn warning(&self, board: &Board, target: Option<DiskRole>) -> Option<String> {
        let disk = match target {
            Some(target) => board.disks.iter().find(|disk| disk.role == target),
            None => disk(board),
        };
        let mut told = Vec::new();
        if let Some(disk) = disk.filter(|disk| disk.size < self.image.raw_len) {
            let (has, needs) = (size(disk.size), size(self.image.raw_len));
            told.push(format!("its {} has {has}, and {} has {needs}", disk.role.title(), self.image.name));
        }
        let boots = self.contents.as_ref().and_then(|contents| contents.boots.as_ref());
        let model = board.model.as_deref().and_then(Model::told);
        if let (Some(model), Some(boots)) = (model, boots)
            && let Some(verdict) = boots.of(model)
            && verdict.starts == Some(false)
        {
            let missing = crate::format::message(&verdict.evidence.join(", ")).into_owned();
            told.push(format!("a {model} doesn't start from {}: {missing}", self.image.name));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}
