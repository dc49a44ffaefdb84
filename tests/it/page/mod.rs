//! The live page as something that asks over HTTP meets it: who is let in, what is answered, and how much it costs. That it works in
//! a browser is seen by `tests/browser`.

mod bucket;
mod guards;
mod large;
mod verdicts;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::commands::Desk;
use crate::support::wire::{Request, parted};

/// `tryon serve` at work; ends when dropped.
struct Served {
    program: Child,
    port: u16,
}

/// What it answered.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Served {
    /// Starts `tryon serve` with this program, folder and environment, on a port that is free.
    fn start(mut command: Command, arguments: &[&str]) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut program = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(program.stdout.take().expect("its output")).lines();
        let url = lines.next().expect("a line").expect("UTF-8");
        let port = url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok()).expect("a port");
        Self { program, port }
    }

    /// At a desk's queue.
    fn at(desk: &Desk, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.current_dir(desk.path("")).env_clear();
        Self::start(command, arguments)
    }

    /// The name and port by which a browser of this machine knows the page.
    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Asks to the letter: neither the target nor the headers are made right.
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = Request {
            first: format!("{method} {target} HTTP/1.1"),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        };
        let (status, head, body) = parted(&request.ask(self.port).expect("an answer"));
        Answer { status, head: head.to_lowercase(), body }
    }

    fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[("host", &self.host())], "")
    }

    /// What is asked for as JSON.
    fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The cards of an address.
    fn cards(&self, target: &str) -> Vec<Value> {
        self.json(target)["cards"].as_array().expect("cards").clone()
    }

    /// Says something of an image as the page's script does.
    fn say(&self, said: &Value) -> Answer {
        let host = self.host();
        let headers = [("host", host.as_str()), ("x-tryon", "1"), ("content-type", "application/json")];
        self.ask("POST", "/api/verdict", &headers, &said.to_string())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header that is there once.
    fn header(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no {name}: {}", self.head))
    }
}

/// Three results, `a`, `b` and `c`.
fn catalogue() -> Desk {
    let desk = Desk::new();
    desk.picture("ana.png");
    desk.picture("coat.png");
    desk.write(
        "jobs.csv",
        "id,human,cloth,sku\na,ana.png,coat.png,A-1\nb,ana.png,coat.png,B-2\nc,ana.png,coat.png,A-1\n",
    );
    let run = desk.run(&["run", "jobs.csv", "--sandbox", "-q"]);
    assert_eq!(run.code, 0, "{}", run.err);
    desk
}

/// What the queue says of a job's image, asked by the program: the verdict and its reason.
fn said_of(desk: &Desk, id: &str) -> (Value, Value) {
    let report = desk.run(&["report", "--format", "json"]);
    assert_eq!(report.code, 0, "{}", report.err);
    let rows: Vec<Value> = serde_json::from_str(&report.out).expect("JSON");
    let row = rows.into_iter().find(|row| row["id"] == id).expect("the job's row");
    (row["review"].clone(), row["review_reason"].clone())
}
