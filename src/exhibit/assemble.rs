//! Puts an exhibit together from a ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::enclosed::{Enclosed, LinkInChain};
use crate::{
    ledger::{ReadError, Reader, StoredWords},
    log::{Entry, Policy},
};

/// The most other entries that are enclosed: the threads of those who signed, mostly a few each.
const MOST: usize = 4_096;

const README: &str = include_str!("README.txt");

/// An exhibit of the entry at an index, without files, by the checkpoint that most witnesses have cosigned of those that
/// cover it; of these the earliest that was stamped, if one was, with its time-stamp tokens. `None` if there is no such
/// entry.
///
/// # Errors
/// [`ReadError`] if the store fails, or if the threads of its signers have more than 4,096 entries.
pub fn assemble(reader: &Reader, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
    if index >= reader.checkpoint().checkpoint().size() {
        return Ok(None);
    }
    let missing = |index: u64| ReadError(format!("entry {index} is missing"));
    let raw = reader.entry(index)?.ok_or_else(|| missing(index))?;
    let entry = Entry::parse(&raw, reader.origin()).map_err(|e| ReadError(format!("entry {index}: {e}")))?;
    let mut chain = BTreeSet::from([0]);
    for (party, j) in &entry.header().signers {
        let thread = reader.thread(party)?;
        chain.extend(thread.into_iter().take((*j as usize).saturating_add(1)));
    }
    // What withholds is enclosed, so the checkpoint covers it too.
    let fate = reader.fate(&entry.event().id())?;
    chain.extend(fate.withheld.iter().map(|(_, by)| *by));
    let last = chain.last().map_or(index, |last| index.max(*last));
    let (checkpoint, tokens) = reader.stamped_checkpoint(last + 1)?;
    chain.remove(&index);
    if chain.len() > MOST {
        return Err(ReadError(format!("an exhibit of entry {index} would enclose more than {MOST} entries")));
    }
    let proof = |index: u64| -> Result<String, ReadError> {
        Ok(reader.proof(index, &checkpoint)?.ok_or_else(|| missing(index))?.to_string())
    };
    let mut links = BTreeMap::new();
    for other in chain {
        links.insert(other, (reader.entry(other)?.ok_or_else(|| missing(other))?, proof(other)?));
    }
    let words = match reader.words(index)? {
        StoredWords::Present(words) => Some(words),
        _ => None,
    };
    let (proof, policy) = (proof(index)?, Policy::of_log(reader.log_key().clone()).to_string());
    let enclosed = Enclosed {
        readme: README.as_bytes(),
        entry: &raw,
        proof: proof.as_bytes(),
        content: words.as_deref(),
        files: BTreeMap::new(),
        chain: links
            .iter()
            .map(|(i, (entry, proof))| (*i, LinkInChain { entry, proof: proof.as_bytes() }))
            .collect(),
        timestamps: tokens.iter().map(Vec::as_slice).collect(),
        policy: Some(policy.as_bytes()),
    };
    enclosed
        .write()
        .map(Some)
        .ok_or_else(|| ReadError(format!("an exhibit of entry {index} would be too large")))
}
