//! Ready-made answers, as the API and the gateways in front of it give them.

use serde_json::{Value, json};

/// An HTTP answer, with what may be wrong about it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The length that is promised instead of the true one; the connection is closed afterwards.
    pub(crate) promised: Option<usize>,
}

impl Answer {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        let body = value.to_string().into_bytes();
        Self { status, content_type: "application/json", headers: Vec::new(), body, promised: None }
    }

    /// An answer of the API itself.
    pub(crate) fn code(status: u16, code: i64, message: &str) -> Self {
        Self::json(status, &json!({ "code": code, "message": message, "request_id": format!("r-{code}") }))
    }

    /// A gateway's own JSON, without a code that is a number.
    pub(crate) fn gateway(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "error": { "message": message, "type": "new_api_error", "code": "relay" } }))
    }

    /// What a gateway of the new-api family says when it could not relay a request: a code that is no number.
    pub(crate) fn relay(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "code": code, "message": message, "data": null }))
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
        Self { status, content_type: "text/html", headers: Vec::new(), body: page.into_bytes(), promised: None }
    }

    pub(crate) fn picture(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "image/png", headers: Vec::new(), body, promised: None }
    }

    pub(crate) fn redirect(to: String) -> Self {
        Self { headers: vec![("Location", to)], ..Self::html(302, "moved") }
    }

    /// Only half of the body is sent, while all of it is promised.
    pub(crate) fn cut(mut self) -> Self {
        self.promised = Some(self.body.len());
        self.body.truncate(self.body.len() / 2);
        self
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    pub(crate) fn internal_error() -> Self {
        Self::code(500, 5000, "internal error")
    }

    pub(crate) fn maintenance() -> Self {
        Self::code(503, 5001, "service under maintenance")
    }

    pub(crate) fn too_many_requests() -> Self {
        Self::code(429, 1302, "too many requests")
    }

    pub(crate) fn over_cap() -> Self {
        Self::code(429, 1303, "parallel task over resource pack limit")
    }

    pub(crate) fn in_arrears() -> Self {
        Self::code(429, 1101, "account in arrears")
    }

    pub(crate) fn bad_key() -> Self {
        Self::code(401, 1002, "authorization is invalid")
    }

    pub(crate) fn unknown_task(id: &str) -> Self {
        Self::code(400, 1201, &format!("Task not found by id/external id: {id}"))
    }

    /// The web app of a gateway, under a path that it does not know.
    pub(crate) fn index_page() -> Self {
        let page =
            "<!doctype html><html><head><title>New API</title></head><body><div id=\"root\"></div></body></html>";
        Self { body: page.as_bytes().to_vec(), ..Self::html(200, "New API") }
    }

    pub(crate) fn firewall() -> Self {
        Self::html(403, "Attention Required!")
    }

    pub(crate) fn no_channel() -> Self {
        let message = "分组 default 下模型 kolors-virtual-try-on-v1 无可用渠道（distributor）";
        let error = json!({ "code": "model_not_found", "message": message, "type": "new_api_error" });
        Self::json(503, &json!({ "error": error }))
    }

    /// How a gateway rewords every 429.
    pub(crate) fn saturated() -> Self {
        Self::relay(429, "fail_to_fetch_task", "当前分组上游负载已饱和，请稍后再试")
    }

    /// A gateway's 429 with the service's own answer as text.
    pub(crate) fn nested(code: i64, message: &str) -> Self {
        let native = json!({ "code": code, "message": message, "request_id": "x" });
        Self::relay(429, "fail_to_fetch_task", &native.to_string())
    }

    pub(crate) fn insufficient_quota() -> Self {
        let (message, kind) = ("You exceeded your current quota", "insufficient_quota");
        Self::json(429, &json!({ "error": { "message": message, "type": kind, "code": kind } }))
    }

    pub(crate) fn key_quota() -> Self {
        let (code, kind) = ("insufficient_user_quota", "new_api_error");
        Self::json(403, &json!({ "error": { "code": code, "message": "用户额度不足", "type": kind } }))
    }

    pub(crate) fn no_price() -> Self {
        Self::relay(400, "model_price_error", "模型 kolors-virtual-try-on-v1 倍率或价格未配置，请联系管理员设置")
    }

    pub(crate) fn not_videos() -> Self {
        let kind = "invalid_request_error";
        Self::json(400, &json!({ "error": { "message": "class is not videos", "type": kind } }))
    }
}
