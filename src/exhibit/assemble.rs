//! Puts an exhibit together from a ledger.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    exhibit::{Enclosed, LinkInChain},
    ledger::{ReadError, Reader, StoredWords},
    log::{Entry, Policy, SignedCheckpoint},
    views::Views,
};

/// The most other entries that are enclosed: the threads of those who signed, mostly a few each.
const MOST: usize = 4_096;
/// The most bytes of them, and of their proofs: an exhibit is put together in memory.
const MOST_BYTES: usize = 32 << 20;

const README: &str = include_str!("README.txt");
/// Stands before it where the entry tells of what is made up, as its page does.
const FICTION: &str = "FICTIONAL: this entry tells of invented parties, for demonstration.\n\n";

/// An exhibit of the entry at an index, without files, by the checkpoint that most witnesses have cosigned of those that
/// cover it; of these the earliest that was stamped, if one was, with its time-stamp tokens. `None` if there is no such
/// entry.
///
/// # Errors
/// [`ReadError`] if the store fails; [`ReadError::Spent`] if the threads of its signers have more than 4,096 entries, or
/// 32 MiB with their proofs.
pub fn assemble(reader: &Reader, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
    if index >= reader.checkpoint().checkpoint().size() {
        return Ok(None);
    }
    let needed = Needed::by(reader, index)?;
    let last = needed.chain.last().map_or(index, |last| index.max(*last));
    let (checkpoint, tokens) = reader.stamped_checkpoint(last + 1)?;
    needed.enclose(reader, &checkpoint, &tokens).map(Some)
}

/// What the exhibit of an entry encloses.
pub(super) struct Needed {
    index: u64,
    entry: Arc<[u8]>,
    /// Indexes of the other entries.
    chain: BTreeSet<u64>,
}

fn missing(index: u64) -> ReadError {
    ReadError::Fault(format!("entry {index} is missing"))
}

impl Needed {
    /// Entry 0, the threads of those who signed it up to there, and what withholds its words.
    pub fn by(reader: &Reader, index: u64) -> Result<Self, ReadError> {
        let raw = reader.entry(index)?.ok_or_else(|| missing(index))?;
        let entry = Entry::parse(&raw, reader.origin())
            .map_err(|e| ReadError::Fault(format!("entry {index}: {e}")))?;
        let mut chain = BTreeSet::from([0]);
        for (party, j) in &entry.header().signers {
            let thread = reader.thread(party)?;
            chain.extend(thread.into_iter().take((*j as usize).saturating_add(1)));
        }
        // What withholds is enclosed, so the checkpoint covers it too.
        let fate = reader.fate(&entry.event().id())?;
        chain.extend(fate.withheld.iter().map(|(_, by)| *by));
        chain.remove(&index);
        if chain.len() > MOST {
            return Err(ReadError::Spent);
        }
        Ok(Self { index, entry: raw, chain })
    }

    /// The exhibit, all its proofs in one checkpoint, with time-stamp tokens over that. What it does not cover is left out.
    pub fn enclose(
        &self,
        reader: &Reader,
        checkpoint: &SignedCheckpoint,
        tokens: &[Vec<u8>],
    ) -> Result<Vec<u8>, ReadError> {
        let index = self.index;
        let proof = |index: u64| -> Result<String, ReadError> {
            Ok(reader.proof(index, checkpoint)?.ok_or_else(|| missing(index))?.to_string())
        };
        let (mut links, mut bytes) = (BTreeMap::new(), 0);
        for other in self.chain.range(..checkpoint.checkpoint().size()) {
            let link = (reader.entry(*other)?.ok_or_else(|| missing(*other))?, proof(*other)?);
            bytes += link.0.len() + link.1.len();
            if bytes > MOST_BYTES {
                return Err(ReadError::Spent);
            }
            links.insert(*other, link);
        }
        let words = match reader.words(index)? {
            StoredWords::Present(words) => Some(words),
            _ => None,
        };
        let views = Views::new(reader);
        let fictional = views.fictional(&*views.record(index)?.ok_or_else(|| missing(index))?)?;
        let readme = if fictional { format!("{FICTION}{README}") } else { README.to_owned() };
        let (proof, policy) = (proof(index)?, Policy::of_log(reader.log_key().clone()).to_string());
        let enclosed = Enclosed {
            readme: readme.as_bytes(),
            entry: &self.entry,
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
            .ok_or_else(|| ReadError::Fault(format!("an exhibit of entry {index} would be too large")))
    }
}
