//! What the account was charged with, task by task: Kling's billing lists (`docs/provider.md`, "Account"), of its packages and of
//! its balance. Only Kling itself tells.

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::job::{TaskId, clean_text};

use super::client::meaning_of;
use super::meaning::{Asked, Meaning, Trust};
use super::shape::{text, whole_number};
use super::{HttpProvider, Trouble};

/// The most lines that a page of the bill may hold (`docs/provider.md`).
const LARGEST_PAGE: usize = 500;

/// The longest currency and product that are believed, in characters.
const LONGEST_WORD: usize = 32;

/// What a list of the bill is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidFrom {
    /// Units of a package.
    Package,
    /// Money of a balance.
    Balance,
}

impl PaidFrom {
    /// Both lists.
    pub const ALL: [Self; 2] = [Self::Package, Self::Balance];

    fn path(self) -> &'static str {
        match self {
            Self::Package => "account/billing/package",
            Self::Balance => "account/billing/balance",
        }
    }
}

/// Which page of the bill is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillPlace {
    /// The first one, of tasks that were created between two moments.
    First { from: Timestamp, to: Timestamp },
    /// The one that the page before named.
    Next(String),
}

/// A line of the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    pub task_id: TaskId,
    /// What was sold, as the provider calls it; empty where it does not say.
    pub product: String,
    pub model: String,
    /// What was deducted: units, or money.
    pub amount: Decimal,
    /// Of money; `None` where the provider does not say, and of units.
    pub currency: Option<String>,
    pub deducted_at: Option<Timestamp>,
}

/// A page of the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillPage {
    pub lines: Vec<BillLine>,
    /// Lines that name no task, or no amount.
    pub unreadable: usize,
    pub next: Option<BillPlace>,
}

impl HttpProvider {
    /// Asks for a page of the bill. One request; a token whose times are refused is replaced, and the request made once more.
    ///
    /// # Errors
    /// The provider does not tell, or not now.
    pub async fn bill(&self, of: PaidFrom, place: &BillPlace) -> Result<BillPage, Trouble> {
        match self.bill_once(of, place).await {
            Err(trouble) if self.wire.can_renew(&trouble) => self.bill_once(of, place).await,
            answer => answer,
        }
    }

    async fn bill_once(&self, of: PaidFrom, place: &BillPlace) -> Result<BillPage, Trouble> {
        let question = match place {
            // No filter: what a form of the API calls its product is not known beforehand.
            BillPlace::First { from, to } => json!({
                "start_time": from.as_millisecond(), "end_time": to.as_millisecond(), "limit": LARGEST_PAGE,
            }),
            BillPlace::Next(cursor) => json!({ "cursor": cursor }),
        };
        let request = self.wire.http.post(format!("{}/{}", self.wire.base_url, of.path()));
        let request = request.header(CONTENT_TYPE, "application/json").body(question.to_string());
        let answer = self.wire.call(request).await;
        let answer = answer.map_err(|silence| silence.trouble(Meaning::BackOff(Trust::Outage)))?;
        match (meaning_of(Asked::Other, &answer), page(&answer.body.data)) {
            (Meaning::Ok, Some(page)) => Ok(page),
            // It is well, and it says nothing of a bill: this provider has no such page.
            (Meaning::Ok, None) => Err(answer.trouble(Meaning::JobRefused)),
            (other, _) => Err(answer.trouble(other.of_a_question())),
        }
    }
}

fn page(data: &Value) -> Option<BillPage> {
    let lists = [&data["result"]["detail"], &data["result"], &data["detail"]];
    let list = match lists.into_iter().find_map(Value::as_array) {
        Some(list) => list.as_slice(),
        // An account without any deduction of this kind may be told without a list.
        None if data["has_more"] == json!(false) => &[],
        None => return None,
    };
    let lines: Vec<BillLine> = list.iter().filter_map(line).collect();
    let cursor = text(&data["next_cursor"]).filter(|cursor| !cursor.is_empty() && data["has_more"] != json!(false));
    Some(BillPage { unreadable: list.len() - lines.len(), lines, next: cursor.map(BillPlace::Next) })
}

fn line(entry: &Value) -> Option<BillLine> {
    let words = |field: &str| text(&entry[field]).map(|text| clean_text(&text)).unwrap_or_default();
    let word = |field: &str| words(field).chars().take(LONGEST_WORD).collect::<String>();
    let task_id = text(&entry["task_id"]).filter(|id| !id.trim().is_empty())?;
    let currency = word("currency");
    Some(BillLine {
        task_id: TaskId(task_id),
        product: word("product_type"),
        model: word("model_name"),
        amount: decimal(&entry["deduction_amount"])?,
        currency: (!currency.is_empty()).then_some(currency),
        deducted_at: whole_number(&entry["deduction_time"]).and_then(|ms| Timestamp::from_millisecond(ms).ok()),
    })
}

/// An amount as it is written, and not what a binary number makes of it. One below 0 is a refund.
fn decimal(value: &Value) -> Option<Decimal> {
    let text = text(value)?;
    let text = text.trim();
    text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: Value) -> Option<BillPage> {
        page(&data)
    }

    #[test]
    fn a_documented_page_is_read_whole_and_its_amounts_are_exact() {
        let page = read(json!({
            "result": { "detail": [
                { "task_id": "t-1", "product_type": "try-on", "model_name": "kolors-virtual-try-on-v1-5",
                  "deduction_amount": "0.1", "deduction_time": "1746773850590", "currency": "USD" },
                { "task_id": 42, "deduction_amount": 0.2, "deduction_time": 1_746_773_850_590_i64 },
                { "task_id": "", "deduction_amount": "1" },
                { "task_id": "t-3", "deduction_amount": "free" },
            ] },
            "next_cursor": "c-2", "has_more": true,
        }))
        .expect("a page");
        assert_eq!((page.lines.len(), page.unreadable), (2, 2));
        assert_eq!(page.lines[0].currency.as_deref(), Some("USD"));
        assert_eq!(page.lines[1].task_id.0, "42");
        assert_eq!(page.lines.iter().map(|line| line.amount).sum::<Decimal>().to_string(), "0.3");
        assert_eq!(page.lines[0].deducted_at, page.lines[1].deducted_at);
        assert_eq!(page.next, Some(BillPlace::Next("c-2".to_owned())));
    }

    #[test]
    fn the_last_page_has_no_next_one_and_an_account_without_deductions_may_have_no_list() {
        let last =
            read(json!({ "result": { "detail": [] }, "next_cursor": "c-9", "has_more": false })).expect("a page");
        assert_eq!(last.next, None);
        assert_eq!(read(json!({ "has_more": false })).expect("a page").lines, []);
        for nothing in [json!({}), json!(null), json!({ "result": "none" })] {
            assert_eq!(read(nothing), None, "a provider that has no such page");
        }
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        let read = |value: Value| decimal(&value).map(|amount| amount.normalize().to_string());
        assert_eq!(read(json!("1.50")).as_deref(), Some("1.5"));
        assert_eq!(read(json!(1e-7)).as_deref(), Some("0.0000001"));
        assert_eq!(read(json!("-0.28")).as_deref(), Some("-0.28"), "a refund");
        assert_eq!(read(json!(null)), None);
    }
}
