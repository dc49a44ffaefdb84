//! The same bytes at two places are one picture: for what is made once, for what is counted, and for what looks alike.

use tryon::job::{Content, ExternalTaskId, ImageSource, JobSpec, ModelName, SentContents, StateName, Transition};
use tryon::queue::{Claim, ClaimOnce, Claimant, LookedAt, Note, PublishedImage, QueueReads};

use super::bed::{Bed, at, begin_load, file, image, on_every_queue, on_line, spec, task, with_priority};

fn content(sha256: &str) -> Content {
    Content { sha256: sha256.to_owned(), bytes: 7, modified: Some(1), etag: None }
}

/// Reads pictures that the queue does not know: those that are named are these bytes.
async fn read(bed: &Bed, pictures: &[(&str, &str)]) {
    let unread = all_unread(&*bed.queue).await;
    let number = |name: &str| unread.iter().find(|(_, source)| *source == file(name).source).expect(name).0;
    let read = pictures.iter().map(|(name, sha256)| (number(name), content(sha256))).collect();
    bed.queue.note_contents(read).await.expect("noted");
}

async fn all_unread(queue: &dyn QueueReads) -> Vec<(i64, ImageSource)> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = queue.unread_pictures(after, 3).await.expect("a page");
        let Some((last, _)) = page.last() else { return all };
        after = *last;
        all.extend(page);
    }
}

/// A claim by a run that finds each picture to be what it is known to be.
async fn claim(bed: &Bed) -> Option<String> {
    let mut looked = None;
    for _ in 0..20 {
        let claim = bed.queue.claim_once(bed.run, ExternalTaskId::unique(), Claimant::default(), looked.take(), at(9));
        match claim.await.expect("a claim") {
            ClaimOnce::Claim(Claim::Job(job)) => return Some(job.spec.id.to_string()),
            ClaimOnce::Claim(_) => return None,
            ClaimOnce::Settled { to_look_at, .. } => {
                looked = to_look_at.map(|look| {
                    let now = look.known.iter().map(|known| (known.picture, known.content.sha256.clone())).collect();
                    LookedAt { seq: look.seq, sha256: now }
                });
            }
        }
    }
    panic!("claims settle for ever")
}

/// Has job `id`, which is claimed, made of these bytes.
async fn make(bed: &Bed, id: &str, human: &str, cloth: &str, picture: PublishedImage) {
    let [job] = &bed.queue.active(&[StateName::Submitting], 1).await.expect("jobs")[..] else { panic!("no job") };
    assert_eq!(job.spec.id.as_str(), id);
    let sent = SentContents { human: Some(content(human)), cloth: Some(content(cloth)), second: None };
    let note = Note { sent: Some(Box::new(sent)), ..Note::default() };
    let accept = Transition::Accept { task_id: task(&format!("task of {id}")) };
    bed.queue.record(job.seq, job.attempt, accept, note, at(2)).await.expect("accepted");
    bed.step(job, Transition::TaskSucceed).await;
    bed.queue.publish(job.seq, job.attempt, vec![picture], at(3)).await.expect("published");
}

fn state(bed: &Bed, id: &str) -> String {
    bed.job_row(id)["state"].clone()
}

#[tokio::test]
async fn a_pair_of_the_same_bytes_at_other_places_waits_for_the_one_under_way_and_shares_its_image() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b"), spec("c")]).await;
        read(bed, &[("a-human", "ana"), ("a-cloth", "coat"), ("b-human", "ana"), ("b-cloth", "coat")]).await;
        read(bed, &[("c-human", "ana"), ("c-cloth", "hat")]).await;
        assert_eq!(claim(bed).await.as_deref(), Some("a"));
        assert_eq!(claim(bed).await.as_deref(), Some("c"), "another garment; b waits");
        assert_ne!(bed.job_row("b")["waits_for"], "NULL");
        let [a, _] = &bed.queue.active(&[StateName::Submitting], 9).await.expect("jobs")[..] else {
            panic!("two jobs")
        };
        let sent = SentContents { human: Some(content("ana")), cloth: Some(content("coat")), second: None };
        let note = Note { sent: Some(Box::new(sent)), ..Note::default() };
        bed.queue
            .record(a.seq, a.attempt, Transition::Accept { task_id: task("one") }, note, at(2))
            .await
            .expect("kept");
        bed.step(a, Transition::TaskSucceed).await;
        bed.queue.publish(a.seq, a.attempt, vec![image(0, "a.png")], at(3)).await.expect("published");
        assert_eq!(claim(bed).await, None, "nothing is submitted for b");
        assert_eq!(state(bed, "b"), "downloading");
        assert_eq!(bed.attempt_rows("b")[0]["task_id"], "one");
    })
    .await;
}

#[tokio::test]
async fn what_was_made_of_other_bytes_at_the_same_length_or_of_unknown_ones_elsewhere_is_not_shared() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b"), spec("c")]).await;
        read(bed, &[("a-human", "ana"), ("a-cloth", "coat"), ("b-human", "ana"), ("b-cloth", "hat")]).await;
        for id in ["a", "b", "c"] {
            assert_eq!(claim(bed).await.as_deref(), Some(id));
        }
        assert_eq!(claim(bed).await, None);
    })
    .await;
}

#[tokio::test]
async fn an_image_that_was_made_before_its_picture_was_replaced_is_not_given_to_a_copy_of_the_new_one() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a"), spec("b")]).await;
        read(bed, &[("a-human", "ana"), ("b-human", "ana")]).await;
        assert_eq!(claim(bed).await.as_deref(), Some("a"));
        make(bed, "a", "ana", "coat", image(0, "a.png")).await;
        // The garment's file was replaced since, and b's is a copy of the new one.
        let a_cloth = bed.queue.known_contents(0, 99).await.expect("a page");
        let a_cloth = a_cloth.iter().find(|known| known.source == file("a-cloth").source).expect("known").picture;
        bed.queue.note_contents(vec![(a_cloth, content("new coat"))]).await.expect("noted");
        read(bed, &[("b-cloth", "new coat")]).await;
        assert_eq!(claim(bed).await.as_deref(), Some("b"));
    })
    .await;
}

#[tokio::test]
async fn pairs_are_counted_by_what_their_pictures_are() {
    on_every_queue(async |bed| {
        let work = async || bed.queue.workload(&ModelName::default(), 9).await.expect("work");
        let before = work().await;
        bed.add(&[spec("a"), spec("b"), spec("c")]).await;
        assert_eq!(work().await.distinct_pairs, before.distinct_pairs + 3);
        read(bed, &[("a-human", "ana"), ("a-cloth", "coat"), ("c-human", "ana"), ("c-cloth", "coat")]).await;
        let work = work().await;
        assert_eq!((work.jobs, work.distinct_pairs), (before.jobs + 3, before.distinct_pairs + 2));
        let named: Vec<_> = work.repeats.iter().map(|pair| (pair.first.as_str(), pair.last.as_str())).collect();
        assert!(named.contains(&("a", "c")), "{named:?}");
    })
    .await;
}

#[tokio::test]
async fn a_new_job_whose_pictures_are_copies_of_known_ones_asks_for_their_pair_again() {
    on_every_queue(async |bed| {
        bed.add(&[with_priority("a", 1_000)]).await;
        assert_eq!(claim(bed).await.as_deref(), Some("a"));
        make(bed, "a", "ana", "coat", image(0, "a.png")).await;
        let mut load = begin_load(&*bed.queue, "copies.csv").await;
        load.add(vec![on_line(2, spec("b")), on_line(3, JobSpec { human: file("a-human"), ..spec("c") })])
            .await
            .expect("staged");
        assert_eq!(load.pairs_again(&ModelName::default(), 9).await.expect("an answer").jobs, 0);
        let unread = load.unread_pictures(0, 99).await.expect("a page");
        assert_eq!(unread.len(), 3, "the picture that the queue has is not read: {unread:?}");
        let sha256 = |source: &ImageSource| match source {
            source if *source == file("b-human").source => "ana",
            source if *source == file("b-cloth").source => "coat",
            _ => "hat",
        };
        load.know_equal(unread.iter().map(|(number, source)| (*number, content(sha256(source)))).collect())
            .await
            .expect("told");
        let again = load.pairs_again(&ModelName::default(), 9).await.expect("an answer");
        let named: Vec<_> = again.named.iter().map(|pair| (pair.id.as_str(), pair.earlier.as_str())).collect();
        assert_eq!((again.jobs, named), (1, vec![("b", "a")]));
    })
    .await;
}

#[tokio::test]
async fn the_same_image_of_copies_of_the_same_pictures_is_nothing_to_wonder_at() {
    on_every_queue(async |bed| {
        let picture = |name: &str| PublishedImage { fingerprint: Some(5), ..image(0, name) };
        for (id, cloth) in [("a", "coat"), ("b", "coat"), ("c", "hat")] {
            bed.add(&[with_priority(id, 1_000)]).await;
            let job = bed.claim(at(1)).await;
            assert_eq!(job.spec.id.as_str(), id);
            make(bed, id, "ana", cloth, picture(&format!("{id}.png"))).await;
            let flags = |id: &str| bed.job_row(id)["flags"].clone();
            let is_other = cloth == "hat";
            assert_eq!(flags("a") != "0", is_other, "{id}");
            assert_eq!(flags(id) != "0", is_other, "{id}");
        }
    })
    .await;
}
