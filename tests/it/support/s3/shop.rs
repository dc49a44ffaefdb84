//! A workshop whose results go to a bucket.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use super::super::provider::{Dice, Provider, picture_of};
use super::super::workshop::{Ended, Going, Workshop};
use super::{Asked, Fault, Proxy, S3, variables};

/// What was under a job's name before, and is somebody else's.
pub(crate) const FOREIGN: &[u8] = b"somebody else's";

/// See the module's page.
pub(crate) struct BucketShop {
    pub(crate) shop: Workshop,
    pub(crate) s3: S3,
    pub(crate) proxy: Proxy,
}

impl BucketShop {
    /// With this number of jobs; `None`, and a word on standard error, where there is no server on this machine.
    pub(crate) fn new(test: &str, jobs: usize) -> Option<Self> {
        let s3 = S3::start(test)?;
        let proxy = Proxy::start(s3.port(), |_: &Asked| None);
        let shop = Workshop::new(jobs);
        // The queue is in a local folder all the same.
        std::fs::create_dir(shop.out()).expect("a folder");
        Some(Self { shop, s3, proxy })
    }

    /// A command of the program about this bucket and its queue.
    pub(crate) fn start(&self, provider: &Provider, arguments: &[&str]) -> Going {
        self.begin(provider, arguments, |_| {})
    }

    /// The same, with the environment changed.
    pub(crate) fn begin(&self, provider: &Provider, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Going {
        let out = self.s3.url("may");
        let place = ["-o", &out, "--queue", "out/queue.db"];
        let arguments: Vec<&str> = arguments.iter().chain(&place).copied().collect();
        let mut command = self.shop.command(provider, &arguments);
        command.envs(variables(&self.proxy.endpoint()));
        change(&mut command);
        self.shop.begin(command)
    }

    pub(crate) fn call(&self, provider: &Provider, arguments: &[&str]) -> Ended {
        self.start(provider, arguments).end()
    }

    pub(crate) fn run(&self, provider: &Provider) -> Ended {
        self.call(provider, &["run", "jobs.csv"])
    }

    /// Where a job's image is.
    pub(crate) fn key(job: &str) -> String {
        format!("may/{job}.png")
    }

    /// Somebody else's object is where a job's image is to be.
    pub(crate) fn put_foreign(&self, job: &str) {
        self.s3.put(&Self::key(job), FOREIGN);
    }

    /// Every job that has succeeded has its own whole image; what is there of others is theirs, or somebody else's.
    pub(crate) fn assert_published(&self) {
        for row in self.shop.rows() {
            let found = self.s3.get(&Self::key(&row.id));
            if row.state == "succeeded" {
                assert_eq!(found, Some(picture_of(&row.id)), "{} is not whole", row.id);
            }
        }
    }

    /// Every job succeeded with one task, and has its own whole image; nothing else is in the bucket but the report and
    /// the page.
    pub(crate) fn assert_all_done(&self, provider: &Provider) {
        let rows = self.shop.rows();
        assert_eq!(rows.len(), self.shop.jobs.len());
        assert!(rows.iter().all(|row| row.state == "succeeded"), "{}", self.shop.standing());
        self.shop.assert_no_double_charge(provider);
        assert_eq!(provider.books().charges().len(), self.shop.jobs.len(), "a job without a task");
        let mut objects = self.s3.objects();
        let report = String::from_utf8(objects.remove("may/report.csv").expect("a report")).expect("a text");
        assert_eq!(report.lines().count(), rows.len() + 1, "{report}");
        let page = String::from_utf8(objects.remove("may/index.html").expect("a page")).expect("a text");
        assert!(page.trim_end().ends_with("</html>"), "a whole page");
        let wanted: BTreeMap<String, Vec<u8>> =
            rows.iter().map(|row| (Self::key(&row.id), picture_of(&row.id))).collect();
        objects.retain(|key, _| !key.starts_with("may/.tryon-probe-"));
        let names = |objects: &BTreeMap<String, Vec<u8>>| objects.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&objects), names(&wanted));
        for (key, image) in wanted {
            assert!(objects[&key] == image, "{key} is not its job's whole image");
        }
    }

    /// The job under whose name somebody else's object is has failed, that object is as it was, and nothing else failed.
    pub(crate) fn assert_only_foreign_failed(&self, job: &str) {
        let others = self.shop.rows().into_iter().filter(|row| row.id != job).all(|row| row.state == "succeeded");
        assert!(others && self.shop.row(job).state == "failed", "{}", self.shop.standing());
        assert_eq!(self.s3.get(&Self::key(job)).as_deref(), Some(FOREIGN), "{job} was overwritten");
        self.assert_published();
    }

    /// From now on every twelfth request or so meets something of a bad day.
    pub(crate) fn bad_day(&self, mut dice: Dice) {
        self.proxy.change(move |asked| match dice.below(12) {
            0 => Some(Fault::WEATHER[dice.below(Fault::WEATHER.len())])
                // The report is looked at by its length only; keepers check what is signed.
                .filter(|fault| *fault != Fault::ShortBody || asked.path.ends_with(".png")),
            _ => None,
        });
    }

    /// Kills the same command again and again, at random moments. Returns how often it was really killed.
    pub(crate) fn kill_at_random(&self, provider: &Provider, dice: &mut Dice, kills: usize) -> usize {
        let mut killed = 0;
        for _ in 0..kills {
            let mut run = self.start(provider, &["run", "jobs.csv"]);
            std::thread::sleep(Duration::from_millis(40 + dice.below(560) as u64));
            killed += usize::from(run.is_alive());
            run.kill();
            self.assert_published();
            self.shop.assert_no_double_charge(provider);
        }
        killed
    }
}
