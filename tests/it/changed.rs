//! Of ten thousand pictures a hundred are replaced: exactly those are found, and nothing is spent.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use tryon::job::{
    Content, ExternalTaskId, ExtraColumns, ImageRef, ImageSource, JobId, JobSeq, JobSpec, Keep, ModelName,
    SentContents, StateName, TaskId, Transition,
};
use tryon::ops::contents::{Looked, find_changed};
use tryon::queue::{
    self, Claim, Claimant, Keeping, LoadRow, ManifestNames, Note, Opening, PublishedImage, Queue, RunId,
};
use tryon::store::InputFile;

const JOBS: u64 = 5_000;

/// How many jobs are at work at once; they share their flushes to disk.
const AT_ONCE: usize = 250;

/// The pictures of a job: nobody looks into them here.
fn pictures(folder: &Path, number: u64) -> [std::path::PathBuf; 2] {
    [folder.join(format!("human-{number}.png")), folder.join(format!("cloth-{number}.png"))]
}

fn row(folder: &Path, number: u64) -> LoadRow {
    let [human, cloth] =
        pictures(folder, number).map(|path| ImageRef { written: String::new(), source: ImageSource::File(path) });
    let spec = JobSpec {
        id: JobId::parse(&format!("job-{number}")).expect("an id"),
        human,
        cloth,
        cloth_type: None,
        second: None,
        model: None,
        keep: Keep::ALL,
        priority: 0,
        extra: ExtraColumns::default(),
    };
    LoadRow::Job { spec, line: number + 2 }
}

fn content(image: &ImageRef) -> Option<Content> {
    let ImageSource::File(path) = &image.source else { return None };
    InputFile::new(path).content().ok()
}

/// Has the next job made, as a run does.
async fn live(queue: &dyn Queue, run: RunId) {
    let (now, external_id) = (Timestamp::now(), ExternalTaskId::unique());
    let task_id = TaskId(external_id.0.clone());
    let Ok(Claim::Job(job)) = queue.claim(run, external_id, Claimant::default(), now).await else {
        panic!("no job");
    };
    let sent = SentContents { human: content(&job.spec.human), cloth: content(&job.spec.cloth), second: None };
    let note = Note { sent: Some(Box::new(sent)), ..Note::default() };
    let record = |transition, note| queue.record(job.seq, job.attempt, transition, note, now);
    record(Transition::Accept { task_id }, note).await.expect("accepted");
    record(Transition::TaskSucceed, Note::default()).await.expect("made");
    let path = format!("{}.png", job.spec.id);
    let image = PublishedImage { path, sha256: "ab".repeat(32), ..PublishedImage::default() };
    queue.publish(job.seq, job.attempt, vec![image], now).await.expect("published");
}

async fn catalogue(queue: &dyn Queue, folder: &Path) {
    let mut load = queue.begin_load().await.expect("a load");
    load.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
    load.add((0..JOBS).map(|number| row(folder, number)).collect()).await.expect("staged");
    load.keep(Keeping::default(), Timestamp::now()).await.expect("kept");
    let run = queue.begin_run(10, None, ModelName::default(), Timestamp::now()).await.expect("a run");
    for _ in 0..JOBS / AT_ONCE as u64 {
        futures_util::future::join_all((0..AT_ONCE).map(|_| live(queue, run))).await;
    }
}

fn set_time(path: &Path, seconds: u64) {
    let later = SystemTime::now() + Duration::from_secs(seconds);
    std::fs::File::options().append(true).open(path).and_then(|file| file.set_modified(later)).expect("a time");
}

#[tokio::test]
async fn of_ten_thousand_pictures_the_hundred_that_were_replaced_are_found_and_nothing_is_spent() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..JOBS {
        for path in pictures(folder.path(), number) {
            std::fs::write(&path, format!("{:>8}{}", number, path.display())).expect("a picture");
        }
    }
    let queue = queue::open(folder.path().join("queue.db"), Opening::OrMake).await.expect("a queue");
    catalogue(&*queue, folder.path()).await;
    let before = queue.counts().await.expect("counts");
    assert_eq!(before.of(StateName::Succeeded), JOBS);
    let look = async || find_changed(Looked::Queue(&*queue), None).await.expect("looked");
    assert_eq!(look().await, tryon::ops::contents::Changed::default(), "as they were");

    let mut expected = BTreeSet::new();
    for place in 0..100 {
        let number = place * 49 + 7;
        let [human, cloth] = pictures(folder.path(), number);
        // Of the same length, or of another; a person or a garment.
        let path = if place % 2 == 0 { human } else { cloth };
        let mut bytes = std::fs::read(&path).expect("read");
        if place % 4 < 2 {
            bytes[0] ^= 1;
        } else {
            bytes.push(b'!');
        }
        std::fs::write(&path, bytes).expect("replaced");
        set_time(&path, 5);
        expected.insert(format!("job-{number}"));
    }
    for number in 0..200 {
        let [human, _] = pictures(folder.path(), number * 20 + 1);
        set_time(&human, 9);
    }
    std::fs::remove_file(&pictures(folder.path(), 3)[0]).expect("removed");

    for _ in 0..2 {
        let found = look().await;
        assert_eq!((found.pictures, found.jobs.len(), found.named.len()), (100, 100, 3));
        let ids: BTreeSet<String> = ids_of(&*queue, &found.jobs).await;
        assert_eq!(ids, expected);
    }
    assert_eq!(queue.counts().await.expect("counts"), before, "nothing is spent, and nothing put back");

    let found = look().await;
    assert_eq!(queue.make_these_anew(found.jobs, Timestamp::now()).await.expect("put back"), 100);
    assert_eq!(look().await.jobs, [], "what waits has no result that could be out of date");
}

async fn ids_of(queue: &dyn Queue, jobs: &[JobSeq]) -> BTreeSet<String> {
    let (mut ids, mut after) = (BTreeSet::new(), JobSeq(0));
    loop {
        let page = queue.made_from(after, 1_000).await.expect("a page");
        let Some(last) = page.last() else { return ids };
        after = last.seq;
        ids.extend(page.iter().filter(|made| jobs.contains(&made.seq)).map(|made| made.id.to_string()));
    }
}
