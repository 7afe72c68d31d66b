//! Fetches packages of another architecture with apt-get in a directory of its own: the host's package lists,
//! architectures and sources stay as they are, and no privileges are needed. apt checks the signatures.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::{Explain, Kind, Knob, Remedy, remedy};
use crate::stop::Stop;

/// Where Debian keeps the keys of its archive.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Settings of the host that decide how it reaches its mirror.
const CONNECTION: [&str; 6] = [
    "Acquire::http",
    "Acquire::https",
    "Acquire::ftp",
    "Acquire::socks",
    "Acquire::Retries",
    "Acquire::ForceIPv",
];

/// Why packages can't be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a Debian system.
    #[error("this is {system}, not Debian: there is no mirror to fetch the packages from")]
    NotDebian {
        /// What the system calls itself.
        system: String,
    },
    /// No apt-get.
    #[error("apt-get can't be started: {source}")]
    NoApt {
        /// What the operating system said.
        source: io::Error,
    },
    /// apt knows no Debian mirror.
    #[error("apt's sources name no Debian archive")]
    NoMirror,
    /// The release has no such package for the architecture.
    #[error("Debian {release} has no {package} for {architecture}")]
    NoPackage {
        /// Its name.
        package: String,
        /// The release.
        release: String,
        /// The architecture.
        architecture: String,
    },
    /// apt-get failed.
    #[error("apt-get {doing} failed: {said}")]
    Failed {
        /// The subcommand.
        doing: &'static str,
        /// What it said.
        said: String,
    },
    /// Files of its own.
    #[error("{}: {source}", path.display())]
    Os {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Ctrl-C.
    #[error("stopped")]
    Stopped,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotDebian { .. }
            | Self::NoApt { .. }
            | Self::NoMirror
            | Self::NoPackage { .. }
            | Self::Failed { .. } => Kind::Unavailable,
            Self::Os { source, .. } => Kind::of_io(source),
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::NotDebian { .. } | Self::NoApt { .. } => {
                remedy!["fetch the packages from Debian elsewhere and give each: ", Knob::Deb]
            }
            Self::NoPackage { .. } => remedy!["another release may have it: ", Knob::Release.to("bookworm")],
            Self::NoMirror => {
                remedy!["name one: ", Knob::Mirror, "; or give each of the packages: ", Knob::Deb]
            }
            Self::Failed { .. } => {
                remedy![
                    "is the mirror reachable, and has it the release? ",
                    Knob::Mirror,
                    " names another one, ",
                    Knob::Deb,
                    " takes packages that are there",
                ]
            }
            Self::Os { .. } | Self::Stopped => return None,
        })
    }
}

/// Packages in a directory that goes away with the value.
#[derive(Debug)]
pub struct Fetched {
    /// Their files.
    pub packages: Vec<PathBuf>,
    _directory: tempfile::TempDir,
}

/// The release that the host runs, by its code name, where it is Debian.
#[must_use]
pub fn host_release() -> Option<String> {
    let (system, name) = host();
    (system == "debian").then_some(name).flatten()
}

/// ID and VERSION_CODENAME of /etc/os-release (os-release(5)).
fn host() -> (String, Option<String>) {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key == name).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    (field("ID").unwrap_or_else(|| "an unknown system".to_owned()), field("VERSION_CODENAME"))
}

/// A package that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The package of this name.
    Package(&'a str),
    /// The package that this one stands for: the first of those that it depends on. A kernel's own package has its
    /// version in its name.
    Behind(&'a str),
    /// The package of this name, with the libraries that it depends on.
    WithLibraries(&'a str),
}

/// Where packages come from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Debian's name of the architecture; packages for all architectures are found too.
    pub architecture: &'a str,
    /// The release's code name.
    pub release: &'a str,
    /// The archive; without one, that of the host's own sources.
    pub mirror: Option<&'a str>,
}

/// Fetches packages.
///
/// # Errors
/// When there is no apt-get or no mirror, when apt-get fails, and on Ctrl-C.
pub fn fetch(packages: &[Wanted<'_>], source: Source<'_>, stop: &Stop) -> Result<Fetched, Error> {
    let release = source.release;
    let mirror = match source.mirror {
        Some(mirror) => mirror.to_owned(),
        None => match host() {
            (system, _) if system != "debian" => return Err(Error::NotDebian { system }),
            _ => host_mirror(stop)?,
        },
    };
    let directory = tempfile::Builder::new()
        .prefix("piprov-apt-")
        // apt-get of root fetches as another user, who has to get in.
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .map_err(|source| Error::Os { path: std::env::temp_dir(), source })?;
    let root = directory.path();
    for inner in
        ["state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "debs"]
    {
        let path = root.join(inner);
        std::fs::create_dir_all(&path).map_err(|source| Error::Os { path, source })?;
    }
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::write(&path, text).map_err(|source| Error::Os { path, source })
    };
    write("status", "")?;
    let keys = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
    write("sources", &format!("deb {keys}{mirror} {release} main non-free-firmware\n"))?;
    write("conf", &configuration(root, source.architecture, &host_connection(stop)?))?;

    let apt = |program: &str, doing: &'static str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(["-q", doing]).args(arguments);
        command.env("APT_CONFIG", root.join("conf")).current_dir(root.join("debs"));
        run(command, doing, stop)
    };
    apt("apt-get", "update", &[])?;
    let mut names = Vec::new();
    for wanted in packages {
        match wanted {
            Wanted::Package(name) => names.push((*name).to_owned()),
            Wanted::Behind(name) => {
                let text = apt("apt-cache", "depends", &[name])?;
                names.push(first_dependency(&text).ok_or_else(|| Error::NoPackage {
                    package: (*name).to_owned(),
                    release: release.to_owned(),
                    architecture: source.architecture.to_owned(),
                })?);
            }
            Wanted::WithLibraries(name) => {
                names.push((*name).to_owned());
                let what = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
                let what: Vec<String> = what.iter().map(|what| format!("--no-{what}")).collect();
                let words = what.iter().map(String::as_str).chain(["--recurse", *name]);
                names.extend(libraries(&apt("apt-cache", "depends", &words.collect::<Vec<_>>())?));
            }
        }
    }
    names.sort();
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    apt("apt-get", "download", &names)?;
    let debs = root.join("debs");
    let os = |source| Error::Os { path: debs.clone(), source };
    let mut found: Vec<PathBuf> = std::fs::read_dir(&debs)
        .map_err(os)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(os)?;
    found.retain(|path| path.extension().is_some_and(|ending| ending == "deb"));
    found.sort();
    Ok(Fetched { packages: found, _directory: directory })
}

/// apt's configuration for a directory of its own, with the host's way to its mirror.
fn configuration(root: &Path, architecture: &str, connection: &str) -> String {
    let root = root.display();
    let mut text = format!("Dir \"{root}\";\n");
    for (name, path) in [
        ("State", "state"),
        ("State::status", "status"),
        ("Cache", "cache"),
        ("Etc", "etc"),
        ("Etc::sourcelist", "sources"),
    ] {
        // Writing to a String can't fail.
        let _ = writeln!(text, "Dir::{name} \"{root}/{path}\";");
    }
    text.push_str(
        "Dir::Etc::sourceparts \"-\";\n\
         Dir::Etc::trusted \"/etc/apt/trusted.gpg\";\n\
         Dir::Etc::trustedparts \"/etc/apt/trusted.gpg.d\";\n\
         Dir::Etc::netrc \"/etc/apt/auth.conf\";\n\
         Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n\
         Acquire::Languages \"none\";\n\
         APT::Update::Error-Mode \"any\";\n",
    );
    let _ = writeln!(
        text,
        "APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};"
    );
    text.push_str(connection);
    text
}

/// The first package that `apt-cache depends` names.
fn first_dependency(text: &str) -> Option<String> {
    let name = text.lines().find_map(|line| line.trim().strip_prefix("Depends: "))?;
    // A package that nobody has stands in angle brackets; one of another architecture has that behind a colon.
    let name = name.split(':').next()?;
    (!name.starts_with('<')).then(|| name.to_owned())
}

/// The libraries among what `apt-cache depends --recurse` names, each at the beginning of a line. Programs that their
/// installation needs aren't needed by what is installed.
fn libraries(text: &str) -> impl Iterator<Item = String> {
    let names = text.lines().filter_map(|line| line.split(':').next());
    names.filter(|name| name.starts_with("lib")).map(str::to_owned)
}

/// The host's settings for proxies and the like, as apt writes them.
fn host_connection(stop: &Stop) -> Result<String, Error> {
    let mut command = Command::new("apt-config");
    command.arg("dump");
    let dump = run(command, "config dump", stop)?;
    Ok(dump
        .lines()
        .filter(|line| CONNECTION.iter().any(|name| line.starts_with(name)))
        .fold(String::new(), |text, line| text + line + "\n"))
}

/// The archive from which the host's own Debian comes.
fn host_mirror(stop: &Stop) -> Result<String, Error> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]);
    let targets = run(command, "indextargets", stop)?;
    first_mirror(&targets).ok_or(Error::NoMirror)
}

/// The first archive among apt's index targets that is a release's own: not its security or backports, and
/// not somebody else's.
fn first_mirror(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (release, component, uri) = (words.next()?, words.next()?, words.next()?);
        let known = ["bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"];
        (known.contains(&release) && component == "main" && !uri.starts_with("cdrom:"))
            .then(|| uri.trim_end_matches('/').to_owned())
    })
}

/// Runs a command of apt's to its end, or until Ctrl-C; gives what it printed.
fn run(mut command: Command, doing: &'static str, stop: &Stop) -> Result<String, Error> {
    let scratch = || tempfile::tempfile().map_err(|source| Error::Os { path: std::env::temp_dir(), source });
    // Files and not pipes: nobody has to empty them while waiting.
    let (out, told) = (scratch()?, scratch()?);
    let dup =
        |file: &File| file.try_clone().map_err(|source| Error::Os { path: std::env::temp_dir(), source });
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(dup(&out)?).stderr(dup(&told)?);
    let mut child = command.spawn().map_err(|source| Error::NoApt { source })?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(source) => return Err(Error::NoApt { source }),
        }
        if stop.wait(Duration::from_millis(50)) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::Stopped);
        }
    };
    if status.success() {
        return Ok(whole(&out));
    }
    let told = whole(&told);
    let errors: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("E: ")).collect();
    let said = if errors.is_empty() { status.to_string() } else { errors.join("; ") };
    Err(Error::Failed { doing, said })
}

fn whole(file: &File) -> String {
    let mut bytes = Vec::new();
    let len = crate::image::read_at::ReadAt::size(file).unwrap_or(0);
    bytes.resize(usize::try_from(len).unwrap_or(0), 0);
    let _ = crate::image::read_at::ReadAt::read_exact_at(file, &mut bytes, 0);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_hosts_own_release() {
        let targets = "bookworm-security main http://security.example/debian-security/\n\
                       nodistro main https://other.example/x\n\
                       bookworm contrib http://contrib.example/debian/\n\
                       bookworm main http://mirror.example/debian/\n\
                       trixie main http://second.example/debian/\n";
        assert_eq!(first_mirror(targets).as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(first_mirror("bookworm main cdrom:[x]/\nshort\n"), None);
    }

    #[test]
    fn a_kernels_own_package_is_behind_its_metapackage() {
        let text = "linux-image-rpi\n  Depends: linux-image-6.1.0-50-rpi\n  Suggests: x\n";
        assert_eq!(first_dependency(text).as_deref(), Some("linux-image-6.1.0-50-rpi"));
        assert_eq!(first_dependency("a\n  Depends: b:armhf\n").as_deref(), Some("b"));
        assert_eq!(first_dependency("a\n  Depends: <b>\n"), None);
        let text = "parted\n  Depends: libc6\n  PreDepends: dpkg\nlibc6:armhf\n  Depends: libgcc-s1\nlibgcc-s1\n<libx>\ndpkg\n";
        assert_eq!(libraries(text).collect::<Vec<_>>(), ["libc6", "libgcc-s1"]);
        assert_eq!(first_dependency(""), None);
    }

    #[test]
    fn a_command_that_fails_says_why_and_one_that_hangs_can_be_stopped() {
        let stop = Stop::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'W: no'; echo 'E: first' >&2; echo 'E: second' >&2; exit 100"]);
        let error = run(command, "update", &stop).unwrap_err();
        assert_eq!(error.to_string(), "apt-get update failed: first; second");
        assert_eq!(error.kind(), Kind::Unavailable);
        let missing = run(Command::new("/nonexistent/apt-get"), "update", &stop).unwrap_err();
        assert!(missing.hint().unwrap().names(Knob::Deb));
        stop.set();
        let mut command = Command::new("sleep");
        command.arg("60");
        assert!(matches!(run(command, "download", &stop), Err(Error::Stopped)));
    }
}
