//! The accounts that a run uses: the `[[account]]` tables of the settings file, or the one that the options describe.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;

use crate::job::{AccountName, ModelName};

use super::resolve::{check_base_url, is_near, usual_url};
use super::values::{Concurrency, Price, ProviderName, Rate};
use super::{Options, Settings, SettingsError};

/// An `[[account]]` table, as it is written. What it leaves out, the options of `run` say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountTable {
    name: String,
    pub(super) provider: Option<ProviderName>,
    pub(super) base_url: Option<String>,
    key_env: Option<String>,
    key_file: Option<PathBuf>,
    model: Option<String>,
    price: Option<Price>,
    concurrency: Option<Concurrency>,
    rate: Option<Rate>,
    poll_rate: Option<Rate>,
}

/// An account that a run uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its name; `None` for the one account that the options describe.
    pub name: Option<AccountName>,
    pub provider: ProviderName,
    pub base_url: String,
    pub key: KeyPlace,
    /// For rows that name none.
    pub model: ModelName,
    /// What one unit costs.
    pub price: Option<f64>,
    pub concurrency: Concurrency,
    /// Submissions a second, at most; `None` finds out.
    pub rate: Option<f64>,
    /// Status requests a second, at most; `None` finds out.
    pub poll_rate: Option<f64>,
}

impl Account {
    /// Whether it is at an address of this machine or its network.
    #[must_use]
    pub fn shares_network(&self) -> bool {
        is_near(&self.base_url)
    }
}

/// Where an account's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// In its provider's usual variables.
    Usual,
    /// In the environment variable of this name.
    Variable(String),
    /// In this file.
    File(PathBuf),
}

impl Settings {
    /// The accounts that a run uses: those of the settings file, of which `chosen` names some (all, if it names none); where
    /// there are none, and for the sandbox, the one that the options describe.
    ///
    /// # Errors
    /// A table or a name that cannot be used.
    pub fn accounts(&self, options: &Options, chosen: &[String]) -> Result<Vec<Account>, SettingsError> {
        let tables = options.account.as_deref().unwrap_or_default();
        let named = tables.iter().map(|table| self.account(table)).collect::<Result<Vec<_>, _>>()?;
        check_names(&named)?;
        let chosen = choose(&named, chosen)?;
        if named.is_empty() || self.sandbox {
            return Ok(vec![self.account_of_the_options()]);
        }
        if options.provider.is_some() || options.base_url.is_some() {
            let option = if options.base_url.is_some() { "base-url" } else { "provider" };
            let why =
                "the accounts of the settings file say this, each in its table; --account NAME chooses among them";
            return Err(SettingsError::Value { option, why: why.to_owned() });
        }
        Ok(chosen)
    }

    fn account_of_the_options(&self) -> Account {
        Account {
            name: None,
            provider: self.provider,
            base_url: self.base_url.clone(),
            key: KeyPlace::Usual,
            model: self.model.clone(),
            price: self.price,
            concurrency: self.concurrency,
            rate: self.rate,
            poll_rate: self.poll_rate,
        }
    }

    /// What a table means. Limits of the table and of the options hold both.
    fn account(&self, table: &AccountTable) -> Result<Account, SettingsError> {
        let wrong = |why: String| SettingsError::Account { name: table.name.clone(), why };
        let name = AccountName::parse(&table.name).map_err(|error| wrong(format!("name: {error}")))?;
        let provider = table.provider.unwrap_or(self.provider);
        let base_url = table.base_url.clone().unwrap_or_else(|| usual_url(provider).to_owned());
        check_base_url(&base_url).map_err(|why| wrong(format!("base-url: {why}")))?;
        let model = match &table.model {
            Some(model) => ModelName::parse(model).map_err(|error| wrong(format!("model: {error}")))?,
            None => self.model.clone(),
        };
        if model.is_of_solutions() && provider != ProviderName::Kling {
            return Err(wrong("model: virtual-try-on-3 is at Kling itself; it needs provider = \"kling\"".to_owned()));
        }
        let key = match (&table.key_env, &table.key_file) {
            (Some(_), Some(_)) => return Err(wrong("give key-env or key-file, not both".to_owned())),
            (Some(variable), None) => KeyPlace::Variable(variable_name(variable).map_err(wrong)?),
            (None, Some(file)) => KeyPlace::File(file.clone()),
            (None, None) => KeyPlace::Usual,
        };
        let lower = |said: Option<Rate>, option: Option<f64>| {
            said.map(Rate::per_second).into_iter().chain(option).reduce(f64::min)
        };
        Ok(Account {
            name: Some(name),
            provider,
            base_url,
            key,
            model,
            price: table.price.map(Price::of_one_unit).or(self.price),
            concurrency: table.concurrency.map_or(self.concurrency, |said| said.and_at_most(self.concurrency)),
            rate: lower(table.rate, self.rate),
            poll_rate: lower(table.poll_rate, self.poll_rate),
        })
    }
}

/// The name of an environment variable: a key that was written here by mistake has other characters, or no business to be shown.
fn variable_name(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !text.is_empty() && text.chars().all(is_name) {
        Ok(text.to_owned())
    } else {
        Err("key-env: this is no name of an environment variable (capital letters, digits and `_`); the key itself does \
             not stand in this file"
            .to_owned())
    }
}

fn check_names(accounts: &[Account]) -> Result<(), SettingsError> {
    let mut seen = BTreeSet::new();
    for name in accounts.iter().filter_map(|account| account.name.as_ref()) {
        if !seen.insert(name.as_str().to_lowercase()) {
            let why = "there are two accounts of this name".to_owned();
            return Err(SettingsError::Account { name: name.to_string(), why });
        }
    }
    Ok(())
}

/// The accounts that are named, in the file's order; all, if none are.
fn choose(accounts: &[Account], chosen: &[String]) -> Result<Vec<Account>, SettingsError> {
    let name_of = |account: &Account| account.name.as_ref().map(ToString::to_string).unwrap_or_default();
    if let Some(unknown) = chosen.iter().find(|name| !accounts.iter().any(|account| name_of(account) == **name)) {
        let why = match accounts {
            [] => format!("there is no account `{unknown}`: the settings file has no [[account]] tables"),
            _ => {
                let names: Vec<String> = accounts.iter().map(name_of).collect();
                format!("there is no account `{unknown}`; the settings file has {}", names.join(", "))
            }
        };
        return Err(SettingsError::Value { option: "account", why });
    }
    let is_chosen = |account: &&Account| chosen.is_empty() || chosen.contains(&name_of(account));
    Ok(accounts.iter().filter(is_chosen).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(file: &str, chosen: &[&str]) -> Result<Vec<Account>, String> {
        let options: Options = toml::from_str(file).map_err(|error| error.to_string())?;
        let settings = Settings::resolve(&options).map_err(|error| error.to_string())?;
        let chosen: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).collect();
        settings.accounts(&options, &chosen).map_err(|error| error.to_string())
    }

    const TWO: &str = "rate = 4\nmodel = \"kolors-virtual-try-on-v1-5\"\nconcurrency = 8\n\
        [[account]]\nname = \"a\"\nkey-env = \"A_KEY\"\nprice = 0.2\nconcurrency = 10\nrate = 2\n\
        [[account]]\nname = \"b\"\nprovider = \"kling\"\nkey-file = \"b.key\"\nmodel = \"kolors-virtual-try-on-v1\"\n\
        concurrency = 3\nrate = 9\npoll-rate = 6\nbase-url = \"https://b.example\"\n";

    #[test]
    fn a_table_says_what_the_options_leave_open_and_limits_of_both_hold() {
        let [a, b] = &accounts(TWO, &[]).expect("two accounts")[..] else { panic!("two") };
        assert_eq!((a.name.as_ref().map(AccountName::as_str), a.provider), (Some("a"), ProviderName::Dmxapi));
        assert_eq!((a.price, a.rate, a.poll_rate), (Some(0.2), Some(2.0), None));
        assert_eq!((a.concurrency.fixed().map(usize::from), a.model.as_str()), (Some(8), "kolors-virtual-try-on-v1-5"));
        assert_eq!(a.key, KeyPlace::Variable("A_KEY".to_owned()));
        assert_eq!(a.base_url, usual_url(ProviderName::Dmxapi));
        assert_eq!((b.provider, b.base_url.as_str()), (ProviderName::Kling, "https://b.example"));
        assert_eq!((b.rate, b.poll_rate, b.price), (Some(4.0), Some(6.0), None));
        assert_eq!((b.concurrency.fixed().map(usize::from), b.model.as_str()), (Some(3), "kolors-virtual-try-on-v1"));
        assert_eq!(b.key, KeyPlace::File("b.key".into()));
    }

    #[test]
    fn without_tables_and_for_the_sandbox_there_is_the_one_account_of_the_options() {
        for file in ["rate = 3".to_owned(), format!("sandbox = true\n{TWO}")] {
            let accounts = accounts(&file, &[]).expect("fine");
            assert_eq!((accounts.len(), accounts[0].name.as_ref()), (1, None));
        }
    }

    #[test]
    fn accounts_are_chosen_by_name() {
        assert_eq!(accounts(TWO, &["b"]).expect("one").len(), 1);
        assert_eq!(
            accounts(TWO, &["b", "c"]).expect_err("no c"),
            "--account: there is no account `c`; the settings file has a, b"
        );
        assert!(accounts("rate = 1", &["a"]).expect_err("none").contains("has no [[account]] tables"));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_the_accounts_name_and_without_a_key() {
        for (table, expected) in [
            ("name = \"a b\"", "account `a b`: name: `a b` is no name for an account"),
            ("name = \"a\"\nkey-env = \"sk-123\"", "account `a`: key-env: this is no name of an environment variable"),
            ("name = \"a\"\nkey-env = \"K\"\nkey-file = \"f\"", "account `a`: give key-env or key-file, not both"),
            ("name = \"a\"\nbase-url = \"ftp://h\"", "account `a`: base-url: `ftp://h` is not http(s)"),
            ("name = \"a\"\nmodel = \"x\"", "account `a`: model: `x` is no try-on model"),
            ("name = \"a\"\n[[account]]\nname = \"A\"", "account `A`: there are two accounts of this name"),
        ] {
            let error = accounts(&format!("[[account]]\n{table}"), &[]).expect_err(table);
            assert!(error.starts_with(expected) && !error.contains("sk-123"), "{error}");
        }
        for said in ["provider = \"kling\"", "base-url = \"https://h.example\""] {
            let error = accounts(&format!("{said}\n{TWO}"), &[]).expect_err(said);
            assert!(error.contains("each in its table"), "{error}");
        }
    }
}
