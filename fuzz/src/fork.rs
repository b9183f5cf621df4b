//! Reports of a fork.

use onrecord_verify::{
    log::{Checkpoint, Fork},
    note::{SignedNote, VerifyingKey},
};
use serde_json::Value;

use super::{
    honest::{CHECKPOINTS, LOG},
    is_short,
};

/// What a report proves was signed by the log's key: two roots of one size, or a smaller and a larger tree. No report accuses
/// an honest log, whatever proof and root it holds beside what the log did sign.
pub fn holds(bytes: &[u8]) -> bool {
    let read = match Fork::prove(bytes) {
        Ok(proved) => {
            let report: Value = serde_json::from_slice(bytes).unwrap();
            let signed = |which: &str| {
                let key: VerifyingKey = report["log"].as_str().unwrap().parse().unwrap();
                assert_eq!(key, proved.log);
                Checkpoint::open(report[which].as_str().unwrap().as_bytes(), &key)
                    .unwrap()
                    .checkpoint()
                    .clone()
            };
            assert_eq!((&signed("earlier"), &signed("later")), (&proved.earlier, &proved.later));
            assert!(proved.earlier.size() > 0 && proved.earlier.size() <= proved.later.size());
            assert!(
                proved.earlier.size() < proved.later.size() || proved.earlier.root() != proved.later.root()
            );
            true
        }
        Err(e) => {
            is_short(&e);
            false
        }
    };
    if let Some(forged) = against_an_honest_log(bytes) {
        assert!(Fork::prove(&forged).is_err(), "an honest log is accused");
    }
    read
}

/// The same report with checkpoints that an honest log signed, of the sizes that stand in it.
fn against_an_honest_log(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut report: Value = serde_json::from_slice(bytes).ok()?;
    let members = report.as_object_mut()?;
    for which in ["earlier", "later"] {
        let note = SignedNote::parse(members.get(which)?.as_str()?.as_bytes(), usize::MAX).ok()?;
        let size: usize = note.text().split('\n').nth(1)?.parse().ok()?;
        let signed = &CHECKPOINTS[size % CHECKPOINTS.len()];
        members.insert(which.into(), signed.note().as_str().into());
    }
    members.insert("log".into(), LOG.verifying_key().to_string().into());
    Some(report.to_string().into_bytes())
}
