//! The queue and a bill with mistakes.

use serde_json::{Value, json};

use crate::support::accounts::TwoAccounts;
use crate::support::provider::{
    Answer, Bill, ExternalIds, Fate, KEY, List, Loss, OnCreate, OnQuery, Provider, QuerySeen, Script,
};
use crate::support::workshop::{Ended, Workshop};

/// At Kling's own door, which has a bill.
fn at_kling(shop: &Workshop, provider: &Provider, arguments: &[&str]) -> Ended {
    let mut command = shop.command(provider, arguments);
    command.env("TRYON_PROVIDER", "kling").env("KLING_API_KEY", KEY);
    shop.begin(command).end()
}

/// Tasks of somebody else, whose ids come before those of the provider's own.
fn others(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("somebody-else-{number}")).collect()
}

/// A shop whose only submission was charged and got no answer, at a provider that has charged many tasks of others as well.
fn with_many_unknown_tasks(count: usize) -> (Provider, Workshop) {
    let provider = Provider::start(Script {
        external_ids: ExternalIds::Ignored,
        on_create: Box::new(|_| OnCreate::Lose(Loss::Html504)),
        bill: Bill { others: others(count), ..Bill::default() },
        ..Script::default()
    });
    let shop = Workshop::new(1);
    at_kling(&shop, &provider, &["run", "jobs.csv"]).assert_code(1);
    provider.finds_external_ids_again();
    (provider, shop)
}

/// The first comparison of `reconcile --json`.
fn compared(ended: &Ended) -> Value {
    let told: Value = serde_json::from_str(ended.said.trim()).expect("JSON");
    told[0].clone()
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
        bill: Bill { leaves_out: vec!["job-001"], charges: vec!["job-003"], others: others(2), page: 3 },
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
fn each_account_is_compared_with_its_own_tasks_alone() {
    let at_kling = "provider = \"kling\"\nconcurrency = 1";
    let two = TwoAccounts::new(8, Script::default(), Script::default(), at_kling, at_kling);
    two.run(&[]).assert_code(0);
    let ended = two.call(&["reconcile", "--json"]);
    ended.assert_code(0);
    let told: Value = serde_json::from_str(ended.said.trim()).expect("JSON");
    for (place, provider) in [&two.a, &two.b].into_iter().enumerate() {
        let (account, tasks) = (&told[place], provider.books().tasks.len());
        assert!(tasks > 0, "both have made some");
        assert_eq!((&account["known"]["tasks"], &account["tasks"]), (&json!(tasks), &json!(tasks)), "{account:#}");
        assert_eq!(account["differences"], json!([]));
    }
}

#[test]
fn each_unknown_task_is_asked_for_however_many_there_are() {
    let (provider, shop) = with_many_unknown_tasks(600);
    std::fs::write(shop.file("tryon.toml"), "poll-rate = 2000\n").expect("settings");
    let mut is_first = true;
    let refused_at_first = move |seen: &QuerySeen| match seen.job.is_some() && std::mem::take(&mut is_first) {
        true => OnQuery::Answer(Answer::too_many_requests()),
        false => OnQuery::Truth,
    };
    provider.change(|script| script.on_query = Box::new(refused_at_first));
    let ended = at_kling(&shop, &provider, &["reconcile", "--json"]);
    ended.assert_code(1);
    let account = compared(&ended);
    assert_eq!((&account["unknown"]["tasks"], &account["not_looked_up"]), (&json!(601), &json!(0)));
    let differences = account["differences"].as_array().expect("a list").iter();
    let adoptable: Vec<&Value> = differences.filter(|it| it["kind"] == "adoptable").collect();
    assert!(matches!(adoptable[..], [job] if job["job"] == "job-001"), "{adoptable:?}");
}

#[test]
fn many_unknown_tasks_are_looked_up_by_the_list_where_there_is_one() {
    let provider = Provider::start(Script { list: List::NewestFirst, ..Script::default() });
    let (other_shop, shop) = (Workshop::new(12), Workshop::new(1));
    for shop in [&other_shop, &shop] {
        at_kling(shop, &provider, &["run", "jobs.csv"]).assert_code(0);
    }
    let before = provider.books();
    let ended = at_kling(&shop, &provider, &["reconcile", "--json", "--since", "2020-01-01"]);
    ended.assert_code(1);
    let account = compared(&ended);
    assert_eq!((&account["unknown"]["tasks"], &account["not_looked_up"]), (&json!(12), &json!(0)));
    let books = provider.books();
    let asked = (books.queries().len() - before.queries().len(), books.lists().len() - before.lists().len());
    assert_eq!(asked, (0, 1), "{}", books.story());
}

#[cfg(unix)]
#[test]
fn looking_up_can_be_interrupted_and_what_was_compared_is_told() {
    let (provider, shop) = with_many_unknown_tasks(50);
    std::fs::write(shop.file("tryon.toml"), "poll-rate = 2\n").expect("settings");
    let before = provider.books().queries().len();
    let mut command = shop.command(&provider, &["reconcile"]);
    command.env("TRYON_PROVIDER", "kling").env("KLING_API_KEY", KEY);
    let going = shop.begin(command);
    provider.wait_until("a question", |books| books.queries().len() > before);
    going.signal("INT");
    let ended = going.end();
    ended.assert_code(130);
    let told = "of 51 unknown tasks were not looked up, because this was interrupted: a job of this queue may have";
    assert!(ended.said.contains(told), "{}", ended.said);
    assert!(provider.books().queries().len() < before + 20, "{}", provider.books().story());
}

#[test]
fn a_table_of_all_differences_is_written_and_a_reseller_has_no_bill() {
    let provider = Provider::start(Script {
        bill: Bill { others: vec!["=somebody".to_owned()], ..Bill::default() },
        ..Script::default()
    });
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
