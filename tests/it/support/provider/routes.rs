//! What the provider does with each request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::books::{Kind, Seen, Task};
use super::script::{CreateSeen, DownloadSeen, ExternalIds, Fate, List, Loss, OnCreate, OnDownload, OnQuery, Outage};
use super::shapes;
use super::wire::{self, Head, Stream};
use super::{Answer, KEY, QuerySeen, Shape, Shared, State, picture_of};

const TRY_ON: &str = "/kling/v1/images/kolors-virtual-try-on";

/// A body of more bytes than the buffers between two sockets hold: its end is sent when its beginning has been read.
const LARGE: usize = 6_000_000;

/// How a request was dealt with.
enum Dealt {
    Answer(Answer),
    /// The connection ends without an answer.
    Close,
    Reset,
    Flood(Vec<u8>, usize),
    /// The answer waits until the provider lets go.
    Hold(Answer),
}

/// Answers requests until the connection ends.
pub(super) async fn converse(shared: &Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut stream = Stream::new(stream);
    if matches!(shared.locked().outage, Outage::Reset) {
        return wire::reset(stream);
    }
    while let Some(head) = wire::read_head(&mut stream).await {
        let place = shared.locked().enter(&head);
        let dealt = deal(shared, &mut stream, &head, place).await;
        let (goes_on, status) = match dealt {
            Dealt::Answer(answer) => {
                // Entered before it is sent: once the program has it, the books have it.
                shared.locked().leave(place, Some(answer.status));
                (wire::send(&mut stream, &answer).await.unwrap_or(false), Some(answer.status))
            }
            Dealt::Hold(answer) => {
                let mut let_go = shared.let_go.subscribe();
                shared.locked().books.held += 1;
                tokio::select! {
                    _ = let_go.changed() => {}
                    () = wire::hung_up(&mut stream) => {}
                }
                shared.locked().books.held -= 1;
                (wire::send(&mut stream, &answer).await.unwrap_or(false), Some(answer.status))
            }
            Dealt::Flood(start, bytes) => {
                let _ = wire::flood(&mut stream, &start, bytes).await;
                (false, Some(200))
            }
            Dealt::Close => (false, None),
            Dealt::Reset => {
                shared.locked().leave(place, None);
                return wire::reset(stream);
            }
        };
        shared.locked().leave(place, status);
        if !goes_on {
            return;
        }
    }
}

async fn deal(shared: &Arc<Shared>, stream: &mut Stream, head: &Head, place: usize) -> Dealt {
    let outage = shared.locked().outage.clone();
    let (is_create, is_download) = (is_create(head), head.path.starts_with("/results/"));
    match outage {
        Outage::Reset => return Dealt::Reset,
        Outage::Answer(answer) if !is_download => {
            if wire::read_body(stream, head.length).await.is_none() {
                return Dealt::Close;
            }
            return Dealt::Answer(answer);
        }
        _ => {}
    }
    if is_create && shared.locked().is_reset(place) {
        return Dealt::Reset;
    }
    if is_create && head.length > LARGE {
        let upload_time = shared.locked().script.upload_time;
        tokio::time::sleep(upload_time).await;
    }
    let Some(body) = wire::read_body(stream, head.length).await else { return Dealt::Close };
    if is_download {
        return shared.locked().download(&head.path);
    }
    if head.authorization.as_deref() != Some(&format!("Bearer {KEY}")) {
        return Dealt::Answer(Answer::bad_key());
    }
    if let Some(page) = shared.locked().bill(&head.path, &body) {
        return Dealt::Answer(page);
    }
    match id_of(head) {
        _ if is_create => create(shared, &body, place),
        Some(id) if head.method == "GET" => shared.locked().query(id),
        None if list_page(head).is_some() => shared.locked().list(head),
        _ => Dealt::Answer(Answer::html(404, "404 page not found")),
    }
}

/// Which page of the list a request asks for, and its size.
fn list_page(head: &Head) -> Option<(usize, usize)> {
    let number =
        |name: &str| head.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    (head.method == "GET" && head.path == TRY_ON).then_some((number("pageNum")?, number("pageSize")?))
}

/// The id that a query asks for; a doubled slash before it is tolerated.
fn id_of(head: &Head) -> Option<&str> {
    let id = head.path.strip_prefix(TRY_ON)?.strip_prefix('/')?;
    Some(id.strip_prefix('/').unwrap_or(id))
}

fn is_create(head: &Head) -> bool {
    head.method == "POST" && head.path == TRY_ON
}

fn create(shared: &Arc<Shared>, body: &[u8], place: usize) -> Dealt {
    let Some(wish) = Wish::read(body) else {
        return Dealt::Answer(Answer::code(400, 1200, "this is no request"));
    };
    let mut state = shared.locked();
    let now = Instant::now();
    let on_create = state.on_create(&wish, place);
    if let OnCreate::Refuse(answer) = on_create {
        return Dealt::Answer(answer);
    }
    if state.books.in_flight(now) >= state.script.cap {
        return Dealt::Answer(state.script.over_cap.clone());
    }
    if state.is_duplicate(&wish) {
        return Dealt::Answer(Answer::code(400, 1201, "external_task_id is already used"));
    }
    if let OnCreate::TakeLate(late) | OnCreate::TimeOutThenTake(late) = on_create {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            let mut state = shared.locked();
            if !state.is_duplicate(&wish) {
                state.add_task(&wish);
            }
        });
        let is_told = matches!(on_create, OnCreate::TimeOutThenTake(_));
        return if is_told { Dealt::Answer(Answer::html(504, "504 Gateway Time-out")) } else { Dealt::Close };
    }
    let id = state.add_task(&wish);
    let answer = state.created(&id);
    match on_create {
        OnCreate::Hold => Dealt::Hold(answer),
        OnCreate::Lose(loss) => lost(loss, answer, state.script.shape),
        _ => Dealt::Answer(answer),
    }
}

fn lost(loss: Loss, mut answer: Answer, shape: Shape) -> Dealt {
    Dealt::Answer(match loss {
        Loss::Closed => return Dealt::Close,
        Loss::Reset => return Dealt::Reset,
        Loss::Html502 => Answer::html(502, "502 Bad Gateway"),
        Loss::Html504 => Answer::html(504, "504 Gateway Time-out"),
        Loss::Html524 => Answer::html(524, "A timeout occurred"),
        Loss::Code5002 => Answer::code(504, 5002, "server timeout"),
        Loss::CutBody => answer.cut(),
        Loss::HalfJson => {
            answer.body.truncate(answer.body.len() / 2);
            answer
        }
        Loss::Html200 => Answer::html(200, "Please wait"),
        Loss::NoTaskId => Answer::json(200, &json!({ "code": 0, "message": "SUCCEED", "data": {} })),
        Loss::EmptyTaskId => shape.created("", None),
        Loss::NoBody => Answer { body: Vec::new(), ..Answer::json(200, &Value::Null) },
        Loss::Html500 => Answer::html(500, "500 Internal Server Error"),
        Loss::Gateway500 => {
            Answer::relay(500, "do_request_failed", "Post \"https://upstream\": context deadline exceeded")
        }
        Loss::Gateway500Read => Answer::relay(500, "read_response_body_failed", "unexpected EOF"),
        Loss::Gateway500Unmarshal => Answer::relay(500, "unmarshal_response_failed", "invalid character '<'"),
    })
}

/// Puts the fields of a cost into a task.
fn enter(data: &mut Value, cost: &Value) {
    let (data, cost) = (data.as_object_mut().expect("a task"), cost.as_object().expect("a cost"));
    data.extend(cost.iter().map(|(name, value)| (name.clone(), value.clone())));
}

/// Behind a picture that is sent as a file may stand the URL that names its job; programs that show pictures ignore it.
const LONGEST_TRAILER: usize = 80;

/// What a create asks for.
struct Wish {
    job: String,
    cloth: Arc<[u8]>,
    external_id: Option<String>,
    callback_url: Option<String>,
}

impl Wish {
    /// Reads a create's body and checks its pictures; the person's is a URL that names the job, or ends in one.
    fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let human = body["human_image"].as_str()?;
        let cloth = body["cloth_image"].as_str()?;
        let cloth = match cloth.starts_with("http://127.0.0.1:") {
            true => super::super::s3::fetched(cloth)?,
            false => STANDARD.decode(cloth).ok()?,
        };
        let is_picture = cloth.starts_with(&[0xff, 0xd8, 0xff]) || cloth.starts_with(b"\x89PNG\r\n");
        let sent = STANDARD.decode(human).unwrap_or_default();
        let trailer = sent.len().saturating_sub(LONGEST_TRAILER);
        let trailer = String::from_utf8_lossy(&sent[trailer..]);
        let human = if human.starts_with("http:") { human } else { &trailer };
        let job = human.split_once("http://pictures.test/")?.1.strip_suffix(".jpg")?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let (external_id, callback_url) = (text("external_task_id"), text("callback_url"));
        is_picture.then(|| Self { job: job.to_owned(), cloth: cloth.into(), external_id, callback_url })
    }
}

impl State {
    /// Notes that a request has come in. Returns its place in the books.
    fn enter(&mut self, head: &Head) -> usize {
        let kind = if is_create(head) {
            Kind::Create { job: None, external_id: None }
        } else if let Some(id) = id_of(head) {
            Kind::Query(id.to_owned())
        } else if let Some((page, size)) = list_page(head) {
            Kind::List { page, size }
        } else if head.path.starts_with("/results/") {
            Kind::Download(self.task_of_link(&head.path).map_or_else(String::new, |(task, _)| task.job.clone()))
        } else {
            Kind::Other(format!("{} {}", head.method, head.path))
        };
        self.books.requests.push(Seen { at: Instant::now(), kind, until: None, status: None });
        self.books.requests.len() - 1
    }

    fn leave(&mut self, place: usize, status: Option<u16>) {
        let seen = &mut self.books.requests[place];
        seen.until.get_or_insert_with(Instant::now);
        seen.status = seen.status.or(status);
    }

    /// Which create of all a request is, from 1.
    fn nth_create(&self, place: usize) -> u64 {
        let until = &self.books.requests[..=place];
        until.iter().filter(|seen| matches!(seen.kind, Kind::Create { .. })).count() as u64
    }

    fn is_reset(&mut self, place: usize) -> bool {
        let nth = self.nth_create(place);
        (self.script.resets)(nth)
    }

    fn on_create(&mut self, wish: &Wish, place: usize) -> OnCreate {
        let nth = self.nth_create(place);
        self.books.requests[place].kind =
            Kind::Create { job: Some(wish.job.clone()), external_id: wish.external_id.clone() };
        let is_of_job = |seen: &&Seen| matches!(&seen.kind, Kind::Create { job: Some(job), .. } if *job == wish.job);
        let nth_of_job = self.books.requests.iter().filter(is_of_job).count();
        (self.script.on_create)(&CreateSeen { nth, job: wish.job.clone(), nth_of_job })
    }

    fn is_duplicate(&self, wish: &Wish) -> bool {
        let is_taken = |task: &Task| task.external_id.is_some() && task.external_id == wish.external_id;
        self.script.external_ids == ExternalIds::Known
            && self.script.refuses_duplicates
            && self.books.tasks.iter().any(is_taken)
    }

    fn add_task(&mut self, wish: &Wish) -> String {
        let now = Instant::now();
        let id = format!("{}{}", self.script.task_prefix, self.books.tasks.len() + 1);
        let nth = self.books.tasks.iter().filter(|task| task.job == wish.job).count() + 1;
        let fate = (self.script.fate)(&wish.job, nth);
        let works_for = if fate == Fate::Never { Duration::from_secs(86_400) } else { self.script.task_time };
        let is_known = self.script.external_ids == ExternalIds::Known;
        self.books.tasks.push(Task {
            id: id.clone(),
            external_id: wish.external_id.clone().filter(|_| is_known),
            callback_url: wish.callback_url.clone(),
            job: wish.job.clone(),
            cloth: Arc::clone(&wish.cloth),
            ends_at: now + works_for,
            fate,
            queries: 0,
            links: 0,
        });
        self.books.most_in_flight = self.books.most_in_flight.max(self.books.in_flight(now));
        id
    }

    fn created(&self, id: &str) -> Answer {
        let task = self.books.tasks.iter().find(|task| task.id == id).expect("it was just made");
        self.script.shape.created(id, task.external_id.as_deref())
    }

    fn query(&mut self, id: &str) -> Dealt {
        let by_external_id = |task: &Task| task.external_id.as_deref() == Some(id);
        let found = self.books.tasks.iter().position(|task| task.id == id || by_external_id(task));
        let Some(found) = found else {
            let seen = QuerySeen { job: None, nth_of_task: 0, is_by_external_id: false };
            return match (self.script.on_query)(&seen) {
                OnQuery::Answer(answer) => Dealt::Answer(answer),
                OnQuery::Reset => Dealt::Reset,
                _ => Dealt::Answer(self.script.shape.unknown(id)),
            };
        };
        let task = &mut self.books.tasks[found];
        task.queries += 1;
        let (job, is_by_external_id) = (Some(task.job.clone()), task.id != id);
        let seen = QuerySeen { job, nth_of_task: task.queries, is_by_external_id };
        match (self.script.on_query)(&seen) {
            OnQuery::Truth => Dealt::Answer(self.tell(found)),
            OnQuery::Answer(answer) => Dealt::Answer(answer),
            OnQuery::Reset => Dealt::Reset,
            OnQuery::Unknown => Dealt::Answer(self.script.shape.unknown(id)),
            OnQuery::FailedNotFound => Dealt::Answer(self.script.shape.told(json!({
                "task_id": self.books.tasks[found].id,
                "task_status": "failed",
                "task_status_msg": "task not found",
            }))),
        }
    }

    fn list(&mut self, head: &Head) -> Dealt {
        let (page, size) = list_page(head).expect("it is a page");
        if !(1..=1_000).contains(&page) || !(1..=500).contains(&size) {
            return Dealt::Answer(Answer::code(400, 1201, "pageNum or pageSize is out of range"));
        }
        let newest_first: Vec<usize> = (0..self.books.tasks.len()).rev().collect();
        let old = |number: usize| json!({ "task_id": format!("old-{number}"), "task_status": "succeed" });
        let entries: Vec<Value> = match self.script.list.clone() {
            List::Answer(answer) => return Dealt::Answer(answer),
            List::Empty => Vec::new(),
            List::NewestFirst => newest_first.iter().map(|place| self.describe(*place)).collect(),
            List::OldestFirst => {
                let ours: Vec<Value> = newest_first.iter().rev().map(|place| self.describe(*place)).collect();
                (0..5_000).map(old).chain(ours).collect()
            }
            List::Terse => {
                let describe = |place: &usize| {
                    let mut task = self.describe(*place);
                    let object = task.as_object_mut().expect("a task");
                    object.remove("task_result");
                    object.remove("task_status_msg");
                    task
                };
                newest_first.iter().map(describe).collect()
            }
            List::Gaps => {
                let shown: Vec<usize> = newest_first.into_iter().filter(|place| place % 3 != 0).collect();
                shown.iter().map(|place| self.describe(*place)).collect()
            }
        };
        let page: Vec<Value> = entries.into_iter().skip((page - 1) * size).take(size).collect();
        Dealt::Answer(shapes::native(json!(page)))
    }

    fn tell(&mut self, place: usize) -> Answer {
        let task = self.describe(place);
        self.script.shape.told(task)
    }

    fn describe(&mut self, place: usize) -> Value {
        let address = self.address.clone();
        let cost = self.script.cost.clone();
        let task = &mut self.books.tasks[place];
        let mut data = json!({ "task_id": task.id, "task_status": "processing", "task_status_msg": "" });
        if let Some(external_id) = &task.external_id {
            data["task_info"] = json!({ "external_task_id": external_id });
        }
        if !task.is_working(Instant::now()) {
            match &task.fate {
                Fate::Fail(reason) => {
                    data["task_status"] = json!("failed");
                    data["task_status_msg"] = json!(reason);
                }
                Fate::NoImage => {
                    data["task_status"] = json!("succeed");
                    enter(&mut data, &cost);
                }
                Fate::Succeed | Fate::Never => {
                    task.links += 1;
                    let url = format!("{address}/results/{}/{}.png", task.id, task.links);
                    data["task_status"] = json!("succeed");
                    enter(&mut data, &cost);
                    data["task_result"] = json!({ "images": [{ "index": 0, "url": url }] });
                }
            }
        }
        data
    }

    /// The task that a link belongs to, and which of its links it is.
    fn task_of_link(&self, path: &str) -> Option<(&Task, u32)> {
        let (id, link) = path.strip_prefix("/results/")?.split_once('/')?;
        let link = link.strip_suffix(".png")?.parse().ok()?;
        Some((self.books.tasks.iter().find(|task| task.id == id)?, link))
    }

    fn download(&mut self, path: &str) -> Dealt {
        let Some((task, link)) = self.task_of_link(path) else {
            return Dealt::Answer(Answer::html(404, "no such picture"));
        };
        let job = task.job.clone();
        let is_of_job = |seen: &&Seen| matches!(&seen.kind, Kind::Download(of) if *of == job);
        let nth_of_job = self.books.requests.iter().filter(is_of_job).count();
        match (self.script.on_download)(&DownloadSeen { job: job.clone(), link, nth_of_job }) {
            OnDownload::Truth => Dealt::Answer(Answer::picture(picture_of(&job))),
            OnDownload::Answer(answer) => Dealt::Answer(answer),
            OnDownload::Flood(bytes) => Dealt::Flood(picture_of(&job), bytes),
            OnDownload::Loop => Dealt::Answer(Answer::redirect(path.to_owned())),
            OnDownload::Reset => Dealt::Reset,
        }
    }
}
