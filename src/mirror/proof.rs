//! The proof that the log lied, as far as a mirror can make one of what it refused.

use std::path::Path;

use super::{
    opening::{Mirror, Refused},
    pass::MirrorError,
    searched::Searched,
};
use crate::{
    log::{Contradiction, MAX_CONTRADICTION},
    proof_file::{self, Kept},
    verify::{Evidence, Fault, Place},
};

impl Mirror {
    /// Keeps a proof that the log lied, if the refused entry gives one: by itself or beside another entry.
    pub(super) fn prove(
        &mut self,
        mut fault: Fault,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> MirrorError {
        if let Place::Entry(at) = fault.place
            && let Some(refused) = self.refused.take()
        {
            match self.search(at, &refused, go_on) {
                Ok(Some(kept)) => fault.what += &format!("; {kept}"),
                Ok(None) => {}
                Err(e) => return e,
            }
        }
        MirrorError::Refused(fault)
    }

    /// Looks for a proof that the refused entry at index `at` contradicts itself, a witness, or an earlier entry, and tells
    /// where it is kept. A search that found nothing is not repeated, not even after a start.
    fn search(
        &mut self,
        at: u64,
        refused: &Refused,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<Option<Kept>, MirrorError> {
        let path = self.folder.contradiction();
        let Some(raw) = refused.entry(at) else { return Ok(None) };
        let before = self.searched.as_ref().filter(|searched| searched.is_of(at, raw)).map(|s| s.found);
        // A proof that lies there already may be of another entry.
        let is_of_it = |bytes: &[u8]| {
            let proved = Contradiction::prove(bytes);
            proved.is_ok_and(|proved| proved.log == self.key && proved.entries.contains(&at))
        };
        if let Some(found) = proof_file::find(&path, MAX_CONTRADICTION, is_of_it) {
            return Ok(Some(Kept::At(found)));
        }
        let (heading, policy) = (self.copier.heading.clone(), self.keeps.policy.as_ref());
        let Some(evidence) = Evidence::of(&*self.source, &self.key, &heading, at, raw) else {
            return Ok(None);
        };
        // A later checkpoint may have been cosigned by others.
        let Ok(mut found) = evidence.alone(policy) else { return Ok(None) };
        if found.is_none() {
            if before == Some(false) {
                return Ok(None);
            }
            tracing::info!(entry = at, "looking for an entry that the refused one contradicts");
            let here = self.copier.frontier().size();
            for index in self.contradicted(at, refused, &evidence)? {
                if !go_on(here, heading.checkpoint().size()) {
                    return Err(MirrorError::Stopped);
                }
                let failed = |e: &dyn std::fmt::Display| MirrorError::Disk(format!("entry {index}: {e}"));
                let other = match refused.entry(index) {
                    Some(raw) => Some(raw.clone()),
                    None => self.copier.shared.entry(index).map_err(|e| failed(&e))?,
                };
                let Some(other) = other else { continue };
                // Without the tiles that prove both it is no proof; the next pass looks again.
                let Ok(beside) = evidence.beside(index, &other) else { return Ok(None) };
                if beside.is_some() {
                    found = beside;
                    break;
                }
            }
        }
        // Written before the proof: if the proof is missing at the next start, it is looked for again.
        let searched = Searched::of(at, raw, found.is_some());
        let kept = serde_json::to_vec(&searched).map(|text| self.copier.keep(&self.folder.searched(), &text));
        if let Ok(Err(error)) = kept {
            // The proof holds whether or not this note of the search could be written.
            tracing::warn!(%error, "the search for a contradiction will be made again");
        }
        self.searched = Some(searched);
        let report = found.as_ref().and_then(|found| serde_json::to_vec_pretty(found).ok());
        Ok(report.map(|report| proof_file::keep(&path, &report, |name| self.copier.keep(name, &report))))
    }

    /// The entries that the refused one at index `at` may contradict. All of them are stored here, or came in its bundle.
    fn contradicted(
        &self,
        at: u64,
        refused: &Refused,
        evidence: &Evidence<'_>,
    ) -> Result<Vec<u64>, MirrorError> {
        let shared = &self.copier.shared;
        let places = evidence.suspect().places(&**shared);
        // The rows know nothing of the entries that came in its bundle.
        let mut entries: Vec<u64> = (self.copier.frontier().size().max(refused.first)..at).rev().collect();
        entries.extend(places.entries);
        for (thread, from) in places.ends {
            let last = shared.last_of_thread(&thread).map_err(|e| MirrorError::Disk(e.to_string()))?;
            entries.extend(last.filter(|index| *index >= from));
        }
        Ok(entries)
    }

    /// Keeps the proof that the log signed two histories. If it can't be written, each later pass tries again. The mirror
    /// follows no further in either case.
    pub(super) fn keep_fork(&mut self, proof: String) -> MirrorError {
        let write = |name: &Path| self.copier.keep(name, proof.as_bytes());
        let kept = proof_file::keep(&self.folder.fork(), proof.as_bytes(), write);
        if let Kept::Nowhere { .. } = &kept {
            self.forked = Some(proof);
        }
        MirrorError::Forked(kept)
    }
}
