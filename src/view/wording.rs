//! How numbers, spans and moments are said to people.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::queue::Counts;

/// A count with its thousands apart: `10,000`.
#[must_use]
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 image`, `2,000 images`. The plural is the noun with an s.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(count))
}

/// What people have said of results: `120 approved, 4 rejected, 9,876 not judged`; `None` before the first verdict.
#[must_use]
pub fn judged(counts: &Counts) -> Option<String> {
    let said = [(counts.approved, "approved"), (counts.rejected_images, "rejected"), (counts.unjudged(), "not judged")];
    let said: Vec<String> = said
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(*count)))
        .collect();
    (counts.approved + counts.rejected_images > 0).then(|| said.join(", "))
}

/// A span in its two largest units: `45 s`, `3 min 20 s`, `4 h 54 min`, `2 d 3 h`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let pair = |large: u64, large_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {large_name}"),
        _ => format!("{large} {large_name} {small} {small_name}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A span that is only estimated, so not to the second: `a few seconds`, `about 20 min`, `about 4 h 50 min`.
#[must_use]
pub fn rough_span(estimate: Duration) -> String {
    let minutes = estimate.as_secs().div_ceil(60);
    let rounded = match minutes {
        _ if estimate.as_secs() <= 15 => return "a few seconds".to_owned(),
        _ if estimate.as_secs() <= 40 => return "half a minute".to_owned(),
        0..=1 => return "about a minute".to_owned(),
        2..60 => minutes,
        60..600 => minutes.div_ceil(5) * 5,
        _ => minutes.div_ceil(60) * 60,
    };
    format!("about {}", span(Duration::from_secs(rounded * 60)))
}

/// Images a minute, in as many digits as mean something.
#[must_use]
pub fn rate(per_minute: f64) -> String {
    if per_minute < 99.95 {
        return format!("{per_minute:.1} images/min");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rounded rate above 99")]
    let whole = per_minute.round() as u64;
    format!("{} images/min", thousands(whole))
}

/// A share from 0 to 1 in percent: `97 %`. Rounded down: 100 % is when nothing is missing.
#[must_use]
pub fn percent(share: f64) -> String {
    // What was counted as 0.97 may be a little less by now.
    format!("{} %", (share * 100.0 + 1e-9).floor().clamp(0.0, 100.0))
}

/// Units, without digits that say nothing: `9,997`, `12.5`.
#[must_use]
pub fn units(units: f64) -> String {
    let text = format!("{:.3}", units.max(0.0));
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}", whole.parse().map_or_else(|_| whole.to_owned(), thousands))
}

/// What a queue's tasks have cost: units of packs, money from a balance, and of how many tasks the provider did not say.
/// Nothing is said to be 0 that nobody has told.
#[must_use]
pub fn cost(units_told: f64, paid: f64, untold: u64) -> String {
    let mut told = Vec::new();
    if units_told > 0.0 || (paid == 0.0 && untold == 0) {
        told.push(units(units_told));
    }
    if paid > 0.0 {
        told.push(format!("{} paid from the balance", units(paid)));
    }
    match (told.is_empty(), untold) {
        (true, _) => told.push(format!("unknown: the provider does not say what {} cost", counted(untold, "task"))),
        (false, 0) => {}
        (false, _) => told.push(format!("of {} it is not known", counted(untold, "task"))),
    }
    told.join("; ")
}

/// A moment near `now` as a clock shows it: `02:14`, to the second where it is less than ten minutes off, with
/// its day where it is another one.
#[must_use]
pub fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    const NEAR_SECONDS: i64 = 600;
    const WEEK_SECONDS: i64 = 6 * 86_400;
    let (local, local_now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let away = (at.as_second() - now.as_second()).abs();
    let format = match (local.date() == local_now.date(), away) {
        (_, ..NEAR_SECONDS) => "%H:%M:%S",
        (true, _) => "%H:%M",
        (false, ..WEEK_SECONDS) => "%a %H:%M",
        (false, _) => "%Y-%m-%d %H:%M",
    };
    local.strftime(format).to_string()
}

/// A moment in full: local time with its offset from UTC.
#[must_use]
pub fn local(at: Timestamp, zone: &TimeZone) -> String {
    let local: Zoned = at.to_zoned(zone.clone());
    local.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A word as one can type it into a shell.
#[must_use]
pub fn quoted(word: &str) -> Cow<'_, str> {
    if cfg!(windows) {
        let is_plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "&|<>^()".contains(c));
        return if is_plain { word.into() } else { format!("\"{word}\"").into() };
    }
    // Only a NUL cannot be quoted, and no argument has one.
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}

/// As [`quoted`], for a word that need not be UTF-8: bytes that are not are written as bash, zsh and ksh read them.
#[must_use]
pub fn quoted_os(word: &OsStr) -> String {
    if let Some(word) = word.to_str() {
        return quoted(word).into_owned();
    }
    let mut text = "$'".to_owned();
    for byte in word.as_encoded_bytes() {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text + "'"
}

/// `text` with its lines broken between words where they are wider than `columns`, what is broken off standing in by
/// `indent`. Without a number of columns it stays as it is.
#[must_use]
pub fn filled(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(columns.max(2 * indent.len()).max(8))
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    text.lines().map(|line| textwrap::fill(line, &options)).collect::<Vec<_>>().join("\n")
}

/// `text`, cut to `columns` of a terminal with an ellipsis where it is wider.
#[must_use]
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    console::truncate_str(text, columns, "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "image"), counted(2_000, "image")], ["1 image", "2,000 images"]);
    }

    #[test]
    fn spans_are_told_in_two_units_at_most() {
        let said = [0, 45, 60, 200, 3_600, 17_640, 183_600].map(|s| span(seconds(s)));
        assert_eq!(said, ["0 s", "45 s", "1 min", "3 min 20 s", "1 h", "4 h 54 min", "2 d 3 h"]);
    }

    #[test]
    fn estimates_are_not_told_more_exactly_than_they_are_known() {
        let said = [3, 30, 50, 61, 1_150, 17_640, 100_000].map(|s| rough_span(seconds(s)));
        assert_eq!(
            said,
            [
                "a few seconds",
                "half a minute",
                "about a minute",
                "about 2 min",
                "about 20 min",
                "about 4 h 55 min",
                "about 1 d 4 h"
            ]
        );
    }

    #[test]
    fn long_lines_are_broken_between_words_and_only_for_a_terminal() {
        assert_eq!(filled("  time      about 2 min, with", Some(24), 12), "  time      about 2 min,\n            with");
        assert_eq!(filled("one two three\nfour", Some(8), 0), "one two\nthree\nfour");
        assert_eq!(filled("one two three", None, 4), "one two three");
        assert_eq!(
            filled("--base-url=http://127.0.0.1:8799/kling", Some(10), 2),
            "--base-url=http://127.0.0.1:8799/kling"
        );
    }

    #[test]
    fn a_rate_has_the_digits_that_mean_something() {
        assert_eq!(
            [0.44, 20.0, 99.97, 1_664.4].map(rate).join(", "),
            "0.4 images/min, 20.0 images/min, 100 images/min, 1,664 images/min"
        );
    }

    #[test]
    fn a_share_is_whole_only_when_nothing_is_missing() {
        assert_eq!(
            [0.0, 0.0099, 0.29, 0.97, 0.999, 1.0, 1.2].map(percent).join(", "),
            "0 %, 0 %, 29 %, 97 %, 99 %, 100 %, 100 %"
        );
    }

    #[test]
    fn units_have_no_idle_digits() {
        assert_eq!([0.0, 9_997.0, 0.5, 10.125, 1.0 / 3.0].map(units), ["0", "9,997", "0.5", "10.125", "0.333"]);
    }

    #[test]
    fn a_moment_is_told_as_exactly_as_it_is_near() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let now: Timestamp = "2026-11-03T22:50:00Z".parse().expect("a time");
        let said = |at: &str| clock(at.parse().expect("a time"), now, &zone);
        assert_eq!(said("2026-11-03T22:50:30Z"), "23:50:30");
        assert_eq!(said("2026-11-03T22:30:30Z"), "23:30");
        assert_eq!(said("2026-11-04T01:14:00Z"), "Wed 02:14");
        assert_eq!(said("2026-12-04T01:14:00Z"), "2026-12-04 02:14");
        assert_eq!(local(now, &zone), "2026-11-03 23:50:00 +01:00");
    }
}
