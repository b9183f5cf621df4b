//! Exhibits.

use std::{collections::BTreeMap, sync::LazyLock};

use onrecord_verify::{
    check::Outcome,
    exhibit::{Enclosed, ExhibitVerdict, LinkInChain, Members, verify},
    log::{
        Checkpoint, Entry, MemoryTree, Policy, SignedCheckpoint, TlogProof, WitnessKey, cosign,
        inclusion_path, leaf_hash,
    },
    note::Origin,
};

use super::{
    honest::{COSIGNED, LOG, ORIGIN, WITNESS},
    is_short, resigned,
};

/// Trusts the log of the vectors.
static OF_LOG: LazyLock<Policy> = LazyLock::new(|| Policy::of_log(LOG.verifying_key().clone()));
/// Trusts the same log, and asks for its witness.
static WITNESSED: LazyLock<Policy> = LazyLock::new(|| {
    let key = WitnessKey::from(WITNESS.verifying_key());
    OF_LOG.to_string().replace("quorum none", &format!("witness w {key}\nquorum w")).parse().unwrap()
});

/// An exhibit is written as the bytes that it was read from. If another program packed it, what is written reads as the same
/// members.
///
/// One that is found valid holds an entry whose signers signed it, under a root that the log's key signed, and so is every
/// entry beside it. Without a policy of the reader's own, none is found valid.
///
/// The same holds with the checksums of its members made good, which reaches the members, and with its entries signed
/// anew and put in a tree that the log signs, which reaches the checks behind signatures and proofs.
pub fn holds(bytes: &[u8]) -> bool {
    let mut read = one(bytes);
    let Some(archive) = with_good_checksums(bytes) else { return read };
    read |= one(&archive);
    let Ok(enclosed) = Enclosed::read(&archive) else { return read };
    if let Some(logged) = logged_anew(&enclosed) {
        one(&logged);
    }
    read
}

/// Checks one archive. Gives whether an exhibit was read from it.
fn one(bytes: &[u8]) -> bool {
    let own = Enclosed::read(bytes);
    let members = Members::read(bytes).map_err(|e| is_short(&e)).ok();
    let each = members.as_ref().map(Members::each).unwrap_or_default();
    let enclosed = Enclosed::of(&each).map_err(|e| is_short(&e)).ok();
    match &own {
        Ok(own) => {
            assert_eq!(own.write().as_deref(), Some(bytes));
            assert_eq!(enclosed.as_ref(), Some(own));
        }
        Err(e) => is_short(e),
    }
    // Written as a ledger writes exhibits, it reads as the same.
    if let Some(anew) = enclosed.as_ref().and_then(Enclosed::write) {
        assert_eq!(Enclosed::read(&anew).ok(), enclosed);
    }
    assert_ne!(verify(bytes, None).verdict, ExhibitVerdict::Valid, "by its own word");
    for policy in [&*OF_LOG, &WITNESSED] {
        let report = verify(bytes, Some(policy));
        let failed = report.checks.iter().any(|check| check.outcome == Outcome::Failed);
        assert_eq!(failed, report.verdict == ExhibitVerdict::Refused);
        report
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed)
            .for_each(|check| is_short(&check.detail()));
        if report.verdict == ExhibitVerdict::Valid {
            is_true(enclosed.as_ref().unwrap(), report.index, std::ptr::eq(policy, &*WITNESSED));
        }
    }
    enclosed.is_some()
}

/// Checks by its parts what must be true of an exhibit that was found valid.
fn is_true(enclosed: &Enclosed<'_>, index: Option<u64>, witnessed: bool) {
    let under = |entry: &[u8], proof: &[u8]| {
        let proof = TlogProof::parse(proof).unwrap();
        let signed = proof.verify(entry, LOG.verifying_key()).unwrap();
        let entry = Entry::parse(entry, signed.checkpoint().origin()).unwrap().verify().unwrap();
        assert_eq!(entry.header().index, proof.index());
        (entry, signed)
    };
    let (entry, signed) = under(enclosed.entry, enclosed.proof);
    assert_eq!(Some(entry.header().index), index);
    for (at, link) in &enclosed.chain {
        let (other, of_it) = under(link.entry, link.proof);
        assert_eq!((other.header().index, of_it.note()), (*at, signed.note()));
    }
    if let Some(words) = enclosed.content {
        assert!(entry.event().content().unwrap().matches(words));
    }
    for (digest, (_, file)) in &enclosed.files {
        assert_eq!(onrecord_verify::event::Digest::blake3(file), *digest);
    }
    if witnessed {
        assert!(WitnessKey::from(WITNESS.verifying_key()).verify(signed.note()).is_ok());
    }
}

/// The members, as far as headers lead from one to the next, in an archive that is well made.
fn with_good_checksums(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut members: Vec<(&[u8], &[u8])> = Vec::new();
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_at_checked(30).filter(|(h, _)| h.starts_with(b"PK\x03\x04"))
    {
        let number = |at: usize, n: usize| {
            header[at..at + n].iter().rev().fold(0, |all, b| all << 8 | usize::from(*b))
        };
        let (name, after) = after.split_at_checked(number(26, 2))?;
        let (contents, after) = after.split_at(number(18, 4).min(after.len()));
        members.push((name, contents));
        rest = after;
    }
    Some(archive(&members))
}

/// A zip as exhibits are, whatever its members are called.
fn archive(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let le = |n: usize| (n as u32).to_le_bytes();
    for (name, bytes) in members {
        let (size, length) = (le(bytes.len()), (name.len() as u16).to_le_bytes());
        let sum = crc32fast::hash(bytes).to_le_bytes();
        let header = [&[10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sum, &size, &size, &length, &[0, 0]].concat();
        directory.extend([b"PK\x01\x02\x0a\0", &header[..], &[0; 10], &le(out.len()), name].concat());
        out.extend([b"PK\x03\x04", &header[..], name, bytes].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let end =
        [b"PK\x05\x06", &[0; 4][..], &count, &count, &le(directory.len()), &le(out.len()), &[0, 0]].concat();
    [out, directory, end].concat()
}

/// The same with its entries signed anew, each at its own index in a tree that the log signs and its witness cosigns.
fn logged_anew(enclosed: &Enclosed<'_>) -> Option<Vec<u8>> {
    /// The largest index that a tree is made for.
    const MOST: u64 = 300;
    let entry = |raw: &[u8]| -> Option<(u64, String)> {
        let entry = Entry::parse(raw, &ORIGIN).ok().filter(|entry| entry.header().index <= MOST)?;
        let event = resigned::event(entry.event(), &ORIGIN)?;
        Some((entry.header().index, entry.header().entry(&event)))
    };
    let (index, own) = entry(enclosed.entry)?;
    let chain: BTreeMap<u64, String> =
        enclosed.chain.values().map(|link| entry(link.entry)).collect::<Option<_>>()?;
    let size = chain.last_key_value().map_or(index, |(last, _)| index.max(*last)) + 1;
    let leaf = |i| leaf_hash(if i == index { &own } else { chain.get(&i).map_or("", |e| e) }.as_bytes());
    let tree: MemoryTree = (0..size).map(leaf).collect();
    let signed = signed(&ORIGIN, &tree);
    let proof = |i| {
        let path = inclusion_path(i, size, &tree).unwrap();
        TlogProof::new(i, path, signed.note().clone()).unwrap().to_string()
    };
    let proofs: BTreeMap<u64, String> = chain.keys().map(|i| (*i, proof(*i))).collect();
    let own_proof = proof(index);
    let link = |i: &u64| LinkInChain { entry: chain[i].as_bytes(), proof: proofs[i].as_bytes() };
    let logged = Enclosed {
        entry: own.as_bytes(),
        proof: own_proof.as_bytes(),
        chain: chain.keys().map(|i| (*i, link(i))).collect(),
        ..enclosed.clone()
    };
    logged.write()
}

/// A tree that the log signs and its witness cosigns.
pub fn signed(origin: &Origin, tree: &MemoryTree) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(origin.clone(), tree.size(), tree.root()).unwrap();
    let line = cosign(&checkpoint, COSIGNED, &WITNESS).unwrap();
    checkpoint.sign(&LOG).unwrap().with_signatures(&[line]).unwrap()
}
