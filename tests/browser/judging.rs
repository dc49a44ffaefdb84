//! Judging results: marks that stay, the list of them, and what the program makes of it.

use super::shop::{Fate, Row, Shop};
use super::{Browser, ids, mixed, open};

fn rejected(browser: &Browser) -> Vec<String> {
    browser.texts("#cards .card.is-rejected .id")
}

#[test]
fn a_rejected_result_stays_rejected_when_the_page_is_opened_again() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.press("jx");
    browser.click(".card:nth-child(3) .reject");
    assert_eq!(rejected(&browser), ["spring/ana-1", "spring/ana-10"]);
    browser.reload();
    assert_eq!(rejected(&browser), ["spring/ana-1", "spring/ana-10"]);
    assert_eq!(browser.text("#rejected-count"), "2");
    browser.press("jx");
    assert_eq!(rejected(&browser), ["spring/ana-10"], "x takes the mark away again");
    browser.click(".chip[data-verdict=rejected]");
    assert_eq!(ids(&browser), ["spring/ana-10"]);
}

#[test]
fn a_mark_taken_away_among_the_rejected_ones_takes_the_job_out_of_the_list() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.press("jx");
    browser.click(".card:nth-child(3) .reject");
    browser.click(".chip[data-verdict=rejected]");
    browser.press("jx");
    browser.wait("document.querySelectorAll('.card').length === 1");
    assert_eq!((ids(&browser), browser.text("#shown")), (vec!["spring/ana-10".to_owned()], "1–1 of 1 job".to_owned()));
    assert_eq!(browser.value("document.activeElement.closest('.card') !== null"), true, "the next one has the focus");
}

#[test]
fn only_a_result_can_be_rejected() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.press("jjx");
    assert_eq!(rejected(&browser), Vec::<String>::new());
    assert_eq!(browser.value("document.querySelector('.card:nth-child(2) .reject').hidden"), true);
}

#[test]
fn a_result_is_rejected_at_full_size_too() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.click(".card:first-child .tile.result");
    browser.press("x");
    browser.wait("document.querySelector('#viewer .reject').getAttribute('aria-pressed') === 'true'");
    browser.click("#viewer .close");
    assert_eq!(rejected(&browser), ["spring/ana-1"]);
}

#[test]
fn a_mark_is_for_the_picture_that_was_judged_and_not_for_the_one_made_after_it() {
    let Some((browser, shop)) = open(&mixed()) else { return };
    browser.press("jx");
    let page = std::fs::read_to_string(shop.results().join("index.html")).expect("the page");
    let made_anew = page.replacen("\"sha256\":\"00000001", "\"sha256\":\"00000002", 1);
    std::fs::write(shop.results().join("index.html"), made_anew).expect("written");
    browser.reload();
    assert_eq!(rejected(&browser), Vec::<String>::new());
}

#[test]
fn another_report_has_marks_of_its_own() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    browser.press("jx");
    let other = Shop::with(&mixed());
    browser.open(&other.page());
    assert_eq!(rejected(&browser), Vec::<String>::new());
}

#[test]
fn the_saved_list_is_what_retry_reads_and_makes_the_rejected_ones_anew() {
    let mut rows = mixed();
    rows.push(Row::new("=odd, \"id\"", Fate::Succeeds(1)));
    let Some((browser, shop)) = open(&rows) else { return };
    let downloads = browser.downloads();
    browser.press("jx");
    browser.click(".card:last-child .reject");
    browser.click("#save-rejected");
    let saved = downloads.join("rejected.csv");
    let since = std::time::Instant::now();
    while !saved.exists() {
        assert!(since.elapsed() < std::time::Duration::from_secs(20), "nothing was saved");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let text = std::fs::read_to_string(&saved).expect("the list");
    assert_eq!(
        text,
        "\u{feff}id,human_image,cloth_image,output,review,sha256\r\n\
         spring/ana-1,people/ana.png,garments/shirt.png,spring/ana-1.png,rejected,000000010000\r\n\
         \"'=odd, \"\"id\"\"\",people/ana.png,garments/shirt.png,\"'=odd, \"\"id\"\".png\",rejected,000000010000\r\n"
    );
    let command = browser.text("#rejected-bar code");
    assert_eq!(command, "tryon retry --again --from rejected.csv -o results && tryon run --sandbox -o results");
    let said = shop.tryon(&["retry", "--again", "--from", saved.to_str().expect("UTF-8")]);
    assert!(said.contains("2 put back"), "{said}");
    assert!(shop.tryon(&["status", "--json"]).contains("\"succeeded\":2"));
}
