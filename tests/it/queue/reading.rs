//! Reading beside the writer: lists, stories, what a restart takes up, and the report.

use std::time::Duration;

use tryon::job::{FailureKind, Garment, ImageRef, ImageSource, JobId, JobSpec, ModelName, StateName, Transition};
use tryon::queue::{JobRecord, Note, QueueError, RepeatedPair, ReportRow, Selection, Workload, each_job};

use super::bed::{Bed, at, failure, file, model, on_every_queue, spec, task, with_priority};

async fn listed(bed: &Bed, states: &[StateName]) -> Vec<String> {
    let mut ids = Vec::new();
    let each = |job: JobRecord| {
        ids.push(job.spec.id.to_string());
        Ok::<(), QueueError>(())
    };
    each_job(&*bed.queue, Selection::in_states(states), each).await.expect("jobs");
    ids
}

async fn report_row(bed: &Bed, id: &str) -> ReportRow {
    bed.report().await.into_iter().find(|row| row.id == id).expect("the row")
}

#[tokio::test]
async fn jobs_are_listed_in_the_order_of_the_manifest_by_state_or_all() {
    on_every_queue(async |bed| {
        bed.bring("z", StateName::Failed).await;
        bed.bring("y", StateName::InDoubt).await;
        bed.bring("x", StateName::Failed).await;
        assert_eq!(listed(bed, &[StateName::Failed]).await, ["z", "x"]);
        assert_eq!(listed(bed, &[StateName::InDoubt, StateName::Failed]).await, ["z", "y", "x"]);
        assert_eq!(listed(bed, &[]).await, ["by/running", "by/done", "by/cancelled", "z", "y", "x"]);
        assert_eq!(listed(bed, &[StateName::Submitting]).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_is_held_up_holds_no_read_up() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Running).await;
        let held = bed.hold_writers();
        let write = bed.queue.record(job.seq, 1, Transition::TaskSucceed, Note::default(), at(9));
        let reads = async {
            assert_eq!(bed.queue.counts().await.expect("counts").of(StateName::Running), 2);
            assert_eq!(listed(bed, &[StateName::Running]).await, ["by/running", "a"]);
            assert_eq!(bed.job("a").await.state.name(), StateName::Running);
            assert_eq!(bed.attempts("a").await.len(), 1);
            assert_eq!(bed.queue.active(&[StateName::Running], 9).await.expect("jobs").len(), 2);
            assert!(bed.queue.last_run().await.expect("an answer").is_some());
            assert_eq!(report_row(bed, "a").await.state, StateName::Running);
            // A reader that comes new, such as `status` beside a run.
            let other = bed.open(bed.location()).await;
            assert_eq!(other.counts().await.expect("counts").of(StateName::Running), 2);
        };
        let mut write = std::pin::pin!(write);
        // The write is begun first, and asked again whenever the reads go on.
        tokio::select! {
            biased;
            _ = &mut write => panic!("the writer was not held"),
            read = tokio::time::timeout(Duration::from_secs(30), reads) => read.expect("reads that wait for nobody"),
        }
        drop(held);
        write.await.expect("written, once nobody is in its way");
        assert_eq!(bed.job("a").await.state.name(), StateName::Downloading);
    })
    .await;
}

#[tokio::test]
async fn a_list_ends_where_its_reader_has_had_enough() {
    on_every_queue(async |bed| {
        let mut met = 0;
        let each = |_: JobRecord| {
            met += 1;
            Err(QueueError::Closed)
        };
        assert!(matches!(each_job(&*bed.queue, Selection::default(), each).await, Err(QueueError::Closed)));
        assert_eq!(met, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_at_work_comes_state_by_state_and_no_more_than_asked_for() {
    on_every_queue(async |bed| {
        for (id, state) in [("r-1", StateName::Running), ("s-1", StateName::Submitting), ("r-2", StateName::Running)] {
            bed.bring(id, state).await;
        }
        let active = async |states: &[StateName], most| -> Vec<String> {
            let jobs = bed.queue.active(states, most).await.expect("jobs");
            jobs.iter().map(|job| job.spec.id.to_string()).collect()
        };
        let states = [StateName::Submitting, StateName::Running];
        assert_eq!(active(&states, usize::MAX).await, ["s-1", "by/running", "r-1", "r-2"]);
        assert_eq!(active(&states, 2).await, ["s-1", "by/running"]);
        assert_eq!(active(&states, 0).await, [""; 0]);
        assert_eq!(active(&[StateName::Pending, StateName::Succeeded], 9).await, [""; 0], "nobody works on those");
    })
    .await;
}

#[tokio::test]
async fn a_job_taken_up_again_has_all_that_its_worker_needs() {
    on_every_queue(async |bed| {
        let claimed = bed.bring("a", StateName::Submitting).await;
        let accept = Transition::Accept { task_id: task("t") };
        bed.queue.record(claimed.seq, 1, accept, Note::default(), at(9)).await.expect("accepted");
        let active = bed.queue.active(&[StateName::Running], 9).await.expect("jobs");
        let job = active.iter().find(|job| job.seq == claimed.seq).expect("the job");
        assert_eq!((&job.spec, job.attempt), (&claimed.spec, 1));
        assert_eq!((&job.external_id, &job.model), (&claimed.external_id, &claimed.model));
        assert_eq!((job.claimed_at, job.accepted_at), (claimed.claimed_at, Some(at(9))));
    })
    .await;
}

#[tokio::test]
async fn the_report_tells_a_success_in_full() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let note = Note { request_id: Some("r-1".to_owned()), ..Note::default() };
        bed.queue.record(job.seq, 1, Transition::Accept { task_id: task("t") }, note, at(9)).await.expect("accepted");
        let note = Note { units: Some(1.0), ..Note::default() };
        bed.queue.record(job.seq, 1, Transition::TaskSucceed, note, at(40)).await.expect("generated");
        bed.queue.publish(job.seq, 1, vec![super::bed::image(0, "a.png")], at(50)).await.expect("published");
        let row = report_row(bed, "a").await;
        assert_eq!((row.state, row.attempts, row.output.as_deref()), (StateName::Succeeded, 1, Some("a.png")));
        assert_eq!((row.human_image.as_str(), row.human_source.as_str()), ("a-human.png", "/pictures/a-human.png"));
        assert_eq!((row.cloth_image.as_str(), row.cloth_source.as_str()), ("a-cloth.png", "/pictures/a-cloth.png"));
        assert_eq!((row.model.as_str(), row.error_code, row.error), ("kolors-virtual-try-on-v1", None, None));
        assert_eq!((row.task_id, row.external_task_id), (Some(task("t")), Some(job.external_id)));
        assert_eq!((row.request_id.as_deref(), row.units), (Some("r-1"), Some(1.0)));
        assert_eq!((row.width, row.height, row.bytes), (Some(768), Some(1024), Some(123_456)));
        assert_eq!((row.submitted_at, row.finished_at), (Some(at(1)), Some(at(50))));
    })
    .await;
}

#[tokio::test]
async fn the_report_tells_why_a_job_failed_waits_or_is_in_doubt() {
    on_every_queue(async |bed| {
        bed.bring("failed", StateName::Failed).await;
        let row = report_row(bed, "failed").await;
        assert_eq!((row.error_code.as_deref(), row.error.as_deref()), (Some("task_failed"), Some("it did not work")));

        let job = bed.bring("doubt", StateName::Submitting).await;
        bed.queue.record(job.seq, 1, Transition::LoseAnswer, Note::of("timed out"), at(9)).await.expect("in doubt");
        let row = report_row(bed, "doubt").await;
        assert_eq!((row.error_code.as_deref(), row.error.as_deref()), (Some("in_doubt"), Some("timed out")));

        let job = bed.bring("waits", StateName::Submitting).await;
        let away = Transition::TurnAway { retry_at: at(900) };
        bed.queue.record(job.seq, 1, away, Note::of("internal error"), at(9)).await.expect("turned away");
        let row = report_row(bed, "waits").await;
        assert_eq!((row.state, row.error.as_deref()), (StateName::Pending, Some("internal error")));

        let row = report_row(bed, "by/rejected").await;
        assert_eq!((row.state, row.error_code.as_deref()), (StateName::Failed, Some("invalid_input")));
        assert_eq!(row.error.as_deref(), Some("bystanders.csv:9: human_image: there is no such file"));
    })
    .await;
}

#[tokio::test]
async fn the_report_adds_up_what_all_attempts_have_cost() {
    on_every_queue(async |bed| {
        let units = |units| Note { units: Some(units), ..Note::default() };
        let first = bed.bring("a", StateName::Running).await;
        let fail = Transition::TaskFailForNow { retry_at: at(6) };
        bed.queue.record(first.seq, 1, fail, units(0.5), at(5)).await.expect("failed");
        let second = bed.claim(at(7)).await;
        bed.step(&second, Transition::Accept { task_id: task("t-2") }).await;
        let fail = Transition::TaskFail { failure: failure(FailureKind::Task) };
        bed.queue.record(second.seq, 2, fail, units(0.75), at(9)).await.expect("failed");
        let row = report_row(bed, "a").await;
        assert_eq!((row.attempts, row.units, row.task_id), (2, Some(1.25), Some(task("t-2"))));
    })
    .await;
}

#[tokio::test]
async fn the_report_names_the_model_that_a_job_has_asked_for_or_will() {
    on_every_queue(async |bed| {
        bed.add(&[with_priority("claimed", 2), spec("waits")]).await;
        bed.claim(at(1)).await;
        bed.queue.begin_run(1, None, model("kolors-virtual-try-on-v2"), at(2)).await.expect("a run");
        assert_eq!(report_row(bed, "claimed").await.model, "kolors-virtual-try-on-v1");
        assert_eq!(report_row(bed, "waits").await.model, "kolors-virtual-try-on-v2");
        assert_eq!(report_row(bed, "by/running").await.model, "kolors-virtual-try-on-v1-5");
    })
    .await;
}

#[tokio::test]
async fn the_first_job_for_a_model_is_found_among_those_that_wait() {
    on_every_queue(async |bed| {
        let (three, other) = (model(ModelName::THREE), ModelName::default());
        let first = async |default: &ModelName, has_file| {
            let found = bed.queue.first_for(three.clone(), default.clone(), has_file).await.expect("an answer");
            found.map(|id| id.as_str().to_owned())
        };
        let url = |id: &str| {
            let image = |what: &str| {
                let url = format!("https://shop.example/{id}-{what}.png");
                ImageRef { written: url.clone(), source: ImageSource::Url(url) }
            };
            JobSpec { human: image("h"), cloth: image("c"), ..spec(id) }
        };
        assert_eq!(first(&other, false).await, None);
        bed.add(&[url("unnamed")]).await;
        assert_eq!((first(&other, false).await, first(&three, true).await), (None, None));
        assert_eq!(first(&three, false).await.as_deref(), Some("unnamed"));
        bed.add(&[JobSpec { model: Some(three.clone()), ..url("named") }]).await;
        assert_eq!((first(&other, false).await.as_deref(), first(&other, true).await), (Some("named"), None));
        bed.add(&[JobSpec { model: Some(three.clone()), cloth: file("local"), ..url("half") }]).await;
        assert_eq!(first(&other, true).await.as_deref(), Some("half"));
        bed.queue.cancel("half".to_owned(), at(1)).await.expect("cancelled");
        assert_eq!(first(&other, true).await, None, "it does not wait any more");
    })
    .await;
}

#[tokio::test]
async fn the_workload_is_what_waits_each_pair_and_picture_once() {
    on_every_queue(async |bed| {
        let v1 = model("kolors-virtual-try-on-v1");
        let workload = async || bed.queue.workload(&v1, 1).await.expect("a workload");
        assert_eq!(workload().await, Workload::default(), "bystanders do not wait");
        let pair = |id: &str, human: &str, cloth: &str| JobSpec { human: file(human), cloth: file(cloth), ..spec(id) };
        let rows = [
            pair("a", "ana", "shirt"),
            pair("b", "ana", "skirt"),
            pair("c", "bea", "shirt"),
            pair("d", "ana", "shirt"),
            JobSpec { model: Some(v1.clone()), cloth_type: Some(Garment::Upper), ..pair("e", "ana", "shirt") },
            JobSpec { model: Some(model("kolors-virtual-try-on-v2")), ..pair("f", "ana", "shirt") },
            pair("g", "ana", "skirt"),
        ];
        bed.add(&rows).await;
        bed.add(&[pair("done", "zoe", "hat")]).await;
        bed.queue.cancel("done".to_owned(), at(1)).await.expect("cancelled");
        let id = |text: &str| JobId::parse(text).expect("an id");
        let repeats = vec![RepeatedPair { first: id("a"), last: id("e"), jobs: 3 }];
        assert_eq!(workload().await, Workload { jobs: 7, distinct_pairs: 4, humans: 2, cloths: 2, repeats });
        let v2 = bed.queue.workload(&model("kolors-virtual-try-on-v2"), 9).await.expect("a workload");
        assert_eq!((v2.distinct_pairs, v2.repeats.len()), (4, 2), "the named model is another one than the default");
    })
    .await;
}
