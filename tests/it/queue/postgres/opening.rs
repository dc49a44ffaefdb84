//! Opening a queue in a database: made once, refused where it is not ours or newer.

use tryon::job::{ExternalTaskId, JobSeq, Verdict};
use tryon::queue::{self, Claimant, Judgement, LoadRow, ManifestNames, Opening, QueueError};

use super::{POSTGRES, database_of};
use crate::queue::bed::{at, on_a_queue_of, spec};
use crate::support::postgres::Postgres;

#[tokio::test]
async fn a_database_without_a_queue_is_left_as_it_is_until_one_is_made() {
    let Some(server) = Postgres::server() else { return };
    let location = server.location(&server.database());
    let site = queue::at(&location);
    assert!(!site.exists().await);
    for error in [site.open_to_read().await.map(drop), site.open(Opening::Existing).await.map(drop)] {
        let error = error.expect_err("nothing is there");
        assert!(matches!(&error, QueueError::Missing(missing) if *missing == location), "{error}");
    }
    assert!(!site.exists().await);
    // Many processes may be the first at once.
    let opened = futures_util::future::join_all((0..8).map(|_| site.open(Opening::OrMake))).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert!(site.exists().await && site.open(Opening::Existing).await.is_ok());
}

#[tokio::test]
async fn another_programs_schema_is_left_alone() {
    let Some(server) = Postgres::server() else { return };
    let database = server.database();
    server.run(&database, "CREATE SCHEMA tryon; CREATE TABLE tryon.orders (id BIGINT)");
    let error = queue::open(server.location(&database), Opening::OrMake).await.expect_err("foreign");
    assert!(matches!(error, QueueError::Foreign { .. }), "{error}");
}

/// A queue as version 1 made it, with a job that has a result.
const VERSION_1: &str = concat!(
    "CREATE SCHEMA tryon;",
    include_str!("../../../../src/queue/postgres/schema_1.sql"),
    "INSERT INTO tryon.version VALUES (1);
     INSERT INTO tryon.inputs VALUES (1, '/shop/ana.jpg', 'ana.jpg'), (2, '/shop/coat.jpg', 'coat.jpg');
     INSERT INTO tryon.runs (started_at, seen_at, slots) VALUES (1, 1, 3);
     INSERT INTO tryon.jobs (seq, human, cloth, priority, attempt, keep, finished_at, id, id_key, state)
         VALUES (1, 1, 2, 0, 1, 7, 5, 'ana', 'ana', 'succeeded');
     INSERT INTO tryon.attempts (job, attempt, run, claimed_at, asked, accepted_at, external_task_id, model, outcome, task_id)
         VALUES (1, 1, 1, 1, 1, 2, 'ours', 'kolors-virtual-try-on-v1', 'succeeded', 'theirs');
     INSERT INTO tryon.images (job, image, width, height, bytes, path, path_key, sha256)
         VALUES (1, 0, 768, 1024, 9, 'ana.png', 'ana', 'ab');
     INSERT INTO tryon.tallies VALUES ('succeeded', 1);"
);

#[tokio::test]
async fn a_queue_of_version_1_is_looked_at_as_it_is_and_taken_over_whole() {
    let Some(server) = Postgres::server() else { return };
    let database = server.database();
    server.run(&database, VERSION_1);
    let location = server.location(&database);
    let version = || {
        server.with_client(&database, async |client| {
            client.query_one("SELECT version FROM tryon.version", &[]).await.expect("a version").get::<_, i64>(0)
        })
    };
    let mut look = queue::at(&location).look().await.expect("a look");
    look.begin_manifest(ManifestNames::only("jobs.csv")).await.expect("begun");
    let rows = vec![LoadRow::Job { spec: spec("ana"), line: 2 }];
    assert_eq!(look.pictures_to_read(&rows).await.expect("an answer"), []);
    assert_eq!(look.add(rows).await.expect("compared").len(), 1, "it was submitted with other pictures");
    assert_eq!(look.known_contents(0, 9).await.expect("a page"), []);
    drop(look);
    assert_eq!(version(), 1, "and nothing was changed");

    let queue = queue::open(&location, Opening::Existing).await.expect("a queue");
    assert_eq!(version(), 3);
    let job = queue.job("ana").await.expect("the job");
    assert_eq!((job.review, job.spec.extra.is_empty(), job.output.as_deref()), (None, true, Some("ana.png")));
    assert_eq!(queue.counts().await.expect("counts").unjudged(), 1);
    assert_eq!(queue.made_from(JobSeq(0), 9).await.expect("a page")[0].pictures, [], "unknown is not changed");
    let approve = Judgement { id: "ana".to_owned(), verdict: Some(Verdict::Approved), ..Judgement::default() };
    queue.judge(approve, at(1)).await.expect("judged");
    assert_eq!(queue.counts().await.expect("counts").approved, 1);
}

#[tokio::test]
async fn a_queue_that_a_later_version_has_migrated_is_neither_opened_nor_claimed_from() {
    on_a_queue_of(&POSTGRES, async |bed| {
        bed.add(&[spec("a")]).await;
        let server = Postgres::server().expect("the server");
        server.run(&database_of(bed.location()), "UPDATE tryon.version SET version = 4711");
        let opened = queue::open(bed.location(), Opening::OrMake).await.expect_err("newer");
        let read = queue::at(bed.location()).open_to_read().await.map(drop).expect_err("newer");
        let claimed = bed.queue.claim(bed.run, ExternalTaskId::unique(), Claimant::default(), at(1)).await;
        for error in [opened, read, claimed.expect_err("a program that runs stops too")] {
            assert!(matches!(error, QueueError::Newer { found: 4711, .. }), "{error}");
            assert!(error.to_string().contains("update tryon"), "{error}");
        }
        server.run(&database_of(bed.location()), "UPDATE tryon.version SET version = 2");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named_and_may_come_back() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let url = format!("postgres://shop:hush-5f3a@127.0.0.1:{free}/may");
    let location = queue::Location::parse(url.as_ref()).expect("a location");
    let error = queue::open(&location, Opening::Existing).await.expect_err("nobody listens");
    assert!(error.is_transient(), "{error}");
    assert!(!format!("{error} {error:?} {location:?} {:?}", queue::at(&location)).contains("hush"), "{error:?}");
}
