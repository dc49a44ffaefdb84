//! SQLite as the tests of the contract know it: where its queues are, and what is in them, seen from outside.

use std::any::Any;
use std::fmt::Write as _;
use std::path::Path;

use rusqlite::Connection;

use crate::queue::bed::{BackEnd, Row, Tables};

pub(crate) const SQLITE: BackEnd = BackEnd {
    name: "sqlite",
    location: |folder, name| Some(folder.path().join(format!("{name}.db")).into()),
    is_exclusive: true,
    dump: |location| dump_sqlite(location.as_file().expect("a file")),
    check: |location| sqlite_is_sound(location.as_file().expect("a file")),
    hold_writers: |location| hold_writers(location.as_file().expect("a file")),
};

/// A transaction of another program that has begun to write. It is taken back when its connection is closed.
fn hold_writers(path: &Path) -> Box<dyn Any> {
    let db = outside(path);
    db.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    Box::new(db)
}

/// Connects to a queue file as another program would.
pub(crate) fn outside(path: &Path) -> Connection {
    Connection::open(path).expect("the queue's file")
}

pub(crate) fn dump_sqlite(path: &Path) -> Tables {
    let db = outside(path);
    let query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('tallies', 'meta')";
    let mut tables = db.prepare(query).expect("a query");
    let names = tables.query_map([], |row| row.get::<_, String>(0)).expect("tables");
    names
        .map(|name| {
            let name = name.expect("a name");
            let mut statement = db.prepare(&format!("SELECT * FROM {name}")).expect("a query");
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let read = |row: &rusqlite::Row<'_>| {
                let cells = columns.iter().enumerate().map(|(index, column)| {
                    let mut text = String::new();
                    match row.get_ref(index).expect("a cell") {
                        rusqlite::types::ValueRef::Null => text.push_str("NULL"),
                        rusqlite::types::ValueRef::Integer(value) => write!(text, "{value}").expect("text"),
                        rusqlite::types::ValueRef::Real(value) => write!(text, "{value}").expect("text"),
                        rusqlite::types::ValueRef::Text(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
                        rusqlite::types::ValueRef::Blob(bytes) => write!(text, "{bytes:?}").expect("text"),
                    }
                    (column.clone(), text)
                });
                Ok(cells.collect::<Row>())
            };
            let rows = statement.query_map([], read).expect("rows").collect::<Result<_, _>>().expect("rows");
            (name, rows)
        })
        .collect()
}

pub(crate) fn sqlite_is_sound(path: &Path) {
    let db = outside(path);
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(sound, "ok");
    let mut statement = db.prepare("PRAGMA foreign_key_check").expect("a check");
    assert!(statement.query([]).expect("rows").next().expect("a row").is_none(), "a reference leads nowhere");
}
