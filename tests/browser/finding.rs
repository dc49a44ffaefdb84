//! Finding jobs: by text, state and reason, in an order, and after the page was written again.

use super::{ids, mixed, open};

#[test]
fn text_filters_by_id_file_and_reason_as_one_types() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.press("/");
    browser.press("BO content");
    browser.wait("document.querySelectorAll('.card').length === 1");
    assert_eq!(ids(&browser), ["autumn/bo-2"]);
    browser.value("document.getElementById('find').value = ''");
    browser.press("nothing like it");
    browser.wait("!document.getElementById('nothing').hidden");
    browser.click("#everything");
    assert_eq!(ids(&browser).len(), 8);
}

#[test]
fn states_are_chosen_together_and_said_with_their_counts() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    assert_eq!(browser.texts(".chip[data-state]"), ["succeeded 3", "failed 3", "in doubt 1", "pending 1"]);
    browser.click(".chip[data-state=failed]");
    browser.click(".chip[data-state=in_doubt]");
    assert_eq!(ids(&browser), ["spring/ana-2", "autumn/bo-1", "autumn/bo-2", "autumn/bo-3"]);
    browser.click(".chip[data-state=failed]");
    assert_eq!(ids(&browser), ["autumn/bo-1"]);
}

#[test]
fn failures_are_grouped_by_reason_each_with_the_command_that_retries_them() {
    let Some((browser, shop)) = open(&mixed()) else { return };
    assert_eq!(browser.texts(".reasons .count"), ["2", "1"]);
    let commands = browser.texts(".reasons .command code");
    let retry = "tryon retry --failed --reason='1301: content safety' -o results";
    assert_eq!(commands[0], format!("{retry} && tryon run --sandbox -o results"));
    browser.click(".reasons li:first-child .show");
    assert_eq!(ids(&browser), ["spring/ana-2", "autumn/bo-2"]);
    browser.devtools(
        "Browser.grantPermissions",
        &serde_json::json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
    );
    browser.click(".reasons li:first-child .copy");
    browser.wait("document.querySelector('.reasons .copy').textContent === 'Copied'");
    assert_eq!(browser.awaited("await navigator.clipboard.readText()"), commands[0].as_str());
    // The command does what is beside it.
    let said = shop.tryon(&["retry", "--failed", "--reason=1301: content safety"]);
    assert!(said.starts_with("2 put back\n"), "{said}");
    browser.open(&shop.page());
    assert_eq!(browser.texts(".reasons .reason"), ["1200: bad parameters"]);
}

#[test]
fn jobs_are_sorted_as_people_count() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    let sort_by = |key: &str| {
        browser.value(&format!(
            "((sort) => {{ sort.value = '{key}'; sort.dispatchEvent(new Event('change', {{ bubbles: true }})); }})(document.getElementById('sort'))"
        ));
    };
    sort_by("id");
    assert_eq!(ids(&browser)[5..], ["spring/ana-1", "spring/ana-2", "spring/ana-10"]);
    browser.click("#direction");
    assert_eq!(ids(&browser)[..3], ["spring/ana-10", "spring/ana-2", "spring/ana-1"]);
    browser.click("#direction");
    sort_by("finished");
    assert_eq!(ids(&browser)[..2], ["spring/ana-2", "spring/ana-1"], "the failure of the second job was known first");
}

#[test]
fn a_page_written_anew_shows_what_one_was_looking_at() {
    let Some((browser, shop)) = open(&mixed()) else { return };
    browser.click(".chip[data-state=failed]");
    shop.page();
    browser.reload();
    assert_eq!(ids(&browser).len(), 3);
    assert_eq!(
        browser.value("document.querySelector('.chip[data-state=failed]').getAttribute('aria-pressed')"),
        "true"
    );
}
