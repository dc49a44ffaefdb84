//! The queue and a bill with mistakes.

use serde_json::{Value, json};

use crate::support::provider::{Bill, ExternalIds, Fate, KEY, Loss, OnCreate, Provider, Script};
use crate::support::workshop::{Ended, Workshop};

/// At Kling's own door, which has a bill.
fn at_kling(shop: &Workshop, provider: &Provider, arguments: &[&str]) -> Ended {
    let mut command = shop.command(provider, arguments);
    command.env("TRYON_PROVIDER", "kling").env("KLING_API_KEY", KEY);
    shop.begin(command).end()
}

#[test]
fn every_difference_between_queue_and_bill_is_named_and_the_sums_are_exact() {
    let provider = Provider::start(Script {
        cost: json!({ "final_unit_deduction": "0.1" }),
        external_ids: ExternalIds::Ignored,
        on_create: Box::new(|seen| match seen.job.as_str() {
            "job-009" => OnCreate::Lose(Loss::Html504),
            _ => OnCreate::Take,
        }),
        fate: Box::new(|job, _| match job {
            "job-003" | "job-004" => Fate::Fail("there is no human in the video"),
            _ => Fate::Succeed,
        }),
        bill: Bill {
            leaves_out: vec!["job-001"],
            charges: vec!["job-003"],
            others: vec!["somebody-else-1", "somebody-else-2"],
            page: 3,
        },
        ..Script::default()
    });
    let shop = Workshop::new(9);
    at_kling(&shop, &provider, &["run", "jobs.csv"]).assert_code(1);
    assert_eq!(shop.row("job-009").state, "in_doubt");
    provider.finds_external_ids_again();

    let ended = at_kling(&shop, &provider, &["reconcile", "--json"]);
    ended.assert_code(1);
    let told: Value = serde_json::from_str(ended.said.trim()).expect("JSON");
    let account = &told[0];
    let (tasks, units) = (&account["charged"]["tasks"], &account["charged"]["charged"]["units"]);
    // Five that made an image and are on the bill, one that failed, one in doubt, two of others.
    assert_eq!((tasks, units), (&json!(9), &json!("0.9")), "{account:#}");
    assert_eq!(account["known"], json!({ "tasks": 6, "charged": { "units": "0.6", "money": {} } }));
    assert_eq!(account["unknown"], json!({ "tasks": 3, "charged": { "units": "0.3", "money": {} } }));
    assert_eq!((&account["failed_not_charged"], &account["in_doubt"]), (&json!(1), &json!(1)));
    assert!(account["repeated"].as_u64() >= Some(2), "a page ends with the line that the next one begins with");
    let differences = account["differences"].as_array().expect("a list").iter();
    let mut named: Vec<String> =
        differences.map(|it| format!("{} {}", it["kind"], it["job"]).replace('"', "")).collect();
    named.sort();
    assert_eq!(
        named,
        ["adoptable job-009", "charged_failure job-003", "not_charged job-001", "unknown null", "unknown null"]
    );

    // What can be adopted is adopted by the command that is told, and is known from then on.
    let said = at_kling(&shop, &provider, &["reconcile"]).said;
    let task = said.lines().find_map(|line| line.split_once("tryon adopt job-009 ")).expect("a command").1;
    let task = task.split_whitespace().next().expect("a task");
    at_kling(&shop, &provider, &["adopt", "job-009", task]).assert_code(0);
    at_kling(&shop, &provider, &["run"]).assert_code(1);
    assert_eq!(shop.row("job-009").state, "succeeded");
    provider.change(|script| script.bill = Bill::default());
    let said = at_kling(&shop, &provider, &["reconcile"]);
    said.assert_code(0);
    assert!(said.said.contains("queue and bill agree"), "{}", said.said);
}

#[test]
fn tasks_of_before_an_account_had_a_name_are_known_by_the_id_that_they_carry() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(3);
    at_kling(&shop, &provider, &["run", "jobs.csv"]).assert_code(0);
    let account = format!(
        "[[account]]\nname = \"main\"\nprovider = \"kling\"\nkey-env = \"KEY\"\nbase-url = \"{}\"\n",
        provider.url()
    );
    std::fs::write(shop.file("tryon.toml"), account).expect("settings");
    for since in [&["--since", "2020-01-01"][..], &[]] {
        let mut command = shop.command(&provider, &[&["reconcile", "--json"], since].concat());
        command.env_remove("TRYON_BASE_URL").env("KEY", KEY);
        let ended = shop.begin(command).end();
        ended.assert_code(0);
        let told: Value = serde_json::from_str(ended.said.trim()).expect("JSON");
        assert_eq!((&told[0]["known"]["tasks"], &told[0]["unknown"]["tasks"]), (&json!(3), &json!(0)), "{told:#}");
    }
}

#[test]
fn a_table_of_all_differences_is_written_and_a_reseller_has_no_bill() {
    let provider =
        Provider::start(Script { bill: Bill { others: vec!["=somebody"], ..Bill::default() }, ..Script::default() });
    let shop = Workshop::new(1);
    at_kling(&shop, &provider, &["run", "jobs.csv"]).assert_code(0);
    at_kling(&shop, &provider, &["reconcile", "--csv", "differences.csv"]).assert_code(1);
    let table = std::fs::read_to_string(shop.file("differences.csv")).expect("a table");
    assert!(table.lines().nth(1).is_some_and(|row| row.starts_with(",unknown,'=somebody,,1,")), "{table}");

    let elsewhere = format!("{}/elsewhere", provider.url());
    let said = at_kling(&shop, &provider, &["reconcile", "--base-url", &elsewhere]);
    said.assert_code(3);
    assert!(said.said.contains("this address has no bill"), "{}", said.said);

    let said = shop.call(&provider, &["reconcile", "--provider", "dmxapi"]);
    said.assert_code(2);
    assert!(said.said.contains("only Kling's own door has a bill"), "{}", said.said);
}
