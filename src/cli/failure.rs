//! How a command fails: what to tell the user, and the exit code.

use std::fmt::Display;

use crate::exit_code::ExitCode;
use crate::ops::this_host::HostError;
use crate::ops::{AdoptError, LoadError};
use crate::queue::QueueError;
use crate::report::ReportError;
use crate::settings::SettingsError;
use crate::store::OutputError;

/// An error that ends the program.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub code: ExitCode,
    /// What to tell the user.
    pub message: String,
}

impl Failure {
    /// Usage, configuration or manifest: nothing was spent.
    pub(super) fn usage(message: impl Display) -> Self {
        Self { code: ExitCode::Usage, message: message.to_string() }
    }

    /// The machine failed it.
    pub(super) fn machine(message: impl Display) -> Self {
        Self { code: ExitCode::Machine, message: message.to_string() }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self { code: ExitCode::of_queue(&error), message: error.to_string() }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::usage(error)
    }
}

/// An output folder that cannot be used: a disk that is full or read-only is the machine's fault, a place that cannot
/// be written to is a wrong choice.
impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match &error {
            OutputError::Machine { source, .. }
                if matches!(source.kind(), QuotaExceeded | ReadOnlyFilesystem | StorageFull) =>
            {
                Self::machine(error)
            }
            OutputError::Away { .. } => Self::machine(error),
            _ => Self::usage(error),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Rejected(_) | LoadError::Manifest(_) | LoadError::Inputs { .. } => Self::usage(error),
            LoadError::Output(error) => error.into(),
            LoadError::Queue(error) => error.into(),
            LoadError::Thread(error) => Self::machine(error),
        }
    }
}

impl From<AdoptError> for Failure {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::NoTaskId => Self::usage(error),
            AdoptError::Queue(error) => error.into(),
        }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Name(_) | HostError::NoName => Self::usage(error),
            HostError::Held { .. } => Self { code: ExitCode::Held, message: error.to_string() },
            HostError::Lock { .. } => Self::machine(error),
            HostError::Queue(error) => error.into(),
        }
    }
}

/// Errors of the commands that only read and print.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let in_queue = error.chain().find_map(|cause| match cause.downcast_ref::<ReportError>() {
            Some(ReportError::Queue(error)) => Some(error),
            _ => cause.downcast_ref::<QueueError>(),
        });
        let code = in_queue.map_or(ExitCode::Machine, ExitCode::of_queue);
        Self { code, message: format!("{error:#}") }
    }
}
