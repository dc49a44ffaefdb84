//! The simulated provider: answers as the night's weather has it, and keeps books of what it really did.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tryon::callback::Wake;
use tryon::job::{ExternalTaskId, ModelName, TaskId};
use tryon::provider::{
    CreateFate, Download, FetchError, Ids as Asked, ListAnswer, Meaning, Picture, Provider, QueryAnswer, ResultHost,
    Submission, Told, Trouble,
};

use crate::answers::{empty_account, facts, odd_create, odd_question, over_cap, report, trouble};
use crate::books::{Arrival, Books, Nature, Task, nature};
use crate::dice::Dice;
use crate::pictures;
use crate::weather::{Calls, Ids, LATEST_TASK_MS, Lane, List, Odd, REQUEST_TIMEOUT, Weather};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Simulated {
    pub(crate) seed: u64,
    pub(crate) world: Arc<World>,
    pub(crate) weather: Weather,
    /// What its tasks' ids begin with.
    pub(crate) prefix: &'static str,
    books: Arc<Mutex<Books>>,
    /// Whose requests these are, where several processes work at once.
    pub(crate) process: Option<Process>,
}

/// One of several processes at the provider.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) number: usize,
    pub(crate) watched: Arc<dyn Watched>,
}

/// Who looks at each create that leaves.
pub(crate) trait Watched: std::fmt::Debug + Send + Sync {
    fn leaves<'a>(&'a self, books: &'a Mutex<Books>, external_id: &'a str) -> BoxFuture<'a, ()>;
}

/// How a create ends, decided when it is sent.
struct Decided {
    fate: CreateFate,
    /// How long until its answer, or until it is given up.
    takes: Duration,
}

impl Simulated {
    pub(crate) fn new(seed: u64, world: Arc<World>, weather: Weather, dice: Dice, prefix: &'static str) -> Self {
        Self { seed, world, weather, prefix, books: Arc::new(Mutex::new(Books::new(dice))), process: None }
    }

    /// The same provider, as one of several processes sees it.
    pub(crate) fn seen_by(&self, process: Process, world: Arc<World>) -> Self {
        let (books, weather) = (Arc::clone(&self.books), self.weather.clone());
        Self { seed: self.seed, world, weather, prefix: self.prefix, books, process: Some(process) }
    }

    /// The books as of now.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.bring_up_to(self.world.time(), &self.weather, self.seed);
        books
    }

    fn is_calm(&self) -> bool {
        self.world.time() >= self.weather.calm_from
    }

    /// What goes wrong with a request now, if anything does.
    fn odd(&self, lane: Lane, books: &mut Books) -> Option<Odd> {
        let now = self.world.time();
        if self.is_calm() {
            return None;
        }
        let weather = &self.weather;
        let out =
            weather.outages.iter().find(|outage| outage.lane == lane && (outage.from..outage.until).contains(&now));
        let rate = match lane {
            Lane::Creates => weather.odd_creates,
            Lane::Queries => weather.odd_queries,
            Lane::Downloads => weather.odd_downloads,
        };
        let struck = books.dice.chance(rate);
        let oddity = books.dice.one_of(&weather.oddities);
        out.map(|outage| outage.odd).or_else(|| struck.then_some(oddity))
    }

    fn decide(&self, pair: &str, external_id: &str) -> Decided {
        let now = self.world.time();
        let mut books = self.books();
        books.requests += 1;
        let takes = books.dice.time(20, 1_200);
        let arrives_at = now + takes / 2;
        let make = |books: &mut Books, at: Duration| {
            let task_id = books.new_task_id(self.prefix);
            let (external_id, pair, process) = (external_id.to_owned(), pair.to_owned(), self.number(books));
            let account = books.account;
            books.arrives(Arrival { at, external_id, pair, process, account, task_id: task_id.clone() });
            task_id
        };
        let odd = self.odd(Lane::Creates, &mut books);
        let is_empty = self.weather.empty.is_some_and(|(from, until)| (from..until).contains(&now)) && !self.is_calm();
        let takes_long = books.dice.time(1_000, REQUEST_TIMEOUT.as_millis() as u64);
        if let Some(odd) = odd {
            let fate = odd_create(odd, &mut books.dice);
            let (takes, made_at) = match odd {
                Odd::AnswerLost => (takes_long, Some(now + takes_long / 2)),
                Odd::NoTaskId => (takes, Some(arrives_at)),
                Odd::LateTask => {
                    let late = books.dice.time(self.weather.earliest_late_ms, LATEST_TASK_MS);
                    (takes_long, Some(now + takes_long + late))
                }
                Odd::RequestLost => (takes_long, None),
                _ => (takes, None),
            };
            let is_refused = matches!(nature(pair, &self.weather, self.seed), Nature::Refused | Nature::InternalError);
            if let Some(at) = made_at.filter(|_| !is_refused) {
                make(&mut books, at);
            }
            return Decided { fate, takes };
        }
        let fate = match nature(pair, &self.weather, self.seed) {
            _ if is_empty => CreateFate::Refused(empty_account()),
            Nature::Refused => CreateFate::Refused(trouble(Meaning::JobRefused, 400, Some(1301), "content")),
            Nature::InternalError => CreateFate::Refused(odd_question(Odd::InternalError, &mut books.dice)),
            _ if self.is_taken(&books, external_id) => {
                CreateFate::Refused(trouble(Meaning::JobRefused, 400, Some(1201), "external_task_id is taken"))
            }
            _ if self.is_full(&mut books, now) => CreateFate::Refused(over_cap(&mut books.dice)),
            _ => {
                let task_id = TaskId(make(&mut books, arrives_at));
                let echoed = self.weather.ids.are_echoed();
                CreateFate::Accepted { task_id, echoed, facts: facts(200, Some(0), "SUCCEED") }
            }
        };
        Decided { fate, takes }
    }

    fn is_taken(&self, books: &Books, external_id: &str) -> bool {
        matches!(self.weather.ids, Ids::Refused { .. })
            && books.tasks.iter().any(|task| task.external_id == external_id && task.account == books.account)
    }

    fn is_full(&self, books: &mut Books, now: Duration) -> bool {
        let others = if self.is_calm() { 0 } else { books.dice.below(self.weather.others as u64 + 1) as usize };
        books.in_flight(now) + others >= self.weather.cap
    }

    /// The process that asks.
    fn number(&self, books: &Books) -> usize {
        self.process.as_ref().map_or(books.process, |process| process.number)
    }

    /// A run with a fixed number of slots never has more in flight than that, as far as it can know.
    fn check_slots(&self, books: &mut Books) {
        let now = self.world.time();
        // Tasks that outlast --task-timeout are left alone by their run.
        let recent = |made_at: Duration| now.saturating_sub(made_at) < crate::night::TASK_TIMEOUT;
        let held = books.tasks.iter().filter(|task| task.is_held && recent(task.made_at)).count();
        let (open, slots) = (books.open, books.slots);
        if let Some(slots) = slots.filter(|slots| held + open > *slots) {
            books.is_wrong(format!("{held} tasks and {open} creates in flight with {slots} slots"));
        }
    }

    async fn created(&self, pair: String, external_id: String) -> CreateFate {
        self.world.before_create().await;
        if let Some(process) = &self.process {
            process.watched.leaves(&self.books, &external_id).await;
        }
        let is_first;
        {
            let mut books = self.books();
            books.open += 1;
            is_first = books.asked.insert(external_id.clone());
            books.answered.insert(external_id.clone(), None);
            self.check_slots(&mut books);
        }
        let mut given_up = GivenUp { provider: self, external_id: &external_id, is_answered: false };
        let decided = self.decide(&pair, &external_id);
        sleep(decided.takes).await;
        given_up.is_answered = true;
        drop(given_up);
        {
            let mut books = self.books();
            books.open -= 1;
            let process = self.number(&books);
            let is_clear = is_first && matches!(decided.fate, CreateFate::Accepted { .. });
            books.answered.insert(external_id, is_clear.then_some(process));
            if let CreateFate::Accepted { task_id, .. } = &decided.fate
                && let Some(task) = books.tasks.iter_mut().find(|task| task.id == task_id.0)
            {
                task.is_held = true;
            }
        }
        self.world.step().await;
        decided.fate
    }

    async fn queried(&self, ids: &[&str]) -> QueryAnswer {
        self.world.step().await;
        let takes = {
            let mut books = self.books();
            books.requests += 1;
            books.dice.time(10, 400)
        };
        sleep(takes).await;
        let answer = self.answer(ids);
        if let QueryAnswer::Told(told) = &answer
            && told.iter().any(|about_one| matches!(about_one, Told::Unknown))
        {
            self.world.tells_of_no_task();
        }
        self.world.step().await;
        answer
    }

    fn answer(&self, ids: &[&str]) -> QueryAnswer {
        let mut books = self.books();
        let (most, is_spoilt_by_one) = self.weather.question;
        if ids.len() > most {
            books.is_wrong(format!("a question about {} tasks, where {most} are allowed", ids.len()));
        }
        if let Some(odd) = self.odd(Lane::Queries, &mut books) {
            return QueryAnswer::Trouble(odd_question(odd, &mut books.dice));
        }
        let unknown = books.dice.one_of(&[1201, 1203]);
        let mut told = Vec::new();
        for id in ids {
            match self.told(id, &mut books) {
                Ok(Told::Unknown) if is_spoilt_by_one && ids.len() > 1 => {
                    return QueryAnswer::Trouble(trouble(Meaning::UnknownTask, 400, Some(unknown), "task not found"));
                }
                Ok(about_one) => told.push(about_one),
                Err(trouble) => return QueryAnswer::Trouble(*trouble),
            }
        }
        QueryAnswer::Told(told)
    }

    fn told(&self, id: &str, books: &mut Books) -> Result<Told, Box<Trouble>> {
        let (now, ids) = (self.world.time(), self.weather.ids);
        match books.find(id, ids, now) {
            Some(task) => {
                if task.ends_at <= now || (self.process.is_some() && task.id != id) {
                    task.is_held = false;
                }
                Ok(Told::Task(Box::new(report(task, now, ids, true))))
            }
            None if ids == Ids::Evaded && !id.starts_with(self.prefix) => {
                Err(Box::new(trouble(Meaning::JobRefused, 400, None, "invalid task id")))
            }
            None => Ok(Told::Unknown),
        }
    }

    async fn listed(&self, page: usize, size: usize) -> ListAnswer {
        self.world.step().await;
        let takes = {
            let mut books = self.books();
            books.requests += 1;
            books.dice.time(20, 800)
        };
        sleep(takes).await;
        let answer = self.page(page, size);
        self.world.step().await;
        answer
    }

    fn page(&self, page: usize, size: usize) -> ListAnswer {
        let now = self.world.time();
        let mut books = self.books();
        if let Some(odd) = self.odd(Lane::Queries, &mut books) {
            return ListAnswer::Trouble(odd_question(odd, &mut books.dice));
        }
        let Books { tasks, dice, account, .. } = &mut *books;
        let (account, has_gaps) = (*account, self.weather.list == List::Gaps);
        let shown: Vec<_> = match self.weather.list {
            List::Absent => {
                return ListAnswer::Trouble(trouble(Meaning::JobRefused, 404, Some(1202), "no such method"));
            }
            List::Foreign => Vec::new(),
            List::Present | List::Gaps => {
                let mut on_the_page = Vec::new();
                let shown = tasks.iter_mut().rev().filter(|task| task.account == account && task.found_from <= now);
                for task in shown.skip((page - 1) * size).take(size) {
                    if has_gaps && dice.chance(0.3) {
                        continue;
                    }
                    let is_whole = !(has_gaps && dice.chance(0.5));
                    task.is_held &= task.ends_at > now || !is_whole;
                    on_the_page.push(report(task, now, self.weather.ids, is_whole));
                }
                on_the_page
            }
        };
        let next = (shown.len() >= size).then(|| (page + 1).to_string());
        ListAnswer::Page { tasks: shown, next }
    }

    async fn fetched(&self, url: &str) -> Result<Box<dyn Download>, FetchError> {
        self.world.step().await;
        let takes = self.books().dice.time(20, 1_500);
        sleep(takes).await;
        let pieces = self.pieces(url)?;
        self.world.step().await;
        Ok(Box::new(Pieces(pieces)))
    }

    /// What arrives, the last piece first.
    fn pieces(&self, url: &str) -> Result<Vec<Result<Bytes, ()>>, FetchError> {
        let mut books = self.books();
        let odd = self.odd(Lane::Downloads, &mut books);
        let how = books.dice.below(5);
        let image = url.trim_start_matches("sim://");
        let is_it = |task: &&mut Task| task.image() == image;
        let Some(task) = books.tasks.iter_mut().find(is_it) else { return Err(FetchError::Gone(404)) };
        task.fetches += 1;
        let whole = pictures::of(image);
        Ok(match (odd.is_some(), how) {
            (true, 0) => return Err(FetchError::Gone(403)),
            (true, 1) => return Err(FetchError::Status(503)),
            (true, 2) => return Err(FetchError::Unreached("no route to host".to_owned())),
            (true, 3) => vec![Err(()), Ok(whole.slice(..whole.len() / 2))],
            (true, _) => vec![Ok(whole.slice(..whole.len() / 2))],
            (false, _) => vec![Ok(whole)],
        })
    }

    /// Makes the callbacks that are due, until the process dies.
    pub(crate) async fn call_back(self: Arc<Self>, calls: tokio::sync::mpsc::Sender<Wake>) {
        loop {
            sleep(Duration::from_millis(700)).await;
            if self.process.is_some() && calls.is_closed() {
                return;
            }
            let now = self.world.time();
            let mut books = self.books();
            let Books { tasks, dice, .. } = &mut *books;
            if let Calls::Held { until } = self.weather.calls
                && now < until
            {
                continue;
            }
            let (late, early) = match self.weather.calls {
                Calls::Late => (Duration::from_secs(15), Duration::ZERO),
                Calls::Early => (Duration::ZERO, Duration::from_secs(5)),
                _ => (Duration::ZERO, Duration::ZERO),
            };
            for task in tasks.iter_mut().filter(|task| !task.has_called && task.ends_at + late <= now + early) {
                task.has_called = true;
                let comes = match self.weather.calls {
                    Calls::Come | Calls::Late | Calls::Held { .. } | Calls::Early => true,
                    Calls::SomeCome => dice.chance(0.5),
                    Calls::NeverCome | Calls::NotAskedFor => false,
                };
                if comes {
                    let (task_id, external_id) = (TaskId(task.id.clone()), ExternalTaskId(task.external_id.clone()));
                    let wake = Wake { task_id: Some(task_id), external_id: Some(external_id), is_end: true };
                    let _ = calls.try_send(wake);
                }
            }
        }
    }
}

/// A create whose answer is waited for. Dropped before that, it is given up, while its process may live on.
struct GivenUp<'a> {
    provider: &'a Simulated,
    external_id: &'a str,
    is_answered: bool,
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.provider.process.as_ref().filter(|_| !self.is_answered) {
            let (now, number) = (self.provider.world.time(), process.number);
            self.provider
                .books()
                .given_up(now, |arrival| arrival.process == number && arrival.external_id == self.external_id);
        }
    }
}

struct Pieces(Vec<Result<Bytes, ()>>);

impl Download for Pieces {
    fn piece(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, FetchError>> {
        let piece = match self.0.pop() {
            Some(Ok(piece)) => Ok(Some(piece)),
            Some(Err(())) => Err(FetchError::BrokeOff("it fell silent".to_owned())),
            None => Ok(None),
        };
        std::future::ready(piece).boxed()
    }
}

impl Provider for Simulated {
    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        let url = |picture: &Picture| match picture {
            Picture::Url(url) => url.clone(),
            Picture::File { file, .. } => file.to_string(),
        };
        let pair = format!("{} {}", url(submission.human), url(submission.cloth));
        self.created(pair, submission.external_id.0.clone()).boxed()
    }

    fn takes(&self, _: &ModelName) -> bool {
        true
    }

    fn largest_question(&self) -> usize {
        self.weather.question.0
    }

    fn query<'a>(&'a self, ids: Asked<'a>) -> BoxFuture<'a, QueryAnswer> {
        let ids: Vec<&str> = match ids {
            Asked::Tasks(ids) => ids.iter().map(|id| id.0.as_str()).collect(),
            Asked::External(id) => vec![id.0.as_str()],
        };
        async move { self.queried(&ids).await }.boxed()
    }

    fn list<'a>(&'a self, from: Option<&'a str>, size: usize) -> BoxFuture<'a, ListAnswer> {
        let page = from.map_or(1, |page| page.parse().expect("one of ours"));
        self.listed(page, size).boxed()
    }
}

impl ResultHost for Simulated {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Box<dyn Download>, FetchError>> {
        self.fetched(url).boxed()
    }
}
