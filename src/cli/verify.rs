//! `verify`: checks a ledger, in a folder or at an address, an exhibit, a case file, a receipt, or the proof of a lie, trusting
//! nobody.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt::Display,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::json;

use super::{
    Context, Failure,
    duration::duration,
    kind::Kind,
    meter::Meter,
    terminal,
    unpacked::{Unpacked, read},
};
use crate::{
    event::quote,
    exhibit::{
        CaseFile, ExhibitVerdict, MAX_EXHIBIT, Members, MembersError, Trust, verify_case_members,
        verify_members, verify_receipt,
    },
    log::{Checkpoint, Contradiction, Fork, MAX_CHECKPOINT, MAX_ENTRY, MAX_POLICY, MAX_PROOF, Policy},
    note::{Origin, SignedNote, VerifyingKey},
    proof_file::{self, Kept},
    timestamp::{MAX_ROOTS_FILE, Roots},
    verify::{self, FolderSource, HttpSource, Name, Options, Report, Source, SourceError, Step, Verdict},
};

const FORK: &str = "fork.json";
const CONTRADICTION: &str = "contradiction.json";
/// The end of the error for a folder that holds no ledger.
const NOR_UNPACKED: &str = ", nor what was unpacked of an exhibit (entry and proof.tlog-proof) or of a case file (README.txt \
                            and exhibit-<n>.zip): give the folder in which these lie, or the zip itself";

/// Check a ledger (every rule at every entry, chain, tree, tiles, checkpoint, words and files), an exhibit, a case file, a receipt or the proof of a lie
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit codes: 0 valid; 1 refused; 2 a command or a policy that can't be read; 3 could not decide: no --key or --policy was given, or it could not be read.

Get the key from the operator by another way than the ledger itself.

Examples:
  onrecord verify https://ledger.example.org --key VKEY
  onrecord verify ./ledger-data --key VKEY
  onrecord verify exhibit-41.zip --policy newsroom.policy
  onrecord verify case-36.zip --policy newsroom.policy
  onrecord verify exhibit-41 --policy newsroom.policy          an exhibit that was unpacked
  onrecord verify proof --entry entry --policy newsroom.policy  what /proof/41 and /entry/41 serve
  onrecord verify exhibit-41.zip --policy newsroom.policy --timestamp-roots authorities.pem
  onrecord verify https://ledger.example.org --key VKEY --against checkpoint-of-a-friend
  onrecord verify fork.json
  onrecord verify contradiction.json
  rsync -a host:ledger-data/public/ copy && onrecord verify copy --key VKEY")]
pub(super) struct Args {
    /// The ledger: its address, its data folder, or a copy of its public folder; an exhibit or a case file, as a file or
    /// unpacked; the proof of an entry; or a proof of a lie
    #[arg(value_name = "DIR | URL | FILE")]
    ledger: OsString,
    /// The log's public key, its vkey: origin, id and base64, joined by +
    #[arg(long, value_name = "VKEY", value_parser = super::PublicKey)]
    key: Option<VerifyingKey>,
    /// Which log and which witnesses to trust: a file in the form of C2SP tlog-policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// With --policy: how old a cosignature may be to count for its quorum, so that newer entries can't be kept from you.
    /// Seconds, or a number with s, m, h or d
    #[arg(long, value_name = "TIME", requires = "policy", value_parser = duration)]
    max_age: Option<Duration>,
    /// Roots of the time-stamping authorities that you trust, in PEM: the RFC 3161 tokens of an exhibit are checked with them.
    /// May be given again
    #[arg(long, value_name = "FILE")]
    timestamp_roots: Vec<PathBuf>,
    /// A checkpoint of the same ledger that somebody else got: it must be continued. If it is not, the proof that the log
    /// signed two histories is written to --fork, or beside it if there is another already
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Where to write the proof that the log signed two histories: a file or a folder
    #[arg(long, value_name = "FILE", default_value = FORK)]
    fork: PathBuf,
    /// Where to write the proof that the log signed entries which no log can hold: a file or a folder
    #[arg(long, value_name = "FILE", default_value = CONTRADICTION)]
    contradiction: PathBuf,
    /// The entry that a proof is of, as the ledger serves it under /entry/<number>
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Don't fetch and check files that words name
    #[arg(long)]
    no_files: bool,
    /// Don't fetch and check words and files
    #[arg(long)]
    no_words: bool,
    /// Memory for what the rules ask about, some 200 bytes an entry; what is more goes to files in --scratch
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    memory: usize,
    /// The folder for these files, which are gone when it ends [default: TMPDIR]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let policy = args.policy.as_deref().map(|path| read_policy(path, args.max_age)).transpose()?;
    let policy = trusting(args.key.as_ref(), policy)?;
    let roots = if args.timestamp_roots.is_empty() { None } else { Some(read_roots(&args.timestamp_roots)?) };
    let path = Path::new(&args.ledger);
    let given = given(&args.ledger)?;
    if args.entry.is_some() && !matches!(given, Given::File(Kind::Proof | Kind::Entry, _)) {
        return Err(Failure::Usage("--entry: an entry is given with its proof, and this is no proof".into()));
    }
    let is_token_in_it =
        matches!(given, Given::File(Kind::Zip, _) | Given::Unpacked(Unpacked::Members { .. }));
    if roots.is_some() && !is_token_in_it {
        return Err(Failure::Usage(
            "--timestamp-roots: only exhibits hold tokens, and this is no exhibit".into(),
        ));
    }
    if args.against.is_some() && !matches!(given, Given::Ledger) {
        return Err(Failure::Usage(
            "--against: a checkpoint is compared with that of a ledger, and this is no folder or address of one"
                .into(),
        ));
    }
    let trust = match (&given, args.key.clone(), &policy) {
        (Given::Ledger, ..) => None,
        (_, key, policy) => policy.clone().or(key.map(Policy::of_log)),
    };
    match given {
        Given::Ledger if address(&args.ledger).is_some() => {}
        Given::Ledger => {
            FolderSource::open(path).map_err(|e| {
                let nor = if matches!(e, SourceError::NoLedger(_)) { NOR_UNPACKED } else { "" };
                Failure::Undecided(format!("{e}{nor}"))
            })?;
        }
        Given::File(Kind::Zip, bytes) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let members = Members::read(&bytes);
            let is_case = members.as_ref().map_or_else(|_| CaseFile::is_one(&bytes), Members::is_case);
            let folder =
                members.as_ref().ok().and_then(Members::folder).map(|folder| format!("{folder}.zip"));
            let names: Vec<_> = std::iter::once(name).chain(folder).collect();
            return exhibit(&members, is_case, &names, (trust, roots.as_ref()), context);
        }
        Given::Unpacked(Unpacked::Members { given, inner, is_case }) => {
            let members = Unpacked::members(&given, &inner, is_case)?;
            let names: Vec<_> =
                Unpacked::folders(&given, &inner).into_iter().map(|name| name + ".zip").collect();
            return exhibit(&members, is_case, &names, (trust, roots.as_ref()), context);
        }
        Given::Unpacked(Unpacked::Receipt { proof, entry }) => {
            return receipt(&read(&proof, MAX_PROOF)?, &read(&entry, MAX_ENTRY)?, trust, context);
        }
        Given::File(kind @ (Kind::Proof | Kind::Entry), bytes) => {
            let (proof, entry) = proof_and_entry(kind, bytes, args.entry.as_deref())?;
            return receipt(&proof, &entry, trust, context);
        }
        Given::File(Kind::Json, bytes) if Contradiction::is_one(&bytes) => {
            return contradiction(&bytes, args.key.as_ref(), policy.as_ref(), context);
        }
        Given::File(Kind::Json, bytes) if is_form(&bytes) => {
            return fork(&bytes, args.key.as_ref(), policy.as_ref(), context);
        }
        Given::File(kind, _) => {
            let what = if let Kind::Other(what) = kind { what } else { "JSON, but no proof of a lie" };
            return Err(Failure::Undecided(format!(
                "{}: this is {what}; it proves nothing by itself. Expected an exhibit or a case file (a zip), the proof of \
                 an entry (tlog-proof), the proof of a lie (JSON), or a ledger: a folder or an address",
                path.display()
            )));
        }
    }
    let against = args.against.as_deref().map(|path| read(path, MAX_CHECKPOINT)).transpose()?;
    let key = match (args.key, &policy) {
        (None, Some(policy)) => Some(log_of(policy, &*source(&args.ledger)?)?),
        (key, _) => key,
    };
    let usual = Options::default();
    let options = Options {
        words: !args.no_words,
        files: !args.no_files,
        memory: args.memory.saturating_mul(1 << 20),
        scratch: args.scratch.unwrap_or(usual.scratch),
        policy,
        against,
        ..usual
    };
    let report = check(&args.ledger, key.as_ref(), &options)?;
    // Proofs are written before anything is printed, since the reader of the output may go away. Whether that succeeds does
    // not change the verdict.
    let kept = [
        report
            .fork
            .as_ref()
            .map(|found| keep(&place(args.fork, FORK), found, "the log signed two histories")),
        report.contradiction.as_ref().map(|found| {
            keep(&place(args.contradiction, CONTRADICTION), found, "the log signed what no log can hold")
        }),
    ];
    if context.json {
        terminal::json(&report);
    } else if let (None, Some(why)) = (report.size, &report.undecided) {
        // Nothing was checked, so there is nothing to report on.
        return Err(Failure::Undecided(why.clone()));
    } else {
        terminal::result(&terminal::plain(&report.to_string()));
    }
    kept.into_iter().flatten().for_each(|(kept, what)| tell(&kept, what, context));
    match report.verdict {
        Verdict::Valid => Ok(()),
        verdict => Err(Failure::Silent(verdict.exit_code())),
    }
}

/// What `verify` was given to check.
enum Given {
    Ledger,
    Unpacked(Unpacked),
    File(Kind, Vec<u8>),
}

/// The address, if `given` is one and not a path. A path need not be UTF-8.
fn address(given: &OsStr) -> Option<Cow<'_, str>> {
    Some(given.to_string_lossy()).filter(|text| text.contains("://"))
}

/// Whether a name of no file looks like a host: it is `localhost`, or has a port, or a dot and no usual ending of a file.
fn without_scheme(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let good = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-[]:".contains(&b))
    };
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let of_a_file =
        ["zip", "json", "txt", "pem", "policy", "note", "pdf", "gz", "tar"].contains(&ending.as_str());
    let is_host = name == "localhost" || name.trim_matches('.').contains('.') && !of_a_file;
    good(name) && (is_port || host == name && is_host)
}

fn given(ledger: &OsStr) -> Result<Given, Failure> {
    let path = Path::new(ledger);
    if address(ledger).is_some() {
        return Ok(Given::Ledger);
    }
    if std::fs::symlink_metadata(path).is_err() {
        let shown = path.display();
        let or = match without_scheme(&shown.to_string()) {
            true => "; if it is the address of a ledger, put https:// before it, or http://",
            false => "",
        };
        return Err(Failure::Undecided(format!("{shown}: there is no such file or folder{or}")));
    }
    if path.is_dir() {
        return Ok(Unpacked::find(path)?.map_or(Given::Ledger, Given::Unpacked));
    }
    let bytes = read(path, MAX_EXHIBIT)?;
    Ok(Given::File(Kind::of(&bytes), bytes))
}

/// Whether JSON is to be read as a proof: it has a `form`, or can't be parsed. A proof that was cut short must be refused.
fn is_form(json: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(json).map_or(true, |value| value["form"].is_string())
}

/// A proof and its entry, whichever was given first.
fn proof_and_entry(kind: Kind, bytes: Vec<u8>, beside: Option<&Path>) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let Some(beside) = beside else {
        return Err(Failure::Usage(match kind {
            Kind::Proof => "this is a receipt: give its entry too, --entry FILE (/entry/<n>)".into(),
            _ => "this is an entry: give its receipt too, onrecord verify RECEIPT --entry FILE (/proof/<n>), or its \
                  exhibit (/exhibit/<n>.zip)"
                .into(),
        }));
    };
    let other = read(beside, MAX_PROOF)?;
    match (kind, Kind::of(&other)) {
        (Kind::Proof, Kind::Proof) => Err(Failure::Usage(
            "both files are receipts: give the entry that this one proves, --entry FILE (/entry/<n>)".into(),
        )),
        (Kind::Proof, _) => Ok((bytes, other)),
        // The entry was given first.
        (_, Kind::Proof) => Ok((other, bytes)),
        _ => Err(Failure::Usage(
            "neither file is a receipt: give the entry's, onrecord verify RECEIPT --entry FILE (/proof/<n>)"
                .into(),
        )),
    }
}

/// Where a proof is written: the file that was named, or a file of the usual name in the folder that was named.
fn place(named: PathBuf, usual: &str) -> PathBuf {
    if named != Path::new(usual) && named.is_dir() { named.join(usual) } else { named }
}

/// Writes a proof, never over another.
fn keep(path: &Path, found: &impl Serialize, what: &'static str) -> (Kept, &'static str) {
    let bytes = serde_json::to_vec_pretty(found).unwrap_or_default();
    let write = |path: &Path| -> Result<(), String> {
        let failed = |e: std::io::Error| format!("write {}: {e}", path.display());
        let mut file = File::options().write(true).create_new(true).open(path).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|e| {
            // A proof that was cut short proves nothing.
            let _ = std::fs::remove_file(path);
            failed(e)
        })
    };
    (proof_file::keep(path, &bytes, write), what)
}

/// Says where a proof is. One that could not be written is printed after the verdict; a report in JSON holds it already.
fn tell(kept: &Kept, what: &str, context: &Context) {
    match kept {
        Kept::At(path) => {
            let shown = path.display();
            terminal::note(&format!("{shown} proves to anybody that {what}: onrecord verify {shown}"));
        }
        Kept::Nowhere { why, proof } => {
            let place = if context.json { "the report has it" } else { "it is printed instead" };
            terminal::note(&format!("{why}. The proof that {what} was not written; {place}"));
            if !context.json {
                terminal::result(&format!("\n{proof}"));
            }
        }
    }
}

/// The key of the log that a policy trusts: its only log, or the one whose origin stands in the source's checkpoint.
pub(super) fn log_of(policy: &Policy, source: &dyn Source) -> Result<VerifyingKey, Failure> {
    if let Some(key) = policy.only_log() {
        return Ok(key.clone());
    }
    let bytes = source.get("checkpoint", MAX_CHECKPOINT).map_err(|e| Failure::Undecided(e.to_string()))?;
    let note = bytes.and_then(|bytes| SignedNote::parse(&bytes, MAX_CHECKPOINT).ok());
    let key = note.as_ref().and_then(|note| policy.log_of(note)).cloned();
    key.ok_or_else(|| {
        let origin = note.as_ref().and_then(|note| note.text().lines().next());
        let why = match origin.map(|origin| (origin, origin.parse::<Origin>())) {
            Some((_, Ok(origin))) => {
                format!("a checkpoint of {origin}, and {}", policy.lacks(origin.as_str()))
            }
            Some((origin, Err(_))) => format!("a checkpoint of {}, which no log has", quote(origin)),
            None => "no checkpoint that can be read".to_owned(),
        };
        Failure::Usage(format!("{} has {why}: give the log's key with --key VKEY", source.describe()))
    })
}

pub(super) fn read_policy(path: &Path, max_age: Option<Duration>) -> Result<Policy, Failure> {
    let named = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    // Always a usage error: the path was typed, whether the file can't be found or can't be read.
    let text = read(path, MAX_POLICY).map_err(|failure| match failure {
        Failure::Undecided(why) => Failure::Usage(why),
        other => other,
    })?;
    let policy = Policy::parse(&text).map_err(|e| named(e.to_string()))?;
    let Some(age) = max_age else { return Ok(policy) };
    policy
        .with_max_age(age)
        .ok_or_else(|| named("--max-age is given, and the policy asks for no witness".into()))
}

/// Reads all certificates of some files.
pub(super) fn read_roots(paths: &[PathBuf]) -> Result<Roots, Failure> {
    let mut roots = Roots::default();
    for path in paths {
        let named = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
        let pem = read(path, MAX_ROOTS_FILE)?;
        if pem.len() > MAX_ROOTS_FILE {
            return Err(named(format!("expected at most {MAX_ROOTS_FILE} bytes")));
        }
        roots.add_pem(&pem).map_err(|e| named(e.to_string()))?;
    }
    Ok(roots)
}

/// Refuses the proof of a lie if its log is not the one that the reader means.
fn is_meant(log: &VerifyingKey, key: Option<&VerifyingKey>, policy: Option<&Policy>) -> Result<(), Failure> {
    if let Some(key) = key.filter(|key| *key != log) {
        return Err(Failure::Refused(format!("log: expected {key}, found {log}")));
    }
    match policy {
        Some(policy) if !policy.names_no_log() && !policy.trusts(log) => Err(Failure::Undecided(format!(
            "the policy does not trust {log}, by which this is signed: whose lie it proves can't be said by that policy"
        ))),
        _ => Ok(()),
    }
}

/// Verifies a fork report.
fn fork(
    bytes: &[u8],
    key: Option<&VerifyingKey>,
    policy: Option<&Policy>,
    context: &Context,
) -> Result<(), Failure> {
    let proved = Fork::prove(bytes).map_err(|e| Failure::Refused(e.to_string()))?;
    is_meant(&proved.log, key, policy)?;
    let told = |checkpoint: &Checkpoint| (checkpoint.size(), checkpoint.root().to_base64());
    let (earlier, later) = (told(&proved.earlier), told(&proved.later));
    if context.json {
        terminal::json(&json!({
            "fork": true,
            "log": proved.log.to_string(),
            "earlier": {"size": earlier.0, "root": earlier.1},
            "later": {"size": later.0, "root": later.1},
        }));
    } else {
        terminal::result(&format!(
            "earlier     ok           a tree of {} entries, root {}\n\
             later       ok           a tree of {} entries, root {}\n\
             fork        ok           the later one does not continue the earlier one\n\n\
             FORK  both are signed by {}\n\n\
             Proved: the holder of this key signed two histories that can't both be true.\n\
             Not shown: whose key it is, and which history is the right one.\n",
            earlier.0, earlier.1, later.0, later.1, proved.log
        ));
    }
    Ok(())
}

/// Verifies a contradiction.
fn contradiction(
    bytes: &[u8],
    key: Option<&VerifyingKey>,
    policy: Option<&Policy>,
    context: &Context,
) -> Result<(), Failure> {
    let proved = Contradiction::prove(bytes).map_err(|e| Failure::Refused(e.to_string()))?;
    is_meant(&proved.log, key, policy)?;
    let (size, root) = (proved.checkpoint.size(), proved.checkpoint.root().to_base64());
    let witness = proved.witness.as_ref().map(ToString::to_string);
    if context.json {
        terminal::json(&json!({
            "contradiction": proved.what,
            "log": proved.log.to_string(),
            "size": size,
            "root": root,
            "entries": proved.entries,
            "witness": witness,
        }));
        return Ok(());
    }
    let entries: Vec<String> = proved.entries.iter().map(u64::to_string).collect();
    let (who, not) = match witness {
        None => ("the holder of this key signed a tree that no log can hold".to_owned(), "whose key it is"),
        Some(key) => (
            format!("the holder of this key, or of {key}, signed a false time"),
            "whose keys they are, and which of the two clocks was wrong",
        ),
    };
    terminal::result(&terminal::plain(&format!(
        "checkpoint  ok           a tree of {size} entries, root {root}\n\
         inclusion   ok           entries in that tree: {}\n\
         contradiction ok         {}\n\n\
         CONTRADICTION  signed by {}\n\n\
         Proved: {who}.\n\
         Not shown: {not}.\n",
        entries.join(", "),
        proved.what,
        proved.log
    )));
    Ok(())
}

fn show(report: &(impl Serialize + Display), context: &Context) {
    if context.json {
        terminal::json(report);
    } else {
        terminal::result(&terminal::plain(&report.to_string()));
    }
}

/// The policy, for that log alone whose key was given too, if one was.
pub(super) fn trusting(
    key: Option<&VerifyingKey>,
    policy: Option<Policy>,
) -> Result<Option<Policy>, Failure> {
    match (key, policy) {
        (Some(key), Some(policy)) => policy.for_log(key).map(Some).map_err(Failure::Usage),
        (_, policy) => Ok(policy),
    }
}

/// Verifies the proof of an entry.
fn receipt(proof: &[u8], entry: &[u8], policy: Option<Policy>, context: &Context) -> Result<(), Failure> {
    for (what, bytes) in [("proof", proof), ("entry", entry)] {
        if bytes.split(|b| *b == b'\n').next().is_some_and(|line| line.ends_with(b"\r")) {
            let why = "its lines end in CR LF: get it again, as it is served";
            return Err(Failure::Usage(format!("the {what} was changed by a program: {why}")));
        }
    }
    let report = verify_receipt(proof, entry, policy.as_ref());
    show(&report, context);
    ended(report.verdict)
}

fn ended(verdict: ExhibitVerdict) -> Result<(), Failure> {
    match verdict {
        ExhibitVerdict::Valid => Ok(()),
        verdict => Err(Failure::Silent(verdict.exit_code())),
    }
}

/// Verifies an exhibit or a case file. `names` are those of its file or folders: one called `exhibit-<n>.zip` must hold entry n.
fn exhibit(
    members: &Result<Members<'_>, MembersError>,
    is_case: bool,
    names: &[String],
    (policy, roots): (Option<Policy>, Option<&Roots>),
    context: &Context,
) -> Result<(), Failure> {
    let trust = Trust::from(policy.as_ref()).with_roots(roots);
    let (verdict, checks) = if is_case {
        let report = verify_case_members(members, trust);
        show(&report, context);
        (report.verdict, report.checks)
    } else {
        let report = verify_members(members, trust);
        let report = names.iter().fold(report, |report, name| report.in_file(name));
        show(&report, context);
        (report.verdict, report.checks)
    };
    if roots.is_none() && !context.json && checks.iter().any(|check| check.name == Name::Timestamps) {
        terminal::note(
            "time-stamps are checked with --timestamp-roots FILE, the roots of authorities that you trust",
        );
    }
    ended(verdict)
}

/// Where a ledger is read: at an address, or in a folder.
pub(super) fn source(ledger: &OsStr) -> Result<Arc<dyn Source + Send>, Failure> {
    Ok(if let Some(address) = address(ledger) {
        Arc::new(HttpSource::new(&address).map_err(|e| Failure::Usage(e.to_string()))?)
    } else {
        Arc::new(FolderSource::open(Path::new(ledger)).map_err(|e| Failure::Undecided(e.to_string()))?)
    })
}

/// Verifies a ledger, with progress if somebody watches.
pub(super) fn check(
    ledger: &OsStr,
    key: Option<&VerifyingKey>,
    options: &Options,
) -> Result<Report, Failure> {
    let source = source(ledger)?;
    let (meter, search) = (Meter::new(), Meter::new());
    let report = verify::verify_told(&*source, key, options, &|step| match step {
        Step::Checked { done, of } => meter.show(done, of),
        Step::Searched { entry, done, of } => search.show_search(entry, done, of),
    });
    meter.clear();
    search.clear();
    Ok(report)
}
