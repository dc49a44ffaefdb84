//! The provider of the benchmark: the API over HTTP on a loopback port, with books instead of pictures.
//!
//! It runs on a thread of its own. What it costs is not counted: CPU and memory are those of the contender's process.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::books::{Books, Created};

/// Where the provider is, below the origin.
const DOOR: &str = "/kling/v1/images/kolors-virtual-try-on";

/// The first task's id; ids tell nothing, but they look like ids.
const FIRST_ID: usize = 700_000_000;

/// The key of a second account.
pub(crate) const SECOND_KEY: &str = "sk-of-the-second-account";

/// More than two pictures of 10 MB in Base64.
const LARGEST_BODY: usize = 64 << 20;

/// How a client may learn of the end of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Single queries; there is no list.
    Single,
    /// Single queries and the list, newest first.
    List,
    /// Single queries, and callbacks for creates that ask for them.
    Callbacks,
}

/// A provider at work. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Provider {
    desk: Arc<Desk>,
    port: u16,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Desk {
    books: Mutex<Books>,
    opened: Instant,
    door: Door,
    picture: Bytes,
    origin: String,
    http: reqwest::Client,
}

impl Provider {
    /// Starts a provider.
    ///
    /// # Errors
    /// No loopback port is to be had.
    pub(crate) fn start(books: Books, door: Door, picture: Vec<u8>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let desk = Arc::new(Desk {
            books: Mutex::new(books),
            opened: Instant::now(),
            door,
            picture: Bytes::from(picture),
            origin: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::new(),
        });
        let routes = Router::new()
            .route(DOOR, post(create).get(list))
            .route(&format!("{DOOR}/{{id}}"), get(query))
            .route("/results/{name}", get(result))
            .with_state(Arc::clone(&desk));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { desk, port, runtime: Some(runtime) })
    }

    /// What goes into `--base-url`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/kling", self.port)
    }

    /// The moment from which the books count.
    pub(crate) fn opened(&self) -> Instant {
        self.desk.opened
    }

    /// The books.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.desk.books()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Desk {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    /// A task as queries, pages and callbacks show it.
    fn task_json(&self, books: &Books, number: usize, now: Duration) -> String {
        let task = &books.tasks[number];
        let mut text = format!(r#"{{"task_id":"{}","task_status":"#, FIRST_ID + number);
        let status = if now >= task.ends_at { "succeed" } else { "processing" };
        // Writing to a string does not fail.
        let _ = write!(text, r#""{status}","task_status_msg":"","task_info":{{"#);
        if let Some(id) = &task.external_id {
            let _ = write!(text, r#""external_task_id":{}"#, serde_json::Value::from(id.as_str()));
        }
        let _ = write!(text, r#"}},"created_at":{},"updated_at":{}"#, unix_ms(task.created_at), unix_ms(now));
        if now >= task.ends_at {
            let _ = write!(
                text,
                r#","final_unit_deduction":"1","task_result":{{"images":[{{"index":0,"url":"{}/results/{number}.png"}}]}}"#,
                self.origin
            );
        }
        text.push('}');
        text
    }
}

/// A moment of the books as the API writes moments. Nobody computes with it.
fn unix_ms(at: Duration) -> u128 {
    1_780_000_000_000 + at.as_millis()
}

/// What the provider reads of a create.
#[derive(Debug, serde::Deserialize)]
struct CreateBody<'a> {
    #[serde(borrow)]
    human_image: &'a str,
    #[serde(borrow)]
    cloth_image: &'a str,
    external_task_id: Option<String>,
    callback_url: Option<String>,
}

async fn create(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    desk.books().create_begins();
    let key = request.headers().get(header::AUTHORIZATION).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let account = usize::from(key.ends_with(SECOND_KEY));
    let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await;
    desk.books().create_arrives();
    let Ok(body) = body else {
        desk.books().wrong("a create broke off, or was too large".to_owned());
        return StatusCode::BAD_REQUEST.into_response();
    };
    let order = serde_json::from_slice::<CreateBody>(&body);
    let is_whole = |text: &str| !text.is_empty() && text.len().is_multiple_of(4);
    let Some(order) = order.ok().filter(|order| is_whole(order.human_image) && is_whole(order.cloth_image)) else {
        desk.books().wrong("a create came whose body is not right".to_owned());
        return answer(400, 1201, "the body is not right", "null");
    };
    let now = desk.now();
    let mut books = desk.books();
    match books.create_in(account, now, order.external_task_id) {
        Created::OverCap => answer(429, 1303, "parallel task over resource pack limit", "null"),
        Created::TooMany => answer(429, 1302, "too many requests", "null"),
        Created::Duplicate => answer(400, 1201, "external_task_id is not unique", "null"),
        Created::Task(number) => {
            let text = desk.task_json(&books, number, Duration::ZERO);
            let ends_at = books.tasks[number].ends_at;
            drop(books);
            if let (Door::Callbacks, Some(url)) = (desk.door, order.callback_url) {
                tokio::spawn(call_back(Arc::clone(&desk), number, ends_at, url));
            }
            answer(200, 0, "SUCCEED", &text)
        }
    }
}

/// Tells of both changes of a task's status: that it is worked on, and that it has ended.
async fn call_back(desk: Arc<Desk>, number: usize, ends_at: Duration, url: String) {
    let begins_at = desk.now() + ends_at.saturating_sub(desk.now()) / 20;
    for moment in [begins_at, ends_at] {
        tokio::time::sleep_until((desk.opened + moment).into()).await;
        let text = {
            let mut books = desk.books();
            books.callbacks += 1;
            desk.task_json(&books, number, desk.now())
        };
        let sent = desk.http.post(&url).header(header::CONTENT_TYPE, "application/json").body(text).send().await;
        if let Some(why) = sent.and_then(reqwest::Response::error_for_status).err() {
            tracing::debug!(%why, "a callback was not taken");
        }
    }
}

async fn query(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let now = desk.now();
    let mut books = desk.books();
    let number = id.parse::<usize>().ok().and_then(|id| id.checked_sub(FIRST_ID)).or_else(|| books.find(&id));
    match (books.ask(now, number), number) {
        (Some(_), Some(number)) => answer(200, 0, "SUCCEED", &desk.task_json(&books, number, now)),
        _ => answer(404, 1203, "task not found", "null"),
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageQuery {
    page_num: Option<usize>,
    page_size: Option<usize>,
}

async fn list(State(desk): State<Arc<Desk>>, Query(page): Query<PageQuery>) -> Response {
    let (number, size) = (page.page_num.unwrap_or(1), page.page_size.unwrap_or(30));
    if !(1..=1_000).contains(&number) || !(1..=500).contains(&size) {
        desk.books().wrong(format!("page {number} of size {size} was asked for"));
        return answer(400, 1201, "pageNum is 1 to 1000, pageSize is 1 to 500", "null");
    }
    let now = desk.now();
    let mut books = desk.books();
    let shown = books.page(now, number, size);
    if desk.door != Door::List {
        drop(books);
        let text = r#"{"error":{"message":"Invalid URL","type":"invalid_request_error","code":""}}"#;
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/json")], text).into_response();
    }
    let tasks: Vec<String> = shown.into_iter().map(|number| desk.task_json(&books, number, now)).collect();
    answer(200, 0, "SUCCEED", &format!("[{}]", tasks.join(",")))
}

async fn result(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    let Some(number) = name.strip_suffix(".png").and_then(|number| number.parse().ok()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = desk.now();
    desk.books().fetch(now, number);
    ([(header::CONTENT_TYPE, "image/png")], desk.picture.clone()).into_response()
}

fn answer(status: u16, code: u32, message: &str, data: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!(r#"{{"code":{code},"message":"{message}","request_id":"bench","data":{data}}}"#);
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
