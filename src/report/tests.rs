//! The report, checked as what a reader of the file sees.

use insta::assert_snapshot;

use super::columns::HEADER;
use super::stocked::{Stocked, every_state, queue_with, wait};
use super::*;

fn report(stocked: &Stocked, format: ReportFormat) -> String {
    let mut text = Vec::new();
    let paths = ReportPaths { output_dir: stocked.folder.path(), report_dir: stocked.folder.path() };
    let summary = wait(write_report(&*stocked.queue, format, &mut text, paths)).expect("a report");
    assert_eq!(summary.rows, 11);
    String::from_utf8(text).expect("text")
}

#[test]
fn every_job_and_every_rejected_row_has_a_line_in_manifest_order() {
    let stocked = every_state(ProviderKind::Dmxapi);
    assert_snapshot!(report(&stocked, ReportFormat::Csv), @r#"
        id,state,human_image,cloth_image,model,output,error_code,error,attempts,task_id,external_task_id,request_id,units,width,height,bytes,sha256,submitted_at,finished_at,seconds,account,flags,review,review_reason,human_sha256,cloth_sha256
        ana/shirt,succeeded,ana.jpg,shirt.png,kolors-virtual-try-on-v1-5,ana/shirt.png,,,1,t-1,0198-1,r-1,1,768,1024,51234,abababababababababababababababababababababababababababababababab,2026-11-03T13:00:01.000Z,2026-11-03T13:00:33.000Z,32.000,,,,,,
        ana/dress,failed,ana.jpg,dress.png,kolors-virtual-try-on-v1,,task_failed,there is no human in the video,1,t-2,0198-2,r-2,,,,,,2026-11-03T13:00:02.000Z,2026-11-03T13:00:20.000Z,18.000,,,,,,
        '=bob/hat,pending,'=bob.jpg,hat.png,kolors-virtual-try-on-v1,,,internal error,1,,0198-3,,,,,,,2026-11-03T13:00:03.000Z,,,,,,,,
        bob/coat,in_doubt,bob.jpg,coat.png,kolors-virtual-try-on-v1,,in_doubt,the answer was cut off,1,,0198-4,,,,,,,2026-11-03T13:00:04.000Z,,,,,,,,
        bob/shirt,running,bob.jpg,shirt.png,kolors-virtual-try-on-v1,,,,1,t-5,0198-5,r-5,,,,,,2026-11-03T13:00:05.000Z,,,,,,,,
        eva/shirt,downloading,eva.jpg,shirt.png,kolors-virtual-try-on-v1,,,,1,t-6,0198-6,r-6,1,,,,,2026-11-03T13:00:06.000Z,,,,,,,,
        eva/coat,submitting,eva.jpg,coat.png,kolors-virtual-try-on-v1,,,,1,,0198-7,,,,,,,2026-11-03T13:00:07.000Z,,,,,,,,
        eva/hat,failed,eva.jpg,hat.png,kolors-virtual-try-on-v1,,1301,"'=content, ""risk"" control",1,,0198-8,,,,,,,2026-11-03T13:00:08.000Z,2026-11-03T13:00:09.000Z,1.000,,,,,,
        zoe/shirt,cancelled,zoe.jpg,shirt.png,kolors-virtual-try-on-v1,,,,0,,,,,,,,,,2026-11-03T13:00:50.000Z,,,,,,,
        eva/gone,failed,eva.jpg,gone.png,,,invalid_input,shop.csv:9: cloth_image: no such file,0,,,,,,,,,,,,,,,,,
        zoe/coat,pending,zoe.jpg,coat.png,kolors-virtual-try-on-v1,,,,0,,,,,,,,,,,,,,,,,
        "#);
}

#[test]
fn json_has_the_same_columns_with_numbers_and_nulls_and_no_apostrophes() {
    let stocked = every_state(ProviderKind::Dmxapi);
    let text = report(&stocked, ReportFormat::Json);
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).expect("an array");
    assert_eq!(rows[0]["units"], 1);
    assert_eq!(rows[0]["seconds"], 32.0);
    assert_eq!(rows[1]["output"], serde_json::Value::Null);
    assert_eq!(rows[2]["id"], "=bob/hat");
    // Keys in the text stand as in the header; the map has sorted them.
    let first_line = text.lines().nth(1).expect("a row");
    let places: Vec<_> = HEADER.iter().map(|key| first_line.find(&format!("\"{key}\":")).expect(key)).collect();
    assert!(places.is_sorted() && rows[0].len() == HEADER.len() + 1);
    assert_snapshot!(first_line, @r#"{"id":"ana/shirt","state":"succeeded","human_image":"ana.jpg","cloth_image":"shirt.png","model":"kolors-virtual-try-on-v1-5","output":"ana/shirt.png","error_code":null,"error":null,"attempts":1,"task_id":"t-1","external_task_id":"0198-1","request_id":"r-1","units":1,"width":768,"height":1024,"bytes":51234,"sha256":"abababababababababababababababababababababababababababababababab","submitted_at":"2026-11-03T13:00:01.000Z","finished_at":"2026-11-03T13:00:33.000Z","seconds":32.0,"account":null,"flags":[],"review":null,"review_reason":null,"human_sha256":null,"cloth_sha256":null,"sent_as":null},"#);
}

#[test]
fn in_a_sandbox_run_every_model_cell_says_so() {
    let stocked = every_state(ProviderKind::Sandbox);
    let text = report(&stocked, ReportFormat::Csv);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    assert!(reader.records().all(|row| row.expect("a row")[4].ends_with(" (sandbox)")));
}

#[test]
fn an_empty_queue_has_an_empty_report() {
    let stocked = queue_with(async |_| ());
    let paths = ReportPaths { output_dir: Path::new("x"), report_dir: Path::new("x") };
    let mut text = Vec::new();
    wait(write_report(&*stocked.queue, ReportFormat::Json, &mut text, paths)).expect("a report");
    assert_eq!(text, b"[]\n");
}

#[test]
fn a_report_elsewhere_leads_back_to_the_pictures() {
    let stocked = every_state(ProviderKind::Dmxapi);
    let folder = stocked.folder.path().join("papers");
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("may.csv");
    wait(write_report_file(&*stocked.queue, ReportFormat::Csv, &path, stocked.folder.path())).expect("a report");
    let text = std::fs::read_to_string(&path).expect("a file");
    assert!(text.contains(",../ana/shirt.png,"), "{text}");
    assert_eq!(std::fs::read_dir(&folder).expect("readable").count(), 1);
}

#[test]
fn a_report_into_a_folder_that_is_missing_names_the_file() {
    let stocked = every_state(ProviderKind::Dmxapi);
    let path = stocked.folder.path().join("nowhere/may.csv");
    let error = wait(write_report_file(&*stocked.queue, ReportFormat::Csv, &path, stocked.folder.path()));
    let error = error.expect_err("no such folder");
    assert!(error.to_string().contains("may.csv"), "{error}");
    assert_eq!(error.io().map(std::io::Error::kind), Some(std::io::ErrorKind::NotFound));
}
