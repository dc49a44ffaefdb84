//! The answers of the form, and the body of its callbacks.

use serde_json::{Value, json};

use crate::account::PaidFrom;
use crate::clock::{Micros, millis};
use crate::fault::ResultFlaw;
use crate::tasks::{Status, Task};
use crate::wire::{self, View};

/// A task as the create answers it.
pub(super) fn created(task: &Task, now: Micros) -> Value {
    json!({
        "task_id": task.task_id,
        "status": wire::word(Status::Submitted),
        "create_time": millis(task.created_at),
        "update_time": millis(task.created_at.min(now)),
        "external_id": task.external_id.as_deref().unwrap_or_default(),
    })
}

/// A task as a query shows it.
pub(super) fn task(task: &Task, now: Micros, view: View<'_>) -> Value {
    let status = task.status(now);
    let (outputs, billing) = match status {
        Status::Succeed => (outputs(task, view), view.paid_from.billing()),
        Status::Submitted | Status::Processing | Status::Failed => (json!([]), json!([])),
    };
    json!({
        "id": task.task_id,
        "status": wire::word(status),
        "message": task.failure.as_deref().filter(|_| status == Status::Failed).unwrap_or_default(),
        "create_time": millis(task.created_at),
        "update_time": millis(task.updated_at(now)),
        "external_id": task.external_id.as_deref().unwrap_or_default(),
        "outputs": outputs,
        "billing": billing,
    })
}

/// The body of a callback, which has another word for a success.
pub(crate) fn callback(task: &Task, now: Micros, view: View<'_>) -> Value {
    let mut body = self::task(task, now, view);
    if task.status(now) == Status::Succeed {
        body["status"] = json!("succeeded");
    }
    body
}

/// How a young task reads that is said to have failed.
pub(super) fn failed_as_not_found(task: &Task) -> Value {
    json!({ "id": task.task_id, "status": wire::word(Status::Failed), "message": "task not found" })
}

fn outputs(task: &Task, view: View<'_>) -> Value {
    match view.flaw {
        Some(ResultFlaw::NoImage) => json!([]),
        Some(ResultFlaw::NoIndex | ResultFlaw::WebP) | None => {
            json!([{ "type": "image", "url": wire::result_url(task, view.origin), "watermark_url": "" }])
        }
    }
}

impl PaidFrom {
    /// What a task that succeeded has cost, line by line.
    fn billing(self) -> Value {
        match self {
            Self::Package => json!([{ "charge_type": "unit", "amount": "1", "package_type": "virtual_try_on" }]),
            Self::Balance => {
                let (amount, list_price) = PaidFrom::FROM_BALANCE;
                json!([{
                    "charge_type": "cash", "amount": amount, "cash_type": "balance", "list_price": list_price,
                    "currency": "USD",
                }])
            }
        }
    }
}
