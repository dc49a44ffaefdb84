//! What an answer without a task means: for the account, which is told here, and for the job. Decided in this one place,
//! out of the meaning that the provider's table gives the answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::job::JobSeq;
use crate::provider::meaning::Trust;
use crate::provider::{AnswerFacts, Meaning, StopReason, TaskFault, TaskReport, TaskStatus, Trouble, task_fault};
use crate::queue::RefusedAlike;

use crate::engine::event::Fact;

use super::Account;
use super::backoff::Backoff;
use super::gate::Pass;
use super::refusals::RefusedJob;
use super::slots::Slot;

/// This many tasks that failed for want of room, with none made in between, end the run.
const MOST_WITHOUT_ROOM: u32 = 30;

/// What a create by which nothing was created means for its job.
#[derive(Debug)]
pub(crate) enum ForTheJob {
    /// The provider will never take it.
    Refuse,
    /// It waits for room at the account, as it did before. What there is to tell of the slots.
    WaitForRoom(Option<Fact>),
    /// It waits until the account takes creates again.
    Wait,
    /// It waits some time of its own, so that another job is sent first.
    WaitFor(Duration),
    /// An internal error, which may be the provider's trouble or the job's: [`Account::internal_error`] tells.
    InternalError,
    /// An answer that the client never takes for a refusal.
    Unclear,
}

/// Whose trouble an internal error is.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The provider's: the job waits so long.
    Provider(Duration),
    /// The job's, as far as can be told: an attempt of it is used up.
    Job,
}

impl Account {
    /// Takes in an answer by which nothing was created. `slot` is the one that the task was to take.
    pub(crate) fn refused(&self, pass: Pass, slot: Option<&Slot>, trouble: &mut Trouble) -> ForTheJob {
        if trouble.meaning == Meaning::Saturated && self.slots.hold_tasks() {
            // A gateway has the same words for "too many requests" and for "over the cap". With tasks of ours in flight
            // it is the cap, which room at the account ends.
            trouble.meaning = Meaning::OverCap;
        }
        pass.heed(trouble);
        match trouble.meaning {
            Meaning::JobRefused => ForTheJob::Refuse,
            Meaning::OverCap => ForTheJob::WaitForRoom(slot.map(Slot::over_cap)),
            Meaning::SlowDown
            | Meaning::Saturated
            | Meaning::StopRun(_)
            | Meaning::Suspect(_)
            | Meaning::NoChannel
            | Meaning::RenewToken => ForTheJob::Wait,
            Meaning::BackOff(Trust::MayBeTheJob) => ForTheJob::InternalError,
            Meaning::BackOff(Trust::Outage) => {
                ForTheJob::WaitFor(trouble.retry_after.unwrap_or_else(|| Backoff::JOB.jittered(1)))
            }
            Meaning::Ok | Meaning::InDoubt | Meaning::WebPage | Meaning::UnknownTask => ForTheJob::Unclear,
        }
    }

    /// Whose trouble a job's internal error is. `left` is how many jobs there are to compare it with, itself included.
    pub(crate) fn internal_error(&self, job: JobSeq, left: u64, trouble: &Trouble) -> Fault {
        let own = self.blame.wait_after(job);
        if self.blame.refused(job, left) {
            return Fault::Job;
        }
        Fault::Provider(trouble.retry_after.unwrap_or(own))
    }

    /// Takes in that a job was refused for good. Where one job after the other is refused alike, that ends submissions;
    /// then the jobs that were refused so are returned, for they are not at fault. `over_all` is the row of all hosts.
    pub(crate) fn refused_for_good(
        &self,
        job: RefusedJob,
        trouble: &Trouble,
        over_all: RefusedAlike,
    ) -> Vec<RefusedJob> {
        let withdrawn = self.refusals.refused(&refused_with(&trouble.facts), job, over_all);
        if !withdrawn.is_empty() {
            self.stop_over_refusals(&trouble.sentence());
        }
        withdrawn
    }

    /// Takes in that no host of the queue may submit anything, because as many jobs were refused alike as may be. Returns those
    /// of this run, where that ends its submissions; `None` where it does not yet.
    pub(crate) fn refused_elsewhere(&self, in_a_row: u32) -> Option<Vec<RefusedJob>> {
        let withdrawn = self.refusals.refused_elsewhere(in_a_row)?;
        self.stop_over_refusals(&format!("{in_a_row} jobs were refused alike, over all hosts"));
        Some(withdrawn)
    }

    fn stop_over_refusals(&self, said: &str) {
        self.gate.stop_submitting(StopReason::AllRefused, said);
        self.refusals.let_all_go();
    }

    /// Takes in that a job was accepted.
    pub(crate) fn accepted(&self, job: JobSeq, slot: Option<&mut Slot>) {
        if let Some(slot) = slot {
            slot.accepted();
        }
        self.blame.accepted(job);
        self.refusals.accepted();
    }

    /// Takes in how a task ended, `ago`, and frees its slot. Returns what there is to tell of the slots.
    pub(crate) fn task_ended(&self, slot: Option<Slot>, task: &TaskReport, ago: Duration) -> Option<Fact> {
        let found_no_room = fault_of(task) == Some(TaskFault::NoRoom);
        let fact = slot.and_then(|slot| {
            let fact = found_no_room.then(|| slot.over_cap());
            slot.freed(ago);
            fact
        });
        if task.status == TaskStatus::Succeeded && !task.images.is_empty() {
            self.no_room.store(0, Ordering::Relaxed);
        } else if found_no_room && self.no_room.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_WITHOUT_ROOM {
            // It is not known whether such tasks are charged, so that they are not made without end.
            self.gate.stop_submitting(StopReason::Saturated, task.message.as_deref().unwrap_or_default());
        }
        fact
    }
}

/// What refusals have in common that are about the same: the provider's code, a gateway's word, or else the status.
pub(crate) fn refused_with(facts: &AnswerFacts) -> String {
    let code = facts.code.map(|code| code.to_string()).or_else(|| facts.word.clone());
    code.unwrap_or_else(|| format!("HTTP {}", facts.http_status.unwrap_or_default()))
}

/// Whose trouble a task's failure is; `None` for a task that has not failed, or without a word why.
fn fault_of(task: &TaskReport) -> Option<TaskFault> {
    (task.status == TaskStatus::Failed).then(|| task.message.as_deref().map(task_fault)).flatten()
}
