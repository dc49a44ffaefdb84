//! What is on the shelf already, beside what is wanted there: what is to be written, what stays, what is in the way.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::job::id_key;
use crate::store::{OutputError, Shelf};

use super::plan::Item;
use super::problems::Problems;
use super::record::Record;

/// Files that are compared with the record at once.
const LOOKS_AT_ONCE: usize = 8;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The items to be written, each with whether it takes the place of a file of ours.
    pub(super) to_write: Vec<(Item, bool)>,
    pub(super) up_to_date: u64,
    /// Files that somebody has changed since they were published, and that would stay as they are anyway.
    pub(super) changed: Vec<String>,
    /// Published files that are wanted no more.
    pub(super) stale: Vec<String>,
    /// Whether the table's place has a file of ours.
    pub(super) has_table: bool,
}

/// Compares. `table` is the name of the channel's table.
pub(super) async fn compared(
    items: &[Item],
    table: Option<&str>,
    record: &Record,
    shelf: &Shelf,
) -> Result<Result<Standing, Problems>, OutputError> {
    let names: HashSet<String> = items.iter().map(|item| item.name.clone()).chain(table.map(str::to_owned)).collect();
    let wanted_keys: HashSet<String> = names.iter().map(|name| id_key(name)).collect();
    let stale = record.entries.keys().filter(|name| !wanted_keys.contains(&id_key(name))).cloned().collect();
    let lengths = shelf.lengths(names).await?;
    let mut standing = Standing { stale, ..Standing::default() };
    // What is there and has to give way, with what the record says about it.
    let mut in_place: Vec<(&str, Option<&str>)> = Vec::new();
    for item in items {
        let (entry, length) = (record.entries.get(&item.name), lengths.get(&item.name));
        let is_current = entry.filter(|entry| entry.image == item.sha256 && entry.treatment == item.treatment);
        match (is_current, length) {
            (Some(entry), Some(length)) if entry.bytes == *length => standing.up_to_date += 1,
            (Some(_), Some(_)) => standing.changed.push(item.name.clone()),
            (_, None) => standing.to_write.push((item.clone(), false)),
            (None, Some(_)) => {
                in_place.push((&item.name, entry.map(|entry| entry.sha256.as_str())));
                standing.to_write.push((item.clone(), true));
            }
        }
    }
    if let Some(table) = table.filter(|table| lengths.contains_key(*table)) {
        in_place.push((table, record.entries.get(table).map(|entry| entry.sha256.as_str())));
        standing.has_table = true;
    }
    let problems = in_the_way(in_place, shelf).await?;
    Ok(if problems.is_empty() { Ok(standing) } else { Err(problems) })
}

async fn in_the_way(in_place: Vec<(&str, Option<&str>)>, shelf: &Shelf) -> Result<Problems, OutputError> {
    let looks = stream::iter(in_place).map(|(name, sha256)| async move {
        let is_ours = shelf.is_ours(name, sha256).await?;
        Ok::<_, OutputError>((!is_ours).then_some((name, sha256.is_some())))
    });
    let mut problems = Problems::default();
    let mut found: Vec<(&str, bool)> =
        looks.buffer_unordered(LOOKS_AT_ONCE).try_filter_map(async |found| Ok(found)).try_collect().await?;
    found.sort_unstable();
    for (name, was_ours) in found {
        let why = if was_ours {
            "was changed by somebody since it was published, and would be overwritten"
        } else {
            "is there, and was not published from this queue"
        };
        problems.add(&shelf.place_of(name), format!("{why}; move it away"));
    }
    Ok(problems)
}
