//! Checks an exhibit with nothing but itself and a policy.

use std::collections::BTreeMap;

use super::{
    enclosed::Enclosed,
    keys::{History, Threads, history},
    members::Members,
    members_error::MembersError,
    report::{ExhibitReport, ExhibitVerdict},
};
use crate::{
    check::{Check, Finding, Name, Outcome, Packing},
    event::{Body, Content, Digest, Event, Position},
    log::{
        Checkpoint, Entry, MAX_LEAD, Policy, Quorum, SignedEntry, Time, TlogProof, is_later_than, leaf_hash,
        verify_inclusion,
    },
    note::{KeyId, KeyName, Origin, SignedNote, VerifyingKey},
    timestamp::Timestamp,
};

/// What a reader brings to a check.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Which log and which witnesses the reader trusts.
    pub(super) policy: Option<&'a Policy>,
    /// Roots of the time-stamping authorities that the reader trusts.
    #[cfg(feature = "timestamps")]
    roots: Option<&'a crate::timestamp::Roots>,
}

impl<'a> From<Option<&'a Policy>> for Trust<'a> {
    /// Without roots, so that tokens are not checked.
    fn from(policy: Option<&'a Policy>) -> Self {
        Self {
            policy,
            #[cfg(feature = "timestamps")]
            roots: None,
        }
    }
}

#[cfg(feature = "timestamps")]
impl<'a> Trust<'a> {
    /// The same, with roots of time-stamping authorities, by which tokens are checked.
    pub fn with_roots(self, roots: Option<&'a crate::timestamp::Roots>) -> Self {
        Self { roots, ..self }
    }
}

/// Checks an exhibit, but not its time-stamp tokens.
///
/// Without `policy`, the enclosed policy is followed, and whose log it is and who witnessed it do not count as checked:
/// anybody can enclose a policy that trusts its own maker.
pub fn verify(exhibit: &[u8], policy: Option<&Policy>) -> ExhibitReport {
    verify_members(&Members::read(exhibit), policy.into())
}

/// As [`verify()`], and checks time-stamp tokens against `roots`, those of the authorities that the reader trusts.
///
/// An exhibit is refused for a token that is not good, or that is older than an entry it covers. A token whose authority
/// leads to none of the roots is passed over if another token is good.
#[cfg(feature = "timestamps")]
pub fn verify_with_roots(
    exhibit: &[u8],
    policy: Option<&Policy>,
    roots: &crate::timestamp::Roots,
) -> ExhibitReport {
    verify_members(&Members::read(exhibit), Trust::from(policy).with_roots(Some(roots)))
}

/// As [`verify()`], for members that were read already.
pub fn verify_members(members: &Result<Members<'_>, MembersError>, trust: Trust<'_>) -> ExhibitReport {
    #[cfg(feature = "timestamps")]
    if let Some(roots) = trust.roots {
        use crate::timestamp::{Token, TokenError};
        let judge = |token: &[u8], sha256: &[u8; 32]| match Token::read(token, sha256)
            .and_then(|t| roots.verify(&t))
        {
            Ok(timestamp) => Judged::Good(timestamp),
            Err(e @ TokenError::Untrusted { .. }) => Judged::Untrusted(e.to_string()),
            Err(e) => Judged::Bad(e.to_string()),
        };
        return verify_by(members, trust.policy, Some(&judge));
    }
    verify_by(members, trust.policy, None)
}

/// The most tokens that are checked: each costs a few signatures.
const MAX_TIMESTAMPS: usize = 64;

/// The judgement on a token.
#[cfg_attr(not(feature = "timestamps"), expect(dead_code, reason = "nothing judges tokens then"))]
enum Judged {
    Good(Timestamp),
    Untrusted(String),
    Bad(String),
}

/// Judges a token, which must be over this SHA-256.
type Judge<'a> = &'a dyn Fn(&[u8], &[u8; 32]) -> Judged;

fn verify_by(
    members: &Result<Members<'_>, MembersError>,
    policy: Option<&Policy>,
    judge: Option<Judge<'_>>,
) -> ExhibitReport {
    let mut checks = Checks::default();
    let (mut index, mut known_at, mut witnessed_by, mut stamped) = (None, None, None, Vec::new());
    if let Some(e) = members.as_ref().err().filter(|e| e.is_undecided()) {
        checks.say(Name::Exhibit, Outcome::NotChecked, Finding::NotRead(e.to_string()));
        return ExhibitReport { checks: checks.0, ..ExhibitReport::default() };
    }
    let opened = members.as_ref().map_err(ToString::to_string).and_then(|members| {
        let enclosed = Enclosed::of(&members.each()).map_err(|e| e.to_string())?;
        Ok((enclosed, members.packing()))
    });
    // The first fault ends the checks.
    let checked = opened.map_err(|what| (Name::Exhibit, Finding::NotAnExhibit(what))).and_then(
        |(enclosed, packing)| {
            checks.say(Name::Exhibit, packed(&packing), Finding::Exhibit(packing));
            run(enclosed, policy, &mut checks, (&mut index, &mut known_at), &mut witnessed_by)
        },
    );
    let checked = checked.and_then(|covered| timestamps(&covered, judge, &mut checks, &mut stamped));
    if let Err((name, finding)) = checked {
        checks.say(name, Outcome::Failed, finding);
    }
    let checks = checks.0;
    let ended = |name: Name| checks.iter().find(|c| c.name == name).map(|c| c.outcome);
    let must = [Name::Entry, Name::Event, Name::Inclusion, Name::Checkpoint].map(ended);
    let verdict = if checks.iter().any(|c| c.outcome == Outcome::Failed) {
        ExhibitVerdict::Refused
    } else if policy.is_some() && must.iter().all(|outcome| *outcome == Some(Outcome::Ok)) {
        ExhibitVerdict::Valid
    } else {
        ExhibitVerdict::NotDecided
    };
    ExhibitReport { index, known_at, checks, witnessed_by, timestamps: stamped, verdict }
}

#[derive(Default)]
pub(super) struct Checks(pub Vec<Check>);

impl Checks {
    pub fn say(&mut self, name: Name, outcome: Outcome, finding: Finding) {
        self.0.push(Check { name, outcome, finding });
    }
}

/// What ends a verification: the check that failed, and what it found.
pub(super) type Fault = (Name, Finding);

/// Good for an archive as a ledger writes it. Of another packing it can't be checked that no other bytes came with it.
pub(super) fn packed(packing: &Packing) -> Outcome {
    if *packing == Packing::AsWritten { Outcome::Ok } else { Outcome::NotChecked }
}

/// A key by its name and id.
pub(super) fn named(key: &VerifyingKey) -> (KeyName, KeyId) {
    (key.name().clone(), key.id())
}

/// The checkpoint and what it covers, for the check of time-stamp tokens.
struct Covered<'a> {
    checkpoint: SignedNote,
    /// Indices and times of the entries that are enclosed.
    entries: Vec<(u64, Time)>,
    tokens: Vec<&'a [u8]>,
}

fn run<'a>(
    enclosed: Enclosed<'a>,
    policy: Option<&Policy>,
    checks: &mut Checks,
    (found, known_at): (&mut Option<u64>, &mut Option<u64>),
    witnessed_by: &mut Option<u64>,
) -> Result<Covered<'a>, Fault> {
    let not_it = |what: String| (Name::Entry, Finding::NotTheEntry(what));
    let fault = |what: &str, e: &dyn std::fmt::Display| not_it(format!("{what}: {e}"));
    let proof = TlogProof::parse(enclosed.proof).map_err(|e| fault("proof.tlog-proof", &e))?;
    let checkpoint =
        Checkpoint::parse_text(proof.checkpoint().text()).map_err(|e| fault("proof.tlog-proof", &e))?;
    let origin = checkpoint.origin();
    let entry = Entry::parse(enclosed.entry, origin).map_err(|e| fault("entry", &e))?;
    let index = entry.header().index;
    if proof.index() != index {
        let what =
            format!("proof.tlog-proof: expected index {index}, as the entry says, found {}", proof.index());
        return Err(not_it(what));
    }
    (*found, *known_at) = (Some(index), Some(checkpoint.size()));
    let others = others(&enclosed, &proof, origin)?;
    let log_key = match others.get(&0).map_or(&entry, |(first, _)| first).event().body() {
        Body::LedgerOpened(b) => Some(b.checkpoint_key.clone()),
        _ => None,
    };
    let of = origin.clone();
    match &log_key {
        Some(key) => {
            checks.say(Name::Entry, Outcome::Ok, Finding::EntryOf { index, origin: of, key: named(key) })
        }
        None => {
            checks.say(Name::Entry, Outcome::NotChecked, Finding::EntryWithoutFirst { index, origin: of })
        }
    }

    events(&entry, &others, checks)?;
    content(&enclosed, &entry, &others, checks)?;

    let root = checkpoint.root();
    for (index, bytes, proof) in std::iter::once((index, enclosed.entry, &proof))
        .chain(others.iter().map(|(i, (_, proof))| (*i, enclosed.chain[i].entry, proof)))
    {
        verify_inclusion(&leaf_hash(bytes), index, checkpoint.size(), &root, proof.path())
            .map_err(|e| (Name::Inclusion, Finding::NotIncluded(format!("entry {index}: {e}"))))?;
    }
    let included = Finding::Included { index, others: others.len(), root };
    checks.say(Name::Inclusion, Outcome::Ok, included);

    let entries = std::iter::once(&entry).chain(others.values().map(|(entry, _)| entry));
    let covered = Covered {
        checkpoint: proof.checkpoint().clone(),
        entries: entries.map(|e| (e.header().index, e.header().time)).collect(),
        tokens: enclosed.timestamps,
    };
    let own = match (policy, enclosed.policy) {
        (Some(_), _) => None,
        (None, Some(text)) => Some(
            Policy::parse(text)
                .map_err(|e| (Name::Checkpoint, Finding::NotAPolicy(format!("trust.policy: {e}"))))?,
        ),
        (None, None) => None,
    };
    let trust = (policy, own.as_ref());
    let note = proof.checkpoint();
    checkpoint_of(note, origin, log_key.as_ref(), trust, &covered.entries, checks, witnessed_by)?;
    Ok(covered)
}

/// Checks whose checkpoint it is and who had seen it: by the policy that the reader gave, or else by `own`, which is enclosed.
pub(super) fn checkpoint_of(
    note: &SignedNote,
    origin: &Origin,
    log_key: Option<&VerifyingKey>,
    (policy, own): (Option<&Policy>, Option<&Policy>),
    entries: &[(u64, Time)],
    checks: &mut Checks,
    witnessed_by: &mut Option<u64>,
) -> Result<(), Fault> {
    let Some(trusted) = policy.or(own) else {
        checks.say(Name::Checkpoint, Outcome::NotChecked, Finding::NoPolicy);
        checks.say(Name::Witnesses, Outcome::NotChecked, Finding::NoPolicy);
        return Ok(());
    };
    let (outcome, finding) = if trusted.names_no_log() {
        (Outcome::NotChecked, Finding::PolicyWithoutLog)
    } else if trusted.lacks_first_key(origin) {
        // The reader's policy is incomplete. The exhibit is not at fault, so it is not refused.
        (Outcome::NotChecked, Finding::PolicyLacks(trusted.lacks(origin.as_str())))
    } else {
        let key = log_key_of(trusted, note, log_key)
            .map_err(|what| (Name::Checkpoint, Finding::NotTrusted(what)))?;
        match policy {
            Some(_) => (Outcome::Ok, Finding::Trusted { origin: origin.clone(), key: key.id() }),
            None => (Outcome::NotChecked, Finding::Brought),
        }
    };
    checks.say(Name::Checkpoint, outcome, finding);
    let said = trusted.cosigned(note);
    let quorum = said.quorum();
    let not_cosigned = |what: String| (Name::Witnesses, Finding::NotCosigned(what));
    match (policy, quorum) {
        (None, _) if said.asked => checks.say(Name::Witnesses, Outcome::NotChecked, Finding::Brought),
        (_, Ok(Quorum::NotAsked)) => checks.say(Name::Witnesses, Outcome::NotChecked, Finding::NoWitnesses),
        (_, Ok(Quorum::By(witnesses))) => {
            for (index, time) in entries {
                said.allows(*time).map_err(|e| not_cosigned(format!("entry {index}: {e}")))?;
            }
            *witnessed_by = said.by;
            checks.say(Name::Witnesses, Outcome::Ok, Finding::Cosigned(witnesses));
        }
        (_, Err(e)) => return Err(not_cosigned(e.to_string())),
    }
    Ok(())
}

/// The key of the policy that signed the checkpoint. If entry 0 names a key, that must be the same.
fn log_key_of<'a>(
    trusted: &'a Policy,
    checkpoint: &SignedNote,
    named: Option<&VerifyingKey>,
) -> Result<&'a VerifyingKey, String> {
    let origin = checkpoint.text().lines().next().unwrap_or_default();
    let keys: Vec<_> = origin.parse().map(|origin| trusted.logs(&origin).collect()).unwrap_or_default();
    if keys.is_empty() {
        return Err(trusted.lacks(origin));
    }
    let opened = keys.iter().find(|key| Checkpoint::open_note(checkpoint.clone(), key).is_ok());
    let Some(key) = opened else {
        let ids: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
        return Err(format!("expected a good signature by {origin} {}", ids.join(" or ")));
    };
    if named.is_some_and(|named| named != *key) {
        return Err(format!("entry 0 names another key than {}", key.id()));
    }
    Ok(key)
}

/// Checks the tokens over the checkpoint's text.
fn timestamps(
    covered: &Covered<'_>,
    judge: Option<Judge<'_>>,
    checks: &mut Checks,
    stamped: &mut Vec<Timestamp>,
) -> Result<(), Fault> {
    let enclosed = covered.tokens.len();
    let not_good = |what: String| (Name::Timestamps, Finding::NotAToken(what));
    if judge.is_some() && enclosed > MAX_TIMESTAMPS {
        return Err(not_good(format!("expected at most {MAX_TIMESTAMPS} tokens, found {enclosed}")));
    }
    let judge = match (judge, enclosed) {
        (None, 0) => return Ok(()),
        (None, _) => {
            checks.say(Name::Timestamps, Outcome::NotChecked, Finding::TokensUnchecked(enclosed));
            return Ok(());
        }
        (Some(_), 0) => {
            checks.say(Name::Timestamps, Outcome::NotEnclosed, Finding::NotStamped);
            return Ok(());
        }
        (Some(judge), _) => judge,
    };
    let sha256 = {
        use sha2::Digest as _;
        sha2::Sha256::digest(covered.checkpoint.text()).into()
    };
    let mut untrusted = Vec::new();
    for (n, token) in covered.tokens.iter().enumerate() {
        let fault = |what: String| format!("timestamps/{n}.tsr: {what}");
        let timestamp = match judge(token, &sha256) {
            Judged::Good(timestamp) => timestamp,
            Judged::Untrusted(what) => {
                untrusted.push(fault(what));
                continue;
            }
            Judged::Bad(what) => return Err(not_good(fault(what))),
        };
        let then = timestamp.not_later_than;
        if let Some((index, time)) =
            covered.entries.iter().find(|(_, time)| is_later_than(*time, then.seconds_up()))
        {
            let by = &timestamp.authority;
            return Err(not_good(fault(format!(
                "entry {index}: time: expected at most {MAX_LEAD} s after {then}, when {by} stamped a tree that holds \
                 it, found {time}"
            ))));
        }
        stamped.push(timestamp);
    }
    stamped.sort_by_key(|t| t.not_later_than);
    if stamped.is_empty() {
        return Err(not_good(untrusted.swap_remove(0)));
    }
    let found = Finding::Stamped { timestamps: stamped.clone(), passed_over: untrusted };
    checks.say(Name::Timestamps, Outcome::Ok, found);
    Ok(())
}

/// Reads the other entries that are enclosed. All proofs must hold the same checkpoint.
fn others(
    enclosed: &Enclosed<'_>,
    proof: &TlogProof,
    origin: &Origin,
) -> Result<BTreeMap<u64, (Entry<Event>, TlogProof)>, Fault> {
    let mut others = BTreeMap::new();
    for (index, link) in &enclosed.chain {
        let fail = |what: String| (Name::Entry, Finding::NotTheEntry(format!("chain/{index}: {what}")));
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

/// Checks signatures, and whether the keys belonged to their parties at that time.
fn events(
    entry: &Entry<Event>,
    others: &BTreeMap<u64, (Entry<Event>, TlogProof)>,
    checks: &mut Checks,
) -> Result<(), Fault> {
    let not_signed = |what: String| (Name::Event, Finding::NotSigned(what));
    let signed = |entry: &Entry<Event>| -> Result<SignedEntry, Fault> {
        let index = entry.header().index;
        entry.clone().verify().map_err(|e| not_signed(format!("entry {index}: {e}")))
    };
    let this = signed(entry)?;
    let others = others.values().map(|(entry, _)| signed(entry)).collect::<Result<Vec<_>, _>>()?;
    let mut all: Vec<&SignedEntry> = others.iter().collect();
    if let Err(place) = all.binary_search_by_key(&this.header().index, |e| e.header().index) {
        all.insert(place, &this);
    }
    let all = Threads::of(all);
    // A party that added a key must have signed with a key of its own. That is checked as far as its thread is enclosed.
    for other in &others {
        if let History::False(what) = history(other, &all) {
            return Err(not_signed(format!("entry {}: {what}", other.header().index)));
        }
    }
    let keys = entry.event().by().iter().map(named).collect();
    match history(&this, &all) {
        History::Good => {
            checks.say(Name::Event, Outcome::Ok, Finding::SignedBy(keys));
            Ok(())
        }
        History::NotWhole(party) => {
            let found = Finding::SignedByWhom { keys, party: Some(party) };
            checks.say(Name::Event, Outcome::NotChecked, found);
            Ok(())
        }
        History::False(what) => Err(not_signed(what)),
    }
}

/// Checks words and files.
fn content(
    enclosed: &Enclosed<'_>,
    entry: &Entry<Event>,
    others: &BTreeMap<u64, (Entry<Event>, TlogProof)>,
    checks: &mut Checks,
) -> Result<(), Fault> {
    let withheld = |position: Position| {
        others.iter().find_map(|(index, (other, _))| match other.event().body() {
            Body::ContentWithheld(b) if b.entry == entry.event().id() && b.blobs.contains(&position) => {
                Some((*index, b.ground.as_str()))
            }
            _ => None,
        })
    };
    let other_words = |what: String| (Name::Content, Finding::OtherWords(what));
    let other_file = |what: String| (Name::Files, Finding::OtherFile(what));
    let words = match (entry.event().content(), enclosed.content) {
        (None, None) => {
            checks.say(Name::Content, Outcome::Ok, Finding::Wordless);
            None
        }
        (None, Some(_)) => return Err(other_words("content.json: the event carries no words".into())),
        (Some(_), None) => {
            let found = match withheld(Position::Content) {
                Some((by, ground)) => Finding::Withheld { by, ground },
                None => Finding::WordsNotEnclosed,
            };
            checks.say(Name::Content, Outcome::NotEnclosed, found);
            None
        }
        (Some(committed), Some(bytes)) => {
            if !committed.matches(bytes) {
                let what = format!(
                    "content.json: expected {} bytes with BLAKE3 {}",
                    committed.size, committed.blake3
                );
                return Err(other_words(what));
            }
            checks.say(Name::Content, Outcome::Ok, Finding::Words);
            // Words that can't be parsed are not refused: the event commits to them all the same.
            Content::parse(bytes).ok()
        }
    };
    let named = words.as_ref().map_or(&[][..], Content::files);
    for (digest, (extension, bytes)) in &enclosed.files {
        let Some(file) = named.iter().find(|f| f.blake3 == *digest) else {
            return Err(other_file(format!("files/{digest}.{extension}: the words name no such file")));
        };
        use sha2::Digest as _;
        let sha256 = Digest(sha2::Sha256::digest(bytes).into());
        if Digest::blake3(bytes) != *digest || sha256 != file.sha256 || bytes.len() as u64 != file.size {
            let what = format!(
                "files/{digest}.{extension}: expected {} bytes with that BLAKE3 and SHA-256 {}",
                file.size, file.sha256
            );
            return Err(other_file(what));
        }
    }
    let (all, there) = (named.len(), named.iter().filter(|f| enclosed.files.contains_key(&f.blake3)).count());
    match (all, there) {
        (0, _) if words.is_some() => checks.say(Name::Files, Outcome::Ok, Finding::NoFiles),
        (0, _) => {}
        (all, there) if all == there => checks.say(Name::Files, Outcome::Ok, Finding::Files(all)),
        (of, there) => checks.say(Name::Files, Outcome::NotEnclosed, Finding::SomeFiles { there, of }),
    }
    Ok(())
}
