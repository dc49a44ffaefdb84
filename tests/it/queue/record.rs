//! Recording: what each transition writes into the job and into the story of its attempt, and what is refused.

use tryon::job::{Failure, FailureKind, JobSeq, JobState, StateName, Transition};
use tryon::queue::{Claim, Note, QueueError};

use super::bed::{Bed, Row, at, failure, image, millis, on_every_queue, spec, task};

/// Asserts some columns of a row.
fn assert_columns(row: &Row, wanted: &[(&str, &str)]) {
    for (column, value) in wanted {
        assert_eq!(row[*column], *value, "{column} in {row:#?}");
    }
}

fn assert_unset(row: &Row, columns: &[&str]) {
    for column in columns {
        assert_eq!(row[*column], "NULL", "{column} in {row:#?}");
    }
}

/// The only attempt of `a`, and the row of `a`.
fn rows(bed: &Bed) -> (Row, Row) {
    let attempts = bed.attempt_rows("a");
    assert_eq!(attempts.len(), 1);
    (bed.job_row("a"), attempts[0].clone())
}

fn full_note() -> Note {
    Note {
        request_id: Some("request-1".to_owned()),
        http_status: Some(429),
        code: Some("1303".to_owned()),
        message: Some("parallel task over resource pack limit".to_owned()),
        ..Note::default()
    }
}

const FULL_NOTE: [(&str, &str); 4] = [
    ("request_id", "request-1"),
    ("http_status", "429"),
    ("code", "1303"),
    ("message", "parallel task over resource pack limit"),
];

#[tokio::test]
async fn an_acceptance_writes_the_task_id_and_the_moment() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let accept = Transition::Accept { task_id: task("t-1") };
        let note = Note { request_id: Some("r".to_owned()), http_status: Some(200), ..Note::default() };
        let state = bed.queue.record(job.seq, job.attempt, accept, note, at(7)).await.expect("accepted");
        assert_eq!(state, JobState::Running { task_id: task("t-1") });
        let (job, attempt) = rows(bed);
        assert_columns(&job, &[("state", "running"), ("attempt", "1")]);
        assert_columns(
            &attempt,
            &[
                ("outcome", "running"),
                ("task_id", "t-1"),
                ("accepted_at", &millis(7)),
                ("request_id", "r"),
                ("http_status", "200"),
                ("asked", "1"),
            ],
        );
        assert_unset(&attempt, &["ended_at", "task_ended_at", "units"]);
    })
    .await;
}

#[tokio::test]
async fn a_release_uncounts_the_attempt_and_the_next_claim_takes_its_number_again() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let release = Transition::Release { retry_at: Some(at(30)) };
        bed.queue.record(job.seq, job.attempt, release, full_note(), at(7)).await.expect("released");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "pending"), ("attempt", "0"), ("retry_at", &millis(30))]);
        assert_columns(&attempt, &[("outcome", "released"), ("ended_at", &millis(7)), ("asked", "1")]);
        assert_columns(&attempt, &FULL_NOTE);

        let again = bed.claim(at(30)).await;
        assert_eq!(again.attempt, 1);
        assert_ne!(again.external_id, job.external_id, "the old id is gone with the old request");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "submitting"), ("attempt", "1"), ("retry_at", "NULL")]);
        assert_columns(
            &attempt,
            &[
                ("outcome", "submitting"),
                ("asked", "2"),
                ("claimed_at", &millis(30)),
                ("external_task_id", &again.external_id.0),
            ],
        );
        assert_unset(&attempt, &["request_id", "http_status", "code", "message", "ended_at", "accepted_at"]);
    })
    .await;
}

#[tokio::test]
async fn a_retry_time_that_a_clock_set_back_has_left_far_ahead_is_not_waited_for() {
    on_every_queue(async |bed| {
        let day = 86_400;
        let job = bed.bring("a", StateName::Submitting).await;
        bed.record(&job, Transition::Release { retry_at: Some(at(day + 30)) }, at(day)).await.expect("released");
        for early in [day, day + 29] {
            let claim = bed.try_claim(bed.run, at(early)).await;
            assert!(matches!(claim, Claim::NoneReady { .. }), "at {early}: {claim:?}");
        }
        assert_eq!(bed.claim(at(day - 1)).await.seq, job.seq, "the clock was set back");
    })
    .await;
}

#[tokio::test]
async fn being_turned_away_counts_and_keeps_what_was_said() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let away = Transition::TurnAway { retry_at: at(30) };
        bed.queue.record(job.seq, job.attempt, away, full_note(), at(7)).await.expect("turned away");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "pending"), ("attempt", "1"), ("retry_at", &millis(30))]);
        assert_columns(&attempt, &[("outcome", "turned_away"), ("ended_at", &millis(7))]);
        assert_columns(&attempt, &FULL_NOTE);
        assert_eq!(bed.job("a").await.message.as_deref(), Some("parallel task over resource pack limit"));

        assert_eq!(bed.claim(at(30)).await.attempt, 2);
        let attempts = bed.attempts("a").await;
        assert_eq!(attempts.iter().map(|a| a.outcome.as_str()).collect::<Vec<_>>(), ["turned_away", "submitting"]);
        assert_eq!(attempts[0].note, full_note(), "the story of the first attempt stays");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_the_reason_of_the_failure() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let failure = Failure::with_code(FailureKind::Refused, Some(1301), "content safety");
        let refuse = Transition::Refuse { failure: failure.clone() };
        bed.queue.record(job.seq, job.attempt, refuse, full_note(), at(7)).await.expect("refused");
        let (row, attempt) = rows(bed);
        assert_columns(
            &row,
            &[
                ("state", "failed"),
                ("attempt", "1"),
                ("failure_kind", "refused"),
                ("error_code", "1301"),
                ("error", "content safety"),
                ("finished_at", &millis(7)),
            ],
        );
        assert_columns(&attempt, &[("outcome", "refused"), ("ended_at", &millis(7)), ("task_id", "NULL")]);
        assert_eq!(bed.job("a").await.state, JobState::Failed { failure, task_id: None });
        assert_eq!(bed.job("a").await.finished_at, Some(at(7)));
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_under_the_same_id() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let lose = Transition::LoseAnswer;
        let state = bed.queue.record(job.seq, 1, lose, Note::of("timed out"), at(7)).await.expect("in doubt");
        assert_eq!(state, JobState::InDoubt { external_id: job.external_id.clone() });
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "in_doubt"), ("attempt", "1")]);
        assert_columns(&attempt, &[("outcome", "in_doubt"), ("message", "timed out"), ("ended_at", "NULL")]);
        assert_eq!(bed.job("a").await.message.as_deref(), Some("timed out"));

        let state = bed.step(&job, Transition::SubmitAgain).await;
        assert_eq!(state, JobState::Submitting { external_id: job.external_id.clone() });
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "submitting"), ("attempt", "1")]);
        assert_columns(
            &attempt,
            &[("outcome", "submitting"), ("asked", "2"), ("external_task_id", &job.external_id.0), ("message", "NULL")],
        );
        assert_columns(&attempt, &[("claimed_at", &millis(1))]);
    })
    .await;
}

#[tokio::test]
async fn a_doubtful_task_that_is_found_or_adopted_is_accepted() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::InDoubt).await;
        let accept = Transition::Accept { task_id: task("found") };
        bed.queue.record(job.seq, 1, accept, Note::default(), at(70)).await.expect("accepted");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "running"), ("attempt", "1")]);
        assert_columns(&attempt, &[("outcome", "running"), ("task_id", "found"), ("accepted_at", &millis(70))]);
    })
    .await;
}

#[tokio::test]
async fn a_task_that_ends_leaves_its_moment_and_its_price() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Running).await;
        let note = Note { units: Some(0.5), ..Note::default() };
        bed.queue.record(job.seq, 1, Transition::TaskSucceed, note, at(40)).await.expect("generated");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "downloading"), ("finished_at", "NULL")]);
        assert_columns(
            &attempt,
            &[("outcome", "downloading"), ("task_ended_at", &millis(40)), ("units", "0.5"), ("ended_at", "NULL")],
        );
        let counts = bed.queue.counts().await.expect("counts");
        assert!((counts.units - 1.75).abs() < 1e-9, "with the bystander's 1.25");
    })
    .await;
}

#[tokio::test]
async fn a_task_that_failed_for_now_is_over_and_its_job_waits_for_another() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Running).await;
        let note = Note { units: Some(0.0), ..Note::of("internal error") };
        let fail = Transition::TaskFailForNow { retry_at: at(90) };
        bed.queue.record(job.seq, 1, fail, note, at(40)).await.expect("failed");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "pending"), ("attempt", "1"), ("retry_at", &millis(90))]);
        assert_columns(
            &attempt,
            &[
                ("outcome", "task_failed"),
                ("task_ended_at", &millis(40)),
                ("ended_at", &millis(40)),
                ("message", "internal error"),
                ("task_id", "task of a"),
            ],
        );
    })
    .await;
}

#[tokio::test]
async fn a_task_that_failed_for_good_keeps_its_id_and_its_reason() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Running).await;
        let failure = Failure::of(FailureKind::Task, "there is no human in the video");
        let fail = Transition::TaskFail { failure: failure.clone() };
        bed.queue.record(job.seq, 1, fail, Note::default(), at(40)).await.expect("failed");
        let (row, attempt) = rows(bed);
        assert_columns(
            &row,
            &[
                ("state", "failed"),
                ("failure_kind", "task_failed"),
                ("error_code", "task_failed"),
                ("error", "there is no human in the video"),
                ("finished_at", &millis(40)),
            ],
        );
        assert_columns(&attempt, &[("outcome", "task_failed"), ("ended_at", &millis(40))]);
        assert_eq!(bed.job("a").await.state, JobState::Failed { failure, task_id: Some(task("task of a")) });
    })
    .await;
}

#[tokio::test]
async fn a_failed_download_is_no_failed_task() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Downloading).await;
        let fail = Transition::DownloadFail { failure: failure(FailureKind::Download) };
        bed.queue.record(job.seq, 1, fail, Note::of("404"), at(50)).await.expect("failed");
        let (row, attempt) = rows(bed);
        assert_columns(&row, &[("state", "failed"), ("failure_kind", "download"), ("error_code", "download")]);
        assert_columns(
            &attempt,
            &[("outcome", "download_failed"), ("ended_at", &millis(50)), ("task_ended_at", &millis(5))],
        );
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_failure_is_read_back_as_it_was_written() {
    on_every_queue(async |bed| {
        for kind in FailureKind::ALL {
            let id = kind.word();
            let job = bed.bring(id, StateName::Running).await;
            let failure = Failure::with_code(kind, Some(-7), "why\u{1b} so");
            let state = JobState::Failed { failure: failure.clone(), task_id: Some(task(&format!("task of {id}"))) };
            match kind {
                FailureKind::Task | FailureKind::NoImage => {
                    bed.step(&job, Transition::TaskFail { failure }).await;
                }
                FailureKind::Download => {
                    bed.step(&job, Transition::TaskSucceed).await;
                    bed.step(&job, Transition::DownloadFail { failure }).await;
                }
                FailureKind::Refused | FailureKind::InvalidInput => {
                    bed.step(&job, Transition::TaskFailForNow { retry_at: at(2) }).await;
                    let again = bed.claim(at(9)).await;
                    bed.step(&again, Transition::Refuse { failure: failure.clone() }).await;
                    assert_eq!(bed.job(id).await.state, JobState::Failed { failure, task_id: None });
                    continue;
                }
            }
            assert_eq!(bed.job(id).await.state, state);
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_provider_says_is_stored_without_control_characters() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let note = Note {
            request_id: Some("r\n1".to_owned()),
            code: Some("\u{1b}[31m1303".to_owned()),
            message: Some("no\r\nroom \u{202e}here".to_owned()),
            ..Note::default()
        };
        bed.queue.record(job.seq, 1, Transition::LoseAnswer, note, at(7)).await.expect("in doubt");
        let (_, attempt) = rows(bed);
        assert_columns(&attempt, &[("request_id", "r 1"), ("code", "[31m1303"), ("message", "no room here")]);
    })
    .await;
}

#[tokio::test]
async fn a_price_that_is_no_number_is_not_counted() {
    on_every_queue(async |bed| {
        for (id, units) in [("inf", f64::INFINITY), ("nan", f64::NAN)] {
            let job = bed.bring(id, StateName::Running).await;
            for transition in
                [Transition::TaskSucceed, Transition::DownloadFail { failure: failure(FailureKind::Download) }]
            {
                let note = Note { units: Some(units), ..Note::default() };
                bed.queue.record(job.seq, 1, transition, note, at(7)).await.expect("a step");
            }
            assert_eq!(bed.attempt_rows(id)[0]["units"], "NULL");
        }
    })
    .await;
}

#[tokio::test]
async fn the_word_of_another_attempt_is_stale_and_changes_nothing() {
    on_every_queue(async |bed| {
        let old = bed.bring("a", StateName::Submitting).await;
        bed.step(&old, Transition::TurnAway { retry_at: at(6) }).await;
        let new = bed.claim(at(8)).await;
        let before = bed.tables();
        for attempt in [0, 1, 3] {
            let accept = Transition::Accept { task_id: task("late") };
            let error = bed.queue.record(old.seq, attempt, accept, Note::default(), at(9)).await.expect_err("stale");
            assert!(matches!(error, QueueError::Stale { seq, attempt: a } if seq == old.seq.0 && a == attempt));
            let error = bed.queue.publish(old.seq, attempt, vec![image(0, "a.png")], at(9)).await.expect_err("stale");
            assert!(matches!(error, QueueError::Stale { .. }));
        }
        assert_eq!(bed.tables(), before);
        bed.step(&new, Transition::Accept { task_id: task("in time") }).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_not_there_cannot_be_moved() {
    on_every_queue(async |bed| {
        let error = bed.queue.record(JobSeq(4711), 1, Transition::LoseAnswer, Note::default(), at(1)).await;
        assert!(matches!(error, Err(QueueError::NoSuchJob(seq)) if seq == "4711"));
    })
    .await;
}

#[tokio::test]
async fn what_the_state_machine_forbids_leaves_every_table_unchanged() {
    on_every_queue(async |bed| {
        let failed = failure(FailureKind::Task);
        for state in StateName::ALL.into_iter().rev() {
            let job = bed.bring(state.word(), state).await;
            let before = bed.tables();
            let mut refused = 0;
            for transition in [
                Transition::Accept { task_id: task("x") },
                Transition::Release { retry_at: None },
                Transition::TurnAway { retry_at: at(9) },
                Transition::Refuse { failure: failed.clone() },
                Transition::LoseAnswer,
                Transition::SubmitAgain,
                Transition::GiveUpDoubt,
                Transition::TaskSucceed,
                Transition::TaskFailForNow { retry_at: at(9) },
                Transition::TaskFail { failure: failed.clone() },
                Transition::Publish,
                Transition::DownloadFail { failure: failed.clone() },
                Transition::Retry,
                Transition::Refetch,
                Transition::MakeAnew,
                Transition::Cancel,
            ] {
                if tryon::job::state::next(&job.state, &transition).is_ok() {
                    continue;
                }
                let wanted =
                    format!("job `{}`: a job that {} cannot be {}", state.word(), state.as_said(), transition.verb());
                let note = Note { units: Some(9.0), ..full_note() };
                let error = bed.queue.record(job.seq, job.attempt, transition, note, at(9)).await.expect_err("illegal");
                assert!(matches!(&error, QueueError::Illegal { .. }), "{error}");
                assert_eq!(error.to_string(), wanted);
                refused += 1;
            }
            assert!(refused >= 10, "{}", state.word());
            assert_eq!(bed.tables(), before, "{}", state.word());
        }
    })
    .await;
}

#[tokio::test]
async fn a_second_claim_of_a_job_is_illegal_by_record_too() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let job = bed.claim(at(1)).await;
        let claim = Transition::Claim { external_id: tryon::job::ExternalTaskId::unique() };
        let error = bed.record(&job, claim, at(2)).await.expect_err("illegal");
        assert!(matches!(error, QueueError::Illegal { .. }));
    })
    .await;
}
