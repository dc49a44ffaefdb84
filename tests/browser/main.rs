//! The page in a real browser, as a reviewer meets it.
//!
//! Where Chromium or ChromeDriver is missing these tests are skipped with a line on standard error; with
//! `TRYON_REQUIRE_BROWSER=1` they fail instead.

mod driver;
mod filters;
mod finding;
mod flagged;
mod judged;
mod judging;
mod live;
mod live_run;
mod looking;
mod quick;
mod served;
mod shop;
mod trust;

use tryon::job::FailureKind;

use driver::Browser;
use shop::{Fate, Row, Shop};

/// Three images, two failures of one reason and one of another, one job in doubt and one that waits.
fn mixed() -> Vec<Row> {
    let failed = |code, said: &str| Fate::Fails(FailureKind::Refused, Some(code), said.to_owned());
    vec![
        Row::new("spring/ana-1", Fate::Succeeds(1)),
        Row::new("spring/ana-2", failed(1301, "content safety")),
        Row::new("spring/ana-10", Fate::Succeeds(1)),
        Row::new("autumn/bo-1", Fate::InDoubt),
        Row::new("autumn/bo-2", failed(1301, "content safety")),
        Row::new("autumn/bo-3", failed(1200, "bad parameters")),
        Row::new("autumn/bo-4", Fate::Waits),
        Row::new("autumn/bo-5", Fate::Succeeds(1)),
    ]
}

/// A browser that shows the page of these jobs; `None` where there is no browser.
fn open(rows: &[Row]) -> Option<(Browser, Shop)> {
    let browser = Browser::start()?;
    let shop = Shop::with(rows);
    browser.open(&shop.page());
    Some((browser, shop))
}

/// The ids of the jobs on the page, in its order.
fn ids(browser: &Browser) -> Vec<String> {
    browser.texts("#cards .id")
}
