//! A night of several hosts: their engines work at the same time on one queue, in one runtime.

mod machine;
mod morning;
mod plan;
mod rules;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tryon::ambient;
use tryon::engine::event::{Fact, RunEvent};
use tryon::engine::{self, Outcome, Resources, RunEnd, RunError, SlotCount};
use tryon::job::StateName;
use tryon::queue::{self, HostStart, Queue, QueueError};
use tryon::store::Scratch;

use crate::accounts::{self, Results};
use crate::dice::Dice;
use crate::night::{Ended, Night, Setup, Tally, Wrongs, paused_runtime};
use crate::oracle;
use crate::provider::{Process, Simulated};
use crate::weather::{Death, Weather};
use crate::world::{Fate, World};

use machine::{Machine, Machines};
use plan::{Host, Life, Plan};
use rules::Rules;
use watch::Watch;

/// One of this number of nights has several hosts: they take longer than others.
const EVERY: u64 = 64;

/// What a several-host night is about is drawn by the seed without its last digit of this base.
const KINDS: u64 = 8;

/// How long a start that is refused waits until it is tried again, as a supervisor does.
const UNTIL_NEXT_START: Duration = Duration::from_secs(2);

/// Whether several hosts work in the night of a seed.
pub(crate) fn is_of_several(seed: u64) -> bool {
    seed % EVERY == EVERY - 2
}

/// A night of several hosts.
struct Several {
    night: Night,
    plan: Plan,
    machines: Machines,
    /// Where each host of the plan starts next.
    places: Mutex<Vec<Machine>>,
    /// One for each account.
    watches: Vec<Arc<Watch>>,
    /// The queue, as a person has it.
    person: Arc<dyn Queue>,
    /// Looked at after each verb of a process.
    rules: Arc<Rules>,
    tally: Mutex<Tally>,
}

/// A process that is about to live.
struct Start {
    life: Life,
    host: HostStart,
    setup: Setup,
    world: Arc<World>,
    /// When it is killed; in the morning it has to have ended by then.
    until: Duration,
    is_morning: bool,
}

/// Lives through the night of a seed with several hosts. `is_told`: what happens is printed.
pub(crate) fn live_through(seed: u64, is_told: bool) -> Result<Tally, Wrongs> {
    let mut dice = Dice::new(seed);
    let mut weather = Weather::of(&mut dice);
    let plan = Plan::of(&mut Dice::new(seed ^ 0x5e7e_4a10), &mut weather);
    let night = Night::of(seed, weather, dice, is_told, seed / KINDS % KINDS == KINDS - 1);
    night.tell(&format!("{plan:#?}"));
    ambient::simulate_on_this_thread(None);
    ambient::simulate_on_this_thread(Some(seed));
    let runtime = paused_runtime();
    let mut night = runtime.block_on(async {
        let several = Several::begin(night, plan).await;
        several.pass().await;
        several.end()
    });
    drop(runtime);
    let wrongs = oracle::wrongs_of(&mut night);
    ambient::simulate_on_this_thread(None);
    if wrongs.is_empty() { Ok(night.tally) } else { Err(wrongs) }
}

impl Several {
    async fn begin(night: Night, plan: Plan) -> Self {
        night.world.process_begins(None);
        let person = queue::open_simulated(&night.queue, Box::new(|| Box::pin(async {})), false).expect("the queue");
        let endpoints = accounts::endpoints(&night.providers, 0, true, SlotCount::Auto, false);
        let mut watches = Vec::new();
        for (place, endpoint) in endpoints.into_iter().enumerate() {
            night.providers[place].books().account = 2 * place;
            watches.push(Arc::new(Watch {
                reads: queue::at(&night.queue).open_to_read().await.expect("the queue"),
                world: Arc::clone(&night.world),
                account: endpoint.account,
                slots: plan.slots.unwrap_or(0).into(),
                late: 0.into(),
            }));
        }
        let places = plan.hosts.iter().map(|host| Machine::of(&host.name)).collect();
        Self {
            night,
            plan,
            machines: Machines::default(),
            places: Mutex::new(places),
            watches,
            rules: Arc::new(Rules::of(Arc::clone(&person))),
            person,
            tally: Mutex::default(),
        }
    }

    async fn pass(&self) {
        let until = self.night.weather.calm_from;
        let mut hosts: FuturesUnordered<_> =
            self.plan.hosts.iter().enumerate().map(|(place, host)| self.host(place, host, until)).collect();
        while hosts.next().await.is_some() {}
        sleep(until.saturating_sub(self.now())).await;
        self.morning().await;
    }

    fn end(self) -> Night {
        let Self { mut night, tally, plan, watches, rules, .. } = self;
        let counted = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        if plan.is_added {
            morning::check_share(&night, &plan);
        }
        rules.wrongs().into_iter().for_each(|wrong| night.is_wrong(wrong));
        night.world.process_ends();
        night.tally.add(&counted);
        night.tally.of_several = 1;
        night.tally.late = watches.iter().map(|watch| watch.late.load(std::sync::atomic::Ordering::Relaxed)).sum();
        night.tally.virtual_time = night.world.time();
        night
    }

    fn now(&self) -> Duration {
        self.night.world.time()
    }

    fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The processes of one host: one after the other, as a rule.
    async fn host(&self, place: usize, host: &Host, until: Duration) {
        let mut living: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        sleep(host.starts).await;
        for life in &host.lives {
            if self.now() >= until {
                break;
            }
            let start = {
                let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
                self.machines.next(&mut places[place], life.proof, self.plan.lease, life.number)
            };
            while self.machines.has_lock(&start) && self.now() < until {
                beside(&mut living, sleep(Duration::from_secs(1))).await;
            }
            if self.now() >= until {
                break;
            }
            let began = self.now();
            living.push(Box::pin(self.live(self.start_of(life, start, until))));
            match life.next_beside {
                Some(after) => beside(&mut living, sleep(after)).await,
                None => while living.next().await.is_some() {},
            }
            beside(&mut living, sleep(life.process.rest)).await;
            let has_ended = !self.machines.is_borne(&host.name, usize::MAX, Duration::MAX);
            if life.is_forgotten && has_ended && self.now() > began {
                self.forget(&host.name).await;
            }
        }
        while living.next().await.is_some() {}
    }

    /// A person says that a host is dead, which is true.
    async fn forget(&self, name: &str) {
        match self.person.forget_host(name.to_owned()).await {
            Ok(epochs) => self.night.tell(&format!("{name} is forgotten: {epochs} epochs")),
            Err(QueueError::HostAtWork { .. } | QueueError::NoSuchHost(_)) => {}
            Err(error) => self.night.is_wrong(format!("{name} cannot be forgotten: {error}")),
        }
    }

    fn start_of(&self, life: &Life, host: HostStart, until: Duration) -> Start {
        let now = self.now();
        let at = |times: &[(Duration, Duration)]| {
            times.iter().map(|(from, time)| (now + *from, now + *from + *time)).collect::<Vec<_>>()
        };
        let at_unknown = life.fate.at_unknown.map(|(from, stop)| (now + from, stop));
        let fate = Fate { pauses: at(&life.fate.pauses), cuts: at(&life.fate.cuts), at_unknown, ..life.fate.clone() };
        let seed = self.night.seed ^ (life.number as u64 + 1) << 40;
        let world = World::of_one(&self.night.world, &self.night.weather, seed, life.process.death, fate);
        let mut setup = self.night.setup(Some(&life.process));
        setup.slots = self.plan.slots.map_or(SlotCount::Auto, SlotCount::AtMost);
        Start { life: life.clone(), host, setup, world: Arc::new(world), until, is_morning: false }
    }

    /// One process, until it ends or dies.
    async fn live(&self, start: Start) {
        let Start { life, host, setup, world, until, is_morning } = start;
        let (number, name) = (life.number, host.name.clone());
        self.night.tell(&format!("process {number} starts: {host:?}"));
        self.count(|tally| tally.processes += 1);
        self.machines.begins(number, &host, &world);
        let interrupted = CancellationToken::new();
        let deadline = async {
            tokio::select! {
                biased;
                () = world.interruption() => {}
                () = sleep(if is_morning { until } else { crate::weather::life(&life.process) }) => {}
            }
            if let Death::Interrupted(_) | Death::InterruptedAtStep(_) = life.process.death {
                interrupted.cancel();
                std::future::pending::<()>().await;
            }
        };
        let engine = Box::pin(self.start_until_it_may(number, &host, setup, &world, &interrupted));
        let ended = tokio::select! {
            biased;
            () = world.death() => Ended::Killed,
            () = deadline => Ended::Killed,
            () = sleep(until.saturating_sub(self.now())) => if is_morning { Ended::NeverEnds } else { Ended::Killed },
            ended = engine => Ended::Itself(ended),
        };
        if !matches!(ended, Ended::Itself(_)) {
            world.kill();
        }
        // Its tasks are dropped where they are.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        for provider in &self.night.providers {
            provider.books().given_up(self.now(), |arrival| arrival.process == number);
        }
        if world.has_run_in_circles() {
            self.night.is_wrong(format!("process {number} runs in circles"));
        }
        self.count(|tally| tally.stops += world.stops());
        world.process_ends();
        self.machines.ends(number, self.now());
        self.judge(number, &name, ended);
    }

    /// Works; a start that is refused because its host lives is tried again, as a supervisor does.
    async fn start_until_it_may(
        &self,
        number: usize,
        host: &HostStart,
        setup: Setup,
        world: &Arc<World>,
        interrupted: &CancellationToken,
    ) -> Result<Outcome, RunError> {
        loop {
            // It may have been stopped with the refusal in hand.
            let asked = self.now();
            let ended = self.work(number, host.clone(), &setup, world, interrupted.clone()).await;
            let Err(RunError::Queue(QueueError::HostAtWork { .. })) = &ended else { return ended };
            let margin = host.lease + Duration::from_secs(3);
            if !self.machines.is_borne(&host.name, number, asked.saturating_sub(margin)) {
                self.night.is_wrong(format!("process {number} is refused, and none of its name lives"));
            }
            // One that has worked was stopped meanwhile; its supervisor's next start would have a budget of its own.
            if interrupted.is_cancelled() || world.has_created() {
                return ended;
            }
            sleep(UNTIL_NEXT_START).await;
        }
    }

    async fn work(
        &self,
        number: usize,
        host: HostStart,
        setup: &Setup,
        world: &Arc<World>,
        interrupted: CancellationToken,
    ) -> Result<Outcome, RunError> {
        let night = &self.night;
        let (steps, rules) = (Arc::clone(world), Arc::clone(&self.rules));
        let between = Box::new(move || -> BoxFuture<'static, ()> {
            rules.look(number);
            let world = Arc::clone(&steps);
            Box::pin(async move { world.queue_step().await })
        });
        let queue = queue::open_simulated(&night.queue, between, true)?;
        let seen = |(provider, watch): (&Arc<Simulated>, &Arc<Watch>)| {
            let process = Process { number, watched: watch.clone() };
            Arc::new(provider.seen_by(process, Arc::clone(world)))
        };
        let providers: Vec<Arc<Simulated>> = night.providers.iter().zip(&self.watches).map(seen).collect();
        let has_rates = night.seed.is_multiple_of(4);
        let resources = Resources {
            queue,
            accounts: accounts::endpoints(&providers, 0, true, setup.slots, has_rates),
            results: Arc::new(Results(providers)),
            tree: night.tree.clone(),
            scratch: Scratch::new(night.queue.with_extension(format!("pictures-{number}"))),
            links: None,
            clock: world.clone(),
            host,
        };
        let most_in_doubt = setup.settings.max_in_doubt;
        let observe = |event: &RunEvent| self.observe(number, most_in_doubt, event);
        engine::run(resources, setup.settings.clone(), interrupted, observe).await
    }

    fn observe(&self, number: usize, most_in_doubt: u64, event: &RunEvent) {
        let night = &self.night;
        let (total, jobs) = (event.counts.total(), night.weather.jobs as u64);
        if total != jobs {
            night.is_wrong(format!("{total} jobs are counted, and there are {jobs}"));
        }
        let may_be = event.counts.of(StateName::InDoubt) + event.counts.of(StateName::Submitting);
        if may_be > most_in_doubt {
            night.is_wrong(format!("{may_be} jobs are in doubt over all hosts with --max-in-doubt {most_in_doubt}"));
        }
        if let Fact::Submitted { id, task_id, .. } = &event.fact {
            let pair = night.pair_of(id.as_str());
            let maker = night.providers.iter().find(|provider| provider.books().has_made(task_id, &pair));
            maker.expect("its provider").books().accepted.insert(number);
        }
        if !matches!(event.fact, Fact::Ticked) {
            night.tell(&format!("{number}: {:?}", event.fact));
        }
    }

    /// What a process's own end tells.
    fn judge(&self, number: usize, name: &str, ended: Ended) {
        let wrong = match ended {
            Ended::Killed => {
                self.count(|tally| tally.kills += 1);
                self.night.tell(&format!("process {number} is dead"));
                return;
            }
            Ended::NeverEnds => "the run does not end".to_owned(),
            // It was stopped, and another one bears its name by now.
            Ended::Itself(Err(RunError::Queue(QueueError::HostAtWork { .. })))
                if self.machines.is_borne(name, number, self.now().saturating_sub(self.plan.lease)) =>
            {
                return;
            }
            Ended::Itself(Err(error)) => format!("the run failed: {error}"),
            Ended::Itself(Ok(outcome)) => {
                self.count(|tally| tally.interruptions += u64::from(outcome.end == RunEnd::Interrupted));
                self.night.tell(&format!("process {number} ended: {:?} {:?}", outcome.end, outcome.counts));
                let is_morning = number >= self.night.weather.processes.len();
                if !is_morning || outcome.end == RunEnd::Done {
                    return;
                }
                format!("the morning ended with {:?}", outcome.end)
            }
        };
        self.night.is_wrong(format!("process {number}: {wrong}"));
    }
}

/// Waits, while processes live.
async fn beside(living: &mut FuturesUnordered<BoxFuture<'_, ()>>, wait: impl Future<Output = ()>) {
    let mut wait = std::pin::pin!(wait);
    loop {
        tokio::select! {
            biased;
            Some(()) = living.next() => {}
            () = &mut wait => return,
        }
    }
}
