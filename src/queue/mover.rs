//! Who moves a job, and whether it is theirs to move.

use crate::job::state::{JobState, Transition};

use super::columns::is_under_way;
use super::hosts::{Epoch, Holder};

/// Who moves a job.
#[derive(Debug, Clone, Copy)]
pub(in crate::queue) enum By {
    /// A worker that holds it in this attempt, for an epoch. Without one, for a run that has joined no others.
    Worker { attempt: u32, epoch: Option<Epoch> },
    /// A run that takes it, for an epoch.
    Run(Option<Epoch>),
    /// A person: no host has it then.
    Person,
    /// Another host, which writes down what has become of it: it remains the lapsed or dead epoch's.
    Survivor,
}

impl By {
    /// Whether it is done for an epoch, and so beside others perhaps.
    pub(in crate::queue) fn is_a_hosts(self) -> bool {
        matches!(self, Self::Worker { epoch: Some(_), .. } | Self::Run(Some(_)) | Self::Survivor)
    }

    /// The epoch that has a job after it was moved.
    pub(in crate::queue) fn epoch_after(self, after: &JobState) -> Option<i64> {
        match self {
            Self::Worker { epoch, .. } | Self::Run(epoch) if is_under_way(after) => epoch.map(|epoch| epoch.0),
            _ => None,
        }
    }
}

/// Whether a worker of an epoch may move a job of this holder: its own, or nobody's. Of a lapsed epoch's job the task may be
/// found, because that costs nothing; the doubt of a dead one is whoever's settles it.
pub(in crate::queue) fn is_allowed(
    holder: Option<Holder>,
    is_nobodys: bool,
    before: &JobState,
    transition: &Transition,
) -> bool {
    let is_in_doubt = matches!(before, JobState::InDoubt { .. });
    match holder {
        Some(Holder::Ours) => true,
        Some(Holder::Gone) => is_nobodys || is_in_doubt,
        Some(Holder::Lapsed) => is_in_doubt && matches!(transition, Transition::Accept { .. }),
        None => false,
    }
}
