//! Cross-checks between events: the closed list `checks` of `schema/events.json`. Those that read words
//! (`link.quote`, `withholding.file`, `words.items`) are asked at the door only, and so are those that came after the first ledgers
//! (`evidence.addressee`, `collection.standing`, `demand.order`, `deadline.earlier`): what stands on record stays valid.

use super::rows::{Detail, Rows};
use crate::event::{
    At, Body, Code, CorrectionEffect, Deadline, DeadlineRule, DisclosureKind, Event, EventId, EventType,
    Refusal,
};

fn failed(check: &str, message: impl std::fmt::Display) -> Refusal {
    Refusal::because(Code::CheckFailed, check, message.to_string())
}

fn ensure(good: bool, check: &str, message: impl std::fmt::Display) -> Result<(), Refusal> {
    if good { Ok(()) } else { Err(failed(check, message)) }
}

/// Whether events of this type can't be voided.
fn is_permanent(event_type: EventType) -> bool {
    ["ledger.", "party.", "key.", "role.", "case.", "content.", "correction."]
        .iter()
        .any(|prefix| event_type.as_str().starts_with(prefix))
}

pub(crate) fn check(rows: &impl Rows, event: &Event, author: EventId) -> Result<(), Refusal> {
    match event.body() {
        Body::DemandIssued(b) => {
            let respondent = event.case().and_then(|c| rows.event(&c)).map(|e| e.detail.clone());
            let right = respondent == Some(Detail::Case { respondent: b.respondent });
            ensure(right, "demand.respondent", "refs.respondent is not the case's respondent")?;
            let range = format!("expected facts.items from 1 to 100, found {}", b.items);
            ensure((1..=100).contains(&b.items), "demand.items", range)?;
            let sender = b.petitioner.is_some() || b.counsel.is_some();
            ensure(sender, "demand.sender", "expected refs.petitioner or refs.counsel, found neither")?;
            if let Some(Deadline::Period { rule, weekly, holidays, .. }) = &b.deadline {
                let message = match rule {
                    DeadlineRule::InterpretationAct54 => "this rule needs weekly and holidays",
                    _ => "only my-interpretation-act-54 has weekly",
                };
                let right = match rule {
                    DeadlineRule::InterpretationAct54 => weekly.is_some() && !holidays.is_empty(),
                    _ => weekly.is_none(),
                };
                ensure(right, "deadline.rule", message)?;
            }
            Ok(())
        }
        Body::DisclosureMade(b) => {
            let check = "disclosure.reply";
            let reply = b.kind == DisclosureKind::Reply;
            ensure(reply == b.demand.is_some(), check, "kind is reply if and only if refs.demand is there")?;
            ensure(reply || b.items.is_none(), check, "facts.items stands in a reply only")?;
            let Some(demand) = b.demand.and_then(|d| rows.event(&d)) else { return Ok(()) };
            let Detail::Demand { respondent, items } = demand.detail else { return Ok(()) };
            ensure(b.party == respondent, check, "refs.party is not the demand's respondent")?;
            let beyond = b.items.iter().flatten().find(|i| i.item > items);
            match beyond {
                Some(i) => Err(failed(check, format!("item {} of a demand of {items}", i.item))),
                None => Ok(()),
            }
        }
        Body::AnswerAssessed(b) => {
            let check = "assessment.pair";
            let Some(Detail::Disclosure { demand, items }) =
                rows.event(&b.disclosure).map(|e| e.detail.clone())
            else {
                return Ok(());
            };
            ensure(demand == Some(b.demand), check, "the disclosure does not reply to refs.demand")?;
            match b.items.iter().find(|i| !items.contains(&i.item)) {
                Some(i) => Err(failed(check, format!("item {} does not stand in the disclosure", i.item))),
                None => Ok(()),
            }
        }
        Body::NoticeDispatched(_) | Body::DeadlineAdjusted(_) | Body::CollectionOpened(_) => {
            has_day(event.at())
        }
        Body::DeliveryEvidenced(b) => {
            has_day(event.at())?;
            not_before_notice(rows, event.at(), &b.notice)
        }
        Body::ReceiptAcknowledged(b) => not_before_notice(rows, event.at(), &b.notice),
        Body::CollectionCounted(b) => {
            has_day(event.at())?;
            collection_open(rows, &b.collection, b.count)
        }
        Body::CollectionClosed(b) => {
            has_day(event.at())?;
            collection_open(rows, &b.collection, b.count)
        }
        Body::CommitmentClosed(b) => {
            let open = !rows.fate(&b.commitment).closed;
            ensure(open, "commitment.open", "the commitment was closed before")
        }
        Body::ContentWithheld(b) => {
            let check = "withholding.state";
            let has_content = rows.event(&b.entry).is_some_and(|e| e.content.is_some());
            ensure(has_content, check, "the entry carries no words")?;
            let fate = rows.fate(&b.entry);
            match b.blobs.iter().find(|p| fate.withheld_by(**p).is_some()) {
                Some(p) => Err(failed(check, format!("{p} is withheld already"))),
                None => Ok(()),
            }
        }
        Body::ContentReleased(b) => {
            let fate = rows.fate(&b.entry);
            match b.blobs.iter().find(|p| fate.withheld_by(**p).is_none()) {
                Some(p) => Err(failed("withholding.state", format!("{p} is not withheld"))),
                None => Ok(()),
            }
        }
        Body::CaseOpened(b) => {
            let respondent = rows.party(&b.respondent).is_some_and(|p| p.fictional);
            let same = respondent == b.fictional.unwrap_or(false);
            ensure(same, "case.fictional", "a case is fictional if and only if its respondent is")
        }
        Body::CorrectionIssued(b) => {
            let check = "correction.void";
            let void = b.effect == CorrectionEffect::Void;
            ensure(void || b.replacement.is_none(), check, "refs.replacement stands with effect void only")?;
            let (Some(corrected), true) = (rows.event(&b.corrects), void) else { return Ok(()) };
            let by_author = corrected.authors.contains(&author);
            ensure(by_author, check, "only an author of the event can void it")?;
            let kind = corrected.event_type;
            ensure(!is_permanent(kind), check, format!("a {kind} can't be voided"))?;
            ensure(!rows.fate(&b.corrects).voided, check, "the event is void already")?;
            let Some(replacement) = b.replacement.and_then(|r| rows.event(&r)) else { return Ok(()) };
            let alike = replacement.event_type == kind && replacement.case == corrected.case;
            ensure(alike, check, "the replacement is of another type or case")?;
            let common = replacement.authors.iter().any(|a| corrected.authors.contains(a));
            ensure(common, check, "the replacement has no author in common with what it replaces")
        }
        _ => Ok(()),
    }
}

fn has_day(at: &At) -> Result<(), Refusal> {
    ensure(at.has_day(), "at.day", format!("expected `at` with a day, found {at}"))
}

fn not_before_notice(rows: &impl Rows, at: &At, notice: &EventId) -> Result<(), Refusal> {
    match rows.event(notice).map(|e| e.detail.clone()) {
        Some(Detail::Notice { date }) if at.date() < date.as_str() => {
            Err(failed("evidence.order", format!("{} is before the notice's {date}", at.date())))
        }
        _ => Ok(()),
    }
}

fn collection_open(rows: &impl Rows, collection: &EventId, count: u64) -> Result<(), Refusal> {
    let fate = rows.fate(collection);
    ensure(!fate.closed, "collection.open", "the collection was closed before")?;
    let message = format!("expected at least the last count, {}, found {count}", fate.count);
    ensure(count >= fate.count, "collection.open", message)
}
