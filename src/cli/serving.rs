//! Where and how a ledger or a mirror is served: flags that both commands have, and serving itself.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};

use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    Config, Context, Failure, Limits,
    config::LogLevel,
    notify::{State, is_service, notify},
    terminal,
};
use crate::{
    authority::{self, Authorities, Schedule},
    event::quote,
    ledger::{self, Ledger},
    peers::{self, Peer},
    serve::{self, Cidr, ForwardedHeader, Proxies, Tls},
    witness::{self, Pace, WitnessAddress},
};

/// Where `serve` and `demo` listen by default.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// Where and how to serve.
#[derive(Debug, ClapArgs)]
pub(super) struct Serving {
    /// Address and port; port 0 takes any that is free [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "ONRECORD_LISTEN", hide_env_values = true)]
    listen: Option<String>,
    /// The address under which the world reaches it, for permalinks; must be given behind a proxy [default: the one each
    /// reader used]
    #[arg(long, value_name = "URL", env = "ONRECORD_URL", hide_env_values = true)]
    url: Option<String>,
    /// Let pages of all sites read what is served and hand in what somebody signed, or not [default: if --url begins with
    /// https]
    #[arg(
        long,
        value_name = "BOOL",
        env = "ONRECORD_CORS",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    cors: Option<bool>,
    /// Serve numbers for Prometheus at /metrics on this address, which strangers should not reach
    #[arg(long, value_name = "ADDR", env = "ONRECORD_METRICS", hide_env_values = true)]
    metrics: Option<String>,
    /// How much is logged to stderr: error, warn, info, debug or trace [default: info]
    #[arg(
        long,
        value_name = "LEVEL",
        env = "ONRECORD_LOG",
        hide_env_values = true,
        hide_possible_values = true
    )]
    log: Option<LogLevel>,
    /// A proxy in front, as an address or a network: only of its requests is the caller's address taken from the header.
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
    #[command(flatten)]
    pub limits: Limits,
}

/// Whom the ledger asks while it is served.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Asked for cosignatures.
    pub witnesses: Option<(Vec<WitnessAddress>, Pace)>,
    /// Asked for time-stamps.
    pub authorities: Option<(Authorities, Schedule)>,
    /// Asked what they know of the log.
    pub peers: Vec<Peer>,
}

/// Addresses that are bound, and how they are served.
pub(super) struct Bound {
    pub listener: TcpListener,
    pub metrics: Option<TcpListener>,
    pub options: serve::Options,
}

impl Serving {
    /// Logs to stderr from now on, at the level of the flag or the settings file, else at `usual`.
    pub fn start_log(&self, config: &Config, usual: LogLevel) {
        start_log(self.log.or(config.log).unwrap_or(usual));
    }

    /// How the ledger is opened.
    pub fn ledger_options(&self, config: &Config) -> ledger::Options {
        self.limits.options(&config.limits)
    }

    /// Binds the addresses. This comes first: if one is taken, nothing else is begun in vain.
    pub fn bind(&self, config: &Config) -> Result<Bound, Failure> {
        let url = self.url.as_ref().or(config.url.as_ref());
        let url = url.map(|url| crate::verify::http::base_address(url)).transpose();
        let mut options = self.limits.of_serving(&config.limits);
        options.url = url.map_err(|e| Failure::Usage(format!("--url {e}")))?;
        if let Some(url) = options.url.as_deref().filter(|url| !serve::is_site(url)) {
            let why = "expected a host that browsers can name, in ASCII letters (a name in others is written in punycode, xn--...), \
                       and a port up to 65535";
            return Err(Failure::Usage(format!("--url {}: {why}", quote(url))));
        }
        if let Some(url) =
            options.url.as_deref().filter(|url| url.trim_end_matches('/').matches('/').count() > 2)
        {
            let why = "expected no path: links of pages begin at the root, so give the ledger a host or a port of its own";
            return Err(Failure::Usage(format!("--url {}: {why}", quote(url))));
        }
        options.cors = self.cors.or(config.cors);
        options.proxies = Proxies {
            trusted: if self.trusted_proxies.is_empty() {
                config.trusted_proxies.clone()
            } else {
                self.trusted_proxies.clone()
            },
            header: self.forwarded_header.or(config.forwarded_header).unwrap_or_default(),
        };
        if !options.proxies.trusted.is_empty() && options.url.is_none() {
            // A request from a proxy says neither whether readers use TLS nor which name they use.
            let why =
                "behind a proxy, say by --url under which address readers reach it: permalinks begin with it";
            return Err(Failure::Usage(why.to_owned()));
        }
        options.tls = tls(
            self.tls_cert.clone().or_else(|| config.tls_cert.clone()),
            self.tls_key.clone().or_else(|| config.tls_key.clone()),
        )?;
        let listen = self.listen.as_deref().or(config.listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
        let listener = bind(listen, "--listen")?;
        let metrics = self.metrics.as_deref().or(config.metrics.as_deref());
        let metrics = metrics.map(|address| bind(address, "--metrics")).transpose()?;
        Ok(Bound { listener, metrics, options })
    }
}

impl Bound {
    /// Returns a function that prints where the ledger is served, and for a mirror whose it is. To be called once signals are
    /// handled: a reader of the line may send one at once.
    pub fn saying(
        &self,
        context: &Context,
        mirror_of: Option<&str>,
    ) -> Result<impl FnOnce() + use<>, Failure> {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        let address = local(&self.listener)?;
        let numbers = self.metrics.as_ref().map(local).transpose()?;
        let numbers = numbers.map(|address| format!("http://{address}/metrics"));
        let (as_json, mirror_of) = (context.json, mirror_of.map(str::to_owned));
        Ok(move || {
            if as_json {
                let mut said =
                    serde_json::Map::from_iter([("url".into(), json!(format!("{scheme}://{address}")))]);
                said.extend(numbers.map(|numbers| ("metrics".into(), json!(numbers))));
                said.extend(mirror_of.map(|of| ("mirror_of".into(), json!(of))));
                terminal::json(&said);
            } else {
                let of = mirror_of.map(|of| format!(", a mirror of {of}")).unwrap_or_default();
                terminal::result(&format!("listening on {scheme}://{address}{of}"));
                if let Some(numbers) = numbers {
                    terminal::result(&format!("metrics at {numbers}"));
                }
            }
        })
    }

    /// Serves until SIGINT or SIGTERM. Then calls `end_writer`, and lets the ledger finish what it took in. `say` is called
    /// once signals are handled.
    pub fn until_stopped(
        self,
        ledger: Ledger,
        asked: Asked,
        say: impl FnOnce(),
        end_writer: impl FnOnce(),
    ) -> Result<(), Failure> {
        let Self { listener, metrics, mut options } = self;
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
            // A service manager reloads with SIGHUP, and the service must go on. Otherwise SIGHUP means a closed terminal, and
            // ends the program, unless there is a certificate to read again.
            if options.tls.is_some() || is_service() {
                tokio::spawn(renew(options.tls.clone(), hangups()?));
            }
            say();
            if let Some((witnesses, pace)) = asked.witnesses {
                tokio::spawn(witness::collect(ledger.clone(), witnesses, pace));
            }
            if let Some((authorities, schedule)) = asked.authorities {
                tokio::spawn(authority::collect(ledger.clone(), authorities, schedule));
            }
            if !asked.peers.is_empty() {
                tokio::spawn(peers::watch(ledger.clone(), asked.peers));
            }
            notify(State::Ready);
            let stop = async {
                stop.await;
                notify(State::Stopping);
            };
            options.metrics = metrics.map(tokio::net::TcpListener::from_std).transpose()?.map(Arc::new);
            serve::serve(ledger.clone(), listener, options, stop).await
        });
        // The service itself waits for requests that are being answered. This wait is for tasks that hang after it.
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        end_writer();
        ledger.close();
        served.map_err(failed)
    }
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

/// Binds an address. An error names `flag`, which gives another address.
pub(super) fn bind(listen: &str, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(listen).map_err(|e| {
        let why = match e.kind() {
            io::ErrorKind::AddrInUse => "something else listens there".to_owned(),
            io::ErrorKind::InvalidInput => "expected an address and a port".to_owned(),
            _ => e.to_string(),
        };
        let message = format!("{listen}: {why}; give another with {flag}, such as {flag} 127.0.0.1:8081");
        match e.kind() {
            // The process that listens may be about to end. A service manager tries again after exit code 3.
            io::ErrorKind::AddrInUse => Failure::Undecided(message),
            _ => Failure::Usage(message),
        }
    })
}

/// The address at which this machine reaches a listener: the loopback address, if it listens on all.
pub(super) fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

/// The address that is listened on, with its real port.
pub(super) fn local(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|e| Failure::Undecided(format!("the listener: {e}")))
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
    // A second call fails, since the log is set up already. That is no error.
    let _ = log.try_init();
}

#[cfg(unix)]
fn hangups() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
}

/// Reads certificate and key again at each SIGHUP.
#[cfg(unix)]
async fn renew(tls: Option<Arc<Tls>>, mut hangups: tokio::signal::unix::Signal) {
    while hangups.recv().await.is_some() {
        match tls.as_ref().map(|tls| tls.reload()) {
            None => {
                tracing::info!("there is no certificate to be read again; settings are read at the start")
            }
            Some(Ok(())) => tracing::info!("the certificate was read again"),
            Some(Err(error)) => tracing::error!(%error, "the certificate stays what it was"),
        }
    }
}

/// A future that ends when the process is told to stop. Handlers are in place once this function returns, before the future
/// is awaited.
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
