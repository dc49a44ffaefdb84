//! Characters that nobody sees: two texts that differ by them look alike and are two.

/// The first character of a text that is invisible where it is, for a message: `U+200B`.
///
/// Joiners within words of scripts that need them, and what emoji are composed of, are part of what is seen.
#[must_use]
pub fn invisible_character(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut found = text.char_indices().filter(|(_, c)| is_invisible(*c));
    let (_, c) = found.find(|(at, c)| {
        let (before, after) = (text[..*at].chars().next_back(), text[at + c.len_utf8()..].chars().next());
        !is_part_of_what_is_seen(*c, before, after)
    })?;
    Some(format!("U+{:04X}", u32::from(c)))
}

/// Whether a character has no glyph of its own, white space aside.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    // Most texts that are not ASCII are in these, which have none.
    if matches!(u32::from(c), 0x20..=0x7e | 0x3400..=0xd7a3) {
        return false;
    }
    matches!(
        u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
            | 0xfff0..=0xfffb | 0x1_d173..=0x1_d17a | 0xe_0000..=0xe_0fff
    )
}

/// Whether an invisible character does what it is made for.
fn is_part_of_what_is_seen(c: char, before: Option<char>, after: Option<char>) -> bool {
    let is_joined = |c: Option<char>| c.is_some_and(|c| is_of_joining_script(c) || is_symbol(c));
    match u32::from(c) {
        // Joiner and non-joiner, between letters of Persian or of India, or between emoji.
        0x200c | 0x200d => is_joined(before) && is_joined(after),
        // A variation selector says how the character before it looks.
        0xfe00..=0xfe0f => before.is_some_and(|before| is_symbol(before) || matches!(before, '0'..='9' | '#' | '*')),
        0x180b..=0x180f => before.is_some_and(|before| ('\u{1800}'..='\u{18af}').contains(&before)),
        0xe_0100..=0xe_01ef => before.is_some_and(|before| ('\u{3400}'..='\u{3fffd}').contains(&before)),
        // Flags of regions are a black flag and letters in tags.
        0xe_0020..=0xe_007f => {
            before.is_some_and(|before| before == '\u{1f3f4}' || ('\u{e0020}'..='\u{e007f}').contains(&before))
        }
        _ => false,
    }
}

/// Arabic, the scripts of India and South-East Asia, Mongolian.
fn is_of_joining_script(c: char) -> bool {
    matches!(u32::from(c), 0x600..=0x8ff | 0x900..=0x109f | 0x1780..=0x18af | 0x1a00..=0x1cff | 0xa800..=0xaaff
        | 0xfb50..=0xfdff | 0xfe70..=0xfefc | 0x1_1000..=0x1_1fff)
}

/// Emoji and other signs, with what modifies them.
fn is_symbol(c: char) -> bool {
    matches!(u32::from(c), 0xa9 | 0xae | 0x203c | 0x2049 | 0x2100..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0xfe0f
        | 0x1_f000..=0x1_faff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_named() {
        for (text, named) in [
            ("a\u{200b}", "U+200B"),
            ("\u{feff}a", "U+FEFF"),
            ("ab\u{ad}c", "U+00AD"),
            ("a\u{200d}b", "U+200D"),
            ("女\u{200c}装", "U+200C"),
            ("a\u{2060}", "U+2060"),
            ("a\u{fe0f}", "U+FE0F"),
            ("\u{3164}", "U+3164"),
            ("a\u{e0061}", "U+E0061"),
            ("کتاب\u{200c}", "U+200C"),
            ("a\u{202e}b", "U+202E"),
        ] {
            assert_eq!(invisible_character(text).as_deref(), Some(named), "{text:?}");
        }
    }

    #[test]
    fn joiners_and_selectors_where_they_belong_are_no_fault() {
        for text in [
            "ana/shirt",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}/a",
            "👩\u{1f3fd}\u{200d}🦰",
            "1\u{fe0f}\u{20e3}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "葛\u{e0100}飾",
            "Größe",
            "a\u{a0}b",
        ] {
            assert_eq!(invisible_character(text), None, "{text:?}");
        }
    }
}
