//! Which log a reader trusts, and which witnesses must have seen its tree: C2SP tlog-policy. It is UTF-8 here, and names
//! one log at least.
//!
//! ```text
//! # comment
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> <number | any | all> <member>...
//! quorum <name | none>
//! ```

use std::{collections::HashMap, fmt, str::FromStr};

use super::{CosignatureError, Time, WitnessKey, WitnessKeyError, cosignature::is_key_name};
use crate::{
    event::quote,
    note::{KeyId, Origin, SignedNote, VerifyingKey, base64_decode},
};

/// The longest policy, in bytes.
pub const MAX_POLICY: usize = 65_536;
/// By how many seconds the time of an entry may be after a cosignature on a tree that holds it: what the clocks of a
/// log and a witness may differ by (decisions.md, "Witnesses").
pub const MAX_LEAD: u64 = 60;
/// The quorum that asks for no witness.
const NONE: &str = "none";

/// A line of a policy that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct PolicyError {
    /// Its number, from 1; the line after the last where something is missing.
    pub line: usize,
    /// What was expected there.
    pub expected: String,
}

/// A witness by the name that the policy gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Witness {
    name: String,
    /// As it stands in the policy.
    vkey: String,
    key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Ed25519(WitnessKey),
    /// Its cosignatures can't be checked here: it is never found to have cosigned.
    MlDsa(Vec<u8>),
}

impl Key {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => key.as_bytes(),
            Self::MlDsa(key) => key,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Witness(Witness),
    /// So many of the members at these places, all before this one.
    Group(String, usize, Vec<usize>),
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifyingKey>,
    members: Vec<Member>,
    /// Place of the member that must be satisfied.
    quorum: Option<usize>,
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
}

/// Whether an entry of this time can't have been in a tree that was cosigned then: its time is more than [`MAX_LEAD`]
/// seconds later.
pub(crate) fn is_later_than(time: Time, cosigned: u64) -> bool {
    i128::from(time.unix_ms()) > (i128::from(cosigned) + i128::from(MAX_LEAD)) * 1_000
}

impl Policy {
    /// A policy that trusts one log and asks for no witness.
    pub fn of_log(key: VerifyingKey) -> Self {
        Self { logs: vec![key], members: Vec::new(), quorum: None }
    }

    /// The keys that it trusts for a log of this origin.
    pub fn logs<'a>(&'a self, origin: &'a Origin) -> impl Iterator<Item = &'a VerifyingKey> {
        self.logs.iter().filter(move |key| key.name().as_str() == origin.as_str())
    }

    /// The key of its log, if it trusts one only.
    pub fn only_log(&self) -> Option<&VerifyingKey> {
        match self.logs.as_slice() {
            [key] => Some(key),
            _ => None,
        }
    }

    /// The witnesses, by their names in the policy.
    pub fn witnesses(&self) -> impl Iterator<Item = &str> {
        self.members.iter().filter_map(|m| match m {
            Member::Witness(witness) => Some(witness.name.as_str()),
            Member::Group(..) => None,
        })
    }

    /// What its witnesses say of a checkpoint whose text the log has signed.
    pub fn cosigned(&self, checkpoint: &SignedNote) -> Cosigned {
        let mut witnesses = Vec::new();
        // Of each member when it was satisfied. A group's members stand before it.
        let mut times: Vec<Option<u64>> = Vec::with_capacity(self.members.len());
        let mut first: Option<(WitnessKey, u64)> = None;
        for member in &self.members {
            times.push(match member {
                Member::Witness(witness) => {
                    let name = witness.name.clone();
                    let said = match &witness.key {
                        Key::Ed25519(key) => key.verify(checkpoint),
                        Key::MlDsa(_) => Err(CosignatureError::NoneBy { name: name.clone() }),
                    };
                    let time = said.as_ref().ok().copied();
                    if let (Key::Ed25519(key), Some(time)) = (&witness.key, time)
                        && first.as_ref().is_none_or(|(_, earliest)| time < *earliest)
                    {
                        first = Some((key.clone(), time));
                    }
                    witnesses.push((name, said));
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
        Cosigned { witnesses, asked, by, first: first.filter(|_| asked) }
    }
}

impl Cosigned {
    /// Whether an entry in the tree under the checkpoint can bear this time. A witness that had cosigned the tree before
    /// it was recorded would show that the clock of one of the two is wrong, or that the log wrote a false time.
    ///
    /// # Errors
    /// Which witness cosigned before, and when, in words.
    pub fn allows(&self, time: Time) -> Result<(), String> {
        let Some((key, seen)) = self.first.as_ref().filter(|(_, seen)| is_later_than(time, *seen)) else {
            return Ok(());
        };
        let ms = i64::try_from(*seen).ok().and_then(|s| s.checked_mul(1_000));
        let seen = ms.and_then(Time::from_unix_ms).map_or_else(|| seen.to_string(), |t| t.to_string());
        let by = key.name();
        Err(format!(
            "time: expected at most {MAX_LEAD} s after {seen}, when {by} cosigned a tree that holds it, found {time}"
        ))
    }

    /// Whether the policy is satisfied, in words.
    ///
    /// # Errors
    /// What was expected and what was found, if it is not.
    pub fn quorum(&self) -> Result<String, String> {
        let good = |(name, said): &(String, Result<u64, _>)| said.is_ok().then(|| name.clone());
        let good: Vec<String> = self.witnesses.iter().filter_map(good).collect();
        let good = if good.is_empty() { "none".to_owned() } else { good.join(", ") };
        match (self.asked, self.by) {
            (false, _) => Ok("the policy asks for none".to_owned()),
            (true, Some(_)) => Ok(format!("the quorum of the policy: {good}")),
            (true, None) => {
                let bad = self.witnesses.iter().find_map(|(name, said)| match said {
                    Err(CosignatureError::Bad { .. }) => Some(format!("; the one by {name} is not good")),
                    _ => None,
                });
                let bad = bad.unwrap_or_default();
                Err(format!("expected the quorum of the policy, found good cosignatures by {good}{bad}"))
            }
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY {
            return fail(1, &format!("a policy of at most {MAX_POLICY} bytes"));
        }
        let mut logs: Vec<VerifyingKey> = Vec::new();
        let mut members: Vec<Member> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut inside: Vec<bool> = Vec::new();
        let mut quorum: Option<Option<usize>> = None;
        let mut last = 0;
        for (line, text) in (1..).zip(text.split_terminator('\n')) {
            last = line;
            if text.contains(|c: char| c.is_ascii_control() && c != '\t') {
                return fail(line, "no control character but tabs, and line ends that are a newline alone");
            }
            let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            if words.first().is_none_or(|w| w.starts_with('#')) {
                continue;
            }
            let name = |name: &str| match name {
                NONE => fail(line, "another name than none"),
                _ if places.contains_key(name) => fail(line, "a name that no line before has"),
                name => Ok(name.to_owned()),
            };
            match words.as_slice() {
                ["log", key] | ["log", key, _] => {
                    let Ok(key) = key.parse::<VerifyingKey>() else {
                        return fail(line, "log <vkey> [<url>], the vkey of an Ed25519 key");
                    };
                    if logs.iter().any(|log| log.as_bytes() == key.as_bytes()) {
                        return fail(line, "a key that no line before has");
                    }
                    logs.push(key);
                }
                ["witness", called, vkey] | ["witness", called, vkey, _] => {
                    let name = name(called)?;
                    let key = witness_key(vkey).map_err(|expected| PolicyError { line, expected })?;
                    let twice =
                        |m: &Member| matches!(m, Member::Witness(w) if w.key.as_bytes() == key.as_bytes());
                    if members.iter().any(twice) {
                        return fail(line, "a key that no line before has: one witness would count twice");
                    }
                    places.insert(name.clone(), members.len());
                    members.push(Member::Witness(Witness { name, vkey: (*vkey).to_owned(), key }));
                    inside.push(false);
                }
                ["group", called, needed, within @ ..] if !within.is_empty() => {
                    let name = name(called)?;
                    let mut of = Vec::with_capacity(within.len());
                    for member in within {
                        let Some(at) = places.get(*member) else {
                            return fail(
                                line,
                                &format!("members of lines before; {} is none", quote(member)),
                            );
                        };
                        if std::mem::replace(&mut inside[*at], true) {
                            return fail(line, &format!("{} to be in one group only, once", quote(member)));
                        }
                        of.push(*at);
                    }
                    let needed = match *needed {
                        "any" => Some(1),
                        "all" => Some(of.len()),
                        number => super::parse_decimal(number).map(|n| n as usize),
                    };
                    let Some(needed) = needed.filter(|n| (1..=of.len()).contains(n)) else {
                        return fail(line, &format!("any, all or a number from 1 to {}", of.len()));
                    };
                    places.insert(name.clone(), members.len());
                    members.push(Member::Group(name, needed, of));
                    inside.push(false);
                }
                ["quorum", called] => {
                    if quorum.is_some() {
                        return fail(line, "one line quorum only");
                    }
                    quorum = Some(match (*called, places.get(*called)) {
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
        if logs.is_empty() {
            return fail(last + 1, "a line log <vkey>");
        }
        match quorum {
            None => fail(last + 1, "a line quorum <name> or quorum none"),
            Some(quorum) => Ok(Self { logs, members, quorum }),
        }
    }
}

fn fail<T>(line: usize, expected: &str) -> Result<T, PolicyError> {
    Err(PolicyError { line, expected: expected.to_owned() })
}

/// Signature type and length of an ML-DSA-44 key (`c2sp.org/tlog-cosignature`).
const ML_DSA: (u8, usize) = (0x06, 1_312);

/// A witness's key, of one of the types of `c2sp.org/tlog-cosignature`.
fn witness_key(text: &str) -> Result<Key, String> {
    match text.parse::<WitnessKey>() {
        Ok(key) => Ok(Key::Ed25519(key)),
        Err(e @ WitnessKeyError::Type) => ml_dsa_key(text).ok_or(e),
        Err(e) => Err(e),
    }
    .map_err(|e| format!("witness <name> <vkey> [<url>], the vkey of a cosigner: {e}"))
}

/// The key of a vkey whose name and id are good and whose type is ML-DSA-44.
fn ml_dsa_key(text: &str) -> Option<Key> {
    let [name, id, key] = text.splitn(3, '+').collect::<Vec<_>>().try_into().ok()?;
    let bytes = base64_decode(key)?;
    let (of_type, key) = bytes.split_first()?;
    let good = is_key_name(name) && (*of_type, key.len()) == ML_DSA;
    (good && KeyId::of(name, *of_type, key).to_string() == id).then(|| Key::MlDsa(key.to_vec()))
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &self.logs {
            writeln!(f, "log {key}")?;
        }
        let name = |at: usize| match &self.members[at] {
            Member::Witness(witness) => witness.name.as_str(),
            Member::Group(name, ..) => name.as_str(),
        };
        for member in &self.members {
            match member {
                Member::Witness(Witness { name, vkey, .. }) => writeln!(f, "witness {name} {vkey}")?,
                Member::Group(group, needed, of) => {
                    write!(f, "group {group} {needed}")?;
                    of.iter().try_for_each(|at| write!(f, " {}", name(*at)))?;
                    writeln!(f)?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum.map_or(NONE, name))
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
        let what = said.allows(time(1_060_001)).unwrap_err();
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
    fn one_witness_may_be_the_quorum() {
        let policy: Policy = policy("quorum w2").parse().unwrap();
        assert_eq!(policy.cosigned(&note(&[(2, 7)])).by, Some(7));
        assert_eq!(policy.cosigned(&note(&[(1, 7)])).by, None);
    }

    #[test]
    fn a_key_of_another_kind_never_cosigned() {
        let key = crate::note::base64_encode(&[6; 1_313]);
        let id = KeyId::of("pq.example", 6, &[6; 1_312]);
        let text = policy(&format!("witness pq pq.example+{id}+{key}\nquorum pq\n"));
        let read: Policy = text.parse().unwrap();
        assert_eq!(read.cosigned(&note(&[(1, 7)])).by, None);
        assert_eq!(read.to_string().parse(), Ok(read), "its key is not lost");
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
            ("quorum none\n".into(), 2),
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
