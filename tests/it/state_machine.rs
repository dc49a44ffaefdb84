//! The state machine, walked: once through the whole table, and at random for what must hold along every path.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use tryon::job::state::{attempt_after, next};
use tryon::job::{ExternalTaskId, Failure, FailureKind, IllegalTransition, JobState, StateName, TaskId, Transition};

fn external(name: &str) -> ExternalTaskId {
    ExternalTaskId(name.to_owned())
}

fn task(name: &str) -> TaskId {
    TaskId(name.to_owned())
}

fn later() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

/// What a transition is called in the table below. There is no wildcard, so that a new transition does not
/// compile until it has a line in [`every_transition`] and in [`LEGAL`].
fn name_of(transition: &Transition) -> &'static str {
    match transition {
        Transition::Claim { .. } => "Claim",
        Transition::Share { .. } => "Share",
        Transition::ShareFailure { .. } => "ShareFailure",
        Transition::Accept { .. } => "Accept",
        Transition::Release { .. } => "Release",
        Transition::TurnAway { .. } => "TurnAway",
        Transition::Refuse { .. } => "Refuse",
        Transition::WithdrawRefusal => "WithdrawRefusal",
        Transition::LoseAnswer => "LoseAnswer",
        Transition::SubmitAgain => "SubmitAgain",
        Transition::GiveUpDoubt => "GiveUpDoubt",
        Transition::TaskSucceed => "TaskSucceed",
        Transition::TaskFailForNow { .. } => "TaskFailForNow",
        Transition::TaskFindsNoRoom { .. } => "TaskFindsNoRoom",
        Transition::TaskFail { .. } => "TaskFail",
        Transition::Publish => "Publish",
        Transition::DownloadFail { .. } => "DownloadFail",
        Transition::Retry => "Retry",
        Transition::Refetch => "Refetch",
        Transition::MakeAnew => "MakeAnew",
        Transition::Cancel => "Cancel",
    }
}

const TRANSITIONS: usize = 21;

fn every_transition(round: usize, failure: &Failure) -> [Transition; TRANSITIONS] {
    [
        Transition::Claim { external_id: external(&format!("ext-{round}")) },
        Transition::Share { task_id: task(&format!("task-{round}")) },
        Transition::ShareFailure { failure: failure.clone(), task_id: task(&format!("task-{round}")) },
        Transition::Accept { task_id: task(&format!("task-{round}")) },
        Transition::Release { retry_at: None },
        Transition::TurnAway { retry_at: later() },
        Transition::Refuse { failure: failure.clone() },
        Transition::WithdrawRefusal,
        Transition::LoseAnswer,
        Transition::SubmitAgain,
        Transition::GiveUpDoubt,
        Transition::TaskSucceed,
        Transition::TaskFailForNow { retry_at: later() },
        Transition::TaskFindsNoRoom { retry_at: later() },
        Transition::TaskFail { failure: failure.clone() },
        Transition::Publish,
        Transition::DownloadFail { failure: failure.clone() },
        Transition::Retry,
        Transition::Refetch,
        Transition::MakeAnew,
        Transition::Cancel,
    ]
}

/// Every state, `failed` once for each way in which a retry could treat it differently.
fn every_state() -> Vec<(&'static str, JobState)> {
    let mut states = vec![
        ("pending", JobState::Pending { retry_at: None }),
        ("pending", JobState::Pending { retry_at: Some(later()) }),
        ("submitting", JobState::Submitting { external_id: external("e") }),
        ("in_doubt", JobState::InDoubt { external_id: external("e") }),
        ("running", JobState::Running { task_id: task("t") }),
        ("downloading", JobState::Downloading { task_id: task("t") }),
        ("succeeded", JobState::Succeeded { task_id: task("t") }),
        ("cancelled", JobState::Cancelled),
    ];
    for kind in FailureKind::ALL {
        let failure = Failure::of(kind, "why");
        let word = if kind == FailureKind::Refused { "refused" } else { "failed" };
        states.push((word, JobState::Failed { failure: failure.clone(), task_id: None }));
        let word = if kind == FailureKind::Download { "failed download" } else { "failed" };
        states.push((word, JobState::Failed { failure, task_id: Some(task("t")) }));
    }
    states
}

/// The whole table: from, transition, to. What is not here is illegal.
const LEGAL: [(&str, &str, StateName); 27] = [
    ("pending", "Claim", StateName::Submitting),
    ("pending", "Share", StateName::Downloading),
    ("pending", "ShareFailure", StateName::Failed),
    ("pending", "Cancel", StateName::Cancelled),
    ("submitting", "Accept", StateName::Running),
    ("submitting", "Release", StateName::Pending),
    ("submitting", "TurnAway", StateName::Pending),
    ("submitting", "Refuse", StateName::Failed),
    ("submitting", "LoseAnswer", StateName::InDoubt),
    ("in_doubt", "Accept", StateName::Running),
    ("in_doubt", "SubmitAgain", StateName::Submitting),
    ("in_doubt", "GiveUpDoubt", StateName::Pending),
    ("running", "TaskSucceed", StateName::Downloading),
    ("running", "TaskFailForNow", StateName::Pending),
    ("running", "TaskFindsNoRoom", StateName::Pending),
    ("running", "TaskFail", StateName::Failed),
    ("downloading", "Publish", StateName::Succeeded),
    ("downloading", "DownloadFail", StateName::Failed),
    ("succeeded", "Refetch", StateName::Downloading),
    ("succeeded", "MakeAnew", StateName::Pending),
    ("failed", "Retry", StateName::Pending),
    ("refused", "Retry", StateName::Pending),
    ("refused", "WithdrawRefusal", StateName::Pending),
    ("failed download", "Retry", StateName::Downloading),
    ("failed download", "MakeAnew", StateName::Pending),
    ("failed download", "Cancel", StateName::Cancelled),
    ("cancelled", "Retry", StateName::Pending),
];

#[test]
fn the_table_of_legal_transitions_is_the_whole_state_machine() {
    let failure = Failure::of(FailureKind::Task, "no human");
    let transitions = every_transition(1, &failure);
    let mut names: Vec<_> = transitions.iter().map(name_of).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TRANSITIONS, "every transition is tried");
    let mut met = every_state().iter().map(|(_, state)| state.name()).collect::<Vec<_>>();
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, StateName::ALL, "every state is tried");

    for (word, state) in every_state() {
        for transition in &transitions {
            let name = name_of(transition);
            let legal = LEGAL.iter().find(|(from, verb, _)| *from == word && *verb == name).map(|(_, _, to)| *to);
            match (legal, next(&state, transition)) {
                (Some(to), after) => assert_eq!(after.map(|s| s.name()), Ok(to), "{state:?} {name}"),
                (None, after) => {
                    let refused = IllegalTransition { from: state.name(), verb: transition.verb() };
                    assert_eq!(after, Err(refused), "{state:?} {name}");
                }
            }
        }
    }
}

#[test]
fn what_a_transition_says_is_found_in_the_state_after_it() {
    let submitting = JobState::Submitting { external_id: external("e") };
    let running = JobState::Running { task_id: task("t") };
    let downloading = JobState::Downloading { task_id: task("t") };
    let failure = Failure::with_code(FailureKind::Task, Some(1301), "no human");
    let after = |state: &JobState, transition: Transition| next(state, &transition).expect("a legal transition");

    assert_eq!(
        after(&submitting, Transition::Release { retry_at: Some(later()) }),
        JobState::Pending { retry_at: Some(later()) }
    );
    assert_eq!(after(&submitting, Transition::Release { retry_at: None }), JobState::Pending { retry_at: None });
    assert_eq!(
        after(&submitting, Transition::TurnAway { retry_at: later() }),
        JobState::Pending { retry_at: Some(later()) }
    );
    assert_eq!(
        after(&submitting, Transition::Refuse { failure: failure.clone() }),
        JobState::Failed { failure: failure.clone(), task_id: None }
    );
    assert_eq!(
        after(&running, Transition::TaskFailForNow { retry_at: later() }),
        JobState::Pending { retry_at: Some(later()) }
    );
    for (state, transition) in [
        (&running, Transition::TaskFail { failure: failure.clone() }),
        (&downloading, Transition::DownloadFail { failure: failure.clone() }),
    ] {
        assert_eq!(
            after(state, transition),
            JobState::Failed { failure: failure.clone(), task_id: Some(task("t")) },
            "a failure keeps the task it belongs to"
        );
    }
}

#[test]
fn an_illegal_transition_is_told_in_the_words_that_users_see() {
    let refused = next(&JobState::Cancelled, &Transition::Publish).expect_err("illegal");
    assert_eq!(refused.to_string(), "a job that is cancelled cannot be published");
    assert_eq!(
        StateName::ALL.map(StateName::as_said)[2..6],
        ["is in doubt", "is running", "is downloading", "has succeeded"]
    );
    for (_, state) in every_state() {
        assert_eq!(StateName::from_word(state.name().word()), Some(state.name()));
    }
}

/// What has been seen along a path, kept apart from the machine that is walked.
#[derive(Debug, Default)]
struct Witness {
    /// The external ids whose tasks may exist and nobody has ended, denied or given up.
    alive: Vec<ExternalTaskId>,
    /// The id of the last claim.
    claimed_as: Option<ExternalTaskId>,
    /// The task of the last acceptance.
    accepted_as: Option<TaskId>,
    claims: u32,
    releases: u32,
}

impl Witness {
    /// Notes one legal step, and says what is wrong with it.
    fn step(&mut self, before: &JobState, transition: &Transition, after: &JobState) -> Result<(), TestCaseError> {
        match transition {
            Transition::Claim { external_id } => {
                prop_assert!(self.alive.is_empty(), "claimed while {:?} may exist", self.alive);
                self.alive.push(external_id.clone());
                self.claimed_as = Some(external_id.clone());
                self.claims += 1;
            }
            // The task of an identical pair: none of this job's own, and none that could be left alive.
            Transition::Share { task_id } => {
                prop_assert!(self.alive.is_empty(), "shared while {:?} may exist", self.alive);
                self.accepted_as = Some(task_id.clone());
                self.claims += 1;
            }
            Transition::ShareFailure { task_id, .. } => {
                self.accepted_as = Some(task_id.clone());
                prop_assert!(self.alive.is_empty(), "shared while {:?} may exist", self.alive);
                self.claims += 1;
            }
            // Nothing was created; or the task is over without a result; or a person has spoken.
            Transition::Release { .. } | Transition::WithdrawRefusal | Transition::TaskFindsNoRoom { .. } => {
                self.releases += 1;
                self.alive.clear();
            }
            Transition::TurnAway { .. }
            | Transition::Refuse { .. }
            | Transition::TaskFail { .. }
            | Transition::TaskFailForNow { .. }
            | Transition::GiveUpDoubt => self.alive.clear(),
            // A person pays for another image; the first task has ended, and its image is theirs.
            Transition::MakeAnew => self.alive.clear(),
            // The one word of a person that does not end a task: a failed download is fetched again.
            Transition::Retry if matches!(after, JobState::Downloading { .. }) => {}
            Transition::Retry => {
                let image_waits = matches!(before, JobState::Failed { failure, task_id: Some(_) }
                    if failure.kind == FailureKind::Download);
                prop_assert!(!image_waits, "a paid image was left at the provider");
                self.alive.clear();
            }
            // A person gives up a picture that cannot be had; its task has ended.
            Transition::Cancel if matches!(before, JobState::Failed { .. }) => self.alive.clear(),
            Transition::Accept { task_id } => self.accepted_as = Some(task_id.clone()),
            Transition::LoseAnswer
            | Transition::Publish
            | Transition::SubmitAgain
            | Transition::TaskSucceed
            | Transition::DownloadFail { .. }
            | Transition::Refetch
            | Transition::Cancel => {}
        }
        self.holds(before, transition, after)
    }

    fn holds(&self, before: &JobState, transition: &Transition, after: &JobState) -> Result<(), TestCaseError> {
        if let JobState::Submitting { external_id } | JobState::InDoubt { external_id } = after {
            prop_assert_eq!(Some(external_id), self.claimed_as.as_ref(), "a submission keeps the id of its claim");
            prop_assert_eq!(self.alive.as_slice(), std::slice::from_ref(external_id));
        }
        if let JobState::Running { task_id } | JobState::Downloading { task_id } | JobState::Succeeded { task_id } =
            after
        {
            prop_assert_eq!(Some(task_id), self.accepted_as.as_ref(), "a job keeps the task that was accepted last");
        }
        if matches!(after, JobState::Running { .. }) {
            prop_assert!(matches!(transition, Transition::Accept { .. }), "running by {}", name_of(transition));
        }
        if matches!(before, JobState::Succeeded { .. }) {
            let by_word = matches!(transition, Transition::Refetch | Transition::MakeAnew);
            prop_assert!(by_word, "a success left by {}", name_of(transition));
        }
        if matches!(after, JobState::Succeeded { .. }) {
            prop_assert_eq!(before.name(), StateName::Downloading);
        }
        if matches!(after, JobState::Cancelled) {
            prop_assert!(self.alive.is_empty(), "cancelled while {:?} may exist", self.alive);
        }
        if matches!((before, after), (JobState::InDoubt { .. }, JobState::Pending { .. })) {
            prop_assert!(matches!(transition, Transition::GiveUpDoubt), "doubt was left by {}", name_of(transition));
        }
        Ok(())
    }
}

fn any_failure() -> impl Strategy<Value = Failure> {
    select(FailureKind::ALL.to_vec()).prop_map(|kind| Failure::of(kind, "why"))
}

/// Which of all transitions is tried in a step, and with which failure.
fn any_walk() -> impl Strategy<Value = Vec<(prop::sample::Index, Failure)>> {
    vec((any::<prop::sample::Index>(), any_failure()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Walks blindly: most steps are illegal and change nothing.
    #[test]
    fn no_walk_claims_a_job_whose_task_may_exist(walk in any_walk()) {
        walk_along(&walk, false)?;
    }

    /// Walks along legal steps only, and so comes far.
    #[test]
    fn no_long_story_claims_a_job_whose_task_may_exist(walk in any_walk()) {
        walk_along(&walk, true)?;
    }
}

fn walk_along(walk: &[(prop::sample::Index, Failure)], only_legal: bool) -> Result<(), TestCaseError> {
    let mut state = JobState::Pending { retry_at: None };
    let mut witness = Witness::default();
    let mut attempt = 0;
    for (round, (which, failure)) in walk.iter().enumerate() {
        // The download of a task fails by the kind that says so; a retry relies on it.
        let failures = |t: &Transition| match t {
            Transition::DownloadFail { .. } => {
                Transition::DownloadFail { failure: Failure::of(FailureKind::Download, "why") }
            }
            other => other.clone(),
        };
        let mut choices: Vec<_> = every_transition(round, failure).iter().map(failures).collect();
        if only_legal {
            choices.retain(|transition| next(&state, transition).is_ok());
        }
        prop_assert!(!choices.is_empty(), "{state:?} is a dead end");
        let transition = which.get(&choices);
        let Ok(after) = next(&state, transition) else {
            continue;
        };
        attempt = attempt_after(attempt, transition);
        witness.step(&state, transition, &after)?;
        prop_assert_eq!(attempt, witness.claims - witness.releases, "an attempt is a claim that was not released");
        let has_attempt = !matches!(after, JobState::Pending { .. } | JobState::Cancelled);
        prop_assert!(attempt > 0 || !has_attempt, "{after:?} without an attempt");
        state = after;
    }
    Ok(())
}
