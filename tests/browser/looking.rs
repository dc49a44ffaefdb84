//! Looking at jobs: pictures, full size, keys, narrow and dark windows, many jobs.

use serde_json::json;

use super::driver::{DOWN, ENTER, ESCAPE, RIGHT};
use super::shop::{Fate, Row};
use super::{Browser, ids, mixed, open};

/// Waits until every picture that is on screen has been loaded or given up.
fn wait_for_pictures(browser: &Browser) {
    browser.wait("[...document.querySelectorAll('.tile img')].every((i) => i.complete || i.getBoundingClientRect().top > innerHeight)");
}

#[test]
fn every_job_stands_with_its_pictures_its_state_and_its_reason() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    assert_eq!(ids(&browser).len(), 8);
    wait_for_pictures(&browser);
    let widths = browser.value("[...document.querySelectorAll('.card:first-child img')].map((i) => i.naturalWidth)");
    assert_eq!(widths, json!([60, 60, 60]), "human, garment and result are really there");
    assert_eq!(browser.text(".card:nth-child(2) .state"), "failed");
    assert_eq!(browser.text(".card:nth-child(2) .why"), "1301: content safety");
    assert_eq!(browser.text(".card:nth-child(4) .tile.result"), "resultin doubt");
    let figures = browser.texts(".figures dd").join("|");
    assert!(figures.starts_with("3 of 8|3|1|1|3|"), "{figures}");
    assert!(figures.contains("97 % busy 10 slots"), "{figures}");
    assert!(browser.value("document.querySelectorAll('.field rect.images').length").as_u64() > Some(0));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn keys_move_through_the_jobs_open_them_and_come_back() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    let focused = || browser.value("document.activeElement.closest('.card')?.querySelector('.id').textContent");
    browser.press("j");
    assert_eq!(focused(), "spring/ana-1");
    browser.press("jj");
    assert_eq!(focused(), "spring/ana-10");
    browser.press("k");
    assert_eq!(focused(), "spring/ana-2");
    browser.press(RIGHT);
    assert_eq!(focused(), "spring/ana-10");
    browser.press(DOWN);
    assert_eq!(focused(), "autumn/bo-2", "one row of two columns down");
    browser.press(ENTER);
    browser.wait("document.getElementById('viewer').open");
    assert_eq!(browser.text("#viewer-id"), "autumn/bo-2");
    browser.press("j");
    assert_eq!((browser.text("#viewer-id"), browser.text("#viewer .place")), ("autumn/bo-3".into(), "6 of 8".into()));
    browser.press(ESCAPE);
    browser.wait("!document.getElementById('viewer').open");
    // Closing leads to the job that was looked at last; the browser moves the focus after the dialog has gone.
    browser.wait("document.activeElement.closest('.card')?.querySelector('.id').textContent === 'autumn/bo-3'");
    assert_ne!(
        browser.value("getComputedStyle(document.activeElement.closest('.card')).boxShadow"),
        "none",
        "and one sees where one is"
    );
}

#[test]
fn a_picture_opens_by_a_click_and_its_file_by_another() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.click(".card:first-child .tile.result");
    browser.wait("document.querySelector('#viewer .result img')?.naturalWidth === 60");
    let link = browser.value("document.querySelector('#viewer .result a').href");
    assert!(link.as_str().is_some_and(|link| link.starts_with("file:") && link.ends_with("/results/spring/ana-1.png")));
    browser.click("#viewer .close");
    browser.wait("!document.getElementById('viewer').open");
}

#[test]
fn both_garments_of_an_outfit_are_shown() {
    let mut row = Row::new("outfit", Fate::Succeeds(1));
    row.second_cloth = Some("garments/skirt.png".to_owned());
    let Some((browser, _shop)) = open(&[row]) else { return };
    wait_for_pictures(&browser);
    let pictures = browser.value("[...document.querySelectorAll('.card img')].map((i) => [i.alt, i.naturalWidth])");
    let shown =
        [("human: ana.png", 60), ("garment: shirt.png", 60), ("garment: skirt.png", 60), ("result: outfit", 60)];
    assert_eq!(pictures, json!(shown));
    let heights = browser.value("[...document.querySelectorAll('.tiles > *')].map((t) => Math.round(t.offsetHeight))");
    let heights: Vec<u64> = serde_json::from_value(heights).expect("heights");
    assert!(heights.iter().all(|height| *height == heights[0] && *height > 100), "{heights:?}");
    browser.click(".card .outfit .tile:last-child");
    browser.wait("document.querySelectorAll('#viewer img').length === 4");
}

#[test]
fn a_picture_that_is_gone_leaves_a_word_in_its_place() {
    let Some((browser, shop)) = open(&mixed()) else { return };
    std::fs::remove_file(shop.results().join("spring/ana-1.png")).expect("deleted");
    browser.reload();
    browser.wait("document.querySelector('.card:first-child .tile.result.empty') !== null");
    assert_eq!(browser.text(".card:first-child .tile.result .said"), "ana-1.png is not there");
}

#[test]
fn ten_thousand_jobs_are_paged_through_and_only_one_page_stands_in_the_document() {
    let rows: Vec<Row> = (1..=10_000)
        .map(|number| Row::new(&format!("job-{number:05}"), if number == 9_999 { Fate::Waits } else { Fate::InDoubt }))
        .collect();
    let Some((browser, _shop)) = open(&rows) else { return };
    assert_eq!(browser.text("#shown"), "1–40 of 10,000 jobs");
    browser.press("n");
    assert_eq!(ids(&browser).first().map(String::as_str), Some("job-00041"));
    // One step further than the page's last job is the next page's first.
    browser.press("j");
    browser.press(&"j".repeat(40));
    assert_eq!(ids(&browser).first().map(String::as_str), Some("job-00081"));
    browser.value("((page) => { page.value = 250; page.dispatchEvent(new Event('change', { bubbles: true })); })(document.getElementById('page'))");
    assert_eq!(ids(&browser).last().map(String::as_str), Some("job-10000"));
    assert_eq!(browser.value("document.querySelectorAll('.card').length"), 40);
    for (typed, page) in [("3.5", 3), ("999", 250), ("", 250), ("-4", 1)] {
        browser.value(&format!("((page) => {{ page.value = '{typed}'; page.dispatchEvent(new Event('change', {{ bubbles: true }})); }})(document.getElementById('page'))"));
        assert_eq!(browser.value("document.getElementById('page').value"), page.to_string(), "`{typed}`");
        assert_eq!(ids(&browser).first(), Some(&format!("job-{:05}", (page - 1) * 40 + 1)), "`{typed}`");
    }
    browser.press("/");
    browser.press("pending");
    browser.wait("document.getElementById('shown').textContent === '1–1 of 1 job'");
    assert_eq!(ids(&browser), ["job-09999"]);
}

#[test]
fn on_a_telephone_nothing_is_wider_than_the_screen() {
    let mut rows = mixed();
    rows.push(Row::new(&"a-very-long-name-without-a-place-to-break".repeat(4), Fate::Succeeds(1)));
    let Some((browser, _shop)) = open(&rows) else { return };
    let fits = |what: &str| {
        assert_eq!(browser.value("document.documentElement.scrollWidth"), 360, "{what}");
    };
    browser.resize(360, 740);
    fits("the page");
    browser.press("jx");
    browser.wait("!document.getElementById('rejected-bar').hidden");
    fits("with a rejected result");
    browser.click(".reasons li:first-child .show");
    fits("with the jobs of one reason");
    let leaves = "document.getElementById('only-reason').getBoundingClientRect().right <= 360";
    assert_eq!(browser.value(leaves), true);
    assert_eq!(
        browser.value("document.getElementById('only-reason').getAttribute('aria-label')"),
        "show all reasons again"
    );
    browser.click("#only-reason");
    browser.press("j");
    browser.press(ENTER);
    browser.wait("document.getElementById('viewer').open");
    assert_eq!(browser.value("document.getElementById('viewer').scrollWidth"), 360);
}

#[test]
fn a_dark_desk_gets_a_dark_page() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    let lightness = || {
        let colour = browser.value("getComputedStyle(document.body).backgroundColor");
        let numbers = colour.as_str().expect("a colour").split(|c: char| !c.is_ascii_digit());
        numbers.filter_map(|number| number.parse::<u32>().ok()).take(3).sum::<u32>()
    };
    assert!(lightness() > 600);
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.devtools("Emulation.setEmulatedMedia", &dark);
    assert!(lightness() < 150);
}
