//! Pictures by their content: kept with the attempt they were sent for, and the same wherever they lie.

use tryon::job::{Content, ExtraColumns, ImageRef, JobSeq, JobSpec, SentContents, StateName, Transition};
use tryon::queue::{self, KnownContent, LoadRow, MadeFrom, Note};

use super::bed::{Bed, at, begin_load, file, image, on_every_queue, on_line, rejected_row, spec, task, with_priority};

fn content(sha256: &str, modified: i64) -> Content {
    Content { sha256: sha256.to_owned(), bytes: 7, modified: Some(modified), etag: None }
}

fn sent(human: &str, cloth: &str) -> SentContents {
    SentContents { human: Some(content(human, 1)), cloth: Some(content(cloth, 2)), second: None }
}

/// Has a result made of pictures of these contents.
async fn made(bed: &Bed, spec: JobSpec, sent: Option<SentContents>) {
    let id = spec.id.to_string();
    bed.add(&[JobSpec { priority: 1_000, ..spec }]).await;
    finish(bed, &id, sent).await;
}

async fn finish(bed: &Bed, id: &str, sent: Option<SentContents>) {
    let job = bed.claim(at(1)).await;
    assert_eq!(job.spec.id.as_str(), id);
    let note = Note { sent: sent.map(Box::new), ..Note::default() };
    let accept = Transition::Accept { task_id: task(&format!("{} of {id}", job.attempt)) };
    bed.queue.record(job.seq, job.attempt, accept, note, at(2)).await.expect("accepted");
    bed.step(&job, Transition::TaskSucceed).await;
    let images = vec![image(0, &format!("{id}.png"))];
    bed.queue.publish(job.seq, job.attempt, images, at(3)).await.expect("published");
}

async fn known(bed: &Bed) -> Vec<KnownContent> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = bed.queue.known_contents(after, 2).await.expect("a page");
        let Some(last) = page.last() else { return all };
        after = last.picture;
        all.extend(page);
    }
}

/// What is known of a picture, in the order in which it was learnt.
async fn of_picture(bed: &Bed, image: &ImageRef) -> Vec<(String, Option<i64>)> {
    let of = |known: &KnownContent| (known.content.sha256.clone(), known.content.modified);
    known(bed).await.iter().filter(|known| known.source == image.source).map(of).collect()
}

async fn made_from(bed: &Bed) -> Vec<MadeFrom> {
    bed.queue.made_from(JobSeq(0), 100).await.expect("a page")
}

/// The sha256 of what a job's result was made of.
async fn hashes(bed: &Bed, id: &str) -> Vec<String> {
    let made = made_from(bed).await.into_iter().find(|made| made.id.as_str() == id).expect("a result");
    made.pictures.into_iter().map(|(_, sha256)| sha256).collect()
}

#[tokio::test]
async fn what_was_sent_is_kept_with_the_attempt_and_reported_and_a_shared_picture_once() {
    on_every_queue(async |bed| {
        let shared = |id: &str| JobSpec { human: file("ana"), ..spec(id) };
        made(bed, shared("a"), Some(sent("ana", "coat"))).await;
        made(bed, shared("b"), Some(sent("ana", "hat"))).await;
        made(bed, spec("unknown"), None).await;
        assert_eq!(of_picture(bed, &file("ana")).await, [("ana".to_owned(), Some(1))]);
        assert_eq!(hashes(bed, "b").await, ["ana", "hat"]);
        assert_eq!(hashes(bed, "unknown").await, [""; 0], "unknown is not nothing: it is left out");
        let row = bed.report().await.into_iter().find(|row| row.id == "b").expect("a row");
        assert_eq!((row.human_sha256.as_deref(), row.cloth_sha256.as_deref()), (Some("ana"), Some("hat")));
        let pages = bed.queue.made_from(JobSeq(0), 1).await.expect("a page");
        let next = bed.queue.made_from(pages[0].seq, 1).await.expect("a page");
        assert!(pages.len() == 1 && next.len() == 1 && next[0].seq > pages[0].seq);
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_was_changed_is_known_as_both_and_a_new_image_is_of_the_new_one() {
    on_every_queue(async |bed| {
        made(bed, spec("a"), Some(sent("ana", "coat"))).await;
        bed.queue.make_anew("a".to_owned(), at(4)).await.expect("put back");
        assert!(made_from(bed).await.iter().all(|made| made.id.as_str() != "a"));
        let retouched = SentContents { human: Some(content("ana 2", 9)), ..sent("", "coat") };
        finish(bed, "a", Some(retouched)).await;
        assert_eq!(hashes(bed, "a").await, ["ana 2", "coat"]);
        let both = [("ana".to_owned(), Some(1)), ("ana 2".to_owned(), Some(9))];
        assert_eq!(of_picture(bed, &file("a-human")).await, both);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_touched_is_noted_with_its_new_time() {
    on_every_queue(async |bed| {
        made(bed, spec("a"), Some(sent("ana", "coat"))).await;
        let number = known(bed).await.iter().find(|known| known.content.sha256 == "ana").expect("known").number;
        bed.queue.note_seen(vec![(number, Some(77))]).await.expect("noted");
        assert_eq!(of_picture(bed, &file("a-human")).await, [("ana".to_owned(), Some(77))]);
    })
    .await;
}

/// Loads one row, as whoever can read its pictures does.
async fn load(bed: &Bed, row: JobSpec, contents: &[(&ImageRef, &str)]) -> (queue::Enqueued, usize, usize) {
    load_rows(bed, vec![on_line(2, row)], contents).await
}

async fn load_rows(bed: &Bed, rows: Vec<LoadRow>, contents: &[(&ImageRef, &str)]) -> (queue::Enqueued, usize, usize) {
    let mut load = begin_load(&*bed.queue, "moved.csv").await;
    let wanted = load.pictures_to_read(&rows).await.expect("an answer");
    let read = contents.iter().map(|(image, sha256)| (image.source.clone(), content(sha256, 5)));
    load.know_contents(read.filter(|(source, _)| wanted.contains(source)).collect()).await.expect("told");
    let rejected = load.add(rows).await.expect("added");
    let tally = load.tally();
    load.keep(queue::Keeping::default(), at(9)).await.expect("kept");
    (tally, rejected.len(), wanted.len())
}

#[tokio::test]
async fn the_same_pictures_in_another_folder_are_the_same_job_and_cost_nothing() {
    on_every_queue(async |bed| {
        made(bed, spec("a"), Some(sent("ana", "coat"))).await;
        made(bed, spec("b"), Some(sent("tom", "hat"))).await;
        let elsewhere = |id: &str| JobSpec {
            human: file("new/ana"),
            cloth: file("new/coat"),
            extra: ExtraColumns::new(vec![("sku".to_owned(), "A".to_owned())]).expect("few"),
            ..with_priority(id, 1_000)
        };
        let (human, cloth) = (file("new/ana"), file("new/coat"));
        let (tally, rejected, read) = load(bed, elsewhere("a"), &[(&human, "ana"), (&cloth, "coat")]).await;
        assert_eq!((tally.updated, tally.rejected, rejected, read), (1, 0, 0, 2));
        let job = bed.job("a").await;
        assert_eq!((job.state.name(), job.attempt), (StateName::Succeeded, 1));
        assert_eq!((job.spec.human.source, job.spec.cloth.source), (human.source.clone(), cloth.source.clone()));
        assert_eq!(job.spec.extra.get("sku"), Some("A"));
        assert_eq!(of_picture(bed, &human).await, [("ana".to_owned(), Some(1))], "known where it is now");
        assert_eq!(hashes(bed, "a").await, ["ana", "coat"]);
        let (tally, rejected, read) = load(bed, elsewhere("a"), &[]).await;
        assert_eq!((tally.unchanged, rejected, read), (1, 0, 0), "said again, nothing has to be read");

        // Another content, or one that nobody could read, is another picture.
        let other = [(&human, "ana"), (&cloth, "another coat")];
        for contents in [&[][..], &other, &[(&human, "ana")]] {
            let (tally, rejected, _) = load(bed, elsewhere("b"), contents).await;
            assert_eq!((tally.updated, rejected), (0, 1), "{contents:?}");
        }
        assert_eq!(bed.job("b").await.spec.human, spec("b").human);
    })
    .await;
}

#[tokio::test]
async fn a_bad_row_is_reported_behind_the_job_before_it_also_where_that_ones_pictures_were_moved() {
    on_every_queue(async |bed| {
        made(bed, spec("a"), Some(sent("ana", "coat"))).await;
        bed.add(&[spec("b")]).await;
        let (human, cloth) = (file("new/ana"), file("new/coat"));
        let moved = JobSpec { human: human.clone(), cloth: cloth.clone(), ..with_priority("a", 1_000) };
        let bad = LoadRow::Rejected(rejected_row(3, "bad"));
        let rows = vec![on_line(2, moved), bad, on_line(4, spec("b")), on_line(5, spec("c"))];
        let (tally, ..) = load_rows(bed, rows, &[(&human, "ana"), (&cloth, "coat")]).await;
        assert_eq!((tally.updated, tally.unchanged, tally.added, tally.rejected), (1, 1, 1, 1));
        assert_eq!(bed.reported().await, ["a", "bad", "b", "c"]);
    })
    .await;
}

#[tokio::test]
async fn of_a_job_whose_content_nobody_knows_other_pictures_are_others() {
    on_every_queue(async |bed| {
        made(bed, spec("a"), None).await;
        let human = file("new/ana");
        let row = JobSpec { human: human.clone(), ..with_priority("a", 1_000) };
        let (tally, rejected, read) = load(bed, row, &[(&human, "ana")]).await;
        assert_eq!((tally.updated, rejected, read), (0, 1, 0));
    })
    .await;
}
