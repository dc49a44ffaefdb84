//! The page in a file shows what the queue has of verdicts, and what is said on it gets there.

use super::driver::Browser;
use super::shop::{Row, Shop};
use super::{ids, mixed, open};

/// Where two of three results are judged.
fn judged(rows: &[Row]) -> Option<(Browser, Shop)> {
    let browser = Browser::start()?;
    let shop = Shop::with(rows);
    shop.tryon(&["review", "--approve", "--reviewer", "Li", "spring/ana-1"]);
    shop.tryon(&["review", "--reject", "--reason", "cut off", "--reviewer", "Wei", "spring/ana-10"]);
    browser.open(&shop.page());
    Some((browser, shop))
}

/// The words of a verdict on each card that has one, without who gave it and when.
fn verdicts(browser: &Browser) -> Vec<String> {
    let texts = browser.value("[...document.querySelectorAll('.card .verdict')].map((v) => v.firstChild?.data ?? '')");
    let texts: Vec<String> = serde_json::from_value(texts).expect("texts");
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

fn saved(browser: &Browser) -> std::path::PathBuf {
    let list = browser.downloads().join("rejected.csv");
    let _ = std::fs::remove_file(&list);
    browser.click("#save-rejected");
    let since = std::time::Instant::now();
    while !list.exists() {
        assert!(since.elapsed() < std::time::Duration::from_secs(20), "nothing was saved");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    list
}

#[test]
fn verdicts_of_the_queue_are_on_the_cards_counted_and_chosen_by() {
    let Some((browser, shop)) = judged(&mixed()) else { return };
    assert_eq!(verdicts(&browser), ["approved", "rejected: cut off"]);
    assert!(browser.text(".card:first-child .verdict small").starts_with("Li · "));
    assert_eq!(browser.texts(".card.is-approved .id"), ["spring/ana-1"]);
    assert_eq!(browser.texts(".card.is-rejected .id"), ["spring/ana-10"]);
    assert_eq!(browser.texts(".chip[data-verdict]"), ["unjudged 1", "approved 1", "rejected 1"]);
    let figures = browser.texts(".figures > div").join("|");
    assert!(figures.contains("approved1 1 rejected, 1 unjudged"), "{figures}");
    assert!(browser.texts(".advice h2").iter().any(|head| head.starts_with("1 result rejected. ")));
    let again = "tryon retry --again --rejected -o results && tryon run --sandbox -o results";
    assert!(browser.texts(".advice code").iter().any(|command| command == again));
    for (verdict, id) in [("approved", "spring/ana-1"), ("rejected", "spring/ana-10"), ("unjudged", "autumn/bo-5")] {
        browser.click(&format!(".chip[data-verdict={verdict}]"));
        assert_eq!(ids(&browser), [id]);
    }
    shop.page();
    browser.reload();
    assert_eq!(ids(&browser), ["autumn/bo-5"], "what one was looking at is shown again");
    browser.click(".chip[data-verdict=unjudged]");
    browser.press("/");
    browser.press("wei");
    browser.wait("document.querySelectorAll('.card').length === 1");
    assert_eq!(ids(&browser), ["spring/ana-10"], "found by who has judged");
    browser.click(".card .id");
    browser.wait("document.getElementById('viewer').open");
    assert!(browser.text("#viewer .verdict").starts_with("rejected: cut off"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn verdicts_are_told_in_chinese_where_the_browser_speaks_it() {
    let Some((browser, shop)) = judged(&mixed()) else { return };
    browser.speak("zh-CN,zh;q=0.9,en;q=0.8");
    browser.open(&shop.page());
    assert_eq!(verdicts(&browser), ["已通过", "已驳回：被裁切"]);
    assert_eq!(browser.texts(".chip[data-verdict]"), ["未评审 1", "已通过 1", "已驳回 1"]);
    assert!(browser.texts(".figures > div").contains(&"已通过1 驳回 1，未评审 1".to_owned()));
    assert!(browser.texts(".advice h2").contains(&"1 个结果被驳回。重新生成需要再次付费。".to_owned()));
    browser.press("jx");
    browser.wait("!document.getElementById('rejected-bar').hidden");
    assert_eq!(verdicts(&browser)[0], "已驳回：在本页");
    assert!(browser.text("#rejected-bar > p").starts_with("1 在本页驳回"));
    assert!(browser.text("#rejected-bar").contains("要将这些评审保存到队列："));
}

#[test]
fn what_is_rejected_on_the_page_goes_over_an_approval_and_into_the_queue() {
    let Some((browser, shop)) = judged(&mixed()) else { return };
    // What the queue has rejected needs no mark, and gets none.
    browser.press("jjjx");
    assert_eq!(browser.value("document.querySelector('.card.is-rejected .reject').disabled"), true);
    assert_eq!(browser.value("document.getElementById('rejected-bar').hidden"), true);
    browser.press("kkx");
    assert_eq!(verdicts(&browser), ["rejected: on this page", "rejected: cut off"]);
    assert_eq!(browser.texts(".chip[data-verdict]"), ["unjudged 1", "approved 0", "rejected 2"]);
    assert_eq!(browser.value("document.querySelector('.chip[data-verdict=approved]').hidden"), true);
    let list = saved(&browser);
    assert_eq!(
        std::fs::read_to_string(&list).expect("the list"),
        "\u{feff}id,human_image,cloth_image,output,review,sha256\r\n\
         spring/ana-1,people/ana.png,garments/shirt.png,spring/ana-1.png,rejected,000000010000\r\n"
    );
    let command = "tryon review --from rejected.csv -o results";
    assert_eq!(browser.texts("#rejected-bar code")[1], command);
    let said = shop.tryon(&["review", "--from", list.to_str().expect("UTF-8")]);
    assert!(said.starts_with("1 rejected\n  of 3 results: 2 rejected, 1 not judged\n"), "{said}");
    browser.open(&shop.page());
    assert_eq!(verdicts(&browser), ["rejected", "rejected: cut off"]);
    assert_eq!(browser.value("document.getElementById('rejected-bar').hidden"), true, "there is nothing left to tell");
}

#[test]
fn a_list_about_an_image_that_was_made_again_since_is_refused() {
    let Some((browser, shop)) = open(&mixed()) else { return };
    browser.press("jx");
    let list = saved(&browser);
    let review = ["review", "--from", list.to_str().expect("UTF-8")];
    shop.make_again("spring/ana-1");
    let (code, said) = shop.try_tryon(&review);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`spring/ana-1`") && said.contains("nothing was stored"), "{said}");
    browser.open(&shop.page());
    assert_eq!(verdicts(&browser), Vec::<String>::new(), "the page's own mark was for the image before, too");
}

#[test]
fn where_nobody_has_judged_the_page_says_nothing_of_verdicts() {
    let Some((browser, _shop)) = open(&mixed()) else { return };
    assert_eq!(browser.value("document.querySelectorAll('.chip[data-verdict]:not([hidden])').length"), 0);
    assert!(!browser.texts(".figures dt").contains(&"approved".to_owned()));
    assert_eq!(verdicts(&browser), Vec::<String>::new());
}
