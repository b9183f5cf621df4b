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

/// At most this many other entries are enclosed. They are the threads of the signers, mostly a few entries each.
const MOST: usize = 4_096;
/// At most this many bytes of other entries and their proofs are enclosed: an exhibit is put together in memory.
const MOST_BYTES: usize = 32 << 20;

const README: &str = include_str!("README.txt");
/// Stands before the read-me text if the entry is fictional, as on its page.
const FICTION: &str = "FICTIONAL: this entry tells of invented parties, for demonstration.\n\n";

/// An exhibit of the entry at `index`, without files. `None` if there is no such entry.
///
/// Its proofs are in the checkpoint with the most cosignatures among those that cover all enclosed entries. If an authority
/// has stamped checkpoints with that many, it is the earliest of these, and its time-stamp tokens are enclosed.
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

/// The entries that the exhibit of an entry encloses.
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
    /// The entry, entry 0, the thread of each signer up to the number in its signer line, and the entries that withhold words
    /// or files of the entry.
    pub fn by(reader: &Reader, index: u64) -> Result<Self, ReadError> {
        let raw = reader.entry(index)?.ok_or_else(|| missing(index))?;
        let entry = Entry::parse(&raw, reader.origin())
            .map_err(|e| ReadError::Fault(format!("entry {index}: {e}")))?;
        let mut chain = BTreeSet::from([0]);
        for (party, j) in &entry.header().signers {
            let thread = reader.thread(party)?;
            chain.extend(thread.into_iter().take((*j as usize).saturating_add(1)));
        }
        // Withholdings come after the entry. They are enclosed, so the checkpoint must cover them too.
        let fate = reader.fate(&entry.event().id())?;
        chain.extend(fate.withheld.iter().map(|(_, by)| *by));
        chain.remove(&index);
        if chain.len() > MOST {
            return Err(ReadError::Spent);
        }
        Ok(Self { index, entry: raw, chain })
    }

    /// The exhibit, with all its proofs in one checkpoint and with time-stamp tokens over that. Other entries that the
    /// checkpoint does not cover are left out.
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
