//! Several accounts at once: all of them used, one's trouble left to that one, and never a pair paid for at two of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::accounts::TwoAccounts;
use crate::support::power_cuts::{bad_day, kill_two_at_random, worse_day};
use crate::support::provider::{Answer, Dice, ExternalIds, Loss, OnCreate, OnQuery, Script, Shape};

fn quick() -> Script {
    Script { task_time: Duration::from_millis(200), refuses_duplicates: false, ..Script::default() }
}

#[test]
fn all_accounts_are_used_at_once_and_every_place_names_the_account() {
    let capped = || Script { cap: 4, ..quick() };
    let two = TwoAccounts::new(40, capped(), capped(), "", "");
    two.run(&["--concurrency", "auto"]).assert_code(0);
    two.assert_all_done();
    let (at_a, at_b) = (two.a.books().tasks.len(), two.b.books().tasks.len());
    assert!(at_a >= 12 && at_b >= 12, "{at_a} and {at_b}");
    let report = std::fs::read_to_string(two.shop.out().join("report.csv")).expect("a report");
    let named = |name: &str| report.lines().filter(|line| line.contains(&format!(",{name},small"))).count();
    assert_eq!((named("a"), named("b")), (at_a, at_b), "{report}");
    let page = std::fs::read_to_string(two.shop.out().join("index.html")).expect("a page");
    assert!(
        page.contains("<span>accounts a, b</span>")
            && page.contains(r#""account":0"#)
            && page.contains(r#""account":1"#),
        "{page}"
    );
    let shown = two.call(&["show", "job-001"]).said;
    assert!(shown.contains("account      a") || shown.contains("account      b"), "{shown}");
    let status = two.call(&["status"]).said;
    assert!(status.contains("account  submitted"), "{status}");
    let status: serde_json::Value = serde_json::from_str(two.call(&["status", "--json"]).said.trim()).expect("JSON");
    assert_eq!((&status["accounts"][0]["name"], &status["accounts"][0]["submitted"]), (&"a".into(), &at_a.into()));
    assert_eq!((&status["accounts"][1]["name"], &status["accounts"][1]["submitted"]), (&"b".into(), &at_b.into()));
}

#[test]
fn an_account_that_empties_leaves_the_other_at_work() {
    let empties = Script {
        on_create: Box::new(|seen| match seen.nth {
            ..=5 => OnCreate::Take,
            _ => OnCreate::Refuse(Answer::in_arrears()),
        }),
        ..quick()
    };
    let two = TwoAccounts::new(30, empties, quick(), "", "");
    let end = two.run(&["--concurrency", "4"]);
    end.assert_code(0);
    two.assert_all_done();
    assert_eq!(two.a.books().tasks.len(), 5);
    assert!(
        end.said.contains("`a` takes nothing any more in this run: ") && end.said.contains("arrears"),
        "{}",
        end.said
    );
    assert!(two.call(&["status"]).said.contains("a took nothing any more"), "it is told afterwards");
}

#[test]
fn a_refused_key_leaves_the_other_account_at_work_and_two_refused_keys_end_the_run() {
    let refused = || Script { on_create: Box::new(|_| OnCreate::Refuse(Answer::bad_key())), ..quick() };
    let two = TwoAccounts::new(12, refused(), quick(), "", "");
    two.run(&[]).assert_code(0);
    two.assert_all_done();
    let two = TwoAccounts::new(12, refused(), refused(), "", "");
    let end = two.run(&[]);
    end.assert_code(3);
    assert!(end.said.contains("account `a`: ") && end.said.contains("account `b`: "), "{}", end.said);
    assert!(two.shop.rows().iter().all(|row| row.state == "pending" && row.attempts == 0));
}

#[test]
fn a_job_in_doubt_stays_where_it_was_sent() {
    let loses = Script {
        on_create: Box::new(|seen| match seen.nth {
            2 | 4 | 6 => OnCreate::Lose(Loss::Html502),
            _ => OnCreate::Take,
        }),
        ..quick()
    };
    let two = TwoAccounts::new(24, loses, quick(), "", "");
    two.run(&["--concurrency", "3"]).assert_code(0);
    two.assert_all_done();
    // Where the account cannot tell, the job waits for a person and is not made at the other one.
    let silent = Script {
        external_ids: ExternalIds::Ignored,
        on_create: Box::new(|seen| if seen.nth == 2 { OnCreate::Lose(Loss::Html502) } else { OnCreate::Take }),
        ..quick()
    };
    let two = TwoAccounts::new(24, silent, quick(), "", "");
    for _ in 0..2 {
        two.run(&["--concurrency", "3"]).assert_code(1);
        assert_eq!((two.shop.count("in_doubt"), two.shop.count("succeeded")), (1, 23));
        two.assert_no_double_charge();
    }
}

#[test]
fn an_account_that_is_down_keeps_its_doubt_and_the_other_makes_the_rest() {
    let down = Script {
        on_create: Box::new(|seen| match seen.nth {
            1 => OnCreate::Take,
            2 => OnCreate::Lose(Loss::Html502),
            _ => OnCreate::Refuse(Answer::maintenance()),
        }),
        ..quick()
    };
    let two = TwoAccounts::new(30, down, quick(), "", "");
    two.run(&["--concurrency", "2"]).assert_code(0);
    two.assert_all_done();
    assert_eq!(two.a.books().tasks.len(), 2, "{}", two.a.books().story());
}

#[test]
fn the_cheapest_account_that_has_room_is_used_first() {
    let (dear, cheap) = ("price = 0.5\nconcurrency = 6", "price = 0.1\nconcurrency = 6");
    let two = TwoAccounts::new(6, quick(), quick(), dear, cheap);
    two.run(&[]).assert_code(0);
    two.assert_all_done();
    assert_eq!((two.a.books().tasks.len(), two.b.books().tasks.len()), (0, 6), "the cheap one had room for all");
    let two = TwoAccounts::new(36, quick(), quick(), dear, cheap);
    two.run(&[]).assert_code(0);
    two.assert_all_done();
    assert!(two.a.books().tasks.len() >= 8, "both are used where there is work for both: {}", two.a.books().story());
}

#[test]
fn a_budget_holds_over_all_accounts() {
    let two = TwoAccounts::new(20, quick(), quick(), "", "");
    two.run(&["--budget", "7"]).assert_code(3);
    assert_eq!(two.a.books().tasks.len() + two.b.books().tasks.len(), 7);
    two.run(&["--budget", "13"]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn tasks_are_collected_where_they_were_made_after_a_kill_also_under_other_names() {
    let slow = || Script { task_time: Duration::from_secs(2), ..quick() };
    let two = TwoAccounts::new(16, slow(), slow(), "", "");
    let going = two.start(&["--concurrency", "4"]);
    two.a.wait_until("four tasks at A", |books| books.tasks.len() == 4);
    two.b.wait_until("four tasks at B", |books| books.tasks.len() == 4);
    going.kill();
    // The settings name them otherwise now, and the other way round.
    two.name_them(("b", ""), ("new", ""));
    two.run(&["--concurrency", "4", "--task-timeout", "15s"]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn a_task_of_an_account_that_this_run_has_not_is_left_and_not_taken_for_lost() {
    let slow = || Script { task_time: Duration::from_millis(1_500), ..quick() };
    let two = TwoAccounts::new(8, slow(), slow(), "", "");
    let going = two.start(&["--concurrency", "2"]);
    two.a.wait_until("two tasks at A", |books| books.tasks.len() == 2);
    two.b.wait_until("two tasks at B", |books| books.tasks.len() == 2);
    going.kill();
    let end = two.run(&["--account", "b", "--concurrency", "4"]);
    end.assert_code(1);
    let left = two.shop.rows().into_iter().filter(|row| row.state != "succeeded").collect::<Vec<_>>();
    assert!(left.len() == 2 && left.iter().all(|row| matches!(&*row.state, "running" | "in_doubt")), "{left:?}");
    assert!(end.said.contains("no account of this run knows the tasks of the account `a`"), "{}", end.said);
    two.run(&[]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn tasks_of_a_run_without_named_accounts_are_found_at_the_account_that_has_them() {
    let slow = || Script { task_time: Duration::from_millis(1_500), ..quick() };
    let two = TwoAccounts::new(8, slow(), slow(), "", "");
    let settings = two.shop.file("tryon.toml");
    let tables = std::fs::read(&settings).expect("the tables");
    std::fs::remove_file(&settings).expect("gone");
    let going = two.shop.start(&two.b, &["--concurrency", "4"]);
    two.b.wait_until("four tasks at B", |books| books.tasks.len() == 4);
    going.kill();
    std::fs::write(&settings, tables).expect("back");
    two.run(&[]).assert_code(0);
    two.assert_all_done();
    assert!(two.b.books().tasks.len() >= 4);
}

#[test]
fn tasks_whose_acceptance_nobody_saw_are_found_by_our_name_at_the_account_that_has_them() {
    let two = TwoAccounts::new(8, quick(), quick(), "", "");
    two.b.change(|script| script.on_create = Box::new(|_| OnCreate::Hold));
    let settings = two.shop.file("tryon.toml");
    let tables = std::fs::read(&settings).expect("the tables");
    std::fs::remove_file(&settings).expect("gone");
    let going = two.shop.start(&two.b, &["--concurrency", "4"]);
    two.b.wait_until("four tasks at B", |books| books.tasks.len() == 4);
    going.kill();
    two.b.change(|script| script.on_create = Box::new(|_| OnCreate::Take));
    std::fs::write(&settings, tables).expect("back");
    // Where their account is not used, they are left, and made nowhere else.
    two.run(&["--account", "a", "--doubt-age", "1s"]).assert_code(1);
    assert_eq!((two.shop.count("in_doubt"), two.shop.count("succeeded")), (4, 4), "{}", two.shop.standing());
    two.run(&["--doubt-age", "1s"]).assert_code(0);
    two.assert_all_done();
    assert_eq!((two.a.books().tasks.len(), two.b.books().tasks.len()), (4, 4));
}

/// Two accounts whose providers count their tasks from 1, both with tasks 1 to 3; A has made one of which the answer was lost,
/// and nobody could ask for it before the program was killed. B is the cheaper one, so it is asked first.
fn killed_where_both_count_from_1() -> TwoAccounts {
    let lost = Arc::new(Mutex::new(String::new()));
    let seen_lost = Arc::clone(&lost);
    let slow = || Script { task_time: Duration::from_millis(1_500), ..quick() };
    let loses = Script {
        on_create: Box::new(move |seen| match seen.nth {
            2 => {
                seen.job.clone_into(&mut seen_lost.lock().expect("the job"));
                OnCreate::Lose(Loss::Closed)
            }
            _ => OnCreate::Take,
        }),
        on_query: Box::new(move |seen| match seen.job.as_ref() == Some(&*lost.lock().expect("the job")) {
            true => OnQuery::Answer(Answer::maintenance()),
            false => OnQuery::Truth,
        }),
        ..slow()
    };
    let two = TwoAccounts::new(16, loses, slow(), "price = 0.2", "price = 0.1");
    two.b.change(|script| script.task_prefix = "task-");
    let going = two.start(&["--concurrency", "3"]);
    two.a.wait_until("three tasks at A", |books| books.tasks.len() == 3);
    two.b.wait_until("three tasks at B", |books| books.tasks.len() == 3);
    going.kill();
    two.a.change(|script| script.on_query = Box::new(|_| OnQuery::Truth));
    two
}

#[test]
fn a_task_of_the_same_number_at_another_account_is_not_taken_for_the_task_of_a_renamed_account() {
    let two = killed_where_both_count_from_1();
    two.name_them(("new", "price = 0.2"), ("b", "price = 0.1"));
    two.run(&["--concurrency", "3", "--doubt-age", "1s"]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn a_task_of_the_same_number_at_another_account_is_no_proof_where_the_renamed_account_is_not_used() {
    let two = killed_where_both_count_from_1();
    two.name_them(("new", "price = 0.2"), ("b", "price = 0.1"));
    for _ in 0..2 {
        two.run(&["--account", "b", "--concurrency", "3", "--doubt-age", "1s"]).assert_code(1);
        two.assert_no_double_charge();
        assert_eq!(two.shop.count("succeeded"), 13, "{}", two.shop.standing());
    }
    two.run(&["--doubt-age", "1s"]).assert_code(0);
    two.assert_all_done();
}

/// Two accounts whose answers leave our ids out and that both count from 1, killed with two tasks at each.
fn killed_where_answers_leave_our_ids_out() -> TwoAccounts {
    let slow = || Script { external_ids: ExternalIds::Ignored, task_time: Duration::from_secs(3), ..quick() };
    let two = TwoAccounts::new(8, slow(), slow(), "", "");
    two.b.change(|script| script.task_prefix = "task-");
    let going = two.start(&["--concurrency", "2"]);
    two.a.wait_until("two tasks at A", |books| books.tasks.len() == 2);
    two.b.wait_until("two tasks at B", |books| books.tasks.len() == 2);
    // Their answers are on disk too: what is in doubt at such a provider stays in doubt.
    two.a.wait_until("four tasks that run", |_| two.shop.count("running") == 4);
    going.kill();
    two
}

#[test]
fn where_no_answer_says_whose_a_task_is_its_number_counts_at_its_own_address_alone() {
    let two = killed_where_answers_leave_our_ids_out();
    two.name_them(("new", ""), ("b", ""));
    two.run(&["--account", "b", "--concurrency", "2"]).assert_code(1);
    assert_eq!(two.shop.count("succeeded"), 6, "{}", two.shop.standing());
    two.run(&["--concurrency", "2"]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn a_name_that_is_given_to_another_address_does_not_take_the_tasks_of_the_old_one_along() {
    let two = killed_where_answers_leave_our_ids_out();
    two.name_them(("b", ""), ("a", ""));
    two.run(&["--concurrency", "2", "--task-timeout", "10s"]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn questions_that_fail_at_one_account_do_not_make_another_send() {
    let mute = Script { on_query: Box::new(|_| OnQuery::Answer(Answer::maintenance())), ..quick() };
    let two = TwoAccounts::new(10, mute, quick(), "concurrency = 3", "");
    two.run(&["--task-timeout", "3s"]).assert_code(1);
    two.assert_no_double_charge();
    assert!(two.shop.count("running") >= 1 && two.shop.count("succeeded") >= 7, "{}", two.shop.standing());
    two.a.change(|script| script.on_query = Box::new(|_| OnQuery::Truth));
    two.run(&[]).assert_code(0);
    two.assert_all_done();
}

#[test]
fn pictures_of_this_network_are_fine_where_all_accounts_that_are_used_are_on_it() {
    let two = TwoAccounts::new(1, quick(), quick(), "", "");
    let picture = "http://127.0.0.1:9/small.png";
    std::fs::write(two.shop.file("urls.csv"), format!("id,human,cloth\nu,{picture},{picture}\n")).expect("a manifest");
    two.call(&["check", "urls.csv"]).assert_code(0);
    let settings = two.shop.file("tryon.toml");
    let tables = std::fs::read_to_string(&settings).expect("the tables");
    let public = "[[account]]\nname = \"far\"\nbase-url = \"https://far.example/kling\"\nkey-env = \"SHOP_KEY\"\n";
    std::fs::write(settings, tables + public).expect("a settings file");
    let end = two.call(&["check", "urls.csv"]);
    end.assert_code(2);
    assert!(end.said.contains("where the provider cannot fetch it"), "{}", end.said);
    let end = two.call(&["run", "urls.csv", "--account", "far"]);
    end.assert_code(2);
    // The one that cannot fetch it is not used.
    two.call(&["run", "urls.csv", "--account", "a", "--account", "b", "--budget", "0"]).assert_code(3);
}

#[test]
fn a_key_that_is_missing_is_told_with_its_account_before_anything_is_done() {
    let two = TwoAccounts::new(2, quick(), quick(), "", "");
    let mut command = two.command(&["run", "jobs.csv"]);
    command.env_remove("SHOP_KEY");
    let end = two.shop.begin(command).end();
    end.assert_code(2);
    assert!(end.said.contains("account `a`: key-env: SHOP_KEY is not set, nor SHOP_KEY_FILE"), "{}", end.said);
    assert!(!two.shop.out().exists(), "nothing was made");
    two.run(&["--account", "c"]).assert_code(2);
    two.run(&["--base-url", "http://127.0.0.1:1/kling"]).assert_code(2);
}

#[test]
fn a_few_kills_with_two_accounts_and_nothing_is_paid_for_twice() {
    let (a, b) = (worse_day(3, Shape::Native), bad_day(4, Shape::Native));
    let two = TwoAccounts::new(40, a, b, "price = 0.1", "price = 0.2");
    kill_two_at_random(&two, &mut Dice::new(5), 4);
    let is_done = (0..5).any(|_| two.run(&[]).status.code() == Some(0));
    assert!(is_done, "{}", two.shop.standing());
    two.assert_all_done();
}
