//! The "solutions" form of the API (`docs/provider.md`, "Try-on 3.0"): pictures by URL only, up to twenty tasks a question, a
//! list by cursor. An API key alone opens it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::job::{ModelName, TaskId};

use super::client::{fate_of, meaning_of, wrong_url};
use super::meaning::{Asked, Meaning, Trust};
use super::transport::{Answer, NoAnswer, Transport};
use super::{
    Auth, CreateFate, Ids, ListAnswer, Picture, Provider, QueryAnswer, Submission, TaskReport, Timeouts, Told,
};

/// Where tasks are made, below the base URL.
const CREATE: &str = "solutions/virtual_try_on";

/// Where tasks are asked for, below the base URL.
const SOLUTIONS: &str = "solutions";

/// The most ids in one question.
const LARGEST_QUESTION: usize = 20;

/// How far back the list is asked for. What is older is asked about by its id.
const LIST_SPAN: Duration = Duration::from_secs(24 * 3_600);

/// The list reaches a little into the future, for clocks that differ.
const CLOCK_MARGIN: Duration = Duration::from_secs(3_600);

/// The HTTP client of one endpoint.
#[derive(Debug, Clone)]
pub struct SolutionsProvider {
    wire: Transport,
    /// Where the provider is asked to tell of status changes. Its path may be a secret, and is not shown.
    callback_url: Option<SecretString>,
}

impl SolutionsProvider {
    /// A client for the provider at `base_url`, with an API key.
    ///
    /// # Errors
    /// The key cannot be written into a header, or TLS cannot be set up.
    pub fn new(base_url: &str, key: SecretString, timeouts: Timeouts) -> Result<Self, String> {
        Ok(Self { wire: Transport::new(base_url, Auth::api_key(key), timeouts)?, callback_url: None })
    }

    /// Has every create ask the provider to post the task's status changes to `url`.
    pub fn ask_for_callbacks(&mut self, url: impl Into<String>) {
        self.callback_url = Some(SecretString::from(url.into()));
    }

    async fn asked_to_create(&self, submission: Submission<'_>) -> CreateFate {
        let (Picture::Url(human), Picture::Url(cloth)) = (submission.human, submission.cloth) else {
            return CreateFate::BadInput(format!("{} takes URLs only; see --upload-to", submission.model));
        };
        let mut options = json!({ "external_task_id": submission.external_id.0, "watermark": { "enabled": false } });
        if let Some(url) = &self.callback_url {
            options["callback_url"] = json!(url.expose_secret());
        }
        let keep = submission.keep;
        let body = json!({
            "contents": [{ "type": "product_image", "url": cloth }, { "type": "person_image", "url": human }],
            "settings": { "keep_face": keep.face, "keep_pose": keep.pose, "keep_background": keep.background },
            "options": options,
        });
        fate_of(self.post(CREATE, &body).await, submission.external_id)
    }

    async fn asked(&self, ids: Ids<'_>) -> QueryAnswer {
        let (name, listed) = match ids {
            Ids::Tasks([]) => return QueryAnswer::Told(Vec::new()),
            Ids::Tasks(ids) => ("task_ids", ids.iter().map(|id| id.0.as_str()).collect::<Vec<_>>().join(",")),
            Ids::External(id) => ("external_task_ids", id.0.clone()),
        };
        let url = reqwest::Url::parse_with_params(&self.place(SOLUTIONS), [(name, listed)]);
        let url = match url {
            Ok(url) => url,
            Err(error) => return QueryAnswer::Trouble(wrong_url(&error.to_string())),
        };
        match self.wire.call(self.wire.http.get(url)).await {
            Ok(answer) => told(ids, &answer),
            Err(silence) => QueryAnswer::Trouble(silence.trouble(Meaning::BackOff(Trust::Outage))),
        }
    }

    async fn listed(&self, cursor: Option<&str>, size: usize) -> ListAnswer {
        let body = match cursor {
            Some(cursor) => json!({ "cursor": cursor }),
            None => first_page(SystemTime::now(), size),
        };
        let answer = match self.post(SOLUTIONS, &body).await {
            Ok(answer) => answer,
            Err(silence) => return ListAnswer::Trouble(silence.trouble(Meaning::BackOff(Trust::Outage))),
        };
        match (meaning_of(Asked::Other, &answer), answer.body.page()) {
            (Meaning::Ok, Some((tasks, next))) => ListAnswer::Page { tasks, next },
            // It is well, and it is no list: this provider has none.
            (Meaning::Ok, None) => ListAnswer::Trouble(answer.trouble(Meaning::JobRefused)),
            (other, _) => ListAnswer::Trouble(answer.trouble(other.of_a_question())),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        let request = self.wire.http.post(self.place(path)).header(CONTENT_TYPE, "application/json");
        self.wire.call(request.body(body.to_string())).await
    }

    fn place(&self, path: &str) -> String {
        format!("{}/{path}", self.wire.base_url)
    }
}

impl Provider for SolutionsProvider {
    fn takes(&self, model: &ModelName) -> bool {
        model.is_of_solutions()
    }

    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        self.asked_to_create(submission).boxed()
    }

    fn largest_question(&self) -> usize {
        LARGEST_QUESTION
    }

    fn query<'a>(&'a self, ids: Ids<'a>) -> BoxFuture<'a, QueryAnswer> {
        self.asked(ids).boxed()
    }

    fn list<'a>(&'a self, from: Option<&'a str>, size: usize) -> BoxFuture<'a, ListAnswer> {
        self.listed(from, size).boxed()
    }
}

fn first_page(now: SystemTime, size: usize) -> Value {
    let ms = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let start = now.checked_sub(LIST_SPAN).unwrap_or(UNIX_EPOCH);
    json!({ "start_time": ms(start) as u64, "end_time": ms(now + CLOCK_MARGIN) as u64, "limit": size })
}

/// What an answer says of the tasks that were asked for.
pub(super) fn told(ids: Ids<'_>, answer: &Answer) -> QueryAnswer {
    let number = match ids {
        Ids::Tasks(ids) => ids.len(),
        Ids::External(_) => 1,
    };
    match (meaning_of(Asked::Query, answer), answer.body.tasks()) {
        (Meaning::UnknownTask, _) if number == 1 => QueryAnswer::Told(vec![Told::Unknown]),
        // One of several is unknown, and it is not said which.
        (Meaning::UnknownTask, _) => QueryAnswer::Trouble(answer.trouble(Meaning::UnknownTask)),
        (Meaning::Ok, Some((tasks, entries))) => QueryAnswer::Told(sorted_out(ids, tasks, entries)),
        (Meaning::Ok, None) => match answer.body.task() {
            // A gateway may answer with the task itself.
            Some(task) => QueryAnswer::Told(sorted_out(ids, vec![task], 1)),
            None => QueryAnswer::Trouble(answer.trouble(Meaning::BackOff(Trust::Outage))),
        },
        // A question creates nothing, so an answer that does not tell is only asked for again.
        (Meaning::InDoubt, _) => QueryAnswer::Trouble(answer.trouble(Meaning::BackOff(Trust::Outage))),
        (other, _) => QueryAnswer::Trouble(answer.trouble(other.of_a_question())),
    }
}

/// What the entries of an answer say of each task. One that is missing is unknown; but where the answer has entries that are
/// about none of them, or cannot be read, it says nothing of those that are missing.
fn sorted_out(ids: Ids<'_>, tasks: Vec<TaskReport>, entries: usize) -> Vec<Told> {
    match ids {
        Ids::Tasks(ids) => {
            let mut found: HashMap<TaskId, TaskReport> =
                tasks.into_iter().map(|task| (task.task_id.clone(), task)).collect();
            let told: Vec<Option<TaskReport>> = ids.iter().map(|id| found.remove(id)).collect();
            let has_others = entries > told.iter().flatten().count();
            told.into_iter()
                .map(|task| task.map_or_else(|| missing(has_others), |task| Told::Task(task.into())))
                .collect()
        }
        Ids::External(id) => {
            let is_alone = entries == 1;
            // One entry that carries no id of ours is the answer to a question for one; whether that is believed is the
            // asker's to say.
            let is_it = |task: &TaskReport| match &task.external_id {
                Some(carried) => carried == id,
                None => is_alone,
            };
            let found = tasks.into_iter().find(is_it);
            vec![found.map_or_else(|| missing(entries > 0), |task| Told::Task(Box::new(task)))]
        }
    }
}

fn missing(has_others: bool) -> Told {
    if has_others { Told::Nothing } else { Told::Unknown }
}
