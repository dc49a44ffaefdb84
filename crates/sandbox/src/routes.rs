//! The paths of both providers, and the handler of each.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header, uri::Authority};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use image::ImageFormat;
use serde_json::Value;

use super::callback::Callbacks;
use super::clock::{Clock, Micros, micros};
use super::create;
use super::fate::Fates;
use super::fault::{Canned, ResultFlaw, Young};
use super::gate::{Door, Gate, MAX_BODY_BYTES, Pace, enter};
use super::gateway::Gateway;
use super::pictures::Pictures;
use super::render::Renderer;
use super::tasks::{Admission, Form, NewTask, Status, Task, Tasks};
use super::wire::{self, Refusal, View};
use super::{SandboxConfig, account, solutions, uploads};

/// How long a result can be fetched (`docs/provider.md`).
const RESULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a task is young, for the faults of young tasks.
pub(super) const YOUTH: Duration = Duration::from_secs(2);

/// Everything that a handler needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: SandboxConfig,
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    pub(super) fates: Fates,
    pub(super) gate: Arc<Gate>,
    pub(super) pictures: Pictures,
    pub(super) tasks: Arc<Tasks>,
    pub(super) renderer: Arc<Renderer>,
    pub(super) callbacks: Callbacks,
    /// Of `/account/costs`: at most one request a second (`docs/provider.md`).
    pub(super) costs_pace: Pace,
}

impl Service {
    /// Runs `work` where it may block: the file of tasks and pictures of megabytes are no work for async threads.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let service = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&service)).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a request to the sandbox was abandoned");
                Err(Refusal::internal())
            }
        }
    }

    /// Whether a task can be asked for by its external id.
    fn knows_external_ids(&self) -> bool {
        self.config.external_ids && self.config.gateway.passes_external_ids()
    }

    /// A task in the service's own words.
    fn tell(&self, task: &Task, now: Micros, origin: &str) -> Value {
        wire::task(task, now, self.view(task, origin))
    }

    /// What the account shows of a task besides the task itself.
    pub(super) fn view<'a>(&self, task: &Task, origin: &'a str) -> View<'a> {
        View { origin, paid_from: self.config.paid_from, flaw: self.fates.of_result(&task.task_id) }
    }

    /// Where the asker reaches this server, so that result URLs survive a restart on another port.
    pub(super) fn origin(&self, headers: &HeaderMap) -> String {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match host.and_then(|host| host.parse::<Authority>().ok()) {
            Some(host) => format!("http://{host}"),
            None => format!("http://{}", self.address),
        }
    }
}

pub(super) fn router(service: Arc<Service>) -> Router {
    if service.config.gateway == Gateway::IndexPage {
        // The body is taken in, so that the page reaches who is still sending.
        return Router::new()
            .fallback(async |_: Bytes| Canned::INDEX_PAGE)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES as usize));
    }
    let guarded = |router: Router<Arc<Service>>, door: Door| {
        router.layer(from_fn_with_state((Arc::clone(&service.gate), door), enter))
    };
    let solutions = solutions::routes().layer(from_fn(solutions_key));
    let dmxapi = guarded(try_on().fallback(no_such_relay_path), Door::Dmxapi);
    let kling = guarded(try_on().merge(account::routes()).merge(solutions).fallback(no_such_path), Door::Kling);
    Router::new()
        .route("/results/{file}", get(result))
        // Where `login-redirect` leads: a page, for whoever follows.
        .route("/login", axum::routing::any(async || Canned::INDEX_PAGE))
        // The reseller has no account pages, and says so without a word.
        .route("/kling/account/{*rest}", axum::routing::any(|| async { StatusCode::NOT_FOUND }))
        .nest("/kling", dmxapi)
        .merge(kling)
        .merge(uploads::routes())
        // The gate has its own limit, before which nothing is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(service)
}

fn try_on() -> Router<Arc<Service>> {
    const PATH: &str = "/v1/images/kolors-virtual-try-on";
    Router::new()
        .route(PATH, post(create_task).get(list_tasks).fallback(no_such_method))
        .route(&format!("{PATH}/{{id}}"), get(query_task).fallback(no_such_method))
        // As clients send it whose base URL ends in a slash.
        .route(&format!("{PATH}//{{id}}"), get(query_task).fallback(no_such_method))
}

/// Refuses tokens that are signed with a pair of keys: the form takes API keys only.
async fn solutions_key(request: Request, next: Next) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token.trim());
    if token.split('.').count() == 3 {
        return Refusal::unauthorized(1002, "Authorization is invalid: an API key is required").into_response();
    }
    next.run(request).await
}

async fn no_such_method() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, 1202, "the requested method is invalid").into_response()
}

async fn no_such_path(State(service): State<Arc<Service>>) -> Response {
    let native = || Refusal::not_found("the requested resource does not exist").into_response();
    service.config.gateway.unknown_path().unwrap_or_else(native)
}

async fn no_such_relay_path(State(service): State<Arc<Service>>, method: Method, uri: Uri) -> Response {
    service.config.gateway.unknown_path().unwrap_or_else(|| invalid_url(&method, uri.path()))
}

/// What a reseller's gateway says of a path that it does not relay.
fn invalid_url(method: &Method, path: &str) -> Response {
    wire::gateway(StatusCode::NOT_FOUND, &format!("Invalid URL ({method} {path})"), "invalid_request_error")
}

async fn create_task(State(service): State<Arc<Service>>, body: Bytes) -> Result<Response, Refusal> {
    let admission = service.blocking(move |service| admit(service, &body)).await?;
    match admission {
        Admission::Created(task, fault) => {
            let whole = service.config.gateway.created(&task, service.clock.now());
            service.callbacks.follow_new(task);
            Ok(match fault {
                Some(fault) => wire::struck(fault, whole),
                None => whole,
            })
        }
        Admission::Refused(fault) => Ok(wire::struck(fault, StatusCode::OK.into_response())),
        Admission::OverCap => Err(Refusal::over_cap()),
        Admission::ExternalIdTaken => Err(Refusal::bad_parameter("external_task_id already exists")),
    }
}

fn admit(service: &Service, body: &[u8]) -> Result<Admission, Refusal> {
    let request = create::read(body)?;
    let (human_hash, cloth_hash) = (request.human.hash(), request.cloth.hash());
    let keep = |picture, hash| {
        service.pictures.keep(picture, hash).map_err(|error| {
            tracing::error!(%error, "the sandbox could not keep a picture");
            Refusal::internal()
        })
    };
    let new = NewTask {
        pair: super::fate::pair_key(&human_hash, &cloth_hash),
        external_id: request.external_id.filter(|_| service.knows_external_ids()),
        model: request.model,
        human: keep(&request.human, &human_hash)?,
        cloth: keep(&request.cloth, &cloth_hash)?,
        callback_url: request.callback_url,
    };
    Ok(service.tasks.admit(&new, service.config.concurrency_cap, &service.fates, service.clock)?)
}

async fn query_task(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let now = service.clock.now();
    let asked = id.clone();
    let by_external_id = service.knows_external_ids();
    let found = service
        .blocking(move |service| {
            Ok(service.tasks.find(&asked, by_external_id, now)?.filter(|task| task.form() == Form::Kolors))
        })
        .await?;
    let gateway = service.config.gateway;
    let Some(task) = found else { return Ok(gateway.unknown_task(&id)) };
    let youth = service.fates.of_youth(&task.task_id).filter(|_| now - task.created_at < micros(YOUTH));
    Ok(match youth {
        Some(Young::Unknown) => gateway.unknown_task(&id),
        Some(Young::Failed) => gateway.task(&task, &wire::failed_as_not_found(&task)),
        None => gateway.task(&task, &service.tell(&task, now, &service.origin(&headers))),
    })
}

async fn list_tasks(
    State(service): State<Arc<Service>>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if !service.config.gateway.has_list() {
        return Ok(no_such_relay_path(State(service), Method::GET, uri).await);
    }
    if !service.config.list_endpoint {
        return Ok(invalid_url(&Method::GET, uri.path()));
    }
    let query = query.unwrap_or_default();
    let page = number(&query, "pageNum", 1, 1_000)?;
    let size = number(&query, "pageSize", 30, 500)?;
    let now = service.clock.now();
    let tasks = service.blocking(move |service| Ok(service.tasks.page(size, (page - 1) * size, now)?)).await?;
    let origin = service.origin(&headers);
    let data = tasks.iter().map(|task| service.tell(task, now, &origin)).collect();
    Ok(wire::success(&Value::Array(data)))
}

/// A number between 1 and `max` out of a query string.
fn number(query: &str, name: &str, default: u32, max: u32) -> Result<u32, Refusal> {
    let Some((_, text)) = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(Refusal::bad_parameter(format!("{name}: must be a number between 1 and {max}, not `{text}`"))),
    }
}

/// The picture of a task that succeeded. Whoever knows the address may fetch it, as with the real service.
async fn result(State(service): State<Arc<Service>>, Path(file): Path<String>) -> Response {
    let Some(task_id) = file.strip_suffix(".png").map(str::to_owned) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = service.clock.now();
    let task = match service.blocking(move |service| Ok(service.tasks.find(&task_id, false, now)?)).await {
        Ok(Some(task)) => task,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(refusal) => return refusal.into_response(),
    };
    if task.status(now) != Status::Succeed {
        return StatusCode::NOT_FOUND.into_response();
    }
    if now - task.ends_at > micros(RESULT_LIFETIME) {
        return (StatusCode::FORBIDDEN, "this link has expired").into_response();
    }
    let is_webp = service.fates.of_result(&task.task_id) == Some(ResultFlaw::WebP);
    match service.renderer.render(task.human, task.cloth).await {
        Ok(png) if is_webp => as_webp(png).await,
        Ok(png) => ([(header::CONTENT_TYPE, "image/png")], png).into_response(),
        Err(error) => {
            tracing::error!(%error, "the sandbox could not make a result");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The picture in another format than the one that its name and the documentation say.
async fn as_webp(png: Vec<u8>) -> Response {
    let made = tokio::task::spawn_blocking(move || {
        let mut webp = Cursor::new(Vec::new());
        let picture = image::load_from_memory_with_format(&png, ImageFormat::Png)?.into_rgb8();
        picture.write_to(&mut webp, ImageFormat::WebP).map(|()| webp.into_inner())
    });
    match made.await {
        Ok(Ok(webp)) => ([(header::CONTENT_TYPE, "image/webp")], webp).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
