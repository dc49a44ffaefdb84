//! Letters and words: which could have been written by somebody, and which are an accident of encodings.

use encoding_rs::GBK;

use super::decoded::decoded;

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
    /// Belongs to whatever is beside it.
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
        // Apostrophes, rings and tones of languages of today; the other signs of phonetics stand in no name.
        0x2b9..=0x2bc | 0x2be | 0x2bf | 0x2c6..=0x2cc | 0x2d8..=0x2dd | 0x300..=0x345 => Script::Any,
        0x2b0..=0x2ff | 0x346..=0x36f => Script::None,
        0x386..=0x3ce => Script::Greek,
        0x370..=0x3ff => Script::None,
        0x400..=0x45f | 0x490..=0x4ff => Script::Cyrillic,
        0x460..=0x52f => Script::None,
        0x531..=0x556 | 0x55a..=0x587 | 0x589 | 0x58a => Script::Armenian,
        0x5b0..=0x5c7 | 0x5d0..=0x5ea | 0x5f0..=0x5f4 => Script::Hebrew,
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
    stands_alone && is_of_the_trade_in_gbk(text)
}

/// Characters of GBK that words of the trade are made of, as far as their bytes are letters in UTF-8.
const OF_THE_TRADE: &str = "录露路帽毛猫玫每眉模膜莫末母目木幕女牛暖努诺浓扭欧偶品皮片飘漂平苹瓶拼浅千前签铅潜裙全群圈染色莎纱衫杉珊山\
                            伞桑森沙省时式石十师士丝双爽水霜帅私司太台檀毯童图头统筒桶桐同铜停挺庭途透通围维微唯未味尾韦夕席溪膝希惜喜\
                            系细霞小鞋校孝雪靴选学旬野夜叶业页印英影樱泳萤映莹原圆园元缘源院越预裕展站占织枝直支值知植职纸指脂装专妆状\
                            庄住注转砖";

/// Letters that are a word of the trade in GBK, and none by themselves.
const NO_WORDS: &str = "ŮţģĿƷЬȫ";

/// Whether a text that stands alone is a word of the trade in GBK. Two or more such letters and no other are no word of
/// the languages that have these letters.
fn is_of_the_trade_in_gbk(text: &str) -> bool {
    let mut letters = text.chars();
    if let (Some(only), None) = (letters.next(), letters.next()) {
        return NO_WORDS.contains(only);
    }
    let in_gbk = decoded(text.as_bytes(), GBK);
    in_gbk.is_some_and(|word| word.chars().all(|c| OF_THE_TRADE.contains(c)))
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
