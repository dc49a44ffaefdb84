//! What follows when all images are there: the channel's table, and what is removed.

use crate::store::{OutputError, Shelf, ShelfFile};

use super::make::hexadecimal;
use super::outcome::{Outcome, TableOutcome};
use super::plan::Item;
use super::recipe::Recipe;
use super::record::{Entry, RECORD, Record};
use super::{PublishError, table};

/// See the module's page.
pub(super) struct Ending<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) recipe: &'a Recipe,
    pub(super) items: &'a [Item],
    /// Whether the table's place has a file of ours.
    pub(super) has_table: bool,
}

impl Ending<'_> {
    /// Writes the table, and with `prune` removes what is stale.
    pub(super) async fn carry_out(
        &self,
        prune: bool,
        stale: Vec<String>,
        record: &mut Record,
        outcome: &mut Outcome,
    ) -> Result<(), PublishError> {
        if let Some(content) = self.table(outcome)? {
            outcome.table = self.put_table(content, record).await?;
        }
        if prune { self.prune(stale, record, outcome).await } else { Ok(()) }
    }

    /// Whether the table would be written.
    pub(super) fn table_before(&self, record: &Record) -> Result<TableOutcome, PublishError> {
        Ok(match self.table(&Outcome::default())? {
            None => TableOutcome::None,
            Some(content) if self.is_there(&hexadecimal(&content), record) => TableOutcome::UpToDate,
            Some(_) => TableOutcome::Written,
        })
    }

    fn is_there(&self, sha256: &str, record: &Record) -> bool {
        let entry = self.recipe.table.as_ref().and_then(|table| record.entries.get(&table.file));
        self.has_table && entry.is_some_and(|entry| entry.sha256 == sha256)
    }

    /// The table of the images that are there.
    fn table(&self, outcome: &Outcome) -> Result<Option<Vec<u8>>, PublishError> {
        let Some(table) = &self.recipe.table else { return Ok(None) };
        let there = self.items.iter().filter(|item| !outcome.lacks(&item.name));
        let cells: Vec<table::Cells<'_>> =
            there.map(|item| table::Cells { product: &item.product, values: &item.cells }).collect();
        let unwritable = |source| OutputError::Machine { path: table.file.clone().into(), source };
        Ok(Some(table::written(table, &cells).map_err(unwritable)?))
    }

    async fn put_table(&self, content: Vec<u8>, record: &mut Record) -> Result<TableOutcome, PublishError> {
        let Some(table) = &self.recipe.table else { return Ok(TableOutcome::None) };
        let (sha256, bytes) = (hexadecimal(&content), content.len() as u64);
        if self.is_there(&sha256, record) {
            return Ok(TableOutcome::UpToDate);
        }
        let ready = self.shelf.ready(ShelfFile {
            name: table.file.clone(),
            bytes: content,
            sha256: sha256.clone(),
            media_type: "text/csv; charset=utf-8",
            replaces: self.has_table,
        });
        let (ready, name, nothing) = (ready.await?, table.file.clone(), String::new);
        let lines =
            record.add(vec![Entry { name, job: nothing(), image: nothing(), treatment: nothing(), sha256, bytes }]);
        for settled in self.shelf.settle(vec![ready], RECORD, lines).await? {
            settled?;
        }
        Ok(TableOutcome::Written)
    }

    /// What somebody has changed stays.
    async fn prune(&self, stale: Vec<String>, record: &mut Record, outcome: &mut Outcome) -> Result<(), PublishError> {
        let mut kept = Vec::new();
        for name in stale {
            let sha256 = record.entries.get(&name).map(|entry| entry.sha256.clone());
            if !self.shelf.is_ours(&name, sha256.as_deref()).await? {
                kept.push(name);
                continue;
            }
            self.shelf.remove(&name).await?;
            outcome.removed += 1;
            let line = record.take_out(&name);
            let _: Vec<_> = self.shelf.settle(Vec::new(), RECORD, line).await?;
        }
        outcome.stale = kept.into_iter().collect();
        Ok(())
    }
}
