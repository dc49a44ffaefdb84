//! A bucket that has a bad day, is away, or refuses.

use std::collections::HashSet;

use std::time::Duration;

use tryon::engine::RunError;
use tryon::job::ObjectUrl;
use tryon::store::{Bucket, OutputError, OutputTree};

use crate::support::in_process::{Setup, run_into};
use crate::support::provider::{Dice, Provider, Script};
use crate::support::s3::{Asked, BucketShop, Fault, variables};

fn is_image(asked: &Asked) -> bool {
    asked.path.ends_with(".png")
}

#[test]
fn whatever_happens_to_the_first_request_for_an_image_it_arrives_whole() {
    let Some(shop) = BucketShop::new("faults on the way to a bucket", 12) else { return };
    let provider = Provider::start(Script::default());
    let (mut met, mut next) = (HashSet::new(), 0);
    shop.proxy.change(move |asked| {
        if asked.method != "PUT" || !is_image(asked) || !met.insert(asked.path.clone()) {
            return None;
        }
        next += 1;
        Some(Fault::WEATHER[next % Fault::WEATHER.len()])
    });
    let run = shop.run(&provider);
    run.assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().charges().len(), 12, "{}", run.said);
}

#[test]
fn a_bucket_that_is_away_for_a_while_fails_no_job() {
    let Some(shop) = BucketShop::new("a bucket that is away", 4) else { return };
    let provider = Provider::start(Script::default());
    let mut left = 60;
    shop.proxy.change(move |asked| {
        left -= i32::from(is_image(asked));
        Some(Fault::Unavailable).filter(|_| is_image(asked) && left >= 0)
    });
    let run = shop.run(&provider);
    run.assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn an_interruption_while_a_bucket_is_away_leaves_the_images_to_the_next_run() {
    let Some(shop) = BucketShop::new("an interruption while a bucket is away", 3) else { return };
    let provider = Provider::start(Script::default());
    shop.proxy.change(|asked| Some(Fault::Unavailable).filter(|_| is_image(asked)));
    let run = shop.start(&provider, &["run", "jobs.csv"]);
    provider.wait_until("three tasks", |books| books.tasks.len() == 3);
    while shop.shop.count("downloading") < 3 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    run.signal("INT");
    run.end().assert_code(130);
    assert_eq!(shop.shop.count("downloading"), 3, "{}", shop.shop.standing());
    shop.proxy.change(|_| None);
    shop.run(&provider).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_bucket_that_stays_away_ends_the_run_as_the_machines_trouble_with_the_images_left_to_the_next() {
    let Some(shop) = BucketShop::new("a bucket that stays away", 3) else { return };
    let provider = Provider::start(Script::default());
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    shop.proxy.change(|asked| Some(Fault::Denied).filter(|_| is_image(asked)));
    let url = ObjectUrl::parse(&shop.s3.url("may")).expect("a bucket").expect("valid");
    let variables = variables(&shop.proxy.endpoint()).map(|(name, value)| (name.to_owned(), value));
    let bucket = Bucket::with(url, variables.into_iter()).expect("a client");
    let tree = OutputTree::in_bucket(bucket, &shop.shop.file("staging"), "queue").expect("a tree");
    let patient = |setup: &mut Setup| setup.patience.bucket = Duration::from_secs(1);
    let ended = run_into(tree, &shop.shop, &provider, patient);
    assert!(matches!(ended, Err(RunError::Output(OutputError::Refused { .. }))), "{ended:?}");
    assert!(shop.shop.count("downloading") > 0 && shop.shop.count("failed") == 0, "{}", shop.shop.standing());
    shop.proxy.change(|_| None);
    shop.run(&provider).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn a_bucket_that_refuses_ends_the_run_in_one_sentence_before_anything_is_spent() {
    let Some(shop) = BucketShop::new("a bucket that refuses", 3) else { return };
    let provider = Provider::start(Script::default());
    shop.proxy.change(|_| Some(Fault::Denied));
    let run = shop.run(&provider);
    run.assert_code(2);
    assert!(run.said.contains("the bucket refuses s3://") && run.said.contains("AccessDenied"), "{}", run.said);
    assert_eq!(run.said.lines().count(), 1, "{}", run.said);
    assert!(provider.books().creates().is_empty());
    shop.proxy.change(|_| Some(Fault::Unavailable));
    shop.run(&provider).assert_code(5);
    assert!(provider.books().creates().is_empty());
}

#[test]
fn a_bucket_needs_a_queue_elsewhere() {
    let Some(shop) = BucketShop::new("a bucket without a queue", 1) else { return };
    let provider = Provider::start(Script::default());
    let run = shop.shop.call(&provider, &["run", "jobs.csv", "-o", "s3://shop/may"]);
    run.assert_code(2);
    assert!(run.said.contains("--queue shop.db"), "{}", run.said);
}

#[test]
fn kills_on_a_bad_day_lose_break_and_overwrite_nothing() {
    let Some(shop) = BucketShop::new("kills on a bucket's bad day", 24) else { return };
    let provider = Provider::start(Script::default());
    shop.put_foreign("job-002");
    shop.bad_day(Dice::new(11));
    shop.kill_at_random(&provider, &mut Dice::new(12), 4);
    shop.run(&provider).assert_code(1);
    assert!(shop.proxy.faults() > 0, "not one fault");
    shop.assert_only_foreign_failed("job-002");
    shop.s3.remove("may/job-002.png");
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider).assert_code(0);
    shop.assert_all_done(&provider);
}
