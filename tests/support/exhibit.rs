//! Exhibits made by hand, as a liar would make them.
#![allow(dead_code, missing_docs, reason = "each test uses a part")]

use onrecord::{
    event::{Event, EventId, EventType},
    exhibit::{CaseExport, Enclosed, LinkInChain},
    ledger::Reader,
    log::{Checkpoint, Entry, MemoryTree, Policy, TlogProof, WitnessKey, cosign, inclusion_path, leaf_hash},
    note::{SignedNote, SigningKey},
};
use serde_json::json;

use crate::support::*;

/// A policy that trusts the log of the tests and asks for no witness.
pub fn policy() -> Policy {
    Policy::of_log(key(ORIGIN, 1).verifying_key().clone())
}

pub fn witness(n: u8) -> SigningKey {
    SigningKey::from_seed(format!("w{n}.example").parse().unwrap(), &[n; 32])
}

/// The same policy with three witnesses and the group `two`, which is any two of them. `quorum` is its last line.
pub fn of_three(quorum: &str) -> Policy {
    let mut text = policy().to_string().replace("quorum none\n", "");
    for n in 1..=3 {
        text += &format!("witness w{n} {}\n", WitnessKey::from(witness(n).verifying_key()));
    }
    (text + "group two 2 w1 w2 w3\n" + quorum).parse().unwrap()
}

/// The index of the first entry of a type.
pub fn first(reader: &Reader, of: EventType) -> u64 {
    let size = reader.checkpoint().checkpoint().size();
    let is = |i: &u64| reader.parsed(*i).unwrap().unwrap().event().event_type() == of;
    (0..size).find(is).unwrap()
}

/// The file of a case.
pub fn case_file(reader: &Reader, case: &EventId) -> Vec<u8> {
    let mut export = CaseExport::begin(reader, case).unwrap().unwrap();
    let mut file = Vec::new();
    while let Some(mut part) = export.part().unwrap() {
        file.append(&mut part);
    }
    file
}

/// An exhibit that is changed and packed as exhibits are.
pub fn changed<'a>(exhibit: &'a [u8], change: impl FnOnce(&mut Enclosed<'a>)) -> Vec<u8> {
    let mut enclosed = Enclosed::read(exhibit).unwrap();
    change(&mut enclosed);
    enclosed.write().unwrap()
}

/// The same exhibit with this checkpoint in all its proofs.
pub fn in_checkpoint(exhibit: &[u8], note: &SignedNote) -> Vec<u8> {
    let enclosed = Enclosed::read(exhibit).unwrap();
    let proof = |bytes: &[u8]| {
        let proof = TlogProof::parse(bytes).unwrap();
        TlogProof::new(proof.index(), proof.path().to_vec(), note.clone()).unwrap().to_string()
    };
    let own = proof(enclosed.proof);
    let chain: Vec<(u64, String)> = enclosed.chain.iter().map(|(i, l)| (*i, proof(l.proof))).collect();
    changed(exhibit, |e| {
        e.proof = own.as_bytes();
        for (index, proof) in &chain {
            e.chain.get_mut(index).unwrap().proof = proof.as_bytes();
        }
    })
}

/// An exhibit of the entry `at` of a log of these entries, with the entries `chain` beside it. Its checkpoint is signed by the
/// log, and cosigned by each witness of `lines` at its time.
pub fn exhibit_of(raw: &[String], at: usize, chain: &[usize], lines: &[(&SigningKey, u64)]) -> Vec<u8> {
    let tree: MemoryTree = raw.iter().map(|entry| leaf_hash(entry.as_bytes())).collect();
    let checkpoint = Checkpoint::new(origin(), tree.size(), tree.root()).unwrap();
    let signed = checkpoint.clone().sign(&key(ORIGIN, 1)).unwrap();
    let lines: Vec<_> = lines.iter().map(|(key, time)| cosign(&checkpoint, *time, key).unwrap()).collect();
    let note = signed.with_signatures(&lines).unwrap().note().clone();
    let proof = |i: usize| {
        let path = inclusion_path(i as u64, tree.size(), &tree).unwrap();
        TlogProof::new(i as u64, path, note.clone()).unwrap().to_string()
    };
    let proofs: Vec<String> = chain.iter().map(|i| proof(*i)).collect();
    let own = proof(at);
    let enclosed = Enclosed {
        readme: b"",
        entry: raw[at].as_bytes(),
        proof: own.as_bytes(),
        content: None,
        files: Default::default(),
        chain: chain
            .iter()
            .zip(&proofs)
            .map(|(i, proof)| (*i as u64, LinkInChain { entry: raw[*i].as_bytes(), proof: proof.as_bytes() }))
            .collect(),
        timestamps: Vec::new(),
        policy: None,
    };
    enclosed.write().unwrap()
}

pub fn raw_entries(reader: &Reader) -> Vec<String> {
    let entry = |i| String::from_utf8(reader.entry(i).unwrap().unwrap().to_vec()).unwrap();
    (0..reader.checkpoint().checkpoint().size()).map(entry).collect()
}

/// Exhibits from a log that goes on as no honest log would. Each has a name, and what is wrong with its signers, if anything is.
pub fn forged(reader: &Reader, desk_party: EventId) -> Vec<(&'static str, Vec<u8>, Option<String>)> {
    let mut raw = raw_entries(reader);
    let thread = reader.thread(&desk_party).unwrap();
    let parse = |raw: &String| Entry::parse(raw.as_bytes(), &origin()).unwrap();
    let last = parse(raw.last().unwrap());
    let size = raw.len() as u64;
    // Adds an event that no honest ledger would take, in an entry that only a lying one would make.
    let forge = |raw: &mut Vec<String>, event: &Event, thread: (EventId, u64), signers: &[(EventId, u64)]| {
        let mut header = last.header().clone();
        header.index = raw.len() as u64;
        header.prev = parse(raw.last().unwrap()).hash();
        (header.thread, header.k) = thread;
        header.signers = signers.to_vec();
        let entry = header.entry(event);
        raw.push(entry);
    };
    let event = |kind: &str, refs, facts, by: &SigningKey| {
        let (_, submission) = say(kind, None, refs, facts, None).sign(&[by]);
        Event::parse(&submission.note, &origin()).unwrap()
    };
    let desk = crate::story::key_of("desk");
    let revoke = event(
        "key.revoked",
        json!({"party": desk_party}),
        json!({"key": desk.verifying_key().to_string(), "reason": "superseded"}),
        &desk,
    );
    let k = thread.len() as u64;
    forge(&mut raw, &revoke, (desk_party, k), &[(desk_party, k)]);
    let by = |key: &SigningKey| {
        let (_, submission) = say(
            "exhibit.captured",
            None,
            json!({}),
            json!({"method": "scan", "captured": "2023-12-15"}),
            Some(json!({"description": "x"})),
        )
        .sign(&[key]);
        Event::parse(&submission.note, &origin()).unwrap()
    };
    let used = by(&desk);
    forge(&mut raw, &used, (used.id(), 0), &[(desk_party, k)]);
    let strange = by(&SigningKey::from_seed("stranger.example".parse().unwrap(), &[99; 32]));
    forge(&mut raw, &strange, (strange.id(), 0), &[(desk_party, k)]);
    let short = by(&desk);
    forge(&mut raw, &short, (short.id(), 0), &[(desk_party, k - 1)]);
    // A stranger adds a key to the desk's party, and that key signs something.
    let (stranger, new) = (
        SigningKey::from_seed("stranger.example".parse().unwrap(), &[99; 32]),
        SigningKey::from_seed("newsroom.example/new".parse().unwrap(), &[98; 32]),
    );
    let (_, added) = say(
        "key.added",
        None,
        json!({"party": desk_party}),
        json!({"key": new.verifying_key().to_string()}),
        None,
    )
    .sign(&[&stranger, &new]);
    let added = Event::parse(&added.note, &origin()).unwrap();
    let adding = raw.len() as u64;
    forge(&mut raw, &added, (desk_party, k + 1), &[(desk_party, k + 1); 2]);
    let by_new = by(&new);
    forge(&mut raw, &by_new, (by_new.id(), 0), &[(desk_party, k + 1)]);
    let mut chain: Vec<usize> = std::iter::once(0).chain(thread.iter().map(|i| *i as usize)).collect();
    chain.push(size as usize);
    chain.sort_unstable();
    chain.dedup();
    let mut with_added = chain.clone();
    with_added.push(adding as usize);
    let never_added = "no entry of its party's thread adds the key".to_owned();
    // Another party has an older key and a newer one. A later signature by the older one is good. One by the newer key is not,
    // where the entry says that the party's thread ended before that key was added.
    let newer = first(reader, EventType::KeyAdded);
    let (party, older) = (parse(&raw[newer as usize]).header().signers[0].0, parse(&raw[newer as usize]));
    let older = older.event().by()[0].clone();
    let history: Vec<u64> = reader.thread(&party).unwrap();
    let added_as = history.iter().position(|i| *i == newer).unwrap();
    let before: Vec<usize> =
        std::iter::once(0).chain(history[..added_as].iter().map(|i| *i as usize)).collect();
    let whole: Vec<usize> = [&before[..], &[newer as usize]].concat();
    let signed_by_older = |i: &usize| parse(&raw[*i]).event().by().contains(&older);
    let later = (newer as usize + 1..size as usize).find(signed_by_older).unwrap();
    let too_early = by(&crate::story::key_of("agensi-press"));
    let too_early_at = raw.len();
    forge(&mut raw, &too_early, (too_early.id(), 0), &[(party, added_as as u64 - 1)]);
    // A key signs its own revocation.
    let own: Vec<usize> = chain.iter().copied().filter(|i| *i as u64 != size).collect();
    let (size, adding) = (size as usize, adding as usize);
    let of = |at, chain: &[usize]| exhibit_of(&raw, at, chain, &[]);
    vec![
        ("its own revocation", of(size, &own), None),
        ("a revoked key", of(size + 1, &chain), Some(format!("was revoked by entry {size}"))),
        ("a stranger's key", of(size + 2, &chain), Some(never_added.clone())),
        ("a revocation left out", of(size + 3, &chain), Some(format!("entry {size} is number {k}"))),
        (
            "a key that a stranger added",
            of(adding + 1, &with_added),
            Some(format!("entry {adding}: {never_added}")),
        ),
        ("an older key, with a newer one beside it", of(later, &whole), None),
        ("a key before it was added", of(too_early_at, &before), Some(never_added)),
    ]
}
