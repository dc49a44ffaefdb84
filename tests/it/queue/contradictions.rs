//! Rows of one load that contradict each other: neither is taken, whichever comes first.

use tryon::job::{JobSpec, StateName, Transition};
use tryon::queue::{Enqueued, Keeping, LoadRow, RejectedRow};

use super::bed::{at, begin_load, on_every_queue, on_line, rejected_row, spec, with_other_cloth, with_priority};

fn tally(added: u64, unchanged: u64, updated: u64, repeated: u64, rejected: u64) -> Enqueued {
    Enqueued { added, unchanged, updated, repeated, rejected }
}

fn places(rows: &[(String, RejectedRow)]) -> Vec<(&str, u64, &str)> {
    rows.iter().map(|(manifest, row)| (manifest.as_str(), row.line, row.reason.as_str())).collect()
}

#[tokio::test]
async fn two_new_rows_that_contradict_each_other_are_both_rejected() {
    on_every_queue(async |bed| {
        let (counted, rejected) = bed.load_from("jobs.csv", &[spec("a"), spec("b"), with_other_cloth("a", "x")]).await;
        assert_eq!(counted, tally(1, 0, 0, 0, 2));
        assert_eq!(
            places(&rejected),
            [
                ("jobs.csv", 2, "`a` is contradicted by line 4"),
                ("jobs.csv", 4, "`a` stands in line 2 with other inputs"),
            ]
        );
        assert_eq!(rejected[0].1.human, "a-human.png");
        assert_eq!((rejected[0].1.cloth.as_str(), rejected[1].1.cloth.as_str()), ("a-cloth.png", "x.png"));
        assert!(bed.queue.job("a").await.is_err());
        bed.check_counts().await;
    })
    .await;
}

#[tokio::test]
async fn rejected_rows_stand_in_the_report_where_they_stand_in_the_manifest() {
    on_every_queue(async |bed| {
        let rows = [spec("a"), spec("b"), spec("c"), with_other_cloth("b", "x"), spec("d"), with_other_cloth("d", "x")];
        let tail = [spec("e")];
        for _ in 0..2 {
            bed.load_all(&[("jobs.csv", &rows), ("tail.csv", &tail)]).await;
            assert_eq!(bed.reported().await, ["a", "b", "c", "b", "d", "d", "e"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_between_two_that_contradict_each_other_keeps_its_place() {
    on_every_queue(async |bed| {
        let bad = |line, id| LoadRow::Rejected(rejected_row(line, id));
        let rows = vec![
            on_line(2, spec("a")),
            bad(3, "bad-1"),
            on_line(4, with_other_cloth("a", "x")),
            on_line(5, spec("b")),
            on_line(6, spec("c")),
            bad(7, "bad-2"),
            on_line(8, with_other_cloth("c", "x")),
            on_line(9, spec("d")),
        ];
        for _ in 0..3 {
            let mut load = begin_load(&*bed.queue, "jobs.csv").await;
            let not_taken = load.add(rows.clone()).await.expect("staged");
            let shown: Vec<_> = not_taken.iter().map(|row| (row.shown_by, row.row.line)).collect();
            assert_eq!(shown, [(2, 2), (2, 4), (6, 6), (6, 8)], "what a row shows is told with it");
            load.keep(Keeping::default(), at(0)).await.expect("kept");
            assert_eq!(bed.reported().await, ["a", "bad-1", "a", "b", "c", "bad-2", "c", "d"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_third_row_about_a_contradicted_id_is_rejected_too() {
    on_every_queue(async |bed| {
        let rows = [spec("a"), with_other_cloth("a", "x"), spec("a"), with_other_cloth("a", "y"), spec("A"), spec("b")];
        let (counted, rejected) = bed.load_from("jobs.csv", &rows).await;
        assert_eq!(counted, tally(1, 0, 0, 0, 5));
        assert_eq!(rejected.iter().map(|(_, row)| row.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert_eq!(rejected[2].1.reason, "`a` is used by rows that contradict each other");
        bed.check_counts().await;
    })
    .await;
}

#[tokio::test]
async fn a_repetition_before_the_contradiction_stays_a_repetition() {
    on_every_queue(async |bed| {
        let (counted, _) = bed.load_from("jobs.csv", &[spec("a"), spec("a"), with_other_cloth("a", "x")]).await;
        assert_eq!(counted, tally(0, 0, 0, 1, 2), "each of three rows is counted once");
    })
    .await;
}

#[tokio::test]
async fn ids_of_one_load_that_differ_in_case_contradict_each_other() {
    on_every_queue(async |bed| {
        let (counted, rejected) = bed.load_from("jobs.csv", &[spec("Ana"), spec("ana")]).await;
        assert_eq!(counted, tally(0, 0, 0, 0, 2));
        assert_eq!(
            places(&rejected),
            [
                ("jobs.csv", 2, "`Ana` is contradicted by line 3"),
                (
                    "jobs.csv",
                    3,
                    "`ana` and `Ana` in line 2 would write the same file where case does not count; give one another id"
                ),
            ]
        );
        assert_eq!(bed.count(StateName::Pending), 0);
    })
    .await;
}

#[tokio::test]
async fn a_contradiction_across_manifests_names_both() {
    on_every_queue(async |bed| {
        let (one, two) = ([spec("a")], [spec("b"), with_other_cloth("a", "x")]);
        let (counted, rejected) = bed.load_all(&[("one.csv", &one), ("two.csv", &two)]).await;
        assert_eq!(counted, tally(1, 0, 0, 0, 2));
        assert_eq!(
            places(&rejected),
            [
                ("one.csv", 2, "`a` is contradicted by line 3 of two.csv"),
                ("two.csv", 3, "`a` stands in line 2 of one.csv with other inputs"),
            ]
        );
    })
    .await;
}

/// The job stood in the queue, unsubmitted; the rows that contradict each other say the same, something new, or both.
#[tokio::test]
async fn rows_that_were_unchanged_or_updated_are_counted_as_rejected_after_a_contradiction() {
    on_every_queue(async |bed| {
        let x = |id| with_other_cloth(id, "x");
        let y = |id| with_other_cloth(id, "y");
        let cases: [(&str, [JobSpec; 2]); 4] = [
            ("same-then-other", [spec("same-then-other"), x("same-then-other")]),
            ("other-then-same", [x("other-then-same"), spec("other-then-same")]),
            ("two-others", [x("two-others"), y("two-others")]),
            ("moved-then-other", [with_priority("moved-then-other", 5), x("moved-then-other")]),
        ];
        for (id, rows) in cases {
            bed.add(&[spec(id)]).await;
            let (counted, rejected) = bed.load_from(&format!("{id}.csv"), &rows).await;
            assert_eq!(counted, tally(0, 0, 0, 0, 2), "{id}");
            assert_eq!(rejected.iter().map(|(_, row)| row.line).collect::<Vec<_>>(), [2, 3], "{id}");
            assert!(bed.queue.job(id).await.is_err(), "{id} is not worked on while nobody knows what is meant");
            bed.check_counts().await;
        }
        let (counted, _) = bed.load_from("same-then-other.csv", &[spec("same-then-other")]).await;
        assert_eq!(counted, tally(1, 0, 0, 0, 0), "a mended manifest is taken");
    })
    .await;
}

#[tokio::test]
async fn a_contradiction_about_a_submitted_job_leaves_the_job_alone() {
    on_every_queue(async |bed| {
        use StateName as S;
        for state in [S::Submitting, S::InDoubt, S::Running, S::Downloading, S::Succeeded, S::Failed] {
            let id = state.word();
            bed.bring(id, state).await;
            let before = (bed.job_row(id), bed.attempt_rows(id));
            for rows in [
                [with_priority(id, 1000), with_other_cloth(id, "x")],
                [with_other_cloth(id, "x"), with_priority(id, 1000)],
            ] {
                let (counted, rejected) = bed.load_from("jobs.csv", &rows).await;
                assert_eq!((counted, rejected.len()), (tally(0, 0, 0, 0, 2), 2), "{id}");
                assert_eq!((bed.job_row(id), bed.attempt_rows(id)), before);
                bed.check_counts().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn both_orders_of_a_contradiction_come_to_the_same() {
    on_every_queue(async |bed| {
        // `Ana` is in the queue; one row says it again, another one would write over it.
        for rows in [[spec("Ana"), spec("ana")], [spec("ana"), spec("Ana")]] {
            bed.load_from("first.csv", &[spec("Ana")]).await;
            let (counted, _) = bed.load_from("jobs.csv", &rows).await;
            assert_eq!(counted, tally(0, 0, 0, 0, 2), "{rows:?}");
            assert_eq!(bed.count(StateName::Pending), 0);
            bed.check_counts().await;
        }
    })
    .await;
}

#[tokio::test]
async fn rows_that_only_repeat_a_rejected_row_do_not_touch_the_job() {
    on_every_queue(async |bed| {
        bed.bring("a", StateName::Running).await;
        let before = bed.job_row("a");
        let row = with_other_cloth("a", "x");
        let (counted, rejected) = bed.load_from("jobs.csv", &[row.clone(), row]).await;
        assert_eq!(counted, tally(0, 0, 0, 0, 2));
        assert_eq!(rejected[0].1.reason, rejected[1].1.reason);
        assert_eq!(bed.job_row("a"), before);
    })
    .await;
}

#[tokio::test]
async fn the_number_of_a_contradicted_job_is_free_for_the_next() {
    on_every_queue(async |bed| {
        let rows = [spec("a"), with_other_cloth("a", "x"), spec("b"), spec("b"), spec("c"), with_other_cloth("c", "x")];
        let (counted, rejected) = bed.load_from("jobs.csv", &rows).await;
        assert_eq!(counted, tally(1, 0, 0, 1, 4));
        assert_eq!(rejected.iter().map(|(_, row)| row.line).collect::<Vec<_>>(), [2, 3, 6, 7]);
        assert_eq!(bed.reported().await, ["a", "a", "b", "c", "c"]);
    })
    .await;
}

#[tokio::test]
async fn a_contradicted_job_takes_its_refused_attempts_with_it() {
    on_every_queue(async |bed| {
        bed.add(&[spec("a")]).await;
        let job = bed.claim(at(1)).await;
        bed.step(&job, Transition::TurnAway { retry_at: at(2) }).await;
        let (counted, _) = bed.load_from("jobs.csv", &[spec("a"), with_other_cloth("a", "x")]).await;
        assert_eq!(counted, tally(0, 0, 0, 0, 2));
        let own = bed.tables()["attempts"].iter().filter(|row| row["job"] == job.seq.0.to_string()).count();
        assert_eq!(own, 0);
    })
    .await;
}
