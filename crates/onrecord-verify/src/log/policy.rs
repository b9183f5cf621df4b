//! Which logs a reader trusts, and which witnesses must have seen their trees: C2SP tlog-policy.
//!
//! ```text
//! # comment
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> <number | any | all> <member>...
//! quorum <name | none>
//! ```

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Checkpoint, CosignatureError, Time, WitnessKey};
use crate::{
    event::quote,
    note::{KeyId, Origin, SignedNote, VerifyingKey, Vkey, is_key_name},
};

/// The longest policy, in bytes. 64 keys of type 0x06 take 115 KB.
pub const MAX_POLICY: usize = 256 << 10;
/// The most seconds that the time of an entry may be after a cosignature on a tree that holds it: the clocks of a log and a
/// witness may differ by that (decisions.md, "Witnesses").
pub const MAX_LEAD: u64 = 60;
/// The quorum that asks for no witness.
const NONE: &[u8] = b"none";

/// A line of a policy that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct PolicyError {
    /// Its number, from 1; the line after the last where something is missing.
    pub line: usize,
    /// What was expected there.
    pub expected: String,
}

/// A key with which a log signs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Log {
    /// An Ed25519 key under a name that a log of this project can have. Checkpoints are checked by it.
    Ed25519(VerifyingKey),
    /// A second key, with which a log signs as a cosigner does (type 0x06).
    MlDsa44(WitnessKey),
    /// An Ed25519 key under a name that none of this project's logs can have. Nothing is checked by it.
    Foreign { vkey: String, key: [u8; 32] },
}

impl Log {
    /// Reads a vkey of a type that logs sign with.
    fn parse(vkey: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(vkey).ok()?;
        if let Ok(key) = text.parse() {
            return Some(Self::Ed25519(key));
        }
        if let Ok(key) = text.parse::<WitnessKey>() {
            return key.is_ml_dsa_44().then_some(Self::MlDsa44(key));
        }
        let vkey = Vkey::split(text)?;
        let key: [u8; 32] = vkey.key(ED25519)?;
        let good = is_key_name(vkey.name) && vkey.has(KeyId::of(vkey.name, ED25519, &key)).is_ok();
        good.then(|| Self::Foreign { vkey: text.to_owned(), key })
    }

    fn name(&self) -> &str {
        match self {
            Self::Ed25519(key) => key.name().as_str(),
            Self::MlDsa44(key) => key.name(),
            Self::Foreign { vkey, .. } => vkey.split('+').next().unwrap_or_default(),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => key.as_bytes(),
            Self::MlDsa44(key) => key.as_bytes(),
            Self::Foreign { key, .. } => key,
        }
    }
}

/// Signature type of a log's Ed25519 key (`c2sp.org/signed-note`).
const ED25519: u8 = 0x01;

/// A witness, and the name that the policy gives it: octets, which need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Witness {
    name: Vec<u8>,
    key: WitnessKey,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Witness(Witness),
    /// A group's name, how many of its members are needed, and their places, which are all before its own.
    Group(Vec<u8>, usize, Vec<usize>),
}

/// Which logs a reader trusts, and which witnesses must have cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    members: Vec<Member>,
    /// Place of the member that must be satisfied.
    quorum: Option<usize>,
    /// How old a cosignature may be to count, if that is limited.
    max_age: Option<Duration>,
}

/// What the witnesses of a policy say of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Each witness by its name in the policy, with the time of its cosignature in seconds since 1970.
    pub witnesses: Vec<(String, Result<u64, CosignatureError>)>,
    /// Whether the policy asks for any witness.
    pub asked: bool,
    /// When the quorum was complete: the earliest time by which enough had cosigned.
    pub by: Option<u64>,
    /// Who cosigned first, and when; `None` if the policy asks for nobody.
    pub first: Option<(WitnessKey, u64)>,
    /// Keys of type 0x06 that the policy names for this log and whose signature is missed: those whose signature is not
    /// good, or all if the log signed with none of them.
    pub unsigned_by: Vec<WitnessKey>,
}

/// Whether an entry of this time can't have been in a tree that was cosigned at `cosigned`, in seconds since 1970: its time
/// is more than [`MAX_LEAD`] seconds later.
pub fn is_later_than(time: Time, cosigned: u64) -> bool {
    i128::from(time.unix_ms()) > (i128::from(cosigned) + i128::from(MAX_LEAD)) * 1_000
}

impl Policy {
    /// A policy that trusts one log and asks for no witness.
    pub fn of_log(key: VerifyingKey) -> Self {
        Self { logs: vec![Log::Ed25519(key)], members: Vec::new(), quorum: None, max_age: None }
    }

    /// The same policy, except that cosignatures older than `max_age` don't count. A quorum then shows that `max_age` ago its
    /// witnesses had seen no larger tree. `None` if the policy asks for no witness.
    pub fn with_max_age(self, max_age: Duration) -> Option<Self> {
        self.quorum.is_some().then_some(Self { max_age: Some(max_age), ..self })
    }

    fn all_logs(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.logs.iter().filter_map(|log| match log {
            Log::Ed25519(key) => Some(key),
            Log::MlDsa44(_) | Log::Foreign { .. } => None,
        })
    }

    /// The keys that it trusts for a log of this origin. One of them must have signed each checkpoint.
    pub fn logs<'a>(&'a self, origin: &Origin) -> impl Iterator<Item = &'a VerifyingKey> + use<'a> {
        let origin = origin.as_str().to_owned();
        self.all_logs().filter(move |key| key.name().as_str() == origin)
    }

    /// Whether it leaves open which log is meant.
    pub fn names_no_log(&self) -> bool {
        self.logs.is_empty()
    }

    /// Whether it names a log of this origin, but not the Ed25519 key by which the log's checkpoints are checked.
    pub fn lacks_first_key(&self, origin: &Origin) -> bool {
        self.logs.iter().any(|log| log.name() == origin.as_str()) && self.logs(origin).next().is_none()
    }

    /// Whether it names this key for a log.
    pub fn trusts(&self, key: &VerifyingKey) -> bool {
        self.all_logs().any(|own| own == key)
    }

    /// The same policy, for the log of `key` alone. It must name `key`, or no Ed25519 key of that log, or no log at all.
    ///
    /// # Errors
    /// What it trusts instead, in words.
    pub fn for_log(mut self, key: &VerifyingKey) -> Result<Self, String> {
        let is_any = !self.logs.is_empty();
        self.logs.retain(|log| log.name() == key.name().as_str());
        if is_any && self.logs.is_empty() {
            return Err(format!("the policy trusts other logs, not {key}"));
        }
        let others = self.all_logs().filter(|own| *own != key).count();
        if others > 0 && others == self.all_logs().count() {
            return Err(format!("the policy trusts another key of {}, not {key}", key.name()));
        }
        self.logs.retain(|log| matches!(log, Log::MlDsa44(_)));
        self.logs.push(Log::Ed25519(key.clone()));
        Ok(self)
    }

    /// Why it has no key with which a log of this origin must sign, in words.
    pub fn lacks(&self, origin: &str) -> String {
        match self.logs.iter().any(|log| log.name() == origin) {
            true => format!(
                "the policy names {origin} with a key of type 0x06 (ML-DSA-44) alone: the log's Ed25519 key (type 0x01) is \
                 missing"
            ),
            false => format!("the policy trusts no log of the origin {origin}"),
        }
    }

    /// The key of its log, if it trusts one only.
    pub fn only_log(&self) -> Option<&VerifyingKey> {
        let mut logs = self.all_logs();
        let first = logs.next();
        first.filter(|_| logs.next().is_none())
    }

    /// The key that it trusts for the log that `checkpoint` says it is of: the one that signed it, or else the first of that
    /// origin. `None` if it trusts no key of that origin.
    pub fn log_of(&self, checkpoint: &SignedNote) -> Option<&VerifyingKey> {
        let origin: Origin = checkpoint.text().lines().next()?.parse().ok()?;
        let keys: Vec<_> = self.all_logs().filter(|key| key.name().as_str() == origin.as_str()).collect();
        let signed = keys.iter().find(|key| Checkpoint::open_note(checkpoint.clone(), key).is_ok());
        signed.or(keys.first()).copied()
    }

    /// The witnesses, by their names in the policy.
    pub fn witnesses(&self) -> impl Iterator<Item = String> {
        self.members.iter().filter_map(|m| match m {
            Member::Witness(witness) => Some(shown(&witness.name)),
            Member::Group(..) => None,
        })
    }

    /// What its witnesses say of a checkpoint whose text the log has signed.
    pub fn cosigned(&self, checkpoint: &SignedNote) -> Cosigned {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.cosigned_as_of(checkpoint, now.as_secs())
    }

    fn cosigned_as_of(&self, checkpoint: &SignedNote, now: u64) -> Cosigned {
        let oldest = self.max_age.map_or(0, |age| now.saturating_sub(age.as_secs()));
        let mut witnesses = Vec::new();
        // When each member was satisfied. A group's members stand before it.
        let mut times: Vec<Option<u64>> = Vec::with_capacity(self.members.len());
        let mut first: Option<(WitnessKey, u64)> = None;
        for member in &self.members {
            times.push(match member {
                Member::Witness(witness) => {
                    let mut said = witness.key.verify(checkpoint);
                    let mut time = said.as_ref().ok().copied();
                    if let Some(time) = time
                        && first.as_ref().is_none_or(|(_, earliest)| time < *earliest)
                    {
                        first = Some((witness.key.clone(), time));
                    }
                    if let (Some(seen), Some(age)) = (time, self.max_age) {
                        let name = witness.key.name().to_owned();
                        let unfit = if seen < oldest {
                            Some(CosignatureError::Old { name, age: now - seen, max: age.as_secs() })
                        } else {
                            // From a clock that is ahead, it does not show what the witness has seen lately.
                            let ahead = seen.saturating_sub(now);
                            (ahead > MAX_LEAD).then_some(CosignatureError::Ahead { name, ahead })
                        };
                        if let Some(unfit) = unfit {
                            (said, time) = (Err(unfit), None);
                        }
                    }
                    witnesses.push((shown(&witness.name), said));
                    time
                }
                Member::Group(_, needed, members) => {
                    let mut known: Vec<u64> = members.iter().filter_map(|at| times[*at]).collect();
                    known.sort_unstable();
                    known.get(needed - 1).copied()
                }
            });
        }
        let asked = self.quorum.is_some();
        let by = self.quorum.and_then(|at| times[at]);
        Cosigned {
            witnesses,
            asked,
            by,
            first: first.filter(|_| asked),
            unsigned_by: self.unsigned_by(checkpoint),
        }
    }

    /// The keys of [`Cosigned::unsigned_by`].
    ///
    /// One good signature is enough, as a log that changes its key of type 0x06 signs with the old one or the new. Nothing is
    /// asked of a log whose Ed25519 key the policy lacks: whose checkpoint it is stays open then.
    fn unsigned_by(&self, checkpoint: &SignedNote) -> Vec<WitnessKey> {
        let origin = checkpoint.text().lines().next().unwrap_or_default();
        if origin.parse().is_ok_and(|origin| self.lacks_first_key(&origin)) {
            return Vec::new();
        }
        let of_log = self.logs.iter().filter_map(|log| match log {
            Log::MlDsa44(key) if key.name() == origin => Some(key.clone()),
            _ => None,
        });
        let (good, missed): (Vec<_>, Vec<_>) = of_log.partition(|key| key.has_signed(checkpoint));
        let has_line = |key: &WitnessKey| checkpoint.signatures().iter().any(|line| key.is_of(line));
        let bad: Vec<_> = missed.iter().filter(|key| has_line(key)).cloned().collect();
        if bad.is_empty() && good.is_empty() { missed } else { bad }
    }
}

impl Cosigned {
    /// Whether an entry in the tree under the checkpoint can bear this time. A witness that had cosigned the tree before
    /// it was recorded would show that the clock of one of the two is wrong, or that the log wrote a false time.
    ///
    /// # Errors
    /// [`CosignedBefore`] names the witness, and when it cosigned.
    pub fn allows(&self, time: Time) -> Result<(), CosignedBefore> {
        match self.first.as_ref().filter(|(_, seen)| is_later_than(time, *seen)) {
            Some((key, seen)) => Err(CosignedBefore { by: key.name().to_string(), seen: *seen, found: time }),
            None => Ok(()),
        }
    }

    /// The witnesses that satisfy the policy.
    ///
    /// # Errors
    /// [`QuorumError`] if it is not satisfied.
    pub fn quorum(&self) -> Result<Quorum, QuorumError> {
        if let Some(key) = self.unsigned_by.first() {
            let ids = self.unsigned_by.iter().map(|key| key.id().to_string()).collect();
            return Err(QuorumError::Signature { name: key.name().to_string(), ids });
        }
        let good = |(name, said): &(String, Result<u64, _>)| said.is_ok().then(|| name.clone());
        let good = || self.witnesses.iter().filter_map(good).collect();
        match (self.asked, self.by) {
            (false, _) => Ok(Quorum::NotAsked),
            (true, Some(_)) => Ok(Quorum::By(good())),
            (true, None) => {
                let bad = self.witnesses.iter().find_map(|(name, said)| {
                    use CosignatureError::{Ahead, Bad, Old};
                    let error = said.as_ref().err()?;
                    matches!(error, Bad { .. } | Old { .. } | Ahead { .. })
                        .then(|| (name.clone(), error.clone()))
                });
                Err(QuorumError::Witnesses { good: good(), bad })
            }
        }
    }
}

/// How a policy is satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quorum {
    /// It asks for no witness.
    NotAsked,
    /// By good cosignatures of these witnesses, in the order of the policy.
    By(Vec<String>),
}

/// Why a policy is not satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuorumError {
    /// The policy names further keys of the log, and none of them signed.
    Signature {
        /// The name of the keys.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// Too few witnesses cosigned.
    Witnesses {
        /// Those whose cosignatures are good, in the order of the policy.
        good: Vec<String>,
        /// The first witness whose cosignature is there and does not count, by its name in the policy, and why.
        bad: Option<(String, CosignatureError)>,
    },
}

impl fmt::Display for QuorumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad) = match self {
            Self::Signature { name, ids } => {
                let ids = ids.join(" or ");
                return write!(
                    f,
                    "expected a good signature by {name} {ids} besides, which the policy names"
                );
            }
            Self::Witnesses { good, bad } => (named(good), bad),
        };
        write!(f, "expected the quorum of the policy, found good cosignatures by {good}")?;
        let Some((name, why)) = bad else { return Ok(()) };
        match why {
            CosignatureError::Bad { .. } => write!(f, "; the one by {name} is not good"),
            CosignatureError::Old { age, max, .. } => {
                write!(f, "; the one by {name} is {age} s old, and at most {max} were asked for")
            }
            CosignatureError::Ahead { ahead, .. } => {
                write!(f, "; the one by {name} is dated {ahead} s ahead of this machine's clock")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for QuorumError {}

/// The names of witnesses, for a sentence.
fn named(witnesses: &[String]) -> String {
    if witnesses.is_empty() { "none".to_owned() } else { witnesses.join(", ") }
}

/// An entry that bears a later time than a witness allows that cosigned a tree with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedBefore {
    /// The witness's name.
    pub by: String,
    /// When it cosigned, in seconds since 1970.
    pub seen: u64,
    /// The time of the entry.
    pub found: Time,
}

impl fmt::Display for CosignedBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, seen, found } = self;
        let ms = i64::try_from(*seen).ok().and_then(|s| s.checked_mul(1_000));
        let seen = ms.and_then(Time::from_unix_ms).map_or_else(|| seen.to_string(), |t| t.to_string());
        write!(
            f,
            "time: expected at most {MAX_LEAD} s after {seen}, when {by} cosigned a tree that holds it, found {found}"
        )
    }
}

impl std::error::Error for CosignedBefore {}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text.as_bytes())
    }
}

impl Policy {
    /// Reads a policy. It is octets, not text in some encoding: those above 127 stand for themselves.
    ///
    /// # Errors
    /// [`PolicyError`]: the first line at fault.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY {
            return fail(1, &format!("a policy of at most {MAX_POLICY} bytes"));
        }
        if text.starts_with("\u{feff}".as_bytes()) {
            return fail(1, "a policy that begins with a line: save it without a byte-order mark");
        }
        let mut logs: Vec<Log> = Vec::new();
        let mut members: Vec<Member> = Vec::new();
        let mut places: HashMap<&[u8], usize> = HashMap::new();
        let mut inside: Vec<bool> = Vec::new();
        let mut quorum: Option<Option<usize>> = None;
        let mut last = 0;
        let whole = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = whole.split(|octet| *octet == b'\n').take(if text.is_empty() { 0 } else { usize::MAX });
        for (line, text) in (1..).zip(lines) {
            last = line;
            if text.ends_with(b"\r") {
                return fail(line, "a newline alone at its end; its lines end in CR LF: save it with LF");
            }
            if text.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t') {
                return fail(line, "no control character but tabs, and line ends that are a newline alone");
            }
            let words: Vec<&[u8]> =
                text.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
            let Some((&first, rest)) = words.split_first() else { continue };
            if first.starts_with(b"#") {
                continue;
            }
            let is_new = |name: &[u8]| match name {
                NONE => fail(line, "another name than none"),
                _ if places.contains_key(name) => fail(line, "a name that no line before has"),
                _ => Ok(()),
            };
            match (first, rest) {
                (b"log", [key] | [key, _]) => {
                    let Some(log) = Log::parse(key) else {
                        return fail(
                            line,
                            "log <vkey> [<url>], the vkey of a key of type 0x01 (Ed25519) or 0x06 (ML-DSA-44)",
                        );
                    };
                    if logs.iter().any(|known| known.as_bytes() == log.as_bytes()) {
                        return fail(line, "a key that no line before has");
                    }
                    logs.push(log);
                }
                (b"witness", [name, vkey] | [name, vkey, _]) => {
                    is_new(name)?;
                    let vkey = std::str::from_utf8(vkey).map_err(|e| e.to_string());
                    let key =
                        vkey.and_then(|vkey| vkey.parse().map_err(|e: super::WitnessKeyError| e.to_string()));
                    let key: WitnessKey = key.map_err(|e| PolicyError {
                        line,
                        expected: format!("witness <name> <vkey> [<url>], the vkey of a cosigner: {e}"),
                    })?;
                    let twice =
                        |m: &Member| matches!(m, Member::Witness(w) if w.key.as_bytes() == key.as_bytes());
                    if members.iter().any(twice) {
                        return fail(line, "a key that no line before has: one witness would count twice");
                    }
                    places.insert(name, members.len());
                    members.push(Member::Witness(Witness { name: name.to_vec(), key }));
                    inside.push(false);
                }
                (b"group", [name, needed, within @ ..]) if !within.is_empty() => {
                    is_new(name)?;
                    let mut of = Vec::with_capacity(within.len());
                    for member in within {
                        let Some(at) = places.get(member) else {
                            let member = quote(&shown(member)).to_string();
                            return fail(line, &format!("members of lines before; {member} is none"));
                        };
                        if std::mem::replace(&mut inside[*at], true) {
                            let member = quote(&shown(member)).to_string();
                            return fail(line, &format!("{member} to be in one group only, once"));
                        }
                        of.push(*at);
                    }
                    let needed = match *needed {
                        b"any" => Some(1),
                        b"all" => Some(of.len()),
                        number => std::str::from_utf8(number)
                            .ok()
                            .and_then(super::parse_decimal)
                            .map(|n| n as usize),
                    };
                    let Some(needed) = needed.filter(|n| (1..=of.len()).contains(n)) else {
                        return fail(line, &format!("any, all or a number from 1 to {}", of.len()));
                    };
                    places.insert(name, members.len());
                    members.push(Member::Group(name.to_vec(), needed, of));
                    inside.push(false);
                }
                (b"quorum", [name]) => {
                    if quorum.is_some() {
                        return fail(line, "one line quorum only");
                    }
                    quorum = Some(match (*name, places.get(name)) {
                        (NONE, _) => None,
                        (_, Some(at)) => Some(*at),
                        _ => return fail(line, "quorum none, or a name of a line before"),
                    });
                }
                _ => {
                    return fail(
                        line,
                        "log <vkey> [<url>], witness <name> <vkey> [<url>], group <name> <k> <member>..., \
                         quorum <name> or a comment",
                    );
                }
            }
        }
        match quorum {
            None => fail(last + 1, "a line quorum <name> or quorum none"),
            Some(quorum) => Ok(Self { logs, members, quorum, max_age: None }),
        }
    }
}

fn fail<T>(line: usize, expected: &str) -> Result<T, PolicyError> {
    Err(PolicyError { line, expected: expected.to_owned() })
}

/// A name as it can be shown: octets that are no UTF-8 are replaced.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// The policy's text, without comments and addresses, and with names as they can be shown.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for log in &self.logs {
            match log {
                Log::Ed25519(key) => writeln!(f, "log {key}")?,
                Log::MlDsa44(key) => writeln!(f, "log {key}")?,
                Log::Foreign { vkey, .. } => writeln!(f, "log {vkey}")?,
            }
        }
        let name = |at: usize| match &self.members[at] {
            Member::Witness(Witness { name, .. }) | Member::Group(name, ..) => shown(name),
        };
        for (at, member) in self.members.iter().enumerate() {
            match member {
                Member::Witness(Witness { key, .. }) => writeln!(f, "witness {} {key}", name(at))?,
                Member::Group(_, needed, of) => {
                    write!(f, "group {} {needed}", name(at))?;
                    of.iter().try_for_each(|at| write!(f, " {}", name(*at)))?;
                    writeln!(f)?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum.map_or_else(|| shown(NONE), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{Checkpoint, cosign, leaf_hash},
        note::SigningKey,
    };

    fn log() -> SigningKey {
        SigningKey::from_seed("log.example".parse().unwrap(), &[5; 32])
    }
    fn witness(n: u8) -> SigningKey {
        SigningKey::from_seed(format!("w{n}.example").parse().unwrap(), &[n; 32])
    }
    fn vkey(n: u8) -> WitnessKey {
        witness(n).verifying_key().into()
    }

    /// A checkpoint, cosigned by witnesses at times.
    fn note(by: &[(u8, u64)]) -> SignedNote {
        let origin = "log.example".parse().unwrap();
        let signed = Checkpoint::new(origin, 7, leaf_hash(b"")).unwrap().sign(&log()).unwrap();
        let lines: Vec<_> =
            by.iter().map(|(n, time)| cosign(signed.checkpoint(), *time, &witness(*n)).unwrap()).collect();
        signed.with_signatures(&lines).unwrap().note().clone()
    }

    fn policy(rest: &str) -> String {
        let mut text = format!("# trust\nlog {} https://log.example/\n\n", log().verifying_key());
        for n in 1..=4 {
            text += &format!("witness w{n} {}\n", vkey(n));
        }
        text + rest
    }

    #[test]
    fn a_quorum_is_complete_when_the_last_that_is_needed_cosigned() {
        let text = policy("group a 2 w1 w2 w3\ngroup b any w4\ngroup both all a b\nquorum both\n");
        let policy: Policy = text.parse().unwrap();
        assert_eq!(policy.witnesses().collect::<Vec<_>>(), ["w1", "w2", "w3", "w4"]);
        let by = |by: &[(u8, u64)]| policy.cosigned(&note(by)).by;
        assert_eq!(by(&[(1, 10), (2, 20), (3, 30), (4, 5)]), Some(20));
        assert_eq!(by(&[(1, 10), (3, 30), (4, 40)]), Some(40));
        assert_eq!(by(&[(1, 10), (2, 20), (3, 30)]), None);
        assert_eq!(by(&[(1, 10), (4, 40)]), None);
        let said = policy.cosigned(&note(&[(1, 10)]));
        assert!(said.asked && said.witnesses[0].1 == Ok(10) && said.witnesses[1].1.is_err());
        assert_eq!(policy.to_string().parse::<Policy>(), Ok(policy));
    }

    #[test]
    fn no_entry_is_later_than_the_first_cosignature_by_more_than_clocks_differ() {
        let policy: Policy = policy("group a 2 w1 w2 w3\nquorum a\n").parse().unwrap();
        let said = policy.cosigned(&note(&[(1, 1_020), (2, 1_000), (3, 1_090)]));
        assert_eq!(said.first, Some((vkey(2), 1_000)));
        let time = |ms| Time::from_unix_ms(ms).unwrap();
        assert_eq!(said.allows(time(1_060_000)), Ok(()));
        let what = said.allows(time(1_060_001)).unwrap_err().to_string();
        assert!(what.contains("w2.example") && what.contains("1970-01-01T00:16:40.000Z"), "{what}");
        let latest = policy.cosigned(&note(&[(1, super::super::MAX_COSIGNATURE_TIME)]));
        assert_eq!(latest.allows(time(1_060_001)), Ok(()));
    }

    #[test]
    fn no_quorum_asks_for_nobody_and_says_so() {
        let policy: Policy = policy("quorum none\n").parse().unwrap();
        let said = policy.cosigned(&note(&[(1, 10)]));
        assert_eq!((said.asked, said.by, &said.first), (false, None, &None));
        assert_eq!(said.allows(Time::from_unix_ms(i64::pow(10, 13)).unwrap()), Ok(()));
        let origin: Origin = "log.example".parse().unwrap();
        assert_eq!(policy.logs(&origin).collect::<Vec<_>>(), [log().verifying_key()]);
        assert_eq!(policy.logs(&"other.example".parse().unwrap()).count(), 0);
    }

    #[test]
    fn old_cosignatures_count_for_nothing_where_an_age_is_asked_for() {
        let policy: Policy = policy("group a 2 w1 w2 w3\nquorum a\n").parse().unwrap();
        let policy = policy.with_max_age(Duration::from_secs(3_600)).unwrap();
        let third = |third, now| policy.cosigned_as_of(&note(&[(1, 10_000), (2, 9_000), (3, third)]), now);
        let said = |now| third(12_660, now);
        assert_eq!(said(12_600).by, Some(10_000));
        let old = said(12_601);
        assert_eq!(old.by, Some(12_660), "the one that is left, and one of a clock that is a little ahead");
        let ahead = third(12_662, 12_601);
        assert_eq!(ahead.by, None, "by a clock that is further ahead nothing was seen lately");
        assert!(matches!(ahead.witnesses[2].1, Err(CosignatureError::Ahead { ahead: 61, .. })));
        let both = third(u64::pow(10, 12), 12_000);
        assert_eq!((both.by, both.first), (Some(10_000), Some((vkey(2), 9_000))));
        assert!(matches!(old.witnesses[1].1, Err(CosignatureError::Old { age: 3_601, .. })));
        assert_eq!(old.first, Some((vkey(2), 9_000)), "it has seen the tree all the same");
        let none = said(13_601).quorum().unwrap_err().to_string();
        assert!(none.contains("by w3; the one by w1 is 3601 s old, and at most 3600"), "{none}");
        let nobody: Policy = super::tests::policy("quorum none\n").parse().unwrap();
        assert_eq!(nobody.with_max_age(Duration::from_secs(1)), None);
    }

    #[test]
    fn a_cosignature_counts_up_to_a_minute_ahead_of_the_clock() {
        let policy: Policy = policy("quorum w1\n").parse().unwrap();
        let policy = policy.with_max_age(Duration::from_secs(3_600)).unwrap();
        let as_of = |now| policy.cosigned_as_of(&note(&[(1, 10_000)]), now);
        assert_eq!(as_of(9_940).by, Some(10_000));
        let ahead = as_of(9_939);
        assert_eq!(ahead.by, None);
        let why = ahead.quorum().unwrap_err().to_string();
        assert!(why.ends_with("; the one by w1 is dated 61 s ahead of this machine's clock"), "{why}");
    }

    #[test]
    fn of_witnesses_that_cosigned_at_once_the_first_in_the_policy_is_named() {
        let policy: Policy = policy("group a any w1 w2\nquorum a\n").parse().unwrap();
        assert_eq!(policy.cosigned(&note(&[(2, 10), (1, 10)])).first, Some((vkey(1), 10)));
    }

    #[test]
    fn a_cosignature_that_is_not_good_is_told_of() {
        let policy: Policy = policy("group a 2 w1 w2\nquorum a\n").parse().unwrap();
        let bad = crate::note::SignatureLine::new(vkey(2).name(), vkey(2).id(), &[0; 72]);
        let note = note(&[(1, 10)]).with_signatures(&[bad]).unwrap();
        let why = policy.cosigned(&note).quorum().unwrap_err().to_string();
        assert!(why.ends_with("found good cosignatures by w1; the one by w2 is not good"), "{why}");
    }

    #[test]
    fn a_policy_trusts_the_keys_that_it_names_for_logs() {
        let policy: Policy = policy("quorum w1\n").parse().unwrap();
        assert!(policy.trusts(log().verifying_key()));
        assert!(!policy.trusts(witness(1).verifying_key()), "a witness is no log");
        assert!(!"quorum none\n".parse::<Policy>().unwrap().trusts(log().verifying_key()));
    }

    #[test]
    fn a_log_of_others_is_named_by_a_vkey_whose_id_is_that_of_its_key() {
        let with = |name: &str, id: KeyId| {
            let key = crate::note::base64_encode(&[&[ED25519], &[7; 32][..]].concat());
            format!("log {name}+{id}+{key}\nquorum none\n").parse::<Policy>()
        };
        let id = |name: &str| KeyId::of(name, ED25519, &[7; 32]);
        let foreign = "LOG.example";
        assert!(matches!(with(foreign, id(foreign)).unwrap().logs[..], [Log::Foreign { .. }]));
        assert_eq!(with(foreign, id("another")).map_err(|e| e.line), Err(1));
        let unnamed = "\u{a0}";
        assert_eq!(with(unnamed, id(unnamed)).map_err(|e| e.line), Err(1));
    }

    #[test]
    fn one_witness_may_be_the_quorum() {
        let policy: Policy = policy("quorum w2").parse().unwrap();
        assert_eq!(policy.cosigned(&note(&[(2, 7)])).by, Some(7));
        assert_eq!(policy.cosigned(&note(&[(1, 7)])).by, None);
    }

    #[test]
    fn a_log_may_be_asked_for_a_second_signature() {
        use super::super::cosignature::ml_dsa_witness::MlDsaWitness;
        let besides = MlDsaWitness::new("log.example", 8);
        let elsewhere = MlDsaWitness::new("other.example", 9);
        let text = policy(&format!("log {}\nlog {}\nquorum none\n", besides.vkey(), elsewhere.vkey()));
        let policy: Policy = text.parse().unwrap();
        assert_eq!(policy.to_string().parse::<Policy>(), Ok(policy.clone()));
        let plain = note(&[]);
        let why = policy.cosigned(&plain).quorum().unwrap_err().to_string();
        assert!(why.contains(&format!("log.example {} besides", besides.id())), "{why}");
        let checkpoint = Checkpoint::parse_text(plain.text()).unwrap();
        let with = |line| plain.with_signatures(&[line]).unwrap();
        assert!(policy.cosigned(&with(besides.cosign(&checkpoint, 0))).quorum().is_ok());
        let of_other = MlDsaWitness::new("log.example", 9).cosign(&checkpoint, 5);
        assert!(policy.cosigned(&with(of_other)).quorum().is_err());
        // No checkpoint is opened by its second keys.
        assert_eq!(policy.only_log(), Some(log().verifying_key()));
    }

    #[test]
    fn a_log_that_changes_its_second_key_signs_by_one_of_them() {
        use super::super::cosignature::ml_dsa_witness::MlDsaWitness;
        let (old, new) = (MlDsaWitness::new("log.example", 8), MlDsaWitness::new("log.example", 9));
        let text = policy(&format!("log {}\nlog {}\nquorum none\n", old.vkey(), new.vkey()));
        let policy: Policy = text.parse().unwrap();
        let plain = note(&[]);
        let checkpoint = Checkpoint::parse_text(plain.text()).unwrap();
        let quorum = |lines: &[_]| policy.cosigned(&plain.with_signatures(lines).unwrap()).quorum();
        for by in [&old, &new] {
            assert!(quorum(&[by.cosign(&checkpoint, 0)]).is_ok());
        }
        let why = quorum(&[]).unwrap_err().to_string();
        assert!(why.contains(&format!("{} or {} besides", old.id(), new.id())), "{why}");
        // What the old one is said to have signed must be good all the same.
        let bad = crate::note::SignatureLine::new("log.example", old.id(), &[9; 2_428]);
        let why = quorum(&[bad, new.cosign(&checkpoint, 0)]).unwrap_err().to_string();
        assert!(why.contains(&format!("{} besides", old.id())) && !why.contains(" or "), "{why}");
    }

    #[test]
    fn a_key_beside_a_policy_is_one_that_it_trusts() {
        use super::super::cosignature::ml_dsa_witness::MlDsaWitness;
        let own = log().verifying_key().clone();
        let newer = SigningKey::from_seed("log.example".parse().unwrap(), &[4; 32]).verifying_key().clone();
        let elsewhere =
            SigningKey::from_seed("other.example".parse().unwrap(), &[9; 32]).verifying_key().clone();
        let with = |lines: &str, key: &VerifyingKey| {
            format!("{lines}quorum none\n").parse::<Policy>().unwrap().for_log(key)
        };
        let only = Some(&own).cloned();
        for lines in [
            String::new(),
            format!("log {own}\n"),
            format!("log {own}\nlog {newer}\nlog {elsewhere}\n"),
            format!("log {}\n", MlDsaWitness::new("log.example", 8).vkey()),
        ] {
            assert_eq!(with(&lines, &own).unwrap().only_log().cloned(), only, "{lines}");
        }
        let why = with(&format!("log {elsewhere}\n"), &own).unwrap_err();
        assert_eq!(why, format!("the policy trusts other logs, not {own}"));
        let why = with(&format!("log {newer}\nlog {elsewhere}\n"), &own).unwrap_err();
        assert_eq!(why, format!("the policy trusts another key of log.example, not {own}"));
    }

    #[test]
    fn a_log_without_its_first_key_is_told_of() {
        use super::super::cosignature::ml_dsa_witness::MlDsaWitness;
        let text = format!("log {}\nquorum none\n", MlDsaWitness::new("log.example", 8).vkey());
        let policy: Policy = text.parse().unwrap();
        assert!(policy.lacks("log.example").contains("the log's Ed25519 key (type 0x01) is missing"));
        assert!(policy.lacks("other.example").contains("trusts no log of the origin other.example"));
    }

    #[test]
    fn a_policy_holds_many_keys_and_says_how_it_must_be_saved() {
        use super::super::cosignature::ml_dsa_witness::MlDsaWitness;
        let mut many = policy("");
        for n in 0..64 {
            many += &format!("witness pq{n} {}\n", MlDsaWitness::new("pq.example", 100 + n).vkey());
        }
        many += "quorum none\n";
        assert!(many.len() > 100_000 && many.parse::<Policy>().is_ok(), "{}", many.len());
        let said = |text: String| text.parse::<Policy>().unwrap_err().to_string();
        let text = policy("quorum none\n");
        assert!(said(format!("\u{feff}{text}")).contains("save it without a byte-order mark"));
        assert!(said(text.replace('\n', "\r\n")).contains("its lines end in CR LF: save it with LF"));
        // A key's name that is no UTF-8.
        let vkey = b"log \xff.example+00000000+AQ==\nquorum none\n";
        assert_eq!(Policy::parse(vkey).unwrap_err().line, 1);
    }

    #[test]
    fn a_policy_is_read_up_to_its_longest_length() {
        let with = |length: usize| {
            let text = "quorum none\n# ";
            format!("{text}{}", "x".repeat(length - text.len())).parse::<Policy>()
        };
        assert!(with(MAX_POLICY).is_ok());
        for longer in [MAX_POLICY + 1, 2 * MAX_POLICY] {
            assert!(with(longer).unwrap_err().expected.starts_with("a policy of at most "));
        }
    }

    #[test]
    fn octets_above_127_stand_for_themselves() {
        let octets = |name: &[u8]| {
            let group = [b"group ", name, b" any w1\n"].concat();
            [policy("").as_bytes(), b"# \xe9\xff\n", &group, b"quorum ", name, b"\n"].concat()
        };
        for name in [&b"\xff"[..], b"\xe2\x84\xaa", b"\x80\x81"] {
            let policy = Policy::parse(&octets(name)).unwrap();
            assert_eq!(policy.cosigned(&note(&[(1, 7)])).by, Some(7));
        }
        // K and the Kelvin sign are two names.
        let lines = b"group K any w1\ngroup \xe2\x84\xaa any w2\nquorum K\n";
        let two = [policy("").as_bytes(), lines].concat();
        assert_eq!(Policy::parse(&two).unwrap().cosigned(&note(&[(2, 7)])).by, None);
        let control = [policy("quorum none\n").as_bytes(), b"# \x7f\n"].concat();
        assert!(Policy::parse(&control).is_err());
    }

    #[test]
    fn a_log_is_chosen_by_its_origin_and_none_need_be_named() {
        let other = SigningKey::from_seed("other.example".parse().unwrap(), &[9; 32]);
        let older = SigningKey::from_seed("log.example".parse().unwrap(), &[4; 32]);
        let lines = format!("log {}\nlog {}\nquorum none\n", other.verifying_key(), older.verifying_key());
        let read: Policy = policy(&lines).parse().unwrap();
        assert_eq!((read.only_log(), read.log_of(&note(&[]))), (None, Some(log().verifying_key())));
        let foreign = SignedNote::sign("Log of others\n1\nx\n", &[&other]).unwrap();
        assert_eq!(read.log_of(&foreign), None);
        let none: Policy = "quorum none\n".parse().unwrap();
        assert_eq!(none.log_of(&note(&[])), None);
    }

    #[test]
    fn a_line_of_another_form_is_told_of_the_forms() {
        for line in ["group g any", "quorum", "witness w", "log", "logs x"] {
            let e = format!("{line}\n").parse::<Policy>().unwrap_err();
            assert!(e.expected.starts_with("log <vkey> [<url>], witness <name> "), "{line}: {e}");
        }
    }

    #[test]
    fn a_name_that_is_quoted_is_cut_short() {
        let e = policy(&format!("group g any w1 {}\n", "x".repeat(5_000))).parse::<Policy>().unwrap_err();
        assert!(e.to_string().len() < 200, "{e}");
    }

    #[test]
    fn what_can_not_be_read_is_named_by_its_line() {
        let log_line = format!("log {}\n", log().verifying_key());
        let w = |name: &str, n: u8| format!("witness {name} {}\n", vkey(n));
        for (text, line) in [
            (String::new(), 1),
            (log_line.clone(), 2),
            (format!("{log_line}quorum nobody\n"), 2),
            (format!("{log_line}quorum none\nquorum none\n"), 3),
            (format!("{log_line}{log_line}quorum none\n"), 2),
            (format!("{log_line}witness none {}\nquorum none\n", vkey(1)), 2),
            (format!("{log_line}{}{}quorum a\n", w("a", 1), w("a", 2)), 3),
            (format!("{log_line}{}{}quorum a\n", w("a", 1), w("b", 1)), 3),
            (format!("{log_line}witness a {}\nquorum a\n", log().verifying_key()), 2),
            (format!("{log_line}{}group g 2 a\nquorum g\n", w("a", 1)), 3),
            (format!("{log_line}{}group g 0 a\nquorum g\n", w("a", 1)), 3),
            (format!("{log_line}{}group g any\nquorum g\n", w("a", 1)), 3),
            (format!("{log_line}{}group g any a a\nquorum g\n", w("a", 1)), 3),
            (format!("{log_line}{}group g any b\nquorum g\n", w("a", 1)), 3),
            (format!("{log_line}{}group g any a\ngroup h any a g\nquorum h\n", w("a", 1)), 4),
            (format!("{log_line}witnesses a\n"), 2),
            ("x".repeat(MAX_POLICY + 1), 1),
        ] {
            assert_eq!(text.parse::<Policy>().map_err(|e| e.line), Err(line), "{text}");
        }
    }
}
