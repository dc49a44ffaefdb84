//! The accounts of a run, as `status` and the summary tell them.

use serde::Serialize;

use crate::job::clean_text;
use crate::queue::AccountStanding;

use super::wording::thousands;

/// One account, for scripts.
#[derive(Debug, Serialize)]
pub struct AccountJson<'a> {
    name: &'a str,
    /// Tasks that it took in the last run.
    submitted: u64,
    in_flight: u32,
    slots: u32,
    /// Why it takes nothing at present, or any more.
    trouble: Option<&'a str>,
    /// Whether it takes nothing any more in this run.
    has_ended: bool,
}

impl<'a> AccountJson<'a> {
    pub fn of(account: &'a AccountStanding) -> Self {
        Self {
            name: account.name.as_str(),
            submitted: account.submitted,
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
    let name_width = accounts.iter().map(|account| console::measure_text_width(account.name.as_str())).max();
    let name_width = name_width.unwrap_or_default().max("account".len());
    let line = |name: &str, taken: &str, in_flight: &str, slots: &str| {
        let name = console::pad_str(name, name_width, console::Alignment::Left, None).into_owned();
        let line = format!("  {name}  {taken:>9}");
        if is_at_work { format!("{line}  {in_flight:>9}  {slots:>5}") } else { line }
    };
    let mut lines = vec![String::new(), line("account", "submitted", "in flight", "slots")];
    for account in accounts {
        let (taken, in_flight) = (thousands(account.submitted), account.in_flight.to_string());
        lines.push(line(account.name.as_str(), &taken, &in_flight, &account.slots.to_string()));
    }
    let troubled = accounts.iter().filter(|account| account.has_ended || is_at_work);
    let troubles = troubled.filter_map(|account| {
        let what = if account.has_ended { "took nothing any more" } else { "waits" };
        account.trouble.as_ref().map(|why| format!("  {} {what}: {}", account.name, clean_text(why)))
    });
    lines.extend(troubles);
    lines
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
            submitted: 1_234,
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
                "  account  submitted  in flight  slots",
                "  主账号       1,234          7     10",
                "  second       1,234          7     10",
                "  second took nothing any more: 429 1102: used up",
            ]
        );
        assert_eq!(account_lines(&accounts, false)[1], "  account  submitted");
        assert!(account_lines(&[], true).is_empty());
    }

    #[test]
    fn what_an_account_waits_for_is_told_while_the_run_is_at_work() {
        let accounts = [account("a", Some("503: no channel"), false)];
        assert_eq!(account_lines(&accounts, true).last().expect("lines"), "  a waits: 503: no channel");
        assert_eq!(account_lines(&accounts, false).len(), 3);
    }
}
