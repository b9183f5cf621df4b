//! Checks an exhibit with nothing but itself and a policy.

use std::collections::BTreeMap;

use super::{
    enclosed::Enclosed,
    keys::{History, history},
    report::{BROUGHT, ExhibitReport, ExhibitVerdict},
};
use crate::{
    check::{Check, Outcome},
    event::{Body, Content, Digest, Event, Position},
    log::{Checkpoint, Entry, Policy, SignedEntry, TlogProof, leaf_hash, verify_inclusion},
    note::Origin,
};

/// Checks an exhibit. Without a policy of the reader's own, the one that is enclosed is followed, and whose log it is
/// and who witnessed it are not checked: anybody can enclose a policy that trusts himself.
pub fn verify(exhibit: &[u8], policy: Option<&Policy>) -> ExhibitReport {
    let mut checks = Checks::default();
    let (mut index, mut witnessed_by) = (None, None);
    // The first fault that leaves nothing to be checked ends it.
    if let Err(fault) = run(exhibit, policy, &mut checks, &mut index, &mut witnessed_by) {
        let (name, detail) = fault;
        checks.say(name, Outcome::Failed, detail);
    }
    let checks = checks.0;
    let ended = |name: &str| checks.iter().find(|c| c.name == name).map(|c| c.outcome);
    let must = ["entry", "event", "inclusion", "checkpoint"].map(ended);
    let verdict = if checks.iter().any(|c| c.outcome == Outcome::Failed) {
        ExhibitVerdict::Refused
    } else if policy.is_some() && must.iter().all(|outcome| *outcome == Some(Outcome::Ok)) {
        ExhibitVerdict::Valid
    } else {
        ExhibitVerdict::NotDecided
    };
    ExhibitReport { index, checks, witnessed_by, verdict }
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn say(&mut self, name: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.0.push(Check { name, outcome, detail: detail.into() });
    }
}

type Fault = (&'static str, String);

fn run(
    exhibit: &[u8],
    policy: Option<&Policy>,
    checks: &mut Checks,
    found: &mut Option<u64>,
    witnessed_by: &mut Option<u64>,
) -> Result<(), Fault> {
    let enclosed = Enclosed::read(exhibit).map_err(|e| ("exhibit", e.to_string()))?;
    checks.say("exhibit", Outcome::Ok, "members as an exhibit has them, nothing compressed, no other bytes");
    let fault = |what: &str, e: &dyn std::fmt::Display| ("entry", format!("{what}: {e}"));
    let proof = TlogProof::parse(enclosed.proof).map_err(|e| fault("proof.tlog-proof", &e))?;
    let checkpoint =
        Checkpoint::parse_text(proof.checkpoint().text()).map_err(|e| fault("proof.tlog-proof", &e))?;
    let origin = checkpoint.origin();
    let entry = Entry::parse(enclosed.entry, origin).map_err(|e| fault("entry", &e))?;
    let index = entry.header().index;
    if proof.index() != index {
        let what =
            format!("proof.tlog-proof: expected index {index}, as the entry says, found {}", proof.index());
        return Err(("entry", what));
    }
    *found = Some(index);
    let others = others(&enclosed, &proof, origin)?;
    let log_key = match others.get(&0).map_or(&entry, |(first, _)| first).event().body() {
        Body::LedgerOpened(b) => Some(b.checkpoint_key.clone()),
        _ => None,
    };
    let detail = match &log_key {
        Some(key) => format!(
            "entry {index} of {origin}, whose entry 0 names the log's key {}+{}",
            key.name(),
            key.id()
        ),
        None => format!("entry {index} of {origin}; entry 0 is not enclosed, so it names no key"),
    };
    checks.say("entry", if log_key.is_some() { Outcome::Ok } else { Outcome::NotChecked }, detail);

    events(&entry, &others, checks)?;
    content(&enclosed, &entry, &others, checks)?;

    let root = checkpoint.root();
    for (index, bytes, proof) in std::iter::once((index, enclosed.entry, &proof))
        .chain(others.iter().map(|(i, (_, proof))| (*i, enclosed.chain[i].entry, proof)))
    {
        verify_inclusion(&leaf_hash(bytes), index, checkpoint.size(), &root, proof.path())
            .map_err(|e| ("inclusion", format!("entry {index}: {e}")))?;
    }
    let detail =
        format!("entry {index} and {} others in the tree whose root is {}", others.len(), root.to_base64());
    checks.say("inclusion", Outcome::Ok, detail);

    let own = match (policy, enclosed.policy) {
        (Some(_), _) => None,
        (None, Some(text)) => {
            let text = std::str::from_utf8(text).map_err(|e| ("checkpoint", format!("trust.policy: {e}")))?;
            Some(text.parse::<Policy>().map_err(|e| ("checkpoint", format!("trust.policy: {e}")))?)
        }
        (None, None) => None,
    };
    let Some(trusted) = policy.or(own.as_ref()) else {
        checks.say("checkpoint", Outcome::NotChecked, "no policy was given, and none is enclosed");
        checks.say("witnesses", Outcome::NotChecked, "no policy was given, and none is enclosed");
        return Ok(());
    };
    let keys: Vec<_> = trusted.logs(origin).collect();
    if keys.is_empty() {
        return Err(("checkpoint", format!("the policy trusts no log of the origin {origin}")));
    }
    let opened = keys.iter().find(|key| Checkpoint::open_note(proof.checkpoint().clone(), key).is_ok());
    let Some(key) = opened else {
        let ids: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
        return Err(("checkpoint", format!("expected a good signature by {origin} {}", ids.join(" or "))));
    };
    if log_key.as_ref().is_some_and(|named| named != *key) {
        return Err(("checkpoint", format!("entry 0 names another key than {}", key.id())));
    }
    match policy {
        Some(_) => {
            checks.say(
                "checkpoint",
                Outcome::Ok,
                format!("signed by {origin}+{}, which the policy trusts", key.id()),
            );
        }
        None => checks.say("checkpoint", Outcome::NotChecked, BROUGHT),
    }
    let said = trusted.cosigned(proof.checkpoint());
    let quorum = said.quorum();
    match (policy, said.asked, quorum) {
        (None, true, _) => checks.say("witnesses", Outcome::NotChecked, BROUGHT),
        (_, false, Ok(words)) => checks.say("witnesses", Outcome::NotChecked, words),
        (_, _, Ok(words)) => {
            for entry in std::iter::once(&entry).chain(others.values().map(|(entry, _)| entry)) {
                let allowed = said.allows(entry.header().time);
                allowed.map_err(|e| ("witnesses", format!("entry {}: {e}", entry.header().index)))?;
            }
            *witnessed_by = said.by;
            checks.say("witnesses", Outcome::Ok, words);
        }
        (_, _, Err(what)) => return Err(("witnesses", what)),
    }
    if !enclosed.timestamps.is_empty() {
        checks.say("timestamps", Outcome::NotChecked, format!("{} enclosed", enclosed.timestamps.len()));
    }
    Ok(())
}

/// The other entries that are enclosed. All proofs hold the same checkpoint.
fn others(
    enclosed: &Enclosed<'_>,
    proof: &TlogProof,
    origin: &Origin,
) -> Result<BTreeMap<u64, (Entry<Event>, TlogProof)>, Fault> {
    let mut others = BTreeMap::new();
    for (index, link) in &enclosed.chain {
        let fail = |what: String| ("entry", format!("chain/{index}: {what}"));
        let entry = Entry::parse(link.entry, origin).map_err(|e| fail(e.to_string()))?;
        let of_it = TlogProof::parse(link.proof).map_err(|e| fail(e.to_string()))?;
        let (said, proved) = (entry.header().index, of_it.index());
        if (said, proved) != (*index, *index) {
            return Err(fail(format!(
                "expected index {index}, found {said} in the entry and {proved} in its proof"
            )));
        }
        if of_it.checkpoint().as_bytes() != proof.checkpoint().as_bytes() {
            return Err(fail("expected the checkpoint of proof.tlog-proof, byte for byte".into()));
        }
        others.insert(*index, (entry, of_it));
    }
    Ok(others)
}

/// Signatures, and whether the keys were their parties' then.
fn events(
    entry: &Entry<Event>,
    others: &BTreeMap<u64, (Entry<Event>, TlogProof)>,
    checks: &mut Checks,
) -> Result<(), Fault> {
    let signed = |entry: &Entry<Event>| -> Result<SignedEntry, Fault> {
        let index = entry.header().index;
        entry.clone().verify().map_err(|e| ("event", format!("entry {index}: {e}")))
    };
    let this = signed(entry)?;
    let others = others.values().map(|(entry, _)| signed(entry)).collect::<Result<Vec<_>, _>>()?;
    let mut all: Vec<&SignedEntry> = others.iter().collect();
    if !all.iter().any(|e| e.header().index == this.header().index) {
        all.push(&this);
    }
    // Whoever added a key had to hold one himself, as far as his own thread is enclosed.
    for other in &others {
        if let History::False(what) = history(other, &all) {
            return Err(("event", format!("entry {}: {what}", other.header().index)));
        }
    }
    let keys: Vec<String> =
        entry.event().by().iter().map(|key| format!("{}+{}", key.name(), key.id())).collect();
    match history(&this, &all) {
        History::Good => {
            let detail = format!("signed by {}, keys of their parties then", keys.join(", "));
            checks.say("event", Outcome::Ok, detail);
            Ok(())
        }
        History::NotWhole(party) => {
            let detail =
                format!("signed by {}; the thread of {party} is not enclosed whole", keys.join(", "));
            checks.say("event", Outcome::NotChecked, detail);
            Ok(())
        }
        History::False(what) => Err(("event", what)),
    }
}

/// Words and files.
fn content(
    enclosed: &Enclosed<'_>,
    entry: &Entry<Event>,
    others: &BTreeMap<u64, (Entry<Event>, TlogProof)>,
    checks: &mut Checks,
) -> Result<(), Fault> {
    let withheld = |position: Position| {
        others.iter().find_map(|(index, (other, _))| match other.event().body() {
            Body::ContentWithheld(b) if b.entry == entry.event().id() && b.blobs.contains(&position) => {
                Some((index, b.ground.as_str()))
            }
            _ => None,
        })
    };
    let words = match (entry.event().content(), enclosed.content) {
        (None, None) => {
            checks.say("content", Outcome::Ok, "the event carries no words");
            None
        }
        (None, Some(_)) => return Err(("content", "content.json: the event carries no words".into())),
        (Some(_), None) => {
            let detail = match withheld(Position::Content) {
                Some((by, ground)) => format!("withheld by entry {by}, on the ground {ground}"),
                None => "the event commits to words by their digest".to_owned(),
            };
            checks.say("content", Outcome::NotEnclosed, detail);
            None
        }
        (Some(committed), Some(bytes)) => {
            if !committed.matches(bytes) {
                let what = format!(
                    "content.json: expected {} bytes with BLAKE3 {}",
                    committed.size, committed.blake3
                );
                return Err(("content", what));
            }
            checks.say("content", Outcome::Ok, "the words that the event commits to");
            // Whoever signed words that can't be read committed to them all the same.
            Content::parse(bytes).ok()
        }
    };
    let named = words.as_ref().map_or(&[][..], Content::files);
    for (digest, (extension, bytes)) in &enclosed.files {
        let Some(file) = named.iter().find(|f| f.blake3 == *digest) else {
            return Err(("files", format!("files/{digest}.{extension}: the words name no such file")));
        };
        use sha2::Digest as _;
        let sha256 = Digest(sha2::Sha256::digest(bytes).into());
        if Digest::blake3(bytes) != *digest || sha256 != file.sha256 || bytes.len() as u64 != file.size {
            let what = format!(
                "files/{digest}.{extension}: expected {} bytes with that BLAKE3 and SHA-256 {}",
                file.size, file.sha256
            );
            return Err(("files", what));
        }
    }
    let (all, there) = (named.len(), named.iter().filter(|f| enclosed.files.contains_key(&f.blake3)).count());
    match (all, there) {
        (0, _) if words.is_some() => checks.say("files", Outcome::Ok, "the words name none"),
        (0, _) => {}
        (all, there) if all == there => {
            checks.say("files", Outcome::Ok, format!("all {all} that the words name"))
        }
        (all, there) => checks.say("files", Outcome::NotEnclosed, format!("{there} of {all} are enclosed")),
    }
    Ok(())
}
