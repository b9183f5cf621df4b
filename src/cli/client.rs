//! A ledger at an address, as `record` and `event` reach it.

use std::{fs::File, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, terminal};
use crate::{
    event::{Body, Code, Digest, EventId, EventType},
    log::{Entry, MAX_ENTRY},
    mirror::{HttpSource, Source as _, agent, base_address},
    note::{Origin, VerifyingKey},
};

/// The longest answer to a submission that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

const RECORD: &str = "\
mutation Record($input: RecordInput!) {
  record(input: $input) {
    results { receipt { index id } userErrors { code place message } }
    userErrors { code place message }
  }
}";

/// A ledger that was reached, and what its entry 0 says of it.
pub(super) struct Client {
    base: String,
    source: HttpSource,
    agent: ureq::Agent,
    origin: Origin,
    log_key: VerifyingKey,
}

/// Where an event stands now.
pub(super) struct Recorded {
    pub index: u64,
    pub id: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Data {
    record: Option<RecordPayload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordPayload {
    #[serde(default)]
    results: Option<Vec<ResultOf>>,
    #[serde(default)]
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultOf {
    receipt: Option<Receipt>,
    #[serde(default)]
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Receipt {
    /// Sequence numbers are no `Int`, so a string or a number.
    index: Value,
    id: String,
}

#[derive(Deserialize)]
struct UserError {
    code: String,
    #[serde(default)]
    place: Option<String>,
    message: String,
}

#[derive(Deserialize)]
struct Fault {
    message: String,
}

impl Client {
    /// Reaches a ledger and reads its entry 0.
    pub fn connect(address: &str) -> Result<Self, Failure> {
        let usage = |e: crate::mirror::SourceError| Failure::Usage(format!("--ledger {e}"));
        let base = base_address(address).map_err(usage)?;
        let source = HttpSource::new(&base).map_err(usage)?;
        let first = read_entry(&source, &base, 0)?;
        let broken = |what: &str| Failure::Undecided(format!("{base}/entry/0: {what}"));
        let origin = std::str::from_utf8(&first)
            .ok()
            .and_then(|text| text.split('\n').nth(1)?.parse::<Origin>().ok())
            .ok_or_else(|| broken("not an entry of a ledger"))?;
        let entry = Entry::parse(&first, &origin).map_err(|e| broken(&e.to_string()))?;
        let Body::LedgerOpened(opened) = entry.event().body() else {
            return Err(broken("expected ledger.opened"));
        };
        let log_key = opened.checkpoint_key.clone();
        let agent = agent(&base);
        Ok(Self { base, source, agent, origin, log_key })
    }

    /// The ledger's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The ledger's origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log's key, as the ledger itself says.
    pub fn log_key(&self) -> &VerifyingKey {
        &self.log_key
    }

    /// The id of the event at an index.
    pub fn id_at(&self, index: u64) -> Result<EventId, Failure> {
        Ok(self.entry(index)?.event().id())
    }

    /// The case that the event at an index belongs to, or opened.
    pub fn case_at(&self, index: u64) -> Result<Option<EventId>, Failure> {
        let entry = self.entry(index)?;
        let event = entry.event();
        Ok(if event.event_type() == EventType::CaseOpened { Some(event.id()) } else { event.case() })
    }

    fn entry(&self, index: u64) -> Result<Entry, Failure> {
        let raw = read_entry(&self.source, &self.base, index)?;
        Entry::parse(&raw, &self.origin)
            .map_err(|e| Failure::Undecided(format!("{}/entry/{index}: {e}", self.base)))
    }

    /// Uploads a file.
    pub fn upload(&self, path: &Path, digest: &Digest) -> Result<(), Failure> {
        let undecided = |e: &dyn std::fmt::Display| Failure::Undecided(format!("{}: {e}", path.display()));
        let file = File::open(path).map_err(|e| undecided(&e))?;
        let url = format!("{}/file/{digest}", self.base);
        let put = self.agent.put(&url).header("content-type", "application/octet-stream");
        let mut answer = put.send(file).map_err(|e| undecided(&e))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(4_096).read_to_string().unwrap_or_default();
        let why = body.lines().next().unwrap_or_default();
        terminal::note(&format!("{} was not taken in:", path.display()));
        match why.split(':').next().and_then(|code| code.parse::<Code>().ok()) {
            // As a refusal of an event.
            Some(code) => {
                terminal::note(why);
                Err(Failure::Silent(exit_code(code)))
            }
            None => Err(Failure::Undecided(format!("{url}: the answer is {status} {why}"))),
        }
    }

    /// Submits one event. A refusal is shown as the ledger gives it.
    pub fn record(
        &self,
        note: &str,
        content: Option<&str>,
        restored: Option<&str>,
    ) -> Result<Recorded, Failure> {
        let mut submission = json!({ "note": note });
        for (name, text) in [("content", content), ("restored", restored)] {
            if let Some(text) = text {
                submission[name] = text.into();
            }
        }
        let input = json!({"submissions": [submission], "atomic": false});
        let url = format!("{}/graphql", self.base);
        let undecided = |e: &dyn std::fmt::Display| Failure::Undecided(format!("{url}: {e}"));
        let question = json!({"query": RECORD, "variables": {"input": input}});
        let mut answer = self.agent.post(&url).send_json(&question).map_err(|e| undecided(&e))?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let body = body.map_err(|e| undecided(&e))?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| undecided(&format!("the answer, {status}, is not that of a ledger")))?;
        if let Some(fault) = answer.errors.first() {
            return Err(undecided(&fault.message));
        }
        let payload = answer.data.and_then(|data| data.record);
        let payload = payload.ok_or_else(|| undecided(&"the answer holds no result"))?;
        let result = payload.results.unwrap_or_default().into_iter().next();
        let (receipt, own) = result.map_or((None, Vec::new()), |r| (r.receipt, r.user_errors));
        let errors: Vec<UserError> = own.into_iter().chain(payload.user_errors).collect();
        if !errors.is_empty() {
            for UserError { code, place, message } in &errors {
                terminal::note(&format!("{code}: {}: {message}", place.as_deref().unwrap_or("submission")));
            }
            let code = errors[0].code.parse().map_or(1, exit_code);
            return Err(Failure::Silent(code));
        }
        let receipt = receipt.ok_or_else(|| undecided(&"the answer holds no receipt"))?;
        let index = receipt.index.as_u64().or_else(|| receipt.index.as_str()?.parse().ok());
        let index = index.ok_or_else(|| undecided(&"the receipt holds no index"))?;
        Ok(Recorded { index, id: receipt.id })
    }
}

/// 1 for a refusal; 3 where the service could not decide, which says nothing of what was sent.
fn exit_code(code: Code) -> u8 {
    match code {
        Code::Unavailable | Code::RateLimited | Code::LedgerReadOnly => 3,
        _ => 1,
    }
}

fn read_entry(source: &HttpSource, base: &str, index: u64) -> Result<Vec<u8>, Failure> {
    match source.get(&format!("entry/{index}"), MAX_ENTRY) {
        Ok(Some(entry)) => Ok(entry),
        Ok(None) if index == 0 => {
            Err(Failure::Undecided(format!("{base}: there is no ledger at this address")))
        }
        Ok(None) => Err(Failure::Usage(format!("{base} has no entry {index}"))),
        Err(e) => Err(Failure::Undecided(e.to_string())),
    }
}
