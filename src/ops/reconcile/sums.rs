//! Amounts of a bill. They are decimal, so that sums are exact.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use rust_decimal::Decimal;

use crate::provider::{BillLine, PaidFrom};
use crate::queue::OwnTask;

/// Amounts of a bill: units of packages, and money by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    pub units: Decimal,
    /// By currency; an empty name is one that the provider does not tell.
    pub money: BTreeMap<String, Decimal>,
}

impl Sums {
    pub(super) fn of(from: PaidFrom, line: &BillLine) -> Self {
        match from {
            PaidFrom::Package => Self { units: line.amount, money: BTreeMap::new() },
            PaidFrom::Balance => {
                let currency = line.currency.clone().unwrap_or_default();
                Self { units: Decimal::ZERO, money: BTreeMap::from([(currency, line.amount)]) }
            }
        }
    }

    /// What a task's own answers told.
    pub(super) fn told(task: &OwnTask) -> Option<Self> {
        if task.units.is_none() && task.paid.is_none() {
            return None;
        }
        let money = task.paid.map(|paid| (String::new(), decimal(paid)));
        Some(Self { units: task.units.map_or(Decimal::ZERO, decimal), money: money.into_iter().collect() })
    }

    /// Whether they are the same, whatever the money is called.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let money = |sums: &Self| sums.money.values().copied().sum::<Decimal>();
        self.units == other.units && money(self) == money(other)
    }

    /// Whether nothing was deducted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.units.is_zero() && self.money.values().all(Decimal::is_zero)
    }
}

impl AddAssign<&Self> for Sums {
    fn add_assign(&mut self, other: &Self) {
        self.units += other.units;
        for (currency, amount) in &other.money {
            *self.money.entry(currency.clone()).or_default() += *amount;
        }
    }
}

/// A number of an answer as it was written there: the shortest text that reads as it.
fn decimal(number: f64) -> Decimal {
    number.to_string().parse().unwrap_or_default()
}
