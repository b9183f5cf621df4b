//! `serve`: HTTP, GraphQL and pages, until it is told to stop.

use std::{path::PathBuf, sync::Arc};

use clap::Args as ClapArgs;

use super::{
    Config, Context, Failure,
    config::{AskedWitness, LogLevel},
    serving::{Asked, Serving},
    verify::read_roots,
};
use crate::{
    authority::{Authorities, MAX_AUTHORITIES},
    ledger::{Ledger, LedgerError},
    log::WitnessKey,
    witness::{MAX_WITNESSES, WitnessAddress},
};

/// Serve a ledger: pages, GraphQL and static files
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Stops on SIGINT and SIGTERM, after what it took in is on record. Prints the address it listens on.
With TLS, SIGHUP reads certificate and key again.

Examples:
  onrecord serve --data ledger-data
  onrecord serve --data ledger-data --listen 127.0.0.1:8080 --trusted-proxy 127.0.0.1
  onrecord serve --data ledger-data --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  onrecord serve --data ledger-data --listen 0.0.0.0:80 --metrics 127.0.0.1:9100")]
pub(super) struct Args {
    /// The ledger's folder
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// A witness to ask for cosignatures: its public key and its submission prefix, with a space between. May be given
    /// again
    #[arg(
        long = "witness",
        value_name = "VKEY URL",
        env = "ONRECORD_WITNESS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    witnesses: Vec<AskedWitness>,
    /// A time-stamping authority (RFC 3161) to ask for tokens over checkpoints: its address. May be given again
    #[arg(
        long = "timestamp-authority",
        value_name = "URL",
        env = "ONRECORD_TIMESTAMP_AUTHORITY",
        hide_env_values = true,
        value_delimiter = ','
    )]
    timestamp_authorities: Vec<String>,
    /// Roots that these must lead to, in PEM: then no token of anybody else is kept. May be given again
    #[arg(
        long,
        value_name = "FILE",
        env = "ONRECORD_TIMESTAMP_ROOTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    timestamp_roots: Vec<PathBuf>,
    /// Take the clock for right though it is more than 7 days ahead of the last entry, of the last hour in which this
    /// ledger was served, and of the day of this release
    #[arg(long, env = "ONRECORD_ACCEPT_CLOCK", hide_env_values = true)]
    accept_clock: bool,
    #[command(flatten)]
    serving: Serving,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let config = &context.config;
    let data = args.data.clone().or_else(|| config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    args.serving.start_log(config, LogLevel::Info);
    let asked = if args.witnesses.is_empty() { &config.witnesses } else { &args.witnesses };
    let witnesses = addresses(asked)?;
    let authorities = authorities(&args, config)?;
    let bound = args.serving.bind(config)?;
    let mut options = args.serving.ledger_options(config);
    options.accept_clock = args.accept_clock;
    options.witnesses = witnesses.iter().map(|w| w.key.clone()).collect();
    let ledger = Ledger::open(&data, options).map_err(ledger_failure)?;
    bound.say(context, None)?;
    let limits = &args.serving.limits;
    let asked = Asked {
        witnesses: (!witnesses.is_empty()).then(|| (witnesses, limits.of_asking(&config.limits))),
        authorities: authorities.map(|asked| (asked, limits.of_timestamps(&config.limits))),
    };
    bound.until_stopped(ledger, asked, || {})
}

/// Time-stamping authorities to ask, each once, and the roots that they must lead to, if any were given.
fn authorities(args: &Args, config: &Config) -> Result<Option<Authorities>, Failure> {
    let of_file = args.timestamp_authorities.is_empty();
    let urls = if of_file { &config.timestamp_authorities } else { &args.timestamp_authorities };
    for (n, url) in urls.iter().enumerate() {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(format!("time-stamping authority {e}"));
        // A slash at the end may mean something to it, so the address stays as it is.
        crate::mirror::base_address(url).map_err(|e| usage(&e))?;
        if urls.iter().take(n).any(|other| other == url) {
            return Err(usage(&format!("{url}: it was given before")));
        }
    }
    if urls.len() > MAX_AUTHORITIES {
        let found = urls.len();
        return Err(Failure::Usage(format!("expected at most {MAX_AUTHORITIES} authorities, found {found}")));
    }
    let files = if args.timestamp_roots.is_empty() { &config.timestamp_roots } else { &args.timestamp_roots };
    let roots = if files.is_empty() { None } else { Some(Arc::new(read_roots(files)?)) };
    Ok((!urls.is_empty()).then(|| Authorities { urls: urls.clone(), roots }))
}

/// Witnesses to ask, each once.
fn addresses(asked: &[AskedWitness]) -> Result<Vec<WitnessAddress>, Failure> {
    let mut witnesses: Vec<WitnessAddress> = Vec::with_capacity(asked.len());
    for AskedWitness { key, url } in asked {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(format!("witness {key}: {e}"));
        let parsed: WitnessKey = key.parse().map_err(|e| usage(&e))?;
        let url = crate::mirror::base_address(url).map_err(|e| usage(&e))?;
        if witnesses.iter().any(|w| w.key.as_bytes() == parsed.as_bytes()) {
            return Err(usage(&"its key was given before"));
        }
        witnesses.push(WitnessAddress { key: parsed, url });
    }
    if witnesses.len() > MAX_WITNESSES {
        let found = witnesses.len();
        return Err(Failure::Usage(format!("expected at most {MAX_WITNESSES} witnesses, found {found}")));
    }
    Ok(witnesses)
}

/// A ledger that can't be made or opened, told as whose fault it is.
pub(super) fn ledger_failure(e: LedgerError) -> Failure {
    match e {
        LedgerError::Refused(refusal) => Failure::Event(refusal),
        LedgerError::Exists(_)
        | LedgerError::Locked(_)
        | LedgerError::Broken(_)
        | LedgerError::Mirror { .. } => Failure::Refused(e.to_string()),
        LedgerError::NotALedger(_) | LedgerError::Exposed(_) => Failure::Usage(e.to_string()),
        e => Failure::Undecided(e.to_string()),
    }
}
