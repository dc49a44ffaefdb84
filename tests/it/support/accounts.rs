//! A workshop with two accounts, each at a provider with books of its own.

use std::collections::HashMap;
use std::process::Command;

use super::provider::{KEY, Provider, Script};
use super::workshop::{Ended, Going, Workshop};

/// The accounts `a` and `b` of a shop.
pub(crate) struct TwoAccounts {
    pub(crate) shop: Workshop,
    pub(crate) a: Provider,
    pub(crate) b: Provider,
}

impl TwoAccounts {
    /// A shop with `jobs` jobs. `more_a` and `more_b` are further lines of the accounts' tables.
    pub(crate) fn new(jobs: usize, a: Script, mut b: Script, more_a: &str, more_b: &str) -> Self {
        b.task_prefix = "task-of-b-";
        let shop = Workshop::new(jobs);
        let this = Self { shop, a: Provider::start(a), b: Provider::start(b) };
        this.name_them(("a", more_a), ("b", more_b));
        this
    }

    /// Writes the settings file: the names of the two accounts, and further lines of their tables.
    pub(crate) fn name_them(&self, a: (&str, &str), b: (&str, &str)) {
        let table = |(name, more): (&str, &str), provider: &Provider| {
            format!(
                "[[account]]\nname = \"{name}\"\nbase-url = \"{}\"\nkey-env = \"SHOP_KEY\"\n{more}\n",
                provider.url()
            )
        };
        let text = table(a, &self.a) + &table(b, &self.b);
        std::fs::write(self.shop.file("tryon.toml"), text).expect("a settings file");
    }

    /// The program with both accounts.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.shop.command(&self.a, arguments);
        command.env_remove("TRYON_BASE_URL").env_remove("TRYON_API_KEY").env("SHOP_KEY", KEY);
        command
    }

    pub(crate) fn start(&self, more: &[&str]) -> Going {
        let arguments: Vec<&str> = ["run", "jobs.csv"].iter().chain(more).copied().collect();
        self.shop.begin(self.command(&arguments))
    }

    pub(crate) fn run(&self, more: &[&str]) -> Ended {
        self.start(more).end()
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        self.shop.begin(self.command(arguments)).end()
    }

    /// How many tasks each job has been charged for at both together.
    pub(crate) fn charges(&self) -> HashMap<String, usize> {
        let mut charges = HashMap::new();
        for books in [self.a.books(), self.b.books()] {
            for (job, tasks) in books.charges() {
                *charges.entry(job.to_owned()).or_default() += tasks;
            }
        }
        charges
    }

    /// No job is charged for twice, at one of them or at both.
    pub(crate) fn assert_no_double_charge(&self) {
        let twice: Vec<_> = self.charges().into_iter().filter(|(_, tasks)| *tasks > 1).collect();
        assert!(twice.is_empty(), "{twice:?}\nA:\n{}\nB:\n{}", self.a.books().story(), self.b.books().story());
    }

    /// Every job succeeded with exactly one task, at the one or at the other.
    pub(crate) fn assert_all_done(&self) {
        self.assert_no_double_charge();
        let rows = self.shop.rows();
        assert!(rows.iter().all(|row| row.state == "succeeded"), "{}", self.shop.standing());
        assert_eq!(rows.len(), self.shop.jobs.len());
        assert_eq!(self.charges().len(), self.shop.jobs.len(), "a job without a task");
        self.shop.assert_published();
    }
}
