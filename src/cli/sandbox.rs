//! `tryon sandbox`: the stand-in of the provider's API by itself, for trying programs against it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret;
use tryon_sandbox::{Fault, FaultShare, Gateway, Latency, PaidFrom, Sandbox, SandboxConfig};

use crate::exit_code::ExitCode;
use crate::settings::{Span, webhook_secret};

use super::load::println;
use super::{Console, Failure};

/// How the stand-in behaves.
#[derive(Debug, Args)]
pub(super) struct SandboxOptions {
    /// Loopback port; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 8787)]
    port: u16,

    /// Decides every draw; the same seed treats the same requests alike
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Tasks in flight at once; one more is answered with 429, code 1303
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Pace")]
    cap: usize,

    /// Requests a second; one more is answered with 429, code 1302 [default: no limit]
    #[arg(long, value_name = "N", help_heading = "Pace")]
    rate: Option<u32>,

    /// How long a task takes in the mean
    #[arg(long, value_name = "DUR", default_value = "30s", help_heading = "Pace")]
    mean: Span,

    /// Spread of the task times (sigma of their logarithm); 0 makes all alike
    #[arg(long, value_name = "X", default_value_t = 0.3, help_heading = "Pace")]
    sigma: f64,

    /// Added to every answer [default: nothing]
    #[arg(long, value_name = "DUR", help_heading = "Pace")]
    answer_delay: Option<Span>,

    /// Share of tasks that fail, from 0 to 1
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Faults")]
    task_failures: f64,

    /// Share of creates that are answered with a transient error, nothing created
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Faults")]
    create_errors: f64,

    /// Share of creates that make a task whose answer is lost
    #[arg(long, value_name = "X", default_value_t = 0.0, help_heading = "Faults")]
    lost_answers: f64,

    /// A fault by its name, always or for a share of what it befalls, such as `504-late=0.1`; may be repeated.
    ///
    /// The names are listed at the end of `--help`.
    #[arg(long = "fault", value_name = "NAME[=SHARE]", help_heading = "Faults")]
    faults: Vec<FaultShare>,

    /// How long after its answer the task of a `504-late` is made
    #[arg(long, value_name = "DUR", default_value = "12s", help_heading = "Faults")]
    late_by: Span,

    /// Who answers: the service itself, or a gateway that resells it
    #[arg(long, value_enum, value_name = "SHAPE", default_value = "native", help_heading = "Provider")]
    gateway: Gateway,

    /// What the account pays from
    #[arg(long, value_enum, value_name = "WHAT", default_value = "package", help_heading = "Provider")]
    paid_from: PaidFrom,

    /// Ignore external task ids, as a reseller may
    #[arg(long, help_heading = "Provider")]
    no_external_ids: bool,

    /// Have no list query, as a reseller may
    #[arg(long, help_heading = "Provider")]
    no_list: bool,

    /// Longer side of a result, in pixels
    #[arg(long, value_name = "PX", default_value_t = 768)]
    result_px: u32,

    /// Where tasks are remembered [default: nowhere, forgotten at the end]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// The end of `--help`: the examples, and the names of all faults under what they befall.
pub(super) fn long_help() -> String {
    let mut text = format!("{}\n\nNames for --fault:", super::examples::SANDBOX);
    let mut heading = "";
    for fault in Fault::all() {
        if fault.befalls() != heading {
            heading = fault.befalls();
            text.push_str(&format!("\n\n  {heading}:"));
        }
        text.push_str(&format!("\n    {:<16} {}", fault.name(), fault.about()));
    }
    text
}

/// Serves until it is interrupted.
pub(super) async fn command(options: &SandboxOptions, console: &Console) -> Result<ExitCode, Failure> {
    let mean = options.mean.duration();
    if !(0.0..=3.0).contains(&options.sigma) {
        return Err(Failure::usage(format!("--sigma: {} is not between 0 and 3", options.sigma)));
    }
    // Signed as an account with this secret would sign; without one, callbacks are unsigned.
    let webhook_secret = webhook_secret()?.map(|secret| secret.expose_secret().to_owned());
    let config = SandboxConfig {
        seed: options.seed,
        concurrency_cap: options.cap,
        requests_per_second: options.rate,
        latency: Latency::LogNormal { mean, sigma: options.sigma },
        answer_delay: options.answer_delay.map_or(Duration::ZERO, Span::duration),
        task_failures: options.task_failures,
        create_errors: options.create_errors,
        lost_answers: options.lost_answers,
        faults: options.faults.clone(),
        late_by: options.late_by.duration(),
        gateway: options.gateway,
        paid_from: options.paid_from,
        external_ids: !options.no_external_ids,
        list_endpoint: !options.no_list,
        result_long_side_px: options.result_px,
        webhook_secret,
        state_dir: options.state.clone(),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let sandbox = Sandbox::start(address, config).await.map_err(Failure::usage)?;
    println(&format!("the stand-in listens; use it with --base-url {}", sandbox.dmxapi_url()))?;
    console.info("stop it with Ctrl-C; any key is accepted, its pictures are composites");
    let code = super::run::interruption().await;
    sandbox.stop().await;
    // Being stopped is how this command ends well.
    Ok(if code == ExitCode::Interrupted { ExitCode::Ok } else { code })
}
