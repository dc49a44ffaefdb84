//! The morning after a night of several hosts: all processes of the night are dead, and everything has to settle. First without
//! a person; then somebody says which hosts are dead.

use std::sync::PoisonError;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tryon::engine::SlotCount;
use tryon::job::StateName;
use tryon::queue::HostState;

use crate::accounts::{ENDPOINT, endpoints_of_two};
use crate::books::Task;
use crate::night::Night;
use crate::weather::{Death, Process};
use crate::world::Fate;

use super::machine::Machine;
use super::plan::{Life, Morning, Plan, Proof};
use super::{Several, Start};

/// This many times hosts work in the morning: each takes up what was left before.
const MOST_ROUNDS: usize = 4;

/// A run that has not ended after so long never does.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Within this time a host that is added has its share, once the tasks of the others have ended.
const SHARE_WITHIN: Duration = Duration::from_secs(5);

impl Several {
    pub(super) async fn morning(&self) {
        let mut places = match self.plan.morning {
            Morning::One => vec![Machine::of("day")],
            Morning::Two => vec![Machine::of("day-1"), Machine::of("day-2")],
            Morning::TheSame => self.places.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        self.watches.iter().for_each(|watch| watch.slots.store(0, std::sync::atomic::Ordering::Relaxed));
        let mut number = self.night.weather.processes.len();
        for round in 0..MOST_ROUNDS {
            if round == 1 {
                self.check_settled().await;
                self.forget_all().await;
            }
            let mut working: FuturesUnordered<_> = FuturesUnordered::new();
            for place in &mut places {
                working.push(self.live(self.in_the_morning(place, number)));
                number += 1;
            }
            while working.next().await.is_some() {}
            let counts = self.person.counts().await.expect("the queue");
            if counts.left() == 0 && (round > 0 || counts.of(StateName::InDoubt) == 0) {
                break;
            }
        }
    }

    fn in_the_morning(&self, place: &mut Machine, number: usize) -> Start {
        let host = self.machines.next(place, Proof::Lock, self.plan.lease, number);
        let process = Process { death: Death::ByItself, rest: Duration::ZERO, budget: None, slots: None };
        let life =
            Life { number, process, fate: Fate::default(), proof: Proof::Lock, next_beside: None, is_forgotten: false };
        let mut start = self.start_of(&life, host, self.now() + LONGEST);
        start.setup = self.night.setup(None);
        start.setup.slots = SlotCount::Auto;
        start.is_morning = true;
        start
    }

    /// What is left is the doubt of hosts that are not proven dead.
    async fn check_settled(&self) {
        // A task that is stuck may outlast --task-timeout.
        let is_stuck = self.night.providers.iter().any(|provider| provider.weather.stuck > 0.0);
        let states = [StateName::Submitting, StateName::Downloading, StateName::Running];
        let states = &states[..if is_stuck { 2 } else { 3 }];
        for job in self.person.active(states, 10_000).await.expect("the queue") {
            self.night.is_wrong(format!("{} is left {:?} by the morning's first run", job.spec.id, job.state));
        }
        let weather = &self.night.weather;
        let mut knows_ids = weather.bad_pairs == 0.0;
        let (one, two) = ([ENDPOINT.to_owned()], endpoints_of_two());
        for endpoint in if self.night.providers.len() > 1 { &two[..] } else { &one[..] } {
            knows_ids &= self.person.external_ids(endpoint).await.expect("the queue") == Some(true);
        }
        let counts = self.person.counts().await.expect("the queue");
        let hosts = self.person.hosts().await.expect("the queue");
        let unproven: u64 =
            hosts.iter().filter(|host| !matches!(host.state, HostState::Dead(_))).map(|host| host.in_doubt).sum();
        let in_doubt = counts.of(StateName::InDoubt);
        if knows_ids && in_doubt > unproven {
            self.night.is_wrong(format!("{in_doubt} jobs are left in doubt, {unproven} by hosts that may live"));
        }
    }

    /// All processes of the night are dead: a person says so.
    async fn forget_all(&self) {
        // Hosts whose leases are not over are not forgotten.
        tokio::time::sleep(self.plan.lease + Duration::from_secs(1)).await;
        let hosts = self.person.hosts().await.expect("the queue");
        let mut names: Vec<String> =
            hosts.into_iter().filter(|host| !matches!(host.state, HostState::Dead(_))).map(|host| host.name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.forget(&name).await;
        }
    }
}

/// A host that was added to one that had all slots has had its share soon.
pub(super) fn check_share(night: &Night, plan: &Plan) {
    let added = &plan.hosts[1];
    let longest = Duration::from_millis(night.weather.task_ms.1);
    let until = added.starts + longest + SHARE_WITHIN;
    let (mut most, mut later) = (0, 0);
    for provider in &night.providers {
        let books = provider.books();
        let own: Vec<&Task> = books.tasks.iter().filter(|task| task.process == added.lives[0].number).collect();
        let at_once = |at: Duration| own.iter().filter(|task| task.made_at <= at && task.ends_at > at).count();
        most += own.iter().filter(|task| task.made_at <= until).map(|task| at_once(task.made_at)).max().unwrap_or(0);
        later += books.tasks.iter().filter(|task| task.made_at > until).count();
    }
    let share = plan.slots.unwrap_or(0) / 2;
    if later > 0 && most < share {
        night.is_wrong(format!("a host that was added had {most} slots after {until:?}, and its share is {share}"));
    }
}
