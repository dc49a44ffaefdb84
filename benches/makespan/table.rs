//! The table that the program prints: Markdown, with columns of equal width, to be read and to be kept.

use std::fmt::Write;
use std::time::Duration;

use crate::run::Row;

/// A cell that has nothing to say.
const NOTHING: &str = "–";

const HEADER: [&str; 17] = [
    "cap",
    "way",
    "jobs",
    "ideal s",
    "makespan s",
    "over ideal",
    "at rate",
    "filling",
    "unnoticed",
    "unfilled",
    "asks/job",
    "pages/job",
    "callbacks/job",
    "1303",
    "1302",
    "CPU ms/job",
    "peak MB",
];

/// The table of all rows.
pub(crate) fn table(rows: &[Row]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    markdown(&HEADER.map(str::to_owned), &cells)
}

fn cells(row: &Row) -> Vec<String> {
    let figures = &row.figures;
    let tasks = figures.tasks.max(1) as f64;
    let each = |count: usize| format!("{:.2}", count as f64 / tasks);
    let makespan = figures.makespan.as_secs_f64();
    // Where tasks take no time there is no ideal, and no slot to be idle.
    let of_ideal = |text: String| if row.ideal.is_zero() { NOTHING.to_owned() } else { text };
    let over = |ideal: Duration| of_ideal(format!("{:.3}", makespan / ideal.as_secs_f64()));
    let share = |idle: f64| of_ideal(format!("{:.1} %", 100.0 * idle / (makespan * row.cap as f64)));
    vec![
        row.cap.to_string(),
        row.name.to_owned(),
        figures.tasks.to_string(),
        of_ideal(format!("{:.1}", row.ideal.as_secs_f64())),
        format!("{makespan:.1}"),
        over(row.ideal),
        over(row.ideal_at_rate),
        share(figures.idle.filling),
        share(figures.idle.unnoticed.iter().sum()),
        share(figures.idle.unfilled.iter().sum()),
        each(figures.singles),
        each(figures.pages),
        each(figures.callbacks),
        figures.over_cap.to_string(),
        figures.too_many.to_string(),
        format!("{:.2}", row.taken.cpu.as_secs_f64() * 1e3 / tasks),
        row.taken.peak_bytes.map_or_else(|| NOTHING.to_owned(), megabytes),
    ]
}

/// Bytes in MB, as the table shows them.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// A Markdown table; numbers stand to the right.
pub(crate) fn markdown(header: &[String], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| &row[column]).chain([&header[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_text = |column: usize| header[column] == "way";
    let mut text = String::new();
    let mut line = |row: &[String]| {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Writing to a string does not fail.
            let _ = if is_text(column) { write!(text, "| {cell:<width$} ") } else { write!(text, "| {cell:>width$} ") };
        }
        text.push_str("|\n");
    };
    line(header);
    let rule = |column: usize| format!("{}{}", "-".repeat(widths[column] - 1), if is_text(column) { "-" } else { ":" });
    line(&(0..header.len()).map(rule).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
    text
}

/// What the table has no room for: how the two delays are spread, and the rates that were kept.
pub(crate) fn detail(row: &Row) -> String {
    let figures = &row.figures;
    format!(
        "cap {} {}: told of an end after {}, refilled after {} (median / 90 % / longest); {} in flight at most, {} being submitted; \
         at most {} creates and {} status requests in a second; asked again after {} at the soonest; \
         first create {:.2} s after the start; {:.1} s in all",
        row.cap,
        row.name,
        spread(&figures.idle.unnoticed),
        spread(&figures.idle.unfilled),
        figures.most_in_flight,
        figures.most_on_their_way,
        figures.most_creates_a_second,
        figures.most_asks_a_second,
        figures.smallest_gap.map_or_else(|| NOTHING.to_owned(), |gap| format!("{:.0} ms", gap.as_secs_f64() * 1e3)),
        row.first_create_after.as_secs_f64(),
        row.taken.wall.as_secs_f64(),
    )
}

fn spread(seconds: &[f64]) -> String {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return NOTHING.to_owned() };
    let at = |share: f64| sorted[(last as f64 * share).round() as usize] * 1e3;
    format!("{:.0} / {:.0} / {:.0} ms", at(0.5), at(0.9), at(1.0))
}
