//! Nights of a finder alone, against providers of one line.

use super::*;

const FREE: Bounds = Bounds { first: 8.0, most: None, limit: None };

/// A provider that accepts `limit` requests in any second and answers after `latency`; sent as fast as the pace allows.
/// Returns the numbers of accepted and refused requests, and the last rate.
fn night(bounds: Bounds, limit: usize, latency: Duration, seconds: u64) -> (usize, usize, Finder) {
    let begin = Instant::now();
    let mut finder = Finder::new(bounds, begin);
    let (mut now, mut next, mut accepted, mut refused) = (begin, begin, 0, 0);
    let mut window: VecDeque<Instant> = VecDeque::new();
    let mut on_the_way: VecDeque<(Instant, Instant, bool)> = VecDeque::new();
    let mut held_until = begin;
    while now < begin + Duration::from_secs(seconds) {
        while on_the_way.front().is_some_and(|(answer, ..)| *answer <= now) {
            let Some((answer, sent, is_accepted)) = on_the_way.pop_front() else { break };
            let has_changed = if is_accepted { finder.answered(sent, answer) } else { finder.refused(sent, answer) };
            if !is_accepted {
                // The gate holds everything for a second.
                held_until = answer + Duration::from_secs(1);
            }
            if has_changed {
                next = next.max(now) + Duration::from_secs_f64(1.0 / finder.rate());
            }
        }
        if now >= next && now >= held_until {
            finder.had_turn(true);
            next = now + Duration::from_secs_f64(1.0 / finder.rate());
            while window.front().is_some_and(|at| now - *at >= Duration::from_secs(1)) {
                window.pop_front();
            }
            let is_accepted = window.len() < limit;
            if is_accepted {
                window.push_back(now);
                accepted += 1;
            } else {
                refused += 1;
            }
            on_the_way.push_back((now + latency, now, is_accepted));
        }
        now += Duration::from_millis(1);
    }
    (accepted, refused, finder)
}

#[test]
fn where_nothing_is_refused_a_thousand_slots_are_filled_within_five_seconds() {
    let (accepted, refused, _) = night(FREE, usize::MAX, Duration::from_millis(50), 5);
    assert!(accepted >= 1_000 && refused == 0, "{accepted}");
}

#[test]
fn the_first_second_holds_no_burst() {
    let (accepted, ..) = night(FREE, usize::MAX, Duration::from_millis(1), 1);
    assert!(accepted <= 13, "{accepted}");
}

#[test]
fn a_reseller_that_allows_three_a_second_refuses_no_more_than_two_in_a_hundred() {
    for latency in [20, 200, 900] {
        for seconds in [300, 1_800] {
            let (accepted, refused, finder) = night(FREE, 3, Duration::from_millis(latency), seconds);
            assert!(refused * 50 <= accepted + refused, "{refused} of {accepted} at {latency} ms");
            assert!(accepted as u64 * 100 >= seconds * 3 * 75, "{accepted} in {seconds} s at {latency} ms");
            assert!(finder.found().is_some());
        }
    }
}

#[test]
fn what_was_found_is_begun_with_and_a_given_rate_is_never_exceeded() {
    let found = Bounds { limit: Some(3.0), ..FREE };
    let (_, refused, _) = night(found, 3, Duration::from_millis(50), 4);
    assert_eq!(refused, 0, "not even at the beginning");
    let (accepted, ..) = night(Bounds { most: Some(2.0), ..FREE }, usize::MAX, Duration::from_millis(50), 100);
    assert!((195..=201).contains(&accepted), "{accepted}");
    let (_, refused, finder) = night(Bounds { most: Some(50.0), ..FREE }, 10, Duration::from_millis(50), 100);
    assert!(finder.rate() < 11.0 && refused < 60, "{} after {refused} refusals", finder.rate());
}

#[test]
fn a_limit_that_is_lifted_is_found_out() {
    let bounds = Bounds { limit: Some(3.0), ..FREE };
    let (_, _, finder) = night(bounds, usize::MAX, Duration::from_millis(50), 120);
    assert!(finder.rate() > 20.0, "{}", finder.rate());
}

/// The number of requests that leave in ten minutes where one in `one_in` is refused, whatever the rate, and the gate then
/// holds everything for a second.
fn at_random(one_in: u64, seed: u64) -> u64 {
    let begin = Instant::now();
    let mut finder = Finder::new(FREE, begin);
    let (mut now, mut dice, mut sent) = (begin, seed, 0);
    while now < begin + Duration::from_secs(600) {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        finder.had_turn(true);
        let answer = now + Duration::from_millis(50);
        if (dice >> 33) % one_in == 0 {
            finder.refused(now, answer);
            now += Duration::from_secs(1);
        } else {
            finder.answered(now, answer);
        }
        sent += 1;
        now += Duration::from_secs_f64(1.0 / finder.rate());
    }
    sent
}

#[test]
fn refusals_that_come_at_every_rate_do_not_bring_it_to_a_standstill() {
    for (one_in, at_least) in [(10, 3_000), (20, 5_000), (40, 1_200), (100, 2_000)] {
        for seed in 1..20 {
            let sent = at_random(one_in, seed);
            assert!(sent >= at_least, "{sent} in ten minutes, one in {one_in} refused, seed {seed}");
        }
    }
}

#[test]
fn a_limit_that_has_become_a_hundredth_is_followed() {
    let found = Bounds { limit: Some(300.0), ..FREE };
    for latency in [20, 200, 900] {
        let (accepted, refused, _) = night(found, 3, Duration::from_millis(latency), 1_800);
        // Before the first answer came hundreds had left.
        assert!(refused.saturating_sub(500) * 25 <= accepted, "{refused} of {accepted} at {latency} ms");
        assert!(accepted >= 1_800 * 2, "{accepted} at {latency} ms");
    }
}

#[test]
fn slow_answers_make_it_fall_and_not_below_its_beginning() {
    let begin = Instant::now();
    let mut finder = Finder::new(FREE, begin);
    let mut now = begin;
    let mut second = |finder: &mut Finder, latency_ms: u64| {
        for _ in 0..8 {
            now += Duration::from_millis(126);
            finder.had_turn(true);
            finder.answered(now, now + Duration::from_millis(latency_ms));
        }
    };
    for _ in 0..4 {
        second(&mut finder, 20);
    }
    let quick = finder.rate();
    assert!(quick > 30.0, "{quick}");
    second(&mut finder, 2_000);
    second(&mut finder, 2_000);
    second(&mut finder, 2_000);
    for _ in 0..3 {
        second(&mut finder, 2_000);
    }
    assert!(finder.rate() < quick, "{}", finder.rate());
    for _ in 0..40 {
        second(&mut finder, 2_000);
    }
    assert!((finder.rate() - 8.0).abs() < 0.01, "{}", finder.rate());
}

#[test]
fn a_rate_that_holds_nobody_up_stays() {
    let begin = Instant::now();
    let mut finder = Finder::new(FREE, begin);
    for second in 0..10 {
        finder.had_turn(false);
        let sent = begin + Duration::from_secs(second);
        assert!(!finder.answered(sent, sent + Duration::from_millis(20)));
    }
}
