//! The end of a run in a few lines: what there is, what it cost, and what to do about the rest.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::job::{Flag, StateName};
use crate::queue::{AccountStanding, Counts};

use super::wording::{cost, judged, percent, span, thousands};
use super::{Advice, Commands, FailureReasons, Prices, SANDBOX_NOTICE, account_lines};
use super::{about_failed, about_flagged, about_in_doubt, about_left, about_rejected};

/// This many reasons are shown.
const MOST_SHOWN: usize = 5;

/// What the summary is made of.
#[derive(Debug, Clone, Copy)]
pub struct RunSummary<'a> {
    /// The whole queue at the end.
    pub counts: &'a Counts,
    /// Images made in this run.
    pub succeeded_now: u64,
    /// How long the run took.
    pub took: Duration,
    /// Share of slot time in use, from 0 to 1, if there was slot time.
    pub slots_busy: Option<f64>,
    /// Whether the stand-in made the pictures.
    pub is_sandbox: bool,
    /// Why the run stopped before everything was done, if it did.
    pub stopped: Option<&'a str>,
    /// Why jobs failed.
    pub reasons: &'a FailureReasons,
    /// The accounts of the run; none for one whose account has no name.
    pub accounts: &'a [AccountStanding],
    /// What a unit costs at its accounts.
    pub prices: &'a Prices,
    /// How many results have which flag.
    pub flags: &'a [(Flag, u64)],
    /// Where the report is, if it could be written.
    pub report: Option<&'a Path>,
    /// Where the page to look at is, if it could be written.
    pub page: Option<&'a Path>,
    /// The flags that name this queue, to repeat in hints: `-o results`, or nothing.
    pub place_flags: &'a str,
    /// The command that goes on: `tryon run -o results`.
    pub run_again: &'a str,
}

impl RunSummary<'_> {
    fn commands(&self) -> Commands<'_> {
        Commands { place_flags: self.place_flags, run_again: self.run_again }
    }
}

/// The end of a run in a few lines, the last one ended too.
#[must_use]
pub fn summary(run: &RunSummary<'_>) -> String {
    let mut text = String::new();
    say_result(run, &mut text);
    if run.accounts.len() > 1 {
        account_lines(run.accounts, false).iter().for_each(|told| line(&mut text, told));
    }
    say_failed(run, &mut text);
    let (counts, commands) = (run.counts, run.commands());
    for advice in [
        about_rejected(counts),
        about_flagged(counts, run.flags, commands),
        about_in_doubt(counts, commands),
        about_left(counts, commands),
    ]
    .into_iter()
    .flatten()
    {
        line(&mut text, "");
        line(&mut text, &advice.head);
        say_how(&advice, &mut text);
    }
    if run.is_sandbox {
        line(&mut text, "");
        line(&mut text, SANDBOX_NOTICE);
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn say_result(run: &RunSummary<'_>, text: &mut String) {
    let counts = run.counts;
    let (done, total) = (counts.of(StateName::Succeeded), counts.total());
    let head = match run.stopped {
        Some(why) => format!("Stopped after {}: {why}", span(run.took)),
        None => format!("Finished in {}", span(run.took)),
    };
    line(text, &head);
    line(text, "");
    let mut row = |label: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {label:<9} {value}");
    };
    let made = thousands(run.succeeded_now);
    row("images", &format!("{} of {}, {made} in this run", thousands(done), thousands(total)));
    if counts.flagged > 0 {
        row("flagged", &format!("{} of these images", thousands(counts.flagged)));
    }
    if let Some(judged) = judged(counts) {
        row("reviewed", &judged);
    }
    for state in [StateName::Failed, StateName::InDoubt, StateName::Cancelled] {
        if counts.of(state) > 0 {
            row(&state.word().replace('_', " "), &thousands(counts.of(state)));
        }
    }
    if counts.left() > 0 {
        row("to do", &thousands(counts.left()));
    }
    let spent = cost(counts.units, counts.paid, counts.untold);
    row("units", &format!("{spent}{}", run.prices.of_all(counts.units)));
    if let Some(worth) = run.prices.of_run(run.accounts) {
        row("money", &worth);
    }
    if let Some(share) = run.slots_busy {
        row("slots", &format!("{} busy", percent(share)));
    }
    for (label, file) in [("report", run.report), ("page", run.page)] {
        if let Some(file) = file {
            row(label, &file.display().to_string());
        }
    }
}

fn say_failed(run: &RunSummary<'_>, text: &mut String) {
    let Some(advice) = about_failed(run.counts, run.commands()) else { return };
    let (top, others) = run.reasons.top(MOST_SHOWN);
    line(text, "");
    line(text, &format!("{}:", advice.head));
    let top = top.into_iter().map(|(_, reason)| (reason.said(), reason.count));
    for (reason, count) in top.chain((others > 0).then(|| ("for other reasons".into(), others))) {
        let _ = writeln!(text, "  {:>6}  {reason}", thousands(count));
    }
    say_how(&advice, text);
}

fn say_how(advice: &Advice, text: &mut String) {
    for (what, command) in &advice.how {
        let _ = writeln!(text, "  {what:<16} {command}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use insta::assert_snapshot;

    use super::*;
    use crate::job::{AccountName, Failure, FailureKind};
    use crate::queue::AccountTally;

    fn counts(states: &[(StateName, u64)]) -> Counts {
        let mut counts = Counts::default();
        counts.units = 9_997.0;
        for (state, count) in states {
            counts.set(*state, *count);
        }
        counts
    }

    static UNKNOWN: LazyLock<Prices> = LazyLock::new(Prices::default);

    fn run<'a>(counts: &'a Counts, reasons: &'a FailureReasons) -> RunSummary<'a> {
        RunSummary {
            counts,
            succeeded_now: 5_895,
            took: Duration::from_secs(17_640),
            slots_busy: Some(0.974),
            is_sandbox: false,
            stopped: None,
            reasons,
            accounts: &[],
            prices: &UNKNOWN,
            flags: &[],
            report: Some(Path::new("results/report.csv")),
            page: Some(Path::new("results/index.html")),
            place_flags: "-o results",
            run_again: "tryon run -o results",
        }
    }

    #[test]
    fn a_run_without_trouble_needs_few_words() {
        let counts = counts(&[(StateName::Succeeded, 10_000)]);
        assert_snapshot!(summary(&run(&counts, &FailureReasons::default())), @"
            Finished in 4 h 54 min

              images    10,000 of 10,000, 5,895 in this run
              units     9,997
              slots     97 % busy
              report    results/report.csv
              page      results/index.html
            ");
    }

    #[test]
    fn failures_are_grouped_and_every_rest_has_its_command() {
        let mut counts = counts(&[
            (StateName::Succeeded, 9_000),
            (StateName::Failed, 16),
            (StateName::InDoubt, 2),
            (StateName::Cancelled, 5),
            (StateName::Running, 1),
            (StateName::Pending, 977),
        ]);
        counts.rejected = 3;
        let mut reasons = FailureReasons::default();
        for number in 0..4 {
            let gone = Failure::of(FailureKind::InvalidInput, &format!("/shop/{number}.jpg: no such file"));
            reasons.add(&gone);
        }
        for (count, kind, code, message) in [
            (5, FailureKind::Task, None, "there is no human in the video"),
            (3, FailureKind::Refused, Some(1301), "content safety"),
            (1, FailureKind::Refused, Some(1200), "bad parameters"),
            (1, FailureKind::Task, None, "content risk control"),
            (1, FailureKind::NoImage, None, "the task succeeded without an image"),
            (1, FailureKind::Download, None, "https://cdn.example/7.png: gone"),
        ] {
            for _ in 0..count {
                reasons.add(&Failure::with_code(kind, code, message));
            }
        }
        let run = RunSummary { stopped: Some("the account is empty"), ..run(&counts, &reasons) };
        assert_snapshot!(summary(&run), @"
            Stopped after 4 h 54 min: the account is empty

              images    9,000 of 10,004, 5,895 in this run
              failed    19
              in doubt  2
              cancelled 5
              to do     978
              units     9,997
              slots     97 % busy
              report    results/report.csv
              page      results/index.html

            16 jobs failed:
                   5  task_failed: there is no human in the video
                   4  invalid_input, such as: /shop/0.jpg: no such file
                   3  1301: content safety
                   1  1200: bad parameters
                   1  download: https://cdn.example/7.png: gone
                   2  for other reasons
              to see them      tryon list --state failed -o results
              to try again     tryon retry --failed -o results && tryon run -o results

            3 manifest rows could not be used; the report says why. Correct them and run the manifest again.

            2 jobs in doubt: sent, but the answer was lost. Sending again may be charged twice.
              to see them      tryon list --state in_doubt -o results
              if it is there   tryon adopt ID TASK_ID -o results
              to send again    tryon retry --in-doubt -o results && tryon run -o results

            978 jobs still to do.
              to go on         tryon run -o results
            ");
    }

    #[test]
    fn flagged_results_are_told_by_their_flags_and_how_to_see_them() {
        let mut counts = counts(&[(StateName::Succeeded, 2_000)]);
        counts.flagged = 1_003;
        let reasons = FailureReasons::default();
        let flags = [(Flag::Unchanged, 1), (Flag::Blank, 1_002)];
        let run = RunSummary { flags: &flags, ..run(&counts, &reasons) };
        assert_snapshot!(summary(&run), @"
            Finished in 4 h 54 min

              images    2,000 of 2,000, 5,895 in this run
              flagged   1,003 of these images
              units     9,997
              slots     97 % busy
              report    results/report.csv
              page      results/index.html

            1,003 results flagged: 1 unchanged, 1,002 blank. Look at them first: what is made again is paid for again.
              to see them      tryon list --flagged -o results
              to make again    tryon retry --again --flagged -o results && tryon run -o results
            ");
    }

    #[test]
    fn what_each_of_several_accounts_did_is_told() {
        let counts = counts(&[(StateName::Succeeded, 10_000)]);
        let reasons = FailureReasons::default();
        let account = |name: &str, done, trouble: Option<&str>| AccountStanding {
            name: AccountName::parse(name).expect("a name"),
            slots: 10,
            in_flight: 0,
            done,
            trouble: trouble.map(str::to_owned),
            has_ended: trouble.is_some(),
        };
        let busy = AccountTally {
            submitted: 5_020,
            images: 5_000,
            failed: 20,
            units: 5_000.0,
            paid: 0.0,
            has_told_cost: true,
        };
        let silent = AccountTally { submitted: 895, images: 895, ..AccountTally::default() };
        let accounts =
            [account("kling", busy, None), account("reseller", silent, Some("429 1101: account in arrears"))];
        let one = RunSummary { accounts: &accounts[..1], ..run(&counts, &reasons) };
        assert_eq!(summary(&one), summary(&run(&counts, &reasons)), "one account says nothing that is not said");
        assert_snapshot!(summary(&RunSummary { accounts: &accounts, ..one }), @"
            Finished in 4 h 54 min

              images    10,000 of 10,000, 5,895 in this run
              units     9,997
              slots     97 % busy
              report    results/report.csv
              page      results/index.html

              account   submitted  images  failed  charged
              kling         5,020   5,000      20    5,000
              reseller        895     895       0        –
              reseller took nothing any more: 429 1101: account in arrears
            ");
    }

    #[test]
    fn units_are_told_in_money_where_their_price_is_known() {
        let counts = counts(&[(StateName::Succeeded, 10_000)]);
        let reasons = FailureReasons::default();
        let name = |name: &str| AccountName::parse(name).expect("a name");
        let told = |prices: &[(Option<AccountName>, Option<f64>)], accounts: &[AccountStanding]| {
            let prices = Prices::of(prices.to_vec());
            let text = summary(&RunSummary { prices: &prices, accounts, ..run(&counts, &reasons) });
            let lines = text.lines().filter(|line| line.contains("  units ") || line.contains("  money "));
            lines.map(str::trim).collect::<Vec<_>>().join("; ")
        };
        let account = |of: &str, units| AccountStanding {
            name: name(of),
            slots: 10,
            in_flight: 0,
            done: AccountTally { units, has_told_cost: true, ..AccountTally::default() },
            trouble: None,
            has_ended: false,
        };
        assert_eq!(told(&[(None, Some(0.5))], &[]), "units     9,997, which is 4,998.5 at 0.5 a unit");
        let both = [account("a", 3_000.0), account("b", 2_000.0)];
        let priced = |a, b| [(Some(name("a")), a), (Some(name("b")), b)];
        let same = "units     9,997, which is 4,998.5 at 0.5 a unit";
        assert_eq!(told(&priced(Some(0.5), Some(0.5)), &both), same);
        let mut nothing = counts;
        nothing.units = 0.0;
        let priced_at = Prices::of(vec![(None, Some(0.5))]);
        let free = summary(&RunSummary { prices: &priced_at, ..run(&nothing, &reasons) });
        assert!(free.contains("  units     0\n"), "{free}");
        let differ = "units     9,997; money     2,700 in this run, at the accounts' prices";
        assert_eq!(told(&priced(Some(0.5), Some(0.6)), &both), differ);
        assert_eq!(told(&priced(Some(0.5), None), &both), "units     9,997", "half of it would be a lie");
        let idle = [account("a", 0.0), account("b", 0.0)];
        assert_eq!(told(&priced(Some(0.5), Some(0.6)), &idle), "units     9,997", "this run has spent nothing");
        let only_a = [account("a", 3_000.0), account("b", 0.0)];
        assert_eq!(
            told(&priced(Some(0.5), None), &only_a),
            "units     9,997; money     1,500 in this run, at the accounts' prices"
        );
    }

    #[test]
    fn a_sandbox_run_says_so_last() {
        let counts = counts(&[(StateName::Succeeded, 6)]);
        let reasons = FailureReasons::default();
        let run = RunSummary { is_sandbox: true, ..run(&counts, &reasons) };
        assert!(summary(&run).ends_with("\nSANDBOX: these pictures are composites of the stand-in, not try-ons.\n"));
    }
}
