//! The live page of a shop's queue, in a browser.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::driver::Browser;
use super::shop::{Row, Shop};

/// `tryon serve` at work on a shop's queue; ends when dropped.
pub(crate) struct Served {
    program: Child,
    pub(crate) url: String,
}

impl Served {
    pub(crate) fn start(shop: &Shop, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.current_dir(shop.path(".")).env_clear().args(["serve", "-o", "results", "--listen", "127.0.0.1:0"]);
        let mut program = command.args(arguments).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(program.stdout.take().expect("its output")).lines();
        let url = lines.next().expect("a line").expect("UTF-8");
        Self { program, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A browser at the live page of these jobs; `None` where there is no browser.
pub(crate) fn served(rows: &[Row], arguments: &[&str]) -> Option<(Browser, Shop, Served)> {
    let browser = Browser::start()?;
    let shop = Shop::with(rows);
    let served = Served::start(&shop, arguments);
    open(&browser, &served.url);
    Some((browser, shop, served))
}

pub(crate) fn open(browser: &Browser, url: &str) {
    browser.visit(url);
    browser.wait("document.documentElement.dataset.ready !== undefined");
    browser.wait("document.documentElement.dataset.pulse === 'live'");
}
