//! The queue, from outside: every verb, what it writes, and what it leaves alone. All through its contract, against every
//! back end that `bed` names; what only one of them can show is in a folder of its own.

mod accounts;
pub(crate) mod bed;
mod by_hand;
mod claim;
mod columns;
mod contents;
mod contract;
mod contradictions;
mod equal;
mod facts;
mod flags;
mod hold;
mod hosts;
mod load;
mod order;
mod postgres;
mod publish;
mod reading;
mod record;
mod reviews;
mod selection;
mod sqlite;
mod staged_load;
mod twins;
mod unseen;
mod walk;
