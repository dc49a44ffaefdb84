//! What a person at a terminal sees: the program on a pseudo-terminal, and that terminal's screen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use tryon::queue::RunHold;

use super::Desk;
use crate::support::held;

/// Longer than anything here takes on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program at work on a terminal of a given size.
struct Seat {
    pty: Arc<Pty>,
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Every byte that was written.
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Seat {
    fn take(desk: &Desk, rows: u16, columns: u16, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let command = Command::new(assert_cmd::cargo::cargo_bin!("tryon"))
            .args(arguments)
            .current_dir(desk.path(""))
            .env_clear()
            .envs([("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("TZ", "UTC")])
            .envs(environment.iter().copied());
        let child = command.spawn(pts).expect("the program");
        let size = |count| NonZeroU16::new(count).expect("a size");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(columns), 1_000)));
        let (pty, bytes) = (Arc::new(pty), Arc::new(Mutex::new(Vec::new())));
        let reader = std::thread::spawn({
            let (pty, screen, bytes) = (Arc::clone(&pty), Arc::clone(&screen), Arc::clone(&bytes));
            move || {
                let mut piece = [0; 4096];
                // The read fails when the program has ended.
                while let Ok(count @ 1..) = (&*pty).read(&mut piece) {
                    screen.lock().expect("the screen").process(&piece[..count]);
                    bytes.lock().expect("the bytes").extend_from_slice(&piece[..count]);
                }
            }
        });
        Self { pty, child, screen, bytes, reader }
    }

    fn look<R>(&self, look: impl FnOnce(&vt100::Screen) -> R) -> R {
        look(self.screen.lock().expect("the screen").screen())
    }

    fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// Waits until the screen is as it should be.
    fn wait_for(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.look(&is_so) {
            assert!(Instant::now() < deadline, "{what} did not come:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the program has ended, and everything it wrote has arrived.
    fn end(mut self) -> (i32, String, Vec<u8>) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child") {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    let _ = self.child.kill();
                    panic!("the program did not end:\n{}", self.text());
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        self.reader.join().expect("the reader");
        let text = self.screen.lock().expect("the screen").screen().contents();
        let bytes = std::mem::take(&mut *self.bytes.lock().expect("the bytes"));
        (status.code().expect("an exit code"), text, bytes)
    }
}

/// A desk with this many jobs loaded.
fn desk_with_jobs(count: usize) -> Desk {
    let desk = Desk::new();
    desk.picture("human.png");
    let rows: String = (0..count).map(|number| format!("job-{number},human.png,human.png\n")).collect();
    desk.write("jobs.csv", &format!("id,human,cloth\n{rows}"));
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    desk
}

fn lock(desk: &Desk) -> RunHold {
    held(&desk.path("tryon-out/queue.db"))
}

/// The escape sequences that change how text looks.
fn colours(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.split("\x1b[")
        .skip(1)
        .filter(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
        .count()
}

#[test]
fn the_bar_fits_into_twenty_columns_and_leaves_nothing_behind() {
    let desk = desk_with_jobs(3);
    let seat = Seat::take(&desk, 10, 20, &["run", "--sandbox"], &[]);
    seat.wait_for("the bar", |screen| screen.contents().contains(" of 3") && screen.contents().contains("SANDBOX"));
    let rows: Vec<String> = seat.look(|screen| screen.rows(0, 20).collect());
    let bar = rows.iter().position(|row| row.contains(" of 3")).expect("the bar");
    assert!(rows[bar + 1].contains("SANDBOX"), "{rows:?}");
    assert!(rows[bar + 2..].iter().all(|row| row.trim().is_empty()), "below the bar is nothing: {rows:?}");
    let from = u16::try_from(bar).expect("a row of the screen");
    assert!(!seat.look(|screen| (from..10).any(|row| screen.row_wrapped(row))), "no row is too wide: {rows:?}");
    let (code, text, bytes) = seat.end();
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains('━') && !text.contains('─'), "the bar is gone: {text}");
    assert!(colours(&bytes) > 0, "on a terminal there are colours");
}

#[test]
fn a_bar_follows_the_window_as_it_is_resized() {
    let desk = desk_with_jobs(4);
    let seat = Seat::take(&desk, 24, 100, &["run", "--sandbox", "--concurrency", "2"], &[]);
    seat.wait_for("the bar", |screen| screen.contents().contains(" of 4"));
    seat.pty.resize(Size::new(24, 30)).expect("a size");
    let size = |count| NonZeroU16::new(count).expect("a size");
    seat.screen.lock().expect("the screen").set_size(size(24), size(30));
    seat.wait_for("a narrower bar", |screen| {
        let bar = screen.rows(0, 30).find(|row| row.contains(" of 4")).unwrap_or_default();
        bar.chars().count() <= 29 && bar.contains(" of 4") && bar.contains(['━', '─'])
    });
    let (code, text, _) = seat.end();
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains('━') && !text.contains('─'), "the bar is gone: {text}");
}

#[test]
fn no_colour_is_used_where_none_is_wanted() {
    let desk = desk_with_jobs(1);
    let seat = Seat::take(&desk, 24, 80, &["run", "--sandbox"], &[("NO_COLOR", "1")]);
    let (code, text, bytes) = seat.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(colours(&bytes), 0, "{}", String::from_utf8_lossy(&bytes).escape_debug());
    let seat = Seat::take(&desk, 24, 80, &["config"], &[("NO_COLOR", "1")]);
    assert_eq!(colours(&seat.end().2), 0);
    let seat = Seat::take(&desk, 24, 80, &["config"], &[]);
    assert!(colours(&seat.end().2) > 0);
    for arguments in [&["config"][..], &["status"], &["run", "--sandbox"], &["--help"]] {
        let said = desk.run(arguments);
        assert!(!said.out.contains('\x1b') && !said.err.contains('\x1b'), "{arguments:?} colours a file");
    }
}

#[test]
fn watching_takes_the_screen_follows_the_queue_and_gives_the_screen_back() {
    let desk = desk_with_jobs(3);
    let lock = lock(&desk);
    let seat = Seat::take(&desk, 20, 80, &["status", "--watch"], &[]);
    seat.wait_for("the status", |screen| {
        screen.contents().contains("pending") && screen.contents().contains("Ctrl-C ends the watching")
    });
    assert!(seat.look(|screen| screen.alternate_screen() && screen.hide_cursor()));
    assert_eq!(desk.run(&["cancel", "job-1"]).code, 0);
    seat.wait_for("the change", |screen| screen.contents().contains("cancelled"));
    drop(lock);
    seat.wait_for("the end", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    let (code, text, _) = seat.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("pending      2") && text.contains("cancelled    1"), "the last of it stays: {text}");
    assert!(!text.contains("Ctrl-C"), "{text}");
}

#[test]
fn ctrl_c_ends_the_watching_and_not_the_run() {
    let desk = desk_with_jobs(1);
    let _lock = lock(&desk);
    let seat = Seat::take(&desk, 20, 80, &["status", "--watch"], &[]);
    seat.wait_for("the status", |screen| screen.contents().contains("Ctrl-C ends the watching"));
    (&*seat.pty).write_all(b"\x03").expect("Ctrl-C");
    seat.wait_for("the end", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    let (code, text, _) = seat.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("pending      1"), "{text}");
}

#[test]
fn watching_on_a_small_screen_shows_the_beginning() {
    let desk = desk_with_jobs(2);
    let lock = lock(&desk);
    let seat = Seat::take(&desk, 6, 20, &["status", "--watch"], &[]);
    seat.wait_for("the status", |screen| screen.contents().contains("pending"));
    assert!(seat.look(|screen| screen.contents().starts_with("2 jobs in")), "{}", seat.text());
    drop(lock);
    assert_eq!(seat.end().0, 0);
}
