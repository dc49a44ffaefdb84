//! Flagged results: first, with a badge, and found by their flags.

use tryon::job::Flag;

use super::shop::{Fate, Row};
use super::{ids, mixed, open};

fn with_flagged() -> Vec<Row> {
    let mut rows = mixed();
    rows.push(Row::new("winter/cy-1", Fate::Flagged(&[Flag::Blank])));
    rows.push(Row::new("winter/cy-2", Fate::Succeeds(1)));
    rows.push(Row::new("winter/cy-3", Fate::Flagged(&[Flag::Small, Flag::Aspect])));
    rows
}

#[test]
fn flagged_results_come_first_with_their_flags_until_another_order_is_asked_for() {
    let Some((browser, _shop)) = open(&with_flagged()) else { return };
    assert_eq!(ids(&browser)[..3], ["winter/cy-1", "winter/cy-3", "spring/ana-1"]);
    assert_eq!(browser.texts(".card .flag"), ["blank", "small", "aspect"]);
    browser.value(
        "((sort) => { sort.value = 'order'; sort.dispatchEvent(new Event('change', { bubbles: true })); })(document.getElementById('sort'))",
    );
    assert_eq!(ids(&browser)[..2], ["spring/ana-1", "spring/ana-2"]);
    browser.reload();
    assert_eq!(ids(&browser)[..2], ["spring/ana-1", "spring/ana-2"], "the order is remembered");
    browser.click(".card:last-child .id");
    browser.wait("document.getElementById('viewer').open");
    assert_eq!(browser.texts("#viewer .flag"), ["small", "aspect"]);
}

#[test]
fn flagged_results_are_found_all_together_and_flag_by_flag() {
    let Some((browser, shop)) = open(&with_flagged()) else { return };
    assert_eq!(browser.text("#only-flagged"), "flagged 2");
    browser.click("#only-flagged");
    assert_eq!(ids(&browser), ["winter/cy-1", "winter/cy-3"]);
    browser.click("#only-flagged");
    assert_eq!(ids(&browser).len(), 11);
    browser.click("[data-flag=aspect]");
    assert_eq!(ids(&browser), ["winter/cy-3"]);
    assert_eq!(browser.text("#only-flagged"), "flagged: aspect 1");
    shop.page();
    browser.reload();
    assert_eq!(ids(&browser), ["winter/cy-3"], "what one was looking at is shown again");
    browser.click("#only-flagged");
    assert_eq!(ids(&browser).len(), 11);
    browser.press("/");
    browser.press("blank");
    browser.wait("document.querySelectorAll('.card').length === 1");
    assert_eq!(ids(&browser), ["winter/cy-1"]);
    // The command does what is beside it.
    let said = shop.tryon(&["retry", "--again", "--flagged"]);
    assert!(said.contains("2 put back\n"), "{said}");
    browser.open(&shop.page());
    assert_eq!(browser.value("document.getElementById('only-flagged')"), serde_json::Value::Null);
}

#[test]
fn a_page_without_flagged_results_says_nothing_of_flags() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    assert_eq!(browser.value("document.getElementById('only-flagged')"), serde_json::Value::Null);
    assert_eq!(browser.value("document.getElementById('sort').value"), "order");
}

#[test]
fn flags_are_no_wider_than_a_telephone() {
    let Some((browser, _shop)) = open(&with_flagged()) else { return };
    browser.resize(360, 740);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 360);
    browser.click(".card:first-child .id");
    browser.wait("document.getElementById('viewer').open");
    assert_eq!(browser.value("document.documentElement.scrollWidth"), 360);
}
