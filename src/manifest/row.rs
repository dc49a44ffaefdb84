//! The cells of one row to a [`JobSpec`], or to everything that is wrong with them.

use crate::job::{
    ExtraColumns, Garment, ImageRef, ImageSource, JobId, JobSpec, Keep, ModelName, clean_text, default_id,
    invisible_character,
};

use super::header::{Column, Header, look_alike_separator, name_of};
use super::picture_cell;
use super::records::Record;
use super::second_garment;
use super::separator::Separator;
use super::{ManifestRow, PictureChecks, Problem, RejectedRow, Row};

/// What is the same for all rows of a manifest.
pub(super) struct RowRules {
    /// The manifest as problems call it.
    pub(super) manifest: String,
    pub(super) header: Header,
    /// The model of rows that name none.
    pub(super) default_model: ModelName,
    /// What stays as it is where rows do not say.
    pub(super) default_keep: Keep,
    /// Why no row can be made by try-on 3.0, if none can.
    pub(super) no_solutions: Option<&'static str>,
}

/// The readable cells of a row, trimmed.
pub(super) struct Cells<'a> {
    texts: [Option<&'a str>; Column::COUNT],
}

impl<'a> Cells<'a> {
    /// The text of a column: empty where the manifest does not have it, `None` where the cell is not UTF-8.
    pub(super) fn get(&self, column: Column) -> Option<&'a str> {
        self.texts[column as usize]
    }

    /// For showing: unreadable is empty.
    fn text(&self, column: Column) -> &'a str {
        self.get(column).unwrap_or_default()
    }
}

/// The problems of one row, as they are found.
pub(super) struct Problems<'a> {
    manifest: &'a str,
    line: u64,
    list: Vec<Problem>,
}

impl Problems<'_> {
    pub(super) fn add(&mut self, column: Column, reason: &str) {
        self.add_to(column.name(), reason);
    }

    fn add_to(&mut self, column: &str, reason: &str) {
        let (manifest, column) = (self.manifest.to_owned(), column.to_owned());
        self.list.push(Problem { manifest, line: self.line, column, reason: clean_text(reason) });
    }
}

impl RowRules {
    /// Looks at one row.
    pub(super) fn read(&self, record: Record<'_>, pictures: &mut PictureChecks) -> Row {
        let mut problems = Problems { manifest: &self.manifest, line: record.line, list: Vec::new() };
        let cells = self.cells(record, &mut problems);
        // A row that lost or gained a cell has its other cells in the wrong columns, so they are not judged.
        let spec = if problems.list.iter().any(|problem| problem.column == WHOLE_ROW) {
            None
        } else {
            self.spec(&cells, &mut problems, pictures)
        };
        let extra = ExtraColumns::new(self.extra(record));
        if let Err(error) = &extra {
            problems.add_to(WHOLE_ROW, &error.to_string());
        }
        let spec = spec.zip(extra.ok()).map(|(spec, extra)| JobSpec { extra, ..spec });
        match spec {
            Some(spec) if problems.list.is_empty() => Row::Good(ManifestRow { line: record.line, spec }),
            _ => Row::Rejected(rejected(&cells, problems)),
        }
    }

    /// The cells of the columns that count.
    fn cells<'a>(&self, record: Record<'a>, problems: &mut Problems<'_>) -> Cells<'a> {
        if is_commented_out(record) {
            problems.add_to(WHOLE_ROW, COMMENTED_OUT);
        } else if !self.header.cells.contains(&record.len()) {
            problems.add_to(WHOLE_ROW, &wrong_length(record, &self.header));
        }
        let mut texts = [Some(""); Column::COUNT];
        for (column, position) in self.header.columns() {
            let text = std::str::from_utf8(record.cell(position).unwrap_or_default());
            if text.is_err() {
                problems.add(column, "is damaged: it is no UTF-8, as the rest of the manifest is; write it again");
            }
            texts[column as usize] = text.ok().map(str::trim).filter(|text| is_all_seen(column, text, problems));
        }
        Cells { texts }
    }

    /// The cells that mean nothing here, as they are; what is not UTF-8 is shown as such.
    fn extra(&self, record: Record<'_>) -> Vec<(String, String)> {
        let text = |position| String::from_utf8_lossy(record.cell(position).unwrap_or_default()).trim().to_owned();
        self.header.kept().map(|(position, name)| (name.to_owned(), text(position))).collect()
    }

    /// Judges every cell, so that all problems of a row are told at once.
    fn spec(&self, cells: &Cells<'_>, problems: &mut Problems<'_>, pictures: &mut PictureChecks) -> Option<JobSpec> {
        let likely_model = self.likely_model(cells);
        pictures.judge_for(&likely_model);
        let human = required_picture(cells, Column::Human, problems, pictures);
        let cloth = required_picture(cells, Column::Cloth, problems, pictures);
        if !pictures.can_be_sent() {
            check_urls([(Column::Human, human.as_ref()), (Column::Cloth, cloth.as_ref())], problems);
        }
        let id = id(cells, human.is_some() && cloth.is_some(), problems);
        let cloth_type = garment(cells, Column::ClothType, problems);
        let model = model(cells, problems);
        if let Some(why) = self.no_solutions.filter(|_| likely_model.is_of_solutions()) {
            problems.add(Column::Model, why);
        }
        let priority = priority(cells, problems);
        let keep = keep(cells, self.default_keep, &likely_model, problems);
        let effective_model = match &model {
            Some(named) => Some(named.as_ref().unwrap_or(&self.default_model)),
            None => None,
        };
        let second = second_garment::second_garment(cells, effective_model, problems, pictures);
        if let (Some(cloth), Some(second)) = (&cloth, &second) {
            second_garment::check_decodable(cloth, second, problems, pictures);
        }
        Some(JobSpec {
            id: id?,
            human: human?,
            cloth: cloth?,
            cloth_type,
            second,
            model: model?,
            keep: keep?,
            priority: priority?,
            extra: ExtraColumns::default(),
        })
    }
}

impl RowRules {
    /// The model that the row is made by, as far as its own is none that is wrong.
    fn likely_model(&self, cells: &Cells<'_>) -> ModelName {
        let named = cells.get(Column::Model).and_then(|name| ModelName::parse(name).ok());
        named.unwrap_or_else(|| self.default_model.clone())
    }
}

/// Whether a word has no character that nobody sees. Pictures and ids look after that themselves.
fn is_all_seen(column: Column, text: &str, problems: &mut Problems<'_>) -> bool {
    if text.is_ascii() || matches!(column, Column::Id | Column::Human | Column::Cloth | Column::Cloth2) {
        return true;
    }
    let character = invisible_character(text);
    if let Some(character) = &character {
        problems.add(column, &format!("has the invisible character {character}; delete it"));
    }
    character.is_none()
}

/// The name under which problems of a row as a whole are reported.
const WHOLE_ROW: &str = "row";

/// Whether somebody meant to take the row out.
fn is_commented_out(record: Record<'_>) -> bool {
    record.cell(0).unwrap_or_default().trim_ascii_start().starts_with(b"#")
}

const COMMENTED_OUT: &str = "begins with #, which takes no row out of a manifest; delete the row, or, where # belongs to \
                             its first cell, put another column first";

fn wrong_length(record: Record<'_>, header: &Header) -> String {
    let found = record.len();
    if let Some(sign) = separator_meant(record, header) {
        return sign;
    }
    let cells = |count: usize| if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") };
    if record.lines > 1 {
        let lines = record.lines;
        return format!(
            "has {}, and it is {lines} lines long: most likely a quote (\") in it is opened and not closed",
            cells(found)
        );
    }
    let (fewest, most, separator) = (header.cells.start(), header.cells.end(), header.separator.name());
    if found < *fewest {
        format!("has {}, the header has {fewest}; add the missing {separator}s", cells(found))
    } else {
        format!("has {}, the header has {most}; a cell that contains a {separator} must stand in quotes", cells(found))
    }
}

/// What separates the cells of a row instead of the header's separator, if that is plain.
fn separator_meant(record: Record<'_>, header: &Header) -> Option<String> {
    let text = (0..record.len()).map(|index| String::from_utf8_lossy(record.cell(index).unwrap_or_default()));
    let text = text.collect::<Vec<_>>().join(" ");
    let separator = header.separator;
    if let Some(sign) = look_alike_separator(&text).filter(|_| record.len() < *header.cells.start()) {
        let name = name_of(sign);
        return Some(format!(
            "has {name}s ({sign}) between its cells; write plain {}s ({})",
            separator.name(),
            separator.sign()
        ));
    }
    let other = Separator::ALL.into_iter().filter(|other| *other != separator && record.len() == 1);
    let mut other = other.filter(|other| header.cells.contains(&text.split(char::from(other.byte())).count()));
    let other = other.next()?;
    Some(format!(
        "has {}s between its cells, the header has {}s; use one of them throughout",
        other.name(),
        separator.name()
    ))
}

/// Says once of a row that its model takes URLs only.
fn check_urls(pictures: [(Column, Option<&ImageRef>); 2], problems: &mut Problems<'_>) {
    let needs_link = |image: &ImageRef| !matches!(image.source, ImageSource::Url(_));
    let mut files = pictures.into_iter().filter(|(_, image)| image.is_some_and(needs_link));
    if let Some((column, image)) = files.next() {
        let what = if image.is_some_and(|image| matches!(image.source, ImageSource::File(_))) {
            "a local file"
        } else {
            "in a bucket"
        };
        problems.add(
            column,
            &format!("is {what}, and virtual-try-on-3 takes URLs only; --upload-to s3://BUCKET/PREFIX gives it one"),
        );
    }
}

/// A picture in a required column.
fn required_picture(
    cells: &Cells<'_>,
    column: Column,
    problems: &mut Problems<'_>,
    pictures: &mut PictureChecks,
) -> Option<ImageRef> {
    let text = cells.get(column)?;
    if text.is_empty() {
        problems.add(column, "is empty; name a file or an http(s) URL");
        return None;
    }
    picture(text, column, problems, pictures)
}

/// A picture in a cell that is not empty.
pub(super) fn picture(
    text: &str,
    column: Column,
    problems: &mut Problems<'_>,
    pictures: &mut PictureChecks,
) -> Option<ImageRef> {
    picture_cell::resolve(text, pictures).map_err(|reason| problems.add(column, &reason)).ok()
}

/// The id as written, or the default. That no default can be made is only worth a word where the pictures are right.
fn id(cells: &Cells<'_>, pictures_are_right: bool, problems: &mut Problems<'_>) -> Option<JobId> {
    let written = cells.get(Column::Id)?;
    if !written.is_empty() {
        return JobId::parse(written).map_err(|error| problems.add(Column::Id, &error.to_string())).ok();
    }
    let Some(made) = default_id(cells.text(Column::Human), cells.text(Column::Cloth)) else {
        if pictures_are_right {
            problems.add(Column::Id, "is empty, and the URL has no file name to make one of; give the row an id");
        }
        return None;
    };
    let refused =
        |error| problems.add(Column::Id, &format!("{error}; it is made of the pictures' names, so give the row an id"));
    JobId::parse(&made).map_err(refused).ok()
}

/// A garment's kind; `None` where the cell is empty or wrong.
pub(super) fn garment(cells: &Cells<'_>, column: Column, problems: &mut Problems<'_>) -> Option<Garment> {
    let word = cells.get(column).filter(|word| !word.is_empty())?;
    let garment = Garment::from_word(word);
    if garment.is_none() {
        let hint = nearest_garment(word).map_or_else(String::new, |near| format!("; did you mean {}?", near.word()));
        problems.add(column, &format!("\"{}\" is not one of upper, lower, dress{hint}", clean_text(word)));
    }
    garment
}

/// The kind that a misspelt word was surely meant as: it begins like it, in any case.
fn nearest_garment(word: &str) -> Option<Garment> {
    let word = word.to_lowercase();
    [Garment::Upper, Garment::Lower, Garment::Dress].into_iter().find(|garment| word.starts_with(&garment.word()[..2]))
}

/// The model that the row names, if any; the outer `None` is a wrong one.
#[expect(clippy::option_option, reason = "absent and wrong are two things here")]
fn model(cells: &Cells<'_>, problems: &mut Problems<'_>) -> Option<Option<ModelName>> {
    match cells.get(Column::Model)? {
        "" => Some(None),
        name => ModelName::parse(name).map_err(|error| problems.add(Column::Model, &error.to_string())).ok().map(Some),
    }
}

fn priority(cells: &Cells<'_>, problems: &mut Problems<'_>) -> Option<i64> {
    let text = cells.get(Column::Priority)?;
    if text.is_empty() {
        return Some(0);
    }
    let parsed = text.parse::<i64>();
    if let Err(error) = &parsed {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why = match error.kind() {
            PosOverflow | NegOverflow => "is out of range",
            _ => "is not an integer",
        };
        problems.add(Column::Priority, &format!("\"{}\" {why}", clean_text(text)));
    }
    parsed.ok()
}

/// What is to stay as it is in the person's picture.
fn keep(cells: &Cells<'_>, default: Keep, model: &ModelName, problems: &mut Problems<'_>) -> Option<Keep> {
    let mut stays = |column, default| {
        let word = cells.get(column)?;
        let stays = match word.to_ascii_lowercase().as_str() {
            "" => return Some(default),
            "true" => true,
            "false" => false,
            _ => {
                problems.add(column, &format!("\"{}\" is neither true nor false", clean_text(word)));
                return None;
            }
        };
        if !stays && !model.is_of_solutions() {
            let three = ModelName::THREE;
            problems.add(column, &format!("is for the model {three} alone; {model} does not let one choose"));
        }
        Some(stays)
    };
    let face = stays(Column::KeepFace, default.face);
    let pose = stays(Column::KeepPose, default.pose);
    let background = stays(Column::KeepBackground, default.background);
    Some(Keep { face: face?, pose: pose?, background: background? })
}

/// What can be shown of a row that cannot become a job.
fn rejected(cells: &Cells<'_>, problems: Problems<'_>) -> RejectedRow {
    let (id, human, cloth) = (cells.text(Column::Id), cells.text(Column::Human), cells.text(Column::Cloth));
    let id = if id.is_empty() { default_id(human, cloth).unwrap_or_default() } else { id.to_owned() };
    RejectedRow {
        line: problems.line,
        id: clean_text(&id),
        human: clean_text(human),
        cloth: clean_text(cloth),
        problems: problems.list,
    }
}
