//! Refuses what nobody can mean to put on record, and asks about what is odd but may be meant.

use serde_json::{Map, Value, json};

use super::{Command, author::Party, form::looks, happened};
use crate::{
    cli::{Failure, client::Client, terminal},
    event::{Draft, EventId, EventType},
    note::SigningKey,
};

const NAMES: &str = "\
query Names($types: [EventType!], $after: String) {
  events(first: 100, after: $after, filter: {types: $types}) {
    nodes { index sentence }
    pageInfo { hasNextPage endCursor }
  }
}";
const NAME: &str = "\
query Name($index: Index!) { party(by: {index: $index}) { name } case(by: {index: $index}) { title } }";

/// The most records of a like name that are shown.
const ALIKE: usize = 5;

impl Command {
    /// Refuses what contradicts itself or the record, and notes what the author may not know.
    pub(super) fn refuse_unmeant(
        &self,
        draft: &Draft,
        words: &Map<String, Value>,
        keys: &[SigningKey],
        client: &Client,
    ) -> Result<(), Failure> {
        let fact = |name: &str| draft.facts.get(name).and_then(Value::as_str).unwrap_or_default();
        let party = || -> Result<Option<Party>, Failure> {
            let id = draft.refs.get("party").and_then(|id| id.as_str()?.parse().ok());
            Ok(id.map(|id| Party::of(client, &id)).transpose()?.flatten())
        };
        refuse_absent_quotes(words)?;
        match self.event_type {
            EventType::DeliveryEvidenced => refuse_reason_of_success(fact("evidence"), fact("reason")),
            EventType::RoleGranted | EventType::RoleRevoked => {
                let Some(party) = party()? else { return Ok(()) };
                self.refuse_role_as_it_is(fact("role"), &party)
            }
            EventType::KeyRevoked => {
                let Some(party) = party()? else { return Ok(()) };
                self.refuse_last_key(fact("key"), fact("reason"), &party, keys)
            }
            EventType::PartyRegistered | EventType::PartyUpdated | EventType::CaseOpened => {
                say_alike(self.event_type, draft, words, client)
            }
            _ => Ok(()),
        }
    }

    /// Refuses to give a role to a party that has it, or to take it from one that has it not: the entry would say what did not
    /// happen.
    fn refuse_role_as_it_is(&self, role: &str, party: &Party) -> Result<(), Failure> {
        let has = match role {
            "registrar" => party.is_registrar,
            "recorder" => party.is_recorder,
            _ => return Ok(()),
        };
        let name = &party.name;
        let role_of = super::a(role);
        let why = match self.event_type {
            EventType::RoleGranted if has => format!("{name} is {role_of} already"),
            EventType::RoleRevoked if !has => {
                format!("{name} is not {role_of} now, so there is nothing to take back")
            }
            _ => return Ok(()),
        };
        Err(Failure::Refused(format!("--role {role}: {why}")))
    }

    /// Refuses to revoke as lost a key that signs here, and asks before the operator's last key is revoked: after that the
    /// ledger takes no parties, roles or withholdings any more.
    fn refuse_last_key(
        &self,
        key: &str,
        reason: &str,
        party: &Party,
        keys: &[SigningKey],
    ) -> Result<(), Failure> {
        if reason == "lost" && keys.iter().any(|signs| signs.verifying_key().to_string() == key) {
            return Err(Failure::Usage(
                "--reason lost: this key signs here itself, so somebody has it: superseded or compromised says why it is revoked"
                    .into(),
            ));
        }
        if party.live_keys() != [key] {
            return Ok(());
        }
        if !party.is_operator {
            terminal::note(&format!(
                "This is the last key of {}. Once it is revoked the operator alone adds another.",
                party.name
            ));
            return Ok(());
        }
        let last = "this is the operator's last key. Once it is revoked nobody can register parties, give roles or withhold here \
                    any more, for ever";
        if self.last_key {
            terminal::note(&format!("{}{}.", last[..1].to_uppercase(), &last[1..]));
            return Ok(());
        }
        if !terminal::can_ask() {
            return Err(Failure::Usage(format!(
                "--vkey: {last}. Add another first (record key --party @0 --also-key FILE), or give --last-key if it is meant"
            )));
        }
        match terminal::confirm(&format!("{}{}. Is it meant?", last[..1].to_uppercase(), &last[1..]))? {
            true => Ok(()),
            false => Err(terminal::no()),
        }
    }
}

/// Refuses a reason for a failure where the evidence says that nothing failed.
fn refuse_reason_of_success(evidence: &str, reason: &str) -> Result<(), Failure> {
    if reason.is_empty() || happened::is_failure(evidence) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "--reason {reason}: this is why something failed, and --evidence {evidence} says that nothing did. Leave one out, or name \
         what failed, such as ContentConsignmentFailure"
    )))
}

/// Refuses a quotation that does not stand in the event's own text. The ledger checks those of a link, since it has the words
/// that they quote.
fn refuse_absent_quotes(words: &Map<String, Value>) -> Result<(), Failure> {
    let text = words.get("text").and_then(Value::as_str);
    let quotes = words.get("quotes").and_then(Value::as_array);
    let (Some(text), Some(quotes)) = (text, quotes) else { return Ok(()) };
    for (n, quote) in quotes.iter().enumerate() {
        let part = |name: &str| quote[name].as_str().unwrap_or_default();
        let sought = format!("{}{}{}", part("prefix"), part("exact"), part("suffix"));
        if !text.contains(&sought) {
            let which = if quotes.len() > 1 { format!(", quotation {}", n + 1) } else { String::new() };
            return Err(Failure::Usage(format!(
                "--quotes{which}: it does not occur word for word in --text"
            )));
        }
    }
    Ok(())
}

/// Notes which parties or cases have the given name, or one that a reader could take for it, so that a second registration of
/// the same is noticed before it is made.
fn say_alike(
    event_type: EventType,
    draft: &Draft,
    words: &Map<String, Value>,
    client: &Client,
) -> Result<(), Failure> {
    let (member, types, what) = match event_type {
        EventType::CaseOpened => ("title", json!(["CASE_OPENED"]), "A case"),
        _ => ("name", json!(["LEDGER_OPENED", "PARTY_REGISTERED"]), "A party"),
    };
    let Some(name) = words.get(member).and_then(Value::as_str).map(looks).filter(|name| !name.is_empty())
    else {
        return Ok(());
    };
    let own: Option<EventId> = draft.refs.get("party").and_then(|id| id.as_str()?.parse().ok());
    let own = own.map(|id| client.index_of(&id)).transpose()?.flatten();
    let (mut alike, mut after) = (Vec::new(), Value::Null);
    for _ in 0..super::form::SOUGHT / 100 {
        let data = client.ask(NAMES, &json!({"types": types, "after": after}))?;
        for node in data["events"]["nodes"].as_array().into_iter().flatten() {
            let sentence = node["sentence"].as_str().unwrap_or_default();
            let Some(index) = crate::cli::client::index_of(&node["index"]).filter(|i| Some(*i) != own) else {
                continue;
            };
            // A sentence may hold the name without being about it.
            if !looks(sentence).contains(&name) {
                continue;
            }
            let data = client.ask(NAME, &json!({ "index": index }))?;
            let names = [&data["party"]["name"], &data["case"]["title"]];
            if names.into_iter().filter_map(Value::as_str).any(|other| looks(other) == name) {
                alike.push(format!("  {index:>6}  {sentence}"));
            }
        }
        if data["events"]["pageInfo"]["hasNextPage"] != true || alike.len() > ALIKE {
            break;
        }
        after = data["events"]["pageInfo"]["endCursor"].clone();
    }
    if !alike.is_empty() {
        alike.truncate(ALIKE);
        terminal::note(&format!(
            "{what} of this name, or of one that looks like it, is on record already:\n{}",
            alike.join("\n")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_of_what_failed_alone() {
        for (evidence, reason, good) in [
            ("ConsignmentAcceptance", "MailboxFull", false),
            ("ContentHandover", "Other", false),
            ("ContentConsignmentFailure", "MailboxFull", true),
            ("RelayRejection", "Other", true),
            ("AcceptanceRejectionExpiry", "RetentionPeriodExpired", true),
            ("ContentHandover", "", true),
        ] {
            assert_eq!(refuse_reason_of_success(evidence, reason).is_ok(), good, "{evidence} {reason}");
        }
    }
}
