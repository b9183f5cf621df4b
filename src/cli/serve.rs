//! `serve`: HTTP, GraphQL and pages, until it is told to stop.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args as ClapArgs;

use super::{
    Config, Context, Failure,
    config::{AskedPeer, AskedWitness, LogLevel},
    serving::{Asked, Serving},
    verify::read_roots,
};
use crate::{
    authority::{Authorities, MAX_AUTHORITIES},
    ledger::{Ledger, LedgerError, Reader},
    log::{MAX_CHECKPOINT, WitnessKey},
    note::VerifyingKey,
    peers::{self, MAX_PEERS, Peer},
    witness::{MAX_WITNESSES, WitnessAddress},
};

/// Serve a ledger: pages, GraphQL and static files
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Stops on SIGINT and SIGTERM, after what it took in is on record. Prints the address it listens on.
With TLS, SIGHUP reads certificate and key again.

Examples:
  onrecord serve --data ledger-data
  onrecord serve --data ledger-data --trusted-proxy 127.0.0.1 --url https://ledger.example.org
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
    /// Roots that these authorities must lead to, in PEM: then only tokens that lead to them are kept. May be given again
    #[arg(
        long,
        value_name = "FILE",
        env = "ONRECORD_TIMESTAMP_ROOTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    timestamp_roots: Vec<PathBuf>,
    /// A mirror or another reader to ask, as witnesses are asked, whether it knows more of this log than is in the folder: its
    /// address; before it a key and a space, if another key than the log's must have signed what it shows. May be given again
    #[arg(
        long = "peer",
        value_name = "URL",
        env = "ONRECORD_PEER",
        hide_env_values = true,
        value_delimiter = ','
    )]
    peers: Vec<AskedPeer>,
    /// Start only if a witness or a peer could be asked
    #[arg(long, env = "ONRECORD_REQUIRE_PEER", hide_env_values = true)]
    require_peer: bool,
    /// Believe the clock although it is more than 7 days ahead of the last entry, of the last hour in which this ledger was
    /// served, and of the day of this release
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
    let peers = peers(if args.peers.is_empty() { &config.peers } else { &args.peers })?;
    let required = args.require_peer || config.require_peer.unwrap_or(false);
    if required && witnesses.is_empty() && peers.is_empty() {
        let message =
            "--require-peer: there is neither a witness nor a peer to ask; give one with --peer URL";
        return Err(Failure::Usage(message.into()));
    }
    let within = peers::AT_START.min(args.serving.limits.of_asking(&config.limits).timeout);
    let confirm = |reader: &Reader| confirm(reader, &data, (&witnesses, &peers), (required, within));
    let ledger = Ledger::open_confirmed(&data, options, &confirm).map_err(ledger_failure)?;
    let say = bound.saying(context, None)?;
    let limits = &args.serving.limits;
    let asked = Asked {
        witnesses: (!witnesses.is_empty()).then(|| (witnesses, limits.of_asking(&config.limits))),
        authorities: authorities.map(|asked| (asked, limits.of_timestamps(&config.limits))),
        peers,
    };
    bound.until_stopped(ledger, asked, say, || {})
}

/// The time-stamping authorities to ask, and the roots that they must lead to, if any were given. Refuses one given twice.
fn authorities(args: &Args, config: &Config) -> Result<Option<Authorities>, Failure> {
    let of_file = args.timestamp_authorities.is_empty();
    let urls = if of_file { &config.timestamp_authorities } else { &args.timestamp_authorities };
    for (n, url) in urls.iter().enumerate() {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(format!("time-stamping authority {e}"));
        // A slash at the end may mean something to the authority, so the address stays as it is.
        crate::verify::http::base_address(url).map_err(|e| usage(&e))?;
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

/// Asks witnesses and peers whether they know more of the log than is in the folder. If none could be asked, returns a
/// warning.
///
/// # Errors
/// If one knows more, or if none could be asked and `required` is set.
fn confirm(
    reader: &Reader,
    data: &Path,
    (witnesses, peers): (&[WitnessAddress], &[Peer]),
    (required, within): (bool, Duration),
) -> Result<Option<String>, LedgerError> {
    if witnesses.is_empty() && peers.is_empty() {
        return Ok(None);
    }
    let peers::Asked { agree, silent, more } = peers::ask_all(reader, witnesses, peers, within);
    if let Some((who, what)) = more {
        let data = data.display();
        return Err(LedgerError::Broken(format!(
            "{who}: {what}. This folder was put back to an earlier day, or another server signs with its key. Whatever is \
             recorded here would be the second of two histories. Find out which; take what is missing from a mirror: \
             onrecord repair --data {data} --from URL"
        )));
    }
    for (who, why) in &silent {
        tracing::warn!(who, why, "it could not be asked whether entries are missing here");
    }
    if agree > 0 {
        return Ok(None);
    }
    let names: Vec<&str> = silent.iter().map(|(who, _)| who.as_str()).collect();
    let names = names.join(", ");
    if required {
        return Err(LedgerError::Unconfirmed(names));
    }
    Ok(Some(format!("nobody could be asked at the start whether entries are missing here: {names}")))
}

/// The peers to ask. Refuses one given twice.
fn peers(asked: &[AskedPeer]) -> Result<Vec<Peer>, Failure> {
    let mut peers: Vec<Peer> = Vec::with_capacity(asked.len());
    for AskedPeer { url, key } in asked {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(format!("peer {url}: {e}"));
        let url = crate::verify::http::base_address(url).map_err(|e| usage(&e))?;
        let log = key.as_ref().and_then(|key| key.parse::<VerifyingKey>().ok());
        let witness = key.as_ref().filter(|_| log.is_none());
        let key = witness.map(|key| key.parse::<WitnessKey>()).transpose().map_err(|e| usage(&e))?;
        if peers.iter().any(|peer| peer.url == url) {
            return Err(usage(&"it was given before"));
        }
        peers.push(Peer { url, log, key });
    }
    if peers.len() > MAX_PEERS {
        return Err(Failure::Usage(format!("expected at most {MAX_PEERS} peers, found {}", peers.len())));
    }
    Ok(peers)
}

/// Room for the lines of witnesses below a checkpoint, in bytes: what readers accept, less its text and the log's own line.
const MAX_COSIGNED: usize = MAX_CHECKPOINT - 1_024;

/// The witnesses to ask. Refuses one given twice.
fn addresses(asked: &[AskedWitness]) -> Result<Vec<WitnessAddress>, Failure> {
    let mut witnesses: Vec<WitnessAddress> = Vec::with_capacity(asked.len());
    for AskedWitness { key, url } in asked {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(format!("witness {key}: {e}"));
        let parsed: WitnessKey = key.parse().map_err(|e| usage(&e))?;
        let url = crate::verify::http::base_address(url).map_err(|e| usage(&e))?;
        if witnesses.iter().any(|w| w.key.as_bytes() == parsed.as_bytes()) {
            return Err(usage(&"its key was given before"));
        }
        witnesses.push(WitnessAddress { key: parsed, url });
    }
    if witnesses.len() > MAX_WITNESSES {
        let found = witnesses.len();
        return Err(Failure::Usage(format!("expected at most {MAX_WITNESSES} witnesses, found {found}")));
    }
    // Readers must still accept a checkpoint with the lines of all witnesses.
    let bytes: usize = witnesses.iter().map(|w| w.key.line_length()).sum();
    if bytes > MAX_COSIGNED {
        return Err(Failure::Usage(format!(
            "the lines of these witnesses take {bytes} bytes below a checkpoint, and {MAX_COSIGNED} are free there: \
             cosignatures of type 0x06 take some 3,300 each"
        )));
    }
    Ok(witnesses)
}

/// The failure for a ledger that can't be made or opened, by whose fault that is.
pub(super) fn ledger_failure(e: LedgerError) -> Failure {
    match e {
        LedgerError::Refused(refusal) => Failure::Event(refusal),
        // Both may pass: another process may be about to end, or a peer about to answer. A service manager tries again
        // after exit code 3.
        e @ (LedgerError::Locked(_) | LedgerError::Unconfirmed(_)) => Failure::Undecided(e.to_string()),
        LedgerError::Exists(_) | LedgerError::Broken(_) | LedgerError::Mirror { .. } => {
            Failure::Refused(e.to_string())
        }
        LedgerError::NotALedger(_) | LedgerError::Exposed(_) => Failure::Usage(e.to_string()),
        e => Failure::Undecided(e.to_string()),
    }
}
