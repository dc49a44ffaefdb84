//! That what is asked often is answered by an index: how SQLite goes about each query, which it tells in words.
//!
//! A step that begins with `SEARCH` goes straight to its rows. One that begins with `SCAN` walks, and is right only
//! where the walk ends at its first row or page, or where a table has a handful of rows.

use crate::job::StateName;
use crate::queue::{Judged, Selection};

use super::claim::{NEXT_RETRY, next_due, next_fresh, next_stranded};
use super::duplicates::{DUPLICATES, duplicate_query};
use super::last_tasks;
use super::looks::{COUNTED, FLAGGED_PAGE, TWINS_BY_PICTURE};
use super::open::open_for_writing;
use super::pages::jobs_page;
use super::read::{COUNTS, LAST_RUN, NAMED, PUBLISHED_PAGE, active_jobs, claimable_and_claimed, first_for_query};
use super::reviews::REJECTED_IMAGES_PAGE;
use super::rows::{JOB_COLUMNS, JOB_TABLES, REJECTED_PAGE, REPORT_PAGE};
use super::selected::{SQLITE, Selected};
use super::transition::LET_GO;

/// How SQLite goes about a query, one step a line.
fn plan(query: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open_for_writing(&folder.path().join("queue.db")).expect("a queue");
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("a plan");
    for index in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(index, 1).expect("a parameter");
    }
    statement.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().expect("steps")
}

/// The first step is as named; every other one is a look-up. Nothing is sorted.
fn begins_with(query: &str, first: &str) {
    let plan = plan(query);
    assert_eq!(plan[0], first, "{query}");
    for step in &plan[1..] {
        let is_one_row = step == "SCALAR SUBQUERY 1" || step == "SCAN CONSTANT ROW";
        let is_frame = ["CORRELATED", "COMPOUND QUERY", "LEFT-MOST SUBQUERY", "UNION ALL"];
        let is_frame = is_frame.iter().any(|frame| step.starts_with(frame));
        assert!(step.starts_with("SEARCH") || is_one_row || is_frame, "{step} in {plan:?}");
    }
}

#[test]
fn claiming_from_a_million_jobs_looks_at_an_index_and_never_walks_the_table() {
    assert_eq!(plan(&next_fresh("")), ["SCAN jobs USING INDEX jobs_fresh"], "its first row is the answer");
    assert_eq!(
        plan(&next_due("")),
        ["SEARCH jobs USING INDEX jobs_waiting (retry_at>? AND retry_at<?)", "USE TEMP B-TREE FOR ORDER BY"],
        "those that are due were in flight at once, and are few"
    );
    assert_eq!(
        plan(&next_stranded("")),
        ["SEARCH jobs USING INDEX jobs_waiting_since (waits_since>?)", "USE TEMP B-TREE FOR ORDER BY"],
        "those that the clock has left behind are as few"
    );
    assert_eq!(plan(NEXT_RETRY), ["SEARCH jobs USING COVERING INDEX jobs_waiting (retry_at>?)"]);
    begins_with(
        &format!("SELECT {JOB_COLUMNS} FROM {JOB_TABLES} WHERE j.seq = ?1"),
        "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)",
    );
}

#[test]
fn twins_are_found_by_their_pair_and_freed_by_their_leader() {
    for (means, states, respect) in DUPLICATES {
        begins_with(&duplicate_query(means, states, respect), "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)");
        let plan = plan(&duplicate_query(means, states, respect));
        assert_eq!(plan[1], "SEARCH t USING INDEX jobs_by_pair (human=? AND cloth=? AND state=?)");
    }
    for step in plan(&claimable_and_claimed("")) {
        let is_look_up = step.contains("INDEX jobs_fresh") || step.contains("INDEX jobs_waiting");
        assert!(is_look_up || step.contains("INDEX jobs_active (state=?)") || !step.contains("jobs"), "{step}");
    }
    assert_eq!(plan(LET_GO), ["SEARCH jobs USING INDEX jobs_held_back (waits_for=?)"]);
}

#[test]
fn what_a_restart_takes_up_is_found_among_a_million_by_its_state() {
    use StateName::{Downloading, InDoubt, Running, Submitting};
    for state in [Submitting, InDoubt, Running, Downloading] {
        begins_with(&active_jobs(state), "SEARCH j USING INDEX jobs_active (state=?)");
    }
}

#[test]
fn finished_jobs_are_paged_past_all_those_that_wait() {
    let plan = plan(PUBLISHED_PAGE);
    assert!(plan.contains(&"SEARCH jobs USING INDEX jobs_succeeded (seq>?)".to_owned()), "{plan:?}");
    assert!(plan.contains(&"SEARCH i USING PRIMARY KEY (job=?) LEFT-JOIN".to_owned()), "{plan:?}");
    // The few images of one job are put in order, not the jobs.
    let sorts = plan.iter().filter(|step| step.contains("TEMP"));
    assert!(sorts.clone().all(|step| step == "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"), "{plan:?}");
}

#[test]
fn counts_and_rates_do_not_depend_on_the_number_of_jobs() {
    assert_eq!(plan(COUNTS), ["SCAN tallies"], "ten rows");
    assert_eq!(plan(LAST_RUN), ["SCAN runs"], "the last row first, and no other");
    let told_by = plan(&last_tasks::query());
    assert!(!told_by.iter().any(|step| step.contains("SCAN")), "{told_by:?}");
}

fn page_of(selection: &Selection<'_>) -> String {
    jobs_page(&Selected::of(selection, SQLITE))
}

#[test]
fn lists_and_reports_go_on_where_their_last_page_ended() {
    let page = |states: &[StateName]| page_of(&Selection::in_states(states));
    begins_with(&page(&[]), "SEARCH j USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
    begins_with(&page(&[StateName::Failed]), "SEARCH j USING INDEX jobs_failed (seq>? AND seq<?)");
    begins_with(&page(&[StateName::Succeeded]), "SEARCH j USING INDEX jobs_succeeded (seq>? AND seq<?)");
    begins_with(&page(&[StateName::Running]), "SEARCH j USING INDEX jobs_active (state=? AND seq>? AND seq<?)");
    let several = page(&[StateName::Failed, StateName::InDoubt]);
    begins_with(&several, "SEARCH j USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
    begins_with(REPORT_PAGE, "SEARCH j USING INTEGER PRIMARY KEY (rowid>?)");
    begins_with(
        REJECTED_PAGE,
        "SEARCH rejected_rows USING INDEX rejected_rows_by_place ((after_seq,manifest,line)>(?,?,?))",
    );
}

#[test]
fn flagged_jobs_are_found_and_counted_past_all_those_that_are_not() {
    for states in [&[][..], &[StateName::Succeeded]] {
        let page = page_of(&Selection { states, ..Selection::flagged() });
        assert_eq!(plan(&page)[0], "SEARCH j USING INDEX jobs_flagged (seq>? AND seq<?)");
    }
    assert_eq!(plan(FLAGGED_PAGE), ["SCAN jobs USING COVERING INDEX jobs_flagged"], "no further than its page");
    assert_eq!(plan(COUNTED), ["SCAN jobs USING COVERING INDEX jobs_flagged", "USE TEMP B-TREE FOR GROUP BY"]);
}

#[test]
fn judged_and_unjudged_results_are_found_past_all_others_whatever_else_is_asked() {
    let columns = [("sku".to_owned(), "A".to_owned())];
    for (judged, by) in [
        (Judged::Rejected, "jobs_judged (verdict=? AND seq>?"),
        (Judged::Approved, "jobs_judged (verdict=? AND seq>?"),
        (Judged::Unjudged, "jobs_unjudged (seq>?"),
    ] {
        let plain = Selection { states: &[StateName::Succeeded], ..Selection::judged(judged) };
        let narrow = Selection { flagged: Some(false), account: Some("north"), columns: &columns, ..plain };
        for selection in [plain, narrow] {
            begins_with(&page_of(&selection), &format!("SEARCH j USING INDEX {by} AND seq<?)"));
            let reach = plan(&Selected::of(&selection, SQLITE).reach("jobs", SQLITE));
            let is_by_index = |step: &String| step.starts_with("SEARCH j USING") && step.contains(by);
            assert!(reach.iter().any(is_by_index), "{reach:?}");
        }
    }
    assert_eq!(plan(REJECTED_IMAGES_PAGE), ["SEARCH jobs USING COVERING INDEX jobs_judged (verdict=?)"]);
}

#[test]
fn the_first_job_for_a_model_is_found_past_all_those_that_name_another() {
    let first = plan(&first_for_query(false, NAMED))[0].clone();
    assert_eq!(first, "SEARCH j USING INDEX jobs_waiting_for_model (model=?)");
}

#[test]
fn the_same_picture_is_found_by_its_fingerprint() {
    let plan = plan(&TWINS_BY_PICTURE);
    assert!(plan[..3].iter().all(|step| step.starts_with("SEARCH")), "{plan:?}");
    assert!(
        plan.contains(&"SEARCH i USING COVERING INDEX images_by_fingerprint (fingerprint=?)".to_owned()),
        "{plan:?}"
    );
    // No list is made of all pictures of the same bytes, for each image once more.
    assert!(!plan.iter().any(|step| step.contains("LIST SUBQUERY")), "{plan:?}");
}
