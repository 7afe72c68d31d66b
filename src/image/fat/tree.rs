//! The files that go onto a volume, by path.

use std::collections::BTreeMap;

/// Files and directories, sorted by name, so that the same files give the same volume.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    root: Directory,
}

/// One directory. No name is in both maps.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    files: BTreeMap<String, Vec<u8>>,
    directories: BTreeMap<String, Directory>,
}

/// What stands in a directory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node<'a> {
    File(&'a [u8]),
    Directory(&'a Directory),
}

impl Directory {
    /// All that is in it, by name.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, Node<'_>)> {
        let files = self.files.iter().map(|(name, contents)| (name.as_str(), Node::File(contents)));
        let directories =
            self.directories.iter().map(|(name, inner)| (name.as_str(), Node::Directory(inner)));
        files.chain(directories).collect::<BTreeMap<_, _>>().into_iter()
    }
}

impl Tree {
    /// Puts a file there; directories above it come into being. A file that is there already is replaced;
    /// so is a directory, with all that is in it. Empty names between slashes are ignored.
    pub fn put(&mut self, path: &str, contents: Vec<u8>) {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let Some(name) = parts.pop() {
            let directory = self.directory_of(&parts);
            directory.directories.remove(name);
            directory.files.insert(name.to_owned(), contents);
        }
    }

    /// Makes a directory, if it isn't there.
    pub fn make_directory(&mut self, path: &str) {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.directory_of(&parts);
    }

    /// The contents of a file; its name in any case.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let last = parts.pop()?;
        let mut directory = &self.root;
        for part in parts {
            directory = directory.directories.iter().find(|(name, _)| name.eq_ignore_ascii_case(part))?.1;
        }
        let file = directory.files.iter().find(|(name, _)| name.eq_ignore_ascii_case(last))?;
        Some(file.1)
    }

    /// All files with their paths, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<(String, &[u8])> {
        fn walk<'a>(directory: &'a Directory, above: &str, files: &mut Vec<(String, &'a [u8])>) {
            for (name, node) in directory.entries() {
                match node {
                    Node::File(contents) => files.push((format!("{above}{name}"), contents)),
                    Node::Directory(inner) => walk(inner, &format!("{above}{name}/"), files),
                }
            }
        }
        let mut files = Vec::new();
        walk(&self.root, "", &mut files);
        files
    }

    pub(super) fn root(&self) -> &Directory {
        &self.root
    }

    fn directory_of(&mut self, parts: &[&str]) -> &mut Directory {
        let mut directory = &mut self.root;
        for part in parts {
            directory.files.remove(*part);
            directory = directory.directories.entry((*part).to_owned()).or_default();
        }
        directory
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn files_are_found_by_path_whatever_their_case() {
        let mut tree = Tree::default();
        tree.put("overlays/one.dtbo", vec![1]);
        tree.put("/Config.txt", vec![2]);
        tree.put("", vec![3]);
        tree.make_directory("empty/inner");
        assert_eq!(tree.get("OVERLAYS/one.DTBO"), Some(&[1][..]));
        assert_eq!(tree.get("config.txt"), Some(&[2][..]));
        for missing in ["", "overlays", "overlays/two", "config.txt/x", "empty/inner"] {
            assert_eq!(tree.get(missing), None, "{missing}");
        }
        let paths: Vec<_> = tree.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["Config.txt", "overlays/one.dtbo"]);
    }
}
