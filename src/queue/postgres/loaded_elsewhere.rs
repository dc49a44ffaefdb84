//! Manifest rows that one host had to pass over and another one has loaded: a picture may be on some hosts and not on others.
//!
//! Whichever host loads its manifest last, such a row is a job, and not in the report as rejected too.

use crate::job::id_key;

use super::Db;
use super::db::args;
use super::error::Result;

/// This many rejected rows are looked at at once.
const PAGE_ROWS: i64 = 1_000;

/// Rejected rows of manifests with one of the file names `$1`, behind the row `$2`, `$3`: those that were rejected for what this
/// host has of their pictures, which says nothing about other hosts. The reason names the manifest, the line and the column.
const REJECTED_FOR_PICTURES: &str = r"
    SELECT manifest, line, id FROM tryon.rejected_rows
     WHERE regexp_replace(manifest, '^.*[/\\]', '') = ANY ($1) AND (manifest, line) > ($2, $3)
       AND reason ~ (':' || line || ': (human_image|cloth_image|cloth_image_2): ')
     ORDER BY manifest, line LIMIT $4";

/// Forgets those of the rows `$1`, `$2` whose jobs are there, under the ids' keys `$3`, with the pictures that the rows name.
const FORGET: &str = "
    DELETE FROM tryon.rejected_rows r
     USING unnest($1, $2, $3) AS g (manifest, line, id_key), tryon.jobs j, tryon.inputs h, tryon.inputs c
     WHERE r.manifest = g.manifest AND r.line = g.line AND j.id_key = g.id_key AND j.id = r.id
       AND h.input = j.human AND h.written = r.human AND c.input = j.cloth AND c.written = r.cloth";

/// Forgets rejected rows of these manifests, known by their paths on any host, whose jobs are in the queue. Returns how many.
pub(super) async fn forget(db: Db<'_>, manifests: &[String]) -> Result<u64> {
    let names: Vec<&str> = manifests.iter().map(|path| path.rsplit(['/', '\\']).next().unwrap_or(path)).collect();
    let (mut last, mut forgotten) = ((String::new(), 0_i64), 0);
    loop {
        let (mut paths, mut lines, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for row in db.rows(REJECTED_FOR_PICTURES, args![names, last.0, last.1, PAGE_ROWS]).await? {
            paths.push(row.try_get::<_, String>(0)?);
            lines.push(row.try_get::<_, i64>(1)?);
            keys.push(id_key(row.try_get(2)?));
        }
        let Some((path, line)) = paths.last().zip(lines.last()) else { return Ok(forgotten) };
        last = (path.clone(), *line);
        forgotten += db.run(FORGET, args![paths, lines, keys]).await?;
    }
}
