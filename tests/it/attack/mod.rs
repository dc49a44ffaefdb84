//! The program against a provider that fails in every way `docs/provider.md` knows of. After each test the provider's own
//! books decide: one charged task a job, or none lost from sight.

mod account;
mod accounts;
mod bill;
mod damaged_inputs;
mod database_away;
mod dedupe;
mod doubt;
mod downloads;
mod flags;
mod gateways;
mod happy;
mod hosts_refused;
mod interruption;
mod left_in_doubt;
mod listing;
mod odd_answers;
mod on_end;
mod pictures;
mod queue_copy;
mod queue_fault;
mod shared_inputs;
mod slots;
mod slow_load;
mod tasks;
mod unfinished;
mod weather;
