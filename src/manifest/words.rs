//! Letters and words: which could have been written by somebody, and which are an accident of encodings.

/// A run of bytes that are not ASCII, within a text.
pub(super) struct Run<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether no ASCII letter is next to it.
    pub(super) stands_alone: bool,
}

/// The runs of bytes that are not ASCII.
pub(super) fn runs(text: &[u8]) -> impl Iterator<Item = Run<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at + text[at..].iter().position(|byte| !byte.is_ascii())?;
        let end = text[begin..].iter().position(u8::is_ascii).map_or(text.len(), |length| begin + length);
        at = end;
        let before = begin.checked_sub(1).and_then(|index| text.get(index));
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        Some(Run { bytes: &text[begin..end], stands_alone: !is_letter(before) && !is_letter(text.get(end)) })
    })
}

/// A script, as far as words are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Belongs to whatever stands beside it.
    Any,
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Hebrew,
    Other,
    /// In no orthography of today.
    None,
}

fn script(c: char) -> Script {
    match u32::from(c) {
        // Feminine and masculine ordinals, the micro sign and all other signs of Latin-1.
        0xa0..=0xbf | 0xd7 | 0xf7 => Script::Any,
        0xc0..=0x17f => Script::Latin,
        // Letters of Vietnamese, Croatian, Romanian, pinyin, Azeri, and of African and Sami languages.
        0x181
        | 0x186
        | 0x189
        | 0x18a
        | 0x18e..=0x192
        | 0x197..=0x199
        | 0x19d
        | 0x1a0
        | 0x1a1
        | 0x1af
        | 0x1b0
        | 0x1b2..=0x1b7
        | 0x1c4..=0x1dc
        | 0x1e4..=0x1eb
        | 0x1ee
        | 0x1ef
        | 0x1f4
        | 0x1f5
        | 0x1f8..=0x1ff
        | 0x218..=0x21b
        | 0x21e
        | 0x21f
        | 0x226..=0x233
        | 0x244
        | 0x249
        | 0x24c
        | 0x24d => Script::Latin,
        0x253 | 0x254 | 0x256 | 0x257 | 0x259 | 0x25b | 0x260 | 0x263 | 0x268 | 0x269 | 0x272 | 0x28a | 0x28b
        | 0x292 => Script::Latin,
        0x180..=0x2af => Script::None,
        0x2b0..=0x2ff | 0x300..=0x345 => Script::Any,
        0x346..=0x36f => Script::None,
        0x386..=0x3ce => Script::Greek,
        0x370..=0x3ff => Script::None,
        0x400..=0x45f | 0x490..=0x52f => Script::Cyrillic,
        0x460..=0x48f => Script::None,
        0x531..=0x556 | 0x55a..=0x587 | 0x589 | 0x58a => Script::Armenian,
        0x591..=0x5c7 | 0x5d0..=0x5ea | 0x5f0..=0x5f4 => Script::Hebrew,
        0x530..=0x5ff => Script::None,
        _ => Script::Other,
    }
}

/// Whether nobody would write this: letters of two scripts in one word, or such as no language of today has.
///
/// `text` is a run of characters that are not ASCII; `stands_alone` says that no ASCII letter is next to it.
pub(super) fn reads_oddly(text: &str, stands_alone: bool) -> bool {
    let scripts = || text.chars().map(script).filter(|script| *script != Script::Any);
    if scripts().any(|script| script == Script::None) {
        return true;
    }
    let first = scripts().next();
    if scripts().any(|script| Some(script) != first) {
        return true;
    }
    // An accent needs a letter to stand on.
    let begins_with_accent = text.chars().next().is_some_and(|c| ('\u{300}'..='\u{36f}').contains(&c));
    if begins_with_accent && stands_alone {
        return true;
    }
    stands_alone && first == Some(Script::Latin) && is_no_word(text)
}

/// Whether Latin letters by themselves make no word: a small letter before a capital, or a single letter that is the
/// first half of no word and the sign for a garment or a person in GBK.
fn is_no_word(text: &str) -> bool {
    let mut letters = text.chars();
    let (first, second) = (letters.next(), letters.next());
    match (first, second) {
        (Some('Ů'), None) => true,
        (Some(first), Some(second)) => first.is_lowercase() && second.is_uppercase(),
        _ => false,
    }
}

/// Whether a character is one that texts of East Asia are made of.
pub(super) fn is_letter_of_east_asia(c: char) -> bool {
    matches!(
        u32::from(c),
        // Signs that stand between letters there.
        0xb7 | 0xd7 | 0x2014..=0x2026 | 0x2103 | 0x2160..=0x216b | 0x2460..=0x2473
        | 0x25a0..=0x25ff | 0x2605 | 0x2606 | 0x3000..=0x303f
        // Kana, hangul, ideographs, full-width forms.
        | 0x3040..=0x30ff | 0x3130..=0x318f | 0xac00..=0xd7a3 | 0x4e00..=0x9fa5 | 0xff01..=0xff9f
    )
}
