//! Pictures that each host has in a folder of its own: what they are called in the queue, and what becomes of those that a host
//! cannot see.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tryon::queue::Location;

use crate::support::postgres::Postgres;
use crate::support::provider::{Provider, Script, picture_of};
use crate::support::workshop::{Ended, Going, Workshop};

/// Hosts with a folder each, one queue in a database, and one output folder.
struct Hosts {
    shop: Workshop,
    provider: Provider,
    server: &'static Postgres,
    database: String,
    queue: Location,
}

impl Hosts {
    /// `None` where this machine has no PostgreSQL.
    fn new(jobs: usize) -> Option<Self> {
        let server = Postgres::server()?;
        let database = server.database();
        let queue = server.location(&database);
        let shop = Workshop::new(jobs);
        for host in ["north", "south", "office"] {
            let folder = shop.file(host);
            std::fs::create_dir_all(folder.join("people")).expect("a folder");
            std::fs::copy(shop.file("cloth.jpg"), folder.join("cloth.jpg")).expect("a copy");
            let mut manifest = "id,human_image,cloth_image\n".to_owned();
            for job in &shop.jobs {
                person(&folder, job);
                manifest += &format!("{job},people/{job}.png,cloth.jpg\n");
            }
            std::fs::write(folder.join("jobs.csv"), manifest).expect("a manifest");
        }
        Some(Self { shop, provider: Provider::start(Script::default()), server, database, queue })
    }

    fn folder(&self, host: &str) -> PathBuf {
        self.shop.file(host)
    }

    fn command(&self, host: &str, arguments: &[&str]) -> Command {
        let mut command = self.shop.command(&self.provider, arguments);
        command.env("TRYON_QUEUE", self.queue.to_string()).env("TRYON_HOST", host).env("TRYON_CONCURRENCY", "4");
        command
            .env("TRYON_STATE_DIR", self.shop.file("state"))
            .env("XDG_STATE_HOME", self.folder(host))
            .env("TRYON_LEASE", "4s");
        command
    }

    fn start(&self, host: &str, arguments: &[&str]) -> Going {
        self.shop.begin(self.command(host, arguments))
    }

    fn call(&self, host: &str, arguments: &[&str]) -> Ended {
        self.start(host, arguments).end()
    }

    /// One text for each row of an answer of the database.
    fn ask(&self, query: &str) -> Vec<String> {
        let query = query.to_owned();
        self.server.with_client(&self.database, async move |client| {
            client.query(&query, &[]).await.expect("an answer").iter().map(|row| row.get(0)).collect()
        })
    }

    fn assert_all_done(&self) {
        for job in &self.shop.jobs {
            let found = std::fs::read(self.shop.picture(job)).unwrap_or_else(|error| panic!("{job}: {error}"));
            assert_eq!(found, picture_of(job), "{job}");
        }
        self.shop.assert_no_double_charge(&self.provider);
    }
}

/// The picture of a person. Behind its end is the name of its job, by which the provider knows it.
fn person(folder: &Path, job: &str) {
    let path = folder.join(format!("people/{job}.png"));
    image::DynamicImage::new_rgb8(300, 300).save(&path).expect("a person");
    let mut bytes = std::fs::read(&path).expect("its bytes");
    bytes.extend_from_slice(format!("http://pictures.test/{job}.jpg").as_bytes());
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn hosts_that_have_the_pictures_in_two_folders_work_one_queue() {
    let Some(hosts) = Hosts::new(12) else { return };
    let loaded = hosts.call("north", &["load", "north/jobs.csv"]);
    loaded.assert_code(0);
    let names = hosts.ask("SELECT source FROM tryon.inputs ORDER BY source");
    assert_eq!(names.len(), 13);
    assert!(names[0] == "cloth.jpg" && names[1] == "people/job-001.png", "{names:?}");
    let checked = hosts.call("south", &["check", "south/jobs.csv"]);
    assert!(checked.said.contains("added 0, unchanged 12"), "the same pictures: {}", checked.said);

    let refused = hosts.call("north", &["run"]);
    refused.assert_code(2);
    assert!(refused.said.contains("--inputs DIR"), "{}", refused.said);
    assert!(hosts.provider.books().requests.is_empty());

    let north = hosts.start("north", &["run", "--inputs", "north"]);
    let south = hosts.start("south", &["run", "south/jobs.csv", "--inputs", "south"]);
    south.end().assert_code(0);
    north.end().assert_code(0);
    hosts.assert_all_done();
}

#[test]
fn a_run_that_loads_the_manifest_knows_where_its_pictures_are() {
    let Some(hosts) = Hosts::new(2) else { return };
    hosts.call("north", &["run", "north/jobs.csv"]).assert_code(0);
    hosts.assert_all_done();
    let page = std::fs::read_to_string(hosts.shop.out().join("index.html")).expect("the page");
    assert!(page.contains("../north/people/job-001.png"), "the page shows the person");
}

#[test]
fn a_picture_that_other_hosts_could_not_find_is_refused_by_its_row() {
    let Some(hosts) = Hosts::new(1) else { return };
    let inside = hosts.folder("north").join("people/job-001.png");
    let outside = hosts.shop.file("cloth.jpg");
    let manifest = format!("id,human,cloth\na,{},{}\n", inside.display(), outside.display());
    std::fs::write(hosts.shop.file("jobs.csv"), manifest).expect("a manifest");
    let refused = hosts.call("north", &["load", "jobs.csv", "--inputs", "north"]);
    refused.assert_code(2);
    assert!(
        refused.said.contains("jobs.csv:2: cloth_image: ") && refused.said.contains("--inputs"),
        "{}",
        refused.said
    );
    hosts.call("north", &["load", "jobs.csv"]).assert_code(0);
    let names = hosts.ask("SELECT source FROM tryon.inputs ORDER BY source");
    assert_eq!(names, ["cloth.jpg", "north/people/job-001.png"]);
}

#[test]
fn manifests_of_a_local_queue_are_read_from_another_folder_too() {
    let shop = Workshop::new(2);
    std::fs::create_dir(shop.file("elsewhere")).expect("a folder");
    std::fs::rename(shop.file("cloth.jpg"), shop.file("elsewhere/cloth.jpg")).expect("moved");
    let provider = Provider::start(Script::default());
    shop.run(&provider, &[]).assert_code(2);
    let wrong = shop.run(&provider, &["--inputs", "nowhere"]);
    assert!(wrong.said.contains("inputs: `nowhere` is no folder on this host"), "{}", wrong.said);
    shop.run(&provider, &["--inputs", "elsewhere"]).assert_code(0);
    shop.assert_all_done(&provider);
    shop.run(&provider, &["--inputs", "elsewhere"]).assert_code(0);
}

#[test]
fn a_picture_that_one_host_has_not_is_made_by_the_other_and_one_that_nobody_has_fails_alone() {
    let Some(hosts) = Hosts::new(8) else { return };
    // A task that takes a while keeps both at work until all rows are there: who is alone has nobody to leave a job to.
    hosts.provider.change(|script| script.task_time = Duration::from_secs(3));
    std::fs::write(hosts.folder("north").join("first.csv"), "id,human,cloth\njob-004,people/job-004.png,cloth.jpg\n")
        .expect("a manifest");
    hosts.call("north", &["load", "north/first.csv"]).assert_code(0);
    for (host, missing) in [("north", ["job-001", "job-008"]), ("south", ["job-002", "job-008"])] {
        for job in missing {
            std::fs::remove_file(hosts.folder(host).join(format!("people/{job}.png"))).expect("removed");
        }
    }
    let north = hosts.start("north", &["run", "--inputs", "north"]);
    let south = hosts.start("south", &["run", "--inputs", "south"]);
    let began = Instant::now();
    while hosts.ask("SELECT name FROM tryon.hosts WHERE dead_at IS NULL").len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "two hosts join");
        std::thread::sleep(Duration::from_millis(20));
    }
    hosts.call("office", &["load", "office/jobs.csv"]).assert_code(0);
    let (north, south) = (north.end(), south.end());
    let failed = hosts.ask("SELECT id FROM tryon.jobs WHERE state = 'failed' ORDER BY id");
    assert_eq!(failed, ["job-008"], "{}\n{}", north.said, south.said);
    north.assert_code(1);
    south.assert_code(1);
    let error = hosts.ask("SELECT error FROM tryon.jobs WHERE state = 'failed'").remove(0);
    for host in ["north", "south"] {
        let path = format!("{host}/people/job-008.png");
        assert!(error.contains(&format!("host {host}: ")) && error.contains(&path), "{error}");
    }
    assert_eq!(hosts.ask("SELECT max(attempt)::text FROM tryon.jobs"), ["1"]);
    hosts.shop.assert_no_double_charge(&hosts.provider);
    assert_eq!(hosts.provider.books().charges().len(), 7);
}

#[test]
fn a_host_whose_disk_is_away_submits_nothing_and_leaves_the_jobs_to_others() {
    let Some(hosts) = Hosts::new(4) else { return };
    hosts.call("north", &["load", "north/jobs.csv"]).assert_code(0);
    std::fs::create_dir(hosts.shop.file("unmounted")).expect("a folder");
    let stopped = hosts.call("south", &["run", "--inputs", "unmounted"]);
    stopped.assert_code(3);
    assert!(stopped.said.contains("This host has none of the local pictures."), "{}", stopped.said);
    assert_eq!(hosts.ask("SELECT state FROM tryon.jobs WHERE state <> 'pending'"), Vec::<String>::new());
    hosts.call("north", &["run", "--inputs", "north"]).assert_code(0);
    hosts.assert_all_done();
}
