//! Flags: kept with the job whose result they are about, counted, found, and gone with that result.

use tryon::job::{Flag, Flags, JobSpec, StateName, Transition};
use tryon::queue::{ActiveJob, JobRecord, PublishedImage, QueueError, Selection, each_job};

use super::bed::{Bed, at, image, on_every_queue, spec};

fn flags(all: &[Flag]) -> Flags {
    all.iter().copied().collect()
}

/// Publishes a result with these flags, whose pixels are those of every other result with this fingerprint.
async fn publish(bed: &Bed, job: &ActiveJob, all: &[Flag], fingerprint: Option<i64>) {
    let image = PublishedImage { flags: flags(all), fingerprint, ..image(0, &format!("{}.png", job.spec.id)) };
    bed.queue.publish(job.seq, job.attempt, vec![image], at(6)).await.expect("published");
}

/// A job with a result.
async fn made(bed: &Bed, id: &str, all: &[Flag], fingerprint: Option<i64>) -> ActiveJob {
    let job = bed.bring(id, StateName::Downloading).await;
    publish(bed, &job, all, fingerprint).await;
    job
}

/// Has a job made again, up to the moment when its new result is there.
async fn made_again(bed: &Bed, id: &str) -> ActiveJob {
    bed.queue.make_anew(id.to_owned(), at(7)).await.expect("made anew");
    fetched(bed, id).await
}

async fn fetched(bed: &Bed, id: &str) -> ActiveJob {
    let job = bed.claim(at(8)).await;
    assert_eq!(job.spec.id.as_str(), id);
    bed.step(&job, Transition::Accept { task_id: super::bed::task(&format!("second task of {id}")) }).await;
    bed.step(&job, Transition::TaskSucceed).await;
    job
}

/// The flagged jobs, in manifest order.
async fn flagged(bed: &Bed) -> Vec<String> {
    let mut lines = Vec::new();
    let add = |job: JobRecord| -> Result<(), QueueError> {
        lines.push(format!("{}: {}", job.spec.id, job.flags));
        Ok(())
    };
    each_job(&*bed.queue, Selection::flagged(), add).await.expect("a list");
    assert_eq!(
        bed.queue.counts().await.expect("counts").flagged,
        lines.len() as u64,
        "what is counted is what is there"
    );
    lines
}

#[tokio::test]
async fn flags_are_listed_counted_and_reported_with_the_job_that_has_them() {
    on_every_queue(async |bed| {
        made(bed, "a", &[], None).await;
        made(bed, "b", &[Flag::Small, Flag::Aspect], None).await;
        made(bed, "c", &[Flag::Blank, Flag::Small], None).await;
        bed.bring("d", StateName::Failed).await;
        assert_eq!(flagged(bed).await, ["b: small, aspect", "c: blank, small"]);
        let counts = bed.queue.flag_counts().await.expect("counts");
        assert_eq!(counts, [(Flag::Blank, 1), (Flag::Small, 2), (Flag::Aspect, 1)]);
        let rows = bed.report().await.into_iter().filter(|row| ["a", "b"].contains(&row.id.as_str()));
        let reported: Vec<_> = rows.map(|row| row.flags).collect();
        assert_eq!(reported, [Flags::NONE, flags(&[Flag::Small, Flag::Aspect])]);
        for (states, found) in [
            (&[StateName::Succeeded][..], 2),
            (&[StateName::Succeeded, StateName::Failed], 2),
            (&[StateName::Failed, StateName::Pending], 0),
        ] {
            let mut count = 0;
            let selection = Selection { states, ..Selection::flagged() };
            let add = |_| -> Result<(), QueueError> {
                count += 1;
                Ok(())
            };
            each_job(&*bed.queue, selection, add).await.expect("a list");
            assert_eq!(count, found, "{states:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_made_again_has_no_flags_until_its_new_result_has_some() {
    on_every_queue(async |bed| {
        made(bed, "a", &[Flag::Blank], None).await;
        let again = made_again(bed, "a").await;
        assert_eq!(flagged(bed).await, [""; 0]);
        publish(bed, &again, &[Flag::Small], None).await;
        assert_eq!(flagged(bed).await, ["a: small"]);
        let again = made_again(bed, "a").await;
        publish(bed, &again, &[], None).await;
        assert_eq!(flagged(bed).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_result_that_is_fetched_again_is_judged_again() {
    on_every_queue(async |bed| {
        let job = made(bed, "a", &[Flag::Blank], Some(5)).await;
        bed.step(&job, Transition::Refetch).await;
        assert_eq!(flagged(bed).await, [""; 0]);
        publish(bed, &job, &[], Some(5)).await;
        assert_eq!(flagged(bed).await, [""; 0], "and it is no twin of itself");
    })
    .await;
}

#[tokio::test]
async fn two_pairs_with_the_same_pixels_are_twins_until_one_has_others() {
    on_every_queue(async |bed| {
        made(bed, "a", &[], Some(-7)).await;
        made(bed, "b", &[], Some(8)).await;
        assert_eq!(flagged(bed).await, [""; 0]);
        let third = made(bed, "c", &[Flag::Small], Some(-7)).await;
        assert_eq!(flagged(bed).await, ["a: twin", "c: small, twin"]);
        let twins = bed.queue.twins_of(third.seq).await.expect("twins");
        assert_eq!(twins.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a"]);
        made(bed, "d", &[], Some(-7)).await;
        assert_eq!(flagged(bed).await, ["a: twin", "c: small, twin", "d: twin"]);

        let again = made_again(bed, "d").await;
        publish(bed, &again, &[], Some(9)).await;
        assert_eq!(flagged(bed).await, ["a: twin", "c: small, twin"], "the other two still have one another");
        let again = made_again(bed, "a").await;
        assert_eq!(flagged(bed).await, ["c: small, twin"]);
        publish(bed, &again, &[], Some(10)).await;
        assert_eq!(flagged(bed).await, ["c: small"], "it has what it has by itself");
        let again = made_again(bed, "a").await;
        publish(bed, &again, &[], Some(-7)).await;
        assert_eq!(flagged(bed).await, ["a: twin", "c: small, twin"], "and a twin that comes back is one");
    })
    .await;
}

#[tokio::test]
async fn jobs_of_the_same_pair_are_no_twins() {
    on_every_queue(async |bed| {
        let same = |id: &str| JobSpec { id: spec(id).id, priority: 1_000, ..spec("a") };
        for id in ["a", "b"] {
            bed.add(&[same(id)]).await;
            let job = fetched(bed, id).await;
            publish(bed, &job, &[], Some(1)).await;
        }
        assert_eq!(flagged(bed).await, [""; 0]);
        made(bed, "c", &[], Some(1)).await;
        assert_eq!(flagged(bed).await, ["a: twin", "b: twin", "c: twin"]);
    })
    .await;
}

#[tokio::test]
async fn one_picture_for_very_many_pairs_flags_them_all() {
    on_every_queue(async |bed| {
        for number in 0..40 {
            made(bed, &format!("job-{number}"), &[], Some(1)).await;
        }
        assert_eq!(flagged(bed).await.len(), 40);
    })
    .await;
}

#[tokio::test]
async fn all_flagged_jobs_are_put_back_at_once_and_no_other() {
    on_every_queue(async |bed| {
        made(bed, "a", &[], Some(1)).await;
        made(bed, "b", &[Flag::Blank], None).await;
        made(bed, "c", &[], Some(1)).await;
        made(bed, "d", &[], Some(2)).await;
        assert_eq!(bed.queue.make_flagged_anew(at(9)).await.expect("put back"), 3);
        let mut states = Vec::new();
        for id in ["a", "b", "c", "d"] {
            states.push(bed.job(id).await.state.name());
        }
        assert_eq!(states, [StateName::Pending, StateName::Pending, StateName::Pending, StateName::Succeeded]);
        assert_eq!(flagged(bed).await, [""; 0]);
        assert_eq!(bed.queue.make_flagged_anew(at(9)).await.expect("nothing to do"), 0);
    })
    .await;
}

#[tokio::test]
async fn an_image_is_read_as_it_was_published() {
    on_every_queue(async |bed| {
        let job = made(bed, "a", &[Flag::Small], Some(i64::MIN)).await;
        let read = &bed.queue.images(job.seq).await.expect("images")[0];
        assert_eq!((read.flags, read.fingerprint), (flags(&[Flag::Small]), Some(i64::MIN)));
    })
    .await;
}
