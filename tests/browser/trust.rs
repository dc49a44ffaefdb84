//! What the page must not do: obey the texts it shows, or ask any network for anything.

use tryon::job::FailureKind;

use super::shop::{Fate, Row};
use super::{ids, open};

#[test]
fn text_that_looks_like_markup_stays_text() {
    let attack = "</script><script>window.pwned = 1</script><img src=x onerror=\"window.pwned = 1\"><!-- {{ 7*7 }} ]]>";
    let mut said = Row::new("said", Fate::Fails(FailureKind::Task, None, attack.to_owned()));
    said.human = "people/<b onclick=alert(1)>.png".to_owned();
    let named = Row::new("<img src=x onerror=window.pwned=1>&amp;\"'", Fate::Succeeds(1));
    let Some((browser, _shop)) = open(&[said, named]) else { return };
    assert_eq!(ids(&browser)[1], "<img src=x onerror=window.pwned=1>&amp;\"'");
    assert_eq!(browser.text(".card:first-child .why"), format!("task_failed: {attack}"));
    assert_eq!(browser.text(".reasons .reason"), format!("task_failed: {attack}"));
    browser.press("j");
    browser.press("\u{e007}");
    browser.wait("document.getElementById('viewer').open");
    browser.wait("[...document.images].every((i) => i.complete && i.naturalWidth === 60)");
    assert_eq!(browser.value("window.pwned"), serde_json::Value::Null);
    assert_eq!(
        browser.value("document.querySelectorAll('script:not([type=module]), b[onclick], img[src=x]').length"),
        0
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn names_with_every_odd_character_lead_to_their_pictures() {
    let odd = "a b/50%25?#'\"&<>;=+@[]{}|^`~!$(),été裙子 👗";
    let mut row = Row::new(odd, Fate::Succeeds(1));
    row.human = format!("people/h {odd}.png");
    row.cloth = "garments/data:image.png".to_owned();
    let Some((browser, _shop)) = open(&[row]) else { return };
    browser.wait("[...document.images].length === 3 && [...document.images].every((i) => i.complete)");
    let widths = browser.value("[...document.images].map((i) => i.naturalWidth)");
    assert_eq!(widths, serde_json::json!([60, 60, 60]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_picture_on_the_web_is_a_link_and_nothing_is_asked_of_any_network() {
    let mut row = Row::new("web", Fate::Succeeds(1));
    row.human = "http://127.0.0.1:9/people/ana.jpg?size=1".to_owned();
    let Some((browser, _shop)) = open(&[row]) else { return };
    browser.press("j\u{e007}");
    browser.wait("document.querySelector('#viewer .result img')?.complete === true");
    assert_eq!(browser.text(".card .tile.human .said"), "127.0.0.1:9");
    let link = browser.value("document.querySelector('.card .tile.human a').href");
    assert_eq!(link, "http://127.0.0.1:9/people/ana.jpg?size=1");
    let asked = browser.requests();
    assert!(asked.iter().any(|url| url.ends_with("/web.png")), "{asked:?}");
    // What the browser itself is made of (`chrome:`, its start page) is none of the page's business.
    let from_networks: Vec<_> = asked.iter().filter(|url| url.starts_with("http") || url.starts_with("ws")).collect();
    assert!(from_networks.is_empty(), "{from_networks:?}");
}

#[test]
fn the_policy_forbids_scripts_and_networks_even_to_what_would_slip_in() {
    let Some((browser, _shop)) = open(&[Row::new("a", Fate::Succeeds(1))]) else { return };
    let tried = browser.awaited(
        "await (async () => { \
           document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned = 1\"><img id=away src=\"http://127.0.0.1:9/a.png\">'); \
           const script = document.createElement('script'); script.textContent = 'window.pwned = 2'; document.body.append(script); \
           const fetched = await fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused'); \
           return [fetched, window.pwned ?? null]; })()",
    );
    assert_eq!(tried, serde_json::json!(["refused", null]));
    let complaints = browser.complaints();
    let breaches = complaints.iter().filter(|said| said.contains("Content Security Policy"));
    assert!(breaches.count() >= 4, "{complaints:#?}");
}
