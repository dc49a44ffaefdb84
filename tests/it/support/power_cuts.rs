//! Killing a run at random moments, at a provider that has a bad day.

use std::time::{Duration, Instant};

use super::accounts::TwoAccounts;
use super::provider::{Answer, Dice, Loss, OnCreate, Provider, Script, Shape};
use super::workshop::Workshop;

/// A provider at which a second create for the same job would be charged for: it refuses no duplicates.
pub(crate) fn forgiving() -> Script {
    Script { refuses_duplicates: false, ..Script::default() }
}

/// Kills the same command again and again, at random moments, until it has done its work or was killed often enough.
/// Returns how often it was really killed.
pub(crate) fn kill_at_random(shop: &Workshop, provider: &Provider, dice: &mut Dice, kills: usize) -> usize {
    let mut killed = 0;
    for _ in 0..kills {
        let mut run = shop.start(provider, &[]);
        std::thread::sleep(Duration::from_millis(20 + dice.below(380) as u64));
        killed += usize::from(run.is_alive());
        run.kill();
        shop.assert_published();
        shop.assert_no_double_charge(provider);
    }
    killed
}

/// Everything a bad day has, each now and then.
///
/// No web page: as the first answer of a run, which any of them may be here, it says that the address is wrong.
pub(crate) fn whims(mut dice: Dice) -> impl FnMut() -> OnCreate {
    let losses = Loss::ALL.into_iter().filter(|loss| *loss != Loss::Html200).collect::<Vec<_>>();
    move || match dice.below(20) {
        0 => OnCreate::Lose(losses[dice.below(losses.len())]),
        1 => OnCreate::Refuse(Answer::maintenance()),
        2 => OnCreate::Refuse(Answer::too_many_requests().with("Retry-After", "0.1")),
        _ => OnCreate::Take,
    }
}

/// A provider that resets connections, loses answers, and refuses now and then; two with the same seed draw alike.
pub(crate) fn bad_day(seed: u64, shape: Shape) -> Script {
    let mut whim = whims(Dice::new(seed));
    let mut reset = Dice::new(seed + 1);
    Script {
        shape,
        task_time: Duration::from_millis(200),
        resets: Box::new(move |_| reset.below(40) == 0),
        on_create: Box::new(move |_| whim()),
        ..forgiving()
    }
}

/// An account that has a worse day than [`bad_day`]: now and then it is down, or empty, for a while.
pub(crate) fn worse_day(seed: u64, shape: Shape) -> Script {
    let mut script = bad_day(seed, shape);
    let mut on_create = script.on_create;
    let began = Instant::now();
    script.on_create = Box::new(move |seen| match began.elapsed().as_secs() % 12 {
        4..=6 => OnCreate::Refuse(Answer::maintenance()),
        9 => OnCreate::Refuse(Answer::in_arrears()),
        _ => on_create(seen),
    });
    script
}

/// As [`kill_at_random`], at two accounts.
pub(crate) fn kill_two_at_random(two: &TwoAccounts, dice: &mut Dice, kills: usize) -> usize {
    let mut killed = 0;
    for _ in 0..kills {
        let mut run = two.start(&["--concurrency", "5"]);
        std::thread::sleep(Duration::from_millis(20 + dice.below(580) as u64));
        killed += usize::from(run.is_alive());
        run.kill();
        two.shop.assert_published();
        two.assert_no_double_charge();
    }
    killed
}
