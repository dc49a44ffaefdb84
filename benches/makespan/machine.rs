//! The machine that is measured on: what it is, and how much of it others used meanwhile.

use std::time::Instant;

/// Linux tells times in hundredths of a second to programs, whatever it counts in.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor model, cores and load, as far as the system tells.
pub(crate) fn description() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let load = read("/proc/loadavg");
    format!(
        "{} cores of {}, load {} before the start",
        cores(),
        model.trim_start_matches([' ', '\t', ':']),
        load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown")
    )
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A moment from which the use of the machine is counted.
#[derive(Debug)]
pub(crate) struct Since {
    at: Instant,
    /// Seconds of processor time: of everybody, and of this process.
    used: Option<(f64, f64)>,
}

impl Since {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), used: used() }
    }

    /// The share of the machine that was used by neither this process nor the contenders, which used
    /// `contenders_seconds`. Where it is large, the figures say more about the others than about the contenders.
    pub(crate) fn others_share(&self, contenders_seconds: f64) -> Option<f64> {
        let (all_before, own_before) = self.used?;
        let (all, own) = used()?;
        let others = (all - all_before) - (own - own_before) - contenders_seconds;
        Some((others / (self.at.elapsed().as_secs_f64() * cores() as f64)).max(0.0))
    }
}

fn used() -> Option<(f64, f64)> {
    let all = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> =
        all.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal …
    let busy = fields.iter().take(8).sum::<f64>() - fields.get(3)? - fields.get(4)?;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // What follows the name, which is in parentheses and may hold anything: user and system time are 12th and 13th.
    let fields: Vec<&str> = own.rsplit_once(')')?.1.split_whitespace().collect();
    let own = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((busy / TICKS_PER_SECOND, own / TICKS_PER_SECOND))
}
