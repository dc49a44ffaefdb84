//! Reads while the database is away: what a run asks waits for its return.

use std::ffi::OsStr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tryon::queue::{self, Location, Opening};

use crate::support::postgres::Postgres;
use crate::support::way::Way;

#[tokio::test]
async fn what_is_known_of_an_endpoint_is_read_when_the_database_is_back() {
    let Some(server) = Postgres::server() else { return };
    let way = Way::to(server.port());
    let url = format!("postgres://tryon@127.0.0.1:{}/{}?sslmode=disable", way.port(), server.database());
    let location = Location::parse(OsStr::new(&url)).expect("an address");
    let queue = queue::open(location, Opening::OrMake).await.expect("a queue");
    queue.learn_slots("door".to_owned(), 7).await.expect("noted");
    queue.learn_pace("door".to_owned(), 2.5).await.expect("noted");
    queue.learn_external_ids("door".to_owned(), true).await.expect("noted");
    queue.wait_for_return(CancellationToken::new());
    way.cut();
    let asked = async { tokio::join!(queue.slots_found("door"), queue.pace_found("door"), queue.external_ids("door")) };
    let mut asked = std::pin::pin!(asked);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut asked).await;
    assert!(early.is_err(), "it does not wait: {early:?}");
    way.mend();
    let (slots, pace, ids) = asked.await;
    assert_eq!((slots.expect("read"), pace.expect("read"), ids.expect("read")), (Some(7), Some(2.5), Some(true)));
}
