//! What the account holds: its resource packages. Only Kling itself tells (`docs/provider.md`, "Account"), at most once a
//! second, and what is left in a package is up to 12 hours old.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::Value;

use crate::job::clean_text;

use super::client::meaning_of;
use super::meaning::{Asked, Meaning};
use super::shape::{number, text, whole_number};
use super::transport::Answer;
use super::{HttpProvider, Trouble};

/// How far back packages are asked for; they are sold for a year at most.
const LOOK_BACK: Duration = Duration::from_secs(366 * 24 * 3_600);

/// More packages than this are not an account's.
const MOST_PACKAGES: usize = 1_000;

/// How old the provider's count of what is left may be.
pub const COUNT_MAY_BE_OLD: Duration = Duration::from_secs(12 * 3_600);

/// A resource package of the account.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePackage {
    /// As the provider calls it, fit for a terminal.
    pub name: String,
    /// Units bought, where it says so.
    pub total: Option<f64>,
    /// Units left, [`COUNT_MAY_BE_OLD`].
    pub remaining: Option<f64>,
    /// From when on it can be used.
    pub effective_at: Option<Timestamp>,
    /// Until when it can be used.
    pub expires_at: Option<Timestamp>,
    pub status: PackageStatus,
}

/// Whether a package can be used. A word that is not known is taken for a package that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageStatus {
    NotYetValid,
    Online,
    Expired,
    UsedUp,
}

impl HttpProvider {
    /// Asks for the account's resource packages of the last year. One request; a token whose times are refused is
    /// replaced, and the request made once more.
    ///
    /// # Errors
    /// The provider does not tell, or not now.
    pub async fn resource_packages(&self, now: SystemTime) -> Result<Vec<ResourcePackage>, Trouble> {
        match self.resource_packages_once(now).await {
            Err(trouble) if self.wire.can_renew(&trouble) => self.resource_packages_once(now).await,
            answer => answer,
        }
    }

    async fn resource_packages_once(&self, now: SystemTime) -> Result<Vec<ResourcePackage>, Trouble> {
        let ms = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let start = now.checked_sub(LOOK_BACK).unwrap_or(UNIX_EPOCH);
        let path = format!("account/costs?start_time={}&end_time={}", ms(start), ms(now));
        let answer = self.wire.get(&path).await?;
        match (meaning_of(Asked::Other, &answer), packages(&answer)) {
            (Meaning::Ok, Some(packages)) => Ok(packages),
            // It is well, and it says nothing of packages: this provider has no such page.
            (Meaning::Ok, None) => Err(answer.trouble(Meaning::JobRefused)),
            (other, _) => Err(answer.trouble(other)),
        }
    }
}

pub(super) fn packages(answer: &Answer) -> Option<Vec<ResourcePackage>> {
    let data = &answer.body.data;
    match data["resource_pack_subscribe_infos"].as_array() {
        Some(list) => Some(list.iter().take(MOST_PACKAGES).filter_map(package).collect()),
        // An account that never bought a package is told without a list, as a success within the success.
        None => (whole_number(&data["code"]) == Some(0)).then(Vec::new),
    }
}

fn package(entry: &Value) -> Option<ResourcePackage> {
    if !entry.is_object() {
        return None;
    }
    let moment = |field: &str| Timestamp::from_millisecond(whole_number(&entry[field])?).ok();
    let name = [&entry["resource_pack_name"], &entry["resource_pack_id"]].into_iter().find_map(text);
    let name = name.map(|name| clean_text(&name)).filter(|name| !name.is_empty());
    Some(ResourcePackage {
        name: name.unwrap_or_else(|| "a package without a name".to_owned()),
        total: number(&entry["total_quantity"]),
        remaining: number(&entry["remaining_quantity"]),
        effective_at: moment("effective_time"),
        expires_at: moment("invalid_time"),
        status: match text(&entry["status"]).unwrap_or_default().to_ascii_lowercase().as_str() {
            "tobeonline" => PackageStatus::NotYetValid,
            "expired" => PackageStatus::Expired,
            "runout" => PackageStatus::UsedUp,
            _ => PackageStatus::Online,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entry: &str) -> Option<ResourcePackage> {
        package(&serde_json::from_str(entry).expect("JSON"))
    }

    #[test]
    fn a_documented_package_is_read_whole() {
        let package = read(
            r#"{"resource_pack_name":"Virtual Try-On 10,000","resource_pack_id":"p-1","resource_pack_type":"decreasing_total",
                "total_quantity":10000.0,"remaining_quantity":"9,5","purchase_time":1726124664368,
                "effective_time":1726124664368,"invalid_time":"1727366400000","status":"toBeOnline"}"#,
        );
        let package = package.expect("a package");
        assert_eq!(
            (package.name.as_str(), package.total, package.remaining),
            ("Virtual Try-On 10,000", Some(10_000.0), None)
        );
        assert_eq!(package.status, PackageStatus::NotYetValid);
        let moment = |ms| Some(Timestamp::from_millisecond(ms).expect("a moment"));
        assert_eq!((package.effective_at, package.expires_at), (moment(1_726_124_664_368), moment(1_727_366_400_000)));
    }

    #[test]
    fn fields_may_be_missing_null_or_of_another_type() {
        let package = read(r#"{"resource_pack_name":null,"resource_pack_id":7,"status":3,"invalid_time":{}}"#);
        let package = package.expect("a package");
        assert_eq!((package.name.as_str(), package.status), ("7", PackageStatus::Online));
        assert_eq!((package.total, package.remaining, package.expires_at), (None, None, None));
        for nonsense in ["null", "[]", "\"pack\"", "3"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(read("{}").expect("a package").name, "a package without a name");
    }

    #[test]
    fn every_documented_status_is_known() {
        let status = |word: &str| read(&format!(r#"{{"status":"{word}"}}"#)).expect("a package").status;
        use PackageStatus::{Expired, NotYetValid, Online, UsedUp};
        assert_eq!(
            ["toBeOnline", "online", "expired", "runOut", "frozen"].map(status),
            [NotYetValid, Online, Expired, UsedUp, Online]
        );
    }
}
