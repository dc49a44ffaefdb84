//! Manifest columns that are not read: kept with the job, and no part of what is asked for.

use tryon::job::{ExtraColumns, JobSpec, StateName};
use tryon::queue::{LoadRow, ManifestNames};

use super::bed::{Bed, on_every_queue, spec, with_other_cloth};

/// A row with columns that are not read.
fn with_columns(id: &str, columns: &[(&str, &str)]) -> JobSpec {
    JobSpec { extra: extra(columns), ..spec(id) }
}

fn extra(columns: &[(&str, &str)]) -> ExtraColumns {
    let owned = columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ExtraColumns::new(owned.collect()).expect("few columns")
}

async fn extra_of(bed: &Bed, id: &str) -> ExtraColumns {
    bed.job(id).await.spec.extra
}

#[tokio::test]
async fn columns_are_kept_with_the_job_in_manifest_order() {
    on_every_queue(async |bed| {
        let columns = [("sku", "A-1"), ("colour", "dunkel\"grün\""), ("a", " "), ("nul", "\0")];
        bed.add(&[with_columns("a", &columns), spec("b")]).await;
        assert_eq!(extra_of(bed, "a").await, extra(&columns));
        assert_eq!(extra_of(bed, "b").await, ExtraColumns::default());
        bed.add(&[with_columns("c", &[("size", "M"), ("sku", "C-3")])]).await;
        assert_eq!(bed.queue.column_names().await.expect("names"), ["sku", "colour", "a", "nul", "size"]);
    })
    .await;
}

#[tokio::test]
async fn a_change_in_them_updates_the_job_in_any_state_and_is_no_change_of_its_inputs() {
    on_every_queue(async |bed| {
        bed.bring("done", StateName::Succeeded).await;
        for state in [StateName::Submitting, StateName::Running, StateName::Failed, StateName::Pending] {
            let id = state.word();
            bed.bring(id, state).await;
        }
        let ids = ["pending", "submitting", "running", "failed", "done"];
        let rows = |sku: &str| ids.map(|id| JobSpec { priority: 1_000, ..with_columns(id, &[("sku", sku)]) });
        let before = bed.tables();
        let (tally, rejected) = bed.load_from("jobs.csv", &rows("A")).await;
        assert_eq!((tally.updated, tally.unchanged, rejected), (5, 0, Vec::new()));
        for id in ids {
            assert_eq!(extra_of(bed, id).await, extra(&[("sku", "A")]), "{id}");
        }
        assert_eq!(bed.job("done").await.state.name(), StateName::Succeeded);
        let after = bed.tables();
        assert_eq!((&before["attempts"], &before["images"]), (&after["attempts"], &after["images"]));

        let (tally, _) = bed.load_from("jobs.csv", &rows("A")).await;
        assert_eq!((tally.updated, tally.unchanged), (0, 5), "said again");
        let (tally, _) = bed.load_from("jobs.csv", &ids.map(|id| super::bed::with_priority(id, 1_000))).await;
        assert_eq!(tally.updated, 5, "a manifest that has the columns no more");
        assert_eq!(extra_of(bed, "done").await, ExtraColumns::default());
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_not_taken_leaves_the_columns_of_its_job_alone() {
    on_every_queue(async |bed| {
        let kept = with_columns("a", &[("sku", "A")]);
        bed.add(&[JobSpec { priority: 1_000, ..kept.clone() }]).await;
        let job = bed.claim(super::bed::at(1)).await;
        bed.step(&job, tryon::job::Transition::Accept { task_id: super::bed::task("t") }).await;
        let other = JobSpec { extra: extra(&[("sku", "B")]), ..with_other_cloth("a", "other") };
        let (tally, rejected) = bed.load_from("other.csv", &[other]).await;
        assert_eq!((tally.rejected, rejected.len()), (1, 1));
        assert_eq!(extra_of(bed, "a").await, kept.extra);
        let contradictory = [with_columns("a", &[("sku", "C")]), with_other_cloth("a", "other")];
        bed.load_from("third.csv", &contradictory).await;
        assert_eq!(extra_of(bed, "a").await, kept.extra);
    })
    .await;
}

#[tokio::test]
async fn of_rows_that_say_the_same_the_first_ones_columns_are_kept() {
    on_every_queue(async |bed| {
        let rows = [with_columns("a", &[("sku", "A")]), with_columns("a", &[("sku", "B")])];
        let (tally, rejected) = bed.load_from("jobs.csv", &rows).await;
        assert_eq!((tally.added, tally.repeated, rejected), (1, 1, Vec::new()));
        assert_eq!(extra_of(bed, "a").await, extra(&[("sku", "A")]));
    })
    .await;
}

#[tokio::test]
async fn a_large_load_keeps_them_as_a_small_one_does() {
    on_every_queue(async |bed| {
        let row = |number: u64| {
            let spec = with_columns(&format!("job-{number}"), &[("number", &number.to_string())]);
            LoadRow::Job { spec, line: number + 2 }
        };
        let mut load = bed.queue.begin_load().await.expect("a load");
        load.begin_manifest(ManifestNames::only("many.csv")).await.expect("begun");
        assert_eq!(load.add((0..1_500).map(row).collect()).await.expect("staged"), Vec::new());
        load.keep(tryon::queue::Keeping::default(), super::bed::at(0)).await.expect("kept");
        for number in [0_u64, 499, 500, 1_499] {
            let kept = extra_of(bed, &format!("job-{number}")).await;
            assert_eq!(kept, extra(&[("number", &number.to_string())]));
        }
    })
    .await;
}
