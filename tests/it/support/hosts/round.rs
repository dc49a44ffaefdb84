//! A round: a queue of its own with jobs of its own, three hosts, some faults, the end, and the books.

mod ending;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::audit::{self, Findings};
use super::database::Database;
use super::faults::{Fault, stopped_for};
use super::fleet::{Host, Life, NAMES, Plan, Then, end_within};
use crate::support::power_cuts::bad_day;
use crate::support::provider::{Dice, OnCreate, Provider, Script, Shape};
use crate::support::workshop::{Ended, Going, Workshop};

/// How often everybody is looked at.
const TICK: Duration = Duration::from_millis(10);

/// A host that was told to end may take so long; longer, where the database is away.
const PATIENCE_FOR_GOODBYE: Duration = Duration::from_secs(30);

/// At the end, all work is to be done within this time.
const PATIENCE_FOR_THE_END: Duration = Duration::from_secs(120);

/// So long after the database was disturbed a start may find none.
const AFTERMATH: Duration = Duration::from_secs(12);

const TASK_TIME: Duration = Duration::from_millis(400);

/// One job in this many has a large garment.
const LARGE_EVERY: usize = 4;

/// Answers that are slow come up to so late.
const HELD_BACK: Duration = Duration::from_millis(900);

/// See the module's page.
pub(crate) struct Round<'a> {
    database: &'a Database,
    name: String,
    provider: Provider,
    shop: Workshop,
    hosts: Vec<Host>,
    plan: Plan,
    /// The host whose runs have a budget, or have had one.
    budget_of: Option<usize>,
    dice: Dice,
    began: Instant,
    /// When the database is to be started again.
    up_at: Option<Instant>,
    /// When the database, or the way to it, was last disturbed.
    disturbed: Option<Instant>,
    /// When something may have left that was held up.
    woken: Vec<Instant>,
    /// When answers that the provider holds back may go.
    let_go: Instant,
    story: String,
    findings: Findings,
    codes: BTreeMap<i32, usize>,
    faults: BTreeMap<String, usize>,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) faults: usize,
    pub(crate) jobs: usize,
    pub(crate) creates: usize,
    pub(crate) tasks: usize,
    /// The most tasks at once, and the most creates within a second, beside what was allowed.
    pub(crate) at_once: (usize, usize),
    pub(crate) a_second: (usize, usize),
    /// How processes ended, by exit code; 137 where they were killed.
    pub(crate) codes: BTreeMap<i32, usize>,
    pub(crate) kinds: BTreeMap<String, usize>,
    pub(crate) findings: Findings,
    /// After how many faults of this round a job was found to be paid twice.
    pub(crate) first_double: Option<usize>,
    pub(crate) story: String,
}

impl<'a> Round<'a> {
    pub(crate) fn new(database: &'a Database, number: usize, seed: u64, jobs: usize) -> Self {
        let mut dice = Dice::new(seed);
        let name = format!("round_{number}");
        database.make(&name);
        let plan = Plan {
            queue: database.url(&name),
            concurrency: 4 + dice.below(8),
            rate: 15 + dice.below(15),
            max_in_doubt: 15 + dice.below(30),
            wrong_clock: Some((dice.below(3), if dice.below(2) == 0 { 3_600 } else { -3_600 })),
            budget: (number % 3 == 1).then(|| (dice.below(3), 10 + dice.below(20))),
            container: (number % 3 == 2).then(|| dice.below(3)),
        };
        Self {
            budget_of: plan.budget.map(|(host, _)| host),
            database,
            name,
            provider: Provider::start(worse_answers(seed + 1)),
            shop: shop_with_large_garments(jobs, &mut dice),
            hosts: (0..NAMES.len()).map(Host::new).collect(),
            plan,
            dice: Dice::new(seed + 2),
            began: Instant::now(),
            up_at: None,
            disturbed: None,
            woken: Vec::new(),
            let_go: Instant::now(),
            story: String::new(),
            findings: Findings::default(),
            codes: BTreeMap::new(),
            faults: BTreeMap::new(),
        }
    }

    /// Lives through this many faults, and brings everything to its end.
    pub(crate) fn live(mut self, faults: usize) -> Tally {
        let plan = format!("{:?}", self.plan);
        self.note(&plan);
        let loaded = self.call(&["load", "jobs.csv"]);
        loaded.assert_code(0);
        let mut first_double = None;
        let mut done = 0;
        let mut next = Instant::now() + Duration::from_millis(700);
        while done < faults {
            self.tend();
            if Instant::now() >= next && self.befall() {
                done += 1;
                next = Instant::now() + Duration::from_millis(100 + self.dice.below(900) as u64);
            }
            if first_double.is_none() && !audit::doubles(&self.provider.books()).is_empty() {
                first_double = Some(done);
                self.note("a job is paid twice");
            }
            std::thread::sleep(TICK);
        }
        self.come_to_the_end();
        let mut tally = self.balance();
        tally.first_double = first_double.or((!tally.findings.doubles.is_empty()).then_some(done));
        tally.faults = done;
        tally
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.story, "{:>7.2} s  {what}", self.began.elapsed().as_secs_f64());
    }

    fn wrong(&mut self, what: String) {
        self.note(&what);
        self.findings.other.push(what);
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        let all: Vec<&str> = arguments.iter().copied().chain(["--queue", &self.plan.queue]).collect();
        self.shop.call(&self.provider, &all)
    }

    fn was_disturbed_since(&self, since: Instant) -> bool {
        self.up_at.is_some() || self.disturbed.is_some_and(|at| at + AFTERMATH >= since)
    }

    /// Whatever is due.
    fn tend(&mut self) {
        self.let_go_of_answers();
        if self.up_at.is_some_and(|at| Instant::now() >= at) {
            self.bring_back();
        }
        for number in 0..self.hosts.len() {
            self.tend_host(number);
        }
        let broken = audit::broken_files(&self.shop);
        if !broken.is_empty() && self.findings.broken.is_empty() {
            self.note(&format!("broken: {broken:?}"));
            self.findings.broken.extend(broken);
        }
    }

    fn let_go_of_answers(&mut self) {
        if Instant::now() >= self.let_go {
            self.provider.let_go();
            self.let_go = Instant::now() + HELD_BACK;
        }
    }

    fn bring_back(&mut self) {
        self.database.up();
        self.up_at = None;
        self.database_returned("the database is back");
    }

    fn database_returned(&mut self, what: &str) {
        let now = Instant::now();
        self.disturbed = Some(now);
        self.woken.push(now);
        self.note(what);
    }

    fn tend_host(&mut self, number: usize) {
        let life = std::mem::replace(&mut self.hosts[number].life, Life::Lost);
        self.hosts[number].life = match life {
            Life::Running(going) => self.tend_running(number, going),
            Life::Ending { going, since } => self.tend_ending(number, going, since),
            Life::Stopped { going, until, then } if Instant::now() >= until => self.end_stop(number, going, then),
            Life::Gone { until } if Instant::now() >= until => {
                self.hosts[number].start(&self.shop, &self.provider, &self.plan);
                return;
            }
            life => life,
        };
    }

    fn tend_running(&mut self, number: usize, mut going: Going) -> Life {
        if going.is_alive() {
            return Life::Running(going);
        }
        self.ended_by_itself(number, &going.end())
    }

    fn end_stop(&mut self, number: usize, going: Going, then: Then) -> Life {
        let name = self.hosts[number].name;
        match then {
            Then::Wake => {
                going.signal("CONT");
                self.woken.push(Instant::now());
                self.note(&format!("{name} wakes"));
                Life::Running(going)
            }
            Then::Kill => {
                going.kill();
                self.note(&format!("{name} is killed in its sleep"));
                Life::Gone { until: Instant::now() }
            }
        }
    }

    fn tend_ending(&mut self, number: usize, mut going: Going, since: Instant) -> Life {
        let is_due = since.elapsed() >= PATIENCE_FOR_GOODBYE && !self.was_disturbed_since(since);
        if !going.is_alive() {
            self.said_goodbye(number, &going.end(), since);
        } else if is_due {
            let said = going.said();
            going.kill();
            self.wrong(format!("{} does not end after SIGTERM; it said: {said}", NAMES[number]));
        } else {
            return Life::Ending { going, since };
        }
        Life::Gone { until: Instant::now() }
    }

    /// A process has ended without being told to. It is started again, as a service manager would do it.
    fn ended_by_itself(&mut self, number: usize, ended: &Ended) -> Life {
        let (name, started) = (self.hosts[number].name, self.hosts[number].started);
        let code = ended.status.code().unwrap_or(-1);
        *self.codes.entry(code).or_default() += 1;
        let is_container = self.plan.container == Some(number);
        let has_budget = self.budget_of == Some(number);
        let said = ended.said.trim();
        self.note(&format!("{name} ends with {code} after {:.2?}: {said}", ended.took));
        let is_right = match code {
            0 | 1 => true,
            // The budget is spent, or too many jobs are in doubt while another host is stopped or dead.
            3 => has_budget || said.contains("--max-in-doubt"),
            4 => is_container && said.contains("is at work"),
            5 => self.was_disturbed_since(started) && ended.took < AFTERMATH,
            _ => false,
        };
        if !is_right {
            self.wrong(format!("{name} ended with {code}: {said}"));
        }
        Life::Gone { until: Instant::now() + Duration::from_millis(300 + self.dice.below(700) as u64) }
    }

    fn said_goodbye(&mut self, number: usize, ended: &Ended, since: Instant) {
        let name = self.hosts[number].name;
        let code = ended.status.code().unwrap_or(-1);
        *self.codes.entry(code).or_default() += 1;
        let said = ended.said.trim();
        self.note(&format!("{name} said goodbye: {code} after {:.1?}: {said}", since.elapsed()));
        let is_disturbed = self.was_disturbed_since(since);
        // Before it hears signals, and while it writes its report, a process is ended by one.
        let is_right = matches!(code, 0 | 1 | 3 | 143 | -1) || (code == 4 && self.plan.container == Some(number));
        if !(is_right || code == 5 && is_disturbed) {
            self.wrong(format!("{name} ended with {code} after SIGTERM: {said}"));
        }
    }

    /// One fault. Returns whether there was anything for it to befall.
    fn befall(&mut self) -> bool {
        let fault = Fault::draw(&mut self.dice, self.database.has_pooler());
        let befell = if fault.is_of_the_database() { self.befall_database(fault) } else { self.befall_host(fault) };
        if befell {
            let kind = format!("{fault:?}");
            let kind = kind.split('(').next().unwrap_or(&kind).to_owned();
            *self.faults.entry(kind).or_default() += 1;
        }
        befell
    }

    fn befall_database(&mut self, fault: Fault) -> bool {
        if self.up_at.is_some() {
            return false;
        }
        self.note(&format!("{fault:?}"));
        match fault {
            Fault::Restart(how) => {
                self.database.down(how);
                self.database.up();
            }
            Fault::Cut => self.database.cut(&self.name),
            Fault::Pooler => self.database.restart_bouncer(),
            Fault::Away(how, time) => {
                self.database.down(how);
                self.disturbed = Some(Instant::now());
                self.up_at = Some(Instant::now() + time);
                return true;
            }
            _ => return false,
        }
        self.database_returned("  it is done");
        true
    }

    fn befall_host(&mut self, fault: Fault) -> bool {
        let running: Vec<usize> = self.hosts.iter().filter(|host| host.is_running()).map(|host| host.number).collect();
        if running.is_empty() {
            return false;
        }
        let number = running[self.dice.below(running.len())];
        let has_joined = !matches!(fault, Fault::SleepBeside | Fault::SleepBesideAndKill) || self.has_joined(number);
        if !has_joined {
            return false;
        }
        let is_lost = |host: &Host| matches!(host.life, Life::Lost);
        if fault == Fault::KillForGood && self.hosts.iter().any(is_lost) {
            return false;
        }
        let name = self.hosts[number].name;
        let Life::Running(going) = std::mem::replace(&mut self.hosts[number].life, Life::Lost) else { return false };
        self.note(&format!("{fault:?} {name}"));
        self.hosts[number].life = match fault {
            Fault::Goodbye => {
                going.signal("TERM");
                Life::Ending { going, since: Instant::now() }
            }
            Fault::Kill => {
                going.kill();
                Life::Gone { until: Instant::now() + Duration::from_millis(self.dice.below(2_500) as u64) }
            }
            Fault::KillForGood => {
                going.kill();
                Life::Lost
            }
            _ => {
                going.signal("STOP");
                let until = Instant::now() + stopped_for(fault, &mut self.dice);
                let then = if fault == Fault::SleepBesideAndKill { Then::Kill } else { Then::Wake };
                Life::Stopped { going, until, then }
            }
        };
        if matches!(fault, Fault::SleepBeside | Fault::SleepBesideAndKill) {
            self.start_beside(number);
        }
        true
    }

    /// Whether a host's process is one of the queue's hosts: it has its lock then.
    fn has_joined(&self, number: usize) -> bool {
        let host = &self.hosts[number];
        let is_there = format!(
            "SELECT 1 FROM tryon.hosts WHERE name = '{}' AND dead_at IS NULL
                AND started_at >= extract(epoch FROM clock_timestamp()) * 1000 - {}",
            host.name,
            host.started.elapsed().as_millis()
        );
        self.up_at.is_none() && !self.database.ask(&self.name, &is_there).is_empty()
    }

    /// A second start beside a stopped process: its lock is held, so it is refused.
    fn start_beside(&mut self, number: usize) {
        if self.plan.container == Some(number) {
            return;
        }
        let (name, since) = (self.hosts[number].name, Instant::now());
        let second = self.hosts[number].second_start(&self.shop, &self.provider, &self.plan);
        match end_within(second, PATIENCE_FOR_GOODBYE) {
            Ok(ended) if ended.status.code() == Some(4) => {}
            Ok(ended) if ended.status.code() == Some(5) && self.was_disturbed_since(since) => {}
            Ok(ended) => {
                self.wrong(format!("a second start beside {name}, which is stopped, is not refused: {ended:?}"));
            }
            Err(said) => self.wrong(format!("a second start beside {name}, which is stopped, goes on: {said}")),
        }
    }
}

/// Jobs, some of which have a garment so large that its upload takes a while: a host that is stopped meanwhile goes on with it
/// when it wakes, whatever became of its lease.
fn shop_with_large_garments(jobs: usize, dice: &mut Dice) -> Workshop {
    let shop = Workshop::new(jobs);
    let noise = image::RgbImage::from_fn(1_300, 1_300, |_, _| image::Rgb([0; 3].map(|_: u8| dice.below(256) as u8)));
    noise.save(shop.file("large.png")).expect("a garment");
    let manifest = std::fs::read_to_string(shop.file("jobs.csv")).expect("a manifest");
    let lines = manifest.lines().enumerate().map(|(nth, line)| match nth % LARGE_EVERY {
        3 => line.replace("cloth.jpg", "large.png") + "\n",
        _ => line.to_owned() + "\n",
    });
    std::fs::write(shop.file("jobs.csv"), lines.collect::<String>()).expect("a manifest");
    shop
}

/// A provider that has a bad day, and now and then answers a create slowly, or long after its connection has ended.
fn worse_answers(seed: u64) -> Script {
    let mut script = bad_day(seed, Shape::Native);
    let (mut on_create, mut dice) = (script.on_create, Dice::new(seed + 10));
    script.task_time = TASK_TIME;
    script.upload_time = Duration::from_millis(900);
    script.on_create = Box::new(move |seen| match dice.below(40) {
        0..=1 => OnCreate::Hold,
        2 => OnCreate::TimeOutThenTake(Duration::from_millis(dice.below(600) as u64)),
        _ => on_create(seen),
    });
    script
}
