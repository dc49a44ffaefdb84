//! What the end-to-end tests stand on: a provider that misbehaves on request, and a workshop to run the program in.

pub(crate) mod composites;
pub(crate) mod in_process;
pub(crate) mod power_cuts;
pub(crate) mod provider;
pub(crate) mod workshop;
