//! The files of U-Boot's partition: a directory of the user's, and what the image has that it lacks.

use std::path::Path;

use super::Error;
use crate::image::Image;
use crate::image::fat::Tree;
use crate::image::files::{fat_file, fat_files_under};
use crate::image::table::Table;

/// Directories in directories; a link that leads back up goes deeper.
const DEEPEST: usize = 16;

/// Files that were taken out of the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Their paths.
    pub files: Vec<String>,
    /// What was looked for in vain, each a sentence.
    pub notes: Vec<String>,
}

/// Reads a directory with everything in it; links are followed. `room` is the length of U-Boot's partition:
/// more is refused before it is read.
///
/// # Errors
/// When something can't be read, is neither file nor directory, has a name that is no text, or is too much.
pub fn read_directory(path: &Path, room: u64) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let mut len = 0;
    walk(path, "", 0, &mut |file, name| {
        let os = |source| Error::Os { path: file.to_owned(), doing: "reading", source };
        let kind = std::fs::metadata(file).map_err(os)?;
        if kind.is_dir() {
            tree.make_directory(name);
            return Ok(());
        }
        if !kind.is_file() {
            return Err(Error::NoFile {
                path: file.to_owned(),
                what: "this is neither a file nor a directory",
            });
        }
        len += kind.len();
        if len > room {
            return Err(Error::DirectoryTooLarge { path: path.to_owned(), len, room });
        }
        tree.put(name, std::fs::read(file).map_err(os)?);
        Ok(())
    })?;
    Ok(tree)
}

fn walk(
    path: &Path,
    above: &str,
    depth: usize,
    take: &mut impl FnMut(&Path, &str) -> Result<(), Error>,
) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(Error::NoFile { path: path.to_owned(), what: "directories are nested too deeply here" });
    }
    let os = |source| Error::Os { path: path.to_owned(), doing: "reading the directory", source };
    for entry in std::fs::read_dir(path).map_err(os)? {
        let file = entry.map_err(os)?.path();
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::NoFile { path: file, what: "the file name is no UTF-8 text" });
        };
        let name = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        take(&file, &name)?;
        if file.is_dir() {
            walk(&file, &name, depth + 1, take)?;
        }
    }
    Ok(())
}

/// Adds what the firmware of a Pi needs and `files` lack, out of the image's own boot partition: the device
/// trees (start.elf gives one to U-Boot), and the overlays that config.txt names. Only where there is a
/// config.txt: without one no firmware runs.
pub(super) fn complete(files: &mut Tree, image: &Image, table: &Table) -> Result<Copied, Error> {
    let mut copied = Copied::default();
    let Some(config) = files.get("config.txt") else { return Ok(copied) };
    let wanted = overlays(&String::from_utf8_lossy(config));
    let os = |error| crate::image::Error::os(image.path(), "copying files of its boot partition", error);
    let content = image.content();

    let is_tree = |path: &str| {
        let name = path.to_ascii_lowercase();
        name.starts_with("bcm27") && name.ends_with(".dtb")
    };
    if !files.files().iter().any(|(path, _)| is_tree(path)) {
        let trees = fat_files_under(&content, &table.partitions, "", is_tree).map_err(os)?;
        if trees.is_empty() {
            copied.notes.push(
                "There is no device tree (bcm27*.dtb), neither among the files for U-Boot's partition nor on \
                 the image's boot partition; U-Boot for a Pi 4 needs one."
                    .to_owned(),
            );
        }
        for file in trees {
            copied.files.push(file.path.clone());
            files.put(&file.path, file.bytes);
        }
    }
    let mut lack: Vec<String> = wanted.iter().map(|name| format!("overlays/{name}.dtbo")).collect();
    if !lack.is_empty() {
        // Tells the firmware which overlay stands for an old name on this board.
        lack.push("overlays/overlay_map.dtb".to_owned());
    }
    for path in lack {
        if files.get(&path).is_some() {
            continue;
        }
        match fat_file(&content, &table.partitions, &path).map_err(os)? {
            Some(bytes) => {
                copied.files.push(path.clone());
                files.put(&path, bytes);
            }
            None if path.ends_with(".dtbo") => copied.notes.push(format!(
                "config.txt names {path}, which is neither among the files for U-Boot's partition nor on the \
                 image's boot partition."
            )),
            None => {}
        }
    }
    Ok(copied)
}

/// The overlays that a config.txt names.
fn overlays(config: &str) -> Vec<String> {
    let mut names: Vec<String> = config
        .lines()
        .filter_map(|line| {
            let (key, value) = line.trim().split_once('=')?;
            let name = value.trim().split([',', ':', ' ', '#']).next()?;
            let plain =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            (["dtoverlay", "device_tree_overlay"].contains(&key.trim()) && plain).then(|| name.to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_are_those_that_config_txt_names() {
        let text = "# dtoverlay=no\n dtoverlay=disable-bt\ndtoverlay=vc4-kms-v3d,cma-384\r\ndtoverlay=\n\
                    dtoverlay = w1-gpio:x=1\ndtparam=audio=on\ndtoverlay=../x\ndtoverlay=disable-bt";
        assert_eq!(overlays(text), ["disable-bt", "vc4-kms-v3d", "w1-gpio"]);
    }

    #[test]
    fn a_directory_comes_with_everything_in_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("overlays/empty")).unwrap();
        std::fs::write(dir.path().join("overlays/a.dtbo"), "a").unwrap();
        std::fs::write(dir.path().join("config.txt"), "c").unwrap();
        std::os::unix::fs::symlink("config.txt", dir.path().join("link.txt")).unwrap();
        let tree = read_directory(dir.path(), 100).unwrap();
        let files: Vec<_> = tree.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(files, ["config.txt", "link.txt", "overlays/a.dtbo"]);
        assert!(matches!(read_directory(dir.path(), 2), Err(Error::DirectoryTooLarge { len: 3, .. })));
        std::os::unix::fs::symlink("..", dir.path().join("overlays/up")).unwrap();
        assert!(matches!(read_directory(dir.path(), 1 << 20), Err(Error::NoFile { .. } | Error::Os { .. })));
        std::fs::remove_file(dir.path().join("overlays/up")).unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("null")).unwrap();
        assert!(matches!(read_directory(dir.path(), 100), Err(Error::NoFile { .. })));
        assert!(matches!(read_directory(&dir.path().join("none"), 100), Err(Error::Os { .. })));
    }
}
