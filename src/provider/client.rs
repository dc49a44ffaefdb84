//! The HTTP client of the API: one request a call, no retries, no redirects, bounded answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};

use crate::job::{ExternalTaskId, ModelName, TaskId};

use super::auth::UnusableKey;
use super::body::{Picture, RequestBody};
use super::meaning::{Asked, Meaning, StopReason, Trust, meaning};
use super::shape::Body;
use super::{AnswerFacts, Auth, Provider, TaskReport};

/// The path of the try-on endpoint below the base URL.
const TRY_ON: &str = "v1/images/kolors-virtual-try-on";

/// An answer larger than this is none of this API's; a page of 500 tasks with long URLs stays well below it.
const LARGEST_ANSWER_BYTES: usize = 4 << 20;

/// The most tasks that a page of the list may hold (`docs/provider.md`).
pub const LARGEST_PAGE: usize = 500;

/// The longest that a `Retry-After` is believed: nonsense in it must not park a job for a year.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// How long requests may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made. 10 s by `docs/promises.md`.
    pub connect: Duration,
    /// Silence in an answer's body. 30 s by `docs/promises.md`.
    pub idle: Duration,
    /// One request in all (`--request-timeout`).
    pub request: Duration,
}

/// The HTTP client of one endpoint.
#[derive(Debug, Clone)]
pub struct HttpProvider {
    http: Client,
    base_url: String,
    auth: Arc<Auth>,
    timeouts: Timeouts,
    /// Where the provider is asked to tell of status changes. Its path may be a secret, and is not shown.
    callback_url: Option<SecretString>,
}

/// What a create asks for.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    pub model: &'a ModelName,
    pub human: &'a Picture,
    pub cloth: &'a Picture,
    pub external_id: &'a ExternalTaskId,
}

/// Every fate a create can have.
#[derive(Debug)]
pub enum CreateFate {
    /// The task exists. `echoed`: the answer carries our external id. Where it does not, that says nothing: Kling's own
    /// create leaves it out.
    Accepted { task_id: TaskId, echoed: bool, facts: AnswerFacts },
    /// An answer that says that nothing was created.
    Refused(Trouble),
    /// Nothing left this machine: no connection stood.
    NotSent(Trouble),
    /// A picture could not be read; the request was broken off, so nothing was created.
    BadInput(String),
    /// The task may exist: no answer, one cut off or unreadable, or one that does not tell.
    InDoubt(Trouble),
}

/// What a query learnt.
#[derive(Debug)]
pub enum QueryAnswer {
    /// The task, as it is.
    Task(Box<TaskReport>),
    /// The provider knows no such task. To be asked again before it is believed.
    Unknown(AnswerFacts),
    /// Nothing was learnt.
    Trouble(Trouble),
}

/// What a page of the list told.
#[derive(Debug)]
pub enum ListAnswer {
    /// The tasks on it. It is the last page when it has fewer entries than were asked for.
    Page { tasks: Vec<TaskReport>, is_last: bool },
    /// Nothing was learnt.
    Trouble(Trouble),
}

/// An answer that is none, or no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it means.
    pub meaning: Meaning,
    /// What was said, or what happened on the way, for a person.
    pub facts: AnswerFacts,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// The provider's clock, where its answer carried one.
    pub(super) provider_time: Option<SystemTime>,
    /// Whether any HTTP answer came: the provider, or a gateway in front of it, was reached.
    pub was_reached: bool,
}

impl Trouble {
    /// An answer of this meaning.
    #[must_use]
    pub fn of(meaning: Meaning, facts: AnswerFacts) -> Self {
        Self { meaning, facts, retry_after: None, provider_time: None, was_reached: true }
    }

    /// What happened, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let said = self.facts.message.as_deref().unwrap_or("no further word");
        match (self.facts.http_status, self.facts.code) {
            (Some(status), Some(code)) => format!("{said} (HTTP {status}, code {code})"),
            (Some(status), None) => format!("{said} (HTTP {status})"),
            (None, _) => said.to_owned(),
        }
    }
}

/// A request that got no complete answer.
struct NoAnswer {
    /// Nothing of the request left this machine.
    not_sent: bool,
    why: String,
    http_status: Option<u16>,
}

/// An answer, whatever it says.
pub(super) struct Answer {
    pub(super) body: Body,
    retry_after: Option<Duration>,
    provider_time: Option<SystemTime>,
}

impl HttpProvider {
    /// A client for the provider at `base_url`.
    ///
    /// # Errors
    /// The key cannot stand in a header, or TLS cannot be set up.
    pub fn new(base_url: &str, auth: Auth, timeouts: Timeouts) -> Result<Self, String> {
        auth.header(SystemTime::now()).map_err(|error: UnusableKey| error.to_string())?;
        let http = Client::builder()
            .user_agent(concat!("tryon/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            // A redirect would carry the key along; and a POST would be sent twice.
            .redirect(reqwest::redirect::Policy::none())
            // Shorter than servers keep idle connections, so that a create never meets one that is just closing.
            .pool_idle_timeout(Duration::from_secs(15))
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self {
            http,
            base_url: base_url.trim_end_matches('/').to_owned(),
            auth: Arc::new(auth),
            timeouts,
            callback_url: None,
        })
    }

    /// Has every create ask the provider to post the task's status changes to `url`.
    pub fn ask_for_callbacks(&mut self, url: impl Into<String>) {
        self.callback_url = Some(SecretString::from(url.into()));
    }

    /// The base URL, without a slash at its end: the name under which this provider's capabilities are remembered.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks for a task. One request; whatever became of it is in the fate. Only a token whose times are refused is
    /// replaced, and the request made once more.
    pub async fn create(&self, submission: Submission<'_>) -> CreateFate {
        let fate = self.create_once(submission).await;
        match &fate {
            CreateFate::Refused(trouble) if self.can_renew(trouble) => self.create_once(submission).await,
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
            .http
            .post(format!("{}/{TRY_ON}", self.base_url))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.length())
            .body(reqwest::Body::wrap_stream(body.into_stream()));
        let answer = self.call(request).await;
        if let Some(why) = broken_input.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            return CreateFate::BadInput(why);
        }
        match answer {
            Ok(answer) => fate_of(&answer, submission.external_id),
            Err(silence) if silence.not_sent => CreateFate::NotSent(silence.trouble(Meaning::BackOff(Trust::Outage))),
            Err(silence) => CreateFate::InDoubt(silence.trouble(Meaning::InDoubt)),
        }
    }

    /// Whether a refusal was about a token's times, and another token may be better.
    pub(super) fn can_renew(&self, trouble: &Trouble) -> bool {
        trouble.meaning == Meaning::RenewToken && self.auth.invalidate(trouble.provider_time, SystemTime::now())
    }

    /// Asks how far a task is, by the provider's id or by ours.
    pub async fn query(&self, id: &str) -> QueryAnswer {
        let answer = self.query_once(id).await;
        match &answer {
            QueryAnswer::Trouble(trouble) if self.can_renew(trouble) => self.query_once(id).await,
            _ => answer,
        }
    }

    async fn query_once(&self, id: &str) -> QueryAnswer {
        let mut url = match reqwest::Url::parse(&format!("{}/{TRY_ON}", self.base_url)) {
            Ok(url) => url,
            Err(error) => return QueryAnswer::Trouble(wrong_url(&error.to_string())),
        };
        match url.path_segments_mut() {
            Ok(mut segments) => segments.push(id),
            Err(()) => return QueryAnswer::Trouble(wrong_url("it cannot have a path")),
        };
        let answer = match self.call(self.http.get(url)).await {
            Ok(answer) => answer,
            Err(silence) => return QueryAnswer::Trouble(silence.trouble(Meaning::BackOff(Trust::Outage))),
        };
        match (meaning_of(Asked::Query, &answer), answer.body.task()) {
            (Meaning::UnknownTask, _) => QueryAnswer::Unknown(answer.body.facts.clone()),
            (Meaning::Ok, Some(task)) => QueryAnswer::Task(Box::new(task)),
            // A question creates nothing, so an answer that does not tell is only asked for again.
            (Meaning::Ok | Meaning::InDoubt, _) => {
                QueryAnswer::Trouble(answer.trouble(Meaning::BackOff(Trust::Outage)))
            }
            (other, _) => QueryAnswer::Trouble(answer.trouble(other.of_a_question())),
        }
    }

    /// Asks for a page of all the account's tasks, from page 1; newest first is usual, not certain. `size` is at most
    /// [`LARGEST_PAGE`].
    pub async fn list(&self, page: usize, size: usize) -> ListAnswer {
        let answer = self.list_once(page, size).await;
        match &answer {
            ListAnswer::Trouble(trouble) if self.can_renew(trouble) => self.list_once(page, size).await,
            _ => answer,
        }
    }

    async fn list_once(&self, page: usize, size: usize) -> ListAnswer {
        let answer = match self.get(&format!("{TRY_ON}?pageNum={page}&pageSize={size}")).await {
            Ok(answer) => answer,
            Err(trouble) => return ListAnswer::Trouble(trouble),
        };
        match (meaning_of(Asked::Other, &answer), answer.body.tasks()) {
            (Meaning::Ok, Some((tasks, entries))) => ListAnswer::Page { tasks, is_last: entries < size },
            // It is well, and it is no list: this provider has none.
            (Meaning::Ok, None) => ListAnswer::Trouble(answer.trouble(Meaning::JobRefused)),
            (other, _) => ListAnswer::Trouble(answer.trouble(other.of_a_question())),
        }
    }

    /// Asks for a page below the base URL.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Trouble> {
        let answer = self.call(self.http.get(format!("{}/{path}", self.base_url))).await;
        answer.map_err(|silence| silence.trouble(Meaning::BackOff(Trust::Outage)))
    }

    async fn call(&self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let key = self.auth.header(SystemTime::now()).map_err(|error| NoAnswer {
            not_sent: true,
            why: error.to_string(),
            http_status: None,
        })?;
        let response = request.header(AUTHORIZATION, key).send().await.map_err(|error| NoAnswer {
            not_sent: error.is_connect() || error.is_builder(),
            why: chain(&error),
            http_status: None,
        })?;
        let http_status = response.status().as_u16();
        let retry_after = retry_after(&response, SystemTime::now());
        let provider_time = header(&response, &DATE).and_then(|text| httpdate::parse_http_date(text).ok());
        let cut_off = |why: String| NoAnswer { not_sent: false, why, http_status: Some(http_status) };
        let bytes = self.read_bounded(response).await.map_err(cut_off)?;
        let bytes = self.auth.censored(bytes);
        Ok(Answer { body: Body::read(http_status, &bytes), retry_after, provider_time })
    }

    async fn read_bounded(&self, mut response: Response) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        loop {
            let piece = tokio::time::timeout(self.timeouts.idle, response.chunk()).await;
            let piece = piece.map_err(|_| format!("the answer fell silent for {:?}", self.timeouts.idle))?;
            let Some(piece) = piece.map_err(|error| chain(&error))? else { return Ok(bytes) };
            if bytes.len() + piece.len() > LARGEST_ANSWER_BYTES {
                return Err(format!("the answer is over {LARGEST_ANSWER_BYTES} bytes long"));
            }
            bytes.extend_from_slice(&piece);
        }
    }
}

impl Provider for HttpProvider {
    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate> {
        Self::create(self, submission).boxed()
    }

    fn query<'a>(&'a self, id: &'a str) -> BoxFuture<'a, QueryAnswer> {
        Self::query(self, id).boxed()
    }

    fn list(&self, page: usize, size: usize) -> BoxFuture<'_, ListAnswer> {
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

pub(super) fn fate_of(answer: &Answer, external_id: &ExternalTaskId) -> CreateFate {
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

impl Answer {
    #[cfg(test)]
    pub(super) fn of(body: Body) -> Self {
        Self { body, retry_after: None, provider_time: None }
    }

    pub(super) fn trouble(&self, meaning: Meaning) -> Trouble {
        Trouble {
            meaning,
            facts: self.body.facts.clone(),
            retry_after: self.retry_after,
            provider_time: self.provider_time,
            was_reached: true,
        }
    }
}

impl NoAnswer {
    fn trouble(self, meaning: Meaning) -> Trouble {
        let facts = AnswerFacts {
            http_status: self.http_status,
            message: Some(crate::job::clean_text(&self.why)),
            ..AnswerFacts::default()
        };
        Trouble { meaning, facts, retry_after: None, provider_time: None, was_reached: self.http_status.is_some() }
    }
}

fn wrong_url(why: &str) -> Trouble {
    let facts = AnswerFacts { message: Some(format!("the base URL is unusable: {why}")), ..AnswerFacts::default() };
    Trouble {
        meaning: Meaning::Suspect(StopReason::WrongUrl),
        facts,
        retry_after: None,
        provider_time: None,
        was_reached: false,
    }
}

fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok().map(str::trim)
}

/// The `Retry-After` of an answer, in seconds or as a date; [`LONGEST_RETRY_AFTER`] at most.
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let text = header(response, &RETRY_AFTER)?;
    let wait = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// An error with its causes in one line. A URL in it is cut to its host: some carry signatures.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = match error.url().and_then(|url| url.host_str()) {
        Some(host) => format!("request to {host} failed"),
        None => "request failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    if error.is_timeout() && !text.contains("timed out") {
        text.push_str(": timed out");
    }
    text
}
