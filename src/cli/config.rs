//! Settings: flags, then the environment, then one TOML file. `onrecord.example.toml` documents every key.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    authority::Schedule,
    ledger::Options,
    serve::{self, Cidr, ForwardedHeader},
    witness::Pace,
};

/// The settings file that is read if it exists and `--config` names no other.
const DEFAULT_FILE: &str = "onrecord.toml";

/// The default of `scrub_every_days`.
const SCRUB_EVERY_DAYS: u64 = 30;

/// What the settings file holds. Every key may be left out; a key that is not known is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The ledger's folder, for `init`, `serve` and `rebuild`. Relative to the file.
    pub data: Option<PathBuf>,
    /// Where `serve` listens.
    pub listen: Option<String>,
    /// The address under which the world reaches what `serve` serves, for permalinks.
    pub url: Option<String>,
    /// Whether pages of all sites may use what `serve` serves.
    pub cors: Option<bool>,
    /// Where `serve` serves `/metrics`.
    pub metrics: Option<String>,
    /// Proxies whose word on a caller's address `serve` believes.
    #[serde(default)]
    pub trusted_proxies: Vec<Cidr>,
    /// The header in which these proxies name the caller's address.
    pub forwarded_header: Option<ForwardedHeader>,
    /// The certificate that `serve` answers with over TLS. Relative to the file.
    pub tls_cert: Option<PathBuf>,
    /// The key of that certificate. Relative to the file.
    pub tls_key: Option<PathBuf>,
    /// The most that `serve` logs: `error`, `warn`, `info`, `debug` or `trace`.
    pub log: Option<LogLevel>,
    /// The ledger that commands write to and ask.
    pub ledger: Option<String>,
    /// The key file that `record` signs with. Relative to the file.
    pub key_file: Option<PathBuf>,
    /// Limits and intervals of `serve`.
    #[serde(default)]
    pub limits: Limits,
    /// Witnesses that `serve` asks to cosign its checkpoints.
    #[serde(default)]
    pub witnesses: Vec<AskedWitness>,
    /// Mirrors and other readers that `serve` asks whether they know more of its log than is in its folder.
    #[serde(default)]
    pub peers: Vec<AskedPeer>,
    /// Whether `serve` opens only if a witness or a peer could be asked.
    pub require_peer: Option<bool>,
    /// Addresses of the time-stamping authorities that `serve` asks to stamp its checkpoints.
    #[serde(default)]
    pub timestamp_authorities: Vec<String>,
    /// Files with the root certificates that these authorities must lead to. Relative to the file.
    #[serde(default)]
    pub timestamp_roots: Vec<PathBuf>,
    /// Settings of `witness`.
    #[serde(default)]
    pub witness: WitnessConfig,
}

/// A witness that is asked: `[[witnesses]]`, or `<vkey> <url>`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedWitness {
    /// Its public key, a vkey of type 0x04.
    pub key: String,
    /// Its submission prefix: what stands before `/add-checkpoint`.
    pub url: String,
}

impl FromStr for AskedWitness {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, url) = text.trim().split_once(' ').ok_or("expected a vkey, a space and a URL")?;
        Ok(Self { key: key.to_owned(), url: url.trim().to_owned() })
    }
}

/// A reader that is asked what it knows: `[[peers]]`, or `<url>`, or `<vkey> <url>`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedPeer {
    /// Its address: what stands before `/checkpoint`.
    pub url: String,
    /// The key that must have signed the peer's checkpoint: a witness's, a vkey of type 0x04, or the log's own, which is the
    /// default.
    pub key: Option<String>,
}

impl FromStr for AskedPeer {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.trim().split_once(' ') {
            Some((key, url)) => Self { url: url.trim().to_owned(), key: Some(key.to_owned()) },
            None => Self { url: text.trim().to_owned(), key: None },
        })
    }
}

/// How to be a witness: `[witness]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// Its folder. Relative to the file.
    pub data: Option<PathBuf>,
    /// Its key file. Relative to the file.
    pub key_file: Option<PathBuf>,
    /// Where it listens.
    pub listen: Option<String>,
    /// The public keys of the logs that it cosigns.
    #[serde(default)]
    pub logs: Vec<String>,
}

/// Limits and intervals of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most submissions written with one sync
    #[arg(long, value_name = "N", env = "ONRECORD_MAX_BATCH", hide_env_values = true)]
    pub max_batch: Option<usize>,
    /// Milliseconds between two checkpoints on disk, at least
    #[arg(long, value_name = "MS", env = "ONRECORD_PUBLISH_EVERY_MS", hide_env_values = true)]
    pub publish_every_ms: Option<u64>,
    /// The largest file taken, in bytes
    #[arg(long, value_name = "BYTES", env = "ONRECORD_MAX_FILE", hide_env_values = true)]
    pub max_file: Option<u64>,
    /// The most bytes one address may have uploaded that no event names yet
    #[arg(long, value_name = "BYTES", env = "ONRECORD_UPLOAD_QUOTA", hide_env_values = true)]
    pub upload_quota: Option<u64>,
    /// Seconds that an upload waits for an event that names it
    #[arg(long, value_name = "SECONDS", env = "ONRECORD_UPLOAD_EXPIRY_S", hide_env_values = true)]
    pub upload_expiry_s: Option<u64>,
    /// The most connections open at once; when all are taken, one that only waits makes room for a new one
    #[arg(long, value_name = "N", env = "ONRECORD_CONNECTIONS", hide_env_values = true)]
    pub connections: Option<usize>,
    /// The most connections of one address, or of one /64 network of IPv6
    #[arg(long, value_name = "N", env = "ONRECORD_CONNECTIONS_EACH", hide_env_values = true)]
    pub connections_each: Option<usize>,
    /// About how many MiB of entries, words and answers are kept in memory for readers; if left out, a quarter of the
    /// machine's memory, 64 to 1024
    #[arg(long, value_name = "MIB", env = "ONRECORD_CACHE_MIB", hide_env_values = true)]
    pub cache_mib: Option<usize>,
    /// The most events that one address puts on record at once; an event counts once for each 16 KiB begun
    #[arg(long, value_name = "N", env = "ONRECORD_WRITE_BURST", hide_env_values = true)]
    pub write_burst: Option<u32>,
    /// The most events a minute that one address puts on record after its burst, 0 for any number; programs on this machine
    /// are not limited
    #[arg(long, value_name = "N", env = "ONRECORD_WRITES_PER_MINUTE", hide_env_values = true)]
    pub writes_per_minute: Option<u32>,
    /// Milliseconds between two checkpoints that witnesses are asked to cosign, at least
    #[arg(long, value_name = "MS", env = "ONRECORD_WITNESS_EVERY_MS", hide_env_values = true)]
    pub witness_every_ms: Option<u64>,
    /// Milliseconds that a witness may take to answer
    #[arg(long, value_name = "MS", env = "ONRECORD_WITNESS_TIMEOUT_MS", hide_env_values = true)]
    pub witness_timeout_ms: Option<u64>,
    /// Milliseconds after which a witness is asked for a newer cosignature on the same checkpoint
    #[arg(long, value_name = "MS", env = "ONRECORD_WITNESS_RENEW_MS", hide_env_values = true)]
    pub witness_renew_ms: Option<u64>,
    /// Seconds between two checkpoints that time-stamping authorities are asked to stamp, at least 60
    #[arg(
        long,
        value_name = "SECONDS",
        env = "ONRECORD_TIMESTAMP_EVERY_S",
        hide_env_values = true,
        value_parser = clap::value_parser!(u64).range(60..)
    )]
    pub timestamp_every_s: Option<u64>,
    /// Days in which all full tiles and files are read once and checked against the log, 0 for never [default: 30]
    #[arg(long, value_name = "DAYS", env = "ONRECORD_SCRUB_EVERY_DAYS", hide_env_values = true)]
    pub scrub_every_days: Option<u64>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What a person must mend.
    Error,
    /// Also what a person may have to mend.
    Warn,
    /// Also what happens.
    Info,
    /// Also how it happens.
    Debug,
    /// Everything.
    Trace,
}

/// A settings file that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It can't be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds a secret key.
    #[error("{}: a secret key stands in it; give the name of its key file", .0.display())]
    Secret(PathBuf),
    /// It is not TOML, or a key is unknown or not of its type.
    #[error("{}:{line}: {message}", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was expected.
        message: String,
    },
}

impl Config {
    /// Reads the file named, or `onrecord.toml` in the current folder if there is one.
    ///
    /// # Errors
    /// [`ConfigError`], naming the line.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match fs::read_to_string(path) {
            // A line with it might be quoted in an error.
            Ok(text) if super::holds_secret(text.as_bytes()) => {
                return Err(ConfigError::Secret(path.to_owned()));
            }
            Ok(text) => text,
            Err(e) if file.is_none() && e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Read { file: path.to_owned(), source }),
        };
        Self::parse(&text, path)
    }

    /// Reads the text of a settings file; paths in it are relative to the folder it lies in.
    ///
    /// # Errors
    /// [`ConfigError::Parse`], naming the line.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|e| {
            let start = e.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..start].iter().filter(|b| **b == b'\n').count() + 1;
            let message = e.message().replace('\n', ", ");
            ConfigError::Parse { file: file.to_owned(), line, message }
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let paths = [
            &mut config.data,
            &mut config.key_file,
            &mut config.tls_cert,
            &mut config.tls_key,
            &mut config.witness.data,
            &mut config.witness.key_file,
        ];
        for path in paths.into_iter().flatten().chain(&mut config.timestamp_roots) {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

impl Limits {
    /// The ledger's options: from these limits, else from those of `file`, else the defaults.
    pub(super) fn options(&self, file: &Self) -> Options {
        let mut options = Options::default();
        if let Some(n) = self.max_batch.or(file.max_batch) {
            options.max_batch = n;
        }
        if let Some(ms) = self.publish_every_ms.or(file.publish_every_ms) {
            options.publish_every = Duration::from_millis(ms);
        }
        if let Some(bytes) = self.max_file.or(file.max_file) {
            options.max_file = bytes;
        }
        if let Some(bytes) = self.upload_quota.or(file.upload_quota) {
            options.upload_quota = bytes;
        }
        if let Some(seconds) = self.upload_expiry_s.or(file.upload_expiry_s) {
            options.upload_expiry = Duration::from_secs(seconds);
        }
        let days = self.scrub_every_days.or(file.scrub_every_days).unwrap_or(SCRUB_EVERY_DAYS);
        options.scrub_every = (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400)));
        options
    }

    /// When and how long witnesses are asked, from the same sources.
    pub(super) fn of_asking(&self, file: &Self) -> Pace {
        let mut pace = Pace::default();
        if let Some(ms) = self.witness_every_ms.or(file.witness_every_ms) {
            pace.every = Duration::from_millis(ms);
        }
        if let Some(ms) = self.witness_timeout_ms.or(file.witness_timeout_ms) {
            pace.timeout = Duration::from_millis(ms);
        }
        if let Some(ms) = self.witness_renew_ms.or(file.witness_renew_ms) {
            pace.renew = Duration::from_millis(ms);
        }
        pace
    }

    /// When time-stamping authorities are asked, from the same sources.
    pub(super) fn of_timestamps(&self, file: &Self) -> Schedule {
        let mut schedule = Schedule::default();
        if let Some(seconds) = self.timestamp_every_s.or(file.timestamp_every_s) {
            // Free authorities do not put up with more requests. The flag has the same limit; the file's value has none.
            schedule.every = Duration::from_secs(seconds.max(60));
        }
        schedule
    }

    /// Limits of the HTTP service, from the same sources.
    pub(super) fn of_serving(&self, file: &Self) -> serve::Options {
        let mut options = serve::Options::default();
        if let Some(n) = self.connections.or(file.connections) {
            options.connections = n;
        }
        if let Some(n) = self.connections_each.or(file.connections_each) {
            options.connections_each = n;
        }
        if let Some(mib) = self.cache_mib.or(file.cache_mib) {
            options.cache = mib.saturating_mul(1 << 20);
        }
        if let Some(n) = self.write_burst.or(file.write_burst) {
            options.writes.burst = n;
        }
        if let Some(n) = self.writes_per_minute.or(file.writes_per_minute) {
            options.writes.per_minute = n;
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::note::VerifyingKey;

    const EXAMPLE: &str = include_str!("../../onrecord.example.toml");

    #[test]
    fn every_key_of_the_example_is_read_and_every_key_is_in_it() {
        // Settings without a sensible default stand in it as `#key = value`.
        let example = EXAMPLE.replace("\n#", "\n").replace("\n ", "\n# ");
        let config = Config::parse(&example, Path::new("etc/onrecord.toml")).unwrap();
        // Every field is named, so that this does not compile until a new key is checked here.
        let Config {
            data,
            listen,
            url,
            cors,
            metrics,
            trusted_proxies,
            forwarded_header,
            tls_cert,
            tls_key,
            log,
            ledger,
            key_file,
            limits,
            witnesses,
            peers,
            require_peer,
            timestamp_authorities,
            timestamp_roots,
            witness,
        } = config;
        assert_eq!(data, Some("etc/ledger-data".into()));
        assert_eq!(listen.as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(url.as_deref(), Some("https://ledger.example.org"));
        assert_eq!(cors, Some(true));
        assert_eq!(metrics.as_deref(), Some("127.0.0.1:9100"));
        assert_eq!(trusted_proxies, ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]);
        assert_eq!(forwarded_header, Some(ForwardedHeader::default()));
        assert_eq!(tls_cert, Some("etc/tls/fullchain.pem".into()));
        assert_eq!(tls_key, Some("etc/tls/privkey.pem".into()));
        assert_eq!(log, Some(LogLevel::Info));
        assert_eq!(ledger.as_deref(), Some("https://ledger.example.org"));
        assert_eq!(key_file, Some("etc/desk.key".into()));
        let [AskedWitness { key, url }] = &witnesses[..] else { panic!("{witnesses:?}") };
        assert!(key.parse::<crate::log::WitnessKey>().is_ok());
        assert_eq!(url, "https://witness.example.org");
        let [AskedPeer { key, url }] = &peers[..] else { panic!("{peers:?}") };
        assert!(key.as_ref().is_some_and(|key| key.parse::<VerifyingKey>().is_ok()));
        assert_eq!((url.as_str(), require_peer), ("https://mirror.example.net", Some(false)));
        assert_eq!(timestamp_authorities, ["https://timestamp.example.org/tsr"]);
        assert_eq!(timestamp_roots, [PathBuf::from("etc/authorities.pem")]);
        let WitnessConfig { data, key_file, listen, logs } = witness;
        assert_eq!((data, key_file), (Some("etc/witness-data".into()), Some("etc/witness.key".into())));
        assert_eq!(listen.as_deref(), Some("127.0.0.1:8081"));
        assert!(!logs.is_empty() && logs.iter().all(|log| log.parse::<VerifyingKey>().is_ok()));
        let pace = Limits::default().of_asking(&limits);
        let (options, serving) = (Limits::default().options(&limits), Limits::default().of_serving(&limits));
        let Limits {
            max_batch,
            publish_every_ms,
            max_file,
            upload_quota,
            upload_expiry_s,
            connections,
            connections_each,
            cache_mib,
            write_burst,
            writes_per_minute,
            witness_every_ms,
            witness_timeout_ms,
            witness_renew_ms,
            timestamp_every_s,
            scrub_every_days,
        } = limits;
        assert_eq!(scrub_every_days, Some(SCRUB_EVERY_DAYS), "the example shows the default");
        assert!(max_batch.is_some() && publish_every_ms.is_some() && max_file.is_some());
        assert!(upload_quota.is_some() && upload_expiry_s.is_some());
        assert!(connections.is_some() && connections_each.is_some());
        assert!(write_burst.is_some() && writes_per_minute.is_some());
        assert!(witness_every_ms.is_some() && witness_timeout_ms.is_some());
        assert_eq!(witness_renew_ms.map(Duration::from_millis), Some(Pace::default().renew));
        assert_eq!(timestamp_every_s.map(Duration::from_secs), Some(Schedule::default().every));
        let usual = Pace::default();
        assert_eq!((pace.every, pace.timeout), (usual.every, usual.timeout));
        // By default it depends on the machine.
        assert_eq!(Some(serving.cache >> 20), cache_mib);
        let usual = serve::Options { cache: serving.cache, ..serve::Options::default() };
        assert_eq!(format!("{serving:?}"), format!("{usual:?}"));
        // The example shows the defaults, but for `scrub_every`: a program that opens a ledger scrubs only if it says so.
        let usual = Options { scrub_every: options.scrub_every, ..Options::default() };
        assert_eq!(format!("{options:?}"), format!("{usual:?}"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        for (text, line) in [
            ("data = \"x\"\nlisten_on = \"y\"\n", 2),
            ("[limits]\n\nmax_fil = 3\n", 3),
            ("log = \"loud\"\n", 1),
            ("data = 3", 1),
            ("\n\ndata =", 3),
        ] {
            match Config::parse(text, Path::new("onrecord.toml")) {
                Err(ConfigError::Parse { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        let error = Config::parse("datta = \"x\"", Path::new("onrecord.toml")).unwrap_err().to_string();
        assert!(error.starts_with("onrecord.toml:1: unknown field `datta`"), "{error}");
    }

    #[test]
    fn flags_come_before_the_file() {
        let flags = Limits { max_file: Some(1), ..Limits::default() };
        let file = Limits { max_file: Some(2), max_batch: Some(3), ..Limits::default() };
        let options = flags.options(&file);
        assert_eq!((options.max_file, options.max_batch), (1, 3));
    }
}
