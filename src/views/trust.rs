//! Whether a key that signed an entry is distrusted since before the entry was recorded. This changes no verdict and no state,
//! but every sentence that rests on the word of such a key says it.

use super::{Record, Revocation, Views, first_day};
use crate::{
    event::{At, EventId, RevocationReason},
    ledger::ReadError,
    log::Time,
};

impl Views {
    /// The newest revocation that casts doubt on an entry, among the keys that signed it: those of the party `of`, or all.
    ///
    /// It counts only if the key is distrusted since before the entry was recorded. If the key was merely superseded, it must
    /// also be distrusted since the day of the entry's `at` or earlier: such a key goes on speaking for what it signed before.
    /// With any other reason the key may be in other hands, and then `at` is their choice.
    pub(super) fn doubt(
        &self,
        record: &Record,
        of: Option<&EventId>,
    ) -> Result<Option<Revocation>, ReadError> {
        let at = first_day(record.event().at());
        let mut newest: Option<Revocation> = None;
        for (key, (party, _)) in record.event().by().iter().zip(&record.entry.header().signers) {
            if of.is_some_and(|of| of != party) {
                continue;
            }
            let Some(revoked) = self.revocation(key)? else { continue };
            let Some(since) = &revoked.since else { continue };
            let counts = is_before(since, record.entry.header().time)
                && (revoked.reason != RevocationReason::Superseded
                    || first_day(since).zip(at).is_some_and(|(since, at)| since <= at));
            if counts && newest.as_ref().is_none_or(|newest| revoked.index > newest.index) {
                newest = Some(revoked);
            }
        }
        Ok(newest)
    }

    /// The same in words, as they follow what the key signed; empty if there is no doubt.
    pub(super) fn distrust_words(&self, record: &Record, of: Option<&EventId>) -> Result<String, ReadError> {
        Ok(self
            .doubt(record, of)?
            .map_or_else(String::new, |revoked| format!("; signed by {}", revoked.words())))
    }
}

impl Revocation {
    /// `a key distrusted since 1 November 2026`.
    pub(super) fn words(&self) -> String {
        let since = self.since_words().map(|since| format!(" since {since}"));
        format!("a key distrusted{}", since.unwrap_or_default())
    }
}

/// Whether the first moment that an `at` can mean comes before a time; days are read as UTC.
fn is_before(at: &At, time: Time) -> bool {
    let text = at.as_str();
    if text.len() == 25 {
        return text.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_millisecond() < time.unix_ms());
    }
    let time = time.to_string();
    // As text, `2023-12` and `2023-12-15` sort before every time that begins with them.
    text < time.as_str()
}
