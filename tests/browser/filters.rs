//! The live page's filters by account, by a manifest column and by verdict, and the address that says them.

use serde_json::json;

use super::driver::{Browser, ENTER};
use super::ids;
use super::served::{open, served};
use super::shop::{Fate, Row};

fn rows() -> Vec<Row> {
    let row = |id: &str, account, colour, fate| Row {
        account: Some(account),
        columns: vec![("colour", colour), ("note", "a \"quoted\" word")],
        ..Row::new(id, fate)
    };
    vec![
        row("a", "north", "red", Fate::Succeeds(1)),
        row("b", "south", "red", Fate::Succeeds(1)),
        row("c", "north", "blue", Fate::Succeeds(1)),
        row("d", "south", "深蓝", Fate::InDoubt),
    ]
}

fn wait_for(browser: &Browser, wanted: &[&str]) {
    let shown = "[...document.querySelectorAll('#cards .id')].map((i) => i.textContent)";
    browser.wait(&format!("JSON.stringify({shown}) === '{}'", json!(wanted)));
}

/// Chooses in a list as a reader does.
fn choose(browser: &Browser, id: &str, value: &str) {
    browser.value(&format!(
        "((list) => {{ list.value = '{value}'; list.dispatchEvent(new Event('change', {{ bubbles: true }})); }})(document.getElementById('{id}'))"
    ));
}

#[test]
fn jobs_are_chosen_by_account() {
    let Some((browser, _shop, served)) = served(&rows(), &[]) else { return };
    browser.wait("!document.getElementById('of-account').hidden");
    assert_eq!(browser.texts("#account option"), ["any", "north", "south"]);
    choose(&browser, "account", "north");
    wait_for(&browser, &["a", "c"]);
    choose(&browser, "account", "south");
    wait_for(&browser, &["b", "d"]);
    assert_eq!(browser.text(".card:first-child .meta").rsplit(" · ").next(), Some("south"));
    // A colleague is sent the address.
    let address = browser.value("location.href").as_str().expect("an address").to_owned();
    browser.visit("about:blank");
    open(&browser, &address);
    wait_for(&browser, &["b", "d"]);
    assert_eq!(browser.value("document.getElementById('account').value"), "south");
    // One who has the page open pastes it into the same window.
    browser.visit(&format!("{}#account=north&sort=order", served.url));
    wait_for(&browser, &["a", "c"]);
    browser.visit(&format!("{}#", served.url));
    wait_for(&browser, &["a", "b", "c", "d"]);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn jobs_are_chosen_by_a_manifest_columns_value() {
    let Some((browser, _shop, _served)) = served(&rows(), &[]) else { return };
    assert_eq!(browser.texts("#column option"), ["any", "colour", "note"]);
    choose(&browser, "column", "colour");
    browser.wait("document.activeElement.id === 'value'");
    assert_eq!(ids(&browser).len(), 4, "a column alone asks for nothing");
    browser.press("red");
    browser.press(ENTER);
    wait_for(&browser, &["a", "b"]);
    browser.value("document.getElementById('value').value = ''");
    browser.press("深蓝");
    browser.press(ENTER);
    wait_for(&browser, &["d"]);
    choose(&browser, "column", "note");
    browser.value("document.getElementById('value').value = ''");
    browser.press("a \"quoted\" word");
    browser.press(ENTER);
    wait_for(&browser, &["a", "b", "c", "d"]);
    browser.value("document.getElementById('value').value = ''");
    browser.press("a quoted word");
    browser.press(ENTER);
    browser.wait("!document.getElementById('nothing').hidden");
    browser.click("#everything");
    wait_for(&browser, &["a", "b", "c", "d"]);
    assert_eq!(browser.value("document.getElementById('column').value"), "");
}

#[test]
fn jobs_are_chosen_by_verdict_together_with_what_else_is_asked_for() {
    let Some((browser, shop, _served)) = served(&rows(), &[]) else { return };
    shop.tryon(&["review", "--approve", "a", "c"]);
    shop.tryon(&["review", "--reject", "--reason", "cut off", "b"]);
    browser.wait("document.querySelectorAll('.card.is-approved').length === 2");
    choose(&browser, "verdict", "approved");
    wait_for(&browser, &["a", "c"]);
    choose(&browser, "column", "colour");
    browser.wait("document.activeElement.id === 'value'");
    browser.press("blue");
    browser.press(ENTER);
    wait_for(&browser, &["c"]);
    choose(&browser, "column", "");
    choose(&browser, "verdict", "rejected");
    wait_for(&browser, &["b"]);
    choose(&browser, "verdict", "unjudged");
    browser.wait("!document.getElementById('nothing').hidden");
}
