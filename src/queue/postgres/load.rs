//! A load as the contract has it. Rows are staged on this machine, in the same way whatever the queue is, and are compared
//! with what the queue says about them, some hundred at a time; the queue learns of them when they are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::job::{Content, ImageSource, JobSeq, JobSpec, Keep, ModelName};
use crate::queue::columns::state_of;
use crate::queue::sqlite::{Inputs, Known, Loader, Standing, blocking};
use crate::queue::{
    Enqueued, Keeping, Kept, KnownContent, Load, LoadRow, MadeFrom, ManifestNames, NotTaken, PairsAgain,
    PostgresAddress, QueueError, Workload,
};

use super::Db;
use super::connect::{Server, in_transaction};
use super::db::args;
use super::error::Result;
use super::facts::get_meta;
use super::new_jobs::{NOTHING, compared_with};
use super::open::{KNOWN, migrate, version};
use super::read::limit;
use super::rows::whole;
use super::staged::{Staged, on_staged};
use super::{contents, keep_load, repeats};

/// After a load of this many rows the planner looks at the tables again.
const MANY_ROWS: u64 = 10_000;

/// A load into a queue of PostgreSQL.
pub(super) struct PostgresLoad {
    server: Server,
    loader: Staged,
    has_queue: bool,
    /// The queue is made when the load is kept, and must have no jobs then.
    is_for_new_queue: bool,
    /// The queue is of an earlier version, and only looked at.
    is_earlier: bool,
    /// Whether there was anything to compare rows with when the load began.
    has_jobs: bool,
    has_further_images: bool,
    /// What the rows are compared with, in short.
    compared: String,
    tally: Enqueued,
}

impl std::fmt::Debug for PostgresLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresLoad").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl PostgresLoad {
    /// A load of an open queue. Another load is not waited for here: loads follow each other when they are kept.
    pub(super) async fn into_queue(server: &Server) -> Result<Self> {
        Self::begin(server.clone(), true, false).await
    }

    /// A load for a queue that does not exist yet.
    pub(super) async fn for_new_queue(address: &PostgresAddress) -> Result<Self> {
        Self::begin(Server::at(address)?, false, true).await
    }

    /// A load that is only looked at.
    pub(super) async fn looking_at(address: &PostgresAddress) -> Result<Self> {
        let server = Server::at(address)?;
        let found = {
            let client = server.client().await?;
            version(Db::by_itself(&client), address).await?
        };
        let looking = Self::begin(server, found > 0, true).await?;
        Ok(Self { is_earlier: found > 0 && found < KNOWN, ..looking })
    }

    async fn begin(server: Server, has_queue: bool, is_for_new_queue: bool) -> Result<Self> {
        let (mut has_jobs, mut has_further_images, mut compared) = (false, false, NOTHING.to_owned());
        if has_queue {
            let query = "SELECT EXISTS (SELECT 1 FROM tryon.jobs), EXISTS (SELECT 1 FROM tryon.images WHERE image > 0)";
            let client = server.client().await?;
            // Before anything is compared.
            compared = compared_with(Db::by_itself(&client)).await?;
            let row = Db::by_itself(&client).one(query, args![]).await?;
            (has_jobs, has_further_images) = (row.try_get(0)?, row.try_get(1)?);
        }
        let known = Known { has_jobs, has_further_images, ..Known::default() };
        let loader = blocking(move || Loader::for_queue_elsewhere(known)).await?;
        let (loader, tally) = (Arc::new(Mutex::new(loader)), Enqueued::default());
        Ok(Self {
            server,
            loader,
            has_queue,
            is_for_new_queue,
            is_earlier: false,
            has_jobs,
            has_further_images,
            compared,
            tally,
        })
    }

    /// What the queue says about rows.
    async fn known_of(&self, rows: &[LoadRow]) -> Result<Known> {
        let specs = || {
            rows.iter().filter_map(|row| match row {
                LoadRow::Job { spec, .. } => Some(spec),
                LoadRow::Rejected(_) => None,
            })
        };
        let keys: Vec<String> = specs().map(|spec| spec.id.key()).collect();
        let mut sources: Vec<String> = specs().flat_map(sources_of).collect();
        sources.sort_unstable();
        sources.dedup();
        let mut client = self.server.client().await?;
        let transaction = super::connect::begin_reading(&mut client).await?;
        let db = Db::within(&transaction);
        let mut known = standing(db, &keys, self.is_earlier).await?;
        known.pictures = pictures(db, &sources).await?;
        if self.has_further_images {
            known.owners = owners(db, &keys).await?;
        }
        if !self.is_earlier {
            known.sent = contents::sent_for(db, known.may_exist.iter().copied().collect()).await?;
        }
        transaction.rollback().await?;
        (known.has_jobs, known.has_further_images) = (self.has_jobs, self.has_further_images);
        Ok(known)
    }
}

fn sources_of(spec: &JobSpec) -> impl Iterator<Item = String> {
    let second = spec.second.as_ref().map(|second| second.image.source.stored());
    [spec.human.source.stored(), spec.cloth.source.stored()].into_iter().chain(second)
}

/// The jobs that have one of these ids.
async fn standing(db: Db<'_>, keys: &[String], is_earlier: bool) -> Result<Known> {
    let extra = if is_earlier { "NULL::text" } else { "j.extra" };
    let query = format!(
        "SELECT j.id_key, j.seq, j.id, j.human, j.cloth, j.cloth_2, j.cloth_type, j.cloth_type_2, j.model, j.keep,
                        j.priority, j.state, {extra},
                        EXISTS (SELECT 1 FROM tryon.attempts a
                                 WHERE a.job = j.seq AND a.outcome NOT IN ('released', 'turned_away', 'refused'))
                   FROM unnest($1) AS wanted (id_key) JOIN tryon.jobs j ON j.id_key = wanted.id_key COLLATE \"C\""
    );
    let mut known = Known::default();
    for row in db.rows(&query, args![keys.to_vec()]).await? {
        let seq: i64 = row.try_get(1)?;
        let inputs = Inputs {
            human: row.try_get(3)?,
            cloth: row.try_get(4)?,
            cloth_2: row.try_get(5)?,
            cloth_type: row.try_get(6)?,
            cloth_type_2: row.try_get(7)?,
            model: row.try_get(8)?,
            keep: Keep::of_bits(whole(&row, 9)?),
        };
        let state = state_of(&row.try_get::<_, String>(11)?)?;
        let job =
            Standing { seq, id: row.try_get(2)?, inputs, priority: row.try_get(10)?, state, extra: row.try_get(12)? };
        known.standing.insert(row.try_get(0)?, job);
        if row.try_get(13)? {
            known.may_exist.insert(seq);
        }
    }
    Ok(known)
}

/// The numbers of pictures.
async fn pictures(db: Db<'_>, sources: &[String]) -> Result<HashMap<String, i64>> {
    let query =
        "SELECT i.source, i.input FROM unnest($1) AS wanted (source) JOIN tryon.inputs i ON i.source = wanted.source";
    let rows = db.rows(query, args![sources.to_vec()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The jobs that have further images of these names.
async fn owners(db: Db<'_>, keys: &[String]) -> Result<HashMap<String, String>> {
    let query = "SELECT i.path_key, j.id FROM unnest($1) AS wanted (path_key)
                   JOIN tryon.images i ON i.path_key = wanted.path_key COLLATE \"C\" AND i.image > 0
                   JOIN tryon.jobs j ON j.seq = i.job";
    let rows = db.rows(query, args![keys.to_vec()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

#[async_trait]
impl Load for PostgresLoad {
    fn has_queue(&self) -> bool {
        self.has_queue
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn tally(&self) -> Enqueued {
        self.tally
    }

    async fn rejected_manifests(&mut self, after: &str, most: usize) -> Result<Vec<String>> {
        if !self.has_queue {
            return Ok(Vec::new());
        }
        let query = "SELECT DISTINCT manifest FROM tryon.rejected_rows WHERE manifest > $1 ORDER BY manifest LIMIT $2";
        let client = self.server.client().await?;
        let rows = Db::by_itself(&client).rows(query, args![after, limit(most)]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn begin_manifest(&mut self, manifest: ManifestNames) -> Result<()> {
        on_staged(&self.loader, move |loader| loader.begin_manifest(manifest)).await
    }

    async fn add(&mut self, rows: Vec<LoadRow>) -> Result<Vec<NotTaken>> {
        let known = if self.has_jobs { Some(self.known_of(&rows).await?) } else { None };
        let (not_taken, tally) = on_staged(&self.loader, move |loader| {
            if let Some(known) = known {
                loader.know(known);
            }
            Ok((loader.add_all(&rows)?, loader.tally()))
        })
        .await?;
        self.tally = tally;
        Ok(not_taken)
    }

    async fn pictures_to_read(&mut self, rows: &[LoadRow]) -> Result<Vec<ImageSource>> {
        if !self.has_jobs {
            return Ok(Vec::new());
        }
        let (known, rows) = (self.known_of(rows).await?, rows.to_vec());
        on_staged(&self.loader, move |loader| {
            loader.know(known);
            loader.pictures_to_read(&rows)
        })
        .await
    }

    async fn know_contents(&mut self, contents: Vec<(ImageSource, Content)>) -> Result<()> {
        on_staged(&self.loader, move |loader| {
            loader.know_contents(contents);
            Ok(())
        })
        .await
    }

    async fn known_contents(&mut self, after: i64, most: usize) -> Result<Vec<KnownContent>> {
        if !self.has_queue || self.is_earlier {
            return Ok(Vec::new());
        }
        let client = self.server.client().await?;
        contents::known_contents(Db::by_itself(&client), after, most).await
    }

    async fn unread_pictures(&mut self, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
        on_staged(&self.loader, move |loader| loader.unread_pictures(after, most)).await
    }

    async fn know_equal(&mut self, read: Vec<(i64, Content)>) -> Result<()> {
        let mut equal = HashMap::new();
        if self.has_queue && !self.is_earlier {
            let client = self.server.client().await?;
            let wanted = read.iter().map(|(_, content)| content.sha256.clone()).collect();
            equal = contents::equal_pictures(Db::by_itself(&client), wanted).await?;
        }
        on_staged(&self.loader, move |loader| {
            let equal = |sha256: &str| equal.get(sha256).copied();
            read.iter()
                .try_for_each(|(picture, Content { sha256, .. })| loader.set_read(*picture, sha256, equal(sha256)))
        })
        .await
    }

    async fn made_from(&mut self, after: JobSeq, most: usize) -> Result<Vec<MadeFrom>> {
        if !self.has_queue || self.is_earlier {
            return Ok(Vec::new());
        }
        let client = self.server.client().await?;
        contents::made_from(Db::by_itself(&client), after, most).await
    }

    async fn workload(&mut self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        let default_model = default_model.clone();
        on_staged(&self.loader, move |loader| loader.workload(&default_model, most_repeats)).await
    }

    async fn pairs_again(&mut self, default_model: &ModelName, most_named: usize) -> Result<PairsAgain> {
        if !self.has_jobs {
            return Ok(PairsAgain::default());
        }
        let client = self.server.client().await?;
        let knows_contents = !self.is_earlier;
        repeats::pairs_again(Db::by_itself(&client), &self.loader, (default_model, knows_contents), most_named).await
    }

    async fn queue_dedupes(&mut self) -> Result<bool> {
        if !self.has_queue {
            return Ok(false);
        }
        let client = self.server.client().await?;
        Ok(get_meta(Db::by_itself(&client), "dedupe").await?.is_some())
    }

    async fn keep(self: Box<Self>, keeping: Keeping, now: Timestamp) -> Result<Kept> {
        if self.is_for_new_queue {
            migrate(&self.server).await?;
        }
        on_staged(&self.loader, |loader| loader.staging.close()).await?;
        let (server, staged, must_be_new) = (&self.server, &self.loader, self.is_for_new_queue);
        let compared = self.compared.as_str();
        let address = server.address();
        let kept = in_transaction!(server, |db| {
            db.lock("tryon: load").await?;
            if must_be_new && super::tally::counts(db).await?.total() > 0 {
                return Err(QueueError::MadeMeanwhile(address.clone().into()));
            }
            keep_load::keep(db, staged, compared, keeping, now).await
        })?;
        if kept.is_kept && self.tally.added > MANY_ROWS {
            let client = server.client().await?;
            // Only the planner's estimates depend on it.
            let _ = client.batch_execute("ANALYZE tryon.jobs; ANALYZE tryon.inputs").await;
        }
        Ok(kept)
    }
}
