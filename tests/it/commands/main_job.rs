//! The README's first command, and going on after it.

use super::{Desk, Said, project};

/// Hides what differs from run to run.
fn settled() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[time]");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00", "[time]");
    settings.add_filter(r"(?m)^\d\d:\d\d:\d\d ", "[clock] ");
    settings.add_filter(r"\d+(\.\d+)? images/min", "[rate]");
    settings.add_filter(r"\d+ % busy", "[share] busy");
    settings.add_filter(r"(Finished in|after) \d+ s", "$1 [time]");
    settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]");
    settings.add_filter(r"\b\d{12,}\b", "[task]");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "[sha256]");
    settings.add_filter(r"\[time\],\[time\],\d+\.\d+", "[time],[time],[seconds]");
    settings.add_filter(r",1,\d+,\d+,\d+,\[sha256\]", ",1,[width],[height],[bytes],[sha256]");
    settings.bind_to_scope()
}

fn run_example(desk: &Desk) -> Said {
    let manifest = project().join("jobs.example.csv");
    desk.run(&[
        "run",
        manifest.to_str().expect("UTF-8"),
        "--sandbox",
        "--concurrency",
        "10",
        "--rate",
        "50",
        "-o",
        "results",
    ])
}

#[test]
fn the_readmes_first_command_makes_every_picture_and_a_report_and_goes_on_from_there() {
    let desk = Desk::new();
    let first = run_example(&desk);
    assert_eq!(first.code, 0, "{}", first.err);
    let _settled = settled();
    insta::assert_snapshot!(first.out, @"
    Finished in [time]

      images    15 of 15, 15 in this run
      units     15
      slots     [share] busy
      report    results/report.csv
      page      results/index.html

    SANDBOX: these pictures are composites of the stand-in, not try-ons.
    ");
    let report = std::fs::read_to_string(desk.path("results/report.csv")).expect("a report");
    let head: Vec<&str> = report.lines().take(3).collect();
    insta::assert_snapshot!(head.join("\n"), @"
    id,state,human_image,cloth_image,model,output,error_code,error,attempts,task_id,external_task_id,request_id,units,width,height,bytes,sha256,submitted_at,finished_at,seconds,account,flags,review,review_reason,human_sha256,cloth_sha256
    spring/ana-linen-shirt,succeeded,examples/people/ana.jpg,examples/garments/linen-shirt.jpg,kolors-virtual-try-on-v1 (sandbox),spring/ana-linen-shirt.png,,,1,[task],[uuid],[uuid],1,[width],[height],[bytes],[sha256],[time],[time],[seconds],,,,,[sha256],[sha256]
    spring/marcus-navy-blazer,succeeded,examples/people/marcus.jpg,examples/garments/navy-blazer.png,kolors-virtual-try-on-v1 (sandbox),spring/marcus-navy-blazer.png,,,1,[task],[uuid],[uuid],1,[width],[height],[bytes],[sha256],[time],[time],[seconds],,,,,[sha256],[sha256]
    ");
    let mut tasks = std::collections::HashSet::new();
    for row in csv::Reader::from_reader(report.as_bytes()).deserialize() {
        let row: std::collections::HashMap<String, String> = row.expect("a row");
        let picture = image::open(desk.path("results").join(&row["output"])).expect("a whole picture");
        assert_eq!(picture.width().to_string(), row["width"]);
        assert!(tasks.insert(row["task_id"].clone()), "each job has a task of its own");
    }
    assert_eq!(tasks.len(), 15);

    let again = run_example(&desk);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.starts_with("added 0, unchanged 15, updated 0, repeated 0, rejected 0\n"), "{}", again.err);
    assert!(again.out.contains("15 of 15, 0 in this run"), "{}", again.out);

    std::fs::remove_file(desk.path("results/spring/ana-linen-shirt.png")).expect("deleted");
    let third = run_example(&desk);
    assert_eq!(third.code, 0, "{}", third.err);
    assert!(desk.path("results/spring/ana-linen-shirt.png").exists(), "it is fetched again");
    let status = desk.run(&["status", "--json", "-o", "results"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!((&status["succeeded"], &status["units"]), (&15.into(), &15.0.into()), "and not paid for again");
}

#[test]
fn a_queue_of_the_sandbox_is_not_run_against_an_account() {
    let desk = Desk::new();
    assert_eq!(run_example(&desk).code, 0);
    let said = super::said(desk.command(&["run", "-o", "results"]).env("TRYON_API_KEY", "sk-1"));
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.err, @"error: this queue belongs to the sandbox and cannot be run against dmxapi: its tasks live there; choose another output folder with -o, or run it with the sandbox again");
}

#[test]
fn with_json_logs_every_line_on_standard_error_is_an_object() {
    let desk = Desk::new();
    let (human, cloth) = (desk.picture("h.png"), desk.picture("c.png"));
    let manifest = format!("human,cloth\n{},{}\n", human.display(), cloth.display());
    desk.write("jobs.csv", &manifest);
    let said = desk.run(&["run", "jobs.csv", "--sandbox", "--log-format", "json", "-vvv"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let events: Vec<serde_json::Value> =
        said.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(events.iter().any(|event| event["event"] == "succeeded"), "{}", said.err);
    for event in &events {
        let text = |key: &str| event[key].as_str().unwrap_or_else(|| panic!("no `{key}`: {event}")).to_owned();
        assert!(text("at").ends_with('Z') && !text("event").is_empty(), "{event}");
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&text("level").as_str()), "{event}");
    }
    assert!(
        events.iter().any(|event| event["event"] == "log"),
        "-vvv lets the program's own notes through: {}",
        said.err
    );
    let unknown = desk.run(&["run", "--log-format", "json", "--no-such-option"]);
    let event: serde_json::Value = serde_json::from_str(&unknown.err).expect("one object");
    assert_eq!((unknown.code, event["level"].as_str(), event["event"].as_str()), (2, Some("ERROR"), Some("said")));
    let bad = desk.write("bad.csv", "human,cloth\nnowhere.png,\n");
    let said = desk.run(&["load", bad.to_str().expect("UTF-8"), "--log-format", "json"]);
    assert_eq!(said.code, 2);
    for line in said.err.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("{line}"));
    }
}

#[test]
fn a_manifest_can_come_from_standard_input_and_quiet_says_nothing() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.picture("c.png");
    let mut command = desk.command(&["run", "-", "--sandbox", "-q"]);
    let said = super::said(command.write_stdin("human,cloth\nh.png,c.png\n"));
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""));
    assert!(desk.path("tryon-out/h/c.png").exists());
}

#[test]
fn invalid_rows_are_skipped_on_request_and_stand_in_the_report_as_failed() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.picture("c.png");
    desk.write("jobs.csv", "id,human,cloth\ngood,h.png,c.png\nbad,h.png,nowhere.png\n../worse,h.png,c.png\n");
    let said = desk.run(&["run", "jobs.csv", "--sandbox", "--skip-invalid"]);
    assert_eq!(said.code, 1, "{}", said.err);
    let report = std::fs::read_to_string(desk.path("tryon-out/report.csv")).expect("a report");
    let rows: Vec<Vec<String>> = csv::Reader::from_reader(report.as_bytes())
        .records()
        .map(|row| row.expect("a row").iter().map(str::to_owned).collect())
        .collect();
    let told: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str(), row[6].as_str())).collect();
    assert_eq!(
        told,
        [("good", "succeeded", ""), ("bad", "failed", "invalid_input"), ("../worse", "failed", "invalid_input")]
    );
    assert!(rows[1][7].contains("jobs.csv:3: cloth_image: no such file"), "{}", rows[1][7]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_text_is_worked_in_and_named_in_the_hints() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "human,cloth\nh.png,h.png\n");
    let out = std::ffi::OsStr::from_bytes(b"caf\xe9 1");
    let said = super::said(desk.command(&["run", "jobs.csv", "--sandbox", "--budget", "0", "-o"]).arg(out));
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.out.contains(r"tryon run jobs.csv --sandbox --budget 0 -o $'caf\xe9 1'"), "{}", said.out);
    let again = super::said(desk.command(&["run", "--sandbox", "-q", "-o"]).arg(out));
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(desk.path("").join(out).join("h/h.png").exists());
}

#[test]
fn hints_about_an_id_that_looks_like_a_flag_do_what_they_say() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "id,human,cloth\n-x,h.png,h.png\n--pending,h.png,h.png\n");
    assert_eq!(desk.run(&["load", "jobs.csv", "-o", "results"]).code, 0);
    let shown = desk.run(&["show", "-o", "results", "--", "--pending"]);
    assert!(shown.out.contains("tryon cancel -o results -- --pending"), "{}", shown.out);
    let said = desk.run(&["cancel", "-o", "results", "--", "--pending"]);
    assert_eq!((said.code, said.out.as_str()), (0, "--pending: cancelled\n"), "{}", said.err);
    let status = desk.run(&["status", "--json", "-o", "results"]);
    assert!(status.out.contains("\"pending\":1"), "{}", status.out);
}

#[test]
fn a_hint_after_a_retry_names_the_kind_of_run_that_the_queue_belongs_to() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "id,human,cloth\na,h.png,h.png\n");
    assert_eq!(desk.run(&["run", "jobs.csv", "--sandbox", "-q", "-o", "results"]).code, 0);
    let said = desk.run(&["retry", "a", "--again", "-o", "results"]);
    assert!(said.out.contains("a run takes up what was put back: tryon run --sandbox -o results"), "{}", said.out);
}

#[test]
fn a_report_for_a_spreadsheet_keeps_ids_as_they_are_and_says_that_it_is_utf_8() {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.write("jobs.csv", "id,human,cloth\n00123,h.png,h.png\n女装/1,h.png,h.png\n");
    assert_eq!(desk.run(&["run", "jobs.csv", "--sandbox", "-q"]).code, 0);
    let sheet = desk.run(&["report", "--format", "spreadsheet"]).out;
    let table = sheet.strip_prefix("\u{feff}").expect("a mark");
    let mut table = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(table.headers().expect("a header").get(0), Some("id"));
    let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    assert_eq!((&rows[0][0], &rows[1][0]), ("=\"00123\"", "女装/1"));
    assert!(rows.iter().all(|row| row[9].starts_with("=\"") && row[9].ends_with('"')), "{}", &rows[0][9]);
    let plain = std::fs::read_to_string(desk.path("tryon-out/report.csv")).expect("a report");
    assert!(plain.starts_with("id,state,") && plain.contains("\n00123,succeeded,"), "for scripts it stays as it was");
}
