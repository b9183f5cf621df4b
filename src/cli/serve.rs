//! `serve`: HTTP, GraphQL and pages, until it is told to stop.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};

use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    Context, Failure, Limits,
    config::{AskedWitness, LogLevel},
    notify::{State, notify},
    terminal,
};
use crate::{
    ledger::{Ledger, LedgerError},
    log::WitnessKey,
    serve::{self, Cidr, ForwardedHeader, Proxies, Tls},
    witness::{self, MAX_WITNESSES, Pace, WitnessAddress},
};

/// Where `serve` and `demo` listen when nobody says.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

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
    /// Address and port; port 0 takes any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "ONRECORD_LISTEN", hide_env_values = true)]
    listen: Option<String>,
    /// The address under which the world reaches it, for permalinks [default: the one each reader used]
    #[arg(long, value_name = "URL", env = "ONRECORD_URL", hide_env_values = true)]
    url: Option<String>,
    /// Serve numbers for Prometheus at /metrics on this address, which strangers should not reach
    #[arg(long, value_name = "ADDR", env = "ONRECORD_METRICS", hide_env_values = true)]
    metrics: Option<String>,
    /// The most that is logged, to stderr: error, warn, info, debug or trace [default: info]
    #[arg(
        long,
        value_name = "LEVEL",
        env = "ONRECORD_LOG",
        hide_env_values = true,
        hide_possible_values = true
    )]
    log: Option<LogLevel>,
    /// A proxy in front, as an address or a network: from it alone, the caller's address is taken from the header.
    /// May be given again
    #[arg(
        long = "trusted-proxy",
        value_name = "CIDR",
        env = "ONRECORD_TRUSTED_PROXY",
        hide_env_values = true,
        value_delimiter = ','
    )]
    trusted_proxies: Vec<Cidr>,
    /// The header in which proxies name the caller [default: x-forwarded-for]
    #[arg(long, value_name = "NAME", env = "ONRECORD_FORWARDED_HEADER", hide_env_values = true)]
    forwarded_header: Option<ForwardedHeader>,
    /// Serve over TLS with this certificate chain, in PEM. Read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "ONRECORD_TLS_CERT", hide_env_values = true)]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM; readable by its owner and at most a group
    #[arg(long, value_name = "FILE", env = "ONRECORD_TLS_KEY", hide_env_values = true)]
    tls_key: Option<PathBuf>,
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
    #[command(flatten)]
    limits: Limits,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let config = &context.config;
    let data = args.data.or_else(|| config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let listen = args.listen.as_deref().or(config.listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
    start_log(args.log.or(config.log).unwrap_or(LogLevel::Info));
    let url = args.url.or_else(|| config.url.clone());
    let url = url.map(|url| crate::mirror::base_address(&url)).transpose();
    let url = url.map_err(|e| Failure::Usage(format!("--url {e}")))?;
    let mut options = args.limits.of_serving(&config.limits);
    options.url = url;
    options.proxies = Proxies {
        trusted: if args.trusted_proxies.is_empty() {
            config.trusted_proxies.clone()
        } else {
            args.trusted_proxies
        },
        header: args.forwarded_header.or(config.forwarded_header).unwrap_or_default(),
    };
    options.tls = tls(
        args.tls_cert.or_else(|| config.tls_cert.clone()),
        args.tls_key.or_else(|| config.tls_key.clone()),
    )?;
    let asked = if args.witnesses.is_empty() { &config.witnesses } else { &args.witnesses };
    let witnesses = addresses(asked)?;
    let listener = bind(listen, "--listen")?;
    let metrics = args.metrics.as_deref().or(config.metrics.as_deref());
    let metrics = metrics.map(|address| bind(address, "--metrics")).transpose()?;
    let mut of_ledger = args.limits.options(&config.limits);
    of_ledger.witnesses = witnesses.iter().map(|w| w.key.clone()).collect();
    let ledger = Ledger::open(&data, of_ledger).map_err(ledger_failure)?;
    let address = local(&listener)?;
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let numbers = metrics.as_ref().map(local).transpose()?.map(|address| format!("http://{address}/metrics"));
    if context.json {
        let mut said = json!({"url": format!("{scheme}://{address}")});
        if let (Some(said), Some(numbers)) = (said.as_object_mut(), numbers) {
            said.insert("metrics".to_owned(), numbers.into());
        }
        terminal::json(&said);
    } else {
        terminal::result(&format!("listening on {scheme}://{address}"));
        if let Some(numbers) = numbers {
            terminal::result(&format!("metrics at {numbers}"));
        }
    }
    let asking = (!witnesses.is_empty()).then(|| (witnesses, args.limits.of_asking(&config.limits)));
    until_stopped(ledger, listener, metrics, options, asking)
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

/// Certificate and key, both or neither.
fn tls(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Arc<Tls>>, Failure> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => match Tls::open(cert, key) {
            Ok(tls) => Ok(Some(Arc::new(tls))),
            Err(e) => Err(Failure::Usage(e.to_string())),
        },
        _ => Err(Failure::Usage("give both --tls-cert FILE and --tls-key FILE, or neither".to_owned())),
    }
}

/// Takes the address, before anything else is done that would be in vain.
pub(super) fn bind(listen: &str, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).map_err(|e| {
        let why = match e.kind() {
            io::ErrorKind::AddrInUse => "something else listens there".to_owned(),
            io::ErrorKind::InvalidInput => "expected an address and a port".to_owned(),
            _ => e.to_string(),
        };
        Failure::Usage(format!("{listen}: {why}; give another with {flag}, such as {flag} 127.0.0.1:8081"))
    })
}

/// The address that is listened on, with its real port.
pub(super) fn local(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|e| Failure::Undecided(format!("the listener: {e}")))
}

/// A ledger that can't be made or opened, told as whose fault it is.
pub(super) fn ledger_failure(e: LedgerError) -> Failure {
    match e {
        LedgerError::Refused(refusal) => Failure::Event(refusal),
        LedgerError::Exists(_) | LedgerError::Locked(_) | LedgerError::Broken(_) => {
            Failure::Refused(e.to_string())
        }
        LedgerError::NotALedger(_) => Failure::Usage(e.to_string()),
        e => Failure::Undecided(e.to_string()),
    }
}

/// Logs to stderr from now on.
pub(super) fn start_log(level: LogLevel) {
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(ansi);
    // A second call finds the log set up by the first.
    let _ = log.try_init();
}

/// Serves until SIGINT or SIGTERM, and asks witnesses meanwhile; then lets the ledger end what it took in.
pub(super) fn until_stopped(
    ledger: Ledger,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    mut options: serve::Options,
    asking: Option<(Vec<WitnessAddress>, Pace)>,
) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::Undecided(format!("serve: {e}"));
    for listener in [&listener].into_iter().chain(&metrics) {
        listener.set_nonblocking(true).map_err(failed)?;
    }
    serve::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stop = stop_signal()?;
        #[cfg(unix)]
        if let Some(tls) = options.tls.clone() {
            tokio::spawn(renew(tls, hangups()?));
        }
        if let Some((witnesses, pace)) = asking {
            tokio::spawn(witness::collect(ledger.clone(), witnesses, pace));
        }
        notify(State::Ready);
        let stop = async {
            stop.await;
            notify(State::Stopping);
        };
        options.metrics = metrics.map(tokio::net::TcpListener::from_std).transpose()?.map(Arc::new);
        serve::serve(ledger.clone(), listener, options, stop).await
    });
    // Requests that are still being answered have their time in the service; this is for what hangs after it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    ledger.close();
    served.map_err(failed)
}

#[cfg(unix)]
fn hangups() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
}

/// Reads certificate and key again at each SIGHUP.
#[cfg(unix)]
async fn renew(tls: Arc<Tls>, mut hangups: tokio::signal::unix::Signal) {
    while hangups.recv().await.is_some() {
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(%error, "the certificate stays what it was"),
        }
    }
}

/// Ends when the process is told to stop. Handlers are in place when this returns, not when it is awaited.
#[cfg(unix)]
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    })
}

#[cfg(not(unix))]
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
