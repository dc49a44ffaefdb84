//! What can befall a host or the database.

use std::time::Duration;

use super::database::Stop;
use super::fleet::LEASE;
use crate::support::provider::Dice;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, and a start soon after.
    Kill,
    /// SIGKILL of a host that never comes back; a person says so in the end.
    KillForGood,
    /// SIGSTOP for less than the lease.
    Doze,
    /// SIGSTOP for longer than the lease.
    Sleep,
    /// The same, and somebody starts it again beside the one that is stopped.
    SleepBeside,
    /// The same, and the stopped one is killed, and started again.
    SleepBesideAndKill,
    /// SIGTERM, and a start soon after.
    Goodbye,
    Restart(Stop),
    /// All connections are cut.
    Cut,
    /// The database is away for less than the lease, or for longer.
    Away(Stop, Duration),
    /// The pooler crashes.
    Pooler,
}

impl Fault {
    /// Draws one. Each word is there as often as it is to come.
    pub(crate) fn draw(dice: &mut Dice, has_pooler: bool) -> Self {
        let how = if dice.below(2) == 0 { Stop::Fast } else { Stop::Immediate };
        match dice.below(if has_pooler { 31 } else { 29 }) {
            0..=6 => Self::Kill,
            7 => Self::KillForGood,
            8..=10 => Self::Doze,
            11..=14 => Self::Sleep,
            15 => Self::SleepBeside,
            16..=17 => Self::SleepBesideAndKill,
            18..=20 => Self::Goodbye,
            21..=23 => Self::Restart(how),
            24..=25 => Self::Cut,
            26..=27 => Self::Away(how, LEASE.mul_f64(0.2 + 0.5 * dice.roll())),
            28 => Self::Away(how, LEASE.mul_f64(1.2 + 0.5 * dice.roll())),
            _ => Self::Pooler,
        }
    }

    /// Whether it is about the database and the way to it.
    pub(crate) fn is_of_the_database(self) -> bool {
        matches!(self, Self::Restart(_) | Self::Cut | Self::Away(..) | Self::Pooler)
    }
}

/// For how long a host is stopped.
pub(crate) fn stopped_for(fault: Fault, dice: &mut Dice) -> Duration {
    match fault {
        Fault::Doze => LEASE.mul_f64(0.1 + 0.6 * dice.roll()),
        _ => LEASE.mul_f64(1.1 + 0.7 * dice.roll()),
    }
}
