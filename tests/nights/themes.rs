//! Nights of a kind: what seldom meets by chance, brought together on purpose.

use std::time::Duration;

use crate::dice::Dice;
use crate::weather::{Calls, Death, Ids, LATEST_TASK_MS, Lane, List, Odd, Outage, Process, Weather, early};

/// One night in four is of a kind.
pub(crate) fn draw(weather: &mut Weather, dice: &mut Dice) {
    match dice.below(40) {
        0 => late_tasks(weather, dice),
        1 => budgets_beside_doubt(weather, dice),
        2 => empty_account(weather, dice),
        3 => interrupted_between_steps(weather, dice),
        4 => weather.step_ms = dice.one_of(&[5, 50, 400]),
        5 => own_ids_found_late(weather, dice),
        6 => another_accounts_key(weather, dice),
        7 => deaf(weather),
        8 => wild_clock(weather, dice),
        9 => callbacks_held_or_early(weather, dice),
        _ => {}
    }
}

fn process(death: Death, rest: Duration) -> Process {
    Process { death, rest, budget: None, slots: None }
}

/// For a while creates are answered 504 and their tasks made as late as can be, while processes come and go. Whoever sends
/// one of them again too early pays twice.
fn late_tasks(weather: &mut Weather, dice: &mut Dice) {
    weather.jobs = weather.jobs.max(8);
    weather.cap = weather.cap.max(4);
    weather.ids = Ids::Charged { echoed: true };
    weather.earliest_late_ms = LATEST_TASK_MS - 5_000;
    let from = dice.time(2_000, 6_000);
    let until = from + dice.time(2_000, 30_000);
    weather.outages = vec![Outage { lane: Lane::Creates, from, until, odd: Odd::LateTask }];
    weather.processes = vec![
        process(Death::At(from + dice.time(500, 20_000)), dice.time(0, 5_000)),
        process(if dice.chance(0.5) { Death::At(early(dice)) } else { Death::ByItself }, dice.time(0, 5_000)),
        process(Death::ByItself, Duration::ZERO),
    ];
    if dice.chance(0.4) {
        weather.jumps = vec![(from + dice.time(0, 30_000), 3_600)];
    }
}

/// Creates are lost on their way, and sent again by later processes, each with a small budget.
fn budgets_beside_doubt(weather: &mut Weather, dice: &mut Dice) {
    let echoed = true;
    weather.ids = dice.one_of(&[Ids::Refused { echoed }, Ids::Charged { echoed }]);
    weather.oddities = vec![Odd::RequestLost];
    weather.odd_creates = 0.5;
    weather.outages.clear();
    weather.processes = (0..dice.between(2, 4))
        .map(|nth| {
            let death = if nth == 0 { Death::At(dice.time(2_000, 15_000)) } else { Death::ByItself };
            Process { budget: Some(dice.between(0, 4)), ..process(death, dice.time(0, 3_000)) }
        })
        .collect();
}

/// The account runs out of money while tasks are in flight.
fn empty_account(weather: &mut Weather, dice: &mut Dice) {
    let from = dice.time(1_000, 15_000);
    weather.empty = Some((from, from + dice.time(30_000, 200_000)));
    weather.task_ms = (8_000, 30_000);
    weather.processes = vec![process(Death::ByItself, Duration::ZERO)];
}

fn interrupted_between_steps(weather: &mut Weather, dice: &mut Dice) {
    for process in &mut weather.processes {
        process.death = Death::InterruptedAtStep(dice.between(1, 150));
    }
}

/// A taken id is refused, and yet the task that has it is not found by it for long: longer than `--doubt-age`, so that the
/// refusal with 1201 is all that tells. Nothing else may refuse what is sent again.
fn own_ids_found_late(weather: &mut Weather, dice: &mut Dice) {
    weather.ids = Ids::Refused { echoed: true };
    weather.own_id_lag_ms = dice.between(60_000, 400_000);
    weather.oddities = vec![Odd::AnswerLost];
    weather.odd_creates = 0.4;
    weather.outages.clear();
    weather.list = dice.one_of(&[List::Absent, List::Present]);
    weather.processes.push(process(Death::ByItself, Duration::ZERO));
}

/// Somebody changes the key for that of another account, and back. With it a run lives long enough to have a task accepted:
/// by that the account is recognised.
fn another_accounts_key(weather: &mut Weather, dice: &mut Dice) {
    let rest = dice.time(0, 3_000);
    weather.processes.truncate(2);
    let foreign = if dice.chance(0.5) { Death::ByItself } else { Death::At(dice.time(40_000, 90_000)) };
    weather.processes.push(process(foreign, rest));
    weather.foreign = Some(weather.processes.len() - 1);
}

/// A gateway answers every question with its own 404, and takes creates.
fn deaf(weather: &mut Weather) {
    let (from, until) = (Duration::ZERO, Duration::MAX);
    weather.outages = vec![Outage { lane: Lane::Queries, from, until, odd: Odd::NotFound }];
    weather.processes.push(process(Death::ByItself, Duration::ZERO));
}

fn wild_clock(weather: &mut Weather, dice: &mut Dice) {
    let by = [-14_400, -3_600, -600, -60, 60, 600, 3_600, 14_400];
    weather.jumps = (0..dice.between(2, 5)).map(|_| (dice.time(0, 120_000), dice.one_of(&by))).collect();
}

fn callbacks_held_or_early(weather: &mut Weather, dice: &mut Dice) {
    let until = dice.time(10_000, 120_000);
    weather.calls = dice.one_of(&[Calls::Held { until }, Calls::Early]);
    weather.list = dice.one_of(&[List::Absent, List::Present, List::Foreign]);
}
