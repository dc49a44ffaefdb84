//! Opening a queue in a database: made once, refused where it is not ours or newer.

use tryon::job::ExternalTaskId;
use tryon::queue::{self, Claimant, Opening, QueueError};

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
