//! The seeds of the corpora: what the vectors hold, and what the crate makes of it.

use std::collections::BTreeMap;

use onrecord_verify::{
    event::{Digest, Event},
    exhibit::{Enclosed, LinkInChain},
    log::{
        AddCheckpoint, Contradiction, Entry, Fork, Hash, Header, MemoryTree, Policy, Time, TlogProof,
        WitnessKey, Words, consistency_path, cosign, encode_bundle, encode_contents, inclusion_path,
        leaf_hash, tiles_of,
    },
    note::{SignatureLine, SignedNote, base64_decode, base64_encode},
};
use serde_json::json;

use super::{
    exhibit::signed,
    honest::{CHECKPOINTS, COSIGNED, ENTRIES, LOG, ORIGIN, VECTORS, WITNESS, text, tree},
    policy::witness,
    resigned,
};

/// A target's name, and an input for it.
pub type Seed = (&'static str, Vec<u8>);

/// All seeds, many of them alike: `cargo fuzz cmin` keeps those that differ in what they reach.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, bytes: &[u8]| seeds.push((target, bytes.to_owned()));
    for raw in ENTRIES.iter() {
        let event = entry(raw).event().clone();
        add("entry", raw.as_bytes());
        add("event", event.note().as_bytes());
        add("event", event.line().as_bytes());
        add("note", event.note().as_bytes());
        event.by().iter().for_each(|key| add("vkey", key.to_string().as_bytes()));
    }
    // Comparing each of so many names with all others once took longer than checking a signature.
    let many: Vec<String> = (0..6_500).map(|i| format!("\"{i:04x}\":1,")).collect();
    let line = entry(ENTRIES[27]).event().line().replacen(
        "\"facts\":{",
        &format!("\"facts\":{{{}", many.concat()),
        1,
    );
    add("event", line.as_bytes());
    for refused in VECTORS["refused"].as_array().unwrap() {
        let note = base64_decode(text(&refused["note_b64"])).unwrap();
        if note.len() < 2_000 {
            add("event", &note);
            if let Ok(event) = Event::parse(&note, &ORIGIN) {
                add("event", event.line().as_bytes());
            }
        }
        if let Some(words) = refused["content_b64"].as_str().filter(|w| w.len() < 2_000) {
            add("content", &base64_decode(words).unwrap());
        }
    }
    let words: Vec<Option<&str>> =
        VECTORS["entries"].as_array().unwrap().iter().map(|entry| entry["content"].as_str()).collect();
    words.iter().flatten().for_each(|words| add("content", words.as_bytes()));

    let whole = &CHECKPOINTS[ENTRIES.len()];
    for checkpoint in [&CHECKPOINTS[0], &CHECKPOINTS[1], whole] {
        add("note", checkpoint.note().as_bytes());
        add("checkpoint", checkpoint.note().as_bytes());
        add("checkpoint", checkpoint.checkpoint().text().as_bytes());
    }
    let witness_key = WitnessKey::from(WITNESS.verifying_key());
    add("vkey", witness_key.to_string().as_bytes());
    let lines: Vec<SignatureLine> = [COSIGNED, COSIGNED + 1]
        .iter()
        .map(|time| cosign(whole.checkpoint(), *time, &WITNESS).unwrap())
        .collect();
    add("cosignature", lines[0].to_string().as_bytes());
    add("cosignature", format!("{}{}", lines[0], lines[1]).as_bytes());
    add(
        "cosignature",
        format!("{}{}", SignatureLine::new("w.example", witness_key.id(), &[6; 90]), lines[1]).as_bytes(),
    );
    ["0", "28\n", "20852014\n", "18446744073709551615\n"]
        .iter()
        .for_each(|size| add("tlog_size", size.as_bytes()));

    for (index, size) in [(0, 1), (4, 28), (27, 28), (20, 21)] {
        let proof = proof(index, &tree(size)).to_string();
        add("tlog_proof", proof.as_bytes());
        add("tlog_proof", proof.replacen("\nindex", "\nextra AAAA\nindex", 1).as_bytes());
    }
    for (old, size) in [(0, 28), (1, 2), (7, 28), (28, 28)] {
        let path = consistency_path(old, size, &tree(size)).unwrap();
        let request = AddCheckpoint::new(old, path, CHECKPOINTS[size as usize].note().clone()).unwrap();
        add("add_checkpoint", request.to_string().as_bytes());
    }
    policies().iter().for_each(|policy| add("policy", policy.as_bytes()));

    let with_width = |width: usize, tile: Vec<u8>| [&[(width - 1) as u8][..], &tile].concat();
    for entries in [&ENTRIES[..1], &ENTRIES[5..8]] {
        add("bundle", &with_width(entries.len(), encode_bundle(entries).unwrap()));
    }
    add("bundle", &with_width(4, encode_bundle(&[&b""[..], b"one", b"", b"three"]).unwrap()));
    let tiles = |words: &[Words<'_>]| with_width(words.len(), encode_contents(words).unwrap());
    add("content_tile", &tiles(&[Words::None, Words::Withheld, Words::Present(b"{}")]));
    let some: Vec<Words<'_>> =
        words[..4].iter().map(|w| w.map_or(Words::None, |w| Words::Present(w.as_bytes()))).collect();
    add("content_tile", &tiles(&some));
    for path in tiles_of(70_000).step_by(97).chain(tiles_of(700).take(3)) {
        add("tile_path", path.to_string().as_bytes());
    }
    for path in VECTORS["tile_paths"].as_array().unwrap() {
        add("tile_path", text(&path[1]).as_bytes());
    }

    for size in [0, 1, 2, 7, 21, 22] {
        let bundle = encode_bundle(&ENTRIES[..size]).unwrap_or_default();
        let mut held: Vec<Words<'_>> =
            words[..size].iter().map(|w| w.map_or(Words::None, |w| Words::Present(w.as_bytes()))).collect();
        if size > 20 {
            // Entry 20 withholds the words of entry 9.
            held[9] = Words::Withheld;
        }
        let contents = encode_contents(&held).unwrap_or_default();
        for how in 0..4u8 {
            let length = (bundle.len() as u16).to_be_bytes();
            add("ledger", &[&[how][..], &length, &bundle, &contents].concat());
        }
    }
    forks().iter().for_each(|report| add("fork", report));
    contradictions().iter().for_each(|report| add("contradiction", report));
    exhibits().iter().for_each(|exhibit| add("exhibit", exhibit));
    add("note", SignedNote::sign("a\n\nb\n", &[&LOG, &witness(1)]).unwrap().as_bytes());
    seeds
}

fn entry(raw: &str) -> Entry {
    Entry::parse(raw.as_bytes(), &ORIGIN).unwrap()
}

fn path(index: u64, tree: &MemoryTree) -> Vec<Hash> {
    inclusion_path(index, tree.size(), tree).unwrap()
}

fn proof(index: u64, tree: &MemoryTree) -> TlogProof {
    TlogProof::new(index, path(index, tree), signed(&ORIGIN, tree).note().clone()).unwrap()
}

fn policies() -> Vec<String> {
    let log = format!("# trust\nlog {} https://ledger.example.org/\n", LOG.verifying_key());
    let mut all = log.clone() + &format!("witness w {}\n", WitnessKey::from(WITNESS.verifying_key()));
    for n in 1..=4 {
        all +=
            &format!("witness w{n} {} https://w{n}.example/\n", WitnessKey::from(witness(n).verifying_key()));
    }
    let unknown = format!("witness pq pq.example+01020304+{}\n", base64_encode(&[6; 40]));
    vec![
        Policy::of_log(LOG.verifying_key().clone()).to_string(),
        format!("{log}quorum none"),
        format!("{all}quorum w1\n"),
        format!("{all}group two 2 w1 w2 w3\nquorum two\n"),
        format!("{all}group a 2 w1 w2 w3\ngroup b any w4\ngroup both all a b\n\nquorum both\n"),
        format!("{all}{unknown}group g any w pq\nquorum g\n"),
    ]
}

fn forks() -> Vec<Vec<u8>> {
    // A log in which the entry at `forged` is another.
    let other = |size: u64, forged: u64| -> MemoryTree {
        (0..size)
            .map(|i| leaf_hash(if i == forged { b"x" } else { ENTRIES[i as usize].as_bytes() }))
            .collect()
    };
    let report = |earlier: u64, forged, later: u64| {
        let (earlier, later) = (signed(&ORIGIN, &other(earlier, forged)), &CHECKPOINTS[later as usize]);
        let tree = tree(later.checkpoint().size());
        let found = Fork::find(LOG.verifying_key(), &earlier, later, &tree).unwrap();
        serde_json::to_vec(&found.unwrap()).unwrap()
    };
    vec![report(1, 0, 1), report(5, 2, 9), report(28, 27, 28), report(8, 1, 28)]
}

fn contradictions() -> Vec<Vec<u8>> {
    let mut raw: Vec<String> = ENTRIES.iter().map(|raw| (*raw).to_owned()).collect();
    let mut push = |change: &dyn Fn(&mut Header), of: usize| {
        let original = entry(ENTRIES[of]);
        let mut header = original.header().clone();
        change(&mut header);
        let event = resigned::event(original.event(), &ORIGIN).unwrap();
        raw.push(header.entry(&event));
    };
    push(&|_| (), 27);
    push(&|header| header.index = 29, 27);
    push(&|header| (header.index, header.k) = (30, 99), 9);
    push(&|header| (header.index, header.prev) = (31, Digest([7; 32])), 11);
    push(&|header| header.index = 32, 4);
    let late = Time::from_unix_ms((COSIGNED as i64 + 90) * 1_000).unwrap();
    push(&|header| (header.index, header.time) = (33, late), 26);
    let tree: MemoryTree = raw.iter().map(|raw| leaf_hash(raw.as_bytes())).collect();
    let checkpoint = signed(&ORIGIN, &tree);
    let witness_key = WitnessKey::from(WITNESS.verifying_key());
    let report = |entries: &[u64], witness: Option<&WitnessKey>| {
        let all = entries.iter().map(|i| (*i, raw[*i as usize].as_bytes(), path(*i, &tree))).collect();
        Contradiction::new(LOG.verifying_key(), &checkpoint, all, witness)
            .map(|report| serde_json::to_vec(&report).unwrap())
    };
    let mut found: Vec<Vec<u8>> = (28..34).filter_map(|i| report(&[i], None)).collect();
    found.extend(
        (28..34).flat_map(|n| (0..n).step_by(5).map(move |i| [i, n])).filter_map(|both| report(&both, None)),
    );
    found.extend(report(&[33], Some(&witness_key)));
    assert!(found.len() > 8, "{}", found.len());
    // What proves nothing: two entries that can both be true.
    let both = [4, 9].map(|i| json!({"entry": raw[i], "proof": proof(i as u64, &tree).to_string()}));
    let log = LOG.verifying_key().to_string();
    let none = json!({"form": "onrecord/contradiction/v1", "log": log, "entries": both});
    found.push(none.to_string().into_bytes());
    found
}

fn exhibits() -> Vec<Vec<u8>> {
    let tree = tree(ENTRIES.len() as u64);
    let policy = Policy::of_log(LOG.verifying_key().clone()).to_string();
    let of = |index: usize, chain: &[usize], extra: bool| {
        let proofs: BTreeMap<usize, String> =
            chain.iter().chain([&index]).map(|i| (*i, proof(*i as u64, &tree).to_string())).collect();
        let words = VECTORS["entries"][index]["content"].as_str().map(str::as_bytes);
        let link = |i: &usize| LinkInChain { entry: ENTRIES[*i].as_bytes(), proof: proofs[i].as_bytes() };
        let file = (Digest::blake3(b"file"), ("txt", &b"file"[..]));
        Enclosed {
            readme: b"",
            entry: ENTRIES[index].as_bytes(),
            proof: proofs[&index].as_bytes(),
            content: words,
            files: if extra { [file].into() } else { BTreeMap::new() },
            chain: chain.iter().map(|i| (*i as u64, link(i))).collect(),
            timestamps: if extra { vec![b"token"] } else { Vec::new() },
            policy: extra.then_some(policy.as_bytes()),
        }
        .write()
        .unwrap()
    };
    // The entries of the threads of an entry's signers, as far as its header says.
    let chain_of = |index: usize| -> Vec<usize> {
        let signers = entry(ENTRIES[index]).header().signers.clone();
        let in_a_thread = |i: &usize| {
            let header = entry(ENTRIES[*i]).header().clone();
            *i == 0 || signers.iter().any(|(party, j)| header.thread == *party && header.k <= *j)
        };
        (0..ENTRIES.len()).filter(|i| *i != index).filter(in_a_thread).collect()
    };
    let mut all: Vec<Vec<u8>> =
        [0, 1, 4, 7, 8, 9, 10, 20, 22].iter().map(|i| of(*i, &chain_of(*i), false)).collect();
    all.extend([of(4, &[0], true), of(9, &[], false)]);
    all.push(packed_by_another(&of(4, &chain_of(4), false)));
    all
}

/// The same members in an archive as other programs make them: deflated in blocks that are stored, in another order, with
/// dates, extra fields and sizes behind the bytes, under a folder, with what an operating system adds.
fn packed_by_another(exhibit: &[u8]) -> Vec<u8> {
    let mut members: Vec<(String, Vec<u8>)> = vec![("__MACOSX/e/._entry".into(), b"x".to_vec())];
    let mut rest = exhibit;
    while rest.starts_with(b"PK\x03\x04") {
        let number =
            |at: usize, n: usize| rest[at..at + n].iter().rev().fold(0, |all, b| all << 8 | usize::from(*b));
        let (size, name) = (number(18, 4), 30 + number(26, 2));
        let path = format!("e/{}", String::from_utf8_lossy(&rest[30..name]));
        members.push((path, rest[name..name + size].to_vec()));
        rest = &rest[name + size..];
    }
    members.reverse();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let le = |n: usize| (n as u32).to_le_bytes();
    for (name, bytes) in &members {
        let short = |n: usize| (n as u16).to_le_bytes();
        let folded = [&[1][..], &short(bytes.len()), &short(!bytes.len()), bytes].concat();
        let (sum, length) = (crc32fast::hash(bytes).to_le_bytes(), short(name.len()));
        let sizes = [&sum[..], &le(folded.len()), &le(bytes.len())].concat();
        let at = le(out.len());
        let own = [
            &b"PK\x03\x04\x14\0\x08\0\x08\0\x55\x55\x55\x55"[..],
            &[0; 12],
            &length,
            &[4, 0],
            name.as_bytes(),
        ];
        out.extend([&own.concat()[..], b"xx\0\0", &folded, b"PK\x07\x08", &sizes].concat());
        let listed =
            [&b"PK\x01\x02\x14\x03\x14\0\x08\0\x08\0\x55\x55\x55\x55"[..], &sizes, &length, &[0; 12], &at];
        directory.extend([&listed.concat()[..], name.as_bytes()].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let end =
        [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &le(directory.len()), &le(out.len()), &[0, 0]].concat();
    [out, directory, end].concat()
}
