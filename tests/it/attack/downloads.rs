//! Results that do not come, or come broken. Nothing broken ever is under a final name, and nothing is paid again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tryon::engine::RunEnd;

use crate::support::in_process::run_here;
use crate::support::provider::{Answer, DownloadSeen, OnDownload, OnQuery, Provider, Script, picture_of};
use crate::support::workshop::{Workshop, read_if_there};

/// Looks at final names all the time, and remembers the first one that held anything but its job's whole picture.
struct Watch {
    ends: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Option<PathBuf>>,
}

impl Watch {
    fn over(shop: &Workshop) -> Self {
        let files: Vec<(PathBuf, Vec<u8>)> = shop.jobs.iter().map(|job| (shop.picture(job), picture_of(job))).collect();
        let ends = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let broken =
                    files.iter().find(|(path, whole)| read_if_there(path).is_some_and(|found| found != *whole));
                if let Some((path, _)) = broken {
                    return Some(path.clone());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            None
        });
        Self { ends, thread }
    }

    fn assert_saw_nothing_broken(self) {
        self.ends.store(true, Ordering::Relaxed);
        let broken = self.thread.join().expect("the watch");
        assert_eq!(broken, None, "a broken file stood under its final name");
    }
}

/// Every way in which the first download of a job can go wrong, by its number.
fn first_goes_wrong(seen: &DownloadSeen) -> OnDownload {
    let is_dead_link = matches!(seen.job.as_str(), "job-007" | "job-008") && seen.link == 1;
    if seen.nth_of_job > 1 && !is_dead_link {
        return OnDownload::Truth;
    }
    let whole = picture_of(&seen.job);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let mut short = whole.clone();
    short.truncate(whole.len() - 5);
    match seen.job.as_str() {
        "job-001" => OnDownload::Answer(Answer::picture(whole).cut()),
        "job-002" => OnDownload::Answer(Answer::picture(Vec::new())),
        "job-003" => OnDownload::Answer(Answer::html(200, "sign in to the hotel's network")),
        "job-004" => OnDownload::Answer(Answer::picture(flipped)),
        "job-005" => OnDownload::Answer(Answer::picture(short)),
        "job-006" => OnDownload::Loop,
        "job-007" => OnDownload::Answer(Answer::html(403, "Request has expired")),
        "job-008" => OnDownload::Answer(Answer::html(404, "NoSuchKey")),
        "job-009" => OnDownload::Answer(Answer::html(503, "SlowDown")),
        "job-010" => OnDownload::Reset,
        _ => OnDownload::Truth,
    }
}

#[test]
fn a_download_that_goes_wrong_in_any_way_is_done_again_and_nothing_broken_is_ever_seen() {
    let provider = Provider::start(Script { on_download: Box::new(first_goes_wrong), ..Script::default() });
    let shop = Workshop::new(12);
    let watch = Watch::over(&shop);
    shop.run(&provider, &[]).assert_code(0);
    watch.assert_saw_nothing_broken();
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert_eq!(books.creates().len(), 12);
    assert!(shop.rows().iter().all(|row| row.attempts == 1));
    assert!(books.task_of("job-007").links >= 2, "a dead link is replaced by a fresh one");
    assert!(books.task_of("job-008").links >= 2, "a dead link is replaced by a fresh one");
}

#[test]
fn a_download_that_never_works_fails_its_own_job_only_and_a_retry_pays_nothing() {
    let provider = Provider::start(Script {
        on_download: Box::new(|seen| match seen.job.as_str() {
            "job-001" => OnDownload::Answer(Answer::picture(picture_of(&seen.job)).cut()),
            "job-002" => OnDownload::Loop,
            "job-003" => OnDownload::Answer(Answer::html(400, "bad request")),
            "job-004" => OnDownload::Answer(Answer::html(404, "NoSuchKey")),
            "job-005" => OnDownload::Flood(60_000_000),
            _ => OnDownload::Truth,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(6);
    let watch = Watch::over(&shop);
    shop.run(&provider, &["--max-attempts", "3"]).assert_code(1);
    watch.assert_saw_nothing_broken();
    for job in &shop.jobs[..5] {
        let row = shop.row(job);
        assert_eq!((row.state.as_str(), row.error_code.as_deref()), ("failed", Some("download")), "{row:?}");
        assert!(!shop.picture(job).exists());
    }
    assert_eq!(shop.row("job-006").state, "succeeded");
    provider.change(|script| script.on_download = Box::new(|_| OnDownload::Truth));
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 6, "a retried download pays nothing");
}

#[test]
fn a_last_download_that_never_works_does_not_keep_the_run_alive() {
    let provider = Provider::start(Script {
        on_download: Box::new(|seen| OnDownload::Answer(Answer::picture(picture_of(&seen.job)).cut())),
        ..Script::default()
    });
    let shop = Workshop::new(1);
    shop.run(&provider, &["--max-attempts", "4"]).assert_code(1);
    assert_eq!(provider.books().downloads().len(), 4);
    assert_eq!(shop.row("job-001").error_code.as_deref(), Some("download"));
}

#[test]
fn a_host_that_is_out_for_a_while_is_waited_for_with_few_open_files() {
    let is_out = Arc::new(AtomicBool::new(true));
    let out = Arc::clone(&is_out);
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(20),
        on_download: Box::new(move |_| match out.load(Ordering::Relaxed) {
            true => OnDownload::Answer(Answer::html(503, "SlowDown")),
            false => OnDownload::Truth,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(120);
    let mut command = std::process::Command::new("sh");
    let program = shop.command(&provider, &["run", "jobs.csv", "--max-attempts", "2"]);
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(program.get_current_dir().expect("a folder"));
    command.arg("-c").arg("ulimit -n 90 && exec \"$0\" \"$@\"").arg(program.get_program()).args(program.get_args());
    let run = shop.begin(command);
    provider.wait_until("every task created", |books| books.tasks.len() == 120);
    std::thread::sleep(Duration::from_millis(1_500));
    let downloads = provider.books().downloads().len();
    assert!(downloads < 40, "{downloads} downloads were tried at a host that is out");
    is_out.store(false, Ordering::Relaxed);
    run.end().assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 120);
}

#[test]
fn an_image_that_is_lost_at_the_provider_is_made_anew_only_on_a_persons_word() {
    let provider = Provider::start(Script {
        on_download: Box::new(|_| OnDownload::Answer(Answer::html(404, "expired"))),
        ..Script::default()
    });
    let shop = Workshop::new(1);
    shop.run(&provider, &["--max-attempts", "1"]).assert_code(1);
    provider.change(|script| script.on_download = Box::new(|_| OnDownload::Truth));
    provider.change(|script| {
        script.on_query = Box::new(|_| OnQuery::Unknown);
    });
    let said = shop.call(&provider, &["retry", "job-001"]).assert_code(0).said.clone();
    assert!(said.contains("downloaded again, nothing is paid"), "{said}");
    let end = run_here(&shop, &provider, |settings| settings.doubt_interval = Duration::from_millis(100));
    assert_eq!(end, RunEnd::Done);
    let row = shop.row("job-001");
    assert_eq!((row.state.as_str(), row.error_code.as_deref()), ("failed", Some("download")));
    let said = shop.call(&provider, &["retry", "--again", "job-001"]).assert_code(0).said.clone();
    assert!(said.contains("paid for again"), "{said}");
    provider.change(|script| script.on_query = Box::new(|_| OnQuery::Truth));
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_published();
    assert_eq!((shop.row("job-001").attempts, provider.books().creates().len()), (2, 2));
}
