//! `SearchFilter`: conditions on the entries of a search.

use async_graphql::{InputObject, Result};

use crate::{
    search::{Filter, MAX_TYPES},
    serve::graphql::{
        fault::bad_input,
        scalars::{date_time::DateTime, hash::Hash},
        types::event_type::EventType,
    },
};

/// The longest `language` or `standing` of a filter, in bytes.
const LONGEST: usize = 64;

/// Which entries to search. All conditions that are given must hold.
#[derive(Debug, Clone, Default, InputObject)]
pub struct SearchFilter {
    /// Of one of these types, at most 64.
    pub types: Option<Vec<EventType>>,
    /// In this case, its opening included.
    pub case: Option<Hash>,
    /// Signed by this party or naming it in a ref, its registration included.
    pub party: Option<Hash>,
    /// In this language, as the fact of the event has it, e.g. `ms`.
    pub language: Option<String>,
    /// Of this standing, as the fact of the event has it, e.g. `official`.
    pub standing: Option<String>,
    /// Recorded at or after this time.
    pub recorded_since: Option<DateTime>,
    /// Recorded before this time.
    pub recorded_until: Option<DateTime>,
}

impl SearchFilter {
    /// Checks the filter and turns it into one of the search.
    ///
    /// # Errors
    /// `BAD_INPUT` if a value is too long or not known.
    pub fn read(self) -> Result<Filter> {
        if self.types.as_ref().is_some_and(|t| t.len() > MAX_TYPES) {
            return Err(bad_input(format!("filter.types: expected at most {MAX_TYPES}")));
        }
        for (name, text) in [("language", &self.language), ("standing", &self.standing)] {
            if text.as_ref().is_some_and(|t| t.len() > LONGEST) {
                return Err(bad_input(format!("filter.{name}: expected at most {LONGEST} bytes")));
            }
        }
        let filter = Filter {
            types: self.types.into_iter().flatten().map(Into::into).collect(),
            case: self.case.map(Into::into),
            party: self.party.map(Into::into),
            language: self.language,
            standing: self.standing,
            since: self.recorded_since.map(|t| t.0),
            until: self.recorded_until.map(|t| t.0),
        };
        match filter.unknown() {
            Some((name, expected)) => Err(bad_input(format!("filter.{name}: {expected}"))),
            None => Ok(filter),
        }
    }
}
