//! The table of faults: a row for each kind of answer that `docs/provider.md` knows of, with the answer itself.
//!
//! The words are those that the service and the gateways in front of it were seen to use, or have in their public code.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Cut, Effect, ResultFlaw, Young};

/// A fault as the table has it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) effect: Effect,
}

/// An answer that is always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canned {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) body: &'static str,
}

impl IntoResponse for Canned {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, self.content_type)], self.body).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    }
}

pub(super) const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

const fn json(status: u16, body: &'static str) -> Canned {
    Canned { status, content_type: JSON, header: None, body }
}

const fn html(status: u16, body: &'static str) -> Canned {
    Canned { status, content_type: HTML, header: None, body }
}

const fn redirect(status: u16, location: &'static str) -> Canned {
    Canned { status, content_type: HTML, header: Some(("location", location)), body: "" }
}

const fn row(name: &'static str, about: &'static str, effect: Effect) -> Row {
    Row { name, about, effect }
}

const fn refused(name: &'static str, about: &'static str, status: u16, body: &'static str) -> Row {
    row(name, about, Effect::Refused(json(status, body)))
}

const fn made(name: &'static str, about: &'static str, answer: Canned) -> Row {
    row(name, about, Effect::Made(answer))
}

const fn fails(name: &'static str, reason: &'static str) -> Row {
    row(name, reason, Effect::TaskFails(reason))
}

const GATEWAY_TIMEOUT: Canned = html(504, "<html><head><title>504 Gateway Time-out</title></head></html>");

pub(super) static ROWS: &[Row] = &[
    // The service's own codes.
    refused("internal-error", "500, code 5000", 500, r#"{"code":5000,"message":"internal error","request_id":"r"}"#),
    refused(
        "maintenance",
        "503, code 5001",
        503,
        r#"{"code":5001,"message":"server is under maintenance","request_id":"r"}"#,
    ),
    row(
        "rate-limit",
        "429, code 1302, Retry-After of one second",
        Effect::Refused(Canned {
            header: Some(("retry-after", "1")),
            ..json(429, r#"{"code":1302,"message":"too many requests, please slow down","request_id":"r"}"#)
        }),
    ),
    refused(
        "over-cap",
        "429, code 1303",
        429,
        r#"{"code":1303,"message":"parallel task over resource pack limit","request_id":"r"}"#,
    ),
    refused(
        "account",
        "429, code 1100: the account is abnormal",
        429,
        r#"{"code":1100,"message":"account exception","request_id":"r"}"#,
    ),
    refused(
        "arrears",
        "429, code 1101: the account is in arrears",
        429,
        r#"{"code":1101,"message":"account in arrears","request_id":"r"}"#,
    ),
    refused(
        "pack-empty",
        "429, code 1102: the package is used up",
        429,
        r#"{"code":1102,"message":"Account balance not enough","request_id":"r"}"#,
    ),
    refused(
        "no-right",
        "403, code 1103",
        403,
        r#"{"code":1103,"message":"no permission for this API or model","request_id":"r"}"#,
    ),
    refused(
        "address",
        "429, code 1304: this address is not on the list",
        429,
        r#"{"code":1304,"message":"IP is not on the allow list","request_id":"r"}"#,
    ),
    refused(
        "bad-parameter",
        "400, code 1200",
        400,
        r#"{"code":1200,"message":"invalid request parameters","request_id":"r"}"#,
    ),
    refused(
        "no-model",
        "404, code 1203",
        404,
        r#"{"code":1203,"message":"the requested model does not exist","request_id":"r"}"#,
    ),
    refused(
        "policy",
        "400, code 1300",
        400,
        r#"{"code":1300,"message":"the platform's policy is violated","request_id":"r"}"#,
    ),
    refused(
        "unsafe",
        "400, code 1301",
        400,
        r#"{"code":1301,"message":"Failure to pass the risk control system","request_id":"r"}"#,
    ),
    // What gateways say in their own words.
    refused(
        "no-channel",
        "503 model_not_found",
        503,
        r#"{"error":{"code":"model_not_found","message":"分组 default 下模型 kolors-virtual-try-on-v1 无可用渠道（distributor）","type":"new_api_error"}}"#,
    ),
    row(
        "html-500",
        "500 with a page",
        Effect::Refused(html(500, "<html><head><title>500 Internal Server Error</title></head></html>")),
    ),
    refused("saturated", "429, text without a number", 429, SATURATED),
    refused(
        "quota",
        "429 insufficient_quota",
        429,
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
    ),
    refused(
        "nested-code",
        "429 with code 1102 inside the message",
        429,
        r#"{"code":"fail_to_fetch_task","message":"{\"code\":1102,\"message\":\"Account balance not enough\",\"request_id\":\"x\"}","data":null}"#,
    ),
    refused(
        "key-quota",
        "403 insufficient_user_quota",
        403,
        r#"{"error":{"code":"insufficient_user_quota","message":"用户额度不足, 剩余额度: ＄0.000000","type":"new_api_error"}}"#,
    ),
    refused(
        "balance",
        "400 task_failed, about the balance",
        400,
        r#"{"code":"task_failed","message":"Account balance not enough","data":null}"#,
    ),
    refused(
        "no-price",
        "400 model_price_error",
        400,
        r#"{"code":"model_price_error","message":"模型 kolors-virtual-try-on-v1 倍率或价格未配置，请联系管理员设置","data":null}"#,
    ),
    refused(
        "refuse-all",
        "400 `class is not videos`",
        400,
        r#"{"error":{"message":"class is not videos","type":"invalid_request_error"}}"#,
    ),
    refused(
        "too-large",
        "413",
        413,
        r#"{"error":{"message":"request body too large","type":"invalid_request_error","code":null}}"#,
    ),
    // What is in between, and what it says to everyone.
    row(
        "bad-key",
        "401, code 1002",
        Effect::Interposed(json(401, r#"{"code":1002,"message":"api key not found","request_id":"r"}"#)),
    ),
    row("bad-token", "401 of a gateway", Effect::Interposed(Canned::BAD_TOKEN)),
    row(
        "expired-token",
        "401, code 1004",
        Effect::Interposed(json(401, r#"{"code":1004,"message":"Authorization has expired","request_id":"r"}"#)),
    ),
    row("login-redirect", "302 to /login", Effect::Interposed(redirect(302, "/login"))),
    row("moved", "301 to another host", Effect::Interposed(redirect(301, "http://moved.invalid/"))),
    row(
        "firewall",
        "403 with a page",
        Effect::Interposed(html(403, "<html><head><title>Attention Required!</title></head></html>")),
    ),
    row("web-page", "200 with a page", Effect::Interposed(Canned::INDEX_PAGE)),
    row(
        "wrong-url",
        "404 `Invalid URL`",
        Effect::Interposed(json(
            404,
            r#"{"error":{"message":"Invalid URL (POST /kling/v1/images/kolors-virtual-try-on)","type":"invalid_request_error","param":"","code":""}}"#,
        )),
    ),
    row(
        "not-allowed",
        "405 with a page",
        Effect::Interposed(html(405, "<html><head><title>405 Not Allowed</title></head></html>")),
    ),
    // Answers that hide a task.
    made(
        "500-created",
        "500 do_request_failed",
        json(
            500,
            r#"{"code":"do_request_failed","message":"Post \"https://upstream\": context deadline exceeded","data":null}"#,
        ),
    ),
    made(
        "500-read",
        "500 read_response_body_failed",
        json(500, r#"{"code":"read_response_body_failed","message":"unexpected EOF","data":null}"#),
    ),
    made(
        "500-unmarshal",
        "500 unmarshal_response_failed",
        json(
            500,
            r#"{"code":"unmarshal_response_failed","message":"invalid character '<' looking for beginning of value","data":null}"#,
        ),
    ),
    made("502", "502 with a page", html(502, "<html><head><title>502 Bad Gateway</title></head></html>")),
    made("504", "504 with a page", GATEWAY_TIMEOUT),
    made("524", "524 with a page", html(524, "<html><head><title>A timeout occurred</title></head></html>")),
    made("timeout", "504, code 5002", json(504, r#"{"code":5002,"message":"server timeout","request_id":"r"}"#)),
    made(
        "no-task-id",
        "200 without a task id",
        json(200, r#"{"code":0,"message":"SUCCEED","request_id":"r","data":{}}"#),
    ),
    row("cut", "the connection ends before the answer", Effect::MadeAndCut(Cut::BeforeAnswer)),
    row("cut-answer", "the connection ends within the answer", Effect::MadeAndCut(Cut::InAnswer)),
    row("half-json", "200 with half a JSON text", Effect::MadeAndCut(Cut::HalfJson)),
    row("504-late", "504 at once, the task is made later (--late-by)", Effect::MadeLate(GATEWAY_TIMEOUT)),
    // Questions.
    row("fresh-unknown", "a task of less than 2 s does not exist", Effect::Young(Young::Unknown)),
    row("fresh-failed", "a task of less than 2 s has failed, \"task not found\"", Effect::Young(Young::Failed)),
    row(
        "query-404",
        "404 `Invalid URL`",
        Effect::Question(json(
            404,
            r#"{"error":{"message":"Invalid URL (GET /kling/v1/images/kolors-virtual-try-on/T)","type":"invalid_request_error"}}"#,
        )),
    ),
    // Tasks, with the reason that they give.
    fails("task-room", "parallel task over resource pack limit"),
    fails("task-pixel", "Image pixel is invalid"),
    fails("task-ratio", "The image ratio must be between 1:2.5 and 2.5:1"),
    fails("task-base64", "File is not in a valid base64 format"),
    fails("task-busy", "Service busy"),
    // Results and the account.
    row("no-image", "a task that succeeds without an image", Effect::Result(ResultFlaw::NoImage)),
    row("no-index", "images without `index`", Effect::Result(ResultFlaw::NoIndex)),
    row("webp-result", "a WebP picture under a name that ends in .png", Effect::Result(ResultFlaw::WebP)),
    row("no-packages", "an account without packages", Effect::NoPackages),
];

/// How gateways of the new-api family reword every 429, whatever the upstream said.
const SATURATED: &str = r#"{"code":"fail_to_fetch_task","message":"当前分组上游负载已饱和，请稍后再试","data":null}"#;

/// The page of a gateway's web app, which it serves under every path that it does not know.
const INDEX_PAGE: &str = "<!doctype html><html lang=\"zh\"><head><meta charset=\"utf-8\" /><title>New API</title></head>\
     <body><noscript>You need to enable JavaScript to run this app.</noscript><div id=\"root\"></div></body></html>";

/// What a gateway says to a key that it does not know.
const BAD_TOKEN: &str = r#"{"error":{"code":"","message":"无效的令牌","type":"new_api_error"}}"#;

impl Canned {
    pub(crate) const SATURATED: Self = json(429, SATURATED);
    pub(crate) const INDEX_PAGE: Self = html(200, INDEX_PAGE);
    pub(crate) const BAD_TOKEN: Self = json(401, BAD_TOKEN);

    #[cfg(test)]
    pub(crate) fn status(self) -> u16 {
        self.status
    }

    #[cfg(test)]
    pub(crate) fn body(self) -> &'static str {
        self.body
    }
}
