//! What the end-to-end tests stand on: a provider that misbehaves on request, and a workshop to run the program in.

pub(crate) mod accounts;
pub(crate) mod composites;
pub(crate) mod in_process;
pub(crate) mod postgres;
pub(crate) mod power_cuts;
pub(crate) mod provider;
pub(crate) mod s3;
pub(crate) mod way;
pub(crate) mod wire;
pub(crate) mod workshop;

use std::path::Path;

use tryon::queue::{self, Opening, RunHold};

/// Holds the queue at this place, as a run does; it is made where there is none.
pub(crate) fn held(location: &Path) -> RunHold {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let queue = queue::open(location, Opening::OrMake).await.expect("a queue");
        queue.hold().await.expect("nobody has it")
    })
}
