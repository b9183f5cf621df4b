//! Lists of entries: those that pass a filter, those in a thread, those that did something to an event.

use std::{
    collections::HashSet,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use super::{
    claims::listed,
    error::ReadError,
    observed::{Reader, StandsOn},
    shared::Shared,
};
use crate::{
    event::{Act, EventId, EventType},
    log::Time,
    store::index::{By, Listed},
};

/// Which entries to list. A condition that is left out lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Entries of one of these types; empty for all.
    pub types: Vec<EventType>,
    /// Entries in this case, its `case.opened` included.
    pub case: Option<EventId>,
    /// Entries that this party signed or that name it in a ref, its registration included. With the id of any other
    /// event: entries that name that event.
    pub party: Option<EventId>,
    /// Entries recorded at or after this time.
    pub since: Option<Time>,
    /// Entries recorded before this time.
    pub until: Option<Time>,
}

impl Reader {
    /// Indexes in `range` of the entries that pass the filter, ascending or `descending`, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn list(
        &self,
        filter: &Filter,
        range: RangeInclusive<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        // Entries above this size are observed as those that the walks may get.
        let size = |shared: &Arc<Shared>| Ok(shared.recent().checkpoint.checkpoint().size());
        let by_time = filter.since.is_some() || filter.until.is_some();
        let size = self.read_then(size, |size| (by_time || *size == 0).then_some(StandsOn::Everything))?;
        let (mut from, mut to) = (*range.start(), *range.end());
        let Some(last) = size.checked_sub(1) else { return Ok(Vec::new()) };
        to = to.min(last);
        if let Some(since) = filter.since {
            match self.first_since(since)? {
                Some(first) => from = from.max(first),
                None => return Ok(Vec::new()),
            }
        }
        if let Some(until) = filter.until
            && let Some(first) = self.first_since(until)?
        {
            match first.checked_sub(1) {
                Some(before) => to = to.min(before),
                None => return Ok(Vec::new()),
            }
        }
        // A case's entries are its thread; the thread of anything else is no case.
        if let Some(id) = &filter.case
            && !self.is_case(id)?
        {
            return Ok(Vec::new());
        }
        // The narrowest kind of list is walked. The rest of the filter is asked of each entry.
        let mut walks: Vec<By> = match (filter.case, filter.party) {
            (Some(case), _) => vec![By::Thread(case)],
            (None, Some(party)) => vec![By::Named(party)],
            (None, None) => filter.types.iter().map(|t| By::Type(*t)).collect(),
        };
        walks.dedup_by_key(|b| format!("{b:?}"));
        let rest = |index: u64| -> Result<bool, ReadError> {
            let by_case_and_party = filter.case.is_some() && filter.party.is_some();
            let by_type = !filter.types.is_empty() && (filter.case.is_some() || filter.party.is_some());
            if !by_case_and_party && !by_type {
                return Ok(true);
            }
            let Some(entry) = self.parsed(index)? else { return Ok(false) };
            let listed = listed(entry.header(), entry.event(), Vec::new());
            Ok((filter.types.is_empty() || filter.types.contains(&listed.event_type))
                && filter.party.is_none_or(|p| listed.ids.contains(&p)))
        };
        let read = |shared: &Arc<Shared>| {
            if from > to {
                return Ok(Vec::new());
            }
            if walks.is_empty() {
                let all = from..=to;
                return Ok(if descending {
                    all.rev().take(limit).collect()
                } else {
                    all.take(limit).collect()
                });
            }
            let mut out = Vec::new();
            for by in walks.iter().copied() {
                let mut taken = 0;
                for index in walk(shared, by, from..=to, descending)? {
                    let index = index?;
                    if !rest(index)? {
                        continue;
                    }
                    out.push(index);
                    taken += 1;
                    if taken == limit {
                        break;
                    }
                }
            }
            out.sort_unstable();
            out.dedup();
            if descending {
                out.reverse();
            }
            out.truncate(limit);
            Ok(out)
        };
        self.read_then(read, |found| match walks.as_slice() {
            // New entries come last. So they change nothing of an ascending list that already has `limit` entries.
            _ if found.len() == limit && !descending => Vec::new(),
            [] => vec![StandsOn::Everything],
            walks => walks.iter().map(|by| StandsOn::List(*by)).collect(),
        })
    }

    /// The first entries of the type `of` that name an event, in order, at most `most`. Only the types of
    /// [`By::BEARING`] have such lists.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn bearing(&self, of: EventType, id: &EventId, most: usize) -> Result<Vec<u64>, ReadError> {
        debug_assert!(By::BEARING.contains(&of), "there is no such list");
        self.count();
        let by = By::Bearing(of, *id);
        walk(self.read(StandsOn::List(by)), by, 0..=u64::MAX, false)?.take(most).collect()
    }

    /// Indexes in `range` of the entries that did something to the event `on`, the newest first, at most `most`. With `act`, of
    /// those that did that; without, of all.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn acts(
        &self,
        act: Option<Act>,
        on: &EventId,
        range: Range<u64>,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        // The list of all acts changes with that of one.
        let shared = self.read(StandsOn::List(By::Acts(*on)));
        newest(shared, act.map_or(By::Acts(*on), |act| By::Act(act, *on)), range, most)
    }

    /// Indexes in `range` of the rechecks of an exhibit by a party, the newest first, at most `most`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn rechecks(
        &self,
        exhibit: &EventId,
        by: &EventId,
        range: Range<u64>,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        let list = By::Recheck(*exhibit, *by);
        newest(self.read(StandsOn::List(list)), list, range, most)
    }

    /// Indexes below `below` of the links to or from the event `of`, and of the positions on it, by the party `by`: the newest
    /// first, at most `most`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn mentions(
        &self,
        of: &EventId,
        by: &EventId,
        below: u64,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        let list = By::Mention(*of, *by);
        newest(self.read(StandsOn::List(list)), list, 0..below, most)
    }

    /// Whether an entry below the index `below` fills a case that `opener` opened, so that it can't count as opened by mistake.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn is_filled(&self, case: &EventId, opener: &EventId, below: u64) -> Result<bool, ReadError> {
        Ok(self.has_one(By::Fills(*case), below)? || self.has_one(By::Adds(*case, *opener), below)?)
    }

    /// Whether an entry below the index `below` rests on a party, so that it can't count as registered by mistake.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn is_rested_on(&self, party: &EventId, below: u64) -> Result<bool, ReadError> {
        self.has_one(By::Rests(*party), below)
    }

    fn has_one(&self, by: By, below: u64) -> Result<bool, ReadError> {
        self.count();
        let Some(last) = below.checked_sub(1) else { return Ok(false) };
        let read =
            |shared: &Arc<Shared>| Ok(walk(shared, by, 0..=last, false)?.next().transpose()?.is_some());
        // Only an empty result can change: the first entry of a list stays the first.
        self.read_then(read, |found| (!found).then_some(StandsOn::List(by)))
    }

    /// Indexes below `below` of the first demands of a case, at most `most`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn first_demands(
        &self,
        case: &EventId,
        below: u64,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        let by = By::Demands(*case);
        let shared = self.read(StandsOn::List(by));
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        walk(shared, by, 0..=last, false)?.take(most).collect()
    }

    /// For each party that linked the event `of`, took a position on it or looked at its source again below the index `below`:
    /// the first entry that did. The newest first, at most `most`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) fn first_mentions(
        &self,
        of: &EventId,
        below: u64,
        most: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.count();
        let shared = self.read(StandsOn::List(By::Firsts(*of)));
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        // An entry that is not in the index yet is its author's first only if the index has none of that author before it.
        let mut young = Vec::new();
        let mut seen = HashSet::new();
        {
            let overlay = shared.overlay();
            let speaks = |l: &&Listed| l.index < below && By::Firsts(*of).holds(l);
            young.extend(
                overlay
                    .listed()
                    .filter(speaks)
                    .filter(|l| seen.insert(l.author))
                    .map(|l| (l.index, l.author)),
            );
        }
        let mut firsts = Vec::new();
        for (index, author) in young {
            let mut is_first = true;
            for by in [By::Mention(*of, author), By::Recheck(*of, author)] {
                is_first &=
                    shared.index().list(by, 0..=index, false)?.next().transpose()?.is_none_or(|i| i == index);
            }
            if is_first {
                firsts.push(index);
            }
        }
        match shared.index().whole(By::Firsts(*of))? {
            Some(list) => firsts.extend(list.iter().filter(|index| **index < below)),
            None => {
                let listed = shared.index().list(By::Firsts(*of), 0..=last, true)?.take(most);
                firsts.extend(listed.collect::<Result<Vec<u64>, _>>()?);
            }
        }
        firsts.sort_unstable_by(|a, b| b.cmp(a));
        firsts.dedup();
        firsts.truncate(most);
        Ok(firsts)
    }

    /// The first entry recorded at or after a time. Recorded times do not run backwards, so a binary search finds it.
    fn first_since(&self, time: Time) -> Result<Option<u64>, ReadError> {
        let size = self.checkpoint().checkpoint().size();
        let (mut from, mut to) = (0, size);
        while from < to {
            let middle = from + (to - from) / 2;
            let entry =
                self.parsed(middle)?.ok_or_else(|| ReadError::Fault(format!("entry {middle} is missing")))?;
            if entry.header().time < time {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok((from < size).then_some(from))
    }

    /// Indexes of the entries in a thread, in order: the element at position k is entry k of the thread.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn thread(&self, id: &EventId) -> Result<Vec<u64>, ReadError> {
        self.count();
        let by = By::Thread(*id);
        let shared = self.read(StandsOn::List(by));
        let layered: Vec<u64> = shared.overlay().listed().filter(|l| by.holds(l)).map(|l| l.index).collect();
        let mut all = match shared.index().whole(by)? {
            Some(list) => list.to_vec(),
            None => shared.index().list(by, 0..=u64::MAX, false)?.collect::<Result<Vec<u64>, _>>()?,
        };
        let last = all.last().copied();
        all.extend(layered.into_iter().filter(|i| last.is_none_or(|l| *i > l)));
        Ok(all)
    }
}

/// Indexes of a list in a range, in order.
fn walk(
    shared: &Shared,
    by: By,
    range: RangeInclusive<u64>,
    descending: bool,
) -> Result<impl Iterator<Item = Result<u64, ReadError>> + use<>, ReadError> {
    // The overlay is read before the index, into which its entries move. So none is passed over; one that is seen twice is
    // dropped below.
    let layered: Vec<u64> = {
        let overlay = shared.overlay();
        let fits = |l: &&Listed| range.contains(&l.index) && by.holds(l);
        overlay.listed().filter(fits).map(|l| l.index).collect()
    };
    // A list by type is long, so only the part that is wanted is read. All others are mostly short, and then kept whole.
    let whole = if matches!(by, By::Type(_)) { None } else { shared.index().whole(by)? };
    type Indexes = Box<dyn Iterator<Item = Result<u64, ReadError>>>;
    let indexed: Indexes = match whole {
        Some(list) => {
            let low = list.partition_point(|index| index < range.start());
            let high = list.partition_point(|index| index <= range.end()).max(low);
            let mut part = list[low..high].to_vec();
            if descending {
                part.reverse();
            }
            Box::new(part.into_iter().map(Ok))
        }
        None => {
            let listed = shared.index().list(by, range, descending)?;
            Box::new(listed.map(|r| r.map_err(ReadError::from)))
        }
    };
    let merged: Indexes = if descending {
        Box::new(layered.into_iter().rev().map(Ok).chain(indexed))
    } else {
        Box::new(indexed.chain(layered.into_iter().map(Ok)))
    };
    let mut last = None;
    Ok(merged.filter(move |next| {
        let Ok(index) = *next else { return true };
        let in_order = last.is_none_or(|l| if descending { index < l } else { index > l });
        if in_order {
            last = Some(index);
        }
        in_order
    }))
}

fn newest(shared: &Shared, by: By, range: Range<u64>, most: usize) -> Result<Vec<u64>, ReadError> {
    let Some(last) = range.end.checked_sub(1).filter(|last| range.start <= *last) else {
        return Ok(Vec::new());
    };
    walk(shared, by, range.start..=last, true)?.take(most).collect()
}
