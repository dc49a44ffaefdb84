//! `tryon hosts`: which hosts work a queue, and a person's word that one is gone.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::queue::{self, HostRecord, HostState, Opening, QueueReads};
use crate::view::utc;
use crate::view::wording::{counted, span};

use super::Failure;
use super::load::println;
use super::pipe::fine_if_reader_left;
use super::place::{Place, quoted};

/// What `hosts` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct HostsArgs {
    /// `forget`: no process of this host will send anything any more
    #[arg(requires = "name", value_enum)]
    pub verb: Option<Verb>,
    /// The host
    #[arg(requires = "verb")]
    pub name: Option<String>,
    /// One JSON array, for scripts
    #[arg(long, conflicts_with = "verb")]
    pub json: bool,
}

/// What can be said of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Verb {
    Forget,
}

/// `tryon hosts forget NAME`.
pub(super) async fn forget(name: &str, place: &Place) -> Result<ExitCode, Failure> {
    let queue = queue::at(&place.queue).open(Opening::Existing).await?;
    let forgotten = queue.forget_host(name.to_owned()).await?;
    println(&format!(
        "{name}: {} forgotten; what it left in doubt is settled by the others",
        counted(forgotten, "start")
    ))?;
    Ok(ExitCode::Ok)
}

/// A host, for scripts. Times are in seconds, moments in UTC.
#[derive(Debug, Serialize)]
struct HostJson<'a> {
    host: &'a str,
    epoch: i64,
    process: u32,
    state: &'static str,
    /// How it was proven that it sends nothing any more; null for one that is not dead.
    death: Option<&'static str>,
    started_at: String,
    silent_seconds: f64,
    lease_seconds: f64,
    at_work: u64,
    in_doubt: u64,
}

impl<'a> HostJson<'a> {
    fn of(host: &'a HostRecord) -> Self {
        let death = if let HostState::Dead(death) = host.state { Some(death.word()) } else { None };
        Self {
            host: &host.name,
            epoch: host.epoch.0,
            process: host.process,
            state: host.state.word(),
            death,
            started_at: utc(host.started_at),
            silent_seconds: host.silent_for.as_secs_f64(),
            lease_seconds: host.lease.as_secs_f64(),
            at_work: host.at_work,
            in_doubt: host.in_doubt,
        }
    }
}

/// `tryon hosts`.
pub(super) async fn hosts(
    args: &HostsArgs,
    queue: &dyn QueueReads,
    place: &Place,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let hosts = queue.hosts().await?;
    let text = if args.json {
        let all: Vec<_> = hosts.iter().map(HostJson::of).collect();
        serde_json::to_string_pretty(&all)? + "\n"
    } else {
        text(&hosts, place)
    };
    fine_if_reader_left(out.write_all(text.as_bytes()).map_err(anyhow::Error::from))
}

fn text(hosts: &[HostRecord], place: &Place) -> String {
    if hosts.is_empty() {
        return "no host is at work on this queue, and none has left anything open\n".to_owned();
    }
    let width = hosts.iter().map(|host| host.name.chars().count()).max().unwrap_or(0).max("host".len());
    let mut text = format!(
        "{:width$}  {:>5}  {:7}  {:>14}  {:>7}  {:>8}\n",
        "host", "epoch", "state", "heard of", "at work", "in doubt"
    );
    for host in hosts {
        let heard = format!("{} ago", span(host.silent_for));
        text += &format!(
            "{:width$}  {:>5}  {:7}  {heard:>14}  {:>7}  {:>8}\n",
            host.name,
            host.epoch.0,
            host.state.word(),
            host.at_work,
            host.in_doubt
        );
    }
    for host in hosts {
        if let Some(advice) = advice(host, place) {
            text += &format!("\n{advice}\n");
        }
    }
    text
}

/// What a person may have to do about a host.
fn advice(host: &HostRecord, place: &Place) -> Option<String> {
    let name = &host.name;
    let is_silent = matches!(host.state, HostState::Lapsed | HostState::Overdue) && host.silent_for > Duration::ZERO;
    if !is_silent || host.in_doubt == 0 {
        return None;
    }
    Some(format!(
        "{name} was not heard of for {}, and may have sent {} of which nobody knows.\n\
         They are submitted again once {name} can send nothing any more: when it is started again, or when you say\n  {}",
        span(host.silent_for),
        counted(host.in_doubt, "job"),
        place.command(&format!("hosts forget {}", quoted(name)))
    ))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::Timestamp;

    use super::*;
    use crate::queue::{Death, Epoch};

    fn host(name: &str, epoch: i64, state: HostState, silent: u64, (at_work, in_doubt): (u64, u64)) -> HostRecord {
        HostRecord {
            epoch: Epoch(epoch),
            name: name.to_owned(),
            process: 4_711,
            started_at: Timestamp::UNIX_EPOCH,
            silent_for: Duration::from_secs(silent),
            lease: Duration::from_secs(30),
            state,
            at_work,
            in_doubt,
        }
    }

    #[test]
    fn who_is_silent_and_has_doubt_is_told_with_what_to_say() {
        let place = Place::checked(None, Some("postgres://shop@db/tryon".into())).expect("a place");
        let hosts = [
            host("web-2", 4, HostState::Live, 1, (12, 0)),
            host("web-1", 3, HostState::Lapsed, 330, (0, 2)),
            host("web-1", 1, HostState::Dead(Death::Lock), 86_400, (0, 1)),
        ];
        assert_snapshot!(text(&hosts, &place), @r"
        host   epoch  state          heard of  at work  in doubt
        web-2      4  live            1 s ago       12         0
        web-1      3  lapsed   5 min 30 s ago        0         2
        web-1      1  dead            1 d ago        0         1

        web-1 was not heard of for 5 min 30 s, and may have sent 2 jobs of which nobody knows.
        They are submitted again once web-1 can send nothing any more: when it is started again, or when you say
          tryon hosts forget web-1 --queue postgres://shop@db/tryon
        ");
        assert_eq!(text(&[], &place), "no host is at work on this queue, and none has left anything open\n");
    }
}
