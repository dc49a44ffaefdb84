//! A queue's database read out as it is, and filled with what another queue had.

use std::error::Error;
use std::pin::pin;

use tokio::sync::mpsc;
use tokio_postgres::Row as DbRow;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::queue::moving::{Cell, Copied, CopyError, Kind, PAGE, Page, Paths, Row, TABLES, Table};
use crate::queue::{PostgresAddress, QueueError};

use super::Db;
use super::connect::{Server, begin, begin_reading};
use super::db::args;
use super::epochs::{CLOCK, is_live};
use super::error::Result;
use super::new_jobs::note_load;
use super::open::{migrate, must_exist, version};
use super::rows::{storable, whole};

type Copying<T> = std::result::Result<T, CopyError>;

/// Sends everything that the queue has, as of one moment. No run begins meanwhile.
pub(in crate::queue) async fn read_out(address: &PostgresAddress, pages: mpsc::Sender<Page>) -> Copying<()> {
    let server = Server::at(address)?;
    must_exist(&server).await?;
    let mut guard = server.client().await?;
    let guard = begin(&mut guard).await?;
    lock(Db::within(&guard)).await?;
    refuse_open_hosts(Db::within(&guard)).await?;
    let mut client = server.client().await?;
    let transaction = begin_reading(&mut client).await?;
    let db = Db::within(&transaction);
    for (place, table) in TABLES.iter().enumerate() {
        db.run(&format!("DECLARE moving NO SCROLL CURSOR FOR {}", query(table)), args![]).await?;
        loop {
            let rows = db.rows(&format!("FETCH {PAGE} FROM moving"), args![]).await?;
            let is_last = rows.len() < PAGE;
            let rows = rows.iter().map(|row| read_row(table, row)).collect::<Result<Vec<_>>>()?;
            send(&pages, Page::Rows(place, rows)).await?;
            if is_last {
                break;
            }
        }
        db.run("CLOSE moving", args![]).await?;
    }
    transaction.rollback().await.map_err(QueueError::from)?;
    guard.rollback().await.map_err(QueueError::from)?;
    Ok(send(&pages, Page::End).await?)
}

async fn send(pages: &mpsc::Sender<Page>, page: Page) -> Result<()> {
    pages.send(page).await.map_err(|_| QueueError::Closed)
}

/// Keeps loads and starts of runs away until the transaction ends.
async fn lock(db: Db<'_>) -> Result<()> {
    db.lock("tryon: load").await?;
    db.lock("tryon: hosts").await
}

/// A host that lives is at work; of one that is silent nobody knows.
async fn refuse_open_hosts(db: Db<'_>) -> Copying<()> {
    refuse_living_hosts(db).await?;
    let open = db.row("SELECT name FROM tryon.hosts WHERE dead_at IS NULL ORDER BY epoch LIMIT 1", args![]).await?;
    match open {
        Some(row) => Err(CopyError::HostOpen(row.try_get(0).map_err(QueueError::from)?)),
        None => Ok(()),
    }
}

async fn refuse_living_hosts(db: Db<'_>) -> Result<()> {
    let query = format!(
        "SELECT name, process, greatest({CLOCK} - seen_at, 0) / 1000 FROM tryon.hosts WHERE {} ORDER BY epoch LIMIT 1",
        is_live()
    );
    match db.row(&query, args![]).await? {
        Some(row) => {
            Err(QueueError::HostAtWork { name: row.try_get(0)?, process: whole(&row, 1)?, seconds: whole(&row, 2)? })
        }
        None => Ok(()),
    }
}

/// The query for a table's rows. Two of them are kept in another way here.
fn query(table: &Table) -> String {
    match table.name {
        "last_tasks" => "SELECT DISTINCT ON (account, run) run, account, task_id, external_id FROM (
                SELECT a.run, coalesce(a.endpoint, '') || CASE WHEN a.model LIKE 'virtual-try-on-3%' THEN '/3' ELSE '' END
                              AS account, a.task_id, a.external_task_id AS external_id, 1 AS rank, a.accepted_at, a.job
                  FROM tryon.attempts a WHERE a.accepted_at IS NOT NULL AND a.task_id IS NOT NULL AND a.shares IS NULL
                UNION ALL SELECT run, account, task_id, external_id, 0, 0, 0 FROM tryon.told_by) AS taken
              ORDER BY account, run, rank DESC, accepted_at DESC, job DESC"
            .to_owned(),
        "tallies" => "SELECT name, sum(value) AS value FROM (SELECT name, value FROM tryon.tallies
                       UNION ALL SELECT name, change FROM tryon.tally_changes) AS counted GROUP BY name"
            .to_owned(),
        name => format!("SELECT {} FROM tryon.{name}", table.list()),
    }
}

fn read_row(table: &Table, row: &DbRow) -> Result<Row> {
    let cell = |(place, (_, kind)): (usize, &(&str, Kind))| -> Result<Cell> {
        Ok(match kind {
            Kind::Whole => row.try_get::<_, Option<i64>>(place)?.map(Cell::Whole),
            Kind::Real => row.try_get::<_, Option<f64>>(place)?.map(Cell::Real),
            Kind::Text => row.try_get::<_, Option<String>>(place)?.map(Cell::Text),
            Kind::YesOrNo => row.try_get::<_, Option<bool>>(place)?.map(|yes| Cell::Whole(yes.into())),
        }
        .unwrap_or(Cell::Empty))
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// Fills the database with what comes, in one transaction.
pub(in crate::queue) async fn fill(
    address: &PostgresAddress,
    mut pages: mpsc::Receiver<Page>,
    paths: &Paths,
    output: Option<&str>,
) -> Copying<Copied> {
    let server = Server::at(address)?;
    migrate(&server).await?;
    let mut client = server.client().await?;
    let transaction = begin(&mut client).await?;
    let db = Db::within(&transaction);
    lock(db).await?;
    version(db, address).await?;
    refuse_living_hosts(db).await?;
    let has_rows = "SELECT EXISTS (SELECT 1 FROM tryon.jobs) OR EXISTS (SELECT 1 FROM tryon.rejected_rows)";
    if db.one(has_rows, args![]).await?.try_get(0).map_err(QueueError::from)? {
        return Err(CopyError::HasJobs(address.clone().into()));
    }
    let tables = TABLES.iter().map(|table| format!("tryon.{}", name_here(table))).collect::<Vec<_>>().join(", ");
    let empty = format!("TRUNCATE {tables}, tryon.tally_changes, tryon.turns, tryon.unseen, tryon.refusals");
    db.client().batch_execute(&empty).await.map_err(QueueError::from)?;
    let mut copied = Copied::default();
    let mut next = pages.recv().await;
    for (place, table) in TABLES.iter().enumerate() {
        next = write_table(db, (place, table), next, &mut pages, paths, &mut copied).await?;
    }
    if !matches!(next, Some(Page::End)) {
        return Err(QueueError::Closed.into());
    }
    if let Some(output) = output {
        let keep = "INSERT INTO tryon.meta (key, value) VALUES ('output', $1) ON CONFLICT (key) DO NOTHING";
        db.run(keep, args![output]).await?;
    }
    note_load(db).await?;
    for (table, column) in [("hosts", "epoch"), ("runs", "run"), ("reviews", "review"), ("contents", "content")] {
        let statement = format!(
            "SELECT setval(pg_get_serial_sequence('tryon.{table}', '{column}'), max({column})) FROM tryon.{table}
             HAVING max({column}) IS NOT NULL"
        );
        db.rows(&statement, args![]).await?;
    }
    transaction.commit().await.map_err(QueueError::from)?;
    // Only the planner's estimates depend on it.
    let _ = client.batch_execute("ANALYZE tryon.jobs; ANALYZE tryon.inputs; ANALYZE tryon.attempts").await;
    Ok(copied)
}

fn name_here(table: &Table) -> &'static str {
    if table.name == "last_tasks" { "told_by" } else { table.name }
}

/// Writes the pages of one table, of which the first is at hand; returns the first of the next one.
async fn write_table(
    db: Db<'_>,
    (place, table): (usize, &Table),
    mut next: Option<Page>,
    pages: &mut mpsc::Receiver<Page>,
    paths: &Paths,
    copied: &mut Copied,
) -> Copying<Option<Page>> {
    let statement = format!("COPY tryon.{} ({}) FROM STDIN BINARY", name_here(table), table.list());
    let sink = db.client().copy_in(&statement).await.map_err(QueueError::from)?;
    let types: Vec<Type> = table.columns.iter().map(|(_, kind)| type_of(*kind)).collect();
    let mut copy = pin!(BinaryCopyInWriter::new(sink, &types));
    while let Some(Page::Rows(of, rows)) = next {
        if of != place {
            next = Some(Page::Rows(of, rows));
            break;
        }
        copied.count(table, rows.len());
        for mut row in rows {
            paths.apply(table, &mut row)?;
            let cells: Vec<Sent> = row.into_iter().map(Sent).collect();
            let cells: Vec<&(dyn ToSql + Sync)> = cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
            copy.as_mut().write(&cells).await.map_err(QueueError::from)?;
        }
        next = pages.recv().await;
    }
    copy.finish().await.map_err(QueueError::from)?;
    Ok(next)
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Whole => Type::INT8,
        Kind::Real => Type::FLOAT8,
        Kind::Text => Type::TEXT,
        Kind::YesOrNo => Type::BOOL,
    }
}

/// A value as it is sent to a column.
#[derive(Debug)]
struct Sent(Cell);

impl ToSql for Sent {
    fn to_sql(&self, to: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Cell::Empty => Ok(IsNull::Yes),
            Cell::Whole(number) if *to == Type::BOOL => (*number != 0).to_sql(to, out),
            Cell::Whole(number) => number.to_sql(to, out),
            Cell::Real(number) => number.to_sql(to, out),
            Cell::Text(text) => storable(text).to_sql(to, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
