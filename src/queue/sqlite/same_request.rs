//! `job::same` in SQL: which jobs ask the provider for the same image. Every query that asks it takes its
//! condition from here.
//!
//! Two pictures at two places are the same where the same bytes were found there: where what one of them last was known to be
//! has the sha256 of something that the other is known to have been. What each was when it was sent is for the caller to compare.

use crate::job::ModelName;

use super::selected::Dialect;

/// Equal, where NULL equals NULL; SQLite and PostgreSQL both know it.
const NO_OTHER: &str = "IS NOT DISTINCT FROM";

/// Where a query finds what a job asks for: an SQL expression each.
#[derive(Debug, Clone, Copy)]
pub(in crate::queue) struct Asking<'a> {
    pub(in crate::queue) human: &'a str,
    pub(in crate::queue) cloth: &'a str,
    pub(in crate::queue) cloth_type: &'a str,
    pub(in crate::queue) cloth_2: &'a str,
    pub(in crate::queue) cloth_type_2: &'a str,
    /// The model that is asked for, the default where the row names none.
    pub(in crate::queue) model: &'a str,
    pub(in crate::queue) keep: &'a str,
}

impl Asking<'_> {
    /// What a request consists of: equal in all of them is the same request.
    fn request(&self) -> [String; 7] {
        let Self { human, cloth, cloth_type, cloth_2, cloth_type_2, model, keep } = self;
        // What the garments are is sent only where there are two.
        let where_two = |what: &str| format!("CASE WHEN {cloth_2} IS NOT NULL THEN {what} END");
        let [cloth_type, cloth_type_2] = [where_two(cloth_type), where_two(cloth_type_2)];
        // What is to be kept is sent only to a model that asks for it.
        let keep = format!("CASE WHEN {model} = '{}' THEN {keep} END", ModelName::THREE);
        let [human, cloth, cloth_2, model] = [human, cloth, cloth_2, model].map(|what| (*what).to_owned());
        [human, cloth, cloth_2, cloth_type, cloth_type_2, model, keep]
    }

    /// What a query groups by, so that a group is the jobs of one request; pictures of the same bytes are the same picture.
    pub(in crate::queue) fn group_by_content(&self, dialect: Dialect) -> String {
        self.group_by(|picture| content_of(picture, dialect))
    }

    /// As [`Self::group_by_content`], where an expression says what a picture is.
    pub(super) fn group_by(&self, content_of: impl Fn(&str) -> String) -> String {
        let mut request = self.request();
        for picture in &mut request[..3] {
            *picture = content_of(picture);
        }
        request.join(", ")
    }

    /// The condition that both ask for the same image. An index over the first two pictures fits it.
    pub(in crate::queue) fn same_as(&self, other: &Asking<'_>) -> String {
        let pairs = self.request().into_iter().zip(other.request());
        // `=` where there is always a value, so that an index is seen to fit.
        let signs = ["=", "=", NO_OTHER, NO_OTHER, NO_OTHER, "=", NO_OTHER];
        let equal = pairs.zip(signs).map(|((one, other), sign)| format!("{one} {sign} {other}"));
        equal.collect::<Vec<_>>().join(" AND ")
    }

    /// As [`Self::same_as`], where pictures of the same bytes are the same picture. The same index fits it.
    pub(in crate::queue) fn same_contents_as(&self, other: &Asking<'_>, dialect: Dialect) -> String {
        format!("{} AND {}", self.same_pictures_as(other, dialect), self.same_words_as(other))
    }

    /// The condition that both are made of the same pictures, by whatever model. It is for rows that are at hand: it takes as long
    /// however many pictures have the same bytes, and no index fits it.
    pub(in crate::queue) fn has_pictures_of(&self, other: &Asking<'_>, dialect: Dialect) -> String {
        let Dialect { schema, .. } = dialect;
        let same = |one: &str, other: &str| {
            format!(
                "({one} {NO_OTHER} {other} OR EXISTS (
                     SELECT 1 FROM {schema}contents e WHERE e.input = {one} AND e.sha256 <> '' AND e.sha256 = (
                         SELECT n.sha256 FROM {schema}inputs o JOIN {schema}contents n ON n.content = o.content
                          WHERE o.input = {other})))"
            )
        };
        [(self.human, other.human), (self.cloth, other.cloth), (self.cloth_2, other.cloth_2)]
            .map(|(one, other)| same(one, other))
            .join(" AND ")
    }

    /// The same condition, which an index over the first two pictures fits.
    fn same_pictures_as(&self, other: &Asking<'_>, dialect: Dialect) -> String {
        let (open, close) = dialect.one_of;
        let is_one_of = |picture: &str, query: &str| format!("{picture} {open}{query}{close}");
        let same = |one: &str, other: &str| {
            is_one_of(one, &format!("SELECT {other} UNION ALL {}", of_the_same_bytes(other, dialect)))
        };
        // Whether there is a second garment at all is known; only which one it is may be answered by NULL.
        let second = is_one_of(self.cloth_2, &of_the_same_bytes(other.cloth_2, dialect));
        let second = format!("{} IS NOT NULL AND {second}", self.cloth_2);
        format!(
            "{} AND {} AND ({} {NO_OTHER} {} OR {second})",
            same(self.human, other.human),
            same(self.cloth, other.cloth),
            self.cloth_2,
            other.cloth_2
        )
    }

    /// The condition that both ask for the same of their pictures.
    fn same_words_as(&self, other: &Asking<'_>) -> String {
        let words = self.request().into_iter().zip(other.request()).skip(3);
        words.map(|(one, other)| format!("{one} {NO_OTHER} {other}")).collect::<Vec<_>>().join(" AND ")
    }
}

/// A query for the pictures that are known to have been what a picture is.
fn of_the_same_bytes(picture: &str, Dialect { schema, .. }: Dialect) -> String {
    format!(
        "SELECT e.input FROM {schema}inputs o JOIN {schema}contents n ON n.content = o.content
           JOIN {schema}contents e ON e.sha256 = n.sha256 WHERE o.input = {picture} AND n.sha256 <> '' AND e.sha256 <> ''"
    )
}

/// What a picture is: its sha256 where it is known, and else its number, as text.
pub(in crate::queue) fn content_of(picture: &str, Dialect { schema, .. }: Dialect) -> String {
    format!(
        "coalesce((SELECT n.sha256 FROM {schema}inputs o JOIN {schema}contents n ON n.content = o.content
                    WHERE o.input = {picture} AND n.sha256 <> ''), CAST({picture} AS TEXT))"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::{Connection, params};

    use crate::job::{Inputs, Keep};
    use crate::queue::sqlite::selected::SQLITE;

    use super::*;

    const DEFAULT: &str = "v1";

    fn asking<'a>(columns: &'a [String; 7]) -> Asking<'a> {
        let [human, cloth, cloth_type, cloth_2, cloth_type_2, model, keep] = columns;
        Asking { human, cloth, cloth_type, cloth_2, cloth_type_2, model, keep }
    }

    /// The columns of `table`, where a row that names no model has the default.
    fn columns(table: &str) -> [String; 7] {
        ["human", "cloth", "cloth_type", "cloth_2", "cloth_type_2", "model", "keep"].map(|column| match column {
            "model" => format!("coalesce({table}.model, '{DEFAULT}')"),
            _ => format!("{table}.{column}"),
        })
    }

    fn inputs() -> impl Strategy<Value = Inputs<i64, &'static str>> {
        let kind = || proptest::option::of(prop_oneof![Just("upper"), Just("lower")]);
        let model = proptest::option::of(prop_oneof![Just("v1"), Just(ModelName::THREE)]);
        let keep = prop_oneof![Just(Keep::ALL), Just(Keep { face: false, ..Keep::ALL })];
        (1..=2_i64, 1..=2_i64, kind(), proptest::option::of(1..=2_i64), kind(), model, keep).prop_map(
            |(human, cloth, cloth_type, cloth_2, cloth_type_2, model, keep)| Inputs {
                human,
                cloth,
                cloth_type,
                cloth_2,
                cloth_type_2,
                model,
                keep,
            },
        )
    }

    /// Half of the pairs differ in one column at most, so that equal requests are not rare.
    fn two() -> impl Strategy<Value = (Inputs<i64, &'static str>, Inputs<i64, &'static str>)> {
        (inputs(), inputs(), 0..14_u8).prop_map(|(one, other, column)| {
            let near = match column {
                0 => Inputs { human: other.human, ..one },
                1 => Inputs { cloth: other.cloth, ..one },
                2 => Inputs { cloth_type: other.cloth_type, ..one },
                3 => Inputs { cloth_2: other.cloth_2, ..one },
                4 => Inputs { cloth_type_2: other.cloth_type_2, ..one },
                5 => Inputs { model: other.model, ..one },
                6 => Inputs { keep: other.keep, ..one },
                _ => other,
            };
            (one, near)
        })
    }

    /// What the two pictures are known to be.
    fn contents() -> impl Strategy<Value = [Option<&'static str>; 2]> {
        let content = || proptest::option::of(prop_oneof![Just("ana"), Just("bo")]);
        [content(), content()]
    }

    /// A picture is what it is known to be, or itself.
    fn by_content<'a>(
        row: Inputs<i64, &'a str>,
        are: [Option<&'static str>; 2],
    ) -> Inputs<Result<&'static str, i64>, &'a str> {
        let is = |picture: i64| are[usize::try_from(picture - 1).expect("a place")].ok_or(picture);
        let Inputs { human, cloth, cloth_type, cloth_2, cloth_type_2, model, keep } = row;
        Inputs { human: is(human), cloth: is(cloth), cloth_2: cloth_2.map(is), cloth_type, cloth_type_2, model, keep }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_database_and_the_program_agree_on_what_is_the_same_request((one, other) in two(), are in contents()) {
            let db = Connection::open_in_memory().expect("a database");
            let tables = "CREATE TABLE jobs (n, human, cloth, cloth_type, cloth_2, cloth_type_2, model, keep);
                          CREATE TABLE inputs (input, content);
                          CREATE TABLE contents (content, input, sha256)";
            db.execute_batch(tables).expect("tables");
            for (picture, sha256) in (1_i64..).zip(are) {
                let number = sha256.map(|_| 10 * picture);
                db.execute("INSERT INTO inputs VALUES (?1, ?2)", params![picture, number]).expect("a picture");
                db.execute("INSERT INTO contents VALUES (?1, ?2, ?3)", params![number, picture, sha256]).expect("a row");
            }
            for (n, row) in [(1, one), (2, other)] {
                let words = (row.cloth_type, row.cloth_type_2, row.model);
                let values =
                    params![n, row.human, row.cloth, words.0, row.cloth_2, words.1, words.2, row.keep.bits()];
                db.execute("INSERT INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", values).expect("a row");
            }
            let (a, b, own) = (columns("a"), columns("b"), columns("jobs"));
            let joined = "FROM jobs a, jobs b WHERE a.n = 1 AND b.n = 2 AND";
            let count = |query: &str| db.query_row(query, [], |row| row.get::<_, i64>(0)).expect("a count");
            let same = count(&format!("SELECT count(*) {joined} {}", asking(&a).same_as(&asking(&b)))) == 1;
            let groups = format!("SELECT 1 FROM jobs GROUP BY {}", asking(&own).group_by(str::to_owned));
            let grouped = count(&format!("SELECT count(*) FROM ({groups})")) == 1;
            let is_same = one.request(DEFAULT) == other.request(DEFAULT);
            prop_assert_eq!((same, grouped), (is_same, is_same));

            // The same questions, of what the pictures are.
            let (one, other) = (by_content(one, are), by_content(other, are));
            let same = format!("SELECT count(*) {joined} {}", asking(&a).same_contents_as(&asking(&b), SQLITE));
            let groups = format!("SELECT 1 FROM jobs GROUP BY {}", asking(&own).group_by_content(SQLITE));
            let grouped = count(&format!("SELECT count(*) FROM ({groups})")) == 1;
            let is_same = one.request(DEFAULT) == other.request(DEFAULT);
            prop_assert_eq!((count(&same) == 1, grouped), (is_same, is_same));
            let joined = "SELECT count(*), coalesce(sum(NOT same), 0) FROM (SELECT";
            let are_same = (one.human, one.cloth, one.cloth_2) == (other.human, other.cloth, other.cloth_2);
            let is_no = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            for pictures in [asking(&a).same_pictures_as(&asking(&b), SQLITE), asking(&a).has_pictures_of(&asking(&b), SQLITE)] {
                let query = format!("{joined} {pictures} AS same FROM jobs a, jobs b WHERE a.n = 1 AND b.n = 2)");
                // Yes or no, and never NULL: the opposite is asked for as well.
                prop_assert_eq!(db.query_row(&query, [], is_no).expect("a row"), (1, i64::from(!are_same)));
            }
        }
    }
}
