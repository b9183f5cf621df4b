//! A ledger at an address, as `record` and `event` reach it.

use std::{cell::OnceCell, fs::File, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Fault, terminal};
use crate::{
    event::{Body, CaseOpened, Code, Digest, Event, EventId, EventType, MAX_CONTENT},
    log::{Entry, MAX_ENTRY},
    note::{Origin, SignatureLine, SignedNote, VerifyingKey},
    verify::{
        HttpSource, Source as _,
        http::{agent, base_address, body_of},
        read_whole,
    },
};

/// The longest answer that is read, in bytes. A page of events fits in, each with the longest possible words, escaped.
const MAX_ANSWER: usize = 16 << 20;

const RECORD: &str = "\
mutation Record($input: RecordInput!) {
  record(input: $input) {
    results { receipt { index eventId } userErrors { code place message } }
    userErrors { code place message }
  }
}";

const EVENTS: &str = "\
query Events($after: String, $filter: EventFilter) {
  events(first: 20, after: $after, filter: $filter) {
    nodes { index sentence content { state raw } }
    pageInfo { hasNextPage endCursor }
  }
}";

/// A ledger that was reached, with what its entry 0 says about it.
pub(super) struct Client {
    base: String,
    source: HttpSource,
    agent: ureq::Agent,
    origin: Origin,
    log_key: VerifyingKey,
    /// The address that the ledger gives as its own; it is asked at most once.
    told: OnceCell<Option<String>>,
}

/// Where an event stands now.
pub(super) struct Recorded {
    pub index: u64,
    pub id: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<QueryError>,
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
    /// A string or a number, since an index is no GraphQL `Int`.
    index: Value,
    #[serde(rename = "eventId")]
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
struct QueryError {
    message: String,
}

impl Client {
    /// Reaches a ledger and reads its entry 0.
    pub fn connect(address: &str) -> Result<Self, Failure> {
        let usage = |e: crate::verify::SourceError| Failure::Usage(format!("--ledger {e}"));
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
        Ok(Self { base, source, agent, origin, log_key, told: OnceCell::new() })
    }

    /// The ledger's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The address that the ledger's permalinks begin with, without a slash at the end: the one that the ledger gives as its
    /// own, else the one that it was reached at. They differ on the server's own machine, where a local address is used.
    pub fn public(&self) -> &str {
        let ask = || {
            // Earlier versions have no `url`.
            let told = self.ask("{ ledger { url } }", &Value::Null).ok()?;
            base_address(told["ledger"]["url"].as_str()?).ok()
        };
        self.told.get_or_init(ask).as_deref().unwrap_or(&self.base)
    }

    /// The path of one of the ledger's permalinks, from the slash on. None if the permalink is of another ledger.
    pub fn path_of<'t>(&self, permalink: &'t str) -> Option<&'t str> {
        below(&self.base, permalink).or_else(|| below(self.public(), permalink))
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

    /// The time zone in which a case counts its days. None if `case` is not on record, or is no case.
    pub fn zone_of(&self, case: &EventId) -> Result<Option<String>, Failure> {
        self.of_case(case, |opened| opened.timezone.as_str().to_owned())
    }

    /// The country whose law a case is under. None if `case` is not on record, or is no case.
    pub fn jurisdiction_of(&self, case: &EventId) -> Result<Option<String>, Failure> {
        self.of_case(case, |opened| opened.jurisdiction.as_str().to_owned())
    }

    fn of_case<T>(&self, case: &EventId, of: impl Fn(&CaseOpened) -> T) -> Result<Option<T>, Failure> {
        let Some(index) = self.index_of(case)? else { return Ok(None) };
        Ok(match self.event(index)?.body() {
            Body::CaseOpened(opened) => Some(of(opened)),
            _ => None,
        })
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
        match refusal_in(why) {
            Some(fault) => {
                let code = fault.code.parse().map_or(1, exit_code);
                let typed = Some(format!("--file {}", path.display()));
                Err(Failure::Submission(vec![Fault { typed, ..fault }], code))
            }
            None => Err(Failure::Undecided(format!("{url}: the answer is {status} {why}"))),
        }
    }

    /// Submits one event. A refusal keeps the ledger's code, place and message.
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
        let recorded = self.record_all(&[submission], false)?.pop();
        recorded
            .ok_or_else(|| Failure::Undecided(format!("{}/graphql: the answer holds no result", self.base)))
    }

    /// The sentence that an event would have on this ledger; none if the ledger can't tell. The event is sent with
    /// signatures of zeros, so that nobody can record it.
    ///
    /// # Errors
    /// The ledger's refusal, if it would refuse the event for another reason than its signatures.
    pub fn preview(&self, event: &Event, content: Option<&str>) -> Result<Option<String>, Failure> {
        let unsigned = event
            .note()
            .signatures()
            .iter()
            .map(|line| SignatureLine::new(line.name(), line.key_id(), &vec![0; line.signature().len()]));
        let note = SignedNote::assemble(event.note().text(), &unsigned.collect::<Vec<_>>());
        let Ok(note) = note else { return Ok(None) };
        let query = "query($note: String!, $content: String) { preview(note: $note, content: $content) { sentence } }";
        let Ok(answer) = self.answer(query, &json!({"note": note.as_str(), "content": content})) else {
            return Ok(None);
        };
        if let Some(fault) = answer.errors.first().and_then(|e| refusal_in(&e.message)) {
            return Err(Failure::Submission(vec![fault], 1));
        }
        let sentence = answer.data.unwrap_or_default()["preview"]["sentence"].as_str().map(str::to_owned);
        Ok(sentence)
    }

    /// Submits events. Refusals keep the ledger's codes, places and messages.
    pub fn record_all(&self, submissions: &[Value], atomic: bool) -> Result<Vec<Recorded>, Failure> {
        let input = json!({"submissions": submissions, "atomic": atomic});
        let undecided = |why: &str| Failure::Undecided(format!("{}/graphql: {why}", self.base));
        let answer = self.ask(RECORD, &json!({ "input": input }))?;
        let data: Data = serde_json::from_value(answer).map_err(|e| undecided(&e.to_string()))?;
        let payload = data.record.ok_or_else(|| undecided("the answer holds no result"))?;
        let mut errors = payload.user_errors;
        let mut receipts = Vec::new();
        for result in payload.results.unwrap_or_default() {
            errors.extend(result.user_errors);
            receipts.extend(result.receipt);
        }
        // An atomic call answers its good submissions with `unavailable`; only the other refusals say what is wrong.
        if atomic && errors.iter().any(|e| e.code != Code::Unavailable.as_str()) {
            errors.retain(|e| e.code != Code::Unavailable.as_str());
        }
        if let Some(first) = errors.first() {
            let code = first.code.parse().map_or(1, exit_code);
            let faults = errors.into_iter().map(|UserError { code, place, message }| {
                let place = place.unwrap_or_else(|| "submission".to_owned());
                Fault { code, place, typed: None, message }
            });
            return Err(Failure::Submission(faults.collect(), code));
        }
        if receipts.len() != submissions.len() {
            return Err(undecided("the answer holds no receipt"));
        }
        let recorded = receipts.into_iter().map(|r| {
            let index = index_of(&r.index).ok_or_else(|| undecided("the receipt holds no index"))?;
            terminal::recorded(format!("entry {index}, {}", r.id));
            Ok(Recorded { index, id: r.id })
        });
        recorded.collect()
    }

    /// Sends a query to the API, and returns the `data` of its answer.
    pub fn ask(&self, query: &str, variables: &Value) -> Result<Value, Failure> {
        let undecided = |why: &str| Failure::Undecided(format!("{}/graphql: {why}", self.base));
        let answer = self.answer(query, variables)?;
        if let Some(fault) = answer.errors.first() {
            return Err(undecided(&fault.message));
        }
        answer.data.ok_or_else(|| undecided("the answer holds no result"))
    }

    fn answer(&self, query: &str, variables: &Value) -> Result<Answer, Failure> {
        let url = format!("{}/graphql", self.base);
        let undecided = |e: &dyn std::fmt::Display| Failure::Undecided(format!("{url}: {e}"));
        let question = json!({"query": query, "variables": variables});
        let answer = self.agent.post(&url).send_json(&question).map_err(|e| undecided(&e))?;
        let status = answer.status();
        let body = whole(&url, answer)?;
        serde_json::from_slice(&body)
            .map_err(|_| undecided(&format!("the answer, {status}, is not that of a ledger")))
    }

    /// The status and the text that the ledger answers with at a path.
    pub fn text(&self, path: &str) -> Result<(u16, String), Failure> {
        let url = format!("{}{path}", self.base);
        let undecided = |e: &dyn std::fmt::Display| Failure::Undecided(format!("{url}: {e}"));
        let answer = self.agent.get(&url).call().map_err(|e| undecided(&e))?;
        let status = answer.status().as_u16();
        Ok((status, String::from_utf8_lossy(&whole(&url, answer)?).into_owned()))
    }

    /// The index of an event, if it is on record.
    pub fn index_of(&self, id: &EventId) -> Result<Option<u64>, Failure> {
        let query = "query($id: Hash!) { event(by: {eventId: $id}) { index } }";
        let data = self.ask(query, &json!({"id": id.to_string()}))?;
        Ok(index_of(&data["event"]["index"]))
    }

    /// What an entry says, in one sentence.
    pub fn sentence(&self, index: u64) -> Result<String, Failure> {
        let query = "query($index: Index!) { event(by: {index: $index}) { sentence } }";
        let data = self.ask(query, &json!({"index": index}))?;
        Ok(data["event"]["sentence"].as_str().unwrap_or_default().to_owned())
    }

    /// The event at an index.
    pub fn event(&self, index: u64) -> Result<Event, Failure> {
        Ok(self.entry(index)?.event().clone())
    }

    /// The words of an event, if they can be read.
    pub fn words(&self, event: &Event) -> Result<Option<String>, Failure> {
        let Some(committed) = event.content() else { return Ok(None) };
        let found = self.source.get(&format!("content/{}", committed.blake3), MAX_CONTENT);
        let found = found.map_err(|e| Failure::Undecided(e.to_string()))?;
        Ok(found.filter(|raw| committed.matches(raw)).and_then(|raw| String::from_utf8(raw).ok()))
    }

    /// Indexes of the entries that name a file and do not withhold it. While there is one, the file is served. None if the
    /// ledger does not tell, as earlier versions don't.
    pub fn file_named_by(&self, blake3: &Digest) -> Option<Vec<u64>> {
        let query = "query Named($file: Hash!) { fileNamedBy(blake3: $file) }";
        let data = self.ask(query, &json!({"file": blake3.to_string()})).ok()?;
        data["fileNamedBy"].as_array().map(|list| list.iter().filter_map(index_of).collect())
    }

    /// Calls `tell` with the index, sentence and words of each event whose `filter`, a member of `EventFilter`, is `id`.
    pub fn each_event(
        &self,
        filter: &str,
        id: &EventId,
        tell: &mut dyn FnMut(&Value),
    ) -> Result<(), Failure> {
        let mut after = Value::Null;
        loop {
            // Few at a time: each brings its words.
            let filter = json!({filter: id.to_string()});
            let data = self.ask(EVENTS, &json!({"after": after, "filter": filter}))?;
            let events = &data["events"];
            events["nodes"].as_array().into_iter().flatten().for_each(&mut *tell);
            if events["pageInfo"]["hasNextPage"] != true {
                return Ok(());
            }
            after = events["pageInfo"]["endCursor"].clone();
        }
    }
}

/// What follows an address in `text`, from the slash on. Without a slash it may be a longer, other address.
fn below<'t>(address: &str, text: &'t str) -> Option<&'t str> {
    text.strip_prefix(address).filter(|path| path.starts_with('/'))
}

/// An index as the API gives it: a string or a number, since an index is no GraphQL `Int`.
pub(super) fn index_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The body of an answer, unpacked: some hosts gzip unasked.
fn whole(url: &str, answer: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, Failure> {
    let whole = body_of(url, answer).and_then(|body| read_whole(url, body, MAX_ANSWER));
    whole.map_err(|e| Failure::Undecided(e.to_string()))
}

/// Reads a refusal as a ledger writes it in one line: its code, a place and what is wrong.
fn refusal_in(line: &str) -> Option<Fault> {
    let mut parts = line.splitn(3, ": ");
    let code = parts.next()?.parse::<Code>().ok()?;
    let (place, message) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some(Fault { code: code.to_string(), place, typed: None, message })
}

/// The exit code for a refusal: 3 if the service could not decide, which says nothing about the submission; else 1.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_only_begins_the_same_is_another() {
        for (text, path) in [
            ("https://ledger.example.org/e/36", Some("/e/36")),
            ("https://ledger.example.org", None),
            ("https://ledger.example.org.my/e/36", None),
            ("https://ledger.example.org:8443/e/36", None),
            ("https://ledger.example.orgevil/e/36", None),
            ("https://ledger.example.org@evil.example/e/36", None),
            ("http://ledger.example.org/e/36", None),
        ] {
            assert_eq!(below("https://ledger.example.org", text), path, "{text}");
        }
    }
}
