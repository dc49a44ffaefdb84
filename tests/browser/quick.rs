//! A reviewer who is quicker than the page: keys that come before the answers to those before them.

use std::time::{Duration, Instant};

use tryon::job::Verdict;

use super::driver::Browser;
use super::ids;
use super::served::served;
use super::shop::{Fate, Row, Shop};

const APPROVED: Option<Verdict> = Some(Verdict::Approved);

/// Waits until what was said of a job is this, the first first.
fn wait_for_verdicts(shop: &Shop, id: &str, wanted: &[Option<Verdict>]) {
    let since = Instant::now();
    while shop.verdicts(id) != wanted {
        assert!(since.elapsed() < Duration::from_secs(20), "{id}: {:?}", shop.verdicts(id));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn first_card(browser: &Browser, id: &str) {
    browser.wait(&format!("document.querySelector('.card .id')?.textContent === '{id}'"));
}

#[test]
fn keys_go_on_at_once_and_every_verdict_behind_them_is_stored() {
    let rows: Vec<Row> = (1..=65).map(|number| Row::new(&format!("job-{number:03}"), Fate::Succeeds(1))).collect();
    let Some((browser, shop, _served)) = served(&rows, &[]) else { return };
    browser.press(&format!("j{}", "a".repeat(59)));
    let at = "document.activeElement.closest('.card')?.querySelector('.id').textContent";
    assert_eq!(browser.value(at), "job-060", "nothing was waited for");
    browser.wait("document.querySelectorAll('.card.is-approved').length === 59");
    wait_for_verdicts(&shop, "job-059", &[APPROVED]);
    assert!(shop.verdicts("job-060").is_empty());
    // Past the last card of the page, once more before the next page is there, and one page back.
    browser.press("aj");
    first_card(&browser, "job-061");
    browser.press("p");
    first_card(&browser, "job-001");
    assert_eq!((ids(&browser).len(), browser.text("#notice-text")), (60, String::new()));
    wait_for_verdicts(&shop, "job-060", &[APPROVED]);
}

#[test]
fn a_verdict_is_taken_back_while_it_is_on_its_way_and_one_given_twice_is_no_surprise() {
    let rows = ["a", "b"].map(|id| Row::new(id, Fate::Succeeds(1)));
    let Some((browser, shop, _served)) = served(&rows, &[]) else { return };
    browser.press("jau");
    wait_for_verdicts(&shop, "a", &[APPROVED, None]);
    assert_eq!(
        browser.value("document.activeElement.closest('.card').querySelector('.id').textContent"),
        "a",
        "where it was taken back"
    );
    // Approved, and rejected before the answer: the second knows of the first.
    browser.press("akx0");
    wait_for_verdicts(&shop, "a", &[APPROVED, None, APPROVED, Some(Verdict::Rejected)]);
    assert_eq!(browser.text("#notice-text"), "");
    browser.press("u");
    wait_for_verdicts(&shop, "a", &[APPROVED, None, APPROVED, Some(Verdict::Rejected), APPROVED]);
}
