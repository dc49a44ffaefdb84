//! The machines of a night: which process lives on which, and who has a lock. A lock is held by a process that is stopped, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tryon::queue::HostStart;

use crate::world::World;

use super::plan::Proof;

/// Where a host's next process starts.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    host: String,
    machine: u32,
    boot: u32,
    lock: u32,
}

/// A process that lives, be it stopped.
#[derive(Debug)]
struct Alive {
    number: usize,
    start: HostStart,
    world: Arc<World>,
}

#[derive(Debug, Default)]
pub(super) struct Machines {
    alive: Mutex<Vec<Alive>>,
    /// When the last process of a name ended.
    ended: Mutex<HashMap<String, Duration>>,
}

impl Machine {
    pub(super) fn of(host: &str) -> Self {
        Self { host: host.to_owned(), machine: 1, boot: 1, lock: 1 }
    }

    /// What a process says of itself that starts here now.
    fn start(&self, lease: Duration, is_unknown: bool, number: usize) -> HostStart {
        let Self { host, machine, boot, lock } = self;
        let known = |text: String| (!is_unknown).then_some(text);
        HostStart {
            name: host.clone(),
            machine: known(format!("{host} machine {machine}")),
            boot: known(format!("{host} machine {machine} boot {boot}")),
            lock: known(format!("{host} machine {machine} lock {lock}")),
            process: number as u32,
            lease,
        }
    }
}

impl Machines {
    fn alive(&self) -> MutexGuard<'_, Vec<Alive>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next process of a host says of itself. A reboot ends what lives on the machine.
    pub(super) fn next(&self, machine: &mut Machine, proof: Proof, lease: Duration, number: usize) -> HostStart {
        match proof {
            Proof::Lock | Proof::Unknown => {}
            Proof::OtherLock => machine.lock += 1,
            Proof::OtherMachine => machine.machine += 1,
            Proof::Reboot => {
                let here = machine.start(lease, false, number).machine;
                // One that cannot tell its machine is on this one.
                let is_here = |alive: &&Alive| {
                    alive.start.name == machine.host && (alive.start.machine.is_none() || alive.start.machine == here)
                };
                self.alive().iter().filter(is_here).for_each(|alive| alive.world.kill());
                machine.boot += 1;
            }
        }
        machine.start(lease, proof == Proof::Unknown, number)
    }

    /// Whether another process has the lock that a start would take.
    pub(super) fn has_lock(&self, start: &HostStart) -> bool {
        start.lock.is_some() && self.alive().iter().any(|alive| alive.start.lock == start.lock)
    }

    pub(super) fn begins(&self, number: usize, start: &HostStart, world: &Arc<World>) {
        self.alive().push(Alive { number, start: start.clone(), world: Arc::clone(world) });
    }

    pub(super) fn ends(&self, number: usize, now: Duration) {
        let mut alive = self.alive();
        if let Some(at) = alive.iter().position(|alive| alive.number == number) {
            let ended = alive.remove(at);
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(ended.start.name, now);
        }
    }

    /// Whether another process than `number` bears the name, or has borne it since a moment.
    pub(super) fn is_borne(&self, name: &str, number: usize, since: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        self.alive().iter().any(|alive| alive.start.name == name && alive.number != number)
            || ended.get(name).is_some_and(|at| *at >= since)
    }
}
