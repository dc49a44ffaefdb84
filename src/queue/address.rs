//! The address of a queue in PostgreSQL, as a URL of libpq's: `postgres://user:password@host:port/database?sslmode=…`.
//!
//! The password is for who connects alone: whatever shows the address shows it without.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Begins every address of a database.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The values of `sslmode`, from the least safe one.
pub(super) const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Where a queue in PostgreSQL is.
#[derive(Clone)]
pub struct PostgresAddress {
    /// Without its password.
    shown: String,
    password: Option<SecretString>,
}

/// A URL that names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is not text.
    #[error("the address of a database is not UTF-8")]
    NotText,
    /// `%` is followed by something else than a byte.
    #[error("`{0}`: the password is not percent-encoded UTF-8; write a `%` in it as `%25`")]
    Password(String),
    /// A value that `sslmode` does not have.
    #[error("`{shown}`: sslmode is `{mode}`; it may be {}", SSL_MODES.join(", "))]
    SslMode { shown: String, mode: String },
    /// There is no database in it, and what libpq would take in its place may differ from host to host.
    #[error("`{0}` names no database: postgres://USER@HOST:PORT/DATABASE does")]
    NoDatabase(String),
    /// The same for the user.
    #[error("`{0}` names no user: postgres://USER@HOST:PORT/DATABASE does")]
    NoUser(String),
}

impl PostgresAddress {
    /// The address that a text is; `None` where it is no URL of a database.
    ///
    /// # Errors
    /// It is one, and cannot be used.
    pub fn parse(text: &str) -> Option<Result<Self, BadAddress>> {
        let scheme = SCHEMES.iter().find(|scheme| text.starts_with(**scheme))?;
        Some(Self::of_rest(scheme, &text[scheme.len()..]))
    }

    fn of_rest(scheme: &str, rest: &str) -> Result<Self, BadAddress> {
        let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, query)| (place, query));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, hosts) = hosts.rsplit_once('@').map_or((None, hosts), |(user, hosts)| (Some(user), hosts));
        let (user, mut secret) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, secret)) => (user, Some(secret).filter(|secret| !secret.is_empty())),
            None => ("", None),
        };
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.strip_prefix("password=") {
                Some(other) => secret = Some(other),
                None => kept.push(pair),
            }
        }
        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        let shown = format!("{scheme}{at}{hosts}/{database}{query}");
        let has = |name: &str| {
            kept.iter().any(|pair| pair.split_once('=').is_some_and(|(key, value)| key == name && !value.is_empty()))
        };
        if user.is_empty() && !has("user") {
            return Err(BadAddress::NoUser(shown));
        }
        if database.is_empty() && !has("dbname") {
            return Err(BadAddress::NoDatabase(shown));
        }
        let mode = kept.iter().find_map(|pair| pair.strip_prefix("sslmode="));
        if let Some(mode) = mode.filter(|mode| !SSL_MODES.contains(mode)) {
            return Err(BadAddress::SslMode { mode: mode.to_owned(), shown });
        }
        let decoded = secret.map(|secret| percent_encoding::percent_decode_str(secret).decode_utf8());
        let password = decoded.transpose().map_err(|_| BadAddress::Password(shown.clone()))?;
        Ok(Self { password: password.map(|password| SecretString::from(password.into_owned())), shown })
    }

    /// The address without its password.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The password that the URL had.
    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }

    /// A name for local files that belong to this queue: its database's, and what tells it from others of that name.
    #[must_use]
    pub fn file_name(&self) -> String {
        use sha2::{Digest, Sha256};
        let place = self.shown.split(['?']).next().unwrap_or_default();
        let place = place.split_once("://").map_or(place, |(_, place)| place);
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let database = place.rsplit_once('/').map_or("queue", |(_, database)| database);
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
        let database: String = database.chars().map(plain).take(40).collect();
        let digest = Sha256::digest(place.as_bytes());
        format!("{database}-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
    }
}

impl PartialEq for PostgresAddress {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown && self.password() == other.password()
    }
}

impl Eq for PostgresAddress {}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> PostgresAddress {
        PostgresAddress::parse(text).expect("a URL").expect("an address")
    }

    #[test]
    fn a_password_is_used_and_never_shown() {
        for text in [
            "postgres://shop:hush%40%25@db:5432/may?sslmode=require",
            "postgres://shop@db:5432/may?password=hush%40%25&sslmode=require",
        ] {
            let address = parsed(text);
            assert_eq!(address.password(), Some("hush@%"));
            assert_eq!(address.to_string(), "postgres://shop@db:5432/may?sslmode=require");
            assert!(!format!("{address:?}").contains("hush"));
        }
        assert_eq!(parsed("postgresql://shop:@db/may").password(), None);
        let wrong = PostgresAddress::parse("postgres://shop:hush%ff@db/may").expect("a URL").expect_err("no UTF-8");
        assert!(!wrong.to_string().contains("hush"), "{wrong}");
    }

    #[test]
    fn what_is_missing_is_said_and_a_path_is_no_address() {
        assert!(PostgresAddress::parse("results/queue.db").is_none());
        let wrong = |text: &str| PostgresAddress::parse(text).expect("a URL").expect_err("wrong").to_string();
        assert!(wrong("postgres://shop@db").contains("names no database"));
        assert!(wrong("postgres://db/may").contains("names no user"));
        assert!(wrong("postgres://u:secret@db/may?sslmode=on").contains("verify-full"));
        assert!(!wrong("postgres://u:secret@db/may?sslmode=on").contains("secret"));
        assert_eq!(parsed("postgres:///may?host=/run/pg&user=shop").as_str(), "postgres:///may?host=/run/pg&user=shop");
    }

    #[test]
    fn files_of_queues_of_one_name_on_two_servers_have_two_names() {
        let (one, other) = (parsed("postgres://a@one/may"), parsed("postgres://a@two/may"));
        assert!(one.file_name().starts_with("may-") && one.file_name() != other.file_name());
        assert_eq!(one.file_name(), parsed("postgres://b:pw@one/may?sslmode=disable").file_name());
    }
}
