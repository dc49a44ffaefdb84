//! Pairs that the queue has under other ids: said, and asked about, before they are paid for again.

use std::fmt::Write as _;
use std::io::{BufRead, Write as _};

use crate::job::StateName;
use crate::ops::load::ReadRows;
use crate::ops::repeats::{self, Repeats};
use crate::queue::PairsAgain;
use crate::settings::{Options, Settings};
use crate::view::wording::{counted, thousands, units};

use super::{Console, Failure};

/// What a person wants to become of new jobs whose pairs are in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// They get the images of the earlier jobs.
    Dedupe,
    PayAgain,
    Stop,
}

/// Says how many new jobs ask for pairs that the queue has under other ids, and what they would cost. Goes on where the
/// options say how, or a person at the terminal does.
///
/// # Errors
/// Nobody has said that they are to be loaded: exit code 2. Nothing was written.
pub(super) async fn agree_to_repeats(
    rows: &mut ReadRows,
    settings: &Settings,
    options: &Options,
    console: &Console,
) -> Result<(), Failure> {
    let again = match repeats::look(rows, settings, options.dedupe.is_some()).await? {
        Repeats::None => return Ok(()),
        Repeats::Settled { again, dedupes } => {
            console.info(&sentence(&again, settings, dedupes));
            return Ok(());
        }
        Repeats::Undecided(again) => again,
    };
    if !console.can_ask() {
        return Err(Failure::usage(format!(
            "{}\nadd --dedupe to give each the image of the earlier job, or --allow-repeats to pay again; nothing was \
             loaded and nothing was spent",
            sentence(&again, settings, false)
        )));
    }
    match ask(&again, settings)? {
        Answer::Dedupe => rows.keeping.dedupe = true,
        Answer::PayAgain => {}
        Answer::Stop => return Err(Failure::usage("stopped; nothing was loaded and nothing was spent")),
    }
    Ok(())
}

/// The sentence, with the first pairs below it.
pub(super) fn sentence(again: &PairsAgain, settings: &Settings, dedupes: bool) -> String {
    let (verb, is) = if again.jobs == 1 { ("asks", "is") } else { ("ask", "are") };
    let mut text = format!("{} {verb} for a pair that the queue has under another id", counted(again.jobs, "new job"));
    if dedupes {
        let _ =
            write!(text, "; with --dedupe {} not paid for again", if again.jobs == 1 { "it is" } else { "they are" });
    } else {
        let _ = write!(text, " and {is} made and paid for again: {}", cost(again.jobs, settings));
    }
    for pair in &again.named {
        let _ = write!(text, "\n  {} is the same as {} ({})", pair.id, pair.earlier, said(pair.state));
    }
    let further = again.jobs.saturating_sub(again.named.len() as u64);
    if further > 0 {
        let _ = write!(text, "\n  and {} more", thousands(further));
    }
    text
}

fn said(state: StateName) -> String {
    state.word().replace('_', " ")
}

/// What a number of tasks cost.
pub(super) fn cost(tasks: u64, settings: &Settings) -> String {
    let count = counted(tasks, "unit");
    #[expect(clippy::cast_precision_loss, reason = "money to the third decimal")]
    match settings.price.filter(|_| !settings.sandbox) {
        Some(price) => format!("{count}, which is {} at {price} a unit", units(tasks as f64 * price)),
        None => count,
    }
}

/// Asks the person at the terminal.
fn ask(again: &PairsAgain, settings: &Settings) -> Result<Answer, Failure> {
    let mut to = std::io::stderr().lock();
    let asked = write!(
        to,
        "{}\n\n  d  use the images of the earlier jobs and pay nothing for these (--dedupe)\n  p  make and pay for them \
         again (--allow-repeats)\n  anything else: stop; nothing is loaded\n\nd, p or stop? ",
        sentence(again, settings, false)
    );
    asked.and_then(|()| to.flush()).map_err(Failure::machine)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::machine)?;
    Ok(match line.trim().to_ascii_lowercase().as_str() {
        "d" => Answer::Dedupe,
        "p" => Answer::PayAgain,
        _ => Answer::Stop,
    })
}
