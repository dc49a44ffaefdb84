//! A folder with a manifest, and the program run in it: to its end, to a kill, or to a signal.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tempfile::TempDir;

use super::provider::{KEY, Provider, picture_of};

/// No run of a test takes longer than this.
pub(crate) const LONGEST_RUN: Duration = Duration::from_secs(90);

/// A manifest of small jobs, and the output folder beside it. The person of each job is a URL that names the job (the
/// provider under test never fetches it), the garment a small file that all share.
pub(crate) struct Workshop {
    folder: TempDir,
    pub(crate) jobs: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
    /// Standard output and standard error.
    pub(crate) said: String,
}

/// A run that is going on. Killed when dropped.
pub(crate) struct Going {
    child: Child,
    began: Instant,
    log: PathBuf,
}

/// A job as the queue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) attempts: u32,
    pub(crate) error_code: Option<String>,
    pub(crate) output: Option<String>,
}

impl Workshop {
    /// A manifest of `count` jobs, `job-001` and so on.
    pub(crate) fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cloth = image::DynamicImage::new_rgb8(300, 300);
        cloth.save(folder.path().join("cloth.jpg")).expect("a garment");
        let jobs: Vec<String> = (1..=count).map(|number| format!("job-{number:03}")).collect();
        let mut manifest = "id,human_image,cloth_image\n".to_owned();
        for job in &jobs {
            manifest.push_str(&format!("{job},http://pictures.test/{job}.jpg,cloth.jpg\n"));
        }
        std::fs::write(folder.path().join("jobs.csv"), manifest).expect("a manifest");
        Self { folder, jobs }
    }

    /// A file beside the manifest.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn picture(&self, job: &str) -> PathBuf {
        self.out().join(format!("{job}.png"))
    }

    /// The program, in this folder, quick, with the provider's key. `arguments` go over the defaults set here.
    pub(crate) fn command(&self, provider: &Provider, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.current_dir(self.folder.path()).env_clear().args(arguments);
        let defaults = [
            ("TRYON_API_KEY", KEY),
            ("TRYON_BASE_URL", &provider.url()),
            ("TRYON_OUT", "out"),
            ("TRYON_CONCURRENCY", "10"),
            ("TRYON_RATE", "500"),
            ("TRYON_POLL_RATE", "500"),
            ("TRYON_POLL_INTERVAL", "50ms"),
            // A day at this provider is short.
            ("TRYON_DOUBT_AGE", "1s"),
        ];
        for (name, value) in defaults {
            command.env(name, value);
        }
        command
    }

    /// `tryon run jobs.csv` with more arguments, to its end.
    pub(crate) fn run(&self, provider: &Provider, more: &[&str]) -> Ended {
        self.start(provider, more).end()
    }

    /// The same, begun.
    pub(crate) fn start(&self, provider: &Provider, more: &[&str]) -> Going {
        let arguments: Vec<&str> = ["run", "jobs.csv"].iter().chain(more).copied().collect();
        self.begin(self.command(provider, &arguments))
    }

    /// Another command, to its end.
    pub(crate) fn call(&self, provider: &Provider, arguments: &[&str]) -> Ended {
        self.begin(self.command(provider, arguments)).end()
    }

    pub(crate) fn begin(&self, mut command: Command) -> Going {
        let log = tempfile::Builder::new().suffix(".log").tempfile_in(self.folder.path()).expect("a log");
        let (log, path) = log.keep().expect("a log that stays");
        let child = command
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        Going { child, began: Instant::now(), log: path }
    }

    /// All jobs, in the order of the manifest.
    pub(crate) fn rows(&self) -> Vec<JobRow> {
        // A run that was killed at its very beginning has not made the file, or not yet what is in it.
        if !self.out().join("queue.db").exists() {
            return Vec::new();
        }
        let db = self.queue();
        let tables: u64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("a count");
        if tables == 0 {
            return Vec::new();
        }
        let mut statement = db
            .prepare(
                "SELECT j.id, j.state, j.attempt, j.error_code, i.path FROM jobs j
                   LEFT JOIN images i ON i.job = j.seq AND i.image = 0 ORDER BY j.seq",
            )
            .expect("the queue's schema");
        let rows = statement.query_map([], |row| {
            Ok(JobRow {
                id: row.get(0)?,
                state: row.get(1)?,
                attempts: row.get(2)?,
                error_code: row.get(3)?,
                output: row.get(4)?,
            })
        });
        rows.expect("its rows").map(|row| row.expect("a row")).collect()
    }

    fn queue(&self) -> Connection {
        let path = self.out().join("queue.db");
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the queue");
        db.busy_timeout(Duration::from_secs(5)).expect("a timeout");
        db
    }

    /// Makes every submission older by some time.
    pub(crate) fn age_submissions(&self, by: Duration) {
        let db = Connection::open(self.out().join("queue.db")).expect("the queue");
        let by = i64::try_from(by.as_millis()).expect("a time");
        db.execute("UPDATE attempts SET claimed_at = claimed_at - ?1", [by]).expect("changed");
    }

    /// What the queue remembers of whether the provider knows external ids.
    pub(crate) fn external_ids(&self) -> Option<bool> {
        self.queue().query_row("SELECT external_ids FROM doors", [], |row| row.get(0)).expect("a provider")
    }

    /// The number of slots that a run has found and remembered.
    pub(crate) fn slots_found(&self) -> Option<u32> {
        let found = self.queue().query_row("SELECT slots FROM doors", [], |row| row.get(0));
        found.optional().expect("the queue's schema").flatten()
    }

    pub(crate) fn row(&self, job: &str) -> JobRow {
        self.rows().into_iter().find(|row| row.id == job).expect("the job is in the queue")
    }

    /// Every task that is charged for is one that its job has, or that its job is visibly in doubt about; no job has two.
    /// Judged by the provider's books and by what `list --json` prints.
    pub(crate) fn assert_nothing_lost_from_sight(&self, provider: &Provider) {
        self.assert_no_double_charge(provider);
        let listed = self.call(provider, &["list", "--json"]);
        listed.assert_code(0);
        let jobs: Vec<serde_json::Value> =
            listed.said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(jobs.len(), self.jobs.len(), "{}", listed.said);
        for task in provider.books().tasks.iter().filter(|task| task.is_charged()) {
            let job = jobs.iter().find(|job| job["id"] == task.job.as_str()).expect("the job of a task");
            let is_in_sight = match job["state"].as_str() {
                Some("in_doubt") => true,
                Some("succeeded") => job["task_id"] == task.id.as_str(),
                _ => false,
            };
            assert!(is_in_sight, "{} is charged for, and its job is {job}\n{}", task.id, provider.books().story());
        }
    }

    /// How many jobs are in each state, for messages.
    pub(crate) fn standing(&self) -> String {
        let mut counts = std::collections::BTreeMap::<(String, u32), usize>::new();
        for row in self.rows() {
            *counts.entry((row.state, row.attempts)).or_default() += 1;
        }
        counts.iter().map(|((state, attempts), count)| format!("{count} {state} in attempt {attempts}; ")).collect()
    }

    /// How many jobs are in a state.
    pub(crate) fn count(&self, state: &str) -> usize {
        self.rows().iter().filter(|row| row.state == state).count()
    }

    /// Every job succeeded with exactly one task that is charged, and its own whole picture under its name.
    pub(crate) fn assert_all_done(&self, provider: &Provider) {
        let books = provider.books();
        assert!(!books.requests.is_empty(), "the provider was never called");
        let rows = self.rows();
        assert_eq!(rows.len(), self.jobs.len());
        for row in &rows {
            assert_eq!(row.state, "succeeded", "{row:?}\n{}", books.story());
        }
        self.assert_published();
        self.assert_no_double_charge(provider);
        assert_eq!(books.charges().len(), self.jobs.len(), "a job without a task");
        let left = files_below(&self.out()).into_iter().filter(|file| file.extension() == Some(OsStr::new("part")));
        assert_eq!(left.count(), 0, "files left behind");
    }

    /// No job is charged for twice.
    pub(crate) fn assert_no_double_charge(&self, provider: &Provider) {
        let books = provider.books();
        let twice: Vec<_> = books.charges().into_iter().filter(|(_, tasks)| *tasks > 1).collect();
        assert!(twice.is_empty(), "charged more than once: {twice:?}");
    }

    /// What is under a job's final name is its own whole picture, and every success has one.
    pub(crate) fn assert_published(&self) {
        for row in self.rows() {
            let path = self.picture(&row.id);
            if row.state == "succeeded" {
                assert_eq!(row.output, Some(format!("{}.png", row.id)));
                assert!(path.exists(), "{} succeeded and has no picture", row.id);
            }
            if let Ok(found) = std::fs::read(&path) {
                assert_eq!(found, picture_of(&row.id), "{} is not the picture of its job", path.display());
            }
        }
    }

    /// Everything that the program wrote, its logs included.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_below(self.folder.path())
    }
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

impl Going {
    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// The most memory that it has had so far, in bytes; `None` where the system does not tell.
    pub(crate) fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        while self.is_alive() {
            if self.began.elapsed() > LONGEST_RUN {
                let _ = self.child.kill();
                panic!("the run does not end; it said:\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().expect("its status");
        Ended { status, took: self.began.elapsed(), said: self.said() }
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        if self.is_alive() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// The run ended with this code.
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        self
    }
}

/// The head of a file, for tests that watch files appear.
pub(crate) fn read_if_there(path: &Path) -> Option<Vec<u8>> {
    File::open(path).ok()?;
    std::fs::read(path).ok()
}
