//! What a test can ask of the provider.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::Answer;
use super::bill::Bill;
use super::shapes::Shape;

/// How the provider behaves. Every hook sees the facts of one request and says what becomes of it.
pub(crate) struct Script {
    pub(crate) shape: Shape,
    /// What the ids of its tasks begin with.
    pub(crate) task_prefix: &'static str,
    /// From creation to the end of a task.
    pub(crate) task_time: Duration,
    /// How long the body of a create takes on its way that is larger than what the system's buffers hold.
    pub(crate) upload_time: Duration,
    /// Tasks at work at the same time; one more is answered with `over_cap`.
    pub(crate) cap: usize,
    pub(crate) over_cap: Answer,
    /// The fields with which a task that succeeded tells what it cost.
    pub(crate) cost: Value,
    pub(crate) external_ids: ExternalIds,
    /// Whether a create under an external id that is taken is answered with 400/1201.
    pub(crate) refuses_duplicates: bool,
    /// Whether to reset the connection of the n-th create (from 1) when only its head was read.
    pub(crate) resets: Box<dyn FnMut(u64) -> bool + Send>,
    pub(crate) on_create: Box<dyn FnMut(&CreateSeen) -> OnCreate + Send>,
    pub(crate) on_query: Box<dyn FnMut(&QuerySeen) -> OnQuery + Send>,
    pub(crate) on_download: Box<dyn FnMut(&DownloadSeen) -> OnDownload + Send>,
    pub(crate) list: List,
    pub(crate) bill: Bill,
    /// What becomes of the n-th task (from 1) of a job.
    pub(crate) fate: Box<FateOf>,
}

/// Says how the n-th task (from 1) of a job ends.
pub(crate) type FateOf = dyn FnMut(&str, usize) -> Fate + Send;

impl Default for Script {
    fn default() -> Self {
        Self {
            shape: Shape::Native,
            task_prefix: "task-",
            task_time: Duration::from_millis(100),
            upload_time: Duration::ZERO,
            cap: usize::MAX,
            over_cap: Answer::over_cap(),
            cost: json!({ "final_unit_deduction": "1" }),
            external_ids: ExternalIds::Known,
            refuses_duplicates: true,
            resets: Box::new(|_| false),
            on_create: Box::new(|_| OnCreate::Take),
            on_query: Box::new(|_| OnQuery::Truth),
            on_download: Box::new(|_| OnDownload::Truth),
            bill: Bill::default(),
            list: List::Answer(Answer::html(404, "404 page not found")),
            fate: Box::new(|_, _| Fate::Succeed),
        }
    }
}

/// How the list of tasks is.
#[derive(Debug, Clone)]
pub(crate) enum List {
    NewestFirst,
    /// Behind 5,000 old tasks of others.
    OldestFirst,
    /// Newest first, and of an ended task it only says that.
    Terse,
    /// It does not show every third task.
    Gaps,
    /// It is a list without entries.
    Empty,
    /// This instead of a list.
    Answer(Answer),
}

/// What the provider makes of `external_task_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExternalIds {
    /// Queries show it, and find the task by it.
    Known,
    /// Neither.
    Ignored,
}

/// A create whose body was read.
#[derive(Debug, Clone)]
pub(crate) struct CreateSeen {
    /// Which create of all, from 1.
    pub(crate) nth: u64,
    pub(crate) job: String,
    /// Which create for this job, from 1.
    pub(crate) nth_of_job: usize,
}

/// What becomes of a create.
#[derive(Debug, Clone)]
pub(crate) enum OnCreate {
    /// A task, and its answer.
    Take,
    /// This answer, and no task.
    Refuse(Answer),
    /// A task, and an answer that does not arrive as one.
    Lose(Loss),
    /// A task, and an answer that is held back until the provider lets go.
    Hold,
    /// The connection is closed at once, and a task appears this much later.
    TakeLate(Duration),
    /// It is answered with 504 at once, and a task appears this much later.
    TimeOutThenTake(Duration),
}

/// How an answer is lost after a task was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Closed,
    Reset,
    Html502,
    Html504,
    Html524,
    Code5002,
    /// The connection ends in the middle of the body.
    CutBody,
    /// A whole answer with half a JSON text.
    HalfJson,
    Html200,
    NoTaskId,
    /// In the answer's own shape, and the id is empty.
    EmptyTaskId,
    /// 200 and nothing.
    NoBody,
    /// 500 with a page.
    Html500,
    /// 500 `do_request_failed`: the relay did not wait for the service's answer.
    Gateway500,
    /// 500 `read_response_body_failed`: the relay lost the service's answer.
    Gateway500Read,
    /// 500 `unmarshal_response_failed`: the relay could not read the service's answer.
    Gateway500Unmarshal,
}

impl Loss {
    pub(crate) const ALL: [Self; 16] = [
        Self::Closed,
        Self::Reset,
        Self::Html502,
        Self::Html504,
        Self::Html524,
        Self::Code5002,
        Self::CutBody,
        Self::HalfJson,
        Self::Html200,
        Self::NoTaskId,
        Self::EmptyTaskId,
        Self::NoBody,
        Self::Html500,
        Self::Gateway500,
        Self::Gateway500Read,
        Self::Gateway500Unmarshal,
    ];
}

/// A question about a task.
#[derive(Debug, Clone)]
pub(crate) struct QuerySeen {
    /// The job of the task that is asked for, where there is one.
    pub(crate) job: Option<String>,
    /// Which question about this task, from 1.
    pub(crate) nth_of_task: u32,
    /// Whether it is asked for by the client's own id.
    pub(crate) is_by_external_id: bool,
}

/// What becomes of a question.
#[derive(Debug, Clone)]
pub(crate) enum OnQuery {
    Truth,
    Answer(Answer),
    /// There is no such task, in the words of the shape.
    Unknown,
    /// As a fresh task can read: failed, with "task not found".
    FailedNotFound,
    Reset,
}

/// A download.
#[derive(Debug, Clone)]
pub(crate) struct DownloadSeen {
    pub(crate) job: String,
    /// Which link of its task this is, from 1.
    pub(crate) link: u32,
    /// Which download of this job, from 1.
    pub(crate) nth_of_job: usize,
}

/// What becomes of a download.
#[derive(Debug, Clone)]
pub(crate) enum OnDownload {
    Truth,
    Answer(Answer),
    /// A picture that goes on for this many bytes, without a length.
    Flood(usize),
    /// A redirect to itself.
    Loop,
    Reset,
}

/// How a task ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Succeed,
    Fail(&'static str),
    NoImage,
    /// It works for ever.
    Never,
}

/// Trouble with the provider as a whole.
#[derive(Debug, Clone)]
pub(crate) enum Outage {
    None,
    /// Nobody listens.
    Closed,
    /// Every connection is reset before its request is read.
    Reset,
    /// Every request of the API (not downloads) is answered so.
    Answer(Answer),
}

/// Chance that repeats.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up to, and not including, 1.
    pub(crate) fn roll(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.roll() * bound as f64) as usize
    }
}
