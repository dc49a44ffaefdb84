//! What the queue tells: jobs, attempts, counts, in the program's own types.

use std::time::Duration;

use jiff::Timestamp;

use super::contents::KnownContent;
use super::hosts::{Epoch, Holder, NoRoom, Room};
use super::runs::{AccountStanding, Pause};

use crate::job::{
    AccountName, ExternalTaskId, Failure, Flags, Forms, ImageSource, JobId, JobSeq, JobSpec, JobState, ModelName,
    Review, SentContents, StateName, TaskId,
};

/// A job that somebody works on: claimed just now, or taken up again after a restart.
#[derive(Debug, Clone)]
pub struct ActiveJob {
    /// Its place in the queue.
    pub seq: JobSeq,
    /// What it asks for.
    pub spec: JobSpec,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many attempts there were since a person last put the job back, this one included.
    pub tries: u32,
    /// Its state.
    pub state: JobState,
    /// The name of this attempt's task that we gave it.
    pub external_id: ExternalTaskId,
    /// The model this attempt asks for.
    pub model: ModelName,
    /// The account that this attempt is sent to; `None` is that of a run whose account has no name.
    pub account: Option<AccountName>,
    /// Where that account was when the attempt was claimed, for one that has a name.
    pub endpoint: Option<String>,
    /// When the intent to submit was written.
    pub claimed_at: Timestamp,
    /// When the provider took it, if it did.
    pub accepted_at: Option<Timestamp>,
    /// The job whose task this attempt shares.
    pub shares: Option<JobSeq>,
    /// Whose it is.
    pub holder: Holder,
    /// The epoch that has it; `None` where none has.
    pub epoch: Option<Epoch>,
}

/// A task that an account has taken, by the provider's name for it and by ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenTask {
    /// The provider's name: another account's provider may have a task of the same number.
    pub task_id: TaskId,
    /// Ours, which no other task has; `None` where the queue does not know it (any more).
    pub external_id: Option<ExternalTaskId>,
}

/// What an answer said besides the transition it causes; kept with the attempt for `show` and the report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Note {
    /// The submission that it is about; where the job is in another one by now, under whatever attempt, the note comes too late.
    /// `None` where the attempt alone tells.
    pub submission: Option<ExternalTaskId>,
    /// The id of the create's answer.
    pub request_id: Option<String>,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    /// The provider's code, or a word of ours.
    pub code: Option<String>,
    /// What the provider said, or what happened on the way.
    pub message: Option<String>,
    /// Units charged for the task (`final_unit_deduction`).
    pub units: Option<f64>,
    /// What was paid for it from a balance, in the account's currency.
    pub paid: Option<f64>,
    /// The beginning of a create's answer that could not be understood.
    pub answer: Option<String>,
    /// What the pictures were that were sent, where that is said for the first time.
    pub sent: Option<Box<SentContents>>,
}

impl Note {
    /// A note that only says what happened.
    #[must_use]
    pub fn of(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::default() }
    }
}

/// One image file in the output tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedImage {
    /// Which of the task's images; 0 is the result.
    pub image: u32,
    /// Relative to the output folder, with `/`.
    pub path: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The file's size.
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// What was noticed about it by itself; whether it has a twin, the queue knows.
    pub flags: Flags,
    /// The same for images of the same pixels; `None` where nothing in them tells them from others.
    pub fingerprint: Option<i64>,
}

/// A finished job, and where its images stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub seq: JobSeq,
    pub id: JobId,
    pub attempt: u32,
    /// Relative to the output folder.
    pub paths: Vec<String>,
}

/// How many jobs are in each state, and what they have cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    by_state: [u64; StateName::ALL.len()],
    /// Manifest rows that were passed over as invalid. They are part of `failed` and of `total`.
    pub rejected: u64,
    /// Units charged so far, as far as the provider has said.
    pub units: f64,
    /// Paid from a balance so far, in the account's currency, as far as the provider has said.
    pub paid: f64,
    /// Tasks that made an image and of which the provider has not said what they cost.
    pub untold: u64,
    /// Jobs that have succeeded with a result that should be looked at.
    pub flagged: u64,
    /// Results that a person has approved.
    pub approved: u64,
    /// Results that a person has rejected.
    pub rejected_images: u64,
}

impl Counts {
    /// Jobs in a state; for `failed` the rejected rows are counted too, as the report does.
    #[must_use]
    pub fn of(&self, state: StateName) -> u64 {
        self.by_state[state as usize] + if state == StateName::Failed { self.rejected } else { 0 }
    }

    /// Jobs in a state, without the rejected rows.
    pub(crate) fn loaded(&self, state: StateName) -> u64 {
        self.by_state[state as usize]
    }

    pub(crate) fn set(&mut self, state: StateName, count: u64) {
        self.by_state[state as usize] = count;
    }

    /// Results that nobody has judged yet.
    #[must_use]
    pub fn unjudged(&self) -> u64 {
        self.of(StateName::Succeeded).saturating_sub(self.approved + self.rejected_images)
    }

    /// Units charged so far; `None` where tasks have ended and no answer has told what any of them cost.
    #[must_use]
    pub fn units_told(&self) -> Option<f64> {
        let nothing_told = self.untold > 0 && self.units == 0.0 && self.paid == 0.0;
        (!nothing_told).then_some(self.units)
    }

    /// All jobs, and the rejected rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_state.iter().sum::<u64>() + self.rejected
    }

    /// Jobs that nothing more will happen to by itself, doubtful ones excepted.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.of(StateName::Succeeded) + self.of(StateName::Failed) + self.of(StateName::Cancelled)
    }

    /// Jobs that a run still has to do. Doubtful ones wait for a person, and are not among them.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.of(StateName::Pending) + self.in_flight()
    }

    /// Jobs that the provider has, or may have.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.of(StateName::Submitting) + self.of(StateName::Running) + self.of(StateName::Downloading)
    }
}

/// What is still to be submitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// Jobs that wait.
    pub jobs: u64,
    /// Different pairs (the same pictures, garments and model) among them.
    pub distinct_pairs: u64,
    /// Different pictures of people.
    pub humans: u64,
    /// Different pictures of garments.
    pub cloths: u64,
    /// The first pairs that several jobs ask for, in manifest order; a few.
    pub repeats: Vec<RepeatedPair>,
}

/// A pair that several jobs ask for under different ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedPair {
    /// The first of them.
    pub first: JobId,
    /// The last of them.
    pub last: JobId,
    /// How many there are.
    pub jobs: u64,
}

/// Pairs of a load that the queue has under other ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairsAgain {
    /// Rows of the load that ask for such a pair.
    pub jobs: u64,
    /// The first of them; a few.
    pub named: Vec<PairAgain>,
}

/// A row that asks for a pair which the queue has under another id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairAgain {
    /// The row's id.
    pub id: JobId,
    /// The job that has the pair.
    pub earlier: JobId,
    /// The state of that job.
    pub state: StateName,
}

/// One job as `list` and `show` print it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    pub seq: JobSeq,
    pub spec: JobSpec,
    pub state: JobState,
    pub attempt: u32,
    pub finished_at: Option<Timestamp>,
    /// The result's path relative to the output folder.
    pub output: Option<String>,
    /// What was noticed about the result.
    pub flags: Flags,
    /// What was last said about the present attempt (why it is in doubt, why it waits).
    pub message: Option<String>,
    /// The account of the present attempt, where it has a name.
    pub account: Option<AccountName>,
    /// The result's sha256, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// What a person has said of the result; `None` where it is unjudged.
    pub review: Option<Review>,
}

/// One attempt as `show` prints it.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    pub attempt: u32,
    pub external_id: ExternalTaskId,
    pub model: ModelName,
    /// The account that it was sent to, where it has a name.
    pub account: Option<AccountName>,
    pub claimed_at: Timestamp,
    /// How often the request went out under this number, waits for room included.
    pub asked: u32,
    /// The attempt's outcome so far, a word.
    pub outcome: String,
    pub accepted_at: Option<Timestamp>,
    pub task_id: Option<TaskId>,
    pub task_ended_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub note: Note,
    /// What was made of its pictures; `None` where every file was sent as it is.
    pub sent_as: Option<String>,
    /// The job whose task it shares.
    pub shares: Option<JobId>,
}

/// One row of the report, in manifest order. The columns are those of `docs/promises.md`, "The report".
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    pub id: String,
    pub state: StateName,
    pub human_image: String,
    pub cloth_image: String,
    /// Where the pictures are, for a page that shows them; empty for a rejected row.
    pub human_source: String,
    pub cloth_source: String,
    /// A second garment: as it is written, and where it is.
    pub second_cloth: Option<(String, String)>,
    pub model: String,
    pub output: Option<String>,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub attempts: u32,
    pub task_id: Option<TaskId>,
    pub external_task_id: Option<ExternalTaskId>,
    pub request_id: Option<String>,
    pub units: Option<f64>,
    /// What all attempts were paid with from a balance; no column of the table.
    pub paid: Option<f64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
    pub submitted_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// What was made of the last attempt's pictures; no column of the table.
    pub sent_as: Option<String>,
    /// What was noticed about the result.
    pub flags: Flags,
    /// The account of the last attempt, where it has a name.
    pub account: Option<AccountName>,
    /// What a person has said of the result; `None` where it is unjudged.
    pub review: Option<Review>,
    /// What was sent in the last attempt, where that is known: the sha256 of the pictures.
    pub human_sha256: Option<String>,
    pub cloth_sha256: Option<String>,
}

impl ReportRow {
    /// Whether this is a manifest row that was passed over as invalid: no job, so there is nothing to retry.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.human_source.is_empty()
    }
}

/// A place in the report, from which a further page goes on; the default is its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPlace {
    /// The last job that was shown.
    pub(crate) job: JobSeq,
    /// The last rejected row that was shown: behind which job, of which manifest, on which line.
    pub(crate) rejected: Option<(JobSeq, String, i64)>,
}

/// The kind of provider a queue belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    Dmxapi,
    Kling,
    Sandbox,
    /// The accounts that the settings name, of any real kind.
    Accounts,
}

impl ProviderKind {
    /// The word under which it is stored and shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Dmxapi => "dmxapi",
            Self::Kling => "kling",
            Self::Sandbox => "the sandbox",
            Self::Accounts => "accounts",
        }
    }

    /// Whether a run of this kind may go on with a queue that is bound to the kind of this word. Named accounts go on with any
    /// real kind, and any real kind with theirs; the sandbox shares with nobody.
    #[must_use]
    pub fn may_follow(self, bound: &str) -> bool {
        let is_named = self == Self::Accounts || bound == Self::Accounts.word();
        bound == self.word() || (is_named && self != Self::Sandbox && bound != Self::Sandbox.word())
    }

    /// The kind that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Dmxapi, Self::Kling, Self::Sandbox, Self::Accounts].into_iter().find(|kind| kind.word() == word)
    }
}

/// A run's number in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(pub i64);

/// For which account a job is claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimant {
    /// Its name; `None` where a run's one account has none.
    pub account: Option<AccountName>,
    /// Where it is, for one that has a name: another account may be given that name later.
    pub endpoint: Option<String>,
    /// The model for rows that name none.
    pub default_model: ModelName,
    /// The forms of the API that it is open in: rows that name a model of another one are passed over.
    pub forms: Forms,
    /// What it shares with other hosts; `None` where one run at a time works the queue.
    pub room: Option<Room>,
}

/// What a claim found.
#[derive(Debug)]
pub enum Claim {
    /// A job, now `submitting`.
    Job(Box<ActiveJob>),
    /// No job is ready; the next one that waits for its retry time is ready then, if any does.
    NoneReady { next_retry_at: Option<Timestamp> },
    /// Jobs are ready, and the run's budget is spent.
    BudgetSpent,
    /// Jobs are ready, and there is too little of what all hosts share.
    NoRoom(NoRoom),
}

/// What a claim found where identical pairs are made once.
#[derive(Debug)]
pub enum ClaimOnce {
    /// The next job has no duplicate that spares it, or there is none.
    Claim(Claim),
    /// Twins were settled instead, and there may be more of them: ask again. Those that share an image are
    /// `downloading` now; these share a failure.
    Settled {
        failed: Vec<(JobId, Failure)>,
        /// The job that comes next has a duplicate, and something is known of what its pictures have been. Whether that is
        /// what they are now has to be looked at before it is settled.
        to_look_at: Option<ToLookAt>,
    },
}

/// A job whose pictures are to be looked at, because it would share what was made of them earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToLookAt {
    pub seq: JobSeq,
    /// What its pictures have been, as far as that is known. A picture has several entries where it was changed in between.
    pub known: Vec<KnownContent>,
}

impl ToLookAt {
    /// `None` where nothing is known of any local file: what is in a bucket is not asked for.
    pub(super) fn of(seq: JobSeq, mut known: Vec<KnownContent>) -> Option<Self> {
        known.retain(|known| matches!(known.source, ImageSource::File(_)));
        (!known.is_empty()).then_some(Self { seq, known })
    }
}

/// What a job's pictures are now, just before it is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedAt {
    pub seq: JobSeq,
    /// By their numbers, the sha256 of each; those that were not looked at, or cannot be read, are left out.
    pub sha256: Vec<(i64, String)>,
}

impl LookedAt {
    /// What a job's person, garment and second garment are now, if this was a look at that job.
    pub(super) fn of(looked: Option<&Self>, seq: i64, pictures: [Option<i64>; 3]) -> [Option<&str>; 3] {
        let looks = looked.filter(|looked| looked.seq.0 == seq).map_or(&[][..], |looked| &looked.sha256);
        pictures.map(|picture| Some(looks.iter().find(|(looked_at, _)| Some(*looked_at) == picture)?.1.as_str()))
    }
}

/// A run's use of its slots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotUse {
    /// Tasks it keeps in flight at present, at most.
    pub limit: u32,
    /// While jobs waited: how long the slots held tasks, and how much slot time there was.
    pub time: (Duration, Duration),
}

/// A run's heartbeat: how it goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beat {
    /// Images finished in this run.
    pub succeeded: u64,
    /// Slot time in use, and slot time there was.
    pub slots: SlotUse,
    /// What it waits for.
    pub pause: Option<Pause>,
    /// Whether it has ended.
    pub ended: bool,
    /// Its accounts, where they have names.
    pub accounts: Vec<AccountStanding>,
}
