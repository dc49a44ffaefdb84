//! Who is let in, and who is not: each attack with the answer that it gets.

use axum::body::Body;
use axum::http::Request;

use super::*;

const TOKEN: &str = "a-token-of-many-letters";

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

fn open() -> Gate {
    Gate::new(vec!["Review.Shop.example".to_owned()], None)
}

fn guarded() -> Gate {
    Gate::new(Vec::new(), Some(TOKEN.to_owned().into()))
}

/// The status that a request is refused with; `None` for one that may go on.
fn refused(gate: &Gate, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
    match gate.check(&request(method, path, headers)) {
        Passage::Free => None,
        Passage::Refused(response) => Some(response.status().as_u16()),
    }
}

#[test]
fn a_name_that_leads_here_by_rebinding_is_refused() {
    let get = |host: &str| refused(&open(), "GET", "/api/cards", &[("host", host)]);
    for host in
        ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "192.168.1.7:8080", "review.shop.example"]
    {
        assert_eq!(get(host), None, "{host}");
    }
    for host in
        ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:8080", "", "review.shop.example.evil"]
    {
        assert_eq!(get(host), Some(421), "{host}");
    }
    assert_eq!(refused(&open(), "GET", "/api/cards", &[]), Some(421), "no host at all");
    let two = [("host", "localhost"), ("host", "evil.example")];
    assert_eq!(refused(&open(), "GET", "/api/cards", &two), Some(421));
}

#[test]
fn what_another_sites_page_asks_for_is_refused() {
    let from = |site: &str, path: &str| {
        refused(
            &open(),
            "GET",
            path,
            &[("host", "localhost:8080"), ("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")],
        )
    };
    for path in ["/", "/api/cards", "/pictures/1/human/whole"] {
        assert_eq!(from("same-origin", path), None);
        assert_eq!(from("none", path), None, "typed into the address bar");
        assert_eq!(from("cross-site", path), Some(403), "{path}");
        assert_eq!(from("same-site", path), Some(403), "another port of this machine");
    }
    let link = [("host", "localhost:8080"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    assert_eq!(refused(&open(), "GET", "/", &link), None, "a link in a chat leads to the page");
    assert_eq!(refused(&open(), "GET", "/api/cards", &link), Some(403));
}

#[test]
fn nothing_is_changed_without_the_pages_own_header_origin_and_kind() {
    let own = [
        ("host", "localhost:8080"),
        ("x-tryon", "1"),
        ("content-type", "application/json"),
        ("origin", "http://localhost:8080"),
        ("sec-fetch-site", "same-origin"),
    ];
    let with = |headers: &[(&str, &str)]| refused(&open(), "POST", "/api/verdict", headers);
    assert_eq!(with(&own), None);
    assert_eq!(with(&own[..3]), None, "a browser too old to say where it comes from");
    for (place, forged) in [
        (1, ("x-other", "1")),
        (2, ("content-type", "text/plain")),
        (3, ("origin", "http://evil.example")),
        (3, ("origin", "http://localhost:9090")),
        (3, ("origin", "null")),
        (4, ("sec-fetch-site", "cross-site")),
        (4, ("sec-fetch-site", "same-site")),
    ] {
        let mut headers = own;
        headers[place] = forged;
        assert_eq!(with(&headers), Some(403), "{forged:?}");
    }
}

#[test]
fn with_a_token_nothing_is_answered_without_it() {
    let host = ("host", "192.168.1.7:8080");
    for path in
        ["/", "/api/cards", "/api/events", "/pictures/1/result/whole", "/api/cards?token=a-token-of-many-letters"]
    {
        assert_eq!(refused(&guarded(), "GET", path, &[host]), Some(401), "{path}");
    }
    for wrong in ["/?token=", "/?token=a-token-of-many-letterz", "/?token=a-token"] {
        assert_eq!(refused(&guarded(), "GET", wrong, &[host]), Some(401), "{wrong}");
    }
    let own = [host, ("x-tryon", "1"), ("content-type", "application/json")];
    for method in ["HEAD", "POST"] {
        let address = format!("/?token={TOKEN}");
        assert_eq!(refused(&guarded(), method, &address, &own), Some(401), "only the page takes it: {method}");
    }
    for cookie in ["tryon_session=", "tryon_session=a-token-of-many-letters", "other=1"] {
        assert_eq!(refused(&guarded(), "GET", "/", &[host, ("cookie", cookie)]), Some(401), "{cookie}");
    }
}

#[test]
fn a_token_is_exchanged_for_a_cookie_that_does_not_tell_it() {
    let gate = guarded();
    let host = ("host", "192.168.1.7:8080");
    let login = request("GET", &format!("/?token={TOKEN}"), &[host]);
    let Passage::Refused(response) = gate.check(&login) else { panic!("the token stays in the address") };
    assert_eq!(response.status().as_u16(), 303);
    assert_eq!(response.headers()[LOCATION].to_str().ok(), Some("/"));
    let set = response.headers()[SET_COOKIE].to_str().expect("a cookie").to_owned();
    assert!(set.contains("; HttpOnly; SameSite=Strict") && !set.contains(TOKEN), "{set}");
    let cookie = set.split(';').next().expect("a pair");
    assert_eq!(refused(&gate, "GET", "/api/cards", &[host, ("cookie", &format!("a=b; {cookie}"))]), None);
    // After a link on another site the browser would not send the cookie along with a redirect.
    let from_mail = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    assert_eq!(refused(&gate, "GET", &format!("/?token={TOKEN}"), &from_mail), Some(200));
}

#[test]
fn every_answer_forbids_what_the_page_does_not_need() {
    let response = forbid(StatusCode::OK.into_response());
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{policy}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(header("cache-control"), "no-store");
}
