//! The page, checked as text. That it works in a browser is seen by `tests/browser`.

use insta::assert_snapshot;
use serde_json::Value;

use super::*;
use crate::job::{Failure, FailureKind, TaskId, Transition};
use crate::queue::{Claim, Note, ProviderKind};
use crate::report::stocked::{self, Stocked, after, every_state, wait};

fn page_of(stocked: &Stocked, most_listed: u64) -> String {
    let mut text = Vec::new();
    let paths = ReportPaths { output_dir: stocked.folder.path(), report_dir: stocked.folder.path() };
    let settings = PageSettings {
        commands: Commands { place_flags: "-o results", run_again: "tryon run jobs.csv -o results" },
        typed_in: Some(Path::new("/shop & sons")),
        inputs: None,
        now: after(125),
        zone: TimeZone::fixed(jiff::tz::offset(1)),
    };
    wait(write_bounded(&*stocked.queue, &mut text, paths, &settings, most_listed)).expect("a page");
    String::from_utf8(text).expect("text")
}

/// The blocks of jobs, as a browser reads them.
fn blocks(page: &str) -> Vec<Value> {
    let begin = "<script type=\"application/json\" class=\"jobs\">";
    let pieces = page.split(begin).skip(1).map(|piece| piece.split("</script>").next().expect("an end"));
    pieces.map(|piece| serde_json::from_str(piece).expect("JSON")).collect()
}

fn ids(page: &str) -> Vec<String> {
    let blocks = blocks(page);
    let jobs = blocks.iter().flat_map(|block| block["jobs"].as_array().expect("jobs"));
    jobs.map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
}

/// The text between two marks.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("no {from}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
}

/// What a reader of some markup sees: no tags, one space where there was space.
fn seen(markup: &str) -> String {
    let mut text = String::new();
    for piece in markup.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_job_and_every_rejected_row_is_listed_in_manifest_order() {
    let stocked = every_state(ProviderKind::Dmxapi);
    let page = page_of(&stocked, 100);
    assert_eq!(
        ids(&page),
        [
            "ana/shirt",
            "ana/dress",
            "=bob/hat",
            "bob/coat",
            "bob/shirt",
            "eva/shirt",
            "eva/coat",
            "eva/hat",
            "zoe/shirt",
            "eva/gone",
            "zoe/coat"
        ]
    );
    let jobs = &blocks(&page)[0]["jobs"];
    assert_snapshot!(jobs[0], @r#"{"attempts":1,"cloth":1,"finished":1793710833000,"human":0,"id":"ana/shirt","model":0,"result":"ana/shirt.png","second_cloth":2,"seconds":32.0,"sha256":"abababababab","size":[768,1024],"state":"succeeded","task":"t-1","units":1}"#);
    assert_snapshot!(jobs[7], @r#"{"attempts":1,"cloth":5,"finished":1793710809000,"human":8,"id":"eva/hat","model":1,"reason":1,"seconds":1.0,"state":"failed","why":"1301: =content, \"risk\" control"}"#);
    assert_snapshot!(jobs[9], @r#"{"attempts":0,"cloth":11,"human":10,"id":"eva/gone","state":"failed","why":"invalid_input: shop.csv:9: cloth_image: no such file"}"#);
    let pictures = blocks(&page)[0]["pictures"].as_array().expect("pictures").clone();
    assert_eq!(pictures[0], serde_json::json!(["ana.jpg", "file:///shop/ana.jpg"]));
    assert_eq!(pictures[11], serde_json::json!(["gone.png", null]), "nobody knows where the picture of such a row is");
}

#[test]
fn the_overview_counts_what_is_listed() {
    let page = page_of(&every_state(ProviderKind::Dmxapi), 100);
    assert_snapshot!(seen(between(&page, "<dl class=\"figures\">", "</dl>")), @"images 1 of 11 failed 3 in doubt 1 to do 5 units 2 an image took 32.0 s on average the last run took 2 min began Tue 3 Nov 14:00 images a minute 0.5 1 image in that run slots 97 % busy 10 slots");
    let bar = between(&page, "<svg class=\"share\"", ">");
    assert_snapshot!(between(bar, "aria-label=\"", "\""), @"1 succeeded, 3 failed, 1 in doubt, 1 downloading, 1 running, 1 submitting, 2 pending, 1 cancelled");
}

#[test]
fn what_is_left_is_told_in_the_words_of_the_runs_end_with_the_commands() {
    let page = page_of(&every_state(ProviderKind::Dmxapi), 100);
    let advice = between(&page, "<section class=\"advice\"", "</section>").replace("<button", "\n<button");
    let lines: Vec<String> = advice.split("</h2>").flat_map(|part| part.split("</div>")).map(seen).collect();
    assert_snapshot!(lines.join("\n"), @"
    2 jobs failed
    1 1301: =content, &#34;risk&#34; control Show tryon retry --failed --reason=&#39;1301: =content, &#34;risk&#34; control&#39; -o results &#38;&#38; tryon run jobs.csv -o results Copy 1 task_failed: there is no human in the video Show tryon retry --failed --reason=&#39;task_failed: there is no human in the video&#39; -o results &#38;&#38; tryon run jobs.csv -o results Copy to see them tryon list --state failed -o results Copy
    to try again tryon retry --failed -o results &#38;&#38; tryon run jobs.csv -o results Copy
    1 manifest row could not be used; the report says why. Correct them and run the manifest again.
    Show 1 job in doubt: sent, but the answer was lost. Sending again may be charged twice.
    to see them tryon list --state in_doubt -o results Copy
    if it is there tryon adopt ID TASK_ID -o results Copy
    to send again tryon retry --in-doubt -o results &#38;&#38; tryon run jobs.csv -o results Copy
    5 jobs still to do.
    to go on tryon run jobs.csv -o results Copy
    The commands work in the folder /shop &#38; sons
    ");
}

#[test]
fn only_a_sandboxs_page_says_that_its_pictures_are_none() {
    // Its words are in the page's table of texts as well.
    let notice = format!("role=\"note\">{}", crate::view::SANDBOX_NOTICE);
    assert!(page_of(&every_state(ProviderKind::Sandbox), 100).contains(&notice));
    assert!(!page_of(&every_state(ProviderKind::Dmxapi), 100).contains(&notice));
}

#[test]
fn where_not_all_jobs_find_room_the_page_says_so_and_shows_those_that_need_somebody() {
    let stocked = every_state(ProviderKind::Dmxapi);
    let page = page_of(&stocked, 5);
    assert_eq!(ids(&page), ["ana/shirt", "ana/dress", "bob/coat", "eva/hat", "eva/gone"]);
    assert!(page.contains("This page lists 5 of 11 jobs"), "it says so");
    assert!(seen(&page).contains("images 1 of 11 failed 3"), "the totals are of all");
    assert!(!page_of(&stocked, 11).contains("This page lists"));
}

#[test]
fn the_policy_names_the_very_style_and_script_of_the_page_and_no_network() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let page = page_of(&every_state(ProviderKind::Dmxapi), 100);
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">").replace("&#39;", "'");
    let parts: Vec<&str> = policy.split("; ").collect();
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()));
    let style = format!("style-src 'sha256-{}'", hash(between(&page, "<style>", "</style>")));
    let script = format!("script-src 'sha256-{}'", hash(between(&page, "<script type=\"module\">", "</script>")));
    assert_eq!(
        parts,
        ["default-src 'none'", "img-src 'self' file: data:", &style, &script, "base-uri 'none'", "form-action 'none'"]
    );
    assert!(!page.contains(" style=\""), "a style in an attribute would not be allowed");
    let addresses = page.matches("http").count() - page.matches("http-equiv").count() - page.matches("https?:").count();
    assert_eq!(addresses, 0, "the page names no address of the web");
}

#[test]
fn hostile_text_is_escaped_wherever_it_stands() {
    let attack = "</script><img src=x onerror=alert(1)>\"'&<!--";
    let stocked = stocked::queue_with(async |queue| {
        stocked::load(queue, vec![stocked::spec("<b>bold&\"'", 0), stocked::spec("last", 0)]).await;
        queue.bind(ProviderKind::Dmxapi).await.expect("bound");
        let run = queue.begin_run(1, None, Default::default(), after(0)).await.expect("a run");
        let external_id = crate::job::ExternalTaskId("e".to_owned());
        let Ok(Claim::Job(job)) = queue.claim(run, external_id, Default::default(), after(1)).await else {
            panic!("no job to claim");
        };
        let accept = Transition::Accept { task_id: TaskId("<i>".to_owned()) };
        queue.record(job.seq, 1, accept, Note::default(), after(2)).await.expect("allowed");
        let failure = Failure::of(FailureKind::Task, attack);
        let fail = Transition::TaskFail { failure: failure.clone() };
        queue.record(job.seq, 1, fail, Note::of(failure.message), after(3)).await.expect("allowed");
    });
    let page = page_of(&stocked, 100);
    assert!(!page.contains("<img") && !page.contains("<b>bold") && !page.contains("<i>\""), "no markup of others");
    assert_eq!(page.matches("<!--").count(), 0);
    let job = &blocks(&page)[0]["jobs"][0];
    assert_eq!(job["id"], "<b>bold&\"'", "and it is all there");
    assert_eq!(job["why"], format!("task_failed: {attack}"));
    assert!(page.contains("&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;&#60;!--"));
}

#[test]
fn an_empty_queue_has_a_page_too() {
    let stocked = stocked::queue_with(async |_| ());
    let page = page_of(&stocked, 100);
    assert_eq!(blocks(&page).len(), 0);
    assert!(seen(&page).contains("images 0 of 0") && page.trim_end().ends_with("</html>"), "{page}");
}

#[test]
fn a_long_list_is_written_in_blocks_that_each_stand_alone() {
    let stocked = stocked::queue_with(async |queue| {
        let specs = (0..2_001).map(|number| stocked::spec(&format!("ana/{number:04}"), 0)).collect();
        stocked::load(queue, specs).await;
    });
    let page = page_of(&stocked, u64::MAX);
    let blocks = blocks(&page);
    let sizes: Vec<usize> = blocks.iter().map(|block| block["jobs"].as_array().expect("jobs").len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 2]);
    for block in &blocks {
        let pictures = block["pictures"].as_array().expect("pictures");
        let humans = pictures.iter().filter(|picture| picture[0] == "ana.jpg").count();
        assert_eq!(humans, 1, "each block has its own pictures, each once");
    }
}

#[test]
fn a_page_elsewhere_leads_back_to_the_results() {
    let stocked = every_state(ProviderKind::Dmxapi);
    let folder = stocked.folder.path().join("papers");
    std::fs::create_dir(&folder).expect("a folder");
    let settings = PageSettings {
        commands: Commands { place_flags: "", run_again: "tryon run" },
        typed_in: None,
        inputs: None,
        now: after(0),
        zone: TimeZone::UTC,
    };
    let summary = wait(write_page_file(&*stocked.queue, &folder.join("may.html"), stocked.folder.path(), &settings));
    assert_eq!(summary.expect("a page").rows, 11);
    let page = std::fs::read_to_string(folder.join("may.html")).expect("a file");
    assert_eq!(blocks(&page)[0]["jobs"][0]["result"], "../ana/shirt.png");
    assert_eq!(std::fs::read_dir(&folder).expect("readable").count(), 1, "nothing is left beside it");
}
