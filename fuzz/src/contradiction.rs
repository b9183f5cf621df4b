//! Reports of a contradiction.

use onrecord_verify::log::{Contradiction, Entry, TlogProof, WitnessKey};
use serde_json::Value;

use super::{
    honest::{CHECKPOINTS, ENTRIES, LOG, ORIGIN, WITNESS},
    is_short,
};

/// The entries of a report that proves something stand under one root that the log's key signed. No report accuses an honest
/// log or its witness, whatever entries of that log, indexes and paths it holds.
pub fn holds(bytes: &[u8]) -> bool {
    let read = match Contradiction::prove(bytes) {
        Ok(proved) => {
            assert!(Contradiction::is_one(bytes));
            let report: Value = serde_json::from_slice(bytes).unwrap();
            let entries = report["entries"].as_array().unwrap();
            assert!(entries.len() == proved.entries.len() && (1..=2).contains(&entries.len()));
            for (said, index) in entries.iter().zip(&proved.entries) {
                let (raw, proof) = (said["entry"].as_str().unwrap(), said["proof"].as_str().unwrap());
                let proof = TlogProof::parse(proof.as_bytes()).unwrap();
                let signed = proof.verify(raw.as_bytes(), &proved.log).unwrap();
                assert_eq!((signed.checkpoint(), proof.index()), (&proved.checkpoint, *index));
                assert!(Entry::parse(raw.as_bytes(), proved.checkpoint.origin()).is_ok());
            }
            is_short(&proved.what);
            true
        }
        Err(e) => {
            is_short(&e);
            false
        }
    };
    if let Some(forged) = against_an_honest_log(bytes) {
        let proved = Contradiction::prove(&forged);
        assert!(proved.is_err(), "an honest log is accused: {proved:?}");
    }
    read
}

/// The same report with a checkpoint that an honest log signed, and that log's entries: those at the indexes that the
/// report's entries have, or else that its proofs name.
fn against_an_honest_log(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut report: Value = serde_json::from_slice(bytes).ok()?;
    let members = report.as_object_mut()?;
    members.insert("log".into(), LOG.verifying_key().to_string().into());
    if members.contains_key("witness") {
        let key = WitnessKey::from(WITNESS.verifying_key()).to_string();
        members.insert("witness".into(), key.into());
    }
    for included in members.get_mut("entries")?.as_array_mut()?.iter_mut().take(2) {
        let included = included.as_object_mut()?;
        let proof = TlogProof::parse(included.get("proof")?.as_str()?.as_bytes()).ok()?;
        let said =
            Entry::parse(included.get("entry")?.as_str()?.as_bytes(), &ORIGIN).map(|e| e.header().index);
        let index = said.unwrap_or(proof.index()) as usize % ENTRIES.len();
        included.insert("entry".into(), ENTRIES[index].into());
        let note = CHECKPOINTS[ENTRIES.len()].note().clone();
        let proof = TlogProof::new(proof.index(), proof.path().to_vec(), note).ok()?;
        included.insert("proof".into(), proof.to_string().into());
    }
    Some(report.to_string().into_bytes())
}
