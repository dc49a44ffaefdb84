//! A load holds up nothing while it is read, and is whole or not there whatever changes meanwhile.

use tryon::job::{JobSpec, ModelName, StateName, Transition};
use tryon::queue::{self, Enqueued, Keeping, Load, LoadRow, ManifestNames, Queue, QueueError};

use super::bed::{Bed, at, begin_load, on_every_queue, on_line, rejected_row, spec, task, with_other_cloth};

/// Stages rows without keeping them.
pub(super) async fn stage(queue: &dyn Queue, rows: &[JobSpec]) -> Box<dyn Load> {
    let mut load = begin_load(queue, "jobs.csv").await;
    let rows = (2..).zip(rows.iter().cloned()).map(|(line, spec)| on_line(line, spec)).collect();
    assert_eq!(load.add(rows).await.expect("staged"), Vec::new());
    load
}

/// A row that is rejected by itself.
pub(super) fn bad(line: u64, id: &str) -> Vec<LoadRow> {
    vec![LoadRow::Rejected(rejected_row(line, id))]
}

#[tokio::test]
async fn a_load_that_is_being_read_keeps_no_run_from_writing() {
    on_every_queue(async |bed| {
        let job = bed.bring("a", StateName::Submitting).await;
        let mut loader = stage(&*bed.queue, &[spec("b")]).await;
        bed.step(&job, Transition::Accept { task_id: task("t") }).await;
        assert!(bed.queue.job("b").await.is_err(), "nothing is there before it is kept");
        loader.add(bad(9, "c")).await.expect("staged");
        assert!(loader.keep(Keeping::default(), at(9)).await.expect("kept").is_kept);
        assert_eq!(
            (bed.job("b").await.state.name(), bed.reported().await),
            (StateName::Pending, ids(&["a", "b", "c"]))
        );
    })
    .await;
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Between reading and writing a run submits a job that the load changes.
async fn stage_and_overtake(bed: &Bed) -> Box<dyn Load> {
    bed.add(&[spec("a")]).await;
    let mut loader = stage(&*bed.queue, &[with_other_cloth("a", "better")]).await;
    assert_eq!(loader.add(vec![on_line(3, spec("b"))]).await.expect("staged"), Vec::new());
    assert_eq!(loader.tally(), Enqueued { added: 1, updated: 1, ..Enqueued::default() });
    let job = bed.claim(at(1)).await;
    bed.step(&job, Transition::Accept { task_id: task("t") }).await;
    loader
}

#[tokio::test]
async fn a_job_that_is_submitted_while_its_new_inputs_are_read_keeps_its_old_ones_and_the_load_is_not_kept() {
    on_every_queue(async |bed| {
        let loader = stage_and_overtake(bed).await;
        let before = bed.tables();
        let kept = loader.keep(Keeping { all_or_nothing: true, ..Keeping::default() }, at(9)).await.expect("an answer");
        assert!(!kept.is_kept && kept.too_late.len() == 1, "{kept:?}");
        assert!(kept.too_late[0].row.reason.contains("was already submitted"), "{kept:?}");
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn where_bad_rows_are_skipped_one_that_came_too_late_is_one_of_them() {
    on_every_queue(async |bed| {
        let loader = stage_and_overtake(bed).await;
        let kept = loader.keep(Keeping::default(), at(9)).await.expect("kept");
        assert!(kept.is_kept && kept.too_late.len() == 1 && !kept.too_late[0].was_new, "{kept:?}");
        assert_eq!(bed.job("a").await.spec, spec("a"));
        assert_eq!(bed.job("b").await.state.name(), StateName::Pending);
        assert_eq!(bed.reported().await, ["a", "a", "b"]);
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_was_made_while_a_manifest_was_read_for_a_new_one_is_not_written_to_blindly() {
    on_every_queue(async |bed| {
        let mut loader = queue::at(bed.location()).stage().await.expect("a load");
        loader.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
        loader.add(vec![on_line(2, spec("a"))]).await.expect("staged");
        let before = bed.tables();
        let error = loader.keep(Keeping::default(), at(9)).await.expect_err("the bystanders are there");
        assert!(matches!(error, QueueError::MadeMeanwhile(_)), "{error}");
        assert_eq!(bed.tables(), before);
    })
    .await;
}

#[tokio::test]
async fn pairs_that_the_queue_has_under_other_ids_are_counted_and_named() {
    on_every_queue(async |bed| {
        use StateName as S;
        let as_new = |id: &str, of: &str| JobSpec { id: spec(id).id, ..spec(of) };
        for state in StateName::ALL.into_iter().rev() {
            bed.bring(state.word(), state).await;
        }
        let rows: Vec<JobSpec> =
            StateName::ALL.iter().map(|state| as_new(&format!("new-{}", state.word()), state.word())).collect();
        let mut loader = stage(&*bed.queue, &rows).await;
        // Rows of one load that repeat each other are another matter, and so are pairs that nobody has.
        for (line, row) in [(20, as_new("x", "twin")), (21, as_new("y", "twin")), (22, with_other_cloth("z", "other"))]
        {
            loader.add(vec![on_line(line, row)]).await.expect("staged");
        }
        let again = loader.pairs_again(&ModelName::default(), 100).await.expect("an answer");
        let mut found: Vec<_> = again.named.iter().map(|pair| pair.state).collect();
        found.sort_by_key(|state| state.word());
        let mut wanted = vec![S::Pending, S::Submitting, S::InDoubt, S::Running, S::Downloading, S::Succeeded];
        wanted.sort_by_key(|state| state.word());
        assert_eq!((again.jobs, found), (6, wanted), "what failed or was taken out is not paid for twice");
        assert!(again.named.iter().all(|pair| pair.id.as_str() == format!("new-{}", pair.earlier)), "{again:?}");
        let other = loader.pairs_again(&ModelName::parse("kolors-virtual-try-on-v1-5").expect("a model"), 100).await;
        let by_pending = |pairs: &tryon::queue::PairsAgain| pairs.named.iter().any(|pair| pair.state == S::Running);
        assert!(!by_pending(&other.expect("an answer")), "another model is another pair");
    })
    .await;
}

#[tokio::test]
async fn ids_that_change_places_ask_for_nothing_again() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b")]).await;
        let swapped = [JobSpec { id: spec("a").id, ..spec("b") }, JobSpec { id: spec("b").id, ..spec("a") }];
        let mut loader = stage(&*bed.queue, &swapped).await;
        assert_eq!(loader.pairs_again(&ModelName::default(), 9).await.expect("an answer").jobs, 0);
    })
    .await;
}
