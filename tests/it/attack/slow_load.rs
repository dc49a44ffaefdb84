//! A manifest that comes slowly, beside a run.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use crate::support::provider::{Provider, Script};
use crate::support::workshop::Workshop;

#[test]
fn a_manifest_that_comes_through_a_slow_pipe_holds_no_run_up() {
    let provider = Provider::start(Script { task_time: Duration::from_millis(20), ..Script::default() });
    let shop = Workshop::new(40);
    let mut load = shop.command(&provider, &["load", "-"]);
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    let mut load = load.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a load");
    let mut pipe = load.stdin.take().expect("a pipe");
    writeln!(pipe, "id,human_image,cloth_image\nlate,http://pictures.test/late.jpg,cloth.jpg").expect("a row");
    pipe.flush().expect("sent");
    let staged = shop.out().join("queue.db-load");
    while !staged.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The whole run happens while the load waits for its next row.
    let run = shop.call(&provider, &["run"]);
    run.assert_code(0);
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
    shop.assert_all_done(&provider);
    drop(pipe);
    let load = load.wait_with_output().expect("its end");
    assert!(load.status.success());
    assert_eq!(shop.row("late").state, "pending");
}
