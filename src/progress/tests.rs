//! What a person sees of a run, checked as text.

use std::io;
use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::fitted::fit;
use super::*;
use crate::engine::event::{Fact, SlotCount};
use crate::job::{Failure, FailureKind, JobId, StateName, TaskId};
use crate::queue::{Counts, Pause};
use crate::view::Standing;

/// A writer whose text can be looked at while somebody else owns it.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("one thread").clone()).expect("text")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer behind a pipe whose reader has left.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn at(seconds: i64) -> Timestamp {
    "2026-11-03T13:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
}

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(1))
}

fn counts(succeeded: u64, failed: u64) -> Counts {
    let mut counts = Counts::default();
    counts.set(StateName::Succeeded, succeeded);
    counts.set(StateName::Failed, failed);
    counts.set(StateName::Running, 10);
    counts.set(StateName::Pending, 10_000 - 10 - succeeded - failed);
    counts
}

fn event(seconds: i64, counts: Counts, fact: Fact) -> RunEvent {
    RunEvent { at: at(seconds), counts, fact }
}

fn id(text: &str) -> JobId {
    JobId::parse(text).expect("an id")
}

fn task(text: &str) -> TaskId {
    TaskId(text.to_owned())
}

fn pause(until: i64) -> Fact {
    Fact::Paused(Pause { until: at(until), why: "the provider does not answer".to_owned() })
}

/// A run with something of everything, half a second a tick.
fn eventful_run() -> Vec<RunEvent> {
    let mut events = vec![
        event(0, counts(4_000, 2), Fact::Started { slots: SlotCount::AtMost(10), provider: "dmxapi".to_owned() }),
        event(1, counts(4_000, 2), Fact::Submitted { id: id("ana/shirt"), attempt: 2, task_id: task("t-1") }),
        event(2, counts(4_000, 2), Fact::PutBack { id: id("ana/hat"), why: "no room".to_owned(), retry_at: None }),
        event(30, counts(4_000, 2), Fact::Generated { id: id("ana/shirt"), seconds: 29.04 }),
        event(31, counts(4_001, 2), Fact::Succeeded { id: id("ana/shirt"), path: "results/ana/shirt.png".into() }),
        event(32, counts(4_001, 2), Fact::Ticked),
        event(33, counts(4_001, 2), Fact::Ticked),
    ];
    let failure = Failure::with_code(FailureKind::Refused, Some(1301), "content safety");
    let mut doubtful = counts(4_010, 3);
    doubtful.set(StateName::InDoubt, 1);
    let lost = "the answer was\ncut off".to_owned();
    events.extend([
        event(40, counts(4_010, 3), Fact::Failed { id: id("bob/hat"), failure }),
        event(41, doubtful, Fact::InDoubt { id: id("bob/coat"), why: lost }),
        event(60, doubtful, pause(70)),
        event(63, doubtful, Fact::Ticked),
        event(70, doubtful, pause(100)),
        event(100, doubtful, Fact::Ticked),
        event(110, doubtful, Fact::Resumed),
        event(111, counts(4_011, 3), Fact::Found { id: id("bob/coat"), task_id: task("t-9") }),
        event(112, counts(4_011, 3), Fact::Parked { id: id("eva/hat"), task_id: task("t-3") }),
        event(120, counts(4_012, 3), Fact::Stopping { why: "the account is empty".to_owned() }),
        event(150, counts(4_020, 3), Fact::Ended),
    ]);
    events
}

fn lines(verbosity: Verbosity) -> String {
    let paper = Paper::default();
    let mut lines = Lines::in_zone(Box::new(paper.clone()), verbosity, zone());
    eventful_run().iter().for_each(|event| lines.on_event(event));
    paper.text()
}

#[test]
fn lines_tell_what_matters_and_every_half_minute_where_the_run_stands() {
    assert_snapshot!(lines(Verbosity::Normal), @"
        14:00:00 started    5,998 jobs to do of 10,000, 10 slots at dmxapi
        14:00:32 progress   40%  4,003 of 10,000, 2 failed, 10 running, 1.9 images/min, about 2 d 6 h left
        14:00:40 failed     bob/hat: 1301: content safety
        14:00:41 in doubt   bob/coat: the answer was cut off
        14:01:00 paused     until 14:01:10, because the provider does not answer
        14:01:03 progress   40%  4,013 of 10,001, paused until 14:01:10, because the provider does not answer, 3 failed, 1 in doubt
        14:01:40 progress   40%  4,013 of 10,001, paused until 14:01:40, because the provider does not answer, 3 failed, 1 in doubt
        14:01:50 goes on
        14:01:51 found      bob/coat is task t-9 at the provider
        14:01:52 parked     eva/hat: task t-3 has not ended; the next run asks for it again
        14:02:00 stopping   the account is empty; 10 in flight still to be collected
        14:02:30 ended      40%  4,023 of 10,000, stopping: the account is empty; 10 in flight still to be collected, 3 failed
        ");
}

#[test]
fn quiet_lines_tell_only_what_went_wrong() {
    assert_snapshot!(lines(Verbosity::Quiet), @"
        14:00:40 failed     bob/hat: 1301: content safety
        14:00:41 in doubt   bob/coat: the answer was cut off
        14:02:00 stopping   the account is empty; 10 in flight still to be collected
        ");
}

#[test]
fn verbose_lines_tell_every_step_of_a_job() {
    let text = lines(Verbosity::Verbose);
    let steps: Vec<&str> = text.lines().filter(|line| line.contains("ana/")).collect();
    assert_snapshot!(steps.join("\n"), @"
        14:00:01 submitted  ana/shirt is task t-1, attempt 2
        14:00:02 put back   ana/hat: no room; again when there is room
        14:00:30 generated  ana/shirt in 29.0 s
        14:00:31 saved      results/ana/shirt.png
        ");
}

#[test]
fn every_json_line_is_an_object_that_says_when_and_what() {
    let paper = Paper::default();
    let mut lines = JsonLines::new(Box::new(paper.clone()), Verbosity::Verbose);
    eventful_run().iter().for_each(|event| lines.on_event(event));
    let text = paper.text();
    for line in text.lines() {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect(line);
        assert!(object["at"].is_string() && object["event"].is_string() && object["level"].is_string(), "{line}");
    }
    assert_snapshot!(text, @r#"
        {"at":"2026-11-03T13:00:00.000Z","event":"started","level":"INFO","cancelled":0,"downloading":0,"eta_seconds":null,"failed":2,"flagged":0,"in_doubt":0,"paused_because":null,"paused_until":null,"pending":5988,"provider":"dmxapi","rate_per_minute":null,"running":10,"slots":10,"submitting":0,"succeeded":4000,"total":10000,"units":0.0}
        {"at":"2026-11-03T13:00:01.000Z","event":"submitted","level":"DEBUG","attempt":2,"id":"ana/shirt","task_id":"t-1"}
        {"at":"2026-11-03T13:00:02.000Z","event":"put_back","level":"DEBUG","because":"no room","id":"ana/hat","retry_at":null}
        {"at":"2026-11-03T13:00:30.000Z","event":"generated","level":"DEBUG","id":"ana/shirt","seconds":29.04}
        {"at":"2026-11-03T13:00:31.000Z","event":"succeeded","level":"INFO","id":"ana/shirt","path":"results/ana/shirt.png"}
        {"at":"2026-11-03T13:00:32.000Z","event":"progress","level":"INFO","cancelled":0,"downloading":0,"eta_seconds":191904,"failed":2,"flagged":0,"in_doubt":0,"paused_because":null,"paused_until":null,"pending":5987,"rate_per_minute":1.9,"running":10,"submitting":0,"succeeded":4001,"total":10000,"units":0.0}
        {"at":"2026-11-03T13:00:40.000Z","event":"failed","level":"ERROR","error":"content safety","error_code":"1301","id":"bob/hat"}
        {"at":"2026-11-03T13:00:41.000Z","event":"in_doubt","level":"ERROR","because":"the answer was cut off","id":"bob/coat"}
        {"at":"2026-11-03T13:01:00.000Z","event":"paused","level":"WARN","because":"the provider does not answer","until":"2026-11-03T13:01:10.000Z"}
        {"at":"2026-11-03T13:01:03.000Z","event":"progress","level":"INFO","cancelled":0,"downloading":0,"eta_seconds":null,"failed":3,"flagged":0,"in_doubt":1,"paused_because":"the provider does not answer","paused_until":"2026-11-03T13:01:10.000Z","pending":5977,"rate_per_minute":1.0,"running":10,"submitting":0,"succeeded":4010,"total":10001,"units":0.0}
        {"at":"2026-11-03T13:01:10.000Z","event":"paused","level":"WARN","because":"the provider does not answer","until":"2026-11-03T13:01:40.000Z"}
        {"at":"2026-11-03T13:01:40.000Z","event":"progress","level":"INFO","cancelled":0,"downloading":0,"eta_seconds":null,"failed":3,"flagged":0,"in_doubt":1,"paused_because":"the provider does not answer","paused_until":"2026-11-03T13:01:40.000Z","pending":5977,"rate_per_minute":0.6,"running":10,"submitting":0,"succeeded":4010,"total":10001,"units":0.0}
        {"at":"2026-11-03T13:01:50.000Z","event":"resumed","level":"INFO"}
        {"at":"2026-11-03T13:01:51.000Z","event":"found","level":"INFO","id":"bob/coat","task_id":"t-9"}
        {"at":"2026-11-03T13:01:52.000Z","event":"parked","level":"WARN","id":"eva/hat","task_id":"t-3"}
        {"at":"2026-11-03T13:02:00.000Z","event":"stopping","level":"ERROR","because":"the account is empty","in_flight":10}
        {"at":"2026-11-03T13:02:30.000Z","event":"ended","level":"INFO","cancelled":0,"downloading":0,"eta_seconds":null,"failed":3,"flagged":0,"in_doubt":0,"paused_because":null,"paused_until":null,"pending":5967,"rate_per_minute":0.4,"running":10,"submitting":0,"succeeded":4020,"total":10000,"units":0.0}
        "#);
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_the_run() {
    let mut lines = Lines::new(Box::new(Closed), Verbosity::Verbose);
    let mut json = JsonLines::new(Box::new(Closed), Verbosity::Verbose);
    for event in eventful_run() {
        lines.on_event(&event);
        json.on_event(&event);
    }
}

/// The second line of the bar at several widths, after the events up to `until`.
fn status_lines(until: i64, provider: &str) -> String {
    let mut standing = Standing::default();
    for mut event in eventful_run().into_iter().filter(|event| event.at <= at(until)) {
        if let Fact::Started { provider: named, .. } = &mut event.fact {
            provider.clone_into(named);
        }
        standing.follow(&event);
    }
    let say = |columns: usize| format!("{columns:>3} {}", fit(standing.pieces(&zone()), " · ", columns));
    [119, 79, 49, 29, 9].map(say).join("\n")
}

#[test]
fn a_narrow_terminal_gets_what_matters_most() {
    assert_snapshot!(status_lines(41, "dmxapi"), @"
        119 3 failed · 1 in doubt · 10 running · 1.5 images/min · about 2 d 21 h left
         79 3 failed · 1 in doubt · 10 running · 1.5 images/min · about 2 d 21 h left
         49 3 failed · 1 in doubt · about 2 d 21 h left
         29 about 2 d 21 h left
          9 about 2 …
        ");
}

#[test]
fn a_pause_says_until_when_and_why() {
    assert_snapshot!(status_lines(63, "the sandbox"), @"
        119 SANDBOX · paused until 14:01:10, because the provider does not answer · 3 failed · 1 in doubt
         79 SANDBOX · paused until 14:01:10, because the provider does not answer
         49 SANDBOX · paused until 14:01:10, because the pro…
         29 SANDBOX · paused until 14:01…
          9 SANDBOX · …
        ");
}

#[test]
fn a_stopping_run_says_why_and_what_it_waits_for() {
    assert_snapshot!(status_lines(120, "dmxapi"), @"
        119 stopping: the account is empty; 10 in flight still to be collected · 3 failed
         79 stopping: the account is empty; 10 in flight still to be collected · 3 failed
         49 stopping: the account is empty; 10 in flight sti…
         29 stopping: the account is emp…
          9 stopping…
        ");
}

#[test]
fn a_hundred_percent_is_said_only_when_nothing_is_missing() {
    let mut standing = Standing::default();
    let mut counts = Counts::default();
    standing.follow(&event(0, counts, Fact::Ticked));
    assert_eq!(standing.done_of_total(), "100%  0 of 0");
    counts.set(StateName::Succeeded, 99_999);
    counts.set(StateName::Running, 1);
    standing.follow(&event(0, counts, Fact::Ticked));
    assert_eq!(standing.done_of_total(), " 99%  99,999 of 100,000");
}
