//! The checks at the door that need what is computed from the record: rows alone do not decide them.

use jiff::civil::Date;

use super::{
    PreviewError, Views, deadline,
    instant::{first_day, last_day},
};
use crate::{
    event::{At, Body, Code, Content, DeadlineChange, Event, Refusal},
    ledger::ReadError,
    log::Time,
};

impl Views {
    /// Checks whether an event would be refused as the next entry, as far as this can be told before it is signed. An event
    /// that is on record already passes: submitting it again is answered with its entry. Its words are parsed, but only
    /// [`preview`](Self::preview) checks that they are those the event commits to.
    ///
    /// # Errors
    /// [`PreviewError`], if it would be refused or the store fails.
    pub fn foresee(&self, note: &[u8], words: Option<&[u8]>, now: Time) -> Result<(), PreviewError> {
        let event = Event::parse(note, self.reader().origin())?;
        if self.reader().index_of(&event.id())?.is_some() {
            return Ok(());
        }
        let content = words.map(Content::parse).transpose()?;
        self.reader().foresee(&event, content.as_ref())?;
        Ok(self.demand_at_the_door(&event, now)??)
    }

    /// Checks an event that names a demand (`schema/events.json`). `demand.order`: it is not dated before the demand.
    /// `deadline.earlier`: it moves the last day neither to before the demand, nor to an earlier day than the last day now;
    /// the latter is allowed if the change is `agreed` and a party signs that is neither petitioner nor counsel. The inner
    /// error is the refusal.
    ///
    /// # Errors
    /// [`ReadError`] if the store fails.
    pub fn demand_at_the_door(&self, event: &Event, now: Time) -> Result<Result<(), Refusal>, ReadError> {
        let Some(demand) = event.role("demand").map(|id| self.record_of(&id)).transpose()?.flatten() else {
            return Ok(Ok(()));
        };
        let Body::DemandIssued(of) = demand.event().body() else { return Ok(Ok(())) };
        let (at, issued) = (event.at(), demand.event().at());
        if last_day(at).is_some_and(|last| is_before(last, issued)) {
            let why = format!("{} is before the demand's own date, {}", at.date(), issued.date());
            return Ok(Err(Refusal::because(Code::CheckFailed, "demand.order", why)));
        }
        let Body::DeadlineAdjusted(b) = event.body() else { return Ok(Ok(())) };
        let Some(until) = deadline::date(&b.until) else { return Ok(Ok(())) };
        let refuse = |why: String| Ok(Err(Refusal::because(Code::CheckFailed, "deadline.earlier", why)));
        if is_before(until, issued) {
            return refuse(format!("{until} is before the demand's own date, {}", issued.date()));
        }
        let Some(sheet) = self.demand(&b.demand, now)? else { return Ok(Ok(())) };
        let clock = &sheet.view.demand.clock;
        // If the last day now is one of several, the first of them.
        let Some(due) = clock.due_from.or(clock.due).filter(|due| until < *due) else { return Ok(Ok(())) };
        if b.change == DeadlineChange::Extended {
            return refuse(format!("{until} is before {due}, the last day now, and extends nothing"));
        }
        let demanders = [of.petitioner, of.counsel];
        for key in event.by() {
            let party = self.reader().key(key.as_bytes())?.map(|row| row.party);
            if party.is_some_and(|party| !demanders.contains(&Some(party))) {
                return Ok(Ok(()));
            }
        }
        refuse(format!(
            "{until} is before {due}, the last day now, and the demander alone signs: have a key of the respondent sign too"
        ))
    }
}

/// Whether a day is before every day that a date can mean.
fn is_before(day: Date, at: &At) -> bool {
    first_day(at).is_some_and(|first| day < first)
}
