//! Statements: unnamed ones with typed parameters, each parsed, bound and run in one round trip.
//!
//! Statements that are asked for at once are sent at once, and PostgreSQL runs them in that order.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Transaction};

use super::error::Result;

/// A parameter, and its type.
pub(super) type Arg<'a> = (&'a (dyn ToSql + Sync), Type);

/// A Rust type, and the type of PostgreSQL's that it is sent as.
pub(super) trait Typed: ToSql + Sync {
    const TYPE: Type;
}

macro_rules! typed {
    ($($rust:ty => $sql:ident),* $(,)?) => { $(impl Typed for $rust { const TYPE: Type = Type::$sql; })* };
}

typed! {
    i64 => INT8, f64 => FLOAT8, bool => BOOL, String => TEXT, &str => TEXT,
    Vec<i64> => INT8_ARRAY, Vec<Option<i64>> => INT8_ARRAY, Vec<f64> => FLOAT8_ARRAY,
    Vec<String> => TEXT_ARRAY, Vec<Option<String>> => TEXT_ARRAY, Vec<&str> => TEXT_ARRAY,
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = T::TYPE;
}

pub(super) fn typed<T: Typed>(value: &T) -> Arg<'_> {
    (value, T::TYPE)
}

/// The parameters of a statement, from `$1` on.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$(crate::queue::postgres::db::typed(&$value)),*] };
}
pub(super) use args;

/// A connection on which statements are run: within a transaction, or each by itself.
#[derive(Clone, Copy)]
pub(super) struct Db<'a> {
    client: &'a Client,
}

impl<'a> Db<'a> {
    pub(super) fn within(transaction: &'a Transaction<'_>) -> Self {
        Self { client: transaction.client() }
    }

    pub(super) fn by_itself(client: &'a Client) -> Self {
        Self { client }
    }

    pub(super) fn client(self) -> &'a Client {
        self.client
    }

    pub(super) async fn rows(self, query: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        Ok(self.client.query_typed(query, args).await?)
    }

    /// The rows as `read` understands them. Each is read when it comes, while the server looks for the next ones.
    pub(super) async fn read<T>(
        self,
        query: &str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let args = args.iter().map(|(value, sql_type)| (*value, sql_type.clone()));
        let mut rows = pin!(self.client.query_typed_raw(query, args).await?);
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            found.push(read(&row)?);
        }
        Ok(found)
    }

    /// The only row, or none.
    pub(super) async fn row(self, query: &str, args: &[Arg<'_>]) -> Result<Option<Row>> {
        Ok(self.client.query_typed_opt(query, args).await?)
    }

    pub(super) async fn one(self, query: &str, args: &[Arg<'_>]) -> Result<Row> {
        Ok(self.client.query_typed_one(query, args).await?)
    }

    /// Returns the number of rows that were changed.
    pub(super) async fn run(self, statement: &str, args: &[Arg<'_>]) -> Result<u64> {
        Ok(self.client.execute_typed(statement, args).await?)
    }

    /// Waits for a lock that other transactions take under the same words, until this transaction ends.
    pub(super) async fn lock(self, what: &str) -> Result<()> {
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 7308901))", args![what]).await?;
        Ok(())
    }

    /// Takes such a lock if nobody has it.
    pub(super) async fn try_lock(self, what: &str) -> Result<bool> {
        let row = self.one("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7308901))", args![what]).await?;
        Ok(row.try_get(0)?)
    }
}
