//! Lists of jobs: what the page saves of the rejected results, or what a spreadsheet left of a report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use encoding_rs::Encoding;

use crate::job::{JobSpec, clean_text};
use crate::manifest::{ListedJob, read_id_list};
use crate::queue::{QueueError, QueueReads};
use crate::report::{SHA256_SHOWN, out_of_formula};
use crate::settings::{Options, TextEncoding};

use super::Failure;

/// So many rows that cannot be meant are told one by one.
const MOST_TOLD: usize = 10;

/// The longest number of zeros that a spreadsheet is suspected to have dropped.
const MOST_ZEROS: usize = 16;

/// Jobs that a command is told by their ids. It has a group `which` of the ways to say which jobs are meant.
#[derive(Debug, Args)]
pub(super) struct ByIds {
    /// The jobs' ids
    #[arg(value_name = "ID", group = "which")]
    pub(super) ids: Vec<String>,

    /// Every job in the `id` column of this CSV: the list of rejected results that index.html saves, or a part of
    /// report.csv; `-` reads standard input
    #[arg(long, value_name = "FILE", group = "which")]
    pub(super) from: Option<PathBuf>,

    /// Encoding of FILE where it is not UTF-8, e.g. gb18030, big5, windows-1252
    #[arg(long, value_name = "NAME", env = "TRYON_ENCODING")]
    encoding: Option<TextEncoding>,
}

impl ByIds {
    /// The encoding of the list, as it was said here or else in `file`.
    pub(super) fn encoding(&self, file: &Options) -> Option<&'static Encoding> {
        self.encoding.or(file.encoding).map(TextEncoding::encoding)
    }
}

/// A row of a list, and the id that it means.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) row: ListedJob,
}

/// The ids of a list of jobs.
#[derive(Debug)]
pub(super) struct ListedIds {
    /// Each once, in the list's order.
    pub(super) ids: Vec<String>,
    /// Rows about images that were made again since: whoever wrote the list has not seen those that would be paid for once more.
    pub(super) replaced: Vec<QueueError>,
}

/// The ids of a list of jobs; `-` reads standard input.
pub(super) async fn read_ids(
    file: &Path,
    encoding: Option<&'static Encoding>,
    queue: &dyn QueueReads,
) -> Result<ListedIds, Failure> {
    let mut found = ListedIds { ids: Vec::new(), replaced: Vec::new() };
    for Listed { id, row } in read_list(file, encoding, queue, "nothing was put back").await? {
        match &row.sha256 {
            Some(said) if is_replaced(said, &id, queue).await? => found.replaced.push(QueueError::ImageReplaced { id }),
            _ => found.ids.push(id),
        }
    }
    Ok(found)
}

async fn is_replaced(said: &str, id: &str, queue: &dyn QueueReads) -> Result<bool, QueueError> {
    let present = present_image(id, queue).await?;
    Ok(present.is_some_and(|present| present != whole_sha256(said, Some(&present))))
}

/// The sha256 of a job's present image; `None` where there is none, or no such job.
pub(super) async fn present_image(id: &str, queue: &dyn QueueReads) -> Result<Option<String>, QueueError> {
    match queue.job(id).await {
        Ok(job) => Ok(job.sha256),
        Err(QueueError::NoSuchJob(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The sha256 that a list names, where the present image is known. The list that index.html saves has only its beginning, which is
/// enough to tell that image from any other.
pub(super) fn whole_sha256(said: &str, present: Option<&String>) -> String {
    let is_beginning = |present: &&String| said.len() == SHA256_SHOWN && present.starts_with(said);
    present.filter(is_beginning).map_or_else(|| said.to_owned(), Clone::clone)
}

/// The rows of a list of jobs, the first of each id, in its order; `-` reads standard input.
///
/// A list that a spreadsheet has damaged names other jobs than were meant, so one row that shows it refuses the list;
/// `undone` says that nothing has happened.
pub(super) async fn read_list(
    file: &Path,
    encoding: Option<&'static Encoding>,
    queue: &dyn QueueReads,
    undone: &str,
) -> Result<Vec<Listed>, Failure> {
    let rows = read_id_list(file, encoding).map_err(Failure::usage)?;
    let (mut seen, mut listed, mut damages) = (HashSet::new(), Vec::new(), Vec::new());
    for row in rows {
        match meant(&row, queue).await? {
            Ok(id) if !seen.contains(&id) => {
                seen.insert(id.clone());
                listed.push(Listed { id, row });
            }
            Ok(_) => {}
            Err(damage) => damages.push(format!("{}:{}: {damage}", file.display(), row.line)),
        }
    }
    if damages.is_empty() { Ok(listed) } else { Err(refused(damages, undone)) }
}

fn refused(mut damages: Vec<String>, undone: &str) -> Failure {
    let further = damages.len().saturating_sub(MOST_TOLD);
    damages.truncate(MOST_TOLD);
    if further > 0 {
        damages.push(format!("and {further} more rows like these"));
    }
    damages.push(format!(
        "{undone}; make the list again from report.csv or the page, and in a spreadsheet import the column `id` as text"
    ));
    Failure::usage(damages.join("\n"))
}

/// The id that a row means, or how it shows that a spreadsheet has changed it.
async fn meant(row: &ListedJob, queue: &dyn QueueReads) -> Result<Result<String, String>, QueueError> {
    let shown = clean_text(&row.id);
    match spec_of(&row.id, queue).await? {
        Some(spec) => Ok(match contradiction(row, &spec) {
            Some(why) => Err(format!("`{shown}` is {why}; the id, or the row, is not what it was")),
            None => Ok(row.id.clone()),
        }),
        None => {
            // The report for spreadsheets keeps numbers and dates as texts by a formula around them.
            if let Some(text) = out_of_formula(&row.id) {
                return Box::pin(meant(&ListedJob { id: text, ..row.clone() }, queue)).await;
            }
            // Reports defuse what a spreadsheet would take for a formula by an apostrophe in front.
            if let Some(bare) = row.id.strip_prefix('\'').filter(|bare| bare.starts_with(['=', '+', '-', '@'])) {
                return Ok(Ok(bare.to_owned()));
            }
            Ok(match with_zeros(&row.id, queue).await? {
                Some(whole) => {
                    Err(format!("there is no job `{shown}`, but `{whole}`: a spreadsheet drops zeros in front"))
                }
                None => Ok(row.id.clone()),
            })
        }
    }
}

async fn spec_of(id: &str, queue: &dyn QueueReads) -> Result<Option<JobSpec>, QueueError> {
    match queue.job(id).await {
        Ok(job) => Ok(Some(job.spec)),
        Err(QueueError::NoSuchJob(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the job of this id is of, where the row says that it is of something else.
fn contradiction(row: &ListedJob, spec: &JobSpec) -> Option<String> {
    let of = |cell: &Option<String>, written: &str, what: &str| {
        let cell = cell.as_ref()?;
        let is_same = as_shown(cell) == as_shown(written);
        (!is_same).then(|| format!("the job of {what} {}, and the row has {}", clean_text(written), clean_text(cell)))
    };
    of(&row.human, &spec.human.written, "human_image").or_else(|| of(&row.cloth, &spec.cloth.written, "cloth_image"))
}

/// A cell as far as it survives a report and a spreadsheet.
fn as_shown(text: &str) -> String {
    let of_formula = out_of_formula(text);
    let text = of_formula.as_deref().unwrap_or(text);
    clean_text(text.strip_prefix('\'').unwrap_or(text))
}

/// The job whose id is this number with zeros in front.
async fn with_zeros(id: &str, queue: &dyn QueueReads) -> Result<Option<String>, QueueError> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    for zeros in 1..=MOST_ZEROS {
        let whole = format!("{}{id}", "0".repeat(zeros));
        if spec_of(&whole, queue).await?.is_some() {
            return Ok(Some(whole));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stocked::{self, Stocked, wait};
    use crate::report::{ReportFormat, ReportPaths, write_report};

    fn queue_of(ids: &[&str]) -> Stocked {
        let specs: Vec<JobSpec> = ids.iter().map(|id| stocked::spec(id, 0)).collect();
        stocked::queue_with(async move |queue| stocked::load(queue, specs).await)
    }

    fn read(stocked: &Stocked, list: &str) -> Result<Vec<String>, String> {
        let file = stocked.folder.path().join("list.csv");
        std::fs::write(&file, list).expect("written");
        wait(read_ids(&file, None, &*stocked.queue)).map(|listed| listed.ids).map_err(|failure| failure.message)
    }

    #[test]
    fn an_apostrophe_of_the_report_is_taken_off_and_one_of_the_id_is_not() {
        let stocked = queue_of(&["=bob", "'-x", "'q"]);
        let ids = read(&stocked, "id\n'=bob\n=bob\n'-x\n'q\n").expect("ids");
        assert_eq!(ids, ["=bob", "'-x", "'q"]);
    }

    #[test]
    fn the_report_for_spreadsheets_is_read_back_as_it_was_written() {
        let ids = ["00123", "851234567890123456", "=bob", "'-x", "1\"2", "ana/coat", "sep-1", "=\"7\""];
        let stocked = queue_of(&ids);
        for format in [ReportFormat::Spreadsheet, ReportFormat::Csv] {
            let (mut report, folder) = (Vec::new(), stocked.folder.path());
            let paths = ReportPaths { output_dir: folder, report_dir: folder };
            wait(write_report(&*stocked.queue, format, &mut report, paths)).expect("a report");
            let mut found = read(&stocked, std::str::from_utf8(&report).expect("text")).expect("ids");
            found.retain(|id| id != "eva/gone");
            assert_eq!(found, ids, "{format:?}");
        }
    }

    #[test]
    fn zeros_that_a_spreadsheet_dropped_refuse_the_list() {
        let stocked = queue_of(&["00123", "124", "0125"]);
        let error = read(&stocked, "id\n123\n124\n125\n").expect_err("refused");
        assert!(error.contains("list.csv:2: there is no job `123`, but `00123`"), "{error}");
        assert!(error.contains("list.csv:4: ") && !error.contains("list.csv:3: "), "{error}");
        assert!(error.ends_with("import the column `id` as text"), "{error}");
        assert_eq!(read(&stocked, "id\n00123\n126\n").expect("ids"), ["00123", "126"], "an unknown one is told later");
    }

    #[test]
    fn a_row_that_contradicts_its_job_refuses_the_list() {
        let stocked = queue_of(&["123", "00123"]);
        let spec = wait(stocked.queue.job("123")).expect("a job").spec;
        let row = |human: &str, cloth: &str| format!("id,human_image,cloth_image\n123,{human},{cloth}\n");
        let (human, cloth) = (spec.human.written.as_str(), spec.cloth.written.as_str());
        assert_eq!(read(&stocked, &row(human, cloth)).expect("ids"), ["123"]);
        assert_eq!(read(&stocked, &row(human, "")).expect("ids"), ["123"], "an empty cell says nothing");
        for row in [row("tom.jpg", cloth), row(human, "else.jpg")] {
            let error = read(&stocked, &row).expect_err("refused");
            assert!(error.contains("list.csv:2: `123` is the job of "), "{error}");
        }
    }
}
