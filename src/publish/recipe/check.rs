//! What a recipe's values mean, and which of them cannot be meant. All problems are told at once.

use std::collections::HashSet;

use url::Url;

use crate::job::JobId;
use crate::picture::{Conversion, Fit, Form, MAX_CONVERTED_PIXELS, MAX_CONVERTED_SIDE_PX};

use super::written::{self, Aigc, Colours, Csv, Format, Formulas, Picture, Places, Problem, Rows, Written};
use super::{Column, MarksWanted, Of, Recipe, Table, Template};
use crate::publish::template::What;

/// As good as the eye can tell, at a fraction of the length.
const USUAL_QUALITY: u8 = 90;

/// No row has more images, and no table more columns.
const MOST_IMAGES: usize = 1_000;
const MOST_COLUMNS: usize = 500;

/// Collects what is wrong.
struct Checks<'a> {
    places: &'a Places<'a>,
    problems: Vec<Problem>,
}

/// The recipe, or all that is wrong with it.
pub(super) fn checked(written: Written, places: &Places<'_>) -> Result<Recipe, Vec<Problem>> {
    let mut checks = Checks { places, problems: Vec::new() };
    let name = checks.template("name", written.name.as_deref().unwrap_or("{id}"));
    let product = checks.template("product", written.product.as_deref().unwrap_or("{cloth}"));
    checks.without(&name, "name", &[What::File, What::Url]);
    checks.without(&product, "product", &[What::File, What::Url, What::Number]);
    let picture = written.picture.map(|picture| checks.picture(&picture));
    let marks = checks.marks(&written.marks);
    let table = written.csv.map(|csv| checks.table(csv));
    if checks.problems.is_empty() { Ok(Recipe { name, product, picture, marks, table }) } else { Err(checks.problems) }
}

impl Checks<'_> {
    fn wrong(&mut self, key: &str, what: impl Into<String>) {
        let problem = self.places.problem(key, what);
        self.problems.push(problem);
    }

    fn template(&mut self, key: &str, text: &str) -> Template {
        Template::parse(text).unwrap_or_else(|error| {
            self.wrong(key, format!("{text:?}: {error}"));
            Template::empty()
        })
    }

    /// These cannot be known yet where the template is used.
    fn without(&mut self, template: &Template, key: &str, unknown: &[What]) {
        for place in template.places().filter(|place| unknown.contains(place)) {
            self.wrong(key, format!("`{{{place}}}` is not known here"));
        }
    }

    fn picture(&mut self, picture: &Picture) -> Conversion {
        self.sides(picture);
        let fit = match picture.fit.unwrap_or(written::Fit::Inside) {
            written::Fit::Inside => Fit::Inside,
            written::Fit::Pad => Fit::Pad { fill: picture.fill.unwrap_or(100) },
            written::Fit::Crop => Fit::Crop,
        };
        if picture.fill.is_some() && !matches!(fit, Fit::Pad { .. }) {
            self.wrong("picture.fill", "only a picture that is padded (fit = \"pad\") fills a share of its frame");
        }
        if !(1..=100).contains(&picture.fill.unwrap_or(100)) {
            self.wrong("picture.fill", "is a share in percent, from 1 to 100");
        }
        Conversion {
            width: picture.width,
            height: picture.height,
            fit,
            enlarge: picture.enlarge,
            background: self.background(picture.background.as_deref()),
            trim: picture.trim,
            whiten: picture.whiten,
            keep_profile: picture.colours == Some(Colours::Keep),
            form: self.form(picture),
        }
    }

    fn sides(&mut self, picture: &Picture) {
        for (key, side) in [("picture.width", picture.width), ("picture.height", picture.height)] {
            if side.is_some_and(|side| !(1..=MAX_CONVERTED_SIDE_PX).contains(&side)) {
                self.wrong(key, format!("is a length in pixels, from 1 to {MAX_CONVERTED_SIDE_PX}"));
            }
        }
        if let (Some(width), Some(height)) = (picture.width, picture.height) {
            if u64::from(width) * u64::from(height) > MAX_CONVERTED_PIXELS {
                let most = MAX_CONVERTED_PIXELS / 1_000_000;
                self.wrong("picture.width", format!("{width} x {height} px are more than {most} megapixels"));
            }
        } else if let Some(fit) = picture.fit.filter(|fit| *fit != written::Fit::Inside) {
            let word = if fit == written::Fit::Pad { "pad" } else { "crop" };
            self.wrong("picture.fit", format!("\"{word}\" needs both width and height"));
        }
        if picture.enlarge && picture.width.is_none() && picture.height.is_none() {
            self.wrong("picture.enlarge", "needs a width or a height");
        }
    }

    fn background(&mut self, text: Option<&str>) -> [u8; 3] {
        let Some(text) = text else { return [255; 3] };
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(value) = value else {
            self.wrong("picture.background", format!("{text:?} is no colour; write it like \"#ffffff\""));
            return [255; 3];
        };
        let [_, red, green, blue] = value.to_be_bytes();
        [red, green, blue]
    }

    /// What has no effect is refused: whoever writes it expects one.
    fn form(&mut self, picture: &Picture) -> Form {
        let is_lossless = picture.lossless == Some(true);
        let quality = picture.quality.unwrap_or(USUAL_QUALITY);
        if !(1..=100).contains(&quality) {
            self.wrong("picture.quality", "is a number from 1 to 100");
        }
        let form = match (picture.format, is_lossless) {
            (None, _) => {
                self.wrong("picture.format", "is missing; there are \"jpeg\", \"png\" and \"webp\"");
                Form::Png
            }
            (Some(Format::Jpeg), _) => Form::Jpeg { quality },
            (Some(Format::Png), _) => Form::Png,
            (Some(Format::Webp), true) => Form::LosslessWebP,
            (Some(Format::Webp), false) => Form::WebP { quality },
        };
        if picture.lossless.is_some() && picture.format != Some(Format::Webp) {
            self.wrong("picture.lossless", "is a choice of WebP alone: a JPEG never is, a PNG always");
        }
        if picture.quality.is_some() && matches!(form, Form::Png | Form::LosslessWebP) && picture.format.is_some() {
            self.wrong("picture.quality", "has no effect: this form loses nothing");
        }
        form
    }

    fn marks(&mut self, marks: &written::Marks) -> MarksWanted {
        const WORDS: [&str; 2] = ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"];
        let word = marks.digital_source_type.as_deref().unwrap_or(WORDS[0]);
        let source_type = WORDS.into_iter().find(|known| *known == word);
        if source_type.is_none() && word != "none" {
            let words = WORDS.join("\", \"");
            self.wrong(
                "marks.digital-source-type",
                format!("there is no {word:?} here; there are \"{words}\" and \"none\""),
            );
        }
        MarksWanted { source_type, label: marks.aigc.as_ref().map(|aigc| self.label(aigc)) }
    }

    fn label(&mut self, aigc: &Aigc) -> [Template; 7] {
        if let Some(label) = aigc.label.as_deref().filter(|label| !["1", "2", "3"].contains(label)) {
            let what = format!(
                "{label:?}: the standard has \"1\" (is generated), \"2\" (may be) and \"3\" (is suspected to be)"
            );
            self.wrong("marks.aigc.label", what);
        }
        let fields = [
            ("label", &aigc.label),
            ("content-producer", &aigc.content_producer),
            ("produce-id", &aigc.produce_id),
            ("reserved-code-1", &aigc.reserved_code_1),
            ("content-propagator", &aigc.content_propagator),
            ("propagate-id", &aigc.propagate_id),
            ("reserved-code-2", &aigc.reserved_code_2),
        ];
        let given = fields.iter().filter(|(_, value)| value.is_some()).count();
        let of_producer = fields[..3].iter().filter(|(_, value)| value.is_some()).count();
        if given == 0 {
            self.wrong("marks.aigc", "gives no value; this program invents none");
        } else if !matches!(of_producer, 0 | 3) {
            self.wrong("marks.aigc", "label, content-producer and produce-id go together");
        }
        fields.map(|(field, value)| {
            let key = format!("marks.aigc.{field}");
            let template = self.template(&key, value.as_deref().unwrap_or_default());
            self.without(&template, &key, &[What::Url]);
            template
        })
    }

    fn table(&mut self, csv: Csv) -> Table {
        if let Err(error) = JobId::parse(&csv.file) {
            self.wrong("csv.file", error.to_string());
        }
        let base_url = csv.base_url.map(|url| self.base_url(&url));
        if !(1..=MOST_COLUMNS).contains(&csv.columns.len()) {
            self.wrong("csv.columns", format!("a table has from 1 to {MOST_COLUMNS} columns"));
        }
        let mut names = HashSet::new();
        for column in csv.columns.iter().filter(|column| !names.insert(column.name.clone())) {
            self.wrong("csv.columns", format!("there are two columns {:?}", column.name));
        }
        let is_by_product = csv.rows == Rows::Product;
        let columns: Vec<Column> =
            csv.columns.into_iter().take(MOST_COLUMNS).map(|column| self.column(column, is_by_product)).collect();
        if base_url.is_none() && columns.iter().any(|column| column.value.places().any(|place| *place == What::Url)) {
            self.wrong("csv.base-url", "is missing: a column has `{url}`, which is base-url and the file's path");
        }
        Table { file: csv.file, is_by_product, base_url, defuses: csv.formulas == Formulas::Defuse, columns }
    }

    fn base_url(&mut self, url: &str) -> String {
        let is_web = Url::parse(url).is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https"));
        if !is_web || url.contains(['?', '#']) {
            self.wrong(
                "csv.base-url",
                format!("{url:?} is no address that a file's path can follow, like https://cdn.example.com/shop/"),
            );
        }
        format!("{}/", url.trim_end_matches('/'))
    }

    fn column(&mut self, column: written::Column, is_by_product: bool) -> Column {
        let told = |what: &str| format!("column {:?}: {what}", column.name);
        let of = match (column.only_first, column.image, column.join) {
            (false, None, None) => Of::Row,
            (true, None, None) => Of::FirstOnly,
            (false, Some(number), None) => Of::Image(number),
            (false, None, Some(between)) => Of::All(between),
            _ => {
                self.wrong("csv.columns", told("takes one of only-first, image and join"));
                Of::Row
            }
        };
        match &of {
            Of::FirstOnly if is_by_product => {
                self.wrong("csv.columns", told("only-first has no effect where a product is one row"));
            }
            Of::Image(_) | Of::All(_) if !is_by_product => {
                self.wrong("csv.columns", told("image and join need rows = \"product\""));
            }
            Of::Image(number) if !(1..=MOST_IMAGES).contains(number) => {
                self.wrong("csv.columns", told("image is a number from 1"));
            }
            _ => {}
        }
        let value = Template::parse(&column.value).unwrap_or_else(|error| {
            self.wrong("csv.columns", told(&format!("{:?}: {error}", column.value)));
            Template::empty()
        });
        Column { name: column.name, value, of }
    }
}
