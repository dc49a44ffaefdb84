//! Which account a job of an earlier run belongs to.
//!
//! Its attempt says so by name and address. Where this run has no such account (the shop has named its accounts since, renamed
//! one, or given one another address), the accounts are asked: who has a task of that account, by our name for it, is it. Where
//! no task of that account is known, the job's own is asked for by our name. The questions are free; a guess would let a task
//! that was paid for be taken for lost, or have it made and paid for a second time.

use std::sync::Arc;

use tokio::time::Instant;

use crate::job::JobState;
use crate::queue::{ActiveJob, QueueError, TakenTask};

use crate::engine::account::Account;
use crate::engine::account::recognize::Has;
use crate::engine::error::RunError;
use crate::engine::run::context::{Context, Shared};

/// The account that a job's attempt names, if the run has it, and has it where it was then.
pub(crate) fn named(accounts: &[Arc<Account>], job: &ActiveJob) -> Option<Arc<Account>> {
    let is_it = |account: &&Arc<Account>| account.id == job.account && account.endpoint == job.endpoint;
    accounts.iter().find(is_it).map(|account| account.for_model(&job.model))
}

/// The account that has a task of the account to which the job was sent; `None` where none has, or none can be asked for.
pub(crate) async fn asked_for(shared: &Shared, job: &ActiveJob) -> Result<Option<Arc<Account>>, RunError> {
    let known = known_of_the_account(shared, job).await?;
    let patience = match &known {
        Known::Task(_) => shared.settings.task_timeout,
        Known::OurName => shared.settings.doubt_age,
    };
    let began = Instant::now();
    loop {
        let asked = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return Ok(None),
            asked = ask_all(shared, job, &known) => asked,
        };
        match asked {
            Owner::Is(account) => return assign(shared, job, account).await,
            Owner::Nobody => return Ok(None),
            Owner::NotTold if began.elapsed() >= patience => return Ok(None),
            Owner::NotTold => {}
        }
        tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return Ok(None),
            () = tokio::time::sleep(shared.settings.doubt_interval) => {}
        }
    }
}

/// What all accounts together say.
enum Owner {
    Is(Arc<Account>),
    Nobody,
    /// Some of them have to be asked again.
    NotTold,
}

/// By what the account of a job is told from others.
enum Known {
    /// A task that it has: the job's own, or another one.
    Task(TakenTask),
    /// Nobody saw it accept a task: only that it knows the name under which the job was sent, if it was accepted.
    OurName,
}

/// Asks the accounts once, one after the other, until one has the task.
async fn ask_all(shared: &Shared, job: &ActiveJob, known: &Known) -> Owner {
    let (mut same_number, mut evaded, mut untold, mut stopped) = (Vec::new(), false, false, false);
    for account in shared.accounts.iter().map(|account| account.for_model(&job.model)) {
        let has = match known {
            Known::Task(task) => account.has(task).await,
            Known::OurName => account.has_named(&job.external_id).await,
        };
        match has {
            Has::Yes => return Owner::Is(account),
            Has::SameNumber => same_number.push(account),
            Has::No => {}
            Has::Evaded => evaded = true,
            Has::NotTold => untold = true,
            Has::Stopped => stopped = true,
        }
    }
    let knows_our_names = |account: &Arc<Account>| account.capabilities.external_ids() != Some(false);
    let may_appear = matches!(known, Known::OurName) && shared.accounts.iter().any(knows_our_names);
    match by_number(shared, job, same_number, !untold && !stopped) {
        Some(account) => Owner::Is(account),
        None if untold || evaded || may_appear => Owner::NotTold,
        None => Owner::Nobody,
    }
}

/// The account that a job may be taken to be at because it has a task of that number, where no answer says whose task it is.
///
/// Many resellers do not know our names for tasks, and a shop may still rename its account there, give it another address, or
/// name the accounts of a queue that was begun without names. What decides is the address, which has one count. A job in doubt
/// never goes by a number: at the wrong account it would be unknown, and be paid for twice.
fn by_number(shared: &Shared, job: &ActiveJob, same: Vec<Arc<Account>>, have_all_told: bool) -> Option<Arc<Account>> {
    if !names_its_task(job) {
        return None;
    }
    let place = job.endpoint.as_deref().map(address);
    let is_there = |account: &Account| place.is_none_or(|place| address_of(account) == place);
    let there = shared.accounts.iter().filter(|account| is_there(account)).count();
    let may_be = |account: &Account| match there {
        0 => account.id == job.account,
        _ => is_there(account),
    };
    let [account] = <[_; 1]>::try_from(same.into_iter().filter(|account| may_be(account)).collect::<Vec<_>>()).ok()?;
    (have_all_told || there == 1).then_some(account)
}

/// The address in what is kept of an account's place, which is `NAME at ADDRESS`; names have no spaces.
fn address(place: &str) -> &str {
    place.split_once(" at ").map_or(place, |(_, address)| address)
}

fn address_of(account: &Account) -> &str {
    address(account.endpoint.as_deref().unwrap_or(&account.name))
}

/// Writes down whose job it is; `None` where it is another worker's meanwhile.
async fn assign(shared: &Shared, job: &ActiveJob, account: Arc<Account>) -> Result<Option<Arc<Account>>, RunError> {
    let (name, endpoint) = (account.id.clone(), account.endpoint.clone());
    match shared.queue.assign_account(job.seq, job.attempt, name, endpoint).await {
        // A person has put it back meanwhile, and it was claimed.
        Err(QueueError::Stale { .. }) => Ok(None),
        assigned => assigned.map(|()| Some(account)).map_err(RunError::from),
    }
}

/// Whether another account of this run turns out to have what the job's account does not know: the shop has given that name to
/// another account. It is written down, and the job is taken up there.
pub(crate) async fn is_elsewhere(ctx: &Context, job: &ActiveJob) -> Result<bool, RunError> {
    if ctx.accounts.len() < 2 {
        return Ok(false);
    }
    let owner = asked_for(&ctx.shared, job).await?;
    Ok(owner.is_some_and(|owner| owner.id != ctx.account.id || owner.endpoint != ctx.account.endpoint))
}

/// The job's own task; or, for one that nobody saw accepted, another task of the account that it was sent to.
async fn known_of_the_account(shared: &Shared, job: &ActiveJob) -> Result<Known, RunError> {
    match &job.state {
        JobState::Running { task_id } | JobState::Downloading { task_id } => {
            // The task of a duplicate has the name that its leader's job gave it.
            let external_id = job.shares.is_none().then(|| job.external_id.clone());
            Ok(Known::Task(TakenTask { task_id: task_id.clone(), external_id }))
        }
        _ => Ok(shared.queue.task_of_the_same_account(job.seq, job.attempt).await?.map_or(Known::OurName, Known::Task)),
    }
}

fn names_its_task(job: &ActiveJob) -> bool {
    matches!(job.state, JobState::Running { .. } | JobState::Downloading { .. })
}
