//! The queue, from outside: every verb, what it writes, and what it leaves alone.

mod bed;
mod by_hand;
mod claim;
mod contradictions;
mod load;
mod publish;
mod record;
