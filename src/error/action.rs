//! The things that a remedy can name: settings of a job, jobs, and commands of the host. How each is worded is the edge's
//! matter.

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Give a setting of this job another value: this one, or one that only the user knows.
    Set {
        /// Which.
        knob: Knob,
        /// The value, as it would be typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Don't give that setting.
    LeaveOut {
        /// Which.
        knob: Knob,
    },
    /// Another job of this program.
    Task {
        /// Which.
        task: Task,
        /// What it is done with, in the order in which [`Task`] says; what is missing only the user knows.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<String>,
    },
    /// A command of the host, to copy.
    Host {
        /// The program and its arguments. Words in capitals stand for what only the user knows.
        command: Vec<String>,
        /// Whether it needs root.
        root: bool,
    },
    /// Install packages of the host's distribution, by their names in Debian.
    Install {
        /// Their names.
        packages: Vec<String>,
    },
    /// Do the same as root.
    AsRoot,
    /// Give the image as a stream, as it comes from somewhere else.
    Stream,
}

impl Action {
    /// A command of the host that anybody may give; its words have spaces between them.
    #[must_use]
    pub fn host(command: &str) -> Self {
        Self::Host { command: command.split(' ').map(str::to_owned).collect(), root: false }
    }

    /// A command of the host that needs root.
    #[must_use]
    pub fn host_as_root(command: &str) -> Self {
        Self::Host { command: command.split(' ').map(str::to_owned).collect(), root: true }
    }

    /// With one more argument, whatever is in it; for a command of the host or a job of this program.
    #[must_use]
    pub fn arg(mut self, argument: impl ToString) -> Self {
        if let Self::Host { command: words, .. } | Self::Task { with: words, .. } = &mut self {
            words.push(argument.to_string());
        }
        self
    }

    /// Install packages.
    #[must_use]
    pub fn install<const N: usize>(packages: [&str; N]) -> Self {
        Self::Install { packages: packages.map(str::to_owned).into() }
    }
}

impl Knob {
    /// Give it this value.
    #[must_use]
    pub fn to(self, value: impl ToString) -> Action {
        Action::Set { knob: self, value: Some(value.to_string()) }
    }

    /// Don't give it.
    #[must_use]
    pub const fn left_out(self) -> Action {
        Action::LeaveOut { knob: self }
    }
}

impl Task {
    /// With what; [`Action::arg`] takes more.
    #[must_use]
    pub fn of(self, argument: impl ToString) -> Action {
        Action::from(self).arg(argument)
    }
}

impl From<Knob> for Action {
    fn from(knob: Knob) -> Self {
        Self::Set { knob, value: None }
    }
}

impl From<Task> for Action {
    fn from(task: Task) -> Self {
        Self::Task { task, with: Vec::new() }
    }
}

/// Names, each with its place in a list of all.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])+ $item:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$doc])+ $item,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$item),+];
        }
    };
}

names! {
    /// A setting of a job, which its user gives when he starts it.
    Knob {
        /// The client's address.
        Address,
        /// A folder outside the payload that its links may lead to.
        Allow,
        /// The kind of card that is served.
        Card,
        /// The GPIO chip.
        Chip,
        /// Where boards' own files are kept.
        Clients,
        /// The configuration file.
        Config,
        /// The name of what can't be taken back, to show that it is meant.
        Confirm,
        /// A Debian package that is there as a file.
        Deb,
        /// Only tell what would be done.
        DryRun,
        /// A path of the source that isn't copied.
        Exclude,
        /// Replace, or go on, all the same.
        Force,
        /// This host's address on its boards' side, with the length of its prefix.
        HostAddress,
        /// The network interface.
        Interface,
        /// The GPIO line.
        Line,
        /// Where this host listens for boards.
        Listen,
        /// The tree that USB boot serves.
        Live,
        /// Where Debian's packages are fetched from.
        Mirror,
        /// Whether network boot gives addresses, or only tells boards where to boot from.
        Mode,
        /// Reset nothing: boards are switched on by hand.
        NoReset,
        /// The network that the clients are in.
        Network,
        /// Leave the exports to somebody else.
        NoExports,
        /// The directory that is written to.
        OutputDir,
        /// How large the parts of an image are.
        PartSize,
        /// The directory with what a board is given over USB.
        Payload,
        /// The addresses that are given out.
        Range,
        /// The release of Debian.
        Release,
        /// The server's address, as the clients see it.
        Server,
        /// The name of the root that clients share.
        Shared,
        /// How much of the image's start is left out.
        Skip,
        /// Where compressed images are unpacked.
        SpoolDir,
        /// Where this program keeps its state.
        State,
        /// The targets database.
        Targets,
        /// The directory that is served over TFTP.
        TftpRoot,
        /// How long something is waited for.
        Timeout,
        /// How large U-Boot's partition is.
        UbootSize,
        /// Tell more.
        Verbose,
        /// What a board is expected to become.
        WaitFor,
    }
}

names! {
    /// A job of this program, and what it is done with.
    Task {
        /// Make a recovery card.
        CardBuild,
        /// Make a recovery card with a secret; with the secret's file.
        CardBuildSecret,
        /// Look whether an image fits a recovery card; with the image.
        CardCheck,
        /// Make what a board boots from over the network.
        ClientAdd,
        /// Look whether a netboot client is as it should be; with its name.
        ClientCheck,
        /// List the netboot clients.
        ClientList,
        /// Remove a netboot client; with its name.
        ClientRemove,
        /// Rename a netboot client; with its name and the new one.
        ClientRename,
        /// Put a netboot client right; with its name.
        ClientRepair,
        /// Change what a netboot client's board, server, network or mode is; with its name.
        ClientSet,
        /// Show a netboot client; with its name.
        ClientShow,
        /// Show the settings, and where each comes from.
        ConfigShow,
        /// List the runs on record.
        RunList,
        /// Look at what this host needs.
        Doctor,
        /// Make a card that lets a board boot from the network; with the directory of its boot partition.
        EnableCard,
        /// Change the boot order in an EEPROM image; with the image.
        EnableEeprom,
        /// Take the signature out of an EEPROM image, with all that it protects; with the image.
        EepromUnsign,
        /// Flash boards.
        Flash,
        /// Give this host's interface on its boards' side a fixed address; with the interface, and the address with its
        /// prefix.
        HostNetwork,
        /// Take back what was changed of this host's network.
        HostNetworkUndo,
        /// The same of another host's root; with its place.
        HostNetworkUndoBelow,
        /// List the boards that are seen over USB.
        List,
        /// Look whether this host can serve roots over NFS.
        Nfs,
        /// Serve network boot.
        Serve,
        /// Build the first stage of USB boot; with the processor's architecture and the directory.
        Stage1,
        /// Put a board into the targets database; with its name and its MAC address.
        TargetsAdd,
        /// Say all that is wrong with a targets database; with its file.
        TargetsCheck,
        /// List the targets database.
        TargetsList,
        /// Take a board out of the targets database; with its name.
        TargetsRemove,
        /// Write a targets database anew, in the present form; with its file.
        TargetsRewrite,
        /// Let the users of this host boot boards over USB.
        UdevInstall,
        /// Let a group of users of this host boot boards over USB; with its name.
        UdevInstallGroup,
        /// Compare an image with the checksum of its publisher; with the image and its sha256.
        Verify,
        /// Watch network boots on the wire.
        Watch,
    }
}
