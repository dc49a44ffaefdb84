//! What the makespan benchmark computes with: the ideal schedule, the task times, and the provider's books.
//!
//! The benchmark itself is not run here; but a ruler that is wrong measures nothing.

use std::time::Duration;

#[path = "../../benches/makespan/books.rs"]
#[expect(dead_code, reason = "the benchmark uses the rest of it")]
mod books;
#[path = "../../benches/makespan/schedule.rs"]
mod schedule;

use books::{Books, Created, Rules};
use schedule::{ideal_makespan, task_times};

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The best of all schedules that keep the order, by trying every slot for every task.
fn best_by_trying(times: &[Duration], free_at: &mut Vec<Duration>) -> Duration {
    let Some((first, rest)) = times.split_first() else { return free_at.iter().copied().max().unwrap_or_default() };
    let tried = (0..free_at.len()).map(|slot| {
        let before = free_at[slot];
        free_at[slot] += *first;
        let makespan = best_by_trying(rest, free_at);
        free_at[slot] = before;
        makespan
    });
    tried.collect::<Vec<_>>().into_iter().min().unwrap_or_default()
}

#[test]
fn the_list_schedule_starts_each_task_in_the_slot_that_is_free_first() {
    let times = [3.0, 1.0, 2.0, 2.0].map(s);
    assert_eq!(ideal_makespan(&times, 1, Duration::ZERO), s(8.0));
    // 3 | 1 2, and the last one goes where 3 has ended: at 3, beside the one that ends at 3.
    assert_eq!(ideal_makespan(&times, 2, Duration::ZERO), s(5.0));
    assert_eq!(ideal_makespan(&times, 9, Duration::ZERO), s(3.0));
    assert_eq!(ideal_makespan(&[], 2, Duration::ZERO), Duration::ZERO);
}

#[test]
fn no_schedule_beats_the_sum_over_the_slots_and_the_list_is_at_most_one_task_above_the_best() {
    for seed in 0..20 {
        let times = task_times(7, s(30.0), 0.3, seed);
        let best = best_by_trying(&times, &mut vec![Duration::ZERO; 3]);
        let list = ideal_makespan(&times, 3, Duration::ZERO);
        let total: Duration = times.iter().sum();
        assert!(list >= best && best >= total / 3, "{list:?} {best:?} {total:?}");
        assert!(list <= total / 3 + *times.iter().max().expect("some"), "{list:?}");
    }
}

#[test]
fn a_rate_keeps_the_starts_apart() {
    let times = [1.0; 4].map(s);
    assert_eq!(ideal_makespan(&times, 4, s(0.5)), s(2.5));
    assert_eq!(ideal_makespan(&times, 1, s(0.5)), s(4.0), "a slot that is busy longer than that is the only limit");
}

#[test]
fn task_times_have_the_mean_and_the_spread_that_were_asked_for_and_come_again_with_the_seed() {
    let times = task_times(100_000, s(30.0), 0.3, 1);
    let logs: Vec<f64> = times.iter().map(|time| time.as_secs_f64().ln()).collect();
    let mean_of = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
    let mean = mean_of(&times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>());
    let log_mean = mean_of(&logs);
    let sigma = mean_of(&logs.iter().map(|log| (log - log_mean).powi(2)).collect::<Vec<_>>()).sqrt();
    assert!((mean - 30.0).abs() < 0.15, "{mean}");
    assert!((sigma - 0.3).abs() < 0.005, "{sigma}");
    assert_eq!(task_times(10, s(30.0), 0.3, 1), times[..10]);
    assert_ne!(task_times(10, s(30.0), 0.3, 2), times[..10]);
}

/// Books for two slots and tasks of a second, with three tasks: two at once, the third half a second after the first
/// one's end was learnt, a quarter of a second after it ended.
fn three_tasks() -> Books {
    let mut books = Books::new(2, vec![s(1.0); 3]);
    assert_eq!(books.create_in(0, s(0.0), Some("a".to_owned())), Created::Task(0));
    assert_eq!(books.create_in(0, s(0.5), Some("b".to_owned())), Created::Task(1));
    assert_eq!(books.ask(s(0.9), Some(0)), Some(false));
    assert_eq!(books.ask(s(1.25), Some(0)), Some(true));
    assert_eq!(books.create_in(0, s(1.75), Some("c".to_owned())), Created::Task(2));
    assert_eq!(books.ask(s(2.0), Some(1)), Some(true));
    assert_eq!(books.ask(s(2.9), Some(0)), Some(true), "asked again, which is no news");
    assert_eq!(books.ask(s(3.0), Some(2)), Some(true));
    for (at, number) in [(1.3, 0), (2.1, 1), (3.5, 2)] {
        books.fetch(s(at), number);
    }
    books
}

#[test]
fn idle_time_is_split_into_filling_unnoticed_and_unfilled() {
    let figures = three_tasks().figures();
    assert_eq!(figures.makespan, s(3.5), "from the first create to the last result");
    assert_eq!(figures.idle.filling, 0.5);
    assert_eq!(figures.idle.unnoticed, [0.25]);
    assert_eq!(figures.idle.unfilled, [0.5]);
    assert_eq!((figures.singles, figures.pages, figures.most_in_flight), (5, 0, 2));
}

#[test]
fn a_create_takes_the_slot_whose_end_was_learnt_first_and_not_the_one_that_ended_first() {
    let mut books = Books::new(2, vec![s(1.0), s(2.0), s(1.0), s(1.0)]);
    books.create_in(0, s(0.0), None);
    books.create_in(0, s(0.0), None);
    books.ask(s(2.5), Some(1));
    books.create_in(0, s(2.75), None);
    books.ask(s(3.0), Some(0));
    books.create_in(0, s(3.5), None);
    let idle = books.figures().idle;
    assert_eq!((idle.unnoticed, idle.unfilled), (vec![0.5, 2.0], vec![0.25, 0.5]));
}

#[test]
fn books_that_are_in_order_find_nothing_wrong() {
    let rules = Rules {
        creates_per_second: Some(2.0),
        asks_per_second: Some(2.0),
        ask_interval: Some(s(0.35)),
        knows_the_cap: true,
    };
    assert_eq!(three_tasks().wrongs(&rules), Vec::<String>::new());
}

/// What is wrong with books, as one text.
fn wrongs(books: &Books, rules: &Rules) -> String {
    books.wrongs(rules).join("\n")
}

#[test]
fn a_create_over_the_cap_is_refused_and_held_against_a_client_that_knows_the_cap() {
    let mut books = Books::new(1, vec![s(1.0); 2]);
    assert_eq!(books.create_in(0, s(0.0), None), Created::Task(0));
    assert_eq!(books.create_in(0, s(0.5), None), Created::OverCap);
    assert_eq!(books.create_in(0, s(1.0), None), Created::Task(1), "the slot is free at the moment the task ends");
    books.fetch(s(1.0), 0);
    books.fetch(s(2.0), 1);
    assert_eq!(books.figures().over_cap, 1);
    assert_eq!(wrongs(&books, &Rules::default()), "");
    let told = Rules { knows_the_cap: true, ..Rules::default() };
    assert!(wrongs(&books, &told).contains("1 creates over the cap of 1"));
}

#[test]
fn an_external_id_that_comes_twice_is_wrong() {
    let mut books = Books::new(5, vec![s(1.0); 2]);
    books.create_in(0, s(0.0), Some("a".to_owned()));
    assert_eq!(books.create_in(0, s(0.1), Some("a".to_owned())), Created::Duplicate);
    assert!(wrongs(&books, &Rules::default()).contains("a second create came with the external id a"));
}

#[test]
fn more_requests_in_a_second_than_the_rate_allows_are_wrong() {
    let mut books = Books::new(9, vec![s(1.0); 9]);
    for number in 0..9 {
        books.create_in(0, s(0.1 * f64::from(number)), None);
    }
    let rules = |creates, asks| Rules { creates_per_second: creates, asks_per_second: asks, ..Rules::default() };
    assert!(wrongs(&books, &rules(Some(7.0), None)).contains("9 creates arrived within one second"));
    for at in [0.2, 0.4, 0.6, 1.25] {
        books.ask(s(at), None);
    }
    assert!(wrongs(&books, &rules(None, Some(1.0))).contains("3 status requests arrived within one second"));
}

#[test]
fn asking_about_a_task_again_too_soon_is_wrong_by_query_and_by_page() {
    let rules = Rules { ask_interval: Some(s(1.0)), ..Rules::default() };
    let asked = |ask: fn(&mut Books)| {
        let mut books = Books::new(9, vec![s(9.0); 3]);
        for _ in 0..3 {
            books.create_in(0, s(0.0), None);
        }
        ask(&mut books);
        wrongs(&books, &rules).contains("asked about again too soon")
    };
    assert!(asked(|books| {
        books.ask(s(1.0), Some(0));
        books.ask(s(1.8), Some(0));
    }));
    assert!(asked(|books| {
        books.page(s(1.0), 1, 30);
        books.ask(s(1.8), Some(0));
    }));
    assert!(asked(|books| {
        books.page(s(1.0), 1, 30);
        books.page(s(1.8), 1, 30);
    }));
    assert!(!asked(|books| {
        books.ask(s(1.0), Some(0));
        books.ask(s(1.1), Some(1));
        books.ask(s(2.0), Some(0));
    }));
    assert!(
        !asked(|books| {
            books.page(s(1.0), 1, 2);
            // A task that a new one has pushed to the next page while the walk was going on.
            books.page(s(1.1), 2, 1);
            books.page(s(2.1), 1, 2);
        }),
        "the pages of one walk are one question"
    );
}

#[test]
fn one_question_in_a_hundred_may_have_been_held_up_on_its_way_but_not_by_half_the_interval() {
    let rules = Rules { ask_interval: Some(s(1.0)), ..Rules::default() };
    let after = |gap: f64| {
        let mut books = Books::new(1, vec![s(900.0)]);
        books.create_in(0, s(0.0), None);
        for at in 0..=100 {
            books.ask(s(f64::from(at)), Some(0));
        }
        books.ask(s(100.0 + gap), Some(0));
        wrongs(&books, &rules)
    };
    assert!(!after(0.6).contains("too soon"));
    assert!(after(0.4).contains("too soon, 1 of 101 times; after 400"), "{}", after(0.4));
}

#[test]
fn a_page_shows_the_newest_first_and_tells_of_ends() {
    let mut books = Books::new(9, vec![s(1.0); 5]);
    for _ in 0..5 {
        books.create_in(0, s(0.0), None);
    }
    assert_eq!(books.page(s(0.5), 1, 2), [4, 3]);
    assert_eq!(books.page(s(1.5), 3, 2), [0]);
    assert_eq!(books.page(s(1.6), 4, 2), [0; 0]);
    assert_eq!(books.tasks[0].learnt_at, Some(s(1.5)));
    assert_eq!(books.tasks[4].learnt_at, None, "it was shown when it had not ended");
    assert_eq!(books.figures().pages, 3);
}

#[test]
fn a_result_that_was_never_fetched_is_wrong() {
    let mut books = Books::new(1, vec![s(1.0)]);
    books.create_in(0, s(0.0), None);
    assert!(wrongs(&books, &Rules::default()).contains("1 results were never fetched"));
    books.fetch(s(0.5), 0);
    assert!(wrongs(&books, &Rules::default()).contains("fetched before it was there"));
}
