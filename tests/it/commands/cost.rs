//! What is said of time and money before any is spent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Desk, Said, said};

/// Two people and two garments: three different pairs under five ids.
fn shop() -> Desk {
    let desk = Desk::new();
    for (shade, picture) in (1..).zip(["ana.png", "tom.png", "shirt.png", "skirt.png"]) {
        // Each of its own: the same bytes are the same picture.
        let pixel = image::Rgb([200, 180, 40 * shade]);
        image::RgbImage::from_pixel(320, 400, pixel).save(desk.path(picture)).expect("a picture");
    }
    desk.write(
        "jobs.csv",
        "id,human,cloth\na,ana.png,shirt.png\nb,ana.png,skirt.png\nagain,ana.png,./shirt.png\n\
         t,tom.png,shirt.png\nonce-more,ana.png,shirt.png\n",
    );
    desk
}

/// A provider that answers every request with this.
struct Answering {
    url: String,
    asked: Arc<AtomicUsize>,
}

/// An HTTP server on loopback that gives the same answer for ever, and counts how often.
fn answering(status: &'static str, body: &'static str) -> Answering {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            let mut line = String::new();
            // To the end of the head; none of these requests has a body.
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            count.fetch_add(1, Ordering::SeqCst);
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        }
    });
    Answering { url, asked }
}

fn kling(desk: &Desk, arguments: &[&str]) -> Said {
    let mut command = desk.command(arguments);
    said(command.env("KLING_ACCESS_KEY", "access").env("KLING_SECRET_KEY", "secret").env("TRYON_PROVIDER", "kling"))
}

#[test]
fn check_tells_what_there_is_to_pay_for_and_touches_no_queue() {
    let desk = shop();
    let said = desk.run(&["check", "jobs.csv", "--price", "0.12", "--concurrency", "2"]);
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @"
    added 5, unchanged 0, updated 0, repeated 0, rejected 0

      images    5, from 2 people and 2 garments
      pairs     3 different; 2 jobs repeat a pair of another id, each made and paid for again without --dedupe
                a and 2 more, the last of them once-more, are the same
      tasks     5 to pay for
      time      about 2 min, with 2 in flight and 30 s each
      cost      0.6, at 0.12 a unit and one unit a task
    ");
    assert!(!desk.path("tryon-out").exists());
}

#[test]
fn check_reckons_with_each_pair_once_where_that_is_asked_for() {
    let desk = shop();
    let said = desk.run(&["check", "jobs.csv", "--price", "2", "--dedupe"]);
    assert_eq!(said.code, 0, "{}", said.err);
    insta::assert_snapshot!(said.out, @"
    added 5, unchanged 0, updated 0, repeated 0, rejected 0

      images    5, from 2 people and 2 garments
      pairs     3 different; 2 jobs repeat a pair of another id, made once
                a and 2 more, the last of them once-more, are the same
      tasks     3 to pay for
      time      half a minute, with 5 in flight (assumed: a run finds out what the account allows) and 30 s each
      cost      6, at 2 a unit and one unit a task
    ");
}

#[test]
fn check_tells_the_least_and_the_most_where_accounts_have_different_prices() {
    let desk = shop();
    let checked = |first: &str, second: &str| {
        let account = |name: &str, more: &str| format!("[[account]]\nname = '{name}'\nkey-env = 'NONE'\n{more}\n");
        desk.write("tryon.toml", &(account("a", first) + &account("b", second)));
        let said = desk.run(&["check", "jobs.csv"]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.out.lines().find_map(|line| line.strip_prefix("  cost      ")).map(str::to_owned)
    };
    let both = checked("price = 0.1", "price = 0.2");
    assert_eq!(both.as_deref(), Some("0.5 to 1, at 0.1 to 0.2 a unit and one unit a task"));
    let same = checked("price = 0.2", "price = 0.2");
    assert_eq!(same.as_deref(), Some("1, at 0.2 a unit and one unit a task"));
    assert_eq!(checked("price = 0.1", ""), None, "which account makes how many is not known beforehand");
}

#[test]
fn check_calls_nobody_unless_it_is_told_to() {
    let desk = shop();
    let provider = answering("200 OK", "{}");
    let said = kling(&desk, &["check", "jobs.csv", "--base-url", &provider.url]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 0);
    assert!(!said.out.contains("  account"), "{}", said.out);
}

#[test]
fn check_shows_what_the_account_holds_and_that_it_may_be_late() {
    let desk = shop();
    let provider = answering(
        "200 OK",
        r#"{"code":0,"data":{"code":0,"resource_pack_subscribe_infos":[
            {"resource_pack_name":"Try-On 1000","total_quantity":1000.0,"remaining_quantity":3.5,
             "invalid_time":1795478400000,"status":"online"},
            {"resource_pack_name":"old","total_quantity":10,"remaining_quantity":0,"status":"runOut"}]}}"#,
    );
    let said = kling(&desk, &["check", "jobs.csv", "--account", "--base-url", &provider.url]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    let (_, account) = said.out.split_once("  account").expect("a line about the account");
    insta::assert_snapshot!(account, @"
       Try-On 1000: 3.5 of 1,000 units left, until 2026-11-24
                1 more package expired or used up
                3.5 left in all is less than 5 tasks need at one unit each
                (the provider's count may be 12 hours old)
    ");
}

#[test]
fn an_account_that_does_not_tell_is_said_so_and_fails_nothing() {
    let desk = shop();
    let provider = answering("401 Unauthorized", r#"{"code":1002,"message":"no such key"}"#);
    let said = kling(&desk, &["check", "jobs.csv", "--account", "--base-url", &provider.url]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.contains("account   does not tell what it holds: no such key (HTTP 401, code 1002)"),
        "{}",
        said.out
    );
    let said = desk.run(&["check", "jobs.csv", "--account"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--provider kling"), "{}", said.err);
    let said = desk.run(&["check", "jobs.csv", "--account", "--provider", "kling"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("KLING_ACCESS_KEY"), "{}", said.err);
}

#[test]
fn a_run_says_beforehand_what_is_left_and_what_the_account_holds() {
    let desk = shop();
    let run =
        ["run", "jobs.csv", "--sandbox", "--provider", "kling", "-v", "--budget", "2", "-o", "results", "--price", "3"];
    let first = desk.run(&run);
    assert_eq!(first.code, 3, "{}", first.err);
    let beforehand = |said: &Said| {
        let lines: Vec<&str> = said.err.lines().skip(1).take_while(|line| line.starts_with("  ")).collect();
        lines.join("\n")
    };
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"until \d{4}-\d\d-\d\d", "until [next year]");
    let _settings = settings.bind_to_scope();
    insta::assert_snapshot!(beforehand(&first), @"
      to do     5 tasks to submit, at most 2 of them in this run
      pairs     3 different; 2 jobs repeat a pair of another id, each made and paid for again without --dedupe
                a and 2 more, the last of them once-more, are the same
      time      a few seconds, with the stand-in's 10 in flight and 2 s each
      account   Virtual Try-On (sandbox): 1,000,000 of 1,000,000 units left, until [next year]
                (the provider's count may be 12 hours old)
    ");
    let units = first.out.lines().find(|line| line.starts_with("  units "));
    assert_eq!(units, Some("  units     2"), "the stand-in costs nothing: {}", first.out);
    let second = desk.run(&["run", "jobs.csv", "--sandbox", "--provider", "kling", "-v", "-o", "results"]);
    assert_eq!(second.code, 0, "{}", second.err);
    assert!(beforehand(&second).starts_with("  to do     3 tasks to submit\n"), "{}", second.err);
    let third = desk.run(&["run", "jobs.csv", "--sandbox", "-v", "-o", "results"]);
    assert_eq!(beforehand(&third), "", "nothing is left: {}", third.err);
}
