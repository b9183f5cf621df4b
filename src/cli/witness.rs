//! `witness`: cosigns the checkpoints of other logs, until it is told to stop.

use std::{io, path::PathBuf, sync::Arc};

use clap::Args as ClapArgs;
use serde_json::json;

use super::{
    Context, Failure,
    config::LogLevel,
    key,
    notify::{State, notify},
    serving::{bind, local, start_log, stop_signal},
    terminal,
};
use crate::{
    event::quote,
    serve,
    store::disk,
    witness::{self, LogKey, LogKeyError, Witness, WitnessError},
};

/// Where `witness` listens by default.
const DEFAULT_LISTEN: &str = "127.0.0.1:8081";

/// Be a witness: cosign what logs ask for, if it continues what was cosigned before
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Prints its public key, which readers put into their policies, and the address it listens on. A log's operator is given
both. Speaks c2sp.org/tlog-witness: add-checkpoint, and the latest cosigned checkpoint of each log at
/<SHA-256 of the log's origin>/checkpoint.

The folder is all that keeps it from cosigning two histories: never put an older copy of it back.

Examples:
  onrecord key new --witness witness.example.org/w1 -o witness.key
  onrecord witness --key witness.key --data witness-data --log VKEY
  onrecord witness --key witness.key --data witness-data --log VKEY --log VKEY --listen 127.0.0.1:8081
  onrecord witness --key witness.key --data witness-data --log \"go.sum database tree VKEY\"")]
pub(super) struct Args {
    /// Its key file, made by: onrecord key new --witness NAME
    #[arg(long = "key", value_name = "FILE", env = "ONRECORD_WITNESS_KEY_FILE", hide_env_values = true)]
    key_file: Option<PathBuf>,
    /// Its folder, which holds what it cosigned last; made if it is not there
    #[arg(long, value_name = "DIR", env = "ONRECORD_WITNESS_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// A log to cosign, by its public key, or its origin, a space and its public key; may be given again, also for another
    /// key of the same log
    #[arg(long = "log", value_name = "[ORIGIN ]VKEY", env = "ONRECORD_WITNESS_LOGS", hide_env_values = true)]
    logs: Vec<String>,
    /// Address and port; port 0 takes any that is free [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", env = "ONRECORD_WITNESS_LISTEN", hide_env_values = true)]
    listen: Option<String>,
    /// How much is logged to stderr: error, warn, info, debug or trace [default: info]
    #[arg(
        long,
        value_name = "LEVEL",
        env = "ONRECORD_LOG",
        hide_env_values = true,
        hide_possible_values = true
    )]
    log_level: Option<LogLevel>,
}

/// Reads a log's key, or several with commas between them.
fn log_keys(text: &str, from: &str) -> Result<Vec<LogKey>, Failure> {
    let named = |e: LogKeyError| Failure::Usage(format!("{from}: {}: {e}", quote(text)));
    match text.trim().parse() {
        Ok(log) => Ok(vec![log]),
        // Names may have commas, so this is tried only if the whole text is no key.
        Err(e) if text.contains(',') => {
            text.split(',').map(|one| one.trim().parse().map_err(|_| named(e.clone()))).collect()
        }
        Err(e) => Err(named(e)),
    }
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let config = &context.config.witness;
    let give = |flag: &str, key: &str| {
        let variable = key.to_uppercase();
        Failure::Usage(format!(
            "give {flag} (or ONRECORD_WITNESS_{variable}, or `{key}` under [witness] in onrecord.toml)"
        ))
    };
    let key_file = args.key_file.or_else(|| config.key_file.clone());
    let key = key::read_witness(&key_file.ok_or_else(|| give("--key FILE", "key_file"))?)?;
    let data = args.data.or_else(|| config.data.clone()).ok_or_else(|| give("--data DIR", "data"))?;
    let (logs, from) = if args.logs.is_empty() { (&config.logs, "logs") } else { (&args.logs, "--log") };
    let logs: Vec<LogKey> =
        logs.iter().map(|text| log_keys(text, from)).collect::<Result<Vec<_>, _>>()?.concat();
    if logs.is_empty() {
        return Err(give("--log VKEY", "logs"));
    }
    start_log(args.log_level.or(context.config.log).unwrap_or(LogLevel::Info));
    let listen = args.listen.as_deref().or(config.listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
    let listener = bind(listen, "--listen")?;
    disk::create_dir_all(&data).map_err(|e| Failure::Undecided(format!("create {}: {e}", data.display())))?;
    let witness = Witness::open(&data, key, logs).map_err(|e| match e {
        WitnessError::Io { .. } => Failure::Undecided(e.to_string()),
        WitnessError::KeyTwice(_) => Failure::Usage(e.to_string()),
        e => Failure::Refused(e.to_string()),
    })?;
    let (address, vkey) = (local(&listener)?, witness.key().to_string());
    let failed = |e: io::Error| Failure::Undecided(format!("witness: {e}"));
    listener.set_nonblocking(true).map_err(failed)?;
    serve::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime
        .block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let stop = stop_signal()?;
            // Printed once signals are handled: a reader of the line may send one at once.
            if context.json {
                terminal::json(&json!({"vkey": vkey, "url": format!("http://{address}")}));
            } else {
                terminal::result(&format!("witness {vkey}\nlistening on http://{address}"));
            }
            notify(State::Ready);
            let stop = async {
                stop.await;
                notify(State::Stopping);
            };
            let options = context.config.limits.of_serving(&context.config.limits);
            witness::serve(Arc::new(witness), listener, options, stop).await;
            Ok(())
        })
        .map_err(failed)
}
