//! The live page beside a real run: what the run does, and what is loaded, appears by itself.

use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::driver::Browser;
use super::ids;
use super::served::{Served, open};
use super::shop::Shop;

/// `tryon run` in the background; ended when dropped.
struct Running(Child);

impl Running {
    fn start(shop: &Shop, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.current_dir(shop.path(".")).env_clear().args(["run", "--sandbox", "-q", "-o", "results"]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_images_of_a_run_and_the_jobs_of_a_load_appear_without_a_reload() {
    let Some(browser) = Browser::start() else { return };
    let shop = Shop::empty();
    for name in ["ana.png", "coat.png"] {
        image::RgbImage::from_pixel(320, 400, image::Rgb([200, 180, 160])).save(shop.path(name)).expect("a picture");
    }
    let write = |name: &str, ids: &[&str]| {
        let rows: String = ids.iter().map(|id| format!("{id},ana.png,coat.png\n")).collect();
        std::fs::write(shop.path(name), format!("id,human,cloth\n{rows}")).expect("a manifest");
    };
    write("jobs.csv", &["a", "b", "c"]);
    shop.tryon(&["load", "jobs.csv"]);
    let served = Served::start(&shop, &[]);
    open(&browser, &served.url);
    assert_eq!(browser.texts(".card .state"), ["pending"; 3]);
    assert_eq!(browser.text("#pulse"), "live, no run at work");
    // What a reload would take away.
    browser.value("window.isStillHere = true");
    browser.press("jj");

    let run = Running::start(&shop, &[]);
    browser.wait("document.querySelectorAll('.card .state.succeeded').length === 3");
    browser.wait("[...document.querySelectorAll('.tile.result img')].filter((i) => i.naturalWidth > 100).length === 3");
    browser.wait("document.querySelector('#figures').textContent.startsWith('images3 of 3')");
    drop(run);
    write("more.csv", &["d", "e"]);
    shop.tryon(&["load", "more.csv", "--allow-repeats"]);
    browser.wait("document.querySelectorAll('.card').length === 5");
    assert_eq!(ids(&browser), ["a", "b", "c", "d", "e"]);
    let run = Running::start(&shop, &[]);
    browser.wait("document.querySelectorAll('.card .state.succeeded').length === 5");
    drop(run);
    let at = "document.activeElement.closest('.card')?.querySelector('.id').textContent";
    let kept = browser.value(&format!("[window.isStillHere, {at}]"));
    assert_eq!(kept, json!([true, "b"]), "nothing was loaded again, and the reader is where they were");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
