//! Checks a case file with nothing but itself and a policy.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    file::{CaseFile, name_of},
    report::{CaseAct, CaseEntry, CaseReport},
};
use crate::{
    check::{Check, Finding, Name, Outcome},
    event::{Act, Event, EventId, EventType},
    exhibit::{
        Enclosed, ExhibitReport, MAX_EXHIBIT, Members, MembersError, Trust,
        verify::{Fault, packed},
        verify_members,
    },
    log::{Checkpoint, Entry, Policy, TlogProof},
};

/// Checks a case file, and each of its exhibits as [`verify`](crate::exhibit::verify()) does.
///
/// All entries must stand in one tree. By their `thread` lines they must be one case, from its first entry on, with none
/// missing between. Without `policy`, whose log it is and who witnessed it are not checked.
pub fn verify_case(bytes: &[u8], policy: Option<&Policy>) -> CaseReport {
    verify_case_members(&Members::read(bytes), policy.into())
}

/// As [`verify_case`], and checks time-stamp tokens against `roots`, those of the authorities that the reader trusts, as
/// [`verify_with_roots`](crate::exhibit::verify_with_roots) does.
#[cfg(feature = "timestamps")]
pub fn verify_case_with_roots(
    bytes: &[u8],
    policy: Option<&Policy>,
    roots: &crate::timestamp::Roots,
) -> CaseReport {
    verify_case_members(&Members::read(bytes), Trust::from(policy).with_roots(Some(roots)))
}

/// As [`verify_case`], for members that were read already.
pub fn verify_case_members(members: &Result<Members<'_>, MembersError>, trust: Trust<'_>) -> CaseReport {
    let mut report = CaseReport { policy: trust.policy.is_some(), ..CaseReport::default() };
    match members {
        Err(e) => {
            let what = e.to_string();
            match e.is_undecided() {
                true => report.say(Name::CaseFile, Outcome::NotChecked, Finding::NotRead(what)),
                false => report.say(Name::CaseFile, Outcome::Failed, Finding::NotACaseFile(what)),
            }
        }
        Ok(members) => {
            if let Err((name, finding)) = run(members, trust, &mut report) {
                report.say(name, Outcome::Failed, finding);
            }
        }
    }
    report.decide();
    report
}

/// The parts of an exhibit that are compared with the other exhibits.
struct Part {
    entry: Entry<Event>,
    checkpoint: Vec<u8>,
    size: u64,
}

/// Reads these parts again from an exhibit that was verified.
fn part(members: &Members<'_>) -> Result<Part, String> {
    let enclosed = Enclosed::of(&members.each()).map_err(|e| e.to_string())?;
    let proof = TlogProof::parse(enclosed.proof).map_err(|e| e.to_string())?;
    let checkpoint = Checkpoint::parse_text(proof.checkpoint().text()).map_err(|e| e.to_string())?;
    let entry = Entry::parse(enclosed.entry, checkpoint.origin()).map_err(|e| e.to_string())?;
    Ok(Part { entry, checkpoint: proof.checkpoint().as_bytes().to_vec(), size: checkpoint.size() })
}

fn run(members: &Members<'_>, trust: Trust<'_>, report: &mut CaseReport) -> Result<(), Fault> {
    let file =
        CaseFile::of(&members.each()).map_err(|e| (Name::CaseFile, Finding::NotACaseFile(e.to_string())))?;
    let (packing, count) = (members.packing(), file.exhibits.len());
    report.say(Name::CaseFile, packed(&packing), Finding::CaseFile { exhibits: count, packing });
    let mut first: Option<(Part, ExhibitReport)> = None;
    let (mut undecided, mut unread, mut left) = (None, None, MAX_EXHIBIT);
    let mut events = Vec::with_capacity(file.exhibits.len());
    for (number, (index, exhibit)) in (0u64..).zip(&file.exhibits) {
        let name = name_of(*index);
        let of_exhibit = |check, what| Finding::OfExhibit { exhibit: name.clone(), check, what };
        let members = Members::read_in_case(exhibit, &mut left);
        let folder = members.as_ref().ok().and_then(Members::folder).map(|folder| format!("{folder}.zip"));
        let of_it = verify_members(&members, trust);
        let of_it = folder.iter().fold(of_it, |report, folder| report.in_file(folder));
        if let Some(failed) = of_it.checks.iter().find(|c| c.outcome == Outcome::Failed) {
            return Err((Name::Exhibits, of_exhibit(Some(failed.name), failed.detail())));
        }
        let members = match members {
            Ok(members) => members,
            Err(e @ MembersError::Unread(_)) => {
                // The next exhibits are still checked: one that can be read may be refused.
                unread.get_or_insert_with(|| of_exhibit(None, e.to_string()));
                continue;
            }
            Err(e) => return Err((Name::Exhibits, of_exhibit(None, e.to_string()))),
        };
        if of_it.index != Some(*index) {
            let found = of_it.index.map_or_else(|| "none".to_owned(), |i| i.to_string());
            let what = format!("expected entry {index}, found entry {found}");
            return Err((Name::Exhibits, of_exhibit(None, what)));
        }
        let of = |name: Name| of_it.checks.iter().find(|c| c.name == name);
        for check in [Name::Entry, Name::Event].into_iter().filter_map(of) {
            if check.outcome != Outcome::Ok && undecided.is_none() {
                undecided = Some(of_exhibit(Some(check.name), check.detail()));
            }
        }
        let part = part(&members).map_err(|e| (Name::Exhibits, of_exhibit(None, e)))?;
        let of_first = first.as_ref().map_or(&part, |(first, _)| first);
        if part.checkpoint != of_first.checkpoint {
            let what = format!("{name}: expected the checkpoint of the first, byte for byte");
            return Err((Name::Checkpoint, Finding::OtherCheckpoint(what)));
        }
        in_thread(&name, &part.entry, number, &of_first.entry)?;
        report.entries.push(CaseEntry {
            index: *index,
            words: of(Name::Content).map(|c| c.outcome),
            files: of(Name::Files).map(|c| c.outcome),
        });
        let event = part.entry.event();
        events.push(Seen { index: *index, id: event.id(), act: event.body().act() });
        report.known_at = Some(part.size);
        first.get_or_insert((part, of_it));
    }
    if let Some(what) = unread {
        // An exhibit was not read, so it can't be said that no entry is missing.
        report.say(Name::Exhibits, Outcome::NotChecked, what);
        return Ok(());
    }
    // There is one exhibit at least.
    let Some((first, of_first)) = first else { return Ok(()) };
    let header = first.entry.header();
    report.case = Some(header.thread);
    match undecided {
        None => report.say(Name::Exhibits, Outcome::Ok, Finding::Exhibits(count)),
        Some(what) => report.say(Name::Exhibits, Outcome::NotChecked, what),
    }
    let last = file.exhibits.last_key_value().map_or(0, |(index, _)| *index);
    let thread = Finding::Thread { to: count as u64 - 1, first: header.index, last };
    report.say(Name::Thread, Outcome::Ok, thread);
    report.words();
    report.acts = acts_among(&events);
    // All exhibits hold one checkpoint and are judged by one policy, so what the first shows of it holds for all.
    (report.witnessed_by, report.timestamps) = (of_first.witnessed_by, of_first.timestamps);
    let ends = [Name::Checkpoint, Name::Witnesses, Name::Timestamps];
    report.checks.extend(of_first.checks.into_iter().filter(|check: &Check| ends.contains(&check.name)));
    Ok(())
}

/// What is kept of each entry: its act and the event it affects, if it has one.
struct Seen {
    index: u64,
    id: EventId,
    act: Option<(Act, EventId)>,
}

/// What entries did to one another: of each kind of act on one entry, the newest that is not void.
fn acts_among(events: &[Seen]) -> Vec<CaseAct> {
    let places: BTreeMap<EventId, u64> = events.iter().map(|seen| (seen.id, seen.index)).collect();
    let is_void = |(act, to): (Act, EventId)| (act == Act::Void).then_some(to);
    let void: BTreeSet<EventId> = events.iter().filter_map(|seen| is_void(seen.act?)).collect();
    let mut newest = BTreeMap::new();
    for Seen { index, id, act } in events {
        if let Some((act, to)) = act
            && let Some(to) = places.get(to).filter(|_| !void.contains(id))
        {
            newest.insert((*to, *act), *index);
        }
    }
    newest.into_iter().map(|((to, act), by)| CaseAct { to, act, by }).collect()
}

/// Checks that `entry` is number `number` in the case of `first`, and that number 0 opens that case.
fn in_thread(name: &str, entry: &Entry<Event>, number: u64, first: &Entry<Event>) -> Result<(), Fault> {
    let fail = |what: String| Err((Name::Thread, Finding::NotInThread(format!("{name}: {what}"))));
    let (header, case) = (entry.header(), first.header().thread);
    if header.thread != case {
        return fail(format!("expected an entry of the case {case}, found one of {}", header.thread));
    }
    if header.k != number {
        let missing = if header.k > number {
            "entries of the case are missing before it"
        } else {
            "two have one number"
        };
        return fail(format!("expected entry {number} of the case, found {}: {missing}", header.k));
    }
    let event = entry.event();
    let opens = event.event_type() == EventType::CaseOpened && event.id() == case;
    if number == 0 && !opens {
        return fail("expected the event that opens the case".to_owned());
    }
    Ok(())
}
