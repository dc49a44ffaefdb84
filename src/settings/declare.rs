//! The macro behind the table of options: from a row come the field of [`Options`](super::Options), that of
//! [`Settings`](super::Settings), how one list is laid over another, and what `tryon config` shows.

macro_rules! declare_options {
    (
        $(
            $(#[doc = $doc:literal])*
            #[arg($($argument:tt)*)]
            $name:ident: $said:ty => $setting:ty, $how:tt $resolve:expr;
        )*
        derived { $($(#[doc = $derived_doc:literal])* $derived:ident: $derived_type:ty, by $derive:expr;)* }
        elsewhere { $($elsewhere:ident: $elsewhere_said:ty,)* }
    ) => {
        /// Every option that can be written in a file, in the environment or on the command line. `None` is "not said here".
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, clap::Args)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Options {
            $(
                $(#[doc = $doc])*
                #[arg($($argument)*)]
                pub $name: Option<$said>,
            )*
            $(
                /// Not an option of `run` alone, so not an argument here; see [`crate::cli`].
                #[arg(skip)]
                pub $elsewhere: Option<$elsewhere_said>,
            )*
        }

        impl Options {
            /// What is said here, and where nothing is said, what `below` says.
            #[must_use]
            pub fn or(self, below: Self) -> Self {
                Self {
                    $($name: self.$name.or(below.$name),)*
                    $($elsewhere: self.$elsewhere.or(below.$elsewhere),)*
                }
            }

            /// The names of those options that are no arguments of this list, as a settings file has them.
            pub(super) fn names_elsewhere() -> impl Iterator<Item = String> {
                [$(stringify!($elsewhere)),*].into_iter().map(|name| name.replace('_', "-"))
            }
        }

        /// What is in force for a run.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $(
                $(#[doc = $doc])*
                pub $name: $setting,
            )*
            $(
                $(#[doc = $derived_doc])*
                pub $derived: $derived_type,
            )*
        }

        impl Settings {
            /// Fills in the defaults of `docs/promises.md`, "Options of `run`", and checks what can be checked.
            ///
            /// # Errors
            /// A value that cannot be used, named by its option.
            pub fn resolve(options: &Options) -> Result<Self, SettingsError> {
                Ok(Self {
                    $($name: declare_options!(@resolve options.$name, $said, $setting, $how $resolve),)*
                    $($derived: $derive(options),)*
                })
            }

            /// Every option of `run` by its name, with its value as it can be written in a settings file; null where nothing is
            /// in force.
            #[must_use]
            pub fn in_force(&self) -> Vec<(String, serde_json::Value)> {
                vec![$((stringify!($name).replace('_', "-"), self.$name.in_force()),)*]
            }
        }
    };
    (@resolve $options:ident.$name:ident, $said:ty, $setting:ty, = $resolve:expr) => {{
        let resolve: fn(Option<$said>) -> $setting = $resolve;
        resolve($options.$name)
    }};
    (@resolve $options:ident.$name:ident, $said:ty, $setting:ty, by $resolve:expr) => {
        $resolve($options)?
    };
}

pub(super) use declare_options;
