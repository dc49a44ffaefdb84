//! A folder with pictures, a queue that has seen everything, and the page that the program writes of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use tryon::job::{
    AccountName, ExternalTaskId, ExtraColumns, Failure, FailureKind, Flag, Flags, Garment, ImageRef, ImageSource,
    JobId, JobSpec, ModelName, SecondGarment, TaskId, Transition, Verdict,
};
use tryon::queue::{
    self, AccountStanding, AccountTally, ActiveJob, Beat, Claim, Claimant, Keeping, LoadRow, ManifestNames, Note,
    Opening, ProviderKind, PublishedImage, Queue, RunId, SlotUse,
};

/// What becomes of a job.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// Its picture is made; the number is mixed into its checksum.
    Succeeds(u32),
    /// Its picture is made, and these flags are on it.
    Flagged(&'static [Flag]),
    Fails(FailureKind, Option<i64>, String),
    InDoubt,
    Waits,
}

/// A job of a shop.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// A file name in the shop's folder, or an address.
    pub(crate) human: String,
    pub(crate) cloth: String,
    /// Worn with the first.
    pub(crate) second_cloth: Option<String>,
    /// Manifest columns that are not read.
    pub(crate) columns: Vec<(&'static str, &'static str)>,
    /// The account that works on it, where accounts have names.
    pub(crate) account: Option<&'static str>,
    pub(crate) fate: Fate,
}

impl Row {
    pub(crate) fn new(id: &str, fate: Fate) -> Self {
        Self {
            id: id.to_owned(),
            human: "people/ana.png".to_owned(),
            cloth: "garments/shirt.png".to_owned(),
            second_cloth: None,
            columns: Vec::new(),
            account: None,
            fate,
        }
    }
}

pub(crate) struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    /// A shop whose queue holds these jobs, and whose pictures are on disk.
    pub(crate) fn with(rows: &[Row]) -> Self {
        let shop = Self::empty();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(shop.fill(rows));
        shop
    }

    /// A shop that has no queue yet.
    pub(crate) fn empty() -> Self {
        let shop = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(shop.results()).expect("a folder");
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn results(&self) -> PathBuf {
        self.path("results")
    }

    /// The program's command in the shop's folder, about its queue.
    pub(crate) fn tryon(&self, arguments: &[&str]) -> String {
        let (code, said) = self.try_tryon(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        said
    }

    /// The same, however it ends: its exit code, and what it says.
    pub(crate) fn try_tryon(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.current_dir(self.folder.path()).env_clear().env("TZ", "UTC").args(arguments).args(["-o", "results"]);
        let output = command.output().expect("the program runs");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
        (output.status.code(), said)
    }

    /// Has the page written, beside the pictures.
    pub(crate) fn page(&self) -> PathBuf {
        self.tryon(&["report", "--format", "html", "--output", "results/index.html"]);
        self.results().join("index.html")
    }

    /// A job as the queue has it.
    pub(crate) fn job(&self, id: &str) -> tryon::queue::JobRecord {
        self.with_queue(async |queue| queue.job(id).await.expect("the job"))
    }

    /// What was said of a job's images, the first first; `None` took something back.
    pub(crate) fn verdicts(&self, id: &str) -> Vec<Option<Verdict>> {
        self.with_queue(async |queue| {
            let job = queue.job(id).await.expect("the job");
            let given = queue.verdicts(job.seq).await.expect("verdicts");
            given.into_iter().map(|given| given.verdict).collect()
        })
    }

    /// The image of the job that waits is made, by a run of another process.
    pub(crate) fn make_one(&self) {
        self.make_next(10_001);
    }

    fn make_next(&self, number: usize) {
        self.with_queue(async |queue| {
            let run = queue.begin_run(10, None, ModelName::default(), at(0)).await.expect("a run");
            let job = claim(&*queue, run, number, None).await;
            let row = Row::new(job.spec.id.as_str(), Fate::Succeeds(2));
            self.see_through(&*queue, &row, &job).await;
        });
    }

    /// A job's image is made again, by a run of another process.
    pub(crate) fn make_again(&self, id: &str) {
        self.with_queue(async |queue| queue.make_anew(id.to_owned(), at(5_000)).await.expect("put back"));
        self.make_next(10_002);
    }

    fn with_queue<T>(&self, work: impl AsyncFnOnce(std::sync::Arc<dyn Queue>) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            work(queue::open(&self.results().join("queue.db"), Opening::Existing).await.expect("a queue")).await
        })
    }

    async fn fill(&self, rows: &[Row]) {
        let queue = queue::open(&self.results().join("queue.db"), Opening::OrMake).await.expect("a queue");
        let mut load = queue.begin_load().await.expect("a load");
        load.begin_manifest(ManifestNames::only("shop.csv")).await.expect("begun");
        let specs = (2..).zip(rows).map(|(line, row)| LoadRow::Job { spec: self.spec(row), line });
        load.add(specs.collect()).await.expect("rows");
        load.keep(Keeping::default(), at(0)).await.expect("kept");
        queue.bind(ProviderKind::Sandbox).await.expect("bound");
        let run = queue.begin_run(10, None, ModelName::default(), at(0)).await.expect("a run");
        let mut jobs = Vec::new();
        if rows.iter().any(|row| row.account.is_some()) {
            for (number, row) in rows.iter().enumerate() {
                jobs.push(claim(&*queue, run, number, row.account).await);
            }
        } else {
            // Many at a time, so that they share their flushes to disk.
            jobs = join_all((0..rows.len()).map(|number| claim(&*queue, run, number, None))).await;
            jobs.sort_by_key(|job| job.seq);
        }
        join_all(rows.iter().zip(&jobs).map(|(row, job)| self.see_through(&*queue, row, job))).await;
        let slots = SlotUse { limit: 10, time: (Duration::from_secs(97), Duration::from_secs(100)) };
        let beat = Beat { succeeded: 1, slots, ended: true, accounts: accounts_of(rows), ..Beat::default() };
        queue.beat(run, beat, at(3_600)).await.expect("ended");
    }

    fn spec(&self, row: &Row) -> JobSpec {
        JobSpec {
            id: JobId::parse(&row.id).expect("an id"),
            human: self.image(&row.human),
            cloth: self.image(&row.cloth),
            cloth_type: row.second_cloth.is_some().then_some(Garment::Upper),
            second: row
                .second_cloth
                .as_ref()
                .map(|written| SecondGarment { image: self.image(written), garment: Garment::Lower }),
            model: row.second_cloth.is_some().then(|| ModelName::parse("kolors-virtual-try-on-v1-5").expect("a model")),
            keep: tryon::job::Keep::ALL,
            priority: 0,
            extra: ExtraColumns::new(
                row.columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            )
            .expect("short"),
        }
    }

    /// A picture that a row names; drawn where it is a file that is not there yet.
    fn image(&self, written: &str) -> ImageRef {
        let source = if tryon::job::is_http_url(written) {
            ImageSource::Url(written.to_owned())
        } else {
            let path = self.path(written);
            draw(&path, written);
            ImageSource::File(path.canonicalize().expect("it is there"))
        };
        ImageRef { written: written.to_owned(), source }
    }

    async fn see_through(&self, queue: &dyn Queue, row: &Row, job: &ActiveJob) {
        let seq = job.seq.0;
        let record = async |transition: Transition, note: Note, later: i64| {
            queue.record(job.seq, job.attempt, transition, note, at(seq * 3 + later)).await.expect("it is allowed");
        };
        let accept = Transition::Accept { task_id: TaskId(format!("task-{seq}")) };
        match &row.fate {
            Fate::Waits => record(Transition::Release { retry_at: None }, Note::default(), 1).await,
            Fate::InDoubt => record(Transition::LoseAnswer, Note::of("the answer was cut off"), 1).await,
            Fate::Fails(kind, code, message) => {
                record(accept, Note::default(), 1).await;
                let failure = Failure::with_code(*kind, *code, message);
                record(Transition::TaskFail { failure: failure.clone() }, Note::of(failure.message), 20).await;
            }
            Fate::Succeeds(_) | Fate::Flagged(_) => {
                let (number, flags) = match &row.fate {
                    Fate::Flagged(flags) => (0, flags.iter().copied().collect()),
                    Fate::Succeeds(number) => (*number, Flags::NONE),
                    _ => (0, Flags::NONE),
                };
                record(accept, Note::default(), 1).await;
                record(Transition::TaskSucceed, Note { units: Some(1.0), ..Note::default() }, 30).await;
                let path = format!("{}.png", row.id);
                draw(&self.results().join(&path), &row.id);
                let sha256 = format!("{number:08x}{seq:056x}");
                let image = PublishedImage {
                    path,
                    width: 60,
                    height: 80,
                    bytes: 1_234,
                    sha256,
                    flags,
                    ..PublishedImage::default()
                };
                queue.publish(job.seq, job.attempt, vec![image], at(seq * 3 + 31)).await.expect("published");
            }
        }
    }
}

/// The accounts of a run that has worked on these rows.
fn accounts_of(rows: &[Row]) -> Vec<AccountStanding> {
    let mut names: Vec<&str> = rows.iter().filter_map(|row| row.account).collect();
    names.sort_unstable();
    names.dedup();
    let standing = |name: &str| AccountStanding {
        name: AccountName::parse(name).expect("a name"),
        slots: 5,
        in_flight: 0,
        done: AccountTally::default(),
        trouble: None,
        has_ended: true,
    };
    names.into_iter().map(standing).collect()
}

async fn claim(queue: &dyn Queue, run: RunId, number: usize, account: Option<&str>) -> Box<ActiveJob> {
    let external_id = ExternalTaskId(format!("external-{number}"));
    let account = account.map(|name| AccountName::parse(name).expect("a name"));
    let endpoint = account.as_ref().map(|name| format!("https://{name}.test"));
    let claimant = Claimant { account, endpoint, ..Claimant::default() };
    match queue.claim(run, external_id, claimant, at(1)).await {
        Ok(Claim::Job(job)) => job,
        other => panic!("no job to claim: {other:?}"),
    }
}

/// This many seconds into the run.
fn at(seconds: i64) -> Timestamp {
    "2026-11-03T18:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
}

/// A small picture in a colour that its name decides.
fn draw(path: &Path, name: &str) {
    if path.exists() {
        return;
    }
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let hash = name.bytes().fold(17_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let [red, green, blue, _] = hash.to_le_bytes();
    image::RgbImage::from_pixel(60, 80, image::Rgb([red, green, blue])).save(path).expect("a picture");
}
