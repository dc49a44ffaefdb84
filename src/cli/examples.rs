//! What the help of each command teaches by example. Every line of these is tested to be a command line that the
//! program takes. A sentence is one line, which the help fills to the width of the terminal.

pub(super) const TRYON: &str = "\
Try it without an account:
  tryon run jobs.example.csv --sandbox -o results

With one:
  export TRYON_API_KEY=sk-…
  tryon check jobs.csv                         is the manifest right, what will it take
  tryon run jobs.csv -o results --budget 20    a first taste: at most 20 tasks
  tryon run jobs.csv -o results                the rest; the same again goes on";

pub(super) const RUN: &str = "\
Examples:
  tryon run jobs.csv -o results            begin, or go on where it stopped
  tryon run -o results                     go on without reading the manifest again
  tryon run jobs.csv --sandbox -o results  without an account, to see how it works
  tryon run jobs.csv --budget 50           at most 50 tasks, then stop
  tryon run jobs.csv --concurrency 10      never more than 10 tasks in flight

Every option can also stand in tryon.toml (poll-interval = \"2s\") or in the environment (TRYON_POLL_INTERVAL=2s); \
`tryon config` tells what is in force.";

pub(super) const LOAD: &str = "\
Examples:
  tryon load spring.csv summer.csv -o results
  tryon load jobs.csv --skip-invalid       the good rows; the others are reported as failed

Loading the same manifest again changes nothing, so it is safe to repeat.";

pub(super) const CHECK: &str = "\
Examples:
  tryon check jobs.csv                     every row that is not right, or what it takes
  tryon check jobs.csv --price 0.12        and what it will cost
  tryon check jobs.csv --account --provider kling  and what the account holds (this calls it)";

pub(super) const PAIR: &str = "\
Examples:
  tryon pair --humans people --cloths garments > jobs.csv
  tryon pair --humans people --cloths garments --sample 20 | tryon run - -o results
  tryon pair --humans people --cloths garments --per-cloth 2 --only-cloths 'spring/*' > spring.csv

Paths in it are relative to the working directory, so save it there, or pipe it. The same command prints the same \
manifest, as long as the folders stay as they are.";

pub(super) const STATUS: &str = "\
Examples:
  tryon status -o results
  tryon status -o results --watch          until the run ends, or Ctrl-C
  tryon status -o results --json

\"slots 97 % busy\" is the share of the time of all the provider's slots in which a task was in them. Near 100 %, the \
slots are what limits the run, and a bigger pack would make it faster. Far below, it waits for something else: pauses, \
--rate, or the last tasks of a queue that is nearly empty.";

pub(super) const LIST: &str = "\
Examples:
  tryon list --state failed,in_doubt -o results
  tryon list --flagged -o results          results that should be looked at: blank, unchanged, …
  tryon list --rejected --column season=spring --json
  tryon list --json -o results             for jq and the like";

pub(super) const SHOW: &str = "\
Examples:
  tryon show spring/ana-linen-shirt -o results";

pub(super) const REPORT: &str = "\
Examples:
  tryon report -o results                  as CSV, to the terminal
  tryon report --format json --output today.json -o results
  tryon report --format html --output results/index.html -o results";

pub(super) const REVIEW: &str = "\
Examples:
  tryon review --approve spring/ana-linen-shirt -o results
  tryon review --reject --reason 'the hand' spring/ana-coat -o results
  tryon review --reject --from rejected.csv  the list that index.html saves
  tryon review --from report.csv             as its columns review and review_reason say

A verdict belongs to the image that is there now: one that is made again is not judged. All of a list is stored, or \
nothing.";

pub(super) const RETRY: &str = "\
Examples:
  tryon retry spring/ana-linen-shirt -o results
  tryon retry --failed -o results          then `tryon run`, which makes them
  tryon retry --failed --reason 1301       those alone that failed for this reason
  tryon retry --again --from rejected.csv  what a reviewer rejected: paid for once more
  tryon retry --again --flagged            results that are flagged, likewise
  tryon retry --changed --dry-run          results whose pictures were changed since
  tryon retry --again --rejected --dry-run  what those would cost that were rejected

Where only the download failed, only that is done again, and nothing is paid.";

pub(super) const ADOPT: &str = "\
Examples:
  tryon adopt spring/ana-linen-shirt 793214567890123456 -o results";

pub(super) const CANCEL: &str = "\
Examples:
  tryon cancel spring/ana-linen-shirt -o results
  tryon cancel --pending -o results        everything that waits; `retry` takes it back

A job whose image could not be fetched is given up so; a retry would have it made, and paid for, again.";

pub(super) const RECONCILE: &str = "\
Examples:
  tryon reconcile -o results                       what was charged, known here and not
  tryon reconcile --since 2026-11-01 --csv differences.csv -o results
  tryon reconcile --account main --json

Ends with 1 where something does not agree. A charged task that a job in doubt asked for is told with the command that adopts it.";

pub(super) const PUBLISH: &str = "\
Examples:
  tryon publish --to shop -o results          approved images under their ids, marked as AI-made
  tryon publish --to shop --recipe shopify.toml --dry-run -o results
  tryon publish --to s3://my-shop/tryon --recipe shopify.toml -o results

Typed again, it writes only what has changed. Files of others in the target are never touched. Recipes: docs/publishing.md.";

pub(super) const SERVE: &str = "\
Examples:
  tryon serve                              for this machine: http://127.0.0.1:8080
  tryon serve --read-only -o results       to look, not to judge
  tryon serve --listen 0.0.0.0:8080 --token-file /etc/tryon/serve-token

How to review, the keys, and what keeps others out: docs/review.md.";

pub(super) const UPLOADS: &str = "\
Examples:
  tryon uploads --prune --upload-to s3://shop/uploads
  tryon uploads --prune --older-than 168h  leave what is younger than a week

Only pictures that a run has put there are removed, and none that a job needs that is still to be made.";

pub(super) const HOSTS: &str = "\
Examples:
  tryon hosts --queue postgres://shop@db.example/tryon
  tryon hosts forget web-2 --queue postgres://shop@db.example/tryon

Say forget only of a machine that is switched off or whose process is gone for good: what that host was submitting is then
looked up at the provider once more, and submitted again where the provider does not know it.";

pub(super) const QUEUE: &str = "\
Examples:
  tryon queue copy --from results/queue.db --to postgres://shop@db.example/may --inputs /shop/pictures
  tryon queue copy --from postgres://shop@db.example/may --to results/queue.db --inputs /shop/pictures

No run works on either meanwhile, and the copy is whole or not at all. From then on run one of them only.";

pub(super) const SANDBOX: &str = "\
Examples:
  tryon sandbox                            it says how to run against it
  tryon sandbox --mean 2s --lost-answers 0.1 --create-errors 0.1
  tryon sandbox --gateway wrapped --fault 504-late=0.1 --fault no-channel=0.05";

pub(super) const CONFIG: &str = "\
Examples:
  tryon config                             what `tryon run` would work with
  tryon config --rate 2 --json             the same for `tryon run --rate 2`, for scripts";

pub(super) const COMPLETIONS: &str = "\
Examples:
  tryon completions bash > ~/.local/share/bash-completion/completions/tryon
  tryon completions zsh > ~/.zfunc/_tryon  with ~/.zfunc in $fpath
  tryon completions fish > ~/.config/fish/completions/tryon.fish";

pub(super) const MAN: &str = "\
Examples:
  tryon man                                the page about tryon itself
  tryon man --out ~/.local/share/man/man1  a page for each command; then `man tryon-run`";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::Arguments;
    use super::*;

    #[test]
    fn every_example_is_a_command_line_that_the_program_takes() {
        let all = [
            TRYON,
            RUN,
            LOAD,
            CHECK,
            PAIR,
            STATUS,
            LIST,
            SHOW,
            REPORT,
            REVIEW,
            RETRY,
            ADOPT,
            RECONCILE,
            CANCEL,
            PUBLISH,
            UPLOADS,
            SERVE,
            SANDBOX,
            CONFIG,
            COMPLETIONS,
            MAN,
        ];
        for help in all {
            // Sentences are filled to the width of the terminal, and examples stand as they are.
            let widest = help.lines().filter(|line| line.starts_with("  ")).map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|widest| widest <= 98), "an example is {widest:?} columns wide: {help}");
            let lines: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  tryon ")).collect();
            assert!(!lines.is_empty(), "{help}");
            for line in lines {
                // Two spaces before what it is for, and redirections and pipes for the shell.
                let ends = ["  ", " > ", " | "].map(|end| line.find(end).unwrap_or(line.len()));
                let command = &line[..ends.into_iter().min().unwrap_or_default()];
                let words = shlex::split(command).expect("words");
                let read = Arguments::try_parse_from([String::from("tryon")].into_iter().chain(words));
                assert!(read.is_ok(), "tryon {command}: {}", read.expect_err("an error"));
            }
        }
    }
}
