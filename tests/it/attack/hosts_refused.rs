//! Several hosts on one queue, and a provider that refuses one job after the other.

use crate::support::postgres::Postgres;
use crate::support::provider::{Answer, OnCreate, Provider, Script};
use crate::support::workshop::Workshop;

/// After this many jobs the provider refuses all, so that 20 in a row end a run.
const TAKEN: u64 = 6;

#[test]
fn of_jobs_that_are_all_refused_three_hosts_together_submit_no_more_than_one_would_and_put_them_back() {
    let Some(server) = Postgres::server() else { return };
    let database = server.database();
    let shop = Workshop::new(150);
    let provider = Provider::start(Script {
        on_create: Box::new(|seen| match seen.nth {
            nth if nth <= TAKEN => OnCreate::Take,
            _ => OnCreate::Refuse(Answer::code(400, 1201, "the address is wrong")),
        }),
        ..Script::default()
    });
    let queue = server.location(&database).to_string();
    let start = |host: &str, arguments: &[&str]| {
        let mut command = shop.command(&provider, arguments);
        command.env("TRYON_QUEUE", &queue).env("TRYON_HOST", host).env("TRYON_STATE_DIR", shop.file("state"));
        command.env("TRYON_CONCURRENCY", "60").env("TRYON_RATE", "60");
        shop.begin(command)
    };
    start("one", &["load", "jobs.csv"]).end().assert_code(0);
    let hosts: Vec<_> =
        ["one", "two", "three"].map(|host| start(host, &["run", "--inputs", "."])).into_iter().collect();
    for host in hosts {
        let ended = host.end();
        ended.assert_code(3);
        assert!(ended.said.contains("refused"), "{}", ended.said);
    }
    let refused = provider.books().creates().len() as u64 - TAKEN;
    assert!((20..=40).contains(&refused), "{refused} jobs were refused over all hosts");
    let failed: i64 = server.with_client(&database, async move |client| {
        let query = "SELECT count(*) FROM tryon.jobs WHERE state = 'failed'";
        client.query_one(query, &[]).await.expect("a count").get(0)
    });
    assert_eq!(failed, 0, "what was refused so is not at fault");
}
