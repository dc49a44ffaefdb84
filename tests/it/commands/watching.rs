//! `tryon status --watch` in a pipe: a line whenever something has changed, until the run ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tryon::queue::RunHold;

use super::Desk;
use crate::support::held;

/// A queue with two jobs, and a run that seems to be at work on it for as long as the lock is held.
fn desk_at_work() -> (Desk, RunHold) {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "id,human,cloth\none,h.png,h.png\ntwo,h.png,h.png\n");
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    let lock = held(&desk.path("tryon-out/queue.db"));
    (desk, lock)
}

fn watch(desk: &Desk, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("tryon"))
        .args([&["status", "--watch"], arguments].concat())
        .current_dir(desk.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    (child, out)
}

fn next_line(out: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    line
}

#[test]
fn watching_in_a_pipe_prints_a_line_a_change_and_ends_with_the_run() {
    let (desk, lock) = desk_at_work();
    let (mut child, mut out) = watch(&desk, &[]);
    let first = next_line(&mut out);
    assert!(first.contains("0 of 2, 0 running") && !first.contains('\x1b'), "{first}");
    assert_eq!(desk.run(&["cancel", "one"]).code, 0);
    let second = next_line(&mut out);
    assert!(second.contains("1 of 2, 0 running"), "{second}");
    drop(lock);
    let last = next_line(&mut out);
    assert!(last.contains("1 of 2") && last.contains("no run is at work"), "{last}");
    assert_eq!(next_line(&mut out), "", "nothing comes after the end");
    assert!(child.wait().expect("an end").success());
}

#[test]
fn watching_as_json_prints_an_object_a_change() {
    let (desk, lock) = desk_at_work();
    let (mut child, mut out) = watch(&desk, &["--json"]);
    let mut next = || -> Value { serde_json::from_str(&next_line(&mut out)).expect("an object") };
    let first = next();
    assert_eq!((&first["pending"], &first["at_work"]), (&2.into(), &true.into()));
    assert_eq!(desk.run(&["cancel", "--pending"]).code, 0);
    assert_eq!(next()["cancelled"], 2);
    drop(lock);
    assert_eq!(next()["at_work"], false);
    assert!(child.wait().expect("an end").success());
}

#[test]
fn watching_without_a_run_says_so_and_ends() {
    let (desk, lock) = desk_at_work();
    drop(lock);
    let said = desk.run(&["status", "--watch"]);
    assert_eq!(said.code, 0);
    assert_eq!(said.out.lines().count(), 1);
    assert!(said.out.contains("no run is at work"), "{}", said.out);
    assert_eq!(desk.run(&["status", "--watch", "-o", "nowhere"]).code, 2);
}

#[test]
fn a_reader_that_leaves_ends_the_watching() {
    let (desk, _lock) = desk_at_work();
    let (mut child, mut out) = watch(&desk, &[]);
    next_line(&mut out);
    drop(out);
    // The next change meets a closed pipe.
    assert_eq!(desk.run(&["cancel", "one"]).code, 0);
    assert!(child.wait().expect("an end").success());
}
