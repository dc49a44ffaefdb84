//! The end of a round: all hosts work until nothing is left to do, and the books are held against the queue.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::audit::{self, Job};
use super::super::fleet::{Host, LEASE, Life, NAMES};
use super::{PATIENCE_FOR_THE_END, Round, TASK_TIME, TICK, Tally};

impl Round<'_> {
    /// All hosts are started once more and end by themselves; of those that never come back, a person says so.
    pub(super) fn come_to_the_end(&mut self) {
        self.note("the end");
        if self.up_at.is_some() {
            self.bring_back();
        }
        // Whoever is stopped wakes in time; whoever was told to end, ends.
        let is_between = |host: &Host| matches!(host.life, Life::Stopped { .. } | Life::Ending { .. });
        while self.hosts.iter().any(is_between) {
            self.tend();
            std::thread::sleep(TICK);
        }
        self.forget_the_lost();
        self.work_to_the_end();
        if self.plan.container.is_some() {
            // Each of its starts was a machine of its own, of which nothing but a person's word proves that it is gone.
            let name = NAMES[self.plan.container.unwrap_or_default()];
            if self.forget(name) {
                self.work_to_the_end();
            }
        }
    }

    fn forget_the_lost(&mut self) {
        let lost: Vec<_> =
            self.hosts.iter().filter(|host| matches!(host.life, Life::Lost)).map(|host| host.name).collect();
        for name in lost {
            self.forget(name);
        }
    }

    /// `tryon hosts forget`, as soon as it is heard. Returns whether there was anything to forget.
    fn forget(&mut self, name: &str) -> bool {
        let deadline = Instant::now() + LEASE * 3;
        loop {
            let forgotten = self.call(&["hosts", "forget", name]);
            let said = forgotten.said.trim().to_owned();
            self.note(&format!("hosts forget {name}: {said}"));
            match forgotten.status.code() {
                Some(0) => return true,
                Some(_) if said.contains("has left anything open") => return false,
                // A connection that was cut is noticed when it is used.
                Some(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(300)),
                _ => {
                    self.wrong(format!("hosts forget {name}: {said}"));
                    return false;
                }
            }
        }
    }

    /// Every host works until nothing is left to do.
    fn work_to_the_end(&mut self) {
        let deadline = Instant::now() + PATIENCE_FOR_THE_END;
        self.plan.budget = None;
        let mut is_through = [false; NAMES.len()];
        while !is_through.iter().all(|through| *through) {
            self.let_go_of_answers();
            for number in (0..self.hosts.len()).filter(|number| !is_through[*number]).collect::<Vec<_>>() {
                is_through[number] |= self.work_to_its_end(number);
            }
            if Instant::now() >= deadline {
                self.hangs();
                return;
            }
            std::thread::sleep(TICK);
        }
    }

    /// One look at a host that works to the end; whether it has come there.
    fn work_to_its_end(&mut self, number: usize) -> bool {
        let life = std::mem::replace(&mut self.hosts[number].life, Life::Lost);
        match life {
            Life::Running(mut going) => {
                if going.is_alive() {
                    self.hosts[number].life = Life::Running(going);
                    return false;
                }
                let ended = going.end();
                let again = self.ended_by_itself(number, &ended);
                if matches!(ended.status.code(), Some(0 | 1)) {
                    self.hosts[number].life = Life::Gone { until: Instant::now() };
                    return true;
                }
                self.hosts[number].life = again;
            }
            Life::Lost => return true,
            Life::Gone { until } if Instant::now() >= until => {
                self.hosts[number].start(&self.shop, &self.provider, &self.plan);
            }
            life => self.hosts[number].life = life,
        }
        false
    }

    fn hangs(&mut self) {
        let hosts = self.call(&["hosts"]).said;
        let status = self.call(&["status"]).said;
        self.wrong(format!("it does not come to its end within {PATIENCE_FOR_THE_END:?}:\n{hosts}\n{status}"));
        for number in 0..self.hosts.len() {
            let name = self.hosts[number].name;
            if let Life::Running(going) = std::mem::replace(&mut self.hosts[number].life, Life::Lost) {
                let said = going.said();
                going.kill();
                self.note(&format!("{name} said: {said}"));
            }
        }
    }

    /// The books are held against the queue.
    pub(super) fn balance(mut self) -> Tally {
        let listed = self.call(&["list", "--json"]);
        let jobs = Job::all(&listed.said);
        let books = self.provider.books();
        let mut findings = std::mem::take(&mut self.findings);
        findings.broken.clear();
        findings.add(audit::at_the_end(&self.shop, &books, &jobs));
        let (at_once, over_cap) = audit::over_cap(&books, self.plan.concurrency, TASK_TIME, &self.woken);
        let (a_second, over_rate) = audit::over_rate(&books, self.plan.rate, self.hosts.len(), &self.woken);
        findings.other.extend(over_cap);
        findings.other.extend(over_rate);
        findings.other.extend(self.over_budget());
        if !findings.is_clean() {
            self.note(&self.database.log());
            let is_wrong = |job: &&Job| {
                job.state != "succeeded" || findings.doubles.iter().any(|double| double.starts_with(&job.id))
            };
            for job in jobs.iter().filter(is_wrong).take(5) {
                let shown = self.call(&["show", &job.id]);
                self.note(&shown.said);
            }
        }
        Tally {
            faults: 0,
            jobs: self.shop.jobs.len(),
            creates: books.creates().len(),
            tasks: books.tasks.len(),
            at_once: (at_once, self.plan.concurrency),
            a_second: (a_second, self.plan.rate),
            codes: std::mem::take(&mut self.codes),
            kinds: std::mem::take(&mut self.faults),
            findings,
            first_double: None,
            story: std::mem::take(&mut self.story),
        }
    }

    /// Runs that had more tasks made than their budget allows: the tasks that exist, by the run that last sent their create.
    fn over_budget(&self) -> Vec<String> {
        let books = self.provider.books();
        let runs = self.database.ask(
            &self.name,
            "SELECT a.external_task_id, a.run, r.budget FROM tryon.attempts a JOIN tryon.runs r USING (run)
              WHERE r.budget IS NOT NULL",
        );
        let mut made = BTreeMap::<(String, usize), usize>::new();
        for row in runs {
            let mut columns = row.split('|');
            let (Some(id), Some(run), Some(budget)) = (columns.next(), columns.next(), columns.next()) else {
                continue;
            };
            if books.tasks.iter().any(|task| task.external_id.as_deref() == Some(id)) {
                *made.entry((run.to_owned(), budget.parse().unwrap_or_default())).or_default() += 1;
            }
        }
        let over = made.into_iter().filter(|((_, budget), tasks)| tasks > budget);
        over.map(|((run, budget), tasks)| format!("run {run} had {tasks} tasks made, with a budget of {budget}"))
            .collect()
    }
}
