//! The watcher against a provider that is made of a few lines, in virtual time.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::engine::account::backoff::Backoff;
use crate::engine::account::gate::Gate;
use crate::engine::account::pace::{Bounds, Pace};
use crate::engine::settings::Patience;
use crate::job::{ModelName, TaskId};
use crate::provider::{CreateFate, Ids, ListAnswer, Provider, QueryAnswer, Submission, TaskReport, TaskStatus, Told};

use super::{Ended, Watcher, Watching};

/// Shows tasks until the moments at which they end; those without one never end, and the list does not show them.
#[derive(Debug, Default)]
struct Tasks {
    ends: Mutex<BTreeMap<TaskId, Option<Instant>>>,
    pages: AtomicUsize,
    /// The second page of the list never comes.
    keeps_second_page: bool,
}

impl Tasks {
    fn begin(&self, name: &str, takes: Option<Duration>) -> TaskId {
        let (id, end) = (TaskId(name.to_owned()), takes.map(|time| Instant::now() + time));
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), end);
        id
    }

    fn report(id: &TaskId, end: Option<Instant>) -> TaskReport {
        let has_ended = end.is_some_and(|end| end <= Instant::now());
        TaskReport {
            task_id: id.clone(),
            external_id: None,
            status: if has_ended { TaskStatus::Succeeded } else { TaskStatus::Working },
            message: None,
            units: None,
            paid: None,
            images: Vec::new(),
            took: None,
        }
    }

    fn ends(&self) -> BTreeMap<TaskId, Option<Instant>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Provider for Tasks {
    fn takes(&self, _: &ModelName) -> bool {
        true
    }

    fn create<'a>(&'a self, _: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        pending().boxed()
    }

    fn largest_question(&self) -> usize {
        1
    }

    fn query<'a>(&'a self, ids: Ids<'a>) -> BoxFuture<'a, QueryAnswer> {
        let Ids::Tasks([id, ..]) = ids else { return pending().boxed() };
        let report = Self::report(id, self.ends().get(id).copied().flatten());
        std::future::ready(QueryAnswer::Told(vec![Told::Task(Box::new(report))])).boxed()
    }

    fn list<'a>(&'a self, from: Option<&'a str>, _: usize) -> BoxFuture<'a, ListAnswer> {
        if from.is_some() {
            return pending().boxed();
        }
        self.pages.fetch_add(1, Ordering::Relaxed);
        let shown = self.ends().into_iter().filter(|(_, end)| end.is_some());
        let tasks = shown.map(|(id, end)| Self::report(&id, end)).collect();
        let next = self.keeps_second_page.then(|| "2".to_owned());
        std::future::ready(ListAnswer::Page { tasks, next }).boxed()
    }
}

fn watcher(tasks: &Arc<Tasks>) -> Watcher {
    let provider: Arc<dyn Provider> = Arc::<Tasks>::clone(tasks);
    let gate = Gate::new(Backoff::OUTAGE, Patience::default());
    let pace = Pace::new(Bounds { first: 1_000.0, most: None, limit: None }, None);
    let watching =
        Watching { interval: Duration::from_secs(1), unknown_times: 2, unknown_for: Duration::from_secs(60) };
    Watcher::start(provider, gate, pace, watching, None)
}

async fn has_ended(watcher: &Watcher, id: TaskId) -> bool {
    matches!(watcher.ended(id, Duration::ZERO).await, Some(Ended::Task { .. }))
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_first_page_shows_is_told_before_the_second_page_has_come() {
    crate::ambient::simulate_on_this_thread(Some(1));
    let tasks = Arc::new(Tasks { keeps_second_page: true, ..Tasks::default() });
    let watcher = watcher(&tasks);
    // The list shows the other one on a page that never comes.
    let (here, beyond) = (tasks.begin("here", Some(Duration::ZERO)), TaskId("beyond".to_owned()));
    let told = timeout(Duration::from_secs(60), async {
        tokio::select! {
            told = has_ended(&watcher, here) => told,
            told = has_ended(&watcher, beyond) => told,
        }
    });
    let told = told.await;
    crate::ambient::simulate_on_this_thread(None);
    assert_eq!(told, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn questions_about_a_task_that_the_list_does_not_show_put_off_no_walk_for_the_others() {
    const AT_WORK: usize = 50;
    const TAKES: Duration = Duration::from_secs(10);

    crate::ambient::simulate_on_this_thread(Some(1));
    let tasks: Arc<Tasks> = Arc::default();
    let watcher = watcher(&tasks);
    let endless = tasks.begin("endless", None);
    let mut waiting = JoinSet::new();
    let watched = watcher.clone();
    waiting.spawn(async move { has_ended(&watched, endless).await });
    let mut begun = 0;
    let mut begin = |waiting: &mut JoinSet<bool>| {
        begun += 1;
        // Their ends are spread over the time that one takes.
        let takes = TAKES.mul_f64(0.8 + 0.4 * (begun * 37 % AT_WORK) as f64 / AT_WORK as f64);
        let (id, watched) = (tasks.begin(&format!("task {begun}"), Some(takes)), watcher.clone());
        waiting.spawn(async move { has_ended(&watched, id).await });
    };
    for _ in 0..AT_WORK {
        begin(&mut waiting);
    }
    let from = Instant::now();
    let mut pages_before = 0;
    while from.elapsed() < TAKES * 9 {
        assert_eq!(
            waiting.join_next().await.map(Result::unwrap_or_default),
            Some(true),
            "only the endless one is left"
        );
        begin(&mut waiting);
        if from.elapsed() < TAKES * 3 {
            pages_before = tasks.pages.load(Ordering::Relaxed);
        }
    }
    let pages = tasks.pages.load(Ordering::Relaxed) - pages_before;
    crate::ambient::simulate_on_this_thread(None);
    // A page for three tasks that end is one every 0.6 s.
    assert!(pages >= 78, "{pages} pages in a minute");
}
