//! What a night of several hosts is like: which processes there are, what befalls each, and how it starts again.

use std::time::Duration;

use crate::dice::Dice;
use crate::weather::{Death, Process, Weather, early};
use crate::world::Fate;

/// By what a start is known, beside its host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It takes the lock that the process before it had, on the same boot.
    Lock,
    /// Somebody has removed the lock file, and it makes another one: that proves nothing.
    OtherLock,
    /// Its machine has booted.
    Reboot,
    /// Another machine has the host's name.
    OtherMachine,
    /// It cannot tell which machine it is on.
    Unknown,
}

/// One process of a host.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) number: usize,
    pub(crate) process: Process,
    /// Times since its start.
    pub(crate) fate: Fate,
    pub(crate) proof: Proof,
    /// The next one starts so long after this one's start, while it is stopped.
    pub(crate) next_beside: Option<Duration>,
    /// A person says that it is dead, once it is.
    pub(crate) is_forgotten: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) starts: Duration,
    pub(crate) lives: Vec<Life>,
}

/// Who works in the morning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Morning {
    /// One new host.
    One,
    /// Two new hosts at once.
    Two,
    /// The hosts of the night, with the locks of their last processes.
    TheSame,
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) lease: Duration,
    pub(crate) hosts: Vec<Host>,
    /// `--concurrency`, the same for all.
    pub(crate) slots: Option<usize>,
    pub(crate) morning: Morning,
    /// Nothing goes wrong, and the second host is added to a first one that has all slots.
    pub(crate) is_added: bool,
}

impl Plan {
    /// Draws a plan, and makes the weather fit it.
    pub(crate) fn of(dice: &mut Dice, weather: &mut Weather) -> Self {
        weather.foreign = None;
        let lease = Duration::from_secs(dice.one_of(&[8, 15, 30]));
        let until = Duration::from_secs(dice.one_of(&[60, 120, 240]));
        let mut plan = Self {
            lease,
            hosts: Vec::new(),
            slots: dice.chance(0.5).then(|| dice.between(1, 8) as usize),
            morning: dice.one_of(&[Morning::One, Morning::Two, Morning::TheSame, Morning::TheSame]),
            is_added: dice.chance(0.05),
        };
        let (hosts, has_budget) = (dice.between(2, 3), dice.chance(0.2));
        let mut number = 0;
        for host in 0..hosts {
            let starts =
                if host == 0 { Duration::ZERO } else { dice.time(0, dice.clone().one_of(&[50, 5_000, 40_000])) };
            let lives = (0..dice.between(1, 3)).map(|_| {
                let mut life = life(dice, lease, number);
                life.process.budget = has_budget.then(|| dice.between(0, 8));
                number += 1;
                life
            });
            plan.hosts.push(Host { name: format!("host-{host}"), starts, lives: lives.collect() });
        }
        if dice.chance(0.7) {
            have_much_to_do(weather, dice);
        }
        weather.calm_from = until;
        match dice.below(10) {
            0 => plan.contest_doubt(weather, dice),
            1 => plan.have_a_sleeper(weather, dice),
            2 => plan.be_overtaken(weather, dice),
            _ => {}
        }
        if plan.is_added {
            plan.be_an_addition(weather, dice);
        }
        weather.processes = plan.hosts.iter().flat_map(|host| &host.lives).map(|life| life.process).collect();
        plan
    }

    /// The doubt of a host that is proven dead is settled by all others at once, and one after the other sends it again, for
    /// want of slots. Whoever does so by what was asked before another one has sent it pays twice.
    fn contest_doubt(&mut self, weather: &mut Weather, dice: &mut Dice) {
        use crate::weather::{Ids, Odd};
        weather.ids = Ids::Charged { echoed: true };
        weather.oddities = vec![Odd::AnswerLost, Odd::AnswerLost, Odd::RequestLost];
        (weather.odd_creates, weather.odd_queries) = (0.6, 0.0);
        weather.outages.clear();
        (weather.jobs, weather.cap, weather.max_in_doubt) = (24, 6, 1_000);
        weather.task_ms = (8_000, 30_000);
        (weather.bad_pairs, weather.own_id_lag_ms, weather.step_ms) = (0.0, 0, 0);
        weather.calm_from = Duration::from_secs(240);
        self.slots = Some(dice.between(2, 5) as usize);
        for host in &mut self.hosts {
            host.starts = dice.time(0, 2_000);
            let lives: Vec<Life> = host.lives.iter().cycle().take(3).cloned().collect();
            host.lives = lives;
            for life in &mut host.lives {
                life.process.death = if dice.chance(0.5) {
                    Death::At(dice.time(3_000, 90_000))
                } else {
                    Death::Interrupted(dice.time(3_000, 90_000))
                };
                life.process.rest = dice.time(0, 2_000);
                life.proof = Proof::Lock;
                (life.next_beside, life.process.budget) = (None, None);
                life.fate.at_create = None;
            }
        }
        let lives = self.hosts.iter_mut().flat_map(|host| &mut host.lives);
        lives.enumerate().for_each(|(number, life)| life.number = number);
    }

    /// Two hosts are told that the provider knows nothing of a dead host's submissions. One is stopped with these answers in
    /// hand, for less than its lease; the other sends the jobs again meanwhile, loses some of the answers and says goodbye.
    /// Whoever wakes and goes by what was asked before pays twice.
    fn be_overtaken(&mut self, weather: &mut Weather, dice: &mut Dice) {
        use crate::weather::{DOUBT_AGE, Ids, Odd};
        weather.ids = Ids::Charged { echoed: true };
        weather.oddities = vec![Odd::AnswerLost, Odd::RequestLost];
        (weather.odd_creates, weather.odd_queries, weather.bad_pairs) = (0.7, 0.0, 0.0);
        (weather.jobs, weather.cap, weather.max_in_doubt) = (24, 40, 1_000);
        (weather.own_id_lag_ms, weather.step_ms, weather.empty) = (0, 0, None);
        weather.task_ms = (3_000, 12_000);
        weather.outages.clear();
        weather.calm_from = Duration::from_secs(240);
        (self.slots, self.lease) = (None, Duration::from_secs(30));
        let first = Process { death: Death::ByItself, rest: Duration::ZERO, budget: None, slots: None };
        let dies = dice.time(4_000, 10_000);
        // What it left is taken up within seconds, and asked about at once, after 5, 15 and 35 s, and when that counts.
        let counts = dies + DOUBT_AGE;
        let lives = [
            (Death::Interrupted(dies), Fate::default()),
            (Death::Interrupted(counts + dice.time(3_000, 18_000)), Fate::default()),
            (
                Death::ByItself,
                Fate {
                    at_unknown: Some((counts - Duration::from_secs(15), dice.time(20_000, 27_000))),
                    ..Fate::default()
                },
            ),
        ];
        self.hosts = (0..)
            .zip(lives)
            .map(|(number, (death, fate))| Host {
                name: format!("host-{number}"),
                starts: Duration::ZERO,
                lives: vec![Life {
                    number,
                    process: Process { death, ..first },
                    fate,
                    proof: Proof::Lock,
                    next_beside: None,
                    is_forgotten: false,
                }],
            })
            .collect();
    }

    /// A process is stopped just before a create leaves, for long after its doubt could be settled, and others start beside it.
    /// Whoever takes it for dead pays twice when it wakes.
    fn have_a_sleeper(&mut self, weather: &mut Weather, dice: &mut Dice) {
        use crate::weather::Ids;
        weather.ids = dice.one_of(&[Ids::Charged { echoed: true }, Ids::Refused { echoed: true }]);
        (weather.odd_creates, weather.odd_queries, weather.bad_pairs) = (0.0, 0.0, 0.0);
        (weather.jobs, weather.cap, weather.max_in_doubt) = (weather.jobs.max(12), weather.cap.max(4), 1_000);
        (weather.own_id_lag_ms, weather.step_ms, weather.empty) = (0, 0, None);
        weather.outages.clear();
        weather.calm_from = Duration::from_secs(300);
        self.slots = None;
        let host = &mut self.hosts[0];
        let mut lives: Vec<Life> = host.lives.iter().cycle().take(2).cloned().collect();
        let process = Process { death: Death::ByItself, rest: Duration::ZERO, budget: None, slots: None };
        let asleep = dice.time(110_000, 200_000);
        lives[0].fate = Fate { at_create: Some((dice.between(2, 6), asleep)), ..Fate::default() };
        (lives[0].process, lives[0].next_beside) = (process, Some(self.lease + dice.time(1_000, 20_000)));
        (lives[1].process, lives[1].next_beside, lives[1].fate) = (process, None, Fate::default());
        host.lives = lives;
        let lives = self.hosts.iter_mut().flat_map(|host| &mut host.lives);
        lives.enumerate().for_each(|(number, life)| life.number = number);
    }

    /// The one night whose course is known: see [`Self::is_added`].
    fn be_an_addition(&mut self, weather: &mut Weather, dice: &mut Dice) {
        let slots = dice.between(2, 8) as usize;
        self.slots = Some(slots);
        self.hosts.truncate(2);
        self.hosts[1].starts = dice.time(8_000, 15_000);
        for host in &mut self.hosts {
            host.lives.truncate(1);
            host.lives[0].process = Process { death: Death::ByItself, rest: Duration::ZERO, budget: None, slots: None };
            host.lives[0].fate = Fate { ahead: host.lives[0].fate.ahead, ..Fate::default() };
            host.lives[0].next_beside = None;
        }
        self.hosts[1].lives[0].number = 1;
        weather.cap = slots + 2;
        weather.others = 0;
        weather.jobs = slots * 12;
        (weather.dedupe, weather.step_ms, weather.max_in_doubt, weather.question) = (false, 0, 1_000, (20, false));
        weather.task_ms = (3_000, 6_000);
        (weather.stuck, weather.tasks_fail, weather.bad_pairs) = (0.0, 0.0, 0.0);
        (weather.odd_creates, weather.odd_queries, weather.odd_downloads) = (0.0, 0.0, 0.0);
        (weather.outages, weather.empty, weather.jumps) = (Vec::new(), None, Vec::new());
        weather.calm_from = Duration::from_secs(200);
    }
}

/// Tasks that take a while, and are found by our ids: so that there is something to take over, and to be told of.
fn have_much_to_do(weather: &mut Weather, dice: &mut Dice) {
    use crate::weather::Ids;
    weather.jobs = weather.jobs.max(dice.between(8, 24) as usize);
    weather.cap = weather.cap.max(4);
    weather.task_ms = dice.one_of(&[(3_000, 12_000), (8_000, 30_000)]);
    weather.ids = dice.one_of(&[Ids::Refused { echoed: true }, Ids::Charged { echoed: true }]);
    weather.own_id_lag_ms = 0;
    if weather.odd_creates == 0.0 {
        (weather.odd_creates, weather.oddities) =
            (0.1, vec![crate::weather::Odd::RequestLost, crate::weather::Odd::AnswerLost]);
    }
}

fn life(dice: &mut Dice, lease: Duration, number: usize) -> Life {
    let death = match dice.below(10) {
        0..3 => Death::AtStep(dice.between(1, dice.clone().one_of(&[40, 150, 600]))),
        3..6 => Death::At(early(dice)),
        6 => Death::Interrupted(early(dice)),
        7 => Death::InterruptedAtStep(dice.between(1, 300)),
        _ => Death::ByItself,
    };
    let rest = if dice.chance(0.3) { dice.time(10_000, 90_000) } else { dice.time(0, 4_000) };
    let mut fate = Fate {
        ahead: if dice.chance(0.5) { dice.one_of(&[-7_200, -3_600, -61, 61, 3_600, 7_200]) } else { 0 },
        ..Fate::default()
    };
    if dice.chance(0.3) {
        fate.pauses.push((dice.time(200, 20_000), a_while(dice, lease)));
    }
    if dice.chance(0.2) {
        fate.at_step = Some((dice.between(5, 200), a_while(dice, lease)));
    }
    if dice.chance(0.4) {
        fate.at_create = Some((dice.between(1, 5), a_while(dice, lease)));
    }
    if dice.chance(0.2) {
        fate.cuts.push((dice.time(200, 30_000), a_while(dice, lease)));
    }
    let next_beside = fate
        .pauses
        .first()
        .filter(|(_, stop)| *stop > lease)
        .map(|(from, _)| *from + lease + dice.time(500, 15_000))
        .filter(|_| dice.chance(0.6));
    Life {
        number,
        process: Process { death, rest, budget: None, slots: None },
        fate,
        proof: dice.one_of(&[
            Proof::Lock,
            Proof::Lock,
            Proof::Lock,
            Proof::OtherLock,
            Proof::Reboot,
            Proof::OtherMachine,
            Proof::Unknown,
        ]),
        next_beside,
        is_forgotten: dice.chance(0.3),
    }
}

/// Shorter than the lease, around it, or much longer.
fn a_while(dice: &mut Dice, lease: Duration) -> Duration {
    let lease = lease.as_millis() as u64;
    match dice.below(4) {
        0 => dice.time(100, lease),
        1 => dice.time(lease, lease * 2),
        _ => dice.time(lease * 2, lease * 2 + 150_000),
    }
}
