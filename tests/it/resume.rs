//! The program is killed as a power cut would, in every state and at any moment; the same command then goes on, and
//! nothing is paid for twice.

use std::time::Duration;

use crate::support::power_cuts::{bad_day, forgiving, kill_at_random, whims};
use crate::support::provider::{
    Answer, Dice, ExternalIds, Fate, Loss, OnCreate, OnDownload, OnQuery, Provider, Script, Shape,
};
use crate::support::workshop::Workshop;

#[test]
fn a_run_killed_while_answers_are_on_their_way_finds_its_tasks_again() {
    let provider = Provider::start(Script { on_create: Box::new(|_| OnCreate::Hold), ..forgiving() });
    let shop = Workshop::new(4);
    let run = shop.start(&provider, &[]);
    provider.wait_until("four answers held back", |books| books.held == 4);
    run.kill();
    assert_eq!(shop.count("submitting"), 4);
    provider.change(|script| script.on_create = Box::new(|_| OnCreate::Take));
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 4);
}

#[test]
fn a_run_killed_while_in_doubt_finds_its_tasks_again() {
    let provider = Provider::start(Script {
        on_create: Box::new(|_| OnCreate::Lose(Loss::Closed)),
        on_query: Box::new(|_| OnQuery::Answer(Answer::maintenance())),
        ..forgiving()
    });
    let shop = Workshop::new(3);
    let run = shop.start(&provider, &[]);
    provider.wait_until("questions about the lost submissions", |books| books.queries().len() >= 3);
    run.kill();
    assert!(shop.count("in_doubt") >= 2, "{}", shop.standing());
    provider.change(|script| {
        script.on_create = Box::new(|_| OnCreate::Take);
        script.on_query = Box::new(|_| OnQuery::Truth);
    });
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 3);
}

#[test]
fn a_run_killed_while_tasks_are_at_work_collects_them() {
    let provider = Provider::start(Script { task_time: Duration::from_millis(800), ..forgiving() });
    let shop = Workshop::new(5);
    let run = shop.start(&provider, &[]);
    provider.wait_until("a question about each of five tasks", |books| {
        books.tasks.len() == 5 && books.tasks.iter().all(|task| task.queries > 0)
    });
    run.kill();
    assert_eq!(shop.count("running"), 5);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 5);
}

#[test]
fn a_run_killed_while_downloading_downloads_again_and_pays_nothing() {
    let half_a_picture = |job: &str| Answer::picture(crate::support::provider::picture_of(job)).cut();
    let provider = Provider::start(Script {
        on_download: Box::new(move |seen| OnDownload::Answer(half_a_picture(&seen.job))),
        ..forgiving()
    });
    let shop = Workshop::new(4);
    let run = shop.start(&provider, &[]);
    provider.wait_until("downloads that do not work", |books| books.downloads().len() >= 4);
    run.kill();
    assert!(shop.count("downloading") >= 3, "{}", shop.standing());
    shop.assert_published();
    provider.change(|script| script.on_download = Box::new(|_| OnDownload::Truth));
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 4);
}

/// How often the tests below kill. The long form is `tests/power_cuts.rs`.
const KILLS: usize = 25;

#[test]
fn a_run_killed_again_and_again_pays_for_every_job_once() {
    let provider = Provider::start(bad_day(7, Shape::Native));
    let shop = Workshop::new(KILLS * 6);
    let killed = kill_at_random(&shop, &provider, &mut Dice::new(8), KILLS);
    assert!(killed > KILLS / 2, "only {killed} of {KILLS} runs were killed at work; this proves too little");
    // The weather clears, so that the end comes within the time of a test.
    provider.change(|script| {
        script.resets = Box::new(|_| false);
        script.on_create = Box::new(|_| OnCreate::Take);
    });
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn where_external_ids_are_not_known_a_killed_run_leaves_doubt_and_no_double_charge() {
    let mut whim = whims(Dice::new(17));
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(200),
        external_ids: ExternalIds::Ignored,
        on_create: Box::new(move |_| whim()),
        ..forgiving()
    });
    let shop = Workshop::new(KILLS * 4);
    kill_at_random(&shop, &provider, &mut Dice::new(18), KILLS / 2);
    let end = shop.run(&provider, &[]);
    let in_doubt = shop.count("in_doubt");
    end.assert_code(i32::from(in_doubt > 0));
    assert_eq!(in_doubt + shop.count("succeeded"), shop.jobs.len(), "{}", shop.standing());
    assert!(in_doubt > 0, "nothing was ever in doubt; this proves too little");
    shop.assert_no_double_charge(&provider);
    shop.assert_published();
    let before = provider.books().creates().len();
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!(provider.books().creates().len(), before, "time alone never submits again");
}

#[test]
fn a_task_that_outlasts_the_timeout_is_left_running_and_collected_by_the_next_run() {
    let mut fates = [Fate::Succeed, Fate::Succeed].into_iter();
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(1_500),
        fate: Box::new(move |_, _| fates.next().unwrap_or(Fate::Succeed)),
        ..forgiving()
    });
    let shop = Workshop::new(2);
    let end = shop.run(&provider, &["--task-timeout", "400ms"]);
    end.assert_code(1);
    assert_eq!(shop.count("running"), 2);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 2);
}
