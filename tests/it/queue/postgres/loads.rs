//! Loads that are read at the same time, by several processes: each is compared with what the others have added.

use tryon::job::{JobSpec, StateName};
use tryon::queue::{Keeping, Load, LoadRow, RejectedRow};

use super::POSTGRES;
use crate::queue::bed::{Bed, at, begin_load, image, on_a_queue_of, on_line, spec, with_other_cloth};

async fn staged(bed: &Bed, manifest: &str, rows: &[JobSpec]) -> Box<dyn Load> {
    let mut load = begin_load(&*bed.queue, manifest).await;
    let rows = (2..).zip(rows.iter().cloned()).map(|(line, spec)| on_line(line, spec)).collect();
    assert_eq!(load.add(rows).await.expect("staged"), Vec::new());
    load
}

/// How often each picture is there: once.
fn assert_each_picture_is_there_once(bed: &Bed) {
    let inputs = &bed.tables()["inputs"];
    let sources: std::collections::BTreeSet<_> = inputs.iter().map(|row| &row["source"]).collect();
    assert_eq!(sources.len(), inputs.len(), "{inputs:#?}");
}

#[tokio::test]
async fn rows_that_another_load_has_added_meanwhile_are_unchanged_or_too_late_and_no_picture_is_there_twice() {
    on_a_queue_of(&POSTGRES, async |bed| {
        let first = staged(bed, "one.csv", &[spec("a"), spec("b")]).await;
        let same_pictures = JobSpec { id: spec("d").id, ..spec("a") };
        let second =
            staged(bed, "two.csv", &[spec("a"), with_other_cloth("b", "other"), spec("c"), same_pictures]).await;
        assert!(first.keep(Keeping::default(), at(1)).await.expect("kept").is_kept);
        let kept = second.keep(Keeping::default(), at(2)).await.expect("kept");
        let too_late: Vec<_> = kept.too_late.iter().map(|late| late.row.id.as_str()).collect();
        assert_eq!(too_late, ["b"], "a is the same, and c and d are new");
        assert_eq!(bed.count(StateName::Pending), 4);
        assert_eq!(bed.job("b").await.spec, spec("b"));
        assert_each_picture_is_there_once(bed);
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_name_a_further_image_has_got_meanwhile_is_too_late() {
    on_a_queue_of(&POSTGRES, async |bed| {
        let job = bed.bring("a", StateName::Downloading).await;
        let load = staged(bed, "two.csv", &[spec("a_1"), spec("b")]).await;
        let images = vec![image(0, "a.png"), image(1, "a_1.png")];
        bed.queue.publish(job.seq, job.attempt, images, at(9)).await.expect("published");
        let kept = load.keep(Keeping::default(), at(10)).await.expect("kept");
        let too_late: Vec<_> = kept.too_late.iter().map(|late| late.row.id.as_str()).collect();
        assert_eq!(too_late, ["a_1"]);
        assert_eq!(bed.count(StateName::Pending), 1);
    })
    .await;
}

#[tokio::test]
async fn pictures_of_rows_that_are_not_taken_leave_nothing_and_those_of_the_others_are_there_once() {
    on_a_queue_of(&POSTGRES, async |bed| {
        let rows =
            [spec("a"), with_other_cloth("a", "contradicts"), spec("b"), JobSpec { id: spec("c").id, ..spec("b") }];
        bed.load_from("jobs.csv", &rows).await;
        assert_eq!(bed.count(StateName::Pending), 2, "b and c");
        assert_each_picture_is_there_once(bed);
        let sources: Vec<_> = bed.tables()["inputs"].iter().map(|row| row["source"].clone()).collect();
        assert!(!sources.iter().any(|source| source.contains("contradicts")), "{sources:?}");
        assert_eq!(bed.job("c").await.spec.cloth, spec("b").cloth);
    })
    .await;
}

#[tokio::test]
async fn a_bad_row_of_a_manifest_that_hosts_have_under_several_paths_is_listed_once() {
    on_a_queue_of(&POSTGRES, async |bed| {
        let bad = |line| RejectedRow {
            line,
            id: "bad".to_owned(),
            human: "gone.jpg".to_owned(),
            cloth: "cloth.jpg".to_owned(),
            column: "human_image".to_owned(),
            reason: "gone.jpg is not there".to_owned(),
        };
        let before = bed.queue.counts().await.expect("counts").rejected;
        let rejected = async || bed.queue.counts().await.expect("counts").rejected - before;
        let load = async |manifest: &str, rows: Vec<LoadRow>| bed.keep(manifest, rows).await;
        load("/mnt/north/jobs.csv", vec![on_line(2, spec("a")), LoadRow::Rejected(bad(3))]).await;
        load("/srv/south/jobs.csv", vec![on_line(2, spec("a")), LoadRow::Rejected(bad(3))]).await;
        assert_eq!(rejected().await, 1);
        load("/mnt/north/jobs.csv", vec![on_line(2, spec("b")), LoadRow::Rejected(bad(3))]).await;
        assert_eq!(rejected().await, 1, "by a load that only adds jobs, too");
        load("/srv/south/others.csv", vec![LoadRow::Rejected(bad(3))]).await;
        load("/srv/south/jobs.csv", vec![on_line(2, spec("a")), LoadRow::Rejected(bad(4))]).await;
        assert_eq!(rejected().await, 3, "another manifest, and another row");
        let listed = bed.report().await.into_iter().filter(|row| row.id == "bad").count();
        assert_eq!(listed, 3);
        // Mended by the host that has loaded it last.
        load("/mnt/north/jobs.csv", vec![on_line(3, spec("c"))]).await;
        assert_eq!(rejected().await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_pictures_one_host_has_and_another_has_not_is_a_job_and_not_rejected_too() {
    on_a_queue_of(&POSTGRES, async |bed| {
        let (a, b) = (spec("a"), spec("b"));
        let bad = |spec: &JobSpec, line, column: &str| {
            LoadRow::Rejected(RejectedRow {
                line,
                id: spec.id.to_string(),
                human: spec.human.written.clone(),
                cloth: spec.cloth.written.clone(),
                column: column.to_owned(),
                reason: "is not there".to_owned(),
            })
        };
        let before = bed.queue.counts().await.expect("counts").rejected;
        let rejected = async || bed.queue.counts().await.expect("counts").rejected - before;
        let (north, south) = ("/mnt/north/jobs.csv", "/srv/south/jobs.csv");
        let load = async |manifest: &str, rows: Vec<LoadRow>| bed.keep(manifest, rows).await;
        load(north, vec![bad(&a, 2, "human_image"), bad(&b, 3, "cloth_image")]).await;
        load("/mnt/north/others.csv", vec![bad(&a, 2, "human_image")]).await;
        assert_eq!(rejected().await, 3);
        // A load that only adds jobs.
        load(south, vec![on_line(2, a.clone()), bad(&b, 3, "cloth_image")]).await;
        assert_eq!(rejected().await, 2, "b, and what another manifest says of a");
        load(north, vec![bad(&a, 2, "human_image"), on_line(3, b.clone())]).await;
        assert_eq!(rejected().await, 1, "whose host still has no picture of a, which is a job");
        load(south, vec![on_line(2, a.clone()), bad(&b, 3, "priority")]).await;
        assert_eq!(rejected().await, 2, "what is wrong on every host is listed");
        load(north, vec![bad(&with_other_cloth("a", "other"), 2, "human_image"), on_line(3, b.clone())]).await;
        assert_eq!(rejected().await, 3, "a is a job with other pictures");
        let listed = |id: &str, rows: &[tryon::queue::ReportRow]| rows.iter().filter(|row| row.id == id).count();
        let report = bed.report().await;
        assert_eq!((listed("a", &report), listed("b", &report)), (3, 2));
    })
    .await;
}
