//! The account pages of Kling itself: what is left in the resource pack, and what was deducted for which task.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock::{Micros, millis};
use super::routes::Service;
use super::tasks::Task;
use super::wire::{self, Refusal};

/// What the stand-in's pack holds, in units: more than anyone uses up here.
const PACK_UNITS: i64 = 1_000_000;

/// The most entries on one page of the billing list.
const MAX_PAGE: u32 = 500;

/// What an account pays from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PaidFrom {
    /// A package of units.
    #[default]
    Package,
    /// A balance of money; there is no package.
    Balance,
}

impl PaidFrom {
    /// What a task costs of a balance: the amount deducted, and the list price.
    pub(super) const FROM_BALANCE: (&'static str, &'static str) = ("0.28", "0.35");

    /// Enters into a task that succeeded what it cost.
    pub(super) fn tell(self, data: &mut Value) {
        match self {
            Self::Package => data["final_unit_deduction"] = json!("1"),
            Self::Balance => {
                let (quota, list_price) = PaidFrom::FROM_BALANCE;
                data["final_balance_deduction"] = json!({ "quota": quota, "list_price": list_price });
            }
        }
    }
}

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/account/costs", get(costs))
        .route("/account/billing/package", post(|service, body| billing(service, body, PaidFrom::Package)))
        .route("/account/billing/balance", post(|service, body| billing(service, body, PaidFrom::Balance)))
}

async fn costs(State(service): State<Arc<Service>>) -> Result<Response, Refusal> {
    service.costs_pace.take(Instant::now()).map_err(Refusal::too_fast)?;
    if service.config.paid_from == PaidFrom::Balance {
        return Ok(no_packages());
    }
    let spent = service.blocking(|service| Ok(service.tasks.paid_count(service.clock.now())?)).await?;
    let bought_at = millis(service.clock.now()) - 24 * 60 * 60 * 1_000;
    let pack = json!({
        "resource_pack_name": "Virtual Try-On (sandbox)",
        "resource_pack_id": "sandbox",
        "resource_pack_type": "decreasing_total",
        "total_quantity": PACK_UNITS as f64,
        "remaining_quantity": (PACK_UNITS - spent).max(0) as f64,
        "purchase_time": bought_at,
        "effective_time": bought_at,
        "invalid_time": bought_at + 365 * 24 * 60 * 60 * 1_000,
        "status": if spent < PACK_UNITS { "online" } else { "runOut" },
    });
    Ok(wire::success(&json!({ "code": 0, "msg": "success", "resource_pack_subscribe_infos": [pack] })))
}

/// The page of an account without packages: there is no list at all.
pub(super) fn no_packages() -> Response {
    wire::success(&json!({ "code": 0, "msg": "success" }))
}

#[derive(Deserialize)]
struct Filter {
    key: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
struct BillingRequest {
    start_time: Option<i64>,
    end_time: Option<i64>,
    limit: Option<u32>,
    #[serde(default)]
    filters: Vec<Filter>,
    cursor: Option<String>,
}

/// Where a page of the billing list begins; a cursor is its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    from: Micros,
    to: Micros,
    after: (Micros, i64),
    limit: u32,
}

impl Place {
    fn cursor(self) -> String {
        format!("{}_{}_{}_{}_{}", self.from, self.to, self.after.0, self.after.1, self.limit)
    }

    fn parse(cursor: &str) -> Option<Self> {
        let numbers: Vec<i64> = cursor.split('_').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [from, to, ends_at, seq, limit] = numbers[..] else { return None };
        let limit = u32::try_from(limit).ok().filter(|limit| (1..=MAX_PAGE).contains(limit))?;
        Some(Self { from, to, after: (ends_at, seq), limit })
    }

    fn first(request: &BillingRequest) -> Result<Self, Refusal> {
        let (Some(start), Some(end)) = (request.start_time, request.end_time) else {
            return Err(Refusal::bad_parameter("start_time and end_time are required"));
        };
        let limit = request.limit.unwrap_or(MAX_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Refusal::bad_parameter(format!("limit: must be between 1 and {MAX_PAGE}")));
        }
        let (from, to) = (start.saturating_mul(1_000), end.saturating_mul(1_000));
        Ok(Self { from, to, after: (Micros::MIN, 0), limit })
    }
}

async fn billing(State(service): State<Arc<Service>>, body: Bytes, of: PaidFrom) -> Result<Response, Refusal> {
    let request: BillingRequest = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_parameter(format!("the request body is not the JSON it should be: {error}")))?;
    let place = match &request.cursor {
        Some(cursor) => Place::parse(cursor).ok_or_else(|| Refusal::bad_parameter("cursor: is none of ours"))?,
        None => Place::first(&request)?,
    };
    let wanted = |filter: &Filter| filter.key != "product_type" || filter.values.iter().any(|v| v == "try-on");
    let tasks = if of == service.config.paid_from && request.filters.iter().all(wanted) {
        service
            .blocking(move |service| {
                // What has not ended yet is not paid for yet.
                let now = service.clock.now();
                // One more than the page holds tells whether there is another page.
                Ok(service.tasks.paid((place.from, place.to), place.after, place.limit + 1, now)?)
            })
            .await?
    } else {
        Vec::new()
    };
    let limit = place.limit as usize;
    let has_more = tasks.len() > limit;
    let shown = &tasks[..tasks.len().min(limit)];
    let next = shown.last().filter(|_| has_more).map(|last| Place { after: (last.ends_at, last.seq), ..place });
    Ok(wire::success(&json!({
        "result": { "detail": shown.iter().map(|task| detail(task, of)).collect::<Vec<_>>() },
        "next_cursor": next.map(Place::cursor).unwrap_or_default(),
        "has_more": has_more,
    })))
}

fn detail(task: &Task, of: PaidFrom) -> Value {
    let mut entry = json!({
        "task_id": task.task_id,
        "product_type": "try-on",
        "model_name": task.model,
        "deduction_time": millis(task.ends_at).to_string(),
    });
    match of {
        PaidFrom::Package => {
            entry["deduction_amount"] = json!("1");
            entry["resource_pack_id"] = json!("sandbox");
        }
        PaidFrom::Balance => {
            let (amount, list_price) = PaidFrom::FROM_BALANCE;
            entry["deduction_amount"] = json!(amount);
            entry["list_price"] = json!(list_price);
            entry["currency"] = json!("USD");
        }
    }
    entry
}
