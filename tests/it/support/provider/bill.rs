//! The billing lists: a line for each task that was charged, with the mistakes that a test asks for.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Answer, State};

const LISTS: &str = "/kling/account/billing/";

/// How the bill is.
#[derive(Debug, Clone)]
pub(crate) struct Bill {
    /// Jobs whose tasks have no line.
    pub(crate) leaves_out: Vec<&'static str>,
    /// Jobs whose tasks are charged though they fail.
    pub(crate) charges: Vec<&'static str>,
    /// Lines for tasks of others.
    pub(crate) others: Vec<String>,
    /// The most lines on a page; the last one of a page comes on the next one as well.
    pub(crate) page: usize,
}

impl Default for Bill {
    fn default() -> Self {
        Self { leaves_out: Vec::new(), charges: Vec::new(), others: Vec::new(), page: 500 }
    }
}

impl State {
    /// A page of a billing list, where that is what is asked for. What is paid is paid in units.
    pub(super) fn bill(&self, path: &str, body: &[u8]) -> Option<Answer> {
        let list = path.strip_prefix(LISTS)?;
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let cursor = asked["cursor"].as_str().and_then(|cursor| cursor.parse::<usize>().ok());
        if cursor.is_none() && (asked["start_time"].as_i64().is_none() || asked["end_time"].as_i64().is_none()) {
            return Some(Answer::code(400, 1201, "start_time and end_time are required"));
        }
        let lines = if list == "package" { self.lines() } else { Vec::new() };
        let from = cursor.unwrap_or(0);
        let to = lines.len().min(from + self.script.bill.page);
        let has_more = to < lines.len();
        Some(Answer::json(
            200,
            &json!({ "code": 0, "message": "SUCCEED", "data": {
                "result": { "detail": lines[from.min(to)..to] },
                "next_cursor": if has_more { (to - 1).to_string() } else { String::new() },
                "has_more": has_more,
            } }),
        ))
    }

    fn lines(&self) -> Vec<Value> {
        let (bill, now) = (&self.script.bill, Instant::now());
        let is_charged = |job: &str, is_of_success: bool| {
            !bill.leaves_out.contains(&job) && (is_of_success || bill.charges.contains(&job))
        };
        let ended = self.books.tasks.iter().filter(|task| !task.is_working(now));
        let charged = ended.filter(|task| is_charged(&task.job, task.is_charged())).map(|task| task.id.as_str());
        charged.chain(bill.others.iter().map(String::as_str)).map(|id| self.line(id)).collect()
    }

    fn line(&self, id: &str) -> Value {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
        json!({
            "task_id": id, "product_type": "try-on", "model_name": "kolors-virtual-try-on-v1",
            // The end of the day: the same whenever it is asked for, and after everything that was paid.
            "deduction_amount": self.script.cost["final_unit_deduction"],
            "deduction_time": ((today + 1) * 86_400_000).to_string(),
        })
    }
}
