//! Findings in English.

use std::fmt;

use super::{Blobs, Finding, Packing};
use crate::note::{KeyId, KeyName};

/// A count with its noun.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn keys(keys: &[(KeyName, KeyId)]) -> String {
    keys.iter().map(|(name, id)| format!("{name}+{id}")).collect::<Vec<_>>().join(", ")
}

fn list(entries: &[u64]) -> String {
    entries.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// How the members were packed, and the first names that were passed over. `as_written` is the text for an archive as a
/// ledger writes it.
fn packing(packing: &Packing, as_written: &str) -> String {
    let told = |said: &str, passed: &str, names: Vec<String>, more: usize, and: &str| {
        if names.is_empty() {
            return said.to_owned();
        }
        let more = if more > 0 { format!("{and}{more} more") } else { String::new() };
        format!("{said}; {passed}: {}{more}", names.join(", "))
    };
    match packing {
        Packing::AsWritten => as_written.to_owned(),
        Packing::Anew { others, more } => {
            let quoted =
                others.iter().map(|name| serde_json::Value::from(name.as_str()).to_string()).collect();
            let said = "packed anew: the checks below are of its members";
            told(said, "not among them, and passed over", quoted, *more, " and ")
        }
        Packing::Unpacked { others, more } => told(
            "unpacked: the checks below are of its members",
            "not looked at",
            others.clone(),
            *more,
            ", and ",
        ),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeeBelow => f.write_str("see below"),
            Self::Stopped(place) => write!(f, "stopped at {place}"),
            Self::StoppedBelow => f.write_str("stopped, see below"),
            Self::NotAsked => f.write_str("not asked for"),
            Self::Exhibit(how) => f.write_str(&packing(
                how,
                "members as an exhibit has them, nothing compressed, no other bytes",
            )),
            Self::CaseFile { exhibits, packing: how } => {
                let s = if *exhibits == 1 { "" } else { "s" };
                write!(f, "{exhibits} exhibit{s}, {}", packing(how, "nothing compressed, no other bytes"))
            }
            Self::NotAnExhibit(what)
            | Self::NotRead(what)
            | Self::NotACaseFile(what)
            | Self::NotInThread(what)
            | Self::NotAProof(what)
            | Self::NotTheEntry(what)
            | Self::NotSigned(what)
            | Self::OtherWords(what)
            | Self::OtherFile(what)
            | Self::NotIncluded(what)
            | Self::PolicyLacks(what)
            | Self::NotAPolicy(what)
            | Self::NotTrusted(what)
            | Self::OtherCheckpoint(what)
            | Self::NotCosigned(what)
            | Self::NotAToken(what) => f.write_str(what),
            Self::Cosigned(witnesses) => write!(f, "the quorum of the policy: {}", witnesses.join(", ")),
            Self::NoWitnesses => f.write_str("the policy asks for none"),
            Self::Exhibits(count) => write!(f, "each of the {count} carries its own proof"),
            Self::OfExhibit { exhibit, check: Some(check), what } => write!(f, "{exhibit}: {check}: {what}"),
            Self::OfExhibit { exhibit, check: None, what } => write!(f, "{exhibit}: {what}"),
            Self::Thread { to, first, last } => write!(
                f,
                "entries 0 to {to} of the case, which are entries {first} to {last} of the ledger; by the ledger's \
                 numbering none between them is missing"
            ),
            Self::AllWords => f.write_str("all words that are committed to"),
            Self::AllFiles => f.write_str("all files that are committed to"),
            Self::WithoutWords(entries) => write!(f, "words of entries {}", list(entries)),
            Self::WithoutFiles(entries) => write!(f, "files of entries {}", list(entries)),
            Self::EntryOf { index, origin, key: (name, id) } => {
                write!(f, "entry {index} of {origin}, whose entry 0 names the log's key {name}+{id}")
            }
            Self::EntryWithoutFirst { index, origin } => {
                write!(f, "entry {index} of {origin}; entry 0 is not enclosed, so it names no key")
            }
            Self::EntryOfReceipt { index, origin } => write!(f, "entry {index} of {origin}"),
            Self::SignedBy(by) => write!(f, "signed by {}, keys of their parties then", keys(by)),
            Self::SignedByWhom { keys: by, party: Some(party) } => {
                write!(f, "signed by {}; the thread of {party} is not enclosed whole", keys(by))
            }
            Self::SignedByWhom { keys: by, party: None } => {
                write!(f, "signed by {}; whose keys they were then an exhibit shows", keys(by))
            }
            Self::Wordless => f.write_str("the event carries no words"),
            Self::Words => f.write_str("the words that the event commits to"),
            Self::Withheld { by, ground } => write!(f, "withheld by entry {by}, on the ground {ground}"),
            Self::WordsNotEnclosed => f.write_str("the event commits to words by their digest"),
            Self::NoFiles => f.write_str("the words name none"),
            Self::Files(all) => write!(f, "all {all} that the words name"),
            Self::SomeFiles { there, of } => write!(f, "{there} of {of} are enclosed"),
            Self::Included { index, others, root } => {
                write!(f, "entry {index} and {others} others in the tree whose root is {}", root.to_base64())
            }
            Self::IncludedInTree { size, root } => {
                write!(f, "in the tree of {size} whose root is {}", root.to_base64())
            }
            Self::NoPolicy => f.write_str("no policy was given, and none is enclosed"),
            Self::NoPolicyGiven => f.write_str("no policy given"),
            Self::PolicyWithoutLog => {
                f.write_str("the policy names no log, so it trusts no key for this one")
            }
            Self::Trusted { origin, key } => write!(f, "signed by {origin}+{key}, which the policy trusts"),
            Self::Brought => f.write_str("trust brought by the exhibit"),
            Self::Signed { origin, size, key: (name, id), latest } => {
                write!(f, "{origin}, {}, signed by {name}+{id}", count(*size, "entry", "entries"))?;
                latest.map_or(Ok(()), |size| {
                    write!(f, "\nthe latest, of {size}, has not been cosigned as the policy asks yet")
                })
            }
            Self::TokensUnchecked(tokens) => write!(f, "{tokens} enclosed"),
            Self::NotStamped => f.write_str("no authority has stamped this checkpoint"),
            Self::Stamped { timestamps, passed_over } => {
                for (n, timestamp) in timestamps.iter().enumerate() {
                    match n {
                        0 => write!(
                            f,
                            "the checkpoint existed {timestamp}; it says nothing of the time before"
                        )?,
                        _ => write!(f, "\n{timestamp}")?,
                    }
                }
                passed_over.iter().try_for_each(|what| write!(f, "\npassed over: {what}"))
            }
            Self::KeyGiven(key) => write!(f, "key given: {key}"),
            Self::KeyClaimed(key) => {
                if let Some(key) = key {
                    write!(f, "the ledger says its key is\n{key}\n")?;
                }
                f.write_str(
                    "give the log's key with --key; get it from the operator by another way than this ledger",
                )
            }
            Self::Continues(size) => {
                write!(f, "continues the checkpoint of {} that was given", count(*size, "entry", "entries"))
            }
            Self::Entries { checked, of, signatures, from } => {
                write!(f, "{checked} of {of}: shape, signatures ({signatures}), ids once")?;
                if *from > 0 { write!(f, "; none below {from}") } else { Ok(()) }
            }
            Self::Rules => f.write_str("keys, roles, refs, threads, signers, checks, at every index"),
            Self::Chain => f.write_str("each entry names the BLAKE3 of the one before; time never runs back"),
            Self::Root { root, latest } => {
                let which = if *latest { "the latest checkpoint" } else { "the checkpoint" };
                write!(f, "root {} of {which}", root.to_base64())
            }
            Self::Tiles(tiles) => f.write_str(&count(*tiles, "hash tile", "hash tiles")),
            Self::OtherTile { place, what } => write!(f, "{place}: {what}"),
            Self::Blobs(Blobs { present, withheld, missing, kept }) => {
                write!(f, "{present} present, {withheld} withheld by the log, {missing} missing")?;
                match kept {
                    0 => Ok(()),
                    n => write!(f, "; {n} of those present withheld on the log, yet kept here"),
                }
            }
        }
    }
}
