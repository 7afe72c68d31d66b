//! The things that a remedy can name: settings of a job, and jobs. How each is worded is the edge's matter.

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
        /// Replace, or go on, all the same.
        Force,
    }
}

names! {
    /// A job of this program.
    Task {
        /// Show the settings, and where each comes from.
        ConfigShow,
    }
}
