//! `mirror`: a copy of somebody's ledger that is verified, follows it, and is served.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::{
    Context, Failure,
    config::LogLevel,
    duration::duration,
    meter::Meter,
    serve::ledger_failure,
    serving::{Asked, Serving},
    terminal,
    verify::{log_of, read_policy, source, trusting},
};
use crate::{
    ledger::{Reader, StoredWords},
    mirror::{Keeps, Mirror, MirrorError, Pass},
    note::VerifyingKey,
    proof_file::Kept,
    serve::clock,
};

/// The longest wait before a source that can't be reached is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often the log tells how far a long pass has come.
const TELL: Duration = Duration::from_secs(10);

/// Copy a ledger, verify all of it, follow it, and serve the copy
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Copies only what is proven to stand under a checkpoint that the log signed and that continues the last one.
It may be stopped at any moment, and goes on from there. What the origin withholds is removed here too, and listed in
removed.jsonl in the folder. If the log signed two histories, the proof is fork.json in the folder: the copy is kept
and served, and no longer follows the log. If the log signed entries that no log can hold, the proof is
contradiction.json there.

Exit codes: 0 ended by a signal, or --once and the copy is complete; 1 refused, or the log signed two histories, or --once
and words or files are missing that nothing on the log withholds; 3 the source could not be read, or the copy's disk could
not be written.

Examples:
  onrecord mirror https://ledger.example.org --key VKEY --data copy
  onrecord mirror https://ledger.example.org --key VKEY --data copy --once
  onrecord mirror ./rsynced --key VKEY --data copy --once --no-files
  onrecord mirror https://ledger.example.org --policy newsroom.policy --data copy --hold 24h")]
pub(super) struct Args {
    /// The ledger: its address, or a folder with a copy of its public files
    #[arg(value_name = "URL | DIR")]
    source: OsString,
    /// The log's public key, its vkey: origin, id and base64, joined by +
    #[arg(long, value_name = "VKEY", value_parser = super::PublicKey)]
    key: Option<VerifyingKey>,
    /// Which log and which witnesses to trust: a file in the form of C2SP tlog-policy. A checkpoint without the quorum is
    /// not followed
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// With --policy: how old a cosignature may be to count for its quorum, so that newer entries can't be kept from you.
    /// Seconds, or a number with s, m, h or d
    #[arg(long, value_name = "TIME", requires = "policy", value_parser = duration)]
    max_age: Option<Duration>,
    /// The copy's folder, made if it is not there
    #[arg(long, value_name = "DIR", env = "ONRECORD_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// Copy what is there now and end, serving nothing
    #[arg(long)]
    once: bool,
    /// How often to look for new entries: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    every: Duration,
    /// How old an entry must be before its words are copied, so that a mistake can be withheld before
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    hold: Duration,
    /// Keep the signed facts only: no words, no files
    #[arg(long)]
    no_words: bool,
    /// Keep no files
    #[arg(long)]
    no_files: bool,
    /// The largest file that is kept, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    largest_file: u64,
    #[command(flatten)]
    serving: Serving,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let config = &context.config;
    let data = args.data.or_else(|| config.data.clone());
    let data = data.ok_or_else(|| context.missing("--data DIR", "data"))?;
    let policy = args.policy.as_deref().map(|path| read_policy(path, args.max_age)).transpose()?;
    let policy = trusting(args.key.as_ref(), policy)?;
    let key = match (&args.key, &policy) {
        (Some(key), _) => key.clone(),
        (None, Some(policy)) => log_of(policy, &*source(&args.source)?)?,
        (None, None) => {
            let why =
                "give the log's key with --key VKEY, or --policy FILE; get it by another way than the ledger";
            return Err(Failure::Usage(why.into()));
        }
    };
    let keeps = Keeps {
        words: !args.no_words,
        files: (!args.no_words && !args.no_files).then_some(args.largest_file),
        hold: args.hold,
        policy,
    };
    args.serving.start_log(config, if args.once { LogLevel::Warn } else { LogLevel::Info });
    // Bound first: if the port is taken, nothing else is begun in vain.
    let mut bound = if args.once { None } else { Some(args.serving.bind(config)?) };
    let source = source(&args.source)?;
    let options = args.serving.ledger_options(config);
    let mut mirror = Mirror::open(source, key, &data, keeps, options).map_err(|e| failure(e, context))?;
    let first = catch_up(&mut mirror, args.once, context)?;
    if let Some(pass) = &first {
        tell(pass, context);
    }
    let Some(mut bound) = bound.take() else {
        let lacking = first.as_ref().filter(|pass| missing(pass).is_some());
        return if let Some(pass) = lacking {
            if let Some(hint) = hint(pass, mirror.ledger().reader(), &data).filter(|_| !context.json) {
                terminal::result(hint);
            }
            Err(Failure::Silent(1))
        } else {
            Ok(())
        };
    };
    let (status, ledger) = (mirror.status().clone(), mirror.ledger().clone());
    let say = bound.saying(context, Some(&status.now().of))?;
    bound.options.mirror = Some(status.clone());
    let (stop, stopped) = mpsc::channel::<()>();
    let every = args.every.max(Duration::from_millis(100));
    let following =
        std::thread::Builder::new().name("mirror".into()).spawn(move || follow(mirror, every, stopped));
    let following = following.map_err(|e| Failure::Undecided(format!("a thread to follow with: {e}")))?;
    bound.until_stopped(ledger, Asked::default(), say, || {
        drop(stop);
        // The thread ends after the bundle that it is copying, at the latest.
        if following.join().is_err() {
            tracing::error!("the thread that follows ended in a panic");
        }
    })?;
    if status.now().forked { Err(Failure::Silent(1)) } else { Ok(()) }
}

/// The first pass. With `once`, its error is returned; else an unreachable source is tried again until it answers. `None` if
/// the pass failed and there is a copy, verified before, that can be served.
fn catch_up(mirror: &mut Mirror, once: bool, context: &Context) -> Result<Option<Pass>, Failure> {
    let meter = Meter::new();
    let mut wait = Duration::from_secs(1);
    loop {
        let passed = mirror.pass(clock::now(), &|done, of| {
            meter.show(done, of);
            true
        });
        meter.clear();
        match passed {
            Ok(pass) => return Ok(Some(pass)),
            Err(error) if once => return Err(failure(error, context)),
            Err(error)
                if mirror.is_whole() && mirror.ledger().reader().checkpoint().checkpoint().size() > 0 =>
            {
                tracing::error!(%error, "serving what was verified before");
                return Ok(None);
            }
            Err(error @ MirrorError::Unreachable(_)) => {
                tracing::warn!(%error, again_in = ?wait, "the source can't be read");
                std::thread::sleep(wait);
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(error) => return Err(failure(error, context)),
        }
    }
}

/// Follows until the other end of the channel is gone.
fn follow(mut mirror: Mirror, every: Duration, mut stopped: mpsc::Receiver<()>) {
    let (mut wait, mut told) = (every, None);
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
        let state = Mutex::new((Instant::now(), &mut stopped));
        let passed = mirror.pass(clock::now(), &|done, of| {
            let Ok(mut state) = state.lock() else { return false };
            if state.0.elapsed() >= TELL {
                state.0 = Instant::now();
                tracing::info!(done, of, "copying");
            }
            matches!(state.1.try_recv(), Err(mpsc::TryRecvError::Empty))
        });
        wait = every;
        match passed {
            Ok(pass) => {
                if pass.size > pass.from {
                    tracing::info!(size = pass.size, "followed");
                }
                let missing = missing(&pass);
                if let Some(missing) = missing.as_ref().filter(|_| missing != told) {
                    tracing::warn!("MISSING: {missing}; they are asked for again");
                }
                told = missing;
            }
            Err(MirrorError::Stopped) => {}
            Err(error @ MirrorError::Forked(_)) => {
                tracing::error!(%error, "NOT FOLLOWING: the log signed two histories");
                // Nothing can mend that. What was verified before is served until the stop.
                let _ = stopped.recv();
                return;
            }
            Err(error) => {
                tracing::error!(%error, "not followed; what was verified before is served");
                wait = (every * 4).min(LONGEST_WAIT).max(every);
            }
        }
    }
}

/// The words and files that the source does not give and the log does not withhold, in words. `None` if there are none.
fn missing(pass: &Pass) -> Option<String> {
    let count =
        |n: u64, one: &str, more: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { more }));
    let words = count(pass.missing, "entry", "entries").map(|entries| format!("words of {entries}"));
    let what: Vec<String> = words.into_iter().chain(count(pass.files_missing, "file", "files")).collect();
    if what.is_empty() {
        return None;
    }
    let why = pass.answer.map_or_else(
        || "the source has none".to_owned(),
        |status| format!("the source does not give them, it answered {status}"),
    );
    Some(format!("{}: {why}, and nothing on the log withholds them", what.join(" and ")))
}

/// The flag to use if the copy has no words or no files at all, as when its source is a copy of `tile/` alone.
fn hint(pass: &Pass, reader: &Reader, data: &Path) -> Option<&'static str> {
    let is_here = |index| matches!(reader.words(index), Ok(StoredWords::Present(_)));
    if pass.missing > 0 && !(0..pass.size).any(is_here) {
        return Some("no words are here at all; --no-words copies all else");
    }
    let has_files = data.join("public/file").read_dir().is_ok_and(|mut files| files.next().is_some());
    let none = "no files are here at all; --no-files copies all else";
    (pass.files_missing > 0 && !has_files).then_some(none)
}

fn tell(pass: &Pass, context: &Context) {
    if context.json {
        return terminal::json(pass);
    }
    let new = pass.size.saturating_sub(pass.from);
    terminal::result(&format!("{} entries verified and here, {new} of them new", pass.size));
    for removed in &pass.removed {
        terminal::result(&format!(
            "withheld    {} of entry {}, by entry {} ({}, signed by {}, {})",
            removed.blobs.join(", "),
            removed.entry,
            removed.by,
            removed.ground,
            removed.signed_by,
            removed.recorded,
        ));
    }
    if let Some(missing) = missing(pass) {
        terminal::result(&format!("MISSING     {missing}"));
    }
    let (words, files) = (pass.wanting - pass.missing, pass.files_wanting - pass.files_missing);
    if words > 0 {
        let entries = if words == 1 { "entry" } else { "entries" };
        terminal::result(&format!("wanting     words: of {words} {entries}, too young"));
    }
    if files > 0 {
        terminal::result(&format!("wanting     files: {files}, too large or not asked for yet"));
    }
    if pass.waiting > 0 {
        let entries = if pass.waiting == 1 { "entry waits" } else { "entries wait" };
        terminal::result(&format!("waiting     {} more {entries} for the policy's witnesses", pass.waiting));
    }
}

fn failure(e: MirrorError, context: &Context) -> Failure {
    match e {
        MirrorError::Forked(kept) => forked(&kept, context),
        MirrorError::Unreachable(why) | MirrorError::Disk(why) => Failure::Undecided(why),
        MirrorError::Ledger(e) => ledger_failure(e),
        e => Failure::Refused(e.to_string()),
    }
}

/// Prints that the log signed two histories. This is a verdict, so it goes to stdout, with the proof if no file holds it.
pub(super) fn forked(kept: &Kept, context: &Context) -> Failure {
    if context.json {
        let (file, proof, why) = match kept {
            Kept::At(path) => (Some(path), None, None),
            Kept::Nowhere { why, proof } => (None, serde_json::from_str::<Value>(proof).ok(), Some(why)),
        };
        terminal::json(&json!({"forked": true, "file": file, "proof": proof, "why": why}));
    } else {
        terminal::result(&terminal::plain(&format!("FORK  the log signed two histories; {kept}")));
    }
    if let Kept::Nowhere { why, .. } = kept {
        terminal::note(&format!("{why}. The proof that the log signed two histories was not written"));
    }
    Failure::Silent(1)
}
