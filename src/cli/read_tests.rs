//! What the reading commands print about a queue with a job in every state.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Parser;
use insta::assert_snapshot;
use jiff::tz::TimeZone;

use super::list::{ListArgs, list, list_at};
use super::place::Place;
use super::report::{Format, ReportArgs, report};
use super::show::{ShowArgs, show_at};
use super::status::{self, Status, StatusArgs};
use crate::job::StateName;
use crate::queue::{self, Opening, ProviderKind, QueueReads};
use crate::report::stocked::{Stocked, after, every_state, queue_with, wait};

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(1))
}

/// A place whose name is the same on every machine.
fn place() -> Place {
    Place::new(Some(PathBuf::from("results")), None)
}

fn printed(print: impl AsyncFnOnce(&mut dyn Write) -> anyhow::Result<()>) -> String {
    let mut text = Vec::new();
    wait(print(&mut text)).expect("it prints");
    String::from_utf8(text).expect("text")
}

fn stocked() -> Stocked {
    every_state(ProviderKind::Dmxapi)
}

fn status_text(queue: &dyn QueueReads, json: bool, is_at_work: bool) -> String {
    let status = wait(Status::read(queue, &place())).expect("readable").seen_while(is_at_work);
    printed(async |out| {
        status::print(&StatusArgs { json, watch: false }, &status, &place(), out, None, after(125), &zone())
    })
}

#[test]
fn status_says_how_far_a_run_is_and_what_it_waits_for() {
    assert_snapshot!(status_text(&*stocked().queue, false, true), @"
        11 jobs in results/queue.db

          pending       2
          submitting    1
          in doubt      1   sent, but the answer was lost
          running       1
          downloading   1
          succeeded     1
          failed        3   1 of them rows of the manifest that could not be used
          cancelled     1
          units         2

        A run is at work since 14:00:00 with 10 slots: 1 image, 0.5 images/min, slots 97 % busy.
        Paused until 15:14, because the provider does not answer.

          what failed       tryon list --state failed -o results
          what is in doubt  tryon list --state in_doubt -o results
        ");
}

#[test]
fn status_says_when_a_run_has_broken_off_and_how_to_go_on() {
    assert_snapshot!(status_text(&*every_state(ProviderKind::Sandbox).queue, false, false), @"
        11 jobs in results/queue.db

          pending       2
          submitting    1
          in doubt      1   sent, but the answer was lost
          running       1
          downloading   1
          succeeded     1
          failed        3   1 of them rows of the manifest that could not be used
          cancelled     1
          units         2

        No run is at work; the last one broke off at about 2026-11-03 14:02:00 +01:00 after 2 min: 1 image, 0.5 images/min, slots 97 % busy.

          to go on          tryon run --sandbox -o results
          what failed       tryon list --state failed -o results
          what is in doubt  tryon list --state in_doubt -o results

        SANDBOX: these pictures are composites of the stand-in, not try-ons.
        ");
}

#[test]
fn status_of_a_queue_that_was_never_run_is_no_error() {
    let stocked = queue_with(async |_| ());
    assert_snapshot!(status_text(&*stocked.queue, false, false), @"
        0 jobs in results/queue.db

          units        0

        No run has worked on this queue yet.
        ");
}

#[test]
fn status_json_has_the_promised_keys_and_no_pause_of_a_dead_run() {
    let stocked = stocked();
    assert_snapshot!(status_text(&*stocked.queue, true, true), @r#"{"total":11,"pending":2,"submitting":1,"in_doubt":1,"running":1,"downloading":1,"succeeded":1,"failed":3,"cancelled":1,"units":2.0,"sandbox":false,"paid":0.0,"flagged":0,"approved":0,"rejected_images":0,"unjudged":1,"rejected":1,"at_work":true,"rate_per_minute":0.5,"slots_busy":0.97,"eta_seconds":null,"paused_until":"2026-11-03T14:14:00.000Z","paused_because":"the provider does not answer","slots":10,"accounts":[],"started_at":"2026-11-03T13:00:00.000Z","seen_at":"2026-11-03T13:02:00.000Z","ended_at":null}"#);
    let dead: serde_json::Value = serde_json::from_str(&status_text(&*stocked.queue, true, false)).expect("an object");
    assert_eq!((&dead["at_work"], &dead["paused_until"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn status_sees_that_a_run_is_at_work_by_its_lock() {
    let stocked = stocked();
    let place = Place::new(Some(stocked.folder.path().to_owned()), Some((&stocked.path).into()));
    let at_work = || {
        let text = printed(async |out| {
            status::status(&StatusArgs { json: true, watch: false }, &*stocked.queue, &place, out).await
        });
        serde_json::from_str::<serde_json::Value>(&text).expect("an object")["at_work"] == true
    };
    assert!(!at_work());
    let queue = wait(queue::open(&stocked.path, Opening::Existing)).expect("the queue");
    let _run = wait(queue.hold()).expect("it is free");
    assert!(at_work());
}

fn list_text(stocked: &Stocked, state: &[StateName], json: bool) -> String {
    let args = ListArgs { state: state.to_vec(), json, ..ListArgs::default() };
    printed(async |out| list_at(&args, &*stocked.queue, out, after(125), &zone()).await)
}

#[test]
fn list_prints_a_line_a_job_in_aligned_columns() {
    assert_snapshot!(list_text(&stocked(), &[], false), @r#"
        ana/shirt  succeeded    1 attempt   ana/shirt.png
        ana/dress  failed       1 attempt   task_failed: there is no human in the video
        =bob/hat   pending      1 attempt   internal error; again at 14:10:00
        bob/coat   in_doubt     1 attempt   the answer was cut off
        bob/shirt  running      1 attempt   task t-5
        eva/shirt  downloading  1 attempt   task t-6
        eva/coat   submitting   1 attempt
        eva/hat    failed       1 attempt   1301: =content, "risk" control
        zoe/shirt  cancelled    0 attempts
        zoe/coat   pending      0 attempts
        "#);
}

#[test]
fn list_of_states_prints_only_those() {
    let text = list_text(&stocked(), &[StateName::Failed, StateName::InDoubt], false);
    assert_snapshot!(text, @r#"
        ana/dress  failed       1 attempt   task_failed: there is no human in the video
        bob/coat   in_doubt     1 attempt   the answer was cut off
        eva/hat    failed       1 attempt   1301: =content, "risk" control
        "#);
}

#[test]
fn list_json_is_an_object_a_line() {
    let stocked = stocked();
    let text = list_text(&stocked, &[], true);
    assert_eq!(text.lines().count(), 10);
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|v| v.is_object())));
    assert_snapshot!(list_text(&stocked, &[StateName::InDoubt, StateName::Pending], true), @r#"
        {"id":"=bob/hat","state":"pending","attempts":1,"error_code":null,"reason":"internal error","retry_at":"2026-11-03T13:10:00.000Z","finished_at":null,"task_id":null,"external_task_id":null,"output":null,"human_image":"=bob.jpg","cloth_image":"hat.png","cloth_type":null,"cloth_image_2":null,"cloth_type_2":null,"account":null,"model":null,"priority":5,"flags":[],"review":null,"review_reason":null,"reviewer":null,"reviewed_at":null,"columns":{}}
        {"id":"bob/coat","state":"in_doubt","attempts":1,"error_code":"in_doubt","reason":"the answer was cut off","retry_at":null,"finished_at":null,"task_id":null,"external_task_id":"0198-4","output":null,"human_image":"bob.jpg","cloth_image":"coat.png","cloth_type":null,"cloth_image_2":null,"cloth_type_2":null,"account":null,"model":null,"priority":5,"flags":[],"review":null,"review_reason":null,"reviewer":null,"reviewed_at":null,"columns":{}}
        {"id":"zoe/coat","state":"pending","attempts":0,"error_code":null,"reason":null,"retry_at":null,"finished_at":null,"task_id":null,"external_task_id":null,"output":null,"human_image":"zoe.jpg","cloth_image":"coat.png","cloth_type":null,"cloth_image_2":null,"cloth_type_2":null,"account":null,"model":null,"priority":0,"flags":[],"review":null,"review_reason":null,"reviewer":null,"reviewed_at":null,"columns":{}}
        "#);
}

fn show_text(stocked: &Stocked, id: &str, json: bool) -> String {
    let args = ShowArgs { id: id.to_owned(), json };
    printed(async |out| show_at(&args, &*stocked.queue, &place(), out, after(125), &zone()).await)
}

#[test]
fn show_tells_the_story_of_a_job() {
    assert_snapshot!(show_text(&stocked(), "ana/shirt", false), @"
        ana/shirt: succeeded

          human        ana.jpg (/shop/ana.jpg)
          cloth        shirt.png (/shop/shirt.png), upper
          second cloth skirt.png (/shop/skirt.png), lower
          model        kolors-virtual-try-on-v1-5
          priority     9
          output       ana/shirt.png
          finished     2026-11-03 14:00:33 +01:00

        attempt 1: succeeded
          2026-11-03 14:00:01 +01:00  submitted
          2026-11-03 14:00:02 +01:00  taken by the provider
          2026-11-03 14:00:32 +01:00  generation ended
          2026-11-03 14:00:33 +01:00  attempt over
          task id      t-1
          external id  0198-1
          request id   r-1
          HTTP status  200
          units        1
        ");
}

#[test]
fn show_says_what_can_be_done_about_a_doubtful_job() {
    assert_snapshot!(show_text(&stocked(), "bob/coat", false), @"
        bob/coat: in doubt

          human        bob.jpg (/shop/bob.jpg)
          cloth        coat.png (/shop/coat.png)
          model        kolors-virtual-try-on-v1
          priority     5
          because      the answer was cut off

        attempt 1: in doubt
          2026-11-03 14:00:04 +01:00  submitted
          external id  0198-4
          message      the answer was cut off

          if it is there   tryon adopt bob/coat TASK_ID -o results
          to send again    tryon retry bob/coat -o results

          If the provider did make the task, sending again is charged twice.
        ");
}

#[test]
fn show_says_why_a_job_waits_and_quotes_its_name_for_the_shell() {
    assert_snapshot!(show_text(&stocked(), "=bob/hat", false), @"
        =bob/hat: pending

          human        =bob.jpg (/shop/=bob.jpg)
          cloth        hat.png (/shop/hat.png)
          model        kolors-virtual-try-on-v1
          priority     5
          because      internal error
          not before   14:10:00

        attempt 1: turned away
          2026-11-03 14:00:03 +01:00  submitted
          2026-11-03 14:00:04 +01:00  attempt over
          external id  0198-3
          HTTP status  500
          code         5000
          message      internal error

          to take it out   tryon cancel '=bob/hat' -o results
        ");
}

#[test]
fn show_json_has_every_attempt() {
    assert_snapshot!(show_text(&stocked(), "eva/hat", true), @r#"{"id":"eva/hat","state":"failed","attempts":1,"error_code":"1301","reason":"=content, \"risk\" control","retry_at":null,"finished_at":"2026-11-03T13:00:09.000Z","task_id":null,"external_task_id":null,"output":null,"human_image":"eva.jpg","cloth_image":"hat.png","cloth_type":null,"cloth_image_2":null,"cloth_type_2":null,"account":null,"model":null,"priority":5,"flags":[],"review":null,"review_reason":null,"reviewer":null,"reviewed_at":null,"columns":{},"history":[{"attempt":1,"outcome":"refused","model":"kolors-virtual-try-on-v1","account":null,"external_task_id":"0198-8","shares":null,"task_id":null,"request_id":null,"asked":1,"http_status":400,"code":"1301","message":"=content, \"risk\" control","units":null,"paid":null,"answer":null,"sent_as":null,"submitted_at":"2026-11-03T13:00:08.000Z","accepted_at":null,"task_ended_at":null,"ended_at":"2026-11-03T13:00:09.000Z"}]}"#);
}

#[test]
fn show_of_an_unknown_job_says_where_to_find_the_ids() {
    let stocked = stocked();
    let args = ShowArgs { id: "eva/gone".to_owned(), json: false };
    let error =
        wait(show_at(&args, &*stocked.queue, &place(), &mut Vec::new(), after(0), &zone())).expect_err("unknown");
    assert!(error.to_string().contains("tryon list"), "{error}");
}

#[test]
fn a_printed_report_is_the_one_in_the_output_folder() {
    let stocked = stocked();
    let place = Place::new(Some(stocked.folder.path().to_owned()), None);
    let path = stocked.folder.path().join("report.csv");
    let args = |output| ReportArgs { format: Format::Csv, output, inputs: None };
    let to_stdout = printed(async |out| report(&args(None), &*stocked.queue, &place, out).await);
    let said = printed(async |out| report(&args(Some(path.clone())), &*stocked.queue, &place, out).await);
    assert!(said.ends_with("report.csv: 11 rows\n"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), to_stdout);
}

/// A pipe whose reader leaves after so many bytes.
struct Head(usize);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let stocked = stocked();
    let queue = &*stocked.queue;
    for json in [false, true] {
        for bytes in [0, 10] {
            wait(list(&ListArgs { json, ..ListArgs::default() }, queue, &mut Head(bytes))).expect("list ends quietly");
            wait(status::status(&StatusArgs { json, watch: false }, queue, &place(), &mut Head(bytes)))
                .expect("status too");
            let format = if json { Format::Json } else { Format::Csv };
            wait(report(&ReportArgs { format, output: None, inputs: None }, queue, &place(), &mut Head(bytes)))
                .expect("report too");
            let args = ShowArgs { id: "ana/shirt".to_owned(), json };
            wait(super::show::show(&args, queue, &place(), &mut Head(bytes))).expect("show too");
        }
    }
}

#[derive(Debug, Parser)]
struct ListCommand {
    #[command(flatten)]
    args: ListArgs,
}

#[test]
fn states_can_be_repeated_or_separated_by_commas_and_a_misspelt_one_is_corrected() {
    let parse = |words: &[&str]| ListCommand::try_parse_from(["list"].iter().chain(words));
    let states = parse(&["--state", "failed,in-doubt", "--state", "pending"]).expect("states").args.state;
    assert_eq!(states, [StateName::Failed, StateName::InDoubt, StateName::Pending]);
    let error = parse(&["--state", "faild"]).expect_err("misspelt").to_string();
    assert!(error.contains("'failed'"), "{error}");
}
