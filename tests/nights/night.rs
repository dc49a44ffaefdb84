//! One night: some processes, each with its death, and a calm morning in which everything has to settle.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tryon::ambient;
use tryon::engine::event::{Fact, RunEvent};
use tryon::engine::{self, InDoubtPolicy, Outcome, Patience, Resources, RunEnd, RunError, RunSettings, SlotCount};
use tryon::job::{ImageRef, ImageSource, JobId, JobSpec, JobState, StateName};
use tryon::provider::StopReason;
use tryon::queue::{self, ActiveJob, HostStart, Keeping, LoadRow, ManifestNames, Opening, QueueReads};
use tryon::store::{OutputTree, Scratch};

use crate::accounts::{self, Results};
use crate::books::Books;
use crate::dice::Dice;
use crate::oracle;
use crate::provider::Simulated;
use crate::weather::{DOUBT_AGE, Death, Process, Weather};
use crate::world::World;

/// A task that takes longer is left to the next run. Longer than an overdue task may go unasked about.
pub(crate) const TASK_TIMEOUT: Duration = Duration::from_secs(400);

/// A run that has not ended after so long never does.
const LONGEST_MORNING: Duration = Duration::from_secs(3_600);

/// This many runs are made in the morning: each takes up what the one before has left.
const MORNING_RUNS: usize = 3;

/// What came of a night.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) nights: u64,
    pub(crate) jobs: u64,
    pub(crate) processes: u64,
    pub(crate) kills: u64,
    pub(crate) interruptions: u64,
    pub(crate) requests: u64,
    pub(crate) tasks: u64,
    pub(crate) charged: u64,
    pub(crate) images: u64,
    pub(crate) in_doubt: u64,
    pub(crate) failed: u64,
    pub(crate) virtual_time: Duration,
    /// Nights of several hosts, and how often a process was stopped in them.
    pub(crate) of_several: u64,
    pub(crate) stops: u64,
    /// Creates that left after their process had been stopped, when their jobs were others' business already.
    pub(crate) late: u64,
}

/// A night that went wrong: what is wrong, each in a line.
pub(crate) type Wrongs = Vec<String>;

pub(crate) struct Night {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    pub(crate) world: Arc<World>,
    /// The accounts' providers: one, or two.
    pub(crate) providers: Vec<Arc<Simulated>>,
    pub(crate) queue: PathBuf,
    pub(crate) tree: OutputTree,
    pub(crate) tally: Tally,
    pub(crate) is_told: bool,
    /// Jobs whose tasks outlasted `--task-timeout` in the present process.
    parked: Mutex<HashSet<String>>,
    _folder: tempfile::TempDir,
}

/// How a process of a night runs.
pub(crate) struct Setup {
    pub(crate) settings: RunSettings,
    pub(crate) slots: SlotCount,
}

/// How a process ended.
pub(crate) enum Ended {
    Killed,
    NeverEnds,
    Itself(Result<Outcome, RunError>),
}

/// Lives through the night of a seed. `is_told`: what happens is printed.
pub(crate) fn live_through(seed: u64, is_told: bool) -> Result<Tally, Wrongs> {
    let mut dice = Dice::new(seed);
    let weather = Weather::of(&mut dice);
    let mut night = Night::of(seed, weather, dice, is_told, accounts::is_of_two(seed));
    night.pass();
    let wrongs = oracle::wrongs_of(&mut night);
    ambient::simulate_on_this_thread(None);
    if wrongs.is_empty() { Ok(night.tally) } else { Err(wrongs) }
}

impl Night {
    /// A night before it begins.
    pub(crate) fn of(seed: u64, mut weather: Weather, dice: Dice, is_told: bool, has_two_accounts: bool) -> Self {
        let folder = folder();
        let queue = folder.path().join("queue.db");
        std::fs::write(&queue, template(weather.jobs, weather.dedupe)).expect("a queue");
        let tree = OutputTree::create(&folder.path().join("out")).expect("an output folder");
        let world = Arc::new(World::new(&weather, seed));
        let second = has_two_accounts.then(|| accounts::second(seed, &mut weather, &world));
        let first = Simulated::new(seed, Arc::clone(&world), weather.clone(), dice, accounts::FIRST_PREFIX);
        let providers = [Arc::new(first)].into_iter().chain(second).collect();
        let jobs = weather.jobs as u64;
        let tally = Tally { nights: 1, jobs, ..Tally::default() };
        let night = Self {
            seed,
            weather,
            world,
            providers,
            queue,
            tree,
            tally,
            is_told,
            parked: Mutex::default(),
            _folder: folder,
        };
        for provider in &night.providers {
            night.tell(&format!("{:#?}", provider.weather));
        }
        night
    }

    fn pass(&mut self) {
        let processes = self.weather.processes.clone();
        for (number, process) in processes.iter().enumerate() {
            let setup = self.setup(Some(process));
            let ended = match process.death {
                Death::ByItself => self.run(number, setup, None, LONGEST_MORNING),
                death => self.run(number, setup, Some(death), crate::weather::life(process)),
            };
            self.judge(number, ended, false);
            self.world.rest(process.rest);
        }
        let until_calm = self.weather.calm_from.saturating_sub(self.world.time());
        self.world.rest(until_calm);
        for extra in 0..MORNING_RUNS {
            let number = processes.len() + extra;
            let ended = self.run(number, self.setup(None), None, LONGEST_MORNING);
            let is_settled = matches!(&ended, Ended::Itself(Ok(outcome)) if outcome.counts.left() == 0);
            self.judge(number, ended, true);
            if is_settled {
                break;
            }
        }
        self.tally.virtual_time = self.world.time();
    }

    pub(crate) fn setup(&self, process: Option<&Process>) -> Setup {
        let weather = &self.weather;
        let settings = RunSettings {
            poll_interval: Duration::from_secs(1),
            downloads: 4,
            max_attempts: 5,
            task_timeout: TASK_TIMEOUT,
            inputs: None,
            fit_images: false,
            dedupe: weather.dedupe,
            min_result_px: 1,
            in_doubt: if weather.resubmit { InDoubtPolicy::Resubmit } else { InDoubtPolicy::Hold },
            budget: process.and_then(|process| process.budget),
            reach_patience: Duration::from_secs(120),
            doubt_interval: Duration::from_secs(5),
            doubt_age: DOUBT_AGE,
            max_in_doubt: process.map_or(1_000, |_| weather.max_in_doubt),
            patience: Patience::default(),
        };
        let slots = process.and_then(|process| process.slots).map_or(SlotCount::Auto, SlotCount::AtMost);
        Setup { settings, slots }
    }

    /// Runs a process until it ends, or dies.
    fn run(&mut self, number: usize, setup: Setup, death: Option<Death>, life: Duration) -> Ended {
        ambient::simulate_on_this_thread(Some(self.seed ^ (number as u64 + 1) << 48));
        self.tally.processes += 1;
        let runtime = paused_runtime();
        let ended = runtime.block_on(self.live(number, setup, death, life));
        // Whatever the process was doing is dropped where it is.
        drop(runtime);
        ended
    }

    async fn live(&self, number: usize, setup: Setup, death: Option<Death>, life: Duration) -> Ended {
        self.world.process_begins(death);
        let interrupted = CancellationToken::new();
        let token = interrupted.clone();
        let deadline = async {
            tokio::select! {
                biased;
                () = self.world.interruption() => {}
                () = tokio::time::sleep(life) => {}
            }
            if let Some(Death::Interrupted(_) | Death::InterruptedAtStep(_)) = death {
                token.cancel();
                std::future::pending::<()>().await;
            }
        };
        let running = Box::pin(self.process(number, setup, interrupted));
        let ended = tokio::select! {
            biased;
            () = self.world.death() => Ended::Killed,
            () = deadline => if death.is_some() { Ended::Killed } else { Ended::NeverEnds },
            ended = running => Ended::Itself(ended),
        };
        for provider in &self.providers {
            provider.books().process_ended(self.world.time());
        }
        self.world.process_ends();
        ended
    }

    async fn process(&self, number: usize, setup: Setup, interrupted: CancellationToken) -> Result<Outcome, RunError> {
        let world = Arc::clone(&self.world);
        let between = Box::new(move || -> futures_util::future::BoxFuture<'static, ()> {
            let world = Arc::clone(&world);
            Box::pin(async move { world.step().await })
        });
        let queue = queue::open_simulated(&self.queue, between, false)?;
        self.provider_meets(number, setup.slots, &*queue).await?;
        let is_morning = number >= self.weather.processes.len();
        // Half of the nights give rates, in the others the pace finds itself.
        let has_rates = self.seed.is_multiple_of(2);
        let accounts = accounts::endpoints(&self.providers, number, is_morning, setup.slots, has_rates);
        let resources = Resources {
            queue,
            accounts,
            results: Arc::new(Results(self.providers.clone())),
            tree: self.tree.clone(),
            scratch: Scratch::new(self.queue.with_extension("pictures")),
            links: None,
            clock: self.world.clone(),
            host: HostStart::alone(),
        };
        let jobs = self.weather.jobs as u64;
        let observe = |event: &RunEvent| {
            if event.counts.total() != jobs {
                let total = event.counts.total();
                self.is_wrong(format!("{total} jobs are counted, and there are {jobs}"));
            }
            match &event.fact {
                Fact::Parked { id, .. } | Fact::AccountMissing { id, .. } => {
                    self.parked.lock().unwrap_or_else(PoisonError::into_inner).insert(id.as_str().to_owned());
                }
                Fact::Submitted { id, task_id, .. } => {
                    let pair = self.pair_of(id.as_str());
                    let is_maker = |provider: &&Arc<Simulated>| provider.books().has_made(task_id, &pair);
                    let maker = self.providers.iter().find(is_maker);
                    maker.expect("its provider").books().accepted.insert(number);
                }
                _ => {}
            }
            if self.is_told && !matches!(event.fact, Fact::Ticked) {
                self.tell(&format!("{:?}", event.fact));
            }
        };
        engine::run(resources, setup.settings, interrupted, observe).await
    }

    /// What the provider's books call in flight, as far as the process that begins can know.
    async fn provider_meets(&self, number: usize, slots: SlotCount, queue: &dyn QueueReads) -> Result<(), RunError> {
        let mut known = Vec::new();
        for job in queue.active(&[StateName::Running], 10_000).await? {
            if let JobState::Running { task_id } = job.state {
                known.push(task_id.0);
            }
        }
        let account = usize::from(self.weather.foreign == Some(number));
        for (place, provider) in self.providers.iter().enumerate() {
            let has_other_names = self.providers.len() > 1 && number > 0;
            meets(&mut provider.books(), number, slots, account + 2 * place, &known, has_other_names);
        }
        Ok(())
    }

    /// What a process's own end tells.
    fn judge(&mut self, number: usize, ended: Ended, is_morning: bool) {
        let wrong = match &ended {
            Ended::Killed => {
                self.tally.kills += 1;
                None
            }
            Ended::NeverEnds => Some("the run does not end".to_owned()),
            Ended::Itself(Err(error)) => Some(format!("the run failed: {error}")),
            Ended::Itself(Ok(outcome)) => {
                self.tally.interruptions += u64::from(outcome.end == RunEnd::Interrupted);
                self.tell(&format!("process {number} ended: {:?} {:?}", outcome.end, outcome.counts));
                self.check_left(number, &outcome.end);
                (is_morning && outcome.end != RunEnd::Done).then(|| format!("the morning ended with {:?}", outcome.end))
            }
        };
        if let Some(wrong) = wrong {
            self.is_wrong(format!("process {number}: {wrong}"));
        }
    }

    /// What a process that ended by itself has left in the queue.
    fn check_left(&self, number: usize, end: &RunEnd) {
        let left =
            self.jobs_in(&[StateName::Submitting, StateName::InDoubt, StateName::Running, StateName::Downloading]);
        let of = |states: &[StateName]| left.iter().filter(|job| states.contains(&job.state.name())).collect();
        self.check_claims(number, of(&[StateName::Submitting]));
        self.check_collected(number, of(&[StateName::Running, StateName::Downloading]), end);
        if *end != RunEnd::Interrupted {
            self.check_doubt(number, of(&[StateName::InDoubt]));
        }
    }

    /// It has given back what it claimed and did not send.
    fn check_claims(&self, number: usize, left: Vec<&ActiveJob>) {
        for job in left {
            let was_sent = |provider: &Arc<Simulated>| provider.books().asked.contains(&job.external_id.0);
            if !self.providers.iter().any(was_sent) {
                self.is_wrong(format!("process {number} has left {} claimed, and never sent it", job.spec.id));
            }
        }
    }

    /// Where it could ask questions to its end, it has collected what was in flight.
    fn check_collected(&self, number: usize, left: Vec<&ActiveJob>, end: &RunEnd) {
        let parked = std::mem::take(&mut *self.parked.lock().unwrap_or_else(PoisonError::into_inner));
        let asks_on = match end {
            RunEnd::Done => true,
            // Of two accounts one may answer no questions any more.
            _ if self.providers.len() > 1 => false,
            RunEnd::BudgetSpent => true,
            RunEnd::Stopped { reason, .. } => matches!(reason, StopReason::Account | StopReason::AllRefused),
            _ => false,
        };
        if !asks_on {
            return;
        }
        for job in left {
            if !parked.contains(job.spec.id.as_str()) {
                let what = format!("process {number} ended with {end:?} and has not collected {}", job.spec.id);
                self.is_wrong(what);
            }
        }
    }

    /// A job whose only create got a clear answer is not in doubt.
    fn check_doubt(&self, number: usize, in_doubt: Vec<&ActiveJob>) {
        for job in in_doubt {
            let was_answered =
                |provider: &Arc<Simulated>| provider.books().answered.get(&job.external_id.0) == Some(&Some(number));
            if self.providers.iter().any(was_answered) {
                self.is_wrong(format!("process {number} has {} in doubt, and its create was answered", job.spec.id));
            }
        }
    }

    /// The jobs that the queue has in these states.
    fn jobs_in(&self, states: &[StateName]) -> Vec<ActiveJob> {
        let read = paused_runtime().block_on(async {
            let queue = queue::at(&self.queue).open_to_read().await?;
            queue.active(states, 10_000).await
        });
        read.expect("the queue")
    }

    /// What the provider sees of a job.
    pub(crate) fn pair_of(&self, id: &str) -> String {
        let (human, cloth) = pair_of(id.trim_start_matches('j').parse().expect("one of ours"), self.weather.dedupe);
        format!("{human} {cloth}")
    }

    pub(crate) fn is_wrong(&self, what: String) {
        self.providers[0].books().is_wrong(what);
    }

    pub(crate) fn tell(&self, what: &str) {
        if self.is_told {
            println!("{:>9.3} {what}", self.world.time().as_secs_f64());
        }
    }
}

/// Brings a provider's books in line with what the process that begins can know.
fn meets(books: &mut Books, number: usize, slots: SlotCount, account: usize, known: &[String], has_other_names: bool) {
    for task in &mut books.tasks {
        task.is_held &= known.contains(&task.id) && task.account == account;
    }
    let held = books.tasks.iter().filter(|task| task.is_held).count();
    books.open = 0;
    books.process = number;
    books.account = account;
    books.slots = match slots {
        // Which account's slots a task takes is not known before that account is found.
        SlotCount::AtMost(_) if held > 0 && has_other_names => None,
        SlotCount::AtMost(slots) if held <= slots => Some(slots),
        _ => None,
    };
}

pub(crate) fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

/// In memory, where the system has such a place: thousands of nights are no work for a disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new().prefix("night-").to_owned();
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a folder")
}

/// The pair of a job, by its number.
pub(crate) fn pair_of(number: usize, dedupe: bool) -> (String, String) {
    let pair = if dedupe { number / 2 } else { number };
    (format!("https://shop.example/h{pair}.jpg"), format!("https://shop.example/c{pair}.jpg"))
}

pub(crate) fn id_of(number: usize) -> String {
    format!("j{number}")
}

fn spec_of(number: usize, dedupe: bool) -> JobSpec {
    let image = |url: String| ImageRef { written: url.clone(), source: ImageSource::Url(url) };
    let (human, cloth) = pair_of(number, dedupe);
    JobSpec {
        id: JobId::parse(&id_of(number)).expect("an id"),
        human: image(human),
        cloth: image(cloth),
        cloth_type: None,
        second: None,
        model: None,
        keep: tryon::job::Keep::ALL,
        priority: i64::from(number.is_multiple_of(3)),
        extra: tryon::job::ExtraColumns::default(),
    }
}

type Templates = Mutex<HashMap<(usize, bool), Arc<Vec<u8>>>>;

/// A loaded queue, as the bytes of its file.
fn template(jobs: usize, dedupe: bool) -> Vec<u8> {
    static MADE: OnceLock<Templates> = OnceLock::new();
    let mut made = MADE.get_or_init(Templates::default).lock().unwrap_or_else(PoisonError::into_inner);
    made.entry((jobs, dedupe)).or_insert_with(|| Arc::new(load(jobs, dedupe))).to_vec()
}

fn load(jobs: usize, dedupe: bool) -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("queue.db");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let queue = queue::open(&path, Opening::OrMake).await.expect("a queue");
        let mut load = queue.begin_load().await.expect("a load");
        load.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
        let row = |number| LoadRow::Job { spec: spec_of(number, dedupe), line: number as u64 + 2 };
        load.add((0..jobs).map(row).collect()).await.expect("rows");
        load.keep(Keeping { dedupe, ..Keeping::default() }, jiff::Timestamp::UNIX_EPOCH).await.expect("kept");
    });
    std::fs::read(&path).expect("a queue")
}
