//! Which jobs are selected, as conditions of a query: one that an index answers, and the rest, which is looked at row by row.

use crate::job::{ExtraColumns, StateName, Verdict};
use crate::queue::{Judged, Selection};

/// At most this many jobs are looked at for a page, where the rest of the conditions passes over some.
pub(in crate::queue) const MOST_LOOKED_AT: i64 = 20_000;

/// The number of the first parameter that is a text.
const FIRST_TEXT: usize = 4;

/// The conditions of a selection. The first three parameters of a query are the job behind which it begins, how many jobs are
/// wanted, and how far is looked.
pub(in crate::queue) struct Selected {
    /// About jobs `j`; empty, or it ends in ` AND `.
    pub(in crate::queue) by_index: String,
    /// About jobs `j` and their attempts `a`; empty, or it begins with ` AND `.
    pub(in crate::queue) rest: String,
    /// The texts that the rest refers to, from the fourth parameter on.
    pub(in crate::queue) texts: Vec<String>,
    /// No job is both in these states and has a result.
    pub(in crate::queue) is_nobody: bool,
}

/// How a database writes what differs.
#[derive(Clone, Copy)]
pub(in crate::queue) struct Dialect {
    /// In front of a parameter's number.
    pub(in crate::queue) parameter: char,
    /// The function that finds a text in another one.
    pub(in crate::queue) position: &'static str,
    /// In front of a column for which no index is to be used.
    pub(in crate::queue) unindexed: &'static str,
    /// In front of a table's name.
    pub(in crate::queue) schema: &'static str,
    /// Around a query of which a column is one of the answers, so that an index over the column is used.
    pub(in crate::queue) one_of: (&'static str, &'static str),
}

pub(super) const SQLITE: Dialect =
    Dialect { parameter: '?', position: "instr", unindexed: "+", schema: "", one_of: ("IN (", ")") };

impl Selected {
    pub(in crate::queue) fn of(selection: &Selection<'_>, dialect: Dialect) -> Self {
        let needs_result = selection.flagged == Some(true) || selection.judged.is_some();
        let is_nobody =
            needs_result && !selection.states.is_empty() && !selection.states.contains(&StateName::Succeeded);
        let states = if needs_result { &[][..] } else { selection.states };
        let (mut by_index, mut rest, mut texts) = (String::new(), String::new(), Vec::new());
        // Saying more than one would make a planner choose between indexes.
        let mut is_found = false;
        let mut add = |condition: &str, has_index: bool| {
            if has_index && !std::mem::replace(&mut is_found, true) {
                by_index = format!("{} AND ", condition.replace('~', "j."));
            } else {
                rest.push_str(" AND ");
                rest.push_str(&condition.replace('~', &format!("{}j.", dialect.unindexed)));
            }
        };
        match selection.flagged {
            Some(true) => add("~flags <> 0", true),
            Some(false) => add("~flags = 0", false),
            None => {}
        }
        if let Some(judged) = selection.judged {
            add(&of_judged(judged), true);
        }
        if let Some(condition) = of_states(states) {
            add(&condition, matches!(states, [state] if has_index(*state)));
        }
        let mut parameter = |text: String| {
            texts.push(text);
            format!("{}{}", dialect.parameter, FIRST_TEXT - 1 + texts.len())
        };
        if let Some(account) = selection.account {
            add(&format!("a.account = {}", parameter(account.to_owned())), false);
        }
        for (name, value) in selection.columns {
            let found = ExtraColumns::found_by(name, value)
                .map(|text| format!("{}(~extra, {}) > 0", dialect.position, parameter(text)));
            add(&format!("({})", found.join(" OR ")), false);
        }
        Self { by_index, rest, texts, is_nobody }
    }

    /// The query for the last job that is looked at, and how many are.
    pub(in crate::queue) fn reach(&self, jobs: &str, dialect: Dialect) -> String {
        let Self { by_index, .. } = self;
        let sign = dialect.parameter;
        format!(
            "SELECT max(seq), count(*) FROM (
                SELECT j.seq FROM {jobs} j WHERE {by_index}j.seq > {sign}1 ORDER BY j.seq LIMIT {sign}2) AS looked_at"
        )
    }
}

fn of_judged(judged: Judged) -> String {
    match judged {
        Judged::Approved => format!("~verdict = '{}'", Verdict::Approved.word()),
        Judged::Rejected => format!("~verdict = '{}'", Verdict::Rejected.word()),
        Judged::Unjudged => format!("~state = '{}' AND ~verdict IS NULL", StateName::Succeeded.word()),
    }
}

/// Words are in the text, not in parameters, so that a partial index is seen to fit.
fn of_states(states: &[StateName]) -> Option<String> {
    let words: Vec<String> = states.iter().map(|state| format!("'{}'", state.word())).collect();
    match words.as_slice() {
        [] => None,
        [word] => Some(format!("~state = {word}")),
        words => Some(format!("~state IN ({})", words.join(", "))),
    }
}

/// Whether the jobs of a state are in an index by their order.
fn has_index(state: StateName) -> bool {
    !matches!(state, StateName::Pending | StateName::Cancelled)
}
