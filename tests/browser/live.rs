//! The live page: judging by key, several windows, what changes while one looks, and what the page must not do.

use serde_json::json;

use tryon::job::{Flag, Verdict};

use super::driver::{Browser, ENTER, ESCAPE};
use super::served::{Served, open, served};
use super::shop::{Fate, Row, Shop};
use super::{ids, mixed};

/// What the queue says of a job's image: the verdict, the reason, and who said so.
fn said(shop: &Shop, id: &str) -> Option<(Verdict, Option<String>, Option<String>)> {
    shop.job(id).review.map(|review| (review.verdict, review.reason, review.reviewer))
}

fn wait_for_verdict(browser: &Browser, place: usize, words: &str) {
    let selector = format!(".card:nth-child({place}) .verdict");
    let text = format!("document.querySelector('{selector}').firstChild?.textContent ?? ''");
    browser.wait(&format!("({text}) === '{words}'"));
}

#[test]
fn results_are_judged_by_key_stored_at_once_and_taken_back() {
    let Some((browser, shop, _served)) = served(&mixed(), &[]) else { return };
    browser.wait("[...document.images].length > 8 && [...document.images].every((i) => i.complete)");
    let widths = browser.value("[...document.querySelectorAll('.card:first-child img')].map((i) => i.naturalWidth)");
    assert_eq!(widths, json!([60, 60, 60]), "human, garment and result are really there");
    browser.click("#reviewer");
    browser.press("Li");
    browser.press(ESCAPE);
    browser.press("ja");
    wait_for_verdict(&browser, 1, "approved");
    assert_eq!(said(&shop, "spring/ana-1"), Some((Verdict::Approved, None, Some("Li".to_owned()))));
    // The second has failed: there is nothing to judge, and `a` does nothing.
    browser.wait("document.activeElement.closest('.card')?.querySelector('.id').textContent === 'spring/ana-2'");
    browser.press("ajx");
    browser.wait("document.getElementById('reasons').open");
    browser.press("2");
    wait_for_verdict(&browser, 3, "rejected: garment distorted");
    let rejected = Some((Verdict::Rejected, Some("garment distorted".to_owned()), Some("Li".to_owned())));
    assert_eq!((said(&shop, "spring/ana-10"), said(&shop, "spring/ana-2")), (rejected, None));
    browser.wait("document.querySelector('#figures').textContent.includes('rejected1')");
    browser.press("u");
    wait_for_verdict(&browser, 3, "");
    assert_eq!(said(&shop, "spring/ana-10"), None);
    browser.press("u");
    wait_for_verdict(&browser, 1, "");
    assert_eq!((said(&shop, "spring/ana-1"), browser.complaints()), (None, Vec::new()));
}

#[test]
fn a_verdict_of_another_window_appears_by_itself_and_is_never_lost_under_one_that_has_not_seen_it() {
    let Some((browser, shop, served)) = served(&mixed(), &[]) else { return };
    let first = browser.window();
    let second = browser.new_window();
    open(&browser, &served.url);
    browser.switch_to(&first);
    browser.press("ja");
    wait_for_verdict(&browser, 1, "approved");
    browser.switch_to(&second);
    wait_for_verdict(&browser, 1, "approved");
    // From now on the second window hears of nothing any more, as on a train.
    browser.devtools("Network.enable", &json!({}));
    browser.devtools("Network.setBlockedURLs", &json!({ "urls": ["*/api/changed*"] }));
    browser.switch_to(&first);
    browser.press("kx0");
    wait_for_verdict(&browser, 1, "rejected");
    browser.switch_to(&second);
    browser.press("u");
    browser.press("ja");
    browser.wait("!document.getElementById('notice').hidden && document.getElementById('notice-text').textContent.includes('was not stored')");
    assert_eq!(said(&shop, "spring/ana-1").map(|said| said.0), Some(Verdict::Rejected), "it is not lost");
    wait_for_verdict(&browser, 1, "rejected");
    // Now it has been seen, and the same key is meant.
    browser.press("ka");
    wait_for_verdict(&browser, 1, "approved");
    assert_eq!(said(&shop, "spring/ana-1").map(|said| said.0), Some(Verdict::Approved));
}

#[test]
fn what_a_run_does_appears_while_one_looks() {
    let rows = [Row::new("a", Fate::Succeeds(1)), Row::new("b", Fate::Waits)];
    let Some((browser, shop, _served)) = served(&rows, &[]) else { return };
    assert_eq!(browser.texts(".card .state"), ["succeeded", "pending"]);
    shop.make_one();
    browser.wait("document.querySelectorAll('.card .state.succeeded').length === 2");
    browser.wait("document.querySelector('.card:nth-child(2) .tile.result img')?.naturalWidth === 60");
    assert_eq!(browser.texts(".chip"), ["succeeded 2"]);
    assert_eq!(browser.text("#figures dd"), "2 of 2");
    // And in the other direction: an image that is replaced while one looks at it cannot be judged unseen.
    browser.press("j");
    browser.press(ENTER);
    browser.wait("document.getElementById('viewer').open");
    browser.devtools("Network.enable", &json!({}));
    browser.devtools("Network.setBlockedURLs", &json!({ "urls": ["*/api/changed*"] }));
    shop.make_again("a");
    browser.press("a");
    browser.wait("document.getElementById('notice-text').textContent.includes('made again since you looked')");
    assert_eq!(said(&shop, "a"), None);
}

#[test]
fn flagged_results_come_first_and_filters_leave_what_is_asked_for() {
    let mut rows = mixed();
    rows.push(Row::new("winter/cy-1", Fate::Flagged(&[Flag::Blank])));
    rows.push(Row::new("winter/cy-3", Fate::Flagged(&[Flag::Small, Flag::Aspect])));
    let Some((browser, _shop, served)) = served(&rows, &[]) else { return };
    assert_eq!(ids(&browser)[..3], ["winter/cy-1", "winter/cy-3", "spring/ana-1"]);
    let wait_for = |count: usize| browser.wait(&format!("document.querySelectorAll('.card').length === {count}"));
    let chip = |words: &str| {
        let found = format!("[...document.querySelectorAll('.chip')].find((c) => c.textContent === '{words}').click()");
        browser.value(&found);
    };
    chip("aspect 1");
    wait_for(1);
    chip("aspect 1");
    wait_for(10);
    chip("failed 3");
    wait_for(3);
    assert_eq!(ids(&browser), ["spring/ana-2", "autumn/bo-2", "autumn/bo-3"]);
    browser.visit("about:blank");
    open(&browser, &format!("{}#state=succeeded&sort=order&verdict=unjudged", served.url));
    wait_for(5);
    assert_eq!(ids(&browser).first().map(String::as_str), Some("spring/ana-1"), "the address says what is shown");
    browser.press("/");
    browser.press("autumn/bo-3");
    browser.press(ENTER);
    wait_for(1);
    assert_eq!(ids(&browser), ["autumn/bo-3"]);
}

#[test]
fn pages_are_turned_and_only_one_is_in_the_document() {
    let rows: Vec<Row> = (1..=130).map(|number| Row::new(&format!("job-{number:03}"), Fate::InDoubt)).collect();
    let Some((browser, _shop, _served)) = served(&rows, &[]) else { return };
    let shows = |first: &str, count: usize| {
        browser.wait(&format!(
            "document.querySelector('.card .id')?.textContent === '{first}' && document.querySelectorAll('.card').length === {count}"
        ));
    };
    shows("job-001", 60);
    browser.press("n");
    shows("job-061", 60);
    browser.press("n");
    shows("job-121", 10);
    browser.press("p");
    shows("job-061", 60);
    browser.press("j");
    browser.press(&"j".repeat(60));
    shows("job-121", 10);
    browser.wait("document.activeElement.closest('.card')?.querySelector('.id').textContent === 'job-121'");
    browser.press("k");
    shows("job-061", 60);
    browser.wait("document.activeElement.closest('.card')?.querySelector('.id').textContent === 'job-120'");
}

#[test]
fn a_page_that_is_read_only_offers_no_verdict_and_takes_none() {
    let Some((browser, shop, _served)) = served(&mixed(), &["--read-only"]) else { return };
    browser.press("ja");
    assert_eq!(browser.value("document.querySelectorAll('.approve, #reviewer').length"), 0);
    assert_eq!(browser.value("document.querySelector('.card .reject').hidden"), true);
    let tried = browser.awaited(
        "(await fetch('/api/verdict', { method: 'POST', headers: { 'x-tryon': '1', 'content-type': 'application/json' }, \
           body: JSON.stringify({ id: 'spring/ana-1', sha256: '', verdict: 'approved' }) })).status",
    );
    assert_eq!((tried, said(&shop, "spring/ana-1")), (json!(403), None));
}

#[test]
fn text_that_looks_like_markup_stays_text_and_nothing_that_slips_in_is_run() {
    let attack = "</script><script>window.pwned = 1</script><img src=x onerror=\"window.pwned = 1\">";
    let fate = Fate::Fails(tryon::job::FailureKind::Task, None, attack.to_owned());
    let rows = [Row::new("<img src=x onerror=window.pwned=1>&amp;\"'", Fate::Succeeds(1)), Row::new("said", fate)];
    let Some((browser, _shop, _served)) = served(&rows, &[]) else { return };
    assert_eq!(ids(&browser)[0], "<img src=x onerror=window.pwned=1>&amp;\"'");
    assert_eq!(browser.text(".card:nth-child(2) .why"), format!("task_failed: {attack}"));
    browser.wait("[...document.images].every((i) => i.complete && i.naturalWidth === 60)");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let tried = browser.awaited(
        "await (async () => { \
           document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned = 1\"><p style=\"color: red\">x</p>'); \
           const script = document.createElement('script'); script.textContent = 'window.pwned = 2'; document.body.append(script); \
           return [await fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused'), window.pwned ?? null]; })()",
    );
    assert_eq!(tried, json!(["refused", null]));
}

#[test]
fn on_a_telephone_nothing_is_wider_than_the_screen() {
    let mut rows = mixed();
    rows.insert(0, Row::new(&"a-very-long-name-without-a-place-to-break".repeat(4), Fate::Flagged(&[Flag::Small])));
    let Some((browser, _shop, _served)) = served(&rows, &[]) else { return };
    browser.resize(390, 800);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 390);
    browser.press("jx");
    browser.wait("document.getElementById('reasons').open");
    browser.press("3");
    browser.wait("document.querySelector('.card.is-rejected') !== null");
    browser.press("k");
    browser.press(ENTER);
    browser.wait("document.getElementById('viewer').open");
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 390);
    assert_eq!(browser.value("document.getElementById('viewer').scrollWidth"), 390);
}

#[test]
fn before_and_after_are_compared_and_enlarged_on_both_pages() {
    let Some((browser, shop, _served)) = served(&mixed(), &[]) else { return };
    let compares = || {
        browser.press("j");
        browser.press(ENTER);
        browser.wait("document.getElementById('viewer').open");
        browser.press("c");
        browser
            .wait("[...document.querySelectorAll('.compare img')].filter((i) => i.naturalWidth === 60).length === 2");
        browser.value(
            "((s) => { s.value = 20; s.dispatchEvent(new Event('input')); })(document.querySelector('.slider'))",
        );
        assert_eq!(
            browser.value("getComputedStyle(document.querySelector('.compare .after')).clipPath"),
            "inset(0px 0px 0px 20%)"
        );
        browser.press("z");
        browser.wait("getComputedStyle(document.querySelector('.lens')).transform.startsWith('matrix(2.6')");
        browser.press("zc");
        assert_eq!(browser.value("document.querySelectorAll('.panes img').length"), 3);
        assert_eq!(browser.complaints(), Vec::<String>::new());
    };
    compares();
    browser.open(&shop.page());
    compares();
}

/// The words of the Latin alphabet that a page shows, beyond ids, paths and commands.
const ENGLISH: &str = "(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); const found = []; \
    while (walk.nextNode()) { const { data, parentElement } = walk.currentNode; \
      if (/[A-Za-z]{3,}/.test(data) && !parentElement.closest('script, style, code, kbd, h1, .eyebrow, .id, .why, .reason, noscript') \
        && parentElement.checkVisibility()) found.push(data.trim()); } \
    return found; })()";

#[test]
fn both_pages_speak_chinese_where_the_browser_does() {
    let Some((browser, shop, served)) = served(&mixed(), &[]) else { return };
    browser.speak("zh-CN,zh;q=0.9,en;q=0.8");
    open(&browser, &served.url);
    assert_eq!(browser.value("document.documentElement.lang"), "zh-CN");
    assert_eq!(browser.text(".card .state"), "成功");
    assert_eq!(browser.value(ENGLISH), json!([]));
    browser.open(&shop.page());
    assert_eq!(browser.text(".card .state"), "成功");
    assert_eq!(browser.text(".advice h2"), "3 个作业失败");
    assert_eq!(browser.value("document.getElementById('shown').textContent"), "第 1–8 个，共 8 个作业");
    let left = browser.value(ENGLISH);
    let left: Vec<&str> = left.as_array().expect("texts").iter().filter_map(|text| text.as_str()).collect();
    // Dates and file names are as they are.
    let odd: Vec<_> =
        left.iter().filter(|text| !["rejected.csv", "UTC", "began"].iter().any(|known| text.contains(known))).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn a_token_is_asked_for_once_and_never_in_the_address_afterwards() {
    let Some(browser) = Browser::start() else { return };
    let shop = Shop::with(&mixed());
    let token = "a-token-of-many-letters";
    std::fs::write(shop.path("token"), format!("{token}\n")).expect("written");
    let served = Served::start(&shop, &["--token-file", "token"]);
    let url = served.url.split('?').next().expect("an address");
    browser.visit(url);
    assert_eq!(browser.text("h1"), "This page needs its token");
    browser.click("input[name=token]");
    browser.press("wrong");
    browser.press(ENTER);
    browser.wait("document.querySelector('[role=alert]') !== null");
    browser.click("input[name=token]");
    browser.press(token);
    browser.press(ENTER);
    browser.wait("document.documentElement.dataset.ready !== undefined");
    assert_eq!(browser.value("[location.search, document.cookie]"), json!(["", ""]));
    open(&browser, url);
    assert_eq!(ids(&browser).len(), 8);
}
