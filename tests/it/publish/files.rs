//! Which files are written, and which are not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{approved, catalogue, content, names, originals, publish, published, tally};
use crate::commands::Desk;
use crate::support::workshop::files_below;

#[test]
fn what_is_approved_is_published_once_and_the_second_time_nothing_is_written() {
    let desk = catalogue();
    let nothing = publish(&desk, &[]);
    assert!(nothing.code == 0 && nothing.out.contains("none of the 4 results is approved"), "{}", nothing.out);
    assert!(nothing.out.contains("tryon review --approve"), "{}", nothing.out);
    let before = originals(&desk);
    desk.run(&["review", "--approve", "ana/coat", "bo/hat"]);
    let said = publish(&desk, &[]);
    assert!(said.out.starts_with("shop: 2 images written, 0 up to date\n"), "{}", said.out);
    assert!(said.out.contains("Left out: 2 results not judged yet"), "{}", said.out);
    assert_eq!(names(&desk), ["ana/coat.png", "bo/hat.png"]);
    let first = content(&desk.path("shop"));
    let times = |desk: &Desk| {
        let time = |name: &str| desk.path("shop").join(name).metadata().expect("a file").modified().expect("a time");
        [time("ana/coat.png"), time("bo/hat.png"), time(".tryon-publish.jsonl")]
    };
    let written = times(&desk);
    assert_eq!(tally(&desk, &[]), [0, 2, 0, 0]);
    assert_eq!((times(&desk), content(&desk.path("shop"))), (written, first));
    assert_eq!(originals(&desk), before, "the originals stay byte for byte");
}

#[test]
fn of_hundreds_of_images_nothing_is_written_the_second_time() {
    const JOBS: u64 = 300;
    let desk = catalogue();
    let rows: String = (0..JOBS - 4).map(|number| format!("{0}/{number},ana.png,coat.png\n", number % 7)).collect();
    desk.write("more.csv", &format!("id,human,cloth\n{rows}"));
    assert_eq!(desk.run(&["run", "more.csv", "--sandbox", "--dedupe", "-q"]).code, 0);
    desk.write("r.toml", "[csv]\nfile = 'list.csv'\ncolumns = [{ name = 'file', value = '{file}' }]\n");
    assert_eq!(tally(&desk, &["--all", "--recipe", "r.toml"]), [JOBS, 0, 0, 0]);
    // The lock is opened each time; all else stays as it is, the record too.
    let lock = desk.path("shop/.tryon-publish.lock");
    let times = || -> BTreeMap<PathBuf, SystemTime> {
        let files = files_below(&desk.path("shop")).into_iter().filter(|path| *path != lock);
        files.map(|path| (path.clone(), path.metadata().and_then(|found| found.modified()).expect("a time"))).collect()
    };
    let (first, written) = (content(&desk.path("shop")), times());
    assert_eq!(tally(&desk, &["--all", "--recipe", "r.toml"]), [0, JOBS, 0, 0]);
    assert_eq!(times(), written);
    assert_eq!(content(&desk.path("shop")), first);
}

#[test]
fn all_is_everything_but_what_is_rejected() {
    let desk = catalogue();
    desk.run(&["review", "--reject", "bo/coat"]);
    assert_eq!(tally(&desk, &["--all"])[0], 3);
    assert_eq!(names(&desk), ["ana/coat.png", "ana/hat.png", "bo/hat.png"]);
}

#[test]
fn what_is_wanted_no_more_is_named_and_removed_on_request_alone() {
    let desk = approved();
    published(&desk, &[]);
    desk.run(&["review", "--reject", "bo/coat"]);
    let said = publish(&desk, &[]);
    assert!(
        said.out.contains("1 file is wanted no more; --prune removes") && said.out.contains("bo/coat.png"),
        "{}",
        said.out
    );
    assert_eq!(tally(&desk, &[]), [0, 3, 1, 0]);
    assert_eq!(names(&desk).len(), 4);
    assert_eq!(tally(&desk, &["--prune"]), [0, 3, 0, 1]);
    assert_eq!(names(&desk), ["ana/coat.png", "ana/hat.png", "bo/hat.png"]);
    assert_eq!(tally(&desk, &["--prune"]), [0, 3, 0, 0]);
}

#[test]
fn a_changed_recipe_and_a_changed_column_are_published_anew_and_nothing_else_is() {
    let desk = approved();
    desk.write("r.toml", "name = '{sku:slug}-{n}'\n[picture]\nformat = 'jpeg'\nquality = 80\n");
    assert_eq!(tally(&desk, &["--recipe", "r.toml"]), [4, 0, 0, 0]);
    assert_eq!(names(&desk), ["c-1-1.jpg", "c-1-2.jpg", "h-2-1.jpg", "h-2-2.jpg"]);
    desk.write("r.toml", "# another comment\nname = '{sku:slug}-{n}'\n[picture]\nformat = 'jpeg'\nquality = 80\n");
    assert_eq!(tally(&desk, &["--recipe", "r.toml"]), [0, 4, 0, 0]);
    desk.write("r.toml", "name = '{sku:slug}-{n}'\n[picture]\nformat = 'jpeg'\nquality = 70\n");
    assert_eq!(tally(&desk, &["--recipe", "r.toml"]), [4, 0, 0, 0]);
    desk.write("jobs.csv", &super::MANIFEST.replace("bo/hat,bo.png,hat.png,H-2", "bo/hat,bo.png,hat.png,H-3"));
    let loaded = desk.run(&["load", "jobs.csv"]);
    assert_eq!(loaded.code, 0, "{}", loaded.err);
    assert_eq!(tally(&desk, &["--recipe", "r.toml", "--prune"]), [1, 3, 0, 1]);
    assert_eq!(names(&desk), ["c-1-1.jpg", "c-1-2.jpg", "h-2-1.jpg", "h-3-2.jpg"]);
}

#[test]
fn a_file_that_vanished_is_written_again_and_one_that_was_retouched_is_left_alone() {
    let desk = approved();
    published(&desk, &[]);
    std::fs::remove_file(desk.path("shop/ana/coat.png")).expect("removed");
    desk.write("shop/bo/hat.png", "retouched");
    let said = publish(&desk, &[]);
    assert!(said.out.starts_with("shop: 1 image written, 3 up to date\n"), "{}", said.out);
    assert!(said.out.contains("1 file was changed by somebody since, and left alone: bo/hat.png"), "{}", said.out);
    assert_eq!(content(&desk.path("shop"))["bo/hat.png"], b"retouched");
    desk.run(&["review", "--reject", "bo/hat"]);
    assert_eq!(tally(&desk, &["--prune"]), [0, 3, 1, 0], "nor removed");
}

#[test]
fn an_original_that_somebody_has_changed_is_not_published_and_the_others_are() {
    let desk = approved();
    let other = std::fs::read(desk.path("tryon-out/bo/hat.png")).expect("an image");
    std::fs::write(desk.path("tryon-out/ana/coat.png"), other).expect("written");
    desk.write("r.toml", "[csv]\nfile = 'list.csv'\ncolumns = [{ name = 'file', value = '{file}' }]\n");
    let said = publish(&desk, &["--recipe", "r.toml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("1 image could not be published:\n  ana/coat: its image"), "{}", said.out);
    assert_eq!(names(&desk), ["ana/hat.png", "bo/coat.png", "bo/hat.png", "list.csv"]);
    let list = std::fs::read_to_string(desk.path("shop/list.csv")).expect("a list");
    assert!(!list.contains("ana/coat.png") && list.contains("bo/hat.png"), "{list}");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let desk = approved();
    desk.write("r.toml", "[csv]\nfile = 'list.csv'\ncolumns = [{ name = 'file', value = '{file}' }]\n");
    let said = publish(&desk, &["--recipe", "r.toml", "--dry-run"]);
    let told = "shop: 4 images would be written, 0 up to date\nThe table would be written.\n";
    assert!(said.code == 0 && said.out.starts_with(told), "{}{}", said.out, said.err);
    assert!(!desk.path("shop").exists());
    published(&desk, &["--recipe", "r.toml"]);
    let again = published(&desk, &["--recipe", "r.toml", "--dry-run"]);
    assert_eq!((again["written"].as_u64(), again["table"].as_str()), (Some(0), Some("up_to_date")));
}

#[cfg(unix)]
#[test]
fn a_publication_that_is_killed_goes_on_where_it_was() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let desk = approved();
    desk.write("r.toml", "[picture]\nwidth = 3000\nenlarge = true\nformat = 'png'\n");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tryon"))
        .args(["publish", "--to", "shop", "--recipe", "r.toml", "-q"])
        .current_dir(desk.path(""))
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let began = Instant::now();
    let is_begun = || desk.path("shop").is_dir() && std::fs::read_dir(desk.path("shop")).expect("a folder").count() > 2;
    while !is_begun() && child.try_wait().expect("a child").is_none() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let [written, up_to_date, ..] = tally(&desk, &["--recipe", "r.toml"]);
    assert_eq!(written + up_to_date, 4);
    assert_eq!(names(&desk), ["ana/coat.png", "ana/hat.png", "bo/coat.png", "bo/hat.png"]);
    let left = std::fs::read_dir(desk.path("shop")).expect("a folder");
    let is_part = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".part");
    assert_eq!(left.flatten().filter(is_part).count(), 0, "nothing half-written is left");
    assert_eq!(tally(&desk, &["--recipe", "r.toml"]), [0, 4, 0, 0]);
}

#[cfg(unix)]
#[test]
fn a_publication_that_is_interrupted_says_so_and_the_same_command_goes_on() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    const JOBS: usize = 24;
    let desk = approved();
    let rows: String = (0..JOBS).map(|number| format!("more/{number},ana.png,coat.png,S{number},T\n")).collect();
    desk.write("more.csv", &format!("id,human,cloth,sku,title\n{rows}"));
    assert_eq!(desk.run(&["run", "more.csv", "--sandbox", "--dedupe", "-q"]).code, 0);
    desk.write(
        "r.toml",
        "name = '{id}'\n[picture]\nwidth = 1500\nenlarge = true\nformat = 'png'\n\
         [csv]\nfile = 'list.csv'\ncolumns = [{ name = 'file', value = '{file}' }]\n",
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_tryon"))
        .args(["publish", "--to", "shop", "--recipe", "r.toml", "--all"])
        .current_dir(desk.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let began = Instant::now();
    while names(&desk).is_empty() && child.try_wait().expect("a child").is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is published");
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(told.expect("kill").success());
    let output = child.wait_with_output().expect("ended");
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("; interrupted: the same command goes on"), "{said}");
    assert!(said.contains("The table is written when all images are there."), "{said}");
    let before = names(&desk).len();
    assert!((1..JOBS + 4).contains(&before), "{before}");
    assert!(!desk.path("shop/list.csv").exists(), "a table of images that are not there");
    let [written, up_to_date, ..] = tally(&desk, &["--recipe", "r.toml", "--all"]);
    assert_eq!((written as usize, up_to_date as usize), (JOBS + 4 - before, before));
    assert!(desk.path("shop/list.csv").exists());
}
