//! Each guard of the live page from outside: a request that it has to refuse, and that nothing was changed or given away by it.

use serde_json::{Value, json};

use super::{Served, catalogue, said_of};
use crate::commands::Desk;

const TOKEN: &str = "a-token-of-many-letters";

/// The addresses that the page has, but for the stream, which does not end.
fn addresses(served: &Served) -> Vec<String> {
    let page = served.get("/").text();
    let named = |from: &str| {
        let (_, rest) = page.split_once(from).expect("a link");
        rest.split('"').next().expect("its end").to_owned()
    };
    let fixed = ["/", "/favicon.ico", "/api/cards", "/api/changed?cards=1.0", "/pictures/1/human/small"];
    let further = ["/pictures/1/garment/whole", "/pictures/1/result/whole"];
    let assets = [named("rel=\"stylesheet\" href=\""), named("type=\"module\" src=\"")];
    fixed.into_iter().chain(further).map(str::to_owned).chain(assets).collect()
}

/// A verdict about a job's image as its card shows it.
fn approval(served: &Served, id: &str) -> Value {
    let card = served.cards(&format!("/api/cards?find={id}")).remove(0);
    json!({ "id": id, "sha256": card["sha256"], "verdict": "approved", "seen": null })
}

#[test]
fn under_a_foreign_name_nothing_is_answered_and_nothing_is_stored() {
    let desk = catalogue();
    let served = Served::at(&desk, &["--host", "review.shop.example"]);
    let addresses = addresses(&served);
    assert_eq!(addresses.len(), 9);
    for address in addresses.iter().map(String::as_str).chain(["/api/events", "/nothing"]) {
        let answer = served.ask("GET", address, &[("host", "evil.example:8080")], "");
        assert_eq!(answer.status, 421, "{address}");
        assert!(answer.text().starts_with("this page is not known under that name"), "{}", answer.text());
    }
    for address in &addresses {
        let answer = served.ask("GET", address, &[("host", "review.shop.example")], "");
        assert!(matches!(answer.status, 200 | 204), "{address}: {}", answer.status);
    }
    // The absolute form names a host as well, but it is the header that browsers send.
    let absolute = served.ask("GET", "http://127.0.0.1/api/cards", &[("host", "evil.example")], "");
    assert_eq!(absolute.status, 421);
    let headers = [("host", "evil.example"), ("x-tryon", "1"), ("content-type", "application/json")];
    let said = served.ask("POST", "/api/verdict", &headers, &approval(&served, "a").to_string());
    assert_eq!((said.status, said_of(&desk, "a").0), (421, Value::Null));
}

#[test]
fn another_sites_page_reads_nothing_and_changes_nothing() {
    let desk = catalogue();
    let served = Served::at(&desk, &[]);
    let host = served.host();
    for site in ["cross-site", "same-site"] {
        for address in addresses(&served).iter().map(String::as_str).chain(["/api/events"]) {
            let headers = [("host", host.as_str()), ("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")];
            assert_eq!(served.ask("GET", address, &headers, "").status, 403, "{site} {address}");
        }
    }
    let approval = approval(&served, "a").to_string();
    let own = [("host", host.as_str()), ("x-tryon", "1"), ("content-type", "application/json")];
    let forged: [(&str, &[(&str, &str)]); 6] = [
        ("without the page's header", &[own[0], own[2]]),
        ("as a form sends it", &[own[0], own[1], ("content-type", "text/plain")]),
        ("from another origin", &[own[0], own[1], own[2], ("origin", "http://evil.example")]),
        ("from nowhere", &[own[0], own[1], own[2], ("origin", "null")]),
        ("from another port of this machine", &[own[0], own[1], own[2], ("origin", "http://127.0.0.1:1")]),
        ("by another site's script", &[own[0], own[1], own[2], ("sec-fetch-site", "cross-site")]),
    ];
    for (how, headers) in forged {
        assert_eq!(served.ask("POST", "/api/verdict", headers, &approval).status, 403, "{how}");
    }
    assert_eq!(said_of(&desk, "a").0, Value::Null);
    // A question for permission, as a browser asks before it sends a foreign page's headers, gets none.
    let asks = [own[0], ("origin", "http://evil.example"), ("access-control-request-method", "POST")];
    let permission = served.ask("OPTIONS", "/api/verdict", &asks, "");
    assert_eq!(permission.status, 403);
    assert!(!permission.head.contains("access-control-allow"), "{}", permission.head);
    assert_eq!(served.ask("POST", "/api/verdict", &own, &approval).status, 200);
    assert_eq!(said_of(&desk, "a").0, "approved");
}

#[test]
fn where_others_can_ask_a_token_is_a_condition_of_starting() {
    let desk = Desk::new();
    desk.write("short", "fifteen-letters\n");
    desk.write("empty", "\n");
    desk.write("jobs.csv", "human,cloth\nhttps://pictures.test/h.jpg,https://pictures.test/c.jpg\n");
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    for listen in ["0.0.0.0:0", "[::]:0", "[::ffff:127.0.0.1]:0", "192.0.2.7:8080"] {
        let refused = desk.run(&["serve", "--listen", listen]);
        assert_eq!(refused.code, 2, "{listen}: {}", refused.err);
        assert!(refused.err.contains("can be reached by others") && refused.err.contains("--token-file"), "{listen}");
        assert_eq!(refused.out, "", "no address is told");
    }
    for (file, why) in [("short", "too short to keep others out"), ("empty", "it is empty"), ("none", "none")] {
        let refused = desk.run(&["serve", "--listen", "0.0.0.0:0", "--token-file", file]);
        assert!(refused.code == 2 && refused.err.contains(why), "{file}: {} {}", refused.code, refused.err);
    }
    let mut short = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    let refused = crate::commands::said(short.env("TRYON_SERVE_TOKEN", "short"));
    assert!(refused.code == 2 && !refused.err.contains("`short`"), "on this machine too: {}", refused.err);
}

#[test]
fn with_a_token_every_address_wants_its_cookie_and_another_token_ends_it() {
    let desk = catalogue();
    desk.write("token", &format!("{TOKEN}\n"));
    let served = Served::at(&desk, &["--token-file", "token"]);
    let host = served.host();
    let with = |address: &str, cookie: &str| {
        served.ask("GET", address, &[("host", host.as_str()), ("cookie", cookie)], "").status
    };
    let login = served.get(&format!("/?token={TOKEN}"));
    assert_eq!((login.status, login.header("location")), (303, "/"));
    let cookie = login.header("set-cookie").split(';').next().expect("a pair").to_owned();
    assert!(!cookie.contains(TOKEN), "{cookie}");
    let page = served.ask("GET", "/", &[("host", &host), ("cookie", &cookie)], "").text();
    assert!(!page.contains(TOKEN));
    for address in ["/", "/api/cards", "/api/changed?cards=1.0", "/pictures/1/result/whole", "/pictures/1/human/small"]
    {
        assert_eq!(with(address, &cookie), 200, "{address}");
        let wrong = [String::new(), format!("tryon_session={TOKEN}"), cookie[..cookie.len() - 1].to_owned()];
        for wrong in wrong {
            assert_eq!(with(address, &wrong), 401, "{address} {wrong}");
        }
        assert_eq!(served.get(&format!("{address}?token={TOKEN}x")).status, 401, "{address}");
        let named = served.get(&format!("{address}?token={TOKEN}")).status;
        assert_eq!(named, if address == "/" { 303 } else { 401 }, "the page alone takes it: {address}");
    }
    assert_eq!(with("/api/events", ""), 401);
    // The page that asks for the token needs its style, and nothing else.
    let doorway = served.get("/").text();
    let (_, style) = doorway.split_once("rel=\"stylesheet\" href=\"").expect("a style");
    assert_eq!(with(style.split('"').next().expect("its address"), ""), 200);
    let (_, script) = page.split_once("type=\"module\" src=\"").expect("a script");
    assert_eq!(with(script.split('"').next().expect("its address"), ""), 401);
    let said = served.say(&json!({ "id": "a", "sha256": "", "verdict": "approved" }));
    assert_eq!((said.status, said_of(&desk, "a").0), (401, Value::Null));
    drop(served);
    desk.write("token", "another-token-of-letters");
    let served = Served::at(&desk, &["--token-file", "token"]);
    let host = served.host();
    let old = served.ask("GET", "/api/cards", &[("host", &host), ("cookie", &cookie)], "");
    assert_eq!(old.status, 401, "another token ends all sessions");
}

/// What must not get out.
const SECRET: &str = "hush-2b9f";

#[test]
fn no_address_leads_to_a_file_that_is_no_picture_of_the_queue() {
    let desk = catalogue();
    desk.write("secret.txt", SECRET);
    desk.write("tryon-out/secret.txt", SECRET);
    let served = Served::at(&desk, &[]);
    let absolute = desk.path("secret.txt").to_str().expect("UTF-8").trim_start_matches('/').to_owned();
    let encoded = absolute.replace('/', "%2f");
    let mut targets: Vec<String> = [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/pictures/../secret.txt",
        "/pictures/1/../../../secret.txt",
        "/pictures/1/result/..%2f..%2fsecret.txt",
        "/pictures/1/..%2f..%2fsecret.txt/whole",
        "/pictures/1/%2e%2e%2fsecret.txt/whole",
        "/pictures/1/%252e%252e%252fsecret.txt/whole",
        "/pictures/..%2fsecret.txt/result/whole",
        "/pictures/1/secret.txt/whole",
        "/pictures/1/result/secret.txt",
        "/pictures/1/result%00/whole",
        "/pictures/-1/result/whole",
        "/pictures/0/result/whole",
        "/pictures/9223372036854775807/result/whole",
        "/pictures/99999999999999999999/result/whole",
        "/pictures/1/result/whole?v=../../secret.txt",
        "/pictures/1/garment2/whole",
    ]
    .map(str::to_owned)
    .to_vec();
    targets.extend([format!("/{absolute}"), format!("//{absolute}"), format!("/pictures/1/%2f{encoded}/whole")]);
    targets.push(format!("/pictures/%2f{encoded}/result/whole"));
    for target in targets {
        let answer = served.get(&target);
        assert!(matches!(answer.status, 400 | 404), "{target}: {}", answer.status);
        assert!(!answer.text().contains(SECRET), "{target}");
    }
    assert_eq!(served.get("/pictures/1/result/whole").status, 200);
}

#[cfg(unix)]
#[test]
fn a_result_that_leads_out_of_the_output_folder_and_an_input_that_is_no_picture_are_not_served() {
    let desk = catalogue();
    let served = Served::at(&desk, &[]);
    let status = |role: &str| ["whole", "small"].map(|size| served.get(&format!("/pictures/1/{role}/{size}")).status);
    assert_eq!((status("result"), status("human")), ([200, 200], [200, 200]));
    // A picture, but somebody else's.
    let private = desk.picture("private.png");
    for (link, to, found) in [("out", private.as_path(), 404), ("in", &desk.path("tryon-out/b.png"), 200)] {
        let result = desk.path("tryon-out/a.png");
        std::fs::remove_file(&result).expect("removed");
        std::os::unix::fs::symlink(to, &result).expect("a link");
        assert_eq!(served.get("/pictures/1/result/whole").status, found, "a link that leads {link}");
    }
    let folder = desk.path("tryon-out");
    std::fs::rename(folder.join("b.png"), desk.path("b.png")).expect("moved");
    assert_eq!(status("result"), [404, 404], "a link that leads nowhere");

    let human = desk.path("ana.png");
    std::fs::remove_file(&human).expect("removed");
    std::os::unix::fs::symlink(desk.write("secret.txt", SECRET), &human).expect("a link");
    assert_eq!(status("human"), [404, 404], "what it has become is no picture");
    desk.write("secret.txt", &format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>{SECRET}</script></svg>"));
    assert_eq!(status("human"), [404, 404], "nor is what could have a script in it");
}

#[test]
fn no_answer_has_a_script_or_a_style_inside_and_the_policy_allows_none() {
    let desk = catalogue();
    let served = Served::at(&desk, &[]);
    let mut answers: Vec<(String, super::Answer)> =
        addresses(&served).into_iter().map(|address| (address.clone(), served.get(&address))).collect();
    answers.push(("nothing".into(), served.get("/nothing")));
    answers.push(("foreign".into(), served.ask("GET", "/", &[("host", "evil.example")], "")));
    for (address, answer) in &answers {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{address}: {policy}");
        for allowed in ["unsafe", "*", "data:", "blob:", "http:", "https:"] {
            assert!(!policy.contains(allowed), "{address}: {policy}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{address}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{address}");
    }
    desk.write("token", TOKEN);
    let closed = Served::at(&desk, &["--token-file", "token"]);
    for page in [served.get("/"), closed.get("/"), closed.get("/?token=wrong")] {
        let text = page.text();
        assert!(text.contains("</html>"), "{text}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"));
        let scripts = text.matches("<script").count() - text.matches("<script type=\"module\" src=\"/").count();
        let lower = text.to_lowercase();
        let inside = ["<style", " style=", " onload=", " onerror=", " onclick=", "javascript:", "<base", "<iframe"];
        let found: Vec<_> = inside.into_iter().filter(|what| lower.contains(what)).collect();
        assert!(scripts == 0 && found.is_empty(), "{scripts} {found:?}");
    }
}

#[test]
fn what_is_asked_is_bounded() {
    let desk = catalogue();
    let served = Served::at(&desk, &[]);
    let long = served.say(&json!({ "id": "a", "sha256": "x".repeat(9_000), "verdict": "approved" }));
    assert_eq!(long.status, 413);
    let many: Vec<String> = (1..=121).map(|seq| format!("{seq}.00000000")).collect();
    let changed = |count: usize| served.get(&format!("/api/changed?cards={}", many[..count].join(","))).status;
    assert_eq!((changed(120), changed(121)), (200, 400));
    assert_eq!(served.cards("/api/cards?most=1000000").len(), 3);
    assert_eq!(served.cards("/api/cards?most=0").len(), 1);
    let head = "x".repeat(20 * 1024);
    let answer = served.ask("GET", "/", &[("host", &served.host()), ("x-long", &head)], "");
    assert_eq!(answer.status, 431);
    for odd in ["state=none", "flag=none", "verdict=none", "sort=none", "after=x1", "after=f-1", "most=x", "after=f%00"]
    {
        assert_eq!(served.get(&format!("/api/cards?{odd}")).status, 400, "{odd}");
    }
}
