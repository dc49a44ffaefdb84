//! The queue in PostgreSQL: any number of hosts work it together.
//!
//! It works through a pooler in transaction mode: no session state, no `LISTEN`, no lock that outlives its transaction, no
//! statement with a name. Every verb is one transaction at READ COMMITTED in which the job's row is locked first, so verbs
//! about one job follow each other; what concerns several jobs at once (identical pairs, identical pictures, loads) is
//! ordered by advisory locks of the transaction.

mod back_end;
mod by_hand;
mod claim;
mod connect;
mod contents;
mod db;
mod duplicates;
mod epochs;
mod error;
mod facts;
mod hosts;
mod keep_load;
mod last_tasks;
mod load;
mod loaded_elsewhere;
mod looks;
mod moving;
mod new_jobs;
mod open;
mod own_tasks;
mod pages;
mod password;
mod publish;
mod read;
mod reads;
mod refusals;
mod repeats;
mod reviews;
mod rows;
mod site;
mod staged;
mod staged_copy;
mod tally;
mod tls;
mod transition;
mod transition_all;
mod unseen;
mod workload;

pub(super) use moving::{fill, read_out};
pub(super) use site::PostgresDatabase;

use db::Db;
