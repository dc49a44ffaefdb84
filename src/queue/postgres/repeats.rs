//! Which pairs of a load the queue has under other ids.

use crate::job::{JobId, ModelName, StateName};
use crate::queue::columns::state_of;
use crate::queue::sqlite::{Asking, Candidate};
use crate::queue::{PairAgain, PairsAgain};

use super::Db;
use super::db::args;
use super::error::Result;
use super::pages::POSTGRES;
use super::staged::{Staged, on_staged};

/// This many rows are asked about at a time.
const PAGE: i64 = 500;

/// Jobs with the same pair under another id that are paid for, or will be. One that was refused, that failed at the provider,
/// or that a person took out, leaves nothing that could be used instead. `$10` is the model of rows that name none.
fn same_pair_query(knows_contents: bool) -> String {
    let wanted = Asking {
        human: "w.human",
        cloth: "w.cloth",
        cloth_type: "w.cloth_type",
        cloth_2: "w.cloth_2",
        cloth_type_2: "w.cloth_type_2",
        model: "w.model",
        keep: "w.keep",
    };
    let there = Asking {
        human: "t.human",
        cloth: "t.cloth",
        cloth_type: "t.cloth_type",
        cloth_2: "t.cloth_2",
        cloth_type_2: "t.cloth_type_2",
        model: "coalesce(a.model, t.model, $10)",
        keep: "t.keep",
    };
    let same = match knows_contents {
        true => there.same_contents_as(&wanted, POSTGRES),
        false => there.same_as(&wanted),
    };
    format!(
        "SELECT w.n, t.seq, t.id, t.state
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
                AS w (n, id_key, human, cloth, cloth_2, cloth_type, cloth_type_2, model, keep)
           CROSS JOIN tryon.jobs t
           LEFT JOIN tryon.attempts a ON a.job = t.seq AND a.attempt = t.attempt AND t.state <> 'pending'
          WHERE {same} AND t.id_key <> w.id_key COLLATE \"C\"
            AND t.state <> 'cancelled' AND (t.state <> 'failed' OR t.failure_kind = 'download')
          ORDER BY w.n, t.seq"
    )
}

/// The pairs of a load that the queue has under other ids; at most `most_named` of them are named. A queue of an earlier version
/// knows no contents.
pub(super) async fn pairs_again(
    db: Db<'_>,
    staged: &Staged,
    (default_model, knows_contents): (&ModelName, bool),
    most_named: usize,
) -> Result<PairsAgain> {
    let (mut again, mut after) = (PairsAgain::default(), 0);
    loop {
        let model = default_model.clone();
        let page = on_staged(staged, move |loader| loader.candidates(&model, after, PAGE)).await?;
        let Some(last) = page.last() else { return Ok(again) };
        after = last.n;
        let found = same_pairs(db, &page, &same_pair_query(knows_contents), default_model).await?;
        let candidates = found.clone();
        // A job that gets other inputs by this load, or is taken out, does not have the pair any more.
        let goes_on = on_staged(staged, move |loader| {
            candidates.iter().map(|(_, seq, ..)| Ok(!loader.staging.asks_otherwise(*seq)?)).collect::<Result<Vec<_>>>()
        })
        .await?;
        let mut answered = None;
        for ((n, _, earlier, state), goes_on) in found.into_iter().zip(goes_on) {
            if !goes_on || answered == Some(n) {
                continue;
            }
            answered = Some(n);
            again.jobs += 1;
            if again.named.len() < most_named
                && let Some(row) = page.iter().find(|row| row.n == n)
            {
                again.named.push(PairAgain { id: JobId::trusted(row.id.clone()), earlier, state });
            }
        }
    }
}

/// The jobs that have the pairs of these rows: row by row, the first one first.
async fn same_pairs(
    db: Db<'_>,
    page: &[Candidate],
    query: &str,
    default_model: &ModelName,
) -> Result<Vec<(i64, i64, JobId, StateName)>> {
    fn column<T>(page: &[Candidate], of: impl Fn(&Candidate) -> T) -> Vec<T> {
        page.iter().map(of).collect()
    }
    let rows = db
        .rows(
            query,
            args![
                column(page, |row| row.n),
                column(page, |row| row.id_key.clone()),
                column(page, |row| row.human),
                column(page, |row| row.cloth),
                column(page, |row| row.cloth_2),
                column(page, |row| row.cloth_type.clone()),
                column(page, |row| row.cloth_type_2.clone()),
                column(page, |row| row.model.clone()),
                column(page, |row| row.keep),
                default_model.as_str(),
            ],
        )
        .await?;
    let read = |row: &tokio_postgres::Row| -> Result<_> {
        let state = state_of(&row.try_get::<_, String>(3)?)?;
        Ok((row.try_get(0)?, row.try_get(1)?, JobId::trusted(row.try_get(2)?), state))
    };
    rows.iter().map(read).collect()
}
