//! Names of columns that are nearly one that is read: misspelt, in other words, in letters that only look alike, or
//! behind a byte order mark that was taken for text.

use encoding_rs::Encoding;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::job::is_invisible;

use super::header::Column;

/// Names that differ in at most this many letters are the same name, misspelt: at least this long, at most so many.
const MOST_SLIPS: [(usize, usize); 2] = [(8, 2), (5, 1)];

/// The column that a name means which is no column's, if it is one of `absent`: other words for it, or the same
/// letters, or nearly. A name that is as near to a column that is there is another column beside it.
pub(super) fn meant(name: &str, absent: impl Fn(Column) -> bool) -> Option<Column> {
    if let Some(column) = by_its_words(name) {
        return absent(column).then_some(column);
    }
    let name = letters(name);
    let slips = |column: Column| strsim::damerau_levenshtein(&name, &letters(column.name()));
    let nearest = Column::ALL.into_iter().min_by_key(|column| (slips(*column), absent(*column)))?;
    let most = MOST_SLIPS.iter().find(|(letters, _)| name.chars().count() >= *letters).map_or(0, |(_, most)| *most);
    (absent(nearest) && slips(nearest) <= most).then_some(nearest)
}

/// A name as it looks: small Latin letters and digits for all that look like them; nothing that is not seen.
fn letters(name: &str) -> String {
    plain(name).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The characters of a name in their plain form: no accents, no full-width forms, Latin for letters that look Latin.
fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
    name.nfkd().filter(|c| !is_combining_mark(*c) && !is_invisible(*c)).map(as_it_looks)
}

/// The Latin letter that a Cyrillic or Greek one is not told from (Unicode's `confusables.txt`, those of our names).
fn as_it_looks(c: char) -> char {
    const LOOK_ALIKES: [(&str, char); 24] = [
        ("аАαΑ", 'a'),
        ("ВΒв", 'b'),
        ("сСϲ", 'c'),
        ("ԁ", 'd'),
        ("еЕεΕ", 'e'),
        ("ɡԍ", 'g'),
        ("һНΗ", 'h'),
        ("іІιΙıӀ", 'i'),
        ("јЈ", 'j'),
        ("кКκΚ", 'k'),
        ("ӏ", 'l'),
        ("мМΜ", 'm'),
        ("пηΝ", 'n'),
        ("оОοΟ", 'o'),
        ("рРρΡ", 'p'),
        ("ԛ", 'q'),
        ("г", 'r'),
        ("ѕЅ", 's'),
        ("тТτΤ", 't'),
        ("υս", 'u'),
        ("νѵ", 'v'),
        ("ѡԝ", 'w'),
        ("хХχΧ", 'x'),
        ("уУΥγ", 'y'),
    ];
    if c.is_ascii() {
        return c;
    }
    LOOK_ALIKES.iter().find(|(alike, _)| alike.contains(c)).map_or(c, |(_, latin)| *latin)
}

/// What a word of a name is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Human,
    Cloth,
    Kind,
    Model,
    Priority,
    Id,
    Job,
    /// A picture, or where it is.
    Picture,
    Name,
    First,
    Second,
    Keep,
    Face,
    Pose,
    Background,
    /// Adds nothing.
    Filler,
}

const WORDS: [(&str, Word); 68] = [
    ("human", Word::Human),
    ("humans", Word::Human),
    ("person", Word::Human),
    ("persons", Word::Human),
    ("people", Word::Human),
    ("cloth", Word::Cloth),
    ("cloths", Word::Cloth),
    ("clothes", Word::Cloth),
    ("clothing", Word::Cloth),
    ("garment", Word::Cloth),
    ("garments", Word::Cloth),
    ("apparel", Word::Cloth),
    ("type", Word::Kind),
    ("types", Word::Kind),
    ("kind", Word::Kind),
    ("category", Word::Kind),
    ("model", Word::Model),
    ("models", Word::Model),
    ("priority", Word::Priority),
    ("priorities", Word::Priority),
    ("prio", Word::Priority),
    ("prios", Word::Priority),
    ("id", Word::Id),
    ("ids", Word::Id),
    ("identifier", Word::Id),
    ("job", Word::Job),
    ("task", Word::Job),
    ("row", Word::Job),
    ("image", Word::Picture),
    ("images", Word::Picture),
    ("img", Word::Picture),
    ("imgs", Word::Picture),
    ("picture", Word::Picture),
    ("pictures", Word::Picture),
    ("pic", Word::Picture),
    ("pics", Word::Picture),
    ("photo", Word::Picture),
    ("photos", Word::Picture),
    ("url", Word::Picture),
    ("uri", Word::Picture),
    ("link", Word::Picture),
    ("path", Word::Picture),
    ("file", Word::Picture),
    ("filename", Word::Picture),
    ("src", Word::Picture),
    ("name", Word::Name),
    ("version", Word::Name),
    ("1", Word::First),
    ("one", Word::First),
    ("first", Word::First),
    ("2", Word::Second),
    ("two", Word::Second),
    ("ii", Word::Second),
    ("second", Word::Second),
    ("2nd", Word::Second),
    ("keep", Word::Keep),
    ("keeps", Word::Keep),
    ("preserve", Word::Keep),
    ("retain", Word::Keep),
    ("face", Word::Face),
    ("faces", Word::Face),
    ("pose", Word::Pose),
    ("background", Word::Background),
    ("bg", Word::Background),
    ("original", Word::Filler),
    ("the", Word::Filler),
    ("of", Word::Filler),
    ("level", Word::Filler),
];

/// The column that a name means by the words it is made of, however they are joined.
fn by_its_words(name: &str) -> Option<Column> {
    let mut words = Vec::new();
    for token in tokens(name) {
        words.extend(split_into_words(&token)?);
    }
    let has = |word: Word| words.contains(&word);
    let only = |allowed: &[Word]| words.iter().all(|word| *word == Word::Filler || allowed.contains(word));
    use Word::{
        Background, Cloth, Face, First, Human, Id, Job, Keep, Kind, Model, Name, Picture, Pose, Priority, Second,
    };
    if has(Human) {
        return only(&[Human, Picture, First]).then_some(Column::Human);
    }
    if has(Cloth) && only(&[Cloth, Kind, Picture, First, Second]) && !(has(First) && has(Second)) {
        return Some(match (has(Kind), has(Second)) {
            (false, false) => Column::Cloth,
            (true, false) => Column::ClothType,
            (false, true) => Column::Cloth2,
            (true, true) => Column::ClothType2,
        });
    }
    match () {
        () if has(Kind) && has(Second) && only(&[Kind, Second]) => Some(Column::ClothType2),
        // In the trade a model is a person as well.
        () if has(Model) && has(Picture) && only(&[Model, Picture]) => Some(Column::Human),
        () if has(Model) && only(&[Model, Name, Id]) => Some(Column::Model),
        () if has(Keep) && has(Face) && only(&[Keep, Face]) => Some(Column::KeepFace),
        () if has(Keep) && has(Pose) && only(&[Keep, Pose]) => Some(Column::KeepPose),
        () if has(Keep) && has(Background) && only(&[Keep, Background]) => Some(Column::KeepBackground),
        () if has(Priority) && only(&[Priority]) => Some(Column::Priority),
        () if has(Id) && only(&[Id, Job]) => Some(Column::Id),
        () if has(Job) && has(Name) && only(&[Job, Name]) => Some(Column::Id),
        () => None,
    }
}

/// The parts of a name: between signs, at a capital, at a digit.
fn tokens(name: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut before = ' ';
    for c in plain(name) {
        let begins = !c.is_alphanumeric()
            || (c.is_uppercase() && before.is_lowercase())
            || (c.is_ascii_digit() != before.is_ascii_digit() && before.is_alphanumeric());
        if begins {
            tokens.push(String::new());
        }
        if c.is_alphanumeric() {
            tokens.last_mut().into_iter().for_each(|token| token.extend(c.to_lowercase()));
        }
        before = c;
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// The words that a part of a name is made of, if it is made of words.
fn split_into_words(token: &str) -> Option<Vec<Word>> {
    /// More words make no name of a column.
    const MOST_WORDS: usize = 6;
    let mut ways = vec![(token, Vec::new())];
    while let Some((rest, words)) = ways.pop() {
        if rest.is_empty() {
            return Some(words);
        }
        if words.len() < MOST_WORDS {
            let next = WORDS.iter().filter_map(|(text, word)| Some((rest.strip_prefix(text)?, *word)));
            ways.extend(next.map(|(rest, word)| (rest, [words.as_slice(), &[word]].concat())));
        }
    }
    None
}

/// The encoding whose reading of a byte order mark stands before a name, and the name behind it.
///
/// A file in UTF-8 that was opened in another encoding and saved again begins so: `ï»¿id`, `锘縤d`.
pub(super) fn behind_damaged_mark(name: &str) -> Option<(&'static str, String)> {
    // Code pages of DOS, which the Encoding Standard does not have.
    for (mark, encoding) in [("∩╗┐", "code page 437"), ("´╗┐", "code page 850"), ("п╗©", "KOI8-R")] {
        if let Some(rest) = name.strip_prefix(mark) {
            return Some((encoding, rest.to_owned()));
        }
    }
    if name.is_ascii() {
        return None;
    }
    let mut text = name.to_owned();
    // Twice damaged is common enough.
    for _ in 0..2 {
        let encodings = [
            encoding_rs::WINDOWS_1252,
            encoding_rs::GBK,
            encoding_rs::BIG5,
            encoding_rs::SHIFT_JIS,
            encoding_rs::EUC_KR,
            encoding_rs::EUC_JP,
            encoding_rs::WINDOWS_1250,
            encoding_rs::WINDOWS_1251,
            encoding_rs::WINDOWS_1253,
            encoding_rs::WINDOWS_1254,
            encoding_rs::WINDOWS_1255,
            encoding_rs::WINDOWS_1256,
            encoding_rs::WINDOWS_1257,
            encoding_rs::WINDOWS_1258,
            encoding_rs::WINDOWS_874,
            encoding_rs::MACINTOSH,
            encoding_rs::KOI8_R,
            encoding_rs::IBM866,
        ];
        for encoding in encodings {
            if let Some(rest) =
                bytes_in(encoding, &text).as_deref().and_then(|bytes| bytes.strip_prefix(b"\xef\xbb\xbf"))
                && let Ok(rest) = std::str::from_utf8(rest)
            {
                return Some((encoding.name(), rest.to_owned()));
            }
        }
        let once_less = bytes_in(encoding_rs::WINDOWS_1252, &text)?;
        text = String::from_utf8(once_less).ok().filter(|less| *less != text)?;
    }
    None
}

/// The bytes that give a text in an encoding.
fn bytes_in(encoding: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    let (bytes, _, had_errors) = encoding.encode(text);
    (!had_errors).then(|| bytes.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(name: &str) -> Option<&'static str> {
        meant(name, |_| true).map(Column::name)
    }

    #[test]
    fn other_words_for_a_column_and_misspelt_ones_are_known() {
        for (column, names) in [
            ("id", "ID.|_id|job_id|Job Id|job name|ids|identifier|#id|row_id|іd|ｉｄ|i\u{200b}d|*id*"),
            ("human_image", "person|Person Image|human_img|human picture|humanImage|model_image|human url|hmuan_image"),
            ("human_image", "people|human_path|ｈｕｍａｎ|humаn|HUMAN_IMAGE_URL|human file|humanimage|human-image-1"),
            (
                "cloth_image",
                "garment|garment_image|clothes|clothing|Cloth Url|clоth|clothimg|cloth_imgae|cloth 1|clóth",
            ),
            ("cloth_type", "garment_type|Cloth-Type|clothtype|type of cloth|cloth_typ|garment category|cloth kind"),
            (
                "cloth_image_2",
                "cloth_2|cloth2|Cloth Image 2|second_cloth|garment_2|cloth_image2|second garment|cloth ii",
            ),
            ("cloth_type_2", "cloth_2_type|cloth_type2|garment_type_2|type_2|Cloth2Type|second garment type"),
            ("model", "model_name|Model Name|modelName|model version|mоdel|models|modell|MODEL_ID|ｍｏｄｅｌ"),
            ("keep_face", "keepFace|Keep Face|face_keep|keep_faces|keep_fase|preserve face|kеep_face"),
            ("keep_pose", "keepPose|retain_pose|keep-pose|kepp_pose"),
            ("keep_background", "keepBackground|keep_bg|keep the background|keep_backgroud"),
            ("priority", "prio|Priority Level|prority|priorty|PRIO|ρriority|priorities"),
        ] {
            for name in names.split('|') {
                assert_eq!(meaning(name), Some(column), "{name}");
            }
        }
    }

    #[test]
    fn columns_of_somebody_elses_are_not() {
        let names = "sku|name|type|mode|colour|size|note|title|price|category|brand|person_name|human_id|garment_id|\
                     cloth name|cloth_colour|product|priority class|file_name|image_id|url|link|picture|position|rank|\
                     season|vendor|face|pose|background|keep|keep_size|bg_colour|kind|path|source|状态|备注|größe|modell jahr|model_year|second|paid|width|created_at";
        for name in names.split('|') {
            assert_eq!(meaning(name), None, "{name}");
        }
    }

    #[test]
    fn a_byte_order_mark_that_was_taken_for_text_is_seen_whatever_it_was_taken_for() {
        for encoding in [
            encoding_rs::WINDOWS_1252,
            encoding_rs::GBK,
            encoding_rs::WINDOWS_1251,
            encoding_rs::WINDOWS_1250,
            encoding_rs::WINDOWS_1253,
            encoding_rs::MACINTOSH,
            encoding_rs::WINDOWS_874,
        ] {
            for name in ["id", "human_image", "cloth"] {
                let file = format!("\u{feff}{name},x");
                let (damaged, _) = encoding.decode_without_bom_handling(file.as_bytes());
                let damaged = damaged.split(',').next().expect("a name");
                let found = behind_damaged_mark(damaged);
                assert_eq!(found.map(|(_, rest)| rest).as_deref(), Some(name), "{damaged} of {}", encoding.name());
            }
        }
        for (damaged, name) in [("锘縤d", "id"), ("Ã¯Â»Â¿id", "id"), ("∩╗┐id", "id"), ("´╗┐human", "human")]
        {
            assert_eq!(behind_damaged_mark(damaged).map(|(_, rest)| rest).as_deref(), Some(name), "{damaged}");
        }
        for name in ["id", "größe", "状态", "ид", "human_image"] {
            assert_eq!(behind_damaged_mark(name), None, "{name}");
        }
    }
}
