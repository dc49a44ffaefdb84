//! The paths of both doors, and what stands behind each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header, uri::Authority};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::callback::Callbacks;
use super::clock::{Clock, micros};
use super::create;
use super::fate::Fates;
use super::gate::{Door, Gate, Pace, enter};
use super::pictures::Pictures;
use super::render::Renderer;
use super::tasks::{Admission, NewTask, Status, Tasks};
use super::wire::{self, Refusal};
use super::{SandboxConfig, account};

/// How long a result can be fetched (`api.md`).
const RESULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

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
    /// Of `/account/costs`: at most one request a second (`api.md`).
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

    /// Where the asker reaches this server, so that result URLs survive a restart on another port.
    fn origin(&self, headers: &HeaderMap) -> String {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match host.and_then(|host| host.parse::<Authority>().ok()) {
            Some(host) => format!("http://{host}"),
            None => format!("http://{}", self.address),
        }
    }
}

pub(super) fn router(service: Arc<Service>) -> Router {
    let guarded = |router: Router<Arc<Service>>, door: Door| {
        router.layer(from_fn_with_state((Arc::clone(&service.gate), door), enter))
    };
    let dmxapi = guarded(try_on().fallback(no_such_relay_path), Door::Dmxapi);
    let kling = guarded(try_on().merge(account::routes()).fallback(no_such_path), Door::Kling);
    Router::new()
        .route("/results/{file}", get(result))
        // The reseller has no account pages, and says so without a word.
        .route("/kling/account/{*rest}", axum::routing::any(|| async { StatusCode::NOT_FOUND }))
        .nest("/kling", dmxapi)
        .merge(kling)
        // The gate has its own limit, before which nothing is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(service)
}

fn try_on() -> Router<Arc<Service>> {
    const PATH: &str = "/v1/images/kolors-virtual-try-on";
    Router::new()
        .route(PATH, post(create_task).get(list_tasks).fallback(no_such_method))
        .route(&format!("{PATH}/{{id}}"), get(query_task).fallback(no_such_method))
}

async fn no_such_method() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, 1202, "the requested method is invalid").into_response()
}

async fn no_such_path() -> Response {
    Refusal::not_found("the requested resource does not exist").into_response()
}

async fn no_such_relay_path(method: Method, uri: Uri) -> Response {
    invalid_url(&method, uri.path())
}

/// What a reseller's gateway says of a path that it does not relay.
fn invalid_url(method: &Method, path: &str) -> Response {
    wire::gateway(StatusCode::NOT_FOUND, &format!("Invalid URL ({method} {path})"), "invalid_request_error")
}

async fn create_task(State(service): State<Arc<Service>>, body: Bytes) -> Result<Response, Refusal> {
    let admission = service.blocking(move |service| admit(service, &body)).await?;
    let now = service.clock.now();
    match admission {
        Admission::Created(task) => {
            let answer = wire::success(&wire::created(&task, now));
            service.callbacks.follow_new(task);
            Ok(answer)
        }
        Admission::Lost(task, loss) => {
            let whole = wire::success(&wire::created(&task, now));
            service.callbacks.follow_new(task);
            Ok(wire::loss(loss, whole))
        }
        Admission::Turned(trouble) => Ok(wire::trouble(trouble)),
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
        external_id: request.external_id.filter(|_| service.config.external_ids),
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
    let found = service.blocking(move |service| Ok(service.tasks.find(&id, service.config.external_ids)?)).await?;
    let task = found.ok_or_else(|| Refusal::not_found("task not found"))?;
    Ok(wire::success(&wire::task(&task, service.clock.now(), &service.origin(&headers))))
}

async fn list_tasks(
    State(service): State<Arc<Service>>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if !service.config.list_endpoint {
        return Ok(invalid_url(&Method::GET, uri.path()));
    }
    let query = query.unwrap_or_default();
    let page = number(&query, "pageNum", 1, 1_000)?;
    let size = number(&query, "pageSize", 30, 500)?;
    let tasks = service.blocking(move |service| Ok(service.tasks.page(size, (page - 1) * size)?)).await?;
    let (now, origin) = (service.clock.now(), service.origin(&headers));
    let data = tasks.iter().map(|task| wire::task(task, now, &origin)).collect();
    Ok(wire::success(&serde_json::Value::Array(data)))
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
    let task = match service.blocking(move |service| Ok(service.tasks.find(&task_id, false)?)).await {
        Ok(Some(task)) => task,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(refusal) => return refusal.into_response(),
    };
    let now = service.clock.now();
    if task.status(now) != Status::Succeed {
        return StatusCode::NOT_FOUND.into_response();
    }
    if now - task.ends_at > micros(RESULT_LIFETIME) {
        return (StatusCode::FORBIDDEN, "this link has expired").into_response();
    }
    match service.renderer.render(task.human, task.cloth).await {
        Ok(png) => ([(header::CONTENT_TYPE, "image/png")], png).into_response(),
        Err(error) => {
            tracing::error!(%error, "the sandbox could not make a result");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
