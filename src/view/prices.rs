//! What units are worth, as far as the prices of the accounts are known.

use crate::job::AccountName;
use crate::queue::AccountStanding;

use super::wording::units;

/// What one unit costs at each account of a run; `None` where nobody has said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices(Vec<(Option<AccountName>, Option<f64>)>);

impl Prices {
    /// Of these accounts.
    #[must_use]
    pub fn of(accounts: Vec<(Option<AccountName>, Option<f64>)>) -> Self {
        Self(accounts)
    }

    /// The price at all accounts, where it is the same at all of them.
    fn only(&self) -> Option<f64> {
        let (_, first) = self.0.first()?;
        self.0.iter().all(|(_, price)| price == first).then_some(*first)?
    }

    /// What this many units of the queue are worth, in words that follow their number; nothing where that is not known, or where
    /// it differs by the account.
    pub(super) fn of_all(&self, spent: f64) -> String {
        match self.only().filter(|_| spent > 0.0) {
            Some(price) => format!(", which is {} at {price} a unit", units(spent * price)),
            None => String::new(),
        }
    }

    /// What a run's units are worth at accounts of different prices; `None` where one of those that charged has none.
    pub(super) fn of_run(&self, accounts: &[AccountStanding]) -> Option<String> {
        if self.only().is_some() {
            return None;
        }
        let charged = accounts.iter().filter(|account| account.done.units > 0.0);
        let worth = charged.map(|account| Some(account.done.units * self.at(&account.name)?));
        let total = worth.sum::<Option<f64>>().filter(|total| *total > 0.0)?;
        Some(format!("{} in this run, at the accounts' prices", units(total)))
    }

    fn at(&self, name: &AccountName) -> Option<f64> {
        self.0.iter().find(|(account, _)| account.as_ref() == Some(name))?.1
    }
}
