//! Messages of `graphql-transport-ws`, as `graphql-ws` 6 defines them
//! (github.com/enisdenjo/graphql-ws, PROTOCOL.md). This module does no I/O.

use async_graphql::{Request, Response, ServerError, Value};
use serde_json::json;

use crate::serve::{
    graphql::{
        json::{self as foreign, Members},
        request::{self, NoRequest},
    },
    limits,
};

/// The acknowledgement of `connection_init`.
pub const ACK: &str = r#"{"type":"connection_ack"}"#;

/// A message that a client may send.
pub enum ClientMessage {
    /// `connection_init`. Its payload is ignored: there is nothing to log in to.
    Init,
    /// `ping`, with a payload that its `pong` repeats.
    Ping(Option<Value>),
    /// `pong`.
    Pong,
    /// `subscribe`: an operation of any kind, under an id that the client chose.
    Subscribe {
        /// The id.
        id: String,
        /// The operation, or an error if it names its query by a hash only.
        request: Result<Box<Request>, ServerError>,
        /// How many JSON values the message holds.
        values: usize,
    },
    /// `complete`: the client wants no more of an operation.
    Complete {
        /// The operation's id.
        id: String,
    },
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (mut members, values) = match foreign::read(text.as_bytes()) {
            Ok((Value::Object(members), values)) => (members, values),
            Err(foreign::Unread::TooMuch) => {
                return Err("it holds too many values, too many levels, or a name that is too long");
            }
            _ => return Err("expected a JSON object"),
        };
        let Some(Value::String(kind)) = members.swap_remove("type") else {
            return Err("type: expected a string");
        };
        match kind.as_str() {
            "connection_init" => payload(&mut members).map(|_| Self::Init),
            "ping" => payload(&mut members).map(Self::Ping),
            "pong" => payload(&mut members).map(|_| Self::Pong),
            "subscribe" => {
                let id = id(&mut members)?;
                match members.swap_remove("payload") {
                    Some(Value::Object(members)) => {
                        let request = match request::of_members(members) {
                            Ok(request) => Ok(Box::new(request)),
                            Err(NoRequest::Persisted) => Err(request::persisted()),
                            Err(NoRequest::Malformed(why)) => return Err(why),
                        };
                        Ok(Self::Subscribe { id, request, values })
                    }
                    _ => Err("payload: expected an object"),
                }
            }
            "complete" => id(&mut members).map(|id| Self::Complete { id }),
            _ => Err("type: not one that a client sends"),
        }
    }
}

/// The optional payload of a message: an object, null or nothing.
fn payload(members: &mut Members) -> Result<Option<Value>, &'static str> {
    match members.swap_remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(payload @ Value::Object(_)) => Ok(Some(payload)),
        Some(_) => Err("payload: expected an object"),
    }
}

fn id(members: &mut Members) -> Result<String, &'static str> {
    match members.swap_remove("id") {
        Some(Value::String(id)) if id.is_empty() => Err("id: it is empty"),
        Some(Value::String(id)) if id.len() > limits::SOCKET_ID => Err("id: it is too long"),
        Some(Value::String(id)) => Ok(id),
        _ => Err("id: expected a string"),
    }
}

/// The answer to a `ping`.
pub fn pong(payload: Option<Value>) -> String {
    match payload {
        Some(payload) => json!({"type": "pong", "payload": payload}).to_string(),
        None => json!({"type": "pong"}).to_string(),
    }
}

/// One result of an operation, already written as JSON.
pub fn next(id: &str, payload: &str) -> String {
    format!(r#"{{"id":{},"type":"next","payload":{payload}}}"#, serde_json::Value::from(id))
}

/// The message that an operation was refused, or broke off. It is the last one with this id.
pub fn error(id: &str, errors: &[ServerError]) -> String {
    json!({"id": id, "type": "error", "payload": errors}).to_string()
}

/// The message that an operation has ended.
pub fn complete(id: &str) -> String {
    json!({"id": id, "type": "complete"}).to_string()
}

/// An answer as JSON.
pub fn payload_of(answer: &Response) -> String {
    // This does not fail: values of GraphQL always serialise.
    serde_json::to_string(answer).unwrap_or_else(|_| r#"{"data":null}"#.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> &'static str {
        match ClientMessage::parse(text) {
            Ok(_) => panic!("{text}"),
            Err(why) => why,
        }
    }

    #[test]
    fn messages_of_the_protocol_are_read() {
        let read = |text: &str| ClientMessage::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert!(matches!(read(r#"{"type":"connection_init"}"#), ClientMessage::Init));
        for payload in [json!(null), json!({"a": 1})] {
            let text = json!({"type": "connection_init", "payload": payload}).to_string();
            assert!(matches!(read(&text), ClientMessage::Init));
        }
        assert!(matches!(read(r#"{"type":"ping"}"#), ClientMessage::Ping(None)));
        assert!(matches!(read(r#"{"type":"ping","payload":{}}"#), ClientMessage::Ping(Some(_))));
        assert!(matches!(read(r#"{"type":"pong"}"#), ClientMessage::Pong));
        assert!(matches!(read(r#"{"type":"complete","id":"1"}"#), ClientMessage::Complete { .. }));
        let subscribe = r#"{"id":"a","type":"subscribe","payload":{"query":"{a}","variables":null,
            "operationName":"A","extensions":{}}}"#;
        match read(subscribe) {
            ClientMessage::Subscribe { id, request, .. } => {
                let request = request.unwrap();
                assert_eq!((id.as_str(), request.query.as_str()), ("a", "{a}"));
                assert_eq!(request.operation_name.as_deref(), Some("A"));
            }
            _ => panic!(),
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in ["", "7", "[]", "{", r#"{"type":7}"#, r#"{"id":"1"}"#] {
            refused(text);
        }
        for kind in ["connection_ack", "next", "error", "start", "stop", "connection_terminate", ""] {
            let text = json!({"type": kind, "id": "1", "payload": {}}).to_string();
            assert_eq!(refused(&text), "type: not one that a client sends");
        }
        refused(&json!({"type": "subscribe", "id": "1", "payload": null}).to_string());
        for payload in [json!([]), json!("x"), json!(1)] {
            for kind in ["connection_init", "ping", "pong", "subscribe"] {
                refused(&json!({"type": kind, "id": "1", "payload": payload}).to_string());
            }
        }
        for payload in [
            json!({}),
            json!({"query": 1}),
            json!({"query": "{a}", "variables": []}),
            json!({"query": "{a}", "operationName": 1}),
            json!({"query": "{a}", "extensions": 1}),
        ] {
            refused(&json!({"type": "subscribe", "id": "1", "payload": payload}).to_string());
        }
        let long = "x".repeat(limits::SOCKET_ID + 1);
        for id in [json!(null), json!(1), json!(""), json!(long)] {
            refused(&json!({"type": "complete", "id": id}).to_string());
            refused(&json!({"type": "subscribe", "id": id, "payload": {"query": "{a}"}}).to_string());
        }
    }

    #[test]
    fn an_id_stays_the_clients_own() {
        let id = "a\"\u{2028}\\";
        for text in [next(id, r#"{"data":null}"#), error(id, &[]), complete(id)] {
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["id"], id, "{text}");
        }
    }
}
