//! The line that says where the run is, as wide as the terminal has room, in its colours.

use crate::view::{Piece, Tone, wording};

fn painted(tone: Tone, text: &str) -> String {
    let text = console::style(text).for_stderr();
    match tone {
        Tone::Plain => text,
        Tone::Faint => text.dim(),
        Tone::Warning => text.yellow(),
        Tone::Bad => text.red(),
    }
    .to_string()
}

/// From this rank on a piece is rather cut than left out.
const NEVER_LEFT_OUT: u8 = 7;

/// The pieces in one line of at most this many columns: what matters most is taken first, and the last one is cut.
pub(super) fn fit(pieces: Vec<Piece>, separator: &str, columns: usize) -> String {
    let mut by_rank: Vec<usize> = (0..pieces.len()).collect();
    by_rank.sort_by_key(|index| std::cmp::Reverse(pieces[*index].rank));
    let between = console::measure_text_width(separator);
    let (mut taken, mut width) = (Vec::new(), 0);
    for index in by_rank {
        let gap = if taken.is_empty() { 0 } else { between };
        let wider = console::measure_text_width(&pieces[index].text).saturating_add(width + gap);
        if wider <= columns || pieces[index].rank >= NEVER_LEFT_OUT || taken.is_empty() {
            taken.push(index);
            width = wider;
        }
    }
    taken.sort_unstable();
    let too_wide = width.saturating_sub(columns);
    let last = taken.last().copied();
    let paint = |index: usize| {
        let Piece { text, tone, .. } = &pieces[index];
        let room = console::measure_text_width(text).saturating_sub(if Some(index) == last { too_wide } else { 0 });
        painted(*tone, &wording::cut(text, room))
    };
    taken.into_iter().map(paint).collect::<Vec<_>>().join(separator)
}
