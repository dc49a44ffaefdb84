//! Loading: what rows become, and when a job may still be changed by them.

use tryon::job::{FailureKind, Garment, JobSpec, JobState, Keep, SecondGarment, StateName, Transition};
use tryon::queue::{Enqueued, Keeping, LoadRow, ManifestNames, RejectedRow};

use super::bed::{
    at, begin_load, failure, file, image, load_into, model, on_every_queue, on_line, rejected_row, spec, task,
    with_other_cloth, with_priority,
};

fn tally(added: u64, unchanged: u64, updated: u64, repeated: u64, rejected: u64) -> Enqueued {
    Enqueued { added, unchanged, updated, repeated, rejected }
}

fn reasons(rows: &[(String, RejectedRow)]) -> Vec<String> {
    rows.iter().map(|(manifest, row)| format!("{manifest}:{}: {}: {}", row.line, row.column, row.reason)).collect()
}

#[tokio::test]
async fn a_new_row_becomes_a_pending_job_with_all_it_says() {
    on_every_queue(async |bed| {
        let row = JobSpec {
            cloth_type: Some(Garment::Upper),
            second: Some(SecondGarment { image: file("skirt"), garment: Garment::Lower }),
            model: Some(model("kolors-virtual-try-on-v1-5")),
            ..with_priority("Größe/紅色 1", -3)
        };
        let (counted, rejected) = bed.load_from("jobs.csv", std::slice::from_ref(&row)).await;
        assert_eq!((counted, rejected), (tally(1, 0, 0, 0, 0), Vec::new()));
        let job = bed.job("Größe/紅色 1").await;
        assert_eq!(job.spec, row);
        assert_eq!(job.state, JobState::Pending { retry_at: None });
        assert_eq!((job.attempt, job.finished_at, job.output, job.message), (0, None, None, None));
        assert!(bed.attempts("Größe/紅色 1").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn urls_and_files_come_back_as_what_they_were() {
    on_every_queue(async |bed| {
        let url = "HTTPS://shop.example/a.png?x=1".to_owned();
        let mut row = spec("a");
        row.human.source = tryon::job::ImageSource::Url(url.clone());
        row.human.written = url;
        bed.add(std::slice::from_ref(&row)).await;
        assert_eq!(bed.job("a").await.spec, row);
    })
    .await;
}

#[tokio::test]
async fn loading_again_changes_nothing() {
    on_every_queue(async |bed| {
        let rows = [spec("a"), spec("b"), spec("c")];
        bed.add(&rows).await;
        let before = bed.tables();
        let (counted, rejected) = bed.load_from("jobs.csv", &rows).await;
        assert_eq!((counted, rejected), (tally(0, 3, 0, 0, 0), Vec::new()));
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn loading_again_changes_nothing_whatever_has_become_of_the_jobs() {
    on_every_queue(async |bed| {
        for state in StateName::ALL.into_iter().rev() {
            bed.bring(state.word(), state).await; // the pending one last, or it would be claimed for another
        }
        let before = bed.tables();
        let rows = StateName::ALL.map(|state| with_priority(state.word(), 1000));
        let (counted, rejected) = bed.load_from("jobs.csv", &rows).await;
        assert_eq!((counted, rejected), (tally(0, 8, 0, 0, 0), Vec::new()));
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn a_row_said_twice_is_one_job_and_a_repetition() {
    on_every_queue(async |bed| {
        let (counted, rejected) = bed.load_from("jobs.csv", &[spec("a"), spec("a"), spec("b"), spec("a")]).await;
        assert_eq!((counted, rejected), (tally(2, 0, 0, 2, 0), Vec::new()));
        assert_eq!(bed.count(StateName::Pending), 2);
        let (counted, _) = bed.load_from("jobs.csv", &[spec("a"), spec("a")]).await;
        assert_eq!(counted, tally(0, 1, 0, 1, 0), "also when it stood before");
    })
    .await;
}

#[tokio::test]
async fn another_spelling_of_the_same_path_is_the_same_input() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let mut other = spec("a");
        other.human.written = "./x/../a-human.png".to_owned();
        assert_eq!(bed.load_from("jobs.csv", &[other]).await.0, tally(0, 1, 0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn another_priority_moves_a_job_that_waits() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b")]).await;
        let (counted, _) = bed.load_from("jobs.csv", &[spec("a"), with_priority("b", 7)]).await;
        assert_eq!(counted, tally(0, 1, 1, 0, 0));
        assert_eq!(bed.claim(at(1)).await.spec, with_priority("b", 7));
    })
    .await;
}

#[tokio::test]
async fn every_input_of_a_job_can_be_changed_while_nothing_was_submitted() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let seq = bed.job("a").await.seq;
        let second = |name, garment| Some(SecondGarment { image: file(name), garment });
        let versions = [
            JobSpec { human: file("other"), ..spec("a") },
            with_other_cloth("a", "other"),
            JobSpec { cloth_type: Some(Garment::Dress), ..spec("a") },
            JobSpec { model: Some(model("kolors-virtual-try-on-v1-5")), ..spec("a") },
            JobSpec { keep: Keep { pose: false, ..Keep::ALL }, ..spec("a") },
            JobSpec { keep: Keep { face: false, pose: true, background: false }, ..spec("a") },
            JobSpec { second: second("skirt", Garment::Lower), ..spec("a") },
            JobSpec { second: second("skirt", Garment::Upper), ..spec("a") },
            JobSpec { second: second("trousers", Garment::Upper), ..spec("a") },
            spec("a"),
        ];
        for version in versions {
            let (counted, rejected) = bed.load_from("jobs.csv", std::slice::from_ref(&version)).await;
            assert_eq!((counted, rejected), (tally(0, 0, 1, 0, 0), Vec::new()), "{version:?}");
            assert_eq!((bed.job("a").await.spec, bed.job("a").await.seq), (version, seq));
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_only_turned_away_can_be_changed() {
    on_every_queue(async |bed| {
        for (id, answer) in [
            ("released", Transition::Release { retry_at: None }),
            ("turned-away", Transition::TurnAway { retry_at: at(100) }),
        ] {
            bed.add(&[with_priority(id, 5)]).await;
            let job = bed.claim(at(1)).await;
            bed.step(&job, answer).await;
            let (counted, rejected) = bed.load_from("jobs.csv", &[with_other_cloth(id, "better")]).await;
            assert_eq!((counted, rejected), (tally(0, 0, 1, 0, 0), Vec::new()), "{id}");
            assert_eq!(bed.job(id).await.spec.cloth, file("better"));
            bed.queue.cancel(id.to_owned(), at(2)).await.expect("cancelled");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_job_with_better_inputs_is_tried_again() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let job = bed.claim(at(1)).await;
        bed.step(&job, Transition::Refuse { failure: failure(FailureKind::Refused) }).await;
        assert_eq!(bed.load_from("jobs.csv", &[spec("a")]).await.0, tally(0, 1, 0, 0, 0));
        assert_eq!(bed.job("a").await.state.name(), StateName::Failed, "the same again would be refused again");

        let (counted, _) = bed.load_from("jobs.csv", &[with_other_cloth("a", "better")]).await;
        assert_eq!(counted, tally(0, 0, 1, 0, 0));
        assert_eq!(bed.job("a").await.state, JobState::Pending { retry_at: None });
        let again = bed.claim(at(9)).await;
        assert_eq!((again.attempt, again.spec.cloth), (2, file("better")));
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_with_other_inputs_stays_cancelled() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Cancelled).await;
        let (counted, _) = bed.load_from("jobs.csv", &[with_other_cloth("a", "better")]).await;
        assert_eq!(counted, tally(0, 0, 1, 0, 0));
        assert_eq!(bed.job("a").await.state, JobState::Cancelled);
        assert_eq!(bed.job("a").await.spec.cloth, file("better"));
    })
    .await;
}

#[tokio::test]
async fn once_submitted_a_job_never_gets_other_inputs() {
    on_every_queue(async |bed| {
        use StateName as S;
        for state in [S::Submitting, S::InDoubt, S::Running, S::Downloading, S::Succeeded, S::Failed] {
            let id = state.word();
            bed.bring(id, state).await;
            let before = (bed.job_row(id), bed.attempt_rows(id));
            let (counted, rejected) = bed.load_from("jobs.csv", &[with_other_cloth(id, "better")]).await;
            assert_eq!(counted, tally(0, 0, 0, 0, 1), "{id}");
            let reason = format!(
                "jobs.csv:2: id: `{id}` stands in the queue with other inputs, and was already submitted with those; \
                 give the row a new id (state: {id})"
            );
            assert_eq!(reasons(&rejected), [reason]);
            assert_eq!((bed.job_row(id), bed.attempt_rows(id)), before);
            bed.check_counts().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_for_its_second_task_was_submitted() {
    on_every_queue(async |bed| {
        let retried = bed.bring("task-failed", StateName::Running).await;
        bed.record(&retried, Transition::TaskFailForNow { retry_at: at(50) }, at(1)).await.expect("failed for now");
        let doubtful = bed.bring("doubtful", StateName::InDoubt).await;
        bed.step(&doubtful, Transition::GiveUpDoubt).await;
        for id in ["task-failed", "doubtful"] {
            let (counted, _) = bed.load_from("jobs.csv", &[with_other_cloth(id, "better")]).await;
            assert_eq!(counted, tally(0, 0, 0, 0, 1), "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn ids_that_differ_only_in_case_or_composition_are_not_two_jobs() {
    on_every_queue(async |bed| {
        bed.add(&[spec("Ana/Ünder")]).await;
        let before = bed.job_row("Ana/Ünder");
        let (counted, rejected) = bed.load_from("jobs.csv", &[spec("ana/u\u{308}NDER"), spec("ana/other")]).await;
        assert_eq!(counted, tally(1, 0, 0, 0, 1));
        assert_eq!(
            reasons(&rejected),
            ["jobs.csv:2: id: `ana/u\u{308}NDER` and `Ana/Ünder` in the queue would write the same file where case does \
              not count; give one another id"]
        );
        assert_eq!(bed.job_row("Ana/Ünder"), before);
    })
    .await;
}

#[tokio::test]
async fn no_new_job_takes_the_name_of_a_further_image() {
    on_every_queue(async |bed| {
        let job = bed.bring("Ana", StateName::Downloading).await;
        let images = vec![image(0, "Ana.png"), image(1, "Ana_1.jpg")];
        bed.queue.publish(job.seq, job.attempt, images, at(9)).await.expect("published");

        let (counted, rejected) = bed.load_from("jobs.csv", &[spec("ana_1"), spec("ana_2")]).await;
        assert_eq!(counted, tally(1, 0, 0, 0, 1));
        assert_eq!(
            reasons(&rejected),
            ["jobs.csv:2: id: `ana_1` is the name of a further image of job `Ana`; give the row another id"]
        );
        let (again, _) = bed.load_from("more.csv", &[with_priority("Ana", 1000)]).await;
        assert_eq!(again, tally(0, 1, 0, 0, 0), "its own first image stands in nobody's way");
    })
    .await;
}

#[tokio::test]
async fn a_load_that_is_not_kept_leaves_no_trace() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let before = bed.tables();
        // Forgets a rejected row, were it kept.
        let mut load = begin_load(&*bed.queue, "bystanders.csv").await;
        let rows = vec![
            on_line(2, spec("b")),
            on_line(3, with_other_cloth("a", "other")),
            LoadRow::Rejected(rejected_row(4, "c")),
        ];
        assert_eq!(load.add(rows).await.expect("staged"), Vec::new());
        let counted = load.tally();
        drop(load);
        assert_eq!(counted, tally(1, 0, 1, 0, 1), "what would have been is told");
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn rejected_rows_are_forgotten_when_their_manifest_is_loaded_again() {
    on_every_queue(async |bed| {
        let mut load = begin_load(&*bed.queue, "one.csv").await;
        load.add(vec![LoadRow::Rejected(rejected_row(2, "x"))]).await.expect("staged");
        load.begin_manifest(ManifestNames::only("two.csv")).await.expect("begun");
        load.add(vec![LoadRow::Rejected(rejected_row(2, "y"))]).await.expect("staged");
        assert_eq!(load.tally(), tally(0, 0, 0, 0, 2));
        load.keep(Keeping::default(), at(0)).await.expect("kept");
        assert_eq!(bed.reported().await, ["x", "y"]);
        bed.check_counts().await;

        bed.load_from("one.csv", &[spec("x")]).await;
        assert_eq!(bed.reported().await, ["y", "x"], "what was mended is a job; the other manifest's row stands");
        assert_eq!(bed.queue.counts().await.expect("counts").rejected, 2, "a bystander and y");
    })
    .await;
}

#[tokio::test]
async fn a_row_rejected_for_several_reasons_is_one_row_of_the_report() {
    on_every_queue(async |bed| {
        let row = || LoadRow::Rejected(rejected_row(2, "x"));
        bed.keep("one.csv", vec![row(), row()]).await;
        assert_eq!(bed.reported().await, ["x"]);
    })
    .await;
}

#[tokio::test]
async fn the_report_keeps_the_order_of_the_manifest_however_often_it_is_loaded() {
    on_every_queue(async |bed| {
        let bad = |line, id| LoadRow::Rejected(rejected_row(line, id));
        let rows = vec![
            bad(2, "bad-1"),
            on_line(3, spec("a")),
            bad(4, "bad-2"),
            bad(5, "bad-3"),
            on_line(6, spec("b")),
            bad(7, "bad-4"),
        ];
        for _ in 0..3 {
            bed.keep("jobs.csv", rows.clone()).await;
            assert_eq!(bed.reported().await, ["bad-1", "a", "bad-2", "bad-3", "b", "bad-4"]);
            bed.check_counts().await;
        }
    })
    .await;
}

#[tokio::test]
async fn jobs_are_numbered_in_the_order_in_which_manifests_name_them() {
    on_every_queue(async |bed| {
        let (first, second) = ([spec("z"), spec("m")], [spec("a"), spec("m")]);
        let (counted, _) = bed.load_all(&[("1.csv", &first), ("2.csv", &second)]).await;
        assert_eq!(counted, tally(3, 0, 0, 1, 0));
        assert_eq!(bed.reported().await, ["z", "m", "a"]);
    })
    .await;
}

#[tokio::test]
async fn jobs_can_be_added_while_others_are_at_work() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let other_process = bed.open(bed.location()).await;
        let (counted, _) = load_into(&*other_process, &[("more.csv", &[spec("b"), spec("c")])]).await;
        assert_eq!(counted, tally(2, 0, 0, 0, 0));
        bed.step(&job, Transition::Accept { task_id: task("t") }).await;
        assert_eq!(bed.claim(at(2)).await.spec.id.as_str(), "b");
    })
    .await;
}
