//! What the ledger knows of a party and its keys. It is asked first, so that nobody answers questions for an event that their
//! key may not sign.

use serde_json::{Value, json};

use crate::{
    cli::{Failure, Fault, client::Client, terminal},
    event::{Code, EventId, EventType, Refusal, Who},
    log::not_allowed,
    note::{SigningKey, VerifyingKey},
};

const PARTY: &str = "\
query Party($by: PartyLocator!) {
  party(by: $by) { name operator registrar recorder keys { vkey revoked { index } } }
}";

/// A party, as the ledger has it now.
pub(super) struct Party {
    pub name: String,
    pub is_operator: bool,
    pub is_registrar: bool,
    pub is_recorder: bool,
    /// Its keys as they stand on record, each with the index at which it was revoked.
    keys: Vec<(String, Option<u64>)>,
}

impl Party {
    fn read(client: &Client, by: Value) -> Result<Option<Self>, Failure> {
        let data = client.ask(PARTY, &json!({ "by": by }))?;
        let party = &data["party"];
        if party.is_null() {
            return Ok(None);
        }
        let key = |key: &Value| {
            let revoked = crate::cli::client::index_of(&key["revoked"]["index"]);
            Some((key["vkey"].as_str()?.to_owned(), revoked))
        };
        let is = |member: &str| party[member] == true;
        Ok(Some(Self {
            name: party["name"].as_str().unwrap_or("a party without a name").to_owned(),
            is_operator: is("operator"),
            is_registrar: is("registrar"),
            is_recorder: is("recorder"),
            keys: party["keys"].as_array().into_iter().flatten().filter_map(key).collect(),
        }))
    }

    /// The party that an event registered.
    pub fn of(client: &Client, id: &EventId) -> Result<Option<Self>, Failure> {
        Self::read(client, json!({"eventId": id.to_string()}))
    }

    /// The keys that may sign for it.
    pub fn live_keys(&self) -> Vec<&str> {
        self.keys.iter().filter(|(_, revoked)| revoked.is_none()).map(|(vkey, _)| vkey.as_str()).collect()
    }

    /// Whether the party's role lets it sign as `who`, or its place in the event might.
    fn may_sign(&self, who: Who) -> bool {
        match who {
            Who::First => false,
            Who::Operator => self.is_operator,
            Who::Registrar => self.is_operator || self.is_registrar,
            Who::Recorder => self.is_operator || self.is_recorder,
            Who::Any | Who::SelfOf(_) | Who::SubjectOf(_) | Who::AuthorOf(_) => true,
        }
    }

    /// For a party without a role that would let it sign every event of this type: the note that says which of them it may
    /// sign. `None` if its role lets it sign all of them, or no role does.
    fn only_as(&self, event_type: EventType) -> Option<String> {
        let (mut lacks, mut only) = (None, Vec::new());
        for who in event_type.spec().who {
            match who {
                Who::SelfOf(role) => only.push(format!("as the {role}")),
                Who::AuthorOf("corrects") => only.push("of an entry that it signed".to_owned()),
                Who::SubjectOf(role) | Who::AuthorOf(role) => only.push(format!("of a {role} of its own")),
                who if self.may_sign(*who) => return None,
                Who::Registrar => lacks = Some("no registrar"),
                Who::Recorder => lacks = Some("no recorder"),
                _ => lacks = Some("not the operator"),
            }
        }
        Some(format!("{} is {} here: its key signs this only {}.", self.name, lacks?, only.join(" or ")))
    }
}

/// The author: the party of the first key; none without a key. Refuses a key that may not sign an event of this type, as far
/// as that is known before the event is.
pub(super) fn author(
    event_type: EventType,
    keys: &[SigningKey],
    client: &Client,
) -> Result<Option<Party>, Failure> {
    let mut author = None;
    for (i, key) in keys.iter().enumerate() {
        let is_added = matches!(event_type, EventType::KeyAdded | EventType::PartyRegistered);
        if i > 0 && is_added {
            // The second key is the one that is added, and need not be on record yet.
            break;
        }
        let party = known(key.verifying_key(), i, client)?;
        author.get_or_insert(party);
    }
    let refused = author.as_ref().is_some_and(|author| {
        let spec = event_type.spec();
        !spec.who.iter().any(|who| author.may_sign(*who))
    });
    if refused { Err(not_allowed(event_type).into()) } else { Ok(author) }
}

/// The party of the key with index `i` in `by`. A key that is unknown or revoked is refused in the ledger's own words.
fn known(key: &VerifyingKey, i: usize, client: &Client) -> Result<Party, Failure> {
    let place = format!("by[{i}]");
    let vkey = key.to_string();
    let party = Party::read(client, json!({ "key": vkey }))?;
    let on_record = party.and_then(|party| {
        let (_, revoked) = party.keys.iter().find(|(of_it, _)| *of_it == vkey)?;
        let revoked = *revoked;
        Some((party, revoked))
    });
    match on_record {
        None => {
            let expected = "a key that was added to this ledger before";
            Err(Refusal::new(Code::KeyUnknown, place, expected, key.name()).into())
        }
        Some((_, Some(at))) => {
            let why = format!("{} was revoked at index {at}", key.name());
            Err(Refusal::because(Code::KeyRevoked, place, why).into())
        }
        Some((party, None)) => Ok(party),
    }
}

/// The flag that gave a key that is refused.
pub(super) fn flag(fault: &Fault) -> Option<String> {
    match fault.place.as_str() {
        "by[0]" => Some("--key".to_owned()),
        place if place.starts_with("by[") => Some("--also-key".to_owned()),
        _ => None,
    }
}

/// Says which events alone the author may sign, before the first question.
pub(super) fn announce(author: Option<&Party>, event_type: EventType) {
    if let Some(only) = author.and_then(|author| author.only_as(event_type)) {
        terminal::note(&only);
    }
}
