//! The accounts of a run, as `status` and the summary tell them.

use serde::Serialize;

use crate::job::clean_text;
use crate::queue::{AccountStanding, AccountTally};

use super::wording::{thousands, units};

/// One account, for scripts.
#[derive(Debug, Serialize)]
pub struct AccountJson<'a> {
    name: &'a str,
    /// Tasks that it took in the last run.
    submitted: u64,
    /// Jobs whose images it made in that run.
    images: u64,
    /// Jobs that failed there in that run.
    failed: u64,
    /// What its tasks have cost in that run; null where it does not tell.
    units: Option<f64>,
    paid: Option<f64>,
    in_flight: u32,
    slots: u32,
    /// Why it takes nothing at present, or any more.
    trouble: Option<&'a str>,
    /// Whether it takes nothing any more in this run.
    has_ended: bool,
}

impl<'a> AccountJson<'a> {
    pub fn of(account: &'a AccountStanding) -> Self {
        let done = account.done;
        Self {
            name: account.name.as_str(),
            submitted: done.submitted,
            images: done.images,
            failed: done.failed,
            units: done.has_told_cost.then_some(done.units),
            paid: done.has_told_cost.then_some(done.paid),
            in_flight: account.in_flight,
            slots: account.slots,
            trouble: account.trouble.as_deref(),
            has_ended: account.has_ended,
        }
    }
}

/// A table of the accounts, and below it what is wrong with some. Nothing for a run whose account has no name.
pub fn account_lines(accounts: &[AccountStanding], is_at_work: bool) -> Vec<String> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let mut rows =
        vec![["account", "submitted", "images", "failed", "charged", "in flight", "slots"].map(str::to_owned)];
    rows.extend(accounts.iter().map(row));
    let columns = if is_at_work { 7 } else { 5 };
    let mut lines = vec![String::new()];
    lines.extend(aligned(&rows, columns));
    let troubled = accounts.iter().filter(|account| account.has_ended || is_at_work);
    let troubles = troubled.filter_map(|account| {
        let what = if account.has_ended { "took nothing any more" } else { "waits" };
        account.trouble.as_ref().map(|why| format!("  {} {what}: {}", account.name, clean_text(why)))
    });
    lines.extend(troubles);
    lines
}

fn row(account: &AccountStanding) -> [String; 7] {
    let done = account.done;
    [
        account.name.as_str().to_owned(),
        thousands(done.submitted),
        thousands(done.images),
        thousands(done.failed),
        charged(done),
        account.in_flight.to_string(),
        account.slots.to_string(),
    ]
}

/// Units, and money where some was paid; a dash where the provider told nothing.
fn charged(done: AccountTally) -> String {
    match (done.has_told_cost, done.paid > 0.0) {
        (false, _) => "–".to_owned(),
        (true, false) => units(done.units),
        (true, true) if done.units > 0.0 => format!("{} + {} paid", units(done.units), units(done.paid)),
        (true, true) => format!("{} paid", units(done.paid)),
    }
}

/// The first `columns` of the rows, names to the left and numbers to the right.
fn aligned(rows: &[[String; 7]], columns: usize) -> impl Iterator<Item = String> {
    let width =
        |column: usize| rows.iter().map(|row| console::measure_text_width(&row[column])).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(move |row| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let side = if column == 0 { console::Alignment::Left } else { console::Alignment::Right };
            console::pad_str(cell, *width, side, None).into_owned()
        });
        format!("  {}", cells.collect::<Vec<_>>().join("  "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::AccountName;

    fn account(name: &str, trouble: Option<&str>, has_ended: bool) -> AccountStanding {
        AccountStanding {
            name: AccountName::parse(name).expect("a name"),
            slots: 10,
            in_flight: 7,
            done: AccountTally {
                submitted: 1_234,
                images: 1_200,
                failed: 27,
                units: 1_200.5,
                paid: 0.0,
                has_told_cost: true,
            },
            trouble: trouble.map(str::to_owned),
            has_ended,
        }
    }

    #[test]
    fn accounts_are_a_table_with_what_is_wrong_below() {
        let accounts = [account("主账号", None, false), account("second", Some("429 1102: used up"), true)];
        let lines = account_lines(&accounts, true);
        assert_eq!(
            lines,
            [
                "",
                "  account  submitted  images  failed  charged  in flight  slots",
                "  主账号       1,234   1,200      27  1,200.5          7     10",
                "  second       1,234   1,200      27  1,200.5          7     10",
                "  second took nothing any more: 429 1102: used up",
            ]
        );
        assert_eq!(account_lines(&accounts, false)[1], "  account  submitted  images  failed  charged");
        assert!(account_lines(&[], true).is_empty());
    }

    #[test]
    fn what_an_account_waits_for_is_told_while_the_run_is_at_work() {
        let accounts = [account("a", Some("503: no channel"), false)];
        assert_eq!(account_lines(&accounts, true).last().expect("lines"), "  a waits: 503: no channel");
        assert_eq!(account_lines(&accounts, false).len(), 3);
    }

    #[test]
    fn what_was_charged_is_told_as_far_as_the_provider_tells() {
        let of = |units, paid, has_told_cost| {
            charged(AccountTally { units, paid, has_told_cost, ..AccountTally::default() })
        };
        assert_eq!(of(0.0, 0.0, false), "–");
        assert_eq!(of(0.0, 0.0, true), "0");
        assert_eq!(of(3.0, 0.0, true), "3");
        assert_eq!(of(0.0, 1.5, true), "1.5 paid");
        assert_eq!(of(3.0, 1.5, true), "3 + 1.5 paid");
    }
}
