//! Debian packages by hand (deb(5)), also such as no tool would build.
#![allow(dead_code, reason = "each user takes a part of it")]

/// An ar archive with these members.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).as_bytes(),
        );
        bytes.extend(*content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// A tar archive with these files; their names are written as they are.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A package's control archive.
pub(crate) fn control(package: &str, version: &str) -> Vec<u8> {
    let text = format!("Package: {package}\nVersion: {version}\nArchitecture: all\n");
    tar(&[("./control", text.as_bytes())])
}

/// A package with these files, packed by zstd.
pub(crate) fn deb(package: &str, version: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let data = zstd::encode_all(&tar(files)[..], 1).unwrap();
    ar(&[
        ("debian-binary", &b"2.0\n"[..]),
        ("control.tar", &control(package, version)[..]),
        ("data.tar.zst", &data[..]),
    ])
}
