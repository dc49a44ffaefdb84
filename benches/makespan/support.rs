//! A PostgreSQL of its own for hosts that share a queue: the one of the tests, which writes to disk as one does in earnest.

#![expect(dead_code, reason = "the tests use the rest of it")]

#[path = "../../tests/it/support/hosts/database.rs"]
pub(crate) mod database;
#[path = "../../tests/it/support/postgres.rs"]
pub(crate) mod postgres;
