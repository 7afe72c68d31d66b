//! Whether boards can do anything with an image: it fits on their disks, and they start from it.

use crate::board::Model;
use crate::contents::Contents;
use crate::device_api::{Aim, Disk, Role as DiskRole, aim};
use crate::format::size;
use crate::station::Station;
use crate::station::web::Refusal;
use crate::station_api::{Board, Image};

/// What is known of an image that boards are to get.
pub(in crate::station) struct Fit {
    pub(in crate::station) image: Image,
    contents: Option<Contents>,
    /// The disks that the project names, where nobody asks for another.
    target: Vec<DiskRole>,
}

/// Disks that are asked for: the one that somebody names, else those of a project.
pub(in crate::station) fn roles(asked: Option<DiskRole>, project: &[DiskRole]) -> Vec<DiskRole> {
    asked.map_or_else(|| project.to_vec(), |role| vec![role])
}

/// The disk of a board that is written, as the board's client chooses it. A simulated board's file stands for whatever disk
/// is asked for.
pub(in crate::station) fn disk<'a>(board: &'a Board, roles: &[DiskRole]) -> Aim<'a> {
    match &board.disks[..] {
        [only] if only.role == DiskRole::File => Aim::One(only),
        disks => aim(disks, roles),
    }
}

/// What a disk is called in a sentence: `eMMC 29.1 GiB (mmcblk0)`.
pub(in crate::station) fn called(disk: &Disk) -> String {
    format!("{} {} ({})", disk.role.title(), size(disk.size), crate::format::message(&disk.name))
}

impl Fit {
    /// That of a project, or that of a name. `None` where there is no such image: that is told when it is asked for.
    pub(in crate::station) async fn of(
        station: &Station,
        project: &str,
        image: &str,
    ) -> Result<Option<Self>, Refusal> {
        let store = station.store();
        let (named, target) = match project {
            "" => (Some(image.to_owned()), Vec::new()),
            project => {
                let found = store.projects().await?.into_iter().find(|one| one.name == project);
                found.map_or((None, Vec::new()), |one| (one.image, one.target))
            }
        };
        let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(None) };
        let Ok(image) = store.image(&named).await else { return Ok(None) };
        // Looked at now where nobody has before. What can't be read is told where it is looked at, or written.
        let contents = station.contents(&image).await.ok();
        Ok(Some(Self { image, contents, target }))
    }

    /// What should be known of the image before any board gets it. It is no reason to ask once more: a disk may be meant to
    /// hold whatever it is.
    pub(in crate::station) fn note(&self) -> Option<String> {
        let nothing = self.contents.as_ref().is_some_and(Contents::is_nothing);
        nothing.then(|| {
            let name = &self.image.name;
            format!("{name} has no partition table and no file system that is known: no board starts from it")
        })
    }

    /// Why a board shouldn't get it: it doesn't fit on its disk, or the board doesn't start from it.
    pub(in crate::station) fn warning(&self, board: &Board, target: Option<DiskRole>) -> Option<String> {
        let mut told = Vec::new();
        let several = || board.disks.iter().map(called).collect::<Vec<_>>().join(", ");
        match disk(board, &roles(target, &self.target)) {
            Aim::One(disk) if disk.size < self.image.raw_len => {
                let (has, needs) = (size(disk.size), size(self.image.raw_len));
                told.push(format!(
                    "its {} has {has}, and {} has {needs}",
                    disk.role.title(),
                    self.image.name
                ));
            }
            Aim::One(_) => {}
            Aim::Several(_) => {
                told.push(format!("it has several disks, and it isn't said which one: {}", several()))
            }
            // One that hasn't told its disks yet may have it.
            Aim::Nothing if board.disks.is_empty() => {}
            Aim::Nothing => told.push(format!("it hasn't the disk that is asked for; it has {}", several())),
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
