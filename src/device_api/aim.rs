//! Which of a board's disks is meant: the same for the board that writes it and for the station that says before which
//! one is erased.

use super::{Disk, Role};

/// What is written where nobody says which disk, and there are several.
const ORDER: [Role; 4] = [Role::Emmc, Role::Nvme, Role::Sd, Role::Usb];

/// What a choice of disks comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim<'a> {
    /// This one.
    One(&'a Disk),
    /// Several are of this role, and nothing tells them apart.
    Several(Role),
    /// None is.
    Nothing,
}

/// The disk that is meant. `target`: roles, of which the first counts that some disk has; empty: the only disk, else that of
/// the first role of eMMC, NVMe, SD card and USB that some disk has. Of several with that role none is taken: to write to
/// another than the one that was meant can't be undone.
#[must_use]
pub fn aim<'a>(disks: &'a [Disk], target: &[Role]) -> Aim<'a> {
    let order = match (target, disks) {
        ([], [only]) => return Aim::One(only),
        ([], _) => &ORDER,
        _ => target,
    };
    for role in order {
        let mut of = disks.iter().filter(|disk| disk.role == *role);
        match (of.next(), of.next()) {
            (Some(disk), None) => return Aim::One(disk),
            (Some(_), Some(_)) => return Aim::Several(*role),
            (None, _) => {}
        }
    }
    Aim::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_disks_the_first_role_counts_and_of_several_with_it_none() {
        let disk = |name: &str, role| Disk::new(name.to_owned(), role, 1 << 30);
        let (emmc, sd, usb) = (disk("a", Role::Emmc), disk("b", Role::Sd), disk("c", Role::Usb));
        let named = |aim: Aim<'_>| match aim {
            Aim::One(disk) => disk.name.clone(),
            other => format!("{other:?}"),
        };
        let all = [usb.clone(), sd.clone(), emmc.clone()];
        assert_eq!(named(aim(&all, &[])), "a");
        assert_eq!(named(aim(&all[..2], &[])), "b");
        assert_eq!(named(aim(&all, &[Role::Usb, Role::Emmc])), "c");
        assert_eq!(named(aim(&all, &[Role::Nvme, Role::Sd])), "b");
        assert_eq!(named(aim(&all, &[Role::Nvme])), "Nothing");
        assert_eq!(named(aim(&[], &[])), "Nothing");
        // The only one, whatever it is; not where another was asked for.
        let odd = [disk("d", Role::Other)];
        assert_eq!(named(aim(&odd, &[])), "d");
        assert_eq!(named(aim(&odd, &[Role::Emmc])), "Nothing");
        assert_eq!(named(aim(&[odd[0].clone(), odd[0].clone()], &[])), "Nothing");
        // A second one of the first role: the next role isn't a way out.
        let twice = [usb.clone(), usb, sd];
        assert_eq!(named(aim(&twice, &[Role::Usb, Role::Sd])), "Several(Usb)");
        assert_eq!(named(aim(&twice, &[])), "b");
    }
}
