//! The pages of the manual, within the program: those of `docs/` that speak to people, and those of each command. A test
//! holds both lists against what is there.

/// Names, each with the text of its file.
macro_rules! files {
    ($dir:literal, $ending:literal: $($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../../../", $dir, "/", $name, $ending)))),*]
    };
}

/// The pages of `docs/`. The first one is the operator's.
pub(super) static PAGES: &[(&str, &str)] = files! {
    "docs", ".md":
    "pages",
    "usb-by-serial",
    "store",
    "station-api",
    "device-api",
    "control",
    "json",
};

/// The pages of commands and of the files of settings.
pub(super) static COMMANDS: &[(&str, &str)] = files! {
    "man", "":
    "piprov-backup-list.1",
    "piprov-backup-remove.1",
    "piprov-backup-restore.1",
    "piprov-backup-show.1",
    "piprov-backup-verify.1",
    "piprov-backup.1",
    "piprov-board-again.1",
    "piprov-board-backup.1",
    "piprov-board-cancel.1",
    "piprov-board-deploy.1",
    "piprov-board-enrol.1",
    "piprov-board-forget.1",
    "piprov-board-list.1",
    "piprov-board-reboot.1",
    "piprov-board-refuse.1",
    "piprov-board-set.1",
    "piprov-board-show.1",
    "piprov-board-watch.1",
    "piprov-board.1",
    "piprov-bootd.1",
    "piprov-card-build.1",
    "piprov-card-check.1",
    "piprov-card-payload.1",
    "piprov-card-stick.1",
    "piprov-card.1",
    "piprov-clnlive.1",
    "piprov-config-show.1",
    "piprov-config.1",
    "piprov-deploy.1",
    "piprov-doctor.1",
    "piprov-flash.1",
    "piprov-hook-add.1",
    "piprov-hook-list.1",
    "piprov-hook-queue.1",
    "piprov-hook-remove.1",
    "piprov-hook-test.1",
    "piprov-hook.1",
    "piprov-image-add.1",
    "piprov-image-export.1",
    "piprov-image-list.1",
    "piprov-image-remove.1",
    "piprov-image-show.1",
    "piprov-image-verify.1",
    "piprov-image.1",
    "piprov-initramfs-build.1",
    "piprov-initramfs.1",
    "piprov-list.1",
    "piprov-live.1",
    "piprov-mklive.1",
    "piprov-netboot-client-add.1",
    "piprov-netboot-client-check.1",
    "piprov-netboot-client-list.1",
    "piprov-netboot-client-remove.1",
    "piprov-netboot-client-rename.1",
    "piprov-netboot-client-show.1",
    "piprov-netboot-client.1",
    "piprov-netboot-enable.1",
    "piprov-netboot-nfs.1",
    "piprov-netboot-serve.1",
    "piprov-netboot-watch.1",
    "piprov-netboot.1",
    "piprov-nukelive.1",
    "piprov-project-add.1",
    "piprov-project-list.1",
    "piprov-project-remove.1",
    "piprov-project-set.1",
    "piprov-project-show.1",
    "piprov-project.1",
    "piprov-reset.1",
    "piprov-rule-add.1",
    "piprov-rule-list.1",
    "piprov-rule-remove.1",
    "piprov-rule-test.1",
    "piprov-rule.1",
    "piprov-run-list.1",
    "piprov-run-log.1",
    "piprov-run-prune.1",
    "piprov-run-show.1",
    "piprov-run-watch.1",
    "piprov-run.1",
    "piprov-serve.1",
    "piprov-split-image.1",
    "piprov-stage1-build.1",
    "piprov-stage1.1",
    "piprov-station-arm.1",
    "piprov-station-audit.1",
    "piprov-station-backup.1",
    "piprov-station-cert.1",
    "piprov-station-disarm.1",
    "piprov-station-records.1",
    "piprov-station-restore.1",
    "piprov-station-status.1",
    "piprov-station.1",
    "piprov-targets-add.1",
    "piprov-targets-check.1",
    "piprov-targets-list.1",
    "piprov-targets-remove.1",
    "piprov-targets.1",
    "piprov-tftp.1",
    "piprov-token-add.1",
    "piprov-token-list.1",
    "piprov-token-remove.1",
    "piprov-token.1",
    "piprov-udev-finish.1",
    "piprov-udev-install.1",
    "piprov-udev-print.1",
    "piprov-udev-remove.1",
    "piprov-udev.1",
    "piprov-usbboot.1",
    "piprov-user-add.1",
    "piprov-user-disable.1",
    "piprov-user-enable.1",
    "piprov-user-invite.1",
    "piprov-user-list.1",
    "piprov-user-reset.1",
    "piprov-user.1",
    "piprov-verify.1",
    "piprov.1",
    "piprov.toml.5",
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn in_directory(name: &str) -> BTreeSet<String> {
        let files = std::fs::read_dir(name).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn each_page_of_the_manual_is_in_it() {
        let commands: BTreeSet<String> = COMMANDS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(commands, in_directory("man"));
        // What was measured, and what is linked, is for those that change the program.
        let not = ["benchmarks.md", "dependencies.md"].map(str::to_owned);
        let pages: BTreeSet<String> = PAGES.iter().map(|(name, _)| format!("{name}.md")).chain(not).collect();
        let there = in_directory("docs").into_iter().filter(|name| name.ends_with(".md")).collect();
        assert_eq!(pages, there);
    }
}
