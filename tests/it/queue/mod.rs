//! The queue, from outside: every verb, what it writes, and what it leaves alone.

mod bed;
mod by_hand;
mod claim;
mod contract;
mod contradictions;
mod crash;
mod facts;
mod flags;
mod group_commit;
mod load;
mod log_growth;
mod open;
mod order;
mod publish;
mod reading;
mod record;
mod staged_load;
mod twins;
mod upgrade;
mod walk;
