//! The older form of the API (`docs/provider.md`, "Create a task"): pictures within the request or by URL, one task a
//! question, a list by pages.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};

use crate::job::{ExternalTaskId, ModelName};

use super::body::RequestBody;
use super::meaning::{Asked, Meaning, StopReason, Trust, meaning};
use super::transport::{Answer, NoAnswer, Transport};
use super::{
    AnswerFacts, Auth, CreateFate, Ids, ListAnswer, Provider, QueryAnswer, Submission, Timeouts, Told, Trouble,
};

/// The path of the try-on endpoint below the base URL.
const TRY_ON: &str = "v1/images/kolors-virtual-try-on";

/// The most tasks that a page of the list may hold (`docs/provider.md`).
pub const LARGEST_PAGE: usize = 500;

/// The HTTP client of one endpoint.
#[derive(Debug, Clone)]
pub struct HttpProvider {
    pub(super) wire: Transport,
    /// Where the provider is asked to tell of status changes. Its path may be a secret, and is not shown.
    callback_url: Option<SecretString>,
}

impl HttpProvider {
    /// A client for the provider at `base_url`.
    ///
    /// # Errors
    /// The key cannot be written into a header, or TLS cannot be set up.
    pub fn new(base_url: &str, auth: Auth, timeouts: Timeouts) -> Result<Self, String> {
        Ok(Self { wire: Transport::new(base_url, auth, timeouts)?, callback_url: None })
    }

    /// Has every create ask the provider to post the task's status changes to `url`.
    pub fn ask_for_callbacks(&mut self, url: impl Into<String>) {
        self.callback_url = Some(SecretString::from(url.into()));
    }

    /// The base URL, without a slash at its end: the name under which this provider's capabilities are remembered.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.wire.base_url
    }

    /// Asks for a task. One request; whatever became of it is in the fate. Only a token whose times are refused is
    /// replaced, and the request made once more.
    pub async fn create(&self, submission: Submission<'_>) -> CreateFate {
        let fate = self.create_once(submission).await;
        match &fate {
            CreateFate::Refused(trouble) if self.wire.can_renew(trouble) => self.create_once(submission).await,
            _ => fate,
        }
    }

    async fn create_once(&self, submission: Submission<'_>) -> CreateFate {
        let mut fields =
            vec![("model_name", submission.model.as_str()), ("external_task_id", submission.external_id.0.as_str())];
        fields.extend(self.callback_url.as_ref().map(|url| ("callback_url", url.expose_secret())));
        let pictures = [("human_image", submission.human), ("cloth_image", submission.cloth)];
        let body = RequestBody::new(&fields, pictures);
        let broken_input = body.broken_input.clone();
        let request = self
            .wire
            .http
            .post(format!("{}/{TRY_ON}", self.wire.base_url))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.length())
            .body(reqwest::Body::wrap_stream(body.into_stream()));
        let answer = self.wire.call(request).await;
        if let Some(why) = broken_input.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            return CreateFate::BadInput(why);
        }
        fate_of(answer, submission.external_id)
    }

    async fn query(&self, id: &str) -> QueryAnswer {
        let answer = self.query_once(id).await;
        match &answer {
            QueryAnswer::Trouble(trouble) if self.wire.can_renew(trouble) => self.query_once(id).await,
            _ => answer,
        }
    }

    async fn query_once(&self, id: &str) -> QueryAnswer {
        let mut url = match reqwest::Url::parse(&format!("{}/{TRY_ON}", self.wire.base_url)) {
            Ok(url) => url,
            Err(error) => return QueryAnswer::Trouble(wrong_url(&error.to_string())),
        };
        match url.path_segments_mut() {
            Ok(mut segments) => segments.push(id),
            Err(()) => return QueryAnswer::Trouble(wrong_url("it cannot have a path")),
        };
        let answer = match self.wire.call(self.wire.http.get(url)).await {
            Ok(answer) => answer,
            Err(silence) => return QueryAnswer::Trouble(silence.trouble(Meaning::BackOff(Trust::Outage))),
        };
        match (meaning_of(Asked::Query, &answer), answer.body.task()) {
            (Meaning::UnknownTask, _) => QueryAnswer::Told(vec![Told::Unknown]),
            (Meaning::Ok, Some(task)) => QueryAnswer::Told(vec![Told::Task(Box::new(task))]),
            // A question creates nothing, so an answer that does not tell is only asked for again.
            (Meaning::Ok | Meaning::InDoubt, _) => {
                QueryAnswer::Trouble(answer.trouble(Meaning::BackOff(Trust::Outage)))
            }
            (other, _) => QueryAnswer::Trouble(answer.trouble(other.of_a_question())),
        }
    }

    async fn list(&self, page: usize, size: usize) -> ListAnswer {
        let answer = self.list_once(page, size).await;
        match &answer {
            ListAnswer::Trouble(trouble) if self.wire.can_renew(trouble) => self.list_once(page, size).await,
            _ => answer,
        }
    }

    async fn list_once(&self, page: usize, size: usize) -> ListAnswer {
        let answer = match self.wire.get(&format!("{TRY_ON}?pageNum={page}&pageSize={size}")).await {
            Ok(answer) => answer,
            Err(trouble) => return ListAnswer::Trouble(trouble),
        };
        match (meaning_of(Asked::Other, &answer), answer.body.tasks()) {
            (Meaning::Ok, Some((tasks, entries))) => {
                ListAnswer::Page { tasks, next: (entries >= size).then(|| (page + 1).to_string()) }
            }
            // It is well, and it is no list: this provider has none.
            (Meaning::Ok, None) => ListAnswer::Trouble(answer.trouble(Meaning::JobRefused)),
            (other, _) => ListAnswer::Trouble(answer.trouble(other.of_a_question())),
        }
    }
}

impl Provider for HttpProvider {
    fn takes(&self, model: &ModelName) -> bool {
        !model.is_of_solutions()
    }

    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        Self::create(self, submission).boxed()
    }

    fn largest_question(&self) -> usize {
        1
    }

    /// The path takes either kind of id. Of several tasks only the first is asked for: see [`Self::largest_question`].
    fn query<'a>(&'a self, ids: Ids<'a>) -> BoxFuture<'a, QueryAnswer> {
        let id = match ids {
            Ids::Tasks([first, ..]) => &first.0,
            Ids::Tasks([]) => return std::future::ready(QueryAnswer::Told(Vec::new())).boxed(),
            Ids::External(id) => &id.0,
        };
        Self::query(self, id).boxed()
    }

    /// A page is known by its number.
    fn list<'a>(&'a self, from: Option<&'a str>, size: usize) -> BoxFuture<'a, ListAnswer> {
        let page = from.and_then(|page| page.parse().ok()).unwrap_or(1);
        Self::list(self, page, size).boxed()
    }
}

pub(super) fn meaning_of(asked: Asked, answer: &Answer) -> Meaning {
    let facts = &answer.body.facts;
    let status = facts.http_status.unwrap_or_default();
    match meaning(asked, facts) {
        // A success without the API's code that names a task is a success.
        Meaning::InDoubt if (200..300).contains(&status) && !is_failure(facts) && answer.body.task().is_some() => {
            Meaning::Ok
        }
        meaning => meaning,
    }
}

/// Whether the API itself says that it did not work.
fn is_failure(facts: &AnswerFacts) -> bool {
    facts.is_of_the_api() && facts.code != Some(0)
}

/// What became of a create.
pub(super) fn fate_of(answer: Result<Answer, NoAnswer>, external_id: &ExternalTaskId) -> CreateFate {
    match answer {
        Ok(answer) => answered_fate(&answer, external_id),
        Err(silence) if silence.not_sent => CreateFate::NotSent(silence.trouble(Meaning::BackOff(Trust::Outage))),
        Err(silence) => CreateFate::InDoubt(silence.trouble(Meaning::InDoubt)),
    }
}

pub(super) fn answered_fate(answer: &Answer, external_id: &ExternalTaskId) -> CreateFate {
    match (meaning_of(Asked::Create, answer), answer.body.task()) {
        (Meaning::Ok, Some(task)) => CreateFate::Accepted {
            echoed: task.external_id.as_ref() == Some(external_id),
            task_id: task.task_id,
            facts: answer.body.facts.clone(),
        },
        // What a web page means depends on whether the API has answered before, which the asker knows.
        (Meaning::WebPage, _) => CreateFate::InDoubt(answer.trouble(Meaning::WebPage)),
        (Meaning::Ok | Meaning::InDoubt, _) => CreateFate::InDoubt(answer.trouble(Meaning::InDoubt)),
        (other, _) => CreateFate::Refused(answer.trouble(other)),
    }
}

pub(super) fn wrong_url(why: &str) -> Trouble {
    let facts = AnswerFacts { message: Some(format!("the base URL is unusable: {why}")), ..AnswerFacts::default() };
    Trouble {
        meaning: Meaning::Suspect(StopReason::WrongUrl),
        facts,
        retry_after: None,
        provider_time: None,
        was_reached: false,
    }
}
