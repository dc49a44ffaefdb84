//! PostgreSQL as the tests of the contract know it, straight and by way of a pooler, and what only it can show.

mod away;
mod claims;
mod hosts;
mod loads;
mod opening;

use std::any::Any;
use std::sync::mpsc;

use tokio_postgres::SimpleQueryMessage;

use tryon::queue::Location;

use super::bed::{BackEnd, Row, Tables};
use crate::support::postgres::Postgres;

pub(crate) const POSTGRES: BackEnd = BackEnd {
    name: "postgres",
    is_exclusive: false,
    location: |_, _| Postgres::server().map(|server| server.location(&server.database())),
    dump,
    check: |_| {},
    hold_writers,
};

/// The same by way of a pooler in transaction mode.
pub(crate) const POOLED: BackEnd = BackEnd {
    name: "postgres behind a pooler",
    location: |_, _| Postgres::server().and_then(|server| server.pooled(&server.database())),
    ..POSTGRES
};

/// A transaction of another program that keeps everybody else from writing to jobs, until it is dropped.
fn hold_writers(location: &Location) -> Box<dyn Any> {
    let (held, is_held) = mpsc::channel();
    let (until, end) = mpsc::channel::<()>();
    let database = database_of(location);
    std::thread::spawn(move || {
        let server = Postgres::server().expect("the server");
        server.with_client(&database, async move |client| {
            client.batch_execute("BEGIN; LOCK TABLE tryon.jobs IN EXCLUSIVE MODE").await.expect("nobody writes");
            held.send(()).expect("somebody waits");
            let _ = end.recv();
            client.batch_execute("ROLLBACK").await.expect("taken back");
        });
    });
    is_held.recv().expect("held");
    Box::new(until)
}

/// The database of a location.
pub(crate) fn database_of(location: &Location) -> String {
    let text = location.to_string();
    let place = text.split('?').next().expect("a place");
    place.rsplit('/').next().expect("a database").to_owned()
}

fn dump(location: &Location) -> Tables {
    let server = Postgres::server().expect("the server");
    let not_rows = ["tallies", "tally_changes", "meta", "version"];
    server.with_client(&database_of(location), async move |client| {
        let query = "SELECT tablename FROM pg_tables WHERE schemaname = 'tryon'";
        let names = client.query(query, &[]).await.expect("tables");
        let names = names.iter().map(|row| row.get::<_, String>(0)).filter(|name| !not_rows.contains(&name.as_str()));
        let mut tables = Tables::new();
        for name in names {
            let rows = client.simple_query(&format!("SELECT * FROM tryon.{name}")).await.expect("rows");
            let rows = rows.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    let cell = |(index, column): (usize, &tokio_postgres::SimpleColumn)| {
                        (column.name().to_owned(), row.get(index).unwrap_or("NULL").to_owned())
                    };
                    Some(row.columns().iter().enumerate().map(cell).collect::<Row>())
                }
                _ => None,
            });
            tables.insert(name, rows.collect());
        }
        tables
    })
}
