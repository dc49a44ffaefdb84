//! The plot of images over time, drawn by hand: bars, lines and labels with their places, for the template to write.
//!
//! Places along the time are percentages, so that the plot fills any width while its text keeps its size.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::view::wording::{counted, thousands};

use super::tempo::{Finished, Tempo};

/// The height of the bars' field in pixels, below a margin for the topmost label.
const FIELD_HEIGHT: f64 = 150.0;
const TOP: f64 = 12.0;

/// This many labels fit below the plot on a telephone.
const MOST_TIME_LABELS: i64 = 5;

/// Between two labels of the time axis, in seconds.
const TIME_STEPS_SECONDS: [i64; 21] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    2_419_200,
];

/// The plot.
#[derive(Debug)]
pub(super) struct Plot {
    /// `5 minutes`: what one bar stands for.
    pub(super) bar_span: String,
    /// `UTC+01:00`: whose clock the labels show.
    pub(super) zone: String,
    /// Whether anything failed, so that the colour needs explaining.
    pub(super) has_failures: bool,
    /// What a reader that cannot see the plot is told.
    pub(super) spoken: String,
    pub(super) bars: Vec<Bar>,
    pub(super) counts: Vec<Label>,
    pub(super) times: Vec<Label>,
}

/// A part of a bar.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) class: &'static str,
    /// In per cent.
    pub(super) x: String,
    pub(super) width: String,
    /// In pixels.
    pub(super) y: String,
    pub(super) height: String,
    pub(super) title: String,
}

/// A label of an axis: per cent along the time, pixels down the counts.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) at: String,
    pub(super) text: String,
    /// Where the text stands in relation to `at`: `start`, `middle` or `end`.
    pub(super) anchor: &'static str,
}

impl Plot {
    /// Draws what was counted; `None` where nothing was finished.
    pub(super) fn draw(tempo: &Tempo, zone: &TimeZone) -> Option<Self> {
        let buckets: Vec<(i64, Finished)> = tempo.buckets().collect();
        let (first, last) = (buckets.first()?.0, buckets.last()?.0);
        let most = buckets.iter().map(|(_, finished)| finished.images + finished.failures).max()?;
        let scale = CountScale::of(most);
        let width = tempo.width_seconds();
        let span = last + width - first;
        let images: u64 = buckets.iter().map(|(_, finished)| finished.images).sum();
        let bar_span = span_of_bar(width);
        Some(Self {
            spoken: format!(
                "{} from {} to {}; at most {} in {bar_span}",
                counted(images, "image"),
                full_time(first, zone),
                full_time(last + width, zone),
                thousands(most),
            ),
            has_failures: buckets.iter().any(|(_, finished)| finished.failures > 0),
            zone: zone_name(first, zone),
            bars: buckets.iter().flat_map(|bucket| bars(*bucket, (first, span, width), &scale, zone)).collect(),
            counts: scale.labels(),
            times: time_labels(first, span, zone),
            bar_span,
        })
    }
}

/// The axis of the counts: round steps, the last of which is at the top or above the highest bar.
struct CountScale {
    step: u64,
    top: u64,
}

impl CountScale {
    fn of(most: u64) -> Self {
        let mut power = 1;
        loop {
            for step in [1, 2, 5].map(|digit| digit * power) {
                let steps = most.div_ceil(step).max(1);
                if steps <= 4 {
                    return Self { step, top: steps * step };
                }
            }
            power *= 10;
        }
    }

    /// The height of a count, in pixels.
    #[expect(clippy::cast_precision_loss, reason = "counts of images")]
    fn pixels(&self, count: u64) -> f64 {
        count as f64 / self.top as f64 * FIELD_HEIGHT
    }

    fn labels(&self) -> Vec<Label> {
        let counts = (0..=self.top / self.step).map(|step| step * self.step);
        counts
            .map(|count| Label {
                at: format!("{:.1}", TOP + FIELD_HEIGHT - self.pixels(count)),
                text: thousands(count),
                anchor: "end",
            })
            .collect()
    }
}

/// The one or two parts of a bucket's bar: images, and failures on top of them.
fn bars(
    (at, finished): (i64, Finished),
    (first, span, width): (i64, i64, i64),
    scale: &CountScale,
    zone: &TimeZone,
) -> Vec<Bar> {
    let when = full_time(at, zone);
    let part = |class, below: u64, count: u64, noun: &str| {
        let height = scale.pixels(count);
        // A lone failure among thousands of images is seen all the same.
        let height = height.max(1.5);
        Bar {
            class,
            x: format!("{:.3}%", per_cent(at - first, span)),
            width: format!("{:.3}%", per_cent(width, span) * 0.86),
            y: format!("{:.1}", TOP + FIELD_HEIGHT - scale.pixels(below) - height),
            height: format!("{height:.1}"),
            title: format!("{when}: {}", counted(count, noun)),
        }
    };
    let images = (finished.images > 0).then(|| part("images", 0, finished.images, "image"));
    let failures = (finished.failures > 0).then(|| part("failures", finished.images, finished.failures, "failure"));
    images.into_iter().chain(failures).collect()
}

/// Labels at round times of the clock on the wall, with the day where the plot shows more than one.
fn time_labels(first: i64, span: i64, zone: &TimeZone) -> Vec<Label> {
    let step = TIME_STEPS_SECONDS.into_iter().find(|step| span / step < MOST_TIME_LABELS);
    let step = step.unwrap_or(span / (MOST_TIME_LABELS - 1));
    let format = match (step, span) {
        (..60, _) => "%H:%M:%S",
        (_, ..86_400) => "%H:%M",
        (..86_400, _) => "%a %H:%M",
        _ => "%b %-d",
    };
    let offset = offset_seconds(first, zone);
    let begin = (first + offset).div_euclid(step) * step - offset;
    (0..=MOST_TIME_LABELS)
        .map(|number| begin + number * step)
        .filter(|at| (first..=first + span).contains(at))
        .map(|at| {
            let place = per_cent(at - first, span);
            let anchor = if place < 6.0 {
                "start"
            } else if place > 94.0 {
                "end"
            } else {
                "middle"
            };
            Label { at: format!("{place:.2}%"), text: said(at, zone, format), anchor }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "spans of a plot")]
fn per_cent(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64 * 100.0
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}

fn said(second: i64, zone: &TimeZone, format: &str) -> String {
    time(second).to_zoned(zone.clone()).strftime(format).to_string()
}

fn full_time(second: i64, zone: &TimeZone) -> String {
    said(second, zone, "%a %-d %b %H:%M:%S")
}

fn offset_seconds(second: i64, zone: &TimeZone) -> i64 {
    i64::from(zone.to_offset(time(second)).seconds())
}

fn zone_name(second: i64, zone: &TimeZone) -> String {
    match offset_seconds(second, zone) {
        0 => "UTC".to_owned(),
        _ => format!("UTC{}", said(second, zone, "%:z")),
    }
}

/// The width of a bucket in words: `second`, `15 seconds`, `5 minutes`, `day`.
fn span_of_bar(seconds: i64) -> String {
    let (count, noun) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..604_800 => (seconds / 86_400, "day"),
        _ => (seconds / 604_800, "week"),
    };
    if count == 1 { format!("a{} {noun}", if noun == "hour" { "n" } else { "" }) } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    /// 2026-11-03 00:00 UTC.
    const MIDNIGHT: i64 = 1_793_664_000;

    fn tempo(times: impl IntoIterator<Item = i64>) -> Tempo {
        let mut tempo = Tempo::default();
        for second in times {
            tempo.add(second, Finished { images: 1, failures: 0 });
        }
        tempo
    }

    fn texts(labels: &[Label]) -> Vec<&str> {
        labels.iter().map(|label| label.text.as_str()).collect()
    }

    #[test]
    fn nothing_finished_draws_nothing() {
        assert!(Plot::draw(&Tempo::default(), &TimeZone::UTC).is_none());
    }

    #[test]
    fn counts_are_labelled_in_round_steps_up_to_the_highest_bar() {
        let labels = |most| CountScale::of(most).labels().into_iter().map(|label| label.text).collect::<Vec<_>>();
        assert_eq!(labels(1), ["0", "1"]);
        assert_eq!(labels(7), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(1_664), ["0", "500", "1,000", "1,500", "2,000"]);
    }

    #[test]
    fn a_night_is_labelled_by_the_hours_of_the_clock_on_the_wall() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let night = (0..10 * 3_600).step_by(60).map(|second| MIDNIGHT - 5 * 3_600 + second);
        let plot = Plot::draw(&tempo(night), &zone).expect("a plot");
        assert_eq!(texts(&plot.times), ["21:00", "00:00", "03:00", "06:00"]);
        assert_eq!((plot.bar_span.as_str(), plot.zone.as_str()), ("5 minutes", "UTC+01:00"));
        assert!(plot.spoken.starts_with("600 images from Mon 2 Nov 20:00:00 to Tue 3 Nov 06:00:00"), "{}", plot.spoken);
    }

    #[test]
    fn weeks_are_labelled_by_the_day() {
        let plot = Plot::draw(&tempo((0..28).map(|day| MIDNIGHT + day * DAY)), &TimeZone::UTC).expect("a plot");
        assert_eq!(texts(&plot.times), ["Nov 5", "Nov 12", "Nov 19", "Nov 26"]);
    }

    #[test]
    fn bars_stay_inside_the_plot_and_failures_stand_on_images() {
        let mut tempo = tempo([0, 0, 0, 9]);
        tempo.add(0, Finished { images: 0, failures: 1 });
        let plot = Plot::draw(&tempo, &TimeZone::UTC).expect("a plot");
        let places: Vec<(&str, f64, f64, f64)> = plot
            .bars
            .iter()
            .map(|bar| {
                let number = |text: &str| text.trim_end_matches('%').parse::<f64>().expect("a number");
                (bar.class, number(&bar.x) + number(&bar.width), number(&bar.y), number(&bar.height))
            })
            .collect();
        let top = TOP + FIELD_HEIGHT;
        assert_eq!(places[0], ("images", 8.6, top - 112.5, 112.5));
        assert_eq!(places[1], ("failures", 8.6, top - 150.0, 37.5));
        assert!(places.iter().all(|(_, right, y, _)| *right <= 100.0 && *y >= 0.0), "{places:?}");
        assert!(plot.has_failures);
    }
}
