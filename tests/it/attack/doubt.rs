//! Submissions whose answers are lost: found again, sent again where that is certainly safe, or left for a person.

use std::sync::LazyLock;
use std::time::Duration;

use tryon::engine::{InDoubtPolicy, RunEnd};

use crate::support::in_process::run_here;
use crate::support::provider::{
    Answer, Books, CreateSeen, ExternalIds, Kind, Loss, OnCreate, OnQuery, Provider, Script, Seen,
};
use crate::support::workshop::{JobRow, Workshop};

/// Loses the first answer of every third job, each in another way; three in a row would be an outage.
fn lose_every_way(seen: &CreateSeen) -> OnCreate {
    let number: usize = seen.job.trim_start_matches("job-").parse().expect("a number");
    match Loss::ALL.get((number / 3).wrapping_sub(1)) {
        Some(loss) if number.is_multiple_of(3) && seen.nth_of_job == 1 => OnCreate::Lose(*loss),
        _ => OnCreate::Take,
    }
}

#[test]
fn an_answer_lost_in_any_way_is_found_again_by_the_external_id() {
    let provider =
        Provider::start(Script { on_create: Box::new(lose_every_way), refuses_duplicates: false, ..Script::default() });
    let shop = Workshop::new(3 * Loss::ALL.len());
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), shop.jobs.len());
    assert!(shop.rows().iter().all(|row| row.attempts == 1), "{}", shop.standing());
}

#[test]
fn where_external_ids_are_not_known_a_lost_answer_is_held_and_resubmitted_only_on_request() {
    let provider = Provider::start(Script {
        on_create: Box::new(lose_every_way),
        external_ids: ExternalIds::Ignored,
        ..Script::default()
    });
    let lost = Loss::ALL.len();
    let shop = Workshop::new(3 * lost);
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!((shop.count("in_doubt"), shop.count("succeeded")), (lost, 2 * lost), "{}", shop.standing());
    assert_eq!(provider.books().creates().len(), 3 * lost);
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!(provider.books().creates().len(), 3 * lost, "held means held");
    let report = std::fs::read_to_string(shop.out().join("report.csv")).expect("a report");
    assert_eq!(report.lines().filter(|line| line.contains(",in_doubt,")).count(), lost, "{report}");
    shop.run(&provider, &["--in-doubt", "resubmit"]).assert_code(0);
    assert_eq!(shop.count("succeeded"), 3 * lost);
    assert_eq!(provider.books().creates().len(), 4 * lost);
    shop.assert_published();
}

#[test]
fn a_young_task_that_cannot_be_found_yet_is_not_given_up_after_one_question() {
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| if seen.nth == 1 { OnCreate::Lose(Loss::Closed) } else { OnCreate::Take }),
        on_query: Box::new(|seen| match seen.nth_of_task {
            1 => OnQuery::Unknown,
            _ => OnQuery::Truth,
        }),
        refuses_duplicates: false,
        ..Script::default()
    });
    let shop = Workshop::new(1);
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    let end = run_here(&shop, &provider, |settings| settings.in_doubt = InDoubtPolicy::Resubmit);
    assert_eq!(end, RunEnd::Done);
    shop.assert_all_done(&provider);
}

#[test]
fn doubt_that_the_budget_forbids_to_settle_ends_the_run_instead_of_keeping_it_alive() {
    let provider = Provider::start(Script { resets: Box::new(|nth| nth == 2), ..Script::default() });
    let shop = Workshop::new(2);
    let run = shop.start(&provider, &["--concurrency", "1"]);
    provider.wait_until("the lost submission", |books| books.creates().len() == 2 && books.tasks.len() == 1);
    run.kill();
    assert_eq!(run_here(&shop, &provider, |settings| settings.budget = Some(0)), RunEnd::BudgetSpent);
    assert_eq!(provider.books().creates().len(), 2);
    assert_eq!(run_here(&shop, &provider, |settings| settings.budget = Some(1)), RunEnd::Done);
    shop.assert_all_done(&provider);
}

/// Settling doubt takes seconds, so one run, in which five jobs are in doubt for different reasons, serves several tests.
struct Afternoon {
    books: Books,
    rows: Vec<JobRow>,
}

/// The create of this number never arrives.
const LOST_ON_THE_WAY: u64 = 4;

fn afternoon() -> &'static Afternoon {
    static AFTERNOON: LazyLock<Afternoon> = LazyLock::new(|| {
        let provider = Provider::start(Script {
            resets: Box::new(|nth| nth == LOST_ON_THE_WAY),
            on_create: Box::new(|seen| match (seen.job.as_str(), seen.nth_of_job) {
                ("job-002", 1) => OnCreate::Lose(Loss::Html502),
                ("job-002", _) => OnCreate::Refuse(Answer::code(400, 1201, "external_task_id is already used")),
                ("job-006", 1) => OnCreate::TakeLate(Duration::from_secs(2)),
                ("job-008", 1) => OnCreate::Lose(Loss::Html504),
                _ => OnCreate::Take,
            }),
            on_query: Box::new(|seen| match (seen.job.as_deref(), seen.nth_of_task) {
                (Some("job-002"), ..=2) => OnQuery::Unknown,
                (Some("job-008"), ..=2) => OnQuery::Answer(Answer::html(404, "404 page not found")),
                _ => OnQuery::Truth,
            }),
            refuses_duplicates: false,
            ..Script::default()
        });
        let shop = Workshop::new(9);
        // Slow enough that creates arrive in the order of their jobs.
        shop.run(&provider, &["--rate", "15", "--doubt-age", "4s"]).assert_code(0);
        shop.assert_all_done(&provider);
        Afternoon { books: provider.books(), rows: shop.rows() }
    });
    &AFTERNOON
}

impl Afternoon {
    /// The external ids of the creates for a job whose bodies were read, and how they were answered.
    fn creates_of(&'static self, of: &str) -> Vec<(&'static str, Option<u16>)> {
        let of_job = |seen: &'static Seen| match &seen.kind {
            Kind::Create { job: Some(job), external_id: Some(id) } if job == of => Some((id.as_str(), seen.status)),
            _ => None,
        };
        self.books.requests.iter().filter_map(of_job).collect()
    }
}

#[test]
fn doubt_that_is_settled_costs_no_attempt() {
    let afternoon = afternoon();
    assert!(afternoon.rows.iter().all(|row| row.attempts == 1), "{:?}", afternoon.rows);
    assert_eq!(afternoon.books.creates().len(), 9 + 2, "{}", afternoon.books.story());
}

#[test]
fn a_request_that_never_arrived_is_sent_again_under_the_same_external_id() {
    let afternoon = afternoon();
    let [(id, Some(200))] = afternoon.creates_of("job-004")[..] else { panic!("{}", afternoon.books.story()) };
    let queries = afternoon.books.queries();
    let asked: Vec<_> = queries.into_iter().filter(|seen| seen.kind == Kind::Query(id.to_owned())).collect();
    assert!(asked.len() >= 2, "it was sent again before it was asked for twice: {}", afternoon.books.story());
    let between = asked[asked.len() - 1].at.duration_since(asked[0].at);
    assert!(between >= Duration::from_secs(2), "asked twice within {between:?}");
}

#[test]
fn a_duplicate_that_is_refused_leads_to_the_task_that_exists() {
    let creates = afternoon().creates_of("job-002");
    let [(first, Some(502)), (again, Some(400))] = creates[..] else { panic!("{creates:?}") };
    assert_eq!(first, again, "sent again under the same external id");
}

#[test]
fn a_task_that_appears_only_after_the_first_question_is_found_by_the_second() {
    assert_eq!(afternoon().creates_of("job-006").len(), 1);
}

#[test]
fn a_404_of_a_gateway_is_no_proof_that_there_is_no_task() {
    assert_eq!(afternoon().creates_of("job-008").len(), 1, "{}", afternoon().books.story());
}
