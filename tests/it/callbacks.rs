//! A run that listens for callbacks: what it asks the provider for, whom it listens to, and that nobody who sends it
//! anything else can keep it from its work.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::json;

use super::commands::{Desk, project, said};
use super::support::provider::{Answer, Kind, OnQuery, Provider, QuerySeen, Script, Seen};
use super::support::workshop::{Going, Workshop};

const SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";

/// An address of this machine that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

/// A provider whose tasks do not end while a test looks at them.
fn never_ending() -> Provider {
    Provider::start(Script { task_time: Duration::from_secs(3_600), ..Script::default() })
}

/// A run that is told of its tasks' ends at `address`, with a few more variables in its environment.
fn start(shop: &Workshop, provider: &Provider, address: SocketAddr, more: &[&str], env: &[(&str, &str)]) -> Going {
    let (url, listen) = (format!("http://{address}/hooks"), address.to_string());
    let mut arguments = vec!["run", "jobs.csv", "--callback-url", &url, "--callback-listen", &listen];
    arguments.extend(more);
    let mut command = shop.command(provider, &arguments);
    command.envs(env.iter().copied());
    shop.begin(command)
}

/// The URLs that the tasks were created with, each once.
fn urls(provider: &Provider) -> Vec<String> {
    let tasks = provider.books().tasks;
    let mut urls: Vec<String> =
        tasks.iter().map(|task| task.callback_url.clone().expect("every create asks for callbacks")).collect();
    urls.sort();
    urls.dedup();
    urls
}

/// Posts as the provider would. Returns the status of the answer.
fn post(url: &str, headers: &str, body: &str) -> u16 {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut stream = TcpStream::connect(host).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let length = body.len();
    write!(stream, "POST /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn end_of(task_id: &str) -> String {
    format!(r#"{{"task_id":"{task_id}","task_status":"succeed"}}"#)
}

/// `tryon sandbox` on a free port. Ended when dropped.
struct StandIn {
    child: Child,
    base_url: String,
}

impl StandIn {
    fn start(env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.args(["sandbox", "--port", "0", "--mean", "300ms"]).env_clear().envs(env.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let base_url = line.split_whitespace().last().expect("its URL").to_owned();
        Self { child, base_url }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_create_asks_for_callbacks_to_a_path_that_outlives_the_run() {
    let (shop, provider, address) = (Workshop::new(3), never_ending(), free_address());
    let going = start(&shop, &provider, address, &["--concurrency", "2"], &[]);
    provider.wait_until("two tasks", |books| books.tasks.len() == 2);
    let [url] = &urls(&provider)[..] else { panic!("one URL for all: {:?}", urls(&provider)) };
    let path = url.strip_prefix(&format!("http://{address}/hooks/")).expect("below --callback-url");
    assert!(path.len() == 32 && path.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}");
    assert_eq!(post(url, "", &end_of("task-1")), 200);
    let guessed = format!("http://{address}/hooks/{}", path.chars().rev().collect::<String>());
    assert_eq!(post(&guessed, "", &end_of("task-1")), 404);
    going.kill();

    let going = start(&shop, &provider, address, &["--concurrency", "3"], &[]);
    provider.wait_until("the third task", |books| books.tasks.len() == 3);
    assert_eq!(&urls(&provider), std::slice::from_ref(url), "the tasks of both runs call the same URL");
    assert_eq!(post(url, "", &end_of("task-1")), 200, "a task of the earlier run");
    going.kill();

    let other = Workshop::new(1);
    let going = start(&other, &provider, free_address(), &[], &[]);
    provider.wait_until("the other queue's task", |books| books.tasks.len() == 4);
    assert!(urls(&provider).iter().any(|other| !other.contains(path)), "each queue has its own path");
    going.kill();
}

#[test]
fn without_the_options_no_create_asks_for_callbacks() {
    let (shop, provider) = (Workshop::new(1), Provider::start(Script::default()));
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(provider.books().tasks[0].callback_url, None);
}

#[test]
fn with_a_secret_only_what_is_signed_is_heard_and_the_secret_is_told_to_nobody() {
    let (shop, provider, address) = (Workshop::new(1), never_ending(), free_address());
    let going = start(&shop, &provider, address, &["-vv"], &[("KLING_WEBHOOK_SECRET", SECRET)]);
    provider.wait_until("a task", |books| books.tasks.len() == 1);
    let [url] = &urls(&provider)[..] else { panic!("{:?}", urls(&provider)) };
    assert_eq!(url, &format!("http://{address}/hooks"));
    assert_eq!(post(url, "", &end_of("task-1")), 401);
    let forged = "webhook-id: 1\r\nwebhook-timestamp: 1781080794\r\nwebhook-signature: v1,AAAA\r\n";
    assert_eq!(post(url, forged, &end_of("task-1")), 401);
    assert!(!going.said().contains("first callback"), "{}", going.said());
    assert!(going.said().contains("a callback came without a signature"), "{}", going.said());
    going.kill();
    for file in shop.files() {
        let bytes = std::fs::read(&file).expect("readable");
        let has = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
        assert!(!has(SECRET) && !has(&SECRET["whsec_".len()..]), "{} has the secret", file.display());
    }
}

#[test]
fn a_port_that_is_taken_ends_the_run_before_anything_is_spent() {
    let (shop, provider) = (Workshop::new(1), Provider::start(Script::default()));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let ended = start(&shop, &provider, address, &[], &[]).end();
    ended.assert_code(2);
    let wanted = format!("error: --callback-listen: could not listen for callbacks on {address}: ");
    assert!(ended.said.contains(&wanted), "{}", ended.said);
    assert!(provider.books().requests.is_empty(), "nobody was asked for anything");
    drop(taken);
    shop.run(&provider, &[]).assert_code(0);
}

#[test]
fn callbacks_of_a_provider_arrive_and_with_v_the_user_is_told() {
    for env in [&[][..], &[("KLING_WEBHOOK_SECRET", SECRET)][..]] {
        let (desk, stand_in, address) = (Desk::new(), StandIn::start(env), free_address());
        let (url, listen) = (format!("http://{address}/hooks"), address.to_string());
        let manifest = project().join("jobs.example.csv");
        let mut run = desk.command(&["run", manifest.to_str().expect("UTF-8"), "-o", "results", "-v"]);
        run.args(["--base-url", &stand_in.base_url, "--callback-url", &url, "--callback-listen", &listen]);
        run.args(["--poll-interval", "100ms"]).env("TRYON_API_KEY", "any").envs(env.iter().copied());
        let said = said(&mut run);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains(&format!("listening on {address} for")), "{}", said.err);
        assert!(said.err.contains("the first callback of the provider has arrived"), "{}", said.err);
        assert!(!said.err.contains("refused"), "{}", said.err);
    }
}

#[test]
fn the_embedded_stand_in_signs_with_the_accounts_secret() {
    let (desk, address) = (Desk::new(), free_address());
    let (url, listen) = (format!("http://{address}/hooks"), address.to_string());
    desk.picture("h.png");
    desk.picture("c.png");
    desk.write("jobs.csv", "human,cloth\nh.png,c.png\n");
    let arguments = ["run", "jobs.csv", "--sandbox", "-v", "--callback-url", &url, "--callback-listen", &listen];
    let said = said(desk.command(&arguments).env("KLING_WEBHOOK_SECRET", SECRET));
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("the first callback of the provider has arrived"), "{}", said.err);
}

#[test]
fn a_port_full_of_strangers_keeps_no_run_from_its_work() {
    let (shop, address) = (Workshop::new(20), free_address());
    let is_over = Arc::new(AtomicBool::new(false));
    let may_end = Arc::clone(&is_over);
    let at_work = json!({ "code": 0, "data": { "task_id": "?", "task_status": "processing" } });
    let on_query = move |_: &QuerySeen| match may_end.load(Ordering::Relaxed) {
        true => OnQuery::Truth,
        false => OnQuery::Answer(Answer::json(200, &at_work)),
    };
    let provider = Provider::start(Script { on_query: Box::new(on_query), ..Script::default() });
    let going = start(&shop, &provider, address, &["--concurrency", "4"], &[]);
    provider.wait_until("a task", |books| !books.tasks.is_empty());
    let url = urls(&provider).remove(0);
    let mut idle = Vec::new();
    for n in 0..400 {
        let Ok(mut stream) = TcpStream::connect(address) else { break };
        let _ = match n % 4 {
            0 => Ok(()),
            1 => stream.write_all(b"POST /hooks HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{"),
            2 => stream.write_all(&[0xff; 4_096]),
            _ => stream.write_all(b"GET / HTTP/1.1\r\nX-"),
        };
        idle.push(stream);
    }
    // Of tasks that there are not, of one again and again, and of one that has not ended.
    for id in ["nobody", "task-1", "task-1", "task-20"] {
        assert_eq!(post(&url, "", &end_of(id)), 200, "a callback gets through");
    }
    is_over.store(true, Ordering::Relaxed);
    going.end().assert_code(0);
    shop.assert_all_done(&provider);
    drop(idle);
}

#[test]
fn an_address_that_no_callback_reaches_costs_a_few_questions_and_one_tasks_time() {
    // The provider of the tests calls nobody.
    let provider = Provider::start(Script { task_time: Duration::from_secs(1), ..Script::default() });
    let shop = Workshop::new(16);
    let more = ["--poll-interval", "500ms", "--concurrency", "8"];
    let ended = start(&shop, &provider, free_address(), &more, &[]).end();
    ended.assert_code(0);
    shop.assert_all_done(&provider);
    // Two rounds of a second each; without the canary the first one is waited for half a minute.
    assert!(ended.took < Duration::from_secs(8), "{:?}", ended.took);
    let asked = provider.books().queries().len();
    assert!(asked <= 16 * 6, "{asked} questions about 16 tasks: {}", provider.books().story());
}

#[test]
fn a_hint_is_confirmed_at_once_whatever_the_poll_interval() {
    let (desk, stand_in, address) = (Desk::new(), StandIn::start(&[]), free_address());
    let (url, listen) = (format!("http://{address}/hooks"), address.to_string());
    let manifest = project().join("jobs.example.csv");
    let mut run = desk.command(&["run", manifest.to_str().expect("UTF-8"), "-o", "results", "--concurrency", "3"]);
    run.args(["--base-url", &stand_in.base_url, "--callback-url", &url, "--callback-listen", &listen]);
    run.args(["--poll-interval", "25s", "--rate", "50"]).env("TRYON_API_KEY", "any");
    let began = std::time::Instant::now();
    let said = said(&mut run);
    assert_eq!(said.code, 0, "{}", said.err);
    // Five rounds of 300 ms tasks: with one question held back by the interval it would be 25 s.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_hint_whose_confirmation_is_not_answered_is_confirmed_by_the_next_question() {
    let in_vain = [OnQuery::Answer(Answer::html(502, "502 Bad Gateway")), OnQuery::Unknown, OnQuery::FailedNotFound];
    for first in in_vain {
        let what = format!("{first:?}");
        let mut in_vain = 1;
        let on_query = move |seen: &QuerySeen| {
            let is_in_vain = !seen.is_by_external_id && std::mem::take(&mut in_vain) > 0;
            if is_in_vain { first.clone() } else { OnQuery::Truth }
        };
        let provider = Provider::start(Script { on_query: Box::new(on_query), ..Script::default() });
        let (shop, address) = (Workshop::new(1), free_address());
        let going = start(&shop, &provider, address, &["--poll-interval", "25s"], &[]);
        provider.wait_until("a task", |books| books.tasks.len() == 1);
        assert_eq!(post(&urls(&provider)[0], "", &end_of("task-1")), 200);
        let ended = going.end();
        ended.assert_code(0);
        assert!(ended.took < Duration::from_secs(15), "{what}: {:?}", ended.took);
    }
}

#[test]
fn a_hint_that_comes_while_its_task_is_being_asked_about_is_confirmed_after_that_question() {
    let (asked, is_asked) = mpsc::channel();
    let (let_go, may_answer) = mpsc::channel();
    let at_work = json!({ "code": 0, "data": { "task_id": "task-1", "task_status": "processing" } });
    let mut is_first = true;
    // A question by our id only sees whether the provider knows such ids.
    let on_query = move |seen: &QuerySeen| match !seen.is_by_external_id && std::mem::take(&mut is_first) {
        true => {
            asked.send(()).expect("the test waits");
            may_answer.recv_timeout(Duration::from_secs(30)).expect("the hint was sent");
            OnQuery::Answer(Answer::json(200, &at_work))
        }
        false => OnQuery::Truth,
    };
    let provider = Provider::start(Script { on_query: Box::new(on_query), ..Script::default() });
    let (shop, address) = (Workshop::new(1), free_address());
    let going = start(&shop, &provider, address, &["--poll-interval", "4s"], &[]);
    provider.wait_until("a task", |books| books.tasks.len() == 1);
    let url = urls(&provider).remove(0);
    is_asked.recv_timeout(Duration::from_secs(30)).expect("a question");
    assert_eq!(post(&url, "", &end_of("task-1")), 200);
    let_go.send(()).expect("the provider waits");
    going.end().assert_code(0);
    let books = provider.books();
    let questions: Vec<&Seen> =
        books.queries().into_iter().filter(|seen| seen.kind == Kind::Query("task-1".to_owned())).collect();
    let [first, second] = questions[..] else { panic!("{}", books.story()) };
    let answered = first.until.expect("it was answered");
    assert!(second.at.duration_since(answered) < Duration::from_secs(2), "{}", books.story());
}
