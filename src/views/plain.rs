//! Cases, demands and parties as plain text, for terminals and programs that read lines.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{
    AnswerView, Attribution, CaseView, CorrectionView, DemandSheet, DemandView, LinkSide, Marks, NoticeView,
    PartyView, PositionView, PromiseState, Said, Since, Times, WithheldView, codes::reason_words, excerpt,
    shown, time_words,
};
use crate::log::Time;

/// A line shows at most this many characters of a text.
const LINE: usize = 160;

fn short(said: &Said) -> String {
    match said.text() {
        Some(text) => shown(&excerpt(text, LINE)).into_owned(),
        None => said.to_string(),
    }
}

/// `, recorded 29 November 2026`, if that was more than 24 hours after the event; else empty.
fn late(times: &Times) -> String {
    times.recorded_later().map_or_else(String::new, |day| format!(", recorded {day}"))
}

/// What became of an entry, as this stands before its words: `[declared void by Meja on 8 December 2023, entry 56] `.
fn marks(marks: &Marks) -> String {
    let acts = marks.iter().map(|act| format!("[{act}] "));
    acts.chain(marks.later_words().map(|words| format!("[{words}] "))).collect()
}

fn instants(f: &mut Formatter<'_>, as_of: Time, known_at: u64, latest: u64) -> fmt::Result {
    write!(f, "as of {}, by the first {known_at} entries", time_words(as_of))?;
    if known_at < latest { writeln!(f, " of {latest}") } else { writeln!(f) }
}

fn section(f: &mut Formatter<'_>, title: &str) -> fmt::Result {
    writeln!(f, "\n{title}")
}

const FICTION: &str = "FICTIONAL: made up, with made-up parties. Nothing here happened.";

impl Display for CaseView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.case.fictional {
            writeln!(f, "{FICTION}")?;
        }
        let mistaken = if self.case.mistaken { "[opened by mistake] " } else { "" };
        writeln!(f, "{mistaken}{}{}", marks(&self.since), shown(self.case.title()))?;
        writeln!(
            f,
            "about {}; entry {}, opened by {}",
            self.respondent.name, self.case.index, self.opened_by.name
        )?;
        instants(f, self.as_of, self.known_at, self.latest)?;
        if self.cut_short {
            writeln!(f, "computed from the first entries of the case alone: it has more than are read")?;
        }
        for sentence in self.demands.is_empty().then_some(&self.sentences).into_iter().flatten() {
            writeln!(f, "\n{sentence}")?;
        }
        if !self.earlier_demands.is_empty() {
            section(f, "Earlier demands")?;
        }
        for demand in &self.earlier_demands {
            let (index, date) = (demand.index, demand.times.occurred_words());
            writeln!(f, "  {index} {date}, status {}: {}", demand.status_words, demand.sentence)?;
        }
        for demand in &self.demands {
            writeln!(f, "\n{}", demand.sentence)?;
            states(f, demand)?;
        }
        if !self.incidents.is_empty() {
            section(f, "Incidents")?;
        }
        more(f, self.incidents.more)?;
        for incident in self.incidents.iter() {
            let line = &incident.line;
            write!(f, "  {} {}{}", line.index, marks(&line.since), line.sentence)?;
            writeln!(f, " First known {}.", incident.known_words())?;
            match &incident.disclosed {
                None => writeln!(f, "    No disclosure of it by {} on record.", self.respondent.name)?,
                Some(first) => {
                    write!(
                        f,
                        "    First disclosed {} on {} (entry {})",
                        first.to_words(),
                        first.at_words(),
                        first.index
                    )?;
                    if let Some(by) = &first.recorded_by {
                        write!(f, ", by the record of {}", by.name)?;
                    }
                    match first.days_words() {
                        Some(days) => writeln!(f, ", {days} later.")?,
                        None => writeln!(f, ".")?,
                    }
                }
            }
        }
        if !self.promises.is_empty() {
            section(f, "Promises")?;
        }
        more(f, self.promises.more)?;
        for promise in self.promises.iter() {
            let (marks, text) = (marks(&promise.since), short(&promise.text));
            write!(f, "  {} {}: {marks}{text}", promise.index, promise.party.name)?;
            if let Some(due) = promise.due_words() {
                write!(f, " By {due}.")?;
            }
            write!(f, " [{}", promise.state_words)?;
            if let PromiseState::Closed(_, index) = promise.state {
                write!(f, ", entry {index}")?;
            }
            writeln!(f, "]")?;
        }
        if !self.statements.is_empty() {
            section(f, "Statements that changed")?;
        }
        more(f, self.statements.more)?;
        for statement in self.statements.iter() {
            let line = &statement.line;
            writeln!(f, "  {} {}{}", line.index, marks(&line.since), line.sentence)?;
            for version in statement.versions.iter().skip(1) {
                let (marks, text) = (marks(&version.since), short(&version.text));
                writeln!(f, "    version of entry {}: {marks}{text}", version.index)?;
            }
            if let Some(taken) = &statement.withdrawn {
                writeln!(
                    f,
                    "    withdrawn, seen {} (entry {})",
                    taken.times.words(&taken.observed),
                    taken.index
                )?;
            }
        }
        if !self.links.is_empty() {
            section(f, "Links")?;
        }
        more(f, self.links.more)?;
        for link in self.links.iter() {
            writeln!(f, "  {} {}{} {}:", link.index, marks(&link.since), link.by.name, link.says())?;
            for side in [&link.from, &link.to] {
                writeln!(f, "    {}", side_words(side))?;
            }
            for position in &link.positions {
                writeln!(f, "    {}", position_words(position))?;
            }
        }
        if !self.corrections.is_empty() {
            section(f, "Corrections")?;
        }
        more(f, self.corrections.more)?;
        for correction in self.corrections.iter() {
            correction_words(f, correction)?;
        }
        if !self.withheld.is_empty() {
            section(f, "Withheld")?;
        }
        more(f, self.withheld.more)?;
        for withheld in self.withheld.iter() {
            withheld_words(f, withheld)?;
        }
        section(
            f,
            &format!("Timeline, as {} ({} entries)", self.timeline.order.as_str(), self.timeline.all),
        )?;
        for entry in &self.timeline.lines {
            let line = &entry.line;
            let mut marks = marks(&line.since);
            for (is, mark) in [(line.withheld, "withheld"), (entry.after, "after asOf")] {
                if is {
                    let _ = write!(marks, "[{mark}] ");
                }
            }
            writeln!(
                f,
                "  {} {}: {marks}{} ({} {}{})",
                line.index,
                line.times.occurred_words(),
                line.sentence,
                line.attribution.label(),
                line.attributed,
                late(&line.times)
            )?;
        }
        let shown = self.timeline.from + self.timeline.lines.len();
        if shown < self.timeline.all {
            writeln!(f, "  ... {} more", self.timeline.all - shown)?;
        }
        Ok(())
    }
}

/// What became of an entry, a line for each act and mention. The lines stand before the entry itself.
impl Display for Since {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(words) = self.later_words() {
            writeln!(f, "since: {words}")?;
        }
        for act in &self.acts {
            write!(f, "since: {act}")?;
            if !act.detail.is_empty() {
                write!(f, ": {}", act.detail)?;
            }
            writeln!(f, "{}", if act.no_capture { "; no capture enclosed" } else { "" })?;
            for (label, text) in [("wrong", &act.wrong), ("right", &act.right)] {
                if let Some(text) = text {
                    writeln!(f, "  {label}: {}", shown(&excerpt(text, LINE)))?;
                }
            }
        }
        for mention in &self.mentions {
            writeln!(f, "since: {} (entry {})", mention.sentence, mention.index)?;
        }
        if let Some(words) = self.others_words() {
            writeln!(f, "since: and {words}")?;
        }
        Ok(())
    }
}

/// A line that says how many earlier records are left out, if any are.
fn more(f: &mut Formatter<'_>, more: usize) -> fmt::Result {
    if more > 0 { writeln!(f, "  ... and {more} earlier") } else { Ok(()) }
}

fn side_words(side: &LinkSide) -> String {
    let mut text = match side.index {
        Some(index) => format!("{index} {}", side.noun),
        None => side.noun.clone(),
    };
    match &side.quote {
        Some(quote) => {
            let marks = marks(&side.since);
            let _ = write!(text, ": {marks}“{}”", shown(&excerpt(&quote.exact, LINE)));
        }
        None if side.withheld => text.push_str(": (words withheld)"),
        None => {}
    }
    text
}

fn position_words(position: &PositionView) -> String {
    let by = match &position.recorded_by {
        Some(by) => format!(", recorded by {}", by.name),
        None => String::new(),
    };
    let (index, party, marks) = (position.index, &position.party.name, marks(&position.since));
    format!("{index} {party} {}: {marks}{}{by}", position.stance_words(), short(&position.text))
}

fn correction_words(f: &mut Formatter<'_>, view: &CorrectionView) -> fmt::Result {
    let c = &view.correction;
    let did = if view.is_void() { "declared void" } else { "corrected" };
    write!(f, "  {} {} {did} {}", c.index, c.by, view.noun)?;
    if let Some(index) = view.entry {
        write!(f, " (entry {index})")?;
    }
    write!(f, " on {}", c.times.occurred_words())?;
    if let Some(index) = c.replacement {
        write!(f, "; entry {index} stands in its place")?;
    }
    writeln!(f)?;
    for (label, text) in [("wrong", &c.wrong), ("right", &c.right)] {
        if let Some(text) = text {
            writeln!(f, "    {label}: {}", shown(&excerpt(text, LINE)))?;
        }
    }
    Ok(())
}

fn withheld_words(f: &mut Formatter<'_>, view: &WithheldView) -> fmt::Result {
    let w = &view.withholding;
    write!(f, "  {} {} of {}", w.index, w.what(), view.noun)?;
    if let Some(index) = view.entry {
        write!(f, " (entry {index})")?;
    }
    let state = if w.in_force { "" } else { "; given back since" };
    writeln!(f, ", by {}, since {}, ground: {}{state}", w.by, w.times.occurred_words(), w.ground_words())
}

fn answer_words(f: &mut Formatter<'_>, answer: &AnswerView, before: &str) -> fmt::Result {
    write!(f, "      {before}{}{}", marks(&answer.since), answer.outcome_words())?;
    write!(
        f,
        " {} (entry {}, {} {})",
        answer.times.occurred_words(),
        answer.index,
        answer.attribution.label(),
        answer.attributed.name
    )?;
    if let Some((verdict, index)) = answer.assessed {
        write!(f, "; the demander: {verdict} (entry {index})")?;
    }
    writeln!(f)?;
    if answer.text != Said::Nothing {
        writeln!(f, "        {}", short(&answer.text))?;
    }
    Ok(())
}

/// The four states of a demand: its status, its answers, its delivery and its clock.
fn states(f: &mut Formatter<'_>, view: &DemandView) -> fmt::Result {
    let demand = &view.demand;
    let status = &view.status_words;
    writeln!(f, "  demand: {}entry {}, status {status}", marks(&view.since), demand.index)?;
    for item in &view.items {
        writeln!(f, "    {}. {}", item.number, short(&item.text))?;
        match &item.latest {
            Some(answer) => answer_words(f, answer, "")?,
            None => writeln!(f, "      no answer on record")?,
        }
        for other in &item.earlier {
            answer_words(
                f,
                other,
                if item.is_later(other) { "later, not by its own key: " } else { "earlier: " },
            )?;
        }
    }
    writeln!(f, "  delivery: {}", view.delivery)?;
    if view.has_period() {
        writeln!(f, "  clock: {}. {}", view.clock_words, view.clock)?;
    }
    Ok(())
}

fn notice_words(f: &mut Formatter<'_>, view: &NoticeView) -> fmt::Result {
    writeln!(
        f,
        "  {} {}{}, to {}, {}, by {}{}: {}{}",
        view.notice.index,
        marks(&view.since),
        view.times.occurred_words(),
        view.addressee.name,
        view.channel_words(),
        view.sender.name,
        late(&view.times),
        view.state_words(),
        view.vouched().map(ToString::to_string).unwrap_or_default()
    )?;
    for e in &view.evidence {
        let reason = e.line.reason.map(|r| format!(" ({})", reason_words(r))).unwrap_or_default();
        let conflict = if e.contradicted { " [conflicting]" } else { "" };
        let (index, at) = (e.line.index, e.times.occurred_words());
        let (marks, late) = (marks(&e.since), late(&e.times));
        writeln!(f, "    {index} {at}: {marks}{}{reason}{}{late}{conflict}", e.words, e.vouched)?;
    }
    Ok(())
}

impl Display for DemandSheet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let view = &self.view;
        if self.case.fictional {
            writeln!(f, "{FICTION}")?;
        }
        writeln!(f, "Demand of {} to {}", view.times.occurred_words(), view.respondent.name)?;
        let first_party = matches!(view.attribution, Attribution::FirstParty(_));
        let label = if first_party { "first-party, signed by" } else { "recorded by" };
        writeln!(f, "entry {}, {label} {}", view.demand.index, view.attributed.name)?;
        if let Some(difference) = view.times.difference_words() {
            writeln!(f, "{difference}")?;
        }
        writeln!(f, "case: {}", shown(self.case.title()))?;
        instants(f, self.as_of, self.known_at, self.latest)?;
        writeln!(f, "\n{}", view.sentence)?;
        states(f, view)?;
        section(f, "Backing")?;
        for backer in &view.backing {
            let how = match backer.backer.confirmed {
                Some(super::Confirmed::Signed) => "confirmed: signed the demand".to_owned(),
                Some(super::Confirmed::Affirmed(index)) => format!("confirmed: affirmed it in entry {index}"),
                None => "named, not confirmed".to_owned(),
            };
            writeln!(
                f,
                "  {}: {} ({how}{})",
                backer.backer.role.as_str(),
                backer.party.name,
                backer.distrusted
            )?;
        }
        if let Some(count) = view.count_words() {
            writeln!(f, "  signatures: {count}")?;
        }
        if let Some(signed) = &view.signed {
            section(f, &format!("Text signed (entry {}), against the letter", signed.index))?;
            writeln!(f, "  {}{}", marks(&signed.since), short(&signed.text))?;
            for item in &view.items {
                writeln!(f, "  item {}: {}", item.number, item.signed_words())?;
            }
        }
        if !view.attempts.is_empty() {
            section(f, "Attempts at delivery")?;
        }
        for notice in &view.attempts {
            notice_words(f, notice)?;
        }
        if !view.copies.is_empty() {
            section(f, "Copies to others")?;
        }
        for notice in &view.copies {
            notice_words(f, notice)?;
        }
        if !view.working.is_empty() {
            section(f, "How the date was found")?;
        }
        for line in &view.working {
            write!(f, "  {}: {}", line.label, line.value)?;
            match line.index {
                Some(index) => writeln!(f, " (entry {index})")?,
                None => writeln!(f)?,
            }
        }
        if view.has_period() {
            writeln!(f, "  {}", DemandView::PERIOD_NOTE)?;
        }
        Ok(())
    }
}

impl Display for PartyView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let party = &self.party;
        if party.fictional {
            writeln!(f, "{FICTION}")?;
        }
        let mistaken = if self.mistaken { "[registered by mistake] " } else { "" };
        writeln!(f, "{mistaken}{}{}", marks(&self.since), party.name)?;
        writeln!(f, "{}; entry {}", party.kind_words(), party.index)?;
        instants(f, self.as_of, self.known_at, self.latest)?;
        section(f, "Names")?;
        for name in &self.names {
            writeln!(
                f,
                "  {} {} (entry {}, by {})",
                name.times.occurred_words(),
                name.name,
                name.index,
                name.by.name
            )?;
        }
        if !self.roles.is_empty() {
            section(f, "Roles")?;
        }
        for role in &self.roles {
            let did = if role.granted { "given" } else { "taken back" };
            writeln!(f, "  {} {} {did} (entry {})", role.times.occurred_words(), role.role, role.index)?;
        }
        section(f, "Keys")?;
        if self.keys.is_empty() {
            writeln!(f, "  none: it has not spoken here itself")?;
        }
        for (key, voucher) in &self.keys {
            let by = voucher.as_ref().map_or_else(|| "the party itself".to_owned(), |v| v.to_string());
            write!(f, "  {} (entry {}, vouched for by {by})", key.key, key.added)?;
            match &key.revoked {
                Some(revoked) => writeln!(f, " revoked in entry {} ({})", revoked.index, revoked.reason)?,
                None => writeln!(f)?,
            }
        }
        if let Some(sentence) = self.record_words() {
            section(f, "Its record")?;
            writeln!(f, "  {sentence}")?;
        }
        Ok(())
    }
}
